/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What ovnet.json says for negotiated authorization: identity, hosts, groups, policies, and how a vnet negotiates. Each kind
 * of value arrives, and decides what it should. What is refused is in test_config_refusals.c.
 */
#include "selftests/unit/config_file.h"

#include "policy/service.h"
#include "proto/key.h"

#define MANUAL "docs/man/ovnet.json.5"

/* ---- what arrives */

static void static_as_before(void)
{
	struct config *config;

	base = good;
	base_count = ARRAY_LEN(good);
	config = accept_line(0, "");
	CU_ASSERT_PTR_NULL(config->policies);
	CU_ASSERT(!config->identity.present && config->host_count == 0);
	CU_ASSERT_EQUAL(config->vnets[0].authorization, AUTHORIZATION_STATIC);
	CU_ASSERT(config->nodes[0].identity.vni == 77 && config->nodes[0].identity.node == policy_id("A"));
	CU_ASSERT(ipv4_equal(config->nodes[0].identity.address, config->nodes[0].address));
	CU_ASSERT(config->nodes[0].identity.account == 0 && config->nodes[0].identity.group_count == 0);
	CU_ASSERT(config->mappings[0].identity.node == 0 && config->mappings[0].identity.vni == 77);
	UNIT_STRING_EQUAL(config->mappings[0].name, "");
	CU_ASSERT(config->limits.questions == 2000 && config->limits.questions_burst == 64);
	CU_ASSERT(config->limits.pending == 16384 && config->limits.pending_per_port == 256);
	CU_ASSERT(config->limits.queue_packets == 256 && config->limits.queue_bytes == 1048576);
	config_free(config);
	base = negotiated;
	base_count = ARRAY_LEN(negotiated);
}

static void directory(void)
{
	struct config *config = accept_line(0, "");
	char text[KEY_TEXT_MAX];

	CU_ASSERT(config->identity.present && config->identity.host == 0);
	UNIT_STRING_EQUAL(config->identity.key, "host.key");
	UNIT_STRING_EQUAL(config->identity.signing_key, "authority.key");
	key_format(config->identity.authority, text);
	UNIT_STRING_EQUAL(text, KEY_1);
	CU_ASSERT_EQUAL_FATAL(config->host_count, 2);
	UNIT_STRING_EQUAL(config->hosts[1].name, "h2");
	CU_ASSERT(config->hosts[1].id == policy_id("h2") && config->hosts[1].locator.octet[7] == 2);
	key_format(config->hosts[1].key, text);
	UNIT_STRING_EQUAL(text, KEY_3);
	config_free(config);

	config = accept_line(3, "\"hosts\": [{\"name\": \"h3\", \"locator\": \"fd00:1:0:3::/64\", \"key\": \"" KEY_1
				"\"}, " HOST_1 ",");
	CU_ASSERT(config->host_count == 3 && config->identity.host == 1);
	config_free(config);
}

static void identities(void)
{
	struct config *config = accept_line(0, "");
	const struct policy_identity *a = &config->nodes[0].identity, *b = &config->mappings[0].identity;

	CU_ASSERT(a->vni == 77 && a->node == policy_id("A") && a->account == policy_id("shop"));
	CU_ASSERT_EQUAL_FATAL(a->group_count, 2);
	CU_ASSERT(a->groups[0] == policy_id("outer") && a->groups[1] == policy_id("inner"));
	CU_ASSERT(b->vni == 77 && b->node == policy_id("B") && b->account == policy_id("guest"));
	CU_ASSERT(b->group_count == 1 && b->groups[0] == policy_id("inner"));
	CU_ASSERT(ipv4_equal(b->address, config->mappings[0].address));
	UNIT_STRING_EQUAL(config->mappings[0].name, "B");
	UNIT_STRING_EQUAL(policy_set_group_name(config->policies, policy_id("outer")), "outer");
	config_free(config);
}

static void vnet_choices(void)
{
	struct config *config = accept_line(0, "");
	const struct config_vnet *vnet = &config->vnets[0];
	const struct policy_vnet *set = policy_set_find_vnet(config->policies, 77);

	CU_ASSERT(vnet->authorization == AUTHORIZATION_NEGOTIATED && vnet->pending == PENDING_QUEUE);
	CU_ASSERT(vnet->replies == REPLIES_SESSION && vnet->silence == SILENCE_DENY && vnet->answers == ANSWERS_WIDE);
	CU_ASSERT(vnet->ask == ASK_DESTINATION && vnet->agreement == AGREE_BOTH);
	CU_ASSERT(vnet->default_in == DEFAULT_DENY && vnet->default_out == DEFAULT_ALLOW);
	CU_ASSERT(vnet->grant_lifetime_s == 30 && vnet->passport_lifetime_s == 900);
	CU_ASSERT(set && set->agreement == AGREE_BOTH && set->default_in == DEFAULT_DENY);
	CU_ASSERT(set && set->default_out == DEFAULT_ALLOW);
	CU_ASSERT_PTR_NULL(policy_set_find_vnet(config->policies, 78)); /* static */
	config_free(config);

	config = accept_line(5,
		"\"vnets\": [" VNET_Y ", {\"name\": \"Z\", \"vni\": 77, \"authorization\": \"negotiated\", "
		"\"pending\": \"discard\", \"replies\": \"negotiate\", \"silence\": \"allow\", \"answers\": \"exact\", "
		"\"ask\": \"agent\", \"agreement\": \"one\", \"default_in\": \"group\", \"grant_lifetime\": 3600, "
		"\"passport_lifetime\": 60}],");
	vnet = &config->vnets[1];
	set = policy_set_find_vnet(config->policies, 77);
	CU_ASSERT(vnet->pending == PENDING_DISCARD && vnet->replies == REPLIES_NEGOTIATE);
	CU_ASSERT(vnet->silence == SILENCE_ALLOW && vnet->answers == ANSWERS_EXACT && vnet->ask == ASK_AGENT);
	CU_ASSERT(vnet->agreement == AGREE_ONE && vnet->grant_lifetime_s == 3600 && vnet->passport_lifetime_s == 60);
	CU_ASSERT(set && set->agreement == AGREE_ONE && set->default_in == DEFAULT_GROUP);
	CU_ASSERT(set && set->default_out == DEFAULT_DENY);
	config_free(config);

	config = accept_line(5,
		"\"vnets\": [{\"name\": \"Z\", \"vni\": 77, \"authorization\": \"negotiated\", \"agreement\": \"one\", "
		"\"default_in\": \"allow\", \"default_out\": \"account\"}],");
	CU_ASSERT(config->vnets[0].default_in == DEFAULT_ALLOW && config->vnets[0].default_out == DEFAULT_ACCOUNT);
	config_free(config);

	config = accept_line(5,
		"\"vnets\": [{\"name\": \"Z\", \"vni\": 77, \"authorization\": \"negotiated\", \"pending\": \"forward\"}],");
	CU_ASSERT(config->vnets[0].pending == PENDING_FORWARD);
	config_free(config);
}

static void limits(void)
{
	struct config *config = accept_line(9,
		"\"limits\": {\"questions\": 10, \"questions_burst\": 1, \"pending\": 100, \"queue_packets\": 7, "
		"\"queue_bytes\": 65536},");

	CU_ASSERT(config->limits.questions == 10 && config->limits.questions_burst == 1);
	CU_ASSERT(config->limits.pending == 100 && config->limits.pending_per_port == 100);
	CU_ASSERT(config->limits.queue_packets == 7 && config->limits.queue_bytes == 65536);
	config_free(config);
}

static const struct policy *only_policy(const struct config *config)
{
	const struct policy *policy = policy_set_find(config->policies, 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(policy);
	return policy;
}

/* Groups are checked, and then not needed. */
static void groups_alone(void)
{
	static const char *const around =
		"{\"locator\": \"fd00:1:0:1::/64\", \"uplinks\": [], \"vnets\": [], \"groups\": [%s]}";
	struct config *config = NULL;
	struct reports reports = {0};
	char text[512];

	snprintf(text, sizeof(text), around,
		"{\"name\": \"a\"}, {\"name\": \"b\", \"groups\": [\"a\"], \"default_in\": \"group\"}");
	CU_ASSERT_EQUAL(config_parse(text, strlen(text), "t.json", collect, &reports, &config), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	CU_ASSERT_PTR_NULL(config->policies);
	config_free(config);
	snprintf(text, sizeof(text), around, "{\"name\": \"a\", \"groups\": [\"a\"]}");
	refuse_text(text, strlen(text),
		(const char *const[]){
			"1: groups: expected no group within itself, got 'groups contain each other: a in a'", NULL});
}

/* A default of a group arrives: it takes the place of the vnet's. */
static void group_defaults(void)
{
	struct config *config = accept_line(6,
		"\"groups\": [{\"name\": \"inner\", \"default_in\": \"allow\"}, {\"name\": \"outer\", \"default_out\": \"deny\"}],");
	const struct policy_identity *a = &config->nodes[0].identity, *b = &config->mappings[0].identity;
	struct policy_answer answer;

	policy_answer(config->policies, SIDE_IN, a, b, CAST_MULTICAST, 6, 80, &answer);
	CU_ASSERT(answer.otherwise.allow);
	policy_answer(config->policies, SIDE_OUT, a, b, CAST_UNICAST, 6, 80, &answer);
	CU_ASSERT(!answer.otherwise.allow && answer.otherwise.group == policy_id("outer"));
	policy_answer(config->policies, SIDE_OUT, b, a, CAST_UNICAST, 6, 80, &answer);
	CU_ASSERT(answer.otherwise.allow && answer.otherwise.group == 0);
	config_free(config);
}

static void policy_members(void)
{
	struct config *config = accept_line(0, "");
	const struct policy *policy = only_policy(config);

	CU_ASSERT(policy->vni == 77 && policy->side == SIDE_IN && policy->allow && policy->casts == 0);
	CU_ASSERT(policy->service_count == 0 && !policy->target.negated && !policy->peer.negated);
	CU_ASSERT(policy->target.count == 1 && policy->target.items[0].kind == ITEM_ANY);
	CU_ASSERT(policy->peer.count == 1 && policy->peer.items[0].kind == ITEM_ANY);
	UNIT_STRING_EQUAL(policy->name, "");
	config_free(config);

	config = accept_line(10,
		"\"policies\": [{\"id\": 4294967295, \"vnet\": 77, \"verdict\": \"allow\"},"
		"{\"verdict\": \"deny\", \"side\": \"out\", \"name\": \"x-1\", \"vnet\": \"77\", \"id\": 1, "
		"\"cast\": [\"multicast\", \"broadcast\"]");
	policy = only_policy(config);
	CU_ASSERT(policy->side == SIDE_OUT && !policy->allow);
	CU_ASSERT_EQUAL(policy->casts, CAST_MULTICAST | CAST_BROADCAST);
	UNIT_STRING_EQUAL(policy->name, "x-1");
	CU_ASSERT_PTR_NOT_NULL(policy_set_find(config->policies, 4294967295u));
	config_free(config);
}

static bool is_range(const struct policy_item *item, const char *low, const char *high)
{
	char text[ADDRESS_TEXT_MAX];

	return item->kind == ITEM_RANGE && strcmp(ipv4_format(item->low, text), low) == 0 &&
	       strcmp(ipv4_format(item->high, text), high) == 0;
}

static void selectors(void)
{
	struct config *config = accept_line(10,
		POLICY("\"target\": [\"any\", \"node:A\", \"node:B\", \"10.0.0.5\", \"10.0.1.0/24\", \"0.0.0.0/0\", "
		       "\"10.0.0.1-10.0.0.9\", \"10.0.0.7/32\", \"group:inner\", \"vnet:Z\", \"vnet:77\", "
		       "\"account:nobody\"], \"peers\": {\"not\": \"account:guest\"}"));
	const struct policy *policy = only_policy(config);
	const struct policy_item *items = policy->target.items;

	CU_ASSERT_EQUAL_FATAL(policy->target.count, 12);
	CU_ASSERT(!policy->target.negated && items[0].kind == ITEM_ANY);
	CU_ASSERT(items[1].kind == ITEM_NODE && items[1].id == policy_id("A"));
	CU_ASSERT(items[2].kind == ITEM_NODE && items[2].id == policy_id("B"));
	CU_ASSERT(is_range(&items[3], "10.0.0.5", "10.0.0.5"));
	CU_ASSERT(is_range(&items[4], "10.0.1.0", "10.0.1.255"));
	CU_ASSERT(is_range(&items[5], "0.0.0.0", "255.255.255.255"));
	CU_ASSERT(is_range(&items[6], "10.0.0.1", "10.0.0.9"));
	CU_ASSERT(is_range(&items[7], "10.0.0.7", "10.0.0.7"));
	CU_ASSERT(items[8].kind == ITEM_GROUP && items[8].id == policy_id("inner"));
	CU_ASSERT(items[9].kind == ITEM_VNET && items[9].vni == 77);
	CU_ASSERT(items[10].kind == ITEM_VNET && items[10].vni == 77);
	CU_ASSERT(items[11].kind == ITEM_ACCOUNT && items[11].id == policy_id("nobody"));
	CU_ASSERT(policy->peer.negated && policy->peer.count == 1 && policy->peer.items[0].kind == ITEM_ACCOUNT);
	config_free(config);

	config = accept_line(10, POLICY("\"peers\": {\"not\": [\"group:outer\", \"10.0.0.5\"]}"));
	policy = only_policy(config);
	CU_ASSERT(policy->peer.negated && policy->peer.count == 2 && policy->peer.items[0].kind == ITEM_GROUP);
	config_free(config);
}

static bool is_service(const struct policy_service *service, uint8_t protocol, uint16_t low, uint16_t high)
{
	return !service->any && service->protocol == protocol && service->low == low && service->high == high;
}

static void services(void)
{
	struct config *config = accept_line(10,
		POLICY("\"services\": [\"http\", \"domain\", \"tcp/80\", \"tcp/8000-9000\", \"udp\", \"icmp/8\", "
		       "\"icmp/echo\", \"icmp\", \"icmp/0-255\", \"tcp/1-65535\", \"any\", \"47\", \"0\", \"255\"]"));
	const struct policy_service *list = only_policy(config)->services;

	CU_ASSERT_EQUAL_FATAL(only_policy(config)->service_count, 15);
	CU_ASSERT(is_service(&list[0], 6, 80, 80));
	CU_ASSERT(is_service(&list[1], 6, 53, 53) && is_service(&list[2], 17, 53, 53));
	CU_ASSERT(is_service(&list[3], 6, 80, 80) && is_service(&list[4], 6, 8000, 9000));
	CU_ASSERT(is_service(&list[5], 17, 0, 65535));
	CU_ASSERT(is_service(&list[6], 1, 8, 8) && is_service(&list[7], 1, 8, 8));
	CU_ASSERT(is_service(&list[8], 1, 0, 65535) && is_service(&list[9], 1, 0, 255));
	CU_ASSERT(is_service(&list[10], 6, 1, 65535));
	CU_ASSERT(list[11].any);
	CU_ASSERT(is_service(&list[12], 47, 0, 65535));
	CU_ASSERT(is_service(&list[13], 0, 0, 65535) && is_service(&list[14], 255, 0, 65535));
	config_free(config);
}

/* ---- the manual page */

static char *page_read(void)
{
	FILE *file = fopen(MANUAL, "re");
	char *page = calloc(1, 1 << 16);
	size_t length = file && page ? fread(page, 1, (1 << 16) - 1, file) : 0;

	if (file)
		fclose(file);
	CU_ASSERT_FATAL(length > 0 && length < (1 << 16) - 1);
	return page;
}

/* Every named service is what its name says, and in the page. */
static void named_services(void)
{
	scope_free char *page = page_read();
	size_t count;
	const struct service_name *names = service_names(&count);

	CU_ASSERT_FATAL(count > 0);
	for (size_t i = 0; i < count; i++) {
		static const char *const protocols[] = {[1] = "icmp", [6] = "tcp", [17] = "udp"};
		struct policy_service parsed[SERVICE_TRANSPORTS_MAX] = {0};
		const char *protocol = protocols[names[i].protocol];
		char text[64], item[64], *at, *end;
		int found;

		snprintf(text, sizeof(text), "%s%s", names[i].protocol == 1 ? "icmp/" : "", names[i].name);
		found = service_parse(text, parsed);
		CU_ASSERT_FATAL(found >= 1 && found <= SERVICE_TRANSPORTS_MAX);
		CU_ASSERT(is_service(&parsed[0], names[i].protocol, names[i].port, names[i].port) ||
			  is_service(&parsed[1], names[i].protocol, names[i].port, names[i].port));
		snprintf(item, sizeof(item), "\n.It %s Ta ", names[i].name);
		snprintf(text, sizeof(text), "%s/%u", protocol, names[i].port);
		at = strstr(page, item);
		end = at ? strchr(at + 1, '\n') : NULL;
		CU_ASSERT(at && end && memmem(at, (size_t)(end - at), text, strlen(text)));
	}
}

/* Both examples of the page are accepted; the second one decides what the text above it says. */
static void examples(void)
{
	scope_free char *page = page_read();
	char *at = strstr(page, ".Sh EXAMPLES\n"), *end;
	struct config *config = NULL;
	const struct policy_identity *web, *client;
	struct policy_identity guest;
	struct policy_answer answer;

	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	for (int i = 0; i < 2; i++) {
		struct reports reports = {0};

		config_free(config);
		config = NULL;
		at = strstr(at, ".Bd -literal");
		CU_ASSERT_PTR_NOT_NULL_FATAL(at);
		at = strchr(at, '\n') + 1;
		end = strstr(at, ".Ed\n");
		CU_ASSERT_PTR_NOT_NULL_FATAL(end);
		CU_ASSERT_EQUAL(config_parse(at, (size_t)(end - at), "page", collect, &reports, &config), 0);
		for (size_t j = 0; j < reports.count; j++)
			printf("\n    %s\n", reports.list[j]);
		reports_free(&reports);
		CU_ASSERT_PTR_NOT_NULL_FATAL(config);
		at = end;
	}

	web = &config->nodes[0].identity;
	client = &config->mappings[0].identity;
	guest = *client;
	guest.account = policy_id("guest");
	policy_answer(config->policies, SIDE_IN, client, web, CAST_UNICAST, 6, 80, &answer);
	CU_ASSERT(answer.complete && !answer.otherwise.allow);
	CU_ASSERT(policy_look(&answer, 6, 80)->allow && policy_look(&answer, 6, 80)->policy == 1);
	CU_ASSERT(policy_look(&answer, 6, 443)->allow && policy_look(&answer, 6, 8010)->allow);
	CU_ASSERT(!policy_look(&answer, 6, 22)->allow && !policy_look(&answer, 17, 80)->allow);
	CU_ASSERT(policy_look(&answer, 1, 8)->allow && policy_look(&answer, 1, 8)->policy == 3);
	policy_answer(config->policies, SIDE_IN, &guest, web, CAST_UNICAST, 6, 80, &answer);
	CU_ASSERT(!policy_look(&answer, 6, 80)->allow && policy_look(&answer, 6, 80)->policy == 2);
	policy_answer(config->policies, SIDE_OUT, web, client, CAST_UNICAST, 6, 22, &answer);
	CU_ASSERT(policy_look(&answer, 6, 22)->allow && policy_look(&answer, 6, 22)->by == BY_DEFAULT);
	config_free(config);
}

/* ---- sizes */

static size_t print_mappings(char *text, size_t size, size_t count)
{
	size_t used = (size_t)snprintf(text, size, "\"mappings\": [");

	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, size - used,
			"%s{\"name\": \"m%zu\", \"vnet\": \"Z\", \"address\": \"10.1.%zu.%zu\", \"locator\": \"fd00:1:0:2::/64\", "
			"\"account\": \"a%zu\", \"groups\": [\"g%zu\"]}\n",
			i ? "," : "", i, i >> 8, i & 255, i, i % 4096);
	return used + (size_t)snprintf(text + used, size - used, "],");
}

/* Names are looked up, not searched for: this is done in a moment or not at all. */
static void large(void)
{
	const size_t mappings = 20000, policies = 16384, groups = 4096, size = 16 << 20;
	scope_free char *text = malloc(size);
	struct config *config = NULL;
	struct reports reports = {0};
	size_t used;

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	used = (size_t)snprintf(text, size,
		"{\"locator\": \"fd00:1:0:1::/64\", \"uplinks\": [], \"hosts\": [" HOST_1 "], \"vnets\": [" VNET_Z "], "
		"\"identity\": {\"host\": \"h1\", " FILES ", \"authority\": \"" KEY_1 "\"}, \"groups\": [");
	for (size_t i = 0; i < groups; i++)
		used += (size_t)snprintf(text + used, size - used, "%s{\"name\": \"g%zu\", \"groups\": [%s%.0zu%s]}\n",
			i ? "," : "", i, i ? "\"g" : "", i ? i - 1 : 0,
			i == 1 ? "0\""
			: i    ? "\""
			       : "");
	used += (size_t)snprintf(text + used, size - used, "],");
	used += print_mappings(text + used, size - used, mappings);
	used += (size_t)snprintf(text + used, size - used, "\"policies\": [");
	for (size_t i = 0; i < policies; i++)
		used += (size_t)snprintf(text + used, size - used,
			"%s{\"id\": %zu, \"vnet\": \"Z\", \"verdict\": \"allow\", \"peers\": [\"node:m%zu\", \"group:g%zu\"], "
			"\"services\": [\"http\"]}\n",
			i ? "," : "", policies - i, i, i % groups);
	used += (size_t)snprintf(text + used, size - used, "]}");
	CU_ASSERT_FATAL(used < size);
	CU_ASSERT_EQUAL(config_parse(text, used, "t.json", collect, &reports, &config), 0);
	for (size_t i = 0; i < reports.count && i < 3; i++)
		printf("\n    %s\n", reports.list[i]);
	reports_free(&reports);
	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	CU_ASSERT_EQUAL(config->mapping_count, mappings);
	CU_ASSERT_PTR_NOT_NULL(policy_set_find(config->policies, (uint32_t)policies));
	config_free(config);
}

/* As a manager writes them: of two parts, wherever a name may stand. */
static void names_of_two_parts(void)
{
	static const char text[] =
		"{\"locator\": \"fd00:1:0:1::/64\", \"uplinks\": [],\n"
		"\"identity\": {\"host\": \"h1\", " FILES ", \"authority\": \"" KEY_1 "\"},\n"
		"\"hosts\": [" HOST_1 "], \"vnets\": [{\"name\": \"acme/net\", \"vni\": 77, \"authorization\": "
		"\"negotiated\"}],\n"
		"\"groups\": [{\"name\": \"acme/inner\"}, {\"name\": \"b/inner\", \"groups\": [\"acme/inner\"]}],\n"
		"\"nodes\": [{\"name\": \"acme/web1\", \"port\": \"tapA\", \"vnet\": \"acme/net\", \"address\": "
		"\"10.0.0.2\", \"mac\": \"02:00:00:00:00:0a\", \"account\": \"acme\", \"groups\": [\"acme/inner\"]},\n"
		"{\"name\": \"b/web1\", \"port\": \"tapB\", \"vnet\": \"acme/net\", \"address\": \"10.0.0.3\", "
		"\"mac\": \"02:00:00:00:00:0b\", \"account\": \"b/sub\"}],\n"
		"\"policies\": [{\"id\": 1, \"name\": \"acme/p\", \"vnet\": \"acme/net\", \"target\": \"node:b/web1\", "
		"\"peers\": [\"group:b/inner\", \"vnet:acme/net\", \"account:b/sub\", \"node:acme/web1\"], "
		"\"verdict\": \"allow\"}]}";
	struct config *config = NULL;
	struct reports reports = {0};
	struct policy_answer answer;

	CU_ASSERT_EQUAL_FATAL(config_parse(text, strlen(text), "t.json", collect, &reports, &config), 0);
	UNIT_STRING_EQUAL(config->nodes[1].name, "b/web1");
	CU_ASSERT(config->nodes[1].identity.node == policy_id("b/web1"));
	CU_ASSERT(config->nodes[1].identity.account == policy_id("b/sub"));
	UNIT_STRING_EQUAL(policy_set_find(config->policies, 1)->name, "acme/p");
	UNIT_STRING_EQUAL(policy_set_group_name(config->policies, policy_id("b/inner")), "b/inner");
	policy_answer(config->policies, SIDE_IN, &config->nodes[0].identity, &config->nodes[1].identity, CAST_UNICAST,
		6, 80, &answer);
	CU_ASSERT(policy_look(&answer, 6, 80)->allow);
	policy_answer(config->policies, SIDE_IN, &config->nodes[1].identity, &config->nodes[0].identity, CAST_UNICAST,
		6, 80, &answer);
	CU_ASSERT_FALSE(policy_look(&answer, 6, 80)->allow);
	config_free(config);
}

static const struct unit_test tests[] = {
	{"a static file means what it meant", static_as_before},
	{"identity and hosts arrive", directory},
	{"nodes and mappings are whole identities", identities},
	{"the choices of a vnet, and their defaults", vnet_choices},
	{"limits, and the default that one lowers", limits},
	{"groups without a negotiated vnet", groups_alone},
	{"defaults of groups", group_defaults},
	{"the members of a policy", policy_members},
	{"every kind of selector", selectors},
	{"every kind of service", services},
	{"named services are what they say, and in the manual page", named_services},
	{"the examples of the manual page hold", examples},
	{"long lists", large},
	{"names of two parts", names_of_two_parts},
};

int main(void)
{
	base = negotiated;
	base_count = ARRAY_LEN(negotiated);
	return unit_run("config policy", tests, ARRAY_LEN(tests));
}
