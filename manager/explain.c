/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Explaining by the policies that agents judge by. See explain.h. One of the ends at least must be visible to who asks; of the
 * other, and of policies that are not to be seen, is told what a packet would tell anyway: whether it goes.
 */
#include "manager/explain.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "manager/agents.h"
#include "manager/http.h"
#include "manager/judge.h"

static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {{"icmp", IPPROTO_ICMP}, {"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}};

struct end {
	const struct object *node; /* NULL until it is found */
	struct ipv4 address;       /* by which it was asked for, or its own */
	bool seen;
};

struct explanation {
	struct http_request *request;
	struct manager *manager;
	const struct object *vnet;
	struct end source, destination;
	uint8_t protocol;
	uint16_t port;
	struct policy_answer in, out, joined;
};

/* ---- the question */

static const char *need(struct explanation *explanation, const char *name)
{
	const char *value = http_query(explanation->request, name);

	if (!value || !*value)
		http_refuse(explanation->request, MHD_HTTP_BAD_REQUEST, "%s: expected a value, got nothing", name);
	return value && *value ? value : NULL;
}

static int refuse_name(struct explanation *explanation, const char *what, const char *text)
{
	http_refuse(explanation->request, MHD_HTTP_NOT_FOUND, "%s: there is no %s", what, text);
	return -ENOENT;
}

/* An end by its name: whole, or within the account that asks. */
static int end_by_name(struct explanation *explanation, const char *what, const char *text, struct end *end)
{
	const struct principal *principal = http_principal(explanation->request);
	char name[MODEL_NAME_MAX], message[200];

	if (model_name(MODEL_NODE, principal->account, text, name, message)) {
		http_refuse(explanation->request, MHD_HTTP_BAD_REQUEST, "%s: %s, or an address", what, message);
		return -EINVAL;
	}
	end->node = state_find(explanation->manager->state, MODEL_NODE, name);
	if (!end->node)
		return 0;
	end->address = end->node->address;
	end->seen = auth_sees(principal, end->node);
	return 0;
}

static void end_by_address(struct explanation *explanation, struct end *end)
{
	const struct object *found = state_at(explanation->manager->state, explanation->vnet->name, end->address, NULL);

	if (found && found->kind == MODEL_ADDRESS)
		found = object_text(found, "node")
				? state_find(explanation->manager->state, MODEL_NODE, object_text(found, "node"))
				: NULL;
	end->node = found;
	end->seen = found && auth_sees(http_principal(explanation->request), found);
}

static int read_vnet(struct explanation *explanation)
{
	const char *text = http_query(explanation->request, "vnet");
	const struct object *node = explanation->source.node ? explanation->source.node : explanation->destination.node;
	char name[MODEL_NAME_MAX], message[200];

	if (!text && !node) {
		http_refuse(explanation->request, MHD_HTTP_BAD_REQUEST,
			"vnet: expected one, as an address may be in several");
		return -EINVAL;
	}
	if (!text) {
		explanation->vnet = state_find(explanation->manager->state, MODEL_VNET, object_text(node, "vnet"));
		return explanation->vnet ? 0 : refuse_name(explanation, "vnet", object_text(node, "vnet"));
	}
	if (model_name(MODEL_VNET, http_principal(explanation->request)->account, text, name, message)) {
		http_refuse(explanation->request, MHD_HTTP_BAD_REQUEST, "vnet: %s", message);
		return -EINVAL;
	}
	explanation->vnet = state_find(explanation->manager->state, MODEL_VNET, name);
	if (explanation->vnet && auth_sees(http_principal(explanation->request), explanation->vnet))
		return 0;
	return refuse_name(explanation, "vnet", name);
}

static int read_ends(struct explanation *explanation)
{
	const char *source = need(explanation, "source"),
		   *destination = source ? need(explanation, "destination") : NULL;
	bool by_address[2];
	int error;

	if (!destination)
		return -EINVAL;
	by_address[0] = ipv4_parse(source, &explanation->source.address) == 0;
	by_address[1] = ipv4_parse(destination, &explanation->destination.address) == 0;
	error = by_address[0] ? 0 : end_by_name(explanation, "source", source, &explanation->source);
	if (!error && !by_address[1])
		error = end_by_name(explanation, "destination", destination, &explanation->destination);
	/* By name somebody else's node is as good as none: its vnet is not to be learned from here. */
	if (!error && !by_address[0] && !explanation->source.seen && !explanation->destination.seen && !by_address[1])
		error = refuse_name(explanation, "source", source);
	if (!error)
		error = read_vnet(explanation);
	if (error)
		return error;
	if (by_address[0])
		end_by_address(explanation, &explanation->source);
	if (by_address[1])
		end_by_address(explanation, &explanation->destination);
	if (!explanation->source.seen && !explanation->destination.seen)
		return refuse_name(explanation, "source and destination", "node of yours at either of them");
	if (!explanation->source.node)
		return refuse_name(explanation, "source", source);
	return explanation->destination.node ? 0 : refuse_name(explanation, "destination", destination);
}

static bool is_in(const struct explanation *explanation, const struct end *end)
{
	return !strcmp(object_text(end->node, "vnet"), explanation->vnet->name);
}

static int read_service(struct explanation *explanation)
{
	const char *text = need(explanation, "protocol");
	bool has_port = http_query(explanation->request, "port"), named = false;
	uint64_t number;

	if (!text)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		if (strcmp(protocols[i].name, text))
			continue;
		explanation->protocol = protocols[i].number;
		named = true;
	}
	if (!named && http_number(explanation->request, "protocol", 0, 255, 0, &number))
		return -EINVAL;
	if (!named)
		explanation->protocol = (uint8_t)number;
	if (http_number(explanation->request, "port", 0, 65535, explanation->protocol == IPPROTO_ICMP ? ICMP_ECHO : 0,
		    &number))
		return -EINVAL;
	explanation->port = (uint16_t)number;
	if (has_port || (explanation->protocol != IPPROTO_TCP && explanation->protocol != IPPROTO_UDP))
		return 0;
	http_refuse(explanation->request, MHD_HTTP_BAD_REQUEST,
		"port: expected the responder's, as tcp and udp have one, got nothing");
	return -EINVAL;
}

/* ---- the answer */

static void add_text(cJSON *object, const char *name, const char *text)
{
	if (text)
		cJSON_AddStringToObject(object, name, text);
	else
		cJSON_AddNullToObject(object, name);
}

static const char *group_name(const struct explanation *explanation, uint64_t id)
{
	const struct groups *groups = viewer_groups(agents_viewer(explanation->manager));
	size_t count = state_count(explanation->manager->state, MODEL_GROUP) +
		       state_count(explanation->manager->state, MODEL_SECURITY_GROUP);

	for (size_t i = 0; id && groups && i < count; i++)
		if (policy_id(groups_object(groups, i)->name) == id)
			return groups_object(groups, i)->name;
	return NULL;
}

static const char *handle_name(const struct explanation *explanation, uint64_t id)
{
	const struct object *each;

	LIST_FOREACH(each, state_all(explanation->manager->state, MODEL_HANDLE), of_kind) {
		if (id && policy_id(each->name) == id)
			return each->name;
	}
	return NULL;
}

static void add_decision(const struct explanation *explanation, cJSON *to, const char *name,
	const struct policy_answer *answer)
{
	static const char *const by[] = {[BY_DEFAULT] = "default", [BY_GROUP] = "group", [BY_ADDRESS] = "address"};
	const struct policy_decision *decision = policy_look(answer, explanation->protocol, explanation->port);
	const struct object *policy;
	bool seen;
	cJSON *entry;

	if (!decision) {
		cJSON_AddNullToObject(to, name);
		return;
	}
	policy = state_policy(explanation->manager->state, decision->policy);
	seen = !decision->policy || (policy && auth_sees(http_principal(explanation->request), policy));
	entry = cJSON_AddObjectToObject(to, name);
	cJSON_AddStringToObject(entry, "verdict", decision->allow ? "allow" : "deny");
	cJSON_AddStringToObject(entry, "by", by[decision->by]);
	cJSON_AddNumberToObject(entry, "policy", decision->policy);
	add_text(entry, "policy_name", policy && seen ? policy->name : NULL);
	add_text(entry, "group", seen ? group_name(explanation, decision->group) : NULL);
	add_text(entry, "handle", seen ? handle_name(explanation, decision->handle) : NULL);
}

static void add_end(const struct explanation *explanation, cJSON *to, const char *name, const struct end *end)
{
	const struct groups *groups = viewer_groups(agents_viewer(explanation->manager));
	cJSON *entry = cJSON_AddObjectToObject(to, name), *list;
	char address[ADDRESS_TEXT_MAX];
	struct group_set set;

	add_text(entry, "name", end->seen ? end->node->name : NULL);
	cJSON_AddStringToObject(entry, "address", ipv4_format(end->address, address));
	add_text(entry, "host", end->seen ? object_text(end->node, "host") : NULL);
	if (!end->seen || !groups || group_set_new(groups, &set)) {
		cJSON_AddNullToObject(entry, "groups");
		return;
	}
	list = cJSON_AddArrayToObject(entry, "groups");
	groups_of_node(groups, end->node, &set);
	for (size_t i = 0; i < set.count; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(groups_object(groups, set.entries[i])->name));
	group_set_free(&set);
}

static const char *protocol_name(uint8_t protocol, char number[8])
{
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
		if (protocols[i].number == protocol)
			return protocols[i].name;
	snprintf(number, 8, "%u", protocol);
	return number;
}

static cJSON *render(const struct explanation *explanation)
{
	const struct policy_decision *joined =
		policy_look(&explanation->joined, explanation->protocol, explanation->port);
	cJSON *body = cJSON_CreateObject(), *desired;
	char number[8];

	cJSON_AddStringToObject(body, "vnet", explanation->vnet->name);
	cJSON_AddNumberToObject(body, "vni", (double)explanation->vnet->id);
	add_text(body, "agreement", object_text(explanation->vnet, "agreement"));
	cJSON_AddStringToObject(body, "protocol", protocol_name(explanation->protocol, number));
	cJSON_AddNumberToObject(body, "port", explanation->port);
	cJSON_AddStringToObject(body, "verdict", !joined ? "unknown" : joined->allow ? "allow" : "deny");
	add_end(explanation, body, "source", &explanation->source);
	add_end(explanation, body, "destination", &explanation->destination);
	desired = cJSON_AddObjectToObject(body, "desired");
	add_decision(explanation, desired, "source", &explanation->out);
	add_decision(explanation, desired, "destination", &explanation->in);
	add_decision(explanation, desired, "joined", &explanation->joined);
	cJSON_AddNumberToObject(body, "revision", (double)state_revision(explanation->manager->state));
	return body;
}

static int judge(struct explanation *explanation)
{
	struct policy_identity source, destination;

	if (judge_identity(explanation->manager, explanation->source.node, &source) ||
		judge_identity(explanation->manager, explanation->destination.node, &destination))
		return -ENOMEM;
	/* Asked by another address of a node, it is the address that policies go by. */
	source.address = explanation->source.address;
	destination.address = explanation->destination.address;
	return judge_ask(explanation->manager, explanation->vnet, &source, &destination, explanation->protocol,
		explanation->port, &explanation->in, &explanation->out, &explanation->joined);
}

void explain_handle(struct http_request *request)
{
	struct explanation explanation = {.request = request, .manager = http_manager(request)};

	if (read_ends(&explanation) || read_service(&explanation))
		return;
	if (!is_in(&explanation, &explanation.source) || !is_in(&explanation, &explanation.destination)) {
		http_refuse(request, MHD_HTTP_UNPROCESSABLE_CONTENT, "expected two nodes of the vnet %s",
			explanation.vnet->name);
		return;
	}
	if (judge(&explanation)) {
		http_refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE,
			"the policies of the vnet cannot be judged; the log says why");
		return;
	}
	http_answer(request, MHD_HTTP_OK, render(&explanation));
}
