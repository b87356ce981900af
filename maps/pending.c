/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Maps `pendings` and `budgets` from user space; see maps/pending.h for what they hold. Only the programs insert.
 */
#include "maps/access.h"

#include <errno.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include "maps/batch.h"

#define BUDGETS_SIZE (OVNET_PORTS_MAX * sizeof(struct budget))

struct pending_visit {
	int (*fn)(void *context, const struct rule_key *key, const struct pending_value *value);
	void *context;
};

int pending_get(int fd, const struct rule_key *key, struct pending_value *out)
{
	return bpf_map_lookup_elem(fd, key, out);
}

/* As with sessions: looked up and removed in one step, so that exactly one counts it off. */
int pending_del(int fd, const struct rule_key *key, struct budget *budgets)
{
	struct pending_value value;
	struct budget *budget;
	int error = bpf_map_lookup_and_delete_elem(fd, key, &value);

	if (error)
		return error;
	if (value.number >= OVNET_PORTS_MAX)
		return 0;
	budget = &budgets[value.number];
	__atomic_fetch_sub(key->direction >= DIRECTION_IN ? &budget->holds : &budget->pending, 1, __ATOMIC_RELAXED);
	return 0;
}

static int pending_visit(void *context, const void *key, const void *value)
{
	const struct pending_visit *visit = context;

	return visit->fn(visit->context, key, value);
}

int pending_each(int fd, int (*fn)(void *context, const struct rule_key *key, const struct pending_value *value),
	void *context)
{
	struct pending_visit visit = {fn, context};

	return batch_each(fd, sizeof(struct rule_key), sizeof(struct pending_value), pending_visit, &visit);
}

struct budget *budgets_map(int fd)
{
	void *budgets = mmap(NULL, BUDGETS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return budgets == MAP_FAILED ? NULL : budgets;
}

void budgets_unmap(struct budget *budgets)
{
	if (budgets)
		munmap(budgets, BUDGETS_SIZE);
}
