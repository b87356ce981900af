/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Items of canonical selectors and entries, taken apart: "any", "node:acme/web1", "10.0.0.0/24".
 */
#ifndef OVNET_MODEL_SELECTOR_H
#define OVNET_MODEL_SELECTOR_H

#include <stdbool.h>

#include "lib/address.h"
#include "model/model.h"

enum model_item_kind { MODEL_ITEM_ANY, MODEL_ITEM_RANGE, MODEL_ITEM_NAME };

struct model_item {
	enum model_item_kind kind;
	struct ipv4_range range; /* MODEL_ITEM_RANGE */
	enum model_kind to;      /* MODEL_ITEM_NAME: what it names, ... */
	const char *name;        /* ... and its name, within the text */
};

/* Returns 0, or -EINVAL for what model_read() would not have let pass. */
int model_item_parse(const char *text, struct model_item *out);

/*
 * A selector's items in turn: a string, a list of strings, or {"not": either}. Begin with NULL; the end is NULL.
 *
 *   for (const cJSON *item = NULL; (item = model_selector_next(selector, item));)
 */
const cJSON *model_selector_next(const cJSON *selector, const cJSON *item);
bool model_selector_is_negated(const cJSON *selector);

#endif /* OVNET_MODEL_SELECTOR_H */
