/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the table of model/ to commands. See kinds.h; values are in kinds_value.c, views in kinds_view.c.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/kinds.h"
#include "lib/error.h"

const enum model_kind kinds_order[MODEL_KINDS] = {
	MODEL_VNET,
	MODEL_NODE,
	MODEL_ADDRESS,
	MODEL_GROUP,
	MODEL_SECURITY_GROUP,
	MODEL_POLICY,
	MODEL_HANDLE,
	MODEL_HOST,
	MODEL_ACCOUNT,
	MODEL_TOKEN,
};

/* What lives as long as the program hangs together, for who looks for what was lost. */
struct kept {
	struct kept *next;
	_Alignas(max_align_t) char memory[];
};
static struct kept *kept;

void *kinds_take(size_t size)
{
	struct kept *taken = calloc(1, sizeof(*taken) + size);

	if (!taken) {
		fputs("ovnetctl: out of memory\n", stderr);
		exit(CLI_FAILED);
	}
	taken->next = kept;
	kept = taken;
	return taken->memory;
}

static const char *PRINTF_LIKE(1, 2) text_of(const char *format, ...)
{
	char *text = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length >= 0)
		return text;
	fputs("ovnetctl: out of memory\n", stderr);
	exit(CLI_FAILED);
}

/* ---- what stands for a value in help */

static const char *upper(const char *word)
{
	char *text = kinds_take(strlen(word) + 1);

	for (size_t i = 0; word[i]; i++)
		text[i] = (char)toupper((unsigned char)word[i]);
	return text;
}

/* "one|two|three" */
static const char *joined(const char *const *words)
{
	char *text = kinds_take(256);
	size_t used = 0;

	for (size_t i = 0; words[i] && used < 256; i++)
		used += (size_t)snprintf(text + used, 256 - used, "%s%s", i ? "|" : "", words[i]);
	return text;
}

static const char *placeholder(const struct model_field *field)
{
	switch (field->type) {
	case MODEL_NUMBER:
		return "NUMBER";
	case MODEL_BOOL:
		return "true|false";
	case MODEL_WORD:
		return joined(field->words);
	case MODEL_WORDS:
		return text_of("%s,...", joined(field->words));
	case MODEL_IPV4:
		return "ADDRESS";
	case MODEL_SUBNET:
		return "SUBNET";
	case MODEL_MAC:
		return "MAC";
	case MODEL_LOCATOR:
		return "PREFIX";
	case MODEL_INTERFACE:
		return "INTERFACE";
	case MODEL_KEY:
		return "KEY";
	case MODEL_REF:
		return upper(model_table[field->to].name);
	case MODEL_REFS:
		return text_of("%s,...", upper(model_table[field->to].name));
	case MODEL_SELECTOR:
		return "SELECTOR";
	case MODEL_SERVICES:
		return "SERVICE,...";
	case MODEL_ENTRIES:
		return "ENTRY,...";
	case MODEL_MATCH:
		return "CRITERION,...";
	case MODEL_PART:
	case MODEL_TEXT:
		break;
	}
	return "TEXT";
}

/* ---- arguments */

struct rows {
	struct command_argument *rows;
	size_t count;
};

static struct command_argument *add(struct rows *rows)
{
	if (!rows->rows)
		rows->rows = kinds_take(COMMAND_ARGUMENTS_MAX * sizeof(*rows->rows));
	return &rows->rows[rows->count++];
}

static void add_name(struct rows *rows, enum model_kind kind)
{
	*add(rows) = (struct command_argument){
		.name = "name",
		.type = ARGUMENT_NAME,
		.value = "NAME",
		.help = model_table[kind].of_account ? "its name: ACCOUNT/NAME, or NAME in one's own account"
						     : "its name",
		.positional = true,
		.kind = kind,
	};
}

static void add_field(struct rows *rows, enum model_kind kind, const struct model_field *field, bool change)
{
	*add(rows) = (struct command_argument){
		.name = field->name,
		.type = ARGUMENT_FIELD,
		.value = placeholder(field),
		.help = field->help,
		.required = field->required && !change,
		.clears = change && !field->required,
		.kind = kind,
		.field = field,
	};
}

static void add_fields(struct rows *rows, enum model_kind kind, bool change)
{
	const struct model_kind_row *row = &model_table[kind];

	add_name(rows, kind);
	for (size_t i = 0; i < row->field_count; i++)
		if (!row->fields[i].assigned && !(change && row->fields[i].fixed))
			add_field(rows, kind, &row->fields[i], change);
	if (kind == MODEL_TOKEN && !change)
		*add(rows) = (struct command_argument){
			.name = "secret-file",
			.type = ARGUMENT_FILE,
			.value = "FILE",
			.help = "write the secret there, for its owner only, and do not print it",
			.local = true,
		};
}

static void add_filter(struct rows *rows, const char *name, enum model_kind to, const char *help)
{
	*add(rows) = (struct command_argument){
		.name = name,
		.type = ARGUMENT_NAME,
		.value = upper(name),
		.help = help,
		.kind = to,
	};
}

static void add_filters(struct rows *rows, enum model_kind kind)
{
	if (model_table[kind].of_account)
		add_filter(rows, "account", MODEL_ACCOUNT, "only those of this account");
	if (model_field_find(kind, "vnet"))
		add_filter(rows, "vnet", MODEL_VNET, "only those that name this vnet");
	if (model_field_find(kind, "host"))
		add_filter(rows, "host", MODEL_HOST, "only those that name this host");
	if (model_field_find(kind, "groups"))
		add_filter(rows, "group", MODEL_GROUP, "only those that name this group");
	*add(rows) = (struct command_argument){
		.name = "name",
		.type = ARGUMENT_TEXT,
		.value = "PATTERN",
		.help = "only names that fit this pattern, in which * stands for any letters",
	};
}

/* ---- commands */

void kinds_commands(enum model_kind kind, struct command out[KINDS_VERBS])
{
	const struct model_kind_row *row = &model_table[kind];
	struct rows create = {0}, name = {0}, list = {0}, set = {0};
	const struct command common = {
		.object = row->name,
		.whom = COMMAND_MANAGER,
		.takes = TAKES_MANAGER,
		.kind = kind,
	};

	add_fields(&create, kind, false);
	add_fields(&set, kind, true);
	add_name(&name, kind);
	add_filters(&list, kind);
	for (size_t i = 0; i < KINDS_VERBS; i++)
		out[i] = common;

	out[0].verb = "create";
	out[0].summary = text_of("create %s: %s", row->name, row->summary);
	out[0].run = commands_object_create;
	out[0].arguments = create.rows;
	out[0].argument_count = create.count;
	out[0].takes |= TAKES_WHY | TAKES_DRY_RUN;

	out[1].verb = "show";
	out[1].summary = text_of("all that one %s has", row->name);
	out[1].run = commands_object_show;
	out[1].arguments = name.rows;
	out[1].argument_count = name.count;

	out[2].verb = "list";
	out[2].summary = text_of("%s that one may see", row->plural);
	out[2].run = commands_object_list;
	out[2].arguments = list.rows;
	out[2].argument_count = list.count;

	out[3].verb = "set";
	out[3].summary = text_of("change some fields of %s %s; none clears one",
		strchr("aeiou", *row->name) ? "an" : "a", row->name);
	out[3].run = commands_object_set;
	out[3].arguments = set.rows;
	out[3].argument_count = set.count;
	out[3].takes |= TAKES_WHY | TAKES_DRY_RUN;
	out[3].some = true;

	out[4].verb = "delete";
	out[4].summary = text_of("delete %s %s", strchr("aeiou", *row->name) ? "an" : "a", row->name);
	out[4].run = commands_object_delete;
	out[4].arguments = name.rows;
	out[4].argument_count = name.count;
	out[4].takes |= TAKES_WHY | TAKES_DRY_RUN;
}

bool kinds_explain_key(const struct command *command, const char *key, FILE *err)
{
	const bool writes =
		command->verb && (strcmp(command->verb, "create") == 0 || strcmp(command->verb, "set") == 0);
	const struct model_field *field =
		writes && model_kind_of(command->object) >= 0 ? model_field_find(command->kind, key) : NULL;

	if (!field || (!field->assigned && !field->fixed))
		return false;
	fprintf(err, "ovnetctl: %s: expected nothing, as it is %s\n", key,
		field->assigned ? "the manager's to say" : "fixed once it is created");
	return true;
}
