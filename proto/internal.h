/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the negotiation engine: what its files share. Nobody else includes this.
 *
 *   engine.c    the public entry points, time, dispatch of datagrams and timers
 *   peer.c      hosts: found, made, forgotten
 *   session.c   key pairs: proven, superseded, expired; opening of DATA and what is in it
 *   greeting.c  handshakes: HELLO, WELCOME, COOKIE, and when they are tried again
 *   box.c       messages gathered into datagrams
 *   question.c  what we ask: tries, answers, serials
 *   claim.c     what we are asked: passports, the decision, the answer
 *   notice.c    what we tell and are told: STALE, WITHDRAW, MOVED
 *
 * Callbacks may call any function of engine.h but engine_free() and engine_forget(). So after one, a peer is still there, but
 * its sessions need not be: they are looked up again by their index.
 */
#ifndef OVNET_PROTO_INTERNAL_H
#define OVNET_PROTO_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/queue.h>

#include "lib/time.h"
#include "proto/engine.h"
#include "proto/noise.h"
#include "lib/table.h"
#include "proto/timer.h"
#include "proto/window.h"

#define CLAIMS_MOST 1024 /* passports kept of one peer */
#define NOTICE_DELAY_MOST_NS (5 * NSEC_PER_SEC)
#define COOKIE_LIFE_NS (120 * NSEC_PER_SEC) /* of the secret, and of a cookie that was given to us */
#define REKEY_AGAIN_NS (5 * NSEC_PER_SEC)   /* between attempts to renew keys that are still good */
#define EPHEMERAL_DELAY_NS (10 * NSEC_PER_MSEC)
#define STALE_RATE 100              /* STALEs a second to one peer; as many at once after a pause */
#define STALE_GREET_NS NSEC_PER_SEC /* between handshakes for want of keys to tell one under */
#define BOXES_LOOKED_AT 8           /* open boxes of a peer that are tried for one message more */

enum timer_kind { TIMER_EPHEMERAL, TIMER_PEER, TIMER_GREETING, TIMER_QUESTION, TIMER_NOTICE };

struct peer;
TAILQ_HEAD(peers, peer);
TAILQ_HEAD(boxes, box);
TAILQ_HEAD(questions, question);
TAILQ_HEAD(notices, notice);
TAILQ_HEAD(claims, claim);

/* An index of ours that datagrams name; part of a session, or (session NULL) of the peer's greeting. */
struct receiver {
	struct table_node node;
	uint32_t index;
	struct peer *peer;
	struct session *session;
};

/* A key pair. */
struct session {
	struct receiver receiver;
	uint32_t remote_index;
	struct noise_keys keys;
	uint64_t sent; /* the counter of the next datagram */
	uint64_t born_ns, heard_ns;
	struct window window;
};

/* A handshake that we began. */
struct greeting {
	struct receiver receiver;
	struct noise_state state;
	struct timer timer;
	uint64_t began_ns, sent_ns;
	unsigned tries;
	bool doubt; /* begun because nothing comes under the keys that we have */
	uint8_t mac1[DATAGRAM_MAC_LEN];
};

/* Messages for one peer, under one session, along one path. */
struct box {
	TAILQ_ENTRY(box) of_engine, of_peer;
	struct peer *peer;
	struct session *session;
	struct engine_path path;
	bool answers;
	size_t room, used;
	uint8_t plain[PROTO_PLAIN_MAX];
};

struct question {
	struct table_node by_flow, by_id;
	TAILQ_ENTRY(question) links;
	struct timer timer;
	struct peer *peer;
	struct flow flow;
	struct substrate toward;
	uint64_t cookie;
	uint64_t asked_ns, sent_ns; /* sent: the latest try */
	uint64_t floor;             /* the least serial that a decision may have */
	uint32_t id;
	uint32_t under; /* index of the session of the latest try */
	bool in_flight, renewal, exact;
	enum source_says source_says;
	unsigned tries, again; /* again: how often the answer was older than a notice */
	size_t passport_length;
	uint8_t passport[];
};

struct notice {
	struct table_node by_id;
	TAILQ_ENTRY(notice) links;
	struct timer timer;
	struct peer *peer;
	struct message message; /* WITHDRAW or MOVED */
	uint64_t born_ns, sent_ns, delay_ns;
	uint32_t under;
	bool sent;
};

/* A node passport that was verified, found by each of its addresses. */
struct claim_address {
	struct table_node node;
	struct claim *claim;
	struct ipv4 address;
};

struct claim {
	TAILQ_ENTRY(claim) order;
	struct claim_address addresses[PASSPORT_ADDRESSES_MAX];
	size_t address_count;
	uint32_t vni;
	uint64_t revision;
	size_t length;
	uint8_t octets[];
};

struct peer {
	struct table_node by_locator;
	struct engine_host host;
	bool listed;              /* by the directory; else all we know is its passport */
	uint64_t revision;        /* of its latest passport */
	struct stamp stamp;       /* of its latest HELLO; zeros: none */
	struct substrate toward;  /* where a HELLO goes */
	struct session *current;  /* proven last: what we send with */
	struct session *next;     /* ours as responder, nothing was received under it yet */
	struct session *previous; /* still opens what comes late */
	struct greeting *greeting;
	bool wants_greeting, doubts; /* at the next flush; doubts: though there are keys */
	TAILQ_ENTRY(peer) wanting;
	uint64_t rekey_ns; /* keys that are still good are not renewed before */
	uint8_t cookie[16];
	uint64_t cookie_end_ns;
	struct boxes boxes;
	struct questions in_flight, waiting;
	unsigned in_flight_count, waiting_count;
	struct notices notices;
	unsigned notice_count;
	struct table claims_by_address;
	struct claims claims; /* oldest first */
	size_t claim_count;
	struct passport_roots *roots; /* of the batches that those came in; NULL until there is one */
	uint64_t stale_ns;            /* when the bucket of STALEs would be full again */
	uint64_t stale_greet_ns;      /* no handshake for STALE before */
	struct timer timer;
	uint64_t used_ns, received_ns, handshake_ns, rtt_ns;
	uint64_t asked, answered, silent, decided;
};

struct engine {
	struct engine_config config;
	struct engine_ops ops;
	void *context;
	struct engine_time time; /* of the call that is running, or the last */
	uint8_t hash_key[16];
	uint8_t mac1_key[32];
	uint8_t cookie_secret[32];
	uint64_t cookie_secret_ns; /* when it was drawn; 0: not yet */
	struct host_key ephemeral; /* for the next handshake */
	bool has_ephemeral;
	struct timer ephemeral_timer;
	uint64_t hello_second_ns; /* when the second began in which HELLOs are counted */
	unsigned hello_count;
	struct stamp stamp; /* the greatest that we have sent */
	uint32_t last_id;
	struct table peers, receivers, flows, questions, notices;
	struct timers timers;
	struct peers wanting;
	struct boxes boxes;
	struct engine_counters counters;
};

/* ---- engine.c */

uint64_t engine_hash(const struct engine *engine, const void *octets, size_t length);
uint32_t engine_id(struct engine *engine);
/* Gives the receiver an index that no other has, and tells. Returns 0 or -ENOMEM. */
int receiver_add(struct engine *engine, struct receiver *receiver, struct peer *peer, struct session *session);
void receiver_remove(struct engine *engine, struct receiver *receiver);
struct receiver *receiver_find(const struct engine *engine, uint32_t index);

/* ---- peer.c */

struct peer *peer_find(const struct engine *engine, const struct locator *locator);
/* The peer that is the host at this address: by the directory, else by a passport that it has shown. 0, -ENOENT or -ENOMEM. */
int peer_at(struct engine *engine, const struct substrate *address, struct peer **out);
/* The same, if it is there already and has live keys; else -ENOTCONN. Makes no peer. */
int peer_live_at(struct engine *engine, const struct substrate *address, struct peer **out);
/* The peer that is this host; who was at its locator before is no more. 0 or -ENOMEM. */
int peer_of(struct engine *engine, const struct engine_host *host, struct peer **out);
/* Another host has this locator now: nothing that the former has shown or agreed on is left. Questions stay. */
void peer_become(struct engine *engine, struct peer *peer, const struct engine_host *host);
bool host_equal(const struct engine_host *a, const struct engine_host *b);
/*
 * Forgetting takes two steps. After peer_remove() it is found no more, and what callbacks ask is asked of a new peer;
 * peer_end() calls back for its questions and notices, and frees it.
 */
void peer_remove(struct engine *engine, struct peer *peer);
void peer_end(struct engine *engine, struct peer *peer);
/* The timer runs when something of the peer ends: keys, or its time without use. */
void peer_watch(struct engine *engine, struct peer *peer);
void peer_timer(struct engine *engine, struct timer *timer);

/* ---- session.c */

/* NULL: out of memory. It belongs to the peer once it is in one of its places. */
struct session *session_new(struct engine *engine, struct peer *peer, uint32_t remote_index);
void session_free(struct engine *engine, struct session *session);
bool session_is_good(const struct engine *engine, const struct session *session);
/* What to send with, or NULL: then a greeting is on its way. Old keys are renewed by this. */
struct session *session_use(struct engine *engine, struct peer *peer);
/* We made these keys as initiator: they are proven. */
void session_begin(struct engine *engine, struct peer *peer, struct session *session);
/* We made them as responder: nothing is sent with them before something was received. */
void session_offer(struct engine *engine, struct peer *peer, struct session *session);
/* There are keys now: what has waited for them leaves. `doubt`: and what went under the former ones. */
void session_ready(struct engine *engine, struct peer *peer, bool doubt);
void session_drop_all(struct engine *engine, struct peer *peer);
/* Drops those that are past REJECT_AFTER. */
void session_expire(struct engine *engine, struct peer *peer);
void session_receive(struct engine *engine, const struct engine_path *path, const struct datagram *datagram,
	size_t length);

/* ---- greeting.c */

/* Makes the key of the next handshake, unless it is there. */
void greeting_prepare(struct engine *engine);
/* At the next flush, unless one is on its way. */
void greeting_want(struct engine *engine, struct peer *peer, bool doubt);
void greeting_begin(struct engine *engine, struct peer *peer);
void greeting_drop(struct engine *engine, struct peer *peer);
void greeting_timer(struct engine *engine, struct timer *timer);
void greeting_hello(struct engine *engine, const struct engine_path *path, const uint8_t *in);
void greeting_welcome(struct engine *engine, const struct datagram *datagram, const uint8_t *in);
void greeting_cookie(struct engine *engine, const struct datagram *datagram, const uint8_t *in, size_t length);

/* ---- box.c */

/* To that address, from our own. Returns 0, -EINVAL (a field is out of range) or -ENOMEM. With `anywhere`, a box to another address of the
 * peer serves as well. */
int box_put(struct engine *engine, struct session *session, const struct substrate *toward, bool anywhere,
	const struct message *message);
/* Back along the path on which a datagram of `length` octets came; no datagram with answers is longer than that. */
int box_answer(struct engine *engine, struct session *session, const struct engine_path *path, size_t length,
	const struct message *message);
void box_send(struct engine *engine, struct box *box);
/* What was gathered under this session, or (NULL) for this peer, does not leave. */
void box_drop(struct engine *engine, struct peer *peer, const struct session *session);

/* ---- question.c */

void question_timer(struct engine *engine, struct timer *timer);
/* Keys are there. */
void question_ready(struct engine *engine, struct peer *peer, bool doubt);
/* Ends those that wait for keys and were asked until then. */
void question_end_waiting(struct engine *engine, struct peer *peer, uint64_t until_ns, enum engine_outcome outcome);
/* Ends all of a peer that is found no more. */
void question_end_all(struct engine *engine, struct peer *peer, enum engine_outcome outcome);
/* Frees all without a word. */
void question_drop_all(struct engine *engine, struct peer *peer);
void question_answer(struct engine *engine, struct peer *peer, const struct message *message);
/* A notice of the peer's: what was decided before it is no answer to the questions in flight that it covers. */
void question_notice(struct peer *peer, const struct message_notice *notice);
void question_moved(struct peer *peer, const struct message_moved *moved);

/* ---- claim.c */

/* Decides on an ASK or RENEW, and answers. */
void claim_ask(struct engine *engine, struct session *session, const struct engine_path *path, size_t length,
	const struct message *message);
void claim_drop_all(struct peer *peer);

/* ---- notice.c */

void notice_timer(struct engine *engine, struct timer *timer);
void notice_ready(struct engine *engine, struct peer *peer, bool doubt);
void notice_acknowledged(struct engine *engine, struct peer *peer, uint32_t id);
/* Gives all up; without a word, `quiet`. */
void notice_drop_all(struct engine *engine, struct peer *peer, bool quiet);
/* A notice of the peer's. Acknowledges what is to be. */
void notice_receive(struct engine *engine, struct session *session, const struct engine_path *path, size_t length,
	const struct message *message);

#endif /* OVNET_PROTO_INTERNAL_H */
