/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: passports, as they come and as a careless authority might have signed them.
 *
 * Beyond not crashing: without the authority's signature nothing passes, what passes alone signs to the same octets again, and what
 * passes with its batch passes with the root known, and with a body that was changed does not.
 */
#include <errno.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/key.h"
#include "proto/passport.h"

#define NOW 1000000

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct authority_key authority;

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const uint8_t seed[32] = {1};

	(void)argc;
	(void)argv;
	must(key_library() == 0);
	must(crypto_sign_seed_keypair(authority.public_key, authority.secret, seed) == 0);
	return 0;
}

static bool is_refusal(int result)
{
	return result == -EBADMSG || result == -EKEYREJECTED || result == -EKEYEXPIRED;
}

static void check_host(const uint8_t *in, size_t size)
{
	uint8_t again[HOST_PASSPORT_LEN];
	struct host_passport passport;
	int result = host_passport_verify(in, size, authority.public_key, NOW, &passport);

	if (result) {
		must(is_refusal(result));
		return;
	}
	must(host_passport_sign(&passport, authority.secret, again) == (int)size);
	must(memcmp(again, in, size) == 0);
}

static void check_batch(const uint8_t *in, size_t size, struct passport_roots *roots)
{
	uint8_t changed[NODE_PASSPORT_LEN_MAX];
	struct node_passport passport;

	must(roots->signatures == 1 && roots->count == 1);
	memcpy(changed, in, size);
	/* The root is known: the signature is not looked at. */
	changed[size - 1] ^= 1;
	must(node_passport_verify(changed, size, authority.public_key, NOW, roots, &passport) == 0);
	must(roots->signatures == 1);
	/* An octet of the node's id. */
	changed[12] ^= 1;
	must(node_passport_verify(changed, size, authority.public_key, NOW, roots, &passport) == -EKEYREJECTED);
}

static void check_node(const uint8_t *in, size_t size)
{
	uint8_t again[NODE_PASSPORT_LEN_MAX];
	struct passport_roots roots = {0};
	struct node_passport passport, read;
	int result = node_passport_verify(in, size, authority.public_key, NOW, &roots, &passport);
	size_t body;

	if (result) {
		must(is_refusal(result));
		must(result == -EKEYREJECTED || node_passport_read(in, size, NOW, &read) == result);
		return;
	}
	must(node_passport_read(in, size, NOW, &read) == 0);
	must(read.node == passport.node && read.address_count == passport.address_count);
	body = NODE_PASSPORT_BODY_LEN(passport.address_count, passport.group_count);
	if (in[body]) {
		check_batch(in, size, &roots);
		return;
	}
	must(node_passport_sign(&passport, authority.secret, again) == (int)size);
	must(memcmp(again, in, size) == 0);
}

static void hash(uint8_t prefix, const uint8_t *one, size_t length, const uint8_t *other, size_t more, uint8_t out[32])
{
	crypto_generichash_blake2b_state state;

	crypto_generichash_blake2b_init(&state, NULL, 0, PASSPORT_HASH_LEN);
	crypto_generichash_blake2b_update(&state, &prefix, 1);
	crypto_generichash_blake2b_update(&state, one, length);
	crypto_generichash_blake2b_update(&state, other, more);
	crypto_generichash_blake2b_final(&state, out, PASSPORT_HASH_LEN);
}

/* Signs the root that this would lead to, when there is room for a path of the length that it says. */
static void sign_node(uint8_t *octets, size_t size)
{
	size_t body = size >= 5 ? NODE_PASSPORT_BODY_LEN((size_t)octets[3], (size_t)octets[4]) : size;
	uint8_t labelled[14 + PASSPORT_HASH_LEN] = "ovnet roster 1", *root = labelled + 14;
	size_t steps = body < size ? octets[body] : 0;
	size_t sides = body + 1 + steps * PASSPORT_HASH_LEN;

	if (sides + 1 + PASSPORT_SIGNATURE_LEN != size)
		return;
	hash(0, octets, body, NULL, 0, root);
	for (size_t step = 0; step < steps; step++) {
		const uint8_t *sibling = octets + body + 1 + step * PASSPORT_HASH_LEN;
		bool right = step < 8 && octets[sides] >> step & 1;

		hash(1, right ? sibling : root, PASSPORT_HASH_LEN, right ? root : sibling, PASSPORT_HASH_LEN, root);
	}
	crypto_sign_detached(octets + sides + 1, NULL, labelled, sizeof(labelled), authority.secret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t copy[NODE_PASSPORT_LEN_MAX + 64];
	size_t body;

	if (size > sizeof(copy))
		return 0;
	check_host(data, size);
	check_node(data, size);
	if (size < PASSPORT_SIGNATURE_LEN)
		return 0;
	body = size - PASSPORT_SIGNATURE_LEN;
	memcpy(copy, data, size);
	crypto_sign_detached(copy + body, NULL, copy, body, authority.secret);
	check_host(copy, size);
	memcpy(copy, data, size);
	sign_node(copy, size);
	check_node(copy, size);
	return 0;
}
