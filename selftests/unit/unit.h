/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every unit test program shares: a main() over one table of tests, run by CUnit.
 *
 * One program a source file, so that a crash ends one suite and not all. Run from the project's root.
 */
#ifndef OVNET_SELFTESTS_UNIT_H
#define OVNET_SELFTESTS_UNIT_H

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit_test {
	const char *name; /* a sentence: what holds */
	void (*run)(void);
};

/* Runs the tests and prints CUnit's summary. Returns the exit status: 0, or 1 when anything failed. */
static inline int unit_run(const char *suite_name, const struct unit_test *tests, size_t count)
{
	CU_pSuite suite;
	int failed = 1;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	suite = CU_add_suite(suite_name, NULL, NULL);
	for (size_t i = 0; suite && i < count; i++) {
		if (!CU_add_test(suite, tests[i].name, tests[i].run))
			suite = NULL;
	}
	if (suite) {
		CU_basic_set_mode(CU_BRM_NORMAL);
		failed = CU_basic_run_tests() != CUE_SUCCESS || CU_get_number_of_failures() != 0;
	}
	CU_cleanup_registry();
	return failed;
}

/* Like CU_ASSERT_STRING_EQUAL(), but shows both. */
#define UNIT_STRING_EQUAL(got, wanted)                                                                                 \
	do {                                                                                                           \
		const char *unit_got = (got), *unit_wanted = (wanted);                                                 \
                                                                                                                       \
		if (strcmp(unit_got, unit_wanted) != 0)                                                                \
			printf("\n    line %d: got    %s\n    %*swanted %s\n", __LINE__, unit_got, 10, "",             \
				unit_wanted);                                                                          \
		CU_ASSERT_STRING_EQUAL(unit_got, unit_wanted);                                                         \
	} while (0)

/* Numbers that are the same in each run (xorshift64). */
static inline uint64_t unit_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif /* OVNET_SELFTESTS_UNIT_H */
