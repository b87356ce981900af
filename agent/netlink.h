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
	bool up;        /* administratively */
	bool running;   /* has carrier */
	char kind[16];  /* "veth", "tun", ... "" for a physical device */
	bool peer_elsewhere; /* its other end (IFLA_LINK) is in another namespace (IFLA_LINK_NETNSID is there) */
};

struct netlink_events {
	/* A link is there, or changed. */
	void (*link)(void *context, const struct netlink_link *link);
	/* A link is gone (also: moved to another namespace). */
	void (*link_gone)(void *context, unsigned ifindex, const char *name);
	/* An IPv6 route or an IPv6 neighbour changed: ask netlink_resolve() again. Many changes may be told as one. */
	void (*routes)(void *context);
	/* Notifications were lost (ENOBUFS): netlink_each_link() again, and what `routes` says. */
	void (*overrun)(void *context);
	void *context;
};

/* Which way packets to an IPv6 address leave. */
struct netlink_hop {
	unsigned ifindex;
	uint32_t mtu;        /* of the route, or else of the device, octets */
	struct mac dst_mac;  /* valid when `reachable` */
	struct mac src_mac;  /* the device's */
	bool reachable;      /* the neighbour is known and not failed */
};

/* Opens, subscribes and watches in `loop`. Returns 0 or -errno. *out is untouched on failure. */
int netlink_open(struct loop *loop, const struct netlink_events *events, struct netlink **out);
void netlink_close(struct netlink *netlink);

/* Calls events->link for every link there is now. Returns 0 or -errno. */
int netlink_each_link(struct netlink *netlink);

/*
 * Asks the kernel for the route to `address`, and for the neighbour on it. If the neighbour is not known, makes the kernel probe it
 * and keep it fresh (NTF_EXT_MANAGED; NTF_USE where the kernel lacks that), `reachable` is then false and `routes` follows.
 * Returns 0; -ENETUNREACH: no route (or a local, blackhole or unreachable one); or another -errno.
 */
int netlink_resolve(struct netlink *netlink, const struct substrate *address, struct netlink_hop *out);

/* Sets a link up or down. Returns 0 or -errno. */
int netlink_set_up(struct netlink *netlink, unsigned ifindex, bool up);

/* `ip -6 route add local PREFIX dev lo`, and its removal; present or absent already is success. Returns 0 or -errno. */
int netlink_local_route(struct netlink *netlink, const struct locator *locator, bool present);

/* Removes every address of a link. Returns 0 or -errno. */
int netlink_flush_addresses(struct netlink *netlink, unsigned ifindex);

#endif /* OVNET_AGENT_NETLINK_H */
