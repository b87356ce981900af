/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Findings, collected and told. See finding.h.
 */
#include "config/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"

static void PRINTF_LIKE(4, 0)
	finding_keep(struct findings *findings, unsigned line, const char *path, const char *format, va_list arguments)
{
	scope_free char *text = NULL;
	char place[16] = "";
	char *message;

	if (findings->total++ >= FINDINGS_MAX)
		return;
	if (vasprintf(&text, format, arguments) < 0) {
		text = NULL; /* its content is undefined now */
		return;
	}
	if (line)
		snprintf(place, sizeof(place), ":%u", line);
	if (asprintf(&message, "%s%s%s%s%s%s", findings->file ? findings->file : "", place, findings->file ? ": " : "",
		    path, *path ? ": " : "", text) < 0)
		return;
	/* The text is somebody's input and goes to a terminal. */
	for (char *c = message; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	}
	findings->list[findings->kept] = (struct finding){line, findings->kept, message};
	findings->kept++;
}

void finding_add(struct findings *findings, const char *path, const char *format, ...)
{
	unsigned line = 0;
	va_list arguments;

	/* A search of the whole text: not for what is only counted. */
	if (findings->text && findings->total < FINDINGS_MAX)
		line = json_line_of(findings->text, findings->length, path);
	va_start(arguments, format);
	finding_keep(findings, line, path, format, arguments);
	va_end(arguments);
}

void finding_add_at(struct findings *findings, unsigned line, const char *path, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	finding_keep(findings, line, path, format, arguments);
	va_end(arguments);
}

static int finding_compare(const void *a, const void *b)
{
	const struct finding *left = a, *right = b;

	if (left->line != right->line)
		return left->line < right->line ? -1 : 1;
	return left->order < right->order ? -1 : 1;
}

void findings_tell(struct findings *findings, config_report_fn report, void *context)
{
	scope_free char *more = NULL;

	qsort(findings->list, findings->kept, sizeof(findings->list[0]), finding_compare);
	for (unsigned i = 0; i < findings->kept; i++) {
		report(context, findings->list[i].message);
		free(findings->list[i].message);
	}
	if (findings->file && findings->total > findings->kept) {
		if (asprintf(&more, "%s: and %u more", findings->file, findings->total - findings->kept) < 0)
			more = NULL;
		else
			report(context, more);
	}
	findings->kept = 0;
}
