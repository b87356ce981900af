/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of cli/client.c and of the commands that ask an agent. The agent is a thread at a unix socket that takes one
 * connection and follows a script: a list of steps. What real agents answer is tested end to end, in selftests/net/.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/client.h"
#include "lib/json.h"
#include "lib/time.h"
#include "selftests/unit/cli.h"

#define BOUND_MS 5000
#define REQUEST_SIZE 4096
#define LONG_ROWS 20000u

enum step_kind {
	STEP_END,      /* close */
	STEP_READ,     /* a line, which is kept as the request */
	STEP_WRITE,    /* the text */
	STEP_OCTETS,   /* the text, octet by octet */
	STEP_SESSIONS, /* an answer with LONG_ROWS sessions, some megabytes */
	STEP_HANGUP,   /* wait until the client closes */
};

struct step {
	enum step_kind kind;
	const char *text;
};

struct agent {
	char folder[32], path[64];
	int listener;
	const struct step *steps;
	pthread_t thread;
	bool running;
	char request[REQUEST_SIZE]; /* the latest, without its line break */
};

static struct agent agent;

/* Waits, bounded, for something to read. */
static bool is_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, BOUND_MS) > 0;
}

static void read_request(int fd)
{
	size_t length = 0;

	while (length + 1 < REQUEST_SIZE && is_readable(fd) && read(fd, &agent.request[length], 1) == 1)
		if (agent.request[length++] == '\n')
			break;
	agent.request[length ? length - 1 : 0] = '\0';
}

static void write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t written = send(fd, text, length, MSG_NOSIGNAL);

		if (written <= 0)
			return;
		text += written;
		length -= (size_t)written;
	}
}

static void write_sessions(int fd)
{
	scope_free char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	fputs("{\"result\":{\"sessions\":[", stream);
	for (unsigned i = 0; i < LONG_ROWS; i++)
		fprintf(stream,
			"%s{\"vnet\":\"Z\",\"protocol\":\"tcp\",\"local\":\"10.0.0.2\",\"local_port\":%u,\"peer\":\"10.0.0.3\","
			"\"peer_port\":5201,\"opened\":\"out\",\"bytes_out\":\"18446744073709551615\"}",
			i ? "," : "", i + 1);
	fprintf(stream, "],\"total\":%u}}\n", LONG_ROWS);
	fclose(stream);
	write_all(fd, text, size);
}

static void *follow(void *context)
{
	scope_close int fd = -1;
	char octet;

	(void)context;
	if (!is_readable(agent.listener))
		return NULL;
	fd = accept(agent.listener, NULL, NULL);
	for (const struct step *step = agent.steps; fd >= 0 && step->kind != STEP_END; step++) {
		switch (step->kind) {
		case STEP_READ:
			read_request(fd);
			break;
		case STEP_WRITE:
			write_all(fd, step->text, strlen(step->text));
			break;
		case STEP_OCTETS:
			for (const char *c = step->text; *c; c++)
				write_all(fd, c, 1);
			break;
		case STEP_SESSIONS:
			write_sessions(fd);
			break;
		case STEP_HANGUP:
			while (is_readable(fd) && read(fd, &octet, 1) == 1)
				;
			break;
		case STEP_END:
			break;
		}
	}
	return NULL;
}

/* A socket that is listened to; with steps, an agent too. */
static void begin(const struct step *steps)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memset(&agent, 0, sizeof(agent));
	strcpy(agent.folder, "/tmp/ovnet-cli-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(agent.folder));
	snprintf(agent.path, sizeof(agent.path), "%s/control.sock", agent.folder);
	memcpy(address.sun_path, agent.path, sizeof(agent.path));
	agent.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(agent.listener, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(agent.listener, 4), 0);
	agent.steps = steps;
	if (!steps)
		return;
	agent.running = true;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&agent.thread, NULL, follow, NULL), 0);
}

static void end(void)
{
	if (agent.running)
		pthread_join(agent.thread, NULL);
	if (agent.listener >= 0)
		close(agent.listener);
	unlink(agent.path);
	rmdir(agent.folder);
}

/* Runs a command line against an agent that follows the steps. */
static void ask_to(FILE *stream, const char *words, const struct step *steps)
{
	char line[256];

	begin(steps);
	snprintf(line, sizeof(line), "-s %s %s", agent.path, words);
	run_to(stream, line);
	end();
}

static void ask(const char *words, const struct step *steps)
{
	ask_to(NULL, words, steps);
}

#define STEPS(...) ((const struct step[]){__VA_ARGS__, {STEP_END, NULL}})
#define ANSWER(text) STEPS({STEP_READ, NULL}, {STEP_WRITE, text "\n"}, {STEP_HANGUP, NULL})

static void test_request(void)
{
	ask("rule add vnet 77 from 10.0.0.2 to any protocol tcp port 80 verdict deny lifetime 60 policy 4294967295",
		ANSWER("{\"result\":{\"added\":2}}"));
	CU_ASSERT_EQUAL(status, CLI_OK);
	CU_ASSERT_STRING_EQUAL(err, "");
	check_text(out, "rules added  2\n", "added");
	check_text(agent.request,
		"{\"command\":\"rule add\",\"arguments\":{\"vnet\":\"77\",\"from\":\"10.0.0.2\",\"to\":\"any\",\"protocol\":\"tcp\","
		"\"port\":80,\"verdict\":\"deny\",\"lifetime\":60,\"policy\":4294967295}}",
		"request");

	ask("rule del vnet Z from any to any protocol 47 port any -j", ANSWER("{\"result\":{\"removed\":0}}"));
	CU_ASSERT_EQUAL(status, CLI_OK);
	check_text(out, "{\"removed\":0}\n", "removed");
	check_text(agent.request,
		"{\"command\":\"rule del\",\"arguments\":{\"vnet\":\"Z\",\"from\":\"any\",\"to\":\"any\",\"protocol\":47,"
		"\"port\":\"any\"}}",
		"request");

	ask("stop detach", ANSWER("{\"result\":{}}"));
	CU_ASSERT_EQUAL(status, CLI_OK);
	CU_ASSERT_STRING_EQUAL(out, "");
	check_text(agent.request, "{\"command\":\"stop\",\"arguments\":{\"detach\":true}}", "request");

	ask("status", STEPS({STEP_READ, NULL},
			      {STEP_OCTETS, "{\"result\":{\"instance\":\"x\",\"uplinks\":[{\"name\":\"eth0\"}]}}\n"}));
	CU_ASSERT_EQUAL(status, CLI_OK);
	check_has(out, "instance          x\n");
	check_has(out, "\nUPLINK  IFINDEX  STATE  PROGRAMS\neth0          -  -      -\n");
	check_text(agent.request, "{\"command\":\"status\",\"arguments\":{}}", "request");
}

/* The commands of docs/control.md are those of the table, and each shows an answer of its shape. */
static void test_commands(void)
{
	static const struct {
		const char *words, *answer, *shown;
	} cases[] = {
		{"port list", "{\"result\":{\"ports\":[{\"name\":\"A\",\"state\":\"up\",\"drops\":\"3\"}]}}\n",
			"A     -     up "},
		{"rule list vnet Z address 10.0.0.2",
			"{\"result\":{\"rules\":[{\"vnet\":\"Z\",\"expires_in_s\":null}]}}\n", "never"},
		{"rule flush vnet Z", "{\"result\":{\"removed\":3}}\n", "rules removed  3\n"},
		{"session list limit 1",
			"{\"result\":{\"sessions\":[{\"local\":\"10.0.0.2\",\"local_port\":9}],\"total\":5}}\n",
			"10.0.0.2:9"},
		{"session list", "{\"result\":{\"sessions\":[],\"total\":5}}\n", "\n\nsessions in all  5\n"},
		{"mapping list", "{\"result\":{\"mappings\":[{\"address\":\"10.0.0.3\"}]}}\n", "10.0.0.3"},
		{"drop list",
			"{\"result\":{\"drops\":[{\"reason\":\"no_rule\"}],\"counters\":[{\"name\":\"arp_answered\"}]}}\n",
			"arp_answered"},
		{"reload", "{\"result\":{\"changed\":{\"nodes\":1,\"mappings\":2,\"rules\":3}}}\n",
			"nodes changed     1\nmappings changed  2\nrules changed     3\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		ask(cases[i].words, STEPS({STEP_READ, NULL}, {STEP_WRITE, cases[i].answer}));
		CU_ASSERT_EQUAL(status, CLI_OK);
		CU_ASSERT_STRING_EQUAL(err, "");
		check_has(out, cases[i].shown);
	}
}

static void test_refusals(void)
{
	char expected[160];

	ask("rule flush vnet Y", ANSWER("{\"error\":{\"message\":\"expected a vnet, got 'Y'\",\"field\":\"vnet\"}}"));
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	CU_ASSERT_STRING_EQUAL(out, "");
	check_text(err, "ovnetctl: vnet: expected a vnet, got 'Y'\n", "field");

	/* Refused without reading, as by an agent that does not like our credentials. */
	ask("reload", STEPS({STEP_WRITE, "{\"error\":{\"message\":\"no\\nway\\u0007\"}}\n"}));
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	check_text(err, "ovnetctl: no\nway?\n", "no field");

	ask("status", STEPS({STEP_READ, NULL}));
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	snprintf(expected, sizeof(expected), "ovnetctl: ovnetd closed the connection early (%s)\n", agent.path);
	check_text(err, expected, "closed early");

	ask("status", STEPS({STEP_READ, NULL}, {STEP_WRITE, "{\"result\":{}}"}));
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	snprintf(expected, sizeof(expected), "ovnetctl: ovnetd closed the connection early (%s)\n", agent.path);
	check_text(err, expected, "closed within a line");
}

static void test_nonsense(void)
{
	static const char *const answers[] = {"220 mail ready\n", "[]\n", "{}\n", "{\"error\":{}}\n",
		"{\"error\":\"no\"}\n", "{\"result\":1,\"result\":2}\n", "\n"};
	char expected[160];

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		ask("status", STEPS({STEP_READ, NULL}, {STEP_WRITE, answers[i]}));
		CU_ASSERT_EQUAL(status, CLI_FAILED);
		CU_ASSERT_STRING_EQUAL(out, "");
		snprintf(expected, sizeof(expected),
			"ovnetctl: what answers at %s is not ovnetd, or of another version\n", agent.path);
		check_text(err, expected, answers[i]);
	}
}

static void test_no_agent(void)
{
	char expected[160], line[128];

	run("-i ovnet-test-absent status");
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	check_text(err,
		"ovnetctl: ovnetd of instance 'ovnet-test-absent' is not running (no /run/ovnet/ovnet-test-absent/control.sock)\n",
		"no socket");

	begin(NULL);
	close(agent.listener);
	agent.listener = -1;
	snprintf(line, sizeof(line), "-s %s status", agent.path);
	run(line);
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	snprintf(expected, sizeof(expected), "ovnetctl: ovnetd is not running (nobody listens at %s)\n", agent.path);
	check_text(err, expected, "nobody listens");
	end();

	begin(NULL);
	snprintf(line, sizeof(line), "-s %s status", agent.path);
	CU_ASSERT_EQUAL(chmod(agent.path, 0), 0);
	/* Root is allowed everything; nobody is not. */
	if (geteuid() == 0)
		CU_ASSERT_EQUAL_FATAL(seteuid(65534), 0);
	run(line);
	if (getuid() == 0)
		CU_ASSERT_EQUAL_FATAL(seteuid(0), 0);
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	snprintf(expected, sizeof(expected),
		"ovnetctl: permission to use %s denied: be root, or in the group that owns it\n", agent.path);
	check_text(err, expected, "denied");
	end();
}

static void test_client_failures(void)
{
	struct client *client = NULL, *untouched = NULL;
	cJSON *answer = NULL;
	char path[200];
	uint64_t start_ns;

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	CU_ASSERT_EQUAL(client_open(path, BOUND_MS, &untouched), -ENAMETOOLONG);
	CU_ASSERT_EQUAL(client_open("/tmp", BOUND_MS, &untouched), -ECONNREFUSED);
	CU_ASSERT_PTR_NULL(untouched);
	client_close(NULL);

	begin(STEPS({STEP_READ, NULL}, {STEP_WRITE, "{\"result\":"}, {STEP_HANGUP, NULL}));
	CU_ASSERT_EQUAL_FATAL(client_open(agent.path, 50, &client), 0);
	start_ns = time_now_ns();
	CU_ASSERT_EQUAL(client_request(client, "status", NULL, &answer), -ETIMEDOUT);
	CU_ASSERT_TRUE(time_now_ns() - start_ns >= 50 * NSEC_PER_MSEC);
	CU_ASSERT_TRUE(time_now_ns() - start_ns < BOUND_MS * NSEC_PER_MSEC);
	CU_ASSERT_PTR_NULL(answer);
	client_close(client);
	end();
	check_text(agent.request, "{\"command\":\"status\"}", "request");
}

/* A connection carries any number of requests; what came too early waits. */
static void test_client_many(void)
{
	struct client *client = NULL;
	cJSON *answer = NULL;

	begin(STEPS({STEP_READ, NULL}, {STEP_WRITE, "{\"result\":1}\n{\"result\":2}\n{\"resu"}, {STEP_READ, NULL},
		{STEP_READ, NULL}, {STEP_WRITE, "lt\":3}\n"}, {STEP_HANGUP, NULL}));
	CU_ASSERT_EQUAL_FATAL(client_open(agent.path, BOUND_MS, &client), 0);
	for (int i = 1; i <= 3; i++) {
		long long number = 0;

		CU_ASSERT_EQUAL_FATAL(client_request(client, "status", NULL, &answer), 0);
		CU_ASSERT_EQUAL(json_integer(json_member(answer, "result"), 1, 3, &number), 0);
		CU_ASSERT_EQUAL(number, i);
		cJSON_Delete(answer);
	}
	client_close(client);
	end();
}

static void test_long_answer(void)
{
	const char *line;
	size_t lines = 0;

	ask("session list limit 100000", STEPS({STEP_READ, NULL}, {STEP_SESSIONS, NULL}));
	CU_ASSERT_EQUAL(status, CLI_OK);
	for (line = strchr(out, '\n'); line; line = strchr(line + 1, '\n'))
		lines++;
	CU_ASSERT_EQUAL(lines, 1 + LONG_ROWS + 2);
	check_has(out, "\n\nsessions in all  20000\n");
}

#define WATCHING "{\"result\":{\"watching\":true}}\n"
#define EVENT(reason)                                                                                                  \
	"{\"event\":{\"time\":\"2026-01-01T00:00:00Z\",\"reason\":\"" reason                                           \
	"\",\"source\":\"10.0.0.2\",\"source_port\":9}}\n"

static void test_watch(void)
{
	ask("drop watch count 2 -j",
		STEPS({STEP_READ, NULL}, {STEP_WRITE, WATCHING EVENT("a") EVENT("b") EVENT("c")}, {STEP_HANGUP, NULL}));
	CU_ASSERT_EQUAL(status, CLI_OK);
	CU_ASSERT_STRING_EQUAL(err, "");
	check_text(agent.request, "{\"command\":\"drop watch\",\"arguments\":{}}", "request");
	check_text(out,
		"{\"time\":\"2026-01-01T00:00:00Z\",\"reason\":\"a\",\"source\":\"10.0.0.2\",\"source_port\":9}\n"
		"{\"time\":\"2026-01-01T00:00:00Z\",\"reason\":\"b\",\"source\":\"10.0.0.2\",\"source_port\":9}\n",
		"events");

	ask("drop watch", STEPS({STEP_READ, NULL}, {STEP_WRITE, WATCHING EVENT("no_rule")}, {STEP_WRITE, EVENT("x")}));
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	check_has(err, "ovnetd closed the connection early");
	CU_ASSERT_EQUAL(strncmp(out, "TIME                  INTERFACE  HOOK  REASON   VNET", 51), 0);
	check_has(out, "2026-01-01T00:00:00Z  -          -     no_rule  -     -         10.0.0.2:9");
	check_has(out, "2026-01-01T00:00:00Z  -          -     x        -     -         10.0.0.2:9");

	ask("drop watch", STEPS({STEP_READ, NULL}, {STEP_WRITE, WATCHING "{\"result\":{}}\n"}));
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	check_has(err, "is not ovnetd");
}

/* Whoever reads goes away: the watch ends, at an event as well as while there is none. */
static void test_watch_unread(void)
{
	FILE *stream;
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	close(fds[0]);
	stream = fdopen(fds[1], "w");
	ask_to(stream, "drop watch", STEPS({STEP_READ, NULL}, {STEP_WRITE, WATCHING}, {STEP_HANGUP, NULL}));
	CU_ASSERT_EQUAL(status, CLI_OK);
	CU_ASSERT_STRING_EQUAL(err, "");
	ask_to(stream, "drop watch", STEPS({STEP_READ, NULL}, {STEP_WRITE, WATCHING EVENT("a")}, {STEP_HANGUP, NULL}));
	CU_ASSERT_EQUAL(status, CLI_OK);
	CU_ASSERT_STRING_EQUAL(err, "");
	fclose(stream);
}

int main(void)
{
	static const CU_TestInfo tests[] = {
		{"requests and their answers", test_request},
		{"every command of the agent", test_commands},
		{"an agent that refuses or goes away", test_refusals},
		{"answers that make no sense", test_nonsense},
		{"no agent, and one that may not be asked", test_no_agent},
		{"timeouts and other failures of the client", test_client_failures},
		{"many requests on a connection", test_client_many},
		{"an answer of megabytes", test_long_answer},
		{"watching", test_watch},
		{"watching when nobody reads any more", test_watch_unread},
	};

	return cli_run_suite("cli_agent", tests, ARRAY_LEN(tests));
}
