/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs of a fixture on its real interfaces, and sockets at both ends: for what a test run cannot show, which is
 * where a packet comes out, what the guard sees, partial checksums, GSO, VLAN tags and frames without an IP header.
 */
#ifndef OVNET_SELFTESTS_BPF_LIVE_H
#define OVNET_SELFTESTS_BPF_LIVE_H

#include <stdbool.h>
#include <linux/virtio_net.h>

#include "selftests/bpf/fixture.h"

/* How long something that must come may take, milliseconds; it takes no such time unless it is wrong. */
#define LIVE_PATIENCE_MS 3000

/*
 * Attaches the node program and the guard to every port of the fixture's host, and the tc uplink program to its uplink;
 * with clsact, which every kernel has. They go with the namespace. Returns 0 or -errno.
 */
int live_attach(struct fixture *f);
/* The inject program to its interface, whose other end is "inject-h" in the same namespace. Returns 0 or -errno. */
int live_attach_inject(struct fixture *f);
/* The XDP program in front of the uplink's, natively; and off again. Returns 0 or -errno. */
int live_attach_xdp(struct fixture *f);
int live_detach_xdp(struct fixture *f);

/*
 * A socket that sends and receives whole frames with their virtio header. On the host's side of an interface, or at the
 * other end (`far`), where a node or the substrate is. Returns the descriptor or -errno.
 */
int live_open(const char *interface, bool far);

/* What the socket sends bears this mark. Returns 0 or -errno. */
int live_mark(int fd, uint32_t mark);
/* Sends a frame; `header` may be NULL. Returns 0 or -errno; -ENOBUFS: a program refused it on the way out. */
int live_send(int fd, const struct frame *frame, const struct virtio_net_hdr *header);
/* Waits for the next frame. Returns 0, or -ETIMEDOUT; `header` may be NULL. */
int live_receive(int fd, struct frame *frame, struct virtio_net_hdr *header);
/* Takes what has come already. */
void live_drain(int fd);

/* Waits until a drop counter has this value; true when it has. */
bool live_dropped(const struct fixture *f, uint32_t ifindex, enum reason reason, uint64_t value);

#endif /* OVNET_SELFTESTS_BPF_LIVE_H */
