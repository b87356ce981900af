/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store of one manager: an SQLite database. See store.h; the connection is made in store_sqlite_open.c.
 *
 * A COMMIT that fails for another reason than a full or read-only disk leaves open whether it was written: after a failed
 * fsync() the WAL may hold it or not. Then the connection is in doubt. It is opened anew before anything else, and everything in
 * the WAL is brought into the database and synced, so that what is seen from there on stays.
 */
#include "manager/store_sqlite.h"

#include <errno.h>
#include <string.h>

#include "lib/array.h"
#include "lib/log.h"
#include "lib/time.h"
#include "manager/store_facts.h"

enum sqlite_sql {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_HEAD,
	SQL_OBJECTS,
	SQL_ADD_CHANGE,
	SQL_ADD_WRITE,
	SQL_SET_OBJECT,
	SQL_DELETE_OBJECT,
	SQL_CHANGES,
	SQL_WRITES,
	SQL_VERSION,
	SQL_COUNT,
};

static const char *const sql_text[SQL_COUNT] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_HEAD] = "SELECT ifnull(max(revision), 0) FROM changes",
	[SQL_OBJECTS] = "SELECT key, revision, body FROM objects ORDER BY key",
	[SQL_ADD_CHANGE] = "INSERT INTO changes(revision, time_ms, tag, who, why) VALUES(?, ?, ?, ?, ?)",
	[SQL_ADD_WRITE] = "INSERT INTO writes(revision, key, body) VALUES(?, ?, ?)",
	[SQL_SET_OBJECT] = "INSERT INTO objects(key, revision, body) VALUES(?2, ?1, ?3)"
			   " ON CONFLICT(key) DO UPDATE SET revision = ?1, body = ?3",
	[SQL_DELETE_OBJECT] = "DELETE FROM objects WHERE key = ?2",
	[SQL_CHANGES] =
		"SELECT revision, time_ms, tag, who, why FROM changes WHERE revision > ? ORDER BY revision LIMIT ?",
	[SQL_WRITES] = "SELECT key, body FROM writes WHERE revision = ? ORDER BY id",
	[SQL_VERSION] =
		"SELECT revision, body FROM writes WHERE key = ? AND revision <= ? ORDER BY revision DESC LIMIT 1",
};

struct sqlite_store {
	struct store store;
	char *path;
	sqlite3 *db; /* NULL: to be opened anew */
	sqlite3_stmt *statements[SQL_COUNT];
	bool doubt; /* a COMMIT failed halfway */
	struct store_facts facts;
};

static void sqlite_disconnect(struct sqlite_store *sqlite)
{
	for (size_t i = 0; i < SQL_COUNT; i++) {
		sqlite3_finalize(sqlite->statements[i]);
		sqlite->statements[i] = NULL;
	}
	sqlite3_close(sqlite->db);
	sqlite->db = NULL;
}

static void sqlite_close(struct store *store)
{
	struct sqlite_store *sqlite = (struct sqlite_store *)store;

	sqlite_disconnect(sqlite);
	store_facts_free(&sqlite->facts);
	free(sqlite->path);
	free(sqlite);
}

/* A statement, ready to be bound and run. NULL with *code set. */
static sqlite3_stmt *sqlite_statement(struct sqlite_store *sqlite, enum sqlite_sql sql, int *code)
{
	sqlite3_stmt **statement = &sqlite->statements[sql];

	*code = SQLITE_OK;
	if (!*statement)
		*code = sqlite3_prepare_v3(sqlite->db, sql_text[sql], -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
	return *code ? NULL : *statement;
}

/* Ends a statement's run: its values are the caller's, and may go. */
static void statement_end(sqlite3_stmt *statement)
{
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
}

/* Runs one that gives no rows and takes no values. Returns SQLite's code. */
static int sqlite_run(struct sqlite_store *sqlite, enum sqlite_sql sql)
{
	int code;
	sqlite3_stmt *statement = sqlite_statement(sqlite, sql, &code);

	if (!statement)
		return code;
	code = sqlite3_step(statement);
	sqlite3_reset(statement);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

static void sqlite_rollback(struct sqlite_store *sqlite)
{
	/* SQLite has rolled back by itself after some failures. */
	if (!sqlite3_get_autocommit(sqlite->db))
		sqlite_run(sqlite, SQL_ROLLBACK);
}

static int sqlite_head(struct sqlite_store *sqlite, uint64_t *revision)
{
	int code;
	sqlite3_stmt *statement = sqlite_statement(sqlite, SQL_HEAD, &code);

	if (!statement)
		return sqlite_error(sqlite->db, code);
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*revision = (uint64_t)sqlite3_column_int64(statement, 0);
	statement_end(statement);
	return code == SQLITE_ROW ? 0 : sqlite_error(sqlite->db, code);
}

/* After a doubtful COMMIT: what the disk has is what holds, once it is in the database itself. */
static int sqlite_settle(struct sqlite_store *sqlite)
{
	char message[STORE_MESSAGE_MAX];
	int error, code;

	if (!sqlite->doubt)
		return 0;
	sqlite_disconnect(sqlite);
	error = sqlite_connect(sqlite->path, false, &sqlite->db, message);
	if (error)
		return error;
	code = sqlite3_wal_checkpoint_v2(sqlite->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	if (code)
		return sqlite_error(sqlite->db, code);
	sqlite->doubt = false;
	return 0;
}

static int sqlite_open(const char *location, struct store **out, char message[STORE_MESSAGE_MAX])
{
	struct sqlite_store *sqlite;
	int error;

	/* SQLite has names for databases that are no files. */
	if (!*location || *location == ':')
		return store_fail(-EINVAL, message, "expected the path of a database after \"sqlite:\", got \"%s\"",
			location);
	sqlite = calloc(1, sizeof(*sqlite));
	if (!sqlite)
		return store_fail(-ENOMEM, message, "no memory");
	sqlite->store.ops = &store_sqlite_ops;
	sqlite->path = strdup(location);
	error = sqlite->path ? sqlite_connect(location, true, &sqlite->db, message)
			     : store_fail(-ENOMEM, message, "no memory");
	if (!error) {
		error = sqlite_head(sqlite, &sqlite->store.position);
		if (error)
			store_fail(error, message, "%s: %s", location, sqlite3_errmsg(sqlite->db));
	}
	if (error) {
		sqlite_close(&sqlite->store);
		return error;
	}
	*out = &sqlite->store;
	return 0;
}

static int sqlite_load(struct store *store, store_object_fn fn, void *context, uint64_t *revision)
{
	struct sqlite_store *sqlite = (struct sqlite_store *)store;
	int code, result = sqlite_settle(sqlite);
	sqlite3_stmt *statement;
	uint64_t head;

	if (!result)
		result = sqlite_head(sqlite, &head);
	if (result)
		return result;
	statement = sqlite_statement(sqlite, SQL_OBJECTS, &code);
	if (!statement)
		return sqlite_error(sqlite->db, code);
	while (!result && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		const char *key = (const char *)sqlite3_column_text(statement, 0);
		const char *body = (const char *)sqlite3_column_text(statement, 2);

		result = key && body ? fn(context, key, (uint64_t)sqlite3_column_int64(statement, 1), body) : -ENOMEM;
	}
	if (!result && code != SQLITE_DONE)
		result = sqlite_error(sqlite->db, code);
	statement_end(statement);
	if (!result)
		*revision = head;
	return result;
}

/* One write of a change, by one statement: values 1 revision, 2 key, 3 body. Returns SQLite's code. */
static int sqlite_write(struct sqlite_store *sqlite, enum sqlite_sql sql, uint64_t revision,
	const struct store_write *write)
{
	int code;
	sqlite3_stmt *statement = sqlite_statement(sqlite, sql, &code);

	if (!statement)
		return code;
	if (sqlite3_bind_parameter_count(statement) > 2)
		sqlite3_bind_text(statement, 3, write->body, -1, SQLITE_STATIC);
	if (sql != SQL_DELETE_OBJECT)
		sqlite3_bind_int64(statement, 1, (sqlite3_int64)revision);
	code = sqlite3_bind_text(statement, 2, write->key, -1, SQLITE_STATIC);
	if (!code)
		code = sqlite3_step(statement);
	statement_end(statement);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* A whole change, within a transaction. Returns SQLite's code. */
static int sqlite_add(struct sqlite_store *sqlite, uint64_t tag, const struct store_change *change)
{
	int code;
	sqlite3_stmt *statement = sqlite_statement(sqlite, SQL_ADD_CHANGE, &code);

	if (!statement)
		return code;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)change->revision);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)change->time_ms);
	sqlite3_bind_int64(statement, 3, (sqlite3_int64)tag);
	sqlite3_bind_text(statement, 4, change->who, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 5, change->why, -1, SQLITE_STATIC);
	code = sqlite3_step(statement);
	statement_end(statement);
	if (code != SQLITE_DONE)
		return code;
	for (size_t i = 0; i < change->count; i++) {
		const struct store_write *write = &change->writes[i];

		code = sqlite_write(sqlite, SQL_ADD_WRITE, change->revision, write);
		if (!code)
			code = sqlite_write(sqlite, write->body ? SQL_SET_OBJECT : SQL_DELETE_OBJECT, change->revision,
				write);
		if (code)
			return code;
	}
	return SQLITE_OK;
}

/* Ends a transaction. */
static int sqlite_finish(struct sqlite_store *sqlite)
{
	int code = sqlite_run(sqlite, SQL_COMMIT), error = sqlite_error(sqlite->db, code);

	if (!code)
		return 0;
	sqlite_rollback(sqlite);
	if ((code & 0xff) == SQLITE_FULL || (code & 0xff) == SQLITE_READONLY)
		return error;
	log_error("store %s: COMMIT failed: %s", sqlite->path, sqlite3_errmsg(sqlite->db));
	sqlite->doubt = true;
	return -EINPROGRESS;
}

static int sqlite_commit(struct store *store, uint64_t base, uint64_t tag, struct store_change *change)
{
	struct sqlite_store *sqlite = (struct sqlite_store *)store;
	int code, error = sqlite_settle(sqlite);
	uint64_t head;

	if (!error)
		error = sqlite_head(sqlite, &head);
	if (error)
		return error;
	if (head != base)
		return head > base ? -ESTALE : -EUCLEAN;
	code = sqlite_run(sqlite, SQL_BEGIN);
	if (!code)
		code = sqlite_add(sqlite, tag, change);
	if (code) {
		error = sqlite_error(sqlite->db, code);
		sqlite_rollback(sqlite);
		return error;
	}
	return sqlite_finish(sqlite);
}

/* What a change wrote, copied out of the database. */
struct copied_writes {
	struct store_write *entries;
	size_t count, room;
};

static void copied_writes_free(struct copied_writes *writes)
{
	for (size_t i = 0; i < writes->count; i++) {
		free((char *)writes->entries[i].key);
		free((char *)writes->entries[i].body);
	}
	free(writes->entries);
}

static int copied_writes_add(struct copied_writes *writes, const char *key, const char *body)
{
	struct store_write write = {key ? strdup(key) : NULL, body ? strdup(body) : NULL};

	if (write.key && (write.body || !body) && !array_add(writes, write))
		return 0;
	free((char *)write.key);
	free((char *)write.body);
	return -ENOMEM;
}

static int sqlite_read_writes(struct sqlite_store *sqlite, uint64_t revision, struct copied_writes *writes)
{
	int code, error = 0;
	sqlite3_stmt *statement = sqlite_statement(sqlite, SQL_WRITES, &code);

	if (!statement)
		return sqlite_error(sqlite->db, code);
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)revision);
	while (!error && (code = sqlite3_step(statement)) == SQLITE_ROW)
		error = copied_writes_add(writes, (const char *)sqlite3_column_text(statement, 0),
			(const char *)sqlite3_column_text(statement, 1));
	if (!error && code != SQLITE_DONE)
		error = sqlite_error(sqlite->db, code);
	statement_end(statement);
	return error;
}

/* Hands out the change of the row at which `statement` is. */
static int sqlite_hand_out(struct sqlite_store *sqlite, sqlite3_stmt *statement, store_change_fn fn, void *context)
{
	__attribute__((cleanup(copied_writes_free))) struct copied_writes writes = {};
	struct store_change change = {
		.revision = (uint64_t)sqlite3_column_int64(statement, 0),
		.time_ms = (uint64_t)sqlite3_column_int64(statement, 1),
		.who = (const char *)sqlite3_column_text(statement, 3),
		.why = (const char *)sqlite3_column_text(statement, 4),
	};
	int error = sqlite_read_writes(sqlite, change.revision, &writes);

	if (error)
		return error;
	if (!change.who || !change.why)
		return -ENOMEM;
	change.writes = writes.entries;
	change.count = writes.count;
	sqlite->store.tag = (uint64_t)sqlite3_column_int64(statement, 2);
	return fn(context, &change);
}

static int sqlite_changes(struct store *store, uint64_t after, size_t limit, store_change_fn fn, void *context)
{
	struct sqlite_store *sqlite = (struct sqlite_store *)store;
	int code, result = sqlite_settle(sqlite);
	sqlite3_stmt *statement;

	if (result)
		return result;
	statement = sqlite_statement(sqlite, SQL_CHANGES, &code);
	if (!statement)
		return sqlite_error(sqlite->db, code);
	sqlite3_bind_int64(statement, 1, after > INT64_MAX ? INT64_MAX : (sqlite3_int64)after);
	sqlite3_bind_int64(statement, 2, limit > INT64_MAX ? INT64_MAX : (sqlite3_int64)limit);
	while (!result && (code = sqlite3_step(statement)) == SQLITE_ROW)
		result = sqlite_hand_out(sqlite, statement, fn, context);
	if (!result && code != SQLITE_DONE)
		result = sqlite_error(sqlite->db, code);
	statement_end(statement);
	return result;
}

struct followed {
	struct store *store;
	store_change_fn fn;
	void *context;
};

static int on_followed(void *context, const struct store_change *change)
{
	struct followed *followed = context;

	followed->store->position = change->revision;
	return followed->fn(followed->context, change);
}

/* Nobody else writes; only a commit of our own that was in doubt can be news. */
static int sqlite_follow(struct store *store, unsigned timeout_ms, store_change_fn fn, void *context)
{
	struct followed followed = {store, fn, context};

	(void)timeout_ms;
	return sqlite_changes(store, store->position, SIZE_MAX, on_followed, &followed);
}

static int sqlite_version(struct store *store, const char *key, uint64_t revision, char **body, uint64_t *written)
{
	struct sqlite_store *sqlite = (struct sqlite_store *)store;
	int code, error = sqlite_settle(sqlite);
	sqlite3_stmt *statement;
	const char *text = NULL;
	char *copy = NULL;

	if (error)
		return error;
	statement = sqlite_statement(sqlite, SQL_VERSION, &code);
	if (!statement)
		return sqlite_error(sqlite->db, code);
	sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, revision > INT64_MAX ? INT64_MAX : (sqlite3_int64)revision);
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW) {
		text = (const char *)sqlite3_column_text(statement, 1);
		copy = text ? strdup(text) : NULL;
		error = text && !copy ? -ENOMEM : 0;
	} else if (code != SQLITE_DONE) {
		error = sqlite_error(sqlite->db, code);
	}
	if (!error) {
		*written = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
		*body = copy;
	}
	statement_end(statement);
	return error;
}

static int sqlite_restore_begin(struct store *store)
{
	struct sqlite_store *sqlite = (struct sqlite_store *)store;
	int error = sqlite_settle(sqlite);
	uint64_t head;

	if (!error)
		error = sqlite_head(sqlite, &head);
	if (!error && head)
		error = -ENOTEMPTY;
	return error ? error : sqlite_error(sqlite->db, sqlite_run(sqlite, SQL_BEGIN));
}

static int sqlite_restore_add(struct store *store, const struct store_change *change, uint64_t tag)
{
	struct sqlite_store *sqlite = (struct sqlite_store *)store;

	return sqlite_error(sqlite->db, sqlite_add(sqlite, tag, change));
}

static int sqlite_restore_end(struct store *store, bool keep, uint64_t revision)
{
	struct sqlite_store *sqlite = (struct sqlite_store *)store;

	(void)revision;
	if (keep)
		return sqlite_finish(sqlite);
	sqlite_rollback(sqlite);
	return 0;
}

static int sqlite_fact_set(struct store *store, const char *key, const char *text, unsigned lifetime_s)
{
	struct sqlite_store *sqlite = (struct sqlite_store *)store;

	return store_facts_set(&sqlite->facts, key, text, lifetime_s ? time_now_ns() + lifetime_s * NSEC_PER_SEC : 0);
}

static int sqlite_facts(struct store *store, const char *prefix, store_object_fn fn, void *context)
{
	struct sqlite_store *sqlite = (struct sqlite_store *)store;

	return store_facts_walk(&sqlite->facts, prefix, time_now_ns(), fn, context);
}

const struct store_ops store_sqlite_ops = {
	.scheme = "sqlite:",
	.shared = false,
	.open = sqlite_open,
	.close = sqlite_close,
	.load = sqlite_load,
	.commit = sqlite_commit,
	.follow = sqlite_follow,
	.changes = sqlite_changes,
	.version = sqlite_version,
	.restore_begin = sqlite_restore_begin,
	.restore_add = sqlite_restore_add,
	.restore_end = sqlite_restore_end,
	.fact_set = sqlite_fact_set,
	.facts = sqlite_facts,
};
