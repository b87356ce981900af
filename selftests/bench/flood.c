/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends one UDP flow of small frames from a node's interface as fast as one CPU can, and says how many arrived.
 *
 *   flood INTERFACE MAC SOURCE DESTINATION COUNTER SECONDS [PROGRAM...]
 *
 * INTERFACE is the node's end of a veth, MAC the frames' destination, COUNTER the pinned map of the program `count` in
 * the receiving node, PROGRAMs are pinned programs whose mean run time during the flood is wanted (measuring that costs
 * time itself, so the packet rate of such a run is not the one to report). Prints a line "NAME VALUE" for each figure:
 * udp_mpps (delivered, millions a second), udp_lost (share of those sent), and each program's name and nanoseconds.
 *
 * The frames are made by BPF_PROG_TEST_RUN in its live-frames mode (Linux 5.18): no socket and no node's stack is
 * in the figure.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <netinet/ether.h>
#include <sys/ioctl.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench.skel.h"
#include "lib/error.h"
#include "selftests/bench/frame.h"

#define PROGRAMS_MAX 8
/* Frames a system call, between two looks at the clock; and those that open the flow and warm the caches. */
#define FRAMES_A_CALL 65536u
#define FRAMES_TO_WARM 20000u
/* Frames in flight: well below what a veth's ring (256) and the backlog (1000) hold, so that none is lost there. */
#define BATCH 64

struct program {
	const char *name;
	int fd;
	uint64_t runs, nanoseconds; /* when the flood began */
};

static int fail(const char *what, const char *object, int error)
{
	fprintf(stderr, "flood: %s %s: %s\n", what, object, strerror(-error));
	return error;
}

/* Ones' complement sum over `length` octets (an even number), in network order. */
static uint32_t sum(const void *data, size_t length, uint32_t start)
{
	const uint8_t *octets = data;

	for (size_t i = 0; i < length; i += 2)
		start += (uint32_t)octets[i] << 8 | octets[i + 1];
	return start;
}

static uint16_t checksum(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return htons((uint16_t)~total);
}

/* The UDP datagram at the end of the frame; `addresses` is the pseudo-header's part with both addresses. */
static void fill_udp(uint8_t *frame, size_t offset, const void *addresses, size_t addresses_len)
{
	struct udphdr udp = {.source = htons(FLOOD_SOURCE_PORT), .dest = htons(FLOOD_PORT)};
	size_t length = FRAME_LEN - offset;
	uint32_t pseudo = sum(addresses, addresses_len, (uint32_t)length + IPPROTO_UDP);

	udp.len = htons((uint16_t)length);
	memcpy(frame + offset, &udp, sizeof(udp));
	udp.check = checksum(sum(frame + offset, length, pseudo));
	memcpy(frame + offset, &udp, sizeof(udp));
}

static void fill_ipv4(uint8_t *frame, const struct in_addr *source, const struct in_addr *destination)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = htons(FRAME_LEN - ETH_HLEN),
		.frag_off = htons(0x4000), /* DF, as a socket sends it */
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.saddr = source->s_addr,
		.daddr = destination->s_addr,
	};

	ip.check = checksum(sum(&ip, sizeof(ip), 0));
	memcpy(frame + ETH_HLEN, &ip, sizeof(ip));
	fill_udp(frame, ETH_HLEN + sizeof(ip), &ip.saddr, 8);
}

static void fill_ipv6(uint8_t *frame, const struct in6_addr *source, const struct in6_addr *destination)
{
	struct ipv6hdr ip = {
		.version = 6,
		.payload_len = htons(FRAME_LEN - ETH_HLEN - sizeof(ip)),
		.nexthdr = IPPROTO_UDP,
		.hop_limit = 64,
		.saddr = *source,
		.daddr = *destination,
	};

	memcpy(frame + ETH_HLEN, &ip, sizeof(ip));
	fill_udp(frame, ETH_HLEN + sizeof(ip), &ip.saddr, 32);
}

/* The MAC address of an interface of this namespace. */
static int interface_mac(const char *interface, uint8_t mac[ETH_ALEN])
{
	scope_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {};

	if (strlen(interface) >= IFNAMSIZ)
		return -ENODEV;
	strcpy(request.ifr_name, interface);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request))
		return -errno;
	memcpy(mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
	return 0;
}

/* Makes the frame of the arguments' words; both addresses are of one family. */
static int fill_frame(uint8_t *frame, const char *interface, const char *mac, const char *from, const char *to)
{
	struct in6_addr source6, destination6;
	struct in_addr source, destination;
	struct ethhdr ethernet = {};
	int error;

	if (!ether_aton_r(mac, (struct ether_addr *)ethernet.h_dest))
		return fail("no MAC address", mac, -EINVAL);
	error = interface_mac(interface, ethernet.h_source);
	if (error)
		return fail("no MAC address of", interface, error);
	if (inet_pton(AF_INET, from, &source) == 1 && inet_pton(AF_INET, to, &destination) == 1) {
		ethernet.h_proto = htons(ETH_P_IP);
		fill_ipv4(frame, &source, &destination);
	} else if (inet_pton(AF_INET6, from, &source6) == 1 && inet_pton(AF_INET6, to, &destination6) == 1) {
		ethernet.h_proto = htons(ETH_P_IPV6);
		fill_ipv6(frame, &source6, &destination6);
	} else {
		return fail("no pair of addresses with", from, -EINVAL);
	}
	memcpy(frame, &ethernet, sizeof(ethernet));
	return 0;
}

static int read_delivered(int counter, uint64_t *out)
{
	int cpus = libbpf_num_possible_cpus();
	scope_free uint64_t *values = cpus > 0 ? calloc((size_t)cpus, sizeof(*values)) : NULL;
	uint64_t total = 0;
	uint32_t key = 0;

	if (!values)
		return cpus > 0 ? -ENOMEM : cpus;
	if (bpf_map_lookup_elem(counter, &key, values))
		return -errno;
	for (int i = 0; i < cpus; i++)
		total += values[i];
	*out = total;
	return 0;
}

static int program_runs(const struct program *program, uint64_t *runs, uint64_t *nanoseconds)
{
	struct bpf_prog_info info = {};
	uint32_t length = sizeof(info);

	if (bpf_obj_get_info_by_fd(program->fd, &info, &length))
		return -errno;
	*runs = info.run_cnt;
	*nanoseconds = info.run_time_ns;
	return 0;
}

static int program_open(struct program *program, const char *pin)
{
	const char *slash = strrchr(pin, '/');

	program->name = slash ? slash + 1 : pin;
	program->fd = bpf_obj_get(pin);
	if (program->fd < 0)
		return fail("cannot open", pin, -errno);
	return 0;
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int send_frames(int flooder, const uint8_t *frame, unsigned ifindex, unsigned count)
{
	struct xdp_md context = {.data_end = FRAME_LEN, .ingress_ifindex = ifindex};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = FRAME_LEN, .ctx_in = &context,
		.ctx_size_in = sizeof(context), .repeat = (int)count, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		.batch_size = BATCH);

	return bpf_prog_test_run_opts(flooder, &options);
}

/* The flood itself, and its figures. */
static int flood_run(int flooder, const uint8_t *frame, unsigned ifindex, int counter, double duration,
	struct program *programs, size_t program_count)
{
	uint64_t before, after, runs, nanoseconds, sent = 0;
	double start, elapsed;
	int error;

	error = send_frames(flooder, frame, ifindex, FRAMES_TO_WARM);
	for (size_t i = 0; !error && i < program_count; i++)
		error = program_runs(&programs[i], &programs[i].runs, &programs[i].nanoseconds);
	if (!error)
		error = read_delivered(counter, &before);
	start = seconds_now();
	do {
		if (!error)
			error = send_frames(flooder, frame, ifindex, FRAMES_A_CALL);
		sent += FRAMES_A_CALL;
		elapsed = seconds_now() - start;
	} while (!error && elapsed < duration);
	if (!error)
		error = read_delivered(counter, &after);
	if (error)
		return fail("cannot send or read", "the counters", error);
	if (after == before)
		return fail("nothing arrived of", "the flood", -ENODATA);
	printf("udp_mpps %.4f\n", (double)(after - before) / elapsed / 1e6);
	printf("udp_lost %.4f\n", 1.0 - (double)(after - before) / (double)sent);
	for (size_t i = 0; i < program_count; i++) {
		error = program_runs(&programs[i], &runs, &nanoseconds);
		if (error)
			return fail("cannot read", programs[i].name, error);
		if (runs == programs[i].runs)
			return fail("did not run:", programs[i].name, -ENODATA);
		printf("%s %.1f\n", programs[i].name,
			(double)(nanoseconds - programs[i].nanoseconds) / (double)(runs - programs[i].runs));
	}
	return 0;
}

static void scope_skeleton(struct bench_bpf **skeleton)
{
	bench_bpf__destroy(*skeleton);
}

static int flood_start(char **words, struct program *programs, size_t program_count)
{
	struct bench_bpf *skeleton __attribute__((cleanup(scope_skeleton))) = bench_bpf__open();
	scope_close int counter = -1;
	scope_close int statistics = -1;
	unsigned ifindex = if_nametoindex(words[0]);
	struct bpf_program *program = NULL;
	uint8_t frame[FRAME_LEN] = {};
	double duration = atof(words[5]);
	int error;

	if (!skeleton)
		return fail("cannot open", "the object", -errno);
	if (!ifindex)
		return fail("no interface", words[0], -ENODEV);
	if (duration <= 0 || duration > 60)
		return fail("no number of seconds up to 60:", words[5], -EINVAL);
	counter = bpf_obj_get(words[4]);
	if (counter < 0)
		return fail("cannot open", words[4], -errno);
	error = fill_frame(frame, words[0], words[1], words[2], words[3]);
	if (error)
		return error;
	memcpy(skeleton->bss->frame, frame, FRAME_LEN);
	while ((program = bpf_object__next_program(skeleton->obj, program)))
		bpf_program__set_autoload(program, program == skeleton->progs.flood);
	error = bench_bpf__load(skeleton);
	if (error)
		return fail("cannot load", "the object", error);
	if (program_count) {
		/* Off again when the descriptor is closed, whatever happens to this process. */
		statistics = bpf_enable_stats(BPF_STATS_RUN_TIME);
		if (statistics < 0)
			return fail("cannot switch on", "program statistics", -errno);
	}
	return flood_run(bpf_program__fd(skeleton->progs.flood), frame, ifindex, counter, duration, programs,
		program_count);
}

int main(int argc, char **argv)
{
	struct program programs[PROGRAMS_MAX] = {};
	size_t count = argc > 7 ? (size_t)argc - 7 : 0;
	int error = 0;

	if (argc < 7 || count > PROGRAMS_MAX) {
		fprintf(stderr, "usage: flood INTERFACE MAC SOURCE DESTINATION COUNTER SECONDS [PROGRAM...]\n");
		return 2;
	}
	for (size_t i = 0; !error && i < count; i++)
		error = program_open(&programs[i], argv[7 + i]);
	if (!error)
		error = flood_start(argv + 1, programs, count);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
