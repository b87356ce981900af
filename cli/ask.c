/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asking the manager. See ask.h.
 */
#include "cli/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/place.h"
#include "lib/error.h"
#include "lib/json.h"
#include "lib/time.h"

#define SHOW_AFTER_NS (NSEC_PER_SEC / 2)
#define SHOW_EVERY_NS (NSEC_PER_SEC / 5)

enum cli_status ask_no_memory(const struct command_context *context)
{
	fputs("ovnetctl: out of memory\n", context->err);
	return CLI_FAILED;
}

/* ---- the line */

void ask_quiet(struct ask *ask)
{
	if (ask->shown)
		fputs("\r\033[K", ask->context->err);
	ask->shown = false;
}

void ask_show(struct ask *ask, const char *detail)
{
	unsigned long long now_ns = time_now_ns();

	if (!ask->watched || now_ns - ask->started_ns < SHOW_AFTER_NS || now_ns - ask->shown_ns < SHOW_EVERY_NS)
		return;
	ask->shown_ns = now_ns;
	ask->shown = true;
	fprintf(ask->context->err, "\r\033[K%s ... %llu s%s", ask->doing ? ask->doing : "waiting for the manager",
		(now_ns - ask->started_ns) / NSEC_PER_SEC, detail);
	fflush(ask->context->err);
}

static bool tick(void *context, size_t sent, size_t received)
{
	char detail[64] = "";

	if (sent + received >= 1 << 20)
		snprintf(detail, sizeof(detail), ", %zu MiB", (sent + received) >> 20);
	ask_show(context, detail);
	return true;
}

/* ---- asking */

enum cli_status ask_begin(const struct command_context *context, struct ask *out)
{
	*out = (struct ask){
		.context = context,
		.started_ns = time_now_ns(),
		.watched = output_is_terminal(context->err),
	};
	return place_find(context->options, context->err, &out->place);
}

void ask_end(struct ask *ask)
{
	ask_quiet(ask);
	http_place_clear(&ask->place);
}

enum cli_status ask_request(struct ask *ask, const struct http_ask *request, cJSON **json)
{
	struct http_ask own = *request;
	struct http_answer answer;
	enum cli_status status = CLI_OK;
	int error;

	if (!own.tick && !own.take) {
		own.tick = tick;
		own.context = ask;
	}
	error = http_ask(&ask->place, &own, &answer);
	ask_quiet(ask);
	if (error || answer.status / 100 != 2) {
		http_report(&ask->place, error, &answer, ask->context->err);
		status = CLI_FAILED;
	} else if (json) {
		*json = answer.json;
		answer.json = NULL;
	}
	cJSON_Delete(answer.json);
	return status;
}

enum cli_status ask_get(struct ask *ask, const char *path, cJSON **json)
{
	const struct http_ask request = {.method = "GET", .path = path, .timeout_ms = HTTP_TIMEOUT_MS};

	return ask_request(ask, &request, json);
}

enum cli_status ask_write(struct ask *ask, const char *method, const char *path, const cJSON *body, long long if_match,
	cJSON **json)
{
	const char *const *options = ask->context->options;
	scope_free char *dry = NULL;
	struct http_ask request = {
		.method = method,
		.path = path,
		.body = body,
		.why = options[OPTION_WHY],
		.if_match = if_match,
		.timeout_ms = ASK_LONG_MS,
	};

	if (options[OPTION_DRY_RUN]) {
		if (asprintf(&dry, "%s?dry_run=1", path) < 0)
			return ask_no_memory(ask->context);
		request.path = dry;
	}
	return ask_request(ask, &request, json);
}

char *ask_object_path(struct ask *ask, enum model_kind kind, const char *name)
{
	const struct model_kind_row *row = &model_table[kind];
	scope_free char *encoded = http_encode(name, true);
	const char *account = "";
	cJSON *status = NULL;
	char *path = NULL;

	if (row->of_account && !strchr(name, '/')) {
		if (ask_get(ask, "/v1/status", &status) != CLI_OK)
			return NULL;
		account = cJSON_GetStringValue(json_member(status, "account"));
	}
	if (!encoded || !account ||
		asprintf(&path, "/v1/%s/%s%s%s", row->plural, account, *account ? "/" : "", encoded) < 0)
		path = NULL;
	cJSON_Delete(status);
	if (!path)
		ask_no_memory(ask->context);
	return path;
}

long long ask_revision(const cJSON *json)
{
	long long revision = 0;

	json_integer(json_member(json, "revision"), 0, 1ll << 53, &revision);
	return revision;
}

/* ---- secrets */

enum cli_status ask_check_secret_file(const struct command_context *context)
{
	const char *path = command_value(context, "secret-file");

	/* Before there is a secret: one that finds no place is lost. */
	if (!path || access(path, F_OK) < 0)
		return CLI_OK;
	fprintf(context->err, "ovnetctl: %s: is there already, and is left as it is\n", path);
	return CLI_FAILED;
}

enum cli_status ask_keep_secret(const struct command_context *context, cJSON *answer)
{
	const char *path = command_value(context, "secret-file");
	const char *secret = cJSON_GetStringValue(json_member(answer, "secret"));
	scope_close int fd = -1;

	if (!path || !secret)
		return CLI_OK;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || dprintf(fd, "%s\n", secret) < 0 || fsync(fd) < 0) {
		fprintf(context->err, "ovnetctl: %s: %s; the token is there, but its secret is lost: delete it\n", path,
			strerror(errno));
		return CLI_FAILED;
	}
	cJSON_DeleteItemFromObjectCaseSensitive(answer, "secret");
	if (!cJSON_AddStringToObject(answer, "secret_file", path))
		return ask_no_memory(context);
	return CLI_OK;
}
