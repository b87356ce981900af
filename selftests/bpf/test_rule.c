/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules: which one decides, and in which direction it opens. What sessions make of them is in test_session.c.
 */
#include "selftests/bpf/fixture.h"

#include <string.h>

static struct fixture *f;
static struct frame out;

static void setup(void)
{
	fixture_reset(f);
}

static struct packet_spec outward(uint8_t protocol)
{
	return fixture_from(&f->a, &f->r, protocol);
}

static struct packet_spec inward(uint8_t protocol)
{
	return fixture_arrival(&f->r, &f->a, protocol);
}

/* The session of the usual UDP or TCP packet of a to r, or of r to a (`inbound`). */
static int session_of(uint8_t protocol, bool inbound, struct session_value *session)
{
	struct packet_spec spec = outward(protocol);

	return fixture_session(f, &f->a, &f->r, protocol, inbound ? spec.destination_port : spec.source_port,
		inbound ? spec.source_port : spec.destination_port, session);
}

static void test_widths(void)
{
	static const enum width widths[] = {WIDTH_PORT, WIDTH_PROTOCOL, WIDTH_PEER};
	struct packet_spec usual = outward(PROTOCOL_UDP), port = outward(PROTOCOL_UDP), tcp = outward(PROTOCOL_TCP);
	struct packet_spec other = fixture_from(&f->a, &f->s, PROTOCOL_UDP);

	port.destination_port++;
	for (size_t i = 0; i < 3; i++) {
		struct fixture_rule rule = {.local = &f->a,
			.peer = &f->r,
			.direction = DIRECTION_OUT,
			.width = widths[i],
			.policy = 7};
		struct session_value session = {0};

		fixture_reset(f);
		rule.protocol = widths[i] <= WIDTH_PROTOCOL ? PROTOCOL_UDP : 0;
		rule.port = widths[i] <= WIDTH_PORT ? usual.destination_port : 0;
		fixture_rule_set(f, &rule);
		GOES(f, &usual, &out);
		CU_ASSERT_EQUAL(session_of(PROTOCOL_UDP, false, &session), 0);
		CU_ASSERT(session.width == widths[i] && session.policy == 7);
		if (widths[i] >= WIDTH_PROTOCOL)
			GOES(f, &port, &out);
		else
			REFUSED(f, &port, REASON_NO_RULE);
		if (widths[i] >= WIDTH_PEER)
			GOES(f, &tcp, &out);
		else
			REFUSED(f, &tcp, REASON_NO_RULE);
		REFUSED(f, &other, REASON_NO_RULE);
	}
}

/* For ICMP the port of a rule is the type of the question. */
static void test_icmp_rule(void)
{
	struct fixture_rule rule = {.local = &f->a,
		.peer = &f->r,
		.direction = DIRECTION_OUT,
		.width = WIDTH_PORT,
		.protocol = PROTOCOL_ICMP,
		.port = ICMP_TYPE_ECHO};
	struct packet_spec echo = outward(PROTOCOL_ICMP), reply = inward(PROTOCOL_ICMP);

	fixture_rule_set(f, &rule);
	GOES(f, &echo, &out);
	fixture_turn(&reply);
	GOES(f, &reply, &out);
	reply.icmp_identifier++;
	REFUSED(f, &reply, REASON_NO_RULE);
}

/* From narrow to wide, the first live one decides; what is expired or stale is as if it were not there. */
static void test_precedence(void)
{
	struct fixture_rule narrow = {.local = &f->a,
		.peer = &f->r,
		.direction = DIRECTION_OUT,
		.width = WIDTH_PORT,
		.protocol = PROTOCOL_UDP};
	struct fixture_rule middle = narrow, wide = narrow;
	struct packet_spec usual = outward(PROTOCOL_UDP), port = outward(PROTOCOL_UDP);

	narrow.port = usual.destination_port;
	middle.width = WIDTH_PROTOCOL;
	wide.width = WIDTH_PEER;
	wide.protocol = 0;

	wide.verdict = VERDICT_DENY;
	fixture_rule_set(f, &narrow);
	fixture_rule_set(f, &wide);
	port.destination_port++;
	GOES(f, &usual, &out);
	REFUSED(f, &port, REASON_RULE_DENY);
	middle.verdict = VERDICT_DENY;
	wide.verdict = VERDICT_ALLOW;
	fixture_rule_set(f, &middle);
	fixture_rule_set(f, &wide);
	REFUSED(f, &port, REASON_RULE_DENY);

	/* A lost exception fails closed. */
	fixture_reset(f);
	wide.verdict = VERDICT_DENY;
	fixture_rule_set(f, &wide);
	narrow.expires_ns = fixture_now_ns();
	fixture_rule_set(f, &narrow);
	REFUSED(f, &usual, REASON_RULE_DENY);
	narrow.expires_ns = 0;
	narrow.incarnation = f->a.incarnation - 1;
	fixture_rule_set(f, &narrow);
	REFUSED(f, &usual, REASON_RULE_DENY);
	narrow.incarnation = 0;
	narrow.peer_incarnation = f->r.incarnation + 1;
	fixture_rule_set(f, &narrow);
	REFUSED(f, &usual, REASON_RULE_DENY);
	/* Alone, each says what it is. */
	fixture_rule_del(f, &wide);
	REFUSED(f, &usual, REASON_RULE_STALE);
	narrow.peer_incarnation = 0;
	narrow.expires_ns = 1;
	fixture_rule_set(f, &narrow);
	REFUSED(f, &usual, REASON_RULE_EXPIRED);
	/* A narrow deny that has ended uncovers the wide allow. */
	narrow.verdict = VERDICT_DENY;
	fixture_rule_set(f, &narrow);
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	GOES(f, &usual, &out);
	CU_ASSERT_EQUAL(fixture_sessions(f), 1);
}

/* What is there, and decides nothing about this packet. */
static void test_other_rules(void)
{
	struct fixture_rule arp = {.local = &f->a, .peer = &f->r, .width = WIDTH_ARP};
	struct packet_spec usual = outward(PROTOCOL_UDP);

	/* What answers ARP opens nothing, nor does a rule of another node, vnet or direction. */
	fixture_rule_set(f, &arp);
	arp.direction = DIRECTION_OUT;
	fixture_rule_set(f, &arp);
	fixture_allow(f, &f->b, &f->r, DIRECTION_OUT);
	fixture_allow(f, &f->c, &f->r, DIRECTION_OUT);
	fixture_allow(f, &f->a, &f->s, DIRECTION_OUT);
	fixture_allow(f, &f->r, &f->a, DIRECTION_OUT);
	fixture_allow(f, &f->a, &f->r, DIRECTION_IN);
	REFUSED(f, &usual, REASON_NO_RULE);
	CU_ASSERT_EQUAL(fixture_sessions(f), 0);
}

/* A rule counts the sessions it admits and the packets it refuses, not each packet. */
static void test_hits(void)
{
	struct fixture_rule rule = {.local = &f->a, .peer = &f->r, .direction = DIRECTION_OUT, .width = WIDTH_PEER};
	struct packet_spec usual = outward(PROTOCOL_UDP);

	fixture_rule_set(f, &rule);
	for (int i = 0; i < 3; i++)
		GOES(f, &usual, &out);
	CU_ASSERT_EQUAL(fixture_rule_hits(f, &rule), 1);
	rule.verdict = VERDICT_DENY;
	fixture_rule_set(f, &rule);
	fixture_epoch(f, &f->a);
	for (int i = 0; i < 3; i++)
		REFUSED(f, &usual, REASON_RULE_DENY);
	CU_ASSERT_EQUAL(fixture_rule_hits(f, &rule), 3);
}

static void test_direction_tcp(void)
{
	struct packet_spec syn = inward(PROTOCOL_TCP), answer = outward(PROTOCOL_TCP), reverse;
	struct session_value before = {0}, after = {0};

	fixture_allow(f, &f->a, &f->r, DIRECTION_IN);
	GOES(f, &syn, &out);
	fixture_turn(&answer);
	GOES(f, &answer, &out);
	CU_ASSERT_EQUAL(session_of(PROTOCOL_TCP, true, &before), 0);
	CU_ASSERT_EQUAL(before.direction, DIRECTION_IN);
	/* A SYN the other way on the very same ports is a new conversation, which nobody allowed. */
	reverse = answer;
	reverse.tcp_flags = TCP_FLAG_SYN;
	REFUSED(f, &reverse, REASON_NO_RULE);
	CU_ASSERT_EQUAL(session_of(PROTOCOL_TCP, true, &after), 0);
	CHECK(!memcmp(&before, &after, sizeof(before)), "a refused SYN changed the session");
	CU_ASSERT_EQUAL(fixture_state(f, &f->a).sessions, 1);
	GOES(f, &syn, &out);
	GOES(f, &answer, &out);
	/* Other ports are no replies. */
	answer.source_port++;
	REFUSED(f, &answer, REASON_NO_RULE);
	/* Once allowed, the SYN turns the session round. */
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	GOES(f, &reverse, &out);
	CU_ASSERT_EQUAL(session_of(PROTOCOL_TCP, true, &after), 0);
	CU_ASSERT(after.direction == DIRECTION_OUT && after.flags == 0);
	CU_ASSERT_EQUAL(fixture_state(f, &f->a).sessions, 1);
}

static void test_direction_tcp_out(void)
{
	struct packet_spec syn = outward(PROTOCOL_TCP), reverse = inward(PROTOCOL_TCP);
	struct session_value before = {0}, after = {0};

	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	GOES(f, &syn, &out);
	CU_ASSERT_EQUAL(session_of(PROTOCOL_TCP, false, &before), 0);
	fixture_turn(&reverse);
	reverse.tcp_flags = TCP_FLAG_SYN;
	REFUSED(f, &reverse, REASON_NO_RULE);
	CU_ASSERT_EQUAL(session_of(PROTOCOL_TCP, false, &after), 0);
	CHECK(!memcmp(&before, &after, sizeof(before)), "a refused SYN changed the session");
	reverse.tcp_flags = TCP_FLAG_SYN | TCP_FLAG_ACK;
	GOES(f, &reverse, &out);
}

/* A grant inward lets the node answer an echo, and not ask: whatever identifier the question bears, 0 too. */
static void test_direction_icmp(void)
{
	static const uint16_t identifiers[] = {0x4321, 0, 0xffff};

	for (size_t i = 0; i < 3; i++) {
		struct packet_spec question = inward(PROTOCOL_ICMP), ours = outward(PROTOCOL_ICMP);

		fixture_reset(f);
		fixture_allow(f, &f->a, &f->r, DIRECTION_IN);
		question.icmp_identifier = identifiers[i];
		ours.icmp_identifier = identifiers[i];
		GOES(f, &question, &out);
		CHECK(REFUSED(f, &ours, REASON_NO_RULE), "an echo request with the identifier 0x%04x goes out",
			identifiers[i]);
		fixture_turn(&ours);
		GOES(f, &ours, &out);
	}
}

/* Nor does an answer that nobody asked for make the node's own question with that identifier a reply. */
static void test_direction_icmp_unasked(void)
{
	struct packet_spec unasked = inward(PROTOCOL_ICMP), ours = outward(PROTOCOL_ICMP);

	fixture_allow(f, &f->a, &f->r, DIRECTION_IN);
	fixture_turn(&unasked);
	GOES(f, &unasked, &out);
	REFUSED(f, &ours, REASON_NO_RULE);
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
		{"three widths", test_widths},
		{"a rule for ICMP", test_icmp_rule},
		{"precedence", test_precedence},
		{"rules for something else", test_other_rules},
		{"hits", test_hits},
		{"direction: a grant inward, TCP", test_direction_tcp},
		{"direction: a grant outward, TCP", test_direction_tcp_out},
		{"direction: a grant inward, ICMP", test_direction_icmp},
		{"direction: a grant inward, an answer unasked", test_direction_icmp_unasked},
		CU_TEST_INFO_NULL,
	};
	const struct suite suite = {.name = "rules", .start = start, .stop = stop, .setup = setup, .tests = tests};

	return suite_main(&suite);
}
