/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Learned hosts; see host_table.h. Two trees over the same entries, and a list for who looks at all of them.
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/host_table.h"

struct learned {
	struct engine_host host;
	uint64_t expires_ns;
	LIST_ENTRY(learned) all;
};

LIST_HEAD(learned_list, learned);

struct host_table {
	void *by_place, *by_key;
	struct learned_list all;
	size_t count, most;
};

static int compare_place(const void *a, const void *b)
{
	const struct locator *x = &((const struct learned *)a)->host.locator,
			     *y = &((const struct learned *)b)->host.locator;
	int order = memcmp(x->octet, y->octet, 8);

	if (!order)
		order = x->length - y->length;
	return order || x->length == 64 ? order : x->octet[8] - y->octet[8];
}

static int compare_key(const void *a, const void *b)
{
	return memcmp(((const struct learned *)a)->host.key, ((const struct learned *)b)->host.key, 32);
}

struct host_table *host_table_new(size_t most)
{
	struct host_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->most = most;
	LIST_INIT(&table->all);
	return table;
}

static void entry_remove(struct host_table *table, struct learned *entry)
{
	tdelete(entry, &table->by_place, compare_place);
	tdelete(entry, &table->by_key, compare_key);
	LIST_REMOVE(entry, all);
	free(entry);
	table->count--;
}

void host_table_free(struct host_table *table)
{
	if (!table)
		return;
	while (!LIST_EMPTY(&table->all))
		entry_remove(table, LIST_FIRST(&table->all));
	free(table);
}

static struct learned *find_place(const struct host_table *table, const struct locator *locator)
{
	struct learned wanted = {.host.locator = *locator};
	struct learned **found = tfind(&wanted, &table->by_place, compare_place);

	return found ? *found : NULL;
}

static struct learned *find_key(const struct host_table *table, const uint8_t key[32])
{
	struct learned wanted = {0};
	struct learned **found;

	memcpy(wanted.host.key, key, sizeof(wanted.host.key));
	found = tfind(&wanted, &table->by_key, compare_key);
	return found ? *found : NULL;
}

static bool same_host(const struct engine_host *a, const struct engine_host *b)
{
	return a->host == b->host && a->locator.length == b->locator.length &&
	       memcmp(a->locator.octet, b->locator.octet, sizeof(a->locator.octet)) == 0 &&
	       memcmp(a->key, b->key, sizeof(a->key)) == 0;
}

static int entry_add(struct host_table *table, const struct engine_host *host, uint64_t expires_ns)
{
	struct learned *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	entry->host = *host;
	entry->expires_ns = expires_ns;
	if (!tsearch(entry, &table->by_place, compare_place)) {
		free(entry);
		return -ENOMEM;
	}
	if (!tsearch(entry, &table->by_key, compare_key)) {
		tdelete(entry, &table->by_place, compare_place);
		free(entry);
		return -ENOMEM;
	}
	LIST_INSERT_HEAD(&table->all, entry, all);
	table->count++;
	return 0;
}

int host_table_set(struct host_table *table, uint64_t now_ns, const struct engine_host *host, uint64_t expires_ns,
	struct engine_host *former)
{
	struct learned *there = find_place(table, &host->locator), *same = find_key(table, host->key);
	struct engine_host swept;
	bool replaced = false;
	int error;

	if (there && same_host(&there->host, host)) {
		if (expires_ns > there->expires_ns)
			there->expires_ns = expires_ns;
		return 0;
	}
	if (!there && !same && table->count >= table->most && host_table_sweep(table, now_ns, &swept))
		return -ENOSPC;
	/* Both at once: who was at this place is the one that may still be believed there. */
	if (same && same != there) {
		*former = same->host;
		replaced = true;
		entry_remove(table, same);
	}
	if (there) {
		*former = there->host;
		replaced = true;
		entry_remove(table, there);
	}
	error = entry_add(table, host, expires_ns);
	return error ? error : replaced;
}

int host_table_del(struct host_table *table, const struct locator *locator)
{
	struct learned *entry = find_place(table, locator);

	if (!entry)
		return -ENOENT;
	entry_remove(table, entry);
	return 0;
}

static int take(const struct learned *entry, uint64_t now_ns, struct engine_host *out)
{
	if (!entry || now_ns >= entry->expires_ns)
		return -ENOENT;
	*out = entry->host;
	return 0;
}

int host_table_at(const struct host_table *table, uint64_t now_ns, const struct substrate *address,
	struct engine_host *out)
{
	struct locator locator = {.length = 72};

	memcpy(locator.octet, address->octet, sizeof(locator.octet));
	locator.octet[8] &= (uint8_t)~3u;
	if (take(find_place(table, &locator), now_ns, out) == 0)
		return 0;
	locator.length = 64;
	locator.octet[8] = 0;
	return take(find_place(table, &locator), now_ns, out);
}

int host_table_of(const struct host_table *table, uint64_t now_ns, const uint8_t key[32], struct engine_host *out)
{
	return take(find_key(table, key), now_ns, out);
}

int host_table_sweep(struct host_table *table, uint64_t now_ns, struct engine_host *out)
{
	struct learned *entry;

	LIST_FOREACH(entry, &table->all, all) {
		/* cppcheck-suppress uninitvar */
		if (now_ns < entry->expires_ns)
			continue;
		*out = entry->host;
		entry_remove(table, entry);
		return 0;
	}
	return -ENOENT;
}

void host_table_each(const struct host_table *table, void (*fn)(void *context, const struct engine_host *host),
	void *context)
{
	const struct learned *entry;

	LIST_FOREACH(entry, &table->all, all) {
		fn(context, &entry->host);
	}
}

size_t host_table_count(const struct host_table *table)
{
	return table->count;
}
