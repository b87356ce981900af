/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Remote hosts: each that a mapping names has a place in the next-hop table, which follows the kernel's routes and
 * neighbours. A host without a usable way has ifindex 0 there, and packets to it are dropped for that reason.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "lib/log.h"
#include "lib/time.h"

/* While some host has no usable way, the kernel is asked this often: a probe may have been lost. */
#define RESOLVE_RETRY_NS (500 * NSEC_PER_MSEC)

/* A pinned mapping tells which place its host had, so that sessions in the kernel keep their next hop. */
static int hosts_take_over(void *context, const struct mapping_key *key, const struct mapping_value *value)
{
	struct agent *agent = context;
	struct agent_host *host;

	(void)key;
	if (value->ifindex || value->nexthop >= agent->config->limits.hosts)
		return 0;
	host = &agent->hosts[value->nexthop];
	host->used = true;
	memcpy(host->locator.octet, value->prefix, sizeof(host->locator.octet));
	host->locator.octet[8] = 0;
	host->locator.length = 64;
	if (nexthop_get(agent->maps->nexthops, value->nexthop, &host->hop) == 0)
		host->known = true;
	return 0;
}

static void hosts_retry(void *context)
{
	hosts_resolve(context);
}

int hosts_open(struct agent *agent)
{
	agent->hosts = calloc(agent->config->limits.hosts, sizeof(*agent->hosts));
	if (!agent->hosts)
		return -ENOMEM;
	agent->resolve_timer = loop_timer(agent->loop, hosts_retry, agent);
	if (!agent->resolve_timer)
		return -errno;
	return mapping_each(agent->maps->mappings, hosts_take_over, agent);
}

void hosts_close(struct agent *agent)
{
	loop_timer_free(agent->resolve_timer);
	free(agent->hosts);
}

/* A /72 and its /64 are the same way: the next hop is looked up by the 64 bits that are routed. */
static bool same_host(const struct agent_host *host, const struct locator *locator)
{
	return memcmp(host->locator.octet, locator->octet, 8) == 0 && host->locator.length == locator->length &&
	       (locator->length == 64 || host->locator.octet[8] == locator->octet[8]);
}

int hosts_place(struct agent *agent, const struct locator *locator, uint32_t *index)
{
	struct agent_host *host;
	uint32_t unused = agent->config->limits.hosts;

	for (uint32_t i = 0; i < agent->config->limits.hosts; i++) {
		host = &agent->hosts[i];
		if (host->locator.length && same_host(host, locator)) {
			host->used = true;
			*index = i;
			return 0;
		}
		if (!host->locator.length && unused == agent->config->limits.hosts)
			unused = i;
	}
	if (unused == agent->config->limits.hosts)
		return -ENOSPC;
	host = &agent->hosts[unused];
	host->locator = *locator;
	host->used = true;
	host->known = false;
	*index = unused;
	return 0;
}

void hosts_begin(struct agent *agent)
{
	for (uint32_t i = 0; i < agent->config->limits.hosts; i++)
		agent->hosts[i].used = false;
}

void hosts_end(struct agent *agent)
{
	static const struct nexthop_value none;

	for (uint32_t i = 0; i < agent->config->limits.hosts; i++) {
		struct agent_host *host = &agent->hosts[i];

		if (host->used || !host->locator.length)
			continue;
		nexthop_set(agent->maps->nexthops, i, &none);
		memset(host, 0, sizeof(*host));
	}
	hosts_resolve(agent);
}

/* Only an uplink has the program that takes the answers in. */
static bool leaves_by_uplink(const struct agent *agent, unsigned ifindex)
{
	for (size_t i = 0; i < agent->config->uplink_count; i++)
		if (agent->uplinks[i].ifindex == ifindex && agent->uplinks[i].attached)
			return true;
	return false;
}

static struct nexthop_value hosts_way(struct agent *agent, const struct agent_host *host)
{
	struct substrate address = substrate_of_host(&host->locator);
	struct nexthop_value value = {0};
	struct netlink_hop hop;

	if (netlink_resolve(agent->netlink, &address, &hop) || !hop.reachable || !leaves_by_uplink(agent, hop.ifindex))
		return value;
	memcpy(value.dst_mac, hop.dst_mac.octet, 6);
	memcpy(value.src_mac, hop.src_mac.octet, 6);
	value.ifindex = hop.ifindex;
	value.mtu = hop.mtu;
	return value;
}

/* Returns whether there is a usable way. */
static bool host_refresh(struct agent *agent, uint32_t index)
{
	struct agent_host *host = &agent->hosts[index];
	struct nexthop_value value = hosts_way(agent, host);
	char text[ADDRESS_TEXT_MAX];
	int error;

	if (host->known && memcmp(&value, &host->hop, sizeof(value)) == 0)
		return value.ifindex;
	error = nexthop_set(agent->maps->nexthops, index, &value);
	if (error) {
		log_error("host %s: next hop: %s", locator_format(&host->locator, text), strerror(-error));
		return value.ifindex;
	}
	if (host->known || value.ifindex)
		log_notice("host %s: %s", locator_format(&host->locator, text),
			value.ifindex ? "reachable" : "no usable next hop");
	host->known = true;
	host->hop = value;
	return value.ifindex;
}

void hosts_resolve(struct agent *agent)
{
	bool waiting = false;

	for (uint32_t i = 0; i < agent->config->limits.hosts; i++)
		if (agent->hosts[i].locator.length)
			waiting |= !host_refresh(agent, i);
	if (waiting)
		loop_timer_at(agent->resolve_timer, time_now_ns() + RESOLVE_RETRY_NS);
	else
		loop_timer_stop(agent->resolve_timer);
}

void hosts_resolve_at(struct agent *agent, uint32_t index)
{
	const struct agent_host *host = &agent->hosts[index];

	if (!host->locator.length || (host->known && host->hop.ifindex))
		return;
	if (!host_refresh(agent, index))
		loop_timer_at(agent->resolve_timer, time_now_ns() + RESOLVE_RETRY_NS);
}
