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

/* The checks of a single rule that was read whole. Returns 0, or -EINVAL after a finding; -ENOMEM without one. */
int check_rule(struct findings *findings, const struct config *config, const struct config_rule *rule);

#endif /* OVNET_CONFIG_CHECK_H */
