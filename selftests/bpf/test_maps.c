// SPDX-License-Identifier: BSD-2-Clause
/*
 * The typed accessors of the maps, each function once at least, on maps as the loader makes them. Needs root.
 */
#include "maps/access.h"

#include "selftests/bpf/loader_fixture.h"

#define MANY 3000 /* entries: several batches */

static struct loader *loader;
static const struct loader_maps *maps;

/* What an _each function told, and what the callback is to do meanwhile. */
struct visit {
	unsigned int count;
	bool remove;
	unsigned int stop_after; /* 0: never */
	struct port_state *states;
	uint8_t seen[OVNET_PORTS_MAX];
};

static int visited(struct visit *visit, unsigned int number)
{
	visit->count++;
	CU_ASSERT_TRUE_FATAL(number < OVNET_PORTS_MAX);
	visit->seen[number]++;
	return visit->stop_after && visit->count == visit->stop_after ? 17 : 0;
}

static void assert_all_seen_once(const struct visit *visit, unsigned int count)
{
	bool all = visit->count == count;

	for (unsigned int i = 0; i < OVNET_PORTS_MAX; i++)
		all &= visit->seen[i] == (i < count);
	CU_ASSERT_TRUE(all);
}

static int see_port(void *context, uint32_t ifindex, const struct port_value *value)
{
	struct visit *visit = context;

	CU_ASSERT_EQUAL(value->incarnation, ifindex);
	if (visit->remove)
		CU_ASSERT_EQUAL(port_del(maps->ports, ifindex), 0);
	return visited(visit, ifindex - 1);
}

static void test_ports(void)
{
	struct port_value value = {.vni = 77, .address = {10, 0, 0, 2}, .number = 3}, found;
	struct visit visit = {0};

	memset(&found, 0xaa, sizeof(found));
	CU_ASSERT_EQUAL(port_get(maps->ports, 1, &found), -ENOENT);
	CU_ASSERT_EQUAL(found.vni, 0xaaaaaaaa);
	CU_ASSERT_EQUAL(port_del(maps->ports, 1), -ENOENT);
	CU_ASSERT_EQUAL(port_each(maps->ports, see_port, &visit), 0);
	CU_ASSERT_EQUAL(visit.count, 0);

	for (uint32_t ifindex = 1; ifindex <= OVNET_PORTS_MAX; ifindex++) {
		value.incarnation = ifindex;
		CU_ASSERT_EQUAL(port_set(maps->ports, ifindex, &value), 0);
	}
	CU_ASSERT_EQUAL(port_set(maps->ports, OVNET_PORTS_MAX + 1, &value), -E2BIG);
	CU_ASSERT_EQUAL(port_get(maps->ports, OVNET_PORTS_MAX, &found), 0);
	value.ifindex = OVNET_PORTS_MAX;
	value.number = OVNET_PORTS_MAX % OVNET_PORTS_MAX;
	CU_ASSERT_EQUAL(memcmp(&found, &value, sizeof(value)), 0);
	CU_ASSERT_EQUAL(port_number(maps->ports, OVNET_PORTS_MAX), value.number);

	visit.stop_after = 5;
	CU_ASSERT_EQUAL(port_each(maps->ports, see_port, &visit), 17);
	CU_ASSERT_EQUAL(visit.count, 5);
	visit = (struct visit){.remove = true};
	CU_ASSERT_EQUAL(port_each(maps->ports, see_port, &visit), 0);
	assert_all_seen_once(&visit, OVNET_PORTS_MAX);
	CU_ASSERT_EQUAL(port_get(maps->ports, 1, &found), -ENOENT);

	/* Interfaces whose first number is the same stand one behind the other, and one that goes hides none. */
	for (uint32_t i = 0; i < PORT_PROBES; i++)
		CU_ASSERT_EQUAL(port_set(maps->ports, 5 + i * OVNET_PORTS_MAX, &value), 0);
	CU_ASSERT_EQUAL(port_set(maps->ports, 5 + PORT_PROBES * OVNET_PORTS_MAX, &value), -E2BIG);
	CU_ASSERT_EQUAL(port_del(maps->ports, 5), 0);
	CU_ASSERT_EQUAL(port_number(maps->ports, 5 + OVNET_PORTS_MAX), 6);
	CU_ASSERT_EQUAL(port_set(maps->ports, 5 + PORT_PROBES * OVNET_PORTS_MAX, &value), 0);
	CU_ASSERT_EQUAL(port_number(maps->ports, 5 + PORT_PROBES * OVNET_PORTS_MAX), 5);
	for (uint32_t i = 1; i <= PORT_PROBES; i++)
		CU_ASSERT_EQUAL(port_del(maps->ports, 5 + i * OVNET_PORTS_MAX), 0);
}

static void test_port_states(void)
{
	struct port_state *states = port_states_map(maps->port_states), found;
	uint32_t key = OVNET_PORTS_MAX - 1;

	CU_ASSERT_PTR_NOT_NULL_FATAL(states);
	states[key].epoch = 0x1122334455667788;
	CU_ASSERT_EQUAL(bpf_map_lookup_elem(maps->port_states, &key, &found), 0);
	CU_ASSERT_EQUAL(found.epoch, 0x1122334455667788);
	port_states_unmap(states);
	port_states_unmap(NULL);
	CU_ASSERT_PTR_NULL(port_states_map(maps->ports));
	CU_ASSERT_NOT_EQUAL(errno, 0);
}

static void test_counters(void)
{
	const int cpus = libbpf_num_possible_cpus();
	scope_free struct counter_value *values = calloc(cpus, sizeof(*values));
	struct counter_value found;
	uint32_t ifindex = 7;

	memset(&found, 0xaa, sizeof(found));
	CU_ASSERT_EQUAL(counter_get(maps->counters, ifindex, &found), -ENOENT);
	CU_ASSERT_EQUAL(found.drop_truncated, 0xaaaaaaaaaaaaaaaa);
	CU_ASSERT_EQUAL(counter_create(maps->counters, ifindex), 0);
	CU_ASSERT_EQUAL(counter_get(maps->counters, ifindex, &found), 0);
	for (int reason = 0; reason < REASON_MAX; reason++)
		CU_ASSERT_EQUAL(counter_drops(&found, reason), 0);

	for (int cpu = 0; cpu < cpus; cpu++) {
		values[cpu].drop_truncated = 100 + cpu;
		values[cpu].drop_no_rule = 3;
		values[cpu].arp_answered = 5;
		values[cpu].events_lost = 1ull << 40;
	}
	CU_ASSERT_EQUAL(bpf_map_update_elem(maps->counters, &ifindex, values, BPF_EXIST), 0);
	CU_ASSERT_EQUAL(counter_create(maps->counters, ifindex), 0);
	CU_ASSERT_EQUAL(counter_get(maps->counters, ifindex, &found), 0);
	CU_ASSERT_EQUAL(counter_drops(&found, REASON_TRUNCATED), 100u * cpus + cpus * (cpus - 1) / 2);
	CU_ASSERT_EQUAL(counter_drops(&found, REASON_NO_RULE), 3u * cpus);
	CU_ASSERT_EQUAL(counter_drops(&found, REASON_BAD_HEADER), 0);
	CU_ASSERT_EQUAL(counter_drops(&found, REASON_NONE), 0);
	CU_ASSERT_EQUAL(counter_drops(&found, REASON_MAX), 0);
	CU_ASSERT_EQUAL(counter_drops(&found, (enum reason) - 1), 0);
	CU_ASSERT_EQUAL(counter_count(&found, COUNTER_ARP_ANSWERED), 5u * cpus);
	CU_ASSERT_EQUAL(counter_count(&found, COUNTER_EVENTS_LOST), (1ull << 40) * cpus);
	CU_ASSERT_EQUAL(counter_count(&found, COUNTER_MAX), 0);
	CU_ASSERT_EQUAL(counter_del(maps->counters, ifindex), 0);
	CU_ASSERT_EQUAL(counter_del(maps->counters, ifindex), -ENOENT);
	CU_ASSERT_EQUAL(counter_get(maps->counters, ifindex, &found), -ENOENT);
}

static int see_rule(void *context, const struct rule_key *key, const struct rule_value *value)
{
	struct visit *visit = context;

	CU_ASSERT_EQUAL(value->policy, key->vni);
	if (visit->remove)
		CU_ASSERT_EQUAL(rule_del(maps->rules, key), 0);
	return visited(visit, key->vni - 1);
}

static void test_rules(void)
{
	struct rule_key key = {.local = {10, 0, 0, 2}, .direction = DIRECTION_IN, .width = WIDTH_PEER};
	struct rule_value value = {.verdict = VERDICT_ALLOW, .expires_ns = OVNET_NEVER}, found;
	struct visit visit = {0};

	memset(&found, 0xaa, sizeof(found));
	CU_ASSERT_EQUAL(rule_get(maps->rules, &key, &found), -ENOENT);
	CU_ASSERT_EQUAL(found.policy, 0xaaaaaaaa);
	CU_ASSERT_EQUAL(rule_del(maps->rules, &key), -ENOENT);
	for (unsigned int i = 0; i < MANY; i++) {
		key.vni = value.policy = i + 1;
		CU_ASSERT_EQUAL(rule_set(maps->rules, &key, &value), 0);
	}
	CU_ASSERT_EQUAL(rule_get(maps->rules, &key, &found), 0);
	CU_ASSERT_EQUAL(memcmp(&found, &value, sizeof(value)), 0);

	CU_ASSERT_EQUAL(rule_each(maps->rules, see_rule, &visit), 0);
	assert_all_seen_once(&visit, MANY);
	visit = (struct visit){.stop_after = 2000, .remove = true};
	CU_ASSERT_EQUAL(rule_each(maps->rules, see_rule, &visit), 17);
	visit = (struct visit){.remove = true};
	CU_ASSERT_EQUAL(rule_each(maps->rules, see_rule, &visit), 0);
	CU_ASSERT_EQUAL(visit.count, MANY - 2000);
	visit = (struct visit){0};
	CU_ASSERT_EQUAL(rule_each(maps->rules, see_rule, &visit), 0);
	CU_ASSERT_EQUAL(visit.count, 0);
}

static int see_session(void *context, const struct session_key *key, const struct session_value *value)
{
	struct visit *visit = context;

	CU_ASSERT_EQUAL(value->policy, key->vni);
	if (visit->remove)
		CU_ASSERT_EQUAL(session_del(maps->sessions, key, visit->states), 0);
	return visited(visit, key->vni - 1);
}

static void test_sessions(void)
{
	struct session_key key = {.protocol = 6, .local_port = 1234, .peer_port = 5201};
	struct session_value value = {.direction = DIRECTION_OUT};
	struct port_state *states = port_states_map(maps->port_states);
	struct visit visit = {.states = states};

	CU_ASSERT_PTR_NOT_NULL_FATAL(states);
	states[1].sessions = states[OVNET_PORTS_MAX - 1].sessions = MANY / 2;
	for (unsigned int i = 0; i < MANY; i++) {
		key.vni = value.policy = i + 1;
		value.number = i % 2 ? 1 : OVNET_PORTS_MAX - 1;
		CU_ASSERT_EQUAL(bpf_map_update_elem(maps->sessions, &key, &value, BPF_NOEXIST), 0);
	}
	CU_ASSERT_EQUAL(session_each(maps->sessions, see_session, &visit), 0);
	assert_all_seen_once(&visit, MANY);

	CU_ASSERT_EQUAL(session_del(maps->sessions, &key, states), 0);
	CU_ASSERT_EQUAL(states[1].sessions, MANY / 2 - 1);
	CU_ASSERT_EQUAL(session_del(maps->sessions, &key, states), -ENOENT);
	CU_ASSERT_EQUAL(states[1].sessions, MANY / 2 - 1);

	visit = (struct visit){.states = states, .remove = true};
	CU_ASSERT_EQUAL(session_each(maps->sessions, see_session, &visit), 0);
	CU_ASSERT_EQUAL(visit.count, MANY - 1);
	CU_ASSERT_EQUAL(states[1].sessions, 0);
	CU_ASSERT_EQUAL(states[OVNET_PORTS_MAX - 1].sessions, 0);
	port_states_unmap(states);
}

static int see_mapping(void *context, const struct mapping_key *key, const struct mapping_value *value)
{
	struct visit *visit = context;

	CU_ASSERT_EQUAL(value->incarnation, key->vni);
	if (visit->remove)
		CU_ASSERT_EQUAL(mapping_del(maps->mappings, key), 0);
	return visited(visit, key->vni - 1);
}

static void test_mappings(void)
{
	struct mapping_key key = {.address = {10, 0, 0, 2}};
	struct mapping_value value = {.mac = {2, 0, 0, 0, 0, 1}, .nexthop = 4}, found;
	struct visit visit = {0};

	memset(&found, 0xaa, sizeof(found));
	CU_ASSERT_EQUAL(mapping_get(maps->mappings, &key, &found), -ENOENT);
	CU_ASSERT_EQUAL(found.nexthop, 0xaaaaaaaa);
	CU_ASSERT_EQUAL(mapping_del(maps->mappings, &key), -ENOENT);
	for (unsigned int i = 0; i < MANY; i++) {
		key.vni = value.incarnation = i + 1;
		CU_ASSERT_EQUAL(mapping_set(maps->mappings, &key, &value), 0);
	}
	CU_ASSERT_EQUAL(mapping_get(maps->mappings, &key, &found), 0);
	CU_ASSERT_EQUAL(memcmp(&found, &value, sizeof(value)), 0);
	for (unsigned int i = MANY; i < fixture_options.mappings; i++) {
		key.vni = i + 1;
		CU_ASSERT_EQUAL(mapping_set(maps->mappings, &key, &value), 0);
	}
	key.vni = fixture_options.mappings + 1;
	CU_ASSERT_EQUAL(mapping_set(maps->mappings, &key, &value), -E2BIG);
	for (unsigned int i = MANY; i < fixture_options.mappings; i++) {
		key.vni = i + 1;
		CU_ASSERT_EQUAL(mapping_del(maps->mappings, &key), 0);
	}

	visit.remove = true;
	CU_ASSERT_EQUAL(mapping_each(maps->mappings, see_mapping, &visit), 0);
	assert_all_seen_once(&visit, MANY);
	visit = (struct visit){0};
	CU_ASSERT_EQUAL(mapping_each(maps->mappings, see_mapping, &visit), 0);
	CU_ASSERT_EQUAL(visit.count, 0);
}

static void test_nexthops(void)
{
	const struct nexthop_value value = {.dst_mac = {2, 0, 0, 0, 0, 1}, .ifindex = 2, .mtu = 1500};
	struct nexthop_value found;
	uint32_t last = fixture_options.hosts - 1;

	CU_ASSERT_EQUAL(nexthop_get(maps->nexthops, last, &found), 0);
	CU_ASSERT_EQUAL(found.ifindex, 0);
	CU_ASSERT_EQUAL(nexthop_set(maps->nexthops, last, &value), 0);
	CU_ASSERT_EQUAL(nexthop_get(maps->nexthops, last, &found), 0);
	CU_ASSERT_EQUAL(memcmp(&found, &value, sizeof(value)), 0);
	memset(&found, 0xaa, sizeof(found));
	CU_ASSERT_EQUAL(nexthop_get(maps->nexthops, last + 1, &found), -ENOENT);
	CU_ASSERT_EQUAL(found.mtu, 0xaaaaaaaa);
	CU_ASSERT_EQUAL(nexthop_set(maps->nexthops, last + 1, &value), -E2BIG);
}

static void test_listeners(void)
{
	struct listener_value found = {0};
	uint32_t key = 0;

	CU_ASSERT_EQUAL(listener_set(maps->listeners, 2), 0);
	CU_ASSERT_EQUAL(bpf_map_lookup_elem(maps->listeners, &key, &found), 0);
	CU_ASSERT_EQUAL(found.drops, 2);
}

static void test_words(void)
{
	for (int i = 0; i < REASON_MAX; i++) {
		CU_ASSERT_PTR_NOT_NULL(reason_name(i));
		CU_ASSERT_PTR_NOT_NULL(reason_description(i));
	}
	for (int i = 0; i < COUNTER_MAX; i++) {
		CU_ASSERT_PTR_NOT_NULL(counter_name(i));
		CU_ASSERT_PTR_NOT_NULL(counter_description(i));
	}
	CU_ASSERT_STRING_EQUAL(reason_name(REASON_NO_RULE), "no_rule");
	CU_ASSERT_STRING_EQUAL(counter_name(COUNTER_EVENTS_LOST), "events_lost");
	CU_ASSERT_PTR_NULL(reason_name(REASON_MAX));
	CU_ASSERT_PTR_NULL(reason_name((enum reason) - 1));
	CU_ASSERT_PTR_NULL(reason_description(REASON_MAX));
	CU_ASSERT_PTR_NULL(counter_name(COUNTER_MAX));
	CU_ASSERT_PTR_NULL(counter_description((enum counter) - 1));
}

static void test_open(void)
{
	loader = fixture_open();
	maps = loader_maps(loader);
}

static void test_end(void)
{
	fixture_end(loader);
}

int main(void)
{
	static const struct fixture_test tests[] = {
		{"the maps are made", test_open},
		{"ports", test_ports},
		{"port states are shared memory", test_port_states},
		{"counters are summed over the CPUs", test_counters},
		{"rules", test_rules},
		{"sessions are counted off their port", test_sessions},
		{"mappings", test_mappings},
		{"next hops", test_nexthops},
		{"listeners", test_listeners},
		{"the words of reasons and counters", test_words},
		{"the maps are removed", test_end},
	};

	return fixture_main("maps", tests, ARRAY_LEN(tests));
}
