/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of commands that ask an agent share: an agent. It is a thread at a unix socket that takes one
 * connection, or one after the other, and follows a script: a list of steps.
 */
#ifndef OVNET_SELFTESTS_UNIT_CLI_AGENT_H
#define OVNET_SELFTESTS_UNIT_CLI_AGENT_H

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "selftests/unit/cli.h"

#define BOUND_MS 5000
#define REQUEST_SIZE 4096

enum step_kind {
	STEP_END,    /* close */
	STEP_READ,   /* a line, which is kept as the request */
	STEP_WRITE,  /* the text */
	STEP_OCTETS, /* the text, octet by octet */
	STEP_HANGUP, /* wait until the client closes */
	STEP_NEXT,   /* close, and take the next connection: now another agent is asked */
};

struct step {
	enum step_kind kind;
	const char *text;
};

struct agent {
	char folder[32], path[64];
	int listener;
	const struct step *steps;
	pthread_t thread;
	bool running;
	char request[REQUEST_SIZE]; /* the latest, without its line break */
	char former[REQUEST_SIZE];  /* the latest before STEP_NEXT */
};

static struct agent agent;

/* Waits, bounded, for something to read. */
static inline bool is_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, BOUND_MS) > 0;
}

static inline void read_request(int fd)
{
	size_t length = 0;

	while (length + 1 < REQUEST_SIZE && is_readable(fd) && read(fd, &agent.request[length], 1) == 1)
		if (agent.request[length++] == '\n')
			break;
	agent.request[length ? length - 1 : 0] = '\0';
}

static inline void write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t written = send(fd, text, length, MSG_NOSIGNAL);

		if (written <= 0)
			return;
		text += written;
		length -= (size_t)written;
	}
}

static inline void *follow(void *context)
{
	scope_close int fd = -1;
	char octet;

	(void)context;
	if (!is_readable(agent.listener))
		return NULL;
	fd = accept(agent.listener, NULL, NULL);
	for (const struct step *step = agent.steps; fd >= 0 && step->kind != STEP_END; step++) {
		switch (step->kind) {
		case STEP_READ:
			read_request(fd);
			break;
		case STEP_WRITE:
			write_all(fd, step->text, strlen(step->text));
			break;
		case STEP_OCTETS:
			for (const char *c = step->text; *c; c++)
				write_all(fd, c, 1);
			break;
		case STEP_HANGUP:
			while (is_readable(fd) && read(fd, &octet, 1) == 1)
				;
			break;
		case STEP_NEXT:
			close(fd);
			strcpy(agent.former, agent.request);
			fd = is_readable(agent.listener) ? accept(agent.listener, NULL, NULL) : -1;
			break;
		case STEP_END:
			break;
		}
	}
	return NULL;
}

/* A socket that is listened to; with steps, an agent too. */
static inline void begin(const struct step *steps)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memset(&agent, 0, sizeof(agent));
	strcpy(agent.folder, "/tmp/ovnet-cli-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(agent.folder));
	snprintf(agent.path, sizeof(agent.path), "%s/control.sock", agent.folder);
	memcpy(address.sun_path, agent.path, sizeof(agent.path));
	agent.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(agent.listener, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(agent.listener, 4), 0);
	agent.steps = steps;
	if (!steps)
		return;
	agent.running = true;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&agent.thread, NULL, follow, NULL), 0);
}

static inline void end(void)
{
	if (agent.running)
		pthread_join(agent.thread, NULL);
	if (agent.listener >= 0)
		close(agent.listener);
	unlink(agent.path);
	rmdir(agent.folder);
}

/* Runs a command line against an agent that follows the steps. */
static inline void ask_to(FILE *stream, const char *words, const struct step *steps)
{
	char line[256];

	begin(steps);
	snprintf(line, sizeof(line), "-s %s %s", agent.path, words);
	run_to(stream, line);
	end();
}

static inline void ask(const char *words, const struct step *steps)
{
	ask_to(NULL, words, steps);
}

#define STEPS(...) ((const struct step[]){__VA_ARGS__, {STEP_END, NULL}})
#define ANSWER(text) STEPS({STEP_READ, NULL}, {STEP_WRITE, text "\n"}, {STEP_HANGUP, NULL})

#endif /* OVNET_SELFTESTS_UNIT_CLI_AGENT_H */
