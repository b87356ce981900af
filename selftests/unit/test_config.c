/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ovnet.json as a whole: the example arrives field by field, files that are none, the order of findings, rules given by
 * hand, interfaces of the machine, long lists.
 */
#include "selftests/unit/config_file.h"

#include "lib/json.h"

#define EXAMPLE "docs/examples/ovnet.json"

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

	config = accept_line(3,
		"\"uplinks\": [\"eth0\", \"eth1.100\"], \"uplink_mode\": \"xdp\", \"delivery\": \"peer\",");
	CU_ASSERT_EQUAL(config->uplink_count, 2);
	UNIT_STRING_EQUAL(config->uplinks[1], "eth1.100");
	CU_ASSERT_EQUAL(config->uplink_mode, UPLINK_XDP);
	CU_ASSERT_EQUAL(config->delivery, DELIVERY_PEER);
	config_free(config);
	config = accept_line(3,
		"\"uplinks\": [], \"uplink_mode\": \"tc\", \"delivery\": \"port\", \"instance\": \"h-1_a\",");
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

/* The order is that of the file, whatever was checked first; past 50, only their number. */
static void many(void)
{
	static const struct refusal order[] = {
		{3, "\"uplinks\": [\"eth0\",\n\"eth0\"], \"instance\":\n\".\", \"uplink_mode\": \"auto\",",
			{"4: uplinks[1]: expected each uplink once, got 'eth0' as in uplinks[0]",
				"5: instance: " INSTANCE_WANTED "'.'"}},
	};
	struct config *config = NULL;
	struct reports reports = {0};
	char text[8192];
	size_t used;

	check_refusals(order, ARRAY_LEN(order));
	used = (size_t)snprintf(text, sizeof(text),
		"{\"locator\": \"fd00:1:0:1::/64\", \"uplinks\": [], \"vnets\": [\n");
	for (int i = 0; i < 60; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s{\"name\": \"v%d\", \"vni\": 0}\n",
			i ? "," : "", i);
	used += (size_t)snprintf(text + used, sizeof(text) - used, "]}");
	CU_ASSERT_EQUAL(config_parse(text, used, "t.json", collect, &reports, &config), -EINVAL);
	CU_ASSERT_EQUAL_FATAL(reports.count, 51);
	UNIT_STRING_EQUAL(reports.list[49],
		"t.json:51: vnets[49].vni: expected a whole number from 1 to 16777215, got 0");
	UNIT_STRING_EQUAL(reports.list[50], "t.json: and 10 more");
	reports_free(&reports);
}

static int by_hand(const struct config *config, const char *text, struct config_rule *rule, char message[200])
{
	struct json_error error;
	cJSON *object = json_parse(text, strlen(text), &error);
	int result;

	CU_ASSERT_PTR_NOT_NULL_FATAL(object);
	result = config_rule_from_json(config, object, rule, NULL, NULL, message);
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

	CU_ASSERT_EQUAL(
		by_hand(config,
			"{\"vnet\": 77, \"from\": \"10.0.0.3\", \"to\": \"10.0.0.2\", \"protocol\": \"udp\", \"port\": 53, \"verdict\": \"deny\","
			" \"lifetime\": 60, \"policy\": 7}",
			&rule, message),
		0);
	UNIT_STRING_EQUAL(message, "as before");
	CU_ASSERT(rule.vnet == 0 && !rule.from_any && !rule.to_any && rule.protocol == 17 && rule.port == 53);
	CU_ASSERT(!rule.allow && rule.lifetime_s == 60 && rule.policy == 7);
	/* One that the file has already is no error here. */
	CU_ASSERT_EQUAL(
		by_hand(config,
			"{\"vnet\": \"Z\", \"from\": \"10.0.0.2\", \"to\": \"10.0.0.3\", \"verdict\": \"allow\"}",
			&rule, message),
		0);
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
	UNIT_STRING_EQUAL(reports.list[0],
		"t.json:4: uplinks[1]: expected an interface of this machine, got 'no-such-if'");
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
	used = (size_t)snprintf(text, size,
		"{\"locator\": \"fd00:1:0:1::/64\", \"uplinks\": [], "
		"\"vnets\": [{\"name\": \"Z\", \"vni\": 1}], \"mappings\": [");
	for (int i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, size - used,
			"%s{\"vnet\": \"Z\", \"address\": \"10.%d.%d.%d\", \"locator\": \"fd00:1:0:2::/64\"}",
			i ? ",\n" : "", i >> 16, i >> 8 & 255, i & 255);
	used += (size_t)snprintf(text + used, size - used, "], \"rules\": [");
	for (int i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, size - used,
			"%s{\"vnet\": \"Z\", \"from\": \"any\", \"to\": \"10.%d.%d.%d\", \"verdict\": \"deny\"}",
			i ? ",\n" : "", i >> 16, i >> 8 & 255, i & 255);
	used += (size_t)snprintf(text + used, size - used, "]}");
	CU_ASSERT_FATAL(used < size);
	CU_ASSERT_EQUAL(config_parse(text, used, "t.json", collect, &reports, &config), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	CU_ASSERT_EQUAL(config->mapping_count, (size_t)count);
	CU_ASSERT_EQUAL(config->rule_count, (size_t)count);
	config_free(config);
	free(text);
}

static const struct unit_test tests[] = {
	{"the example arrives field by field", example},
	{"what is left out has its default", defaults},
	{"words, lists and limits arrive", words},
	{"what is no object of JSON is refused", whole_file},
	{"a file that cannot be read is told", unreadable},
	{"many findings, in the order of the file", many},
	{"a rule by hand", rule_by_hand},
	{"interfaces of the machine", interfaces},
	{"long lists", large},
};

int main(void)
{
	return unit_run("config", tests, ARRAY_LEN(tests));
}
