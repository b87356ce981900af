/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where an address is (ONM-5), and who is there; for an agent whose node may send it something. See enrol.h.
 */
#include <errno.h>
#include <microhttpd.h>
#include <string.h>

#include "lib/json.h"
#include "lib/log.h"
#include "lib/time.h"
#include "manager/agents.h"
#include "manager/enrol.h"
#include "manager/http.h"
#include "manager/judge.h"
#include "manager/metrics.h"

#define QUERIES_MOST 1000
#define LIFETIME_S 300 /* of a place: asked for again while it is in use, and told when it changes */

struct query {
	struct manager *manager;
	const struct object *host;
	const struct object *vnet, *source, *destination;
};

static struct object *node_at(const struct manager *manager, const struct object *vnet, struct ipv4 address)
{
	struct object *found = state_at(manager->state, vnet->name, address, NULL);

	if (found && found->kind == MODEL_ADDRESS)
		found = state_find(manager->state, MODEL_NODE, object_text(found, "node"));
	return found;
}

/* Returns 0, or -EINVAL: it is no query at all. What is not there stays NULL. */
static int query_read(struct query *query, const cJSON *entry)
{
	const char *source = cJSON_GetStringValue(json_member(entry, "source"));
	const char *destination = cJSON_GetStringValue(json_member(entry, "destination"));
	struct ipv4 from, to;
	long long vni;

	if (json_integer(json_member(entry, "vni"), 1, VNI_MAX, &vni) || !source || !destination ||
		ipv4_parse(source, &from) || ipv4_parse(destination, &to))
		return -EINVAL;
	query->vnet = state_vnet(query->manager->state, (uint32_t)vni);
	if (!query->vnet)
		return 0;
	query->source = node_at(query->manager, query->vnet, from);
	query->destination = node_at(query->manager, query->vnet, to);
	return 0;
}

/* That the agent speaks for the source, that it is a member, and that it may reach the destination: in this order. */
static const char *refusal(struct query *query)
{
	struct policy_identity source, destination;
	struct policy_answer joined;

	if (!query->vnet || !query->source || strcmp(object_text(query->source, "host"), query->host->name)) {
		metrics_count(query->manager, METRIC_RESOLVE_REFUSED);
		log_warning("resolve: host %s asks for a node that is not its own", query->host->name);
		return "refused";
	}
	if (!query->destination)
		return "absent";
	if (judge_identity(query->manager, query->source, &source) ||
		judge_identity(query->manager, query->destination, &destination) ||
		judge_ask(query->manager, query->vnet, &source, &destination, 0, 0, NULL, NULL, &joined) ||
		!policy_reaches(&joined)) {
		metrics_count(query->manager, METRIC_RESOLVE_REFUSED);
		return "refused";
	}
	return NULL;
}

static void answer_found(struct query *query, cJSON *answer)
{
	const struct object *node = query->destination;
	const struct object *host = state_find(query->manager->state, MODEL_HOST, object_text(node, "host"));
	const struct groups *groups = viewer_groups(agents_viewer(query->manager));
	char account[MODEL_PART_MAX];
	struct group_set set;
	cJSON *list;

	if (!host || !object_text(host, "key") || !groups || group_set_new(groups, &set)) {
		/* Its host has not joined: nobody is there to ask. */
		cJSON_AddFalseToObject(answer, "found");
		cJSON_AddStringToObject(answer, "why", "absent");
		return;
	}
	object_account(node, account);
	cJSON_AddTrueToObject(answer, "found");
	cJSON_AddStringToObject(answer, "locator", object_text(host, "locator"));
	cJSON_AddNumberToObject(answer, "slot",
		(double)object_number(node, "slot", host->locator.length == 72 ? host->locator.octet[8] >> 2 : 0));
	cJSON_AddStringToObject(answer, "node", node->name);
	cJSON_AddStringToObject(answer, "account", account);
	list = cJSON_AddArrayToObject(answer, "groups");
	groups_of_node(groups, node, &set);
	for (size_t i = 0; i < set.count; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(groups_object(groups, set.entries[i])->name));
	group_set_free(&set);
	cJSON_AddStringToObject(answer, "host", host->name);
	cJSON_AddStringToObject(answer, "key", object_text(host, "key"));
	cJSON_AddNumberToObject(answer, "lifetime", LIFETIME_S);
	agents_subscribe(query->manager, query->host, (uint32_t)query->vnet->id, node->address, LIFETIME_S);
}

static int answer_one(struct manager *manager, const struct object *host, const cJSON *entry, cJSON *answers)
{
	struct query query = {.manager = manager, .host = host};
	const char *why;
	cJSON *answer;

	if (query_read(&query, entry))
		return -EINVAL;
	metrics_count(manager, METRIC_RESOLVE);
	answer = cJSON_CreateObject();
	why = refusal(&query);
	if (why) {
		cJSON_AddFalseToObject(answer, "found");
		cJSON_AddStringToObject(answer, "why", why);
	} else {
		answer_found(&query, answer);
	}
	cJSON_AddItemToArray(answers, answer);
	return 0;
}

void resolve_handle(struct http_request *request)
{
	struct manager *manager = http_manager(request);
	const struct object *host = state_find(manager->state, MODEL_HOST, http_principal(request)->name);
	const cJSON *body = http_json(request), *queries = json_member(body, "queries"), *entry;
	cJSON *out, *answers;

	if (!body)
		return;
	if (!host || !cJSON_IsArray(queries) || cJSON_GetArraySize(queries) > QUERIES_MOST) {
		http_refuse(request, MHD_HTTP_UNPROCESSABLE_CONTENT, "queries: expected a list of at most %d",
			QUERIES_MOST);
		return;
	}
	out = cJSON_CreateObject();
	answers = cJSON_AddArrayToObject(out, "answers");
	cJSON_ArrayForEach(entry, queries) {
		if (answer_one(manager, host, entry, answers) == 0)
			continue;
		cJSON_Delete(out);
		http_refuse(request, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"queries: expected objects of vni, source and destination, the latter two IPv4 addresses");
		return;
	}
	http_answer(request, MHD_HTTP_OK, out);
}
