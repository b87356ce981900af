/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: the messages inside a datagram.
 *
 * Beyond not crashing: what is taken encodes to the same octets again, and what is refused leaves everything as it was.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[PROTO_PLAIN_MAX];
	struct message message, before;
	size_t taken = 0, used = 0;
	int result;

	if (size > PROTO_PLAIN_MAX)
		return 0;
	memset(&message, 0, sizeof(message));
	do {
		size_t start = taken;

		before = message;
		result = message_decode(data, size, &taken, &message);
		if (result) {
			must(taken == start && memcmp(&before, &message, sizeof(message)) == 0);
			break;
		}
		must(taken >= start + MESSAGE_HEADER_LEN && taken <= size);
		must(message_encode(&message, again, sizeof(again), &used) == 0);
		must(used == taken && memcmp(again, data, used) == 0);
	} while (true);
	must(result == -ENODATA ? taken == size : result == -EBADMSG);
	return 0;
}
