/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Noise_IK_25519_ChaChaPoly_BLAKE2b: the public test vector from both ends, and what a handshake must refuse.
 */
#include "selftests/unit/unit.h"

#include <errno.h>
#include <sodium.h>

#include "lib/error.h"
#include "proto/noise.h"
#include "selftests/unit/noise_vectors.h"

#define ROOM 256

struct octets {
	uint8_t octet[ROOM];
	size_t length;
};

static struct octets from_hex(const char *text)
{
	struct octets octets = {.length = 0};
	const char *end;

	CU_ASSERT_FATAL(sodium_hex2bin(octets.octet, ROOM, text, strlen(text), NULL, &octets.length, &end) == 0 &&
			!*end);
	return octets;
}

static struct host_key key_from_hex(const char *text)
{
	struct octets octets = from_hex(text);
	struct host_key key;

	CU_ASSERT_EQUAL_FATAL(octets.length, 32);
	memcpy(key.secret, octets.octet, 32);
	CU_ASSERT_EQUAL_FATAL(crypto_scalarmult_base(key.public_key, key.secret), 0);
	return key;
}

static struct host_key key_from_seed(uint8_t seed)
{
	struct host_key key;

	memset(key.secret, seed, sizeof(key.secret));
	CU_ASSERT_EQUAL_FATAL(crypto_scalarmult_base(key.public_key, key.secret), 0);
	return key;
}

static bool equal(const struct octets *wanted, const uint8_t *got, size_t length)
{
	return wanted->length == length && memcmp(wanted->octet, got, length) == 0;
}

/* One handshake message of the vector, from `writer` to `reader`. */
static void vector_handshake(struct noise_state *writer, struct noise_state *reader, const char *ephemeral, size_t i)
{
	struct host_key key = key_from_hex(ephemeral);
	struct octets payload = from_hex(vector_messages[i].payload), wanted = from_hex(vector_messages[i].ciphertext);
	uint8_t out[ROOM], back[ROOM];
	int length = noise_write(writer, &key, payload.octet, payload.length, out);

	CU_ASSERT_FATAL(length > 0 && equal(&wanted, out, (size_t)length));
	length = noise_read(reader, out, (size_t)length, back);
	CU_ASSERT_FATAL(length >= 0 && equal(&payload, back, (size_t)length));
}

static void vector(void)
{
	struct octets prologue = from_hex(vector_prologue), remote = from_hex(vector_init_remote_static);
	struct host_key initiator_key = key_from_hex(vector_init_static),
			responder_key = key_from_hex(vector_resp_static);
	struct noise_state initiator, responder;
	struct noise_keys ends[2];
	uint64_t counters[2] = {0, 0};

	noise_begin(&initiator, true, &initiator_key, remote.octet, prologue.octet, prologue.length);
	noise_begin(&responder, false, &responder_key, NULL, prologue.octet, prologue.length);
	vector_handshake(&initiator, &responder, vector_init_ephemeral, 0);
	CU_ASSERT_EQUAL(memcmp(responder.remote, initiator_key.public_key, 32), 0);
	vector_handshake(&responder, &initiator, vector_resp_ephemeral, 1);
	CU_ASSERT_EQUAL(memcmp(initiator.hash, responder.hash, NOISE_HASH_LEN), 0);
	noise_split(&initiator, &ends[0]);
	noise_split(&responder, &ends[1]);

	for (size_t i = 2; i < ARRAY_LEN(vector_messages); i++) {
		const struct noise_keys *from = &ends[i % 2], *to = &ends[1 - i % 2];
		struct octets payload = from_hex(vector_messages[i].payload);
		struct octets wanted = from_hex(vector_messages[i].ciphertext);
		uint64_t counter = counters[i % 2]++;
		uint8_t out[ROOM], back[ROOM];

		noise_seal(from->send, counter, payload.octet, payload.length, out);
		CU_ASSERT(equal(&wanted, out, payload.length + DATAGRAM_TAG_LEN));
		CU_ASSERT_EQUAL(noise_open(to->receive, counter, out, payload.length + DATAGRAM_TAG_LEN, back), 0);
		CU_ASSERT(equal(&payload, back, payload.length));
	}
}

/* ---- what is refused */

struct ends {
	struct host_key initiator_key, responder_key;
	struct noise_state initiator, responder;
};

static struct host_key ephemerals[2];

static void begin(struct ends *ends, const char *initiator_prologue, const char *responder_prologue)
{
	ends->initiator_key = key_from_seed(1);
	ends->responder_key = key_from_seed(2);
	ephemerals[0] = key_from_seed(3);
	ephemerals[1] = key_from_seed(4);
	noise_begin(&ends->initiator, true, &ends->initiator_key, ends->responder_key.public_key, initiator_prologue,
		strlen(initiator_prologue));
	noise_begin(&ends->responder, false, &ends->responder_key, NULL, responder_prologue,
		strlen(responder_prologue));
}

static void first_message(struct ends *ends, uint8_t out[ROOM], size_t *length)
{
	int written;

	begin(ends, "p", "p");
	written = noise_write(&ends->initiator, &ephemerals[0], (const uint8_t *)"hello", 5, out);
	CU_ASSERT_EQUAL_FATAL(written, 96 + 5);
	*length = (size_t)written;
}

/* Every bit and every length of the first message. X25519 ignores the last bit of a point, but the hash does not. */
static void first_tampered(void)
{
	uint8_t in[ROOM], payload[ROOM];
	struct noise_state responder;
	struct ends ends;
	size_t length;

	first_message(&ends, in, &length);
	for (size_t bit = 0; bit < length * 8; bit++) {
		responder = ends.responder;
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CU_ASSERT_EQUAL(noise_read(&responder, in, length, payload), -EBADMSG);
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t shorter = 0; shorter < length; shorter++) {
		responder = ends.responder;
		CU_ASSERT_EQUAL(noise_read(&responder, in, shorter, payload), -EBADMSG);
	}
	responder = ends.responder;
	CU_ASSERT_EQUAL(noise_read(&responder, in, length + 1, payload), -EBADMSG);
	CU_ASSERT_EQUAL(noise_read(&ends.responder, in, length, payload), 5);
	CU_ASSERT_EQUAL(memcmp(payload, "hello", 5), 0);
}

static void second_tampered(void)
{
	uint8_t in[ROOM], payload[ROOM];
	struct noise_state initiator;
	struct ends ends;
	size_t length;
	int written;

	first_message(&ends, in, &length);
	CU_ASSERT_EQUAL_FATAL(noise_read(&ends.responder, in, length, payload), 5);
	written = noise_write(&ends.responder, &ephemerals[1], NULL, 0, in);
	CU_ASSERT_EQUAL_FATAL(written, 48);
	for (size_t bit = 0; bit < 48 * 8; bit++) {
		initiator = ends.initiator;
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CU_ASSERT_EQUAL(noise_read(&initiator, in, 48, payload), -EBADMSG);
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t shorter = 0; shorter < 48; shorter++) {
		initiator = ends.initiator;
		CU_ASSERT_EQUAL(noise_read(&initiator, in, shorter, payload), -EBADMSG);
	}
	CU_ASSERT_EQUAL(noise_read(&ends.initiator, in, 48, payload), 0);
}

static void prologue(void)
{
	uint8_t message[ROOM], payload[ROOM];
	struct ends ends;

	begin(&ends, "ovnet 1", "ovnet 2");
	CU_ASSERT_EQUAL_FATAL(noise_write(&ends.initiator, &ephemerals[0], NULL, 0, message), 96);
	CU_ASSERT_EQUAL(noise_read(&ends.responder, message, 96, payload), -EBADMSG);
}

static void other_responder(void)
{
	struct host_key other = key_from_seed(9);
	uint8_t message[ROOM], payload[ROOM];
	struct noise_state responder;
	struct ends ends;

	begin(&ends, "p", "p");
	noise_begin(&responder, false, &other, NULL, "p", 1);
	CU_ASSERT_EQUAL_FATAL(noise_write(&ends.initiator, &ephemerals[0], NULL, 0, message), 96);
	CU_ASSERT_EQUAL(noise_read(&responder, message, 96, payload), -EBADMSG);
}

/* Points of low order (as in RFC 7748, section 6.1): what they share with anybody is zero. */
static void zero_shared(void)
{
	static const uint8_t points[][32] = {
		{0},
		{1},
		{0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda,
			0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
	};
	uint8_t message[ROOM], payload[ROOM];
	struct ends ends;

	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		begin(&ends, "p", "p");
		noise_begin(&ends.initiator, true, &ends.initiator_key, points[i], "p", 1);
		CU_ASSERT_EQUAL(noise_write(&ends.initiator, &ephemerals[0], NULL, 0, message), -EINVAL);

		memset(message, 0, sizeof(message));
		memcpy(message, points[i], 32);
		CU_ASSERT_EQUAL(noise_read(&ends.responder, message, 96, payload), -EBADMSG);
	}
}

static void ends_differ(void)
{
	struct noise_keys keys[2];
	uint8_t message[ROOM], payload[ROOM];
	struct ends ends;
	size_t length;

	first_message(&ends, message, &length);
	CU_ASSERT_EQUAL_FATAL(noise_read(&ends.responder, message, length, payload), 5);
	CU_ASSERT_EQUAL_FATAL(noise_write(&ends.responder, &ephemerals[1], NULL, 0, message), 48);
	CU_ASSERT_EQUAL_FATAL(noise_read(&ends.initiator, message, 48, payload), 0);
	noise_split(&ends.initiator, &keys[0]);
	noise_split(&ends.responder, &keys[1]);
	CU_ASSERT_EQUAL(memcmp(keys[0].send, keys[1].receive, 32), 0);
	CU_ASSERT_EQUAL(memcmp(keys[1].send, keys[0].receive, 32), 0);
	CU_ASSERT_NOT_EQUAL(memcmp(keys[0].send, keys[0].receive, 32), 0);
}

static void transport(void)
{
	static const uint64_t counters[] = {0, 1, 0xff, 0x100, 1ull << 32, UINT64_MAX - 1};
	uint8_t key[32] = {7}, plain[64], sealed[64 + DATAGRAM_TAG_LEN], back[64];

	memset(plain, 'x', sizeof(plain));
	for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
		noise_seal(key, counters[i], plain, sizeof(plain), sealed);
		CU_ASSERT_EQUAL(noise_open(key, counters[i], sealed, sizeof(sealed), back), 0);
		CU_ASSERT_EQUAL(memcmp(plain, back, sizeof(plain)), 0);
		CU_ASSERT_EQUAL(noise_open(key, counters[i] + 1, sealed, sizeof(sealed), back), -EBADMSG);
		for (size_t bit = 0; bit < sizeof(sealed) * 8; bit++) {
			sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
			CU_ASSERT_EQUAL(noise_open(key, counters[i], sealed, sizeof(sealed), back), -EBADMSG);
			sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		for (size_t shorter = 0; shorter < sizeof(sealed); shorter++)
			CU_ASSERT_EQUAL(noise_open(key, counters[i], sealed, shorter, back), -EBADMSG);
	}
	noise_seal(key, 5, NULL, 0, sealed);
	CU_ASSERT_EQUAL(noise_open(key, 5, sealed, DATAGRAM_TAG_LEN, back), 0);
}

static void cleared(void)
{
	struct ends ends;

	begin(&ends, "p", "p");
	noise_clear(&ends.initiator);
	CU_ASSERT(sodium_is_zero((const uint8_t *)&ends.initiator, sizeof(ends.initiator)));
}

static const struct unit_test tests[] = {
	{"the public vector, from both ends", vector},
	{"a first message with any bit or length changed is refused", first_tampered},
	{"so is a second one", second_tampered},
	{"another prologue is another protocol", prologue},
	{"only the responder that is meant can read", other_responder},
	{"an all-zero shared secret is refused", zero_shared},
	{"both ends have the same keys, one a direction", ends_differ},
	{"transport opens with its key, counter and octets only", transport},
	{"a cleared state holds nothing", cleared},
};

int main(void)
{
	return key_library() ? 1 : unit_run("noise", tests, ARRAY_LEN(tests));
}
