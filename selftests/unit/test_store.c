/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What manager/store.h says, of both stores: the same tests over SQLite and over an etcd that is started here.
 */
#include "manager/store.h"

#include "lib/error.h"
#include "lib/time.h"
#include "selftests/unit/store_helpers.h"
#include "selftests/unit/unit.h"

#define BODY_LARGE 6000000
#define WRITES_MANY 3000
#define CHANGES_MANY 1100 /* past a snapshot of the etcd store */

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
	{"facts are found by prefix, and end", test_facts},
	{"what is no URL of a store is refused", test_urls},
};

int main(void)
{
	return kinds_run("store", tests, ARRAY_LEN(tests));
}
