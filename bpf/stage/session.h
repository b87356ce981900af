/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The fast path: finds the session of a packet, and opens one, or has it prove itself again, where it must.
 *
 * A session is good while its epoch is its port's and its rule has not expired. A SYN or an echo request against the
 * direction in which a session was opened is a new conversation and needs a rule of its own: a grant inward opens
 * nothing outward.
 */
#ifndef OVNET_BPF_STAGE_SESSION_H
#define OVNET_BPF_STAGE_SESSION_H

#include "bpf/lib/packet.h"
#include "bpf/stage/admit.h"
#include "bpf/stage/pending.h"

/*
 * Looking at the clock costs as much as a lookup, so a session that has been proved is taken as unexpired for a few ticks
 * of the kernel (8: 8 to 80 ms, by its CONFIG_HZ), which cost nothing to read. Within the last 200 ms before its expiry
 * the clock decides for each packet: expiry is exact.
 */
#define SESSION_FRESH_JIFFIES 8
#define SESSION_EXACT_NS 200000000ull

/* A packet that only who begins a conversation sends. */
static __always_inline bool session_is_opening(const struct packet *p)
{
	if (p->protocol == PROTO_ICMP)
		return p->icmp_type == ICMP_ECHO;
	return p->protocol == PROTO_TCP && (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/*
 * True when the session was proved under the port's present epoch, and what the packet claims is what was proved: its
 * port and the MAC it is sent to, or both substrate addresses. What is left to ask is the time. A packet that is not
 * covered must not change the session: it may be forged.
 */
static __always_inline bool session_covers(const struct session_value *session, const struct packet *p,
	enum direction arriving)
{
	const struct port_state *state = port_state(session->number);
	const struct port_value *port;

	if (unlikely(!state || session->epoch != state->epoch))
		return false;
	if (unlikely(session_is_opening(p) && session->direction != arriving))
		return false;
	if (unlikely((session->flags & (SESSION_ASK_REPLIES | SESSION_REPLY_PROVED)) == SESSION_ASK_REPLIES &&
		     session->direction != arriving))
		return false;
	if (arriving == DIRECTION_OUT)
		return session->ifindex == p->ifindex && same_mac(session->peer_mac, p->mac);
	if (p->hook == HOOK_NODE)
		return true;
	/* A neighbour on this host never speaks from the substrate, whatever the source address claims. */
	if (session->flags & SESSION_LOCAL)
		return false;
	port = port_at(session->number, session->ifindex);
	return port && same_prefix(port->prefix, p->destination_prefix) &&
	       same_prefix(session->peer_prefix, p->source_prefix);
}

static __always_inline bool session_is_fresh(const struct session_value *session)
{
	return bpf_jiffies64() < session->fresh_jiffies;
}

static __always_inline void session_refresh(struct session_value *session, __u64 now_ns)
{
	bool near = session->expires_ns < now_ns + SESSION_EXACT_NS;

	session->last_ns = now_ns;
	session->fresh_jiffies = near ? 0 : bpf_jiffies64() + SESSION_FRESH_JIFFIES;
}

/* Whoever removes the entry counts it off. */
static __always_inline void session_remove(const struct session_key *key, __u32 number)
{
	struct port_state *state = port_state(number);

	if (!bpf_map_delete_elem(&sessions, key) && state)
		__sync_fetch_and_sub(&state->sessions, 1);
}

/* Takes a place in the port's quota, and a place in the table. */
static __always_inline int session_insert(const struct packet *p, const struct session_key *key,
	struct session_value *proof)
{
	struct port_state *state = port_state(proof->number);
	const struct port_value *port = port_at(proof->number, proof->ifindex);
	int error; /* not long: before Linux 6.4 the upper half of what the map says is not set */

	if (!state || !port)
		return REASON_NO_NODE;
	if (__sync_fetch_and_add(&state->sessions, 1) >= port->session_quota) {
		__sync_fetch_and_sub(&state->sessions, 1);
		return REASON_SESSION_QUOTA;
	}
	proof->created_ns = p->now_ns;
	session_refresh(proof, p->now_ns);
	error = bpf_map_update_elem(&sessions, key, proof, BPF_NOEXIST);
	if (!error) {
		count(p, COUNTER_SESSIONS_OPENED);
		return 0;
	}
	__sync_fetch_and_sub(&state->sessions, 1);
	/* Another CPU was first with the same conversation: its entry serves. */
	return error == -EEXIST ? 0 : REASON_SESSION_FULL;
}

/* The epoch goes last: until it is written, others take the same way and write the same. */
static __always_inline void session_renew(struct session_value *session, const struct session_value *proof,
	__u64 now_ns)
{
	session->expires_ns = proof->expires_ns;
	session->ifindex = proof->ifindex;
	session->nexthop = proof->nexthop;
	copy_prefix(session->peer_prefix, proof->peer_prefix);
	copy_mac(session->peer_mac, proof->peer_mac);
	session->direction = proof->direction;
	session->width = proof->width;
	session->csum = proof->csum;
	session->policy = proof->policy;
	session->flags =
		proof->flags | (session->flags & ~(SESSION_LOCAL | SESSION_ASK_REPLIES | SESSION_REPLY_PROVED));
	session_refresh(session, now_ns);
	barrier();
	*(volatile __u64 *)&session->epoch = proof->epoch;
}

/*
 * True for the reasons that concern the conversation. Others concern this packet alone: whoever forges a packet must
 * not be able to end somebody's session with it.
 */
static __always_inline bool session_is_over(int reason)
{
	return reason == REASON_NO_MAPPING || reason == REASON_MAPPING_EXPIRED || reason == REASON_UNKNOWN_SOURCE ||
	       (reason >= REASON_NO_RULE && reason <= REASON_RULE_STALE);
}

/* Where replies need a rule too: one for this packet's own direction. `proof` is used up. */
static __always_inline int session_reply(const struct packet *p, struct view *view, struct session_value *session,
	struct session_value *proof)
{
	view->direction = view->arriving;
	TRY(admit(p, view, proof));
	if (proof->expires_ns < session->expires_ns)
		session->expires_ns = proof->expires_ns;
	session_refresh(session, p->now_ns);
	session->flags |= SESSION_REPLY_PROVED;
	return 0;
}

/* The key under which the node's own packets of this conversation wait, seen from a packet of its peer. */
static __always_inline void session_own_key(const struct view *view, const struct port_value *port,
	struct rule_key *key)
{
	bool replies = view->direction == DIRECTION_IN && port->flags & PORT_ASK_REPLIES;

	__builtin_memset(key, 0, sizeof(*key));
	key->vni = view->key.vni;
	__builtin_memcpy(key->local, view->key.local, 4);
	__builtin_memcpy(key->peer, view->key.peer, 4);
	key->protocol = view->key.protocol;
	key->port = view->key.peer_port;
	if (key->protocol == PROTO_ICMP)
		key->port = replies ? ICMP_ECHO_REPLY : ICMP_ECHO;
	key->direction = DIRECTION_OUT;
	key->width = WIDTH_PORT;
}

/* And the one under which the peer's packets wait (bpf/stage/hold.h). */
static __always_inline void session_peer_key(const struct view *view, struct rule_key *key)
{
	bool reply = view->direction == DIRECTION_OUT;

	__builtin_memset(key, 0, sizeof(*key));
	key->vni = view->key.vni;
	__builtin_memcpy(key->local, view->key.local, 4);
	__builtin_memcpy(key->peer, view->key.peer, 4);
	key->protocol = view->key.protocol;
	key->port = reply ? view->key.peer_port : view->key.local_port;
	if (key->protocol == PROTO_ICMP)
		key->port = ICMP_ECHO;
	key->direction = reply ? PENDING_REPLY : DIRECTION_IN;
	key->width = WIDTH_PORT;
}

/* The same order for arrivals that waited here. */
static __always_inline int session_order_inward(const struct packet *p, const struct view *view,
	const struct port_value *port, struct session_value *proof)
{
	struct rule_key key;

	if (!(port->flags & PORT_HOLD) || p->hook == HOOK_NODE)
		return 0;
	session_peer_key(view, &key);
	if (p->waited)
		proof->epoch = 0;
	else if (pending_waits(&key, p->now_ns))
		return REASON_NO_RULE;
	return 0;
}

/* What was sent on has left a session that proves nothing: whose answer belongs to it is seen by that. */
static __always_inline bool session_is_asked_for(const struct packet *p, const struct view *view,
	const struct session_value *session, int reason)
{
	struct rule_key key;

	if (session->epoch || session->direction != DIRECTION_OUT || !pending_may_help(reason))
		return false;
	session_peer_key(view, &key);
	key.direction = DIRECTION_OUT;
	return pending_is_sent_on(&key, p->now_ns);
}

/*
 * While packets of this key wait, what follows them waits behind: also though a rule allows it by now. No session that is
 * opened meanwhile may let a packet overtake, so it is left unproved: no port has epoch 0. An
 * answer of the peer leaves it so; the node's own next packet proves it.
 */
static __noinline int session_order(const struct packet *p, const struct view *view,
	const struct session_value *session, struct session_value *proof)
{
	const struct port_value *port = proof ? port_at(proof->number, proof->ifindex) : NULL;
	struct rule_key key;

	if (!port || !(port->flags & PORT_NEGOTIATE))
		return 0;
	if (view->arriving != DIRECTION_OUT) {
		if (session && !session->epoch) {
			session_own_key(view, port, &key);
			if (pending_waits(&key, p->now_ns))
				proof->epoch = 0;
		}
		return session_order_inward(p, view, port, proof);
	}
	if (session && !session->epoch && port->flags & PORT_HOLD) {
		session_peer_key(view, &key);
		if (pending_waits(&key, p->now_ns))
			proof->epoch = 0;
	}
	pending_key(p, &key);
	if (p->waited)
		proof->epoch = 0;
	else if (pending_waits(&key, p->now_ns))
		return REASON_NO_RULE;
	return 0;
}

/* Opens a session, or has the one that is there prove itself again. Returns 0, and the table has a live entry. */
static __noinline int session_admit(struct packet *p, struct view *view)
{
	struct session_value *session;
	struct session_value proof = {};
	bool turned = false;
	int reason;

	session = bpf_map_lookup_elem(&sessions, &view->key);
	p->now_ns = bpf_ktime_get_boot_ns();
	if (session) {
		if (session_covers(session, p, view->arriving) && p->now_ns < session->expires_ns) {
			session_refresh(session, p->now_ns);
			return 0;
		}
		turned = session_is_opening(p) && session->direction != view->arriving;
		if (!turned)
			view->direction = session->direction;
	}
	reason = admit(p, view, &proof);
	/* Not for lack of a rule: the session that is there, if any, stays. */
	if (!reason)
		TRY(session_order(p, view, session, &proof));
	if (!session)
		return reason ? reason : session_insert(p, &view->key, &proof);
	if (reason) {
		/* What was refused against the grain leaves the conversation that exists alone. */
		if (!turned && session_is_over(reason) && !session_is_asked_for(p, view, session, reason))
			session_remove(&view->key, session->number);
		return reason;
	}
	if (session->number != proof.number) {
		/* The address is on another port now, whose quota it must fit. */
		session_remove(&view->key, session->number);
		TRY(session_insert(p, &view->key, &proof));
		session = bpf_map_lookup_elem(&sessions, &view->key);
		if (!session)
			return REASON_SESSION_FULL;
		if ((proof.flags & SESSION_ASK_REPLIES) && view->direction != view->arriving)
			return session_reply(p, view, session, &proof);
		return 0;
	}
	if (turned)
		session->flags = 0;
	session_renew(session, &proof, p->now_ns);
	count(p, COUNTER_SESSIONS_PROVED);
	if ((proof.flags & SESSION_ASK_REPLIES) && view->direction != view->arriving)
		return session_reply(p, view, session, &proof);
	return 0;
}

static __always_inline void session_count(struct session_value *session, const struct packet *p,
	enum direction arriving, __u32 packets)
{
	__u32 flags = session->flags;

	if (arriving == DIRECTION_OUT) {
		session->packets_out += packets;
		session->bytes_out += p->l3_length;
	} else {
		session->packets_in += packets;
		session->bytes_in += p->l3_length;
	}
	if (session->direction != arriving)
		flags |= SESSION_REPLIED;
	if (p->protocol == PROTO_TCP) {
		if (session_is_opening(p))
			flags &= SESSION_LOCAL | SESSION_ASK_REPLIES | SESSION_REPLY_PROVED;
		if (p->tcp_flags & TCP_FIN)
			flags |= SESSION_FIN;
		if (p->tcp_flags & TCP_RST)
			flags |= SESSION_RST;
	}
	if (flags != session->flags)
		session->flags = flags;
}

/*
 * The session of a packet in one node's view, live and counted.
 * Returns 0, or the drop reason; *out is set on success only.
 */
static __always_inline int session_find(struct packet *p, enum direction arriving, __u32 packets,
	struct session_value **out)
{
	struct view view = view_of(p, arriving);
	struct session_value *session = bpf_map_lookup_elem(&sessions, &view.key);

	if (unlikely(!session || !session_covers(session, p, arriving) || !session_is_fresh(session))) {
		TRY(session_admit(p, &view));
		session = bpf_map_lookup_elem(&sessions, &view.key);
		if (!session)
			return REASON_SESSION_FULL;
	}
	session_count(session, p, arriving, packets);
	*out = session;
	return 0;
}

#endif /* OVNET_BPF_STAGE_SESSION_H */
