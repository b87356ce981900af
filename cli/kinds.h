/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands about the manager's objects, made from the table of model/: for each kind create, show, list, set and delete;
 * their arguments, what a value means as JSON, and the views of their results.
 */
#ifndef OVNET_CLI_KINDS_H
#define OVNET_CLI_KINDS_H

#include <cjson/cJSON.h>

#include "cli/command.h"

#define KINDS_VERBS 5

/* The order in which people are told of kinds: what they work with first. */
extern const enum model_kind kinds_order[MODEL_KINDS];

/* The commands of a kind, with arguments that live as long as the program. */
void kinds_commands(enum model_kind kind, struct command out[KINDS_VERBS]);

/* Whether `key` is a field that this command cannot write; then that is told. */
bool kinds_explain_key(const struct command *command, const char *key, FILE *err);

/* Memory for as long as the program lives, all 0. Ends it when there is none. */
void *kinds_take(size_t size);

/* Whether `text` is a value of the row's field, as far as the table says; the manager knows the rest. */
bool kinds_is_value(const struct command_argument *row, const char *text);
/* "a number from 1 to 9" and the like, for messages. Returns `out`. */
const char *kinds_expected(const struct command_argument *row, char out[320]);

/*
 * The JSON of a checked value: a list where the field is one, an object for criteria and negated selectors, null for what is
 * to be cleared. NULL: out of memory.
 */
cJSON *kinds_json(const struct command_argument *row, const char *text);

/* The object that create or set sends: the fields that were given. NULL: out of memory. */
cJSON *kinds_body(const struct command_context *context);

/*
 * How objects look as text: of one, what it has; of a list, the columns in which some of them say something. `out` and what
 * it points to live until the next call.
 */
const struct output_view *kinds_view_object(enum model_kind kind, const cJSON *object);
const struct output_view *kinds_view_list(enum model_kind kind, const cJSON *objects);

#endif /* OVNET_CLI_KINDS_H */
