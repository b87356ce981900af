/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects of the model for tests: written with single quotes, read, and printed.
 */
#ifndef OVNET_SELFTESTS_MODEL_H
#define OVNET_SELFTESTS_MODEL_H

#include "selftests/unit/unit.h"

#include <errno.h>

#include "lib/error.h"
#include "lib/json.h"
#include "model/model.h"

#define KEY "vDj7JUGhptl1n5Dd06Z2MIf3OcRwGpW9dXQxAa/ns4c="
#define PART31 "abcdefghijabcdefghijabcdefghija"

#define NODE_EXPECTED "a name like NAME or ACCOUNT/NAME, each of 1 to 31 letters, digits, '_', '.' or '-'"
#define PART_EXPECTED "a name of 1 to 31 letters, digits, '_', '.' or '-', not just '.' or '..'"

/* JSON with ' for ". */
static inline cJSON *model_json(const char *text)
{
	scope_free char *copy = strdup(text);
	cJSON *value;

	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	value = cJSON_Parse(copy);
	if (!value)
		printf("\n    no JSON: %s\n", copy);
	CU_ASSERT_PTR_NOT_NULL_FATAL(value);
	return value;
}

/* What was found: lines of "PATH: MESSAGE". */
struct told {
	char text[4096];
	unsigned count;
};

static inline void model_tell(void *context, const char *path, const char *message)
{
	struct told *told = context;
	size_t used = strlen(told->text);

	told->count++;
	snprintf(told->text + used, sizeof(told->text) - used, "%s%s: %s", used ? "\n" : "", path, message);
}

/* Prints with ' for ". */
static inline char *model_print(const cJSON *object)
{
	char *text = cJSON_PrintUnformatted(object);

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	for (char *c = text; *c; c++)
		*c = *c == '"' ? '\'' : *c;
	return text;
}

/* Reads (`patch`: as a change) what a user of acme wrote, in the place of `old` if that is not NULL. The object is the caller's. */
static inline cJSON *model_take(bool patch, const char *text, const char *old)
{
	cJSON *object = model_json(text), *before = old ? model_json(old) : NULL, *made = NULL;
	struct told told = {0};
	int error = patch ? model_patch(object, "acme", before, "", model_tell, &told, &made)
			  : model_read(object, "acme", before, "", model_tell, &told, &made);

	if (error)
		printf("\n    %s\n    %s\n", text, told.text);
	CU_ASSERT_EQUAL(error, 0);
	CU_ASSERT_EQUAL(told.count, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	cJSON_Delete(object);
	cJSON_Delete(before);
	return made;
}

static inline void model_accept(bool patch, const char *text, const char *old, const char *wanted)
{
	cJSON *made = model_take(patch, text, old);
	scope_free char *printed = model_print(made);
	cJSON *again = NULL;
	struct told told = {0};

	UNIT_STRING_EQUAL(printed, wanted);
	/* What is canonical stays as it is, whoever reads it. */
	CU_ASSERT_EQUAL(model_read(made, NULL, made, "", model_tell, &told, &again), 0);
	UNIT_STRING_EQUAL(told.text, "");
	CU_ASSERT(again && model_equal(made, again));
	cJSON_Delete(again);
	cJSON_Delete(made);
}

static inline void model_refuse(bool patch, const char *text, const char *old, const char *wanted)
{
	cJSON *object = model_json(text), *before = old ? model_json(old) : NULL, *made = object;
	struct told told = {0};
	int error = patch ? model_patch(object, "acme", before, "", model_tell, &told, &made)
			  : model_read(object, "acme", before, "", model_tell, &told, &made);

	CU_ASSERT_EQUAL(error, -EINVAL);
	CU_ASSERT_PTR_EQUAL(made, object);
	UNIT_STRING_EQUAL(told.text, wanted);
	cJSON_Delete(object);
	cJSON_Delete(before);
}

#endif /* OVNET_SELFTESTS_MODEL_H */
