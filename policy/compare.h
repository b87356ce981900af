/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a change of policies means for a rule that was made before it: exactly the rules that it affects go (DTM-11).
 */
#ifndef OVNET_POLICY_COMPARE_H
#define OVNET_POLICY_COMPARE_H

#include "policy/policy.h"

/* A protocol and port at which two answers differ. */
struct policy_place {
	uint8_t protocol;
	uint16_t port;
};

/*
 * True when a rule of this width and verdict, which followed from `before`, does not follow from `after`: an ALLOW when something
 * under it is no longer allowed, a DENY or an ASK when anything under it is other than it was, exceptions included. With `strength`, also when a
 * policy decides where a default did, or the other way round. *first (may be NULL) is the first such place. Where one of the
 * answers does not say, it counts as a difference.
 */
bool policy_contradicts(const struct policy_answer *before, const struct policy_answer *after, enum policy_width width,
	uint8_t protocol, uint16_t port, enum policy_verdict verdict, bool strength, struct policy_place *first);

#endif /* OVNET_POLICY_COMPARE_H */
