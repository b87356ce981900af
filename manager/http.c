/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections, requests and answers. See http.h. The listeners are listen.c's.
 *
 * libmicrohttpd calls on_request() for the head of a request, for each part of its body, and then again and again until an answer is
 * queued; in between it may be suspended. Nothing is answered in the first call: that would end the connection.
 */
#include "manager/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/log.h"
#include "lib/time.h"
#include "manager/http_internal.h"
#include "manager/router.h"

#define STREAM_BLOCK 4096

struct http_request {
	struct http *http;
	struct http_listener *listener;
	struct MHD_Connection *connection;
	const char *method;
	char *path;
	struct principal principal;
	char *body;
	size_t length, room, most;
	cJSON *json;
	unsigned early; /* the status with which it is refused once it has been read */
	bool dispatched, suspended, answered, queued;
	struct MHD_Response *response;
	unsigned status;
	void (*gone)(void *context);
	void *gone_context;
};

struct http_stream {
	LIST_ENTRY(http_stream) all;
	struct http *http;
	struct http_listener *listener;
	struct MHD_Connection *connection;
	long (*pull)(void *context, char *to, size_t room);
	void (*gone)(void *context);
	void *context;
	struct loop_watch *watch; /* of its connection: while it waits nobody else looks whether the client is there */
	bool suspended, over;
};

/* ---- the request */

struct manager *http_manager(const struct http_request *request)
{
	return request->http->manager;
}

const char *http_method(const struct http_request *request)
{
	return request->method;
}

const char *http_path(const struct http_request *request)
{
	return request->path;
}

const char *http_query(struct http_request *request, const char *name)
{
	const char *value = NULL;

	if (MHD_lookup_connection_value_n(request->connection, MHD_GET_ARGUMENT_KIND, name, strlen(name), &value,
		    NULL) == MHD_NO)
		return NULL;
	return value ? value : "";
}

struct unknown {
	bool (*takes)(const void *context, const char *name);
	const void *context;
	const char *found;
};

static enum MHD_Result look_unknown(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct unknown *unknown = context;

	(void)kind, (void)value;
	if (!name || unknown->takes(unknown->context, name))
		return MHD_YES;
	unknown->found = name;
	return MHD_NO;
}

const char *http_query_unknown(struct http_request *request, bool (*takes)(const void *context, const char *name),
	const void *context)
{
	struct unknown unknown = {takes, context, NULL};

	MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, look_unknown, &unknown);
	return unknown.found;
}

const char *http_header(struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const struct principal *http_principal(const struct http_request *request)
{
	return &request->principal;
}

cJSON *http_json(struct http_request *request)
{
	struct json_error error;

	if (request->json)
		return request->json;
	if (!request->length) {
		http_refuse(request, MHD_HTTP_BAD_REQUEST, "expected a body of JSON, got none");
		return NULL;
	}
	request->json = json_parse(request->body, request->length, &error);
	if (!request->json)
		http_refuse(request, MHD_HTTP_BAD_REQUEST, "line %u: %s", error.line, error.message);
	return request->json;
}

int http_number(struct http_request *request, const char *name, uint64_t min, uint64_t max, uint64_t missing,
	uint64_t *out)
{
	const char *text = http_query(request, name);
	unsigned long long value;
	char *end;

	if (!text) {
		*out = missing;
		return 0;
	}
	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < min || value > max) {
		http_refuse(request, MHD_HTTP_BAD_REQUEST, "%s: expected a number from %llu to %llu, got '%.64s'", name,
			(unsigned long long)min, (unsigned long long)max, text);
		return -EINVAL;
	}
	*out = value;
	return 0;
}

int http_flag(struct http_request *request, const char *name, bool *out)
{
	const char *text = http_query(request, name);

	if (text && *text && strcmp(text, "true") && strcmp(text, "1") && strcmp(text, "false") && strcmp(text, "0")) {
		http_refuse(request, MHD_HTTP_BAD_REQUEST, "%s: expected true or false, got '%.64s'", name, text);
		return -EINVAL;
	}
	*out = text && strcmp(text, "false") && strcmp(text, "0");
	return 0;
}

void http_on_gone(struct http_request *request, void (*gone)(void *context), void *context)
{
	request->gone = context ? gone : NULL;
	request->gone_context = context;
}

/* ---- the answer */

static void give(struct http_request *request, unsigned status, struct MHD_Response *response)
{
	if (request->answered) {
		MHD_destroy_response(response);
		return;
	}
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
	if (status == MHD_HTTP_TOO_MANY_REQUESTS)
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
	request->answered = true;
	request->gone = NULL;
	request->status = status;
	request->response = response;
	request->http->counters.requests[status / 100 % 6]++;
	if (request->suspended) {
		request->suspended = false;
		MHD_resume_connection(request->connection);
		http_run_soon(request->listener);
	}
}

static struct MHD_Response *response_text(const char *type, char *text)
{
	struct MHD_Response *response;

	if (!text)
		text = strdup("");
	response = MHD_create_response_from_buffer(text ? strlen(text) : 0, text, MHD_RESPMEM_MUST_FREE);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	return response;
}

static struct MHD_Response *response_json(cJSON *body)
{
	char *text = body ? cJSON_PrintUnformatted(body) : NULL;

	cJSON_Delete(body);
	return response_text("application/json", text);
}

void http_answer_text(struct http_request *request, unsigned status, const char *type, char *text)
{
	give(request, status, response_text(type, text));
}

void http_answer(struct http_request *request, unsigned status, cJSON *body)
{
	give(request, status, response_json(body));
}

void http_answer_object(struct http_request *request, unsigned status, cJSON *body, uint64_t revision)
{
	struct MHD_Response *response = response_json(body);
	char tag[32];

	snprintf(tag, sizeof(tag), "\"%llu\"", (unsigned long long)revision);
	MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, tag);
	give(request, status, response);
}

void http_answer_file(struct http_request *request, const char *type, int fd)
{
	struct MHD_Response *response;
	struct stat found;

	if (fstat(fd, &found)) {
		close(fd);
		http_refuse(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "%s", strerror(errno));
		return;
	}
	response = MHD_create_response_from_fd((uint64_t)found.st_size, fd);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	give(request, MHD_HTTP_OK, response);
}

static cJSON *error_body(const char *message)
{
	cJSON *body = cJSON_CreateObject();

	cJSON_AddStringToObject(cJSON_AddObjectToObject(body, "error"), "message", message);
	return body;
}

void http_refuse(struct http_request *request, unsigned status, const char *format, ...)
{
	char message[500];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	http_answer(request, status, error_body(message));
}

void http_refuse_method(struct http_request *request, const char *allowed)
{
	struct MHD_Response *response;
	char message[200];

	snprintf(message, sizeof(message), "expected %s, got %.32s", allowed, http_method(request));
	response = response_json(error_body(message));
	MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allowed);
	give(request, MHD_HTTP_METHOD_NOT_ALLOWED, response);
}

void http_find(void *context, const char *path, const char *message)
{
	struct http_findings *findings = context;
	cJSON *finding;

	if (++findings->count > HTTP_FINDINGS_MAX)
		return;
	if (!findings->list)
		findings->list = cJSON_CreateArray();
	finding = cJSON_CreateObject();
	cJSON_AddStringToObject(finding, "path", path);
	cJSON_AddStringToObject(finding, "message", message);
	cJSON_AddItemToArray(findings->list, finding);
}

void http_findf(struct http_findings *findings, const char *path, const char *format, ...)
{
	char message[400];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	http_find(findings, path, message);
}

void http_refuse_findings(struct http_request *request, unsigned status, const char *message,
	struct http_findings *findings)
{
	cJSON *body = error_body(message), *error = cJSON_GetObjectItemCaseSensitive(body, "error");

	cJSON_AddItemToObject(error, "findings", findings->list ? findings->list : cJSON_CreateArray());
	if (findings->count > HTTP_FINDINGS_MAX)
		cJSON_AddNumberToObject(error, "more", findings->count - HTTP_FINDINGS_MAX);
	*findings = (struct http_findings){0};
	http_answer(request, status, body);
}

void http_findings_free(struct http_findings *findings)
{
	cJSON_Delete(findings->list);
	*findings = (struct http_findings){0};
}

/* ---- streams */

static ssize_t on_pull(void *context, uint64_t position, char *to, size_t room)
{
	struct http_stream *stream = context;
	long length = stream->over ? -1 : stream->pull(stream->context, to, room);

	(void)position;
	if (length < 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (length == 0) {
		stream->suspended = true;
		MHD_suspend_connection(stream->connection);
	}
	return length;
}

static void on_stream_end(void *context)
{
	struct http_stream *stream = context;

	LIST_REMOVE(stream, all);
	loop_unwatch(stream->watch);
	stream->http->counters.streams--;
	stream->gone(stream->context);
	free(stream);
}

void http_wake(struct http_stream *stream)
{
	if (!stream->suspended)
		return;
	stream->suspended = false;
	MHD_resume_connection(stream->connection);
	http_run_soon(stream->listener);
}

void http_stream_end(struct http_stream *stream)
{
	stream->over = true;
	http_wake(stream);
}

void http_streams_end(struct http *http)
{
	struct http_stream *stream;

	LIST_FOREACH(stream, &http->streams, all)
		http_stream_end(stream);
}

static void on_hang_up(void *context, uint32_t events)
{
	struct http_stream *stream = context;

	(void)events;
	loop_unwatch(stream->watch);
	stream->watch = NULL;
	http_stream_end(stream);
}

/* A connection that waits is out of libmicrohttpd's sight; one whose client is gone would stay until there is something to say. */
static void watch_client(struct http_stream *stream)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(stream->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (info)
		stream->watch =
			loop_watch(stream->http->manager->loop, info->connect_fd, EPOLLRDHUP, on_hang_up, stream);
}

struct http_stream *http_stream(struct http_request *request, const char *type,
	long (*pull)(void *context, char *to, size_t room), void (*gone)(void *context), void *context)
{
	struct http_stream *stream = calloc(1, sizeof(*stream));
	struct MHD_Response *response;

	if (!stream)
		return NULL;
	*stream = (struct http_stream){
		.http = request->http,
		.listener = request->listener,
		.connection = request->connection,
		.pull = pull,
		.gone = gone,
		.context = context,
	};
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_pull, stream, on_stream_end);
	if (!response) {
		free(stream);
		return NULL;
	}
	LIST_INSERT_HEAD(&stream->http->streams, stream, all);
	stream->http->counters.streams++;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	/* A stream lives long: what asked for it need not. */
	cJSON_Delete(request->json);
	free(request->body);
	request->json = NULL;
	request->body = NULL;
	/* And one that has nothing to say is no idle connection. */
	MHD_set_connection_option(request->connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
	watch_client(stream);
	give(request, MHD_HTTP_OK, response);
	return stream;
}

/* ---- who asks */

static int peer_uid(struct MHD_Connection *connection, unsigned *uid)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct ucred who;
	socklen_t length = sizeof(who);

	if (!info || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &who, &length))
		return -ENOENT;
	*uid = who.uid;
	return 0;
}

/* A flood of guesses is slowed for all who guess; who shows a secret that is good never notices. */
static bool may_guess(struct http *http)
{
	uint64_t now_ns = time_now_ns();

	if (now_ns - http->guess_second_ns >= NSEC_PER_SEC) {
		http->guess_second_ns = now_ns;
		http->guesses = 0;
	}
	return http->guesses < HTTP_GUESSES_A_SECOND;
}

static unsigned identify(struct http_request *request, bool local)
{
	const char *header = http_header(request, MHD_HTTP_HEADER_AUTHORIZATION);
	unsigned uid;

	if (header && !strncasecmp(header, "Bearer ", 7)) {
		if (auth_secret(request->http->manager->state, header + 7, (uint64_t)time(NULL), &request->principal) ==
			0)
			return 0;
		request->http->counters.unauthorized++;
		if (!may_guess(request->http))
			return MHD_HTTP_TOO_MANY_REQUESTS;
		request->http->guesses++;
		return MHD_HTTP_UNAUTHORIZED;
	}
	if (local && peer_uid(request->connection, &uid) == 0 && auth_local(uid, &request->principal) == 0)
		return 0;
	return router_is_open(request->path) ? 0 : MHD_HTTP_UNAUTHORIZED;
}

static void refuse_early(struct http_request *request)
{
	switch (request->early) {
	case MHD_HTTP_UNAUTHORIZED:
		http_refuse(request, request->early,
			"expected a token that is valid, as 'Authorization: Bearer SECRET'");
		break;
	case MHD_HTTP_CONTENT_TOO_LARGE:
		request->http->counters.refused_size++;
		http_refuse(request, request->early, "expected a body of at most %zu octets", request->most);
		break;
	case MHD_HTTP_TOO_MANY_REQUESTS:
		request->http->counters.refused_rate++;
		http_refuse(request, request->early, "too many requests: try again in a second");
		break;
	default:
		http_refuse(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
		break;
	}
}

/* ---- libmicrohttpd's side */

static struct http_request *request_new(struct http_listener *listener, struct MHD_Connection *connection,
	const char *path, const char *method)
{
	struct http_request *request = calloc(1, sizeof(*request));
	const char *length;

	if (!request)
		return NULL;
	request->http = listener->http;
	request->listener = listener;
	http_greeted(connection);
	request->connection = connection;
	request->method = method;
	request->path = strdup(path);
	if (!request->path) {
		free(request);
		return NULL;
	}
	request->early = identify(request, listener->local);
	if (!request->early && !http_rate(request->http, &request->principal))
		request->early = MHD_HTTP_TOO_MANY_REQUESTS;
	request->most = request->principal.verbs & ~(unsigned)VERBS_READ || request->principal.role == ROLE_AGENT
				? HTTP_BODY_LARGE_MAX
				: HTTP_BODY_MAX;
	length = http_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
	if (!request->early && length && strtoull(length, NULL, 10) > request->most)
		request->early = MHD_HTTP_CONTENT_TOO_LARGE;
	return request;
}

/* What is refused is read and dropped, up to a bound; then the connection ends. */
static enum MHD_Result take_body(struct http_request *request, const char *data, size_t length)
{
	char *grown;
	size_t room;

	if (request->early || length > request->most - request->length) {
		request->early = request->early ? request->early : MHD_HTTP_CONTENT_TOO_LARGE;
		request->length += length;
		return request->length > 2 * (size_t)HTTP_BODY_LARGE_MAX ? MHD_NO : MHD_YES;
	}
	if (request->length + length + 1 > request->room) {
		room = (request->length + length + 1) * 2;
		grown = realloc(request->body, room);
		if (!grown) {
			request->early = MHD_HTTP_INTERNAL_SERVER_ERROR;
			return MHD_YES;
		}
		request->body = grown;
		request->room = room;
	}
	memcpy(request->body + request->length, data, length);
	request->length += length;
	return MHD_YES;
}

enum MHD_Result http_on_request(void *context, struct MHD_Connection *connection, const char *path, const char *method,
	const char *version, const char *data, size_t *length, void **own)
{
	struct http_request *request = *own;
	size_t taken = *length;

	(void)version;
	if (!request) {
		*own = request_new(context, connection, path, method);
		return *own ? MHD_YES : MHD_NO;
	}
	if (taken) {
		*length = 0;
		return take_body(request, data, taken);
	}
	if (!request->dispatched) {
		request->dispatched = true;
		/* A body may be long on its way: who could when it began need not be able to any more. */
		if (!request->early && request->length)
			request->early = identify(request, request->listener->local);
		if (request->http->closing)
			http_refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "the manager ends");
		else if (request->early)
			refuse_early(request);
		else
			router_dispatch(request);
	}
	if (!request->answered) {
		request->suspended = true;
		MHD_suspend_connection(connection);
		return MHD_YES;
	}
	if (request->queued)
		return MHD_YES;
	request->queued = true;
	return MHD_queue_response(connection, request->status, request->response);
}

void http_on_completed(void *context, struct MHD_Connection *connection, void **own,
	enum MHD_RequestTerminationCode code)
{
	struct http_request *request = *own;

	(void)context, (void)connection, (void)code;
	if (!request)
		return;
	if (request->gone)
		request->gone(request->gone_context);
	if (request->response)
		MHD_destroy_response(request->response);
	cJSON_Delete(request->json);
	free(request->body);
	free(request->path);
	free(request);
	*own = NULL;
}
