/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of lib/loop.c: timers, watches, signals, stopping. Each loop is also bounded by a timer that fails the test.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/loop.h"
#include "lib/time.h"

#define BOUND_NS (5 * NSEC_PER_SEC)
#define TIMERS 500
#define TRACE_SIZE (4 * TIMERS)

static struct loop *loop;
static struct loop_timer *bound;
static int trace[TRACE_SIZE]; /* what callbacks ran, in order */
static size_t traced;

static void on_bound(void *context)
{
	(void)context;
	CU_FAIL("the loop did not stop in time");
	loop_stop(loop);
}

static void begin(void)
{
	traced = 0;
	loop = loop_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(loop);
	bound = loop_timer(loop, on_bound, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(bound);
	loop_timer_at(bound, time_now_ns() + BOUND_NS);
}

static void end(void)
{
	loop_free(loop);
	loop = NULL;
}

static void note(int what)
{
	if (traced < TRACE_SIZE)
		trace[traced++] = what;
}

static void on_stop(void *context)
{
	(void)context;
	loop_stop(loop);
}

/* Runs everything that is due until `at_ns`. */
static void run_until(uint64_t at_ns)
{
	struct loop_timer *stop = loop_timer(loop, on_stop, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(stop);
	loop_timer_at(stop, at_ns);
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	loop_timer_free(stop);
}

/* ---- timers ---- */

struct numbered {
	struct loop_timer *timer;
	int number;
	uint64_t at_ns;
	bool early;
};

static void on_numbered(void *context)
{
	struct numbered *numbered = context;

	numbered->early = time_now_ns() < numbered->at_ns;
	note(numbered->number);
}

static void numbered_make(struct numbered *numbered, int number)
{
	*numbered = (struct numbered){.number = number};
	numbered->timer = loop_timer(loop, on_numbered, numbered);
	CU_ASSERT_PTR_NOT_NULL_FATAL(numbered->timer);
}

static void numbered_at(struct numbered *numbered, uint64_t at_ns)
{
	numbered->at_ns = at_ns;
	loop_timer_at(numbered->timer, at_ns);
}

static void test_timer_order(void)
{
	static struct numbered timers[TIMERS];
	uint64_t start;
	int early = 0;

	begin();
	start = time_now_ns() + 5 * NSEC_PER_MSEC;
	/* 7 and TIMERS have no common divisor: each place is taken once, in a scattered order. */
	for (int i = 0; i < TIMERS; i++) {
		int number = i * 7 % TIMERS;

		numbered_make(&timers[number], number);
		numbered_at(&timers[number], start + (uint64_t)number * 20000);
	}
	run_until(start + TIMERS * 20000);
	CU_ASSERT_EQUAL_FATAL(traced, TIMERS);
	for (int i = 0; i < TIMERS; i++) {
		CU_ASSERT_EQUAL(trace[i], i);
		early += timers[i].early;
	}
	CU_ASSERT_EQUAL(early, 0);
	end();
}

/* Against a model: timers set, moved, stopped and freed in a pseudo-random order run by (time, order of setting). */
static void test_timer_heap(void)
{
	static struct numbered timers[TIMERS];
	uint64_t slot[TIMERS] = {}, start; /* slot 0: not set */
	uint32_t random = 1;
	size_t expected = 0;

	begin();
	start = time_now_ns() + 50 * NSEC_PER_MSEC;
	for (int i = 0; i < TIMERS; i++)
		numbered_make(&timers[i], i);
	for (int i = 0; i < 20 * TIMERS; i++) {
		random = random * 1664525 + 1013904223;
		int which = (int)(random >> 8) % TIMERS;

		if (random >> 30 == 0) {
			loop_timer_stop(timers[which].timer);
			slot[which] = 0;
		} else if (random >> 30 == 1) {
			loop_timer_free(timers[which].timer);
			numbered_make(&timers[which], which);
			slot[which] = 0;
		} else {
			/* Each time is one timer's alone. */
			slot[which] = ((random >> 20) % 100 + 1) * TIMERS + (uint64_t)which;
			numbered_at(&timers[which], start + slot[which]);
		}
	}
	for (int i = 0; i < TIMERS; i++)
		expected += slot[i] != 0;
	run_until(start + 200 * TIMERS);
	CU_ASSERT_EQUAL_FATAL(traced, expected);
	for (size_t i = 0; i < traced; i++) {
		CU_ASSERT_NOT_EQUAL(slot[trace[i]], 0);
		if (i)
			CU_ASSERT(slot[trace[i - 1]] < slot[trace[i]]);
	}
	end();
}

static void test_timer_same_time(void)
{
	struct numbered timers[5];
	uint64_t at_ns;

	begin();
	at_ns = time_now_ns() + 2 * NSEC_PER_MSEC;
	for (int i = 0; i < 5; i++) {
		numbered_make(&timers[i], i);
		numbered_at(&timers[i], at_ns);
	}
	numbered_at(&timers[1], at_ns); /* set again: now the last */
	run_until(at_ns);
	CU_ASSERT_EQUAL_FATAL(traced, 5);
	CU_ASSERT(trace[0] == 0 && trace[1] == 2 && trace[2] == 3 && trace[3] == 4 && trace[4] == 1);
	end();
}

static void test_timer_stop_and_move(void)
{
	struct numbered stopped, later, earlier;
	uint64_t start;

	begin();
	start = time_now_ns();
	numbered_make(&stopped, 1);
	numbered_make(&later, 2);
	numbered_make(&earlier, 3);
	numbered_at(&stopped, start + NSEC_PER_MSEC);
	numbered_at(&later, start + 2 * NSEC_PER_MSEC);
	numbered_at(&earlier, start + 20 * NSEC_PER_SEC);
	numbered_at(&later, start + 10 * NSEC_PER_MSEC);
	numbered_at(&earlier, start + 5 * NSEC_PER_MSEC);
	loop_timer_stop(stopped.timer);
	loop_timer_stop(stopped.timer); /* not running: nothing happens */
	run_until(start + 20 * NSEC_PER_MSEC);
	CU_ASSERT_EQUAL_FATAL(traced, 2);
	CU_ASSERT(trace[0] == 3 && trace[1] == 2);
	CU_ASSERT_FALSE(later.early || earlier.early);

	/* What ran once does not run again by itself, and can be set again. */
	numbered_at(&earlier, time_now_ns() + NSEC_PER_MSEC);
	run_until(time_now_ns() + 3 * NSEC_PER_MSEC);
	CU_ASSERT_EQUAL(traced, 3);
	end();
}

struct pair {
	struct loop_timer *self, *other;
	int number;
};

static void on_pair_stop_other(void *context)
{
	struct pair *pair = context;

	note(pair->number);
	loop_timer_stop(pair->other);
}

static void on_pair_free_both(void *context)
{
	struct pair *pair = context;

	note(pair->number);
	loop_timer_free(pair->self);
	loop_timer_free(pair->other);
}

/* A timer that is due in the same round can still be stopped, or freed, by the one before it; and a timer can free
 * itself. */
static void run_pair(loop_timer_fn first)
{
	struct pair a = {.number = 1}, b = {.number = 2};
	uint64_t past;

	begin();
	past = time_now_ns() - NSEC_PER_MSEC;
	a.self = b.other = loop_timer(loop, first, &a);
	b.self = a.other = loop_timer(loop, on_pair_stop_other, &b);
	loop_timer_at(a.self, past);
	loop_timer_at(b.self, past);
	run_until(time_now_ns() + 2 * NSEC_PER_MSEC);
	CU_ASSERT_EQUAL(traced, 1);
	CU_ASSERT_EQUAL(trace[0], 1);
	end();
}

static void test_timer_changes_other(void)
{
	run_pair(on_pair_stop_other);
	run_pair(on_pair_free_both);
}

static int pipe_fds[2];

static void pipe_make(void)
{
	CU_ASSERT_EQUAL_FATAL(pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC), 0);
}

static void pipe_close(void)
{
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

#define SPINS 10

static struct loop_timer *spinning;

static void on_spin(void *context)
{
	(void)context;
	note(1);
	loop_timer_at(spinning, 0);
	if (traced == SPINS)
		CU_ASSERT_EQUAL(write(pipe_fds[1], "x", 1), 1);
}

static void on_pipe_stop(void *context, uint32_t events)
{
	CU_ASSERT_EQUAL(events, EPOLLIN);
	note(*(int *)context);
	loop_stop(loop);
}

/* A timer that always sets itself to the past runs once a round, and leaves the descriptors their turn. */
static void test_timer_past(void)
{
	int number = 2;

	begin();
	pipe_make();
	spinning = loop_timer(loop, on_spin, NULL);
	CU_ASSERT_PTR_NOT_NULL(loop_watch(loop, pipe_fds[0], EPOLLIN, on_pipe_stop, &number));
	loop_timer_at(spinning, 0);
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	CU_ASSERT_EQUAL_FATAL(traced, SPINS + 1);
	CU_ASSERT_EQUAL(trace[SPINS], 2);
	end();
	pipe_close();
}

/* ---- watches ---- */

static void on_pipe_read(void *context, uint32_t events)
{
	char c;

	CU_ASSERT(events & EPOLLIN);
	while (read(pipe_fds[0], &c, 1) == 1)
		note(c);
	if (trace[traced - 1] == *(char *)context)
		loop_stop(loop);
}

static void on_write(void *context)
{
	CU_ASSERT_EQUAL(write(pipe_fds[1], context, 1), 1);
}

static void test_watch_reads(void)
{
	char first = 'a', last = 'b';
	struct loop_timer *a, *b;

	begin();
	pipe_make();
	CU_ASSERT_PTR_NOT_NULL(loop_watch(loop, pipe_fds[0], EPOLLIN, on_pipe_read, &last));
	a = loop_timer(loop, on_write, &first);
	b = loop_timer(loop, on_write, &last);
	loop_timer_at(a, time_now_ns() + NSEC_PER_MSEC);
	loop_timer_at(b, time_now_ns() + 2 * NSEC_PER_MSEC);
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	CU_ASSERT_EQUAL_FATAL(traced, 2);
	CU_ASSERT(trace[0] == 'a' && trace[1] == 'b');
	end();
	/* The descriptors are still the caller's. */
	CU_ASSERT_EQUAL(write(pipe_fds[1], "c", 1), 1);
	pipe_close();
}

static void test_watch_failures(void)
{
	struct loop_watch *watch;

	begin();
	pipe_make();
	errno = 0;
	CU_ASSERT_PTR_NULL(loop_watch(loop, -1, EPOLLIN, on_pipe_stop, NULL));
	CU_ASSERT_EQUAL(errno, EBADF);
	watch = loop_watch(loop, pipe_fds[0], EPOLLIN, on_pipe_stop, NULL);
	CU_ASSERT_PTR_NOT_NULL(watch);
	CU_ASSERT_PTR_NULL(loop_watch(loop, pipe_fds[0], EPOLLIN, on_pipe_stop, NULL));
	CU_ASSERT_EQUAL(errno, EEXIST);
	loop_unwatch(watch);
	loop_unwatch(NULL);
	watch = loop_watch(loop, pipe_fds[0], EPOLLIN, on_pipe_stop, NULL);
	CU_ASSERT_PTR_NOT_NULL(watch);
	end();
	pipe_close();
}

static void on_writable(void *context, uint32_t events)
{
	struct loop_watch **watch = context;

	CU_ASSERT(events & EPOLLOUT);
	note(1);
	CU_ASSERT_EQUAL(loop_rewatch(*watch, 0), 0);
}

static void test_rewatch(void)
{
	struct loop_watch *watch;

	begin();
	pipe_make();
	watch = loop_watch(loop, pipe_fds[1], 0, on_writable, &watch);
	CU_ASSERT_PTR_NOT_NULL_FATAL(watch);
	run_until(time_now_ns() + 2 * NSEC_PER_MSEC);
	CU_ASSERT_EQUAL(traced, 0);
	CU_ASSERT_EQUAL(loop_rewatch(watch, EPOLLOUT), 0);
	run_until(time_now_ns() + 2 * NSEC_PER_MSEC);
	CU_ASSERT_EQUAL(traced, 1);
	end();
	pipe_close();
}

/* Two watches of which both have an event in the same round; whichever comes first removes both, or quiets the other.
 */
struct rival {
	struct loop_watch *self;
	struct rival *other;
	int fds[2];
};

static void on_rival_unwatch_both(void *context, uint32_t events)
{
	struct rival *rival = context;

	(void)events;
	note(1);
	loop_unwatch(rival->other->self);
	loop_unwatch(rival->self);
	/* The memory of a removed watch must not be taken by a new one while events still name it. */
	close(rival->other->fds[0]);
	CU_ASSERT_EQUAL(pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC), 0);
	rival->other->fds[0] = pipe_fds[0];
	close(pipe_fds[1]);
	rival->other->self = loop_watch(loop, pipe_fds[0], 0, on_rival_unwatch_both, rival->other);
	CU_ASSERT_PTR_NOT_NULL(rival->other->self);
	loop_unwatch(rival->other->self);
}

static void on_rival_quiet(void *context, uint32_t events)
{
	struct rival *rival = context;

	(void)events;
	note(1);
	CU_ASSERT_EQUAL(loop_rewatch(rival->other->self, 0), 0);
	CU_ASSERT_EQUAL(loop_rewatch(rival->self, 0), 0);
}

static void run_rivals(loop_watch_fn fn)
{
	struct rival a = {}, b = {.other = &a};
	struct rival *const both[] = {&a, &b};

	a.other = &b;
	begin();
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		CU_ASSERT_EQUAL_FATAL(pipe2(both[i]->fds, O_NONBLOCK | O_CLOEXEC), 0);
		CU_ASSERT_EQUAL(write(both[i]->fds[1], "x", 1), 1);
		both[i]->self = loop_watch(loop, both[i]->fds[0], EPOLLIN, fn, both[i]);
		CU_ASSERT_PTR_NOT_NULL_FATAL(both[i]->self);
	}
	run_until(time_now_ns() + 2 * NSEC_PER_MSEC);
	CU_ASSERT_EQUAL(traced, 1);
	end();
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		close(both[i]->fds[0]);
		close(both[i]->fds[1]);
	}
}

static void test_unwatch_in_callback(void)
{
	run_rivals(on_rival_unwatch_both);
	run_rivals(on_rival_quiet);
}

/* ---- signals ---- */

static void on_signal(void *context, int signal)
{
	CU_ASSERT_PTR_EQUAL(context, &trace);
	note(signal);
	if (signal == SIGUSR2)
		loop_stop(loop);
}

static void on_kill(void *context)
{
	CU_ASSERT_EQUAL(kill(getpid(), *(int *)context), 0);
}

static void test_signals(void)
{
	int first = SIGUSR1, second = SIGUSR2;
	struct loop_timer *one, *two;
	uint64_t start;

	begin();
	CU_ASSERT_EQUAL(loop_signal(loop, SIGUSR1, on_signal, &trace), 0);
	CU_ASSERT_EQUAL(loop_signal(loop, SIGUSR2, on_signal, &trace), 0);
	CU_ASSERT_EQUAL(loop_signal(loop, 0, on_signal, &trace), -EINVAL);
	CU_ASSERT_EQUAL(loop_signal(loop, 1000, on_signal, &trace), -EINVAL);
	one = loop_timer(loop, on_kill, &first);
	two = loop_timer(loop, on_kill, &second);
	start = time_now_ns();
	loop_timer_at(one, start + NSEC_PER_MSEC);
	loop_timer_at(two, start + 5 * NSEC_PER_MSEC);
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	CU_ASSERT_EQUAL_FATAL(traced, 2);
	CU_ASSERT(trace[0] == SIGUSR1 && trace[1] == SIGUSR2);
	end();
}

/* ---- stopping ---- */

static void test_stop(void)
{
	struct numbered timer;

	begin();
	/* Before it runs: it does not wait. */
	loop_stop(loop);
	CU_ASSERT_EQUAL(loop_run(loop), 0);

	/* Within a round: what else is due waits for the next run. */
	numbered_make(&timer, 1);
	spinning = loop_timer(loop, on_stop, NULL);
	loop_timer_at(spinning, 1);
	numbered_at(&timer, 1);
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	CU_ASSERT_EQUAL(traced, 0);
	run_until(time_now_ns() + NSEC_PER_MSEC);
	CU_ASSERT_EQUAL(traced, 1);
	end();
	loop_free(NULL);
	loop_timer_free(NULL);
}

int main(void)
{
	static const struct {
		const char *name;
		CU_TestFunc fn;
	} tests[] = {
		{"timers run in the order of their times, not early", test_timer_order},
		{"timers set, moved, stopped and freed at random", test_timer_heap},
		{"timers of the same time run as they were set", test_timer_same_time},
		{"a timer is stopped and moved", test_timer_stop_and_move},
		{"a timer stops and frees one that is due, and itself", test_timer_changes_other},
		{"a timer set to the past runs at the next round", test_timer_past},
		{"a watch reads", test_watch_reads},
		{"a watch that cannot be", test_watch_failures},
		{"a watch changes what it waits for", test_rewatch},
		{"a watch is removed or changed while its event is pending", test_unwatch_in_callback},
		{"signals", test_signals},
		{"stopping", test_stop},
	};
	unsigned failures;
	CU_pSuite suite;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	suite = CU_add_suite("loop", NULL, NULL);
	if (!suite)
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(tests); i++)
		if (!CU_add_test(suite, tests[i].name, tests[i].fn))
			return 1;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures != 0;
}
