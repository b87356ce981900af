/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The codec of messages: layouts octet by octet, random messages there and back, and that every change of what was sent is
 * refused or means something of its own.
 */
#include "selftests/unit/unit.h"

#include <errno.h>

#include "lib/error.h"
#include "proto/message.h"

static const enum message_kind kinds[] = {MESSAGE_ASK, MESSAGE_GRANT, MESSAGE_REFUSE, MESSAGE_STALE, MESSAGE_WITHDRAW,
	MESSAGE_ACKNOWLEDGE, MESSAGE_MOVED, MESSAGE_PING, MESSAGE_RENEW};

static struct flow random_flow(uint64_t *state)
{
	uint64_t address = unit_random(state);
	struct flow flow = {.vni = 1 + (uint32_t)(unit_random(state) % VNI_MAX),
		.cast = (uint8_t)(1 << unit_random(state) % 3),
		.reach = unit_random(state) % 4 == 0};

	memcpy(flow.source.octet, &address, 4);
	memcpy(flow.destination.octet, (const uint8_t *)&address + 4, 4);
	if (!flow.reach) {
		flow.protocol = (uint8_t)unit_random(state);
		flow.port = (uint16_t)unit_random(state);
	}
	return flow;
}

static void random_decision(uint64_t *state, struct message_decision *decision)
{
	decision->lifetime_ms = (uint32_t)unit_random(state);
	decision->incarnation = unit_random(state);
	decision->serial = unit_random(state);
	decision->exact = unit_random(state) % 2;
	decision->otherwise = (uint8_t)(1 + unit_random(state) % 3);
	decision->policy = (uint32_t)unit_random(state);
	decision->otherwise_policy = (uint32_t)unit_random(state);
	decision->segment_count = decision->exact ? 0 : (uint8_t)(unit_random(state) % (MESSAGE_SEGMENTS_MAX + 1));
	for (size_t i = 0; i < decision->segment_count; i++) {
		uint16_t low = (uint16_t)unit_random(state);

		decision->segments[i] = (struct message_segment){.protocol = (uint8_t)unit_random(state),
			.verdict = (uint8_t)(1 + unit_random(state) % 3),
			.low = low,
			.high = (uint16_t)(low + unit_random(state) % (65536u - low)),
			.policy = (uint32_t)unit_random(state)};
	}
}

static void random_notice(uint64_t *state, struct message_notice *notice)
{
	notice->scope = (uint8_t)(SCOPE_FLOW + unit_random(state) % 3);
	notice->incarnation = unit_random(state);
	notice->serial = unit_random(state);
	notice->flow = random_flow(state);
	if (notice->scope == SCOPE_FLOW)
		return;
	notice->flow =
		(struct flow){.vni = notice->flow.vni, .source = {{10, 0, 0, 1}}, .destination = {{10, 0, 0, 2}}};
	if (notice->scope == SCOPE_NODE && unit_random(state) % 2)
		notice->flow.source = (struct ipv4){{0}};
	else if (notice->scope == SCOPE_NODE)
		notice->flow.destination = (struct ipv4){{0}};
}

static void random_moved(uint64_t *state, struct message_moved *moved)
{
	uint64_t locator = unit_random(state);

	moved->vni = 1 + (uint32_t)(unit_random(state) % VNI_MAX);
	moved->address = (struct ipv4){{10, 1, 2, (uint8_t)unit_random(state)}};
	moved->incarnation = unit_random(state);
	moved->serial = unit_random(state);
	moved->slot = (uint8_t)(unit_random(state) % (SLOT_MAX + 1));
	memcpy(moved->locator.octet, &locator, 8);
	moved->locator.length = unit_random(state) % 2 ? 64 : 72;
	if (moved->locator.length == 72)
		moved->locator.octet[8] = (uint8_t)(moved->slot << 2);
}

static uint8_t passport[NODE_PASSPORT_LEN_MAX];

/* Zeroed first, so that messages can be compared octet by octet. */
static void random_message(uint64_t *state, enum message_kind kind, struct message *message)
{
	memset(message, 0, sizeof(*message));
	message->kind = kind;
	message->id = (uint32_t)unit_random(state);
	switch (kind) {
	case MESSAGE_ASK:
	case MESSAGE_RENEW:
		message->ask.flow = random_flow(state);
		message->ask.exact = unit_random(state) % 2;
		message->ask.source_says = (enum source_says)(1 + unit_random(state) % 4);
		if (kind == MESSAGE_ASK) {
			message->ask.passport = passport;
			message->ask.passport_length = 1 + unit_random(state) % sizeof(passport);
		}
		break;
	case MESSAGE_GRANT:
	case MESSAGE_REFUSE:
		random_decision(state, &message->decision);
		break;
	case MESSAGE_STALE:
	case MESSAGE_WITHDRAW:
		random_notice(state, &message->notice);
		break;
	case MESSAGE_MOVED:
		random_moved(state, &message->moved);
		break;
	case MESSAGE_ACKNOWLEDGE:
	case MESSAGE_PING:
		break;
	}
}

static bool same_flow(const struct flow *a, const struct flow *b)
{
	return a->vni == b->vni && ipv4_equal(a->source, b->source) && ipv4_equal(a->destination, b->destination) &&
	       a->protocol == b->protocol && a->cast == b->cast && a->reach == b->reach && a->port == b->port;
}

static bool same_question(const struct message_ask *a, const struct message_ask *b)
{
	return same_flow(&a->flow, &b->flow) && a->exact == b->exact && a->source_says == b->source_says &&
	       a->passport_length == b->passport_length && !a->passport == !b->passport &&
	       (!a->passport || memcmp(a->passport, b->passport, a->passport_length) == 0);
}

static bool same_decision(const struct message_decision *a, const struct message_decision *b)
{
	if (a->lifetime_ms != b->lifetime_ms || a->incarnation != b->incarnation || a->serial != b->serial ||
		a->exact != b->exact || a->otherwise != b->otherwise || a->policy != b->policy ||
		a->otherwise_policy != b->otherwise_policy || a->segment_count != b->segment_count)
		return false;
	for (size_t i = 0; i < a->segment_count; i++) {
		const struct message_segment *x = &a->segments[i], *y = &b->segments[i];

		if (x->protocol != y->protocol || x->verdict != y->verdict || x->low != y->low || x->high != y->high ||
			x->policy != y->policy)
			return false;
	}
	return true;
}

static bool same_moved(const struct message_moved *a, const struct message_moved *b)
{
	return a->vni == b->vni && ipv4_equal(a->address, b->address) && a->incarnation == b->incarnation &&
	       a->serial == b->serial && memcmp(a->locator.octet, b->locator.octet, 9) == 0 &&
	       a->locator.length == b->locator.length && a->slot == b->slot;
}

static bool same(const struct message *a, const struct message *b)
{
	if (a->kind != b->kind || a->id != b->id)
		return false;
	switch (a->kind) {
	case MESSAGE_ASK:
	case MESSAGE_RENEW:
		return same_question(&a->ask, &b->ask);
	case MESSAGE_GRANT:
	case MESSAGE_REFUSE:
		return same_decision(&a->decision, &b->decision);
	case MESSAGE_STALE:
	case MESSAGE_WITHDRAW:
		return same_flow(&a->notice.flow, &b->notice.flow) && a->notice.scope == b->notice.scope &&
		       a->notice.incarnation == b->notice.incarnation && a->notice.serial == b->notice.serial;
	case MESSAGE_MOVED:
		return same_moved(&a->moved, &b->moved);
	case MESSAGE_ACKNOWLEDGE:
	case MESSAGE_PING:
		return true;
	}
	return false;
}

static size_t encode(const struct message *message, uint8_t out[PROTO_PLAIN_MAX])
{
	size_t used = 0;

	CU_ASSERT_EQUAL_FATAL(message_encode(message, out, PROTO_PLAIN_MAX, &used), 0);
	return used;
}

/* Decodes an exact-sized copy; a message that is taken must encode to the same octets. Returns what decoding did. */
static int decode_and_compare(const uint8_t *in, size_t length)
{
	scope_free uint8_t *copy = malloc(length ? length : 1);
	uint8_t again[PROTO_PLAIN_MAX];
	struct message message;
	size_t taken = 0, used = 0;
	int result;

	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	memcpy(copy, in, length);
	result = message_decode(copy, length, &taken, &message);
	if (result)
		return result;
	CU_ASSERT_EQUAL_FATAL(message_encode(&message, again, sizeof(again), &used), 0);
	CU_ASSERT_FATAL(used == taken && memcmp(again, copy, used) == 0);
	return 0;
}

static void there_and_back(void)
{
	uint8_t out[PROTO_PLAIN_MAX];
	uint64_t state = 5;

	for (int i = 0; i < 20000; i++) {
		struct message message, got;
		size_t taken = 0, length;

		random_message(&state, kinds[(size_t)i % ARRAY_LEN(kinds)], &message);
		length = encode(&message, out);
		CU_ASSERT_EQUAL_FATAL(message_decode(out, length, &taken, &got), 0);
		CU_ASSERT_FATAL(taken == length && same(&message, &got));
		CU_ASSERT_EQUAL(message_decode(out, length, &taken, &got), -ENODATA);
	}
}

static void several(void)
{
	struct message sent[64], got;
	uint8_t out[PROTO_PLAIN_MAX];
	uint64_t state = 6;

	for (int i = 0; i < 500; i++) {
		size_t used = 0, taken = 0, count = 0;
		int result;

		do {
			random_message(&state, kinds[unit_random(&state) % ARRAY_LEN(kinds)], &sent[count]);
			result = message_encode(&sent[count], out, sizeof(out), &used);
		} while (!result && ++count < ARRAY_LEN(sent));
		CU_ASSERT(result == 0 || result == -ENOBUFS);
		for (size_t j = 0; j < count; j++) {
			CU_ASSERT_EQUAL_FATAL(message_decode(out, used, &taken, &got), 0);
			CU_ASSERT_FATAL(same(&sent[j], &got));
		}
		CU_ASSERT_EQUAL(message_decode(out, used, &taken, &got), -ENODATA);
		CU_ASSERT_EQUAL(taken, used);
	}
}

/* No length but the whole one; and nothing is written where there is no room. */
static void lengths(void)
{
	uint8_t out[PROTO_PLAIN_MAX];
	uint64_t state = 7;

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct message message;
		size_t length;

		random_message(&state, kinds[k], &message);
		length = encode(&message, out);
		for (size_t shorter = 1; shorter < length; shorter++) {
			uint8_t small[PROTO_PLAIN_MAX];
			size_t used = 3;

			CU_ASSERT_EQUAL(decode_and_compare(out, shorter), -EBADMSG);
			memset(small, 0xee, sizeof(small));
			CU_ASSERT_EQUAL(message_encode(&message, small, shorter + 3, &used), -ENOBUFS);
			CU_ASSERT_EQUAL(used, 3);
			for (size_t i = 0; i < sizeof(small); i++)
				CU_ASSERT_FATAL(small[i] == 0xee);
		}
	}
}

/* A shorter or longer body than the kind has, said in the header. */
static void body_lengths(void)
{
	uint8_t out[PROTO_PLAIN_MAX] = {0};
	uint64_t state = 8;

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct message message;
		size_t length;

		random_message(&state, kinds[k], &message);
		memset(out, 0, sizeof(out));
		length = encode(&message, out);
		for (size_t body = 0; body <= sizeof(out) - MESSAGE_HEADER_LEN; body++) {
			if (body + MESSAGE_HEADER_LEN == length)
				continue;
			out[2] = (uint8_t)(body >> 8);
			out[3] = (uint8_t)body;
			CU_ASSERT_EQUAL(decode_and_compare(out, sizeof(out)), -EBADMSG);
		}
	}
}

static void bits(void)
{
	uint8_t out[PROTO_PLAIN_MAX];
	uint64_t state = 9;

	for (size_t k = 0; k < 3 * ARRAY_LEN(kinds); k++) {
		struct message message;
		unsigned taken = 0;
		size_t length;

		random_message(&state, kinds[k % ARRAY_LEN(kinds)], &message);
		length = encode(&message, out);
		for (size_t bit = 0; bit < length * 8; bit++) {
			int result;

			out[bit / 8] ^= (uint8_t)(1 << bit % 8);
			result = decode_and_compare(out, length);
			CU_ASSERT_FATAL(result == 0 || result == -EBADMSG);
			taken += result == 0;
			out[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		/* At least another id means something. */
		CU_ASSERT(taken >= 32);
	}
}

static void untouched_on_failure(void)
{
	uint8_t out[PROTO_PLAIN_MAX];
	struct message message, got, before;
	size_t taken = 0, length;
	uint64_t state = 10;

	random_message(&state, MESSAGE_GRANT, &message);
	length = encode(&message, out);
	memset(&got, 0x5a, sizeof(got));
	before = got;
	CU_ASSERT_EQUAL(message_decode(out, length - 1, &taken, &got), -EBADMSG);
	out[1] = 1;
	CU_ASSERT_EQUAL(message_decode(out, length, &taken, &got), -EBADMSG);
	CU_ASSERT_EQUAL(taken, 0);
	taken = length + 1;
	CU_ASSERT_EQUAL(message_decode(out, length, &taken, &got), -EBADMSG);
	CU_ASSERT_EQUAL(memcmp(&got, &before, sizeof(got)), 0);
}

/* ---- layouts, octet by octet: what docs/protocol.md says */

static void layout_of_ask(void)
{
	struct message message = {.kind = MESSAGE_ASK,
		.id = 0x01020304,
		.ask = {.flow = {.vni = 0xabcdef,
				.source = {{10, 0, 0, 1}},
				.destination = {{10, 0, 0, 2}},
				.protocol = 6,
				.cast = 1,
				.port = 443},
			.exact = true,
			.source_says = SOURCE_ALLOWS_BY_POLICY,
			.passport = (const uint8_t *)"PP",
			.passport_length = 2}};
	static const uint8_t wanted[] = "\1\0\x02\x50\1\2\3\4"
					"\0\xab\xcd\xef\x0a\0\0\1\x0a\0\0\2\6\1\x01\xbb\2\3\0\2PP\0";
	uint8_t out[PROTO_PLAIN_MAX];

	CU_ASSERT_EQUAL(encode(&message, out), MESSAGE_ASK_LEN_MIN);
	CU_ASSERT_EQUAL(memcmp(out, wanted, sizeof(wanted) - 1), 0);
	message.kind = MESSAGE_RENEW;
	message.ask.flow.reach = true;
	message.ask.flow.protocol = 0;
	message.ask.flow.port = 0;
	message.ask.passport = NULL;
	message.ask.passport_length = 0;
	CU_ASSERT_EQUAL(encode(&message, out), 40);
	CU_ASSERT_EQUAL(memcmp(out,
				"\x09\0\0\x20\1\2\3\4\0\xab\xcd\xef\x0a\0\0\1\x0a\0\0\2\0\1\0\0\3\3\0\0"
				"\0\0\0\0\0\0\0\0\0\0\0\0",
				40),
		0);
}

static void layout_of_grant(void)
{
	struct message message = {.kind = MESSAGE_GRANT,
		.id = 5,
		.decision = {.lifetime_ms = 30000,
			.incarnation = 7,
			.serial = 8,
			.otherwise = MESSAGE_UNSAID,
			.policy = 9,
			.otherwise_policy = 10,
			.segment_count = 1,
			.segments = {
				{.protocol = 17, .verdict = MESSAGE_DENY, .low = 1, .high = 0x203, .policy = 11}}}};
	static const uint8_t wanted[] = "\2\0\0\x2a\0\0\0\5"
					"\0\0\x75\x30\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\x08\0\3\1\0\0\0\0\x09\0\0\0\x0a"
					"\x11\2\0\1\2\3\0\0\0\x0b";
	uint8_t out[PROTO_PLAIN_MAX];

	CU_ASSERT_EQUAL(encode(&message, out), sizeof(wanted) - 1);
	CU_ASSERT_EQUAL(memcmp(out, wanted, sizeof(wanted) - 1), 0);
}

static void layout_of_notices(void)
{
	struct message withdraw = {.kind = MESSAGE_WITHDRAW,
		.id = 1,
		.notice = {.flow = {.vni = 2, .source = {{10, 0, 0, 1}}, .destination = {{10, 0, 0, 2}}},
			.scope = SCOPE_PAIR,
			.incarnation = 3,
			.serial = 4}};
	struct message moved = {.kind = MESSAGE_MOVED,
		.id = 1,
		.moved = {.vni = 2,
			.address = {{10, 0, 0, 1}},
			.incarnation = 3,
			.serial = 4,
			.locator = {.octet = {0x20, 1, 0xd, 0xb8, 5, 6, 7, 8, 0x0c}, .length = 72},
			.slot = 3}};
	struct message ping = {.kind = MESSAGE_PING, .id = 0x0a0b0c0d};
	uint8_t out[PROTO_PLAIN_MAX];

	CU_ASSERT_EQUAL(encode(&withdraw, out), 44);
	CU_ASSERT_EQUAL(memcmp(out,
				"\5\0\0\x24\0\0\0\1\0\0\0\2\x0a\0\0\1\x0a\0\0\2\0\0\0\0\0\2\0\0"
				"\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\4",
				44),
		0);
	CU_ASSERT_EQUAL(encode(&moved, out), 44);
	CU_ASSERT_EQUAL(memcmp(out,
				"\7\0\0\x24\0\0\0\1\0\0\0\2\x0a\0\0\1\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\4"
				"\x20\1\x0d\xb8\5\6\7\x08\x0c\x48\3\0",
				44),
		0);
	CU_ASSERT_EQUAL(encode(&ping, out), 8);
	CU_ASSERT_EQUAL(memcmp(out, "\x08\0\0\0\x0a\x0b\x0c\x0d", 8), 0);
}

/* ---- ranges */

static void accepts(const struct message *message)
{
	uint8_t out[PROTO_PLAIN_MAX];

	CU_ASSERT(encode(message, out) > 0);
}

static void refuses(const struct message *message)
{
	uint8_t out[PROTO_PLAIN_MAX];
	size_t used = 0;

	CU_ASSERT_EQUAL(message_encode(message, out, sizeof(out), &used), -EINVAL);
	CU_ASSERT_EQUAL(used, 0);
}

/* Changes a message that is good otherwise. */
#define REFUSED(good, change)                                                                                          \
	do {                                                                                                           \
		struct message message = (good);                                                                       \
                                                                                                                       \
		accepts(&message);                                                                                     \
		change;                                                                                                \
		refuses(&message);                                                                                     \
	} while (0)

static struct message an_ask(void)
{
	return (struct message){.kind = MESSAGE_ASK,
		.ask = {.flow = {.vni = 1, .cast = 1}, .source_says = 1, .passport = passport, .passport_length = 1}};
}

static void ranges_of_questions(void)
{
	static const uint8_t casts[] = {0, 3, 5, 6, 7, 8, 0x81};

	for (size_t i = 0; i < ARRAY_LEN(casts); i++)
		REFUSED(an_ask(), message.ask.flow.cast = casts[i]);
	REFUSED(an_ask(), message.ask.flow.vni = 0);
	REFUSED(an_ask(), message.ask.flow.vni = VNI_MAX + 1);
	REFUSED(an_ask(), message.ask.flow.reach = true; message.ask.flow.port = 1);
	REFUSED(an_ask(), message.ask.flow.reach = true; message.ask.flow.protocol = 1);
	REFUSED(an_ask(), message.ask.source_says = (enum source_says)0);
	REFUSED(an_ask(), message.ask.source_says = (enum source_says)5);
	REFUSED(an_ask(), message.ask.passport_length = 0);
	REFUSED(an_ask(), message.ask.passport = NULL);
	REFUSED(an_ask(), message.ask.passport_length = NODE_PASSPORT_LEN_MAX + 1);
	REFUSED(an_ask(), message.kind = MESSAGE_RENEW);
	REFUSED(an_ask(), message.kind = (enum message_kind)0);
	REFUSED(an_ask(), message.kind = (enum message_kind)10);
}

static struct message a_grant(void)
{
	return (struct message){.kind = MESSAGE_GRANT,
		.decision = {.otherwise = 1, .segment_count = 1, .segments = {{.verdict = 1, .low = 1, .high = 1}}}};
}

static struct message a_withdraw(enum message_scope scope)
{
	struct message message = {.kind = MESSAGE_WITHDRAW,
		.notice = {.scope = (uint8_t)scope,
			.flow = {.vni = 1, .cast = 1, .source = {{10, 0, 0, 1}}, .destination = {{10, 0, 0, 2}}}}};

	if (scope == SCOPE_NODE)
		message.notice.flow.source = (struct ipv4){{0}};
	return message;
}

static struct message a_moved(void)
{
	return (struct message){.kind = MESSAGE_MOVED, .moved = {.vni = 1, .locator = {.length = 64}}};
}

static void ranges_of_answers_and_notices(void)
{
	REFUSED(a_grant(), message.decision.otherwise = 0);
	REFUSED(a_grant(), message.decision.otherwise = 4);
	REFUSED(a_grant(), message.decision.segments[0].verdict = 0);
	REFUSED(a_grant(), message.decision.segments[0].verdict = 4);
	REFUSED(a_grant(), message.decision.segments[0].low = 2);
	REFUSED(a_grant(), message.decision.exact = true);
	REFUSED(a_grant(), message.decision.segment_count = MESSAGE_SEGMENTS_MAX + 1);

	REFUSED(a_withdraw(SCOPE_FLOW), message.notice.scope = 0);
	REFUSED(a_withdraw(SCOPE_FLOW), message.notice.scope = 4);
	REFUSED(a_withdraw(SCOPE_FLOW), message.notice.flow.cast = 0);
	REFUSED(a_withdraw(SCOPE_PAIR), message.notice.flow.vni = 0);
	REFUSED(a_withdraw(SCOPE_PAIR), message.notice.flow.source = (struct ipv4){{0}});
	REFUSED(a_withdraw(SCOPE_PAIR), message.notice.scope = SCOPE_NODE);
	REFUSED(a_withdraw(SCOPE_NODE), message.notice.flow.destination = (struct ipv4){{0}});

	REFUSED(a_moved(), message.moved.vni = 0);
	REFUSED(a_moved(), message.moved.slot = 64);
	REFUSED(a_moved(), message.moved.locator.length = 65);
	REFUSED(a_moved(), message.moved.locator.octet[8] = 4);
	REFUSED(a_moved(), message.moved.locator.length = 72; message.moved.slot = 1);
}

/* What a notice's scope does not name does not travel, whatever the sender's flow has there. */
static void notices_say_what_they_mean(void)
{
	struct message message = a_withdraw(SCOPE_PAIR), got;
	uint8_t out[PROTO_PLAIN_MAX];
	size_t taken = 0, length;

	message.notice.flow.protocol = 6;
	message.notice.flow.port = 80;
	length = encode(&message, out);
	CU_ASSERT_EQUAL(message_decode(out, length, &taken, &got), 0);
	CU_ASSERT(got.notice.flow.protocol == 0 && got.notice.flow.port == 0 && got.notice.flow.cast == 0);
	CU_ASSERT(ipv4_equal(got.notice.flow.destination, message.notice.flow.destination));
	out[MESSAGE_HEADER_LEN + 12] = 6;
	CU_ASSERT_EQUAL(decode_and_compare(out, length), -EBADMSG);
}

/* The answer with the most in it against its question. */
static void no_answer_is_longer(void)
{
	struct message grant = a_grant(), ask = an_ask(), renew = an_ask(), plain = {.kind = MESSAGE_ACKNOWLEDGE};
	struct message notice = a_withdraw(SCOPE_FLOW), moved = a_moved();
	uint8_t out[PROTO_PLAIN_MAX];

	grant.decision.segment_count = MESSAGE_SEGMENTS_MAX;
	for (size_t i = 0; i < MESSAGE_SEGMENTS_MAX; i++)
		grant.decision.segments[i] = grant.decision.segments[0];
	CU_ASSERT(encode(&grant, out) <= encode(&ask, out));
	renew.kind = MESSAGE_RENEW;
	renew.ask.passport = NULL;
	renew.ask.passport_length = 0;
	grant.decision.segment_count = 0;
	CU_ASSERT(encode(&grant, out) <= encode(&renew, out));
	CU_ASSERT(encode(&plain, out) <= encode(&notice, out));
	CU_ASSERT(encode(&plain, out) <= encode(&moved, out));
}

static const struct unit_test tests[] = {
	{"random messages there and back", there_and_back},
	{"several in one datagram", several},
	{"every truncation is refused, and no room writes nothing", lengths},
	{"a kind has its length", body_lengths},
	{"every changed bit is refused or encodes to itself", bits},
	{"what fails touches nothing", untouched_on_failure},
	{"questions have their layout", layout_of_ask},
	{"decisions have theirs", layout_of_grant},
	{"notices have theirs", layout_of_notices},
	{"questions have ranges", ranges_of_questions},
	{"so have answers and notices", ranges_of_answers_and_notices},
	{"notices say what they mean and no more", notices_say_what_they_mean},
	{"no answer is longer than its question", no_answer_is_longer},
};

int main(void)
{
	for (size_t i = 0; i < sizeof(passport); i++)
		passport[i] = (uint8_t)(i * 7 + 1);
	return unit_run("message", tests, ARRAY_LEN(tests));
}
