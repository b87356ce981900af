/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A set of policies while it is built: what is added is checked by itself, copied, and brought into the form in which
 * answer.c reads it. What the parts are to each other is checked in seal.c.
 */
#include "policy/internal.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"

/* ---- things by key */

size_t keyed_place(const struct keyed *list, uint64_t key)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (*list->things[middle] < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void *keyed_find(const struct keyed *list, uint64_t key)
{
	size_t place = keyed_place(list, key);

	return place < list->count && *list->things[place] == key ? list->things[place] : NULL;
}

int keyed_add(struct keyed *list, uint64_t *thing)
{
	size_t place = keyed_place(list, *thing);
	int error;

	if (place < list->count && *list->things[place] == *thing)
		return -EEXIST;
	error = array_make_room((void **)&list->things, list->count, &list->room, sizeof(*list->things));
	if (error)
		return error;
	memmove(&list->things[place + 1], &list->things[place], (list->count - place) * sizeof(*list->things));
	list->things[place] = thing;
	list->count++;
	return 0;
}

static void keyed_free(struct keyed *list, void (*release)(void *thing))
{
	for (size_t i = 0; i < list->count; i++)
		release(list->things[i]);
	free(list->things);
}

/* ---- checks */

static bool is_name(const char name[POLICY_NAME_MAX])
{
	return memchr(name, '\0', POLICY_NAME_MAX) != NULL;
}

static bool is_vni(uint32_t vni)
{
	return vni > 0 && vni <= VNI_MAX;
}

static bool is_default(enum policy_default value)
{
	return (unsigned)value <= DEFAULT_ALLOW;
}

static uint32_t host_order(struct ipv4 address)
{
	return (uint32_t)address.octet[0] << 24 | (uint32_t)address.octet[1] << 16 | (uint32_t)address.octet[2] << 8 |
	       address.octet[3];
}

static bool item_is_valid(const struct policy_item *item)
{
	switch (item->kind) {
	case ITEM_ANY:
		return true;
	case ITEM_NODE:
	case ITEM_GROUP:
	case ITEM_ACCOUNT:
	case ITEM_HANDLE:
		return item->id != 0;
	case ITEM_VNET:
		return is_vni(item->vni);
	case ITEM_RANGE:
		return host_order(item->low) <= host_order(item->high);
	}
	return false;
}

static bool selector_is_valid(const struct policy_selector *selector)
{
	if (selector->count && !selector->items)
		return false;
	for (size_t i = 0; i < selector->count; i++)
		if (!item_is_valid(&selector->items[i]))
			return false;
	return true;
}

/* One for every protocol cannot have ports: it would say more, or less, than was meant. */
static bool service_is_valid(const struct policy_service *service)
{
	if (service->any)
		return service->protocol == 0 && service->low == 0 &&
		       (service->high == 0 || service->high == UINT16_MAX);
	if (service->protocol == ICMP_PROTOCOL && service->low > ICMP_TYPE_MAX)
		return false;
	return service->low <= service->high;
}

static bool policy_is_valid(const struct policy *policy)
{
	if (policy->id == 0 || !is_name(policy->name) || !is_vni(policy->vni) || (unsigned)policy->side > SIDE_OUT ||
		policy->casts & ~CAST_ALL || (policy->service_count && !policy->services))
		return false;
	for (size_t i = 0; i < policy->service_count; i++)
		if (!service_is_valid(&policy->services[i]))
			return false;
	return selector_is_valid(&policy->target) && selector_is_valid(&policy->peer);
}

/* ---- copies */

/* Returns 0 or -ENOMEM; of nothing the copy is NULL. */
static int copy_array(const void *from, size_t count, size_t size, const void **to)
{
	void *copy = NULL;

	if (count) {
		copy = reallocarray(NULL, count, size);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, from, count * size);
	}
	*to = copy;
	return 0;
}

static bool is_near(const struct policy_item *item)
{
	return item->kind == ITEM_NODE || item->kind == ITEM_RANGE;
}

static struct match_item match_item_of(const struct policy_item *item)
{
	return (struct match_item){
		.kind = item->kind,
		.id = item->kind == ITEM_VNET ? item->vni : item->id,
		.low = host_order(item->low),
		.high = host_order(item->high),
	};
}

enum item_class { CLASS_NEAR = 1, CLASS_BROAD = 2, CLASS_BOTH = 3 };

/* The selector's items of these classes, in the order in which they are written. */
static int matcher_make(const struct policy_selector *selector, enum item_class classes, struct matcher *out)
{
	*out = (struct matcher){.negated = selector->negated};
	if (!selector->count)
		return 0;
	out->items = calloc(selector->count, sizeof(*out->items));
	if (!out->items)
		return -ENOMEM;
	for (size_t i = 0; i < selector->count; i++)
		if (classes & (is_near(&selector->items[i]) ? CLASS_NEAR : CLASS_BROAD))
			out->items[out->count++] = match_item_of(&selector->items[i]);
	return 0;
}

/* By class; what is negated is broad, whatever it names. */
static int peer_make(struct set_policy *entry)
{
	const struct policy_selector *peer = &entry->policy.peer;

	if (peer->negated)
		return matcher_make(peer, CLASS_BOTH, &entry->broad);
	if (matcher_make(peer, CLASS_NEAR, &entry->near))
		return -ENOMEM;
	return matcher_make(peer, CLASS_BROAD, &entry->broad);
}

static int service_compare(const void *a, const void *b)
{
	const struct policy_service *left = a, *right = b;

	if (left->protocol != right->protocol)
		return left->protocol < right->protocol ? -1 : 1;
	if (left->low != right->low)
		return left->low < right->low ? -1 : 1;
	return 0;
}

/* In order, with those that overlap or touch made one. All ICMP types up to the last are all of the protocol. */
static int services_make(struct set_policy *entry)
{
	const struct policy *policy = &entry->policy;
	struct policy_service *services;
	size_t count = 0;

	for (size_t i = 0; i < policy->service_count; i++)
		if (policy->services[i].any)
			return 0;
	if (copy_array(policy->services, policy->service_count, sizeof(*services), (const void **)&services))
		return -ENOMEM;
	entry->services = services;
	if (!services)
		return 0;
	for (size_t i = 0; i < policy->service_count; i++)
		if (services[i].protocol == ICMP_PROTOCOL && services[i].high >= ICMP_TYPE_MAX)
			services[i].high = UINT16_MAX;
	qsort(services, policy->service_count, sizeof(*services), service_compare);
	for (size_t i = 0; i < policy->service_count; i++) {
		struct policy_service *last = count ? &services[count - 1] : NULL;

		if (!last || last->protocol != services[i].protocol || (uint32_t)last->high + 1 < services[i].low)
			services[count++] = services[i];
		else if (services[i].high > last->high)
			last->high = services[i].high;
	}
	entry->service_count = count;
	return 0;
}

static void set_policy_free(void *thing)
{
	struct set_policy *entry = thing;

	free((void *)entry->policy.target.items);
	free((void *)entry->policy.peer.items);
	free((void *)entry->policy.services);
	free(entry->target.items);
	free(entry->near.items);
	free(entry->broad.items);
	free(entry->services);
	free(entry);
}

static int set_policy_make(const struct policy *policy, struct set_policy *entry)
{
	struct policy *copy = &entry->policy;

	entry->key = policy->id;
	*copy = *policy;
	copy->target.items = copy->peer.items = NULL;
	copy->services = NULL;
	if (copy_array(policy->target.items, policy->target.count, sizeof(*policy->target.items),
		    (const void **)&copy->target.items) ||
		copy_array(policy->peer.items, policy->peer.count, sizeof(*policy->peer.items),
			(const void **)&copy->peer.items) ||
		copy_array(policy->services, policy->service_count, sizeof(*policy->services),
			(const void **)&copy->services))
		return -ENOMEM;
	if (matcher_make(&copy->target, CLASS_BOTH, &entry->target) || peer_make(entry))
		return -ENOMEM;
	return services_make(entry);
}

static void set_group_free(void *thing)
{
	struct set_group *entry = thing;

	free((void *)entry->group.children);
	free(entry);
}

/* ---- the set */

uint64_t policy_id(const char *name)
{
	uint8_t digest[crypto_generichash_BYTES_MIN];
	uint64_t id = 0;

	crypto_generichash(digest, sizeof(digest), (const uint8_t *)name, strlen(name), NULL, 0);
	for (size_t i = 0; i < sizeof(id); i++)
		id = id << 8 | digest[i];
	return id ? id : 1;
}

struct policy_set *policy_set_new(void)
{
	return calloc(1, sizeof(struct policy_set));
}

void policy_set_free(struct policy_set *set)
{
	if (!set)
		return;
	keyed_free(&set->vnets, free);
	keyed_free(&set->groups, set_group_free);
	keyed_free(&set->handles, set_handle_free);
	keyed_free(&set->policies, set_policy_free);
	free(set->rows);
	free(set->handle_rows);
	free(set->order);
	free(set);
}

int policy_set_vnet(struct policy_set *set, const struct policy_vnet *vnet)
{
	struct set_vnet *entry;
	int error;

	if (set->sealed || !is_vni(vnet->vni) || vnet->default_in == DEFAULT_UNSET ||
		vnet->default_out == DEFAULT_UNSET || !is_default(vnet->default_in) || !is_default(vnet->default_out) ||
		(unsigned)vnet->agreement > AGREE_ONE)
		return -EINVAL;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->key = vnet->vni;
	entry->vnet = *vnet;
	error = keyed_add(&set->vnets, &entry->key);
	if (error)
		free(entry);
	return error;
}

int policy_set_group(struct policy_set *set, const struct policy_group *group)
{
	struct set_group *entry;
	int error;

	if (set->sealed || group->id == 0 || !is_name(group->name) || !is_default(group->default_in) ||
		!is_default(group->default_out) || (group->child_count && !group->children))
		return -EINVAL;
	if (set->groups.count == POLICY_SET_GROUPS_MAX)
		return -ENOSPC;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->key = group->id;
	entry->group = *group;
	entry->group.children = NULL;
	error = copy_array(group->children, group->child_count, sizeof(*group->children),
		(const void **)&entry->group.children);
	if (!error)
		error = keyed_add(&set->groups, &entry->key);
	if (error)
		set_group_free(entry);
	return error;
}

int policy_set_policy(struct policy_set *set, const struct policy *policy)
{
	struct set_policy *entry;
	int error;

	if (set->sealed || !policy_is_valid(policy))
		return -EINVAL;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	error = set_policy_make(policy, entry);
	if (!error)
		error = keyed_add(&set->policies, &entry->key);
	if (error)
		set_policy_free(entry);
	return error;
}

const struct policy *policy_set_find(const struct policy_set *set, uint32_t id)
{
	const struct set_policy *entry = keyed_find(&set->policies, id);

	return entry ? &entry->policy : NULL;
}

const char *policy_set_group_name(const struct policy_set *set, uint64_t group)
{
	const struct set_group *entry = keyed_find(&set->groups, group);

	return entry ? entry->group.name : NULL;
}

const struct policy_vnet *policy_set_find_vnet(const struct policy_set *set, uint32_t vni)
{
	const struct set_vnet *entry = keyed_find(&set->vnets, vni);

	return entry ? &entry->vnet : NULL;
}
