/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real interfaces for the fixture; see live.h.
 */
#include "selftests/bpf/live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static int attach(uint32_t ifindex, enum bpf_tc_attach_point point, int program)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program);

	return bpf_tc_attach(&hook, &options);
}

static int clsact(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	return bpf_tc_hook_create(&hook);
}

int live_attach(struct fixture *f)
{
	const struct fixture_node *nodes[] = {&f->a, &f->b, &f->c, &f->r, &f->s};
	int error = clsact(f->uplink);

	if (!error)
		error = attach(f->uplink, BPF_TC_INGRESS, f->programs[HOOK_UPLINK_TC]);
	for (size_t i = 0; !error && i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		uint32_t ifindex = nodes[i]->ifindex;

		if (!ifindex)
			continue;
		error = clsact(ifindex);
		if (!error)
			error = attach(ifindex, BPF_TC_INGRESS, f->programs[HOOK_NODE]);
		if (!error)
			error = attach(ifindex, BPF_TC_EGRESS, f->programs[HOOK_GUARD]);
	}
	if (error)
		fprintf(stderr, "attach: %s\n", strerror(-error));
	return error;
}

int live_attach_inject(struct fixture *f)
{
	int error = clsact(f->inject);

	return error ? error : attach(f->inject, BPF_TC_INGRESS, f->injector);
}

int live_attach_xdp(struct fixture *f)
{
	return bpf_xdp_attach((int)f->uplink, f->programs[HOOK_UPLINK_XDP], XDP_FLAGS_DRV_MODE, NULL);
}

int live_detach_xdp(struct fixture *f)
{
	return bpf_xdp_detach((int)f->uplink, XDP_FLAGS_DRV_MODE, NULL);
}

/* Made and bound in the caller's namespace. */
static int open_here(const char *interface)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1, error;

	if (fd < 0)
		return -errno;
	address.sll_ifindex = (int)if_nametoindex(interface);
	if (!address.sll_ifindex || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) ||
		setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) ||
		bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

int live_open(const char *interface, bool far)
{
	char name[IFNAMSIZ];
	int home, fd;

	if (!far)
		return open_here(interface);
	snprintf(name, sizeof(name), "%.12s-n", interface);
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0)
		return -errno;
	if (setns(fixture_nodes_ns(), CLONE_NEWNET)) {
		close(home);
		return -errno;
	}
	fd = open_here(name);
	if (setns(home, CLONE_NEWNET))
		fd = -errno;
	close(home);
	return fd;
}

int live_mark(int fd, uint32_t mark)
{
	return setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) ? -errno : 0;
}

int live_send(int fd, const struct frame *frame, const struct virtio_net_hdr *header)
{
	struct virtio_net_hdr none = {0};
	struct iovec parts[] = {
		{(void *)(header ? header : &none), sizeof(none)},
		{(void *)frame->octet, frame->length},
	};

	return writev(fd, parts, 2) < 0 ? -errno : 0;
}

int live_receive(int fd, struct frame *frame, struct virtio_net_hdr *header)
{
	struct virtio_net_hdr spare;
	struct iovec parts[] = {
		{header ? header : &spare, sizeof(spare)},
		{frame->octet, sizeof(frame->octet)},
	};
	struct pollfd waiting = {.fd = fd, .events = POLLIN};
	ssize_t length;

	if (poll(&waiting, 1, LIVE_PATIENCE_MS) != 1)
		return -ETIMEDOUT;
	length = readv(fd, parts, 2);
	if (length < (ssize_t)sizeof(spare))
		return length < 0 ? -errno : -EIO;
	frame->length = (size_t)length - sizeof(spare);
	return 0;
}

void live_drain(int fd)
{
	char octet;

	while (recv(fd, &octet, sizeof(octet), MSG_DONTWAIT) >= 0)
		;
}

bool live_dropped(const struct fixture *f, uint32_t ifindex, enum reason reason, uint64_t value)
{
	uint64_t end = fixture_now_ns() + LIVE_PATIENCE_MS * 1000000ull;

	while (fixture_drops(f, ifindex, reason) != value) {
		if (fixture_now_ns() > end)
			return false;
		sched_yield();
	}
	return true;
}
