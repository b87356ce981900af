/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Introductions; see introduction.h. A change of the configuration may make a node another, so it ends them all.
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "agent/introduction.h"
#include "lib/time.h"

/* Beyond, it is begun anew: what is forgotten costs a node one question whose packets wait here. */
#define INTRODUCTIONS_MOST 65536
/* Of a substrate address: the locator, and the slot that may be a host's alone. */
#define HOST_OCTETS 9

struct introduction {
	struct mapping_key where;
	uint8_t host[HOST_OCTETS];
	uint64_t incarnation, until_ns;
	uint32_t generation;
};

static int compare(const void *a, const void *b)
{
	const struct introduction *x = a, *y = b;
	int order = memcmp(&x->where, &y->where, sizeof(x->where));

	return order ? order : memcmp(x->host, y->host, sizeof(x->host));
}

static struct introduction introduction_of(const struct agent *agent, const struct mapping_key *where,
	const struct mapping_value *source, const struct mapping_value *destination)
{
	struct introduction introduction = {
		.where = *where,
		.incarnation = source->incarnation,
		.generation = agent->generation,
	};

	memcpy(introduction.host, destination->prefix, HOST_OCTETS);
	return introduction;
}

void introduction_note(struct agent *agent, const struct mapping_key *where, const struct mapping_value *source,
	const struct mapping_value *destination, uint64_t until_ns)
{
	struct introduction wanted = introduction_of(agent, where, source, destination);
	struct introduction *new, **found = tfind(&wanted, &agent->introductions, compare);

	wanted.until_ns = until_ns;
	if (found) {
		**found = wanted;
		return;
	}
	if (agent->introduction_count >= INTRODUCTIONS_MOST)
		introduction_clear(agent);
	new = malloc(sizeof(*new));
	if (!new)
		return;
	*new = wanted;
	if (tsearch(new, &agent->introductions, compare))
		agent->introduction_count++;
	else
		free(new);
}

bool introduction_holds(struct agent *agent, const struct mapping_key *where, const struct mapping_value *source,
	const struct mapping_value *destination)
{
	const struct introduction wanted = introduction_of(agent, where, source, destination);
	struct introduction **found = tfind(&wanted, &agent->introductions, compare);

	return found && (*found)->incarnation == wanted.incarnation && (*found)->generation == wanted.generation &&
	       time_now_ns() < (*found)->until_ns;
}

void introduction_clear(struct agent *agent)
{
	tdestroy(agent->introductions, free);
	agent->introductions = NULL;
	agent->introduction_count = 0;
}
