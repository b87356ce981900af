/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole files: read to their end, and written so that there is always either what was or what is.
 */
#ifndef OVNET_LIB_FILE_H
#define OVNET_LIB_FILE_H

#include <stddef.h>
#include <sys/types.h>

/* Returns 0 and the content (to be freed, with a terminator behind it); -EFBIG: more than `most` octets; -ENOMEM; or -errno. */
int file_read(const char *path, size_t most, char **out, size_t *out_length);

/*
 * Beside the path, synchronised, and then in its place, with this mode. Returns 0 or -errno; nothing is left behind then, and what was
 * there is as it was.
 */
int file_write(const char *path, const void *content, size_t length, mode_t mode);

#endif /* OVNET_LIB_FILE_H */
