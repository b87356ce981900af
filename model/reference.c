/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a canonical object refers to. See model.h.
 */
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "model/internal.h"
#include "model/selector.h"

struct walk {
	model_reference_fn fn;
	void *context;
};

static void tell_item(const struct walk *walk, const cJSON *value, const char *path)
{
	struct model_item item;

	if (model_item_parse(value->valuestring, &item) == 0 && item.kind == MODEL_ITEM_NAME)
		walk->fn(walk->context, item.to, item.name, path);
}

/* Items, or (with `to`) names of that kind. */
static void tell_list(const struct walk *walk, const enum model_kind *to, const cJSON *list, const char *path)
{
	const cJSON *element;
	char here[MODEL_PATH_MAX];
	size_t index = 0;

	cJSON_ArrayForEach(element, list) {
		reader_element(here, path, index++);
		if (to)
			walk->fn(walk->context, *to, element->valuestring, here);
		else
			tell_item(walk, element, here);
	}
}

static void tell_selector(const struct walk *walk, const cJSON *selector, const char *path)
{
	char here[MODEL_PATH_MAX];

	if (cJSON_IsObject(selector)) {
		reader_path(here, path, "not");
		selector = selector->child;
		path = here;
	}
	if (cJSON_IsArray(selector))
		tell_list(walk, NULL, selector, path);
	else
		tell_item(walk, selector, path);
}

static void tell_match(const struct walk *walk, const cJSON *match, const char *path)
{
	const cJSON *vnet = json_member(match, "vnet"), *account = json_member(match, "account");
	char here[MODEL_PATH_MAX];

	reader_path(here, path, "vnet");
	if (vnet)
		walk->fn(walk->context, MODEL_VNET, vnet->valuestring, here);
	reader_path(here, path, "account");
	if (account && strcmp(account->valuestring, "*") != 0)
		walk->fn(walk->context, MODEL_ACCOUNT, account->valuestring, here);
}

void model_references(const cJSON *object, model_reference_fn fn, void *context)
{
	const struct walk walk = {fn, context};
	const struct model_kind_row *row = &model_table[model_kind_of(json_member(object, "kind")->valuestring)];

	for (size_t i = 0; i < row->field_count; i++) {
		const struct model_field *field = &row->fields[i];
		const cJSON *value = json_member(object, field->name);

		if (!value)
			continue;
		if (field->type == MODEL_REF)
			fn(context, field->to, value->valuestring, field->name);
		else if (field->type == MODEL_REFS)
			tell_list(&walk, &field->to, value, field->name);
		else if (field->type == MODEL_ENTRIES)
			tell_list(&walk, NULL, value, field->name);
		else if (field->type == MODEL_SELECTOR)
			tell_selector(&walk, value, field->name);
		else if (field->type == MODEL_MATCH)
			tell_match(&walk, value, field->name);
	}
}
