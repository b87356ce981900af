/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which vnets an object may be of concern in: where its policies hold, or policies may name it. More rather than fewer: who is
 * concerned in fact is seen when it is looked at.
 */
#ifndef OVNET_MANAGER_CONCERN_H
#define OVNET_MANAGER_CONCERN_H

#include "manager/state.h"

/* `name` is a vnet's. One may be named more than once. */
typedef void (*concern_fn)(void *context, const char *name);
void concern_vnets(const struct state *state, const struct object *object, concern_fn fn, void *context);

/* The hosts that an object may concern: its own, or those with nodes in such vnets. `name` is a host's, and may come more than once. */
void concern_hosts(const struct state *state, const struct object *object, concern_fn fn, void *context);

#endif /* OVNET_MANAGER_CONCERN_H */
