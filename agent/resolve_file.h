/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A resolver that looks into a directory in a file ("resolve" in ovnet.json(5)): read at the start and at each reload, and of it the
 * kernel holds only what is in use. In its place a manager can stand.
 */
#ifndef OVNET_AGENT_RESOLVE_FILE_H
#define OVNET_AGENT_RESOLVE_FILE_H

#include "agent/agent.h"
#include "config/directory.h"

/* Reads the directory that the configuration names, and answers from it. Returns 0 or -errno (logged). */
int resolve_file_open(struct agent *agent);
void resolve_file_close(struct agent *agent);

/*
 * A reload: the directory of the new configuration (NULL: it has none) is the one to answer from, now. resolve_file_compare() then, when
 * the configuration is in force, invalidates what it says otherwise than the former one.
 */
void resolve_file_set(struct agent *agent, struct config_directory *directory);
void resolve_file_compare(struct agent *agent);

/* A host of the directory, by a substrate address of it or by its key: as well known as one of the configuration. 0 or -ENOENT. */
int resolve_file_host_at(const struct agent *agent, const struct substrate *address, struct engine_host *out);
int resolve_file_host_of(const struct agent *agent, const uint8_t key[32], struct engine_host *out);

#endif /* OVNET_AGENT_RESOLVE_FILE_H */
