/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy evaluator against an oracle, over thousands of random sets of policies: answers, joined answers and rules,
 * at random ports and at the edges of everything written; and what must hold when a set is changed a little.
 *
 * The worlds are small, so that policies meet; each is made from its number, which a failure prints.
 */
#include "selftests/unit/unit.h"

#include "lib/error.h"
#include "policy/policy.h"
#include "selftests/unit/policy_oracle.h"

#define WORLDS 3000
#define VNETS 2
#define GROUPS_MAX 10
#define POLICIES_MAX 24
#define ITEMS_MAX 4
#define SERVICES_MAX 40
#define CHILDREN_MAX 4
#define EDGES_MAX (2 * POLICIES_MAX * SERVICES_MAX + 2)

static const uint8_t protocols[] = {1, 6, 17, 47, 132};
static const uint16_t edges[] = {0, 1, 7, 8, 22, 79, 80, 81, 100, 254, 255, 443, 1023, 1024, 65534, 65535};
static const enum policy_cast casts[] = {CAST_UNICAST, CAST_MULTICAST, CAST_BROADCAST};

/* A world with room for what its parts point to. */
struct world {
	uint64_t number; /* what it was made from */
	uint64_t state;
	struct policy_vnet vnets[VNETS];
	struct policy_group groups[GROUPS_MAX];
	uint64_t children[GROUPS_MAX][CHILDREN_MAX];
	struct policy policies[POLICIES_MAX];
	struct policy_item items[POLICIES_MAX][2][ITEMS_MAX];
	struct policy_service services[POLICIES_MAX][SERVICES_MAX];
	struct oracle_world written;
};

/* ---- making worlds */

static uint64_t below(struct world *world, uint64_t bound)
{
	return unit_random(&world->state) % bound;
}

static bool one_in(struct world *world, uint64_t n)
{
	return below(world, n) == 0;
}

static uint64_t some_group(struct world *world)
{
	return world->groups[below(world, world->written.group_count)].id;
}

static void make_identity(struct world *world, uint32_t vni, struct policy_identity *out)
{
	uint64_t place = 1 + below(world, 6);

	*out = (struct policy_identity){
		.vni = vni,
		.address = {{10, 0, 0, (uint8_t)place}},
		.node = one_in(world, 8) ? 0 : place,
		.account = below(world, 3),
	};
	if (world->written.group_count)
		for (uint64_t i = below(world, 4); i > 0; i--)
			out->groups[out->group_count++] = some_group(world);
	/* A group that the set does not have. */
	if (one_in(world, 8))
		out->groups[out->group_count++] = 999;
}

static struct policy_item make_item(struct world *world)
{
	struct policy_item item = {.kind = (enum policy_item_kind)below(world, ITEM_ACCOUNT + 1)};

	if (item.kind == ITEM_GROUP && !world->written.group_count)
		item.kind = ITEM_NODE;
	item.id = item.kind == ITEM_GROUP ? some_group(world) : 1 + below(world, item.kind == ITEM_NODE ? 6 : 2);
	item.vni = world->vnets[below(world, VNETS)].vni;
	item.low = (struct ipv4){{10, 0, 0, (uint8_t)(1 + below(world, 5))}};
	item.high = item.low;
	item.high.octet[3] = (uint8_t)(item.high.octet[3] + below(world, 4));
	return item;
}

static struct policy_selector make_selector(struct world *world, struct policy_item items[ITEMS_MAX])
{
	struct policy_selector selector = {.items = items, .negated = one_in(world, 6)};

	for (uint64_t i = one_in(world, 20) ? 0 : 1 + below(world, ITEMS_MAX - 1); i > 0; i--)
		items[selector.count++] = make_item(world);
	return selector;
}

static uint16_t make_port(struct world *world, uint8_t protocol)
{
	uint16_t port = one_in(world, 4) ? (uint16_t)below(world, 65536) : edges[below(world, ARRAY_LEN(edges))];

	return protocol == 1 ? port & 0xff : port;
}

static struct policy_service make_service(struct world *world)
{
	struct policy_service service = {.protocol = protocols[below(world, ARRAY_LEN(protocols))]};
	uint16_t a = make_port(world, service.protocol), b = make_port(world, service.protocol);

	if (one_in(world, 12))
		return (struct policy_service){.any = true};
	service.low = a < b ? a : b;
	service.high = a < b ? b : a;
	if (one_in(world, 2))
		service.high = service.low;
	if (one_in(world, 6)) {
		service.low = 0;
		service.high = 65535;
	}
	return service;
}

/* About everybody, with many ports that are apart. */
static void make_wide(struct world *world, size_t at)
{
	static const struct policy_item any = {.kind = ITEM_ANY};
	struct policy *policy = &world->policies[at];
	uint16_t step = (uint16_t)(2 + below(world, 300));

	policy->target = policy->peer = (struct policy_selector){.items = &any, .count = 1};
	policy->service_count = 10 + below(world, SERVICES_MAX - 9);
	for (size_t i = 0; i < policy->service_count; i++) {
		uint16_t port = (uint16_t)(i * step);

		world->services[at][i] = (struct policy_service){.protocol = 6, .low = port, .high = port};
	}
}

static void make_policy(struct world *world, size_t at, uint32_t id)
{
	struct policy *policy = &world->policies[at];
	uint64_t count = one_in(world, 5) ? 0 : 1 + below(world, 4);

	*policy = (struct policy){
		.id = id,
		.vni = world->vnets[below(world, VNETS)].vni,
		.side = one_in(world, 2) ? SIDE_IN : SIDE_OUT,
		.target = make_selector(world, world->items[at][0]),
		.peer = make_selector(world, world->items[at][1]),
		.services = world->services[at],
		.casts = one_in(world, 3) ? (uint8_t)below(world, CAST_ALL + 1) : 0,
		.allow = one_in(world, 2),
	};
	snprintf(policy->name, sizeof(policy->name), "p%u", id);
	/* Now and then so many that an answer has no room for them, and about so much that they count. */
	if (one_in(world, 10)) {
		make_wide(world, at);
		return;
	}
	while (policy->service_count < count)
		world->services[at][policy->service_count++] = make_service(world);
}

/* Children come later in the list, so that there is no cycle; ids are in no order. */
static void make_groups(struct world *world)
{
	size_t count = below(world, GROUPS_MAX + 1);

	world->written.group_count = count;
	for (size_t i = 0; i < count; i++) {
		struct policy_group *group = &world->groups[i];

		*group = (struct policy_group){.id = 1 + (i * 7 + world->number) % 11, .children = world->children[i]};
		snprintf(group->name, sizeof(group->name), "g%zu", i);
		if (one_in(world, 4))
			group->default_in = (enum policy_default)below(world, DEFAULT_ALLOW + 1);
		if (one_in(world, 4))
			group->default_out = (enum policy_default)below(world, DEFAULT_ALLOW + 1);
	}
	for (size_t i = 0; i + 1 < count; i++)
		for (uint64_t n = below(world, 3); n > 0; n--)
			world->children[i][world->groups[i].child_count++] =
				world->groups[i + 1 + below(world, count - i - 1)].id;
}

static void make_world(struct world *world, uint64_t number)
{
	memset(world, 0, sizeof(*world));
	world->number = number;
	world->state = number * 0x9e3779b97f4a7c15ull;
	for (size_t i = 0; i < VNETS; i++)
		world->vnets[i] = (struct policy_vnet){
			.vni = 7 + (uint32_t)i,
			.default_in = (enum policy_default)(1 + below(world, DEFAULT_ALLOW)),
			.default_out = (enum policy_default)(1 + below(world, DEFAULT_ALLOW)),
			.agreement = one_in(world, 2) ? AGREE_BOTH : AGREE_ONE,
		};
	make_groups(world);
	world->written.policy_count = below(world, POLICIES_MAX);
	for (size_t i = 0; i < world->written.policy_count; i++)
		make_policy(world, i, (uint32_t)(1 + (i * 17 + number) % 29));
	world->written.vnets = world->vnets;
	world->written.vnet_count = VNETS;
	world->written.groups = world->groups;
	world->written.policies = world->policies;
}

static struct policy_set *sealed(const struct world *world)
{
	struct policy_set *set = oracle_set(&world->written);
	char message[200] = "";

	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	CU_ASSERT_EQUAL_FATAL(policy_set_seal(set, message), 0);
	return set;
}

/* ---- comparing */

/* One question about a world, and where it is looked at. */
struct trial {
	struct world *world;
	const struct policy_set *set;
	struct policy_identity source, destination;
	struct oracle_packet packet; /* with what is asked */
	struct policy_answer in, out, joined;
};

/* Said once; the test ends there. */
static void hold(const struct trial *trial, bool holds, const char *what, uint8_t protocol, uint16_t port)
{
	if (holds)
		return;
	printf("\n    world %llu, asked %u/%u: %s at %u/%u\n", (unsigned long long)trial->world->number,
		trial->packet.protocol, trial->packet.port, what, protocol, port);
	CU_FAIL_FATAL("the evaluator and the oracle differ");
}

static bool same(const struct policy_decision *a, const struct policy_decision *b)
{
	return a->allow == b->allow && a->by == b->by && a->policy == b->policy && a->group == b->group;
}

enum says { SAYS_IN, SAYS_OUT, SAYS_BOTH };

static struct policy_decision oracle_says(const struct trial *trial, enum says says, uint8_t protocol, uint16_t port)
{
	struct oracle_packet packet = trial->packet;

	packet.protocol = protocol;
	packet.port = port;
	if (says == SAYS_BOTH)
		return oracle_both(&trial->world->written, &packet);
	return oracle_side(&trial->world->written, says == SAYS_IN ? SIDE_IN : SIDE_OUT, &packet);
}

static int compare_edges(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Every port at which something written about the protocol begins or has just ended, in order. Returns how many. */
static size_t written_edges(const struct world *world, uint8_t protocol, int found[EDGES_MAX])
{
	int last = protocol == 1 ? 255 : 65535;
	size_t count = 0, unique = 0;

	found[count++] = 0;
	for (size_t i = 0; i < world->written.policy_count; i++) {
		for (size_t j = 0; j < world->policies[i].service_count; j++) {
			const struct policy_service *service = &world->services[i][j];

			if (service->any || service->protocol != protocol)
				continue;
			found[count++] = service->low;
			if (service->high < last)
				found[count++] = service->high + 1;
		}
	}
	qsort(found, count, sizeof(*found), compare_edges);
	for (size_t i = 0; i < count; i++)
		if (!unique || found[unique - 1] != found[i])
			found[unique++] = found[i];
	return unique;
}

/* How many segments the answer must have: counted from the oracle's decisions alone. */
static size_t segments_wanted(const struct trial *trial, enum says says)
{
	struct policy_decision otherwise = oracle_says(trial, says, 200, 0);
	static int found[EDGES_MAX];
	size_t wanted = 0;

	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		size_t count = written_edges(trial->world, protocols[i], found);
		struct policy_decision before = otherwise;

		for (size_t j = 0; j < count; j++) {
			struct policy_decision here = oracle_says(trial, says, protocols[i], (uint16_t)found[j]);

			wanted += !same(&here, &before) && !same(&here, &otherwise);
			before = here;
		}
	}
	return wanted;
}

static void check_form(const struct trial *trial, const struct policy_answer *answer)
{
	for (size_t i = 0; i < answer->count; i++) {
		const struct policy_segment *here = &answer->segments[i], *before = here - 1;

		hold(trial, here->low <= here->high, "segment is empty", here->protocol, here->low);
		hold(trial, !same(&here->decision, &answer->otherwise), "segment is like the rest", here->protocol,
			here->low);
		if (i == 0 || before->protocol < here->protocol)
			continue;
		hold(trial, before->protocol == here->protocol && before->high < here->low, "segments are out of order",
			here->protocol, here->low);
		hold(trial, before->high + 1 < here->low || !same(&before->decision, &here->decision),
			"neighbours are alike", here->protocol, here->low);
	}
}

static void check_at(const struct trial *trial, const struct policy_answer *answer, enum says says, uint8_t protocol,
	uint16_t port)
{
	struct policy_decision wanted = oracle_says(trial, says, protocol, port);
	const struct policy_decision *got = policy_look(answer, protocol, port);
	bool asked = protocol == trial->packet.protocol && port == trial->packet.port;

	if (answer->complete || asked)
		hold(trial, got && same(got, &wanted), "answer is another", protocol, port);
	else
		hold(trial, !got, "incomplete answer says something", protocol, port);
}

static void check_answer(const struct trial *trial, const struct policy_answer *answer, enum says says)
{
	static int found[EDGES_MAX];

	check_at(trial, answer, says, trial->packet.protocol, trial->packet.port);
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		size_t count = written_edges(trial->world, protocols[i], found);

		for (size_t j = 0; j < count; j++) {
			check_at(trial, answer, says, protocols[i], (uint16_t)found[j]);
			if (found[j] > 0)
				check_at(trial, answer, says, protocols[i], (uint16_t)(found[j] - 1));
		}
		for (size_t j = 0; j < 3; j++)
			check_at(trial, answer, says, protocols[i], make_port(trial->world, protocols[i]));
	}
	check_at(trial, answer, says, 200, make_port(trial->world, 200));
	check_at(trial, answer, says, 255, 0);
}

/* Complete exactly when there is room for it, and as short as it can be. */
static void check_length(const struct trial *trial, const struct policy_answer *answer, enum says says, bool can_be)
{
	size_t wanted = segments_wanted(trial, says);
	bool complete = can_be && wanted <= POLICY_SEGMENTS_MAX;

	hold(trial, answer->complete == complete, "completeness is another", 0, (uint16_t)wanted);
	hold(trial, answer->count == (complete ? wanted : 1), "number of segments is another", 0, (uint16_t)wanted);
	if (complete)
		check_form(trial, answer);
}

static void ask(struct trial *trial)
{
	const struct oracle_packet *packet = &trial->packet;
	const struct policy_vnet *vnet = oracle_vnet(&trial->world->written, trial->source.vni);

	policy_answer(trial->set, SIDE_IN, &trial->source, &trial->destination, packet->cast, packet->protocol,
		packet->port, &trial->in);
	policy_answer(trial->set, SIDE_OUT, &trial->source, &trial->destination, packet->cast, packet->protocol,
		packet->port, &trial->out);
	policy_join(vnet ? vnet->agreement : AGREE_BOTH, &trial->in, &trial->out, packet->protocol, packet->port,
		&trial->joined);
}

static void make_trial(struct world *world, const struct policy_set *set, struct trial *trial)
{
	uint32_t vni = one_in(world, 12) ? 5 : world->vnets[below(world, VNETS)].vni;
	uint8_t protocol = one_in(world, 8) ? 89 : protocols[below(world, ARRAY_LEN(protocols))];

	*trial = (struct trial){.world = world, .set = set};
	make_identity(world, vni, &trial->source);
	make_identity(world, one_in(world, 12) ? 8 : vni, &trial->destination);
	trial->packet = (struct oracle_packet){
		.source = &trial->source,
		.destination = &trial->destination,
		.cast = casts[below(world, ARRAY_LEN(casts))],
		.protocol = protocol,
		.port = make_port(world, protocol),
	};
	ask(trial);
}

/* Runs `check` on three questions about each of many worlds. */
static void each_trial(uint64_t first, uint64_t count, void (*check)(struct trial *trial))
{
	static struct world world;

	printf("worlds %llu .. %llu ", (unsigned long long)first, (unsigned long long)(first + count - 1));
	for (uint64_t number = first; number < first + count; number++) {
		struct policy_set *set;

		make_world(&world, number);
		set = sealed(&world);
		for (int i = 0; i < 3; i++) {
			/* Its packet points into it. */
			struct trial trial;

			make_trial(&world, set, &trial);
			check(&trial);
		}
		policy_set_free(set);
	}
}

static unsigned incomplete_seen, complete_seen;

static void check_sides(struct trial *trial)
{
	check_answer(trial, &trial->in, SAYS_IN);
	check_answer(trial, &trial->out, SAYS_OUT);
	check_length(trial, &trial->in, SAYS_IN, true);
	check_length(trial, &trial->out, SAYS_OUT, true);
	incomplete_seen += !trial->in.complete;
	complete_seen += trial->in.complete && trial->in.count > 1;
}

static void sides(void)
{
	incomplete_seen = complete_seen = 0;
	each_trial(1, WORLDS, check_sides);
	/* Else the worlds would be too tame to show anything. */
	CU_ASSERT(incomplete_seen > WORLDS / 100);
	CU_ASSERT(complete_seen > WORLDS / 2);
}

static void check_joined(struct trial *trial)
{
	check_answer(trial, &trial->joined, SAYS_BOTH);
	check_length(trial, &trial->joined, SAYS_BOTH, trial->in.complete && trial->out.complete);
}

static void joined(void)
{
	each_trial(10001, WORLDS, check_joined);
}

/* ---- rules */

struct rules {
	const struct trial *trial;
	uint8_t protocol; /* what was asked of policy_rules() */
	uint16_t port;
	struct policy_rule list[POLICY_RULES_MAX];
	size_t count;
};

/* As the data path looks: the narrowest width that has a rule decides. NULL: a miss, which is to ask. */
static const struct policy_rule *look_up(const struct rules *rules, uint64_t lost, uint8_t protocol, uint16_t port)
{
	for (enum policy_width width = POLICY_WIDTH_PORT; width <= POLICY_WIDTH_PEER; width++) {
		for (size_t i = 0; i < rules->count; i++) {
			const struct policy_rule *rule = &rules->list[i];

			if (lost >> i & 1 || rule->width != width)
				continue;
			if (rule->protocol == (width < POLICY_WIDTH_PEER ? protocol : 0) &&
				rule->port == (width == POLICY_WIDTH_PORT ? port : 0))
				return rule;
		}
	}
	return NULL;
}

static void check_rule_at(const struct rules *rules, uint64_t lost, uint8_t protocol, uint16_t port)
{
	struct policy_decision wanted = oracle_says(rules->trial, SAYS_BOTH, protocol, port);
	const struct policy_rule *rule = look_up(rules, 0, protocol, port), *left;

	hold(rules->trial, rule, "no rule", protocol, port);
	hold(rules->trial, rule->verdict == POLICY_ASK || (rule->verdict == POLICY_ALLOW) == wanted.allow,
		"rule says another", protocol, port);
	hold(rules->trial, rule->policy == 0 || rule->policy == wanted.policy, "rule names another", protocol, port);
	left = look_up(rules, lost, protocol, port);
	hold(rules->trial, !left || left->verdict != POLICY_ALLOW || wanted.allow, "loss of a rule allows", protocol,
		port);
}

static void check_rules_form(const struct rules *rules, size_t most)
{
	size_t wide = 0;

	hold(rules->trial, rules->count <= most, "too many rules", 0, 0);
	for (size_t i = 0; i < rules->count; i++) {
		const struct policy_rule *rule = &rules->list[i], *before = i ? rule - 1 : rule;

		wide += rule->width == POLICY_WIDTH_PEER;
		hold(rules->trial,
			rule->verdict == before->verdict || before->verdict == POLICY_DENY ||
				rule->verdict == POLICY_ALLOW,
			"rules are out of order", rule->protocol, rule->port);
		hold(rules->trial, look_up(rules, 0, rule->protocol, rule->port) == rule || rule->width,
			"rule is there twice", rule->protocol, rule->port);
	}
	hold(rules->trial, wide == 1, "not one rule for the pair", 0, 0);
}

static void check_asked(const struct rules *rules)
{
	struct policy_decision wanted = oracle_says(rules->trial, SAYS_BOTH, rules->protocol, rules->port);
	const struct policy_rule *rule = look_up(rules, 0, rules->protocol, rules->port);

	hold(rules->trial, rule->verdict == (wanted.allow ? POLICY_ALLOW : POLICY_DENY), "asked: verdict is another",
		rules->protocol, rules->port);
	hold(rules->trial, rule->policy == wanted.policy && rule->group == wanted.group, "asked: name is another",
		rules->protocol, rules->port);
}

/* Nothing is left to be asked where everything could be said in so many rules. */
static void check_width(const struct rules *rules, size_t most)
{
	const struct policy_answer *answer = &rules->trial->joined;
	bool all = answer->otherwise.allow, may_be_said = !answer->otherwise.allow;
	size_t ports = 0;

	for (size_t i = 0; i < answer->count; i++) {
		all &= answer->segments[i].decision.allow;
		if (answer->segments[i].decision.allow)
			ports += (size_t)(answer->segments[i].high - answer->segments[i].low) + 1;
	}
	may_be_said &= ports + 2 <= most;
	if (!answer->complete || !(all || may_be_said))
		return;
	for (size_t i = 0; i < rules->count; i++) {
		hold(rules->trial, rules->list[i].verdict != POLICY_ASK, "asks for what could be said",
			rules->list[i].protocol, rules->list[i].port);
		if (rules->list[i].width == POLICY_WIDTH_PEER)
			hold(rules->trial, rules->list[i].verdict == (all ? POLICY_ALLOW : POLICY_DENY),
				"rule for the pair", 0, 0);
	}
}

static void check_rules(struct trial *trial)
{
	static const size_t mosts[] = {2, 3, 5, 8, 16, 32, POLICY_RULES_MAX};
	static int found[EDGES_MAX];

	for (size_t i = 0; i < ARRAY_LEN(mosts); i++) {
		struct rules rules = {.trial = trial, .protocol = trial->packet.protocol, .port = trial->packet.port};
		uint64_t lost = unit_random(&trial->world->state);

		rules.count = policy_rules(&trial->joined, rules.protocol, rules.port, false, mosts[i], rules.list);
		check_rules_form(&rules, mosts[i]);
		check_asked(&rules);
		check_width(&rules, mosts[i]);
		for (size_t j = 0; j < ARRAY_LEN(protocols); j++) {
			size_t count = written_edges(trial->world, protocols[j], found);

			for (size_t k = 0; k < count; k++)
				check_rule_at(&rules, lost, protocols[j], (uint16_t)found[k]);
			check_rule_at(&rules, lost, protocols[j], make_port(trial->world, protocols[j]));
		}
		check_rule_at(&rules, lost, 200, 0);
	}
}

static void rules(void)
{
	each_trial(20001, WORLDS, check_rules);
}

/* ---- what must hold when a set is changed */

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
	each_trial(30001, WORLDS / 10, check_removal);
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
	each_trial(40001, WORLDS / 10, check_addition);
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
	each_trial(50001, WORLDS / 2, check_order);
}

static const struct unit_test tests[] = {
	{"each side's answer is the oracle's", sides},
	{"joined answers are the oracle's", joined},
	{"rules say what the oracle says or ask, and fail closed", rules},
	{"a policy that allows, removed, never widens", removals},
	{"a policy that denies, added, never widens", additions},
	{"the order of policies and groups does not matter", order},
};

int main(void)
{
	return unit_run("policy_oracle", tests, ARRAY_LEN(tests));
}
