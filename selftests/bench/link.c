/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections of simulated agents. See link.h.
 */
#include "selftests/bench/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/error.h"

#define LINE_MAX_OCTETS (64u << 20)

enum link_step { STEP_CONNECT, STEP_HANDSHAKE, STEP_OPEN };
enum link_read { READ_HEAD, READ_LENGTH, READ_CHUNK_HEAD, READ_CHUNK, READ_CHUNK_END };

/* Octets that grow. */
struct text {
	char *octets;
	size_t length, room;
};

struct link {
	struct loop *loop;
	struct loop_watch *watch;
	int fd;
	gnutls_session_t tls; /* NULL: none */
	enum link_step step;
	const struct link_events *events;
	void *context;
	struct text out, in, body;
	size_t sent;
	bool waiting; /* for an answer */
	bool streams, stalled, closed, inside;
	enum link_read read;
	unsigned status;
	size_t left; /* of the body or the chunk */
};

static gnutls_certificate_credentials_t credentials;
static gnutls_priority_t priorities;

int link_library(void)
{
	return gnutls_certificate_allocate_credentials(&credentials) ||
			       gnutls_priority_init(&priorities, "NORMAL:-VERS-ALL:+VERS-TLS1.3", NULL)
		       ? -EIO
		       : 0;
}

int link_target_parse(const char *text, struct link_target *out)
{
	struct sockaddr_un *local = (void *)&out->address;
	struct sockaddr_in6 *six = (void *)&out->address;
	struct sockaddr_in *four = (void *)&out->address;
	const char *colon = strrchr(text, ':');
	char host[64];

	*out = (struct link_target){.tls = true};
	if (*text == '/') {
		local->sun_family = AF_UNIX;
		if (strlen(text) >= sizeof(local->sun_path))
			return -EINVAL;
		strcpy(local->sun_path, text);
		out->length = sizeof(*local);
		out->tls = false;
		return 0;
	}
	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	if (*host == '[') {
		host[strlen(host) - 1] = '\0';
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)atoi(colon + 1));
		out->length = sizeof(*six);
		return inet_pton(AF_INET6, host + 1, &six->sin6_addr) == 1 ? 0 : -EINVAL;
	}
	four->sin_family = AF_INET;
	four->sin_port = htons((uint16_t)atoi(colon + 1));
	out->length = sizeof(*four);
	return inet_pton(AF_INET, host, &four->sin_addr) == 1 ? 0 : -EINVAL;
}

/* ---- octets */

static int text_add(struct text *text, const char *octets, size_t length)
{
	size_t room = text->length + length + 1;
	char *grown;

	if (room > text->room) {
		room = room > 2 * text->room ? room : 2 * text->room;
		grown = realloc(text->octets, room);
		if (!grown)
			return -ENOMEM;
		text->octets = grown;
		text->room = room;
	}
	memcpy(text->octets + text->length, octets, length);
	text->length += length;
	text->octets[text->length] = '\0';
	return 0;
}

static void text_drop(struct text *text, size_t length)
{
	text->length -= length;
	if (text->length) {
		memmove(text->octets, text->octets + length, text->length + 1);
		return;
	}
	/* Thousands of connections have nothing to say most of the time. */
	free(text->octets);
	*text = (struct text){0};
}

/* ---- closing */

static void link_free(struct link *link)
{
	loop_unwatch(link->watch);
	if (link->tls)
		gnutls_deinit(link->tls);
	if (link->fd >= 0)
		close(link->fd);
	free(link->out.octets);
	free(link->in.octets);
	free(link->body.octets);
	free(link);
}

void link_close(struct link *link)
{
	if (!link)
		return;
	link->closed = true;
	if (!link->inside)
		link_free(link);
}

/* ---- the answer */

static void answered(struct link *link)
{
	struct text body = link->body;

	link->body = (struct text){0};
	link->read = READ_HEAD;
	link->waiting = link->streams = false;
	link->events->answer(link->context, link->status, body.octets ? body.octets : "", body.length);
	free(body.octets);
}

static void take_lines(struct link *link)
{
	char *line = link->body.octets, *end;
	size_t length;

	while (!link->closed && line && (end = strchr(line, '\n'))) {
		*end = '\0';
		link->events->line(link->context, line);
		line = end + 1;
	}
	length = line ? (size_t)(line - link->body.octets) : 0;
	if (length)
		text_drop(&link->body, length);
}

/* Returns 0, or -EBADMSG: no answer of HTTP. */
static int take_head(struct link *link, char *head)
{
	char *line, *save = NULL;

	link->left = 0;
	link->read = READ_LENGTH;
	line = strtok_r(head, "\r\n", &save);
	if (!line || strncmp(line, "HTTP/1.1 ", 9))
		return -EBADMSG;
	link->status = (unsigned)atoi(line + 9);
	while ((line = strtok_r(NULL, "\r\n", &save))) {
		if (!strncasecmp(line, "Content-Length:", 15))
			link->left = strtoul(line + 15, NULL, 10);
		else if (!strncasecmp(line, "Transfer-Encoding: chunked", 26))
			link->read = READ_CHUNK_HEAD;
		else if (!strncasecmp(line, "Content-Type: application/x-ndjson", 34))
			link->streams = link->events->line != NULL && link->status == 200;
	}
	return 0;
}

static int take_part(struct link *link, size_t *used)
{
	size_t length = link->in.length - *used;

	length = length < link->left ? length : link->left;
	if (link->body.length + length > LINE_MAX_OCTETS || text_add(&link->body, link->in.octets + *used, length))
		return -ENOMEM;
	link->left -= length;
	*used += length;
	if (link->streams)
		take_lines(link);
	return 0;
}

/* One step of reading what is there. Returns 1: go on; 0: more is needed; or -errno. */
static int take_step(struct link *link, size_t *used)
{
	char *at = link->in.octets + *used, *end;
	int error = 0;

	switch (link->read) {
	case READ_HEAD:
		end = link->waiting ? strstr(at, "\r\n\r\n") : NULL;
		if (!end)
			return 0;
		*end = '\0';
		*used += (size_t)(end + 4 - at);
		error = take_head(link, at);
		break;
	case READ_CHUNK_HEAD:
		end = strstr(at, "\r\n");
		if (!end)
			return 0;
		link->left = strtoul(at, NULL, 16);
		*used += (size_t)(end + 2 - at);
		link->read = link->left ? READ_CHUNK : READ_CHUNK_END;
		return 1;
	case READ_CHUNK_END:
		if (link->in.length - *used < 2)
			return 0;
		*used += 2;
		answered(link);
		return 1;
	case READ_LENGTH:
	case READ_CHUNK:
		error = take_part(link, used);
		break;
	}
	if (error)
		return error;
	if (link->read == READ_LENGTH && !link->left) {
		answered(link);
	} else if (link->read == READ_CHUNK && !link->left) {
		if (link->in.length - *used < 2)
			return 0;
		*used += 2;
		link->read = READ_CHUNK_HEAD;
	}
	return *used < link->in.length;
}

static int take_all(struct link *link)
{
	size_t used = 0;
	int result = 1;

	while (result > 0 && used < link->in.length && !link->closed)
		result = take_step(link, &used);
	if (used)
		text_drop(&link->in, used);
	return result < 0 ? result : 0;
}

/* ---- the connection */

static ssize_t link_recv(struct link *link, char *to, size_t room)
{
	ssize_t length = link->tls ? gnutls_record_recv(link->tls, to, room) : recv(link->fd, to, room, 0);

	if (link->tls && (length == GNUTLS_E_AGAIN || length == GNUTLS_E_INTERRUPTED))
		return -EAGAIN;
	if (!link->tls && length < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return length;
}

static ssize_t link_send(struct link *link, const char *from, size_t length)
{
	ssize_t sent =
		link->tls ? gnutls_record_send(link->tls, from, length) : send(link->fd, from, length, MSG_NOSIGNAL);

	if (link->tls && (sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED))
		return -EAGAIN;
	if (!link->tls && sent < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return sent;
}

static int push(struct link *link)
{
	while (link->step == STEP_OPEN && link->sent < link->out.length) {
		ssize_t sent = link_send(link, link->out.octets + link->sent, link->out.length - link->sent);

		if (sent == -EAGAIN)
			break;
		if (sent < 0)
			return -EPIPE;
		link->sent += (size_t)sent;
	}
	if (link->sent && link->sent == link->out.length) {
		text_drop(&link->out, link->sent);
		link->sent = 0;
	}
	return loop_rewatch(link->watch,
		(link->stalled ? 0u : EPOLLIN) | (link->step != STEP_OPEN || link->out.length ? EPOLLOUT : 0u));
}

static int pull(struct link *link)
{
	char part[16384];

	while (!link->closed && !link->stalled) {
		ssize_t length = link_recv(link, part, sizeof(part));

		if (length == -EAGAIN)
			return 0;
		if (length <= 0 || text_add(&link->in, part, (size_t)length))
			return -ECONNRESET;
		if (take_all(link))
			return -EBADMSG;
	}
	return 0;
}

static int connect_go_on(struct link *link)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (link->step == STEP_CONNECT) {
		if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &length) || error)
			return -ECONNREFUSED;
		link->step = link->tls ? STEP_HANDSHAKE : STEP_OPEN;
	}
	if (link->step == STEP_HANDSHAKE) {
		int code = gnutls_handshake(link->tls);

		if (code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED)
			return loop_rewatch(link->watch, gnutls_record_get_direction(link->tls) ? EPOLLOUT : EPOLLIN);
		if (code)
			return -EPROTO;
		link->step = STEP_OPEN;
	}
	return push(link);
}

static void on_ready(void *context, uint32_t events)
{
	struct link *link = context;
	int error = 0;

	link->inside = true;
	if (link->step != STEP_OPEN)
		error = connect_go_on(link);
	if (!error && link->step == STEP_OPEN && events & EPOLLOUT)
		error = push(link);
	/* Also when there is only room to write: TLS may have read before what was not taken. */
	if (!error && link->step == STEP_OPEN)
		error = pull(link);
	if (error && !link->closed) {
		link->closed = true;
		link->events->end(link->context);
	}
	link->inside = false;
	if (link->closed)
		link_free(link);
}

static int start_tls(struct link *link)
{
	int code = gnutls_init(&link->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS);

	if (!code)
		code = gnutls_priority_set(link->tls, priorities);
	if (!code)
		code = gnutls_credentials_set(link->tls, GNUTLS_CRD_CERTIFICATE, credentials);
	if (code)
		return -ENOMEM;
	gnutls_transport_set_int(link->tls, link->fd);
	return 0;
}

struct link *link_open(struct loop *loop, const struct link_target *target, const struct link_events *events,
	void *context)
{
	struct link *link = calloc(1, sizeof(*link));
	int on = 1;

	if (!link)
		return NULL;
	*link = (struct link){.loop = loop, .events = events, .context = context};
	link->fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (link->fd < 0)
		goto fail;
	if (target->tls && (setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) || start_tls(link)))
		goto fail;
	if (connect(link->fd, (const struct sockaddr *)&target->address, target->length) && errno != EINPROGRESS)
		goto fail;
	link->watch = loop_watch(loop, link->fd, EPOLLOUT, on_ready, link);
	if (link->watch)
		return link;
fail:
	link_free(link);
	return NULL;
}

int link_request(struct link *link, const char *method, const char *path, const char *secret, const char *body,
	size_t length)
{
	char head[1024];
	int used;

	if (link->waiting)
		return -EBUSY;
	used = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: manager\r\n%s%s%sContent-Length: %zu\r\n\r\n",
		method, path, secret ? "Authorization: Bearer " : "", secret ? secret : "", secret ? "\r\n" : "",
		length);
	if (used < 0 || (size_t)used >= sizeof(head) || text_add(&link->out, head, (size_t)used) ||
		text_add(&link->out, body ? body : "", length))
		return -ENOMEM;
	link->waiting = true;
	if (link->step == STEP_OPEN)
		return loop_rewatch(link->watch, (link->stalled ? 0u : EPOLLIN) | EPOLLOUT);
	return 0;
}

bool link_is_idle(const struct link *link)
{
	return !link->waiting;
}

void link_own(struct link *link, const struct link_events *events)
{
	link->events = events;
}

void link_stall(struct link *link, bool stalled)
{
	link->stalled = stalled;
	loop_rewatch(link->watch, (stalled ? 0u : EPOLLIN) | EPOLLOUT);
}
