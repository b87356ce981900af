/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passports: what an authority signed is read, and nothing else is. Of batches see test_passport_batch.c.
 */
#include "selftests/unit/unit.h"

#include <errno.h>
#include <sodium.h>

#include "lib/error.h"
#include "proto/key.h"
#include "proto/passport.h"

#define NOW 1000000ull

static struct authority_key authority, stranger;

static struct host_passport a_host(void)
{
	struct host_passport passport = {.host = 0x0102030405060708,
		.locator = {.octet = {0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2}, .length = 64},
		.not_before_s = NOW - 100,
		.not_after_s = NOW + 800,
		.revision = 9};

	memset(passport.key, 0xab, sizeof(passport.key));
	return passport;
}

static struct node_passport a_node(size_t addresses, size_t groups)
{
	struct node_passport passport = {.vni = 0xabcdef,
		.slot = 63,
		.node = 11,
		.account = 12,
		.host = 13,
		.incarnation = 14,
		.not_before_s = NOW - 100,
		.not_after_s = NOW + 800,
		.revision = 15,
		.address_count = addresses,
		.group_count = groups};

	for (size_t i = 0; i < addresses; i++)
		passport.addresses[i] = (struct ipv4){{10, 0, 0, (uint8_t)(i + 1)}};
	for (size_t i = 0; i < groups; i++)
		passport.groups[i] = 0x1122334455667700 + i;
	return passport;
}

/* From an exact-sized copy, so that a read past the end is seen by a sanitizer. */
static int verify_host(const uint8_t *in, size_t length, uint64_t now_s, struct host_passport *out)
{
	scope_free uint8_t *copy = malloc(length ? length : 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	memcpy(copy, in, length);
	return host_passport_verify(copy, length, authority.public_key, now_s, out);
}

static int verify_node(const uint8_t *in, size_t length, uint64_t now_s, struct node_passport *out)
{
	scope_free uint8_t *copy = malloc(length ? length : 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	memcpy(copy, in, length);
	return node_passport_verify(copy, length, authority.public_key, now_s, NULL, out);
}

static void layout_of_host(void)
{
	struct host_passport passport = a_host(), got;
	uint8_t out[HOST_PASSPORT_LEN];

	CU_ASSERT_EQUAL(host_passport_sign(&passport, authority.secret, out), HOST_PASSPORT_LEN);
	CU_ASSERT_EQUAL(memcmp(out, "\1\1\0\0\1\2\3\4\5\6\7\10\x20\1\x0d\xb8\0\1\0\2\0\x40\xab\xab", 24), 0);
	CU_ASSERT_EQUAL(memcmp(out + 54, "\0\0\0\0\0\x0f\x41\xdc\0\0\0\0\0\x0f\x45\x60\0\0\0\0\0\0\0\x09", 24), 0);
	CU_ASSERT_EQUAL(verify_host(out, sizeof(out), NOW, &got), 0);
	CU_ASSERT_EQUAL(got.host, passport.host);
	CU_ASSERT_EQUAL(got.locator.length, 64);
	CU_ASSERT_EQUAL(memcmp(got.locator.octet, passport.locator.octet, 9), 0);
	CU_ASSERT_EQUAL(memcmp(got.key, passport.key, 32), 0);
	CU_ASSERT_EQUAL(got.not_before_s, passport.not_before_s);
	CU_ASSERT_EQUAL(got.not_after_s, passport.not_after_s);
	CU_ASSERT_EQUAL(got.revision, 9);

	passport.locator.length = 72;
	passport.locator.octet[8] = 63 << 2;
	CU_ASSERT_EQUAL(host_passport_sign(&passport, authority.secret, out), HOST_PASSPORT_LEN);
	CU_ASSERT_EQUAL(verify_host(out, sizeof(out), NOW, &got), 0);
	CU_ASSERT_EQUAL(got.locator.octet[8], 63 << 2);
}

static void layout_of_node(void)
{
	for (size_t addresses = 1; addresses <= PASSPORT_ADDRESSES_MAX; addresses++) {
		for (size_t groups = 0; groups <= PASSPORT_GROUPS_MAX; groups++) {
			struct node_passport passport = a_node(addresses, groups), got, read;
			uint8_t out[NODE_PASSPORT_LEN_MAX];
			size_t length = NODE_PASSPORT_LEN(addresses, groups, 0);

			memset(&got, 0xff, sizeof(got));
			CU_ASSERT_EQUAL(node_passport_sign(&passport, authority.secret, out), (int)length);
			CU_ASSERT_EQUAL(verify_node(out, length, NOW, &got), 0);
			CU_ASSERT_EQUAL(node_passport_read(out, length, NOW, &read), 0);
			CU_ASSERT_EQUAL(got.vni, 0xabcdef);
			CU_ASSERT_EQUAL(got.slot, 63);
			CU_ASSERT(got.node == 11 && got.account == 12 && got.host == 13 && got.incarnation == 14);
			CU_ASSERT(got.not_before_s == NOW - 100 && got.not_after_s == NOW + 800 && got.revision == 15);
			CU_ASSERT(got.address_count == addresses && got.group_count == groups);
			CU_ASSERT_EQUAL(memcmp(got.addresses, passport.addresses, sizeof(got.addresses)), 0);
			CU_ASSERT_EQUAL(memcmp(got.groups, passport.groups, sizeof(got.groups)), 0);
			CU_ASSERT(read.node == 11 && read.address_count == addresses && read.group_count == groups);
		}
	}
}

static void unsignable(void)
{
	struct node_passport node = a_node(1, 1);
	struct host_passport host = a_host();
	uint8_t out[NODE_PASSPORT_LEN_MAX];

	node.address_count = 0;
	CU_ASSERT_EQUAL(node_passport_sign(&node, authority.secret, out), -EINVAL);
	node.address_count = PASSPORT_ADDRESSES_MAX + 1;
	CU_ASSERT_EQUAL(node_passport_sign(&node, authority.secret, out), -EINVAL);
	node = a_node(1, 1);
	node.group_count = PASSPORT_GROUPS_MAX + 1;
	CU_ASSERT_EQUAL(node_passport_sign(&node, authority.secret, out), -EINVAL);
	node = a_node(1, 1);
	node.vni = 0;
	CU_ASSERT_EQUAL(node_passport_sign(&node, authority.secret, out), -EINVAL);
	node.vni = VNI_MAX + 1;
	CU_ASSERT_EQUAL(node_passport_sign(&node, authority.secret, out), -EINVAL);
	node = a_node(1, 1);
	node.slot = SLOT_MAX + 1;
	CU_ASSERT_EQUAL(node_passport_sign(&node, authority.secret, out), -EINVAL);
	host.locator.length = 65;
	CU_ASSERT_EQUAL(host_passport_sign(&host, authority.secret, out), -EINVAL);
	host.locator.length = 64;
	host.locator.octet[8] = 4;
	CU_ASSERT_EQUAL(host_passport_sign(&host, authority.secret, out), -EINVAL);
	host.locator.length = 72;
	host.locator.octet[8] = 5;
	CU_ASSERT_EQUAL(host_passport_sign(&host, authority.secret, out), -EINVAL);
}

static void bits_of_host(void)
{
	struct host_passport passport = a_host(), got, untouched;
	uint8_t out[HOST_PASSPORT_LEN];

	memset(&got, 0x5a, sizeof(got));
	untouched = got;
	CU_ASSERT_EQUAL(host_passport_sign(&passport, authority.secret, out), HOST_PASSPORT_LEN);
	for (size_t bit = 0; bit < sizeof(out) * 8; bit++) {
		int result;

		out[bit / 8] ^= (uint8_t)(1 << bit % 8);
		result = verify_host(out, sizeof(out), NOW, &got);
		CU_ASSERT(result == -EKEYREJECTED || result == -EBADMSG);
		out[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t length = 0; length < sizeof(out); length++)
		CU_ASSERT_EQUAL(verify_host(out, length, NOW, &got), -EBADMSG);
	CU_ASSERT_EQUAL(memcmp(&got, &untouched, sizeof(got)), 0);
	CU_ASSERT_EQUAL(verify_host(out, sizeof(out), NOW, &got), 0);
}

static void bits_of_node(void)
{
	struct node_passport passport = a_node(2, 3), got, untouched;
	uint8_t out[NODE_PASSPORT_LEN_MAX + 1] = {0};
	size_t length = NODE_PASSPORT_LEN(2, 3, 0);

	memset(&got, 0x5a, sizeof(got));
	untouched = got;
	CU_ASSERT_EQUAL(node_passport_sign(&passport, authority.secret, out), (int)length);
	for (size_t bit = 0; bit < length * 8; bit++) {
		int result;

		out[bit / 8] ^= (uint8_t)(1 << bit % 8);
		result = verify_node(out, length, NOW, &got);
		CU_ASSERT(result == -EKEYREJECTED || result == -EBADMSG);
		out[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t other = 0; other <= sizeof(out); other++) {
		if (other != length)
			CU_ASSERT_EQUAL(verify_node(out, other, NOW, &got), -EBADMSG);
	}
	CU_ASSERT_EQUAL(memcmp(&got, &untouched, sizeof(got)), 0);
	CU_ASSERT_EQUAL(verify_node(out, length, NOW, &got), 0);
}

static void other_signer(void)
{
	struct node_passport node = a_node(1, 0), got_node;
	struct host_passport host = a_host(), got_host;
	uint8_t out[NODE_PASSPORT_LEN_MAX];

	CU_ASSERT_EQUAL(host_passport_sign(&host, stranger.secret, out), HOST_PASSPORT_LEN);
	CU_ASSERT_EQUAL(verify_host(out, HOST_PASSPORT_LEN, NOW, &got_host), -EKEYREJECTED);
	CU_ASSERT_EQUAL(node_passport_sign(&node, stranger.secret, out), NODE_PASSPORT_LEN(1, 0, 0));
	CU_ASSERT_EQUAL(verify_node(out, NODE_PASSPORT_LEN(1, 0, 0), NOW, &got_node), -EKEYREJECTED);
}

/* A host passport is as long as a node's with some counts might be; the kind is signed. */
static void other_kind(void)
{
	struct node_passport node = a_node(1, 1), got_node;
	struct host_passport host = a_host(), got_host;
	uint8_t out[NODE_PASSPORT_LEN_MAX];

	CU_ASSERT_EQUAL(host_passport_sign(&host, authority.secret, out), HOST_PASSPORT_LEN);
	CU_ASSERT_EQUAL(verify_node(out, HOST_PASSPORT_LEN, NOW, &got_node), -EBADMSG);
	CU_ASSERT_EQUAL(node_passport_sign(&node, authority.secret, out), NODE_PASSPORT_LEN(1, 1, 0));
	CU_ASSERT_EQUAL(verify_host(out, NODE_PASSPORT_LEN(1, 1, 0), NOW, &got_host), -EBADMSG);
}

/* Signs whatever is there as a passport alone: the root is the leaf. */
static void sign_alone(uint8_t *octets, size_t body)
{
	uint8_t leaf[1 + NODE_PASSPORT_LEN_MAX] = {0}, labelled[14 + 32] = "ovnet roster 1";

	memcpy(leaf + 1, octets, body);
	crypto_generichash_blake2b(labelled + 14, 32, leaf, 1 + body, NULL, 0);
	crypto_sign_detached(octets + body + 2, NULL, labelled, sizeof(labelled), authority.secret);
}

/* Signed by the authority and yet not a passport that is known: versions to come, fields out of range. */
static void signed_nonsense(void)
{
	static const struct {
		size_t at;
		uint8_t octet;
	} host_cases[] = {{0, 2}, {0, 0}, {1, 2}, {1, 0}, {2, 1}, {3, 1}, {20, 1}, {21, 63}, {21, 72 + 1}};
	static const struct {
		size_t at;
		uint8_t octet;
	} node_cases[] = {{0, 1}, {1, 2}, {2, 64}, {3, 0}, {3, 5}, {3, 1}, {3, 3}, {4, 17}, {4, 0}, {5, 1}, {6, 1},
		{7, 1}, {8, 1}};
	struct host_passport host = a_host(), got_host;
	struct node_passport node = a_node(2, 1), got_node;
	uint8_t out[NODE_PASSPORT_LEN_MAX];
	size_t length = NODE_PASSPORT_LEN(2, 1, 0), body;

	for (size_t i = 0; i < ARRAY_LEN(host_cases); i++) {
		body = HOST_PASSPORT_LEN - PASSPORT_SIGNATURE_LEN;
		CU_ASSERT_EQUAL(host_passport_sign(&host, authority.secret, out), HOST_PASSPORT_LEN);
		out[host_cases[i].at] = host_cases[i].octet;
		crypto_sign_detached(out + body, NULL, out, body, authority.secret);
		CU_ASSERT_EQUAL(verify_host(out, HOST_PASSPORT_LEN, NOW, &got_host), -EBADMSG);
	}
	for (size_t i = 0; i < ARRAY_LEN(node_cases); i++) {
		body = NODE_PASSPORT_BODY_LEN(2, 1);
		CU_ASSERT_EQUAL(node_passport_sign(&node, authority.secret, out), (int)length);
		sign_alone(out, body);
		CU_ASSERT_EQUAL(verify_node(out, length, NOW, &got_node), 0);
		out[node_cases[i].at] = node_cases[i].octet;
		sign_alone(out, body);
		CU_ASSERT_EQUAL(verify_node(out, length, NOW, &got_node), -EBADMSG);
		CU_ASSERT_EQUAL(node_passport_read(out, length, NOW, &got_node), -EBADMSG);
	}
}

static void validity(void)
{
	static const struct {
		uint64_t not_before_s, not_after_s;
		int result;
	} cases[] = {
		{NOW, NOW, 0},
		{0, UINT64_MAX, 0},
		{NOW + PASSPORT_SKEW_S, UINT64_MAX, 0},
		{NOW + PASSPORT_SKEW_S + 1, UINT64_MAX, -EKEYEXPIRED},
		{UINT64_MAX, UINT64_MAX, -EKEYEXPIRED},
		{0, NOW - PASSPORT_SKEW_S, 0},
		{0, NOW - PASSPORT_SKEW_S - 1, -EKEYEXPIRED},
		{0, 0, -EKEYEXPIRED},
	};
	uint8_t out[NODE_PASSPORT_LEN_MAX];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct host_passport host = a_host(), got_host;
		struct node_passport node = a_node(1, 0), got_node;

		host.not_before_s = node.not_before_s = cases[i].not_before_s;
		host.not_after_s = node.not_after_s = cases[i].not_after_s;
		CU_ASSERT_EQUAL(host_passport_sign(&host, authority.secret, out), HOST_PASSPORT_LEN);
		CU_ASSERT_EQUAL(verify_host(out, HOST_PASSPORT_LEN, NOW, &got_host), cases[i].result);
		CU_ASSERT_EQUAL(node_passport_sign(&node, authority.secret, out), NODE_PASSPORT_LEN(1, 0, 0));
		CU_ASSERT_EQUAL(verify_node(out, NODE_PASSPORT_LEN(1, 0, 0), NOW, &got_node), cases[i].result);
		CU_ASSERT_EQUAL(node_passport_read(out, NODE_PASSPORT_LEN(1, 0, 0), NOW, &got_node), cases[i].result);
	}
}

/* For what was verified before: the same, but nobody looks at the signature. */
static void reading_without_verifying(void)
{
	struct node_passport node = a_node(1, 2), got;
	uint8_t out[NODE_PASSPORT_LEN_MAX];
	size_t length = NODE_PASSPORT_LEN(1, 2, 0);

	CU_ASSERT_EQUAL(node_passport_sign(&node, stranger.secret, out), (int)length);
	CU_ASSERT_EQUAL(node_passport_read(out, length, NOW, &got), 0);
	CU_ASSERT_EQUAL(got.groups[1], node.groups[1]);
	for (size_t shorter = 0; shorter < length; shorter++)
		CU_ASSERT_EQUAL(node_passport_read(out, shorter, NOW, &got), -EBADMSG);
}

static const struct unit_test tests[] = {
	{"a host passport has its layout, and is read again", layout_of_host},
	{"so has a node passport, with any counts", layout_of_node},
	{"what is out of range is not signed", unsignable},
	{"a host passport with any bit or length changed is refused", bits_of_host},
	{"so is a node passport", bits_of_node},
	{"another signer's passports are refused", other_signer},
	{"no kind is taken for the other", other_kind},
	{"a good signature does not make a good layout", signed_nonsense},
	{"passports are valid from and to, give or take the skew", validity},
	{"reading looks at all but the signature", reading_without_verifying},
};

int main(void)
{
	static const uint8_t seeds[2][32] = {{1}, {2}};

	if (key_library() || crypto_sign_seed_keypair(authority.public_key, authority.secret, seeds[0]) ||
		crypto_sign_seed_keypair(stranger.public_key, stranger.secret, seeds[1]))
		return 1;
	return unit_run("passport", tests, ARRAY_LEN(tests));
}
