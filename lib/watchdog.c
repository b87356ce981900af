/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See watchdog.h.
 */
#include "lib/watchdog.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/notify.h"
#include "lib/time.h"

struct watchdog {
	struct loop_timer *timer;
	uint64_t period_ns;
};

static void on_timer(void *context)
{
	struct watchdog *watchdog = context;

	notify_say("WATCHDOG=1");
	loop_timer_at(watchdog->timer, time_now_ns() + watchdog->period_ns);
}

/* How often we are looked at, in ns; 0: nobody looks at us. What is no number is taken as that too. */
static uint64_t interval_ns(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	unsigned long long value;
	char *end;

	if (!usec || *usec < '0' || *usec > '9' || (pid && strtoull(pid, NULL, 10) != (unsigned long long)getpid()))
		return 0;
	errno = 0;
	value = strtoull(usec, &end, 10);
	return *end || errno || value > UINT64_MAX / 1000 ? 0 : value * 1000;
}

int watchdog_open(struct loop *loop, struct watchdog **out)
{
	uint64_t period_ns = interval_ns() / 2;
	struct watchdog *watchdog;

	if (!period_ns) {
		*out = NULL;
		return 0;
	}
	watchdog = calloc(1, sizeof(*watchdog));
	if (!watchdog)
		return -ENOMEM;
	watchdog->period_ns = period_ns;
	watchdog->timer = loop_timer(loop, on_timer, watchdog);
	if (!watchdog->timer) {
		free(watchdog);
		return -ENOMEM;
	}
	loop_timer_at(watchdog->timer, time_now_ns() + period_ns);
	*out = watchdog;
	return 0;
}

void watchdog_close(struct watchdog *watchdog)
{
	if (!watchdog)
		return;
	loop_timer_free(watchdog->timer);
	free(watchdog);
}
