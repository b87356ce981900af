/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration files for tests: a good one, of which a line is replaced, and what is then found in it.
 */
#ifndef OVNET_SELFTESTS_CONFIG_FILE_H
#define OVNET_SELFTESTS_CONFIG_FILE_H

#include "selftests/unit/unit.h"

#include <errno.h>

#include "config/config.h"
#include "lib/error.h"

#define REPORTS_MAX 64

struct reports {
	size_t count;
	char *list[REPORTS_MAX];
};

static inline void collect(void *context, const char *message)
{
	struct reports *reports = context;

	CU_ASSERT_FATAL(reports->count < REPORTS_MAX);
	reports->list[reports->count++] = strdup(message);
}

static inline void reports_free(struct reports *reports)
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
	/* 6 */
	"{\"name\": \"A\", \"port\": \"tapA\", \"vnet\": \"Z\", \"address\": \"10.0.0.2\", \"mac\": \"02:00:00:00:00:0a\"},",
	/* 7 */
	"{\"name\": \"B\", \"port\": \"tapB\", \"vnet\": \"Y\", \"address\": \"10.0.0.2\", \"mac\": \"02:00:00:00:00:0b\"}],",
	/* 8 */ "\"mappings\": [{\"vnet\": \"Z\", \"address\": \"10.0.0.3\", \"locator\": \"fd00:1:0:2::/64\"}],",
	/* 9 */ "\"rules\": [",
	/* 10 */ "{\"vnet\": \"Z\", \"from\": \"10.0.0.2\", \"to\": \"10.0.0.3\", \"verdict\": \"allow\"}],",
	/* 11 */ "\"limits\": {},",
	/* 12 */ "\"idle\": {}",
	/* 13 */ "}",
};

/* ---- a good file with a vnet that is negotiated */

#define KEY_1 "r6QQMd+/DQE+mWi6HKj+u6mPOh8aeGWjl6+qot7/zm0="
#define KEY_2 "vDj7JUGhptl1n5Dd06Z2MIf3OcRwGpW9dXQxAa/ns4c="
#define KEY_3 "Y+riHrODtkSurfkfflmh62bjFG7qtTB2HJ7oaAJ3Vz0="
#define NO_KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

#define HOST_1 "{\"name\": \"h1\", \"locator\": \"fd00:1:0:1::/64\", \"key\": \"" KEY_2 "\"}"
#define HOST_2 "{\"name\": \"h2\", \"locator\": \"fd00:1:0:2::/64\", \"key\": \"" KEY_3 "\"}"
#define VNET_Z "{\"name\": \"Z\", \"vni\": 77, \"authorization\": \"negotiated\"}"
#define VNET_Y "{\"name\": \"Y\", \"vni\": 78}"
#define FILES "\"key\": \"host.key\", \"signing_key\": \"authority.key\""
#define NODE_A                                                                                                         \
	"{\"name\": \"A\", \"port\": \"tapA\", \"vnet\": \"Z\", \"address\": \"10.0.0.2\", \"mac\": \"02:00:00:00:00:0a\""
#define MAPPING_B "{\"name\": \"B\", \"vnet\": \"Z\", \"address\": \"10.0.0.3\", \"locator\": \"fd00:1:0:2::/64\""

static const char *const negotiated[] = {
	/* 1 */ "{\"locator\": \"fd00:1:0:1::/64\", \"uplinks\": [],",
	/* 2 */ "\"identity\": {\"host\": \"h1\", " FILES ", \"authority\": \"" KEY_1 "\"},",
	/* 3 */ "\"hosts\": [" HOST_1 ",",
	/* 4 */ HOST_2 "],",
	/* 5 */ "\"vnets\": [" VNET_Z ", " VNET_Y "],",
	/* 6 */ "\"groups\": [{\"name\": \"inner\"}, {\"name\": \"outer\", \"groups\": [\"inner\"]}],",
	/* 7 */ "\"nodes\": [" NODE_A ", \"account\": \"shop\", \"groups\": [\"outer\", \"inner\"]}],",
	/* 8 */ "\"mappings\": [" MAPPING_B ", \"account\": \"guest\", \"groups\": [\"inner\"]}],",
	/* 9 */ "\"limits\": {},",
	/* 10 */ "\"policies\": [{\"id\": 1, \"vnet\": \"Z\", \"verdict\": \"allow\"",
	/* 11 */ "}]}",
};

/* The policy of line 10 with more members. */
#define POLICY(rest) "\"policies\": [{\"id\": 1, \"vnet\": \"Z\", \"verdict\": \"allow\", " rest

/* ---- what a test does with them */

/* What is replaced in; a test with a good file of its own says so at its start. */
static const char *const *base = good;
static size_t base_count = ARRAY_LEN(good);

/* The good file with line `line` replaced (0: none). */
static inline void compose(char *text, size_t size, size_t line, const char *replacement)
{
	size_t used = 0;

	for (size_t i = 0; i < base_count; i++) {
		const char *content = i + 1 == line ? replacement : base[i];

		used += (size_t)snprintf(text + used, size - used, "%s\n", content);
		CU_ASSERT_FATAL(used < size);
	}
}

static inline struct config *accept_line(size_t line, const char *replacement)
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
static inline void refuse_text(const char *text, size_t length, const char *const *messages)
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
	const char *messages[8]; /* without "t.json:" */
};

static inline void check_refusals(const struct refusal *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char text[8192];

		compose(text, sizeof(text), cases[i].line, cases[i].replacement);
		refuse_text(text, strlen(text), cases[i].messages);
	}
}

/* What messages say of values that are refused. */
#define LOCATOR_WANTED                                                                                                 \
	"expected an IPv6 prefix like fd00:1:0:1::/64, or /72 for a single slot, zero beyond its length, got "
#define IFNAME_WANTED "expected an interface name of 1 to 15 characters without '/', ':', '%' or space, got "
#define PART_WANTED "expected a name of 1 to 31 letters, digits, '_', '.' or '-', got "
#define NAME_WANTED                                                                                                    \
	"expected a name of 1 to 31 letters, digits, '_', '.' or '-', or two of those with '/' between, got "
#define IPV4_WANTED "expected an IPv4 unicast address like 10.0.0.2, got "
#define MAC_WANTED "expected a unicast MAC address like 02:00:00:00:00:0a, got "
#define INSTANCE_WANTED "expected a name of 1 to 31 letters, digits, '_', '.' or '-', and not just '.' or '..', got "

#endif /* OVNET_SELFTESTS_CONFIG_FILE_H */
