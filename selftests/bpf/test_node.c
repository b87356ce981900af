/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The node program up to the rules: what a node may send at all, ARP, anti-spoofing, and the events of drops. Options
 * and sizes are in test_size.c, rules in test_rule.c, sessions in test_session.c, the substrate's octets in
 * test_reheader.c, and one cause for each drop reason in test_reason.c.
 */
#include "selftests/bpf/fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/libbpf.h>

#define RING_EVENTS 6000 /* more than the ring holds */

static struct fixture *f;
static struct frame frame, out, expected;

static const uint8_t protocols[] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP, PROTOCOL_SCTP, PROTOCOL_GRE};

static void setup(void)
{
	fixture_reset(f);
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
}

static void test_cut_short(void)
{
	static const uint8_t tcp_options[20] = {1, 1, 1, 1, 1, 1, 1, 1};

	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct packet_spec spec = fixture_from(&f->a, &f->r, protocols[i]);
		size_t whole;

		spec.tcp_options = tcp_options;
		spec.tcp_options_len = sizeof(tcp_options);
		packet_build(&spec, &frame);
		whole = frame.length;
		/* A test run wants a whole IP header; test_guard.c sends what is shorter over a real interface. */
		for (size_t length = ETH_LEN + IPV4_LEN; length < whole; length++) {
			packet_build(&spec, &frame);
			packet_cut(&frame, length);
			DROPPED(f, FROM_NODE(&f->a), &frame, REASON_TRUNCATED);
		}
	}
}

/* Cut short, and the total length says the same: refused while a transport header is not whole, and sent otherwise. */
static void test_short(void)
{
	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct packet_spec spec = fixture_from(&f->a, &f->r, protocols[i]);
		size_t least = protocols[i] == PROTOCOL_TCP    ? TCP_LEN
			       : protocols[i] == PROTOCOL_UDP  ? UDP_LEN
			       : protocols[i] == PROTOCOL_ICMP ? ICMP_LEN
							       : 0;

		for (size_t left = 0; left <= TCP_LEN + spec.payload_len; left++) {
			packet_build(&spec, &frame);
			if (ETH_LEN + IPV4_LEN + left > frame.length)
				break;
			packet_cut(&frame, ETH_LEN + IPV4_LEN + left);
			packet_break(&frame, FIELD_IP_LENGTH, (uint32_t)(IPV4_LEN + left));
			if (left < least)
				DROPPED(f, FROM_NODE(&f->a), &frame, REASON_TRUNCATED);
			else
				SENT(f, FROM_NODE(&f->a), &frame, NULL);
		}
	}
}

static void test_bad_header(void)
{
	struct packet_spec spec = fixture_from(&f->a, &f->r, PROTOCOL_UDP);

	for (uint32_t version = 0; version < 16; version++) {
		packet_build(&spec, &frame);
		packet_break(&frame, FIELD_IP_VERSION, version);
		if (version == 4)
			SENT(f, FROM_NODE(&f->a), &frame, NULL);
		else
			DROPPED(f, FROM_NODE(&f->a), &frame, REASON_BAD_HEADER);
	}
	for (uint32_t words = 0; words < 5; words++) {
		packet_build(&spec, &frame);
		packet_break(&frame, FIELD_IPV4_IHL, words);
		DROPPED(f, FROM_NODE(&f->a), &frame, REASON_BAD_HEADER);
	}
	/* A header that reaches past the total length. */
	spec.payload_len = 0;
	packet_build(&spec, &frame);
	packet_break(&frame, FIELD_IPV4_IHL, 8);
	DROPPED(f, FROM_NODE(&f->a), &frame, REASON_BAD_HEADER);
	for (uint32_t total = 0; total < IPV4_LEN; total++) {
		packet_build(&spec, &frame);
		packet_break(&frame, FIELD_IP_LENGTH, total);
		DROPPED(f, FROM_NODE(&f->a), &frame, REASON_BAD_HEADER);
	}
	packet_build(&spec, &frame);
	packet_break(&frame, FIELD_IP_LENGTH, 0xffff);
	DROPPED(f, FROM_NODE(&f->a), &frame, REASON_TRUNCATED);
}

static void test_bad_checksum(void)
{
	struct packet_spec spec = fixture_from(&f->a, &f->r, PROTOCOL_UDP);

	for (unsigned bit = 0; bit < 16; bit++) {
		packet_build(&spec, &frame);
		packet_break(&frame, FIELD_IPV4_CHECKSUM, packet_get16(&frame, ETH_LEN + 10) ^ 1u << bit);
		DROPPED(f, FROM_NODE(&f->a), &frame, REASON_BAD_CHECKSUM);
	}
	/* The last word of a header with options counts too. */
	spec.options = (const uint8_t[40]){0x94, 4};
	spec.options_len = 40;
	packet_build(&spec, &frame);
	frame.octet[ETH_LEN + 59] ^= 1;
	DROPPED(f, FROM_NODE(&f->a), &frame, REASON_BAD_CHECKSUM);
}

static void test_tcp_offset(void)
{
	struct packet_spec spec = fixture_from(&f->a, &f->r, PROTOCOL_TCP);

	spec.payload_len = 8;
	for (uint32_t words = 0; words < 16; words++) {
		packet_build(&spec, &frame);
		packet_break(&frame, FIELD_TCP_OFFSET, words);
		if (words == 5 || words == 6 || words == 7)
			SENT(f, FROM_NODE(&f->a), &frame, NULL);
		else
			DROPPED(f, FROM_NODE(&f->a), &frame, REASON_TRUNCATED);
	}
}

/* Every protocol number: those that IPv6 would read as an extension header, and ICMPv6, are refused (RFC 7915, 4.1). */
static void test_protocols(void)
{
	static const uint8_t refused[] = {0, 43, 44, 58, 60, 135, 139, 140};

	for (unsigned protocol = 0; protocol < 256; protocol++) {
		struct packet_spec spec = fixture_from(&f->a, &f->r, (uint8_t)protocol);

		packet_build(&spec, &frame);
		if (memchr(refused, (int)protocol, sizeof(refused)))
			DROPPED(f, FROM_NODE(&f->a), &frame, REASON_PROTOCOL);
		else
			SENT(f, FROM_NODE(&f->a), &frame, NULL);
	}
}

static void test_icmp_types(void)
{
	static const uint8_t errors[] = {3, 4, 5, 11, 12};

	for (unsigned type = 0; type < 256; type++) {
		struct packet_spec spec = fixture_from(&f->a, &f->r, PROTOCOL_ICMP);

		spec.icmp_type = (uint8_t)type;
		packet_build(&spec, &frame);
		if (type == ICMP_TYPE_ECHO || type == ICMP_TYPE_REPLY)
			SENT(f, FROM_NODE(&f->a), &frame, NULL);
		else if (memchr(errors, (int)type, sizeof(errors)))
			DROPPED(f, FROM_NODE(&f->a), &frame, REASON_ICMP_ERROR);
		else
			DROPPED(f, FROM_NODE(&f->a), &frame, REASON_ICMP_TYPE);
	}
}

/* More fragments, and every bit of an offset; DF alone is none, nor is the reserved bit. */
static void test_fragments(void)
{
	struct packet_spec spec = fixture_from(&f->a, &f->r, PROTOCOL_UDP);

	for (unsigned bit = 0; bit < 16; bit++) {
		packet_build(&spec, &frame);
		packet_break(&frame, FIELD_IPV4_FRAGMENT, 1u << bit);
		if (bit >= 14)
			SENT(f, FROM_NODE(&f->a), &frame, NULL);
		else
			DROPPED(f, FROM_NODE(&f->a), &frame, REASON_FRAGMENT);
	}
}

static void test_groups(void)
{
	static const uint8_t addresses[][4] = {{224, 0, 0, 1}, {239, 255, 0, 1}, {240, 0, 0, 1}, {255, 255, 255, 255}};
	struct packet_spec spec = fixture_from(&f->a, &f->r, PROTOCOL_UDP);

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		memcpy(spec.destination, addresses[i], 4);
		packet_build(&spec, &frame);
		DROPPED(f, FROM_NODE(&f->a), &frame, REASON_GROUP);
	}
	memcpy(spec.destination, (uint8_t[]){223, 255, 255, 255}, 4);
	packet_build(&spec, &frame);
	DROPPED(f, FROM_NODE(&f->a), &frame, REASON_NO_MAPPING);
}

/* Frames that are neither IPv4 nor ARP; none of them, and no ARP, ever goes on to the host. */
static void test_ethertypes(void)
{
	static const uint8_t payload[60] = {0x60};
	struct packet_spec spec = {.family = PACKET_RAW, .payload = payload};

	memcpy(spec.from_mac, f->a.mac, 6);
	for (unsigned type = 0; type <= 0xffff; type++) {
		spec.ethertype = (uint16_t)type;
		spec.payload_len = sizeof(payload);
		packet_build(&spec, &frame);
		if (type == 0x0800)
			DROPPED(f, FROM_NODE(&f->a), &frame, REASON_BAD_HEADER);
		else if (type == 0x0806)
			DROPPED(f, FROM_NODE(&f->a), &frame, REASON_ARP_BAD);
		else if (type == 0x8100 || type == 0x88a8)
			DROPPED(f, FROM_NODE(&f->a), &frame, REASON_VLAN);
		else if (type == 0x86dd)
			DROPPED(f, FROM_NODE(&f->a), &frame, REASON_IPV6_NODE);
		else
			DROPPED(f, FROM_NODE(&f->a), &frame, REASON_ETHERTYPE);
	}
}

static void test_ipv6(void)
{
	struct packet_spec spec = fixture_arrival(&f->a, &f->r, PROTOCOL_ICMP);

	memcpy(spec.from_mac, f->a.mac, 6);
	for (unsigned type = 0; type < 256; type++) {
		spec.icmp_type = (uint8_t)type;
		packet_build(&spec, &frame);
		DROPPED(f, FROM_NODE(&f->a), &frame,
			type == 134 || type == 137 ? REASON_ROUTER_ADVERT : REASON_IPV6_NODE);
	}
	for (size_t length = frame.length; length >= ETH_LEN + IPV6_LEN; length--) {
		packet_cut(&frame, length);
		DROPPED(f, FROM_NODE(&f->a), &frame, REASON_IPV6_NODE);
	}
}

static void arp_expect(const struct packet_spec *spec, enum reason reason)
{
	packet_build(spec, &frame);
	DROPPED(f, FROM_NODE(&f->a), &frame, reason);
}

static void test_arp_answer(void)
{
	struct packet_spec spec = fixture_arp(&f->a, f->r.address), reply;
	struct fixture_rule rule = {.local = &f->a, .peer = &f->r, .width = WIDTH_ARP};

	/* A rule for packets is not one for ARP; ovnetd keeps that one beside. */
	arp_expect(&spec, REASON_ARP_REFUSED);
	fixture_rule_set(f, &rule);
	packet_build(&spec, &frame);
	SENT(f, FROM_NODE(&f->a), &frame, &out);
	reply = spec;
	memcpy(reply.to_mac, f->a.mac, 6);
	memcpy(reply.from_mac, f->r.dummy, 6);
	reply.arp_operation = ARP_OP_REPLY;
	memcpy(reply.arp_sender_mac, f->r.dummy, 6);
	memcpy(reply.source, f->r.address, 4);
	memcpy(reply.arp_target_mac, f->a.mac, 6);
	memcpy(reply.destination, f->a.address, 4);
	packet_build(&reply, &expected);
	SAME(&out, &expected);
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_ARP_ANSWERED), 1);

	rule.expires_ns = fixture_now_ns();
	fixture_rule_set(f, &rule);
	arp_expect(&spec, REASON_ARP_REFUSED);
	rule.expires_ns = 0;
	rule.peer_incarnation = f->r.incarnation - 1;
	fixture_rule_set(f, &rule);
	arp_expect(&spec, REASON_ARP_REFUSED);
	rule.peer_incarnation = 0;
	rule.verdict = VERDICT_DENY;
	fixture_rule_set(f, &rule);
	arp_expect(&spec, REASON_ARP_REFUSED);
	rule.verdict = VERDICT_ALLOW;
	fixture_rule_set(f, &rule);
	fixture_mapping_set(f, &f->r, fixture_now_ns());
	arp_expect(&spec, REASON_ARP_REFUSED);
	fixture_mapping_del(f, &f->r);
	arp_expect(&spec, REASON_ARP_REFUSED);
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_ARP_ANSWERED), 1);
}

static void test_arp_refused(void)
{
	const struct fixture_rule rule = {.local = &f->a, .peer = &f->r, .width = WIDTH_ARP};
	struct packet_spec good = fixture_arp(&f->a, f->r.address), spec;

	fixture_rule_set(f, &rule);
	/* Another node's address or MAC as the sender's. */
	spec = good;
	memcpy(spec.source, f->b.address, 4);
	arp_expect(&spec, REASON_SPOOFED_ADDRESS);
	spec = good;
	spec.arp_sender_mac[5] ^= 1;
	arp_expect(&spec, REASON_SPOOFED_MAC);
	spec = good;
	spec.from_mac[5] ^= 1;
	arp_expect(&spec, REASON_SPOOFED_MAC);
	/* A probe of its own address, an announcement of it, and of another's. */
	spec = good;
	memset(spec.source, 0, 4);
	memcpy(spec.destination, f->a.address, 4);
	arp_expect(&spec, REASON_ARP_PROBE);
	memcpy(spec.source, f->a.address, 4);
	arp_expect(&spec, REASON_ARP_PROBE);
	memcpy(spec.source, f->b.address, 4);
	memcpy(spec.destination, f->b.address, 4);
	arp_expect(&spec, REASON_ARP_PROBE);
	/* An address that nobody has. */
	spec = good;
	spec.destination[3] = 77;
	arp_expect(&spec, REASON_ARP_REFUSED);

	for (unsigned operation = 0; operation < 32; operation++) {
		spec = good;
		spec.arp_operation = (uint16_t)operation;
		if (operation != ARP_OP_REQUEST)
			arp_expect(&spec, REASON_ARP_BAD);
	}
	/* Hardware type, protocol type and both lengths. */
	for (size_t at = ETH_LEN; at < ETH_LEN + 6; at++) {
		packet_build(&good, &frame);
		frame.octet[at] ^= 4;
		DROPPED(f, FROM_NODE(&f->a), &frame, REASON_ARP_BAD);
	}
	for (size_t length = ETH_LEN + 1; length < ETH_LEN + 28; length++) {
		packet_build(&good, &frame);
		packet_cut(&frame, length);
		DROPPED(f, FROM_NODE(&f->a), &frame, REASON_TRUNCATED);
	}
}

static void test_spoofing(void)
{
	struct packet_spec good = fixture_from(&f->a, &f->r, PROTOCOL_UDP), spec;

	for (size_t i = 0; i < 6; i++) {
		spec = good;
		spec.from_mac[i] ^= 1;
		packet_build(&spec, &frame);
		DROPPED(f, FROM_NODE(&f->a), &frame, REASON_SPOOFED_MAC);
		spec = good;
		spec.to_mac[i] ^= 1;
		packet_build(&spec, &frame);
		DROPPED(f, FROM_NODE(&f->a), &frame, REASON_UNKNOWN_MAC);
	}
	/* A neighbour's address, a remote node's, and one that nobody has. */
	fixture_allow(f, &f->b, &f->r, DIRECTION_OUT);
	spec = good;
	memcpy(spec.source, f->b.address, 4);
	packet_build(&spec, &frame);
	DROPPED(f, FROM_NODE(&f->a), &frame, REASON_SPOOFED_ADDRESS);
	memcpy(spec.source, f->s.address, 4);
	packet_build(&spec, &frame);
	DROPPED(f, FROM_NODE(&f->a), &frame, REASON_SPOOFED_ADDRESS);
	memcpy(spec.source, (uint8_t[]){10, 0, 0, 77}, 4);
	packet_build(&spec, &frame);
	DROPPED(f, FROM_NODE(&f->a), &frame, REASON_SPOOFED_ADDRESS);
	/* The same address in another vnet is somebody else: its node reaches nothing here. */
	spec = fixture_from(&f->c, &f->r, PROTOCOL_UDP);
	packet_build(&spec, &frame);
	DROPPED(f, FROM_NODE(&f->c), &frame, REASON_NO_MAPPING);
}

static int event_keep(void *context, void *data, size_t size)
{
	struct event *kept = context;

	if (size != sizeof(*kept))
		return -EINVAL;
	*kept = *(const struct event *)data;
	return 0;
}

static void test_events(void)
{
	struct packet_spec spec = fixture_from(&f->a, &f->s, PROTOCOL_UDP);
	struct event told = {0};
	struct ring_buffer *ring = ring_buffer__new(f->events, event_keep, &told, NULL);
	struct fixture_run run = FROM_NODE(&f->a);
	uint64_t before, lost;

	CU_ASSERT_PTR_NOT_NULL_FATAL(ring);
	packet_build(&spec, &frame);
	DROPPED(f, run, &frame, REASON_NO_RULE);
	CHECK(ring_buffer__consume(ring) == 0, "an event without a listener");

	fixture_listen(f, 1);
	before = fixture_now_ns();
	DROPPED(f, run, &frame, REASON_NO_RULE);
	CHECK(ring_buffer__consume(ring) == 1, "not one event for one drop");
	CU_ASSERT(told.time_ns >= before && told.time_ns <= fixture_now_ns());
	CU_ASSERT_EQUAL(told.ifindex, f->a.ifindex);
	CU_ASSERT_EQUAL(told.hook, HOOK_NODE);
	CU_ASSERT_EQUAL(told.reason, REASON_NO_RULE);
	CU_ASSERT_EQUAL(told.length, frame.length);
	CU_ASSERT_EQUAL(told.vni, FIXTURE_VNI);
	CU_ASSERT(!memcmp(told.source, f->a.address, 4) && !memcmp(told.destination, f->s.address, 4));
	CU_ASSERT(told.source_port == spec.source_port && told.destination_port == spec.destination_port);
	CU_ASSERT_EQUAL(told.protocol, PROTOCOL_UDP);
	CU_ASSERT(!memcmp(told.pad, "\0\0\0", 3));
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_EVENTS_LOST), 0);

	/* Nobody reads: what does not fit is lost and counted; the drops are counted as ever. */
	run.repeat = RING_EVENTS;
	CU_ASSERT_EQUAL(fixture_send(f, &run, &frame, NULL), 0);
	lost = fixture_count(f, f->a.ifindex, COUNTER_EVENTS_LOST);
	CU_ASSERT_EQUAL(fixture_drops(f, f->a.ifindex, REASON_NO_RULE), 2 + RING_EVENTS);
	CU_ASSERT(lost > 0 && lost < RING_EVENTS);
	CHECK(ring_buffer__consume(ring) == (int)(RING_EVENTS - lost), "events lost and read are not those told");
	ring_buffer__free(ring);
}

/* Whatever a node sends, nothing of it goes on to the host, and what is not sent on is counted once. */
static void test_random(void)
{
	const struct fixture_rule arp = {.local = &f->a, .peer = &f->r, .width = WIDTH_ARP};

	fixture_rule_set(f, &arp);
	srandom(1);
	for (unsigned round = 0; round < 30000; round++) {
		struct packet_spec spec = fixture_from(&f->a, &f->r, protocols[round % sizeof(protocols)]);
		struct fixture_run run = FROM_NODE(&f->a);
		uint64_t drops = 0, after = 0;

		spec.options = (const uint8_t[40]){1, 1, 7, 3};
		spec.options_len = (size_t)(random() % 3) * 4;
		if (round % 8 == 7)
			spec = fixture_arp(&f->a, f->r.address);
		packet_build(&spec, &frame);
		for (unsigned changes = (unsigned)random() % 4; changes; changes--)
			frame.octet[12 + (size_t)random() % (frame.length - 12)] = (uint8_t)random();
		if (round & 1)
			packet_cut(&frame, ETH_LEN + IPV4_LEN + (size_t)random() % frame.length);
		for (int reason = 1; reason < REASON_MAX && round % 16 == 0; reason++)
			drops += fixture_drops(f, f->a.ifindex, (enum reason)reason);
		if (!CHECK(!fixture_send(f, &run, &frame, &out), "round %u: the test run fails", round))
			break;
		CHECK(run.verdict == TC_ACT_SHOT || run.verdict == TC_ACT_REDIRECT, "round %u: verdict %d", round,
			run.verdict);
		for (int reason = 1; reason < REASON_MAX && round % 16 == 0; reason++)
			after += fixture_drops(f, f->a.ifindex, (enum reason)reason);
		if (round % 16 == 0)
			CHECK(after - drops == (run.verdict == TC_ACT_SHOT), "round %u: %llu drops", round,
				(unsigned long long)(after - drops));
	}
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
		{"packets cut short anywhere", test_cut_short},
		{"short packets", test_short},
		{"bad IPv4 headers", test_bad_header},
		{"bad IPv4 header checksums", test_bad_checksum},
		{"TCP header lengths", test_tcp_offset},
		{"every protocol", test_protocols},
		{"every ICMP type", test_icmp_types},
		{"fragments", test_fragments},
		{"group destinations", test_groups},
		{"every Ethernet type", test_ethertypes},
		{"IPv6 from a node", test_ipv6},
		{"ARP answered with the dummy MAC", test_arp_answer},
		{"ARP refused", test_arp_refused},
		{"spoofed and unknown addresses", test_spoofing},
		{"events", test_events},
		{"random packets", test_random},
		CU_TEST_INFO_NULL,
	};
	const struct suite suite = {.name = "node program",
		.start = start,
		.stop = stop,
		.setup = setup,
		.tests = tests};

	return suite_main(&suite);
}
