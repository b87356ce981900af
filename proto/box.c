/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boxes: messages gathered until engine_flush() or until the datagram is full. See internal.h.
 *
 * A box is of one session and one path, so that what is sealed together arrives together, and answers go where they were asked from.
 */
#include <errno.h>
#include <stdlib.h>

#include "proto/cursor.h"
#include "proto/internal.h"

static bool path_equal(const struct engine_path *a, const struct engine_path *b)
{
	return a->local_port == b->local_port && a->remote_port == b->remote_port &&
	       memcmp(&a->local, &b->local, sizeof(a->local)) == 0 &&
	       memcmp(&a->remote, &b->remote, sizeof(a->remote)) == 0;
}

static void box_free(struct engine *engine, struct box *box)
{
	TAILQ_REMOVE(&engine->boxes, box, of_engine);
	TAILQ_REMOVE(&box->peer->boxes, box, of_peer);
	free(box);
}

void box_send(struct engine *engine, struct box *box)
{
	uint8_t datagram[PROTO_DATAGRAM_MAX];
	struct writer writer = {.at = datagram, .left = sizeof(datagram)};
	struct engine_path path = box->path;
	size_t length = box->used + DATAGRAM_DATA_OVERHEAD;

	writer_u8(&writer, DATAGRAM_DATA);
	writer_u8(&writer, PROTO_VERSION);
	writer_zeros(&writer, 2);
	writer_u32(&writer, box->session->remote_index);
	writer_u64(&writer, box->session->sent);
	noise_seal(box->session->keys.send, box->session->sent, box->plain, box->used, writer.at);
	box->session->sent++;
	box_free(engine, box);
	engine->counters.sent++;
	engine->ops.send(engine->context, &path, datagram, length);
}

void box_drop(struct engine *engine, struct peer *peer, const struct session *session)
{
	struct box *box = TAILQ_FIRST(&peer->boxes), *next;

	for (; box; box = next) {
		next = TAILQ_NEXT(box, of_peer);
		if (!session || box->session == session)
			box_free(engine, box);
	}
}

static struct box *box_new(struct engine *engine, struct session *session, const struct engine_path *path, bool answers,
	size_t room)
{
	struct box *box = malloc(sizeof(*box));

	if (!box)
		return NULL;
	box->peer = session->receiver.peer;
	box->session = session;
	box->path = *path;
	box->answers = answers;
	box->room = room;
	box->used = 0;
	TAILQ_INSERT_TAIL(&engine->boxes, box, of_engine);
	TAILQ_INSERT_HEAD(&box->peer->boxes, box, of_peer);
	return box;
}

/* An open box for this, among the latest. */
static struct box *box_find(const struct session *session, const struct engine_path *path, bool answers, bool anywhere)
{
	struct box *box = TAILQ_FIRST(&session->receiver.peer->boxes);

	for (unsigned i = 0; box && i < BOXES_LOOKED_AT; i++, box = TAILQ_NEXT(box, of_peer)) {
		if (box->session == session && box->answers == answers && (anywhere || path_equal(&box->path, path)))
			return box;
	}
	return NULL;
}

static int box_add(struct engine *engine, struct session *session, struct box *box, const struct engine_path *path,
	bool answers, size_t room, const struct message *message)
{
	int error;

	if (box) {
		error = message_encode(message, box->plain, box->room, &box->used);
		if (error != -ENOBUFS)
			return error;
		box_send(engine, box);
	}
	box = box_new(engine, session, path, answers, room);
	if (!box)
		return -ENOMEM;
	error = message_encode(message, box->plain, room, &box->used);
	if (error)
		box_free(engine, box);
	return error;
}

int box_put(struct engine *engine, struct session *session, const struct substrate *toward, bool anywhere,
	const struct message *message)
{
	struct engine_path path = {
		.local = substrate_of_host(&engine->config.self.locator),
		.remote = *toward,
		.local_port = PROTO_PORT,
		.remote_port = PROTO_PORT,
	};

	return box_add(engine, session, box_find(session, &path, false, anywhere), &path, false, PROTO_PLAIN_MAX,
		message);
}

int box_answer(struct engine *engine, struct session *session, const struct engine_path *path, size_t length,
	const struct message *message)
{
	size_t room = length - DATAGRAM_DATA_OVERHEAD;
	struct box *box = box_find(session, path, true, false);

	/* One that is fuller than that already is sent, and another begun. */
	if (box && box->room > room)
		box->room = room;
	return box_add(engine, session, box, path, true, room, message);
}
