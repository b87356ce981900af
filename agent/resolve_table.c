/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests in flight and answers in the negative; see resolve_table.h. Both lists are in the order of time, so that what is due,
 * and what is oldest, is at the head.
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/resolve_table.h"
#include "lib/array.h"

/* Places from which nodes have gone, the latest ones. */
#define GONE_MOST 256

struct waiter {
	uint64_t id;
	struct ipv4 source;
};

struct waiters {
	struct waiter *entries;
	size_t count, room;
};

struct request {
	struct mapping_key key; /* first: the tree compares it */
	TAILQ_ENTRY(request) line;
	struct ipv4 source;
	uint64_t due_ns;
	bool doubted; /* what comes may be from before an invalidation */
	struct waiters waiters;
};

struct negative {
	struct {
		struct mapping_key key;
		struct ipv4 source; /* zero: for all */
	} about;                    /* first: the tree compares it */
	TAILQ_ENTRY(negative) line;
	uint64_t until_ns;
};

struct gone {
	struct mapping_key key;
	uint8_t prefix[OVNET_PREFIX_LEN];
	uint64_t until_ns;
};

TAILQ_HEAD(request_line, request);
TAILQ_HEAD(negative_line, negative);

struct resolve_table {
	struct resolve_bounds bounds;
	struct resolve_counters counters;
	void *requests, *negatives; /* trees */
	struct request_line in_flight;
	struct negative_line remembered;
	size_t in_flight_count, remembered_count;
	struct gone gone[GONE_MOST];
	size_t gone_next;
};

static int compare_request(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct mapping_key));
}

static int compare_negative(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(((struct negative *)0)->about));
}

struct resolve_table *resolve_table_new(const struct resolve_bounds *bounds)
{
	struct resolve_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->bounds = *bounds;
	TAILQ_INIT(&table->in_flight);
	TAILQ_INIT(&table->remembered);
	return table;
}

static struct request *request_find(const struct resolve_table *table, const struct mapping_key *key)
{
	struct request **found = tfind(key, &table->requests, compare_request);

	return found ? *found : NULL;
}

static void request_remove(struct resolve_table *table, struct request *request)
{
	tdelete(&request->key, &table->requests, compare_request);
	TAILQ_REMOVE(&table->in_flight, request, line);
	table->in_flight_count--;
}

static void request_free(struct request *request)
{
	free(request->waiters.entries);
	free(request);
}

static void negative_remove(struct resolve_table *table, struct negative *negative)
{
	tdelete(&negative->about, &table->negatives, compare_negative);
	TAILQ_REMOVE(&table->remembered, negative, line);
	table->remembered_count--;
	free(negative);
}

void resolve_table_forget(struct resolve_table *table)
{
	while (!TAILQ_EMPTY(&table->remembered))
		negative_remove(table, TAILQ_FIRST(&table->remembered));
}

void resolve_table_free(struct resolve_table *table)
{
	if (!table)
		return;
	resolve_table_forget(table);
	while (!TAILQ_EMPTY(&table->in_flight)) {
		struct request *request = TAILQ_FIRST(&table->in_flight);

		request_remove(table, request);
		request_free(request);
	}
	free(table);
}

/* ---- memory */

static struct negative *negative_find(const struct resolve_table *table, const struct mapping_key *key,
	struct ipv4 source)
{
	struct negative about = {.about = {*key, source}};
	struct negative **found = tfind(&about, &table->negatives, compare_negative);

	return found ? *found : NULL;
}

static bool remembers(struct resolve_table *table, uint64_t now_ns, const struct mapping_key *key, struct ipv4 source)
{
	const struct ipv4 sources[] = {{{0}}, source};

	for (size_t i = 0; i < 2; i++) {
		struct negative *negative = negative_find(table, key, sources[i]);

		if (!negative)
			continue;
		if (now_ns < negative->until_ns)
			return true;
		negative_remove(table, negative);
	}
	return false;
}

/* Without memory for it, it is asked again. */
static void remember(struct resolve_table *table, const struct mapping_key *key, struct ipv4 source, uint64_t until_ns)
{
	struct negative *negative = negative_find(table, key, source);

	if (negative)
		negative_remove(table, negative);
	if (table->remembered_count >= table->bounds.negatives)
		negative_remove(table, TAILQ_FIRST(&table->remembered));
	negative = calloc(1, sizeof(*negative));
	if (!negative)
		return;
	negative->about.key = *key;
	negative->about.source = source;
	negative->until_ns = until_ns;
	if (!tsearch(negative, &table->negatives, compare_negative)) {
		free(negative);
		return;
	}
	TAILQ_INSERT_TAIL(&table->remembered, negative, line);
	table->remembered_count++;
}

/* ---- requests */

static bool has_room(const struct resolve_table *table, struct ipv4 source, uint32_t vni)
{
	const struct request *request;
	size_t own = 0;

	if (table->in_flight_count >= table->bounds.in_flight)
		return false;
	for (request = TAILQ_FIRST(&table->in_flight); request; request = TAILQ_NEXT(request, line))
		own += request->key.vni == vni && ipv4_equal(request->source, source);
	return own < table->bounds.per_source;
}

static int request_join(struct request *request, struct ipv4 source, uint64_t id)
{
	const struct waiter waiter = {id, source};

	return id ? array_add(&request->waiters, waiter) : 0;
}

static struct request *request_new(struct resolve_table *table, const struct mapping_key *key, struct ipv4 source,
	uint64_t id)
{
	struct request *request = calloc(1, sizeof(*request));

	if (!request)
		return NULL;
	request->key = *key;
	request->source = source;
	if (request_join(request, source, id) || !tsearch(request, &table->requests, compare_request)) {
		request_free(request);
		return NULL;
	}
	table->in_flight_count++;
	return request;
}

static void request_sent(struct resolve_table *table, struct request *request, uint64_t now_ns)
{
	request->due_ns = now_ns + RESOLVE_TIMEOUT_NS;
	TAILQ_INSERT_TAIL(&table->in_flight, request, line);
	table->counters.asked++;
}

enum resolve_step resolve_table_ask(struct resolve_table *table, uint64_t now_ns, const struct mapping_key *key,
	struct ipv4 source, uint64_t id)
{
	struct request *request = request_find(table, key);

	if (request && !request_join(request, source, id)) {
		table->counters.joined += id != 0;
		return RESOLVE_STEP_WAIT;
	}
	if (!request && remembers(table, now_ns, key, source)) {
		table->counters.cached += id != 0;
		return RESOLVE_STEP_KNOWN;
	}
	if (!request && has_room(table, source, key->vni))
		request = request_new(table, key, source, id);
	else
		request = NULL;
	if (!request) {
		table->counters.full++;
		return RESOLVE_STEP_FULL;
	}
	request_sent(table, request, now_ns);
	table->counters.refreshed += id == 0;
	return RESOLVE_STEP_ASK;
}

/* Of those that wait, what was refused to one node is not refused to the others: those stay, first. Returns how many stay. */
static size_t split(struct request *request)
{
	struct waiter *entries = request->waiters.entries;
	size_t kept = 0;

	for (size_t i = 0; i < request->waiters.count; i++) {
		const struct waiter waiter = entries[i];

		if (ipv4_equal(waiter.source, request->source))
			continue;
		entries[i] = entries[kept];
		entries[kept++] = waiter;
	}
	return kept;
}

static void request_again(struct resolve_table *table, struct request *request, uint64_t now_ns)
{
	request->doubted = false;
	TAILQ_REMOVE(&table->in_flight, request, line);
	request_sent(table, request, now_ns);
}

static void tell(const struct waiter *waiters, size_t count, resolve_done_fn done, void *context)
{
	for (size_t i = 0; i < count; i++)
		done(context, waiters[i].id);
}

/* The node that was asked for is refused, and told; the next one is asked for. Returns 1, or 0 when there is none. */
static int refuse_one(struct resolve_table *table, struct request *request, uint64_t now_ns, struct ipv4 *source,
	resolve_done_fn done, void *context)
{
	size_t kept = split(request), count = request->waiters.count;
	struct waiter *over = NULL;

	if (!kept)
		return 0;
	if (count > kept) {
		over = calloc(count - kept, sizeof(*over));
		/* Who cannot be told apart is refused as well. */
		if (!over)
			return 0;
		memcpy(over, request->waiters.entries + kept, (count - kept) * sizeof(*over));
	}
	request->waiters.count = kept;
	request->source = request->waiters.entries[0].source;
	request_again(table, request, now_ns);
	*source = request->source;
	tell(over, count - kept, done, context);
	free(over);
	return 1;
}

static void count_outcome(struct resolve_counters *counters, enum resolve_outcome outcome)
{
	counters->found += outcome == RESOLVE_FOUND;
	counters->absent += outcome == RESOLVE_ABSENT;
	counters->refused += outcome == RESOLVE_REFUSED;
	counters->failed += outcome == RESOLVE_FAILED;
}

int resolve_table_end(struct resolve_table *table, uint64_t now_ns, const struct mapping_key *key,
	enum resolve_outcome outcome, struct ipv4 *source, resolve_done_fn done, void *context)
{
	struct request *request = request_find(table, key);

	if (!request) {
		table->counters.late++;
		return -ENOENT;
	}
	count_outcome(&table->counters, outcome);
	if (request->doubted && outcome != RESOLVE_FAILED) {
		request_again(table, request, now_ns);
		*source = request->source;
		return 1;
	}
	if (outcome == RESOLVE_REFUSED)
		remember(table, key, request->source, now_ns + RESOLVE_ABSENT_NS);
	else if (outcome != RESOLVE_FOUND)
		remember(table, key, (struct ipv4){{0}},
			now_ns + (outcome == RESOLVE_ABSENT ? RESOLVE_ABSENT_NS : RESOLVE_FAILED_NS));
	if (outcome == RESOLVE_REFUSED && refuse_one(table, request, now_ns, source, done, context))
		return 1;
	request_remove(table, request);
	tell(request->waiters.entries, request->waiters.count, done, context);
	request_free(request);
	return 0;
}

bool resolve_table_expects(const struct resolve_table *table, const struct mapping_key *key)
{
	const struct request *request = request_find(table, key);

	return request && !request->doubted;
}

void resolve_table_fail(struct resolve_table *table, const struct mapping_key *key)
{
	struct request *request = request_find(table, key);

	if (!request)
		return;
	TAILQ_REMOVE(&table->in_flight, request, line);
	request->due_ns = 0;
	TAILQ_INSERT_HEAD(&table->in_flight, request, line);
}

int resolve_table_overdue(struct resolve_table *table, uint64_t now_ns, struct mapping_key *out)
{
	const struct request *first = TAILQ_FIRST(&table->in_flight);

	if (!first || now_ns < first->due_ns)
		return -ENOENT;
	table->counters.timed_out += first->due_ns != 0;
	*out = first->key;
	return 0;
}

uint64_t resolve_table_due(const struct resolve_table *table)
{
	const struct request *first = TAILQ_FIRST(&table->in_flight);

	return first ? first->due_ns : UINT64_MAX;
}

void resolve_table_invalidate(struct resolve_table *table, const struct mapping_key *key)
{
	struct request *request = request_find(table, key);
	struct negative *negative, *next;

	if (request)
		request->doubted = true;
	for (negative = TAILQ_FIRST(&table->remembered); negative; negative = next) {
		next = TAILQ_NEXT(negative, line);
		if (memcmp(&negative->about.key, key, sizeof(*key)) == 0)
			negative_remove(table, negative);
	}
}

bool resolve_table_gone(struct resolve_table *table, uint64_t now_ns, const struct mapping_key *key,
	const uint8_t prefix[OVNET_PREFIX_LEN])
{
	struct gone *next = &table->gone[table->gone_next];

	for (size_t i = 0; i < GONE_MOST; i++) {
		const struct gone *gone = &table->gone[i];

		if (now_ns < gone->until_ns && memcmp(&gone->key, key, sizeof(*key)) == 0 &&
			memcmp(gone->prefix, prefix, OVNET_PREFIX_LEN) == 0)
			return false;
	}
	*next = (struct gone){.key = *key, .until_ns = now_ns + RESOLVE_GONE_AGAIN_NS};
	memcpy(next->prefix, prefix, OVNET_PREFIX_LEN);
	table->gone_next = (table->gone_next + 1) % GONE_MOST;
	return true;
}

size_t resolve_table_in_flight(const struct resolve_table *table)
{
	return table->in_flight_count;
}

size_t resolve_table_negatives(const struct resolve_table *table)
{
	return table->remembered_count;
}

struct resolve_counters *resolve_table_counters(struct resolve_table *table)
{
	return &table->counters;
}
