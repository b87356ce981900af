/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routes, neighbours and addresses over netlink; the sockets are netlink.c's.
 *
 * Neighbours that netlink_resolve() led through are remembered, with what was last seen of them: the kernel tells of
 * every step of its probing, and of every neighbour of the host, but only what changes an answer is worth asking again.
 */
#include <errno.h>
#include <linux/neighbour.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/netlink_internal.h"
#include "lib/error.h"

#define LOOPBACK_IFINDEX 1 /* `lo` is the first interface of every namespace */

/* States of a neighbour in which its MAC address may be used. */
#define NEIGHBOUR_USABLE (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)

/* ---- neighbours ---- */

static struct neighbour_chain *neighbour_chain(struct netlink *netlink, const struct neighbour_key *key)
{
	uint32_t hash = key->ifindex;

	for (size_t i = 0; i < sizeof(key->address); i++)
		hash = hash * 31 + key->address[i];
	return &netlink->neighbours[hash % NETLINK_BUCKETS];
}

static struct neighbour_entry *neighbour_find(struct netlink *netlink, const struct neighbour_key *key)
{
	struct neighbour_entry *entry;

	LIST_FOREACH(entry, neighbour_chain(netlink, key), chain)
		if (entry->key.ifindex == key->ifindex &&
			!memcmp(entry->key.address, key->address, sizeof(key->address)))
			return entry;
	return NULL;
}

static void neighbour_drop(struct neighbour_entry *entry)
{
	LIST_REMOVE(entry, chain);
	free(entry);
}

void netlink_forget_neighbours(struct netlink *netlink, unsigned ifindex)
{
	struct neighbour_entry *entry, *next;

	for (size_t i = 0; i < NETLINK_BUCKETS; i++) {
		for (entry = LIST_FIRST(&netlink->neighbours[i]); entry; entry = next) {
			next = LIST_NEXT(entry, chain);
			if (!ifindex || entry->key.ifindex == ifindex)
				neighbour_drop(entry);
		}
	}
}

/* Returns false when the message is about something else than a neighbour in the sense of IPv6. */
static bool neighbour_read(const struct nlmsghdr *message, struct neighbour_key *key, struct neighbour_state *state)
{
	const struct ndmsg *neighbour = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;
	bool has_address = false, has_mac = false;

	if (neighbour->ndm_family != AF_INET6 || neighbour->ndm_flags & NTF_PROXY)
		return false;
	*key = (struct neighbour_key){.ifindex = (unsigned)neighbour->ndm_ifindex};
	*state = (struct neighbour_state){
		.failed = neighbour->ndm_state & NUD_FAILED,
		.fixed = neighbour->ndm_state & (NUD_PERMANENT | NUD_NOARP),
		.flags = neighbour->ndm_flags & NTF_EXT_LEARNED,
	};
	mnl_attr_for_each(attr, message, sizeof(*neighbour)) {
		switch (mnl_attr_get_type(attr)) {
		case NDA_DST:
			has_address = mnl_attr_get_payload_len(attr) == sizeof(key->address);
			if (has_address)
				memcpy(key->address, mnl_attr_get_payload(attr), sizeof(key->address));
			break;
		case NDA_LLADDR:
			has_mac = mnl_attr_get_payload_len(attr) == sizeof(state->mac);
			if (has_mac)
				memcpy(&state->mac, mnl_attr_get_payload(attr), sizeof(state->mac));
			break;
		case NDA_FLAGS_EXT:
			state->managed = mnl_attr_get_u32(attr) & NTF_EXT_MANAGED;
			break;
		}
	}
	state->usable = has_mac && neighbour->ndm_state & NEIGHBOUR_USABLE;
	return has_address;
}

/* True when whoever asked while it was `before` has to ask again. */
static bool neighbour_is_news(const struct neighbour_state *before, const struct neighbour_state *now)
{
	if (before->usable != now->usable || (now->usable && memcmp(&before->mac, &now->mac, sizeof(now->mac))))
		return true;
	/* The kernel then prefers another next hop of the route, if there is one. */
	if (now->failed && !before->failed)
		return true;
	/* Somebody set it by hand and so took it from the kernel's care; the next netlink_resolve() gives it back. */
	return before->managed && !now->managed && !now->fixed;
}

void netlink_on_neighbour(struct netlink *netlink, const struct nlmsghdr *message)
{
	struct neighbour_entry *entry;
	struct neighbour_state state;
	struct neighbour_key key;

	if (!neighbour_read(message, &key, &state))
		return;
	entry = neighbour_find(netlink, &key);
	if (!entry)
		return;
	if (message->nlmsg_type == RTM_DELNEIGH) {
		neighbour_drop(entry);
		netlink_tell_routes(netlink);
	} else {
		if (neighbour_is_news(&entry->state, &state))
			netlink_tell_routes(netlink);
		entry->state = state;
	}
}

/* Remembers what netlink_resolve() has found. */
static int neighbour_remember(struct netlink *netlink, const struct neighbour_key *key,
	const struct neighbour_state *state)
{
	struct neighbour_entry *entry = neighbour_find(netlink, key);

	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			return -ENOMEM;
		entry->key = *key;
		LIST_INSERT_HEAD(neighbour_chain(netlink, key), entry, chain);
	} else if (neighbour_is_news(&entry->state, state)) {
		/* Seen before its notification, which will be no news then; but other answers led through it too. */
		netlink_tell_routes(netlink);
	}
	entry->state = *state;
	return 0;
}

static int neighbour_answered(const struct nlmsghdr *message, void *context)
{
	struct neighbour_state state;
	struct neighbour_key key;

	if (message->nlmsg_type == RTM_NEWNEIGH && neighbour_read(message, &key, &state))
		*(struct neighbour_state *)context = state;
	return 0;
}

static struct nlmsghdr *neighbour_request(struct netlink *netlink, uint16_t type, uint16_t flags,
	const struct neighbour_key *key, uint8_t ndm_flags)
{
	struct nlmsghdr *request = netlink_request(netlink, type, flags, sizeof(struct ndmsg));
	struct ndmsg *neighbour = mnl_nlmsg_get_payload(request);

	neighbour->ndm_family = AF_INET6;
	neighbour->ndm_ifindex = (int)key->ifindex;
	neighbour->ndm_flags = ndm_flags;
	mnl_attr_put(request, NDA_DST, sizeof(key->address), key->address);
	return request;
}

/* *state is all zero when there is no such neighbour. */
static int neighbour_get(struct netlink *netlink, const struct neighbour_key *key, struct neighbour_state *state)
{
	int err;

	*state = (struct neighbour_state){};
	err = netlink_ask(netlink, neighbour_request(netlink, RTM_GETNEIGH, 0, key, 0), neighbour_answered, state);
	return err == -ENOENT ? 0 : err;
}

/*
 * Makes the kernel resolve the neighbour now, and from 5.16 on keep it fresh for good. Older kernels do not see
 * NDA_FLAGS_EXT and go by NTF_USE alone.
 */
static int neighbour_manage(struct netlink *netlink, const struct neighbour_key *key,
	const struct neighbour_state *state)
{
	struct nlmsghdr *request;

	request = neighbour_request(netlink, RTM_NEWNEIGH, NLM_F_CREATE, key, NTF_USE | state->flags);
	mnl_attr_put_u32(request, NDA_FLAGS_EXT, NTF_EXT_MANAGED);
	return netlink_ask(netlink, request, NULL, NULL);
}

void netlink_retry_neighbours(struct netlink *netlink, unsigned ifindex)
{
	struct neighbour_entry *entry;

	for (size_t i = 0; i < NETLINK_BUCKETS; i++) {
		for (entry = LIST_FIRST(&netlink->neighbours[i]); entry; entry = LIST_NEXT(entry, chain)) {
			/* If this fails, it is found at the kernel's next attempt. */
			if (entry->key.ifindex == ifindex && !entry->state.usable && !entry->state.fixed)
				neighbour_manage(netlink, &entry->key, &entry->state);
		}
	}
}

/* ---- routes ---- */

struct route {
	bool unicast;
	unsigned ifindex;
	uint32_t mtu; /* 0: the route has none of its own */
	bool has_gateway;
	uint8_t gateway[16];
};

static int route_answered(const struct nlmsghdr *message, void *context)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr, *metric;
	struct route *route = context;

	if (message->nlmsg_type != RTM_NEWROUTE || header->rtm_family != AF_INET6)
		return 0;
	*route = (struct route){.unicast = header->rtm_type == RTN_UNICAST};
	mnl_attr_for_each(attr, message, sizeof(*header)) {
		switch (mnl_attr_get_type(attr)) {
		case RTA_OIF:
			route->ifindex = mnl_attr_get_u32(attr);
			break;
		case RTA_GATEWAY:
			route->has_gateway = mnl_attr_get_payload_len(attr) == sizeof(route->gateway);
			if (route->has_gateway)
				memcpy(route->gateway, mnl_attr_get_payload(attr), sizeof(route->gateway));
			break;
		case RTA_METRICS:
			mnl_attr_for_each_nested(metric, attr)
				if (mnl_attr_get_type(metric) == RTAX_MTU)
					route->mtu = mnl_attr_get_u32(metric);
			break;
		}
	}
	return 0;
}

/* Of several next hops the kernel answers with the one that it would use itself. */
static int route_get(struct netlink *netlink, const struct substrate *address, struct route *route)
{
	struct nlmsghdr *request;
	struct rtmsg *header;
	int err;

	*route = (struct route){};
	request = netlink_request(netlink, RTM_GETROUTE, 0, sizeof(*header));
	header = mnl_nlmsg_get_payload(request);
	header->rtm_family = AF_INET6;
	header->rtm_dst_len = 128;
	mnl_attr_put(request, RTA_DST, sizeof(address->octet), address->octet);
	err = netlink_ask(netlink, request, route_answered, route);
	switch (err) {
	case 0:
		return route->unicast && route->ifindex ? 0 : -ENETUNREACH;
	case -EHOSTUNREACH: /* type unreachable */
	case -EINVAL:       /* blackhole */
	case -EACCES:       /* prohibit */
	case -EAGAIN:       /* throw */
		return -ENETUNREACH;
	default:
		return err;
	}
}

int netlink_resolve(struct netlink *netlink, const struct substrate *address, struct netlink_hop *out)
{
	struct neighbour_state state;
	struct neighbour_key key;
	struct netlink_link link;
	struct route route;
	int err;

	err = route_get(netlink, address, &route);
	if (!err)
		err = netlink_get_link(netlink, route.ifindex, &link);
	if (err)
		return err;

	key = (struct neighbour_key){.ifindex = route.ifindex};
	memcpy(key.address, route.has_gateway ? route.gateway : address->octet, sizeof(key.address));
	err = neighbour_get(netlink, &key, &state);
	if (!err)
		err = neighbour_remember(netlink, &key, &state);
	/* Once is enough, as it makes the kernel tell of it; and a fixed one would lose its state by this. */
	if (!err && !state.managed && !state.fixed)
		err = neighbour_manage(netlink, &key, &state);
	if (err)
		return err;

	*out = (struct netlink_hop){
		.ifindex = route.ifindex,
		.mtu = route.mtu && route.mtu < link.mtu ? route.mtu : link.mtu,
		.dst_mac = state.mac,
		.src_mac = link.mac,
		.reachable = state.usable,
	};
	return 0;
}

int netlink_local_route(struct netlink *netlink, const struct locator *locator, bool present)
{
	uint8_t prefix[16] = {};
	struct nlmsghdr *request;
	struct rtmsg *header;
	int err;

	memcpy(prefix, locator->octet, sizeof(locator->octet));
	request = netlink_request(netlink, present ? RTM_NEWROUTE : RTM_DELROUTE,
		present ? NLM_F_CREATE | NLM_F_EXCL : 0, sizeof(*header));
	header = mnl_nlmsg_get_payload(request);
	header->rtm_family = AF_INET6;
	header->rtm_dst_len = locator->length;
	header->rtm_table = RT_TABLE_LOCAL;
	header->rtm_type = RTN_LOCAL;
	header->rtm_scope = RT_SCOPE_UNIVERSE;
	header->rtm_protocol = RTPROT_STATIC;
	mnl_attr_put(request, RTA_DST, sizeof(prefix), prefix);
	mnl_attr_put_u32(request, RTA_OIF, LOOPBACK_IFINDEX);
	err = netlink_ask(netlink, request, NULL, NULL);
	return err == (present ? -EEXIST : -ESRCH) ? 0 : err;
}

/* ---- addresses ---- */

struct address {
	struct ifaddrmsg header;
	uint8_t octet[16];
	uint16_t length;
};

struct address_list {
	unsigned ifindex;
	struct address *addresses;
	size_t count, room;
};

static int address_list_add(const struct nlmsghdr *message, void *context)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr, *own = NULL;
	struct address_list *list = context;
	struct address *address;

	if (message->nlmsg_type != RTM_NEWADDR || header->ifa_index != list->ifindex)
		return 0;
	/* IFA_ADDRESS is the other end's on a point-to-point link; IFA_LOCAL is then there too. */
	mnl_attr_for_each(attr, message, sizeof(*header))
		if (mnl_attr_get_type(attr) == IFA_LOCAL || (mnl_attr_get_type(attr) == IFA_ADDRESS && !own))
			own = attr;
	if (!own || mnl_attr_get_payload_len(own) > sizeof(address->octet))
		return 0;
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 16;

		address = reallocarray(list->addresses, room, sizeof(*address));
		if (!address)
			return -ENOMEM;
		list->addresses = address;
		list->room = room;
	}
	address = &list->addresses[list->count++];
	*address = (struct address){.header = *header, .length = mnl_attr_get_payload_len(own)};
	memcpy(address->octet, mnl_attr_get_payload(own), address->length);
	return 0;
}

static void address_list_clear(void *context)
{
	struct address_list *list = context;

	list->count = 0;
}

int netlink_flush_addresses(struct netlink *netlink, unsigned ifindex)
{
	struct address_list list = {.ifindex = ifindex};
	struct nlmsghdr *request;
	struct ifaddrmsg *header;
	int err;

	err = netlink_dump(netlink, RTM_GETADDR, sizeof(*header), address_list_add, address_list_clear, &list);
	for (size_t i = 0; i < list.count && !err; i++) {
		request = netlink_request(netlink, RTM_DELADDR, 0, sizeof(*header));
		header = mnl_nlmsg_get_payload(request);
		*header = list.addresses[i].header;
		mnl_attr_put(request, IFA_LOCAL, list.addresses[i].length, list.addresses[i].octet);
		err = netlink_ask(netlink, request, NULL, NULL);
		/* Secondary addresses go with their primary one. */
		if (err == -EADDRNOTAVAIL)
			err = 0;
	}
	free(list.addresses);
	return err;
}
