/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Simulated agents: streams, acknowledgements, coming again. See fleet.h.
 *
 * An agent has one connection for its stream, and another one while it has something to ask or to say; that lingers, since what
 * is asked once is often asked again.
 */
#include "selftests/bench/fleet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/error.h"
#include "lib/time.h"

#define TICK_NS (10 * NSEC_PER_MSEC)

/* ---- what it has */

static struct held *held_find(struct agent *agent, const char *key)
{
	for (size_t i = 0; i < agent->held_count; i++)
		if (!strcmp(agent->held[i].key, key))
			return &agent->held[i];
	return NULL;
}

static void held_set(struct agent *agent, const char *key, const char *digest, const char *value)
{
	struct held *held = held_find(agent, key);

	if (held && !strcmp(held->digest, digest))
		agent->fleet->counters.unneeded++;
	if (!held) {
		if (array_make_room((void **)&agent->held, agent->held_count, &agent->held_room, sizeof(*held)))
			abort();
		held = &agent->held[agent->held_count++];
		*held = (struct held){.key = strdup(key)};
	}
	strcpy(held->digest, digest);
	free(held->value);
	held->value = agent->fleet->keep ? strdup(value) : NULL;
}

static void held_gone(struct agent *agent, const char *key)
{
	struct held *held = held_find(agent, key);

	if (!held) {
		agent->fleet->counters.unneeded++;
		return;
	}
	free(held->key);
	free(held->value);
	*held = agent->held[--agent->held_count];
}

/* ---- the second connection */

static void acknowledge(struct agent *agent);

static void ask_over(struct agent *agent)
{
	agent->fleet->asking--;
	agent->ask = NULL;
	agent->asked = 0;
}

static void on_ask_answer(void *context, unsigned status, const char *body, size_t length)
{
	struct agent *agent = context;
	void (*busy)(struct agent * agent, unsigned status, const char *body, size_t length) = agent->busy;

	agent->idle_ns = time_now_ns();
	agent->busy = NULL;
	if (status >= 300)
		agent->fleet->counters.refused++;
	if (busy) {
		busy(agent, status, body, length);
	} else {
		if (agent->asked > agent->acked) {
			agent->acked = agent->asked;
			agent->acked_ns = agent->idle_ns;
		}
		agent->asked = 0;
	}
	if (agent->due)
		acknowledge(agent);
}

static void on_ask_end(void *context)
{
	struct agent *agent = context;
	void (*busy)(struct agent * agent, unsigned status, const char *body, size_t length) = agent->busy;

	if (agent->asked && !agent->due)
		agent->due = agent->asked;
	agent->busy = NULL;
	ask_over(agent);
	if (busy)
		busy(agent, 0, "", 0);
}

static const struct link_events ask_events = {.answer = on_ask_answer, .end = on_ask_end};

static bool ask_ready(struct agent *agent)
{
	struct fleet *fleet = agent->fleet;

	if (!agent->ask && fleet->asking < fleet->asking_most) {
		agent->ask = link_open(fleet->loop, &fleet->manager, &ask_events, agent);
		fleet->asking += agent->ask != NULL;
	}
	return agent->ask && link_is_idle(agent->ask);
}

/* Now, or at a tick when there is a connection for it. */
static void acknowledge(struct agent *agent)
{
	char body[64];
	int length;

	if (!ask_ready(agent))
		return;
	agent->asked = agent->due;
	agent->due = 0;
	length = snprintf(body, sizeof(body), "{\"revision\":%llu}", (unsigned long long)agent->asked);
	link_request(agent->ask, "POST", "/v1/agent/applied", agent->secret, body, (size_t)length);
}

int fleet_ask(struct agent *agent, const char *path, const char *body, size_t length,
	void (*done)(struct agent *agent, unsigned status, const char *body, size_t length))
{
	if (!ask_ready(agent))
		return -EAGAIN;
	agent->busy = done;
	return link_request(agent->ask, "POST", path, agent->secret, body, length);
}

static void ask_close(struct agent *agent)
{
	link_close(agent->ask);
	ask_over(agent);
}

void fleet_quiet(struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->count; i++)
		if (fleet->agents[i].ask && link_is_idle(fleet->agents[i].ask))
			ask_close(&fleet->agents[i]);
}

/* ---- the stream */

static void come_again(struct agent *agent)
{
	uint64_t splay_ns = agent->fleet->splay_ms * NSEC_PER_MSEC;

	if (agent->begun)
		agent->fleet->begun--;
	agent->begun = false;
	agent->watch = NULL;
	agent->retry_ns = time_now_ns() + (splay_ns ? (uint64_t)random() * 1000 % splay_ns : 0) + 1;
}

static void on_commit(struct agent *agent, const char *number)
{
	agent->due = strtoull(number, NULL, 10);
	agent->commits++;
	agent->fleet->counters.commits++;
	if (!agent->begun) {
		agent->begun = true;
		agent->fleet->begun++;
	}
	acknowledge(agent);
}

/* A word of the line in quotes, which it ends. Returns what follows, or NULL. */
static char *word(char *at, const char *before, char **out)
{
	char *end;

	if (!at || strncmp(at, before, strlen(before)))
		return NULL;
	*out = at + strlen(before);
	end = strchr(*out, '"');
	if (!end)
		return NULL;
	*end = '\0';
	return end + 1;
}

static void on_set(struct agent *agent, char *line)
{
	char *key = NULL, *digest = NULL, *rest = word(line, "{\"set\":\"", &key);

	rest = word(rest, ",\"digest\":\"", &digest);
	if (!rest || strlen(digest) != 16 || strncmp(rest, ",\"value\":", 9)) {
		agent->fleet->counters.malformed++;
		return;
	}
	rest[strlen(rest) - 1] = '\0';
	agent->fleet->counters.sets++;
	held_set(agent, key, digest, rest + 9);
}

static void on_line(void *context, char *line)
{
	struct agent *agent = context;
	struct fleet_counters *counters = &agent->fleet->counters;
	char *key;

	if (!strncmp(line, "{\"set\":", 7)) {
		on_set(agent, line);
	} else if (word(line, "{\"gone\":\"", &key)) {
		counters->gones++;
		held_gone(agent, key);
	} else if (!strncmp(line, "{\"commit\":", 10)) {
		on_commit(agent, line + 10);
	} else if (!strncmp(line, "{\"place\":", 9)) {
		counters->places++;
	} else if (!strncmp(line, "{\"alive\":", 9)) {
		counters->alives++;
	} else {
		counters->malformed++;
	}
}

/* The end of a stream in good order, or a refusal. */
static void on_watch_answer(void *context, unsigned status, const char *body, size_t length)
{
	struct agent *agent = context;

	(void)body, (void)length;
	agent->fleet->counters.refused += status != 200;
	link_close(agent->watch);
	agent->fleet->counters.ends++;
	come_again(agent);
}

static void on_watch_end(void *context)
{
	struct agent *agent = context;

	agent->fleet->counters.ends++;
	come_again(agent);
}

static void on_former_line(void *context, char *line)
{
	(void)context, (void)line;
}

static void on_former_end(void *context)
{
	struct agent *agent = context;

	agent->former = NULL;
	agent->fleet->counters.replaced++;
}

static void on_former_answer(void *context, unsigned status, const char *body, size_t length)
{
	struct agent *agent = context;

	(void)status, (void)body, (void)length;
	link_close(agent->former);
	on_former_end(context);
}

static const struct link_events watch_events = {on_watch_answer, on_line, on_watch_end};
static const struct link_events former_events = {on_former_answer, on_former_line, on_former_end};

static void watch(struct agent *agent)
{
	char *body = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&body, &length);

	agent->retry_ns = 0;
	fputs("{\"have\":{", out);
	for (size_t i = 0; i < agent->held_count; i++)
		fprintf(out, "%s\"%s\":\"%s\"", i ? "," : "", agent->held[i].key, agent->held[i].digest);
	fputs("}}", out);
	fclose(out);
	agent->watch = link_open(agent->fleet->loop, &agent->fleet->manager, &watch_events, agent);
	if (!agent->watch)
		come_again(agent);
	else
		link_request(agent->watch, "POST", "/v1/agent/watch", agent->secret, body, length);
	free(body);
}

void fleet_watch(struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->count; i++)
		if (*fleet->agents[i].secret && !fleet->agents[i].watch && !fleet->agents[i].cut)
			come_again(&fleet->agents[i]);
}

void fleet_cut(struct agent *agent, bool cut)
{
	agent->cut = cut;
	if (agent->ask)
		ask_close(agent);
	link_close(agent->watch);
	come_again(agent);
	agent->due = 0;
}

void fleet_twin(struct agent *agent)
{
	agent->former = agent->watch;
	link_own(agent->former, &former_events);
	come_again(agent);
	watch(agent);
}

/* ---- all of them */

static void on_tick(void *context)
{
	struct fleet *fleet = context;
	uint64_t now_ns = time_now_ns();

	loop_timer_at(fleet->tick, now_ns + TICK_NS);
	for (size_t i = 0; i < fleet->count; i++) {
		struct agent *agent = &fleet->agents[i];

		if (agent->retry_ns && agent->retry_ns <= now_ns && !agent->cut)
			watch(agent);
		if (agent->due && !agent->cut)
			acknowledge(agent);
		else if (agent->ask && link_is_idle(agent->ask) &&
			 now_ns - agent->idle_ns > fleet->linger_ms * NSEC_PER_MSEC)
			ask_close(agent);
	}
	fleet->look();
}

int fleet_open(struct fleet *fleet)
{
	fleet->tick = loop_timer(fleet->loop, on_tick, fleet);
	if (!fleet->tick)
		return -ENOMEM;
	loop_timer_at(fleet->tick, 0);
	return 0;
}

int fleet_read(struct fleet *fleet, const char *path)
{
	scope_fclose FILE *in = fopen(path, "r");
	struct agent agent = {.fleet = fleet};
	size_t room = 0;

	if (!in)
		return -errno;
	while (fscanf(in, "%63s %127s %u %127s %15s", agent.name, agent.vnet, &agent.vni, agent.node, agent.address) ==
		5) {
		if (array_make_room((void **)&fleet->agents, fleet->count, &room, sizeof(agent)))
			return -ENOMEM;
		fleet->agents[fleet->count++] = agent;
	}
	return fleet->count ? 0 : -ENOENT;
}

int fleet_dump(const struct fleet *fleet, const char *path)
{
	scope_fclose FILE *out = fopen(path, "w");

	if (!out)
		return -errno;
	for (size_t i = 0; i < fleet->count; i++)
		for (size_t j = 0; j < fleet->agents[i].held_count; j++)
			fprintf(out, "%s\t%s\t%s\n", fleet->agents[i].name, fleet->agents[i].held[j].key,
				fleet->agents[i].held[j].value ? fleet->agents[i].held[j].value : "");
	return 0;
}
