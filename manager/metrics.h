/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Figures for Prometheus (text format 0.0.4), for people (GET /v1/status), and whether all is well (GET /healthz).
 */
#ifndef OVNET_MANAGER_METRICS_H
#define OVNET_MANAGER_METRICS_H

#include "manager/manager.h"

struct http_request;

/* What is counted here because no part of the manager counts it for itself. */
enum metric { METRIC_RESOLVE, METRIC_RESOLVE_REFUSED, METRIC_COUNT };

int metrics_open(struct manager *manager);
void metrics_close(struct manager *manager);
void metrics_count(struct manager *manager, enum metric metric);

void metrics_handle(struct http_request *request);
void metrics_status(struct http_request *request);
void metrics_health(struct http_request *request);

#endif /* OVNET_MANAGER_METRICS_H */
