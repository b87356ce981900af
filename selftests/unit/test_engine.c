/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of proto/engine.h, one by one, between two agents on a network that does as the test says: here questions and peers.
 * Keys are test_engine_keys.c's, notices test_engine_notices.c's, passports test_engine_claims.c's; attacks are test_engine_attack.c's and
 * test_engine_orders.c's, numbers test_engine_crowd.c's.
 */
#include "proto/timer.h"
#include "selftests/unit/engine_pair.h"

/* ---- questions */

static void test_first_question(void)
{
	struct substrate node;

	open_two();
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 80), OUTCOME_GRANTED);
	node = world_node_address(1);
	/* HELLO, WELCOME, ASK, GRANT: to the destination node's address, and back from it. */
	CU_ASSERT_EQUAL_FATAL(world.kept_count, 4);
	CU_ASSERT_EQUAL(memcmp(&world.kept[0]->path.local, &node, sizeof(node)), 0);
	CU_ASSERT_EQUAL(memcmp(&world.kept[3]->path.remote, &node, sizeof(node)), 0);
	CU_ASSERT_EQUAL(b->request.peer != NULL, true);
	CU_ASSERT_EQUAL(b->request_passport.node, 50000);
	CU_ASSERT_EQUAL(b->request.flow.port, 80);
	CU_ASSERT_EQUAL(a->decision.otherwise, MESSAGE_ALLOW);
	CU_ASSERT_EQUAL(engine_counters(a->engine)->granted, 1);
	world_close(&world);
}

static void test_direct(void)
{
	struct node_passport passport;
	struct engine_time now;
	uint8_t octets[NODE_PASSPORT_LEN_MAX];
	struct message_ask ask = {.source_says = SOURCE_ALLOWS_BY_DEFAULT, .passport = octets};
	struct substrate node = world_node_address(1), host;

	open_two();
	passport = world_node_passport(a);
	ask.flow = world_flow(0, 1, 80);
	ask.passport_length = (size_t)node_passport_sign(&passport, world.authority.secret, octets);
	now = world_time(&world);
	host = substrate_of_host(&b->config.self.locator);
	CU_ASSERT_EQUAL(engine_ask(a->engine, &now, &node, true, &ask, 1), 0);
	world_flush(a);
	CU_ASSERT_EQUAL(memcmp(&world.kept[0]->path.local, &host, sizeof(host)), 0);
	world_close(&world);
}

static void test_refusals(void)
{
	struct substrate nowhere = world_node_address(77), own = world_node_address(0), node = world_node_address(1);
	struct flow flow = world_flow(0, 1, 5);
	uint8_t octets[1] = {0};

	open_two();
	CU_ASSERT_EQUAL(world_ask(a, 1, 80), 0);
	CU_ASSERT_EQUAL(world_ask(a, 1, 80), -EALREADY);
	CU_ASSERT_EQUAL(world_ask_with(a, &nowhere, &flow, octets, 1, 0), -ENOENT);
	CU_ASSERT_EQUAL(world_ask_with(a, &own, &flow, octets, 1, 0), -ENOENT);
	CU_ASSERT_EQUAL(world_ask_with(a, &node, &flow, octets, 0, 0), -EINVAL);
	world_run(&world, 200 * MS);
	world_close(&world);
}

static void test_budget(void)
{
	int result = 0;
	unsigned asked = 0;

	open_warm();
	world.passes = nothing_passes;
	for (; asked < 5000; asked++) {
		result = world_ask(a, 1, (uint16_t)(100 + asked));
		if (result)
			break;
	}
	CU_ASSERT_EQUAL(result, -ENOBUFS);
	CU_ASSERT_EQUAL(asked, 256 + ENGINE_WAITING);
	CU_ASSERT_EQUAL(world_peer(a).in_flight, 256);
	CU_ASSERT_EQUAL(world_peer(a).waiting, ENGINE_WAITING);
	/* Who waits follows when others have ended; each ends once. */
	world.passes = NULL;
	world_flush(a);
	world_run(&world, 1000 * MS);
	CU_ASSERT_EQUAL(a->ended, 1 + asked);
	CU_ASSERT_EQUAL(engine_counters(a->engine)->silent, 0);
	world_close(&world);
}

static void test_retries(void)
{
	static const uint64_t delays_ms[] = {0, 20, 60};
	uint64_t start_ns;
	size_t data = 0;

	open_warm();
	start_ns = world.now_ns;
	world.passes = nothing_passes;
	CU_ASSERT_EQUAL(world_ask(a, 1, 80), 0);
	world_flush(a);
	world_run(&world, 139 * MS);
	CU_ASSERT_EQUAL(a->ended, 1);
	world_run(&world, 1 * MS);
	CU_ASSERT_EQUAL(a->ended, 2);
	CU_ASSERT_EQUAL(a->outcome, OUTCOME_SILENT);
	for (size_t i = 0; i < world.kept_count; i++) {
		if (world.kept[i]->octets[0] != DATAGRAM_DATA)
			continue;
		CU_ASSERT_FATAL(data < 3);
		CU_ASSERT_EQUAL(world.kept[i]->sent_ns - start_ns, delays_ms[data] * MS);
		data++;
	}
	CU_ASSERT_EQUAL(data, ENGINE_TRIES);
	world_close(&world);
}

static void test_dead_host(void)
{
	open_two();
	world.passes = nothing_passes;
	CU_ASSERT_EQUAL(world_ask(a, 1, 80), 0);
	world_flush(a);
	world_run(&world, 139 * MS);
	CU_ASSERT_EQUAL(a->ended, 0);
	world_run(&world, 1 * MS);
	CU_ASSERT_EQUAL(a->outcome, OUTCOME_SILENT);
	CU_ASSERT_EQUAL(a->ended, 1);
	CU_ASSERT_EQUAL(world_count(&world, 0, DATAGRAM_HELLO), ENGINE_TRIES);
	world_close(&world);
}

/* One that is asked while a handshake is failing gets one of its own. */
static void test_dead_host_later(void)
{
	open_two();
	world.passes = nothing_passes;
	CU_ASSERT_EQUAL(world_ask(a, 1, 80), 0);
	world_flush(a);
	world_run(&world, 100 * MS);
	CU_ASSERT_EQUAL(world_ask(a, 1, 81), 0);
	world_flush(a);
	world_run(&world, 50 * MS);
	CU_ASSERT_EQUAL(a->ended, 1);
	world.passes = NULL;
	world_run(&world, 50 * MS);
	CU_ASSERT_EQUAL(a->ended, 2);
	CU_ASSERT_EQUAL(a->outcome, OUTCOME_GRANTED);
	world_close(&world);
}

static int not_ready(struct world_agent *agent, const struct engine_request *request, bool *granted,
	struct message_decision *out)
{
	(void)agent;
	(void)request;
	(void)granted;
	(void)out;
	return -EAGAIN;
}

static void test_not_ready(void)
{
	open_warm();
	world.decide = not_ready;
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 80), OUTCOME_SILENT);
	CU_ASSERT_EQUAL(b->decisions, 1 + ENGINE_TRIES);
	world_close(&world);
}

static void test_no_host_any_more(void)
{
	open_two();
	CU_ASSERT_EQUAL(world_ask(a, 1, 80), 0);
	b->listed = false;
	world_flush(a);
	CU_ASSERT_EQUAL(a->ended, 1);
	CU_ASSERT_EQUAL(a->outcome, OUTCOME_NO_HOST);
	world_close(&world);
}

/* So many datagrams come to an agent in one round of its loop. */
static void one_round(struct world_agent *agent, unsigned count)
{
	struct world_event event;

	while (count) {
		CU_ASSERT_FATAL(world.event_count > 0);
		event = event_take(&world);
		if (!event.datagram)
			continue;
		CU_ASSERT_EQUAL(event.to, agent->number);
		world_deliver(agent, event.datagram);
		free(event.datagram);
		count--;
	}
	world_flush(agent);
}

static void test_gathering(void)
{
	open_warm();
	for (uint16_t port = 10; port < 20; port++)
		CU_ASSERT_EQUAL(world_ask(a, 1, port), 0);
	world_flush(a);
	/* Two questions a datagram; all that come in one round are answered together. */
	one_round(b, 5);
	check_lengths(5, 1);
	one_round(a, 1);
	CU_ASSERT_EQUAL(a->ended, 11);
	world_close(&world);
}

/* Two long questions and a short one, in one round: the short one's answer must not ride with the others'. */
static void test_short_question(void)
{
	struct substrate address = world_node_address(1);
	struct flow flow = world_flow(0, 1, 12);
	struct engine_time now;

	open_warm();
	now = world_time(&world);
	CU_ASSERT_EQUAL(world_ask(a, 1, 10), 0);
	CU_ASSERT_EQUAL(world_ask(a, 1, 11), 0);
	world_flush(a);
	CU_ASSERT_EQUAL(engine_renew(a->engine, &now, &address, false, &flow, 12), 0);
	world_flush(a);
	one_round(b, 2);
	check_lengths(2, 2);
	one_round(a, 2);
	CU_ASSERT_EQUAL(a->ended, 4);
	world_close(&world);
}

static void test_long_answers(void)
{
	open_warm();
	world.decide = segments;
	for (uint16_t port = 10; port < 13; port++) {
		CU_ASSERT_EQUAL(world_ask(a, 1, port), 0);
	}
	world_flush(a);
	world_run(&world, 10 * MS);
	/* Two in one datagram and one alone; of the longest answers two fit in what asked for two. */
	check_lengths(2, 2);
	CU_ASSERT_EQUAL(a->ended, 4);
	CU_ASSERT_EQUAL(a->outcome, OUTCOME_REFUSED);
	CU_ASSERT_EQUAL(a->decision.segment_count, MESSAGE_SEGMENTS_MAX);
	world_close(&world);
}

/* ---- peers */

static void test_idle(void)
{
	open_warm();
	world_run(&world, 599 * NSEC_PER_SEC);
	CU_ASSERT_EQUAL(world_peer(a).host.host, 1001);
	world_run(&world, 2 * NSEC_PER_SEC);
	CU_ASSERT_EQUAL(world_peer(a).host.host, 0);
	CU_ASSERT_EQUAL(world_peer(b).host.host, 0);
	CU_ASSERT_EQUAL(engine_due(a->engine), UINT64_MAX);
	/* A question that nobody answers does not keep it. */
	world.passes = nothing_passes;
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 80), OUTCOME_SILENT);
	world_run(&world, 600 * NSEC_PER_SEC);
	CU_ASSERT_EQUAL(world_peer(a).host.host, 0);
	world_close(&world);
}

static void short_idle(struct engine_config *config)
{
	config->idle_ns = 50 * MS;
}

/* What is asked or told keeps the peer until it has ended. */
static void test_busy(void)
{
	struct flow flow = world_flow(1, 0, 80);

	world_open(&world, 2, 0x55, short_idle);
	a = &world.agents[0];
	world.passes = nothing_passes;
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 80), OUTCOME_SILENT);
	tell(a, 1, SCOPE_FLOW, &flow, 1);
	world_run(&world, 59 * NSEC_PER_SEC);
	CU_ASSERT_EQUAL(world_peer(a).notices, 1);
	world_run(&world, 2 * NSEC_PER_SEC);
	CU_ASSERT_EQUAL(world_peer(a).host.host, 0);
	world_close(&world);
}

static void test_forget(void)
{
	struct locator locator = world_locator(1);
	struct engine_time now;

	open_warm();
	now = world_time(&world);
	CU_ASSERT_EQUAL(world_ask(a, 1, 80), 0);
	tell(a, 1, SCOPE_PAIR, &(struct flow){.vni = 7, .source = {{1}}, .destination = {{2}}}, 1);
	engine_forget(a->engine, &now, &locator);
	CU_ASSERT_EQUAL(a->outcome, OUTCOME_BUSY);
	CU_ASSERT_EQUAL(a->ended, 2);
	CU_ASSERT_EQUAL(a->given_up, 1);
	CU_ASSERT_EQUAL(a->indexes, 0);
	CU_ASSERT_EQUAL(world_ask(a, 1, 80), 0);
	CU_ASSERT_EQUAL(world_ask(a, 2, 80), 0);
	engine_forget(a->engine, &now, NULL);
	CU_ASSERT_EQUAL(a->ended, 4);
	CU_ASSERT_EQUAL(world_peer(a).host.host, 0);
	world_run(&world, 10 * MS);
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 81), OUTCOME_GRANTED);
	world_close(&world);
}

static void ask_again(struct world_agent *agent, const struct flow *flow, uint64_t cookie, enum engine_outcome outcome,
	const struct message_decision *decision)
{
	(void)flow;
	(void)outcome;
	(void)decision;
	if (cookie < 20)
		CU_ASSERT_EQUAL(world_ask(agent, 1, (uint16_t)(cookie + 1)), 0);
}

/* A question's end may ask the next, whatever ended it. */
static void test_asking_from_callbacks(void)
{
	struct engine_time now;

	open_warm();
	world.decided = ask_again;
	now = world_time(&world);
	CU_ASSERT_EQUAL(world_ask(a, 1, 10), 0);
	engine_forget(a->engine, &now, NULL);
	CU_ASSERT_EQUAL(a->cookie, 10);
	world_flush(a);
	world_run(&world, 20 * MS);
	CU_ASSERT_EQUAL(a->cookie, 20);
	CU_ASSERT_EQUAL(a->ended, 12);
	world_close(&world);
}

static void test_view(void)
{
	struct engine_peer peer;

	open_warm();
	world.delay_ns = 2 * MS;
	for (uint16_t port = 10; port < 60; port++)
		CU_ASSERT_EQUAL(world_negotiate(a, 1, port), OUTCOME_GRANTED);
	peer = world_peer(a);
	CU_ASSERT(peer.live);
	CU_ASSERT(peer.rtt_ns > 3 * MS && peer.rtt_ns <= 4 * MS);
	CU_ASSERT_EQUAL(peer.asked, 51);
	CU_ASSERT_EQUAL(peer.answered, 51);
	CU_ASSERT_EQUAL(world_peer(b).decided, 51);
	CU_ASSERT_EQUAL(peer.in_flight + peer.waiting + peer.notices, 0);
	world_close(&world);
}

/* ---- what it stands on */

static void test_timers(void)
{
	enum { COUNT = 2000 };
	static struct timer many[COUNT];
	struct timers timers = {0};
	uint64_t random = 5, last_ns = 0;
	size_t set = 0;

	for (size_t i = 0; i < 5 * COUNT; i++) {
		struct timer *timer = &many[unit_random(&random) % COUNT];

		if (unit_random(&random) % 4)
			timer_set(&timers, timer, unit_random(&random) % 1000);
		else
			timer_stop(&timers, timer);
	}
	for (size_t i = 0; i < COUNT; i++)
		set += many[i].link != NULL;
	CU_ASSERT(set > COUNT / 2);
	while (timers.root) {
		CU_ASSERT(timers.root->at_ns >= last_ns);
		last_ns = timers.root->at_ns;
		timer_stop(&timers, timers.root);
		set--;
	}
	CU_ASSERT_EQUAL(set, 0);
}

static const struct unit_test tests[] = {
	{"a first question shakes hands and is answered from where it was asked", test_first_question},
	{"a direct question goes to the host's own address", test_direct},
	{"what cannot be asked is refused at once", test_refusals},
	{"in flight and waiting are bounded, and all who wait have their turn", test_budget},
	{"tries are at 0, 20 and 60 ms, silence is at 140", test_retries},
	{"without keys, handshakes are tried as often, and silence is at 140", test_dead_host},
	{"a question amid a failing handshake gets one of its own", test_dead_host_later},
	{"who is not ready says nothing", test_not_ready},
	{"a host that has left the directory is no host", test_no_host_any_more},
	{"questions and answers share datagrams, answers no longer than questions", test_gathering},
	{"the answer to a short question does not ride with those to long ones", test_short_question},
	{"the longest answers are no longer than their questions", test_long_answers},
	{"unused peers are forgotten", test_idle},
	{"busy peers are not", test_busy},
	{"forgetting ends what is asked and told", test_forget},
	{"callbacks may ask", test_asking_from_callbacks},
	{"a peer can be looked at", test_view},
	{"timers come in order, whatever was set, moved and stopped", test_timers},
};

int main(void)
{
	return unit_run("engine", tests, sizeof(tests) / sizeof(tests[0]));
}
