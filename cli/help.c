/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Help at three levels. The manual page, ovnetctl(8), says more.
 */
#include <string.h>

#include "cli/help.h"

#define USAGE "usage: ovnetctl [OPTION...] "

static int name_length(const struct command *command)
{
	return (int)(strlen(command->object) + (command->verb ? 1 + strlen(command->verb) : 0));
}

static void print_name(const struct command *command, FILE *out)
{
	fprintf(out, "%s%s%s", command->object, command->verb ? " " : "", command->verb ? command->verb : "");
}

/* "vnet VNET", "FILE" or "detach". */
static void print_key(const struct command_argument *row, FILE *out)
{
	fprintf(out, "%s%s%s", row->positional ? "" : row->name, row->positional || !row->value ? "" : " ",
		row->value ? row->value : "");
}

static void print_argument(const struct command_argument *row, FILE *out)
{
	bool optional = row->positional ? row->optional : !row->required;

	fputs(optional ? " [" : " ", out);
	print_key(row, out);
	if (optional)
		putc(']', out);
}

void help_synopsis(const struct command *command, FILE *out)
{
	print_name(command, out);
	for (size_t i = 0; i < command->argument_count; i++)
		print_argument(&command->arguments[i], out);
}

static void print_option(const struct command_option *option, FILE *out)
{
	int width = (int)(strlen(option->full) + (option->value ? 1 + strlen(option->value) : 0));

	fprintf(out, "  %s%s%s%s%s%*s  %s\n", option->brief ? option->brief : "  ", option->brief ? ", " : "  ",
		option->full, option->value ? " " : "", option->value ? option->value : "", 19 - width, "",
		option->help);
}

/* Those that the command takes; NULL: all. */
static void print_options(const struct command *command, FILE *out)
{
	fputs("\nOptions, anywhere on the line:\n", out);
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (!command || !command_options[i].takes || command_options[i].takes & command->takes)
			print_option(&command_options[i], out);
}

/* Those that ask one and the same, in the order of the table. */
static void print_whom(enum command_whom whom, const char *title, int width, FILE *out)
{
	fprintf(out, "\n%s\n", title);
	for (size_t i = 0; i < command_count; i++) {
		const struct command *command = &command_table[i];

		if (command->whom != whom)
			continue;
		fputs("  ", out);
		print_name(command, out);
		fprintf(out, "%*s  %s\n", width - name_length(command), "", command->summary);
	}
}

static void print_all(FILE *out)
{
	int width = 0;

	command_prepare();
	for (size_t i = 0; i < command_count; i++)
		if (name_length(&command_table[i]) > width)
			width = name_length(&command_table[i]);
	fputs(USAGE "OBJECT VERB [key value ...]\n", out);
	print_whom(COMMAND_AGENT, "Asked of the agent of this host (-i, -s):", width, out);
	print_whom(COMMAND_MANAGER, "Asked of the manager (-u, -c, or the context in use):", width, out);
	print_whom(COMMAND_LOCAL, "Done without asking anybody:", width, out);
	print_options(NULL, out);
	fputs("\n'ovnetctl OBJECT --help' and 'ovnetctl OBJECT VERB --help' tell more.\n", out);
}

static void print_object(const char *object, FILE *out)
{
	fprintf(out, USAGE "%s VERB [key value ...]\n", object);
	for (size_t i = 0; i < command_count; i++) {
		if (strcmp(command_table[i].object, object) != 0)
			continue;
		fputs("\n  ", out);
		help_synopsis(&command_table[i], out);
		fprintf(out, "\n      %s\n", command_table[i].summary);
	}
}

static int key_length(const struct command_argument *row)
{
	return (int)((row->positional ? 0 : strlen(row->name)) + (row->value ? strlen(row->value) : 0) +
		     (row->value && !row->positional ? 1 : 0));
}

static const char *const whom_words[] = {
	[COMMAND_AGENT] = "Asks the agent of this host.",
	[COMMAND_MANAGER] = "Asks the manager.",
	[COMMAND_LOCAL] = "Asks nobody.",
};

static void print_command(const struct command *command, FILE *out)
{
	int width = 0;

	for (size_t i = 0; i < command->argument_count; i++)
		if (key_length(&command->arguments[i]) > width)
			width = key_length(&command->arguments[i]);
	fputs(USAGE, out);
	help_synopsis(command, out);
	fprintf(out, "\n\n  %s\n", command->summary);
	fprintf(out, "  %s\n", whom_words[command->whom]);
	if (command->argument_count > 0)
		putc('\n', out);
	for (size_t i = 0; i < command->argument_count; i++) {
		const struct command_argument *row = &command->arguments[i];

		fputs("  ", out);
		print_key(row, out);
		fprintf(out, "%*s  %s\n", width - key_length(row), "", row->help);
	}
	print_options(command, out);
}

void help_print(const struct command_line *line, FILE *out)
{
	if (line->command)
		print_command(line->command, out);
	else if (line->object)
		print_object(line->object, out);
	else
		print_all(out);
}

void help_version(FILE *out)
{
	fputs("ovnetctl " OVNET_VERSION "\n", out);
}
