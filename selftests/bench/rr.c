/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP request and response: one octet there, one octet back, one at a time, on one connection.
 *
 *   rr server PORT                    answers one connection after the other, until it is killed
 *   rr client ADDRESS PORT SECONDS    prints the round trips a second
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "lib/error.h"

#define WARM_SECONDS 0.1
#define ANSWER_SECONDS 2 /* an answer that takes longer is a failure */

static int fail(const char *what, int error)
{
	fprintf(stderr, "rr: cannot %s: %s\n", what, strerror(-error));
	return error;
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Nothing waits for a fuller segment. */
static int set_nodelay(int fd)
{
	int on = 1;

	return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ? -errno : 0;
}

/* One address of either family, by number. */
static int resolve(const char *address, const char *port, struct addrinfo **out)
{
	struct addrinfo hints = {
		.ai_family = address ? AF_UNSPEC : AF_INET6,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | (address ? 0 : AI_PASSIVE),
	};

	return getaddrinfo(address, port, &hints, out) ? -EINVAL : 0;
}

static void answer(int fd)
{
	char octet;

	while (recv(fd, &octet, 1, 0) == 1 && send(fd, &octet, 1, MSG_NOSIGNAL) == 1)
		;
}

static int server_run(const char *port)
{
	struct addrinfo *address;
	scope_close int listener = -1;
	int on = 1, off = 0, error;

	error = resolve(NULL, port, &address);
	if (error)
		return fail("read the port", error);
	listener = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
		setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) ||
		bind(listener, address->ai_addr, address->ai_addrlen) || listen(listener, 4))
		error = -errno;
	freeaddrinfo(address);
	if (error)
		return fail("listen", error);
	for (;;) {
		scope_close int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			return fail("accept", -errno);
		error = set_nodelay(fd);
		if (error)
			return fail("set up the connection", error);
		answer(fd);
	}
}

static int client_connect(const char *host, const char *port, int *out)
{
	struct timeval limit = {.tv_sec = ANSWER_SECONDS};
	struct addrinfo *address;
	int fd, error;

	error = resolve(host, port, &address);
	if (error)
		return error;
	fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* The send limit bounds connect() too. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ||
		connect(fd, address->ai_addr, address->ai_addrlen))
		error = -errno;
	freeaddrinfo(address);
	if (!error)
		error = set_nodelay(fd);
	if (error) {
		if (fd >= 0)
			close(fd);
		return error;
	}
	*out = fd;
	return 0;
}

/* Round trips until `duration` has gone by; *rate is those a second. */
static int client_exchange(int fd, double duration, double *rate)
{
	double start = seconds_now(), elapsed;
	uint64_t count = 0;
	char octet = 0;

	do {
		if (send(fd, &octet, 1, MSG_NOSIGNAL) != 1)
			return -errno;
		switch (recv(fd, &octet, 1, 0)) {
		case 1:
			break;
		case 0:
			return -ECONNRESET;
		default:
			return -errno;
		}
		count++;
		elapsed = seconds_now() - start;
	} while (elapsed < duration);
	*rate = (double)count / elapsed;
	return 0;
}

static int client_run(const char *host, const char *port, double duration)
{
	scope_close int fd = -1;
	double rate;
	int error;

	error = client_connect(host, port, &fd);
	if (error)
		return fail("connect", error);
	error = client_exchange(fd, WARM_SECONDS, &rate);
	if (!error)
		error = client_exchange(fd, duration, &rate);
	if (error)
		return fail("exchange", error);
	printf("%.0f\n", rate);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "server"))
		return server_run(argv[2]) ? EXIT_FAILURE : EXIT_SUCCESS;
	if (argc == 5 && !strcmp(argv[1], "client"))
		return client_run(argv[2], argv[3], atof(argv[4])) ? EXIT_FAILURE : EXIT_SUCCESS;
	fprintf(stderr, "usage: rr server PORT | rr client ADDRESS PORT SECONDS\n");
	return 2;
}
