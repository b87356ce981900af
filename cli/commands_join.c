/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a host becomes one of the manager's: an operator makes a token, and the agent's first start spends it (ovnet.json(5),
 * manager). What is to be written there is told with it.
 */
#include <sodium.h>
#include <string.h>
#include <time.h>

#include "cli/ask.h"
#include "cli/commands.h"
#include "lib/error.h"

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

/* The host's part of ovnet.json. A manager that is spoken to on this machine is elsewhere for the host. NULL: out of memory. */
static cJSON *configuration(const struct ask *ask)
{
	cJSON *manager = cJSON_CreateObject();
	const char *url = strncmp(ask->place.url, "https:", 6) == 0 ? ask->place.url : "https://MANAGER:6191";

	if (cJSON_AddStringToObject(manager, "url", url) &&
		cJSON_AddStringToObject(manager, "authority", "/etc/ovnet/manager-ca.pem") &&
		cJSON_AddStringToObject(manager, "token", "/etc/ovnet/join.token"))
		return manager;
	cJSON_Delete(manager);
	return NULL;
}

/* The answer becomes {"host", "token", "expires", "secret" or "secret_file", "manager"}. */
static cJSON *result_of(const struct ask *ask, const cJSON *token)
{
	static const char *const members[][2] = {
		{"host", "host"},
		{"token", "name"},
		{"expires", "expires"},
		{"secret", "secret"},
		{"secret_file", "secret_file"},
	};
	cJSON *result = cJSON_CreateObject(), *manager = configuration(ask);

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(token, members[i][1]);

		if (value)
			cJSON_AddItemToObject(result, members[i][0], cJSON_Duplicate(value, true));
	}
	if (cJSON_AddItemToObject(result, "manager", manager))
		return result;
	cJSON_Delete(manager);
	cJSON_Delete(result);
	return NULL;
}

/* Text is for whoever goes to the host with it. */
static void show(const struct command_context *context, cJSON *result)
{
	scope_free char *manager = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(result, "manager"));

	if (!context->options[OPTION_JSON] && manager)
		cJSON_ReplaceItemInObjectCaseSensitive(result, "manager", cJSON_CreateString(manager));
	output_result(context->output, context->command->view, result);
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
		show(context, result);
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
