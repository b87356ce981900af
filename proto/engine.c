/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The negotiation engine: its beginning and end, and what comes in: datagrams, time, the round's end. See engine.h for the rules and
 * internal.h for the other files.
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#include "proto/internal.h"

#define DEFAULT_LOAD 100
#define DEFAULT_PEER_BUDGET 256
#define DEFAULT_NOTICE_LIFETIME_NS (60 * NSEC_PER_SEC)
#define DEFAULT_IDLE_NS (600 * NSEC_PER_SEC)

_Static_assert(crypto_shorthash_KEYBYTES == sizeof(((struct engine *)0)->hash_key) && crypto_shorthash_BYTES == 8,
	"as in libsodium");

/* Keyed: nodes choose their flows, and must not be able to choose that they collide. */
uint64_t engine_hash(const struct engine *engine, const void *octets, size_t length)
{
	uint64_t hash;

	crypto_shorthash((uint8_t *)&hash, octets, length, engine->hash_key);
	return hash;
}

uint32_t engine_id(struct engine *engine)
{
	return ++engine->last_id;
}

/* ---- receiver indexes */

/* They are random already. */
static uint64_t index_hash(uint32_t index)
{
	return index;
}

struct receiver *receiver_find(const struct engine *engine, uint32_t index)
{
	struct table_node *node = table_find(&engine->receivers, index_hash(index));

	return node ? container_of(node, struct receiver, node) : NULL;
}

int receiver_add(struct engine *engine, struct receiver *receiver, struct peer *peer, struct session *session)
{
	uint32_t index;
	int error;

	do
		engine->ops.random(engine->context, &index, sizeof(index));
	while (receiver_find(engine, index));
	error = table_add(&engine->receivers, &receiver->node, index_hash(index));
	if (error)
		return error;
	receiver->index = index;
	receiver->peer = peer;
	receiver->session = session;
	if (engine->ops.index)
		engine->ops.index(engine->context, index, &peer->host, true);
	return 0;
}

void receiver_remove(struct engine *engine, struct receiver *receiver)
{
	table_remove(&engine->receivers, &receiver->node);
	if (engine->ops.index)
		engine->ops.index(engine->context, receiver->index, &receiver->peer->host, false);
}

/* ---- beginning and end */

struct engine *engine_new(const struct engine_config *config, const struct engine_ops *ops, void *context)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	struct engine_config *own;

	if (!engine)
		return NULL;
	engine->config = *config;
	engine->ops = *ops;
	engine->context = context;
	own = &engine->config;
	own->load = own->load ? own->load : DEFAULT_LOAD;
	own->peer_budget = own->peer_budget ? own->peer_budget : DEFAULT_PEER_BUDGET;
	own->notice_lifetime_ns = own->notice_lifetime_ns ? own->notice_lifetime_ns : DEFAULT_NOTICE_LIFETIME_NS;
	own->idle_ns = own->idle_ns ? own->idle_ns : DEFAULT_IDLE_NS;
	mac1_key(own->key.public_key, engine->mac1_key);
	ops->random(context, engine->hash_key, sizeof(engine->hash_key));
	ops->random(context, &engine->last_id, sizeof(engine->last_id));
	engine->ephemeral_timer.kind = TIMER_EPHEMERAL;
	TAILQ_INIT(&engine->wanting);
	TAILQ_INIT(&engine->boxes);
	greeting_prepare(engine);
	return engine;
}

static struct peer *first_peer(const struct engine *engine)
{
	struct table_node *node = table_next(&engine->peers, NULL);

	return node ? container_of(node, struct peer, by_locator) : NULL;
}

void engine_free(struct engine *engine)
{
	struct peer *peer;

	if (!engine)
		return;
	while ((peer = first_peer(engine))) {
		question_drop_all(engine, peer);
		notice_drop_all(engine, peer, true);
		peer_remove(engine, peer);
		peer_end(engine, peer);
	}
	table_clear(&engine->peers);
	table_clear(&engine->receivers);
	table_clear(&engine->flows);
	table_clear(&engine->questions);
	table_clear(&engine->notices);
	sodium_memzero(engine, sizeof(*engine));
	free(engine);
}

void engine_passport(struct engine *engine, const uint8_t passport[HOST_PASSPORT_LEN])
{
	memcpy(engine->config.passport, passport, HOST_PASSPORT_LEN);
}

void engine_notice_lifetime(struct engine *engine, uint64_t lifetime_ns)
{
	/* Of what was granted before, nothing is shorter for that. */
	if (engine->config.notice_lifetime_ns < lifetime_ns)
		engine->config.notice_lifetime_ns = lifetime_ns;
}

void engine_forget(struct engine *engine, const struct engine_time *time, const struct locator *locator)
{
	struct peers all = TAILQ_HEAD_INITIALIZER(all);
	struct peer *peer;

	engine->time = *time;
	if (locator) {
		peer = peer_find(engine, locator);
		if (!peer)
			return;
		peer_remove(engine, peer);
		peer_end(engine, peer);
		return;
	}
	/* Those that are there now, not those that the callbacks make anew. */
	while ((peer = first_peer(engine))) {
		peer_remove(engine, peer);
		TAILQ_INSERT_TAIL(&all, peer, wanting);
	}
	while ((peer = TAILQ_FIRST(&all))) {
		TAILQ_REMOVE(&all, peer, wanting);
		peer_end(engine, peer);
	}
}

/* ---- what comes in */

void engine_receive(struct engine *engine, const struct engine_time *time, const struct engine_path *path,
	const uint8_t *in, size_t length)
{
	struct datagram datagram;

	engine->time = *time;
	engine->counters.received++;
	if (datagram_decode(in, length, &datagram)) {
		engine->counters.malformed++;
		return;
	}
	switch (datagram.type) {
	case DATAGRAM_HELLO:
		greeting_hello(engine, path, in);
		break;
	case DATAGRAM_WELCOME:
		greeting_welcome(engine, &datagram, in);
		break;
	case DATAGRAM_COOKIE:
		greeting_cookie(engine, &datagram, in, length);
		break;
	case DATAGRAM_DATA:
		session_receive(engine, path, &datagram, length);
		break;
	}
}

void engine_tick(struct engine *engine, const struct engine_time *time)
{
	struct timer *timer;

	engine->time = *time;
	while ((timer = engine->timers.root) && timer->at_ns <= time->now_ns) {
		timer_stop(&engine->timers, timer);
		switch ((enum timer_kind)timer->kind) {
		case TIMER_EPHEMERAL:
			greeting_prepare(engine);
			break;
		case TIMER_PEER:
			peer_timer(engine, timer);
			break;
		case TIMER_GREETING:
			greeting_timer(engine, timer);
			break;
		case TIMER_QUESTION:
			question_timer(engine, timer);
			break;
		case TIMER_NOTICE:
			notice_timer(engine, timer);
			break;
		}
	}
}

uint64_t engine_due(const struct engine *engine)
{
	return engine->timers.root ? engine->timers.root->at_ns : UINT64_MAX;
}

void engine_flush(struct engine *engine, const struct engine_time *time)
{
	struct peer *peer;
	struct box *box;

	engine->time = *time;
	while ((peer = TAILQ_FIRST(&engine->wanting))) {
		TAILQ_REMOVE(&engine->wanting, peer, wanting);
		peer->wants_greeting = false;
		greeting_begin(engine, peer);
	}
	while ((box = TAILQ_FIRST(&engine->boxes)))
		box_send(engine, box);
}

void engine_forget_passports(struct engine *engine)
{
	struct table_node *node = NULL;

	while ((node = table_next(&engine->peers, node)))
		claim_drop_all(container_of(node, struct peer, by_locator));
}

/* ---- to look at */

void engine_each_peer(const struct engine *engine, void (*fn)(void *context, const struct engine_peer *peer),
	void *context)
{
	struct table_node *node = NULL;

	while ((node = table_next(&engine->peers, node))) {
		const struct peer *peer = container_of(node, struct peer, by_locator);
		struct engine_peer view = {
			.host = peer->host,
			.live = session_is_good(engine, peer->current),
			.handshake_ns = peer->handshake_ns,
			.received_ns = peer->received_ns,
			.rtt_ns = peer->rtt_ns,
			.in_flight = peer->in_flight_count,
			.waiting = peer->waiting_count,
			.notices = peer->notice_count,
			.asked = peer->asked,
			.answered = peer->answered,
			.silent = peer->silent,
			.decided = peer->decided,
		};

		fn(context, &view);
	}
}

const struct engine_counters *engine_counters(const struct engine *engine)
{
	return &engine->counters;
}
