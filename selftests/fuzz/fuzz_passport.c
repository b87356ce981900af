/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: passports, as they come and as a careless authority might have signed them.
 *
 * Beyond not crashing: without the authority's signature nothing passes, and what passes with it signs to the same octets again.
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

static void check_node(const uint8_t *in, size_t size)
{
	uint8_t again[NODE_PASSPORT_LEN_MAX];
	struct node_passport passport, read;
	int result = node_passport_verify(in, size, authority.public_key, NOW, &passport);

	if (result) {
		must(is_refusal(result));
		must(result == -EKEYREJECTED || node_passport_read(in, size, NOW, &read) == result);
		return;
	}
	must(node_passport_read(in, size, NOW, &read) == 0);
	must(read.node == passport.node && read.address_count == passport.address_count);
	must(node_passport_sign(&passport, authority.secret, again) == (int)size);
	must(memcmp(again, in, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t copy[NODE_PASSPORT_LEN_MAX + 8];
	size_t body;

	if (size > sizeof(copy))
		return 0;
	check_host(data, size);
	check_node(data, size);
	if (size < PASSPORT_SIGNATURE_LEN)
		return 0;
	body = size - PASSPORT_SIGNATURE_LEN;
	memcpy(copy, data, body);
	crypto_sign_detached(copy + body, NULL, copy, body, authority.secret);
	check_host(copy, size);
	check_node(copy, size);
	return 0;
}
