/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads objects and changes of objects by the table. See model.h.
 *
 * Knows required, fixed and assigned fields; leaves out what values are (type.c, selector.c) and what one row cannot say
 * (check.c).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/error.h"
#include "lib/json.h"
#include "lib/name.h"
#include "model/internal.h"

#define scope_json __attribute__((cleanup(json_scope_delete)))

static void json_scope_delete(cJSON **value)
{
	cJSON_Delete(*value);
}

/* Members that every object may have beside its fields. */
static bool is_common(const char *name)
{
	return strcmp(name, "kind") == 0 || strcmp(name, "name") == 0 || strcmp(name, "revision") == 0;
}

/* ---- findings */

void reader_path(char out[MODEL_PATH_MAX], const char *path, const char *name)
{
	snprintf(out, MODEL_PATH_MAX, "%s%s%.80s", path, *path ? "." : "", name);
}

void reader_element(char out[MODEL_PATH_MAX], const char *path, size_t index)
{
	snprintf(out, MODEL_PATH_MAX, "%.170s[%zu]", path, index);
}

/* What somebody wrote goes to somebody's terminal. */
static void make_printable(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
	}
}

void reader_tell(struct reader *reader, const char *path, const char *message)
{
	char place[MODEL_PATH_MAX], told[MODEL_MESSAGE_MAX];

	snprintf(place, sizeof(place), "%s", path);
	snprintf(told, sizeof(told), "%s", message);
	make_printable(place);
	make_printable(told);
	reader->report(reader->context, place, told);
	if (!reader->error)
		reader->error = -EINVAL;
}

cJSON *reader_refuse(struct reader *reader, const char *path, const char *expected, const cJSON *value)
{
	char message[MODEL_MESSAGE_MAX], got[JSON_GOT_MAX];

	snprintf(message, sizeof(message), "expected %s, got %s", expected, json_got(value, got));
	reader_tell(reader, path, message);
	return NULL;
}

cJSON *reader_made(struct reader *reader, cJSON *made)
{
	if (!made)
		reader->error = -ENOMEM;
	return made;
}

/* ---- kind and name */

/* Returns the kind, or -1 after a finding. */
static int read_kind(struct reader *reader, const cJSON *object, const cJSON *old, const char *path)
{
	const cJSON *value = json_member(object, "kind"), *before = old ? json_member(old, "kind") : NULL;
	const char *names[MODEL_KINDS + 1] = {NULL};
	char here[MODEL_PATH_MAX], expected[MODEL_EXPECTED_MAX];
	int kind = cJSON_IsString(value) ? model_kind_of(value->valuestring) : -1;

	if (before && !value)
		return model_kind_of(before->valuestring);
	reader_path(here, path, "kind");
	/* The plural is a word of paths, and no kind. */
	if (kind < 0 || strcmp(model_table[kind].name, value->valuestring) != 0) {
		for (int i = 0; i < MODEL_KINDS; i++)
			names[i] = model_table[i].name;
		reader_refuse(reader, here, model_words(names, expected), value);
		return -1;
	}
	if (before && strcmp(before->valuestring, value->valuestring) != 0) {
		reader_refuse(reader, here, before->valuestring, value);
		return -1;
	}
	return kind;
}

/* Returns whether there is a name then; the owner is that of the name. */
static bool read_name(struct reader *reader, enum model_kind kind, const cJSON *object, const cJSON *old,
	const char *path, char name[MODEL_NAME_MAX])
{
	const cJSON *value = json_member(object, "name"), *before = old ? json_member(old, "name") : NULL;
	char here[MODEL_PATH_MAX], expected[MODEL_EXPECTED_MAX], message[200];

	if (before && !value)
		value = before;
	reader_path(here, path, "name");
	if (!cJSON_IsString(value)) {
		reader_refuse(reader, here,
			model_table[kind].of_account ? "a name like ACCOUNT/NAME" : MODEL_PART_EXPECTED, value);
		return false;
	}
	if (model_name(kind, reader->account, value->valuestring, name, message) != 0) {
		reader_tell(reader, here, message);
		return false;
	}
	if (before && strcmp(before->valuestring, name) != 0) {
		snprintf(expected, sizeof(expected), "'%s', which cannot change", before->valuestring);
		reader_refuse(reader, here, expected, value);
	}
	return true;
}

/* ---- fields */

/* One that others may not see is not shown to them in a message either. */
static cJSON *refuse_assigned(struct reader *reader, const struct model_field *field, const cJSON *value,
	const cJSON *before, const char *path)
{
	char expected[MODEL_EXPECTED_MAX], got[JSON_GOT_MAX];

	if (field->secret) {
		reader_tell(reader, path, "expected nothing, as the manager assigns it, got something else");
		return NULL;
	}
	if (!before)
		return reader_refuse(reader, path, "nothing, as the manager assigns it", value);
	snprintf(expected, sizeof(expected), "%s, as the manager assigned it", json_got(before, got));
	return reader_refuse(reader, path, expected, value);
}

static cJSON *refuse_change(struct reader *reader, const cJSON *value, const cJSON *before, const char *path)
{
	char expected[MODEL_EXPECTED_MAX], got[JSON_GOT_MAX];

	snprintf(expected, sizeof(expected), "%s, which cannot change", json_got(before, got));
	return reader_refuse(reader, path, expected, value);
}

static cJSON *read_fallback(struct reader *reader, const struct model_field *field)
{
	return reader_made(reader, cJSON_Parse(field->fallback));
}

/* Returns the canonical value, or NULL: there is none, or reader->error says why. */
static cJSON *read_field(struct reader *reader, const struct model_field *field, const cJSON *value,
	const cJSON *before, const char *path)
{
	cJSON *made;

	if (field->assigned) {
		if (value && !(before && cJSON_Compare(value, before, true)))
			return refuse_assigned(reader, field, value, before, path);
		return before ? reader_made(reader, cJSON_Duplicate(before, true)) : NULL;
	}
	if (field->fixed && before) {
		if (!value)
			return reader_made(reader, cJSON_Duplicate(before, true));
		if (cJSON_IsNull(value))
			return refuse_change(reader, value, before, path);
	}
	if (!value && !field->required)
		return field->fallback ? read_fallback(reader, field) : NULL;
	made = model_type_read(reader, field, value, path);
	if (made && field->fixed && before && !cJSON_Compare(made, before, true)) {
		cJSON_Delete(made);
		return refuse_change(reader, value, before, path);
	}
	return made;
}

static void add(struct reader *reader, cJSON *object, const char *name, cJSON *value)
{
	if (value && !cJSON_AddItemToObject(object, name, value)) {
		cJSON_Delete(value);
		reader->error = -ENOMEM;
	}
}

static void tell_unknown(struct reader *reader, enum model_kind kind, const char *name, const char *path)
{
	const struct model_kind_row *row = &model_table[kind];
	const char *nearest = NULL;
	unsigned least = strlen(name) < 6 ? 2 : 3; /* that far away it is another word */
	const char *names[32] = {NULL};
	char known[MODEL_EXPECTED_MAX], message[MODEL_MESSAGE_MAX];

	for (size_t i = 0; i < row->field_count; i++) {
		unsigned steps = name_distance(name, row->fields[i].name);

		if (i + 1 < ARRAY_LEN(names))
			names[i] = row->fields[i].name;
		if (steps < least) {
			least = steps;
			nearest = row->fields[i].name;
		}
	}
	if (nearest)
		snprintf(message, sizeof(message), "expected a field of %s %s like '%s', got '%.40s'", MODEL_A(kind),
			nearest, name);
	else
		snprintf(message, sizeof(message), "expected a field of %s %s (%s), got '%.40s'", MODEL_A(kind),
			model_words(names, known), name);
	reader_tell(reader, path, message);
}

/* As the manager answered it: a number, or its digits. */
static bool is_revision(const cJSON *value)
{
	long long number;

	if (cJSON_IsString(value))
		return *value->valuestring && !value->valuestring[strspn(value->valuestring, "0123456789")];
	return json_integer(value, 0, 9007199254740991, &number) == 0;
}

static void read_others(struct reader *reader, enum model_kind kind, const cJSON *object, const char *path)
{
	const cJSON *member;
	char here[MODEL_PATH_MAX];

	cJSON_ArrayForEach(member, object) {
		reader_path(here, path, member->string);
		if (strcmp(member->string, "revision") == 0 && !is_revision(member))
			reader_refuse(reader, here, "a revision as it was answered", member);
		else if (!is_common(member->string) && !model_field_find(kind, member->string))
			tell_unknown(reader, kind, member->string, here);
	}
}

static cJSON *read_object(struct reader *reader, const cJSON *object, const cJSON *old, const char *path)
{
	scope_json cJSON *made = cJSON_CreateObject();
	char name[MODEL_NAME_MAX], owner[MODEL_PART_MAX], here[MODEL_PATH_MAX];
	const struct model_kind_row *row;
	cJSON *done;
	int kind;

	if (!made)
		return reader_made(reader, NULL);
	if (!cJSON_IsObject(object))
		return reader_refuse(reader, path, "an object", object);
	kind = read_kind(reader, object, old, path);
	if (kind < 0)
		return NULL;
	row = &model_table[kind];
	add(reader, made, "kind", reader_made(reader, cJSON_CreateString(row->name)));
	if (read_name(reader, (enum model_kind)kind, object, old, path, name)) {
		add(reader, made, "name", reader_made(reader, cJSON_CreateString(name)));
		if (row->of_account) {
			model_account(name, owner);
			reader->owner = owner;
		}
	}
	for (size_t i = 0; i < row->field_count; i++) {
		const struct model_field *field = &row->fields[i];

		reader_path(here, path, field->name);
		add(reader, made, field->name,
			read_field(reader, field, json_member(object, field->name),
				old ? json_member(old, field->name) : NULL, here));
	}
	read_others(reader, (enum model_kind)kind, object, path);
	if (!reader->error)
		model_check(reader, (enum model_kind)kind, made, path);
	if (!reader->error && old && cJSON_IsTrue(json_member(old, "immutable")) && !model_equal(made, old))
		reader_tell(reader, path, "expected no change of what is immutable: it can be deleted only");
	reader->owner = NULL;
	if (reader->error)
		return NULL;
	done = made;
	made = NULL;
	return done;
}

int model_read(const cJSON *object, const char *account, const cJSON *old, const char *path, model_report_fn report,
	void *context, cJSON **out)
{
	struct reader reader = {.account = account, .report = report, .context = context};
	cJSON *made = read_object(&reader, object, old, path);

	if (made)
		*out = made;
	return reader.error;
}

/* ---- changes */

/* True for a member of *old that the patch leaves as it is. */
static bool stays(const cJSON *patch, const char *name)
{
	return !json_member(patch, name) && strcmp(name, "revision") != 0;
}

/* Lays a patch over an object; values are of either, not copied. */
static cJSON *laid_over(const cJSON *patch, const cJSON *old)
{
	scope_json cJSON *both = cJSON_CreateObject();
	int kind = model_kind_of(json_member(old, "kind")->valuestring);
	const cJSON *member;
	cJSON *done;

	if (!both)
		return NULL;
	cJSON_ArrayForEach(member, old) {
		if (stays(patch, member->string) &&
			!cJSON_AddItemReferenceToObject(both, member->string, (cJSON *)member))
			return NULL;
	}
	cJSON_ArrayForEach(member, patch) {
		const struct model_field *field = model_field_find((enum model_kind)kind, member->string);
		bool kept = field && (field->fixed || field->assigned) && json_member(old, member->string);

		/* Back to the fallback; what cannot go back is refused as what it is. */
		if (cJSON_IsNull(member) && field && !kept)
			continue;
		if (!cJSON_AddItemReferenceToObject(both, member->string, (cJSON *)member))
			return NULL;
	}
	done = both;
	both = NULL;
	return done;
}

int model_patch(const cJSON *patch, const char *account, const cJSON *old, const char *path, model_report_fn report,
	void *context, cJSON **out)
{
	struct reader reader = {.account = account, .report = report, .context = context};
	scope_json cJSON *both = NULL;

	if (!cJSON_IsObject(patch)) {
		reader_refuse(&reader, path, "an object", patch);
		return -EINVAL;
	}
	both = laid_over(patch, old);
	if (!both)
		return -ENOMEM;
	return model_read(both, account, old, path, report, context, out);
}

/* ---- objects that were read */

int model_assign(cJSON *object, const char *name, cJSON *value)
{
	int kind = model_kind_of(json_member(object, "kind")->valuestring);
	const struct model_field *field = model_field_find((enum model_kind)kind, name);
	cJSON *member, *next;

	if (!field) {
		cJSON_Delete(value);
		return -ENOENT;
	}
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	if (!value)
		return 0;
	if (!cJSON_AddItemToObject(object, name, value)) {
		cJSON_Delete(value);
		return -ENOMEM;
	}
	/* It is last; those that the table has after it go behind it, one by one. */
	for (member = object->child; member != value; member = next) {
		const struct model_field *other = model_field_find((enum model_kind)kind, member->string);

		next = member->next;
		if (other && other > field)
			cJSON_AddItemToArray(object, cJSON_DetachItemViaPointer(object, member));
	}
	return 0;
}

cJSON *model_public(const cJSON *object)
{
	cJSON *copy = cJSON_Duplicate(object, true);
	int kind = copy ? model_kind_of(json_member(copy, "kind")->valuestring) : -1;

	for (size_t i = 0; kind >= 0 && i < model_table[kind].field_count; i++) {
		if (model_table[kind].fields[i].secret)
			cJSON_DeleteItemFromObjectCaseSensitive(copy, model_table[kind].fields[i].name);
	}
	return copy;
}

/* Members without the revision. */
static size_t members_of(const cJSON *object)
{
	const cJSON *member;
	size_t count = 0;

	cJSON_ArrayForEach(member, object)
		count += strcmp(member->string, "revision") != 0;
	return count;
}

bool model_equal(const cJSON *a, const cJSON *b)
{
	const cJSON *member;

	if (members_of(a) != members_of(b))
		return false;
	cJSON_ArrayForEach(member, a) {
		const cJSON *other = json_member(b, member->string);

		if (strcmp(member->string, "revision") != 0 && !(other && cJSON_Compare(member, other, true)))
			return false;
	}
	return true;
}
