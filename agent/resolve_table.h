/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is being resolved, and what was found not to be there: requests in flight with the questions that wait for them, and a
 * memory of answers in the negative. Pure: time is passed in. Who is asked, and what becomes of an answer, is resolve.c's.
 *
 * One request is in flight for a destination, however many wait for it. What is refused is refused to the node for which it was
 * asked: others that wait are asked for in their own name.
 */
#ifndef OVNET_AGENT_RESOLVE_TABLE_H
#define OVNET_AGENT_RESOLVE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"
#include "maps/access.h"

#define RESOLVE_TIMEOUT_NS 1000000000ull    /* then it has failed */
#define RESOLVE_ABSENT_NS 2000000000ull     /* an answer in the negative is remembered so long */
#define RESOLVE_FAILED_NS 500000000ull      /* and that there was none */
#define RESOLVE_GONE_AGAIN_NS 2000000000ull /* a place from which a node has gone is not doubted again within */

enum resolve_outcome {
	RESOLVE_FOUND,
	RESOLVE_ABSENT,
	RESOLVE_REFUSED, /* not for the node that asks */
	RESOLVE_FAILED,  /* nobody can say now */
};

struct resolve_bounds {
	size_t in_flight;  /* at once */
	size_t per_source; /* of those, for one node */
	size_t negatives;  /* remembered; beyond, the oldest goes */
};

/*
 * asked: requests, of which `refreshed` for mappings in use. Their ends: found, absent, refused, failed, of which timed_out. joined:
 * questions that waited for a request in flight; cached: that met a memory; full: that met a bound. late: answers that nobody waited
 * for. invalidated: mappings that went before their end.
 */
struct resolve_counters {
	uint64_t asked, refreshed, found, absent, refused, failed, timed_out, joined, cached, full, late, invalidated;
};

enum resolve_step {
	RESOLVE_STEP_ASK,   /* the caller asks now; the question waits */
	RESOLVE_STEP_WAIT,  /* it waits for a request in flight */
	RESOLVE_STEP_KNOWN, /* as absent, from memory */
	RESOLVE_STEP_FULL,  /* as absent, for want of room */
};

struct resolve_table;

/* NULL: out of memory. */
struct resolve_table *resolve_table_new(const struct resolve_bounds *bounds);
void resolve_table_free(struct resolve_table *table); /* who waits is told nothing; NULL is allowed */

/* `id` is the question that waits; 0: none does. */
enum resolve_step resolve_table_ask(struct resolve_table *table, uint64_t now_ns, const struct mapping_key *key,
	struct ipv4 source, uint64_t id);

/* A question whose waiting is over. May call any function here. */
typedef void (*resolve_done_fn)(void *context, uint64_t id);

/*
 * An answer. Returns 0: all that waited was told by `done`; 1: there are others in whose name *source it must be asked, or it was
 * invalidated meanwhile and is asked once more: the caller asks; -ENOENT: nobody waits for it (counted).
 */
int resolve_table_end(struct resolve_table *table, uint64_t now_ns, const struct mapping_key *key,
	enum resolve_outcome outcome, struct ipv4 *source, resolve_done_fn done, void *context);

/* True while an answer about the key counts: it is in flight, and was not invalidated since it was asked. */
bool resolve_table_expects(const struct resolve_table *table, const struct mapping_key *key);

/* It could not be asked: it is overdue now. */
void resolve_table_fail(struct resolve_table *table, const struct mapping_key *key);
/* The key of a request that is overdue, for which the caller calls resolve_table_end(). Returns 0 or -ENOENT. */
int resolve_table_overdue(struct resolve_table *table, uint64_t now_ns, struct mapping_key *out);
/* When the next one is, or UINT64_MAX. */
uint64_t resolve_table_due(const struct resolve_table *table);

/* Nothing that was found before counts for the address: memories go, and what is in flight is asked once more. */
void resolve_table_invalidate(struct resolve_table *table, const struct mapping_key *key);
/* All memories go. */
void resolve_table_forget(struct resolve_table *table);

/*
 * The host at `prefix` says that the node is not there. True: the mapping is to be doubted; false: it was, a moment ago, and the answer
 * was this place again.
 */
bool resolve_table_gone(struct resolve_table *table, uint64_t now_ns, const struct mapping_key *key,
	const uint8_t prefix[OVNET_PREFIX_LEN]);

size_t resolve_table_in_flight(const struct resolve_table *table);
size_t resolve_table_negatives(const struct resolve_table *table);
struct resolve_counters *resolve_table_counters(struct resolve_table *table);

#endif /* OVNET_AGENT_RESOLVE_TABLE_H */
