/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets through the programs of a fixture: what nodes and peers send, the test run, and its three outcomes.
 */
#include "selftests/bpf/fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <bpf/bpf.h>

#define PORT_FROM 40000
#define PORT_TO 80
#define ECHO_ID 0x4321
#define USUAL_TTL 63

/* An odd length, so that checksums meet their last octet. */
static const uint8_t usual_payload[31] = "agreement before the 1st packet";

struct packet_spec fixture_from(const struct fixture_node *from, const struct fixture_node *to, uint8_t protocol)
{
	struct packet_spec spec = {
		.family = PACKET_IPV4,
		.ttl = USUAL_TTL,
		.df = true,
		.protocol = protocol,
		.source_port = PORT_FROM,
		.destination_port = PORT_TO,
		.tcp_flags = TCP_FLAG_SYN,
		.icmp_type = ICMP_TYPE_ECHO,
		.icmp_identifier = ECHO_ID,
		.icmp_sequence = 1,
		.payload = usual_payload,
		.payload_len = sizeof(usual_payload),
	};

	memcpy(spec.from_mac, from->mac, 6);
	memcpy(spec.to_mac, to->dummy, 6);
	memcpy(spec.source, from->address, 4);
	memcpy(spec.destination, to->address, 4);
	return spec;
}

struct packet_spec fixture_arrival(const struct fixture_node *from, const struct fixture_node *to, uint8_t protocol)
{
	struct packet_spec spec = fixture_from(from, to, protocol);

	spec.family = PACKET_IPV6;
	spec.to_mac[4] = 0xff;
	spec.from_mac[4] = 0xfe;
	spec.ttl = 64;
	spec.flow_label = USUAL_TTL << 12 | 1 << 11 | 0x2a5;
	memcpy(spec.source, from->prefix, OVNET_PREFIX_LEN);
	memcpy(spec.source + OVNET_PREFIX_LEN, from->address, 4);
	memcpy(spec.destination, to->prefix, OVNET_PREFIX_LEN);
	memcpy(spec.destination + OVNET_PREFIX_LEN, to->address, 4);
	if (protocol == PROTOCOL_ICMP) {
		spec.protocol = PROTOCOL_ICMPV6;
		spec.icmp_type = ICMPV6_TYPE_ECHO;
	}
	return spec;
}

void fixture_turn(struct packet_spec *spec)
{
	uint16_t port = spec->source_port;

	spec->source_port = spec->destination_port;
	spec->destination_port = port;
	spec->tcp_flags = TCP_FLAG_SYN | TCP_FLAG_ACK;
	spec->icmp_type = spec->family == PACKET_IPV6 ? ICMPV6_TYPE_REPLY : ICMP_TYPE_REPLY;
}

struct packet_spec fixture_arp(const struct fixture_node *from, const uint8_t target[4])
{
	struct packet_spec spec = {
		.family = PACKET_ARP,
		.to_mac = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		.arp_operation = ARP_OP_REQUEST,
	};

	memcpy(spec.from_mac, from->mac, 6);
	memcpy(spec.arp_sender_mac, from->mac, 6);
	memcpy(spec.source, from->address, 4);
	memcpy(spec.destination, target, 4);
	return spec;
}

int fixture_send(struct fixture *f, struct fixture_run *run, const struct frame *in, struct frame *out)
{
	static struct frame spare;
	struct frame *to = out ? out : &spare;
	struct __sk_buff skb = {
		.ifindex = run->waited ? f->inject : run->ifindex,
		.mark = run->mark,
		.gso_size = run->gso_size,
		.gso_segs = run->gso_segs,
	};
	struct xdp_md xdp = {.data_end = (uint32_t)in->length, .ingress_ifindex = run->ifindex};
	bool is_xdp = run->hook == HOOK_UPLINK_XDP;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in->octet, .data_size_in = (uint32_t)in->length,
		.data_out = spare.octet, .data_size_out = sizeof(spare.octet),
		.ctx_in = is_xdp ? (void *)&xdp : (void *)&skb, .ctx_size_in = is_xdp ? sizeof(xdp) : sizeof(skb),
		.ctx_out = is_xdp ? NULL : (void *)&skb, .ctx_size_out = is_xdp ? 0 : sizeof(skb),
		.repeat = run->repeat ? (int)run->repeat : 1, .flags = run->flags, );
	int error = bpf_prog_test_run_opts(run->waited ? f->injector : f->programs[run->hook], &options);

	if (error)
		return error;
	run->verdict = (int)options.retval;
	run->mark = skb.mark;
	if (to != &spare)
		memcpy(to->octet, spare.octet, options.data_size_out);
	to->length = options.data_size_out;
	return 0;
}

const char *fixture_reason_name(enum reason reason)
{
	switch (reason) {
#define REASON(NAME, name, description)                                                                                \
	case REASON_##NAME:                                                                                            \
		return #name;
#include "maps/reasons.def"
#undef REASON
	default:
		return "none";
	}
}

/* What a run changed in the counters of its interface. */
struct account {
	struct counter_value before;
	uint64_t dropped[REASON_MAX];
	uint64_t all;
};

static void account_close(struct account *account, const struct fixture *f, uint32_t ifindex)
{
	struct counter_value after = fixture_counters(f, ifindex);

	account->all = 0;
#define REASON(NAME, name, description)                                                                                \
	account->dropped[REASON_##NAME] = after.drop_##name - account->before.drop_##name;                             \
	account->all += account->dropped[REASON_##NAME];
#include "maps/reasons.def"
#undef REASON
}

/* The first reason that was counted, for messages. */
static const char *account_name(const struct account *account)
{
	for (int reason = REASON_NONE + 1; reason < REASON_MAX; reason++)
		if (account->dropped[reason])
			return fixture_reason_name((enum reason)reason);
	return "none";
}

static bool run_counted(struct fixture *f, struct fixture_run *run, const struct frame *in, struct frame *out,
	struct account *account, const char *file, int line)
{
	int error;

	account->before = fixture_counters(f, run->ifindex);
	error = fixture_send(f, run, in, out);
	if (!suite_check(!error, file, line, "test run of %zu octets: %s", in->length, strerror(-error)))
		return false;
	account_close(account, f, run->ifindex);
	return true;
}

static bool same_octets(const struct frame *a, const struct frame *b)
{
	return a->length == b->length && !memcmp(a->octet, b->octet, a->length);
}

bool fixture_dropped(struct fixture *f, struct fixture_run run, const struct frame *in, enum reason reason,
	const char *file, int line)
{
	const int verdict = run.hook == HOOK_UPLINK_XDP ? XDP_DROP : TC_ACT_SHOT;
	struct account account;

	if (!run_counted(f, &run, in, NULL, &account, file, line))
		return false;
	return suite_check(run.verdict == verdict && account.all == 1 && account.dropped[reason] == 1, file, line,
		"expected a drop for %s, got verdict %d and %llu drops, the first for %s", fixture_reason_name(reason),
		run.verdict, (unsigned long long)account.all, account_name(&account));
}

bool fixture_sent(struct fixture *f, struct fixture_run run, const struct frame *in, struct frame *out,
	const char *file, int line)
{
	struct account account;

	if (!run_counted(f, &run, in, out, &account, file, line))
		return false;
	return suite_check(run.verdict == TC_ACT_REDIRECT && account.all == 0, file, line,
		"expected a redirect, got verdict %d and %llu drops, the first for %s", run.verdict,
		(unsigned long long)account.all, account_name(&account));
}

/* By the source MAC, which is the node's own even where it lies about its address. */
static struct fixture_run way_of(const struct fixture *f, const struct packet_spec *spec)
{
	const struct fixture_node *nodes[] = {&f->a, &f->b, &f->c, &f->r, &f->s};

	if (spec->family == PACKET_IPV6)
		return FROM_UPLINK(f);
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		if (nodes[i]->ifindex && !memcmp(nodes[i]->mac, spec->from_mac, 6))
			return FROM_NODE(nodes[i]);
	return (struct fixture_run){.hook = HOOK_NODE};
}

bool fixture_refused(struct fixture *f, const struct packet_spec *spec, enum reason reason, const char *file, int line)
{
	static struct frame frame;

	packet_build(spec, &frame);
	return fixture_dropped(f, way_of(f, spec), &frame, reason, file, line);
}

bool fixture_goes(struct fixture *f, const struct packet_spec *spec, struct frame *out, const char *file, int line)
{
	static struct frame frame;

	packet_build(spec, &frame);
	return fixture_sent(f, way_of(f, spec), &frame, out, file, line);
}

bool fixture_passed(struct fixture *f, struct fixture_run run, const struct frame *in, const char *file, int line)
{
	const int verdict = run.hook == HOOK_UPLINK_XDP ? XDP_PASS : TC_ACT_OK;
	static struct frame out;
	struct account account;

	if (!run_counted(f, &run, in, &out, &account, file, line))
		return false;
	return suite_check(run.verdict == verdict && account.all == 0, file, line,
		       "expected to pass, got verdict %d and %llu drops, the first for %s", run.verdict,
		       (unsigned long long)account.all, account_name(&account)) &&
	       suite_check(same_octets(in, &out), file, line, "a packet that passed was changed");
}

bool fixture_same(const struct frame *got, const struct frame *expected, const char *file, int line)
{
	size_t i = 0;

	while (i < got->length && i < expected->length && got->octet[i] == expected->octet[i])
		i++;
	return suite_check(same_octets(got, expected), file, line,
		"frames differ at octet %zu: got 0x%02x of %zu octets, expected 0x%02x of %zu", i,
		i < got->length ? got->octet[i] : 0u, got->length, i < expected->length ? expected->octet[i] : 0u,
		expected->length);
}

bool fixture_sound(const struct frame *frame, const char *file, int line)
{
	const char *wrong = packet_check(frame);

	return suite_check(!wrong, file, line, "%s", wrong);
}
