/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the loader share with each other and with nobody else.
 */
#ifndef OVNET_LOADER_INTERNAL_H
#define OVNET_LOADER_INTERNAL_H

#include "loader/loader.h"
#include "loader/link.h"
#include "loader/pin.h"

#define LOADER_HOOKS (LOADER_UPLINK_XDP + 1)

struct ovnet; /* the skeleton, which only loader.c knows */

struct loader {
	char *instance;
	int lock;
	struct ovnet *skeleton;
	const struct link_ops *tc; /* how programs get onto tc with this kernel */
	int program[LOADER_HOOKS]; /* descriptors; owned by the skeleton */
	struct loader_maps maps;
};

#endif /* OVNET_LOADER_INTERNAL_H */
