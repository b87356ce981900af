/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the control socket (control.c: connections, lines), its commands (commands.c, and show.c for those that only read) and the
 * drop events (watch.c). The protocol is described in docs/control.md.
 */
#ifndef OVNET_AGENT_CONTROL_H
#define OVNET_AGENT_CONTROL_H

#include <cjson/cJSON.h>

#include "agent/agent.h"
#include "lib/error.h"

struct control_client;

/* What a command answers: a result (owned by the answer), or an error. */
struct control_answer {
	cJSON *result;
	char message[4096];
	char field[32];
};

typedef void (*control_command_fn)(struct agent *agent, struct control_client *client, const cJSON *arguments,
	struct control_answer *answer);

struct control_command {
	const char *name;
	control_command_fn run;
	bool changes; /* is logged, with who asked */
};

/* The table of commands, ended by one without a name. */
extern const struct control_command control_commands[];

/* Fills in an error; `field` may be NULL. */
void control_refuse(struct control_answer *answer, const char *field, const char *format, ...) PRINTF_LIKE(3, 4);

/* Sends {"event": ...} to a client; takes ownership. A client that does not read loses events, and is told how many. */
void control_event(struct control_client *client, const char *line);

/* watch.c: starts telling a client of drops, and of negotiations if wanted; false when too many watch; control.c says when it is gone. */
bool watch_add(struct agent *agent, struct control_client *client, bool negotiations);
void watch_remove(struct agent *agent, struct control_client *client);

/* show.c */
void show_status(struct agent *, struct control_client *, const cJSON *, struct control_answer *);
void show_ports(struct agent *, struct control_client *, const cJSON *, struct control_answer *);
void show_rules(struct agent *, struct control_client *, const cJSON *, struct control_answer *);
void show_sessions(struct agent *, struct control_client *, const cJSON *, struct control_answer *);
void show_mappings(struct agent *, struct control_client *, const cJSON *, struct control_answer *);
void show_metrics(struct agent *, struct control_client *, const cJSON *, struct control_answer *);
void show_drops(struct agent *, struct control_client *, const cJSON *, struct control_answer *);

/* explain.c */
void show_explanation(struct agent *, struct control_client *, const cJSON *, struct control_answer *);

/* show_negotiation.c */
void show_peers(struct agent *, struct control_client *, const cJSON *, struct control_answer *);
void show_queue(struct agent *, struct control_client *, const cJSON *, struct control_answer *);

/* Words that several answers share. */
const char *show_vnet_name(const struct agent *agent, uint32_t vni);
const char *show_protocol(uint8_t protocol, char text[8]);
void show_interface(const struct agent *agent, unsigned ifindex, const char **name, const char **kind,
	const char **node);

#endif /* OVNET_AGENT_CONTROL_H */
