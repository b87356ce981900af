/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GET /v1/explain?source=&destination=&protocol=&port=&vnet=: whether one node may send another something, and which policy of
 * which side decided; as agents would decide by what they are told.
 */
#ifndef OVNET_MANAGER_EXPLAIN_H
#define OVNET_MANAGER_EXPLAIN_H

struct http_request;

void explain_handle(struct http_request *request);

#endif /* OVNET_MANAGER_EXPLAIN_H */
