/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Backup and restore, the same for every store. See store.h.
 *
 *   {"ovnet_backup":1,"schema":1,"revision":7}
 *   {"change":1,"time_ms":...,"tag":"...","who":"...","why":"...","writes":[["KEY","BODY"],["KEY",null]]}      1 .. 7
 *   {"object":"KEY","revision":5,"body":"BODY"}                                              what they amount to
 *   {"lines":42,"sha256":"..."}                                       of the lines before this one, as octets
 *
 * Objects follow from the changes. They are there for people and scripts, and a restore compares both.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/json.h"
#include "manager/store_internal.h"
#include "manager/store_record.h"
#include "manager/store_table.h"

#define FORM 1              /* of the file */
#define CHANGES_AT_ONCE 256 /* asked of the store */

/* ---- writing ---- */

struct backup_writer {
	struct store *store;
	FILE *file;
	crypto_hash_sha256_state digest;
	struct store_text line;
	uint64_t lines, revision, written; /* the last change to be written, the last one that was */
};

/* Writes the line that was made, and its line break. */
static int backup_write(struct backup_writer *writer)
{
	struct store_text *line = &writer->line;

	store_text_add(line, "\n", 1);
	if (line->failed)
		return -ENOMEM;
	crypto_hash_sha256_update(&writer->digest, (const unsigned char *)line->data, line->length);
	writer->lines++;
	if (fwrite(line->data, 1, line->length, writer->file) != line->length)
		return errno ? -errno : -EIO;
	store_text_clear(line);
	return 0;
}

static int on_backup_load(void *context, const char *key, uint64_t revision, const char *body)
{
	return store_table_set(context, key, revision, body);
}

static int on_backup_change(void *context, const struct store_change *change)
{
	struct backup_writer *writer = context;

	if (change->revision > writer->revision)
		return 0; /* came after the backup began */
	if (change->revision != writer->written + 1)
		return -EUCLEAN;
	writer->written = change->revision;
	store_record_encode(&writer->line, change, store_followed_tag(writer->store));
	return backup_write(writer);
}

static int on_backup_object(void *context, const char *key, uint64_t revision, const char *body)
{
	struct backup_writer *writer = context;

	store_text_print(&writer->line, "{\"object\":");
	store_text_string(&writer->line, key);
	store_text_print(&writer->line, ",\"revision\":%" PRIu64 ",\"body\":", revision);
	store_text_string(&writer->line, body);
	store_text_print(&writer->line, "}");
	return backup_write(writer);
}

static int backup_write_end(struct backup_writer *writer)
{
	unsigned char octets[crypto_hash_sha256_BYTES];
	char digest[STORE_DIGEST_TEXT];

	crypto_hash_sha256_final(&writer->digest, octets);
	sodium_bin2hex(digest, sizeof(digest), octets, sizeof(octets));
	store_text_print(&writer->line, "{\"lines\":%" PRIu64 ",\"sha256\":\"%s\"}", writer->lines, digest);
	return backup_write(writer);
}

/* Objects are held in memory: a store that others write to is asked for them once, and its log does not change. */
static int backup_write_all(struct backup_writer *writer)
{
	scope_table struct store_table table = {};
	int error = writer->store->ops->load(writer->store, on_backup_load, &table, &writer->revision);

	if (error)
		return error;
	crypto_hash_sha256_init(&writer->digest);
	store_text_print(&writer->line, "{\"ovnet_backup\":%d,\"schema\":%d,\"revision\":%" PRIu64 "}", FORM,
		STORE_SCHEMA, writer->revision);
	error = backup_write(writer);
	while (!error && writer->written < writer->revision) {
		uint64_t before = writer->written;

		error = store_changes(writer->store, before, CHANGES_AT_ONCE, on_backup_change, writer);
		if (!error && writer->written == before)
			error = -EUCLEAN;
	}
	if (!error)
		error = store_table_walk(&table, on_backup_object, writer);
	return error ? error : backup_write_end(writer);
}

static int sync_folder(const char *path)
{
	char copy[PATH_MAX];
	scope_close int fd = -1;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) ? -errno : 0;
}

/* Writes the file under another name; it gets its own when it is whole and on the disk. */
static int backup_write_file(struct backup_writer *writer, const char *path, const char *part)
{
	int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600), error;

	if (fd < 0)
		return -errno;
	writer->file = fdopen(fd, "w");
	if (!writer->file) {
		close(fd);
		return -ENOMEM;
	}
	errno = 0;
	error = backup_write_all(writer);
	if (!error && (fflush(writer->file) || fsync(fd)))
		error = -errno;
	if (fclose(writer->file) && !error)
		error = -errno;
	if (!error && rename(part, path))
		error = -errno;
	if (error)
		unlink(part);
	return error ? error : sync_folder(path);
}

int store_backup(struct store *store, const char *path, uint64_t *revision, char message[STORE_MESSAGE_MAX])
{
	scope_text struct store_text part = {};
	struct backup_writer writer = {.store = store};
	int error;

	store_text_print(&part, "%s.part", path);
	error = part.failed ? -ENOMEM : backup_write_file(&writer, path, part.data);
	store_text_free(&writer.line);
	if (error)
		return store_fail(error, message, "the backup %s cannot be made: %s", path, strerror(-error));
	*revision = writer.revision;
	return 0;
}

/* ---- reading ---- */

struct backup_reader {
	struct store *store;
	const char *path;
	char *message;
	crypto_hash_sha256_state digest; /* of the lines before this one */
	struct store_table table;
	uint64_t line, revision, changes, objects;
	bool ended;
};

static int backup_damaged(struct backup_reader *reader, const char *what)
{
	return store_fail(-EUCLEAN, reader->message,
		"%s is cut or altered (line %" PRIu64 ": %s): nothing was restored", reader->path, reader->line, what);
}

static int backup_number(const cJSON *tree, const char *name, uint64_t *out)
{
	const cJSON *member = json_member(tree, name);
	long long value;

	if (!member || json_integer(member, 0, 1ll << 53, &value))
		return -EINVAL;
	*out = (uint64_t)value;
	return 0;
}

static int backup_read_head(struct backup_reader *reader, const cJSON *tree)
{
	uint64_t form, schema;

	if (backup_number(tree, "ovnet_backup", &form) || backup_number(tree, "schema", &schema) ||
		backup_number(tree, "revision", &reader->revision) || !form)
		return store_fail(-EUCLEAN, reader->message, "%s is not a backup", reader->path);
	if (form > FORM || schema > STORE_SCHEMA)
		return store_fail(-ENOTSUP, reader->message, "%s was made by a newer version: upgrade this program",
			reader->path);
	return 0;
}

/* `tree` becomes the record's. */
static int backup_read_change(struct backup_reader *reader, cJSON *tree)
{
	scope_record struct store_record record = {};
	int error = store_record_decode_tree(tree, &record);

	if (error == -EUCLEAN || (!error && (record.chunks || record.change.revision != reader->changes + 1 ||
						    record.change.revision > reader->revision)))
		return backup_damaged(reader, "expected the next change");
	if (!error)
		error = store_table_apply(&reader->table, &record.change);
	if (!error)
		error = reader->store->ops->restore_add(reader->store, &record.change, record.tag);
	if (error)
		return store_fail(error, reader->message, "change %" PRIu64 " of %s cannot be restored: %s",
			record.change.revision, reader->path, strerror(-error));
	reader->changes++;
	return 0;
}

static int backup_read_object(struct backup_reader *reader, const cJSON *tree)
{
	const char *key = cJSON_GetStringValue(json_member(tree, "object"));
	const char *body = cJSON_GetStringValue(json_member(tree, "body"));
	const struct store_entry *entry = key ? store_table_find(&reader->table, key) : NULL;
	uint64_t revision;

	if (reader->changes != reader->revision || !entry || !body || backup_number(tree, "revision", &revision) ||
		entry->revision != revision || strcmp(entry->body, body) != 0)
		return backup_damaged(reader, "expected an object as the changes made it");
	reader->objects++;
	return 0;
}

static int backup_read_end(struct backup_reader *reader, const cJSON *tree)
{
	const char *told = cJSON_GetStringValue(json_member(tree, "sha256"));
	unsigned char octets[crypto_hash_sha256_BYTES];
	char digest[STORE_DIGEST_TEXT];
	uint64_t lines, objects = 0;

	crypto_hash_sha256_final(&reader->digest, octets);
	sodium_bin2hex(digest, sizeof(digest), octets, sizeof(octets));
	for (size_t i = 0; i < reader->table.count; i++)
		objects += reader->table.entries[i].body != NULL;
	if (!told || strcmp(told, digest) != 0 || backup_number(tree, "lines", &lines) || lines != reader->line - 1 ||
		reader->changes != reader->revision || reader->objects != objects)
		return backup_damaged(reader, "the digest is not that of the lines above");
	reader->ended = true;
	return 0;
}

static int backup_read_line(struct backup_reader *reader, const char *text, size_t length)
{
	struct json_error syntax;
	cJSON *tree;
	int error;

	reader->line++;
	if (reader->ended)
		return backup_damaged(reader, "expected the end");
	if (text[length - 1] != '\n')
		return backup_damaged(reader, "it has no end");
	tree = json_parse(text, length, &syntax);
	if (!tree)
		return backup_damaged(reader, syntax.message);
	if (reader->line > 1 && json_member(tree, "change")) {
		error = backup_read_change(reader, tree);
		tree = NULL;
	} else if (reader->line == 1) {
		error = backup_read_head(reader, tree);
	} else if (json_member(tree, "object")) {
		error = backup_read_object(reader, tree);
	} else {
		error = backup_read_end(reader, tree);
	}
	cJSON_Delete(tree);
	return error;
}

static int backup_read_all(struct backup_reader *reader, FILE *file)
{
	scope_free char *line = NULL;
	size_t room = 0;
	ssize_t length;

	crypto_hash_sha256_init(&reader->digest);
	while ((length = getline(&line, &room, file)) > 0) {
		int error = backup_read_line(reader, line, (size_t)length);

		if (error)
			return error;
		crypto_hash_sha256_update(&reader->digest, (const unsigned char *)line, (size_t)length);
	}
	if (ferror(file))
		return store_fail(-EIO, reader->message, "%s cannot be read", reader->path);
	return reader->ended ? 0 : backup_damaged(reader, "its end is missing");
}

static int backup_restore(struct backup_reader *reader, FILE *file)
{
	struct store *store = reader->store;
	int error = store->ops->restore_begin(store), ended;

	if (error)
		return store_fail(error, reader->message, "the store cannot take a backup: %s",
			error == -ENOTEMPTY ? "it is not empty" : strerror(-error));
	error = backup_read_all(reader, file);
	ended = store->ops->restore_end(store, !error, reader->revision);
	if (!error && ended)
		error = store_fail(ended, reader->message, "the backup %s cannot be restored: %s", reader->path,
			strerror(-ended));
	return error;
}

int store_restore(struct store *store, const char *path, uint64_t *revision, char message[STORE_MESSAGE_MAX])
{
	struct backup_reader reader = {.store = store, .path = path, .message = message};
	FILE *file = fopen(path, "re");
	int error;

	if (!file)
		return store_fail(-errno, message, "%s: %s", path, strerror(errno));
	error = backup_restore(&reader, file);
	fclose(file);
	store_table_free(&reader.table);
	if (error)
		return error;
	store->position = *revision = reader.revision;
	return 0;
}
