/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several objects at once: POST /v1/apply, and GET /v1/export, whose answer it takes. See objects.h.
 *
 *   {"objects": [{"kind", "name", ...}, ...], "delete": [{"kind", "name"}, ...], "prune": false}
 *
 * All of it in one transaction, or nothing. With "prune", "objects" is the whole desired state: what the token's account has (an
 * operator's: what there is) and the list does not name is deleted; tokens never are.
 */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "manager/objects.h"

#define OBJECTS_MOST 200000

/* One entry of a list. Findings say what is wrong with it. */
static void item_read(struct http_request *request, struct http_findings *findings, const cJSON *entry,
	const char *list, size_t index, bool deleted, struct change_item *out)
{
	const char *word = cJSON_GetStringValue(json_member(entry, "kind"));
	const char *name = cJSON_GetStringValue(json_member(entry, "name"));
	int kind = word ? model_kind_of(word) : -1;
	char message[200];

	snprintf(out->path, sizeof(out->path), "%s[%zu]", list, index);
	if (!cJSON_IsObject(entry) || kind < 0) {
		http_findf(findings, out->path, "expected an object with a kind (%s ...), got %s",
			model_table[MODEL_VNET].name, word ? word : "none");
		return;
	}
	out->kind = (enum model_kind)kind;
	out->verb = deleted ? CHANGE_DELETE : CHANGE_PUT;
	if (kind == MODEL_TOKEN && !deleted)
		http_findf(findings, out->path,
			"expected no token here: its secret could not be told; use POST /v1/tokens");
	if (!deleted)
		out->body = cJSON_Duplicate(entry, true);
	else if (!name || model_name(out->kind, http_principal(request)->account, name, out->name, message))
		http_findf(findings, out->path, "%s", name ? message : "expected a name, got nothing");
}

static void unknown_members(struct http_findings *findings, const cJSON *body)
{
	static const char *const known[] = {"objects", "delete", "prune", "revision", "why"};
	const cJSON *each;

	cJSON_ArrayForEach(each, body) {
		bool found = false;

		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			found |= !strcmp(each->string, known[i]);
		if (!found)
			http_findf(findings, each->string, "expected objects, delete, prune or why, got this");
	}
}

static size_t list_read(struct http_request *request, struct http_findings *findings, const cJSON *body,
	const char *name, bool deleted, struct change_item *items)
{
	const cJSON *entry;
	size_t count = 0;

	cJSON_ArrayForEach(entry, json_member(body, name)) {
		item_read(request, findings, entry, name, count, deleted, &items[count]);
		count++;
	}
	return count;
}

static void check_shape(struct http_findings *findings, const cJSON *body)
{
	static const char *const lists[] = {"objects", "delete"};
	const cJSON *prune = json_member(body, "prune"), *why = json_member(body, "why");

	unknown_members(findings, body);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const cJSON *list = json_member(body, lists[i]);

		if (list && (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > OBJECTS_MOST))
			http_findf(findings, lists[i], "expected a list of at most %d objects", OBJECTS_MOST);
	}
	if (prune && !cJSON_IsBool(prune))
		http_findf(findings, "prune", "expected true or false");
	if (why && (!cJSON_IsString(why) || !objects_is_why(why->valuestring)))
		http_findf(findings, "why", "expected a text of at most %d octets without control characters",
			CHANGE_WHY_MAX);
}

static void items_free(struct change_item *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		cJSON_Delete(items[i].body);
	free(items);
}

void apply_handle(struct http_request *request)
{
	struct change_request change = {.request = request, .principal = *http_principal(request), .many = true};
	const char *why;
	struct http_findings findings = {0};
	const cJSON *body;
	size_t most;

	if (objects_why(request, change.why) || http_flag(request, "dry_run", &change.dry_run))
		return;
	body = http_json(request);
	if (!body)
		return;
	if (!cJSON_IsObject(body)) {
		http_refuse(request, MHD_HTTP_UNPROCESSABLE_CONTENT, "expected an object with objects, delete, prune");
		return;
	}
	check_shape(&findings, body);
	if (!findings.count) {
		most = (size_t)cJSON_GetArraySize(json_member(body, "objects")) +
		       (size_t)cJSON_GetArraySize(json_member(body, "delete"));
		change.items = calloc(most + 1, sizeof(*change.items));
		if (!change.items) {
			http_refuse(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
			return;
		}
		change.count = list_read(request, &findings, body, "objects", false, change.items);
		change.count += list_read(request, &findings, body, "delete", true, change.items + change.count);
	}
	if (findings.count) {
		items_free(change.items, change.count);
		http_refuse_findings(request, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"the request is refused; nothing was written", &findings);
		return;
	}
	why = cJSON_GetStringValue(json_member(body, "why"));
	if (why && !*change.why)
		strcpy(change.why, why);
	change.prune = cJSON_IsTrue(json_member(body, "prune"));
	change_start(http_manager(request), &change);
}

/* What the manager assigns it assigns anew, where this is applied. */
static cJSON *export_object(const struct object *object)
{
	const struct model_kind_row *row = &model_table[object->kind];
	cJSON *copy = objects_render(object);

	cJSON_DeleteItemFromObjectCaseSensitive(copy, "revision");
	for (size_t i = 0; i < row->field_count; i++)
		if (row->fields[i].assigned)
			cJSON_DeleteItemFromObjectCaseSensitive(copy, row->fields[i].name);
	return copy;
}

/* What one who may write could put back as it is: an account does not make itself, nor a vnet of others that it is a member of. */
static bool is_exported(struct http_request *request, const struct object *object)
{
	const struct principal *principal = http_principal(request);
	const char *wanted = http_query(request, "account");
	char account[MODEL_PART_MAX];

	object_account(object, account);
	if (!auth_sees(principal, object) || (wanted && strcmp(account, wanted)))
		return false;
	return principal->role == ROLE_OPERATOR ||
	       (object->kind != MODEL_ACCOUNT && !strcmp(account, principal->account));
}

static int by_name(const void *a, const void *b)
{
	const struct object *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int export_kind(struct http_request *request, enum model_kind kind, cJSON *out)
{
	const struct state *state = http_manager(request)->state;
	const struct object *each, **sorted = calloc(state_count(state, kind) + 1, sizeof(*sorted));
	size_t count = 0;

	if (!sorted)
		return -ENOMEM;
	LIST_FOREACH(each, state_all(state, kind), of_kind) {
		if (is_exported(request, each))
			sorted[count++] = each;
	}
	qsort(sorted, count, sizeof(*sorted), by_name);
	for (size_t i = 0; i < count; i++)
		cJSON_AddItemToArray(out, export_object(sorted[i]));
	free(sorted);
	return 0;
}

/* Kinds in the order in which they could be made, each by name: the same twice, if nothing has changed. */
void export_handle(struct http_request *request)
{
	cJSON *body = cJSON_CreateObject(), *objects;
	int error = 0;

	cJSON_AddNumberToObject(body, "revision", (double)state_revision(http_manager(request)->state));
	objects = cJSON_AddArrayToObject(body, "objects");
	/* Without its secret a token is of no use to anybody. */
	for (int kind = 0; kind < MODEL_KINDS && !error; kind++)
		if (kind != MODEL_TOKEN)
			error = export_kind(request, (enum model_kind)kind, objects);
	if (!error) {
		http_answer(request, MHD_HTTP_OK, body);
		return;
	}
	cJSON_Delete(body);
	http_refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
}
