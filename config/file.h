/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole file as text, for config.c and directory.c.
 */
#ifndef OVNET_CONFIG_FILE_H
#define OVNET_CONFIG_FILE_H

#include <stddef.h>

/* Reads a file of at most 256 MiB to its end. Returns 0 and text (to be freed; no NUL at its end), or -errno. */
int file_read(const char *path, char **out, size_t *out_length);

#endif /* OVNET_CONFIG_FILE_H */
