/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames for the tests of the BPF programs: one builder, knobs that break single fields, and a plain checker.
 *
 * All three are written from the RFCs (791, 792, 768, 9293, 8200, 4443, 826, 1071) and share nothing with bpf/, so
 * that an error there is not repeated here; test_packet.c holds them against frames of another tool. Neighbours:
 * fixture.h, which has the addresses. Leaves out fragments (a knob makes an IPv4 packet look like one) and IPv6
 * extension headers.
 */
#ifndef OVNET_SELFTESTS_BPF_PACKET_H
#define OVNET_SELFTESTS_BPF_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX (14 + 40 + 65535)

#define ETH_LEN 14
#define IPV4_LEN 20
#define IPV6_LEN 40
#define TCP_LEN 20
#define UDP_LEN 8
#define ICMP_LEN 8

#define PROTOCOL_ICMP 1
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define PROTOCOL_GRE 47
#define PROTOCOL_ICMPV6 58
#define PROTOCOL_SCTP 132

#define TCP_FLAG_FIN 0x01
#define TCP_FLAG_SYN 0x02
#define TCP_FLAG_RST 0x04
#define TCP_FLAG_ACK 0x10

#define ICMP_TYPE_REPLY 0
#define ICMP_TYPE_ECHO 8
#define ICMPV6_TYPE_ECHO 128
#define ICMPV6_TYPE_REPLY 129

#define ARP_OP_REQUEST 1
#define ARP_OP_REPLY 2

struct frame {
	size_t length;
	uint8_t octet[FRAME_MAX]; /* only the first `length` mean anything */
};

enum packet_family { PACKET_IPV4, PACKET_IPV6, PACKET_ARP, PACKET_RAW };

/* What a frame is made of. Zero is a fair default for everything but the addresses. Numbers are in host byte order. */
struct packet_spec {
	enum packet_family family;
	uint8_t to_mac[6];
	uint8_t from_mac[6];
	uint16_t ethertype; /* PACKET_RAW only: the payload follows at once */

	uint8_t source[16]; /* IPv4 and ARP use the first four octets */
	uint8_t destination[16];
	uint8_t tos; /* IPv6: traffic class */
	uint8_t ttl; /* IPv6: hop limit */
	bool df;
	uint16_t identification;
	uint32_t flow_label;
	const uint8_t *options; /* of IPv4 */
	size_t options_len;     /* octets, a multiple of 4, at most 40 */
	uint8_t protocol;       /* IPv6: next header. TCP, UDP, ICMP and ICMPv6 get their header, others the payload */

	uint16_t source_port;
	uint16_t destination_port;
	uint8_t tcp_flags;
	const uint8_t *tcp_options;
	size_t tcp_options_len; /* octets, a multiple of 4, at most 40 */
	bool udp_unsummed;      /* checksum 0: the sender did not want one */
	uint8_t icmp_type;
	uint8_t icmp_code;
	uint16_t icmp_identifier;
	uint16_t icmp_sequence;

	uint16_t arp_operation;
	uint8_t arp_sender_mac[6];
	uint8_t arp_target_mac[6];

	const uint8_t *payload;
	size_t payload_len;
};

/* Single fields that packet_break() sets. */
enum packet_field {
	FIELD_IP_VERSION,  /* of either */
	FIELD_IP_LENGTH,   /* IPv4: total length; IPv6: payload length */
	FIELD_IP_PROTOCOL, /* of either */
	FIELD_IP_TTL,      /* IPv6: hop limit */
	FIELD_IPV4_IHL,    /* header length, 32-bit words */
	FIELD_IPV4_CHECKSUM,
	FIELD_IPV4_FRAGMENT, /* the whole word: flags and offset */
	FIELD_IPV6_LABEL,    /* 20 bits */
	FIELD_TCP_OFFSET,    /* header length, 32-bit words */
	FIELD_TCP_CHECKSUM,
	FIELD_UDP_LENGTH,
	FIELD_UDP_CHECKSUM,
	FIELD_ICMP_TYPE, /* of either */
	FIELD_ICMP_CHECKSUM,
};

/* Builds a frame with every length and checksum right. */
void packet_build(const struct packet_spec *spec, struct frame *out);

/*
 * Sets one field of a frame that packet_build() made. The IPv4 header checksum follows (but for FIELD_IPV4_CHECKSUM and
 * FIELD_IPV4_IHL, which leaves none to speak of), so that this one field is all that is wrong; transport checksums do
 * not follow.
 */
void packet_break(struct frame *frame, enum packet_field field, uint32_t value);

/*
 * Makes the transport checksum of a built TCP or UDP frame partial, as a sender leaves it that has its network card do
 * the rest: the field holds the pseudo-header's sum. Returns the field's offset from the transport header.
 */
size_t packet_partial(struct frame *frame);

/* Does the rest, as the network card: sums from `start`, octets into the frame, and stores at `start + offset`. */
void packet_complete(struct frame *frame, size_t start, size_t offset);

/* Cuts a frame to `length` octets. */
void packet_cut(struct frame *frame, size_t length);

/*
 * Checks a whole frame: IP header, lengths, and the IPv4, TCP, UDP, ICMP and ICMPv6 checksums with their
 * pseudo-headers. A UDP checksum of 0 passes. Returns NULL, or what is wrong.
 */
const char *packet_check(const struct frame *frame);

/* Where the transport header is, octets from the start of the frame; IPv4 with options too. */
size_t packet_l4(const struct frame *frame);

/* A 16-bit field in network order. */
uint16_t packet_get16(const struct frame *frame, size_t offset);

/* The Internet checksum's sum (RFC 1071) over octets, added to `sum`; and its end: folded to 16 bits, not inverted. */
uint32_t packet_sum(const uint8_t *octets, size_t length, uint32_t sum);
uint16_t packet_fold(uint32_t sum);

#endif /* OVNET_SELFTESTS_BPF_PACKET_H */
