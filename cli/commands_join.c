/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a host becomes one of the manager's: an operator makes a token, and on the host it is spent. Secrets go through files,
 * or to standard output once.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <time.h>

#include "cli/ask.h"
#include "cli/commands.h"
#include "lib/error.h"
#include "proto/key.h"

#define LIFETIME_S 86400

/* ---- the token */

static cJSON *token_body(const struct command_context *context)
{
	long long expires = (long long)time(NULL) + command_number(context, "lifetime", LIFETIME_S);
	const char *host = command_value(context, "name");
	cJSON *body = cJSON_CreateObject();
	char name[32];

	/* Tokens are spent, but their names should not be in the way of the next one. */
	snprintf(name, sizeof(name), "join-%08x%08x", randombytes_random(), randombytes_random());
	if (cJSON_AddStringToObject(body, "name", name) && cJSON_AddStringToObject(body, "role", "join") &&
		cJSON_AddStringToObject(body, "host", host) &&
		cJSON_AddNumberToObject(body, "expires", (double)expires))
		return body;
	cJSON_Delete(body);
	return NULL;
}

/* What is to be typed on the host, where the token is in a file. NULL: out of memory. */
static char *command_for(const struct ask *ask)
{
	bool far = strncmp(ask->place.url, "https:", 6) == 0;
	char *text = NULL;

	if (asprintf(&text,
		    "ovnetctl -u %s --ca %s --token-file TOKEN host join /etc/ovnet/host.key secret-file "
		    "/etc/ovnet/manager.secret",
		    far ? ask->place.url : "https://MANAGER:6191", ask->place.ca && far ? ask->place.ca : "CA.PEM") < 0)
		return NULL;
	return text;
}

/* The answer becomes {"host", "token", "expires", "secret" or "secret_file", "command"}. */
static cJSON *result_of(const struct ask *ask, const cJSON *token)
{
	static const char *const members[][2] = {
		{"host", "host"},
		{"token", "name"},
		{"expires", "expires"},
		{"secret", "secret"},
		{"secret_file", "secret_file"},
	};
	scope_free char *command = command_for(ask);
	cJSON *result = cJSON_CreateObject();

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(token, members[i][1]);

		if (value)
			cJSON_AddItemToObject(result, members[i][0], cJSON_Duplicate(value, true));
	}
	if (command && cJSON_AddStringToObject(result, "command", command))
		return result;
	cJSON_Delete(result);
	return NULL;
}

static enum cli_status make_token(struct ask *ask)
{
	const struct command_context *context = ask->context;
	cJSON *body = token_body(context), *token = NULL, *result;
	enum cli_status status = body ? ask_write(ask, "POST", "/v1/tokens", body, 0, &token) : ask_no_memory(context);

	cJSON_Delete(body);
	if (status != CLI_OK)
		return status;
	status = ask_keep_secret(context, token);
	result = result_of(ask, token);
	if (result)
		output_result(context->output, context->command->view, result);
	else
		status = ask_no_memory(context);
	cJSON_Delete(result);
	cJSON_Delete(token);
	return status;
}

enum cli_status commands_join_token(const struct command_context *context)
{
	enum cli_status status = ask_check_secret_file(context);
	struct ask ask;

	if (status != CLI_OK)
		return status;
	status = ask_begin(context, &ask);
	if (status == CLI_OK)
		status = make_token(&ask);
	ask_end(&ask);
	return status;
}

/* ---- on the host */

static enum cli_status fail(const struct command_context *context, const char *path, const char *message)
{
	fprintf(context->err, "ovnetctl: %s: %s\n", path, message);
	return CLI_FAILED;
}

/* The public key of the file, which is made if there is none. */
static enum cli_status own_key(const struct command_context *context, char text[KEY_TEXT_MAX])
{
	const char *path = command_value(context, "key");
	struct host_key host;
	enum key_kind kind;
	int error;

	if (key_library() < 0)
		return fail(context, path, "libsodium does not start");
	error = key_create(path, KEY_HOST, text);
	if (error != -EEXIST)
		return error ? fail(context, path, strerror(-error)) : CLI_OK;
	error = key_read(path, &kind, &host, NULL);
	if (error == -EPERM)
		return fail(context, path, "others than its owner may read the key: chmod 600");
	if (error || kind != KEY_HOST)
		return fail(context, path, error ? strerror(-error) : "expected a host's key, got an authority's");
	key_format(host.public_key, text);
	sodium_memzero(&host, sizeof(host));
	return CLI_OK;
}

static enum cli_status join(struct ask *ask, const char *key)
{
	const struct command_context *context = ask->context;
	cJSON *body = cJSON_CreateObject(), *answer = NULL;
	const struct http_ask request = {
		.method = "POST",
		.path = "/v1/join",
		.body = body,
		.timeout_ms = HTTP_TIMEOUT_MS,
	};
	enum cli_status status;

	status = cJSON_AddStringToObject(body, "key", key) ? ask_request(ask, &request, &answer)
							   : ask_no_memory(context);
	if (status == CLI_OK)
		status = ask_keep_secret(context, answer);
	if (answer)
		output_result(context->output, context->command->view, answer);
	cJSON_Delete(answer);
	cJSON_Delete(body);
	return status;
}

enum cli_status commands_host_join(const struct command_context *context)
{
	enum cli_status status = ask_check_secret_file(context);
	char key[KEY_TEXT_MAX];
	struct ask ask;

	if (status == CLI_OK)
		status = own_key(context, key);
	if (status != CLI_OK)
		return status;
	status = ask_begin(context, &ask);
	if (status == CLI_OK)
		status = join(&ask, key);
	ask_end(&ask);
	return status;
}
