/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One epoll loop: descriptors, timers (a binary heap behind one timerfd) and signals (one signalfd).
 *
 * A round is: wait, call the watches that have events, call the timers that are due, free what was unwatched.
 * Leaves out threads: a loop and all that hangs on it belong to the thread that runs it.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/loop.h"
#include "lib/time.h"

#define ROUND_EVENTS 64 /* as many per round, so that timers are not kept waiting; the rest comes in the next one */
#define NOT_IN_HEAP SIZE_MAX

struct loop_watch {
	LIST_ENTRY(loop_watch) link;
	struct loop *loop;
	int fd;
	uint32_t events;
	loop_watch_fn fn; /* NULL: unwatched in this round */
	void *context;
};

struct loop_timer {
	LIST_ENTRY(loop_timer) link;
	struct loop *loop;
	loop_timer_fn fn;
	void *context;
	uint64_t at_ns;
	uint64_t order; /* of two with the same time, the one set first runs first */
	size_t place;   /* in the heap, or NOT_IN_HEAP */
};

struct loop_handler {
	loop_signal_fn fn;
	void *context;
};

LIST_HEAD(watch_list, loop_watch);
LIST_HEAD(timer_list, loop_timer);

struct loop {
	int epoll_fd, timer_fd, signal_fd;
	bool stopped, dispatching;
	struct watch_list watches, unwatched;
	struct timer_list timers;
	struct loop_timer **heap; /* has room for every timer there is, so that setting one cannot fail */
	size_t timer_count, heap_count, heap_room;
	uint64_t order;
	uint64_t now_ns;   /* when the last round looked for due timers */
	uint64_t armed_ns; /* what timer_fd is set to; 0: not set */
	sigset_t signals;
	struct loop_handler handlers[NSIG];
};

static bool timer_before(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void heap_put(struct loop *loop, size_t place, struct loop_timer *timer)
{
	loop->heap[place] = timer;
	timer->place = place;
}

/* Moves `timer` from the free place `place` towards the root, as far as it is earlier than what is there. */
static void heap_rise(struct loop *loop, size_t place, struct loop_timer *timer)
{
	while (place > 0 && timer_before(timer, loop->heap[(place - 1) / 2])) {
		heap_put(loop, place, loop->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	heap_put(loop, place, timer);
}

/* Moves `timer` from the free place `place` towards the leaves, as far as it is later than what is there. */
static void heap_sink(struct loop *loop, size_t place, struct loop_timer *timer)
{
	size_t child;

	while ((child = 2 * place + 1) < loop->heap_count) {
		if (child + 1 < loop->heap_count && timer_before(loop->heap[child + 1], loop->heap[child]))
			child++;
		if (!timer_before(loop->heap[child], timer))
			break;
		heap_put(loop, place, loop->heap[child]);
		place = child;
	}
	heap_put(loop, place, timer);
}

static void heap_remove(struct loop *loop, struct loop_timer *timer)
{
	struct loop_timer *last = loop->heap[--loop->heap_count];
	size_t place = timer->place;

	timer->place = NOT_IN_HEAP;
	if (last == timer)
		return;
	if (place > 0 && timer_before(last, loop->heap[(place - 1) / 2]))
		heap_rise(loop, place, last);
	else
		heap_sink(loop, place, last);
}

static void loop_on_timerfd(void *context, uint32_t events)
{
	struct loop *loop = context;
	uint64_t expirations;

	(void)events;
	/* Due timers are looked for in every round anyway: this only makes the descriptor quiet. */
	if (read(loop->timer_fd, &expirations, sizeof(expirations)) > 0)
		loop->armed_ns = 0;
}

static void loop_on_signalfd(void *context, uint32_t events)
{
	struct loop *loop = context;
	struct signalfd_siginfo info;

	(void)events;
	while (!loop->stopped && read(loop->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		const struct loop_handler *handler = &loop->handlers[info.ssi_signo];

		handler->fn(handler->context, (int)info.ssi_signo);
	}
}

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int err;

	if (!loop)
		return NULL;
	LIST_INIT(&loop->watches);
	LIST_INIT(&loop->unwatched);
	LIST_INIT(&loop->timers);
	sigemptyset(&loop->signals);
	loop->signal_fd = -1;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->epoll_fd < 0 || loop->timer_fd < 0 ||
		!loop_watch(loop, loop->timer_fd, EPOLLIN, loop_on_timerfd, loop)) {
		err = errno;
		loop_free(loop);
		errno = err;
		return NULL;
	}
	return loop;
}

static void loop_free_unwatched(struct loop *loop)
{
	struct loop_watch *watch;

	while ((watch = LIST_FIRST(&loop->unwatched))) {
		LIST_REMOVE(watch, link);
		free(watch);
	}
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	while (!LIST_EMPTY(&loop->watches))
		loop_unwatch(LIST_FIRST(&loop->watches));
	while (!LIST_EMPTY(&loop->timers))
		loop_timer_free(LIST_FIRST(&loop->timers));
	free(loop->heap);
	if (loop->signal_fd >= 0)
		close(loop->signal_fd);
	if (loop->timer_fd >= 0)
		close(loop->timer_fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	free(loop);
}

/* Sets timer_fd to the earliest timer. Once a round, however often timers were set in it. */
static int loop_arm(struct loop *loop)
{
	uint64_t at_ns = loop->heap_count ? loop->heap[0]->at_ns : 0;
	struct itimerspec setting = {
		.it_value = {.tv_sec = (time_t)(at_ns / NSEC_PER_SEC), .tv_nsec = (long)(at_ns % NSEC_PER_SEC)},
	};

	if (at_ns == loop->armed_ns)
		return 0;
	if (timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &setting, NULL) < 0)
		return -errno;
	loop->armed_ns = at_ns;
	return 0;
}

static void loop_dispatch(struct loop *loop, const struct epoll_event *events, int count)
{
	for (int i = 0; i < count && !loop->stopped; i++) {
		const struct loop_watch *watch = events[i].data.ptr;
		/* A callback before this one may have changed what this watch waits for. */
		uint32_t wanted = events[i].events & (watch->events | EPOLLERR | EPOLLHUP);

		if (watch->fn && wanted)
			watch->fn(watch->context, wanted);
	}

	/* loop_timer_at() puts whatever is set from here on behind now_ns: a timer that sets itself cannot spin. */
	loop->now_ns = time_now_ns();
	while (!loop->stopped && loop->heap_count && loop->heap[0]->at_ns <= loop->now_ns) {
		struct loop_timer *timer = loop->heap[0];

		heap_remove(loop, timer);
		timer->fn(timer->context);
	}
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[ROUND_EVENTS];
	int count, err = 0;

	while (!loop->stopped) {
		err = loop_arm(loop);
		if (err)
			break;
		count = epoll_wait(loop->epoll_fd, events, ARRAY_LEN(events), -1);
		if (count < 0 && errno != EINTR) {
			err = -errno;
			break;
		}
		loop->dispatching = true;
		loop_dispatch(loop, events, count);
		loop->dispatching = false;
		loop_free_unwatched(loop);
	}
	loop->stopped = false;
	return err;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

struct loop_watch *loop_watch(struct loop *loop, int fd, uint32_t events, loop_watch_fn fn, void *context)
{
	struct loop_watch *watch = calloc(1, sizeof(*watch));
	struct epoll_event event = {.events = events, .data.ptr = watch};

	if (!watch)
		return NULL;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		free(watch); /* leaves errno alone (glibc 2.33) */
		return NULL;
	}
	*watch = (struct loop_watch){.loop = loop, .fd = fd, .events = events, .fn = fn, .context = context};
	LIST_INSERT_HEAD(&loop->watches, watch, link);
	return watch;
}

int loop_rewatch(struct loop_watch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	if (epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) < 0)
		return -errno;
	watch->events = events;
	return 0;
}

void loop_unwatch(struct loop_watch *watch)
{
	struct loop *loop;

	if (!watch)
		return;
	loop = watch->loop;
	/* Fails only when the descriptor was closed before; then the kernel has forgotten it already. */
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	LIST_REMOVE(watch, link);
	if (!loop->dispatching) {
		free(watch);
		return;
	}
	/* The events of this round may still name it. */
	watch->fn = NULL;
	LIST_INSERT_HEAD(&loop->unwatched, watch, link);
}

struct loop_timer *loop_timer(struct loop *loop, loop_timer_fn fn, void *context)
{
	struct loop_timer *timer;

	if (loop->timer_count == loop->heap_room) {
		size_t room = loop->heap_room ? 2 * loop->heap_room : 16;
		struct loop_timer **heap = reallocarray(loop->heap, room, sizeof(struct loop_timer *));

		if (!heap)
			return NULL;
		loop->heap = heap;
		loop->heap_room = room;
	}
	timer = calloc(1, sizeof(*timer));
	if (!timer)
		return NULL;
	*timer = (struct loop_timer){.loop = loop, .fn = fn, .context = context, .place = NOT_IN_HEAP};
	LIST_INSERT_HEAD(&loop->timers, timer, link);
	loop->timer_count++;
	return timer;
}

void loop_timer_at(struct loop_timer *timer, uint64_t at_ns)
{
	struct loop *loop = timer->loop;

	loop_timer_stop(timer);
	timer->at_ns = at_ns > loop->now_ns ? at_ns : loop->now_ns + 1;
	timer->order = loop->order++;
	heap_rise(loop, loop->heap_count++, timer);
}

void loop_timer_stop(struct loop_timer *timer)
{
	if (timer->place != NOT_IN_HEAP)
		heap_remove(timer->loop, timer);
}

void loop_timer_free(struct loop_timer *timer)
{
	if (!timer)
		return;
	loop_timer_stop(timer);
	timer->loop->timer_count--;
	LIST_REMOVE(timer, link);
	free(timer);
}

int loop_signal(struct loop *loop, int signal, loop_signal_fn fn, void *context)
{
	sigset_t signals = loop->signals, one;
	int fd, err;

	sigemptyset(&one);
	if (signal >= NSIG || sigaddset(&one, signal) < 0 || sigaddset(&signals, signal) < 0)
		return -EINVAL;
	fd = signalfd(loop->signal_fd, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (loop->signal_fd < 0) {
		if (!loop_watch(loop, fd, EPOLLIN, loop_on_signalfd, loop)) {
			err = -errno;
			close(fd);
			return err;
		}
		loop->signal_fd = fd;
	}
	loop->handlers[signal] = (struct loop_handler){.fn = fn, .context = context};
	loop->signals = signals;
	return sigprocmask(SIG_BLOCK, &one, NULL) < 0 ? -errno : 0;
}
