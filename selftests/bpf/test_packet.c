/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tests' own tools: the builder makes what another tool makes, and the checker sees what is wrong.
 */
#include "selftests/bpf/packet.h"
#include "selftests/bpf/suite.h"

#include <string.h>

static const uint8_t payload[] = "ovnet!!";
static const uint8_t mss_1460[] = {2, 4, 5, 0xb4};

#define MACS .to_mac = {2, 0, 0, 0, 0, 2}, .from_mac = {2, 0, 0, 0, 0, 1}
#define PAYLOAD .payload = payload, .payload_len = sizeof(payload) - 1
#define SOURCE6                                                                                                        \
	{                                                                                                              \
		0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1                                                \
	}
#define DESTINATION6                                                                                                   \
	{                                                                                                              \
		0x20, 1, 0x0d, 0xb8, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9                                                \
	}

/* Frames as Scapy 2.5 makes them. */
static const struct {
	const char *name;
	struct packet_spec spec;
	size_t length;
	uint8_t octet[80];
} known[] = {
	{"TCP over IPv4",
		{.family = PACKET_IPV4,
			MACS,
			.source = {10, 0, 0, 1},
			.destination = {10, 0, 0, 9},
			.tos = 0xb9,
			.ttl = 77,
			.identification = 0x1234,
			.df = true,
			.protocol = PROTOCOL_TCP,
			.source_port = 40000,
			.destination_port = 80,
			.tcp_flags = TCP_FLAG_SYN,
			.tcp_options = mss_1460,
			.tcp_options_len = sizeof(mss_1460),
			PAYLOAD},
		65,
		{0x02, 0x00, 0x00, 0x00, 0x00, 0x02, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x45, 0xb9, 0x00,
			0x33, 0x12, 0x34, 0x40, 0x00, 0x4d, 0x06, 0x06, 0xcf, 0x0a, 0x00, 0x00, 0x01, 0x0a, 0x00, 0x00,
			0x09, 0x9c, 0x40, 0x00, 0x50, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x60, 0x02, 0xff,
			0xff, 0x74, 0x87, 0x00, 0x00, 0x02, 0x04, 0x05, 0xb4, 0x6f, 0x76, 0x6e, 0x65, 0x74, 0x21,
			0x21}},
	{"UDP over IPv6",
		{.family = PACKET_IPV6,
			MACS,
			.source = {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1, 0, 4, 0, 0x0a, 0x1b, 0x2c, 0x0a, 0},
			.destination = DESTINATION6,
			.tos = 0xb9,
			.flow_label = 0x4d812,
			.ttl = 64,
			.protocol = PROTOCOL_UDP,
			.source_port = 40000,
			.destination_port = 53,
			PAYLOAD},
		69,
		{0x02, 0x00, 0x00, 0x00, 0x00, 0x02, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x86, 0xdd, 0x6b, 0x94, 0xd8,
			0x12, 0x00, 0x0f, 0x11, 0x40, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x01, 0x00, 0x04, 0x00,
			0x0a, 0x1b, 0x2c, 0x0a, 0x00, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
			0x00, 0x00, 0x00, 0x00, 0x09, 0x9c, 0x40, 0x00, 0x35, 0x00, 0x0f, 0x6f, 0xa5, 0x6f, 0x76, 0x6e,
			0x65, 0x74, 0x21, 0x21}},
	{"ICMP",
		{.family = PACKET_IPV4,
			MACS,
			.source = {10, 0, 0, 1},
			.destination = {10, 0, 0, 9},
			.ttl = 64,
			.identification = 7,
			.protocol = PROTOCOL_ICMP,
			.icmp_type = ICMP_TYPE_ECHO,
			.icmp_identifier = 0x1234,
			.icmp_sequence = 5,
			PAYLOAD},
		49,
		{0x02, 0x00, 0x00, 0x00, 0x00, 0x02, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x45, 0x00, 0x00,
			0x23, 0x00, 0x07, 0x00, 0x00, 0x40, 0x01, 0x66, 0xca, 0x0a, 0x00, 0x00, 0x01, 0x0a, 0x00, 0x00,
			0x09, 0x08, 0x00, 0x72, 0xc9, 0x12, 0x34, 0x00, 0x05, 0x6f, 0x76, 0x6e, 0x65, 0x74, 0x21,
			0x21}},
	{"ICMPv6",
		{.family = PACKET_IPV6,
			MACS,
			.source = SOURCE6,
			.destination = DESTINATION6,
			.ttl = 64,
			.protocol = PROTOCOL_ICMPV6,
			.icmp_type = ICMPV6_TYPE_REPLY,
			.icmp_identifier = 0x1234,
			.icmp_sequence = 5,
			PAYLOAD},
		69,
		{0x02, 0x00, 0x00, 0x00, 0x00, 0x02, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x86, 0xdd, 0x60, 0x00, 0x00,
			0x00, 0x00, 0x0f, 0x3a, 0x40, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
			0x00, 0x00, 0x00, 0x00, 0x01, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
			0x00, 0x00, 0x00, 0x00, 0x09, 0x81, 0x00, 0x9e, 0x00, 0x12, 0x34, 0x00, 0x05, 0x6f, 0x76, 0x6e,
			0x65, 0x74, 0x21, 0x21}},
	{"ARP",
		{.family = PACKET_ARP,
			MACS,
			.source = {10, 0, 0, 1},
			.destination = {10, 0, 0, 9},
			.arp_operation = ARP_OP_REQUEST,
			.arp_sender_mac = {2, 0, 0, 0, 0, 1}},
		42,
		{0x02, 0x00, 0x00, 0x00, 0x00, 0x02, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06, 0x00, 0x01, 0x08,
			0x00, 0x06, 0x04, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x0a, 0x00, 0x00, 0x01, 0x00,
			0x00, 0x00, 0x00, 0x00, 0x00, 0x0a, 0x00, 0x00, 0x09}},
};

#define KNOWN (sizeof(known) / sizeof(known[0]))

static struct frame frame;

static void test_known_frames(void)
{
	for (size_t i = 0; i < KNOWN; i++) {
		packet_build(&known[i].spec, &frame);
		CHECK(frame.length == known[i].length, "%s: %zu octets, expected %zu", known[i].name, frame.length,
			known[i].length);
		CHECK(!memcmp(frame.octet, known[i].octet, known[i].length), "%s differs", known[i].name);
		CHECK(!packet_check(&frame), "%s: %s", known[i].name, packet_check(&frame));
	}
}

/* Whatever octet of a frame is changed, behind the link-layer header and in what checksums cover, is seen. */
static void test_every_octet(void)
{
	for (size_t i = 0; i < KNOWN; i++) {
		if (known[i].spec.family != PACKET_IPV4)
			continue;
		for (size_t at = ETH_LEN; at < known[i].length; at++) {
			packet_build(&known[i].spec, &frame);
			frame.octet[at] ^= 0x10;
			CHECK(packet_check(&frame), "%s: a change of octet %zu is not seen", known[i].name, at);
		}
	}
	for (size_t i = 0; i < KNOWN; i++) {
		if (known[i].spec.family != PACKET_IPV6)
			continue;
		/* Version, class and label, and the hop limit, are in no checksum. */
		for (size_t at = ETH_LEN + 4; at < known[i].length; at++) {
			if (at == ETH_LEN + 6 || at == ETH_LEN + 7)
				continue;
			packet_build(&known[i].spec, &frame);
			frame.octet[at] ^= 0x10;
			CHECK(packet_check(&frame), "%s: a change of octet %zu is not seen", known[i].name, at);
		}
	}
}

static void test_knobs(void)
{
	static const struct {
		size_t known;
		enum packet_field field;
		uint32_t value;
	} seen[] = {
		{0, FIELD_IP_VERSION, 5},
		{0, FIELD_IP_LENGTH, 50},
		{0, FIELD_IPV4_IHL, 6},
		{0, FIELD_IPV4_CHECKSUM, 1},
		{0, FIELD_IPV4_FRAGMENT, 8191},
		{0, FIELD_TCP_OFFSET, 4},
		{0, FIELD_TCP_CHECKSUM, 1},
		{0, FIELD_IP_PROTOCOL, 17},
		{1, FIELD_IP_VERSION, 4},
		{1, FIELD_IP_LENGTH, 14},
		{1, FIELD_UDP_LENGTH, 14},
		{1, FIELD_UDP_CHECKSUM, 1},
		{2, FIELD_ICMP_TYPE, 0},
		{3, FIELD_ICMP_CHECKSUM, 1},
		{3, FIELD_ICMP_TYPE, 128},
	};

	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
		packet_build(&known[seen[i].known].spec, &frame);
		packet_break(&frame, seen[i].field, seen[i].value);
		CHECK(packet_check(&frame), "knob %zu is not seen", i);
	}
	/* What a knob does not name stays right: the IPv4 header checksum follows a changed field. */
	packet_build(&known[0].spec, &frame);
	packet_break(&frame, FIELD_IP_TTL, 3);
	CHECK(!packet_check(&frame), "a changed TTL is wrong: %s", packet_check(&frame));
	packet_build(&known[1].spec, &frame);
	packet_break(&frame, FIELD_UDP_CHECKSUM, 0);
	CHECK(!packet_check(&frame), "no UDP checksum is wrong: %s", packet_check(&frame));
	packet_break(&frame, FIELD_IPV6_LABEL, 0xfffff);
	CHECK(!memcmp(frame.octet + ETH_LEN, "\x6b\x9f\xff\xff", 4), "the flow label is not what was asked for");
}

static void test_cut(void)
{
	for (size_t i = 0; i < KNOWN; i++) {
		if (known[i].spec.family == PACKET_ARP)
			continue;
		for (size_t length = 0; length < known[i].length; length++) {
			packet_build(&known[i].spec, &frame);
			packet_cut(&frame, length);
			CHECK(packet_check(&frame), "%s cut to %zu octets is not seen", known[i].name, length);
		}
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"the builder makes known frames", test_known_frames},
		{"the checker sees any changed octet", test_every_octet},
		{"the checker sees every knob", test_knobs},
		{"the checker sees every cut", test_cut},
		CU_TEST_INFO_NULL,
	};
	const struct suite suite = {.name = "packet", .tests = tests};

	return suite_main(&suite);
}
