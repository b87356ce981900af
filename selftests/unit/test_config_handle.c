/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handles in ovnet.json: what they hold arrives, what is wrong is refused at its line, and long ones are read fast.
 */
#include "selftests/unit/config_file.h"

#include "lib/time.h"

#define GROUPS "\"groups\": [{\"name\": \"inner\"}, {\"name\": \"outer\", \"groups\": [\"inner\"]}], "
#define HANDLES(list) GROUPS "\"handles\": [" list "],"
#define ENTRY_WANTED                                                                                                   \
	"expected group:NAME, vnet:NAME, handle:NAME, or an address, prefix or range like 10.0.0.5, 10.0.0.0/24, "     \
	"10.0.0.1-10.0.0.9, got "

/* The good file with handles, and a policy about them. */
static struct config *config_with(const char *list, const char *policy)
{
	const char *lines[ARRAY_LEN(negotiated)], *const *former = base;
	struct config *config;

	memcpy(lines, negotiated, sizeof(lines));
	lines[9] = policy;
	base = lines;
	config = accept_line(6, list);
	base = former;
	return config;
}

static struct policy_decision decide(const struct config *config, uint8_t last_octet)
{
	struct policy_identity source = config->mappings[0].identity;
	struct policy_answer answer;

	source.address.octet[3] = last_octet;
	policy_answer(config->policies, SIDE_IN, &source, &config->nodes[0].identity, CAST_UNICAST, 6, 80, &answer);
	return *policy_look(&answer, 6, 80);
}

/* B is at 10.0.0.3, and in group inner; whoever asks from elsewhere too. */
static void entries(void)
{
	static const struct {
		const char *list;
		bool at_3, at_9;
	} cases[] = {
		{HANDLES("{\"name\": \"h\", \"entries\": []}"), false, false},
		{HANDLES("{\"name\": \"h\", \"entries\": [\"10.0.0.3\"]}"), true, false},
		{HANDLES("{\"name\": \"h\", \"entries\": [\"10.0.0.8/30\", \"10.0.0.9\", \"10.0.0.0/28\"]}"), true,
			true},
		{HANDLES("{\"name\": \"h\", \"entries\": [\"10.0.0.4-10.0.0.9\"]}"), false, true},
		{HANDLES("{\"name\": \"h\", \"entries\": [\"0.0.0.0/0\"]}"), true, true},
		{HANDLES("{\"name\": \"h\", \"entries\": [\"group:outer\"]}"), true, true},
		{HANDLES("{\"name\": \"h\", \"entries\": [\"vnet:Z\"]}"), true, true},
		{HANDLES("{\"name\": \"h\", \"entries\": [\"handle:i\", \"10.0.0.9\"]}, "
			 "{\"name\": \"i\", \"entries\": [\"10.0.0.3\"]}"),
			true, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct config *config = config_with(cases[i].list, POLICY("\"peers\": [\"handle:h\"]"));
		struct policy_decision at_3 = decide(config, 3), at_9 = decide(config, 9);

		CU_ASSERT(at_3.allow == cases[i].at_3 && at_9.allow == cases[i].at_9);
		CU_ASSERT_EQUAL(at_3.handle, cases[i].at_3 ? policy_id("h") : 0);
		UNIT_STRING_EQUAL(policy_set_handle_name(config->policies, policy_id("h")), "h");
		config_free(config);
		config = config_with(cases[i].list, POLICY("\"peers\": {\"not\": \"handle:h\"}"));
		CU_ASSERT(decide(config, 3).allow == !cases[i].at_3 && decide(config, 9).allow == !cases[i].at_9);
		config_free(config);
	}
}

/* Without a negotiated vnet they are checked, and that is all. */
static void handles_alone(void)
{
	struct config *config;

	base = good;
	base_count = ARRAY_LEN(good);
	config = accept_line(11,
		"\"limits\": {}, \"handles\": [{\"name\": \"h\", \"entries\": [\"10.0.0.0/8\", \"handle:i\"]}, "
		"{\"name\": \"i\", \"entries\": []}],");
	CU_ASSERT_PTR_NULL(config->policies);
	config_free(config);
	base = negotiated;
	base_count = ARRAY_LEN(negotiated);
}

static void refusals(void)
{
	static const struct refusal cases[] = {
		{6, HANDLES("{\"name\": \"h\"}"),
			{"6: handles[0].entries: expected a list of addresses, prefixes, ranges, groups, vnets and handles, got "
			 "nothing"}},
		{6, HANDLES("{\"entries\": []}"), {"6: handles[0].name: " NAME_WANTED "nothing"}},
		{6, HANDLES("{\"name\": \"h\", \"entries\": \"10.0.0.3\"}"),
			{"6: handles[0].entries: expected a list of addresses, prefixes, ranges, groups, vnets and handles, got "
			 "'10.0.0.3'"}},
		{6, HANDLES("{\"name\": \"h\", \"entries\": [\"10.0.0.3\",\n\"any\", \n5, \"node:A\", \"account:shop\"]}"),
			{"7: handles[0].entries[1]: " ENTRY_WANTED "'any'",
				"8: handles[0].entries[2]: " ENTRY_WANTED "5",
				"8: handles[0].entries[3]: " ENTRY_WANTED "'node:A'",
				"8: handles[0].entries[4]: " ENTRY_WANTED "'account:shop'"}},
		{6, HANDLES("{\"name\": \"h\", \"entries\": [\"10.0.0.3/24\",\n\"10.0.0.9-10.0.0.1\", \"10.0.0.0/33\"]}"),
			{"6: handles[0].entries[0]: expected a prefix that is zero beyond its length, got '10.0.0.3/24'",
				"7: handles[0].entries[1]: expected a range whose lower address comes first, got "
				"'10.0.0.9-10.0.0.1'",
				"7: handles[0].entries[2]: " ENTRY_WANTED "'10.0.0.0/33'"}},
		{6, HANDLES("{\"name\": \"h\", \"entries\": [\"group:none\", \"handle:none\", \"vnet:Y\"]}"),
			{"6: handles[0].entries[0]: expected the name of one of 'groups', got 'group:none'",
				"6: handles[0].entries[1]: expected the name of one of 'handles' after 'handle:', got "
				"'handle:none'",
				"6: handles[0].entries[2]: expected a vnet whose authorization is negotiated, got 'vnet:Y'"}},
		{6, HANDLES("{\"name\": \"h\", \"entries\": []},\n{\"name\": \"h\", \"entries\": []}"),
			{"7: handles[1].name: expected a name that no other handle has, got 'h' as in handles[0]"}},
		{6,
			HANDLES("{\"name\": \"h\", \"entries\": [\"handle:i\"]}, {\"name\": \"i\", \"entries\": [\"handle:h\", "
				"\"10.0.0.1\"]}"),
			{"6: handles: expected no handle within itself, got 'handles contain each other: i has h has i'"}},
		{10, POLICY("\"peers\": [\"any\", \"handle:h\"]"),
			{"10: policies[0].peers[1]: expected the name of one of 'handles' after 'handle:', got 'handle:h'"}},
		{10, POLICY("\"target\": {\"not\": \"handle:h\"}"),
			{"10: policies[0].target.not: expected the name of one of 'handles' after 'handle:', got 'handle:h'"}},
	};

	check_refusals(cases, ARRAY_LEN(cases));
}

/* `count` prefixes, spread over all addresses, one a line. */
static char *print_long(size_t count, const char *last, size_t *length)
{
	size_t size = 4096 + count * 32;
	char *text = malloc(size);
	uint64_t state = 5;

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	*length = (size_t)snprintf(text, size,
		"{\"locator\": \"fd00:1:0:1::/64\", \"uplinks\": [], \"hosts\": [" HOST_1 "], \"vnets\": [" VNET_Z "], "
		"\"identity\": {\"host\": \"h1\", " FILES ", \"authority\": \"" KEY_1
		"\"}, \"handles\": [{\"name\": \"big\", "
		"\"entries\": [\n");
	for (size_t i = 0; i < count; i++) {
		uint32_t low = (uint32_t)unit_random(&state);

		*length += (size_t)snprintf(text + *length, size - *length, "\"%u.%u.%u.%u/28\",\n", low >> 24,
			low >> 16 & 255, low >> 8 & 255, low & 240);
	}
	*length += (size_t)snprintf(text + *length, size - *length,
		"\"%s\"]}], \"policies\": [{\"id\": 1, \"vnet\": \"Z\", "
		"\"peers\": \"handle:big\", \"verdict\": \"allow\"}]}",
		last);
	return text;
}

static void long_handle(void)
{
	size_t length;
	scope_free char *text = print_long(100000, "10.0.0.1", &length);
	struct reports reports = {0};
	struct config *config = NULL;
	uint64_t began = time_now_ns(), took;

	CU_ASSERT_EQUAL(config_parse(text, length, "t.json", collect, &reports, &config), 0);
	took = time_now_ns() - began;
	reports_free(&reports);
	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	printf("%llu ms ", (unsigned long long)(took / NSEC_PER_MSEC));
	/* Some times as long with a sanitizer on a busy machine; minutes, if it were quadratic. */
	CU_ASSERT(took < 3000 * NSEC_PER_MSEC);
	CU_ASSERT(policy_addresses_count(policy_set_handle_addresses(config->policies, policy_id("big"))) > 99000);
	config_free(config);
}

static void wrong_at_the_end(void)
{
	static const char *const messages[] = {"100002: handles[0].entries[100000]: " ENTRY_WANTED "'10.0.0.'", NULL};
	size_t length;
	scope_free char *text = print_long(100000, "10.0.0.", &length);

	refuse_text(text, length, messages);
}

static void too_many(void)
{
	static const char *const messages[] =
		{"1: handles[0].entries: expected at most 1000000 entries in all handles, got a list", NULL};
	size_t length;
	scope_free char *text = print_long(1000000, "10.0.0.1", &length);

	refuse_text(text, length, messages);
}

static const struct unit_test tests[] = {
	{"every kind of entry, and its negation in a policy", entries},
	{"handles without a negotiated vnet", handles_alone},
	{"what is refused, and where", refusals},
	{"100,000 entries", long_handle},
	{"the last of 100,000 is wrong", wrong_at_the_end},
	{"a million and one", too_many},
};

int main(void)
{
	base = negotiated;
	base_count = ARRAY_LEN(negotiated);
	return unit_run("config handle", tests, ARRAY_LEN(tests));
}
