/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams of the negotiation at the uplink, XDP and tc: which are the agent's, and how many of whom reach it. What
 * they say is the agent's matter. Neighbours: test_uplink.c for all else that is not a node's.
 */
#include "selftests/bpf/fixture.h"
#include "selftests/bpf/negotiation.h"

#include <string.h>

#define TYPE_HELLO 1
#define TYPE_WELCOME 2
#define TYPE_COOKIE 3
#define TYPE_DATA 4

#define INDEX 0x12345678u
#define OTHER_INDEX 0x0a0b0c0du
#define STRANGERS_AT_ONCE (CONTROL_STRANGER_BURST_NS / CONTROL_STRANGER_INTERVAL_NS)
#define HOSTS_AT_ONCE (CONTROL_BURST_NS / CONTROL_INTERVAL_NS)

static struct fixture *f;
static struct frame frame;
static uint8_t payload[64];

static const enum hook hooks[] = {HOOK_UPLINK_TC, HOOK_UPLINK_XDP};

static void setup(void)
{
	fixture_reset(f);
}

static struct fixture_run run_at(enum hook hook)
{
	return (struct fixture_run){.hook = hook, .ifindex = f->uplink};
}

static uint64_t passed(void)
{
	return fixture_count(f, f->uplink, COUNTER_CONTROL_PASSED);
}

static void put32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* VNI 0 at that end: the host itself, here with another slot and address than any node's. */
static void to_host(uint8_t address[16])
{
	memset(address + 8, 0, 8);
	address[15] = 1;
}

/* From the host where r is to the address of node a. The two words are what follows the message's first four octets. */
static struct packet_spec message(uint8_t type, uint32_t first, uint32_t second)
{
	struct packet_spec spec = fixture_arrival(&f->r, &f->a, PROTOCOL_UDP);

	to_host(spec.source);
	spec.source_port = CONTROL_PORT;
	spec.destination_port = CONTROL_PORT;
	memset(payload, 0x55, sizeof(payload));
	payload[0] = type;
	payload[1] = 1;
	payload[2] = payload[3] = 0;
	put32(payload + 4, first);
	put32(payload + 8, second);
	spec.payload = payload;
	spec.payload_len = sizeof(payload);
	return spec;
}

static bool passes(enum hook hook, const struct packet_spec *spec)
{
	uint64_t before = passed();

	packet_build(spec, &frame);
	return PASSED(f, run_at(hook), &frame) && CHECK(passed() == before + 1, "it passed and was not counted");
}

static bool refused(enum hook hook, const struct packet_spec *spec, enum reason reason)
{
	packet_build(spec, &frame);
	return DROPPED(f, run_at(hook), &frame, reason);
}

/* Either end is a host: that is the negotiation's, to a node's address or to the host's own. */
static void test_passes(void)
{
	for (size_t i = 0; i < 2; i++) {
		struct packet_spec spec = message(TYPE_HELLO, 1, 2);

		passes(hooks[i], &spec);
		/* An answer: from the node's address that was asked to the host that asks, and between hosts. */
		spec = message(TYPE_WELCOME, 1, 2);
		memcpy(spec.source, f->r.prefix, OVNET_PREFIX_LEN);
		to_host(spec.destination);
		passes(hooks[i], &spec);
		to_host(spec.source);
		passes(hooks[i], &spec);
		/* From outside of the prefix of all hosts, where octets 9 to 11 mean nothing. */
		memset(spec.source, 0xfd, sizeof(spec.source));
		passes(hooks[i], &spec);
		/* To an address that no node has. */
		spec = message(TYPE_HELLO, 1, 2);
		spec.destination[15] = 99;
		passes(hooks[i], &spec);
		/* An empty one, and one with a source port of its own. */
		spec.source_port = 999;
		spec.payload_len = 0;
		passes(hooks[i], &spec);
	}
	CU_ASSERT_EQUAL(fixture_sessions(f), 0);
	CU_ASSERT_EQUAL(negotiation_questions(f, NULL), 0);
}

/* From node to node it is a packet of theirs as any other, whatever its port. */
static void test_tenants(void)
{
	struct packet_spec spec = message(TYPE_HELLO, 1, 2), usual = fixture_arrival(&f->r, &f->a, PROTOCOL_UDP);

	memcpy(spec.source, usual.source, sizeof(spec.source));
	refused(HOOK_UPLINK_TC, &spec, REASON_NO_RULE);
	refused(HOOK_UPLINK_XDP, &spec, REASON_NO_RULE);
	fixture_allow(f, &f->a, &f->r, DIRECTION_IN);
	packet_build(&spec, &frame);
	SENT(f, FROM_UPLINK(f), &frame, &frame);
	SOUND(&frame);
	CU_ASSERT_EQUAL(packet_get16(&frame, 12), 0x0800);
	CU_ASSERT_EQUAL(passed(), 0);
	/* A node of another vnet does not make it control. */
	spec.source[11] ^= 1;
	refused(HOOK_UPLINK_TC, &spec, REASON_OTHER_VNET);
	refused(HOOK_UPLINK_XDP, &spec, REASON_OTHER_VNET);
}

/* From a host to a node only the negotiation passes. */
static void test_other_traffic(void)
{
	struct packet_spec spec;

	for (size_t i = 0; i < 2; i++) {
		spec = message(TYPE_DATA, INDEX, 0);
		spec.destination_port++;
		refused(hooks[i], &spec, REASON_OTHER_VNET);
		spec.source_port = CONTROL_PORT;
		spec.protocol = PROTOCOL_TCP;
		spec.destination_port = CONTROL_PORT;
		refused(hooks[i], &spec, REASON_OTHER_VNET);
	}
	CU_ASSERT_EQUAL(passed(), 0);
}

/* To the host itself all else goes on as ever, and takes no place in a gate. */
static void test_host_traffic(void)
{
	static const uint8_t protocols[] = {PROTOCOL_UDP, PROTOCOL_TCP, PROTOCOL_ICMPV6};

	negotiation_gates_set(f, HOUR_NS);
	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < sizeof(protocols); j++) {
			struct packet_spec spec = message(TYPE_HELLO, 0, 0);

			to_host(spec.destination);
			spec.protocol = protocols[j];
			spec.icmp_type = ICMPV6_TYPE_ECHO;
			spec.destination_port = protocols[j] == PROTOCOL_UDP ? CONTROL_PORT + 1 : CONTROL_PORT;
			packet_build(&spec, &frame);
			PASSED(f, run_at(hooks[i]), &frame);
		}
	}
	CU_ASSERT_EQUAL(passed(), 0);
}

/* Elsewhere, and to no address of this host at all: not our datagram. */
static void test_elsewhere(void)
{
	struct packet_spec spec = message(TYPE_HELLO, 0, 0);

	negotiation_gates_set(f, HOUR_NS);
	spec.destination[7] ^= 1;
	packet_build(&spec, &frame);
	PASSED(f, FROM_UPLINK(f), &frame);
	PASSED(f, FROM_XDP(f), &frame);
	CU_ASSERT_EQUAL(passed(), 0);
}

/* Under a live key of the host it comes from, a message goes past the gate, which is shut here. */
static void test_known(void)
{
	static const uint8_t types[] = {TYPE_DATA, TYPE_COOKIE, TYPE_WELCOME};

	for (size_t i = 0; i < 2; i++) {
		negotiation_gates_set(f, HOUR_NS);
		negotiation_control_key_set(f, INDEX, f->r.prefix);
		for (size_t j = 0; j < 3; j++) {
			struct packet_spec spec;
			bool welcome = types[j] == TYPE_WELCOME;

			spec = message(types[j], welcome ? OTHER_INDEX : INDEX, welcome ? INDEX : OTHER_INDEX);
			passes(hooks[i], &spec);
			/* As an answer from a node's address of that host it is the same. */
			memcpy(spec.source, f->r.prefix, OVNET_PREFIX_LEN);
			to_host(spec.destination);
			passes(hooks[i], &spec);
			/* The index of somebody else's message, in the other place. */
			spec = message(types[j], welcome ? INDEX : OTHER_INDEX, welcome ? OTHER_INDEX : INDEX);
			refused(hooks[i], &spec, REASON_CONTROL_FLOOD);
			/* Another host that knows the index. */
			spec = message(types[j], INDEX, INDEX);
			spec.source[7] ^= 3;
			refused(hooks[i], &spec, REASON_CONTROL_FLOOD);
			/* Cut short before the last word of the header. */
			spec = message(types[j], INDEX, INDEX);
			spec.payload_len = 11;
			refused(hooks[i], &spec, REASON_CONTROL_FLOOD);
			spec.payload_len = 12;
			passes(hooks[i], &spec);
		}
		for (unsigned type = 0; type < 256; type++) {
			struct packet_spec spec = message((uint8_t)type, INDEX, INDEX);

			if (type < TYPE_WELCOME || type > TYPE_DATA)
				refused(hooks[i], &spec, REASON_CONTROL_FLOOD);
		}
	}
}

/* The gate that is not as it was, and how many there are of those. */
static unsigned gates_used(unsigned *latest)
{
	unsigned count = 0;

	for (unsigned i = 0; i < 2 * CONTROL_GATES; i++) {
		if (negotiation_gate(f, i).next_ns) {
			*latest = i;
			count++;
		}
	}
	return count;
}

/* So many at once pass, and those that the time has brought that this took. */
static void bursts(struct fixture_run *run, const struct packet_spec *spec, uint64_t at_once, uint64_t interval_ns)
{
	uint64_t before = fixture_now_ns(), let, most;

	packet_build(spec, &frame);
	do {
		if (!CHECK(!fixture_send(f, run, &frame, NULL), "the test run fails"))
			return;
		let = passed();
		most = at_once + 1 + (fixture_now_ns() - before) / interval_ns;
	} while (!fixture_drops(f, f->uplink, REASON_CONTROL_FLOOD) && let <= most);
	CHECK(let >= at_once && let <= most, "%llu passed, %llu at most should have", (unsigned long long)let,
		(unsigned long long)most);
}

static void test_gate(void)
{
	struct packet_spec spec = message(TYPE_HELLO, 1, 2);

	for (size_t i = 0; i < 2; i++) {
		struct fixture_run run = run_at(hooks[i]);
		uint64_t before = fixture_now_ns(), from;
		unsigned gate = 0;

		setup();
		passes(hooks[i], &spec);
		from = fixture_now_ns();
		CU_ASSERT_EQUAL(gates_used(&gate), 1);
		CU_ASSERT_EQUAL(gate >= CONTROL_GATES, hooks[i] == HOOK_UPLINK_XDP);
		CU_ASSERT(negotiation_gate(f, gate).next_ns >= before + CONTROL_STRANGER_INTERVAL_NS);
		CU_ASSERT(negotiation_gate(f, gate).next_ns <= from + CONTROL_STRANGER_INTERVAL_NS);
		setup();
		bursts(&run, &spec, STRANGERS_AT_ONCE, CONTROL_STRANGER_INTERVAL_NS);
		CU_ASSERT_EQUAL(gates_used(&gate), 1);
	}
}

/* A host of the directory has a gate of its own in each hook, wider than a stranger's, and takes nothing from theirs. */
static void test_gate_of_host(void)
{
	struct packet_spec spec = message(TYPE_HELLO, 1, 2);

	for (size_t i = 0; i < 2; i++) {
		struct fixture_run run = run_at(hooks[i]);
		unsigned gate = 0;

		setup();
		negotiation_control_host_set(f, f->r.prefix);
		bursts(&run, &spec, HOSTS_AT_ONCE, CONTROL_INTERVAL_NS);
		CU_ASSERT_EQUAL(gates_used(&gate), 0);
		passes(hooks[1 - i], &spec);
	}
}

/* Who floods is shut out, and others are not: the gate is the 64 bits' of the sender, whatever follows them. */
static void test_gates_apart(void)
{
	const struct control_gate shut = {.next_ns = OVNET_NEVER / 2};
	struct packet_spec flood = message(TYPE_HELLO, 1, 2), other;

	for (size_t i = 0; i < 2; i++) {
		unsigned gate = 0, before = 0;

		setup();
		passes(hooks[i], &flood);
		CU_ASSERT_EQUAL(gates_used(&gate), 1);
		negotiation_gate_set(f, gate, &shut);
		refused(hooks[i], &flood, REASON_CONTROL_FLOOD);
		other = flood;
		other.source[8] = 0xfc;
		memset(other.source + 12, 0xee, 4);
		other.source_port = 4;
		refused(hooks[i], &other, REASON_CONTROL_FLOOD);
		/* Hosts that differ in their last bits only, each its own gate; and the other hook has its own too. */
		for (unsigned last = 3; last < 8; last++) {
			other = flood;
			other.source[7] = (uint8_t)last;
			passes(hooks[i], &other);
			before++;
			CU_ASSERT_EQUAL(gates_used(&gate), 1 + before);
		}
		other.source[3] ^= 1;
		passes(hooks[i], &other);
		CU_ASSERT_EQUAL(gates_used(&gate), 2 + before);
		passes(hooks[1 - i], &flood);
	}
}

static int start(void)
{
	return fixture_open(&(struct fixture_options){0}, &f);
}

static void stop(void)
{
	fixture_close(f);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"what is the agent's", test_passes},
		{"what is a tenant's", test_tenants},
		{"from a host to a node", test_other_traffic},
		{"to the host itself", test_host_traffic},
		{"to elsewhere", test_elsewhere},
		{"under a live key", test_known},
		{"a gate", test_gate},
		{"the gate of a host of the directory", test_gate_of_host},
		{"a gate for each sender", test_gates_apart},
		CU_TEST_INFO_NULL,
	};
	const struct suite suite = {.name = "control datagrams",
		.start = start,
		.stop = stop,
		.setup = setup,
		.tests = tests};

	return suite_main(&suite);
}
