/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A node behind a tap: carries frames between a tap in a host's namespace and one in a node's namespace, as a virtual
 * machine monitor does between its tap and the guest's virtio NIC, with virtio headers, so that GSO packets and partial
 * checksums pass whole. Runs until it is killed, or until either tap is gone.
 *
 * usage: tapnode HOST-NAMESPACE TAP NODE-NAMESPACE TAP     (namespaces as paths, /run/netns/NAME)
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define VNET_HEADER 12 /* struct virtio_net_hdr_v1 */
#define FRAME_MAX (VNET_HEADER + 14 + 65535)

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int open_tap(const char *namespace, const char *name)
{
	const unsigned offload = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int header = VNET_HEADER;
	int ns = open(namespace, O_RDONLY | O_CLOEXEC), fd;

	if (ns < 0 || setns(ns, CLONE_NEWNET))
		fail(namespace);
	close(ns);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		fail("/dev/net/tun");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) || ioctl(fd, TUNSETVNETHDRSZ, &header) || ioctl(fd, TUNSETOFFLOAD, offload))
		fail(name);
	return fd;
}

/* A frame that the other side refuses (it is down) is lost, as on a wire. */
static void carry(int from, int to)
{
	static char frame[FRAME_MAX];

	for (int i = 0; i < 64; i++) {
		ssize_t length = read(from, frame, sizeof(frame));

		if (length < 0) {
			if (errno != EAGAIN)
				fail("read");
			return;
		}
		if (write(to, frame, (size_t)length) < 0 && errno == EBADFD)
			fail("write");
	}
}

int main(int argc, char **argv)
{
	struct pollfd taps[2] = {{.events = POLLIN}, {.events = POLLIN}};

	if (argc != 5) {
		fputs("usage: tapnode HOST-NAMESPACE TAP NODE-NAMESPACE TAP\n", stderr);
		return 2;
	}
	taps[0].fd = open_tap(argv[1], argv[2]);
	taps[1].fd = open_tap(argv[3], argv[4]);
	while (poll(taps, 2, -1) > 0) {
		for (int i = 0; i < 2; i++) {
			if (taps[i].revents & (POLLERR | POLLHUP))
				return 0;
			if (taps[i].revents & POLLIN)
				carry(taps[i].fd, taps[!i].fd);
		}
	}
	return 1;
}
