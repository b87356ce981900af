/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Map `mappings`: where each virtual address lives that this host knows of.
 *
 * Who writes   ovnetd only.
 * Who reads    the node program (destination, ARP), the uplink programs (source and destination), when a session opens.
 * Lifetime     until `expires_ns`, or until ovnetd removes it; the nodes of this host never expire.
 * Size         `limits.mappings` of the configuration, 65,536 unless set.
 * When full    ovnetd refuses the entry and says so; to an address without a mapping nothing is sent.
 */
#ifndef OVNET_MAPS_MAPPING_H
#define OVNET_MAPS_MAPPING_H

struct mapping_key {
	__u32 vni;
	__u8 address[4];
};
_Static_assert(sizeof(struct mapping_key) == 8, "mapping_key has no padding");

struct mapping_value {
	__u64 expires_ns;
	__u64 incarnation;             /* of the node that has the address; a new holder has a new one */
	__u8 prefix[OVNET_PREFIX_LEN]; /* the node's substrate address, less the embedded address */
	__u32 ifindex;                 /* a node of this host: its port; otherwise 0 */
	__u32 nexthop;                 /* a node elsewhere: index into `nexthops` */
	__u8 mac[6];                   /* the dummy MAC, unique on this host, by which nodes here see that address */
	__u8 pad[6];
};
_Static_assert(sizeof(struct mapping_value) == 48, "mapping_value has no hidden padding");

#ifdef __bpf__
OVNET_MAP(__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 65536); __type(key, struct mapping_key);
	  __type(value, struct mapping_value);)
mappings SHARED_MAP;
#endif

#endif /* OVNET_MAPS_MAPPING_H */
