/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layout: whether a map in the kernel is what the programs of this build expect, down to each field.
 */
#ifndef OVNET_LOADER_LAYOUT_H
#define OVNET_LOADER_LAYOUT_H

#include <stddef.h>

#include <stdio.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

/*
 * Compares the map `fd` with `wanted`, a map of an object that is open and not loaded, whose types are in `btf`: type,
 * flags, sizes, number of entries, and by BTF every field of key and value (name, place, width; of an array its length,
 * of an enumeration its names and values).
 * `imprint` (may be NULL) is what the map was made by, for where the kernel does not say (imprint.h).
 * Returns 0: the same; -EEXIST: not, and `difference` (of `size` octets) says in what, in one line; or another -errno.
 */
int layout_compare(const struct bpf_map *wanted, const struct btf *btf, int fd, const char *imprint, char *difference,
	size_t size);

/* Writes a map's line of an imprint. Returns 0 or -ENOMEM. */
int layout_write(FILE *out, const struct bpf_map *map, const struct btf *btf);

#endif /* OVNET_LOADER_LAYOUT_H */
