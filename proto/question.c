/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions of ours: asked, tried again, answered or not. See internal.h.
 *
 * One waits (for keys, or for the budget), or is in flight. It ends by exactly one call of `decided`, always from a datagram, a tick, a
 * flush or a forgetting, never from the call that asked.
 */
#include <errno.h>
#include <stdlib.h>

#include "proto/internal.h"

/* ---- found by flow and by id */

static bool flow_equal(const struct flow *a, const struct flow *b)
{
	return a->vni == b->vni && ipv4_equal(a->source, b->source) && ipv4_equal(a->destination, b->destination) &&
	       a->protocol == b->protocol && a->cast == b->cast && a->reach == b->reach && a->port == b->port;
}

static uint64_t flow_hash(const struct engine *engine, const struct flow *flow)
{
	uint8_t octets[17];

	memcpy(octets, &flow->vni, 4);
	memcpy(octets + 4, flow->source.octet, 4);
	memcpy(octets + 8, flow->destination.octet, 4);
	octets[12] = flow->protocol;
	octets[13] = flow->cast;
	memcpy(octets + 14, &flow->port, 2);
	octets[16] = flow->reach;
	return engine_hash(engine, octets, sizeof(octets));
}

static bool flow_is_asked(const struct engine *engine, const struct flow *flow, uint64_t hash)
{
	struct table_node *node = table_find(&engine->flows, hash);

	for (; node; node = table_same(node->next, hash))
		if (flow_equal(&container_of(node, struct question, by_flow)->flow, flow))
			return true;
	return false;
}

static struct question *question_find(const struct engine *engine, uint32_t id)
{
	struct table_node *node = table_find(&engine->questions, id);

	return node ? container_of(node, struct question, by_id) : NULL;
}

/* ---- the two lists of a peer */

static void question_unlink(struct question *question)
{
	struct peer *peer = question->peer;

	if (question->in_flight) {
		TAILQ_REMOVE(&peer->in_flight, question, links);
		peer->in_flight_count--;
	} else {
		TAILQ_REMOVE(&peer->waiting, question, links);
		peer->waiting_count--;
	}
}

static void question_link(struct question *question, bool in_flight)
{
	struct peer *peer = question->peer;

	question->in_flight = in_flight;
	if (in_flight) {
		TAILQ_INSERT_TAIL(&peer->in_flight, question, links);
		peer->in_flight_count++;
	} else {
		TAILQ_INSERT_TAIL(&peer->waiting, question, links);
		peer->waiting_count++;
	}
}

static void question_free(struct engine *engine, struct question *question)
{
	question_unlink(question);
	timer_stop(&engine->timers, &question->timer);
	table_remove(&engine->flows, &question->by_flow);
	table_remove(&engine->questions, &question->by_id);
	free(question);
}

/* ---- tries */

static void question_message(const struct question *question, struct message *out)
{
	*out = (struct message){
		.kind = question->renewal ? MESSAGE_RENEW : MESSAGE_ASK,
		.id = question->id,
		.ask =
			{
				.flow = question->flow,
				.exact = question->exact,
				.source_says = question->source_says,
				.passport = question->passport_length ? question->passport : NULL,
				.passport_length = question->passport_length,
			},
	};
}

/* Under another id, so that answers to the tries before count no more. */
static void question_rename(struct engine *engine, struct question *question)
{
	table_remove(&engine->questions, &question->by_id);
	question->id = engine_id(engine);
	/* The table has buckets: one was just taken out. */
	table_add(&engine->questions, &question->by_id, question->id);
}

/* The next try. Without keys it waits for them. */
static void question_try(struct engine *engine, struct question *question)
{
	struct session *session = session_use(engine, question->peer);
	struct message message;

	if (!session) {
		timer_stop(&engine->timers, &question->timer);
		question_unlink(question);
		question_link(question, false);
		question_rename(engine, question);
		return;
	}
	question_message(question, &message);
	/* Without memory for a box this try is as good as lost. */
	box_put(engine, session, &question->toward, question->renewal, &message);
	if (question->tries + question->again > 0)
		engine->counters.retried++;
	question->sent_ns = engine->time.now_ns;
	question->under = session->receiver.index;
	timer_set(&engine->timers, &question->timer, question->sent_ns + (ENGINE_RETRY_NS << question->tries));
	question->tries++;
}

static void question_leave(struct engine *engine, struct question *question)
{
	question_unlink(question);
	question_link(question, true);
	question_try(engine, question);
}

/* As many as the budget allows, when there are keys. */
static void question_promote(struct engine *engine, struct peer *peer)
{
	while (!TAILQ_EMPTY(&peer->waiting) && peer->in_flight_count < engine->config.peer_budget &&
		session_use(engine, peer))
		question_leave(engine, TAILQ_FIRST(&peer->waiting));
}

/* ---- the end */

static void question_count(struct engine *engine, struct peer *peer, enum engine_outcome outcome)
{
	switch (outcome) {
	case OUTCOME_GRANTED:
		engine->counters.granted++;
		peer->answered++;
		break;
	case OUTCOME_REFUSED:
		engine->counters.refused++;
		peer->answered++;
		break;
	case OUTCOME_SILENT:
		engine->counters.silent++;
		peer->silent++;
		break;
	case OUTCOME_NO_HOST:
	case OUTCOME_BUSY:
		break;
	}
}

/* All is in order before the callback, which may ask again. */
static void question_end(struct engine *engine, struct question *question, enum engine_outcome outcome,
	const struct message_decision *decision)
{
	struct flow flow = question->flow;
	uint64_t cookie = question->cookie;

	question_count(engine, question->peer, outcome);
	question_free(engine, question);
	engine->ops.decided(engine->context, &flow, cookie, outcome, decision);
}

void question_end_waiting(struct engine *engine, struct peer *peer, uint64_t until_ns, enum engine_outcome outcome)
{
	struct question *question;

	/* Not those that the callbacks ask anew. */
	for (unsigned left = peer->waiting_count; left; left--) {
		question = TAILQ_FIRST(&peer->waiting);
		if (question->asked_ns > until_ns)
			return;
		question_end(engine, question, outcome, NULL);
	}
}

void question_end_all(struct engine *engine, struct peer *peer, enum engine_outcome outcome)
{
	while (!TAILQ_EMPTY(&peer->in_flight))
		question_end(engine, TAILQ_FIRST(&peer->in_flight), outcome, NULL);
	while (!TAILQ_EMPTY(&peer->waiting))
		question_end(engine, TAILQ_FIRST(&peer->waiting), outcome, NULL);
}

void question_drop_all(struct engine *engine, struct peer *peer)
{
	while (!TAILQ_EMPTY(&peer->in_flight))
		question_free(engine, TAILQ_FIRST(&peer->in_flight));
	while (!TAILQ_EMPTY(&peer->waiting))
		question_free(engine, TAILQ_FIRST(&peer->waiting));
}

/* What happens when one has ended: there is room for another. */
static void question_settle(struct engine *engine, struct question *question, enum engine_outcome outcome,
	const struct message_decision *decision)
{
	struct peer *peer = question->peer;

	question_end(engine, question, outcome, decision);
	question_promote(engine, peer);
}

/* True when nothing has come under the keys of the latest try since: the peer may have lost them. */
static bool question_is_unheard(const struct engine *engine, const struct question *question)
{
	struct receiver *receiver = receiver_find(engine, question->under);

	return !receiver || !receiver->session || receiver->session->heard_ns <= question->sent_ns;
}

void question_timer(struct engine *engine, struct timer *timer)
{
	struct question *question = container_of(timer, struct question, timer);

	if (question->tries == ENGINE_TRIES) {
		question_settle(engine, question, OUTCOME_SILENT, NULL);
		return;
	}
	if (question_is_unheard(engine, question))
		greeting_want(engine, question->peer, true);
	question_try(engine, question);
}

void question_ready(struct engine *engine, struct peer *peer, bool doubt)
{
	struct question *question = TAILQ_FIRST(&peer->in_flight), *next;

	for (; doubt && question; question = next) {
		next = TAILQ_NEXT(question, links);
		if (question->tries < ENGINE_TRIES && question_is_unheard(engine, question))
			question_try(engine, question);
	}
	question_promote(engine, peer);
}

/* ---- answers, and what makes them too old */

/* The answer was older than a notice. */
static void question_again(struct engine *engine, struct question *question)
{
	if (question->again == ENGINE_TRIES) {
		question_settle(engine, question, OUTCOME_SILENT, NULL);
		return;
	}
	question_rename(engine, question);
	question->again++;
	question->tries = 0;
	question_try(engine, question);
}

static void peer_rtt(struct peer *peer, uint64_t sample_ns)
{
	peer->rtt_ns = peer->rtt_ns ? (7 * peer->rtt_ns + sample_ns) / 8 : sample_ns;
}

void question_answer(struct engine *engine, struct peer *peer, const struct message *message)
{
	struct question *question = question_find(engine, message->id);

	if (!question || question->peer != peer || !question->in_flight) {
		engine->counters.ignored_decisions++;
		return;
	}
	if (message->decision.serial < question->floor) {
		engine->counters.ignored_decisions++;
		question_again(engine, question);
		return;
	}
	if (question->tries == 1 && !question->again)
		peer_rtt(peer, engine->time.now_ns - question->sent_ns);
	question_settle(engine, question, message->kind == MESSAGE_GRANT ? OUTCOME_GRANTED : OUTCOME_REFUSED,
		&message->decision);
}

static bool names(const struct flow *flow, struct ipv4 address)
{
	return ipv4_equal(flow->source, address) || ipv4_equal(flow->destination, address);
}

/*
 * What is said of any flow of a pair covers every question about the pair: an answer may be about the whole of it, and a notice
 * about a wide rule names one flow for all. To ask once more costs little.
 */
static bool notice_covers(const struct message_notice *notice, const struct question *question)
{
	static const struct ipv4 none;
	const struct flow *named = &notice->flow, *flow = &question->flow;

	if (named->vni != flow->vni)
		return false;
	switch (notice->scope) {
	case SCOPE_FLOW:
	case SCOPE_PAIR:
		return ipv4_equal(named->source, flow->source) && ipv4_equal(named->destination, flow->destination);
	default:
		return names(flow, ipv4_equal(named->source, none) ? named->destination : named->source);
	}
}

static void question_raise(struct question *question, uint64_t serial)
{
	if (serial > question->floor)
		question->floor = serial;
}

void question_notice(struct peer *peer, const struct message_notice *notice)
{
	struct question *question = TAILQ_FIRST(&peer->in_flight);

	for (; question; question = TAILQ_NEXT(question, links)) {
		if (notice_covers(notice, question))
			question_raise(question, notice->serial);
	}
}

void question_moved(struct peer *peer, const struct message_moved *moved)
{
	struct question *question = TAILQ_FIRST(&peer->in_flight);

	for (; question; question = TAILQ_NEXT(question, links)) {
		if (question->flow.vni == moved->vni && names(&question->flow, moved->address))
			question_raise(question, moved->serial);
	}
}

/* ---- asked by the agent */

static struct question *question_new(struct engine *engine, struct peer *peer, const struct message_ask *ask,
	uint64_t hash)
{
	struct question *question = calloc(1, sizeof(*question) + ask->passport_length);

	if (!question)
		return NULL;
	question->peer = peer;
	question->flow = ask->flow;
	question->exact = ask->exact;
	question->source_says = ask->source_says;
	question->timer.kind = TIMER_QUESTION;
	question->asked_ns = engine->time.now_ns;
	question->id = engine_id(engine);
	question->passport_length = ask->passport_length;
	if (ask->passport_length)
		memcpy(question->passport, ask->passport, ask->passport_length);
	if (table_add(&engine->flows, &question->by_flow, hash))
		goto no_flow;
	if (table_add(&engine->questions, &question->by_id, question->id))
		goto no_id;
	question_link(question, false);
	return question;
no_id:
	table_remove(&engine->flows, &question->by_flow);
no_flow:
	free(question);
	return NULL;
}

/* What could not be encoded is refused to the agent now, rather than never sent. */
static bool question_is_good(const struct message_ask *ask, bool renewal)
{
	struct message message = {.kind = renewal ? MESSAGE_RENEW : MESSAGE_ASK, .ask = *ask};
	uint8_t scratch[MESSAGE_ASK_LEN_MIN];
	size_t used = 0;

	return message_encode(&message, scratch, sizeof(scratch), &used) == 0;
}

static int question_ask(struct engine *engine, const struct substrate *destination, bool direct,
	const struct message_ask *ask, bool renewal, uint64_t cookie)
{
	uint64_t hash = flow_hash(engine, &ask->flow);
	struct question *question;
	struct peer *peer;
	bool waits;
	int error;

	if (!question_is_good(ask, renewal))
		return -EINVAL;
	if (flow_is_asked(engine, &ask->flow, hash))
		return -EALREADY;
	error = peer_at(engine, destination, &peer);
	if (error)
		return error;
	waits = !session_use(engine, peer) || peer->waiting_count ||
		peer->in_flight_count >= engine->config.peer_budget;
	if (waits && peer->waiting_count >= ENGINE_WAITING)
		return -ENOBUFS;
	question = question_new(engine, peer, ask, hash);
	if (!question)
		return -ENOMEM;
	question->renewal = renewal;
	question->cookie = cookie;
	question->toward = direct ? substrate_of_host(&peer->host.locator) : *destination;
	peer->toward = question->toward;
	peer->used_ns = engine->time.now_ns;
	peer->asked++;
	engine->counters.asked++;
	if (!waits)
		question_leave(engine, question);
	return 0;
}

int engine_ask(struct engine *engine, const struct engine_time *time, const struct substrate *destination, bool direct,
	const struct message_ask *ask, uint64_t cookie)
{
	engine->time = *time;
	return question_ask(engine, destination, direct, ask, false, cookie);
}

int engine_renew(struct engine *engine, const struct engine_time *time, const struct substrate *destination,
	bool direct, const struct flow *flow, uint64_t cookie)
{
	/* What the source's own policies say is not asked anew: by them the grant would be gone. */
	struct message_ask ask = {.flow = *flow, .source_says = SOURCE_ALLOWS_BY_POLICY};

	engine->time = *time;
	return question_ask(engine, destination, direct, &ask, true, cookie);
}
