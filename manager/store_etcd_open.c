/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening a store in etcd: where it is, which schema it has, and what is done with an older one. See store_etcd.h.
 */
#include "manager/store_etcd.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "lib/json.h"

#define OLD_GENERATION "first" /* where schema 0 had its log */

/* "URL[,URL...][/PREFIX]": the path of the last URL is the prefix. */
static int etcd_location(struct etcd_store *etcd, const char *location, struct store_text *endpoints)
{
	const char *last = strrchr(location, ','), *path = strstr(last ? last : location, "://");
	size_t length;

	path = path ? strchr(path + 3, '/') : NULL;
	store_text_add(endpoints, location, path ? (size_t)(path - location) : strlen(location));
	if (endpoints->failed)
		return -ENOMEM;
	if (!path || !path[1])
		path = "/ovnet/";
	length = strlen(path);
	if (length + 2 > sizeof(etcd->prefix) || !store_text_is_utf8(path))
		return -EINVAL;
	snprintf(etcd->prefix, sizeof(etcd->prefix), "%s%s", path, path[length - 1] == '/' ? "" : "/");
	return 0;
}

void etcd_generation_new(char generation[ETCD_GENERATION_MAX])
{
	unsigned char octets[8];

	randombytes_buf(octets, sizeof(octets));
	sodium_bin2hex(generation, ETCD_GENERATION_MAX, octets, sizeof(octets));
}

void etcd_store_text(struct store_text *text, const char *generation)
{
	store_text_print(text, "{\"schema\":%d,\"generation\":\"%s\"}", STORE_SCHEMA, generation);
}

int etcd_store_parse(struct etcd_store *etcd, const struct etcd_kv *kv)
{
	struct json_error syntax;
	scope_json cJSON *tree = json_parse(kv->value, kv->length, &syntax);
	const char *generation = cJSON_GetStringValue(json_member(tree, "generation"));
	long long schema;

	if (cJSON_IsNumber(tree) && !json_integer(tree, 0, 0, &schema))
		generation = OLD_GENERATION;
	else if (json_integer(json_member(tree, "schema"), 1, INT32_MAX, &schema))
		return -EUCLEAN;
	/* What a newer version says beside is not ours to judge. */
	if (schema > STORE_SCHEMA)
		return (int)schema;
	if (!generation || strlen(generation) >= sizeof(etcd->generation) || !*generation || strchr(generation, '/'))
		return -EUCLEAN;
	snprintf(etcd->generation, sizeof(etcd->generation), "%s", generation);
	etcd->store_mod = kv->mod_revision;
	return (int)schema;
}

/* From schema 0, which had a plain number in the key `store`, and changes without tags, which are read as they are. */
static int step_0(struct etcd_store *etcd)
{
	struct etcd_key key = etcd_key_top(etcd, "store");
	scope_text struct store_text text = {};
	scope_txn struct etcd_txn txn = {};
	bool succeeded;

	etcd_store_text(&text, OLD_GENERATION);
	if (text.failed)
		return -ENOMEM;
	etcd_txn_compare(&txn, key.text, etcd->store_mod);
	etcd_txn_put(&txn, key.text, text.data, text.length, 0);
	/* Lost to another manager's step, it is as good: the key is read again. */
	return etcd_txn_run(etcd->etcd, &txn, &succeeded, NULL);
}

/* steps[N] makes schema N + 1 of schema N, by one transaction that compares the key `store`. */
static int (*const steps[])(struct etcd_store *etcd) = {step_0};
_Static_assert(ARRAY_LEN(steps) == STORE_SCHEMA, "there is a step from each older schema");

/* Makes the key `store` if there is none, and reads it. */
static int store_key_get(struct etcd_store *etcd, struct etcd_kv *kv)
{
	struct etcd_key key = etcd_key_top(etcd, "store");
	char generation[ETCD_GENERATION_MAX];
	scope_text struct store_text text = {};
	scope_txn struct etcd_txn txn = {};
	scope_json cJSON *answer = NULL;
	const cJSON *kvs;
	bool succeeded;
	int error;

	etcd_generation_new(generation);
	etcd_store_text(&text, generation);
	if (text.failed)
		return -ENOMEM;
	etcd_txn_compare(&txn, key.text, 0);
	etcd_txn_put(&txn, key.text, text.data, text.length, 0);
	etcd_txn_get(&txn, &(struct etcd_range){.key = key.text});
	etcd_txn_get_else(&txn, &(struct etcd_range){.key = key.text});
	error = etcd_txn_run(etcd->etcd, &txn, &succeeded, &answer);
	if (error)
		return error == -EINPROGRESS ? -EHOSTUNREACH : error;
	kvs = etcd_txn_kvs(answer, succeeded ? 1 : 0);
	return kvs && kvs->child ? etcd_kv_read(kvs->child, kv) : -EIO;
}

int etcd_head_read(struct etcd_store *etcd, uint64_t *revision, uint64_t *mod_revision)
{
	struct etcd_key begin = etcd_key_data(etcd, "log/"), end = etcd_key_end(&begin);
	struct etcd_range last = etcd_log_last(&begin, &end);
	scope_json cJSON *answer = NULL;
	int error = etcd_get(etcd->etcd, &last, &answer);

	return error ? error : etcd_log_read_last(json_member(answer, "kvs"), revision, mod_revision);
}

static int etcd_open_fail(struct etcd_store *etcd, int error, char message[STORE_MESSAGE_MAX])
{
	if (error == -EUCLEAN)
		return store_fail(error, message,
			"what etcd has below %s is damaged: stop here, and restore a backup below another prefix",
			etcd->prefix);
	return store_fail(error, message, "etcd: %s%s%s",
		error == -EHOSTUNREACH ? "no endpoint answers" : strerror(-error),
		*etcd_message(etcd->etcd) ? ": " : "", etcd_message(etcd->etcd));
}

static int etcd_store_begin(struct etcd_store *etcd, char message[STORE_MESSAGE_MAX])
{
	int error, schema;

	do {
		scope_kv struct etcd_kv kv = {};

		error = store_key_get(etcd, &kv);
		schema = error ? 0 : etcd_store_parse(etcd, &kv);
		if (schema > STORE_SCHEMA)
			return store_fail(-ENOTSUP, message,
				"%s in etcd was made by a newer version (schema %d, this one knows %d): upgrade this program",
				etcd->prefix, schema, STORE_SCHEMA);
		if (!error && schema < 0)
			error = schema;
		else if (!error && schema < STORE_SCHEMA)
			error = steps[schema](etcd);
	} while (!error && schema < STORE_SCHEMA);
	if (!error)
		error = etcd_head_read(etcd, &etcd->known_revision, &etcd->known_mod);
	etcd->store.position = etcd->known_revision;
	return error ? etcd_open_fail(etcd, error, message) : 0;
}

void etcd_store_close(struct store *store)
{
	struct etcd_store *etcd = (struct etcd_store *)store;

	etcd_watch_close(etcd->watch);
	etcd_txn_free(&etcd->restore.batch);
	etcd_close(etcd->etcd);
	free(etcd);
}

int etcd_store_open(const char *location, struct store **out, char message[STORE_MESSAGE_MAX])
{
	struct etcd_store *etcd = calloc(1, sizeof(*etcd));
	scope_text struct store_text endpoints = {};
	int error;

	if (!etcd)
		return store_fail(-ENOMEM, message, "no memory");
	etcd->store.ops = &store_etcd_ops;
	error = etcd_location(etcd, location, &endpoints);
	if (!error)
		error = etcd_open(endpoints.data, &etcd->etcd);
	if (error == -EINVAL)
		store_fail(error, message,
			"expected \"etcd:http://ADDRESS:2379[,http://...][/PREFIX]\" with a prefix of up to %d octets, got \"etcd:%s\"",
			ETCD_PREFIX_MAX - 2, location);
	else if (error)
		store_fail(error, message, "no memory");
	else
		error = etcd_store_begin(etcd, message);
	if (error) {
		etcd_store_close(&etcd->store);
		return error;
	}
	*out = &etcd->store;
	return 0;
}
