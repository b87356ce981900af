/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HELLO and WELCOME: Noise's two messages with what ovnet puts around and into them. See noise.h and message.h.
 *
 * Whether a passport is good, a stamp new and an index ours is the engine's to judge.
 */
#include "proto/noise.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "proto/cursor.h"

#define HELLO_PAYLOAD_LEN (DATAGRAM_STAMP_LEN + HOST_PASSPORT_LEN)
#define MACS_LEN (2 * DATAGRAM_MAC_LEN)
#define HELLO_BEFORE (DATAGRAM_HEADER_LEN + 4)
#define HELLO_NOISE_LEN (DATAGRAM_HELLO_LEN - HELLO_BEFORE - MACS_LEN)
#define WELCOME_BEFORE (DATAGRAM_HEADER_LEN + 8)
#define WELCOME_NOISE_LEN (DATAGRAM_WELCOME_LEN - WELCOME_BEFORE - MACS_LEN)

_Static_assert(HELLO_NOISE_LEN == 96 + HELLO_PAYLOAD_LEN && WELCOME_NOISE_LEN == 48 + HOST_PASSPORT_LEN,
	"the datagrams are what Noise makes of the payloads");

static void write_header(struct writer *writer, enum datagram_type type, uint32_t sender)
{
	writer_u8(writer, (uint8_t)type);
	writer_u8(writer, PROTO_VERSION);
	writer_zeros(writer, 2);
	writer_u32(writer, sender);
}

static void write_macs(const struct noise_state *state, const uint8_t *cookie, uint8_t *out, size_t length)
{
	uint8_t key[32];

	mac1_key(state->remote, key);
	macs_write(out, length, key, cookie);
}

int hello_write(struct noise_state *state, uint32_t sender, const struct host_key *ephemeral, const struct stamp *stamp,
	const uint8_t passport[HOST_PASSPORT_LEN], const uint8_t *cookie, uint8_t out[DATAGRAM_HELLO_LEN])
{
	uint8_t datagram[DATAGRAM_HELLO_LEN], payload[HELLO_PAYLOAD_LEN];
	struct writer writer = {.at = datagram, .left = sizeof(datagram)};

	memcpy(payload, stamp->octet, DATAGRAM_STAMP_LEN);
	memcpy(payload + DATAGRAM_STAMP_LEN, passport, HOST_PASSPORT_LEN);
	write_header(&writer, DATAGRAM_HELLO, sender);
	if (noise_write(state, ephemeral, payload, sizeof(payload), writer.at) < 0)
		return -EINVAL;
	write_macs(state, cookie, datagram, sizeof(datagram));
	memcpy(out, datagram, sizeof(datagram));
	return 0;
}

int hello_read(struct noise_state *state, const uint8_t in[DATAGRAM_HELLO_LEN], uint32_t *sender, struct stamp *stamp,
	uint8_t passport[HOST_PASSPORT_LEN])
{
	uint8_t payload[HELLO_PAYLOAD_LEN];
	struct datagram outside;

	if (datagram_decode(in, DATAGRAM_HELLO_LEN, &outside) || outside.type != DATAGRAM_HELLO)
		return -EBADMSG;
	if (noise_read(state, in + HELLO_BEFORE, HELLO_NOISE_LEN, payload) < 0)
		return -EBADMSG;
	*sender = outside.sender;
	memcpy(stamp->octet, payload, DATAGRAM_STAMP_LEN);
	memcpy(passport, payload + DATAGRAM_STAMP_LEN, HOST_PASSPORT_LEN);
	return 0;
}

int welcome_write(struct noise_state *state, uint32_t sender, uint32_t receiver, const struct host_key *ephemeral,
	const uint8_t passport[HOST_PASSPORT_LEN], uint8_t out[DATAGRAM_WELCOME_LEN], struct noise_keys *keys)
{
	uint8_t datagram[DATAGRAM_WELCOME_LEN];
	struct writer writer = {.at = datagram, .left = sizeof(datagram)};

	write_header(&writer, DATAGRAM_WELCOME, sender);
	writer_u32(&writer, receiver);
	if (noise_write(state, ephemeral, passport, HOST_PASSPORT_LEN, writer.at) < 0)
		return -EINVAL;
	write_macs(state, NULL, datagram, sizeof(datagram));
	memcpy(out, datagram, sizeof(datagram));
	noise_split(state, keys);
	return 0;
}

/* A WELCOME answers to an index that is in flight, which no stranger knows: its mac2 stays unused. */
static bool welcome_macs_are_good(const struct noise_state *state, const uint8_t in[DATAGRAM_WELCOME_LEN])
{
	uint8_t key[32];

	mac1_key(state->self.public_key, key);
	return mac1_is_good(in, DATAGRAM_WELCOME_LEN, key) &&
	       sodium_is_zero(in + DATAGRAM_WELCOME_LEN - DATAGRAM_MAC_LEN, DATAGRAM_MAC_LEN);
}

int welcome_read(struct noise_state *state, const uint8_t in[DATAGRAM_WELCOME_LEN], uint8_t passport[HOST_PASSPORT_LEN],
	struct noise_keys *keys)
{
	uint8_t payload[HOST_PASSPORT_LEN];
	struct datagram outside;

	if (datagram_decode(in, DATAGRAM_WELCOME_LEN, &outside) || outside.type != DATAGRAM_WELCOME)
		return -EBADMSG;
	if (!welcome_macs_are_good(state, in) || noise_read(state, in + WELCOME_BEFORE, WELCOME_NOISE_LEN, payload) < 0)
		return -EBADMSG;
	memcpy(passport, payload, sizeof(payload));
	noise_split(state, keys);
	return 0;
}
