/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From argv to a command of the table, and its run. What single commands do is in commands_*.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/argument.h"
#include "cli/command.h"
#include "cli/complete.h"
#include "cli/help.h"
#include "cli/kinds.h"
#include "config/config.h"
#include "lib/error.h"

#define WORDS_MAX 128 /* candidates for a suggestion */

const struct command *command_find(const char *object, const char *verb)
{
	command_prepare();
	for (size_t i = 0; i < command_count; i++) {
		const struct command *command = &command_table[i];

		if (strcmp(command->object, object) != 0)
			continue;
		if (command->verb == verb || (command->verb && verb && strcmp(command->verb, verb) == 0))
			return command;
	}
	return NULL;
}

static bool is_object(const char *object)
{
	for (size_t i = 0; i < command_count; i++)
		if (strcmp(command_table[i].object, object) == 0)
			return true;
	return false;
}

static size_t list_objects(const char *words[WORDS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < command_count && count < WORDS_MAX; i++)
		if (i == 0 || strcmp(command_table[i].object, command_table[i - 1].object) != 0)
			words[count++] = command_table[i].object;
	return count;
}

static size_t list_verbs(const char *object, const char *words[WORDS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < command_count && count < WORDS_MAX; i++)
		if (command_table[i].verb && strcmp(command_table[i].object, object) == 0)
			words[count++] = command_table[i].verb;
	return count;
}

static bool is_help_word(const char *word)
{
	return strcmp(word, "help") == 0;
}

static enum cli_status choose_instance(FILE *err, struct command_line *line)
{
	if (line->socket && line->instance) {
		fputs("ovnetctl: expected one of -i and -s, got both\n", err);
		return CLI_USAGE;
	}
	if (line->socket)
		return CLI_OK;
	if (!line->instance)
		line->instance = getenv("OVNET_INSTANCE");
	if (!line->instance || !*line->instance)
		line->instance = "default";
	if (argument_is_instance(line->instance))
		return CLI_OK;
	fprintf(err, "ovnetctl: expected an instance of at most %d letters, digits, '_', '.' and '-', got '%s'\n",
		CONFIG_PART_MAX - 1, line->instance);
	return CLI_USAGE;
}

/* Object and verb; *used says how many words they are. */
static enum cli_status parse_command(const char *const *words, size_t count, FILE *err, struct command_line *line,
	size_t *used)
{
	const char *candidates[WORDS_MAX];

	if (!is_object(words[0])) {
		command_unknown(err, "object", words[0], candidates, list_objects(candidates));
		return CLI_USAGE;
	}
	line->object = words[0];
	line->command = command_find(words[0], NULL);
	*used = 1;
	if (line->command)
		return CLI_OK;
	if (count > 1 && is_help_word(words[1])) {
		line->help = true;
		return CLI_OK;
	}
	if (count > 1) {
		line->command = command_find(words[0], words[1]);
		*used = 2;
		if (line->command)
			return CLI_OK;
		command_unknown(err, "verb", words[1], candidates, list_verbs(words[0], candidates));
		return CLI_USAGE;
	}
	if (line->help)
		return CLI_OK;
	fprintf(err, "ovnetctl: %s needs a verb: ", words[0]);
	command_candidates(candidates, list_verbs(words[0], candidates), err);
	return CLI_USAGE;
}

/* Index of the key in the command's rows, or the number of rows. */
static size_t find_argument(const struct command *command, const char *key)
{
	size_t i = 0;

	while (i < command->argument_count &&
		(command->arguments[i].positional || strcmp(command->arguments[i].name, key) != 0))
		i++;
	return i;
}

static enum cli_status report_key(const struct command *command, const char *key, FILE *err)
{
	const char *candidates[COMMAND_ARGUMENTS_MAX];
	size_t count = 0;

	if (kinds_explain_key(command, key, err))
		return CLI_USAGE;
	for (size_t i = 0; i < command->argument_count; i++)
		if (!command->arguments[i].positional)
			candidates[count++] = command->arguments[i].name;
	if (count > 0)
		command_unknown(err, "argument", key, candidates, count);
	else
		fprintf(err, "ovnetctl: unexpected '%s'; see 'ovnetctl %s --help'\n", key, command->object);
	return CLI_USAGE;
}

/* A key and its value, if it has one; *used is 1 or 2. */
static enum cli_status parse_pair(const char *const *words, size_t count, FILE *err, struct command_line *line,
	size_t *used)
{
	const struct command *command = line->command;
	size_t i = find_argument(command, words[0]);
	const struct command_argument *row = &command->arguments[i];

	if (i == command->argument_count)
		return report_key(command, words[0], err);
	if (line->values[i]) {
		fprintf(err, "ovnetctl: '%s' is given twice\n", row->name);
		return CLI_USAGE;
	}
	*used = row->type == ARGUMENT_FLAG ? 1 : 2;
	if (*used > count) {
		fprintf(err, "ovnetctl: '%s' needs a value: %s\n", row->name, row->value);
		return CLI_USAGE;
	}
	line->values[i] = words[*used - 1];
	return argument_check(row, line->values[i], err) ? CLI_OK : CLI_USAGE;
}

static enum cli_status check_some(const struct command_line *line, FILE *err)
{
	const struct command *command = line->command;
	const char *keys[COMMAND_ARGUMENTS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < command->argument_count; i++) {
		if (command->arguments[i].positional)
			continue;
		if (line->values[i])
			return CLI_OK;
		keys[count++] = command->arguments[i].name;
	}
	fprintf(err, "ovnetctl: %s %s needs something to change: ", command->object, command->verb);
	command_candidates(keys, count, err);
	return CLI_USAGE;
}

static enum cli_status check_required(const struct command_line *line, FILE *err)
{
	const struct command *command = line->command;
	bool missing = false;

	for (size_t i = 0; i < command->argument_count; i++) {
		const struct command_argument *row = &command->arguments[i];

		if (line->values[i] || !(row->required || (row->positional && !row->optional)))
			continue;
		if (!missing)
			fprintf(err, "ovnetctl: %s%s%s needs ", command->object, command->verb ? " " : "",
				command->verb ? command->verb : "");
		else
			fputs(", ", err);
		fprintf(err, "%s%s%s", row->positional ? "" : row->name, row->positional ? "" : " ", row->value);
		missing = true;
	}
	if (!missing)
		return command->some ? check_some(line, err) : CLI_OK;
	putc('\n', err);
	return CLI_USAGE;
}

static enum cli_status parse_arguments(const char *const *words, size_t count, FILE *err, struct command_line *line)
{
	const struct command *command = line->command;
	size_t next = 0;

	for (size_t i = 0; i < command->argument_count && command->arguments[i].positional && next < count; i++) {
		if (is_help_word(words[next]))
			line->help = true;
		if (line->help)
			return CLI_OK;
		/* A number is meant as one, also a wrong one; any other word that is no value is meant as a key. */
		if (command->arguments[i].optional && !strchr("0123456789", words[next][0]) &&
			!argument_is_value(&command->arguments[i], words[next]))
			break;
		line->values[i] = words[next++];
		if (!argument_check(&command->arguments[i], line->values[i], err))
			return CLI_USAGE;
	}
	while (next < count) {
		size_t used;

		if (is_help_word(words[next]))
			line->help = true;
		if (line->help)
			return CLI_OK;
		if (parse_pair(words + next, count - next, err, line, &used) != CLI_OK)
			return CLI_USAGE;
		next += used;
	}
	return line->help ? CLI_OK : check_required(line, err);
}

enum cli_status command_parse(int argc, char *const argv[], FILE *err, struct command_line *out)
{
	scope_free const char **all = calloc((size_t)argc + 1, sizeof(*all));
	struct command_line line = {0};
	const char **words = all;
	size_t count, used;

	command_prepare();
	if (!all) {
		fputs("ovnetctl: out of memory\n", err);
		return CLI_FAILED;
	}
	if (option_parse(argc, argv, err, &line, words, &count) != CLI_OK)
		return CLI_USAGE;
	if (count > 0 && is_help_word(words[0])) {
		line.help = true;
		words++;
		count--;
	}
	if (count == 0 && !line.help && !line.version) {
		fputs("ovnetctl: expected a command; see 'ovnetctl --help'\n", err);
		return CLI_USAGE;
	}
	if (count > 0) {
		if (parse_command(words, count, err, &line, &used) != CLI_OK)
			return CLI_USAGE;
		if (line.command && parse_arguments(words + used, count - used, err, &line) != CLI_OK)
			return CLI_USAGE;
	}
	if (!line.help && !line.version &&
		(option_check(&line, err) != CLI_OK || choose_instance(err, &line) != CLI_OK))
		return CLI_USAGE;
	*out = line;
	return CLI_OK;
}

char *command_name(const struct command *command)
{
	char *name = NULL;

	if (!command->verb)
		return strdup(command->object);
	return asprintf(&name, "%s %s", command->object, command->verb) < 0 ? NULL : name;
}

const char *command_value(const struct command_context *context, const char *name)
{
	const struct command *command = context->command;

	for (size_t i = 0; i < command->argument_count; i++)
		if (strcmp(command->arguments[i].name, name) == 0)
			return context->values[i];
	return NULL;
}

long long command_number(const struct command_context *context, const char *name, long long missing)
{
	const char *text = command_value(context, name);

	return text ? strtoll(text, NULL, 10) : missing;
}

cJSON *command_arguments(const struct command_context *context)
{
	const struct command *command = context->command;
	cJSON *object = cJSON_CreateObject();

	for (size_t i = 0; object && i < command->argument_count; i++) {
		const struct command_argument *row = &command->arguments[i];
		cJSON *value;

		if (!context->values[i] || row->local)
			continue;
		value = argument_json(row, context->values[i]);
		if (!cJSON_AddItemToObject(object, row->name, value)) {
			cJSON_Delete(value);
			cJSON_Delete(object);
			return NULL;
		}
	}
	return object;
}

static enum cli_status run(const struct command_line *line, FILE *out, FILE *err, int *write_error)
{
	struct output output;
	struct command_context context = {
		.command = line->command,
		.values = line->values,
		.instance = line->instance,
		.socket = line->socket,
		.options = line->options,
		.output = &output,
		.err = err,
	};
	enum cli_status status;

	output_init(&output, out, line->json);
	status = line->command->run(&context);
	*write_error = output.error;
	return status;
}

enum cli_status command_main(int argc, char *const argv[], FILE *out, FILE *err)
{
	struct command_line line;
	enum cli_status status;
	int write_error = 0;

	if (argc > 1 && strcmp(argv[1], COMPLETE_WORD) == 0) {
		complete_words(argc - 2, argv + 2, out);
		return CLI_OK;
	}
	status = command_parse(argc, argv, err, &line);
	if (status != CLI_OK)
		return status;
	errno = 0;
	if (line.help)
		help_print(&line, out);
	else if (line.version)
		help_version(out);
	else
		status = run(&line, out, err, &write_error);
	if (line.help || line.version)
		write_error = output_flush(out);
	/* Whoever read the output has seen enough, as of `ovnetctl session list | head`. */
	if (write_error == 0 || write_error == -EPIPE)
		return status;
	fprintf(err, "ovnetctl: the result cannot be written: %s\n", strerror(-write_error));
	return CLI_FAILED;
}
