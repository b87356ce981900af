/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guard, and all programs on real interfaces:
 *
 *   [a] pa-n == pa                   the nodes' ends and the substrate's are sockets in another
 *   [b] pb-n == pb   host   uplink == uplink-n [substrate]            namespace
 *
 * Here is what a test run cannot show: the port a packet comes out of, the mark by which the guard knows ovnet's own,
 * partial checksums, GSO, VLAN tags (which the kernel takes off before tc sees the frame), and frames without an IP
 * header.
 */
#include "selftests/bpf/fixture.h"
#include "selftests/bpf/live.h"

#include <errno.h>
#include <string.h>
#include <bpf/libbpf.h>

#define GIANT 20000 /* octets of TCP payload in one GSO packet */
#define SEGMENT 1400

static struct fixture *f;
static struct frame frame, got, expected;
static int at_a, at_b, at_substrate, host_a; /* sockets: the far ends of pa, pb and the uplink, and the host's own pa */

static void setup(void)
{
	fixture_reset(f);
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	fixture_allow(f, &f->a, &f->r, DIRECTION_IN);
	fixture_allow(f, &f->a, &f->b, DIRECTION_OUT);
	fixture_allow(f, &f->b, &f->a, DIRECTION_IN);
	live_drain(at_a);
	live_drain(at_b);
	live_drain(at_substrate);
}

static void sends(int fd, const struct virtio_net_hdr *header)
{
	int error = live_send(fd, &frame, header);

	CHECK(!error, "cannot send %zu octets: %s", frame.length, strerror(-error));
}

/* The next frame at a socket is the one expected. What was not to come, and came before it, shows here too. */
static void expect_at(int fd, const char *file, int line)
{
	int error = live_receive(fd, &got, NULL);

	if (suite_check(!error, file, line, "nothing came: %s", strerror(-error)))
		fixture_same(&got, &expected, file, line);
}

#define COMES(fd) expect_at(fd, __FILE__, __LINE__)

static void test_guard_alone(void)
{
	static const uint8_t protocols[] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP};
	const struct fixture_run run = {.hook = HOOK_GUARD, .ifindex = f->a.ifindex};
	struct packet_spec spec;

	for (size_t i = 0; i < sizeof(protocols); i++) {
		spec = fixture_from(&f->b, &f->a, protocols[i]);
		packet_build(&spec, &frame);
		DROPPED(f, run, &frame, REASON_HOST_TO_PORT);
		spec = fixture_arrival(&f->r, &f->a, protocols[i]);
		packet_build(&spec, &frame);
		DROPPED(f, run, &frame, REASON_HOST_TO_PORT);
	}
	spec = fixture_arp(&f->b, f->a.address);
	packet_build(&spec, &frame);
	DROPPED(f, run, &frame, REASON_HOST_TO_PORT);
}

static int event_keep(void *context, void *data, size_t size)
{
	struct event *kept = context;

	if (size != sizeof(*kept))
		return -EINVAL;
	*kept = *(const struct event *)data;
	return 0;
}

static void test_guard_event(void)
{
	const struct fixture_run run = {.hook = HOOK_GUARD, .ifindex = f->a.ifindex};
	struct packet_spec spec = fixture_arp(&f->b, f->a.address);
	struct event told = {0};
	struct ring_buffer *ring = ring_buffer__new(f->events, event_keep, &told, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(ring);
	fixture_listen(f, 1);
	packet_build(&spec, &frame);
	DROPPED(f, run, &frame, REASON_HOST_TO_PORT);
	CHECK(ring_buffer__consume(ring) == 1, "not one event for one drop");
	CU_ASSERT(told.hook == HOOK_GUARD && told.reason == REASON_HOST_TO_PORT && told.ifindex == f->a.ifindex);
	CU_ASSERT(told.length == frame.length && told.vni == 0);
	ring_buffer__free(ring);
}

/* b sends to a, and a gets it: by it the tests below see that nothing came before. */
static void send_marker(void)
{
	struct packet_spec spec = fixture_from(&f->b, &f->a, PROTOCOL_GRE);

	fixture_allow(f, &f->b, &f->a, DIRECTION_OUT);
	packet_build(&spec, &frame);
	sends(at_b, NULL);
	memcpy(spec.to_mac, f->a.mac, 6);
	memcpy(spec.from_mac, f->b.dummy, 6);
	packet_build(&spec, &expected);
}

static void test_host_to_port(void)
{
	struct packet_spec spec = fixture_from(&f->b, &f->a, PROTOCOL_UDP);

	packet_build(&spec, &frame);
	CU_ASSERT_EQUAL(live_send(host_a, &frame, NULL), -ENOBUFS);
	spec = fixture_arp(&f->b, f->a.address);
	packet_build(&spec, &frame);
	CU_ASSERT_EQUAL(live_send(host_a, &frame, NULL), -ENOBUFS);
	CHECK(live_dropped(f, f->a.ifindex, REASON_HOST_TO_PORT, 2), "the guard did not drop both");
	fixture_allow(f, &f->a, &f->b, DIRECTION_IN);
	send_marker();
	COMES(at_a);
}

static void send_to_neighbour(void)
{
	struct packet_spec spec = fixture_from(&f->a, &f->b, PROTOCOL_UDP);

	packet_build(&spec, &frame);
	sends(at_a, NULL);
	memcpy(spec.to_mac, f->b.mac, 6);
	memcpy(spec.from_mac, f->a.dummy, 6);
	packet_build(&spec, &expected);
	COMES(at_b);
}

static void test_neighbour(void)
{
	send_to_neighbour();
	CU_ASSERT_EQUAL(fixture_drops(f, f->b.ifindex, REASON_HOST_TO_PORT), 0);
}

/* Straight into the node's namespace, past the guard. */
static void test_neighbour_peer(void)
{
	struct port_value port = fixture_port(f, &f->b);

	port.flags = PORT_PEER;
	fixture_port_set(f, &f->b, &port);
	send_to_neighbour();
	CU_ASSERT_EQUAL(fixture_drops(f, f->b.ifindex, REASON_HOST_TO_PORT), 0);
}

static void test_arp(void)
{
	const struct fixture_rule rule = {.local = &f->a, .peer = &f->r, .width = WIDTH_ARP};
	struct packet_spec spec = fixture_arp(&f->a, f->r.address);

	fixture_rule_set(f, &rule);
	packet_build(&spec, &frame);
	sends(at_a, NULL);
	memcpy(spec.to_mac, f->a.mac, 6);
	memcpy(spec.from_mac, f->r.dummy, 6);
	spec.arp_operation = ARP_OP_REPLY;
	memcpy(spec.arp_sender_mac, f->r.dummy, 6);
	memcpy(spec.source, f->r.address, 4);
	memcpy(spec.arp_target_mac, f->a.mac, 6);
	memcpy(spec.destination, f->a.address, 4);
	packet_build(&spec, &expected);
	COMES(at_a);
}

/* a's packet on the substrate; the flow label's entropy is taken from the session. */
static struct packet_spec on_substrate(const struct packet_spec *sent)
{
	struct nexthop_value hop = fixture_nexthop(f, &f->r);
	struct packet_spec spec = *sent;
	struct session_value session = {0};

	CU_ASSERT_EQUAL(fixture_session(f, &f->a, &f->r, sent->protocol, sent->source_port, sent->destination_port,
				&session),
		0);
	spec.family = PACKET_IPV6;
	memcpy(spec.to_mac, hop.dst_mac, 6);
	memcpy(spec.from_mac, hop.src_mac, 6);
	memcpy(spec.source, f->a.prefix, OVNET_PREFIX_LEN);
	memcpy(spec.source + OVNET_PREFIX_LEN, f->a.address, 4);
	memcpy(spec.destination, f->r.prefix, OVNET_PREFIX_LEN);
	memcpy(spec.destination + OVNET_PREFIX_LEN, f->r.address, 4);
	spec.flow_label = (uint32_t)sent->ttl << 12 | (uint32_t)sent->df << 11 | session.entropy;
	spec.ttl = 64;
	return spec;
}

/* r's packet as a gets it. */
static struct packet_spec at_node(uint8_t protocol)
{
	struct packet_spec spec = fixture_from(&f->r, &f->a, protocol);

	memcpy(spec.to_mac, f->a.mac, 6);
	memcpy(spec.from_mac, f->r.dummy, 6);
	return spec;
}

static void send_out_and_in(void)
{
	struct packet_spec spec = fixture_from(&f->a, &f->r, PROTOCOL_UDP), there;

	packet_build(&spec, &frame);
	sends(at_a, NULL);
	if (!CHECK(!live_receive(at_substrate, &got, NULL), "nothing came out on the substrate"))
		return;
	there = on_substrate(&spec);
	packet_build(&there, &expected);
	SAME(&got, &expected);

	spec = fixture_arrival(&f->r, &f->a, PROTOCOL_UDP);
	packet_build(&spec, &frame);
	sends(at_substrate, NULL);
	there = at_node(PROTOCOL_UDP);
	packet_build(&there, &expected);
	COMES(at_a);
}

static void test_substrate(void)
{
	send_out_and_in();
}

/* The same with XDP in front: what is forged ends there and not in tc. */
static void test_substrate_xdp(void)
{
	struct packet_spec forged = fixture_arrival(&f->r, &f->a, PROTOCOL_UDP);
	struct event told = {0};
	struct ring_buffer *ring = ring_buffer__new(f->events, event_keep, &told, NULL);
	int error = live_attach_xdp(f);

	CU_ASSERT_PTR_NOT_NULL_FATAL(ring);
	if (error) {
		suite_skip("XDP on a veth", strerror(-error));
	} else {
		fixture_listen(f, 1);
		forged.source[0] ^= 1;
		packet_build(&forged, &frame);
		sends(at_substrate, NULL);
		CHECK(live_dropped(f, f->uplink, REASON_FORGED_SOURCE, 1), "the forged packet was not dropped");
		CHECK(ring_buffer__consume(ring) == 1 && told.hook == HOOK_UPLINK_XDP, "not dropped by XDP");
		send_out_and_in();
		CU_ASSERT_EQUAL(live_detach_xdp(f), 0);
	}
	ring_buffer__free(ring);
}

static const uint16_t tag_types[] = {0x8100, 0x88a8};

/* Puts a tag for VLAN 5 into `frame`. */
static void tag(uint16_t type)
{
	const uint8_t octets[] = {(uint8_t)(type >> 8), (uint8_t)type, 0, 5};

	memmove(frame.octet + 16, frame.octet + 12, frame.length - 12);
	memcpy(frame.octet + 12, octets, sizeof(octets));
	frame.length += sizeof(octets);
}

/* The tag is not in the frame any more when tc gets it, and would be put back on the way out. */
static void test_vlan(void)
{
	struct packet_spec spec = fixture_from(&f->a, &f->r, PROTOCOL_UDP), there;

	for (size_t i = 0; i < 2; i++) {
		packet_build(&spec, &frame);
		tag(tag_types[i]);
		sends(at_a, NULL);
		CHECK(live_dropped(f, f->a.ifindex, REASON_VLAN, i + 1), "a frame with tag 0x%04x is not dropped",
			tag_types[i]);
	}
	/* Without a tag it goes, and is the first that does. */
	spec.source_port++;
	packet_build(&spec, &frame);
	sends(at_a, NULL);
	if (!CHECK(!live_receive(at_substrate, &got, NULL), "nothing came out on the substrate"))
		return;
	there = on_substrate(&spec);
	packet_build(&there, &expected);
	SAME(&got, &expected);
}

/* Another VLAN of the uplink's wire is another network, not the substrate: it is the host's, if anybody's. */
static void test_vlan_uplink(void)
{
	struct packet_spec spec = fixture_arrival(&f->r, &f->a, PROTOCOL_UDP);

	for (size_t i = 0; i < 2; i++) {
		packet_build(&spec, &frame);
		tag(tag_types[i]);
		sends(at_substrate, NULL);
	}
	spec.source_port++;
	packet_build(&spec, &frame);
	sends(at_substrate, NULL);
	spec = at_node(PROTOCOL_UDP);
	spec.source_port++;
	packet_build(&spec, &expected);
	COMES(at_a);
}

/* What a test run does not take: Ethernet with less than an IP header behind it. */
static void test_runts(void)
{
	struct packet_spec spec = fixture_from(&f->a, &f->r, PROTOCOL_UDP);

	packet_build(&spec, &frame);
	for (size_t length = ETH_LEN; length < ETH_LEN + IPV4_LEN; length++) {
		frame.length = length;
		sends(at_a, NULL);
	}
	CHECK(live_dropped(f, f->a.ifindex, REASON_TRUNCATED, IPV4_LEN), "%llu of %d runts dropped",
		(unsigned long long)fixture_drops(f, f->a.ifindex, REASON_TRUNCATED), IPV4_LEN);
	spec = fixture_arrival(&f->a, &f->r, PROTOCOL_UDP);
	memcpy(spec.from_mac, f->a.mac, 6);
	packet_build(&spec, &frame);
	for (size_t length = ETH_LEN; length < ETH_LEN + IPV6_LEN; length++) {
		frame.length = length;
		sends(at_a, NULL);
	}
	CHECK(live_dropped(f, f->a.ifindex, REASON_IPV6_NODE, IPV6_LEN), "%llu of %d runts dropped",
		(unsigned long long)fixture_drops(f, f->a.ifindex, REASON_IPV6_NODE), IPV6_LEN);
	spec = fixture_arp(&f->a, f->r.address);
	packet_build(&spec, &frame);
	for (size_t length = ETH_LEN; length < 42; length++) {
		frame.length = length;
		sends(at_a, NULL);
	}
	CHECK(live_dropped(f, f->a.ifindex, REASON_TRUNCATED, IPV4_LEN + 28), "%llu of %d runts dropped",
		(unsigned long long)fixture_drops(f, f->a.ifindex, REASON_TRUNCATED), IPV4_LEN + 28);
}

/* Sends `frame` with a checksum that is left to the card, and finishes what comes the same way. */
static bool cross_partial(int from, int to, struct virtio_net_hdr *header)
{
	size_t offset = packet_partial(&frame);

	header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header->csum_start = (uint16_t)packet_l4(&frame);
	header->csum_offset = (uint16_t)offset;
	sends(from, header);
	if (!CHECK(!live_receive(to, &got, header), "nothing came"))
		return false;
	if (!CHECK(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, "the checksum is not partial any more"))
		return false;
	CU_ASSERT(header->csum_start == packet_l4(&got) && header->csum_offset == offset);
	packet_complete(&got, header->csum_start, header->csum_offset);
	return true;
}

/* Every first packet of a veth is such: SYN with its segment size, UDP, with IPv4 options too, both ways. */
static void test_partial_checksums(void)
{
	static const uint8_t protocols[] = {PROTOCOL_TCP, PROTOCOL_UDP};
	static const uint8_t before[] = {1, 2, 4, 0x23, 0x28, 1, 1, 1}, after[] = {1, 2, 4, 0x05, 0x98, 1, 1, 1};
	static const uint8_t options[] = {7, 7, 4, 1, 2, 3, 4, 0};

	for (size_t i = 0; i < 4; i++) {
		struct packet_spec spec = fixture_from(&f->a, &f->r, protocols[i & 1]), there;
		struct virtio_net_hdr header = {0};

		spec.tcp_options = before;
		spec.tcp_options_len = spec.protocol == PROTOCOL_TCP ? sizeof(before) : 0;
		spec.options = options;
		spec.options_len = i & 2 ? sizeof(options) : 0;
		packet_build(&spec, &frame);
		if (cross_partial(at_a, at_substrate, &header)) {
			spec.options_len = 0;
			spec.tcp_options = after;
			there = on_substrate(&spec);
			packet_build(&there, &expected);
			SAME(&got, &expected);
		}
		spec = fixture_arrival(&f->r, &f->a, protocols[i & 1]);
		header = (struct virtio_net_hdr){0};
		packet_build(&spec, &frame);
		if (cross_partial(at_substrate, at_a, &header)) {
			there = at_node(protocols[i & 1]);
			packet_build(&there, &expected);
			SAME(&got, &expected);
		}
	}
}

/* A GSO packet crosses whole, as one of the other family, and says of its segments what it said. */
static void test_gso(void)
{
	static uint8_t payload[GIANT];
	struct packet_spec spec = fixture_from(&f->a, &f->r, PROTOCOL_TCP), there;
	struct virtio_net_hdr header = {.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = SEGMENT,
		.hdr_len = ETH_LEN + IPV4_LEN + TCP_LEN};
	struct session_value session = {0};

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7);
	spec.tcp_flags = TCP_FLAG_ACK;
	spec.payload = payload;
	spec.payload_len = sizeof(payload);
	packet_build(&spec, &frame);
	if (cross_partial(at_a, at_substrate, &header)) {
		CU_ASSERT(header.gso_type == VIRTIO_NET_HDR_GSO_TCPV6 && header.gso_size == SEGMENT);
		there = on_substrate(&spec);
		packet_build(&there, &expected);
		SAME(&got, &expected);
	}
	CU_ASSERT_EQUAL(fixture_session(f, &f->a, &f->r, PROTOCOL_TCP, spec.source_port, spec.destination_port,
				&session),
		0);
	CU_ASSERT_EQUAL(session.packets_out, (GIANT + SEGMENT - 1) / SEGMENT);

	spec = fixture_arrival(&f->r, &f->a, PROTOCOL_TCP);
	spec.tcp_flags = TCP_FLAG_ACK;
	spec.payload = payload;
	spec.payload_len = sizeof(payload);
	header = (struct virtio_net_hdr){.gso_type = VIRTIO_NET_HDR_GSO_TCPV6,
		.gso_size = SEGMENT,
		.hdr_len = ETH_LEN + IPV6_LEN + TCP_LEN};
	packet_build(&spec, &frame);
	if (cross_partial(at_substrate, at_a, &header)) {
		CU_ASSERT(header.gso_type == VIRTIO_NET_HDR_GSO_TCPV4 && header.gso_size == SEGMENT);
		there = at_node(PROTOCOL_TCP);
		there.tcp_flags = TCP_FLAG_ACK;
		there.payload = payload;
		there.payload_len = sizeof(payload);
		packet_build(&there, &expected);
		SAME(&got, &expected);
	}
}

static int start(void)
{
	int error = fixture_open(&(struct fixture_options){0}, &f);

	if (!error)
		error = live_attach(f);
	if (error)
		return error;
	at_a = live_open(f->a.port, true);
	at_b = live_open(f->b.port, true);
	at_substrate = live_open("uplink", true);
	host_a = live_open(f->a.port, false);
	return at_a < 0 || at_b < 0 || at_substrate < 0 || host_a < 0 ? -EIO : 0;
}

static void stop(void)
{
	fixture_close(f);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"the guard refuses all but ovnet's own", test_guard_alone},
		{"the guard's event", test_guard_event},
		{"the host's stack to a port", test_host_to_port},
		{"from neighbour to neighbour", test_neighbour},
		{"from neighbour to neighbour, bpf_redirect_peer()", test_neighbour_peer},
		{"an ARP answer", test_arp},
		{"out to the substrate and in", test_substrate},
		{"out to the substrate and in, with XDP", test_substrate_xdp},
		{"a VLAN tag from a node", test_vlan},
		{"a VLAN tag on the uplink", test_vlan_uplink},
		{"runts", test_runts},
		{"partial checksums", test_partial_checksums},
		{"GSO", test_gso},
		CU_TEST_INFO_NULL,
	};
	const struct suite suite = {.name = "guard and interfaces",
		.start = start,
		.stop = stop,
		.setup = setup,
		.tests = tests};

	return suite_main(&suite);
}
