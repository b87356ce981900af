/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of cli/client.c and of the commands that ask an agent; test_cli_explain.c has one of them. What real agents
 * answer is tested end to end, in selftests/net/.
 */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>

#include "cli/client.h"
#include "lib/json.h"
#include "lib/time.h"
#include "selftests/unit/cli_agent.h"

#define LONG_ROWS 20000u

/* An answer of some megabytes. */
static char *long_answer(void)
{
	char *text = NULL;
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
	return text;
}

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

	ask("rule list all vnet Z", ANSWER("{\"result\":{\"rules\":[]}}"));
	check_text(agent.request, "{\"command\":\"rule list\",\"arguments\":{\"vnet\":\"Z\",\"all\":true}}", "request");
	ask("peer flush", ANSWER("{\"result\":{\"flushed\":true}}"));
	CU_ASSERT_EQUAL(status, CLI_OK);
	CU_ASSERT_STRING_EQUAL(out, "");
	check_text(agent.request, "{\"command\":\"peer flush\",\"arguments\":{}}", "request");
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
		{"rule list",
			"{\"result\":{\"rules\":[{\"policy\":3,\"policy_name\":\"web\",\"group\":\"clients\","
			"\"origin\":\"negotiated\"}]}}\n",
			"     3  web   clients  -       negotiated\n"},
		{"status",
			"{\"result\":{\"negotiation\":{\"identity\":\"h1\",\"peers\":2,\"grants\":7,\"in_flight\":0,"
			"\"engine\":{\"asked\":\"12\",\"refused\":\"0\"},\"questions\":{\"overdue\":\"1\"}}}}\n",
			"identity          h1\npeers             2\ngrants            7\nopen questions    0\n"
			"\nasked  12\n\noverdue  1\n"},
		{"status", "{\"result\":{\"negotiation\":{\"identity\":null,\"engine\":null}}}\n",
			"identity          -\n"},
		{"peer list",
			"{\"result\":{\"peers\":[{\"name\":\"h2\",\"locator\":\"fd00:1:0:2::/64\",\"live\":true,"
			"\"handshake_s\":null,\"heard_s\":61,\"rtt_us\":null,\"in_flight\":1,\"asked\":\"5\"}]}}\n",
			"h2    fd00:1:0:2::/64  yes       never  1m01s       -          1        -        -      5  "},
		{"queue list",
			"{\"result\":{\"questions\":[{\"port\":\"tapA\",\"destination\":\"10.0.0.3\",\"destination_port\":443,"
			"\"state\":\"in line\"}],\"ports\":[{\"port\":\"tapA\",\"node\":\"A\",\"pending\":{\"used\":1,"
			"\"size\":256},\"packets\":{\"used\":2,\"size\":64},\"octets\":{\"used\":3000,\"size\":65536}}]}}\n",
			"\n\nPORT  NODE  QUESTIONS  PACKETS  OCTETS\ntapA  A     1 of 256   2 of 64  3000 of 65536\n"},
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
	scope_free char *answer = long_answer();
	const char *line;
	size_t lines = 0;

	ask("session list limit 100000", STEPS({STEP_READ, NULL}, {STEP_WRITE, answer}));
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

#define NEGOTIATION(what, granted)                                                                                     \
	"{\"event\":{\"time\":\"2026-01-01T00:00:00Z\",\"negotiation\":\"" what                                        \
	"\",\"vnet\":\"Z\",\"protocol\":\"tcp\",\"source\":\"10.0.0.2\",\"destination\":\"10.0.0.3\","                 \
	"\"destination_port\":443,\"granted\":" granted ",\"policy\":3}}\n"

/* Negotiations and drops are lines of one table. */
static void test_monitor(void)
{
	ask("monitor count 3", STEPS({STEP_READ, NULL},
				       {STEP_WRITE, WATCHING NEGOTIATION("ask", "false") NEGOTIATION("grant", "true")},
				       {STEP_WRITE, EVENT("rule_deny") EVENT("unseen")}, {STEP_HANGUP, NULL}));
	CU_ASSERT_EQUAL(status, CLI_OK);
	CU_ASSERT_STRING_EQUAL(err, "");
	check_text(agent.request, "{\"command\":\"monitor\",\"arguments\":{}}", "request");
	check_has(out, "TIME                  NEGOTIATION  GRANTED  POLICY  DROP  INTERFACE  VNET  PROTOCOL  SOURCE ");
	check_has(out,
		"2026-01-01T00:00:00Z  ask          no            3  -     -          Z     tcp       10.0.0.2 ");
	check_has(out,
		"2026-01-01T00:00:00Z  grant        yes           3  -     -          Z     tcp       10.0.0.2 ");
	check_has(out, "  10.0.0.3:443           -\n");
	check_has(out,
		"2026-01-01T00:00:00Z  -            -             -  rule_deny  -          -     -         10.0.0.2:9 ");
	CU_ASSERT_PTR_NULL(strstr(out, "unseen"));

	ask("monitor -j count 1", STEPS({STEP_READ, NULL}, {STEP_WRITE, WATCHING NEGOTIATION("silence", "false")}));
	CU_ASSERT_EQUAL(status, CLI_OK);
	check_text(out,
		"{\"time\":\"2026-01-01T00:00:00Z\",\"negotiation\":\"silence\",\"vnet\":\"Z\",\"protocol\":\"tcp\","
		"\"source\":\"10.0.0.2\",\"destination\":\"10.0.0.3\",\"destination_port\":443,\"granted\":false,"
		"\"policy\":3}\n",
		"event");
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
		{"negotiations and drops", test_monitor},
		{"watching when nobody reads any more", test_watch_unread},
	};

	return cli_run_suite("cli_agent", tests, ARRAY_LEN(tests));
}
