/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads a file, also one that is no regular one. See file.h.
 */
#include "config/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/error.h"

#define FILE_MAX_OCTETS (256u << 20)

int file_read(const char *path, char **out, size_t *out_length)
{
	scope_fclose FILE *file = fopen(path, "re");
	scope_free char *text = NULL;
	size_t length = 0, size = 0;

	if (!file)
		return -errno;
	for (;;) {
		size_t got;

		if (length == size) {
			size_t larger = size ? size * 2 : 16384;
			char *grown;

			if (size >= FILE_MAX_OCTETS)
				return -EFBIG;
			grown = realloc(text, larger);
			if (!grown)
				return -ENOMEM;
			text = grown;
			size = larger;
		}
		errno = 0;
		got = fread(text + length, 1, size - length, file);
		length += got;
		if (got == 0) {
			if (ferror(file))
				return errno ? -errno : -EIO;
			break;
		}
	}
	*out = text;
	*out_length = length;
	text = NULL;
	return 0;
}
