/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was granted and holds no more: rules go here, and the peers concerned are told until they acknowledge (DTM-9 to DTM-11).
 */
#ifndef OVNET_AGENT_REVOCATION_H
#define OVNET_AGENT_REVOCATION_H

#include "agent/agent.h"
#include "maps/access.h"
#include "proto/engine.h"

/*
 * True when a negotiated rule still holds: both ends are who they were, and since `old` (NULL: not known, after a start) no
 * change of policies or memberships contradicts it. One that does not is noted, for revocation_tell().
 */
bool revocation_holds(struct agent *agent, const struct rule_entry *entry);
/* The configuration has a node elsewhere no more, which lived there: its host is told of rules that go with that. In key order. */
void revocation_mapping_gone(struct agent *agent, const struct mapping_key *key, const struct mapping_value *value);
/* The policies before a reload, for the comparison; NULL when it is over. Borrowed. */
void revocation_compare_with(struct agent *agent, const struct config *old);
/* Until the end, revocation_holds() answers as if `own` had been another configuration's predecessor, and notes nothing. */
void revocation_trial_begin(struct agent *agent, const struct config *own);
void revocation_trial_end(struct agent *agent);
/* Tells the peers of all that was noted since. After the rules are gone and the epochs changed. */
void revocation_tell(struct agent *agent);

/* Of the engine's ops. */
void revocation_stale(struct agent *agent, const struct engine_host *peer, const struct message_notice *notice);
void revocation_withdrawn(struct agent *agent, const struct engine_host *peer, const struct message_notice *notice);

/* What was negotiated with a node elsewhere goes. Its mapping, and the epochs of ports, are the caller's next matter. */
void revocation_of_peer(struct agent *agent, uint32_t vni, struct ipv4 address);

/* The programs saw a packet without a rule, or for nobody: its sender's agent is told. */
void revocation_arrival(struct agent *agent, const struct question *question);

/* Removes what was negotiated (of one vnet, or 0: of all), and whom it was with. Returns how many rules went. */
unsigned revocation_flush(struct agent *agent, uint32_t vni);

int revocation_open(struct agent *agent);
void revocation_close(struct agent *agent);

#endif /* OVNET_AGENT_REVOCATION_H */
