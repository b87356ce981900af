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
/* It has been asked again, with what is known now: so it is decided anew whether its packets are sent on meanwhile. For decision.c. */
void question_asked_over(struct agent *agent, uint64_t id);

/* ---- for hold.c, whose packets go the same way */

/* Reads what is in the ring now. */
void question_read(struct agent *agent);
/* Gives a packet back to the kernel, and to its port's budget what it took; the packet is gone. */
void question_return(struct agent *agent, struct queue_packet *packet, uint32_t mark);
/* True when nothing of this question is on its way back any more; takes its mark from the kernel. */
bool question_drained(struct agent *agent, const struct rule_key *key, uint64_t id);
void question_forget(struct agent *agent, const struct rule_key *key, uint64_t id);

struct question_view {
	uint16_t number;
	struct rule_key key;
	bool asked;
	bool held; /* arrivals that wait for the question */
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
