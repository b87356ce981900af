/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What manager/store.h says, of both stores: the same tests over SQLite and over an etcd that is started here.
 */
#include "manager/store.h"

#include <stdarg.h>

#include "lib/error.h"
#include "lib/time.h"
#include "selftests/unit/store_place.h"
#include "selftests/unit/unit.h"

#define BODY_LARGE 6000000
#define WRITES_MANY 3000
#define CHANGES_MANY 1100 /* past a snapshot of the etcd store */
#define SEEN_MAX 4096

static const char *kind; /* "sqlite" or "etcd": which one is tested */
static int numbered;

/* ---- helpers ---- */

static const char *url_new_of(const char *of)
{
	static char url[256];

	if (strcmp(of, "sqlite") == 0)
		snprintf(url, sizeof(url), "sqlite:%s/%d.db", place_folder, ++numbered);
	else
		snprintf(url, sizeof(url), "etcd:http://127.0.0.1:%d/test/%d/", place_etcd_port, ++numbered);
	return url;
}

/* Another empty store of the kind under test. */
static const char *url_new(void)
{
	return url_new_of(kind);
}

static struct store *open_at(const char *url)
{
	char message[STORE_MESSAGE_MAX] = "";
	struct store *store = NULL;

	if (store_open(url, &store, message))
		printf("\n    %s: %s\n", url, message);
	CU_ASSERT_PTR_NOT_NULL_FATAL(store);
	return store;
}

static int commit_as(struct store *store, uint64_t base, uint64_t tag, const struct store_write *writes, size_t count)
{
	struct store_change change = {.time_ms = 1764316800000ull + base,
		.who = "acme/deploy",
		.why = "a test",
		.writes = writes,
		.count = count};
	int error = store_commit(store, base, tag, &change);

	CU_ASSERT_EQUAL(change.revision, error ? 0 : base + 1);
	return error;
}

static int commit_one(struct store *store, uint64_t base, const char *key, const char *body)
{
	return commit_as(store, base, 1000 + base, &(struct store_write){key, body}, 1);
}

/* What was handed out, as one line: "key=body@revision ". */
struct seen {
	struct store *store;
	char text[SEEN_MAX];
	size_t count, stop_at;
};

static void see(struct seen *seen, const char *format, ...) PRINTF_LIKE(2, 3);
static void see(struct seen *seen, const char *format, ...)
{
	size_t used = strlen(seen->text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(seen->text + used, sizeof(seen->text) - used, format, arguments);
	va_end(arguments);
}

static int on_object(void *context, const char *key, uint64_t revision, const char *body)
{
	struct seen *seen = context;

	see(seen, "%s=%s@%llu ", key, body, (unsigned long long)revision);
	return ++seen->count == seen->stop_at ? 77 : 0;
}

static int on_change(void *context, const struct store_change *change)
{
	struct seen *seen = context;

	see(seen, "%llu/%llu/%llu %s %s:", (unsigned long long)change->revision,
		(unsigned long long)store_followed_tag(seen->store),
		(unsigned long long)(change->time_ms - 1764316800000ull), change->who, change->why);
	for (size_t i = 0; i < change->count; i++)
		see(seen, " %s=%s", change->writes[i].key, change->writes[i].body ? change->writes[i].body : "-");
	see(seen, "; ");
	return ++seen->count == seen->stop_at ? 77 : 0;
}

static void assert_loads(struct store *store, uint64_t revision, const char *objects)
{
	struct seen seen = {.store = store};
	uint64_t loaded = 12345;

	CU_ASSERT_EQUAL(store_load(store, on_object, &seen, &loaded), 0);
	CU_ASSERT_EQUAL(loaded, revision);
	UNIT_STRING_EQUAL(seen.text, objects);
}

static void assert_follows(struct store *store, const char *changes)
{
	struct seen seen = {.store = store};

	CU_ASSERT_EQUAL(store_follow(store, 0, on_change, &seen), 0);
	UNIT_STRING_EQUAL(seen.text, changes);
}

static void assert_version(struct store *store, const char *key, uint64_t revision, const char *body, uint64_t written)
{
	scope_free char *found = NULL;
	uint64_t at = 12345;

	CU_ASSERT_EQUAL(store_version(store, key, revision, &found, &at), 0);
	CU_ASSERT_EQUAL(at, written);
	UNIT_STRING_EQUAL(found ? found : "(none)", body ? body : "(none)");
}

static char *body_of(size_t length, char fill)
{
	char *body = malloc(length + 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(body);
	memset(body, fill, length);
	body[length] = '\0';
	return body;
}

/* ---- objects, changes, versions ---- */

static void test_empty(void)
{
	struct store *store = open_at(url_new());
	struct seen seen = {.store = store};

	CU_ASSERT_EQUAL(store_is_shared(store), strcmp(kind, "etcd") == 0);
	assert_loads(store, 0, "");
	assert_follows(store, "");
	assert_version(store, "node/a", 1, NULL, 0);
	CU_ASSERT_EQUAL(store_changes(store, 0, 10, on_change, &seen), 0);
	CU_ASSERT_EQUAL(seen.count, 0);
	store_close(store);
	store_close(NULL);
}

/* Three changes that the tests after this one look at. */
static void three_changes(struct store *store)
{
	CU_ASSERT_EQUAL(commit_as(store, 0, 11, (struct store_write[]){{"node/b", "{2}"}, {"node/a", "{1}"}}, 2), 0);
	CU_ASSERT_EQUAL(commit_as(store, 1, 22, (struct store_write[]){{"vnet/z", "{3}"}, {"node/a", NULL}}, 2), 0);
	CU_ASSERT_EQUAL(commit_as(store, 2, UINT64_MAX, (struct store_write[]){{"node/b", "{4}"}, {"gone", NULL}}, 2),
		0);
}

static void test_commit(void)
{
	char url[256];
	struct store *store;

	snprintf(url, sizeof(url), "%s", url_new());
	store = open_at(url);
	three_changes(store);
	assert_loads(store, 3, "node/b={4}@3 vnet/z={3}@2 ");
	assert_follows(store, "");
	store_close(store);
	store = open_at(url);
	assert_loads(store, 3, "node/b={4}@3 vnet/z={3}@2 ");
	CU_ASSERT_EQUAL(commit_one(store, 3, "node/a", "{5}"), 0);
	assert_loads(store, 4, "node/a={5}@4 node/b={4}@3 vnet/z={3}@2 ");
	store_close(store);
	store = open_at(url);
	CU_ASSERT_EQUAL(commit_one(store, 4, "node/a", "{6}"), 0); /* without a load */
	store_close(store);
}

static void test_base(void)
{
	struct store *store = open_at(url_new());

	CU_ASSERT_EQUAL(commit_one(store, 1, "a", "1"), -EINVAL);
	CU_ASSERT_EQUAL(commit_one(store, 0, "a", "1"), 0);
	CU_ASSERT_EQUAL(commit_one(store, 0, "a", "2"), -ESTALE);
	CU_ASSERT_EQUAL(commit_one(store, 7, "a", "2"), -EINVAL);
	assert_loads(store, 1, "a=1@1 ");
	CU_ASSERT_EQUAL(commit_as(store, 1, 1, NULL, 0), 0); /* a change without writes is one */
	assert_loads(store, 2, "a=1@1 ");
	store_close(store);
}

static void test_refused(void)
{
	struct store *store = open_at(url_new());
	struct store_write write = {"a", "1"};
	struct store_change change = {.who = "x", .why = "\xc3", .writes = &write, .count = 1};

	CU_ASSERT_EQUAL(commit_as(store, 0, 1, (struct store_write[]){{"a", "1"}, {"b", "2"}, {"a", NULL}}, 3),
		-EINVAL);
	CU_ASSERT_EQUAL(commit_one(store, 0, "", "1"), -EINVAL);
	CU_ASSERT_EQUAL(commit_one(store, 0, "a\xff", "1"), -EINVAL);
	CU_ASSERT_EQUAL(commit_one(store, 0, "a", "\xed\xa0\x80"), -EINVAL);
	CU_ASSERT_EQUAL(store_commit(store, 0, 1, &change), -EINVAL);
	change = (struct store_change){.who = NULL, .why = "", .writes = &write, .count = 1};
	CU_ASSERT_EQUAL(store_commit(store, 0, 1, &change), -EINVAL);
	assert_loads(store, 0, "");
	store_close(store);
}

static void test_changes(void)
{
	struct store *store = open_at(url_new());
	struct seen seen = {.store = store}, two = {.store = store}, stopped = {.store = store, .stop_at = 2};

	three_changes(store);
	CU_ASSERT_EQUAL(store_changes(store, 0, SIZE_MAX, on_change, &seen), 0);
	UNIT_STRING_EQUAL(seen.text, "1/11/0 acme/deploy a test: node/b={2} node/a={1}; "
				     "2/22/1 acme/deploy a test: vnet/z={3} node/a=-; "
				     "3/18446744073709551615/2 acme/deploy a test: node/b={4} gone=-; ");
	CU_ASSERT_EQUAL(store_changes(store, 1, 1, on_change, &two), 0);
	UNIT_STRING_EQUAL(two.text, "2/22/1 acme/deploy a test: vnet/z={3} node/a=-; ");
	CU_ASSERT_EQUAL(store_changes(store, 0, 10, on_change, &stopped), 77);
	CU_ASSERT_EQUAL(stopped.count, 2);
	stopped = (struct seen){.store = store, .stop_at = 1};
	CU_ASSERT_EQUAL(store_changes(store, 3, 10, on_change, &stopped), 0);
	CU_ASSERT_EQUAL(store_changes(store, UINT64_MAX, 10, on_change, &stopped), 0);
	CU_ASSERT_EQUAL(store_changes(store, 0, 0, on_change, &stopped), 0);
	CU_ASSERT_EQUAL(stopped.count, 0);
	store_close(store);
}

static void test_stopped_load(void)
{
	struct store *store = open_at(url_new());
	struct seen seen = {.store = store, .stop_at = 1};
	uint64_t revision = 12345;

	three_changes(store);
	CU_ASSERT_EQUAL(store_load(store, on_object, &seen, &revision), 77);
	CU_ASSERT_EQUAL(revision, 12345);
	assert_loads(store, 3, "node/b={4}@3 vnet/z={3}@2 ");
	store_close(store);
}

static void test_versions(void)
{
	struct store *store = open_at(url_new());

	three_changes(store);
	assert_version(store, "node/b", 0, NULL, 0);
	assert_version(store, "node/b", 1, "{2}", 1);
	assert_version(store, "node/b", 2, "{2}", 1);
	assert_version(store, "node/b", 3, "{4}", 3);
	assert_version(store, "node/b", UINT64_MAX, "{4}", 3);
	assert_version(store, "node/a", 1, "{1}", 1);
	assert_version(store, "node/a", 3, NULL, 2);
	assert_version(store, "node/c", 3, NULL, 0);
	store_close(store);
}

static void test_texts(void)
{
	static const char *const texts[] = {"", "\"\\/\b\f\n\r\t\x01\x7f", "{\"a\":\"\\u0000 \\\\ ä € 😀\"}",
		"'; DROP TABLE objects; --", "%s%n /../ \xf4\x8f\xbf\xbf"};
	char url[256];
	struct store *store;

	snprintf(url, sizeof(url), "%s", url_new());
	store = open_at(url);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct store_write write = {i ? texts[i] : "empty", texts[i]};
		struct store_change change = {.who = texts[i], .why = texts[i], .writes = &write, .count = 1};

		CU_ASSERT_EQUAL(store_commit(store, i, i, &change), 0);
	}
	store_close(store);
	store = open_at(url);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_version(store, i ? texts[i] : "empty", 100, texts[i], i + 1);
	store_close(store);
}

/* ---- sizes ---- */

struct tally {
	size_t count, octets;
	uint64_t last;
};

static int on_tally_object(void *context, const char *key, uint64_t revision, const char *body)
{
	struct tally *tally = context;

	(void)key;
	tally->count++;
	tally->octets += strlen(body);
	tally->last = revision;
	return 0;
}

static int on_tally_change(void *context, const struct store_change *change)
{
	struct tally *tally = context;

	tally->count += change->count;
	for (size_t i = 0; i < change->count; i++)
		tally->octets += strlen(change->writes[i].body);
	tally->last = change->revision;
	return 0;
}

static struct tally tally_load(struct store *store)
{
	struct tally tally = {};
	uint64_t revision;

	CU_ASSERT_EQUAL(store_load(store, on_tally_object, &tally, &revision), 0);
	tally.last = revision;
	return tally;
}

static void test_large(void)
{
	static struct store_write writes[WRITES_MANY];
	static char keys[WRITES_MANY][32];
	scope_free char *large = body_of(BODY_LARGE, '"'), *small = body_of(300, 'x');
	struct store_write both[] = {{"handle/large", large}, {"handle/small", small}};
	struct tally tally = {};
	struct store *store;
	char url[256];

	snprintf(url, sizeof(url), "%s", url_new());
	store = open_at(url);
	for (int i = 0; i < WRITES_MANY; i++) {
		snprintf(keys[i], sizeof(keys[i]), "node/acme/n%d", i);
		writes[i] = (struct store_write){keys[i], small};
	}
	CU_ASSERT_EQUAL(commit_as(store, 0, 1, writes, WRITES_MANY), 0);
	CU_ASSERT_EQUAL(commit_as(store, 1, 2, both, 2), 0);
	CU_ASSERT_EQUAL(commit_one(store, 2, "last", "{}"), 0);
	store_close(store);
	store = open_at(url);
	tally = tally_load(store);
	CU_ASSERT_EQUAL(tally.count, WRITES_MANY + 3);
	CU_ASSERT_EQUAL(tally.octets, WRITES_MANY * 300 + BODY_LARGE + 300 + 2);
	CU_ASSERT_EQUAL(tally.last, 3);
	tally = (struct tally){};
	CU_ASSERT_EQUAL(store_changes(store, 0, 2, on_tally_change, &tally), 0);
	CU_ASSERT_EQUAL(tally.count, WRITES_MANY + 2);
	CU_ASSERT_EQUAL(tally.octets, WRITES_MANY * 300 + BODY_LARGE + 300);
	assert_version(store, "handle/large", 3, large, 2);
	store_close(store);
}

static void test_many(void)
{
	struct store *store = open_at(url_new());
	uint64_t start = time_now_ns();
	struct tally tally = {};
	char key[32], body[32];

	for (int i = 0; i < CHANGES_MANY; i++) {
		snprintf(key, sizeof(key), "node/%d", i % 100);
		snprintf(body, sizeof(body), "{%08d}", i);
		CU_ASSERT_EQUAL_FATAL(commit_one(store, (uint64_t)i, key, body), 0);
	}
	printf("\nfigure commits_per_second_%s %.0f\n", kind, CHANGES_MANY * 1e9 / (double)(time_now_ns() - start));
	tally = tally_load(store);
	CU_ASSERT_EQUAL(tally.count, 100);
	CU_ASSERT_EQUAL(tally.last, CHANGES_MANY);
	assert_version(store, "node/7", CHANGES_MANY, "{00001007}", 1008);
	assert_version(store, "node/7", 100, "{00000007}", 8);
	tally = (struct tally){};
	CU_ASSERT_EQUAL(store_changes(store, 0, SIZE_MAX, on_tally_change, &tally), 0);
	CU_ASSERT_EQUAL(tally.count, CHANGES_MANY);
	store_close(store);
}

/* ---- several writers ---- */

static void test_writers(void)
{
	char url[256], message[STORE_MESSAGE_MAX] = "";
	struct store *a, *b = NULL;
	struct seen seen = {};

	snprintf(url, sizeof(url), "%s", url_new());
	a = open_at(url);
	if (!store_is_shared(a)) {
		CU_ASSERT_EQUAL(store_open(url, &b, message), -EBUSY);
		CU_ASSERT_PTR_NULL(b);
		CU_ASSERT_PTR_NOT_NULL(strstr(message, "is open in another process"));
		CU_ASSERT_EQUAL(commit_one(a, 0, "a", "1"), 0);
		store_close(a);
		store_close(open_at(url));
		return;
	}
	b = open_at(url);
	CU_ASSERT_EQUAL(commit_one(a, 0, "x", "1"), 0);
	CU_ASSERT_EQUAL(commit_one(b, 0, "x", "2"), -ESTALE);
	assert_follows(a, "");
	assert_follows(b, "1/1000/0 acme/deploy a test: x=1; ");
	assert_follows(b, "");
	CU_ASSERT_EQUAL(commit_one(b, 1, "x", "2"), 0);
	CU_ASSERT_EQUAL(commit_one(b, 2, "y", "3"), 0);
	assert_follows(b, "");
	seen.store = a;
	seen.stop_at = 1;
	CU_ASSERT_EQUAL(store_follow(a, 1000, on_change, &seen), 77);
	UNIT_STRING_EQUAL(seen.text, "2/1001/1 acme/deploy a test: x=2; ");
	assert_follows(a, "3/1002/2 acme/deploy a test: y=3; ");
	CU_ASSERT_EQUAL(commit_one(a, 3, "x", "4"), 0);
	/* A load is a way to come up to date, too. */
	assert_loads(b, 4, "x=4@4 y=3@3 ");
	assert_follows(b, "");
	CU_ASSERT_EQUAL(commit_one(b, 4, "x", "5"), 0);
	store_close(a);
	store_close(b);
}

/* ---- backup ---- */

static const char *path_new(void)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%d.backup", place_folder, ++numbered);
	return path;
}

static void back_up(struct store *store, const char *path, uint64_t revision)
{
	char message[STORE_MESSAGE_MAX] = "";
	uint64_t saved = 12345;

	CU_ASSERT_EQUAL(store_backup(store, path, &saved, message), 0);
	UNIT_STRING_EQUAL(message, "");
	CU_ASSERT_EQUAL(saved, revision);
}

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

static char *file_read(const char *path, size_t *length)
{
	scope_fclose FILE *file = fopen(path, "r");
	char *text = malloc(65536);

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	*length = fread(text, 1, 65536, file);
	return text;
}

static void file_write(const char *path, const char *text, size_t length)
{
	scope_fclose FILE *file = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL(fwrite(text, 1, length, file), length);
}

/* Cut or altered anywhere, a backup is refused, and the store is as empty as before and can take the right one. */
static void test_backup_damaged(void)
{
	struct store *store = open_at(url_new());
	char path[128], bad[128], message[STORE_MESSAGE_MAX];
	scope_free char *text = NULL;
	uint64_t revision;
	size_t length;

	snprintf(path, sizeof(path), "%s", path_new());
	snprintf(bad, sizeof(bad), "%s", path_new());
	three_changes(store);
	back_up(store, path, 3);
	store_close(store);
	text = file_read(path, &length);
	store = open_at(url_new());
	for (size_t at = 0; at < length; at += 7) {
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

/* ---- facts, URLs ---- */

static void assert_facts(struct store *store, const char *prefix, const char *facts)
{
	struct seen seen = {};

	CU_ASSERT_EQUAL(store_facts(store, prefix, on_object, &seen), 0);
	UNIT_STRING_EQUAL(seen.text, facts);
}

static void test_facts(void)
{
	struct store *store = open_at(url_new());
	uint64_t bound = time_now_ns() + 10 * NSEC_PER_SEC;
	struct seen seen;

	CU_ASSERT_EQUAL(store_fact_set(store, "agent/h2", "two", 0), 0);
	CU_ASSERT_EQUAL(store_fact_set(store, "agent/h1", "one", 0), 0);
	CU_ASSERT_EQUAL(store_fact_set(store, "other", "", 0), 0);
	CU_ASSERT_EQUAL(store_fact_set(store, "agent/h2", "three", 0), 0);
	CU_ASSERT_EQUAL(store_fact_set(store, "agent/h3", "short", 1), 0);
	assert_facts(store, "agent/", "agent/h1=one@0 agent/h2=three@0 agent/h3=short@0 ");
	assert_facts(store, "", "agent/h1=one@0 agent/h2=three@0 agent/h3=short@0 other=@0 ");
	CU_ASSERT_EQUAL(store_fact_set(store, "agent/h1", NULL, 0), 0);
	CU_ASSERT_EQUAL(store_fact_set(store, "agent/h0", NULL, 0), 0);
	CU_ASSERT_EQUAL(store_fact_set(store, "", "x", 0), -EINVAL);
	do {
		seen = (struct seen){};
		CU_ASSERT_EQUAL(store_facts(store, "agent/", on_object, &seen), 0);
		usleep(20000);
	} while (seen.count > 1 && time_now_ns() < bound);
	UNIT_STRING_EQUAL(seen.text, "agent/h2=three@0 ");
	assert_loads(store, 0, ""); /* they are no objects */
	store_close(store);
}

static void test_urls(void)
{
	static const char *const urls[] = {"", "sqlite", "sqlite:", "sqlite::memory:", "postgres:x",
		"etcd:", "etcd:localhost", "etcd:http://", "etcd:http://a,", "etcd:ftp://a", "etcd:http://a,b"};

	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		char message[STORE_MESSAGE_MAX] = "";
		struct store *store = NULL;

		CU_ASSERT_EQUAL(store_open(urls[i], &store, message), -EINVAL);
		CU_ASSERT_PTR_NULL(store);
		CU_ASSERT_PTR_NOT_NULL(strstr(message, "expected "));
	}
}

static const struct unit_test tests[] = {
	{"an empty store is at revision 0", test_empty},
	{"what is committed is loaded, in order of keys, also by the next process", test_commit},
	{"a base that is past is stale, one of the future is none", test_base},
	{"keys twice, empty, or not UTF-8 are refused", test_refused},
	{"the log has changes and writes in order", test_changes},
	{"a callback ends a load", test_stopped_load},
	{"an object as it was at a revision", test_versions},
	{"any text comes back as it was", test_texts},
	{"3,000 writes at once, and a body of 6 MB", test_large},
	{"many changes, and what they amount to", test_many},
	{"two writers: one is stale, and follows", test_writers},
	{"a backup is restored into each store", test_backup},
	{"a backup needs a place, a restore an empty store", test_backup_refusals},
	{"a backup that was cut or altered is refused", test_backup_damaged},
	{"a backup of a newer version is refused", test_backup_newer},
	{"facts are found by prefix, and end", test_facts},
	{"what is no URL of a store is refused", test_urls},
};

int main(void)
{
	int failed, error;

	if (place_make())
		return 1;
	if (access(PLACE_ETCD, X_OK)) {
		printf("skip - the etcd store: there is no " PLACE_ETCD "\n");
	} else {
		error = place_etcd_start();
		if (error) {
			printf("not ok - etcd starts: %s\n", strerror(-error));
			place_remove();
			return 1;
		}
	}
	kind = "sqlite";
	failed = unit_run("store/sqlite", tests, ARRAY_LEN(tests));
	if (place_etcd_pid) {
		kind = "etcd";
		failed |= unit_run("store/etcd", tests, ARRAY_LEN(tests));
	}
	place_remove();
	return failed;
}
