/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must hold between the values of a configuration, with file, line and path of each finding.
 */
#include "selftests/unit/config_file.h"

#include <limits.h>

/* A host of one slot: its nodes and the mappings to such hosts have that slot. */
static void single_slot(void)
{
	static const struct refusal cases[] = {
		{6,
			"{\"name\": \"A\", \"port\": \"tapA\", \"vnet\": \"Z\", \"address\": \"10.0.0.2\", \"mac\": "
			"\"02:00:00:00:00:0a\",\n\"slot\": 64},",
			{"7: nodes[0].slot: expected a whole number from 0 to 63, got 64"}},
		{8, "\"mappings\": [{\"vnet\": \"Z\", \"address\": \"10.0.0.3\", \"locator\": \"fd00:1:0:2:1400::/72\", \"slot\": 4}],",
			{"8: mappings[0].slot: expected 5, the slot of fd00:1:0:2:1400::/72, got 4"}},
		{8, "\"mappings\": [{\"vnet\": \"Z\", \"address\": \"10.0.0.3\", \"locator\": \"fd00:1:0:2:1500::/72\"}],",
			{"8: mappings[0].locator: expected an IPv6 prefix like fd00:1:0:1::/64, or /72 for a single slot, zero "
			 "beyond its length, got 'fd00:1:0:2:1500::/72'"}},
	};
	static const char text[] =
		"{\"locator\": \"fd00:1:0:1:1400::/72\", \"uplinks\": [],\n"
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
		{8,
			"\"mappings\": [{\"vnet\": \"Z\", \"address\": \"10.0.0.3\", \"locator\": \"fd00:1:0:2::/64\"},\n"
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
	static const char none[] =
		"{\"vnets\": [], \"uplinks\": [], \"locator\": \"fd00:1:0:1::/64\",\n"
		"\"rules\": [{\"vnet\": \"\", \"from\": \"any\", \"to\": \"any\", \"verdict\": \"allow\"}]}";
	struct config *config;

	check_refusals(cases, ARRAY_LEN(cases));
	refuse_text(none, strlen(none),
		(const char *const[]){
			"2: rules[0].vnet: expected the name or number of a vnet of this host (there are: none), got ''",
			NULL});

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
		{10,
			"{\"vnet\": \"Z\", \"from\": \"10.0.0.2\", \"to\": \"any\", \"protocol\": \"tcp\", \"port\": 80, \"verdict\": \"allow\"},\n"
			"{\"vnet\": \"Z\", \"from\": \"10.0.0.2\", \"to\": \"any\", \"protocol\": \"tcp\", \"verdict\": \"allow\"},\n"
			"{\"vnet\": 77, \"to\": \"any\", \"from\": \"10.0.0.2\", \"protocol\": 6, \"port\": 80, \"verdict\": \"deny\"}],",
			{"12: rules[2]: expected one rule for the same packets, got another than rules[0]"}},
		{10,
			"{\"vnet\": \"Z\", \"from\": \"any\", \"to\": \"any\", \"verdict\": \"allow\"},\n"
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

static const struct unit_test tests[] = {
	{"a host with a /72 has one slot", single_slot},
	{"what may be there only once", once_only},
	{"a mapping to this host itself", own_locator},
	{"vnets by name and number", vnets},
	{"rules", rules},
};

int main(void)
{
	return unit_run("check", tests, ARRAY_LEN(tests));
}
