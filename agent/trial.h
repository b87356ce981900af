/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What another configuration would end: negotiated rules that it contradicts, and sessions that rest on them. Nothing is changed by
 * asking.
 */
#ifndef OVNET_AGENT_TRIAL_H
#define OVNET_AGENT_TRIAL_H

#include "agent/agent.h"

#define TRIAL_SHOWN 20

struct trial_result {
	size_t rules, sessions;
	struct rule_entry shown[TRIAL_SHOWN]; /* the first of the rules */
	size_t shown_count;
};

/* Returns 0, -ENOTSUP: nothing is negotiated here; or -errno. */
int trial_run(struct agent *agent, struct config *config, struct trial_result *out);

#endif /* OVNET_AGENT_TRIAL_H */
