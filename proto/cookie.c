/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Macs and cookies of handshake datagrams. See noise.h.
 *
 * mac1 shows that the sender knows whom it speaks to, mac2 that it receives where it says it is; neither says who it is.
 */
#include "proto/noise.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "proto/cursor.h"

#define LABEL_LEN 8
#define COOKIE_LEN 16
#define MACS_LEN (2 * (size_t)DATAGRAM_MAC_LEN)

_Static_assert(crypto_generichash_blake2b_BYTES_MIN <= DATAGRAM_MAC_LEN &&
		       crypto_generichash_blake2b_KEYBYTES_MIN <= COOKIE_LEN,
	"BLAKE2b gives and takes as little as a mac");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == DATAGRAM_NONCE_LEN &&
		       crypto_aead_xchacha20poly1305_ietf_ABYTES == DATAGRAM_TAG_LEN,
	"as in libsodium");

/* A key that differs by purpose. */
static void labelled_key(const char *label, const uint8_t public_key[32], uint8_t key[32])
{
	uint8_t text[LABEL_LEN + 32];

	memcpy(text, label, LABEL_LEN);
	memcpy(text + LABEL_LEN, public_key, 32);
	crypto_generichash_blake2b(key, 32, text, sizeof(text), NULL, 0);
}

static void mac(const uint8_t *octets, size_t length, const uint8_t *key, size_t key_length, uint8_t out[16])
{
	crypto_generichash_blake2b(out, DATAGRAM_MAC_LEN, octets, length, key, key_length);
}

void mac1_key(const uint8_t receiver_public[32], uint8_t key[32])
{
	labelled_key("mac1----", receiver_public, key);
}

void macs_write(uint8_t *datagram, size_t length, const uint8_t mac1_key[32], const uint8_t *cookie)
{
	uint8_t *mac1 = datagram + length - MACS_LEN, *mac2 = mac1 + DATAGRAM_MAC_LEN;

	mac(datagram, length - MACS_LEN, mac1_key, 32, mac1);
	if (cookie)
		mac(datagram, length - DATAGRAM_MAC_LEN, cookie, COOKIE_LEN, mac2);
	else
		memset(mac2, 0, DATAGRAM_MAC_LEN);
}

bool mac1_is_good(const uint8_t *datagram, size_t length, const uint8_t mac1_key[32])
{
	uint8_t wanted[DATAGRAM_MAC_LEN];

	if (length < MACS_LEN)
		return false;
	mac(datagram, length - MACS_LEN, mac1_key, 32, wanted);
	return sodium_memcmp(wanted, datagram + length - MACS_LEN, sizeof(wanted)) == 0;
}

bool mac2_is_good(const uint8_t *datagram, size_t length, const uint8_t cookie[16])
{
	uint8_t wanted[DATAGRAM_MAC_LEN];

	if (length < MACS_LEN)
		return false;
	mac(datagram, length - DATAGRAM_MAC_LEN, cookie, COOKIE_LEN, wanted);
	return sodium_memcmp(wanted, datagram + length - DATAGRAM_MAC_LEN, sizeof(wanted)) == 0;
}

void cookie_make(const uint8_t secret[32], const uint8_t address[16], uint16_t port, uint8_t cookie[16])
{
	uint8_t where[16 + 2];
	struct writer writer = {.at = where, .left = sizeof(where)};

	writer_octets(&writer, address, 16);
	writer_u16(&writer, port);
	mac(where, sizeof(where), secret, 32, cookie);
}

void cookie_write(const uint8_t self_public[32], uint32_t receiver, const uint8_t nonce[24], const uint8_t cookie[16],
	const uint8_t mac1[16], uint8_t out[DATAGRAM_COOKIE_LEN])
{
	struct writer writer = {.at = out, .left = DATAGRAM_COOKIE_LEN};
	uint8_t key[32];

	labelled_key("cookie--", self_public, key);
	writer_u8(&writer, DATAGRAM_COOKIE);
	writer_u8(&writer, PROTO_VERSION);
	writer_zeros(&writer, 2);
	writer_u32(&writer, receiver);
	writer_octets(&writer, nonce, DATAGRAM_NONCE_LEN);
	crypto_aead_xchacha20poly1305_ietf_encrypt(writer.at, NULL, cookie, COOKIE_LEN, mac1, DATAGRAM_MAC_LEN, NULL,
		nonce, key);
	sodium_memzero(key, sizeof(key));
}

int cookie_read(const uint8_t peer_public[32], const uint8_t *datagram, size_t length, const uint8_t mac1[16],
	uint8_t cookie[16])
{
	uint8_t key[32], opened[COOKIE_LEN];
	struct datagram outside;
	int result;

	if (datagram_decode(datagram, length, &outside) || outside.type != DATAGRAM_COOKIE)
		return -EBADMSG;
	labelled_key("cookie--", peer_public, key);
	result = crypto_aead_xchacha20poly1305_ietf_decrypt(opened, NULL, NULL, outside.sealed, outside.sealed_length,
			 mac1, DATAGRAM_MAC_LEN, outside.sealed - DATAGRAM_NONCE_LEN, key)
			 ? -EBADMSG
			 : 0;
	if (!result)
		memcpy(cookie, opened, sizeof(opened));
	sodium_memzero(key, sizeof(key));
	sodium_memzero(opened, sizeof(opened));
	return result;
}
