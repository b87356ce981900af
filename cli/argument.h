/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Typed values of a command line: checked before anything is done, and turned into JSON for the agent.
 */
#ifndef OVNET_CLI_ARGUMENT_H
#define OVNET_CLI_ARGUMENT_H

#include <cjson/cJSON.h>

#include "cli/command.h"

/* True when `text` is a value of the row's type. */
bool argument_is_value(const struct command_argument *row, const char *text);

/* The same. Otherwise writes "NAME: expected ..., got '...'" to `err`. */
bool argument_check(const struct command_argument *row, const char *text, FILE *err);

/* The JSON value of a checked text: number, boolean or string. NULL: out of memory. */
cJSON *argument_json(const struct command_argument *row, const char *text);

/* A name that can be a folder's and says nothing else: "..", "/" and the like would lead elsewhere. */
bool argument_is_instance(const char *name);

/* Decimal digits, the whole of `text`, within [min, max]. */
bool argument_number(const char *text, long long min, long long max, long long *out);

/* Calls `fn` for each of the words in "one|two|three". A word is `length` octets without a terminator. */
void argument_each_word(const char *words, void (*fn)(void *context, const char *word, size_t length), void *context);

#endif /* OVNET_CLI_ARGUMENT_H */
