/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every drop reason of maps/reasons.def, caused once at each hook that has it: the verdict is a drop, and exactly that
 * reason's counter rises by one. The last test holds the list of causes against the list of reasons. What else there is
 * to each reason (its bounds, what it leaves alone) is in the other tests.
 */
#include "selftests/bpf/fixture.h"
#include "selftests/bpf/negotiation.h"

#include <string.h>
#include <bpf/bpf.h>

#define NODE (1u << HOOK_NODE)
#define GUARD (1u << HOOK_GUARD)
#define TC (1u << HOOK_UPLINK_TC)
#define XDP (1u << HOOK_UPLINK_XDP)
#define UPLINK (TC | XDP)

#define PROTOCOL_ROUTING 43
#define PROTOCOL_FRAGMENT 44
#define ICMP_TYPE_UNREACHABLE 3
#define ICMP_TYPE_TIMESTAMP 13
#define ICMPV6_TYPE_TOO_BIG 2
#define ICMPV6_TYPE_ADVERT 134

static struct fixture *f;
/* What a cause prepares: the packet and how it comes. */
static struct frame frame;
static struct fixture_run run;

static bool outward(void)
{
	return run.hook == HOOK_NODE;
}

/* A good packet as the hook in question meets it: from a to r, or back from r to a. */
static struct packet_spec usual(uint8_t protocol)
{
	return outward() ? fixture_from(&f->a, &f->r, protocol) : fixture_arrival(&f->r, &f->a, protocol);
}

static void send_usual(uint8_t protocol)
{
	struct packet_spec spec = usual(protocol);

	packet_build(&spec, &frame);
}

static void send_from(const struct fixture_node *from, const struct fixture_node *to, uint8_t protocol)
{
	struct packet_spec spec = fixture_from(from, to, protocol);

	packet_build(&spec, &frame);
}

/* A good packet, of which one field is then broken. */
static void send_broken(uint8_t protocol, enum packet_field field, uint32_t value)
{
	send_usual(protocol);
	packet_break(&frame, field, value);
}

static void send_raw(uint16_t ethertype)
{
	static const uint8_t payload[64];
	struct packet_spec spec = {.family = PACKET_RAW,
		.ethertype = ethertype,
		.payload = payload,
		.payload_len = sizeof(payload)};

	memcpy(spec.from_mac, f->a.mac, 6);
	packet_build(&spec, &frame);
}

/* The one rule that decides about the usual packet. */
static void rule(enum verdict verdict, uint64_t expires_ns, uint64_t peer_incarnation)
{
	const struct fixture_rule rule = {
		.local = &f->a,
		.peer = &f->r,
		.direction = outward() ? DIRECTION_OUT : DIRECTION_IN,
		.width = WIDTH_PEER,
		.verdict = verdict,
		.expires_ns = expires_ns,
		.peer_incarnation = peer_incarnation,
	};

	fixture_rule_set(f, &rule);
}

static void allow(void)
{
	rule(VERDICT_ALLOW, OVNET_NEVER, f->r.incarnation);
}

/* The frame itself. */

static void truncated(void)
{
	send_usual(PROTOCOL_UDP);
	packet_cut(&frame, frame.length - 1);
}

static void bad_header(void)
{
	send_broken(PROTOCOL_UDP, FIELD_IP_VERSION, 5);
}

static void bad_checksum(void)
{
	send_broken(PROTOCOL_UDP, FIELD_IPV4_CHECKSUM, 0x1234);
}

static void ethertype(void)
{
	send_raw(0x88cc);
}

static void vlan(void)
{
	send_raw(0x8100);
}

static void ipv6_node(void)
{
	struct packet_spec spec = fixture_arrival(&f->a, &f->r, PROTOCOL_UDP);

	memcpy(spec.from_mac, f->a.mac, 6);
	packet_build(&spec, &frame);
}

static void router_advert(void)
{
	struct packet_spec spec = fixture_arrival(&f->a, &f->r, PROTOCOL_ICMP);

	memcpy(spec.from_mac, f->a.mac, 6);
	spec.icmp_type = ICMPV6_TYPE_ADVERT;
	packet_build(&spec, &frame);
}

static void fragment(void)
{
	if (outward())
		send_broken(PROTOCOL_UDP, FIELD_IPV4_FRAGMENT, 0x2000);
	else
		send_broken(PROTOCOL_UDP, FIELD_IP_PROTOCOL, PROTOCOL_FRAGMENT);
}

static void protocol(void)
{
	send_broken(PROTOCOL_UDP, FIELD_IP_PROTOCOL, PROTOCOL_ROUTING);
}

static void icmp_error(void)
{
	send_broken(PROTOCOL_ICMP, FIELD_ICMP_TYPE, outward() ? ICMP_TYPE_UNREACHABLE : ICMPV6_TYPE_TOO_BIG);
}

static void icmp_type(void)
{
	send_broken(PROTOCOL_ICMP, FIELD_ICMP_TYPE, outward() ? ICMP_TYPE_TIMESTAMP : ICMPV6_TYPE_ADVERT);
}

static void group(void)
{
	struct packet_spec spec = usual(PROTOCOL_UDP);

	memcpy(spec.destination, (uint8_t[]){224, 0, 0, 251}, 4);
	packet_build(&spec, &frame);
}

static void ttl_zero(void)
{
	if (outward())
		send_broken(PROTOCOL_UDP, FIELD_IP_TTL, 0);
	else
		send_broken(PROTOCOL_UDP, FIELD_IPV6_LABEL, 1 << 11);
}

static void too_big(void)
{
	static const uint8_t payload[FIXTURE_MTU];
	struct packet_spec spec = usual(PROTOCOL_UDP);

	allow();
	spec.payload = payload;
	spec.payload_len = sizeof(payload);
	packet_build(&spec, &frame);
}

/* The node's port. */

static void not_a_port(void)
{
	fixture_port_del(f, &f->a);
	send_usual(PROTOCOL_UDP);
}

static void host_to_port(void)
{
	run.ifindex = f->a.ifindex;
	send_from(&f->b, &f->a, PROTOCOL_UDP);
}

static void spoofed_mac(void)
{
	struct packet_spec spec = usual(PROTOCOL_UDP);

	spec.from_mac[5] ^= 1;
	packet_build(&spec, &frame);
}

static void spoofed_address(void)
{
	struct packet_spec spec = usual(PROTOCOL_UDP);

	memcpy(spec.source, f->b.address, 4);
	packet_build(&spec, &frame);
}

static void unknown_mac(void)
{
	struct packet_spec spec = usual(PROTOCOL_UDP);

	allow();
	spec.to_mac[5] ^= 1;
	packet_build(&spec, &frame);
}

static void to_itself(void)
{
	send_from(&f->a, &f->a, PROTOCOL_UDP);
}

static void arp_bad(void)
{
	struct packet_spec spec = fixture_arp(&f->a, f->r.address);

	spec.arp_operation = ARP_OP_REPLY;
	packet_build(&spec, &frame);
}

static void arp_probe(void)
{
	struct packet_spec spec = fixture_arp(&f->a, f->a.address);

	memset(spec.source, 0, 4);
	packet_build(&spec, &frame);
}

static void arp_refused(void)
{
	struct packet_spec spec = fixture_arp(&f->a, f->r.address);

	packet_build(&spec, &frame);
}

/* Where a destination is, and where a packet came from. */

static void no_mapping(void)
{
	allow();
	fixture_mapping_del(f, &f->r);
	send_usual(PROTOCOL_UDP);
}

static void mapping_expired(void)
{
	allow();
	fixture_mapping_set(f, &f->r, fixture_now_ns());
	send_usual(PROTOCOL_UDP);
}

static void no_nexthop(void)
{
	struct nexthop_value hop = fixture_nexthop(f, &f->r);

	allow();
	hop.ifindex = 0;
	fixture_nexthop_set(f, &f->r, &hop);
	send_usual(PROTOCOL_UDP);
}

static void no_node(void)
{
	struct packet_spec spec;

	if (outward()) {
		fixture_allow(f, &f->a, &f->b, DIRECTION_OUT);
		fixture_allow(f, &f->b, &f->a, DIRECTION_IN);
		fixture_port_del(f, &f->b);
		send_from(&f->a, &f->b, PROTOCOL_UDP);
		return;
	}
	spec = usual(PROTOCOL_UDP);
	spec.destination[15] = 99;
	packet_build(&spec, &frame);
}

static void other_vnet(void)
{
	struct packet_spec spec = usual(PROTOCOL_UDP);

	allow();
	spec.source[11] ^= 1;
	packet_build(&spec, &frame);
}

static void unknown_source(void)
{
	allow();
	fixture_mapping_del(f, &f->r);
	send_usual(PROTOCOL_UDP);
}

static void forged_source(void)
{
	struct packet_spec spec = usual(PROTOCOL_UDP);

	allow();
	spec.source[7] ^= 1;
	packet_build(&spec, &frame);
}

/* Authorization. */

static void no_rule(void)
{
	send_usual(PROTOCOL_UDP);
}

static void rule_deny(void)
{
	rule(VERDICT_DENY, OVNET_NEVER, f->r.incarnation);
	send_usual(PROTOCOL_UDP);
}

static void rule_expired(void)
{
	rule(VERDICT_ALLOW, fixture_now_ns(), f->r.incarnation);
	send_usual(PROTOCOL_UDP);
}

static void rule_stale(void)
{
	rule(VERDICT_ALLOW, OVNET_NEVER, f->r.incarnation - 1);
	send_usual(PROTOCOL_UDP);
}

static void session_quota(void)
{
	struct port_value port = fixture_port(f, &f->a);

	allow();
	port.session_quota = 0;
	fixture_port_set(f, &f->a, &port);
	send_usual(PROTOCOL_UDP);
}

static void session_full(void)
{
	struct packet_spec spec = usual(PROTOCOL_UDP);
	struct session_key key = {.vni = f->a.vni};
	const struct session_value other = {0};

	allow();
	for (uint32_t i = 0; i == fixture_sessions(f); i++) {
		key.local_port = (uint16_t)i;
		if (bpf_map_update_elem(f->sessions, &key, &other, BPF_NOEXIST))
			break;
	}
	packet_build(&spec, &frame);
}

/*
 * The kernel. A GSO packet that says nothing of its kind is refused by bpf_skb_adjust_room(), which must take off its
 * options; real interfaces make no such packet, so only a test run has it.
 */
static void kernel(void)
{
	static const uint8_t options[4] = {1, 1, 1, 1};
	struct packet_spec spec = usual(PROTOCOL_TCP);

	allow();
	spec.options = options;
	spec.options_len = sizeof(options);
	run.gso_size = 16;
	packet_build(&spec, &frame);
}

/* Negotiation. */

static void pending(void)
{
	negotiation_on(f, &f->a, PORT_DISCARD);
	send_usual(PROTOCOL_UDP);
}

static void no_agent(void)
{
	const struct channel_value nobody = {0};

	negotiation_on(f, &f->a, 0);
	negotiation_channel_set(f, &nobody);
	send_usual(PROTOCOL_UDP);
}

static void limit(void (*change)(struct budget *budget))
{
	struct budget budget;

	negotiation_on(f, &f->a, 0);
	budget = negotiation_budget(f, f->a.number);
	change(&budget);
	negotiation_budget_set(f, f->a.number, &budget);
	send_usual(PROTOCOL_UDP);
}

static void limit_rate(struct budget *budget)
{
	budget->next_ns = OVNET_NEVER;
}

static void question_rate(void)
{
	limit(limit_rate);
}

static void limit_pending(struct budget *budget)
{
	budget->pending_quota = 0;
}

static void question_quota(void)
{
	limit(limit_pending);
}

static void question_full(void)
{
	negotiation_on(f, &f->a, 0);
	negotiation_pendings_fill(f);
	send_usual(PROTOCOL_UDP);
}

static void question_lost(void)
{
	negotiation_on(f, &f->a, 0);
	negotiation_ring_fill(f);
	send_usual(PROTOCOL_UDP);
}

static void limit_queue(struct budget *budget)
{
	budget->packets_quota = 0;
}

static void queue_full(void)
{
	limit(limit_queue);
}

/* Arrivals that would wait for their question, and come back from that. */

static void limit_hold(void (*change)(struct budget *budget))
{
	struct packet_spec spec = fixture_arrival(&f->r, &f->a, PROTOCOL_UDP);
	struct budget budget;

	negotiation_on(f, &f->a, PORT_HOLD);
	budget = negotiation_budget(f, f->a.number);
	change(&budget);
	negotiation_budget_set(f, f->a.number, &budget);
	packet_build(&spec, &frame);
}

static void limit_hold_rate(struct budget *budget)
{
	budget->hold_next_ns = OVNET_NEVER;
}

static void hold_rate(void)
{
	limit_hold(limit_hold_rate);
}

static void limit_holds(struct budget *budget)
{
	budget->holds_quota = 0;
}

static void hold_quota(void)
{
	limit_hold(limit_holds);
}

static void hold_full(void)
{
	limit_hold(limit_queue);
}

static void limit_nothing(struct budget *budget)
{
	(void)budget;
}

static void hold_expired(void)
{
	limit_hold(limit_nothing);
	run.waited = true;
	run.mark = HELD_MARK | f->a.number;
	run.ifindex = f->a.ifindex;
}

static void control_flood(void)
{
	struct packet_spec spec = usual(PROTOCOL_UDP);

	/* From a host: VNI 0. */
	memset(spec.source + 9, 0, 3);
	spec.destination_port = CONTROL_PORT;
	negotiation_gates_set(f, HOUR_NS);
	packet_build(&spec, &frame);
}

static const struct {
	enum reason reason;
	unsigned hooks;
	void (*cause)(void);
} causes[] = {
	{REASON_TRUNCATED, NODE | UPLINK, truncated},
	{REASON_BAD_HEADER, NODE | UPLINK, bad_header},
	{REASON_BAD_CHECKSUM, NODE, bad_checksum},
	{REASON_ETHERTYPE, NODE, ethertype},
	{REASON_VLAN, NODE, vlan},
	{REASON_IPV6_NODE, NODE, ipv6_node},
	{REASON_ROUTER_ADVERT, NODE, router_advert},
	{REASON_FRAGMENT, NODE | UPLINK, fragment},
	{REASON_PROTOCOL, NODE | UPLINK, protocol},
	{REASON_ICMP_ERROR, NODE | UPLINK, icmp_error},
	{REASON_ICMP_TYPE, NODE | UPLINK, icmp_type},
	{REASON_GROUP, NODE, group},
	{REASON_TTL_ZERO, NODE | UPLINK, ttl_zero},
	{REASON_TOO_BIG, NODE | TC, too_big},
	{REASON_NOT_A_PORT, NODE, not_a_port},
	{REASON_HOST_TO_PORT, GUARD, host_to_port},
	{REASON_SPOOFED_MAC, NODE, spoofed_mac},
	{REASON_SPOOFED_ADDRESS, NODE, spoofed_address},
	{REASON_UNKNOWN_MAC, NODE, unknown_mac},
	{REASON_TO_ITSELF, NODE, to_itself},
	{REASON_ARP_BAD, NODE, arp_bad},
	{REASON_ARP_PROBE, NODE, arp_probe},
	{REASON_ARP_REFUSED, NODE, arp_refused},
	{REASON_NO_MAPPING, NODE, no_mapping},
	{REASON_MAPPING_EXPIRED, NODE | UPLINK, mapping_expired},
	{REASON_NO_NEXTHOP, NODE, no_nexthop},
	{REASON_NO_NODE, NODE | UPLINK, no_node},
	{REASON_OTHER_VNET, UPLINK, other_vnet},
	{REASON_UNKNOWN_SOURCE, UPLINK, unknown_source},
	{REASON_FORGED_SOURCE, UPLINK, forged_source},
	{REASON_NO_RULE, NODE | UPLINK, no_rule},
	{REASON_RULE_DENY, NODE | UPLINK, rule_deny},
	{REASON_RULE_EXPIRED, NODE | UPLINK, rule_expired},
	{REASON_RULE_STALE, NODE | UPLINK, rule_stale},
	{REASON_SESSION_QUOTA, NODE | TC, session_quota},
	{REASON_SESSION_FULL, NODE | TC, session_full},
	{REASON_KERNEL, NODE, kernel},
	{REASON_PENDING, NODE, pending},
	{REASON_NO_AGENT, NODE, no_agent},
	{REASON_QUESTION_RATE, NODE, question_rate},
	{REASON_QUESTION_QUOTA, NODE, question_quota},
	{REASON_QUESTION_FULL, NODE, question_full},
	{REASON_QUESTION_LOST, NODE, question_lost},
	{REASON_QUEUE_FULL, NODE, queue_full},
	{REASON_CONTROL_FLOOD, UPLINK, control_flood},
	{REASON_HOLD_RATE, TC, hold_rate},
	{REASON_HOLD_QUOTA, TC, hold_quota},
	{REASON_HOLD_FULL, UPLINK, hold_full},
	{REASON_HOLD_EXPIRED, NODE, hold_expired},
};

static bool caused[REASON_MAX];

static void test_at(enum hook hook)
{
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		if (!(causes[i].hooks & 1u << hook))
			continue;
		fixture_reset(f);
		run = (struct fixture_run){.hook = hook};
		run.ifindex = outward() ? f->a.ifindex : f->uplink;
		causes[i].cause();
		if (DROPPED(f, run, &frame, causes[i].reason))
			caused[causes[i].reason] = true;
	}
}

static void test_node(void)
{
	test_at(HOOK_NODE);
}

static void test_guard(void)
{
	test_at(HOOK_GUARD);
}

static void test_uplink_tc(void)
{
	test_at(HOOK_UPLINK_TC);
}

static void test_uplink_xdp(void)
{
	test_at(HOOK_UPLINK_XDP);
}

static void test_complete(void)
{
	for (int reason = REASON_NONE + 1; reason < REASON_MAX; reason++)
		CHECK(caused[reason], "no test causes the reason %s", fixture_reason_name((enum reason)reason));
}

static int start(void)
{
	/* So small that a test can fill them. */
	const struct fixture_options options = {.sessions = 8, .pendings = 8};

	return fixture_open(&options, &f);
}

static void stop(void)
{
	fixture_close(f);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"at the node program", test_node},
		{"at the guard", test_guard},
		{"at the uplink, tc", test_uplink_tc},
		{"at the uplink, XDP", test_uplink_xdp},
		{"every reason of reasons.def was caused", test_complete},
		CU_TEST_INFO_NULL,
	};
	const struct suite suite = {.name = "drop reasons", .start = start, .stop = stop, .tests = tests};

	return suite_main(&suite);
}
