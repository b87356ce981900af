/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finds a port, and what it holds, without a call: both maps are arrays.
 */
#ifndef OVNET_BPF_PORT_H
#define OVNET_BPF_PORT_H

/* The port with this number, if it is this interface's. */
static __always_inline const struct port_value *port_at(__u32 number, __u32 ifindex)
{
	const struct port_value *port = bpf_map_lookup_elem(&ports, &number);

	return port && port->ifindex == ifindex ? port : NULL;
}

/* The port of an interface. Its number is nearly always the first that it may be. */
static __always_inline const struct port_value *port_of(__u32 ifindex)
{
#pragma unroll
	for (int probe = 0; probe < PORT_PROBES; probe++) {
		const struct port_value *port = port_at(PORT_NUMBER(ifindex, probe), ifindex);

		if (port)
			return port;
	}
	return NULL;
}

static __always_inline struct port_state *port_state(__u32 number)
{
	return bpf_map_lookup_elem(&port_states, &number);
}

#endif /* OVNET_BPF_PORT_H */
