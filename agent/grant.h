/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this host has been granted, so that grants in use are renewed before they end and unused ones are not.
 *
 * The kernel's rules are the truth; this is an index over the negotiated ALLOWs of direction OUT, made from them at a start.
 */
#ifndef OVNET_AGENT_GRANT_H
#define OVNET_AGENT_GRANT_H

#include "agent/agent.h"
#include "maps/access.h"

int grant_open(struct agent *agent);
void grant_close(struct agent *agent);

/* A rule was written / was removed. */
void grant_note(struct agent *agent, const struct rule_key *key, const struct rule_value *value);
void grant_forget(struct agent *agent, const struct rule_key *key);
/* A session rests on the rule with this key and was used. For sweep.c. */
void grant_used(struct agent *agent, const struct session_key *key, const struct session_value *session);
/* How many there are, and how often one was to be renewed. */
size_t grant_count(const struct agent *agent);
uint64_t grant_renewals(const struct agent *agent);

#endif /* OVNET_AGENT_GRANT_H */
