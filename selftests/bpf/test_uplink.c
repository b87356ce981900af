/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The uplink programs, tc and XDP: what they leave to the host, what they refuse, and that XDP changes nothing. What
 * is delivered is held against its octets in test_reheader.c.
 */
#include "selftests/bpf/fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/libbpf.h>

static struct fixture *f, *slot; /* a host with a /64, and one with a /72 */
static struct frame frame, out;

static const uint8_t protocols[] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP, PROTOCOL_SCTP, PROTOCOL_GRE};

static void setup(void)
{
	fixture_reset(f);
	fixture_reset(slot);
	fixture_allow(f, &f->a, &f->r, DIRECTION_IN);
	fixture_allow(slot, &slot->a, &slot->r, DIRECTION_IN);
}

static struct packet_spec arrival(uint8_t protocol)
{
	return fixture_arrival(&f->r, &f->a, protocol);
}

/* The frame is refused by both programs, and for the same reason. XDP first: it leaves no session behind. */
static void both_refuse(enum reason reason, int line)
{
	fixture_dropped(f, FROM_XDP(f), &frame, reason, __FILE__, line);
	fixture_dropped(f, FROM_UPLINK(f), &frame, reason, __FILE__, line);
}

#define BOTH_REFUSE(reason) both_refuse(reason, __LINE__)

/* XDP lets it through as it is, and tc delivers it. */
static void delivered_at(int line)
{
	fixture_passed(f, FROM_XDP(f), &frame, __FILE__, line);
	fixture_sent(f, FROM_UPLINK(f), &frame, &out, __FILE__, line);
}

#define DELIVERS() delivered_at(__LINE__)

/* Not ovnet's: both leave it to the host's stack. */
static void left_at(struct fixture *to, int line)
{
	fixture_passed(to, FROM_XDP(to), &frame, __FILE__, line);
	fixture_passed(to, FROM_UPLINK(to), &frame, __FILE__, line);
}

#define LEFT(to) left_at(to, __LINE__)

static void test_left_to_host(void)
{
	struct packet_spec good = arrival(PROTOCOL_UDP), spec;

	/* Every bit of the locator that differs makes it another host's. */
	for (size_t bit = 0; bit < 64; bit++) {
		spec = good;
		spec.destination[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		packet_build(&spec, &frame);
		LEFT(f);
	}
	/* VNI 0 is the host itself, whatever the protocol and whoever sends. */
	for (size_t i = 0; i < sizeof(protocols); i++) {
		spec = arrival(protocols[i]);
		memset(spec.destination + 9, 0, 3);
		packet_build(&spec, &frame);
		LEFT(f);
		memcpy(spec.source, f->a.prefix, 8);
		packet_build(&spec, &frame);
		packet_break(&frame, FIELD_IPV6_LABEL, 0);
		LEFT(f);
	}
	/* Neighbour discovery, and what is not IPv6. */
	spec = arrival(PROTOCOL_ICMP);
	spec.icmp_type = 135;
	memcpy(spec.destination, (uint8_t[]){0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 9}, 16);
	packet_build(&spec, &frame);
	LEFT(f);
	spec = fixture_from(&f->r, &f->a, PROTOCOL_UDP);
	packet_build(&spec, &frame);
	LEFT(f);
	spec = fixture_arp(&f->r, f->a.address);
	packet_build(&spec, &frame);
	LEFT(f);
	CU_ASSERT_EQUAL(fixture_sessions(f), 0);
}

/* A host that owns one slot: the others of the same locator are not its own. */
static void test_one_slot(void)
{
	struct packet_spec good = fixture_arrival(&slot->r, &slot->a, PROTOCOL_UDP), spec = good;

	packet_build(&good, &frame);
	PASSED(slot, FROM_XDP(slot), &frame);
	SENT(slot, FROM_UPLINK(slot), &frame, NULL);
	for (unsigned octet = 0; octet < 256; octet++) {
		if (octet == good.destination[8])
			continue;
		spec.destination[8] = (uint8_t)octet;
		packet_build(&spec, &frame);
		LEFT(slot);
	}
}

/* With a /64 all slots are ours, and so is what bears the U or G bit; only the node's own address is the node's. */
static void test_wrong_slot(void)
{
	struct packet_spec good = arrival(PROTOCOL_UDP), spec = good;
	struct session_value session = {0};

	packet_build(&good, &frame);
	DELIVERS();
	for (unsigned octet = 0; octet < 256; octet++) {
		if (octet == good.destination[8])
			continue;
		spec.destination[8] = (uint8_t)octet;
		packet_build(&spec, &frame);
		DROPPED(f, FROM_UPLINK(f), &frame, REASON_NO_NODE);
	}
	CU_ASSERT_EQUAL(fixture_session(f, &f->a, &f->r, PROTOCOL_UDP, good.destination_port, good.source_port,
				&session),
		0);
	CU_ASSERT_EQUAL(fixture_sessions(f), 1);
	packet_build(&good, &frame);
	DELIVERS();
}

static void test_cut_short(void)
{
	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct packet_spec spec = arrival(protocols[i]);
		size_t whole;

		packet_build(&spec, &frame);
		whole = frame.length;
		for (size_t length = ETH_LEN; length < whole; length++) {
			packet_build(&spec, &frame);
			packet_cut(&frame, length);
			/* Too short to say whose it is: the host's stack refuses it. A tc test run takes none such. */
			if (length < ETH_LEN + IPV6_LEN)
				PASSED(f, FROM_XDP(f), &frame);
			else
				BOTH_REFUSE(REASON_TRUNCATED);
		}
	}
}

/* Cut short, and the payload length says the same. */
static void test_short(void)
{
	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct packet_spec spec = arrival(protocols[i]);
		size_t least = protocols[i] == PROTOCOL_TCP    ? TCP_LEN
			       : protocols[i] == PROTOCOL_UDP  ? UDP_LEN
			       : protocols[i] == PROTOCOL_ICMP ? ICMP_LEN
							       : 0;

		for (size_t left = 0; left <= TCP_LEN + 4; left++) {
			packet_build(&spec, &frame);
			packet_cut(&frame, ETH_LEN + IPV6_LEN + left);
			packet_break(&frame, FIELD_IP_LENGTH, (uint32_t)left);
			if (left < least)
				BOTH_REFUSE(REASON_TRUNCATED);
			else
				DELIVERS();
		}
	}
}

/* A short frame is padded on a real wire; the padding is not the packet's. */
static void test_padded(void)
{
	struct packet_spec spec = arrival(PROTOCOL_UDP);

	spec.payload_len = 2;
	packet_build(&spec, &frame);
	memset(frame.octet + frame.length, 0, 6);
	frame.length += 6;
	DELIVERS();
	CU_ASSERT_EQUAL(packet_get16(&out, ETH_LEN + 2), IPV4_LEN + UDP_LEN + 2);
}

static void test_bad_header(void)
{
	struct packet_spec spec = arrival(PROTOCOL_TCP);

	for (uint32_t version = 0; version < 16; version++) {
		packet_build(&spec, &frame);
		packet_break(&frame, FIELD_IP_VERSION, version);
		if (version == 6)
			DELIVERS();
		else
			BOTH_REFUSE(REASON_BAD_HEADER);
	}
	for (uint32_t words = 0; words < 16; words++) {
		packet_build(&spec, &frame);
		packet_break(&frame, FIELD_TCP_OFFSET, words);
		/* 20 octets of header, 31 of payload. */
		if (words >= 5 && words <= 12)
			DELIVERS();
		else
			BOTH_REFUSE(REASON_TRUNCATED);
	}
}

static void test_protocols(void)
{
	static const uint8_t extension[] = {0, 43, 60, 135, 139, 140};

	for (unsigned next = 0; next < 256; next++) {
		struct packet_spec spec = arrival(PROTOCOL_SCTP);

		packet_build(&spec, &frame);
		packet_break(&frame, FIELD_IP_PROTOCOL, next);
		if (next == 44)
			BOTH_REFUSE(REASON_FRAGMENT);
		else if (next == PROTOCOL_ICMP || memchr(extension, (int)next, sizeof(extension)))
			BOTH_REFUSE(REASON_PROTOCOL);
		else if (next != PROTOCOL_TCP && next != PROTOCOL_UDP && next != PROTOCOL_ICMPV6)
			DELIVERS();
	}
	for (unsigned type = 0; type < 256; type++) {
		struct packet_spec spec = arrival(PROTOCOL_ICMP);

		spec.icmp_type = (uint8_t)type;
		packet_build(&spec, &frame);
		if (type == ICMPV6_TYPE_ECHO || type == ICMPV6_TYPE_REPLY)
			DELIVERS();
		else
			BOTH_REFUSE(type < 128 ? REASON_ICMP_ERROR : REASON_ICMP_TYPE);
	}
}

/* A time to live of zero in the label is refused; the substrate's hop limit is its own matter. */
static void test_ttl(void)
{
	struct packet_spec spec = arrival(PROTOCOL_UDP);

	spec.flow_label &= 0xfff;
	packet_build(&spec, &frame);
	BOTH_REFUSE(REASON_TTL_ZERO);
	spec.flow_label |= 1 << 12;
	spec.ttl = 1;
	packet_build(&spec, &frame);
	DELIVERS();
}

static void test_too_big(void)
{
	static const uint8_t payload[3000];
	struct packet_spec spec = arrival(PROTOCOL_TCP);
	struct fixture_run giant = FROM_UPLINK(f);

	spec.tcp_flags = TCP_FLAG_ACK;
	spec.payload = payload;
	spec.payload_len = FIXTURE_MTU - IPV4_LEN - TCP_LEN;
	packet_build(&spec, &frame);
	DELIVERS();
	spec.payload_len++;
	packet_build(&spec, &frame);
	DROPPED(f, FROM_UPLINK(f), &frame, REASON_TOO_BIG);
	spec.payload_len = 2900;
	packet_build(&spec, &frame);
	giant.gso_segs = 2;
	giant.gso_size = FIXTURE_MTU - IPV4_LEN - TCP_LEN;
	SENT(f, giant, &frame, NULL);
	giant.gso_size++;
	DROPPED(f, giant, &frame, REASON_TOO_BIG);
}

static void test_forged(void)
{
	struct packet_spec good = arrival(PROTOCOL_UDP), spec;
	struct session_value before = {0}, after = {0};

	/* With no session, with one, and with one that must prove itself. */
	for (int round = 0; round < 3; round++) {
		if (round == 1) {
			packet_build(&good, &frame);
			DELIVERS();
		} else if (round == 2) {
			fixture_epoch(f, &f->a);
		}
		fixture_session(f, &f->a, &f->r, PROTOCOL_UDP, good.destination_port, good.source_port, &before);
		for (size_t bit = 0; bit < 96; bit++) {
			spec = good;
			spec.source[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			packet_build(&spec, &frame);
			BOTH_REFUSE(bit < 72 ? REASON_FORGED_SOURCE : REASON_OTHER_VNET);
		}
		fixture_session(f, &f->a, &f->r, PROTOCOL_UDP, good.destination_port, good.source_port, &after);
		CHECK(!memcmp(&before, &after, sizeof(before)), "round %d: a forged packet changed the session", round);
		CU_ASSERT_EQUAL(fixture_sessions(f), round ? 1 : 0);
	}
	packet_build(&good, &frame);
	DELIVERS();
	/* Another host may not speak for r, though it lives there itself. */
	spec = good;
	memcpy(spec.source, f->s.prefix, OVNET_PREFIX_LEN);
	packet_build(&spec, &frame);
	BOTH_REFUSE(REASON_FORGED_SOURCE);
	/* An address that nobody has. */
	spec = good;
	spec.source[15] = 99;
	packet_build(&spec, &frame);
	BOTH_REFUSE(REASON_UNKNOWN_SOURCE);
}

/* A node of this host does not come in by the uplink, also while a neighbour has a session with it. */
static void test_forged_neighbour(void)
{
	struct packet_spec forged = fixture_arrival(&f->b, &f->a, PROTOCOL_UDP);
	struct packet_spec real = fixture_from(&f->b, &f->a, PROTOCOL_UDP);
	struct session_value before = {0}, after = {0};

	fixture_allow(f, &f->a, &f->b, DIRECTION_IN);
	fixture_allow(f, &f->b, &f->a, DIRECTION_OUT);
	packet_build(&forged, &frame);
	BOTH_REFUSE(REASON_FORGED_SOURCE);
	packet_build(&real, &frame);
	SENT(f, FROM_NODE(&f->b), &frame, NULL);
	fixture_session(f, &f->a, &f->b, PROTOCOL_UDP, real.destination_port, real.source_port, &before);
	packet_build(&forged, &frame);
	BOTH_REFUSE(REASON_FORGED_SOURCE);
	fixture_session(f, &f->a, &f->b, PROTOCOL_UDP, real.destination_port, real.source_port, &after);
	CHECK(!memcmp(&before, &after, sizeof(before)), "a forged packet changed the session");
}

static void test_vnets(void)
{
	struct packet_spec spec = arrival(PROTOCOL_UDP);

	/* The other vnet's node with the same address, from its own vnet: r is not known there. */
	memcpy(spec.destination, f->c.prefix, OVNET_PREFIX_LEN);
	packet_build(&spec, &frame);
	BOTH_REFUSE(REASON_OTHER_VNET);
	spec.source[11] = f->c.prefix[11];
	packet_build(&spec, &frame);
	BOTH_REFUSE(REASON_UNKNOWN_SOURCE);
	/* Nobody here has the address; a node elsewhere is no node here. */
	spec = arrival(PROTOCOL_UDP);
	memcpy(spec.destination + OVNET_PREFIX_LEN, f->s.address, 4);
	packet_build(&spec, &frame);
	BOTH_REFUSE(REASON_NO_NODE);
	spec.destination[15] = 0;
	packet_build(&spec, &frame);
	BOTH_REFUSE(REASON_NO_NODE);
}

/* XDP judges as tc does, and leaves no trace: no session, no proof, no count. */
static void test_xdp_leaves_no_trace(void)
{
	struct packet_spec spec = arrival(PROTOCOL_TCP);
	struct session_value before = {0}, after = {0};
	struct port_value port = fixture_port(f, &f->a);

	packet_build(&spec, &frame);
	PASSED(f, FROM_XDP(f), &frame);
	CU_ASSERT_EQUAL(fixture_sessions(f), 0);
	CU_ASSERT_EQUAL(fixture_state(f, &f->a).sessions, 0);
	/* The quota is tc's, which opens sessions. */
	port.session_quota = 0;
	fixture_port_set(f, &f->a, &port);
	PASSED(f, FROM_XDP(f), &frame);
	port.session_quota = 10;
	fixture_port_set(f, &f->a, &port);
	SENT(f, FROM_UPLINK(f), &frame, NULL);
	fixture_session(f, &f->a, &f->r, PROTOCOL_TCP, spec.destination_port, spec.source_port, &before);
	PASSED(f, FROM_XDP(f), &frame);
	fixture_epoch(f, &f->a);
	PASSED(f, FROM_XDP(f), &frame);
	fixture_rule_del(f,
		&(struct fixture_rule){.local = &f->a, .peer = &f->r, .direction = DIRECTION_IN, .width = WIDTH_PEER});
	DROPPED(f, FROM_XDP(f), &frame, REASON_NO_RULE);
	fixture_session(f, &f->a, &f->r, PROTOCOL_TCP, spec.destination_port, spec.source_port, &after);
	CHECK(!memcmp(&before, &after, sizeof(before)), "XDP changed a session");
	CU_ASSERT_EQUAL(fixture_count(f, f->uplink, COUNTER_SESSIONS_PROVED), 0);
}

/* Answers to what a node here began pass XDP by its session, and a SYN against it does not. */
static void test_xdp_replies(void)
{
	struct packet_spec syn = fixture_from(&f->a, &f->s, PROTOCOL_TCP);
	struct packet_spec reply = fixture_arrival(&f->s, &f->a, PROTOCOL_TCP);

	fixture_turn(&reply);
	packet_build(&reply, &frame);
	BOTH_REFUSE(REASON_NO_RULE);
	fixture_allow(f, &f->a, &f->s, DIRECTION_OUT);
	BOTH_REFUSE(REASON_NO_RULE);
	packet_build(&syn, &frame);
	SENT(f, FROM_NODE(&f->a), &frame, NULL);
	packet_build(&reply, &frame);
	DELIVERS();
	fixture_epoch(f, &f->a);
	DELIVERS();
	reply.tcp_flags = TCP_FLAG_SYN;
	packet_build(&reply, &frame);
	BOTH_REFUSE(REASON_NO_RULE);
	CU_ASSERT_EQUAL(fixture_state(f, &f->a).sessions, 1);
}

static int event_keep(void *context, void *data, size_t size)
{
	struct event *kept = context;

	if (size != sizeof(*kept))
		return -EINVAL;
	*kept = *(const struct event *)data;
	return 0;
}

static void test_events(void)
{
	struct packet_spec spec = fixture_arrival(&f->s, &f->a, PROTOCOL_UDP);
	struct event told = {0};
	struct ring_buffer *ring = ring_buffer__new(f->events, event_keep, &told, NULL);
	const struct fixture_run runs[] = {FROM_UPLINK(f), FROM_XDP(f)};

	CU_ASSERT_PTR_NOT_NULL_FATAL(ring);
	fixture_listen(f, 1);
	packet_build(&spec, &frame);
	for (size_t i = 0; i < 2; i++) {
		DROPPED(f, runs[i], &frame, REASON_NO_RULE);
		CHECK(ring_buffer__consume(ring) == 1, "not one event for one drop");
		CU_ASSERT(told.hook == runs[i].hook && told.reason == REASON_NO_RULE && told.ifindex == f->uplink);
		CU_ASSERT(told.length == frame.length && told.vni == FIXTURE_VNI && told.protocol == PROTOCOL_UDP);
		CU_ASSERT(!memcmp(told.source, f->s.address, 4) && !memcmp(told.destination, f->a.address, 4));
		CU_ASSERT(told.source_port == spec.source_port && told.destination_port == spec.destination_port);
	}
	ring_buffer__free(ring);
}

/* Whatever arrives: tc and XDP are of one mind, and what is not ovnet's is not touched. */
static void test_random(void)
{
	srandom(2);
	for (unsigned round = 0; round < 30000; round++) {
		struct packet_spec spec = arrival(protocols[round % sizeof(protocols)]);
		struct fixture_run xdp = FROM_XDP(f), tc = FROM_UPLINK(f);
		struct counter_value before, after;

		packet_build(&spec, &frame);
		for (unsigned changes = (unsigned)random() % 4; changes; changes--)
			frame.octet[ETH_LEN + (size_t)random() % (frame.length - ETH_LEN)] = (uint8_t)random();
		if (round & 1)
			packet_cut(&frame, ETH_LEN + IPV6_LEN + (size_t)random() % frame.length);
		before = fixture_counters(f, f->uplink);
		if (!CHECK(!fixture_send(f, &xdp, &frame, &out), "round %u: the XDP run fails", round))
			break;
		CHECK(out.length == frame.length && !memcmp(out.octet, frame.octet, frame.length),
			"round %u: XDP changed the packet", round);
		if (!CHECK(!fixture_send(f, &tc, &frame, &out), "round %u: the tc run fails", round))
			break;
		after = fixture_counters(f, f->uplink);
		if (xdp.verdict == XDP_DROP) {
			CHECK(tc.verdict == TC_ACT_SHOT, "round %u: tc takes what XDP refuses", round);
			/* Both for the same reason: one counter rose by two. */
			for (size_t i = 0; i < REASON_MAX; i++) {
				uint64_t rose = ((uint64_t *)&after)[i] - ((uint64_t *)&before)[i];

				CHECK(rose == 0 || rose == 2, "round %u: two reasons", round);
			}
		} else {
			CHECK(xdp.verdict == XDP_PASS, "round %u: XDP's verdict is %d", round, xdp.verdict);
		}
		if (tc.verdict == TC_ACT_OK)
			CHECK(out.length == frame.length && !memcmp(out.octet, frame.octet, frame.length),
				"round %u: tc changed what is the host's", round);
	}
}

static int start(void)
{
	return fixture_open(&(struct fixture_options){0}, &f) ||
	       fixture_open(&(struct fixture_options){.slots = {42}}, &slot);
}

static void stop(void)
{
	fixture_close(f);
	fixture_close(slot);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"what is the host's", test_left_to_host},
		{"a host with one slot", test_one_slot},
		{"a wrong slot", test_wrong_slot},
		{"packets cut short anywhere", test_cut_short},
		{"short packets", test_short},
		{"padded frames", test_padded},
		{"bad headers", test_bad_header},
		{"every next header and ICMPv6 type", test_protocols},
		{"time to live", test_ttl},
		{"too big for the port", test_too_big},
		{"forged sources", test_forged},
		{"a forged neighbour", test_forged_neighbour},
		{"vnets and addresses", test_vnets},
		{"XDP leaves no trace", test_xdp_leaves_no_trace},
		{"XDP and replies", test_xdp_replies},
		{"events", test_events},
		{"random packets", test_random},
		CU_TEST_INFO_NULL,
	};
	const struct suite suite = {.name = "uplink programs",
		.start = start,
		.stop = stop,
		.setup = setup,
		.tests = tests};

	return suite_main(&suite);
}
