/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of a file by the identifiers made from them, so that a name is looked up without walking a list, and two
 * names are never taken for each other.
 */
#ifndef OVNET_CONFIG_NAMES_H
#define OVNET_CONFIG_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "config/finding.h"

#define NAMES_EVERYWHERE ((size_t)-1) /* a scope: that of names which are not told apart by vnet */

struct name {
	size_t scope;     /* index of a vnet; two vnets may use one name */
	uint64_t id;      /* policy_id() of the text */
	const char *text; /* not owned; must outlive the table */
	const char *list; /* where it stands: "groups"; for messages */
	size_t index;
};

/* All zeros is an empty one. */
struct names {
	struct name *slots;
	size_t count, size;
};

void names_free(struct names *names);

const struct name *names_find(const struct names *names, size_t scope, uint64_t id);

/* As names_find(), and only if it is that name. */
const struct name *names_find_text(const struct names *names, size_t scope, const char *text);

/* Returns 0; -EEXIST with *earlier (may be NULL), the one that has the identifier in that scope; -ENOMEM. */
int names_add(struct names *names, const struct name *name, const struct name **earlier);

/*
 * Adds a name, or tells at `path` that it cannot be: another has its identifier, or it was there before and `owners`
 * (as in "no other OWNERS has") is not NULL. Returns 0, or -EINVAL after a finding.
 */
int names_claim(struct names *names, const struct name *name, const char *owners, struct findings *findings,
	const char *path);

#endif /* OVNET_CONFIG_NAMES_H */
