/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Octets read and written in network order, within bounds: the only place in proto/ that indexes a datagram.
 *
 * The error is sticky: past the end, or at what is not zero and must be, everything after reads as zero or writes nothing,
 * and one look at `failed` at the end says whether all went well. So a decoder is a list of its fields.
 */
#ifndef OVNET_PROTO_CURSOR_H
#define OVNET_PROTO_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct reader {
	const uint8_t *at;
	size_t left;
	bool failed;
};

struct writer {
	uint8_t *at;
	size_t left;
	bool failed;
};

/* The next `length` octets, or NULL when there are not so many. */
static inline const uint8_t *reader_take(struct reader *reader, size_t length)
{
	const uint8_t *taken = reader->at;

	if (reader->failed || length > reader->left) {
		reader->failed = true;
		return NULL;
	}
	reader->at += length;
	reader->left -= length;
	return taken;
}

static inline uint64_t reader_number(struct reader *reader, size_t length)
{
	const uint8_t *octets = reader_take(reader, length);
	uint64_t value = 0;

	for (size_t i = 0; octets && i < length; i++)
		value = value << 8 | octets[i];
	return value;
}

static inline uint8_t reader_u8(struct reader *reader)
{
	return (uint8_t)reader_number(reader, 1);
}

static inline uint16_t reader_u16(struct reader *reader)
{
	return (uint16_t)reader_number(reader, 2);
}

static inline uint32_t reader_u32(struct reader *reader)
{
	return (uint32_t)reader_number(reader, 4);
}

static inline uint64_t reader_u64(struct reader *reader)
{
	return reader_number(reader, 8);
}

static inline void reader_octets(struct reader *reader, void *out, size_t length)
{
	const uint8_t *octets = reader_take(reader, length);

	if (octets)
		memcpy(out, octets, length);
	else
		memset(out, 0, length);
}

/* Fails unless `holds`: for a value that the wire does not allow. */
static inline void reader_require(struct reader *reader, bool holds)
{
	reader->failed |= !holds;
}

/* Reserved fields and padding. */
static inline void reader_zeros(struct reader *reader, size_t length)
{
	const uint8_t *octets = reader_take(reader, length);
	uint8_t any = 0;

	for (size_t i = 0; octets && i < length; i++)
		any |= octets[i];
	reader_require(reader, any == 0);
}

/* True when everything was read and nothing was wrong. */
static inline bool reader_done(const struct reader *reader)
{
	return !reader->failed && reader->left == 0;
}

/* Room for `length` octets, or NULL. */
static inline uint8_t *writer_take(struct writer *writer, size_t length)
{
	uint8_t *taken = writer->at;

	if (writer->failed || length > writer->left) {
		writer->failed = true;
		return NULL;
	}
	writer->at += length;
	writer->left -= length;
	return taken;
}

static inline void writer_number(struct writer *writer, uint64_t value, size_t length)
{
	uint8_t *octets = writer_take(writer, length);

	for (size_t i = 0; octets && i < length; i++)
		octets[i] = (uint8_t)(value >> 8 * (length - 1 - i));
}

static inline void writer_u8(struct writer *writer, uint8_t value)
{
	writer_number(writer, value, 1);
}

static inline void writer_u16(struct writer *writer, uint16_t value)
{
	writer_number(writer, value, 2);
}

static inline void writer_u32(struct writer *writer, uint32_t value)
{
	writer_number(writer, value, 4);
}

static inline void writer_u64(struct writer *writer, uint64_t value)
{
	writer_number(writer, value, 8);
}

static inline void writer_octets(struct writer *writer, const void *octets, size_t length)
{
	uint8_t *room = writer_take(writer, length);

	if (room)
		memcpy(room, octets, length);
}

static inline void writer_zeros(struct writer *writer, size_t length)
{
	uint8_t *room = writer_take(writer, length);

	if (room)
		memset(room, 0, length);
}

#endif /* OVNET_PROTO_CURSOR_H */
