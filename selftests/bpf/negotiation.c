/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The maps between programs and agent, as a test reads and writes them; see negotiation.h.
 */
#include "selftests/bpf/negotiation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* More than the ring holds. */
#define RING_QUESTIONS 10000

struct negotiation {
	struct ring_buffer *ring;
	struct question latest;
	unsigned count;
};

static int question_keep(void *context, void *data, size_t size)
{
	struct negotiation *n = context;

	if (size != sizeof(n->latest))
		return -EINVAL;
	n->latest = *(const struct question *)data;
	n->count++;
	return 0;
}

int negotiation_open(struct fixture *f)
{
	struct negotiation *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->ring = ring_buffer__new(f->questions, question_keep, n, NULL);
	if (!n->ring) {
		free(n);
		return -errno;
	}
	f->negotiation = n;
	return 0;
}

void negotiation_close(struct fixture *f)
{
	if (!f->negotiation)
		return;
	ring_buffer__free(f->negotiation->ring);
	free(f->negotiation);
}

static void set(int fd, const void *key, const void *value)
{
	int error = bpf_map_update_elem(fd, key, value, BPF_ANY);

	CHECK(!error, "map update: %s", strerror(-error));
}

void negotiation_reset(struct fixture *f)
{
	const struct channel_value channel = {
		.alive_ns = OVNET_NEVER,
		.queue_ifindex = f->queue,
		.inject_ifindex = f->inject,
	};
	const struct fixture_node *nodes[] = {&f->a, &f->b, &f->c, &f->r, &f->s};
	const struct budget none = {0};
	struct control_key host;
	struct rule_key key;
	uint32_t index;

	while (!bpf_map_get_next_key(f->pendings, NULL, &key))
		bpf_map_delete_elem(f->pendings, &key);
	while (!bpf_map_get_next_key(f->control_keys, NULL, &index))
		bpf_map_delete_elem(f->control_keys, &index);
	while (!bpf_map_get_next_key(f->control_hosts, NULL, &host))
		bpf_map_delete_elem(f->control_hosts, &host);
	negotiation_gates_set(f, 0);
	negotiation_budget_set(f, 0, &none);
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		negotiation_budget_set(f, nodes[i]->number, &none);
	negotiation_channel_set(f, &channel);
	negotiation_questions(f, NULL);
}

void negotiation_on(struct fixture *f, const struct fixture_node *node, uint32_t flags)
{
	const struct budget ample = {
		.interval_ns = 1,
		.burst_ns = HOUR_NS,
		.pending_quota = 100000,
		.packets_quota = 100000,
		.bytes_quota = 100000000,
		.holds_quota = 100000,
	};
	struct port_value port = fixture_port(f, node);

	port.flags |= PORT_NEGOTIATE | flags;
	fixture_port_set(f, node, &port);
	negotiation_budget_set(f, node->number, &ample);
}

struct budget negotiation_budget(const struct fixture *f, uint32_t number)
{
	struct budget budget = {0};

	CHECK(!bpf_map_lookup_elem(f->budgets, &number, &budget), "the budget is not there");
	return budget;
}

void negotiation_budget_set(struct fixture *f, uint32_t number, const struct budget *budget)
{
	set(f->budgets, &number, budget);
}

struct channel_value negotiation_channel(const struct fixture *f)
{
	struct channel_value channel = {0};
	uint32_t zero = 0;

	CHECK(!bpf_map_lookup_elem(f->channel, &zero, &channel), "the channel is not there");
	return channel;
}

void negotiation_channel_set(struct fixture *f, const struct channel_value *channel)
{
	uint32_t zero = 0;

	set(f->channel, &zero, channel);
}

unsigned negotiation_questions(struct fixture *f, struct question *latest)
{
	struct negotiation *n = f->negotiation;
	int read;

	n->count = 0;
	read = ring_buffer__consume(n->ring);
	CHECK(read == (int)n->count, "the ring of questions: %d", read);
	if (latest && n->count)
		*latest = n->latest;
	return n->count;
}

void negotiation_ring_fill(struct fixture *f)
{
	/* Arrivals without a rule: they leave nothing behind but reports. */
	struct packet_spec spec = fixture_arrival(&f->r, &f->a, PROTOCOL_UDP);
	const struct budget before = negotiation_budget(f, f->a.number);
	struct port_value port = fixture_port(f, &f->a);
	struct fixture_run run = FROM_UPLINK(f);
	static struct frame frame;

	negotiation_on(f, &f->a, 0);
	packet_build(&spec, &frame);
	run.repeat = RING_QUESTIONS;
	CHECK(!fixture_send(f, &run, &frame, NULL), "the test run fails");
	fixture_port_set(f, &f->a, &port);
	negotiation_budget_set(f, f->a.number, &before);
}

struct rule_key negotiation_key(const struct fixture_node *local, const struct fixture_node *peer, uint8_t protocol,
	uint16_t port)
{
	struct rule_key key = {
		.vni = local->vni,
		.port = port,
		.protocol = protocol,
		.direction = DIRECTION_OUT,
		.width = WIDTH_PORT,
	};

	memcpy(key.local, local->address, 4);
	memcpy(key.peer, peer->address, 4);
	return key;
}

struct rule_key negotiation_key_arp(const struct fixture_node *local, const struct fixture_node *peer)
{
	struct rule_key key = negotiation_key(local, peer, 0, 0);

	key.direction = 0;
	key.width = WIDTH_ARP;
	return key;
}

int negotiation_pending(const struct fixture *f, const struct rule_key *key, struct pending_value *out)
{
	return bpf_map_lookup_elem(f->pendings, key, out) ? -ENOENT : 0;
}

void negotiation_pending_set(struct fixture *f, const struct rule_key *key, const struct pending_value *value)
{
	set(f->pendings, key, value);
}

void negotiation_pending_del(struct fixture *f, const struct rule_key *key)
{
	CHECK(!bpf_map_delete_elem(f->pendings, key), "the pending question was not there");
}

unsigned negotiation_pendings(const struct fixture *f)
{
	struct rule_key key, *previous = NULL;
	unsigned count = 0;

	while (!bpf_map_get_next_key(f->pendings, previous, &key)) {
		previous = &key;
		count++;
	}
	return count;
}

void negotiation_pendings_fill(struct fixture *f)
{
	const struct pending_value value = {.expires_ns = OVNET_NEVER};
	struct rule_key key = {0};

	while (!bpf_map_update_elem(f->pendings, &key, &value, BPF_NOEXIST))
		key.vni++;
}

void negotiation_control_key_set(struct fixture *f, uint32_t index, const uint8_t prefix[8])
{
	struct control_key key;

	memcpy(key.prefix, prefix, sizeof(key.prefix));
	set(f->control_keys, &index, &key);
}

void negotiation_control_host_set(struct fixture *f, const uint8_t prefix[8])
{
	static const struct control_host full;
	struct control_key key;

	memcpy(key.prefix, prefix, sizeof(key.prefix));
	set(f->control_hosts, &key, &full);
}

struct control_gate negotiation_gate(const struct fixture *f, uint32_t index)
{
	struct control_gate gate = {0};

	CHECK(!bpf_map_lookup_elem(f->control_gates, &index, &gate), "the gate is not there");
	return gate;
}

void negotiation_gate_set(struct fixture *f, uint32_t index, const struct control_gate *gate)
{
	set(f->control_gates, &index, gate);
}

void negotiation_gates_set(struct fixture *f, uint64_t ahead_ns)
{
	const struct control_gate gate = {
		.next_ns = ahead_ns ? fixture_now_ns() + CONTROL_STRANGER_BURST_NS + ahead_ns : 0};

	for (uint32_t i = 0; i < 2 * CONTROL_GATES; i++)
		negotiation_gate_set(f, i, &gate);
}

/* As maps/waiting.h draws it. */
static void expect_mac(uint8_t mac[6], uint16_t number, uint32_t question)
{
	mac[0] = (uint8_t)(number / 256 * 16 + 2);
	mac[1] = (uint8_t)(number % 256);
	for (int i = 0; i < 4; i++)
		mac[2 + i] = (uint8_t)(question >> (24 - 8 * i));
}

bool negotiation_waits(struct fixture *f, const struct fixture_node *node, const struct packet_spec *spec,
	uint32_t question, const char *file, int line)
{
	const uint64_t queued = fixture_count(f, node->ifindex, COUNTER_PACKETS_QUEUED);
	static struct frame expected, out;
	uint32_t read = 0;
	uint16_t number = 0;

	packet_build(spec, &expected);
	if (!fixture_sent(f, FROM_NODE(node), &expected, &out, file, line))
		return false;
	expect_mac(expected.octet + 6, node->number, question);
	return fixture_same(&out, &expected, file, line) &&
	       suite_check(!waiting_mac_held(out.octet + 6), file, line, "it is the node's own") &&
	       suite_check(waiting_mac_read(out.octet + 6, &number, &read) && number == node->number &&
				   read == question,
		       file, line, "the agent reads question %u of port %u", read, number) &&
	       suite_check(fixture_count(f, node->ifindex, COUNTER_PACKETS_QUEUED) == queued + 1, file, line,
		       "a packet that waits was not counted");
}

bool negotiation_holds(struct fixture *f, const struct fixture_node *node, const struct packet_spec *spec,
	uint32_t question, const char *file, int line)
{
	const uint64_t held = fixture_count(f, node->ifindex, COUNTER_PACKETS_HELD);
	static struct frame expected, out;
	uint32_t read = 0;
	uint16_t number = 0;

	packet_build(spec, &expected);
	if (!fixture_sent(f, FROM_UPLINK(f), &expected, &out, file, line))
		return false;
	expect_mac(expected.octet + 6, node->number, question);
	expected.octet[6] += 8;
	return fixture_same(&out, &expected, file, line) &&
	       suite_check(waiting_mac_read(out.octet + 6, &number, &read) && waiting_mac_held(out.octet + 6) &&
				   number == node->number && read == question,
		       file, line, "the agent reads question %u of port %u", read, number) &&
	       suite_check(fixture_count(f, node->ifindex, COUNTER_PACKETS_HELD) == held + 1, file, line,
		       "an arrival that waits was not counted");
}

/* Either way it is counted as drained. */
static bool back_counted(struct fixture *f, const struct fixture_node *node, uint64_t before, const char *file,
	int line)
{
	return suite_check(fixture_count(f, node->ifindex, COUNTER_PACKETS_DRAINED) == before + 1, file, line,
		"a packet that came back was not counted");
}

bool negotiation_back(struct fixture *f, const struct fixture_node *node, const struct packet_spec *spec,
	struct frame *out, const char *file, int line)
{
	const uint64_t drained = fixture_count(f, node->ifindex, COUNTER_PACKETS_DRAINED);
	static struct frame frame;

	packet_build(spec, &frame);
	return fixture_sent(f, FROM_WAITING(node), &frame, out, file, line) &&
	       back_counted(f, node, drained, file, line);
}

bool negotiation_back_dropped(struct fixture *f, const struct fixture_node *node, const struct packet_spec *spec,
	enum reason reason, const char *file, int line)
{
	const uint64_t drained = fixture_count(f, node->ifindex, COUNTER_PACKETS_DRAINED);
	static struct frame frame;

	packet_build(spec, &frame);
	return fixture_dropped(f, FROM_WAITING(node), &frame, reason, file, line) &&
	       back_counted(f, node, drained, file, line);
}
