/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A change as text, for what keeps changes as text: backups, and the log in etcd.
 *
 *   {"change":7,"time_ms":1764316800000,"tag":"00c0ffee00c0ffee","who":"acme/deploy","why":"","writes":[["node/acme/web1","{...}"],["node/acme/web2",null]]}
 *
 * In place of "writes" a large one may have "chunks", "octets" and "sha256": then the list of writes is kept elsewhere.
 */
#ifndef OVNET_MANAGER_STORE_RECORD_H
#define OVNET_MANAGER_STORE_RECORD_H

#include <cjson/cJSON.h>

#include "manager/store.h"
#include "manager/store_text.h"

#define STORE_DIGEST_TEXT 65 /* SHA-256 in hexadecimal, with its NUL */

/* A change that owns what it points to. */
struct store_record {
	struct store_change change;
	uint64_t tag;
	size_t chunks, octets; /* 0: the writes are here */
	char digest[STORE_DIGEST_TEXT];
	cJSON *tree, *list; /* what the strings belong to */
	struct store_write *writes;
};

#define scope_record __attribute__((cleanup(store_record_free)))
void store_record_free(struct store_record *record);

/* The list of writes: [["key","body"],["key",null]]. */
void store_record_writes(struct store_text *text, const struct store_change *change);
/* The whole record, on one line, without a line break. */
void store_record_encode(struct store_text *text, const struct store_change *change, uint64_t tag);
/* One whose list of writes is in `chunks` parts elsewhere. */
void store_record_encode_chunked(struct store_text *text, const struct store_change *change, uint64_t tag,
	size_t chunks, const struct store_text *list);

/*
 * Reads a record. Returns 0 and *out (free it with store_record_free()); -EUCLEAN: it is not one; -ENOMEM. A chunked one has no
 * writes until store_record_add_list() has read them.
 */
int store_record_decode(const char *text, size_t length, struct store_record *out);
/* The same from a tree, which becomes the record's, also on failure. */
int store_record_decode_tree(cJSON *tree, struct store_record *out);
/* The joined chunks. Returns 0, -EUCLEAN: not what the record says; -ENOMEM. */
int store_record_add_list(struct store_record *record, const char *text, size_t length);

void store_record_digest(const void *data, size_t length, char digest[STORE_DIGEST_TEXT]);

#endif /* OVNET_MANAGER_STORE_RECORD_H */
