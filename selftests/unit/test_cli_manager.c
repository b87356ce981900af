/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of cli/: what asks the manager, as far as no manager is needed: commands made from the model's table, values, where the
 * manager is, the context file, refusals. selftests/manager/cli.sh has the rest.
 */
#include <sys/stat.h>

#include "cli/cell.h"
#include "cli/kinds.h"
#include "cli/place.h"
#include "lib/json.h"
#include "selftests/unit/cli.h"

static char folder[] = "/tmp/ovnet-cli-XXXXXX";
static char path[96];

static void write_text(const char *name, const char *text, mode_t mode)
{
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(text, file);
	fclose(file);
	CU_ASSERT_EQUAL(chmod(path, mode), 0);
}

/* Every kind has its five commands, every field that one may write its key, and nothing that is secret. */
static void test_kinds(void)
{
	static const char *const verbs[] = {"create", "show", "list", "set", "delete"};

	for (int kind = 0; kind < MODEL_KINDS; kind++) {
		const struct model_kind_row *row = &model_table[kind];

		for (size_t v = 0; v < ARRAY_LEN(verbs); v++) {
			const struct command *command = command_find(row->name, verbs[v]);

			CU_ASSERT_PTR_NOT_NULL_FATAL(command);
			CU_ASSERT_EQUAL(command->whom, COMMAND_MANAGER);
			CU_ASSERT_EQUAL(command->kind, (enum model_kind)kind);
			CU_ASSERT_TRUE(command->takes & TAKES_MANAGER);
			CU_ASSERT_EQUAL(!!(command->takes & TAKES_WHY), v == 0 || v >= 3);
		}
		for (size_t i = 0; i < row->field_count; i++) {
			const struct model_field *field = &row->fields[i];

			for (size_t v = 0; v < 4; v += 3) {
				const struct command *command = command_find(row->name, verbs[v]);
				size_t found = 0;

				for (size_t k = 0; k < command->argument_count; k++)
					found += command->arguments[k].field == field;
				CU_ASSERT_EQUAL(found, !field->assigned && !(v == 3 && field->fixed));
			}
		}
	}
}

static void test_usage(void)
{
	check_usage("node", "ovnetctl: node needs a verb: create, show, list, set or delete\n");
	check_usage("nod list", "ovnetctl: unknown object 'nod'; did you mean 'node'?\n");
	check_usage("node creat x", "ovnetctl: unknown verb 'creat'; did you mean 'create'?\n");
	check_usage("node create acme/x",
		"ovnetctl: node create needs vnet VNET, host HOST, port INTERFACE, mac MAC\n");
	check_usage("node create acme/x vnte Z", "ovnetctl: unknown argument 'vnte'; did you mean 'vnet'?\n");
	check_usage("node set acme/x",
		"ovnetctl: node set needs something to change: host, port, mac, address, slot, groups, security_groups "
		"or note\n");
	check_usage("node set acme/x vnet Z", "ovnetctl: vnet: expected nothing, as it is fixed once it is created\n");
	check_usage("policy create acme/x id 3", "ovnetctl: id: expected nothing, as it is the manager's to say\n");
	check_usage("node set acme/x address 10.0.0",
		"ovnetctl: address: expected an IPv4 address, or none, got '10.0.0'\n");
	check_usage("node set acme/x slot 64", "ovnetctl: slot: expected a number from 0 to 63, or none, got '64'\n");
	check_usage("vnet create acme/Z silence wait", "ovnetctl: silence: expected deny|allow, got 'wait'\n");
	check_usage("vnet show a/b/c",
		"ovnetctl: name: expected a name of letters, digits, '_', '.' and '-', with its account and '/' before it "
		"where it is another's, got 'a/b/c'\n");
	check_usage("policy create acme/p cast unicast,all",
		"ovnetctl: cast: expected unicast|multicast|broadcast,..., each separated by a comma, got "
		"'unicast,all'\n");
	check_usage("handle restore acme/h", "ovnetctl: handle restore needs version NUMBER\n");
	check_usage("apply", "ovnetctl: apply needs -f FILE\n");
	check_usage("status --why x", "ovnetctl: status takes no --why\n");
	check_usage("node list --why x", "ovnetctl: node list takes no --why\n");
	check_usage("node list -i h1", "ovnetctl: node list takes no --instance\n");
	check_usage("-u unix:/x -c y node list", "ovnetctl: expected one of -u and -c, got both\n");
	check_usage("node list -u http://192.0.2.1:6191",
		"ovnetctl: url: expected https, as without TLS a token goes to 127.0.0.1 or [::1] only, got "
		"'http://192.0.2.1:6191'\n");
	check_usage("node list -u http://localhost:6191",
		"ovnetctl: url: expected https, as without TLS a token goes to 127.0.0.1 or [::1] only, got "
		"'http://localhost:6191'\n");
	check_usage("explain A G tcp 80 also h2 -m",
		"ovnetctl: also: expected nothing, as the manager knows both sides\n");
	check_usage("context set none url unix:/x",
		"ovnetctl: name: expected a context's name, of at most 31 letters, digits, '_', '.' and '-', got 'none'\n");
}

/* Values become JSON, and are shown as they were written. */
static void test_values(void)
{
	static const struct {
		const char *object, *key, *text, *json, *shown;
	} cases[] = {
		{"node", "note", "hello", "\"hello\"", "hello"},
		{"node", "note", "none", "null", "-"},
		{"node", "slot", "3", "3", "3"},
		{"node", "groups", "web,acme/db", "[\"web\",\"acme/db\"]", "web,acme/db"},
		{"handle", "immutable", "true", "true", "yes"},
		{"handle", "entries", "10.0.0.1,group:x", "[\"10.0.0.1\",\"group:x\"]", "10.0.0.1,group:x"},
		{"policy", "peers", "not:group:a,handle:b", "{\"not\":[\"group:a\",\"handle:b\"]}",
			"not:group:a,handle:b"},
		{"policy", "target", "any", "[\"any\"]", "any"},
		{"policy", "services", "tcp/80,https", "[\"tcp/80\",\"https\"]", "tcp/80,https"},
		{"group", "match", "name=web*,vnet=Z", "{\"name\":\"web*\",\"vnet\":\"Z\"}", "name=web*,vnet=Z"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct command *command = command_find(cases[i].object, "set");

		for (size_t k = 0; k < command->argument_count; k++) {
			scope_free char *text = NULL, *shown = NULL;
			cJSON *value;

			if (strcmp(command->arguments[k].name, cases[i].key) != 0)
				continue;
			CU_ASSERT_TRUE(kinds_is_value(&command->arguments[k], cases[i].text));
			value = kinds_json(&command->arguments[k], cases[i].text);
			text = cJSON_PrintUnformatted(value);
			shown = cell_value(value);
			check_text(text, cases[i].json, cases[i].text);
			check_text(shown, cases[i].shown, cases[i].text);
			cJSON_Delete(value);
		}
	}
}

static void test_urls(void)
{
	static const char *const good[] = {"https://manager.example", "https://manager.example:6191/",
		"https://[fd00::1]:1", "http://127.0.0.1:80", "http://127.8.9.1", "http://[::1]:6191",
		"unix:/run/x.sock"};
	static const char *const bad[] = {"", "manager", "ftp://x", "https://user@x", "https://x/v1", "https://x/?a",
		"unix:x", "unix:", "http://10.0.0.1", "http://127.0.0.1.example", "http://[fd00::1]"};
	char message[200];

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		CU_ASSERT_TRUE(http_url_check(good[i], message));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		*message = '\0';
		CU_ASSERT_FALSE(http_url_check(bad[i], message));
		CU_ASSERT_PTR_NOT_NULL(strstr(message, "expected"));
	}
}

/* Finds a place by options; `expected` is "URL TOKEN CA". */
static void check_place(const char *url, const char *context, const char *token_file, const char *expected)
{
	const char *options[OPTION_COUNT] = {
		[OPTION_URL] = url,
		[OPTION_CONTEXT] = context,
		[OPTION_TOKEN_FILE] = token_file,
	};
	struct http_place place = {0};
	char got[256];

	CU_ASSERT_EQUAL(place_find(options, stderr, &place), CLI_OK);
	snprintf(got, sizeof(got), "%s %s %s", place.url ? place.url : "-", place.token ? place.token : "-",
		place.ca ? place.ca : "-");
	check_text(got, expected, "place");
	http_place_clear(&place);
}

static void test_contexts(void)
{
	char words[256], token[96], file[96];
	struct stat found;

	write_text("token", "ovt_secret\n", 0600);
	strcpy(token, path);
	write_text("ca.pem", "x\n", 0644);
	setenv("HOME", folder, 1);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("OVNET_URL");
	unsetenv("OVNET_TOKEN");
	unsetenv("OVNET_CA");
	snprintf(file, sizeof(file), "%s/.config/ovnet/context.json", folder);

	run("context list -j");
	check_text(out, "{\"contexts\":[]}\n", "none");
	run("context show");
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	check_text(err, "ovnetctl: no context is in use\n", "none in use");
	check_usage("context set a ca none", "ovnetctl: context 'a' is new, and needs url URL\n");
	check_usage("context set a url gopher://x",
		"ovnetctl: url: expected https://HOST:PORT, http://127.0.0.1:PORT or unix:PATH, got 'gopher://x'\n");

	snprintf(words, sizeof(words), "context set prod url https://m:6191 token-file %s ca %s", token, path);
	run(words);
	CU_ASSERT_EQUAL(status, CLI_OK);
	check_text(err, "", "set");
	CU_ASSERT_EQUAL(stat(file, &found), 0);
	CU_ASSERT_EQUAL(found.st_mode & 07777, 0600);
	run("context set lab url unix:/tmp/lab");
	CU_ASSERT_EQUAL(status, CLI_OK);

	snprintf(words, sizeof(words),
		"{\"name\":\"prod\",\"current\":true,\"url\":\"https://m:6191\",\"ca\":\"%s\",\"token\":true}\n", path);
	run("context show -j");
	check_text(out, words, "show");
	run("context list");
	check_has(out, "NAME  CURRENT  URL");
	check_has(out, "lab   no       unix:/tmp/lab");
	CU_ASSERT_PTR_NULL(strstr(out, "secret"));

	/* Each place has its own token, and no other. */
	snprintf(words, sizeof(words), "https://m:6191 ovt_secret %s", path);
	check_place(NULL, NULL, NULL, words);
	check_place(NULL, "prod", NULL, words);
	check_place(NULL, "lab", NULL, "unix:/tmp/lab - -");
	check_place("https://n", NULL, NULL, "https://n - -");
	check_place("https://n/", NULL, token, "https://n ovt_secret -");
	setenv("OVNET_TOKEN", "ovt_env", 1);
	check_place(NULL, NULL, NULL, words);
	check_place("https://n", NULL, NULL, "https://n ovt_env -");
	setenv("OVNET_URL", "https://e", 1);
	check_place(NULL, NULL, NULL, "https://e ovt_env -");
	check_place(NULL, "lab", NULL, "unix:/tmp/lab - -");
	unsetenv("OVNET_URL");
	unsetenv("OVNET_TOKEN");

	run("context use lab");
	CU_ASSERT_EQUAL(status, CLI_OK);
	check_place(NULL, NULL, NULL, "unix:/tmp/lab - -");
	check_usage("context use lba", "ovnetctl: unknown context 'lba'; did you mean 'lab'?\n");
	check_usage("node list -c prodd", "ovnetctl: unknown context 'prodd'; did you mean 'prod'?\n");

	/* A token does not follow to another place. */
	run("context set prod url https://elsewhere:6191");
	CU_ASSERT_EQUAL(status, CLI_OK);
	check_has(err, "was for https://m:6191 and is forgotten");
	run("context delete lab");
	CU_ASSERT_EQUAL(status, CLI_OK);
	run("context show");
	CU_ASSERT_EQUAL(status, CLI_FAILED);

	CU_ASSERT_EQUAL(chmod(file, 0640), 0);
	run("context list");
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	CU_ASSERT_STRING_EQUAL(out, "");
	check_has(err, "others than its owner may read it, and tokens are in it: chmod 600\n");
	run("context set x url unix:/x");
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	CU_ASSERT_EQUAL(chmod(file, 0600), 0);
	unlink(file);
	write_text(".config/ovnet/context.json", "{\"contexts\": {\"a\": {}}}\n", 0600);
	run("context list");
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	check_has(err, ": expected {\"contexts\": {NAME: ");
	write_text(".config/ovnet/context.json", "{\n", 0600);
	run("context list");
	check_has(err, "context.json:2: ");
	unlink(path);
}

/* What cannot be reached, or does not speak. */
static void test_no_manager(void)
{
	run("-u unix:/nonexistent/sock node list");
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	check_has(err, "ovnetctl: manager at unix:/nonexistent/sock: nobody can be reached there");
	run("-u http://127.0.0.1:1 node list");
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	check_has(err, "nobody can be reached there");
	run("-u unix:/x --token-file /nonexistent node list");
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	check_text(err, "ovnetctl: /nonexistent: No such file or directory\n", "token");
	write_text("empty", "\n", 0600);
	{
		char words[160];

		snprintf(words, sizeof(words), "-u unix:/x --token-file %s node list", path);
		run(words);
	}
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	check_has(err, ": expected a token in its first line\n");
	write_text("bad.json", "{\"objects\": [,]}\n", 0600);
	{
		char words[160];

		snprintf(words, sizeof(words), "-u unix:/x apply -f %s", path);
		run(words);
	}
	CU_ASSERT_EQUAL(status, CLI_FAILED);
	check_has(err, "bad.json:1: ");
}

/* Lists, times and differences in cells. */
static void test_cells(void)
{
	static const struct {
		enum output_format format;
		const char *json, *expected;
	} cases[] = {
		{OUTPUT_PLAIN, "[]", "-"},
		{OUTPUT_PLAIN, "[\"a\",\"b\"]", "a,b"},
		{OUTPUT_PLAIN, "{\"not\":\"any\"}", "not:any"},
		{OUTPUT_LENGTH, "[1,2,3]", "3"},
		{OUTPUT_TIME, "0", "never"},
		{OUTPUT_TIME, "86400", "1970-01-02T00:00:00+0000"},
		{OUTPUT_TIME_MS, "86400999", "1970-01-02T00:00:00+0000"},
		{OUTPUT_CHANGES, "[{\"action\":\"set\",\"kind\":\"node\",\"name\":\"a/b\"}]", "set node a/b"},
		{OUTPUT_WRITES, "[{\"key\":\"node/a/b\",\"deleted\":true},{\"key\":\"host/h\",\"deleted\":false}]",
			"-node/a/b,host/h"},
		{OUTPUT_FIELDS, "{\"a\":{\"before\":1,\"after\":2},\"b\":{\"after\":[\"x\"]}}", "a: 1 -> 2, b: - -> x"},
	};

	setenv("TZ", "UTC", 1);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct output_column column = {"X", "x", cases[i].format};
		cJSON *object = cJSON_CreateObject();
		scope_free char *text = NULL;
		struct json_error error;

		cJSON_AddItemToObject(object, "x", json_parse(cases[i].json, strlen(cases[i].json), &error));
		text = cell_print(object, &column);
		check_text(text, cases[i].expected, cases[i].json);
		cJSON_Delete(object);
	}
}

int main(void)
{
	static const CU_TestInfo tests[] = {
		{"commands from the model's table", test_kinds},
		{"wrong lines", test_usage},
		{"values of fields", test_values},
		{"URLs", test_urls},
		{"contexts", test_contexts},
		{"no manager", test_no_manager},
		{"cells", test_cells},
	};
	char command[64];
	int result;

	if (!mkdtemp(folder))
		return 1;
	setenv("HOME", folder, 1);
	result = cli_run_suite("cli_manager", tests, ARRAY_LEN(tests));
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) || result;
}
