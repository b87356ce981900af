/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where an address elsewhere lives, asked for on first use (ONM-5): the interface behind which a manager stands, or a directory in a
 * file (resolve_file.h).
 *
 * What is found becomes a mapping with a lifetime, a host that the negotiation can ask, and who the node is. A mapping in use is asked
 * for again before it ends; one that is not just ends. The bounds of what is asked, and what is remembered of answers in the negative,
 * are resolve_table.h's.
 */
#ifndef OVNET_AGENT_RESOLVE_H
#define OVNET_AGENT_RESOLVE_H

#include "agent/agent.h"
#include "agent/resolve_table.h"
#include "policy/policy.h"
#include "proto/engine.h"

/* All but the outcome matters only when it is RESOLVE_FOUND. */
struct resolve_answer {
	enum resolve_outcome outcome;
	uint32_t lifetime_s;    /* of mapping, host and identity; at least 1 */
	struct locator locator; /* of the node's host */
	uint8_t slot;
	uint64_t host;   /* id; 0: nothing is said of the host, who must be known otherwise to be asked */
	uint8_t key[32]; /* its X25519 public key */
	/* Node, account and groups; all 0: not said. Vnet and address are not looked at. */
	struct policy_identity identity;
};

/*
 * Whoever knows. `ask` returns 0, or -errno: it has failed. After 0, resolve_answered() is to be called once, not from within `ask`; what
 * comes after RESOLVE_TIMEOUT_NS is too late. `source` is the node here that wants to know.
 */
struct resolve_ops {
	const char *name;
	int (*ask)(void *context, uint32_t vni, struct ipv4 source, struct ipv4 destination);
};

/* Nothing is resolved without an identity in the configuration. Returns 0 or -errno. Mappings that were learned before a restart are known. */
int resolve_open(struct agent *agent);
void resolve_close(struct agent *agent);

/* Who is asked from now on; NULL: nobody. Ports get or lose PORT_RESOLVE when ports.c looks at them next. */
void resolve_use(struct agent *agent, const struct resolve_ops *ops, void *context);
bool resolve_active(const struct agent *agent);

/*
 * A question about a destination that is not known, or whose host is not. Returns true: question_resolved(id) will be called, not from
 * within this call; false: nothing is to be had now. `id` 0: nobody waits.
 */
bool resolve_ask(struct agent *agent, uint32_t vni, struct ipv4 source, struct ipv4 destination, uint64_t id);

/* For the resolver: the answer. Questions that wait go on before it returns. Not for what nobody asked (counted). */
void resolve_answered(struct agent *agent, uint32_t vni, struct ipv4 destination, const struct resolve_answer *answer);
/*
 * For the resolver: the address has moved, has another holder, or is nobody's. Mapping, rules and sessions that name it are gone when it
 * returns; the next packet asks again. What the configuration says of it stands.
 */
void resolve_invalidate(struct agent *agent, uint32_t vni, struct ipv4 address);
/* For the resolver: the host there has gone, or has another key. It is believed no more, and is learned anew with the next question. */
void resolve_host_gone(struct agent *agent, const struct locator *locator);
/* For the resolver: it may know more than it did; answers in the negative count no more. */
void resolve_forget_negatives(struct agent *agent);

/*
 * The host where an address should live says that nobody there has it. True: it has been invalidated; false: it is no learned one, or
 * was found to be there a moment ago, after it had gone from there.
 */
bool resolve_gone(struct agent *agent, uint32_t vni, struct ipv4 address);
/* A session that names a peer is in use; for sweep.c. */
void resolve_used(struct agent *agent, const struct session_key *key, const struct session_value *session);

/* Hosts that were learned; for authority.c and transport.c. */
int resolve_host_at(const struct agent *agent, const struct substrate *address, struct engine_host *out);
int resolve_host_of(const struct agent *agent, const uint8_t key[32], struct engine_host *out);
void resolve_each_host(struct agent *agent, void (*fn)(void *context, const struct engine_host *host), void *context);

struct resolve_status {
	const char *resolver; /* NULL: none */
	size_t in_flight, negatives, hosts;
	struct resolve_counters counters;
};
struct resolve_status resolve_status(const struct agent *agent);

#endif /* OVNET_AGENT_RESOLVE_H */
