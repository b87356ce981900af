// SPDX-License-Identifier: BSD-2-Clause
/*
 * Maps `ports` and `port_states` from user space; see maps/port.h for what they hold.
 */
#include "maps/access.h"

#include <sys/mman.h>

#include <bpf/bpf.h>

#include "maps/batch.h"

#define PORT_STATES_SIZE (OVNET_PORTS_MAX * sizeof(struct port_state))

struct port_visit {
	int (*fn)(void *context, uint32_t ifindex, const struct port_value *value);
	void *context;
};

int port_get(int fd, uint32_t ifindex, struct port_value *out)
{
	return bpf_map_lookup_elem(fd, &ifindex, out);
}

int port_set(int fd, uint32_t ifindex, const struct port_value *value)
{
	return bpf_map_update_elem(fd, &ifindex, value, BPF_ANY);
}

int port_del(int fd, uint32_t ifindex)
{
	return bpf_map_delete_elem(fd, &ifindex);
}

static int port_visit(void *context, const void *key, const void *value)
{
	const struct port_visit *visit = context;

	return visit->fn(visit->context, *(const uint32_t *)key, value);
}

int port_each(int fd, int (*fn)(void *context, uint32_t ifindex, const struct port_value *value), void *context)
{
	struct port_visit visit = {fn, context};

	return batch_each(fd, sizeof(uint32_t), sizeof(struct port_value), port_visit, &visit);
}

struct port_state *port_states_map(int fd)
{
	void *states = mmap(NULL, PORT_STATES_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return states == MAP_FAILED ? NULL : states;
}

void port_states_unmap(struct port_state *states)
{
	if (states)
		munmap(states, PORT_STATES_SIZE);
}
