/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A configuration on trial. See trial.h. The questions are those of a reload (revocation.c), asked with the other configuration in
 * place and the answers thrown away.
 */
#include "agent/trial.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "agent/authority.h"
#include "agent/revocation.h"
#include "lib/time.h"

#define ICMP_ECHO 8

struct trial {
	struct agent *agent;
	struct rule_list ended; /* in order of keys */
	struct trial_result *result;
};

static bool has_node(const struct config *config, const struct rule_key *key)
{
	for (size_t i = 0; i < config->node_count; i++)
		if (config->nodes[i].identity.vni == key->vni && !memcmp(config->nodes[i].address.octet, key->local, 4))
			return true;
	return false;
}

static bool ends(struct agent *agent, const struct rule_entry *entry)
{
	return entry->value.origin == ORIGIN_NEGOTIATED && entry->value.verdict == VERDICT_ALLOW &&
	       time_now_ns() < entry->value.expires_ns &&
	       (!has_node(agent->config, &entry->key) || !revocation_holds(agent, entry));
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct rule_key));
}

/* The rule that let the session in: by its width, less of what the session is about. */
static int count_session(void *context, const struct session_key *key, const struct session_value *value)
{
	struct trial *trial = context;
	struct rule_key rule = {.vni = key->vni, .direction = value->direction, .width = value->width};

	memcpy(rule.local, key->local, 4);
	memcpy(rule.peer, key->peer, 4);
	if (value->width == WIDTH_PORT || value->width == WIDTH_PROTOCOL)
		rule.protocol = key->protocol;
	if (value->width == WIDTH_PORT)
		rule.port = value->direction == DIRECTION_OUT ? key->peer_port : key->local_port;
	/* A session's ports are an identifier then; what was let in is an echo request. */
	if (key->protocol == IPPROTO_ICMP && value->width == WIDTH_PORT)
		rule.port = ICMP_ECHO;
	if (trial->ended.count &&
		bsearch(&rule, trial->ended.entries, trial->ended.count, sizeof(*trial->ended.entries), compare))
		trial->result->sessions++;
	return 0;
}

static int look(struct trial *trial, const struct rule_list *have)
{
	struct trial_result *result = trial->result;

	for (size_t i = 0; i < have->count; i++) {
		if (!ends(trial->agent, &have->entries[i]))
			continue;
		result->rules++;
		if (result->shown_count < TRIAL_SHOWN)
			result->shown[result->shown_count++] = have->entries[i];
		if (rules_append(&trial->ended, &have->entries[i].key, &have->entries[i].value))
			return -ENOMEM;
	}
	return 0;
}

int trial_run(struct agent *agent, struct config *config, struct trial_result *out)
{
	struct trial_result result = {0};
	struct trial trial = {.agent = agent, .result = &result};
	struct config *own = agent->config;
	struct rule_list have = {0};
	int error;

	if (!agent->authority || !own->policies)
		return -ENOTSUP;
	error = rules_read(agent, &have);
	if (!error)
		error = authority_trial_begin(agent, config);
	if (!error) {
		agent->config = config;
		revocation_trial_begin(agent, own);
		error = look(&trial, &have);
		revocation_trial_end(agent);
		agent->config = own;
		authority_trial_end(agent);
	}
	if (!error)
		error = session_each(agent->maps->sessions, count_session, &trial);
	rules_free(&have);
	rules_free(&trial.ended);
	if (!error)
		*out = result;
	return error;
}
