/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SQLite store's connection, tables, and their migration.
 *
 * One connection for everything, with the exclusive lock held: SQLite up to 3.51.2 can corrupt a WAL that a second connection
 * resets in the wrong moment, and a second manager must be refused anyway. So `sqlite3 PATH` waits until the manager has
 * ended. Then the index of the WAL is in memory too, and a full disk cannot fault on a shared mapping.
 */
#include "manager/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <unistd.h>

#define APPLICATION_ID 0x6f766e74 /* "ovnt": what file(1) and we know the database by */
#define BUSY_MS 300               /* for a process that was just killed to let go of its lock */

#define RESTORE_ADVICE "stop here, keep the file, and restore a backup into a new one"

static const char tables[] =
	"CREATE TABLE meta(schema INTEGER NOT NULL);"
	"INSERT INTO meta VALUES(1);"
	"CREATE TABLE objects(key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL);"
	"CREATE TABLE changes(revision INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, tag INTEGER NOT NULL,"
	" who TEXT NOT NULL, why TEXT NOT NULL);"
	"CREATE TABLE writes(id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, key TEXT NOT NULL, body TEXT);"
	"CREATE INDEX writes_revision ON writes(revision);"
	"CREATE UNIQUE INDEX writes_key ON writes(key, revision);";
_Static_assert(STORE_SCHEMA == 1, "tables[] and steps[] are those of schema 1");

/* steps[N] makes schema N + 1 of schema N. Each runs in a transaction of its own, together with the new number. */
static const char *const steps[] = {
	"ALTER TABLE changes ADD COLUMN tag INTEGER NOT NULL DEFAULT 0;",
};
_Static_assert(ARRAY_LEN(steps) == STORE_SCHEMA, "there is a step from each older schema");

int sqlite_error(sqlite3 *db, int code)
{
	int system = db ? sqlite3_system_errno(db) : 0;

	switch (code & 0xff) {
	case SQLITE_OK:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CANTOPEN:
		return system == ENOENT || system == EACCES || system == EROFS || system == ENOSPC ? -system : -EIO;
	case SQLITE_IOERR:
		if (code == SQLITE_IOERR_NOMEM)
			return -ENOMEM;
		return system == EROFS || system == ENOSPC ? -system : system == EDQUOT ? -ENOSPC : -EIO;
	default:
		return -EIO;
	}
}

/* One integer that a statement gives. */
static int sqlite_number(sqlite3 *db, const char *sql, sqlite3_int64 *out)
{
	sqlite3_stmt *statement;
	int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	if (code)
		return code;
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*out = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return code == SQLITE_ROW ? SQLITE_OK : code == SQLITE_DONE ? SQLITE_CORRUPT : code;
}

/* SQLite tries once more to read only, and then misses a file that it could not make: the folder tells why. */
static int connect_folder(const char *path)
{
	char *copy = strdup(path);
	int error = !copy ? -ENOMEM : access(dirname(copy), W_OK) ? -errno : -ENOENT;

	free(copy);
	return error;
}

/* Says what SQLite refused. */
static int connect_fail(sqlite3 *db, int code, const char *path, char message[STORE_MESSAGE_MAX])
{
	int error = sqlite_error(db, code);

	if (error == -ENOENT)
		error = connect_folder(path);
	switch (error) {
	case -EBUSY:
		return store_fail(error, message, "%s is open in another process: another manager, or sqlite3", path);
	case -EUCLEAN:
		return store_fail(error, message, "%s is damaged (%s): " RESTORE_ADVICE, path, sqlite3_errmsg(db));
	case -ENOMEM:
		return store_fail(error, message, "%s: no memory", path);
	case -EIO:
		return store_fail(error, message, "%s: %s", path, sqlite3_errmsg(db));
	default:
		return store_fail(error, message, "%s: %s", path, strerror(-error));
	}
}

/* Reads every page. The first thing that is wrong is told. */
static int connect_check(sqlite3 *db, const char *path, char message[STORE_MESSAGE_MAX])
{
	sqlite3_int64 gap;
	sqlite3_stmt *statement;
	int code = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &statement, NULL), error = 0;

	if (code)
		return connect_fail(db, code, path, message);
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(statement, 0);

		if (!text || strcmp(text, "ok") != 0)
			error = store_fail(-EUCLEAN, message, "%s is damaged (%s): " RESTORE_ADVICE, path,
				text ? text : "quick_check");
	} else {
		error = connect_fail(db, code, path, message);
	}
	sqlite3_finalize(statement);
	if (error)
		return error;
	code = sqlite_number(db, "SELECT ifnull(max(revision), 0) - count(*) FROM changes", &gap);
	if (code)
		return connect_fail(db, code, path, message);
	if (gap)
		return store_fail(-EUCLEAN, message, "%s is damaged (changes are missing): " RESTORE_ADVICE, path);
	return 0;
}

/* Runs `sql` and sets the schema's number, both or neither. */
static int sqlite_step_up(sqlite3 *db, const char *sql, int schema)
{
	char *number = sqlite3_mprintf("UPDATE meta SET schema = %d;", schema);
	int code = number ? sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) : SQLITE_NOMEM;

	if (!code)
		code = sqlite3_exec(db, sql, NULL, NULL, NULL);
	if (!code)
		code = sqlite3_exec(db, number, NULL, NULL, NULL);
	if (!code)
		code = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	sqlite3_free(number);
	return code;
}

/* Makes the tables of a new database, or brings those of an old one up to date. */
static int connect_tables(sqlite3 *db, const char *path, bool check, char message[STORE_MESSAGE_MAX])
{
	sqlite3_int64 id, objects, schema;
	int code = sqlite_number(db, "PRAGMA application_id", &id);

	if (!code)
		code = sqlite_number(db, "SELECT count(*) FROM sqlite_schema", &objects);
	if (code)
		return connect_fail(db, code, path, message);
	/* A process may have died between making the file and its tables. */
	if (id == 0 && objects == 0) {
		char *sql = sqlite3_mprintf("%sPRAGMA application_id = %d;", tables, APPLICATION_ID);

		code = sql ? sqlite_step_up(db, sql, STORE_SCHEMA) : SQLITE_NOMEM;
		sqlite3_free(sql);
		return code ? connect_fail(db, code, path, message) : 0;
	}
	if (id != APPLICATION_ID)
		return store_fail(-EINVAL, message, "%s is a database of another program", path);
	code = sqlite_number(db, "SELECT schema FROM meta", &schema);
	if (code)
		return connect_fail(db, code, path, message);
	if (schema > STORE_SCHEMA)
		return store_fail(-ENOTSUP, message,
			"%s was made by a newer version (schema %lld, this one knows %d): upgrade this program", path,
			(long long)schema, STORE_SCHEMA);
	if (schema < 0)
		return store_fail(-EUCLEAN, message, "%s is damaged (schema %lld): " RESTORE_ADVICE, path,
			(long long)schema);
	if (check) {
		int error = connect_check(db, path, message);

		if (error)
			return error;
	}
	for (; schema < STORE_SCHEMA; schema++) {
		code = sqlite_step_up(db, steps[schema], (int)schema + 1);
		if (code)
			return connect_fail(db, code, path, message);
	}
	return 0;
}

/* The folder's entry of a new file outlives a power cut only when the folder is written too. */
static void sync_folder(const char *path)
{
	char *copy = strdup(path);
	int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(copy);
}

static int connect_prepare(sqlite3 *db, const char *path, bool check, char message[STORE_MESSAGE_MAX])
{
	sqlite3_stmt *statement;
	const char *mode;
	bool wal;
	int code, error;

	if (sqlite3_db_readonly(db, "main") == 1)
		return store_fail(access(path, W_OK) && errno == EACCES ? -EACCES : -EROFS, message,
			"%s cannot be written: it or its file system is read-only", path);
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, BUSY_MS);
	code = sqlite3_exec(db,
		"PRAGMA locking_mode = EXCLUSIVE; PRAGMA mmap_size = 0; PRAGMA trusted_schema = OFF;"
		"PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216;",
		NULL, NULL, NULL);
	if (!code)
		code = sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
	if (code)
		return connect_fail(db, code, path, message);
	code = sqlite3_step(statement);
	mode = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
	wal = mode && strcmp(mode, "wal") == 0;
	sqlite3_finalize(statement);
	if (code != SQLITE_ROW)
		return connect_fail(db, code, path, message);
	if (!wal)
		return store_fail(-EIO, message, "%s: SQLite refuses to keep a write-ahead log there", path);
	error = connect_tables(db, path, check, message);
	if (!error)
		sync_folder(path);
	return error;
}

int sqlite_connect(const char *path, bool check, sqlite3 **out, char message[STORE_MESSAGE_MAX])
{
	sqlite3 *db = NULL;
	int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	int error = code ? connect_fail(db, code, path, message) : connect_prepare(db, path, check, message);

	if (error) {
		sqlite3_close(db);
		return error;
	}
	*out = db;
	return 0;
}
