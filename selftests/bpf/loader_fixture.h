/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the loader and of the maps' accessors share: an instance of their own, in a network namespace of
 * their own, what the log said, and a main().
 */
#ifndef OVNET_SELFTESTS_BPF_LOADER_FIXTURE_H
#define OVNET_SELFTESTS_BPF_LOADER_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <CUnit/Basic.h>

#include "lib/error.h"
#include "loader/loader.h"

static char fixture_instance[32]; /* with the process number */

static const struct loader_options fixture_options = {
	.instance = fixture_instance,
	.locator = {.octet = {0xfd, 0, 0, 1, 0, 0, 0, 1}, .length = 64},
	.sessions = 4096,
	.rules = 4096,
	.mappings = 4096,
	.hosts = 64,
	.pendings = 64,
};

static inline struct loader *fixture_open(void)
{
	struct loader *loader = NULL;

	CU_ASSERT_EQUAL_FATAL(loader_open(&fixture_options, &loader), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(loader);
	return loader;
}

static inline void fixture_end(struct loader *loader)
{
	loader_close(loader);
	CU_ASSERT_EQUAL(loader_remove(fixture_instance), 0);
}

/* The path of a pin; valid until the next call. */
static inline const char *fixture_pin(const char *kind, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), LOADER_ROOT "/%s/%s/%s", fixture_instance, kind, name);
	return path;
}

static inline bool fixture_pins_are_gone(void)
{
	char path[128];

	snprintf(path, sizeof(path), LOADER_ROOT "/%s", fixture_instance);
	return access(path, F_OK) && errno == ENOENT;
}

/* Standard error goes to a file from begin to end; end returns what was written, valid until the next call. */
static int fixture_stderr;

static inline void fixture_log_begin(void)
{
	FILE *file = tmpfile();

	fixture_stderr = dup(STDERR_FILENO);
	dup2(fileno(file), STDERR_FILENO);
	fclose(file);
}

static inline const char *fixture_log_end(void)
{
	static char text[16384];
	ssize_t length = pread(STDERR_FILENO, text, sizeof(text) - 1, 0);

	text[length > 0 ? length : 0] = '\0';
	dup2(fixture_stderr, STDERR_FILENO);
	close(fixture_stderr);
	return text;
}

static inline void fixture_assert_says(const char *text, const char *words)
{
	if (!strstr(text, words))
		fprintf(stderr, "\n    '%s' is not in: %s\n", words, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, words));
}

struct fixture_test {
	const char *name;
	void (*fn)(void);
};

/* The lock file, which the loader leaves. */
static inline void fixture_remove_lock(const char *instance)
{
	char path[128];

	snprintf(path, sizeof(path), "/run/ovnet/%s/lock", instance);
	unlink(path);
	snprintf(path, sizeof(path), "/run/ovnet/%s", instance);
	rmdir(path);
}

/* What is missing here that the loader needs, or NULL. */
static inline const char *fixture_lacks(void)
{
	struct loader *loader = NULL;
	int error;

	if (geteuid() != 0)
		return "root";
	error = loader_open(&fixture_options, &loader);
	loader_close(loader);
	loader_remove(fixture_instance);
	fixture_remove_lock(fixture_instance);
	return error == -ENOTSUP ? "TCX (kernel 6.6)" : NULL;
}

/* Makes the namespace, runs the tests, removes what a failed one left. Returns the exit status. */
static inline int fixture_main(const char *suite_name, const struct fixture_test *tests, size_t count)
{
	const char *lacks;
	unsigned int failures;
	CU_pSuite suite;

	snprintf(fixture_instance, sizeof(fixture_instance), "test-%s-%d", suite_name, getpid());
	lacks = fixture_lacks();
	if (lacks) {
		printf("skip %s: needs %s\n", suite_name, lacks);
		return 0;
	}
	if (unshare(CLONE_NEWNET) || CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	suite = CU_add_suite(suite_name, NULL, NULL);
	if (!suite)
		return 1;
	for (size_t i = 0; i < count; i++)
		if (!CU_add_test(suite, tests[i].name, tests[i].fn))
			return 1;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	loader_remove(fixture_instance);
	fixture_remove_lock(fixture_instance);
	return failures != 0;
}

#endif /* OVNET_SELFTESTS_BPF_LOADER_FIXTURE_H */
