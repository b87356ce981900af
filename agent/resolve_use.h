/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which learned mappings are in use, so that they are asked for again before they end, each at a time of its own, and those that
 * are not just end. Pure: time is passed in. In use is what a session names that had packets since the latest answer.
 */
#ifndef OVNET_AGENT_RESOLVE_USE_H
#define OVNET_AGENT_RESOLVE_USE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/address.h"
#include "maps/access.h"

struct resolve_uses;

struct resolve_uses *resolve_uses_new(void); /* NULL: out of memory */
void resolve_uses_free(struct resolve_uses *uses);

/* The resolver has said so, now. Without memory for it, the mapping just ends. */
void resolve_use_note(struct resolve_uses *uses, const struct mapping_key *key, uint64_t now_ns, uint64_t expires_ns);
/* It was there when the agent started; who said so is not known. In use, it is due within a second. */
void resolve_use_inherit(struct resolve_uses *uses, const struct mapping_key *key, uint64_t now_ns,
	uint64_t expires_ns);
void resolve_use_forget(struct resolve_uses *uses, const struct mapping_key *key);
/* True when it was the resolver that said so, to this agent. */
bool resolve_use_was_told(const struct resolve_uses *uses, const struct mapping_key *key);

/* `source` has a session with it, which was last used then. */
void resolve_use_mark(struct resolve_uses *uses, const struct mapping_key *key, struct ipv4 source, uint64_t last_ns);
/* Calls for each that is in use and due, again at each call until it is noted; forgets those that are past their end. */
void resolve_use_due(struct resolve_uses *uses, uint64_t now_ns,
	void (*fn)(void *context, const struct mapping_key *key, struct ipv4 source), void *context);

#endif /* OVNET_AGENT_RESOLVE_USE_H */
