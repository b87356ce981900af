/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Netlink sockets, notifications and links. Routes, neighbours and addresses are in netlink_route.c.
 *
 * Links are remembered as they were told, so that only changes are told, and so that a name can be given when a link is
 * gone. Of routes nothing is remembered: the kernel is asked anew.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "agent/netlink_internal.h"
#include "lib/error.h"
#include "lib/time.h"

#define ANSWER_TIMEOUT_S 2                /* the kernel answers before sendto() returns: only a guard */
#define RECEIVE_OCTETS (1024 * 1024)      /* notifications kept for us while we are busy: some thousand */
#define READS_PER_ROUND 64                /* datagrams read before others in the loop have their turn */
#define TELL_AFTER_NS (5 * NSEC_PER_MSEC) /* so long changes are gathered before they are told as one */
#define DUMP_ATTEMPTS 8

/* ---- requests ---- */

struct nlmsghdr *netlink_request(struct netlink *netlink, uint16_t type, uint16_t flags, size_t size)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(netlink->request);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	mnl_nlmsg_put_extra_header(request, size);
	return request;
}

struct answer {
	unsigned sequence;
	netlink_answer_fn fn;
	void *context;
	bool complete;
	int err; /* the first failure; the rest of the answer is still read, to be out of the way of the next */
};

static void answer_fail(struct answer *answer, int err)
{
	if (!answer->err)
		answer->err = err;
}

static void answer_read(struct answer *answer, const void *datagram, int length)
{
	const struct nlmsghdr *message = datagram;

	for (; mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length)) {
		/* An answer to a request that was given up may still come. */
		if (message->nlmsg_seq != answer->sequence)
			continue;
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			answer_fail(answer, -EINTR);
		if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
			/* Both begin with an int: 0 or -errno. */
			if (mnl_nlmsg_get_payload_len(message) >= sizeof(int))
				answer_fail(answer, *(const int *)mnl_nlmsg_get_payload(message));
			answer->complete = true;
		} else if (answer->fn && !answer->err) {
			answer_fail(answer, answer->fn(message, answer->context));
		}
	}
}

int netlink_ask(struct netlink *netlink, struct nlmsghdr *request, netlink_answer_fn fn, void *context)
{
	struct answer answer = {.sequence = ++netlink->sequence, .fn = fn, .context = context};
	ssize_t length;

	request->nlmsg_seq = answer.sequence;
	if (mnl_socket_sendto(netlink->requests, request, request->nlmsg_len) < 0)
		return -errno;
	while (!answer.complete) {
		length = mnl_socket_recvfrom(netlink->requests, netlink->answer, sizeof(netlink->answer));
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		answer_read(&answer, netlink->answer, (int)length);
	}
	return answer.err;
}

int netlink_dump(struct netlink *netlink, uint16_t type, size_t size, netlink_answer_fn fn,
	void (*again)(void *context), void *context)
{
	int err = -EINTR;

	for (int i = 0; i < DUMP_ATTEMPTS && err == -EINTR; i++) {
		if (i && again)
			again(context);
		/* The header stays all zero: of every family. */
		err = netlink_ask(netlink, netlink_request(netlink, type, NLM_F_DUMP, size), fn, context);
	}
	return err;
}

/* ---- telling ---- */

static void netlink_tell(void *context)
{
	struct netlink *netlink = context;
	bool changed = netlink->changed, lost = netlink->lost;

	/* Cleared first: what callbacks set off is told again later. */
	netlink->changed = netlink->lost = false;
	if (lost)
		netlink->events.overrun(netlink->events.context);
	else if (changed)
		netlink->events.routes(netlink->events.context);
}

static void netlink_tell_soon(struct netlink *netlink)
{
	/* Set once and not put off, so that a stream of changes cannot keep it from running. */
	if (!netlink->changed && !netlink->lost)
		loop_timer_at(netlink->tell, time_now_ns() + TELL_AFTER_NS);
}

void netlink_tell_routes(struct netlink *netlink)
{
	netlink_tell_soon(netlink);
	netlink->changed = true;
}

static void netlink_tell_lost(struct netlink *netlink)
{
	netlink_tell_soon(netlink);
	netlink->lost = true;
}

/* ---- links ---- */

static void link_read_info(const struct nlattr *info, struct netlink_link *link)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, info)
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			snprintf(link->kind, sizeof(link->kind), "%s", mnl_attr_get_str(attr));
}

/* Returns false when the message is not about a link as such (bridges tell of their ports with the same types). */
static bool link_read(const struct nlmsghdr *message, struct netlink_link *out)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;

	if (info->ifi_family != AF_UNSPEC || info->ifi_index <= 0)
		return false;
	*out = (struct netlink_link){
		.ifindex = (unsigned)info->ifi_index,
		.up = info->ifi_flags & IFF_UP,
		.running = info->ifi_flags & IFF_RUNNING,
	};
	mnl_attr_for_each(attr, message, sizeof(*info)) {
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			snprintf(out->name, sizeof(out->name), "%s", mnl_attr_get_str(attr));
			break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(attr) == sizeof(out->mac))
				memcpy(&out->mac, mnl_attr_get_payload(attr), sizeof(out->mac));
			break;
		case IFLA_MTU:
			out->mtu = mnl_attr_get_u32(attr);
			break;
		case IFLA_LINKINFO:
			link_read_info(attr, out);
			break;
		case IFLA_LINK_NETNSID:
			out->peer_elsewhere = true;
			break;
		}
	}
	return true;
}

static struct link_entry *link_find(const struct netlink *netlink, unsigned ifindex)
{
	struct link_entry *entry;

	LIST_FOREACH(entry, &netlink->links[ifindex % NETLINK_BUCKETS], chain)
		if (entry->link.ifindex == ifindex)
			return entry;
	return NULL;
}

/* Part of a netlink_hop, or reason for the kernel to take another route. */
static bool link_same_way(const struct netlink_link *a, const struct netlink_link *b)
{
	return !memcmp(&a->mac, &b->mac, sizeof(a->mac)) && a->mtu == b->mtu && a->up == b->up &&
	       a->running == b->running;
}

static bool link_same(const struct netlink_link *a, const struct netlink_link *b)
{
	return link_same_way(a, b) && !strcmp(a->name, b->name) && !strcmp(a->kind, b->kind) &&
	       a->peer_elsewhere == b->peer_elsewhere;
}

/* Remembers the link as it is now. Returns true when that is news. */
static bool link_remember(struct netlink *netlink, const struct netlink_link *link)
{
	struct link_entry *entry = link_find(netlink, link->ifindex);
	bool news = !entry || !link_same(&entry->link, link);

	if (!entry || !link_same_way(&entry->link, link))
		netlink_tell_routes(netlink);
	if (entry && !entry->link.running && link->running)
		netlink_retry_neighbours(netlink, link->ifindex);
	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		/* Without memory for it the link is news each time, which is right, if not economical. */
		if (!entry)
			return news;
		entry->generation = netlink->generation;
		LIST_INSERT_HEAD(&netlink->links[link->ifindex % NETLINK_BUCKETS], entry, chain);
	}
	entry->link = *link;
	return news;
}

/* Forgets a link and tells of it, under the name by which it was last told. */
static void link_drop(struct netlink *netlink, unsigned ifindex)
{
	struct link_entry *entry = link_find(netlink, ifindex);
	struct netlink_link link;

	if (!entry)
		return;
	link = entry->link;
	LIST_REMOVE(entry, chain);
	free(entry);
	netlink_forget_neighbours(netlink, ifindex);
	netlink_tell_routes(netlink);
	netlink->events.link_gone(netlink->events.context, ifindex, link.name);
}

static int link_answered(const struct nlmsghdr *message, void *context)
{
	struct netlink_link link;

	if (message->nlmsg_type == RTM_NEWLINK && link_read(message, &link))
		*(struct netlink_link *)context = link;
	return 0;
}

int netlink_get_link(struct netlink *netlink, unsigned ifindex, struct netlink_link *out)
{
	const struct link_entry *entry = link_find(netlink, ifindex);
	struct netlink_link link = {};
	struct nlmsghdr *request;
	struct ifinfomsg *info;
	int err;

	/* Not always from the kernel: that takes its RTNL lock, which is held for long while interfaces are made. */
	if (entry) {
		*out = entry->link;
		return 0;
	}
	request = netlink_request(netlink, RTM_GETLINK, 0, sizeof(*info));
	info = mnl_nlmsg_get_payload(request);
	info->ifi_index = (int)ifindex;
	err = netlink_ask(netlink, request, link_answered, &link);
	if (err)
		return err;
	if (!link.ifindex)
		return -ENODEV;
	*out = link;
	return 0;
}

struct link_list {
	struct netlink_link *links;
	size_t count, room;
};

static int link_list_add(const struct nlmsghdr *message, void *context)
{
	struct link_list *list = context;
	struct netlink_link link;

	if (message->nlmsg_type != RTM_NEWLINK || !link_read(message, &link))
		return 0;
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		struct netlink_link *links = reallocarray(list->links, room, sizeof(*links));

		if (!links)
			return -ENOMEM;
		list->links = links;
		list->room = room;
	}
	list->links[list->count++] = link;
	return 0;
}

static void link_list_clear(void *context)
{
	struct link_list *list = context;

	list->count = 0;
}

static struct link_entry *link_find_unseen(const struct netlink *netlink)
{
	struct link_entry *entry;

	for (size_t i = 0; i < NETLINK_BUCKETS; i++)
		LIST_FOREACH(entry, &netlink->links[i], chain)
			if (entry->generation != netlink->generation)
				return entry;
	return NULL;
}

int netlink_each_link(struct netlink *netlink)
{
	struct link_list list = {};
	struct link_entry *entry;
	int err;

	/* All is read before anything is told: callbacks make requests of their own. */
	err = netlink_dump(netlink, RTM_GETLINK, sizeof(struct ifinfomsg), link_list_add, link_list_clear, &list);
	if (err)
		goto out;
	netlink->generation++;
	for (size_t i = 0; i < list.count; i++) {
		entry = link_find(netlink, list.links[i].ifindex);
		if (entry)
			entry->generation = netlink->generation;
	}
	/* What is gone first: its name may be another's by now. */
	while ((entry = link_find_unseen(netlink)))
		link_drop(netlink, entry->link.ifindex);
	for (size_t i = 0; i < list.count; i++) {
		link_remember(netlink, &list.links[i]);
		netlink->events.link(netlink->events.context, &list.links[i]);
	}
out:
	free(list.links);
	return err;
}

int netlink_set_up(struct netlink *netlink, unsigned ifindex, bool up)
{
	struct nlmsghdr *request;
	struct ifinfomsg *info;

	request = netlink_request(netlink, RTM_NEWLINK, 0, sizeof(*info));
	info = mnl_nlmsg_get_payload(request);
	info->ifi_index = (int)ifindex;
	info->ifi_flags = up ? IFF_UP : 0;
	info->ifi_change = IFF_UP;
	return netlink_ask(netlink, request, NULL, NULL);
}

/* ---- notifications ---- */

static void netlink_on_route(struct netlink *netlink, const struct nlmsghdr *message)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);

	if (route->rtm_family == AF_INET6)
		netlink_tell_routes(netlink);
}

static void netlink_on_message(struct netlink *netlink, const struct nlmsghdr *message)
{
	struct netlink_link link;

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
		if (link_read(message, &link) && link_remember(netlink, &link))
			netlink->events.link(netlink->events.context, &link);
		break;
	case RTM_DELLINK:
		if (link_read(message, &link))
			link_drop(netlink, link.ifindex);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		netlink_on_route(netlink, message);
		break;
	case RTM_NEWRULE:
	case RTM_DELRULE:
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		netlink_tell_routes(netlink);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		netlink_on_neighbour(netlink, message);
		break;
	}
}

static void netlink_on_readable(void *context, uint32_t events)
{
	struct netlink *netlink = context;

	(void)events;
	for (int i = 0; i < READS_PER_ROUND; i++) {
		ssize_t received =
			mnl_socket_recvfrom(netlink->notifications, netlink->notice, sizeof(netlink->notice));
		const struct nlmsghdr *message = (const void *)netlink->notice;
		int length = (int)received;

		if (received < 0 && errno == EAGAIN) {
			if (netlink->missed)
				netlink_tell_lost(netlink);
			netlink->missed = false;
			return;
		}
		/*
		 * ENOBUFS: the kernel had no room for some. It drops all that follows too, without saying so again,
		 * until everything was read: only then is it time to ask. ENOSPC: one was longer than the buffer.
		 */
		if (received < 0) {
			netlink->missed = true;
			continue;
		}
		for (; mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length))
			netlink_on_message(netlink, message);
	}
}

/* ---- opening ---- */

static int netlink_open_requests(struct netlink *netlink)
{
	const struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};
	int fd;

	netlink->requests = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!netlink->requests || mnl_socket_bind(netlink->requests, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	fd = mnl_socket_get_fd(netlink->requests);
	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ? -errno : 0;
}

static int netlink_open_notifications(struct netlink *netlink)
{
	static const int groups[] = {
		RTNLGRP_LINK,
		RTNLGRP_NEIGH,
		RTNLGRP_IPV6_ROUTE,
		RTNLGRP_IPV6_RULE,
		RTNLGRP_NEXTHOP,
	};
	const int octets = RECEIVE_OCTETS;
	int fd;

	netlink->notifications = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!netlink->notifications || mnl_socket_bind(netlink->notifications, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	fd = mnl_socket_get_fd(netlink->notifications);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof(octets)) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0)
			return -errno;
	return 0;
}

int netlink_open(struct loop *loop, const struct netlink_events *events, struct netlink **out)
{
	struct netlink *netlink = calloc(1, sizeof(*netlink));
	int err;

	if (!netlink)
		return -ENOMEM;
	netlink->events = *events;
	for (size_t i = 0; i < NETLINK_BUCKETS; i++) {
		LIST_INIT(&netlink->links[i]);
		LIST_INIT(&netlink->neighbours[i]);
	}
	err = netlink_open_requests(netlink);
	if (!err)
		err = netlink_open_notifications(netlink);
	if (err)
		goto fail;
	netlink->tell = loop_timer(loop, netlink_tell, netlink);
	if (netlink->tell)
		netlink->watch = loop_watch(loop, mnl_socket_get_fd(netlink->notifications), EPOLLIN,
			netlink_on_readable, netlink);
	if (!netlink->watch) {
		err = -errno;
		goto fail;
	}
	*out = netlink;
	return 0;

fail:
	netlink_close(netlink);
	return err;
}

void netlink_close(struct netlink *netlink)
{
	struct link_entry *entry;

	if (!netlink)
		return;
	loop_unwatch(netlink->watch);
	loop_timer_free(netlink->tell);
	if (netlink->notifications)
		mnl_socket_close(netlink->notifications);
	if (netlink->requests)
		mnl_socket_close(netlink->requests);
	netlink_forget_neighbours(netlink, 0);
	for (size_t i = 0; i < NETLINK_BUCKETS; i++) {
		while ((entry = LIST_FIRST(&netlink->links[i]))) {
			LIST_REMOVE(entry, chain);
			free(entry);
		}
	}
	free(netlink);
}
