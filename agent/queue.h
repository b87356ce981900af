/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way of packets that wait for a verdict: out of the kernel by a tap, back into it by a veth (DTM-7).
 *
 * A ring buffer cannot carry them: a program does not see that a checksum is still partial, and the first packets of every veth have
 * one. The tap (IFF_VNET_HDR) hands over checksum state and GSO with each packet; AF_PACKET (PACKET_VNET_HDR, SO_MARK) gives them back on
 * the inject veth, whose other end runs the inject program: the node program for a packet that waited.
 *
 *   node program --redirect--> [ovq-HASH tap] --read--> agent --sendmsg--> [ovi-HASH]=veth=[ovo-HASH] tc ingress: inject program
 *
 * Knows nothing of questions and verdicts (agent/question.c); holds no list.
 */
#ifndef OVNET_AGENT_QUEUE_H
#define OVNET_AGENT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"
#include "lib/loop.h"

struct queue;

/* A packet that waits; owned by who got it, until queue_inject() or queue_discard(). */
struct queue_packet {
	struct queue_packet *next; /* for the owner's list */
	uint64_t arrived_ns;
	uint32_t length;      /* octets of the frame */
	uint16_t port_number; /* from the Ethernet source address that the program wrote: which port, */
	uint32_t question;    /* and which question of it */
	bool held;            /* an arrival for the node, not a packet of it */
	/* the virtio_net_hdr (10 octets) and the frame: */
	uint8_t octets[];
};

typedef void (*queue_fn)(void *context, struct queue_packet *packet);

/*
 * Makes the interfaces, or takes over those that an agent before this one left (the tap is persistent, so that the programs' idea of it
 * stays true): IPv6 off, no ARP, MTU 65,535 or the most that each takes, up. What was left unread in the tap is thrown away.
 * `fn` gets each packet from then on; it may call anything here but queue_close().
 * Returns 0; -EBUSY: another process holds the tap; or another -errno (logged). *out is untouched on failure.
 */
int queue_open(struct loop *loop, const char *instance, queue_fn fn, void *context, struct queue **out);

/* Lets go; the interfaces stay. NULL is allowed. */
void queue_close(struct queue *queue);

/* Removes the interfaces of an instance, if they are there. Works without queue_open(). Returns 0 or -errno. */
int queue_remove(const char *instance);

unsigned queue_tap_ifindex(const struct queue *queue);    /* where programs send what shall wait */
unsigned queue_inject_ifindex(const struct queue *queue); /* where the inject program goes: ovo-HASH */
const char *queue_inject_name(const struct queue *queue);

/*
 * Reads what is in the tap now; at most `most` packets. For who must know that nothing is left. Returns how many came, those that
 * were counted and not handed over among them: fewer than `most` means that the tap was empty.
 */
unsigned queue_read(struct queue *queue, unsigned most);

/*
 * Gives a packet back to the kernel, with `source` as Ethernet source again and `mark` as its mark; frees it. Returns 0 or -errno
 * (-ENOBUFS or -EAGAIN: the kernel had no room; the packet is gone and the caller counts it).
 */
int queue_inject(struct queue *queue, struct queue_packet *packet, const struct mac *source, uint32_t mark);
void queue_discard(struct queue_packet *packet);

struct queue_counters {
	uint64_t read;      /* handed to `fn` */
	uint64_t injected;  /* given back to the kernel */
	uint64_t discarded; /* in the tap when it was opened */
	uint64_t malformed; /* not written by a program: what the host itself sends there, say */
	uint64_t failed;    /* lost when reading or giving back, for want of memory or of the interface */
};
const struct queue_counters *queue_counters(const struct queue *queue);

#endif /* OVNET_AGENT_QUEUE_H */
