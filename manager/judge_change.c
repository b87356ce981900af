/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A change, tried on the state: read, permitted, filled in, put; then checked as a whole. See change_internal.h.
 */
#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "manager/change_internal.h"

void change_find(struct change *change, unsigned status, const char *path, const char *format, ...)
{
	char message[400];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	http_find(&change->findings, path, message);
	if (!change->status)
		change->status = status;
}

static void report(void *context, const char *path, const char *message)
{
	change_find(context, MHD_HTTP_UNPROCESSABLE_CONTENT, path, "%s", message);
}

static int refused(struct change *change)
{
	return change->findings.count ? -EINVAL : 0;
}

/* ---- what an item is about */

/* The name as the principal means it. */
static void item_name(struct change *change, struct change_item *item)
{
	const char *account = change->request.principal.account;
	const char *text = cJSON_GetStringValue(json_member(item->body, "name"));
	char message[200], path[sizeof(item->path) + 8], whole[MODEL_NAME_MAX];

	if (!item->body || (!text && *item->name))
		return;
	snprintf(path, sizeof(path), "%s%sname", item->path, *item->path ? "." : "");
	if (!text) {
		change_find(change, MHD_HTTP_UNPROCESSABLE_CONTENT, path, "expected a name, got nothing");
		return;
	}
	if (model_name(item->kind, account, text, whole, message)) {
		change_find(change, MHD_HTTP_UNPROCESSABLE_CONTENT, path, "%s", message);
		return;
	}
	if (*item->name && strcmp(item->name, whole)) {
		change_find(change, MHD_HTTP_UNPROCESSABLE_CONTENT, path, "expected '%s', as the path has it, got '%s'",
			item->name, whole);
		return;
	}
	strcpy(item->name, whole);
}

static enum auth_verb verb_of(const struct change *change, const struct change_item *item, const struct object *before)
{
	if (change->request.many)
		return VERB_APPLY;
	if (item->verb == CHANGE_DELETE)
		return VERB_DELETE;
	return before ? VERB_SET : VERB_CREATE;
}

/* Whether the principal may, and the object is as the item needs it. */
static int item_admit(struct change *change, const struct change_item *item, const struct object *before)
{
	const struct principal *principal = &change->request.principal;
	const char *what = model_table[item->kind].name;
	char account[MODEL_PART_MAX];
	bool seen = before && auth_sees(principal, before);

	if (model_table[item->kind].of_account)
		model_account(item->name, account);
	else
		strcpy(account, item->kind == MODEL_ACCOUNT ? item->name : MODEL_SYSTEM);
	if (!auth_may(principal, verb_of(change, item, before), item->kind, account)) {
		change_find(change, MHD_HTTP_FORBIDDEN, item->path,
			"a token of role %s of account %s may not do that to %s %s", auth_role_name(principal->role),
			principal->account, what, item->name);
		return -EINVAL;
	}
	if (item->verb == CHANGE_CREATE && before) {
		change_find(change, MHD_HTTP_CONFLICT, item->path,
			"expected a name that is free, got '%s', which is there", item->name);
		return -EINVAL;
	}
	if ((item->verb == CHANGE_REPLACE || item->verb == CHANGE_PATCH || item->verb == CHANGE_DELETE) && !seen) {
		change_find(change, MHD_HTTP_NOT_FOUND, item->path, "there is no %s %s", what, item->name);
		return -EINVAL;
	}
	if (item->if_revision && (!before || before->revision != item->if_revision)) {
		change_find(change, MHD_HTTP_PRECONDITION_FAILED, item->path,
			"expected %s %s at revision %llu, it is at %llu: look at it again", what, item->name,
			(unsigned long long)item->if_revision, before ? (unsigned long long)before->revision : 0ull);
		return -EINVAL;
	}
	return 0;
}

/* ---- one item */

static int item_put(struct manager *manager, struct change *change, struct change_item *item, struct object *before)
{
	const cJSON *old = before ? before->body : NULL;
	char account[MODEL_PART_MAX];
	cJSON *body = NULL;
	int error;

	/* The path of a request says it as well. */
	if (cJSON_IsObject(item->body) && !json_member(item->body, "kind"))
		cJSON_AddStringToObject(item->body, "kind", model_table[item->kind].name);
	/* Short names within an object mean those of its own account. */
	if (model_table[item->kind].of_account)
		model_account(item->name, account);
	else
		strcpy(account, change->request.principal.account);
	if (item->verb == CHANGE_PATCH)
		error = model_patch(item->body, account, old, item->path, report, change, &body);
	else
		error = model_read(item->body, account, old, item->path, report, change, &body);
	if (!error && change->request.assign)
		change->request.assign(change->request.context, before, body);
	if (!error)
		error = change_settle(manager, change, before, item->path, body);
	if (error) {
		cJSON_Delete(body);
		return error;
	}
	if (before && model_equal(before->body, body)) {
		cJSON_Delete(body);
		return 0;
	}
	return state_put(manager->state, body);
}

/* ---- all of them: what goes makes room first; then what others refer to comes before those */

static int by_order(const void *a, const void *b)
{
	const struct change_item *x = a, *y = b;
	bool x_goes = x->verb == CHANGE_DELETE, y_goes = y->verb == CHANGE_DELETE;

	if (x_goes != y_goes)
		return x_goes ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* What goes comes first, in order of names: what is put and goes as well, or goes twice, is found there. */
static bool is_deleted_too(const struct change *change, const struct change_item *item)
{
	struct change_item wanted = {.verb = CHANGE_DELETE, .kind = item->kind};

	if (change->request.count < 2)
		return false;
	strcpy(wanted.name, item->name);
	if (item->verb == CHANGE_DELETE)
		return item > change->request.items && by_order(item - 1, item) == 0;
	return bsearch(&wanted, change->request.items, change->request.count, sizeof(wanted), by_order);
}

/* A finding is no end: what else is wrong is wanted too. */
static int item_try(struct manager *manager, struct change *change, struct change_item *item)
{
	struct object *before = state_find(manager->state, item->kind, item->name);
	int error;

	if ((before && before->revision == UINT64_MAX) || is_deleted_too(change, item)) {
		change_find(change, MHD_HTTP_UNPROCESSABLE_CONTENT, item->path,
			"expected each object once, got %s %s again", model_table[item->kind].name, item->name);
		return 0;
	}
	if (item_admit(change, item, before))
		return 0;
	error = item->verb == CHANGE_DELETE ? state_delete(manager->state, before->key)
					    : item_put(manager, change, item, before);
	return error == -EINVAL ? 0 : error;
}

static bool is_pruned(const struct change *change, const struct object *object)
{
	const struct principal *principal = &change->request.principal;
	char account[MODEL_PART_MAX];

	if (object->kind == MODEL_TOKEN || object->revision == UINT64_MAX)
		return false;
	object_account(object, account);
	if (principal->role == ROLE_OPERATOR)
		return strcmp(object->key, "account/" MODEL_SYSTEM) != 0;
	return auth_may(principal, VERB_APPLY, object->kind, account) && object->kind != MODEL_NODE;
}

static bool is_named(const struct change *change, const struct object *object)
{
	struct change_item wanted = {.verb = CHANGE_PUT, .kind = object->kind};

	strcpy(wanted.name, object->name);
	return bsearch(&wanted, change->request.items, change->request.count, sizeof(wanted), by_order);
}

/* What the whole state of the request does not have any more. Objects that it names were put, or stayed as they are. */
static int prune(struct manager *manager, struct change *change)
{
	int error = 0;

	for (int kind = MODEL_KINDS - 1; kind >= 0 && !error; kind--) {
		struct object *object, *following;

		for (object = LIST_FIRST(state_all(manager->state, (enum model_kind)kind)); object && !error;
			object = following) {
			following = LIST_NEXT(object, of_kind);
			if (is_pruned(change, object) && !is_named(change, object))
				error = state_delete(manager->state, object->key);
		}
	}
	return error;
}

static void check_permissions(struct manager *manager, struct change *change)
{
	size_t count;
	const struct state_step *steps = state_steps(manager->state, &count);

	for (size_t i = 0; i < count; i++) {
		const char *field = auth_step(&change->request.principal, &steps[i]);
		const struct object *object = steps[i].after ? steps[i].after : steps[i].before;

		if (field && object->kind == MODEL_TOKEN && *field)
			change_find(change, MHD_HTTP_FORBIDDEN, object->key,
				"expected a %s within what the token that asks may itself", field);
		else if (field)
			change_find(change, MHD_HTTP_FORBIDDEN, object->key,
				*field ? "%s is for operators to set" : "%sis for operators to make and delete", field);
	}
}

int change_judge(struct manager *manager, struct change *change)
{
	int error = 0;

	change->message = "the change is refused; nothing was written";
	for (size_t i = 0; i < change->request.count; i++)
		item_name(change, &change->request.items[i]);
	if (refused(change))
		return -EINVAL;
	qsort(change->request.items, change->request.count, sizeof(*change->request.items), by_order);
	for (size_t i = 0; i < change->request.count && !error; i++)
		error = item_try(manager, change, &change->request.items[i]);
	if (!error && change->request.prune && !refused(change))
		error = prune(manager, change);
	if (error)
		return error;
	check_permissions(manager, change);
	if (!refused(change))
		error = change_check(manager, change);
	return error ? error : refused(change);
}
