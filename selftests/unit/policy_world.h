/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random worlds of policies, for the tests of the evaluator that hold for any set whatever.
 *
 * The worlds are small, so that policies meet; each is made from its number, which a failure prints.
 */
#ifndef OVNET_SELFTESTS_POLICY_WORLD_H
#define OVNET_SELFTESTS_POLICY_WORLD_H

#include "lib/error.h"
#include "policy/policy.h"
#include "selftests/unit/policy_oracle.h"
#include "selftests/unit/unit.h"

#define VNETS 2
#define GROUPS_MAX 10
#define HANDLES_MAX 6
#define HANDLE_ITEMS_MAX 4
#define POLICIES_MAX 24
#define ITEMS_MAX 4
#define SERVICES_MAX 40
#define CHILDREN_MAX 4
#define EDGES_MAX (2 * POLICIES_MAX * SERVICES_MAX + 2)

static const uint8_t protocols[] = {1, 6, 17, 47, 132};
static const uint16_t edges[] = {0, 1, 7, 8, 22, 79, 80, 81, 100, 254, 255, 443, 1023, 1024, 65534, 65535};
static const enum policy_cast casts[] = {CAST_UNICAST, CAST_MULTICAST, CAST_BROADCAST};

/* A world with room for what its parts point to. */
struct world {
	uint64_t number; /* what it was made from */
	uint64_t state;
	struct policy_vnet vnets[VNETS];
	struct policy_group groups[GROUPS_MAX];
	uint64_t children[GROUPS_MAX][CHILDREN_MAX];
	struct policy_handle handles[HANDLES_MAX];
	struct policy_item handle_items[HANDLES_MAX][HANDLE_ITEMS_MAX];
	struct policy policies[POLICIES_MAX];
	struct policy_item items[POLICIES_MAX][2][ITEMS_MAX];
	struct policy_service services[POLICIES_MAX][SERVICES_MAX];
	struct oracle_world written;
};

/* ---- making worlds */

static inline uint64_t below(struct world *world, uint64_t bound)
{
	return unit_random(&world->state) % bound;
}

static inline bool one_in(struct world *world, uint64_t n)
{
	return below(world, n) == 0;
}

static inline uint64_t some_group(struct world *world)
{
	return world->groups[below(world, world->written.group_count)].id;
}

static inline void make_identity(struct world *world, uint32_t vni, struct policy_identity *out)
{
	uint64_t place = 1 + below(world, 6);

	*out = (struct policy_identity){
		.vni = vni,
		.address = {{10, 0, 0, (uint8_t)place}},
		.node = one_in(world, 8) ? 0 : place,
		.account = below(world, 3),
	};
	if (world->written.group_count)
		for (uint64_t i = below(world, 4); i > 0; i--)
			out->groups[out->group_count++] = some_group(world);
	/* A group that the set does not have. */
	if (one_in(world, 8))
		out->groups[out->group_count++] = 999;
}

static inline struct policy_item make_item(struct world *world)
{
	struct policy_item item = {.kind = (enum policy_item_kind)below(world, ITEM_HANDLE + 1)};

	if (item.kind == ITEM_GROUP && !world->written.group_count)
		item.kind = ITEM_NODE;
	if (item.kind == ITEM_HANDLE && !world->written.handle_count)
		item.kind = ITEM_RANGE;
	item.id = item.kind == ITEM_GROUP    ? some_group(world)
		  : item.kind == ITEM_HANDLE ? world->handles[below(world, world->written.handle_count)].id
					     : 1 + below(world, item.kind == ITEM_NODE ? 6 : 2);
	item.vni = world->vnets[below(world, VNETS)].vni;
	item.low = (struct ipv4){{10, 0, 0, (uint8_t)(1 + below(world, 5))}};
	item.high = item.low;
	item.high.octet[3] = (uint8_t)(item.high.octet[3] + below(world, 4));
	return item;
}

static inline struct policy_selector make_selector(struct world *world, struct policy_item items[ITEMS_MAX])
{
	struct policy_selector selector = {.items = items, .negated = one_in(world, 6)};

	for (uint64_t i = one_in(world, 20) ? 0 : 1 + below(world, ITEMS_MAX - 1); i > 0; i--)
		items[selector.count++] = make_item(world);
	return selector;
}

static inline uint16_t make_port(struct world *world, uint8_t protocol)
{
	uint16_t port = one_in(world, 4) ? (uint16_t)below(world, 65536) : edges[below(world, ARRAY_LEN(edges))];

	return protocol == 1 ? port & 0xff : port;
}

static inline struct policy_service make_service(struct world *world)
{
	struct policy_service service = {.protocol = protocols[below(world, ARRAY_LEN(protocols))]};
	uint16_t a = make_port(world, service.protocol), b = make_port(world, service.protocol);

	if (one_in(world, 12))
		return (struct policy_service){.any = true};
	service.low = a < b ? a : b;
	service.high = a < b ? b : a;
	if (one_in(world, 2))
		service.high = service.low;
	if (one_in(world, 6)) {
		service.low = 0;
		service.high = 65535;
	}
	return service;
}

/* About everybody, with many ports that are apart. */
static inline void make_wide(struct world *world, size_t at)
{
	static const struct policy_item any = {.kind = ITEM_ANY};
	struct policy *policy = &world->policies[at];
	uint16_t step = (uint16_t)(2 + below(world, 300));

	policy->target = policy->peer = (struct policy_selector){.items = &any, .count = 1};
	policy->service_count = 10 + below(world, SERVICES_MAX - 9);
	for (size_t i = 0; i < policy->service_count; i++) {
		uint16_t port = (uint16_t)(i * step);

		world->services[at][i] = (struct policy_service){.protocol = 6, .low = port, .high = port};
	}
}

static inline void make_policy(struct world *world, size_t at, uint32_t id)
{
	struct policy *policy = &world->policies[at];
	uint64_t count = one_in(world, 5) ? 0 : 1 + below(world, 4);

	*policy = (struct policy){
		.id = id,
		.vni = world->vnets[below(world, VNETS)].vni,
		.side = one_in(world, 2) ? SIDE_IN : SIDE_OUT,
		.target = make_selector(world, world->items[at][0]),
		.peer = make_selector(world, world->items[at][1]),
		.services = world->services[at],
		.casts = one_in(world, 3) ? (uint8_t)below(world, CAST_ALL + 1) : 0,
		.allow = one_in(world, 2),
	};
	snprintf(policy->name, sizeof(policy->name), "p%u", id);
	/* Now and then so many that an answer has no room for them, and about so much that they count. */
	if (one_in(world, 10)) {
		make_wide(world, at);
		return;
	}
	while (policy->service_count < count)
		world->services[at][policy->service_count++] = make_service(world);
}

/* Children come later in the list, so that there is no cycle; ids are in no order. */
static inline void make_groups(struct world *world)
{
	size_t count = below(world, GROUPS_MAX + 1);

	world->written.group_count = count;
	for (size_t i = 0; i < count; i++) {
		struct policy_group *group = &world->groups[i];

		*group = (struct policy_group){.id = 1 + (i * 7 + world->number) % 11, .children = world->children[i]};
		snprintf(group->name, sizeof(group->name), "g%zu", i);
		if (one_in(world, 4))
			group->default_in = (enum policy_default)below(world, DEFAULT_ALLOW + 1);
		if (one_in(world, 4))
			group->default_out = (enum policy_default)below(world, DEFAULT_ALLOW + 1);
	}
	for (size_t i = 0; i + 1 < count; i++)
		for (uint64_t n = below(world, 3); n > 0; n--)
			world->children[i][world->groups[i].child_count++] =
				world->groups[i + 1 + below(world, count - i - 1)].id;
}

static inline struct policy_item make_entry(struct world *world)
{
	struct policy_item item;

	do
		item = make_item(world);
	while (item.kind == ITEM_ANY || item.kind == ITEM_NODE || item.kind == ITEM_ACCOUNT);
	return item;
}

/* Each has only such as were made before it, so that there is no cycle; the ids are also those of groups. */
static inline void make_handles(struct world *world)
{
	size_t count = below(world, HANDLES_MAX + 1);

	world->written.handles = world->handles;
	for (size_t i = 0; i < count; i++) {
		struct policy_handle *handle = &world->handles[i];

		*handle =
			(struct policy_handle){.id = 1 + (i * 5 + world->number) % 7, .items = world->handle_items[i]};
		snprintf(handle->name, sizeof(handle->name), "h%zu", i);
		for (uint64_t n = below(world, HANDLE_ITEMS_MAX + 1); n > 0; n--)
			world->handle_items[i][handle->count++] = make_entry(world);
		world->written.handle_count = i + 1;
	}
}

static inline void make_world(struct world *world, uint64_t number)
{
	memset(world, 0, sizeof(*world));
	world->number = number;
	world->state = number * 0x9e3779b97f4a7c15ull;
	for (size_t i = 0; i < VNETS; i++)
		world->vnets[i] = (struct policy_vnet){
			.vni = 7 + (uint32_t)i,
			.default_in = (enum policy_default)(1 + below(world, DEFAULT_ALLOW)),
			.default_out = (enum policy_default)(1 + below(world, DEFAULT_ALLOW)),
			.agreement = one_in(world, 2) ? AGREE_BOTH : AGREE_ONE,
		};
	make_groups(world);
	make_handles(world);
	world->written.policy_count = below(world, POLICIES_MAX);
	for (size_t i = 0; i < world->written.policy_count; i++)
		make_policy(world, i, (uint32_t)(1 + (i * 17 + number) % 29));
	world->written.vnets = world->vnets;
	world->written.vnet_count = VNETS;
	world->written.groups = world->groups;
	world->written.policies = world->policies;
}

static inline struct policy_set *sealed(const struct world *world)
{
	struct policy_set *set = oracle_set(&world->written);
	char message[200] = "";

	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	CU_ASSERT_EQUAL_FATAL(policy_set_seal(set, message), 0);
	return set;
}

/* ---- comparing */

/* One question about a world, and where it is looked at. */
struct trial {
	struct world *world;
	const struct policy_set *set;
	struct policy_identity source, destination;
	struct oracle_packet packet; /* with what is asked */
	struct policy_answer in, out, joined;
};

/* Said once; the test ends there. */
static inline void hold(const struct trial *trial, bool holds, const char *what, uint8_t protocol, uint16_t port)
{
	if (holds)
		return;
	printf("\n    world %llu, asked %u/%u: %s at %u/%u\n", (unsigned long long)trial->world->number,
		trial->packet.protocol, trial->packet.port, what, protocol, port);
	CU_FAIL_FATAL("the evaluator and the oracle differ");
}

static inline bool same(const struct policy_decision *a, const struct policy_decision *b)
{
	return a->allow == b->allow && a->by == b->by && a->policy == b->policy && a->group == b->group &&
	       a->handle == b->handle;
}

static inline int compare_edges(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Every port at which something written about the protocol begins or has just ended, in order. Returns how many. */
static inline size_t written_edges(const struct world *world, uint8_t protocol, int found[EDGES_MAX])
{
	int last = protocol == 1 ? 255 : 65535;
	size_t count = 0, unique = 0;

	found[count++] = 0;
	for (size_t i = 0; i < world->written.policy_count; i++) {
		for (size_t j = 0; j < world->policies[i].service_count; j++) {
			const struct policy_service *service = &world->services[i][j];

			if (service->any || service->protocol != protocol)
				continue;
			found[count++] = service->low;
			if (service->high < last)
				found[count++] = service->high + 1;
		}
	}
	qsort(found, count, sizeof(*found), compare_edges);
	for (size_t i = 0; i < count; i++)
		if (!unique || found[unique - 1] != found[i])
			found[unique++] = found[i];
	return unique;
}

static inline void ask(struct trial *trial)
{
	const struct oracle_packet *packet = &trial->packet;
	const struct policy_vnet *vnet = oracle_vnet(&trial->world->written, trial->source.vni);

	policy_answer(trial->set, SIDE_IN, &trial->source, &trial->destination, packet->cast, packet->protocol,
		packet->port, &trial->in);
	policy_answer(trial->set, SIDE_OUT, &trial->source, &trial->destination, packet->cast, packet->protocol,
		packet->port, &trial->out);
	policy_join(vnet ? vnet->agreement : AGREE_BOTH, &trial->in, &trial->out, packet->protocol, packet->port,
		&trial->joined);
}

static inline void make_trial(struct world *world, const struct policy_set *set, struct trial *trial)
{
	uint32_t vni = one_in(world, 12) ? 5 : world->vnets[below(world, VNETS)].vni;
	uint8_t protocol = one_in(world, 8) ? 89 : protocols[below(world, ARRAY_LEN(protocols))];

	*trial = (struct trial){.world = world, .set = set};
	make_identity(world, vni, &trial->source);
	make_identity(world, one_in(world, 12) ? 8 : vni, &trial->destination);
	trial->packet = (struct oracle_packet){
		.source = &trial->source,
		.destination = &trial->destination,
		.cast = casts[below(world, ARRAY_LEN(casts))],
		.protocol = protocol,
		.port = make_port(world, protocol),
	};
	ask(trial);
}

/* Runs `check` on three questions about each of many worlds. */
static inline void each_trial(uint64_t first, uint64_t count, void (*check)(struct trial *trial))
{
	static struct world world;

	printf("worlds %llu .. %llu ", (unsigned long long)first, (unsigned long long)(first + count - 1));
	for (uint64_t number = first; number < first + count; number++) {
		struct policy_set *set;

		make_world(&world, number);
		set = sealed(&world);
		for (int i = 0; i < 3; i++) {
			/* Its packet points into it. */
			struct trial trial;

			make_trial(&world, set, &trial);
			check(&trial);
		}
		policy_set_free(set);
	}
}

#endif /* OVNET_SELFTESTS_POLICY_WORLD_H */
