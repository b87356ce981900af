/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Peers: hosts, by their locators. See internal.h.
 *
 * Made by a question or notice of ours, or by a HELLO that was good in every respect; forgotten when unused for idle_ns.
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#include "proto/internal.h"

static bool locator_equal(const struct locator *a, const struct locator *b)
{
	return a->length == b->length && memcmp(a->octet, b->octet, sizeof(a->octet)) == 0;
}

bool host_equal(const struct engine_host *a, const struct engine_host *b)
{
	return a->host == b->host && locator_equal(&a->locator, &b->locator) &&
	       memcmp(a->key, b->key, sizeof(a->key)) == 0;
}

static uint64_t locator_hash(const struct engine *engine, const struct locator *locator)
{
	return engine_hash(engine, locator->octet, sizeof(locator->octet));
}

struct peer *peer_find(const struct engine *engine, const struct locator *locator)
{
	uint64_t hash = locator_hash(engine, locator);
	struct table_node *node = table_find(&engine->peers, hash);

	for (; node; node = table_same(node->next, hash)) {
		struct peer *peer = container_of(node, struct peer, by_locator);

		if (locator_equal(&peer->host.locator, locator))
			return peer;
	}
	return NULL;
}

static struct peer *peer_new(struct engine *engine, const struct engine_host *host)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer || table_add(&engine->peers, &peer->by_locator, locator_hash(engine, &host->locator))) {
		free(peer);
		return NULL;
	}
	peer->host = *host;
	peer->toward = substrate_of_host(&host->locator);
	peer->timer.kind = TIMER_PEER;
	peer->used_ns = engine->time.now_ns;
	TAILQ_INIT(&peer->boxes);
	TAILQ_INIT(&peer->in_flight);
	TAILQ_INIT(&peer->waiting);
	TAILQ_INIT(&peer->notices);
	TAILQ_INIT(&peer->claims);
	peer_watch(engine, peer);
	return peer;
}

/* What rests on the host's keys and passports. */
static void peer_drop_trust(struct engine *engine, struct peer *peer)
{
	greeting_drop(engine, peer);
	session_drop_all(engine, peer);
	claim_drop_all(peer);
	sodium_memzero(&peer->stamp, sizeof(peer->stamp));
	sodium_memzero(peer->cookie, sizeof(peer->cookie));
	peer->cookie_end_ns = 0;
}

void peer_become(struct engine *engine, struct peer *peer, const struct engine_host *host)
{
	peer_drop_trust(engine, peer);
	peer->host = *host;
	peer->revision = 0;
	peer->toward = substrate_of_host(&host->locator);
	peer->handshake_ns = peer->received_ns = peer->rtt_ns = 0;
	if (!TAILQ_EMPTY(&peer->waiting))
		greeting_want(engine, peer, false);
}

int peer_of(struct engine *engine, const struct engine_host *host, struct peer **out)
{
	struct peer *peer = peer_find(engine, &host->locator);

	if (!peer)
		peer = peer_new(engine, host);
	else if (!host_equal(&peer->host, host))
		peer_become(engine, peer, host);
	if (!peer)
		return -ENOMEM;
	*out = peer;
	return 0;
}

/* The peer that shows this address as its own, if the directory does not. */
static struct peer *peer_unlisted(const struct engine *engine, const struct substrate *address)
{
	struct locator locator = {.length = 72};
	struct peer *peer;

	memcpy(locator.octet, address->octet, sizeof(locator.octet));
	locator.octet[8] &= (uint8_t)~3u;
	peer = peer_find(engine, &locator);
	if (!peer) {
		locator.length = 64;
		locator.octet[8] = 0;
		peer = peer_find(engine, &locator);
	}
	return peer && !peer->listed ? peer : NULL;
}

int peer_at(struct engine *engine, const struct substrate *address, struct peer **out)
{
	struct engine_host host;
	struct peer *peer;
	int error;

	if (engine->ops.host_at(engine->context, address, &host)) {
		peer = peer_unlisted(engine, address);
		if (!peer) {
			engine->counters.unknown_host++;
			return -ENOENT;
		}
		*out = peer;
		return 0;
	}
	if (memcmp(host.key, engine->config.key.public_key, sizeof(host.key)) == 0) {
		engine->counters.unknown_host++;
		return -ENOENT;
	}
	error = peer_of(engine, &host, &peer);
	if (error)
		return error;
	peer->listed = true;
	*out = peer;
	return 0;
}

int peer_live_at(struct engine *engine, const struct substrate *address, struct peer **out)
{
	struct engine_host host;
	struct peer *peer;

	if (engine->ops.host_at(engine->context, address, &host)) {
		peer = peer_unlisted(engine, address);
	} else {
		peer = peer_find(engine, &host.locator);
		if (peer && !host_equal(&peer->host, &host))
			peer = NULL;
	}
	if (!peer || !session_is_good(engine, peer->current))
		return -ENOTCONN;
	*out = peer;
	return 0;
}

void peer_remove(struct engine *engine, struct peer *peer)
{
	table_remove(&engine->peers, &peer->by_locator);
	timer_stop(&engine->timers, &peer->timer);
	if (peer->wants_greeting)
		TAILQ_REMOVE(&engine->wanting, peer, wanting);
	peer->wants_greeting = false;
	peer_drop_trust(engine, peer);
}

void peer_end(struct engine *engine, struct peer *peer)
{
	question_end_all(engine, peer, OUTCOME_BUSY);
	notice_drop_all(engine, peer, false);
	free(peer);
}

static bool peer_is_idle(const struct engine *engine, const struct peer *peer)
{
	return engine->time.now_ns - peer->used_ns >= engine->config.idle_ns && TAILQ_EMPTY(&peer->in_flight) &&
	       TAILQ_EMPTY(&peer->waiting) && TAILQ_EMPTY(&peer->notices);
}

void peer_watch(struct engine *engine, struct peer *peer)
{
	const struct session *sessions[] = {peer->current, peer->next, peer->previous};
	uint64_t at_ns = peer->used_ns + engine->config.idle_ns;

	/* It was due, but is busy: looked at again then. */
	if (at_ns <= engine->time.now_ns)
		at_ns = engine->time.now_ns + engine->config.idle_ns;
	for (size_t i = 0; i < sizeof(sessions) / sizeof(sessions[0]); i++) {
		if (sessions[i] && sessions[i]->born_ns + ENGINE_REJECT_AFTER_NS < at_ns)
			at_ns = sessions[i]->born_ns + ENGINE_REJECT_AFTER_NS;
	}
	timer_set(&engine->timers, &peer->timer, at_ns);
}

void peer_timer(struct engine *engine, struct timer *timer)
{
	struct peer *peer = container_of(timer, struct peer, timer);

	if (peer_is_idle(engine, peer)) {
		peer_remove(engine, peer);
		peer_end(engine, peer);
		return;
	}
	session_expire(engine, peer);
	peer_watch(engine, peer);
}
