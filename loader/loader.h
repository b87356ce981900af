/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loader: brings the BPF programs and maps of one instance into the kernel and keeps them there.
 *
 * Everything is pinned below /sys/fs/bpf/ovnet/<instance>/: maps/NAME, progs/NAME, links/<interface>-<hook>. What is
 * pinned outlives the process; a later loader takes it over: maps are reused when their layout (type, flags, sizes and
 * every field of key and value, by BTF) is the same, programs are replaced atomically in the pinned links. bpffs
 * refuses names with dots, so a dot in the name of an instance or interface is written %2e there.
 * Knows the skeleton; leaves out what the maps mean (maps/) and when to attach what (agent/).
 */
#ifndef OVNET_LOADER_LOADER_H
#define OVNET_LOADER_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"

#define LOADER_ROOT "/sys/fs/bpf/ovnet"

struct loader;

struct loader_options {
	const char *instance;
	struct locator locator;                              /* of this host; a constant of the programs */
	uint32_t sessions, rules, mappings, hosts, pendings; /* map sizes, entries */
};

/* Descriptors of the maps; owned by the loader. */
struct loader_maps {
	int ports, port_states, counters, rules, sessions, mappings, nexthops, events, listeners;
	int pendings, budgets, questions, channel, control_keys, control_hosts, control_gates, identities;
};

enum loader_hook { LOADER_NODE, LOADER_GUARD, LOADER_UPLINK_TC, LOADER_INJECT, LOADER_UPLINK_XDP };

/* How an XDP program runs. */
enum loader_xdp { LOADER_XDP_NATIVE, LOADER_XDP_GENERIC };

/*
 * Mounts bpffs when it is not there, takes over pinned maps or makes them, loads and pins the programs.
 * Only one loader per instance at a time (a lock file /run/ovnet/<instance>/lock, held until loader_close()).
 * Every failure is logged with its object and cause, and nothing is left behind that was not there before, except the
 * lock file and empty directories above the instance's.
 * Returns 0; -EINVAL: not a name for an instance; -EBUSY: another process has this instance; -EEXIST: a pinned map has
 * another layout or size (the log names map and difference, and what to do); -EPERM or -EACCES: not root; -ENOTSUP: the
 * kernel lacks something (named); or another -errno from the kernel. *out is untouched on failure.
 */
int loader_open(const struct loader_options *options, struct loader **out);

/* Lets go; what is pinned stays. NULL is allowed. */
void loader_close(struct loader *loader);

const struct loader_maps *loader_maps(const struct loader *loader);

/*
 * Puts the program of a hook on an interface and pins the link; if the pinned link is there already and belongs to this
 * very interface, replaces its program without a gap; if it is a remnant of an interface that is gone, or that is in
 * another network namespace now, replaces it.
 * For LOADER_UPLINK_XDP, tries native mode and then generic; *mode (may be NULL) says which.
 * Returns 0, -ENODEV, -EBUSY (another XDP program is there), or another -errno; logged.
 */
int loader_attach(struct loader *loader, enum loader_hook hook, const char *interface, unsigned ifindex,
	enum loader_xdp *mode);

/*
 * True when checksums of what the interface receives are known to be full (a NIC; not veth, tap or another software
 * device) and no program runs on it in generic mode. Before one is attached nobody knows whether the driver runs it
 * natively: look at *mode of loader_attach() then.
 */
bool loader_xdp_is_native(struct loader *loader, const char *interface, unsigned ifindex);

/*
 * Takes the program off and removes the pin; also when the interface is gone already. Nothing there to be taken off is
 * success. Returns 0 or -errno.
 */
int loader_detach(struct loader *loader, enum loader_hook hook, const char *interface);

/*
 * Calls fn for each pinned link: hook, interface name as pinned, and the ifindex that the kernel gives (0: the
 * interface is gone, or is in another network namespace now). fn may detach. For taking over after a restart, and for
 * cleaning up; works without loader_open(). Returns 0 or -errno.
 */
int loader_each_link(const char *instance,
	void (*fn)(void *context, enum loader_hook hook, const char *interface, unsigned ifindex), void *context);

/*
 * The locator that the pinned programs of an instance were loaded with. Returns 0; -ENOENT: no program is pinned, or
 * one that does not say; or another -errno. *out is untouched on failure.
 */
int loader_pinned_locator(const char *instance, struct locator *out);

/*
 * Takes the instance's lock, as loader_open() does, for as long as *fd is open. Returns 0; -EBUSY: another process has
 * it; or another -errno; logged.
 */
int loader_lock(const char *instance, int *fd);

/*
 * Takes every program off and removes every pin of the instance. Works without loader_open(), and takes no lock: a
 * loader that is open goes on without pins. Returns 0, also when there is nothing; -EINVAL: not a name for an instance;
 * or another -errno, logged, after everything was tried.
 */
int loader_remove(const char *instance);

#endif /* OVNET_LOADER_LOADER_H */
