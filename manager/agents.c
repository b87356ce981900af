/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Agents: whom a change concerns, and where they asked for addresses. See agents.h; what is sent to one is agent_stream.c.
 */
#include "manager/agents_internal.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "lib/time.h"
#include "manager/concern.h"

#define ALIVE_NS (25 * NSEC_PER_SEC)
#define TICK_NS NSEC_PER_SEC
#define SPREAD_NS (10 * NSEC_PER_SEC) /* who was told something at one time is not told "alive" at one time */
#define SWEEP_TICKS 16 /* places are looked at once in so many ticks: they are not sent when their time is over */

/* An agent wants to know when this place changes. */
struct subscription {
	struct table_node by_place;
	LIST_ENTRY(subscription) of_agent;
	struct agent *agent;
	uint32_t vni;
	struct ipv4 address;
	uint64_t end_ns;
};

/* ---- finding */

static uint64_t hash_of(const struct agents *agents, const void *octets, size_t length)
{
	uint64_t hash;

	crypto_shorthash((uint8_t *)&hash, octets, length, agents->hash_key);
	return hash;
}

struct agent *agents_find(struct agents *agents, const char *name)
{
	uint64_t hash = hash_of(agents, name, strlen(name));
	struct table_node *node = table_find(&agents->by_name, hash);

	for (; node; node = table_same(node->next, hash)) {
		struct agent *agent = container_of(node, struct agent, by_name);

		if (!strcmp(agent->name, name))
			return agent;
	}
	return NULL;
}

struct agent *agents_take(struct agents *agents, const char *name)
{
	struct agent *agent = agents_find(agents, name);

	if (agent)
		return agent;
	agent = calloc(1, sizeof(*agent));
	if (!agent || table_add(&agents->by_name, &agent->by_name, hash_of(agents, name, strlen(name)))) {
		free(agent);
		return NULL;
	}
	agent->agents = agents;
	strcpy(agent->name, name);
	STAILQ_INIT(&agent->parts);
	LIST_INSERT_HEAD(&agents->all, agent, all);
	agents->counters.known++;
	return agent;
}

struct viewer *agents_viewer(const struct manager *manager)
{
	return manager->agents->viewer;
}
/* ---- places that were asked for */

static uint64_t place_hash(const struct agents *agents, uint32_t vni, struct ipv4 address)
{
	uint8_t place[8];

	memcpy(place, &vni, 4);
	memcpy(place + 4, address.octet, 4);
	return hash_of(agents, place, sizeof(place));
}

static void subscription_free(struct agents *agents, struct subscription *subscription)
{
	table_remove(&agents->places, &subscription->by_place);
	LIST_REMOVE(subscription, of_agent);
	agents->counters.subscriptions--;
	free(subscription);
}

void agents_subscribe(struct manager *manager, const struct object *host, uint32_t vni, struct ipv4 address,
	unsigned lifetime_s)
{
	struct agents *agents = manager->agents;
	struct agent *agent = agents_take(agents, host->name);
	uint64_t hash = place_hash(agents, vni, address), end_ns = time_now_ns() + lifetime_s * NSEC_PER_SEC;
	struct table_node *node = table_find(&agents->places, hash);
	struct subscription *subscription;

	if (!agent)
		return;
	for (; node; node = table_same(node->next, hash)) {
		subscription = container_of(node, struct subscription, by_place);
		if (subscription->agent == agent && subscription->vni == vni &&
			ipv4_equal(subscription->address, address)) {
			subscription->end_ns = end_ns;
			return;
		}
	}
	subscription = calloc(1, sizeof(*subscription));
	if (!subscription || table_add(&agents->places, &subscription->by_place, hash)) {
		free(subscription);
		return;
	}
	subscription->agent = agent;
	subscription->vni = vni;
	subscription->address = address;
	subscription->end_ns = end_ns;
	LIST_INSERT_HEAD(&agent->subscriptions, subscription, of_agent);
	agents->counters.subscriptions++;
}

static void place_changed(struct agents *agents, uint32_t vni, struct ipv4 address)
{
	uint64_t hash = place_hash(agents, vni, address), now_ns = time_now_ns();
	struct table_node *node = table_find(&agents->places, hash), *next;
	char text[ADDRESS_TEXT_MAX];

	for (; node; node = next) {
		struct subscription *subscription = container_of(node, struct subscription, by_place);

		next = table_same(node->next, hash);
		if (subscription->vni != vni || !ipv4_equal(subscription->address, address))
			continue;
		if (subscription->agent->stream && subscription->end_ns > now_ns) {
			agent_line(subscription->agent, "{\"place\":{\"vni\":%u,\"address\":\"%s\"}}\n", vni,
				ipv4_format(address, text));
			agents->counters.places++;
			agent_wake(subscription->agent);
		}
		/* Who wants to know asks again. */
		subscription_free(agents, subscription);
	}
}

/* ---- whom a change may concern */

struct marking {
	struct agents *agents;
	uint64_t revision;
};

static void mark_host(void *context, const char *name)
{
	const struct marking *marking = context;
	struct agent *agent = agents_find(marking->agents, name);

	if (!agent || agent->mark == marking->revision)
		return;
	agent->mark = marking->revision;
	if (!agent->dirty_since)
		agent->dirty_since = marking->revision;
	agent_wake(agent);
}

/* A further address of a node: of another one now, or of none. */
static void address_check(struct agents *agents, const struct object *before, const struct object *after)
{
	const char *was = object_text(before, "node"), *is = after ? object_text(after, "node") : NULL;
	const struct object *vnet = state_find(agents->manager->state, MODEL_VNET, object_text(before, "vnet"));

	if (vnet && was && !(is && !strcmp(was, is)))
		place_changed(agents, (uint32_t)vnet->id, before->address);
}

/* Who was there is elsewhere, or nowhere, or somebody else. */
static void place_check(struct agents *agents, const struct state_step *step)
{
	const struct object *before = step->before, *after = step->after, *vnet;

	if (before && before->kind == MODEL_ADDRESS) {
		address_check(agents, before, after);
		return;
	}
	if (!before || before->kind != MODEL_NODE)
		return;
	if (after && !strcmp(object_text(before, "host"), object_text(after, "host")) &&
		ipv4_equal(before->address, after->address) &&
		object_number(before, "slot", -1) == object_number(after, "slot", -1))
		return;
	vnet = state_find(agents->manager->state, MODEL_VNET, object_text(before, "vnet"));
	if (vnet)
		place_changed(agents, (uint32_t)vnet->id, before->address);
}

/* Who shows a secret that is none any more is told nothing more: the host has joined anew, or is gone. */
static void credential_check(struct agents *agents, const struct state_step *step)
{
	struct agent *agent;

	if (!step->before || step->before->kind != MODEL_HOST || !step->before->has_secret)
		return;
	if (step->after && step->after->has_secret &&
		!memcmp(step->before->secret, step->after->secret, STATE_HASH_LEN))
		return;
	agent = agents_find(agents, step->before->name);
	if (agent && agent->stream)
		http_stream_end(agent->stream);
}

void agents_changed(struct manager *manager, const struct state_change *change)
{
	struct agents *agents = manager->agents;
	struct marking marking = {agents, change->revision};

	for (size_t i = 0; i < change->count; i++) {
		if (change->steps[i].before)
			concern_hosts(manager->state, change->steps[i].before, mark_host, &marking);
		if (change->steps[i].after)
			concern_hosts(manager->state, change->steps[i].after, mark_host, &marking);
		place_check(agents, &change->steps[i]);
		credential_check(agents, &change->steps[i]);
	}
}

/* ---- a change that is not made: what it would end */

struct trying {
	struct agents *agents;
	uint64_t id;
	size_t asked;
};

static void try_host(void *context, const char *name)
{
	struct trying *trying = context;
	struct agent *agent = agents_find(trying->agents, name);
	const struct object *host = state_find(trying->agents->manager->state, MODEL_HOST, name);
	char prefix[48];
	struct view view;

	/* Asked once, and only when it has all that was said before. */
	if (!agent || !host || !agent->stream || agent->tried == trying->id || agent->dirty_since)
		return;
	agent->tried = trying->id;
	if (view_make(trying->agents->viewer, host, &view))
		return;
	snprintf(prefix, sizeof(prefix), "\"trial\":%llu,", (unsigned long long)trying->id);
	if (agent_send_difference(agent, &view, prefix) > 0 && agent_line(agent, "{%s\"end\":true}\n", prefix) == 0) {
		trying->asked++;
		agent_wake(agent);
	}
	view_free(&view);
}

size_t agents_try(struct manager *manager, const struct state_step *steps, size_t count, uint64_t id)
{
	struct trying trying = {manager->agents, id, 0};

	for (size_t i = 0; i < count; i++) {
		if (steps[i].before)
			concern_hosts(manager->state, steps[i].before, try_host, &trying);
		if (steps[i].after)
			concern_hosts(manager->state, steps[i].after, try_host, &trying);
	}
	return trying.asked;
}

/* ---- time */

static void subscriptions_sweep(struct agents *agents, struct agent *agent, uint64_t now_ns)
{
	struct subscription *each, *next;

	for (each = LIST_FIRST(&agent->subscriptions); each; each = next) {
		next = LIST_NEXT(each, of_agent);
		if (each->end_ns <= now_ns)
			subscription_free(agents, each);
	}
}

static void on_tick(void *context)
{
	struct agents *agents = context;
	uint64_t now_ns = time_now_ns(), revision = state_revision(agents->manager->state);
	struct agent *agent;

	loop_timer_at(agents->tick, now_ns + TICK_NS);
	agents->ticks++;
	LIST_FOREACH(agent, &agents->all, all) {
		uint64_t hash = agent->by_name.hash;

		if ((hash + agents->ticks) % SWEEP_TICKS == 0)
			subscriptions_sweep(agents, agent, now_ns);
		if (!agent->stream || !STAILQ_EMPTY(&agent->parts) ||
			now_ns - agent->sent_ns < ALIVE_NS - TICK_NS - hash % SPREAD_NS)
			continue;
		agent_line(agent, "{\"alive\":%llu}\n", (unsigned long long)revision);
		agent_wake(agent);
	}
}

/* ---- start, end, and to look at */

int agents_open(struct manager *manager)
{
	struct agents *agents = calloc(1, sizeof(*agents));

	if (!agents)
		return -ENOMEM;
	agents->manager = manager;
	manager->agents = agents;
	randombytes_buf(agents->hash_key, sizeof(agents->hash_key));
	agents->viewer = viewer_new(manager->state, manager->authority.public_key);
	agents->tick = loop_timer(manager->loop, on_tick, agents);
	if (!agents->viewer || !agents->tick)
		return -ENOMEM;
	loop_timer_at(agents->tick, time_now_ns() + TICK_NS);
	return 0;
}

/* HTTP is closed by now: no stream is left. */
void agents_close(struct manager *manager)
{
	struct agents *agents = manager->agents;
	struct agent *agent;

	if (!agents)
		return;
	while ((agent = LIST_FIRST(&agents->all))) {
		while (!LIST_EMPTY(&agent->subscriptions))
			subscription_free(agents, LIST_FIRST(&agent->subscriptions));
		LIST_REMOVE(agent, all);
		agent_forget(agent);
		free(agent);
	}
	table_clear(&agents->by_name);
	table_clear(&agents->places);
	viewer_free(agents->viewer);
	loop_timer_free(agents->tick);
	free(agents);
	manager->agents = NULL;
}

void agents_each(const struct manager *manager, void (*fn)(void *context, const struct agent_status *status),
	void *context)
{
	const struct agent *agent;

	LIST_FOREACH(agent, &manager->agents->all, all) {
		struct agent_status status = {
			.host = agent->name,
			.connected = agent->stream != NULL,
			.sent = agent->sent,
			.applied = agent->applied,
			.late_since =
				agent->late_since && (!agent->dirty_since || agent->late_since < agent->dirty_since)
					? agent->late_since
					: agent->dirty_since,
			.applied_ms = agent->applied_ms,
			.documents = agent->held_count,
		};

		fn(context, &status);
	}
}

const struct agents_counters *agents_counters(const struct manager *manager)
{
	return &manager->agents->counters;
}
