/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Client of the control socket. Every wait is in wait_for().
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "cli/client.h"
#include "lib/error.h"
#include "lib/json.h"
#include "lib/time.h"

#define NO_DEADLINE UINT64_MAX
#define READ_SIZE 65536u

struct client {
	int fd;
	unsigned timeout_ms;
	char *buffer; /* what was received and not yet used */
	size_t length, size;
};

int client_open(const char *path, unsigned timeout_ms, struct client **out)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
	scope_close int fd = -1;
	struct client *client;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* Connecting waits while the agent's queue of connections is full, for as long as the send timeout says. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;

	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	client->fd = fd;
	client->timeout_ms = timeout_ms;
	fd = -1;
	*out = client;
	return 0;
}

void client_close(struct client *client)
{
	if (!client)
		return;
	close(client->fd);
	free(client->buffer);
	free(client);
}

/* Returns 0 when the socket is ready for `events`, -ETIMEDOUT, -EPIPE when nobody reads `output_fd`, or -errno. */
static int wait_for(const struct client *client, short events, uint64_t deadline_ns, int output_fd)
{
	struct pollfd fds[] = {{.fd = client->fd, .events = events}, {.fd = output_fd}};

	for (;;) {
		uint64_t now_ns = time_now_ns();
		int timeout_ms = -1;
		int ready;

		if (deadline_ns != NO_DEADLINE) {
			if (now_ns >= deadline_ns)
				return -ETIMEDOUT;
			timeout_ms = (int)((deadline_ns - now_ns) / NSEC_PER_MSEC) + 1;
		}
		ready = poll(fds, ARRAY_LEN(fds), timeout_ms);
		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready > 0 && fds[0].revents)
			return 0;
		if (ready > 0 && fds[1].revents)
			return -EPIPE;
	}
}

static int send_all(const struct client *client, const char *text, size_t length, uint64_t deadline_ns)
{
	while (length > 0) {
		ssize_t sent = send(client->fd, text, length, MSG_NOSIGNAL | MSG_DONTWAIT);
		int result;

		if (sent >= 0) {
			text += sent;
			length -= (size_t)sent;
			continue;
		}
		/* An agent that refuses without reading may have said why before it closed: that is read next. */
		if (errno == EPIPE || errno == ECONNRESET)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		result = wait_for(client, POLLOUT, deadline_ns, -1);
		if (result < 0)
			return result;
	}
	return 0;
}

/* Receives some more. Returns 0, or -errno; -ECONNRESET at the end of the stream. */
static int receive(struct client *client)
{
	ssize_t received;

	if (client->size - client->length < READ_SIZE) {
		size_t size = client->size ? client->size * 2 : 2 * READ_SIZE;
		char *buffer = realloc(client->buffer, size);

		if (!buffer)
			return -ENOMEM;
		client->buffer = buffer;
		client->size = size;
	}
	received = recv(client->fd, client->buffer + client->length, client->size - client->length, MSG_DONTWAIT);
	if (received < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (received == 0)
		return -ECONNRESET;
	client->length += (size_t)received;
	return 0;
}

/* Waits until a whole line is at the beginning of the buffer; *length is without its line break. */
static int receive_line(struct client *client, uint64_t deadline_ns, int output_fd, size_t *length)
{
	size_t seen = 0;

	for (;;) {
		const char *end = NULL;
		int result;

		if (client->length > seen)
			end = memchr(client->buffer + seen, '\n', client->length - seen);
		if (end) {
			*length = (size_t)(end - client->buffer);
			return 0;
		}
		seen = client->length;
		if (seen > CLIENT_LINE_MAX)
			return -EMSGSIZE;
		result = wait_for(client, POLLIN, deadline_ns, output_fd);
		if (result == 0)
			result = receive(client);
		if (result < 0)
			return result;
	}
}

static int receive_json(struct client *client, uint64_t deadline_ns, int output_fd, cJSON **out)
{
	struct json_error error;
	size_t length;
	cJSON *value;
	int result = receive_line(client, deadline_ns, output_fd, &length);

	if (result < 0)
		return result;
	value = json_parse(client->buffer, length, &error);
	client->length -= length + 1;
	memmove(client->buffer, client->buffer + length + 1, client->length);
	if (!value)
		return -EPROTO;
	*out = value;
	return 0;
}

/* The request as a line, or NULL. */
static char *print_request(const char *command, const cJSON *arguments)
{
	cJSON *request = cJSON_CreateObject();
	char *text = NULL, *line = NULL;

	if (cJSON_AddStringToObject(request, "command", command) &&
		(!arguments || cJSON_AddItemReferenceToObject(request, "arguments", (cJSON *)arguments)))
		text = cJSON_PrintUnformatted(request);
	cJSON_Delete(request);
	if (text && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	return line;
}

static bool is_answer(const cJSON *answer)
{
	const cJSON *error = json_member(answer, "error");

	return json_member(answer, "result") || (error && cJSON_IsString(json_member(error, "message")));
}

int client_request(struct client *client, const char *command, const cJSON *arguments, cJSON **answer)
{
	uint64_t deadline_ns = time_now_ns() + client->timeout_ms * NSEC_PER_MSEC;
	scope_free char *line = print_request(command, arguments);
	cJSON *value;
	int result;

	if (!line)
		return -ENOMEM;
	result = send_all(client, line, strlen(line), deadline_ns);
	if (result == 0)
		result = receive_json(client, deadline_ns, -1, &value);
	if (result < 0)
		return result;
	if (!is_answer(value)) {
		cJSON_Delete(value);
		return -EPROTO;
	}
	*answer = value;
	return 0;
}

int client_event(struct client *client, int output_fd, cJSON **event)
{
	cJSON *line, *value;
	int result = receive_json(client, NO_DEADLINE, output_fd, &line);

	if (result < 0)
		return result;
	value = cJSON_DetachItemFromObjectCaseSensitive(line, "event");
	cJSON_Delete(line);
	if (!cJSON_IsObject(value)) {
		cJSON_Delete(value);
		return -EPROTO;
	}
	*event = value;
	return 0;
}
