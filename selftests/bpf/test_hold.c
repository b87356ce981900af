/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What arrives before its question (DTM-7's third mode), at its destination: it waits within a budget of its own, is judged when it
 * comes back, in order, and causes no report meanwhile. How it was sent on is in test_forward.c.
 */
#include "selftests/bpf/fixture.h"
#include "selftests/bpf/negotiation.h"

#include <string.h>

static struct fixture *f;
static struct frame frame, out, expected;

static void setup(void)
{
	fixture_reset(f);
	negotiation_on(f, &f->a, PORT_HOLD);
	negotiation_on(f, &f->b, PORT_HOLD);
}

static struct packet_spec inward(uint8_t protocol)
{
	return fixture_arrival(&f->r, &f->a, protocol);
}

/* The agent gives an arrival back. */
static struct fixture_run back(void)
{
	return (struct fixture_run){.hook = HOOK_NODE,
		.ifindex = f->a.ifindex,
		.waited = true,
		.mark = HELD_MARK | f->a.number};
}

static struct rule_key key_of(uint8_t protocol)
{
	uint16_t port = protocol == PROTOCOL_ICMP ? ICMP_TYPE_ECHO : protocol == PROTOCOL_SCTP ? 0 : 80;
	struct rule_key key = negotiation_key(&f->a, &f->r, protocol, port);

	key.direction = DIRECTION_IN;
	return key;
}

static struct budget budget(void)
{
	return negotiation_budget(f, f->a.number);
}

static uint64_t told(void)
{
	return fixture_count(f, f->uplink, COUNTER_STALE_TOLD) + fixture_count(f, f->uplink, COUNTER_STALE_LIMITED) +
	       fixture_count(f, f->a.ifindex, COUNTER_STALE_TOLD);
}

static uint64_t session_epoch(const struct packet_spec *spec)
{
	struct session_value session = {0};

	CHECK(!fixture_session(f, &f->a, &f->r, spec->protocol, spec->destination_port, spec->source_port, &session),
		"there is no session");
	return session.epoch;
}

/* Told to the agent once for each key, with who the sender is, and charged to what arrives, not to what the node itself asks. */
static void test_held(void)
{
	static const uint8_t protocols[] = {PROTOCOL_UDP, PROTOCOL_TCP, PROTOCOL_ICMP, PROTOCOL_SCTP};
	size_t octets = 0;

	for (uint32_t i = 0; i < sizeof(protocols); i++) {
		const struct rule_key key = key_of(protocols[i]);
		struct packet_spec spec = inward(protocols[i]);
		struct pending_value pending = {0};
		struct question question = {0};

		HOLDS(f, &f->a, &spec, i + 1);
		CU_ASSERT_EQUAL_FATAL(negotiation_questions(f, &question), 1);
		CU_ASSERT_EQUAL(question.kind, QUESTION_HOLD);
		CHECK(!memcmp(&question.key, &key, sizeof(key)), "protocol %u: it waits for another key", protocols[i]);
		CU_ASSERT(question.question == i + 1 && question.number == f->a.number);
		CU_ASSERT_EQUAL(question.ifindex, f->a.ifindex);
		CU_ASSERT(!memcmp(question.source_prefix, f->r.prefix, OVNET_PREFIX_LEN));
		HOLDS(f, &f->a, &spec, i + 1);
		CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
		CU_ASSERT_EQUAL(negotiation_pending(f, &key, &pending), 0);
		CU_ASSERT(pending.queued == 2 && pending.drained == 0 && pending.flags == 0);
		packet_build(&spec, &frame);
		octets += 2 * frame.length;
		CU_ASSERT(budget().holds == i + 1 && budget().held_packets == 2 * (i + 1));
		CU_ASSERT_EQUAL(budget().held_bytes, octets);
	}
	CU_ASSERT(budget().pending == 0 && budget().queued_packets == 0 && budget().queued_bytes == 0);
	CU_ASSERT(budget().next_ns == 0 && budget().stale_next_ns == 0);
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_QUESTIONS_ASKED), 0);
	CU_ASSERT_EQUAL(fixture_sessions(f), 0);
	CU_ASSERT_EQUAL(told(), 0);
}

/* A rule that holds no more is as none; one that denies, or a sender who is not who he says, is refused as ever. */
static void test_which(void)
{
	struct fixture_rule rule = {.local = &f->a, .peer = &f->r, .direction = DIRECTION_IN, .width = WIDTH_PEER};
	struct packet_spec spec = inward(PROTOCOL_UDP), wrong;
	struct port_value port = fixture_port(f, &f->a);

	rule.expires_ns = 1;
	fixture_rule_set(f, &rule);
	HOLDS(f, &f->a, &spec, 1);
	rule.expires_ns = 0;
	rule.peer_incarnation = f->r.incarnation - 1;
	fixture_rule_set(f, &rule);
	HOLDS(f, &f->a, &spec, 1);
	rule.peer_incarnation = 0;
	rule.verdict = VERDICT_ASK;
	fixture_rule_set(f, &rule);
	HOLDS(f, &f->a, &spec, 1);
	setup();
	rule.verdict = VERDICT_DENY;
	fixture_rule_set(f, &rule);
	REFUSED(f, &spec, REASON_RULE_DENY);
	setup();
	wrong = spec;
	wrong.source[7] ^= 3;
	REFUSED(f, &wrong, REASON_FORGED_SOURCE);
	wrong = spec;
	wrong.source[15] = 99;
	REFUSED(f, &wrong, REASON_UNKNOWN_SOURCE);
	wrong = spec;
	wrong.destination[8] ^= 4;
	REFUSED(f, &wrong, REASON_NO_NODE);
	fixture_mapping_set(f, &f->r, fixture_now_ns());
	REFUSED(f, &spec, REASON_MAPPING_EXPIRED);
	setup();
	port.flags = PORT_NEGOTIATE;
	fixture_port_set(f, &f->a, &port);
	REFUSED(f, &spec, REASON_NO_RULE);
	port.flags = PORT_HOLD;
	fixture_port_set(f, &f->a, &port);
	REFUSED(f, &spec, REASON_NO_RULE);
	setup();
	negotiation_channel_set(f, &(struct channel_value){.alive_ns = fixture_now_ns(), .queue_ifindex = f->queue});
	REFUSED(f, &spec, REASON_NO_RULE);
	CU_ASSERT(negotiation_pendings(f) == 0 && budget().holds == 0 && budget().held_packets == 0);
}

/* Back with a rule it is delivered, as if it had come now; without one it ends. Nobody is told of that here. */
static void test_back(void)
{
	static const uint8_t protocols[] = {PROTOCOL_UDP, PROTOCOL_TCP, PROTOCOL_ICMP, PROTOCOL_SCTP};

	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct packet_spec spec = inward(protocols[i]);
		struct fixture_rule deny = {.local = &f->a,
			.peer = &f->r,
			.direction = DIRECTION_IN,
			.width = WIDTH_PEER,
			.verdict = VERDICT_DENY};

		setup();
		fixture_allow(f, &f->a, &f->r, DIRECTION_IN);
		GOES(f, &spec, &expected);
		setup();
		HOLDS(f, &f->a, &spec, 1);
		HOLDS(f, &f->a, &spec, 1);
		HOLDS(f, &f->a, &spec, 1);
		packet_build(&spec, &frame);
		DROPPED(f, back(), &frame, REASON_HOLD_EXPIRED);
		fixture_rule_set(f, &deny);
		DROPPED(f, back(), &frame, REASON_RULE_DENY);
		fixture_allow(f, &f->a, &f->r, DIRECTION_IN);
		SENT(f, back(), &frame, &out);
		SOUND(&out);
		SAME(&out, &expected);
		CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_PACKETS_RELEASED), 3);
		CU_ASSERT_EQUAL(told(), 0);
	}
}

/* Nothing overtakes what waits: not with a rule, and not because the node has answered meanwhile. */
static void test_order(void)
{
	struct packet_spec spec = inward(PROTOCOL_UDP), answer = fixture_from(&f->a, &f->r, PROTOCOL_UDP);

	answer.source_port = spec.destination_port;
	answer.destination_port = spec.source_port;
	HOLDS(f, &f->a, &spec, 1);
	HOLDS(f, &f->a, &spec, 1);
	fixture_allow(f, &f->a, &f->r, DIRECTION_IN);
	HOLDS(f, &f->a, &spec, 1);
	packet_build(&spec, &frame);
	SENT(f, back(), &frame, NULL);
	CU_ASSERT_EQUAL(session_epoch(&spec), 0);
	GOES(f, &answer, NULL);
	CU_ASSERT_EQUAL(session_epoch(&spec), 0);
	HOLDS(f, &f->a, &spec, 1);
	for (int i = 0; i < 3; i++) {
		SENT(f, back(), &frame, NULL);
		CU_ASSERT_EQUAL(session_epoch(&spec), 0);
	}
	GOES(f, &spec, NULL);
	CU_ASSERT_EQUAL(session_epoch(&spec), fixture_state(f, &f->a).epoch);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 1);
}

/* One after another: what is reached, and then the next. */
static void test_bounds(void)
{
	struct packet_spec spec = inward(PROTOCOL_UDP), other = spec,
			   neighbour = fixture_arrival(&f->r, &f->b, PROTOCOL_UDP);
	struct packet_spec outward = fixture_from(&f->a, &f->r, PROTOCOL_TCP);
	struct budget few = budget();

	other.destination_port++;
	few.packets_quota = 2;
	negotiation_budget_set(f, f->a.number, &few);
	HOLDS(f, &f->a, &spec, 1);
	HOLDS(f, &f->a, &spec, 1);
	REFUSED(f, &spec, REASON_HOLD_FULL);
	REFUSED(f, &other, REASON_HOLD_FULL);
	CU_ASSERT_EQUAL(budget().held_packets, 2);
	/* The node's own packets, and its neighbour, have theirs. */
	WAITS(f, &f->a, &outward, 3);
	HOLDS(f, &f->b, &neighbour, 1);
	setup();
	packet_build(&spec, &frame);
	few = budget();
	few.bytes_quota = 2 * frame.length;
	negotiation_budget_set(f, f->a.number, &few);
	HOLDS(f, &f->a, &spec, 1);
	HOLDS(f, &f->a, &spec, 1);
	REFUSED(f, &spec, REASON_HOLD_FULL);
	CU_ASSERT(budget().held_packets == 2 && budget().held_bytes == few.bytes_quota);
	setup();
	few = budget();
	few.holds_quota = 1;
	negotiation_budget_set(f, f->a.number, &few);
	HOLDS(f, &f->a, &spec, 1);
	REFUSED(f, &other, REASON_HOLD_QUOTA);
	HOLDS(f, &f->a, &spec, 1);
	CU_ASSERT_EQUAL(budget().holds, 1);
	WAITS(f, &f->a, &outward, 2);
	setup();
	few = budget();
	few.interval_ns = HOUR_NS;
	few.burst_ns = 0;
	negotiation_budget_set(f, f->a.number, &few);
	HOLDS(f, &f->a, &spec, 1);
	REFUSED(f, &other, REASON_HOLD_RATE);
	HOLDS(f, &f->a, &spec, 1);
	WAITS(f, &f->a, &outward, 2);
	CU_ASSERT_EQUAL(told(), 0);
}

/* A hold that is too old is no hold: the next arrival begins another. */
static void test_expired(void)
{
	const struct rule_key key = key_of(PROTOCOL_UDP);
	struct packet_spec spec = inward(PROTOCOL_UDP);
	struct pending_value pending = {0};

	HOLDS(f, &f->a, &spec, 1);
	CU_ASSERT_EQUAL(negotiation_pending(f, &key, &pending), 0);
	pending.expires_ns = fixture_now_ns();
	negotiation_pending_set(f, &key, &pending);
	HOLDS(f, &f->a, &spec, 2);
	CU_ASSERT_EQUAL(budget().holds, 1);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 2);
}

/* As long as the mark of the question is there, its sender's agent hears of no stale rule; afterwards as ever. */
static void test_not_told(void)
{
	struct fixture_rule deny = {.local = &f->a,
		.peer = &f->r,
		.direction = DIRECTION_IN,
		.width = WIDTH_PEER,
		.verdict = VERDICT_DENY};
	const struct rule_key key = key_of(PROTOCOL_UDP);
	struct packet_spec spec = inward(PROTOCOL_UDP);
	struct fixture_run early = FROM_XDP(f);

	HOLDS(f, &f->a, &spec, 1);
	fixture_rule_set(f, &deny);
	REFUSED(f, &spec, REASON_RULE_DENY);
	packet_build(&spec, &frame);
	DROPPED(f, early, &frame, REASON_RULE_DENY);
	CU_ASSERT_EQUAL(told(), 0);
	negotiation_pending_del(f, &key);
	REFUSED(f, &spec, REASON_RULE_DENY);
	CU_ASSERT_EQUAL(told(), 1);
}

/* XDP leaves to tc what may wait, and refuses early what will not fit; it takes nothing from the budget. */
static void test_xdp(void)
{
	struct packet_spec spec = inward(PROTOCOL_UDP), wrong = spec;
	struct budget few = budget();

	packet_build(&spec, &frame);
	PASSED(f, FROM_XDP(f), &frame);
	CU_ASSERT(budget().holds == 0 && budget().held_packets == 0 && negotiation_questions(f, NULL) == 0);
	wrong.source[7] ^= 3;
	packet_build(&wrong, &frame);
	DROPPED(f, FROM_XDP(f), &frame, REASON_FORGED_SOURCE);
	few.packets_quota = 1;
	negotiation_budget_set(f, f->a.number, &few);
	HOLDS(f, &f->a, &spec, 1);
	packet_build(&spec, &frame);
	DROPPED(f, FROM_XDP(f), &frame, REASON_HOLD_FULL);
	CU_ASSERT_EQUAL(told(), 0);
}

/* Whatever comes back, nothing of it is the host's: not an address outside the prefix, nor another frame. */
static void test_foreign(void)
{
	struct packet_spec spec = inward(PROTOCOL_UDP), other = spec;

	fixture_allow(f, &f->a, &f->r, DIRECTION_IN);
	other.destination[0] ^= 1;
	packet_build(&other, &frame);
	DROPPED(f, back(), &frame, REASON_NO_NODE);
	other = fixture_from(&f->a, &f->r, PROTOCOL_UDP);
	packet_build(&other, &frame);
	DROPPED(f, back(), &frame, REASON_NO_NODE);
	other = spec;
	memset(other.destination + 9, 0, 3);
	packet_build(&other, &frame);
	DROPPED(f, back(), &frame, REASON_NO_NODE);
}

/* A grant's end while the node has sent to the peer: what opens a conversation waits for its own question. */
static void test_turned(void)
{
	struct packet_spec spec = inward(PROTOCOL_TCP), outward = fixture_from(&f->a, &f->r, PROTOCOL_TCP);
	struct question question = {0};

	outward.source_port = spec.destination_port;
	outward.destination_port = spec.source_port;
	outward.tcp_flags = TCP_FLAG_SYN;
	spec.tcp_flags = TCP_FLAG_SYN;
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	GOES(f, &outward, NULL);
	HOLDS(f, &f->a, &spec, 1);
	CU_ASSERT_EQUAL(negotiation_questions(f, &question), 1);
	CU_ASSERT_EQUAL(question.key.direction, DIRECTION_IN);
	/* An answer to what the node began is none. */
	spec.tcp_flags = TCP_FLAG_SYN | TCP_FLAG_ACK;
	GOES(f, &spec, NULL);
}

static int start(void)
{
	return fixture_open(&(struct fixture_options){0}, &f);
}

static void stop(void)
{
	fixture_close(f);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"held, and told once", test_held},
		{"which are, and which are not", test_which},
		{"back from waiting", test_back},
		{"order", test_order},
		{"bounds", test_bounds},
		{"the hold's time", test_expired},
		{"no report while the question is open", test_not_told},
		{"XDP", test_xdp},
		{"nothing for the host", test_foreign},
		{"a conversation the other way", test_turned},
		CU_TEST_INFO_NULL,
	};
	const struct suite suite = {.name = "held arrivals",
		.start = start,
		.stop = stop,
		.setup = setup,
		.tests = tests};

	return suite_main(&suite);
}
