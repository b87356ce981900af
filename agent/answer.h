/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An answer of the policies as a message between agents, and back. Which answer, and what becomes of it, is decision.c's.
 */
#ifndef OVNET_AGENT_ANSWER_H
#define OVNET_AGENT_ANSWER_H

#include <stdbool.h>

#include "policy/policy.h"
#include "proto/message.h"

/*
 * Fills in what the message says of `answer`: whole when it may be and is complete, else about the flow alone (`exact`). Lifetime, incarnation
 * and serial are the caller's.
 */
void answer_write(const struct policy_answer *answer, const struct flow *flow, bool exact,
	struct message_decision *out);

/* What a message said. Of an exact one, the flow asked is all that is known, and it is as `granted` says. */
void answer_read(const struct message_decision *message, const struct flow *flow, bool granted,
	struct policy_answer *out);

#endif /* OVNET_AGENT_ANSWER_H */
