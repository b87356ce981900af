/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the loader tells the programs before it loads them: constants of theirs, not a map that changes.
 *
 * Who writes   the loader, before the kernel sees the programs.
 * Who reads    the programs; the verifier takes the values as known.
 * Lifetime     that of the loaded programs.
 * Size         one of each.
 * When full    cannot be.
 */
#ifndef OVNET_MAPS_CONSTANT_H
#define OVNET_MAPS_CONSTANT_H

/* This host's prefix, as in struct locator of lib/address.h. */
struct locator_config {
	__u8 octet[9];
	__u8 length; /* bits: 64 or 72 */
	__u8 pad[6];
} __attribute__((aligned(8)));
_Static_assert(sizeof(struct locator_config) == 16, "locator_config has no hidden padding");

#endif /* OVNET_MAPS_CONSTANT_H */
