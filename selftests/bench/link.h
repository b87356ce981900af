/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection of a simulated agent: HTTP/1.1 over TLS 1.3 or a unix socket, never waiting, in a loop with many others. One
 * request at a time; its answer comes whole, or line by line if it is a stream.
 *
 * Leaves out who the other end is: its certificate is not looked at, since the manager's work is what is measured.
 */
#ifndef OVNET_BENCH_LINK_H
#define OVNET_BENCH_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/loop.h"

struct link;

/* Where a manager is. */
struct link_target {
	struct sockaddr_storage address;
	socklen_t length;
	bool tls;
};

/* What the owner of a link is told. After `end` the link is gone. */
struct link_events {
	void (*answer)(void *context, unsigned status, const char *body, size_t length);
	void (*line)(void *context, char *line); /* of a stream; NULL: there are no streams */
	void (*end)(void *context);              /* the other end closed, or something failed */
};

/* Once, before any other. Returns 0 or -EIO. */
int link_library(void);
/* "[::1]:6191", "127.0.0.1:6191" or "/path/of/a/socket". Returns 0 or -EINVAL. */
int link_target_parse(const char *text, struct link_target *out);

/* NULL: no socket. */
struct link *link_open(struct loop *loop, const struct link_target *target, const struct link_events *events,
	void *context);
/* Sends a request as soon as there is a connection. `secret` NULL: none is shown. Returns 0 or -EBUSY, -ENOMEM. */
int link_request(struct link *link, const char *method, const char *path, const char *secret, const char *body,
	size_t length);
bool link_is_idle(const struct link *link);
/* Who is told from now on. */
void link_own(struct link *link, const struct link_events *events);
/* A slow reader: nothing is read until it is told to again. */
void link_stall(struct link *link, bool stalled);
/* Closes without a word to the owner. NULL is allowed. */
void link_close(struct link *link);

#endif /* OVNET_BENCH_LINK_H */
