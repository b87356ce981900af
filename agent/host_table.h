/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hosts that were learned, each for a while: beside those of the configuration, which go before them. Found by place and by key.
 * Pure: time is passed in, and one that is past its end is not found, whether or not it was swept.
 */
#ifndef OVNET_AGENT_HOST_TABLE_H
#define OVNET_AGENT_HOST_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/engine.h"

struct host_table;

/* At most so many. NULL: out of memory. */
struct host_table *host_table_new(size_t most);
void host_table_free(struct host_table *table); /* NULL is allowed */

/*
 * Learns a host, or that it is still there: its end is moved on, never back. Another at the same place, or the same key at another
 * place, gives way. Returns 0; 1: *former gave way, whom nobody must believe any more; -ENOSPC, and all is as before; or -ENOMEM.
 */
int host_table_set(struct host_table *table, uint64_t now_ns, const struct engine_host *host, uint64_t expires_ns,
	struct engine_host *former);
/* Returns 0, or -ENOENT. */
int host_table_del(struct host_table *table, const struct locator *locator);

/* As engine_ops' host_at and host_of. Return 0 and *out, or -ENOENT. */
int host_table_at(const struct host_table *table, uint64_t now_ns, const struct substrate *address,
	struct engine_host *out);
int host_table_of(const struct host_table *table, uint64_t now_ns, const uint8_t key[32], struct engine_host *out);

/* Removes one that is past its end, and tells which. Returns 0, or -ENOENT: there is none. */
int host_table_sweep(struct host_table *table, uint64_t now_ns, struct engine_host *out);
void host_table_each(const struct host_table *table, void (*fn)(void *context, const struct engine_host *host),
	void *context);
size_t host_table_count(const struct host_table *table);

#endif /* OVNET_AGENT_HOST_TABLE_H */
