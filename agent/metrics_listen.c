/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GET /metrics over HTTP, by libmicrohttpd in the agent's loop. See metrics.h.
 *
 * Whoever reaches the socket may ask, and costs little: few connections, small ones, and the text is made once a second at most.
 * Without TLS: who wants it puts a proxy before a loopback address.
 */
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/metrics.h"
#include "lib/endpoint.h"
#include "lib/error.h"
#include "lib/exposition.h"
#include "lib/log.h"
#include "lib/time.h"

#define CONNECTIONS_MOST 16
#define CONNECTIONS_OF_ONE 8
#define CONNECTION_MEMORY 4096
#define CONNECTION_IDLE_S 5
#define FRESH_NS NSEC_PER_SEC

struct metrics {
	struct agent *agent;
	char where[ENDPOINT_TEXT_MAX];
	struct MHD_Daemon *daemon;
	struct loop_watch *watch;
	struct loop_timer *timer;
	char *text;
	size_t length;
	uint64_t written_ns;
};

/* ---- the answer */

static int refresh(struct metrics *metrics)
{
	uint64_t now_ns = time_now_ns();
	char *text = NULL;
	size_t length;
	FILE *out;

	if (metrics->text && now_ns < metrics->written_ns + FRESH_NS)
		return 0;
	out = open_memstream(&text, &length);
	if (!out)
		return -errno;
	metrics_write(metrics->agent, out);
	if (fclose(out)) {
		free(text);
		return -ENOMEM;
	}
	free(metrics->text);
	metrics->text = text;
	metrics->length = length;
	metrics->written_ns = now_ns;
	return 0;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type, const void *body,
	size_t length)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(length, (void *)body, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *why)
{
	return answer(connection, status, "text/plain; charset=utf-8", why, strlen(why));
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *path,
	const char *method, const char *version, const char *data, size_t *length, void **own)
{
	struct metrics *metrics = context;

	(void)version, (void)data;
	/* An answer in the first call would end the connection. */
	if (!*own) {
		*own = metrics;
		return MHD_YES;
	}
	/* Nobody has anything to tell us. */
	if (*length)
		return MHD_NO;
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "expected GET\n");
	if (strcmp(path, "/metrics"))
		return refuse(connection, MHD_HTTP_NOT_FOUND, "there is /metrics\n");
	if (refresh(metrics))
		return refuse(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
	return answer(connection, MHD_HTTP_OK, EXPOSITION_CONTENT_TYPE, metrics->text, metrics->length);
}

/* ---- the loop */

static void run(struct metrics *metrics)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;

	MHD_run(metrics->daemon);
	if (MHD_get_timeout(metrics->daemon, &wait_ms) == MHD_YES)
		loop_timer_at(metrics->timer, time_now_ns() + wait_ms * NSEC_PER_MSEC);
	else
		loop_timer_stop(metrics->timer);
}

static void on_ready(void *context, uint32_t events)
{
	(void)events;
	run(context);
}

static void on_timer(void *context)
{
	run(context);
}

static void on_log(void *context, const char *format, va_list arguments)
{
	char line[300];

	(void)context;
	vsnprintf(line, sizeof(line), format, arguments);
	line[strcspn(line, "\n")] = '\0';
	log_debug("metrics: %s", line);
}

/* ---- start and end */

static int open_socket(const char *where, int *out)
{
	struct sockaddr_storage address;
	socklen_t length;
	int error = endpoint_parse(where, &address, &length), on = 1, off = 0;
	scope_close int fd = error ? -1 : socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (error)
		return error;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		return -errno;
	if (address.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)))
		return -errno;
	/* An agent may be there before the host's addresses are. */
	setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, length) || listen(fd, CONNECTIONS_MOST))
		return -errno;
	*out = fd;
	fd = -1;
	return 0;
}

static int start(struct metrics *metrics)
{
	struct loop *loop = metrics->agent->loop;
	const union MHD_DaemonInfo *info;
	int fd = -1, error = open_socket(metrics->where, &fd);

	if (error)
		return error;
	metrics->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, metrics,
		MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS_MOST, MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)CONNECTIONS_OF_ONE,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_IDLE_S, MHD_OPTION_END);
	if (!metrics->daemon) {
		close(fd);
		return -EIO;
	}
	info = MHD_get_daemon_info(metrics->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return -ENOTSUP;
	metrics->timer = loop_timer(loop, on_timer, metrics);
	metrics->watch = loop_watch(loop, info->epoll_fd, EPOLLIN, on_ready, metrics);
	return metrics->timer && metrics->watch ? 0 : -errno;
}

void metrics_close(struct agent *agent)
{
	struct metrics *metrics = agent->metrics;

	if (!metrics)
		return;
	loop_unwatch(metrics->watch);
	loop_timer_free(metrics->timer);
	if (metrics->daemon)
		MHD_stop_daemon(metrics->daemon);
	free(metrics->text);
	free(metrics);
	agent->metrics = NULL;
}

void metrics_listen(struct agent *agent)
{
	const char *where = agent->config->metrics;
	struct metrics *metrics;
	int error;

	if (agent->metrics && strcmp(agent->metrics->where, where) == 0)
		return;
	metrics_close(agent);
	if (!*where)
		return;
	metrics = calloc(1, sizeof(*metrics));
	if (!metrics) {
		log_error("metrics %s: %s", where, strerror(ENOMEM));
		return;
	}
	agent->metrics = metrics;
	metrics->agent = agent;
	strcpy(metrics->where, where);
	error = start(metrics);
	if (!error)
		return;
	log_error("metrics %s: %s", where, strerror(-error));
	metrics_close(agent);
}
