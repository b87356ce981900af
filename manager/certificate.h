/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The manager's TLS certificate: given, or made. A manager that is given none makes an authority of its own, once, in its
 * directory (ca.pem, ca.key), and with it a certificate for its server (server.pem, server.key), anew when less than a third
 * of its life is left. Agents and people are given ca.pem, and trust nothing else.
 */
#ifndef OVNET_MANAGER_CERTIFICATE_H
#define OVNET_MANAGER_CERTIFICATE_H

#include "manager/manager.h"

struct certificate {
	char *chain, *key; /* PEM */
};

/* Returns 0 or -errno (logged). */
int certificate_get(const struct manager_options *options, struct certificate *out);
/* Wipes the key. */
void certificate_free(struct certificate *certificate);

#endif /* OVNET_MANAGER_CERTIFICATE_H */
