/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output as text and as JSON. Knows no command; views are beside the commands.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cli/cell.h"
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

/* The first element; the others follow by `next`. */
static const cJSON *first_of(const cJSON *array)
{
	return array ? array->child : NULL;
}

static bool is_right(const struct output_column *column)
{
	return column->format == OUTPUT_NUMBER || column->format == OUTPUT_SECONDS;
}

/* ---- the terminal */

#define COLUMN_LEAST 8 /* a column is not made narrower than that to fit */
#define GAP 2          /* between columns */

/* Letters, not octets. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

/* Where the letter number `letters` begins. */
static size_t octets_of(const char *text, size_t letters)
{
	size_t i = 0;

	while (text[i] && (letters > 0 || ((unsigned char)text[i] & 0xc0) == 0x80)) {
		letters -= ((unsigned char)text[i] & 0xc0) != 0x80;
		i++;
	}
	return i;
}

/* Makes the widest columns narrower until a line fits, as far as it goes. */
static void fit(const struct output *output, size_t count, size_t *widths)
{
	size_t all = count ? GAP * (count - 1) : 0;

	for (size_t i = 0; i < count; i++)
		all += widths[i];
	while (output->columns && all > output->columns) {
		size_t widest = 0;

		for (size_t i = 1; i < count; i++)
			if (widths[i] > widths[widest])
				widest = i;
		if (!count || widths[widest] <= COLUMN_LEAST)
			return;
		widths[widest]--;
		all--;
	}
}

static const char *colour_of(const char *text)
{
	static const struct {
		const char *word, *colour;
	} words[] = {
		{"allow", "\033[32m"},
		{"deny", "\033[31m"},
		{"create", "\033[32m"},
		{"set", "\033[33m"},
		{"delete", "\033[31m"},
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i].word, text) == 0)
			return words[i].colour;
	return NULL;
}

/* One cell; the last of a line gets no spaces after it. `colour` NULL: as the word is. */
static void write_cell(struct output *output, const char *text, size_t width, bool right, bool last, const char *colour)
{
	FILE *stream = output->stream;
	size_t letters, pad;
	bool cut;

	text = text ? text : "?";
	letters = width_of(text);
	cut = output->columns && width && letters > width;
	pad = letters < width ? width - letters : 0;
	colour = !output->colours ? NULL : colour ? colour : colour_of(text);
	if (right)
		fprintf(stream, "%*s", (int)pad, "");
	fprintf(stream, "%s%.*s%s%s", colour ? colour : "", (int)(cut ? octets_of(text, width - 1) : strlen(text)),
		text, cut ? "\xe2\x80\xa6" : "", colour ? "\033[0m" : "");
	if (!right && !last)
		fprintf(stream, "%*s", (int)pad, "");
	fputs(last ? "\n" : "  ", stream);
}

static void write_head(struct output *output, const struct output_section *section, const size_t *widths)
{
	for (size_t i = 0; i < section->column_count; i++)
		write_cell(output, section->columns[i].title, widths[i], is_right(&section->columns[i]),
			i + 1 == section->column_count, "\033[1m");
}

static void write_row(struct output *output, const struct output_section *section, const size_t *widths,
	const cJSON *row)
{
	for (size_t i = 0; i < section->column_count; i++) {
		scope_free char *text = cell_print(row, &section->columns[i]);

		write_cell(output, text, widths[i], is_right(&section->columns[i]), i + 1 == section->column_count,
			NULL);
	}
}

static void widen_for_head(const struct output_section *section, size_t *widths)
{
	for (size_t i = 0; i < section->column_count; i++)
		widths[i] = width_of(section->columns[i].title);
}

static void widen_for_row(const struct output_section *section, size_t *widths, const cJSON *row)
{
	for (size_t i = 0; i < section->column_count; i++) {
		scope_free char *text = cell_print(row, &section->columns[i]);

		if (text && width_of(text) > widths[i])
			widths[i] = width_of(text);
	}
}

static void write_table(struct output *output, const struct output_section *section, const cJSON *rows)
{
	size_t widths[OUTPUT_COLUMNS_MAX];

	widen_for_head(section, widths);
	for (const cJSON *row = first_of(rows); row; row = row->next)
		widen_for_row(section, widths, row);
	fit(output, section->column_count, widths);
	write_head(output, section, widths);
	for (const cJSON *row = first_of(rows); row; row = row->next)
		write_row(output, section, widths, row);
}

static void write_record(struct output *output, const struct output_section *section, const cJSON *object)
{
	size_t width = 0;

	for (size_t i = 0; i < section->column_count; i++)
		if (width_of(section->columns[i].title) > width)
			width = width_of(section->columns[i].title);
	for (size_t i = 0; i < section->column_count; i++) {
		scope_free char *text = cell_print(object, &section->columns[i]);

		write_cell(output, section->columns[i].title, width, false, false, "\033[1m");
		write_cell(output, text, 0, false, true, NULL);
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

static void write_counts(struct output *output, const cJSON *counts)
{
	size_t width = 0;

	for (const cJSON *count = first_of(counts); count; count = count->next)
		if (is_count(count) && strlen(count->string) > width)
			width = strlen(count->string);
	for (const cJSON *count = first_of(counts); count; count = count->next) {
		scope_free char *text = is_count(count) ? cell_value(count) : NULL;

		if (!text)
			continue;
		write_cell(output, count->string, width, false, false, "\033[1m");
		write_cell(output, text, 0, false, true, NULL);
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
		const cJSON *value = cell_find(result, section->member);

		if (i > 0) {
			if (!value || !value->child)
				continue;
			putc('\n', output->stream);
		}
		switch (section->kind) {
		case OUTPUT_RECORD:
			write_record(output, section, value);
			break;
		case OUTPUT_TABLE:
			write_table(output, section, value);
			break;
		case OUTPUT_LINES:
			write_lines(output->stream, value);
			break;
		case OUTPUT_COUNTS:
			write_counts(output, value);
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
	fit(output, section->column_count, output->widths);
	if (!output->begun)
		write_head(output, section, output->widths);
	output->begun = true;
	write_row(output, section, output->widths, event);
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

bool output_is_terminal(FILE *stream)
{
	int fd = fileno(stream);
	const char *name = getenv("TERM");

	return fd >= 0 && isatty(fd) && !(name && strcmp(name, "dumb") == 0);
}

static void look_at_terminal(struct output *output)
{
	const char *plain = getenv("NO_COLOR");
	struct winsize size = {0};

	if (!output_is_terminal(output->stream))
		return;
	output->colours = !plain || !*plain;
	if (ioctl(fileno(output->stream), TIOCGWINSZ, &size) == 0)
		output->columns = size.ws_col;
}

void output_init(struct output *output, FILE *stream, bool json)
{
	*output = (struct output){.ops = json ? &json_ops : &text_ops, .stream = stream};
	if (!json)
		look_at_terminal(output);
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
