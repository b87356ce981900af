/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions and what waits for their answers; see question.h. A question's life: read from the ring, in its port's line, asked (or
 * decided at once), answered: its packets go back, and when the kernel has drained them its mark goes from `pendings`.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/budget.h"
#include "agent/decision.h"
#include "agent/hold.h"
#include "agent/introduction.h"
#include "agent/question.h"
#include "agent/queue.h"
#include "agent/revocation.h"
#include "agent/transport.h"
#include "lib/log.h"
#include "lib/time.h"

/* How far ahead the agent promises to be there, and how often it says so. */
#define ALIVE_NS NSEC_PER_SEC
#define ALIVE_PERIOD_NS (250 * NSEC_PER_MSEC)
/* Questions decided in one go, before the socket is looked at again. */
#define SERVE_MOST 32
/* Packets of a question that was answered may still be on their way for so long. */
#define LINGER_NS (5 * NSEC_PER_MSEC)
#define LINGER_MOST_NS (50 * NSEC_PER_MSEC)
/* After that nobody answers any more; the mark in the kernel has run out by itself. */
#define OVERDUE_NS (2 * PENDING_NS)

struct waiting {
	uint64_t id;               /* first: the tree compares it */
	TAILQ_ENTRY(waiting) line; /* of its port, while it has not been asked; of all that are answered, afterwards */
	LIST_ENTRY(waiting) all;
	struct rule_key key;
	uint16_t number;
	bool asked, answered;
	bool sent_on;         /* some packets have been, while it was open */
	uint64_t forwards_to; /* now they are: to this holder of the destination's address; 0: they wait here */
	uint64_t read_ns, answered_ns;
	struct queue_packet *first, **last;
	unsigned packets;
	uint64_t octets;
};

TAILQ_HEAD(waiting_line, waiting);

struct port_line {
	TAILQ_ENTRY(port_line) turn;
	struct waiting_line waiting;
	bool queued;    /* in `turns` */
	unsigned asked; /* its questions, until they are over */
	struct budget_settled settled;
};

TAILQ_HEAD(turns, port_line);
LIST_HEAD(waiting_list, waiting);

struct questions {
	struct agent *agent;
	struct queue *queue;
	struct budget *budgets;
	struct channel_value *channel;
	struct ring_buffer *ring;
	struct loop_watch *ready;
	struct loop_timer *serve_timer, *linger_timer, *alive_timer;
	void *by_id; /* tree */
	struct waiting_list all;
	struct waiting_line answered;
	struct turns turns;
	struct port_line lines[OVNET_PORTS_MAX];
	bool former; /* what is read now was asked of an agent before this one */
	struct question_counters counters;
	struct latency latency;
	uint64_t came; /* packets, when it was last settled */
};

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t id_of(uint16_t number, uint32_t question)
{
	return (uint64_t)number << 32 | question;
}

static struct waiting *find(struct questions *questions, uint64_t id)
{
	struct waiting **found = tfind(&id, &questions->by_id, compare);

	return found ? *found : NULL;
}

/* ---- packets */

void question_return(struct agent *agent, struct queue_packet *packet, uint32_t mark)
{
	struct questions *questions = agent->questions;
	uint16_t number = packet->port_number;

	budget_give_back(&questions->budgets[number & (OVNET_PORTS_MAX - 1)], packet);
	for (size_t i = 0; i < agent->config->node_count; i++) {
		if (!agent->ports[i].attached || agent->ports[i].number != number)
			continue;
		queue_inject(questions->queue, packet, &agent->config->nodes[i].mac, mark | number);
		return;
	}
	/* The node has gone. */
	queue_discard(packet);
}

/* To be judged by the rules that are there now, or to be sent on. */
static void packet_return(struct questions *questions, struct queue_packet *packet, bool forward)
{
	question_return(questions->agent, packet, forward ? FORWARD_MARK : WAITED_MARK);
}

static void packets_return(struct questions *questions, struct waiting *waiting)
{
	struct queue_packet *packet = waiting->first;

	waiting->first = NULL;
	waiting->last = &waiting->first;
	waiting->packets = 0;
	waiting->octets = 0;
	while (packet) {
		struct queue_packet *next = packet->next;

		packet_return(questions, packet, waiting->forwards_to && !waiting->answered);
		packet = next;
	}
}

void question_read(struct agent *agent)
{
	ring_buffer__consume(agent->questions->ring);
	transport_flush(agent);
}

static void on_packet(void *context, struct queue_packet *packet)
{
	struct questions *questions = context;
	uint64_t id = id_of(packet->port_number, packet->question);
	struct waiting *waiting;

	if (packet->held) {
		hold_packet(questions->agent, packet);
		return;
	}
	waiting = find(questions, id);
	/* The question was in the ring before the packet was in the tap. */
	if (!waiting) {
		question_read(questions->agent);
		waiting = find(questions, id);
	}
	if (!waiting) {
		/* Of one that is over: what the rules say now, they say there. */
		questions->counters.unknown++;
		packet_return(questions, packet, false);
		return;
	}
	if (waiting->answered) {
		waiting->answered_ns = time_now_ns();
		packet_return(questions, packet, false);
		return;
	}
	/* What it rested on may have changed: configuration, place or holder. */
	if (waiting->forwards_to && decision_forwards(questions->agent, &waiting->key, &waiting->forwards_to)) {
		packet_return(questions, packet, true);
		return;
	}
	packet->next = NULL;
	*waiting->last = packet;
	waiting->last = &packet->next;
	waiting->packets++;
	waiting->octets += packet->length;
}

/* ---- the life of a question */

static void waiting_free(struct questions *questions, struct waiting *waiting)
{
	packets_return(questions, waiting);
	tdelete(&waiting->id, &questions->by_id, compare);
	LIST_REMOVE(waiting, all);
	questions->lines[waiting->number & (OVNET_PORTS_MAX - 1)].asked--;
	free(waiting);
}

static void mark_answered(struct questions *questions, struct waiting *waiting)
{
	waiting->answered = true;
	waiting->answered_ns = time_now_ns();
	questions->counters.answered++;
	latency_note(&questions->latency, waiting->answered_ns - waiting->read_ns);
	packets_return(questions, waiting);
	if (waiting->sent_on)
		hold_answered(questions->agent, &waiting->key);
	if (TAILQ_EMPTY(&questions->answered))
		loop_timer_at(questions->linger_timer, waiting->answered_ns + LINGER_NS);
	TAILQ_INSERT_TAIL(&questions->answered, waiting, line);
}

bool question_drained(struct agent *agent, const struct rule_key *key, uint64_t id)
{
	struct pending_value value;

	if (pending_get(agent->maps->pendings, key, &value))
		return true;
	/* Another question for the same key has taken its place. */
	if (id_of(value.number, value.question) != id)
		return true;
	return value.drained >= value.queued;
}

void question_forget(struct agent *agent, const struct rule_key *key, uint64_t id)
{
	struct pending_value value;
	int fd = agent->maps->pendings;

	if (pending_get(fd, key, &value) == 0 && id_of(value.number, value.question) == id)
		pending_del(fd, key, agent->questions->budgets);
}

/* The kernel's mark goes when nothing is on its way any more; from then on nobody waits behind anybody. */
static void on_linger(void *context)
{
	struct questions *questions = context;
	uint64_t now_ns = time_now_ns();
	struct waiting *waiting, *next;

	for (waiting = TAILQ_FIRST(&questions->answered); waiting; waiting = next) {
		next = TAILQ_NEXT(waiting, line);
		if (now_ns < waiting->answered_ns + LINGER_NS)
			break;
		if (!question_drained(questions->agent, &waiting->key, waiting->id) &&
			now_ns < waiting->answered_ns + LINGER_MOST_NS)
			continue;
		TAILQ_REMOVE(&questions->answered, waiting, line);
		question_forget(questions->agent, &waiting->key, waiting->id);
		waiting_free(questions, waiting);
	}
	if (!TAILQ_EMPTY(&questions->answered))
		loop_timer_at(questions->linger_timer, now_ns + LINGER_NS);
}

void question_answered(struct agent *agent, uint64_t id)
{
	struct questions *questions = agent->questions;
	struct waiting *waiting = questions ? find(questions, id) : NULL;

	if (waiting && !waiting->answered)
		mark_answered(questions, waiting);
}

/*
 * Asked and not answered yet: the packets may go after the question, to wait where it is decided. They do not while the place of
 * the destination is asked for: no question has left then.
 */
static void forward(struct questions *questions, struct waiting *waiting)
{
	if (!decision_forwards(questions->agent, &waiting->key, &waiting->forwards_to))
		return;
	waiting->sent_on = true;
	packets_return(questions, waiting);
}

void question_resolved(struct agent *agent, uint64_t id)
{
	struct questions *questions = agent->questions;
	struct waiting *waiting = questions ? find(questions, id) : NULL;

	if (!waiting || waiting->answered)
		return;
	if (decision_ask_resolved(agent, &waiting->key, id))
		mark_answered(questions, waiting);
	else
		forward(questions, waiting);
}

void question_asked_over(struct agent *agent, uint64_t id)
{
	struct questions *questions = agent->questions;
	struct waiting *waiting = questions ? find(questions, id) : NULL;

	if (!waiting || waiting->answered)
		return;
	waiting->forwards_to = 0;
	forward(questions, waiting);
}

/* One of each port in turn: who asks much waits for himself. */
static void serve(struct questions *questions)
{
	unsigned served = 0;

	while (served < SERVE_MOST && !TAILQ_EMPTY(&questions->turns)) {
		struct port_line *line = TAILQ_FIRST(&questions->turns);
		struct waiting *waiting = TAILQ_FIRST(&line->waiting);

		TAILQ_REMOVE(&questions->turns, line, turn);
		TAILQ_REMOVE(&line->waiting, waiting, line);
		line->queued = !TAILQ_EMPTY(&line->waiting);
		if (line->queued)
			TAILQ_INSERT_TAIL(&questions->turns, line, turn);
		waiting->asked = true;
		questions->counters.asked++;
		served++;
		if (decision_ask(questions->agent, &waiting->key, waiting->id))
			mark_answered(questions, waiting);
		else
			forward(questions, waiting);
	}
	transport_flush(questions->agent);
	if (TAILQ_EMPTY(&questions->turns))
		loop_timer_stop(questions->serve_timer);
	else
		loop_timer_at(questions->serve_timer, time_now_ns());
}

static void on_serve(void *context)
{
	serve(context);
}

static void enqueue(struct questions *questions, const struct question *asked)
{
	struct port_line *line = &questions->lines[asked->number & (OVNET_PORTS_MAX - 1)];
	uint64_t id = id_of(asked->number, asked->question);
	struct waiting *waiting;

	if (find(questions, id))
		return;
	waiting = calloc(1, sizeof(*waiting));
	if (!waiting)
		return;
	waiting->id = id;
	waiting->key = asked->key;
	waiting->number = asked->number;
	waiting->read_ns = time_now_ns();
	waiting->last = &waiting->first;
	if (!tsearch(waiting, &questions->by_id, compare)) {
		free(waiting);
		return;
	}
	LIST_INSERT_HEAD(&questions->all, waiting, all);
	line->asked++;
	TAILQ_INSERT_TAIL(&line->waiting, waiting, line);
	if (line->queued)
		return;
	/* Whoever has read the ring need not be the one who serves. */
	if (TAILQ_EMPTY(&questions->turns))
		loop_timer_at(questions->serve_timer, time_now_ns());
	line->queued = true;
	TAILQ_INSERT_TAIL(&questions->turns, line, turn);
}

static int on_question(void *context, void *data, size_t size)
{
	struct questions *questions = context;
	const struct question *asked = data;

	if (size < sizeof(*asked) || questions->former)
		return 0;
	switch (asked->kind) {
	case QUESTION_MISS:
		enqueue(questions, asked);
		break;
	case QUESTION_STALE:
		questions->counters.stale++;
		revocation_arrival(questions->agent, asked);
		break;
	case QUESTION_GONE:
		questions->counters.gone++;
		revocation_arrival(questions->agent, asked);
		break;
	case QUESTION_HOLD:
		hold_asked(questions->agent, asked);
		break;
	}
	return 0;
}

static void on_ready(void *context, uint32_t events)
{
	struct questions *questions = context;

	(void)events;
	ring_buffer__consume(questions->ring);
	serve(questions);
}

/* What nobody answered: its packets are judged by the rules that there are, and the mark in the kernel has run out. */
static void drop_overdue(struct questions *questions, uint64_t now_ns)
{
	struct waiting *waiting, *next;

	for (waiting = LIST_FIRST(&questions->all); waiting; waiting = next) {
		next = LIST_NEXT(waiting, all);
		if (waiting->answered || !waiting->asked || now_ns < waiting->read_ns + OVERDUE_NS)
			continue;
		questions->counters.overdue++;
		mark_answered(questions, waiting);
	}
}

/* What the tap has lost was charged to its port, and never comes back. */
static void settle(struct questions *questions)
{
	uint64_t came = queue_counters(questions->queue)->read;
	bool unread = came == questions->came;

	questions->came = came;
	for (size_t i = 0; i < OVNET_PORTS_MAX; i++) {
		struct port_line *line = &questions->lines[i];

		budget_settle(&questions->budgets[i], &line->settled, unread && !line->asked,
			unread && !hold_count(questions->agent));
	}
}

static void on_alive(void *context)
{
	struct questions *questions = context;
	uint64_t now_ns = time_now_ns();

	__atomic_store_n(&questions->channel->alive_ns, now_ns + ALIVE_NS, __ATOMIC_RELAXED);
	drop_overdue(questions, now_ns);
	settle(questions);
	loop_timer_at(questions->alive_timer, now_ns + ALIVE_PERIOD_NS);
}

/* ---- budgets, start and end */

void question_budget(struct agent *agent, uint16_t number, bool fresh)
{
	if (agent->questions)
		budget_limit(&agent->questions->budgets[number], &agent->config->limits, fresh);
}

static int forget(void *context, const struct rule_key *key, const struct pending_value *value)
{
	struct questions *questions = context;

	(void)value;
	pending_del(questions->agent->maps->pendings, key, questions->budgets);
	return 0;
}

/* Nobody waits for an agent that is no more: marks and counts of packets that went with it are taken back. */
static void forget_former(struct questions *questions)
{
	pending_each(questions->agent->maps->pendings, forget, questions);
	for (size_t i = 0; i < OVNET_PORTS_MAX; i++)
		budget_clear(&questions->budgets[i]);
}

static int open_channel(struct questions *questions)
{
	const struct loader_maps *maps = questions->agent->maps;
	struct agent *agent = questions->agent;
	unsigned ifindex;
	int error;

	questions->budgets = budgets_map(maps->budgets);
	questions->channel = channel_map(maps->channel);
	if (!questions->budgets || !questions->channel)
		return -errno;
	questions->channel->alive_ns = 0;
	error = queue_open(agent->loop, agent->config->instance, on_packet, questions, &questions->queue);
	if (error)
		return error;
	forget_former(questions);
	ifindex = queue_inject_ifindex(questions->queue);
	error = counter_create(maps->counters, ifindex);
	if (!error)
		error = loader_attach(agent->loader, LOADER_INJECT, queue_inject_name(questions->queue), ifindex, NULL);
	questions->channel->queue_ifindex = queue_tap_ifindex(questions->queue);
	questions->channel->inject_ifindex = ifindex;
	/* For addresses that nobody here has (bpf/stage/stale.h), and for every port that is there already. */
	for (size_t i = 0; i < OVNET_PORTS_MAX; i++)
		question_budget(agent, (uint16_t)i, false);
	return error;
}

static int open_ring(struct questions *questions)
{
	struct agent *agent = questions->agent;

	questions->ring = ring_buffer__new(agent->maps->questions, on_question, questions, NULL);
	if (!questions->ring)
		return -errno;
	questions->ready =
		loop_watch(agent->loop, ring_buffer__epoll_fd(questions->ring), EPOLLIN, on_ready, questions);
	questions->serve_timer = loop_timer(agent->loop, on_serve, questions);
	questions->linger_timer = loop_timer(agent->loop, on_linger, questions);
	questions->alive_timer = loop_timer(agent->loop, on_alive, questions);
	if (!questions->ready || !questions->serve_timer || !questions->linger_timer || !questions->alive_timer)
		return -errno;
	return 0;
}

int question_open(struct agent *agent)
{
	struct questions *questions;
	int error;

	if (!agent->authority)
		return 0;
	questions = calloc(1, sizeof(*questions));
	if (!questions)
		return -ENOMEM;
	questions->agent = agent;
	LIST_INIT(&questions->all);
	TAILQ_INIT(&questions->answered);
	TAILQ_INIT(&questions->turns);
	for (size_t i = 0; i < OVNET_PORTS_MAX; i++)
		TAILQ_INIT(&questions->lines[i].waiting);
	agent->questions = questions;
	error = hold_open(agent);
	if (!error)
		error = open_channel(questions);
	if (!error)
		error = open_ring(questions);
	if (error) {
		log_error("questions: %s", strerror(-error));
		question_close(agent);
		return error;
	}
	/* Of what an agent before this one was asked, nothing is left that waits. */
	questions->former = true;
	ring_buffer__consume(questions->ring);
	questions->former = false;
	on_alive(questions);
	return 0;
}

void question_close(struct agent *agent)
{
	struct questions *questions = agent->questions;

	if (!questions)
		return;
	if (questions->channel)
		questions->channel->alive_ns = 0;
	while (!LIST_EMPTY(&questions->all)) {
		struct waiting *waiting = LIST_FIRST(&questions->all);

		question_forget(agent, &waiting->key, waiting->id);
		waiting_free(questions, waiting);
	}
	hold_close(agent);
	introduction_clear(agent);
	loop_timer_free(questions->serve_timer);
	loop_timer_free(questions->linger_timer);
	loop_timer_free(questions->alive_timer);
	if (questions->ready)
		loop_unwatch(questions->ready);
	ring_buffer__free(questions->ring);
	queue_close(questions->queue);
	budgets_unmap(questions->budgets);
	channel_unmap(questions->channel);
	free(questions);
	agent->questions = NULL;
}

/* ---- to look at */

void question_each(struct agent *agent, void (*fn)(void *context, const struct question_view *view), void *context)
{
	struct waiting *waiting;
	uint64_t now_ns = time_now_ns();

	if (!agent->questions)
		return;
	LIST_FOREACH(waiting, &agent->questions->all, all) {
		struct question_view view = {
			.number = waiting->number,
			.key = waiting->key,
			.asked = waiting->asked,
			.packets = waiting->packets,
			.octets = waiting->octets,
			/* cppcheck-suppress uninitvar */
			.age_ns = now_ns - waiting->read_ns,
		};

		if (!waiting->answered)
			fn(context, &view);
	}
	hold_each(agent, fn, context);
}

const struct question_counters *question_counters(const struct agent *agent)
{
	static const struct question_counters none;

	return agent->questions ? &agent->questions->counters : &none;
}

const struct latency *question_latency(const struct agent *agent)
{
	return &agent->questions->latency;
}

const struct queue_counters *question_queue_counters(const struct agent *agent)
{
	return queue_counters(agent->questions->queue);
}
