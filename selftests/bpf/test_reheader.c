/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Re-headering (ONM-1): the exact octets on the substrate, and the packet as it was at the other side.
 *
 *   node a -- [near: node program] -- substrate -- [far: uplink program] -- node r
 *
 * Two fixtures are two hosts; what one makes is given to the other as it is.
 */
#include "selftests/bpf/fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifndef BPF_F_TEST_SKB_CHECKSUM_COMPLETE
#define BPF_F_TEST_SKB_CHECKSUM_COMPLETE 4 /* Linux 6.18 */
#endif

static struct fixture *near, *far;
static struct frame frame, wire, back, expected;

static const uint8_t protocols[] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP, PROTOCOL_SCTP, PROTOCOL_GRE};
static uint8_t payload[1448];

static void setup(void)
{
	fixture_reset(near);
	fixture_reset(far);
	fixture_allow(near, &near->a, &near->r, DIRECTION_OUT);
	fixture_allow(far, &far->r, &far->a, DIRECTION_IN);
}

static uint16_t entropy_of(uint8_t protocol)
{
	struct session_value session = {0};
	bool ports = protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP;
	struct packet_spec spec = fixture_from(&near->a, &near->r, protocol);
	uint16_t local = ports ? spec.source_port : protocol == PROTOCOL_ICMP ? spec.icmp_identifier : 0;

	CHECK(!fixture_session(near, &near->a, &near->r, protocol, local, ports ? spec.destination_port : 0, &session),
		"protocol %u has no session", protocol);
	CHECK(session.entropy <= 0x7ff, "entropy of more than 11 bits");
	return session.entropy;
}

/* What a's packet must be on the substrate. */
static void build_wire(const struct packet_spec *spec, struct frame *to)
{
	struct nexthop_value hop = fixture_nexthop(near, &near->r);
	struct packet_spec v6 = *spec;

	v6.family = PACKET_IPV6;
	memcpy(v6.to_mac, hop.dst_mac, 6);
	memcpy(v6.from_mac, hop.src_mac, 6);
	memcpy(v6.source, near->a.prefix, OVNET_PREFIX_LEN);
	memcpy(v6.source + OVNET_PREFIX_LEN, spec->source, 4);
	memcpy(v6.destination, near->r.prefix, OVNET_PREFIX_LEN);
	memcpy(v6.destination + OVNET_PREFIX_LEN, spec->destination, 4);
	v6.flow_label = (uint32_t)spec->ttl << 12 | (uint32_t)spec->df << 11 | entropy_of(spec->protocol);
	v6.ttl = 64;
	if (spec->protocol == PROTOCOL_ICMP) {
		v6.protocol = PROTOCOL_ICMPV6;
		v6.icmp_type = spec->icmp_type == ICMP_TYPE_ECHO ? ICMPV6_TYPE_ECHO : ICMPV6_TYPE_REPLY;
	}
	packet_build(&v6, to);
}

/* What it must be when it reaches r. The identification is made anew, so it is taken from what came. */
static void build_back(const struct packet_spec *spec, struct frame *to)
{
	struct packet_spec v4 = *spec;

	memcpy(v4.to_mac, far->r.mac, 6);
	memcpy(v4.from_mac, far->a.dummy, 6);
	v4.identification = spec->df ? 0 : packet_get16(&back, ETH_LEN + 4);
	packet_build(&v4, to);
}

/* From a to r, looked at on the wire and at the end. */
static bool cross(const struct packet_spec *spec)
{
	packet_build(spec, &frame);
	if (!SENT(near, FROM_NODE(&near->a), &frame, &wire))
		return false;
	build_wire(spec, &expected);
	if (!SAME(&wire, &expected) || !SOUND(&wire) || !SENT(far, FROM_UPLINK(far), &wire, &back))
		return false;
	build_back(spec, &expected);
	return SAME(&back, &expected) && SOUND(&back);
}

static struct packet_spec usual(uint8_t protocol)
{
	struct packet_spec spec = fixture_from(&near->a, &near->r, protocol);

	spec.identification = 0x1234;
	return spec;
}

static void test_protocols(void)
{
	for (unsigned protocol = 1; protocol < 256; protocol++) {
		static const uint8_t refused[] = {43, 44, 58, 60, 135, 139, 140};
		struct packet_spec spec = usual((uint8_t)protocol);

		if (!memchr(refused, (int)protocol, sizeof(refused)))
			CHECK(cross(&spec), "protocol %u", protocol);
	}
}

/* Every type of service, and every time to live, with and without DF. */
static void test_tos(void)
{
	for (size_t i = 0; i < sizeof(protocols); i++)
		for (unsigned tos = 0; tos < 512; tos++) {
			struct packet_spec spec = usual(protocols[i]);

			spec.tos = (uint8_t)tos;
			spec.df = tos >= 256;
			if (!CHECK(cross(&spec), "protocol %u, TOS 0x%02x", protocols[i], tos & 255))
				return;
		}
}

static void test_ttl(void)
{
	for (size_t i = 0; i < sizeof(protocols); i++)
		for (unsigned ttl = 1; ttl < 256; ttl++)
			for (unsigned df = 0; df < 2; df++) {
				struct packet_spec spec = usual(protocols[i]);

				spec.ttl = (uint8_t)ttl;
				spec.df = df;
				if (!CHECK(cross(&spec), "protocol %u, TTL %u", protocols[i], ttl))
					return;
			}
}

static void test_lengths(void)
{
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)random();
	for (size_t i = 0; i < sizeof(protocols); i++)
		for (size_t length = 0; length <= 1440; length += length < 64 ? 1 : 43) {
			struct packet_spec spec = usual(protocols[i]);

			spec.payload = payload;
			spec.payload_len = length;
			if (!CHECK(cross(&spec), "protocol %u, %zu octets", protocols[i], length))
				return;
		}
}

static void test_tcp_flags(void)
{
	for (unsigned flags = 0; flags < 256; flags++) {
		static const uint8_t options[] = {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
		struct packet_spec spec = usual(PROTOCOL_TCP);

		spec.tcp_flags = (uint8_t)flags;
		spec.tcp_options = options;
		spec.tcp_options_len = sizeof(options);
		CHECK(cross(&spec), "flags 0x%02x", flags);
	}
}

/* A word of the payload takes every value, so every checksum occurs, 0xffff and what becomes 0 on the way too. */
static void test_every_checksum(void)
{
	static const uint8_t summed[] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP};

	for (size_t i = 0; i < sizeof(summed); i++)
		for (unsigned word = 0; word < 65536; word++) {
			struct packet_spec spec = usual(summed[i]);

			payload[0] = (uint8_t)(word >> 8);
			payload[1] = (uint8_t)word;
			spec.payload = payload;
			spec.payload_len = 2;
			if (!CHECK(cross(&spec), "protocol %u, word 0x%04x", summed[i], word))
				return;
		}
}

static void test_udp_unsummed(void)
{
	struct packet_spec spec = usual(PROTOCOL_UDP);

	spec.udp_unsummed = true;
	cross(&spec);
	CU_ASSERT_EQUAL(packet_get16(&wire, ETH_LEN + IPV6_LEN + 6), 0);
	CU_ASSERT_EQUAL(packet_get16(&back, ETH_LEN + IPV4_LEN + 6), 0);
}

/* A wrong transport checksum is the receiver's to see: it stays wrong, and comes out as it was. */
static void test_wrong_checksum(void)
{
	for (size_t i = 0; i < 3; i++) {
		static const enum packet_field fields[] = {FIELD_TCP_CHECKSUM, FIELD_UDP_CHECKSUM, FIELD_ICMP_CHECKSUM};
		struct packet_spec spec = usual(protocols[i]);
		size_t l4;

		packet_build(&spec, &frame);
		packet_break(&frame, fields[i], 0x1234);
		SENT(near, FROM_NODE(&near->a), &frame, &wire);
		CHECK(packet_check(&wire), "a wrong checksum is right on the substrate");
		SENT(far, FROM_UPLINK(far), &wire, &back);
		l4 = packet_l4(&frame);
		CU_ASSERT(back.length == frame.length && !memcmp(back.octet + l4, frame.octet + l4, frame.length - l4));
	}
}

static void test_identification(void)
{
	struct packet_spec spec = usual(PROTOCOL_UDP);
	uint16_t first = 0;
	unsigned others = 0;

	spec.df = false;
	for (unsigned i = 0; i < 16; i++) {
		uint16_t now;

		cross(&spec);
		now = packet_get16(&back, ETH_LEN + 4);
		if (i == 0)
			first = now;
		else if (now != first)
			others++;
	}
	CHECK(others > 0, "the identification is always the same");
	spec.df = true;
	cross(&spec);
	CU_ASSERT_EQUAL(packet_get16(&back, ETH_LEN + 4), 0);
	CU_ASSERT_EQUAL(packet_get16(&back, ETH_LEN + 6), 0x4000);
}

/* The answer goes back by the sessions that the question opened. */
static void test_replies(void)
{
	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct packet_spec spec = usual(protocols[i]), reply;

		CHECK(cross(&spec), "protocol %u", protocols[i]);
		reply = fixture_from(&far->r, &far->a, protocols[i]);
		fixture_turn(&reply);
		reply.tos = 0x2e << 2;
		reply.ttl = 200;
		packet_build(&reply, &frame);
		SENT(far, FROM_NODE(&far->r), &frame, &wire);
		SOUND(&wire);
		SENT(near, FROM_UPLINK(near), &wire, &back);
		memcpy(reply.to_mac, near->a.mac, 6);
		memcpy(reply.from_mac, near->r.dummy, 6);
		packet_build(&reply, &expected);
		CHECK(SAME(&back, &expected), "protocol %u", protocols[i]);
	}
}

/* From a network card that sums whole packets (CHECKSUM_COMPLETE): after each change the sum is still the packet's. */
static void test_checksum_complete(void)
{
	static const uint8_t syn[] = {1, 2, 4, 0xff, 0xff, 1, 1, 1}, options[] = {7, 7, 4, 1, 2, 3, 4, 0};
	struct fixture_run out = FROM_NODE(&near->a), in = FROM_UPLINK(far);

	out.flags = BPF_F_TEST_SKB_CHECKSUM_COMPLETE;
	in.flags = BPF_F_TEST_SKB_CHECKSUM_COMPLETE;
	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct packet_spec spec = usual(protocols[i]);
		int error;

		packet_build(&spec, &frame);
		error = fixture_send(near, &out, &frame, &wire);
		if (error == -EINVAL) {
			suite_skip("checksum complete", "this kernel's test runs do not have it");
			return;
		}
		CHECK(!error, "protocol %u, out: %s", protocols[i], strerror(-error));
		error = fixture_send(far, &in, &wire, &back);
		CHECK(!error, "protocol %u, in: %s", protocols[i], strerror(-error));
		spec.options = options;
		spec.options_len = sizeof(options);
		packet_build(&spec, &frame);
		error = fixture_send(near, &out, &frame, &wire);
		CHECK(!error, "protocol %u, options: %s", protocols[i], strerror(-error));
		spec.options_len = 0;
		spec.tcp_options = syn;
		spec.tcp_options_len = sizeof(syn);
		packet_build(&spec, &frame);
		error = fixture_send(near, &out, &frame, &wire);
		CHECK(!error, "protocol %u, segment size: %s", protocols[i], strerror(-error));
	}
}

/* The label is one flow's: the same for its packets, and not the same for all flows. */
static void test_entropy(void)
{
	bool seen[0x800] = {false};
	unsigned different = 0;

	for (uint16_t port = 1024; port < 1024 + 256; port++) {
		struct packet_spec spec = usual(PROTOCOL_UDP);
		uint16_t label, again;

		spec.source_port = port;
		packet_build(&spec, &frame);
		SENT(near, FROM_NODE(&near->a), &frame, &wire);
		label = packet_get16(&wire, ETH_LEN + 2) & 0x7ff;
		SENT(near, FROM_NODE(&near->a), &frame, &wire);
		again = packet_get16(&wire, ETH_LEN + 2) & 0x7ff;
		CU_ASSERT_EQUAL(label, again);
		different += !seen[label];
		seen[label] = true;
	}
	/* 256 draws of 2,048 have some 241 different values. */
	CHECK(different > 200, "256 flows have only %u labels", different);
}

static int start(void)
{
	/* One host with a /64, the other with a /72. */
	return fixture_open(&(struct fixture_options){.host = 0, .slots = {[1] = 42}}, &near) ||
	       fixture_open(&(struct fixture_options){.host = 1, .slots = {[1] = 42}}, &far);
}

static void stop(void)
{
	fixture_close(near);
	fixture_close(far);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"every protocol", test_protocols},
		{"every TOS", test_tos},
		{"every TTL", test_ttl},
		{"many lengths", test_lengths},
		{"every set of TCP flags", test_tcp_flags},
		{"every checksum", test_every_checksum},
		{"no UDP checksum", test_udp_unsummed},
		{"wrong transport checksums", test_wrong_checksum},
		{"identification", test_identification},
		{"replies", test_replies},
		{"CHECKSUM_COMPLETE", test_checksum_complete},
		{"entropy of the flow label", test_entropy},
		CU_TEST_INFO_NULL,
	};
	const struct suite suite = {.name = "re-headering",
		.start = start,
		.stop = stop,
		.setup = setup,
		.tests = tests};

	return suite_main(&suite);
}
