/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine's rules of keys and handshakes, and of hosts that change; see test_engine.c.
 */
#include "selftests/unit/engine_pair.h"

static bool no_welcome(struct world *w, const struct world_datagram *datagram)
{
	(void)w;
	return datagram->octets[0] != DATAGRAM_WELCOME;
}

static void test_lost_welcome(void)
{
	open_two();
	world.passes = no_welcome;
	CU_ASSERT_EQUAL(world_ask(a, 1, 80), 0);
	world_flush(a);
	world_run(&world, 10 * MS);
	world.passes = NULL;
	world_run(&world, 20 * MS);
	CU_ASSERT_EQUAL(a->outcome, OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(world_count(&world, 0, DATAGRAM_HELLO), 2);
	world_close(&world);
}

static void test_unproven_keys(void)
{
	open_two();
	world.passes = no_welcome;
	CU_ASSERT_EQUAL(world_ask(a, 1, 80), 0);
	world_flush(a);
	world_run(&world, 200 * MS);
	CU_ASSERT_EQUAL(a->outcome, OUTCOME_SILENT);
	/* b has made keys, but has heard nothing under them: it does not use them. */
	CU_ASSERT_FALSE(world_peer(b).live);
	world.passes = NULL;
	world_forget_kept(&world);
	CU_ASSERT_EQUAL(world_negotiate(b, 0, 81), OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(world.kept[0]->octets[0], DATAGRAM_HELLO);
	world_close(&world);
}

static void test_simultaneous(void)
{
	open_two();
	CU_ASSERT_EQUAL(world_ask(a, 1, 80), 0);
	CU_ASSERT_EQUAL(world_ask(b, 0, 81), 0);
	world_flush(a);
	world_flush(b);
	world_run(&world, 5 * MS);
	CU_ASSERT_EQUAL(a->outcome, OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(b->outcome, OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(a->ended + b->ended, 2);
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 82), OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(world_negotiate(b, 0, 83), OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(engine_counters(a->engine)->retried + engine_counters(b->engine)->retried, 0);
	world_close(&world);
}

static void test_renewal_of_keys(void)
{
	open_warm();
	world_run(&world, 119 * NSEC_PER_SEC);
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 80), OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(world_count(&world, 0, DATAGRAM_HELLO), 0);
	world_run(&world, 2 * NSEC_PER_SEC);
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 81), OUTCOME_GRANTED);
	world_run(&world, 10 * MS);
	CU_ASSERT_EQUAL(world_count(&world, 0, DATAGRAM_HELLO), 1);
	CU_ASSERT_EQUAL(engine_counters(b->engine)->handshakes, 2);
	world_close(&world);
}

/* While the renewal gets no answer, keys serve until REJECT_AFTER, and not after. */
static bool no_handshake(struct world *w, const struct world_datagram *datagram)
{
	(void)w;
	return datagram->octets[0] == DATAGRAM_DATA;
}

static void test_end_of_keys(void)
{
	open_warm();
	world.passes = no_handshake;
	world_run(&world, 179 * NSEC_PER_SEC);
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 80), OUTCOME_GRANTED);
	world_run(&world, 1 * NSEC_PER_SEC);
	CU_ASSERT_FALSE(world_peer(a).live);
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 81), OUTCOME_SILENT);
	CU_ASSERT_EQUAL(a->indexes, 0);
	world_close(&world);
}

static void test_unused_keys(void)
{
	open_warm();
	world_run(&world, 300 * NSEC_PER_SEC);
	CU_ASSERT_EQUAL(world.kept_count, 0);
	CU_ASSERT_EQUAL(a->indexes + b->indexes, 0);
	world_close(&world);
}

static void test_restart(void)
{
	open_warm();
	world_restart(b);
	/* The first try is to keys that are lost, the second begins a handshake. */
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 80), OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(engine_counters(b->engine)->unknown_index > 0, true);
	CU_ASSERT_EQUAL(world_count(&world, 0, DATAGRAM_HELLO), 1);
	world_restart(a);
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 81), OUTCOME_GRANTED);
	world_restart(a);
	CU_ASSERT_EQUAL(world_negotiate(b, 0, 82), OUTCOME_GRANTED);
	world_close(&world);
}

/* A host gets another key: what rested on the former one is gone, and questions go on. */
static void test_new_key(void)
{
	open_warm();
	world_key(b);
	world_list_key(&world, 1);
	world_restart(b);
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 80), OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(engine_counters(a->engine)->silent, 0);
	world_close(&world);
}

static void test_unlisted(void)
{
	open_two();
	a->listed = false;
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 80), OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(world_peer(b).host.host, 1000);
	/* It can be asked and told as long as it is known. */
	CU_ASSERT_EQUAL(world_negotiate(b, 0, 81), OUTCOME_GRANTED);
	world_close(&world);
}

static void closed_directory(struct engine_config *config)
{
	config->closed = true;
}

/* It had keys when it was listed; whoever forgets it then does not hear of it again. */
static void test_closed_directory(void)
{
	struct engine_time now;

	world_open(&world, 3, 0x1234567, closed_directory);
	a = &world.agents[0];
	b = &world.agents[1];
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 80), OUTCOME_GRANTED);
	a->listed = false;
	now = world_time(&world);
	engine_forget(b->engine, &now, &a->config.self.locator);
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 81), OUTCOME_SILENT);
	CU_ASSERT_EQUAL(engine_counters(b->engine)->bad_claim, ENGINE_TRIES);
	a->listed = true;
	world_run(&world, NSEC_PER_SEC);
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 82), OUTCOME_GRANTED);
	world_close(&world);
}

static void low_load(struct engine_config *config)
{
	config->load = 1;
}

static void test_cookies(void)
{
	world_open(&world, 4, 0x777, low_load);
	for (unsigned i = 1; i < 4; i++) {
		CU_ASSERT_EQUAL(world_ask(&world.agents[i], 0, 80), 0);
		world_flush(&world.agents[i]);
	}
	world_run(&world, 10 * MS);
	for (unsigned i = 1; i < 4; i++)
		CU_ASSERT_EQUAL(world.agents[i].outcome, OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(engine_counters(world.agents[0].engine)->cookies_sent, 2);
	CU_ASSERT_EQUAL(engine_counters(world.agents[0].engine)->handshakes, 3);
	world_close(&world);
}

static const struct unit_test tests[] = {
	{"a lost WELCOME costs one more HELLO", test_lost_welcome},
	{"a responder does not send with unproven keys", test_unproven_keys},
	{"both may begin at once", test_simultaneous},
	{"keys in use are renewed after 120 s", test_renewal_of_keys},
	{"keys that cannot be renewed end after 180 s", test_end_of_keys},
	{"unused keys go without a word", test_unused_keys},
	{"either side may restart", test_restart},
	{"a host may get another key", test_new_key},
	{"a host that the directory does not know is taken by its passport", test_unlisted},
	{"but not of a directory that is closed", test_closed_directory},
	{"under load cookies are asked for, and handshakes still succeed", test_cookies},
};

int main(void)
{
	return unit_run("engine, keys", tests, sizeof(tests) / sizeof(tests[0]));
}
