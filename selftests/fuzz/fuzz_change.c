/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: changes, as a manager judges them. Each line is one, of the shape of POST /v1/apply, with "who" asks and "verb".
 *
 * Beyond not crashing: what is judged is taken back without a trace; what is refused says why; and what is accepted leaves a state
 * in which all holds: what is referred to is there, no number or address is anybody else's, each object can be read again
 * as it is, and no account has changed anything of another, or what is the operators'.
 */
#include <errno.h>
#include <microhttpd.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/json.h"
#include "manager/agents.h"
#include "manager/change_internal.h"
#include "manager/metrics.h"
#include "manager/watchers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES_MOST 16
#define ITEMS_MOST 64

static const char *const world[] = {
	"{\"kind\":\"account\",\"name\":\"system\"}",
	"{\"kind\":\"account\",\"name\":\"a\"}",
	"{\"kind\":\"account\",\"name\":\"b\"}",
	"{\"kind\":\"host\",\"name\":\"h\",\"locator\":\"fd00:1:0:1::/64\"}",
	"{\"kind\":\"vnet\",\"name\":\"a/v\",\"subnet\":\"10.0.0.0/29\",\"members\":[\"b\"]}",
	"{\"kind\":\"group\",\"name\":\"a/g\"}",
	"{\"kind\":\"group\",\"name\":\"b/i\"}",
	"{\"kind\":\"group\",\"name\":\"b/g\",\"groups\":[\"b/i\"]}",
	"{\"kind\":\"security_group\",\"name\":\"a/s\"}",
	"{\"kind\":\"handle\",\"name\":\"a/h\",\"entries\":[\"10.0.0.1\",\"group:a/g\"]}",
	"{\"kind\":\"node\",\"name\":\"a/n\",\"vnet\":\"a/v\",\"host\":\"h\",\"port\":\"p\",\"mac\":\"02:00:00:00:00:01\","
	"\"groups\":[\"a/g\"],\"security_groups\":[\"a/s\"]}",
	"{\"kind\":\"node\",\"name\":\"b/n\",\"vnet\":\"a/v\",\"host\":\"h\",\"port\":\"q\",\"mac\":\"02:00:00:00:00:01\"}",
	"{\"kind\":\"address\",\"name\":\"a/a\",\"vnet\":\"a/v\",\"address\":\"10.0.0.6\",\"node\":\"a/n\"}",
	"{\"kind\":\"policy\",\"name\":\"a/p\",\"vnet\":\"a/v\",\"verdict\":\"allow\",\"peers\":\"handle:a/h\"}",
	"{\"kind\":\"policy\",\"name\":\"b/p\",\"vnet\":\"a/v\",\"verdict\":\"allow\",\"target\":\"group:b/g\"}",
};

static const struct principal principals[] = {
	{ROLE_OPERATOR, VERBS_ALL, "system", "system/o"},
	{ROLE_ADMIN, VERBS_ALL, "a", "a/admin"},
	{ROLE_EDITOR, VERBS_ALL, "b", "b/editor"},
	{ROLE_VIEWER, VERBS_READ, "a", "a/viewer"},
	{ROLE_ADMIN, VERB_CREATE | VERB_SHOW, "b", "b/some"},
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* main.c's, for nobody here. */
uint64_t manager_wall_ms(void)
{
	return 1700000000000;
}

/* ---- what must hold */

static void add_hash(const struct state *state, enum model_kind kind, uint8_t sum[32])
{
	const struct object *each;

	/* In whichever order they are filed. */
	LIST_FOREACH(each, state_all(state, kind), of_kind) {
		char *text = cJSON_PrintUnformatted(each->body);
		uint8_t hash[32];

		crypto_generichash(hash, sizeof(hash), (const uint8_t *)text, strlen(text),
			(const uint8_t *)&each->revision, 0);
		sodium_add(sum, hash, sizeof(hash));
		must(state_find_key(state, each->key) == each && each->revision != UINT64_MAX);
		free(text);
	}
}

static void snapshot(const struct state *state, uint8_t sum[32])
{
	memset(sum, 0, 32);
	for (int kind = 0; kind < MODEL_KINDS; kind++)
		add_hash(state, (enum model_kind)kind, sum);
}

static void reference_is_there(void *context, enum model_kind to, const char *name, const char *path)
{
	(void)path;
	must(state_find(context, to, name) != NULL);
}

static void no_report(void *context, const char *path, const char *message)
{
	(void)context, (void)path, (void)message;
	abort();
}

static void check_object(struct state *state, const struct object *object)
{
	cJSON *again = NULL;
	char account[MODEL_PART_MAX];

	model_references(object->body, reference_is_there, state);
	object_account(object, account);
	must(state_find(state, MODEL_ACCOUNT, account) != NULL);
	must(model_read(object->body, NULL, object->body, "", no_report, NULL, &again) == 0 &&
		model_equal(again, object->body));
	cJSON_Delete(again);
	if (object->kind == MODEL_VNET || object->kind == MODEL_POLICY)
		must(object->id && !state_same_number(state, object));
	if (object->kind == MODEL_NODE || object->kind == MODEL_ADDRESS)
		must(object->placed && !state_at(state, object_text(object, "vnet"), object->address, object));
	if (object->kind == MODEL_HOST)
		must(!state_host_at(state, &object->locator, object));
}

static void check_state(struct state *state)
{
	for (int kind = 0; kind < MODEL_KINDS; kind++) {
		const struct object *each;

		LIST_FOREACH(each, state_all(state, (enum model_kind)kind), of_kind)
			check_object(state, each);
	}
}

/* Steps of who is no operator are about his own account, and not about what is the operators'. */
static void check_steps(const struct principal *principal, const struct state *state)
{
	size_t count;
	const struct state_step *steps = state_steps(state, &count);

	for (size_t i = 0; i < count && principal->role != ROLE_OPERATOR; i++) {
		const struct object *object = steps[i].after ? steps[i].after : steps[i].before;
		char account[MODEL_PART_MAX];

		object_account(object, account);
		must(!strcmp(account, principal->account) && object->kind != MODEL_ACCOUNT &&
			object->kind != MODEL_HOST);
		must(principal->role >= ROLE_EDITOR);
		if (object->kind == MODEL_NODE)
			must(steps[i].before && steps[i].after &&
				!strcmp(object_text(steps[i].before, "port"), object_text(steps[i].after, "port")));
	}
}

/* ---- one change */

static size_t add_items(const cJSON *list, bool deleted, const char *account, struct change_item *items, size_t count)
{
	const cJSON *entry;

	cJSON_ArrayForEach(entry, list) {
		const char *word = cJSON_GetStringValue(json_member(entry, "kind"));
		const char *name = cJSON_GetStringValue(json_member(entry, "name"));
		int kind = word ? model_kind_of(word) : -1;
		struct change_item *item = &items[count];
		char message[200];

		if (count == ITEMS_MOST || kind < 0)
			break;
		*item = (struct change_item){.verb = deleted ? CHANGE_DELETE : CHANGE_PUT,
			.kind = (enum model_kind)kind};
		snprintf(item->path, sizeof(item->path), "%s[%zu]", deleted ? "delete" : "objects", count);
		if (deleted && (!name || model_name(item->kind, account, name, item->name, message)))
			continue;
		item->body = deleted ? NULL : cJSON_Duplicate(entry, true);
		count++;
	}
	return count;
}

static void items_read(const cJSON *line, struct change *change)
{
	struct change_request *request = &change->request;
	long long verb = CHANGE_PUT, revision = 0;

	request->items = calloc(ITEMS_MOST, sizeof(*request->items));
	request->count = add_items(json_member(line, "objects"), false, request->principal.account, request->items, 0);
	request->count = add_items(json_member(line, "delete"), true, request->principal.account, request->items,
		request->count);
	request->many = request->count != 1 || !json_member(line, "verb");
	request->prune = request->many && cJSON_IsTrue(json_member(line, "prune"));
	if (request->many)
		return;
	json_integer(json_member(line, "verb"), CHANGE_CREATE, CHANGE_PUT, &verb);
	json_integer(json_member(line, "if"), 0, 1000, &revision);
	if (request->items[0].verb == CHANGE_DELETE)
		return;
	request->items[0].verb = (enum change_verb)verb;
	request->items[0].if_revision = (uint64_t)revision;
	/* As the path of a request names it. */
	if (verb != CHANGE_CREATE && cJSON_IsString(json_member(request->items[0].body, "name"))) {
		char message[200];

		if (model_name(request->items[0].kind, request->principal.account,
			    json_member(request->items[0].body, "name")->valuestring, request->items[0].name, message))
			request->items[0].verb = CHANGE_CREATE;
	}
	if (request->items[0].verb != CHANGE_CREATE && !*request->items[0].name)
		request->items[0].verb = CHANGE_CREATE;
}

static void change_end(struct change *change)
{
	for (size_t i = 0; i < change->request.count; i++)
		cJSON_Delete(change->request.items[i].body);
	free(change->request.items);
	http_findings_free(&change->findings);
}

static int judge(struct manager *manager, const cJSON *line, bool keep)
{
	long long who = 0;
	struct change change = {0};
	uint8_t before[32], after[32];
	int result;

	json_integer(json_member(line, "who"), 0, ARRAY_LEN(principals) - 1, &who);
	change.request.principal = principals[who];
	items_read(line, &change);
	snapshot(manager->state, before);
	state_begin(manager->state);
	result = change_judge(manager, &change);
	must(result == 0 ||
		(result == -EINVAL && change.findings.count && change.status >= 400 && change.status < 500));
	if (result == 0 && keep) {
		check_steps(&change.request.principal, manager->state);
		state_keep(manager->state, state_revision(manager->state) + 1);
		state_end(manager->state);
		check_state(manager->state);
	} else {
		state_undo(manager->state);
		snapshot(manager->state, after);
		must(memcmp(before, after, sizeof(before)) == 0);
	}
	change_end(&change);
	return result;
}

/* ---- a manager without its threads */

static void open_world(struct manager *manager)
{
	manager->state = state_new();
	must(manager->state && agents_open(manager) == 0);
	for (size_t i = 0; i < ARRAY_LEN(world); i++) {
		cJSON *line = cJSON_CreateObject();

		cJSON_AddItemToArray(cJSON_AddArrayToObject(line, "objects"), cJSON_Parse(world[i]));
		must(judge(manager, line, true) == 0);
		cJSON_Delete(line);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct loop *loop;
	struct manager manager = {0};
	const char *at = (const char *)data, *end = at + size;

	if (!loop)
		must(sodium_init() >= 0 && (loop = loop_new()) != NULL);
	manager.loop = loop;
	open_world(&manager);
	for (unsigned i = 0; i < LINES_MOST && at < end; i++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		struct json_error error;
		cJSON *line;

		stop = stop ? stop : end;
		line = json_parse(at, (size_t)(stop - at), &error);
		if (line) {
			/* Judged twice, it is judged alike. */
			int result = judge(&manager, line, false);

			must(judge(&manager, line, true) == result);
		}
		cJSON_Delete(line);
		at = stop + 1;
	}
	agents_close(&manager);
	state_free(manager.state);
	return 0;
}

/* ---- mutations that stay JSON: a value takes the place of another, goes, or is there twice */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed);

static const char *const values[] = {"null", "0", "1", "2", "true", "[]", "{}", "\"\"", "\"any\"", "\"a/v\"", "\"v\"",
	"\"b/g\"", "\"a/g\"", "\"b/i\"", "\"a/s\"", "\"b/n\"", "\"a/n\"", "\"a/a\"", "\"a/h\"", "\"h\"", "\"p\"",
	"\"q\"", "\"b\"", "\"a\"", "\"system\"", "\"*\"", "\"group:b/g\"", "\"group:a/g\"", "\"node:b/n\"",
	"\"node:a/n\"", "\"account:b\"", "\"vnet:a/v\"", "\"handle:a/h\"", "\"10.0.0.1\"", "\"10.0.0.6\"",
	"\"10.0.0.0/29\"", "\"10.0.0.0/30\"", "\"fd00:1:0:1::/64\"", "\"fd00:1:0:1:400::/72\"", "\"02:00:00:00:00:03\"",
	"\"allow\"", "\"group\"", "\"policy\"", "\"vnet\"", "\"node\"", "\"address\"", "\"handle\"",
	"\"security_group\"", "\"host\"", "\"account\"", "\"token\"", "[\"b/g\"]", "[\"b\"]", "[\"a/g\"]",
	"[\"any\",\"node:b/n\"]", "{\"not\":\"group:b/g\"}", "{\"vnet\":\"a/v\",\"account\":\"*\"}",
	"{\"name\":\"n*\"}", "[\"show\"]", "\"operator\"", "\"join\"", "9007199254740991"};
static const char *const names[] = {"note", "vnet", "groups", "security_groups", "security_group", "match", "members",
	"subnet", "address", "node", "target", "peers", "entries", "immutable", "host", "port", "slot", "vni", "id",
	"version", "role", "verbs", "services", "cast", "side", "verdict", "who", "verb", "if", "prune", "name", "kind",
	"revision", "hash", "key", "credential"};

static cJSON *pick(cJSON *from, unsigned *seed)
{
	while (from->child && rand_r(seed) % 5) {
		int at = rand_r(seed) % cJSON_GetArraySize(from);

		from = from->child;
		while (at--)
			from = from->next;
	}
	return from;
}

static void mutate(cJSON *root, unsigned *seed)
{
	cJSON *at = pick(root, seed), *value = cJSON_Parse(values[(unsigned)rand_r(seed) % ARRAY_LEN(values)]);
	const char *name = names[(unsigned)rand_r(seed) % ARRAY_LEN(names)];

	if (cJSON_IsObject(at)) {
		cJSON_DeleteItemFromObjectCaseSensitive(at, name);
		if (rand_r(seed) % 4)
			cJSON_AddItemToObject(at, name, value);
		else
			cJSON_Delete(value);
	} else if (cJSON_IsArray(at) && at->child && rand_r(seed) % 2) {
		cJSON_Delete(value);
		cJSON_AddItemToArray(at, cJSON_Duplicate(pick(at, seed), true));
	} else if (cJSON_IsArray(at)) {
		cJSON_AddItemToArray(at, value);
	} else {
		char *key = at->string;

		/* In its place: what is in the other one changes hands. */
		cJSON swapped = *value;
		*value = *at;
		at->type = swapped.type, at->child = swapped.child, at->valuestring = swapped.valuestring;
		at->valueint = swapped.valueint, at->valuedouble = swapped.valuedouble, at->string = key;
		value->string = NULL, value->next = value->prev = NULL;
		cJSON_Delete(value);
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
	char *at = (char *)data, *stop;
	struct json_error error;
	size_t lines = 1, length;
	cJSON *line;
	char *text;

	if (rand_r(&seed) % 8 == 0)
		return LLVMFuzzerMutate(data, size, room);
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	for (size_t skip = (size_t)rand_r(&seed) % lines; skip; skip--)
		at = (char *)memchr(at, '\n', size - (size_t)(at - (char *)data)) + 1;
	stop = memchr(at, '\n', size - (size_t)(at - (char *)data));
	stop = stop ? stop : (char *)data + size;
	line = json_parse(at, (size_t)(stop - at), &error);
	if (!line || !line->child) {
		cJSON_Delete(line);
		return LLVMFuzzerMutate(data, size, room);
	}
	for (int times = 1 + rand_r(&seed) % 4; times; times--)
		mutate(line, &seed);
	text = cJSON_PrintUnformatted(line);
	cJSON_Delete(line);
	length = strlen(text);
	if (size - (size_t)(stop - at) + length <= room) {
		memmove(at + length, stop, size - (size_t)(stop - (char *)data));
		memcpy(at, text, length);
		size = size - (size_t)(stop - at) + length;
	}
	free(text);
	return size;
}
