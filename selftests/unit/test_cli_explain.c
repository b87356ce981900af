/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of cli/commands_explain.c: what agents answer, put in words. The answers have the shape of docs/control.md;
 * those of real agents are tested end to end, in selftests/net/.
 */
#include <sys/stat.h>

#include "selftests/unit/cli_agent.h"

/* As the agent of A's host answers, in the shape of docs/control.md: A may send, G is elsewhere. */
#define EXPLANATION_OF_SOURCE                                                                                             \
	"{\"instance\":\"r\",\"host\":\"h1\",\"vnet\":\"Z\",\"vni\":77,\"authorization\":\"negotiated\","                 \
	"\"agreement\":\"both\",\"protocol\":\"tcp\",\"port\":443,"                                                       \
	"\"verdict\":{\"desired\":\"allow\",\"live\":\"allow\"},"                                                         \
	"\"source\":{\"name\":\"A\",\"address\":\"10.0.0.2\",\"where\":\"local\",\"state\":\"up\",\"port\":\"tapA\","     \
	"\"host\":{\"name\":\"h1\",\"locator\":\"fd00:1:0:1::/64\"},\"groups\":[\"clients\"]},"                           \
	"\"destination\":{\"name\":null,\"address\":\"10.0.0.3\",\"where\":\"remote\",\"state\":\"expired\","             \
	"\"port\":null,\"host\":{\"name\":\"h2\",\"locator\":\"fd00:1:0:2::/64\"},\"groups\":null},"                      \
	"\"desired\":{\"source\":{\"verdict\":\"allow\",\"by\":\"default\",\"policy\":0,\"policy_name\":null,"            \
	"\"group\":null,\"here\":true},\"destination\":{\"verdict\":\"allow\",\"by\":\"group\",\"policy\":3,"             \
	"\"policy_name\":\"web\",\"group\":\"clients\",\"here\":false},\"joined\":{\"verdict\":\"allow\",\"policy\":3}}," \
	"\"live\":{\"source\":{\"verdict\":\"allow\",\"reason\":null,\"description\":null,\"negotiates\":false},"         \
	"\"destination\":null},"                                                                                          \
	"\"rules\":[{\"verdict\":\"allow\",\"age_s\":3,\"expires_in_s\":27,\"hits\":\"1\",\"policy\":3,"                  \
	"\"policy_name\":\"web\",\"group\":\"clients\",\"origin\":\"negotiated\",\"end\":\"source\","                     \
	"\"width\":\"port\",\"state\":\"live\",\"decides\":true},"                                                        \
	"{\"verdict\":\"deny\",\"age_s\":3,\"expires_in_s\":27,\"hits\":\"0\",\"policy\":0,\"policy_name\":null,"         \
	"\"group\":null,\"origin\":\"negotiated\",\"end\":\"source\",\"width\":\"peer\",\"state\":\"live\","              \
	"\"decides\":false}],\"sessions\":[],\"questions\":[]}"

#define SUMMARY_OF_SOURCE                                                                                              \
	"A (10.0.0.2) to 10.0.0.3 in vnet Z, tcp port 443, as host h1, instance 'r' has it:\n"                         \
	"Desired: allow. Live: allow.\n"                                                                               \
	"The source is a node of this host, at port tapA.\n"                                                           \
	"The destination is managed by host h2 (fd00:1:0:2::/64); the mapping has expired.\n"                          \
	"Desired, the source's side: allow, by default.\n"                                                             \
	"Desired, the destination's side: allow, by policy 3 'web', which names the other end through group "          \
	"'clients'; so it is by what this host knows, but the other host decides by its own.\n"                        \
	"Desired, in all: allow (both sides must allow).\n"                                                            \
	"Live, at the source: allow, by the rule for this port (negotiated, policy 3), which ends in 27 s.\n"          \
	"Sessions of it on this host: 0.\n"

/* As the agent of G's host answers: it has no rule yet, and a question of its own about something else waits. */
#define EXPLANATION_OF_DESTINATION                                                                                          \
	"{\"instance\":\"s\",\"host\":\"h2\",\"vnet\":\"Z\",\"vni\":77,\"authorization\":\"negotiated\","                   \
	"\"agreement\":\"one\",\"protocol\":\"tcp\",\"port\":443,"                                                          \
	"\"verdict\":{\"desired\":\"unknown\",\"live\":\"none\"},"                                                          \
	"\"source\":{\"name\":null,\"address\":\"10.0.0.2\",\"where\":\"unknown\",\"state\":\"absent\",\"host\":null},"     \
	"\"destination\":{\"name\":\"G\",\"address\":\"10.0.0.3\",\"where\":\"local\",\"state\":\"up\",\"port\":\"tapG\"}," \
	"\"desired\":{\"source\":null,\"destination\":{\"verdict\":\"deny\",\"by\":\"address\",\"policy\":4,"               \
	"\"policy_name\":\"not A\",\"group\":null,\"here\":true},\"joined\":null},"                                         \
	"\"live\":{\"source\":null,\"destination\":{\"verdict\":\"none\",\"reason\":\"unknown_source\","                    \
	"\"description\":\"no mapping for the source\",\"negotiates\":false}},\"rules\":[],\"sessions\":[{\"local\":"       \
	"\"10.0.0.3\"}],\"questions\":[{\"protocol\":\"arp\",\"state\":\"asked\",\"packets\":2}]}"

#define SUMMARY_OF_DESTINATION                                                                                         \
	"10.0.0.2 to G (10.0.0.3) in vnet Z, tcp port 443, as host h2, instance 's' has it:\n"                         \
	"Desired: unknown. Live: none.\n"                                                                              \
	"Where the source is, is not known here.\n"                                                                    \
	"The destination is a node of this host, at port tapG.\n"                                                      \
	"Desired, the source's side: not known here.\n"                                                                \
	"Desired, the destination's side: deny, by policy 4 'not A', which names the other end by address.\n"          \
	"Live, at the destination: no mapping for the source (unknown_source); what arrives now is dropped.\n"         \
	"Sessions of it on this host: 1.\n"                                                                            \
	"A question about it (arp) is in flight; packets that wait: 2.\n"

static void test_explain(void)
{
	ask("explain A 10.0.0.3 tcp 443 vnet Z", ANSWER("{\"result\":" EXPLANATION_OF_SOURCE "}"));
	CU_ASSERT_EQUAL(status, CLI_OK);
	CU_ASSERT_STRING_EQUAL(err, "");
	check_text(agent.request,
		"{\"command\":\"explain\",\"arguments\":{\"source\":\"A\",\"destination\":\"10.0.0.3\","
		"\"protocol\":\"tcp\",\"port\":443,\"vnet\":\"Z\"}}",
		"request");
	check_text(out,
		SUMMARY_OF_SOURCE
		"\n"
		"END     WIDTH  VERDICT  STATE  DECIDES  ORIGIN      POLICY  NAME  GROUP    HANDLE  AGE  EXPIRES  HITS\n"
		"source  port   allow    live   yes      negotiated       3  web   clients  -        3s      27s     1\n"
		"source  peer   deny     live   no       negotiated       0  -     -        -        3s      27s     0\n",
		"explanation");

	ask("explain A 10.0.0.3 tcp", ANSWER("{\"error\":{\"message\":\"expected one\",\"field\":\"port\"}}"));
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	check_text(err, "ovnetctl: port: expected one\n", "refused");
	CU_ASSERT_STRING_EQUAL(out, "");

	ask("explain A 10.0.0.3 icmp", ANSWER("{\"result\":[]}"));
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	CU_ASSERT_STRING_EQUAL(out, "");
}

/* One sentence for each way in which things can be. */
static void test_explain_words(void)
{
	static const struct {
		const char *answer, *said;
	} cases[] = {
		{"{}", "? to ? in vnet ?, protocol ?, as instance '?' has it:\n"},
		{"{\"protocol\":\"icmp\",\"port\":8}", "in vnet ?, icmp type 8, as"},
		{"{\"protocol\":\"47\",\"port\":0}", "in vnet ?, protocol 47, as"},
		{"{\"desired\":{\"source\":{\"verdict\":\"deny\",\"by\":\"group\",\"policy\":5,\"policy_name\":\"no\","
		 "\"handle\":\"bad\",\"here\":true},\"destination\":null,\"joined\":null}}",
			"Desired, the source's side: deny, by policy 5 'no', which names the other end through handle 'bad'.\n"},
		{"{\"desired\":null}",
			"Desired: vnet ? is not negotiated; rules of the file and those given by hand decide.\n"},
		{"{\"live\":{\"source\":null,\"destination\":null}}",
			"Live: neither end is a node that is online on this host; it holds no rule about them.\n"},
		{"{\"source\":{\"where\":\"local\",\"state\":\"absent\",\"port\":\"tapA\"}}",
			"The source is a node of this host, at port tapA, and offline.\n"},
		{"{\"source\":{\"where\":\"remote\",\"host\":{\"name\":null,\"locator\":\"fd00::/64\"}}}",
			"The source is managed by a host whose name is not known here (fd00::/64).\n"},
		{"{\"source\":{\"where\":\"remote\",\"host\":null}}",
			"The source is elsewhere; which host manages it is not known now.\n"},
		{"{\"agreement\":\"one\",\"desired\":{\"joined\":{\"verdict\":\"deny\"}}}",
			"Desired, in all: deny (one side's allow suffices, unless a policy of the other denies).\n"},
		{"{\"desired\":{\"source\":{\"verdict\":\"deny\",\"by\":\"default\",\"policy\":0,\"group\":\"g\","
		 "\"here\":true}}}",
			"Desired, the source's side: deny, by default of group 'g'.\n"},
		{"{\"desired\":{\"source\":{\"verdict\":\"deny\",\"by\":\"group\",\"policy\":1,\"policy_name\":\"p\","
		 "\"group\":null,\"here\":true}}}",
			"Desired, the source's side: deny, by policy 1 'p', which names the other end in general.\n"},
		{"{\"live\":{\"source\":{\"verdict\":\"none\",\"reason\":\"no_rule\",\"description\":\"no rule covers the "
		 "packet\",\"negotiates\":true}}}",
			"Live, at the source: no rule covers the packet (no_rule); the next packet is negotiated.\n"},
		{"{\"live\":{\"source\":{\"verdict\":\"ask\",\"negotiates\":true}},\"rules\":[{\"end\":\"source\","
		 "\"decides\":true,\"verdict\":\"ask\",\"width\":\"protocol\",\"origin\":\"negotiated\"}]}",
			"Live, at the source: ask, by the rule for the whole protocol (negotiated), which does not end by "
			"itself.\nThat rule is an exception to be asked for: the next packet is negotiated.\n"},
		{"{\"live\":{\"destination\":{\"verdict\":\"deny\"}},\"rules\":[{\"end\":\"destination\",\"decides\":true,"
		 "\"verdict\":\"deny\",\"width\":\"peer\",\"origin\":\"file\",\"expires_in_s\":null}]}",
			"Live, at the destination: deny, by the rule for all between the two (file), which does not end by "
			"itself.\n"},
		{"{\"live\":{\"source\":{\"verdict\":\"none\",\"reason\":\"no_mapping\",\"description\":\"no mapping\","
		 "\"negotiates\":false}}}",
			"Live, at the source: no mapping (no_mapping); the next packet is dropped.\n"},
		{"{\"questions\":[{\"protocol\":\"tcp\",\"state\":\"in line\",\"packets\":1}]}",
			"A question about it (tcp) is in line; packets that wait: 1.\n"},
	};
	char line[1024];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(line, sizeof(line), "{\"result\":%s}\n", cases[i].answer);
		ask("explain A G tcp 1", STEPS({STEP_READ, NULL}, {STEP_WRITE, line}));
		CU_ASSERT_EQUAL(status, CLI_OK);
		check_has(out, cases[i].said);
	}
}

/* A second agent is asked the same by addresses; it is the same thread, at the end of another instance's path. */
static void test_explain_also(void)
{
	char instance[32], link[64], words[160];

	ask("-j explain A 10.0.0.3 tcp 443 also ovnet-test-absent", ANSWER("{\"result\":" EXPLANATION_OF_SOURCE "}"));
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	check_has(err, "ovnetctl: ovnetd of instance 'ovnet-test-absent' is not running (no /run/ovnet/");
	check_has(out, "\"summary\":[\"A (10.0.0.2) to 10.0.0.3 in vnet Z, ");
	check_has(out, "],\"also\":null}\n");

	if (geteuid() != 0) {
		puts("skip: a second agent that answers: sockets of instances are root's to make");
		return;
	}
	begin(STEPS({STEP_READ, NULL}, {STEP_WRITE, "{\"result\":" EXPLANATION_OF_SOURCE "}\n"}, {STEP_NEXT, NULL},
		{STEP_READ, NULL}, {STEP_WRITE, "{\"result\":" EXPLANATION_OF_DESTINATION "}\n"}, {STEP_HANGUP, NULL}));
	snprintf(instance, sizeof(instance), "ovnet-test-%d", (int)getpid());
	snprintf(link, sizeof(link), "/run/ovnet/%s", instance);
	mkdir("/run/ovnet", 0755);
	CU_ASSERT_EQUAL_FATAL(symlink(agent.folder, link), 0);
	snprintf(words, sizeof(words), "-s %s explain A 10.0.0.3 tcp 443 also %s", agent.path, instance);
	run(words);
	unlink(link);
	end();
	CU_ASSERT_EQUAL(status, CLI_OK);
	CU_ASSERT_STRING_EQUAL(err, "");
	check_has(agent.former, "{\"source\":\"A\",\"destination\":\"10.0.0.3\",\"protocol\":\"tcp\",\"port\":443}");
	check_text(agent.request,
		"{\"command\":\"explain\",\"arguments\":{\"protocol\":\"tcp\",\"port\":443,\"source\":\"10.0.0.2\","
		"\"destination\":\"10.0.0.3\",\"vnet\":\"77\"}}",
		"request");
	CU_ASSERT_EQUAL(strncmp(out, SUMMARY_OF_SOURCE "\nEND ", strlen(SUMMARY_OF_SOURCE) + 5), 0);
	check_has(out, "\n\n" SUMMARY_OF_DESTINATION "\nVNET  PROTOCOL  LOCAL ");
}

int main(void)
{
	static const CU_TestInfo tests[] = {
		{"an explanation", test_explain},
		{"explanations in words", test_explain_words},
		{"the explanations of two agents", test_explain_also},
	};

	return cli_run_suite("cli_explain", tests, ARRAY_LEN(tests));
}
