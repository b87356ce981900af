/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The replay window of a key (RFC 6479): which counters were seen.
 */
#ifndef OVNET_PROTO_WINDOW_H
#define OVNET_PROTO_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define WINDOW_WORDS 40                       /* of 64 bits */
#define WINDOW_SIZE ((WINDOW_WORDS - 1) * 64) /* counters that may come late: 2,496 */

struct window {
	uint64_t greatest;
	bool any;
	uint64_t words[WINDOW_WORDS];
};

/* True, and noted, when the counter is new and not older than the window. Call it only for what was authenticated. */
bool window_accept(struct window *window, uint64_t counter);
/* True when window_accept() would; changes nothing. */
bool window_would_accept(const struct window *window, uint64_t counter);

#endif /* OVNET_PROTO_WINDOW_H */
