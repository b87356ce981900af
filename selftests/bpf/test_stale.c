/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What arrives without a rule: the agent is told, so that it can tell the sender's (DTM-9, ONM-6); of verified sources
 * only, and at no more than a rate. The packet is dropped whether or not somebody is told.
 */
#include "selftests/bpf/fixture.h"
#include "selftests/bpf/negotiation.h"

#include <string.h>

static struct fixture *f;
static struct frame frame;

static const enum hook hooks[] = {HOOK_UPLINK_TC, HOOK_UPLINK_XDP};

static void setup(void)
{
	const struct budget ample = {.interval_ns = 1, .burst_ns = HOUR_NS};

	fixture_reset(f);
	negotiation_on(f, &f->a, 0);
	negotiation_on(f, &f->b, 0);
	/* Number 0 is nobody's, and of what nobody here has. */
	negotiation_budget_set(f, 0, &ample);
}

static struct packet_spec inward(uint8_t protocol)
{
	return fixture_arrival(&f->r, &f->a, protocol);
}

static uint64_t told(uint32_t ifindex)
{
	return fixture_count(f, ifindex, COUNTER_STALE_TOLD);
}

static uint64_t limited(uint32_t ifindex)
{
	return fixture_count(f, ifindex, COUNTER_STALE_LIMITED);
}

static void refused(enum hook hook, const struct packet_spec *spec, enum reason reason)
{
	const struct fixture_run run = {.hook = hook, .ifindex = f->uplink};

	packet_build(spec, &frame);
	DROPPED(f, run, &frame, reason);
}

/* One report came: of this kind, and of a packet from `peer` to `local`. */
static void expect_report(enum question_kind kind, const struct fixture_node *local, const struct fixture_node *peer,
	uint8_t protocol, uint16_t port, uint64_t before)
{
	struct rule_key key = negotiation_key(local, peer, protocol, port);
	struct question question = {0};
	bool stale = kind == QUESTION_STALE;

	key.direction = DIRECTION_IN;
	CU_ASSERT_EQUAL_FATAL(negotiation_questions(f, &question), 1);
	CU_ASSERT_EQUAL(question.kind, kind);
	CU_ASSERT(question.time_ns >= before && question.time_ns <= fixture_now_ns());
	CHECK(!memcmp(&question.key, &key, sizeof(key)), "protocol %u: the report has another key", protocol);
	CU_ASSERT_EQUAL(question.question, 0);
	CU_ASSERT_EQUAL(question.ifindex, stale ? local->ifindex : 0);
	CU_ASSERT_EQUAL(question.number, stale ? local->number : 0);
	CU_ASSERT(!memcmp(question.source_prefix, peer->ifindex ? (uint8_t[OVNET_PREFIX_LEN]){0} : peer->prefix,
		OVNET_PREFIX_LEN));
	CU_ASSERT_EQUAL(question.icmp_type, protocol == PROTOCOL_ICMP ? ICMP_TYPE_ECHO : 0);
	CU_ASSERT_EQUAL(question.pad, 0);
}

static void test_told(void)
{
	static const struct {
		uint8_t protocol;
		uint16_t port;
	} cases[] = {{PROTOCOL_UDP, 80}, {PROTOCOL_TCP, 80}, {PROTOCOL_ICMP, ICMP_TYPE_ECHO}, {PROTOCOL_SCTP, 0}};

	for (size_t i = 0; i < 2; i++) {
		setup();
		for (size_t j = 0; j < sizeof(cases) / sizeof(cases[0]); j++) {
			struct packet_spec spec = inward(cases[j].protocol);
			uint64_t before = fixture_now_ns();

			refused(hooks[i], &spec, REASON_NO_RULE);
			expect_report(QUESTION_STALE, &f->a, &f->r, cases[j].protocol, cases[j].port, before);
			CU_ASSERT_EQUAL(told(f->uplink), j + 1);
		}
		CU_ASSERT(negotiation_pendings(f) == 0 && limited(f->uplink) == 0);
		CU_ASSERT(negotiation_budget(f, f->a.number).pending == 0);
	}
}

static void test_reasons(void)
{
	for (size_t i = 0; i < 2; i++) {
		struct fixture_rule rule = {.local = &f->a,
			.peer = &f->r,
			.direction = DIRECTION_IN,
			.width = WIDTH_PEER,
			.verdict = VERDICT_DENY};
		struct packet_spec spec = inward(PROTOCOL_UDP);
		uint64_t before = fixture_now_ns();

		setup();
		fixture_rule_set(f, &rule);
		refused(hooks[i], &spec, REASON_RULE_DENY);
		expect_report(QUESTION_STALE, &f->a, &f->r, PROTOCOL_UDP, 80, before);
		rule.verdict = VERDICT_ALLOW;
		rule.expires_ns = 1;
		fixture_rule_set(f, &rule);
		refused(hooks[i], &spec, REASON_RULE_EXPIRED);
		expect_report(QUESTION_STALE, &f->a, &f->r, PROTOCOL_UDP, 80, before);
		rule.expires_ns = 0;
		rule.peer_incarnation = f->r.incarnation - 1;
		fixture_rule_set(f, &rule);
		refused(hooks[i], &spec, REASON_RULE_STALE);
		expect_report(QUESTION_STALE, &f->a, &f->r, PROTOCOL_UDP, 80, before);
		/* An exception that the node's own agent has not been asked for yet is no rule. */
		rule.peer_incarnation = 0;
		rule.verdict = VERDICT_ASK;
		fixture_rule_set(f, &rule);
		refused(hooks[i], &spec, REASON_NO_RULE);
		expect_report(QUESTION_STALE, &f->a, &f->r, PROTOCOL_UDP, 80, before);
		rule.verdict = VERDICT_ALLOW;
		fixture_rule_set(f, &rule);
		packet_build(&spec, &frame);
		if (hooks[i] == HOOK_UPLINK_XDP)
			PASSED(f, FROM_XDP(f), &frame);
		else
			SENT(f, FROM_UPLINK(f), &frame, NULL);
		CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
	}
}

/* What is wrong with the packet itself is nobody's rule. */
static void test_not_told(void)
{
	for (size_t i = 0; i < 2; i++) {
		struct packet_spec spec = inward(PROTOCOL_UDP), wrong = spec;

		setup();
		wrong.source[7] ^= 3;
		refused(hooks[i], &wrong, REASON_FORGED_SOURCE);
		wrong = spec;
		wrong.source[15] = 99;
		refused(hooks[i], &wrong, REASON_UNKNOWN_SOURCE);
		wrong = spec;
		wrong.source[11] ^= 1;
		refused(hooks[i], &wrong, REASON_OTHER_VNET);
		wrong = spec;
		wrong.flow_label = 0;
		refused(hooks[i], &wrong, REASON_TTL_ZERO);
		fixture_mapping_set(f, &f->r, fixture_now_ns());
		refused(hooks[i], &spec, REASON_MAPPING_EXPIRED);
		CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
		CU_ASSERT(told(f->uplink) == 0 && limited(f->uplink) == 0);
	}
}

static void test_static(void)
{
	struct port_value port = fixture_port(f, &f->a);

	port.flags = PORT_ASK_REPLIES | PORT_DISCARD;
	for (size_t i = 0; i < 2; i++) {
		struct packet_spec spec = inward(PROTOCOL_UDP);

		setup();
		fixture_port_set(f, &f->a, &port);
		refused(hooks[i], &spec, REASON_NO_RULE);
		CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
		CU_ASSERT(told(f->uplink) == 0 && limited(f->uplink) == 0);
	}
}

/* The node that it is for has the budget; what is left out is counted, and the questions' own bucket is another. */
static void test_rate(void)
{
	for (size_t i = 0; i < 2; i++) {
		struct packet_spec spec = inward(PROTOCOL_UDP), other = fixture_arrival(&f->r, &f->b, PROTOCOL_UDP);
		struct packet_spec outward = fixture_from(&f->a, &f->r, PROTOCOL_UDP);
		struct budget budget;

		setup();
		budget = negotiation_budget(f, f->a.number);
		budget.interval_ns = HOUR_NS;
		budget.burst_ns = 3 * HOUR_NS / 2;
		negotiation_budget_set(f, f->a.number, &budget);
		for (unsigned round = 1; round <= 5; round++) {
			refused(hooks[i], &spec, REASON_NO_RULE);
			CU_ASSERT_EQUAL(told(f->uplink), round < 2 ? round : 2);
			CU_ASSERT_EQUAL(limited(f->uplink), round < 2 ? 0 : round - 2);
		}
		CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 2);
		CU_ASSERT_EQUAL(negotiation_budget(f, f->a.number).next_ns, 0);
		refused(hooks[i], &other, REASON_NO_RULE);
		CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 1);
		WAITS(f, &f->a, &outward, 1);
	}
}

static void test_ring_full(void)
{
	for (size_t i = 0; i < 2; i++) {
		struct packet_spec spec = inward(PROTOCOL_UDP);
		uint64_t before, lost;

		setup();
		negotiation_ring_fill(f);
		before = told(f->uplink);
		lost = limited(f->uplink);
		refused(hooks[i], &spec, REASON_NO_RULE);
		CU_ASSERT(told(f->uplink) == before && limited(f->uplink) == lost + 1);
		CU_ASSERT_EQUAL(negotiation_questions(f, NULL), before);
	}
}

/* A node that is not here any more, or never was: told as such, without a port, within a rate of its own. */
static void test_gone(void)
{
	for (size_t i = 0; i < 2; i++) {
		struct packet_spec spec = inward(PROTOCOL_UDP);
		struct fixture_node nobody = f->a;
		uint64_t before = fixture_now_ns();
		struct budget budget;

		setup();
		nobody.address[3] = 99;
		nobody.ifindex = 0;
		spec.destination[15] = 99;
		refused(hooks[i], &spec, REASON_NO_NODE);
		expect_report(QUESTION_GONE, &nobody, &f->r, PROTOCOL_UDP, 80, before);
		CU_ASSERT_EQUAL(told(f->uplink), 1);
		/* One that left, and is elsewhere now. */
		spec = inward(PROTOCOL_UDP);
		nobody = f->a;
		nobody.host = f->s.host;
		nobody.ifindex = 0;
		memcpy(nobody.prefix, f->s.prefix, OVNET_PREFIX_LEN);
		fixture_mapping_set(f, &nobody, OVNET_NEVER);
		refused(hooks[i], &spec, REASON_NO_NODE);
		expect_report(QUESTION_GONE, &nobody, &f->r, PROTOCOL_UDP, 80, before);
		/* Its port is gone, and the mapping not yet. */
		fixture_mapping_set(f, &f->a, OVNET_NEVER);
		fixture_port_del(f, &f->a);
		refused(hooks[i], &spec, REASON_NO_NODE);
		expect_report(QUESTION_GONE, &nobody, &f->r, PROTOCOL_UDP, 80, before);
		budget = negotiation_budget(f, 0);
		budget.interval_ns = HOUR_NS;
		budget.burst_ns = 0;
		budget.stale_next_ns = fixture_now_ns() + HOUR_NS;
		negotiation_budget_set(f, 0, &budget);
		refused(hooks[i], &spec, REASON_NO_NODE);
		CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
		CU_ASSERT_EQUAL(limited(f->uplink), 1);
	}
}

/* Nobody is told of a packet that is not where its source lives: neither of a node that is here nor of one that is not. */
static void test_forged_gone(void)
{
	for (size_t i = 0; i < 2; i++) {
		struct packet_spec spec = inward(PROTOCOL_UDP);

		setup();
		spec.source[7] ^= 3;
		spec.destination[15] = 99;
		refused(hooks[i], &spec, REASON_NO_NODE);
		CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
		/* The slot is not the node's. */
		spec = inward(PROTOCOL_UDP);
		spec.source[7] ^= 3;
		spec.destination[8] ^= 4;
		refused(hooks[i], &spec, REASON_NO_NODE);
		CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
	}
}

/* A rule that is there is not said to be stale because a packet was sent to another slot than the node's. */
static void test_other_slot(void)
{
	fixture_allow(f, &f->a, &f->r, DIRECTION_IN);
	for (size_t i = 0; i < 2; i++) {
		struct packet_spec spec = inward(PROTOCOL_UDP);
		struct question question = {0};

		spec.destination[8] ^= 4;
		refused(hooks[i], &spec, REASON_NO_NODE);
		if (negotiation_questions(f, &question))
			CU_ASSERT_EQUAL(question.kind, QUESTION_GONE);
	}
}

/* Between neighbours the sender's own agent is told: there is no substrate address. */
static void test_neighbour(void)
{
	struct packet_spec spec = fixture_from(&f->a, &f->b, PROTOCOL_TCP);
	uint64_t before = fixture_now_ns();
	struct port_value port;

	fixture_allow(f, &f->a, &f->b, DIRECTION_OUT);
	packet_build(&spec, &frame);
	DROPPED(f, FROM_NODE(&f->a), &frame, REASON_NO_RULE);
	expect_report(QUESTION_STALE, &f->b, &f->a, PROTOCOL_TCP, 80, before);
	CU_ASSERT_EQUAL(told(f->a.ifindex), 1);
	/* It was sent under a rule: nobody is asked for another. */
	CU_ASSERT_EQUAL(negotiation_pendings(f), 0);
	port = fixture_port(f, &f->b);
	port.flags = 0;
	fixture_port_set(f, &f->b, &port);
	DROPPED(f, FROM_NODE(&f->a), &frame, REASON_NO_RULE);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
	fixture_port_del(f, &f->b);
	DROPPED(f, FROM_NODE(&f->a), &frame, REASON_NO_NODE);
	before = told(f->a.ifindex);
	CU_ASSERT_EQUAL(before, 2);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 1);
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
		{"told, with what it needs", test_told},
		{"every reason that is a rule's", test_reasons},
		{"no other reason", test_not_told},
		{"a node that does not negotiate", test_static},
		{"the rate of reports", test_rate},
		{"the ring is full", test_ring_full},
		{"no such node", test_gone},
		{"no such node, and a forged source", test_forged_gone},
		{"another slot than the node's", test_other_slot},
		{"a neighbour", test_neighbour},
		CU_TEST_INFO_NULL,
	};
	const struct suite suite = {.name = "stale arrivals",
		.start = start,
		.stop = stop,
		.setup = setup,
		.tests = tests};

	return suite_main(&suite);
}
