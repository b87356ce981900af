/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine's rules of notices, and of decisions that notices overtake; see test_engine.c.
 */
#include "selftests/unit/engine_pair.h"

static void tell_moved(struct world_agent *agent, unsigned to, uint64_t serial)
{
	struct message_moved moved = {
		.vni = WORLD_VNI,
		.address = world_node(agent->number),
		.serial = serial,
		.locator = world_locator(2),
		.slot = 1,
	};
	struct substrate address = world_node_address(to);
	struct engine_time now = world_time(&world);

	CU_ASSERT_EQUAL(engine_moved(agent->engine, &now, &address, &moved, NULL), 0);
	world_flush(agent);
}

static size_t held_count;
static struct world_datagram *held[8];

/* Holds back what b says. */
static bool hold_answers(struct world *w, const struct world_datagram *datagram)
{
	(void)w;
	if (datagram->from != 1 || datagram->octets[0] != DATAGRAM_DATA)
		return true;
	CU_ASSERT_FATAL(held_count < sizeof(held) / sizeof(held[0]));
	held[held_count++] =
		world_datagram_new(datagram->from, datagram->to, &datagram->path, datagram->octets, datagram->length);
	return false;
}

static void release(struct world_agent *to)
{
	CU_ASSERT(held_count > 0);
	for (size_t i = 0; i < held_count; i++) {
		world_deliver(to, held[i]);
		free(held[i]);
		world_flush(to);
	}
	held_count = 0;
}

/*
 * Of the flow asked or of another one of the pair; a scope of 0 stands for MOVED. A notice of any flow of the pair covers it.
 */
static void overtaken(unsigned scope, bool same_flow, bool exact)
{
	struct flow flow = world_flow(0, 1, same_flow ? 80 : 443);
	uint64_t serial;

	open_warm();
	world.passes = hold_answers;
	world.exact = exact;
	CU_ASSERT_EQUAL(world_ask(a, 1, 80), 0);
	world_flush(a);
	world_run(&world, MS);
	world.passes = NULL;
	serial = ++b->serial;
	if (scope)
		tell(b, 0, (enum message_scope)scope, &flow, serial);
	else
		tell_moved(b, 0, serial);
	world_run(&world, MS);
	CU_ASSERT_EQUAL(a->withdrawn + a->moved, 1);
	CU_ASSERT_EQUAL(a->ended, 1);
	release(a);
	/* Too old: asked again at once, and the new answer counts. */
	CU_ASSERT_EQUAL(a->ended, 1);
	CU_ASSERT_EQUAL(engine_counters(a->engine)->ignored_decisions, 1);
	world_run(&world, MS);
	CU_ASSERT(a->decision.serial > serial);
	CU_ASSERT_EQUAL(a->ended, 2);
	CU_ASSERT_EQUAL(a->outcome, OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(b->acknowledged, 1);
	world_close(&world);
}

static void test_overtaken(void)
{
	overtaken(SCOPE_FLOW, true, false);
	overtaken(SCOPE_FLOW, false, false);
	overtaken(SCOPE_FLOW, true, true);
	overtaken(SCOPE_FLOW, false, true);
	overtaken(SCOPE_PAIR, false, true);
	overtaken(SCOPE_NODE, false, true);
	overtaken(0, false, true);
}

/* However many answers are too old, it is asked again once. */
static void test_old_answers(void)
{
	struct flow flow = world_flow(0, 1, 80);

	open_warm();
	world.passes = hold_answers;
	CU_ASSERT_EQUAL(world_ask(a, 1, 80), 0);
	world_flush(a);
	world_run(&world, 65 * MS);
	world.passes = NULL;
	CU_ASSERT_EQUAL(held_count, ENGINE_TRIES);
	tell(b, 0, SCOPE_PAIR, &flow, ++b->serial);
	world_run(&world, MS);
	release(a);
	world_run(&world, 10 * MS);
	CU_ASSERT_EQUAL(b->decisions, 1 + ENGINE_TRIES + 1);
	CU_ASSERT_EQUAL(engine_counters(a->engine)->ignored_decisions, ENGINE_TRIES);
	CU_ASSERT_EQUAL(a->ended, 2);
	CU_ASSERT_EQUAL(a->outcome, OUTCOME_GRANTED);
	world_close(&world);
}

static int always_serial_one(struct world_agent *agent, const struct engine_request *request, bool *granted,
	struct message_decision *out)
{
	(void)agent;
	(void)request;
	*granted = true;
	*out = (struct message_decision){.lifetime_ms = 1, .serial = 1, .otherwise = MESSAGE_ALLOW};
	return 0;
}

/* A peer that never decides anew does not hold us for ever. */
static void test_endless_old_answers(void)
{
	struct flow flow = world_flow(0, 1, 80);

	open_warm();
	world.decide = always_serial_one;
	CU_ASSERT_EQUAL(world_ask(a, 1, 80), 0);
	tell(b, 0, SCOPE_PAIR, &flow, 100);
	world_flush(a);
	world_run(&world, 600 * MS);
	CU_ASSERT_EQUAL(a->ended, 2);
	CU_ASSERT_EQUAL(a->outcome, OUTCOME_SILENT);
	CU_ASSERT(b->decisions <= 2 + ENGINE_TRIES);
	world_close(&world);
}

static void test_unasked_decision(void)
{
	open_warm();
	world.duplicate_percent = 100;
	world.jitter_ns = MS;
	for (uint16_t port = 10; port < 30; port++)
		CU_ASSERT_EQUAL(world_negotiate(a, 1, port), OUTCOME_GRANTED);
	world_run(&world, 10 * MS);
	CU_ASSERT_EQUAL(a->ended, 21);
	CU_ASSERT_EQUAL(engine_counters(a->engine)->ignored_decisions, 0);
	CU_ASSERT(engine_counters(a->engine)->replayed >= 20);
	/* Asked twice under new counters, answered twice: the second answer is nobody's. */
	world.duplicate_percent = 0;
	world.jitter_ns = 0;
	world.delay_ns = 15 * MS;
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 40), OUTCOME_GRANTED);
	world_run(&world, 100 * MS);
	CU_ASSERT_EQUAL(engine_counters(a->engine)->ignored_decisions, 1);
	world_close(&world);
}

static void test_withdraw_repeats(void)
{
	static const uint64_t delays_ms[] = {0, 20, 60, 140, 300, 620, 1260, 2540, 5100, 10100, 15100};
	struct flow flow = world_flow(0, 1, 80);
	uint64_t start_ns;
	size_t data = 0;

	open_warm();
	world.passes = nothing_passes;
	start_ns = world.now_ns;
	tell(b, 0, SCOPE_FLOW, &flow, 50);
	world_run(&world, 15101 * MS);
	for (size_t i = 0; i < world.kept_count; i++) {
		if (world.kept[i]->octets[0] != DATAGRAM_DATA)
			continue;
		CU_ASSERT_FATAL(data < sizeof(delays_ms) / sizeof(delays_ms[0]));
		CU_ASSERT_EQUAL(world.kept[i]->sent_ns - start_ns, delays_ms[data] * MS);
		data++;
	}
	CU_ASSERT_EQUAL(data, 11);
	CU_ASSERT_EQUAL(world_peer(b).notices, 1);
	/* Acknowledged, it ends. */
	world.passes = NULL;
	world_run(&world, 5 * NSEC_PER_SEC);
	CU_ASSERT_EQUAL(a->withdrawn, 1);
	CU_ASSERT_EQUAL(a->notice.serial, 50);
	CU_ASSERT_EQUAL(b->acknowledged, 1);
	CU_ASSERT_EQUAL(world_peer(b).notices, 0);
	world_close(&world);
}

static void test_withdraw_gives_up(void)
{
	struct flow flow = world_flow(0, 1, 80);

	open_warm();
	world.passes = nothing_passes;
	tell(b, 0, SCOPE_FLOW, &flow, 50);
	world_run(&world, 60 * NSEC_PER_SEC - MS);
	CU_ASSERT_EQUAL(b->given_up, 0);
	world_run(&world, MS);
	CU_ASSERT_EQUAL(b->given_up, 1);
	CU_ASSERT_EQUAL(world_peer(b).notices, 0);
	world_close(&world);
}

static void test_notice_shakes_hands(void)
{
	struct flow flow = world_flow(0, 1, 80);

	open_two();
	tell(b, 0, SCOPE_FLOW, &flow, 50);
	tell_moved(b, 0, 51);
	world_run(&world, 5 * MS);
	CU_ASSERT_EQUAL(a->withdrawn, 1);
	CU_ASSERT_EQUAL(a->moved, 1);
	CU_ASSERT_EQUAL(b->acknowledged, 2);
	/* Under keys that the peer has lost it begins a handshake, too. */
	world_restart(a);
	tell(b, 0, SCOPE_FLOW, &flow, 52);
	world_run(&world, 30 * MS);
	CU_ASSERT_EQUAL(a->withdrawn, 2);
	CU_ASSERT_EQUAL(b->acknowledged, 3);
	world_close(&world);
}

static int tell_stale(void)
{
	struct message_notice notice = {.flow = world_flow(0, 1, 80), .scope = SCOPE_FLOW, .serial = 9};
	struct substrate address = world_node_address(0);
	struct engine_time now = world_time(&world);

	return engine_stale(b->engine, &now, &address, &notice);
}

static void test_stale(void)
{
	unsigned told = 0;

	open_two();
	CU_ASSERT_EQUAL(tell_stale(), -ENOTCONN);
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 1), OUTCOME_GRANTED);
	while (told < 1000 && tell_stale() == 0)
		told++;
	CU_ASSERT_EQUAL(told, 100);
	CU_ASSERT_EQUAL(tell_stale(), -EBUSY);
	CU_ASSERT_EQUAL(engine_counters(b->engine)->stale_limited, 2);
	world_flush(b);
	world_run(&world, 500 * MS);
	CU_ASSERT_EQUAL(a->stale, 100);
	while (told < 1000 && tell_stale() == 0)
		told++;
	CU_ASSERT_EQUAL(told, 150);
	world_close(&world);
}

/* Who was told nothing for want of keys is greeted, once a second, and told of the next. */
static void test_stale_greets(void)
{
	open_two();
	world.passes = nothing_passes;
	for (unsigned i = 0; i < 10; i++) {
		CU_ASSERT_EQUAL(tell_stale(), -ENOTCONN);
		world_flush(b);
		world_run(&world, 50 * MS);
	}
	CU_ASSERT_EQUAL(engine_counters(b->engine)->sent, ENGINE_TRIES);
	world.passes = NULL;
	world_run(&world, 500 * MS);
	CU_ASSERT_EQUAL(tell_stale(), -ENOTCONN);
	world_flush(b);
	world_run(&world, 10 * MS);
	CU_ASSERT_EQUAL(engine_counters(b->engine)->welcomes, 1);
	CU_ASSERT_EQUAL(tell_stale(), 0);
	world_flush(b);
	world_run(&world, 10 * MS);
	CU_ASSERT_EQUAL(a->stale, 1);
	world_close(&world);
}

static void short_notices(struct engine_config *config)
{
	config->notice_lifetime_ns = NSEC_PER_SEC;
}

/* Grants are longer from now on: notices go on for as long, and never for less again. */
static void test_notice_lifetime(void)
{
	struct flow flow = world_flow(0, 1, 80);

	world_open(&world, 3, 0x1234567, short_notices);
	a = &world.agents[0];
	b = &world.agents[1];
	world.passes = nothing_passes;
	tell(b, 0, SCOPE_FLOW, &flow, 52);
	engine_notice_lifetime(b->engine, 30 * NSEC_PER_SEC);
	engine_notice_lifetime(b->engine, NSEC_PER_SEC);
	world_run(&world, 20 * NSEC_PER_SEC);
	CU_ASSERT_EQUAL(b->given_up, 0);
	world.passes = NULL;
	world_run(&world, 6 * NSEC_PER_SEC);
	CU_ASSERT_EQUAL(a->withdrawn, 1);
	CU_ASSERT_EQUAL(b->acknowledged, 1);
	world_close(&world);
}

static const struct unit_test tests[] = {
	{"a decision older than a notice that covers the flow is asked again", test_overtaken},
	{"many answers that are too old lead to one more question", test_old_answers},
	{"answers that are always too old end in silence", test_endless_old_answers},
	{"a decision that nobody asked for is ignored", test_unasked_decision},
	{"WITHDRAW is repeated until acknowledged", test_withdraw_repeats},
	{"WITHDRAW is given up after its lifetime", test_withdraw_gives_up},
	{"notices shake hands when they must", test_notice_shakes_hands},
	{"STALE goes under live keys, within its rate", test_stale},
	{"without keys the peer is greeted for the next STALE", test_stale_greets},
	{"notices are told for as long as grants may last, also from a reload on", test_notice_lifetime},
};

int main(void)
{
	return unit_run("engine, notices", tests, sizeof(tests) / sizeof(tests[0]));
}
