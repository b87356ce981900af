/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a port may ask and have waiting, from the agent's end: the limits of the configuration, and what has been taken given back.
 */
#ifndef OVNET_AGENT_BUDGET_H
#define OVNET_AGENT_BUDGET_H

#include <stdbool.h>

#include "agent/queue.h"
#include "config/config.h"
#include "maps/access.h"

/* What was charged, a period ago. */
struct budget_settled {
	__u64 packets, bytes, held_packets, held_bytes;
};

/* Not the counts: what the number's former holder was charged for is still to be given back. `fresh`: it has a new one. */
void budget_limit(struct budget *budget, const struct config_limits *limits, bool fresh);
/* Of a packet that was read from the queue. */
void budget_give_back(struct budget *budget, const struct queue_packet *packet);
/* Nobody waits any more for an agent that is gone. */
void budget_clear(struct budget *budget);

/*
 * Once a period: a count that stood still for the whole of one in which nothing was read is of packets that are lost, and goes.
 * `quiet`: nothing was read, and no question of the port is open; `quiet_held`: the same of what arrived for it.
 */
void budget_settle(struct budget *budget, struct budget_settled *settled, bool quiet, bool quiet_held);

#endif /* OVNET_AGENT_BUDGET_H */
