/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Load by simulated agents and operators: questions and writes, as fast as they are answered. See agents.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/time.h"
#include "selftests/bench/agents.h"

/* ---- questions, all the time */

static void ask(struct agent *agent);
static size_t (*question_of)(const struct agent *agent, char *to);
static const char *question_path;

/* Other hosts' nodes of the same vnet. Hosts of a vnet follow one another. */
static size_t resolve_question(const struct agent *agent, char *to)
{
	const struct agent *all = sim.fleet.agents, *first = agent, *end = agent;
	size_t used = (size_t)sprintf(to, "{\"queries\":[");

	while (first > all && first[-1].vni == agent->vni)
		first--;
	while (end < all + sim.fleet.count && end->vni == agent->vni)
		end++;
	for (unsigned i = 0; i < sim.batch; i++)
		used += (size_t)sprintf(to + used, "%s{\"vni\":%u,\"source\":\"%s\",\"destination\":\"%s\"}",
			i ? "," : "", agent->vni, agent->address, first[random() % (end - first)].address);
	return used + (size_t)sprintf(to + used, "]}");
}

static size_t passports_question(const struct agent *agent, char *to)
{
	return (size_t)sprintf(to, "{\"nodes\":[{\"name\":\"%s\",\"incarnation\":\"1\"}]}", agent->node);
}

static void on_asked(struct agent *agent, unsigned status, const char *body, size_t length)
{
	(void)length;
	sim.requests += status == 200;
	sim.failed += status != 200;
	for (; (body = strstr(body, "\"found\":true")); body += 12)
		sim.found++;
	ask(agent);
}

static void ask(struct agent *agent)
{
	static char body[BATCH_MOST * 96];
	size_t length;

	if (time_now_ns() < sim.end_ns) {
		length = question_of(agent, body);
		if (fleet_ask(agent, question_path, body, length, on_asked) == 0)
			return;
	}
	sim.askers--;
}

static bool questions_over(void)
{
	double seconds = sim_seconds_since(sim.begin_ns);

	if (sim.askers)
		return false;
	printf("requests_per_s %.1f\nfound_per_s %.1f\nfailed %lu\n", (double)sim.requests / seconds,
		(double)sim.found / seconds, sim.failed);
	return true;
}

static void questions_start(char *arguments)
{
	unsigned seconds = 0, agents = 0;

	sim.batch = 1;
	if (sscanf(arguments, "%u %u %u", &seconds, &agents, &sim.batch) < 2 || agents > sim.fleet.count ||
		sim.batch > BATCH_MOST)
		sim_fail("questions", arguments);
	sim.requests = sim.found = sim.failed = 0;
	sim.begin_ns = time_now_ns();
	sim.end_ns = sim.begin_ns + seconds * NSEC_PER_SEC;
	sim.askers = agents;
	for (size_t i = 0; i < agents; i++)
		ask(&sim.fleet.agents[i * (sim.fleet.count / agents)]);
	sim.over = questions_over;
}

void command_resolve(char *arguments)
{
	question_of = resolve_question;
	question_path = "/v1/agent/resolve";
	questions_start(arguments);
}

void command_passports(char *arguments)
{
	question_of = passports_question;
	question_path = "/v1/agent/passports";
	questions_start(arguments);
}

/* ---- writes */

static void write_again(struct writer *writer)
{
	char body[512];
	const struct agent *agent = &sim.fleet.agents[writer->number % sim.fleet.count];

	if (time_now_ns() >= sim.end_ns) {
		sim.askers--;
		sim_look();
		return;
	}
	snprintf(body, sizeof(body),
		"{\"objects\":[{\"kind\":\"policy\",\"name\":\"%.*s/writer%u\",\"vnet\":\"%s\",\"services\":[\"tcp/%lu\"],"
		"\"verdict\":\"allow\"}]}",
		(int)strcspn(agent->vnet, "/"), agent->vnet, writer->number, agent->vnet, 1 + writer->written % 60000);
	link_request(writer->link, "POST", "/v1/apply", NULL, body, strlen(body));
}

static void on_written(void *context, unsigned status, const char *body, size_t length)
{
	struct writer *writer = context;

	(void)length;
	if (status != 200)
		sim_fail("write", body);
	writer->written++;
	sim.requests++;
	write_again(writer);
}

static bool writes_over(void)
{
	if (sim.askers)
		return false;
	printf("writes_per_s %.1f\n", (double)sim.requests / sim_seconds_since(sim.begin_ns));
	for (size_t i = 0; i < WRITERS_MOST && sim.writers[i].link; i++) {
		link_close(sim.writers[i].link);
		sim.writers[i].link = NULL;
	}
	return true;
}

void command_writes(char *arguments)
{
	static const struct link_events events = {.answer = on_written, .end = sim_lost};
	unsigned seconds = 0, writers = 0;

	if (sscanf(arguments, "%u %u", &seconds, &writers) != 2 || !writers || writers > WRITERS_MOST)
		sim_fail("writes", arguments);
	sim.requests = 0;
	sim.begin_ns = time_now_ns();
	sim.end_ns = sim.begin_ns + seconds * NSEC_PER_SEC;
	sim.askers = writers;
	sim.over = writes_over;
	for (unsigned i = 0; i < writers; i++) {
		sim.writers[i].number = i;
		sim.writers[i].link = link_open(sim.loop, &sim.socket, &events, &sim.writers[i]);
		if (!sim.writers[i].link)
			sim_fail("socket", strerror(errno));
		write_again(&sim.writers[i]);
	}
}
