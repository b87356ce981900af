/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a change would end, before it is made: the agents concerned are asked, and a dry run is answered when they have answered, or
 * after a second or two.
 */
#ifndef OVNET_MANAGER_TRIALS_H
#define OVNET_MANAGER_TRIALS_H

#include "manager/http.h"
#include "manager/manager.h"

int trials_open(struct manager *manager);
/* Answers who still waits. Before http_close(). */
void trials_close(struct manager *manager);

/* A number for agents_try(). */
uint64_t trials_number(struct manager *manager);
/*
 * The request is answered with `body` (consumed), and in it what `asked` agents say:
 *   "live": {"rules": N, "sessions": N, "silent": N, "hosts": [{"host", "rules", "sessions", "shown": [...]}, ...]}
 * where `hosts`, which are the operators' to see, are left out for others.
 */
void trials_start(struct manager *manager, struct http_request *request, cJSON *body, uint64_t id, size_t asked);

/* POST /v1/agent/trial {"trial": ID, "rules": N, "sessions": N, "shown": [...]}, or with "error" */
void trials_handle(struct http_request *request);

#endif /* OVNET_MANAGER_TRIALS_H */
