/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listeners: sockets, TLS, and libmicrohttpd in the manager's loop; and how often whom is served. See http.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/time.h"
#include "manager/certificate.h"
#include "manager/http_internal.h"

/* For each connection: a head and a part of a body. TLS takes about as much again. */
#define CONNECTION_MEMORY 8192
#define CONNECTIONS_MOST 32768
/* The server's order: 128 bits and X25519 first, since handshakes are what a manager that comes back does most. */
#define TLS_PRIORITIES                                                                                                 \
	"SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM:+CHACHA20-POLY1305:+AES-256-GCM:"      \
	"-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:%SERVER_PRECEDENCE"
#define CONNECTION_IDLE_S 60
/*
 * libmicrohttpd takes ten of those who wait at the door, and then first serves all who are in: when everybody comes at once the queue
 * runs over, and TCP lets the rest wait for seconds. So connections are taken here, and handed to it.
 */
#define GREETINGS_MOST 256
#define GREETING_LOOK_NS                                                                                               \
	30000ull /* for each, looks at connections are so much further apart: ten times what a try costs */
#define GREETING_NS (500 * NSEC_PER_MSEC)
#define ACCEPT_PAUSE_NS (100 * NSEC_PER_MSEC) /* when there is no descriptor, or no room, for another one */
/* As many as the kernel lets: when a manager comes back all its agents do, and who finds no room tries again only much later. */
#define BACKLOG 16384

/* Requests of one principal a second, and at once. An agent's questions come by many. */
#define PEOPLE_INTERVAL_NS (NSEC_PER_SEC / 200)
#define PEOPLE_BURST_NS (2 * NSEC_PER_SEC)
#define AGENT_INTERVAL_NS (NSEC_PER_SEC / 50000)
#define AGENT_BURST_NS NSEC_PER_SEC
#define RATES_MOST 65536

struct rate {
	struct table_node node;
	uint64_t next_ns; /* when the bucket would be full again */
	char name[MODEL_NAME_MAX];
};

/* ---- rates */

/* Who has not asked lately is nobody in particular. */
static void rates_sweep(struct http *http)
{
	uint64_t now_ns = time_now_ns();
	struct table_node *node, *following;

	for (node = table_next(&http->rates, NULL); node; node = following) {
		struct rate *rate = container_of(node, struct rate, node);

		following = table_next(&http->rates, node);
		if (rate->next_ns >= now_ns)
			continue;
		table_remove(&http->rates, node);
		free(rate);
	}
}

static struct rate *rate_find(struct http *http, const char *name)
{
	uint8_t key[crypto_shorthash_KEYBYTES] = {0};
	struct table_node *node;
	struct rate *rate;
	uint64_t hash;

	crypto_shorthash((uint8_t *)&hash, (const uint8_t *)name, strlen(name), key);
	for (node = table_find(&http->rates, hash); node; node = table_same(node->next, hash)) {
		rate = container_of(node, struct rate, node);
		if (!strcmp(rate->name, name))
			return rate;
	}
	if (http->rates.count >= RATES_MOST)
		rates_sweep(http);
	rate = http->rates.count < RATES_MOST ? calloc(1, sizeof(*rate)) : NULL;
	if (!rate || table_add(&http->rates, &rate->node, hash)) {
		free(rate);
		return NULL;
	}
	strcpy(rate->name, name);
	return rate;
}

bool http_rate(struct http *http, const struct principal *principal)
{
	bool agent = principal->role == ROLE_AGENT;
	uint64_t interval_ns = agent ? AGENT_INTERVAL_NS : PEOPLE_INTERVAL_NS;
	uint64_t burst_ns = agent ? AGENT_BURST_NS : PEOPLE_BURST_NS, now_ns = time_now_ns();
	struct rate *rate;

	/* Who is nobody reaches nothing that costs; the unix socket is the operator's own. */
	if (!*principal->name || !strcmp(principal->name, "system/local"))
		return true;
	rate = rate_find(http, principal->name);
	if (!rate)
		return false;
	if (rate->next_ns < now_ns)
		rate->next_ns = now_ns;
	if (rate->next_ns - now_ns > burst_ns)
		return false;
	rate->next_ns += interval_ns;
	return true;
}

static void rates_free(struct http *http)
{
	struct table_node *node;

	while ((node = table_next(&http->rates, NULL))) {
		table_remove(&http->rates, node);
		free(container_of(node, struct rate, node));
	}
	table_clear(&http->rates);
}

/* ---- the loop */

static uint64_t apart_ns(const struct http_listener *listener)
{
	return listener->greeting_count * GREETING_LOOK_NS;
}

static void run(struct http_listener *listener)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;
	uint64_t wait_ns;

	if (listener->resting)
		loop_rewatch(listener->watch, EPOLLIN);
	listener->resting = false;
	listener->resumed = false;
	MHD_run(listener->daemon);
	listener->ran_ns = time_now_ns();
	/* A handler may have woken another connection, which this run has passed already. */
	if (listener->resumed)
		wait_ns = 0;
	else if (MHD_get_timeout(listener->daemon, &wait_ms) == MHD_YES)
		wait_ns = wait_ms * NSEC_PER_MSEC;
	else {
		loop_timer_stop(listener->timer);
		return;
	}
	if (wait_ns < apart_ns(listener))
		wait_ns = apart_ns(listener);
	loop_timer_at(listener->timer, listener->ran_ns + wait_ns);
}

static void on_ready(void *context, uint32_t events)
{
	struct http_listener *listener = context;

	(void)events;
	if (time_now_ns() - listener->ran_ns >= apart_ns(listener)) {
		run(listener);
		return;
	}
	/* Each look costs a try of every handshake: see struct greeting. */
	listener->resting = true;
	loop_rewatch(listener->watch, 0);
	loop_timer_at(listener->timer, listener->ran_ns + apart_ns(listener));
}

static void on_timer(void *context)
{
	run(context);
}

/* ---- the door: who comes in, and when */

/*
 * A connection from when it was taken until its first request. While it shakes hands libmicrohttpd tries it at each look at
 * anything: with thousands of them a manager that all agents come to at once would do little else. So a few are let in at a time, and
 * the others wait with the kernel. Who says nothing counts for a while only: nobody can stand in the door.
 */
struct greeting {
	TAILQ_ENTRY(greeting) links;
	struct http_listener *listener;
	uint64_t since_ns;
	bool counted;
};

static void door_update(struct http_listener *listener)
{
	uint64_t now_ns = time_now_ns();
	struct greeting *first;
	bool open;

	while ((first = TAILQ_FIRST(&listener->greetings)) && now_ns - first->since_ns >= GREETING_NS) {
		first->counted = false;
		TAILQ_REMOVE(&listener->greetings, first, links);
		listener->greeting_count--;
	}
	open = !listener->paused && listener->greeting_count < GREETINGS_MOST;
	if (!open && !listener->paused)
		loop_timer_at(listener->pause, first->since_ns + GREETING_NS);
	if (open != listener->open)
		loop_rewatch(listener->door, open ? EPOLLIN : 0);
	listener->open = open;
}

static void greeting_over(struct greeting *greeting)
{
	if (!greeting || !greeting->counted)
		return;
	greeting->counted = false;
	TAILQ_REMOVE(&greeting->listener->greetings, greeting, links);
	greeting->listener->greeting_count--;
	if (!greeting->listener->open)
		door_update(greeting->listener);
}

void http_greeted(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	greeting_over(info ? info->socket_context : NULL);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **own,
	enum MHD_ConnectionNotificationCode code)
{
	struct http_listener *listener = context;
	struct greeting *greeting = *own;

	(void)connection;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		greeting_over(greeting);
		free(greeting);
		*own = NULL;
		return;
	}
	greeting = calloc(1, sizeof(*greeting));
	*own = greeting;
	if (!greeting)
		return;
	*greeting = (struct greeting){.listener = listener, .since_ns = time_now_ns(), .counted = true};
	TAILQ_INSERT_TAIL(&listener->greetings, greeting, links);
	listener->greeting_count++;
}

/* Returns false: nobody waits, or there is no room. */
static bool accept_one(struct http_listener *listener)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	int fd = accept4(listener->fd, (struct sockaddr *)&address, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
		return true;
	if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return false;
	/* It closes what it does not take. */
	if (fd >= 0 && MHD_add_connection(listener->daemon, fd, (struct sockaddr *)&address, length) == MHD_YES)
		return true;
	listener->paused = true;
	loop_timer_at(listener->pause, time_now_ns() + ACCEPT_PAUSE_NS);
	return false;
}

static void on_door(void *context, uint32_t events)
{
	struct http_listener *listener = context;

	(void)events;
	while (listener->greeting_count < GREETINGS_MOST && accept_one(listener))
		;
	door_update(listener);
	on_ready(listener, 0);
}

static void on_pause_over(void *context)
{
	struct http_listener *listener = context;

	listener->paused = false;
	door_update(listener);
}

void http_run_soon(struct http_listener *listener)
{
	listener->resumed = true;
	loop_timer_at(listener->timer, 0);
}

static int join_loop(struct http_listener *listener)
{
	struct loop *loop = listener->http->manager->loop;
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	if (!info)
		return -ENOTSUP;
	listener->timer = loop_timer(loop, on_timer, listener);
	listener->pause = loop_timer(loop, on_pause_over, listener);
	listener->watch = loop_watch(loop, info->epoll_fd, EPOLLIN, on_ready, listener);
	listener->door = loop_watch(loop, listener->fd, EPOLLIN, on_door, listener);
	return listener->timer && listener->pause && listener->watch && listener->door ? 0 : -errno;
}

/* ---- sockets */

static int open_unix(const char *path, int *out)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	scope_close int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || chmod(path, 0660) || listen(fd, BACKLOG))
		return -errno;
	*out = fd;
	fd = -1;
	return 0;
}

/* "127.0.0.1:6191", "[::1]:6191", ":6191" (everywhere). Returns 0 and the parts, or -EINVAL. */
static int split(const char *text, char host[64], char port[8])
{
	const char *colon = strrchr(text, ':'), *begin = text, *end = colon;

	if (!colon || !colon[1] || strlen(colon + 1) >= 8)
		return -EINVAL;
	if (*begin == '[') {
		begin++;
		end--;
		if (end < begin || *end != ']')
			return -EINVAL;
	}
	if ((size_t)(end - begin) >= 64)
		return -EINVAL;
	memcpy(host, begin, (size_t)(end - begin));
	host[end - begin] = '\0';
	strcpy(port, colon + 1);
	return 0;
}

static bool is_loopback(const struct sockaddr *address)
{
	const struct sockaddr_in *four = (const void *)address;
	const struct sockaddr_in6 *six = (const void *)address;

	if (address->sa_family == AF_INET)
		return ntohl(four->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

static int bind_to(const struct addrinfo *at, int *out)
{
	scope_close int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, off = 0;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		return -errno;
	/* What is accepted inherits these: an answer leaves at once, and a client that has vanished is found out. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (at->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, at->ai_addr, at->ai_addrlen) || listen(fd, BACKLOG))
		return -errno;
	*out = fd;
	fd = -1;
	return 0;
}

static int open_tcp(const struct manager_options *options, int *out)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	char host[64], port[8];
	int error = split(options->listen, host, port);

	if (error || getaddrinfo(*host ? host : "::", port, &hints, &found)) {
		log_error("listen %s: expected ADDRESS:PORT or [ADDRESS]:PORT, both as numbers", options->listen);
		return -EINVAL;
	}
	if (options->plain && !is_loopback(found->ai_addr)) {
		log_error("listen %s: without TLS only loopback addresses are served", options->listen);
		error = -EPERM;
	} else {
		error = bind_to(found, out);
		if (error)
			log_error("listen %s: %s", options->listen, strerror(-error));
	}
	freeaddrinfo(found);
	return error;
}

/* ---- listeners */

static void on_log(void *context, const char *format, va_list arguments)
{
	char line[300];

	(void)context;
	vsnprintf(line, sizeof(line), format, arguments);
	line[strcspn(line, "\n")] = '\0';
	log_debug("http: %s", line);
}

static int start(struct http *http, int fd, const struct certificate *certificate, bool local)
{
	struct http_listener *listener = &http->listeners[http->count];
	unsigned flags =
		MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL | MHD_USE_TURBO | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, certificate ? certificate->chain : NULL},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, certificate ? certificate->key : NULL},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)TLS_PRIORITIES},
		{MHD_OPTION_END, 0, NULL},
	};
	struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};

	*listener = (struct http_listener){.http = http, .fd = fd, .local = local, .open = true};
	TAILQ_INIT(&listener->greetings);
	if (certificate)
		flags |= MHD_USE_TLS;
	listener->daemon = MHD_start_daemon(flags, 0, NULL, NULL, http_on_request, listener, MHD_OPTION_EXTERNAL_LOGGER,
		on_log, NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener, MHD_OPTION_NOTIFY_COMPLETED,
		http_on_completed, NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MOST, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)CONNECTION_IDLE_S, MHD_OPTION_ARRAY, certificate ? tls : none, MHD_OPTION_END);
	if (!listener->daemon) {
		close(fd);
		return -EIO;
	}
	http->count++;
	return join_loop(listener);
}

static int open_local(struct http *http)
{
	const char *path = http->manager->options.socket;
	int fd = -1, error = open_unix(path, &fd);

	if (!error)
		error = start(http, fd, NULL, true);
	if (error)
		log_error("listen %s: %s", path, strerror(-error));
	return error;
}

static int open_remote(struct http *http)
{
	const struct manager_options *options = &http->manager->options;
	struct certificate certificate = {0};
	int fd = -1, error = 0;

	if (!options->plain)
		error = certificate_get(options, &certificate);
	if (!error)
		error = open_tcp(options, &fd);
	if (!error) {
		error = start(http, fd, options->plain ? NULL : &certificate, false);
		if (error)
			log_error("listen %s: %s", options->listen, strerror(-error));
	}
	certificate_free(&certificate);
	return error;
}

int http_open(struct manager *manager)
{
	struct rlimit files;
	struct http *http = calloc(1, sizeof(*http));
	int error = 0;

	if (!http)
		return -ENOMEM;
	http->manager = manager;
	manager->http = http;
	/* A connection each. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (manager->options.socket)
		error = open_local(http);
	if (!error && manager->options.listen)
		error = open_remote(http);
	return error;
}

void http_close(struct manager *manager)
{
	struct http *http = manager->http;

	if (!http)
		return;
	http->closing = true;
	/* Who is suspended when libmicrohttpd stops stops the process. */
	http_streams_end(http);
	for (size_t i = 0; i < http->count; i++) {
		MHD_run(http->listeners[i].daemon);
		loop_unwatch(http->listeners[i].door);
		loop_unwatch(http->listeners[i].watch);
		loop_timer_free(http->listeners[i].timer);
		loop_timer_free(http->listeners[i].pause);
		MHD_stop_daemon(http->listeners[i].daemon);
		close(http->listeners[i].fd);
	}
	if (manager->options.socket)
		unlink(manager->options.socket);
	rates_free(http);
	free(http);
	manager->http = NULL;
}

const struct http_counters *http_counters(const struct manager *manager)
{
	struct http *http = manager->http;

	http->counters.connections = 0;
	for (size_t i = 0; i < http->count; i++) {
		const union MHD_DaemonInfo *info =
			MHD_get_daemon_info(http->listeners[i].daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

		http->counters.connections += info ? info->num_connections : 0;
	}
	return &http->counters;
}
