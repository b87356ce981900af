/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SQLite store when things go wrong: damage, other versions, full and read-only disks, a sync that fails.
 */
#include "manager/store.h"

#include <errno.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "lib/error.h"
#include "selftests/unit/store_helpers.h"
#include "selftests/unit/unit.h"

/* ---- helpers ---- */

static char path[128], url[160]; /* of the database under test */

static void path_next(void)
{
	snprintf(path, sizeof(path), "%s/%d.db", place_folder, ++kind_numbered);
	snprintf(url, sizeof(url), "sqlite:%s", path);
}

static void run_sql(const char *sql)
{
	char *message = NULL;
	sqlite3 *db;

	CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &message))
		printf("\n    %s\n", message);
	CU_ASSERT_PTR_NULL(message);
	sqlite3_free(message);
	sqlite3_close(db);
}

/* Opening fails, and says these words. */
static void assert_refused(int error, const char *words)
{
	char message[STORE_MESSAGE_MAX] = "";
	struct store *store = NULL;
	int got = store_open(url, &store, message);

	CU_ASSERT_EQUAL(got, error);
	CU_ASSERT_PTR_NULL(store);
	if (!strstr(message, words))
		printf("\n    got \"%s\", wanted \"... %s ...\"\n", message, words);
	CU_ASSERT_PTR_NOT_NULL(strstr(message, words));
	CU_ASSERT_PTR_NOT_NULL(strstr(message, path));
}

static void assert_stays_refused(int error, const char *words)
{
	assert_refused(error, words);
	assert_refused(error, words);
}

static void fill_store(void)
{
	scope_free char *body = body_of(2000, 'b');
	struct store *store;
	char key[32];

	path_next();
	store = open_at(url);
	for (int i = 0; i < 50; i++) {
		snprintf(key, sizeof(key), "node/%d", i);
		CU_ASSERT_EQUAL(commit_one(store, (uint64_t)i, key, body), 0);
	}
	store_close(store);
}

/* ---- damage, versions ---- */

static void overwrite(off_t at, const char *text)
{
	scope_close int fd = open(path, O_WRONLY);

	CU_ASSERT_EQUAL(pwrite(fd, text, strlen(text), at), (ssize_t)strlen(text));
}

static void test_damaged(void)
{
	struct stat status;

	fill_store();
	CU_ASSERT_EQUAL(stat(path, &status), 0);
	for (off_t at = 4096; at < status.st_size; at += 4096)
		overwrite(at, "\xff\xff\xff\xff\xff\xff\xff\xff");
	assert_stays_refused(-EUCLEAN, "restore a backup");

	fill_store();
	overwrite(0, "This is no database at all, it is a letter.");
	assert_stays_refused(-EUCLEAN, "restore a backup");

	fill_store();
	CU_ASSERT_EQUAL(truncate(path, 3 * 4096), 0);
	assert_stays_refused(-EUCLEAN, "restore a backup");

	fill_store();
	run_sql("DELETE FROM changes WHERE revision = 7");
	assert_stays_refused(-EUCLEAN, "restore a backup");
}

static void test_versions(void)
{
	fill_store();
	run_sql("UPDATE meta SET schema = 2");
	assert_stays_refused(-ENOTSUP, "newer version");
	path_next();
	run_sql("CREATE TABLE music(title)");
	assert_stays_refused(-EINVAL, "another program");
}

/* Schema 0 had no tags. */
static void test_migration(void)
{
	struct store *store;

	path_next();
	run_sql("CREATE TABLE meta(schema INTEGER NOT NULL); INSERT INTO meta VALUES(0); PRAGMA application_id = 1870032500;"
		"CREATE TABLE objects(key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL);"
		"CREATE TABLE changes(revision INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL);"
		"CREATE TABLE writes(id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, key TEXT NOT NULL, body TEXT);"
		"CREATE INDEX writes_revision ON writes(revision); CREATE UNIQUE INDEX writes_key ON writes(key, revision);"
		"INSERT INTO changes VALUES(1, 1764316800005, 'old', ''); INSERT INTO writes VALUES(1, 1, 'a', '{}');"
		"INSERT INTO objects VALUES('a', 1, '{}');");
	for (int i = 0; i < 2; i++) {
		struct seen seen = {};

		store = open_at(url);
		seen.store = store;
		assert_loads(store, 1, "a={}@1 ");
		CU_ASSERT_EQUAL(store_changes(store, 0, 1, on_change, &seen), 0);
		UNIT_STRING_EQUAL(seen.text, "1/0/5 old : a={}; ");
		store_close(store);
	}
	store = open_at(url);
	CU_ASSERT_EQUAL(commit_one(store, 1, "b", "{}"), 0);
	store_close(store);
}

/* A process that died between making the file and its tables. */
static void test_half_made(void)
{
	struct store *store;

	path_next();
	run_sql("PRAGMA journal_mode = WAL");
	store = open_at(url);
	CU_ASSERT_EQUAL(commit_one(store, 0, "a", "1"), 0);
	store_close(store);
	path_next();
	file_write(path, "", 0);
	store = open_at(url);
	CU_ASSERT_EQUAL(commit_one(store, 0, "a", "1"), 0);
	store_close(store);
}

/* ---- full and read-only disks ---- */

/* A file system of 2 MB in the place of a folder; "" when that is not permitted. */
static const char *small_disk(void)
{
	static char folder[64];

	snprintf(folder, sizeof(folder), "%s/disk%d", place_folder, ++kind_numbered);
	CU_ASSERT_EQUAL(mkdir(folder, 0700), 0);
	if (mount("tmpfs", folder, "tmpfs", 0, "size=2m")) {
		printf("\nskip - full and read-only disks: mount: %s\n", strerror(errno));
		return "";
	}
	snprintf(path, sizeof(path), "%s/store.db", folder);
	snprintf(url, sizeof(url), "sqlite:%s", path);
	return folder;
}

static void fill_disk(const char *folder)
{
	static const char zeros[4096];
	char filler[96];
	int fd;

	snprintf(filler, sizeof(filler), "%s/filler", folder);
	fd = open(filler, O_WRONLY | O_CREAT | O_APPEND, 0600);
	CU_ASSERT_FATAL(fd >= 0);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	close(fd);
}

static void free_disk(const char *folder)
{
	char filler[96];

	snprintf(filler, sizeof(filler), "%s/filler", folder);
	CU_ASSERT_EQUAL(unlink(filler), 0);
}

static void test_full(void)
{
	scope_free char *large = body_of(200000, 'l');
	const char *folder = small_disk();
	char message[STORE_MESSAGE_MAX] = "", backup[96];
	uint64_t revision = 12345, head = 1;
	struct store *store;
	int error;

	if (!*folder)
		return;
	fill_disk(folder);
	assert_refused(-ENOSPC, "No space left");
	free_disk(folder);
	unlink(path);
	store = open_at(url);
	CU_ASSERT_EQUAL(commit_one(store, 0, "a", "1"), 0);
	fill_disk(folder);
	CU_ASSERT_EQUAL(commit_one(store, 1, "large", large), -ENOSPC);
	CU_ASSERT_EQUAL(commit_one(store, 1, "large", large), -ENOSPC);
	snprintf(backup, sizeof(backup), "%s/backup", folder);
	CU_ASSERT_EQUAL(store_backup(store, backup, &revision, message), -ENOSPC);
	CU_ASSERT(access(backup, F_OK) && *message);
	assert_loads(store, 1, "a=1@1 ");
	free_disk(folder);
	CU_ASSERT_EQUAL(commit_one(store, 1, "a", "2"), 0);
	/* Up to the last octet: what was acknowledged is there, what was refused is not. */
	for (head = 2; !(error = commit_one(store, head, "large", large)); head++)
		CU_ASSERT_FATAL(head < 1000);
	CU_ASSERT_EQUAL(error, -ENOSPC);
	CU_ASSERT(head > 2);
	store_close(store);
	store = open_at(url);
	CU_ASSERT_EQUAL(tally_load(store).last, head);
	store_close(store);
	CU_ASSERT_EQUAL(umount(folder), 0);
}

static void test_read_only(void)
{
	const char *folder = small_disk();
	struct store *store;

	if (!*folder)
		return;
	store = open_at(url);
	CU_ASSERT_EQUAL(commit_one(store, 0, "a", "1"), 0);
	store_close(store);
	CU_ASSERT_EQUAL_FATAL(mount("", folder, "", MS_REMOUNT | MS_RDONLY, ""), 0);
	assert_refused(-EROFS, "read-only");
	snprintf(path, sizeof(path), "%s/other.db", folder);
	snprintf(url, sizeof(url), "sqlite:%s", path);
	assert_refused(-EROFS, "ead-only");
	CU_ASSERT_EQUAL(mount("", folder, "", MS_REMOUNT, ""), 0);
	snprintf(path, sizeof(path), "%s/store.db", folder);
	snprintf(url, sizeof(url), "sqlite:%s", path);
	store = open_at(url);
	assert_loads(store, 1, "a=1@1 ");
	store_close(store);
	CU_ASSERT_EQUAL(umount(folder), 0);
}

static void test_no_folder(void)
{
	snprintf(path, sizeof(path), "%s/none/store.db", place_folder);
	snprintf(url, sizeof(url), "sqlite:%s", path);
	assert_refused(-ENOENT, "No such file");
}

/* ---- a sync that fails ---- */

static sqlite3_vfs *real_vfs, faulty_vfs;
static int syncs_to_fail;

/* The database itself, which has locks, and what stands beside it, have methods of their own. */
static struct {
	const sqlite3_io_methods *real;
	sqlite3_io_methods faulty;
} methods[2];

static int faulty_sync(sqlite3_file *file, int flags)
{
	if (syncs_to_fail && syncs_to_fail--)
		return SQLITE_IOERR_FSYNC;
	return methods[file->pMethods == &methods[1].faulty].real->xSync(file, flags);
}

/* The file is the real one, but for its method of syncing. */
static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	int code = real_vfs->xOpen(real_vfs, name, file, flags, out_flags), which = flags & SQLITE_OPEN_MAIN_DB ? 1 : 0;

	(void)vfs;
	if (!code) {
		methods[which].real = file->pMethods;
		methods[which].faulty = *file->pMethods;
		methods[which].faulty.xSync = faulty_sync;
		file->pMethods = &methods[which].faulty;
	}
	return code;
}

static void test_failed_sync(void)
{
	struct seen seen = {};
	struct store *store;
	uint64_t revision;

	real_vfs = sqlite3_vfs_find(NULL);
	faulty_vfs = *real_vfs;
	faulty_vfs.zName = "faulty";
	faulty_vfs.xOpen = faulty_open;
	CU_ASSERT_EQUAL(sqlite3_vfs_register(&faulty_vfs, 1), SQLITE_OK);
	path_next();
	store = open_at(url);
	CU_ASSERT_EQUAL(commit_one(store, 0, "a", "1"), 0);
	for (int fail = 1; fail <= 3; fail++) {
		revision = tally_load(store).last;
		seen = (struct seen){.store = store};
		syncs_to_fail = fail;
		CU_ASSERT_EQUAL(commit_as(store, revision, 99, &(struct store_write){"b", "2"}, 1), -EINPROGRESS);
		/* While the disk still fails nothing is decided. */
		while (syncs_to_fail) {
			int error = store_follow(store, 0, on_change, &seen);

			if (error)
				CU_ASSERT_EQUAL_FATAL(error, -EIO);
			if (!error)
				break;
		}
		syncs_to_fail = 0;
		CU_ASSERT_EQUAL(store_follow(store, 0, on_change, &seen), 0);
		/* Either it is there, with its tag, or it is not; and then for good. */
		revision += seen.count;
		CU_ASSERT(!seen.count || strstr(seen.text, "/99/"));
		CU_ASSERT_EQUAL(commit_one(store, revision, "c", "3"), 0);
	}
	revision = tally_load(store).last;
	store_close(store);
	store = open_at(url);
	CU_ASSERT_EQUAL(tally_load(store).last, revision);
	store_close(store);
	sqlite3_vfs_unregister(&faulty_vfs);
	sqlite3_vfs_register(real_vfs, 1);
}

static const struct unit_test tests[] = {
	{"a damaged database is refused, with advice", test_damaged},
	{"a newer schema and another program's database are refused", test_versions},
	{"a store of schema 0 is migrated", test_migration},
	{"a database that was half made is made", test_half_made},
	{"a full disk loses nothing, and space helps", test_full},
	{"a read-only disk is told", test_read_only},
	{"a folder that is not there is told", test_no_folder},
	{"a sync that fails leaves a change in doubt, and the doubt is settled", test_failed_sync},
};

int main(void)
{
	int failed;

	/* Mounts are this process's own, and go with it. */
	if (!unshare(CLONE_NEWNS))
		mount("", "/", "", MS_REC | MS_PRIVATE, "");
	if (place_make())
		return 1;
	kind = "sqlite";
	failed = unit_run("store_sqlite", tests, ARRAY_LEN(tests));
	place_remove();
	return failed;
}
