/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checked JSON reader: what it takes, what it refuses and how it says so, and the lines of values.
 */
#include "selftests/unit/unit.h"

#include <errno.h>
#include <limits.h>
#include <math.h>

#include "lib/error.h"
#include "lib/json.h"

/* An exact-sized copy, so that a read past the end is seen by a sanitizer. */
static cJSON *parse(const char *text, size_t length, struct json_error *error)
{
	char *copy = malloc(length ? length : 1);
	cJSON *tree;

	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	memcpy(copy, text, length);
	tree = json_parse(copy, length, error);
	free(copy);
	return tree;
}

static void accepted(void)
{
	static const char *const cases[] = {"{}", "[]", " \t\r\n{ }\n", "null", "true", "false", "0", "-0", "-1.5e+3", "1E400e"
		/* not a case of its own: see below */,
		"\"\"", "\"a\\u0041\\n\\\"\\\\\\/\\b\\f\\r\\t\"", "\"\\ud83d\\ude00\"", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
		"{\"a\":{\"a\":1},\"b\":[1,2,{\"a\":2}]}", "{\"a\":1,\"ab\":2,\"\":3}",
		"[\"\x7f\"]", "9007199254740993", "1e308"};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct json_error error = {0};
		cJSON *tree = parse(cases[i], strlen(cases[i]), &error);

		CU_ASSERT_PTR_NOT_NULL(tree);
		if (!tree)
			printf("\n    '%s': %s\n", cases[i], error.message);
		cJSON_Delete(tree);
	}
}
