/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a packet that waits says what it waits for: in its Ethernet source address, on its way from the programs to the agent.
 *
 *   octet 0                     1         2 .. 5
 *   | number 11..8 | H | 010 | number 7..0 | question, network order |
 *
 * H: it is no packet of the node, but an arrival for it. The node's own address goes there again before the packet comes back.
 */
#ifndef OVNET_MAPS_WAITING_H
#define OVNET_MAPS_WAITING_H

/* `number` of the port, below 4,096; `question` as in `pendings`. */
static inline __attribute__((always_inline)) void waiting_mac_write(__u8 mac[6], __u16 number, __u32 question)
{
	mac[0] = (__u8)(0x02 | ((number >> 8) & 0x0f) << 4);
	mac[1] = (__u8)number;
	mac[2] = (__u8)(question >> 24);
	mac[3] = (__u8)(question >> 16);
	mac[4] = (__u8)(question >> 8);
	mac[5] = (__u8)question;
}

static inline __attribute__((always_inline)) void waiting_mac_hold(__u8 mac[6])
{
	mac[0] |= 0x08;
}

static inline __attribute__((always_inline)) int waiting_mac_held(const __u8 mac[6])
{
	return (mac[0] & 0x08) != 0;
}

/* Returns 1 and the two numbers, or 0: no program wrote this address. */
static inline __attribute__((always_inline)) int waiting_mac_read(const __u8 mac[6], __u16 *number, __u32 *question)
{
	if ((mac[0] & 0x07) != 0x02)
		return 0;
	*number = (__u16)((mac[0] >> 4) << 8 | mac[1]);
	*question = (__u32)mac[2] << 24 | (__u32)mac[3] << 16 | (__u32)mac[4] << 8 | mac[5];
	return 1;
}

#endif /* OVNET_MAPS_WAITING_H */
