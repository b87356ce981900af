/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text that grows. See store_text.h.
 */
#include "manager/store_text.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <string.h>

void store_text_free(struct store_text *text)
{
	free(text->data);
	*text = (struct store_text){};
}

void store_text_clear(struct store_text *text)
{
	text->length = 0;
	text->failed = false;
	if (text->data)
		text->data[0] = '\0';
}

/* Makes room for `more` octets and the NUL after them. */
static bool text_make_room(struct store_text *text, size_t more)
{
	size_t room = text->room ? text->room : 256;
	char *moved;

	if (text->failed)
		return false;
	if (text->length + more < text->room)
		return true;
	while (room <= text->length + more)
		room *= 2;
	moved = realloc(text->data, room);
	if (!moved) {
		text->failed = true;
		return false;
	}
	text->data = moved;
	text->room = room;
	return true;
}

void store_text_add(struct store_text *text, const void *data, size_t length)
{
	if (!text_make_room(text, length))
		return;
	memcpy(text->data + text->length, data, length);
	text->length += length;
	text->data[text->length] = '\0';
}

void store_text_print(struct store_text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0 || !text_make_room(text, (size_t)length))
		return;
	va_start(arguments, format);
	vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
	va_end(arguments);
	text->length += (size_t)length;
}

void store_text_string(struct store_text *text, const char *string)
{
	const char *plain = string;

	if (!string) {
		store_text_add(text, "null", 4);
		return;
	}
	store_text_add(text, "\"", 1);
	for (; *string; string++) {
		unsigned char c = (unsigned char)*string;

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		store_text_add(text, plain, (size_t)(string - plain));
		if (c < 0x20)
			store_text_print(text, "\\u%04x", c);
		else
			store_text_print(text, "\\%c", c);
		plain = string + 1;
	}
	store_text_add(text, plain, (size_t)(string - plain));
	store_text_add(text, "\"", 1);
}

void store_text_base64(struct store_text *text, const void *data, size_t length)
{
	size_t size = sodium_base64_encoded_len(length, sodium_base64_VARIANT_ORIGINAL);

	if (!text_make_room(text, size))
		return;
	sodium_bin2base64(text->data + text->length, size, data, length, sodium_base64_VARIANT_ORIGINAL);
	text->length += size - 1;
}

int store_text_decode(const char *base64, char **out, size_t *length)
{
	size_t size = strlen(base64), used;
	scope_free char *data = malloc(size / 4 * 3 + 1);
	const char *end;

	if (!data)
		return -ENOMEM;
	if (sodium_base642bin((unsigned char *)data, size / 4 * 3, base64, size, NULL, &used, &end,
		    sodium_base64_VARIANT_ORIGINAL) ||
		*end)
		return -EINVAL;
	data[used] = '\0';
	*out = data;
	*length = used;
	data = NULL;
	return 0;
}

/* Octets of the character at `at`, or 0. RFC 3629, section 4. */
static size_t utf8_length(const unsigned char *at)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t length;

	if (at[0] < 0x80)
		return 1;
	if (at[0] < 0xc2 || at[0] > 0xf4)
		return 0;
	length = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	if (at[0] == 0xe0)
		low = 0xa0;
	else if (at[0] == 0xed)
		high = 0x9f;
	else if (at[0] == 0xf0)
		low = 0x90;
	else if (at[0] == 0xf4)
		high = 0x8f;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++) {
		if (at[i] < 0x80 || at[i] > 0xbf)
			return 0;
	}
	return length;
}

bool store_text_is_utf8(const char *string)
{
	const unsigned char *at = (const unsigned char *)string;

	while (*at) {
		size_t length = utf8_length(at);

		if (!length)
			return false;
		at += length;
	}
	return true;
}
