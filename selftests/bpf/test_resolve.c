/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses without a mapping on a port whose agent resolves them (ONM-5): packets and ARP requests wait like any that no rule
 * covers, within the same budgets; what arrives, and ports that do not resolve, are as they were. Who answers is the agent's
 * tests' matter.
 */
#include "selftests/bpf/fixture.h"
#include "selftests/bpf/negotiation.h"

#include <string.h>

static struct fixture *f;
static struct frame out;

static void setup(void)
{
	fixture_reset(f);
	negotiation_on(f, &f->a, PORT_RESOLVE);
	fixture_mapping_del(f, &f->r);
}

static struct packet_spec outward(uint8_t protocol)
{
	return fixture_from(&f->a, &f->r, protocol);
}

static struct budget budget(void)
{
	return negotiation_budget(f, f->a.number);
}

/* Nothing was asked, and nothing is charged. */
static void expect_nothing(void)
{
	CU_ASSERT(negotiation_questions(f, NULL) == 0 && negotiation_pendings(f) == 0);
	CU_ASSERT(budget().next_ns == 0 && budget().pending == 0 && budget().queued_packets == 0);
}

static void expect_asked(const struct rule_key *key)
{
	struct question question = {0};

	CU_ASSERT_EQUAL_FATAL(negotiation_questions(f, &question), 1);
	CU_ASSERT(question.kind == QUESTION_MISS && question.number == f->a.number);
	CHECK(!memcmp(&question.key, key, sizeof(*key)), "the question is for another key");
}

static void test_packet(void)
{
	static const struct {
		uint8_t protocol;
		uint16_t port;
	} cases[] = {{PROTOCOL_UDP, 80}, {PROTOCOL_TCP, 80}, {PROTOCOL_ICMP, ICMP_TYPE_ECHO}, {PROTOCOL_SCTP, 0}};

	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet_spec spec = outward(cases[i].protocol);
		const struct rule_key key = negotiation_key(&f->a, &f->r, cases[i].protocol, cases[i].port);

		WAITS(f, &f->a, &spec, i + 1);
		expect_asked(&key);
		/* What follows joins it. */
		WAITS(f, &f->a, &spec, i + 1);
		CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
		CU_ASSERT_EQUAL(budget().pending, i + 1);
		CU_ASSERT_EQUAL(budget().queued_packets, 2 * (i + 1));
	}
	CU_ASSERT_EQUAL(fixture_sessions(f), 0);
}

static void test_arp(void)
{
	const struct rule_key key = negotiation_key_arp(&f->a, &f->r);
	struct packet_spec arp = fixture_arp(&f->a, f->r.address);

	WAITS(f, &f->a, &arp, 1);
	expect_asked(&key);
	/* It has been answered that nobody is there: silence. */
	BACK_DROPPED(f, &f->a, &arp, REASON_NO_MAPPING);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
}

/* The mapping came, with a rule: what waited goes, and what follows needs nobody. */
static void test_resolved(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP), arp = fixture_arp(&f->a, f->r.address);
	const struct rule_key key = negotiation_key(&f->a, &f->r, PROTOCOL_UDP, 80);
	struct fixture_rule reach = {.local = &f->a, .peer = &f->r, .width = WIDTH_ARP};

	WAITS(f, &f->a, &spec, 1);
	WAITS(f, &f->a, &arp, 2);
	fixture_mapping_set(f, &f->r, OVNET_NEVER);
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	fixture_rule_set(f, &reach);
	BACK(f, &f->a, &spec, &out);
	BACK(f, &f->a, &arp, &out);
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_ARP_ANSWERED), 1);
	negotiation_pending_del(f, &key);
	negotiation_questions(f, NULL);
	GOES(f, &spec, &out);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
}

/* Resolved, but nothing is allowed yet: it waited once, and does not wait again. */
static void test_absent(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP);

	WAITS(f, &f->a, &spec, 1);
	negotiation_questions(f, NULL);
	BACK_DROPPED(f, &f->a, &spec, REASON_NO_MAPPING);
	fixture_mapping_set(f, &f->r, OVNET_NEVER);
	BACK_DROPPED(f, &f->a, &spec, REASON_NO_RULE);
	fixture_mapping_set(f, &f->r, fixture_now_ns());
	BACK_DROPPED(f, &f->a, &spec, REASON_MAPPING_EXPIRED);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
}

static void test_expired(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP), arp = fixture_arp(&f->a, f->r.address);
	const struct rule_key key = negotiation_key(&f->a, &f->r, PROTOCOL_UDP, 80);
	const struct rule_key reach = negotiation_key_arp(&f->a, &f->r);

	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	fixture_mapping_set(f, &f->r, OVNET_NEVER);
	GOES(f, &spec, &out);
	CU_ASSERT_EQUAL(fixture_sessions(f), 1);
	/* The session rests on it, and has to prove itself: it is over. */
	fixture_mapping_set(f, &f->r, fixture_now_ns());
	fixture_epoch(f, &f->a);
	WAITS(f, &f->a, &spec, 1);
	expect_asked(&key);
	CU_ASSERT_EQUAL(fixture_sessions(f), 0);
	WAITS(f, &f->a, &arp, 2);
	expect_asked(&reach);
}

static void test_discard(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP);
	const struct rule_key key = negotiation_key(&f->a, &f->r, PROTOCOL_UDP, 80);

	negotiation_on(f, &f->a, PORT_RESOLVE | PORT_DISCARD);
	REFUSED(f, &spec, REASON_PENDING);
	expect_asked(&key);
	CU_ASSERT_EQUAL(budget().queued_packets, 0);
}

/* The budgets are those of every question. */
static void test_budgets(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP);
	struct budget tight = budget();

	tight.pending_quota = 2;
	tight.packets_quota = 3;
	negotiation_budget_set(f, f->a.number, &tight);
	WAITS(f, &f->a, &spec, 1);
	spec.destination_port++;
	WAITS(f, &f->a, &spec, 2);
	spec.destination_port++;
	REFUSED(f, &spec, REASON_QUESTION_QUOTA);
	spec.destination_port--;
	WAITS(f, &f->a, &spec, 2);
	REFUSED(f, &spec, REASON_QUEUE_FULL);
	tight = budget();
	tight.next_ns = fixture_now_ns() + 2 * HOUR_NS;
	negotiation_budget_set(f, f->a.number, &tight);
	spec.destination_port += 7;
	REFUSED(f, &spec, REASON_QUESTION_RATE);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 2);
}

static void test_no_agent(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP), arp = fixture_arp(&f->a, f->r.address);
	struct channel_value channel = negotiation_channel(f);

	channel.alive_ns = fixture_now_ns();
	negotiation_channel_set(f, &channel);
	REFUSED(f, &spec, REASON_NO_AGENT);
	REFUSED(f, &arp, REASON_NO_AGENT);
	expect_nothing();
}

/* Nobody is asked about what no node can be. */
static void test_nobodys(void)
{
	static const uint8_t addresses[][4] = {{0, 0, 0, 0}, {0, 1, 2, 3}, {127, 0, 0, 1}, {127, 255, 255, 255}};
	static const uint8_t groups[][4] = {{224, 0, 0, 1}, {239, 1, 2, 3}, {240, 0, 0, 1}, {255, 255, 255, 255}};
	struct packet_spec spec = outward(PROTOCOL_UDP), arp;

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		memcpy(spec.destination, addresses[i], 4);
		REFUSED(f, &spec, REASON_NO_MAPPING);
		arp = fixture_arp(&f->a, addresses[i]);
		REFUSED(f, &arp, REASON_ARP_REFUSED);
	}
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		memcpy(spec.destination, groups[i], 4);
		REFUSED(f, &spec, REASON_GROUP);
		arp = fixture_arp(&f->a, groups[i]);
		REFUSED(f, &arp, REASON_ARP_REFUSED);
	}
	arp = fixture_arp(&f->a, f->a.address);
	REFUSED(f, &arp, REASON_ARP_PROBE);
	spec = fixture_from(&f->a, &f->a, PROTOCOL_UDP);
	REFUSED(f, &spec, REASON_TO_ITSELF);
	expect_nothing();
	/* The nearest ones that a node can be. */
	spec = outward(PROTOCOL_UDP);
	memcpy(spec.destination, (uint8_t[]){1, 0, 0, 0}, 4);
	WAITS(f, &f->a, &spec, 1);
	memcpy(spec.destination, (uint8_t[]){126, 255, 255, 255}, 4);
	WAITS(f, &f->a, &spec, 2);
	memcpy(spec.destination, (uint8_t[]){128, 0, 0, 0}, 4);
	WAITS(f, &f->a, &spec, 3);
	memcpy(spec.destination, (uint8_t[]){223, 255, 255, 255}, 4);
	WAITS(f, &f->a, &spec, 4);
}

/* What is wrong with the packet itself stays wrong. */
static void test_helpless(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP), arp = fixture_arp(&f->a, f->r.address);

	memcpy(spec.source, f->b.address, 4);
	REFUSED(f, &spec, REASON_SPOOFED_ADDRESS);
	arp.arp_operation = ARP_OP_REPLY;
	REFUSED(f, &arp, REASON_ARP_BAD);
	expect_nothing();
}

/* Without the flag, or where nobody negotiates, it is as it was. */
static void test_off(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP), arp = fixture_arp(&f->a, f->r.address);
	struct port_value port = fixture_port(f, &f->a);

	for (unsigned i = 0; i < 2; i++) {
		port.flags = i ? PORT_NEGOTIATE : PORT_RESOLVE;
		fixture_port_set(f, &f->a, &port);
		fixture_mapping_set(f, &f->r, fixture_now_ns());
		REFUSED(f, &spec, REASON_MAPPING_EXPIRED);
		fixture_mapping_del(f, &f->r);
		REFUSED(f, &spec, REASON_NO_MAPPING);
		expect_nothing();
	}
	port.flags = PORT_NEGOTIATE;
	fixture_port_set(f, &f->a, &port);
	REFUSED(f, &arp, REASON_ARP_REFUSED);
	expect_nothing();
}

/* What arrives for such a port is not asked about. */
static void test_arrival(void)
{
	struct packet_spec spec = fixture_arrival(&f->r, &f->a, PROTOCOL_UDP);

	REFUSED(f, &spec, REASON_UNKNOWN_SOURCE);
	fixture_mapping_set(f, &f->r, fixture_now_ns());
	REFUSED(f, &spec, REASON_MAPPING_EXPIRED);
	expect_nothing();
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
		{"a packet to an unknown address waits", test_packet},
		{"an ARP request for one", test_arp},
		{"it was resolved", test_resolved},
		{"nobody is there", test_absent},
		{"a mapping that has ended", test_expired},
		{"packets are discarded meanwhile", test_discard},
		{"within the budgets of questions", test_budgets},
		{"no agent", test_no_agent},
		{"addresses that no node can have", test_nobodys},
		{"what no answer would help", test_helpless},
		{"a port that does not resolve", test_off},
		{"what arrives", test_arrival},
		CU_TEST_INFO_NULL,
	};
	const struct suite suite = {.name = "resolve", .start = start, .stop = stop, .setup = setup, .tests = tests};

	return suite_main(&suite);
}
