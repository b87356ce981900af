/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loading from etcd: a snapshot, and the log after it; and writing snapshots. See store_etcd.h.
 *
 * A load reads everything as of one revision of etcd, so that what is replaced meanwhile is still seen. If etcd compacts
 * that revision away under it, it begins again.
 */
#include "manager/store_etcd.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "lib/json.h"
#include "lib/log.h"

#define LOAD_ATTEMPTS 5
#define REVISION_MAX 9007199254740991

struct snapshot {
	uint64_t revision, tag, chunks, swept; /* all zero: there is none */
	char digest[STORE_DIGEST_TEXT];
	uint64_t mod_revision;
};

static int snapshot_number(const cJSON *tree, const char *name, uint64_t *out)
{
	const cJSON *member = json_member(tree, name);
	long long value;

	if (!member || json_integer(member, 0, REVISION_MAX, &value))
		return -EUCLEAN;
	*out = (uint64_t)value;
	return 0;
}

static int snapshot_read(const cJSON *kvs, struct snapshot *out)
{
	struct snapshot snapshot = {};
	scope_kv struct etcd_kv kv = {};
	scope_json cJSON *tree = NULL;
	const char *tag, *digest;
	struct json_error syntax;
	int error;

	if (!kvs || !kvs->child) {
		*out = snapshot;
		return 0;
	}
	error = etcd_kv_read(kvs->child, &kv);
	if (error)
		return error;
	tree = json_parse(kv.value, kv.length, &syntax);
	tag = cJSON_GetStringValue(json_member(tree, "tag"));
	digest = cJSON_GetStringValue(json_member(tree, "sha256"));
	if (!tag || !digest || strlen(digest) != STORE_DIGEST_TEXT - 1 ||
		snapshot_number(tree, "revision", &snapshot.revision) ||
		snapshot_number(tree, "chunks", &snapshot.chunks) || snapshot_number(tree, "swept", &snapshot.swept))
		return -EUCLEAN;
	snapshot.tag = strtoull(tag, NULL, 16);
	memcpy(snapshot.digest, digest, STORE_DIGEST_TEXT);
	snapshot.mod_revision = kv.mod_revision;
	*out = snapshot;
	return 0;
}

/* ---- loading ---- */

/* One line of an image: ["KEY",REVISION,"BODY"]. */
static int image_read_line(struct store_table *table, const char *line, size_t length)
{
	struct json_error syntax;
	scope_json cJSON *tree = json_parse(line, length, &syntax);
	const cJSON *key = cJSON_IsArray(tree) ? tree->child : NULL;
	const cJSON *revision = key ? key->next : NULL, *body = revision ? revision->next : NULL;
	long long number;

	if (!cJSON_IsString(key) || !cJSON_IsString(body) || body->next ||
		json_integer(revision, 1, REVISION_MAX, &number))
		return -EUCLEAN;
	return store_table_set(table, key->valuestring, (uint64_t)number, body->valuestring);
}

static int image_read(struct etcd_store *etcd, const struct snapshot *snapshot, uint64_t at, struct store_table *table)
{
	scope_text struct store_text image = {};
	int error = etcd_parts_read(etcd, "image", snapshot->revision, snapshot->tag, snapshot->chunks,
		snapshot->digest, at, &image);
	const char *line = image.data, *end;

	for (; !error && (end = strchr(line, '\n')); line = end + 1)
		error = image_read_line(table, line, (size_t)(end - line));
	return error;
}

static int on_load_record(void *context, const struct store_record *record, uint64_t mod_revision)
{
	(void)mod_revision;
	return store_table_apply(context, &record->change);
}

/* What a load begins with: the snapshot and the head, as of one revision of etcd. */
static int load_begin(struct etcd_store *etcd, struct snapshot *snapshot, uint64_t *revision, uint64_t *mod_revision,
	uint64_t *at)
{
	struct etcd_key pointer = etcd_key_data(etcd, "snapshot");
	struct etcd_key begin = etcd_key_data(etcd, "log/"), end = etcd_key_end(&begin);
	struct etcd_range last = etcd_log_last(&begin, &end);
	scope_txn struct etcd_txn txn = {};
	scope_json cJSON *answer = NULL;
	bool succeeded;
	int error;

	etcd_txn_get(&txn, &(struct etcd_range){.key = pointer.text});
	etcd_txn_get(&txn, &last);
	error = etcd_txn_run(etcd->etcd, &txn, &succeeded, &answer);
	if (error)
		return error == -EINPROGRESS ? -EHOSTUNREACH : error;
	error = snapshot_read(etcd_txn_kvs(answer, 0), snapshot);
	if (!error)
		error = etcd_log_read_last(etcd_txn_kvs(answer, 1), revision, mod_revision);
	if (!error && *revision < snapshot->revision)
		error = -EUCLEAN;
	*at = etcd_revision(answer);
	return error;
}

static int table_load_once(struct etcd_store *etcd, struct store_table *table, uint64_t *revision,
	uint64_t *mod_revision, uint64_t *at)
{
	struct snapshot snapshot;
	int error = load_begin(etcd, &snapshot, revision, mod_revision, at);

	if (!error && snapshot.revision)
		error = image_read(etcd, &snapshot, *at, table);
	if (!error)
		error = etcd_log_read(etcd, snapshot.revision, *revision - snapshot.revision, *at, on_load_record,
			table);
	return error;
}

int etcd_table_load(struct etcd_store *etcd, struct store_table *table, uint64_t *revision, uint64_t *mod_revision,
	uint64_t *at)
{
	for (int attempt = 1;; attempt++) {
		scope_table struct store_table loaded = {};
		int error = table_load_once(etcd, &loaded, revision, mod_revision, at);

		if (error == -ERANGE && attempt < LOAD_ATTEMPTS)
			continue;
		if (error)
			return error == -ERANGE ? -EIO : error;
		*table = loaded;
		loaded = (struct store_table){};
		return 0;
	}
}

/* ---- sweeping ---- */

/* What "chunk/REVISION-TAG/N" says. */
static bool part_parse(const char *key, size_t skip, uint64_t *revision, uint64_t *tag)
{
	if (strlen(key) < skip + 20 + 1 + 16)
		return false;
	key += skip;
	if (strspn(key, "0123456789") != 20 || key[20] != '-' || strspn(key + 21, "0123456789abcdef") != 16)
		return false;
	*revision = strtoull(key, NULL, 10);
	*tag = strtoull(key + 21, NULL, 16);
	return true;
}

/* The tag of a change, without its writes. */
static int log_tag(struct etcd_store *etcd, uint64_t revision, uint64_t *tag)
{
	struct etcd_key key = etcd_key_log(etcd, revision);
	scope_record struct store_record record = {};
	scope_json cJSON *answer = NULL;
	scope_kv struct etcd_kv kv = {};
	const cJSON *kvs;
	int error = etcd_get(etcd->etcd, &(struct etcd_range){.key = key.text}, &answer);

	if (error)
		return error;
	kvs = json_member(answer, "kvs");
	if (!kvs || !kvs->child)
		return -ENOENT;
	error = etcd_kv_read(kvs->child, &kv);
	if (!error)
		error = store_record_decode(kv.value, kv.length, &record);
	if (!error)
		*tag = record.tag;
	return error;
}

/* True when these parts belong to nothing: the change of their revision is another one, or there is a newer snapshot. */
static bool part_is_orphan(struct etcd_store *etcd, const struct snapshot *snapshot, bool chunk, uint64_t revision,
	uint64_t tag)
{
	uint64_t kept;

	if (!chunk)
		return revision <= snapshot->revision && (revision != snapshot->revision || tag != snapshot->tag);
	return log_tag(etcd, revision, &kept) == 0 && kept != tag;
}

/*
 * Removes parts of writers that died, of revisions from `from` up to `to`. A chunk is put only while its revision is not taken,
 * so below the head no new ones appear.
 */
static int sweep(struct etcd_store *etcd, const char *kind, const struct snapshot *snapshot, uint64_t from, uint64_t to)
{
	struct etcd_key begin = etcd_key_part(etcd, kind, from, 0, -1), end = etcd_key_part(etcd, kind, to + 1, 0, -1);
	struct etcd_range range = {.key = begin.text, .end = end.text, .keys_only = true};
	bool chunk = strcmp(kind, "chunk") == 0;
	scope_json cJSON *answer = NULL;
	uint64_t last_revision = 0, last_tag = 0;
	const cJSON *each;
	int error = etcd_get(etcd->etcd, &range, &answer);

	if (error)
		return error;
	cJSON_ArrayForEach(each, json_member(answer, "kvs")) {
		scope_kv struct etcd_kv kv = {};
		uint64_t revision, tag;

		error = etcd_kv_read(each, &kv);
		if (error)
			return error;
		if (!part_parse(kv.key, strlen(begin.text) - strlen("00000000000000000000-0000000000000000/"),
			    &revision, &tag) ||
			(revision == last_revision && tag == last_tag))
			continue;
		last_revision = revision;
		last_tag = tag;
		if (part_is_orphan(etcd, snapshot, chunk, revision, tag))
			etcd_parts_delete(etcd, kind, revision, tag);
	}
	return 0;
}

/* ---- writing ---- */

static int on_image_object(void *context, const char *key, uint64_t revision, const char *body)
{
	struct store_text *image = context;

	store_text_print(image, "[");
	store_text_string(image, key);
	store_text_print(image, ",%" PRIu64 ",", revision);
	store_text_string(image, body);
	store_text_print(image, "]\n");
	return image->failed ? -ENOMEM : 0;
}

/* Puts the pointer, if nobody else has meanwhile. */
static int snapshot_flip(struct etcd_store *etcd, const struct snapshot *former, const struct snapshot *snapshot,
	size_t octets)
{
	struct etcd_key pointer = etcd_key_data(etcd, "snapshot");
	scope_text struct store_text text = {};
	scope_txn struct etcd_txn txn = {};
	bool succeeded;
	int error;

	store_text_print(&text,
		"{\"revision\":%" PRIu64 ",\"tag\":\"%016" PRIx64 "\",\"chunks\":%" PRIu64
		",\"octets\":%zu,\"sha256\":\"%s\",\"swept\":%" PRIu64 "}",
		snapshot->revision, snapshot->tag, snapshot->chunks, octets, snapshot->digest, snapshot->swept);
	if (text.failed)
		return -ENOMEM;
	etcd_txn_compare(&txn, pointer.text, former->mod_revision);
	etcd_txn_put(&txn, pointer.text, text.data, text.length, 0);
	error = etcd_txn_run(etcd->etcd, &txn, &succeeded, NULL);
	return error ? error : succeeded ? 0 : -ESTALE;
}

static int snapshot_write(struct etcd_store *etcd, struct store_table *table, uint64_t revision)
{
	struct etcd_key pointer = etcd_key_data(etcd, "snapshot");
	scope_text struct store_text image = {};
	struct snapshot former, snapshot = {.revision = revision};
	uint64_t head, mod_revision, at;
	size_t chunks;
	int error = load_begin(etcd, &former, &head, &mod_revision, &at);

	if (error || former.revision >= revision)
		return error;
	randombytes_buf(&snapshot.tag, sizeof(snapshot.tag));
	snapshot.swept = sweep(etcd, "chunk", &former, former.swept + 1, revision) ? former.swept : revision;
	store_text_add(&image, "", 0);
	error = store_table_walk(table, on_image_object, &image);
	if (error || image.failed)
		return error ? error : -ENOMEM;
	store_record_digest(image.data, image.length, snapshot.digest);
	error = etcd_parts_write(etcd, "image", revision, snapshot.tag, &image, pointer.text, former.mod_revision,
		&chunks);
	snapshot.chunks = chunks;
	if (!error)
		error = snapshot_flip(etcd, &former, &snapshot, image.length);
	if (error && error != -EINPROGRESS)
		etcd_parts_delete(etcd, "image", revision, snapshot.tag);
	if (!error)
		sweep(etcd, "image", &snapshot, 0, revision);
	return error;
}

int etcd_snapshot_write(struct etcd_store *etcd)
{
	scope_table struct store_table table = {};
	uint64_t revision, mod_revision, at;
	int error = etcd_table_load(etcd, &table, &revision, &mod_revision, &at);

	return error ? error : snapshot_write(etcd, &table, revision);
}
