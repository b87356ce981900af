/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A node that tries every port of many others: UDP datagrams or TCP SYNs from this namespace, as fast as it can or at
 * a given rate, for a bounded time.
 *
 *   scan [--tcp] [--rate PACKETS-A-SECOND] [--seconds S] PORT[-PORT] ADDRESS[-ADDRESS]...
 *
 * One port of all addresses, then the next port. Everything comes from one socket (UDP) or one source port (TCP), the
 * kernel makes IP header and frame; addresses whose neighbour is not known cost the kernel's queueing, not this one's.
 * Ends after the last port, or after --seconds (default 10). Prints a line "NAME VALUE" each: sent, refused (by the
 * kernel), rate (sent a second). Answers are not read.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/socket.h>

#include "lib/error.h"

#define BATCH 64
#define ADDRESSES_MAX 65536u
#define PAYLOAD_LEN 16
#define SOURCE_PORT 40000 /* of SYNs */
#define NSEC_PER_SEC 1000000000ull

struct scan {
	bool tcp;
	unsigned long rate; /* 0: no bound */
	double seconds;
	unsigned long low, high;
	uint32_t addresses[ADDRESSES_MAX]; /* host order */
	size_t address_count;
	int fd;
	struct in_addr source;
	uint64_t sent, refused;
};

/* A batch of datagrams that sendmmsg() takes. */
struct batch {
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	struct sockaddr_in to[BATCH];
	union {
		struct tcphdr tcp;
		uint8_t payload[PAYLOAD_LEN];
	} content[BATCH];
	unsigned count;
};

static int fail(const char *what, const char *object, int error)
{
	fprintf(stderr, "scan: %s %s: %s\n", what, object, strerror(-error));
	return error;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t at_ns)
{
	struct timespec at = {.tv_sec = (time_t)(at_ns / NSEC_PER_SEC), .tv_nsec = (long)(at_ns % NSEC_PER_SEC)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* "ADDRESS" or "ADDRESS-ADDRESS". */
static int add_addresses(struct scan *scan, const char *words)
{
	char text[64];
	char *dash;
	struct in_addr first, last;

	if (strlen(words) >= sizeof(text))
		return fail("no address", words, -EINVAL);
	strcpy(text, words);
	dash = strchr(text, '-');
	if (dash)
		*dash = '\0';
	if (inet_pton(AF_INET, text, &first) != 1 || inet_pton(AF_INET, dash ? dash + 1 : text, &last) != 1 ||
		ntohl(last.s_addr) < ntohl(first.s_addr))
		return fail("no address or range", words, -EINVAL);
	if (ntohl(last.s_addr) - ntohl(first.s_addr) >= ADDRESSES_MAX - scan->address_count)
		return fail("too many addresses with", words, -E2BIG);
	for (uint64_t address = ntohl(first.s_addr); address <= ntohl(last.s_addr); address++)
		scan->addresses[scan->address_count++] = (uint32_t)address;
	return 0;
}

static int parse_ports(struct scan *scan, const char *words)
{
	char *end;

	scan->low = strtoul(words, &end, 10);
	scan->high = *end == '-' ? strtoul(end + 1, &end, 10) : scan->low;
	if (end == words || *end || !scan->low || scan->low > scan->high || scan->high > 65535)
		return fail("no port or range", words, -EINVAL);
	return 0;
}

/* The source address that the kernel takes toward the first destination; a SYN's checksum needs it. */
static int find_source(struct scan *scan)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
	scope_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(address);

	address.sin_addr.s_addr = htonl(scan->addresses[0]);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
		getsockname(fd, (struct sockaddr *)&address, &length))
		return -errno;
	scan->source = address.sin_addr;
	return 0;
}

static uint16_t syn_checksum(const struct tcphdr *syn, struct in_addr source, struct in_addr destination)
{
	uint16_t words[sizeof(*syn) / 2];
	uint32_t sum = htons(IPPROTO_TCP) + htons(sizeof(*syn));

	memcpy(words, syn, sizeof(words));
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		sum += words[i];
	sum += (source.s_addr & 0xffff) + (source.s_addr >> 16);
	sum += (destination.s_addr & 0xffff) + (destination.s_addr >> 16);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void batch_add(const struct scan *scan, struct batch *batch, uint32_t address, uint16_t port)
{
	unsigned i = batch->count++;
	struct tcphdr *syn = &batch->content[i].tcp;

	batch->to[i] = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
	batch->parts[i] =
		(struct iovec){.iov_base = &batch->content[i], .iov_len = scan->tcp ? sizeof(*syn) : PAYLOAD_LEN};
	batch->messages[i].msg_hdr = (struct msghdr){
		.msg_name = &batch->to[i],
		.msg_namelen = sizeof(batch->to[i]),
		.msg_iov = &batch->parts[i],
		.msg_iovlen = 1,
	};
	if (!scan->tcp) {
		batch->to[i].sin_port = htons(port);
		return;
	}
	*syn = (struct tcphdr){
		.source = htons(SOURCE_PORT),
		.dest = htons(port),
		.seq = htonl(address ^ port),
		.doff = sizeof(*syn) / 4,
		.syn = 1,
		.window = htons(65535),
	};
	syn->check = syn_checksum(syn, scan->source, batch->to[i].sin_addr);
}

/* What the kernel refuses is counted and left out; a scan does not come back to it. */
static void batch_send(struct scan *scan, struct batch *batch)
{
	unsigned done = 0;
	int sent;

	while (done < batch->count) {
		sent = sendmmsg(scan->fd, batch->messages + done, batch->count - done, MSG_DONTWAIT);
		if (sent <= 0) {
			scan->refused++;
			sent = 1;
		} else {
			scan->sent += (uint64_t)sent;
		}
		done += (unsigned)sent;
	}
	batch->count = 0;
}

/* True while there is time. Sleeps when the scan is ahead of its rate. */
static bool go_on(const struct scan *scan, uint64_t start_ns)
{
	uint64_t end_ns = start_ns + (uint64_t)(scan->seconds * (double)NSEC_PER_SEC);
	uint64_t due_ns = start_ns;

	if (scan->rate) {
		due_ns += (scan->sent + scan->refused) * NSEC_PER_SEC / scan->rate;
		sleep_until(due_ns < end_ns ? due_ns : end_ns);
	}
	return now_ns() < end_ns;
}

static void scan_all(struct scan *scan)
{
	static struct batch batch; /* large, zeros */
	uint64_t start_ns = now_ns();
	double elapsed;

	for (unsigned long port = scan->low; port <= scan->high; port++) {
		for (size_t i = 0; i < scan->address_count; i++) {
			batch_add(scan, &batch, scan->addresses[i], (uint16_t)port);
			if (batch.count < BATCH)
				continue;
			batch_send(scan, &batch);
			if (!go_on(scan, start_ns))
				goto out;
		}
	}
	batch_send(scan, &batch);
out:
	elapsed = (double)(now_ns() - start_ns) / (double)NSEC_PER_SEC;
	printf("sent %llu\nrefused %llu\nrate %.0f\n", (unsigned long long)scan->sent,
		(unsigned long long)scan->refused, (double)scan->sent / elapsed);
}

static int scan_run(struct scan *scan)
{
	int error = 0;

	if (scan->tcp)
		error = find_source(scan);
	if (error)
		return fail("no way to", "the first address", error);
	scan->fd = socket(AF_INET, (scan->tcp ? SOCK_RAW : SOCK_DGRAM) | SOCK_CLOEXEC, scan->tcp ? IPPROTO_TCP : 0);
	if (scan->fd < 0)
		return fail("cannot open", "the socket", -errno);
	scan_all(scan);
	close(scan->fd);
	return 0;
}

static int read_options(struct scan *scan, int argc, char **argv)
{
	static const struct option words[] = {
		{"tcp", no_argument, NULL, 't'},
		{"rate", required_argument, NULL, 'r'},
		{"seconds", required_argument, NULL, 's'},
		{},
	};
	int word;

	scan->seconds = 10;
	while ((word = getopt_long(argc, argv, "+", words, NULL)) != -1) {
		if (word == 't')
			scan->tcp = true;
		else if (word == 'r')
			scan->rate = strtoul(optarg, NULL, 10);
		else if (word == 's')
			scan->seconds = atof(optarg);
		else
			return -EINVAL;
	}
	if (scan->seconds <= 0 || scan->seconds > 600)
		return fail("no number of seconds up to 600 for", "--seconds", -EINVAL);
	return argc - optind < 2 ? -EINVAL : 0;
}

int main(int argc, char **argv)
{
	static struct scan scan; /* large, zeros */
	int error = read_options(&scan, argc, argv);

	if (!error)
		error = parse_ports(&scan, argv[optind]);
	for (int i = optind + 1; !error && i < argc; i++)
		error = add_addresses(&scan, argv[i]);
	if (error) {
		fprintf(stderr,
			"usage: scan [--tcp] [--rate PACKETS-A-SECOND] [--seconds S] PORT[-PORT] ADDRESS[-ADDRESS]...\n");
		return 2;
	}
	return scan_run(&scan) ? EXIT_FAILURE : EXIT_SUCCESS;
}
