/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration of a host that has a manager: its own file says what is this machine's (uplinks, limits, and where the
 * manager is), and the manager says the rest. Both halves are put together to one text and read by the one table (schema.h): what a
 * manager says is checked as a file is.
 */
#ifndef OVNET_CONFIG_MANAGED_H
#define OVNET_CONFIG_MANAGED_H

#include "config/config.h"

/* The half that is the file's. */
struct config_local {
	char instance[CONFIG_PART_MAX];
	struct config_manager manager; /* not present: the file is the whole */
	bool given;                    /* beside the file, which has none */
	char *text;
	size_t length;
};

/*
 * Reads a file as far as it says who says the rest. `given` (may be NULL) stands for a "manager" that the file then must not have. With
 * one, the file is checked as far as it goes: what the manager is to
 * say must not be in it. Returns 0 and *out (its text is to be freed); -EINVAL after findings; -errno (reported).
 */
int config_local_load(const char *path, const struct config_manager *given, config_report_fn report, void *context,
	struct config_local *out);
void config_local_free(struct config_local *local);

/*
 * The whole: `members` is the manager's half, members of an object ("\"locator\": ..., \"vnets\": [...]"); of what is wrong
 * with it messages name the path. Returns as config_parse().
 */
int config_managed_parse(const struct config_local *local, const char *path, const char *members,
	config_report_fn report, void *context, struct config **out);

/* A manager's half that says nothing: of a file alone, what is right can be seen with it. */
#define CONFIG_MANAGED_NOTHING "\"locator\": \"fd00::/64\", \"vnets\": []"

#endif /* OVNET_CONFIG_MANAGED_H */
