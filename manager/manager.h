/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The manager: what its parts share. One process, one loop; what waits for a disk or a network is in threads of writer.c.
 *
 *   http.c      connections, requests, answers, streams
 *   auth.c      who asks, and what they may
 *   router.c    from a request to its handler
 *   objects.c   showing and listing; single writes
 *   apply.c     several objects at once, dry runs, export
 *   change.c    a change's way: judged, stored, taken into the state, told
 *   check.c     what must hold between objects; settle.c what the manager fills in
 *   writer.c    the store's threads
 *   view.c      what an agent is told; doc.c objects as agents are told of them
 *   agents.c    agents: whom a change concerns; agent_stream.c what is sent to one, and what it has applied
 *   enrol.c, resolve.c, passports.c   what agents ask
 *   judge.c     policies, as agents judge by them
 *   explain.c   why, or why not, for people
 *   trials.c    what a change would end, before it is made
 *   watchers.c  people who watch: events, wait
 *   metrics.c   for Prometheus
 */
#ifndef OVNET_MANAGER_MANAGER_H
#define OVNET_MANAGER_MANAGER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/loop.h"
#include "manager/state.h"
#include "proto/key.h"

struct agents;
struct changes;
struct http;
struct judge;
struct metrics;
struct trials;
struct watchers;
struct writer;

#define MANAGER_NAMES_MAX 16

struct manager_options {
	const char *store;                    /* URL */
	const char *directory;                /* keys, certificates, the first token; 0700 */
	const char *listen;                   /* "ADDRESS:PORT", or "[ADDRESS]:PORT"; NULL: no TCP */
	const char *socket;                   /* of the unix socket; NULL: none */
	const char *names[MANAGER_NAMES_MAX]; /* under which it is reached: for the certificate that it makes */
	size_t name_count;
	const char *certificate, *key; /* PEM files instead of those that the manager makes; NULL */
	bool plain;                    /* no TLS: loopback only */
	unsigned lease_s;              /* of passports: the authority's lease */
};

struct manager {
	struct manager_options options;
	struct loop *loop;
	struct state *state;
	struct writer *writer;
	struct changes *changes;
	struct http *http;
	struct agents *agents;
	struct judge *judge;
	struct watchers *watchers;
	struct trials *trials;
	struct metrics *metrics;
	struct authority_key authority;
	uint64_t started_ns;
	bool stale; /* the store cannot be followed: what is known goes on, nothing is written */
};

/* Milliseconds since 1970. */
uint64_t manager_wall_ms(void);

#endif /* OVNET_MANAGER_MANAGER_H */
