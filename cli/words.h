/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pieces of the sentences in which explanations are told, an agent's and the manager's. Texts are the caller's to free; NULL: out
 * of memory.
 */
#ifndef OVNET_CLI_WORDS_H
#define OVNET_CLI_WORDS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "lib/error.h"

/* Appends a sentence. Returns false: out of memory. */
bool PRINTF_LIKE(2, 3) words_say(cJSON *summary, const char *format, ...);

/* A member's text; `missing` when it is null, not there, or something else. */
const char *words_text(const cJSON *object, const char *name, const char *missing);
double words_number(const cJSON *object, const char *name);
bool words_true(const cJSON *object, const char *name);

/* "A (10.0.0.2)", or the address alone. */
char *words_end(const cJSON *end);
/* "tcp port 443", "icmp type 8", or "protocol 47", of an explanation. */
char *words_service(const cJSON *explanation);
/* "by policy 3 'web', which names the other end by address" and the like, of a decision. */
char *words_decided_by(const cJSON *decision);

#endif /* OVNET_CLI_WORDS_H */
