/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host that has a manager: joins once, then holds a stream on which it is told what concerns it, and keeps that on disk. What it is
 * told becomes a configuration, applied by difference like a file's; then the manager is told that it is in force.
 *
 *   managed.c            joining, the stream, its loss and return
 *   managed_view.c       documents as they were told, on disk, and as a configuration
 *   managed_passports.c  passports of the host and its nodes, fetched ahead of their end
 *   managed_resolve.c    where addresses are, on first use (resolve.h)
 *   managed_trial.c      what a change would end here, before it is made
 *
 * Without the manager everything that is known goes on, until the passports end.
 */
#ifndef OVNET_AGENT_MANAGED_H
#define OVNET_AGENT_MANAGED_H

#include "agent/agent.h"
#include "config/managed.h"
#include "proto/passport.h"

struct managed;

/*
 * With the loop open: takes the local half of the configuration over, joins if this host has not, and fetches what concerns it if
 * nothing is on disk; runs the loop meanwhile. Returns 0, and agent->config and agent->managed are there; -ECANCELED: told to stop
 * before that; or -errno (logged).
 */
int managed_open(struct agent *agent, struct config_local *local);
void managed_close(struct agent *agent);
/* The kernel says what the configuration says: from now on changes are taken, and addresses are asked for. Returns 0 or -errno. */
int managed_start(struct agent *agent);

/* The configuration of both halves, the local one read anew. As config_load(). */
int managed_config(struct agent *agent, config_report_fn report, void *context, struct config **out);
/* The configuration is another now; *old is what it was. */
void managed_reloaded(struct agent *agent, const struct config *old);

/* As authority.h's. -EAGAIN: not there yet; question_resolved(id) follows when it is (or its time is over), if `id` is not 0. */
int managed_host_passport(const struct agent *agent, uint8_t out[HOST_PASSPORT_LEN]);
int managed_node_passport(struct agent *agent, size_t node, uint64_t incarnation, uint64_t id, const uint8_t **octets);

/* Nodes may have come online: they will need passports. */
void managed_reconciled(struct agent *agent);

struct managed_status {
	const char *url, *host;
	bool connected;
	uint64_t connected_ns;   /* since when, or when it was lost; 0: never */
	uint64_t told, applied;  /* revisions */
	uint64_t passport_end_s; /* of the host's, since 1970; 0: none */
	uint64_t failures;       /* of the stream, since it was last there */
	size_t documents;
};
struct managed_status managed_status(const struct agent *agent);

#endif /* OVNET_AGENT_MANAGED_H */
