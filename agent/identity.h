/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is behind an address elsewhere: what passports and answers said, kept in the map `identities`.
 */
#ifndef OVNET_AGENT_IDENTITY_H
#define OVNET_AGENT_IDENTITY_H

#include "agent/agent.h"
#include "maps/access.h"
#include "policy/policy.h"
#include "proto/passport.h"

/*
 * The agent there says that the address's holder has this incarnation. A new one makes all rules and sessions with the former stale.
 * Returns 0; -ESTALE: a former one, what was said must be ignored; or another -errno.
 */
int identity_seen(struct agent *agent, const struct mapping_key *key, uint64_t incarnation);
/* Keeps what a verified passport says. Returns 0; 1: the holder is another now; -ESTALE, as above; or -errno: -E2BIG, no room. */
int identity_remember(struct agent *agent, const struct mapping_key *key, const struct node_passport *passport);
/*
 * Keeps what the resolver says (all 0: nothing) until `not_after_s`, beside which a verified passport that is good stands. A renewal
 * never rests on it. Returns 0; 1: the holder, or what it belongs to, is another now, and all that rested on the former holds no more; or
 * -errno.
 */
int identity_told(struct agent *agent, const struct mapping_key *key, const struct policy_identity *told,
	uint64_t not_after_s);
/* Housekeeping, now and then: those whose mapping has gone, and those whose passport has run out. */
void identity_sweep(struct agent *agent);
/* Forgets all (vni 0), or those of a vnet. */
void identity_flush(struct agent *agent, uint32_t vni);

#endif /* OVNET_AGENT_IDENTITY_H */
