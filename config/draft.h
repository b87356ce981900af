/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A configuration in the making: what will be handed over, and what is only needed until the policies are put together.
 */
#ifndef OVNET_CONFIG_DRAFT_H
#define OVNET_CONFIG_DRAFT_H

#include "config/config.h"
#include "config/finding.h"
#include "config/names.h"

struct draft {
	struct config config;
	/* What they point to is owned. */
	struct policy_group *groups;
	size_t group_count;
	struct policy_handle *handles;    /* their addresses are held */
	size_t handle_count, entry_count; /* entries of all handles */
	struct policy *policies;
	size_t policy_count;
	/* Texts are of the JSON tree, or of `config`. */
	struct names host_names, group_names, handle_names, account_names, node_names, policy_ids;
};

/* Frees what the draft has beside `config`. */
void draft_free(struct draft *draft);

/*
 * Puts groups, handles, policies and negotiated vnets together to config.policies. Call it only when all before was right. What is
 * then still wrong (groups or handles that contain each other) is a finding.
 */
void draft_seal(struct findings *findings, struct draft *draft);

#endif /* OVNET_CONFIG_DRAFT_H */
