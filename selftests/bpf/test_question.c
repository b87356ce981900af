/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What no rule covers: the agent is asked once for each key, within the port's budget, and packets of that key go to
 * its queue meanwhile (DTM-2, DTM-7). How they come back, and in which order, is in test_waiting.c; where they come out
 * is shown there too.
 */
#include "selftests/bpf/fixture.h"
#include "selftests/bpf/negotiation.h"

#include <string.h>

#define SMALL_TABLE 8

static struct fixture *f, *small;
static struct frame out;

static void setup(void)
{
	fixture_reset(f);
	fixture_reset(small);
	negotiation_on(f, &f->a, 0);
	negotiation_on(small, &small->a, 0);
}

static struct packet_spec outward(uint8_t protocol)
{
	return fixture_from(&f->a, &f->r, protocol);
}

static uint64_t asked(void)
{
	return fixture_count(f, f->a.ifindex, COUNTER_QUESTIONS_ASKED);
}

static struct budget budget(void)
{
	return negotiation_budget(f, f->a.number);
}

static size_t length_of(const struct packet_spec *spec)
{
	packet_build(spec, &out);
	return out.length;
}

/* One question came, and asks for this key. */
static void expect_question(const struct rule_key *key, uint32_t number, uint64_t before)
{
	struct question question = {0};
	struct pending_value pending = {0};

	CU_ASSERT_EQUAL_FATAL(negotiation_questions(f, &question), 1);
	CU_ASSERT(question.time_ns >= before && question.time_ns <= fixture_now_ns());
	CHECK(!memcmp(&question.key, key, sizeof(*key)), "question %u is for another key", number);
	CU_ASSERT_EQUAL(question.kind, QUESTION_MISS);
	CU_ASSERT_EQUAL(question.question, number);
	CU_ASSERT_EQUAL(question.ifindex, f->a.ifindex);
	CU_ASSERT_EQUAL(question.number, f->a.number);
	CU_ASSERT(!memcmp(question.source_prefix, (uint8_t[OVNET_PREFIX_LEN]){0}, OVNET_PREFIX_LEN));
	CU_ASSERT(question.icmp_type == 0 && question.pad == 0);
	CU_ASSERT_EQUAL_FATAL(negotiation_pending(f, key, &pending), 0);
	CU_ASSERT_EQUAL(pending.created_ns, question.time_ns);
	CU_ASSERT_EQUAL(pending.expires_ns, question.time_ns + PENDING_NS);
	CU_ASSERT(pending.question == number && pending.number == f->a.number && pending.flags == 0);
	CU_ASSERT(pending.queued == 1 && pending.drained == 0);
}

static void test_asked(void)
{
	static const struct {
		uint8_t protocol;
		uint16_t port;
	} cases[] = {{PROTOCOL_UDP, 80}, {PROTOCOL_TCP, 80}, {PROTOCOL_ICMP, ICMP_TYPE_ECHO}, {PROTOCOL_SCTP, 0},
		{PROTOCOL_GRE, 0}};
	size_t octets = 0;

	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet_spec spec = outward(cases[i].protocol);
		const struct rule_key key = negotiation_key(&f->a, &f->r, cases[i].protocol, cases[i].port);
		uint64_t before = fixture_now_ns();

		WAITS(f, &f->a, &spec, i + 1);
		expect_question(&key, i + 1, before);
		CU_ASSERT_EQUAL(asked(), i + 1);
		CU_ASSERT_EQUAL(budget().pending, i + 1);
		CU_ASSERT_EQUAL(budget().question, i + 1);
		CU_ASSERT_EQUAL(budget().queued_packets, i + 1);
		octets += length_of(&spec);
		CU_ASSERT_EQUAL(budget().queued_bytes, octets);
	}
	CU_ASSERT_EQUAL(fixture_sessions(f), 0);
}

/* What follows waits under the same question: whatever its own port or size is. */
static void test_once(void)
{
	const struct rule_key key = negotiation_key(&f->a, &f->r, PROTOCOL_UDP, 80);
	struct packet_spec spec = outward(PROTOCOL_UDP), other;
	struct pending_value pending = {0};

	WAITS(f, &f->a, &spec, 1);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 1);
	WAITS(f, &f->a, &spec, 1);
	spec.source_port++;
	spec.payload_len--;
	WAITS(f, &f->a, &spec, 1);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
	CU_ASSERT_EQUAL(asked(), 1);
	CU_ASSERT_EQUAL(negotiation_pending(f, &key, &pending), 0);
	CU_ASSERT_EQUAL(pending.queued, 3);
	CU_ASSERT(budget().pending == 1 && budget().queued_packets == 3);
	/* Each of these is another conversation. */
	other = spec;
	other.destination_port++;
	WAITS(f, &f->a, &other, 2);
	other = outward(PROTOCOL_TCP);
	WAITS(f, &f->a, &other, 3);
	other = fixture_from(&f->a, &f->s, PROTOCOL_UDP);
	WAITS(f, &f->a, &other, 4);
	WAITS(f, &f->a, &spec, 1);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 3);
	CU_ASSERT_EQUAL(negotiation_pendings(f), 4);
	/* A neighbour has numbers and a budget of its own. */
	negotiation_on(f, &f->b, 0);
	other = fixture_from(&f->b, &f->r, PROTOCOL_UDP);
	WAITS(f, &f->b, &other, 1);
	CU_ASSERT_EQUAL(negotiation_budget(f, f->b.number).pending, 1);
	CU_ASSERT_EQUAL(budget().pending, 4);
}

/* To a node of the same host it is no different. */
static void test_neighbour(void)
{
	const struct rule_key key = negotiation_key(&f->a, &f->b, PROTOCOL_UDP, 80);
	struct packet_spec spec = fixture_from(&f->a, &f->b, PROTOCOL_UDP);
	uint64_t before = fixture_now_ns();

	WAITS(f, &f->a, &spec, 1);
	expect_question(&key, 1, before);
}

/* A rule with exactly the key that was asked for lets the packet go, whatever it is. */
static void test_rule_asked_for(void)
{
	static const uint8_t protocols[] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP, PROTOCOL_SCTP};

	for (unsigned i = 0; i < 4 * sizeof(protocols); i++) {
		struct packet_spec spec = outward(protocols[i / 4]);
		struct question question = {0};
		struct fixture_rule rule = {.local = &f->a, .peer = &f->r};

		setup();
		negotiation_on(f, &f->a, i & 1 ? PORT_ASK_REPLIES : 0);
		if (i & 2)
			fixture_turn(&spec);
		WAITS(f, &f->a, &spec, 1);
		CU_ASSERT_EQUAL(negotiation_questions(f, &question), 1);
		rule.direction = question.key.direction;
		rule.width = question.key.width;
		rule.protocol = question.key.protocol;
		rule.port = question.key.port;
		fixture_rule_set(f, &rule);
		CHECK(BACK(f, &f->a, &spec, NULL), "protocol %u%s%s: asked for port %u", spec.protocol,
			i & 2 ? ", a reply" : "", i & 1 ? ", replies are asked for" : "", question.key.port);
	}
}

static void test_discard(void)
{
	const struct rule_key key = negotiation_key(&f->a, &f->r, PROTOCOL_UDP, 80);
	struct packet_spec spec = outward(PROTOCOL_UDP);
	struct pending_value pending = {0};

	negotiation_on(f, &f->a, PORT_DISCARD);
	REFUSED(f, &spec, REASON_PENDING);
	REFUSED(f, &spec, REASON_PENDING);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 1);
	CU_ASSERT_EQUAL(negotiation_pending(f, &key, &pending), 0);
	CU_ASSERT(pending.queued == 0 && budget().queued_packets == 0 && budget().queued_bytes == 0);
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_PACKETS_QUEUED), 0);
	/* Nothing waits, so nothing is behind anything once there is a rule. */
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	GOES(f, &spec, &out);
}

static void test_no_agent(void)
{
	struct channel_value channel = negotiation_channel(f);
	struct packet_spec spec = outward(PROTOCOL_UDP), arp = fixture_arp(&f->a, f->r.address);

	channel.alive_ns = fixture_now_ns();
	negotiation_channel_set(f, &channel);
	REFUSED(f, &spec, REASON_NO_AGENT);
	REFUSED(f, &arp, REASON_NO_AGENT);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
	CU_ASSERT_EQUAL(negotiation_pendings(f), 0);
	/* What is decided goes on without it. */
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	GOES(f, &spec, &out);
	channel.alive_ns = fixture_now_ns() + HOUR_NS;
	negotiation_channel_set(f, &channel);
	spec = fixture_from(&f->a, &f->s, PROTOCOL_UDP);
	WAITS(f, &f->a, &spec, 1);
	/* And it dies: what waits is of no use to what follows. */
	channel.alive_ns = 1;
	negotiation_channel_set(f, &channel);
	REFUSED(f, &spec, REASON_NO_AGENT);
}

/* An agent without a queue: it is asked, and packets are dropped meanwhile. */
static void test_no_queue(void)
{
	struct channel_value channel = negotiation_channel(f);
	struct packet_spec spec = outward(PROTOCOL_UDP);

	channel.queue_ifindex = 0;
	negotiation_channel_set(f, &channel);
	REFUSED(f, &spec, REASON_PENDING);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 1);
	CU_ASSERT_EQUAL(budget().queued_packets, 0);
}

static void test_rate(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP);
	struct budget limited = budget();
	uint64_t before = fixture_now_ns();

	/* Three at once, and so slow then that the test does not see the next. */
	limited.interval_ns = HOUR_NS;
	limited.burst_ns = 5 * HOUR_NS / 2;
	negotiation_budget_set(f, f->a.number, &limited);
	for (uint32_t i = 0; i < 3; i++) {
		spec.destination_port = (uint16_t)(1000 + i);
		WAITS(f, &f->a, &spec, i + 1);
	}
	CU_ASSERT(budget().next_ns >= before + 3 * HOUR_NS && budget().next_ns <= fixture_now_ns() + 3 * HOUR_NS);
	spec.destination_port = 1003;
	REFUSED(f, &spec, REASON_QUESTION_RATE);
	CU_ASSERT(negotiation_questions(f, NULL) == 3 && asked() == 3);
	CU_ASSERT(negotiation_pendings(f) == 3 && budget().pending == 3);
	/* What was asked before takes no token. */
	spec.destination_port = 1000;
	WAITS(f, &f->a, &spec, 1);
	/* A token is there again as soon as the bucket is within its burst. */
	limited = budget();
	limited.next_ns = fixture_now_ns() + 2 * HOUR_NS;
	negotiation_budget_set(f, f->a.number, &limited);
	spec.destination_port = 1003;
	WAITS(f, &f->a, &spec, 4);
	spec.destination_port = 1004;
	REFUSED(f, &spec, REASON_QUESTION_RATE);
}

static void test_quota(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP);
	struct budget limited = budget();

	limited.pending_quota = 2;
	negotiation_budget_set(f, f->a.number, &limited);
	WAITS(f, &f->a, &spec, 1);
	spec.destination_port = 81;
	WAITS(f, &f->a, &spec, 2);
	spec.destination_port = 82;
	REFUSED(f, &spec, REASON_QUESTION_QUOTA);
	REFUSED(f, &spec, REASON_QUESTION_QUOTA);
	CU_ASSERT(negotiation_questions(f, NULL) == 2 && budget().pending == 2 && negotiation_pendings(f) == 2);
	spec.destination_port = 81;
	WAITS(f, &f->a, &spec, 2);
	/* One is over. */
	limited = budget();
	limited.pending--;
	negotiation_budget_set(f, f->a.number, &limited);
	spec.destination_port = 82;
	WAITS(f, &f->a, &spec, 3);
}

static void test_full(void)
{
	struct packet_spec spec = fixture_from(&small->a, &small->r, PROTOCOL_UDP);

	for (uint32_t i = 0; i < SMALL_TABLE; i++) {
		spec.destination_port = (uint16_t)(1000 + i);
		WAITS(small, &small->a, &spec, i + 1);
	}
	CU_ASSERT_EQUAL(negotiation_questions(small, NULL), SMALL_TABLE);
	spec.destination_port = 80;
	REFUSED(small, &spec, REASON_QUESTION_FULL);
	/* Nobody was told of what nobody waits for. */
	CU_ASSERT_EQUAL(negotiation_questions(small, NULL), 0);
	CU_ASSERT_EQUAL(negotiation_pendings(small), SMALL_TABLE);
	CU_ASSERT_EQUAL(negotiation_budget(small, small->a.number).pending, SMALL_TABLE);
	spec.destination_port = 1000;
	WAITS(small, &small->a, &spec, 1);
}

static void test_lost(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP);

	negotiation_ring_fill(f);
	REFUSED(f, &spec, REASON_QUESTION_LOST);
	CU_ASSERT(negotiation_pendings(f) == 0 && budget().pending == 0 && budget().queued_packets == 0);
	CU_ASSERT_EQUAL(asked(), 0);
	CHECK(negotiation_questions(f, NULL) > 0, "the ring was not full");
	WAITS(f, &f->a, &spec, 1);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 1);
}

static void test_queue_packets(void)
{
	const struct rule_key key = negotiation_key(&f->a, &f->r, PROTOCOL_UDP, 80);
	struct packet_spec spec = outward(PROTOCOL_UDP), other = outward(PROTOCOL_TCP);
	struct pending_value pending = {0};
	struct budget limited = budget();

	limited.packets_quota = 2;
	negotiation_budget_set(f, f->a.number, &limited);
	WAITS(f, &f->a, &spec, 1);
	WAITS(f, &f->a, &spec, 1);
	REFUSED(f, &spec, REASON_QUEUE_FULL);
	/* The port's keys share it: another is asked for, and its packet does not wait. */
	REFUSED(f, &other, REASON_QUEUE_FULL);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 2);
	CU_ASSERT_EQUAL(negotiation_pending(f, &key, &pending), 0);
	CU_ASSERT(pending.queued == 2 && budget().queued_packets == 2);
	CU_ASSERT_EQUAL(budget().queued_bytes, 2 * length_of(&spec));
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_PACKETS_QUEUED), 2);
	limited = budget();
	limited.queued_packets--;
	negotiation_budget_set(f, f->a.number, &limited);
	WAITS(f, &f->a, &other, 2);
}

static void test_queue_bytes(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP), shorter = spec;
	size_t length = length_of(&spec);
	struct budget limited = budget();

	limited.bytes_quota = 3 * length - 1;
	negotiation_budget_set(f, f->a.number, &limited);
	WAITS(f, &f->a, &spec, 1);
	WAITS(f, &f->a, &spec, 1);
	REFUSED(f, &spec, REASON_QUEUE_FULL);
	CU_ASSERT(budget().queued_packets == 2 && budget().queued_bytes == 2 * length);
	shorter.payload_len--;
	WAITS(f, &f->a, &shorter, 1);
	CU_ASSERT(budget().queued_packets == 3 && budget().queued_bytes == 3 * length - 1);
}

static void test_expired(void)
{
	const struct rule_key key = negotiation_key(&f->a, &f->r, PROTOCOL_UDP, 80);
	struct packet_spec spec = outward(PROTOCOL_UDP);
	struct pending_value pending = {0};
	uint64_t before;

	WAITS(f, &f->a, &spec, 1);
	WAITS(f, &f->a, &spec, 1);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 1);
	CU_ASSERT_EQUAL(negotiation_pending(f, &key, &pending), 0);
	pending.expires_ns = before = fixture_now_ns();
	negotiation_pending_set(f, &key, &pending);
	WAITS(f, &f->a, &spec, 2);
	expect_question(&key, 2, before);
	/* The place of the first was given back. */
	CU_ASSERT(budget().pending == 1 && asked() == 2);
}

/* The agent took the entry away; whatever a verdict was, without a rule the next packet asks. */
static void test_over(void)
{
	const struct rule_key key = negotiation_key(&f->a, &f->r, PROTOCOL_UDP, 80);
	struct packet_spec spec = outward(PROTOCOL_UDP);

	WAITS(f, &f->a, &spec, 1);
	negotiation_pending_del(f, &key);
	WAITS(f, &f->a, &spec, 2);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 2);
}

/* An exception of a wide answer is asked for by itself; the answer holds for the rest. */
static void test_exception(void)
{
	struct fixture_rule wide = {.local = &f->a,
		.peer = &f->r,
		.direction = DIRECTION_OUT,
		.width = WIDTH_PEER,
		.verdict = VERDICT_DENY};
	struct fixture_rule narrow = {.local = &f->a,
		.peer = &f->r,
		.direction = DIRECTION_OUT,
		.width = WIDTH_PORT,
		.protocol = PROTOCOL_UDP,
		.port = 80,
		.verdict = VERDICT_ASK};
	struct packet_spec spec = outward(PROTOCOL_UDP), other = spec;

	fixture_rule_set(f, &wide);
	REFUSED(f, &spec, REASON_RULE_DENY);
	CU_ASSERT(negotiation_questions(f, NULL) == 0 && negotiation_pendings(f) == 0);
	fixture_rule_set(f, &narrow);
	other.destination_port++;
	WAITS(f, &f->a, &spec, 1);
	REFUSED(f, &other, REASON_RULE_DENY);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 1);
	CU_ASSERT_EQUAL(fixture_rule_hits(f, &narrow), 0);
	/* The same under an allow, at the middle width. */
	setup();
	wide.verdict = VERDICT_ALLOW;
	narrow.width = WIDTH_PROTOCOL;
	narrow.port = 0;
	fixture_rule_set(f, &wide);
	fixture_rule_set(f, &narrow);
	WAITS(f, &f->a, &spec, 1);
	WAITS(f, &f->a, &other, 2);
	/* One that has ended, or is somebody else's, is as if it were not there. */
	narrow.expires_ns = 1;
	fixture_rule_set(f, &narrow);
	spec = outward(PROTOCOL_TCP);
	GOES(f, &spec, &out);
	other.destination_port++;
	GOES(f, &other, &out);
}

/* What was allowed and is no more is asked for again; what was refused, too, once the refusal has ended. */
static void test_ended_rules(void)
{
	struct fixture_rule rule = {.local = &f->a, .peer = &f->r, .direction = DIRECTION_OUT, .width = WIDTH_PEER};
	struct packet_spec spec = outward(PROTOCOL_UDP);

	fixture_rule_set(f, &rule);
	GOES(f, &spec, &out);
	fixture_rule_del(f, &rule);
	fixture_epoch(f, &f->a);
	WAITS(f, &f->a, &spec, 1);
	CU_ASSERT_EQUAL(fixture_sessions(f), 0);
	for (enum verdict verdict = VERDICT_ALLOW; verdict <= VERDICT_ASK; verdict++) {
		setup();
		rule.verdict = verdict;
		rule.expires_ns = fixture_now_ns();
		rule.peer_incarnation = 0;
		fixture_rule_set(f, &rule);
		WAITS(f, &f->a, &spec, 1);
		rule.expires_ns = 0;
		rule.peer_incarnation = f->r.incarnation - 1;
		fixture_rule_set(f, &rule);
		spec.destination_port++;
		WAITS(f, &f->a, &spec, 2);
	}
}

/* Nobody is asked where no answer would help. */
static void test_helpless(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP), wrong = spec;

	wrong.to_mac[5] ^= 1;
	REFUSED(f, &wrong, REASON_UNKNOWN_MAC);
	wrong = spec;
	memcpy(wrong.source, f->b.address, 4);
	REFUSED(f, &wrong, REASON_SPOOFED_ADDRESS);
	wrong = fixture_from(&f->a, &f->a, PROTOCOL_UDP);
	REFUSED(f, &wrong, REASON_TO_ITSELF);
	wrong = outward(PROTOCOL_ICMP);
	wrong.icmp_type = 13;
	REFUSED(f, &wrong, REASON_ICMP_TYPE);
	CU_ASSERT(negotiation_questions(f, NULL) == 0 && negotiation_pendings(f) == 0);
	CU_ASSERT_EQUAL(budget().next_ns, 0);
}

/* A vnet that does not negotiate is as ever. */
static void test_static(void)
{
	struct port_value port = fixture_port(f, &f->a);
	struct packet_spec spec = outward(PROTOCOL_UDP), arp = fixture_arp(&f->a, f->r.address);

	port.flags = PORT_DISCARD | PORT_ASK_REPLIES;
	fixture_port_set(f, &f->a, &port);
	REFUSED(f, &spec, REASON_NO_RULE);
	REFUSED(f, &arp, REASON_ARP_REFUSED);
	CU_ASSERT(negotiation_questions(f, NULL) == 0 && negotiation_pendings(f) == 0);
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	GOES(f, &spec, &out);
}

static void test_arp(void)
{
	const struct rule_key key = negotiation_key_arp(&f->a, &f->r);
	struct packet_spec arp = fixture_arp(&f->a, f->r.address), udp = outward(PROTOCOL_UDP);
	struct fixture_rule rule = {.local = &f->a, .peer = &f->r, .width = WIDTH_ARP, .verdict = VERDICT_DENY};
	uint64_t before = fixture_now_ns();

	WAITS(f, &f->a, &arp, 1);
	expect_question(&key, 1, before);
	WAITS(f, &f->a, &arp, 1);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
	/* Packets are another question. */
	WAITS(f, &f->a, &udp, 2);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 1);
	/* An answer in the negative is an answer. */
	fixture_rule_set(f, &rule);
	REFUSED(f, &arp, REASON_ARP_REFUSED);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_ARP_ANSWERED), 0);
	rule.expires_ns = fixture_now_ns();
	fixture_rule_set(f, &rule);
	WAITS(f, &f->a, &arp, 1);
	/* Nobody to ask about: no such node, or one that was. */
	negotiation_pending_del(f, &key);
	fixture_mapping_set(f, &f->r, fixture_now_ns());
	REFUSED(f, &arp, REASON_ARP_REFUSED);
	fixture_mapping_del(f, &f->r);
	REFUSED(f, &arp, REASON_ARP_REFUSED);
	arp.arp_operation = ARP_OP_REPLY;
	REFUSED(f, &arp, REASON_ARP_BAD);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
}

static int start(void)
{
	return fixture_open(&(struct fixture_options){0}, &f) ||
	       fixture_open(&(struct fixture_options){.pendings = SMALL_TABLE}, &small);
}

static void stop(void)
{
	fixture_close(f);
	fixture_close(small);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a question, and the packet waits", test_asked},
		{"one question for a key", test_once},
		{"a neighbour", test_neighbour},
		{"the rule that is asked for is the one that admits", test_rule_asked_for},
		{"packets are discarded meanwhile", test_discard},
		{"no agent", test_no_agent},
		{"no queue", test_no_queue},
		{"the rate of questions", test_rate},
		{"the quota of questions", test_quota},
		{"the table of questions is full", test_full},
		{"the ring of questions is full", test_lost},
		{"the queue is full: packets", test_queue_packets},
		{"the queue is full: octets", test_queue_bytes},
		{"an expired question", test_expired},
		{"a question that is over", test_over},
		{"exceptions that must be asked for", test_exception},
		{"rules that have ended", test_ended_rules},
		{"what no verdict would help", test_helpless},
		{"a port that does not negotiate", test_static},
		{"ARP", test_arp},
		CU_TEST_INFO_NULL,
	};
	const struct suite suite = {.name = "questions", .start = start, .stop = stop, .setup = setup, .tests = tests};

	return suite_main(&suite);
}
