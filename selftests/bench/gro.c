/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gro INTERFACE on|off: generic receive offload, as `ethtool -K INTERFACE gro on|off` (which is one package more).
 *
 * A veth takes frames that XDP sends to it only while its receiving end has GRO on, or an XDP program.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "lib/error.h"

int main(int argc, char **argv)
{
	struct ethtool_value value = {.cmd = ETHTOOL_SGRO};
	struct ifreq request = {.ifr_data = (void *)&value};
	scope_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (argc != 3 || (strcmp(argv[2], "on") && strcmp(argv[2], "off")) || strlen(argv[1]) >= IFNAMSIZ) {
		fprintf(stderr, "usage: gro INTERFACE on|off\n");
		return 2;
	}
	value.data = !strcmp(argv[2], "on");
	strcpy(request.ifr_name, argv[1]);
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &request)) {
		fprintf(stderr, "gro: %s: %s\n", argv[1], strerror(errno));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
