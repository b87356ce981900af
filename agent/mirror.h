/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A map that only this agent writes, seen without a system call: read once at the start, and kept in step with each write.
 *
 * For `mappings` and `identities`, which a negotiation looks into a dozen times. The kernel's map stays the truth: it is written
 * first, and what it refuses is not in the mirror either.
 */
#ifndef OVNET_AGENT_MIRROR_H
#define OVNET_AGENT_MIRROR_H

#include "agent/agent.h"
#include "maps/access.h"

struct mirror;

/* Reads both maps. Returns 0 or -errno. */
int mirror_open(struct agent *agent);
void mirror_close(struct agent *agent);

/* As mapping_get() and its like: 0, -ENOENT, or another -errno of the kernel (-E2BIG: the map is full; -ENOMEM). */
int mirror_mapping(const struct agent *agent, const struct mapping_key *key, struct mapping_value *out);
int mirror_mapping_set(struct agent *agent, const struct mapping_key *key, const struct mapping_value *value);
int mirror_mapping_del(struct agent *agent, const struct mapping_key *key);
/* True when some mapping has this dummy MAC. */
bool mirror_mac_taken(const struct agent *agent, const uint8_t mac[6]);

/* How many there are. */
size_t mirror_mapping_count(const struct agent *agent);
size_t mirror_identity_count(const struct agent *agent);

int mirror_identity(const struct agent *agent, const struct mapping_key *key, struct identity_value *out);
int mirror_identity_set(struct agent *agent, const struct mapping_key *key, const struct identity_value *value);
int mirror_identity_del(struct agent *agent, const struct mapping_key *key);

#endif /* OVNET_AGENT_MIRROR_H */
