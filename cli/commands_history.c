/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was, and what happens: the manager's log, its events, and a backup, which has both objects and log.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/ask.h"
#include "cli/commands.h"
#include "lib/error.h"
#include "lib/json.h"

#define LOG_DEFAULT 100
#define PAGE 1000
#define LINE_MAX ((size_t)64 << 20)

/* ---- log */

struct log {
	struct ask *ask;
	const char *key; /* encoded; NULL: any */
	long long limit;
	cJSON *items;
	long long last; /* the revision that was looked at last */
};

/* A page of what follows `after`. Returns the status; *count is how many there were. */
static enum cli_status read_page(struct log *log, long long after, long long most, int *count)
{
	char path[256];
	cJSON *page = NULL, *items, *item;
	enum cli_status status;

	snprintf(path, sizeof(path), "/v1/log?after=%lld&limit=%lld%s%s", after, most, log->key ? "&key=" : "",
		log->key ? log->key : "");
	status = ask_get(log->ask, path, &page);
	if (status != CLI_OK)
		return status;
	items = (cJSON *)json_member(page, "items");
	*count = cJSON_GetArraySize(items);
	while ((item = cJSON_DetachItemFromArray(items, 0)))
		cJSON_AddItemToArray(log->items, item);
	json_integer(json_member(page, "after"), 0, 1ll << 53, &log->last);
	cJSON_Delete(page);
	return CLI_OK;
}

/* Up to `most` that follow `after`. A page may have few where much is others'; the end is where it goes no further. */
static enum cli_status read_after(struct log *log, long long after, long long most)
{
	enum cli_status status = CLI_OK;
	long long before;

	log->last = after;
	do {
		int count = 0;

		before = log->last;
		status = read_page(log, before, most < PAGE ? most : PAGE, &count);
		most -= count;
	} while (status == CLI_OK && most > 0 && log->last > before);
	return status;
}

/* The newest ones: from further and further back until there are enough of those that one may see. */
static enum cli_status read_newest(struct log *log)
{
	cJSON *state = NULL;
	enum cli_status status = ask_get(log->ask, "/v1/status", &state);
	long long revision = ask_revision(state), back = log->limit;

	cJSON_Delete(state);
	while (status == CLI_OK) {
		long long after = back < revision ? revision - back : 0;

		cJSON_Delete(log->items);
		log->items = cJSON_CreateArray();
		status = read_after(log, after, INT64_MAX);
		if (after == 0 || cJSON_GetArraySize(log->items) >= log->limit)
			break;
		back *= 8;
	}
	while (status == CLI_OK && cJSON_GetArraySize(log->items) > log->limit)
		cJSON_DeleteItemFromArray(log->items, 0);
	return status;
}

static enum cli_status read_log(struct log *log)
{
	const struct command_context *context = log->ask->context;
	long long after = command_number(context, "after", -1);
	enum cli_status status = after < 0 ? read_newest(log) : read_after(log, after, log->limit);
	cJSON *result;

	if (status != CLI_OK)
		return status;
	result = cJSON_CreateObject();
	cJSON_AddItemToObject(result, "items", log->items);
	log->items = NULL;
	cJSON_AddNumberToObject(result, "after", (double)log->last);
	output_result(context->output, context->command->view, result);
	cJSON_Delete(result);
	return CLI_OK;
}

enum cli_status commands_log(const struct command_context *context)
{
	const char *key = command_value(context, "key");
	scope_free char *encoded = key ? http_encode(key, true) : NULL;
	struct ask ask;
	struct log log = {
		.ask = &ask,
		.key = encoded,
		.limit = command_number(context, "limit", LOG_DEFAULT),
		.items = cJSON_CreateArray(),
	};
	enum cli_status status = ask_begin(context, &ask);

	ask.doing = "reading the log";
	if (status == CLI_OK)
		status = read_log(&log);
	cJSON_Delete(log.items);
	ask_end(&ask);
	return status;
}

/* ---- events */

struct stream {
	const struct command_context *context;
	char *line;
	size_t length, room;
	long long left; /* events; -1: without end */
	bool bad;
};

static void show_line(struct stream *stream)
{
	struct json_error error;
	cJSON *event = json_parse(stream->line, stream->length, &error);

	stream->bad = !event;
	if (event && output_event(stream->context->output, stream->context->command->view, event) < 0)
		stream->left = 0;
	else if (event && stream->left > 0)
		stream->left--;
	cJSON_Delete(event);
}

static bool take_events(void *context, const char *data, size_t length)
{
	struct stream *stream = context;

	for (size_t i = 0; i < length && stream->left != 0 && !stream->bad; i++) {
		if (data[i] == '\n') {
			if (stream->length)
				show_line(stream);
			stream->length = 0;
			continue;
		}
		if (stream->length == stream->room) {
			char *grown = stream->room < LINE_MAX ? realloc(stream->line, 2 * stream->room + 4096) : NULL;

			stream->bad = !grown;
			if (!grown)
				return false;
			stream->line = grown;
			stream->room = 2 * stream->room + 4096;
		}
		stream->line[stream->length++] = data[i];
	}
	return stream->left != 0 && !stream->bad;
}

/* Ends it also when whoever reads the events has gone. */
static bool somebody_reads(void *context, size_t sent, size_t received)
{
	const struct stream *stream = context;
	struct pollfd out = {.fd = fileno(stream->context->output->stream)};

	(void)sent, (void)received;
	return poll(&out, 1, 0) <= 0 || !(out.revents & (POLLERR | POLLHUP));
}

enum cli_status commands_events(const struct command_context *context)
{
	struct stream stream = {.context = context, .left = command_number(context, "count", -1)};
	const struct http_ask request = {
		.method = "GET",
		.path = "/v1/events",
		.take = take_events,
		.tick = somebody_reads,
		.context = &stream,
	};
	struct http_answer answer = {0};
	struct ask ask;
	enum cli_status status = ask_begin(context, &ask);
	int error;

	if (status == CLI_OK) {
		error = http_ask(&ask.place, &request, &answer);
		if (error == -ECANCELED && !stream.bad) {
			status = CLI_OK;
		} else if (error || answer.status / 100 != 2) {
			http_report(&ask.place, error, &answer, context->err);
			status = CLI_FAILED;
		} else {
			/* A manager that ends, or one that reads slower than things happen. */
			fputs("ovnetctl: the manager ended the stream; 'ovnetctl log' tells what came after\n",
				context->err);
			status = CLI_FAILED;
		}
	}
	cJSON_Delete(answer.json);
	free(stream.line);
	ask_end(&ask);
	return status;
}

/* ---- backup */

struct copy {
	struct ask *ask;
	int fd, error;
	unsigned long long octets;
	char head[256], tail[256]; /* the beginning, and the end so far */
	size_t head_length, tail_length;
};

static void remember(struct copy *copy, const char *data, size_t length)
{
	size_t more = sizeof(copy->head) - 1 - copy->head_length;

	more = more < length ? more : length;
	memcpy(copy->head + copy->head_length, data, more);
	copy->head_length += more;
	more = length < sizeof(copy->tail) - 1 ? length : sizeof(copy->tail) - 1;
	if (copy->tail_length + more > sizeof(copy->tail) - 1) {
		size_t gone = copy->tail_length + more - (sizeof(copy->tail) - 1);

		memmove(copy->tail, copy->tail + gone, copy->tail_length - gone);
		copy->tail_length -= gone;
	}
	memcpy(copy->tail + copy->tail_length, data + length - more, more);
	copy->tail_length += more;
}

static bool take_copy(void *context, const char *data, size_t length)
{
	struct copy *copy = context;

	remember(copy, data, length);
	copy->octets += length;
	while (length > 0) {
		ssize_t written = write(copy->fd, data, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			copy->error = errno;
			return false;
		}
		data += written;
		length -= (size_t)written;
	}
	return true;
}

static bool tick_copy(void *context, size_t sent, size_t received)
{
	struct copy *copy = context;
	char detail[64];

	(void)sent;
	snprintf(detail, sizeof(detail), ", %zu MiB", received >> 20);
	ask_show(copy->ask, detail);
	return true;
}

/* Its last line counts the others and has their digest: what ends otherwise is no whole backup. */
static bool is_whole(const struct copy *copy)
{
	const char *end = copy->tail_length > 1 ? memrchr(copy->tail, '\n', copy->tail_length - 1) : NULL;

	return end && copy->tail[copy->tail_length - 1] == '\n' && strncmp(end + 1, "{\"lines\":", 9) == 0;
}

static enum cli_status fetch(struct copy *copy)
{
	const struct http_ask request = {
		.method = "POST",
		.path = "/v1/backup",
		.timeout_ms = ASK_LONG_MS,
		.take = take_copy,
		.tick = tick_copy,
		.context = copy,
	};
	struct http_answer answer = {0};
	int error = http_ask(&copy->ask->place, &request, &answer);
	enum cli_status status = CLI_FAILED;

	ask_quiet(copy->ask);
	if (copy->error)
		fprintf(copy->ask->context->err, "ovnetctl: %s: %s\n", command_value(copy->ask->context, "file"),
			strerror(copy->error));
	else if (error || answer.status / 100 != 2)
		http_report(&copy->ask->place, error, &answer, copy->ask->context->err);
	else if (!is_whole(copy))
		fputs("ovnetctl: the backup is not whole: nothing was kept\n", copy->ask->context->err);
	else
		status = CLI_OK;
	cJSON_Delete(answer.json);
	return status;
}

static void show_copy(const struct copy *copy)
{
	const struct command_context *context = copy->ask->context;
	cJSON *result = cJSON_CreateObject(), *head;
	struct json_error error;
	long long revision = 0;

	head = json_parse(copy->head, strcspn(copy->head, "\n"), &error);
	json_integer(json_member(head, "revision"), 0, 1ll << 53, &revision);
	cJSON_AddStringToObject(result, "file", command_value(context, "file"));
	cJSON_AddNumberToObject(result, "revision", (double)revision);
	cJSON_AddNumberToObject(result, "octets", (double)copy->octets);
	output_result(context->output, context->command->view, result);
	cJSON_Delete(result);
	cJSON_Delete(head);
}

static enum cli_status back_up(struct copy *copy)
{
	const char *path = command_value(copy->ask->context, "file");
	scope_free char *fresh = NULL;
	enum cli_status status;

	if (asprintf(&fresh, "%s.part", path) < 0)
		return ask_no_memory(copy->ask->context);
	copy->fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (copy->fd < 0 || fchmod(copy->fd, 0600) < 0) {
		fprintf(copy->ask->context->err, "ovnetctl: %s: %s\n", fresh, strerror(errno));
		return CLI_FAILED;
	}
	status = fetch(copy);
	if (status == CLI_OK && (fsync(copy->fd) < 0 || rename(fresh, path) < 0)) {
		fprintf(copy->ask->context->err, "ovnetctl: %s: %s\n", path, strerror(errno));
		status = CLI_FAILED;
	}
	if (status == CLI_OK)
		show_copy(copy);
	else
		unlink(fresh);
	return status;
}

enum cli_status commands_backup(const struct command_context *context)
{
	struct ask ask;
	struct copy copy = {.ask = &ask, .fd = -1};
	enum cli_status status = ask_begin(context, &ask);

	ask.doing = "copying";
	if (status == CLI_OK)
		status = back_up(&copy);
	if (copy.fd >= 0)
		close(copy.fd);
	ask_end(&ask);
	return status;
}
