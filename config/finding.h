/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Findings: what is wrong with a configuration, collected, put in the order of the file, and told.
 *
 * Knows files, lines and words; leaves out what is right or wrong (schema.c, check.c).
 */
#ifndef OVNET_CONFIG_FINDING_H
#define OVNET_CONFIG_FINDING_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "lib/error.h"

#define FINDINGS_MAX 50      /* more are counted, not kept */
#define FINDING_PATH_MAX 160 /* a path like "nodes[3].port" */

struct finding {
	unsigned line;
	unsigned order; /* of arrival, among those of one line */
	char *message;
};

struct findings {
	const char *file; /* stands before each message; NULL: there is no file, as for a rule given by hand */
	const char *text; /* what the file holds; NULL: lines are not known */
	size_t length;
	unsigned total, kept;
	struct finding list[FINDINGS_MAX];
};

/*
 * Adds "FILE:LINE: PATH: ..."; the line is that of the value at `path`, or of what should hold it. An empty path is
 * left out. Control characters become '?'. Past FINDINGS_MAX, or without memory, only the total grows.
 */
void finding_add(struct findings *findings, const char *path, const char *format, ...) PRINTF_LIKE(3, 4);

/* As finding_add(), for a line that is already known; 0: none. */
void finding_add_at(struct findings *findings, unsigned line, const char *path, const char *format, ...)
	PRINTF_LIKE(4, 5);

/* Reports what was kept, by line, then (for a file) how many more there were; frees it. The total stays. */
void findings_tell(struct findings *findings, config_report_fn report, void *context);

#endif /* OVNET_CONFIG_FINDING_H */
