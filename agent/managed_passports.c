/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passports from the manager. See managed_internal.h.
 *
 * All of the host's are fetched at once: signed in one batch, they cost a peer one signature. They are fetched again when half of
 * their life is over, or a node has come that has none; and kept on disk, since what they say outlives the agent.
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/authority.h"
#include "agent/managed_internal.h"
#include "agent/mirror.h"
#include "agent/question.h"
#include "agent/transport.h"
#include "lib/array.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/time.h"

#define WAITING_MOST 1024
#define LIFETIME_LEAST_S 2
#define FILE_MOST (8u << 20)

struct paper {
	char name[CONFIG_NAME_MAX];
	uint64_t incarnation, end_s;
	size_t length;
	uint8_t octets[NODE_PASSPORT_LEN_MAX];
};

struct papers {
	struct paper *entries;
	size_t count, room;
};

struct ids {
	uint64_t *entries;
	size_t count, room;
};

struct managed_passports {
	struct managed *managed;
	uint8_t host[HOST_PASSPORT_LEN];
	uint64_t host_end_s; /* 0: there is none */
	struct papers papers;
	struct ids waiting; /* questions */
	struct web_request *request;
	struct loop_timer *timer;
	uint64_t failures;
	bool again; /* something was wanted while a request was under way */
};

static uint64_t wall_s(void)
{
	return (uint64_t)time(NULL);
}

/* ---- what is there */

static struct paper *paper_find(struct managed_passports *passports, const char *name)
{
	for (size_t i = 0; i < passports->papers.count; i++)
		if (!strcmp(passports->papers.entries[i].name, name))
			return &passports->papers.entries[i];
	return NULL;
}

int managed_host_passport(const struct agent *agent, uint8_t out[HOST_PASSPORT_LEN])
{
	const struct managed_passports *passports = agent->managed->passports;

	if (passports->host_end_s <= wall_s())
		return -EAGAIN;
	memcpy(out, passports->host, HOST_PASSPORT_LEN);
	return 0;
}

uint64_t managed_passports_end_s(const struct managed *managed)
{
	return managed->passports ? managed->passports->host_end_s : 0;
}

int managed_node_passport(struct agent *agent, size_t node, uint64_t incarnation, uint64_t id, const uint8_t **octets)
{
	struct managed_passports *passports = agent->managed->passports;
	const struct paper *paper = paper_find(passports, agent->config->nodes[node].name);

	if (paper && paper->incarnation == incarnation && paper->end_s > wall_s()) {
		*octets = paper->octets;
		return (int)paper->length;
	}
	managed_passports_refresh(agent->managed);
	if (!id)
		return -EAGAIN;
	if (passports->waiting.count >= WAITING_MOST || array_add(&passports->waiting, id))
		return -ENOBUFS;
	return -EAGAIN;
}

/* Who waited looks again, whatever has come. */
static void wake(struct managed_passports *passports)
{
	struct ids waiting = passports->waiting;

	passports->waiting = (struct ids){0};
	for (size_t i = 0; i < waiting.count; i++)
		question_resolved(passports->managed->agent, waiting.entries[i]);
	free(waiting.entries);
	if (waiting.count && passports->managed->agent->transport)
		transport_flush(passports->managed->agent);
}

/* ---- an answer */

static int base64_of(const cJSON *value, uint8_t *out, size_t room, size_t *length)
{
	const char *text = cJSON_GetStringValue(value), *end;

	if (!text ||
		sodium_base642bin(out, room, text, strlen(text), NULL, length, &end, sodium_base64_VARIANT_ORIGINAL) ||
		*end)
		return -EBADMSG;
	return 0;
}

/* What a passport says of its end and incarnation is believed once its signature is seen to be the authority's. */
static int paper_read(const struct managed_passports *passports, const char *name, const cJSON *value,
	struct paper *out)
{
	const uint8_t *authority = passports->managed->agent->config->identity.authority;
	struct paper paper = {0};
	struct node_passport passport;
	int error = base64_of(value, paper.octets, sizeof(paper.octets), &paper.length);

	if (!error)
		error = node_passport_verify(paper.octets, paper.length, authority, wall_s(), NULL, &passport);
	if (error)
		return error;
	snprintf(paper.name, sizeof(paper.name), "%s", name);
	paper.incarnation = passport.incarnation;
	paper.end_s = passport.not_after_s;
	*out = paper;
	return 0;
}

static int host_read(struct managed_passports *passports, const cJSON *value)
{
	const uint8_t *authority = passports->managed->agent->config->identity.authority;
	uint8_t octets[HOST_PASSPORT_LEN];
	struct host_passport passport;
	size_t length;
	int error = base64_of(value, octets, sizeof(octets), &length);

	if (!error)
		error = host_passport_verify(octets, length, authority, wall_s(), &passport);
	if (error)
		return error;
	memcpy(passports->host, octets, sizeof(octets));
	passports->host_end_s = passport.not_after_s;
	return 0;
}

/* From the manager, or from disk. Returns 0 or -EBADMSG. */
static int answer_read(struct managed_passports *passports, const char *text, size_t length)
{
	struct json_error problem;
	cJSON *tree = json_parse(text, length, &problem);
	struct papers papers = {0};
	const cJSON *each;
	int error = tree ? host_read(passports, json_member(tree, "host")) : -EBADMSG;

	cJSON_ArrayForEach(each, json_member(tree, "nodes")) {
		const char *name = cJSON_GetStringValue(json_member(each, "name"));
		const cJSON *value = json_member(each, "passport");
		struct paper paper;

		if (error || !name || cJSON_IsNull(value))
			continue;
		error = paper_read(passports, name, value, &paper);
		if (!error)
			error = array_add(&papers, paper);
	}
	cJSON_Delete(tree);
	if (error) {
		free(papers.entries);
		return error;
	}
	free(passports->papers.entries);
	passports->papers = papers;
	return 0;
}

/* ---- asking */

/* The least of what is left of them. */
static uint64_t left_s(const struct managed_passports *passports)
{
	uint64_t now_s = wall_s(), end_s = passports->host_end_s;

	for (size_t i = 0; i < passports->papers.count; i++)
		if (passports->papers.entries[i].end_s < end_s)
			end_s = passports->papers.entries[i].end_s;
	return end_s > now_s ? end_s - now_s : 0;
}

/* At half of what is left, each host at a time of its own. */
static void plan(struct managed_passports *passports)
{
	uint64_t wait_ns = left_s(passports) * NSEC_PER_SEC / 2;

	if (wait_ns < LIFETIME_LEAST_S * NSEC_PER_SEC)
		wait_ns = LIFETIME_LEAST_S * NSEC_PER_SEC;
	wait_ns -= wait_ns / 100 * randombytes_uniform(20);
	loop_timer_at(passports->timer, time_now_ns() + wait_ns);
}

/* The incarnation of a node that is online, or 0. */
static uint64_t incarnation_of(const struct agent *agent, size_t index)
{
	const struct config_node *node = &agent->config->nodes[index];
	struct mapping_key key = {.vni = node->identity.vni};
	struct mapping_value value;

	if (!agent->ports || !agent->ports[index].attached)
		return 0;
	memcpy(key.address, node->address.octet, 4);
	return mirror_mapping(agent, &key, &value) ? 0 : value.incarnation;
}

static char *question_text(const struct agent *agent)
{
	cJSON *body = cJSON_CreateObject(), *nodes = cJSON_AddArrayToObject(body, "nodes");
	char *text;

	for (size_t i = 0; i < agent->config->node_count; i++) {
		uint64_t incarnation = incarnation_of(agent, i);
		cJSON *node;

		if (!incarnation)
			continue;
		node = cJSON_CreateObject();
		cJSON_AddStringToObject(node, "name", agent->config->nodes[i].name);
		json_add_u64(node, "incarnation", incarnation);
		cJSON_AddItemToArray(nodes, node);
	}
	text = cJSON_PrintUnformatted(body);
	cJSON_Delete(body);
	return text;
}

static void keep(struct managed_passports *passports, const char *text, size_t length)
{
	char path[MANAGED_PATH_MAX];
	int error;

	managed_path(passports->managed, "passports.json", path);
	error = file_write(path, text, length, 0600);
	if (error)
		log_warning("%s: %s", path, strerror(-error));
}

static void on_answer(void *context, long status, const char *body, size_t length)
{
	struct managed_passports *passports = context;
	struct agent *agent = passports->managed->agent;
	bool again = passports->again;

	if (status == -ECANCELED)
		return;
	passports->request = NULL;
	passports->again = false;
	if (status == 200 && answer_read(passports, body, length) == 0) {
		passports->failures = 0;
		keep(passports, body, length);
		transport_passport(agent);
		plan(passports);
	} else {
		/* What is there is good to its end. */
		if (passports->failures++ == 0)
			log_warning("manager: no passports: %s%s", status < 0 ? strerror((int)-status) : "",
				status < 0 ? "" : body);
		loop_timer_at(passports->timer, time_now_ns() + managed_backoff_ns(passports->failures));
		again = false;
	}
	wake(passports);
	if (again)
		managed_passports_refresh(passports->managed);
}

void managed_passports_refresh(struct managed *managed)
{
	struct managed_passports *passports = managed->passports;
	scope_free char *text = NULL;

	if (!managed->secret)
		return;
	if (passports->request) {
		passports->again = true;
		return;
	}
	/* One that failed a moment ago is tried again in its time. */
	if (passports->failures)
		return;
	text = question_text(managed->agent);
	if (text)
		passports->request =
			web_post(managed->web, "/v1/agent/passports", managed->secret, text, on_answer, passports);
	if (!passports->request)
		loop_timer_at(passports->timer, time_now_ns() + NSEC_PER_SEC);
}

static void on_timer(void *context)
{
	struct managed_passports *passports = context;
	uint64_t failures = passports->failures;

	passports->failures = 0;
	managed_passports_refresh(passports->managed);
	passports->failures = failures;
}

void managed_passports_check(struct managed *managed)
{
	const struct agent *agent = managed->agent;

	for (size_t i = 0; i < agent->config->node_count; i++) {
		uint64_t incarnation = incarnation_of(agent, i);
		const struct paper *paper =
			incarnation ? paper_find(managed->passports, agent->config->nodes[i].name) : NULL;

		if (!incarnation || (paper && paper->incarnation == incarnation))
			continue;
		managed_passports_refresh(managed);
		return;
	}
}

/* ---- another configuration */

static bool same_identity(const struct config_node *a, const struct config_node *b)
{
	const struct policy_identity *x = &a->identity, *y = &b->identity;

	return a->slot == b->slot && x->vni == y->vni && ipv4_equal(x->address, y->address) &&
	       x->account == y->account && x->group_count == y->group_count &&
	       memcmp(x->groups, y->groups, x->group_count * sizeof(x->groups[0])) == 0;
}

static const struct config_node *node_named(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->node_count; i++)
		if (!strcmp(config->nodes[i].name, name))
			return &config->nodes[i];
	return NULL;
}

void managed_passports_reloaded(struct managed *managed, const struct config *old)
{
	struct managed_passports *passports = managed->passports;
	const struct config *new = managed->agent->config;
	bool wanted = false;

	for (size_t i = 0; i < passports->papers.count;) {
		struct paper *paper = &passports->papers.entries[i];
		const struct config_node *before = node_named(old, paper->name), *now = node_named(new, paper->name);

		if (before && now && same_identity(before, now)) {
			i++;
			continue;
		}
		*paper = passports->papers.entries[--passports->papers.count];
		wanted |= now != NULL;
	}
	for (size_t i = 0; i < new->node_count; i++)
		wanted |= !paper_find(passports, new->nodes[i].name);
	if (wanted)
		managed_passports_refresh(managed);
}

/* ---- begin and end */

static void load(struct managed_passports *passports)
{
	scope_free char *text = NULL;
	char path[MANAGED_PATH_MAX];
	size_t length;

	managed_path(passports->managed, "passports.json", path);
	/* What is not there, or has run out, is fetched. */
	if (file_read(path, FILE_MOST, &text, &length) == 0)
		answer_read(passports, text, length);
}

int managed_passports_open(struct managed *managed)
{
	struct managed_passports *passports = calloc(1, sizeof(*passports));

	if (!passports)
		return -ENOMEM;
	passports->managed = managed;
	managed->passports = passports;
	passports->timer = loop_timer(managed->agent->loop, on_timer, passports);
	if (!passports->timer)
		return -ENOMEM;
	load(passports);
	loop_timer_at(passports->timer, time_now_ns());
	return 0;
}

void managed_passports_close(struct managed *managed)
{
	struct managed_passports *passports = managed->passports;

	if (!passports)
		return;
	loop_timer_free(passports->timer);
	free(passports->papers.entries);
	free(passports->waiting.entries);
	free(passports);
	managed->passports = NULL;
}
