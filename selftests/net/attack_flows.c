/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A node's storm of flows: UDP frames with random source and destination ports, as fast as one CPU can; for attack.sh.
 *
 *   attack_flows [--packets N] [--seconds S] INTERFACE SOURCE MAC DESTINATION SOURCE-PORT[-PORT] PORT[-PORT]
 *
 * Frames leave INTERFACE, with its own MAC address, for MAC: no neighbour, route or socket of the namespace is asked, so
 * that nothing limits the number of flows. Ends after --packets (default 100,000) or --seconds (default 5). Prints how
 * many were sent. Answers are not read.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <netinet/ether.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/if_packet.h>

#include "lib/error.h"

#define BATCH 64

struct frame {
	struct ethhdr ethernet;
	struct iphdr ip;
	struct udphdr udp;
	uint8_t payload[16];
} __attribute__((packed));

struct range {
	unsigned low, high;
};

struct storm {
	unsigned long packets;
	double seconds;
	struct range from, to;
	struct frame frame;
	uint64_t random;
	int fd;
};

static int fail(const char *what, const char *object, int error)
{
	fprintf(stderr, "attack_flows: %s %s: %s\n", what, object, strerror(-error));
	return error;
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint16_t sum_header(const struct iphdr *ip)
{
	uint16_t words[sizeof(*ip) / 2];
	uint32_t sum = 0;

	memcpy(words, ip, sizeof(words));
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		sum += words[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint16_t pick(struct storm *storm, const struct range *range)
{
	storm->random ^= storm->random << 13;
	storm->random ^= storm->random >> 7;
	storm->random ^= storm->random << 17;
	return htons((uint16_t)(range->low + (storm->random >> 16) % (range->high - range->low + 1)));
}

static int parse_range(const char *words, struct range *out)
{
	char *end;

	out->low = out->high = (unsigned)strtoul(words, &end, 10);
	if (*end == '-')
		out->high = (unsigned)strtoul(end + 1, &end, 10);
	if (end == words || *end || out->low > out->high || out->high > 65535)
		return fail("no port or range", words, -EINVAL);
	return 0;
}

static int open_interface(struct storm *storm, const char *interface)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface)};
	struct ifreq request = {};
	int on = 1;

	if (!address.sll_ifindex)
		return fail("no interface", interface, -ENODEV);
	strcpy(request.ifr_name, interface);
	storm->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (storm->fd < 0 || ioctl(storm->fd, SIOCGIFHWADDR, &request) ||
		setsockopt(storm->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) ||
		bind(storm->fd, (struct sockaddr *)&address, sizeof(address)))
		return fail("cannot send on", interface, -errno);
	memcpy(storm->frame.ethernet.h_source, request.ifr_hwaddr.sa_data, ETH_ALEN);
	return 0;
}

/* The words after the options, from SOURCE on. */
static int fill_frame(struct storm *storm, char **words)
{
	struct frame *frame = &storm->frame;
	struct in_addr source, destination;
	struct iphdr ip;

	if (inet_pton(AF_INET, words[0], &source) != 1 || inet_pton(AF_INET, words[2], &destination) != 1)
		return fail("no IPv4 addresses:", words[0], -EINVAL);
	if (!ether_aton_r(words[1], (struct ether_addr *)frame->ethernet.h_dest))
		return fail("no MAC address:", words[1], -EINVAL);
	frame->ethernet.h_proto = htons(ETH_P_IP);
	ip = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.tot_len = htons(sizeof(*frame) - ETH_HLEN),
		.frag_off = htons(IP_DF),
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.saddr = source.s_addr,
		.daddr = destination.s_addr,
	};
	ip.check = sum_header(&ip);
	frame->ip = ip;
	/* Over IPv4 the checksum may be left out. */
	frame->udp.len = htons(sizeof(*frame) - ETH_HLEN - sizeof(frame->ip));
	if (parse_range(words[3], &storm->from) || parse_range(words[4], &storm->to))
		return -EINVAL;
	return 0;
}

static void run(struct storm *storm)
{
	static struct frame frames[BATCH];
	struct mmsghdr messages[BATCH] = {};
	struct iovec parts[BATCH];
	double end = seconds_now() + storm->seconds;
	unsigned long sent = 0;

	storm->random = (uint64_t)time(NULL) << 20 | 1;
	for (size_t i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){.iov_base = &frames[i], .iov_len = sizeof(frames[i])};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
		frames[i] = storm->frame;
	}
	while (sent < storm->packets && seconds_now() < end) {
		unsigned count = storm->packets - sent < BATCH ? (unsigned)(storm->packets - sent) : BATCH;
		int result;

		for (size_t i = 0; i < count; i++) {
			frames[i].udp.source = pick(storm, &storm->from);
			frames[i].udp.dest = pick(storm, &storm->to);
		}
		result = sendmmsg(storm->fd, messages, count, 0);
		if (result > 0)
			sent += (unsigned long)result;
	}
	printf("%lu\n", sent);
}

int main(int argc, char **argv)
{
	static const struct option words[] = {
		{"packets", required_argument, NULL, 'p'},
		{"seconds", required_argument, NULL, 's'},
		{},
	};
	struct storm storm = {.packets = 100000, .seconds = 5, .fd = -1};
	int word, error = 0;

	while ((word = getopt_long(argc, argv, "", words, NULL)) != -1) {
		if (word == 'p')
			storm.packets = strtoul(optarg, NULL, 10);
		else if (word == 's')
			storm.seconds = atof(optarg);
		else
			error = -EINVAL;
	}
	if (error || argc - optind != 6) {
		fprintf(stderr, "usage: attack_flows [--packets N] [--seconds S] INTERFACE SOURCE MAC DESTINATION\n"
				"                    SOURCE-PORT[-PORT] PORT[-PORT]\n");
		return 2;
	}
	error = fill_frame(&storm, argv + optind + 1);
	if (!error)
		error = open_interface(&storm, argv[optind]);
	if (!error)
		run(&storm);
	if (storm.fd >= 0)
		close(storm.fd);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
