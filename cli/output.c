/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output as text and as JSON. Knows no command; views are beside the commands.
 */
#include <errno.h>
#include <string.h>

#include "cli/output.h"
#include "lib/error.h"
#include "lib/json.h"

void output_clean(FILE *stream, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		putc((c < ' ' && c != '\n' && c != '\t') || c == 0x7f ? '?' : c, stream);
	}
}

/* The member that a path like "topology.rack" leads to; "" is the object itself. NULL when it is not there. */
static const cJSON *find(const cJSON *object, const char *path)
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

static char *print_value(const cJSON *value)
{
	char *text;

	if (!value || cJSON_IsNull(value))
		return strdup("-");
	if (cJSON_IsBool(value))
		return strdup(cJSON_IsTrue(value) ? "yes" : "no");
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
	scope_free char *address = print_value(find(object, column->member));
	scope_free char *port_text = NULL;
	const cJSON *port;
	char *text = NULL;
	char name[64];

	snprintf(name, sizeof(name), "%s_port", column->member);
	port = find(object, name);
	if (!address || !cJSON_IsNumber(port) || port->valuedouble < 1)
		return address ? strdup(address) : NULL;
	port_text = print_value(port);
	return asprintf(&text, "%s:%s", address, port_text ? port_text : "?") < 0 ? NULL : text;
}

static char *print_usage(const cJSON *value)
{
	scope_free char *used = print_value(find(value, "used"));
	scope_free char *size = print_value(find(value, "size"));
	char *text = NULL;

	if (!used || !size)
		return NULL;
	return asprintf(&text, "%s of %s", used, size) < 0 ? NULL : text;
}

/* What stands in a cell; the caller frees it. NULL: out of memory. */
static char *print_cell(const cJSON *object, const struct output_column *column)
{
	const cJSON *value = find(object, column->member);

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
	case OUTPUT_PLAIN:
	case OUTPUT_NUMBER:
		break;
	}
	return print_value(value);
}

/* The first element; the others follow by `next`. */
static const cJSON *first_of(const cJSON *array)
{
	return array ? array->child : NULL;
}

static bool is_right(const struct output_column *column)
{
	return column->format == OUTPUT_NUMBER || column->format == OUTPUT_SECONDS;
}

/* One cell; the last of a line gets no spaces after it. */
static void write_cell(FILE *stream, const char *text, size_t width, bool right, bool last)
{
	int pad = last && !right ? 0 : (int)width;

	fprintf(stream, "%*s%s", right ? pad : -pad, text ? text : "?", last ? "\n" : "  ");
}

static void write_head(FILE *stream, const struct output_section *section, const size_t *widths)
{
	for (size_t i = 0; i < section->column_count; i++)
		write_cell(stream, section->columns[i].title, widths[i], is_right(&section->columns[i]),
			i + 1 == section->column_count);
}

static void write_row(FILE *stream, const struct output_section *section, const size_t *widths, const cJSON *row)
{
	for (size_t i = 0; i < section->column_count; i++) {
		scope_free char *text = print_cell(row, &section->columns[i]);

		write_cell(stream, text, widths[i], is_right(&section->columns[i]), i + 1 == section->column_count);
	}
}

static void widen_for_head(const struct output_section *section, size_t *widths)
{
	for (size_t i = 0; i < section->column_count; i++)
		widths[i] = strlen(section->columns[i].title);
}

static void widen_for_row(const struct output_section *section, size_t *widths, const cJSON *row)
{
	for (size_t i = 0; i < section->column_count; i++) {
		scope_free char *text = print_cell(row, &section->columns[i]);

		if (text && strlen(text) > widths[i])
			widths[i] = strlen(text);
	}
}

static void write_table(FILE *stream, const struct output_section *section, const cJSON *rows)
{
	size_t widths[OUTPUT_COLUMNS_MAX];

	widen_for_head(section, widths);
	for (const cJSON *row = first_of(rows); row; row = row->next)
		widen_for_row(section, widths, row);
	write_head(stream, section, widths);
	for (const cJSON *row = first_of(rows); row; row = row->next)
		write_row(stream, section, widths, row);
}

static void write_record(FILE *stream, const struct output_section *section, const cJSON *object)
{
	size_t width = 0;

	for (size_t i = 0; i < section->column_count; i++)
		if (strlen(section->columns[i].title) > width)
			width = strlen(section->columns[i].title);
	for (size_t i = 0; i < section->column_count; i++) {
		scope_free char *text = print_cell(object, &section->columns[i]);

		write_cell(stream, section->columns[i].title, width, false, false);
		write_cell(stream, text, 0, false, true);
	}
}

static void write_lines(FILE *stream, const cJSON *lines)
{
	for (const cJSON *line = first_of(lines); line; line = line->next) {
		if (!cJSON_IsString(line))
			continue;
		output_clean(stream, line->valuestring);
		putc('\n', stream);
	}
}

/* A 64-bit number comes as a string. */
static bool is_count(const cJSON *value)
{
	if (cJSON_IsString(value))
		return strcmp(value->valuestring, "0") != 0;
	return cJSON_IsNumber(value) && value->valuedouble != 0;
}

static void write_counts(FILE *stream, const cJSON *counts)
{
	size_t width = 0;

	for (const cJSON *count = first_of(counts); count; count = count->next)
		if (is_count(count) && strlen(count->string) > width)
			width = strlen(count->string);
	for (const cJSON *count = first_of(counts); count; count = count->next) {
		scope_free char *text = is_count(count) ? print_value(count) : NULL;

		if (!text)
			continue;
		write_cell(stream, count->string, width, false, false);
		write_cell(stream, text, 0, false, true);
	}
}

static void write_value(FILE *stream, const cJSON *value)
{
	const char *text = cJSON_IsString(value) ? value->valuestring : "-";
	size_t length = strlen(text);

	output_clean(stream, text);
	if (length == 0 || text[length - 1] != '\n')
		putc('\n', stream);
}

static void text_result(struct output *output, const struct output_view *view, const cJSON *result)
{
	for (size_t i = 0; view && i < view->section_count; i++) {
		const struct output_section *section = &view->sections[i];
		const cJSON *value = find(result, section->member);

		if (i > 0) {
			if (!value || !value->child)
				continue;
			putc('\n', output->stream);
		}
		switch (section->kind) {
		case OUTPUT_RECORD:
			write_record(output->stream, section, value);
			break;
		case OUTPUT_TABLE:
			write_table(output->stream, section, value);
			break;
		case OUTPUT_LINES:
			write_lines(output->stream, value);
			break;
		case OUTPUT_COUNTS:
			write_counts(output->stream, value);
			break;
		case OUTPUT_VALUE:
			write_value(output->stream, value);
			break;
		}
	}
}

static void widen_for_endpoints(const struct output_section *section, size_t *widths)
{
	for (size_t i = 0; i < section->column_count; i++)
		if (section->columns[i].format == OUTPUT_ENDPOINT)
			widths[i] = strlen("255.255.255.255:65535");
}

/* What is to come is not known, so a column grows when it has to and never shrinks. */
static void text_event(struct output *output, const struct output_view *view, const cJSON *event)
{
	const struct output_section *section = &view->sections[0];

	if (!output->begun) {
		widen_for_head(section, output->widths);
		widen_for_endpoints(section, output->widths);
	}
	widen_for_row(section, output->widths, event);
	if (!output->begun)
		write_head(output->stream, section, output->widths);
	output->begun = true;
	write_row(output->stream, section, output->widths, event);
}

static void json_write(struct output *output, const struct output_view *view, const cJSON *value)
{
	scope_free char *text = cJSON_PrintUnformatted(value);

	(void)view;
	if (text)
		fprintf(output->stream, "%s\n", text);
	else
		output->error = -ENOMEM;
}

static const struct output_ops text_ops = {.result = text_result, .event = text_event};
static const struct output_ops json_ops = {.result = json_write, .event = json_write};

void output_init(struct output *output, FILE *stream, bool json)
{
	*output = (struct output){.ops = json ? &json_ops : &text_ops, .stream = stream};
}

int output_flush(FILE *stream)
{
	/* A write that failed earlier left its mark on the stream, and errno as it was then or by the next attempt. */
	if (fflush(stream) == 0 && !ferror(stream))
		return 0;
	return errno ? -errno : -EIO;
}

int output_result(struct output *output, const struct output_view *view, const cJSON *result)
{
	errno = 0;
	output->ops->result(output, view, result);
	if (output->error == 0)
		output->error = output_flush(output->stream);
	return output->error;
}

int output_event(struct output *output, const struct output_view *view, const cJSON *event)
{
	errno = 0;
	output->ops->event(output, view, event);
	if (output->error == 0)
		output->error = output_flush(output->stream);
	return output->error;
}
