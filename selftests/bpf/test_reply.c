/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replies that need a rule of their own direction (DTM-8's option, PORT_ASK_REPLIES), and those that do not. That a
 * grant of one direction opens no conversation in the other is in test_rule.c.
 */
#include "selftests/bpf/fixture.h"
#include "selftests/bpf/negotiation.h"

#include <string.h>

static struct fixture *f;
static struct frame frame, out;

/* One conversation: how it is begun and answered, and under which ports the answer's own rule is. */
struct talk {
	uint8_t protocol;
	uint16_t opening;
	uint16_t reply;
};

static const struct talk talks[] = {
	{PROTOCOL_UDP, 80, 40000},
	{PROTOCOL_TCP, 80, 40000},
	{PROTOCOL_ICMP, ICMP_TYPE_ECHO, ICMP_TYPE_REPLY},
	{PROTOCOL_SCTP, 0, 0},
};
#define TALKS (sizeof(talks) / sizeof(talks[0]))

static void setup(void)
{
	fixture_reset(f);
	negotiation_on(f, &f->a, PORT_ASK_REPLIES);
}

static struct fixture_rule rule_of(const struct talk *talk, enum direction direction, uint16_t port)
{
	return (struct fixture_rule){.local = &f->a,
		.peer = &f->r,
		.direction = direction,
		.width = WIDTH_PORT,
		.protocol = talk->protocol,
		.port = port};
}

static struct packet_spec packet_out(const struct talk *talk, bool reply)
{
	struct packet_spec spec = fixture_from(&f->a, &f->r, talk->protocol);

	if (reply)
		fixture_turn(&spec);
	return spec;
}

static struct packet_spec packet_in(const struct talk *talk, bool reply)
{
	struct packet_spec spec = fixture_arrival(&f->r, &f->a, talk->protocol);

	if (reply)
		fixture_turn(&spec);
	return spec;
}

/* The session of the conversation that a (or else its peer) began. */
static struct session_value session_of(const struct talk *talk, bool outward)
{
	struct packet_spec spec = packet_out(talk, !outward);
	uint16_t local = spec.source_port, peer = spec.destination_port;
	struct session_value session = {0};

	if (talk->protocol == PROTOCOL_ICMP) {
		local = outward ? spec.icmp_identifier : 0;
		peer = outward ? 0 : spec.icmp_identifier;
	} else if (talk->protocol == PROTOCOL_SCTP) {
		local = peer = 0;
	}
	CHECK(!fixture_session(f, &f->a, &f->r, talk->protocol, local, peer, &session), "protocol %u: no session",
		talk->protocol);
	return session;
}

/* Without the option, one rule carries both directions, and says nothing of replies. */
static void test_without(void)
{
	for (size_t i = 0; i < TALKS; i++) {
		struct packet_spec opening = packet_in(&talks[i], false), reply = packet_out(&talks[i], true);
		const struct fixture_rule inward = rule_of(&talks[i], DIRECTION_IN, talks[i].opening);

		fixture_reset(f);
		negotiation_on(f, &f->a, 0);
		fixture_rule_set(f, &inward);
		GOES(f, &opening, &out);
		GOES(f, &reply, &out);
		CU_ASSERT_EQUAL(packet_get16(&out, 12), 0x86dd);
		CU_ASSERT_EQUAL(session_of(&talks[i], false).flags, SESSION_REPLIED);
		CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
	}
}

/* The peer began: the node's reply is asked for, under its own direction and port. */
static void test_reply_out(void)
{
	for (size_t i = 0; i < TALKS; i++) {
		struct packet_spec opening = packet_in(&talks[i], false), reply = packet_out(&talks[i], true);
		const struct fixture_rule inward = rule_of(&talks[i], DIRECTION_IN, talks[i].opening);
		const struct fixture_rule outward = rule_of(&talks[i], DIRECTION_OUT, talks[i].reply);
		const struct rule_key key = negotiation_key(&f->a, &f->r, talks[i].protocol, talks[i].reply);
		struct question question = {0};

		setup();
		fixture_rule_set(f, &inward);
		GOES(f, &opening, &out);
		CU_ASSERT_EQUAL(session_of(&talks[i], false).flags, SESSION_ASK_REPLIES);
		WAITS(f, &f->a, &reply, 1);
		WAITS(f, &f->a, &reply, 1);
		CU_ASSERT_EQUAL(negotiation_questions(f, &question), 1);
		CHECK(!memcmp(&question.key, &key, sizeof(key)), "protocol %u: another key was asked for",
			talks[i].protocol);
		/* The conversation goes on as far as it is allowed. */
		GOES(f, &opening, &out);
		CU_ASSERT_EQUAL(session_of(&talks[i], false).flags, SESSION_ASK_REPLIES);
		fixture_rule_set(f, &outward);
		BACK(f, &f->a, &reply, &out);
		BACK(f, &f->a, &reply, &out);
		GOES(f, &reply, &out);
		CU_ASSERT_EQUAL(packet_get16(&out, 12), 0x86dd);
		CU_ASSERT_EQUAL(session_of(&talks[i], false).flags,
			SESSION_ASK_REPLIES | SESSION_REPLY_PROVED | SESSION_REPLIED);
		CU_ASSERT_EQUAL(session_of(&talks[i], false).direction, DIRECTION_IN);
		/* Each rule was looked at when it had to be, and not for each packet. */
		CU_ASSERT_EQUAL(fixture_rule_hits(f, &outward), 3);
		GOES(f, &reply, &out);
		GOES(f, &opening, &out);
		CU_ASSERT_EQUAL(fixture_rule_hits(f, &outward), 3);
		CU_ASSERT(fixture_sessions(f) == 1 && fixture_state(f, &f->a).sessions == 1);
		CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
	}
}

/* The node began: what comes back needs a rule inward, or is refused at the door of the host that it comes to. */
static void test_reply_in(void)
{
	for (size_t i = 0; i < TALKS; i++) {
		struct packet_spec opening = packet_out(&talks[i], false), reply = packet_in(&talks[i], true);
		const struct fixture_rule outward = rule_of(&talks[i], DIRECTION_OUT, talks[i].opening);
		const struct fixture_rule inward = rule_of(&talks[i], DIRECTION_IN, talks[i].reply);
		struct fixture_rule wrong = inward;

		setup();
		fixture_rule_set(f, &outward);
		GOES(f, &opening, &out);
		REFUSED(f, &reply, REASON_NO_RULE);
		wrong.verdict = VERDICT_DENY;
		fixture_rule_set(f, &wrong);
		REFUSED(f, &reply, REASON_RULE_DENY);
		CU_ASSERT_EQUAL(session_of(&talks[i], true).flags, SESSION_ASK_REPLIES);
		GOES(f, &opening, &out);
		fixture_rule_set(f, &inward);
		packet_build(&reply, &frame);
		PASSED(f, FROM_XDP(f), &frame);
		GOES(f, &reply, &out);
		CU_ASSERT_EQUAL(session_of(&talks[i], true).flags,
			SESSION_ASK_REPLIES | SESSION_REPLY_PROVED | SESSION_REPLIED);
		CU_ASSERT_EQUAL(fixture_sessions(f), 1);
		CU_ASSERT_EQUAL(fixture_rule_hits(f, &inward), 1);
		PASSED(f, FROM_XDP(f), &frame);
		CU_ASSERT_EQUAL(fixture_rule_hits(f, &inward), 1);
	}
}

/* A rule for the opening is none for the reply, and the other way round. */
static void test_own_rule(void)
{
	const struct talk *ping = &talks[2];
	struct packet_spec opening = packet_in(ping, false), reply = packet_out(ping, true);
	struct packet_spec echo = packet_out(ping, false);
	const struct fixture_rule inward = rule_of(ping, DIRECTION_IN, ICMP_TYPE_ECHO);
	const struct fixture_rule asks = rule_of(ping, DIRECTION_OUT, ICMP_TYPE_ECHO);
	const struct fixture_rule answers = rule_of(ping, DIRECTION_OUT, ICMP_TYPE_REPLY);

	/* May ask, and may not answer. */
	fixture_rule_set(f, &inward);
	fixture_rule_set(f, &asks);
	GOES(f, &opening, &out);
	WAITS(f, &f->a, &reply, 1);
	/* May answer, and not ask. */
	setup();
	fixture_rule_set(f, &inward);
	fixture_rule_set(f, &answers);
	GOES(f, &opening, &out);
	GOES(f, &reply, &out);
	CU_ASSERT_EQUAL(packet_get16(&out, 12), 0x86dd);
	WAITS(f, &f->a, &echo, 1);
}

/* After a change both directions prove themselves, each against its own rule. */
static void test_epoch(void)
{
	const struct talk *udp = &talks[0];
	struct packet_spec opening = packet_out(udp, false), reply = packet_in(udp, true);
	const struct fixture_rule outward = rule_of(udp, DIRECTION_OUT, udp->opening);
	const struct fixture_rule inward = rule_of(udp, DIRECTION_IN, udp->reply);

	fixture_rule_set(f, &outward);
	fixture_rule_set(f, &inward);
	GOES(f, &opening, &out);
	GOES(f, &reply, &out);
	/* The reply proved the opening too. */
	CU_ASSERT(fixture_rule_hits(f, &outward) == 2 && fixture_rule_hits(f, &inward) == 1);
	fixture_epoch(f, &f->a);
	/* The opening proves itself only: the reply is open again. */
	GOES(f, &opening, &out);
	CU_ASSERT_EQUAL(session_of(udp, true).flags, SESSION_ASK_REPLIES | SESSION_REPLIED);
	CU_ASSERT(fixture_rule_hits(f, &outward) == 3 && fixture_rule_hits(f, &inward) == 1);
	GOES(f, &reply, &out);
	CU_ASSERT_EQUAL(session_of(udp, true).flags, SESSION_ASK_REPLIES | SESSION_REPLY_PROVED | SESSION_REPLIED);
	CU_ASSERT_EQUAL(fixture_rule_hits(f, &inward), 2);
	CU_ASSERT_EQUAL(session_of(udp, true).epoch, fixture_state(f, &f->a).epoch);
	/* A reply proves both at once. */
	fixture_epoch(f, &f->a);
	GOES(f, &reply, &out);
	CU_ASSERT_EQUAL(session_of(udp, true).flags, SESSION_ASK_REPLIES | SESSION_REPLY_PROVED | SESSION_REPLIED);
	/* Without its own rule it is refused, and the conversation stays; without the opening's it is over. */
	fixture_rule_del(f, &inward);
	fixture_epoch(f, &f->a);
	REFUSED(f, &reply, REASON_NO_RULE);
	GOES(f, &opening, &out);
	REFUSED(f, &reply, REASON_NO_RULE);
	CU_ASSERT_EQUAL(fixture_sessions(f), 1);
	fixture_rule_set(f, &inward);
	fixture_rule_del(f, &outward);
	fixture_epoch(f, &f->a);
	REFUSED(f, &reply, REASON_NO_RULE);
	CU_ASSERT(fixture_sessions(f) == 0 && fixture_state(f, &f->a).sessions == 0);
}

/* The earlier of the two rules' ends is the session's, and each direction finds its own. */
static void test_expiry(void)
{
	const struct talk *udp = &talks[0];
	struct packet_spec opening = packet_out(udp, false), reply = packet_in(udp, true);
	struct fixture_rule outward = rule_of(udp, DIRECTION_OUT, udp->opening);
	struct fixture_rule inward = rule_of(udp, DIRECTION_IN, udp->reply);

	outward.expires_ns = fixture_now_ns() + 2 * HOUR_NS;
	inward.expires_ns = fixture_now_ns() + HOUR_NS;
	fixture_rule_set(f, &outward);
	fixture_rule_set(f, &inward);
	GOES(f, &opening, &out);
	CU_ASSERT_EQUAL(session_of(udp, true).expires_ns, outward.expires_ns);
	GOES(f, &reply, &out);
	CU_ASSERT_EQUAL(session_of(udp, true).expires_ns, inward.expires_ns);
	/* The reply's rule ends: then replies do, and what the node sends goes on. */
	for (uint64_t span = 5000000;; span *= 2) {
		struct fixture_run run = FROM_UPLINK(f);

		setup();
		inward.expires_ns = fixture_now_ns() + span;
		fixture_rule_set(f, &outward);
		fixture_rule_set(f, &inward);
		GOES(f, &opening, &out);
		packet_build(&reply, &frame);
		CU_ASSERT_EQUAL_FATAL(fixture_send(f, &run, &frame, NULL), 0);
		/* A machine too slow for that gets more time. */
		if (fixture_now_ns() < inward.expires_ns) {
			CU_ASSERT_EQUAL(run.verdict, TC_ACT_REDIRECT);
			break;
		}
	}
	while (fixture_now_ns() < inward.expires_ns)
		GOES(f, &opening, &out);
	REFUSED(f, &reply, REASON_RULE_EXPIRED);
	GOES(f, &opening, &out);
	CU_ASSERT_EQUAL(session_of(udp, true).expires_ns, outward.expires_ns);
	REFUSED(f, &reply, REASON_RULE_EXPIRED);
}

/* Between neighbours each port has its own say: here only the one that answers wants replies asked for. */
static void test_neighbours(void)
{
	struct packet_spec opening = fixture_from(&f->a, &f->b, PROTOCOL_UDP);
	struct packet_spec reply = fixture_from(&f->b, &f->a, PROTOCOL_UDP);

	fixture_turn(&reply);
	fixture_reset(f);
	negotiation_on(f, &f->a, 0);
	negotiation_on(f, &f->b, PORT_ASK_REPLIES);
	fixture_allow(f, &f->a, &f->b, DIRECTION_OUT);
	fixture_allow(f, &f->b, &f->a, DIRECTION_IN);
	GOES(f, &opening, &out);
	CU_ASSERT(!memcmp(out.octet, f->b.mac, 6));
	WAITS(f, &f->b, &reply, 1);
	fixture_allow(f, &f->b, &f->a, DIRECTION_OUT);
	BACK(f, &f->b, &reply, &out);
	CU_ASSERT(!memcmp(out.octet, f->a.mac, 6));
	GOES(f, &reply, &out);
	CU_ASSERT(!memcmp(out.octet, f->a.mac, 6));
}

/* The node's address is on another port of the host now: its reply needs its rule there as well. */
static void test_changed_port(void)
{
	const struct talk *udp = &talks[0];
	struct packet_spec opening = packet_in(udp, false), reply = packet_out(udp, true);
	const struct fixture_rule inward = rule_of(udp, DIRECTION_IN, udp->opening);
	struct fixture_node moved = f->b;
	struct port_value port;

	negotiation_on(f, &f->b, PORT_ASK_REPLIES);
	fixture_rule_set(f, &inward);
	GOES(f, &opening, &out);
	port = fixture_port(f, &f->b);
	memcpy(moved.address, f->a.address, 4);
	memcpy(moved.dummy, f->a.dummy, 6);
	moved.incarnation = f->a.incarnation;
	memcpy(port.address, f->a.address, 4);
	fixture_port_set(f, &f->b, &port);
	fixture_mapping_set(f, &moved, OVNET_NEVER);
	fixture_epoch(f, &f->a);
	fixture_epoch(f, &f->b);
	memcpy(reply.from_mac, f->b.mac, 6);
	WAITS(f, &f->b, &reply, 1);
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
		{"replies that need no rule", test_without},
		{"a reply of the node", test_reply_out},
		{"a reply to the node", test_reply_in},
		{"each direction its own rule", test_own_rule},
		{"a new epoch", test_epoch},
		{"expiry", test_expiry},
		{"neighbours", test_neighbours},
		{"the node changed its port", test_changed_port},
		CU_TEST_INFO_NULL,
	};
	const struct suite suite = {.name = "replies", .start = start, .stop = stop, .setup = setup, .tests = tests};

	return suite_main(&suite);
}
