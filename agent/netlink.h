/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Netlink: links, routes and neighbours of the host's namespace, read and followed (libmnl).
 *
 * Leaves the substrate's routing to the substrate: it only asks the kernel which way a prefix goes, and tells when an
 * answer may have changed.
 */
#ifndef OVNET_AGENT_NETLINK_H
#define OVNET_AGENT_NETLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/address.h"
#include "lib/loop.h"

struct netlink;

struct netlink_link {
	unsigned ifindex;
	char name[16];
	struct mac mac;
	uint32_t mtu;
	bool up;             /* administratively */
	bool running;        /* has carrier */
	char kind[16];       /* "veth", "tun", ... "" for a physical device */
	bool peer_elsewhere; /* its other end (IFLA_LINK) is in another namespace (IFLA_LINK_NETNSID is there) */
};

struct netlink_events {
	/* A link is there, or changed. */
	void (*link)(void *context, const struct netlink_link *link);
	/* A link is gone (also: moved to another namespace). */
	void (*link_gone)(void *context, unsigned ifindex, const char *name);
	/*
	 * An IPv6 route, or of what netlink_resolve() answered a neighbour or a link, changed: ask again. Many changes
	 * within a few milliseconds are told as one.
	 */
	void (*routes)(void *context);
	/* Notifications were lost (ENOBUFS): netlink_each_link() again, and what `routes` says. */
	void (*overrun)(void *context);
	void *context;
};

/* Which way packets to an IPv6 address leave. */
struct netlink_hop {
	unsigned ifindex;
	uint32_t mtu;       /* of the route, or else of the device, octets */
	struct mac dst_mac; /* valid when `reachable` */
	struct mac src_mac; /* the device's */
	bool reachable;     /* the neighbour is known and not failed */
};

/*
 * Opens, subscribes and watches in `loop`. Events come from the loop, and from within netlink_each_link(); in them all
 * that follows may be called but netlink_close(). Returns 0 or -errno. *out is untouched on failure.
 */
int netlink_open(struct loop *loop, const struct netlink_events *events, struct netlink **out);
void netlink_close(struct netlink *netlink); /* NULL is allowed; what the kernel was asked to keep fresh stays so */

/*
 * Calls events->link for every link there is now, and before that events->link_gone for those that were told before and
 * are gone. Returns 0 or -errno.
 */
int netlink_each_link(struct netlink *netlink);

/*
 * Asks the kernel for the route to `address`, and for the neighbour on it. Makes the kernel keep the neighbour fresh
 * (NTF_EXT_MANAGED; NTF_USE where the kernel lacks that). If it is not known, `reachable` is false, and `routes`
 * follows. Returns 0; -ENETUNREACH: no route (or a local, blackhole, unreachable, prohibit or throw one); -ENOBUFS: the
 * kernel's neighbour table is full (net.ipv6.neigh.default.gc_thresh3); or another -errno. *out is untouched on
 * failure.
 */
int netlink_resolve(struct netlink *netlink, const struct substrate *address, struct netlink_hop *out);

/* Sets a link up or down. Returns 0 or -errno. */
int netlink_set_up(struct netlink *netlink, unsigned ifindex, bool up);

/*
 * `ip -6 route add local PREFIX dev lo`, and its removal; present or absent already is success.
 * Returns 0; -ENETDOWN: `lo` is down; or another -errno.
 */
int netlink_local_route(struct netlink *netlink, const struct locator *locator, bool present);

/* Removes every address of a link. Returns 0 or -errno. */
int netlink_flush_addresses(struct netlink *netlink, unsigned ifindex);

#endif /* OVNET_AGENT_NETLINK_H */
