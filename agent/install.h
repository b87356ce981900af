/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts an answer into the kernel as rules of one end, in the order in which nothing more is ever allowed than before or after;
 * takes out what an earlier answer about the same pair said and this one does not.
 */
#ifndef OVNET_AGENT_INSTALL_H
#define OVNET_AGENT_INSTALL_H

#include "agent/agent.h"
#include "maps/access.h"
#include "policy/policy.h"
#include "proto/message.h"

struct install {
	struct agent *agent;
	struct flow flow;         /* sender first; what was asked */
	enum direction direction; /* which end's rules: OUT the source's, IN the destination's */
	uint32_t ifindex;         /* of that end's port */
	uint64_t incarnation, peer_incarnation;
	uint64_t expires_ns;
	uint64_t serial;
	bool exact; /* about the flow asked and nothing else */
	bool ask;   /* what the answer allows is to be asked for yet: ASK in place of ALLOW */
};

int install_open(struct agent *agent);
void install_close(struct agent *agent);

/* Returns 0, or -errno when something that is allowed did not fit (logged): it is not allowed then. */
int install_answer(const struct install *install, const struct policy_answer *answer);
/* One rule for the flow asked, by default or by silence. */
void install_one(const struct install *install, bool allow, uint32_t policy);
/* A denial of the whole pair, if no rule as wide is there. Returns whether it was made. */
bool install_unless_known(const struct install *install);
/* Whether anything at all is allowed between the two, for ARP. */
void install_reach(const struct install *install, bool allow);

/*
 * True when the latest whole answer about the key's pair, as long as both ends are these, denies it: then the peer need not be asked again. What an answer
 * allows must be asked for where no rule says so, since the peer has no rule either.
 */
bool install_knows_denied(struct agent *agent, const struct rule_key *key, uint64_t incarnation,
	uint64_t peer_incarnation);
/* Policies have changed. */
void install_forget_answers(struct agent *agent);

/* For reconcile.c: all denials of people fit; or this one did not, and nothing of its pair is granted (returns whether that is new). */
void install_fits(struct agent *agent);
bool install_unfit(struct agent *agent, const struct rule_key *denied);
/* Is there any such pair? */
bool install_is_unfit(const struct agent *agent);
/* For sweep.c: each negotiated rule there is, and that all were told. */
void install_count(struct agent *agent, const struct rule_key *key);
void install_counted(struct agent *agent);

/* Forgets what was denied to one end of a pair, decided before `serial`: it is asked again. What is allowed stays. */
void install_doubt_denials(struct agent *agent, const struct rule_key *end, uint64_t serial);
/* Removes a negotiated rule; *bump is set when sessions may rest on it. Returns 0 or -ENOENT. */
int install_remove(struct agent *agent, const struct rule_key *key, const struct rule_value *value, bool *bump);

#endif /* OVNET_AGENT_INSTALL_H */
