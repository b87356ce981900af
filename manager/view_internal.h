/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What doc.c and view.c share.
 */
#ifndef OVNET_MANAGER_VIEW_INTERNAL_H
#define OVNET_MANAGER_VIEW_INTERNAL_H

#include "manager/view.h"
#include "proto/key.h"

struct viewer {
	struct state *state;
	struct groups *groups;
	char authority[KEY_TEXT_MAX];
};

/* The node's, kept with it; `groups` are those that it is in. NULL: out of memory. */
struct doc *doc_of_node(struct viewer *viewer, struct object *node, const struct group_set *groups);
/* Another one each time: to be released. */
struct doc *doc_of_self(struct viewer *viewer, const struct object *host);

#endif /* OVNET_MANAGER_VIEW_INTERNAL_H */
