/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passports for a host and its nodes. See enrol.h.
 */
#include <errno.h>
#include <microhttpd.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/json.h"
#include "lib/time.h"
#include "manager/agents.h"
#include "manager/enrol.h"
#include "manager/http.h"
#include "policy/policy.h"
#include "proto/passport.h"

#define NODES_MOST 1024

struct signing {
	struct manager *manager;
	const struct object *host;
	struct node_passport *passports;
	struct node_passport_octets *octets;
	const struct object **nodes; /* of each that is signed */
	size_t count;
	uint64_t now_s, revision;
	unsigned lifetime_s; /* the least of those signed */
};

static void add_base64(cJSON *object, const char *name, const uint8_t *octets, size_t length)
{
	char text[sodium_base64_ENCODED_LEN(NODE_PASSPORT_LEN_MAX, sodium_base64_VARIANT_ORIGINAL)];

	sodium_bin2base64(text, sizeof(text), octets, length, sodium_base64_VARIANT_ORIGINAL);
	cJSON_AddStringToObject(object, name, text);
}

/* Greater than any before, also of another manager whose clock is right within what lies between two changes. */
static uint64_t revision_now(void)
{
	static uint64_t last;
	struct timespec now;
	uint64_t ns;

	clock_gettime(CLOCK_REALTIME, &now);
	ns = (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
	last = ns > last ? ns : last + 1;
	return last;
}

/* The node of that name, if the host may speak for it. */
static const struct object *node_of(const struct signing *signing, const char *name)
{
	const struct object *node = state_find(signing->manager->state, MODEL_NODE, name);

	return node && !strcmp(object_text(node, "host"), signing->host->name) ? node : NULL;
}

static uint64_t account_id(const struct object *node)
{
	char account[MODEL_PART_MAX];

	object_account(node, account);
	return policy_id(account);
}

static int add_groups(struct signing *signing, const struct object *node, struct node_passport *passport)
{
	const struct groups *groups = viewer_groups(agents_viewer(signing->manager));
	struct group_set set;

	if (!groups || group_set_new(groups, &set))
		return -ENOMEM;
	groups_of_node(groups, node, &set);
	/* More than a passport holds: the first ones count; fewer groups never allow what a policy denies a stranger. */
	for (size_t i = 0; i < set.count && i < PASSPORT_GROUPS_MAX; i++)
		passport->groups[passport->group_count++] = policy_id(groups_object(groups, set.entries[i])->name);
	group_set_free(&set);
	return 0;
}

static int sign_node(struct signing *signing, const struct object *node, uint64_t incarnation)
{
	const struct object *vnet = state_find(signing->manager->state, MODEL_VNET, object_text(node, "vnet"));
	unsigned lifetime_s = (unsigned)object_number(vnet, "passport_lifetime", signing->manager->options.lease_s);
	struct node_passport *passport = &signing->passports[signing->count];

	/* No longer than the authority's lease. */
	if (lifetime_s > signing->manager->options.lease_s)
		lifetime_s = signing->manager->options.lease_s;
	if (lifetime_s < signing->lifetime_s)
		signing->lifetime_s = lifetime_s;
	*passport = (struct node_passport){
		.vni = (uint32_t)vnet->id,
		.slot = (uint8_t)object_number(node, "slot",
			signing->host->locator.length == 72 ? signing->host->locator.octet[8] >> 2 : 0),
		.node = node->id,
		.account = account_id(node),
		.host = signing->host->id,
		.incarnation = incarnation,
		.not_before_s = signing->now_s,
		.not_after_s = signing->now_s + lifetime_s,
		.revision = signing->revision,
		.address_count = 1,
		.addresses = {node->address},
	};
	signing->nodes[signing->count++] = node;
	return add_groups(signing, node, passport);
}

/* "incarnation": 64 bits travel as a string. */
static int incarnation_of(const cJSON *entry, uint64_t *out)
{
	const char *text = cJSON_GetStringValue(json_member(entry, "incarnation"));
	char *end;

	if (!text || *text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return *end || errno || !*out ? -EINVAL : 0;
}

static int sign_all(struct signing *signing, const cJSON *nodes)
{
	const cJSON *entry;
	int error = 0;

	cJSON_ArrayForEach(entry, nodes) {
		const char *name = cJSON_GetStringValue(json_member(entry, "name"));
		const struct object *node = name ? node_of(signing, name) : NULL;
		uint64_t incarnation;

		if (!node || !state_find(signing->manager->state, MODEL_VNET, object_text(node, "vnet")))
			continue;
		error = incarnation_of(entry, &incarnation);
		if (!error)
			error = sign_node(signing, node, incarnation);
		if (error)
			return error;
	}
	return node_passports_sign(signing->passports, signing->count, signing->manager->authority.secret,
		signing->octets);
}

static int sign_host(struct signing *signing, cJSON *body)
{
	struct host_passport passport = {
		.host = signing->host->id,
		.locator = signing->host->locator,
		.not_before_s = signing->now_s,
		.not_after_s = signing->now_s + signing->manager->options.lease_s,
		.revision = signing->revision,
	};
	const char *key = object_text(signing->host, "key");
	uint8_t octets[HOST_PASSPORT_LEN];

	if (!key || key_parse(key, passport.key) ||
		host_passport_sign(&passport, signing->manager->authority.secret, octets) < 0)
		return -EINVAL;
	add_base64(body, "host", octets, sizeof(octets));
	return 0;
}

static void answer(struct http_request *request, struct signing *signing, const cJSON *nodes, cJSON *body)
{
	cJSON *list = cJSON_AddArrayToObject(body, "nodes");
	const cJSON *entry;
	size_t at = 0;

	cJSON_ArrayForEach(entry, nodes) {
		const char *name = cJSON_GetStringValue(json_member(entry, "name"));
		cJSON *item = cJSON_CreateObject();

		cJSON_AddStringToObject(item, "name", name ? name : "");
		if (at < signing->count && name && !strcmp(signing->nodes[at]->name, name)) {
			add_base64(item, "passport", signing->octets[at].octets, signing->octets[at].length);
			at++;
		} else {
			cJSON_AddNullToObject(item, "passport");
		}
		cJSON_AddItemToArray(list, item);
	}
	cJSON_AddNumberToObject(body, "lifetime", signing->lifetime_s);
	http_answer(request, MHD_HTTP_OK, body);
}

void passports_handle(struct http_request *request)
{
	struct manager *manager = http_manager(request);
	const cJSON *body = http_json(request), *nodes = json_member(body, "nodes");
	struct signing signing = {
		.manager = manager,
		.host = state_find(manager->state, MODEL_HOST, http_principal(request)->name),
		.now_s = (uint64_t)time(NULL),
		.revision = revision_now(),
		.lifetime_s = manager->options.lease_s,
	};
	size_t most = (size_t)cJSON_GetArraySize(nodes);
	cJSON *out = cJSON_CreateObject();

	if (!body) {
		cJSON_Delete(out);
		return;
	}
	signing.passports = most <= NODES_MOST ? calloc(most + 1, sizeof(*signing.passports)) : NULL;
	signing.octets = calloc(most + 1, sizeof(*signing.octets));
	signing.nodes = calloc(most + 1, sizeof(*signing.nodes));
	if (!cJSON_IsArray(nodes) || !signing.passports || !signing.octets || !signing.nodes || !signing.host ||
		sign_host(&signing, out) || sign_all(&signing, nodes)) {
		cJSON_Delete(out);
		http_refuse(request, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"nodes: expected a list of at most %d of {name, incarnation}, the latter a number as a string",
			NODES_MOST);
	} else {
		answer(request, &signing, nodes, out);
	}
	free(signing.passports);
	free(signing.octets);
	free(signing.nodes);
}
