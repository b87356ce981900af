/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the store's past. See history.h.
 */
#include "manager/history.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/log.h"
#include "manager/change.h"
#include "manager/http.h"
#include "manager/objects.h"
#include "manager/writer.h"

#define LOG_DEFAULT 100
#define LOG_MOST 1000
#define LOG_LOOKED_MOST 5000 /* changes of others that one request reads over: the thread is everybody's */
#define VERSIONS_MOST 1000

/* One question about the past, on its way through the store's thread and back. */
struct question {
	struct manager *manager;
	struct http_request *request; /* NULL: its client is gone */
	struct principal principal;
	uint64_t after, limit, last, version;
	uint64_t if_revision;
	char key[MODEL_KEY_MAX]; /* "": any */
	char who[MODEL_NAME_MAX];
	char why[CHANGE_WHY_MAX + 1];
	bool dry_run;
	char name[MODEL_NAME_MAX];
	char path[64];
	cJSON *list; /* what was found */
	cJSON *found;
	uint64_t looked_at;
	char message[STORE_MESSAGE_MAX];
};

static void question_free(struct question *question)
{
	cJSON_Delete(question->list);
	cJSON_Delete(question->found);
	if (*question->path)
		unlink(question->path);
	free(question);
}

static void on_gone(void *context)
{
	((struct question *)context)->request = NULL;
}

/* Starts it; the request is answered when it comes back. NULL: an answer has been given. */
static struct question *question_new(struct http_request *request)
{
	struct question *question = calloc(1, sizeof(*question));

	if (!question) {
		http_refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
		return NULL;
	}
	question->manager = http_manager(request);
	question->request = request;
	question->principal = *http_principal(request);
	question->list = cJSON_CreateArray();
	return question;
}

static void question_run(struct question *question, int (*run)(struct store *store, void *argument),
	void (*done)(void *argument, int result))
{
	http_on_gone(question->request, on_gone, question);
	if (writer_run(question->manager, run, done, question) == 0)
		return;
	http_on_gone(question->request, NULL, NULL);
	http_refuse(question->request, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
	question_free(question);
}

/* True when there is somebody to answer and nothing went wrong. */
static bool question_back(struct question *question, int result)
{
	if (question->request)
		http_on_gone(question->request, NULL, NULL);
	if (question->request && result)
		http_refuse(question->request, MHD_HTTP_SERVICE_UNAVAILABLE, "the store: %s",
			*question->message ? question->message : strerror(-result));
	return question->request && !result;
}

/* ---- the log */

/* An account sees its own writes: those of its objects. */
static bool write_is_seen(const struct question *question, const char *key)
{
	return (!*question->key || !strcmp(question->key, key)) && auth_sees_key(&question->principal, key);
}

static int on_change(void *context, const struct store_change *change)
{
	struct question *question = context;
	cJSON *entry = NULL, *writes = NULL;

	question->last = change->revision;
	question->looked_at++;
	if (*question->who && strcmp(question->who, change->who))
		return 0;
	for (size_t i = 0; i < change->count; i++) {
		cJSON *write;

		if (!write_is_seen(question, change->writes[i].key))
			continue;
		if (!entry) {
			entry = cJSON_CreateObject();
			cJSON_AddNumberToObject(entry, "revision", (double)change->revision);
			cJSON_AddNumberToObject(entry, "time_ms", (double)change->time_ms);
			cJSON_AddStringToObject(entry, "who", change->who);
			cJSON_AddStringToObject(entry, "why", change->why);
			writes = cJSON_AddArrayToObject(entry, "writes");
		}
		write = cJSON_CreateObject();
		cJSON_AddStringToObject(write, "key", change->writes[i].key);
		cJSON_AddBoolToObject(write, "deleted", change->writes[i].body == NULL);
		cJSON_AddItemToArray(writes, write);
	}
	if (entry)
		cJSON_AddItemToArray(question->list, entry);
	return 0;
}

/* Goes on until the page is full, the log is over, or it was long enough: what others see does not count. */
static int run_log(struct store *store, void *argument)
{
	struct question *question = argument;
	uint64_t before;
	int error;

	question->last = question->after;
	do {
		before = question->looked_at;
		error = store_changes(store, question->last, question->limit, on_change, question);
	} while (!error && question->looked_at > before && question->looked_at < LOG_LOOKED_MOST &&
		 (uint64_t)cJSON_GetArraySize(question->list) < question->limit);
	return error;
}

static void done_log(void *argument, int result)
{
	struct question *question = argument;

	if (question_back(question, result)) {
		cJSON *body = cJSON_CreateObject();

		cJSON_AddItemToObject(body, "items", question->list);
		question->list = NULL;
		cJSON_AddNumberToObject(body, "after", (double)question->last);
		http_answer(question->request, MHD_HTTP_OK, body);
	}
	question_free(question);
}

void history_log(struct http_request *request)
{
	const char *key = http_query(request, "key"), *who = http_query(request, "who");
	const char *name;
	enum model_kind kind;
	struct question *question;
	uint64_t after, limit;

	if (http_number(request, "after", 0, 1ull << 53, 0, &after) ||
		http_number(request, "limit", 1, LOG_MOST, LOG_DEFAULT, &limit))
		return;
	if (who && strlen(who) >= MODEL_NAME_MAX) {
		http_refuse(request, MHD_HTTP_BAD_REQUEST, "who: expected a token like acme/deploy");
		return;
	}
	if (key && model_key_parse(key, &kind, &name)) {
		http_refuse(request, MHD_HTTP_BAD_REQUEST, "key: expected one like node/acme/web1");
		return;
	}
	question = question_new(request);
	if (!question)
		return;
	question->after = after;
	question->limit = limit;
	strcpy(question->key, key ? key : "");
	strcpy(question->who, who ? who : "");
	question_run(question, run_log, done_log);
}

/* ---- versions of a handle */

static void version_add(struct question *question, const cJSON *body, uint64_t revision)
{
	const cJSON *last = question->list->child ? question->list->child->prev : NULL;
	long long version = 0;
	cJSON *entry;

	if (json_integer(json_member(body, "version"), 0, 1ll << 53, &version))
		return;
	if (question->version && (uint64_t)version == question->version && !question->found)
		question->found = cJSON_Duplicate(body, true);
	/* A write that left the entries alone is the same version. */
	if (last && json_member(last, "version")->valuedouble == (double)version)
		return;
	entry = cJSON_CreateObject();
	cJSON_AddNumberToObject(entry, "version", (double)version);
	cJSON_AddNumberToObject(entry, "revision", (double)revision);
	cJSON_AddNumberToObject(entry, "entries", cJSON_GetArraySize(json_member(body, "entries")));
	cJSON_AddItemToArray(question->list, entry);
}

/* From the latest write back to the first; each is found by asking for what was there just before. */
static int run_versions(struct store *store, void *argument)
{
	struct question *question = argument;
	uint64_t at = UINT64_MAX >> 1, written;

	for (unsigned i = 0; i < VERSIONS_MOST && !question->found; i++) {
		scope_free char *text = NULL;
		struct json_error error;
		cJSON *body;
		int result = store_version(store, question->key, at, &text, &written);

		if (result || !text)
			return result == -ENOENT ? 0 : result;
		body = json_parse(text, strlen(text), &error);
		if (body)
			version_add(question, body, written);
		cJSON_Delete(body);
		if (!written)
			break;
		at = written - 1;
	}
	return 0;
}

static void done_versions(void *argument, int result)
{
	struct question *question = argument;

	if (question_back(question, result)) {
		if (question->version && !question->found) {
			http_refuse(question->request, MHD_HTTP_NOT_FOUND, "there is no version %llu of %s",
				(unsigned long long)question->version, question->name);
		} else if (question->found) {
			http_answer(question->request, MHD_HTTP_OK, question->found);
			question->found = NULL;
		} else {
			cJSON *body = cJSON_CreateObject();

			cJSON_AddItemToObject(body, "items", question->list);
			question->list = NULL;
			http_answer(question->request, MHD_HTTP_OK, body);
		}
	}
	question_free(question);
}

/* The handle that is meant, if it may be seen; NULL: an answer has been given. */
static struct question *handle_question(struct http_request *request, const char *text, uint64_t version)
{
	const struct principal *principal = http_principal(request);
	const struct object *handle;
	struct question *question;
	char name[MODEL_NAME_MAX], message[200];

	if (model_name(MODEL_HANDLE, principal->account, text, name, message)) {
		http_refuse(request, MHD_HTTP_BAD_REQUEST, "%s", message);
		return NULL;
	}
	handle = state_find(http_manager(request)->state, MODEL_HANDLE, name);
	if (!handle || !auth_sees(principal, handle)) {
		http_refuse(request, MHD_HTTP_NOT_FOUND, "there is no handle %s", name);
		return NULL;
	}
	question = question_new(request);
	if (!question)
		return NULL;
	strcpy(question->key, handle->key);
	strcpy(question->name, name);
	question->version = version;
	return question;
}

/* 0: an answer has been given. */
static uint64_t version_of(struct http_request *request, const char *text)
{
	char *end;
	unsigned long long number;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (*text >= '1' && *text <= '9' && !errno && (!*end || *end == '/'))
		return number;
	http_refuse(request, MHD_HTTP_BAD_REQUEST, "expected the number of a version, got '%.40s'", text);
	return 0;
}

void history_versions(struct http_request *request, const char *name, const char *version)
{
	uint64_t number = version ? version_of(request, version) : 0;
	struct question *question;

	if (version && !number)
		return;
	question = handle_question(request, name, number);
	if (question)
		question_run(question, run_versions, done_versions);
}

/* ---- an earlier version again: a change like any other, with a number of its own */

static void done_restore(void *argument, int result)
{
	struct question *question = argument;
	struct change_request change = {.count = 1};
	cJSON *patch;

	if (question_back(question, result) && !question->found) {
		http_refuse(question->request, MHD_HTTP_NOT_FOUND, "there is no version %llu of %s",
			(unsigned long long)question->version, question->name);
	} else if (question->request && !result) {
		change.request = question->request;
		change.principal = question->principal;
		change.dry_run = question->dry_run;
		snprintf(change.why, sizeof(change.why), "restores version %llu%s%.400s",
			(unsigned long long)question->version, *question->why ? ": " : "", question->why);
		change.items = calloc(1, sizeof(*change.items));
		patch = cJSON_CreateObject();
		cJSON_AddItemToObject(patch, "entries",
			cJSON_DetachItemFromObjectCaseSensitive(question->found, "entries"));
		if (change.items) {
			change.items[0] = (struct change_item){.verb = CHANGE_PATCH,
				.kind = MODEL_HANDLE,
				.body = patch,
				.if_revision = question->if_revision};
			strcpy(change.items[0].name, question->name);
			change_start(question->manager, &change);
		} else {
			cJSON_Delete(patch);
			http_refuse(question->request, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
		}
	}
	question_free(question);
}

void history_restore(struct http_request *request, const char *name, const char *version)
{
	uint64_t number = version_of(request, version), if_revision;
	char why[CHANGE_WHY_MAX + 1];
	struct question *question;
	bool dry_run;

	if (!number || objects_if_match(request, false, &if_revision) || objects_why(request, why) ||
		http_flag(request, "dry_run", &dry_run))
		return;
	question = handle_question(request, name, number);
	if (!question)
		return;
	question->if_revision = if_revision;
	question->dry_run = dry_run;
	strcpy(question->why, why);
	question_run(question, run_versions, done_restore);
}

/* ---- backup */

static int run_backup(struct store *store, void *argument)
{
	struct question *question = argument;

	return store_backup(store, question->path, &question->last, question->message);
}

static void done_backup(void *argument, int result)
{
	struct question *question = argument;
	int fd;

	if (question_back(question, result)) {
		fd = open(question->path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			http_refuse(question->request, MHD_HTTP_INTERNAL_SERVER_ERROR, "backup: %s", strerror(errno));
		else
			http_answer_file(question->request, "application/x-ndjson", fd);
	}
	question_free(question);
}

void history_backup(struct http_request *request)
{
	struct question *question = question_new(request);
	int fd;

	if (!question)
		return;
	strcpy(question->path, "/tmp/ovnet-backup.XXXXXX");
	fd = mkstemp(question->path);
	if (fd < 0) {
		*question->path = '\0';
		http_refuse(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "backup: %s", strerror(errno));
		question_free(question);
		return;
	}
	close(fd);
	question_run(question, run_backup, done_backup);
}
