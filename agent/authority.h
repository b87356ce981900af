/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who hosts and nodes are, and what is allowed: all that negotiation needs to be told by somebody.
 *
 * Today that is the configuration file and a signing key on this host; a manager will stand behind the same functions.
 */
#ifndef OVNET_AGENT_AUTHORITY_H
#define OVNET_AGENT_AUTHORITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/agent.h"
#include "policy/policy.h"
#include "proto/engine.h"

struct authority;

/*
 * Reads the keys that the configuration names and signs this host's passport. Without an identity in the configuration there is
 * nothing to negotiate: 0, and agent->authority stays NULL. Returns 0 or -errno (logged).
 */
int authority_open(struct agent *agent);
void authority_close(struct agent *agent);
/* The configuration is another now: its indexes are made anew, and passports of this host's nodes at the next use. 0 or -ENOMEM. */
int authority_reload(struct agent *agent);

/*
 * For a while another configuration says who is who, and its present one what was before (trial.h). Returns 0 or -ENOMEM.
 */
int authority_trial_begin(struct agent *agent, const struct config *config);
void authority_trial_end(struct agent *agent);

/* For engine_new(): self, key, authority, passport. */
void authority_engine_config(const struct agent *agent, struct engine_config *out);
/* The host's passport, signed anew or as the manager gave it; `out` is what engine_passport() takes. Returns 0, or -EAGAIN: there is none yet. */
int authority_host_passport(struct agent *agent, uint8_t out[HOST_PASSPORT_LEN]);

/* The configuration's hosts go before those that were learned (resolve.h). 0 or -ENOENT. */
int authority_host_at(const struct agent *agent, const struct substrate *address, struct engine_host *out);
int authority_host_of(const struct agent *agent, const uint8_t key[32], struct engine_host *out);

/* The vnet's entry in the configuration when it is negotiated and there is an identity, else NULL. */
const struct config_vnet *authority_vnet(const struct agent *agent, uint32_t vni);

/*
 * Who has an address: a node of this host, one elsewhere that the configuration names, or one whose passport was seen. Returns
 * whether anything more than vnet and address is known; *out is filled in any case.
 */
bool authority_identity(const struct agent *agent, uint32_t vni, struct ipv4 address, struct policy_identity *out);
/* The same as the configuration before the latest authority_reload() had it; good while that is kept. */
bool authority_identity_before(const struct agent *agent, uint32_t vni, struct ipv4 address,
	struct policy_identity *out);
/* From the configuration alone. */
bool authority_configured(const struct agent *agent, uint32_t vni, struct ipv4 address, struct policy_identity *out);

/* The node of this host with that address that is online: its place in config.nodes, or -1. */
long authority_node(const struct agent *agent, uint32_t vni, struct ipv4 address);

/*
 * The node's passport for `incarnation`, signed at most half its lifetime ago; if it must be signed anew, it is in one batch with those
 * of the nodes beside it that are online. Good until the next call. Returns its length, or -errno; -EAGAIN: it is being
 * fetched, and question_resolved(id) follows, unless `id` is 0.
 */
int authority_node_passport(struct agent *agent, size_t node, uint64_t incarnation, uint64_t id,
	const uint8_t **octets);

#endif /* OVNET_AGENT_AUTHORITY_H */
