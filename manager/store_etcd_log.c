/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log in etcd: its keys, its records, and values that are too large for one key. See store_etcd.h.
 */
#include "manager/store_etcd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "lib/json.h"
#include "lib/log.h"

#define PAGE_RECORDS 64 /* of at most ETCD_INLINE_MAX each */
#define PAGE_PARTS 4

static struct etcd_key PRINTF_LIKE(1, 2) key_print(const char *format, ...)
{
	struct etcd_key key;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(key.text, sizeof(key.text), format, arguments);
	va_end(arguments);
	return key;
}

struct etcd_key etcd_key_top(const struct etcd_store *etcd, const char *name)
{
	return key_print("%s%s", etcd->prefix, name);
}

struct etcd_key etcd_key_data(const struct etcd_store *etcd, const char *name)
{
	return key_print("%sdata/%s/%s", etcd->prefix, etcd->generation, name);
}

struct etcd_key etcd_key_log(const struct etcd_store *etcd, uint64_t revision)
{
	return key_print("%sdata/%s/log/%020" PRIu64, etcd->prefix, etcd->generation, revision);
}

struct etcd_key etcd_key_part(const struct etcd_store *etcd, const char *kind, uint64_t revision, uint64_t tag, long n)
{
	if (n < 0)
		return key_print("%sdata/%s/%s/%020" PRIu64 "-%016" PRIx64 "/", etcd->prefix, etcd->generation, kind,
			revision, tag);
	return key_print("%sdata/%s/%s/%020" PRIu64 "-%016" PRIx64 "/%06ld", etcd->prefix, etcd->generation, kind,
		revision, tag, n);
}

struct etcd_key etcd_key_end(const struct etcd_key *key)
{
	struct etcd_key end = *key;
	size_t length = strlen(end.text);

	if (length)
		end.text[length - 1]++;
	return end;
}

/* ---- parts ---- */

/* Runs a batch and empties it; the guard is in it again. */
static int parts_flush(struct etcd_store *etcd, struct etcd_txn *txn, const char *guard, uint64_t guard_mod)
{
	bool succeeded;
	int error;

	etcd_txn_compare(txn, guard, guard_mod);
	error = etcd_txn_run(etcd->etcd, txn, &succeeded, NULL);
	etcd_txn_free(txn);
	if (error)
		return error == -EINPROGRESS ? -EHOSTUNREACH : error; /* parts alone are nothing yet */
	return succeeded ? 0 : -ESTALE;
}

int etcd_parts_write(struct etcd_store *etcd, const char *kind, uint64_t revision, uint64_t tag,
	const struct store_text *data, const char *guard, uint64_t guard_mod, size_t *count)
{
	scope_txn struct etcd_txn txn = {};
	size_t done = 0;
	long n = 0;

	do {
		size_t part = data->length - done < ETCD_CHUNK_MAX ? data->length - done : ETCD_CHUNK_MAX;
		struct etcd_key key = etcd_key_part(etcd, kind, revision, tag, n++);

		etcd_txn_put(&txn, key.text, data->length ? data->data + done : "", part, 0);
		done += part;
		if (txn.octets + ETCD_CHUNK_MAX > ETCD_OCTETS_MAX || done == data->length) {
			int error = parts_flush(etcd, &txn, guard, guard_mod);

			if (error)
				return error;
		}
	} while (done < data->length);
	*count = (size_t)n;
	return 0;
}

static int parts_read_page(struct etcd_store *etcd, const struct etcd_key *from, const struct etcd_key *end,
	uint64_t at, struct store_text *data, size_t *read)
{
	struct etcd_range range = {.key = from->text, .end = end->text, .revision = at, .limit = PAGE_PARTS};
	scope_json cJSON *answer = NULL;
	const cJSON *each;
	int error = etcd_get(etcd->etcd, &range, &answer);

	if (error)
		return error;
	cJSON_ArrayForEach(each, json_member(answer, "kvs")) {
		scope_kv struct etcd_kv kv = {};

		error = etcd_kv_read(each, &kv);
		if (error)
			return error;
		store_text_add(data, kv.value, kv.length);
		++*read;
	}
	return data->failed ? -ENOMEM : 0;
}

int etcd_parts_read(struct etcd_store *etcd, const char *kind, uint64_t revision, uint64_t tag, size_t count,
	const char *digest, uint64_t at, struct store_text *data)
{
	struct etcd_key begin = etcd_key_part(etcd, kind, revision, tag, -1), end = etcd_key_end(&begin);
	char found[STORE_DIGEST_TEXT];
	size_t read = 0, before;

	store_text_add(data, "", 0);
	do {
		struct etcd_key from = etcd_key_part(etcd, kind, revision, tag, (long)read);
		int error;

		before = read;
		error = parts_read_page(etcd, &from, &end, at, data, &read);
		if (error)
			return error;
	} while (read < count && read > before);
	store_record_digest(data->data, data->length, found);
	if (read == count && strcmp(found, digest) == 0)
		return 0;
	log_error("store %s: %s is damaged: %zu of %zu parts", etcd->prefix, begin.text, read, count);
	return -EUCLEAN;
}

void etcd_parts_delete(struct etcd_store *etcd, const char *kind, uint64_t revision, uint64_t tag)
{
	struct etcd_key begin = etcd_key_part(etcd, kind, revision, tag, -1), end = etcd_key_end(&begin);
	scope_txn struct etcd_txn txn = {};
	bool succeeded;

	etcd_txn_delete(&txn, begin.text, end.text);
	etcd_txn_run(etcd->etcd, &txn, &succeeded, NULL);
}

/* ---- records ---- */

/* A record whole: its chunks are fetched. */
static int log_complete(struct etcd_store *etcd, struct store_record *record, uint64_t at)
{
	scope_text struct store_text list = {};
	int error = etcd_parts_read(etcd, "chunk", record->change.revision, record->tag, record->chunks, record->digest,
		at, &list);

	return error ? error : store_record_add_list(record, list.data, list.length);
}

/* The record in a key of the log, which is to be that of `revision`. */
static int log_read_kv(struct etcd_store *etcd, const cJSON *tree, uint64_t revision, uint64_t at, etcd_record_fn fn,
	void *context)
{
	struct etcd_key wanted = etcd_key_log(etcd, revision);
	scope_record struct store_record record = {};
	scope_kv struct etcd_kv kv = {};
	int error = etcd_kv_read(tree, &kv);

	if (error)
		return error;
	if (strcmp(kv.key, wanted.text) != 0) {
		log_error("store %s: expected %s, got %s: the log is damaged", etcd->prefix, wanted.text, kv.key);
		return -EUCLEAN;
	}
	error = store_record_decode(kv.value, kv.length, &record);
	if (!error && record.change.revision != revision)
		error = -EUCLEAN;
	if (!error && record.chunks)
		error = log_complete(etcd, &record, at);
	if (error == -EUCLEAN)
		log_error("store %s: %s is damaged", etcd->prefix, kv.key);
	return error ? error : fn(context, &record, kv.mod_revision);
}

int etcd_log_read_kvs(struct etcd_store *etcd, const cJSON *kvs, uint64_t after, uint64_t at, etcd_record_fn fn,
	void *context, uint64_t *count)
{
	const cJSON *each;

	*count = 0;
	cJSON_ArrayForEach(each, kvs) {
		int result = log_read_kv(etcd, each, after + *count + 1, at, fn, context);

		if (result)
			return result;
		++*count;
	}
	return 0;
}

int etcd_log_read(struct etcd_store *etcd, uint64_t after, uint64_t limit, uint64_t at, etcd_record_fn fn,
	void *context)
{
	struct etcd_key begin = etcd_key_data(etcd, "log/"), end = etcd_key_end(&begin);

	while (limit) {
		struct etcd_key from = etcd_key_log(etcd, after + 1);
		struct etcd_range range = {.key = from.text, .end = end.text, .revision = at};
		scope_json cJSON *answer = NULL;
		uint64_t count;
		int result;

		range.limit = limit < PAGE_RECORDS ? (unsigned)limit : PAGE_RECORDS;
		result = etcd_get(etcd->etcd, &range, &answer);
		if (!result)
			result = etcd_log_read_kvs(etcd, json_member(answer, "kvs"), after, at, fn, context, &count);
		if (result)
			return result;
		if (count < range.limit)
			return 0;
		after += count;
		limit -= count;
	}
	return 0;
}

struct etcd_range etcd_log_last(const struct etcd_key *begin, const struct etcd_key *end)
{
	return (struct etcd_range){.key = begin->text,
		.end = end->text,
		.limit = 1,
		.descending = true,
		.keys_only = true};
}

int etcd_log_read_last(const cJSON *kvs, uint64_t *revision, uint64_t *mod_revision)
{
	scope_kv struct etcd_kv kv = {};
	const char *digits;
	int error;

	if (!kvs || !kvs->child) {
		*revision = *mod_revision = 0;
		return 0;
	}
	error = etcd_kv_read(kvs->child, &kv);
	if (error)
		return error;
	digits = strrchr(kv.key, '/');
	if (!digits || strspn(digits + 1, "0123456789") != 20 || digits[21])
		return -EUCLEAN;
	*revision = strtoull(digits + 1, NULL, 10);
	*mod_revision = kv.mod_revision;
	return 0;
}
