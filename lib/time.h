/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one clock of the data path and the agent: CLOCK_BOOTTIME in nanoseconds, which goes on while suspended.
 */
#ifndef OVNET_LIB_TIME_H
#define OVNET_LIB_TIME_H

#include <stdint.h>
#include <time.h>

#define NSEC_PER_SEC 1000000000ull
#define NSEC_PER_MSEC 1000000ull

static inline uint64_t time_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

#endif /* OVNET_LIB_TIME_H */
