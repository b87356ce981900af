// SPDX-License-Identifier: BSD-2-Clause
/*
 * Map `counters` from user space. The kernel keeps one value a CPU; their sum is what is asked for here.
 */
#include "maps/access.h"

#include <errno.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/error.h"

/* A reason's number is its place, and the counts follow (maps/counter.h). */
#define COUNTER_WORDS (REASON_MAX + COUNTER_MAX)
_Static_assert(sizeof(struct counter_value) == COUNTER_WORDS * sizeof(__u64), "counter_value holds numbers only");

static __u64 counter_word(const struct counter_value *value, size_t place)
{
	return ((const __u64 *)value)[place];
}

int counter_create(int fd, uint32_t ifindex)
{
	scope_free struct counter_value *zero = NULL;
	int cpus = libbpf_num_possible_cpus();
	int error;

	if (cpus < 0)
		return cpus;
	zero = calloc(cpus, sizeof(*zero));
	if (!zero)
		return -ENOMEM;
	error = bpf_map_update_elem(fd, &ifindex, zero, BPF_NOEXIST);
	return error == -EEXIST ? 0 : error;
}

int counter_get(int fd, uint32_t ifindex, struct counter_value *out)
{
	scope_free struct counter_value *values = NULL;
	struct counter_value sum = {0};
	int cpus = libbpf_num_possible_cpus();
	int error;

	if (cpus < 0)
		return cpus;
	values = calloc(cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	error = bpf_map_lookup_elem(fd, &ifindex, values);
	if (error)
		return error;
	for (int cpu = 0; cpu < cpus; cpu++)
		for (size_t place = 0; place < COUNTER_WORDS; place++)
			((__u64 *)&sum)[place] += counter_word(&values[cpu], place);
	*out = sum;
	return 0;
}

int counter_del(int fd, uint32_t ifindex)
{
	return bpf_map_delete_elem(fd, &ifindex);
}

uint64_t counter_drops(const struct counter_value *value, enum reason reason)
{
	return (unsigned int)reason < REASON_MAX ? counter_word(value, reason) : 0;
}

uint64_t counter_count(const struct counter_value *value, enum counter counter)
{
	return (unsigned int)counter < COUNTER_MAX ? counter_word(value, REASON_MAX + counter) : 0;
}
