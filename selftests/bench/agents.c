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
#include "selftests/bench/fleet.h"

#define JOINERS 32
#define WRITERS_MOST 64
#define BATCH_MOST 1000
#define ASKING_MOST 8000 /* second connections at a time: descriptors are bounded */

struct joiner {
	struct link *operator, * host;
	struct agent *agent;
};

struct writer {
	struct link *link;
	unsigned number;
	unsigned long written;
};

struct sim {
	struct fleet fleet;
	struct loop *loop;
	struct link_target socket;
	char input[65536];
	size_t input_length;
	bool (*over)(void); /* of the command that is under way; NULL: none */
	uint64_t begin_ns, end_ns;
	/* join */
	struct joiner joiners[JOINERS];
	size_t next, joined;
	FILE *secrets;
	/* apply */
	struct link *operator;
	char concerned[2 * FLEET_NAME_MAX];
	uint64_t revision, answered_ns;
	bool waited;
	/* resolve, passports, writes */
	struct writer writers[WRITERS_MOST];
	unsigned batch;
	size_t askers;
	unsigned long requests, found, failed;
};
static struct sim sim;

static void finish(void)
{
	sim.over = NULL;
	puts("done");
	fflush(stdout);
}

static void look(void)
{
	if (sim.over && sim.over())
		finish();
}

static void __attribute__((noreturn)) fail(const char *what, const char *detail)
{
	fprintf(stderr, "agents: %s: %s\n", what, detail);
	exit(1);
}

static double seconds_since(uint64_t begin_ns)
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

static void on_end(void *context)
{
	(void)context;
	fail("connection", "ended before its answer");
}

static void on_joined(void *context, unsigned status, const char *body, size_t length)
{
	struct joiner *joiner = context;

	(void)length;
	if (status / 100 != 2 || !member(body, "\"secret\":\"", joiner->agent->secret, sizeof(joiner->agent->secret)))
		fail("join", body);
	fprintf(sim.secrets, "%s %s\n", joiner->agent->name, joiner->agent->secret);
	sim.joined++;
	link_close(joiner->host);
	join_next(joiner);
	look();
}

static void on_token(void *context, unsigned status, const char *body, size_t length)
{
	static const struct link_events events = {.answer = on_joined, .end = on_end};
	struct joiner *joiner = context;
	uint8_t key[32];
	char secret[64], text[128], encoded[48];

	(void)length;
	if (status != 201 || !member(body, "\"secret\":\"", secret, sizeof(secret)))
		fail("token", body);
	randombytes_buf(key, sizeof(key));
	sodium_bin2base64(encoded, sizeof(encoded), key, sizeof(key), sodium_base64_VARIANT_ORIGINAL);
	snprintf(text, sizeof(text), "{\"key\":\"%s\"}", encoded);
	joiner->host = link_open(sim.loop, &sim.fleet.manager, &events, joiner);
	if (!joiner->host || link_request(joiner->host, "POST", "/v1/join", secret, text, strlen(text)))
		fail("join", "no connection");
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
		fail("token", "no connection");
}

static bool join_over(void)
{
	if (sim.joined < sim.fleet.count)
		return false;
	fclose(sim.secrets);
	for (size_t i = 0; i < JOINERS; i++)
		link_close(sim.joiners[i].operator);
	printf("joins_per_s %.1f\n", (double)sim.joined / seconds_since(sim.begin_ns));
	return true;
}

static void command_join(char *path)
{
	static const struct link_events events = {.answer = on_token, .end = on_end};

	sim.secrets = fopen(path, "w");
	if (!sim.secrets)
		fail(path, strerror(errno));
	sim.begin_ns = time_now_ns();
	sim.next = sim.joined = 0;
	for (size_t i = 0; i < JOINERS; i++) {
		sim.joiners[i].operator= link_open(sim.loop, &sim.socket, &events, &sim.joiners[i]);
		if (!sim.joiners[i].operator)
			fail("socket", strerror(errno));
		join_next(&sim.joiners[i]);
	}
	sim.over = join_over;
}

static void command_secrets(char *path)
{
	scope_fclose FILE *in = fopen(path, "r");
	char name[FLEET_NAME_MAX], secret[64];

	if (!in)
		fail(path, strerror(errno));
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
	printf("agents %zu\nback_s %.3f\n", sim.fleet.begun, seconds_since(sim.begin_ns));
	return true;
}

static void command_back(char *arguments)
{
	(void)arguments;
	sim.begin_ns = time_now_ns();
	sim.over = watch_over;
	look();
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
		fail(path, strerror(-error));
	finish();
}

/* some(FIRST COUNT): does it to these. */
static void some(const char *range, void (*to)(struct agent *agent))
{
	size_t first = 0, count = 0;

	if (sscanf(range, "%zu %zu", &first, &count) != 2 || first + count > sim.fleet.count)
		fail("range", range);
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
	member(body, "\"live\":", live, sizeof(live));
	member(body, "\"took_ms\":", took, sizeof(took));
	printf("live %d\nwait_took_ms %s\n", !strcmp(live, "true"), *took ? took : "-1");
}

static void on_applied(void *context, unsigned status, const char *body, size_t length)
{
	static const struct link_events events = {.answer = on_waited, .end = on_end};
	char number[24] = "", path[64];

	(void)context, (void)length;
	sim.answered_ns = time_now_ns();
	if (status != 200 || !member(body, "\"revision\":", number, sizeof(number)))
		fail("apply", body);
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
		fail("socket", strerror(errno));
}

static void command_apply(char *arguments)
{
	static const struct link_events events = {.answer = on_applied, .end = on_end};
	size_t length = strcspn(arguments, " ");

	if (!arguments[length] || length >= sizeof(sim.concerned))
		fail("apply", arguments);
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
	double seconds = seconds_since(sim.begin_ns);

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
		fail("questions", arguments);
	sim.requests = sim.found = sim.failed = 0;
	sim.begin_ns = time_now_ns();
	sim.end_ns = sim.begin_ns + seconds * NSEC_PER_SEC;
	sim.askers = agents;
	for (size_t i = 0; i < agents; i++)
		ask(&sim.fleet.agents[i * (sim.fleet.count / agents)]);
	sim.over = questions_over;
}

static void command_resolve(char *arguments)
{
	question_of = resolve_question;
	question_path = "/v1/agent/resolve";
	questions_start(arguments);
}

static void command_passports(char *arguments)
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
		look();
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
		fail("write", body);
	writer->written++;
	sim.requests++;
	write_again(writer);
}

static bool writes_over(void)
{
	if (sim.askers)
		return false;
	printf("writes_per_s %.1f\n", (double)sim.requests / seconds_since(sim.begin_ns));
	for (size_t i = 0; i < WRITERS_MOST && sim.writers[i].link; i++) {
		link_close(sim.writers[i].link);
		sim.writers[i].link = NULL;
	}
	return true;
}

static void command_writes(char *arguments)
{
	static const struct link_events events = {.answer = on_written, .end = on_end};
	unsigned seconds = 0, writers = 0;

	if (sscanf(arguments, "%u %u", &seconds, &writers) != 2 || !writers || writers > WRITERS_MOST)
		fail("writes", arguments);
	sim.requests = 0;
	sim.begin_ns = time_now_ns();
	sim.end_ns = sim.begin_ns + seconds * NSEC_PER_SEC;
	sim.askers = writers;
	sim.over = writes_over;
	for (unsigned i = 0; i < writers; i++) {
		sim.writers[i].number = i;
		sim.writers[i].link = link_open(sim.loop, &sim.socket, &events, &sim.writers[i]);
		if (!sim.writers[i].link)
			fail("socket", strerror(errno));
		write_again(&sim.writers[i]);
	}
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
	fail("unknown command", line);
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
		fail("command", "one after the other");
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
	sim.fleet.look = look;
	sim.fleet.keep = argc > 4;
	sim.fleet.splay_ms = 1000;
	sim.fleet.linger_ms = 10000;
	sim.fleet.asking_most = ASKING_MOST;
	error = fleet_read(&sim.fleet, argv[1]);
	if (error)
		fail(argv[1], strerror(-error));
	if (!sim.loop || fleet_open(&sim.fleet) || !loop_watch(sim.loop, 0, EPOLLIN, on_input, NULL))
		fail("loop", strerror(errno));
	return loop_run(sim.loop) ? 1 : 0;
}
