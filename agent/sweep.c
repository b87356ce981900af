/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Housekeeping: idle sessions, sessions of ports that are gone, expired rules. Nothing here decides about a packet:
 * expiry is exact in the data path whether or not the sweep has run (DTM-12).
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/grant.h"
#include "agent/identity.h"
#include "agent/install.h"
#include "agent/resolve.h"
#include "lib/time.h"

#define SWEEP_PERIOD_NS NSEC_PER_SEC
#define SWEEP_ASKED_S (2 * PENDING_NS / NSEC_PER_SEC)

struct sweep {
	struct agent *agent;
	uint64_t now_ns;
	uint32_t sessions, rules; /* that stay */
	bool rules_went;
	uint32_t ifindex_of[OVNET_PORTS_MAX]; /* by a port's number; 0: there is none */
};

uint32_t sweep_idle_s(const struct agent *agent, const struct session_key *key, const struct session_value *session,
	const char **state)
{
	const struct config_idle *idle = &agent->config->idle;

	/* Left by what was sent on, and never proved (bpf/stage/forward.h): of use as long as its question is open. */
	if (!session->epoch && !session->expires_ns) {
		*state = "asked";
		return SWEEP_ASKED_S;
	}
	*state = "active";
	switch (key->protocol) {
	case IPPROTO_TCP:
		if (session->flags & (SESSION_FIN | SESSION_RST)) {
			*state = "closing";
			return idle->tcp_closing;
		}
		if (session->flags & SESSION_REPLIED) {
			*state = "established";
			return idle->tcp_established;
		}
		*state = "opening";
		return idle->tcp_opening;
	case IPPROTO_UDP:
		return idle->udp;
	case IPPROTO_ICMP:
		return idle->icmp;
	default:
		return idle->other;
	}
}

static int note_port(void *context, uint32_t ifindex, const struct port_value *value)
{
	struct sweep *sweep = context;

	sweep->ifindex_of[value->number & (OVNET_PORTS_MAX - 1)] = ifindex;
	return 0;
}

/* All ports are read once, and not one for each of thousands of sessions. */
static bool port_present(const struct sweep *sweep, const struct session_value *session)
{
	return session->ifindex && sweep->ifindex_of[session->number & (OVNET_PORTS_MAX - 1)] == session->ifindex;
}

static int sweep_session(void *context, const struct session_key *key, const struct session_value *session)
{
	struct sweep *sweep = context;
	struct agent *agent = sweep->agent;
	const char *state;
	uint64_t idle_ns = sweep_idle_s(agent, key, session, &state) * NSEC_PER_SEC;

	if (port_present(sweep, session) && sweep->now_ns < session->last_ns + idle_ns) {
		grant_used(agent, key, session);
		resolve_used(agent, key, session);
		sweep->sessions++;
		return 0;
	}
	session_del(agent->maps->sessions, key, agent->states);
	return 0;
}

static int sweep_rule(void *context, const struct rule_key *key, const struct rule_value *rule)
{
	struct sweep *sweep = context;

	if (sweep->now_ns < rule->expires_ns) {
		sweep->rules++;
		if (rule->origin == ORIGIN_NEGOTIATED)
			install_count(sweep->agent, key);
		return 0;
	}
	rule_del(sweep->agent->maps->rules, key);
	/* There is room for what had none. */
	if (install_is_unfit(sweep->agent))
		sweep->rules_went = true;
	/* Of negotiated ones, what lets ARP be answered ends by itself. */
	if (rule->origin == ORIGIN_FILE || rule->origin == ORIGIN_CONTROL)
		sweep->rules_went = true;
	return 0;
}

void sweep_now(struct agent *agent)
{
	struct sweep sweep = {.agent = agent, .now_ns = time_now_ns()};

	port_each(agent->maps->ports, note_port, &sweep);
	session_each(agent->maps->sessions, sweep_session, &sweep);
	rule_each(agent->maps->rules, sweep_rule, &sweep);
	install_counted(agent);
	agent->sessions_swept = sweep.sessions;
	agent->rules_swept = sweep.rules;
	identity_sweep(agent);
	/* What is left may let the pair's ARP be answered for less long. */
	if (sweep.rules_went)
		reconcile_soon(agent);
}

static void sweep_timer(void *context)
{
	struct agent *agent = context;

	sweep_now(agent);
	loop_timer_at(agent->sweep_timer, time_now_ns() + SWEEP_PERIOD_NS);
}

int sweep_open(struct agent *agent)
{
	agent->sweep_timer = loop_timer(agent->loop, sweep_timer, agent);
	if (!agent->sweep_timer)
		return -errno;
	loop_timer_at(agent->sweep_timer, time_now_ns() + SWEEP_PERIOD_NS);
	return 0;
}
