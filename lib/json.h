/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cJSON, wrapped once and checked: what cJSON lets pass (duplicate keys, text after the value, keys that differ in
 * case only, NUL octets and escapes, numbers that JSON does not have, over-deep input) is an error here, and every
 * value can be found again in its text, so that a message can name file, line and path.
 */
#ifndef OVNET_LIB_JSON_H
#define OVNET_LIB_JSON_H

#include <cjson/cJSON.h>
#include <stddef.h>

#define JSON_DEPTH_MAX 32
#define JSON_GOT_MAX 64 /* a value as messages show it */

struct json_error {
	unsigned line;     /* 1 ..; 0: not known */
	char message[200]; /* what is wrong and what was expected */
};

/*
 * Parses `length` octets of `text` (need not end in NUL). Returns the tree (free with cJSON_Delete()), or NULL
 * with *error filled: syntax, duplicate key, trailing text, NUL (as octet or escape), invalid UTF-8, a number of more
 * than 63 characters or past a double's range, nesting past JSON_DEPTH_MAX; or no memory.
 */
cJSON *json_parse(const char *text, size_t length, struct json_error *error);

/*
 * The line (1 ..) on which the value at `path` begins in `text`, which json_parse() accepted; a path is like
 * "nodes[3].port", "" is the whole. Keys are compared as they are written, so one with an escape is not found. What is
 * not there gives the line of the nearest enclosing value that is.
 */
unsigned json_line_of(const char *text, size_t length, const char *path);

/* Exact, case-sensitive member of an object, or NULL. */
const cJSON *json_member(const cJSON *object, const char *name);

/* An integer from a JSON number. Returns 0; -EINVAL: not a number, or not whole; -ERANGE: outside [min, max]. */
int json_integer(const cJSON *value, long long min, long long max, long long *out);

/* A value as a message shows it after "got": 'text' (cut when long), a number, "a list"; NULL: "nothing". */
const char *json_got(const cJSON *value, char got[JSON_GOT_MAX]);

/* 64-bit numbers travel as strings of decimal digits. */
cJSON *json_add_u64(cJSON *object, const char *name, unsigned long long value);

#endif /* OVNET_LIB_JSON_H */
