/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One epoll loop: descriptors, timers and signals. Nothing that it calls may wait.
 */
#ifndef OVNET_LIB_LOOP_H
#define OVNET_LIB_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

struct loop;
struct loop_watch; /* a descriptor that is watched; owned by the loop until loop_unwatch() */
struct loop_timer; /* owned by the loop until loop_timer_free() */

typedef void (*loop_watch_fn)(void *context, uint32_t events);
typedef void (*loop_timer_fn)(void *context);
typedef void (*loop_signal_fn)(void *context, int signal);

/* Returns the loop, or NULL with errno set. loop_free(NULL) is allowed; it closes no watched descriptor. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* Runs until loop_stop(), also if that was called before. Returns 0, or -errno when epoll fails. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Watches `fd` for `events` (EPOLLIN ...). Returns NULL with errno set on failure. The descriptor stays the caller's.
 */
struct loop_watch *loop_watch(struct loop *loop, int fd, uint32_t events, loop_watch_fn fn, void *context);
/* Changes what is waited for. Returns 0 or -errno. */
int loop_rewatch(struct loop_watch *watch, uint32_t events);
/*
 * To be called before the descriptor is closed. Allowed from within any callback, also for another watch whose event
 * is pending in the same round. NULL is allowed.
 */
void loop_unwatch(struct loop_watch *watch);

/* A timer that is not running yet. NULL with errno set on failure. */
struct loop_timer *loop_timer(struct loop *loop, loop_timer_fn fn, void *context);
/*
 * Runs `fn` once at `at_ns` (CLOCK_BOOTTIME), or at the next round if that is past; replaces an earlier setting.
 * Timers run in the order of their times, those of the same time in the order in which they were set.
 */
void loop_timer_at(struct loop_timer *timer, uint64_t at_ns);
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer); /* also from within its own callback; NULL is allowed */

/*
 * Blocks `signal` in the process (it stays blocked after loop_free()) and delivers it to `fn` from the loop.
 * Returns 0 or -errno.
 */
int loop_signal(struct loop *loop, int signal, loop_signal_fn fn, void *context);

#endif /* OVNET_LIB_LOOP_H */
