/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is sent on while its question is open (DTM-7's third mode), at its source: when the agent says so, in order, within bounds,
 * never against a rule; and what answers it meanwhile. Where it waits is in test_hold.c.
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
}

static struct packet_spec outward(uint8_t protocol)
{
	return fixture_from(&f->a, &f->r, protocol);
}

static struct packet_spec reply(uint8_t protocol)
{
	struct packet_spec spec = fixture_arrival(&f->r, &f->a, protocol);

	fixture_turn(&spec);
	return spec;
}

/* The agent gives a packet back. */
static struct fixture_run back(uint32_t mark)
{
	return (struct fixture_run){.hook = HOOK_NODE,
		.ifindex = f->a.ifindex,
		.waited = true,
		.mark = mark | f->a.number};
}

static struct rule_key key_of(uint8_t protocol)
{
	uint16_t port = protocol == PROTOCOL_ICMP ? ICMP_TYPE_ECHO : protocol == PROTOCOL_SCTP ? 0 : 80;

	return negotiation_key(&f->a, &f->r, protocol, port);
}

static struct pending_value pending_of(uint8_t protocol)
{
	const struct rule_key key = key_of(protocol);
	struct pending_value value = {0};

	CHECK(!negotiation_pending(f, &key, &value), "nothing is pending");
	return value;
}

static uint64_t forwarded(void)
{
	return fixture_count(f, f->a.ifindex, COUNTER_PACKETS_FORWARDED);
}

/* The session is there and proves nothing, or proves as much as the port's epoch. */
static void expect_session(const struct packet_spec *spec, bool proved)
{
	bool icmp = spec->protocol == PROTOCOL_ICMP;
	struct session_value session = {0};

	CHECK(!fixture_session(f, &f->a, &f->r, spec->protocol, icmp ? spec->icmp_identifier : spec->source_port,
		      icmp ? 0 : spec->destination_port, &session),
		"there is no session");
	CU_ASSERT_EQUAL(session.epoch, proved ? fixture_state(f, &f->a).epoch : 0);
	CU_ASSERT_EQUAL(session.direction, DIRECTION_OUT);
}

/* Asked, and sent on by the agent. */
static void begin(const struct packet_spec *spec, uint32_t question)
{
	WAITS(f, &f->a, spec, question);
	packet_build(spec, &frame);
	SENT(f, back(FORWARD_MARK), &frame, &out);
}

/* It leaves as it would with a rule, checksum and all, and so do those that follow: each by the agent. */
static void test_goes(void)
{
	static const uint8_t protocols[] = {PROTOCOL_UDP, PROTOCOL_TCP, PROTOCOL_ICMP, PROTOCOL_SCTP};

	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct packet_spec spec = outward(protocols[i]);
		struct pending_value pending;

		setup();
		fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
		GOES(f, &spec, &expected);
		setup();
		begin(&spec, 1);
		SAME(&out, &expected);
		SOUND(&out);
		pending = pending_of(protocols[i]);
		CU_ASSERT(pending.queued == 1 && pending.drained == 1 && pending.flags == PENDING_SENT_ON);
		begin(&spec, 1);
		SAME(&out, &expected);
		CU_ASSERT_EQUAL(forwarded(), 2);
		CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 1);
		if (protocols[i] != PROTOCOL_SCTP)
			expect_session(&spec, false);
		/* A rule comes: from here on it is a session like any other. */
		fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
		GOES(f, &spec, &out);
		CU_ASSERT_EQUAL(forwarded(), 2);
		if (protocols[i] != PROTOCOL_SCTP)
			expect_session(&spec, true);
	}
}

/* Nothing overtakes what is on its way by the agent: neither before there is a rule nor with one. */
static void test_order(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP);

	WAITS(f, &f->a, &spec, 1);
	WAITS(f, &f->a, &spec, 1);
	packet_build(&spec, &frame);
	SENT(f, back(FORWARD_MARK), &frame, NULL);
	WAITS(f, &f->a, &spec, 1);
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	WAITS(f, &f->a, &spec, 1);
	for (int i = 0; i < 3; i++) {
		SENT(f, back(i % 2 ? WAITED_MARK : FORWARD_MARK), &frame, NULL);
		expect_session(&spec, false);
	}
	GOES(f, &spec, NULL);
	expect_session(&spec, true);
	CU_ASSERT_EQUAL(forwarded(), 1);
}

/* A rule that denies, of whatever width, stands above what the agent said before it was there. */
static void test_denied(void)
{
	for (enum width width = WIDTH_PORT; width < WIDTH_MAX; width++) {
		struct fixture_rule rule = {.local = &f->a,
			.peer = &f->r,
			.direction = DIRECTION_OUT,
			.width = width,
			.protocol = width == WIDTH_PEER ? 0 : PROTOCOL_UDP,
			.port = width == WIDTH_PORT ? 80 : 0,
			.verdict = VERDICT_DENY};
		struct packet_spec spec = outward(PROTOCOL_UDP);

		setup();
		begin(&spec, 1);
		fixture_rule_set(f, &rule);
		REFUSED(f, &spec, REASON_RULE_DENY);
		packet_build(&spec, &frame);
		DROPPED(f, back(FORWARD_MARK), &frame, REASON_RULE_DENY);
		CU_ASSERT_EQUAL(fixture_sessions(f), 0);
	}
}

/* What cannot be asked for cannot be sent on: a neighbour, an address that is nowhere, a port that does not negotiate. */
static void test_never(void)
{
	struct packet_spec local = fixture_from(&f->a, &f->b, PROTOCOL_UDP), spec = outward(PROTOCOL_UDP);
	struct port_value port;

	WAITS(f, &f->a, &local, 1);
	packet_build(&local, &frame);
	DROPPED(f, back(FORWARD_MARK), &frame, REASON_NO_RULE);
	WAITS(f, &f->a, &spec, 2);
	packet_build(&spec, &frame);
	fixture_mapping_set(f, &f->r, fixture_now_ns());
	DROPPED(f, back(FORWARD_MARK), &frame, REASON_MAPPING_EXPIRED);
	fixture_mapping_del(f, &f->r);
	DROPPED(f, back(FORWARD_MARK), &frame, REASON_NO_MAPPING);
	setup();
	port = fixture_port(f, &f->a);
	port.flags = 0;
	fixture_port_set(f, &f->a, &port);
	DROPPED(f, back(FORWARD_MARK), &frame, REASON_PENDING);
	CU_ASSERT_EQUAL(forwarded(), 0);
}

/* Where the destination lives is asked for first: until that is known, packets wait here, though the agent said otherwise. */
static void test_unresolved(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP);
	const uint64_t ends_ns[] = {0, fixture_now_ns()};

	for (size_t i = 0; i < sizeof(ends_ns) / sizeof(ends_ns[0]); i++) {
		fixture_reset(f);
		negotiation_on(f, &f->a, PORT_HOLD | PORT_RESOLVE);
		if (ends_ns[i])
			fixture_mapping_set(f, &f->r, ends_ns[i]);
		else
			fixture_mapping_del(f, &f->r);
		WAITS(f, &f->a, &spec, 1);
		WAITS(f, &f->a, &spec, 1);
		packet_build(&spec, &frame);
		DROPPED(f, back(FORWARD_MARK), &frame, ends_ns[i] ? REASON_MAPPING_EXPIRED : REASON_NO_MAPPING);
		CU_ASSERT_EQUAL(forwarded(), 0);
		CU_ASSERT_EQUAL(pending_of(PROTOCOL_UDP).flags, 0);
		fixture_mapping_set(f, &f->r, OVNET_NEVER);
		SENT(f, back(FORWARD_MARK), &frame, NULL);
		CU_ASSERT_EQUAL(forwarded(), 1);
		CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 1);
	}
}

/* After its time, the question is asked again, and packets wait for the agent's word as at first. */
static void test_expired(void)
{
	const struct rule_key key = key_of(PROTOCOL_UDP);
	struct packet_spec spec = outward(PROTOCOL_UDP);
	struct pending_value pending;

	begin(&spec, 1);
	pending = pending_of(PROTOCOL_UDP);
	pending.expires_ns = fixture_now_ns();
	negotiation_pending_set(f, &key, &pending);
	WAITS(f, &f->a, &spec, 2);
	CU_ASSERT_EQUAL(pending_of(PROTOCOL_UDP).flags, 0);
	/* With the agent gone, nothing leaves at all. */
	begin(&spec, 2);
	negotiation_channel_set(f, &(struct channel_value){.alive_ns = fixture_now_ns()});
	REFUSED(f, &spec, REASON_NO_AGENT);
}

static void test_bounds(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP), other = spec;
	struct budget budget = negotiation_budget(f, f->a.number);

	budget.packets_quota = 3;
	budget.queued_packets = 0;
	negotiation_budget_set(f, f->a.number, &budget);
	begin(&spec, 1);
	SENT(f, back(FORWARD_MARK), &frame, NULL);
	SENT(f, back(FORWARD_MARK), &frame, NULL);
	DROPPED(f, back(FORWARD_MARK), &frame, REASON_QUEUE_FULL);
	CU_ASSERT_EQUAL(forwarded(), 3);
	/* The agent is not troubled with what follows. */
	REFUSED(f, &spec, REASON_QUEUE_FULL);
	CU_ASSERT_EQUAL(negotiation_budget(f, f->a.number).queued_packets, 1);
	/* Each question by itself; and octets. */
	other.destination_port++;
	begin(&other, 2);
	setup();
	budget = negotiation_budget(f, f->a.number);
	packet_build(&spec, &frame);
	budget.bytes_quota = 2 * frame.length;
	negotiation_budget_set(f, f->a.number, &budget);
	begin(&spec, 1);
	SENT(f, back(FORWARD_MARK), &frame, NULL);
	DROPPED(f, back(FORWARD_MARK), &frame, REASON_QUEUE_FULL);
	REFUSED(f, &spec, REASON_QUEUE_FULL);
}

/* What answers a packet that was sent on may come before the rule. It waits for that, and lets nothing overtake. */
static void test_replies(void)
{
	static const uint8_t protocols[] = {PROTOCOL_UDP, PROTOCOL_TCP, PROTOCOL_ICMP};

	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct packet_spec spec = outward(protocols[i]), answer = reply(protocols[i]);
		struct rule_key key = key_of(protocols[i]);
		struct question question = {0};

		setup();
		begin(&spec, 1);
		negotiation_questions(f, NULL);
		HOLDS(f, &f->a, &answer, 2);
		key.direction = PENDING_REPLY;
		CU_ASSERT_EQUAL(negotiation_questions(f, &question), 1);
		CU_ASSERT_EQUAL(question.kind, QUESTION_HOLD);
		CHECK(!memcmp(&question.key, &key, sizeof(key)), "protocol %u: it waits for another key", protocols[i]);
		HOLDS(f, &f->a, &answer, 2);
		/* The node's own packets go on as they did. */
		begin(&spec, 1);
		expect_session(&spec, false);
		fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
		HOLDS(f, &f->a, &answer, 2);
		GOES(f, &spec, NULL);
		expect_session(&spec, false);
		packet_build(&answer, &frame);
		for (int k = 0; k < 3; k++) {
			SENT(f, back(REPLY_MARK), &frame, &out);
			CU_ASSERT_EQUAL(packet_get16(&out, 12), 0x0800);
			SOUND(&out);
			expect_session(&spec, false);
		}
		GOES(f, &answer, NULL);
		expect_session(&spec, true);
		CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_PACKETS_RELEASED), 3);
	}
}

/* The question is answered by a denial: what answered the packet is refused as well, and its session goes. */
static void test_replies_denied(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP), answer = reply(PROTOCOL_UDP);
	struct fixture_rule rule = {.local = &f->a,
		.peer = &f->r,
		.direction = DIRECTION_OUT,
		.width = WIDTH_PEER,
		.verdict = VERDICT_DENY};
	const struct rule_key key = key_of(PROTOCOL_UDP);

	begin(&spec, 1);
	HOLDS(f, &f->a, &answer, 2);
	fixture_rule_set(f, &rule);
	packet_build(&answer, &frame);
	DROPPED(f, back(REPLY_MARK), &frame, REASON_RULE_DENY);
	CU_ASSERT_EQUAL(fixture_sessions(f), 0);
	/* By nothing: what remains of the conversation is no right to answer it. */
	setup();
	begin(&spec, 1);
	negotiation_pending_del(f, &key);
	packet_build(&answer, &frame);
	DROPPED(f, back(REPLY_MARK), &frame, REASON_HOLD_EXPIRED);
	CU_ASSERT_EQUAL(fixture_sessions(f), 0);
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
		{"sent on", test_goes},
		{"order", test_order},
		{"denied", test_denied},
		{"never", test_never},
		{"not before the place is known", test_unresolved},
		{"the question's time, and the agent's", test_expired},
		{"bounds", test_bounds},
		{"answers that come before the rule", test_replies},
		{"answers, and a denial", test_replies_denied},
		CU_TEST_INFO_NULL,
	};
	const struct suite suite = {.name = "sent on", .start = start, .stop = stop, .setup = setup, .tests = tests};

	return suite_main(&suite);
}
