/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of cli/: the command line, help and completion, tables and JSON, and what needs no agent. test_cli_agent.c has
 * the rest.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/json.h"
#include "selftests/unit/cli.h"

static enum cli_status parse(struct command_line *line, int argc, const char *const argv[])
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	enum cli_status result = command_parse(argc, (char *const *)argv, stream, line);

	fclose(stream);
	free(text);
	return result;
}

#define PARSE(line, ...)                                                                                               \
	parse(line, ARRAY_LEN(((const char *const[]){__VA_ARGS__})), (const char *const[]){__VA_ARGS__})

static void test_parse(void)
{
	struct command_line line, untouched = {.object = "as it was"};

	unsetenv("OVNET_INSTANCE");
	CU_ASSERT_EQUAL(PARSE(&line, "ovnetctl", "rule", "add", "to", "any", "vnet", "77", "from", "10.0.0.2",
				"verdict", "deny", "port", "53"),
		CLI_OK);
	CU_ASSERT_PTR_EQUAL(line.command, command_find("rule", "add"));
	CU_ASSERT_STRING_EQUAL(line.values[0], "77");
	CU_ASSERT_STRING_EQUAL(line.values[1], "10.0.0.2");
	CU_ASSERT_STRING_EQUAL(line.values[2], "any");
	CU_ASSERT_PTR_NULL(line.values[3]);
	CU_ASSERT_STRING_EQUAL(line.values[4], "53");
	CU_ASSERT_STRING_EQUAL(line.instance, "default");
	CU_ASSERT_PTR_NULL(line.socket);
	CU_ASSERT_FALSE(line.json || line.help || line.version);

	CU_ASSERT_EQUAL(PARSE(&line, "ovnetctl", "-i", "r-1", "stop", "-j", "detach"), CLI_OK);
	CU_ASSERT_STRING_EQUAL(line.instance, "r-1");
	CU_ASSERT_STRING_EQUAL(line.values[0], "detach");
	CU_ASSERT_TRUE(line.json);

	CU_ASSERT_EQUAL(PARSE(&line, "ovnetctl", "config", "check", "strict", "strict", "--json"), CLI_OK);
	CU_ASSERT_STRING_EQUAL(line.values[0], "strict");
	CU_ASSERT_STRING_EQUAL(line.values[1], "strict");

	/* A positional argument that may be left out, with a key behind it. */
	CU_ASSERT_EQUAL(PARSE(&line, "ovnetctl", "explain", "A", "10.0.0.3", "tcp", "443", "also", "s"), CLI_OK);
	CU_ASSERT_STRING_EQUAL(line.values[0], "A");
	CU_ASSERT_STRING_EQUAL(line.values[3], "443");
	CU_ASSERT_PTR_NULL(line.values[4]);
	CU_ASSERT_STRING_EQUAL(line.values[5], "s");
	CU_ASSERT_EQUAL(PARSE(&line, "ovnetctl", "explain", "A", "10.0.0.3", "icmp", "vnet", "Z"), CLI_OK);
	CU_ASSERT_PTR_NULL(line.values[3]);
	CU_ASSERT_STRING_EQUAL(line.values[4], "Z");
	CU_ASSERT_EQUAL(PARSE(&line, "ovnetctl", "explain", "A", "10.0.0.3", "47"), CLI_OK);
	CU_ASSERT_PTR_NULL(line.values[3]);

	setenv("OVNET_INSTANCE", "other", 1);
	CU_ASSERT_EQUAL(PARSE(&line, "ovnetctl", "status"), CLI_OK);
	CU_ASSERT_STRING_EQUAL(line.instance, "other");
	CU_ASSERT_EQUAL(PARSE(&line, "ovnetctl", "--socket", "/x", "status"), CLI_OK);
	CU_ASSERT_STRING_EQUAL(line.socket, "/x");
	CU_ASSERT_PTR_NULL(line.instance);
	unsetenv("OVNET_INSTANCE");

	line = untouched;
	CU_ASSERT_EQUAL(PARSE(&line, "ovnetctl", "rule", "add"), CLI_USAGE);
	CU_ASSERT_EQUAL(memcmp(&line, &untouched, sizeof(line)), 0);
}

static void test_usage(void)
{
	check_usage("", "ovnetctl: expected a command; see 'ovnetctl --help'\n");
	check_usage("rul list", "ovnetctl: unknown object 'rul'; did you mean 'rule'?\n");
	check_usage("sesion list", "ovnetctl: unknown object 'sesion'; did you mean 'session'?\n");
	check_usage("Status", "ovnetctl: unknown object 'Status'; did you mean 'status'?\n");
	check_usage("rule lsit", "ovnetctl: unknown verb 'lsit'; did you mean 'list'?\n");
	check_usage("rule show", "ovnetctl: unknown verb 'show'; expected list, add, del or flush\n");
	check_usage("rule", "ovnetctl: rule needs a verb: list, add, del or flush\n");
	check_usage("rule list vent Z", "ovnetctl: unknown argument 'vent'; did you mean 'vnet'?\n");
	check_usage("rule list vnet", "ovnetctl: 'vnet' needs a value: VNET\n");
	check_usage("rule list vnet Z vnet Y", "ovnetctl: 'vnet' is given twice\n");
	check_usage("rule add vnet Z", "ovnetctl: rule add needs from ADDRESS, to ADDRESS, verdict allow|deny\n");
	check_usage("config check", "ovnetctl: config check needs FILE\n");
	check_usage("explain A", "ovnetctl: explain needs DESTINATION, PROTOCOL\n");
	check_usage("explain A G tcp vent Z", "ovnetctl: unknown argument 'vent'; did you mean 'vnet'?\n");
	check_usage("key new host", "ovnetctl: key new needs FILE\n");
	check_usage("status now", "ovnetctl: unexpected 'now'; see 'ovnetctl status --help'\n");
	check_usage("status --jsn", "ovnetctl: unknown option '--jsn'; did you mean '--json'?\n");
	check_usage("status -i", "ovnetctl: -i needs a value: INSTANCE\n");
	check_usage("-i a -s b status", "ovnetctl: expected one of -i and -s, got both\n");
	check_usage("-i .. status",
		"ovnetctl: expected an instance of at most 31 letters, digits, '_', '.' and '-', got '..'\n");
	check_usage("xyzzy --help",
		"ovnetctl: unknown object 'xyzzy'; expected status, port, rule, session, mapping, drop, "
		"explain, monitor, peer, queue, metrics, reload, stop, vnet, node, address, group, security_group, policy, "
		"handle, host, account, token, manager, apply, export, wait, log, events, backup, context, key, config "
		"or completion\n");
}

static void test_values(void)
{
	check_usage("rule list address 10.0.0", "ovnetctl: address: expected an IPv4 address, got '10.0.0'\n");
	check_usage("rule add from all", "ovnetctl: from: expected an IPv4 address, or any, got 'all'\n");
	check_usage("rule add verdict Allow", "ovnetctl: verdict: expected allow|deny, got 'Allow'\n");
	check_usage("rule add port 65536", "ovnetctl: port: expected a number from 0 to 65535, or any, got '65536'\n");
	check_usage("rule add protocol 256",
		"ovnetctl: protocol: expected a protocol's name, a number from 0 to 255, or any, got '256'\n");
	check_usage("rule add lifetime 4294967296",
		"ovnetctl: lifetime: expected a number from 0 to 4294967295, got '4294967296'\n");
	check_usage("rule add policy 0x10", "ovnetctl: policy: expected a number from 0 to 4294967295, got '0x10'\n");
	check_usage("rule add policy 99999999999999999999",
		"ovnetctl: policy: expected a number from 0 to 4294967295, got '99999999999999999999'\n");
	check_usage("session list limit 0", "ovnetctl: limit: expected a number from 1 to 100000, got '0'\n");
	check_usage("explain A G tcp 65536", "ovnetctl: port: expected a number from 0 to 65535, got '65536'\n");
	check_usage("explain A G tcp 80 also ../x", "ovnetctl: also: expected an agent's instance, got '../x'\n");
	check_usage("key new hosts x", "ovnetctl: kind: expected host|authority, got 'hosts'\n");
	check_usage("address decode 10.0.0.1", "ovnetctl: ADDRESS: expected an IPv6 address, got '10.0.0.1'\n");
	check_usage("address encode locator fd00::/48",
		"ovnetctl: locator: expected an IPv6 prefix of 64 or 72 bits with no "
		"bit set past them, as fd00:1:0:1::/64, got 'fd00::/48'\n");
}

static void test_suggest(void)
{
	static const char *const words[] = {"list", "add", "del", "flush"};
	char longest[200];

	memset(longest, 'l', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	CU_ASSERT_STRING_EQUAL(command_suggest("lst", words, ARRAY_LEN(words)), "list");
	CU_ASSERT_STRING_EQUAL(command_suggest("fl", words, ARRAY_LEN(words)), "flush");
	CU_ASSERT_STRING_EQUAL(command_suggest("dle", words, ARRAY_LEN(words)), "del");
	CU_ASSERT_STRING_EQUAL(command_suggest("adds", words, ARRAY_LEN(words)), "add");
	CU_ASSERT_PTR_NULL(command_suggest("x", words, ARRAY_LEN(words)));
	CU_ASSERT_PTR_NULL(command_suggest("", words, ARRAY_LEN(words)));
	CU_ASSERT_PTR_NULL(command_suggest("remove", words, ARRAY_LEN(words)));
	CU_ASSERT_PTR_NULL(command_suggest(longest, words, ARRAY_LEN(words)));
	CU_ASSERT_PTR_NULL(command_suggest("list", words, 0));
}

/* What the parser takes for granted of the rows. */
static void test_table(void)
{
	for (size_t i = 0; i < command_count; i++) {
		const struct command *command = &command_table[i];

		CU_ASSERT_TRUE(command->argument_count <= COMMAND_ARGUMENTS_MAX);
		CU_ASSERT_PTR_NOT_NULL(command->run);
		CU_ASSERT_PTR_EQUAL(command_find(command->object, command->verb), command);
		for (size_t k = 0; k + 1 < i; k++)
			CU_ASSERT_FALSE(strcmp(command_table[k].object, command->object) == 0 &&
					strcmp(command_table[i - 1].object, command->object) != 0);
		for (size_t k = 0; k < command->argument_count; k++) {
			const struct command_argument *row = &command->arguments[k];

			CU_ASSERT_EQUAL(row->type == ARGUMENT_FLAG, row->value == NULL);
			CU_ASSERT_FALSE(row->positional && k > 0 && !command->arguments[k - 1].positional);
			CU_ASSERT_FALSE(row->optional && !row->positional);
			CU_ASSERT_FALSE(row->positional && k > 0 && command->arguments[k - 1].optional);
			CU_ASSERT_PTR_NOT_NULL(row->help);
		}
		for (size_t k = 0; command->view && k < command->view->section_count; k++)
			CU_ASSERT_TRUE(command->view->sections[k].column_count <= OUTPUT_COLUMNS_MAX);
	}
}

static void test_help(void)
{
	static const char *const ways[] = {"--help", "-h", "help"};
	char words[64], name[64];

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		run(ways[i]);
		CU_ASSERT_EQUAL(status, CLI_OK);
		CU_ASSERT_STRING_EQUAL(err, "");
		for (size_t k = 0; k < command_count; k++) {
			snprintf(name, sizeof(name), "  %s%s%s ", command_table[k].object,
				command_table[k].verb ? " " : "", command_table[k].verb ? command_table[k].verb : "");
			check_has(out, name);
			check_has(out, command_table[k].summary);
		}
	}
	for (size_t k = 0; k < command_count; k++) {
		const struct command *command = &command_table[k];

		for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
			snprintf(words, sizeof(words), "%s %s %s", command->object, command->verb ? command->verb : "",
				ways[i]);
			run(words);
			CU_ASSERT_EQUAL(status, CLI_OK);
			check_has(out, command->summary);
			for (size_t n = 0; n < command->argument_count; n++)
				check_has(out, command->arguments[n].help);
		}
		snprintf(words, sizeof(words), "%s --help", command->object);
		run(words);
		CU_ASSERT_EQUAL(status, CLI_OK);
		check_has(out, command->summary);
	}
	run("help rule del");
	CU_ASSERT_EQUAL(status, CLI_OK);
	check_has(out, "rule del vnet VNET from ADDRESS to ADDRESS [protocol PROTOCOL] [port PORT]\n");
	run("--version");
	CU_ASSERT_EQUAL(status, CLI_OK);
	CU_ASSERT_STRING_EQUAL(out, "ovnetctl " OVNET_VERSION "\n");
}

/* What stands to choose from, as one line. */
static void check_complete(const char *words, const char *expected)
{
	char line[256];

	/* A word that is not begun is "": here, a space at the end. */
	snprintf(line, sizeof(line), "complete %s", words);
	run(line);
	CU_ASSERT_EQUAL(status, CLI_OK);
	CU_ASSERT_STRING_EQUAL(err, "");
	for (char *c = out; *c; c++)
		if (*c == '\n')
			*c = ' ';
	check_text(out, expected, words);
}

static void test_complete(void)
{
	setenv("OVNET_URL", "unix:/nonexistent", 1);
	check_complete("r", "rule reload ");
	check_complete("-i x -j rule l", "list ");
	check_complete("rule add vnet Z ver", "verdict ");
	check_complete("rule add vnet Z verdict a", "allow ");
	check_complete("stop d", "detach ");
	check_complete("config check /dev/nul", ": ");
	check_complete("config check /dev/null s", "strict ");
	check_complete("key new h", "host ");
	check_complete("key new host /dev/nul", ": ");
	check_complete("explain A G t", "tcp ");
	check_complete("explain A G tcp v", "vnet ");
	check_complete("explain A G tcp 80 a", "also ");
	check_complete("status --j", "--json ");
	check_complete("status --to", "");
	check_complete("node list --to", "--token-file ");
	check_complete("node s", "show set ");
	check_complete("node create acme/x vnet Z h", "host ");
	check_complete("node create acme/x host h1 h", "");
	check_complete("vnet set acme/Z pending q", "queue ");
	check_complete("vnet set acme/Z pending n", "none ");
	check_complete("policy create acme/p cast unicast,m", "unicast,multicast ");
	check_complete("policy create acme/p peers not:gr", "not:group: ");
	check_complete("policy create acme/p services tcp/80,ht", "tcp/80,http tcp/80,https ");
	check_complete("--ca /", ": ");
	check_complete("xyzzy a", "");
	unsetenv("OVNET_URL");
}

/* Bash itself must take the script, and complete with it. */
static void test_completion(void)
{
	static const char *const probes =
		"ovnetctl() { [[ $1 == complete ]] && printf '%s\\n' \"${answer[@]}\"; asked=\"$*\"; }\n"
		"compopt() { :; }\n"
		"expect() { local wanted=$1; COMP_LINE=$2 COMP_POINT=${#2}; _ovnetctl\n"
		"[[ ${COMPREPLY[*]} == \"$wanted\" ]] || { echo \"$2: wanted $wanted, got ${COMPREPLY[*]}\" >&2; exit 1; }; }\n"
		"answer=(rule reload); expect 'rule reload' 'ovnetctl r'\n"
		"answer=(list add); expect 'list add' 'ovnetctl -j rule '\n"
		"answer=(group:acme/web group:acme/db); expect 'acme/web acme/db' 'ovnetctl policy set p peers group:'\n"
		"answer=(:); expect '/dev/null' 'ovnetctl config check /dev/nul'\n";
	FILE *bash;

	run("completion bash");
	CU_ASSERT_EQUAL(status, CLI_OK);
	bash = popen("bash -eu -s", "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(bash);
	fprintf(bash, "set +eu\n%s%s", out, probes);
	CU_ASSERT_EQUAL(pclose(bash), 0);
}

static void test_address(void)
{
	run("address encode locator fd00:1:0:1::/64 slot 3 vni 77 address 10.0.0.2");
	CU_ASSERT_EQUAL(status, CLI_OK);
	check_text(out, "fd00:1:0:1:c00:4d:a00:2\n", "encode");
	run("address encode locator fd00:1:0:1:c00::/72 slot 3 vni 77 address 10.0.0.2 group forward -j");
	check_text(out, "{\"substrate\":\"fd00:1:0:1:f00:4d:a00:2\"}\n", "encode -j");
	check_usage("address encode locator fd00:1:0:1:c00::/72 slot 4 vni 77 address 10.0.0.2",
		"ovnetctl: slot: expected 3, which is the /72 locator's, got 4\n");
	run("-j address decode fd00:1:4123:4567:e00:4d:a00:2");
	CU_ASSERT_EQUAL(status, CLI_OK);
	check_text(out,
		"{\"substrate\":\"fd00:1:4123:4567:e00:4d:a00:2\",\"locator\":\"fd00:1:4123:4567::/64\","
		"\"organization\":\"fd000001\",\"topology\":{\"version\":1,\"locale\":291,\"area\":null,\"rack\":17767,"
		"\"system\":null},\"slot\":3,\"forward\":true,\"group\":false,\"vni\":77,\"address\":\"10.0.0.2\"}\n",
		"decode -j");
	run("address decode fd00:1:0:1::1");
	CU_ASSERT_EQUAL(status, CLI_OK);
	check_has(out, "topology version  0\n");
	check_has(out, "address           0.0.0.1\n");
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(text, file);
	fclose(file);
}

static void test_config_check(void)
{
	char folder[] = "/tmp/ovnet-cli-XXXXXX", path[64], words[128];

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/ovnet.json", folder);
	snprintf(words, sizeof(words), "-j config check %s", path);
	run(words);
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	check_has(out, "\"errors\":1,\"warnings\":0,\"findings\":[\"");

	write_file(path,
		"{\"locator\": \"fd00:1:0:1::/64\", \"uplinks\": [\"lo\"], \"vnets\": [{\"name\": \"Z\", \"vni\": 0}]}\n");
	run(words);
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	check_has(out, "\"errors\":1,");

	/* A port that is not there yet is worth a warning. */
	write_file(path,
		"{\"locator\": \"fd00:1:0:1::/64\", \"uplinks\": [\"lo\"], \"vnets\": [{\"name\": \"Z\", \"vni\": 7}],\n"
		"\"nodes\": [{\"name\": \"A\", \"port\": \"absent0\", \"vnet\": \"Z\", \"address\": \"10.0.0.2\",\n"
		"\"mac\": \"02:00:00:00:00:0a\"}]}\n");
	run(words);
	CU_ASSERT_EQUAL(status, CLI_OK);
	check_has(out, "\"errors\":0,\"warnings\":1,\"findings\":[\"");
	snprintf(words, sizeof(words), "config check %s strict", path);
	run(words);
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	check_has(out, "errors    0\nwarnings  1\n\n");
	check_has(out, "absent0");
	unlink(path);
	rmdir(folder);
}

static void test_keys(void)
{
	static const char *const kinds[] = {"host", "authority"};
	char folder[] = "/tmp/ovnet-cli-XXXXXX", path[64], words[128], expected[256], public_key[64];
	struct stat file;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/key", folder);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		snprintf(words, sizeof(words), "key new %s %s", kinds[i], path);
		run(words);
		CU_ASSERT_EQUAL(status, CLI_OK);
		CU_ASSERT_EQUAL_FATAL(strlen(out), 45);
		snprintf(public_key, sizeof(public_key), "%.44s", out);
		CU_ASSERT_EQUAL(stat(path, &file), 0);
		CU_ASSERT_EQUAL(file.st_mode & 07777, 0600);

		/* What is there stays, whatever it is. */
		run(words);
		CU_ASSERT_EQUAL(status, CLI_FAILED);
		CU_ASSERT_STRING_EQUAL(out, "");
		snprintf(expected, sizeof(expected),
			"ovnetctl: %s: is there already, and is left as it is: a key that was overwritten is lost\n",
			path);
		check_text(err, expected, "overwrite");

		snprintf(words, sizeof(words), "key show %s", path);
		run(words);
		CU_ASSERT_EQUAL(status, CLI_OK);
		snprintf(expected, sizeof(expected), "kind        %s\npublic key  %s\n", kinds[i], public_key);
		check_text(out, expected, "key show");
		snprintf(words, sizeof(words), "-j key show %s", path);
		run(words);
		snprintf(expected, sizeof(expected), "{\"kind\":\"%s\",\"file\":\"%s\",\"public_key\":\"%s\"}\n",
			kinds[i], path, public_key);
		check_text(out, expected, "key show -j");

		CU_ASSERT_EQUAL(chmod(path, 0640), 0);
		run(words);
		CU_ASSERT_EQUAL(status, CLI_FAILED);
		CU_ASSERT_STRING_EQUAL(out, "");
		check_has(err, "others than its owner may read the key: 'chmod 600 ");
		CU_ASSERT_EQUAL(unlink(path), 0);
	}
	run(words);
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	check_has(err, ": No such file or directory\n");
	write_file(path, "no key\n");
	CU_ASSERT_EQUAL(chmod(path, 0600), 0);
	run(words);
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	check_has(err, ": not a key: make one with 'ovnetctl key new'\n");
	unlink(path);
	rmdir(folder);
}

/* Streams that nobody reads, and that cannot be written. */
static void test_write_failures(void)
{
	FILE *stream;
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	close(fds[0]);
	stream = fdopen(fds[1], "w");
	run_to(stream, "address decode fd00::1");
	CU_ASSERT_EQUAL(status, CLI_OK);
	CU_ASSERT_STRING_EQUAL(err, "");
	run_to(stream, "--help");
	CU_ASSERT_EQUAL(status, CLI_OK);
	CU_ASSERT_STRING_EQUAL(err, "");
	fclose(stream);

	stream = fopen("/dev/full", "w");
	run_to(stream, "-j address decode fd00::1");
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	check_text(err, "ovnetctl: the result cannot be written: No space left on device\n", "full");
	fclose(stream);
}

static const struct output_column table_columns[] = {
	{"NAME", "name", OUTPUT_PLAIN},
	{"LEFT", "left_s", OUTPUT_SECONDS},
	{"PEER", "peer", OUTPUT_ENDPOINT},
	{"PACKETS", "packets", OUTPUT_NUMBER},
	{"NOTE", "note", OUTPUT_PLAIN},
};
static const struct output_column record_columns[] = {
	{"rules", "rules", OUTPUT_USAGE},
	{"deep inside", "a.b.c", OUTPUT_PLAIN},
	{"nothing", "a.x.c", OUTPUT_PLAIN},
};
static const struct output_section sections[] = {
	{OUTPUT_TABLE, "rows", table_columns, ARRAY_LEN(table_columns)},
	{OUTPUT_TABLE, "more", table_columns, ARRAY_LEN(table_columns)},
	{OUTPUT_RECORD, "", record_columns, ARRAY_LEN(record_columns)},
	{OUTPUT_LINES, "lines", NULL, 0},
	{OUTPUT_COUNTS, "counts", NULL, 0},
};
static const struct output_view view = {sections, ARRAY_LEN(sections)};

static const char *const result_text =
	"{\"rows\":[{\"name\":\"a\",\"left_s\":59,\"peer\":\"10.0.0.1\",\"peer_port\":80,\"packets\":\"18446744073709551615\","
	"\"note\":\"x\"},{\"name\":\"a long name\",\"left_s\":null,\"peer\":\"10.0.0.10\",\"peer_port\":0,\"packets\":7,"
	"\"note\":\"\\u001b[2J\"},{\"name\":true,\"left_s\":90061,\"peer\":null,\"packets\":4294967296}],\"more\":[],"
	"\"rules\":{\"used\":5,\"size\":65536},\"a\":{\"b\":{\"c\":\"here\"}},\"lines\":[\"one\",\"two\\nthree\"],"
	"\"counts\":{\"asked\":\"18446744073709551615\",\"none\":\"0\",\"zero\":0,\"bad_tag\":7}}";

static char *print_result(bool json, const char *text)
{
	struct json_error error;
	cJSON *result = json_parse(text, strlen(text), &error);
	struct output output;
	char *printed = NULL;
	size_t size;
	FILE *stream = open_memstream(&printed, &size);

	CU_ASSERT_PTR_NOT_NULL_FATAL(result);
	output_init(&output, stream, json);
	CU_ASSERT_EQUAL(output_result(&output, &view, result), 0);
	fclose(stream);
	cJSON_Delete(result);
	return printed;
}

static void test_tables(void)
{
	scope_free char *text = print_result(false, result_text);
	scope_free char *empty = print_result(false, "{\"rows\":[],\"lines\":[]}");

	check_text(text,
		"NAME          LEFT  PEER                      PACKETS  NOTE\n"
		"a              59s  10.0.0.1:80  18446744073709551615  x\n"
		"a long name  never  10.0.0.10                       7  ?[2J\n"
		"yes          1d01h  -                      4294967296  -\n"
		"\n"
		"rules        5 of 65536\n"
		"deep inside  here\n"
		"nothing      -\n"
		"\n"
		"one\n"
		"two\nthree\n"
		"\n"
		"asked    18446744073709551615\n"
		"bad_tag  7\n",
		"text");
	check_has(empty, "NAME  LEFT  PEER  PACKETS  NOTE\n\nrules        -\n");
}

static void test_json(void)
{
	scope_free char *text = print_result(true, result_text);
	size_t length = strlen(result_text);

	/* What came is what is written, members in their order, on one line. */
	CU_ASSERT_EQUAL(strlen(text), length + 1);
	CU_ASSERT_EQUAL(strncmp(text, result_text, length), 0);
	CU_ASSERT_EQUAL(text[length], '\n');
}

int main(void)
{
	static const CU_TestInfo tests[] = {
		{"command lines that are right", test_parse},
		{"command lines that are wrong", test_usage},
		{"values of the wrong type", test_values},
		{"suggestions", test_suggest},
		{"the table of commands", test_table},
		{"help", test_help},
		{"completion", test_complete},
		{"the script for bash", test_completion},
		{"tables", test_tables},
		{"JSON", test_json},
		{"address encode and decode", test_address},
		{"config check", test_config_check},
		{"keys", test_keys},
		{"output that cannot be written", test_write_failures},
	};

	return cli_run_suite("cli", tests, ARRAY_LEN(tests));
}
