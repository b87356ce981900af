/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a request to its handler: the API's paths, and who may use which.
 */
#ifndef OVNET_MANAGER_ROUTER_H
#define OVNET_MANAGER_ROUTER_H

#include <stdbool.h>

struct http_request;

/* Whether the path needs nobody's secret. */
bool router_is_open(const char *path);
void router_dispatch(struct http_request *request);

#endif /* OVNET_MANAGER_ROUTER_H */
