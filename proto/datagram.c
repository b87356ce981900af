/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The outside of datagrams. See message.h; what is inside is opened by handshake.c, cookie.c and noise.c.
 */
#include "proto/message.h"

#include <errno.h>

#include "proto/cursor.h"

_Static_assert(DATAGRAM_HELLO_LEN > DATAGRAM_WELCOME_LEN && DATAGRAM_WELCOME_LEN > DATAGRAM_COOKIE_LEN,
	"no answer is longer than its question");
_Static_assert(DATAGRAM_HELLO_LEN <= PROTO_DATAGRAM_MAX && 2 * MESSAGE_ASK_LEN_MIN <= PROTO_PLAIN_MAX,
	"a datagram holds a handshake, or two questions");

static bool length_is_good(uint8_t type, size_t length)
{
	switch (type) {
	case DATAGRAM_HELLO:
		return length == DATAGRAM_HELLO_LEN;
	case DATAGRAM_WELCOME:
		return length == DATAGRAM_WELCOME_LEN;
	case DATAGRAM_COOKIE:
		return length == DATAGRAM_COOKIE_LEN;
	case DATAGRAM_DATA:
		return length >= DATAGRAM_DATA_OVERHEAD && length <= PROTO_DATAGRAM_MAX;
	default:
		return false;
	}
}

int datagram_decode(const uint8_t *in, size_t length, struct datagram *out)
{
	struct reader reader = {.at = in, .left = length};
	struct datagram datagram = {0};
	uint8_t type = reader_u8(&reader);

	reader_require(&reader, reader_u8(&reader) == PROTO_VERSION);
	reader_zeros(&reader, 2);
	reader_require(&reader, length_is_good(type, length));
	datagram.type = (enum datagram_type)type;
	if (type == DATAGRAM_HELLO || type == DATAGRAM_WELCOME)
		datagram.sender = reader_u32(&reader);
	if (type != DATAGRAM_HELLO)
		datagram.receiver = reader_u32(&reader);
	if (type == DATAGRAM_DATA)
		datagram.counter = reader_u64(&reader);
	if (type == DATAGRAM_COOKIE)
		reader_take(&reader, DATAGRAM_NONCE_LEN);
	if (type == DATAGRAM_DATA || type == DATAGRAM_COOKIE) {
		datagram.sealed_length = reader.left;
		datagram.sealed = reader_take(&reader, reader.left);
	}
	if (reader.failed)
		return -EBADMSG;
	*out = datagram;
	return 0;
}
