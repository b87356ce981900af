/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client of etcd v3 through its JSON gateway: ranges, transactions, leases, a watch. Keys and values are octets, base64 on the
 * wire; 64-bit numbers are strings there. It knows nothing of stores. One thread at a time.
 *
 * Endpoints are tried in turn until one answers or ETCD_PATIENCE_MS have passed. So a request may arrive more than once: make
 * transactions that are safe to repeat (put what is known, compare with what was seen).
 */
#ifndef OVNET_MANAGER_ETCD_CLIENT_H
#define OVNET_MANAGER_ETCD_CLIENT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manager/store_text.h"

#define ETCD_PATIENCE_MS 5000      /* for one call, over all endpoints */
#define ETCD_REQUEST_MS 2000       /* for one attempt */
#define ETCD_CONNECT_MS 500        /* for its connection */
#define ETCD_OPERATIONS_MAX 100    /* of a transaction that we make; etcd refuses more than 128 */
#define ETCD_OCTETS_MAX (1u << 20) /* of one, too; etcd refuses more than 1.5 MiB */
#define ETCD_ENDPOINTS_MAX 16

struct etcd;
struct etcd_watch;

#define scope_json __attribute__((cleanup(etcd_scope_json)))
static inline void etcd_scope_json(cJSON **tree)
{
	cJSON_Delete(*tree);
}

/* `endpoints` is "http://ADDRESS:2379,https://..."; nothing is sent yet. Returns 0; -EINVAL: not such a list; -ENOMEM. */
int etcd_open(const char *endpoints, struct etcd **out);
void etcd_close(struct etcd *etcd);
/* What the last call that failed was told, for people; "" when there is nothing. Valid until the next call. */
const char *etcd_message(const struct etcd *etcd);

/*
 * Posts a request to "/v3/..." and reads the answer. Returns 0 and *answer, the caller's; -EHOSTUNREACH: nobody took the request;
 * -EINPROGRESS: somebody may have, without an answer; -ENOSPC: etcd's space is used up; -EACCES; -ERANGE: a revision that
 * was compacted; -EUCLEAN: etcd says that it is corrupt; -EINVAL, -E2BIG: refused; -EIO: an answer that is none; -ENOMEM.
 */
int etcd_post(struct etcd *etcd, const char *path, const char *request, size_t length, cJSON **answer);

/* ---- what is asked ---- */

struct etcd_range {
	const char *key;
	const char *end;   /* the first key past the range; NULL: `key` alone */
	uint64_t revision; /* as of which; 0: now, linearizable */
	unsigned limit;    /* 0: all */
	bool descending, keys_only;
};

struct etcd_kv {
	char *key, *value; /* its own; each with a NUL behind it */
	size_t length;     /* of the value */
	uint64_t mod_revision;
};

#define scope_kv __attribute__((cleanup(etcd_kv_free)))
void etcd_kv_free(struct etcd_kv *kv);
/* Takes one of "kvs" apart. Returns 0, -EIO or -ENOMEM. */
int etcd_kv_read(const cJSON *tree, struct etcd_kv *out);
/* A number that is a string in JSON; 0 when it is not there. */
uint64_t etcd_number(const cJSON *tree, const char *name);
/* The revision in an answer's header. */
uint64_t etcd_revision(const cJSON *answer);

/* Asks for a range; the answer has "kvs". Errors as etcd_post(), but never -EINPROGRESS: nothing has changed. */
int etcd_get(struct etcd *etcd, const struct etcd_range *range, cJSON **answer);

/* A transaction. A failure to add sticks, and is told when it runs. */
struct etcd_txn {
	struct store_text compare, success, failure;
	size_t operations, octets; /* of `success` */
};

#define scope_txn __attribute__((cleanup(etcd_txn_free)))
void etcd_txn_free(struct etcd_txn *txn);
/* Only if the key was last written in this revision of etcd; 0: only if it is not there. */
void etcd_txn_compare(struct etcd_txn *txn, const char *key, uint64_t mod_revision);
void etcd_txn_put(struct etcd_txn *txn, const char *key, const char *value, size_t length, uint64_t lease);
void etcd_txn_delete(struct etcd_txn *txn, const char *key, const char *end);
void etcd_txn_get(struct etcd_txn *txn, const struct etcd_range *range);
/* What is asked for when a comparison fails. */
void etcd_txn_get_else(struct etcd_txn *txn, const struct etcd_range *range);
/* Runs it. Returns 0, *succeeded and *answer (may be NULL); or as etcd_post(). */
int etcd_txn_run(struct etcd *etcd, const struct etcd_txn *txn, bool *succeeded, cJSON **answer);
/* "kvs" of the answer's response `which` to an etcd_txn_get() or etcd_txn_get_else(); NULL: none. */
const cJSON *etcd_txn_kvs(const cJSON *answer, int which);

int etcd_lease(struct etcd *etcd, unsigned lifetime_s, uint64_t *lease);

/* ---- a watch: it rings ---- */

/* What was put in a range, from a revision of etcd on. Returns 0 or -ENOMEM; the connection is made while it is waited for. */
int etcd_watch_open(struct etcd *etcd, const char *key, const char *end, uint64_t revision, struct etcd_watch **out);
/*
 * Waits until something was put. Returns 0 and *rung; -EPIPE: it has ended (connection, compaction, canceled): open
 * another one, after a look.
 */
int etcd_watch_wait(struct etcd_watch *watch, unsigned timeout_ms, bool *rung);
void etcd_watch_close(struct etcd_watch *watch);

/* ---- between the files of the client ---- */

/* The endpoint in use; etcd_next() goes on to the next one. */
const char *etcd_endpoint(const struct etcd *etcd);
void etcd_next(struct etcd *etcd);

#endif /* OVNET_MANAGER_ETCD_CLIENT_H */
