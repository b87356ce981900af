/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maps `ports` and `port_states`: the interfaces through which nodes send and receive, and what each holds.
 *
 * `ports`
 * Who writes   ovnetd only. An entry is made and removed; only its MTU and flags ever change.
 * Who reads    the node program for each packet, the uplink programs for each packet to that node.
 * Lifetime     from just before the programs are attached to the interface until just after they are gone.
 * Size         4,096; a quarter of it is used at most, since a host has no more than 1,024 nodes.
 * When full    ovnetd refuses the node and says so; its interface stays down.
 *
 * `port_states`
 * Who writes   ovnetd (through shared memory) the epoch; the programs add sessions, ovnetd subtracts those it removes,
 *              both atomically.
 * Who reads    the programs, the epoch for each packet; ovnetd.
 * Lifetime     an entry is made new when its number is given to a port.
 * Size         4,096, as `ports`.
 * When full    cannot be: one entry for each port's number.
 *
 * Both are arrays, which the kernel looks up without a call. A port's number is its interface index, modulo the size, or
 * one of the next few where that is taken; an entry says whose it is.
 *
 * The epoch makes revocation one write: ovnetd first removes the rule or mapping, then gives every port concerned
 * a new epoch. A session with another epoch than its port's proves itself again. Epochs are drawn from one counter
 * per host and never come twice, so a session of an earlier holder of the interface proves nothing.
 */
#ifndef OVNET_MAPS_PORT_H
#define OVNET_MAPS_PORT_H

#define OVNET_PORTS_MAX 4096 /* a power of two */

/* The numbers that a port may have: PORT_NUMBER(ifindex, 0) to PORT_NUMBER(ifindex, PORT_PROBES - 1). */
#define PORT_PROBES 8
#define PORT_NUMBER(ifindex, probe) (((ifindex) + (probe)) & (OVNET_PORTS_MAX - 1))

enum port_flag {
	PORT_PEER = 1,        /* deliver by bpf_redirect_peer(): a veth whose other end is in another namespace */
	PORT_NEGOTIATE = 2,   /* what no rule covers is asked for */
	PORT_DISCARD = 4,     /* meanwhile packets are dropped, not queued */
	PORT_ASK_REPLIES = 8, /* replies need a rule of their own direction too (DTM-8's option) */
	PORT_RESOLVE =
		16,     /* beside PORT_NEGOTIATE: where an address without a mapping lives is asked for too (ONM-5) */
	PORT_HOLD = 32, /* arrivals that no rule covers wait for the question that is on its way (DTM-7's third mode) */
};

/* The key is the port's number. */
struct port_value {
	__u64 incarnation; /* of this attachment; never reused */
	__u32 ifindex;     /* whose entry this is; 0: nobody's */
	__u32 vni;
	__u8 address[4];               /* the node's own */
	__u8 prefix[OVNET_PREFIX_LEN]; /* the node's substrate address, less the embedded address */
	__u8 mac[6];                   /* the node's own */
	__u16 number;                  /* index into `port_states` */
	__u32 mtu;                     /* largest IPv4 packet that the interface takes, octets */
	__u32 flags;                   /* enum port_flag */
	__u32 session_quota;           /* most sessions at a time */
	__u32 pad[3];
};
_Static_assert(sizeof(struct port_value) == 64, "port_value is one cache line");

/* A cache line for each port, so that one port's new sessions do not slow another's packets. */
struct port_state {
	__u64 epoch;
	__u64 sessions; /* how many the port holds now */
	__u64 pad[6];
};

#ifdef __bpf__
OVNET_MAP(__uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, OVNET_PORTS_MAX); __type(key, __u32);
	  __type(value, struct port_value);)
ports SHARED_MAP;

OVNET_MAP(__uint(type, BPF_MAP_TYPE_ARRAY); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, OVNET_PORTS_MAX);
	  __type(key, __u32); __type(value, struct port_state);)
port_states SHARED_MAP;
#endif

#endif /* OVNET_MAPS_PORT_H */
