/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of cli/ share: whole command lines, run through command_main() with streams of memory.
 */
#ifndef OVNET_SELFTESTS_UNIT_CLI_H
#define OVNET_SELFTESTS_UNIT_CLI_H

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "lib/error.h"

#define CLI_WORDS_MAX 24
/* What a command line did. */
static char *out, *err;
static enum cli_status status;

/* Runs a command line, words separated by single spaces; `stream` NULL: what it writes is kept in `out`. */
static inline void run_to(FILE *stream, const char *words)
{
	scope_free char *copy = NULL;
	char *argv[CLI_WORDS_MAX + 1] = {(char *)"ovnetctl"};
	FILE *out_stream, *err_stream;
	size_t out_size, err_size;
	char *rest = NULL;
	int argc = 1;

	free(out);
	free(err);
	out = err = NULL;
	copy = strdup(words);
	for (char *word = strtok_r(copy, " ", &rest); word && argc < CLI_WORDS_MAX; word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	out_stream = open_memstream(&out, &out_size);
	err_stream = open_memstream(&err, &err_size);
	status = command_main(argc, argv, stream ? stream : out_stream, err_stream);
	fclose(out_stream);
	fclose(err_stream);
}

static inline void run(const char *words)
{
	run_to(NULL, words);
}

static inline void check_text(const char *got, const char *expected, const char *what)
{
	if (strcmp(got, expected) != 0)
		fprintf(stderr, "\n%s: expected:\n%s\ngot:\n%s\n", what, expected, got);
	CU_ASSERT_STRING_EQUAL(got, expected);
}

static inline void check_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fprintf(stderr, "\nexpected '%s' in:\n%s\n", part, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, part));
}

/* A line that is wrong: nothing is done, nothing written but the message. */
static inline void check_usage(const char *words, const char *message)
{
	run(words);
	CU_ASSERT_EQUAL(status, CLI_USAGE);
	CU_ASSERT_STRING_EQUAL(out, "");
	check_text(err, message, words);
}

/* Runs the tests as the one suite of this process; returns its exit status. */
static inline int cli_run_suite(const char *name, const CU_TestInfo *tests, size_t count)
{
	unsigned failures;
	CU_pSuite suite;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	suite = CU_add_suite(name, NULL, NULL);
	if (!suite)
		return 1;
	for (size_t i = 0; i < count; i++)
		if (!CU_add_test(suite, tests[i].pName, tests[i].pTestFunc))
			return 1;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	free(out);
	free(err);
	return failures != 0;
}

#endif /* OVNET_SELFTESTS_UNIT_CLI_H */
