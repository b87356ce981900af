/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output: one interface, written as text for people or as JSON for programs.
 *
 * A command's result is always a JSON value. The JSON implementation writes it as it is; the text implementation
 * follows a view, a table that says which members are shown and how. No command prints for itself.
 */
#ifndef OVNET_CLI_OUTPUT_H
#define OVNET_CLI_OUTPUT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define OUTPUT_COLUMNS_MAX 20

enum output_format {
	OUTPUT_PLAIN,    /* text as it is, a number in decimal, yes or no; "-" for null and for what is not there */
	OUTPUT_NUMBER,   /* the same, aligned to the right */
	OUTPUT_SECONDS,  /* a length of time; "never" for null */
	OUTPUT_USAGE,    /* {"used": N, "size": N} */
	OUTPUT_TIME,     /* seconds since 1970; "never" for 0 */
	OUTPUT_TIME_MS,  /* milliseconds since 1970 */
	OUTPUT_LENGTH,   /* how many elements a list has */
	OUTPUT_CHANGES,  /* a list of {"action", "kind", "name"} */
	OUTPUT_WRITES,   /* a list of {"key", "deleted"} */
	OUTPUT_FIELDS,   /* an object of {"before", "after"} */
	OUTPUT_ENDPOINT, /* the member M, with the member "M_port" if that is there and not 0 */
};

struct output_column {
	const char *title;
	const char *member; /* may lead further in: "topology.rack" */
	enum output_format format;
};

enum output_kind {
	OUTPUT_RECORD, /* an object: a line for each column */
	OUTPUT_TABLE,  /* an array of objects: a line for each, with a head */
	OUTPUT_LINES,  /* an array of strings: a line for each */
	OUTPUT_COUNTS, /* an object of numbers: a line for each that is not 0 */
	OUTPUT_VALUE,  /* the value alone */
};

struct output_section {
	enum output_kind kind;
	const char *member; /* of the result; "": the result itself */
	const struct output_column *columns;
	size_t column_count; /* at most OUTPUT_COLUMNS_MAX */
};

/* The first section is always shown, a later one after an empty line if it has something in it. */
struct output_view {
	const struct output_section *sections;
	size_t section_count;
};

struct output;

struct output_ops {
	void (*result)(struct output *output, const struct output_view *view, const cJSON *result);
	void (*event)(struct output *output, const struct output_view *view, const cJSON *event);
};

struct output {
	const struct output_ops *ops;
	FILE *stream;
	int error;                         /* 0, or -errno of the first write that failed */
	size_t widths[OUTPUT_COLUMNS_MAX]; /* text: of an event's columns so far */
	bool begun;                        /* text: the head of the events was written */
	bool colours;                      /* text: a terminal that takes them, and NO_COLOR is not set */
	size_t columns;                    /* text: of the terminal, into which tables are made to fit; 0: none */
};

/* `stream` stays the caller's. */
void output_init(struct output *output, FILE *stream, bool json);

/*
 * Writes a command's whole result and flushes it. `view` NULL: nothing is to be shown as text.
 * Returns 0, or -errno of the first write that failed: -EPIPE when nobody reads any more.
 */
int output_result(struct output *output, const struct output_view *view, const cJSON *result);

/* Writes one of many events as one line and flushes it. The first section of the view is a table. Returns likewise. */
int output_event(struct output *output, const struct output_view *view, const cJSON *event);

/* Whether somebody looks at it as it is written. */
bool output_is_terminal(FILE *stream);

/* Flushes. Returns 0, or -errno of this or an earlier failed write, if errno was cleared before it. */
int output_flush(FILE *stream);

/* Writes `text` with control characters other than line breaks and tabs as '?', for what came from elsewhere. */
void output_clean(FILE *stream, const char *text);

#endif /* OVNET_CLI_OUTPUT_H */
