/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A backup into etcd: under a generation of its own, which nobody sees before one transaction makes it the store's. See
 * store_etcd.h.
 */
#include "manager/store_etcd.h"

#include <errno.h>
#include <string.h>

#include "lib/json.h"

/* Generations that are not the store's: of restores that died. One that is alive finds its key `restoring` gone, and stops. */
static int restore_clear(struct etcd_store *etcd)
{
	struct etcd_key all = etcd_key_top(etcd, "data/"), all_end = etcd_key_end(&all);
	struct etcd_key own = etcd_key_data(etcd, ""), own_end = etcd_key_end(&own);
	scope_txn struct etcd_txn txn = {};
	bool succeeded;

	etcd_txn_delete(&txn, all.text, own.text);
	etcd_txn_delete(&txn, own_end.text, all_end.text);
	return etcd_txn_run(etcd->etcd, &txn, &succeeded, NULL);
}

/* Announces the new generation. */
static int restore_announce(struct etcd_store *etcd)
{
	struct etcd_key key = etcd_key_data(etcd, "restoring");
	scope_txn struct etcd_txn txn = {};
	scope_json cJSON *answer = NULL;
	bool succeeded;
	int error;

	etcd_txn_put(&txn, key.text, "{}", 2, 0);
	error = etcd_txn_run(etcd->etcd, &txn, &succeeded, &answer);
	if (!error)
		etcd->restore.mod = etcd_revision(answer);
	return error;
}

int etcd_restore_begin(struct store *store)
{
	struct etcd_store *etcd = (struct etcd_store *)store;
	uint64_t revision, mod_revision;
	int error = etcd_head_read(etcd, &revision, &mod_revision);

	if (!error && revision)
		error = -ENOTEMPTY;
	if (!error)
		error = restore_clear(etcd);
	if (error)
		return error == -EINPROGRESS ? -EHOSTUNREACH : error;
	memcpy(etcd->restore.former, etcd->generation, sizeof(etcd->generation));
	etcd_generation_new(etcd->generation);
	error = restore_announce(etcd);
	if (error) {
		memcpy(etcd->generation, etcd->restore.former, sizeof(etcd->generation));
		etcd->restore.former[0] = '\0';
	}
	return error == -EINPROGRESS ? -EHOSTUNREACH : error;
}

/* Runs what was gathered, and begins anew. */
static int restore_flush(struct etcd_store *etcd)
{
	struct etcd_key restoring = etcd_key_data(etcd, "restoring");
	struct etcd_txn *batch = &etcd->restore.batch;
	bool succeeded;
	int error;

	if (!batch->operations)
		return 0;
	etcd_txn_compare(batch, restoring.text, etcd->restore.mod);
	error = etcd_txn_run(etcd->etcd, batch, &succeeded, NULL);
	etcd_txn_free(batch);
	if (error)
		return error == -EINPROGRESS ? -EHOSTUNREACH : error;
	return succeeded ? 0 : -EBUSY;
}

int etcd_restore_add(struct store *store, const struct store_change *change, uint64_t tag)
{
	struct etcd_store *etcd = (struct etcd_store *)store;
	struct etcd_key key = etcd_key_log(etcd, change->revision), restoring = etcd_key_data(etcd, "restoring");
	struct etcd_txn *batch = &etcd->restore.batch;
	scope_text struct store_text text = {}, list = {};
	size_t chunks;
	int error = 0;

	store_record_encode(&text, change, tag);
	if (!text.failed && text.length > ETCD_INLINE_MAX) {
		store_record_writes(&list, change);
		store_text_clear(&text);
		if (!list.failed)
			error = etcd_parts_write(etcd, "chunk", change->revision, tag, &list, restoring.text,
				etcd->restore.mod, &chunks);
		if (!error && !list.failed)
			store_record_encode_chunked(&text, change, tag, chunks, &list);
	}
	if (error || text.failed || list.failed)
		return error == -ESTALE ? -EBUSY : error ? error : -ENOMEM;
	etcd_txn_put(batch, key.text, text.data, text.length, 0);
	if (batch->operations < ETCD_OPERATIONS_MAX && batch->octets + ETCD_INLINE_MAX < ETCD_OCTETS_MAX)
		return 0;
	return restore_flush(etcd);
}

/* The key of the former generation that a first change would have. */
static struct etcd_key restore_former_first(struct etcd_store *etcd)
{
	char generation[ETCD_GENERATION_MAX];
	struct etcd_key first;

	memcpy(generation, etcd->generation, sizeof(generation));
	memcpy(etcd->generation, etcd->restore.former, sizeof(generation));
	first = etcd_key_log(etcd, 1);
	memcpy(etcd->generation, generation, sizeof(generation));
	return first;
}

/* Makes the new generation the store's, if the former is still empty. */
static int restore_flip(struct etcd_store *etcd, uint64_t *store_mod)
{
	struct etcd_key restoring = etcd_key_data(etcd, "restoring"), top = etcd_key_top(etcd, "store");
	struct etcd_key first = restore_former_first(etcd);
	scope_text struct store_text text = {};
	scope_txn struct etcd_txn txn = {};
	scope_json cJSON *answer = NULL;
	bool succeeded;
	int error;

	etcd_store_text(&text, etcd->generation);
	if (text.failed)
		return -ENOMEM;
	etcd_txn_compare(&txn, top.text, etcd->store_mod);
	etcd_txn_compare(&txn, first.text, 0);
	etcd_txn_compare(&txn, restoring.text, etcd->restore.mod);
	etcd_txn_put(&txn, top.text, text.data, text.length, 0);
	etcd_txn_delete(&txn, restoring.text, NULL);
	error = etcd_txn_run(etcd->etcd, &txn, &succeeded, &answer);
	if (error)
		return error;
	if (!succeeded)
		return -ENOTEMPTY;
	*store_mod = etcd_revision(answer);
	return 0;
}

static void restore_forget(struct etcd_store *etcd)
{
	struct etcd_key own = etcd_key_data(etcd, ""), own_end = etcd_key_end(&own);
	scope_txn struct etcd_txn txn = {};
	bool succeeded;

	etcd_txn_delete(&txn, own.text, own_end.text);
	etcd_txn_run(etcd->etcd, &txn, &succeeded, NULL);
	memcpy(etcd->generation, etcd->restore.former, sizeof(etcd->generation));
}

/* Everything that was added becomes the store's, or nothing. */
static int restore_keep(struct etcd_store *etcd, uint64_t revision)
{
	uint64_t head, mod_revision, store_mod;
	int error = restore_flush(etcd);

	if (!error && revision > ETCD_SNAPSHOT_EVERY)
		error = etcd_snapshot_write(etcd);
	if (!error)
		error = etcd_head_read(etcd, &head, &mod_revision);
	if (error)
		return error == -EINPROGRESS ? -EHOSTUNREACH : error;
	if (head != revision)
		return -EUCLEAN;
	error = restore_flip(etcd, &store_mod);
	if (error)
		return error;
	etcd->store_mod = store_mod;
	etcd->known_revision = head;
	etcd->known_mod = mod_revision;
	etcd_watch_close(etcd->watch);
	etcd->watch = NULL;
	return 0;
}

int etcd_restore_end(struct store *store, bool keep, uint64_t revision)
{
	struct etcd_store *etcd = (struct etcd_store *)store;
	int error = keep ? restore_keep(etcd, revision) : 0;

	etcd_txn_free(&etcd->restore.batch);
	/* In doubt, it may be the store's now: nothing is removed, and whoever opens the store sees which. */
	if (error == -EINPROGRESS)
		memcpy(etcd->generation, etcd->restore.former, sizeof(etcd->generation));
	else if (!keep || error)
		restore_forget(etcd);
	etcd->restore.former[0] = '\0';
	return error;
}
