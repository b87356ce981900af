/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HELLO, WELCOME and COOKIE: two ends come to the same keys, and every other datagram is refused.
 */
#include "selftests/unit/unit.h"

#include <errno.h>
#include <sodium.h>

#include "lib/error.h"
#include "proto/noise.h"

static struct host_key initiator_key, responder_key;
static const struct stamp stamp = {{0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}};
static uint8_t passports[2][HOST_PASSPORT_LEN];
static struct host_key ephemerals[2];

struct ends {
	struct noise_state initiator, responder;
	uint8_t hello[DATAGRAM_HELLO_LEN], welcome[DATAGRAM_WELCOME_LEN];
	struct noise_keys initiator_keys, responder_keys;
	uint8_t got[HOST_PASSPORT_LEN];
};

static void say_hello(struct ends *ends, const uint8_t *cookie)
{
	noise_begin(&ends->initiator, true, &initiator_key, responder_key.public_key, HANDSHAKE_PROLOGUE,
		HANDSHAKE_PROLOGUE_LEN);
	noise_begin(&ends->responder, false, &responder_key, NULL, HANDSHAKE_PROLOGUE, HANDSHAKE_PROLOGUE_LEN);
	CU_ASSERT_EQUAL_FATAL(hello_write(&ends->initiator, 0x01020304, &ephemerals[0], &stamp, passports[0], cookie,
				      ends->hello),
		0);
}

static void answer(struct ends *ends)
{
	struct stamp got_stamp;
	uint32_t sender;

	CU_ASSERT_EQUAL_FATAL(hello_read(&ends->responder, ends->hello, &sender, &got_stamp, ends->got), 0);
	CU_ASSERT_EQUAL(sender, 0x01020304);
	CU_ASSERT_EQUAL(memcmp(&got_stamp, &stamp, sizeof(stamp)), 0);
	CU_ASSERT_EQUAL(memcmp(ends->got, passports[0], HOST_PASSPORT_LEN), 0);
	CU_ASSERT_EQUAL_FATAL(welcome_write(&ends->responder, 0x0a0b0c0d, sender, &ephemerals[1], passports[1],
				      ends->welcome, &ends->responder_keys),
		0);
}

static void whole(void)
{
	uint8_t sealed[5 + DATAGRAM_TAG_LEN], plain[5];
	struct datagram outside;
	struct ends ends;

	say_hello(&ends, NULL);
	CU_ASSERT_EQUAL(memcmp(ends.hello, "\1\1\0\0\1\2\3\4", 8), 0);
	answer(&ends);
	CU_ASSERT_EQUAL(memcmp(ends.responder.remote, initiator_key.public_key, 32), 0);
	CU_ASSERT_EQUAL(datagram_decode(ends.welcome, sizeof(ends.welcome), &outside), 0);
	CU_ASSERT(outside.type == DATAGRAM_WELCOME && outside.sender == 0x0a0b0c0d && outside.receiver == 0x01020304);
	CU_ASSERT_EQUAL(welcome_read(&ends.initiator, ends.welcome, ends.got, &ends.initiator_keys), 0);
	CU_ASSERT_EQUAL(memcmp(ends.got, passports[1], HOST_PASSPORT_LEN), 0);

	noise_seal(ends.initiator_keys.send, 0, (const uint8_t *)"there", 5, sealed);
	CU_ASSERT_EQUAL(noise_open(ends.responder_keys.receive, 0, sealed, sizeof(sealed), plain), 0);
	CU_ASSERT_EQUAL(noise_open(ends.responder_keys.send, 0, sealed, sizeof(sealed), plain), -EBADMSG);
	noise_seal(ends.responder_keys.send, 0, (const uint8_t *)"back.", 5, sealed);
	CU_ASSERT_EQUAL(noise_open(ends.initiator_keys.receive, 0, sealed, sizeof(sealed), plain), 0);
	CU_ASSERT_EQUAL(memcmp(plain, "back.", 5), 0);
}

/* Nothing of who is speaking can be read on the way. */
static void identities_are_sealed(void)
{
	struct ends ends;

	say_hello(&ends, NULL);
	answer(&ends);
	CU_ASSERT_PTR_NULL(memmem(ends.hello, sizeof(ends.hello), initiator_key.public_key, 8));
	CU_ASSERT_PTR_NULL(memmem(ends.hello, sizeof(ends.hello), passports[0], 8));
	CU_ASSERT_PTR_NULL(memmem(ends.welcome, sizeof(ends.welcome), passports[1], 8));
}

/* As who receives does it: outside, mac1, then the curve. */
static int receive_hello(struct noise_state responder, const uint8_t *in, struct ends *ends)
{
	uint8_t key[32];
	struct datagram outside;
	struct stamp got;
	uint32_t sender;

	mac1_key(responder_key.public_key, key);
	if (datagram_decode(in, DATAGRAM_HELLO_LEN, &outside) || outside.type != DATAGRAM_HELLO)
		return -EBADMSG;
	if (!mac1_is_good(in, DATAGRAM_HELLO_LEN, key))
		return -EBADMSG;
	return hello_read(&responder, in, &sender, &got, ends->got);
}

static void hello_tampered(void)
{
	struct ends ends;

	say_hello(&ends, NULL);
	for (size_t bit = 0; bit < (DATAGRAM_HELLO_LEN - DATAGRAM_MAC_LEN) * 8; bit++) {
		ends.hello[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CU_ASSERT_EQUAL(receive_hello(ends.responder, ends.hello, &ends), -EBADMSG);
		ends.hello[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	CU_ASSERT_EQUAL(receive_hello(ends.responder, ends.hello, &ends), 0);
}

/* Without a look at mac1: what is sealed is refused by itself. */
static void hello_sealed(void)
{
	uint8_t untouched[HOST_PASSPORT_LEN];
	struct stamp got = stamp;
	uint32_t sender = 77;
	struct ends ends;

	say_hello(&ends, NULL);
	memset(ends.got, 0x5a, sizeof(ends.got));
	memcpy(untouched, ends.got, sizeof(untouched));
	for (size_t bit = 8 * 8; bit < (DATAGRAM_HELLO_LEN - 2 * DATAGRAM_MAC_LEN) * 8; bit++) {
		struct noise_state responder = ends.responder;

		ends.hello[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CU_ASSERT_EQUAL(hello_read(&responder, ends.hello, &sender, &got, ends.got), -EBADMSG);
		ends.hello[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	CU_ASSERT_EQUAL(sender, 77);
	CU_ASSERT_EQUAL(memcmp(ends.got, untouched, sizeof(untouched)), 0);
	ends.hello[0] = DATAGRAM_WELCOME;
	CU_ASSERT_EQUAL(hello_read(&ends.responder, ends.hello, &sender, &got, ends.got), -EBADMSG);
}

/* Its indices are the engine's to look up; mac1 covers them too. */
static void welcome_tampered(void)
{
	struct noise_keys keys = {.send = {1}}, untouched = keys;
	struct ends ends;

	say_hello(&ends, NULL);
	answer(&ends);
	for (size_t bit = 0; bit < DATAGRAM_WELCOME_LEN * 8; bit++) {
		struct noise_state initiator = ends.initiator;

		ends.welcome[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CU_ASSERT_EQUAL(welcome_read(&initiator, ends.welcome, ends.got, &keys), -EBADMSG);
		ends.welcome[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	CU_ASSERT_EQUAL(memcmp(&keys, &untouched, sizeof(keys)), 0);
	CU_ASSERT_EQUAL(welcome_read(&ends.initiator, ends.welcome, ends.got, &keys), 0);
}

static void welcome_of_another(void)
{
	struct ends ends, others;

	say_hello(&ends, NULL);
	answer(&ends);
	noise_begin(&others.initiator, true, &initiator_key, responder_key.public_key, HANDSHAKE_PROLOGUE,
		HANDSHAKE_PROLOGUE_LEN);
	CU_ASSERT_EQUAL(hello_write(&others.initiator, 0x01020304, &ephemerals[1], &stamp, passports[0], NULL,
				others.hello),
		0);
	CU_ASSERT_EQUAL(welcome_read(&others.initiator, ends.welcome, others.got, &others.initiator_keys), -EBADMSG);
}

static void low_order(void)
{
	uint8_t out[DATAGRAM_HELLO_LEN], untouched[DATAGRAM_HELLO_LEN];
	static const uint8_t zero[32];
	struct noise_state state;

	memset(out, 0x5a, sizeof(out));
	memcpy(untouched, out, sizeof(out));
	noise_begin(&state, true, &initiator_key, zero, HANDSHAKE_PROLOGUE, HANDSHAKE_PROLOGUE_LEN);
	CU_ASSERT_EQUAL(hello_write(&state, 1, &ephemerals[0], &stamp, passports[0], NULL, out), -EINVAL);
	CU_ASSERT_EQUAL(memcmp(out, untouched, sizeof(out)), 0);
}

/* ---- macs and cookies */

static void macs(void)
{
	uint8_t key[32], other_key[32], cookie[16] = {1}, other_cookie[16] = {2};
	struct ends ends;

	mac1_key(responder_key.public_key, key);
	mac1_key(initiator_key.public_key, other_key);
	say_hello(&ends, NULL);
	CU_ASSERT(mac1_is_good(ends.hello, DATAGRAM_HELLO_LEN, key));
	CU_ASSERT_FALSE(mac1_is_good(ends.hello, DATAGRAM_HELLO_LEN, other_key));
	CU_ASSERT_FALSE(mac1_is_good(ends.hello, 2 * DATAGRAM_MAC_LEN - 1, key));
	CU_ASSERT_FALSE(mac2_is_good(ends.hello, DATAGRAM_HELLO_LEN, cookie));
	CU_ASSERT(sodium_is_zero(ends.hello + DATAGRAM_HELLO_LEN - DATAGRAM_MAC_LEN, DATAGRAM_MAC_LEN));

	say_hello(&ends, cookie);
	CU_ASSERT(mac1_is_good(ends.hello, DATAGRAM_HELLO_LEN, key));
	CU_ASSERT(mac2_is_good(ends.hello, DATAGRAM_HELLO_LEN, cookie));
	CU_ASSERT_FALSE(mac2_is_good(ends.hello, DATAGRAM_HELLO_LEN, other_cookie));
	CU_ASSERT_FALSE(mac2_is_good(ends.hello, 2 * DATAGRAM_MAC_LEN - 1, cookie));
	for (size_t bit = 0; bit < DATAGRAM_HELLO_LEN * 8; bit++) {
		ends.hello[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CU_ASSERT_FALSE(mac2_is_good(ends.hello, DATAGRAM_HELLO_LEN, cookie));
		ends.hello[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void cookie_of_address(void)
{
	uint8_t secret[32] = {1}, address[16] = {0x20, 1}, cookie[16], again[16];

	cookie_make(secret, address, 6190, cookie);
	cookie_make(secret, address, 6190, again);
	CU_ASSERT_EQUAL(memcmp(cookie, again, 16), 0);
	cookie_make(secret, address, 6191, again);
	CU_ASSERT_NOT_EQUAL(memcmp(cookie, again, 16), 0);
	address[15] = 1;
	cookie_make(secret, address, 6190, again);
	CU_ASSERT_NOT_EQUAL(memcmp(cookie, again, 16), 0);
	address[15] = 0;
	secret[0] = 2;
	cookie_make(secret, address, 6190, again);
	CU_ASSERT_NOT_EQUAL(memcmp(cookie, again, 16), 0);
}

static void cookie_there_and_back(void)
{
	uint8_t out[DATAGRAM_COOKIE_LEN], nonce[24] = {9}, mac1[16] = {8}, cookie[16] = {7}, got[16];
	struct datagram outside;

	cookie_write(responder_key.public_key, 0x01020304, nonce, cookie, mac1, out);
	CU_ASSERT_EQUAL(datagram_decode(out, sizeof(out), &outside), 0);
	CU_ASSERT(outside.type == DATAGRAM_COOKIE && outside.receiver == 0x01020304);
	CU_ASSERT_EQUAL(cookie_read(responder_key.public_key, out, sizeof(out), mac1, got), 0);
	CU_ASSERT_EQUAL(memcmp(cookie, got, 16), 0);

	memset(got, 0x5a, sizeof(got));
	CU_ASSERT_EQUAL(cookie_read(initiator_key.public_key, out, sizeof(out), mac1, got), -EBADMSG);
	mac1[0] ^= 1;
	CU_ASSERT_EQUAL(cookie_read(responder_key.public_key, out, sizeof(out), mac1, got), -EBADMSG);
	mac1[0] ^= 1;
	for (size_t length = 0; length < sizeof(out); length++)
		CU_ASSERT_EQUAL(cookie_read(responder_key.public_key, out, length, mac1, got), -EBADMSG);
	for (size_t bit = 0; bit < sizeof(out) * 8; bit++) {
		/* The index is only to find the handshake that it belongs to. */
		if (bit / 8 >= 4 && bit / 8 < 8)
			continue;
		out[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CU_ASSERT_EQUAL(cookie_read(responder_key.public_key, out, sizeof(out), mac1, got), -EBADMSG);
		out[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	CU_ASSERT(got[0] == 0x5a && got[15] == 0x5a);
}

/* The whole of it: HELLO, COOKIE to its mac1, HELLO with mac2. */
static void under_load(void)
{
	uint8_t secret[32] = {3}, address[16] = {0x20, 1, 0xd, 0xb8}, nonce[24] = {1}, cookie[16], got[16];
	uint8_t datagram[DATAGRAM_COOKIE_LEN], mac1[16];
	struct ends ends;

	say_hello(&ends, NULL);
	cookie_make(secret, address, 6190, cookie);
	CU_ASSERT_FALSE(mac2_is_good(ends.hello, DATAGRAM_HELLO_LEN, cookie));
	memcpy(mac1, ends.hello + DATAGRAM_HELLO_LEN - 2 * DATAGRAM_MAC_LEN, sizeof(mac1));
	cookie_write(responder_key.public_key, 0x01020304, nonce, cookie, mac1, datagram);
	CU_ASSERT_EQUAL(cookie_read(responder_key.public_key, datagram, sizeof(datagram), mac1, got), 0);
	say_hello(&ends, got);
	CU_ASSERT(mac2_is_good(ends.hello, DATAGRAM_HELLO_LEN, cookie));
	answer(&ends);
	CU_ASSERT_EQUAL(welcome_read(&ends.initiator, ends.welcome, ends.got, &ends.initiator_keys), 0);
	CU_ASSERT_EQUAL(memcmp(ends.initiator_keys.send, ends.responder_keys.receive, 32), 0);
}

static const struct unit_test tests[] = {
	{"two ends come to the same keys", whole},
	{"who speaks is sealed", identities_are_sealed},
	{"a HELLO with any bit changed is refused", hello_tampered},
	{"also by what is sealed alone", hello_sealed},
	{"a WELCOME with any bit changed is refused", welcome_tampered},
	{"so is the WELCOME of another handshake", welcome_of_another},
	{"a peer's key that shares nothing but zero is refused", low_order},
	{"macs are of key and octets", macs},
	{"a cookie is of secret, address and port", cookie_of_address},
	{"a cookie is read by whom it answers only", cookie_there_and_back},
	{"a handshake under load", under_load},
};

int main(void)
{
	memset(initiator_key.secret, 1, 32);
	memset(responder_key.secret, 2, 32);
	memset(passports[0], 0xaa, HOST_PASSPORT_LEN);
	memset(passports[1], 0xbb, HOST_PASSPORT_LEN);
	memset(ephemerals[0].secret, 5, sizeof(ephemerals[0].secret));
	memset(ephemerals[1].secret, 6, sizeof(ephemerals[1].secret));
	if (key_library() || crypto_scalarmult_base(initiator_key.public_key, initiator_key.secret) ||
		crypto_scalarmult_base(responder_key.public_key, responder_key.secret) ||
		crypto_scalarmult_base(ephemerals[0].public_key, ephemerals[0].secret) ||
		crypto_scalarmult_base(ephemerals[1].public_key, ephemerals[1].secret))
		return 1;
	return unit_run("handshake", tests, ARRAY_LEN(tests));
}
