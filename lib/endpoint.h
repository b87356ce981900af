/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where to listen, as people write it: 127.0.0.1:9191, [::1]:9191, or :9191 for everywhere.
 */
#ifndef OVNET_LIB_ENDPOINT_H
#define OVNET_LIB_ENDPOINT_H

#include <sys/socket.h>

#define ENDPOINT_TEXT_MAX 64 /* with the terminator */

/* Numbers only: no name is looked up, and no port is 0. Returns 0 and the address, or -EINVAL. */
int endpoint_parse(const char *text, struct sockaddr_storage *out, socklen_t *length);

#endif /* OVNET_LIB_ENDPOINT_H */
