/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP/1.1 for the manager, by libmicrohttpd in the manager's own loop: requests come whole, answers are JSON, streams are lines that
 * come when there are some. Who asks is known before a body is read, and what is too long, too deep or too often is refused
 * then.
 *
 * Leaves out what requests mean: router.c.
 */
#ifndef OVNET_MANAGER_HTTP_H
#define OVNET_MANAGER_HTTP_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "manager/auth.h"
#include "manager/manager.h"

#define HTTP_BODY_MAX (1u << 20)        /* octets of a request's body */
#define HTTP_BODY_LARGE_MAX (32u << 20) /* of one that writes: a handle, a whole state */
#define HTTP_FINDINGS_MAX 50

struct http_request;
struct http_stream;

/* Opens the listeners that the options name. Returns 0 or -errno (logged). */
int http_open(struct manager *manager);
/* No new requests; those that wait are answered 503 by their owners before http_close(). */
void http_close(struct manager *manager);

/* ---- the request */

struct manager *http_manager(const struct http_request *request);
const char *http_method(const struct http_request *request);
const char *http_path(const struct http_request *request);
const char *http_query(struct http_request *request, const char *name); /* NULL: not given; "": without a value */
/* The first name in the query that `takes` does not take, or NULL. */
const char *http_query_unknown(struct http_request *request, bool (*takes)(const void *context, const char *name),
	const void *context);
const char *http_header(struct http_request *request, const char *name);
const struct principal *http_principal(const struct http_request *request);
/* The body as JSON, parsed once; it stays the request's. NULL: an answer (400) has been given. */
cJSON *http_json(struct http_request *request);
/* A whole number from the query. Returns 0 and *out (`missing` when not given), or -EINVAL: an answer has been given. */
int http_number(struct http_request *request, const char *name, uint64_t min, uint64_t max, uint64_t missing,
	uint64_t *out);

/* "true", "1" or nothing after the name; "false" or "0", or not given. Returns likewise. */
int http_flag(struct http_request *request, const char *name, bool *out);

/* ---- the answer: exactly one. A handler that returns without one gives it later; the connection waits. */

/* `body` is consumed; NULL with 204. */
void http_answer(struct http_request *request, unsigned status, cJSON *body);
/* With "ETag: "REVISION"". */
void http_answer_object(struct http_request *request, unsigned status, cJSON *body, uint64_t revision);
void http_answer_text(struct http_request *request, unsigned status, const char *type, char *text /* consumed */);
/* The content of a file; the descriptor is consumed. */
void http_answer_file(struct http_request *request, const char *type, int fd);
/* 405, with the methods that there are. */
void http_refuse_method(struct http_request *request, const char *allowed);
/* {"error": {"message": ...}} */
void http_refuse(struct http_request *request, unsigned status, const char *format, ...) PRINTF_LIKE(3, 4);

/* What is wrong with a request, gathered: at most HTTP_FINDINGS_MAX, the rest is counted. All zeros: nothing. */
struct http_findings {
	cJSON *list;
	unsigned count;
};
void http_find(void *findings, const char *path, const char *message); /* a model_report_fn */
void http_findf(struct http_findings *findings, const char *path, const char *format, ...) PRINTF_LIKE(3, 4);
/* Answers with them, and empties them. */
void http_refuse_findings(struct http_request *request, unsigned status, const char *message,
	struct http_findings *findings);
void http_findings_free(struct http_findings *findings);

/*
 * The owner of a request that waits is told when its client is gone before the answer: then it must not be answered any
 * more. `context` NULL: nobody is told any more.
 */
void http_on_gone(struct http_request *request, void (*gone)(void *context), void *context);

/* ---- streams: the answer is a line now and then, until either side has enough */

/*
 * Answers with a stream. `pull` writes up to `room` octets and returns how many: 0, nothing now (it is asked again after
 * http_wake()); -1: this is the end. `gone` is called once, when the stream is over for whatever reason; then it is freed.
 */
struct http_stream *http_stream(struct http_request *request, const char *type,
	long (*pull)(void *context, char *to, size_t room), void (*gone)(void *context), void *context);
void http_wake(struct http_stream *stream);
/* It ends at its next pull, with nothing more. */
void http_stream_end(struct http_stream *stream);

/* ---- to look at */

struct http_counters {
	uint64_t requests[6]; /* by the first digit of the status */
	uint64_t refused_rate, refused_size, unauthorized;
	uint64_t connections; /* now */
	uint64_t streams;     /* now */
};
const struct http_counters *http_counters(const struct manager *manager);

#endif /* OVNET_MANAGER_HTTP_H */
