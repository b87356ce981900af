/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arrivals that came before their question (DTM-7's third mode): they wait here until this agent has decided what the sender's
 * asks about them, or for HOLD_NS. Then they go back, and the rules decide: what none lets in is dropped and counted there.
 *
 * Beside question.c, which keeps what nodes here send; the way of the packets is the same.
 */
#ifndef OVNET_AGENT_HOLD_H
#define OVNET_AGENT_HOLD_H

#include "agent/agent.h"
#include "agent/question.h"
#include "agent/queue.h"
#include "maps/access.h"
#include "proto/message.h"

/* Of question_open() and question_close(). Returns 0 or -errno. */
int hold_open(struct agent *agent);
void hold_close(struct agent *agent);

/* A program says that arrivals of this key begin to wait; one of them has come out of the queue. */
void hold_asked(struct agent *agent, const struct question *asked);
void hold_packet(struct agent *agent, struct queue_packet *packet);

/* A peer's question about this flow has been decided, and the rules are in the kernel. */
void hold_decided(struct agent *agent, const struct flow *flow);

/* A question of a node here has been answered: so may be what answers the packets that were sent on. */
void hold_answered(struct agent *agent, const struct rule_key *question);

/* How many conversations wait. */
unsigned hold_count(const struct agent *agent);
void hold_each(struct agent *agent, void (*fn)(void *context, const struct question_view *view), void *context);

#endif /* OVNET_AGENT_HOLD_H */
