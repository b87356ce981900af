/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names: of one part ("web1") or two ("acme/web1"), and those of interfaces.
 */
#ifndef OVNET_LIB_NAME_H
#define OVNET_LIB_NAME_H

#include <stdbool.h>

#define NAME_PART_MAX 32                   /* with the terminator */
#define NAME_WHOLE_MAX (2 * NAME_PART_MAX) /* "PART/PART", with the terminator */

/* True for 1 to 31 letters, digits, '_', '.' or '-'. */
bool name_is_part(const char *text);
/* True for one such part, or two with '/' between. */
bool name_is_whole(const char *text);

/* True for what the kernel takes as an interface's name: 1 to 15 characters without '/', ':', '%' or space. */
bool name_is_interface(const char *text);

/* How many letters must be put in, taken out or replaced to make one word of the other; 32 for words of more than 31. */
unsigned name_distance(const char *a, const char *b);

#endif /* OVNET_LIB_NAME_H */
