/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kinds by their words, whole names, and keys. See model.h.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/error.h"
#include "lib/json.h"
#include "lib/name.h"
#include "model/internal.h"

static_assert(MODEL_PART_MAX == NAME_PART_MAX && MODEL_NAME_MAX == NAME_WHOLE_MAX, "names are those of lib/name.h");

int model_kind_of(const char *word)
{
	for (int kind = 0; kind < MODEL_KINDS; kind++) {
		if (strcmp(model_table[kind].name, word) == 0 || strcmp(model_table[kind].plural, word) == 0)
			return kind;
	}
	return -1;
}

const struct model_field *model_field_find(enum model_kind kind, const char *name)
{
	const struct model_kind_row *row = &model_table[kind];

	for (size_t i = 0; i < row->field_count; i++) {
		if (strcmp(row->fields[i].name, name) == 0)
			return &row->fields[i];
	}
	return NULL;
}

/* Names stand in paths of the API, where "." and ".." would be folders. */
static bool part_is_good(const char *text)
{
	return name_is_part(text) && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

/* Likewise for the part that ends before `end`. */
static bool part_is_good_until(const char *text, const char *end)
{
	char part[MODEL_PART_MAX];

	if ((size_t)(end - text) >= sizeof(part))
		return false;
	memcpy(part, text, (size_t)(end - text));
	part[end - text] = '\0';
	return part_is_good(part);
}

static bool whole_is_good(enum model_kind kind, const char *text)
{
	const char *slash = strchr(text, '/');

	if (!model_table[kind].of_account)
		return part_is_good(text);
	return slash && part_is_good_until(text, slash) && part_is_good(slash + 1);
}

int model_name(enum model_kind kind, const char *account, const char *text, char out[MODEL_NAME_MAX], char message[200])
{
	char whole[2 * MODEL_NAME_MAX], got[JSON_GOT_MAX];
	cJSON value = {.type = cJSON_String, .valuestring = (char *)text}; /* is only read */
	const char *expected =
		!model_table[kind].of_account ? MODEL_PART_EXPECTED
		: account ? "a name like NAME or ACCOUNT/NAME, each of 1 to 31 letters, digits, '_', '.' or '-'"
			  : "a name like ACCOUNT/NAME, each of 1 to 31 letters, digits, '_', '.' or '-'";

	if (model_table[kind].of_account && account && !strchr(text, '/'))
		snprintf(whole, sizeof(whole), "%s/%s", account, text);
	else
		snprintf(whole, sizeof(whole), "%s", text);
	if (!whole_is_good(kind, whole)) {
		snprintf(message, 200, "expected %s, got %s", expected, json_got(&value, got));
		return -EINVAL;
	}
	strcpy(out, whole);
	return 0;
}

void model_account(const char *name, char out[MODEL_PART_MAX])
{
	const char *slash = strchr(name, '/');

	if (slash && slash - name < MODEL_PART_MAX)
		snprintf(out, MODEL_PART_MAX, "%.*s", (int)(slash - name), name);
	else
		snprintf(out, MODEL_PART_MAX, "%s", MODEL_SYSTEM);
}

void model_key(enum model_kind kind, const char *name, char out[MODEL_KEY_MAX])
{
	snprintf(out, MODEL_KEY_MAX, "%s/%s", model_table[kind].name, name);
}

int model_key_parse(const char *key, enum model_kind *kind, const char **name)
{
	const char *slash = strchr(key, '/');

	for (int i = 0; slash && i < MODEL_KINDS; i++) {
		size_t length = strlen(model_table[i].name);

		if ((size_t)(slash - key) != length || memcmp(key, model_table[i].name, length) != 0)
			continue;
		if (!whole_is_good((enum model_kind)i, slash + 1))
			return -EINVAL;
		*kind = (enum model_kind)i;
		*name = slash + 1;
		return 0;
	}
	return -EINVAL;
}
