/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Map `sessions`: the fast path. One entry for each conversation of a node here, both directions. And `forwards`: what stands in
 * place of one while its question is open (DTM-7's third mode).
 *
 * `sessions`
 * Who writes   the programs insert, prove again and count; ovnetd removes.
 * Who reads    the programs, for each packet; ovnetd, to list and to sweep.
 * Lifetime     until idle for as long as its protocol and state allow; at once when its rule is gone.
 * Size         `limits.sessions` of the configuration, 65,536 unless set; each port has a quota of it.
 * When full    the new conversation is refused (SESSION_FULL, SESSION_QUOTA); those that exist go on.
 *
 * `forwards`
 * Who writes   the node program: where the packet goes that it sends on. A program's stack has no room for it.
 * Who reads    the same, with the same packet.
 * Lifetime     that packet's way through the program.
 * Size         1 for each CPU.
 * When full    cannot be.
 *
 * A session is a cached proof, not a right: it holds the epoch of its port at the time its rule was looked up, and
 * that rule's expiry. With another epoch, or past the expiry, the next packet looks the rule up again. Between two
 * nodes of one host each has a session of its own, proved against its own rules.
 */
#ifndef OVNET_MAPS_SESSION_H
#define OVNET_MAPS_SESSION_H

struct session_key {
	__u32 vni;
	__u8 local[4];
	__u8 peer[4];
	__u16 local_port; /* host byte order; ICMP echo: the identifier at the side that asks, 0 at the other */
	__u16 peer_port;
	__u8 protocol;
	__u8 pad[3];
};
_Static_assert(sizeof(struct session_key) == 20, "session_key has no padding");

enum session_flag {
	SESSION_LOCAL = 1,         /* the peer is a node of this host: no re-headering */
	SESSION_REPLIED = 2,       /* packets were seen in both directions */
	SESSION_FIN = 4,           /* TCP: one side is done */
	SESSION_RST = 8,           /* TCP: reset */
	SESSION_ASK_REPLIES = 16,  /* the vnet wants a rule for replies too */
	SESSION_REPLY_PROVED = 32, /* and there is one, under this epoch */
};

/* What every packet reads comes first. */
struct session_value {
	__u64 epoch;         /* of the node's port when the rule was looked up */
	__u64 fresh_jiffies; /* until then, in ticks of the kernel, nobody need look at the clock (see stage/session.h) */
	__u32 ifindex;       /* the node's port */
	__u32 nexthop;       /* index into `nexthops`; 0 with SESSION_LOCAL */
	__u8 peer_prefix[OVNET_PREFIX_LEN]; /* the peer's substrate address, less the embedded address */
	__u8 peer_mac[6];                   /* the dummy MAC that stands for the peer in the node's sight */
	__u8 direction;                     /* enum direction: who opened it */
	__u8 width;                         /* enum width: of the rule that admitted it */
	__u32 csum;                         /* what the two prefixes add to a transport checksum, unfolded */
	__u16 entropy;                      /* 11 bits for the flow label */
	__u16 number;                       /* of the port */
	__u32 flags;                        /* enum session_flag */
	__u32 policy;                       /* of the rule that admitted it */
	__u32 pad;
	__u64 packets_out; /* from the node */
	__u64 bytes_out;   /* of IPv4 packets, headers included */
	__u64 packets_in;  /* to the node */
	__u64 bytes_in;
	__u64 expires_ns; /* of the rule */
	__u64 last_ns;    /* the latest packet, to within a few ticks */
	__u64 created_ns;
};
_Static_assert(sizeof(struct session_value) == 120, "session_value has no padding");

#ifdef __bpf__
OVNET_MAP(__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 65536); __type(key, struct session_key);
	  __type(value, struct session_value);)
sessions SHARED_MAP;

OVNET_MAP(__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32);
	  __type(value, struct session_value);)
forwards SHARED_MAP;
#endif

#endif /* OVNET_MAPS_SESSION_H */
