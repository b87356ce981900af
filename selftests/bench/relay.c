/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An empty agent: what any agent costs that takes a node's datagram and passes it on to the agent of the other host.
 * Two of them are the baseline of first contacts.
 *
 *   relay near IPv4 PORT4 IPv6 PEER-IPv6 PORT6    nodes send to IPv4:PORT4
 *   relay far  IPv4 PORT4 IPv6 PEER-IPv6 PORT6    sends to the node IPv4:PORT4
 *
 *    N client nodes          host 1                          host 2          echo node
 *   +---------+       +-------------------+         +-------------------+     +------+
 *   | eth1    |=======| relay1..N   wire0 |=========| wire0      relay0 |=====| eth1 |
 *   +---------+  IPv4 | relay near : tags |  IPv6   | relay far         |IPv4 +------+
 *                     +-------------------+         +-------------------+
 *
 * The near relay puts a tag of 4 octets before each payload, which stands for the client; the far one sends tag and
 * payload to the node, whose answer begins with the tag, so it keeps nothing. Two threads, one a direction, each of
 * which waits in the call that receives: two system calls a datagram, where epoll would need three.
 * There is no answer to errors, no timer, no check of who sent: nothing that could be left out.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/error.h"

#define TAG_LEN 4
#define BUFFER_LEN 2048
#define CLIENTS (1u << 16)
#define CLIENTS_TRIED 16

/* A client's address and port and, so that no client is 0, a one; its index is its tag. */
static _Atomic uint64_t clients[CLIENTS];
static int socket4, socket6;

static int fail(const char *what, int error)
{
	fprintf(stderr, "relay: cannot %s: %s\n", what, strerror(-error));
	return error;
}

/* The tag of a client; where too many share a place, the first one there is forgotten. Only one thread writes. */
static uint32_t client_tag(const struct sockaddr_in *from)
{
	uint64_t client = (uint64_t)from->sin_addr.s_addr << 32 | (uint64_t)from->sin_port << 16 | 1, known;
	uint32_t first = (uint32_t)(client * 0x9e3779b97f4a7c15ull >> 48), tag;

	for (uint32_t i = 0; i < CLIENTS_TRIED; i++) {
		tag = (first + i) % CLIENTS;
		known = atomic_load_explicit(&clients[tag], memory_order_relaxed);
		if (known == client)
			return tag;
		if (!known)
			break;
	}
	if (known)
		tag = first;
	atomic_store_explicit(&clients[tag], client, memory_order_release);
	return tag;
}

static void near_out(void)
{
	uint8_t buffer[TAG_LEN + BUFFER_LEN];
	struct sockaddr_in from;
	ssize_t length;
	uint32_t tag;

	for (;;) {
		socklen_t from_len = sizeof(from);

		length = recvfrom(socket4, buffer + TAG_LEN, BUFFER_LEN, 0, (struct sockaddr *)&from, &from_len);
		if (length < 0)
			continue;
		tag = client_tag(&from);
		memcpy(buffer, &tag, TAG_LEN);
		send(socket6, buffer, TAG_LEN + (size_t)length, 0);
	}
}

static void near_back(void)
{
	uint8_t buffer[TAG_LEN + BUFFER_LEN];
	struct sockaddr_in to = {.sin_family = AF_INET};
	uint64_t client;
	ssize_t length;
	uint32_t tag;

	for (;;) {
		length = recv(socket6, buffer, sizeof(buffer), 0);
		if (length < TAG_LEN)
			continue;
		memcpy(&tag, buffer, TAG_LEN);
		client = atomic_load_explicit(&clients[tag % CLIENTS], memory_order_acquire);
		to.sin_addr.s_addr = (uint32_t)(client >> 32);
		to.sin_port = (uint16_t)(client >> 16);
		sendto(socket4, buffer + TAG_LEN, (size_t)length - TAG_LEN, 0, (struct sockaddr *)&to, sizeof(to));
	}
}

static void pass(int from, int to)
{
	uint8_t buffer[TAG_LEN + BUFFER_LEN];
	ssize_t length;

	for (;;) {
		length = recv(from, buffer, sizeof(buffer), 0);
		if (length >= 0)
			send(to, buffer, (size_t)length, 0);
	}
}

static void far_out(void)
{
	pass(socket6, socket4);
}

static void far_back(void)
{
	pass(socket4, socket6);
}

/* A loop of either relay, on a thread of its own. */
static void *run_loop(void *loop)
{
	(*(void (**)(void))loop)();
	return NULL;
}

/* The near relay is bound to its IPv4 address, the far one connected to the node's. */
static int open_socket4(bool near, const struct sockaddr_in *address)
{
	socket4 = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (socket4 < 0 || (near ? bind : connect)(socket4, (const struct sockaddr *)address, sizeof(*address)))
		return -errno;
	return 0;
}

static int open_socket6(const struct sockaddr_in6 *self, const struct sockaddr_in6 *peer)
{
	socket6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (socket6 < 0 || bind(socket6, (const struct sockaddr *)self, sizeof(*self)) ||
		connect(socket6, (const struct sockaddr *)peer, sizeof(*peer)))
		return -errno;
	return 0;
}

static int relay_run(bool near, const struct sockaddr_in *address, const struct sockaddr_in6 *self,
	const struct sockaddr_in6 *peer)
{
	void (*back)(void) = near ? near_back : far_back;
	pthread_t thread;
	int error;

	error = open_socket4(near, address);
	if (error)
		return fail("open the IPv4 socket", error);
	error = open_socket6(self, peer);
	if (error)
		return fail("open the IPv6 socket", error);
	error = -pthread_create(&thread, NULL, run_loop, &back);
	if (error)
		return fail("make a thread", error);
	if (near)
		near_out();
	else
		far_out();
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct sockaddr_in6 self = {.sin6_family = AF_INET6}, peer = {.sin6_family = AF_INET6};

	if (argc != 7 || (strcmp(argv[1], "near") && strcmp(argv[1], "far")) ||
		inet_pton(AF_INET, argv[2], &address.sin_addr) != 1 ||
		inet_pton(AF_INET6, argv[4], &self.sin6_addr) != 1 ||
		inet_pton(AF_INET6, argv[5], &peer.sin6_addr) != 1) {
		fprintf(stderr, "usage: relay near|far IPv4 PORT4 IPv6 PEER-IPv6 PORT6\n");
		return 2;
	}
	address.sin_port = htons((uint16_t)atoi(argv[3]));
	self.sin6_port = peer.sin6_port = htons((uint16_t)atoi(argv[6]));
	return relay_run(!strcmp(argv[1], "near"), &address, &self, &peer) ? EXIT_FAILURE : EXIT_SUCCESS;
}
