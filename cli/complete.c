/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Completion. See complete.h. A line that is not finished is no command line yet: words are looked at one by one, and what is
 * not understood ends in silence.
 */
#include "cli/complete.h"

#include <string.h>

#include "cli/argument.h"
#include "cli/command.h"
#include "cli/kinds.h"
#include "cli/place.h"
#include "lib/error.h"
#include "lib/json.h"

#define NAMES_MOST 1000

struct completion {
	FILE *out;
	const char *current; /* what has been typed */
	size_t before;       /* octets of it that stay: of a list, up to the last comma */
	const char *options[OPTION_COUNT];
};

/* Offers a word, if it begins as what has been typed. `end` is put behind it. */
static void offer(const struct completion *completion, const char *word, size_t length, const char *end)
{
	const char *typed = completion->current + completion->before;

	if (strlen(typed) > length || strncmp(word, typed, strlen(typed)) != 0)
		return;
	fprintf(completion->out, "%.*s%.*s%s\n", (int)completion->before, completion->current, (int)length, word, end);
}

static void offer_word(void *context, const char *word, size_t length)
{
	offer(context, word, length, "");
}

static void offer_text(const struct completion *completion, const char *word)
{
	offer(completion, word, strlen(word), "");
}

/* From here on it is the last part of a list that is asked for. */
static void go_behind(struct completion *completion, const char *letters)
{
	for (size_t i = completion->before; completion->current[i]; i++)
		if (strchr(letters, completion->current[i]))
			completion->before = i + 1;
}

/* ---- names */

/*
 * Names of objects of a kind, as the manager lists them. One that was begun without its account is offered with it: whose it is
 * cannot be seen from a part.
 */
static void offer_objects(const struct completion *completion, enum model_kind kind)
{
	struct http_ask request = {.method = "GET", .timeout_ms = COMPLETE_TIMEOUT_MS};
	scope_free char *pattern = http_encode(completion->current + completion->before, true), *path = NULL;
	struct http_place place = {0};
	struct http_answer answer = {0};
	const cJSON *object;

	if (!pattern || place_find(completion->options, NULL, &place) != CLI_OK)
		return;
	if (asprintf(&path, "/v1/%s?limit=%d&name=%s*", model_table[kind].plural, NAMES_MOST, pattern) < 0)
		path = NULL;
	request.path = path;
	if (path && http_ask(&place, &request, &answer) == 0 && answer.status == 200) {
		cJSON_ArrayForEach(object, json_member(answer.json, "objects")) {
			const char *name = cJSON_GetStringValue(json_member(object, "name"));

			fprintf(completion->out, "%.*s%s\n", (int)completion->before, completion->current,
				name ? name : "");
		}
	}
	cJSON_Delete(answer.json);
	http_place_clear(&place);
}

static void offer_contexts(const struct completion *completion)
{
	cJSON *contexts = NULL;
	const cJSON *each;

	if (place_read(NULL, &contexts) != CLI_OK)
		return;
	cJSON_ArrayForEach(each, json_member(contexts, "contexts")) {
		offer_text(completion, each->string);
	}
	cJSON_Delete(contexts);
}

/* ---- values */

/* "group:acme/web", of which the kind comes first. */
static void offer_selector(struct completion *completion, bool entry)
{
	static const struct {
		const char *prefix;
		enum model_kind kind;
		bool entry;
	} prefixes[] = {
		{"group:", MODEL_GROUP, true},
		{"vnet:", MODEL_VNET, true},
		{"handle:", MODEL_HANDLE, true},
		{"node:", MODEL_NODE, false},
		{"account:", MODEL_ACCOUNT, false},
	};
	const char *typed;

	go_behind(completion, ",");
	typed = completion->current + completion->before;
	if (!entry && strncmp(typed, "not:", 4) == 0) {
		completion->before += 4;
		typed += 4;
	} else if (!entry && completion->before == 0) {
		offer_text(completion, "any");
		offer_text(completion, "not:");
	}
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		size_t length = strlen(prefixes[i].prefix);

		if (entry && !prefixes[i].entry)
			continue;
		if (strncmp(typed, prefixes[i].prefix, length) != 0) {
			offer_text(completion, prefixes[i].prefix);
			continue;
		}
		completion->before += length;
		offer_objects(completion, prefixes[i].kind);
		return;
	}
}

static void offer_services(struct completion *completion)
{
	static const char *const services[] = {"http", "https", "ssh", "dns", "tcp", "udp", "icmp/echo", "icmp", "any"};

	go_behind(completion, ",");
	for (size_t i = 0; i < ARRAY_LEN(services); i++)
		offer_text(completion, services[i]);
}

static void offer_field(struct completion *completion, const struct command_argument *row)
{
	const struct model_field *field = row->field;

	if (row->clears)
		offer_text(completion, "none");
	switch (field->type) {
	case MODEL_BOOL:
		offer_text(completion, "true");
		offer_text(completion, "false");
		break;
	case MODEL_WORDS:
		go_behind(completion, ",");
		/* fall through */
	case MODEL_WORD:
		for (size_t i = 0; field->words[i]; i++)
			offer_text(completion, field->words[i]);
		break;
	case MODEL_REFS:
		go_behind(completion, ",");
		/* fall through */
	case MODEL_REF:
		offer_objects(completion, field->to);
		break;
	case MODEL_SELECTOR:
	case MODEL_ENTRIES:
		offer_selector(completion, field->type == MODEL_ENTRIES);
		break;
	case MODEL_SERVICES:
		offer_services(completion);
		break;
	case MODEL_MATCH:
		go_behind(completion, ",");
		offer_text(completion, "name=");
		offer_text(completion, "vnet=");
		offer_text(completion, "account=");
		break;
	default:
		break;
	}
}

static void offer_value(struct completion *completion, const struct command *command,
	const struct command_argument *row)
{
	switch (row->type) {
	case ARGUMENT_WORD:
		argument_each_word(row->value, offer_word, completion);
		break;
	case ARGUMENT_PROTOCOL:
		argument_each_word("tcp|udp|icmp|any", offer_word, completion);
		break;
	case ARGUMENT_PORT:
	case ARGUMENT_ENDPOINT:
		offer_text(completion, "any");
		break;
	case ARGUMENT_FILE:
		fputs(":\n", completion->out);
		break;
	case ARGUMENT_NAME:
		/* What is to be made is not there yet. */
		if (!command->verb || strcmp(command->verb, "create") != 0 || !row->positional)
			offer_objects(completion, row->kind);
		break;
	case ARGUMENT_FIELD:
		offer_field(completion, row);
		break;
	case ARGUMENT_CONTEXT:
		offer_contexts(completion);
		break;
	default:
		break;
	}
}

/* ---- where in the line */

static void offer_options(const struct completion *completion, const struct command *command)
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const struct command_option *option = &command_options[i];

		if (command && option->takes && !(option->takes & command->takes))
			continue;
		offer_text(completion, option->full);
		if (option->brief)
			offer_text(completion, option->brief);
	}
}

static void offer_objects_of_table(const struct completion *completion)
{
	for (size_t i = 0; i < command_count; i++)
		if (i == 0 || strcmp(command_table[i].object, command_table[i - 1].object) != 0)
			offer_text(completion, command_table[i].object);
}

static void offer_verbs(const struct completion *completion, const char *object)
{
	for (size_t i = 0; i < command_count; i++)
		if (command_table[i].verb && strcmp(command_table[i].object, object) == 0)
			offer_text(completion, command_table[i].verb);
}

/* Keys that were not given yet. */
static void offer_keys(const struct completion *completion, const struct command *command, const bool *given)
{
	for (size_t i = 0; i < command->argument_count; i++)
		if (!command->arguments[i].positional && !given[i])
			offer_text(completion, command->arguments[i].name);
}

static size_t find_key(const struct command *command, const char *word)
{
	size_t i = 0;

	while (i < command->argument_count &&
		(command->arguments[i].positional || strcmp(command->arguments[i].name, word) != 0))
		i++;
	return i;
}

static void complete_arguments(struct completion *completion, const struct command *command, const char *const *words,
	size_t count)
{
	bool given[COMMAND_ARGUMENTS_MAX] = {false};
	size_t next = 0, i = 0;

	for (; i < command->argument_count && command->arguments[i].positional; i++) {
		const struct command_argument *row = &command->arguments[i];

		/* One that may be left out is in nobody's way: keys are offered too. */
		if (row->optional && (next == count || !argument_is_value(row, words[next])))
			break;
		if (next == count) {
			offer_value(completion, command, row);
			return;
		}
		next++;
	}
	while (next < count) {
		size_t key = find_key(command, words[next++]);

		if (key == command->argument_count)
			continue;
		given[key] = true;
		if (command->arguments[key].type == ARGUMENT_FLAG)
			continue;
		if (next == count) {
			offer_value(completion, command, &command->arguments[key]);
			return;
		}
		next++;
	}
	if (i < command->argument_count && command->arguments[i].type == ARGUMENT_CONTEXT && count == i)
		offer_value(completion, command, &command->arguments[i]);
	offer_keys(completion, command, given);
}

static const struct command_option *find_option(const char *word, size_t *index)
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		*index = i;
		if (strcmp(command_options[i].full, word) == 0 ||
			(command_options[i].brief && strcmp(command_options[i].brief, word) == 0))
			return &command_options[i];
	}
	return NULL;
}

/* Takes options out of the words. Returns the option whose value is asked for, or NULL. */
static const struct command_option *take_options(struct completion *completion, int count, char *const words[],
	const char **rest, size_t *rest_count)
{
	*rest_count = 0;
	for (int i = 0; i < count; i++) {
		size_t index;
		const struct command_option *option = words[i][0] == '-' ? find_option(words[i], &index) : NULL;

		if (!option && words[i][0] != '-')
			rest[(*rest_count)++] = words[i];
		if (!option || !option->value)
			continue;
		if (i + 1 == count)
			return option;
		completion->options[index] = words[++i];
	}
	return NULL;
}

static void offer_option_value(const struct completion *completion, const struct command_option *option)
{
	if (strcmp(option->value, "FILE") == 0 || strcmp(option->value, "SOCKET") == 0)
		fputs(":\n", completion->out);
	else if (option == &command_options[OPTION_CONTEXT])
		offer_contexts(completion);
	else if (option == &command_options[OPTION_URL])
		argument_each_word("https://|unix:/|http://127.0.0.1:", offer_word, (void *)completion);
}

void complete_words(int count, char *const words[], FILE *out)
{
	struct completion completion = {.out = out, .current = count > 0 ? words[count - 1] : ""};
	scope_free const char **rest = calloc((size_t)count + 1, sizeof(*rest));
	const struct command *command;
	const struct command_option *option;
	size_t rest_count, used = 1;

	if (!rest || count == 0)
		return;
	command_prepare();
	option = take_options(&completion, count - 1, words, rest, &rest_count);
	command = rest_count > 0 ? command_find(rest[0], NULL) : NULL;
	if (!command && rest_count > 1) {
		command = command_find(rest[0], rest[1]);
		used = 2;
	}
	if (option)
		offer_option_value(&completion, option);
	else if (completion.current[0] == '-')
		offer_options(&completion, command);
	else if (rest_count == 0)
		offer_objects_of_table(&completion);
	else if (command)
		complete_arguments(&completion, command, rest + used, rest_count - used);
	else if (rest_count == 1)
		offer_verbs(&completion, rest[0]);
}
