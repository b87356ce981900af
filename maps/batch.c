// SPDX-License-Identifier: BSD-2-Clause
/*
 * Going through a hash map many entries at a time. Leaves out the types: the neighbours, one a map, know them.
 */
#include "maps/batch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include <bpf/bpf.h>

#include "lib/error.h"

/* Entries a system call. A bucket of the kernel's hash table must fit; the tables have more buckets than entries. */
#define BATCH_MAX 1024

/*
 * The kernel's cursor is a bucket, and each bucket is copied whole, so what fn removes or others insert moves nothing
 * past the cursor.
 */
int batch_each(int fd, size_t key_size, size_t value_size, int (*fn)(void *context, const void *key, const void *value),
	void *context)
{
	scope_free char *keys = calloc(BATCH_MAX, key_size);
	scope_free char *values = calloc(BATCH_MAX, value_size);
	uint32_t cursor, *begin = NULL;
	bool more = true;

	if (!keys || !values)
		return -ENOMEM;
	while (more) {
		uint32_t count = BATCH_MAX;
		int error = bpf_map_lookup_batch(fd, begin, &cursor, keys, values, &count, NULL);

		/* -ENOENT comes with the last batch. */
		if (error && error != -ENOENT)
			return error;
		more = !error;
		begin = &cursor;
		for (uint32_t i = 0; i < count; i++) {
			int result = fn(context, keys + i * key_size, values + i * value_size);

			if (result)
				return result;
		}
	}
	return 0;
}
