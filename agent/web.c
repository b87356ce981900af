/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libcurl's multi interface in the loop. See web.h.
 *
 * Within libcurl's calls data are only put aside; what is to be done with them is done when it has returned, since from within it no other
 * call of it is allowed.
 */
#include "agent/web.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "lib/error.h"
#include "lib/time.h"

#define CONNECT_MS 5000
#define REQUEST_MS 10000
#define SILENCE_NS (60 * NSEC_PER_SEC)
#define ANSWER_MOST (64u << 20) /* octets that are kept of one */
#define URL_MAX 512

struct web_request {
	TAILQ_ENTRY(web_request) links;
	struct web *web;
	CURL *curl;
	struct curl_slist *headers;
	web_line_fn line; /* NULL: not a stream */
	web_done_fn done;
	void *context;
	char *text; /* what came and was not handed on */
	size_t length, room;
	bool over, overflow;
	long status;
	uint64_t heard_ns;
};

struct watched {
	struct web *web;
	curl_socket_t fd;
	struct loop_watch *watch;
};

struct web {
	struct loop *loop;
	struct config_manager manager;
	CURLM *multi;
	struct loop_timer *timer, *silence;
	TAILQ_HEAD(, web_request) requests;
	bool handing; /* callbacks are being called: what comes meanwhile waits for the end of that */
};

/* ---- handing on */

static void request_free(struct web_request *request)
{
	TAILQ_REMOVE(&request->web->requests, request, links);
	curl_multi_remove_handle(request->web->multi, request->curl);
	curl_easy_cleanup(request->curl);
	curl_slist_free_all(request->headers);
	free(request->text);
	free(request);
}

static bool is_there(const struct web *web, const struct web_request *wanted)
{
	const struct web_request *each;

	TAILQ_FOREACH(each, &web->requests, links)
	if (each == wanted)
		return true;
	return false;
}

/* Whole lines; what follows the last one waits. A callback may end the request. */
static void hand_lines(struct web *web, struct web_request *request)
{
	size_t at = 0;

	for (;;) {
		char *end = request->length > at ? memchr(request->text + at, '\n', request->length - at) : NULL;
		size_t begin = at;

		if (!end)
			break;
		*end = '\0';
		at = (size_t)(end - request->text) + 1;
		request->line(request->context, request->text + begin, at - begin - 1);
		if (!is_there(web, request))
			return;
	}
	if (!at)
		return;
	request->length -= at;
	memmove(request->text, request->text + at, request->length);
}

static void hand_end(struct web_request *request)
{
	web_done_fn done = request->done;
	void *context = request->context;
	long status = request->status;
	char *text = request->text;
	size_t length = request->length;

	request->text = NULL;
	request_free(request);
	done(context, status, text ? text : "", length);
	free(text);
}

static void hand_on(struct web *web)
{
	struct web_request *each, *next;

	if (web->handing)
		return;
	web->handing = true;
	for (each = TAILQ_FIRST(&web->requests); each; each = next) {
		bool again = false;

		if (each->line && each->length && each->status == 0)
			hand_lines(web, each);
		if (is_there(web, each) && each->over) {
			hand_end(each);
			again = true;
		}
		/* The list may be another now. */
		next = again || !is_there(web, each) ? TAILQ_FIRST(&web->requests) : TAILQ_NEXT(each, links);
	}
	web->handing = false;
}

/* ---- libcurl's side */

static int errno_of(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		return -ECONNREFUSED;
	case CURLE_COULDNT_RESOLVE_HOST:
		return -EHOSTUNREACH;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return -EKEYREJECTED;
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
		return -ECONNRESET;
	default:
		return -EPROTO;
	}
}

static void look_for_ends(struct web *web)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(web->multi, &left))) {
		struct web_request *request;
		long status = 0;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request);
		curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
		/* A stream never ends well: it is told as broken, whoever ended it. */
		if (request->overflow)
			request->status = -EMSGSIZE;
		else if (message->data.result != CURLE_OK)
			request->status = errno_of(message->data.result);
		else
			request->status = request->line && status == 200 ? -ECONNRESET : status;
		request->over = true;
	}
}

static void act(struct web *web, curl_socket_t fd, int events)
{
	int running;

	curl_multi_socket_action(web->multi, fd, events, &running);
	look_for_ends(web);
	hand_on(web);
}

static void on_socket(void *context, uint32_t events)
{
	const struct watched *watched = context;
	int what = (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		   (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

	act(watched->web, watched->fd, what);
}

static int socket_changes(CURL *curl, curl_socket_t fd, int what, void *context, void *own)
{
	struct web *web = context;
	struct watched *watched = own;
	uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);

	(void)curl;
	if (what == CURL_POLL_REMOVE) {
		if (watched) {
			loop_unwatch(watched->watch);
			free(watched);
		}
		return 0;
	}
	if (watched)
		return loop_rewatch(watched->watch, events) ? -1 : 0;
	watched = calloc(1, sizeof(*watched));
	if (!watched)
		return -1;
	watched->web = web;
	watched->fd = fd;
	watched->watch = loop_watch(web->loop, fd, events, on_socket, watched);
	if (!watched->watch) {
		free(watched);
		return -1;
	}
	curl_multi_assign(web->multi, fd, watched);
	return 0;
}

static int timer_changes(CURLM *multi, long ms, void *context)
{
	struct web *web = context;

	(void)multi;
	if (ms < 0)
		loop_timer_stop(web->timer);
	else
		loop_timer_at(web->timer, time_now_ns() + (uint64_t)ms * NSEC_PER_MSEC);
	return 0;
}

static void on_timer(void *context)
{
	act(context, CURL_SOCKET_TIMEOUT, 0);
}

static size_t take(char *data, size_t size, size_t count, void *context)
{
	struct web_request *request = context;
	size_t length = size * count;

	request->heard_ns = time_now_ns();
	if (request->length + length + 1 > request->room) {
		size_t room = (request->length + length + 1) * 2;
		char *grown = request->length + length <= ANSWER_MOST ? realloc(request->text, room) : NULL;

		if (!grown) {
			request->overflow = true;
			return 0;
		}
		request->text = grown;
		request->room = room;
	}
	memcpy(request->text + request->length, data, length);
	request->length += length;
	request->text[request->length] = '\0';
	return length;
}

/* Streams on which nothing was heard for too long: the other end says something every 25 s. */
static void on_silence(void *context)
{
	struct web *web = context;
	uint64_t now_ns = time_now_ns();
	struct web_request *each;

	TAILQ_FOREACH(each, &web->requests, links)
	{
		if (!each->line || each->over || now_ns - each->heard_ns < SILENCE_NS)
			continue;
		each->status = -ETIMEDOUT;
		each->over = true;
	}
	loop_timer_at(web->silence, now_ns + NSEC_PER_SEC);
	hand_on(web);
}

/* ---- requests */

static bool set_up(struct web_request *request, const char *path, const char *secret, const char *body)
{
	const struct config_manager *manager = &request->web->manager;
	bool local = strncmp(manager->url, "unix:", 5) == 0;
	char url[URL_MAX], header[128];
	size_t length = strlen(manager->url);
	CURL *curl = request->curl;

	/* A slash at the end is the path's. */
	if (length && manager->url[length - 1] == '/')
		length--;
	snprintf(url, sizeof(url), "%.*s%s", local ? 14 : (int)length, local ? "http://manager" : manager->url, path);
	snprintf(header, sizeof(header), "Authorization: Bearer %s", secret);
	request->headers = curl_slist_append(NULL, "Content-Type: application/json");
	request->headers = curl_slist_append(request->headers, header);
	explicit_bzero(header, sizeof(header));
	/* Without "Expect": its answer would cost a round trip. */
	request->headers = curl_slist_append(request->headers, "Expect:");
	if (!request->headers)
		return false;
	return !curl_easy_setopt(curl, CURLOPT_URL, url) &&
	       !curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, local ? manager->url + 5 : NULL) &&
	       (!manager->authority[0] || !curl_easy_setopt(curl, CURLOPT_CAINFO, manager->authority)) &&
	       !curl_easy_setopt(curl, CURLOPT_HTTPHEADER, request->headers) &&
	       !curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, body) &&
	       !curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take) &&
	       !curl_easy_setopt(curl, CURLOPT_WRITEDATA, request) &&
	       !curl_easy_setopt(curl, CURLOPT_PRIVATE, request) && !curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) &&
	       !curl_easy_setopt(curl, CURLOPT_NOPROXY, "*") &&
	       !curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) &&
	       !curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, request->line ? 0L : (long)REQUEST_MS) &&
	       !curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
}

struct web_request *web_stream(struct web *web, const char *path, const char *secret, const char *body,
	web_line_fn line, web_done_fn done, void *context)
{
	struct web_request *request = calloc(1, sizeof(*request));

	if (!request)
		return NULL;
	*request = (struct web_request){
		.web = web,
		.curl = curl_easy_init(),
		.line = line,
		.done = done,
		.context = context,
		.heard_ns = time_now_ns(),
	};
	if (!request->curl || !set_up(request, path, secret, body) ||
		curl_multi_add_handle(web->multi, request->curl) != CURLM_OK) {
		if (request->curl)
			curl_easy_cleanup(request->curl);
		curl_slist_free_all(request->headers);
		free(request);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&web->requests, request, links);
	return request;
}

struct web_request *web_post(struct web *web, const char *path, const char *secret, const char *body, web_done_fn done,
	void *context)
{
	return web_stream(web, path, secret, body, NULL, done, context);
}

void web_cancel(struct web_request *request)
{
	if (request)
		request_free(request);
}

/* ---- begin and end */

int web_open(struct loop *loop, const struct config_manager *manager, struct web **out)
{
	struct web *web = calloc(1, sizeof(*web));

	if (!web || curl_global_init(CURL_GLOBAL_DEFAULT)) {
		free(web);
		return -ENOMEM;
	}
	web->loop = loop;
	web->manager = *manager;
	TAILQ_INIT(&web->requests);
	web->multi = curl_multi_init();
	web->timer = loop_timer(loop, on_timer, web);
	web->silence = loop_timer(loop, on_silence, web);
	if (!web->multi || !web->timer || !web->silence) {
		web_close(web);
		return -ENOMEM;
	}
	curl_multi_setopt(web->multi, CURLMOPT_SOCKETFUNCTION, socket_changes);
	curl_multi_setopt(web->multi, CURLMOPT_SOCKETDATA, web);
	curl_multi_setopt(web->multi, CURLMOPT_TIMERFUNCTION, timer_changes);
	curl_multi_setopt(web->multi, CURLMOPT_TIMERDATA, web);
	loop_timer_at(web->silence, time_now_ns() + NSEC_PER_SEC);
	*out = web;
	return 0;
}

void web_close(struct web *web)
{
	struct web_request *request;

	if (!web)
		return;
	while ((request = TAILQ_FIRST(&web->requests))) {
		request->status = -ECANCELED;
		hand_end(request);
	}
	if (web->multi)
		curl_multi_cleanup(web->multi);
	loop_timer_free(web->timer);
	loop_timer_free(web->silence);
	free(web);
}
