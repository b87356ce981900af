// SPDX-License-Identifier: BSD-2-Clause
/*
 * Map `mappings` from user space; see maps/mapping.h for what it holds.
 */
#include "maps/access.h"

#include <bpf/bpf.h>

#include "maps/batch.h"

struct mapping_visit {
	int (*fn)(void *context, const struct mapping_key *key, const struct mapping_value *value);
	void *context;
};

int mapping_get(int fd, const struct mapping_key *key, struct mapping_value *out)
{
	return bpf_map_lookup_elem(fd, key, out);
}

int mapping_set(int fd, const struct mapping_key *key, const struct mapping_value *value)
{
	return bpf_map_update_elem(fd, key, value, BPF_ANY);
}

int mapping_del(int fd, const struct mapping_key *key)
{
	return bpf_map_delete_elem(fd, key);
}

static int mapping_visit(void *context, const void *key, const void *value)
{
	const struct mapping_visit *visit = context;

	return visit->fn(visit->context, key, value);
}

int mapping_each(int fd, int (*fn)(void *context, const struct mapping_key *key, const struct mapping_value *value),
	void *context)
{
	struct mapping_visit visit = {fn, context};

	return batch_each(fd, sizeof(struct mapping_key), sizeof(struct mapping_value), mapping_visit, &visit);
}
