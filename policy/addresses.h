/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A set of addresses that may be large: 100,000 prefixes of a handle. Made once, never changed, and held by whoever uses
 * it: a set of policies, its successor, and who made it share one. So a change elsewhere copies no prefix.
 *
 * Leaves out what else a handle may have (groups, vnets, other handles): see policy.h.
 */
#ifndef OVNET_POLICY_ADDRESSES_H
#define OVNET_POLICY_ADDRESSES_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/address.h"

#define POLICY_ADDRESSES_MAX 1048576 /* ranges that one is made of */

struct policy_addresses;

/*
 * Makes one of ranges in any order, which may overlap. *out belongs to the caller, who gives it back by
 * policy_addresses_release(). O(n log n). Returns 0; -EINVAL: a range whose ends are in the wrong order; -ENOSPC: more
 * than POLICY_ADDRESSES_MAX; -ENOMEM.
 */
int policy_addresses_make(const struct ipv4_range *ranges, size_t count, struct policy_addresses **out);

/* One holder more; returns the same. Of NULL: NULL. Holders are of one thread, as all of the agent is. */
struct policy_addresses *policy_addresses_hold(struct policy_addresses *addresses);

/* One holder less; the last one frees it. NULL is allowed. */
void policy_addresses_release(struct policy_addresses *addresses);

/* NULL has none. */
bool policy_addresses_have(const struct policy_addresses *addresses, struct ipv4 address);

/* How many ranges are left of those given, once they are merged; and the octets that all of it takes. */
size_t policy_addresses_count(const struct policy_addresses *addresses);
size_t policy_addresses_octets(const struct policy_addresses *addresses);

/* Whether both have the same addresses. */
bool policy_addresses_equal(const struct policy_addresses *a, const struct policy_addresses *b);

#endif /* OVNET_POLICY_ADDRESSES_H */
