/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Drop reasons and counters as enumerations, made from reasons.def and counters.def.
 */
#ifndef OVNET_MAPS_REASON_H
#define OVNET_MAPS_REASON_H

enum reason {
	REASON_NONE = 0, /* not a drop: a stage that returns it lets the packet go on */
#define REASON(NAME, name, description) REASON_##NAME,
#include "reasons.def"
#undef REASON
	REASON_MAX,
};

enum counter {
#define COUNTER(NAME, name, description) COUNTER_##NAME,
#include "counters.def"
#undef COUNTER
	COUNTER_MAX,
};

#endif /* OVNET_MAPS_REASON_H */
