/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes: the line they stand in, the store, and what is told. See change.h. How they are judged is in judge_change.c.
 */
#include "manager/change.h"

#include <errno.h>
#include <microhttpd.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/log.h"
#include "manager/agents.h"
#include "manager/change_internal.h"
#include "manager/judge.h"
#include "manager/objects.h"
#include "manager/trials.h"
#include "manager/watchers.h"
#include "manager/writer.h"

#define RETRIES_MOST 50
#define WAITING_MOST 1024
#define DOUBTS_MOST 20
#define DOUBT_US 100000

struct changes {
	struct manager *manager;
	TAILQ_HEAD(, change) line; /* the first one is under way */
	bool busy;                 /* in the store */
	uint64_t waits_for;        /* a revision of somebody else's, which judging again needs; 0: none */
	uint64_t handed_out;       /* the latest revision that the handle which writes has seen; its thread's */
	struct change_counters counters;
};

/* ---- ends */

static void items_free(struct change_request *request)
{
	for (size_t i = 0; i < request->count; i++)
		cJSON_Delete(request->items[i].body);
	free(request->items);
}

static void stored_free(struct change *change)
{
	for (size_t i = 0; i < change->stored.count; i++) {
		free((char *)change->writes[i].key);
		free((char *)change->writes[i].body);
	}
	free(change->writes);
	change->writes = NULL;
	change->stored.count = 0;
}

static void change_free(struct change *change)
{
	if (change->request.free_context)
		change->request.free_context(change->request.context);
	stored_free(change);
	items_free(&change->request);
	http_findings_free(&change->findings);
	cJSON_Delete(change->differences);
	free(change);
}

/* What is wrong is said; without a request it is logged. */
static void change_refuse(struct changes *changes, struct change *change)
{
	const cJSON *each;

	changes->counters.refused++;
	if (change->request.request) {
		http_refuse_findings(change->request.request,
			change->status ? change->status : MHD_HTTP_UNPROCESSABLE_CONTENT, change->message,
			&change->findings);
		return;
	}
	log_error("change by %s: %s", auth_who(&change->request.principal), change->message);
	cJSON_ArrayForEach(each, change->findings.list) {
		log_error("change: %s: %s", cJSON_GetStringValue(json_member(each, "path")),
			cJSON_GetStringValue(json_member(each, "message")));
	}
	if (change->request.done)
		change->request.done(change->request.context, -EINVAL, 0);
}

/* What who runs the manager can do about it. */
static const char *advice(int error)
{
	switch (error) {
	case -ENOSPC:
		return "; what is there is served on: make room where the store is (of etcd: compact, defragment, disarm the "
		       "alarm)";
	case -EROFS:
		return "; what is there is served on: mount the store's file system for writing again";
	case -EIO:
		return "; what is there is served on: look at the disk of the store, and have a backup made";
	case -EUCLEAN:
		return "; what is there is served on: the store is damaged: restore a backup into an empty one";
	case -E2BIG:
		return "; make it several smaller changes";
	case -EHOSTUNREACH:
		return "; what is there is served on: no endpoint of etcd answers, or none has a leader";
	default:
		return "";
	}
}

static void change_fail(struct change *change, int error)
{
	unsigned status = error == -ENOSPC  ? MHD_HTTP_INSUFFICIENT_STORAGE
			  : error == -E2BIG ? MHD_HTTP_CONTENT_TOO_LARGE
					    : MHD_HTTP_SERVICE_UNAVAILABLE;

	log_error("store: %s", strerror(-error));
	if (!change->request.request) {
		if (change->request.done)
			change->request.done(change->request.context, error, 0);
		return;
	}
	if (error == -EINPROGRESS)
		http_refuse(change->request.request, MHD_HTTP_GATEWAY_TIMEOUT,
			"the store did not say whether it has written the change: look before you try again");
	else if (error == -ESTALE)
		http_refuse(change->request.request, status,
			"others write all the time: nothing was written; try again");
	else
		http_refuse(change->request.request, status, "nothing was written: the store says: %s%s",
			strerror(-error), advice(error));
}

/* ---- answers */

static const char *action_of(const struct state_step *step)
{
	return !step->before ? "create" : !step->after ? "delete" : "set";
}

static void difference_add(cJSON *differences, const struct state_step *step)
{
	const struct object *object = step->after ? step->after : step->before;
	cJSON *difference = cJSON_CreateObject();

	cJSON_AddStringToObject(difference, "action", action_of(step));
	cJSON_AddStringToObject(difference, "kind", model_table[object->kind].name);
	cJSON_AddStringToObject(difference, "name", object->name);
	if (step->before && step->after)
		cJSON_AddItemToObject(difference, "fields", objects_difference(step->before, step->after));
	cJSON_AddItemToArray(differences, difference);
}

/* For who asked: kept, since the steps are over when the store has answered. */
static cJSON *differences_of(const struct state *state)
{
	cJSON *differences = cJSON_CreateArray();
	size_t count;
	const struct state_step *steps = state_steps(state, &count);

	for (size_t i = 0; i < count; i++)
		difference_add(differences, &steps[i]);
	return differences;
}

static void answer_many(struct manager *manager, struct change *change, uint64_t revision)
{
	cJSON *body = cJSON_CreateObject();

	cJSON_AddNumberToObject(body, "revision", (double)revision);
	cJSON_AddBoolToObject(body, "dry_run", change->request.dry_run);
	cJSON_AddItemToObject(body, "changes", change->differences);
	change->differences = NULL;
	if (change->request.dry_run)
		trials_start(manager, change->request.request, body, change->trial, change->tried);
	else
		http_answer(change->request.request, MHD_HTTP_OK, body);
}

static void answer_one(struct manager *manager, struct change *change)
{
	const struct change_item *item = &change->request.items[0];
	struct object *object = state_find(manager->state, item->kind, item->name);
	cJSON *body;

	if (!object) {
		body = cJSON_CreateObject();
		cJSON_AddNumberToObject(body, "revision", (double)state_revision(manager->state));
		http_answer(change->request.request, MHD_HTTP_OK, body);
		return;
	}
	body = objects_render(object);
	if (change->request.extend)
		change->request.extend(change->request.context, body);
	http_answer_object(change->request.request, item->verb == CHANGE_CREATE ? MHD_HTTP_CREATED : MHD_HTTP_OK, body,
		object->revision);
}

static void change_answer(struct manager *manager, struct change *change)
{
	uint64_t revision = state_revision(manager->state);

	if (!change->request.request) {
		if (change->request.done)
			change->request.done(change->request.context, 0, revision);
	} else if (change->request.many || change->request.dry_run) {
		answer_many(manager, change, revision);
	} else {
		answer_one(manager, change);
	}
}

/* ---- into the state */

static int put_again(struct state *state, const char *key, const char *body)
{
	struct json_error error;
	cJSON *object;

	if (!body)
		return state_delete(state, key);
	object = json_parse(body, strlen(body), &error);
	return object ? state_put(state, object) : -ENOMEM;
}

/*
 * What the store has is taken over. There is no way back from here: a manager that cannot is no manager any more, and starts anew from
 * the store.
 */
static void take(struct manager *manager, const char *const *keys, const char *const *bodies, size_t count,
	uint64_t revision, uint64_t time_ms, const char *who, const char *why)
{
	struct state_change told = {.revision = revision, .time_ms = time_ms, .who = who, .why = why};
	int error = 0;

	state_begin(manager->state);
	for (size_t i = 0; i < count && !error; i++)
		error = put_again(manager->state, keys[i], bodies[i]);
	if (error) {
		log_error("state: what the store has cannot be taken over: %s", strerror(-error));
		abort();
	}
	state_keep(manager->state, revision);
	told.steps = state_steps(manager->state, &told.count);
	judge_changed(manager, &told);
	agents_changed(manager, &told);
	watchers_changed(manager, &told);
	state_end(manager->state);
}

static void take_own(struct manager *manager, struct change *change)
{
	size_t count = change->stored.count;
	const char **keys = calloc(count + 1, sizeof(*keys)), **bodies = calloc(count + 1, sizeof(*bodies));

	if (!keys || !bodies)
		abort();
	for (size_t i = 0; i < count; i++) {
		keys[i] = change->writes[i].key;
		bodies[i] = change->writes[i].body;
	}
	take(manager, keys, bodies, count, change->stored.revision, change->stored.time_ms, change->stored.who,
		change->stored.why);
	free(keys);
	free(bodies);
}

/* ---- the line */

static void next(struct changes *changes);

static void leave(struct changes *changes)
{
	struct change *change = TAILQ_FIRST(&changes->line);

	TAILQ_REMOVE(&changes->line, change, links);
	changes->counters.waiting--;
	change_free(change);
}

/* What stands in the log after the base, if anything does. */
struct doubt {
	struct store *store;
	uint64_t tag;
	bool found, ours;
};

static int on_found(void *context, const struct store_change *change)
{
	struct doubt *doubt = context;

	(void)change;
	doubt->found = true;
	doubt->ours = store_followed_tag(doubt->store) == doubt->tag;
	return 0;
}

static int on_seen(void *context, const struct store_change *change)
{
	((struct changes *)context)->handed_out = change->revision;
	return 0;
}

/* Whether it was written is to be known before anything else is: looked up, or written again, while there is hope. */
static int commit(struct store *store, void *context)
{
	struct change *change = context;
	int error = 0;

	/* What others wrote came by another handle; this one has to have seen what the change was judged by. */
	if (change->changes->handed_out < change->base && store_is_shared(store))
		error = store_follow(store, 0, on_seen, change->changes);
	if (!error)
		error = store_commit(store, change->base, change->tag, &change->stored);
	for (unsigned i = 0; error == -EINPROGRESS && i < DOUBTS_MOST; i++) {
		struct doubt doubt = {.store = store, .tag = change->tag};

		if (i)
			usleep(DOUBT_US);
		if (store_changes(store, change->base, 1, on_found, &doubt))
			continue;
		if (doubt.found && doubt.ours) {
			change->stored.revision = change->base + 1;
			error = 0;
			break;
		}
		error = doubt.found ? -ESTALE : store_commit(store, change->base, change->tag, &change->stored);
	}
	if (!error)
		change->changes->handed_out = change->stored.revision;
	return error;
}

static void on_committed(void *context, int result)
{
	struct change *change = context;
	struct changes *changes = change->changes;
	struct manager *manager = changes->manager;

	changes->busy = false;
	if (result == -ESTALE && change->tries < RETRIES_MOST && writer_is_shared(manager)) {
		/* Judged again on what others wrote: as soon as that is here. */
		changes->counters.retried++;
		changes->waits_for = state_revision(manager->state) > change->base ? 0 : change->base + 1;
		stored_free(change);
		next(changes);
		return;
	}
	if (result == -ESTALE && !writer_is_shared(manager)) {
		/* Nobody else writes: it was in doubt whether a change was written, and it was. */
		log_error("store: it has more than is known here; start again");
		abort();
	}
	if (result) {
		change_fail(change, result);
	} else {
		changes->counters.committed++;
		if (change->stored.revision > state_revision(manager->state))
			take_own(manager, change);
		change_answer(manager, change);
	}
	leave(changes);
	next(changes);
}

/* The steps as what is stored. Returns 0 or -ENOMEM. */
static int store_steps(struct change *change, const struct state *state)
{
	size_t count;
	const struct state_step *steps = state_steps(state, &count);

	change->writes = calloc(count + 1, sizeof(*change->writes));
	if (!change->writes)
		return -ENOMEM;
	change->stored = (struct store_change){
		.time_ms = manager_wall_ms(),
		.who = auth_who(&change->request.principal),
		.why = change->request.why,
		.writes = change->writes,
	};
	for (size_t i = 0; i < count; i++) {
		const struct object *object = steps[i].after ? steps[i].after : steps[i].before;

		/* Made and deleted in one: nothing. */
		if (!object)
			continue;
		change->writes[change->stored.count] = (struct store_write){
			.key = strdup(object->key),
			.body = steps[i].after ? cJSON_PrintUnformatted(steps[i].after->body) : NULL,
		};
		change->stored.count++;
		if (!change->writes[change->stored.count - 1].key ||
			(steps[i].after && !change->writes[change->stored.count - 1].body))
			return -ENOMEM;
	}
	return 0;
}

/* Judges the first in the line. Returns true when it is on its way to the store; else it is over. */
static bool judge_first(struct changes *changes, struct change *change)
{
	struct manager *manager = changes->manager;
	struct state *state = manager->state;
	size_t count;
	int error;

	if (manager->stale) {
		change_fail(change, -EHOSTUNREACH);
		return false;
	}
	change->tries++;
	change->base = state_revision(state);
	state_begin(state);
	error = change_judge(manager, change);
	state_steps(state, &count);
	if (!error && (change->request.many || change->request.dry_run))
		change->differences = differences_of(state);
	if (!error && !change->request.dry_run && count)
		error = store_steps(change, state);
	/* While the state is as it would be. */
	if (!error && change->request.dry_run) {
		change->trial = trials_number(manager);
		change->tried = agents_try(manager, state_steps(state, &count), count, change->trial);
	}
	state_undo(state);
	if (error == -EINVAL) {
		change_refuse(changes, change);
		return false;
	}
	if (!error && (change->request.dry_run || !count)) {
		change_answer(manager, change);
		return false;
	}
	if (!error)
		error = writer_run(manager, commit, on_committed, change);
	if (error)
		change_fail(change, error);
	return !error;
}

static void next(struct changes *changes)
{
	while (!changes->busy && !changes->waits_for && !TAILQ_EMPTY(&changes->line)) {
		struct change *change = TAILQ_FIRST(&changes->line);

		cJSON_Delete(change->differences);
		change->differences = NULL;
		changes->busy = judge_first(changes, change);
		if (!changes->busy)
			leave(changes);
	}
}

void change_start(struct manager *manager, struct change_request *request)
{
	struct changes *changes = manager->changes;
	struct change *change = calloc(1, sizeof(*change));

	if (!change || changes->counters.waiting >= WAITING_MOST) {
		if (request->request)
			http_refuse(request->request, MHD_HTTP_SERVICE_UNAVAILABLE, "too many changes wait: try again");
		else if (request->done)
			request->done(request->context, -EBUSY, 0);
		if (request->free_context)
			request->free_context(request->context);
		items_free(request);
		free(change);
		return;
	}
	change->request = *request;
	change->changes = changes;
	randombytes_buf(&change->tag, sizeof(change->tag));
	TAILQ_INSERT_TAIL(&changes->line, change, links);
	changes->counters.waiting++;
	next(changes);
}

void change_followed(struct manager *manager, const struct followed_change *followed, int result)
{
	struct changes *changes = manager->changes;

	if (!followed) {
		manager->stale = result != -EAGAIN;
		if (manager->stale) {
			log_error("store: cannot be followed: %s; what is known goes on", strerror(-result));
			/* Who waits for what others wrote would wait for as long as that. */
			changes->waits_for = 0;
			next(changes);
		} else {
			log_notice("store: is followed again");
		}
		return;
	}
	if (followed->revision > state_revision(manager->state)) {
		changes->counters.followed++;
		take(manager, (const char *const *)followed->keys, (const char *const *)followed->bodies,
			followed->count, followed->revision, followed->time_ms, followed->who, followed->why);
	}
	if (changes->waits_for && state_revision(manager->state) >= changes->waits_for) {
		changes->waits_for = 0;
		next(changes);
	}
}

/* ---- start and end */

int changes_open(struct manager *manager)
{
	struct changes *changes = calloc(1, sizeof(*changes));

	if (!changes)
		return -ENOMEM;
	changes->manager = manager;
	TAILQ_INIT(&changes->line);
	manager->changes = changes;
	return 0;
}

void changes_close(struct manager *manager)
{
	struct changes *changes = manager->changes;

	if (!changes)
		return;
	/* The store's threads have ended: nobody speaks of these any more. */
	while (!TAILQ_EMPTY(&changes->line)) {
		struct change *change = TAILQ_FIRST(&changes->line);

		change_fail(change, -ECANCELED);
		leave(changes);
	}
	free(changes);
	manager->changes = NULL;
}

const struct change_counters *change_counters(const struct manager *manager)
{
	return &manager->changes->counters;
}
