/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine's hands: its socket, its timer, its clock, and what the programs must know of its keys.
 */
#ifndef OVNET_AGENT_TRANSPORT_H
#define OVNET_AGENT_TRANSPORT_H

#include "agent/agent.h"
#include "proto/engine.h"

struct transport;

/* Opens UDP 6190 and the engine. Returns 0 or -errno (logged). Needs agent->authority. */
int transport_open(struct agent *agent);
void transport_close(struct agent *agent);

struct engine *transport_engine(const struct agent *agent);
struct engine_time transport_now(void);

struct transport_figures {
	uint64_t withdrawn, stale;     /* notices that came */
	uint64_t passport_not_after_s; /* of this host's passport, since 1970; 0: it does not hold */
};
struct transport_figures transport_figures(const struct agent *agent);
/* The configuration is another now: its hosts have gates of their own (maps/control.h), and its grants may be longer. */
void transport_reload(struct agent *agent);
/* One host more, learned until then, or one less. */
void transport_host(struct agent *agent, const struct locator *locator, bool known);
/* Whom the directory knows no more, or under another key: its keys, and what it has shown, count for nothing. */
void transport_forget_changed(struct agent *agent, const struct config *old);
/* The host has another passport: peers are shown that from now on. */
void transport_passport(struct agent *agent);
/* What was asked leaves now, and the timer is set: to be called by who has called the engine, once for many calls. */
void transport_flush(struct agent *agent);

#endif /* OVNET_AGENT_TRANSPORT_H */
