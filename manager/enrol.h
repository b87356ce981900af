/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What agents ask for: to join, passports, and where an address is.
 */
#ifndef OVNET_MANAGER_ENROL_H
#define OVNET_MANAGER_ENROL_H

struct http_request;

/*
 * POST /v1/join {"key": PUBLIC}, with a join token: the host has this key from now on, and its agent a secret of its own. The token
 * is spent.
 *   -> {"host", "locator", "secret", "authority", "lease"}
 */
void enrol_join(struct http_request *request);

/*
 * POST /v1/agent/passports {"nodes": [{"name", "incarnation"}]}
 *   -> {"host": BASE64, "nodes": [{"name", "passport": BASE64}], "lifetime": SECONDS}
 * Signed for the nodes that are this host's; of others "passport" is null.
 */
void passports_handle(struct http_request *request);

/*
 * POST /v1/agent/resolve {"queries": [{"vni", "source", "destination"}, ...]}
 *   -> {"answers": [{"found": true, "locator", "slot", "node", "account", "groups", "host", "key", "lifetime"}
 *                   | {"found": false, "why": "absent"|"refused"}, ...]}
 * The source must be a node of the asking host, and policies must let it send the destination something (ONM-5).
 */
void resolve_handle(struct http_request *request);

#endif /* OVNET_MANAGER_ENROL_H */
