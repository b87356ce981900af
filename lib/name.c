/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names, and how near two words are. See name.h.
 */
#include "lib/name.h"

#include <stddef.h>
#include <string.h>

#include "lib/error.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
#define INTERFACE_MAX 16 /* IFNAMSIZ */

bool name_is_part(const char *text)
{
	size_t length = strspn(text, LETTERS);

	return length > 0 && length < NAME_PART_MAX && text[length] == '\0';
}

bool name_is_whole(const char *text)
{
	size_t length = strspn(text, LETTERS);

	if (text[length] != '/')
		return name_is_part(text);
	return length > 0 && length < NAME_PART_MAX && name_is_part(text + length + 1);
}

/* A percent sign would be a format to the kernel. */
bool name_is_interface(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length >= INTERFACE_MAX || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return false;
	for (; *text; text++) {
		if ((unsigned char)*text <= ' ' || *text == 0x7f || strchr("/:%", *text))
			return false;
	}
	return true;
}

/* Levenshtein's, row by row. */
unsigned name_distance(const char *a, const char *b)
{
	unsigned row[32];
	size_t length = strlen(b);

	if (length >= ARRAY_LEN(row) || strlen(a) >= ARRAY_LEN(row))
		return ARRAY_LEN(row);
	for (unsigned j = 0; j <= length; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			unsigned best = corner + (a[i - 1] != b[j - 1]);

			corner = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[length];
}
