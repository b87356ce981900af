/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of agents.h: agents.c (who they are, whom a change concerns, where they asked for addresses) and agent_stream.c
 * (what one has, what it should have, and the difference on its way to it).
 */
#ifndef OVNET_MANAGER_AGENTS_INTERNAL_H
#define OVNET_MANAGER_AGENTS_INTERNAL_H

#include <sodium.h>
#include <sys/queue.h>

#include "lib/table.h"
#include "manager/agents.h"

struct part;

/* What an agent has: by key, with the digest of it. Sorted by key; keys are the documents', or, at first, its own. */
struct held {
	char *key;
	uint64_t digest;
};

struct agent {
	struct table_node by_name;
	LIST_ENTRY(agent) all;
	struct agents *agents;
	struct http_stream *stream; /* NULL: not connected */
	struct stream_of *of;       /* its context */
	STAILQ_HEAD(, part) parts;
	size_t offset; /* in the first part */
	struct held *held;
	size_t held_count;
	uint64_t dirty_since;               /* the first change that may concern it and was not looked at; 0: none */
	uint64_t sent, applied, late_since; /* late: the first change of those sent and not applied */
	uint64_t applied_ms, sent_ns, mark, tried;
	bool begun; /* the first commit of this stream was sent */
	LIST_HEAD(, subscription) subscriptions;
	char name[MODEL_PART_MAX];
};

struct agents {
	struct manager *manager;
	struct viewer *viewer;
	struct table by_name, places;
	LIST_HEAD(, agent) all;
	struct loop_timer *tick;
	unsigned ticks;
	struct agents_counters counters;
	uint8_t hash_key[crypto_shorthash_KEYBYTES];
};

/* The agent of this host, or NULL. */
struct agent *agents_find(struct agents *agents, const char *name);
/* The same, made if it is not there yet; NULL: no memory. */
struct agent *agents_take(struct agents *agents, const char *name);

/* A line for the agent. Returns 0, -ENOMEM, or -EINVAL: too long. */
int PRINTF_LIKE(2, 3) agent_line(struct agent *agent, const char *format, ...);
/*
 * Lines from what it has to this view, each with `prefix` before its first member. Returns the number of documents, or as
 * agent_line().
 */
long agent_send_difference(struct agent *agent, const struct view *view, const char *prefix);
/* There is something to send, or to look at. */
void agent_wake(struct agent *agent);
/* Forgets what is on its way and what it has. */
void agent_forget(struct agent *agent);

#endif
