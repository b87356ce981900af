/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells who started us that the loop still turns (sd_watchdog_enabled(3)): "WATCHDOG=1", twice as often as is asked for.
 */
#ifndef OVNET_LIB_WATCHDOG_H
#define OVNET_LIB_WATCHDOG_H

#include "lib/loop.h"

struct watchdog;

/* Returns 0 and *out, NULL when nobody watches (WATCHDOG_USEC, WATCHDOG_PID), or -errno. */
int watchdog_open(struct loop *loop, struct watchdog **out);
void watchdog_close(struct watchdog *watchdog); /* NULL is allowed */

#endif /* OVNET_LIB_WATCHDOG_H */
