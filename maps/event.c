// SPDX-License-Identifier: BSD-2-Clause
/*
 * Map `listeners` from user space. The ring `events` is read through libbpf's ring buffer by whoever listens.
 */
#include "maps/access.h"

#include <bpf/bpf.h>

int listener_set(int fd, uint32_t drops)
{
	const struct listener_value value = {.drops = drops};
	uint32_t key = 0;

	return bpf_map_update_elem(fd, &key, &value, BPF_ANY);
}
