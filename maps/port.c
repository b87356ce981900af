// SPDX-License-Identifier: BSD-2-Clause
/*
 * Maps `ports` and `port_states` from user space; see maps/port.h for what they hold.
 */
#include "maps/access.h"

#include <errno.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include "maps/batch.h"

#define PORT_STATES_SIZE (OVNET_PORTS_MAX * sizeof(struct port_state))

struct port_visit {
	int (*fn)(void *context, uint32_t ifindex, const struct port_value *value);
	void *context;
};

/* Where the port's entry is, or else where it has room. Returns its number, or -errno; *there says which. */
static int port_find(int fd, uint32_t ifindex, struct port_value *found, bool *there)
{
	int room = -E2BIG;

	for (uint32_t probe = 0; probe < PORT_PROBES; probe++) {
		uint32_t number = PORT_NUMBER(ifindex, probe);
		int error = bpf_map_lookup_elem(fd, &number, found);

		if (error)
			return error;
		*there = ifindex && found->ifindex == ifindex;
		if (*there)
			return (int)number;
		if (!found->ifindex && room < 0)
			room = (int)number;
	}
	return room;
}

int port_number(int fd, uint32_t ifindex)
{
	struct port_value value;
	bool there;

	return port_find(fd, ifindex, &value, &there);
}

int port_get(int fd, uint32_t ifindex, struct port_value *out)
{
	struct port_value value;
	bool there = false;
	int number = port_find(fd, ifindex, &value, &there);

	if (!there)
		return number < 0 && number != -E2BIG ? number : -ENOENT;
	*out = value;
	return 0;
}

static int port_write(int fd, uint32_t number, const struct port_value *value)
{
	return bpf_map_update_elem(fd, &number, value, BPF_EXIST);
}

/* An array's entry is written octet by octet under the eyes of the programs: it becomes a port's when it is whole. */
int port_set(int fd, uint32_t ifindex, const struct port_value *value)
{
	struct port_value new = *value, old;
	bool there = false;
	int number = port_find(fd, ifindex, &old, &there), error = 0;

	if (number < 0)
		return number;
	new.number = (uint16_t)number;
	new.ifindex = 0;
	if (!there)
		error = port_write(fd, (uint32_t)number, &new);
	new.ifindex = ifindex;
	return error ? error : port_write(fd, (uint32_t)number, &new);
}

int port_del(int fd, uint32_t ifindex)
{
	struct port_value value;
	bool there = false;
	int number = port_find(fd, ifindex, &value, &there), error;

	if (!there)
		return number < 0 && number != -E2BIG ? number : -ENOENT;
	value.ifindex = 0;
	error = port_write(fd, (uint32_t)number, &value);
	return error ? error : port_write(fd, (uint32_t)number, &(struct port_value){0});
}

static int port_visit(void *context, const void *key, const void *value)
{
	const struct port_visit *visit = context;
	const struct port_value *port = value;

	(void)key;
	return port->ifindex ? visit->fn(visit->context, port->ifindex, port) : 0;
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
