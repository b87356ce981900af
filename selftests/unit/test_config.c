/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ovnet.json: the example as the manual page describes it, every kind of finding with its file, line and path, and rules
 * given by hand. The files are made from a good one of which a line is replaced.
 */
#include "selftests/unit/unit.h"

#include <errno.h>
#include <limits.h>

#include "config/config.h"
#include "config/schema.h"
#include "lib/error.h"
#include "lib/json.h"

#define EXAMPLE "docs/examples/ovnet.json"
#define MANUAL "docs/man/ovnet.json.5"
#define REPORTS_MAX 64

struct reports {
	size_t count;
	char *list[REPORTS_MAX];
};

static void collect(void *context, const char *message)
{
	struct reports *reports = context;

	CU_ASSERT_FATAL(reports->count < REPORTS_MAX);
	reports->list[reports->count++] = strdup(message);
}

static void reports_free(struct reports *reports)
{
	for (size_t i = 0; i < reports->count; i++)
		free(reports->list[i]);
	reports->count = 0;
}

static const char *const good[] = {
	/* 1 */ "{",
	/* 2 */ "\"locator\": \"fd00:1:0:1::/64\",",
	/* 3 */ "\"uplinks\": [\"eth0\"],",
	/* 4 */ "\"vnets\": [{\"name\": \"Z\", \"vni\": 77}, {\"name\": \"Y\", \"vni\": 78}],",
	/* 5 */ "\"nodes\": [",
	/* 6 */ "{\"name\": \"A\", \"port\": \"tapA\", \"vnet\": \"Z\", \"address\": \"10.0.0.2\", \"mac\": \"02:00:00:00:00:0a\"},",
	/* 7 */ "{\"name\": \"B\", \"port\": \"tapB\", \"vnet\": \"Y\", \"address\": \"10.0.0.2\", \"mac\": \"02:00:00:00:00:0b\"}],",
	/* 8 */ "\"mappings\": [{\"vnet\": \"Z\", \"address\": \"10.0.0.3\", \"locator\": \"fd00:1:0:2::/64\"}],",
	/* 9 */ "\"rules\": [",
	/* 10 */ "{\"vnet\": \"Z\", \"from\": \"10.0.0.2\", \"to\": \"10.0.0.3\", \"verdict\": \"allow\"}],",
	/* 11 */ "\"limits\": {},",
	/* 12 */ "\"idle\": {}",
	/* 13 */ "}",
};

/* The good file with line `line` replaced (0: none). */
static void compose(char *text, size_t size, size_t line, const char *replacement)
{
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		const char *content = i + 1 == line ? replacement : good[i];

		used += (size_t)snprintf(text + used, size - used, "%s\n", content);
		CU_ASSERT_FATAL(used < size);
	}
}

static struct config *accept_line(size_t line, const char *replacement)
{
	struct config *config = NULL;
	struct reports reports = {0};
	char text[8192];

	compose(text, sizeof(text), line, replacement);
	CU_ASSERT_EQUAL(config_parse(text, strlen(text), "t.json", collect, &reports, &config), 0);
	for (size_t i = 0; i < reports.count; i++)
		printf("\n    %s\n", reports.list[i]);
	CU_ASSERT_EQUAL(reports.count, 0);
	reports_free(&reports);
	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	return config;
}

/* Exactly these findings, in this order; each is what follows "t.json:". NULL ends them. */
static void refuse_text(const char *text, size_t length, const char *const *messages)
{
	struct config *config = (struct config *)&good;
	struct reports reports = {0};
	size_t i;

	CU_ASSERT_EQUAL(config_parse(text, length, "t.json", collect, &reports, &config), -EINVAL);
	CU_ASSERT_PTR_EQUAL(config, (struct config *)&good);
	for (i = 0; i < reports.count; i++) {
		CU_ASSERT_FATAL(strncmp(reports.list[i], "t.json:", 7) == 0);
		UNIT_STRING_EQUAL(reports.list[i] + 7, messages[i] ? messages[i] : "nothing more");
		if (!messages[i])
			break;
	}
	UNIT_STRING_EQUAL(messages[i] ? messages[i] : "", "");
	reports_free(&reports);
}

struct refusal {
	size_t line;
	const char *replacement;
	const char *messages[4]; /* without "t.json:" */
};

static void check_refusals(const struct refusal *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char text[8192];

		compose(text, sizeof(text), cases[i].line, cases[i].replacement);
		refuse_text(text, strlen(text), cases[i].messages);
	}
}

static void example(void)
{
	struct config *config = NULL;
	struct reports reports = {0};
	char text[ADDRESS_TEXT_MAX];

	CU_ASSERT_EQUAL(config_load(EXAMPLE, collect, &reports, &config), 0);
	CU_ASSERT_EQUAL(reports.count, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(config);

	UNIT_STRING_EQUAL(config->instance, "default");
	UNIT_STRING_EQUAL(locator_format(&config->locator, text), "fd00:1:0:1::/64");
	CU_ASSERT_EQUAL(config->uplink_count, 1);
	UNIT_STRING_EQUAL(config->uplinks[0], "eth0");
	CU_ASSERT_EQUAL(config->uplink_mode, UPLINK_AUTO);
	CU_ASSERT_EQUAL(config->delivery, DELIVERY_AUTO);

	CU_ASSERT_EQUAL_FATAL(config->vnet_count, 1);
	UNIT_STRING_EQUAL(config->vnets[0].name, "Z");
	CU_ASSERT_EQUAL(config->vnets[0].vni, 77);

	CU_ASSERT_EQUAL_FATAL(config->node_count, 1);
	UNIT_STRING_EQUAL(config->nodes[0].name, "A");
	UNIT_STRING_EQUAL(config->nodes[0].port, "tapA");
	CU_ASSERT_EQUAL(config->nodes[0].vnet, 0);
	UNIT_STRING_EQUAL(ipv4_format(config->nodes[0].address, text), "10.0.0.2");
	UNIT_STRING_EQUAL(mac_format(config->nodes[0].mac, text), "02:00:00:00:00:0a");
	CU_ASSERT_EQUAL(config->nodes[0].slot, 0);

	CU_ASSERT_EQUAL_FATAL(config->mapping_count, 1);
	CU_ASSERT_EQUAL(config->mappings[0].vnet, 0);
	UNIT_STRING_EQUAL(ipv4_format(config->mappings[0].address, text), "10.0.0.3");
	UNIT_STRING_EQUAL(locator_format(&config->mappings[0].locator, text), "fd00:1:0:2::/64");
	CU_ASSERT_EQUAL(config->mappings[0].slot, 0);

	CU_ASSERT_EQUAL_FATAL(config->rule_count, 3);
	CU_ASSERT_EQUAL(config->rules[0].vnet, 0);
	CU_ASSERT(!config->rules[0].from_any && !config->rules[0].to_any);
	UNIT_STRING_EQUAL(ipv4_format(config->rules[0].from, text), "10.0.0.2");
	UNIT_STRING_EQUAL(ipv4_format(config->rules[0].to, text), "10.0.0.3");
	CU_ASSERT(!config->rules[0].protocol_any && config->rules[0].protocol == 6);
	CU_ASSERT(!config->rules[0].port_any && config->rules[0].port == 5201);
	CU_ASSERT(config->rules[0].allow);
	CU_ASSERT(config->rules[0].lifetime_s == 0 && config->rules[0].policy == 0);
	CU_ASSERT(config->rules[1].from_any && config->rules[1].to_any);
	CU_ASSERT(!config->rules[1].protocol_any && config->rules[1].protocol == 1);
	CU_ASSERT(config->rules[1].port_any);
	CU_ASSERT(config->rules[1].allow);
	UNIT_STRING_EQUAL(ipv4_format(config->rules[2].from, text), "10.0.0.3");
	CU_ASSERT(!config->rules[2].protocol_any && config->rules[2].protocol == 17);
	CU_ASSERT(config->rules[2].port == 53);
	CU_ASSERT(!config->rules[2].allow);
	CU_ASSERT(config->rules[2].lifetime_s == 60 && config->rules[2].policy == 7);

	CU_ASSERT_EQUAL(config->limits.sessions, 65536);
	CU_ASSERT_EQUAL(config->limits.rules, 65536);
	CU_ASSERT_EQUAL(config->limits.mappings, 65536);
	CU_ASSERT_EQUAL(config->limits.hosts, 4096);
	CU_ASSERT_EQUAL(config->limits.sessions_per_port, 16384);
	CU_ASSERT_EQUAL(config->idle.tcp_opening, 30);
	CU_ASSERT_EQUAL(config->idle.tcp_established, 7200);
	CU_ASSERT_EQUAL(config->idle.tcp_closing, 10);
	CU_ASSERT_EQUAL(config->idle.udp, 60);
	CU_ASSERT_EQUAL(config->idle.icmp, 10);
	CU_ASSERT_EQUAL(config->idle.other, 60);
	config_free(config);
}

/* The fewest keys, in an order of their own: the rest are defaults, the same as in the example. */
static void defaults(void)
{
	static const char text[] = "{\"vnets\": [], \"uplinks\": [], \"locator\": \"fd00:1:0:1::/64\"}";
	struct config *config = NULL, *shown = NULL;
	struct reports reports = {0};

	CU_ASSERT_EQUAL(config_parse(text, sizeof(text) - 1, "t.json", collect, &reports, &config), 0);
	CU_ASSERT_EQUAL(config_load(EXAMPLE, collect, &reports, &shown), 0);
	CU_ASSERT_FATAL(config && shown);
	UNIT_STRING_EQUAL(config->instance, shown->instance);
	CU_ASSERT_EQUAL(config->uplink_mode, shown->uplink_mode);
	CU_ASSERT_EQUAL(config->delivery, shown->delivery);
	CU_ASSERT_EQUAL(memcmp(&config->limits, &shown->limits, sizeof(config->limits)), 0);
	CU_ASSERT_EQUAL(memcmp(&config->idle, &shown->idle, sizeof(config->idle)), 0);
	CU_ASSERT_EQUAL(config->uplink_count + config->vnet_count + config->node_count, 0);
	CU_ASSERT_EQUAL(config->mapping_count + config->rule_count, 0);
	config_free(config);
	config_free(shown);

	/* The quota of a port goes no further than the table. */
	config = accept_line(11, "\"limits\": {\"sessions\": 100},");
	CU_ASSERT_EQUAL(config->limits.sessions_per_port, 100);
	config_free(config);
	config = accept_line(11, "\"limits\": {\"sessions_per_port\": 100, \"sessions\": 100},");
	CU_ASSERT_EQUAL(config->limits.sessions_per_port, 100);
	config_free(config);
}

static void words(void)
{
	struct config *config;

	config = accept_line(3, "\"uplinks\": [\"eth0\", \"eth1.100\"], \"uplink_mode\": \"xdp\", \"delivery\": \"peer\",");
	CU_ASSERT_EQUAL(config->uplink_count, 2);
	UNIT_STRING_EQUAL(config->uplinks[1], "eth1.100");
	CU_ASSERT_EQUAL(config->uplink_mode, UPLINK_XDP);
	CU_ASSERT_EQUAL(config->delivery, DELIVERY_PEER);
	config_free(config);
	config = accept_line(3, "\"uplinks\": [], \"uplink_mode\": \"tc\", \"delivery\": \"port\", \"instance\": \"h-1_a\",");
	CU_ASSERT_EQUAL(config->uplink_mode, UPLINK_TC);
	CU_ASSERT_EQUAL(config->delivery, DELIVERY_PORT);
	UNIT_STRING_EQUAL(config->instance, "h-1_a");
	config_free(config);
	config = accept_line(12, "\"idle\": {\"udp\": 604800, \"icmp\": 1}");
	CU_ASSERT_EQUAL(config->idle.udp, 604800);
	CU_ASSERT_EQUAL(config->idle.icmp, 1);
	CU_ASSERT_EQUAL(config->idle.other, 60);
	config_free(config);
}

/* A host of one slot: its nodes and the mappings to such hosts have that slot. */
static void single_slot(void)
{
	static const struct refusal cases[] = {
		{6, "{\"name\": \"A\", \"port\": \"tapA\", \"vnet\": \"Z\", \"address\": \"10.0.0.2\", \"mac\": "
		    "\"02:00:00:00:00:0a\",\n\"slot\": 64},",
			{"7: nodes[0].slot: expected a whole number from 0 to 63, got 64"}},
		{8, "\"mappings\": [{\"vnet\": \"Z\", \"address\": \"10.0.0.3\", \"locator\": \"fd00:1:0:2:1400::/72\", \"slot\": 4}],",
			{"8: mappings[0].slot: expected 5, the slot of fd00:1:0:2:1400::/72, got 4"}},
		{8, "\"mappings\": [{\"vnet\": \"Z\", \"address\": \"10.0.0.3\", \"locator\": \"fd00:1:0:2:1500::/72\"}],",
			{"8: mappings[0].locator: expected an IPv6 prefix like fd00:1:0:1::/64, or /72 for a single slot, zero "
			 "beyond its length, got 'fd00:1:0:2:1500::/72'"}},
	};
	static const char text[] = "{\"locator\": \"fd00:1:0:1:1400::/72\", \"uplinks\": [],\n"
				   "\"vnets\": [{\"name\": \"Z\", \"vni\": 77}],\n"
				   "\"nodes\": [{\"name\": \"A\", \"port\": \"tapA\", \"vnet\": \"Z\", \"address\": \"10.0.0.2\",\n"
				   "\"mac\": \"02:00:00:00:00:0a\", \"slot\": %d},\n"
				   "{\"name\": \"B\", \"port\": \"tapB\", \"vnet\": \"Z\", \"address\": \"10.0.0.3\",\n"
				   "\"mac\": \"02:00:00:00:00:0b\"}],\n"
				   "\"mappings\": [{\"vnet\": \"Z\", \"address\": \"10.0.0.4\",\n"
				   "\"locator\": \"fd00:1:0:1:1800::/72\"},\n"
				   "{\"vnet\": \"Z\", \"address\": \"10.0.0.5\", \"locator\": \"fd00:1:0:1:1c00::/72\", \"slot\": 7},\n"
				   "{\"vnet\": \"Z\", \"address\": \"10.0.0.6\", \"locator\": \"fd00:1:0:2::/64\", \"slot\": 9}]}\n";
	struct config *config = NULL;
	struct reports reports = {0};
	char full[2048];

	snprintf(full, sizeof(full), text, 5);
	CU_ASSERT_EQUAL(config_parse(full, strlen(full), "t.json", collect, &reports, &config), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	CU_ASSERT_EQUAL(config->locator.length, 72);
	CU_ASSERT_EQUAL(config->locator.octet[8], 0x14);
	CU_ASSERT_EQUAL(config->nodes[0].slot, 5);
	CU_ASSERT_EQUAL(config->nodes[1].slot, 5);
	CU_ASSERT_EQUAL(config->mappings[0].slot, 6);
	CU_ASSERT_EQUAL(config->mappings[1].slot, 7);
	CU_ASSERT_EQUAL(config->mappings[2].slot, 9);
	config_free(config);

	snprintf(full, sizeof(full), text, 0);
	refuse_text(full, strlen(full),
		(const char *const[]){"4: nodes[0].slot: expected 5, the slot of fd00:1:0:1:1400::/72, got 0", NULL});
	check_refusals(cases, ARRAY_LEN(cases));
}

#define LOCATOR_WANTED "expected an IPv6 prefix like fd00:1:0:1::/64, or /72 for a single slot, zero beyond its length, got "
#define IFNAME_WANTED "expected an interface name of 1 to 15 characters without '/', ':' or space, got "
#define NAME_WANTED "expected a name of 1 to 31 letters, digits, '_', '.' or '-', got "
#define IPV4_WANTED "expected an IPv4 unicast address like 10.0.0.2, got "
#define MAC_WANTED "expected a unicast MAC address like 02:00:00:00:00:0a, got "
#define INSTANCE_WANTED "expected a name of 1 to 31 letters, digits, '_' or '-', got "

static void whole_file(void)
{
	static const struct {
		const char *text;
		const char *messages[3];
	} cases[] = {
		{"", {"1: expected a value, got the end of the text"}},
		{"[]", {"1: expected an object, got a list"}},
		{"\n5", {"2: expected an object, got 5"}},
		{"{\n\"locator\": 1,\n}", {"3: expected a key in double quotes, got '}'"}},
		{"{\"vnets\": [],\n\"uplinks\": [],\n\"locator\": \"fd00:1:0:1::/64\",\n\"VNETS\": []}",
			{"4: expected each key once, got 'vnets' and 'VNETS' in one object"}},
		{"{\"vnets\": [],\n\"uplinks\": [], \"locator\": \"fd00:1:0:1::/64\"} x",
			{"2: expected nothing after the value, got 'x'"}},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		refuse_text(cases[i].text, strlen(cases[i].text), cases[i].messages);
}

static void unreadable(void)
{
	struct config *config = (struct config *)&good;
	struct reports reports = {0};

	CU_ASSERT_EQUAL(config_load("selftests/unit/no-such-file.json", collect, &reports, &config), -ENOENT);
	CU_ASSERT_EQUAL(config_load("selftests/unit", collect, &reports, &config), -EISDIR);
	CU_ASSERT_PTR_EQUAL(config, (struct config *)&good);
	CU_ASSERT_EQUAL_FATAL(reports.count, 2);
	UNIT_STRING_EQUAL(reports.list[0],
		"selftests/unit/no-such-file.json: expected a file that can be read, got 'No such file or directory'");
	UNIT_STRING_EQUAL(reports.list[1], "selftests/unit: expected a file that can be read, got 'Is a directory'");
	reports_free(&reports);
}

static void unknown_keys(void)
{
	static const struct refusal cases[] = {
		{12, "\"idle\": {},\n\"lokator\": 1",
			{"13: lokator: expected a known key like 'locator', got 'lokator'"}},
		{12, "\"idle\": {}, \"color\": 1",
			{"12: color: expected one of the keys instance, locator, uplinks, uplink_mode, delivery, vnets, nodes, "
			 "mappings, rules, limits, idle, got 'color'"}},
		{4, "\"vnets\": [{\"name\": \"Z\", \"vni\": 77, \"vnii\": 2}, {\"name\": \"Y\", \"vni\": 78}],",
			{"4: vnets[0].vnii: expected a known key like 'vni', got 'vnii'"}},
		{6, "{\"name\": \"A\", \"port\": \"tapA\", \"vnet\": \"Z\", \"adress\":\n\"10.0.0.2\", \"address\": \"10.0.0.2\",\n"
		    "\"mac\": \"02:00:00:00:00:0a\"},",
			{"7: nodes[0].adress: expected a known key like 'address', got 'adress'"}},
		{8, "\"mappings\": [{\"vnet\": \"Z\", \"address\": \"10.0.0.3\", \"locator\": \"fd00:1:0:2::/64\", \"mac\": 1}],",
			{"8: mappings[0].mac: expected one of the keys vnet, address, locator, slot, got 'mac'"}},
		{10, "{\"vnet\": \"Z\", \"from\": \"any\", \"to\": \"any\", \"verdict\": \"allow\", \"life.time\": 5}],",
			{"10: rules[0].life.time: expected a known key like 'lifetime', got 'life.time'"}},
		{11, "\"limits\": {\"session\": 5},", {"11: limits.session: expected a known key like 'sessions', got 'session'"}},
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
		{8, "\"mappings\": {},", {"8: mappings: expected a list of mappings, at most 1048576, got an object"}},
		{8, "\"mappings\": [7],", {"8: mappings[0]: expected an object, got 7",
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

static void names(void)
{
	static const struct refusal cases[] = {
		{3, "\"uplinks\": [], \"instance\": \"\",", {"3: instance: " INSTANCE_WANTED "''"}},
		{3, "\"uplinks\": [], \"instance\": \".\",", {"3: instance: " INSTANCE_WANTED "'.'"}},
		{3, "\"uplinks\": [], \"instance\": \"..\",", {"3: instance: " INSTANCE_WANTED "'..'"}},
		{3, "\"uplinks\": [], \"instance\": \"a.b\",", {"3: instance: " INSTANCE_WANTED "'a.b'"}},
		{3, "\"uplinks\": [], \"instance\": \"a/b\",", {"3: instance: " INSTANCE_WANTED "'a/b'"}},
		{3, "\"uplinks\": [], \"instance\": \"abcdefghijabcdefghijabcdefghijab\",",
			{"3: instance: " INSTANCE_WANTED "'abcdefghijabcdefghijabcdefghijab'"}},
		{6, "{\"name\": \"A B\", \"port\": \"a/b\", \"vnet\": \"Z\", \"address\": \"10.0.0.2\", \"mac\": \"02:00:00:00:00:0a\"},",
			{"6: nodes[0].name: " NAME_WANTED "'A B'", "6: nodes[0].port: " IFNAME_WANTED "'a/b'"}},
		{6, "{\"name\": \"\xc3\xa9\", \"port\": \"abcdefghijklmnop\", \"vnet\": \"Z\", \"address\": \"10.0.0.2\", \"mac\": "
		    "\"02:00:00:00:00:0a\"},",
			{"6: nodes[0].name: " NAME_WANTED "'\xc3\xa9'", "6: nodes[0].port: " IFNAME_WANTED "'abcdefghijklmnop'"}},
		{3, "\"uplinks\": [\"\", \".\", \"..\"],",
			{"3: uplinks[0]: " IFNAME_WANTED "''", "3: uplinks[1]: " IFNAME_WANTED "'.'",
			 "3: uplinks[2]: " IFNAME_WANTED "'..'"}},
		{3, "\"uplinks\": [\"a b\", \"a:1\", \"a\\tb\"],",
			{"3: uplinks[0]: " IFNAME_WANTED "'a b'", "3: uplinks[1]: " IFNAME_WANTED "'a:1'",
			 "3: uplinks[2]: " IFNAME_WANTED "'a?b'"}},
		{3, "\"uplinks\": [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\"],",
			{"3: uplinks: expected a list of at most 8 interface names, got a list"}},
		/* A long value is cut between characters. */
		{2, "\"locator\": \"0123456789012345678901234567890123456789012345678901234567890123456789\",",
			{"2: locator: " LOCATOR_WANTED "'0123456789012345678901234567890123456789012345678901234567...'"}},
		{2, "\"locator\": \"012345678901234567890123456789012345678901234567890123456\xc3\xa9 and more\",",
			{"2: locator: " LOCATOR_WANTED "'012345678901234567890123456789012345678901234567890123456...'"}},
	};
	struct config *config;

	check_refusals(cases, ARRAY_LEN(cases));
	config = accept_line(3, "\"uplinks\": [\"abcdefghijklmno\"], \"instance\": \"abcdefghijabcdefghijabcdefghija\",");
	UNIT_STRING_EQUAL(config->uplinks[0], "abcdefghijklmno");
	UNIT_STRING_EQUAL(config->instance, "abcdefghijabcdefghijabcdefghija");
	config_free(config);
}

static void addresses(void)
{
	static const struct refusal cases[] = {
		{6, "{\"name\": \"A\", \"port\": \"tapA\", \"vnet\": \"Z\",\n\"address\": \"300.1.1.1\", \"mac\": \"02:00:00:00:00:0a\"},",
			{"7: nodes[0].address: " IPV4_WANTED "'300.1.1.1'",
			 "11: rules[0].from: expected any, or an address that a node or mapping of vnet 'Z' has, got '10.0.0.2'"}},
		{8, "\"mappings\": [{\"vnet\": \"Z\", \"address\": \"10.0.0.3\", \"locator\": \"fd00:1:0:2::/64\"},"
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
		{10, "{\"vnet\": \"Z\", \"from\": \"any\", \"to\": \"any\", \"verdict\": \"deny\", \"lifetime\": 31536001,\n"
		     "\"policy\": 4294967296}],",
			{"10: rules[0].lifetime: expected a whole number of seconds from 0 to 31536000, got 31536001",
			 "11: rules[0].policy: expected a whole number from 0 to 4294967295, got 4294967296"}},
	};
	struct config *config;

	check_refusals(cases, ARRAY_LEN(cases));
	config = accept_line(4, "\"vnets\": [{\"name\": \"Z\", \"vni\": 1}, {\"name\": \"Y\", \"vni\": 16777215}],");
	CU_ASSERT_EQUAL(config->vnets[1].vni, VNI_MAX);
	config_free(config);
	config = accept_line(11, "\"limits\": {\"sessions\": 4194304, \"rules\": 1, \"mappings\": 1, \"hosts\": 65536},");
	CU_ASSERT(config->limits.sessions == 4194304 && config->limits.rules == 1 && config->limits.hosts == 65536);
	config_free(config);
}

static void once_only(void)
{
	static const struct refusal cases[] = {
		{4, "\"vnets\": [{\"name\": \"Z\", \"vni\": 77}, {\"name\": \"Y\", \"vni\": 78},\n{\"name\": \"Z\", \"vni\": 79}],",
			{"5: vnets[2].name: expected a name that no other vnet has, got 'Z' as in vnets[0]"}},
		{4, "\"vnets\": [{\"name\": \"Z\", \"vni\": 77}, {\"name\": \"Y\",\n\"vni\": 77}],",
			{"5: vnets[1].vni: expected a VNI that no other vnet has, got 77 as in vnets[0]"}},
		{4, "\"vnets\": [{\"name\": \"Z\", \"vni\": 77}, {\"name\": \"Y\", \"vni\": 78}, {\"name\": \"77\", \"vni\": 79}],",
			{"4: vnets[2].name: expected a name that is not another vnet's VNI, got '77' as in vnets[0]"}},
		{7, "{\"name\": \"A\", \"port\": \"tapA\", \"vnet\": \"Z\", \"address\": \"10.0.0.2\", \"mac\": \"02:00:00:00:00:0b\"}],",
			{"7: nodes[1].name: expected a name that no other node has, got 'A' as in nodes[0]",
			 "7: nodes[1].port: expected a port that no other node has, got 'tapA' as in nodes[0]",
			 "7: nodes[1].address: expected an address that nobody else in the vnet has, got '10.0.0.2' as in nodes[0]"}},
		{7, "{\"name\": \"B\", \"port\": \"eth0\", \"vnet\": \"Y\", \"address\": \"10.0.0.2\", \"mac\": \"02:00:00:00:00:0b\"}],",
			{"7: nodes[1].port: expected an interface that is no uplink, got 'eth0' as in uplinks[0]"}},
		{3, "\"uplinks\": [\"eth0\", \"eth1\",\n\"eth0\"],",
			{"4: uplinks[2]: expected each uplink once, got 'eth0' as in uplinks[0]"}},
		{8, "\"mappings\": [{\"vnet\": \"Z\", \"address\": \"10.0.0.3\", \"locator\": \"fd00:1:0:2::/64\"},\n"
		    "{\"vnet\": 77, \"address\": \"10.0.0.3\", \"locator\": \"fd00:1:0:3::/64\"},\n"
		    "{\"vnet\": \"78\", \"address\": \"10.0.0.2\", \"locator\": \"fd00:1:0:3::/64\"}],",
			{"9: mappings[1].address: expected an address that nobody else in the vnet has, got '10.0.0.3' as in "
			 "mappings[0]",
			 "10: mappings[2].address: expected an address that nobody else in the vnet has, got '10.0.0.2' as in "
			 "nodes[1]"}},
	};

	check_refusals(cases, ARRAY_LEN(cases));
}

static void own_locator(void)
{
	static const struct refusal cases[] = {
		{8, "\"mappings\": [{\"vnet\": \"Z\", \"address\": \"10.0.0.3\", \"locator\": \"fd00:1:0:1::/64\"}],",
			{"8: mappings[0].locator: expected the prefix of another host, got 'fd00:1:0:1::/64' within or around this "
			 "host's fd00:1:0:1::/64"}},
		{8, "\"mappings\": [{\"vnet\": \"Z\", \"address\": \"10.0.0.3\", \"locator\": \"fd00:1:0:1:400::/72\"}],",
			{"8: mappings[0].locator: expected the prefix of another host, got 'fd00:1:0:1:400::/72' within or around "
			 "this host's fd00:1:0:1::/64"}},
		{2, "\"locator\": \"fd00:1:0:2:400::/72\",",
			{"8: mappings[0].locator: expected the prefix of another host, got 'fd00:1:0:2::/64' within or around this "
			 "host's fd00:1:0:2:400::/72"}},
	};

	check_refusals(cases, ARRAY_LEN(cases));
}

static void vnets(void)
{
	static const struct refusal cases[] = {
		{7, "{\"name\": \"B\", \"port\": \"tapB\", \"vnet\":\n\"X\", \"address\": \"10.0.0.2\", \"mac\": \"02:00:00:00:00:0b\"}],",
			{"8: nodes[1].vnet: expected the name or number of a vnet of this host (there are: Z, Y), got 'X'"}},
		{8, "\"mappings\": [{\"vnet\": 79, \"address\": \"10.0.0.3\", \"locator\": \"fd00:1:0:2::/64\"}],",
			{"8: mappings[0].vnet: expected the name or number of a vnet of this host (there are: Z, Y), got 79",
			 "10: rules[0].to: expected any, or an address that a node or mapping of vnet 'Z' has, got '10.0.0.3'"}},
		{10, "{\"vnet\": \"z\", \"from\": \"any\", \"to\": \"any\", \"verdict\": \"allow\"}],",
			{"10: rules[0].vnet: expected the name or number of a vnet of this host (there are: Z, Y), got 'z'"}},
		{10, "{\"vnet\": \"077\", \"from\": \"any\", \"to\": \"any\", \"verdict\": \"allow\"}],",
			{"10: rules[0].vnet: expected the name or number of a vnet of this host (there are: Z, Y), got '077'"}},
		{10, "{\"vnet\": 0, \"from\": \"any\", \"to\": \"any\", \"verdict\": \"allow\"}],",
			{"10: rules[0].vnet: expected the name or number of a vnet of this host (there are: Z, Y), got 0"}},
	};
	static const char none[] = "{\"vnets\": [], \"uplinks\": [], \"locator\": \"fd00:1:0:1::/64\",\n"
				   "\"rules\": [{\"vnet\": \"\", \"from\": \"any\", \"to\": \"any\", \"verdict\": \"allow\"}]}";
	struct config *config;

	check_refusals(cases, ARRAY_LEN(cases));
	refuse_text(none, strlen(none),
		(const char *const[]){
			"2: rules[0].vnet: expected the name or number of a vnet of this host (there are: none), got ''", NULL});

	config = accept_line(0, "");
	CU_ASSERT_EQUAL(config_find_vnet(config, "Z"), 0);
	CU_ASSERT_EQUAL(config_find_vnet(config, "Y"), 1);
	CU_ASSERT_EQUAL(config_find_vnet(config, "77"), 0);
	CU_ASSERT_EQUAL(config_find_vnet(config, "78"), 1);
	CU_ASSERT_EQUAL(config_find_vnet(config, "79"), -1);
	CU_ASSERT_EQUAL(config_find_vnet(config, "z"), -1);
	CU_ASSERT_EQUAL(config_find_vnet(config, ""), -1);
	CU_ASSERT_EQUAL(config_find_vnet(config, "0"), -1);
	CU_ASSERT_EQUAL(config_find_vnet(config, "+77"), -1);
	CU_ASSERT_EQUAL(config_find_vnet(config, " 77"), -1);
	CU_ASSERT_EQUAL(config_find_vnet(config, "77 "), -1);
	CU_ASSERT_EQUAL(config_find_vnet(config, "4294967373"), -1); /* 2^32 + 77 */
	config_free(config);
}

#define RULE(rest) "{\"vnet\": \"Z\", \"from\": \"10.0.0.2\", \"to\": \"any\", \"verdict\": \"allow\"" rest "}],"
#define NARROW "10: rules[0].port: expected any, as only tcp, udp and icmp have something narrower, got "

static void rules(void)
{
	static const struct refusal cases[] = {
		{10, "{\"vnet\": \"Z\", \"from\": \"10.0.0.9\", \"to\":\n\"10.0.0.8\", \"verdict\": \"allow\"}],",
			{"10: rules[0].from: expected any, or an address that a node or mapping of vnet 'Z' has, got '10.0.0.9'",
			 "11: rules[0].to: expected any, or an address that a node or mapping of vnet 'Z' has, got '10.0.0.8'"}},
		{10, "{\"vnet\": \"Y\", \"from\": \"10.0.0.2\", \"to\": \"10.0.0.3\", \"verdict\": \"allow\"}],",
			{"10: rules[0].to: expected any, or an address that a node or mapping of vnet 'Y' has, got '10.0.0.3'"}},
		{10, RULE(", \"protocol\": \"sctp\""),
			{"10: rules[0].protocol: expected tcp, udp, icmp, any or a number from 0 to 255, got 'sctp'"}},
		{10, RULE(", \"protocol\": 256"),
			{"10: rules[0].protocol: expected tcp, udp, icmp, any or a number from 0 to 255, got 256"}},
		{10, RULE(", \"protocol\": \"6\""),
			{"10: rules[0].protocol: expected tcp, udp, icmp, any or a number from 0 to 255, got '6'"}},
		{10, RULE(", \"protocol\": \"tcp\", \"port\": 65536"),
			{"10: rules[0].port: expected any or a number from 0 to 65535, got 65536"}},
		{10, RULE(", \"protocol\": \"tcp\", \"port\": \"http\""),
			{"10: rules[0].port: expected any or a number from 0 to 65535, got 'http'"}},
		{10, RULE(", \"protocol\": \"tcp\", \"port\": 0"),
			{"10: rules[0].port: expected any or a port from 1 to 65535, got 0"}},
		{10, RULE(", \"protocol\": \"icmp\", \"port\": 256"),
			{"10: rules[0].port: expected any or an ICMP type from 0 to 255, got 256"}},
		{10, RULE(", \"port\": 80"), {NARROW "80"}},
		{10, RULE(", \"protocol\": \"any\", \"port\": 80"), {NARROW "80"}},
		{10, RULE(", \"protocol\": 132, \"port\": 80"), {NARROW "80"}},
		{10, RULE(", \"lifetime\": \"60\""),
			{"10: rules[0].lifetime: expected a whole number of seconds from 0 to 31536000, got '60'"}},
		/* The same packets twice, whatever the verdict. */
		{10, "{\"vnet\": \"Z\", \"from\": \"10.0.0.2\", \"to\": \"any\", \"protocol\": \"tcp\", \"port\": 80, \"verdict\": \"allow\"},\n"
		     "{\"vnet\": \"Z\", \"from\": \"10.0.0.2\", \"to\": \"any\", \"protocol\": \"tcp\", \"verdict\": \"allow\"},\n"
		     "{\"vnet\": 77, \"to\": \"any\", \"from\": \"10.0.0.2\", \"protocol\": 6, \"port\": 80, \"verdict\": \"deny\"}],",
			{"12: rules[2]: expected one rule for the same packets, got another than rules[0]"}},
		{10, "{\"vnet\": \"Z\", \"from\": \"any\", \"to\": \"any\", \"verdict\": \"allow\"},\n"
		     "{\"vnet\": \"Z\", \"from\": \"any\", \"to\": \"any\", \"protocol\": \"any\", \"port\": \"any\", \"verdict\": \"allow\"},\n"
		     "{\"vnet\": \"Z\", \"from\": \"any\", \"to\": \"any\", \"protocol\": 0, \"verdict\": \"allow\"}],",
			{"11: rules[1]: expected one rule for the same packets, got another than rules[0]"}},
	};
	struct config *config;

	check_refusals(cases, ARRAY_LEN(cases));
	config = accept_line(10, RULE(", \"protocol\": \"icmp\", \"port\": 0"));
	CU_ASSERT(!config->rules[0].port_any && config->rules[0].port == 0);
	config_free(config);
	config = accept_line(10, RULE(", \"protocol\": \"udp\", \"port\": 65535"));
	CU_ASSERT(config->rules[0].protocol == 17 && config->rules[0].port == 65535);
	config_free(config);
	config = accept_line(10, RULE(", \"protocol\": 0, \"policy\": 4294967295, \"lifetime\": 31536000"));
	CU_ASSERT(!config->rules[0].protocol_any && config->rules[0].protocol == 0 && config->rules[0].port_any);
	CU_ASSERT(config->rules[0].policy == UINT_MAX && config->rules[0].lifetime_s == 31536000);
	config_free(config);
}

/* The order is that of the file, whatever was checked first; past 50, only their number. */
static void many(void)
{
	static const struct refusal order[] = {
		{3, "\"rules\": [5],\n\"uplinks\": [\"eth0\", \"eth0\", \"\"], \"vnetz\": 1,",
			{"3: expected each key once, got 'rules' and 'rules' in one object"}},
		{3, "\"uplinks\": [\"eth0\",\n\"eth0\"], \"instance\":\n\".\", \"uplink_mode\": \"auto\",",
			{"4: uplinks[1]: expected each uplink once, got 'eth0' as in uplinks[0]", "5: instance: " INSTANCE_WANTED "'.'"}},
	};
	struct config *config = NULL;
	struct reports reports = {0};
	char text[8192];
	size_t used;

	check_refusals(order, ARRAY_LEN(order));
	used = (size_t)snprintf(text, sizeof(text), "{\"locator\": \"fd00:1:0:1::/64\", \"uplinks\": [], \"vnets\": [\n");
	for (int i = 0; i < 60; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s{\"name\": \"v%d\", \"vni\": 0}\n", i ? "," : "", i);
	used += (size_t)snprintf(text + used, sizeof(text) - used, "]}");
	CU_ASSERT_EQUAL(config_parse(text, used, "t.json", collect, &reports, &config), -EINVAL);
	CU_ASSERT_EQUAL_FATAL(reports.count, 51);
	UNIT_STRING_EQUAL(reports.list[49], "t.json:51: vnets[49].vni: expected a whole number from 1 to 16777215, got 0");
	UNIT_STRING_EQUAL(reports.list[50], "t.json: and 10 more");
	reports_free(&reports);
}

static int by_hand(const struct config *config, const char *text, struct config_rule *rule, char message[200])
{
	struct json_error error;
	cJSON *object = json_parse(text, strlen(text), &error);
	int result;

	CU_ASSERT_PTR_NOT_NULL_FATAL(object);
	result = config_rule_from_json(config, object, rule, message);
	cJSON_Delete(object);
	return result;
}

static void rule_by_hand(void)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"[]", "expected an object, got a list"},
		{"{}", "vnet: expected the name or number of a vnet of this host (there are: Z, Y), got nothing"},
		{"{\"vnet\": \"X\", \"from\": \"any\", \"to\": \"any\", \"verdict\": \"allow\"}",
			"vnet: expected the name or number of a vnet of this host (there are: Z, Y), got 'X'"},
		{"{\"vnet\": \"Z\", \"from\": \"any\", \"to\": \"10.0.0.9\", \"verdict\": \"allow\"}",
			"to: expected any, or an address that a node or mapping of vnet 'Z' has, got '10.0.0.9'"},
		{"{\"vnet\": \"Z\", \"from\": \"any\", \"to\": \"any\", \"verdict\": \"allow\", \"port\": 80}",
			"port: expected any, as only tcp, udp and icmp have something narrower, got 80"},
		{"{\"vnet\": \"Z\", \"from\": \"any\", \"to\": \"any\", \"verdict\": \"allow\", \"ports\": 80}",
			"ports: expected a known key like 'port', got 'ports'"},
		{"{\"vnet\": \"Z\", \"from\": \"10.0.0\", \"to\": \"10.0.0.9\", \"verdict\": \"allow\"}",
			"from: expected any, or an IPv4 unicast address like 10.0.0.2, got '10.0.0'"},
	};
	struct config *config = accept_line(0, "");
	struct config_rule rule = {.policy = 99};
	char message[200] = "as before";
	char flood[4096] = "{";

	CU_ASSERT_EQUAL(by_hand(config,
		"{\"vnet\": 77, \"from\": \"10.0.0.3\", \"to\": \"10.0.0.2\", \"protocol\": \"udp\", \"port\": 53, \"verdict\": \"deny\","
		" \"lifetime\": 60, \"policy\": 7}", &rule, message), 0);
	UNIT_STRING_EQUAL(message, "as before");
	CU_ASSERT(rule.vnet == 0 && !rule.from_any && !rule.to_any && rule.protocol == 17 && rule.port == 53);
	CU_ASSERT(!rule.allow && rule.lifetime_s == 60 && rule.policy == 7);
	/* One that the file has already is no error here. */
	CU_ASSERT_EQUAL(by_hand(config,
		"{\"vnet\": \"Z\", \"from\": \"10.0.0.2\", \"to\": \"10.0.0.3\", \"verdict\": \"allow\"}", &rule, message), 0);
	CU_ASSERT(rule.protocol_any && rule.port_any && rule.allow && rule.policy == 0);

	rule.policy = 99;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CU_ASSERT_EQUAL(by_hand(config, cases[i].text, &rule, message), -EINVAL);
		UNIT_STRING_EQUAL(message, cases[i].message);
		CU_ASSERT_EQUAL(rule.policy, 99);
	}

	/* More findings than are kept. */
	for (int i = 0; i < 80; i++)
		snprintf(flood + strlen(flood), sizeof(flood) - strlen(flood), "%s\"key%d\": 0", i ? "," : "", i);
	strcat(flood, "}");
	CU_ASSERT_EQUAL(by_hand(config, flood, &rule, message), -EINVAL);
	UNIT_STRING_EQUAL(message, cases[1].message);
	config_free(config);
}

static void interfaces(void)
{
	struct config *config = accept_line(3, "\"uplinks\": [\"lo\",\n\"no-such-if\"],");
	struct reports reports = {0};
	unsigned errors = 1, warnings = 1;

	config_check_interfaces(config, "t.json", collect, &reports, &errors, &warnings);
	CU_ASSERT_EQUAL(errors, 2);
	CU_ASSERT_EQUAL(warnings, 3);
	CU_ASSERT_EQUAL_FATAL(reports.count, 3);
	UNIT_STRING_EQUAL(reports.list[0], "t.json:4: uplinks[1]: expected an interface of this machine, got 'no-such-if'");
	UNIT_STRING_EQUAL(reports.list[1],
		"t.json:7: nodes[0].port: expected an interface of this machine, got 'tapA' (a warning: it may come later)");
	UNIT_STRING_EQUAL(reports.list[2],
		"t.json:8: nodes[1].port: expected an interface of this machine, got 'tapB' (a warning: it may come later)");
	reports_free(&reports);
	config_free(config);
	config_free(NULL);
}

/* Long lists are searched, not walked for each element: this is done in a moment or not at all. */
static void large(void)
{
	const int count = 100000;
	size_t size = (size_t)count * 200 + 1000, used;
	char *text = malloc(size);
	struct config *config = NULL;
	struct reports reports = {0};

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	used = (size_t)snprintf(text, size, "{\"locator\": \"fd00:1:0:1::/64\", \"uplinks\": [], "
		"\"vnets\": [{\"name\": \"Z\", \"vni\": 1}], \"mappings\": [");
	for (int i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, size - used,
			"%s{\"vnet\": \"Z\", \"address\": \"10.%d.%d.%d\", \"locator\": \"fd00:1:0:2::/64\"}", i ? ",\n" : "",
			i >> 16, i >> 8 & 255, i & 255);
	used += (size_t)snprintf(text + used, size - used, "], \"rules\": [");
	for (int i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, size - used,
			"%s{\"vnet\": \"Z\", \"from\": \"any\", \"to\": \"10.%d.%d.%d\", \"verdict\": \"deny\"}", i ? ",\n" : "",
			i >> 16, i >> 8 & 255, i & 255);
	used += (size_t)snprintf(text + used, size - used, "]}");
	CU_ASSERT_FATAL(used < size);
	CU_ASSERT_EQUAL(config_parse(text, used, "t.json", collect, &reports, &config), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	CU_ASSERT_EQUAL(config->mapping_count, (size_t)count);
	CU_ASSERT_EQUAL(config->rule_count, (size_t)count);
	config_free(config);
	free(text);
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
		const char *section[] = {"", "vnets", "nodes", "mappings", "rules", "limits", "idle"};
		char item[96], digits[24], *at, *next, *end;
		scope_free char *body = NULL;

		/* The keys of a section follow its heading. */
		snprintf(item, sizeof(item), ".Ss %s\n", *section[rows[i].section] ? section[rows[i].section] : "The whole");
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
		CU_ASSERT(!rows[i].fallback || rows[i].fallback[0] == '{' || strstr(body, rows[i].fallback));
		CU_ASSERT(!rows[i].required == !strstr(body, "required"));
	}
}

static const struct unit_test tests[] = {
	{"the example arrives field by field", example},
	{"what is left out has its default", defaults},
	{"words, lists and limits arrive", words},
	{"a host with a /72 has one slot", single_slot},
	{"what is no object of JSON is refused", whole_file},
	{"a file that cannot be read is told", unreadable},
	{"unknown keys, with the nearest known one", unknown_keys},
	{"missing keys", missing_keys},
	{"wrong types", wrong_types},
	{"names of instances, nodes, vnets, interfaces", names},
	{"addresses and prefixes", addresses},
	{"numbers and their ranges", numbers},
	{"what may be there only once", once_only},
	{"a mapping to this host itself", own_locator},
	{"vnets by name and number", vnets},
	{"rules", rules},
	{"many findings, in the order of the file", many},
	{"a rule by hand", rule_by_hand},
	{"interfaces of the machine", interfaces},
	{"long lists", large},
	{"the manual page has every key", manual_page},
};

int main(void)
{
	return unit_run("config", tests, ARRAY_LEN(tests));
}
