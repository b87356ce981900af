/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a peer asks: is its claim true, what is decided, and the answer. See internal.h.
 *
 * Passports that were verified are kept by each address that they name, so that the signature is checked once, a later revision
 * supersedes an earlier one, and a RENEW needs none. The roots of their batches are kept too: another node's passport of a batch that
 * this peer has shown before costs no signature.
 */
#include <errno.h>
#include <stdlib.h>

#include "proto/internal.h"

static uint64_t address_hash(const struct engine *engine, uint32_t vni, struct ipv4 address)
{
	uint8_t octets[8];

	memcpy(octets, &vni, 4);
	memcpy(octets + 4, address.octet, 4);
	return engine_hash(engine, octets, sizeof(octets));
}

static struct claim *claim_find(const struct engine *engine, const struct peer *peer, uint32_t vni, struct ipv4 address)
{
	uint64_t hash = address_hash(engine, vni, address);
	struct table_node *node = table_find(&peer->claims_by_address, hash);

	for (; node; node = table_same(node->next, hash)) {
		struct claim_address *at = container_of(node, struct claim_address, node);

		if (at->claim->vni == vni && ipv4_equal(at->address, address))
			return at->claim;
	}
	return NULL;
}

static void claim_drop(struct peer *peer, struct claim *claim)
{
	for (size_t i = 0; i < claim->address_count; i++)
		table_remove(&peer->claims_by_address, &claim->addresses[i].node);
	TAILQ_REMOVE(&peer->claims, claim, order);
	peer->claim_count--;
	free(claim);
}

void claim_drop_all(struct peer *peer)
{
	while (!TAILQ_EMPTY(&peer->claims))
		claim_drop(peer, TAILQ_FIRST(&peer->claims));
	table_clear(&peer->claims_by_address);
	free(peer->roots);
	peer->roots = NULL;
}

/* Without memory for the roots, each passport's signature is verified. */
static int claim_verify(struct engine *engine, struct peer *peer, const struct message_ask *ask,
	struct node_passport *out)
{
	struct passport_roots none = {0}, *roots;
	uint64_t before;
	int error;

	if (!peer->roots)
		peer->roots = calloc(1, sizeof(*peer->roots));
	roots = peer->roots ? peer->roots : &none;
	before = roots->signatures;
	error = node_passport_verify(ask->passport, ask->passport_length, engine->config.authority, engine->time.wall_s,
		roots, out);
	engine->counters.signatures += roots->signatures - before;
	return error;
}

/* Keeps a verified passport in place of those that named its addresses before. Without memory it is verified again next time. */
static void claim_keep(const struct engine *engine, struct peer *peer, const struct node_passport *passport,
	const uint8_t *octets, size_t length)
{
	struct claim *claim, *former;

	for (size_t i = 0; i < passport->address_count; i++) {
		former = claim_find(engine, peer, passport->vni, passport->addresses[i]);
		if (former)
			claim_drop(peer, former);
	}
	if (peer->claim_count == CLAIMS_MOST)
		claim_drop(peer, TAILQ_FIRST(&peer->claims));
	claim = calloc(1, sizeof(*claim) + length);
	if (!claim)
		return;
	claim->vni = passport->vni;
	claim->revision = passport->revision;
	claim->length = length;
	memcpy(claim->octets, octets, length);
	TAILQ_INSERT_TAIL(&peer->claims, claim, order);
	peer->claim_count++;
	for (size_t i = 0; i < passport->address_count; i++) {
		struct claim_address *at = &claim->addresses[i];

		at->claim = claim;
		at->address = passport->addresses[i];
		if (table_add(&peer->claims_by_address, &at->node, address_hash(engine, claim->vni, at->address))) {
			claim_drop(peer, claim);
			return;
		}
		claim->address_count++;
	}
}

static bool has_address(const struct node_passport *passport, struct ipv4 address)
{
	for (size_t i = 0; i < passport->address_count; i++)
		if (ipv4_equal(passport->addresses[i], address))
			return true;
	return false;
}

/* True when the peer may say this of its node: it is on that host, in a slot of its own, and asks for itself. */
static bool claim_is_true(const struct engine *engine, const struct peer *peer, const struct flow *flow,
	const struct node_passport *passport)
{
	const struct locator *locator = &peer->host.locator;

	if (passport->host != peer->host.host || passport->vni != flow->vni || !has_address(passport, flow->source))
		return false;
	if (locator->length == 72 && passport->slot != locator->octet[8] >> 2)
		return false;
	for (size_t i = 0; i < passport->address_count; i++) {
		const struct claim *known = claim_find(engine, peer, passport->vni, passport->addresses[i]);

		if (known && known->revision > passport->revision)
			return false;
	}
	return true;
}

/* The passport of an ASK. Returns 0, or an error that was counted. */
static int claim_check(struct engine *engine, struct peer *peer, const struct message_ask *ask,
	struct node_passport *out)
{
	const struct claim *known = claim_find(engine, peer, ask->flow.vni, ask->flow.source);
	bool same = known && known->length == ask->passport_length &&
		    memcmp(known->octets, ask->passport, known->length) == 0;
	int error;

	error = same ? node_passport_read(ask->passport, ask->passport_length, engine->time.wall_s, out)
		     : claim_verify(engine, peer, ask, out);
	if (error) {
		engine->counters.bad_passport++;
		return error;
	}
	if (same)
		return 0;
	if (!claim_is_true(engine, peer, &ask->flow, out)) {
		engine->counters.bad_claim++;
		return -EPERM;
	}
	claim_keep(engine, peer, out, ask->passport, ask->passport_length);
	return 0;
}

/* The passport for a RENEW: what was shown before, as long as it is valid. */
static bool claim_recall(const struct engine *engine, const struct peer *peer, const struct flow *flow,
	struct node_passport *out)
{
	const struct claim *known = claim_find(engine, peer, flow->vni, flow->source);

	return known && node_passport_read(known->octets, known->length, engine->time.wall_s, out) == 0;
}

/* A RENEW is too short for segments: its answer is about the flow asked alone, unless one word says it all. */
static void decision_shorten(struct message_decision *decision)
{
	if (!decision->segment_count)
		return;
	decision->segment_count = 0;
	decision->exact = true;
	decision->otherwise = MESSAGE_UNSAID;
	decision->otherwise_policy = 0;
}

void claim_ask(struct engine *engine, struct session *session, const struct engine_path *path, size_t length,
	const struct message *message)
{
	struct peer *peer = session->receiver.peer;
	uint32_t index = session->receiver.index;
	struct node_passport passport;
	struct engine_host host = peer->host;
	struct engine_request request = {
		.peer = &host,
		.flow = message->ask.flow,
		.exact = message->ask.exact,
		.renewal = message->kind == MESSAGE_RENEW,
		.source_says = message->ask.source_says,
		.passport = &passport,
	};
	struct message answer = {.kind = MESSAGE_REFUSE, .id = message->id};
	struct receiver *receiver;
	bool granted = false;

	if (!request.renewal && claim_check(engine, peer, &message->ask, &passport))
		return;
	if (request.renewal && !claim_recall(engine, peer, &request.flow, &passport))
		request.passport = NULL;
	if (engine->ops.decide(engine->context, &request, &granted, &answer.decision))
		return;
	engine->counters.decided++;
	peer->decided++;
	receiver = receiver_find(engine, index);
	if (!receiver || receiver->session != session)
		return;
	if (granted)
		answer.kind = MESSAGE_GRANT;
	if (request.renewal)
		decision_shorten(&answer.decision);
	box_answer(engine, session, path, length, &answer);
}
