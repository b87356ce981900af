/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Node passports that were signed together: each leads to the root that the authority signed, and nothing else does.
 *
 * The tree is built here a second time, by its definition, so that the two can be held against each other.
 */
#include "selftests/unit/unit.h"

#include <errno.h>
#include <sodium.h>

#include "lib/error.h"
#include "proto/key.h"
#include "proto/passport.h"

#define NOW 1000000ull
#define MOST 130
#define LABEL "ovnet roster 1"

static struct authority_key authority, stranger;

static struct node_passport a_node(size_t number)
{
	struct node_passport passport = {.vni = 7 + (uint32_t)number % 3,
		.slot = 1,
		.node = number,
		.host = 13,
		.incarnation = 1000 + number,
		.not_before_s = NOW - 100,
		.not_after_s = NOW + 800,
		.revision = 15,
		.address_count = 1 + number % PASSPORT_ADDRESSES_MAX,
		.group_count = number % (PASSPORT_GROUPS_MAX + 1)};

	for (size_t i = 0; i < passport.address_count; i++)
		passport.addresses[i] = (struct ipv4){{10, (uint8_t)i, 0, (uint8_t)number}};
	for (size_t i = 0; i < passport.group_count; i++)
		passport.groups[i] = 100 + i;
	return passport;
}

static size_t body_length(size_t number)
{
	struct node_passport passport = a_node(number);

	return NODE_PASSPORT_BODY_LEN(passport.address_count, passport.group_count);
}

/* A batch of `count`, nodes 0 to count - 1. */
static void sign_batch(size_t count, const struct authority_key *key, struct node_passport_octets out[MOST])
{
	struct node_passport passports[MOST];

	for (size_t i = 0; i < count; i++)
		passports[i] = a_node(i);
	CU_ASSERT_EQUAL(node_passports_sign(passports, count, key->secret, out), 0);
}

/* From an exact-sized copy, so that a read past the end is seen by a sanitizer. */
static int verify_by(const uint8_t *in, size_t length, const struct authority_key *key, struct passport_roots *roots,
	struct node_passport *out)
{
	scope_free uint8_t *copy = malloc(length ? length : 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	memcpy(copy, in, length);
	return node_passport_verify(copy, length, key->public_key, NOW, roots, out);
}

static int verify(const struct node_passport_octets *in, struct passport_roots *roots, struct node_passport *out)
{
	return verify_by(in->octets, in->length, &authority, roots, out);
}

/* ---- the tree by its definition: RFC 9162, 2.1.1 and 2.1.3 */

struct prefixes {
	uint8_t leaf, inner;
	const char *label;
};
static const struct prefixes good = {0, 1, LABEL};

static void hash(uint8_t prefix, const void *octets, size_t length, uint8_t out[32])
{
	uint8_t prefixed[1 + NODE_PASSPORT_LEN_MAX] = {prefix};

	memcpy(prefixed + 1, octets, length);
	crypto_generichash_blake2b(out, 32, prefixed, 1 + length, NULL, 0);
}

/* The greatest power of two below `count`. */
static size_t split(size_t count)
{
	size_t k = 1;

	while (k * 2 < count)
		k *= 2;
	return k;
}

static void tree(const struct prefixes *prefixes, const struct node_passport_octets *batch, size_t first, size_t count,
	uint8_t out[32])
{
	uint8_t both[64];

	if (count == 1) {
		hash(prefixes->leaf, batch[first].octets, body_length(first), out);
		return;
	}
	tree(prefixes, batch, first, split(count), both);
	tree(prefixes, batch, first + split(count), count - split(count), both + 32);
	hash(prefixes->inner, both, sizeof(both), out);
}

/* Appends to `path` from the leaf up; returns the steps. */
static size_t path_of(const struct prefixes *prefixes, const struct node_passport_octets *batch, size_t first,
	size_t count, size_t wanted, uint8_t path[][32], uint8_t *sides)
{
	size_t k = split(count), steps;
	bool right = wanted >= first + k;

	if (count == 1)
		return 0;
	steps = path_of(prefixes, batch, right ? first + k : first, right ? count - k : k, wanted, path, sides);
	tree(prefixes, batch, right ? first : first + k, right ? k : count - k, path[steps]);
	*sides |= (uint8_t)(right << steps);
	return steps + 1;
}

/* The wanted node's passport in that batch, made by hand. */
static struct node_passport_octets by_hand(const struct prefixes *prefixes, const struct node_passport_octets *batch,
	size_t count, size_t wanted)
{
	struct node_passport_octets made = {.length = body_length(wanted)};
	uint8_t path[PASSPORT_PATH_MAX + 1][32], labelled[64], sides = 0;
	size_t steps = path_of(prefixes, batch, 0, count, wanted, path, &sides), label = strlen(prefixes->label);

	memcpy(made.octets, batch[wanted].octets, made.length);
	made.octets[made.length++] = (uint8_t)steps;
	memcpy(made.octets + made.length, path, steps * 32);
	made.length += steps * 32;
	made.octets[made.length++] = sides;
	memcpy(labelled, prefixes->label, label);
	tree(prefixes, batch, 0, count, labelled + label);
	crypto_sign_detached(made.octets + made.length, NULL, labelled, label + 32, authority.secret);
	made.length += PASSPORT_SIGNATURE_LEN;
	return made;
}

/* ---- tests */

static void any_count(void)
{
	for (size_t count = 1; count <= MOST; count++) {
		struct node_passport_octets batch[MOST];
		struct passport_roots roots = {0};
		size_t batches = count <= PASSPORT_BATCH_MAX ? 1 : 2;

		sign_batch(count, &authority, batch);
		for (size_t i = 0; i < count; i++) {
			struct node_passport wanted = a_node(i), got, read;

			memset(&got, 0xff, sizeof(got));
			CU_ASSERT_EQUAL(verify(&batch[i], &roots, &got), 0);
			CU_ASSERT(got.node == i && got.vni == wanted.vni && got.incarnation == wanted.incarnation);
			CU_ASSERT_EQUAL(memcmp(got.addresses, wanted.addresses, sizeof(got.addresses)), 0);
			CU_ASSERT_EQUAL(memcmp(got.groups, wanted.groups, sizeof(got.groups)), 0);
			CU_ASSERT_EQUAL(node_passport_read(batch[i].octets, batch[i].length, NOW, &read), 0);
			CU_ASSERT(read.node == i && read.group_count == wanted.group_count);
		}
		/* One that is left over is signed alone. */
		CU_ASSERT_EQUAL(roots.signatures, batches);
		CU_ASSERT_EQUAL(roots.count, count == 1 ? 0 : count == PASSPORT_BATCH_MAX + 1 ? 1 : batches);
		CU_ASSERT_EQUAL(verify(&batch[0], NULL, &(struct node_passport){0}), 0);
	}
}

static void by_definition(void)
{
	static const size_t counts[] = {1, 2, 3, 5, 6, 7, 8, 9, 100, 127, 128};

	for (size_t n = 0; n < ARRAY_LEN(counts); n++) {
		struct node_passport_octets batch[MOST];

		sign_batch(counts[n], &authority, batch);
		for (size_t i = 0; i < counts[n]; i += 1 + counts[n] / 10) {
			struct node_passport_octets made = by_hand(&good, batch, counts[n], i);

			CU_ASSERT_EQUAL(made.length, batch[i].length);
			CU_ASSERT_EQUAL(memcmp(made.octets, batch[i].octets, made.length), 0);
		}
	}
}

static void alone(void)
{
	struct node_passport passport = a_node(5);
	struct node_passport_octets one;
	uint8_t octets[NODE_PASSPORT_LEN_MAX];
	int length = node_passport_sign(&passport, authority.secret, octets);

	CU_ASSERT_EQUAL(node_passports_sign(&passport, 1, authority.secret, &one), 0);
	CU_ASSERT_EQUAL(length, (int)one.length);
	CU_ASSERT_EQUAL(memcmp(octets, one.octets, one.length), 0);
}

static void one_is_bad(void)
{
	struct node_passport_octets out[3], untouched[3];
	struct node_passport passports[3] = {a_node(0), a_node(1), a_node(2)};

	memset(out, 0x5a, sizeof(out));
	memcpy(untouched, out, sizeof(out));
	passports[2].vni = 0;
	CU_ASSERT_EQUAL(node_passports_sign(passports, 3, authority.secret, out), -EINVAL);
	CU_ASSERT_EQUAL(memcmp(out, untouched, sizeof(out)), 0);
}

/* Each bit of a passport changed, with these roots. The signature's are `signature`'s outcome. */
static void bits(struct node_passport_octets *in, struct passport_roots *roots, int signature)
{
	struct node_passport got, untouched;

	memset(&untouched, 0x5a, sizeof(untouched));
	for (size_t bit = 0; bit < in->length * 8; bit++) {
		bool of_signature = bit / 8 >= in->length - PASSPORT_SIGNATURE_LEN;
		int result;

		got = untouched;
		in->octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
		result = verify(in, roots, &got);
		in->octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CU_ASSERT(of_signature ? result == signature : result == -EKEYREJECTED || result == -EBADMSG);
		CU_ASSERT(!result || memcmp(&got, &untouched, sizeof(got)) == 0);
	}
}

static void any_bit(void)
{
	struct node_passport_octets batch[MOST];
	struct passport_roots roots = {0};
	struct node_passport got;

	sign_batch(7, &authority, batch);
	/* The sixth has a sibling on its left, then one step is a carried node's. */
	bits(&batch[5], NULL, -EKEYREJECTED);
	bits(&batch[6], &roots, -EKEYREJECTED);
	CU_ASSERT_EQUAL(roots.count, 0);
	CU_ASSERT_EQUAL(verify(&batch[0], &roots, &got), 0);
	CU_ASSERT_EQUAL(roots.count, 1);
	/* The root is known, so nobody asks who signed it; all else is looked at. */
	bits(&batch[5], &roots, 0);
	bits(&batch[6], &roots, 0);
	CU_ASSERT_EQUAL(roots.count, 1);
}

static void any_length(void)
{
	struct node_passport_octets batch[MOST];
	uint8_t longer[NODE_PASSPORT_LEN_MAX + 64] = {0};
	struct passport_roots roots = {0};
	struct node_passport got;

	sign_batch(5, &authority, batch);
	CU_ASSERT_EQUAL(verify(&batch[0], &roots, &got), 0);
	memcpy(longer, batch[1].octets, batch[1].length);
	for (size_t length = 0; length <= sizeof(longer); length++) {
		int wanted = length == batch[1].length ? 0 : -EBADMSG;

		CU_ASSERT_EQUAL(verify_by(longer, length, &authority, &roots, &got), wanted);
		CU_ASSERT_EQUAL(node_passport_read(longer, length, NOW, &got), wanted);
	}
}

/* Eight steps, properly hashed and signed. */
static void path_too_long(void)
{
	static struct node_passport_octets batch[2 * PASSPORT_BATCH_MAX];
	struct node_passport_octets made;
	struct node_passport got;

	for (size_t i = 0; i < ARRAY_LEN(batch); i++) {
		struct node_passport passport = a_node(i);

		CU_ASSERT_EQUAL(node_passports_sign(&passport, 1, authority.secret, &batch[i]), 0);
	}
	made = by_hand(&good, batch, PASSPORT_BATCH_MAX, 1);
	CU_ASSERT_EQUAL(verify(&made, NULL, &got), 0);
	made = by_hand(&good, batch, 2 * PASSPORT_BATCH_MAX, 1);
	CU_ASSERT_EQUAL(made.octets[body_length(1)], PASSPORT_PATH_MAX + 1);
	CU_ASSERT_EQUAL(verify(&made, NULL, &got), -EBADMSG);
}

/* A leaf is no inner node, an inner node no leaf, and a root without its label is not signed. */
static void domains(void)
{
	static const struct prefixes cases[] = {{1, 1, LABEL}, {0, 0, LABEL}, {1, 0, LABEL}, {0, 1, ""},
		{0, 1, "ovnet roster 2"}};
	struct node_passport_octets batch[MOST], made;
	struct node_passport got;

	sign_batch(4, &authority, batch);
	made = by_hand(&good, batch, 4, 2);
	CU_ASSERT_EQUAL(verify(&made, NULL, &got), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct passport_roots roots = {0};

		made = by_hand(&cases[i], batch, 4, 2);
		CU_ASSERT_EQUAL(verify(&made, &roots, &got), -EKEYREJECTED);
		CU_ASSERT_EQUAL(roots.count, 0);
	}
}

/* Steps left out at either end, sides changed for each other, the path of another: none leads to the root, known or not. */
static void other_paths(void)
{
	struct node_passport_octets batch[MOST], made;
	struct passport_roots roots = {0};
	struct node_passport got;
	size_t body = body_length(2);

	sign_batch(4, &authority, batch);
	CU_ASSERT_EQUAL(verify(&batch[0], &roots, &got), 0);
	for (unsigned known = 0; known < 2; known++) {
		struct passport_roots *with = known ? &roots : NULL;

		for (unsigned steps = 0; steps < 2; steps++) {
			for (unsigned from = 0; from + steps <= 2; from++) {
				for (unsigned sides = 0; sides >> steps == 0; sides++) {
					made = batch[2];
					made.octets[body] = (uint8_t)steps;
					memmove(made.octets + body + 1, batch[2].octets + body + 1 + 32 * from,
						32 * steps);
					made.length = body + 1 + 32 * steps;
					made.octets[made.length++] = (uint8_t)sides;
					memcpy(made.octets + made.length, batch[2].octets + batch[2].length - 64, 64);
					made.length += 64;
					CU_ASSERT_EQUAL(verify(&made, with, &got), -EKEYREJECTED);
				}
			}
		}
		made = batch[2];
		memcpy(made.octets + body, batch[3].octets + body_length(3), made.length - body);
		CU_ASSERT_EQUAL(verify(&made, with, &got), -EKEYREJECTED);
	}
}

static void other_authority(void)
{
	struct node_passport_octets ours[MOST], theirs[MOST];
	struct passport_roots roots = {0};
	struct node_passport got;

	sign_batch(3, &authority, ours);
	sign_batch(3, &stranger, theirs);
	CU_ASSERT_EQUAL(verify(&ours[0], &roots, &got), 0);
	/* The root is the same: it is known as one authority's, and not as the other's. */
	CU_ASSERT_EQUAL(verify_by(ours[1].octets, ours[1].length, &stranger, &roots, &got), -EKEYREJECTED);
	CU_ASSERT_EQUAL(verify(&ours[1], &roots, &got), 0);
	CU_ASSERT_EQUAL(roots.signatures, 2);
	/* When the other's is known, the first one's is not any more. */
	CU_ASSERT_EQUAL(verify_by(theirs[0].octets, theirs[0].length, &stranger, &roots, &got), 0);
	CU_ASSERT_EQUAL(roots.count, 1);
	CU_ASSERT_EQUAL(roots.signatures, 3);
	CU_ASSERT_EQUAL(verify(&theirs[1], &roots, &got), -EKEYREJECTED);
	CU_ASSERT_EQUAL(verify(&ours[1], &roots, &got), 0);
	CU_ASSERT_EQUAL(roots.signatures, 5);
}

static void round_robin(void)
{
	struct node_passport_octets batch[PASSPORT_ROOTS + 1][2];
	struct passport_roots roots = {0};
	struct node_passport got;

	for (size_t i = 0; i <= PASSPORT_ROOTS; i++) {
		struct node_passport passports[2] = {a_node(2 * i), a_node(2 * i + 1)};

		CU_ASSERT_EQUAL(node_passports_sign(passports, 2, authority.secret, batch[i]), 0);
		CU_ASSERT_EQUAL(verify(&batch[i][0], &roots, &got), 0);
		CU_ASSERT_EQUAL(roots.signatures, i + 1);
	}
	CU_ASSERT_EQUAL(roots.count, PASSPORT_ROOTS);
	for (size_t i = 1; i <= PASSPORT_ROOTS; i++)
		CU_ASSERT_EQUAL(verify(&batch[i][1], &roots, &got), 0);
	CU_ASSERT_EQUAL(roots.signatures, PASSPORT_ROOTS + 1);
	CU_ASSERT_EQUAL(verify(&batch[0][1], &roots, &got), 0);
	CU_ASSERT_EQUAL(roots.signatures, PASSPORT_ROOTS + 2);
}

/* A known root says nothing of the time. */
static void time_is_checked(void)
{
	struct node_passport passports[2] = {a_node(0), a_node(1)}, got;
	struct node_passport_octets batch[2];
	struct passport_roots roots = {0};

	passports[0].not_after_s = NOW - PASSPORT_SKEW_S - 1;
	CU_ASSERT_EQUAL(node_passports_sign(passports, 2, authority.secret, batch), 0);
	CU_ASSERT_EQUAL(verify(&batch[0], &roots, &got), -EKEYEXPIRED);
	CU_ASSERT_EQUAL(roots.count, 1);
	CU_ASSERT_EQUAL(verify(&batch[0], &roots, &got), -EKEYEXPIRED);
	CU_ASSERT_EQUAL(verify(&batch[1], &roots, &got), 0);
	CU_ASSERT_EQUAL(roots.signatures, 1);
}

static const struct unit_test tests[] = {
	{"any count is signed with one signature a batch, and read again", any_count},
	{"the tree is RFC 9162's", by_definition},
	{"a batch of one is a passport alone", alone},
	{"a batch with one that is out of range is not signed", one_is_bad},
	{"any bit changed is refused; the signature's are not looked at when the root is known", any_bit},
	{"any other length is refused", any_length},
	{"so is a path that is too long", path_too_long},
	{"a leaf is not taken for an inner node, nor the reverse", domains},
	{"no other path leads to the root", other_paths},
	{"a root is known as one authority's", other_authority},
	{"so many roots are remembered, the oldest goes first", round_robin},
	{"a passport of a known batch still ends", time_is_checked},
};

int main(void)
{
	static const uint8_t seeds[2][32] = {{1}, {2}};

	if (key_library() || crypto_sign_seed_keypair(authority.public_key, authority.secret, seeds[0]) ||
		crypto_sign_seed_keypair(stranger.public_key, stranger.secret, seeds[1]))
		return 1;
	return unit_run("passport, batches", tests, ARRAY_LEN(tests));
}
