// SPDX-License-Identifier: BSD-2-Clause
/*
 * Map `nexthops` from user space; see maps/nexthop.h for what it holds.
 */
#include "maps/access.h"

#include <bpf/bpf.h>

int nexthop_get(int fd, uint32_t index, struct nexthop_value *out)
{
	return bpf_map_lookup_elem(fd, &index, out);
}

int nexthop_set(int fd, uint32_t index, const struct nexthop_value *value)
{
	return bpf_map_update_elem(fd, &index, value, BPF_ANY);
}
