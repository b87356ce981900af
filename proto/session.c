/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions: the key pairs of a peer, and what comes under them. See internal.h.
 *
 * A peer has up to three. `current` was proven last and is what we send with; `previous` was current before; `next` we made as
 * responder, and nothing has come under it. A HELLO touches `next` alone: one that is replayed after we have lost our memory of
 * stamps leaves keys that its sender cannot know, which are never sent with and push no proven ones out.
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#include "proto/internal.h"

struct session *session_new(struct engine *engine, struct peer *peer, uint32_t remote_index)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session || receiver_add(engine, &session->receiver, peer, session)) {
		free(session);
		return NULL;
	}
	session->remote_index = remote_index;
	session->born_ns = engine->time.now_ns;
	return session;
}

void session_free(struct engine *engine, struct session *session)
{
	if (!session)
		return;
	box_drop(engine, session->receiver.peer, session);
	receiver_remove(engine, &session->receiver);
	sodium_memzero(session, sizeof(*session));
	free(session);
}

static uint64_t age_of(const struct engine *engine, const struct session *session)
{
	return engine->time.now_ns - session->born_ns;
}

bool session_is_good(const struct engine *engine, const struct session *session)
{
	return session && age_of(engine, session) < ENGINE_REJECT_AFTER_NS;
}

struct session *session_use(struct engine *engine, struct peer *peer)
{
	struct session *session = peer->current;

	if (!session_is_good(engine, session)) {
		greeting_want(engine, peer, false);
		return NULL;
	}
	if (age_of(engine, session) >= ENGINE_REKEY_AFTER_NS && engine->time.now_ns >= peer->rekey_ns)
		greeting_want(engine, peer, false);
	return session;
}

static void session_promote(struct engine *engine, struct peer *peer, struct session *session)
{
	session_free(engine, peer->previous);
	peer->previous = peer->current;
	peer->current = session;
	peer->handshake_ns = engine->time.now_ns;
	engine->counters.handshakes++;
}

void session_begin(struct engine *engine, struct peer *peer, struct session *session)
{
	session->heard_ns = engine->time.now_ns;
	session_promote(engine, peer, session);
	peer_watch(engine, peer);
}

void session_offer(struct engine *engine, struct peer *peer, struct session *session)
{
	session_free(engine, peer->next);
	peer->next = session;
	peer_watch(engine, peer);
}

void session_ready(struct engine *engine, struct peer *peer, bool doubt)
{
	question_ready(engine, peer, doubt);
	notice_ready(engine, peer, doubt);
}

void session_drop_all(struct engine *engine, struct peer *peer)
{
	session_free(engine, peer->current);
	session_free(engine, peer->next);
	session_free(engine, peer->previous);
	peer->current = peer->next = peer->previous = NULL;
}

void session_expire(struct engine *engine, struct peer *peer)
{
	struct session **places[] = {&peer->current, &peer->next, &peer->previous};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (*places[i] && !session_is_good(engine, *places[i])) {
			session_free(engine, *places[i]);
			*places[i] = NULL;
		}
	}
}

/* Something authentic came: the peer is there, and has these keys. */
static void session_heard(struct engine *engine, struct session *session)
{
	struct peer *peer = session->receiver.peer;

	session->heard_ns = engine->time.now_ns;
	peer->received_ns = peer->used_ns = engine->time.now_ns;
	if (session != peer->next)
		return;
	peer->next = NULL;
	session_promote(engine, peer, session);
	session_ready(engine, peer, false);
}

static void session_message(struct engine *engine, struct session *session, const struct engine_path *path,
	size_t length, const struct message *message)
{
	struct message answer = {.kind = MESSAGE_ACKNOWLEDGE, .id = message->id};

	switch (message->kind) {
	case MESSAGE_ASK:
	case MESSAGE_RENEW:
		claim_ask(engine, session, path, length, message);
		break;
	case MESSAGE_GRANT:
	case MESSAGE_REFUSE:
		question_answer(engine, session->receiver.peer, message);
		break;
	case MESSAGE_STALE:
	case MESSAGE_WITHDRAW:
	case MESSAGE_MOVED:
		notice_receive(engine, session, path, length, message);
		break;
	case MESSAGE_ACKNOWLEDGE:
		notice_acknowledged(engine, session->receiver.peer, message->id);
		break;
	case MESSAGE_PING:
		box_answer(engine, session, path, length, &answer);
		break;
	}
}

/* What a datagram held, one by one, as long as the callbacks leave the session in place. */
static void session_messages(struct engine *engine, struct session *session, const struct engine_path *path,
	size_t length, const uint8_t *plain, size_t plain_length)
{
	uint32_t index = session->receiver.index;
	struct receiver *receiver;
	struct message message;
	size_t taken = 0;
	int error;

	while ((error = message_decode(plain, plain_length, &taken, &message)) == 0) {
		session_message(engine, session, path, length, &message);
		receiver = receiver_find(engine, index);
		if (!receiver || receiver->session != session)
			return;
	}
	if (error != -ENODATA)
		engine->counters.malformed++;
}

void session_receive(struct engine *engine, const struct engine_path *path, const struct datagram *datagram,
	size_t length)
{
	struct receiver *receiver = receiver_find(engine, datagram->receiver);
	struct session *session = receiver ? receiver->session : NULL;
	uint8_t plain[PROTO_PLAIN_MAX];

	if (!session_is_good(engine, session)) {
		engine->counters.unknown_index++;
		return;
	}
	if (!window_would_accept(&session->window, datagram->counter)) {
		engine->counters.replayed++;
		return;
	}
	if (noise_open(session->keys.receive, datagram->counter, datagram->sealed, datagram->sealed_length, plain)) {
		engine->counters.bad_tag++;
		return;
	}
	window_accept(&session->window, datagram->counter);
	session_heard(engine, session);
	session_messages(engine, session, path, length, plain, datagram->sealed_length - DATAGRAM_TAG_LEN);
}
