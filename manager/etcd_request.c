/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is asked of etcd, and what it answers, in the JSON of its gateway. See etcd_client.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/json.h"
#include "manager/etcd_client.h"

/* A member whose value is octets. */
static void text_octets(struct store_text *text, const char *name, const char *data, size_t length)
{
	store_text_print(text, "\"%s\":\"", name);
	store_text_base64(text, data, length);
	store_text_print(text, "\"");
}

static void text_range(struct store_text *text, const struct etcd_range *range)
{
	store_text_print(text, "{");
	text_octets(text, "key", range->key, strlen(range->key));
	if (range->end) {
		store_text_print(text, ",");
		text_octets(text, "range_end", range->end, strlen(range->end));
	}
	if (range->revision)
		store_text_print(text, ",\"revision\":\"%" PRIu64 "\"", range->revision);
	if (range->limit)
		store_text_print(text, ",\"limit\":\"%u\"", range->limit);
	if (range->descending)
		store_text_print(text, ",\"sort_order\":\"DESCEND\",\"sort_target\":\"KEY\"");
	if (range->keys_only)
		store_text_print(text, ",\"keys_only\":true");
	store_text_print(text, "}");
}

void etcd_kv_free(struct etcd_kv *kv)
{
	free(kv->key);
	free(kv->value);
	*kv = (struct etcd_kv){};
}

uint64_t etcd_number(const cJSON *tree, const char *name)
{
	const char *text = cJSON_GetStringValue(json_member(tree, name));

	return text ? strtoull(text, NULL, 10) : 0;
}

uint64_t etcd_revision(const cJSON *answer)
{
	return etcd_number(json_member(answer, "header"), "revision");
}

int etcd_kv_read(const cJSON *tree, struct etcd_kv *out)
{
	const char *key = cJSON_GetStringValue(json_member(tree, "key"));
	const char *value = cJSON_GetStringValue(json_member(tree, "value"));
	struct etcd_kv kv = {.mod_revision = etcd_number(tree, "mod_revision")};
	size_t length;
	int error = key ? store_text_decode(key, &kv.key, &length) : -EINVAL;

	/* An empty value, and that of a key that was asked for alone, is left out. */
	if (!error)
		error = store_text_decode(value ? value : "", &kv.value, &kv.length);
	if (error) {
		etcd_kv_free(&kv);
		return error == -EINVAL ? -EIO : error;
	}
	*out = kv;
	return 0;
}

int etcd_get(struct etcd *etcd, const struct etcd_range *range, cJSON **answer)
{
	scope_text struct store_text text = {};
	int error;

	text_range(&text, range);
	if (text.failed)
		return -ENOMEM;
	error = etcd_post(etcd, "/v3/kv/range", text.data, text.length, answer);
	return error == -EINPROGRESS ? -EHOSTUNREACH : error;
}

void etcd_txn_free(struct etcd_txn *txn)
{
	store_text_free(&txn->compare);
	store_text_free(&txn->success);
	store_text_free(&txn->failure);
	*txn = (struct etcd_txn){};
}

void etcd_txn_compare(struct etcd_txn *txn, const char *key, uint64_t mod_revision)
{
	store_text_print(&txn->compare, txn->compare.length ? ",{" : "{");
	text_octets(&txn->compare, "key", key, strlen(key));
	store_text_print(&txn->compare, ",\"target\":\"MOD\",\"result\":\"EQUAL\",\"mod_revision\":\"%" PRIu64 "\"}",
		mod_revision);
}

/* Begins an operation; the caller adds what it is, and "}". */
static void txn_operation(struct store_text *text, const char *kind)
{
	store_text_print(text, text->length ? ",{\"%s\":" : "{\"%s\":", kind);
}

void etcd_txn_put(struct etcd_txn *txn, const char *key, const char *value, size_t length, uint64_t lease)
{
	txn_operation(&txn->success, "request_put");
	store_text_print(&txn->success, "{");
	text_octets(&txn->success, "key", key, strlen(key));
	store_text_print(&txn->success, ",");
	text_octets(&txn->success, "value", value, length);
	if (lease)
		store_text_print(&txn->success, ",\"lease\":\"%" PRIu64 "\"", lease);
	store_text_print(&txn->success, "}}");
	txn->operations++;
	txn->octets += strlen(key) + length;
}

void etcd_txn_delete(struct etcd_txn *txn, const char *key, const char *end)
{
	txn_operation(&txn->success, "request_delete_range");
	text_range(&txn->success, &(struct etcd_range){.key = key, .end = end});
	store_text_print(&txn->success, "}");
	txn->operations++;
	txn->octets += strlen(key);
}

void etcd_txn_get(struct etcd_txn *txn, const struct etcd_range *range)
{
	txn_operation(&txn->success, "request_range");
	text_range(&txn->success, range);
	store_text_print(&txn->success, "}");
	txn->operations++;
}

void etcd_txn_get_else(struct etcd_txn *txn, const struct etcd_range *range)
{
	txn_operation(&txn->failure, "request_range");
	text_range(&txn->failure, range);
	store_text_print(&txn->failure, "}");
}

int etcd_txn_run(struct etcd *etcd, const struct etcd_txn *txn, bool *succeeded, cJSON **answer)
{
	scope_text struct store_text text = {};
	scope_json cJSON *tree = NULL;
	int error;

	store_text_print(&text, "{\"compare\":[");
	store_text_add(&text, txn->compare.data ? txn->compare.data : "", txn->compare.length);
	store_text_print(&text, "],\"success\":[");
	store_text_add(&text, txn->success.data ? txn->success.data : "", txn->success.length);
	store_text_print(&text, "],\"failure\":[");
	store_text_add(&text, txn->failure.data ? txn->failure.data : "", txn->failure.length);
	store_text_print(&text, "]}");
	if (text.failed || txn->compare.failed || txn->success.failed || txn->failure.failed)
		return -ENOMEM;
	error = etcd_post(etcd, "/v3/kv/txn", text.data, text.length, &tree);
	if (error)
		return error;
	*succeeded = cJSON_IsTrue(json_member(tree, "succeeded"));
	if (answer) {
		*answer = tree;
		tree = NULL;
	}
	return 0;
}

const cJSON *etcd_txn_kvs(const cJSON *answer, int which)
{
	const cJSON *responses = json_member(answer, "responses");
	const cJSON *response = responses ? cJSON_GetArrayItem(responses, which) : NULL;
	const cJSON *range = response ? json_member(response, "response_range") : NULL;

	return range ? json_member(range, "kvs") : NULL;
}

int etcd_lease(struct etcd *etcd, unsigned lifetime_s, uint64_t *lease)
{
	scope_text struct store_text text = {};
	scope_json cJSON *answer = NULL;
	int error;

	store_text_print(&text, "{\"TTL\":\"%u\"}", lifetime_s);
	if (text.failed)
		return -ENOMEM;
	error = etcd_post(etcd, "/v3/lease/grant", text.data, text.length, &answer);
	if (error)
		return error == -EINPROGRESS ? -EHOSTUNREACH : error; /* one lease too many ends by itself */
	if (!etcd_number(answer, "ID"))
		return -EIO;
	*lease = etcd_number(answer, "ID");
	return 0;
}
