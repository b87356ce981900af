// SPDX-License-Identifier: BSD-2-Clause
/*
 * Map `rules` from user space; see maps/rule.h for what it holds.
 */
#include "maps/access.h"

#include <bpf/bpf.h>

#include "maps/batch.h"

struct rule_visit {
	int (*fn)(void *context, const struct rule_key *key, const struct rule_value *value);
	void *context;
};

int rule_get(int fd, const struct rule_key *key, struct rule_value *out)
{
	return bpf_map_lookup_elem(fd, key, out);
}

int rule_set(int fd, const struct rule_key *key, const struct rule_value *value)
{
	return bpf_map_update_elem(fd, key, value, BPF_ANY);
}

int rule_insert(int fd, const struct rule_key *key, const struct rule_value *value)
{
	return bpf_map_update_elem(fd, key, value, BPF_NOEXIST);
}

int rule_del(int fd, const struct rule_key *key)
{
	return bpf_map_delete_elem(fd, key);
}

static int rule_visit(void *context, const void *key, const void *value)
{
	const struct rule_visit *visit = context;

	return visit->fn(visit->context, key, value);
}

int rule_each(int fd, int (*fn)(void *context, const struct rule_key *key, const struct rule_value *value),
	void *context)
{
	struct rule_visit visit = {fn, context};

	return batch_each(fd, sizeof(struct rule_key), sizeof(struct rule_value), rule_visit, &visit);
}
