/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * People who watch: events as they happen (GET /v1/events), and until when a change is live (GET /v1/wait).
 *
 * A change is live when each agent that it concerns has said that it is in force in its kernel.
 */
#ifndef OVNET_MANAGER_WATCHERS_H
#define OVNET_MANAGER_WATCHERS_H

#include "manager/agents.h"
#include "manager/http.h"
#include "manager/manager.h"

int watchers_open(struct manager *manager);
/* Answers who still waits. Before http_close(). */
void watchers_close(struct manager *manager);

void watchers_changed(struct manager *manager, const struct state_change *change);
/* Some agent has applied something. */
void watchers_applied(struct manager *manager);

void watchers_events(struct http_request *request);
void watchers_wait(struct http_request *request);

#endif /* OVNET_MANAGER_WATCHERS_H */
