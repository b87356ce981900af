/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of the evaluator: how a set is kept once it is built, and how an answer is read stretch by stretch.
 *
 * set.c and handle.c build what is here, seal.c completes it, answer.c reads it; join.c and rules.c know answers only.
 */
#ifndef OVNET_POLICY_INTERNAL_H
#define OVNET_POLICY_INTERNAL_H

#include "policy/policy.h"

#define ICMP_PROTOCOL 1
#define ICMP_TYPE_MAX 255

/* Things in order of their keys. Each begins with its key. */
struct keyed {
	uint64_t **things;
	size_t count, room;
};

/*
 * The order in which policies are tried: the first that applies and has the protocol and port decides. So within a
 * class a deny wins; of equal ones the lowest id is named.
 */
enum rank { RANK_NEAR_DENY, RANK_NEAR_ALLOW, RANK_BROAD_DENY, RANK_BROAD_ALLOW, RANK_MAX };

struct match_item {
	enum policy_item_kind kind;
	uint32_t place;     /* ITEM_GROUP, ITEM_HANDLE: among the set's groups, or handles */
	uint64_t id;        /* ITEM_NODE, ITEM_GROUP, ITEM_ACCOUNT, ITEM_HANDLE; ITEM_VNET: the VNI */
	uint32_t low, high; /* ITEM_RANGE, host byte order */
};

struct matcher {
	struct match_item *items;
	size_t count;
	bool negated;
};

struct set_policy {
	uint64_t key;
	struct policy policy; /* with arrays of its own */
	struct matcher target;
	/* The peer's items by class; a policy whose peer has both stands in the ranks of both. */
	struct matcher near, broad;
	/* In order, apart from each other; none: everything. */
	struct policy_service *services;
	size_t service_count;
};

struct set_group {
	uint64_t key;
	struct policy_group group; /* with an array of its own */
};

struct set_handle {
	uint64_t key;
	char name[POLICY_NAME_MAX];
	struct policy_addresses *shared, *own; /* either may be NULL */
	struct match_item *items;              /* groups, vnets, handles; of the latter all are in the set's rows */
	size_t count;
};

struct ranked {
	const struct set_policy **policies; /* in order of id */
	size_t count;
};

struct set_vnet {
	uint64_t key;
	struct policy_vnet vnet;
	struct ranked ranked[2][RANK_MAX]; /* by side; slices of the set's `order` */
};

struct policy_set {
	struct keyed vnets, groups, handles, policies;
	bool sealed;
	/* From here on: made by sealing. */
	size_t words;   /* of 64 groups, in a row */
	uint64_t *rows; /* for each group a bit for each that contains it, itself among them */
	size_t handle_words;
	uint64_t *handle_rows; /* for each handle a bit for each that is in it, itself among them */
	const struct set_policy **order;
};

/* What is in a set by itself, for its release. */
void set_handle_free(void *thing);

/* The list owns the thing then, not before. Returns 0, -EEXIST or -ENOMEM. */
int keyed_add(struct keyed *list, uint64_t *thing);

/* The thing with that key, or NULL. */
void *keyed_find(const struct keyed *list, uint64_t key);
/* Where that key is, or would be. */
size_t keyed_place(const struct keyed *list, uint64_t key);

/*
 * What an answer says at a port, and the last port up to which it says the same. NULL when it is incomplete and does
 * not say; *last is then the last before it does.
 */
const struct policy_decision *answer_stretch(const struct policy_answer *answer, uint8_t protocol, uint16_t port,
	uint16_t *last);
bool decision_equal(const struct policy_decision *a, const struct policy_decision *b);

/* Which protocols an answer has segments of. */
void answer_mark(const struct policy_answer *answer, bool named[256]);

#endif /* OVNET_POLICY_INTERNAL_H */
