/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets that come back from the agent's queue, by the inject program: judged like any other, and before all that
 * follows them (DTM-7). How they came to wait is in test_question.c. The last tests attach the programs:
 *
 *   [a] pa-n == pa   host   queue == queue-n [the agent's queue]
 *                           inject == inject-h [the agent gives back]
 */
#include "selftests/bpf/fixture.h"
#include "selftests/bpf/live.h"
#include "selftests/bpf/negotiation.h"

#include <stdlib.h>
#include <string.h>

static struct fixture *f;
static struct frame frame, out, expected;

static void setup(void)
{
	fixture_reset(f);
	negotiation_on(f, &f->a, 0);
}

static struct packet_spec outward(uint8_t protocol)
{
	return fixture_from(&f->a, &f->r, protocol);
}

static struct pending_value pending(void)
{
	const struct rule_key key = negotiation_key(&f->a, &f->r, PROTOCOL_UDP, 80);
	struct pending_value value = {0};

	CHECK(!negotiation_pending(f, &key, &value), "nothing is pending");
	return value;
}

/* Of the session of such a packet. */
static uint64_t session_epoch(const struct packet_spec *spec)
{
	struct session_value session = {0};

	CHECK(!fixture_session(f, &f->a, &f->r, spec->protocol, spec->source_port, spec->destination_port, &session),
		"there is no session");
	return session.epoch;
}

static uint64_t port_epoch(void)
{
	return fixture_state(f, &f->a).epoch;
}

/* For whatever reason. */
static uint64_t drops_of(const struct fixture_node *node)
{
	uint64_t drops = 0;

	for (int reason = REASON_NONE + 1; reason < REASON_MAX; reason++)
		drops += fixture_drops(f, node->ifindex, (enum reason)reason);
	return drops;
}

/* What comes back is what goes to the substrate, as if it had come from the node now. */
static void test_goes(void)
{
	static const uint8_t protocols[] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP, PROTOCOL_SCTP};

	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct packet_spec spec = outward(protocols[i]);

		setup();
		WAITS(f, &f->a, &spec, 1);
		fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
		BACK(f, &f->a, &spec, &expected);
		SOUND(&expected);
		CU_ASSERT_EQUAL(packet_get16(&expected, 12), 0x86dd);
		GOES(f, &spec, &out);
		SAME(&out, &expected);
	}
}

static void test_judged(void)
{
	struct fixture_rule deny = {.local = &f->a,
		.peer = &f->r,
		.direction = DIRECTION_OUT,
		.width = WIDTH_PEER,
		.verdict = VERDICT_DENY};
	struct packet_spec spec = outward(PROTOCOL_UDP), wrong = spec;

	for (int i = 0; i < 5; i++)
		WAITS(f, &f->a, &spec, 1);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 1);
	/* Without a verdict it is dropped, and nobody is asked again; a wrong packet is wrong here too. */
	BACK_DROPPED(f, &f->a, &spec, REASON_NO_RULE);
	fixture_rule_set(f, &deny);
	BACK_DROPPED(f, &f->a, &spec, REASON_RULE_DENY);
	deny.verdict = VERDICT_ALLOW;
	deny.expires_ns = 1;
	fixture_rule_set(f, &deny);
	BACK_DROPPED(f, &f->a, &spec, REASON_RULE_EXPIRED);
	deny.expires_ns = 0;
	fixture_rule_set(f, &deny);
	wrong.from_mac[0] = 0x12;
	BACK_DROPPED(f, &f->a, &wrong, REASON_SPOOFED_MAC);
	BACK(f, &f->a, &spec, &out);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_PACKETS_DRAINED), 5);
	/* The one with the wrong MAC was not read so far as to tell what it waited for. */
	CU_ASSERT_EQUAL(pending().drained, 4);
	CU_ASSERT_EQUAL(negotiation_budget(f, f->a.number).queued_packets, 5);
}

/* Also where there is nothing pending any more, and without an agent. */
static void test_late(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP);
	struct channel_value channel = negotiation_channel(f);

	channel.alive_ns = 0;
	negotiation_channel_set(f, &channel);
	BACK_DROPPED(f, &f->a, &spec, REASON_NO_RULE);
	CU_ASSERT(negotiation_questions(f, NULL) == 0 && negotiation_pendings(f) == 0);
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	BACK(f, &f->a, &spec, &out);
	CU_ASSERT_EQUAL(session_epoch(&spec), 0);
	GOES(f, &spec, &out);
	CU_ASSERT_EQUAL(session_epoch(&spec), port_epoch());
}

static void test_order(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP), other = spec;

	WAITS(f, &f->a, &spec, 1);
	WAITS(f, &f->a, &spec, 1);
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	/* Allowed, and yet behind those that wait; another source port is of the same key. */
	WAITS(f, &f->a, &spec, 1);
	BACK(f, &f->a, &spec, &out);
	CU_ASSERT(pending().queued == 3 && pending().drained == 1);
	CU_ASSERT_EQUAL(session_epoch(&spec), 0);
	WAITS(f, &f->a, &spec, 1);
	other.source_port++;
	WAITS(f, &f->a, &other, 1);
	for (int i = 0; i < 3; i++) {
		BACK(f, &f->a, &spec, &out);
		CU_ASSERT_EQUAL(session_epoch(&spec), 0);
		WAITS(f, &f->a, &spec, 1);
	}
	CU_ASSERT(pending().queued == 8 && pending().drained == 4);
	for (int i = 0; i < 3; i++)
		BACK(f, &f->a, &spec, &out);
	BACK(f, &f->a, &other, &out);
	CU_ASSERT(pending().queued == 8 && pending().drained == 8);
	CU_ASSERT(session_epoch(&spec) == 0 && session_epoch(&other) == 0);
	/* Nothing waits: straight on, from now. */
	GOES(f, &spec, &out);
	CU_ASSERT_EQUAL(packet_get16(&out, 12), 0x86dd);
	CU_ASSERT_EQUAL(session_epoch(&spec), port_epoch());
	GOES(f, &other, &out);
	CU_ASSERT_EQUAL(session_epoch(&other), port_epoch());
	CU_ASSERT(pending().queued == 8 && negotiation_questions(f, NULL) == 1);
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_SESSIONS_OPENED), 2);
	CU_ASSERT_EQUAL(fixture_sessions(f), 2);
}

/* Other conversations of the port do not wait for this one. */
static void test_order_others(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP), port = spec, tcp = outward(PROTOCOL_TCP);
	struct packet_spec peer = fixture_from(&f->a, &f->s, PROTOCOL_UDP);

	WAITS(f, &f->a, &spec, 1);
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	fixture_allow(f, &f->a, &f->s, DIRECTION_OUT);
	port.destination_port++;
	GOES(f, &port, &out);
	CU_ASSERT_EQUAL(packet_get16(&out, 12), 0x86dd);
	GOES(f, &tcp, &out);
	CU_ASSERT_EQUAL(packet_get16(&out, 12), 0x86dd);
	GOES(f, &peer, &out);
	CU_ASSERT_EQUAL(packet_get16(&out, 12), 0x86dd);
	CU_ASSERT_EQUAL(fixture_sessions(f), 3);
	WAITS(f, &f->a, &spec, 1);
}

/* The order is kept no longer than a question lives, nor than its entry is there. */
static void test_order_ends(void)
{
	const struct rule_key key = negotiation_key(&f->a, &f->r, PROTOCOL_UDP, 80);
	struct packet_spec spec = outward(PROTOCOL_UDP);
	struct pending_value value;

	WAITS(f, &f->a, &spec, 1);
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	WAITS(f, &f->a, &spec, 1);
	value = pending();
	value.expires_ns = fixture_now_ns();
	negotiation_pending_set(f, &key, &value);
	GOES(f, &spec, &out);
	CU_ASSERT_EQUAL(packet_get16(&out, 12), 0x86dd);
	CU_ASSERT_EQUAL(session_epoch(&spec), port_epoch());

	setup();
	WAITS(f, &f->a, &spec, 1);
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	negotiation_pending_del(f, &key);
	GOES(f, &spec, &out);
	CU_ASSERT_EQUAL(packet_get16(&out, 12), 0x86dd);
}

/* A packet dropped on its way back was judged too: nothing waits for it. */
static void test_order_drops(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP);

	WAITS(f, &f->a, &spec, 1);
	BACK_DROPPED(f, &f->a, &spec, REASON_NO_RULE);
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	GOES(f, &spec, &out);
	CU_ASSERT_EQUAL(packet_get16(&out, 12), 0x86dd);
}

/* The peer answers the first of them while others wait: that lets no packet of the node overtake. */
static void test_order_answered(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP), answer = fixture_arrival(&f->r, &f->a, PROTOCOL_UDP);

	fixture_turn(&answer);
	for (int i = 0; i < 3; i++)
		WAITS(f, &f->a, &spec, 1);
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	BACK(f, &f->a, &spec, &out);
	GOES(f, &answer, &out);
	WAITS(f, &f->a, &spec, 1);
	CU_ASSERT(pending().queued == 4 && pending().drained == 1);
	for (int i = 0; i < 3; i++) {
		BACK(f, &f->a, &spec, &out);
		GOES(f, &answer, &out);
	}
	GOES(f, &spec, &out);
	CU_ASSERT_EQUAL(packet_get16(&out, 12), 0x86dd);
}

/* Once nothing waits, an answer proves the session as well: who only listens from now is not judged anew each time. */
static void test_order_listens(void)
{
	static const uint8_t protocols[] = {PROTOCOL_UDP, PROTOCOL_TCP, PROTOCOL_ICMP};
	const struct fixture_rule rule = {.local = &f->a,
		.peer = &f->r,
		.direction = DIRECTION_OUT,
		.width = WIDTH_PEER};

	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct packet_spec spec = outward(protocols[i]), answer = fixture_arrival(&f->r, &f->a, protocols[i]);
		uint64_t hits;

		setup();
		fixture_turn(&answer);
		WAITS(f, &f->a, &spec, 1);
		WAITS(f, &f->a, &spec, 1);
		fixture_rule_set(f, &rule);
		BACK(f, &f->a, &spec, &out);
		GOES(f, &answer, &out);
		WAITS(f, &f->a, &spec, 1);
		BACK(f, &f->a, &spec, &out);
		BACK(f, &f->a, &spec, &out);
		GOES(f, &answer, &out);
		hits = fixture_rule_hits(f, &rule);
		for (int more = 0; more < 3; more++)
			GOES(f, &answer, &out);
		CHECK(fixture_rule_hits(f, &rule) == hits, "protocol %u: each answer is judged anew", protocols[i]);
	}
}

/* To a neighbour: the receiver's session is its own matter. */
static void test_order_neighbour(void)
{
	struct packet_spec spec = fixture_from(&f->a, &f->b, PROTOCOL_UDP);
	struct session_value session = {0};

	negotiation_on(f, &f->b, 0);
	for (int i = 0; i < 2; i++)
		WAITS(f, &f->a, &spec, 1);
	fixture_allow(f, &f->a, &f->b, DIRECTION_OUT);
	fixture_allow(f, &f->b, &f->a, DIRECTION_IN);
	BACK(f, &f->a, &spec, &out);
	CU_ASSERT(!memcmp(out.octet, f->b.mac, 6));
	CU_ASSERT_EQUAL(fixture_session(f, &f->a, &f->b, PROTOCOL_UDP, 40000, 80, &session), 0);
	CU_ASSERT_EQUAL(session.epoch, 0);
	CU_ASSERT_EQUAL(fixture_session(f, &f->b, &f->a, PROTOCOL_UDP, 80, 40000, &session), 0);
	CU_ASSERT_EQUAL(session.epoch, fixture_state(f, &f->b).epoch);
	WAITS(f, &f->a, &spec, 1);
	for (int i = 0; i < 2; i++)
		BACK(f, &f->a, &spec, &out);
	GOES(f, &spec, &out);
	CU_ASSERT(!memcmp(out.octet, f->b.mac, 6));
}

/* Who injects a packet says of which port, and a port that is not there sends nothing. */
static void test_marks(void)
{
	const uint32_t marks[] = {0, f->a.number, WAITED_MARK, WAITED_MARK | f->r.number | 0x0fff,
		(WAITED_MARK ^ 0x800000) | f->a.number, (WAITED_MARK - 0x10000) | f->a.number,
		(REPLY_MARK + 0x10000) | f->a.number, (WAITED_MARK | f->a.number) ^ 0x80000000,
		WAITED_MARK | f->a.number | OVNET_PORTS_MAX, WAITED_MARK | 0xffff};
	struct packet_spec spec = outward(PROTOCOL_UDP), other = fixture_from(&f->b, &f->r, PROTOCOL_UDP);
	struct fixture_run run = FROM_WAITING(&f->a);

	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	fixture_allow(f, &f->b, &f->r, DIRECTION_OUT);
	packet_build(&spec, &frame);
	run.ifindex = f->inject;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		run.mark = marks[i];
		CHECK(DROPPED(f, run, &frame, REASON_NOT_A_PORT), "the mark was 0x%08x", marks[i]);
	}
	CU_ASSERT_EQUAL(fixture_count(f, f->inject, COUNTER_PACKETS_DRAINED), 0);
	/* It has served: nothing in the host is to take it for something else. */
	run.mark = WAITED_MARK | f->a.number;
	CU_ASSERT_EQUAL(fixture_send(f, &run, &frame, NULL), 0);
	CU_ASSERT(run.verdict == TC_ACT_REDIRECT && run.mark == 0);
	/* The mark says the port, and the port says who may send. */
	BACK_DROPPED(f, &f->b, &spec, REASON_SPOOFED_MAC);
	BACK(f, &f->b, &other, &out);
	fixture_port_del(f, &f->a);
	run.mark = WAITED_MARK | f->a.number;
	DROPPED(f, run, &frame, REASON_NOT_A_PORT);
}

static void test_arp(void)
{
	const struct rule_key key = negotiation_key_arp(&f->a, &f->r);
	struct fixture_rule rule = {.local = &f->a, .peer = &f->r, .width = WIDTH_ARP};
	struct packet_spec arp = fixture_arp(&f->a, f->r.address);
	struct pending_value value = {0};

	WAITS(f, &f->a, &arp, 1);
	WAITS(f, &f->a, &arp, 1);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 1);
	BACK_DROPPED(f, &f->a, &arp, REASON_ARP_REFUSED);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
	fixture_rule_set(f, &rule);
	BACK(f, &f->a, &arp, &out);
	CU_ASSERT_EQUAL(negotiation_pending(f, &key, &value), 0);
	CU_ASSERT(value.queued == 2 && value.drained == 2);
	memcpy(arp.to_mac, f->a.mac, 6);
	memcpy(arp.from_mac, f->r.dummy, 6);
	arp.arp_operation = ARP_OP_REPLY;
	memcpy(arp.arp_sender_mac, f->r.dummy, 6);
	memcpy(arp.source, f->r.address, 4);
	memcpy(arp.arp_target_mac, f->a.mac, 6);
	memcpy(arp.destination, f->a.address, 4);
	packet_build(&arp, &expected);
	SAME(&out, &expected);
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_ARP_ANSWERED), 1);
}

/* Whatever the agent gives back, nothing of it goes on to the host, and what is not sent on is counted once. */
static void test_random(void)
{
	static const uint8_t protocols[] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP, PROTOCOL_SCTP};
	const struct fixture_rule arp = {.local = &f->a, .peer = &f->r, .width = WIDTH_ARP};
	unsigned went = 0;

	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	fixture_rule_set(f, &arp);
	srandom(2);
	for (unsigned round = 0; round < 5000; round++) {
		struct packet_spec spec = outward(protocols[round % sizeof(protocols)]);
		struct fixture_run run = FROM_WAITING(&f->a);

		if (round % 8 == 7)
			spec = fixture_arp(&f->a, f->r.address);
		packet_build(&spec, &frame);
		for (unsigned changes = (unsigned)random() % 4; changes; changes--)
			frame.octet[12 + (size_t)random() % (frame.length - 12)] = (uint8_t)random();
		if (!CHECK(!fixture_send(f, &run, &frame, &out), "round %u: the test run fails", round))
			break;
		CHECK(run.verdict == TC_ACT_SHOT || run.verdict == TC_ACT_REDIRECT, "round %u: verdict %d", round,
			run.verdict);
		went += run.verdict == TC_ACT_REDIRECT;
	}
	CU_ASSERT_EQUAL(drops_of(&f->a), 5000 - went);
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_PACKETS_DRAINED), 5000);
	CU_ASSERT(negotiation_questions(f, NULL) == 0 && negotiation_pendings(f) == 0);
}

static int at_a, at_b, at_queue, at_inject, at_substrate; /* sockets: the far ends */

static void expect_at(int fd, const char *file, int line)
{
	int error = live_receive(fd, &out, NULL);

	if (suite_check(!error, file, line, "nothing came: %s", strerror(-error)))
		fixture_same(&out, &expected, file, line);
}

#define COMES(fd) expect_at(fd, __FILE__, __LINE__)

static void sends(int fd, const struct packet_spec *spec)
{
	packet_build(spec, &frame);
	CHECK(!live_send(fd, &frame, NULL), "cannot send");
}

/* A packet that waits comes out at the agent's queue, and nowhere else. */
static void test_live_queue(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP), local = fixture_from(&f->a, &f->b, PROTOCOL_UDP);

	live_drain(at_queue);
	live_drain(at_substrate);
	live_drain(at_b);
	sends(at_a, &spec);
	CU_ASSERT_EQUAL(live_receive(at_queue, &out, NULL), 0);
	packet_build(&spec, &expected);
	waiting_mac_write(expected.octet + 6, f->a.number, 1);
	SAME(&out, &expected);
	sends(at_a, &local);
	packet_build(&local, &expected);
	waiting_mac_write(expected.octet + 6, f->a.number, 2);
	COMES(at_queue);
	/* The next at the substrate is the one allowed. */
	spec.destination_port++;
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	GOES(f, &spec, &expected);
	sends(at_a, &spec);
	COMES(at_substrate);
}

/* And what the agent gives back goes where it was meant to go: the interface says that the mark is to be believed. */
static void test_live_inject(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP), arp = fixture_arp(&f->a, f->r.address);
	struct fixture_rule rule = {.local = &f->a, .peer = &f->r, .width = WIDTH_ARP};

	live_drain(at_substrate);
	live_drain(at_a);
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	BACK(f, &f->a, &spec, &expected);
	CU_ASSERT_EQUAL(live_mark(at_inject, WAITED_MARK | f->a.number), 0);
	sends(at_inject, &spec);
	COMES(at_substrate);
	fixture_rule_set(f, &rule);
	BACK(f, &f->a, &arp, &expected);
	sends(at_inject, &arp);
	COMES(at_a);
	/* From a node's own port no mark is believed: there it waits. */
	spec = fixture_from(&f->a, &f->s, PROTOCOL_UDP);
	live_drain(at_queue);
	CU_ASSERT_EQUAL(live_mark(at_a, WAITED_MARK | f->a.number), 0);
	sends(at_a, &spec);
	packet_build(&spec, &expected);
	waiting_mac_write(expected.octet + 6, f->a.number, 1);
	COMES(at_queue);
	CU_ASSERT_EQUAL(live_mark(at_a, 0), 0);
	CU_ASSERT_EQUAL(live_mark(at_inject, 0), 0);
	sends(at_inject, &spec);
	CHECK(live_dropped(f, f->inject, REASON_NOT_A_PORT, 1), "an unmarked packet was not dropped");
}

static int start(void)
{
	int error = fixture_open(&(struct fixture_options){0}, &f);

	if (error || (error = live_attach(f)) || (error = live_attach_inject(f)))
		return error;
	at_a = live_open("pa", true);
	at_b = live_open("pb", true);
	at_substrate = live_open("uplink", true);
	at_queue = live_open("queue", true);
	at_inject = live_open("inject-h", false);
	return at_a < 0 || at_b < 0 || at_queue < 0 || at_inject < 0 || at_substrate < 0;
}

static void stop(void)
{
	fixture_close(f);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"what comes back goes on", test_goes},
		{"what comes back is judged", test_judged},
		{"what comes back late", test_late},
		{"order", test_order},
		{"order: other conversations", test_order_others},
		{"order: to what end", test_order_ends},
		{"order: after a drop", test_order_drops},
		{"order: the peer answers meanwhile", test_order_answered},
		{"order: the node only listens from now", test_order_listens},
		{"order: to a neighbour", test_order_neighbour},
		{"marks", test_marks},
		{"ARP that waited", test_arp},
		{"random packets", test_random},
		{"where packets wait", test_live_queue},
		{"whence they come back", test_live_inject},
		CU_TEST_INFO_NULL,
	};
	const struct suite suite = {.name = "packets that waited",
		.start = start,
		.stop = stop,
		.setup = setup,
		.tests = tests};

	return suite_main(&suite);
}
