/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maps `pendings` and `budgets`: conversations that wait for a verdict, and how much of that each port may have.
 *
 * `pendings`
 * Who writes   the programs insert and count; ovnetd removes when the verdict is in the rules and nothing waits.
 * Who reads    the programs, when a session opens; ovnetd.
 * Lifetime     until the verdict, at most until `expires_ns`: then the next packet asks anew.
 * Size         `limits.pending` of the configuration, 16,384 unless set; each port has a quota of it.
 * When full    the packet is dropped (question_full, question_quota); the next one asks again.
 *
 * `budgets`
 * Who writes   ovnetd makes an entry with its port, and takes off what it has let go; the programs count up.
 * Who reads    the programs and ovnetd, both by shared memory.
 * Lifetime     as `port_states`.
 * Size         4,096, as `ports`.
 * When full    cannot be: one entry for each port's number.
 *
 * An entry is the mark of one question in flight: as long as it is there nobody asks the same again, and packets of that key
 * wait. Order: `queued` counts packets sent to the agent, `drained` those that came back; until both are equal, new ones
 * queue behind, also when a rule allows them by now.
 *
 * A key of the other direction is of arrivals that came before their question (PORT_HOLD): it is on its way here, and they
 * wait for it in the same queue, within a budget of their own. One with PENDING_REPLY for a direction is of answers to what was
 * sent on: they came before the answer to the node's own question, and wait for that.
 */
#ifndef OVNET_MAPS_PENDING_H
#define OVNET_MAPS_PENDING_H

/* In place of a direction; the key's port is the responder's, as in that of the question. */
#define PENDING_REPLY 3

enum pending_flag {
	PENDING_SENT_ON =
		1, /* the agent has asked the peer, and has packets sent on meanwhile: answers to them may come */
};

/* The key is that of the rule that is sought, WIDTH_PORT or WIDTH_ARP. */
struct pending_value {
	__u64 expires_ns;
	__u64 created_ns;
	__u64 queued;
	__u64 drained;
	__u64 forwarded; /* sent on while the question was open: packets, and octets of their frames */
	__u64 forwarded_bytes;
	__u32 question; /* its number among those of the port */
	__u16 number;   /* of the port */
	__u16 flags;    /* enum pending_flag */
};
_Static_assert(sizeof(struct pending_value) == 56, "pending_value has no padding");

/* Two cache lines for each port; read and written only when there is something to ask. */
struct budget {
	__u64 next_ns;       /* token bucket of questions: the time at which it would be full again (GCRA) */
	__u64 stale_next_ns; /* the same for reports of what arrived without a rule */
	__u64 interval_ns;   /* between two questions, in the long run */
	__u64 burst_ns;      /* how far next_ns may be ahead */
	__u64 pending;       /* questions in flight */
	__u64 pending_quota;
	__u64 queued_packets; /* waiting in the tap and in the agent */
	__u64 packets_quota;  /* of these, of what one question sends on, and of held_packets */
	__u64 queued_bytes;
	__u64 bytes_quota;
	__u64 question;     /* the latest number given out */
	__u64 hold_next_ns; /* token bucket of conversations whose arrivals wait for their question */
	__u64 holds;        /* such conversations now */
	__u64 holds_quota;
	__u64 held_packets; /* and what waits of them */
	__u64 held_bytes;
};
_Static_assert(sizeof(struct budget) == 128, "budget is two cache lines");

#define PENDING_NS 1000000000ull /* a negotiation is over long before */
#define HOLD_NS 500000000ull     /* a question that was sent with its packets has come long before */

#ifdef __bpf__
OVNET_MAP(__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16384); __type(key, struct rule_key);
	  __type(value, struct pending_value);)
pendings SHARED_MAP;

OVNET_MAP(__uint(type, BPF_MAP_TYPE_ARRAY); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, OVNET_PORTS_MAX);
	  __type(key, __u32); __type(value, struct budget);)
budgets SHARED_MAP;
#endif

#endif /* OVNET_MAPS_PENDING_H */
