/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must hold when a set of policies is changed a little, whatever it is.
 */
#include "selftests/unit/unit.h"

#include "selftests/unit/policy_world.h"

#define WORLDS 600

/* At every edge: never allowed now where it was not allowed before. */
static void check_not_wider(const struct trial *before, const struct trial *after)
{
	static int found[EDGES_MAX];

	if (!before->joined.complete || !after->joined.complete)
		return;
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		size_t count = written_edges(after->world, protocols[i], found);

		for (size_t j = 0; j < count; j++)
			hold(before,
				policy_look(&before->joined, protocols[i], (uint16_t)found[j])->allow ||
					!policy_look(&after->joined, protocols[i], (uint16_t)found[j])->allow,
				"wider than before", protocols[i], (uint16_t)found[j]);
	}
	hold(before, before->joined.otherwise.allow || !after->joined.otherwise.allow, "wider than before", 200, 0);
}

/* The same question to the world as it is now. */
static void ask_again(const struct trial *before, struct trial *after)
{
	struct policy_set *set = sealed(before->world);

	*after = *before;
	after->set = set;
	ask(after);
	after->set = NULL;
	policy_set_free(set);
}

static void check_removal(struct trial *trial)
{
	struct oracle_world *written = &trial->world->written;
	struct policy *policies = trial->world->policies, removed;
	struct trial after;

	for (size_t i = 0; i < written->policy_count; i++) {
		if (!policies[i].allow)
			continue;
		removed = policies[i];
		policies[i] = policies[--written->policy_count];
		ask_again(trial, &after);
		policies[written->policy_count++] = policies[i];
		policies[i] = removed;
		check_not_wider(trial, &after);
	}
}

static void removals(void)
{
	each_trial(30001, WORLDS, check_removal);
}

static void check_addition(struct trial *trial)
{
	struct world *world = trial->world;
	size_t at = world->written.policy_count;
	struct trial after;

	for (int i = 0; i < 4; i++) {
		make_policy(world, at, 100);
		world->policies[at].allow = false;
		world->written.policy_count = at + 1;
		ask_again(trial, &after);
		check_not_wider(trial, &after);
		world->written.policy_count = at;
	}
}

static void additions(void)
{
	each_trial(40001, WORLDS, check_addition);
}

static bool same_answer(const struct policy_answer *a, const struct policy_answer *b)
{
	if (a->complete != b->complete || a->count != b->count || !same(&a->otherwise, &b->otherwise))
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->segments[i].protocol != b->segments[i].protocol || a->segments[i].low != b->segments[i].low ||
			a->segments[i].high != b->segments[i].high ||
			!same(&a->segments[i].decision, &b->segments[i].decision))
			return false;
	return true;
}

/* What the policies, the groups and their services point to stays where it is; they themselves are moved about. */
static void check_order(struct trial *trial)
{
	struct world *world = trial->world, kept = *world;
	struct trial after;

	for (size_t i = world->written.policy_count; i > 1; i--) {
		size_t j = below(world, i);
		struct policy moved = world->policies[i - 1];

		world->policies[i - 1] = world->policies[j];
		world->policies[j] = moved;
	}
	for (size_t i = world->written.group_count; i > 1; i--) {
		size_t j = below(world, i);
		struct policy_group moved = world->groups[i - 1];

		world->groups[i - 1] = world->groups[j];
		world->groups[j] = moved;
	}
	ask_again(trial, &after);
	hold(trial,
		same_answer(&trial->in, &after.in) && same_answer(&trial->out, &after.out) &&
			same_answer(&trial->joined, &after.joined),
		"order matters", 0, 0);
	kept.state = world->state;
	*world = kept;
}

static void order(void)
{
	each_trial(50001, WORLDS, check_order);
}

static const struct unit_test tests[] = {
	{"a policy that allows, removed, never widens", removals},
	{"a policy that denies, added, never widens", additions},
	{"the order of policies and groups does not matter", order},
};

int main(void)
{
	return unit_run("policy_change", tests, ARRAY_LEN(tests));
}
