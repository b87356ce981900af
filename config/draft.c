/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From groups, handles and policies as they were read to the set that the evaluator reads. See draft.h.
 */
#include "config/draft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void draft_free(struct draft *draft)
{
	for (size_t i = 0; i < draft->group_count; i++)
		free((void *)draft->groups[i].children);
	free(draft->groups);
	for (size_t i = 0; i < draft->handle_count; i++) {
		policy_addresses_release(draft->handles[i].addresses);
		free((void *)draft->handles[i].items);
	}
	free(draft->handles);
	for (size_t i = 0; i < draft->policy_count; i++) {
		free((void *)draft->policies[i].target.items);
		free((void *)draft->policies[i].peer.items);
		free((void *)draft->policies[i].services);
	}
	free(draft->policies);
	names_free(&draft->host_names);
	names_free(&draft->group_names);
	names_free(&draft->handle_names);
	names_free(&draft->account_names);
	names_free(&draft->node_names);
	names_free(&draft->policy_ids);
}

/* Returns how many vnets are negotiated, or an error of the set. */
static int vnets_add(struct policy_set *set, const struct config *config)
{
	int count = 0;

	for (size_t i = 0; i < config->vnet_count; i++) {
		const struct config_vnet *vnet = &config->vnets[i];
		struct policy_vnet added = {
			.vni = vnet->vni,
			.default_in = vnet->default_in,
			.default_out = vnet->default_out,
			.agreement = vnet->agreement,
		};
		int error;

		if (vnet->authorization != AUTHORIZATION_NEGOTIATED)
			continue;
		error = policy_set_vnet(set, &added);
		if (error)
			return error;
		count++;
	}
	return count;
}

static int groups_add(struct policy_set *set, struct draft *draft)
{
	int error = 0;

	for (size_t i = 0; i < draft->group_count && !error; i++) {
		draft->groups[i].id = policy_id(draft->groups[i].name);
		error = policy_set_group(set, &draft->groups[i]);
	}
	return error;
}

static int handles_add(struct policy_set *set, const struct draft *draft)
{
	int error = 0;

	for (size_t i = 0; i < draft->handle_count && !error; i++)
		error = policy_set_handle(set, &draft->handles[i]);
	return error;
}

static int policies_add(struct policy_set *set, const struct draft *draft)
{
	int error = 0;

	for (size_t i = 0; i < draft->policy_count && !error; i++)
		error = policy_set_policy(set, &draft->policies[i]);
	return error;
}

void draft_seal(struct findings *findings, struct draft *draft)
{
	struct policy_set *set = policy_set_new();
	char message[200] = "";
	int vnets = set ? vnets_add(set, &draft->config) : -ENOMEM;
	int error = vnets < 0 ? vnets : groups_add(set, draft);

	if (!error)
		error = handles_add(set, draft);
	if (!error)
		error = policies_add(set, draft);
	if (!error)
		error = policy_set_seal(set, message);
	if (error == -ELOOP && strncmp(message, "handles", strlen("handles")) == 0)
		finding_add(findings, "handles", "expected no handle within itself, got '%s'", message);
	else if (error == -ELOOP)
		finding_add(findings, "groups", "expected no group within itself, got '%s'", message);
	else if (error)
		finding_add(findings, "", "policies cannot be put together: %s", strerror(-error));

	/* Groups alone are checked; without a negotiated vnet there is nothing to decide. */
	if (error || vnets == 0)
		policy_set_free(set);
	else
		draft->config.policies = set;
}
