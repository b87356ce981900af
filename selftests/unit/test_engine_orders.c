/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Revocation against every order in which datagrams can arrive, exhaustively; see test_engine.c for the rules that keep it safe.
 *
 *   a                                  b
 *   | ---- ASK -------------------> |      b always grants, with a new serial each time
 *   | <------------------- GRANT -- |
 *   | <---------------- WITHDRAW -- |      at any moment, up to twice
 *   | ---- ACKNOWLEDGE -----------> |
 *
 * At each step one of these happens: one of the datagrams on their way arrives, whichever; b withdraws; 21 ms pass, so that what is due is
 * sent again. Every sequence of `depth` such steps is run; then the rest arrives. After each step: a's grant, if it has one, is later
 * than every withdrawal that a was told of, which is what it acknowledges.
 */
#include "selftests/unit/engine_pair.h"

#define DEPTH_MOST 6
#define ON_THEIR_WAY 64

static struct {
	struct world_datagram *way[ON_THEIR_WAY];
	size_t count;
	unsigned withdrawals, waits;
	enum message_scope scope;
	uint16_t port;
	uint64_t grant, told; /* serials at a; 0: none */
	unsigned choices[DEPTH_MOST], options[DEPTH_MOST], depth, violations;
	uint64_t runs;
} model;

static bool model_send(struct world *w, const struct world_datagram *datagram)
{
	(void)w;
	if (model.count < ON_THEIR_WAY)
		model.way[model.count++] = world_datagram_new(datagram->from, datagram->to, &datagram->path,
			datagram->octets, datagram->length);
	return false;
}

static void model_decided(struct world_agent *agent, const struct flow *flow, uint64_t cookie,
	enum engine_outcome outcome, const struct message_decision *decision)
{
	(void)agent;
	(void)flow;
	(void)cookie;
	if (outcome == OUTCOME_GRANTED)
		model.grant = decision->serial;
}

static void model_noticed(struct world_agent *agent, const struct engine_host *peer,
	const struct message_notice *notice)
{
	(void)agent;
	(void)peer;
	if (notice->serial > model.told)
		model.told = notice->serial;
	if (model.grant <= notice->serial)
		model.grant = 0;
}

static void model_flush(struct world_agent *agent)
{
	struct engine_time now = world_time(&world);

	engine_flush(agent->engine, &now);
}

static void model_deliver(size_t which)
{
	struct world_datagram *datagram = model.way[which];

	memmove(&model.way[which], &model.way[which + 1], (--model.count - which) * sizeof(model.way[0]));
	world_deliver(&world.agents[datagram->to], datagram);
	model_flush(&world.agents[datagram->to]);
	free(datagram);
}

static void model_withdraw(void)
{
	struct message_notice notice = {
		.flow = world_flow(0, 1, model.port),
		.scope = (uint8_t)model.scope,
		.incarnation = 1,
		.serial = ++b->serial,
	};
	struct substrate address = world_node_address(0);
	struct engine_time now = world_time(&world);

	if (model.scope == SCOPE_NODE)
		memset(&notice.flow.source, 0, 4);
	model.withdrawals++;
	CU_ASSERT_EQUAL(engine_withdraw(b->engine, &now, &address, &notice, NULL), 0);
	model_flush(b);
}

static void model_wait(uint64_t for_ns)
{
	struct engine_time now;

	world.now_ns += for_ns;
	now = world_time(&world);
	engine_tick(a->engine, &now);
	engine_tick(b->engine, &now);
	model_flush(a);
	model_flush(b);
}

static void model_check(void)
{
	model.violations += model.grant && model.grant <= model.told;
}

/* What can happen: arrivals, then a withdrawal, then time. */
static unsigned model_options(void)
{
	return (unsigned)model.count + (model.withdrawals < 2) + (model.waits < 2);
}

static void model_step(unsigned choice)
{
	if (choice < model.count) {
		model_deliver(choice);
	} else if (choice == model.count && model.withdrawals < 2) {
		model_withdraw();
	} else {
		model.waits++;
		model_wait(21 * MS);
	}
}

static void model_run(void)
{
	unsigned ended = a->ended;

	model.withdrawals = model.waits = 0;
	model.grant = model.told = 0;
	model.port++;
	CU_ASSERT_EQUAL(world_ask(a, 1, model.port), 0);
	model_flush(a);
	for (unsigned step = 0; step < model.depth; step++) {
		model.options[step] = model_options();
		if (model.options[step])
			model_step(model.choices[step]);
		model_check();
	}
	/* The rest arrives, until all has ended. */
	for (int i = 0; i < 100 && (a->ended == ended || model.count || world_peer(b).notices); i++) {
		while (model.count) {
			model_deliver(0);
			model_check();
		}
		model_wait(21 * MS);
		model_check();
	}
	CU_ASSERT_EQUAL(a->ended, ended + 1);
	CU_ASSERT_EQUAL(world_peer(b).notices, 0);
	model.runs++;
}

/* The next sequence of choices; false after the last. */
static bool model_next(void)
{
	for (unsigned step = model.depth; step-- > 0;) {
		if (model.choices[step] + 1 < model.options[step]) {
			model.choices[step]++;
			memset(&model.choices[step + 1], 0, (model.depth - 1 - step) * sizeof(model.choices[0]));
			return true;
		}
	}
	return false;
}

static void revocations(enum message_scope scope, unsigned depth)
{
	open_two();
	world.keep = false;
	world.decided = model_decided;
	world.noticed = model_noticed;
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 1), OUTCOME_GRANTED);
	memset(&model, 0, sizeof(model));
	model.scope = scope;
	model.depth = depth;
	model.port = 1;
	world.passes = model_send;
	do
		model_run();
	while (model_next());
	CU_ASSERT_EQUAL(model.violations, 0);
	CU_ASSERT(model.runs > 1000);
	/* Not because nothing ever came too late. */
	CU_ASSERT(engine_counters(a->engine)->ignored_decisions > 100);
	CU_ASSERT(engine_counters(a->engine)->granted > model.runs / 2);
	printf("%llu orders ", (unsigned long long)model.runs);
	world_close(&world);
}

static void test_revocations(void)
{
	revocations(SCOPE_FLOW, DEPTH_MOST);
	revocations(SCOPE_PAIR, DEPTH_MOST - 1);
	revocations(SCOPE_NODE, DEPTH_MOST - 1);
}

static const struct unit_test tests[] = {
	{"no grant outlives a withdrawal that was acknowledged, in any order of arrival", test_revocations},
};

int main(void)
{
	return unit_run("engine, orders of arrival", tests, sizeof(tests) / sizeof(tests[0]));
}
