/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Noise_IK_25519_ChaChaPoly_BLAKE2b (The Noise Protocol Framework, revision 34), by libsodium's primitives, and the datagrams of
 * ovnet's handshake around it.
 *
 * noise_state and noise_write / noise_read are Noise exactly, and are held against public test vectors; hello_ and
 * welcome_ put them into datagrams. Pure: randomness and time are passed in.
 */
#ifndef OVNET_PROTO_NOISE_H
#define OVNET_PROTO_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/key.h"
#include "proto/message.h"

#define NOISE_HASH_LEN 64
/* The prologue of ovnet's handshakes (without the terminator): both ends speak the same protocol and version. */
#define HANDSHAKE_PROLOGUE "ovnet 1"
#define HANDSHAKE_PROLOGUE_LEN (sizeof(HANDSHAKE_PROLOGUE) - 1)

/* A handshake on its way. Secret: wipe with noise_clear(). */
struct noise_state {
	uint8_t chaining[NOISE_HASH_LEN], hash[NOISE_HASH_LEN];
	uint8_t key[32];
	uint64_t nonce;
	bool keyed;
	bool initiator;
	struct host_key self;
	struct host_key ephemeral;
	uint8_t remote[32], remote_ephemeral[32];
};

/* The keys that a handshake leaves: to send with and to receive with. Secret. */
struct noise_keys {
	uint8_t send[32], receive[32];
};

void noise_clear(struct noise_state *state);

/* The initiator knows the responder's public key; the responder passes NULL. `prologue` may be empty. */
void noise_begin(struct noise_state *state, bool initiator, const struct host_key *self, const uint8_t remote[32],
	const void *prologue, size_t prologue_length);

/*
 * The next message of the pattern: -> e, es, s, ss, payload; <- e, ee, se, payload. `ephemeral` is a fresh key: it serves once.
 * Returns the length written, or -EINVAL: an all-zero shared secret. `out` has room for 96 + payload (first), 48 + payload; on
 * failure it and the state are of no more use.
 */
int noise_write(struct noise_state *state, const struct host_key *ephemeral, const uint8_t *payload, size_t length,
	uint8_t *out);
/*
 * Returns the payload's length, or -EBADMSG: too short, a bad tag, an all-zero shared secret; state and `payload` are then of
 * no more use.
 */
int noise_read(struct noise_state *state, const uint8_t *in, size_t length, uint8_t *payload);
/* After the second message. */
void noise_split(struct noise_state *state, struct noise_keys *keys);

/*
 * Transport (5.1 and 12.3: 32 zero bits, counter little-endian). Seal writes length + 16; open returns 0 or -EBADMSG, and `out`
 * is then of no use.
 */
void noise_seal(const uint8_t key[32], uint64_t counter, const uint8_t *plain, size_t length, uint8_t *out);
int noise_open(const uint8_t key[32], uint64_t counter, const uint8_t *sealed, size_t length, uint8_t *out);

/* ---- cookies: macs over handshake datagrams, as WireGuard does (its paper, 5.4.4 and 5.4.7) */

/*
 * mac1 is a keyed BLAKE2b over the datagram up to mac1 with a key made from "mac1----" and the receiver's public key: checked
 * before any curve arithmetic. mac2 is the same keyed with a cookie, zero without one.
 */
void mac1_key(const uint8_t receiver_public[32], uint8_t key[32]);
void macs_write(uint8_t *datagram, size_t length, const uint8_t mac1_key[32], const uint8_t *cookie /* 16, or NULL */);
bool mac1_is_good(const uint8_t *datagram, size_t length, const uint8_t mac1_key[32]);
bool mac2_is_good(const uint8_t *datagram, size_t length, const uint8_t cookie[16]);

/* The cookie for who is at this address (16 octets of IPv6, and the UDP port, host order), under a secret that changes every two minutes. */
void cookie_make(const uint8_t secret[32], const uint8_t address[16], uint16_t port, uint8_t cookie[16]);
/* COOKIE: to the sender index, sealed (XChaCha20-Poly1305) with a key of the receiver's public key, bound to the mac1 it answers. */
void cookie_write(const uint8_t self_public[32], uint32_t receiver, const uint8_t nonce[24], const uint8_t cookie[16],
	const uint8_t mac1[16], uint8_t out[DATAGRAM_COOKIE_LEN]);
/* `mac1` is that of the last HELLO sent. Returns 0 or -EBADMSG. */
int cookie_read(const uint8_t peer_public[32], const uint8_t *datagram, size_t length, const uint8_t mac1[16],
	uint8_t cookie[16]);

/* ---- the handshake's datagrams */

struct stamp {
	uint8_t octet[DATAGRAM_STAMP_LEN]; /* big endian: memcmp() orders them */
};

/* Writes a HELLO; `state` was begun as initiator. `cookie` as in macs_write(). Returns 0 or -EINVAL. */
int hello_write(struct noise_state *state, uint32_t sender, const struct host_key *ephemeral, const struct stamp *stamp,
	const uint8_t passport[HOST_PASSPORT_LEN], const uint8_t *cookie, uint8_t out[DATAGRAM_HELLO_LEN]);
/* Reads one whose mac1 is good; `state` was begun as responder. Then state->remote is the initiator's key. Returns 0 or -EBADMSG. */
int hello_read(struct noise_state *state, const uint8_t in[DATAGRAM_HELLO_LEN], uint32_t *sender, struct stamp *stamp,
	uint8_t passport[HOST_PASSPORT_LEN]);
/* Answers it, and leaves the keys. Returns 0 or -EINVAL. Wiping the state is the caller's, here and below. */
int welcome_write(struct noise_state *state, uint32_t sender, uint32_t receiver, const struct host_key *ephemeral,
	const uint8_t passport[HOST_PASSPORT_LEN], uint8_t out[DATAGRAM_WELCOME_LEN], struct noise_keys *keys);
/* Reads the answer to `state`'s HELLO; checks mac1 too. Returns 0 or -EBADMSG. */
int welcome_read(struct noise_state *state, const uint8_t in[DATAGRAM_WELCOME_LEN], uint8_t passport[HOST_PASSPORT_LEN],
	struct noise_keys *keys);

#endif /* OVNET_PROTO_NOISE_H */
