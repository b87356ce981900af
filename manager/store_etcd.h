/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the etcd store share: how it lies in etcd, and its parts.
 *
 *   PREFIX store                        {"schema":1,"generation":"G"}: what is here, and where. Every commit compares it
 *   PREFIX data/G/ log/REVISION         a change, written once and never again (store_record.h); REVISION has 20 digits
 *                  chunk/REVISION-TAG/N the writes of a large one, in parts, written before it
 *                  snapshot             {"revision":R,"tag":"T","chunks":N,"octets":L,"sha256":"...","swept":S}
 *                  image/R-T/N          what the changes up to R amount to, a line each: ["KEY",REVISION,"BODY"]
 *                  restoring            while a backup is being written; then no `store` names this generation yet
 *   PREFIX fact/KEY                     with a lease, mostly
 *
 * A change becomes true by one transaction, which puts its log/ key if `store` and the log/ key before are those that its
 * writer has seen, and nobody has put this one. So there is no head to keep: the last log/ key is it. Reads only inform; a stale
 * one costs a writer -ESTALE. All of it can be looked at with etcdctl get --prefix.
 */
#ifndef OVNET_MANAGER_STORE_ETCD_H
#define OVNET_MANAGER_STORE_ETCD_H

#include "manager/etcd_client.h"
#include "manager/store_internal.h"
#include "manager/store_record.h"
#include "manager/store_table.h"

#define ETCD_PREFIX_MAX 128
#define ETCD_KEY_MAX 256         /* of keys that are not facts */
#define ETCD_GENERATION_MAX 17   /* with the NUL */
#define ETCD_INLINE_MAX 65536u   /* octets of a record that has its writes with it */
#define ETCD_CHUNK_MAX 524288u   /* octets of a chunk */
#define ETCD_SNAPSHOT_EVERY 1000 /* changes; who commits the one that makes it full writes the snapshot */
#define ETCD_QUIET_MS 2000       /* a watch that says nothing may be dead: the log is looked at */

struct etcd_store {
	struct store store;
	struct etcd *etcd;
	char prefix[ETCD_PREFIX_MAX];
	char generation[ETCD_GENERATION_MAX];
	uint64_t store_mod; /* of the key `store` */
	/* One change of the log, and the revision of etcd that put it: what the next commit compares. */
	uint64_t known_revision, known_mod;
	uint64_t read_revision; /* of etcd, when the log was last read */
	uint64_t read_ns;
	struct etcd_watch *watch;
	struct {
		uint64_t id, until_ns; /* new facts may take it until then */
		unsigned lifetime_s;
	} lease;
	struct {
		char former[ETCD_GENERATION_MAX]; /* "": no restore is going on */
		uint64_t mod;                     /* of the key `restoring` */
		struct etcd_txn batch;
	} restore;
};

/* ---- keys: "PREFIXname" and "PREFIXdata/G/name" ---- */

struct etcd_key {
	char text[ETCD_KEY_MAX];
};

struct etcd_key etcd_key_top(const struct etcd_store *etcd, const char *name);
struct etcd_key etcd_key_data(const struct etcd_store *etcd, const char *name);
struct etcd_key etcd_key_log(const struct etcd_store *etcd, uint64_t revision);
/* "chunk/REVISION-TAG/" or "image/REVISION-TAG/", and its part `n`; n < 0: the beginning of all of them. */
struct etcd_key etcd_key_part(const struct etcd_store *etcd, const char *kind, uint64_t revision, uint64_t tag, long n);
/* The first key past all that begin with `key`, which ends in '/'. */
struct etcd_key etcd_key_end(const struct etcd_key *key);

/* ---- store_etcd_log.c ---- */

typedef int (*etcd_record_fn)(void *context, const struct store_record *record, uint64_t mod_revision);

/*
 * Reads the log after `after`, at most `limit` changes, as of a revision of etcd (0: now). Returns 0, a callback's nonzero result,
 * -EUCLEAN: a gap or a damaged record; or as etcd_get().
 */
int etcd_log_read(struct etcd_store *etcd, uint64_t after, uint64_t limit, uint64_t at, etcd_record_fn fn,
	void *context);
/* Reads the log's keys of an answer, which are to follow on `after`; *count of them. */
int etcd_log_read_kvs(struct etcd_store *etcd, const cJSON *kvs, uint64_t after, uint64_t at, etcd_record_fn fn,
	void *context, uint64_t *count);
/* The last change and its mod revision; 0 and 0: there is none. `kvs` are those of etcd_log_last(). */
struct etcd_range etcd_log_last(const struct etcd_key *begin, const struct etcd_key *end);
int etcd_log_read_last(const cJSON *kvs, uint64_t *revision, uint64_t *mod_revision);

/* Writes `data` in parts; each transaction holds only while `guard` was last written in `guard_mod`. Returns 0, -ESTALE, ... */
int etcd_parts_write(struct etcd_store *etcd, const char *kind, uint64_t revision, uint64_t tag,
	const struct store_text *data, const char *guard, uint64_t guard_mod, size_t *count);
/* Joins `count` parts; -EUCLEAN: some are missing, or it is not what the digest says. */
int etcd_parts_read(struct etcd_store *etcd, const char *kind, uint64_t revision, uint64_t tag, size_t count,
	const char *digest, uint64_t at, struct store_text *data);
/* Best effort: what stays is removed by etcd_sweep(). */
void etcd_parts_delete(struct etcd_store *etcd, const char *kind, uint64_t revision, uint64_t tag);

/* ---- store_etcd_snapshot.c ---- */

/* Everything as of now, with the head's mod revision and the revision of etcd that it was read at. */
int etcd_table_load(struct etcd_store *etcd, struct store_table *table, uint64_t *revision, uint64_t *mod_revision,
	uint64_t *at);
/* Writes a snapshot and removes what nobody needs any more: older images, and chunks of writers that died. */
int etcd_snapshot_write(struct etcd_store *etcd);

/* ---- store_etcd_restore.c ---- */

int etcd_restore_begin(struct store *store);
int etcd_restore_add(struct store *store, const struct store_change *change, uint64_t tag);
int etcd_restore_end(struct store *store, bool keep, uint64_t revision);

/* ---- store_etcd_facts.c ---- */

int etcd_fact_set(struct store *store, const char *key, const char *text, unsigned lifetime_s);
int etcd_facts(struct store *store, const char *prefix, store_object_fn fn, void *context);

/* ---- store_etcd_open.c ---- */

int etcd_store_open(const char *location, struct store **out, char message[STORE_MESSAGE_MAX]);
void etcd_store_close(struct store *store);
/* What the key `store` holds: {"schema":N,"generation":"G"}, of which we write this schema only. */
void etcd_store_text(struct store_text *text, const char *generation);
/* Takes the generation that the key `store` names. Returns the schema; one that is newer is not looked at; or -EUCLEAN. */
int etcd_store_parse(struct etcd_store *etcd, const struct etcd_kv *kv);
/* 16 hexadecimal digits that nobody else has. */
void etcd_generation_new(char generation[ETCD_GENERATION_MAX]);
/* The last change as of now, and its mod revision; 0 and 0: there is none. */
int etcd_head_read(struct etcd_store *etcd, uint64_t *revision, uint64_t *mod_revision);

#endif /* OVNET_MANAGER_STORE_ETCD_H */
