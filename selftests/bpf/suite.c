/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The common main() of the test programs; see suite.h.
 */
#include "selftests/bpf/suite.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <CUnit/Basic.h>

/* A test that goes wrong in a loop is told in its first lines; the rest would hide them. */
#define FAILURES_TOLD 20

static unsigned failures_told;
static unsigned failures_outside; /* of checks before the first test and after the last */
static const struct suite *running;

void suite_skip(const char *what, const char *why)
{
	printf("\nskip %s: %s\n    ", what, why);
}

bool suite_check(bool passed, const char *file, int line, const char *format, ...)
{
	char message[400] = "";
	va_list arguments;

	if (!passed) {
		if (failures_told++ >= FAILURES_TOLD)
			return false;
		va_start(arguments, format);
		vsnprintf(message, sizeof(message), format, arguments);
		va_end(arguments);
	}
	if (!CU_get_current_test()) {
		if (!passed) {
			failures_outside++;
			fprintf(stderr, "%s:%d: %s\n", file, line, message);
		}
		return passed;
	}
	CU_assertImplementation(passed, (unsigned)line, message, file, "", CU_FALSE);
	return passed;
}

static void before_each(void)
{
	failures_told = 0;
	if (running->setup)
		running->setup();
}

int suite_main(const struct suite *suite)
{
	CU_SuiteInfo suites[] = {
		{suite->name, NULL, NULL, before_each, NULL, suite->tests},
		CU_SUITE_INFO_NULL,
	};
	unsigned failed, ran;
	int error;

	running = suite;
	setvbuf(stdout, NULL, _IOLBF, 0);
	error = suite->start ? suite->start() : 0;
	if (error) {
		fprintf(stderr, "%s: cannot start\n", suite->name);
		return EXIT_FAILURE;
	}
	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS) {
		fprintf(stderr, "%s: %s\n", suite->name, CU_get_error_msg());
		return EXIT_FAILURE;
	}
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_tests_failed() + CU_get_number_of_suites_failed();
	ran = CU_get_number_of_tests_run();
	CU_cleanup_registry();
	if (suite->stop)
		suite->stop();
	return failed || !ran || failures_outside ? EXIT_FAILURE : EXIT_SUCCESS;
}
