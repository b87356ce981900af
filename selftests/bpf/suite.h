/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every test program here has in common: CUnit started, each test's result printed, one exit status.
 */
#ifndef OVNET_SELFTESTS_BPF_SUITE_H
#define OVNET_SELFTESTS_BPF_SUITE_H

#include <stdbool.h>
#include <CUnit/CUnit.h>

struct suite {
	const char *name;
	int (*start)(void);  /* once, before the first test; other than 0: no test runs, and the program fails */
	void (*stop)(void);  /* once, after the last */
	void (*setup)(void); /* before each test */
	CU_TestInfo *tests;
};

/* Any of start, stop and setup may be NULL. Returns the exit status: 0 only if every test ran and passed. */
int suite_main(const struct suite *suite);

/* A line "skip WHAT: WHY" for what cannot be tested here. It counts neither as passed nor as failed. */
void suite_skip(const char *what, const char *why);

/* Records one check, with a message instead of the expression; returns `passed`. */
bool suite_check(bool passed, const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define CHECK(passed, ...) suite_check(passed, __FILE__, __LINE__, __VA_ARGS__)

#endif /* OVNET_SELFTESTS_BPF_SUITE_H */
