/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Map `nexthops`: how to reach each remote host's prefix, one entry a host.
 *
 * Who writes   ovnetd, from the kernel's routes and neighbours (netlink); it follows every change.
 * Who reads    the node program, for each packet to another host.
 * Lifetime     as long as a mapping names it.
 * Size         `limits.hosts` of the configuration, 4,096 unless set.
 * When full    ovnetd refuses mappings to further hosts and says so.
 *
 * Sessions and mappings hold the index, so a failing or changing router costs one write here and nothing there.
 */
#ifndef OVNET_MAPS_NEXTHOP_H
#define OVNET_MAPS_NEXTHOP_H

struct nexthop_value {
	__u8 dst_mac[6]; /* the router's, or the host's itself on a shared link */
	__u8 src_mac[6]; /* the uplink's */
	__u32 ifindex;   /* the uplink; 0: not usable now */
	__u32 mtu;       /* largest IPv6 packet on the path, octets */
	__u8 pad[4];
};
_Static_assert(sizeof(struct nexthop_value) == 24, "nexthop_value has no hidden padding");

#ifdef __bpf__
OVNET_MAP(__uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4096); __type(key, __u32);
	  __type(value, struct nexthop_value);)
nexthops SHARED_MAP;
#endif

#endif /* OVNET_MAPS_NEXTHOP_H */
