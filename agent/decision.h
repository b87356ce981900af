/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a question to rules: what the own policies say, what the peer's agent says, and what of it goes into the kernel.
 *
 * The order is the protocol's: who decides installs its rule before the answer leaves, who asked installs what both sides allow.
 */
#ifndef OVNET_AGENT_DECISION_H
#define OVNET_AGENT_DECISION_H

#include "agent/agent.h"
#include "maps/access.h"
#include "policy/policy.h"
#include "proto/engine.h"

/* A denial for want of an answer (DTM-6). */
#define DECISION_SILENCE_NS (2 * NSEC_PER_SEC)
/* Rules that one answer may take in each kernel. */
#define DECISION_RULES_MOST 32

/*
 * Decides what a node here may send, as far as that can be decided here, or asks the peer. `key` is of WIDTH_PORT or WIDTH_ARP. Returns
 * true when the rules are in the kernel; false: question_answered(id) will be called, not from within this call.
 */
bool decision_ask(struct agent *agent, const struct rule_key *key, uint64_t id);
/* The same, when what could be known of where the destination lives is known (resolve.h). For question.c. */
bool decision_ask_resolved(struct agent *agent, const struct rule_key *key, uint64_t id);

/*
 * True where packets of such a question leave while it is open: the vnet wants it, the question has left, and nothing is against
 * it here. *holder is the incarnation of the destination for which the own policies were last asked, or 0; while it and the
 * configuration stand, they are not asked again. 0 when false.
 */
bool decision_forwards(struct agent *agent, const struct rule_key *key, uint64_t *holder);

/* Of the engine's ops: a peer asks; an answer has come. */
int decision_decide(struct agent *agent, const struct engine_request *request, bool *granted,
	struct message_decision *out);
void decision_decided(struct agent *agent, const struct flow *flow, uint64_t id, enum engine_outcome outcome,
	const struct message_decision *decision);

/* Asks again for a grant in use, before it ends. */
void decision_renew(struct agent *agent, const struct rule_key *key);

/* The flow that a key of WIDTH_PORT or WIDTH_ARP is about, sender first whatever its direction, and back. */
void decision_flow(const struct rule_key *key, struct flow *out);

/* What one side's policies of `set` say between two ends, for revocation.c and explain.c. */
void decision_side(struct agent *agent, const struct policy_set *set, enum policy_side side, const struct flow *flow,
	struct policy_answer *out);

#endif /* OVNET_AGENT_DECISION_H */
