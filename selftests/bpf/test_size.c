/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What has to do with a packet's size at the node program: IPv4 options, the segment size that a SYN announces, and
 * what is too large for the substrate or a neighbour.
 */
#include "selftests/bpf/fixture.h"

#include <string.h>

#define PATH_GROWTH (IPV6_LEN - IPV4_LEN)
/* What a SYN may announce: the path less an IPv6 header, a Fragment header and a TCP header. */
#define PATH_MSS (FIXTURE_MTU - IPV6_LEN - 8 - TCP_LEN)

static struct fixture *f;
static struct frame frame, out, expected;

static const uint8_t protocols[] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP, PROTOCOL_SCTP, PROTOCOL_GRE};

static void setup(void)
{
	fixture_reset(f);
	fixture_allow(f, &f->a, &f->r, DIRECTION_OUT);
}

/* What the node program makes of the usual packet with other options or sizes: the same on the substrate. */
static void expect_same_as(const struct packet_spec *spec)
{
	packet_build(spec, &frame);
	if (SENT(f, FROM_NODE(&f->a), &frame, &expected))
		SAME(&out, &expected);
}

static void test_options(void)
{
	static const uint8_t values[] = {0x00, 0x01, 0x07, 0x44, 0x83, 0x89, 0x94, 0xff, 0xa5};
	uint8_t options[40];
	uint64_t stripped = 0;

	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct packet_spec spec = fixture_from(&f->a, &f->r, protocols[i]), plain = spec;

		for (size_t words = 1; words <= 10; words++) {
			for (size_t k = 0; k < sizeof(options); k++)
				options[k] = values[(k + words) % sizeof(values)];
			spec.options = options;
			spec.options_len = words * 4;
			packet_build(&spec, &frame);
			if (!SENT(f, FROM_NODE(&f->a), &frame, &out))
				continue;
			CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_OPTIONS_STRIPPED), ++stripped);
			SOUND(&out);
			expect_same_as(&plain);
		}
	}
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_OPTIONS_STRIPPED), stripped);
}

/* Options are taken off between neighbours too, and what is left is the plain header with its checksum. */
static void test_options_local(void)
{
	static const uint8_t options[12] = {7, 11, 4, 10, 0, 0, 3, 1, 2, 3, 4, 0};
	struct packet_spec spec = fixture_from(&f->a, &f->b, PROTOCOL_UDP);

	fixture_allow(f, &f->a, &f->b, DIRECTION_OUT);
	fixture_allow(f, &f->b, &f->a, DIRECTION_IN);
	spec.tos = 0xff;
	spec.identification = 0xbeef;
	spec.options = options;
	spec.options_len = sizeof(options);
	packet_build(&spec, &frame);
	SENT(f, FROM_NODE(&f->a), &frame, &out);
	spec.options_len = 0;
	memcpy(spec.to_mac, f->b.mac, 6);
	memcpy(spec.from_mac, f->a.dummy, 6);
	packet_build(&spec, &expected);
	SAME(&out, &expected);
}

/* Sends a SYN with these TCP options; what arrives on the substrate must be as one with the other options. */
static void clamp_expect(uint8_t flags, const uint8_t *options, const uint8_t *after, size_t length)
{
	struct packet_spec spec = fixture_from(&f->a, &f->r, PROTOCOL_TCP);
	uint64_t clamped = fixture_count(f, f->a.ifindex, COUNTER_MSS_CLAMPED);
	bool changed = memcmp(options, after, length) != 0;

	spec.tcp_flags = flags;
	spec.tcp_options = options;
	spec.tcp_options_len = length;
	packet_build(&spec, &frame);
	SENT(f, FROM_NODE(&f->a), &frame, &out);
	SOUND(&out);
	clamped += changed;
	CU_ASSERT_EQUAL(fixture_count(f, f->a.ifindex, COUNTER_MSS_CLAMPED), clamped);
	spec.tcp_options = after;
	expect_same_as(&spec);
}

#define MSS(value) 2, 4, (uint8_t)((value) >> 8), (uint8_t)(value)

static void test_clamp(void)
{
	static const uint8_t flags[] = {TCP_FLAG_SYN, TCP_FLAG_SYN | TCP_FLAG_ACK};

	for (size_t i = 0; i < sizeof(flags); i++) {
		for (size_t nops = 0; nops <= 36; nops++) {
			uint8_t before[40], after[40];

			memset(before, 1, sizeof(before));
			memset(after, 1, sizeof(after));
			memcpy(before + nops, (uint8_t[]){MSS(1460)}, 4);
			memcpy(after + nops, (uint8_t[]){MSS(PATH_MSS)}, 4);
			clamp_expect(flags[i], before, after, sizeof(before));
		}
	}
	for (unsigned mss = PATH_MSS - 2; mss <= PATH_MSS + 2; mss++)
		clamp_expect(TCP_FLAG_SYN, (uint8_t[]){MSS(mss)}, (uint8_t[]){MSS(mss < PATH_MSS ? mss : PATH_MSS)}, 4);
	clamp_expect(TCP_FLAG_SYN, (uint8_t[]){1, MSS(65535), 1, 1, 1}, (uint8_t[]){1, MSS(PATH_MSS), 1, 1, 1}, 8);
	/* Behind other options. */
	clamp_expect(TCP_FLAG_SYN, (uint8_t[]){3, 3, 7, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 4, 2, MSS(9000), 1},
		(uint8_t[]){3, 3, 7, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 4, 2, MSS(PATH_MSS), 1}, 20);
}

static void clamp_untouched(uint8_t flags, const uint8_t *options, size_t length)
{
	clamp_expect(flags, options, options, length);
}

static void test_clamp_not(void)
{
	clamp_untouched(TCP_FLAG_SYN, (uint8_t[]){MSS(536)}, 4);
	clamp_untouched(TCP_FLAG_SYN, (uint8_t[]){MSS(0)}, 4);
	clamp_untouched(TCP_FLAG_SYN, (uint8_t[]){1, 1, 4, 2}, 4);
	clamp_untouched(TCP_FLAG_SYN, (uint8_t[]){0}, 0);
	/* Not a SYN: the same octets mean nothing. */
	clamp_untouched(TCP_FLAG_ACK, (uint8_t[]){MSS(1460)}, 4);
	/* Behind the end of the options, and where lengths lead nowhere. */
	clamp_untouched(TCP_FLAG_SYN, (uint8_t[]){0, MSS(1460), 0, 0, 0}, 8);
	clamp_untouched(TCP_FLAG_SYN, (uint8_t[]){8, 0, MSS(1460), 1, 1}, 8);
	clamp_untouched(TCP_FLAG_SYN, (uint8_t[]){8, 1, MSS(1460), 1, 1}, 8);
	clamp_untouched(TCP_FLAG_SYN, (uint8_t[]){8, 255, MSS(1460), 1, 1}, 8);
	clamp_untouched(TCP_FLAG_SYN, (uint8_t[]){2, 3, 0xff, MSS(100), 1}, 8);
	clamp_untouched(TCP_FLAG_SYN, (uint8_t[]){1, 1, 1, 2}, 4);
	clamp_untouched(TCP_FLAG_SYN, (uint8_t[]){1, 1, 2, 4}, 4);
	clamp_untouched(TCP_FLAG_SYN, (uint8_t[]){1, 2, 4, 0xff}, 4);
}

/* An IPv4 packet of so many octets from a; `gso_size`: a GSO packet of several such segments. */
static struct fixture_run sized(const struct fixture_node *to, size_t octets, uint32_t gso_size)
{
	static const uint8_t payload[3000];
	struct packet_spec spec = fixture_from(&f->a, to, PROTOCOL_TCP);
	struct fixture_run run = FROM_NODE(&f->a);

	spec.tcp_flags = TCP_FLAG_ACK;
	spec.payload = payload;
	spec.payload_len = octets - IPV4_LEN - TCP_LEN;
	packet_build(&spec, &frame);
	run.gso_size = gso_size;
	run.gso_segs = gso_size ? 2 : 0;
	return run;
}

static void test_too_big_substrate(void)
{
	const size_t most = FIXTURE_MTU - PATH_GROWTH;
	const uint32_t segment = FIXTURE_MTU - PATH_GROWTH - IPV4_LEN - TCP_LEN;
	struct nexthop_value hop = fixture_nexthop(f, &f->r);

	SENT(f, sized(&f->r, most, 0), &frame, &out);
	SOUND(&out);
	DROPPED(f, sized(&f->r, most + 1, 0), &frame, REASON_TOO_BIG);
	SENT(f, sized(&f->r, 2900, segment), &frame, &out);
	SOUND(&out);
	DROPPED(f, sized(&f->r, 2900, segment + 1), &frame, REASON_TOO_BIG);
	hop.mtu = 1280;
	fixture_nexthop_set(f, &f->r, &hop);
	SENT(f, sized(&f->r, 1260, 0), &frame, NULL);
	DROPPED(f, sized(&f->r, 1261, 0), &frame, REASON_TOO_BIG);
}

static void test_too_big_local(void)
{
	const uint32_t segment = FIXTURE_MTU - IPV4_LEN - TCP_LEN;

	fixture_allow(f, &f->a, &f->b, DIRECTION_OUT);
	fixture_allow(f, &f->b, &f->a, DIRECTION_IN);
	SENT(f, sized(&f->b, FIXTURE_MTU, 0), &frame, NULL);
	DROPPED(f, sized(&f->b, FIXTURE_MTU + 1, 0), &frame, REASON_TOO_BIG);
	SENT(f, sized(&f->b, 2900, segment), &frame, NULL);
	DROPPED(f, sized(&f->b, 2900, segment + 1), &frame, REASON_TOO_BIG);
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
		{"IPv4 options are taken off", test_options},
		{"IPv4 options are taken off between neighbours", test_options_local},
		{"the segment size of a SYN is lowered", test_clamp},
		{"a segment size that is left alone", test_clamp_not},
		{"too big for the substrate", test_too_big_substrate},
		{"too big for a neighbour", test_too_big_local},
		CU_TEST_INFO_NULL,
	};
	const struct suite suite = {.name = "sizes", .start = start, .stop = stop, .setup = setup, .tests = tests};

	return suite_main(&suite);
}
