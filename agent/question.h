/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions of the programs, and the packets that wait for their answers (DTM-7): read from the ring, served in turn by port,
 * so that who asks much delays nobody else; given back in order when the rules are there.
 */
#ifndef OVNET_AGENT_QUESTION_H
#define OVNET_AGENT_QUESTION_H

#include "agent/agent.h"
#include "agent/latency.h"
#include "agent/queue.h"
#include "maps/access.h"

/* Opens queue and ring; whatever an agent before this one left half done is forgotten. Returns 0 or -errno (logged). */
int question_open(struct agent *agent);
void question_close(struct agent *agent);

/* The budgets of a port, from the configuration; for ports.c, when the port's entry is made or changed. */
void question_budget(struct agent *agent, uint16_t number, bool fresh);

/*
 * The rules that answer a question are in the kernel (or it is given up): its packets go back, and are judged there. `id` is the
 * one that decision_ask() was given. An unknown one is ignored.
 */
void question_answered(struct agent *agent, uint64_t id);

/* What could be known of where its destination lives is known: it goes on. For resolve.c; an unknown one is ignored. */
void question_resolved(struct agent *agent, uint64_t id);

struct question_view {
	uint16_t number;
	struct rule_key key;
	bool asked;
	unsigned packets;
	uint64_t octets, age_ns;
};
void question_each(struct agent *agent, void (*fn)(void *context, const struct question_view *view), void *context);

struct question_counters {
	uint64_t asked, answered, stale, gone, unknown, overdue;
};
const struct question_counters *question_counters(const struct agent *agent);
/* From read to answered, of all that are over; one that was overdue is above all bounds. Only for who negotiates. */
const struct latency *question_latency(const struct agent *agent);
const struct queue_counters *question_queue_counters(const struct agent *agent);

#endif /* OVNET_AGENT_QUESTION_H */
