/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What leads to what, by how many steps whatever: of things in things, which contain which.
 */
#ifndef OVNET_POLICY_CLOSURE_H
#define OVNET_POLICY_CLOSURE_H

#include <stddef.h>
#include <stdint.h>

struct closure_arrow {
	uint32_t from, to; /* places, each less than the count of things */
};

/*
 * For each of `count` things a row of (count + 63) / 64 words, with a bit for each thing that leads to it by arrows,
 * itself included. `arrows` are sorted here. Returns 0 and *rows, the caller's to free; -ENOMEM; -ELOOP: things that
 * lead to themselves, of which *cycle (the caller's to free) has each once, going against the arrows, and
 * *cycle_length says how many.
 */
int closure_make(size_t count, struct closure_arrow *arrows, size_t arrow_count, uint64_t **rows, uint32_t **cycle,
	size_t *cycle_length);

#endif /* OVNET_POLICY_CLOSURE_H */
