/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Agents and their streams. See agents.h.
 */
#include "manager/agents.h"

#include <errno.h>
#include <microhttpd.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/time.h"
#include "manager/concern.h"
#include "manager/watchers.h"

#define ALIVE_NS (25 * NSEC_PER_SEC)
#define TICK_NS NSEC_PER_SEC
#define SPREAD_NS (10 * NSEC_PER_SEC) /* who was told something at one time is not told "alive" at one time */
#define SWEEP_TICKS 16   /* places are looked at once in so many ticks: they are not sent when their time is over */
#define HAVE_MOST 100000 /* documents that an agent may say it has */

/* A part of what is on its way to an agent: text of its own, or a document's. */
struct part {
	STAILQ_ENTRY(part) links;
	struct doc *doc; /* NULL: the text below */
	size_t length;
	char text[];
};

/* What an agent has: by key, with the digest of it. Sorted by key; keys are the documents', or, at first, its own. */
struct held {
	char *key;
	uint64_t digest;
};

struct agent {
	struct table_node by_name;
	LIST_ENTRY(agent) all;
	struct agents *agents;
	struct http_stream *stream; /* NULL: not connected */
	struct stream_of *of;       /* its context */
	STAILQ_HEAD(, part) parts;
	size_t offset; /* in the first part */
	struct held *held;
	size_t held_count;
	uint64_t dirty_since;               /* the first change that may concern it and was not looked at; 0: none */
	uint64_t sent, applied, late_since; /* late: the first change of those sent and not applied */
	uint64_t applied_ms, sent_ns, mark, tried;
	bool begun; /* the first commit of this stream was sent */
	LIST_HEAD(, subscription) subscriptions;
	char name[MODEL_PART_MAX];
};

struct subscription {
	struct table_node by_place;
	LIST_ENTRY(subscription) of_agent;
	struct agent *agent;
	uint32_t vni;
	struct ipv4 address;
	uint64_t end_ns;
};

struct agents {
	struct manager *manager;
	struct viewer *viewer;
	struct table by_name, places;
	LIST_HEAD(, agent) all;
	struct loop_timer *tick;
	unsigned ticks;
	struct agents_counters counters;
	uint8_t hash_key[crypto_shorthash_KEYBYTES];
};

/* ---- finding */

static uint64_t hash_of(const struct agents *agents, const void *octets, size_t length)
{
	uint64_t hash;

	crypto_shorthash((uint8_t *)&hash, octets, length, agents->hash_key);
	return hash;
}

static struct agent *agent_find(struct agents *agents, const char *name)
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

static struct agent *agent_take(struct agents *agents, const char *name)
{
	struct agent *agent = agent_find(agents, name);

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

/* ---- what is on its way */

static int part_add(struct agent *agent, const char *text, size_t length, struct doc *doc)
{
	struct part *part = malloc(sizeof(*part) + (doc ? 0 : length));

	if (!part)
		return -ENOMEM;
	part->doc = doc ? doc_hold(doc) : NULL;
	part->length = doc ? doc->length : length;
	if (!doc)
		memcpy(part->text, text, length);
	STAILQ_INSERT_TAIL(&agent->parts, part, links);
	return 0;
}

static void part_free(struct part *part)
{
	doc_release(part->doc);
	free(part);
}

static void parts_drop(struct agent *agent)
{
	struct part *part;

	while ((part = STAILQ_FIRST(&agent->parts))) {
		STAILQ_REMOVE_HEAD(&agent->parts, links);
		part_free(part);
	}
	agent->offset = 0;
}

static int PRINTF_LIKE(2, 3) line_add(struct agent *agent, const char *format, ...)
{
	char text[MODEL_KEY_MAX + 128];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= sizeof(text))
		return -EINVAL;
	return part_add(agent, text, (size_t)length, NULL);
}

static int line_set(struct agent *agent, struct doc *doc, const char *prefix)
{
	int error = line_add(agent, "{%s\"set\":\"%s\",\"digest\":\"%016llx\",\"value\":", prefix, doc->key,
		(unsigned long long)doc->digest);

	if (!error)
		error = part_add(agent, NULL, 0, doc);
	return error ? error : line_add(agent, "}\n");
}

/* ---- what it has, and what it should have */

static void held_free(struct agent *agent)
{
	for (size_t i = 0; i < agent->held_count; i++)
		free(agent->held[i].key);
	free(agent->held);
	agent->held = NULL;
	agent->held_count = 0;
}

static int held_become(struct agent *agent, const struct view *view)
{
	struct held *held = calloc(view->count + 1, sizeof(*held));

	if (!held)
		return -ENOMEM;
	for (size_t i = 0; i < view->count; i++) {
		held[i] = (struct held){.key = strdup(view->entries[i]->key), .digest = view->entries[i]->digest};
		if (!held[i].key) {
			for (size_t j = 0; j < i; j++)
				free(held[j].key);
			free(held);
			return -ENOMEM;
		}
	}
	held_free(agent);
	agent->held = held;
	agent->held_count = view->count;
	return 0;
}

/* Both are in order of keys. Returns the number of differences, or -ENOMEM. */
static long send_difference(struct agent *agent, const struct view *view, const char *prefix)
{
	size_t i = 0, j = 0;
	long count = 0;
	int error = 0;

	while (!error && (i < agent->held_count || j < view->count)) {
		int order = i == agent->held_count ? 1
			    : j == view->count     ? -1
						   : strcmp(agent->held[i].key, view->entries[j]->key);

		if (order < 0) {
			error = line_add(agent, "{%s\"gone\":\"%s\"}\n", prefix, agent->held[i++].key);
			count++;
			continue;
		}
		if (order > 0 || agent->held[i].digest != view->entries[j]->digest) {
			error = line_set(agent, view->entries[j], prefix);
			count++;
		}
		i += order == 0;
		j++;
	}
	return error ? error : count;
}

/* Looks at what may concern it. Returns 0, or -ENOMEM: the stream ends, and the agent comes again. */
static int agent_refresh(struct agent *agent)
{
	struct manager *manager = agent->agents->manager;
	const struct object *host = state_find(manager->state, MODEL_HOST, agent->name);
	uint64_t since = agent->dirty_since;
	struct view view = {0};
	long count;
	int error;

	agent->dirty_since = 0;
	if (!host)
		return -ENOENT;
	error = view_make(agent->agents->viewer, host, &view);
	if (error)
		return error;
	count = send_difference(agent, &view, "");
	if (count < 0)
		error = (int)count;
	/* The first commit says that this is all, also when there was nothing to send. */
	if (!error && (count > 0 || !agent->begun)) {
		agent->begun = true;
		agent->sent = state_revision(manager->state);
		if (!agent->late_since && count > 0)
			agent->late_since = since ? since : agent->sent;
		agent->agents->counters.messages++;
		agent->agents->counters.documents += (uint64_t)count;
		error = line_add(agent, "{\"commit\":%llu}\n", (unsigned long long)agent->sent);
	}
	if (!error && count > 0)
		error = held_become(agent, &view);
	view_free(&view);
	return error;
}

/* ---- the stream */

static long on_pull(void *context, char *to, size_t room)
{
	struct agent *agent = context;
	size_t written = 0;
	struct part *part;

	if (STAILQ_EMPTY(&agent->parts) && agent->dirty_since && agent_refresh(agent))
		return -1;
	while (written < room && (part = STAILQ_FIRST(&agent->parts))) {
		const char *text = part->doc ? part->doc->text : part->text;
		size_t length = part->length - agent->offset;

		length = length < room - written ? length : room - written;
		memcpy(to + written, text + agent->offset, length);
		written += length;
		agent->offset += length;
		if (agent->offset < part->length)
			break;
		STAILQ_REMOVE_HEAD(&agent->parts, links);
		agent->offset = 0;
		part_free(part);
	}
	if (written)
		agent->sent_ns = time_now_ns();
	return (long)written;
}

/* What a stream belongs to. NULL: another one of the same host has taken its place, and it ends at its next pull. */
struct stream_of {
	struct agent *agent;
};

static long stream_pull(void *context, char *to, size_t room)
{
	struct stream_of *of = context;

	return of->agent ? on_pull(of->agent, to, room) : -1;
}

static void stream_gone(void *context)
{
	struct stream_of *of = context;
	struct agent *agent = of->agent;

	free(of);
	if (!agent)
		return;
	agent->stream = NULL;
	agent->agents->counters.connected--;
	parts_drop(agent);
	log_debug("agent %s: gone", agent->name);
}

static void agent_wake(struct agent *agent)
{
	if (agent->stream)
		http_wake(agent->stream);
}

/* ---- POST /v1/agent/watch */

static int by_key(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	return strcmp(x->key, y->key);
}

/* It is sent back as it is. */
static bool key_is_plain(const char *key)
{
	if (strlen(key) >= MODEL_KEY_MAX)
		return false;
	for (; *key; key++)
		if (*key <= ' ' || *key > '~' || *key == '"' || *key == '\\')
			return false;
	return true;
}

/* What the agent says it has. Returns 0, or -EINVAL: an answer has been given. */
static int held_read(struct http_request *request, const cJSON *have, struct held **out, size_t *out_count)
{
	size_t most = (size_t)cJSON_GetArraySize(have), count = 0;
	struct held *held = most <= HAVE_MOST ? calloc(most + 1, sizeof(*held)) : NULL;
	const cJSON *each;

	if (!cJSON_IsObject(have) || !held) {
		free(held);
		http_refuse(request, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"have: expected an object of at most %d digests by key", HAVE_MOST);
		return -EINVAL;
	}
	cJSON_ArrayForEach(each, have) {
		if (!key_is_plain(each->string)) {
			while (count)
				free(held[--count].key);
			free(held);
			http_refuse(request, MHD_HTTP_UNPROCESSABLE_CONTENT,
				"have: expected keys as they were told, got '%.80s'", each->string);
			return -EINVAL;
		}
		held[count].key = strdup(each->string);
		held[count].digest = cJSON_IsString(each) ? strtoull(each->valuestring, NULL, 16) : 0;
		count += held[count].key != NULL;
	}
	if (count)
		qsort(held, count, sizeof(*held), by_key);
	*out = held;
	*out_count = count;
	return 0;
}

static void stream_replace(struct agent *agent)
{
	struct stream_of *of;

	if (!agent->stream)
		return;
	of = agent->of;
	of->agent = NULL;
	http_wake(agent->stream);
	agent->stream = NULL;
	agent->agents->counters.connected--;
	parts_drop(agent);
}

void agents_watch(struct http_request *request)
{
	struct manager *manager = http_manager(request);
	const cJSON *body = http_json(request);
	struct agent *agent;
	struct stream_of *of;
	struct held *held;
	size_t count;

	if (!body || held_read(request, json_member(body, "have"), &held, &count))
		return;
	agent = agent_take(manager->agents, http_principal(request)->name);
	of = calloc(1, sizeof(*of));
	if (!agent || !of) {
		for (size_t i = 0; i < count; i++)
			free(held[i].key);
		free(held);
		free(of);
		http_refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
		return;
	}
	stream_replace(agent);
	held_free(agent);
	agent->held = held;
	agent->held_count = count;
	agent->begun = false;
	agent->applied = agent->sent = agent->late_since = 0;
	agent->dirty_since = state_revision(manager->state) ? state_revision(manager->state) : 1;
	of->agent = agent;
	agent->of = of;
	agent->stream = http_stream(request, "application/x-ndjson", stream_pull, stream_gone, of);
	if (!agent->stream) {
		free(of);
		http_refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
		return;
	}
	manager->agents->counters.connected++;
	log_debug("agent %s: watches", agent->name);
}

void agents_applied(struct http_request *request)
{
	struct manager *manager = http_manager(request);
	struct agent *agent = agent_find(manager->agents, http_principal(request)->name);
	const cJSON *body = http_json(request);
	long long revision;

	if (!body)
		return;
	if (json_integer(json_member(body, "revision"), 0, 1ll << 53, &revision)) {
		http_refuse(request, MHD_HTTP_UNPROCESSABLE_CONTENT, "revision: expected a number");
		return;
	}
	if (agent && (uint64_t)revision <= agent->sent && (uint64_t)revision > agent->applied) {
		agent->applied = (uint64_t)revision;
		agent->applied_ms = manager_wall_ms();
		agent->late_since = agent->applied < agent->sent ? agent->applied + 1 : 0;
		watchers_applied(manager);
	}
	http_answer(request, MHD_HTTP_NO_CONTENT, NULL);
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
	struct agent *agent = agent_take(agents, host->name);
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
			line_add(subscription->agent, "{\"place\":{\"vni\":%u,\"address\":\"%s\"}}\n", vni,
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
	struct agent *agent = agent_find(marking->agents, name);

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
	agent = agent_find(agents, step->before->name);
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
	struct agent *agent = agent_find(trying->agents, name);
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
	if (send_difference(agent, &view, prefix) > 0 && line_add(agent, "{%s\"end\":true}\n", prefix) == 0) {
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
		line_add(agent, "{\"alive\":%llu}\n", (unsigned long long)revision);
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
		parts_drop(agent);
		held_free(agent);
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
