/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An agent's stream: what it has, what it should have, and the difference on its way to it. See agents_internal.h.
 */
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/log.h"
#include "lib/time.h"
#include "manager/agents_internal.h"
#include "manager/watchers.h"

#define HAVE_MOST 100000 /* documents that an agent may say it has */

/* A part of what is on its way to an agent: text of its own, or a document's. */
struct part {
	STAILQ_ENTRY(part) links;
	struct doc *doc; /* NULL: the text below */
	size_t length;
	char text[];
};

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

int PRINTF_LIKE(2, 3) agent_line(struct agent *agent, const char *format, ...)
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
	int error = agent_line(agent, "{%s\"set\":\"%s\",\"digest\":\"%016llx\",\"value\":", prefix, doc->key,
		(unsigned long long)doc->digest);

	if (!error)
		error = part_add(agent, NULL, 0, doc);
	return error ? error : agent_line(agent, "}\n");
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

void agent_forget(struct agent *agent)
{
	parts_drop(agent);
	held_free(agent);
}

/* Both are in order of keys. Returns the number of differences, or -ENOMEM. */
long agent_send_difference(struct agent *agent, const struct view *view, const char *prefix)
{
	size_t i = 0, j = 0;
	long count = 0;
	int error = 0;

	while (!error && (i < agent->held_count || j < view->count)) {
		int order = i == agent->held_count ? 1
			    : j == view->count     ? -1
						   : strcmp(agent->held[i].key, view->entries[j]->key);

		if (order < 0) {
			error = agent_line(agent, "{%s\"gone\":\"%s\"}\n", prefix, agent->held[i++].key);
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
	count = agent_send_difference(agent, &view, "");
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
		error = agent_line(agent, "{\"commit\":%llu}\n", (unsigned long long)agent->sent);
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

void agent_wake(struct agent *agent)
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
	agent = agents_take(manager->agents, http_principal(request)->name);
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
	struct agent *agent = agents_find(manager->agents, http_principal(request)->name);
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
