/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Map `rules`: the decisions this host holds, for its own nodes.
 *
 * Who writes   ovnetd only.
 * Who reads    the node and uplink programs, when a session opens or must prove itself again.
 * Lifetime     until `expires_ns` (exact in the data path), or until ovnetd removes it.
 * Size         `limits.rules` of the configuration, 65,536 unless set.
 * When full    ovnetd refuses the new rule and says so; packets it would have covered find none and are dropped.
 *
 * A key names its node, so a grant to one opens nothing for another, and its direction, so a grant inward opens
 * nothing outward. Three widths are tried, narrow to wide; the first that is there decides.
 */
#ifndef OVNET_MAPS_RULE_H
#define OVNET_MAPS_RULE_H

enum verdict {
	VERDICT_ALLOW = 1,
	VERDICT_DENY = 2,
	VERDICT_ASK = 3, /* an exception of a wide DENY that must be negotiated by itself */
};

/* How much of a key counts; what does not is zero. */
enum width {
	WIDTH_PORT = 0,     /* peer, protocol and the responder's port */
	WIDTH_PROTOCOL = 1, /* peer and protocol */
	WIDTH_PEER = 2,     /* peer */
	WIDTH_MAX = 3,      /* the widths of rules for packets end here */
	/*
	 * Not for packets: something is allowed between the two, in either direction (`direction` is 0), so ARP is
	 * answered. ovnetd keeps one for each pair with an ALLOW; it expires with the last of them. A DENY here is a
	 * negotiated answer, so that ARP requests do not ask again.
	 */
	WIDTH_ARP = 3,
};

/* Who made a rule, and so who takes it away. */
enum origin {
	ORIGIN_DERIVED = 0,    /* ovnetd, from other rules (WIDTH_ARP) */
	ORIGIN_FILE = 1,       /* the configuration file */
	ORIGIN_CONTROL = 2,    /* an administrator, by hand */
	ORIGIN_NEGOTIATED = 3, /* the agents of both ends */
};

struct rule_key {
	__u32 vni;
	__u8 local[4];      /* the node here */
	__u8 peer[4];       /* the other end, here or elsewhere */
	__u16 port;         /* the responder's port, host byte order; for ICMP the type */
	__u8 protocol;      /* IPv4 protocol number */
	__u8 direction : 4; /* enum direction */
	__u8 width : 4;     /* enum width */
};
_Static_assert(sizeof(struct rule_key) == 16, "rule_key has no padding");

struct rule_value {
	__u64 expires_ns;
	__u64 created_ns;
	__u64 incarnation;      /* of the node here that it was made for */
	__u64 peer_incarnation; /* of the peer that it was made for */
	__u64 hits;             /* sessions admitted and packets refused; written by the programs */
	enum verdict verdict;
	enum origin origin;
	__u32 policy; /* id of the policy that decided; 0: none was named */
	__u32 pad;
	__u64 group;  /* or handle through which that policy matched the other end; 0: none */
	__u64 serial; /* negotiated: of the decision, as the destination's agent counts them */
};
_Static_assert(sizeof(struct rule_value) == 72, "rule_value has no padding");

#ifdef __bpf__
OVNET_MAP(__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 65536); __type(key, struct rule_key);
	  __type(value, struct rule_value);)
rules SHARED_MAP;
#endif

#endif /* OVNET_MAPS_RULE_H */
