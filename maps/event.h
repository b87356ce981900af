/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maps `events` and `listeners`: drops, told one by one while somebody listens.
 *
 * Who writes   the programs put events into `events`; ovnetd sets `listeners`.
 * Who reads    ovnetd (`ovnetctl drop watch`); the programs look at `listeners` on a drop only.
 * Lifetime     until read.
 * Size         256 KiB, some 4,000 events.
 * When full    the event is lost and counted (events_lost); the drop itself is counted as ever.
 */
#ifndef OVNET_MAPS_EVENT_H
#define OVNET_MAPS_EVENT_H

enum hook {
	HOOK_NODE = 1,       /* tc ingress of a port: what the node sends */
	HOOK_GUARD = 2,      /* tc egress of a port */
	HOOK_UPLINK_TC = 3,  /* tc ingress of an uplink */
	HOOK_UPLINK_XDP = 4, /* XDP of an uplink */
};

struct event {
	__u64 time_ns;
	__u32 ifindex; /* where the packet came in; for HOOK_GUARD, where it was to go out */
	enum hook hook;
	enum reason reason;
	__u32 length;   /* of the packet, octets */
	__u32 vni;      /* 0 when it was not known yet */
	__u8 source[4]; /* virtual addresses; zero when not known */
	__u8 destination[4];
	__u16 source_port; /* host byte order */
	__u16 destination_port;
	__u8 protocol; /* IPv4's number */
	__u8 pad[3];
};
_Static_assert(sizeof(struct event) == 48, "event has no hidden padding");

/* Key 0. */
struct listener_value {
	__u32 drops; /* how many listen */
};

#ifdef __bpf__
OVNET_MAP(__uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 256 * 1024);)
events SHARED_MAP;

OVNET_MAP(__uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32);
	  __type(value, struct listener_value);)
listeners SHARED_MAP;
#endif

#endif /* OVNET_MAPS_EVENT_H */
