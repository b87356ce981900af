/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of proto/engine.h, one by one, between two or three agents on a network that does as the test says.
 * Attacks are test_engine_attack.c's, numbers are test_engine_crowd.c's.
 */
#include "selftests/unit/engine_world.h"

static struct world world;
static struct world_agent *a, *b;

static void open_two(void)
{
	world_open(&world, 3, 0x1234567, NULL);
	world.keep = true;
	a = &world.agents[0];
	b = &world.agents[1];
}

/* Keys are there, and what was sent for them is forgotten. */
static void open_warm(void)
{
	open_two();
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 1), OUTCOME_GRANTED);
	world_run(&world, 10 * MS);
	world_forget_kept(&world);
}

static bool nothing_passes(struct world *w, const struct world_datagram *datagram)
{
	(void)w;
	(void)datagram;
	return false;
}

static bool no_welcome(struct world *w, const struct world_datagram *datagram)
{
	(void)w;
	return datagram->octets[0] != DATAGRAM_WELCOME;
}

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

static int segments(struct world_agent *agent, const struct engine_request *request, bool *granted,
	struct message_decision *out)
{
	(void)request;
	*granted = false;
	*out = (struct message_decision){
		.lifetime_ms = 1,
		.serial = ++agent->serial,
		.otherwise = MESSAGE_DENY,
		.segment_count = MESSAGE_SEGMENTS_MAX,
	};
	for (size_t i = 0; i < MESSAGE_SEGMENTS_MAX; i++)
		out->segments[i] = (struct message_segment){.protocol = 6, .verdict = 1, .low = 1, .high = 2};
	return 0;
}

/* The nth datagram that was kept from that agent. */
static size_t kept_length(unsigned from, unsigned nth)
{
	for (size_t i = 0; i < world.kept_count; i++)
		if (world.kept[i]->from == from && nth-- == 0)
			return world.kept[i]->length;
	return 0;
}

/* So many datagrams to and fro, and the nth answer is no longer than the nth question. */
static void check_lengths(unsigned questions, unsigned answers)
{
	CU_ASSERT_EQUAL(world_count(&world, 0, DATAGRAM_DATA), questions);
	CU_ASSERT_EQUAL(world_count(&world, 1, DATAGRAM_DATA), answers);
	for (unsigned i = 0; i < answers; i++)
		CU_ASSERT(kept_length(1, i) <= kept_length(0, i));
}

static void test_gathering(void)
{
	struct world_event event;

	open_warm();
	for (uint16_t port = 10; port < 20; port++)
		CU_ASSERT_EQUAL(world_ask(a, 1, port), 0);
	world_flush(a);
	/* Two questions a datagram; all that come in one round are answered together. */
	CU_ASSERT_EQUAL(world.event_count >= 5, true);
	for (unsigned i = 0; i < 5; i++) {
		do
			event = event_take(&world);
		while (!event.datagram);
		world_deliver(b, event.datagram);
		free(event.datagram);
	}
	world_flush(b);
	check_lengths(5, 1);
	world_run(&world, 10 * MS);
	CU_ASSERT_EQUAL(a->ended, 11);
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

/* ---- keys */

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

/* ---- decisions and notices */

static void tell(struct world_agent *agent, unsigned to, enum message_scope scope, const struct flow *flow,
	uint64_t serial)
{
	struct message_notice notice = {.flow = *flow, .scope = (uint8_t)scope, .incarnation = 1, .serial = serial};
	struct substrate address = world_node_address(to);
	struct engine_time now = world_time(&world);

	if (scope == SCOPE_NODE)
		memset(&notice.flow.source, 0, 4);
	CU_ASSERT_EQUAL(engine_withdraw(agent->engine, &now, &address, &notice, NULL), 0);
	world_flush(agent);
}

static size_t held_count;
static struct world_datagram *held[8];

/* Holds b's next datagram back. */
static bool hold_answer(struct world *w, const struct world_datagram *datagram)
{
	if (datagram->from != 1 || held_count)
		return true;
	held[held_count++] =
		world_datagram_new(datagram->from, datagram->to, &datagram->path, datagram->octets, datagram->length);
	w->passes = NULL;
	return false;
}

static void release(struct world_agent *to)
{
	CU_ASSERT_FATAL(held_count == 1);
	held_count = 0;
	world_deliver(to, held[0]);
	free(held[0]);
	world_flush(to);
}

static void overtaken(enum message_scope scope, bool same_flow)
{
	struct flow flow = world_flow(0, 1, same_flow ? 80 : 443);

	open_warm();
	world.passes = hold_answer;
	CU_ASSERT_EQUAL(world_ask(a, 1, 80), 0);
	world_flush(a);
	world_run(&world, MS);
	tell(b, 0, scope, &flow, ++b->serial);
	world_run(&world, MS);
	CU_ASSERT_EQUAL(a->withdrawn, 1);
	CU_ASSERT_EQUAL(a->ended, 1);
	release(a);
	if (same_flow || scope != SCOPE_FLOW) {
		/* Too old: asked again at once, and the new answer counts. */
		CU_ASSERT_EQUAL(a->ended, 1);
		CU_ASSERT_EQUAL(engine_counters(a->engine)->ignored_decisions, 1);
		world_run(&world, MS);
		CU_ASSERT(a->decision.serial > a->notice.serial);
	}
	CU_ASSERT_EQUAL(a->ended, 2);
	CU_ASSERT_EQUAL(a->outcome, OUTCOME_GRANTED);
	CU_ASSERT_EQUAL(b->acknowledged, 1);
	world_close(&world);
}

static void test_overtaken(void)
{
	overtaken(SCOPE_FLOW, true);
	overtaken(SCOPE_FLOW, false);
	overtaken(SCOPE_PAIR, false);
	overtaken(SCOPE_NODE, false);
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
	struct message_moved moved = {
		.vni = WORLD_VNI,
		.address = world_node(1),
		.serial = 3,
		.locator = world_locator(2),
		.slot = 1,
	};
	struct substrate address = world_node_address(0);
	struct engine_time now;
	uint32_t id = 0;

	open_two();
	tell(b, 0, SCOPE_FLOW, &flow, 50);
	now = world_time(&world);
	CU_ASSERT_EQUAL(engine_moved(b->engine, &now, &address, &moved, &id), 0);
	world_flush(b);
	world_run(&world, 5 * MS);
	CU_ASSERT_EQUAL(a->withdrawn, 1);
	CU_ASSERT_EQUAL(a->moved, 1);
	CU_ASSERT_EQUAL(b->acknowledged, 2);
	/* Under keys that the peer has lost it begins a handshake, too. */
	world_restart(a);
	tell(b, 0, SCOPE_FLOW, &flow, 51);
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

/* ---- passports and renewals */

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
	{"the longest answers are no longer than their questions", test_long_answers},
	{"a lost WELCOME costs one more HELLO", test_lost_welcome},
	{"a responder does not send with unproven keys", test_unproven_keys},
	{"both may begin at once", test_simultaneous},
	{"keys in use are renewed after 120 s", test_renewal_of_keys},
	{"keys that cannot be renewed end after 180 s", test_end_of_keys},
	{"unused keys go without a word", test_unused_keys},
	{"either side may restart", test_restart},
	{"a host may get another key", test_new_key},
	{"a host that the directory does not know is taken by its passport", test_unlisted},
	{"under load cookies are asked for, and handshakes still succeed", test_cookies},
	{"a decision older than a notice that covers the flow is asked again", test_overtaken},
	{"answers that are always too old end in silence", test_endless_old_answers},
	{"a decision that nobody asked for is ignored", test_unasked_decision},
	{"WITHDRAW is repeated until acknowledged", test_withdraw_repeats},
	{"WITHDRAW is given up after its lifetime", test_withdraw_gives_up},
	{"notices shake hands when they must", test_notice_shakes_hands},
	{"STALE goes under live keys, within its rate", test_stale},
	{"false claims get silence", test_claims},
	{"a node is in a slot of its host's", test_slot},
	{"RENEW needs no passport and has a short answer", test_renew},
	{"unused peers are forgotten", test_idle},
	{"forgetting ends what is asked and told", test_forget},
	{"callbacks may ask", test_asking_from_callbacks},
	{"a peer can be looked at", test_view},
};

int main(void)
{
	return unit_run("engine", tests, sizeof(tests) / sizeof(tests[0]));
}
