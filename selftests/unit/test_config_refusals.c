/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What ovnet.json cannot say for negotiated authorization: each kind of finding, with its file, line and path.
 */
#include "selftests/unit/config_file.h"

#include "config/names.h"
#include "policy/service.h"

#define KEY_WANTED "expected a public key: 44 characters of base64, got "
#define FILE_WANTED "expected the name of a file, of at most 255 octets, got "
#define ITEM_WANTED                                                                                                       \
	"expected any, node:NAME, group:NAME, account:NAME, vnet:NAME, handle:NAME, or an address, prefix or range like " \
	"10.0.0.5, 10.0.0.0/24, 10.0.0.1-10.0.0.9, got "
#define GROUP_WANTED "expected the name of one of 'groups', got "
#define ACCOUNT_WANTED                                                                                                 \
	"expected the name of an account: 1 to 31 letters, digits, '_', '.' or '-', or two of those with '/' between, got "
#define SERVICE_WANTED                                                                                                 \
	"expected a service like http, tcp/80, tcp/8000-9000, udp, icmp/echo, 47 (a protocol) or any, got "
#define PORTS_WANTED "expected ports from 1 to 65535 or ICMP types from 0 to 255, the lower one first, got "
#define LONG_FILE                                                                                                      \
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"         \
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"         \
	"01234567890123456789012345678901234567890123456789012345"

static void refused_identity(void)
{
	static const struct refusal cases[] = {
		{2, "", {"5: vnets[0].authorization: expected static, as there is no 'identity', got 'negotiated'"}},
		{2, "\"identity\": 5,", {"2: identity: expected an object, got 5"}},
		{2, "\"identity\": {\"host\": \"h1\"},",
			{"2: identity.key: " FILE_WANTED "nothing", "2: identity.authority: " KEY_WANTED "nothing",
				"2: identity.signing_key: " FILE_WANTED "nothing"}},
		{2, "\"identity\": {\"host\": \"h3\", " FILES ",\n\"authority\": \"" KEY_1 "\"},",
			{"2: identity.host: expected the name of one of 'hosts', got 'h3'"}},
		{2,
			"\"identity\": {\"host\": 1, " FILES
			", \"authority\":\n\"r6QQMd+/DQE+mWi6HKj+u6mPOh8aeGWjl6+qot7/zm0\"},",
			{"2: identity.host: expected the name of one of 'hosts', got 1",
				"3: identity.authority: " KEY_WANTED "'r6QQMd+/DQE+mWi6HKj+u6mPOh8aeGWjl6+qot7/zm0'"}},
		{2,
			"\"identity\": {\"host\": \"h1\", \"key\": \"\", \"signing_key\": \"" LONG_FILE
			"\", \"authority\": \"" NO_KEY "\"},",
			{"2: identity.key: " FILE_WANTED "''", "2: identity.authority: " KEY_WANTED "'" NO_KEY "'",
				"2: identity.signing_key: " FILE_WANTED
				"'0123456789012345678901234567890123456789012345678901234567...'"}},
		{2, "\"identity\": {\"host\": \"h2\", " FILES ", \"authority\": \"" KEY_1 "\"},",
			{"4: hosts[1].locator: expected fd00:1:0:1::/64, the locator of this host, got 'fd00:1:0:2::/64'"}},
	};

	check_refusals(cases, ARRAY_LEN(cases));
}

static void refused_hosts(void)
{
	static const struct refusal cases[] = {
		{4, "{\"name\": \"h1\", \"locator\": \"fd00:1:0:2::/64\", \"key\": \"" KEY_3 "\"}],",
			{"4: hosts[1].name: expected a name that no other host has, got 'h1' as in hosts[0]"}},
		{4, "{\"name\": \"h2\", \"locator\": \"fd00:1:0:1::/64\", \"key\": \"" KEY_2 "\"}],",
			{"4: hosts[1].locator: expected a locator that overlaps with no other host's, got that of hosts[0]",
				"4: hosts[1].key: expected a key that no other host has, got that of hosts[0]"}},
		{4,
			"{\"name\": \"h2\", \"locator\": \"fd00:1:0:2:1400::/72\", \"key\": \"" KEY_3 "\"},\n"
			"{\"name\": \"h3\", \"locator\": \"fd00:1:0:2::/64\", \"key\": \"" KEY_1 "\"}],",
			{"5: hosts[2].locator: expected a locator that overlaps with no other host's, got that of hosts[1]"}},
		{4,
			"{\"name\": \"h2\", \"locator\": \"fd00:1:0:2:1400::/72\", \"key\": \"" KEY_3 "\"},\n"
			"{\"name\": \"h3\", \"locator\": \"fd00:1:0:2:1400::/72\", \"key\": \"" KEY_1 "\"}],",
			{"5: hosts[2].locator: expected a locator that overlaps with no other host's, got that of hosts[1]"}},
		{4, "{\"name\": \"h 2\", \"locator\": \"fe80::/64\",\n\"key\": \"x\"}],",
			{"4: hosts[1].name: " PART_WANTED "'h 2'", "4: hosts[1].locator: " LOCATOR_WANTED "'fe80::/64'",
				"5: hosts[1].key: " KEY_WANTED "'x'"}},
		{4, "{}, {\"name\": \"h3\", \"locator\": \"fd00:1:0:3::/64\", \"key\": 1}, [], null],",
			{"4: hosts[1].name: " PART_WANTED "nothing", "4: hosts[1].locator: " LOCATOR_WANTED "nothing",
				"4: hosts[1].key: " KEY_WANTED "nothing", "4: hosts[2].key: " KEY_WANTED "1",
				"4: hosts[3]: expected an object, got a list",
				"4: hosts[4]: expected an object, got null"}},
	};
	struct config *config;

	check_refusals(cases, ARRAY_LEN(cases));
	/* Several slots of one locator are no overlap. */
	config = accept_line(4, "{\"name\": \"h2\", \"locator\": \"fd00:1:0:2:1400::/72\", \"key\": \"" KEY_3 "\"},"
				"{\"name\": \"h3\", \"locator\": \"fd00:1:0:2:1800::/72\", \"key\": \"" KEY_1 "\"}],");
	CU_ASSERT_EQUAL(config->host_count, 3);
	config_free(config);
}

static void refused_groups(void)
{
	static const struct refusal cases[] = {
		{6, "\"groups\": [{\"name\": \"inner\"}, {\"name\": \"outer\"},\n{\"name\": \"inner\"}],",
			{"7: groups[2].name: expected a name that no other group has, got 'inner' as in groups[0]"}},
		{6, "\"groups\": [{\"name\": \"inner\", \"groups\": [\"inne\", 5]}, {\"name\": \"outer\", \"groups\": \"inner\"}],",
			{"6: groups[0].groups[0]: " GROUP_WANTED "'inne'", "6: groups[0].groups[1]: " GROUP_WANTED "5",
				"6: groups[1].groups: expected a list of names of groups, at most 1024, got 'inner'"}},
		{6, "\"groups\": [{\"name\": \"inner\"}, {\"name\": \"outer\", \"groups\": [\"inner\",\n\"inner\"]}],",
			{"7: groups[1].groups[1]: expected each group once, got 'inner'"}},
		{6, "\"groups\": [{\"name\": \"inner\", \"groups\": [\"outer\"]}, {\"name\": \"outer\", \"groups\": [\"inner\"]}],",
			{"6: groups: expected no group within itself, got 'groups contain each other: outer in inner in outer'"}},
		{6, "\"groups\": [{\"name\": \"inner\", \"groups\": [\"inner\"]}, {\"name\": \"outer\"}],",
			{"6: groups: expected no group within itself, got 'groups contain each other: inner in inner'"}},
		{6, "\"groups\": [{\"name\": \"inner\", \"default_in\": \"none\"}, {\"name\": \"outer\", \"default_out\": 1}],",
			{"6: groups[0].default_in: expected deny, account, group or allow, got 'none'",
				"6: groups[1].default_out: expected deny, account, group or allow, got 1"}},
		{7, "\"nodes\": [" NODE_A ", \"account\": \"a b\",\n\"groups\": [\"inner\", \"web\", \"inner\"]}],",
			{"7: nodes[0].account: " ACCOUNT_WANTED "'a b'", "8: nodes[0].groups[1]: " GROUP_WANTED "'web'",
				"8: nodes[0].groups[2]: expected each group once, got 'inner'"}},
		{8, "\"mappings\": [" MAPPING_B ", \"account\": 5, \"groups\": {}}],",
			{"8: mappings[0].account: " ACCOUNT_WANTED "5",
				"8: mappings[0].groups: expected a list of names of groups, at most 16, got an object"}},
		{8,
			"\"mappings\": [" MAPPING_B
			", \"groups\": [\"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", "
			"\"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\"]}],",
			{"8: mappings[0].groups: expected a list of names of groups, at most 16, got a list"}},
		{8,
			"\"mappings\": [" MAPPING_B "},\n"
			"{\"name\": \"A\", \"vnet\": \"Z\", \"address\": \"10.0.0.4\", \"locator\": \"fd00:1:0:2::/64\"},\n"
			"{\"name\": \"B\", \"vnet\": \"Z\", \"address\": \"10.0.0.5\", \"locator\": \"fd00:1:0:2::/64\"}],",
			{"9: mappings[1].name: expected a name that no other node of the vnet has, got 'A' as in nodes[0]",
				"10: mappings[2].name: expected a name that no other node of the vnet has, got 'B' as in mappings[0]"}},
	};
	struct config *config;

	check_refusals(cases, ARRAY_LEN(cases));
	/* Another vnet is another matter. */
	config = accept_line(8, "\"mappings\": [" MAPPING_B
				"}, {\"name\": \"B\", \"vnet\": \"Y\", \"address\": \"10.0.0.3\", \"locator\": "
				"\"fd00:1:0:2::/64\"}],");
	CU_ASSERT_EQUAL(config->mappings[1].identity.node, config->mappings[0].identity.node);
	config_free(config);
}

static void refused_policies(void)
{
	static const struct refusal cases[] = {
		{10, "\"policies\": [{\"id\": 1, \"vnet\": \"Z\", \"verdict\": \"allow\"},\n{\"id\": 1, \"vnet\": \"Z\", \"verdict\": \"deny\"",
			{"11: policies[1].id: expected a number that no other policy has, got 1 as in policies[0]"}},
		{10, "\"policies\": [{",
			{"10: policies[0].id: expected a whole number from 1 to 4294967295, got nothing",
				"10: policies[0].vnet: expected the name or number of a vnet of this host (there are: Z, Y), got nothing",
				"10: policies[0].verdict: expected allow or deny, got nothing"}},
		{10, "\"policies\": [{\"id\": 0, \"vnet\": \"X\", \"verdict\": \"ask\", \"side\": \"both\", \"target\": \"node:nobody\"",
			{"10: policies[0].id: expected a whole number from 1 to 4294967295, got 0",
				"10: policies[0].vnet: expected the name or number of a vnet of this host (there are: Z, Y), got 'X'",
				"10: policies[0].side: expected in or out, got 'both'",
				"10: policies[0].verdict: expected allow or deny, got 'ask'"}},
		{10, "\"policies\": [{\"id\": 1, \"vnet\": \"Y\", \"verdict\": \"allow\"",
			{"10: policies[0].vnet: expected a vnet whose authorization is negotiated, got 'Y'"}},
		{10, POLICY("\"cast\": [], \"services\": []"),
			{"10: policies[0].services: expected a list of services, not empty, at most 256, got a list",
				"10: policies[0].cast: expected a list of unicast, multicast and broadcast, not empty, got a list"}},
		{10, POLICY("\"cast\": \"unicast\", \"services\": \"http\""),
			{"10: policies[0].services: expected a list of services, not empty, at most 256, got 'http'",
				"10: policies[0].cast: expected a list of unicast, multicast and broadcast, not empty, got 'unicast'"}},
		{10, POLICY("\"cast\": [\"unicast\",\n\"anycast\"], \"peer\": \"any\""),
			{"11: policies[0].cast[1]: expected unicast, multicast or broadcast, got 'anycast'",
				"11: policies[0].peer: expected a known key like 'peers', got 'peer'"}},
	};

	check_refusals(cases, ARRAY_LEN(cases));
}

static void refused_selectors(void)
{
	static const struct refusal cases[] = {
		{10, POLICY("\"target\": [\"any\",\n\"web\", 5]"),
			{"11: policies[0].target[1]: " ITEM_WANTED "'web'",
				"11: policies[0].target[2]: " ITEM_WANTED "5"}},
		{10, POLICY("\"target\": [\"node:b\", \"group:none\"], \"peers\": \"vnet:X\""),
			{"10: policies[0].target[0]: expected the name of a node or mapping of vnet 'Z' after 'node:', got 'node:b'",
				"10: policies[0].target[1]: " GROUP_WANTED "'group:none'",
				"10: policies[0].peers: expected the name or number of a vnet of this host after 'vnet:' (there are: Z, Y), "
				"got 'vnet:X'"}},
		{10, POLICY("\"target\": \"vnet:Y\", \"peers\": \"account:\""),
			{"10: policies[0].target: expected a vnet whose authorization is negotiated, got 'vnet:Y'",
				"10: policies[0].peers: " ACCOUNT_WANTED "'account:'"}},
		{10, POLICY("\"target\": [\"10.0.0.9-10.0.0.1\", \"10.0.0.1/24\"], \"peers\": {\"not\":\n[\"10.0.0.0/33\"]}"),
			{"10: policies[0].target[0]: expected a range whose lower address comes first, got '10.0.0.9-10.0.0.1'",
				"10: policies[0].target[1]: expected a prefix that is zero beyond its length, got '10.0.0.1/24'",
				"11: policies[0].peers.not[0]: " ITEM_WANTED "'10.0.0.0/33'"}},
		{10, POLICY("\"target\": [\"10.0.0.0/\", \"10.0.0.0/08\"], \"peers\": [\"10.0.0.1-\", \"255.255.255.2555\"]"),
			{"10: policies[0].target[0]: " ITEM_WANTED "'10.0.0.0/'",
				"10: policies[0].target[1]: " ITEM_WANTED "'10.0.0.0/08'",
				"10: policies[0].peers[0]: " ITEM_WANTED "'10.0.0.1-'",
				"10: policies[0].peers[1]: " ITEM_WANTED "'255.255.255.2555'"}},
		{10, POLICY("\"target\": [], \"peers\": {\"not\": []}"),
			{"10: policies[0].target: expected a selector, or a list of at least one and at most 1024, got a list",
				"10: policies[0].peers.not: expected a selector, or a list of at least one and at most 1024, got a list"}},
		{10, POLICY("\"target\": {}, \"peers\": {\"not\": {\"not\": \"any\"}}"),
			{"10: policies[0].target: expected a selector, a list of them, or an object with the one key 'not', got an "
			 "object",
				"10: policies[0].peers.not: " ITEM_WANTED "an object"}},
		{10, POLICY("\"target\": {\"not\": \"any\", \"or\": 1}, \"peers\": null"),
			{"10: policies[0].target: expected a selector, a list of them, or an object with the one key 'not', got an "
			 "object",
				"10: policies[0].peers: " ITEM_WANTED "null"}},
	};

	check_refusals(cases, ARRAY_LEN(cases));
}

static void refused_services(void)
{
	static const char *const unknown[] = {"", "htttp", "HTTP", "tcp/", "tcp/http", "tcp:80", "tcp80", "tcp/80-",
		"tcp/-80", "tcp/080", "tcp/ 80", "tcp/80,81", "icmp/ping", "icmp/http", "256", "047", "6/80", "47/1",
		"-1", "echo"};
	static const char *const outside[] = {"tcp/0", "tcp/90-80", "udp/65536", "tcp/0-80", "icmp/256", "icmp/9-8",
		"tcp/80-99999"};
	struct policy_service parsed[SERVICE_TRANSPORTS_MAX];
	static const struct refusal cases[] = {
		{10, POLICY("\"services\": [\"http\",\n\"htttp\", 80, \"tcp/9000-8000\"]"),
			{"11: policies[0].services[1]: " SERVICE_WANTED "'htttp'",
				"11: policies[0].services[2]: " SERVICE_WANTED "80",
				"11: policies[0].services[3]: " PORTS_WANTED "'tcp/9000-8000'"}},
	};

	check_refusals(cases, ARRAY_LEN(cases));
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		CU_ASSERT_EQUAL(service_parse(unknown[i], parsed), -EINVAL);
	for (size_t i = 0; i < ARRAY_LEN(outside); i++)
		CU_ASSERT_EQUAL(service_parse(outside[i], parsed), -ERANGE);
}

static void refused_numbers(void)
{
	static const struct refusal cases[] = {
		{5,
			"\"vnets\": [{\"name\": \"Z\", \"vni\": 77, \"authorization\": \"negotiated\", \"grant_lifetime\": 3601,\n"
			"\"passport_lifetime\": 59}],",
			{"5: vnets[0].grant_lifetime: expected a whole number of seconds from 1 to 3600, got 3601",
				"6: vnets[0].passport_lifetime: expected a whole number of seconds from 60 to 86400, got 59"}},
		{5,
			"\"vnets\": [{\"name\": \"Z\", \"vni\": 77, \"authorization\": \"negotiated\", \"agreement\": \"none\", "
			"\"default_in\": \"\", \"default_out\": \"unset\", \"silence\": true}],",
			{"5: vnets[0].silence: expected deny or allow, got true",
				"5: vnets[0].agreement: expected both or one, got 'none'",
				"5: vnets[0].default_in: expected deny, account, group or allow, got ''",
				"5: vnets[0].default_out: expected deny, account, group or allow, got 'unset'"}},
		{9, "\"limits\": {\"pending\": 100,\n\"pending_per_port\": 101, \"questions\": 9, \"queue_bytes\": 1},",
			{"10: limits.pending_per_port: expected at most the 100 of 'pending', got 101",
				"10: limits.questions: expected a whole number of questions a second from 10 to 1000000, got 9",
				"10: limits.queue_bytes: expected a whole number of bytes from 65536 to 1073741824, got 1"}},
	};

	check_refusals(cases, ARRAY_LEN(cases));
}

/* Two names with one identifier: of real names nobody has found such two, so the identifiers are made up here. */
static void shared_identifier(void)
{
	static const struct name first = {NAMES_EVERYWHERE, 7, "one", "groups", 3};
	static const struct name other = {NAMES_EVERYWHERE, 7, "two", "groups", 4};
	static const struct name again = {NAMES_EVERYWHERE, 7, "one", "groups", 5};
	static const struct name elsewhere = {0, 7, "two", "groups", 4};
	struct findings findings = {.file = "t.json"};
	struct reports reports = {0};
	struct names names = {0};

	CU_ASSERT_EQUAL(names_claim(&names, &first, "group", &findings, "groups[3].name"), 0);
	CU_ASSERT_EQUAL(names_claim(&names, &other, NULL, &findings, "groups[4].name"), -EINVAL);
	CU_ASSERT_EQUAL(names_claim(&names, &again, "group", &findings, "groups[5].name"), -EINVAL);
	CU_ASSERT_EQUAL(names_claim(&names, &again, NULL, &findings, "groups[5].name"), 0);
	CU_ASSERT_EQUAL(names_claim(&names, &elsewhere, "group", &findings, "groups[4].name"), 0);
	findings_tell(&findings, collect, &reports);
	CU_ASSERT_EQUAL_FATAL(reports.count, 2);
	UNIT_STRING_EQUAL(reports.list[0],
		"t.json: groups[4].name: expected a name with an identifier of its own, got 'two', which shares that of 'one'");
	UNIT_STRING_EQUAL(reports.list[1],
		"t.json: groups[5].name: expected a name that no other group has, got 'one' as in groups[3]");
	reports_free(&reports);
	names_free(&names);
}

static const struct unit_test tests[] = {
	{"an identity that is none, or not this host's", refused_identity},
	{"hosts that share something", refused_hosts},
	{"groups, memberships, names of nodes", refused_groups},
	{"policies", refused_policies},
	{"selectors", refused_selectors},
	{"services", refused_services},
	{"numbers and words", refused_numbers},
	{"two names with one identifier", shared_identifier},
};

int main(void)
{
	base = negotiated;
	base_count = ARRAY_LEN(negotiated);
	return unit_run("config refusals", tests, ARRAY_LEN(tests));
}
