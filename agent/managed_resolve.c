/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The manager as a resolver (resolve.h): what is asked in one round of the loop goes in one request.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/managed_internal.h"
#include "agent/resolve.h"
#include "lib/array.h"
#include "lib/error.h"
#include "lib/json.h"
#include "lib/time.h"

#define QUERIES_MOST 500 /* of one request */

struct query {
	uint32_t vni;
	struct ipv4 source, destination;
};

struct queries {
	struct query *entries;
	size_t count, room;
};

struct managed_resolver {
	struct managed *managed;
	struct queries wanted;
	struct loop_timer *timer;
};

/* A request that is under way. */
struct asked {
	struct managed *managed;
	struct queries queries;
};

static int op_ask(void *context, uint32_t vni, struct ipv4 source, struct ipv4 destination)
{
	struct managed_resolver *resolver = context;

	if (!resolver->wanted.count)
		loop_timer_at(resolver->timer, time_now_ns());
	return array_add(&resolver->wanted, ((struct query){vni, source, destination}));
}

static const struct resolve_ops ops = {.name = "manager", .ask = op_ask};

/* ---- answers */

static int found_read(const cJSON *answer, struct resolve_answer *out)
{
	const char *locator = cJSON_GetStringValue(json_member(answer, "locator"));
	const char *node = cJSON_GetStringValue(json_member(answer, "node"));
	const char *account = cJSON_GetStringValue(json_member(answer, "account"));
	const char *host = cJSON_GetStringValue(json_member(answer, "host"));
	const char *key = cJSON_GetStringValue(json_member(answer, "key"));
	struct resolve_answer found = {.outcome = RESOLVE_FOUND};
	long long slot, lifetime_s;
	const cJSON *each;

	if (!locator || !node || !host || !key || locator_parse(locator, &found.locator) || key_parse(key, found.key) ||
		json_integer(json_member(answer, "slot"), 0, SLOT_MAX, &slot) ||
		json_integer(json_member(answer, "lifetime"), 1, 86400, &lifetime_s))
		return -EBADMSG;
	found.slot = (uint8_t)slot;
	found.lifetime_s = (uint32_t)lifetime_s;
	found.host = policy_id(host);
	found.identity.node = policy_id(node);
	found.identity.account = account ? policy_id(account) : 0;
	cJSON_ArrayForEach(each, json_member(answer, "groups")) {
		if (cJSON_IsString(each) && found.identity.group_count < POLICY_GROUPS_MAX)
			found.identity.groups[found.identity.group_count++] = policy_id(each->valuestring);
	}
	*out = found;
	return 0;
}

static struct resolve_answer answer_read(const cJSON *answer)
{
	const char *why = cJSON_GetStringValue(json_member(answer, "why"));
	struct resolve_answer out = {.outcome = RESOLVE_FAILED};

	if (cJSON_IsTrue(json_member(answer, "found"))) {
		if (found_read(answer, &out))
			out.outcome = RESOLVE_FAILED;
	} else if (why) {
		out.outcome = strcmp(why, "refused") ? RESOLVE_ABSENT : RESOLVE_REFUSED;
	}
	return out;
}

static void on_answer(void *context, long status, const char *body, size_t length)
{
	struct asked *asked = context;
	struct json_error problem;
	cJSON *tree = status == 200 ? json_parse(body, length, &problem) : NULL;
	const cJSON *answers = json_member(tree, "answers"), *at = answers ? answers->child : NULL;

	for (size_t i = 0; status != -ECANCELED && i < asked->queries.count; i++) {
		const struct query *query = &asked->queries.entries[i];
		struct resolve_answer answer = answer_read(at);

		at = at ? at->next : NULL;
		resolve_answered(asked->managed->agent, query->vni, query->destination, &answer);
	}
	cJSON_Delete(tree);
	free(asked->queries.entries);
	free(asked);
}

/* ---- questions */

static char *question_text(const struct queries *queries)
{
	cJSON *body = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(body, "queries");
	char text[ADDRESS_TEXT_MAX], *out;

	for (size_t i = 0; i < queries->count; i++) {
		const struct query *query = &queries->entries[i];
		cJSON *item = cJSON_CreateObject();

		cJSON_AddNumberToObject(item, "vni", query->vni);
		cJSON_AddStringToObject(item, "source", ipv4_format(query->source, text));
		cJSON_AddStringToObject(item, "destination", ipv4_format(query->destination, text));
		cJSON_AddItemToArray(list, item);
	}
	out = cJSON_PrintUnformatted(body);
	cJSON_Delete(body);
	return out;
}

static void send_some(struct managed_resolver *resolver)
{
	struct asked *asked = calloc(1, sizeof(*asked));
	struct queries *wanted = &resolver->wanted;
	size_t count = wanted->count < QUERIES_MOST ? wanted->count : QUERIES_MOST;
	scope_free char *text = NULL;

	if (!asked) {
		wanted->count = 0;
		return;
	}
	asked->managed = resolver->managed;
	for (size_t i = 0; i < count; i++)
		if (array_add(&asked->queries, wanted->entries[i]))
			break;
	wanted->count -= count;
	memmove(wanted->entries, wanted->entries + count, wanted->count * sizeof(*wanted->entries));
	text = question_text(&asked->queries);
	/* Who is not answered has failed after a second (resolve.h). */
	if (text && resolver->managed->secret &&
		web_post(resolver->managed->web, "/v1/agent/resolve", resolver->managed->secret, text, on_answer,
			asked))
		return;
	free(asked->queries.entries);
	free(asked);
}

static void on_timer(void *context)
{
	struct managed_resolver *resolver = context;

	while (resolver->wanted.count)
		send_some(resolver);
}

/* ---- begin and end */

int managed_resolve_open(struct managed *managed)
{
	struct managed_resolver *resolver = calloc(1, sizeof(*resolver));

	if (!resolver)
		return -ENOMEM;
	resolver->managed = managed;
	managed->resolver = resolver;
	resolver->timer = loop_timer(managed->agent->loop, on_timer, resolver);
	if (!resolver->timer)
		return -ENOMEM;
	resolve_use(managed->agent, &ops, resolver);
	return 0;
}

void managed_resolve_close(struct managed *managed)
{
	struct managed_resolver *resolver = managed->resolver;

	if (!resolver)
		return;
	loop_timer_free(resolver->timer);
	free(resolver->wanted.entries);
	free(resolver);
	managed->resolver = NULL;
}
