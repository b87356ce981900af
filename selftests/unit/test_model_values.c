/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values of the manager's objects: each type good and bad, with the message, and the one form in which it is stored.
 */
#include "selftests/unit/model.h"

#include <time.h>

#include "model/selector.h"

#define ITEM_EXPECTED                                                                                                  \
	"any, node:NAME, group:NAME, account:NAME, vnet:NAME, handle:NAME, or an address, prefix or range like "       \
	"10.0.0.5, 10.0.0.0/24, 10.0.0.1-10.0.0.9"
#define ENTRY_EXPECTED                                                                                                 \
	"group:NAME, vnet:NAME, handle:NAME, or an address, prefix or range like 10.0.0.5, 10.0.0.0/24, "              \
	"10.0.0.1-10.0.0.9"
#define IPV4_EXPECTED "an IPv4 unicast address like 10.0.0.2"
#define SUBNET_EXPECTED "a subnet like 10.0.0.0/16, of length 8 to 30 and zero beyond it"
#define MAC_EXPECTED "a unicast MAC address like 02:00:00:00:00:0a"
#define LOCATOR_EXPECTED "an IPv6 prefix like fd00:1:0:1::/64, or /72 for a single slot, zero beyond its length"
#define INTERFACE_EXPECTED "an interface name of 1 to 15 characters without '/', ':', '%' or space"
#define TEXT_EXPECTED "a text of at most 500 octets without control characters"
#define DEFAULT_EXPECTED "deny, account, group or allow"
#define SERVICE_EXPECTED "a service like http, tcp/80, tcp/8000-9000, udp, icmp/echo, 47 (a protocol) or any"
#define RANGE_EXPECTED "ports from 1 to 65535 or ICMP types from 0 to 255, the lower one first"

/* An object of that kind to which one field is added. */
static const char *const heads[MODEL_KINDS] = {
	[MODEL_ACCOUNT] = "{'kind':'account','name':'acme'",
	[MODEL_TOKEN] = "{'kind':'token','name':'t','role':'editor'",
	[MODEL_HOST] = "{'kind':'host','name':'h1'",
	[MODEL_VNET] = "{'kind':'vnet','name':'net'",
	[MODEL_GROUP] = "{'kind':'group','name':'g'",
	[MODEL_SECURITY_GROUP] = "{'kind':'security_group','name':'s'",
	[MODEL_HANDLE] = "{'kind':'handle','name':'h'",
	[MODEL_NODE] = "{'kind':'node','name':'n','vnet':'net','host':'h1'",
	[MODEL_ADDRESS] = "{'kind':'address','name':'a','vnet':'net'",
	[MODEL_POLICY] = "{'kind':'policy','name':'p','vnet':'net'",
};
/* Fields that must be there, unless they are the one. */
static const struct {
	enum model_kind kind;
	const char *field, *value;
} needed[] = {
	{MODEL_NODE, "port", "'tap1'"},
	{MODEL_NODE, "mac", "'02:00:00:00:00:0a'"},
	{MODEL_POLICY, "verdict", "'allow'"},
	{MODEL_HOST, "locator", "'fd00:1:0:1::/64'"},
	{MODEL_ADDRESS, "address", "'10.0.0.9'"},
};

static void compose(char text[2048], enum model_kind kind, const char *field, const char *value)
{
	size_t used = (size_t)snprintf(text, 2048, "%s,'%s':%s", heads[kind], field, value);

	for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
		if (needed[i].kind == kind && strcmp(needed[i].field, field) != 0)
			used += (size_t)snprintf(text + used, 2048 - used, ",'%s':%s", needed[i].field,
				needed[i].value);
	}
	snprintf(text + used, 2048 - used, "}");
}

/* ---- single values */

struct good {
	enum model_kind kind;
	const char *field, *value, *wanted; /* NULL: as it is */
};

static void check_good(const struct good *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		cJSON *made;
		char text[2048];
		scope_free char *printed = NULL;

		compose(text, cases[i].kind, cases[i].field, cases[i].value);
		made = model_take(false, text, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(json_member(made, cases[i].field));
		printed = model_print(json_member(made, cases[i].field));
		UNIT_STRING_EQUAL(printed, cases[i].wanted ? cases[i].wanted : cases[i].value);
		cJSON_Delete(made);
	}
}

struct bad {
	enum model_kind kind;
	const char *field, *value, *told; /* what follows the field's name */
};

static void check_bad(const struct bad *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char text[2048], wanted[1024];

		compose(text, cases[i].kind, cases[i].field, cases[i].value);
		snprintf(wanted, sizeof(wanted), "%s%s", cases[i].field, cases[i].told);
		model_refuse(false, text, NULL, wanted);
	}
}

#define SAYS(expected, got) ": expected " expected ", got " got

static void texts_and_words(void)
{
	static const struct good good[] = {
		{MODEL_ACCOUNT, "note", "''", NULL},
		{MODEL_ACCOUNT, "note", "'\xc3\xa9t\xc3\xa9 / \\\\'", NULL},
		{MODEL_VNET, "silence", "'allow'", NULL},
		{MODEL_VNET, "pending", "'forward'", NULL},
		{MODEL_VNET, "ask", "'agent'", NULL},
		{MODEL_VNET, "default_out", "'group'", NULL},
		{MODEL_TOKEN, "verbs", "['show','list','create','set','delete','apply']", NULL},
		{MODEL_POLICY, "cast", "['broadcast','unicast']", NULL},
		{MODEL_HANDLE, "immutable", "true", NULL},
	};
	static const struct bad bad[] = {
		{MODEL_ACCOUNT, "note", "7", SAYS(TEXT_EXPECTED, "7")},
		{MODEL_ACCOUNT, "note", "'a\\nb'", SAYS(TEXT_EXPECTED, "'a?b'")},
		{MODEL_ACCOUNT, "note", "'\\u007f'", SAYS(TEXT_EXPECTED, "'?'")},
		{MODEL_VNET, "silence", "'maybe'", SAYS("deny or allow", "'maybe'")},
		{MODEL_VNET, "pending", "'drop'", SAYS("queue, discard or forward", "'drop'")},
		{MODEL_VNET, "silence", "true", SAYS("deny or allow", "true")},
		{MODEL_VNET, "default_in", "'Deny'", SAYS(DEFAULT_EXPECTED, "'Deny'")},
		{MODEL_VNET, "ask", "'peer'", SAYS("destination or agent", "'peer'")},
		{MODEL_POLICY, "verdict", "'reject'", SAYS("allow or deny", "'reject'")},
		{MODEL_TOKEN, "verbs", "[]",
			SAYS("a list of show, list, create, set, delete or apply, not empty", "a list")},
		{MODEL_TOKEN, "verbs", "'show'",
			SAYS("a list of show, list, create, set, delete or apply, not empty", "'show'")},
		{MODEL_TOKEN, "verbs", "['show','get']",
			"[1]: expected show, list, create, set, delete or apply, got 'get'"},
		{MODEL_TOKEN, "verbs", "['show','set','show']", "[2]: expected each once, got 'show'"},
		{MODEL_POLICY, "cast", "['anycast']", "[0]: expected unicast, multicast or broadcast, got 'anycast'"},
		{MODEL_HANDLE, "immutable", "1", SAYS("true or false", "1")},
		{MODEL_HANDLE, "immutable", "'true'", SAYS("true or false", "'true'")},
	};
	char longest[520] = "'", wanted[600];

	check_good(good, ARRAY_LEN(good));
	check_bad(bad, ARRAY_LEN(bad));
	memset(longest + 1, 'x', 500);
	strcpy(longest + 501, "'");
	check_good(&(struct good){MODEL_ACCOUNT, "note", longest, NULL}, 1);
	strcpy(longest + 501, "x'");
	snprintf(wanted, sizeof(wanted), ": expected " TEXT_EXPECTED ", got '%.58s...'", longest + 1);
	check_bad(&(struct bad){MODEL_ACCOUNT, "note", longest, wanted}, 1);
}

static void numbers(void)
{
	static const struct good good[] = {
		{MODEL_VNET, "vni", "1", NULL},
		{MODEL_VNET, "vni", "16777215", NULL},
		{MODEL_VNET, "grant_lifetime", "3600", NULL},
		{MODEL_VNET, "passport_lifetime", "60", NULL},
		{MODEL_NODE, "slot", "0", NULL},
		{MODEL_TOKEN, "expires", "253402300799", NULL},
	};
	static const struct bad bad[] = {
		{MODEL_VNET, "vni", "0", SAYS("a whole number from 1 to 16777215", "0")},
		{MODEL_VNET, "vni", "16777216", SAYS("a whole number from 1 to 16777215", "16777216")},
		{MODEL_VNET, "vni", "'7'", SAYS("a whole number from 1 to 16777215", "'7'")},
		{MODEL_VNET, "vni", "1.5", SAYS("a whole number from 1 to 16777215", "1.5")},
		{MODEL_VNET, "grant_lifetime", "0", SAYS("a whole number from 1 to 3600", "0")},
		{MODEL_VNET, "grant_lifetime", "3601", SAYS("a whole number from 1 to 3600", "3601")},
		{MODEL_VNET, "passport_lifetime", "59", SAYS("a whole number from 60 to 86400", "59")},
		{MODEL_VNET, "passport_lifetime", "86401", SAYS("a whole number from 60 to 86400", "86401")},
		{MODEL_NODE, "slot", "64", SAYS("a whole number from 0 to 63", "64")},
		{MODEL_NODE, "slot", "-1", SAYS("a whole number from 0 to 63", "-1")},
		{MODEL_TOKEN, "expires", "-1", SAYS("a whole number from 0 to 253402300799", "-1")},
	};

	check_good(good, ARRAY_LEN(good));
	check_bad(bad, ARRAY_LEN(bad));
}

static void addresses(void)
{
	static const struct good good[] = {
		{MODEL_ADDRESS, "address", "'10.0.0.2'", NULL},
		{MODEL_ADDRESS, "address", "'223.255.255.255'", NULL},
		{MODEL_VNET, "subnet", "'10.0.0.0/8'", NULL},
		{MODEL_VNET, "subnet", "'192.168.1.4/30'", NULL},
		{MODEL_NODE, "mac", "'02:AB:cd:00:00:0F'", "'02:ab:cd:00:00:0f'"},
		{MODEL_HOST, "locator", "'FD00:0001:0000:1::/64'", "'fd00:1:0:1::/64'"},
		{MODEL_HOST, "locator", "'fd00:1:0:1:1400::/72'", NULL},
		{MODEL_NODE, "port", "'eth0.12'", NULL},
		{MODEL_NODE, "port", "'abcdefghijklmno'", NULL},
	};
	static const struct bad bad[] = {
		{MODEL_ADDRESS, "address", "'10.0.0.256'", SAYS(IPV4_EXPECTED, "'10.0.0.256'")},
		{MODEL_ADDRESS, "address", "'224.0.0.1'", SAYS(IPV4_EXPECTED, "'224.0.0.1'")},
		{MODEL_ADDRESS, "address", "'010.0.0.1'", SAYS(IPV4_EXPECTED, "'010.0.0.1'")},
		{MODEL_ADDRESS, "address", "'10.0.0.0/24'", SAYS(IPV4_EXPECTED, "'10.0.0.0/24'")},
		{MODEL_ADDRESS, "address", "7", SAYS(IPV4_EXPECTED, "7")},
		{MODEL_VNET, "subnet", "'10.0.0.0'", SAYS(SUBNET_EXPECTED, "'10.0.0.0'")},
		{MODEL_VNET, "subnet", "'10.0.0.1/16'", SAYS(SUBNET_EXPECTED, "'10.0.0.1/16'")},
		{MODEL_VNET, "subnet", "'10.0.0.0/31'", SAYS(SUBNET_EXPECTED, "'10.0.0.0/31'")},
		{MODEL_VNET, "subnet", "'10.0.0.0/7'", SAYS(SUBNET_EXPECTED, "'10.0.0.0/7'")},
		{MODEL_VNET, "subnet", "'224.0.0.0/8'", SAYS(SUBNET_EXPECTED, "'224.0.0.0/8'")},
		{MODEL_VNET, "subnet", "'10.0.0.0-10.0.0.255'", SAYS(SUBNET_EXPECTED, "'10.0.0.0-10.0.0.255'")},
		{MODEL_NODE, "mac", "'ff:ff:ff:ff:ff:ff'", SAYS(MAC_EXPECTED, "'ff:ff:ff:ff:ff:ff'")},
		{MODEL_NODE, "mac", "'02:00'", SAYS(MAC_EXPECTED, "'02:00'")},
		{MODEL_HOST, "locator", "'fd00:1:0:1::/65'", SAYS(LOCATOR_EXPECTED, "'fd00:1:0:1::/65'")},
		{MODEL_HOST, "locator", "'fe80::/64'", SAYS(LOCATOR_EXPECTED, "'fe80::/64'")},
		{MODEL_HOST, "locator", "'::/64'", SAYS(LOCATOR_EXPECTED, "'::/64'")},
		{MODEL_NODE, "port", "'a/b'", SAYS(INTERFACE_EXPECTED, "'a/b'")},
		{MODEL_NODE, "port", "'abcdefghijklmnop'", SAYS(INTERFACE_EXPECTED, "'abcdefghijklmnop'")},
		{MODEL_NODE, "port", "''", SAYS(INTERFACE_EXPECTED, "''")},
	};

	check_good(good, ARRAY_LEN(good));
	check_bad(bad, ARRAY_LEN(bad));
}

static void references(void)
{
	static const struct good good[] = {
		{MODEL_NODE, "groups", "['web','b/web']", "['acme/web','b/web']"},
		{MODEL_NODE, "security_groups", "['s']", "['acme/s']"},
		{MODEL_ADDRESS, "node", "'n'", "'acme/n'"},
	};
	static const struct bad bad[] = {
		{MODEL_NODE, "groups", "'web'", SAYS("a list of at most 16 names of groups", "'web'")},
		{MODEL_NODE, "groups", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]",
			SAYS("a list of at most 16 names of groups", "a list")},
		{MODEL_NODE, "groups", "['web',7]", "[1]: expected the name of a group, got 7"},
		{MODEL_NODE, "groups", "['web','a b']", "[1]: expected " NODE_EXPECTED ", got 'a b'"},
		/* Each once, in whatever form it is written. */
		{MODEL_NODE, "groups", "['web','x','acme/web']", "[2]: expected each once, got 'acme/web'"},
		{MODEL_VNET, "members", "['b','b']", "[1]: expected each once, got 'b'"},
		{MODEL_VNET, "members", "['b/c']", "[0]: expected " PART_EXPECTED ", got 'b/c'"},
		{MODEL_VNET, "members", "[null]", "[0]: expected the name of an account, got null"},
		{MODEL_NODE, "security_groups", "[1,2,3,4,5,6,7,8,9]",
			SAYS("a list of at most 8 names of security_groups", "a list")},
		{MODEL_ADDRESS, "node", "{}", SAYS("the name of a node", "an object")},
	};

	check_good(good, ARRAY_LEN(good));
	check_bad(bad, ARRAY_LEN(bad));
}

/* ---- selectors, entries, services, criteria */

static void selectors(void)
{
	static const struct good good[] = {
		{MODEL_POLICY, "target", "'any'", NULL},
		{MODEL_POLICY, "target", "'node:web1'", "'node:acme/web1'"},
		{MODEL_POLICY, "target", "'node:b/web1'", NULL},
		{MODEL_POLICY, "target", "'group:web'", "'group:acme/web'"},
		{MODEL_POLICY, "target", "'vnet:net'", "'vnet:acme/net'"},
		{MODEL_POLICY, "target", "'handle:h'", "'handle:acme/h'"},
		{MODEL_POLICY, "target", "'account:b'", NULL},
		{MODEL_POLICY, "peers", "'10.0.0.5/32'", "'10.0.0.5'"},
		{MODEL_POLICY, "peers", "'10.0.0.0-10.0.0.255'", "'10.0.0.0/24'"},
		{MODEL_POLICY, "peers", "'10.0.0.1-10.0.0.9'", NULL},
		{MODEL_POLICY, "peers", "['10.0.0.1-10.0.0.1']", "'10.0.0.1'"},
		{MODEL_POLICY, "peers", "['any','10.0.0.1']", NULL},
		{MODEL_POLICY, "peers", "{'not':'group:web'}", "{'not':'group:acme/web'}"},
		{MODEL_POLICY, "peers", "{'not':['group:web']}", "{'not':'group:acme/web'}"},
		{MODEL_POLICY, "peers", "{'not':['group:web','10.0.0.0/8']}",
			"{'not':['group:acme/web','10.0.0.0/8']}"},
	};
	static const struct bad bad[] = {
		{MODEL_POLICY, "peers", "7", SAYS(ITEM_EXPECTED, "7")},
		{MODEL_POLICY, "peers", "'all'", SAYS(ITEM_EXPECTED, "'all'")},
		{MODEL_POLICY, "peers", "'nodes:a'", SAYS(ITEM_EXPECTED, "'nodes:a'")},
		{MODEL_POLICY, "peers", "'10.0.0.1/24'",
			SAYS("a prefix that is zero beyond its length", "'10.0.0.1/24'")},
		{MODEL_POLICY, "peers", "'10.0.0.9-10.0.0.1'",
			SAYS("a range whose lower address comes first", "'10.0.0.9-10.0.0.1'")},
		{MODEL_POLICY, "peers", "'node:a/b/c'", SAYS(NODE_EXPECTED, "'a/b/c'")},
		{MODEL_POLICY, "peers", "'group:'", SAYS(NODE_EXPECTED, "''")},
		{MODEL_POLICY, "peers", "'account:a/b'", SAYS(PART_EXPECTED, "'a/b'")},
		{MODEL_POLICY, "peers", "[]", SAYS("a selector, or a list of at least one and at most 1024", "a list")},
		{MODEL_POLICY, "peers", "['any',['any']]", "[1]: expected " ITEM_EXPECTED ", got a list"},
		{MODEL_POLICY, "peers", "['10.0.0.0/24','10.0.0.0-10.0.0.255']",
			"[1]: expected each once, got '10.0.0.0-10.0.0.255'"},
		{MODEL_POLICY, "peers", "{}",
			SAYS("a selector, a list of them, or an object with the one key 'not'", "an object")},
		{MODEL_POLICY, "peers", "{'not':'any','or':'any'}",
			SAYS("a selector, a list of them, or an object with the one key 'not'", "an object")},
		{MODEL_POLICY, "peers", "{'not':{'not':'any'}}", ".not: expected " ITEM_EXPECTED ", got an object"},
		{MODEL_POLICY, "peers", "{'not':['any','x']}", ".not[1]: expected " ITEM_EXPECTED ", got 'x'"},
	};

	check_good(good, ARRAY_LEN(good));
	check_bad(bad, ARRAY_LEN(bad));
}

static void entries(void)
{
	static const struct good good[] = {
		{MODEL_HANDLE, "entries", "[]", NULL},
		{MODEL_HANDLE, "entries",
			"['10.0.0.1/32','0.0.0.0/0','10.0.0.0-10.0.0.3','group:g','vnet:b/v','handle:x']",
			"['10.0.0.1','0.0.0.0/0','10.0.0.0/30','group:acme/g','vnet:b/v','handle:acme/x']"},
	};
	static const struct bad bad[] = {
		{MODEL_HANDLE, "entries", "'10.0.0.1'", SAYS("a list of at most 100000 entries", "'10.0.0.1'")},
		{MODEL_HANDLE, "entries", "['any']", "[0]: expected " ENTRY_EXPECTED ", got 'any'"},
		{MODEL_HANDLE, "entries", "['node:x']", "[0]: expected " ENTRY_EXPECTED ", got 'node:x'"},
		{MODEL_HANDLE, "entries", "['account:x']", "[0]: expected " ENTRY_EXPECTED ", got 'account:x'"},
		{MODEL_HANDLE, "entries", "['10.0.0.1',null]", "[1]: expected " ENTRY_EXPECTED ", got null"},
		{MODEL_HANDLE, "entries", "['10.0.0.1','group:g','group:acme/g']",
			"[2]: expected each once, got 'group:acme/g'"},
	};

	check_good(good, ARRAY_LEN(good));
	check_bad(bad, ARRAY_LEN(bad));
}

static void services(void)
{
	static const struct good good[] = {
		{MODEL_POLICY, "services", "['https','tcp/80-89','icmp/echo','47','any','domain']", NULL},
	};
	static const struct bad bad[] = {
		{MODEL_POLICY, "services", "'https'", SAYS("a list of services, not empty, at most 256", "'https'")},
		{MODEL_POLICY, "services", "[]", SAYS("a list of services, not empty, at most 256", "a list")},
		{MODEL_POLICY, "services", "['http','gopher']", "[1]: expected " SERVICE_EXPECTED ", got 'gopher'"},
		{MODEL_POLICY, "services", "[80]", "[0]: expected " SERVICE_EXPECTED ", got 80"},
		{MODEL_POLICY, "services", "['tcp/0']", "[0]: expected " RANGE_EXPECTED ", got 'tcp/0'"},
		{MODEL_POLICY, "services", "['http','http']", "[1]: expected each once, got 'http'"},
	};

	check_good(good, ARRAY_LEN(good));
	check_bad(bad, ARRAY_LEN(bad));
}

static void criteria(void)
{
	static const struct good good[] = {
		{MODEL_GROUP, "match", "{'name':'web*'}", "{'name':'web*','account':'acme'}"},
		{MODEL_GROUP, "match", "{'account':'*'}", NULL},
		{MODEL_GROUP, "match", "{'account':'b','vnet':'net','name':'*'}",
			"{'name':'*','vnet':'acme/net','account':'b'}"},
	};
	static const struct bad bad[] = {
		{MODEL_GROUP, "match", "{}",
			SAYS("an object with at least one of name, vnet and account", "an object")},
		{MODEL_GROUP, "match", "'web*'",
			SAYS("an object with at least one of name, vnet and account", "'web*'")},
		{MODEL_GROUP, "match", "{'name':'b/web*'}",
			".name: expected a pattern of 1 to 31 letters, digits, '_', '.', '-' or '*', got 'b/web*'"},
		{MODEL_GROUP, "match", "{'name':7}",
			".name: expected a pattern of 1 to 31 letters, digits, '_', '.', '-' or '*', got 7"},
		{MODEL_GROUP, "match", "{'vnet':'a b'}", ".vnet: expected " NODE_EXPECTED ", got 'a b'"},
		{MODEL_GROUP, "match", "{'account':'b*'}", ".account: expected " PART_EXPECTED ", got 'b*'"},
		{MODEL_GROUP, "match", "{'mac':'x'}", ".mac: expected name, vnet or account, got 'mac'"},
	};

	check_good(good, ARRAY_LEN(good));
	check_bad(bad, ARRAY_LEN(bad));
}

static void items(void)
{
	cJSON *selector = model_json("{'not':['any','node:a/b','10.0.0.0/24']}");
	const cJSON *item = NULL;
	struct model_item read[4];
	size_t count = 0;

	CU_ASSERT(model_selector_is_negated(selector));
	while ((item = model_selector_next(selector, item)) && count < ARRAY_LEN(read))
		CU_ASSERT_EQUAL(model_item_parse(item->valuestring, &read[count++]), 0);
	CU_ASSERT_EQUAL_FATAL(count, 3);
	CU_ASSERT_EQUAL(read[0].kind, MODEL_ITEM_ANY);
	CU_ASSERT(read[1].kind == MODEL_ITEM_NAME && read[1].to == MODEL_NODE && strcmp(read[1].name, "a/b") == 0);
	CU_ASSERT(read[2].kind == MODEL_ITEM_RANGE && read[2].range.low.octet[0] == 10 &&
		  read[2].range.high.octet[3] == 255);
	CU_ASSERT_EQUAL(model_item_parse("x", &read[0]), -EINVAL);
	cJSON_Delete(selector);

	selector = model_json("'any'");
	CU_ASSERT_FALSE(model_selector_is_negated(selector));
	item = model_selector_next(selector, NULL);
	CU_ASSERT_PTR_EQUAL(item, selector);
	CU_ASSERT_PTR_NULL(model_selector_next(selector, item));
	cJSON_Delete(selector);
}

/* ---- size */

static double now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* A handle of `count` prefixes, all different but for the last, which is a second of what `last` was. */
static cJSON *large(size_t count, const char *last)
{
	cJSON *handle = model_json("{'kind':'handle','name':'h'}"), *list = cJSON_AddArrayToObject(handle, "entries");

	for (size_t i = 0; i < count; i++) {
		char text[32];

		snprintf(text, sizeof(text), "%zu.%zu.%zu.0/24", 11 + i % 200, i / 200 % 256, i / 51200);
		cJSON_AddItemToArray(list, cJSON_CreateString(i + 1 == count && last ? last : text));
	}
	return handle;
}

static void many_entries(void)
{
	cJSON *handle = large(100000, NULL), *made = NULL, *patch = model_json("{'note':'x'}"), *patched = NULL;
	struct told told = {0};
	double start = now_ms(), took;

	CU_ASSERT_EQUAL_FATAL(model_read(handle, "acme", NULL, "", model_tell, &told, &made), 0);
	took = now_ms() - start;
	CU_ASSERT_EQUAL(cJSON_GetArraySize(json_member(made, "entries")), 100000);
	printf("\n    100,000 entries are read in %.0f ms of CPU\n", took);
	/* Under the sanitizers it is some five times as long; a quadratic check takes minutes. */
	CU_ASSERT(took < 1000);
	CU_ASSERT_EQUAL_FATAL(model_patch(patch, "acme", made, "", model_tell, &told, &patched), 0);
	CU_ASSERT_EQUAL(cJSON_GetArraySize(json_member(patched, "entries")), 100000);
	cJSON_Delete(handle);
	cJSON_Delete(made);
	cJSON_Delete(patch);
	cJSON_Delete(patched);

	made = NULL;
	handle = large(100000, "11.0.0.0-11.0.0.255");
	CU_ASSERT_EQUAL(model_read(handle, "acme", NULL, "", model_tell, &told, &made), -EINVAL);
	UNIT_STRING_EQUAL(told.text, "entries[99999]: expected each once, got '11.0.0.0-11.0.0.255'");
	cJSON_Delete(handle);

	told = (struct told){0};
	handle = large(100001, NULL);
	CU_ASSERT_EQUAL(model_read(handle, "acme", NULL, "", model_tell, &told, &made), -EINVAL);
	UNIT_STRING_EQUAL(told.text, "entries: expected a list of at most 100000 entries, got a list");
	cJSON_Delete(handle);
}

static const struct unit_test tests[] = {
	{"texts, words, flags", texts_and_words},
	{"numbers and their ranges", numbers},
	{"addresses, subnets, MACs, locators, interfaces", addresses},
	{"references", references},
	{"selectors", selectors},
	{"entries of handles", entries},
	{"services", services},
	{"criteria of groups", criteria},
	{"items taken apart", items},
	{"a handle of 100,000 prefixes", many_entries},
};

int main(void)
{
	return unit_run("model values", tests, ARRAY_LEN(tests));
}
