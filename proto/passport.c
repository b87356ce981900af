/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passports: layout, signature, validity. See passport.h.
 *
 * The signature covers all before it. The first two octets differ between the kinds, so that one is never taken for the other.
 */
#include "proto/passport.h"

#include <errno.h>
#include <sodium.h>

#include "proto/cursor.h"

enum passport_kind { PASSPORT_HOST = 1, PASSPORT_NODE = 2 };
#define PASSPORT_VERSION 1

_Static_assert(crypto_sign_BYTES == PASSPORT_SIGNATURE_LEN, "as in libsodium");

/* As locator_parse() would have it: nothing past the length, and no U or G bit. */
static bool locator_is_good(const struct locator *locator)
{
	if (locator->length == 64)
		return locator->octet[8] == 0;
	return locator->length == 72 && (locator->octet[8] & 3) == 0;
}

static int sign(struct writer *writer, const uint8_t *start, const uint8_t secret[64])
{
	size_t length = (size_t)(writer->at - start);
	uint8_t *signature = writer_take(writer, PASSPORT_SIGNATURE_LEN);

	if (!signature)
		return -EINVAL;
	crypto_sign_detached(signature, NULL, start, length, secret);
	return (int)length + PASSPORT_SIGNATURE_LEN;
}

static bool is_signed(const uint8_t *in, size_t length, const uint8_t authority[32])
{
	size_t body = length - PASSPORT_SIGNATURE_LEN;

	return crypto_sign_verify_detached(in + body, in, body, authority) == 0;
}

/* Written so that no sum overflows, whatever the passport says. */
static bool is_valid_at(uint64_t now_s, uint64_t not_before_s, uint64_t not_after_s)
{
	if (now_s < not_before_s && not_before_s - now_s > PASSPORT_SKEW_S)
		return false;
	return now_s <= not_after_s || now_s - not_after_s <= PASSPORT_SKEW_S;
}

int host_passport_sign(const struct host_passport *passport, const uint8_t secret[64], uint8_t out[HOST_PASSPORT_LEN])
{
	struct writer writer = {.at = out, .left = HOST_PASSPORT_LEN};

	if (!locator_is_good(&passport->locator))
		return -EINVAL;
	writer_u8(&writer, PASSPORT_HOST);
	writer_u8(&writer, PASSPORT_VERSION);
	writer_zeros(&writer, 2);
	writer_u64(&writer, passport->host);
	writer_octets(&writer, passport->locator.octet, sizeof(passport->locator.octet));
	writer_u8(&writer, passport->locator.length);
	writer_octets(&writer, passport->key, sizeof(passport->key));
	writer_u64(&writer, passport->not_before_s);
	writer_u64(&writer, passport->not_after_s);
	writer_u64(&writer, passport->revision);
	return sign(&writer, out, secret);
}

static int host_passport_layout(const uint8_t *in, size_t length, struct host_passport *out)
{
	struct reader reader = {.at = in, .left = length};

	reader_require(&reader, reader_u8(&reader) == PASSPORT_HOST);
	reader_require(&reader, reader_u8(&reader) == PASSPORT_VERSION);
	reader_zeros(&reader, 2);
	out->host = reader_u64(&reader);
	reader_octets(&reader, out->locator.octet, sizeof(out->locator.octet));
	out->locator.length = reader_u8(&reader);
	reader_require(&reader, locator_is_good(&out->locator));
	reader_octets(&reader, out->key, sizeof(out->key));
	out->not_before_s = reader_u64(&reader);
	out->not_after_s = reader_u64(&reader);
	out->revision = reader_u64(&reader);
	reader_take(&reader, PASSPORT_SIGNATURE_LEN);
	return reader_done(&reader) ? 0 : -EBADMSG;
}

int host_passport_verify(const uint8_t *in, size_t length, const uint8_t authority[32], uint64_t now_s,
	struct host_passport *out)
{
	struct host_passport passport;
	int result = host_passport_layout(in, length, &passport);

	if (result)
		return result;
	if (!is_signed(in, length, authority))
		return -EKEYREJECTED;
	if (!is_valid_at(now_s, passport.not_before_s, passport.not_after_s))
		return -EKEYEXPIRED;
	*out = passport;
	return 0;
}

int node_passport_sign(const struct node_passport *passport, const uint8_t secret[64],
	uint8_t out[NODE_PASSPORT_LEN_MAX])
{
	struct writer writer = {.at = out, .left = NODE_PASSPORT_LEN_MAX};

	if (passport->slot > SLOT_MAX || passport->vni == 0 || passport->vni > VNI_MAX ||
		passport->address_count == 0 || passport->address_count > PASSPORT_ADDRESSES_MAX ||
		passport->group_count > PASSPORT_GROUPS_MAX)
		return -EINVAL;
	writer_u8(&writer, PASSPORT_NODE);
	writer_u8(&writer, PASSPORT_VERSION);
	writer_u8(&writer, passport->slot);
	writer_u8(&writer, (uint8_t)passport->address_count);
	writer_u8(&writer, (uint8_t)passport->group_count);
	writer_zeros(&writer, 3);
	writer_u32(&writer, passport->vni);
	writer_u64(&writer, passport->node);
	writer_u64(&writer, passport->account);
	writer_u64(&writer, passport->host);
	writer_u64(&writer, passport->incarnation);
	writer_u64(&writer, passport->not_before_s);
	writer_u64(&writer, passport->not_after_s);
	writer_u64(&writer, passport->revision);
	for (size_t i = 0; i < passport->address_count; i++)
		writer_octets(&writer, passport->addresses[i].octet, 4);
	for (size_t i = 0; i < passport->group_count; i++)
		writer_u64(&writer, passport->groups[i]);
	return sign(&writer, out, secret);
}

static int node_passport_layout(const uint8_t *in, size_t length, struct node_passport *out)
{
	struct reader reader = {.at = in, .left = length};

	memset(out, 0, sizeof(*out));
	reader_require(&reader, reader_u8(&reader) == PASSPORT_NODE);
	reader_require(&reader, reader_u8(&reader) == PASSPORT_VERSION);
	out->slot = reader_u8(&reader);
	out->address_count = reader_u8(&reader);
	out->group_count = reader_u8(&reader);
	reader_zeros(&reader, 3);
	out->vni = reader_u32(&reader);
	out->node = reader_u64(&reader);
	out->account = reader_u64(&reader);
	out->host = reader_u64(&reader);
	out->incarnation = reader_u64(&reader);
	out->not_before_s = reader_u64(&reader);
	out->not_after_s = reader_u64(&reader);
	out->revision = reader_u64(&reader);
	reader_require(&reader, out->slot <= SLOT_MAX && out->vni >= 1 && out->vni <= VNI_MAX);
	reader_require(&reader, out->address_count >= 1 && out->address_count <= PASSPORT_ADDRESSES_MAX);
	reader_require(&reader, out->group_count <= PASSPORT_GROUPS_MAX);
	for (size_t i = 0; !reader.failed && i < out->address_count; i++)
		reader_octets(&reader, out->addresses[i].octet, 4);
	for (size_t i = 0; !reader.failed && i < out->group_count; i++)
		out->groups[i] = reader_u64(&reader);
	reader_take(&reader, PASSPORT_SIGNATURE_LEN);
	return reader_done(&reader) ? 0 : -EBADMSG;
}

int node_passport_read(const uint8_t *in, size_t length, uint64_t now_s, struct node_passport *out)
{
	struct node_passport passport;
	int result = node_passport_layout(in, length, &passport);

	if (result)
		return result;
	if (!is_valid_at(now_s, passport.not_before_s, passport.not_after_s))
		return -EKEYEXPIRED;
	*out = passport;
	return 0;
}

int node_passport_verify(const uint8_t *in, size_t length, const uint8_t authority[32], uint64_t now_s,
	struct node_passport *out)
{
	struct node_passport passport;
	int result = node_passport_layout(in, length, &passport);

	if (result)
		return result;
	if (!is_signed(in, length, authority))
		return -EKEYREJECTED;
	if (!is_valid_at(now_s, passport.not_before_s, passport.not_after_s))
		return -EKEYEXPIRED;
	*out = passport;
	return 0;
}
