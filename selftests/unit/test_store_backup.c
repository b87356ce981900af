/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Backups: from each store into each, and those that are refused.
 */
#include "manager/store.h"

#include "lib/error.h"
#include "selftests/unit/store_helpers.h"
#include "selftests/unit/unit.h"

/* Restores into another empty store of the kind `of`. */
static struct store *restored(const char *of, const char *path, int wanted)
{
	struct store *store = open_at(url_new_of(of));
	char message[STORE_MESSAGE_MAX] = "";
	uint64_t revision = 12345;
	int error = store_restore(store, path, &revision, message);

	if (error != wanted)
		printf("\n    restored %d, wanted %d: %s\n", error, wanted, message);
	CU_ASSERT_EQUAL(error, wanted);
	CU_ASSERT_EQUAL(*message == '\0', wanted == 0);
	CU_ASSERT(wanted == 0 || revision == 12345);
	return store;
}

static void test_backup(void)
{
	static const char *const kinds[] = {"sqlite", "etcd"};
	scope_free char *large = body_of(700000, 'y');
	struct store *store = open_at(url_new());
	struct tally tally;
	char path[128];

	snprintf(path, sizeof(path), "%s", path_new());
	back_up(store, path, 0);
	three_changes(store);
	CU_ASSERT_EQUAL(commit_one(store, 3, "large", large), 0);
	back_up(store, path, 4); /* takes the place of the first */
	CU_ASSERT_EQUAL(commit_one(store, 4, "later", "{}"), 0);
	store_close(store);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct seen seen = {};

		if (!place_etcd_pid && strcmp(kinds[i], "etcd") == 0)
			continue;
		store = restored(kinds[i], path, 0);
		assert_follows(store, "");
		tally = tally_load(store);
		CU_ASSERT_EQUAL(tally.count, 3);
		CU_ASSERT_EQUAL(tally.octets, 700006);
		assert_version(store, "node/a", 1, "{1}", 1);
		assert_version(store, "large", 4, large, 4);
		seen.store = store;
		CU_ASSERT_EQUAL(store_changes(store, 0, 3, on_change, &seen), 0);
		CU_ASSERT_EQUAL(seen.count, 3);
		CU_ASSERT_PTR_NOT_NULL(strstr(seen.text,
			"3/18446744073709551615/2 acme/deploy a test: node/b={4} gone=-; "));
		CU_ASSERT_EQUAL(commit_one(store, 4, "later", "{}"), 0);
		store_close(store);
	}
}

static void test_backup_refusals(void)
{
	struct store *store = open_at(url_new());
	char message[STORE_MESSAGE_MAX] = "", path[128], nowhere[160];
	uint64_t revision = 12345;

	snprintf(path, sizeof(path), "%s", path_new());
	snprintf(nowhere, sizeof(nowhere), "%s/none/backup", place_folder);
	three_changes(store);
	CU_ASSERT_EQUAL(store_backup(store, nowhere, &revision, message), -ENOENT);
	CU_ASSERT(*message != '\0');
	CU_ASSERT_EQUAL(revision, 12345);
	back_up(store, path, 3);
	CU_ASSERT_EQUAL(store_restore(store, path, &revision, message), -ENOTEMPTY);
	CU_ASSERT_EQUAL(store_restore(store, nowhere, &revision, message), -ENOENT);
	CU_ASSERT_EQUAL(revision, 12345);
	assert_loads(store, 3, "node/b={4}@3 vnet/z={3}@2 ");
	store_close(store);
}

/* Cut or altered anywhere, a backup is refused, and the store is as empty as before and can take the right one. */
static void test_backup_damaged(void)
{
	struct store *store = open_at(url_new());
	char path[128], bad[128], message[STORE_MESSAGE_MAX];
	scope_free char *text = NULL;
	uint64_t revision;
	size_t length, step = strcmp(kind, "etcd") == 0 ? 97 : 7;

	snprintf(path, sizeof(path), "%s", path_new());
	snprintf(bad, sizeof(bad), "%s", path_new());
	three_changes(store);
	back_up(store, path, 3);
	store_close(store);
	text = file_read(path, &length);
	store = open_at(url_new());
	for (size_t at = 0; at < length; at += step) {
		int error;

		file_write(bad, text, at);
		CU_ASSERT_EQUAL(store_restore(store, bad, &revision, message), -EUCLEAN);
		text[at] ^= 1;
		file_write(bad, text, length);
		text[at] ^= 1;
		error = store_restore(store, bad, &revision, message);
		CU_ASSERT(error == -EUCLEAN || error == -ENOTSUP);
	}
	file_write(bad, text, length - 1); /* the last line break */
	CU_ASSERT_EQUAL(store_restore(store, bad, &revision, message), -EUCLEAN);
	assert_loads(store, 0, "");
	CU_ASSERT_EQUAL(store_restore(store, path, &revision, message), 0);
	CU_ASSERT_EQUAL(revision, 3);
	assert_loads(store, 3, "node/b={4}@3 vnet/z={3}@2 ");
	store_close(store);
}

static void test_backup_newer(void)
{
	static const char newer[] = "{\"ovnet_backup\":1,\"schema\":2,\"revision\":0}\n";
	const char *path = path_new();

	file_write(path, newer, strlen(newer));
	store_close(restored(kind, path, -ENOTSUP));
}

static const struct unit_test tests[] = {
	{"a backup is restored into each store", test_backup},
	{"a backup needs a place, a restore an empty store", test_backup_refusals},
	{"a backup that was cut or altered is refused", test_backup_damaged},
	{"a backup of a newer version is refused", test_backup_newer},
};

int main(void)
{
	return kinds_run("store_backup", tests, ARRAY_LEN(tests));
}
