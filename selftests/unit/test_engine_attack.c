/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attacks on the engine: by who can record, drop, change, replay and invent datagrams, and by hosts that have good keys and lie.
 * Orders of arrival are test_engine_orders.c's, the rules for those who behave test_engine.c's. Only to let a host with good keys lie does
 * it look inside the engine.
 */
#include "selftests/unit/engine_world.h"

#include "proto/internal.h"

static struct world world;
static struct world_agent *a, *b, *c;

static void open_three(void)
{
	world_open(&world, 3, world_seed(), NULL);
	world.keep = true;
	a = &world.agents[0];
	b = &world.agents[1];
	c = &world.agents[2];
}

static void talk(void)
{
	struct message_notice notice = {.flow = world_flow(0, 1, 80), .scope = SCOPE_FLOW, .serial = 100};
	struct substrate address = world_node_address(0);
	struct engine_time now;

	CU_ASSERT_EQUAL(world_negotiate(a, 1, 80), OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(world_negotiate(b, 0, 81), OUTCOME_GRANTED);
	now = world_time(&world);
	CU_ASSERT_EQUAL(engine_withdraw(b->engine, &now, &address, &notice, NULL), 0);
	world_flush(b);
	world_run(&world, 10 * MS);
	CU_ASSERT_EQUAL(a->withdrawn, 1);
	CU_ASSERT_EQUAL(b->acknowledged, 1);
}

/* What an agent did and was told: whatever is refused leaves it as it is. */
struct trace {
	uint64_t sent, decisions, handshakes;
	unsigned ended, withdrawn, acknowledged, indexes;
};

static struct trace trace_of(const struct world_agent *agent)
{
	const struct engine_counters *counters = engine_counters(agent->engine);

	return (struct trace){
		.sent = counters->sent,
		.decisions = agent->decisions,
		.handshakes = counters->handshakes,
		.ended = agent->ended,
		.withdrawn = agent->withdrawn,
		.acknowledged = agent->acknowledged,
		.indexes = agent->indexes,
	};
}

static void has_no_effect(struct world_agent *on, const struct world_datagram *datagram)
{
	struct trace before = trace_of(on), after;

	world_deliver(on, datagram);
	world_flush(on);
	after = trace_of(on);
	CU_ASSERT_EQUAL(memcmp(&before, &after, sizeof(before)), 0);
}

/* ---- recorded datagrams */

static void test_replay(void)
{
	size_t count;

	open_three();
	talk();
	count = world.kept_count;
	CU_ASSERT(count >= 8);
	world.keep = false;
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < count; i++)
			has_no_effect(&world.agents[world.kept[i]->to], world.kept[i]);
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 82), OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(engine_counters(b->engine)->handshakes, 1);
	CU_ASSERT(engine_counters(b->engine)->old_stamp == 3);
	CU_ASSERT(engine_counters(b->engine)->replayed > 3);
	CU_ASSERT(engine_counters(a->engine)->unknown_index == 3);
	world_close(&world);
}

static void test_reflection(void)
{
	open_three();
	talk();
	world.keep = false;
	for (size_t i = 0; i < world.kept_count; i++)
		has_no_effect(&world.agents[world.kept[i]->from], world.kept[i]);
	/* And to a third. */
	for (size_t i = 0; i < world.kept_count; i++)
		has_no_effect(c, world.kept[i]);
	world_close(&world);
}

/* ---- changed datagrams: caught on their way, delivered in every broken form, then as they were */

static struct world_datagram *caught;

static bool catch_next(struct world *w, const struct world_datagram *datagram)
{
	(void)w;
	if (caught)
		return false;
	caught = world_datagram_new(datagram->from, datagram->to, &datagram->path, datagram->octets, datagram->length);
	return false;
}

static void macs_again(struct world_datagram *datagram)
{
	uint8_t key[32];

	mac1_key(world.agents[datagram->to].config.self.key, key);
	macs_write(datagram->octets, datagram->length, key, NULL);
}

static void broken_forms(bool with_mac)
{
	struct world_agent *to = &world.agents[caught->to];
	struct world_datagram *broken =
		world_datagram_new(caught->from, caught->to, &caught->path, caught->octets, caught->length);
	uint8_t type = caught->octets[0];
	/* mac2 says nothing unless it is asked for. */
	size_t end = type == DATAGRAM_HELLO ? caught->length - DATAGRAM_MAC_LEN : caught->length;
	size_t start = 0;

	for (size_t length = 0; length < caught->length; length++) {
		broken->length = length;
		has_no_effect(to, broken);
	}
	broken->length = caught->length;
	/* Noise does not cover the header and indexes: a wrong one reaches nobody. */
	if (with_mac) {
		start = DATAGRAM_HEADER_LEN + (type == DATAGRAM_HELLO ? 4 : 8);
		end = caught->length - 2 * DATAGRAM_MAC_LEN;
	}
	for (size_t bit = 8 * start; bit < 8 * end; bit++) {
		broken->octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (with_mac)
			macs_again(broken);
		has_no_effect(to, broken);
		memcpy(broken->octets, caught->octets, caught->length);
	}
	free(broken);
}

/* The next datagram of an exchange, as it is. Returns its type. */
static uint8_t next_whole(void)
{
	struct world_datagram *whole = caught;
	uint8_t type;

	CU_ASSERT_FATAL(whole != NULL);
	type = whole->octets[0];
	caught = NULL;
	world_deliver(&world.agents[whole->to], whole);
	world_flush(&world.agents[whole->to]);
	free(whole);
	return type;
}

/* Broken in every way, then whole. */
static uint8_t next_step(bool with_mac)
{
	CU_ASSERT_FATAL(caught != NULL);
	broken_forms(false);
	if (with_mac)
		broken_forms(true);
	return next_whole();
}

static void never_loaded(struct engine_config *config)
{
	config->load = 1000000;
}

static void test_broken(void)
{
	world_open(&world, 2, world_seed(), never_loaded);
	a = &world.agents[0];
	b = &world.agents[1];
	world.passes = catch_next;
	CU_ASSERT_EQUAL(world_ask(a, 1, 80), 0);
	world_flush(a);
	CU_ASSERT_EQUAL(next_step(true), DATAGRAM_HELLO);
	CU_ASSERT_EQUAL(next_step(true), DATAGRAM_WELCOME);
	CU_ASSERT_EQUAL(next_step(false), DATAGRAM_DATA);
	CU_ASSERT_EQUAL(b->decisions, 1);
	CU_ASSERT_EQUAL(next_step(false), DATAGRAM_DATA);
	CU_ASSERT_EQUAL(a->ended, 1);
	CU_ASSERT_EQUAL(a->outcome, OUTCOME_GRANTED);
	CU_ASSERT_PTR_NULL(caught);
	world_close(&world);
}

static void always_loaded(struct engine_config *config)
{
	config->load = 1;
}

static void test_broken_cookie(void)
{
	world_open(&world, 3, world_seed(), always_loaded);
	a = &world.agents[0];
	b = &world.agents[1];
	c = &world.agents[2];
	CU_ASSERT_EQUAL(world_negotiate(c, 1, 80), OUTCOME_GRANTED);
	world.passes = catch_next;
	CU_ASSERT_EQUAL(world_ask(a, 1, 80), 0);
	world_flush(a);
	CU_ASSERT_EQUAL(next_whole(), DATAGRAM_HELLO);
	CU_ASSERT_EQUAL(next_step(false), DATAGRAM_COOKIE);
	CU_ASSERT_EQUAL(next_step(false), DATAGRAM_HELLO);
	CU_ASSERT_EQUAL(next_step(false), DATAGRAM_WELCOME);
	CU_ASSERT_EQUAL(next_step(false), DATAGRAM_DATA);
	CU_ASSERT_EQUAL(next_step(false), DATAGRAM_DATA);
	CU_ASSERT_EQUAL(a->outcome, OUTCOME_GRANTED);
	world_close(&world);
}

/* ---- bad hosts */

/* The third agent comes with this passport; it gets nothing from the second, nor gives it. */
static void refused_host(const uint8_t passport[HOST_PASSPORT_LEN], bool claim)
{
	const struct engine_counters *counters = engine_counters(b->engine);
	uint64_t bad_claim = counters->bad_claim, bad_passport = counters->bad_passport;
	uint64_t decisions = b->decisions, handshakes = counters->handshakes;

	memcpy(c->config.passport, passport, HOST_PASSPORT_LEN);
	world_restart(c);
	CU_ASSERT_EQUAL(world_negotiate(c, 1, 80), OUTCOME_SILENT);
	CU_ASSERT_EQUAL(b->decisions, decisions);
	CU_ASSERT_EQUAL(counters->handshakes, handshakes);
	CU_ASSERT_EQUAL(counters->bad_claim, bad_claim + (claim ? ENGINE_TRIES : 0));
	CU_ASSERT_EQUAL(counters->bad_passport, bad_passport + (claim ? 0 : ENGINE_TRIES));
	/* As responder: the asker does not take its WELCOME. */
	CU_ASSERT_EQUAL(world_negotiate(b, 2, 80), OUTCOME_SILENT);
	CU_ASSERT_EQUAL(counters->handshakes, handshakes);
	world_restart(b);
}

static void test_bad_hosts(void)
{
	struct host_passport good, changed;
	struct authority_key other;
	uint8_t octets[HOST_PASSPORT_LEN], seed[32] = {9};

	open_three();
	crypto_sign_seed_keypair(other.public_key, other.secret, seed);
	good = changed = world_host_passport(c);
	host_passport_sign(&changed, other.secret, octets);
	refused_host(octets, false);
	changed.not_after_s = WORLD_WALL_S - PASSPORT_SKEW_S - 5;
	host_passport_sign(&changed, world.authority.secret, octets);
	refused_host(octets, false);
	changed = good;
	changed.not_before_s = WORLD_WALL_S + 10000;
	host_passport_sign(&changed, world.authority.secret, octets);
	refused_host(octets, false);
	/* Another's passport, stolen; and ones of its own that the directory contradicts. */
	refused_host(a->config.passport, true);
	changed = good;
	changed.locator = world_locator(0);
	host_passport_sign(&changed, world.authority.secret, octets);
	refused_host(octets, true);
	changed = good;
	changed.host = 1000;
	host_passport_sign(&changed, world.authority.secret, octets);
	refused_host(octets, true);
	world_close(&world);
}

/* Not known to the directory, where it knows another: with a passport of its own for that place, or with the other's. */
static void test_displaced_host(void)
{
	struct host_passport passport;

	open_three();
	c->listed = false;
	passport = world_host_passport(c);
	passport.locator = world_locator(0);
	host_passport_sign(&passport, world.authority.secret, c->config.passport);
	world_restart(c);
	CU_ASSERT_EQUAL(world_negotiate(c, 1, 80), OUTCOME_SILENT);
	CU_ASSERT_EQUAL(engine_counters(b->engine)->bad_claim, ENGINE_TRIES);
	engine_passport(c->engine, a->config.passport);
	CU_ASSERT_EQUAL(world_negotiate(c, 1, 80), OUTCOME_SILENT);
	CU_ASSERT_EQUAL(engine_counters(b->engine)->bad_claim, 2 * ENGINE_TRIES);
	CU_ASSERT_EQUAL(engine_counters(b->engine)->handshakes, 0);
	world_close(&world);
}

/* Nor one that the directory knew when we greeted it, by a passport that is no later than the one it has shown then. */
static void test_formerly_listed(void)
{
	struct host_passport passport;

	open_three();
	CU_ASSERT_EQUAL(world_negotiate(b, 0, 80), OUTCOME_GRANTED);
	a->listed = c->listed = false;
	passport = world_host_passport(c);
	passport.locator = world_locator(0);
	host_passport_sign(&passport, world.authority.secret, c->config.passport);
	engine_passport(c->engine, c->config.passport);
	CU_ASSERT_EQUAL(world_negotiate(c, 1, 80), OUTCOME_SILENT);
	CU_ASSERT_EQUAL(world_peer(b).host.host, 1000);
	CU_ASSERT_EQUAL(engine_counters(b->engine)->bad_claim, ENGINE_TRIES);
	world_close(&world);
}

/* Two that the directory does not know have had the same place: the later passport counts. */
static void test_former_host(void)
{
	struct host_passport passport;
	struct world_datagram *former;

	open_three();
	a->listed = c->listed = false;
	world.passes = catch_next;
	CU_ASSERT_EQUAL(world_ask(a, 1, 80), 0);
	world_flush(a);
	former = caught;
	caught = NULL;
	passport = world_host_passport(c);
	passport.locator = world_locator(0);
	passport.revision = 2;
	host_passport_sign(&passport, world.authority.secret, c->config.passport);
	world_restart(c);
	CU_ASSERT_EQUAL(world_ask(c, 1, 80), 0);
	world_flush(c);
	world_deliver(b, caught);
	free(caught);
	caught = NULL;
	CU_ASSERT_EQUAL(world_peer(b).host.host, 1002);
	CU_ASSERT_PTR_NULL(caught);
	has_no_effect(b, former);
	CU_ASSERT_EQUAL(world_peer(b).host.host, 1002);
	CU_ASSERT_EQUAL(engine_counters(b->engine)->bad_claim, 1);
	free(former);
	world_close(&world);
}

/* ---- good hosts with bad nodes */

static void refused_node(const uint8_t *octets, int length, const struct flow *flow, uint64_t *counter)
{
	struct substrate address = world_node_address(1);
	uint64_t before = *counter, decisions = b->decisions;

	CU_ASSERT_EQUAL(world_ask_with(c, &address, flow, octets, (size_t)length, 1), 0);
	world_flush(c);
	world_run(&world, 200 * MS);
	CU_ASSERT_EQUAL(c->outcome, OUTCOME_SILENT);
	CU_ASSERT_EQUAL(*counter, before + ENGINE_TRIES);
	CU_ASSERT_EQUAL(b->decisions, decisions);
}

static void test_bad_nodes(void)
{
	struct engine_counters *counters;
	struct flow own = world_flow(2, 1, 1), stolen = world_flow(0, 1, 1);
	struct node_passport passport;
	struct authority_key other;
	uint8_t octets[NODE_PASSPORT_LEN_MAX], seed[32] = {9};
	int length;

	open_three();
	counters = (struct engine_counters *)(uintptr_t)engine_counters(b->engine);
	crypto_sign_seed_keypair(other.public_key, other.secret, seed);
	CU_ASSERT_EQUAL(world_negotiate(c, 1, 80), OUTCOME_GRANTED);
	passport = world_node_passport(c);
	length = node_passport_sign(&passport, other.secret, octets);
	refused_node(octets, length, &own, &counters->bad_passport);
	length = node_passport_sign(&passport, world.authority.secret, octets);
	octets[length - 1] ^= 1;
	refused_node(octets, length, &own, &counters->bad_passport);
	refused_node(octets, length - 1, &own, &counters->bad_passport);
	passport.not_after_s = WORLD_WALL_S - PASSPORT_SKEW_S - 5;
	length = node_passport_sign(&passport, world.authority.secret, octets);
	refused_node(octets, length, &own, &counters->bad_passport);
	/* Another host's node: its passport may be known to many. */
	passport = world_node_passport(a);
	length = node_passport_sign(&passport, world.authority.secret, octets);
	refused_node(octets, length, &stolen, &counters->bad_claim);
	refused_node(octets, length, &own, &counters->bad_claim);
	/* Its own is still good. */
	CU_ASSERT_EQUAL(world_negotiate(c, 1, 81), OUTCOME_GRANTED);
	world_close(&world);
}

/* What a good engine would not say, under good keys. */
static void forge(struct world_agent *from, unsigned to, const struct message *message)
{
	struct locator locator = world_locator(to);
	struct substrate address = substrate_of_host(&locator);
	struct peer *peer = peer_find(from->engine, &locator);

	CU_ASSERT_FATAL(peer && peer->current);
	CU_ASSERT_EQUAL(box_put(from->engine, peer->current, &address, true, message), 0);
	world_flush(from);
	world_run(&world, MS);
}

static bool not_to_second(struct world *w, const struct world_datagram *datagram)
{
	(void)w;
	return datagram->to != 1;
}

/* A peer must not answer what another was asked, nor acknowledge what another was told. */
static void test_foreign_answers(void)
{
	struct message_notice notice = {.flow = world_flow(1, 0, 80), .scope = SCOPE_FLOW, .serial = 100};
	struct message answer = {.decision = {.serial = 1000, .otherwise = MESSAGE_ALLOW}};
	struct substrate address = world_node_address(1);
	struct engine_time now;
	uint32_t id;

	open_three();
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 80), OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(world_negotiate(a, 2, 80), OUTCOME_GRANTED);
	world.passes = not_to_second;
	now = world_time(&world);
	CU_ASSERT_EQUAL(engine_withdraw(a->engine, &now, &address, &notice, &id), 0);
	world_flush(a);
	answer.kind = MESSAGE_ACKNOWLEDGE;
	answer.id = id;
	forge(c, 0, &answer);
	CU_ASSERT_EQUAL(a->acknowledged, 0);
	CU_ASSERT_EQUAL(world_ask(a, 1, 81), 0);
	world_flush(a);
	answer.kind = MESSAGE_GRANT;
	answer.id = a->engine->last_id;
	forge(c, 0, &answer);
	CU_ASSERT_EQUAL(a->ended, 2);
	CU_ASSERT_EQUAL(engine_counters(a->engine)->ignored_decisions, 1);
	/* The one who was asked could have said it. */
	forge(b, 0, &answer);
	CU_ASSERT_EQUAL(a->ended, 3);
	answer.kind = MESSAGE_ACKNOWLEDGE;
	answer.id = id;
	forge(b, 0, &answer);
	CU_ASSERT_EQUAL(a->acknowledged, 1);
	world_close(&world);
}

/* Nobody's notice touches what another decides. */
static void test_foreign_notices(void)
{
	struct message notice = {
		.kind = MESSAGE_WITHDRAW,
		.id = 77,
		.notice = {.flow = world_flow(0, 1, 81), .scope = SCOPE_PAIR, .serial = UINT64_MAX},
	};

	open_three();
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 80), OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(world_negotiate(a, 2, 80), OUTCOME_GRANTED);
	world.delay_ns = 5 * MS;
	CU_ASSERT_EQUAL(world_ask(a, 1, 81), 0);
	world_flush(a);
	forge(c, 0, &notice);
	world_run(&world, 12 * MS);
	CU_ASSERT_EQUAL(a->withdrawn, 1);
	CU_ASSERT_EQUAL(a->ended, 3);
	CU_ASSERT_EQUAL(a->outcome, OUTCOME_GRANTED);
	world_close(&world);
}

/* ---- floods */

static void flood(struct world_datagram *hello, unsigned count, bool with_mac)
{
	for (unsigned i = 0; i < count; i++) {
		for (size_t at = DATAGRAM_HEADER_LEN; at < hello->length; at++)
			hello->octets[at] = (uint8_t)unit_random(&world.random);
		if (with_mac)
			macs_again(hello);
		world_deliver(b, hello);
	}
}

static void test_flood(void)
{
	const struct engine_counters *counters;
	struct world_datagram *hello, *proven;

	open_three();
	counters = engine_counters(b->engine);
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 80), OUTCOME_GRANTED);
	CU_ASSERT_FATAL(world.kept[0]->octets[0] == DATAGRAM_HELLO);
	hello = world_datagram_new(2, 1, &world.kept[0]->path, world.kept[0]->octets, world.kept[0]->length);
	hello->path.remote = world_node_address(2);
	/* Who does not know whom it speaks to gets silence, at the cost of a hash. */
	flood(hello, 10000, false);
	CU_ASSERT_EQUAL(counters->bad_mac, 10000);
	CU_ASSERT_EQUAL(counters->sent, 2);
	/* Who does costs us no more than `load` handshakes a second. */
	flood(hello, 1000, true);
	CU_ASSERT_EQUAL(counters->bad_tag, 99);
	CU_ASSERT_EQUAL(counters->cookies_sent, 901);
	CU_ASSERT_EQUAL(b->indexes, 1);
	/* Meanwhile others get in. */
	world_forget_kept(&world);
	CU_ASSERT_EQUAL(world_negotiate(c, 1, 80), OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(world_count(&world, 2, DATAGRAM_HELLO), 2);
	CU_ASSERT_EQUAL(world_count(&world, 1, DATAGRAM_COOKIE) > 0, true);
	/* A cookie is of one address. */
	proven = world.kept[0];
	for (size_t i = 0; i < world.kept_count; i++)
		if (world.kept[i]->from == 2 && world.kept[i]->octets[0] == DATAGRAM_HELLO)
			proven = world.kept[i];
	CU_ASSERT_EQUAL(proven->from, 2);
	CU_ASSERT_EQUAL(counters->old_stamp, 0);
	proven->path.remote_port++;
	world_deliver(b, proven);
	CU_ASSERT_EQUAL(counters->cookies_sent, 903);
	proven->path.remote_port--;
	world_deliver(b, proven);
	CU_ASSERT_EQUAL(counters->cookies_sent, 903);
	CU_ASSERT_EQUAL(counters->old_stamp, 1);
	/* And of two minutes. */
	world_run(&world, 121 * NSEC_PER_SEC);
	flood(hello, 100, true);
	world_deliver(b, proven);
	CU_ASSERT_EQUAL(counters->old_stamp, 1);
	free(hello);
	world_close(&world);
}

/* ---- lost memory */

static void test_replay_after_restart(void)
{
	struct world_datagram *old;
	uint64_t handshakes;

	open_three();
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 80), OUTCOME_GRANTED);
	CU_ASSERT_FATAL(world.kept[0]->octets[0] == DATAGRAM_HELLO);
	old = world_datagram_new(0, 1, &world.kept[0]->path, world.kept[0]->octets, world.kept[0]->length);
	world_restart(b);
	/* Its stamp is forgotten: it is answered, but nothing is sent under what comes of it. */
	world_deliver(b, old);
	world_flush(b);
	world_run(&world, 10 * MS);
	CU_ASSERT_FALSE(world_peer(b).live);
	CU_ASSERT_EQUAL(engine_counters(b->engine)->handshakes, 0);
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 81), OUTCOME_GRANTED);
	/* With good keys of its own making, a replay leaves them in use at both ends. */
	world_restart(b);
	CU_ASSERT_EQUAL(world_negotiate(b, 0, 82), OUTCOME_GRANTED);
	handshakes = engine_counters(a->engine)->handshakes;
	world_deliver(b, old);
	world_flush(b);
	world_run(&world, 10 * MS);
	CU_ASSERT_EQUAL(engine_counters(b->engine)->old_stamp, 0);
	CU_ASSERT(world_peer(b).live);
	CU_ASSERT_EQUAL(world_negotiate(b, 0, 83), OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 84), OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(engine_counters(a->engine)->handshakes, handshakes);
	CU_ASSERT_EQUAL(engine_counters(b->engine)->handshakes, 1);
	/* Once a later stamp was seen, it is refused. */
	world_restart(a);
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 85), OUTCOME_GRANTED);
	has_no_effect(b, old);
	CU_ASSERT_EQUAL(engine_counters(b->engine)->old_stamp, 1);
	free(old);
	world_close(&world);
}

/* Restarts at any moment of a conversation. */
static void test_restarts(void)
{
	open_three();
	for (uint16_t i = 0; i < 200; i++) {
		if (i % 3)
			world_restart(i % 2 ? a : b);
		CU_ASSERT_EQUAL(world_ask(i % 5 < 2 ? a : b, i % 5 < 2, (uint16_t)(1000 + i)), 0);
		world_flush(i % 5 < 2 ? a : b);
		world_run(&world, unit_random(&world.random) % MS);
		world_forget_kept(&world);
	}
	world_run(&world, NSEC_PER_SEC);
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 80), OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(world_negotiate(b, 0, 81), OUTCOME_GRANTED);
	world_close(&world);
}

static const struct unit_test tests[] = {
	{"replayed datagrams have no effect", test_replay},
	{"reflected and misdirected datagrams have no effect", test_reflection},
	{"truncated and changed datagrams have no effect", test_broken},
	{"nor has a changed COOKIE", test_broken_cookie},
	{"hosts with bad passports get no keys, in either role", test_bad_hosts},
	{"a passport for a place where the directory knows another is refused", test_displaced_host},
	{"also when the directory forgets that other", test_formerly_listed},
	{"who had a place before cannot take it back", test_former_host},
	{"nodes with bad passports get silence", test_bad_nodes},
	{"nobody answers for another", test_foreign_answers},
	{"nor withdraws for another", test_foreign_notices},
	{"floods of HELLOs cost little and keep nobody out", test_flood},
	{"a HELLO from before a restart is harmless", test_replay_after_restart},
	{"restarts at any moment", test_restarts},
};

int main(void)
{
	return unit_run("engine under attack", tests, sizeof(tests) / sizeof(tests[0]));
}
