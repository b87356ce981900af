/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must hold between the values of a configuration, each of which schema.c found right by itself.
 */
#ifndef OVNET_CONFIG_CHECK_H
#define OVNET_CONFIG_CHECK_H

#include "config/config.h"
#include "config/finding.h"

/*
 * Checks a configuration as far as it could be read: values that were refused (zero, or SCHEMA_NO_VNET) give no further
 * finding. Slots that were not given become the locator's, or 0.
 */
void check_config(struct findings *findings, struct config *config);

/*
 * The part of check_config() that is about hosts, the identity, and the vnets that need one. Defaults that depend on other
 * values are settled, and the identities of nodes become whole.
 */
void check_identity(struct findings *findings, struct config *config);

/* The checks of a directory, which may name this host's own nodes as well. What it says of vnets that `own` does not have is left out. */
void check_directory(struct findings *findings, struct config *directory, const struct config *own);

/* The parts of that in check_identity.c: hosts among each other; and the identities of nodes elsewhere. */
void check_hosts(struct findings *findings, const struct config *config);
void check_settle(struct config *config, const struct config *vnets);

/* True when an address can be in both prefixes; one that was refused is in none. */
bool check_overlap(const struct locator *a, const struct locator *b);

/*
 * The checks of a single rule that was read whole; `known` as in config_rule_from_json(). Returns 0, or -EINVAL after a finding; -ENOMEM
 * without one.
 */
int check_rule(struct findings *findings, const struct config *config, const struct config_rule *rule,
	config_known_fn known, void *context);

#endif /* OVNET_CONFIG_CHECK_H */
