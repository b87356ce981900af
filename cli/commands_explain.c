/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an agent knows about one transmission (`explain` in docs/control.md), put in sentences; and what a second
 * agent knows of the same beside it. Facts are the agents', words are made here, and become the member "summary" of
 * each explanation.
 */
#include <string.h>

#include "cli/commands.h"
#include "cli/words.h"
#include "lib/error.h"
#include "lib/json.h"

static bool say_head(cJSON *summary, const cJSON *explanation)
{
	const cJSON *verdict = json_member(explanation, "verdict");
	scope_free char *source = words_end(json_member(explanation, "source"));
	scope_free char *destination = words_end(json_member(explanation, "destination"));
	scope_free char *service = words_service(explanation);
	const char *host = words_text(explanation, "host", NULL);

	if (!source || !destination || !service)
		return false;
	if (!words_say(summary, "%s to %s in vnet %s, %s, as %s%s%sinstance '%s' has it:", source, destination,
		    words_text(explanation, "vnet", "?"), service, host ? "host " : "", host ? host : "",
		    host ? ", " : "", words_text(explanation, "instance", "?")))
		return false;
	return words_say(summary, "Desired: %s. Live: %s.", words_text(verdict, "desired", "unknown"),
		words_text(verdict, "live", "unknown"));
}

/* ---- who the ends are */

static bool say_end(cJSON *summary, const cJSON *explanation, const char *which)
{
	const cJSON *end = json_member(explanation, which), *host = json_member(end, "host");
	const char *where = words_text(end, "where", "unknown"), *name = words_text(host, "name", NULL);
	const char *expired = strcmp(words_text(end, "state", ""), "expired") == 0 ? "; the mapping has expired" : "";

	if (strcmp(where, "local") == 0)
		return words_say(summary, "The %s is a node of this host, at port %s%s.", which,
			words_text(end, "port", "?"),
			strcmp(words_text(end, "state", ""), "absent") == 0 ? ", and offline" : "");
	if (strcmp(where, "remote") != 0)
		return words_say(summary, "Where the %s is, is not known here.", which);
	if (!cJSON_IsObject(host))
		return words_say(summary, "The %s is elsewhere; which host manages it is not known now.", which);
	return words_say(summary, "The %s is managed by %s%s (%s)%s.", which,
		name ? "host " : "a host whose name is not known here", name ? name : "",
		words_text(host, "locator", "?"), expired);
}

/* ---- desired: what policies say */

static bool say_side(cJSON *summary, const cJSON *desired, const char *which)
{
	const cJSON *decision = json_member(desired, which);
	scope_free char *by = NULL;

	if (!cJSON_IsObject(decision))
		return words_say(summary, "Desired, the %s's side: not known here.", which);
	by = words_decided_by(decision);
	if (!by)
		return false;
	return words_say(summary, "Desired, the %s's side: %s, %s%s.", which, words_text(decision, "verdict", "?"), by,
		words_true(decision, "here")
			? ""
			: "; so it is by what this host knows, but the other host decides by its own");
}

static bool say_desired(cJSON *summary, const cJSON *explanation)
{
	const cJSON *desired = json_member(explanation, "desired"), *joined = json_member(desired, "joined");
	const char *agreement = words_text(explanation, "agreement", "");

	if (!cJSON_IsObject(desired))
		return words_say(summary,
			"Desired: vnet %s is not negotiated; rules of the file and those given by hand decide.",
			words_text(explanation, "vnet", "?"));
	if (!say_side(summary, desired, "source") || !say_side(summary, desired, "destination"))
		return false;
	if (!cJSON_IsObject(joined))
		return true;
	return words_say(summary, "Desired, in all: %s (%s).", words_text(joined, "verdict", "?"),
		strcmp(agreement, "one") == 0 ? "one side's allow suffices, unless a policy of the other denies"
					      : "both sides must allow");
}

/* ---- live: what the data path holds */

/* The rule of one end that decides, or NULL. */
static const cJSON *deciding_rule(const cJSON *explanation, const char *end)
{
	const cJSON *rule;

	cJSON_ArrayForEach(rule, json_member(explanation, "rules")) {
		if (words_true(rule, "decides") && strcmp(words_text(rule, "end", ""), end) == 0)
			return rule;
	}
	return NULL;
}

static bool say_rule(cJSON *summary, const cJSON *rule, const char *end)
{
	const char *width = words_text(rule, "width", "?");
	unsigned policy = (unsigned)words_number(rule, "policy");
	scope_free char *named = NULL;
	scope_free char *ends = NULL;
	const cJSON *left = json_member(rule, "expires_in_s");

	if (asprintf(&ends, cJSON_IsNumber(left) ? "ends in %.0f s" : "does not end by itself",
		    words_number(rule, "expires_in_s")) < 0 ||
		asprintf(&named, policy ? ", policy %u" : "", policy) < 0)
		return false;
	return words_say(summary, "Live, at the %s: %s, by the rule for %s (%s%s), which %s.", end,
		words_text(rule, "verdict", "?"),
		strcmp(width, "port") == 0       ? "this port"
		: strcmp(width, "protocol") == 0 ? "the whole protocol"
						 : "all between the two",
		words_text(rule, "origin", "?"), named, ends);
}

/* What becomes of the next packet that no rule covers. */
static const char *next_packet(const cJSON *live, const char *end)
{
	if (words_true(live, "negotiates"))
		return "the next packet is negotiated";
	return strcmp(end, "source") == 0 ? "the next packet is dropped" : "what arrives now is dropped";
}

static bool say_live(cJSON *summary, const cJSON *explanation, const char *end)
{
	const cJSON *live = json_member(json_member(explanation, "live"), end);
	const cJSON *rule = deciding_rule(explanation, end);

	if (!cJSON_IsObject(live))
		return true;
	if (!rule)
		return words_say(summary, "Live, at the %s: %s (%s); %s.", end, words_text(live, "description", "?"),
			words_text(live, "reason", "?"), next_packet(live, end));
	if (!say_rule(summary, rule, end))
		return false;
	if (strcmp(words_text(rule, "verdict", ""), "ask") != 0)
		return true;
	return words_say(summary, "That rule is an exception to be asked for: %s.", next_packet(live, end));
}

static const char *question_place(const char *state)
{
	if (strcmp(state, "asked") == 0)
		return "in flight";
	return strcmp(state, "held") == 0 ? "awaited from the other host" : "in line";
}

static bool say_flows(cJSON *summary, const cJSON *explanation)
{
	int sessions = cJSON_GetArraySize(json_member(explanation, "sessions"));
	const cJSON *question;

	if (!words_say(summary, "Sessions of it on this host: %d.", sessions))
		return false;
	cJSON_ArrayForEach(question, json_member(explanation, "questions")) {
		if (!words_say(summary, "A question about it (%s) is %s; packets that wait: %.0f.",
			    words_text(question, "protocol", "?"), question_place(words_text(question, "state", "")),
			    words_number(question, "packets")))
			return false;
	}
	return true;
}

/* Adds "summary" to an explanation. Returns false: out of memory. */
static bool summarize(cJSON *explanation)
{
	cJSON *summary = cJSON_AddArrayToObject(explanation, "summary");
	const cJSON *live = json_member(explanation, "live");

	if (!summary || !say_head(summary, explanation) || !say_end(summary, explanation, "source") ||
		!say_end(summary, explanation, "destination") || !say_desired(summary, explanation))
		return false;
	if (!cJSON_IsObject(json_member(live, "source")) && !cJSON_IsObject(json_member(live, "destination")) &&
		!words_say(summary,
			"Live: neither end is a node that is online on this host; it holds no rule about them."))
		return false;
	return say_live(summary, explanation, "source") && say_live(summary, explanation, "destination") &&
	       say_flows(summary, explanation);
}

/* ---- one agent, or two */

/* Gives an argument of the request another value. Returns false: out of memory. */
static bool set_text(cJSON *arguments, const char *name, const char *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(arguments, name);
	return cJSON_AddStringToObject(arguments, name, value);
}

/* The same question for another agent, whose file may have other names: by addresses and number. NULL: out of memory. */
static cJSON *same_question(const struct command_context *context, const cJSON *explanation)
{
	cJSON *arguments = command_arguments(context);
	char vni[16];

	snprintf(vni, sizeof(vni), "%.0f", words_number(explanation, "vni"));
	if (set_text(arguments, "source", words_text(json_member(explanation, "source"), "address", "")) &&
		set_text(arguments, "destination",
			words_text(json_member(explanation, "destination"), "address", "")) &&
		set_text(arguments, "vnet", vni))
		return arguments;
	cJSON_Delete(arguments);
	return NULL;
}

/* Asks the second agent, and adds its explanation as "also", or null when there is none. */
static enum cli_status ask_also(const struct command_context *context, cJSON *explanation)
{
	struct command_context other = *context;
	cJSON *arguments = same_question(context, explanation), *also = NULL;
	enum cli_status status;

	other.instance = command_value(context, "also");
	other.socket = NULL;
	status = commands_request(&other, arguments, &also);
	cJSON_Delete(arguments);
	if (status == CLI_OK && cJSON_IsObject(also) && summarize(also) &&
		cJSON_AddItemToObject(explanation, "also", also))
		return CLI_OK;
	cJSON_Delete(also);
	cJSON_AddNullToObject(explanation, "also");
	return CLI_FAILED;
}

enum cli_status commands_explain(const struct command_context *context)
{
	cJSON *arguments, *explanation = NULL;
	enum cli_status status;

	if (commands_judge_instead(context))
		return commands_judge(context);
	arguments = command_arguments(context);
	status = commands_request(context, arguments, &explanation);
	cJSON_Delete(arguments);
	if (status == CLI_OK && (!cJSON_IsObject(explanation) || !summarize(explanation))) {
		fputs("ovnetctl: the explanation cannot be put in words\n", context->err);
		status = CLI_FAILED;
	} else if (status == CLI_OK) {
		if (command_value(context, "also"))
			status = ask_also(context, explanation);
		output_result(context->output, context->command->view, explanation);
	}
	cJSON_Delete(explanation);
	return status;
}
