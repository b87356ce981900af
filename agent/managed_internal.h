/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of a managed host: what its files share. See managed.h.
 */
#ifndef OVNET_AGENT_MANAGED_INTERNAL_H
#define OVNET_AGENT_MANAGED_INTERNAL_H

#include <cjson/cJSON.h>

#include "agent/managed.h"
#include "agent/web.h"

#define MANAGED_DIRECTORY_MAX (CONFIG_PATH_MAX + CONFIG_PART_MAX)
#define MANAGED_PATH_MAX (MANAGED_DIRECTORY_MAX + 32) /* of a file in it */

struct managed_view;
struct managed_passports;
struct managed_resolver;

struct managed {
	struct agent *agent;
	struct config_local local;
	struct web *web;
	char directory[MANAGED_DIRECTORY_MAX];
	char host[CONFIG_PART_MAX];
	char *secret; /* NULL: has not joined */
	struct managed_view *view;
	struct managed_passports *passports;
	struct managed_resolver *resolver;
	struct web_request *stream, *joining;
	struct managed_view *trial; /* the view as it would be; NULL: there is none */
	uint64_t trial_id;
	struct loop_timer *again;
	bool ready;    /* there is a configuration */
	bool started;  /* managed_start() was called */
	bool stopping; /* the loop was told to stop before it was ready */
	bool connected;
	uint64_t connected_ns, failures;
	uint64_t told, applied, acknowledged; /* revisions */
	bool acknowledging;
};

/* How long to wait before a try, after so many that failed: from half a second, doubling to 30, and a share of chance. */
uint64_t managed_backoff_ns(uint64_t failures);
/* A file of the directory. */
void managed_path(const struct managed *managed, const char *name, char out[MANAGED_PATH_MAX]);

/* ---- managed_view.c */

struct managed_view *managed_view_new(void);
void managed_view_free(struct managed_view *view);
/* Staged until managed_view_commit(). Return 0 or -ENOMEM. `value` is copied. */
int managed_view_set(struct managed_view *view, const char *key, const char *digest, const cJSON *value);
int managed_view_gone(struct managed_view *view, const char *key);
/* Returns how many documents became others, came or went. */
size_t managed_view_commit(struct managed_view *view, uint64_t revision);
/* What was staged on a stream that broke is not there. */
void managed_view_drop(struct managed_view *view);
/* Another one that has the same; NULL: out of memory. */
struct managed_view *managed_view_copy(const struct managed_view *view);
size_t managed_view_count(const struct managed_view *view);
/* {"have": {KEY: DIGEST}}, to be freed; NULL: out of memory. */
char *managed_view_have(const struct managed_view *view);
/* Members of a configuration (config/managed.h), to be freed; NULL: out of memory, or no "self" is there. `key` is the host's key file. */
char *managed_view_members(const struct managed_view *view, const char *key);
/* To and from a file. Return 0 or -errno; -EBADMSG: not such a file. */
int managed_view_save(const struct managed_view *view, const char *path);
int managed_view_load(struct managed_view *view, const char *path, uint64_t *revision);

/* ---- managed_passports.c */

int managed_passports_open(struct managed *managed);
void managed_passports_close(struct managed *managed);
/* Fetches what is not there or will end. */
void managed_passports_refresh(struct managed *managed);
/* The same, when a node that is online has none. */
void managed_passports_check(struct managed *managed);
/* Those of nodes that are others now are of no use. */
void managed_passports_reloaded(struct managed *managed, const struct config *old);
uint64_t managed_passports_end_s(const struct managed *managed);

/* ---- managed_trial.c */

/* A line of a change that the manager only wonders about: {"trial": ID, "set"|"gone"|"end": ...}. At its end the manager is answered. */
void managed_trial_line(struct managed *managed, const cJSON *line);
void managed_trial_drop(struct managed *managed);

/* ---- managed_resolve.c */

int managed_resolve_open(struct managed *managed);
void managed_resolve_close(struct managed *managed);

#endif /* OVNET_AGENT_MANAGED_INTERNAL_H */
