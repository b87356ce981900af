/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `explain` as the manager has it: what the policies of both sides say, wherever the nodes are. It knows nothing of what is live
 * in a data path; that is the agent's part (commands_explain.c).
 */
#include <string.h>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/place.h"
#include "cli/words.h"
#include "lib/json.h"

bool commands_judge_instead(const struct command_context *context)
{
	struct http_place place = {0};

	if (context->options[OPTION_MANAGER] || context->options[OPTION_URL] || context->options[OPTION_CONTEXT])
		return true;
	if (context->options[OPTION_INSTANCE] || context->options[OPTION_SOCKET] || command_value(context, "also") ||
		commands_agent_is_there(context))
		return false;
	if (place_find(context->options, NULL, &place) != CLI_OK)
		return false;
	http_place_clear(&place);
	return true;
}

/* "/v1/explain?source=...&..."; NULL: out of memory. */
static char *path_of(const struct command_context *context)
{
	static const char *const names[] = {"source", "destination", "protocol", "port", "vnet"};
	char *path = NULL;
	size_t length;
	FILE *out = open_memstream(&path, &length);

	if (!out)
		return NULL;
	fputs("/v1/explain", out);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = command_value(context, names[i]);
		scope_free char *encoded = value ? http_encode(value, true) : NULL;

		if (encoded)
			fprintf(out, "%c%s=%s", i ? '&' : '?', names[i], encoded);
	}
	if (fclose(out) == 0)
		return path;
	free(path);
	return NULL;
}

static bool say_end(cJSON *summary, const cJSON *explanation, const char *which)
{
	const cJSON *end = json_member(explanation, which), *group;
	const char *host = words_text(end, "host", NULL);
	scope_free char *groups = NULL;
	size_t length;
	FILE *out;

	if (!host)
		return words_say(summary, "The %s is somebody else's node.", which);
	out = open_memstream(&groups, &length);
	if (!out)
		return false;
	cJSON_ArrayForEach(group, json_member(end, "groups")) {
		fprintf(out, "%s%s", group->prev->next ? ", " : "", group->valuestring);
	}
	if (fclose(out) != 0)
		return false;
	return words_say(summary, "The %s is on host %s; its groups: %s.", which, host, *groups ? groups : "none");
}

static bool say_side(cJSON *summary, const cJSON *desired, const char *which)
{
	const cJSON *decision = json_member(desired, which);
	scope_free char *by = words_decided_by(decision);

	return by &&
	       words_say(summary, "The %s's side: %s, %s.", which, words_text(decision, "verdict", "unknown"), by);
}

/* Adds "summary". Returns false: out of memory. */
static bool summarize(cJSON *explanation)
{
	cJSON *summary = cJSON_AddArrayToObject(explanation, "summary");
	const cJSON *desired = json_member(explanation, "desired");
	scope_free char *source = words_end(json_member(explanation, "source"));
	scope_free char *destination = words_end(json_member(explanation, "destination"));
	scope_free char *service = words_service(explanation);

	return summary && source && destination && service &&
	       words_say(summary, "%s to %s in vnet %s, %s, as the manager has it at revision %.0f: %s.", source,
		       destination, words_text(explanation, "vnet", "?"), service,
		       words_number(explanation, "revision"), words_text(explanation, "verdict", "unknown")) &&
	       say_end(summary, explanation, "source") && say_end(summary, explanation, "destination") &&
	       say_side(summary, desired, "source") && say_side(summary, desired, "destination") &&
	       words_say(summary, "In all: %s (%s).", words_text(explanation, "verdict", "unknown"),
		       strcmp(words_text(explanation, "agreement", "both"), "one") == 0
			       ? "one side's allow suffices, unless a policy of the other denies"
			       : "both sides must allow");
}

enum cli_status commands_judge(const struct command_context *context)
{
	scope_free char *path = path_of(context);
	cJSON *explanation = NULL;
	struct ask ask;
	enum cli_status status;

	if (command_value(context, "also")) {
		fputs("ovnetctl: also: expected nothing, as the manager knows both sides\n", context->err);
		return CLI_USAGE;
	}
	status = ask_begin(context, &ask);
	if (status == CLI_OK)
		status = path ? ask_get(&ask, path, &explanation) : ask_no_memory(context);
	if (status == CLI_OK)
		status = summarize(explanation) ? CLI_OK : ask_no_memory(context);
	if (status == CLI_OK)
		output_result(context->output, &view_judgement, explanation);
	cJSON_Delete(explanation);
	ask_end(&ask);
	return status;
}
