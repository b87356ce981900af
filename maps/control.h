/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maps `control_keys`, `control_hosts` and `control_gates`: which datagrams of the negotiation reach the agent.
 *
 * `control_keys`
 * Who writes   ovnetd: one entry for each receiver index that it has given to a peer.
 * Who reads    the uplink programs, for datagrams to the negotiation's port.
 * Lifetime     as long as the peer's keys.
 * Size         8,192.
 * When full    ovnetd says so; that peer's datagrams pass by the gates.
 *
 * `control_hosts`
 * Who writes   ovnetd: one entry for each host of its directory; the uplink programs count in it.
 * Who reads    the uplink programs.
 * Lifetime     as long as the host is in the directory.
 * Size         8,192.
 * When full    ovnetd says so; that host shares a gate with strangers.
 *
 * `control_gates`
 * Who writes   the uplink programs.
 * Who reads    the uplink programs.
 * Lifetime     for ever.
 * Size         2,048: for each hook 1,024, by a hash of the sender's 64 bits.
 * When full    cannot be.
 *
 * A datagram under keys that are live comes from a peer, or from somebody who saw one of its; it goes straight in, and its
 * authenticator decides. Any other - a handshake, garbage - goes through its sender's gate, a token bucket: a flood
 * from few senders costs the agent nothing, and one from many is bounded. Hosts of the directory have gates of their own:
 * strangers, however many, do not keep them from shaking hands.
 */
#ifndef OVNET_MAPS_CONTROL_H
#define OVNET_MAPS_CONTROL_H

#define CONTROL_PORT 6190
#define CONTROL_GATES 1024
#define CONTROL_INTERVAL_NS 20000000ull /* from a host of the directory: 50 a second in the long run */
#define CONTROL_BURST_NS 1280000000ull  /* 64 at once */
/* From strangers one a second by each gate, and room for a handshake's tries: a thousand gates make no flood of their own. */
#define CONTROL_STRANGER_INTERVAL_NS 1000000000ull
#define CONTROL_STRANGER_BURST_NS 4000000000ull

/* The key is the receiver index, host byte order. */
struct control_key {
	__u8 prefix[8]; /* of the peer's host */
};

struct control_gate {
	__u64 next_ns; /* as in struct budget */
};

/* The key is a struct control_key: the host's prefix. Each hook has a gate: what XDP let pass comes by tc as well. */
struct control_host {
	struct control_gate gates[2];
};

#ifdef __bpf__
OVNET_MAP(__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8192); __type(key, struct control_key);
	  __type(value, struct control_host);)
control_hosts SHARED_MAP;

OVNET_MAP(__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8192); __type(key, __u32);
	  __type(value, struct control_key);)
control_keys SHARED_MAP;

OVNET_MAP(__uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2 * CONTROL_GATES); __type(key, __u32);
	  __type(value, struct control_gate);)
control_gates SHARED_MAP;
#endif

#endif /* OVNET_MAPS_CONTROL_H */
