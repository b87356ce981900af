/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A script for bash that completes objects, verbs, keys and those values that are known beforehand. It is made from
 * the table and asks no agent.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/argument.h"
#include "cli/commands.h"

/*
 * `words` are those so far without options and their values, `last` is the one before the cursor. Bash splits
 * words also at ':', so that an address may be several; keys are looked for after the verb only.
 */
static const char *const head =
	"# bash completion for ovnetctl, made by: ovnetctl completion bash\n"
	"_ovnetctl()\n"
	"{\n"
	"	local current=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD-1]} candidates= i\n"
	"	local -a words=()\n"
	"\n"
	"	COMPREPLY=()\n"
	"	for ((i = 1; i < COMP_CWORD; i++)); do\n"
	"		case ${COMP_WORDS[i]} in\n";

static const char *const tail = /* an option is completed wherever it stands */
	"	if [[ $current == -* ]]; then\n"
	"		candidates=$options\n"
	"	fi\n"
	"	COMPREPLY=($(compgen -W \"$candidates\" -- \"$current\"))\n"
	"}\n"
	"complete -F _ovnetctl ovnetctl\n";

static void print_options(FILE *out)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (command_options[i].value)
			fprintf(out, "		%s | %s) ((i++)) ;;\n", command_options[i].brief,
				command_options[i].full);
	fputs("		-*) ;;\n		*) words+=(\"${COMP_WORDS[i]}\") ;;\n		esac\n	done\n\n", out);

	fputs("	local options='", out);
	for (size_t i = 0; i < OPTION_COUNT; i++)
		fprintf(out, "%s%s %s", i ? " " : "", command_options[i].brief, command_options[i].full);
	fputs("'\n", out);

	fprintf(out, "	case $last in\n	%s | %s) COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n",
		command_options[OPTION_SOCKET].brief, command_options[OPTION_SOCKET].full);
	fprintf(out, "	%s | %s) return ;;\n	esac\n\n", command_options[OPTION_INSTANCE].brief,
		command_options[OPTION_INSTANCE].full);
}

/* The objects, when there is no word yet, and the verbs of each, when there is one. */
static void print_words(FILE *out)
{
	const char *object = "";

	fputs("	case ${#words[@]},${words[0]} in\n	0,*) candidates='", out);
	for (size_t i = 0; i < command_count; i++) {
		if (strcmp(object, command_table[i].object) != 0)
			fprintf(out, "%s%s", i ? " " : "", command_table[i].object);
		object = command_table[i].object;
	}
	fputs("' ;;\n", out);
	object = "";
	for (size_t i = 0; i < command_count; i++) {
		const struct command *command = &command_table[i];
		bool first = strcmp(object, command->object) != 0;

		object = command->object;
		if (!command->verb)
			continue;
		if (first)
			fprintf(out, "	1,%s) candidates='", object);
		fprintf(out, "%s%s", first ? "" : " ", command->verb);
		if (i + 1 == command_count || strcmp(command_table[i + 1].object, object) != 0)
			fputs("' ;;\n", out);
	}
	fputs("	esac\n\n", out);
}

static void print_candidate(void *context, const char *word, size_t length)
{
	fprintf(context, " %.*s", (int)length, word);
}

/* The values of a type that are known beforehand, as a list of words. */
static void print_known(const struct command_argument *row, FILE *out)
{
	fputs("candidates='", out);
	switch (row->type) {
	case ARGUMENT_WORD:
		argument_each_word(row->value, print_candidate, out);
		break;
	case ARGUMENT_PROTOCOL:
		fputs("tcp udp icmp any", out);
		break;
	case ARGUMENT_PORT:
	case ARGUMENT_ENDPOINT:
		fputs("any", out);
		break;
	default:
		break;
	}
	fputs("' ;;\n", out);
}

/* In the place of a positional argument, its values; the place of one that may be left out is for keys, too. */
static void print_positional(const struct command *command, int words, FILE *out)
{
	for (size_t i = 0; i < command->argument_count && command->arguments[i].positional; i++) {
		const struct command_argument *row = &command->arguments[i];

		if (row->optional)
			continue;
		fprintf(out, "		%d,*) ", words + (int)i);
		if (row->type == ARGUMENT_FILE)
			fputs("COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n", out);
		else
			print_known(row, out);
	}
}

/* After a key, its values; else the keys. */
static void print_arguments(const struct command *command, FILE *out)
{
	int words = command->verb ? 2 : 1;

	if (command->argument_count == 0)
		return;
	fprintf(out, "	'%s%s%s')\n", command->object, command->verb ? " " : "", command->verb ? command->verb : "");
	fputs("		case ${#words[@]},$last in\n", out);
	print_positional(command, words, out);
	for (size_t i = 0; i < command->argument_count; i++) {
		const struct command_argument *row = &command->arguments[i];

		if (row->positional || row->type == ARGUMENT_FLAG)
			continue;
		fprintf(out, "		*,%s) ", row->name);
		print_known(row, out);
	}
	fputs("		*) candidates='", out);
	for (size_t i = 0; i < command->argument_count; i++)
		if (!command->arguments[i].positional)
			fprintf(out, " %s", command->arguments[i].name);
	fputs("' ;;\n		esac\n		;;\n", out);
}

/* The script, or NULL; the caller frees it. */
static char *make_script(void)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	fputs(head, out);
	print_options(out);
	print_words(out);
	for (int words = 1; words <= 2; words++) {
		fprintf(out, "	((${#words[@]} >= %d)) && case \"${words[*]:0:%d}\" in\n", words, words);
		for (size_t i = 0; i < command_count; i++)
			if ((command_table[i].verb ? 2 : 1) == words)
				print_arguments(&command_table[i], out);
		fputs("	esac\n\n", out);
	}
	fputs(tail, out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

enum cli_status commands_completion_bash(const struct command_context *context)
{
	cJSON *result = cJSON_CreateObject();
	char *script = make_script();
	enum cli_status status = CLI_OK;

	if (script && cJSON_AddStringToObject(result, "script", script)) {
		output_result(context->output, context->command->view, result);
	} else {
		fputs("ovnetctl: out of memory\n", context->err);
		status = CLI_FAILED;
	}
	free(script);
	cJSON_Delete(result);
	return status;
}
