/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grants in use are renewed; see grant.h. A grant is in use when a session that rests on it had a packet since the latest
 * renewal. Renewals are spread over the second half of a grant's life, so that no herd forms.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/in.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "agent/decision.h"
#include "agent/grant.h"
#include "agent/transport.h"
#include "lib/time.h"

#define RENEW_PERIOD_NS (500 * NSEC_PER_MSEC)

struct grant {
	struct rule_key key; /* first: the tree compares it */
	uint64_t written_ns, expires_ns;
	uint64_t renew_ns; /* when, if it is in use by then */
	bool used;
};

struct grants {
	struct agent *agent;
	void *tree;
	size_t count;
	uint64_t renewals;
	struct loop_timer *timer;
};

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct rule_key));
}

static struct grant *find(struct grants *grants, const struct rule_key *key)
{
	struct grant **found = tfind(key, &grants->tree, compare);

	return found ? *found : NULL;
}

/* Somewhere between half and five sixths of its life: each grant at its own time. */
static uint64_t renew_at(const struct rule_key *key, uint64_t now_ns, uint64_t expires_ns)
{
	uint64_t life_ns = expires_ns > now_ns ? expires_ns - now_ns : 0;
	uint64_t spread = 0;

	for (size_t i = 0; i < sizeof(*key); i++)
		spread = (spread ^ ((const uint8_t *)key)[i]) * 0x100000001b3ull;
	return now_ns + life_ns / 2 + life_ns / 3 * ((spread >> 20) & 1023) / 1024;
}

void grant_note(struct agent *agent, const struct rule_key *key, const struct rule_value *value)
{
	struct grants *grants = agent->grants;
	struct grant *grant;
	uint64_t now_ns = time_now_ns();

	if (!grants || key->direction != DIRECTION_OUT || key->width >= WIDTH_MAX)
		return;
	if (value->verdict != VERDICT_ALLOW || value->origin != ORIGIN_NEGOTIATED)
		return grant_forget(agent, key);
	grant = find(grants, key);
	if (!grant) {
		grant = calloc(1, sizeof(*grant));
		if (!grant)
			return;
		grant->key = *key;
		if (!tsearch(grant, &grants->tree, compare)) {
			free(grant);
			return;
		}
		grants->count++;
	}
	grant->written_ns = now_ns;
	grant->expires_ns = value->expires_ns;
	grant->renew_ns = renew_at(key, now_ns, value->expires_ns);
	grant->used = false;
}

void grant_forget(struct agent *agent, const struct rule_key *key)
{
	struct grants *grants = agent->grants;
	struct grant *grant = grants ? find(grants, key) : NULL;

	if (!grant)
		return;
	tdelete(key, &grants->tree, compare);
	free(grant);
	grants->count--;
}

static void use(struct grants *grants, const struct session_key *key, const struct session_value *session,
	uint16_t port, uint8_t width)
{
	struct rule_key rule = {.vni = key->vni, .direction = DIRECTION_OUT, .width = width & 0xf};
	struct grant *grant;

	memcpy(rule.local, key->local, 4);
	memcpy(rule.peer, key->peer, 4);
	if (width <= WIDTH_PROTOCOL)
		rule.protocol = key->protocol;
	if (width == WIDTH_PORT)
		rule.port = port;
	grant = find(grants, &rule);
	if (grant && session->last_ns >= grant->written_ns)
		grant->used = true;
}

void grant_used(struct agent *agent, const struct session_key *key, const struct session_value *session)
{
	struct grants *grants = agent->grants;
	bool icmp = key->protocol == IPPROTO_ICMP;

	if (!grants || !grants->count)
		return;
	if (session->direction == DIRECTION_OUT) {
		use(grants, key, session, icmp ? 8 : key->peer_port, session->width);
	} else if (session->flags & SESSION_ASK_REPLIES) {
		/* Of the reply's rule, the width is not kept in the session. */
		for (uint8_t width = WIDTH_PORT; width < WIDTH_MAX; width++)
			use(grants, key, session, icmp ? 0 : key->peer_port, width);
	}
}

size_t grant_count(const struct agent *agent)
{
	return agent->grants ? agent->grants->count : 0;
}

uint64_t grant_renewals(const struct agent *agent)
{
	return agent->grants ? agent->grants->renewals : 0;
}

struct round {
	struct grants *grants;
	uint64_t now_ns;
	struct rule_key *due;
	size_t due_count, due_room;
	struct rule_key *over;
	size_t over_count, over_room;
};

static void add(struct rule_key **list, size_t *count, size_t *room, const struct rule_key *key)
{
	if (*count == *room) {
		size_t more = *room ? *room * 2 : 64;
		struct rule_key *moved = reallocarray(*list, more, sizeof(**list));

		if (!moved)
			return;
		*list = moved;
		*room = more;
	}
	(*list)[(*count)++] = *key;
}

static void look(const void *node, VISIT visit, void *context)
{
	struct grant *grant = *(struct grant *const *)node;
	struct round *round = context;

	if (visit != postorder && visit != leaf)
		return;
	if (round->now_ns >= grant->expires_ns)
		add(&round->over, &round->over_count, &round->over_room, &grant->key);
	else if (grant->used && round->now_ns >= grant->renew_ns)
		add(&round->due, &round->due_count, &round->due_room, &grant->key);
}

static void on_renew(void *context)
{
	struct grants *grants = context;
	struct round round = {.grants = grants, .now_ns = time_now_ns()};

	twalk_r(grants->tree, look, &round);
	for (size_t i = 0; i < round.over_count; i++)
		grant_forget(grants->agent, &round.over[i]);
	for (size_t i = 0; i < round.due_count; i++) {
		struct grant *grant = find(grants, &round.due[i]);

		/* The answer for another of the same pair may have renewed it, or taken it, meanwhile. */
		if (!grant || !grant->used)
			continue;
		grant->used = false;
		grants->renewals++;
		decision_renew(grants->agent, &round.due[i]);
	}
	if (round.due_count)
		transport_flush(grants->agent);
	free(round.due);
	free(round.over);
	loop_timer_at(grants->timer, time_now_ns() + RENEW_PERIOD_NS);
}

int grant_open(struct agent *agent)
{
	struct grants *grants;

	if (!agent->authority)
		return 0;
	grants = calloc(1, sizeof(*grants));
	if (!grants)
		return -ENOMEM;
	grants->agent = agent;
	grants->timer = loop_timer(agent->loop, on_renew, grants);
	if (!grants->timer) {
		free(grants);
		return -errno;
	}
	agent->grants = grants;
	loop_timer_at(grants->timer, time_now_ns() + RENEW_PERIOD_NS);
	return 0;
}

void grant_close(struct agent *agent)
{
	if (!agent->grants)
		return;
	loop_timer_free(agent->grants->timer);
	tdestroy(agent->grants->tree, free);
	free(agent->grants);
	agent->grants = NULL;
}
