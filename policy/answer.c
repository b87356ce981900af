/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One side's answer about what one end may send another.
 *
 * The policies that apply are tried from the strongest to the weakest, and each gets the ports that no stronger one has
 * taken. The first that is about everything gets all the rest and ends the search; else the default does.
 * This is on the path of every negotiation: nothing is allocated, and a policy costs a few comparisons.
 */
#include "policy/internal.h"

#include <string.h>

/* An end, with all groups that it is in, directly or not. */
struct end {
	const struct policy_identity *who;
	uint32_t address;                            /* host byte order */
	uint64_t groups[POLICY_SET_GROUPS_MAX / 64]; /* as many words as the set has */
	/* Handles that were looked into, and those of them that have the end by entries of their own: each once a question. */
	uint64_t seen[POLICY_SET_HANDLES_MAX / 64], in[POLICY_SET_HANDLES_MAX / 64];
};

struct question {
	const struct policy_set *set;
	const struct set_vnet *vnet;
	enum policy_side side;
	enum policy_cast cast;
	struct end *target, *peer;
};

static void end_make(const struct policy_set *set, const struct policy_identity *who, struct end *out)
{
	size_t count = who->group_count < POLICY_GROUPS_MAX ? who->group_count : POLICY_GROUPS_MAX;

	out->who = who;
	out->address = (uint32_t)who->address.octet[0] << 24 | (uint32_t)who->address.octet[1] << 16 |
		       (uint32_t)who->address.octet[2] << 8 | who->address.octet[3];
	memset(out->groups, 0, set->words * sizeof(out->groups[0]));
	memset(out->seen, 0, set->handle_words * sizeof(out->seen[0]));
	memset(out->in, 0, set->handle_words * sizeof(out->in[0]));
	for (size_t i = 0; i < count; i++) {
		size_t place = keyed_place(&set->groups, who->groups[i]);
		const uint64_t *row = set->rows + place * set->words;

		if (place == set->groups.count || *set->groups.things[place] != who->groups[i])
			continue;
		for (size_t word = 0; word < set->words; word++)
			out->groups[word] |= row[word];
	}
}

/* ---- policies */

static bool in_group(const struct end *end, uint32_t place)
{
	return end->groups[place / 64] >> place % 64 & 1;
}

/* By the handle's own entries; handles in it are in its row. */
static bool has_itself(const struct set_handle *handle, const struct end *end)
{
	for (size_t i = 0; i < handle->count; i++) {
		const struct match_item *item = &handle->items[i];

		if ((item->kind == ITEM_GROUP && in_group(end, item->place)) ||
			(item->kind == ITEM_VNET && item->id == end->who->vni))
			return true;
	}
	return policy_addresses_have(handle->own, end->who->address) ||
	       policy_addresses_have(handle->shared, end->who->address);
}

static bool in_handle(const struct policy_set *set, struct end *end, uint32_t place)
{
	const uint64_t *row = set->handle_rows + place * set->handle_words;

	for (size_t word = 0; word < set->handle_words; word++)
		if (row[word] & end->in[word])
			return true;
	for (size_t word = 0; word < set->handle_words; word++) {
		for (uint64_t bits = row[word] & ~end->seen[word]; bits; bits &= bits - 1) {
			size_t bit = (size_t)__builtin_ctzll(bits);

			end->seen[word] |= 1ull << bit;
			if (!has_itself((const struct set_handle *)set->handles.things[word * 64 + bit], end))
				continue;
			end->in[word] |= 1ull << bit;
			return true;
		}
	}
	return false;
}

static bool item_matches(const struct policy_set *set, const struct match_item *item, struct end *end)
{
	switch (item->kind) {
	case ITEM_ANY:
		return true;
	case ITEM_NODE:
		return item->id == end->who->node;
	case ITEM_RANGE:
		return item->low <= end->address && end->address <= item->high;
	case ITEM_GROUP:
		return in_group(end, item->place);
	case ITEM_VNET:
		return item->id == end->who->vni;
	case ITEM_ACCOUNT:
		return item->id == end->who->account;
	case ITEM_HANDLE:
		return in_handle(set, end, item->place);
	}
	return false;
}

/* *by is the first item that matched, or NULL; of no use when the answer is no. */
static bool matches(const struct policy_set *set, const struct matcher *matcher, struct end *end,
	const struct match_item **by)
{
	*by = NULL;
	for (size_t i = 0; i < matcher->count; i++) {
		const struct match_item *item = &matcher->items[i];

		if (!item_matches(set, item, end))
			continue;
		*by = item;
		return !matcher->negated;
	}
	return matcher->negated;
}

static bool applies(const struct question *question, const struct set_policy *entry, enum rank rank,
	struct policy_decision *out)
{
	bool near = rank == RANK_NEAR_DENY || rank == RANK_NEAR_ALLOW;
	const struct policy *policy = &entry->policy;
	const struct match_item *by, *ignored;

	if ((policy->casts && !(policy->casts & question->cast)) ||
		!matches(question->set, near ? &entry->near : &entry->broad, question->peer, &by) ||
		!matches(question->set, &entry->target, question->target, &ignored))
		return false;
	*out = (struct policy_decision){
		.allow = policy->allow,
		.by = near ? BY_ADDRESS : BY_GROUP,
		.policy = policy->id,
		.group = by && by->kind == ITEM_GROUP ? by->id : 0,
		.handle = by && by->kind == ITEM_HANDLE ? by->id : 0,
	};
	return true;
}

/* ---- the default */

static bool same_group(const struct question *question)
{
	for (size_t word = 0; word < question->set->words; word++)
		if (question->target->groups[word] & question->peer->groups[word])
			return true;
	return false;
}

static bool same_account(const struct question *question)
{
	uint64_t account = question->target->who->account;

	return account && account == question->peer->who->account;
}

/* A default that is in force, and the first group that set it. */
struct in_force {
	bool set;
	uint64_t group;
};

static enum policy_default default_on(enum policy_side side, enum policy_default in, enum policy_default out)
{
	return side == SIDE_IN ? in : out;
}

/* Those of the target's groups. Returns false when none of them sets one. */
static bool group_defaults(const struct question *question, struct in_force in_force[DEFAULT_ALLOW + 1])
{
	bool some = false;

	for (size_t word = 0; word < question->set->words; word++) {
		for (uint64_t bits = question->target->groups[word]; bits; bits &= bits - 1) {
			size_t place = word * 64 + (size_t)__builtin_ctzll(bits);
			const struct policy_group *group =
				&((const struct set_group *)question->set->groups.things[place])->group;
			enum policy_default kind = default_on(question->side, group->default_in, group->default_out);

			if (kind == DEFAULT_UNSET)
				continue;
			some = true;
			if (!in_force[kind].set)
				in_force[kind] = (struct in_force){true, group->id};
		}
	}
	return some;
}

/* The strictest of those in force; that of the account and that of the group must both hold. */
static struct policy_decision decide_default(const struct question *question)
{
	struct in_force in_force[DEFAULT_ALLOW + 1] = {{0}};
	const struct policy_vnet *vnet = &question->vnet->vnet;
	struct policy_decision decision = {.by = BY_DEFAULT};
	enum policy_default by = DEFAULT_ALLOW;

	if (!group_defaults(question, in_force))
		in_force[default_on(question->side, vnet->default_in, vnet->default_out)].set = true;
	if (in_force[DEFAULT_DENY].set) {
		by = DEFAULT_DENY;
	} else if (in_force[DEFAULT_ACCOUNT].set && !same_account(question)) {
		by = DEFAULT_ACCOUNT;
	} else if (in_force[DEFAULT_GROUP].set && !same_group(question)) {
		by = DEFAULT_GROUP;
	} else {
		decision.allow = true;
		if (in_force[DEFAULT_ACCOUNT].set)
			by = DEFAULT_ACCOUNT;
		else if (in_force[DEFAULT_GROUP].set)
			by = DEFAULT_GROUP;
	}
	decision.group = in_force[by].group;
	return decision;
}

/* ---- the answer */

static bool insert(struct policy_answer *out, size_t at, const struct policy_segment *segment)
{
	if (out->count == POLICY_SEGMENTS_MAX)
		return false;
	memmove(&out->segments[at + 1], &out->segments[at], (out->count - at) * sizeof(out->segments[0]));
	out->segments[at] = *segment;
	out->count++;
	return true;
}

/*
 * Gives the service's ports to the decision, those that nobody has. Returns false when there is no room. What is there
 * never changes again, and no two neighbours are of the same policy, so the count is that of the whole answer.
 */
static bool paint(struct policy_answer *out, const struct policy_service *service,
	const struct policy_decision *decision)
{
	struct policy_segment piece = {.protocol = service->protocol, .decision = *decision};
	uint32_t low = service->low;
	size_t i = 0;

	while (i < out->count &&
		(out->segments[i].protocol < service->protocol ||
			(out->segments[i].protocol == service->protocol && out->segments[i].high < service->low)))
		i++;
	for (; low <= service->high; i++) {
		const struct policy_segment *next = &out->segments[i];
		bool is_next = i < out->count && next->protocol == service->protocol && next->low <= service->high;

		if (is_next && next->low <= low) {
			low = (uint32_t)next->high + 1;
			continue;
		}
		piece.low = (uint16_t)low;
		piece.high = is_next ? (uint16_t)(next->low - 1) : service->high;
		if (!insert(out, i, &piece))
			return false;
		low = (uint32_t)piece.high + 1;
	}
	return true;
}

/* Returns false when it is more than there is room for. */
static bool answer_whole(const struct question *question, struct policy_answer *out)
{
	out->complete = true;
	out->count = 0;
	for (enum rank rank = 0; rank < RANK_MAX; rank++) {
		const struct ranked *ranked = &question->vnet->ranked[question->side][rank];

		for (size_t i = 0; i < ranked->count; i++) {
			const struct set_policy *entry = ranked->policies[i];
			struct policy_decision decision;

			if (!applies(question, entry, rank, &decision))
				continue;
			if (!entry->service_count) {
				out->otherwise = decision;
				return true;
			}
			for (size_t j = 0; j < entry->service_count; j++)
				if (!paint(out, &entry->services[j], &decision))
					return false;
		}
	}
	out->otherwise = decide_default(question);
	return true;
}

static bool serves(const struct set_policy *entry, uint8_t protocol, uint16_t port)
{
	for (size_t i = 0; i < entry->service_count; i++) {
		const struct policy_service *service = &entry->services[i];

		if (service->protocol == protocol && service->low <= port && port <= service->high)
			return true;
	}
	return entry->service_count == 0;
}

static struct policy_decision answer_one(const struct question *question, uint8_t protocol, uint16_t port)
{
	for (enum rank rank = 0; rank < RANK_MAX; rank++) {
		const struct ranked *ranked = &question->vnet->ranked[question->side][rank];

		for (size_t i = 0; i < ranked->count; i++) {
			struct policy_decision decision;

			if (serves(ranked->policies[i], protocol, port) &&
				applies(question, ranked->policies[i], rank, &decision))
				return decision;
		}
	}
	return decide_default(question);
}

void policy_answer(const struct policy_set *set, enum policy_side side, const struct policy_identity *source,
	const struct policy_identity *destination, enum policy_cast cast, uint8_t protocol, uint16_t port,
	struct policy_answer *out)
{
	static const struct policy_decision denied = {.by = BY_DEFAULT};
	struct end sender, receiver;
	struct question question = {.set = set, .side = side, .cast = cast};

	question.vnet = set->sealed && source->vni == destination->vni ? keyed_find(&set->vnets, source->vni) : NULL;
	if (!question.vnet) {
		out->complete = true;
		out->otherwise = denied;
		out->count = 0;
		return;
	}
	end_make(set, source, &sender);
	end_make(set, destination, &receiver);
	question.target = side == SIDE_IN ? &receiver : &sender;
	question.peer = side == SIDE_IN ? &sender : &receiver;
	if (answer_whole(&question, out))
		return;
	out->complete = false;
	out->otherwise = denied;
	out->count = 1;
	out->segments[0] = (struct policy_segment){protocol, port, port, answer_one(&question, protocol, port)};
}
