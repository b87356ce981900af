/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of one part and of two, names of interfaces, and how near words are.
 */
#include "selftests/unit/unit.h"

#include "lib/error.h"
#include "lib/name.h"

#define PART31 "abcdefghijabcdefghijabcdefghija"

static void parts(void)
{
	static const char *const good[] = {"a", "A.b-c_9", ".", "..", PART31};
	static const char *const bad[] = {"", "a/b", "/", "a b", "\xc3\xa9", PART31 "b", "a\n"};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		CU_ASSERT(name_is_part(good[i]) && name_is_whole(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CU_ASSERT_FALSE(name_is_part(bad[i]));
}

static void wholes(void)
{
	static const char *const good[] = {"a/b", PART31 "/" PART31, "../x"};
	static const char *const bad[] = {"", "/", "a/", "/b", "a/b/c", "a//b", PART31 "b/a", "a/" PART31 "b", "a /b"};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		CU_ASSERT(name_is_whole(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CU_ASSERT_FALSE(name_is_whole(bad[i]));
}

static void interfaces(void)
{
	static const char *const good[] = {"a", "eth0.12", "abcdefghijklmno"};
	static const char *const bad[] = {"", ".", "..", "a/b", "a:b", "a%d", "a b", "a\tb", "abcdefghijklmnop"};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		CU_ASSERT(name_is_interface(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CU_ASSERT_FALSE(name_is_interface(bad[i]));
}

static void distances(void)
{
	CU_ASSERT_EQUAL(name_distance("", ""), 0);
	CU_ASSERT_EQUAL(name_distance("adress", "address"), 1);
	CU_ASSERT_EQUAL(name_distance("kitten", "sitting"), 3);
	CU_ASSERT_EQUAL(name_distance("a", PART31 "b"), 32);
}

static const struct unit_test tests[] = {
	{"names of one part", parts},
	{"names of two parts", wholes},
	{"names of interfaces", interfaces},
	{"distances of words", distances},
};

int main(void)
{
	return unit_run("name", tests, ARRAY_LEN(tests));
}
