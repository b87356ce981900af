/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that writes to a store until it is killed, and one that looks at what is left. For store_kill.sh.
 *
 *   store_writer write URL ACKS SECONDS     adds 1 to a counter again and again: reads, checks, writes
 *   store_writer verify URL ACKS...         compares what was acknowledged with what is there
 *
 * Each commit that was acknowledged is a line in ACKS, "REVISION TAG", written after the commit returned: what stands there
 * must be in the log. And the log as a whole must be a serial history: each change's value is one more than the one before
 * it, and was made by a writer that had seen exactly that one.
 *
 * STORE_KILL_POINT=N: SQLite's Nth operation on a file (write, sync, truncate, delete) is this process's last. It dies before
 * it, halfway through it (a write), or after it, in turn.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "lib/array.h"
#include "lib/error.h"
#include "lib/time.h"
#include "manager/store.h"

#define COUNTER "counter"

/* ---- a file system on which one dies ---- */

struct kill_file {
	sqlite3_file base;
	sqlite3_file *real;
};

static sqlite3_vfs *real_vfs, kill_vfs;
static sqlite3_io_methods kill_methods;
static long kill_point, kill_count;

static void die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/* Counts an operation. 0: go on; else how to die in it: 1 before, 2 halfway, 3 after. */
static int kill_how(void)
{
	return ++kill_count == kill_point ? (int)(kill_point % 3) + 1 : 0;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
	return ((struct kill_file *)file)->real;
}

static int kill_close(sqlite3_file *file)
{
	int code = real_of(file)->pMethods ? real_of(file)->pMethods->xClose(real_of(file)) : SQLITE_OK;

	sqlite3_free(real_of(file));
	return code;
}

static int kill_read(sqlite3_file *file, void *data, int length, sqlite3_int64 at)
{
	return real_of(file)->pMethods->xRead(real_of(file), data, length, at);
}

static int kill_write(sqlite3_file *file, const void *data, int length, sqlite3_int64 at)
{
	sqlite3_file *real = real_of(file);
	int how = kill_how(), code;

	if (how == 2)
		real->pMethods->xWrite(real, data, length / 2, at);
	if (how == 1 || how == 2)
		die();
	code = real->pMethods->xWrite(real, data, length, at);
	if (how)
		die();
	return code;
}

static int kill_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	int how = kill_how(), code;

	if (how == 1)
		die();
	code = real_of(file)->pMethods->xTruncate(real_of(file), size);
	if (how)
		die();
	return code;
}

static int kill_sync(sqlite3_file *file, int flags)
{
	int how = kill_how(), code;

	if (how == 1)
		die();
	code = real_of(file)->pMethods->xSync(real_of(file), flags);
	if (how)
		die();
	return code;
}

static int kill_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int kill_lock(sqlite3_file *file, int lock)
{
	return real_of(file)->pMethods->xLock(real_of(file), lock);
}

static int kill_unlock(sqlite3_file *file, int lock)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), lock);
}

static int kill_check_lock(sqlite3_file *file, int *out)
{
	return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int kill_control(sqlite3_file *file, int op, void *argument)
{
	return real_of(file)->pMethods->xFileControl(real_of(file), op, argument);
}

static int kill_sector(sqlite3_file *file)
{
	return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int kill_traits(sqlite3_file *file)
{
	return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

/* Version 1 of the methods: without shared memory, so the store must do without, as it says. */
static sqlite3_io_methods kill_methods = {
	.iVersion = 1,
	.xClose = kill_close,
	.xRead = kill_read,
	.xWrite = kill_write,
	.xTruncate = kill_truncate,
	.xSync = kill_sync,
	.xFileSize = kill_size,
	.xLock = kill_lock,
	.xUnlock = kill_unlock,
	.xCheckReservedLock = kill_check_lock,
	.xFileControl = kill_control,
	.xSectorSize = kill_sector,
	.xDeviceCharacteristics = kill_traits,
};

static int kill_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	struct kill_file *opened = (struct kill_file *)file;
	int code;

	(void)vfs;
	opened->base.pMethods = NULL;
	opened->real = sqlite3_malloc(real_vfs->szOsFile);
	if (!opened->real)
		return SQLITE_NOMEM;
	memset(opened->real, 0, (size_t)real_vfs->szOsFile);
	code = real_vfs->xOpen(real_vfs, name, opened->real, flags, out_flags);
	if (code) {
		sqlite3_free(opened->real);
		return code;
	}
	opened->base.pMethods = &kill_methods;
	return SQLITE_OK;
}

static int kill_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
	int how = kill_how(), code;

	(void)vfs;
	if (how == 1)
		die();
	code = real_vfs->xDelete(real_vfs, name, sync_folder);
	if (how)
		die();
	return code;
}

static void kill_begin(const char *point)
{
	kill_point = atol(point);
	real_vfs = sqlite3_vfs_find(NULL);
	kill_vfs = *real_vfs;
	kill_vfs.zName = "kill";
	kill_vfs.szOsFile = sizeof(struct kill_file);
	kill_vfs.xOpen = kill_open;
	kill_vfs.xDelete = kill_delete;
	sqlite3_vfs_register(&kill_vfs, 1);
}

/* ---- writing ---- */

struct writer {
	struct store *store;
	uint64_t revision, value; /* as far as this writer has seen */
	uint64_t tag;             /* of the commit that is in doubt */
	bool resolved;
	int acks;
};

static bool read_value(const char *body, uint64_t *value, uint64_t *base)
{
	return body && sscanf(body, "{\"value\":%" SCNu64 ",\"base\":%" SCNu64 "}", value, base) == 2;
}

static int on_write_object(void *context, const char *key, uint64_t revision, const char *body)
{
	struct writer *writer = context;
	uint64_t base;

	(void)revision;
	return strcmp(key, COUNTER) != 0 || read_value(body, &writer->value, &base) ? 0 : -EPROTO;
}

static void acknowledge(const struct writer *writer, uint64_t revision, uint64_t tag)
{
	char line[64];
	int length = snprintf(line, sizeof(line), "%" PRIu64 " %" PRIu64 "\n", revision, tag);

	if (write(writer->acks, line, (size_t)length) != length)
		abort();
}

static int on_write_change(void *context, const struct store_change *change)
{
	struct writer *writer = context;
	uint64_t base;

	if (writer->tag && store_followed_tag(writer->store) == writer->tag) {
		acknowledge(writer, change->revision, writer->tag);
		writer->tag = 0;
	}
	writer->revision = change->revision;
	for (size_t i = 0; i < change->count; i++) {
		if (strcmp(change->writes[i].key, COUNTER) == 0 &&
			!read_value(change->writes[i].body, &writer->value, &base))
			return -EPROTO;
	}
	return 0;
}

/* Comes up to date, however long it takes. Returns 0, or what cannot be waited for. */
static int write_follow(struct writer *writer, uint64_t end_ns)
{
	for (;;) {
		struct timespec moment = {.tv_nsec = 20000000};
		int error = store_follow(writer->store, 0, on_write_change, writer);

		if (error != -EHOSTUNREACH || time_now_ns() > end_ns)
			return error == -EHOSTUNREACH ? 0 : error;
		nanosleep(&moment, NULL);
	}
}

static int write_one(struct writer *writer, uint64_t end_ns)
{
	char body[96], own[32], large[200];
	struct store_write writes[] = {{COUNTER, body}, {own, large}};
	struct store_change change = {.who = "test/writer", .why = "", .writes = writes, .count = 2};
	uint64_t tag;
	int error;

	randombytes_buf(&tag, sizeof(tag));
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	snprintf(own, sizeof(own), "writer/%d", (int)(writer->revision % 50));
	snprintf(body, sizeof(body), "{\"value\":%" PRIu64 ",\"base\":%" PRIu64 "}", writer->value + 1,
		writer->revision);
	error = store_commit(writer->store, writer->revision, tag, &change);
	if (error == -EHOSTUNREACH || error == -ESTALE)
		return write_follow(writer, end_ns);
	if (error == -EINPROGRESS) {
		writer->tag = tag;
		error = write_follow(writer, end_ns);
		writer->tag = 0; /* what comes later is another's for us */
		return error;
	}
	if (error)
		return error;
	acknowledge(writer, change.revision, tag);
	writer->revision = change.revision;
	writer->value++;
	return 0;
}

static int write_stream(const char *url, const char *acks, double seconds)
{
	struct writer writer = {.acks = open(acks, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
	uint64_t end_ns = time_now_ns() + (uint64_t)(seconds * 1e9);
	char message[STORE_MESSAGE_MAX] = "";
	int error;

	/* The members of a cluster may all be down at this moment. */
	do {
		error = store_open(url, &writer.store, message);
	} while (error == -EHOSTUNREACH && time_now_ns() < end_ns);
	if (error) {
		fprintf(stderr, "store_writer: %s\n", message);
		return 1;
	}
	do {
		error = store_load(writer.store, on_write_object, &writer, &writer.revision);
	} while (error == -EHOSTUNREACH && time_now_ns() < end_ns);
	while (!error && time_now_ns() < end_ns)
		error = write_one(&writer, end_ns);
	if (error && error != -EHOSTUNREACH)
		fprintf(stderr, "store_writer: revision %" PRIu64 ": %s\n", writer.revision, strerror(-error));
	store_close(writer.store);
	return error && error != -EHOSTUNREACH;
}

/* ---- verifying ---- */

struct history {
	struct store *store;
	struct {
		uint64_t *entries; /* tags; entries[N] is that of revision N + 1 */
		size_t count, room;
	} tags;
	uint64_t value, broken;
	uint64_t loaded_value; /* of the object */
};

static int on_verify_change(void *context, const struct store_change *change)
{
	struct history *history = context;
	uint64_t value = 0, base = 0;

	if (change->revision != history->tags.count + 1 || !change->count ||
		!read_value(change->writes[0].body, &value, &base) || value != history->value + 1 ||
		base != change->revision - 1) {
		fprintf(stderr, "change %" PRIu64 ": value %" PRIu64 " on base %" PRIu64 " after value %" PRIu64 "\n",
			change->revision, value, base, history->value);
		history->broken++;
	}
	history->value = value;
	return array_add(&history->tags, store_followed_tag(history->store));
}

static int on_verify_object(void *context, const char *key, uint64_t revision, const char *body)
{
	struct history *history = context;
	uint64_t base;

	(void)revision;
	if (strcmp(key, COUNTER) == 0 && !read_value(body, &history->loaded_value, &base))
		history->broken++;
	return 0;
}

/* Counts acknowledged commits that are not there. */
static uint64_t verify_acks(const struct history *history, const char *path, uint64_t *acknowledged)
{
	scope_fclose FILE *file = fopen(path, "re");
	uint64_t revision, tag, lost = 0;

	while (file && fscanf(file, "%" SCNu64 " %" SCNu64, &revision, &tag) == 2) {
		++*acknowledged;
		if (!revision || revision > history->tags.count || history->tags.entries[revision - 1] != tag) {
			fprintf(stderr, "%s: revision %" PRIu64 " was acknowledged and is lost\n", path, revision);
			lost++;
		}
	}
	return lost;
}

static int verify(const char *url, char **acks, int count)
{
	struct history history = {};
	char message[STORE_MESSAGE_MAX] = "";
	uint64_t revision = 0, acknowledged = 0, lost = 0;
	int error = store_open(url, &history.store, message);

	if (error) {
		fprintf(stderr, "store_writer: %s\n", message);
		return 1;
	}
	error = store_load(history.store, on_verify_object, &history, &revision);
	if (!error)
		error = store_changes(history.store, 0, SIZE_MAX, on_verify_change, &history);
	if (error)
		fprintf(stderr, "store_writer: %s\n", strerror(-error));
	if (revision != history.tags.count || history.loaded_value != history.value)
		history.broken++;
	for (int i = 0; i < count; i++)
		lost += verify_acks(&history, acks[i], &acknowledged);
	printf("lost %" PRIu64 " broken %" PRIu64 " acknowledged %" PRIu64 " revision %" PRIu64 "\n", lost,
		history.broken, acknowledged, revision);
	store_close(history.store);
	free(history.tags.entries);
	return error || lost || history.broken;
}

int main(int argc, char **argv)
{
	const char *point = getenv("STORE_KILL_POINT");

	if (point)
		kill_begin(point);
	if (argc == 5 && strcmp(argv[1], "write") == 0)
		return write_stream(argv[2], argv[3], atof(argv[4]));
	if (argc >= 4 && strcmp(argv[1], "verify") == 0)
		return verify(argv[2], argv + 3, argc - 3);
	fprintf(stderr, "usage: store_writer write URL ACKS SECONDS | verify URL ACKS...\n");
	return 2;
}
