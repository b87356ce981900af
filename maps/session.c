// SPDX-License-Identifier: BSD-2-Clause
/*
 * Map `sessions` from user space: to list and to sweep. Only the programs insert.
 */
#include "maps/access.h"

#include <bpf/bpf.h>

#include "maps/batch.h"

struct session_visit {
	int (*fn)(void *context, const struct session_key *key, const struct session_value *value);
	void *context;
};

static int session_visit(void *context, const void *key, const void *value)
{
	const struct session_visit *visit = context;

	return visit->fn(visit->context, key, value);
}

int session_each(int fd, int (*fn)(void *context, const struct session_key *key, const struct session_value *value),
	void *context)
{
	struct session_visit visit = {fn, context};

	return batch_each(fd, sizeof(struct session_key), sizeof(struct session_value), session_visit, &visit);
}

/*
 * Looked up and removed in one step: the port's number must be that of the very entry that goes, and of several who
 * remove it at once exactly one may count it off.
 */
int session_del(int fd, const struct session_key *key, struct port_state *states)
{
	struct session_value value;
	int error = bpf_map_lookup_and_delete_elem(fd, key, &value);

	if (error)
		return error;
	if (value.number < OVNET_PORTS_MAX)
		__atomic_fetch_sub(&states[value.number].sessions, 1, __ATOMIC_RELAXED);
	return 0;
}
