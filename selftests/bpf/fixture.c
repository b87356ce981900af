/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world of fixture.h: interfaces, programs, and what the maps hold. Packets are run.c's.
 */
#include "selftests/bpf/fixture.h"
#include "selftests/bpf/negotiation.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* The loader's constant, as bpf/lib/config.h has it. */
struct locator_config {
	uint8_t octet[9];
	uint8_t length;
	uint8_t pad[6];
} __attribute__((aligned(8)));

#include "ovnet.skel.h"

#define NODES 5
#define CPUS_MAX 256
#define UPLINK "uplink"
#define QUEUE "queue"
#define INJECT "inject"
/* Of the first interface: so large that a port's number needs all of its twelve bits. */
#define FIRST_INDEX 0xab1

static const char *const interfaces[] = {"pa", "pb", "pc", "pr", "ps", UPLINK, QUEUE};

static const struct fixture_node nodes[NODES] = {
	{.name = "a",
		.port = "pa",
		.host = 0,
		.vni = FIXTURE_VNI,
		.address = {10, 0, 0, 1},
		.prefix[8] = 1 << 2,
		.mac = {2, 0, 0, 0, 0, 1},
		.dummy = {6, 0, 0, 0, 0, 1},
		.incarnation = 101},
	{.name = "b",
		.port = "pb",
		.host = 0,
		.vni = FIXTURE_VNI,
		.address = {10, 0, 0, 2},
		.prefix[8] = 2 << 2,
		.mac = {2, 0, 0, 0, 0, 2},
		.dummy = {6, 0, 0, 0, 0, 2},
		.incarnation = 102},
	{.name = "c",
		.port = "pc",
		.host = 0,
		.vni = FIXTURE_OTHER_VNI,
		.address = {10, 0, 0, 1},
		.prefix[8] = 1 << 2,
		.mac = {2, 0, 0, 0, 0, 3},
		.dummy = {6, 0, 0, 0, 0, 3},
		.incarnation = 103},
	{.name = "r",
		.port = "pr",
		.host = 1,
		.vni = FIXTURE_VNI,
		.address = {10, 0, 200, 9},
		.prefix[8] = 3 << 2,
		.mac = {2, 0, 0, 0, 0, 4},
		.dummy = {6, 0, 0, 0, 0, 4},
		.incarnation = 104},
	{.name = "s",
		.port = "ps",
		.host = 2,
		.vni = FIXTURE_VNI,
		.address = {10, 0, 201, 10},
		.prefix[8] = 63 << 2,
		.mac = {2, 0, 0, 0, 0, 5},
		.dummy = {6, 0, 0, 0, 0, 5},
		.incarnation = 105},
};

/* A network namespace with the other ends of the veths; -1: not made yet. */
static int nodes_ns = -1;

static struct fixture_node *node_at(struct fixture *f, size_t i)
{
	struct fixture_node *all[NODES] = {&f->a, &f->b, &f->c, &f->r, &f->s};

	return all[i];
}

int fixture_nodes_ns(void)
{
	return nodes_ns;
}

/* Without IPv6 nothing but the tests' own packets is on the interfaces. */
static int quiet_namespace(void)
{
	int fd;

	if (unshare(CLONE_NEWNET))
		return -errno;
	fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (write(fd, "1\n", 2) != 2) {
		close(fd);
		return -EIO;
	}
	close(fd);
	return 0;
}

#define INTERFACES (sizeof(interfaces) / sizeof(interfaces[0]))

static int make_near_ends(void)
{
	FILE *ip = popen("ip -batch -", "w");

	if (!ip)
		return -errno;
	fprintf(ip, "link set lo up\n");
	for (size_t i = 0; i < INTERFACES; i++) {
		fprintf(ip, "link add %s index %zu type veth peer name %s-n netns /proc/%d/fd/%d\n", interfaces[i],
			FIRST_INDEX + i, interfaces[i], getpid(), nodes_ns);
		fprintf(ip, "link set dev %s up\n", interfaces[i]);
	}
	/* Both ends are the host's: a mark does not survive the way into another namespace. */
	fprintf(ip, "link add " INJECT " type veth peer name " INJECT "-h\n");
	fprintf(ip, "link set dev " INJECT " up\nlink set dev " INJECT "-h up\n");
	return pclose(ip) ? -EIO : 0;
}

/* An interface whose other end is down carries nothing. */
static int raise_far_ends(void)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), error = 0;
	FILE *ip;

	if (home < 0)
		return -errno;
	if (setns(nodes_ns, CLONE_NEWNET)) {
		error = -errno;
		close(home);
		return error;
	}
	ip = popen("ip -batch -", "w");
	for (size_t i = 0; ip && i < INTERFACES; i++)
		fprintf(ip, "link set dev %s-n up\n", interfaces[i]);
	if (!ip || pclose(ip))
		error = -EIO;
	if (setns(home, CLONE_NEWNET))
		error = -errno;
	close(home);
	return error;
}

/* Two namespaces, one for the host and one for what its interfaces lead to; made once and gone with the process. */
static int make_interfaces(void)
{
	int error;

	if (nodes_ns >= 0)
		return 0;
	error = quiet_namespace();
	if (error)
		return error;
	nodes_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (nodes_ns < 0)
		return -errno;
	error = quiet_namespace();
	if (!error)
		error = make_near_ends();
	return error ? error : raise_far_ends();
}

static void world_make(struct fixture *f, const struct fixture_options *options)
{
	for (size_t i = 0; i < NODES; i++) {
		struct fixture_node *node = node_at(f, i);
		const uint8_t locator[8] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0xe0, (uint8_t)(nodes[i].host + 1)};

		*node = nodes[i];
		memcpy(node->prefix, locator, sizeof(locator));
		if (options->slots[node->host])
			node->prefix[8] = (uint8_t)(options->slots[node->host] << 2);
		node->prefix[9] = (uint8_t)(node->vni >> 16);
		node->prefix[10] = (uint8_t)(node->vni >> 8);
		node->prefix[11] = (uint8_t)node->vni;
		node->ifindex = node->host == options->host ? if_nametoindex(node->port) : 0;
		node->number = PORT_NUMBER(node->ifindex, 0);
	}
	f->host = options->host;
	f->uplink = if_nametoindex(UPLINK);
	f->queue = if_nametoindex(QUEUE);
	f->inject = if_nametoindex(INJECT);
}

static int programs_load(struct fixture *f, const struct fixture_options *options)
{
	struct ovnet *skeleton = ovnet__open();
	const struct fixture_node *here = options->host == 0 ? &f->a : options->host == 1 ? &f->r : &f->s;
	bool one_slot = options->slots[options->host] != 0;
	int error;

	if (!skeleton)
		return -errno;
	memcpy(skeleton->rodata->ovnet_locator.octet, here->prefix, one_slot ? 9 : 8);
	skeleton->rodata->ovnet_locator.length = one_slot ? 72 : 64;
	if (options->sessions)
		bpf_map__set_max_entries(skeleton->maps.sessions, options->sessions);
	if (options->pendings)
		bpf_map__set_max_entries(skeleton->maps.pendings, options->pendings);
	error = ovnet__load(skeleton);
	if (error) {
		ovnet__destroy(skeleton);
		return error;
	}
	f->skeleton = skeleton;
	f->ports = bpf_map__fd(skeleton->maps.ports);
	f->port_states = bpf_map__fd(skeleton->maps.port_states);
	f->counters = bpf_map__fd(skeleton->maps.counters);
	f->rules = bpf_map__fd(skeleton->maps.rules);
	f->sessions = bpf_map__fd(skeleton->maps.sessions);
	f->mappings = bpf_map__fd(skeleton->maps.mappings);
	f->nexthops = bpf_map__fd(skeleton->maps.nexthops);
	f->events = bpf_map__fd(skeleton->maps.events);
	f->listeners = bpf_map__fd(skeleton->maps.listeners);
	f->pendings = bpf_map__fd(skeleton->maps.pendings);
	f->budgets = bpf_map__fd(skeleton->maps.budgets);
	f->questions = bpf_map__fd(skeleton->maps.questions);
	f->channel = bpf_map__fd(skeleton->maps.channel);
	f->control_keys = bpf_map__fd(skeleton->maps.control_keys);
	f->control_hosts = bpf_map__fd(skeleton->maps.control_hosts);
	f->control_gates = bpf_map__fd(skeleton->maps.control_gates);
	f->injector = bpf_program__fd(skeleton->progs.inject);
	f->programs[HOOK_NODE] = bpf_program__fd(skeleton->progs.node);
	f->programs[HOOK_GUARD] = bpf_program__fd(skeleton->progs.guard);
	f->programs[HOOK_UPLINK_TC] = bpf_program__fd(skeleton->progs.uplink_tc);
	f->programs[HOOK_UPLINK_XDP] = bpf_program__fd(skeleton->progs.uplink_xdp);
	return 0;
}

int fixture_open(const struct fixture_options *options, struct fixture **out)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int error;

	if (!f)
		return -ENOMEM;
	error = make_interfaces();
	if (error) {
		fprintf(stderr, "test interfaces: %s\n", strerror(-error));
		free(f);
		return error;
	}
	world_make(f, options);
	error = programs_load(f, options);
	if (!error)
		error = negotiation_open(f);
	if (error) {
		fprintf(stderr, "BPF programs: %s\n", strerror(-error));
		fixture_close(f);
		return error;
	}
	fixture_reset(f);
	*out = f;
	return 0;
}

void fixture_close(struct fixture *f)
{
	if (!f)
		return;
	negotiation_close(f);
	ovnet__destroy(f->skeleton);
	free(f);
}

static void set(int fd, const void *key, const void *value)
{
	int error = bpf_map_update_elem(fd, key, value, BPF_ANY);

	CHECK(!error, "map update: %s", strerror(-error));
}

static void empty(int fd, size_t key_size)
{
	uint8_t key[64];

	memset(key, 0, key_size);
	while (!bpf_map_get_next_key(fd, NULL, key))
		bpf_map_delete_elem(fd, key);
}

/* Zero on every CPU. */
static void counters_make(struct fixture *f, uint32_t ifindex)
{
	static struct counter_value zero[CPUS_MAX];

	set(f->counters, &ifindex, zero);
}

static void node_make(struct fixture *f, const struct fixture_node *node)
{
	struct port_value port = {
		.incarnation = node->incarnation,
		.vni = node->vni,
		.ifindex = node->ifindex,
		.number = node->number,
		.mtu = FIXTURE_MTU,
		.session_quota = 60000,
	};
	struct port_state state = {.epoch = ++f->epochs};
	uint32_t number = node->number;

	memcpy(port.address, node->address, 4);
	memcpy(port.prefix, node->prefix, OVNET_PREFIX_LEN);
	memcpy(port.mac, node->mac, 6);
	fixture_port_set(f, node, &port);
	set(f->port_states, &number, &state);
	counters_make(f, node->ifindex);
}

void fixture_reset(struct fixture *f)
{
	empty(f->sessions, sizeof(struct session_key));
	empty(f->rules, sizeof(struct rule_key));
	empty(f->mappings, sizeof(struct mapping_key));
	counters_make(f, f->uplink);
	counters_make(f, f->inject);
	fixture_listen(f, 0);
	negotiation_reset(f);
	for (size_t i = 0; i < NODES; i++) {
		const struct fixture_node *node = node_at(f, i);
		struct nexthop_value hop = {
			.dst_mac = {2, 0, 0, 0, 1, (uint8_t)node->host},
			.src_mac = {2, 0, 0, 0, 2, (uint8_t)f->host},
			.ifindex = f->uplink,
			.mtu = FIXTURE_MTU,
		};

		fixture_mapping_set(f, node, OVNET_NEVER);
		if (node->ifindex)
			node_make(f, node);
		else
			fixture_nexthop_set(f, node, &hop);
	}
}

static struct rule_key rule_key(const struct fixture_rule *rule)
{
	struct rule_key key = {
		.vni = rule->local->vni,
		.port = rule->port,
		.protocol = rule->protocol,
		.direction = rule->direction,
		.width = rule->width,
	};

	memcpy(key.local, rule->local->address, 4);
	memcpy(key.peer, rule->peer->address, 4);
	return key;
}

void fixture_rule_set(struct fixture *f, const struct fixture_rule *rule)
{
	struct rule_key key = rule_key(rule);
	struct rule_value value = {
		.expires_ns = rule->expires_ns ? rule->expires_ns : OVNET_NEVER,
		.created_ns = fixture_now_ns(),
		.incarnation = rule->incarnation ? rule->incarnation : rule->local->incarnation,
		.peer_incarnation = rule->peer_incarnation ? rule->peer_incarnation : rule->peer->incarnation,
		.verdict = rule->verdict ? rule->verdict : VERDICT_ALLOW,
		.origin = ORIGIN_CONTROL,
		.policy = rule->policy,
	};

	set(f->rules, &key, &value);
}

void fixture_rule_del(struct fixture *f, const struct fixture_rule *rule)
{
	struct rule_key key = rule_key(rule);

	CHECK(!bpf_map_delete_elem(f->rules, &key), "the rule was not there");
}

uint64_t fixture_rule_hits(const struct fixture *f, const struct fixture_rule *rule)
{
	struct rule_key key = rule_key(rule);
	struct rule_value value = {0};

	CHECK(!bpf_map_lookup_elem(f->rules, &key, &value), "the rule is not there");
	return value.hits;
}

void fixture_allow(struct fixture *f, const struct fixture_node *local, const struct fixture_node *peer,
	enum direction direction)
{
	const struct fixture_rule rule = {.local = local, .peer = peer, .direction = direction, .width = WIDTH_PEER};

	fixture_rule_set(f, &rule);
}

static struct mapping_key mapping_key(const struct fixture_node *node)
{
	struct mapping_key key = {.vni = node->vni};

	memcpy(key.address, node->address, 4);
	return key;
}

static uint32_t nexthop_of(const struct fixture *f, const struct fixture_node *node)
{
	return node->host == f->host ? 0 : (uint32_t)node->host + 1;
}

void fixture_mapping_set(struct fixture *f, const struct fixture_node *node, uint64_t expires_ns)
{
	struct mapping_key key = mapping_key(node);
	struct mapping_value value = {
		.expires_ns = expires_ns,
		.incarnation = node->incarnation,
		.ifindex = node->ifindex,
		.nexthop = nexthop_of(f, node),
	};

	memcpy(value.prefix, node->prefix, OVNET_PREFIX_LEN);
	memcpy(value.mac, node->dummy, 6);
	set(f->mappings, &key, &value);
}

void fixture_mapping_del(struct fixture *f, const struct fixture_node *node)
{
	struct mapping_key key = mapping_key(node);

	CHECK(!bpf_map_delete_elem(f->mappings, &key), "the mapping was not there");
}

void fixture_port_set(struct fixture *f, const struct fixture_node *node, const struct port_value *value)
{
	uint32_t number = node->number;

	set(f->ports, &number, value);
}

struct port_value fixture_port(const struct fixture *f, const struct fixture_node *node)
{
	struct port_value value = {0};
	uint32_t number = node->number;

	CHECK(!bpf_map_lookup_elem(f->ports, &number, &value) && value.ifindex, "the port is not there");
	return value;
}

void fixture_port_del(struct fixture *f, const struct fixture_node *node)
{
	fixture_port_set(f, node, &(struct port_value){0});
}

struct nexthop_value fixture_nexthop(struct fixture *f, const struct fixture_node *node)
{
	struct nexthop_value value = {0};
	uint32_t index = nexthop_of(f, node);

	CHECK(!bpf_map_lookup_elem(f->nexthops, &index, &value), "the next hop is not there");
	return value;
}

void fixture_nexthop_set(struct fixture *f, const struct fixture_node *node, const struct nexthop_value *value)
{
	uint32_t index = nexthop_of(f, node);

	set(f->nexthops, &index, value);
}

void fixture_listen(struct fixture *f, uint32_t drops)
{
	struct listener_value value = {.drops = drops};
	uint32_t zero = 0;

	set(f->listeners, &zero, &value);
}

struct port_state fixture_state(const struct fixture *f, const struct fixture_node *node)
{
	struct port_state state = {0};
	uint32_t number = node->number;

	CHECK(!bpf_map_lookup_elem(f->port_states, &number, &state), "the port's state is not there");
	return state;
}

void fixture_epoch(struct fixture *f, const struct fixture_node *node)
{
	struct port_state state = fixture_state(f, node);
	uint32_t number = node->number;

	state.epoch = ++f->epochs;
	set(f->port_states, &number, &state);
}

unsigned fixture_sessions(const struct fixture *f)
{
	struct session_key key, *previous = NULL;
	unsigned count = 0;

	while (!bpf_map_get_next_key(f->sessions, previous, &key)) {
		previous = &key;
		count++;
	}
	return count;
}

int fixture_session(const struct fixture *f, const struct fixture_node *local, const struct fixture_node *peer,
	uint8_t protocol, uint16_t local_port, uint16_t peer_port, struct session_value *out)
{
	struct session_key key = {
		.vni = local->vni,
		.local_port = local_port,
		.peer_port = peer_port,
		.protocol = protocol,
	};

	memcpy(key.local, local->address, 4);
	memcpy(key.peer, peer->address, 4);
	return bpf_map_lookup_elem(f->sessions, &key, out) ? -ENOENT : 0;
}

struct counter_value fixture_counters(const struct fixture *f, uint32_t ifindex)
{
	static struct counter_value per_cpu[CPUS_MAX];
	struct counter_value sum = {0};
	const size_t fields = sizeof(sum) / sizeof(uint64_t);
	int cpus = libbpf_num_possible_cpus();

	if (cpus > CPUS_MAX || bpf_map_lookup_elem(f->counters, &ifindex, per_cpu)) {
		CHECK(false, "the counters of interface %u are not there", ifindex);
		return sum;
	}
	for (int cpu = 0; cpu < cpus; cpu++)
		for (size_t i = 0; i < fields; i++)
			((uint64_t *)&sum)[i] += ((uint64_t *)&per_cpu[cpu])[i];
	return sum;
}

uint64_t fixture_count(const struct fixture *f, uint32_t ifindex, enum counter counter)
{
	struct counter_value value = fixture_counters(f, ifindex);

	switch (counter) {
#define COUNTER(NAME, name, description)                                                                               \
	case COUNTER_##NAME:                                                                                           \
		return value.name;
#include "maps/counters.def"
#undef COUNTER
	default:
		return 0;
	}
}

uint64_t fixture_drops(const struct fixture *f, uint32_t ifindex, enum reason reason)
{
	struct counter_value value = fixture_counters(f, ifindex);

	switch (reason) {
#define REASON(NAME, name, description)                                                                                \
	case REASON_##NAME:                                                                                            \
		return value.drop_##name;
#include "maps/reasons.def"
#undef REASON
	default:
		return 0;
	}
}

uint64_t fixture_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
