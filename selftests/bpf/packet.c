/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frames of packet.h: built octet by octet, and checked the same way.
 */
#include "selftests/bpf/packet.h"

#include <string.h>

#define TYPE_IPV4 0x0800
#define TYPE_ARP 0x0806
#define TYPE_IPV6 0x86dd

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

uint16_t packet_get16(const struct frame *frame, size_t offset)
{
	return get16(frame->octet + offset);
}

uint32_t packet_sum(const uint8_t *octets, size_t length, uint32_t sum)
{
	size_t i;

	for (i = 0; i + 1 < length; i += 2)
		sum += get16(octets + i);
	if (length & 1)
		sum += (uint32_t)octets[length - 1] << 8;
	return sum;
}

uint16_t packet_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* The IPv4 header checksum over `words` 32-bit words at the network header. */
static void ipv4_close(uint8_t *ip, size_t words)
{
	put16(ip + 10, 0);
	put16(ip + 10, (uint16_t)~packet_fold(packet_sum(ip, words * 4, 0)));
}

/* The pseudo-header of TCP, UDP (RFC 9293, 3.1; RFC 768) and of everything over IPv6 (RFC 8200, 8.1). */
static uint32_t pseudo_sum(const uint8_t *ip, uint8_t protocol, uint32_t length)
{
	if (ip[0] >> 4 == 4)
		return packet_sum(ip + 12, 8, 0) + protocol + length;
	return packet_sum(ip + 8, 32, 0) + protocol + (length >> 16) + (length & 0xffff);
}

/* Where a protocol keeps its checksum and whether its pseudo-header counts; false: it has none that is known here. */
static bool checksum_place(uint8_t protocol, bool ipv6, size_t *place, bool *pseudo)
{
	*pseudo = true;
	if (protocol == PROTOCOL_TCP)
		*place = 16;
	else if (protocol == PROTOCOL_UDP)
		*place = 6;
	else if (protocol == PROTOCOL_ICMPV6 && ipv6)
		*place = 2;
	else if (protocol == PROTOCOL_ICMP && !ipv6)
		*place = 2, *pseudo = false;
	else
		return false;
	return true;
}

static size_t build_transport(const struct packet_spec *spec, uint8_t *l4)
{
	size_t header = 0;

	switch (spec->protocol) {
	case PROTOCOL_TCP:
		header = TCP_LEN + spec->tcp_options_len;
		memset(l4, 0, header);
		put16(l4, spec->source_port);
		put16(l4 + 2, spec->destination_port);
		put32(l4 + 4, 1);
		l4[12] = (uint8_t)(header / 4 << 4);
		l4[13] = spec->tcp_flags;
		put16(l4 + 14, 0xffff);
		if (spec->tcp_options_len)
			memcpy(l4 + TCP_LEN, spec->tcp_options, spec->tcp_options_len);
		break;
	case PROTOCOL_UDP:
		header = UDP_LEN;
		memset(l4, 0, header);
		put16(l4, spec->source_port);
		put16(l4 + 2, spec->destination_port);
		put16(l4 + 4, (uint32_t)(header + spec->payload_len));
		break;
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		header = ICMP_LEN;
		memset(l4, 0, header);
		l4[0] = spec->icmp_type;
		l4[1] = spec->icmp_code;
		put16(l4 + 4, spec->icmp_identifier);
		put16(l4 + 6, spec->icmp_sequence);
		break;
	default:
		break;
	}
	if (spec->payload_len)
		memcpy(l4 + header, spec->payload, spec->payload_len);
	return header + spec->payload_len;
}

static void close_transport(const struct packet_spec *spec, const uint8_t *ip, uint8_t *l4, size_t length)
{
	size_t place;
	bool pseudo;
	uint16_t sum;

	if (!checksum_place(spec->protocol, ip[0] >> 4 == 6, &place, &pseudo))
		return;
	if (spec->protocol == PROTOCOL_UDP && spec->udp_unsummed)
		return;
	put16(l4 + place, 0);
	sum = packet_fold(packet_sum(l4, length, pseudo ? pseudo_sum(ip, spec->protocol, (uint32_t)length) : 0));
	sum = ~sum;
	/* A UDP checksum that comes out as zero is sent as all ones. */
	if (spec->protocol == PROTOCOL_UDP && sum == 0)
		sum = 0xffff;
	put16(l4 + place, sum);
}

static size_t build_ipv4(const struct packet_spec *spec, uint8_t *ip)
{
	size_t header = IPV4_LEN + spec->options_len;
	size_t left = build_transport(spec, ip + header);

	memset(ip, 0, IPV4_LEN);
	ip[0] = (uint8_t)(4 << 4 | header / 4);
	ip[1] = spec->tos;
	put16(ip + 2, (uint32_t)(header + left));
	put16(ip + 4, spec->identification);
	put16(ip + 6, spec->df ? 0x4000 : 0);
	ip[8] = spec->ttl;
	ip[9] = spec->protocol;
	memcpy(ip + 12, spec->source, 4);
	memcpy(ip + 16, spec->destination, 4);
	if (spec->options_len)
		memcpy(ip + IPV4_LEN, spec->options, spec->options_len);
	ipv4_close(ip, header / 4);
	close_transport(spec, ip, ip + header, left);
	return header + left;
}

static size_t build_ipv6(const struct packet_spec *spec, uint8_t *ip)
{
	size_t left = build_transport(spec, ip + IPV6_LEN);

	put32(ip, 6u << 28 | (uint32_t)spec->tos << 20 | (spec->flow_label & 0xfffff));
	put16(ip + 4, (uint32_t)left);
	ip[6] = spec->protocol;
	ip[7] = spec->ttl;
	memcpy(ip + 8, spec->source, 16);
	memcpy(ip + 24, spec->destination, 16);
	close_transport(spec, ip, ip + IPV6_LEN, left);
	return IPV6_LEN + left;
}

static size_t build_arp(const struct packet_spec *spec, uint8_t *arp)
{
	put16(arp, 1);
	put16(arp + 2, TYPE_IPV4);
	arp[4] = 6;
	arp[5] = 4;
	put16(arp + 6, spec->arp_operation);
	memcpy(arp + 8, spec->arp_sender_mac, 6);
	memcpy(arp + 14, spec->source, 4);
	memcpy(arp + 18, spec->arp_target_mac, 6);
	memcpy(arp + 24, spec->destination, 4);
	return 28;
}

void packet_build(const struct packet_spec *spec, struct frame *out)
{
	uint8_t *body = out->octet + ETH_LEN;

	memcpy(out->octet, spec->to_mac, 6);
	memcpy(out->octet + 6, spec->from_mac, 6);
	out->length = ETH_LEN;
	switch (spec->family) {
	case PACKET_IPV4:
		put16(out->octet + 12, TYPE_IPV4);
		out->length += build_ipv4(spec, body);
		break;
	case PACKET_IPV6:
		put16(out->octet + 12, TYPE_IPV6);
		out->length += build_ipv6(spec, body);
		break;
	case PACKET_ARP:
		put16(out->octet + 12, TYPE_ARP);
		out->length += build_arp(spec, body);
		break;
	case PACKET_RAW:
		put16(out->octet + 12, spec->ethertype);
		if (spec->payload_len)
			memcpy(body, spec->payload, spec->payload_len);
		out->length += spec->payload_len;
		break;
	}
}

size_t packet_l4(const struct frame *frame)
{
	const uint8_t *ip = frame->octet + ETH_LEN;

	return ETH_LEN + (ip[0] >> 4 == 6 ? (size_t)IPV6_LEN : (size_t)(ip[0] & 15) * 4);
}

void packet_break(struct frame *frame, enum packet_field field, uint32_t value)
{
	bool ipv6 = get16(frame->octet + 12) == TYPE_IPV6;
	uint8_t *ip = frame->octet + ETH_LEN, *l4 = frame->octet + packet_l4(frame);
	size_t words = ip[0] & 15;

	switch (field) {
	case FIELD_IP_VERSION:
		ip[0] = (uint8_t)(value << 4 | (ip[0] & 15));
		break;
	case FIELD_IP_LENGTH:
		put16(ip + (ipv6 ? 4 : 2), value);
		break;
	case FIELD_IP_PROTOCOL:
		ip[ipv6 ? 6 : 9] = value;
		break;
	case FIELD_IP_TTL:
		ip[ipv6 ? 7 : 8] = value;
		break;
	case FIELD_IPV4_IHL:
		ip[0] = (uint8_t)((ip[0] & 0xf0) | (value & 15));
		return;
	case FIELD_IPV4_CHECKSUM:
		put16(ip + 10, value);
		return;
	case FIELD_IPV4_FRAGMENT:
		put16(ip + 6, value);
		break;
	case FIELD_IPV6_LABEL:
		put32(ip, get16(ip) >> 4 << 20 | (value & 0xfffff));
		break;
	case FIELD_TCP_OFFSET:
		l4[12] = (uint8_t)(value << 4);
		break;
	case FIELD_TCP_CHECKSUM:
		put16(l4 + 16, value);
		break;
	case FIELD_UDP_LENGTH:
		put16(l4 + 4, value);
		break;
	case FIELD_UDP_CHECKSUM:
		put16(l4 + 6, value);
		break;
	case FIELD_ICMP_TYPE:
		l4[0] = value;
		break;
	case FIELD_ICMP_CHECKSUM:
		put16(l4 + 2, value);
		break;
	}
	if (!ipv6)
		ipv4_close(ip, words);
}

size_t packet_partial(struct frame *frame)
{
	const uint8_t *ip = frame->octet + ETH_LEN;
	uint8_t protocol = ip[0] >> 4 == 6 ? ip[6] : ip[9];
	size_t l4 = packet_l4(frame), place = 0;
	bool pseudo;

	if (checksum_place(protocol, ip[0] >> 4 == 6, &place, &pseudo))
		put16(frame->octet + l4 + place, packet_fold(pseudo_sum(ip, protocol, (uint32_t)(frame->length - l4))));
	return place;
}

void packet_complete(struct frame *frame, size_t start, size_t offset)
{
	uint16_t sum = ~packet_fold(packet_sum(frame->octet + start, frame->length - start, 0));

	put16(frame->octet + start + offset, sum ? sum : 0xffff);
}

void packet_cut(struct frame *frame, size_t length)
{
	if (length < frame->length)
		frame->length = length;
}

/* The transport header and its checksum; `left` octets follow the IP header. */
static const char *check_transport(const uint8_t *ip, const uint8_t *l4, uint8_t protocol, size_t left)
{
	size_t place, least = protocol == PROTOCOL_TCP ? TCP_LEN : UDP_LEN;
	bool pseudo;

	if (!checksum_place(protocol, ip[0] >> 4 == 6, &place, &pseudo))
		return NULL;
	if (left < least)
		return "the transport header is cut short";
	if (protocol == PROTOCOL_TCP && ((size_t)(l4[12] >> 4) * 4 < TCP_LEN || (size_t)(l4[12] >> 4) * 4 > left))
		return "the TCP header length is wrong";
	if (protocol == PROTOCOL_UDP && get16(l4 + 4) != left)
		return "the UDP length is wrong";
	if (protocol == PROTOCOL_UDP && get16(l4 + 6) == 0)
		return NULL;
	if (packet_fold(packet_sum(l4, left, pseudo ? pseudo_sum(ip, protocol, (uint32_t)left) : 0)) != 0xffff)
		return "the transport checksum is wrong";
	return NULL;
}

static const char *check_ipv4(const uint8_t *ip, size_t length)
{
	size_t header, total;

	if (length < IPV4_LEN)
		return "the IPv4 header is cut short";
	header = (size_t)(ip[0] & 15) * 4;
	total = get16(ip + 2);
	if (ip[0] >> 4 != 4 || header < IPV4_LEN || total < header)
		return "the IPv4 version or header length is wrong";
	if (total != length)
		return "the IPv4 total length is not the packet's";
	if (packet_fold(packet_sum(ip, header, 0)) != 0xffff)
		return "the IPv4 header checksum is wrong";
	if (get16(ip + 6) & 0x3fff)
		return "the packet is a fragment";
	return check_transport(ip, ip + header, ip[9], total - header);
}

static const char *check_ipv6(const uint8_t *ip, size_t length)
{
	if (length < IPV6_LEN)
		return "the IPv6 header is cut short";
	if (ip[0] >> 4 != 6)
		return "the IPv6 version is wrong";
	if (get16(ip + 4) != length - IPV6_LEN)
		return "the IPv6 payload length is not the packet's";
	return check_transport(ip, ip + IPV6_LEN, ip[6], length - IPV6_LEN);
}

const char *packet_check(const struct frame *frame)
{
	if (frame->length < ETH_LEN)
		return "the Ethernet header is cut short";
	switch (get16(frame->octet + 12)) {
	case TYPE_IPV4:
		return check_ipv4(frame->octet + ETH_LEN, frame->length - ETH_LEN);
	case TYPE_IPV6:
		return check_ipv6(frame->octet + ETH_LEN, frame->length - ETH_LEN);
	default:
		return NULL;
	}
}
