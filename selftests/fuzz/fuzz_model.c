/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: objects of the manager, read as they are, and as changes of one that was read before.
 *
 * Beyond not crashing: what is refused is told; what is accepted is canonical, that is, it is read again as it is, by anybody; what it
 * refers to has good names; and it can be shown without its secrets.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void count(void *context, const char *path, const char *message)
{
	must(path && strncmp(message, "expected ", 9) == 0);
	for (const char *c = message; *c; c++)
		must((unsigned char)*c >= ' ' && *c != 0x7f);
	++*(unsigned *)context;
}

static void check_reference(void *context, enum model_kind to, const char *name, const char *path)
{
	char whole[MODEL_NAME_MAX], message[200];

	(void)context;
	must(*path && model_name(to, NULL, name, whole, message) == 0 && strcmp(whole, name) == 0);
}

static void check_accepted(const cJSON *made)
{
	const char *name = json_member(made, "name")->valuestring, *found;
	int kind = model_kind_of(json_member(made, "kind")->valuestring);
	cJSON *again = NULL, *shown = model_public(made);
	char key[MODEL_KEY_MAX];
	enum model_kind parsed;
	unsigned reports = 0;

	model_key((enum model_kind)kind, name, key);
	must(model_key_parse(key, &parsed, &found) == 0 && (int)parsed == kind && strcmp(found, name) == 0);
	must(model_read(made, NULL, NULL, "", count, &reports, &again) == 0 && reports == 0);
	must(model_equal(made, again) && shown);
	model_references(made, check_reference, NULL);
	cJSON_Delete(again);
	cJSON_Delete(shown);
}

/* Something of every kind that a change may be laid over. */
static void change_each(const cJSON *patch)
{
	static const char *const texts[] = {
		"{\"kind\":\"host\",\"name\":\"h\",\"locator\":\"fd00:1:0:1::/64\",\"credential\":\"x\",\"joined\":5}",
		"{\"kind\":\"vnet\",\"name\":\"a/v\",\"vni\":77,\"silence\":\"allow\"}",
		"{\"kind\":\"handle\",\"name\":\"a/h\",\"entries\":[\"10.0.0.1\"],\"immutable\":true,\"version\":2}",
		"{\"kind\":\"node\",\"name\":\"a/n\",\"vnet\":\"a/v\",\"host\":\"h\",\"port\":\"p\","
		"\"mac\":\"02:00:00:00:00:01\"}",
		"{\"kind\":\"policy\",\"name\":\"a/p\",\"vnet\":\"a/v\",\"verdict\":\"deny\",\"id\":9}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		cJSON *old = cJSON_Parse(texts[i]), *made = NULL;
		unsigned reports = 0;
		int error = model_patch(patch, "a", old, "objects[0]", count, &reports, &made);

		must(error == 0 ? made && !reports : error == -EINVAL && reports && !made);
		must(error ||
			strcmp(json_member(made, "name")->valuestring, json_member(old, "name")->valuestring) == 0);
		cJSON_Delete(made);
		cJSON_Delete(old);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_error error = {.message = ""};
	cJSON *tree = json_parse((const char *)data, size, &error), *made = NULL;
	unsigned reports = 0;
	int result;

	if (!tree)
		return 0;
	result = model_read(tree, "acme", NULL, "", count, &reports, &made);
	must(result == 0 ? made && !reports : result == -EINVAL && reports && !made);
	if (made)
		check_accepted(made);
	change_each(tree);
	cJSON_Delete(made);
	cJSON_Delete(tree);
	return 0;
}
