/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which hosts know who a node here is now: those that have granted it something since it is who it is, by its passport. Only there
 * may packets come before their question is decided (DTM-7's third mode): what was granted to whoever had the address before holds
 * no more where his successor is known, and would let the successor's packets in elsewhere (DTM-10).
 */
#ifndef OVNET_AGENT_INTRODUCTION_H
#define OVNET_AGENT_INTRODUCTION_H

#include "agent/agent.h"
#include "maps/access.h"

/* The host of `destination` has granted something to the node of `source`, whose address `where` is, and knows it until then. */
void introduction_note(struct agent *agent, const struct mapping_key *where, const struct mapping_value *source,
	const struct mapping_value *destination, uint64_t until_ns);
bool introduction_holds(struct agent *agent, const struct mapping_key *where, const struct mapping_value *source,
	const struct mapping_value *destination);

/* All are forgotten: packets wait here until their nodes are introduced again. */
void introduction_clear(struct agent *agent);

#endif /* OVNET_AGENT_INTRODUCTION_H */
