/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Services as people write them: "http", "tcp/80", "tcp/8000-9000", "udp", "icmp/echo", "47", "any".
 *
 * The names are a table of our own: /etc/services differs between hosts, or is not there at all.
 */
#ifndef OVNET_POLICY_SERVICE_H
#define OVNET_POLICY_SERVICE_H

#include <stddef.h>

#include "policy/policy.h"

#define SERVICE_TRANSPORTS_MAX 2 /* a name may stand for TCP and UDP */

struct service_name {
	const char *name;
	uint8_t protocol;
	uint16_t port; /* for ICMP the type */
};

/* Names of services, and of ICMP types (which are written after "icmp/"). One with two transports has two entries. */
const struct service_name *service_names(size_t *count);

/* Returns how many were written to `out`; -EINVAL: no service; -ERANGE: no such ports, or the higher one first. */
int service_parse(const char *text, struct policy_service out[SERVICE_TRANSPORTS_MAX]);

#endif /* OVNET_POLICY_SERVICE_H */
