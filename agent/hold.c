/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What arrived before its question; see hold.h. A hold's life: read from the ring, open while its packets gather, over when the
 * question is decided or too late: its packets go back, and when the kernel has drained them its mark goes from `pendings`.
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/decision.h"
#include "agent/hold.h"
#include "agent/revocation.h"
#include "agent/transport.h"
#include "lib/time.h"

/* Packets of a hold that is over may still be on their way for so long; as in question.c. */
#define LINGER_NS (5 * NSEC_PER_MSEC)
#define LINGER_MOST_NS (50 * NSEC_PER_MSEC)

struct hold {
	uint64_t id;
	struct rule_key key;
	TAILQ_ENTRY(hold) line;
	uint16_t number;
	bool over;
	uint64_t read_ns, over_ns;
	uint8_t source_prefix[OVNET_PREFIX_LEN];
	struct queue_packet *first, **last;
	unsigned packets;
	uint64_t octets;
};

TAILQ_HEAD(hold_line, hold);

struct holds {
	struct agent *agent;
	void *by_id;  /* tree of all */
	void *by_key; /* tree of those that are open */
	struct hold_line open, over;
	unsigned open_count;
	struct loop_timer *timer;
};

static int compare_id(const void *a, const void *b)
{
	uint64_t x = ((const struct hold *)a)->id, y = ((const struct hold *)b)->id;

	return x < y ? -1 : x > y;
}

static int compare_key(const void *a, const void *b)
{
	return memcmp(&((const struct hold *)a)->key, &((const struct hold *)b)->key, sizeof(struct rule_key));
}

static struct hold *find_id(struct holds *holds, uint16_t number, uint32_t question)
{
	struct hold wanted = {.id = (uint64_t)number << 32 | question};
	struct hold **found = tfind(&wanted, &holds->by_id, compare_id);

	return found ? *found : NULL;
}

static struct hold *find_key(struct holds *holds, const struct rule_key *key)
{
	struct hold wanted = {.key = *key};
	struct hold **found = tfind(&wanted, &holds->by_key, compare_key);

	return found ? *found : NULL;
}

static bool is_reply(const struct hold *hold)
{
	return hold->key.direction == PENDING_REPLY;
}

static uint32_t hold_mark(const struct hold *hold)
{
	return is_reply(hold) ? REPLY_MARK : HELD_MARK;
}

static void packets_return(struct holds *holds, struct hold *hold)
{
	struct queue_packet *packet = hold->first;

	hold->first = NULL;
	hold->last = &hold->first;
	hold->packets = 0;
	hold->octets = 0;
	while (packet) {
		struct queue_packet *next = packet->next;

		question_return(holds->agent, packet, hold_mark(hold));
		packet = next;
	}
}

static void timer_set(struct holds *holds)
{
	const struct hold *oldest = TAILQ_FIRST(&holds->open);

	if (!TAILQ_EMPTY(&holds->over))
		loop_timer_at(holds->timer, time_now_ns() + LINGER_NS);
	else if (oldest)
		loop_timer_at(holds->timer, oldest->read_ns + HOLD_NS);
	else
		loop_timer_stop(holds->timer);
}

static void hold_end(struct holds *holds, struct hold *hold)
{
	hold->over = true;
	hold->over_ns = time_now_ns();
	packets_return(holds, hold);
	tdelete(hold, &holds->by_key, compare_key);
	TAILQ_REMOVE(&holds->open, hold, line);
	holds->open_count--;
	TAILQ_INSERT_TAIL(&holds->over, hold, line);
}

static void hold_free(struct holds *holds, struct hold *hold)
{
	question_forget(holds->agent, &hold->key, hold->id);
	tdelete(hold, &holds->by_id, compare_id);
	free(hold);
}

/*
 * Nobody has asked: the sender's agent believes in a rule that is no more, or there is none. Told only now: as long as the question
 * may be on its way, a report would contradict it (DTM-9).
 */
static void hold_overdue(struct holds *holds, struct hold *hold)
{
	struct question told = {.kind = QUESTION_STALE, .key = hold->key, .number = hold->number};

	memcpy(told.source_prefix, hold->source_prefix, sizeof(told.source_prefix));
	hold_end(holds, hold);
	/* Of an answer to its own node's question, that node's agent has nothing to tell. */
	if (is_reply(hold))
		return;
	revocation_arrival(holds->agent, &told);
}

static void on_timer(void *context)
{
	struct holds *holds = context;
	uint64_t now_ns = time_now_ns();
	struct hold *hold, *next;
	bool told = false;

	for (hold = TAILQ_FIRST(&holds->open); hold && now_ns >= hold->read_ns + HOLD_NS; hold = next) {
		next = TAILQ_NEXT(hold, line);
		hold_overdue(holds, hold);
		told = true;
	}
	for (hold = TAILQ_FIRST(&holds->over); hold && now_ns >= hold->over_ns + LINGER_NS; hold = next) {
		next = TAILQ_NEXT(hold, line);
		if (!question_drained(holds->agent, &hold->key, hold->id) && now_ns < hold->over_ns + LINGER_MOST_NS)
			continue;
		TAILQ_REMOVE(&holds->over, hold, line);
		hold_free(holds, hold);
	}
	if (told)
		transport_flush(holds->agent);
	timer_set(holds);
}

/* A rule that decides is there: the question was decided before this was read. */
static bool is_ruled(struct agent *agent, const struct rule_key *narrow)
{
	uint64_t now_ns = time_now_ns();

	for (unsigned width = WIDTH_PORT; width < WIDTH_MAX; width++) {
		struct rule_entry entry = {.key = *narrow};

		if (narrow->direction == PENDING_REPLY)
			entry.key.direction = DIRECTION_OUT;
		entry.key.width = width & 0xf;
		if (width >= WIDTH_PROTOCOL)
			entry.key.port = 0;
		if (width >= WIDTH_PEER)
			entry.key.protocol = 0;
		if (rule_get(agent->maps->rules, &entry.key, &entry.value) || now_ns >= entry.value.expires_ns)
			continue;
		if (!rules_end_holds(agent, &entry) || !rules_peer_holds(agent, &entry))
			continue;
		return entry.value.verdict != VERDICT_ASK;
	}
	return false;
}

void hold_asked(struct agent *agent, const struct question *asked)
{
	struct holds *holds = agent->holds;
	struct hold *hold = find_key(holds, &asked->key);

	/* Its mark in the kernel has run out, and another has taken its place. */
	if (hold)
		hold_end(holds, hold);
	hold = calloc(1, sizeof(*hold));
	if (!hold)
		return;
	hold->id = (uint64_t)asked->number << 32 | asked->question;
	hold->key = asked->key;
	hold->number = asked->number;
	hold->read_ns = time_now_ns();
	hold->last = &hold->first;
	memcpy(hold->source_prefix, asked->source_prefix, sizeof(hold->source_prefix));
	if (!tsearch(hold, &holds->by_id, compare_id) || !tsearch(hold, &holds->by_key, compare_key)) {
		tdelete(hold, &holds->by_id, compare_id);
		free(hold);
		return;
	}
	TAILQ_INSERT_TAIL(&holds->open, hold, line);
	holds->open_count++;
	if (is_ruled(agent, &hold->key))
		hold_end(holds, hold);
	timer_set(holds);
}

void hold_packet(struct agent *agent, struct queue_packet *packet)
{
	struct holds *holds = agent->holds;
	struct hold *hold = find_id(holds, packet->port_number, packet->question);

	/* It was in the ring before the packet was in the tap. */
	if (!hold) {
		question_read(agent);
		hold = find_id(holds, packet->port_number, packet->question);
	}
	if (!hold || hold->over) {
		if (hold)
			hold->over_ns = time_now_ns();
		question_return(agent, packet, hold ? hold_mark(hold) : HELD_MARK);
		return;
	}
	packet->next = NULL;
	*hold->last = packet;
	hold->last = &packet->next;
	hold->packets++;
	hold->octets += packet->length;
}

static void key_decided(struct agent *agent, const struct rule_key *key)
{
	struct hold *hold = agent->holds ? find_key(agent->holds, key) : NULL;

	if (!hold)
		return;
	hold_end(agent->holds, hold);
	timer_set(agent->holds);
}

void hold_answered(struct agent *agent, const struct rule_key *question)
{
	struct rule_key key = *question;

	if (key.width != WIDTH_PORT)
		return;
	key.direction = PENDING_REPLY;
	key_decided(agent, &key);
}

void hold_decided(struct agent *agent, const struct flow *flow)
{
	struct rule_key key = {
		.vni = flow->vni,
		.protocol = flow->protocol,
		.port = flow->port,
		.direction = DIRECTION_IN,
		.width = WIDTH_PORT,
	};

	if (flow->reach)
		return;
	memcpy(key.local, flow->destination.octet, 4);
	memcpy(key.peer, flow->source.octet, 4);
	key_decided(agent, &key);
}

unsigned hold_count(const struct agent *agent)
{
	return agent->holds ? agent->holds->open_count : 0;
}

void hold_each(struct agent *agent, void (*fn)(void *context, const struct question_view *view), void *context)
{
	uint64_t now_ns = time_now_ns();
	const struct hold *hold;

	if (!agent->holds)
		return;
	TAILQ_FOREACH(hold, &agent->holds->open, line)
	{
		struct question_view view = {
			.number = hold->number,
			.key = hold->key,
			.held = true,
			.packets = hold->packets,
			.octets = hold->octets,
			/* cppcheck-suppress uninitvar */
			.age_ns = now_ns - hold->read_ns,
		};

		fn(context, &view);
	}
}

int hold_open(struct agent *agent)
{
	struct holds *holds = calloc(1, sizeof(*holds));

	if (!holds)
		return -ENOMEM;
	holds->agent = agent;
	TAILQ_INIT(&holds->open);
	TAILQ_INIT(&holds->over);
	holds->timer = loop_timer(agent->loop, on_timer, holds);
	if (!holds->timer) {
		free(holds);
		return -ENOMEM;
	}
	agent->holds = holds;
	return 0;
}

void hold_close(struct agent *agent)
{
	struct holds *holds = agent->holds;
	struct hold *hold;

	if (!holds)
		return;
	while ((hold = TAILQ_FIRST(&holds->open)))
		hold_end(holds, hold);
	while ((hold = TAILQ_FIRST(&holds->over))) {
		TAILQ_REMOVE(&holds->over, hold, line);
		hold_free(holds, hold);
	}
	loop_timer_free(holds->timer);
	free(holds);
	agent->holds = NULL;
}
