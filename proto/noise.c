/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Noise_IK_25519_ChaChaPoly_BLAKE2b. See noise.h; section numbers are those of the framework's text, revision 34.
 *
 * Of the framework only what IK with these primitives needs. Datagrams are handshake.c's, macs and cookies are cookie.c's.
 */
#include "proto/noise.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#define BLAKE2B_BLOCK_LEN 128
#define TAG_LEN crypto_aead_chacha20poly1305_ietf_ABYTES

/* At most 64 octets: used as it is, and not hashed (5.2). */
static const char protocol_name[] = "Noise_IK_25519_ChaChaPoly_BLAKE2b";

_Static_assert(sizeof(protocol_name) - 1 <= NOISE_HASH_LEN, "the name needs no hashing");
_Static_assert(TAG_LEN == DATAGRAM_TAG_LEN && crypto_scalarmult_BYTES == 32, "as in libsodium");

void noise_clear(struct noise_state *state)
{
	sodium_memzero(state, sizeof(*state));
}

/* ---- HMAC (RFC 2104) and HKDF (4.3) */

/* Two texts, one after the other; keys are always as long as a hash here, which is less than a block. */
static void hmac(const uint8_t key[NOISE_HASH_LEN], const uint8_t *first, size_t first_length, const uint8_t *second,
	size_t second_length, uint8_t out[NOISE_HASH_LEN])
{
	crypto_generichash_blake2b_state hash;
	uint8_t inner[NOISE_HASH_LEN], pad[BLAKE2B_BLOCK_LEN];

	memset(pad, 0x36, sizeof(pad));
	for (size_t i = 0; i < NOISE_HASH_LEN; i++)
		pad[i] ^= key[i];
	crypto_generichash_blake2b_init(&hash, NULL, 0, NOISE_HASH_LEN);
	crypto_generichash_blake2b_update(&hash, pad, sizeof(pad));
	crypto_generichash_blake2b_update(&hash, first, first_length);
	crypto_generichash_blake2b_update(&hash, second, second_length);
	crypto_generichash_blake2b_final(&hash, inner, sizeof(inner));

	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	crypto_generichash_blake2b_init(&hash, NULL, 0, NOISE_HASH_LEN);
	crypto_generichash_blake2b_update(&hash, pad, sizeof(pad));
	crypto_generichash_blake2b_update(&hash, inner, sizeof(inner));
	crypto_generichash_blake2b_final(&hash, out, NOISE_HASH_LEN);

	sodium_memzero(&hash, sizeof(hash));
	sodium_memzero(inner, sizeof(inner));
	sodium_memzero(pad, sizeof(pad));
}

/* Two outputs. `first` may be the chaining key itself. */
static void hkdf(const uint8_t chaining[NOISE_HASH_LEN], const uint8_t *material, size_t length,
	uint8_t first[NOISE_HASH_LEN], uint8_t second[NOISE_HASH_LEN])
{
	static const uint8_t one = 1, two = 2;
	uint8_t temporary[NOISE_HASH_LEN];

	hmac(chaining, material, length, NULL, 0, temporary);
	hmac(temporary, &one, 1, NULL, 0, first);
	hmac(temporary, first, NOISE_HASH_LEN, &two, 1, second);
	sodium_memzero(temporary, sizeof(temporary));
}

/* ---- the cipher (5.1) */

static void nonce_of(uint64_t counter, uint8_t nonce[12])
{
	memset(nonce, 0, 4);
	for (int i = 0; i < 8; i++)
		nonce[4 + i] = (uint8_t)(counter >> 8 * i);
}

static void seal_with(const uint8_t key[32], uint64_t counter, const uint8_t *with, size_t with_length,
	const uint8_t *plain, size_t length, uint8_t *out)
{
	uint8_t nonce[12];

	nonce_of(counter, nonce);
	crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, plain, length, with, with_length, NULL, nonce, key);
}

static int open_with(const uint8_t key[32], uint64_t counter, const uint8_t *with, size_t with_length,
	const uint8_t *sealed, size_t length, uint8_t *out)
{
	uint8_t nonce[12];

	nonce_of(counter, nonce);
	if (crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed, length, with, with_length, nonce, key))
		return -EBADMSG;
	return 0;
}

void noise_seal(const uint8_t key[32], uint64_t counter, const uint8_t *plain, size_t length, uint8_t *out)
{
	seal_with(key, counter, NULL, 0, plain, length, out);
}

int noise_open(const uint8_t key[32], uint64_t counter, const uint8_t *sealed, size_t length, uint8_t *out)
{
	return open_with(key, counter, NULL, 0, sealed, length, out);
}

/* ---- the symmetric state (5.2) */

static void mix_hash(struct noise_state *state, const void *octets, size_t length)
{
	crypto_generichash_blake2b_state hash;

	crypto_generichash_blake2b_init(&hash, NULL, 0, NOISE_HASH_LEN);
	crypto_generichash_blake2b_update(&hash, state->hash, sizeof(state->hash));
	crypto_generichash_blake2b_update(&hash, octets, length);
	crypto_generichash_blake2b_final(&hash, state->hash, sizeof(state->hash));
}

/* The shared secret of one secret and one public key. Returns 0, or -EINVAL: it is all zeros (12.1 allows the check). */
static int mix_shared(struct noise_state *state, const uint8_t secret[32], const uint8_t public_key[32])
{
	uint8_t shared[32], key[NOISE_HASH_LEN];
	int result = crypto_scalarmult(shared, secret, public_key) ? -EINVAL : 0;

	if (!result) {
		hkdf(state->chaining, shared, sizeof(shared), state->chaining, key);
		memcpy(state->key, key, sizeof(state->key));
		state->nonce = 0;
		state->keyed = true;
	}
	sodium_memzero(shared, sizeof(shared));
	sodium_memzero(key, sizeof(key));
	return result;
}

/* In IK nothing is sealed before the first shared secret, so there is always a key here. */
static void seal_and_hash(struct noise_state *state, const uint8_t *plain, size_t length, uint8_t *out)
{
	seal_with(state->key, state->nonce++, state->hash, sizeof(state->hash), plain, length, out);
	mix_hash(state, out, length + TAG_LEN);
}

static int open_and_hash(struct noise_state *state, const uint8_t *sealed, size_t length, uint8_t *out)
{
	int result = open_with(state->key, state->nonce++, state->hash, sizeof(state->hash), sealed, length, out);

	mix_hash(state, sealed, length);
	return result;
}

/* ---- the pattern (7.5): <- s; -> e, es, s, ss; <- e, ee, se */

void noise_begin(struct noise_state *state, bool initiator, const struct host_key *self, const uint8_t remote[32],
	const void *prologue, size_t prologue_length)
{
	memset(state, 0, sizeof(*state));
	memcpy(state->hash, protocol_name, sizeof(protocol_name) - 1);
	memcpy(state->chaining, state->hash, sizeof(state->chaining));
	state->initiator = initiator;
	state->self = *self;
	if (initiator)
		memcpy(state->remote, remote, sizeof(state->remote));
	mix_hash(state, prologue, prologue_length);
	mix_hash(state, initiator ? remote : self->public_key, 32);
}

static void write_ephemeral(struct noise_state *state, const struct host_key *ephemeral, uint8_t *out)
{
	state->ephemeral = *ephemeral;
	memcpy(out, ephemeral->public_key, sizeof(ephemeral->public_key));
	mix_hash(state, ephemeral->public_key, sizeof(ephemeral->public_key));
}

static void read_ephemeral(struct noise_state *state, const uint8_t *in)
{
	memcpy(state->remote_ephemeral, in, sizeof(state->remote_ephemeral));
	mix_hash(state, in, sizeof(state->remote_ephemeral));
}

static int write_first(struct noise_state *state, const struct host_key *ephemeral, const uint8_t *payload,
	size_t length, uint8_t *out)
{
	write_ephemeral(state, ephemeral, out);
	if (mix_shared(state, state->ephemeral.secret, state->remote))
		return -EINVAL;
	seal_and_hash(state, state->self.public_key, 32, out + 32);
	if (mix_shared(state, state->self.secret, state->remote))
		return -EINVAL;
	seal_and_hash(state, payload, length, out + 64 + TAG_LEN);
	return (int)(64 + TAG_LEN + length + TAG_LEN);
}

static int write_second(struct noise_state *state, const struct host_key *ephemeral, const uint8_t *payload,
	size_t length, uint8_t *out)
{
	write_ephemeral(state, ephemeral, out);
	if (mix_shared(state, state->ephemeral.secret, state->remote_ephemeral) ||
		mix_shared(state, state->ephemeral.secret, state->remote))
		return -EINVAL;
	seal_and_hash(state, payload, length, out + 32);
	return (int)(32 + length + TAG_LEN);
}

int noise_write(struct noise_state *state, const struct host_key *ephemeral, const uint8_t *payload, size_t length,
	uint8_t *out)
{
	return state->initiator ? write_first(state, ephemeral, payload, length, out)
				: write_second(state, ephemeral, payload, length, out);
}

static int read_first(struct noise_state *state, const uint8_t *in, size_t length, uint8_t *payload)
{
	const size_t before = 64 + TAG_LEN;

	if (length < before + TAG_LEN)
		return -EBADMSG;
	read_ephemeral(state, in);
	if (mix_shared(state, state->self.secret, state->remote_ephemeral) ||
		open_and_hash(state, in + 32, 32 + TAG_LEN, state->remote) ||
		mix_shared(state, state->self.secret, state->remote) ||
		open_and_hash(state, in + before, length - before, payload))
		return -EBADMSG;
	return (int)(length - before - TAG_LEN);
}

static int read_second(struct noise_state *state, const uint8_t *in, size_t length, uint8_t *payload)
{
	if (length < 32 + TAG_LEN)
		return -EBADMSG;
	read_ephemeral(state, in);
	if (mix_shared(state, state->ephemeral.secret, state->remote_ephemeral) ||
		mix_shared(state, state->self.secret, state->remote_ephemeral) ||
		open_and_hash(state, in + 32, length - 32, payload))
		return -EBADMSG;
	return (int)(length - 32 - TAG_LEN);
}

int noise_read(struct noise_state *state, const uint8_t *in, size_t length, uint8_t *payload)
{
	return state->initiator ? read_second(state, in, length, payload) : read_first(state, in, length, payload);
}

void noise_split(struct noise_state *state, struct noise_keys *keys)
{
	uint8_t first[NOISE_HASH_LEN], second[NOISE_HASH_LEN];

	hkdf(state->chaining, NULL, 0, first, second);
	memcpy(keys->send, state->initiator ? first : second, sizeof(keys->send));
	memcpy(keys->receive, state->initiator ? second : first, sizeof(keys->receive));
	sodium_memzero(first, sizeof(first));
	sodium_memzero(second, sizeof(second));
}
