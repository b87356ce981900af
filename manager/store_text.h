/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text that grows at its end, and what stores put into it: JSON strings and base64. A failure sticks, so that a writer
 * asks once, at the end.
 */
#ifndef OVNET_MANAGER_STORE_TEXT_H
#define OVNET_MANAGER_STORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct store_text {
	char *data; /* ends in NUL, which `length` does not count; NULL: nothing was added yet */
	size_t length, room;
	bool failed; /* no memory: what is there is not whole */
};

/* `scope_text struct store_text text = {};` frees it when it goes out of scope. */
#define scope_text __attribute__((cleanup(store_text_free)))

void store_text_free(struct store_text *text);
/* Empties it; the room stays. */
void store_text_clear(struct store_text *text);
void store_text_add(struct store_text *text, const void *data, size_t length);
void store_text_print(struct store_text *text, const char *format, ...) PRINTF_LIKE(2, 3);
/* A JSON string, quotes included. `string` is UTF-8; NULL is written as null. */
void store_text_string(struct store_text *text, const char *string);
/* Base64 with padding, without quotes: what the gateway of etcd calls bytes. */
void store_text_base64(struct store_text *text, const void *data, size_t length);

/*
 * Decodes base64 with padding. Returns 0 and *out (to be freed; a NUL follows what is decoded) and *length; -EINVAL: not base64;
 * -ENOMEM.
 */
int store_text_decode(const char *base64, char **out, size_t *length);

/* True when it is UTF-8 as JSON may hold it: no surrogates, nothing overlong. */
bool store_text_is_utf8(const char *string);

#endif /* OVNET_MANAGER_STORE_TEXT_H */
