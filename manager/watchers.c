/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events and waiting. See watchers.h.
 */
#include "manager/watchers.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/time.h"

#define WAIT_MOST_S 300
#define LOOK_NS NSEC_PER_MSEC /* agents that say something at about the same time are looked at together */
#define EVENTS_MOST 1024      /* who watches at a time, and of one account: */
#define EVENTS_EACH_MOST 64
#define EVENTS_WAITING_MOST (1 << 20) /* octets for one that does not read */
#define LATE_MOST 100                 /* agents named in an answer */
#define RECENT 1024                   /* changes whose time is remembered */

struct line {
	STAILQ_ENTRY(line) links;
	size_t length;
	char text[];
};

struct eventer {
	LIST_ENTRY(eventer) all;
	struct watchers *watchers;
	struct http_stream *stream;
	struct principal principal;
	uint64_t expires_s;           /* of its token; 0: never */
	char account[MODEL_PART_MAX]; /* only what is of this one; "": of all that may be seen */
	STAILQ_HEAD(, line) lines;
	size_t offset, waiting;
	bool lost;
};

struct waiter {
	LIST_ENTRY(waiter) all;
	struct watchers *watchers;
	struct http_request *request;
	bool names; /* of hosts may be told */
	uint64_t revision, end_ns;
};

struct watchers {
	struct manager *manager;
	LIST_HEAD(, eventer) eventers;
	LIST_HEAD(, waiter) waiters;
	unsigned eventer_count;
	struct loop_timer *timer;
	bool soon;                 /* the timer is for what agents have said, not for who has waited long enough */
	uint64_t times_ms[RECENT]; /* by revision */
};

/* ---- events */

static void eventer_say(struct eventer *eventer, const cJSON *event)
{
	char *text = cJSON_PrintUnformatted(event);
	size_t length = text ? strlen(text) : 0;
	struct line *line = text ? malloc(sizeof(*line) + length + 1) : NULL;

	if (line && !eventer->lost && eventer->waiting + length <= EVENTS_WAITING_MOST) {
		line->length = length + 1;
		memcpy(line->text, text, length);
		line->text[length] = '\n';
		STAILQ_INSERT_TAIL(&eventer->lines, line, links);
		eventer->waiting += line->length;
		http_wake(eventer->stream);
	} else {
		/* Who does not read as fast loses the stream: it comes again, and reads the log. */
		free(line);
		eventer->lost = true;
		http_wake(eventer->stream);
	}
	free(text);
}

static long eventer_pull(void *context, char *to, size_t room)
{
	struct eventer *eventer = context;
	size_t written = 0;
	struct line *line;

	while (written < room && (line = STAILQ_FIRST(&eventer->lines))) {
		size_t length = line->length - eventer->offset;

		length = length < room - written ? length : room - written;
		memcpy(to + written, line->text + eventer->offset, length);
		written += length;
		eventer->offset += length;
		eventer->waiting -= length;
		if (eventer->offset < line->length)
			break;
		STAILQ_REMOVE_HEAD(&eventer->lines, links);
		eventer->offset = 0;
		free(line);
	}
	return !written && eventer->lost ? -1 : (long)written;
}

static void eventer_gone(void *context)
{
	struct eventer *eventer = context;
	struct line *line;

	while ((line = STAILQ_FIRST(&eventer->lines))) {
		STAILQ_REMOVE_HEAD(&eventer->lines, links);
		free(line);
	}
	LIST_REMOVE(eventer, all);
	eventer->watchers->eventer_count--;
	free(eventer);
}

static unsigned watching(const struct watchers *watchers, const struct principal *principal)
{
	const struct eventer *each;
	unsigned count = 0;

	LIST_FOREACH(each, &watchers->eventers, all)
		count += !strcmp(each->principal.account, principal->account);
	return count;
}

void watchers_events(struct http_request *request)
{
	struct watchers *watchers = http_manager(request)->watchers;
	const char *account = http_query(request, "account");
	const struct object *token;
	struct eventer *eventer;

	if (account && strlen(account) >= MODEL_PART_MAX) {
		http_refuse(request, MHD_HTTP_BAD_REQUEST, "account: expected the name of an account");
		return;
	}
	if (watchers->eventer_count >= EVENTS_MOST || watching(watchers, http_principal(request)) >= EVENTS_EACH_MOST) {
		http_refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE,
			"too many watch already: at most %d, and %d of an account", EVENTS_MOST, EVENTS_EACH_MOST);
		return;
	}
	eventer = calloc(1, sizeof(*eventer));
	if (!eventer) {
		http_refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
		return;
	}
	eventer->watchers = watchers;
	token = state_find(watchers->manager->state, MODEL_TOKEN, http_principal(request)->name);
	eventer->expires_s = token ? (uint64_t)object_number(token, "expires", 0) : 0;
	strcpy(eventer->account, account ? account : "");
	eventer->principal = *http_principal(request);
	STAILQ_INIT(&eventer->lines);
	LIST_INSERT_HEAD(&watchers->eventers, eventer, all);
	watchers->eventer_count++;
	eventer->stream = http_stream(request, "application/x-ndjson", eventer_pull, eventer_gone, eventer);
	if (!eventer->stream) {
		eventer_gone(eventer);
		http_refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
	}
}

/* An account hears of its own objects, and of a change in which there is none nothing. */
static cJSON *event_of(const struct eventer *eventer, const struct state_change *change)
{
	const struct principal *principal = &eventer->principal;
	char account[MODEL_PART_MAX];
	cJSON *event = cJSON_CreateObject(), *writes;

	cJSON_AddStringToObject(event, "event", "change");
	cJSON_AddNumberToObject(event, "revision", (double)change->revision);
	cJSON_AddNumberToObject(event, "time_ms", (double)change->time_ms);
	cJSON_AddStringToObject(event, "who", change->who);
	cJSON_AddStringToObject(event, "why", change->why);
	writes = cJSON_AddArrayToObject(event, "changes");
	for (size_t i = 0; i < change->count; i++) {
		const struct state_step *step = &change->steps[i];
		const struct object *object = step->after ? step->after : step->before;
		cJSON *write;

		if (!object || !auth_sees(principal, object))
			continue;
		object_account(object, account);
		if (*eventer->account && strcmp(eventer->account, account))
			continue;
		write = cJSON_CreateObject();
		cJSON_AddStringToObject(write, "action", !step->before ? "create" : step->after ? "set" : "delete");
		cJSON_AddStringToObject(write, "kind", model_table[object->kind].name);
		cJSON_AddStringToObject(write, "name", object->name);
		cJSON_AddItemToArray(writes, write);
	}
	if (!writes->child) {
		cJSON_Delete(event);
		return NULL;
	}
	return event;
}

/* ---- waiting */

struct lateness {
	uint64_t revision, applied_ms;
	bool names;
	cJSON *late;
	size_t count;
};

static void look_at(void *context, const struct agent_status *status)
{
	struct lateness *lateness = context;
	cJSON *entry;

	if (status->applied_ms > lateness->applied_ms)
		lateness->applied_ms = status->applied_ms;
	if (!status->late_since || status->late_since > lateness->revision)
		return;
	if (lateness->count++ >= LATE_MOST || !lateness->names)
		return;
	entry = cJSON_CreateObject();
	cJSON_AddStringToObject(entry, "host", status->host);
	cJSON_AddBoolToObject(entry, "connected", status->connected);
	cJSON_AddNumberToObject(entry, "applied", (double)status->applied);
	cJSON_AddItemToArray(lateness->late, entry);
}

static struct lateness lateness_of(const struct manager *manager, const struct waiter *waiter)
{
	struct lateness lateness = {
		.revision = waiter->revision,
		.names = waiter->names,
		.late = cJSON_CreateArray(),
	};

	agents_each(manager, look_at, &lateness);
	return lateness;
}

static void wait_answer(struct watchers *watchers, struct http_request *request, struct lateness *lateness)
{
	uint64_t revision = lateness->revision, changed_ms = watchers->times_ms[revision % RECENT];
	uint64_t until_ms = lateness->count ? manager_wall_ms() : lateness->applied_ms;
	cJSON *body = cJSON_CreateObject();

	cJSON_AddNumberToObject(body, "revision", (double)revision);
	cJSON_AddBoolToObject(body, "live", lateness->count == 0);
	if (changed_ms)
		cJSON_AddNumberToObject(body, "took_ms", until_ms > changed_ms ? (double)(until_ms - changed_ms) : 0);
	cJSON_AddNumberToObject(body, "late_count", (double)lateness->count);
	cJSON_AddItemToObject(body, "late", lateness->late);
	lateness->late = NULL;
	http_answer(request, MHD_HTTP_OK, body);
}

static void waiter_end(struct waiter *waiter, struct lateness *lateness)
{
	LIST_REMOVE(waiter, all);
	http_on_gone(waiter->request, NULL, NULL);
	wait_answer(waiter->watchers, waiter->request, lateness);
	free(waiter);
}

static void waiter_gone(void *context)
{
	struct waiter *waiter = context;

	LIST_REMOVE(waiter, all);
	free(waiter);
}

/* Who waits for what is live now is answered, and who has waited long enough. */
static void waiters_look(struct watchers *watchers)
{
	uint64_t now_ns = time_now_ns(), next_ns = UINT64_MAX;
	struct waiter *waiter, *following;

	watchers->soon = false;
	for (waiter = LIST_FIRST(&watchers->waiters); waiter; waiter = following) {
		struct lateness lateness = {0};
		bool there = state_revision(watchers->manager->state) >= waiter->revision;

		following = LIST_NEXT(waiter, all);
		lateness = lateness_of(watchers->manager, waiter);
		if ((there && !lateness.count) || now_ns >= waiter->end_ns)
			waiter_end(waiter, &lateness);
		else if (waiter->end_ns < next_ns)
			next_ns = waiter->end_ns;
		cJSON_Delete(lateness.late);
	}
	if (next_ns != UINT64_MAX)
		loop_timer_at(watchers->timer, next_ns);
}

static void on_timer(void *context)
{
	waiters_look(context);
}

void watchers_wait(struct http_request *request)
{
	struct watchers *watchers = http_manager(request)->watchers;
	struct waiter *waiter;
	uint64_t revision, timeout_s;

	if (http_number(request, "revision", 0, 1ull << 53, state_revision(watchers->manager->state), &revision) ||
		http_number(request, "timeout", 0, WAIT_MOST_S, 30, &timeout_s))
		return;
	waiter = calloc(1, sizeof(*waiter));
	if (!waiter) {
		http_refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
		return;
	}
	*waiter = (struct waiter){
		.watchers = watchers,
		.request = request,
		.names = http_principal(request)->role == ROLE_OPERATOR,
		.revision = revision,
		.end_ns = time_now_ns() + timeout_s * NSEC_PER_SEC,
	};
	LIST_INSERT_HEAD(&watchers->waiters, waiter, all);
	http_on_gone(request, waiter_gone, waiter);
	waiters_look(watchers);
}

/* ---- what happens */

static bool token_is_same(const struct object *before, const struct object *after)
{
	static const char *const members[] = {"role", "verbs", "expires", "hash"};

	for (size_t i = 0; after && i < ARRAY_LEN(members); i++) {
		const cJSON *was = json_member(before->body, members[i]), *is = json_member(after->body, members[i]);

		if (was != is && !(was && is && cJSON_Compare(was, is, true)))
			return false;
	}
	return after != NULL;
}

/* Who may not any more hears nothing more: its token has gone, or may other things; it comes again with what it has then. */
static bool is_over(const struct eventer *eventer, const struct state_change *change)
{
	if (eventer->expires_s && eventer->expires_s <= manager_wall_ms() / 1000)
		return true;
	for (size_t i = 0; i < change->count; i++) {
		const struct object *token = change->steps[i].before;

		if (token && token->kind == MODEL_TOKEN && !strcmp(token->name, eventer->principal.name) &&
			!token_is_same(token, change->steps[i].after))
			return true;
	}
	return false;
}

void watchers_changed(struct manager *manager, const struct state_change *change)
{
	struct watchers *watchers = manager->watchers;
	struct eventer *each;
	cJSON *event;

	watchers->times_ms[change->revision % RECENT] = change->time_ms;
	LIST_FOREACH(each, &watchers->eventers, all) {
		if (is_over(each, change)) {
			http_stream_end(each->stream);
			continue;
		}
		event = event_of(each, change);
		if (event)
			eventer_say(each, event);
		cJSON_Delete(event);
	}
	waiters_look(watchers);
}

void watchers_applied(struct manager *manager)
{
	struct watchers *watchers = manager->watchers;

	if (LIST_EMPTY(&watchers->waiters) || watchers->soon)
		return;
	watchers->soon = true;
	loop_timer_at(watchers->timer, time_now_ns() + LOOK_NS);
}

/* ---- start and end */

int watchers_open(struct manager *manager)
{
	struct watchers *watchers = calloc(1, sizeof(*watchers));

	if (!watchers)
		return -ENOMEM;
	watchers->manager = manager;
	watchers->timer = loop_timer(manager->loop, on_timer, watchers);
	manager->watchers = watchers;
	return watchers->timer ? 0 : -ENOMEM;
}

void watchers_close(struct manager *manager)
{
	struct watchers *watchers = manager->watchers;
	struct waiter *waiter;

	if (!watchers)
		return;
	while ((waiter = LIST_FIRST(&watchers->waiters))) {
		struct lateness lateness = lateness_of(manager, waiter);

		waiter_end(waiter, &lateness);
	}
	loop_timer_free(watchers->timer);
	/* Streams of events end with HTTP; what they were is freed there. */
}
