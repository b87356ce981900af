/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The replay window, by hand and against a plain list of what was seen.
 */
#include "selftests/unit/unit.h"

#include "lib/error.h"
#include "proto/window.h"

static void once(void)
{
	struct window window = {0};

	CU_ASSERT(window_accept(&window, 0));
	CU_ASSERT_FALSE(window_accept(&window, 0));
	CU_ASSERT(window_accept(&window, 5));
	CU_ASSERT(window_accept(&window, 3));
	CU_ASSERT_FALSE(window_accept(&window, 5));
	CU_ASSERT_FALSE(window_accept(&window, 3));
	CU_ASSERT(window_accept(&window, 4));
}

static void asking_changes_nothing(void)
{
	struct window window = {0}, before;

	CU_ASSERT(window_accept(&window, 700));
	before = window;
	CU_ASSERT(window_would_accept(&window, 701));
	CU_ASSERT(window_would_accept(&window, 1ull << 40));
	CU_ASSERT(window_would_accept(&window, 699));
	CU_ASSERT_FALSE(window_would_accept(&window, 700));
	CU_ASSERT_EQUAL(memcmp(&before, &window, sizeof(window)), 0);
}

/* At each place in a word, since the ring has whole words. */
static void edges(void)
{
	for (uint64_t greatest = 10000; greatest < 10000 + 130; greatest++) {
		struct window window = {0};
		uint64_t oldest = greatest - (WINDOW_SIZE - 1);

		CU_ASSERT(window_accept(&window, greatest));
		CU_ASSERT_FALSE(window_accept(&window, oldest - 1));
		CU_ASSERT(window_accept(&window, oldest));
		CU_ASSERT_FALSE(window_accept(&window, oldest));
		CU_ASSERT_FALSE(window_accept(&window, 0));
	}
}

static void every_counter_of_the_window(void)
{
	struct window window = {0};

	CU_ASSERT(window_accept(&window, 5000));
	for (uint64_t late = 1; late < WINDOW_SIZE; late++)
		CU_ASSERT_FATAL(window_accept(&window, 5000 - late));
	for (uint64_t late = 0; late < WINDOW_SIZE; late++)
		CU_ASSERT_FATAL(!window_accept(&window, 5000 - late));
}

static void leaps(void)
{
	static const uint64_t steps[] = {1, 63, 64, 65, WINDOW_SIZE - 1, WINDOW_SIZE, WINDOW_SIZE + 63,
		WINDOW_WORDS * 64, WINDOW_WORDS * 64 + 1, 1ull << 32, 1ull << 62};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct window window = {0};
		uint64_t counter = 100 + steps[i];

		for (uint64_t early = 0; early <= 100; early++)
			CU_ASSERT(window_accept(&window, early));
		CU_ASSERT(window_accept(&window, counter));
		CU_ASSERT_FALSE(window_accept(&window, counter));
		CU_ASSERT_FALSE(window_accept(&window, 100));
		CU_ASSERT_EQUAL(window_accept(&window, counter - 1), steps[i] > 1);
	}
}

static void last_counters(void)
{
	struct window window = {0};

	CU_ASSERT(window_accept(&window, UINT64_MAX));
	CU_ASSERT(window_accept(&window, UINT64_MAX - 1));
	CU_ASSERT_FALSE(window_accept(&window, UINT64_MAX));
	CU_ASSERT(window_accept(&window, UINT64_MAX - (WINDOW_SIZE - 1)));
	CU_ASSERT_FALSE(window_accept(&window, UINT64_MAX - WINDOW_SIZE));
	CU_ASSERT_FALSE(window_accept(&window, 0));
}

#define RANGE (1 << 22)

/* Mostly near the greatest, with late ones, repetitions and leaps, as a network would have them. */
static void against_a_list(void)
{
	static bool seen[RANGE];
	struct window window = {0};
	uint64_t state = 11, greatest = 0;
	bool any = false;

	for (int i = 0; i < 200000; i++) {
		uint64_t forward = unit_random(&state) % (i % 512 ? 4 : 3 * WINDOW_SIZE);
		uint64_t back = unit_random(&state) % (i % 4 ? 16 : WINDOW_SIZE + 200);
		uint64_t counter = greatest + forward > back ? greatest + forward - back : 0;
		bool wanted;

		CU_ASSERT_FATAL(counter < RANGE);
		wanted = !seen[counter] && (!any || counter > greatest || greatest - counter < WINDOW_SIZE);
		CU_ASSERT_EQUAL_FATAL(window_would_accept(&window, counter), wanted);
		CU_ASSERT_EQUAL_FATAL(window_accept(&window, counter), wanted);
		seen[counter] |= wanted;
		if (wanted && counter > greatest)
			greatest = counter;
		any = true;
	}
	CU_ASSERT(greatest > 100 * WINDOW_SIZE);
}

static const struct unit_test tests[] = {
	{"a counter is taken once, in any order", once},
	{"asking changes nothing", asking_changes_nothing},
	{"the window is as long as it says", edges},
	{"every counter of the window may come late", every_counter_of_the_window},
	{"a leap forgets what it passes and no more", leaps},
	{"the last counters are counters", last_counters},
	{"as a list of what was seen", against_a_list},
};

int main(void)
{
	return unit_run("window", tests, ARRAY_LEN(tests));
}
