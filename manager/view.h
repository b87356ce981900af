/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an agent is told: the objects that concern its host's nodes, each as a document, and no others.
 *
 * A document is an entry of ovnet.json, as the agent's own reader takes it: so what an agent is told and what a file could have told
 * it is the same, checked by the same table. Its key says which list it belongs to: "node/acme/web1" is an entry of "nodes". Documents
 * are shared by all views that have them, and never change: an object that is written gets another one.
 *
 * A view of a host is:
 *   self       its name, locator and key; the authority's public key
 *   nodes      its own
 *   policies   of the vnets that its nodes are in, whose target could be one of its nodes (side "in": as receivers; "out": as
 *              senders)
 *   vnets      that its nodes are in, or those policies name
 *   handles    that those policies name, and all within them
 *   groups     that those policies and handles name, or its nodes are in, those above its nodes', and all below any of these
 */
#ifndef OVNET_MANAGER_VIEW_H
#define OVNET_MANAGER_VIEW_H

#include "manager/groups.h"
#include "manager/state.h"

struct doc {
	unsigned references;
	uint64_t digest; /* of key and text: the same as long as the object says the same */
	size_t length;
	const char *key; /* within the same memory */
	char text[];     /* JSON */
};

/* Made of its parts; NULL: out of memory. `json` is consumed. */
struct doc *doc_make(const char *key, cJSON *json);
struct doc *doc_hold(struct doc *doc);
void doc_release(struct doc *doc); /* NULL is allowed */

/* Documents in order of their keys, held. */
struct view {
	struct doc **entries;
	size_t count, room;
};

struct viewer;

/* `authority`: the public key. NULL: out of memory. */
struct viewer *viewer_new(struct state *state, const uint8_t authority[32]);
void viewer_free(struct viewer *viewer);
/* Of the graph of groups as it is now; NULL: out of memory. */
const struct groups *viewer_groups(struct viewer *viewer);

/* Returns 0, or -ENOMEM: *out is then untouched. */
int view_make(struct viewer *viewer, const struct object *host, struct view *out);
void view_free(struct view *view);

/* A policy as agents are told of it, also for the manager's own judgement. */
struct doc *view_policy(struct viewer *viewer, struct object *policy);
struct doc *view_vnet(struct viewer *viewer, struct object *vnet);
struct doc *view_group(struct viewer *viewer, struct object *group);
struct doc *view_handle(struct viewer *viewer, struct object *handle);

#endif /* OVNET_MANAGER_VIEW_H */
