/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Links: how a program gets onto an interface, stays there and goes, one pin at a time.
 */
#ifndef OVNET_LOADER_LINK_H
#define OVNET_LOADER_LINK_H

#include "loader/loader.h"

/*
 * One way of attaching. What it pins keeps the program on the interface; which way serves a hook of tc depends on the
 * kernel (link_probe_tc()). All return 0 or -errno of the kernel.
 */
struct link_ops {
	/* Puts `program` on an interface and pins that at `pin`, where nothing is. */
	int (*attach)(int program, enum loader_hook hook, unsigned int ifindex, const char *pin);
	/* Exchanges the program of `pin`, without a gap. -ENOENT: nothing is pinned there that is on that interface. */
	int (*replace)(int program, enum loader_hook hook, unsigned int ifindex, const char *pin);
};

extern const struct link_ops link_xdp;

/* The interface of this network namespace on which the program of `pin` is; 0: on none. */
unsigned int link_ifindex(enum loader_hook hook, const char *pin);

/* Takes off the program of `pin`, if its interface is still there, and removes the pin, if there is one. 0 or -errno.
 */
int link_detach(const char *pin);

/*
 * Asks the kernel how programs get onto tc. Returns 0; -ENOTSUP: in no way known here (logged, with what is missing);
 * or another -errno (logged). *out is untouched on failure.
 */
int link_probe_tc(const struct link_ops **out);

/* How the XDP program of an interface runs. Returns 0; -ENOENT: there is none; or another -errno. */
int link_xdp_mode(unsigned int ifindex, enum loader_xdp *out);

#endif /* OVNET_LOADER_LINK_H */
