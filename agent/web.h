/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP requests in the agent's loop, by libcurl: nothing here waits. One server, many requests, and streams of lines.
 *
 * Callbacks come from the loop, never from within a call here, and may call anything here but web_close().
 */
#ifndef OVNET_AGENT_WEB_H
#define OVNET_AGENT_WEB_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "lib/loop.h"

struct web;
struct web_request;

/* To the manager of the configuration, which is copied. Returns 0, -ENOMEM, or -EINVAL: libcurl takes no such URL or file. */
int web_open(struct loop *loop, const struct config_manager *manager, struct web **out);
/* Requests end with -ECANCELED, from within. NULL is allowed. */
void web_close(struct web *web);

/*
 * The end of a request: its HTTP status, or -errno when there was none (-ECONNREFUSED, -ETIMEDOUT, -EPROTO: TLS or not HTTP, ...), with a
 * text for the log. `body` is an answer's, with a terminator.
 */
typedef void (*web_done_fn)(void *context, long status, const char *body, size_t length);
typedef void (*web_line_fn)(void *context, const char *line, size_t length);

/*
 * POSTs a body of JSON (copied) with that secret. Returns the request, which is over with `done`; NULL: out of memory.
 */
struct web_request *web_post(struct web *web, const char *path, const char *secret, const char *body, web_done_fn done,
	void *context);
/*
 * The same, whose answer is lines without end: `line` is told each, with a terminator in place of its line break. Silence of more than
 * 60 s is -ETIMEDOUT.
 */
struct web_request *web_stream(struct web *web, const char *path, const char *secret, const char *body,
	web_line_fn line, web_done_fn done, void *context);
/* Without a word. */
void web_cancel(struct web_request *request);

#endif /* OVNET_AGENT_WEB_H */
