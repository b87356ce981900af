/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How objects of the manager look as text. See kinds.h. Columns follow from the table of model/ and from what there is to
 * show: a column in which every object has what it would have anyway tells nobody anything.
 */
#include <ctype.h>
#include <string.h>

#include "cli/kinds.h"
#include "lib/error.h"
#include "lib/json.h"

#define TITLE_MAX 32

static struct output_column columns[OUTPUT_COLUMNS_MAX];
static char titles[OUTPUT_COLUMNS_MAX][TITLE_MAX];
static struct output_section section;
static const struct output_view view = {&section, 1};

static enum output_format format_of(const struct model_field *field, bool table)
{
	if (field->type != MODEL_NUMBER)
		return OUTPUT_PLAIN;
	if (strcmp(field->name, "expires") == 0 || strcmp(field->name, "joined") == 0)
		return OUTPUT_TIME;
	return table ? OUTPUT_NUMBER : OUTPUT_PLAIN;
}

static void add(const char *member, enum output_format format, bool table)
{
	size_t i = section.column_count;

	if (i == OUTPUT_COLUMNS_MAX)
		return;
	snprintf(titles[i], TITLE_MAX, "%s", member);
	for (char *c = titles[i]; *c; c++)
		*c = table ? (*c == '_' ? '-' : (char)toupper((unsigned char)*c)) : *c;
	columns[i] = (struct output_column){titles[i], member, format};
	section.column_count++;
}

static void begin(enum output_kind kind, const char *member)
{
	section = (struct output_section){.kind = kind, .member = member, .columns = columns};
}

/* Whether an object says something by this field. */
static bool says(const struct model_field *field, const cJSON *object)
{
	const cJSON *value = json_member(object, field->name);
	struct json_error error;
	cJSON *fallback;
	bool same;

	if (!value || !field->fallback)
		return value;
	fallback = json_parse(field->fallback, strlen(field->fallback), &error);
	same = fallback && cJSON_Compare(value, fallback, true);
	cJSON_Delete(fallback);
	return !same;
}

static bool some_say(const struct model_field *field, const cJSON *objects)
{
	const cJSON *object;

	cJSON_ArrayForEach(object, objects) {
		if (says(field, object))
			return true;
	}
	return false;
}

const struct output_view *kinds_view_object(enum model_kind kind, const cJSON *object)
{
	const struct model_kind_row *row = &model_table[kind];

	begin(OUTPUT_RECORD, "");
	add("name", OUTPUT_PLAIN, false);
	for (size_t i = 0; i < row->field_count; i++)
		if (json_member(object, row->fields[i].name))
			add(row->fields[i].name, format_of(&row->fields[i], false), false);
	if (json_member(object, "secret"))
		add("secret", OUTPUT_PLAIN, false);
	add("revision", OUTPUT_PLAIN, false);
	return &view;
}

const struct output_view *kinds_view_list(enum model_kind kind, const cJSON *objects)
{
	const struct model_kind_row *row = &model_table[kind];

	begin(OUTPUT_TABLE, "objects");
	add("name", OUTPUT_PLAIN, true);
	for (size_t i = 0; i < row->field_count; i++)
		if (row->fields[i].required || some_say(&row->fields[i], objects))
			add(row->fields[i].name, format_of(&row->fields[i], true), true);
	return &view;
}
