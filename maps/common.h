/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the headers of the maps share. Kernel and user space include these headers, so they include nothing:
 * whoever includes them has the kernel's fixed-width types already (vmlinux.h, or <linux/types.h> with
 * <linux/bpf.h>). A map's definition itself is seen by the BPF compiler only.
 *
 * Conventions. Addresses are arrays of octets in network order, so that `bpftool map dump` prints them as people
 * write them. Transport ports are in host byte order. Times are nanoseconds of CLOCK_BOOTTIME. Padding is explicit
 * and zero: keys are compared as bytes.
 */
#ifndef OVNET_MAPS_COMMON_H
#define OVNET_MAPS_COMMON_H

#ifdef __bpf__
#define OVNET_MAP(...)                                                                                                 \
	struct {                                                                                                       \
		__VA_ARGS__                                                                                            \
	}
/* Each hook is an object of its own; the static linker unites what is declared weak and alike. */
#define SHARED_MAP __attribute__((weak)) SEC(".maps")
#endif

/* An `expires_ns` that never comes. */
#define OVNET_NEVER (~0ULL)

/* Octets of a substrate address before the embedded IPv4 address: locator 8, slot and flags 1, VNI 3. */
#define OVNET_PREFIX_LEN 12

/* Which end of a conversation began it, seen from the node whose rule or session it is. */
enum direction {
	DIRECTION_OUT = 1, /* the node began; the peer is the responder */
	DIRECTION_IN = 2,  /* the peer began; the node is the responder */
};

#endif /* OVNET_MAPS_COMMON_H */
