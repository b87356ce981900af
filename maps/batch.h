/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Going through a hash map many entries at a time; what the _each functions of maps/access.h share.
 */
#ifndef OVNET_MAPS_BATCH_H
#define OVNET_MAPS_BATCH_H

#include <stddef.h>

/*
 * Calls fn with a copy of each entry of the hash map `fd` until it returns other than 0; that value is returned.
 * fn may remove entries, also others than its own (one that is removed meanwhile may still be told). What is there from
 * beginning to end is told exactly once. Returns 0, or -errno of the kernel or -ENOMEM.
 */
int batch_each(int fd, size_t key_size, size_t value_size, int (*fn)(void *context, const void *key, const void *value),
	void *context);

#endif /* OVNET_MAPS_BATCH_H */
