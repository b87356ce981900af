/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Floods a host with forged datagrams of the negotiation, as fast as one CPU can.
 *
 *   ask_flood [--type hello|welcome|cookie|data]... [--key PUBLIC] [--hosts] [--frames N] [--packets N] [--seconds S]
 *             INTERFACE MAC TARGET SOURCE/LENGTH...
 *
 * Frames leave INTERFACE for MAC, with TARGET (a substrate address) as their destination; their source is in one of the
 * prefixes, with random bits after its LENGTH, or, with --hosts, with what the address of a host has there (VNI 0,
 * 0.0.0.1). So PREFIX/64 with --hosts, and any PREFIX/128, are one source. The types (default: all four, in equal
 * parts) have the version and the length that the real ones have, a good UDP checksum, and otherwise random content:
 * no key opens them. With --key, the target's public key as `ovnetctl key show` prints it, the first mac of a HELLO
 * and of a WELCOME is good too: the strongest that somebody can send who has no key of the network's.
 *
 * --frames different ones (default 8192) are made before, and sent in turn until --packets (default: no bound) or
 * --seconds (default 5, at most 60) are reached. Prints a line "NAME VALUE" each: sent, refused (by the kernel), rate
 * (sent a second). Which CPU it takes is for taskset to say.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <netinet/ether.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/if_packet.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <sodium.h>

#include "lib/error.h"
#include "proto/key.h"
#include "proto/message.h"
#include "proto/noise.h"

#define BATCH 64
#define SOURCES_MAX 64
#define FRAMES_MAX 1000000ul
#define FRAME_MAX (ETH_HLEN + sizeof(struct ipv6hdr) + sizeof(struct udphdr) + PROTO_DATAGRAM_MAX)
/* What DATA usually is: one short message up to an ASK with much in its passport. */
#define DATA_LEN_MIN (DATAGRAM_DATA_OVERHEAD + MESSAGE_HEADER_LEN)
#define DATA_LEN_MAX (DATAGRAM_DATA_OVERHEAD + MESSAGE_HEADER_LEN + MESSAGE_ASK_LEN_MIN)

static const char *const type_names[] = {
	[DATAGRAM_HELLO] = "hello",
	[DATAGRAM_WELCOME] = "welcome",
	[DATAGRAM_COOKIE] = "cookie",
	[DATAGRAM_DATA] = "data",
};

struct prefix {
	struct in6_addr address;
	unsigned length;
};

struct flood {
	enum datagram_type types[4];
	size_t type_count;
	bool hosts, has_key;
	uint8_t mac1_key[32];
	unsigned long frames, packets;
	double seconds;
	struct ethhdr ethernet;
	struct in6_addr target;
	struct prefix sources[SOURCES_MAX];
	size_t source_count;
	int fd;
};

static int fail(const char *what, const char *object, int error)
{
	fprintf(stderr, "ask_flood: %s %s: %s\n", what, object, strerror(-error));
	return error;
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- frames */

static size_t random_below(size_t bound)
{
	return randombytes_uniform((uint32_t)bound);
}

static size_t type_length(enum datagram_type type)
{
	switch (type) {
	case DATAGRAM_HELLO:
		return DATAGRAM_HELLO_LEN;
	case DATAGRAM_WELCOME:
		return DATAGRAM_WELCOME_LEN;
	case DATAGRAM_COOKIE:
		return DATAGRAM_COOKIE_LEN;
	case DATAGRAM_DATA:
		break;
	}
	return DATA_LEN_MIN + random_below(DATA_LEN_MAX - DATA_LEN_MIN + 1);
}

static struct in6_addr random_source(const struct flood *flood)
{
	static const uint8_t host[8] = {[7] = 1};
	const struct prefix *prefix = &flood->sources[random_below(flood->source_count)];
	struct in6_addr address;
	uint8_t kept;

	randombytes_buf(&address, sizeof(address));
	if (flood->hosts)
		memcpy(address.s6_addr + 8, host, sizeof(host));
	for (unsigned i = 0; i < 16; i++) {
		unsigned bits = prefix->length > 8 * i ? prefix->length - 8 * i : 0;

		kept = bits >= 8 ? 0xff : (uint8_t)(0xff00 >> bits);
		address.s6_addr[i] = (uint8_t)((prefix->address.s6_addr[i] & kept) | (address.s6_addr[i] & ~kept));
	}
	return address;
}

static uint32_t sum(const uint8_t *octets, size_t length, uint32_t start)
{
	for (size_t i = 0; i < length; i++)
		start += i % 2 ? octets[i] : (uint32_t)octets[i] << 8;
	return start;
}

static uint16_t udp_checksum(const struct ipv6hdr *ip, const uint8_t *udp, size_t length)
{
	uint32_t total = sum((const uint8_t *)&ip->saddr, 32, (uint32_t)length + IPPROTO_UDP);

	total = sum(udp, length, total);
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return total == 0xffff ? 0xffff : htons((uint16_t)~total);
}

static void fill_datagram(const struct flood *flood, enum datagram_type type, uint8_t *datagram, size_t length)
{
	const uint8_t header[DATAGRAM_HEADER_LEN] = {(uint8_t)type, PROTO_VERSION};

	memcpy(datagram, header, sizeof(header));
	if (flood->has_key && (type == DATAGRAM_HELLO || type == DATAGRAM_WELCOME))
		macs_write(datagram, length, flood->mac1_key, NULL);
}

/* Makes one frame of random content; returns its length. */
static size_t fill_frame(const struct flood *flood, uint8_t frame[FRAME_MAX])
{
	enum datagram_type type = flood->types[random_below(flood->type_count)];
	size_t length = type_length(type), udp_length = sizeof(struct udphdr) + length;
	struct ipv6hdr ip = {
		.version = 6,
		.payload_len = htons((uint16_t)udp_length),
		.nexthdr = IPPROTO_UDP,
		.hop_limit = 64,
	};
	struct udphdr udp = {
		.source = htons((uint16_t)(1024 + random_below(64512))),
		.dest = htons(PROTO_PORT),
		.len = htons((uint16_t)udp_length),
	};
	uint8_t *at = frame + ETH_HLEN + sizeof(ip);
	struct in6_addr source = random_source(flood);

	memcpy(&ip.saddr, &source, sizeof(source));
	memcpy(&ip.daddr, &flood->target, sizeof(flood->target));
	memcpy(frame, &flood->ethernet, ETH_HLEN);
	memcpy(frame + ETH_HLEN, &ip, sizeof(ip));
	randombytes_buf(at + sizeof(udp), length);
	fill_datagram(flood, type, at + sizeof(udp), length);
	memcpy(at, &udp, sizeof(udp));
	udp.check = udp_checksum(&ip, at, udp_length);
	memcpy(at, &udp, sizeof(udp));
	return ETH_HLEN + sizeof(ip) + udp_length;
}

/* ---- sending */

static int open_interface(struct flood *flood, const char *interface)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET};
	struct ifreq request = {};
	int on = 1;

	address.sll_ifindex = (int)if_nametoindex(interface);
	if (!address.sll_ifindex)
		return fail("no interface", interface, -ENODEV);
	strcpy(request.ifr_name, interface);
	/* Protocol 0: nothing is received. */
	flood->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (flood->fd < 0 || ioctl(flood->fd, SIOCGIFHWADDR, &request) ||
		setsockopt(flood->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) ||
		bind(flood->fd, (struct sockaddr *)&address, sizeof(address)))
		return fail("cannot send on", interface, -errno);
	memcpy(flood->ethernet.h_source, request.ifr_hwaddr.sa_data, ETH_ALEN);
	return 0;
}

/* Sends the frames in turn until a bound is reached, and says how that went. */
static void flood_frames(const struct flood *flood, struct mmsghdr *messages)
{
	double start = seconds_now(), elapsed = 0;
	uint64_t sent = 0, refused = 0;
	size_t at = 0, count;
	int result;

	do {
		count = flood->frames - at < BATCH ? flood->frames - at : BATCH;
		if (flood->packets && flood->packets - sent < count)
			count = flood->packets - sent;
		result = sendmmsg(flood->fd, messages + at, (unsigned)count, 0);
		if (result < 0)
			refused++;
		else
			sent += (uint64_t)result;
		at = (at + (size_t)(result > 0 ? result : 1)) % flood->frames;
		elapsed = seconds_now() - start;
	} while (elapsed < flood->seconds && (!flood->packets || sent < flood->packets));
	printf("sent %llu\nrefused %llu\nrate %.0f\n", (unsigned long long)sent, (unsigned long long)refused,
		(double)sent / elapsed);
}

static int flood_run(struct flood *flood)
{
	scope_free uint8_t *frames = calloc(flood->frames, FRAME_MAX);
	scope_free struct iovec *parts = calloc(flood->frames, sizeof(*parts));
	scope_free struct mmsghdr *messages = calloc(flood->frames, sizeof(*messages));

	if (!frames || !parts || !messages)
		return fail("no memory for", "the frames", -ENOMEM);
	for (size_t i = 0; i < flood->frames; i++) {
		uint8_t *frame = frames + i * FRAME_MAX;

		parts[i] = (struct iovec){.iov_base = frame, .iov_len = fill_frame(flood, frame)};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	}
	flood_frames(flood, messages);
	return 0;
}

/* ---- the command's words */

static int add_type(struct flood *flood, const char *name)
{
	for (size_t type = DATAGRAM_HELLO; type < ARRAY_LEN(type_names); type++)
		if (!strcmp(name, type_names[type]) && flood->type_count < ARRAY_LEN(flood->types)) {
			flood->types[flood->type_count++] = (enum datagram_type)type;
			return 0;
		}
	return fail("no type, or one too many:", name, -EINVAL);
}

static int add_source(struct flood *flood, const char *words)
{
	struct prefix *prefix = &flood->sources[flood->source_count];
	char text[INET6_ADDRSTRLEN];
	const char *slash = strchr(words, '/');
	char *end = NULL;

	if (flood->source_count == SOURCES_MAX || !slash || (size_t)(slash - words) >= sizeof(text))
		return fail("no prefix, or one too many:", words, -EINVAL);
	memcpy(text, words, (size_t)(slash - words));
	text[slash - words] = '\0';
	prefix->length = (unsigned)strtoul(slash + 1, &end, 10);
	if (end == slash + 1 || *end || prefix->length > 128 || inet_pton(AF_INET6, text, &prefix->address) != 1)
		return fail("no prefix:", words, -EINVAL);
	flood->source_count++;
	return 0;
}

static int take_key(struct flood *flood, const char *text)
{
	uint8_t key[32];

	if (key_parse(text, key))
		return fail("no public key:", text, -EINVAL);
	mac1_key(key, flood->mac1_key);
	flood->has_key = true;
	return 0;
}

static int read_options(struct flood *flood, int argc, char **argv)
{
	static const struct option words[] = {
		{"type", required_argument, NULL, 't'},
		{"key", required_argument, NULL, 'k'},
		{"hosts", no_argument, NULL, 'h'},
		{"frames", required_argument, NULL, 'f'},
		{"packets", required_argument, NULL, 'p'},
		{"seconds", required_argument, NULL, 's'},
		{},
	};
	int word, error = 0;

	while (!error && (word = getopt_long(argc, argv, "+", words, NULL)) != -1) {
		if (word == 't')
			error = add_type(flood, optarg);
		else if (word == 'k')
			error = take_key(flood, optarg);
		else if (word == 'h')
			flood->hosts = true;
		else if (word == 'f')
			flood->frames = strtoul(optarg, NULL, 10);
		else if (word == 'p')
			flood->packets = strtoul(optarg, NULL, 10);
		else if (word == 's')
			flood->seconds = atof(optarg);
		else
			error = -EINVAL;
	}
	if (!error && (!flood->frames || flood->frames > FRAMES_MAX))
		error = fail("no number of frames for", "--frames", -EINVAL);
	if (!error && (flood->seconds <= 0 || flood->seconds > 60))
		error = fail("no number of seconds up to 60 for", "--seconds", -EINVAL);
	return error;
}

static int read_words(struct flood *flood, int argc, char **argv)
{
	int error = read_options(flood, argc, argv);

	if (!error && argc - optind < 4)
		error = -EINVAL;
	for (size_t type = DATAGRAM_HELLO; !flood->type_count && type < ARRAY_LEN(type_names); type++)
		flood->types[type - DATAGRAM_HELLO] = (enum datagram_type)type;
	if (!flood->type_count)
		flood->type_count = ARRAY_LEN(flood->types);
	if (!error && !ether_aton_r(argv[optind + 1], (struct ether_addr *)flood->ethernet.h_dest))
		error = fail("no MAC address:", argv[optind + 1], -EINVAL);
	if (!error && inet_pton(AF_INET6, argv[optind + 2], &flood->target) != 1)
		error = fail("no IPv6 address:", argv[optind + 2], -EINVAL);
	for (int i = optind + 3; !error && i < argc; i++)
		error = add_source(flood, argv[i]);
	return error;
}

int main(int argc, char **argv)
{
	struct flood flood = {.frames = 8192, .seconds = 5, .ethernet.h_proto = htons(ETH_P_IPV6), .fd = -1};
	int error = key_library();

	if (error)
		return fail("cannot start", "libsodium", error), EXIT_FAILURE;
	error = read_words(&flood, argc, argv);
	if (error) {
		fprintf(stderr,
			"usage: ask_flood [--type hello|welcome|cookie|data]... [--key PUBLIC] [--hosts] [--frames N]\n"
			"                 [--packets N] [--seconds S] INTERFACE MAC TARGET SOURCE/LENGTH...\n");
		return 2;
	}
	error = open_interface(&flood, argv[optind]);
	if (!error)
		error = flood_run(&flood);
	if (flood.fd >= 0)
		close(flood.fd);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
