/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The negotiation of one host with all others, as a pure state machine (DTM-2 to DTM-6, DTM-9 to DTM-11): inputs are datagrams, time,
 * questions and notices of the agent; outputs are datagrams, verdicts and the time of the next tick. No socket, no clock, no file.
 *
 * The rules, in plain words:
 * - A peer is a host, known by its locator; its public key comes from the agent's directory, or from the passport in its HELLO when the
 *   directory knows neither that key nor that place; of a directory that is `closed`, who is not in it is refused. Without live keys a question first shakes hands (Noise IK); questions wait
 *   meanwhile and leave together, as many as the peer's budget allows.
 * - A handshake is ENGINE_TRIES HELLOs, each a new one, with the delays of questions. When all go unanswered and there are no live keys,
 *   what was asked before the last of them is silence.
 * - Keys are renewed by who used them after REKEY_AFTER, and refused after REJECT_AFTER; the former keys still open what comes late.
 *   Both ends may begin at once: each keeps what it has, and sends with the keys proven last. Keys are used for sending by the responder
 *   once something was received under them; an initiator with nothing to say sends a PING for that.
 * - Keys that a peer may have lost: when the next try of a question or notice is due, and nothing came under its keys since the try before, a
 *   handshake is begun beside it; what went under the keys in doubt is tried again at once when it succeeds.
 * - A HELLO needs a good mac1 before any curve arithmetic, a stamp greater than the peer's last, a passport signed by the authority whose
 *   key is the static key that the handshake proved, and nothing in the directory that contradicts it. Under load (`load` HELLOs within a
 *   second) it also needs a good mac2: who has none gets a COOKIE, and tries again with it at once.
 * - Stamps are remembered as long as the peer is. A HELLO that is replayed after that (a restart) leaves keys that its sender cannot
 *   know: nothing is ever sent with them, and they take the place of other unproven keys only.
 * - A question is sent ENGINE_TRIES times, first after nothing, then 20, 40 ms later; 80 ms after the last it is silence.
 *   One question in flight per flow: a second one for the same flow is refused with -EALREADY. At most `peer_budget` in flight
 *   per peer and ENGINE_WAITING more waiting; beyond, -ENOBUFS.
 * - A decision is taken only as the answer to a question in flight, and only if its serial is not lower than that of any notice that
 *   covers the flow and came while it was in flight; else the question is asked again at once, as a new one, up to ENGINE_TRIES times.
 * - ASK is decided again each time it comes: deciding twice is harmless. The passport is verified once, and known again octet by octet; of
 *   those signed in one batch the signature is verified once for each peer that shows them, as long as the batch is one of its latest.
 *   The passport's host must be the peer's, the source one of its addresses, its slot within the peer's locator, its revision not lower
 *   than one seen for any of its addresses: else silence, counted.
 * - Messages to one peer and address share datagrams until engine_flush() (RENEWs and notices to any of its addresses). Answers go back along
 *   the path of their questions, under the same keys; no datagram of answers is longer than one that it answers. The answer to a RENEW has no
 *   segments: a decision that has some is told of the flow asked alone.
 * - A notice (WITHDRAW, MOVED) is repeated, from 20 ms doubling up to 5 s, until acknowledged or until `notice_lifetime` is past; it
 *   shakes hands when it must. STALE goes only under live keys, once, and within a rate per peer; without keys the peer is greeted, once a second,
 *   for the next. Notices go to the host's own address.
 * - What does not open, or is malformed, is dropped and counted; there is no answer.
 *
 * Callbacks may call any function here but engine_free() and engine_forget(); `send`, `random`, `index`, `host_at` and `host_of` none.
 */
#ifndef OVNET_PROTO_ENGINE_H
#define OVNET_PROTO_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/key.h"
#include "proto/message.h"
#include "proto/passport.h"

#define ENGINE_TRIES 3
#define ENGINE_RETRY_NS 20000000ull
#define ENGINE_REKEY_AFTER_NS 120000000000ull
#define ENGINE_REJECT_AFTER_NS 180000000000ull
#define ENGINE_WAITING 1024 /* questions of one peer that wait for keys or for the budget */

struct engine;

/* Two ends of a datagram: substrate addresses, UDP ports in host order. */
struct engine_path {
	struct substrate local, remote;
	uint16_t local_port, remote_port;
};

/* What the directory says of a host. */
struct engine_host {
	uint64_t host; /* id */
	struct locator locator;
	uint8_t key[32];
};

/* A question from a peer, every claim checked as above. Pointers are good during the call. */
struct engine_request {
	const struct engine_host *peer;
	struct flow flow;
	bool exact, renewal;
	enum source_says source_says;
	const struct node_passport *passport; /* NULL: a renewal by a peer that has not shown one since we started */
};

enum engine_outcome {
	OUTCOME_GRANTED,
	OUTCOME_REFUSED,
	OUTCOME_SILENT,  /* no answer after all tries */
	OUTCOME_NO_HOST, /* the directory knows no host there any more */
	OUTCOME_BUSY,    /* given up before it was sent: the peer was forgotten */
};

struct engine_ops {
	void (*send)(void *context, const struct engine_path *path, const uint8_t *datagram, size_t length);
	void (*random)(void *context, void *out, size_t length);
	/* The host with this locator's 64 bits (and ninth octet, for a /72), or with this public key. Returns 0 or -ENOENT. */
	int (*host_at)(void *context, const struct substrate *address, struct engine_host *out);
	int (*host_of)(void *context, const uint8_t key[32], struct engine_host *out);
	/*
	 * Decides, and has installed its own rule when it returns: the answer leaves then. Returns 0, or -EAGAIN: no answer at all
	 * (not ready; the peer asks again). `out` is MESSAGE_GRANT or _REFUSE by *granted.
	 */
	int (*decide)(void *context, const struct engine_request *request, bool *granted, struct message_decision *out);
	/* A question's end. `decision` is NULL unless it was granted or refused. `cookie` is as in engine_ask(). */
	void (*decided)(void *context, const struct flow *flow, uint64_t cookie, enum engine_outcome outcome,
		const struct message_decision *decision);
	/* A peer's notices. WITHDRAW and MOVED are acknowledged when these return. */
	void (*stale)(void *context, const struct engine_host *peer, const struct message_notice *notice);
	void (*withdrawn)(void *context, const struct engine_host *peer, const struct message_notice *notice);
	void (*moved)(void *context, const struct engine_host *peer, const struct message_moved *moved);
	/* An own notice was acknowledged, or given up. May be NULL. */
	void (*acknowledged)(void *context, uint32_t id, bool given_up);
	/*
	 * A receiver index of ours came into use or went out of it, with the peer's host address: for who filters datagrams ahead of
	 * the engine. May be NULL.
	 */
	void (*index)(void *context, uint32_t index, const struct engine_host *peer, bool live);
};

struct engine_config {
	struct engine_host self;
	struct host_key key;
	uint8_t authority[32];
	uint8_t passport[HOST_PASSPORT_LEN]; /* ours; engine_passport() renews it */
	unsigned load;                       /* HELLOs a second from which cookies are asked for; default 100 */
	unsigned peer_budget;                /* questions in flight per peer; default 256 */
	bool closed;                         /* the directory knows all hosts: a passport makes no other one known */
	uint64_t notice_lifetime_ns;         /* default 60 s; to be longer than any grant */
	uint64_t idle_ns; /* peers without a question or datagram for so long are forgotten; default 10 min */
};

/* Time is CLOCK_BOOTTIME in ns for everything that runs, and wall-clock seconds for passports. */
struct engine_time {
	uint64_t now_ns;
	uint64_t wall_s;
	uint32_t wall_ns; /* within the second, for stamps */
};

/*
 * NULL: out of memory. Defaults are taken for fields of *config that are 0. engine_free(NULL) is allowed; keys are wiped, and what was
 * asked or told ends without a word.
 */
struct engine *engine_new(const struct engine_config *config, const struct engine_ops *ops, void *context);
void engine_free(struct engine *engine);
void engine_passport(struct engine *engine, const uint8_t passport[HOST_PASSPORT_LEN]);
/* Grants may be longer from now on: notices, also those that are being told, are told for so long at least. */
void engine_notice_lifetime(struct engine *engine, uint64_t lifetime_ns);

/* A datagram came. */
void engine_receive(struct engine *engine, const struct engine_time *time, const struct engine_path *path,
	const uint8_t *datagram, size_t length);

/*
 * Asks the peer that manages flow->destination, which lives at `destination` on the substrate. With `direct`, the datagram goes to its host's
 * own address. `passport` is copied. Exactly one call of `decided` follows, never from within this one, unless an error is returned:
 * -EALREADY, -ENOBUFS, -ENOENT (no such host in the directory, nor a peer by passport; or this host itself), -ENOMEM, -EINVAL (a field
 * that no message can have).
 */
int engine_ask(struct engine *engine, const struct engine_time *time, const struct substrate *destination, bool direct,
	const struct message_ask *ask, uint64_t cookie);
/* The same by flow alone, for a grant in use; RENEWs of one peer that are asked before the next engine_flush() share datagrams. */
int engine_renew(struct engine *engine, const struct engine_time *time, const struct substrate *destination,
	bool direct, const struct flow *flow, uint64_t cookie);

/*
 * Tells the host at `address`. `id` (may be NULL) is what `acknowledged` names. Returns 0, -ENOENT, -ENOMEM or -EINVAL as engine_ask();
 * of engine_stale() 0, -ENOTCONN: no live keys with the host there, which is greeted; -EBUSY: beyond the rate; -EINVAL or -ENOMEM.
 */
int engine_stale(struct engine *engine, const struct engine_time *time, const struct substrate *address,
	const struct message_notice *notice);
int engine_withdraw(struct engine *engine, const struct engine_time *time, const struct substrate *address,
	const struct message_notice *notice, uint32_t *id);
int engine_moved(struct engine *engine, const struct engine_time *time, const struct substrate *address,
	const struct message_moved *moved, uint32_t *id);

/* Sends what was gathered. Call it at the end of each round of the loop. */
void engine_flush(struct engine *engine, const struct engine_time *time);
/* Does what is due. */
void engine_tick(struct engine *engine, const struct engine_time *time);
/* When engine_tick() is next due, ns; UINT64_MAX: never. */
uint64_t engine_due(const struct engine *engine);

/* Forgets a peer: its keys, what it has shown, what is asked of it (OUTCOME_BUSY). All peers with NULL. */
void engine_forget(struct engine *engine, const struct engine_time *time, const struct locator *locator);
/* Forgets the nodes' passports that peers have shown, and their batches; keys and questions stay. The next question's is verified anew. */
void engine_forget_passports(struct engine *engine);

/* ---- to look at */

struct engine_peer {
	struct engine_host host;
	bool live;             /* has keys that are good for sending */
	uint64_t handshake_ns; /* of the latest handshake; 0: none */
	uint64_t received_ns;  /* the latest authentic datagram; 0: none */
	uint64_t rtt_ns;       /* smoothed, of questions that were answered at the first try; 0: not known */
	unsigned in_flight, waiting, notices;
	uint64_t asked, answered, silent; /* questions of ours */
	uint64_t decided;                 /* of theirs */
};
void engine_each_peer(const struct engine *engine, void (*fn)(void *context, const struct engine_peer *peer),
	void *context);

/*
 * Datagrams received and sent; HELLOs with a good mac1 and WELCOMEs taken; key pairs proven; signatures of node passports that were
 * verified, good or bad: not those of a batch that was known. Then what was refused and why, where
 * unknown_host counts our own questions and notices to nobody, over_load HELLOs that got a COOKIE instead. Then questions and
 * notices; ignored decisions: nobody asked, or older than a notice.
 */
struct engine_counters {
	uint64_t received, sent;
	uint64_t hellos, welcomes, cookies_sent, handshakes, signatures;
	uint64_t malformed, bad_mac, bad_tag, replayed, unknown_index, bad_passport, bad_claim, unknown_host, old_stamp,
		over_load;
	uint64_t asked, retried, granted, refused, silent, ignored_decisions, decided, notices, stale_limited;
};
const struct engine_counters *engine_counters(const struct engine *engine);

#endif /* OVNET_PROTO_ENGINE_H */
