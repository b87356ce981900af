/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the commands that only read share: objects and members that several answers of docs/control.md have. show.c
 * has the tables of the data path, show_negotiation.c peers and questions, explain.c one transmission.
 */
#ifndef OVNET_AGENT_SHOW_H
#define OVNET_AGENT_SHOW_H

#include "agent/control.h"
#include "agent/question.h"

/* "vnet" and "vni". */
void show_add_vnet(const struct agent *agent, cJSON *object, uint32_t vni);
void show_add_address(cJSON *object, const char *name, const uint8_t octets[4]);
void show_add_substrate(cJSON *object, const char *name, const uint8_t prefix[OVNET_PREFIX_LEN],
	const uint8_t address[4]);
/* Whole seconds from now; null for OVNET_NEVER. */
void show_add_seconds_to(cJSON *object, const char *name, uint64_t now_ns, uint64_t at_ns);
void show_add_seconds_since(cJSON *object, const char *name, uint64_t now_ns, uint64_t at_ns);
/* {"used": N, "size": N} */
void show_add_fill(cJSON *object, const char *name, uint64_t used, uint64_t size);
/* A text, or null. */
void show_add_text(cJSON *object, const char *name, const char *text);
/* "policy_name", "group" and "handle": names of what decided, or null where none did or the name is not known. */
void show_add_decider(const struct agent *agent, cJSON *object, uint32_t policy, uint64_t group, uint64_t handle);

/* An entry of `rule list`, of `session list`, of `queue list`. */
cJSON *show_rule(const struct agent *agent, const struct rule_key *key, const struct rule_value *value,
	uint64_t now_ns);
cJSON *show_session(const struct agent *agent, const struct session_key *key, const struct session_value *value,
	uint64_t now_ns);
cJSON *show_question(const struct agent *agent, const struct question_view *view);

/* The host with this id in the directory, or NULL. */
const char *show_host_name(const struct agent *agent, uint64_t host);
/* The name by which this host negotiates, or NULL when it does not. */
const char *show_identity(const struct agent *agent);

/* "negotiation" of `status`. */
void show_add_negotiation(struct agent *agent, cJSON *result);
void show_add_manager(const struct agent *agent, cJSON *result);

#endif /* OVNET_AGENT_SHOW_H */
