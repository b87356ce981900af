/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to the manager over HTTP, by libcurl. TLS is always verified; nothing follows a redirection; plain HTTP goes to
 * loopback addresses only, and a unix socket is spoken to as root (docs/api.yaml).
 *
 * What a status means is the caller's to say, but for what http_report() tells of all of them alike.
 */
#ifndef OVNET_CLI_HTTP_H
#define OVNET_CLI_HTTP_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define HTTP_CONNECT_MS 5000
#define HTTP_TIMEOUT_MS 60000
#define HTTP_ANSWER_MAX ((size_t)256 << 20) /* octets */

/* Where a manager is, and what one shows there. */
struct http_place {
	char *url;   /* https://HOST[:PORT], http://LOOPBACK[:PORT], or unix:PATH; without a '/' at the end */
	char *token; /* NULL: none, as over a unix socket */
	char *ca;    /* path of a PEM file; NULL: what the system trusts */
};

/* Frees what it has, the token without leaving it in memory. */
void http_place_clear(struct http_place *place);

/*
 * Whether a URL is one of those above. Returns true, or false with what was expected in `message`.
 */
bool http_url_check(const char *url, char message[200]);

struct http_ask {
	const char *method;  /* "GET" */
	const char *path;    /* with query, encoded */
	const cJSON *body;   /* NULL: none */
	const char *why;     /* for the log; NULL */
	long long if_match;  /* a revision; 0: none is sent */
	unsigned timeout_ms; /* of the whole; 0: none, as of a stream */
	/*
	 * Takes an answer of status 2xx as it comes; false ends the request (then http_ask() returns -ECANCELED). NULL: it is
	 * read whole, as JSON.
	 */
	bool (*take)(void *context, const char *data, size_t length);
	/* Called a few times a second meanwhile, with the octets so far; false ends the request. NULL: not. */
	bool (*tick)(void *context, size_t sent, size_t received);
	void *context;
};

struct http_answer {
	int status;        /* 0: none came */
	cJSON *json;       /* NULL: there was no body, or it was taken */
	char message[400]; /* why none came */
};

/*
 * Asks. Returns 0 and *answer, whose json is the caller's, when there is an answer of whatever status; -EPROTO when it is not
 * what a manager says; -ECONNREFUSED, -ETIMEDOUT, -ECANCELED, or -EIO, with answer->message.
 */
int http_ask(const struct http_place *place, const struct http_ask *ask, struct http_answer *answer);

/* Tells what went wrong: no answer (`error`), or one that is not 2xx: its message, then findings, a line each. */
void http_report(const struct http_place *place, int error, const struct http_answer *answer, FILE *err);

/* `text` percent-encoded for a segment of a path or a value of a query; '/' stays with `slash`. The caller frees it. */
char *http_encode(const char *text, bool slash);

#endif /* OVNET_CLI_HTTP_H */
