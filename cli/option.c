/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options. Secrets are none: where a token is needed it comes from a file, from the environment or from the context file.
 */
#include <string.h>

#include "cli/command.h"
#include "lib/error.h"

const struct command_option command_options[OPTION_COUNT] = {
	[OPTION_JSON] = {"-j", "--json", NULL, "write the result as JSON", 0},
	[OPTION_INSTANCE] = {"-i", "--instance", "INSTANCE",
		"the agent's instance; default: OVNET_INSTANCE, or else default", TAKES_AGENT},
	[OPTION_SOCKET] = {"-s", "--socket", "SOCKET", "the path of the agent's control socket, instead of an instance",
		TAKES_AGENT},
	[OPTION_URL] = {"-u", "--url", "URL",
		"the manager: https://HOST:PORT, http://127.0.0.1:PORT or unix:PATH; default: the context",
		TAKES_MANAGER},
	[OPTION_CONTEXT] = {"-c", "--context", "NAME", "the manager of this name in the context file", TAKES_MANAGER},
	[OPTION_TOKEN_FILE] = {NULL, "--token-file", "FILE", "the file with the token for the manager", TAKES_MANAGER},
	[OPTION_CA] = {NULL, "--ca", "FILE", "certificates (PEM) by which the manager's is verified", TAKES_MANAGER},
	[OPTION_WHY] = {NULL, "--why", "TEXT", "why, for the manager's log", TAKES_WHY},
	[OPTION_DRY_RUN] = {NULL, "--dry-run", NULL, "say what would change, and change nothing", TAKES_DRY_RUN},
	[OPTION_FILE] = {"-f", "--file", "FILE", "the file that is to be applied; -: standard input", TAKES_FILE},
	[OPTION_MANAGER] = {"-m", "--manager", NULL, "ask the manager, and not the agent", TAKES_CHOICE},
	[OPTION_HELP] = {"-h", "--help", NULL, "describe the command so far", 0},
	[OPTION_VERSION] = {"-V", "--version", NULL, "print the version", 0},
};

static bool is_option(const struct command_option *option, const char *word)
{
	return (option->brief && strcmp(word, option->brief) == 0) || strcmp(word, option->full) == 0;
}

static enum cli_status report_unknown(const char *word, FILE *err)
{
	const char *words[2 * OPTION_COUNT];
	size_t count = 0;

	for (size_t i = 0; i < OPTION_COUNT; i++) {
		words[count++] = command_options[i].full;
		if (command_options[i].brief)
			words[count++] = command_options[i].brief;
	}
	command_unknown(err, "option", word, words, count);
	return CLI_USAGE;
}

/* An option, and whether it took the next word. */
static enum cli_status parse_option(const char *word, const char *next, FILE *err, struct command_line *line,
	bool *took)
{
	size_t i = 0;

	while (i < OPTION_COUNT && !is_option(&command_options[i], word))
		i++;
	if (i == OPTION_COUNT)
		return report_unknown(word, err);
	*took = command_options[i].value;
	if (*took && !next) {
		fprintf(err, "ovnetctl: %s needs a value: %s\n", word, command_options[i].value);
		return CLI_USAGE;
	}
	line->options[i] = *took ? next : word;
	return CLI_OK;
}

enum cli_status option_parse(int argc, char *const argv[], FILE *err, struct command_line *line, const char **words,
	size_t *count)
{
	*count = 0;
	for (int i = 1; i < argc; i++) {
		bool took = false;

		/* A dash alone is a file's name: the standard input. */
		if (argv[i][0] != '-' || !argv[i][1]) {
			words[(*count)++] = argv[i];
			continue;
		}
		if (parse_option(argv[i], i + 1 < argc ? argv[i + 1] : NULL, err, line, &took) != CLI_OK)
			return CLI_USAGE;
		if (took)
			i++;
	}
	line->json = line->options[OPTION_JSON];
	line->instance = line->options[OPTION_INSTANCE];
	line->socket = line->options[OPTION_SOCKET];
	line->help = line->options[OPTION_HELP];
	line->version = line->options[OPTION_VERSION];
	return CLI_OK;
}

/* It travels as one line. */
static bool is_line(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

enum cli_status option_check(const struct command_line *line, FILE *err)
{
	const struct command *command = line->command;

	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const struct command_option *option = &command_options[i];

		if (!line->options[i] || !option->takes || option->takes & command->takes)
			continue;
		fprintf(err, "ovnetctl: %s%s%s takes no %s\n", command->object, command->verb ? " " : "",
			command->verb ? command->verb : "", option->full);
		return CLI_USAGE;
	}
	if (command->takes & TAKES_FILE && !line->options[OPTION_FILE]) {
		fprintf(err, "ovnetctl: %s needs %s %s\n", command->object, command_options[OPTION_FILE].brief,
			command_options[OPTION_FILE].value);
		return CLI_USAGE;
	}
	if (line->options[OPTION_WHY] && !is_line(line->options[OPTION_WHY])) {
		fputs("ovnetctl: --why: expected a text in one line\n", err);
		return CLI_USAGE;
	}
	if (line->options[OPTION_URL] && line->options[OPTION_CONTEXT]) {
		fputs("ovnetctl: expected one of -u and -c, got both\n", err);
		return CLI_USAGE;
	}
	return CLI_OK;
}
