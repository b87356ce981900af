/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many agents of a manager in one process, to measure the manager: agents HOSTS MANAGER SOCKET [OPTION...]
 *
 *   HOSTS    a file: "HOST VNET VNI NODE ADDRESS" a line
 *   MANAGER  "[::1]:PORT"; SOCKET: the manager's unix socket, for what an operator does
 *
 * Commands come by standard input, a line each, one after the other; figures go out as "NAME VALUE", and then "done".
 *
 *   join FILE                       every host gets a token and joins; their secrets are kept in FILE
 *   secrets FILE                    they have joined before
 *   watch MS                        all come, splayed over MS; until each has its first commit
 *   back                            until all are there (again)
 *   apply VNET BODY                 POST /v1/apply; until the vnet's agents have acknowledged ("*": all, "-": nobody)
 *   resolve SECONDS AGENTS BATCH    they ask all the time, BATCH addresses a request
 *   passports SECONDS AGENTS        the same, for passports
 *   writes SECONDS WRITERS          so many clients replace a policy each, all the time
 *   stall|resume|cut|mend|twin FIRST COUNT
 *   quiet                           second connections close
 *   splay MS                        for whoever comes again
 *   counts                          what was received since the last time
 *   dump FILE                       all documents
 *
 * Leaves out what a host does with what it is told: the agents here apply a change by remembering it.
 */
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/time.h"
#include "selftests/bench/agents.h"

#define ASKING_MOST 8000 /* second connections at a time: descriptors are bounded */

struct sim sim;

static void finish(void)
{
	sim.over = NULL;
	puts("done");
	fflush(stdout);
}

void sim_look(void)
{
	if (sim.over && sim.over())
		finish();
}

void sim_fail(const char *what, const char *detail)
{
	fprintf(stderr, "agents: %s: %s\n", what, detail);
	exit(1);
}

double sim_seconds_since(uint64_t begin_ns)
{
	return (double)(time_now_ns() - begin_ns) / 1e9;
}

/* The value of a member whose name is in the answer once. Returns false: it is not there. */
static bool member(const char *body, const char *name, char *out, size_t room)
{
	const char *at = strstr(body, name);
	size_t length;

	if (!at)
		return false;
	at += strlen(name);
	length = strcspn(at, "\",}");
	if (length >= room)
		return false;
	memcpy(out, at, length);
	out[length] = '\0';
	return true;
}

/* ---- join */

static void join_next(struct joiner *joiner);

void sim_lost(void *context)
{
	(void)context;
	sim_fail("connection", "ended before its answer");
}

static void on_joined(void *context, unsigned status, const char *body, size_t length)
{
	struct joiner *joiner = context;

	(void)length;
	if (status / 100 != 2 || !member(body, "\"secret\":\"", joiner->agent->secret, sizeof(joiner->agent->secret)))
		sim_fail("join", body);
	fprintf(sim.secrets, "%s %s\n", joiner->agent->name, joiner->agent->secret);
	sim.joined++;
	link_close(joiner->host);
	join_next(joiner);
	sim_look();
}

static void on_token(void *context, unsigned status, const char *body, size_t length)
{
	static const struct link_events events = {.answer = on_joined, .end = sim_lost};
	struct joiner *joiner = context;
	uint8_t key[32];
	char secret[64], text[128], encoded[48];

	(void)length;
	if (status != 201 || !member(body, "\"secret\":\"", secret, sizeof(secret)))
		sim_fail("token", body);
	randombytes_buf(key, sizeof(key));
	sodium_bin2base64(encoded, sizeof(encoded), key, sizeof(key), sodium_base64_VARIANT_ORIGINAL);
	snprintf(text, sizeof(text), "{\"key\":\"%s\"}", encoded);
	joiner->host = link_open(sim.loop, &sim.fleet.manager, &events, joiner);
	if (!joiner->host || link_request(joiner->host, "POST", "/v1/join", secret, text, strlen(text)))
		sim_fail("join", "no connection");
}

static void join_next(struct joiner *joiner)
{
	char body[256];

	if (sim.next == sim.fleet.count)
		return;
	joiner->agent = &sim.fleet.agents[sim.next++];
	snprintf(body, sizeof(body), "{\"name\":\"system/%s\",\"role\":\"join\",\"host\":\"%s\"}", joiner->agent->name,
		joiner->agent->name);
	if (link_request(joiner->operator, "POST", "/v1/tokens", NULL, body, strlen(body)))
		sim_fail("token", "no connection");
}

static bool join_over(void)
{
	if (sim.joined < sim.fleet.count)
		return false;
	fclose(sim.secrets);
	for (size_t i = 0; i < JOINERS; i++)
		link_close(sim.joiners[i].operator);
	printf("joins_per_s %.1f\n", (double)sim.joined / sim_seconds_since(sim.begin_ns));
	return true;
}

static void command_join(char *path)
{
	static const struct link_events events = {.answer = on_token, .end = sim_lost};

	sim.secrets = fopen(path, "w");
	if (!sim.secrets)
		sim_fail(path, strerror(errno));
	sim.begin_ns = time_now_ns();
	sim.next = sim.joined = 0;
	for (size_t i = 0; i < JOINERS; i++) {
		sim.joiners[i].operator= link_open(sim.loop, &sim.socket, &events, &sim.joiners[i]);
		if (!sim.joiners[i].operator)
			sim_fail("socket", strerror(errno));
		join_next(&sim.joiners[i]);
	}
	sim.over = join_over;
}

static void command_secrets(char *path)
{
	scope_fclose FILE *in = fopen(path, "r");
	char name[FLEET_NAME_MAX], secret[64];

	if (!in)
		sim_fail(path, strerror(errno));
	for (size_t i = 0; fscanf(in, "%63s %63s", name, secret) == 2;) {
		/* In no order, as they joined; mostly in that of the hosts. */
		for (size_t j = 0; j < sim.fleet.count; j++, i++) {
			struct agent *agent = &sim.fleet.agents[i % sim.fleet.count];

			if (!strcmp(agent->name, name)) {
				strcpy(agent->secret, secret);
				break;
			}
		}
	}
	finish();
}

/* ---- streams */

static bool watch_over(void)
{
	size_t expected = 0;

	for (size_t i = 0; i < sim.fleet.count; i++)
		expected += *sim.fleet.agents[i].secret && !sim.fleet.agents[i].cut;
	if (sim.fleet.begun < expected)
		return false;
	printf("agents %zu\nback_s %.3f\n", sim.fleet.begun, sim_seconds_since(sim.begin_ns));
	return true;
}

static void command_back(char *arguments)
{
	(void)arguments;
	sim.begin_ns = time_now_ns();
	sim.over = watch_over;
	sim_look();
}

static void command_watch(char *splay_ms)
{
	uint64_t before = sim.fleet.splay_ms;

	sim.fleet.splay_ms = strtoull(splay_ms, NULL, 10);
	fleet_watch(&sim.fleet);
	sim.fleet.splay_ms = before;
	command_back(NULL);
}

static void command_splay(char *ms)
{
	sim.fleet.splay_ms = strtoull(ms, NULL, 10);
	finish();
}

static void command_quiet(char *arguments)
{
	(void)arguments;
	fleet_quiet(&sim.fleet);
	finish();
}

static void command_counts(char *arguments)
{
	const struct fleet_counters *counters = &sim.fleet.counters;

	(void)arguments;
	printf("connected %zu\nsets %lu\ngones %lu\ncommits %lu\nplaces %lu\nalives %lu\nunneeded %lu\nends %lu\nrefused %lu\n"
	       "malformed %lu\nreplaced %lu\n",
		sim.fleet.begun, counters->sets, counters->gones, counters->commits, counters->places, counters->alives,
		counters->unneeded, counters->ends, counters->refused, counters->malformed, counters->replaced);
	sim.fleet.counters = (struct fleet_counters){0};
	finish();
}

static void command_dump(char *path)
{
	int error = fleet_dump(&sim.fleet, path);

	if (error)
		sim_fail(path, strerror(-error));
	finish();
}

/* some(FIRST COUNT): does it to these. */
static void some(const char *range, void (*to)(struct agent *agent))
{
	size_t first = 0, count = 0;

	if (sscanf(range, "%zu %zu", &first, &count) != 2 || first + count > sim.fleet.count)
		sim_fail("range", range);
	for (size_t i = first; i < first + count; i++)
		to(&sim.fleet.agents[i]);
	finish();
}

static void do_stall(struct agent *agent)
{
	if (agent->watch)
		link_stall(agent->watch, true);
}

static void do_resume(struct agent *agent)
{
	if (agent->watch)
		link_stall(agent->watch, false);
}

static void do_cut(struct agent *agent)
{
	fleet_cut(agent, true);
}

static void do_mend(struct agent *agent)
{
	fleet_cut(agent, false);
}

static void command_stall(char *range)
{
	some(range, do_stall);
}

static void command_resume(char *range)
{
	some(range, do_resume);
}

static void command_cut(char *range)
{
	some(range, do_cut);
}

static void command_mend(char *range)
{
	some(range, do_mend);
}

static void command_twin(char *range)
{
	some(range, fleet_twin);
}

/* ---- apply: from the API's answer to the last acknowledgement */

static bool is_concerned(const struct agent *agent)
{
	return !agent->cut && *agent->secret && (!strcmp(sim.concerned, "*") || !strcmp(sim.concerned, agent->vnet));
}

static void on_waited(void *context, unsigned status, const char *body, size_t length)
{
	char live[8] = "", took[24] = "";

	(void)context, (void)status, (void)length;
	sim.waited = true;
	printf("waited_ms %.3f\n", (double)(time_now_ns() - sim.answered_ns) / 1e6);
	member(body, "\"live\":", live, sizeof(live));
	member(body, "\"took_ms\":", took, sizeof(took));
	printf("live %d\nwait_took_ms %s\n", !strcmp(live, "true"), *took ? took : "-1");
}

static void on_applied(void *context, unsigned status, const char *body, size_t length)
{
	static const struct link_events events = {.answer = on_waited, .end = sim_lost};
	char number[24] = "", path[64];

	(void)context, (void)length;
	sim.answered_ns = time_now_ns();
	if (status != 200 || !member(body, "\"revision\":", number, sizeof(number)))
		sim_fail("apply", body);
	sim.revision = strtoull(number, NULL, 10);
	snprintf(path, sizeof(path), "/v1/wait?revision=%s", number);
	link_own(sim.operator, & events);
	link_request(sim.operator, "GET", path, NULL, NULL, 0);
}

static bool apply_over(void)
{
	uint64_t last_ns = sim.answered_ns;
	unsigned long messages = 0, excess = 0;

	if (!sim.waited)
		return false;
	if (sim.operator)
		link_close(sim.operator);
	sim.operator= NULL;
	for (size_t i = 0; i < sim.fleet.count; i++) {
		const struct agent *agent = &sim.fleet.agents[i];

		if (!is_concerned(agent))
			continue;
		if (agent->acked < sim.revision)
			return false;
		last_ns = agent->acked_ns > last_ns ? agent->acked_ns : last_ns;
	}
	for (size_t i = 0; i < sim.fleet.count; i++) {
		struct agent *agent = &sim.fleet.agents[i];

		messages += agent->commits;
		excess += agent->commits - (is_concerned(agent) && agent->commits);
		agent->commits = 0;
	}
	printf("revision %llu\nanswer_ms %.3f\nenforced_ms %.3f\nmessages %lu\nexcess %lu\n",
		(unsigned long long)sim.revision, (double)(sim.answered_ns - sim.begin_ns) / 1e6,
		(double)(last_ns - sim.answered_ns) / 1e6, messages, excess);
	return true;
}

static void operator_open(const struct link_events *events)
{
	sim.operator= link_open(sim.loop, &sim.socket, events, &sim);
	if (!sim.operator)
		sim_fail("socket", strerror(errno));
}

static void command_apply(char *arguments)
{
	static const struct link_events events = {.answer = on_applied, .end = sim_lost};
	size_t length = strcspn(arguments, " ");

	if (!arguments[length] || length >= sizeof(sim.concerned))
		sim_fail("apply", arguments);
	memcpy(sim.concerned, arguments, length);
	sim.concerned[length] = '\0';
	sim.waited = false;
	for (size_t i = 0; i < sim.fleet.count; i++)
		sim.fleet.agents[i].commits = 0;
	operator_open(&events);
	sim.begin_ns = time_now_ns();
	link_request(sim.operator, "POST", "/v1/apply", NULL, arguments + length + 1, strlen(arguments + length + 1));
	sim.over = apply_over;
}

/* ---- commands */

static const struct {
	const char *name;
	void (*start)(char *arguments);
} commands[] = {
	{"join", command_join},
	{"secrets", command_secrets},
	{"watch", command_watch},
	{"back", command_back},
	{"apply", command_apply},
	{"resolve", command_resolve},
	{"passports", command_passports},
	{"writes", command_writes},
	{"stall", command_stall},
	{"resume", command_resume},
	{"cut", command_cut},
	{"mend", command_mend},
	{"twin", command_twin},
	{"quiet", command_quiet},
	{"splay", command_splay},
	{"counts", command_counts},
	{"dump", command_dump},
};

static void command_run(char *line)
{
	size_t length = strcspn(line, " ");
	char *arguments = line[length] ? line + length + 1 : line + length;

	line[length] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (!strcmp(commands[i].name, line)) {
			commands[i].start(arguments);
			return;
		}
	}
	sim_fail("unknown command", line);
}

static void on_input(void *context, uint32_t events)
{
	ssize_t length = read(0, sim.input + sim.input_length, sizeof(sim.input) - 1 - sim.input_length);
	char *end;

	(void)context, (void)events;
	if (length <= 0) {
		loop_stop(sim.loop);
		return;
	}
	sim.input_length += (size_t)length;
	sim.input[sim.input_length] = '\0';
	end = strchr(sim.input, '\n');
	if (!end)
		return;
	if (sim.over || end[1])
		sim_fail("command", "one after the other");
	*end = '\0';
	sim.input_length = 0;
	command_run(sim.input);
}

int main(int argc, char **argv)
{
	struct rlimit files;
	int error;

	if (argc < 4 || link_library() || sodium_init() < 0 || link_target_parse(argv[2], &sim.fleet.manager) ||
		link_target_parse(argv[3], &sim.socket)) {
		fprintf(stderr, "usage: agents HOSTS [ADDRESS]:PORT SOCKET [keep]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	sim.loop = loop_new();
	sim.fleet.loop = sim.loop;
	sim.fleet.look = sim_look;
	sim.fleet.keep = argc > 4;
	sim.fleet.splay_ms = 1000;
	sim.fleet.linger_ms = 10000;
	sim.fleet.asking_most = ASKING_MOST;
	error = fleet_read(&sim.fleet, argv[1]);
	if (error)
		sim_fail(argv[1], strerror(-error));
	if (!sim.loop || fleet_open(&sim.fleet) || !loop_watch(sim.loop, 0, EPOLLIN, on_input, NULL))
		sim_fail("loop", strerror(errno));
	return loop_run(sim.loop) ? 1 : 0;
}
