/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Agents: each host that has joined holds one stream, on which it is told what concerns it, and says what it has applied.
 *
 *   POST /v1/agent/watch  {"have": {KEY: DIGEST, ...}}   ->   lines of JSON, until either end closes
 *     {"set": KEY, "digest": DIGEST, "value": {...}}     a document is there, or another
 *     {"gone": KEY}                                      one is not any more
 *     {"commit": REVISION}                               all before this is one change: apply it
 *     {"place": {"vni": N, "address": A}}                who was resolved there has moved or gone
 *     {"alive": REVISION}                                at least every 25 s
 *   POST /v1/agent/applied  {"revision": N}              it is in force in the kernel
 *
 * What an agent is sent is the difference between what it has (its own word at first, then what was sent) and its view, made when
 * its connection has room: a slow one gets fewer, larger steps, and nothing piles up. Whom a change does not concern is sent
 * nothing.
 */
#ifndef OVNET_MANAGER_AGENTS_H
#define OVNET_MANAGER_AGENTS_H

#include "manager/http.h"
#include "manager/manager.h"
#include "manager/view.h"

/* A transaction that was taken into the state. */
struct state_change {
	uint64_t revision, time_ms;
	const char *who, *why;
	const struct state_step *steps;
	size_t count;
};

int agents_open(struct manager *manager);
void agents_close(struct manager *manager);

/* The state has changed: who is concerned is told. */
void agents_changed(struct manager *manager, const struct state_change *change);

/*
 * Asks the agents that the steps, which are tried on the state, would concern what they would end, as trial `id`:
 *     {"trial": ID, "set"|"gone": ...}, ..., {"trial": ID, "end": true}
 * Returns how many will answer, by POST /v1/agent/trial.
 */
size_t agents_try(struct manager *manager, const struct state_step *steps, size_t count, uint64_t id);

void agents_watch(struct http_request *request);
void agents_applied(struct http_request *request);

/* The agent of this host, who asked where an address is, is told when that is so no more, for `lifetime_s`. */
void agents_subscribe(struct manager *manager, const struct object *host, uint32_t vni, struct ipv4 address,
	unsigned lifetime_s);

struct viewer *agents_viewer(const struct manager *manager);

/* ---- to look at */

struct agent_status {
	const char *host;
	bool connected;
	uint64_t sent, applied; /* revisions; 0: none */
	uint64_t late_since;    /* the first revision that it was to apply and has not; 0: none */
	uint64_t applied_ms;    /* when it said so last, since 1970 */
	size_t documents;
};
void agents_each(const struct manager *manager, void (*fn)(void *context, const struct agent_status *status),
	void *context);

struct agents_counters {
	uint64_t connected, known;
	uint64_t messages, documents; /* commits sent, and documents that were set or gone in them */
	uint64_t places, subscriptions;
};
const struct agents_counters *agents_counters(const struct manager *manager);

#endif /* OVNET_MANAGER_AGENTS_H */
