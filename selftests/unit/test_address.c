/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses: text forms, the layout of substrate addresses (ONM-2), topology versions.
 */
#include "selftests/unit/unit.h"

#include <errno.h>

#include "lib/address.h"
#include "lib/error.h"

#define ROUNDS 100000

static void ipv4_text(void)
{
	static const char *const good[] = {"0.0.0.0", "10.0.0.2", "255.255.255.255", "192.168.100.1", "1.20.255.0"};
	static const char *const bad[] = {"", "10", "10.0.0", "10.0.0.", "10.0.0.0.", "10.0.0.0.1", ".10.0.0.1",
		"10..0.1", "256.0.0.1", "300.1.1.1", "1000.0.0.1", "10.0.0.01", "00.0.0.0", "010.0.0.1", "0x0a.0.0.1",
		" 10.0.0.1", "10.0.0.1 ", "10.0.0.1\n", "-1.0.0.0", "+1.0.0.0", "10,0,0,1", "a.b.c.d", "10.0.0.1/32",
		"4294967296.0.0.1"};
	char text[ADDRESS_TEXT_MAX];
	struct ipv4 address = {{9, 9, 9, 9}};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CU_ASSERT_EQUAL(ipv4_parse(bad[i], &address), -EINVAL);
		CU_ASSERT_EQUAL(address.octet[0], 9);
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CU_ASSERT_EQUAL(ipv4_parse(good[i], &address), 0);
		UNIT_STRING_EQUAL(ipv4_format(address, text), good[i]);
	}
	CU_ASSERT_EQUAL(ipv4_parse("1.2.3.4", &address), 0);
	CU_ASSERT(ipv4_equal(address, (struct ipv4){{1, 2, 3, 4}}));
	CU_ASSERT(!ipv4_equal(address, (struct ipv4){{1, 2, 3, 5}}));
}

static void ipv4_random(void)
{
	uint64_t state = 1;

	for (int i = 0; i < ROUNDS; i++) {
		uint32_t bits = (uint32_t)(unit_random(&state) >> 16);
		char text[ADDRESS_TEXT_MAX];
		struct ipv4 in, out;

		memcpy(in.octet, &bits, sizeof(bits));
		CU_ASSERT_EQUAL_FATAL(ipv4_parse(ipv4_format(in, text), &out), 0);
		CU_ASSERT_FATAL(ipv4_equal(in, out));
	}
}

static void ipv4_unicast(void)
{
	static const struct {
		struct ipv4 address;
		bool unicast;
	} cases[] = {
		{{{0, 0, 0, 0}}, false},
		{{{0, 1, 2, 3}}, false},
		{{{1, 0, 0, 0}}, true},
		{{{10, 0, 0, 2}}, true},
		{{{126, 255, 255, 255}}, true},
		{{{127, 0, 0, 1}}, false},
		{{{128, 0, 0, 1}}, true},
		{{{223, 255, 255, 255}}, true},
		{{{224, 0, 0, 1}}, false},
		{{{239, 1, 1, 1}}, false},
		{{{240, 0, 0, 1}}, false},
		{{{255, 255, 255, 255}}, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CU_ASSERT_EQUAL(ipv4_is_unicast(cases[i].address), cases[i].unicast);
}

static void mac_text(void)
{
	static const char *const bad[] = {"", "02", "02:00:00:00:00",
		"02:00:00:00:00:", "02:00:00:00:00:0a:", "02:00:00:00:00:0a:01", "2:0:0:0:0:a", "02-00-00-00-00-0a",
		"020000000000a", "02:00:00:00:00:0g", " 02:00:00:00:00:0a", "02:00:00:00:00:0a ", "02:00:00:00:00:a",
		"0x:00:00:00:00:0a", ":::::"};
	struct mac mac = {{9, 9, 9, 9, 9, 9}};
	char text[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CU_ASSERT_EQUAL(mac_parse(bad[i], &mac), -EINVAL);
		CU_ASSERT_EQUAL(mac.octet[0], 9);
	}
	CU_ASSERT_EQUAL(mac_parse("02:00:5E:aB:c0:0f", &mac), 0);
	UNIT_STRING_EQUAL(mac_format(mac, text), "02:00:5e:ab:c0:0f");
	CU_ASSERT(mac_is_unicast(mac));
	CU_ASSERT_EQUAL(mac_parse("00:00:00:00:00:00", &mac), 0);
	CU_ASSERT(!mac_is_unicast(mac));
	CU_ASSERT_EQUAL(mac_parse("ff:ff:ff:ff:ff:ff", &mac), 0);
	CU_ASSERT(!mac_is_unicast(mac));
	CU_ASSERT_EQUAL(mac_parse("01:00:5e:00:00:01", &mac), 0);
	CU_ASSERT(!mac_is_unicast(mac));
	CU_ASSERT_EQUAL(mac_parse("00:00:00:00:00:01", &mac), 0);
	CU_ASSERT(mac_is_unicast(mac));
}

static void locator_text(void)
{
	static const char *const good[] = {"fd00:1:0:1::/64", "2001:db8:1:2::/64", "fd00:1:0:1::/72",
		"fd00:1:0:1:400::/72", "fd00:1:0:1:fc00::/72"};
	static const char *const bad[] = {"", "/", "/64", "fd00:1:0:1::", "fd00:1:0:1::/", "fd00:1:0:1::/63",
		"fd00:1:0:1::/65", "fd00:1:0:1::/128", "fd00:1:0:1::/064", "fd00:1:0:1::/64 ", " fd00:1:0:1::/64",
		"fd00:1:0:1::1/64", "fd00:1:0:1:400::/64", "fd00:1:0:1:1::/72", "fd00:1:0:1:100::/72",
		"fd00:1:0:1:200::/72", "fd00:1:0:1:500::/72", "10.0.0.0/64", "fd00:1:0:1::/64/64",
		"fd00:1:0:1:0000:0000:0000:0000:0000:0000:0000:0000:0000/64", "zz::/64"};
	struct locator locator = {.length = 9};
	char text[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CU_ASSERT_EQUAL(locator_parse(bad[i], &locator), -EINVAL);
		CU_ASSERT_EQUAL(locator.length, 9);
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CU_ASSERT_EQUAL(locator_parse(good[i], &locator), 0);
		UNIT_STRING_EQUAL(locator_format(&locator, text), good[i]);
	}
	CU_ASSERT_EQUAL(locator_parse("FD00:1:0:1:FC00::/72", &locator), 0);
	CU_ASSERT_EQUAL(locator.length, 72);
	CU_ASSERT_EQUAL(locator.octet[8], 0xfc);
	CU_ASSERT_EQUAL(locator_parse("fd00:1:0:1::/64", &locator), 0);
	CU_ASSERT_EQUAL(locator.length, 64);
	CU_ASSERT_EQUAL(locator.octet[8], 0);
}

static void substrate_text(void)
{
	static const char *const bad[] = {"", ":", "fd00", "fd00::1::2", "fd00::1/64", " fd00::1", "fd00::1 ",
		"10.0.0.1", "fd00::1%eth0", "12345::"};
	struct substrate address = {{9}};
	char text[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CU_ASSERT_EQUAL(substrate_parse(bad[i], &address), -EINVAL);
		CU_ASSERT_EQUAL(address.octet[0], 9);
	}
	CU_ASSERT_EQUAL(substrate_parse("fd00:1:0:1:0:4d:a00:2", &address), 0);
	UNIT_STRING_EQUAL(substrate_format(&address, text), "fd00:1:0:1:0:4d:a00:2");
	CU_ASSERT_EQUAL(substrate_parse("fd00:1::10.0.0.2", &address), 0);
	UNIT_STRING_EQUAL(substrate_format(&address, text), "fd00:1::a00:2");
}

static void node_address(void)
{
	static const struct ipv4 virtual_address = {{10, 0, 0, 2}};
	struct locator whole, single;
	struct substrate address = {{9}};
	char text[ADDRESS_TEXT_MAX];

	CU_ASSERT_EQUAL(locator_parse("fd00:1:0:1::/64", &whole), 0);
	CU_ASSERT_EQUAL(locator_parse("fd00:1:0:1:1400::/72", &single), 0);

	/* Each bad one leaves the output alone. */
	CU_ASSERT_EQUAL(substrate_of_node(&whole, 64, 77, virtual_address, &address), -ERANGE);
	CU_ASSERT_EQUAL(substrate_of_node(&whole, 0, VNI_MAX + 1, virtual_address, &address), -ERANGE);
	CU_ASSERT_EQUAL(substrate_of_node(&whole, 0, 0, virtual_address, &address), -ERANGE);
	CU_ASSERT_EQUAL(substrate_of_node(&single, 0, 77, virtual_address, &address), -ERANGE);
	CU_ASSERT_EQUAL(substrate_of_node(&single, 4, 77, virtual_address, &address), -ERANGE);
	CU_ASSERT_EQUAL(address.octet[0], 9);

	CU_ASSERT_EQUAL(substrate_of_node(&whole, 0, 77, virtual_address, &address), 0);
	UNIT_STRING_EQUAL(substrate_format(&address, text), "fd00:1:0:1:0:4d:a00:2");
	CU_ASSERT_EQUAL(substrate_of_node(&whole, SLOT_MAX, VNI_MAX, virtual_address, &address), 0);
	UNIT_STRING_EQUAL(substrate_format(&address, text), "fd00:1:0:1:fcff:ffff:a00:2");
	CU_ASSERT_EQUAL(substrate_of_node(&single, 5, 0x123456, virtual_address, &address), 0);
	UNIT_STRING_EQUAL(substrate_format(&address, text), "fd00:1:0:1:1412:3456:a00:2");

	address = substrate_of_host(&whole);
	UNIT_STRING_EQUAL(substrate_format(&address, text), "fd00:1:0:1::1");
	address = substrate_of_host(&single);
	UNIT_STRING_EQUAL(substrate_format(&address, text), "fd00:1:0:1:1400::1");
}

/* The picture of address.h, bit by bit. */
static void substrate_layout(void)
{
	static const uint8_t wire[16] = {0xfd, 0, 0, 1, 0, 0, 0, 1, 0x2a << 2 | 2 | 1, 0xab, 0xcd, 0xef, 10, 1, 2, 3};
	struct substrate_fields fields = {.locator = {0xfd, 0, 0, 1, 0, 0, 0, 1},
		.slot = 0x2a,
		.forward = true,
		.group = true,
		.vni = 0xabcdef,
		.address = {{10, 1, 2, 3}}};
	struct substrate address;

	CU_ASSERT_EQUAL(substrate_encode(&fields, &address), 0);
	CU_ASSERT_EQUAL(memcmp(address.octet, wire, sizeof(wire)), 0);
	fields.forward = false;
	CU_ASSERT_EQUAL(substrate_encode(&fields, &address), 0);
	CU_ASSERT_EQUAL(address.octet[8], 0x2a << 2 | 1);
	fields.forward = true;
	fields.group = false;
	CU_ASSERT_EQUAL(substrate_encode(&fields, &address), 0);
	CU_ASSERT_EQUAL(address.octet[8], 0x2a << 2 | 2);

	fields.slot = SLOT_MAX + 1;
	CU_ASSERT_EQUAL(substrate_encode(&fields, &address), -ERANGE);
	fields.slot = 0;
	fields.vni = VNI_MAX + 1;
	CU_ASSERT_EQUAL(substrate_encode(&fields, &address), -ERANGE);
	CU_ASSERT_EQUAL(address.octet[8], 0x2a << 2 | 2);
}

static void substrate_random(void)
{
	uint64_t state = 2;

	for (int i = 0; i < ROUNDS; i++) {
		struct substrate_fields in = {0}, out;
		struct substrate address, again;
		char text[ADDRESS_TEXT_MAX];
		uint64_t bits;

		bits = unit_random(&state);
		memcpy(in.locator, &bits, sizeof(in.locator));
		bits = unit_random(&state);
		memcpy(in.address.octet, &bits, sizeof(in.address.octet));
		in.slot = bits >> 32 & SLOT_MAX;
		in.forward = bits >> 38 & 1;
		in.group = bits >> 39 & 1;
		in.vni = (uint32_t)(bits >> 40) & VNI_MAX;
		CU_ASSERT_EQUAL_FATAL(substrate_encode(&in, &address), 0);
		out = substrate_decode(&address);
		CU_ASSERT_EQUAL_FATAL(memcmp(in.locator, out.locator, sizeof(in.locator)), 0);
		CU_ASSERT_FATAL(ipv4_equal(in.address, out.address));
		CU_ASSERT_FATAL(in.slot == out.slot && in.forward == out.forward && in.group == out.group);
		CU_ASSERT_EQUAL_FATAL(in.vni, out.vni);

		/* Any 16 octets are an address, and come back from fields and from text. */
		CU_ASSERT_EQUAL_FATAL(substrate_encode(&out, &again), 0);
		CU_ASSERT_EQUAL_FATAL(memcmp(&address, &again, sizeof(address)), 0);
		CU_ASSERT_EQUAL_FATAL(substrate_parse(substrate_format(&address, text), &again), 0);
		CU_ASSERT_EQUAL_FATAL(memcmp(&address, &again, sizeof(address)), 0);
	}
}

static void topologies(void)
{
	/* Version 0: locale 6, area 8, rack 8, system 8. */
	struct topology topology = topology_decode((const uint8_t[8]){0xfd, 0, 0, 1, 0x3f, 0x11, 0x22, 0x33});

	CU_ASSERT_EQUAL(topology.version, 0);
	CU_ASSERT_EQUAL(topology.locale, 0x3f);
	CU_ASSERT_EQUAL(topology.area, 0x11);
	CU_ASSERT_EQUAL(topology.rack, 0x22);
	CU_ASSERT_EQUAL(topology.system, 0x33);

	/* Version 1: locale 14, rack 16. */
	topology = topology_decode((const uint8_t[8]){0xfd, 0, 0, 1, 0x7f, 0xfe, 0xab, 0xcd});
	CU_ASSERT_EQUAL(topology.version, 1);
	CU_ASSERT_EQUAL(topology.locale, 0x3ffe);
	CU_ASSERT_EQUAL(topology.rack, 0xabcd);
	CU_ASSERT_EQUAL(topology.area, 0);
	CU_ASSERT_EQUAL(topology.system, 0);

	/* Versions 2 and 3 are unassigned: only the version is told. */
	for (uint8_t version = 2; version < 4; version++) {
		topology = topology_decode((const uint8_t[8]){0, 0, 0, 0, (uint8_t)(version << 6 | 0x3f), 1, 2, 3});
		CU_ASSERT_EQUAL(topology.version, version);
		CU_ASSERT(topology.locale == 0 && topology.area == 0 && topology.rack == 0 && topology.system == 0);
	}
}

/* What each range is printed as: one text for one range. */
static void ranges(void)
{
	static const char *const good[][2] = {
		{"10.0.0.5", "10.0.0.5"},
		{"10.0.0.5/32", "10.0.0.5"},
		{"10.0.0.5-10.0.0.5", "10.0.0.5"},
		{"10.0.0.0/24", "10.0.0.0/24"},
		{"10.0.0.0-10.0.0.255", "10.0.0.0/24"},
		{"10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9"},
		{"10.0.0.2-10.0.0.5", "10.0.0.2-10.0.0.5"},
		{"10.0.0.1-10.0.0.2", "10.0.0.1-10.0.0.2"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"0.0.0.0-255.255.255.255", "0.0.0.0/0"},
		{"128.0.0.0/1", "128.0.0.0/1"},
		{"255.255.255.254/31", "255.255.255.254/31"},
		{"192.168.100.200-192.168.100.209", "192.168.100.200-192.168.100.209"},
	};
	static const struct {
		const char *text;
		int error;
	} bad[] = {
		{"", -EINVAL},
		{"10.0.0", -EINVAL},
		{"10.0.0.0/", -EINVAL},
		{"10.0.0.0/33", -EINVAL},
		{"10.0.0.0/08", -EINVAL},
		{"10.0.0.0/8x", -EINVAL},
		{"10.0.0.0/4294967304", -EINVAL},
		{"10.0.0.0-", -EINVAL},
		{"10.0.0.0-10.0.0.1-10.0.0.2", -EINVAL},
		{"010.0.0.0/8", -EINVAL},
		{" 10.0.0.0/8", -EINVAL},
		{"255.255.255.255.", -EINVAL},
		{"10.0.0.1/24", -ERANGE},
		{"10.0.0.9-10.0.0.1", -EDOM},
	};
	struct ipv4_range range;
	char text[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CU_ASSERT_EQUAL(ipv4_range_parse(good[i][0], &range), 0);
		UNIT_STRING_EQUAL(ipv4_range_format(range, text), good[i][1]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CU_ASSERT_EQUAL(ipv4_range_parse(bad[i].text, &range), bad[i].error);
}

static const struct unit_test tests[] = {
	{"IPv4 text is a whole address or nothing", ipv4_text},
	{"IPv4 text comes back from any address", ipv4_random},
	{"which IPv4 addresses a node may have", ipv4_unicast},
	{"MAC text is a whole address or nothing", mac_text},
	{"a locator is a /64 or a /72, zero beyond", locator_text},
	{"IPv6 text is a whole address or nothing", substrate_text},
	{"substrate addresses of nodes and hosts", node_address},
	{"each field stands at its bits", substrate_layout},
	{"fields come back from any address", substrate_random},
	{"both topology versions are taken apart", topologies},
	{"ranges, and their one text", ranges},
};

int main(void)
{
	return unit_run("address", tests, ARRAY_LEN(tests));
}
