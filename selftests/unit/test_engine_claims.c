/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine's rules of node passports and renewals; see test_engine.c.
 */
#include "selftests/unit/engine_pair.h"

static int ask_as(const struct node_passport *passport, uint16_t port, struct ipv4 source)
{
	struct substrate address = world_node_address(1);
	struct flow flow = world_flow(0, 1, port);
	uint8_t octets[NODE_PASSPORT_LEN_MAX];
	int length = node_passport_sign(passport, world.authority.secret, octets);
	int result;

	flow.source = source;
	result = world_ask_with(a, &address, &flow, octets, (size_t)length, port);
	world_flush(a);
	world_run(&world, 200 * MS);
	return result;
}

/* Asked at each try, and never decided. */
static void false_claim(const struct node_passport *passport, struct ipv4 source)
{
	static uint16_t port = 1000;
	uint64_t before = engine_counters(b->engine)->bad_claim;
	uint64_t decisions = b->decisions;

	CU_ASSERT_EQUAL(ask_as(passport, port++, source), 0);
	CU_ASSERT_EQUAL(engine_counters(b->engine)->bad_claim, before + ENGINE_TRIES);
	CU_ASSERT_EQUAL(b->decisions, decisions);
}

static void test_claims(void)
{
	struct node_passport good, changed;
	struct ipv4 node = world_node(0), other = {.octet = {10, 9, 9, 9}};
	uint64_t decisions;

	open_warm();
	good = changed = world_node_passport(a);
	changed.host++;
	false_claim(&changed, node);
	changed = good;
	changed.vni++;
	false_claim(&changed, node);
	false_claim(&good, other);
	/* A later revision supersedes, an earlier one does not count after it. */
	changed = good;
	changed.revision++;
	changed.groups[changed.group_count++] = 77;
	decisions = b->decisions;
	ask_as(&changed, 80, node);
	CU_ASSERT_EQUAL(b->decisions, decisions + 1);
	CU_ASSERT_EQUAL(b->request_passport.groups[0], 77);
	false_claim(&good, node);
	ask_as(&changed, 81, node);
	CU_ASSERT_EQUAL(b->decisions, decisions + 2);
	/* What was verified is still read for its time. */
	world_run(&world, 590 * NSEC_PER_SEC);
	ask_as(&changed, 82, node);
	CU_ASSERT_EQUAL(b->decisions, decisions + 3);
	world_run(&world, 80 * NSEC_PER_SEC);
	ask_as(&changed, 83, node);
	CU_ASSERT_EQUAL(b->decisions, decisions + 3);
	CU_ASSERT_EQUAL(engine_counters(b->engine)->bad_passport, ENGINE_TRIES);
	world_close(&world);
}

static void one_slot(struct engine_config *config)
{
	/* Slot 3 of its /64 is all that the first host has. */
	if (config->self.host != 1000)
		return;
	config->self.locator.length = 72;
	config->self.locator.octet[8] = 3 << 2;
}

static void test_slot(void)
{
	struct node_passport passport;
	struct host_passport host;

	world_open(&world, 2, 0x99, one_slot);
	a = &world.agents[0];
	b = &world.agents[1];
	host = world_host_passport(a);
	host_passport_sign(&host, world.authority.secret, a->config.passport);
	engine_passport(a->engine, a->config.passport);
	passport = world_node_passport(a);
	false_claim(&passport, world_node(0));
	passport.slot = 3;
	ask_as(&passport, 80, world_node(0));
	CU_ASSERT_EQUAL(b->decisions, 1);
	world_close(&world);
}

static int renew(struct ipv4 source, uint16_t port)
{
	struct substrate address = world_node_address(1);
	struct flow flow = world_flow(0, 1, port);
	struct engine_time now = world_time(&world);

	flow.source = source;
	return engine_renew(a->engine, &now, &address, false, &flow, port);
}

static void test_renew(void)
{
	struct node_passport passport;
	struct ipv4 second = {.octet = {10, 200, 0, 1}}, unknown = {.octet = {10, 200, 0, 2}};

	open_two();
	passport = world_node_passport(a);
	passport.addresses[passport.address_count++] = second;
	CU_ASSERT_EQUAL(ask_as(&passport, 80, world_node(0)), 0);
	world_forget_kept(&world);
	world.decide = segments;
	for (uint16_t port = 0; port < 25; port++)
		CU_ASSERT_EQUAL(renew(second, port), 0);
	world_flush(a);
	world_run(&world, 5 * MS);
	check_lengths(1, 1);
	CU_ASSERT_EQUAL(a->ended, 26);
	CU_ASSERT_EQUAL(a->outcome, OUTCOME_REFUSED);
	CU_ASSERT(b->request.renewal);
	CU_ASSERT(b->request_had_passport);
	CU_ASSERT_EQUAL(b->request_passport.node, 50000);
	/* No room for segments: about the flow alone. */
	CU_ASSERT(a->decision.exact);
	CU_ASSERT_EQUAL(a->decision.segment_count, 0);
	CU_ASSERT_EQUAL(renew(unknown, 80), 0);
	world_flush(a);
	world_run(&world, 5 * MS);
	CU_ASSERT_FALSE(b->request_had_passport);
	world_close(&world);
}

static bool is_remembered(struct ipv4 source)
{
	CU_ASSERT_EQUAL(renew(source, 80), 0);
	world_flush(a);
	world_run(&world, 5 * MS);
	return b->request_had_passport;
}

/* 1,024 passports of a peer are kept: the oldest goes first. */
static void test_many_claims(void)
{
	const unsigned most = 1024;
	struct node_passport passport;
	struct ipv4 first = {.octet = {10, 77, 0, 0}}, second = {.octet = {10, 77, 0, 1}};

	open_warm();
	passport = world_node_passport(a);
	for (unsigned i = 0; i < most; i++) {
		passport.addresses[0] = (struct ipv4){.octet = {10, 77, (uint8_t)(i >> 8), (uint8_t)i}};
		CU_ASSERT_EQUAL(ask_as(&passport, 80, passport.addresses[0]), 0);
	}
	CU_ASSERT_EQUAL(b->decisions, 1 + most);
	/* The passport of the first question of all made room already. */
	CU_ASSERT_FALSE(is_remembered(world_node(0)));
	CU_ASSERT(is_remembered(first));
	passport.addresses[0].octet[1]++;
	CU_ASSERT_EQUAL(ask_as(&passport, 80, passport.addresses[0]), 0);
	CU_ASSERT_FALSE(is_remembered(first));
	CU_ASSERT(is_remembered(second));
	world_close(&world);
}

/* ---- batches */

#define BATCH 3

/* Nodes of one host in one batch, or some of its nodes and some of another's. */
static void sign_batch(const unsigned hosts[BATCH], uint64_t revision, struct node_passport_octets out[BATCH])
{
	struct node_passport passports[BATCH];

	for (unsigned i = 0; i < BATCH; i++) {
		passports[i] = world_node_passport(&world.agents[hosts[i]]);
		passports[i].addresses[0] = (struct ipv4){.octet = {10, 88, 0, (uint8_t)i}};
		passports[i].revision = revision;
	}
	CU_ASSERT_EQUAL(node_passports_sign(passports, BATCH, world.authority.secret, out), 0);
}

/* The host asks for the nth of the batch. Returns how many signatures that cost the one asked; it decided, or did not. */
static uint64_t show(unsigned host, const struct node_passport_octets *batch, unsigned nth, bool decided)
{
	static uint16_t port = 2000;
	struct world_agent *agent = &world.agents[host];
	struct substrate address = world_node_address(1);
	struct flow flow = world_flow(host, 1, ++port);
	uint64_t decisions = b->decisions, before = engine_counters(b->engine)->signatures;

	flow.source = (struct ipv4){.octet = {10, 88, 0, (uint8_t)nth}};
	CU_ASSERT_EQUAL(world_ask_with(agent, &address, &flow, batch[nth].octets, batch[nth].length, port), 0);
	world_flush(agent);
	world_run(&world, 200 * MS);
	CU_ASSERT_EQUAL(b->decisions, decisions + decided);
	return engine_counters(b->engine)->signatures - before;
}

static void test_batch(void)
{
	static const unsigned all_a[BATCH] = {0, 0, 0};
	struct node_passport_octets batch[BATCH], later[BATCH];

	open_warm();
	sign_batch(all_a, 5, batch);
	CU_ASSERT_EQUAL(show(0, batch, 0, true), 1);
	CU_ASSERT_EQUAL(show(0, batch, 1, true), 0);
	CU_ASSERT_EQUAL(show(0, batch, 2, true), 0);
	CU_ASSERT_EQUAL(show(0, batch, 0, true), 0);
	/* The next batch has another root, and supersedes. */
	sign_batch(all_a, 6, later);
	CU_ASSERT_EQUAL(show(0, later, 2, true), 1);
	CU_ASSERT_EQUAL(show(0, batch, 2, false), 0);
	CU_ASSERT_EQUAL(show(0, batch, 1, true), 0);
	CU_ASSERT_EQUAL(show(0, later, 1, true), 0);
	/* A body that was changed leads to no root, at each try. */
	later[0].octets[16] ^= 1;
	CU_ASSERT_EQUAL(show(0, later, 0, false), ENGINE_TRIES);
	CU_ASSERT_EQUAL(engine_counters(b->engine)->bad_passport, ENGINE_TRIES);
	world_close(&world);
}

static void test_batch_forgotten(void)
{
	static const unsigned all_a[BATCH] = {0, 0, 0};
	struct node_passport_octets batch[BATCH];
	struct locator locator = world_locator(0);
	struct engine_time now;

	open_warm();
	sign_batch(all_a, 5, batch);
	CU_ASSERT_EQUAL(show(0, batch, 0, true), 1);
	CU_ASSERT_EQUAL(show(0, batch, 1, true), 0);
	engine_forget_passports(b->engine);
	CU_ASSERT_EQUAL(show(0, batch, 1, true), 1);
	CU_ASSERT_EQUAL(show(0, batch, 2, true), 0);
	now = world_time(&world);
	engine_forget(b->engine, &now, &locator);
	engine_forget(a->engine, &now, NULL);
	CU_ASSERT_EQUAL(show(0, batch, 0, true), 1);
	/* Another key at that place: nothing that the former has shown is known. */
	world_key(a);
	memset(world.by_key, 0, world.by_key_room * sizeof(*world.by_key));
	for (unsigned i = 0; i < world.agent_count; i++)
		world_list_key(&world, i);
	world_restart(a);
	CU_ASSERT_EQUAL(show(0, batch, 2, true), 1);
	world_close(&world);
}

/* What one peer has shown spares another nothing, and gives it nothing. */
static void test_batch_of_another(void)
{
	static const unsigned hosts[BATCH] = {0, 2, 2};
	struct node_passport_octets batch[BATCH];

	open_warm();
	sign_batch(hosts, 5, batch);
	CU_ASSERT_EQUAL(show(0, batch, 0, true), 1);
	CU_ASSERT_EQUAL(show(2, batch, 1, true), 1);
	CU_ASSERT_EQUAL(show(2, batch, 2, true), 0);
	CU_ASSERT_EQUAL(show(2, batch, 0, false), 0);
	CU_ASSERT_EQUAL(engine_counters(b->engine)->bad_claim, ENGINE_TRIES);
	world_close(&world);
}

static const struct unit_test tests[] = {
	{"false claims get silence", test_claims},
	{"a node is in a slot of its host's", test_slot},
	{"RENEW needs no passport and has a short answer", test_renew},
	{"so many passports of a peer are kept, the oldest goes first", test_many_claims},
	{"the second node of a batch costs no signature", test_batch},
	{"batches are forgotten with passports, keys and peers", test_batch_forgotten},
	{"a batch that one peer has shown is not known of another", test_batch_of_another},
};

int main(void)
{
	return unit_run("engine, claims", tests, sizeof(tests) / sizeof(tests[0]));
}
