/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two agents of engine_world.h and one to spare, for the tests of the engine's rules; and what several of those need.
 */
#ifndef OVNET_SELFTESTS_ENGINE_PAIR_H
#define OVNET_SELFTESTS_ENGINE_PAIR_H

#include "selftests/unit/engine_world.h"

static struct world world;
static struct world_agent *a, *b;

static inline void open_two(void)
{
	world_open(&world, 3, 0x1234567, NULL);
	world.keep = true;
	a = &world.agents[0];
	b = &world.agents[1];
}

/* Keys are there, and what was sent for them is forgotten. */
static inline void open_warm(void)
{
	open_two();
	CU_ASSERT_EQUAL(world_negotiate(a, 1, 1), OUTCOME_GRANTED);
	world_run(&world, 10 * MS);
	world_forget_kept(&world);
}

static inline bool nothing_passes(struct world *w, const struct world_datagram *datagram)
{
	(void)w;
	(void)datagram;
	return false;
}

/* Withdraws, and flushes. */
static inline void tell(struct world_agent *agent, unsigned to, enum message_scope scope, const struct flow *flow,
	uint64_t serial)
{
	struct message_notice notice = {.flow = *flow, .scope = (uint8_t)scope, .incarnation = 1, .serial = serial};
	struct substrate address = world_node_address(to);
	struct engine_time now = world_time(&world);

	if (scope == SCOPE_NODE)
		memset(&notice.flow.source, 0, 4);
	CU_ASSERT_EQUAL(engine_withdraw(agent->engine, &now, &address, &notice, NULL), 0);
	world_flush(agent);
}

/* Refuses with as long an answer as there is. */
static inline int segments(struct world_agent *agent, const struct engine_request *request, bool *granted,
	struct message_decision *out)
{
	(void)request;
	*granted = false;
	*out = (struct message_decision){
		.lifetime_ms = 1,
		.serial = ++agent->serial,
		.otherwise = MESSAGE_DENY,
		.segment_count = MESSAGE_SEGMENTS_MAX,
	};
	for (size_t i = 0; i < MESSAGE_SEGMENTS_MAX; i++)
		out->segments[i] = (struct message_segment){.protocol = 6, .verdict = 1, .low = 1, .high = 2};
	return 0;
}

/* The nth datagram that was kept from that agent. */
static inline size_t kept_length(unsigned from, unsigned nth)
{
	for (size_t i = 0; i < world.kept_count; i++)
		if (world.kept[i]->from == from && nth-- == 0)
			return world.kept[i]->length;
	return 0;
}

/* So many datagrams to and fro, and the nth answer is no longer than the nth question. */
static inline void check_lengths(unsigned questions, unsigned answers)
{
	CU_ASSERT_EQUAL(world_count(&world, 0, DATAGRAM_DATA), questions);
	CU_ASSERT_EQUAL(world_count(&world, 1, DATAGRAM_DATA), answers);
	for (unsigned i = 0; i < answers; i++)
		CU_ASSERT(kept_length(1, i) <= kept_length(0, i));
}

#endif /* OVNET_SELFTESTS_ENGINE_PAIR_H */
