/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interfaces of the queue, made ready by rtnetlink and sysctl; for queue.c alone.
 *
 * Of all that netlink.h follows nothing is needed here: each call asks by a socket of its own and waits for the kernel's answer, at
 * start and at the end only.
 */
#ifndef OVNET_AGENT_QUEUE_LINK_H
#define OVNET_AGENT_QUEUE_LINK_H

#include <stdint.h>

#include "lib/address.h"

/* Makes a veth pair, unless these two are one already; what else has either name is removed. Returns 0 or -errno. */
int queue_link_pair(const char *name, const char *peer);

struct queue_link {
	const char *name;
	const struct mac *address; /* NULL: as it is */
	uint32_t tx_queue_length;  /* packets; 0: as it is */
};

/*
 * IPv6 off before it is up, no ARP, MTU 65,535 or the most that it takes, up; `*ifindex` is its number.
 * Returns 0 or -errno; *ifindex is untouched on failure.
 */
int queue_link_ready(const struct queue_link *link, unsigned *ifindex);

/* Returns 0, also when there is none of that name, or -errno. */
int queue_link_remove(const char *name);

#endif /* OVNET_AGENT_QUEUE_LINK_H */
