/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The codec of messages. See message.h for the layouts.
 *
 * Each message has exactly one encoding: what decodes encodes to the same octets again. Encoder and decoder of a body stand side
 * by side and read as the layout does; both check ranges, so that nothing is sent that would not be taken.
 */
#include "proto/message.h"

#include <errno.h>

#include "proto/cursor.h"

#define FLOW_LEN 17
#define QUESTION_LEN (FLOW_LEN + 3)
#define FLAG_REACH 1
#define FLAG_EXACT 2

_Static_assert(MESSAGE_DECISION_LEN + MESSAGE_SEGMENTS_MAX * MESSAGE_SEGMENT_LEN <= MESSAGE_ASK_LEN_MIN,
	"no answer is longer than an ASK");
_Static_assert(MESSAGE_DECISION_LEN <= MESSAGE_RENEW_LEN && MESSAGE_HEADER_LEN + QUESTION_LEN <= MESSAGE_RENEW_LEN,
	"nor than a RENEW");
_Static_assert(MESSAGE_HEADER_LEN + QUESTION_LEN + NODE_PASSPORT_LEN_MAX <= MESSAGE_ASK_LEN_MIN,
	"so every ASK has the same length");
_Static_assert(MESSAGE_PLAIN_LEN <= MESSAGE_NOTICE_LEN && MESSAGE_PLAIN_LEN <= MESSAGE_MOVED_LEN,
	"an ACKNOWLEDGE is no longer than what it answers");

static const struct ipv4 no_address;

static bool flow_is_good(const struct flow *flow)
{
	if (flow->vni == 0 || flow->vni > VNI_MAX)
		return false;
	if (flow->cast != 1 && flow->cast != 2 && flow->cast != 4)
		return false;
	return !flow->reach || (flow->protocol == 0 && flow->port == 0);
}

static void write_flow(struct writer *writer, const struct flow *flow, uint8_t more_flags)
{
	writer_u32(writer, flow->vni);
	writer_octets(writer, flow->source.octet, 4);
	writer_octets(writer, flow->destination.octet, 4);
	writer_u8(writer, flow->protocol);
	writer_u8(writer, flow->cast);
	writer_u16(writer, flow->port);
	writer_u8(writer, (uint8_t)((flow->reach ? FLAG_REACH : 0) | more_flags));
}

/* Returns the flags that are not the flow's. */
static uint8_t read_flow(struct reader *reader, struct flow *flow)
{
	uint8_t flags;

	flow->vni = reader_u32(reader);
	reader_octets(reader, flow->source.octet, 4);
	reader_octets(reader, flow->destination.octet, 4);
	flow->protocol = reader_u8(reader);
	flow->cast = reader_u8(reader);
	flow->port = reader_u16(reader);
	flags = reader_u8(reader);
	flow->reach = flags & FLAG_REACH;
	return flags & ~FLAG_REACH;
}

/* ---- ASK and RENEW */

static bool question_is_good(enum message_kind kind, const struct message_ask *ask)
{
	if (!flow_is_good(&ask->flow) || ask->source_says < SOURCE_DENIES ||
		ask->source_says > SOURCE_DENIES_BY_DEFAULT)
		return false;
	if (kind == MESSAGE_RENEW)
		return ask->passport_length == 0;
	return ask->passport && ask->passport_length >= 1 && ask->passport_length <= NODE_PASSPORT_LEN_MAX;
}

static void write_question(struct writer *writer, const struct message_ask *ask)
{
	write_flow(writer, &ask->flow, ask->exact ? FLAG_EXACT : 0);
	writer_u8(writer, (uint8_t)ask->source_says);
	writer_u16(writer, (uint16_t)ask->passport_length);
	if (ask->passport_length)
		writer_octets(writer, ask->passport, ask->passport_length);
}

static void read_question(struct reader *reader, enum message_kind kind, struct message_ask *ask)
{
	uint8_t flags = read_flow(reader, &ask->flow);

	reader_require(reader, (flags & ~FLAG_EXACT) == 0);
	ask->exact = flags & FLAG_EXACT;
	ask->source_says = (enum source_says)reader_u8(reader);
	ask->passport_length = reader_u16(reader);
	ask->passport = ask->passport_length ? reader_take(reader, ask->passport_length) : NULL;
	reader_require(reader, question_is_good(kind, ask));
	reader_zeros(reader, reader->left);
}

/* ---- GRANT and REFUSE */

static bool verdict_is_good(uint8_t verdict)
{
	return verdict >= MESSAGE_ALLOW && verdict <= MESSAGE_UNSAID;
}

static bool decision_is_good(const struct message_decision *decision)
{
	if (!verdict_is_good(decision->otherwise) || decision->segment_count > MESSAGE_SEGMENTS_MAX)
		return false;
	if (decision->exact && decision->segment_count)
		return false;
	for (size_t i = 0; i < decision->segment_count; i++) {
		const struct message_segment *segment = &decision->segments[i];

		if (!verdict_is_good(segment->verdict) || segment->low > segment->high)
			return false;
	}
	return true;
}

static void write_decision(struct writer *writer, const struct message_decision *decision)
{
	writer_u32(writer, decision->lifetime_ms);
	writer_u64(writer, decision->incarnation);
	writer_u64(writer, decision->serial);
	writer_u8(writer, decision->exact ? FLAG_EXACT : 0);
	writer_u8(writer, decision->otherwise);
	writer_u8(writer, decision->segment_count);
	writer_zeros(writer, 1);
	writer_u32(writer, decision->policy);
	writer_u32(writer, decision->otherwise_policy);
	for (size_t i = 0; i < decision->segment_count; i++) {
		const struct message_segment *segment = &decision->segments[i];

		writer_u8(writer, segment->protocol);
		writer_u8(writer, segment->verdict);
		writer_u16(writer, segment->low);
		writer_u16(writer, segment->high);
		writer_u32(writer, segment->policy);
	}
}

static void read_decision(struct reader *reader, struct message_decision *decision)
{
	uint8_t flags;

	decision->lifetime_ms = reader_u32(reader);
	decision->incarnation = reader_u64(reader);
	decision->serial = reader_u64(reader);
	flags = reader_u8(reader);
	reader_require(reader, (flags & ~FLAG_EXACT) == 0);
	decision->exact = flags & FLAG_EXACT;
	decision->otherwise = reader_u8(reader);
	decision->segment_count = reader_u8(reader);
	reader_zeros(reader, 1);
	decision->policy = reader_u32(reader);
	decision->otherwise_policy = reader_u32(reader);
	reader_require(reader, decision->segment_count <= MESSAGE_SEGMENTS_MAX);
	for (size_t i = 0; !reader->failed && i < decision->segment_count; i++) {
		struct message_segment *segment = &decision->segments[i];

		segment->protocol = reader_u8(reader);
		segment->verdict = reader_u8(reader);
		segment->low = reader_u16(reader);
		segment->high = reader_u16(reader);
		segment->policy = reader_u32(reader);
	}
	reader_require(reader, !reader->failed && decision_is_good(decision));
}

/* ---- STALE and WITHDRAW */

/* What of the flow a notice of this scope is about; the rest does not travel. */
static struct flow notice_flow(const struct message_notice *notice)
{
	if (notice->scope == SCOPE_FLOW)
		return notice->flow;
	return (struct flow){.vni = notice->flow.vni,
		.source = notice->flow.source,
		.destination = notice->flow.destination};
}

static bool notice_is_good(const struct message_notice *notice)
{
	const struct flow *flow = &notice->flow;
	bool source = !ipv4_equal(flow->source, no_address), destination = !ipv4_equal(flow->destination, no_address);

	if (flow->vni == 0 || flow->vni > VNI_MAX)
		return false;
	switch (notice->scope) {
	case SCOPE_FLOW:
		return flow_is_good(flow);
	case SCOPE_PAIR:
		return source && destination;
	case SCOPE_NODE:
		return source != destination;
	default:
		return false;
	}
}

static void write_notice(struct writer *writer, const struct message_notice *notice)
{
	struct flow flow = notice_flow(notice);

	write_flow(writer, &flow, 0);
	writer_u8(writer, notice->scope);
	writer_zeros(writer, 2);
	writer_u64(writer, notice->incarnation);
	writer_u64(writer, notice->serial);
}

static void read_notice(struct reader *reader, struct message_notice *notice)
{
	const struct flow *flow = &notice->flow;

	reader_require(reader, read_flow(reader, &notice->flow) == 0);
	notice->scope = reader_u8(reader);
	reader_zeros(reader, 2);
	notice->incarnation = reader_u64(reader);
	notice->serial = reader_u64(reader);
	reader_require(reader, notice_is_good(notice));
	if (notice->scope != SCOPE_FLOW)
		reader_require(reader, !flow->protocol && !flow->cast && !flow->port && !flow->reach);
}

/* ---- MOVED */

static bool moved_is_good(const struct message_moved *moved)
{
	const struct locator *locator = &moved->locator;

	if (moved->vni == 0 || moved->vni > VNI_MAX || moved->slot > SLOT_MAX)
		return false;
	if (locator->length == 64)
		return locator->octet[8] == 0;
	return locator->length == 72 && locator->octet[8] == moved->slot << 2;
}

static void write_moved(struct writer *writer, const struct message_moved *moved)
{
	writer_u32(writer, moved->vni);
	writer_octets(writer, moved->address.octet, 4);
	writer_u64(writer, moved->incarnation);
	writer_u64(writer, moved->serial);
	writer_octets(writer, moved->locator.octet, sizeof(moved->locator.octet));
	writer_u8(writer, moved->locator.length);
	writer_u8(writer, moved->slot);
	writer_zeros(writer, 1);
}

static void read_moved(struct reader *reader, struct message_moved *moved)
{
	moved->vni = reader_u32(reader);
	reader_octets(reader, moved->address.octet, 4);
	moved->incarnation = reader_u64(reader);
	moved->serial = reader_u64(reader);
	reader_octets(reader, moved->locator.octet, sizeof(moved->locator.octet));
	moved->locator.length = reader_u8(reader);
	moved->slot = reader_u8(reader);
	reader_zeros(reader, 1);
	reader_require(reader, moved_is_good(moved));
}

/* ---- any message */

static bool message_is_good(const struct message *message)
{
	switch (message->kind) {
	case MESSAGE_ASK:
	case MESSAGE_RENEW:
		return question_is_good(message->kind, &message->ask);
	case MESSAGE_GRANT:
	case MESSAGE_REFUSE:
		return decision_is_good(&message->decision);
	case MESSAGE_STALE:
	case MESSAGE_WITHDRAW:
		return notice_is_good(&message->notice);
	case MESSAGE_MOVED:
		return moved_is_good(&message->moved);
	case MESSAGE_ACKNOWLEDGE:
	case MESSAGE_PING:
		return true;
	}
	return false;
}

/* The whole message's; 0 for a kind that is not known. A decision's is that without segments. */
static size_t length_of(enum message_kind kind)
{
	switch (kind) {
	case MESSAGE_ASK:
		return MESSAGE_ASK_LEN_MIN;
	case MESSAGE_RENEW:
		return MESSAGE_RENEW_LEN;
	case MESSAGE_GRANT:
	case MESSAGE_REFUSE:
		return MESSAGE_DECISION_LEN;
	case MESSAGE_STALE:
	case MESSAGE_WITHDRAW:
		return MESSAGE_NOTICE_LEN;
	case MESSAGE_MOVED:
		return MESSAGE_MOVED_LEN;
	case MESSAGE_ACKNOWLEDGE:
	case MESSAGE_PING:
		return MESSAGE_PLAIN_LEN;
	}
	return 0;
}

static void write_body(struct writer *writer, const struct message *message)
{
	switch (message->kind) {
	case MESSAGE_ASK:
	case MESSAGE_RENEW:
		write_question(writer, &message->ask);
		break;
	case MESSAGE_GRANT:
	case MESSAGE_REFUSE:
		write_decision(writer, &message->decision);
		break;
	case MESSAGE_STALE:
	case MESSAGE_WITHDRAW:
		write_notice(writer, &message->notice);
		break;
	case MESSAGE_MOVED:
		write_moved(writer, &message->moved);
		break;
	case MESSAGE_ACKNOWLEDGE:
	case MESSAGE_PING:
		break;
	}
}

int message_encode(const struct message *message, uint8_t *out, size_t room, size_t *used)
{
	struct writer writer;
	size_t length;

	if (!message_is_good(message))
		return -EINVAL;
	length = length_of(message->kind);
	if (message->kind == MESSAGE_GRANT || message->kind == MESSAGE_REFUSE)
		length += message->decision.segment_count * (size_t)MESSAGE_SEGMENT_LEN;
	if (*used > room || length > room - *used)
		return -ENOBUFS;
	writer = (struct writer){.at = out + *used, .left = length};
	writer_u8(&writer, (uint8_t)message->kind);
	writer_zeros(&writer, 1);
	writer_u16(&writer, (uint16_t)(length - MESSAGE_HEADER_LEN));
	writer_u32(&writer, message->id);
	write_body(&writer, message);
	writer_zeros(&writer, writer.left);
	*used += length;
	return 0;
}

static void read_body(struct reader *reader, struct message *message)
{
	switch (message->kind) {
	case MESSAGE_ASK:
	case MESSAGE_RENEW:
		read_question(reader, message->kind, &message->ask);
		break;
	case MESSAGE_GRANT:
	case MESSAGE_REFUSE:
		read_decision(reader, &message->decision);
		break;
	case MESSAGE_STALE:
	case MESSAGE_WITHDRAW:
		read_notice(reader, &message->notice);
		break;
	case MESSAGE_MOVED:
		read_moved(reader, &message->moved);
		break;
	case MESSAGE_ACKNOWLEDGE:
	case MESSAGE_PING:
		break;
	}
}

/* A decision's segments are counted in its body, and must fill it; every other kind has one length. */
static bool body_length_is_good(enum message_kind kind, size_t body)
{
	if (kind == MESSAGE_GRANT || kind == MESSAGE_REFUSE)
		return true;
	return length_of(kind) == body + MESSAGE_HEADER_LEN;
}

int message_decode(const uint8_t *in, size_t length, size_t *taken, struct message *out)
{
	struct reader reader, body;
	struct message message;
	size_t body_length;

	if (*taken > length)
		return -EBADMSG;
	if (*taken == length)
		return -ENODATA;
	memset(&message, 0, sizeof(message));
	reader = (struct reader){.at = in + *taken, .left = length - *taken};
	message.kind = (enum message_kind)reader_u8(&reader);
	reader_zeros(&reader, 1);
	body_length = reader_u16(&reader);
	message.id = reader_u32(&reader);
	reader_require(&reader, body_length_is_good(message.kind, body_length));
	body = (struct reader){.at = reader_take(&reader, body_length), .left = body_length};
	if (reader.failed)
		return -EBADMSG;
	read_body(&body, &message);
	if (!reader_done(&body))
		return -EBADMSG;
	*out = message;
	*taken += MESSAGE_HEADER_LEN + body_length;
	return 0;
}
