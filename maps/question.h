/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maps `questions` and `channel`: the programs' way to the agent.
 *
 * `questions`
 * Who writes   the programs.
 * Who reads    ovnetd.
 * Lifetime     until read.
 * Size         512 KiB, some 8,000 questions; nobody can fill it alone, each port has a token bucket.
 * When full    the packet is dropped (question_lost), and nothing stays pending.
 *
 * `channel`
 * Who writes   ovnetd.
 * Who reads    the programs.
 * Lifetime     that of the programs; after `alive_ns` nobody is there to answer.
 * Size         1.
 * When full    cannot be.
 */
#ifndef OVNET_MAPS_QUESTION_H
#define OVNET_MAPS_QUESTION_H

enum question_kind {
	QUESTION_MISS =
		1, /* a packet (or ARP request) of a node: no rule or mapping covers it; where to, and may it go? */
	QUESTION_STALE = 2, /* a packet arrived that no rule lets in: its sender's agent must be told */
	QUESTION_GONE = 3,  /* a packet arrived for an address that no node here has */
	QUESTION_HOLD =
		4, /* a packet arrived that no rule lets in yet: it waits for its question, which is on its way */
};

struct question {
	__u64 time_ns;
	struct rule_key key; /* MISS: of the rule sought; otherwise of the one that would have let it in */
	__u32 kind;          /* enum question_kind */
	__u32 question;      /* MISS and HOLD: its number among those of the port, as in `pendings` */
	__u32 ifindex;       /* of the node's port; 0: none */
	__u16 number;        /* of the port */
	__u8 source_prefix
		[OVNET_PREFIX_LEN]; /* STALE, GONE and HOLD: the sender's substrate address, less the embedded one */
	__u8 icmp_type;
	__u8 pad;
};
_Static_assert(sizeof(struct question) == 56, "question has no hidden padding");

/* Key 0. */
struct channel_value {
	__u64 alive_ns;       /* the agent promises to be there until then; it moves this on */
	__u32 queue_ifindex;  /* where packets go that wait; 0: they do not */
	__u32 inject_ifindex; /* where they come back from */
};
_Static_assert(sizeof(struct channel_value) == 16, "channel_value has no padding");

/* The mark of a packet that comes back: one of these, and the port's number. Believed on the inject interface only. */
#define WAITED_MARK 0x6f760000  /* its question is answered */
#define FORWARD_MARK 0x6f770000 /* its question has left: it is sent on */
#define HELD_MARK 0x6f780000    /* an arrival: its question is answered, or has not come in time */
#define REPLY_MARK 0x6f790000   /* likewise, of a conversation that the node began */
#define WAITED_NUMBER 0x0000ffff

#ifdef __bpf__
OVNET_MAP(__uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 512 * 1024);)
questions SHARED_MAP;

OVNET_MAP(__uint(type, BPF_MAP_TYPE_ARRAY); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 1);
	  __type(key, __u32); __type(value, struct channel_value);)
channel SHARED_MAP;
#endif

#endif /* OVNET_MAPS_QUESTION_H */
