/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads objects by the rows of the table, and tells what is missing or unknown. See schema.h.
 *
 * A row's type gets NULL for a required value that is missing, and the row's default as if it stood in the file.
 */
#include "config/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/schema_type.h"
#include "lib/error.h"
#include "lib/json.h"
#include "lib/name.h"

/* Says that a key is unknown, and which known one is near, or else which ones there are. */
static void tell_unknown(struct schema_reader *reader, enum schema_section section, const char *key, const char *path)
{
	size_t count;
	const struct schema_row *rows = schema_rows(&count);
	char known[SCHEMA_KNOWN_MAX] = "";
	const char *nearest = NULL;
	unsigned least = strlen(key) < 6 ? 2 : 3; /* that far away it is another word */

	for (size_t i = 0; i < count; i++) {
		unsigned steps;

		if (rows[i].section != section)
			continue;
		schema_known_add(known, rows[i].name);
		steps = name_distance(key, rows[i].name);
		if (steps < least) {
			least = steps;
			nearest = rows[i].name;
		}
	}
	if (nearest)
		finding_add(reader->findings, path, "expected a known key like '%s', got '%.40s'", nearest, key);
	else
		finding_add(reader->findings, path, "expected one of the keys %s, got '%.40s'", known, key);
}

/* Reads a row's default, by the same reader as a value of the file. */
static int read_fallback(struct schema_reader *reader, const struct schema_row *row, const char *path, void *target)
{
	char first = row->fallback[0];
	bool number = first >= '0' && first <= '9';
	cJSON value = {
		.type = first == '{'   ? cJSON_Object
			: first == '[' ? cJSON_Array
			: number       ? cJSON_Number
				       : cJSON_String,
		.valuestring = (char *)row->fallback, /* is only read */
		.valuedouble = number ? strtod(row->fallback, NULL) : 0,
	};
	int result;

	reader->by_default = true;
	result = row->read(reader, row, &value, path, target);
	reader->by_default = false;
	return result;
}

int schema_read(struct schema_reader *reader, enum schema_section section, const cJSON *object, const char *path,
	void *target)
{
	const char *dot = *path ? "." : "";
	size_t count;
	const struct schema_row *rows = schema_rows(&count);
	char here[FINDING_PATH_MAX];
	const cJSON *child;
	int result = 0;

	if (!cJSON_IsObject(object))
		return schema_refuse(reader, path, "an object", object);

	for (size_t i = 0; i < count; i++) {
		const struct schema_row *row = &rows[i];
		const cJSON *value;
		int error = 0;

		if (row->section != section)
			continue;
		snprintf(here, sizeof(here), "%s%s%s", path, dot, row->name);
		value = json_member(object, row->name);
		if (value || row->required)
			error = row->read(reader, row, value, here, target);
		else if (row->fallback)
			error = read_fallback(reader, row, here, target);
		if (error)
			result = error;
	}

	cJSON_ArrayForEach(child, object) {
		if (schema_row_find(section, child->string))
			continue;
		snprintf(here, sizeof(here), "%s%s%s", path, dot, child->string);
		tell_unknown(reader, section, child->string, here);
		result = -EINVAL;
	}
	return result;
}
