/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Map `identities`: who the nodes elsewhere are, as their passports said, with which this host has negotiated.
 *
 * Who writes   ovnetd.
 * Who reads    ovnetd, to judge its rules again when policies change, also after a restart; people, with bpftool.
 * Lifetime     that of the rules that rest on it.
 * Size         as `mappings`.
 * When full    ovnetd says so; such a node's rules do not outlive a change of policies.
 */
#ifndef OVNET_MAPS_IDENTITY_H
#define OVNET_MAPS_IDENTITY_H

#define IDENTITY_GROUPS_MAX 16

/* The key is a struct mapping_key. Ids are hashes of names. */
struct identity_value {
	__u64 incarnation;
	__u64 revision; /* of the passport */
	__u64 node, account, host;
	__u64 not_after_s; /* seconds since 1970 */
	__u64 groups[IDENTITY_GROUPS_MAX];
	__u32 group_count;
	__u32 pad;
};
_Static_assert(sizeof(struct identity_value) == 184, "identity_value has no hidden padding");

#ifdef __bpf__
OVNET_MAP(__uint(type, BPF_MAP_TYPE_HASH); __uint(map_flags, BPF_F_NO_PREALLOC); __uint(max_entries, 65536);
	  __type(key, struct mapping_key); __type(value, struct identity_value);)
identities SHARED_MAP;
#endif

#endif /* OVNET_MAPS_IDENTITY_H */
