/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What policies say, as the agents judge: of each vnet the same documents that agents get, read by the same reader, and asked by
 * the same evaluator. Made when first asked, and kept until something of concern changes.
 */
#ifndef OVNET_MANAGER_JUDGE_H
#define OVNET_MANAGER_JUDGE_H

#include "manager/agents.h"
#include "manager/manager.h"
#include "policy/policy.h"

int judge_open(struct manager *manager);
void judge_close(struct manager *manager);
void judge_changed(struct manager *manager, const struct state_change *change);

/* Who a node is, as its passport says. Returns 0 or -ENOMEM. */
int judge_identity(struct manager *manager, const struct object *node, struct policy_identity *out);

/*
 * Both sides' answers about what one node may send another of the same vnet, and both together. `in` and `out` may be NULL. Returns
 * 0; -ENOMEM; -EINVAL: the vnet's policies cannot be read (logged).
 */
int judge_ask(struct manager *manager, const struct object *vnet, const struct policy_identity *source,
	const struct policy_identity *destination, uint8_t protocol, uint16_t port, struct policy_answer *in,
	struct policy_answer *out, struct policy_answer *joined);

#endif /* OVNET_MANAGER_JUDGE_H */
