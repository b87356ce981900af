/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Greetings: handshakes with peers, begun by us or by them. See internal.h; the octets are handshake.c's and cookie.c's.
 *
 * Each HELLO is a new one (ephemeral, stamp, index), so a WELCOME to an earlier one comes to an index that is not known any more. A
 * responder keeps no state but a pair of keys in the peer's `next`, and that only for who proved a key that the authority
 * has signed for that place.
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#include "proto/cursor.h"
#include "proto/internal.h"

#define MACS_LEN (2 * (size_t)DATAGRAM_MAC_LEN)

void greeting_want(struct engine *engine, struct peer *peer, bool doubt)
{
	if (peer->greeting) {
		peer->greeting->doubt |= doubt;
		return;
	}
	peer->doubts |= doubt;
	if (peer->wants_greeting)
		return;
	peer->wants_greeting = true;
	TAILQ_INSERT_TAIL(&engine->wanting, peer, wanting);
}

void greeting_drop(struct engine *engine, struct peer *peer)
{
	struct greeting *greeting = peer->greeting;

	if (!greeting)
		return;
	peer->greeting = NULL;
	timer_stop(&engine->timers, &greeting->timer);
	receiver_remove(engine, &greeting->receiver);
	sodium_memzero(greeting, sizeof(*greeting));
	free(greeting);
}

/* ---- ephemeral keys: made ahead, while nobody waits for one */

static void ephemeral_make(struct engine *engine, struct host_key *out)
{
	do
		engine->ops.random(engine->context, out->secret, sizeof(out->secret));
	while (crypto_scalarmult_base(out->public_key, out->secret));
}

void greeting_prepare(struct engine *engine)
{
	if (engine->has_ephemeral)
		return;
	ephemeral_make(engine, &engine->ephemeral);
	engine->has_ephemeral = true;
}

/* Each serves once; the next is made when this handshake will be over. */
static void ephemeral_take(struct engine *engine, struct host_key *out)
{
	if (engine->has_ephemeral)
		*out = engine->ephemeral;
	else
		ephemeral_make(engine, out);
	sodium_memzero(&engine->ephemeral, sizeof(engine->ephemeral));
	engine->has_ephemeral = false;
	timer_set(&engine->timers, &engine->ephemeral_timer, engine->time.now_ns + EPHEMERAL_DELAY_NS);
}

/* ---- ours */

/* Later than any that we sent, also when the clock stands still or was set back. */
static void stamp_next(struct engine *engine, struct stamp *out)
{
	struct writer writer = {.at = out->octet, .left = sizeof(out->octet)};

	writer_u64(&writer, engine->time.wall_s);
	writer_u32(&writer, engine->time.wall_ns);
	if (memcmp(out->octet, engine->stamp.octet, sizeof(out->octet)) <= 0) {
		*out = engine->stamp;
		for (size_t i = sizeof(out->octet); i > 0 && ++out->octet[i - 1] == 0;)
			i--;
	}
	engine->stamp = *out;
}

static void greeting_transmit(struct engine *engine, const struct peer *peer, const uint8_t *datagram, size_t length)
{
	struct engine_path path = {
		.local = substrate_of_host(&engine->config.self.locator),
		.remote = peer->toward,
		.local_port = PROTO_PORT,
		.remote_port = PROTO_PORT,
	};

	engine->counters.sent++;
	engine->ops.send(engine->context, &path, datagram, length);
}

static void greeting_send(struct engine *engine, struct peer *peer)
{
	struct greeting *greeting = peer->greeting;
	const uint8_t *cookie = engine->time.now_ns < peer->cookie_end_ns ? peer->cookie : NULL;
	uint8_t datagram[DATAGRAM_HELLO_LEN];
	struct host_key ephemeral;
	struct stamp stamp = {0};

	stamp_next(engine, &stamp);
	ephemeral_take(engine, &ephemeral);
	noise_begin(&greeting->state, true, &engine->config.key, peer->host.key, HANDSHAKE_PROLOGUE,
		HANDSHAKE_PROLOGUE_LEN);
	greeting->sent_ns = engine->time.now_ns;
	timer_set(&engine->timers, &greeting->timer, greeting->sent_ns + (ENGINE_RETRY_NS << greeting->tries));
	greeting->tries++;
	/* A key with which there is no shared secret: the tries pass in silence. */
	if (hello_write(&greeting->state, greeting->receiver.index, &ephemeral, &stamp, engine->config.passport, cookie,
		    datagram) == 0) {
		memcpy(greeting->mac1, datagram + sizeof(datagram) - MACS_LEN, sizeof(greeting->mac1));
		greeting_transmit(engine, peer, datagram, sizeof(datagram));
	}
	sodium_memzero(&ephemeral, sizeof(ephemeral));
}

/* With a new index: what answers the HELLO before is not meant any more. The table has buckets: one index was just taken out. */
static void greeting_again(struct engine *engine, struct peer *peer)
{
	receiver_remove(engine, &peer->greeting->receiver);
	receiver_add(engine, &peer->greeting->receiver, peer, NULL);
	greeting_send(engine, peer);
}

/* What the directory says may have changed since the question. */
static bool still_listed(struct engine *engine, struct peer *peer)
{
	struct substrate own = substrate_of_host(&peer->host.locator);
	struct engine_host host;

	if (!peer->listed)
		return true;
	if (engine->ops.host_at(engine->context, &own, &host))
		return false;
	if (!host_equal(&host, &peer->host))
		peer_become(engine, peer, &host);
	return true;
}

void greeting_begin(struct engine *engine, struct peer *peer)
{
	struct greeting *greeting;
	bool doubt = peer->doubts;

	peer->doubts = false;
	if (peer->greeting)
		return;
	if (!still_listed(engine, peer)) {
		question_end_waiting(engine, peer, engine->time.now_ns, OUTCOME_NO_HOST);
		return;
	}
	greeting = calloc(1, sizeof(*greeting));
	if (!greeting || receiver_add(engine, &greeting->receiver, peer, NULL)) {
		free(greeting);
		question_end_waiting(engine, peer, engine->time.now_ns, OUTCOME_SILENT);
		return;
	}
	greeting->timer.kind = TIMER_GREETING;
	greeting->began_ns = engine->time.now_ns;
	greeting->doubt = doubt;
	peer->greeting = greeting;
	greeting_send(engine, peer);
}

static void greeting_failed(struct engine *engine, struct peer *peer)
{
	uint64_t until_ns = peer->greeting->sent_ns;

	greeting_drop(engine, peer);
	peer->rekey_ns = engine->time.now_ns + REKEY_AGAIN_NS;
	if (session_is_good(engine, peer->current))
		return;
	question_end_waiting(engine, peer, until_ns, OUTCOME_SILENT);
	if (!TAILQ_EMPTY(&peer->waiting))
		greeting_want(engine, peer, false);
}

void greeting_timer(struct engine *engine, struct timer *timer)
{
	struct greeting *greeting = container_of(timer, struct greeting, timer);
	struct peer *peer = greeting->receiver.peer;

	/* The peer has greeted us meanwhile, and spoken under what came of it. */
	if (session_is_good(engine, peer->current) && peer->current->born_ns >= greeting->began_ns)
		greeting_drop(engine, peer);
	else if (greeting->tries < ENGINE_TRIES)
		greeting_again(engine, peer);
	else
		greeting_failed(engine, peer);
}

/* ---- what answers it */

/* The greeting with this index, or NULL. */
static struct greeting *greeting_find(struct engine *engine, uint32_t index)
{
	struct receiver *receiver = receiver_find(engine, index);

	if (receiver && !receiver->session)
		return receiver->peer->greeting;
	engine->counters.unknown_index++;
	return NULL;
}

/* The passport in a WELCOME must be of the host that we have greeted. */
static bool welcome_passport(struct engine *engine, struct peer *peer, const uint8_t in[HOST_PASSPORT_LEN])
{
	struct host_passport passport;
	struct engine_host host;

	if (host_passport_verify(in, HOST_PASSPORT_LEN, engine->config.authority, engine->time.wall_s, &passport)) {
		engine->counters.bad_passport++;
		return false;
	}
	host = (struct engine_host){.host = passport.host, .locator = passport.locator};
	memcpy(host.key, passport.key, sizeof(host.key));
	if (!host_equal(&host, &peer->host)) {
		engine->counters.bad_claim++;
		return false;
	}
	if (passport.revision > peer->revision)
		peer->revision = passport.revision;
	return true;
}

/* The greeting's index is the session's from now on: no word to who filters by it. */
static struct session *greeting_session(struct engine *engine, struct greeting *greeting, uint32_t remote_index,
	const struct noise_keys *keys)
{
	struct session *session = calloc(1, sizeof(*session));
	struct peer *peer = greeting->receiver.peer;

	if (!session)
		return NULL;
	session->receiver = (struct receiver){.index = greeting->receiver.index, .peer = peer, .session = session};
	session->remote_index = remote_index;
	session->keys = *keys;
	session->born_ns = engine->time.now_ns;
	table_remove(&engine->receivers, &greeting->receiver.node);
	table_add(&engine->receivers, &session->receiver.node, greeting->receiver.node.hash);
	timer_stop(&engine->timers, &greeting->timer);
	peer->greeting = NULL;
	sodium_memzero(greeting, sizeof(*greeting));
	free(greeting);
	return session;
}

/* What waits leaves under the new keys; if nothing does, the responder still must hear something to use them. */
static void welcome_done(struct engine *engine, struct peer *peer, bool doubt)
{
	struct message ping = {.kind = MESSAGE_PING};

	session_ready(engine, peer, doubt);
	if (!TAILQ_EMPTY(&peer->boxes) && TAILQ_FIRST(&peer->boxes)->session == peer->current)
		return;
	ping.id = engine_id(engine);
	box_put(engine, peer->current, &peer->toward, true, &ping);
}

void greeting_welcome(struct engine *engine, const struct datagram *datagram, const uint8_t *in)
{
	struct greeting *greeting = greeting_find(engine, datagram->receiver);
	uint8_t passport[HOST_PASSPORT_LEN];
	struct noise_state state;
	struct noise_keys keys;
	struct session *session;
	struct peer *peer;
	bool doubt;

	if (!greeting)
		return;
	if (!mac1_is_good(in, DATAGRAM_WELCOME_LEN, engine->mac1_key)) {
		engine->counters.bad_mac++;
		return;
	}
	/* On a copy: a forged one must not spoil the greeting for the true one. */
	peer = greeting->receiver.peer;
	doubt = greeting->doubt;
	state = greeting->state;
	if (welcome_read(&state, in, passport, &keys)) {
		engine->counters.bad_tag++;
	} else if (welcome_passport(engine, peer, passport)) {
		session = greeting_session(engine, greeting, datagram->sender, &keys);
		if (session) {
			engine->counters.welcomes++;
			peer->received_ns = peer->used_ns = engine->time.now_ns;
			session_begin(engine, peer, session);
			welcome_done(engine, peer, doubt);
		}
	}
	noise_clear(&state);
	sodium_memzero(&keys, sizeof(keys));
}

void greeting_cookie(struct engine *engine, const struct datagram *datagram, const uint8_t *in, size_t length)
{
	struct greeting *greeting = greeting_find(engine, datagram->receiver);
	struct peer *peer;

	if (!greeting)
		return;
	peer = greeting->receiver.peer;
	if (cookie_read(peer->host.key, in, length, greeting->mac1, peer->cookie)) {
		engine->counters.bad_tag++;
		return;
	}
	peer->cookie_end_ns = engine->time.now_ns + COOKIE_LIFE_NS;
	if (greeting->tries < ENGINE_TRIES)
		greeting_again(engine, peer);
}

/* ---- theirs */

static bool over_load(struct engine *engine)
{
	if (engine->time.now_ns - engine->hello_second_ns >= NSEC_PER_SEC) {
		engine->hello_second_ns = engine->time.now_ns;
		engine->hello_count = 0;
	}
	return ++engine->hello_count > engine->config.load;
}

static void cookie_of(struct engine *engine, const struct engine_path *path, uint8_t cookie[16])
{
	if (!engine->cookie_secret_ns || engine->time.now_ns - engine->cookie_secret_ns >= COOKIE_LIFE_NS) {
		engine->ops.random(engine->context, engine->cookie_secret, sizeof(engine->cookie_secret));
		engine->cookie_secret_ns = engine->time.now_ns;
	}
	cookie_make(engine->cookie_secret, path->remote.octet, path->remote_port, cookie);
}

/* Under load: true when the sender has shown that it receives at its address; else it is told how to. */
static bool admitted(struct engine *engine, const struct engine_path *path, const uint8_t *in)
{
	uint8_t cookie[16], nonce[DATAGRAM_NONCE_LEN], out[DATAGRAM_COOKIE_LEN];
	struct datagram hello;

	cookie_of(engine, path, cookie);
	if (mac2_is_good(in, DATAGRAM_HELLO_LEN, cookie))
		return true;
	engine->counters.over_load++;
	if (datagram_decode(in, DATAGRAM_HELLO_LEN, &hello))
		return false;
	engine->ops.random(engine->context, nonce, sizeof(nonce));
	cookie_write(engine->config.key.public_key, hello.sender, nonce, cookie, in + DATAGRAM_HELLO_LEN - MACS_LEN,
		out);
	engine->counters.cookies_sent++;
	engine->counters.sent++;
	engine->ops.send(engine->context, path, out, sizeof(out));
	return false;
}

/*
 * Who greets, by its passport and the directory. The key is proven; what the directory says goes before what the passport says, and
 * a host that it does not know must not be where it knows another.
 */
static int hello_host(struct engine *engine, const uint8_t key[32], const uint8_t in[HOST_PASSPORT_LEN],
	struct host_passport *passport, struct engine_host *host, bool *listed)
{
	struct engine_host known;
	struct substrate own;

	if (host_passport_verify(in, HOST_PASSPORT_LEN, engine->config.authority, engine->time.wall_s, passport)) {
		engine->counters.bad_passport++;
		return -EKEYREJECTED;
	}
	*host = (struct engine_host){.host = passport->host, .locator = passport->locator};
	memcpy(host->key, passport->key, sizeof(host->key));
	own = substrate_of_host(&host->locator);
	*listed = engine->ops.host_of(engine->context, key, &known) == 0 ||
		  engine->ops.host_at(engine->context, &own, &known) == 0;
	if (memcmp(passport->key, key, sizeof(passport->key)) != 0 ||
		(*listed ? !host_equal(&known, host) : engine->config.closed) ||
		memcmp(key, engine->config.key.public_key, 32) == 0) {
		engine->counters.bad_claim++;
		return -EPERM;
	}
	return 0;
}

/*
 * The peer that greets. Where the directory is silent, another host at the same place needs a later passport: else who was there
 * before could replay its HELLO and end the keys of who is there now.
 */
static struct peer *hello_peer(struct engine *engine, const struct host_passport *passport,
	const struct engine_host *host, bool listed, const struct stamp *stamp)
{
	struct peer *peer = peer_find(engine, &host->locator);

	if (peer && !listed && !host_equal(&peer->host, host) && passport->revision <= peer->revision) {
		engine->counters.bad_claim++;
		return NULL;
	}
	if (peer && host_equal(&peer->host, host) &&
		memcmp(stamp->octet, peer->stamp.octet, sizeof(stamp->octet)) <= 0) {
		engine->counters.old_stamp++;
		return NULL;
	}
	if (peer_of(engine, host, &peer))
		return NULL;
	peer->listed = listed;
	peer->stamp = *stamp;
	if (passport->revision > peer->revision)
		peer->revision = passport->revision;
	return peer;
}

static void hello_welcome(struct engine *engine, const struct engine_path *path, struct noise_state *state,
	struct peer *peer, uint32_t sender)
{
	struct session *session = session_new(engine, peer, sender);
	uint8_t out[DATAGRAM_WELCOME_LEN];
	struct host_key ephemeral;
	int error;

	if (!session)
		return;
	ephemeral_take(engine, &ephemeral);
	error = welcome_write(state, session->receiver.index, sender, &ephemeral, engine->config.passport, out,
		&session->keys);
	sodium_memzero(&ephemeral, sizeof(ephemeral));
	if (error) {
		session_free(engine, session);
		return;
	}
	session_offer(engine, peer, session);
	engine->counters.sent++;
	engine->ops.send(engine->context, path, out, sizeof(out));
}

void greeting_hello(struct engine *engine, const struct engine_path *path, const uint8_t *in)
{
	uint8_t octets[HOST_PASSPORT_LEN];
	struct host_passport passport;
	struct noise_state state;
	struct engine_host host;
	struct stamp stamp;
	struct peer *peer;
	uint32_t sender;
	bool listed;

	if (!mac1_is_good(in, DATAGRAM_HELLO_LEN, engine->mac1_key)) {
		engine->counters.bad_mac++;
		return;
	}
	engine->counters.hellos++;
	if (over_load(engine) && !admitted(engine, path, in))
		return;
	noise_begin(&state, false, &engine->config.key, NULL, HANDSHAKE_PROLOGUE, HANDSHAKE_PROLOGUE_LEN);
	if (hello_read(&state, in, &sender, &stamp, octets)) {
		engine->counters.bad_tag++;
	} else if (hello_host(engine, state.remote, octets, &passport, &host, &listed) == 0) {
		peer = hello_peer(engine, &passport, &host, listed, &stamp);
		if (peer)
			hello_welcome(engine, path, &state, peer, sender);
	}
	noise_clear(&state);
}
