/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notices: STALE, WITHDRAW and MOVED, ours and theirs. See internal.h.
 *
 * WITHDRAW and MOVED are told until they are acknowledged or their lifetime is past; STALE is told once, to who can hear it.
 */
#include <errno.h>
#include <stdlib.h>

#include "proto/internal.h"

/* ---- ours */

static struct notice *notice_find(const struct engine *engine, uint32_t id)
{
	struct table_node *node = table_find(&engine->notices, id);

	return node ? container_of(node, struct notice, by_id) : NULL;
}

static void notice_end(struct engine *engine, struct notice *notice, bool quiet, bool given_up)
{
	uint32_t id = notice->message.id;

	timer_stop(&engine->timers, &notice->timer);
	table_remove(&engine->notices, &notice->by_id);
	TAILQ_REMOVE(&notice->peer->notices, notice, links);
	notice->peer->notice_count--;
	free(notice);
	if (!quiet && engine->ops.acknowledged)
		engine->ops.acknowledged(engine->context, id, given_up);
}

void notice_drop_all(struct engine *engine, struct peer *peer, bool quiet)
{
	while (!TAILQ_EMPTY(&peer->notices))
		notice_end(engine, TAILQ_FIRST(&peer->notices), quiet, true);
}

void notice_acknowledged(struct engine *engine, struct peer *peer, uint32_t id)
{
	struct notice *notice = notice_find(engine, id);

	if (notice && notice->peer == peer)
		notice_end(engine, notice, false, false);
}

/* Sends it under the keys that there are, and sees to the next time. */
static void notice_try(struct engine *engine, struct notice *notice)
{
	struct session *session = session_use(engine, notice->peer);
	struct substrate host = substrate_of_host(&notice->peer->host.locator);
	uint64_t end_ns = notice->born_ns + engine->config.notice_lifetime_ns;
	uint64_t at_ns = engine->time.now_ns + notice->delay_ns;

	if (session) {
		box_put(engine, session, &host, true, &notice->message);
		notice->sent = true;
		notice->sent_ns = engine->time.now_ns;
		notice->under = session->receiver.index;
	}
	notice->delay_ns = notice->delay_ns * 2 > NOTICE_DELAY_MOST_NS ? NOTICE_DELAY_MOST_NS : notice->delay_ns * 2;
	timer_set(&engine->timers, &notice->timer, at_ns < end_ns ? at_ns : end_ns);
}

static bool notice_is_unheard(const struct engine *engine, const struct notice *notice)
{
	struct receiver *receiver = receiver_find(engine, notice->under);

	return !receiver || !receiver->session || receiver->session->heard_ns <= notice->sent_ns;
}

void notice_timer(struct engine *engine, struct timer *timer)
{
	struct notice *notice = container_of(timer, struct notice, timer);

	if (engine->time.now_ns - notice->born_ns >= engine->config.notice_lifetime_ns) {
		notice_end(engine, notice, false, true);
		return;
	}
	if (notice->sent && notice_is_unheard(engine, notice))
		greeting_want(engine, notice->peer, true);
	notice_try(engine, notice);
}

/* Keys are there: told at once, and again soon, what was not told or went under keys that may be lost. */
void notice_ready(struct engine *engine, struct peer *peer, bool doubt)
{
	struct notice *notice = TAILQ_FIRST(&peer->notices);

	for (; notice; notice = TAILQ_NEXT(notice, links)) {
		if (notice->sent && !(doubt && notice_is_unheard(engine, notice)))
			continue;
		notice->delay_ns = ENGINE_RETRY_NS;
		notice_try(engine, notice);
	}
}

static int notice_add(struct engine *engine, const struct substrate *address, const struct message *message,
	uint32_t *id)
{
	uint8_t scratch[MESSAGE_NOTICE_LEN];
	struct notice *notice;
	struct peer *peer;
	size_t used = 0;
	int error;

	if (message_encode(message, scratch, sizeof(scratch), &used))
		return -EINVAL;
	error = peer_at(engine, address, &peer);
	if (error)
		return error;
	notice = calloc(1, sizeof(*notice));
	if (!notice)
		return -ENOMEM;
	notice->message = *message;
	notice->message.id = engine_id(engine);
	if (table_add(&engine->notices, &notice->by_id, notice->message.id)) {
		free(notice);
		return -ENOMEM;
	}
	notice->peer = peer;
	notice->timer.kind = TIMER_NOTICE;
	notice->born_ns = engine->time.now_ns;
	notice->delay_ns = ENGINE_RETRY_NS;
	TAILQ_INSERT_TAIL(&peer->notices, notice, links);
	peer->notice_count++;
	if (id)
		*id = notice->message.id;
	notice_try(engine, notice);
	return 0;
}

int engine_withdraw(struct engine *engine, const struct engine_time *time, const struct substrate *address,
	const struct message_notice *notice, uint32_t *id)
{
	struct message message = {.kind = MESSAGE_WITHDRAW, .notice = *notice};

	engine->time = *time;
	return notice_add(engine, address, &message, id);
}

int engine_moved(struct engine *engine, const struct engine_time *time, const struct substrate *address,
	const struct message_moved *moved, uint32_t *id)
{
	struct message message = {.kind = MESSAGE_MOVED, .moved = *moved};

	engine->time = *time;
	return notice_add(engine, address, &message, id);
}

/* A bucket of STALE_RATE, kept as the time when it is full again. */
static bool stale_is_allowed(struct engine *engine, struct peer *peer)
{
	const uint64_t each_ns = NSEC_PER_SEC / STALE_RATE, now_ns = engine->time.now_ns;
	uint64_t full_ns = peer->stale_ns > now_ns ? peer->stale_ns : now_ns;

	if (full_ns + each_ns > now_ns + NSEC_PER_SEC) {
		engine->counters.stale_limited++;
		return false;
	}
	peer->stale_ns = full_ns + each_ns;
	return true;
}

/*
 * Who can be told nothing for want of keys is greeted, so that the next can be told: after a start here, a host that has a long grant
 * would not ask for long, and go on sending what is dropped.
 */
static void stale_greet(struct engine *engine, const struct substrate *address)
{
	struct peer *peer;

	if (peer_at(engine, address, &peer) || engine->time.now_ns < peer->stale_greet_ns)
		return;
	peer->stale_greet_ns = engine->time.now_ns + STALE_GREET_NS;
	greeting_want(engine, peer, false);
}

int engine_stale(struct engine *engine, const struct engine_time *time, const struct substrate *address,
	const struct message_notice *notice)
{
	struct message message = {.kind = MESSAGE_STALE, .notice = *notice};
	struct substrate host;
	struct peer *peer;
	int error;

	engine->time = *time;
	error = peer_live_at(engine, address, &peer);
	if (error) {
		stale_greet(engine, address);
		return error;
	}
	if (!stale_is_allowed(engine, peer))
		return -EBUSY;
	message.id = engine_id(engine);
	host = substrate_of_host(&peer->host.locator);
	return box_put(engine, session_use(engine, peer), &host, true, &message);
}

/* ---- theirs */

void notice_receive(struct engine *engine, struct session *session, const struct engine_path *path, size_t length,
	const struct message *message)
{
	struct message answer = {.kind = MESSAGE_ACKNOWLEDGE, .id = message->id};
	struct peer *peer = session->receiver.peer;
	struct engine_host host = peer->host;
	uint32_t index = session->receiver.index;
	struct receiver *receiver;

	engine->counters.notices++;
	/* Before the callback: nothing that was decided earlier may come in after it. */
	if (message->kind == MESSAGE_MOVED) {
		question_moved(peer, &message->moved);
		engine->ops.moved(engine->context, &host, &message->moved);
	} else {
		question_notice(peer, &message->notice);
		if (message->kind == MESSAGE_STALE) {
			engine->ops.stale(engine->context, &host, &message->notice);
			return;
		}
		engine->ops.withdrawn(engine->context, &host, &message->notice);
	}
	receiver = receiver_find(engine, index);
	if (receiver && receiver->session == session)
		box_answer(engine, session, path, length, &answer);
}
