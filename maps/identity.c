/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Map `identities` from user space; see maps/identity.h.
 */
#include "maps/access.h"

#include <bpf/bpf.h>

#include "maps/batch.h"

struct identity_visit {
	int (*fn)(void *context, const struct mapping_key *key, const struct identity_value *value);
	void *context;
};

int identity_get(int fd, const struct mapping_key *key, struct identity_value *out)
{
	return bpf_map_lookup_elem(fd, key, out);
}

int identity_set(int fd, const struct mapping_key *key, const struct identity_value *value)
{
	return bpf_map_update_elem(fd, key, value, BPF_ANY);
}

int identity_del(int fd, const struct mapping_key *key)
{
	return bpf_map_delete_elem(fd, key);
}

static int identity_visit(void *context, const void *key, const void *value)
{
	const struct identity_visit *visit = context;

	return visit->fn(visit->context, key, value);
}

int identity_each(int fd, int (*fn)(void *context, const struct mapping_key *key, const struct identity_value *value),
	void *context)
{
	struct identity_visit visit = {fn, context};

	return batch_each(fd, sizeof(struct mapping_key), sizeof(struct identity_value), identity_visit, &visit);
}
