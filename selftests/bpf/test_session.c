/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions at the node program and the tc uplink: what one keeps, how many there may be, and when it must prove itself
 * again or end. Which rule admits it is in test_rule.c; neighbours of one host are in test_local.c.
 */
#include "selftests/bpf/fixture.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define SMALL_TABLE 8

static struct fixture *f, *small;
static struct frame frame, out;

static void setup(void)
{
	fixture_reset(f);
	fixture_reset(small);
}

static struct packet_spec outward(uint8_t protocol)
{
	return fixture_from(&f->a, &f->r, protocol);
}

static struct packet_spec inward(uint8_t protocol)
{
	return fixture_arrival(&f->r, &f->a, protocol);
}

/* The session of the usual UDP or TCP packet of a to r, or of r to a (`inbound`). */
static int session_of(uint8_t protocol, bool inbound, struct session_value *session)
{
	struct packet_spec spec = outward(protocol);

	return fixture_session(f, &f->a, &f->r, protocol, inbound ? spec.destination_port : spec.source_port,
		inbound ? spec.source_port : spec.destination_port, session);
}

static void forget_sessions(void)
{
	const struct fixture_node *nodes[] = {&f->a, &f->b, &f->c};

	/* A new epoch is not enough where a test counts sessions. */
	fixture_reset(f);
	for (size_t i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(fixture_state(f, nodes[i]).sessions, 0);
}

static void check_csum(const struct session_value *session)
{
	uint32_t sum = packet_sum(f->a.prefix, OVNET_PREFIX_LEN, packet_sum(f->r.prefix, OVNET_PREFIX_LEN, 0));

	CU_ASSERT_EQUAL(htons(packet_fold(session->csum)), packet_fold(sum));
}

static void test_session_fields(void)
{
	struct packet_spec syn = outward(PROTOCOL_TCP), reply = inward(PROTOCOL_TCP);
	struct fixture_rule rule = {.local = &f->a,
		.peer = &f->r,
		.direction = DIRECTION_OUT,
		.width = WIDTH_PROTOCOL,
		.protocol = PROTOCOL_TCP,
		.policy = 4711,
		.expires_ns = fixture_now_ns() + 3600 * 1000000000ull};
	uint64_t before = fixture_now_ns();
	struct session_value session = {0};
	size_t out_length, in_length;

	fixture_rule_set(f, &rule);
	GOES(f, &syn, &out);
	packet_build(&syn, &frame);
	/* Both directions are counted as IPv4 packets. */
	out_length = frame.length - 14;
	CU_ASSERT_EQUAL_FATAL(session_of(PROTOCOL_TCP, false, &session), 0);
	CU_ASSERT_EQUAL(session.epoch, fixture_state(f, &f->a).epoch);
	CU_ASSERT_EQUAL(session.expires_ns, rule.expires_ns);
	CU_ASSERT_EQUAL(session.ifindex, f->a.ifindex);
	CU_ASSERT_EQUAL(session.nexthop, (uint32_t)f->r.host + 1);
	CU_ASSERT(!memcmp(session.peer_prefix, f->r.prefix, OVNET_PREFIX_LEN));
	CU_ASSERT(!memcmp(session.peer_mac, f->r.dummy, 6));
	CU_ASSERT_EQUAL(session.direction, DIRECTION_OUT);
	CU_ASSERT_EQUAL(session.width, WIDTH_PROTOCOL);
	CU_ASSERT_EQUAL(session.number, f->a.number);
	CU_ASSERT_EQUAL(session.flags, 0);
	CU_ASSERT_EQUAL(session.policy, 4711);
	CU_ASSERT(session.created_ns >= before && session.created_ns <= fixture_now_ns());
	CU_ASSERT_EQUAL(session.last_ns, session.created_ns);
	CU_ASSERT(session.packets_out == 1 && session.bytes_out == out_length);
	CU_ASSERT(session.packets_in == 0 && session.bytes_in == 0);
	check_csum(&session);
	CU_ASSERT_EQUAL(fixture_sessions(f), 1);
	CU_ASSERT_EQUAL(fixture_state(f, &f->a).sessions, 1);
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_SESSIONS_OPENED), 1);

	fixture_turn(&reply);
	GOES(f, &reply, &out);
	packet_build(&reply, &frame);
	in_length = frame.length - 14 - 40 + 20;
	syn.tcp_flags = TCP_FLAG_ACK;
	GOES(f, &syn, &out);
	CU_ASSERT_EQUAL(session_of(PROTOCOL_TCP, false, &session), 0);
	CU_ASSERT(session.packets_out == 2 && session.bytes_out == 2 * out_length);
	CU_ASSERT(session.packets_in == 1 && session.bytes_in == in_length);
	CU_ASSERT_EQUAL(session.flags, SESSION_REPLIED);
	CU_ASSERT(session.last_ns >= session.created_ns);
	CU_ASSERT(session.fresh_jiffies > 0);
	syn.tcp_flags = TCP_FLAG_ACK | TCP_FLAG_FIN;
	GOES(f, &syn, &out);
	reply.tcp_flags = TCP_FLAG_RST;
	GOES(f, &reply, &out);
	CU_ASSERT_EQUAL(session_of(PROTOCOL_TCP, false, &session), 0);
	CU_ASSERT_EQUAL(session.flags, SESSION_REPLIED | SESSION_FIN | SESSION_RST);
	/* A new SYN on the same ports begins afresh. */
	syn.tcp_flags = TCP_FLAG_SYN;
	GOES(f, &syn, &out);
	CU_ASSERT_EQUAL(session_of(PROTOCOL_TCP, false, &session), 0);
	CU_ASSERT_EQUAL(session.flags, 0);
	CU_ASSERT_EQUAL(fixture_sessions(f), 1);
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_SESSIONS_OPENED), 1);
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_SESSIONS_PROVED), 0);
}

static void test_segments_counted(void)
{
	struct packet_spec spec = outward(PROTOCOL_TCP);
	struct fixture_run run = FROM_NODE(&f->a);
	struct session_value session = {0};

	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	spec.tcp_flags = TCP_FLAG_ACK;
	packet_build(&spec, &frame);
	run.gso_size = 8;
	run.gso_segs = 4;
	SENT(f, run, &frame, NULL);
	CU_ASSERT_EQUAL(session_of(PROTOCOL_TCP, false, &session), 0);
	CU_ASSERT_EQUAL(session.packets_out, 4);
}

static void test_quota(void)
{
	struct port_value port = fixture_port(f, &f->a);
	struct packet_spec spec = outward(PROTOCOL_UDP), other = fixture_from(&f->b, &f->r, PROTOCOL_UDP);

	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	fixture_allow(f, &f->b, &f->r, DIRECTION_OUT);
	port.session_quota = 3;
	fixture_port_set(f, &f->a, &port);
	for (uint16_t i = 0; i < 3; i++) {
		spec.source_port = (uint16_t)(1000 + i);
		GOES(f, &spec, &out);
	}
	spec.source_port = 1003;
	REFUSED(f, &spec, REASON_SESSION_QUOTA);
	REFUSED(f, &spec, REASON_SESSION_QUOTA);
	CU_ASSERT_EQUAL(fixture_state(f, &f->a).sessions, 3);
	/* Those that are there go on, and a neighbour opens as many as it likes. */
	for (uint16_t i = 0; i < 3; i++) {
		spec.source_port = (uint16_t)(1000 + i);
		GOES(f, &spec, &out);
		other.source_port = spec.source_port;
		packet_build(&other, &frame);
		SENT(f, FROM_NODE(&f->b), &frame, NULL);
	}
	CU_ASSERT_EQUAL(fixture_sessions(f), 6);
	CU_ASSERT_EQUAL(fixture_state(f, &f->b).sessions, 3);
}

static void test_full(void)
{
	struct packet_spec spec = fixture_from(&small->a, &small->r, PROTOCOL_UDP);
	struct packet_spec other = fixture_from(&small->b, &small->r, PROTOCOL_UDP);

	fixture_allow(small, &small->a, &small->r, DIRECTION_OUT);
	fixture_allow(small, &small->b, &small->r, DIRECTION_OUT);
	packet_build(&other, &frame);
	SENT(small, FROM_NODE(&small->b), &frame, NULL);
	for (uint16_t i = 1; i < SMALL_TABLE; i++) {
		spec.source_port = i;
		packet_build(&spec, &frame);
		SENT(small, FROM_NODE(&small->a), &frame, NULL);
	}
	spec.source_port = SMALL_TABLE;
	packet_build(&spec, &frame);
	DROPPED(small, FROM_NODE(&small->a), &frame, REASON_SESSION_FULL);
	CU_ASSERT_EQUAL(fixture_state(small, &small->a).sessions, SMALL_TABLE - 1);
	packet_build(&other, &frame);
	SENT(small, FROM_NODE(&small->b), &frame, NULL);
	other.source_port++;
	packet_build(&other, &frame);
	DROPPED(small, FROM_NODE(&small->b), &frame, REASON_SESSION_FULL);
	CU_ASSERT_EQUAL(fixture_state(small, &small->b).sessions, 1);
	spec.source_port = 1;
	packet_build(&spec, &frame);
	SENT(small, FROM_NODE(&small->a), &frame, NULL);
	CU_ASSERT_EQUAL(fixture_sessions(small), SMALL_TABLE);
}

static void test_epoch_proved(void)
{
	struct packet_spec syn = outward(PROTOCOL_TCP), reply = inward(PROTOCOL_TCP);
	struct fixture_rule rule = {.local = &f->a, .peer = &f->r, .direction = DIRECTION_OUT, .width = WIDTH_PEER};
	struct session_value before = {0}, after = {0};

	fixture_rule_set(f, &rule);
	GOES(f, &syn, &out);
	fixture_turn(&reply);
	GOES(f, &reply, &out);
	CU_ASSERT_EQUAL(session_of(PROTOCOL_TCP, false, &before), 0);
	rule.policy = 99;
	fixture_rule_set(f, &rule);
	fixture_epoch(f, &f->a);
	/* Replies prove the session by the rule of the direction in which it was opened. */
	GOES(f, &reply, &out);
	CU_ASSERT_EQUAL(fixture_count(f, f->uplink, COUNTER_SESSIONS_PROVED), 1);
	CU_ASSERT_EQUAL(session_of(PROTOCOL_TCP, false, &after), 0);
	CU_ASSERT_EQUAL(after.epoch, fixture_state(f, &f->a).epoch);
	CU_ASSERT(after.policy == 99 && after.direction == DIRECTION_OUT);
	CU_ASSERT(after.created_ns == before.created_ns && after.packets_in == before.packets_in + 1);
	CU_ASSERT_EQUAL(after.flags, SESSION_REPLIED);
	syn.tcp_flags = TCP_FLAG_ACK;
	GOES(f, &syn, &out);
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_SESSIONS_PROVED), 0);
	CU_ASSERT_EQUAL(fixture_state(f, &f->a).sessions, 1);
	/* Another port's epoch is none of its business. */
	fixture_epoch(f, &f->b);
	GOES(f, &syn, &out);
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_SESSIONS_PROVED), 0);
}

/* After a change of epoch, with what the test does in between, the session ends at its next packet, for this reason. */
static void ends(void (*change)(const struct fixture_rule *rule), bool reply_first, enum reason reason)
{
	struct packet_spec out_spec = outward(PROTOCOL_UDP), in_spec = inward(PROTOCOL_UDP);
	const struct fixture_rule rule = {.local = &f->a,
		.peer = &f->r,
		.direction = DIRECTION_OUT,
		.width = WIDTH_PEER};
	struct session_value session;

	forget_sessions();
	fixture_turn(&in_spec);
	fixture_rule_set(f, &rule);
	GOES(f, &out_spec, &out);
	GOES(f, &in_spec, &out);
	CU_ASSERT_EQUAL(fixture_state(f, &f->a).sessions, 1);
	change(&rule);
	fixture_epoch(f, &f->a);
	REFUSED(f, reply_first ? &in_spec : &out_spec, reason);
	CU_ASSERT_NOT_EQUAL(session_of(PROTOCOL_UDP, false, &session), 0);
	CU_ASSERT_EQUAL(fixture_state(f, &f->a).sessions, 0);
	CU_ASSERT_EQUAL(fixture_sessions(f), 0);
}

static void change_remove(const struct fixture_rule *rule)
{
	fixture_rule_del(f, rule);
}

static void change_deny(const struct fixture_rule *rule)
{
	struct fixture_rule deny = *rule;

	deny.verdict = VERDICT_DENY;
	fixture_rule_set(f, &deny);
}

static void change_expire(const struct fixture_rule *rule)
{
	struct fixture_rule expired = *rule;

	expired.expires_ns = 1;
	fixture_rule_set(f, &expired);
}

/* The peer's address has a new holder. */
static void change_peer(const struct fixture_rule *rule)
{
	struct fixture_node other = *rule->peer;

	other.incarnation++;
	fixture_mapping_set(f, &other, OVNET_NEVER);
}

static void change_mapping_gone(const struct fixture_rule *rule)
{
	fixture_mapping_del(f, rule->peer);
}

static void change_mapping_expired(const struct fixture_rule *rule)
{
	fixture_mapping_set(f, rule->peer, 1);
}

static void test_epoch_ended(void)
{
	for (int reply_first = 0; reply_first < 2; reply_first++) {
		ends(change_remove, reply_first, REASON_NO_RULE);
		ends(change_deny, reply_first, REASON_RULE_DENY);
		ends(change_expire, reply_first, REASON_RULE_EXPIRED);
		ends(change_peer, reply_first, REASON_RULE_STALE);
		ends(change_mapping_gone, reply_first, reply_first ? REASON_UNKNOWN_SOURCE : REASON_NO_MAPPING);
		ends(change_mapping_expired, reply_first, REASON_MAPPING_EXPIRED);
	}
}

/*
 * Exact, with nobody sweeping: each packet whose judgement ended before the time went, each that began at it or later
 * did not. The loop ends by the clock.
 */
static void expires(bool by_mapping, enum reason reason)
{
	struct packet_spec spec = outward(PROTOCOL_UDP);
	struct fixture_rule rule = {.local = &f->a, .peer = &f->r, .direction = DIRECTION_OUT, .width = WIDTH_PEER};
	struct fixture_run run = FROM_NODE(&f->a);
	uint64_t before, after, end;
	unsigned went = 0;

	forget_sessions();
	packet_build(&spec, &frame);
	end = fixture_now_ns() + 20000000;
	rule.expires_ns = by_mapping ? OVNET_NEVER : end;
	fixture_rule_set(f, &rule);
	fixture_mapping_set(f, &f->r, by_mapping ? end : OVNET_NEVER);
	do {
		before = fixture_now_ns();
		if (!CHECK(!fixture_send(f, &run, &frame, NULL), "the test run fails"))
			return;
		after = fixture_now_ns();
		went += run.verdict == TC_ACT_REDIRECT;
		if (after < end)
			CHECK(run.verdict == TC_ACT_REDIRECT, "refused %llu ns early",
				(unsigned long long)(end - after));
		if (before >= end)
			CHECK(run.verdict == TC_ACT_SHOT, "sent %llu ns late", (unsigned long long)(before - end));
	} while (before < end);
	CHECK(went > 10, "only %u packets went before the end", went);
	CHECK(fixture_drops(f, f->a.ifindex, reason) > 0, "not refused as expired");
	CU_ASSERT_EQUAL(fixture_state(f, &f->a).sessions, 0);
	CU_ASSERT_EQUAL(fixture_sessions(f), 0);
}

static void test_expiry(void)
{
	expires(false, REASON_RULE_EXPIRED);
	expires(true, REASON_MAPPING_EXPIRED);
}

/* A renewed rule carries the session over its former end. */
static void test_renewed(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP);
	struct fixture_rule rule = {.local = &f->a, .peer = &f->r, .direction = DIRECTION_OUT, .width = WIDTH_PEER};
	struct session_value session = {0};

	rule.expires_ns = fixture_now_ns() + 5000000;
	fixture_rule_set(f, &rule);
	GOES(f, &spec, &out);
	CU_ASSERT_EQUAL(session_of(PROTOCOL_UDP, false, &session), 0);
	CU_ASSERT_EQUAL(session.expires_ns, rule.expires_ns);
	rule.expires_ns = 0;
	fixture_rule_set(f, &rule);
	while (fixture_now_ns() < session.expires_ns)
		GOES(f, &spec, &out);
	GOES(f, &spec, &out);
	CU_ASSERT_EQUAL(session_of(PROTOCOL_UDP, false, &session), 0);
	CU_ASSERT_EQUAL(session.expires_ns, OVNET_NEVER);
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_SESSIONS_PROVED), 1);
}

/* The node moved to another host: after the new epoch packets go there, and come from there only (ONM-8). */
static void test_moved(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP), reply = inward(PROTOCOL_UDP), from_new;
	struct fixture_node moved = f->r;
	struct session_value session = {0};
	struct nexthop_value hop = fixture_nexthop(f, &f->s);

	hop.dst_mac[5] = 0x77;
	fixture_nexthop_set(f, &f->s, &hop);
	fixture_turn(&reply);
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	GOES(f, &spec, &out);
	memcpy(moved.prefix, f->s.prefix, OVNET_PREFIX_LEN);
	moved.host = f->s.host;
	fixture_mapping_set(f, &moved, OVNET_NEVER);
	from_new = fixture_arrival(&moved, &f->a, PROTOCOL_UDP);
	fixture_turn(&from_new);
	/* Until the epoch changes, what was proved holds; that is why ovnetd changes it. */
	GOES(f, &spec, &out);
	CU_ASSERT(!memcmp(out.octet + ETH_LEN + 24, f->r.prefix, OVNET_PREFIX_LEN));
	fixture_epoch(f, &f->a);
	GOES(f, &spec, &out);
	SOUND(&out);
	CU_ASSERT(!memcmp(out.octet, hop.dst_mac, 6));
	CU_ASSERT(!memcmp(out.octet + ETH_LEN + 24, moved.prefix, OVNET_PREFIX_LEN));
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_SESSIONS_PROVED), 1);
	CU_ASSERT_EQUAL(fixture_state(f, &f->a).sessions, 1);
	REFUSED(f, &reply, REASON_FORGED_SOURCE);
	GOES(f, &from_new, &out);
	SOUND(&out);
	CU_ASSERT_EQUAL(session_of(PROTOCOL_UDP, false, &session), 0);
	CU_ASSERT(session.packets_in == 1 && session.packets_out == 3);
}

/* The node's own address went to another port of the host: the session counts there. */
static void test_changed_port(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP);
	struct fixture_node moved = f->b;
	struct port_value port = fixture_port(f, &f->b);

	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	GOES(f, &spec, &out);
	memcpy(moved.address, f->a.address, 4);
	memcpy(moved.dummy, f->a.dummy, 6);
	moved.incarnation = f->a.incarnation;
	memcpy(port.address, f->a.address, 4);
	fixture_port_set(f, &f->b, &port);
	fixture_mapping_set(f, &moved, OVNET_NEVER);
	fixture_epoch(f, &f->a);
	fixture_epoch(f, &f->b);
	REFUSED(f, &spec, REASON_SPOOFED_ADDRESS);
	memcpy(spec.from_mac, f->b.mac, 6);
	packet_build(&spec, &frame);
	SENT(f, FROM_NODE(&f->b), &frame, &out);
	SOUND(&out);
	CU_ASSERT(!memcmp(out.octet + ETH_LEN + 8, f->b.prefix, OVNET_PREFIX_LEN));
	CU_ASSERT_EQUAL(fixture_state(f, &f->a).sessions, 0);
	CU_ASSERT_EQUAL(fixture_state(f, &f->b).sessions, 1);
	CU_ASSERT_EQUAL(fixture_sessions(f), 1);
}

/* A neighbour that sends with the node's address is refused, and ends nothing, also when the session must be proved. */
static void test_spoofer(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP), spoofed = spec;
	struct session_value before = {0}, after = {0};

	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	GOES(f, &spec, &out);
	memcpy(spoofed.from_mac, f->b.mac, 6);
	for (int round = 0; round < 2; round++) {
		CU_ASSERT_EQUAL(session_of(PROTOCOL_UDP, false, &before), 0);
		packet_build(&spoofed, &frame);
		DROPPED(f, FROM_NODE(&f->b), &frame, REASON_SPOOFED_ADDRESS);
		CU_ASSERT_EQUAL(session_of(PROTOCOL_UDP, false, &after), 0);
		CHECK(!memcmp(&before, &after, sizeof(before)), "a spoofed packet changed the session");
		fixture_epoch(f, &f->a);
	}
	spoofed = spec;
	spoofed.to_mac[5] ^= 1;
	REFUSED(f, &spoofed, REASON_UNKNOWN_MAC);
	CU_ASSERT_EQUAL(fixture_state(f, &f->a).sessions, 1);
	GOES(f, &spec, &out);
}

static void test_nexthop(void)
{
	struct packet_spec spec = outward(PROTOCOL_UDP);
	struct nexthop_value hop = fixture_nexthop(f, &f->r);
	uint32_t ifindex = hop.ifindex;

	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
	GOES(f, &spec, &out);
	hop.ifindex = 0;
	fixture_nexthop_set(f, &f->r, &hop);
	REFUSED(f, &spec, REASON_NO_NEXTHOP);
	CU_ASSERT_EQUAL(fixture_state(f, &f->a).sessions, 1);
	hop.ifindex = ifindex;
	hop.dst_mac[0] = 0x0e;
	fixture_nexthop_set(f, &f->r, &hop);
	GOES(f, &spec, &out);
	CU_ASSERT(!memcmp(out.octet, hop.dst_mac, 6));
}

static int start(void)
{
	return fixture_open(&(struct fixture_options){0}, &f) ||
	       fixture_open(&(struct fixture_options){.sessions = SMALL_TABLE}, &small);
}

static void stop(void)
{
	fixture_close(f);
	fixture_close(small);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"what a session holds", test_session_fields},
		{"segments are counted", test_segments_counted},
		{"a port's quota", test_quota},
		{"a full table", test_full},
		{"a new epoch: proved", test_epoch_proved},
		{"a new epoch: ended", test_epoch_ended},
		{"expiry is exact", test_expiry},
		{"a renewed rule", test_renewed},
		{"the peer moved", test_moved},
		{"the node changed its port", test_changed_port},
		{"a spoofing neighbour", test_spoofer},
		{"next hops come and go", test_nexthop},
		CU_TEST_INFO_NULL,
	};
	const struct suite suite = {.name = "sessions", .start = start, .stop = stop, .setup = setup, .tests = tests};

	return suite_main(&suite);
}
