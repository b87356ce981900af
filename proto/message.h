/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every structure, length and limit on the wire of the negotiation, and the codec. docs/protocol.md describes them.
 *
 * Pure: no socket, no clock, no allocation. Network byte order on the wire, host order in the structures here.
 * A decoder takes exactly what it was given or nothing: a length that does not fit, a version or kind that is not known, a
 * reserved field that is not zero, octets left over: -EBADMSG, and outputs are untouched.
 */
#ifndef OVNET_PROTO_MESSAGE_H
#define OVNET_PROTO_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"
#include "proto/passport.h"

#define PROTO_PORT 6190
#define PROTO_VERSION 1
#define PROTO_DATAGRAM_MAX 1232 /* UDP payload: fits the least IPv6 MTU */

/* ---- datagrams: { type u8, version u8, reserved u16 = 0, ... } */

enum datagram_type {
	DATAGRAM_HELLO = 1,   /* handshake, initiator */
	DATAGRAM_WELCOME = 2, /* handshake, responder */
	DATAGRAM_COOKIE = 3,  /* "prove that you receive at this address" */
	DATAGRAM_DATA = 4,    /* sealed messages */
};

#define DATAGRAM_HEADER_LEN 4
#define DATAGRAM_KEY_LEN 32
#define DATAGRAM_TAG_LEN 16
#define DATAGRAM_MAC_LEN 16
#define DATAGRAM_NONCE_LEN 24
/* Seconds u64, nanoseconds u32; only compared with others of the same peer. */
#define DATAGRAM_STAMP_LEN 12

/*
 * HELLO    header, sender index u32, ephemeral 32, sealed static key 32 + 16, sealed (stamp 12, host passport) + 16, mac1 16, mac2 16
 * WELCOME  header, sender index u32, receiver index u32, ephemeral 32, sealed (host passport) + 16, mac1 16, mac2 16
 * COOKIE   header, receiver index u32, nonce 24, sealed cookie 16 + 16
 * DATA     header, receiver index u32, counter u64, sealed messages + 16
 * Both passports have one fixed length, so HELLO is longer than WELCOME, and WELCOME than COOKIE.
 */
#define DATAGRAM_HELLO_LEN                                                                                             \
	(DATAGRAM_HEADER_LEN + 4 + DATAGRAM_KEY_LEN + DATAGRAM_KEY_LEN + DATAGRAM_TAG_LEN + DATAGRAM_STAMP_LEN +       \
		HOST_PASSPORT_LEN + DATAGRAM_TAG_LEN + 2 * DATAGRAM_MAC_LEN)
#define DATAGRAM_WELCOME_LEN                                                                                           \
	(DATAGRAM_HEADER_LEN + 8 + DATAGRAM_KEY_LEN + HOST_PASSPORT_LEN + DATAGRAM_TAG_LEN + 2 * DATAGRAM_MAC_LEN)
#define DATAGRAM_COOKIE_LEN (DATAGRAM_HEADER_LEN + 4 + DATAGRAM_NONCE_LEN + 16 + DATAGRAM_TAG_LEN)
#define DATAGRAM_DATA_OVERHEAD (DATAGRAM_HEADER_LEN + 4 + 8 + DATAGRAM_TAG_LEN)
#define PROTO_PLAIN_MAX (PROTO_DATAGRAM_MAX - DATAGRAM_DATA_OVERHEAD)

/* ---- messages, inside DATA: { kind u8, flags u8 = 0, length u16 of the body, id u32 }, body; several may follow each other */

enum message_kind {
	MESSAGE_ASK = 1,         /* may this node of mine send that to yours? */
	MESSAGE_GRANT = 2,       /* answer to ASK or RENEW: the flow asked is allowed */
	MESSAGE_REFUSE = 3,      /* answer to ASK or RENEW: it is not */
	MESSAGE_STALE = 4,       /* what your node sends mine has no rule here: drop that one */
	MESSAGE_WITHDRAW = 5,    /* this, which was decided, is no more; repeated until acknowledged */
	MESSAGE_ACKNOWLEDGE = 6, /* of WITHDRAW and MOVED, by their id */
	MESSAGE_MOVED = 7,       /* the node is elsewhere now */
	MESSAGE_PING = 8,        /* are you there? answered by an ACKNOWLEDGE */
	MESSAGE_RENEW = 9,       /* as ASK, for a grant in use, by the flow alone: the passport was seen */
};

#define MESSAGE_HEADER_LEN 8
#define MESSAGE_SEGMENTS_MAX 40
#define MESSAGE_SEGMENT_LEN 10
#define MESSAGE_ASK_LEN_MIN 600 /* an ASK is padded to this, so that no answer is longer than its question */
#define MESSAGE_DECISION_LEN (MESSAGE_HEADER_LEN + 32) /* without segments */
#define MESSAGE_RENEW_LEN MESSAGE_DECISION_LEN         /* so its answer has no segments */
#define MESSAGE_NOTICE_LEN (MESSAGE_HEADER_LEN + 36)   /* STALE, WITHDRAW */
#define MESSAGE_MOVED_LEN (MESSAGE_HEADER_LEN + 36)
#define MESSAGE_PLAIN_LEN MESSAGE_HEADER_LEN /* ACKNOWLEDGE, PING */

/*
 * FLOW      vni u32, source 4, destination 4, protocol u8, cast u8, port u16, flags u8 (1: reach; 2: exact, in questions and decisions)
 * question  FLOW, source says u8, passport length u16 (0 in a RENEW), passport, zeros
 * decision  lifetime u32, incarnation u64, serial u64, flags u8, otherwise u8, segment count u8, 0 u8, policy u32, otherwise policy u32,
 *           then segments: protocol u8, verdict u8, low u16, high u16, policy u32
 * notice    FLOW, scope u8, 0 u16, incarnation u64, serial u64
 * MOVED     vni u32, address 4, incarnation u64, serial u64, locator 9, its length u8, slot u8, 0 u8
 * Each kind has one length, but for a decision's segments.
 */

/* One direction of what one node may send another; the responder's port, for ICMP the type. */
struct flow {
	uint32_t vni;
	struct ipv4 source, destination; /* source: whose node begins */
	uint8_t protocol;
	uint8_t cast; /* enum policy_cast */
	bool reach;   /* not a packet: is anything allowed at all (ARP)? protocol and port are 0 */
	uint16_t port;
};

/* What the source's own policies say of the flow that is asked (DTM-14). */
enum source_says {
	SOURCE_DENIES = 1,
	SOURCE_ALLOWS_BY_DEFAULT = 2,
	SOURCE_ALLOWS_BY_POLICY = 3,
	SOURCE_DENIES_BY_DEFAULT = 4
};

struct message_ask {
	struct flow flow;
	bool exact; /* the answer shall be about this flow and no other */
	enum source_says source_says;
	/* The source node's passport, octets as signed; within the datagram it was decoded from, or the caller's. NULL and 0 with RENEW. */
	const uint8_t *passport;
	size_t passport_length;
};

enum message_verdict { MESSAGE_ALLOW = 1, MESSAGE_DENY = 2, MESSAGE_UNSAID = 3 };

struct message_segment {
	uint8_t protocol;
	uint8_t verdict; /* enum message_verdict; by policy when `policy` is not 0, else by default */
	uint16_t low, high;
	uint32_t policy;
};

/* GRANT and REFUSE. */
struct message_decision {
	uint32_t lifetime_ms;
	uint64_t incarnation; /* of the destination node; 0: it is not there */
	uint64_t serial;      /* of the decision: greater than of any the destination's agent made before */
	bool exact;           /* about the flow asked only: then without segments */
	uint8_t otherwise;    /* enum message_verdict, for what no segment has; never 0 */
	uint32_t policy;      /* the one that decided the flow asked; 0: the default */
	uint32_t otherwise_policy;
	uint8_t segment_count;
	struct message_segment segments[MESSAGE_SEGMENTS_MAX];
};

/* STALE and WITHDRAW. */
enum message_scope {
	SCOPE_FLOW = 1, /* exactly that flow */
	SCOPE_PAIR = 2, /* all from source to destination */
	/* All that names `flow.source` or `flow.destination`; exactly one is not zero: it is gone, or is someone else now. */
	SCOPE_NODE = 3,
};

struct message_notice {
	struct flow flow; /* of a pair or node only vni and addresses travel; the rest arrives as zero */
	uint8_t scope;
	uint64_t incarnation; /* of the node that the sender of the notice has; 0: not there */
	uint64_t serial;      /* as in decisions; what was decided later than this is not meant */
};

struct message_moved {
	uint32_t vni;
	struct ipv4 address;
	uint64_t incarnation;
	uint64_t serial;
	struct locator locator;
	uint8_t slot;
};

struct message {
	enum message_kind kind;
	uint32_t id; /* chosen by who asks; an answer has that of its question */
	union {
		struct message_ask ask;           /* ASK, RENEW */
		struct message_decision decision; /* GRANT, REFUSE */
		struct message_notice notice;     /* STALE, WITHDRAW */
		struct message_moved moved;
	};
};

/*
 * Appends one message to `out` of `room` octets, of which *used are taken. ASK and RENEW are padded as above (the padding is part
 * of their body, zero, and checked). Returns 0, -ENOBUFS (nothing was written), or -EINVAL: a field is out of its range.
 */
int message_encode(const struct message *message, uint8_t *out, size_t room, size_t *used);

/* Takes the next message from `in`; *taken grows by its length. Returns 0, -ENODATA at the end, or -EBADMSG. */
int message_decode(const uint8_t *in, size_t length, size_t *taken, struct message *out);

/* ---- the outside of datagrams, as they are before any key is used. Pointers go into the datagram. */

struct datagram {
	enum datagram_type type;
	uint32_t sender;       /* HELLO, WELCOME */
	uint32_t receiver;     /* WELCOME, COOKIE, DATA */
	uint64_t counter;      /* DATA */
	const uint8_t *sealed; /* DATA: messages with their tag; COOKIE: the cookie with its tag */
	size_t sealed_length;
};

/* Checks type, version, reserved and length. Returns 0 or -EBADMSG. */
int datagram_decode(const uint8_t *in, size_t length, struct datagram *out);

#endif /* OVNET_PROTO_MESSAGE_H */
