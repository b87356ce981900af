/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A change's way. Changes wait in one line; each is judged against the state as it is then, stored, taken into the state, and
 * told to whom it concerns, before the next one is looked at. What is refused leaves no trace.
 *
 *   judge  (on the state, taken back)  ->  store (another thread)  ->  keep  ->  tell agents and watchers  ->  answer
 *
 * Where another manager has written meanwhile, the change is judged again, on what that has made of the state.
 */
#ifndef OVNET_MANAGER_CHANGE_H
#define OVNET_MANAGER_CHANGE_H

#include "manager/http.h"
#include "manager/manager.h"

#define CHANGE_WHY_MAX 500

enum change_verb {
	CHANGE_CREATE,  /* must not be there */
	CHANGE_REPLACE, /* must be there */
	CHANGE_PATCH,   /* must be there; some members */
	CHANGE_PUT,     /* there or not */
	CHANGE_DELETE,
};

/* One object that is to be written. */
struct change_item {
	enum change_verb verb;
	enum model_kind kind;
	char name[MODEL_NAME_MAX]; /* whole; "": as the body says */
	cJSON *body;               /* the request's; NULL: deleted */
	uint64_t if_revision;      /* only if it has that; 0: whatever it has */
	char path[64];             /* where it stands in the request, for findings */
};

struct change;

/* The end of a change that was asked for from within: 0, or -errno (-EINVAL: findings were logged). */
typedef void (*change_done_fn)(void *context, int result, uint64_t revision);

struct change_request {
	struct http_request *request; /* to be answered; NULL: `done` is told */
	change_done_fn done;
	void *context;
	struct principal principal;
	char why[CHANGE_WHY_MAX + 1];
	struct change_item *items; /* with their bodies the change's from now on */
	size_t count;
	bool dry_run;
	bool many;  /* of several objects: answered with a list of differences, as a dry run is */
	bool prune; /* what the principal has and the items do not name is deleted */
	/* Assigned members that a part of the manager sets itself: laid over the canonical body. May be NULL. */
	void (*assign)(void *context, const struct object *before, cJSON *body);
	/* Adds to the answer about a single object (a token's secret). May be NULL. */
	void (*extend)(void *context, cJSON *answer);
	void (*free_context)(void *context);
};

int changes_open(struct manager *manager);
void changes_close(struct manager *manager);

/* Takes the request over, whatever comes of it. */
void change_start(struct manager *manager, struct change_request *request);

/* What another writer wrote, from the thread that follows. */
struct followed_change {
	uint64_t revision, time_ms;
	char *who, *why;
	char **keys, **bodies;
	size_t count;
};
/* `change` NULL: following fails with `result`, or (-EAGAIN) works again. */
void change_followed(struct manager *manager, const struct followed_change *change, int result);

struct change_counters {
	uint64_t committed, refused, retried, followed;
	uint64_t waiting;
};
const struct change_counters *change_counters(const struct manager *manager);

#endif /* OVNET_MANAGER_CHANGE_H */
