/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the loader tells the programs before it loads them.
 */
#ifndef OVNET_BPF_CONFIG_H
#define OVNET_BPF_CONFIG_H

#include "maps/constant.h"

const volatile struct locator_config ovnet_locator __weak = {};

/* True when the first bits of a substrate address are this host's. `address` is read as 8 octets and one. */
static __always_inline bool config_is_ours(const __u8 *address)
{
	if (*(const __u64 *)address != *(const volatile __u64 *)ovnet_locator.octet)
		return false;
	return ovnet_locator.length == 64 || address[8] == ovnet_locator.octet[8];
}

#endif /* OVNET_BPF_CONFIG_H */
