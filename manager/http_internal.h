/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of HTTP: what http.c (requests) and listen.c (listeners, TLS, the loop, rates) share.
 */
#ifndef OVNET_MANAGER_HTTP_INTERNAL_H
#define OVNET_MANAGER_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <sys/queue.h>

#include "lib/loop.h"
#include "lib/table.h"
#include "manager/http.h"

#define HTTP_GUESSES_A_SECOND 20 /* wrong secrets that are answered at once */

struct http;

struct http_listener {
	struct http *http;
	struct MHD_Daemon *daemon;
	int fd;
	struct loop_watch *watch, *door; /* libmicrohttpd's epoll; the socket, where connections come in */
	struct loop_timer *timer, *pause;
	TAILQ_HEAD(, greeting) greetings; /* those that have not asked anything yet, the oldest first */
	unsigned greeting_count;
	uint64_t ran_ns;   /* when libmicrohttpd has looked */
	bool resting;      /* its epoll is not watched until the timer */
	bool resumed;      /* a connection was, since libmicrohttpd last looked */
	bool open, paused; /* whether the door is watched; not for a while, for want of room */
	bool local;        /* the unix socket */
};

struct http {
	struct manager *manager;
	struct http_listener listeners[2];
	size_t count;
	struct table rates; /* by principal */
	struct http_counters counters;
	LIST_HEAD(, http_stream) streams;
	bool closing; /* what a request needs is gone already */
	uint64_t guess_second_ns;
	unsigned guesses;
};

/* Ends all streams: libmicrohttpd does not stop while a connection waits. */
void http_streams_end(struct http *http);

/* Lets libmicrohttpd look at what was resumed, when this round's callback is over. */
void http_run_soon(struct http_listener *listener);
/* The connection has come to its first request. */
void http_greeted(struct MHD_Connection *connection);
/* Takes from the principal's bucket of requests; false: it is empty. */
bool http_rate(struct http *http, const struct principal *principal);

enum MHD_Result http_on_request(void *context, struct MHD_Connection *connection, const char *path, const char *method,
	const char *version, const char *data, size_t *length, void **own);
void http_on_completed(void *context, struct MHD_Connection *connection, void **own,
	enum MHD_RequestTerminationCode code);

#endif /* OVNET_MANAGER_HTTP_INTERNAL_H */
