/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of keys: each kind of finding about a single value, with its file, line and path; and that the manual page
 * has every key.
 */
#include "selftests/unit/config_file.h"

#include "config/schema.h"

#define MANUAL "docs/man/ovnet.json.5"

static void unknown_keys(void)
{
	static const struct refusal cases[] = {
		{12, "\"idle\": {},\n\"lokator\": 1",
			{"13: lokator: expected a known key like 'locator', got 'lokator'"}},
		{12, "\"idle\": {}, \"color\": 1",
			{"12: color: expected one of the keys instance, locator, uplinks, uplink_mode, delivery, manager, hosts, "
			 "identity, vnets, groups, handles, nodes, mappings, rules, policies, resolve, metrics, limits, idle, got 'color'"}},
		{4, "\"vnets\": [{\"name\": \"Z\", \"vni\": 77, \"vnii\": 2}, {\"name\": \"Y\", \"vni\": 78}],",
			{"4: vnets[0].vnii: expected a known key like 'vni', got 'vnii'"}},
		{6,
			"{\"name\": \"A\", \"port\": \"tapA\", \"vnet\": \"Z\", \"adress\":\n\"10.0.0.2\", \"address\": \"10.0.0.2\",\n"
			"\"mac\": \"02:00:00:00:00:0a\"},",
			{"7: nodes[0].adress: expected a known key like 'address', got 'adress'"}},
		{8, "\"mappings\": [{\"vnet\": \"Z\", \"address\": \"10.0.0.3\", \"locator\": \"fd00:1:0:2::/64\", \"mac\": 1}],",
			{"8: mappings[0].mac: expected one of the keys name, vnet, address, locator, slot, account, groups, "
			 "got 'mac'"}},
		{10, "{\"vnet\": \"Z\", \"from\": \"any\", \"to\": \"any\", \"verdict\": \"allow\", \"life.time\": 5}],",
			{"10: rules[0].life.time: expected a known key like 'lifetime', got 'life.time'"}},
		{11, "\"limits\": {\"session\": 5},",
			{"11: limits.session: expected a known key like 'sessions', got 'session'"}},
		{12, "\"idle\": {\"sctp\": 5}",
			{"12: idle.sctp: expected one of the keys tcp_opening, tcp_established, tcp_closing, udp, icmp, other, got "
			 "'sctp'"}},
		/* A key is somebody's text: it may not drive a terminal, nor be endless. */
		{12, "\"idle\": {\"\\u001b[31m\\n\": 5}",
			{"12: idle.?[31m?: expected one of the keys tcp_opening, tcp_established, tcp_closing, udp, icmp, other, "
			 "got '?[31m?'"}},
		{12, "\"idle\": {\"abcdefghijabcdefghijabcdefghijabcdefghijabcdefghij\": 5}",
			{"12: idle.abcdefghijabcdefghijabcdefghijabcdefghijabcdefghij: expected one of the keys tcp_opening, "
			 "tcp_established, tcp_closing, udp, icmp, other, got 'abcdefghijabcdefghijabcdefghijabcdefghij'"}},
	};

	check_refusals(cases, ARRAY_LEN(cases));
}

static void missing_keys(void)
{
	static const struct refusal cases[] = {
		{2, "", {"1: locator: " LOCATOR_WANTED "nothing"}},
		{3, "", {"1: uplinks: expected a list of at most 8 interface names, got nothing"}},
		{4, "\"vnets\": [{},\n{\"name\": \"Z\", \"vni\": 77}, {\"name\": \"Y\", \"vni\": 78}],",
			{"4: vnets[0].name: " NAME_WANTED "nothing",
				"4: vnets[0].vni: expected a whole number from 1 to 16777215, got nothing"}},
		{6, "{\"vnet\": \"Z\", \"address\": \"10.0.0.2\"},",
			{"6: nodes[0].name: " NAME_WANTED "nothing", "6: nodes[0].port: " IFNAME_WANTED "nothing",
				"6: nodes[0].mac: " MAC_WANTED "nothing"}},
		{7, "{\"name\": \"B\", \"port\": \"tapB\", \"mac\": \"02:00:00:00:00:0b\"}],",
			{"7: nodes[1].vnet: expected the name or number of a vnet of this host (there are: Z, Y), got nothing",
				"7: nodes[1].address: " IPV4_WANTED "nothing"}},
		{8, "\"mappings\": [{\"vnet\": \"Z\", \"address\": \"10.0.0.3\"}],",
			{"8: mappings[0].locator: " LOCATOR_WANTED "nothing"}},
		{10, "{\"vnet\": \"Z\"}],",
			{"10: rules[0].from: expected any, or an IPv4 unicast address like 10.0.0.2, got nothing",
				"10: rules[0].to: expected any, or an IPv4 unicast address like 10.0.0.2, got nothing",
				"10: rules[0].verdict: expected allow or deny, got nothing"}},
	};

	check_refusals(cases, ARRAY_LEN(cases));
	refuse_text("{}", 2,
		(const char *const[]){"1: locator: " LOCATOR_WANTED "nothing",
			"1: uplinks: expected a list of at most 8 interface names, got nothing",
			"1: vnets: expected a list of vnets, at most 1024, got nothing", NULL});
}

static void wrong_types(void)
{
	static const struct refusal cases[] = {
		{2, "\"locator\": 5,", {"2: locator: " LOCATOR_WANTED "5"}},
		{3, "\"uplinks\": \"eth0\",", {"3: uplinks: expected a list of at most 8 interface names, got 'eth0'"}},
		{3, "\"uplinks\": [\"eth0\",\nnull],", {"4: uplinks[1]: " IFNAME_WANTED "null"}},
		{3, "\"uplinks\": [], \"uplink_mode\": true,", {"3: uplink_mode: expected auto, tc or xdp, got true"}},
		{3, "\"uplinks\": [], \"delivery\": {},", {"3: delivery: expected auto, port or peer, got an object"}},
		{3, "\"uplinks\": [], \"instance\": [],", {"3: instance: " INSTANCE_WANTED "a list"}},
		{8, "\"mappings\": {},",
			{"8: mappings: expected a list of mappings, at most 1048576, got an object",
				"10: rules[0].to: expected any, or an address that a node or mapping of vnet 'Z' has, got '10.0.0.3'"}},
		{8, "\"mappings\": [7],",
			{"8: mappings[0]: expected an object, got 7",
				"10: rules[0].to: expected any, or an address that a node or mapping of vnet 'Z' has, got '10.0.0.3'"}},
		{7, "[]],", {"7: nodes[1]: expected an object, got a list"}},
		{11, "\"limits\": [],", {"11: limits: expected an object, got a list"}},
		{12, "\"idle\": null", {"12: idle: expected an object, got null"}},
		{4, "\"vnets\": [{\"name\": 1, \"vni\": \"9\"}, {\"name\": \"Z\", \"vni\": 77}, {\"name\": \"Y\", \"vni\": 78}],",
			{"4: vnets[0].name: " NAME_WANTED "1",
				"4: vnets[0].vni: expected a whole number from 1 to 16777215, got '9'"}},
		{10, "{\"vnet\": \"Z\", \"from\": 1, \"to\": false, \"verdict\": \"Allow\"}],",
			{"10: rules[0].from: expected any, or an IPv4 unicast address like 10.0.0.2, got 1",
				"10: rules[0].to: expected any, or an IPv4 unicast address like 10.0.0.2, got false",
				"10: rules[0].verdict: expected allow or deny, got 'Allow'"}},
	};

	check_refusals(cases, ARRAY_LEN(cases));
}

/* Of the node of line 6. */
static void refuse_part(const char *place, const char *name)
{
	char line[256], message[320];
	const struct refusal one = {6, line, {message}};

	snprintf(line, sizeof(line),
		"{\"name\": \"%s\", \"port\": \"tapA\", \"vnet\": \"Z\", \"address\": \"10.0.0.2\", \"mac\": "
		"\"02:00:00:00:00:0a\"},",
		name);
	snprintf(message, sizeof(message), "%s" NAME_WANTED "'%s'", place, name);
	check_refusals(&one, 1);
}

static void names(void)
{
	static const struct refusal cases[] = {
		{3, "\"uplinks\": [], \"instance\": \"\",", {"3: instance: " INSTANCE_WANTED "''"}},
		{3, "\"uplinks\": [], \"instance\": \".\",", {"3: instance: " INSTANCE_WANTED "'.'"}},
		{3, "\"uplinks\": [], \"instance\": \"..\",", {"3: instance: " INSTANCE_WANTED "'..'"}},
		{3, "\"uplinks\": [], \"instance\": \"a/b\",", {"3: instance: " INSTANCE_WANTED "'a/b'"}},
		{3, "\"uplinks\": [], \"instance\": \"abcdefghijabcdefghijabcdefghijab\",",
			{"3: instance: " INSTANCE_WANTED "'abcdefghijabcdefghijabcdefghijab'"}},
		{6, "{\"name\": \"A B\", \"port\": \"a/b\", \"vnet\": \"Z\", \"address\": \"10.0.0.2\", \"mac\": \"02:00:00:00:00:0a\"},",
			{"6: nodes[0].name: " NAME_WANTED "'A B'", "6: nodes[0].port: " IFNAME_WANTED "'a/b'"}},
		{6,
			"{\"name\": \"\xc3\xa9\", \"port\": \"abcdefghijklmnop\", \"vnet\": \"Z\", \"address\": \"10.0.0.2\", \"mac\": "
			"\"02:00:00:00:00:0a\"},",
			{"6: nodes[0].name: " NAME_WANTED "'\xc3\xa9'",
				"6: nodes[0].port: " IFNAME_WANTED "'abcdefghijklmnop'"}},
		{3, "\"uplinks\": [\"\", \".\", \"..\"],",
			{"3: uplinks[0]: " IFNAME_WANTED "''", "3: uplinks[1]: " IFNAME_WANTED "'.'",
				"3: uplinks[2]: " IFNAME_WANTED "'..'"}},
		{3, "\"uplinks\": [\"a%d\"],", {"3: uplinks[0]: " IFNAME_WANTED "'a%d'"}},
		{3, "\"uplinks\": [\"a b\", \"a:1\", \"a\\tb\"],",
			{"3: uplinks[0]: " IFNAME_WANTED "'a b'", "3: uplinks[1]: " IFNAME_WANTED "'a:1'",
				"3: uplinks[2]: " IFNAME_WANTED "'a?b'"}},
		{3, "\"uplinks\": [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\"],",
			{"3: uplinks: expected a list of at most 8 interface names, got a list"}},
		/* A long value is cut between characters. */
		{2, "\"locator\": \"0123456789012345678901234567890123456789012345678901234567890123456789\",",
			{"2: locator: " LOCATOR_WANTED
			 "'0123456789012345678901234567890123456789012345678901234567...'"}},
		{2, "\"locator\": \"012345678901234567890123456789012345678901234567890123456\xc3\xa9 and more\",",
			{"2: locator: " LOCATOR_WANTED
			 "'012345678901234567890123456789012345678901234567890123456...'"}},
	};
	struct config *config;

	check_refusals(cases, ARRAY_LEN(cases));
	refuse_part("6: nodes[0].name: ", "acme/");
	refuse_part("6: nodes[0].name: ", "/A");
	refuse_part("6: nodes[0].name: ", "a/b/c");
	refuse_part("6: nodes[0].name: ", "abcdefghijabcdefghijabcdefghijab/A");
	refuse_part("6: nodes[0].name: ", "A/abcdefghijabcdefghijabcdefghijab");
	config = accept_line(6,
		"{\"name\": \"abcdefghijabcdefghijabcdefghija/abcdefghijabcdefghijabcdefghija\", \"port\": \"tapA\", "
		"\"vnet\": \"Z\", \"address\": \"10.0.0.2\", \"mac\": \"02:00:00:00:00:0a\"},");
	UNIT_STRING_EQUAL(config->nodes[0].name, "abcdefghijabcdefghijabcdefghija/abcdefghijabcdefghijabcdefghija");
	config_free(config);
	config = accept_line(4, "\"vnets\": [{\"name\": \"Z\", \"vni\": 77}, {\"name\": \"Y\", \"vni\": 78},"
				"{\"name\": \"acme/net\", \"vni\": 79}],");
	CU_ASSERT_EQUAL(config_find_vnet(config, "acme/net"), 2);
	config_free(config);
	config = accept_line(3,
		"\"uplinks\": [\"abcdefghijklmno\"], \"instance\": \"abcdefghij.bcdefghijabcdefghija\",");
	UNIT_STRING_EQUAL(config->uplinks[0], "abcdefghijklmno");
	UNIT_STRING_EQUAL(config->instance, "abcdefghij.bcdefghijabcdefghija");
	config_free(config);
}

static void addresses(void)
{
	static const struct refusal cases[] = {
		{6, "{\"name\": \"A\", \"port\": \"tapA\", \"vnet\": \"Z\",\n\"address\": \"300.1.1.1\", \"mac\": \"02:00:00:00:00:0a\"},",
			{"7: nodes[0].address: " IPV4_WANTED "'300.1.1.1'",
				"11: rules[0].from: expected any, or an address that a node or mapping of vnet 'Z' has, got '10.0.0.2'"}},
		{8,
			"\"mappings\": [{\"vnet\": \"Z\", \"address\": \"10.0.0.3\", \"locator\": \"fd00:1:0:2::/64\"},"
			"{\"vnet\": \"Z\", \"address\": \"224.0.0.1\", \"locator\": \"fd00:1:0:2::/64\"}],",
			{"8: mappings[1].address: " IPV4_WANTED "'224.0.0.1'"}},
		{7, "{\"name\": \"B\", \"port\": \"tapB\", \"vnet\": \"Y\", \"address\": \"10.0.0.2\", \"mac\": \"ff:ff:ff:ff:ff:ff\"}],",
			{"7: nodes[1].mac: " MAC_WANTED "'ff:ff:ff:ff:ff:ff'"}},
		{7, "{\"name\": \"B\", \"port\": \"tapB\", \"vnet\": \"Y\", \"address\": \"10.0.0.2\", \"mac\": \"02:00\"}],",
			{"7: nodes[1].mac: " MAC_WANTED "'02:00'"}},
		{2, "\"locator\": \"fd00:1:0:1::/65\",", {"2: locator: " LOCATOR_WANTED "'fd00:1:0:1::/65'"}},
		{2, "\"locator\": \"fd00:1:0:1::1/64\",", {"2: locator: " LOCATOR_WANTED "'fd00:1:0:1::1/64'"}},
		{2, "\"locator\": \"fd00:1:0:1:200::/72\",", {"2: locator: " LOCATOR_WANTED "'fd00:1:0:1:200::/72'"}},
		{2, "\"locator\": \"::/64\",", {"2: locator: " LOCATOR_WANTED "'::/64'"}},
		{2, "\"locator\": \"fe80::/64\",", {"2: locator: " LOCATOR_WANTED "'fe80::/64'"}},
		{2, "\"locator\": \"ff15::/64\",", {"2: locator: " LOCATOR_WANTED "'ff15::/64'"}},
	};

	check_refusals(cases, ARRAY_LEN(cases));
}

static void numbers(void)
{
	static const struct refusal cases[] = {
		{4, "\"vnets\": [{\"name\": \"Z\", \"vni\": 77}, {\"name\": \"Y\",\n\"vni\": 0}],",
			{"5: vnets[1].vni: expected a whole number from 1 to 16777215, got 0"}},
		{4, "\"vnets\": [{\"name\": \"Z\", \"vni\": 77}, {\"name\": \"Y\", \"vni\": 16777216}],",
			{"4: vnets[1].vni: expected a whole number from 1 to 16777215, got 16777216"}},
		{4, "\"vnets\": [{\"name\": \"Z\", \"vni\": 77}, {\"name\": \"Y\", \"vni\": 1.5}],",
			{"4: vnets[1].vni: expected a whole number from 1 to 16777215, got 1.5"}},
		{11, "\"limits\": {\"sessions\": 0, \"rules\": 0, \"mappings\": -1},",
			{"11: limits.sessions: expected a whole number of sessions from 1 to 4194304, got 0",
				"11: limits.rules: expected a whole number of rules from 1 to 1048576, got 0",
				"11: limits.mappings: expected a whole number of mappings from 1 to 1048576, got -1"}},
		{11, "\"limits\": {\"hosts\": 65537, \"sessions_per_port\": 0},",
			{"11: limits.hosts: expected a whole number of hosts from 1 to 65536, got 65537",
				"11: limits.sessions_per_port: expected a whole number of sessions from 1 to 4194304, got 0"}},
		{11, "\"limits\": {\"sessions\": 100,\n\"sessions_per_port\": 101},",
			{"12: limits.sessions_per_port: expected at most the 100 of 'sessions', got 101"}},
		{11, "\"limits\": {\"sessions_per_port\": 65537},",
			{"11: limits.sessions_per_port: expected at most the 65536 of 'sessions', got 65537"}},
		{12, "\"idle\": {\"tcp_opening\": 0, \"tcp_established\": 604801, \"tcp_closing\": \"10\"}",
			{"12: idle.tcp_opening: expected a whole number of seconds from 1 to 604800, got 0",
				"12: idle.tcp_established: expected a whole number of seconds from 1 to 604800, got 604801",
				"12: idle.tcp_closing: expected a whole number of seconds from 1 to 604800, got '10'"}},
		{12, "\"idle\": {\"udp\": 0, \"icmp\": 0.5, \"other\": -1}",
			{"12: idle.udp: expected a whole number of seconds from 1 to 604800, got 0",
				"12: idle.icmp: expected a whole number of seconds from 1 to 604800, got 0.5",
				"12: idle.other: expected a whole number of seconds from 1 to 604800, got -1"}},
		{10,
			"{\"vnet\": \"Z\", \"from\": \"any\", \"to\": \"any\", \"verdict\": \"deny\", \"lifetime\": 31536001,\n"
			"\"policy\": 4294967296}],",
			{"10: rules[0].lifetime: expected a whole number of seconds from 0 to 31536000, got 31536001",
				"11: rules[0].policy: expected a whole number from 0 to 4294967295, got 4294967296"}},
	};
	struct config *config;

	check_refusals(cases, ARRAY_LEN(cases));
	config = accept_line(4, "\"vnets\": [{\"name\": \"Z\", \"vni\": 1}, {\"name\": \"Y\", \"vni\": 16777215}],");
	CU_ASSERT_EQUAL(config->vnets[1].vni, VNI_MAX);
	config_free(config);
	config = accept_line(11,
		"\"limits\": {\"sessions\": 4194304, \"rules\": 1, \"mappings\": 1, \"hosts\": 65536},");
	CU_ASSERT(config->limits.sessions == 4194304 && config->limits.rules == 1 && config->limits.hosts == 65536);
	config_free(config);
}

/* Every key of the table is an item of the manual page, and its limits and default are in that item. */
static void manual_page(void)
{
	scope_fclose FILE *file = fopen(MANUAL, "re");
	scope_free char *page = calloc(1, 1 << 16);
	size_t count;
	const struct schema_row *rows = schema_rows(&count);

	CU_ASSERT_FATAL(file && page);
	CU_ASSERT_FATAL(fread(page, 1, (1 << 16) - 1, file) > 0);
	for (size_t i = 0; i < count; i++) {
		static const char *const section[] = {
			[SCHEMA_TOP] = "The whole",
			[SCHEMA_IDENTITY] = "identity",
			[SCHEMA_HOST] = "hosts",
			[SCHEMA_VNET] = "vnets",
			[SCHEMA_GROUP] = "groups",
			[SCHEMA_HANDLE] = "handles",
			[SCHEMA_NODE] = "nodes",
			[SCHEMA_MAPPING] = "mappings",
			[SCHEMA_RULE] = "rules",
			[SCHEMA_POLICY] = "policies",
			[SCHEMA_LIMITS] = "limits",
			[SCHEMA_IDLE] = "idle",
			[SCHEMA_RESOLVE] = "resolve",
			[SCHEMA_MANAGER] = "manager",
			[SCHEMA_DIRECTORY] = "The directory",
		};
		char item[96], digits[24], *at, *next, *end;
		scope_free char *body = NULL;

		/* The keys of a section follow its heading. */
		snprintf(item, sizeof(item), ".Ss %s\n", section[rows[i].section]);
		at = strstr(page, item);
		CU_ASSERT_PTR_NOT_NULL_FATAL(at);
		end = strstr(at, "\n.El\n");
		CU_ASSERT_PTR_NOT_NULL_FATAL(end);
		snprintf(item, sizeof(item), "\n.It Cm %s ", rows[i].name);
		at = strstr(at, item);
		CU_ASSERT(at && at < end);
		if (!at || at > end) {
			printf("\n    %s has no '%s'\n", MANUAL, item + 1);
			continue;
		}
		next = strstr(at + 1, "\n.It ");
		body = strndup(at, (size_t)((next && next < end ? next : end) - at));
		CU_ASSERT_PTR_NOT_NULL_FATAL(body);
		snprintf(digits, sizeof(digits), "%lld", rows[i].max);
		CU_ASSERT(rows[i].max == 0 || strstr(body, digits));
		/* Objects and lists have no default in words. */
		CU_ASSERT(!rows[i].fallback || strchr("{[", rows[i].fallback[0]) || strstr(body, rows[i].fallback));
		for (size_t word = 0; rows[i].words && rows[i].words[word]; word++) {
			CU_ASSERT_PTR_NOT_NULL(strstr(body, rows[i].words[word]));
		}
		CU_ASSERT(!rows[i].required == !strstr(body, "required"));
	}
}

static const struct unit_test tests[] = {
	{"unknown keys, with the nearest known one", unknown_keys},
	{"missing keys", missing_keys},
	{"wrong types", wrong_types},
	{"names of instances, nodes, vnets, interfaces", names},
	{"addresses and prefixes", addresses},
	{"numbers and their ranges", numbers},
	{"the manual page has every key", manual_page},
};

int main(void)
{
	return unit_run("schema", tests, ARRAY_LEN(tests));
}
