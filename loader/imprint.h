/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Imprint: what a loader writes down beside its pins for the one after it. The kernel hands out a map's BTF, and maps by their number, to
 * CAP_SYS_ADMIN only; an agent that has less reads here what it must know of the maps and programs that it takes over.
 *
 * A text in a map of its own, pinned as maps/imprint, so that it goes when they go: a line "locator PREFIX", then a line
 * "map NAME KEY VALUE" for each map, where KEY and VALUE are layouts as layout.c writes them, parted by tabs.
 */
#ifndef OVNET_LOADER_IMPRINT_H
#define OVNET_LOADER_IMPRINT_H

#include <stddef.h>

#include "lib/address.h"

/* Puts the text in the place of a former one. Returns 0 or -errno; there is always the one or the other. */
int imprint_write(const char *instance, const char *text);
void imprint_remove(const char *instance);
/* Returns 0 and the text (to be freed), -ENOENT: there is none, or another -errno. */
int imprint_read(const char *instance, char **out);

int imprint_locator(const char *text, struct locator *out); /* 0 or -ENOENT */
/* The two layouts of a map (to be freed). Returns 0, -ENOENT or -ENOMEM. */
int imprint_map(const char *text, const char *name, char **key, char **value);

#endif /* OVNET_LOADER_IMPRINT_H */
