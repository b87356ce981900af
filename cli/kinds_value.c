/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values of fields: what is certainly wrong is refused before anything is asked, and what was written becomes JSON. See
 * kinds.h.
 */
#include <string.h>

#include "cli/argument.h"
#include "cli/kinds.h"
#include "lib/address.h"
#include "lib/error.h"

#define CLEARED "none"
#define NEGATION "not:" /* before a selector: all but these */

/* Calls `fn` for each part of "a,b,c", a copy of it; false ends it and is handed on. */
static bool each_part(const char *text, bool (*fn)(void *context, const char *part), void *context)
{
	scope_free char *copy = strdup(text);
	char *rest = copy, *part;

	while (copy && (part = strsep(&rest, ",")))
		if (!fn(context, part))
			return false;
	return copy;
}

static bool is_word(const char *const *words, const char *text)
{
	while (*words && strcmp(*words, text) != 0)
		words++;
	return *words;
}

static bool part_is_word(void *context, const char *part)
{
	return is_word(((const struct model_field *)context)->words, part);
}

static bool part_is_name(void *context, const char *part)
{
	const struct model_field *field = context;
	char name[MODEL_NAME_MAX], message[200];

	return model_name(field->to, "any", part, name, message) == 0;
}

static bool part_is_something(void *context, const char *part)
{
	(void)context;
	return *part;
}

bool kinds_is_value(const struct command_argument *row, const char *text)
{
	const struct model_field *field = row->field;
	struct ipv4 address;
	long long number;

	if (row->clears && strcmp(text, CLEARED) == 0)
		return true;
	switch (field->type) {
	case MODEL_NUMBER:
		return argument_number(text, field->min, field->max, &number);
	case MODEL_BOOL:
		return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
	case MODEL_WORD:
		return is_word(field->words, text);
	case MODEL_WORDS:
		return each_part(text, part_is_word, (void *)field);
	case MODEL_IPV4:
		return ipv4_parse(text, &address) == 0;
	case MODEL_REF:
	case MODEL_REFS:
		return each_part(text, part_is_name, (void *)field);
	case MODEL_SERVICES:
	case MODEL_ENTRIES:
	case MODEL_MATCH:
	case MODEL_SELECTOR:
		return each_part(text, part_is_something, NULL);
	case MODEL_PART:
	case MODEL_TEXT:
	case MODEL_SUBNET:
	case MODEL_MAC:
	case MODEL_LOCATOR:
	case MODEL_INTERFACE:
	case MODEL_KEY:
		break;
	}
	return *text;
}

const char *kinds_expected(const struct command_argument *row, char out[320])
{
	const struct model_field *field = row->field;
	const char *clears = row->clears ? ", or none" : "";

	switch (field->type) {
	case MODEL_NUMBER:
		snprintf(out, 320, "a number from %lld to %lld%s", field->min, field->max, clears);
		break;
	case MODEL_BOOL:
	case MODEL_WORD:
		snprintf(out, 320, "%s%s", row->value, clears);
		break;
	case MODEL_WORDS:
		snprintf(out, 320, "%s, each separated by a comma%s", row->value, clears);
		break;
	case MODEL_IPV4:
		snprintf(out, 320, "an IPv4 address%s", clears);
		break;
	case MODEL_REF:
	case MODEL_REFS:
		snprintf(out, 320, "%s of %s%s: ACCOUNT/NAME or NAME%s",
			field->type == MODEL_REF ? "the name" : "names", model_table[field->to].name,
			field->type == MODEL_REF ? "" : "s, separated by commas", clears);
		break;
	default:
		snprintf(out, 320, "a value for %s%s", row->value, clears);
		break;
	}
	return out;
}

/* ---- as JSON */

static bool add_text(void *context, const char *part)
{
	cJSON *item = cJSON_CreateString(part);

	if (cJSON_AddItemToArray(context, item))
		return true;
	cJSON_Delete(item);
	return false;
}

static cJSON *list_of(const char *text)
{
	cJSON *list = cJSON_CreateArray();

	if (list && each_part(text, add_text, list))
		return list;
	cJSON_Delete(list);
	return NULL;
}

/* "any", "group:web,10.0.0.0/8", "not:group:web" */
static cJSON *selector_of(const char *text)
{
	bool negated = strncmp(text, NEGATION, strlen(NEGATION)) == 0;
	cJSON *list = list_of(negated ? text + strlen(NEGATION) : text), *object;

	if (!negated || !list)
		return list;
	object = cJSON_CreateObject();
	if (cJSON_AddItemToObject(object, "not", list))
		return object;
	cJSON_Delete(list);
	cJSON_Delete(object);
	return NULL;
}

static bool add_criterion(void *context, const char *part)
{
	const char *sign = strchr(part, '=');
	scope_free char *key = strndup(part, sign ? (size_t)(sign - part) : strlen(part));

	/* A word without a sign is for the manager to refuse, who says what it expected. */
	return key && cJSON_AddStringToObject(context, key, sign ? sign + 1 : "");
}

static cJSON *match_of(const char *text)
{
	cJSON *object = cJSON_CreateObject();

	if (object && each_part(text, add_criterion, object))
		return object;
	cJSON_Delete(object);
	return NULL;
}

cJSON *kinds_json(const struct command_argument *row, const char *text)
{
	if (row->clears && strcmp(text, CLEARED) == 0)
		return cJSON_CreateNull();
	switch (row->field->type) {
	case MODEL_NUMBER:
		return cJSON_CreateNumber((double)strtoll(text, NULL, 10));
	case MODEL_BOOL:
		return cJSON_CreateBool(strcmp(text, "true") == 0);
	case MODEL_WORDS:
	case MODEL_REFS:
	case MODEL_SERVICES:
	case MODEL_ENTRIES:
		return list_of(text);
	case MODEL_SELECTOR:
		return selector_of(text);
	case MODEL_MATCH:
		return match_of(text);
	default:
		return cJSON_CreateString(text);
	}
}

cJSON *kinds_body(const struct command_context *context)
{
	const struct command *command = context->command;
	cJSON *body = cJSON_CreateObject();

	for (size_t i = 0; body && i < command->argument_count; i++) {
		const struct command_argument *row = &command->arguments[i];
		cJSON *value;

		if (row->type != ARGUMENT_FIELD || !context->values[i])
			continue;
		value = kinds_json(row, context->values[i]);
		if (!value || !cJSON_AddItemToObject(body, row->name, value)) {
			cJSON_Delete(value);
			cJSON_Delete(body);
			return NULL;
		}
	}
	return body;
}
