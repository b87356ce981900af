/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What netlink.c (sockets, notifications, links) and netlink_route.c (routes, neighbours, addresses) share.
 * Nobody else includes it.
 */
#ifndef OVNET_AGENT_NETLINK_INTERNAL_H
#define OVNET_AGENT_NETLINK_INTERNAL_H

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/queue.h>

#include "agent/netlink.h"

#define NETLINK_BUFFER 32768 /* octets; the kernel fills no datagram of a dump beyond this */
#define NETLINK_REQUEST 512  /* octets; the largest request made here has 100 */
#define NETLINK_BUCKETS 256

/* A link as events->link() was told of it. */
struct link_entry {
	LIST_ENTRY(link_entry) chain;
	struct netlink_link link;
	unsigned generation; /* of the last netlink_each_link() that found it */
};

/* What matters of an IPv6 neighbour. All zero: there is none. */
struct neighbour_state {
	struct mac mac;
	bool usable;   /* has a MAC address that has not failed */
	bool failed;   /* was asked for in vain */
	bool managed;  /* the kernel keeps it fresh by itself */
	bool fixed;    /* is not resolved, by nature or by an administrator: must be left alone */
	uint8_t flags; /* of its ndm_flags those that a request to manage it must repeat */
};

struct neighbour_key {
	unsigned ifindex;
	uint8_t address[16];
};

/* A neighbour through which netlink_resolve() led, as last seen. */
struct neighbour_entry {
	LIST_ENTRY(neighbour_entry) chain;
	struct neighbour_key key;
	struct neighbour_state state;
};

LIST_HEAD(link_chain, link_entry);
LIST_HEAD(neighbour_chain, neighbour_entry);

struct netlink {
	struct netlink_events events;
	struct mnl_socket *requests;      /* synchronous: question, answer */
	struct mnl_socket *notifications; /* in the loop, never waits */
	struct loop_watch *watch;
	struct loop_timer *tell; /* running while `changed` or `lost` is set */
	bool changed;            /* events->routes() is due */
	bool lost;               /* events->overrun() is due */
	bool missed;             /* will be, when all that is there to read has been read */
	unsigned sequence;       /* of the last request */
	unsigned generation;     /* of the last netlink_each_link() */
	struct link_chain links[NETLINK_BUCKETS];
	struct neighbour_chain neighbours[NETLINK_BUCKETS];
	/* Apart from each other: callbacks make requests while `notice` is being read. */
	uint8_t request[NETLINK_REQUEST] __attribute__((aligned(NLMSG_ALIGNTO)));
	uint8_t answer[NETLINK_BUFFER] __attribute__((aligned(NLMSG_ALIGNTO)));
	uint8_t notice[NETLINK_BUFFER] __attribute__((aligned(NLMSG_ALIGNTO)));
};

/* Sees one message of an answer; makes no request itself. Returns 0, or -errno, which netlink_ask() then returns. */
typedef int (*netlink_answer_fn)(const struct nlmsghdr *message, void *context);

/* Begins a request in netlink->request; its payload is `size` octets, all zero, for the header of the type's family. */
struct nlmsghdr *netlink_request(struct netlink *netlink, uint16_t type, uint16_t flags, size_t size);
/*
 * Sends it and reads the whole answer. `fn` may be NULL when nothing but success matters.
 * Returns 0, the kernel's -errno, -ETIMEDOUT, or -EINTR when what was dumped changed meanwhile.
 */
int netlink_ask(struct netlink *netlink, struct nlmsghdr *request, netlink_answer_fn fn, void *context);
/* The same for a dump, asked again when it changed meanwhile; `again` (may be NULL) forgets what `fn` has gathered. */
int netlink_dump(struct netlink *netlink, uint16_t type, size_t size, netlink_answer_fn fn,
	void (*again)(void *context), void *context);

/* Has events->routes() called soon, once for all changes until then. */
void netlink_tell_routes(struct netlink *netlink);

/* A link as it is told of, or else as the kernel describes it. Returns 0, -ENODEV or another -errno. */
int netlink_get_link(struct netlink *netlink, unsigned ifindex, struct netlink_link *out);

/* The part of the notifications that netlink_route.c understands. */
void netlink_on_neighbour(struct netlink *netlink, const struct nlmsghdr *message);
/* Resolves the failed ones on a link at once, which the kernel does by itself some seconds later only. */
void netlink_retry_neighbours(struct netlink *netlink, unsigned ifindex);
/* Forgets the neighbours on a link, or with ifindex 0 all. */
void netlink_forget_neighbours(struct netlink *netlink, unsigned ifindex);

#endif /* OVNET_AGENT_NETLINK_INTERNAL_H */
