/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces: ports of nodes and uplinks come, change and go; programs are on them while they are there.
 *
 * A port is closed before it is open: no address, IPv6 off, its entries in the maps made, the guard and the node program
 * attached, and only then is it set up. What an earlier ovnetd left in the kernel is taken over as it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/authority.h"
#include "agent/question.h"
#include "agent/resolve.h"
#include "lib/log.h"

static uint32_t negotiation_flags(const struct agent *agent, size_t vnet_index)
{
	const struct config_vnet *vnet = &agent->config->vnets[vnet_index];

	if (!authority_vnet(agent, vnet->vni))
		return 0;
	return PORT_NEGOTIATE | (resolve_active(agent) ? PORT_RESOLVE : 0) |
	       (vnet->pending == PENDING_DISCARD ? PORT_DISCARD : 0) |
	       (vnet->pending == PENDING_FORWARD ? PORT_HOLD : 0) |
	       (vnet->replies == REPLIES_NEGOTIATE ? PORT_ASK_REPLIES : 0);
}

/* The kernel forwards to the port's node what the interface takes; veth and tap count without the Ethernet header. */
static struct port_value port_wanted(const struct agent *agent, size_t index)
{
	const struct config_node *node = &agent->config->nodes[index];
	const struct agent_port *port = &agent->ports[index];
	struct port_value value = {
		.vni = agent->config->vnets[node->vnet].vni,
		.mtu = port->link.mtu,
		.flags = (port->peer_delivery ? PORT_PEER : 0) | negotiation_flags(agent, node->vnet),
		.session_quota = agent->config->limits.sessions_per_port,
	};
	struct substrate substrate;

	/* The configuration was checked: the slot fits the locator. */
	substrate_of_node(&agent->config->locator, node->slot, value.vni, node->address, &substrate);
	memcpy(value.address, node->address.octet, 4);
	memcpy(value.prefix, substrate.octet, sizeof(value.prefix));
	memcpy(value.mac, node->mac.octet, 6);
	return value;
}

/* The same node: its sessions and rules may go on. */
static bool same_node(const struct port_value *a, const struct port_value *b)
{
	return a->vni == b->vni && memcmp(a->address, b->address, 4) == 0 &&
	       memcmp(a->prefix, b->prefix, sizeof(a->prefix)) == 0 && memcmp(a->mac, b->mac, 6) == 0;
}

void ports_bump(struct agent *agent, const struct agent_port *port)
{
	__atomic_store_n(&agent->states[port->number].epoch, agent_unique(agent), __ATOMIC_SEQ_CST);
}

/* Makes the port's entry, or keeps the one that is there when it is the same node's. */
static int port_enter(struct agent *agent, size_t index)
{
	struct agent_port *port = &agent->ports[index];
	struct port_value value = port_wanted(agent, index), old;
	int number;

	if (port_get(agent->maps->ports, port->ifindex, &old) == 0) {
		port->number = value.number = old.number;
		value.ifindex = old.ifindex;
		value.incarnation = old.incarnation;
		question_budget(agent, value.number, false);
		if (same_node(&old, &value)) {
			int error = 0;

			if (memcmp(&old, &value, sizeof(value)))
				error = port_set(agent->maps->ports, port->ifindex, &value);
			/* Sessions were proved under other terms. */
			if (!error && old.flags != value.flags)
				ports_bump(agent, port);
			return error;
		}
		port_del(agent->maps->ports, port->ifindex);
	}
	number = port_number(agent->maps->ports, port->ifindex);
	if (number < 0)
		return number;
	/* Whoever had the number before: of its sessions none holds, and none is counted. */
	port->number = (uint16_t)number;
	ports_bump(agent, port);
	sweep_now(agent);
	__atomic_store_n(&agent->states[port->number].sessions, 0, __ATOMIC_SEQ_CST);
	question_budget(agent, port->number, true);
	value.incarnation = agent_unique(agent);
	return port_set(agent->maps->ports, port->ifindex, &value);
}

static int sysctl_write(const char *interface, const char *name, const char *value)
{
	char path[128];
	int fd, error = 0;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", interface, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno; /* a host without IPv6 on it has nothing to switch off */
	if (write(fd, value, strlen(value)) < 0)
		error = -errno;
	close(fd);
	return error;
}

static int port_close_stack(struct agent *agent, const struct agent_port *port)
{
	int error = sysctl_write(port->link.name, "disable_ipv6", "1");

	return error ? error : netlink_flush_addresses(agent->netlink, port->ifindex);
}

static bool wants_peer_delivery(const struct agent *agent, const struct netlink_link *link)
{
	if (agent->config->delivery == DELIVERY_PORT)
		return false;
	return strcmp(link->kind, "veth") == 0 && link->peer_elsewhere;
}

static void set_down(void *context, enum loader_hook hook, const char *name, unsigned ifindex)
{
	struct agent *agent = context;
	int error = 0;

	if (ifindex && (hook == LOADER_NODE || hook == LOADER_GUARD))
		error = netlink_set_up(agent->netlink, ifindex, false);
	if (error)
		log_error("port %s: cannot set it down: %s", name, strerror(-error));
}

void ports_set_down(struct agent *agent)
{
	loader_each_link(agent->config->instance, set_down, agent);
}

static void port_fail(struct agent_port *port, const char *what, int error)
{
	port->failed = true;
	log_error("port %s: %s: %s", port->link.name, what, strerror(-error));
}

static void port_attach(struct agent *agent, size_t index)
{
	struct agent_port *port = &agent->ports[index];
	const char *name = port->link.name;
	int error;

	error = port_close_stack(agent, port);
	if (error)
		return port_fail(port, "cannot keep the host's stack off it", error);
	error = counter_create(agent->maps->counters, port->ifindex);
	if (!error)
		error = port_enter(agent, index);
	if (error)
		return port_fail(port, "cannot enter it into the maps", error);
	error = loader_attach(agent->loader, LOADER_GUARD, name, port->ifindex, NULL);
	if (!error)
		error = loader_attach(agent->loader, LOADER_NODE, name, port->ifindex, NULL);
	if (error)
		return port_fail(port, "cannot attach", error);
	error = netlink_set_up(agent->netlink, port->ifindex, true);
	if (error)
		return port_fail(port, "cannot set it up", error);
	port->attached = true;
	port->failed = false;
	log_notice("port %s: node %s is online", name, agent->config->nodes[index].name);
	reconcile_soon(agent);
}

/* Down before it is open: without programs the node would reach the host's stack. Then programs, then what they read. */
static void port_release(struct agent *agent, const char *name, unsigned ifindex)
{
	struct port_value value;
	int error = netlink_set_up(agent->netlink, ifindex, false);

	if (error && error != -ENODEV)
		log_error("port %s: cannot set it down: %s", name, strerror(-error));
	loader_detach(agent->loader, LOADER_NODE, name);
	loader_detach(agent->loader, LOADER_GUARD, name);
	if (port_get(agent->maps->ports, ifindex, &value) == 0) {
		port_del(agent->maps->ports, ifindex);
		sweep_now(agent);
	}
	counter_del(agent->maps->counters, ifindex);
}

static void port_detach(struct agent *agent, size_t index)
{
	struct agent_port *port = &agent->ports[index];

	if (!port->ifindex)
		return;
	port_release(agent, port->link.name, port->ifindex);
	log_notice("port %s: node %s is offline", port->link.name, agent->config->nodes[index].name);
	*port = (struct agent_port){0};
	reconcile_soon(agent);
}

/* The interface is that of another node now, or its MTU changed, or the node's entry in the file did. */
static void port_link(struct agent *agent, size_t index, const struct netlink_link *link)
{
	struct agent_port *port = &agent->ports[index];
	bool known = port->attached && port->ifindex == link->ifindex;

	if (known && port->link.mtu == link->mtu && port->link.kind[0] == link->kind[0] &&
		port->peer_delivery == wants_peer_delivery(agent, link)) {
		port->link = *link;
		return;
	}
	if (port->ifindex && port->ifindex != link->ifindex)
		port_detach(agent, index);
	port->ifindex = link->ifindex;
	port->link = *link;
	port->peer_delivery = wants_peer_delivery(agent, link);
	if (known)
		port_enter(agent, index);
	else if (!port->failed)
		port_attach(agent, index);
}

static bool uplink_wants_xdp(const struct agent *agent, const struct netlink_link *link)
{
	switch (agent->config->uplink_mode) {
	case UPLINK_XDP:
		return true;
	case UPLINK_TC:
		return false;
	case UPLINK_AUTO:
		break;
	}
	return loader_xdp_is_native(agent->loader, link->name, link->ifindex);
}

const char *ports_uplink_programs(const struct agent_uplink *uplink)
{
	if (!uplink->xdp)
		return "tc";
	return uplink->xdp_mode == LOADER_XDP_NATIVE ? "tc+xdp-native" : "tc+xdp-generic";
}

/* The route makes the whole prefix the host's own, so it is there only while every uplink refuses what is not. */
static void local_route_update(struct agent *agent)
{
	bool wanted = false;
	int error;

	for (size_t i = 0; i < agent->config->uplink_count; i++)
		wanted |= agent->uplinks[i].attached;
	if (wanted == agent->local_route)
		return;
	error = netlink_local_route(agent->netlink, &agent->config->locator, wanted);
	if (error)
		log_error("local route: %s", strerror(-error));
	else
		agent->local_route = wanted;
}

/* In auto mode a generic XDP program is worse than none: whether the driver runs it is known only now. */
static int uplink_attach_xdp(struct agent *agent, struct agent_uplink *uplink)
{
	int error;

	if (uplink->xdp) {
		error = loader_attach(agent->loader, LOADER_UPLINK_XDP, uplink->name, uplink->ifindex,
			&uplink->xdp_mode);
		if (error)
			return error;
		uplink->xdp = agent->config->uplink_mode == UPLINK_XDP || uplink->xdp_mode == LOADER_XDP_NATIVE;
	}
	return uplink->xdp ? 0 : loader_detach(agent->loader, LOADER_UPLINK_XDP, uplink->name);
}

static void uplink_link(struct agent *agent, struct agent_uplink *uplink, const struct netlink_link *link)
{
	int error;

	if (uplink->attached && uplink->ifindex == link->ifindex) {
		hosts_resolve(agent); /* its MAC or MTU may be another, and frames bear it */
		return;
	}
	uplink->ifindex = link->ifindex;
	uplink->xdp = uplink_wants_xdp(agent, link);
	error = counter_create(agent->maps->counters, link->ifindex);
	if (!error)
		error = loader_attach(agent->loader, LOADER_UPLINK_TC, link->name, link->ifindex, NULL);
	if (!error)
		error = uplink_attach_xdp(agent, uplink);
	if (error) {
		log_error("uplink %s: cannot attach: %s", link->name, strerror(-error));
		return;
	}
	uplink->attached = true;
	log_notice("uplink %s: %s", link->name, ports_uplink_programs(uplink));
	local_route_update(agent);
	hosts_resolve(agent);
}

void ports_link(struct agent *agent, const struct netlink_link *link)
{
	for (size_t i = 0; i < agent->config->uplink_count; i++)
		if (strcmp(agent->uplinks[i].name, link->name) == 0)
			return uplink_link(agent, &agent->uplinks[i], link);
	for (size_t i = 0; i < agent->config->node_count; i++) {
		if (strcmp(agent->config->nodes[i].port, link->name) == 0)
			port_link(agent, i, link);
		else if (agent->ports[i].ifindex == link->ifindex)
			port_detach(agent, i); /* renamed: it is not the node's port any more */
	}
}

void ports_link_gone(struct agent *agent, unsigned ifindex)
{
	for (size_t i = 0; i < agent->config->uplink_count; i++) {
		struct agent_uplink *uplink = &agent->uplinks[i];

		if (uplink->ifindex != ifindex)
			continue;
		loader_detach(agent->loader, LOADER_UPLINK_XDP, uplink->name);
		loader_detach(agent->loader, LOADER_UPLINK_TC, uplink->name);
		counter_del(agent->maps->counters, ifindex);
		uplink->ifindex = 0;
		uplink->attached = false;
		log_warning("uplink %s: gone", uplink->name);
		local_route_update(agent);
		hosts_resolve(agent);
		return;
	}
	for (size_t i = 0; i < agent->config->node_count; i++)
		if (agent->ports[i].ifindex == ifindex)
			port_detach(agent, i);
}

/* Numbers that were given out before a clock was set back are not given out again. */
static int take_unique(void *context, uint32_t ifindex, const struct port_value *value)
{
	struct agent *agent = context;

	(void)ifindex;
	if (agent->states[value->number].epoch > agent->unique)
		agent->unique = agent->states[value->number].epoch;
	if (value->incarnation > agent->unique)
		agent->unique = value->incarnation;
	return 0;
}

int ports_open(struct agent *agent)
{
	agent->ports = calloc(agent->config->node_count + 1, sizeof(*agent->ports));
	if (!agent->ports)
		return -ENOMEM;
	agent->states = port_states_map(agent->maps->port_states);
	if (!agent->states)
		return -errno;
	for (size_t i = 0; i < agent->config->uplink_count; i++)
		snprintf(agent->uplinks[i].name, IFNAMSIZ, "%s", agent->config->uplinks[i]);
	return port_each(agent->maps->ports, take_unique, agent);
}

void ports_close(struct agent *agent)
{
	if (agent->states)
		port_states_unmap(agent->states);
	free(agent->ports);
}

static bool is_uplink(const struct agent *agent, const char *name)
{
	for (size_t i = 0; i < agent->config->uplink_count; i++)
		if (strcmp(agent->config->uplinks[i], name) == 0)
			return true;
	return false;
}

static bool is_port(const struct agent *agent, const char *name)
{
	for (size_t i = 0; i < agent->config->node_count; i++)
		if (strcmp(agent->config->nodes[i].port, name) == 0)
			return true;
	return false;
}

/*
 * Pinned links of interfaces that are not configured, or not under that name any more. A port is set down before its
 * programs go: whoever renamed it while no agent ran must not find it open.
 */
static void prune_link(void *context, enum loader_hook hook, const char *name, unsigned ifindex)
{
	struct agent *agent = context;
	bool of_uplink = hook == LOADER_UPLINK_TC || hook == LOADER_UPLINK_XDP;

	/* question.c's; without a negotiation there is none. */
	if (hook == LOADER_INJECT && agent->questions)
		return;
	if (hook == LOADER_INJECT) {
		loader_detach(agent->loader, hook, name);
		return;
	}
	if (ifindex && ifindex == if_nametoindex(name) && (of_uplink ? is_uplink(agent, name) : is_port(agent, name)))
		return;
	log_notice("%s %s: no longer there, or no longer configured", of_uplink ? "uplink" : "port", name);
	if (ifindex && !of_uplink)
		port_release(agent, name, ifindex);
	loader_detach(agent->loader, hook, name);
}

void ports_prune_links(struct agent *agent)
{
	loader_each_link(agent->config->instance, prune_link, agent);
}

/* An entry whose interface went while nobody looked. */
static int prune_entry(void *context, uint32_t ifindex, const struct port_value *value)
{
	struct agent *agent = context;

	(void)value;
	for (size_t i = 0; i < agent->config->node_count; i++)
		if (agent->ports[i].ifindex == ifindex)
			return 0;
	port_del(agent->maps->ports, ifindex);
	counter_del(agent->maps->counters, ifindex);
	sweep_now(agent);
	return 0;
}

void ports_prune_entries(struct agent *agent)
{
	port_each(agent->maps->ports, prune_entry, agent);
}

int ports_reload(struct agent *agent, const struct config *old)
{
	struct agent_port *before = agent->ports;
	struct agent_port *ports = calloc(agent->config->node_count + 1, sizeof(*ports));

	if (!ports)
		return -ENOMEM;
	for (size_t i = 0; i < agent->config->node_count; i++) {
		for (size_t j = 0; j < old->node_count; j++)
			if (strcmp(old->nodes[j].port, agent->config->nodes[i].port) == 0) {
				ports[i] = before[j];
				before[j].ifindex = 0;
			}
	}
	for (size_t j = 0; j < old->node_count; j++)
		if (before[j].ifindex)
			port_release(agent, before[j].link.name, before[j].ifindex);
	agent->ports = ports;
	free(before);
	for (size_t i = 0; i < agent->config->node_count; i++) {
		struct agent_port *port = &agent->ports[i];

		if (!port->attached)
			continue;
		port->peer_delivery = wants_peer_delivery(agent, &port->link);
		if (port_enter(agent, i))
			port_fail(port, "cannot enter it into the maps", ENOSPC);
	}
	return netlink_each_link(agent->netlink);
}
