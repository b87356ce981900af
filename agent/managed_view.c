/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Documents of a manager, by key. See managed_internal.h.
 *
 * What comes between two commits is one change: it is put aside, and taken over whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/managed_internal.h"
#include "lib/array.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/json.h"

#define FILE_MOST (256u << 20)

struct document {
	char *key, *digest, *text; /* text NULL, of what is staged: it has gone */
};

struct documents {
	struct document *entries;
	size_t count, room;
};

struct managed_view {
	struct documents all, staged; /* `all` in order of keys */
	uint64_t revision;
};

/* Which list of a configuration a document is an entry of. */
static const struct {
	const char *kind, *list;
} lists[] = {
	{"vnet", "vnets"},
	{"group", "groups"},
	{"security_group", "groups"},
	{"handle", "handles"},
	{"node", "nodes"},
	{"policy", "policies"},
};

static const char *const list_names[] = {"vnets", "groups", "handles", "nodes", "policies"};

static void document_free(struct document *document)
{
	free(document->key);
	free(document->digest);
	free(document->text);
	*document = (struct document){0};
}

static void documents_clear(struct documents *documents)
{
	for (size_t i = 0; i < documents->count; i++)
		document_free(&documents->entries[i]);
	documents->count = 0;
}

struct managed_view *managed_view_new(void)
{
	return calloc(1, sizeof(struct managed_view));
}

void managed_view_free(struct managed_view *view)
{
	if (!view)
		return;
	documents_clear(&view->all);
	documents_clear(&view->staged);
	free(view->all.entries);
	free(view->staged.entries);
	free(view);
}

/* ---- staging */

static int stage(struct managed_view *view, const char *key, const char *digest, char *text)
{
	struct document document = {.key = strdup(key), .digest = strdup(digest), .text = text};

	if (!document.key || !document.digest || array_add(&view->staged, document)) {
		document_free(&document);
		return -ENOMEM;
	}
	return 0;
}

int managed_view_set(struct managed_view *view, const char *key, const char *digest, const cJSON *value)
{
	char *text = cJSON_PrintUnformatted(value);

	return text ? stage(view, key, digest, text) : -ENOMEM;
}

int managed_view_gone(struct managed_view *view, const char *key)
{
	return stage(view, key, "", NULL);
}

void managed_view_drop(struct managed_view *view)
{
	documents_clear(&view->staged);
}

/* Where the key is, or would be. */
static size_t place_of(const struct managed_view *view, const char *key)
{
	size_t low = 0, high = view->all.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(view->all.entries[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct document *find(const struct managed_view *view, const char *key)
{
	size_t place = place_of(view, key);

	if (place == view->all.count || strcmp(view->all.entries[place].key, key))
		return NULL;
	return &view->all.entries[place];
}

static void take_out(struct managed_view *view, struct document *found)
{
	document_free(found);
	view->all.count--;
	memmove(found, found + 1, (size_t)(view->all.entries + view->all.count - found) * sizeof(*found));
}

static int put_in(struct managed_view *view, const struct document *document)
{
	size_t place = place_of(view, document->key);
	struct document *at;
	int error = array_add(&view->all, *document);

	if (error)
		return error;
	at = view->all.entries + place;
	memmove(at + 1, at, (view->all.count - 1 - place) * sizeof(*at));
	*at = *document;
	return 0;
}

/* Takes the staged one over, or takes away what it says has gone. True: something is otherwise. */
static bool take(struct managed_view *view, struct document *staged)
{
	struct document *found = find(view, staged->key);
	bool differs = found ? !staged->text || strcmp(found->text, staged->text) : staged->text != NULL;

	if (found)
		take_out(view, found);
	if (staged->text && put_in(view, staged) == 0)
		*staged = (struct document){0};
	return differs;
}

size_t managed_view_commit(struct managed_view *view, uint64_t revision)
{
	size_t differ = 0;

	for (size_t i = 0; i < view->staged.count; i++)
		differ += take(view, &view->staged.entries[i]);
	documents_clear(&view->staged);
	view->revision = revision;
	return differ;
}

struct managed_view *managed_view_copy(const struct managed_view *view)
{
	struct managed_view *copy = managed_view_new();

	for (size_t i = 0; copy && i < view->all.count; i++) {
		const struct document *document = &view->all.entries[i];
		char *text = strdup(document->text);

		if (!text || stage(copy, document->key, document->digest, text)) {
			managed_view_free(copy);
			return NULL;
		}
	}
	if (copy)
		managed_view_commit(copy, view->revision);
	return copy;
}

size_t managed_view_count(const struct managed_view *view)
{
	return view->all.count;
}

/* ---- as text */

char *managed_view_have(const struct managed_view *view)
{
	cJSON *body = cJSON_CreateObject(), *have = cJSON_AddObjectToObject(body, "have");
	char *text;

	for (size_t i = 0; i < view->all.count; i++)
		cJSON_AddStringToObject(have, view->all.entries[i].key, view->all.entries[i].digest);
	text = cJSON_PrintUnformatted(body);
	cJSON_Delete(body);
	return text;
}

static bool is_of(const char *key, const char *list)
{
	size_t length = strcspn(key, "/");

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (strlen(lists[i].kind) == length && !strncmp(lists[i].kind, key, length))
			return !strcmp(lists[i].list, list);
	return false;
}

static void write_list(FILE *out, const struct managed_view *view, const char *name)
{
	const char *comma = "";

	fprintf(out, ",\n\"%s\": [", name);
	for (size_t i = 0; i < view->all.count; i++) {
		if (!is_of(view->all.entries[i].key, name))
			continue;
		fprintf(out, "%s\n%s", comma, view->all.entries[i].text);
		comma = ",";
	}
	fputs("]", out);
}

static void json_tree_free(cJSON **tree)
{
	cJSON_Delete(*tree);
}

/* Who this host is: {"host": {"name", "locator", "key"}, "authority"}. */
static int write_self(FILE *out, const struct managed_view *view, const char *key)
{
	const struct document *self = find(view, "self");
	__attribute__((cleanup(json_tree_free))) cJSON *tree = self ? cJSON_Parse(self->text) : NULL;
	const cJSON *host = json_member(tree, "host");
	const char *name = cJSON_GetStringValue(json_member(host, "name"));
	const char *locator = cJSON_GetStringValue(json_member(host, "locator"));
	const char *authority = cJSON_GetStringValue(json_member(tree, "authority"));
	__attribute__((cleanup(json_tree_free))) cJSON *file = cJSON_CreateString(key);
	scope_free char *quoted = file ? cJSON_PrintUnformatted(file) : NULL;
	scope_free char *text = host ? cJSON_PrintUnformatted(host) : NULL;

	if (!name || !locator || !authority || !quoted || !text)
		return -EBADMSG;
	fprintf(out,
		"\"locator\": \"%s\",\n\"hosts\": [%s],\n\"identity\": {\"host\": \"%s\", \"key\": %s, \"authority\": \"%s\"}",
		locator, text, name, quoted, authority);
	return 0;
}

char *managed_view_members(const struct managed_view *view, const char *key)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	int error;

	if (!out)
		return NULL;
	error = write_self(out, view, key);
	for (size_t i = 0; !error && i < ARRAY_LEN(list_names); i++)
		write_list(out, view, list_names[i]);
	if (fclose(out) || error) {
		free(text);
		return NULL;
	}
	return text;
}

/* ---- on disk: {"revision": N, "documents": {KEY: {"digest", "value"}}} */

int managed_view_save(const struct managed_view *view, const char *path)
{
	scope_free char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return -ENOMEM;
	fprintf(out, "{\"revision\": %llu, \"documents\": {", (unsigned long long)view->revision);
	for (size_t i = 0; i < view->all.count; i++)
		fprintf(out, "%s\n\"%s\": {\"digest\": \"%s\", \"value\": %s}", i ? "," : "", view->all.entries[i].key,
			view->all.entries[i].digest, view->all.entries[i].text);
	fputs("}}\n", out);
	if (fclose(out))
		return -ENOMEM;
	return file_write(path, text, length, 0600);
}

int managed_view_load(struct managed_view *view, const char *path, uint64_t *revision)
{
	__attribute__((cleanup(json_tree_free))) cJSON *tree = NULL;
	scope_free char *text = NULL;
	struct json_error problem;
	const cJSON *each;
	long long number;
	size_t length;
	int error = file_read(path, FILE_MOST, &text, &length);

	if (error)
		return error;
	tree = json_parse(text, length, &problem);
	if (json_integer(json_member(tree, "revision"), 0, 1ll << 53, &number) ||
		!cJSON_IsObject(json_member(tree, "documents")))
		return -EBADMSG;
	cJSON_ArrayForEach(each, json_member(tree, "documents")) {
		const char *digest = cJSON_GetStringValue(json_member(each, "digest"));
		const cJSON *value = json_member(each, "value");

		error = digest && value ? managed_view_set(view, each->string, digest, value) : -EBADMSG;
		if (error) {
			managed_view_drop(view);
			return error;
		}
	}
	managed_view_commit(view, (uint64_t)number);
	*revision = (uint64_t)number;
	return 0;
}
