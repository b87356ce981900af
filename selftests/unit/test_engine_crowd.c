/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ten thousand agents in one process, each with a peer of its choice, over a network that loses, delays, reorders and duplicates:
 * every question ends once, with what the deciding side's policy says; silence is rare, and never without a loss.
 */
#include <malloc.h>

#include "selftests/unit/engine_world.h"

#define AGENTS 10000
#define QUESTIONS 4 /* of each agent */
#define LOSS_PERCENT 5
#define DURATION_NS (2 * NSEC_PER_SEC)

struct asked {
	uint64_t at_ns;
	bool ended;
};

static struct world world;
static unsigned partners[AGENTS];
static uint64_t lost_ns[AGENTS]; /* when a datagram from or to the agent was lost last */
static struct asked asked[AGENTS][QUESTIONS];
static unsigned granted, refused, silent, twice, wrong, without_loss;

/* The policy of whoever is asked: any function of the flow. */
static bool policy(const struct flow *flow)
{
	return (flow->source.octet[3] * 7 + flow->destination.octet[2] * 3 + flow->port) % 3 != 0;
}

static int crowd_decide(struct world_agent *agent, const struct engine_request *request, bool *grant,
	struct message_decision *out)
{
	*grant = policy(&request->flow);
	*out = (struct message_decision){
		.lifetime_ms = 30000,
		.incarnation = agent->number + 1,
		.serial = ++agent->serial,
		.exact = true,
		.otherwise = MESSAGE_UNSAID,
		.policy = request->flow.port,
	};
	return 0;
}

static void crowd_decided(struct world_agent *agent, const struct flow *flow, uint64_t cookie,
	enum engine_outcome outcome, const struct message_decision *decision)
{
	struct asked *question = &asked[agent->number][cookie];

	twice += question->ended;
	question->ended = true;
	switch (outcome) {
	case OUTCOME_GRANTED:
	case OUTCOME_REFUSED:
		granted += outcome == OUTCOME_GRANTED;
		refused += outcome == OUTCOME_REFUSED;
		wrong += policy(flow) != (outcome == OUTCOME_GRANTED);
		wrong += decision->policy != flow->port || decision->incarnation != partners[agent->number] + 1;
		break;
	case OUTCOME_SILENT:
		silent++;
		without_loss += lost_ns[agent->number] < question->at_ns;
		break;
	default:
		wrong++;
		break;
	}
}

static bool crowd_passes(struct world *w, const struct world_datagram *datagram)
{
	if (!world_chance(w, LOSS_PERCENT))
		return true;
	lost_ns[datagram->from] = lost_ns[datagram->to] = w->now_ns;
	return false;
}

static void small_engine(struct engine_config *config)
{
	config->notice_lifetime_ns = 30 * NSEC_PER_SEC;
}

static void open_crowd(void)
{
	world_open(&world, AGENTS, world_seed(), small_engine);
	world.decide = crowd_decide;
	world.decided = crowd_decided;
	world.passes = crowd_passes;
	world.duplicate_percent = 3;
	world.jitter_ns = 9 * MS;
	for (unsigned i = 0; i < AGENTS; i++) {
		do
			partners[i] = (unsigned)(unit_random(&world.random) % AGENTS);
		while (partners[i] == i);
	}
}

/* The agent's nth question; its passport is signed once, as agents do. */
static void ask(unsigned number, unsigned nth)
{
	static uint8_t passports[AGENTS][NODE_PASSPORT_LEN_MAX];
	static int lengths[AGENTS];
	struct world_agent *agent = &world.agents[number];
	struct node_passport passport = world_node_passport(agent);
	struct substrate address = world_node_address(partners[number]);
	struct flow flow = world_flow(number, partners[number], (uint16_t)(number + nth));

	if (!lengths[number])
		lengths[number] = node_passport_sign(&passport, world.authority.secret, passports[number]);
	asked[number][nth].at_ns = world.now_ns;
	CU_ASSERT_EQUAL(world_ask_with(agent, &address, &flow, passports[number], (size_t)lengths[number], nth), 0);
}

static unsigned count_ended(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < AGENTS; i++)
		for (unsigned nth = 0; nth < QUESTIONS; nth++)
			count += asked[i][nth].ended;
	return count;
}

static void questions(void)
{
	const unsigned all = AGENTS * QUESTIONS;

	/* In rounds: now one question, now several together, in no order of agents. */
	for (unsigned i = 0; i < all; i++) {
		unsigned at = (unsigned)(i * 7919ull % all), number = at % AGENTS;

		ask(number, at / AGENTS);
		if (unit_random(&world.random) % 4)
			world_flush(&world.agents[number]);
		world_run_until(&world, WORLD_START_NS + DURATION_NS / all * i);
	}
	for (unsigned i = 0; i < AGENTS; i++)
		world_flush(&world.agents[i]);
	world_run(&world, NSEC_PER_SEC);
	printf("%u granted, %u refused, %u silent ", granted, refused, silent);
	CU_ASSERT_EQUAL(count_ended(), all);
	CU_ASSERT_EQUAL(granted + refused + silent, all);
	CU_ASSERT_EQUAL(twice, 0);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(without_loss, 0);
	CU_ASSERT(silent < all / 100);
	CU_ASSERT(refused > all / 5 && granted > all / 5);
}

/* Everybody whom something was granted is told that it is no more, and says so. */
static void withdrawals(void)
{
	unsigned told = 0, acknowledged = 0, heard = 0;

	for (unsigned i = 0; i < AGENTS; i++) {
		struct world_agent *agent = &world.agents[partners[i]];
		struct message_notice notice = {
			.flow = world_flow(i, partners[i], 0),
			.scope = SCOPE_PAIR,
			.incarnation = 1,
			.serial = ++agent->serial,
		};
		struct substrate address = world_node_address(i);
		struct engine_time now = world_time(&world);

		CU_ASSERT_EQUAL(engine_withdraw(agent->engine, &now, &address, &notice, NULL), 0);
		world_flush(agent);
		told++;
		world_run(&world, MS / 10);
	}
	world_run(&world, 29 * NSEC_PER_SEC);
	for (unsigned i = 0; i < AGENTS; i++) {
		acknowledged += world.agents[i].acknowledged;
		heard += world.agents[i].withdrawn;
		CU_ASSERT_EQUAL(world.agents[i].given_up, 0);
	}
	CU_ASSERT_EQUAL(acknowledged, told);
	CU_ASSERT(heard >= told);
}

static void test_crowd(void)
{
	size_t before = mallinfo2().uordblks, open;

	open_crowd();
	questions();
	open = mallinfo2().uordblks;
	printf("%zu octets an agent ", (open - before) / AGENTS);
	withdrawals();
	/* Keys have an end, and so has every peer. */
	world.passes = NULL;
	world_run(&world, 700 * NSEC_PER_SEC);
	for (unsigned i = 0; i < AGENTS; i++) {
		CU_ASSERT_EQUAL(world.agents[i].indexes, 0);
		CU_ASSERT_EQUAL(world_peer(&world.agents[i]).host.host, 0);
	}
	world_close(&world);
	CU_ASSERT(mallinfo2().uordblks <= before + 65536);
}

static const struct unit_test tests[] = {
	{"ten thousand agents agree", test_crowd},
};

int main(void)
{
	return unit_run("engine, a crowd", tests, sizeof(tests) / sizeof(tests[0]));
}
