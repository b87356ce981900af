/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An oracle for policies: judges one packet straight from what is written, as slowly and as plainly as can be.
 *
 * It shares the types of policy/policy.h and not a line of the evaluator: no segments, no order of policies, no closure
 * of groups worked out ahead. Neither groups nor handles must contain each other; what a handle shares is not looked at, so
 * its addresses are among its items. Ports of ICMP are types up to 255.
 */
#ifndef OVNET_SELFTESTS_POLICY_ORACLE_H
#define OVNET_SELFTESTS_POLICY_ORACLE_H

#include <string.h>

#include "policy/policy.h"

struct oracle_world {
	const struct policy_vnet *vnets;
	size_t vnet_count;
	const struct policy_group *groups;
	size_t group_count;
	const struct policy *policies;
	size_t policy_count;
	const struct policy_handle *handles;
	size_t handle_count;
};

struct oracle_packet {
	const struct policy_identity *source, *destination;
	enum policy_cast cast;
	uint8_t protocol;
	uint16_t port;
};

static inline const struct policy_vnet *oracle_vnet(const struct oracle_world *world, uint32_t vni)
{
	for (size_t i = 0; i < world->vnet_count; i++)
		if (world->vnets[i].vni == vni)
			return &world->vnets[i];
	return NULL;
}

static inline const struct policy_group *oracle_group(const struct oracle_world *world, uint64_t id)
{
	for (size_t i = 0; i < world->group_count; i++)
		if (world->groups[i].id == id)
			return &world->groups[i];
	return NULL;
}

/* In the group, or in one that is in it. */
static inline bool oracle_in_group(const struct oracle_world *world, const struct policy_identity *who, uint64_t id)
{
	const struct policy_group *group = oracle_group(world, id);

	if (!group)
		return false;
	for (size_t i = 0; i < who->group_count; i++)
		if (who->groups[i] == id)
			return true;
	for (size_t i = 0; i < group->child_count; i++)
		if (oracle_in_group(world, who, group->children[i]))
			return true;
	return false;
}

static inline bool oracle_item(const struct oracle_world *world, const struct policy_item *item,
	const struct policy_identity *who);

static inline bool oracle_in_handle(const struct oracle_world *world, const struct policy_identity *who, uint64_t id)
{
	for (size_t i = 0; i < world->handle_count; i++)
		for (size_t j = 0; world->handles[i].id == id && j < world->handles[i].count; j++)
			if (oracle_item(world, &world->handles[i].items[j], who))
				return true;
	return false;
}

static inline bool oracle_item(const struct oracle_world *world, const struct policy_item *item,
	const struct policy_identity *who)
{
	if (item->kind == ITEM_ANY)
		return true;
	if (item->kind == ITEM_NODE)
		return who->node == item->id;
	if (item->kind == ITEM_RANGE)
		return memcmp(who->address.octet, item->low.octet, 4) >= 0 &&
		       memcmp(who->address.octet, item->high.octet, 4) <= 0;
	if (item->kind == ITEM_GROUP)
		return oracle_in_group(world, who, item->id);
	if (item->kind == ITEM_VNET)
		return who->vni == item->vni;
	if (item->kind == ITEM_HANDLE)
		return oracle_in_handle(world, who, item->id);
	return who->account == item->id;
}

static inline bool oracle_selects(const struct oracle_world *world, const struct policy_selector *selector,
	const struct policy_identity *who)
{
	bool some = false;

	for (size_t i = 0; i < selector->count; i++)
		some = some || oracle_item(world, &selector->items[i], who);
	return some != selector->negated;
}

static inline bool oracle_serves(const struct policy *policy, uint8_t protocol, uint16_t port)
{
	for (size_t i = 0; i < policy->service_count; i++) {
		const struct policy_service *service = &policy->services[i];

		if (service->any)
			return true;
		if (service->protocol == protocol && service->low <= port && port <= service->high)
			return true;
	}
	return policy->service_count == 0;
}

/* How a policy that selects `who` as the other end names it: BY_ADDRESS or BY_GROUP, and through which group or handle. */
static inline enum policy_by oracle_by(const struct oracle_world *world, const struct policy_selector *peer,
	const struct policy_identity *who, uint64_t *group, uint64_t *handle)
{
	*group = *handle = 0;
	if (peer->negated)
		return BY_GROUP;
	for (size_t i = 0; i < peer->count; i++)
		if ((peer->items[i].kind == ITEM_NODE || peer->items[i].kind == ITEM_RANGE) &&
			oracle_item(world, &peer->items[i], who))
			return BY_ADDRESS;
	for (size_t i = 0; i < peer->count; i++) {
		if (!oracle_item(world, &peer->items[i], who))
			continue;
		if (peer->items[i].kind == ITEM_GROUP)
			*group = peer->items[i].id;
		if (peer->items[i].kind == ITEM_HANDLE)
			*handle = peer->items[i].id;
		break;
	}
	return BY_GROUP;
}

/* The lowest id among the groups that `who` is in and that set this default; 0: none. */
static inline uint64_t oracle_default_group(const struct oracle_world *world, enum policy_side side,
	const struct policy_identity *who, enum policy_default kind)
{
	uint64_t lowest = 0;

	for (size_t i = 0; i < world->group_count; i++) {
		const struct policy_group *group = &world->groups[i];

		if ((side == SIDE_IN ? group->default_in : group->default_out) != kind ||
			!oracle_in_group(world, who, group->id))
			continue;
		if (!lowest || group->id < lowest)
			lowest = group->id;
	}
	return lowest;
}

static inline bool oracle_same_group(const struct oracle_world *world, const struct oracle_packet *packet)
{
	for (size_t i = 0; i < world->group_count; i++)
		if (oracle_in_group(world, packet->source, world->groups[i].id) &&
			oracle_in_group(world, packet->destination, world->groups[i].id))
			return true;
	return false;
}

static inline struct policy_decision oracle_default(const struct oracle_world *world, enum policy_side side,
	const struct oracle_packet *packet)
{
	const struct policy_identity *target = side == SIDE_IN ? packet->destination : packet->source;
	const struct policy_vnet *vnet = oracle_vnet(world, target->vni);
	enum policy_default of_vnet = side == SIDE_IN ? vnet->default_in : vnet->default_out;
	bool same_account = target->account != 0 && packet->source->account == packet->destination->account;
	bool in_force[DEFAULT_ALLOW + 1] = {false};
	uint64_t by[DEFAULT_ALLOW + 1] = {0};
	bool some = false;

	for (enum policy_default kind = DEFAULT_DENY; kind <= DEFAULT_ALLOW; kind++) {
		by[kind] = oracle_default_group(world, side, target, kind);
		in_force[kind] = by[kind] != 0;
		some = some || in_force[kind];
	}
	if (!some)
		in_force[of_vnet] = true;
	if (in_force[DEFAULT_DENY])
		return (struct policy_decision){.group = by[DEFAULT_DENY]};
	if (in_force[DEFAULT_ACCOUNT] && !same_account)
		return (struct policy_decision){.group = by[DEFAULT_ACCOUNT]};
	if (in_force[DEFAULT_GROUP] && !oracle_same_group(world, packet))
		return (struct policy_decision){.group = by[DEFAULT_GROUP]};
	for (enum policy_default kind = DEFAULT_ACCOUNT; kind <= DEFAULT_ALLOW; kind++)
		if (in_force[kind])
			return (struct policy_decision){.allow = true, .group = by[kind]};
	return (struct policy_decision){.allow = false};
}

/* Whether `a` decides rather than `b`: nearer, then a denial, then the lower id. */
static inline bool oracle_stronger(const struct policy_decision *a, const struct policy_decision *b)
{
	if (a->by != b->by)
		return a->by == BY_ADDRESS;
	if (a->allow != b->allow)
		return !a->allow;
	return a->policy < b->policy;
}

/* What one side says of one packet. */
static inline struct policy_decision oracle_side(const struct oracle_world *world, enum policy_side side,
	const struct oracle_packet *packet)
{
	const struct policy_identity *target = side == SIDE_IN ? packet->destination : packet->source;
	const struct policy_identity *peer = side == SIDE_IN ? packet->source : packet->destination;
	struct policy_decision best = {.by = BY_DEFAULT};

	if (target->vni != peer->vni || !oracle_vnet(world, target->vni))
		return best;
	for (size_t i = 0; i < world->policy_count; i++) {
		const struct policy *policy = &world->policies[i];
		struct policy_decision decision = {.allow = policy->allow, .policy = policy->id};

		if (policy->vni != target->vni || policy->side != side ||
			(policy->casts != 0 && (policy->casts & packet->cast) == 0) ||
			!oracle_serves(policy, packet->protocol, packet->port) ||
			!oracle_selects(world, &policy->target, target) || !oracle_selects(world, &policy->peer, peer))
			continue;
		decision.by = oracle_by(world, &policy->peer, peer, &decision.group, &decision.handle);
		if (best.by == BY_DEFAULT || oracle_stronger(&decision, &best))
			best = decision;
	}
	return best.by == BY_DEFAULT ? oracle_default(world, side, packet) : best;
}

/* What both sides say of one packet, as their vnet joins them. */
static inline struct policy_decision oracle_both(const struct oracle_world *world, const struct oracle_packet *packet)
{
	struct policy_decision in = oracle_side(world, SIDE_IN, packet), out = oracle_side(world, SIDE_OUT, packet);
	const struct policy_vnet *vnet = oracle_vnet(world, packet->source->vni);
	bool one = vnet && vnet->agreement == AGREE_ONE;

	if (in.allow && out.allow)
		return in.policy == 0 && out.policy != 0 ? out : in;
	if (!in.allow && !out.allow)
		return in.policy == 0 && out.policy != 0 ? out : in;
	if (one && !in.allow)
		return in.policy != 0 ? in : out;
	if (one)
		return out.policy != 0 ? out : in;
	return in.allow ? out : in;
}

/* The same world as a set of the evaluator, not yet sealed; NULL when a part of it is refused. */
static inline struct policy_set *oracle_set(const struct oracle_world *world)
{
	struct policy_set *set = policy_set_new();
	int error = set ? 0 : -1;

	for (size_t i = 0; i < world->vnet_count && !error; i++)
		error = policy_set_vnet(set, &world->vnets[i]);
	for (size_t i = 0; i < world->group_count && !error; i++)
		error = policy_set_group(set, &world->groups[i]);
	for (size_t i = 0; i < world->handle_count && !error; i++)
		error = policy_set_handle(set, &world->handles[i]);
	for (size_t i = 0; i < world->policy_count && !error; i++)
		error = policy_set_policy(set, &world->policies[i]);
	if (!error)
		return set;
	policy_set_free(set);
	return NULL;
}

#endif /* OVNET_SELFTESTS_POLICY_ORACLE_H */
