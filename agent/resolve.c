/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From an unknown address to a mapping, a host and an identity; see resolve.h. Requests and memory are resolve_table.c's, hosts are
 * host_table.c's, which mappings are in use is resolve_use.c's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/authority.h"
#include "agent/host_table.h"
#include "agent/identity.h"
#include "agent/mirror.h"
#include "agent/question.h"
#include "agent/resolve.h"
#include "agent/resolve_use.h"
#include "agent/revocation.h"
#include "agent/transport.h"
#include "lib/log.h"
#include "lib/time.h"

/* Of all nodes, and of one: who scans leaves room for others. */
static const struct resolve_bounds bounds = {.in_flight = 1024, .per_source = 64, .negatives = 4096};

/* Mappings are looked at for their use and their age so often. */
#define ROUND_NS (250 * NSEC_PER_MSEC)
/* A host outlives its mappings by as much: it can still be told what holds no more. */
#define HOST_MARGIN_NS (60 * NSEC_PER_SEC)

struct resolve {
	struct agent *agent;
	const struct resolve_ops *ops;
	void *context;
	struct resolve_table *table;
	struct resolve_uses *uses;
	struct host_table *hosts;
	struct loop_timer *due_timer, *round_timer;
};

static struct mapping_key key_of(uint32_t vni, struct ipv4 address)
{
	struct mapping_key key = {.vni = vni};

	memcpy(key.address, address.octet, 4);
	return key;
}

static struct ipv4 address_of(const struct mapping_key *key)
{
	struct ipv4 address;

	memcpy(address.octet, key->address, 4);
	return address;
}

bool resolve_active(const struct agent *agent)
{
	return agent->resolve && agent->resolve->ops;
}

void resolve_use(struct agent *agent, const struct resolve_ops *ops, void *context)
{
	if (!agent->resolve)
		return;
	agent->resolve->ops = ops;
	agent->resolve->context = context;
}

static void arm(struct resolve *resolve)
{
	uint64_t due_ns = resolve_table_due(resolve->table);

	if (due_ns == UINT64_MAX)
		loop_timer_stop(resolve->due_timer);
	else
		loop_timer_at(resolve->due_timer, due_ns);
}

/* ---- hosts */

int resolve_host_at(const struct agent *agent, const struct substrate *address, struct engine_host *out)
{
	return agent->resolve ? host_table_at(agent->resolve->hosts, time_now_ns(), address, out) : -ENOENT;
}

int resolve_host_of(const struct agent *agent, const uint8_t key[32], struct engine_host *out)
{
	return agent->resolve ? host_table_of(agent->resolve->hosts, time_now_ns(), key, out) : -ENOENT;
}

void resolve_each_host(struct agent *agent, void (*fn)(void *context, const struct engine_host *host), void *context)
{
	if (agent->resolve)
		host_table_each(agent->resolve->hosts, fn, context);
}

static void host_forget(struct agent *agent, const struct locator *locator)
{
	struct engine_time now = transport_now();

	transport_host(agent, locator, false);
	if (agent->transport)
		engine_forget(transport_engine(agent), &now, locator);
}

void resolve_host_gone(struct agent *agent, const struct locator *locator)
{
	if (agent->resolve && host_table_del(agent->resolve->hosts, locator) == 0)
		host_forget(agent, locator);
}

/* What the configuration says of a place or a key stands. */
static bool host_contradicts(const struct agent *agent, const struct engine_host *host)
{
	const struct config *config = agent->config;

	for (size_t i = 0; i < config->host_count; i++) {
		const struct config_host *known = &config->hosts[i];
		bool same_place = memcmp(known->locator.octet, host->locator.octet, 8) == 0 &&
				  (known->locator.length == 64 || host->locator.length == 64 ||
					  known->locator.octet[8] == host->locator.octet[8]);

		if (same_place || known->id == host->host || memcmp(known->key, host->key, sizeof(host->key)) == 0)
			return true;
	}
	return false;
}

static int host_learn(struct resolve *resolve, const struct resolve_answer *answer, uint64_t expires_ns)
{
	struct engine_host host = {.host = answer->host, .locator = answer->locator}, former;
	int changed;

	memcpy(host.key, answer->key, sizeof(host.key));
	if (!host.host || host_contradicts(resolve->agent, &host))
		return 0;
	changed = host_table_set(resolve->hosts, time_now_ns(), &host, expires_ns + HOST_MARGIN_NS, &former);
	if (changed < 0)
		return changed;
	if (changed)
		host_forget(resolve->agent, &former.locator);
	transport_host(resolve->agent, &host.locator, true);
	return 0;
}

/* ---- answers */

static bool is_here(const struct agent *agent, const struct locator *locator)
{
	const struct locator *own = &agent->config->locator;

	return memcmp(own->octet, locator->octet, 8) == 0 &&
	       (own->length == 64 || locator->length == 64 || own->octet[8] == locator->octet[8]);
}

static void complain(const struct mapping_key *key, int error)
{
	static uint64_t logged_ns;
	char text[ADDRESS_TEXT_MAX];

	if (time_now_ns() < logged_ns + NSEC_PER_SEC)
		return;
	logged_ns = time_now_ns();
	log_error("resolve %s of vnet %u: %s", ipv4_format(address_of(key), text), key->vni,
		error == -ENOSPC  ? "limits.hosts is reached"
		: error == -E2BIG ? "limits.mappings is reached"
				  : strerror(-error));
}

/* The host first: who is asked next must be known. Returns 0 or -errno. */
static int take(struct resolve *resolve, const struct mapping_key *key, const struct resolve_answer *answer)
{
	struct agent *agent = resolve->agent;
	uint64_t now_ns = time_now_ns(), expires_ns = now_ns + answer->lifetime_s * NSEC_PER_SEC;
	int error = host_learn(resolve, answer, expires_ns);

	if (!error)
		error = mappings_told(agent, key, &answer->locator, answer->slot, expires_ns);
	if (!error)
		error = identity_told(agent, key, &answer->identity, (uint64_t)time(NULL) + answer->lifetime_s);
	if (error < 0)
		return error;
	resolve_use_note(resolve->uses, key, now_ns, expires_ns);
	return 0;
}

static void forget(struct resolve *resolve, const struct mapping_key *key)
{
	struct agent *agent = resolve->agent;
	struct mapping_value value;

	resolve_use_forget(resolve->uses, key);
	if (mirror_mapping(agent, key, &value) || value.ifindex || value.expires_ns == OVNET_NEVER)
		return;
	/* Rules, then the mapping, then epochs. */
	revocation_of_peer(agent, key->vni, address_of(key));
	mirror_identity_del(agent, key);
	mappings_forget(agent, key);
	resolve_table_counters(resolve->table)->invalidated++;
}

static void on_done(void *context, uint64_t id)
{
	question_resolved(context, id);
}

/* What fails at once is told of by the timer: nobody hears of it before he has asked. */
static void ask(struct resolve *resolve, const struct mapping_key *key, struct ipv4 source)
{
	if (!resolve->ops || resolve->ops->ask(resolve->context, key->vni, source, address_of(key)))
		resolve_table_fail(resolve->table, key);
	arm(resolve);
}

static void end(struct resolve *resolve, const struct mapping_key *key, const struct resolve_answer *answer)
{
	enum resolve_outcome outcome = answer->outcome;
	struct ipv4 source;
	int error = 0;

	if (outcome == RESOLVE_FOUND && resolve_table_expects(resolve->table, key)) {
		/* A node of this host that is not online. */
		if (is_here(resolve->agent, &answer->locator))
			outcome = RESOLVE_ABSENT;
		else
			error = take(resolve, key, answer);
		if (error) {
			complain(key, error);
			outcome = RESOLVE_FAILED;
		}
	}
	/* Who said that it was there, says now that it is not. What was known from elsewhere ends by itself. */
	if (outcome == RESOLVE_ABSENT && resolve_use_was_told(resolve->uses, key) &&
		resolve_table_expects(resolve->table, key))
		forget(resolve, key);
	if (resolve_table_end(resolve->table, time_now_ns(), key, outcome, &source, on_done, resolve->agent) == 1)
		ask(resolve, key, source);
}

void resolve_answered(struct agent *agent, uint32_t vni, struct ipv4 destination, const struct resolve_answer *answer)
{
	struct mapping_key key = key_of(vni, destination);

	if (!agent->resolve)
		return;
	end(agent->resolve, &key, answer);
	arm(agent->resolve);
	if (agent->transport)
		transport_flush(agent);
}

bool resolve_ask(struct agent *agent, uint32_t vni, struct ipv4 source, struct ipv4 destination, uint64_t id)
{
	struct resolve *resolve = agent->resolve;
	struct mapping_key key = key_of(vni, destination);

	if (!resolve_active(agent) || !ipv4_is_unicast(destination))
		return false;
	switch (resolve_table_ask(resolve->table, time_now_ns(), &key, source, id)) {
	case RESOLVE_STEP_ASK:
		break;
	case RESOLVE_STEP_WAIT:
		return true;
	case RESOLVE_STEP_KNOWN:
	case RESOLVE_STEP_FULL:
		return false;
	}
	ask(resolve, &key, source);
	return true;
}

static void on_due(void *context)
{
	static const struct resolve_answer failed = {.outcome = RESOLVE_FAILED};
	struct resolve *resolve = context;
	struct mapping_key key;

	while (resolve_table_overdue(resolve->table, time_now_ns(), &key) == 0)
		end(resolve, &key, &failed);
	arm(resolve);
	if (resolve->agent->transport)
		transport_flush(resolve->agent);
}

/* ---- what holds no more */

void resolve_invalidate(struct agent *agent, uint32_t vni, struct ipv4 address)
{
	struct mapping_key key = key_of(vni, address);

	if (!agent->resolve)
		return;
	resolve_table_invalidate(agent->resolve->table, &key);
	forget(agent->resolve, &key);
}

void resolve_forget_negatives(struct agent *agent)
{
	if (agent->resolve)
		resolve_table_forget(agent->resolve->table);
}

bool resolve_gone(struct agent *agent, uint32_t vni, struct ipv4 address)
{
	struct mapping_key key = key_of(vni, address);
	struct mapping_value value;

	if (!resolve_active(agent) || mirror_mapping(agent, &key, &value) || value.ifindex ||
		value.expires_ns == OVNET_NEVER ||
		!resolve_table_gone(agent->resolve->table, time_now_ns(), &key, value.prefix))
		return false;
	resolve_invalidate(agent, vni, address);
	return true;
}

/* ---- what is in use */

void resolve_used(struct agent *agent, const struct session_key *key, const struct session_value *session)
{
	struct mapping_key peer = {.vni = key->vni};
	struct ipv4 local;

	if (!resolve_active(agent))
		return;
	memcpy(peer.address, key->peer, 4);
	memcpy(local.octet, key->local, 4);
	resolve_use_mark(agent->resolve->uses, &peer, local, session->last_ns);
}

static void refresh(void *context, const struct mapping_key *key, struct ipv4 source)
{
	struct agent *agent = context;

	resolve_ask(agent, key->vni, source, address_of(key), 0);
}

static void on_round(void *context)
{
	struct resolve *resolve = context;
	struct engine_host host;

	if (resolve->ops)
		resolve_use_due(resolve->uses, time_now_ns(), refresh, resolve->agent);
	while (host_table_sweep(resolve->hosts, time_now_ns(), &host) == 0)
		transport_host(resolve->agent, &host.locator, false);
	loop_timer_at(resolve->round_timer, time_now_ns() + ROUND_NS);
}

/* ---- start and end */

/* Hosts' keys are in no map: a mapping in use that an agent before this one learned is asked for soon, before its grants end. */
static int take_over(void *context, const struct mapping_key *key, const struct mapping_value *value)
{
	struct resolve *resolve = context;

	if (!value->ifindex && value->expires_ns != OVNET_NEVER)
		resolve_use_inherit(resolve->uses, key, time_now_ns(), value->expires_ns);
	return 0;
}

int resolve_open(struct agent *agent)
{
	struct resolve *resolve;
	int error;

	if (!agent->authority)
		return 0;
	resolve = calloc(1, sizeof(*resolve));
	if (!resolve)
		return -ENOMEM;
	agent->resolve = resolve;
	resolve->agent = agent;
	resolve->table = resolve_table_new(&bounds);
	resolve->uses = resolve_uses_new();
	resolve->hosts = host_table_new(agent->config->limits.hosts);
	resolve->due_timer = loop_timer(agent->loop, on_due, resolve);
	resolve->round_timer = loop_timer(agent->loop, on_round, resolve);
	if (!resolve->table || !resolve->uses || !resolve->hosts || !resolve->due_timer || !resolve->round_timer)
		error = -ENOMEM;
	else
		error = mapping_each(agent->maps->mappings, take_over, resolve);
	if (error) {
		resolve_close(agent);
		return error;
	}
	loop_timer_at(resolve->round_timer, time_now_ns() + ROUND_NS);
	return 0;
}

void resolve_close(struct agent *agent)
{
	struct resolve *resolve = agent->resolve;

	if (!resolve)
		return;
	loop_timer_free(resolve->due_timer);
	loop_timer_free(resolve->round_timer);
	resolve_table_free(resolve->table);
	resolve_uses_free(resolve->uses);
	host_table_free(resolve->hosts);
	free(resolve);
	agent->resolve = NULL;
}

struct resolve_status resolve_status(const struct agent *agent)
{
	const struct resolve *resolve = agent->resolve;

	if (!resolve)
		return (struct resolve_status){0};
	return (struct resolve_status){
		.resolver = resolve->ops ? resolve->ops->name : NULL,
		.in_flight = resolve_table_in_flight(resolve->table),
		.negatives = resolve_table_negatives(resolve->table),
		.hosts = host_table_count(resolve->hosts),
		.counters = *resolve_table_counters(resolve->table),
	};
}
