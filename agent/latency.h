/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long something took, as a histogram: counts by upper bounds, and the sum.
 */
#ifndef OVNET_AGENT_LATENCY_H
#define OVNET_AGENT_LATENCY_H

#include <stdint.h>

/* LATENCY(ns, seconds as Prometheus writes them): upper bounds, ascending; what is above all is in none. */
#define LATENCY_BOUNDS                                                                                                 \
	LATENCY(100000, "0.0001")                                                                                      \
	LATENCY(200000, "0.0002")                                                                                      \
	LATENCY(500000, "0.0005")                                                                                      \
	LATENCY(1000000, "0.001")                                                                                      \
	LATENCY(2000000, "0.002")                                                                                      \
	LATENCY(5000000, "0.005")                                                                                      \
	LATENCY(10000000, "0.01")                                                                                      \
	LATENCY(20000000, "0.02")                                                                                      \
	LATENCY(50000000, "0.05")                                                                                      \
	LATENCY(100000000, "0.1")                                                                                      \
	LATENCY(200000000, "0.2")                                                                                      \
	LATENCY(500000000, "0.5")                                                                                      \
	LATENCY(1000000000, "1")

enum {
#define LATENCY(ns, seconds) LATENCY_UP_TO_##ns,
	LATENCY_BOUNDS
#undef LATENCY
		LATENCY_BUCKETS
};

struct latency {
	uint64_t buckets[LATENCY_BUCKETS]; /* each by itself, not cumulative */
	uint64_t count, sum_ns;
};

static inline void latency_note(struct latency *latency, uint64_t ns)
{
	static const uint64_t bounds[LATENCY_BUCKETS] = {
#define LATENCY(ns, seconds) ns,
		LATENCY_BOUNDS
#undef LATENCY
	};

	latency->count++;
	latency->sum_ns += ns;
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		if (ns <= bounds[i]) {
			latency->buckets[i]++;
			return;
		}
	}
}

#endif /* OVNET_AGENT_LATENCY_H */
