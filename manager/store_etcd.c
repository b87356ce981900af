/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store of several managers: etcd. See store.h, and store_etcd.h for how it lies there.
 */
#include "manager/store_etcd.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "lib/json.h"
#include "lib/log.h"
#include "lib/time.h"

#define FOLLOW_LIMIT 64   /* changes read at once */
#define WATCH_PAUSE_MS 50 /* before a watch that broke is opened again */

/* ---- reading ---- */

static int etcd_store_load(struct store *store, store_object_fn fn, void *context, uint64_t *revision)
{
	struct etcd_store *etcd = (struct etcd_store *)store;
	scope_table struct store_table table = {};
	uint64_t head, mod_revision, at;
	int result = etcd_table_load(etcd, &table, &head, &mod_revision, &at);

	if (!result)
		result = store_table_walk(&table, fn, context);
	if (result)
		return result;
	etcd->known_revision = head;
	etcd->known_mod = mod_revision;
	*revision = head;
	return 0;
}

struct changes {
	struct etcd_store *etcd;
	store_change_fn fn;
	void *context;
};

static int on_change(void *context, const struct store_record *record, uint64_t mod_revision)
{
	struct changes *changes = context;

	(void)mod_revision;
	changes->etcd->store.tag = record->tag;
	return changes->fn(changes->context, &record->change);
}

static int etcd_changes(struct store *store, uint64_t after, size_t limit, store_change_fn fn, void *context)
{
	struct etcd_store *etcd = (struct etcd_store *)store;
	struct changes changes = {etcd, fn, context};

	return after == UINT64_MAX ? 0 : etcd_log_read(etcd, after, limit, 0, on_change, &changes);
}

/* ---- committing ---- */

/* The mod revision of the log's key `revision`, if it is not the one that is known. */
static int etcd_know(struct etcd_store *etcd, uint64_t revision)
{
	struct etcd_key key = etcd_key_log(etcd, revision);
	scope_json cJSON *answer = NULL;
	scope_kv struct etcd_kv kv = {};
	const cJSON *kvs;
	int error;

	if (etcd->known_revision == revision)
		return 0;
	error = etcd_get(etcd->etcd, &(struct etcd_range){.key = key.text, .keys_only = true}, &answer);
	if (error)
		return error;
	kvs = json_member(answer, "kvs");
	if (revision && (!kvs || !kvs->child))
		return -EUCLEAN;
	error = revision ? etcd_kv_read(kvs->child, &kv) : 0;
	if (error)
		return error;
	etcd->known_revision = revision;
	etcd->known_mod = kv.mod_revision;
	return 0;
}

/* The key `store` is another one than we read: the store is not what it was. */
static int etcd_store_changed(struct etcd_store *etcd, const cJSON *kvs)
{
	scope_kv struct etcd_kv kv = {};
	int schema, error = kvs && kvs->child ? etcd_kv_read(kvs->child, &kv) : -EUCLEAN;

	if (error)
		return error;
	if (kv.mod_revision == etcd->store_mod)
		return 0;
	/* A backup was restored into an empty store, which others had open. Anything else ends this handle. */
	if (etcd->store.position)
		return -ENOTSUP;
	schema = etcd_store_parse(etcd, &kv);
	if (schema != STORE_SCHEMA)
		return schema < 0 ? schema : -ENOTSUP;
	etcd->known_revision = etcd->known_mod = 0;
	etcd_watch_close(etcd->watch);
	etcd->watch = NULL;
	return 0;
}

/* Why the transaction was refused. 0: it was not: it is an earlier attempt of ours that is there. */
static int etcd_commit_refused(struct etcd_store *etcd, const cJSON *answer, const struct store_text *text,
	uint64_t *mod_revision)
{
	const cJSON *log = etcd_txn_kvs(answer, 1);
	scope_kv struct etcd_kv kv = {};
	uint64_t store_mod = etcd->store_mod;
	int error = etcd_store_changed(etcd, etcd_txn_kvs(answer, 0));

	if (error)
		return error;
	if (store_mod != etcd->store_mod)
		return -ESTALE;
	if (!log || !log->child) {
		log_error("store %s: change %" PRIu64 " is not the one that was read: etcd was set back", etcd->prefix,
			etcd->known_revision);
		return -EUCLEAN;
	}
	error = etcd_kv_read(log->child, &kv);
	if (error)
		return error;
	if (kv.length != text->length || memcmp(kv.value, text->data, kv.length) != 0)
		return -ESTALE;
	*mod_revision = kv.mod_revision;
	return 0;
}

/* The transaction that makes a change true. */
static int etcd_commit_record(struct etcd_store *etcd, const struct store_text *text, uint64_t *mod_revision)
{
	struct etcd_key key = etcd_key_log(etcd, etcd->known_revision + 1), top = etcd_key_top(etcd, "store");
	struct etcd_key before = etcd_key_log(etcd, etcd->known_revision);
	scope_txn struct etcd_txn txn = {};
	scope_json cJSON *answer = NULL;
	bool succeeded;
	int error;

	etcd_txn_compare(&txn, top.text, etcd->store_mod);
	etcd_txn_compare(&txn, before.text, etcd->known_mod);
	etcd_txn_compare(&txn, key.text, 0);
	etcd_txn_put(&txn, key.text, text->data, text->length, 0);
	etcd_txn_get_else(&txn, &(struct etcd_range){.key = top.text});
	etcd_txn_get_else(&txn, &(struct etcd_range){.key = key.text});
	error = etcd_txn_run(etcd->etcd, &txn, &succeeded, &answer);
	if (error)
		return error;
	if (!succeeded)
		return etcd_commit_refused(etcd, answer, text, mod_revision);
	*mod_revision = etcd_revision(answer);
	return 0;
}

/* The same for a large change: its writes are put first, in parts that mean nothing yet. */
static int etcd_commit_chunked(struct etcd_store *etcd, uint64_t tag, const struct store_change *change,
	uint64_t *mod_revision)
{
	struct etcd_key key = etcd_key_log(etcd, change->revision);
	scope_text struct store_text list = {}, text = {};
	size_t chunks = 0;
	int error;

	store_record_writes(&list, change);
	if (list.failed)
		return -ENOMEM;
	error = etcd_parts_write(etcd, "chunk", change->revision, tag, &list, key.text, 0, &chunks);
	if (!error) {
		store_record_encode_chunked(&text, change, tag, chunks, &list);
		error = text.failed ? -ENOMEM : etcd_commit_record(etcd, &text, mod_revision);
	}
	if (error && error != -EINPROGRESS)
		etcd_parts_delete(etcd, "chunk", change->revision, tag);
	return error;
}

static int etcd_commit(struct store *store, uint64_t base, uint64_t tag, struct store_change *change)
{
	struct etcd_store *etcd = (struct etcd_store *)store;
	scope_text struct store_text text = {};
	uint64_t mod_revision;
	int error = etcd_know(etcd, base);

	if (error)
		return error;
	store_record_encode(&text, change, tag);
	if (text.failed)
		return -ENOMEM;
	if (text.length <= ETCD_INLINE_MAX)
		error = etcd_commit_record(etcd, &text, &mod_revision);
	else
		error = etcd_commit_chunked(etcd, tag, change, &mod_revision);
	if (error)
		return error;
	etcd->known_revision = change->revision;
	etcd->known_mod = mod_revision;
	if (change->revision % ETCD_SNAPSHOT_EVERY == 0) {
		error = etcd_snapshot_write(etcd);
		if (error)
			log_warning("store %s: no snapshot of change %" PRIu64 ": %s", etcd->prefix, change->revision,
				strerror(-error));
	}
	return 0;
}

/* ---- following ---- */

static int on_followed(void *context, const struct store_record *record, uint64_t mod_revision)
{
	struct changes *changes = context;
	struct etcd_store *etcd = changes->etcd;

	etcd->store.position = etcd->known_revision = record->change.revision;
	etcd->known_mod = mod_revision;
	return on_change(context, record, mod_revision);
}

/* Hands out a page of what came after the position; *count of it. */
static int etcd_follow_page(struct etcd_store *etcd, struct changes *changes, uint64_t *count)
{
	struct etcd_key from = etcd_key_log(etcd, etcd->store.position + 1), begin = etcd_key_data(etcd, "log/");
	struct etcd_key end = etcd_key_end(&begin), top = etcd_key_top(etcd, "store");
	uint64_t store_mod = etcd->store_mod;
	scope_txn struct etcd_txn txn = {};
	scope_json cJSON *answer = NULL;
	bool succeeded;
	int error;

	etcd_txn_get(&txn, &(struct etcd_range){.key = top.text});
	etcd_txn_get(&txn, &(struct etcd_range){.key = from.text, .end = end.text, .limit = FOLLOW_LIMIT});
	error = etcd_txn_run(etcd->etcd, &txn, &succeeded, &answer);
	if (error)
		return error == -EINPROGRESS ? -EHOSTUNREACH : error;
	error = etcd_store_changed(etcd, etcd_txn_kvs(answer, 0));
	if (error)
		return error;
	if (store_mod != etcd->store_mod) /* what was asked for is not where it was */
		return etcd_follow_page(etcd, changes, count);
	etcd->read_revision = etcd_revision(answer);
	etcd->read_ns = time_now_ns();
	return etcd_log_read_kvs(etcd, etcd_txn_kvs(answer, 1), etcd->store.position, 0, on_followed, changes, count);
}

/* Everything after the position. */
static int etcd_follow_read(struct etcd_store *etcd, struct changes *changes, uint64_t *count)
{
	uint64_t page;

	*count = 0;
	do {
		int result = etcd_follow_page(etcd, changes, &page);

		if (result)
			return result;
		*count += page;
	} while (page == FOLLOW_LIMIT);
	return 0;
}

/* Waits for the bell until `end_ns`. Whether the log is to be looked at: it rang, broke, or was quiet for too long. */
static int etcd_follow_wait(struct etcd_store *etcd, uint64_t end_ns, bool *look)
{
	uint64_t quiet_ns = etcd->read_ns + ETCD_QUIET_MS * NSEC_PER_MSEC, now_ns = time_now_ns();
	uint64_t until_ns = end_ns < quiet_ns ? end_ns : quiet_ns;
	struct etcd_key begin = etcd_key_data(etcd, "log/"), end = etcd_key_end(&begin);
	int error;

	if (!etcd->watch) {
		error = etcd_watch_open(etcd->etcd, begin.text, end.text, etcd->read_revision + 1, &etcd->watch);
		if (error)
			return error;
	}
	error = etcd_watch_wait(etcd->watch,
		until_ns > now_ns ? (unsigned)((until_ns - now_ns) / NSEC_PER_MSEC + 1) : 0, look);
	if (error == -EPIPE) {
		struct timespec pause = {.tv_nsec = WATCH_PAUSE_MS * (long)NSEC_PER_MSEC};

		etcd_watch_close(etcd->watch);
		etcd->watch = NULL;
		nanosleep(&pause, NULL);
		*look = true;
		return 0;
	}
	if (!error && time_now_ns() >= quiet_ns)
		*look = true;
	return error;
}

static int etcd_follow(struct store *store, unsigned timeout_ms, store_change_fn fn, void *context)
{
	struct etcd_store *etcd = (struct etcd_store *)store;
	uint64_t end_ns = time_now_ns() + timeout_ms * NSEC_PER_MSEC, count = 0;
	struct changes changes = {etcd, fn, context};
	/* Who does not wait wants to know what is there now. */
	bool look = !etcd->watch || timeout_ms == 0;

	for (;;) {
		int error = look ? etcd_follow_read(etcd, &changes, &count) : 0;

		if (error || count || (look && time_now_ns() >= end_ns))
			return error;
		look = false;
		error = etcd_follow_wait(etcd, end_ns, &look);
		if (error || (!look && time_now_ns() >= end_ns))
			return error;
	}
}

/* ---- versions ---- */

struct version_search {
	const char *key;
	uint64_t written;
	char *body;
	bool found;
};

static int on_version_change(void *context, const struct store_record *record, uint64_t mod_revision)
{
	struct version_search *search = context;

	(void)mod_revision;
	for (size_t i = 0; i < record->change.count; i++) {
		const struct store_write *write = &record->change.writes[i];

		if (strcmp(write->key, search->key) != 0)
			continue;
		free(search->body);
		search->body = write->body ? strdup(write->body) : NULL;
		search->written = record->change.revision;
		search->found = true;
		return write->body && !search->body ? -ENOMEM : 0;
	}
	return 0;
}

/* Backwards through the log, a page at a time: what people ask for is mostly not long ago. */
static int etcd_version(struct store *store, const char *key, uint64_t revision, char **body, uint64_t *written)
{
	struct etcd_store *etcd = (struct etcd_store *)store;
	struct version_search search = {.key = key};
	uint64_t to = revision;

	if (revision > etcd->store.position) {
		uint64_t mod_revision;
		int error = etcd_head_read(etcd, &to, &mod_revision);

		if (error)
			return error;
		to = revision < to ? revision : to;
	}
	while (to && !search.found) {
		uint64_t after = to > FOLLOW_LIMIT ? to - FOLLOW_LIMIT : 0;
		int error = etcd_log_read(etcd, after, to - after, 0, on_version_change, &search);

		if (error) {
			free(search.body);
			return error;
		}
		to = after;
	}
	*body = search.body;
	*written = search.written;
	return 0;
}

const struct store_ops store_etcd_ops = {
	.scheme = "etcd:",
	.shared = true,
	.open = etcd_store_open,
	.close = etcd_store_close,
	.load = etcd_store_load,
	.commit = etcd_commit,
	.follow = etcd_follow,
	.changes = etcd_changes,
	.version = etcd_version,
	.restore_begin = etcd_restore_begin,
	.restore_add = etcd_restore_add,
	.restore_end = etcd_restore_end,
	.fact_set = etcd_fact_set,
	.facts = etcd_facts,
};
