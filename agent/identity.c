/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Identities of nodes elsewhere; see identity.h. A mapping's own incarnation is a number of this host: it is renewed when the
 * holder that its agent names becomes another, so that nothing that rested on the former holds.
 */
#include <errno.h>
#include <string.h>

#include "agent/identity.h"
#include "agent/mirror.h"
#include "lib/log.h"
#include "lib/time.h"

#define IDENTITY_SWEEP_NS (10 * NSEC_PER_SEC)

/* Compares with what was said before. Returns 0: the same, or the first; 1: a new holder; -ESTALE: a former one. */
static int compare(struct agent *agent, const struct mapping_key *key, uint64_t before, uint64_t incarnation)
{
	if (before > incarnation)
		return -ESTALE;
	if (!before || before == incarnation)
		return 0;
	mappings_renew(agent, key);
	return 1;
}

/*
 * Without room for it the answer stands all the same: what is lost is the memory of it, so that a change of policies ends the
 * rules that rest on it.
 */
static int keep(struct agent *agent, const struct mapping_key *key, const struct identity_value *value)
{
	static uint64_t logged_ns;
	int error = mirror_identity_set(agent, key, value);

	if (error != -E2BIG)
		return error;
	if (time_now_ns() >= logged_ns + NSEC_PER_SEC) {
		logged_ns = time_now_ns();
		log_error("identities: limits.mappings is reached; a peer's node is not remembered");
	}
	return 0;
}

int identity_seen(struct agent *agent, const struct mapping_key *key, uint64_t incarnation)
{
	struct identity_value value = {0};
	int error = mirror_identity(agent, key, &value);

	if (error && error != -ENOENT)
		return error;
	if (value.incarnation == incarnation)
		return 0;
	error = compare(agent, key, value.incarnation, incarnation);
	if (error < 0)
		return error;
	/* What the resolver said of the holder was without its incarnation; of a former holder it is nothing. */
	if (value.incarnation)
		value = (struct identity_value){0};
	value.incarnation = incarnation;
	return keep(agent, key, &value);
}

static bool belongs_elsewhere(const struct identity_value *a, const struct identity_value *b)
{
	return a->node != b->node || a->account != b->account || a->group_count != b->group_count ||
	       memcmp(a->groups, b->groups, a->group_count * sizeof(a->groups[0])) != 0;
}

int identity_told(struct agent *agent, const struct mapping_key *key, const struct policy_identity *told,
	uint64_t not_after_s)
{
	struct identity_value old = {0}, value = {.node = told->node, .account = told->account};
	uint64_t wall_s = (uint64_t)time(NULL);
	bool changed;
	int error;

	if (!told->node && !told->account && !told->group_count)
		return 0;
	if (mirror_identity(agent, key, &old) == 0 && old.host && old.not_after_s > wall_s)
		return 0;
	value.incarnation = old.incarnation;
	value.not_after_s = not_after_s;
	value.group_count = (uint32_t)told->group_count;
	memcpy(value.groups, told->groups, told->group_count * sizeof(value.groups[0]));
	changed = (old.node || old.account || old.group_count) && belongs_elsewhere(&old, &value);
	if (changed)
		mappings_renew(agent, key);
	error = keep(agent, key, &value);
	return error ? error : changed;
}

int identity_remember(struct agent *agent, const struct mapping_key *key, const struct node_passport *passport)
{
	struct identity_value old = {0}, value = {
						 .incarnation = passport->incarnation,
						 .revision = passport->revision,
						 .node = passport->node,
						 .account = passport->account,
						 .host = passport->host,
						 .not_after_s = passport->not_after_s,
						 .group_count = (uint32_t)passport->group_count,
					 };
	int changed, error;

	memcpy(value.groups, passport->groups, passport->group_count * sizeof(value.groups[0]));
	if (mirror_identity(agent, key, &old) == 0 && memcmp(&old, &value, sizeof(value)) == 0)
		return 0;
	changed = compare(agent, key, old.incarnation, value.incarnation);
	if (changed < 0)
		return changed;
	/* The engine remembers revisions as long as the peer; this is what is known after a start. */
	if (!changed && old.revision > value.revision)
		return -ESTALE;
	error = keep(agent, key, &value);
	return error ? error : changed;
}

struct identity_sweep {
	struct agent *agent;
	uint64_t wall_s;
};

static int sweep_one(void *context, const struct mapping_key *key, const struct identity_value *value)
{
	const struct identity_sweep *sweep = context;
	struct mapping_value mapping;

	if (mirror_mapping(sweep->agent, key, &mapping) || (value->not_after_s && value->not_after_s <= sweep->wall_s))
		mirror_identity_del(sweep->agent, key);
	return 0;
}

static int has_run_out(void *context, const struct mapping_key *key, const struct mapping_value *value)
{
	(void)context, (void)key;
	return time_now_ns() >= value->expires_ns;
}

void identity_sweep(struct agent *agent)
{
	struct identity_sweep sweep = {agent, (uint64_t)time(NULL)};
	static uint64_t next_ns;

	if (!agent->authority || time_now_ns() < next_ns)
		return;
	next_ns = time_now_ns() + IDENTITY_SWEEP_NS;
	identity_each(agent->maps->identities, sweep_one, &sweep);
	/* Places that were learned and have run out make room. */
	if (mapping_each(agent->maps->mappings, has_run_out, NULL))
		reconcile_soon(agent);
}

struct flush {
	struct agent *agent;
	uint32_t vni;
};

static int flush_one(void *context, const struct mapping_key *key, const struct identity_value *value)
{
	const struct flush *flush = context;

	(void)value;
	if (!flush->vni || key->vni == flush->vni)
		mirror_identity_del(flush->agent, key);
	return 0;
}

void identity_flush(struct agent *agent, uint32_t vni)
{
	struct flush flush = {agent, vni};

	identity_each(agent->maps->identities, flush_one, &flush);
}
