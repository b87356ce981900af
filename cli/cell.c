/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands in one cell of a table, or after a title. See cell.h.
 */
#include "cli/cell.h"

#include <string.h>
#include <time.h>

#include "lib/error.h"
#include "lib/json.h"

const cJSON *cell_find(const cJSON *object, const char *path)
{
	while (object && *path) {
		size_t length = strcspn(path, ".");
		char name[64];

		if (length >= sizeof(name))
			return NULL;
		memcpy(name, path, length);
		name[length] = '\0';
		object = json_member(object, name);
		path += path[length] ? length + 1 : length;
	}
	return object;
}

static char *print_seconds(double seconds)
{
	unsigned long long s = seconds < 0 ? 0 : (unsigned long long)seconds;
	char *text = NULL;
	int written;

	if (s < 60)
		written = asprintf(&text, "%llus", s);
	else if (s < 3600)
		written = asprintf(&text, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		written = asprintf(&text, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		written = asprintf(&text, "%llud%02lluh", s / 86400, s / 3600 % 24);
	return written < 0 ? NULL : text;
}

/* ---- lists */

typedef void (*item_fn)(FILE *out, const cJSON *item);

/* All of a list, separated by commas; "-" for an empty one. */
static char *print_items(const cJSON *list, item_fn fn)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	const cJSON *item;

	if (!out)
		return NULL;
	if (!list->child)
		putc('-', out);
	cJSON_ArrayForEach(item, list) {
		if (item != list->child)
			putc(',', out);
		fn(out, item);
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static void print_item(FILE *out, const cJSON *item)
{
	scope_free char *text = cell_value(item);

	fputs(text ? text : "?", out);
}

/* "name=web*", as criteria are written on the command line */
static void print_member(FILE *out, const cJSON *item)
{
	fprintf(out, "%s=", item->string);
	print_item(out, item);
}

/* "create node acme/web1" */
static void print_change(FILE *out, const cJSON *item)
{
	static const char *const members[] = {"action", "kind", "name"};

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		if (i)
			putc(' ', out);
		print_item(out, cell_find(item, members[i]));
	}
}

/* "node/acme/web1", and with a minus what was deleted */
static void print_write(FILE *out, const cJSON *item)
{
	if (cJSON_IsTrue(cell_find(item, "deleted")))
		putc('-', out);
	print_item(out, cell_find(item, "key"));
}

/* "note: a -> b" */
static void print_field(FILE *out, const cJSON *item)
{
	const cJSON *before = cell_find(item, "before"), *after = cell_find(item, "after");

	fprintf(out, "%s%s", item->prev && item->prev->next ? " " : "", item->string);
	if (!before && !after)
		return;
	fputs(": ", out);
	print_item(out, before);
	fputs(" -> ", out);
	print_item(out, after);
}

static char *print_object(const cJSON *value)
{
	scope_free char *inner = NULL;
	char *text = NULL;

	if (!cell_find(value, "not"))
		return print_items(value, print_member);
	inner = cell_value(cell_find(value, "not"));
	return asprintf(&text, "not:%s", inner ? inner : "?") < 0 ? NULL : text;
}

static char *print_time(double seconds)
{
	time_t when = (time_t)seconds;
	struct tm parts;
	char text[32];

	if (!localtime_r(&when, &parts) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S%z", &parts))
		return NULL;
	return strdup(text);
}

static char *print_length(const cJSON *list)
{
	char *text = NULL;

	return asprintf(&text, "%d", cJSON_GetArraySize(list)) < 0 ? NULL : text;
}

/* ---- values */

char *cell_value(const cJSON *value)
{
	char *text;

	if (!value || cJSON_IsNull(value))
		return strdup("-");
	if (cJSON_IsBool(value))
		return strdup(cJSON_IsTrue(value) ? "yes" : "no");
	if (cJSON_IsArray(value))
		return print_items(value, print_item);
	if (cJSON_IsObject(value))
		return print_object(value);
	if (!cJSON_IsString(value))
		return cJSON_PrintUnformatted(value);
	text = strdup(*value->valuestring ? value->valuestring : "-");
	for (char *c = text; c && *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return text;
}

static char *print_endpoint(const cJSON *object, const struct output_column *column)
{
	scope_free char *address = cell_value(cell_find(object, column->member));
	scope_free char *port_text = NULL;
	const cJSON *port;
	char *text = NULL;
	char name[64];

	snprintf(name, sizeof(name), "%s_port", column->member);
	port = cell_find(object, name);
	if (!address || !cJSON_IsNumber(port) || port->valuedouble < 1)
		return address ? strdup(address) : NULL;
	port_text = cell_value(port);
	return asprintf(&text, "%s:%s", address, port_text ? port_text : "?") < 0 ? NULL : text;
}

static char *print_usage(const cJSON *value)
{
	scope_free char *used = cell_value(cell_find(value, "used"));
	scope_free char *size = cell_value(cell_find(value, "size"));
	char *text = NULL;

	if (!used || !size)
		return NULL;
	return asprintf(&text, "%s of %s", used, size) < 0 ? NULL : text;
}

static item_fn list_fn(enum output_format format)
{
	return format == OUTPUT_CHANGES ? print_change : format == OUTPUT_WRITES ? print_write : print_field;
}

char *cell_print(const cJSON *object, const struct output_column *column)
{
	const cJSON *value = cell_find(object, column->member);

	switch (column->format) {
	case OUTPUT_SECONDS:
		if (cJSON_IsNull(value))
			return strdup("never");
		if (cJSON_IsNumber(value))
			return print_seconds(value->valuedouble);
		break;
	case OUTPUT_USAGE:
		if (cJSON_IsObject(value))
			return print_usage(value);
		break;
	case OUTPUT_ENDPOINT:
		return print_endpoint(object, column);
	case OUTPUT_TIME:
		if (cJSON_IsNumber(value))
			return value->valuedouble > 0 ? print_time(value->valuedouble) : strdup("never");
		break;
	case OUTPUT_TIME_MS:
		if (cJSON_IsNumber(value))
			return print_time(value->valuedouble / 1000);
		break;
	case OUTPUT_LENGTH:
		return print_length(value);
	case OUTPUT_CHANGES:
	case OUTPUT_WRITES:
	case OUTPUT_FIELDS:
		if (value)
			return print_items(value, list_fn(column->format));
		break;
	case OUTPUT_PLAIN:
	case OUTPUT_NUMBER:
		break;
	}
	return cell_value(value);
}
