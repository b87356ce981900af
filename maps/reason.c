// SPDX-License-Identifier: BSD-2-Clause
/*
 * The words of drop reasons and counters, from reasons.def and counters.def.
 */
#include "maps/access.h"

struct word {
	const char *name;
	const char *description;
};

static const struct word reasons[REASON_MAX] = {
	[REASON_NONE] = {"none", "not a drop"},
#define REASON(NAME, name, description) [REASON_##NAME] = {#name, description},
#include "maps/reasons.def"
#undef REASON
};

static const struct word counters[COUNTER_MAX] = {
#define COUNTER(NAME, name, description) [COUNTER_##NAME] = {#name, description},
#include "maps/counters.def"
#undef COUNTER
};

const char *reason_name(enum reason reason)
{
	return (unsigned int)reason < REASON_MAX ? reasons[reason].name : NULL;
}

const char *reason_description(enum reason reason)
{
	return (unsigned int)reason < REASON_MAX ? reasons[reason].description : NULL;
}

const char *counter_name(enum counter counter)
{
	return (unsigned int)counter < COUNTER_MAX ? counters[counter].name : NULL;
}

const char *counter_description(enum counter counter)
{
	return (unsigned int)counter < COUNTER_MAX ? counters[counter].description : NULL;
}
