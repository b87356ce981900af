/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nodes of one host (ONM-7): delivered without the substrate, under the rules of both. That the frame comes out of the
 * other port, past the guard, is shown on real interfaces in test_guard.c.
 */
#include "selftests/bpf/fixture.h"

#include <string.h>

static struct fixture *f;
static struct frame frame, out, expected;

static void setup(void)
{
	fixture_reset(f);
}

static void allow_both(void)
{
	fixture_allow(f, &f->a, &f->b, DIRECTION_OUT);
	fixture_allow(f, &f->b, &f->a, DIRECTION_IN);
}

/* The same packet, as the receiver gets it: its own MAC, and the sender's dummy. */
static void expect_delivered(struct packet_spec spec, const struct fixture_node *from, const struct fixture_node *to)
{
	packet_build(&spec, &frame);
	if (!SENT(f, FROM_NODE(from), &frame, &out))
		return;
	memcpy(spec.to_mac, to->mac, 6);
	memcpy(spec.from_mac, from->dummy, 6);
	packet_build(&spec, &expected);
	SAME(&out, &expected);
}

static void test_delivered(void)
{
	static const uint8_t protocols[] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP, PROTOCOL_SCTP, PROTOCOL_GRE};

	allow_both();
	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct packet_spec spec = fixture_from(&f->a, &f->b, protocols[i]), reply;

		spec.tos = 0xb9;
		spec.identification = 0x5555;
		spec.df = i & 1;
		expect_delivered(spec, &f->a, &f->b);
		reply = fixture_from(&f->b, &f->a, protocols[i]);
		fixture_turn(&reply);
		expect_delivered(reply, &f->b, &f->a);
	}
	CU_ASSERT_EQUAL(fixture_sessions(f), 2 * sizeof(protocols));
	CU_ASSERT_EQUAL(fixture_state(f, &f->a).sessions, sizeof(protocols));
	CU_ASSERT_EQUAL(fixture_state(f, &f->b).sessions, sizeof(protocols));
}

static void test_both_rules(void)
{
	struct packet_spec spec = fixture_from(&f->a, &f->b, PROTOCOL_UDP);
	const struct fixture_rule outward = {.local = &f->a,
		.peer = &f->b,
		.direction = DIRECTION_OUT,
		.width = WIDTH_PEER};

	packet_build(&spec, &frame);
	DROPPED(f, FROM_NODE(&f->a), &frame, REASON_NO_RULE);
	fixture_rule_set(f, &outward);
	DROPPED(f, FROM_NODE(&f->a), &frame, REASON_NO_RULE);
	fixture_rule_del(f, &outward);
	fixture_reset(f);
	fixture_allow(f, &f->b, &f->a, DIRECTION_IN);
	DROPPED(f, FROM_NODE(&f->a), &frame, REASON_NO_RULE);
	fixture_rule_set(f, &outward);
	SENT(f, FROM_NODE(&f->a), &frame, NULL);
	/* Nothing of this lets b begin. */
	spec = fixture_from(&f->b, &f->a, PROTOCOL_UDP);
	packet_build(&spec, &frame);
	DROPPED(f, FROM_NODE(&f->b), &frame, REASON_NO_RULE);
}

static void test_sessions(void)
{
	struct packet_spec spec = fixture_from(&f->a, &f->b, PROTOCOL_UDP);
	struct session_value a = {0}, b = {0};

	allow_both();
	packet_build(&spec, &frame);
	SENT(f, FROM_NODE(&f->a), &frame, NULL);
	CU_ASSERT_EQUAL(fixture_session(f, &f->a, &f->b, PROTOCOL_UDP, spec.source_port, spec.destination_port, &a), 0);
	CU_ASSERT_EQUAL(fixture_session(f, &f->b, &f->a, PROTOCOL_UDP, spec.destination_port, spec.source_port, &b), 0);
	CU_ASSERT(a.direction == DIRECTION_OUT && b.direction == DIRECTION_IN);
	CU_ASSERT(a.flags == SESSION_LOCAL && b.flags == SESSION_LOCAL);
	CU_ASSERT(a.ifindex == f->a.ifindex && b.ifindex == f->b.ifindex);
	CU_ASSERT(a.packets_out == 1 && a.packets_in == 0 && b.packets_out == 0 && b.packets_in == 1);
	CU_ASSERT(a.epoch == fixture_state(f, &f->a).epoch && b.epoch == fixture_state(f, &f->b).epoch);
	CU_ASSERT(!memcmp(a.peer_mac, f->b.dummy, 6) && !memcmp(b.peer_mac, f->a.dummy, 6));
}

/* What the receiver's side revokes ends at its next packet, and the sender's own session is left. */
static void test_revoked_by_receiver(void)
{
	struct packet_spec spec = fixture_from(&f->a, &f->b, PROTOCOL_UDP);
	const struct fixture_rule inward = {.local = &f->b,
		.peer = &f->a,
		.direction = DIRECTION_IN,
		.width = WIDTH_PEER};

	allow_both();
	packet_build(&spec, &frame);
	SENT(f, FROM_NODE(&f->a), &frame, NULL);
	fixture_rule_del(f, &inward);
	fixture_epoch(f, &f->b);
	DROPPED(f, FROM_NODE(&f->a), &frame, REASON_NO_RULE);
	CU_ASSERT_EQUAL(fixture_state(f, &f->a).sessions, 1);
	CU_ASSERT_EQUAL(fixture_state(f, &f->b).sessions, 0);
}

static void test_quota_of_receiver(void)
{
	struct packet_spec spec = fixture_from(&f->a, &f->b, PROTOCOL_UDP);
	struct port_value port = fixture_port(f, &f->b);

	allow_both();
	port.session_quota = 0;
	fixture_port_set(f, &f->b, &port);
	packet_build(&spec, &frame);
	DROPPED(f, FROM_NODE(&f->a), &frame, REASON_SESSION_QUOTA);
	CU_ASSERT_EQUAL(fixture_state(f, &f->b).sessions, 0);
}

/* The other vnet has a node with a's address; the two share nothing. */
static void test_other_vnet(void)
{
	struct packet_spec spec = fixture_from(&f->c, &f->b, PROTOCOL_UDP);

	allow_both();
	fixture_allow(f, &f->c, &f->b, DIRECTION_OUT);
	packet_build(&spec, &frame);
	DROPPED(f, FROM_NODE(&f->c), &frame, REASON_NO_MAPPING);
}

static void test_redirect_peer(void)
{
	struct packet_spec spec = fixture_from(&f->a, &f->b, PROTOCOL_UDP);
	struct port_value port = fixture_port(f, &f->b);

	allow_both();
	port.flags = PORT_PEER;
	fixture_port_set(f, &f->b, &port);
	expect_delivered(spec, &f->a, &f->b);
}

/* Neighbours keep what the substrate would change: the segment size of a SYN. */
static void test_no_clamp(void)
{
	struct packet_spec spec = fixture_from(&f->a, &f->b, PROTOCOL_TCP);

	allow_both();
	spec.tcp_options = (const uint8_t[]){2, 4, 5, 0xb4};
	spec.tcp_options_len = 4;
	expect_delivered(spec, &f->a, &f->b);
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_MSS_CLAMPED), 0);
}

/* A neighbour moves to another host and back: the sessions follow, over the substrate and without it. */
static void test_moved(void)
{
	struct packet_spec spec = fixture_from(&f->a, &f->b, PROTOCOL_UDP);
	struct fixture_node away = f->b;
	struct session_value session = {0};

	allow_both();
	expect_delivered(spec, &f->a, &f->b);
	away.host = f->r.host;
	away.ifindex = 0;
	memcpy(away.prefix, f->r.prefix, OVNET_PREFIX_LEN);
	fixture_mapping_set(f, &away, OVNET_NEVER);
	fixture_epoch(f, &f->a);
	packet_build(&spec, &frame);
	SENT(f, FROM_NODE(&f->a), &frame, &out);
	SOUND(&out);
	CU_ASSERT(packet_get16(&out, 12) == 0x86dd);
	CU_ASSERT_EQUAL(fixture_session(f, &f->a, &f->b, PROTOCOL_UDP, spec.source_port, spec.destination_port,
				&session),
		0);
	CU_ASSERT_EQUAL(session.flags & SESSION_LOCAL, 0);
	fixture_mapping_set(f, &f->b, OVNET_NEVER);
	fixture_epoch(f, &f->a);
	fixture_epoch(f, &f->b);
	expect_delivered(spec, &f->a, &f->b);
	CU_ASSERT_EQUAL(fixture_state(f, &f->a).sessions, 1);
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
		{"delivered, both ways", test_delivered},
		{"both rules are needed", test_both_rules},
		{"a session for each", test_sessions},
		{"revoked by the receiver", test_revoked_by_receiver},
		{"the receiver's quota", test_quota_of_receiver},
		{"the same address in another vnet", test_other_vnet},
		{"delivery by bpf_redirect_peer()", test_redirect_peer},
		{"segment sizes stay", test_no_clamp},
		{"a neighbour moves away and back", test_moved},
		CU_TEST_INFO_NULL,
	};
	const struct suite suite = {.name = "neighbours", .start = start, .stop = stop, .setup = setup, .tests = tests};

	return suite_main(&suite);
}
