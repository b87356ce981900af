/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets out of the tap and back by the inject veth; see queue.h. The interfaces are made ready in queue_link.c.
 *
 * Tap and packet socket speak the same virtio header of 10 octets, which is carried as it is and never looked into. A GSO packet
 * stays one: tap and veth have the same limit (65,535 octets), so what was read whole is sent whole.
 *
 * Memory is bounded by the kernel: the tap holds TAP_PACKETS, the packet socket INJECT_OCTETS. What the caller keeps is its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/types.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "agent/queue.h"
#include "agent/queue_link.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/time.h"
#include "maps/waiting.h"

#define HEADER_LEN sizeof(struct virtio_net_hdr)
#define FRAME_MAX (ETH_HLEN + 2 * 4 + 65535) /* with two VLAN tags */
#define TAP_PACKETS 4096                     /* unread; what comes beyond is lost, and counted as the tap's drops */
#define READS_PER_ROUND 64                   /* before others in the loop have their turn */
/* Sent and still on its way, in some interface's queue: those that waited leave at once, not at the pace of their sender. */
#define INJECT_OCTETS (16 * 1024 * 1024)
#define OFFLOADS (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)
#define OFFLOADS_USO (0x20 | 0x40) /* TUN_F_USO4, TUN_F_USO6: since Linux 6.2 */

struct queue_names {
	char tap[IFNAMSIZ], in[IFNAMSIZ], out[IFNAMSIZ];
	struct mac address; /* of the tap */
};

struct queue {
	struct queue_names names;
	unsigned tap_ifindex, in_ifindex, out_ifindex;
	int tap_fd, inject_fd;
	struct loop_watch *watch;
	queue_fn fn;
	void *context;
	struct queue_counters counters;
	uint8_t buffer[HEADER_LEN + FRAME_MAX + 1]; /* a read that fills it was cut */
};

/* ---- names ---- */

/* FNV-1a: names of interfaces hold 15 characters, those of instances more. */
static uint32_t instance_hash(const char *instance)
{
	uint32_t hash = 2166136261u;

	for (; *instance; instance++)
		hash = (hash ^ (uint8_t)*instance) * 16777619u;
	return hash;
}

static struct queue_names names_of(const char *instance)
{
	uint32_t hash = instance_hash(instance);
	/* The kernel's choice could look like an address that a program wrote; 0x06 does not. */
	struct queue_names names = {
		.address = {{0x06, 0x6f, (uint8_t)(hash >> 24), (uint8_t)(hash >> 16), (uint8_t)(hash >> 8),
			(uint8_t)hash}},
	};

	snprintf(names.tap, sizeof(names.tap), "ovq-%08x", hash);
	snprintf(names.in, sizeof(names.in), "ovi-%08x", hash);
	snprintf(names.out, sizeof(names.out), "ovo-%08x", hash);
	return names;
}

/* ---- reading ---- */

/* Returns the octets of a packet, 0 when it was lost on the way, or -errno (-EAGAIN: there is none). */
static ssize_t tap_read(struct queue *queue)
{
	ssize_t length = read(queue->tap_fd, queue->buffer, sizeof(queue->buffer));

	if (length >= 0)
		return length;
	if (errno != EINVAL)
		return -errno;
	/* Of a kind of GSO for which the virtio header has no name. */
	queue->counters.failed++;
	return 0;
}

/* Returns NULL, and has counted, when what is in the buffer is nothing that waits or there is no memory for it. */
static struct queue_packet *packet_new(struct queue *queue, size_t length)
{
	const uint8_t *source = queue->buffer + HEADER_LEN + ETH_ALEN;
	struct queue_packet *packet;
	uint16_t number;
	uint32_t question;

	if (length < HEADER_LEN + ETH_HLEN || length == sizeof(queue->buffer) ||
		!waiting_mac_read(source, &number, &question)) {
		queue->counters.malformed++;
		return NULL;
	}
	packet = malloc(sizeof(*packet) + length);
	if (!packet) {
		queue->counters.failed++;
		return NULL;
	}
	*packet = (struct queue_packet){
		.arrived_ns = time_now_ns(),
		.length = (uint32_t)(length - HEADER_LEN),
		.port_number = number,
		.question = question,
		.held = waiting_mac_held(source),
	};
	memcpy(packet->octets, queue->buffer, length);
	queue->counters.read++;
	return packet;
}

/* Somebody removed the tap. Its descriptor would be ready for ever, and the loop busy with it. */
static void tap_gone(struct queue *queue, int error)
{
	if (!queue->watch)
		return;
	log_error("queue %s: cannot read: %s", queue->names.tap, strerror(-error));
	queue->counters.failed++;
	loop_unwatch(queue->watch);
	queue->watch = NULL;
}

unsigned queue_read(struct queue *queue, unsigned most)
{
	unsigned count;

	for (count = 0; count < most; count++) {
		ssize_t length = tap_read(queue);
		struct queue_packet *packet;

		if (length < 0) {
			if (length != -EAGAIN)
				tap_gone(queue, (int)length);
			break;
		}
		packet = length ? packet_new(queue, (size_t)length) : NULL;
		if (packet)
			queue->fn(queue->context, packet);
	}
	return count;
}

static void on_tap(void *context, uint32_t events)
{
	(void)events;
	queue_read(context, READS_PER_ROUND);
}

/* What a former agent left went with its descriptor; what came since then is of its questions, too. */
static int tap_drain(struct queue *queue)
{
	for (unsigned i = 0; i < TAP_PACKETS; i++) {
		ssize_t length = tap_read(queue);

		if (length < 0)
			return length == -EAGAIN ? 0 : (int)length;
		queue->counters.discarded++;
	}
	return 0;
}

/* ---- giving back ---- */

static int frame_send(const struct queue *queue, struct queue_packet *packet, uint32_t mark)
{
	union {
		struct cmsghdr header;
		uint8_t octets[CMSG_SPACE(sizeof(mark))];
	} control = {};
	struct iovec part = {.iov_base = packet->octets, .iov_len = HEADER_LEN + packet->length};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	control.header.cmsg_len = CMSG_LEN(sizeof(mark));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SO_MARK;
	memcpy(CMSG_DATA(&control.header), &mark, sizeof(mark));
	return sendmsg(queue->inject_fd, &message, MSG_DONTWAIT) < 0 ? -errno : 0;
}

int queue_inject(struct queue *queue, struct queue_packet *packet, const struct mac *source, uint32_t mark)
{
	int error;

	memcpy(packet->octets + HEADER_LEN + ETH_ALEN, source->octet, ETH_ALEN);
	error = frame_send(queue, packet, mark);
	if (error)
		queue->counters.failed++;
	else
		queue->counters.injected++;
	free(packet);
	return error;
}

void queue_discard(struct queue_packet *packet)
{
	free(packet);
}

/* ---- opening ---- */

/* Returns 0; -EBUSY: another process has this tap; or another -errno. */
static int tap_open(struct queue *queue)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int header = HEADER_LEN, fd;

	memcpy(request.ifr_name, queue->names.tap, IFNAMSIZ);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	queue->tap_fd = fd;
	if (ioctl(fd, TUNSETIFF, &request) || ioctl(fd, TUNSETVNETHDRSZ, &header))
		return -errno;
	if (ioctl(fd, TUNSETOFFLOAD, OFFLOADS | OFFLOADS_USO) && ioctl(fd, TUNSETOFFLOAD, OFFLOADS))
		return -errno;
	return ioctl(fd, TUNSETPERSIST, 1) ? -errno : 0;
}

static int links_ready(struct queue *queue)
{
	const struct queue_link out = {.name = queue->names.out}, in = {.name = queue->names.in};
	const struct queue_link tap = {
		.name = queue->names.tap,
		.address = &queue->names.address,
		.tx_queue_length = TAP_PACKETS,
	};
	int error = queue_link_pair(in.name, out.name);

	if (!error)
		error = queue_link_ready(&out, &queue->out_ifindex);
	if (!error)
		error = queue_link_ready(&in, &queue->in_ifindex);
	return error ? error : queue_link_ready(&tap, &queue->tap_ifindex);
}

static int inject_open(struct queue *queue)
{
	/* Protocol 0: it receives nothing. */
	const struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)queue->in_ifindex};
	const int on = 1, octets = INJECT_OCTETS;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	queue->inject_fd = fd;
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) ||
		setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &octets, sizeof(octets)) ||
		bind(fd, (const struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return 0;
}

static int watch_open(struct queue *queue, struct loop *loop)
{
	int error = tap_drain(queue);

	if (error)
		return error;
	queue->watch = loop_watch(loop, queue->tap_fd, EPOLLIN, on_tap, queue);
	return queue->watch ? 0 : -errno;
}

static int step(const struct queue *queue, const char *what, int error)
{
	if (error)
		log_error("queue %s: %s: %s", queue->names.tap, what, strerror(-error));
	return error;
}

int queue_open(struct loop *loop, const char *instance, queue_fn fn, void *context, struct queue **out)
{
	struct queue *queue = malloc(sizeof(*queue));
	int error;

	if (!queue) {
		log_error("queue: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	*queue = (struct queue){.names = names_of(instance),
		.tap_fd = -1,
		.inject_fd = -1,
		.fn = fn,
		.context = context};
	error = step(queue, "cannot open the tap", tap_open(queue));
	if (!error)
		error = step(queue, "cannot make the interfaces ready", links_ready(queue));
	if (!error)
		error = step(queue, "cannot open the packet socket", inject_open(queue));
	if (!error)
		error = step(queue, "cannot watch the tap", watch_open(queue, loop));
	if (error)
		queue_close(queue);
	else
		*out = queue;
	return error;
}

void queue_close(struct queue *queue)
{
	if (!queue)
		return;
	loop_unwatch(queue->watch);
	if (queue->inject_fd >= 0)
		close(queue->inject_fd);
	if (queue->tap_fd >= 0)
		close(queue->tap_fd);
	free(queue);
}

int queue_remove(const char *instance)
{
	const struct queue_names names = names_of(instance);
	int tap = queue_link_remove(names.tap);
	int in = queue_link_remove(names.in);
	int out = queue_link_remove(names.out); /* its peer may have been another's */

	return tap ? tap : in ? in : out;
}

unsigned queue_tap_ifindex(const struct queue *queue)
{
	return queue->tap_ifindex;
}

unsigned queue_inject_ifindex(const struct queue *queue)
{
	return queue->out_ifindex;
}

const char *queue_inject_name(const struct queue *queue)
{
	return queue->names.out;
}

const struct queue_counters *queue_counters(const struct queue *queue)
{
	return &queue->counters;
}
