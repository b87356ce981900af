/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state: every object that a manager keeps, in memory, as of one revision. What is to hold lies in the store; here it is
 * found: by key, by place, by host, by secret, by what refers to it.
 *
 * A transaction is tried on the state itself: state_begin(), put and delete, look, and then state_keep() or state_undo(). So
 * a check sees what would be, with the same look-ups as everybody else, and a dry run is a change that is taken back. Between
 * those calls nobody else looks: the manager has one loop, and nothing in it waits.
 */
#ifndef OVNET_MANAGER_STATE_H
#define OVNET_MANAGER_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/address.h"
#include "lib/table.h"
#include "model/model.h"

#define STATE_HASH_LEN 32 /* of secrets: BLAKE2b-256 */

struct doc;
struct object;
LIST_HEAD(objects, object);

/* A key that objects name, be it there or not: what is filed under it. */
struct anchor {
	struct table_node by_key;
	size_t references; /* of all kinds */
	/* Of a host: its nodes. Of a vnet: what is in it. Of a security group: its policies, and its nodes by search. */
	struct objects nodes, addresses, policies;
	char key[];
};

/* An object as of its latest write; never changed in place: a write makes another one. */
struct object {
	struct table_node by_key;
	struct table_node by_place; /* nodes and addresses: (vnet, address); vnets: VNI; hosts: locator; policies: id */
	struct table_node by_secret; /* tokens, and hosts that have joined */
	LIST_ENTRY(object) of_kind, of_host, of_vnet;
	enum model_kind kind;
	uint64_t revision;
	char *key;        /* "node/acme/web1" */
	const char *name; /* the part of it after the kind */
	cJSON *body;      /* canonical */
	struct doc *doc;  /* as agents are told of it, or NULL; see view.h */
	uint64_t doc_generation;
	struct anchor *host, *vnet; /* what it is filed under; NULL: neither */
	uint64_t id;                /* nodes, hosts, accounts: policy_id() of the name; vnets: VNI; policies: number */
	struct locator locator;     /* hosts */
	struct ipv4 address;        /* nodes, addresses; zeros: not given */
	bool placed, has_secret;
	uint8_t height; /* of what it contains, as of the walk with this number; see check.c */
	uint64_t walk;
	uint8_t secret[STATE_HASH_LEN];
};

struct state;

struct state *state_new(void); /* NULL: out of memory */
void state_free(struct state *state);

/* The revision of the latest transaction that was kept. */
uint64_t state_revision(const struct state *state);

/* ---- finding */

struct object *state_find(const struct state *state, enum model_kind kind, const char *name);
struct object *state_find_key(const struct state *state, const char *key);
const struct objects *state_all(const struct state *state, enum model_kind kind);
size_t state_count(const struct state *state, enum model_kind kind);
struct object *state_vnet(const struct state *state, uint32_t vni);
struct object *state_policy(const struct state *state, uint32_t id);
/* Another vnet or policy of the same number, or NULL. */
struct object *state_same_number(const struct state *state, const struct object *object);
/* A host other than `except` to which addresses of this prefix belong, wholly or in part, or NULL. */
struct object *state_host_at(const struct state *state, const struct locator *locator, const struct object *except);
/* What has this address in a vnet, a node or an address object; NULL: nobody. `except` does not count. */
struct object *state_at(const struct state *state, const char *vnet, struct ipv4 address, const struct object *except);
/* By the hash of a secret: a token, or the host whose credential it is. NULL: nobody's. */
struct object *state_secret(const struct state *state, const uint8_t hash[STATE_HASH_LEN]);
/* What names "host/h1" or "vnet/acme/Z"; NULL: nothing does. */
const struct anchor *state_anchor(const struct state *state, const char *key);
/* The next object after `last` (NULL: the first) that refers to the key, or NULL. Looks at all: for messages, and what is rare. */
const struct object *state_referrer(const struct state *state, const char *key, const struct object *last);

/* Members of a body; NULL or `missing`: not there. */
const char *object_text(const struct object *object, const char *member);
long long object_number(const struct object *object, const char *member, long long missing);
void object_account(const struct object *object, char out[MODEL_PART_MAX]);
/* Whether the account owns the vnet or is one of its members. */
bool object_vnet_has(const struct object *vnet, const char *account);

/* ---- changing */

/* One write that was tried: the object before it and after it; NULL: there is none. */
struct state_step {
	struct object *before, *after;
};

void state_begin(struct state *state);
/*
 * Puts an object (the body becomes the state's, also on failure) or takes it out. What a body refers to need not be there: that is
 * for the check to see. Returns 0, -ENOENT (nothing to delete), -ENOMEM.
 */
int state_put(struct state *state, cJSON *body);
int state_delete(struct state *state, const char *key);
/* The steps since state_begin(), at most one a key. */
const struct state_step *state_steps(const struct state *state, size_t *count);
/* All as it was at state_begin(). */
void state_undo(struct state *state);
/*
 * It is as it is now; objects that were written have this revision. The steps, with what was before, stay to be looked at until
 * state_end().
 */
void state_keep(struct state *state, uint64_t revision);
void state_end(struct state *state);
/* Objects that were put with revisions of their own are what was in the store at this one. */
void state_loaded(struct state *state, uint64_t revision);

/* Grows with every transaction that was kept or taken back: what was computed before may be another now. */
uint64_t state_generation(const struct state *state);
/* The same of groups and security groups alone: what nodes are in depends on these and the node. */
uint64_t state_groups_generation(const struct state *state);

#endif /* OVNET_MANAGER_STATE_H */
