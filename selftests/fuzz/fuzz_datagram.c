/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: whole datagrams, from the outside to what their keys open. All keys are fixed, so that the seeds open.
 *
 * Beyond not crashing: no datagram is taken for another kind, nothing points outside of it, and there is no way to refuse but one.
 */
#include <errno.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/noise.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct host_key initiator_key, responder_key;
static struct noise_state initiator, responder; /* as they are before WELCOME and HELLO */
static uint8_t hello[DATAGRAM_HELLO_LEN], data_key[32];

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void make_key(struct host_key *key, uint8_t octet)
{
	memset(key->secret, octet, sizeof(key->secret));
	must(crypto_scalarmult_base(key->public_key, key->secret) == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const uint8_t passport[HOST_PASSPORT_LEN];
	struct host_key ephemeral;
	static const struct stamp stamp;

	(void)argc;
	(void)argv;
	must(key_library() == 0);
	make_key(&initiator_key, 1);
	make_key(&responder_key, 2);
	make_key(&ephemeral, 3);
	noise_begin(&initiator, true, &initiator_key, responder_key.public_key, HANDSHAKE_PROLOGUE,
		HANDSHAKE_PROLOGUE_LEN);
	noise_begin(&responder, false, &responder_key, NULL, HANDSHAKE_PROLOGUE, HANDSHAKE_PROLOGUE_LEN);
	must(hello_write(&initiator, 1, &ephemeral, &stamp, passport, NULL, hello) == 0);
	return 0;
}

static void check_hello(const uint8_t *data, const struct datagram *outside)
{
	struct noise_state state = responder;
	uint8_t passport[HOST_PASSPORT_LEN];
	struct stamp stamp;
	uint32_t sender = 0;
	int result = hello_read(&state, data, &sender, &stamp, passport);

	must(result == 0 ? sender == outside->sender : result == -EBADMSG);
}

static void check_welcome(const uint8_t *data)
{
	struct noise_state state = initiator;
	uint8_t passport[HOST_PASSPORT_LEN];
	struct noise_keys keys;
	int result = welcome_read(&state, data, passport, &keys);

	must(result == 0 || result == -EBADMSG);
}

static void check_cookie(const uint8_t *data, size_t size)
{
	const uint8_t *mac1 = hello + DATAGRAM_HELLO_LEN - 2 * DATAGRAM_MAC_LEN;
	uint8_t cookie[16];
	int result = cookie_read(responder_key.public_key, data, size, mac1, cookie);

	must(result == 0 || result == -EBADMSG);
}

static void check_data(const struct datagram *outside)
{
	uint8_t plain[PROTO_PLAIN_MAX];
	struct message message;
	size_t length, taken = 0;

	must(outside->sealed_length >= DATAGRAM_TAG_LEN);
	length = outside->sealed_length - DATAGRAM_TAG_LEN;
	must(length <= sizeof(plain));
	if (noise_open(data_key, outside->counter, outside->sealed, outside->sealed_length, plain))
		return;
	while (message_decode(plain, length, &taken, &message) == 0)
		must(taken <= length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct datagram outside;
	uint8_t key[32];
	int result = datagram_decode(data, size, &outside);

	mac1_key(responder_key.public_key, key);
	(void)mac1_is_good(data, size, key);
	(void)mac2_is_good(data, size, key);
	if (result) {
		must(result == -EBADMSG);
		return 0;
	}
	must(data[0] == outside.type && data[1] == PROTO_VERSION && size <= PROTO_DATAGRAM_MAX);
	if (outside.sealed)
		must(outside.sealed > data && outside.sealed + outside.sealed_length == data + size);
	switch (outside.type) {
	case DATAGRAM_HELLO:
		check_hello(data, &outside);
		break;
	case DATAGRAM_WELCOME:
		check_welcome(data);
		break;
	case DATAGRAM_COOKIE:
		check_cookie(data, size);
		break;
	case DATAGRAM_DATA:
		check_data(&outside);
		break;
	}
	return 0;
}
