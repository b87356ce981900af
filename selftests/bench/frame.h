/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the benchmark's BPF programs and its user space agree on. Includes nothing, as the headers of maps/.
 */
#ifndef OVNET_SELFTESTS_BENCH_FRAME_H
#define OVNET_SELFTESTS_BENCH_FRAME_H

/* Octets of a flooded frame, from the Ethernet header to the end of the payload; a multiple of 8. */
#define FRAME_LEN 64
/* The UDP flow that is flooded and counted; host byte order. Nobody listens there: the counter takes it first. */
#define FLOOD_SOURCE_PORT 7001
#define FLOOD_PORT 7002

#endif /* OVNET_SELFTESTS_BENCH_FRAME_H */
