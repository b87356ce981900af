/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of model/ share: a reader of one request, and the types of fields.
 */
#ifndef OVNET_MODEL_INTERNAL_H
#define OVNET_MODEL_INTERNAL_H

#include <string.h>

#include "model/model.h"

#define MODEL_PATH_MAX 200 /* of a value within a request */
#define MODEL_MESSAGE_MAX 512
#define MODEL_EXPECTED_MAX 320 /* what a message says that a value must be */

#define MODEL_PART_EXPECTED "a name of 1 to 31 letters, digits, '_', '.' or '-', not just '.' or '..'"

/* Reads one request. */
struct reader {
	const char *account; /* whose user wrote it; NULL: none is implied */
	const char *owner;   /* of the object that is read */
	model_report_fn report;
	void *context;
	int error; /* -EINVAL after a finding, -ENOMEM; 0 as long as all is right */
};

/* "PATH.NAME", or the name alone where the path is empty. */
void reader_path(char out[MODEL_PATH_MAX], const char *path, const char *name);
/* "PATH[INDEX]" */
void reader_element(char out[MODEL_PATH_MAX], const char *path, size_t index);

/* Tells something; then the object is refused. */
void reader_tell(struct reader *reader, const char *path, const char *message);
/* "expected ..., got ..." about a value; NULL: it is missing. Always returns NULL, for a type to hand on. */
cJSON *reader_refuse(struct reader *reader, const char *path, const char *expected, const cJSON *value);
/* Hands on what was made, or notes that there was no memory. */
cJSON *reader_made(struct reader *reader, cJSON *made);

/*
 * Reads a value by its field's type. NULL: a required one is missing. Returns the canonical value, or NULL: after a finding, without
 * memory, or (with no error) for an empty list that need not be there.
 */
cJSON *model_type_read(struct reader *reader, const struct model_field *field, const cJSON *value, const char *path);

/* What a value of that field must be, as messages and the API's description say. Returns `out`. */
const char *model_type_expected(const struct model_field *field, char out[MODEL_EXPECTED_MAX]);

/* "a node", "an account" */
#define MODEL_A(kind) (strchr("aeiou", *model_table[kind].name) ? "an" : "a"), model_table[kind].name

/* "a, b or c"; returns `out`. */
const char *model_words(const char *const *words, char out[MODEL_EXPECTED_MAX]);

/* A name as a user means it, made whole; NULL after a finding. `expected_after`: "" or what stands before it in the text. */
cJSON *model_type_name(struct reader *reader, enum model_kind to, const cJSON *value, const char *path);

/* The elements of a canonical list must differ; tells at "PATH[I]" which do not. `elements` are those of the request. */
void model_type_each_once(struct reader *reader, const cJSON *canonical, const cJSON *elements, const char *path);

/* selector.c: types of its own */
cJSON *model_selector_read(struct reader *reader, const struct model_field *field, const cJSON *value,
	const char *path);
cJSON *model_entries_read(struct reader *reader, const struct model_field *field, const cJSON *value, const char *path);
cJSON *model_services_read(struct reader *reader, const struct model_field *field, const cJSON *value,
	const char *path);
cJSON *model_match_read(struct reader *reader, const struct model_field *field, const cJSON *value, const char *path);

/* check.c: what one row cannot say, of an object that is right otherwise. */
void model_check(struct reader *reader, enum model_kind kind, const cJSON *object, const char *path);

#endif /* OVNET_MODEL_INTERNAL_H */
