/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The outside of datagrams: which types and lengths there are, and where the fields stand.
 */
#include "selftests/unit/unit.h"

#include <errno.h>

#include "lib/error.h"
#include "proto/message.h"

static int decode_datagram(const uint8_t *in, size_t length, struct datagram *out)
{
	scope_free uint8_t *copy = malloc(length ? length : 1);
	int result;

	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	memcpy(copy, in, length);
	result = datagram_decode(copy, length, out);
	if (!result && out->sealed)
		CU_ASSERT(out->sealed > copy && out->sealed + out->sealed_length == copy + length);
	return result;
}

static void lengths(void)
{
	for (unsigned type = 0; type < 256; type++) {
		uint8_t in[PROTO_DATAGRAM_MAX + 1] = {(uint8_t)type, PROTO_VERSION};

		for (size_t length = 0; length <= sizeof(in); length++) {
			bool good = (type == DATAGRAM_HELLO && length == DATAGRAM_HELLO_LEN) ||
				    (type == DATAGRAM_WELCOME && length == DATAGRAM_WELCOME_LEN) ||
				    (type == DATAGRAM_COOKIE && length == DATAGRAM_COOKIE_LEN) ||
				    (type == DATAGRAM_DATA && length >= DATAGRAM_DATA_OVERHEAD &&
					    length <= PROTO_DATAGRAM_MAX);
			struct datagram datagram;

			CU_ASSERT_EQUAL_FATAL(decode_datagram(in, length, &datagram), good ? 0 : -EBADMSG);
		}
	}
}

static void headers(void)
{
	uint8_t in[DATAGRAM_HELLO_LEN] = {DATAGRAM_HELLO, PROTO_VERSION, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
	struct datagram datagram;

	CU_ASSERT_EQUAL(decode_datagram(in, DATAGRAM_HELLO_LEN, &datagram), 0);
	CU_ASSERT(datagram.type == DATAGRAM_HELLO && datagram.sender == 0x01020304);
	in[0] = DATAGRAM_WELCOME;
	CU_ASSERT_EQUAL(decode_datagram(in, DATAGRAM_WELCOME_LEN, &datagram), 0);
	CU_ASSERT(datagram.sender == 0x01020304 && datagram.receiver == 0x05060708);
	in[0] = DATAGRAM_COOKIE;
	CU_ASSERT_EQUAL(decode_datagram(in, DATAGRAM_COOKIE_LEN, &datagram), 0);
	CU_ASSERT(datagram.receiver == 0x01020304 && datagram.sealed_length == 16 + DATAGRAM_TAG_LEN);
	in[0] = DATAGRAM_DATA;
	CU_ASSERT_EQUAL(decode_datagram(in, 100, &datagram), 0);
	CU_ASSERT(datagram.receiver == 0x01020304 && datagram.counter == 0x05060708090a0b0c);
	CU_ASSERT_EQUAL(datagram.sealed_length, 100 - 16);

	for (size_t at = 1; at <= 3; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			in[at] ^= (uint8_t)(1 << bit);
			CU_ASSERT_EQUAL(decode_datagram(in, 100, &datagram), -EBADMSG);
			in[at] ^= (uint8_t)(1 << bit);
		}
	}
}

static const struct unit_test tests[] = {
	{"datagrams have types and lengths", lengths},
	{"datagrams have headers", headers},
};

int main(void)
{
	return unit_run("datagram", tests, ARRAY_LEN(tests));
}
