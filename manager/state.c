/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects in memory and their indexes. See state.h.
 */
#include "manager/state.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/json.h"
#include "policy/policy.h"

struct state {
	struct table by_key, anchors, by_place, by_secret;
	struct objects kinds[MODEL_KINDS];
	size_t counts[MODEL_KINDS];
	uint64_t revision, generation, groups_generation;
	struct state_step *entries; /* the transaction that is tried, and */
	size_t count, room;
	uint8_t hash_key[crypto_shorthash_KEYBYTES]; /* keyed: people choose names */
};

/* ---- hashes */

static uint64_t hash_of(const struct state *state, const void *octets, size_t length)
{
	uint64_t hash;

	crypto_shorthash((uint8_t *)&hash, octets, length, state->hash_key);
	return hash;
}

static uint64_t hash_text(const struct state *state, const char *text)
{
	return hash_of(state, text, strlen(text));
}

/* A place: what is unique beside the name, by a letter for the kind of it. */
static uint64_t hash_place(const struct state *state, char letter, const void *what, size_t length, const char *vnet)
{
	uint8_t octets[1 + 16 + MODEL_NAME_MAX] = {(uint8_t)letter};

	memcpy(octets + 1, what, length);
	if (vnet)
		strncpy((char *)octets + 1 + length, vnet, MODEL_NAME_MAX);
	return hash_of(state, octets, sizeof(octets));
}

static uint64_t hash_address(const struct state *state, const char *vnet, struct ipv4 address)
{
	return hash_place(state, 'a', address.octet, sizeof(address.octet), vnet);
}

static uint64_t hash_number(const struct state *state, char letter, uint64_t number)
{
	return hash_place(state, letter, &number, sizeof(number), NULL);
}

/* Two hosts of 72 bits may share these. */
static uint64_t hash_locator(const struct state *state, const struct locator *locator)
{
	return hash_place(state, 'l', locator->octet, 8, NULL);
}

/* ---- members of bodies */

const char *object_text(const struct object *object, const char *member)
{
	return cJSON_GetStringValue(json_member(object->body, member));
}

long long object_number(const struct object *object, const char *member, long long missing)
{
	const cJSON *value = json_member(object->body, member);

	return cJSON_IsNumber(value) ? (long long)value->valuedouble : missing;
}

void object_account(const struct object *object, char out[MODEL_PART_MAX])
{
	if (object->kind == MODEL_ACCOUNT)
		memcpy(out, object->name, strlen(object->name) + 1);
	else
		model_account(object->name, out);
}

bool object_vnet_has(const struct object *vnet, const char *account)
{
	char owner[MODEL_PART_MAX];
	const cJSON *member;

	object_account(vnet, owner);
	if (!strcmp(owner, account))
		return true;
	cJSON_ArrayForEach(member, json_member(vnet->body, "members")) {
		if (!strcmp(member->valuestring, account))
			return true;
	}
	return false;
}

/* ---- anchors */

static struct anchor *anchor_find(const struct state *state, const char *key)
{
	uint64_t hash = hash_text(state, key);
	struct table_node *node = table_find(&state->anchors, hash);

	for (; node; node = table_same(node->next, hash)) {
		struct anchor *anchor = container_of(node, struct anchor, by_key);

		if (!strcmp(anchor->key, key))
			return anchor;
	}
	return NULL;
}

static struct anchor *anchor_take(struct state *state, const char *key)
{
	struct anchor *anchor = anchor_find(state, key);

	if (!anchor) {
		anchor = calloc(1, sizeof(*anchor) + strlen(key) + 1);
		if (!anchor)
			return NULL;
		strcpy(anchor->key, key);
		if (table_add(&state->anchors, &anchor->by_key, hash_text(state, key))) {
			free(anchor);
			return NULL;
		}
	}
	anchor->references++;
	return anchor;
}

static void anchor_give(struct state *state, struct anchor *anchor)
{
	if (!anchor || --anchor->references)
		return;
	table_remove(&state->anchors, &anchor->by_key);
	free(anchor);
}

const struct anchor *state_anchor(const struct state *state, const char *key)
{
	return anchor_find(state, key);
}

struct reference_walk {
	struct state *state;
	int error;
};

static void reference_take(void *context, enum model_kind to, const char *name, const char *path)
{
	struct reference_walk *walk = context;
	char key[MODEL_KEY_MAX];

	(void)path;
	model_key(to, name, key);
	if (!walk->error && !anchor_take(walk->state, key))
		walk->error = -ENOMEM;
}

static void reference_give(void *context, enum model_kind to, const char *name, const char *path)
{
	struct reference_walk *walk = context;
	char key[MODEL_KEY_MAX];

	(void)path;
	model_key(to, name, key);
	anchor_give(walk->state, anchor_find(walk->state, key));
}

/* ---- filing: every index, and back out of it. Filing needs memory only for anchors, which are kept over an undo. */

static struct objects *list_of(struct anchor *anchor, enum model_kind kind)
{
	switch (kind) {
	case MODEL_NODE:
		return &anchor->nodes;
	case MODEL_ADDRESS:
		return &anchor->addresses;
	case MODEL_POLICY:
		return &anchor->policies;
	default:
		return NULL;
	}
}

static uint64_t place_of(const struct state *state, const struct object *object)
{
	switch (object->kind) {
	case MODEL_VNET:
		return hash_number(state, 'v', object->id);
	case MODEL_POLICY:
		return hash_number(state, 'p', object->id);
	case MODEL_HOST:
		return hash_locator(state, &object->locator);
	default:
		return hash_address(state, object_text(object, "vnet"), object->address);
	}
}

static void filed(struct state *state, const struct object *object)
{
	if (object->kind == MODEL_GROUP || object->kind == MODEL_SECURITY_GROUP)
		state->groups_generation++;
}

static void file(struct state *state, struct object *object)
{
	filed(state, object);
	table_add(&state->by_key, &object->by_key, hash_text(state, object->key));
	LIST_INSERT_HEAD(&state->kinds[object->kind], object, of_kind);
	state->counts[object->kind]++;
	if (object->host)
		LIST_INSERT_HEAD(list_of(object->host, object->kind), object, of_host);
	if (object->vnet)
		LIST_INSERT_HEAD(list_of(object->vnet, object->kind), object, of_vnet);
	if (object->placed)
		table_add(&state->by_place, &object->by_place, place_of(state, object));
	if (object->has_secret)
		table_add(&state->by_secret, &object->by_secret, hash_of(state, object->secret, STATE_HASH_LEN));
}

static void unfile(struct state *state, struct object *object)
{
	filed(state, object);
	table_remove(&state->by_key, &object->by_key);
	LIST_REMOVE(object, of_kind);
	state->counts[object->kind]--;
	if (object->host)
		LIST_REMOVE(object, of_host);
	if (object->vnet)
		LIST_REMOVE(object, of_vnet);
	if (object->placed)
		table_remove(&state->by_place, &object->by_place);
	if (object->has_secret)
		table_remove(&state->by_secret, &object->by_secret);
}

/* ---- objects */

void doc_release(struct doc *doc);

static void object_free(struct state *state, struct object *object)
{
	struct reference_walk walk = {.state = state};

	if (!object)
		return;
	model_references(object->body, reference_give, &walk);
	anchor_give(state, object->host);
	anchor_give(state, object->vnet);
	doc_release(object->doc);
	cJSON_Delete(object->body);
	free(object->key);
	free(object);
}

static struct anchor *anchor_of(struct state *state, const struct object *object, const char *member,
	enum model_kind to, int *error)
{
	const char *name = object_text(object, member);
	char key[MODEL_KEY_MAX];
	struct anchor *anchor;

	if (!name)
		return NULL;
	model_key(to, name, key);
	anchor = anchor_take(state, key);
	if (!anchor)
		*error = -ENOMEM;
	return anchor;
}

/* What the indexes need of a body, which is canonical: what is there can be read. */
static int object_fill(struct state *state, struct object *object)
{
	const char *text;
	int error = 0;

	switch (object->kind) {
	case MODEL_HOST:
		object->placed = locator_parse(object_text(object, "locator"), &object->locator) == 0;
		break;
	case MODEL_NODE:
		object->host = anchor_of(state, object, "host", MODEL_HOST, &error);
		object->vnet = anchor_of(state, object, "vnet", MODEL_VNET, &error);
		break;
	case MODEL_ADDRESS:
	case MODEL_POLICY:
		object->vnet = anchor_of(state, object, "vnet", MODEL_VNET, &error);
		break;
	default:
		break;
	}
	text = object_text(object, "address");
	if (text)
		object->placed = ipv4_parse(text, &object->address) == 0;
	object->id = policy_id(object->name);
	if (object->kind == MODEL_VNET || object->kind == MODEL_POLICY) {
		object->id = (uint64_t)object_number(object, object->kind == MODEL_VNET ? "vni" : "id", 0);
		object->placed = object->id != 0;
	}
	text = object_text(object, object->kind == MODEL_TOKEN ? "hash" : "credential");
	if ((object->kind == MODEL_TOKEN || object->kind == MODEL_HOST) && text)
		object->has_secret =
			sodium_hex2bin(object->secret, STATE_HASH_LEN, text, strlen(text), NULL, NULL, NULL) == 0;
	return error;
}

static int object_make(struct state *state, cJSON *body, struct object **out)
{
	struct reference_walk walk = {.state = state};
	struct object *object = calloc(1, sizeof(*object));
	const char *name = cJSON_GetStringValue(json_member(body, "name"));
	int kind = model_kind_of(cJSON_GetStringValue(json_member(body, "kind")));
	char key[MODEL_KEY_MAX];

	if (!object) {
		cJSON_Delete(body);
		return -ENOMEM;
	}
	model_key((enum model_kind)kind, name, key);
	object->kind = (enum model_kind)kind;
	object->body = body;
	object->key = strdup(key);
	model_references(body, reference_take, &walk);
	if (object->key) {
		object->name = strchr(object->key, '/') + 1;
		walk.error = walk.error ? walk.error : object_fill(state, object);
	}
	if (!object->key || walk.error) {
		object_free(state, object);
		return -ENOMEM;
	}
	*out = object;
	return 0;
}

/* ---- begin and end */

struct state *state_new(void)
{
	struct state *state = calloc(1, sizeof(*state));

	if (!state)
		return NULL;
	randombytes_buf(state->hash_key, sizeof(state->hash_key));
	return state;
}

void state_free(struct state *state)
{
	if (!state)
		return;
	state_end(state);
	for (size_t kind = 0; kind < MODEL_KINDS; kind++) {
		struct object *object;

		while ((object = LIST_FIRST(&state->kinds[kind]))) {
			unfile(state, object);
			object_free(state, object);
		}
	}
	table_clear(&state->by_key);
	table_clear(&state->anchors);
	table_clear(&state->by_place);
	table_clear(&state->by_secret);
	free(state->entries);
	free(state);
}

uint64_t state_revision(const struct state *state)
{
	return state->revision;
}

uint64_t state_groups_generation(const struct state *state)
{
	return state->groups_generation;
}

uint64_t state_generation(const struct state *state)
{
	return state->generation;
}

/* ---- finding */

struct object *state_find_key(const struct state *state, const char *key)
{
	uint64_t hash = hash_text(state, key);
	struct table_node *node = table_find(&state->by_key, hash);

	for (; node; node = table_same(node->next, hash)) {
		struct object *object = container_of(node, struct object, by_key);

		if (!strcmp(object->key, key))
			return object;
	}
	return NULL;
}

struct object *state_find(const struct state *state, enum model_kind kind, const char *name)
{
	char key[MODEL_KEY_MAX];

	if (!name || strlen(name) >= MODEL_NAME_MAX)
		return NULL;
	model_key(kind, name, key);
	return state_find_key(state, key);
}

const struct objects *state_all(const struct state *state, enum model_kind kind)
{
	return &state->kinds[kind];
}

size_t state_count(const struct state *state, enum model_kind kind)
{
	return state->counts[kind];
}

static struct object *placed_number(const struct state *state, enum model_kind kind, uint64_t number,
	const struct object *except)
{
	uint64_t hash = hash_number(state, kind == MODEL_VNET ? 'v' : 'p', number);
	struct table_node *node = table_find(&state->by_place, hash);

	for (; node; node = table_same(node->next, hash)) {
		struct object *object = container_of(node, struct object, by_place);

		if (object != except && object->kind == kind && object->id == number)
			return object;
	}
	return NULL;
}

struct object *state_vnet(const struct state *state, uint32_t vni)
{
	return placed_number(state, MODEL_VNET, vni, NULL);
}

struct object *state_policy(const struct state *state, uint32_t id)
{
	return placed_number(state, MODEL_POLICY, id, NULL);
}

struct object *state_same_number(const struct state *state, const struct object *object)
{
	return placed_number(state, object->kind, object->id, object);
}

static bool locators_overlap(const struct locator *a, const struct locator *b)
{
	return !memcmp(a->octet, b->octet, 8) && (a->length == 64 || b->length == 64 || a->octet[8] == b->octet[8]);
}

struct object *state_host_at(const struct state *state, const struct locator *locator, const struct object *except)
{
	uint64_t hash = hash_locator(state, locator);
	struct table_node *node = table_find(&state->by_place, hash);

	for (; node; node = table_same(node->next, hash)) {
		struct object *object = container_of(node, struct object, by_place);

		if (object != except && object->kind == MODEL_HOST && locators_overlap(&object->locator, locator))
			return object;
	}
	return NULL;
}

struct object *state_at(const struct state *state, const char *vnet, struct ipv4 address, const struct object *except)
{
	uint64_t hash = hash_address(state, vnet, address);
	struct table_node *node = table_find(&state->by_place, hash);

	for (; node; node = table_same(node->next, hash)) {
		struct object *object = container_of(node, struct object, by_place);

		if (object != except && (object->kind == MODEL_NODE || object->kind == MODEL_ADDRESS) &&
			ipv4_equal(object->address, address) && !strcmp(object_text(object, "vnet"), vnet))
			return object;
	}
	return NULL;
}

struct object *state_secret(const struct state *state, const uint8_t hash[STATE_HASH_LEN])
{
	uint64_t key = hash_of(state, hash, STATE_HASH_LEN);
	struct table_node *node = table_find(&state->by_secret, key);

	for (; node; node = table_same(node->next, key)) {
		struct object *object = container_of(node, struct object, by_secret);

		if (!sodium_memcmp(object->secret, hash, STATE_HASH_LEN))
			return object;
	}
	return NULL;
}

struct referrer_walk {
	const char *key;
	bool found;
};

static void referrer_compare(void *context, enum model_kind to, const char *name, const char *path)
{
	struct referrer_walk *walk = context;
	char key[MODEL_KEY_MAX];

	(void)path;
	model_key(to, name, key);
	walk->found |= !strcmp(key, walk->key);
}

const struct object *state_referrer(const struct state *state, const char *key, const struct object *last)
{
	struct referrer_walk walk = {.key = key};

	for (size_t kind = last ? last->kind : 0; kind < MODEL_KINDS; kind++) {
		const struct object *object = last ? LIST_NEXT(last, of_kind) : LIST_FIRST(&state->kinds[kind]);

		last = NULL;
		for (; object; object = LIST_NEXT(object, of_kind)) {
			model_references(object->body, referrer_compare, &walk);
			if (walk.found)
				return object;
		}
	}
	return NULL;
}

/* ---- changing */

void state_begin(struct state *state)
{
	state_end(state);
}

/* One step a key: what was written first in this transaction and is written again takes the place of that. */
static struct state_step *step_find(struct state *state, const struct object *before)
{
	for (size_t i = state->count; before && i > 0; i--)
		if (state->entries[i - 1].after == before)
			return &state->entries[i - 1];
	return NULL;
}

static int step(struct state *state, struct object *before, struct object *after)
{
	struct state_step *earlier = before && before->revision == UINT64_MAX ? step_find(state, before) : NULL;

	if (!earlier && state->count == state->room) {
		size_t room = state->room ? state->room * 2 : 64;
		struct state_step *grown = reallocarray(state->entries, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		state->entries = grown;
		state->room = room;
	}
	if (before)
		unfile(state, before);
	if (after)
		file(state, after);
	state->generation++;
	if (earlier) {
		earlier->after = after;
		object_free(state, before);
	} else {
		state->entries[state->count++] = (struct state_step){before, after};
	}
	return 0;
}

int state_put(struct state *state, cJSON *body)
{
	struct object *object;
	int error = object_make(state, body, &object);

	if (error)
		return error;
	object->revision = UINT64_MAX; /* not yet */
	error = step(state, state_find_key(state, object->key), object);
	if (error)
		object_free(state, object);
	return error;
}

int state_delete(struct state *state, const char *key)
{
	struct object *object = state_find_key(state, key);

	return object ? step(state, object, NULL) : -ENOENT;
}

const struct state_step *state_steps(const struct state *state, size_t *count)
{
	*count = state->count;
	return state->entries;
}

void state_undo(struct state *state)
{
	for (size_t i = state->count; i > 0; i--) {
		struct state_step *each = &state->entries[i - 1];

		if (each->after) {
			unfile(state, each->after);
			object_free(state, each->after);
		}
		if (each->before)
			file(state, each->before);
	}
	state->generation++;
	state->count = 0;
}

void state_keep(struct state *state, uint64_t revision)
{
	for (size_t i = 0; i < state->count; i++)
		if (state->entries[i].after)
			state->entries[i].after->revision = revision;
	state->revision = revision;
}

void state_end(struct state *state)
{
	for (size_t i = 0; i < state->count; i++)
		object_free(state, state->entries[i].before);
	state->count = 0;
}

void state_loaded(struct state *state, uint64_t revision)
{
	state->revision = revision;
}
