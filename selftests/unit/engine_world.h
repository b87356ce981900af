/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A world for the tests of the engine: agents with real keys and passports, and a network between them that loses, delays, reorders,
 * duplicates and parts, on a clock of its own. All chance comes from one seed, which is printed; ENGINE_SEED sets it.
 *
 * Host number n has the locator 2001:db8:n::/64 and one node, 10.n.n.n in vnet 7, slot 1. An agent's policy and memory are the test's.
 */
#ifndef OVNET_SELFTESTS_ENGINE_WORLD_H
#define OVNET_SELFTESTS_ENGINE_WORLD_H

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/time.h"
#include "proto/engine.h"
#include "selftests/unit/unit.h"

#define WORLD_VNI 7
#define WORLD_START_NS (1000 * NSEC_PER_SEC)
#define WORLD_WALL_S 1800000000ull
#define MS NSEC_PER_MSEC

struct world;

struct world_agent {
	struct world *world;
	unsigned number;
	struct engine *engine;
	struct engine_config config;
	bool listed; /* the directory knows it */
	uint64_t scheduled_ns;
	uint64_t serial; /* of its decisions and notices */
	uint64_t decisions;
	/* What its callbacks were told last, and how often. */
	unsigned ended, acknowledged, given_up, stale, withdrawn, moved, indexes;
	enum engine_outcome outcome;
	uint64_t cookie;
	struct message_decision decision;
	struct engine_request request; /* without its pointers */
	bool request_had_passport;
	struct node_passport request_passport;
	struct message_notice notice;
};

/* A datagram on its way, or (length 0) an agent's timer. */
struct world_event {
	uint64_t at_ns, order;
	unsigned to;
	struct world_datagram *datagram;
};

struct world_datagram {
	unsigned from, to;
	uint64_t sent_ns;
	struct engine_path path; /* as the receiver sees it */
	size_t length;
	uint8_t octets[];
};

struct world {
	uint64_t now_ns, random, order;
	struct authority_key authority;
	struct world_agent *agents;
	unsigned agent_count;
	unsigned *by_key; /* open addressing: numbers + 1 */
	size_t by_key_room;
	struct world_event *events; /* a binary heap */
	size_t event_count, event_room;
	bool exact;  /* questions want exact answers */
	bool asking; /* within engine_ask(): no question may end */
	/* The network. */
	unsigned loss_percent, duplicate_percent;
	uint64_t delay_ns, jitter_ns;
	bool keep; /* note every datagram sent in `kept` */
	struct world_datagram **kept;
	size_t kept_count, kept_room;
	/* The test's. NULL: everything passes, grants everything, notes only. */
	bool (*passes)(struct world *world, const struct world_datagram *datagram);
	int (*decide)(struct world_agent *agent, const struct engine_request *request, bool *granted,
		struct message_decision *out);
	void (*decided)(struct world_agent *agent, const struct flow *flow, uint64_t cookie,
		enum engine_outcome outcome, const struct message_decision *decision);
	void (*noticed)(struct world_agent *agent, const struct engine_host *peer, const struct message_notice *notice);
};

static inline uint64_t world_seed(void)
{
	const char *text = getenv("ENGINE_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : 0x6f766e6574ull;
	static bool printed;

	if (!printed)
		printf("\n    ENGINE_SEED=%llu ", (unsigned long long)seed);
	printed = true;
	return seed ? seed : 1;
}

/* True in `percent` of a hundred cases. */
static inline bool world_chance(struct world *world, unsigned percent)
{
	return percent && unit_random(&world->random) % 100 < percent;
}

static inline struct engine_time world_time(const struct world *world)
{
	uint64_t past_ns = world->now_ns - WORLD_START_NS;

	return (struct engine_time){
		.now_ns = world->now_ns,
		.wall_s = WORLD_WALL_S + past_ns / NSEC_PER_SEC,
		.wall_ns = (uint32_t)(past_ns % NSEC_PER_SEC),
	};
}

/* ---- places */

static inline struct locator world_locator(unsigned number)
{
	struct locator locator = {.octet = {0x20, 0x01, 0x0d, 0xb8}, .length = 64};

	locator.octet[4] = (uint8_t)(number >> 24);
	locator.octet[5] = (uint8_t)(number >> 16);
	locator.octet[6] = (uint8_t)(number >> 8);
	locator.octet[7] = (uint8_t)number;
	return locator;
}

static inline unsigned world_number(const struct substrate *address)
{
	const uint8_t *o = address->octet;

	return (unsigned)o[4] << 24 | (unsigned)o[5] << 16 | (unsigned)o[6] << 8 | o[7];
}

static inline struct ipv4 world_node(unsigned number)
{
	return (struct ipv4){.octet = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

static inline struct substrate world_node_address(unsigned number)
{
	struct locator locator = world_locator(number);
	struct substrate address = {0};

	substrate_of_node(&locator, 1, WORLD_VNI, world_node(number), &address);
	return address;
}

static inline struct flow world_flow(unsigned from, unsigned to, uint16_t port)
{
	return (struct flow){
		.vni = WORLD_VNI,
		.source = world_node(from),
		.destination = world_node(to),
		.protocol = 6,
		.cast = 1,
		.port = port,
	};
}

/* ---- events */

static inline bool event_before(const struct world_event *a, const struct world_event *b)
{
	return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->order < b->order);
}

static inline void event_add(struct world *world, uint64_t at_ns, unsigned to, struct world_datagram *datagram)
{
	struct world_event event = {.at_ns = at_ns, .order = world->order++, .to = to, .datagram = datagram};
	size_t at = world->event_count++;

	if (world->event_count > world->event_room) {
		world->event_room = world->event_room ? world->event_room * 2 : 64;
		world->events = reallocarray(world->events, world->event_room, sizeof(*world->events));
	}
	for (; at && event_before(&event, &world->events[(at - 1) / 2]); at = (at - 1) / 2)
		world->events[at] = world->events[(at - 1) / 2];
	world->events[at] = event;
}

static inline struct world_event event_take(struct world *world)
{
	struct world_event first = world->events[0], last = world->events[--world->event_count];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < world->event_count) {
		if (child + 1 < world->event_count && event_before(&world->events[child + 1], &world->events[child]))
			child++;
		if (!event_before(&world->events[child], &last))
			break;
		world->events[at] = world->events[child];
		at = child;
	}
	world->events[at] = last;
	return first;
}

/* ---- what the engine asks of its agent */

static inline struct world_datagram *world_datagram_new(unsigned from, unsigned to, const struct engine_path *path,
	const uint8_t *octets, size_t length)
{
	struct world_datagram *datagram = malloc(sizeof(*datagram) + length);

	if (!datagram)
		abort();
	datagram->from = from;
	datagram->to = to;
	datagram->path = *path;
	datagram->length = length;
	memcpy(datagram->octets, octets, length);
	return datagram;
}

static inline void world_keep(struct world *world, const struct world_datagram *datagram)
{
	if (world->kept_count == world->kept_room) {
		world->kept_room = world->kept_room ? world->kept_room * 2 : 64;
		world->kept = reallocarray(world->kept, world->kept_room, sizeof(struct world_datagram *));
	}
	world->kept[world->kept_count] =
		world_datagram_new(datagram->from, datagram->to, &datagram->path, datagram->octets, datagram->length);
	world->kept[world->kept_count++]->sent_ns = datagram->sent_ns;
}

static inline void world_forget_kept(struct world *world)
{
	while (world->kept_count)
		free(world->kept[--world->kept_count]);
}

static inline void world_post(struct world *world, const struct world_datagram *datagram)
{
	uint64_t delay_ns = world->delay_ns;

	if (world->jitter_ns)
		delay_ns += unit_random(&world->random) % world->jitter_ns;
	event_add(world, world->now_ns + delay_ns, datagram->to,
		world_datagram_new(datagram->from, datagram->to, &datagram->path, datagram->octets, datagram->length));
}

static inline void world_op_send(void *context, const struct engine_path *path, const uint8_t *octets, size_t length)
{
	struct world_agent *agent = context;
	struct world *world = agent->world;
	struct engine_path reversed = {
		.local = path->remote,
		.remote = path->local,
		.local_port = path->remote_port,
		.remote_port = path->local_port,
	};
	struct world_datagram *datagram;

	datagram = world_datagram_new(agent->number, world_number(&path->remote), &reversed, octets, length);
	datagram->sent_ns = world->now_ns;
	if (world->keep)
		world_keep(world, datagram);
	if (datagram->to < world->agent_count && !world_chance(world, world->loss_percent) &&
		(!world->passes || world->passes(world, datagram))) {
		world_post(world, datagram);
		if (world_chance(world, world->duplicate_percent))
			world_post(world, datagram);
	}
	free(datagram);
}

static inline void world_op_random(void *context, void *out, size_t length)
{
	struct world_agent *agent = context;
	uint8_t *octets = out;

	for (size_t i = 0; i < length; i++)
		octets[i] = (uint8_t)(unit_random(&agent->world->random) >> 24);
}

static inline int world_op_host_at(void *context, const struct substrate *address, struct engine_host *out)
{
	struct world *world = ((struct world_agent *)context)->world;
	unsigned number = world_number(address);

	if (number >= world->agent_count || !world->agents[number].listed || address->octet[0] != 0x20)
		return -ENOENT;
	*out = world->agents[number].config.self;
	return 0;
}

static inline size_t world_key_place(const struct world *world, const uint8_t key[32])
{
	uint64_t hash;

	memcpy(&hash, key, sizeof(hash));
	return hash & (world->by_key_room - 1);
}

static inline int world_op_host_of(void *context, const uint8_t key[32], struct engine_host *out)
{
	struct world *world = ((struct world_agent *)context)->world;
	size_t place = world_key_place(world, key);

	for (; world->by_key[place]; place = (place + 1) & (world->by_key_room - 1)) {
		const struct world_agent *agent = &world->agents[world->by_key[place] - 1];

		if (agent->listed && memcmp(agent->config.self.key, key, 32) == 0) {
			*out = agent->config.self;
			return 0;
		}
	}
	return -ENOENT;
}

static inline int world_op_decide(void *context, const struct engine_request *request, bool *granted,
	struct message_decision *out)
{
	struct world_agent *agent = context;

	agent->decisions++;
	agent->request = *request;
	agent->request_had_passport = request->passport != NULL;
	if (request->passport)
		agent->request_passport = *request->passport;
	if (agent->world->decide)
		return agent->world->decide(agent, request, granted, out);
	*granted = true;
	*out = (struct message_decision){
		.lifetime_ms = 30000,
		.incarnation = 1,
		.serial = ++agent->serial,
		.otherwise = MESSAGE_ALLOW,
	};
	return 0;
}

static inline void world_op_decided(void *context, const struct flow *flow, uint64_t cookie,
	enum engine_outcome outcome, const struct message_decision *decision)
{
	struct world_agent *agent = context;

	CU_ASSERT_FALSE(agent->world->asking);
	CU_ASSERT_EQUAL(decision != NULL, outcome == OUTCOME_GRANTED || outcome == OUTCOME_REFUSED);
	agent->ended++;
	agent->outcome = outcome;
	agent->cookie = cookie;
	if (decision)
		agent->decision = *decision;
	if (agent->world->decided)
		agent->world->decided(agent, flow, cookie, outcome, decision);
}

static inline void world_op_stale(void *context, const struct engine_host *peer, const struct message_notice *notice)
{
	struct world_agent *agent = context;

	agent->stale++;
	agent->notice = *notice;
	if (agent->world->noticed)
		agent->world->noticed(agent, peer, notice);
}

static inline void world_op_withdrawn(void *context, const struct engine_host *peer,
	const struct message_notice *notice)
{
	struct world_agent *agent = context;

	agent->withdrawn++;
	agent->notice = *notice;
	if (agent->world->noticed)
		agent->world->noticed(agent, peer, notice);
}

static inline void world_op_moved(void *context, const struct engine_host *peer, const struct message_moved *moved)
{
	struct world_agent *agent = context;

	(void)peer;
	(void)moved;
	agent->moved++;
}

static inline void world_op_acknowledged(void *context, uint32_t id, bool given_up)
{
	struct world_agent *agent = context;

	(void)id;
	agent->acknowledged += !given_up;
	agent->given_up += given_up;
}

static inline void world_op_index(void *context, uint32_t index, const struct engine_host *peer, bool live)
{
	struct world_agent *agent = context;

	(void)index;
	(void)peer;
	agent->indexes += live ? 1 : -1u;
}

/* ---- the beginning and the end */

static inline void world_engine_start(struct world_agent *agent)
{
	static const struct engine_ops ops = {
		.send = world_op_send,
		.random = world_op_random,
		.host_at = world_op_host_at,
		.host_of = world_op_host_of,
		.decide = world_op_decide,
		.decided = world_op_decided,
		.stale = world_op_stale,
		.withdrawn = world_op_withdrawn,
		.moved = world_op_moved,
		.acknowledged = world_op_acknowledged,
		.index = world_op_index,
	};

	agent->engine = engine_new(&agent->config, &ops, agent);
	if (!agent->engine)
		abort();
	agent->scheduled_ns = UINT64_MAX;
}

static inline struct host_passport world_host_passport(const struct world_agent *agent)
{
	struct host_passport passport = {
		.host = agent->config.self.host,
		.locator = agent->config.self.locator,
		.not_before_s = WORLD_WALL_S - 10,
		.not_after_s = WORLD_WALL_S + 900,
		.revision = 1,
	};

	memcpy(passport.key, agent->config.self.key, sizeof(passport.key));
	return passport;
}

static inline void world_key(struct world_agent *agent)
{
	struct host_passport passport;

	world_op_random(agent, agent->config.key.secret, 32);
	crypto_scalarmult_base(agent->config.key.public_key, agent->config.key.secret);
	memcpy(agent->config.self.key, agent->config.key.public_key, 32);
	passport = world_host_passport(agent);
	host_passport_sign(&passport, agent->world->authority.secret, agent->config.passport);
}

static inline void world_list_key(struct world *world, unsigned number)
{
	size_t place = world_key_place(world, world->agents[number].config.self.key);

	while (world->by_key[place])
		place = (place + 1) & (world->by_key_room - 1);
	world->by_key[place] = number + 1;
}

/* Agents 0 .. count - 1, all listed; engines run, each with the test's changes to its configuration (may be NULL). */
static inline void world_open(struct world *world, unsigned count, uint64_t seed,
	void (*change)(struct engine_config *config))
{
	uint8_t authority_seed[32] = {1};

	*world = (struct world){
		.now_ns = WORLD_START_NS,
		.random = seed,
		.agent_count = count,
		.by_key_room = 16,
		.delay_ns = MS / 10,
	};
	if (key_library())
		abort();
	crypto_sign_seed_keypair(world->authority.public_key, world->authority.secret, authority_seed);
	while (world->by_key_room < 4 * (size_t)count)
		world->by_key_room *= 2;
	world->by_key = calloc(world->by_key_room, sizeof(*world->by_key));
	world->agents = calloc(count, sizeof(*world->agents));
	for (unsigned i = 0; i < count; i++) {
		struct world_agent *agent = &world->agents[i];

		agent->world = world;
		agent->number = i;
		agent->listed = true;
		agent->config.self.host = 1000 + i;
		agent->config.self.locator = world_locator(i);
		memcpy(agent->config.authority, world->authority.public_key, 32);
		world_key(agent);
		if (change)
			change(&agent->config);
		world_list_key(world, i);
		world_engine_start(agent);
	}
}

static inline void world_close(struct world *world)
{
	for (unsigned i = 0; i < world->agent_count; i++) {
		engine_free(world->agents[i].engine);
		CU_ASSERT_EQUAL(world->agents[i].indexes, 0);
	}
	while (world->event_count)
		free(event_take(world).datagram);
	world_forget_kept(world);
	free(world->kept);
	free(world->events);
	free(world->by_key);
	free(world->agents);
}

/* ---- running */

static inline void world_schedule(struct world_agent *agent)
{
	uint64_t due_ns = engine_due(agent->engine);

	if (due_ns == UINT64_MAX || due_ns >= agent->scheduled_ns)
		return;
	agent->scheduled_ns = due_ns;
	event_add(agent->world, due_ns, agent->number, NULL);
}

/* The end of a round of the agent's loop. */
static inline void world_flush(struct world_agent *agent)
{
	struct engine_time now = world_time(agent->world);

	engine_flush(agent->engine, &now);
	world_schedule(agent);
}

static inline void world_deliver(struct world_agent *agent, const struct world_datagram *datagram)
{
	struct engine_time now = world_time(agent->world);

	engine_receive(agent->engine, &now, &datagram->path, datagram->octets, datagram->length);
}

static inline void world_step(struct world *world)
{
	struct world_event event = event_take(world);
	struct world_agent *agent = &world->agents[event.to];
	struct engine_time now;

	if (event.at_ns > world->now_ns)
		world->now_ns = event.at_ns;
	now = world_time(world);
	if (event.datagram) {
		world_deliver(agent, event.datagram);
		free(event.datagram);
	} else {
		agent->scheduled_ns = UINT64_MAX;
		engine_tick(agent->engine, &now);
	}
	world_flush(agent);
}

static inline void world_run_until(struct world *world, uint64_t until_ns)
{
	while (world->event_count && world->events[0].at_ns <= until_ns)
		world_step(world);
	if (world->now_ns < until_ns)
		world->now_ns = until_ns;
}

static inline void world_run(struct world *world, uint64_t for_ns)
{
	world_run_until(world, world->now_ns + for_ns);
}

/* The process ends and another begins, with the same keys and no memory. */
static inline void world_restart(struct world_agent *agent)
{
	engine_free(agent->engine);
	CU_ASSERT_EQUAL(agent->indexes, 0);
	world_engine_start(agent);
}

/* ---- questions */

static inline struct node_passport world_node_passport(const struct world_agent *agent)
{
	return (struct node_passport){
		.vni = WORLD_VNI,
		.slot = 1,
		.node = 50000 + agent->number,
		.account = 3,
		.host = agent->config.self.host,
		.incarnation = 9,
		.not_before_s = WORLD_WALL_S - 10,
		.not_after_s = WORLD_WALL_S + 600,
		.revision = 5,
		.address_count = 1,
		.addresses = {world_node(agent->number)},
	};
}

/* Asks with this passport, and does not flush. Returns what engine_ask() does. */
static inline int world_ask_with(struct world_agent *agent, const struct substrate *address, const struct flow *flow,
	const uint8_t *passport, size_t length, uint64_t cookie)
{
	struct engine_time now = world_time(agent->world);
	struct message_ask ask = {
		.flow = *flow,
		.exact = agent->world->exact,
		.source_says = SOURCE_ALLOWS_BY_POLICY,
		.passport = passport,
		.passport_length = length,
	};
	int result;

	agent->world->asking = true;
	result = engine_ask(agent->engine, &now, address, false, &ask, cookie);
	agent->world->asking = false;
	return result;
}

static inline int world_ask(struct world_agent *agent, unsigned to, uint16_t port)
{
	struct node_passport passport = world_node_passport(agent);
	struct substrate address = world_node_address(to);
	struct flow flow = world_flow(agent->number, to, port);
	uint8_t octets[NODE_PASSPORT_LEN_MAX];
	int length = node_passport_sign(&passport, agent->world->authority.secret, octets);

	return world_ask_with(agent, &address, &flow, octets, (size_t)length, port);
}

/* Asks, and runs until the answer is there or must be. Returns the outcome. */
static inline enum engine_outcome world_negotiate(struct world_agent *agent, unsigned to, uint16_t port)
{
	unsigned before = agent->ended;

	CU_ASSERT_EQUAL(world_ask(agent, to, port), 0);
	world_flush(agent);
	for (int i = 0; i < 1000 && agent->ended == before; i++)
		world_run(agent->world, MS);
	CU_ASSERT_EQUAL(agent->ended, before + 1);
	CU_ASSERT_EQUAL(agent->cookie, port);
	return agent->outcome;
}

/* How many datagrams of this type were kept from that agent. */
static inline unsigned world_count(const struct world *world, unsigned from, uint8_t type)
{
	unsigned count = 0;

	for (size_t i = 0; i < world->kept_count; i++)
		count += world->kept[i]->from == from && world->kept[i]->octets[0] == type;
	return count;
}

static inline void world_peer_note(void *context, const struct engine_peer *peer)
{
	*(struct engine_peer *)context = *peer;
}

/* The one peer of an agent; all zeros when there is none. */
static inline struct engine_peer world_peer(const struct world_agent *agent)
{
	struct engine_peer peer = {0};

	engine_each_peer(agent->engine, world_peer_note, &peer);
	return peer;
}

#endif /* OVNET_SELFTESTS_ENGINE_WORLD_H */
