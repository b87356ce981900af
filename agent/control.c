/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket: connections, lines in, lines out (docs/control.md). What the commands mean is in commands.c.
 *
 * A client that does not read its answers is dropped when too much waits for it; one that watches loses events instead.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/control.h"
#include "lib/json.h"
#include "lib/log.h"

#define LINE_MAX_OCTETS (1024 * 1024)
#define WAITING_MAX_OCTETS (64 * 1024 * 1024)
#define EVENTS_WAITING_MAX_OCTETS (1024 * 1024)
#define CLIENTS_MAX 64

struct control_client {
	struct control *control;
	struct loop_watch *watch;
	int fd;
	struct ucred who;
	char *in;
	size_t in_used;
	char *out;
	size_t out_used, out_sent;
	bool broken;
};

struct control {
	struct agent *agent;
	struct loop_watch *watch;
	int fd;
	struct sockaddr_un address;
	struct control_client *clients[CLIENTS_MAX];
};

void control_refuse(struct control_answer *answer, const char *field, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(answer->message, sizeof(answer->message), format, arguments);
	va_end(arguments);
	snprintf(answer->field, sizeof(answer->field), "%s", field ? field : "");
}

static void client_close(struct control_client *client)
{
	struct control *control = client->control;

	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (control->clients[i] == client)
			control->clients[i] = NULL;
	if (control->agent->watch)
		watch_remove(control->agent, client);
	loop_unwatch(client->watch);
	close(client->fd);
	free(client->in);
	free(client->out);
	free(client);
}

static void client_flush(struct control_client *client)
{
	while (client->out_sent < client->out_used) {
		ssize_t sent = send(client->fd, client->out + client->out_sent, client->out_used - client->out_sent,
			MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0) {
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN)
				client->broken = true;
			break;
		}
		client->out_sent += (size_t)sent;
	}
	if (client->out_sent == client->out_used)
		client->out_sent = client->out_used = 0;
	loop_rewatch(client->watch, EPOLLIN | (client->out_used ? EPOLLOUT : 0));
}

static void client_send(struct control_client *client, const char *line)
{
	size_t length = strlen(line);
	char *out;

	if (client->out_used + length + 1 > WAITING_MAX_OCTETS) {
		client->broken = true;
		return;
	}
	out = realloc(client->out, client->out_used + length + 1);
	if (!out) {
		client->broken = true;
		return;
	}
	client->out = out;
	memcpy(out + client->out_used, line, length);
	client->out_used += length;
	out[client->out_used++] = '\n';
	client_flush(client);
}

void control_event(struct control_client *client, const char *line)
{
	if (!client->broken && client->out_used < EVENTS_WAITING_MAX_OCTETS)
		client_send(client, line);
}

static void client_answer(struct control_client *client, struct control_answer *answer)
{
	cJSON *reply = cJSON_CreateObject();
	char *line = NULL;

	if (reply && answer->message[0]) {
		cJSON *error = cJSON_AddObjectToObject(reply, "error");

		cJSON_AddStringToObject(error, "message", answer->message);
		if (answer->field[0])
			cJSON_AddStringToObject(error, "field", answer->field);
		cJSON_Delete(answer->result);
	} else if (reply) {
		cJSON_AddItemToObject(reply, "result", answer->result ? answer->result : cJSON_CreateObject());
	}
	if (reply)
		line = cJSON_PrintUnformatted(reply);
	if (line)
		client_send(client, line);
	else
		client->broken = true;
	free(line);
	cJSON_Delete(reply);
}

static void client_command(struct control_client *client, const cJSON *request, struct control_answer *answer)
{
	const cJSON *name = json_member(request, "command"), *arguments = json_member(request, "arguments");
	const struct control_command *command = control_commands;

	if (!cJSON_IsString(name))
		return control_refuse(answer, "command", "expected an object with a \"command\"");
	if (arguments && !cJSON_IsObject(arguments))
		return control_refuse(answer, "arguments", "expected an object");
	while (command->name && strcmp(command->name, name->valuestring))
		command++;
	if (!command->name)
		return control_refuse(answer, "command", "unknown command '%.40s'", name->valuestring);
	command->run(client->control->agent, client, arguments, answer);
	if (command->changes)
		log_notice("control: %s by uid %u, pid %d: %s", command->name, client->who.uid, client->who.pid,
			answer->message[0] ? answer->message : "done");
}

static void client_line(struct control_client *client, const char *line, size_t length)
{
	struct control_answer *answer = calloc(1, sizeof(*answer));
	struct json_error error;
	cJSON *request;

	if (!answer) {
		client->broken = true;
		return;
	}
	request = json_parse(line, length, &error);
	if (request)
		client_command(client, request, answer);
	else
		control_refuse(answer, NULL, "not a request: %s", error.message);
	client_answer(client, answer);
	cJSON_Delete(request);
	free(answer);
}

static void client_lines(struct control_client *client)
{
	size_t done = 0;
	char *end;

	while (!client->broken && (end = memchr(client->in + done, '\n', client->in_used - done))) {
		client_line(client, client->in + done, (size_t)(end - client->in) - done);
		done = (size_t)(end - client->in) + 1;
	}
	memmove(client->in, client->in + done, client->in_used - done);
	client->in_used -= done;
	if (client->in_used == LINE_MAX_OCTETS)
		client->broken = true;
}

static void client_ready(void *context, uint32_t events)
{
	struct control_client *client = context;

	if (events & EPOLLOUT)
		client_flush(client);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		ssize_t got =
			recv(client->fd, client->in + client->in_used, LINE_MAX_OCTETS - client->in_used, MSG_DONTWAIT);

		if (got > 0) {
			client->in_used += (size_t)got;
			client_lines(client);
		} else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
			client->broken = true;
		}
	}
	if (client->broken)
		client_close(client);
}

static int client_open(struct control *control, int fd)
{
	struct control_client *client;
	socklen_t length = sizeof(client->who);
	size_t place = 0;

	while (place < CLIENTS_MAX && control->clients[place])
		place++;
	if (place == CLIENTS_MAX)
		return -EMFILE;
	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	client->control = control;
	client->fd = fd;
	client->in = malloc(LINE_MAX_OCTETS);
	if (client->in && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &client->who, &length) == 0)
		client->watch = loop_watch(control->agent->loop, fd, EPOLLIN, client_ready, client);
	if (!client->watch) {
		free(client->in);
		free(client);
		return -ENOMEM;
	}
	control->clients[place] = client;
	return 0;
}

static void control_accept(void *context, uint32_t events)
{
	struct control *control = context;
	int fd;

	(void)events;
	fd = accept4(control->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0 && client_open(control, fd))
		close(fd);
}

int control_open(struct agent *agent)
{
	struct control *control = calloc(1, sizeof(*control));
	int error;

	if (!control)
		return -ENOMEM;
	control->agent = agent;
	control->address.sun_family = AF_UNIX;
	/* The loader holds the instance's lock beside it, so a socket that is there is nobody's. */
	snprintf(control->address.sun_path, sizeof(control->address.sun_path), "/run/ovnet/%s/control.sock",
		agent->config->instance);
	unlink(control->address.sun_path);
	control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (control->fd < 0 || bind(control->fd, (struct sockaddr *)&control->address, sizeof(control->address)) ||
		chmod(control->address.sun_path, 0660) || listen(control->fd, 16))
		goto failed;
	control->watch = loop_watch(agent->loop, control->fd, EPOLLIN, control_accept, control);
	if (!control->watch)
		goto failed;
	agent->control = control;
	return 0;
failed:
	error = -errno;
	if (control->fd >= 0)
		close(control->fd);
	log_error("control %s: %s", control->address.sun_path, strerror(-error));
	free(control);
	return error;
}

void control_close(struct agent *agent)
{
	struct control *control = agent->control;

	if (!control)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (control->clients[i])
			client_close(control->clients[i]);
	loop_unwatch(control->watch);
	close(control->fd);
	unlink(control->address.sun_path);
	free(control);
	agent->control = NULL;
}
