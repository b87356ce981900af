/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes as text. See store_record.h.
 */
#include "manager/store_record.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "lib/json.h"

#define NUMBER_MAX 9007199254740991 /* what a number in JSON holds exactly */

void store_record_free(struct store_record *record)
{
	cJSON_Delete(record->tree);
	cJSON_Delete(record->list);
	free(record->writes);
	*record = (struct store_record){};
}

void store_record_digest(const void *data, size_t length, char digest[STORE_DIGEST_TEXT])
{
	unsigned char octets[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(octets, data, length);
	sodium_bin2hex(digest, STORE_DIGEST_TEXT, octets, sizeof(octets));
}

static void record_head(struct store_text *text, const struct store_change *change, uint64_t tag)
{
	store_text_print(text,
		"{\"change\":%" PRIu64 ",\"time_ms\":%" PRIu64 ",\"tag\":\"%016" PRIx64 "\",\"who\":", change->revision,
		change->time_ms, tag);
	store_text_string(text, change->who);
	store_text_print(text, ",\"why\":");
	store_text_string(text, change->why);
}

void store_record_writes(struct store_text *text, const struct store_change *change)
{
	store_text_print(text, "[");
	for (size_t i = 0; i < change->count; i++) {
		store_text_print(text, i ? ",[" : "[");
		store_text_string(text, change->writes[i].key);
		store_text_print(text, ",");
		store_text_string(text, change->writes[i].body);
		store_text_print(text, "]");
	}
	store_text_print(text, "]");
}

void store_record_encode(struct store_text *text, const struct store_change *change, uint64_t tag)
{
	record_head(text, change, tag);
	store_text_print(text, ",\"writes\":");
	store_record_writes(text, change);
	store_text_print(text, "}");
}

void store_record_encode_chunked(struct store_text *text, const struct store_change *change, uint64_t tag,
	size_t chunks, const struct store_text *list)
{
	char digest[STORE_DIGEST_TEXT];

	store_record_digest(list->data, list->length, digest);
	record_head(text, change, tag);
	store_text_print(text, ",\"chunks\":%zu,\"octets\":%zu,\"sha256\":\"%s\"}", chunks, list->length, digest);
}

static int record_number(const cJSON *tree, const char *name, uint64_t *out)
{
	const cJSON *member = json_member(tree, name);
	long long value;

	if (!member || json_integer(member, 0, NUMBER_MAX, &value))
		return -EUCLEAN;
	*out = (uint64_t)value;
	return 0;
}

static const char *record_string(const cJSON *tree, const char *name)
{
	return cJSON_GetStringValue(json_member(tree, name));
}

/* A tag is 16 digits; what was written before there were tags has none. */
static int record_tag(const cJSON *tree, uint64_t *out)
{
	const char *text = record_string(tree, "tag");
	char *end;

	if (!text) {
		*out = 0;
		return json_member(tree, "tag") ? -EUCLEAN : 0;
	}
	if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
		return -EUCLEAN;
	*out = strtoull(text, &end, 16);
	return 0;
}

static int record_read_writes(struct store_record *record, const cJSON *list)
{
	size_t count = 0, room = (size_t)cJSON_GetArraySize(list);
	const cJSON *pair;

	if (!cJSON_IsArray(list))
		return -EUCLEAN;
	record->writes = calloc(room ? room : 1, sizeof(*record->writes));
	if (!record->writes)
		return -ENOMEM;
	cJSON_ArrayForEach(pair, list) {
		const cJSON *key = cJSON_IsArray(pair) ? pair->child : NULL;
		const cJSON *body = key ? key->next : NULL;

		if (!cJSON_IsString(key) || !body || body->next || !(cJSON_IsString(body) || cJSON_IsNull(body)))
			return -EUCLEAN;
		record->writes[count++] = (struct store_write){key->valuestring, cJSON_GetStringValue(body)};
	}
	record->change.writes = record->writes;
	record->change.count = count;
	return 0;
}

static int record_read(struct store_record *record)
{
	const cJSON *tree = record->tree, *list = json_member(tree, "writes");
	const char *digest = record_string(tree, "sha256");
	uint64_t chunks, octets;

	record->change.who = record_string(tree, "who");
	record->change.why = record_string(tree, "why");
	if (record_number(tree, "change", &record->change.revision) || !record->change.revision ||
		record_number(tree, "time_ms", &record->change.time_ms) || record_tag(tree, &record->tag) ||
		!record->change.who || !record->change.why)
		return -EUCLEAN;
	if (list)
		return record_read_writes(record, list);
	if (record_number(tree, "chunks", &chunks) || record_number(tree, "octets", &octets) || !chunks || !digest ||
		strlen(digest) != STORE_DIGEST_TEXT - 1)
		return -EUCLEAN;
	record->chunks = chunks;
	record->octets = octets;
	memcpy(record->digest, digest, STORE_DIGEST_TEXT);
	return 0;
}

int store_record_decode_tree(cJSON *tree, struct store_record *out)
{
	scope_record struct store_record record = {.tree = tree};
	int error = record_read(&record);

	if (error)
		return error;
	*out = record;
	record = (struct store_record){};
	return 0;
}

int store_record_decode(const char *text, size_t length, struct store_record *out)
{
	struct json_error error;
	cJSON *tree = json_parse(text, length, &error);

	return tree ? store_record_decode_tree(tree, out) : -EUCLEAN;
}

int store_record_add_list(struct store_record *record, const char *text, size_t length)
{
	char digest[STORE_DIGEST_TEXT];
	struct json_error error;

	store_record_digest(text, length, digest);
	if (length != record->octets || strcmp(digest, record->digest) != 0)
		return -EUCLEAN;
	cJSON_Delete(record->list);
	record->list = json_parse(text, length, &error);
	return record->list ? record_read_writes(record, record->list) : -EUCLEAN;
}
