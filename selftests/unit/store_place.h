/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the stores of a test are: a folder of its own, and an etcd that it starts there on loopback and ends by its process id.
 */
#ifndef OVNET_SELFTESTS_STORE_PLACE_H
#define OVNET_SELFTESTS_STORE_PLACE_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PLACE_ETCD "/usr/bin/etcd"

static char place_folder[] = "/tmp/ovnet-store.XXXXXX";
static pid_t place_etcd_pid;
static int place_etcd_port;

static inline int place_make(void)
{
	return mkdtemp(place_folder) ? 0 : -errno;
}

/* A port that nobody has at this moment. */
static inline int place_free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port = -1;

	if (fd < 0)
		return -1;
	if (!bind(fd, (struct sockaddr *)&address, sizeof(address)) &&
		!getsockname(fd, (struct sockaddr *)&address, &length))
		port = ntohs(address.sin_port);
	close(fd);
	return port;
}

static inline bool place_answers(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool answers = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

	if (fd >= 0)
		close(fd);
	return answers;
}

static inline void place_etcd_exec(int client, int peer)
{
	char data[64], client_url[64], peer_url[64], cluster[80];
	int log;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(data, sizeof(data), "%s/etcd.log", place_folder);
	log = open(data, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(log, 1);
	dup2(log, 2);
	snprintf(data, sizeof(data), "%s/etcd", place_folder);
	snprintf(client_url, sizeof(client_url), "http://127.0.0.1:%d", client);
	snprintf(peer_url, sizeof(peer_url), "http://127.0.0.1:%d", peer);
	snprintf(cluster, sizeof(cluster), "default=%s", peer_url);
	execl(PLACE_ETCD, "etcd", "--data-dir", data, "--listen-client-urls", client_url, "--advertise-client-urls",
		client_url, "--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url,
		"--initial-cluster", cluster, (char *)NULL);
	_exit(127);
}

/* Starts etcd and waits until it listens. Returns 0 or -errno. Started again, it has what it had. */
static inline int place_etcd_start(void)
{
	struct timespec moment = {.tv_nsec = 20000000};

	if (!place_etcd_port)
		place_etcd_port = place_free_port();
	place_etcd_pid = fork();
	if (place_etcd_pid < 0)
		return -errno;
	if (place_etcd_pid == 0)
		place_etcd_exec(place_etcd_port, place_free_port());
	for (int i = 0; i < 500; i++) {
		if (place_answers(place_etcd_port))
			return 0;
		nanosleep(&moment, NULL);
	}
	return -ETIMEDOUT;
}

static inline void place_etcd_stop(void)
{
	if (place_etcd_pid > 0) {
		kill(place_etcd_pid, SIGKILL);
		waitpid(place_etcd_pid, NULL, 0);
	}
	place_etcd_pid = 0;
}

static inline void place_remove(void)
{
	char command[sizeof(place_folder) + 16];

	place_etcd_stop();
	snprintf(command, sizeof(command), "rm -rf %s", place_folder);
	if (system(command))
		fprintf(stderr, "%s stays\n", place_folder);
}

#endif /* OVNET_SELFTESTS_STORE_PLACE_H */
