/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Negotiations as they happen, to the clients that watch (`ovnetctl monitor`); drops come beside them. watch.c does both.
 */
#ifndef OVNET_AGENT_MONITOR_H
#define OVNET_AGENT_MONITOR_H

#include <stdbool.h>

#include "agent/agent.h"
#include "proto/message.h"

struct monitor_negotiation {
	const char *what; /* one word; the list is in docs/control.md */
	struct flow flow;
	bool granted;
	uint32_t policy; /* that decided; 0: the default, or not known */
};

/* True while somebody watches: who builds a text for nothing asks first. */
bool monitor_listens(const struct agent *agent);
void monitor_negotiation(struct agent *agent, const struct monitor_negotiation *told);

#endif /* OVNET_AGENT_MONITOR_H */
