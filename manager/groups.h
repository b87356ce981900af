/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Groups in groups, and who is in them by criteria: what of that many look-ups need, made once for each generation of the
 * state.
 *
 * Security groups are in it as groups without children: for agents they are nothing else.
 */
#ifndef OVNET_MANAGER_GROUPS_H
#define OVNET_MANAGER_GROUPS_H

#include "manager/state.h"

struct groups;

/* A set of groups by index, and the list of them in the order of adding. All zeros after groups_set_new(). */
struct group_set {
	bool *has;
	size_t *entries;
	size_t count;
};

/* The groups of the state as it is now; good until a group changes. NULL: out of memory. */
struct groups *groups_of(struct state *state, struct groups *former);
void groups_free(struct groups *groups);

int group_set_new(const struct groups *groups, struct group_set *out);
void group_set_free(struct group_set *set);

const struct object *groups_object(const struct groups *groups, size_t index);
/* Its index, or -1. */
long groups_find(const struct groups *groups, const char *name);

/* Adds a group to a set (again: nothing happens); then all below, or all above, what is in it. */
void group_set_add(struct group_set *set, size_t group);
void group_set_below(const struct groups *groups, struct group_set *set);
void group_set_above(const struct groups *groups, struct group_set *set);

/* Adds those that a node is in directly: that it names, its security groups, and those whose criteria it meets. */
void groups_of_node(const struct groups *groups, const struct object *node, struct group_set *set);

#endif /* OVNET_MANAGER_GROUPS_H */
