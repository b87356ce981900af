/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A directory in a file of its own: what it may hold, what is refused, what is found in it; and the key of ovnet.json that names it.
 */
#include "selftests/unit/config_file.h"

#include "config/directory.h"

#define HOST_3 "{\"name\": \"h3\", \"locator\": \"fd00:1:0:3:400::/72\", \"key\": \"" KEY_1 "\"}"
#define MAPPING(vnet, address, rest)                                                                                   \
	"{\"vnet\": " vnet ", \"address\": \"" address "\", \"locator\": \"fd00:1:0:2::/64\"" rest "}"

static struct config *config_make(void)
{
	base = negotiated;
	base_count = ARRAY_LEN(negotiated);
	return accept_line(0, NULL);
}

static int parse(const struct config *config, const char *text, struct reports *reports, struct config_directory **out)
{
	return config_directory_parse(text, strlen(text), "d.json", config, collect, reports, out);
}

static void found(void)
{
	static const char text[] =
		"{\"hosts\": [" HOST_3 ", " HOST_2 ", " HOST_1 "],\n"
		"\"mappings\": [" MAPPING("\"Y\"", "10.0.0.3", "") ",\n" MAPPING("77", "10.0.0.9",
			", \"name\": \"N\", \"account\": \"guest\", \"groups\": [\"inner\", \"unheard\"], \"slot\": 5") ",\n"
															"{\"vnet\": \"Z\", \"address\": \"10.0.0.2\", \"locator\": \"fd00:1:0:1::/64\"},\n"
															"{\"vnet\": \"Z\", \"address\": \"10.0.0.7\", \"locator\": \"fd00:1:0:3:400::/72\"},\n" MAPPING(
																"\"strange\"",
																"10.0.0.3",
																"") "]}";
	struct config_directory *directory = NULL;
	struct config *config = config_make();
	const struct config_mapping *mapping;
	struct reports reports = {0};
	const struct config_host *host;
	struct locator locator;
	size_t count;

	CU_ASSERT_EQUAL_FATAL(parse(config, text, &reports, &directory), 0);
	CU_ASSERT_EQUAL(reports.count, 0);
	/* What concerns a vnet that is not here is left out. */
	config_directory_mappings(directory, &count);
	CU_ASSERT_EQUAL(count, 4);
	mapping = config_directory_mapping(directory, 77, (struct ipv4){{10, 0, 0, 9}});
	CU_ASSERT_PTR_NOT_NULL_FATAL(mapping);
	CU_ASSERT(mapping->slot == 5 && mapping->identity.node == policy_id("N") && mapping->identity.vni == 77);
	CU_ASSERT(mapping->identity.account == policy_id("guest") && mapping->identity.group_count == 2);
	CU_ASSERT(mapping->identity.groups[1] == policy_id("unheard") ||
		  mapping->identity.groups[0] == policy_id("unheard"));
	mapping = config_directory_mapping(directory, 78, (struct ipv4){{10, 0, 0, 3}});
	CU_ASSERT(mapping && mapping->identity.node == 0 && mapping->slot == 0);
	CU_ASSERT_PTR_NULL(config_directory_mapping(directory, 77, (struct ipv4){{10, 0, 0, 3}}));
	/* Nodes of this host may be in it: one file serves a site. */
	CU_ASSERT_PTR_NOT_NULL(config_directory_mapping(directory, 77, (struct ipv4){{10, 0, 0, 2}}));
	mapping = config_directory_mapping(directory, 77, (struct ipv4){{10, 0, 0, 7}});
	CU_ASSERT_PTR_NOT_NULL_FATAL(mapping);
	CU_ASSERT_EQUAL(mapping->slot, 1);
	host = config_directory_host(directory, &mapping->locator);
	CU_ASSERT(host && host->id == policy_id("h3"));
	locator = mapping->locator;
	locator.octet[7] = 2;
	CU_ASSERT_PTR_NULL(config_directory_host(directory, &locator));
	config_directory_free(directory);
	config_free(config);
}

static void empty(void)
{
	struct config_directory *directory = NULL;
	struct config *config = config_make();
	struct reports reports = {0};
	size_t count = 1;

	CU_ASSERT_EQUAL_FATAL(parse(config, "{}", &reports, &directory), 0);
	config_directory_mappings(directory, &count);
	CU_ASSERT_EQUAL(count, 0);
	CU_ASSERT_PTR_NULL(config_directory_mapping(directory, 77, (struct ipv4){{10, 0, 0, 2}}));
	config_directory_free(directory);
	config_directory_free(NULL);
	config_free(config);
}

static void refused(void)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"", "1: expected a value, got the end of the text"},
		{"[]", "1: expected an object, got a list"},
		{"{\"nodes\": []}", "1: nodes: expected one of the keys hosts, mappings, got 'nodes'"},
		{"{\"hosts\": [" HOST_1 ", " HOST_1 "]}", NULL},
		{"{\"hosts\": [" HOST_1 ",\n{\"name\": \"hx\", \"locator\": \"fd00:1:0:1:400::/72\", \"key\": \"" KEY_1
		 "\"}]}",
			"2: hosts[1].locator: expected a locator that overlaps with no other host's, got that of hosts[0]"},
		{"{\"mappings\": [" MAPPING("\"Z\"", "10.0.0.9", "") ",\n" MAPPING("77", "10.0.0.9", "") "]}",
			"2: mappings[1].address: expected an address that nobody else in the vnet has, got '10.0.0.9' as in mappings[0]"},
		{"{\"mappings\": [" MAPPING("\"Z\"", "224.0.0.9", "") "]}",
			"1: mappings[0].address: expected an IPv4 unicast address like 10.0.0.2, got '224.0.0.9'"},
		{"{\"mappings\": [" MAPPING("\"Z\"", "10.0.0.9", ", \"groups\": [\"no good\"]") "]}", NULL},
		{"{\"mappings\": [" MAPPING("true", "10.0.0.9", "") "]}", NULL},
	};
	struct config *config = config_make();

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct config_directory *directory = (struct config_directory *)&good;
		struct reports reports = {0};

		CU_ASSERT_EQUAL(parse(config, cases[i].text, &reports, &directory), -EINVAL);
		CU_ASSERT_PTR_EQUAL(directory, (struct config_directory *)&good);
		CU_ASSERT_FATAL(reports.count > 0);
		if (cases[i].message)
			UNIT_STRING_EQUAL(reports.list[0] + strlen("d.json:"), cases[i].message);
		reports_free(&reports);
	}
	config_free(config);
}

static void no_file(void)
{
	struct config_directory *directory = NULL;
	struct config *config = config_make();
	struct reports reports = {0};

	CU_ASSERT_EQUAL(config_directory_load("/nonexistent/d.json", config, collect, &reports, &directory), -ENOENT);
	CU_ASSERT(reports.count == 1 && !directory);
	reports_free(&reports);
	config_free(config);
}

static void named(void)
{
	static const char *const messages[] = {"1: resolve: expected none, as there is no 'identity' to negotiate with",
		NULL};
	static const char alone[] = "{\"locator\": \"fd00:1:0:1::/64\", \"uplinks\": [], \"vnets\": [], "
				    "\"resolve\": {\"file\": \"d.json\"}}";
	struct config *config = config_make();

	CU_ASSERT(!config->resolve.present && !config->resolve.lifetime_s);
	config_free(config);
	config = accept_line(9, "\"resolve\": {\"file\": \"d.json\"},");
	CU_ASSERT(config->resolve.present && config->resolve.lifetime_s == 300);
	UNIT_STRING_EQUAL(config->resolve.file, "d.json");
	config_free(config);
	config = accept_line(9, "\"resolve\": {\"file\": \"d.json\", \"lifetime\": 86400},");
	CU_ASSERT_EQUAL(config->resolve.lifetime_s, 86400);
	config_free(config);
	refuse_text(alone, strlen(alone), messages);
}

static const struct unit_test tests[] = {
	{"what is in it is found", found},
	{"an empty one", empty},
	{"what is refused", refused},
	{"a file that is not there", no_file},
	{"how the configuration names it", named},
};

int main(void)
{
	return unit_run("directory", tests, ARRAY_LEN(tests));
}
