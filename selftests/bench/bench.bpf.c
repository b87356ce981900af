/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The benchmark's own programs: the source of the flood, the counter at its end, the bare redirect that is the
 * limit, and the programs that do nothing, to know what calling a program costs. None of ovnet's code is here.
 */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "selftests/bench/frame.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define PROTO_UDP 17
#define TC_ACT_UNSPEC (-1) /* the next program of the hook, then the stack */
#define TC_ACT_SHOT 2

/* Where the redirects send to. */
const volatile __u32 target_ifindex = 0;

/* The frame that is flooded; filled before the program is loaded. */
__u64 frame[FRAME_LEN / 8] = {};

/* Flooded frames that arrived; written by `count`, read by the flooder. One entry, never emptied. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} delivered SEC(".maps");

/*
 * Live frames come back as the last hop of their way left them, so each is written anew, whole. XDP_TX on a veth
 * sends it to the other end, as if the node had.
 */
SEC("xdp")
int flood(struct xdp_md *ctx)
{
	__u64 *to = (void *)(long)ctx->data;

	if ((void *)to + FRAME_LEN > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	for (int i = 0; i < FRAME_LEN / 8; i++)
		to[i] = frame[i];
	return XDP_TX;
}

/* True for UDP to FLOOD_PORT in IPv4 without options or in IPv6 without extension headers. */
static __always_inline bool is_flood(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *eth = data;
	struct ipv6hdr *ipv6 = (void *)(eth + 1);
	struct iphdr *ipv4 = (void *)(eth + 1);
	struct udphdr *udp;

	if ((void *)(eth + 1) > end)
		return false;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		udp = (void *)(ipv4 + 1);
		if ((void *)(udp + 1) > end || ipv4->ihl != 5 || ipv4->protocol != PROTO_UDP)
			return false;
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		udp = (void *)(ipv6 + 1);
		if ((void *)(udp + 1) > end || ipv6->nexthdr != PROTO_UDP)
			return false;
	} else {
		return false;
	}
	return udp->dest == bpf_htons(FLOOD_PORT);
}

/* In the receiving node. What was counted ends here, so that no column pays for a socket. */
SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 key = 0;
	__u64 *counted = bpf_map_lookup_elem(&delivered, &key);

	if (!counted || !is_flood(skb))
		return TC_ACT_UNSPEC;
	(*counted)++;
	return TC_ACT_SHOT;
}

SEC("tc")
int redirect(struct __sk_buff *skb)
{
	return bpf_redirect(target_ifindex, 0);
}

/* As `redirect`, but straight into the node behind a veth. */
SEC("tc")
int redirect_peer(struct __sk_buff *skb)
{
	return bpf_redirect_peer(target_ifindex, 0);
}

SEC("tc")
int empty_tc(struct __sk_buff *skb)
{
	return TC_ACT_UNSPEC;
}

SEC("xdp")
int empty_xdp(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
