/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Single objects over HTTP. See objects.h.
 */
#include "manager/objects.h"

#include <errno.h>
#include <fnmatch.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/json.h"

#define PAGE_DEFAULT 100
#define PAGE_MOST 1000

/* ---- as people see them */

static bool is_secret(enum model_kind kind, const char *member)
{
	const struct model_field *field = model_field_find(kind, member);

	return field && field->secret;
}

cJSON *objects_render(const struct object *object)
{
	cJSON *copy = model_public(object->body);

	cJSON_AddNumberToObject(copy, "revision", (double)object->revision);
	return copy;
}

static void difference_add(cJSON *list, enum model_kind kind, const char *member, const cJSON *before,
	const cJSON *after)
{
	cJSON *entry;

	if (before && after && cJSON_Compare(before, after, true))
		return;
	entry = cJSON_AddObjectToObject(list, member);
	if (is_secret(kind, member))
		return;
	if (before)
		cJSON_AddItemToObject(entry, "before", cJSON_Duplicate(before, true));
	if (after)
		cJSON_AddItemToObject(entry, "after", cJSON_Duplicate(after, true));
}

cJSON *objects_difference(const struct object *before, const struct object *after)
{
	cJSON *list = cJSON_CreateObject();
	const cJSON *each;

	cJSON_ArrayForEach(each, before->body) {
		difference_add(list, before->kind, each->string, each, json_member(after->body, each->string));
	}
	cJSON_ArrayForEach(each, after->body) {
		if (!json_member(before->body, each->string))
			difference_add(list, after->kind, each->string, NULL, each);
	}
	return list;
}

/* ---- showing and listing */

/* As the principal means it. Returns 0, or -EINVAL: an answer has been given. */
static int name_of(struct http_request *request, enum model_kind kind, const char *text, char name[MODEL_NAME_MAX])
{
	char message[200];

	if (model_name(kind, http_principal(request)->account, text, name, message) == 0)
		return 0;
	http_refuse(request, MHD_HTTP_BAD_REQUEST, "%s", message);
	return -EINVAL;
}

static void show(struct http_request *request, enum model_kind kind, const char *name)
{
	const struct principal *principal = http_principal(request);
	const struct object *object = state_find(http_manager(request)->state, kind, name);

	if (!(principal->verbs & VERB_SHOW))
		http_refuse(request, MHD_HTTP_FORBIDDEN, "this token may not show objects");
	else if (!object || !auth_sees(principal, object))
		http_refuse(request, MHD_HTTP_NOT_FOUND, "there is no %s %s", model_table[kind].name, name);
	else
		http_answer_object(request, MHD_HTTP_OK, objects_render(object), object->revision);
}

struct page {
	const struct object **entries;
	size_t count, room;
};

static int by_name(const void *a, const void *b)
{
	const struct object *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* A reference of the object's, as the query names it: whole, or within the principal's account. */
static bool refers(struct http_request *request, const struct object *object, const char *member, enum model_kind to)
{
	const char *wanted = http_query(request, member), *have = object_text(object, member);
	char whole[MODEL_NAME_MAX], message[200];
	const cJSON *list, *each;

	if (!wanted)
		return true;
	if (model_name(to, http_principal(request)->account, wanted, whole, message))
		return false;
	if (have)
		return !strcmp(have, whole);
	list = json_member(object->body, "groups");
	if (strcmp(member, "group") || !list)
		return false;
	cJSON_ArrayForEach(each, list) {
		if (!strcmp(each->valuestring, whole))
			return true;
	}
	return false;
}

static bool is_listed(struct http_request *request, const struct object *object)
{
	const char *account = http_query(request, "account"), *pattern = http_query(request, "name");
	const char *after = http_query(request, "after"), *part = strchr(object->name, '/');
	char own[MODEL_PART_MAX];

	if (!auth_sees(http_principal(request), object) || (after && strcmp(object->name, after) <= 0))
		return false;
	object_account(object, own);
	if (account && strcmp(account, own))
		return false;
	if (pattern && fnmatch(pattern, object->name, 0) && fnmatch(pattern, part ? part + 1 : object->name, 0))
		return false;
	return refers(request, object, "vnet", MODEL_VNET) && refers(request, object, "host", MODEL_HOST) &&
	       refers(request, object, "group", MODEL_GROUP) &&
	       refers(request, object, "security_group", MODEL_SECURITY_GROUP);
}

static void list(struct http_request *request, enum model_kind kind)
{
	struct manager *manager = http_manager(request);
	cJSON *body = cJSON_CreateObject(), *items = cJSON_AddArrayToObject(body, "objects");
	struct page page = {0};
	const struct object *each;
	uint64_t limit;
	int error = http_number(request, "limit", 1, PAGE_MOST, PAGE_DEFAULT, &limit);

	if (!error)
		LIST_FOREACH(each, state_all(manager->state, kind), of_kind) {
			if (!error && is_listed(request, each))
				error = array_add(&page, each);
		}
	if (page.count)
		qsort(page.entries, page.count, sizeof(*page.entries), by_name);
	for (size_t i = 0; i < page.count && i < limit; i++)
		cJSON_AddItemToArray(items, objects_render(page.entries[i]));
	if (page.count > limit)
		cJSON_AddStringToObject(body, "next", page.entries[limit - 1]->name);
	cJSON_AddNumberToObject(body, "total", (double)page.count);
	cJSON_AddNumberToObject(body, "revision", (double)state_revision(manager->state));
	free(page.entries);
	if (error == -EINVAL)
		cJSON_Delete(body);
	else if (error)
		http_refuse(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	else
		http_answer(request, MHD_HTTP_OK, body);
}

/* ---- writing */

/* A header comes as it was sent: JSON knows what is UTF-8. */
bool objects_is_why(const char *text)
{
	cJSON *value = strlen(text) <= CHANGE_WHY_MAX ? cJSON_CreateString(text) : NULL;
	char *quoted = value ? cJSON_PrintUnformatted(value) : NULL;
	struct json_error error;
	cJSON *read = quoted ? json_parse(quoted, strlen(quoted), &error) : NULL;
	bool good = read != NULL;

	for (; good && *text; text++)
		good = (unsigned char)*text >= ' ' && *text != 0x7f;
	cJSON_Delete(value);
	cJSON_Delete(read);
	free(quoted);
	return good;
}

int objects_why(struct http_request *request, char out[CHANGE_WHY_MAX + 1])
{
	const char *why = http_header(request, "X-Ovnet-Why");

	if (!why)
		why = http_query(request, "why");
	out[0] = '\0';
	if (!why)
		return 0;
	if (!objects_is_why(why)) {
		http_refuse(request, MHD_HTTP_BAD_REQUEST,
			"why: expected a text of at most %d octets in UTF-8, without control characters",
			CHANGE_WHY_MAX);
		return -EINVAL;
	}
	strcpy(out, why);
	return 0;
}

int objects_if_match(struct http_request *request, bool needed, uint64_t *revision)
{
	const char *text = http_header(request, MHD_HTTP_HEADER_IF_MATCH), *digits;
	size_t length;

	*revision = 0;
	if (!text && !needed)
		return 0;
	if (!text) {
		http_refuse(request, MHD_HTTP_PRECONDITION_REQUIRED,
			"expected If-Match with the revision that was seen, as \"12\", or * for whatever there is");
		return -EINVAL;
	}
	if (!strcmp(text, "*"))
		return 0;
	digits = text + (*text == '"');
	length = strspn(digits, "0123456789");
	if (length && length < 19 && *digits != '0' && !strcmp(digits + length, digits == text ? "" : "\"")) {
		*revision = strtoull(digits, NULL, 10);
		return 0;
	}
	http_refuse(request, MHD_HTTP_BAD_REQUEST, "If-Match: expected a revision as \"12\", or *, got '%.40s'", text);
	return -EINVAL;
}

/* The secret of a new token, which is answered once and kept by nobody. */
struct new_token {
	char secret[AUTH_SECRET_TEXT_MAX], hash[2 * STATE_HASH_LEN + 1];
};

static void token_assign(void *context, const struct object *before, cJSON *body)
{
	const struct new_token *token = context;

	if (!before)
		model_assign(body, "hash", cJSON_CreateString(token->hash));
}

static void token_extend(void *context, cJSON *answer)
{
	const struct new_token *token = context;

	cJSON_AddStringToObject(answer, "secret", token->secret);
}

static void token_free(void *context)
{
	explicit_bzero(context, sizeof(struct new_token));
	free(context);
}

static int token_prepare(struct change_request *change)
{
	struct new_token *token = calloc(1, sizeof(*token));

	if (!token)
		return -ENOMEM;
	auth_secret_make(token->secret, token->hash);
	change->context = token;
	change->assign = token_assign;
	change->extend = token_extend;
	change->free_context = token_free;
	return 0;
}

static void start(struct http_request *request, enum change_verb verb, enum model_kind kind, const char *name,
	uint64_t if_revision)
{
	struct change_request change = {
		.request = request,
		.principal = *http_principal(request),
		.count = 1,
		.items = calloc(1, sizeof(struct change_item)),
	};
	cJSON *body = NULL;

	if (objects_why(request, change.why) || http_flag(request, "dry_run", &change.dry_run)) {
		free(change.items);
		return;
	}
	if (verb != CHANGE_DELETE) {
		body = http_json(request);
		if (!body) {
			free(change.items);
			return;
		}
	}
	if (!change.items || (verb == CHANGE_CREATE && kind == MODEL_TOKEN && token_prepare(&change))) {
		free(change.items);
		http_refuse(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
		return;
	}
	change.items[0] = (struct change_item){
		.verb = verb,
		.kind = kind,
		.body = body ? cJSON_Duplicate(body, true) : NULL,
		.if_revision = if_revision,
	};
	strcpy(change.items[0].name, name);
	change_start(http_manager(request), &change);
}

static void write_one(struct http_request *request, enum model_kind kind, const char *name)
{
	static const struct {
		const char *method;
		enum change_verb verb;
	} methods[] = {
		{MHD_HTTP_METHOD_PUT, CHANGE_REPLACE},
		{MHD_HTTP_METHOD_PATCH, CHANGE_PATCH},
		{MHD_HTTP_METHOD_DELETE, CHANGE_DELETE},
	};
	uint64_t revision;

	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		if (strcmp(http_method(request), methods[i].method))
			continue;
		if (objects_if_match(request, true, &revision) == 0)
			start(request, methods[i].verb, kind, name, revision);
		return;
	}
	http_refuse_method(request, "GET, PUT, PATCH, DELETE");
}

void objects_handle(struct http_request *request, enum model_kind kind, const char *text)
{
	const char *method = http_method(request);
	char name[MODEL_NAME_MAX] = "";

	if (*text && name_of(request, kind, text, name))
		return;
	if (!strcmp(method, MHD_HTTP_METHOD_GET) && *name)
		show(request, kind, name);
	else if (!strcmp(method, MHD_HTTP_METHOD_GET) && auth_may(http_principal(request), VERB_LIST, kind, NULL))
		list(request, kind);
	else if (!strcmp(method, MHD_HTTP_METHOD_GET))
		http_refuse(request, MHD_HTTP_FORBIDDEN, "this token may not list %s", model_table[kind].plural);
	else if (!strcmp(method, MHD_HTTP_METHOD_POST) && !*name)
		start(request, CHANGE_CREATE, kind, "", 0);
	else if (*name)
		write_one(request, kind, name);
	else
		http_refuse_method(request, "GET, POST");
}
