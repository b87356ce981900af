/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of agent/queue.c against the kernel, in a namespace of their own. Needs root.
 *
 *   sender --AF_PACKET--> [ovq-HASH tap] --read--> queue --sendmsg--> [ovi-HASH]=veth=[ovo-HASH] --AF_PACKET--> observer
 *
 * The sender is what the redirect of a program would be; sender and observer speak the virtio header, so that checksum state and
 * GSO can be told from outside.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/types.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/queue.h"
#include "lib/error.h"
#include "lib/time.h"
#include "maps/waiting.h"

#define INSTANCE "a"
#define HASH "e40c292c" /* of "a", as published with FNV-1a */
#define TAP "ovq-" HASH
#define IN "ovi-" HASH
#define OUT "ovo-" HASH
#define BOUND_MS 20000 /* for each condition */
#define TAP_PACKETS 4096
#define ROUND 64
#define FRAME_MAX 65535
#define GSO_UDP_L4 5 /* VIRTIO_NET_HDR_GSO_UDP_L4, since Linux 6.2 */

struct wire {
	struct virtio_net_hdr header;
	uint8_t frame[FRAME_MAX];
} __attribute__((packed));

static const struct mac node = {{0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee}};
static struct loop *loop;
static struct queue *queue;
static int sender, observer;

/* What the queue handed over, in its order. */
static struct queue_packet *first, **last = &first;
static unsigned arrived, wanted;

static int PRINTF_LIKE(1, 2) run(const char *format, ...)
{
	char command[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	return system(command);
}

#define RUN(...) CU_ASSERT_EQUAL(run(__VA_ARGS__), 0)

static int namespace_make(void)
{
	return unshare(CLONE_NEWNET);
}

/* ---- sender and observer ---- */

static int packet_socket(unsigned ifindex, uint16_t protocol)
{
	const struct sockaddr_ll address = {.sll_family = AF_PACKET,
		.sll_ifindex = (int)ifindex,
		.sll_protocol = htons(protocol)};
	const int on = 1, octets = 64 * 1024 * 1024;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	CU_ASSERT_EQUAL_FATAL(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof(octets)), 0);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Sees only what has this mark. */
static int observer_of(uint32_t mark)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_MARK),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mark, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = {.len = ARRAY_LEN(code), .filter = code};
	int fd = packet_socket(if_nametoindex(OUT), ETH_P_ALL);

	CU_ASSERT_EQUAL_FATAL(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
	return fd;
}

static bool is_ready(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};

	return poll(&ready, 1, BOUND_MS) == 1;
}

/* Returns the octets of the frame, or -1: nothing came in time. */
static ssize_t observe(int fd, struct wire *out)
{
	ssize_t length = is_ready(fd) ? recv(fd, out, sizeof(*out), 0) : -1;

	return length < 0 ? -1 : length - (ssize_t)sizeof(out->header);
}

static bool is_quiet(int fd)
{
	struct wire wire;

	return recv(fd, &wire, sizeof(wire), MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static bool send_to_tap(const struct wire *wire, size_t length)
{
	return send(sender, wire, sizeof(wire->header) + length, 0) == (ssize_t)(sizeof(wire->header) + length);
}

/* ---- frames ---- */

/* Destination, source as a program writes it, type, and octets of which none is like the next. */
static void frame_fill(struct wire *wire, uint16_t number, uint32_t question, uint16_t type)
{
	*wire = (struct wire){};
	for (size_t i = 0; i < FRAME_MAX; i++)
		wire->frame[i] = (uint8_t)(i * 7 + i / 251);
	memcpy(wire->frame, "\x02\x01\x02\x03\x04\x05", ETH_ALEN);
	waiting_mac_write(wire->frame + ETH_ALEN, number, question);
	wire->frame[12] = (uint8_t)(type >> 8);
	wire->frame[13] = (uint8_t)type;
}

/* A UDP or TCP packet of `length` octets, with its checksum still partial; `gso_size` 0: no GSO. */
static void frame_l4(struct wire *wire, int family, uint8_t protocol, uint8_t gso_type, uint16_t gso_size,
	size_t length)
{
	const size_t l4 = ETH_HLEN + (family == AF_INET ? 20 : 40);
	const uint16_t l3_length = htons((uint16_t)(family == AF_INET ? length - ETH_HLEN : length - l4));

	frame_fill(wire, 7, 77, family == AF_INET ? ETH_P_IP : ETH_P_IPV6);
	if (family == AF_INET) {
		memcpy(wire->frame + ETH_HLEN, "\x45\0\0\0\0\1\0\0\x40\0\0\0\x0a\0\0\1\x0a\0\0\2", 20);
		memcpy(wire->frame + ETH_HLEN + 2, &l3_length, 2);
		wire->frame[ETH_HLEN + 9] = protocol;
	} else {
		memcpy(wire->frame + ETH_HLEN, "\x60\0\0\0\0\0\0\x40", 8);
		memcpy(wire->frame + ETH_HLEN + 4, &l3_length, 2);
		wire->frame[ETH_HLEN + 6] = protocol;
	}
	if (protocol == IPPROTO_TCP)
		wire->frame[l4 + 12] = 5 << 4;
	wire->header = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = gso_type,
		.gso_size = gso_size,
		.hdr_len = (uint16_t)(l4 + (protocol == IPPROTO_TCP ? 20 : 8)),
		.csum_start = (uint16_t)l4,
		.csum_offset = protocol == IPPROTO_TCP ? 16 : 6,
	};
}

/* ---- the queue ---- */

static void on_packet(void *context, struct queue_packet *packet)
{
	CU_ASSERT_PTR_EQUAL(context, &arrived);
	packet->next = NULL;
	*last = packet;
	last = &packet->next;
	if (++arrived == wanted)
		loop_stop(loop);
}

static void on_deadline(void *context)
{
	(void)context;
	loop_stop(loop);
}

/* Runs the loop until so many more are here. Returns false when they are not in time. */
static bool wait_for_packets(unsigned count)
{
	struct loop_timer *deadline = loop_timer(loop, on_deadline, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(deadline);
	loop_timer_at(deadline, time_now_ns() + BOUND_MS * NSEC_PER_MSEC);
	wanted = arrived + count;
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	loop_timer_free(deadline);
	return arrived >= wanted;
}

static struct queue_packet *packet_take(void)
{
	struct queue_packet *packet = first;

	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	first = packet->next;
	if (!first)
		last = &first;
	return packet;
}

static void packets_forget(void)
{
	while (first)
		queue_discard(packet_take());
}

static void begin(void)
{
	arrived = wanted = 0;
	loop = loop_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(loop);
	CU_ASSERT_EQUAL_FATAL(queue_open(loop, INSTANCE, on_packet, &arrived, &queue), 0);
	sender = packet_socket(queue_tap_ifindex(queue), 0);
	observer = packet_socket(queue_inject_ifindex(queue), ETH_P_ALL);
}

static void end(void)
{
	packets_forget();
	close(observer);
	close(sender);
	queue_close(queue);
	loop_free(loop);
}

/* Through the tap, the queue and the inject veth: exactly the same but for the source. */
static void pass(const struct wire *sent, size_t length)
{
	struct queue_packet *packet;
	static struct wire seen;
	struct wire expected = *sent;

	memcpy(expected.frame + ETH_ALEN, node.octet, ETH_ALEN);
	CU_ASSERT_FATAL(send_to_tap(sent, length));
	CU_ASSERT_FATAL(wait_for_packets(1));
	packet = packet_take();
	CU_ASSERT_EQUAL(packet->length, length);
	CU_ASSERT_EQUAL(queue_inject(queue, packet, &node, 1), 0);
	CU_ASSERT_EQUAL_FATAL(observe(observer, &seen), (ssize_t)length);
	CU_ASSERT_EQUAL(memcmp(seen.frame, expected.frame, length), 0);
	CU_ASSERT_EQUAL(seen.header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, sent->header.flags);
	CU_ASSERT_EQUAL(seen.header.gso_type, sent->header.gso_type);
	CU_ASSERT_EQUAL(seen.header.gso_size, sent->header.gso_size);
	CU_ASSERT_EQUAL(seen.header.csum_start, sent->header.csum_start);
	CU_ASSERT_EQUAL(seen.header.csum_offset, sent->header.csum_offset);
	CU_ASSERT(is_quiet(observer));
	CU_ASSERT_EQUAL(queue_read(queue, 1), 0);
}

/* ---- tests: interfaces ---- */

static void test_interfaces(void)
{
	static const char *const names[] = {TAP, IN, OUT};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		RUN("ip link show %s | grep -q '<[^>]*NOARP[^>]*,UP[,>]'", names[i]);
		RUN("test -z \"$(ip -o addr show dev %s)\"", names[i]);
		RUN("ip -d link show %s | grep -q 'addrgenmode none'", names[i]);
		RUN("test $(cat /proc/sys/net/ipv6/conf/%s/disable_ipv6) = 1", names[i]);
	}
	RUN("ip -d link show " TAP " | grep -q 'mtu 65521 .*qlen 4096'");
	RUN("ip -d link show " TAP " | grep -q 'tun type tap pi off vnet_hdr on persist on'");
	RUN("ip link show " IN " | grep -q '" IN "@" OUT ": .*mtu 65535 '");
	RUN("ip link show " OUT " | grep -q '" OUT "@" IN ": .*mtu 65535 '");
	CU_ASSERT_EQUAL(queue_tap_ifindex(queue), if_nametoindex(TAP));
	CU_ASSERT_EQUAL(queue_inject_ifindex(queue), if_nametoindex(OUT));
	CU_ASSERT_STRING_EQUAL(queue_inject_name(queue), OUT);
	end();
	CU_ASSERT(if_nametoindex(TAP) && if_nametoindex(IN) && if_nametoindex(OUT));
}

static void test_two_instances(void)
{
	struct queue *other = NULL;

	begin();
	CU_ASSERT_EQUAL_FATAL(queue_open(loop, "an instance with a long name", on_packet, &arrived, &other), 0);
	CU_ASSERT_NOT_EQUAL(queue_tap_ifindex(other), queue_tap_ifindex(queue));
	CU_ASSERT_NOT_EQUAL(queue_inject_ifindex(other), queue_inject_ifindex(queue));
	queue_close(other);
	CU_ASSERT_EQUAL(queue_remove("an instance with a long name"), 0);
	RUN("test $(ip -o link show | grep -c ' ov[qio]-') -eq 3");
	end();
}

static void test_foreign_interfaces(void)
{
	CU_ASSERT_EQUAL(queue_remove(INSTANCE), 0);
	RUN("ip link add " IN " type veth peer name other0 && ip link add " OUT " type bridge");
	begin();
	RUN("test -z \"$(ip -o link show | grep other0)\"");
	RUN("ip link show " IN " | grep -q '" IN "@" OUT ":'");
	end();
	/* A pair whose ends have been renamed is another one. */
	RUN("ip link set " OUT " down && ip link set " OUT " name other1");
	begin();
	RUN("test -z \"$(ip -o link show | grep other1)\"");
	RUN("ip link show " IN " | grep -q '" IN "@" OUT ":'");
	end();
}

static void test_settings_again(void)
{
	begin();
	end();
	RUN("ip link set " TAP " down mtu 1500 txqueuelen 10 address 02:00:00:00:00:01 && ip link set " IN
	    " down mtu 1500 && "
	    "ip link set " OUT " down && ip link set " OUT " mtu 1500 arp on");
	test_interfaces();
}

/* A process that holds the queue until it is killed. */
static pid_t holder_start(void)
{
	int told[2];
	char octet;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(told), 0);
	pid = fork();
	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		loop = loop_new();
		if (!loop || queue_open(loop, INSTANCE, on_packet, &arrived, &queue) || write(told[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(told[1]);
	CU_ASSERT_EQUAL_FATAL(read(told[0], &octet, 1), 1);
	close(told[0]);
	return pid;
}

static void test_take_over(void)
{
	struct queue *none = NULL;
	unsigned tap, out;
	struct wire wire;
	pid_t holder;

	CU_ASSERT_EQUAL(queue_remove(INSTANCE), 0);
	holder = holder_start();
	tap = if_nametoindex(TAP);
	out = if_nametoindex(OUT);
	loop = loop_new();
	CU_ASSERT_EQUAL(queue_open(loop, INSTANCE, on_packet, &arrived, &none), -EBUSY);
	CU_ASSERT_PTR_NULL(none);
	loop_free(loop);
	/* It is left unread. */
	sender = packet_socket(tap, 0);
	frame_fill(&wire, 1, 2, 0x88b5);
	CU_ASSERT(send_to_tap(&wire, 100));
	close(sender);
	CU_ASSERT_EQUAL(kill(holder, SIGKILL), 0);
	CU_ASSERT_EQUAL(waitpid(holder, NULL, 0), holder);

	begin();
	CU_ASSERT_EQUAL(queue_tap_ifindex(queue), tap);
	CU_ASSERT_EQUAL(queue_inject_ifindex(queue), out);
	CU_ASSERT_EQUAL(queue_read(queue, 1), 0);
	frame_l4(&wire, AF_INET, IPPROTO_UDP, 0, 0, 60);
	pass(&wire, 60);
	end();
}

static void test_remove(void)
{
	begin();
	end();
	CU_ASSERT_EQUAL(queue_remove(INSTANCE), 0);
	CU_ASSERT(!if_nametoindex(TAP) && !if_nametoindex(IN) && !if_nametoindex(OUT));
	CU_ASSERT_EQUAL(queue_remove(INSTANCE), 0);
	CU_ASSERT_EQUAL(queue_remove("never there"), 0);
	RUN("ip link add " OUT " type bridge");
	CU_ASSERT_EQUAL(queue_remove(INSTANCE), 0);
	CU_ASSERT_EQUAL(if_nametoindex(OUT), 0);
}

/* ---- tests: packets ---- */

static void test_numbers(void)
{
	static const struct {
		uint16_t number;
		uint32_t question;
		size_t length;
	} cases[] = {{0, 0, ETH_HLEN}, {1, 2, 60}, {255, 256, 61}, {256, 0x12345678, 1514}, {4095, UINT32_MAX, 65535}};
	struct queue_packet *packet;
	uint64_t before_ns;
	struct wire wire;

	begin();
	before_ns = time_now_ns();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		frame_fill(&wire, cases[i].number, cases[i].question, 0x88b5);
		CU_ASSERT(send_to_tap(&wire, cases[i].length));
	}
	CU_ASSERT_FATAL(wait_for_packets(ARRAY_LEN(cases)));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		packet = packet_take();
		frame_fill(&wire, cases[i].number, cases[i].question, 0x88b5);
		CU_ASSERT_EQUAL(packet->port_number, cases[i].number);
		CU_ASSERT_EQUAL(packet->question, cases[i].question);
		CU_ASSERT_EQUAL_FATAL(packet->length, cases[i].length);
		CU_ASSERT(packet->arrived_ns >= before_ns && packet->arrived_ns <= time_now_ns());
		CU_ASSERT_EQUAL(memcmp(packet->octets + sizeof(wire.header), wire.frame, packet->length), 0);
		queue_discard(packet);
	}
	CU_ASSERT_EQUAL(queue_counters(queue)->read, ARRAY_LEN(cases));
	CU_ASSERT_EQUAL(queue_counters(queue)->malformed, 0);
	end();
}

/* What no program has written: the tap's own address, another one, a group. */
static void test_malformed(void)
{
	static const uint8_t first_octets[] = {0x00, 0x01, 0x03, 0x06, 0x0b, 0x0e, 0xfe};
	struct ifreq request = {.ifr_name = TAP};
	struct wire wire;

	begin();
	CU_ASSERT_EQUAL(ioctl(sender, SIOCGIFHWADDR, &request), 0);
	frame_fill(&wire, 1, 1, ETH_P_IP);
	memcpy(wire.frame + ETH_ALEN, request.ifr_hwaddr.sa_data, ETH_ALEN);
	CU_ASSERT(send_to_tap(&wire, 60));
	for (size_t i = 0; i < ARRAY_LEN(first_octets); i++) {
		wire.frame[ETH_ALEN] = first_octets[i];
		CU_ASSERT(send_to_tap(&wire, 60));
	}
	frame_fill(&wire, 9, 9, ETH_P_IP);
	CU_ASSERT(send_to_tap(&wire, 60));
	CU_ASSERT_FATAL(wait_for_packets(1));
	CU_ASSERT_EQUAL(first->port_number, 9);
	CU_ASSERT_EQUAL(queue_counters(queue)->read, 1);
	CU_ASSERT_EQUAL(queue_counters(queue)->malformed, 1 + ARRAY_LEN(first_octets));
	end();
}

static void test_checksum_and_gso(void)
{
	static const struct {
		int family;
		uint8_t protocol, gso_type;
		uint16_t gso_size;
		size_t length;
	} cases[] = {
		{AF_INET, IPPROTO_UDP, 0, 0, 60},
		{AF_INET6, IPPROTO_UDP, 0, 0, 1514},
		{AF_INET, IPPROTO_TCP, 0, 0, 54},
		{AF_INET, IPPROTO_TCP, VIRTIO_NET_HDR_GSO_TCPV4, 1448, 32 * 1024},
		{AF_INET, IPPROTO_TCP, VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, 536, 8000},
		{AF_INET6, IPPROTO_TCP, VIRTIO_NET_HDR_GSO_TCPV6, 1428, 32 * 1024},
		{AF_INET, IPPROTO_TCP, VIRTIO_NET_HDR_GSO_TCPV4, 1448, FRAME_MAX},
	};
	struct wire wire;

	begin();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		frame_l4(&wire, cases[i].family, cases[i].protocol, cases[i].gso_type, cases[i].gso_size,
			cases[i].length);
		pass(&wire, cases[i].length);
	}
	/* Nothing to be done about the checksum: it stays so. */
	frame_l4(&wire, AF_INET, IPPROTO_UDP, 0, 0, 200);
	wire.header = (struct virtio_net_hdr){};
	pass(&wire, 200);
	CU_ASSERT_EQUAL(queue_counters(queue)->injected, ARRAY_LEN(cases) + 1);
	CU_ASSERT_EQUAL(queue_counters(queue)->failed, 0);
	end();
}

static void test_udp_segmentation(void)
{
	struct wire wire;

	begin();
	frame_l4(&wire, AF_INET, IPPROTO_UDP, GSO_UDP_L4, 1000, 20042);
	if (!send_to_tap(&wire, 20042) && errno == EINVAL) {
		puts("skip - UDP segmentation: virtio headers have had it since Linux 6.2");
	} else {
		CU_ASSERT_FATAL(wait_for_packets(1));
		packets_forget();
		pass(&wire, 20042);
	}
	end();
}

/* Held back, then given back at once: in the order of their arrival, each once. */
static void test_order(void)
{
	enum { COUNT = 1000 };
	static struct wire wire;
	uint32_t place;

	begin();
	for (uint32_t i = 0; i < COUNT; i++) {
		frame_fill(&wire, (uint16_t)(i % 3), i, 0x88b5);
		memcpy(wire.frame + ETH_HLEN, &i, sizeof(i));
		CU_ASSERT_FATAL(send_to_tap(&wire, 64 + i % 1400));
	}
	CU_ASSERT_FATAL(wait_for_packets(COUNT));
	for (uint32_t i = 0; i < COUNT; i++)
		CU_ASSERT_EQUAL(queue_inject(queue, packet_take(), &node, i), 0);
	for (uint32_t i = 0; i < COUNT; i++) {
		CU_ASSERT_EQUAL_FATAL(observe(observer, &wire), 64 + i % 1400);
		memcpy(&place, wire.frame + ETH_HLEN, sizeof(place));
		CU_ASSERT_EQUAL(place, i);
		CU_ASSERT_EQUAL(memcmp(wire.frame + ETH_ALEN, node.octet, ETH_ALEN), 0);
	}
	CU_ASSERT(is_quiet(observer));
	CU_ASSERT_EQUAL(queue_counters(queue)->read, COUNT);
	CU_ASSERT_EQUAL(queue_counters(queue)->injected, COUNT);
	end();
}

/* Each packet has its own, whatever the one before it had. */
static void test_marks(void)
{
	static const uint32_t marks[] = {0x0f010000, 0, 0x0f010fff, 0x0f010fff, 0, UINT32_MAX, 0x0f010000};
	int observers[ARRAY_LEN(marks)];
	struct wire wire;

	begin();
	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		observers[i] = observer_of(marks[i]);
	for (uint32_t i = 0; i < ARRAY_LEN(marks); i++) {
		frame_fill(&wire, 1, i, 0x88b5);
		wire.frame[ETH_HLEN] = (uint8_t)i;
		CU_ASSERT(send_to_tap(&wire, 60));
	}
	CU_ASSERT_FATAL(wait_for_packets(ARRAY_LEN(marks)));
	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		CU_ASSERT_EQUAL(queue_inject(queue, packet_take(), &node, marks[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		for (size_t j = 0; j < ARRAY_LEN(marks); j++) {
			if (marks[j] != marks[i])
				continue;
			CU_ASSERT_EQUAL_FATAL(observe(observers[i], &wire), 60);
			CU_ASSERT_EQUAL(wire.frame[ETH_HLEN], j);
		}
		CU_ASSERT(is_quiet(observers[i]));
		close(observers[i]);
	}
	end();
}

/* ---- tests: bounds and failures ---- */

static void test_bounds(void)
{
	struct wire wire;

	begin();
	frame_fill(&wire, 1, 1, 0x88b5);
	for (unsigned i = 0; i < TAP_PACKETS + 500; i++)
		send_to_tap(&wire, 60); /* told or not, the last ones are lost */
	CU_ASSERT_EQUAL(queue_read(queue, 10), 10);
	CU_ASSERT_EQUAL(arrived, 10);
	/* The first one ends the loop: what else comes is of the same round. */
	wanted = arrived + 1;
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	CU_ASSERT_EQUAL(arrived, 10 + ROUND);
	CU_ASSERT_EQUAL(queue_read(queue, 2 * TAP_PACKETS), TAP_PACKETS - 10 - ROUND);
	CU_ASSERT_EQUAL(arrived, TAP_PACKETS);
	CU_ASSERT_EQUAL(queue_read(queue, 1), 0);
	CU_ASSERT(send_to_tap(&wire, 60));
	CU_ASSERT(wait_for_packets(1));
	end();
}

/* Somebody sends without a pause while the queue is opened, again and again. */
static pid_t flood_start(void)
{
	struct wire wire;
	pid_t pid = fork();

	CU_ASSERT_FATAL(pid >= 0);
	if (pid)
		return pid;
	sender = packet_socket(if_nametoindex(TAP), 0);
	frame_fill(&wire, 1, 1, 0x88b5);
	for (;;)
		send_to_tap(&wire, 60);
}

static void test_discarded(void)
{
	const uint64_t until_ns = time_now_ns() + BOUND_MS * NSEC_PER_MSEC;
	bool discarded = false;
	pid_t flood;

	begin();
	end();
	/* Not while it is open: the child would have it, too. */
	flood = flood_start();
	while (!discarded && time_now_ns() < until_ns) {
		begin();
		discarded = queue_counters(queue)->discarded > 0;
		CU_ASSERT_EQUAL(queue_counters(queue)->read, 0);
		if (discarded)
			CU_ASSERT(wait_for_packets(1));
		end();
	}
	CU_ASSERT(discarded);
	CU_ASSERT_EQUAL(kill(flood, SIGKILL), 0);
	CU_ASSERT_EQUAL(waitpid(flood, NULL, 0), flood);
}

static void test_inject_fails(void)
{
	struct wire wire;

	begin();
	frame_l4(&wire, AF_INET, IPPROTO_UDP, 0, 0, 60);
	CU_ASSERT(send_to_tap(&wire, 60) && send_to_tap(&wire, 60) && wait_for_packets(2));
	RUN("ip link set " IN " down");
	CU_ASSERT_EQUAL(queue_inject(queue, packet_take(), &node, 0), -ENETDOWN);
	RUN("ip link set " IN " up");
	pass(&wire, 60);
	RUN("ip link del " IN);
	CU_ASSERT_EQUAL(queue_inject(queue, packet_take(), &node, 0), -ENXIO);
	CU_ASSERT_EQUAL(queue_counters(queue)->failed, 2);
	CU_ASSERT_EQUAL(queue_counters(queue)->injected, 1);
	end();
}

static void loop_for(uint64_t duration_ns)
{
	struct loop_timer *timer = loop_timer(loop, on_deadline, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(timer);
	loop_timer_at(timer, time_now_ns() + duration_ns);
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	loop_timer_free(timer);
}

/* The loop is told once, and not busy with it after that. */
static void test_tap_gone(void)
{
	struct wire wire;

	begin();
	frame_l4(&wire, AF_INET, IPPROTO_UDP, 0, 0, 60);
	CU_ASSERT(send_to_tap(&wire, 60) && wait_for_packets(1));
	RUN("ip link del " TAP);
	for (unsigned i = 0; i < BOUND_MS && !queue_counters(queue)->failed; i++)
		loop_for(NSEC_PER_MSEC);
	loop_for(20 * NSEC_PER_MSEC);
	CU_ASSERT_EQUAL(queue_read(queue, 1), 0);
	CU_ASSERT_EQUAL(queue_counters(queue)->failed, 1);
	CU_ASSERT_EQUAL(queue_inject(queue, packet_take(), &node, 0), 0);
	CU_ASSERT_EQUAL(observe(observer, &wire), 60);
	end();
	begin();
	frame_l4(&wire, AF_INET, IPPROTO_UDP, 0, 0, 60);
	pass(&wire, 60);
	end();
}

int main(void)
{
	static const struct {
		const char *name;
		CU_TestFunc fn;
	} tests[] = {
		{"interfaces are made, silent, and stay", test_interfaces},
		{"two instances beside each other", test_two_instances},
		{"others' interfaces of the same names make room", test_foreign_interfaces},
		{"settings that somebody changed are set again", test_settings_again},
		{"a killed process's interfaces are taken over", test_take_over},
		{"port number, question and octets", test_numbers},
		{"what no program wrote is counted and left out", test_malformed},
		{"partial checksums and GSO pass whole", test_checksum_and_gso},
		{"UDP segmentation passes whole", test_udp_segmentation},
		{"order is kept, each packet comes once", test_order},
		{"each packet has its mark", test_marks},
		{"the tap and a round have bounds", test_bounds},
		{"what came before opening is thrown away", test_discarded},
		{"giving back fails, and works again", test_inject_fails},
		{"the tap vanishes", test_tap_gone},
		{"all is removed", test_remove},
	};
	unsigned failures;
	CU_pSuite suite;

	if (geteuid() != 0) {
		fprintf(stderr, "SKIP test_queue: needs root\n");
		return 77;
	}
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	suite = CU_add_suite("queue", namespace_make, NULL);
	if (!suite)
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(tests); i++)
		if (!CU_add_test(suite, tests[i].name, tests[i].fn))
			return 1;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
	CU_cleanup_registry();
	return failures != 0;
}
