/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The etcd store when things go wrong: members that stop or are gone, compaction, writers that died, other versions, damage.
 */
#include "manager/store.h"

#include <errno.h>
#include <pthread.h>

#include "lib/error.h"
#include "lib/json.h"
#include "lib/time.h"
#include "manager/etcd_client.h"
#include "selftests/unit/store_helpers.h"
#include "selftests/unit/unit.h"

#define LATENCY_COUNT 50

static char url[256], prefix[64]; /* of the store under test */

static void url_next(void)
{
	snprintf(url, sizeof(url), "%s", url_new());
	snprintf(prefix, sizeof(prefix), "/test/%d/", kind_numbered);
}

/* ---- etcd itself ---- */

static struct etcd *etcd_at_hand(void)
{
	static struct etcd *etcd;
	char endpoint[64];

	snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%d", place_etcd_port);
	if (!etcd)
		CU_ASSERT_EQUAL_FATAL(etcd_open(endpoint, &etcd), 0);
	return etcd;
}

static void put(const char *name, const char *value)
{
	scope_txn struct etcd_txn txn = {};
	char key[256];
	bool succeeded = false;

	snprintf(key, sizeof(key), "%s%s", prefix, name);
	etcd_txn_put(&txn, key, value, strlen(value), 0);
	CU_ASSERT_EQUAL(etcd_txn_run(etcd_at_hand(), &txn, &succeeded, NULL), 0);
	CU_ASSERT(succeeded);
}

/* The keys below the prefix that begin with `name`; the last one is left in `last`. */
static size_t keys(const char *name, char last[256])
{
	scope_json cJSON *answer = NULL;
	char begin[256], end[256];
	const cJSON *kvs, *each;
	size_t count = 0;

	snprintf(begin, sizeof(begin), "%s%s", prefix, name);
	snprintf(end, sizeof(end), "%s", begin);
	end[strlen(end) - 1]++;
	CU_ASSERT_EQUAL_FATAL(etcd_get(etcd_at_hand(), &(struct etcd_range){.key = begin, .end = end}, &answer), 0);
	kvs = json_member(answer, "kvs");
	cJSON_ArrayForEach(each, kvs) {
		scope_kv struct etcd_kv kv = {};

		CU_ASSERT_EQUAL(etcd_kv_read(each, &kv), 0);
		snprintf(last, 256, "%s", kv.key + strlen(prefix));
		count++;
	}
	return count;
}

/* "data/G/": where the store is. */
static void generation(char out[256])
{
	char last[256] = "";

	CU_ASSERT(keys("data/", last) > 0);
	*(strchr(last + strlen("data/"), '/') + 1) = '\0';
	snprintf(out, 256, "%s", last);
}

static void compact(void)
{
	scope_text struct store_text text = {};
	scope_json cJSON *answer = NULL, *done = NULL;
	int error;

	CU_ASSERT_EQUAL_FATAL(etcd_get(etcd_at_hand(), &(struct etcd_range){.key = "x"}, &answer), 0);
	store_text_print(&text, "{\"revision\":\"%llu\",\"physical\":true}", (unsigned long long)etcd_revision(answer));
	error = etcd_post(etcd_at_hand(), "/v3/kv/compaction", text.data, text.length, &done);
	CU_ASSERT(error == 0 || error == -ERANGE); /* nothing new since the last time */
}

static void assert_refused(int error, const char *words)
{
	char message[STORE_MESSAGE_MAX] = "";
	struct store *store = NULL;
	int got = store_open(url, &store, message);

	if (got != error || !strstr(message, words))
		printf("\n    got %d \"%s\", wanted %d \"... %s ...\"\n", got, message, error, words);
	CU_ASSERT_EQUAL(got, error);
	CU_ASSERT_PTR_NULL(store);
	CU_ASSERT_PTR_NOT_NULL(strstr(message, words));
}

/* ---- following ---- */

struct committer {
	const char *url;
	uint64_t done_ns[LATENCY_COUNT]; /* when the commit returned */
	int error;
};

static void *commit_some(void *context)
{
	struct committer *committer = context;
	struct timespec pause = {.tv_nsec = 5000000};
	char message[STORE_MESSAGE_MAX];
	struct store *store;

	committer->error = store_open(committer->url, &store, message);
	if (committer->error)
		return NULL;
	for (uint64_t i = 0; i < LATENCY_COUNT && !committer->error; i++) {
		struct store_write write = {"a", "1"};
		struct store_change change = {.who = "w", .why = "", .writes = &write, .count = 1};

		committer->error = store_commit(store, i, i + 1, &change);
		committer->done_ns[i] = time_now_ns();
		nanosleep(&pause, NULL);
	}
	store_close(store);
	return NULL;
}

struct follower {
	uint64_t seen_ns[LATENCY_COUNT], count;
};

static int on_followed(void *context, const struct store_change *change)
{
	struct follower *follower = context;

	CU_ASSERT_EQUAL(change->revision, follower->count + 1);
	if (follower->count < LATENCY_COUNT)
		follower->seen_ns[follower->count++] = time_now_ns();
	return 0;
}

static int compare_u64(const void *a, const void *b)
{
	return *(const uint64_t *)a < *(const uint64_t *)b ? -1 : *(const uint64_t *)a > *(const uint64_t *)b;
}

static void test_latency(void)
{
	uint64_t bound = time_now_ns() + 20 * NSEC_PER_SEC, late[LATENCY_COUNT];
	struct committer committer = {.url = url};
	struct follower follower = {};
	struct store *store;
	pthread_t thread;

	url_next();
	store = open_at(url);
	CU_ASSERT_EQUAL(store_follow(store, 0, on_followed, &follower), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, commit_some, &committer), 0);
	while (follower.count < LATENCY_COUNT && time_now_ns() < bound)
		CU_ASSERT_EQUAL(store_follow(store, 1000, on_followed, &follower), 0);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(committer.error, 0);
	CU_ASSERT_EQUAL_FATAL(follower.count, LATENCY_COUNT);
	for (int i = 0; i < LATENCY_COUNT; i++)
		late[i] = follower.seen_ns[i] > committer.done_ns[i] ? follower.seen_ns[i] - committer.done_ns[i] : 0;
	qsort(late, LATENCY_COUNT, sizeof(late[0]), compare_u64);
	printf("\nfigure follow_median_ms_etcd %.1f\n", (double)late[LATENCY_COUNT / 2] / 1e6);
	CU_ASSERT(late[LATENCY_COUNT / 2] < 100 * NSEC_PER_MSEC);
	store_close(store);
}

/* What etcd forgets of its history is none of ours: the log stays. */
static void test_compaction(void)
{
	struct seen seen = {};
	struct store *a, *b;

	url_next();
	a = open_at(url);
	b = open_at(url);
	assert_follows(b, "");
	for (uint64_t i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(commit_one(a, i, "x", "1"), 0);
	compact();
	seen.store = b;
	CU_ASSERT_EQUAL(store_follow(b, 5000, on_change, &seen), 0);
	CU_ASSERT_EQUAL(seen.count, 5);
	compact();
	CU_ASSERT_EQUAL(commit_one(a, 5, "x", "2"), 0);
	seen = (struct seen){.store = b};
	CU_ASSERT_EQUAL(store_follow(b, 5000, on_change, &seen), 0);
	CU_ASSERT_EQUAL(seen.count, 1);
	store_close(a);
	store_close(b);
	compact();
	a = open_at(url);
	assert_loads(a, 6, "x=2@6 ");
	store_close(a);
}

/* ---- members that stop, or are gone ---- */

static void test_stopped(void)
{
	struct seen seen = {};
	struct store *store;
	int error;

	url_next();
	store = open_at(url);
	CU_ASSERT_EQUAL(commit_one(store, 0, "a", "1"), 0);
	kill(place_etcd_pid, SIGSTOP);
	error = commit_as(store, 1, 99, &(struct store_write){"a", "2"}, 1);
	kill(place_etcd_pid, SIGCONT);
	CU_ASSERT_EQUAL(error, -EINPROGRESS);
	/* It had been sent: mostly it is there in a moment, and its tag tells whose it is; or the member has dropped it. */
	seen.store = store;
	CU_ASSERT_EQUAL(store_follow(store, 2000, on_change, &seen), 0);
	UNIT_STRING_EQUAL(seen.text, seen.count ? "2/99/1 acme/deploy a test: a=2; " : "");
	error = commit_one(store, 1 + seen.count, "a", "3");
	if (error == -ESTALE && !seen.count) { /* it came later still */
		CU_ASSERT_EQUAL(store_follow(store, 0, on_change, &seen), 0);
		error = commit_one(store, 2, "a", "3");
	}
	CU_ASSERT_EQUAL(error, 0);
	store_close(store);
}

static void test_gone(void)
{
	char listed[300], message[STORE_MESSAGE_MAX] = "";
	struct store *store, *other = NULL;

	url_next();
	snprintf(listed, sizeof(listed), "etcd:http://127.0.0.1:%d,%s", place_free_port(), url + strlen("etcd:"));
	store = open_at(listed); /* the first one is not there */
	CU_ASSERT_EQUAL(commit_one(store, 0, "a", "1"), 0);
	place_etcd_stop();
	CU_ASSERT_EQUAL(commit_one(store, 1, "a", "2"), -EHOSTUNREACH);
	CU_ASSERT_EQUAL(store_open(listed, &other, message), -EHOSTUNREACH);
	CU_ASSERT_PTR_NOT_NULL(strstr(message, "no endpoint answers"));
	CU_ASSERT_EQUAL_FATAL(place_etcd_start(), 0);
	CU_ASSERT_EQUAL(commit_one(store, 1, "a", "3"), 0);
	assert_loads(store, 2, "a=3@2 ");
	store_close(store);
}

/* ---- what writers leave ---- */

/* Chunks of one that died before its change became true go with the next snapshot; those of changes stay. */
static void test_orphans(void)
{
	scope_free char *large = body_of(700000, 'o');
	char data[256], name[400], last[256];
	struct store *store;

	url_next();
	store = open_at(url);
	CU_ASSERT_EQUAL(commit_one(store, 0, "large", large), 0);
	generation(data);
	snprintf(name, sizeof(name), "%schunk/00000000000000000005-00000000deadbeef/000000", data);
	put(name, "of one that died");
	snprintf(name, sizeof(name), "%simage/00000000000000000004-00000000deadbeef/000000", data);
	put(name, "of one that died");
	snprintf(name, sizeof(name), "%schunk/00000000000000009999-00000000deadbeef/000000", data);
	put(name, "of one that may be alive");
	for (uint64_t i = 1; i < 1000; i++)
		CU_ASSERT_EQUAL(commit_one(store, i, "small", "1"), 0);
	snprintf(name, sizeof(name), "%schunk/", data);
	CU_ASSERT_EQUAL(keys(name, last), 3);
	snprintf(name, sizeof(name), "%simage/", data);
	CU_ASSERT_EQUAL(keys(name, last), 2);
	CU_ASSERT_EQUAL(strncmp(last + strlen(name), "00000000000000001000-", 21), 0);
	store_close(store);
	store = open_at(url);
	CU_ASSERT_EQUAL(tally_load(store).octets, 700001);
	assert_version(store, "large", 999, large, 1);
	store_close(store);
}

/* Who loses a race with a large change removes its chunks. */
static void test_loser(void)
{
	scope_free char *large = body_of(700000, 'o');
	char data[256], name[300], last[256];
	struct store *a, *b;

	url_next();
	a = open_at(url);
	b = open_at(url);
	CU_ASSERT_EQUAL(commit_one(a, 0, "x", "1"), 0);
	CU_ASSERT_EQUAL(commit_one(b, 0, "large", large), -ESTALE);
	generation(data);
	snprintf(name, sizeof(name), "%schunk/", data);
	CU_ASSERT_EQUAL(keys(name, last), 0);
	store_close(a);
	store_close(b);
}

/* ---- restores, versions, damage ---- */

/* Others have the empty store open while a backup is restored into it. */
static void test_restored_beneath(void)
{
	char path[128], message[STORE_MESSAGE_MAX], last[256];
	struct store *a, *b;
	uint64_t revision;

	url_next();
	snprintf(path, sizeof(path), "%s", path_new());
	a = open_at(url);
	three_changes(a);
	back_up(a, path, 3);
	store_close(a);
	url_next();
	put("data/0123456789abcdef/log/00000000000000000001", "of a restore that died");
	a = open_at(url);
	b = open_at(url);
	CU_ASSERT_EQUAL(store_restore(a, path, &revision, message), 0);
	CU_ASSERT_EQUAL(keys("data/", last), 3);
	CU_ASSERT_EQUAL(commit_one(b, 0, "late", "1"), -ESTALE);
	assert_follows(b, "1/11/0 acme/deploy a test: node/b={2} node/a={1}; "
			  "2/22/1 acme/deploy a test: vnet/z={3} node/a=-; "
			  "3/18446744073709551615/2 acme/deploy a test: node/b={4} gone=-; ");
	CU_ASSERT_EQUAL(commit_one(b, 3, "late", "1"), 0);
	assert_follows(a, "4/1003/3 acme/deploy a test: late=1; ");
	store_close(a);
	store_close(b);
}

static void test_versions(void)
{
	struct store *store;

	url_next();
	put("store", "{\"schema\":2,\"where\":\"elsewhere\"}");
	assert_refused(-ENOTSUP, "newer version");
	/* A newer version takes the store from one that is running. */
	url_next();
	store = open_at(url);
	CU_ASSERT_EQUAL(commit_one(store, 0, "a", "1"), 0);
	put("store", "{\"schema\":2,\"generation\":\"0123456789abcdef\"}");
	CU_ASSERT_EQUAL(commit_one(store, 1, "a", "2"), -ENOTSUP);
	store_close(store);
	/* Schema 0: a number, and no tags. */
	url_next();
	put("store", "0");
	put("data/first/log/00000000000000000001",
		"{\"change\":1,\"time_ms\":1764316800005,\"who\":\"old\",\"why\":\"\","
		"\"writes\":[[\"a\",\"{}\"]]}");
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

static void test_damaged(void)
{
	struct store *store;
	char data[256], name[400];
	struct seen seen = {};
	uint64_t revision = 12345;

	url_next();
	put("store", "what is this");
	assert_refused(-EUCLEAN, "restore a backup");
	url_next();
	store = open_at(url);
	CU_ASSERT_EQUAL(commit_one(store, 0, "a", "1"), 0);
	CU_ASSERT_EQUAL(commit_one(store, 1, "a", "2"), 0);
	generation(data);
	snprintf(name, sizeof(name), "%slog/00000000000000000002", data);
	put(name, "{\"change\":2,\"time_ms\":");
	CU_ASSERT_EQUAL(store_load(store, on_object, &seen, &revision), -EUCLEAN);
	CU_ASSERT_EQUAL(revision, 12345);
	/* Nor can a change be built on one that is not what was read. */
	CU_ASSERT_EQUAL(commit_one(store, 2, "a", "3"), -EUCLEAN);
	store_close(store);
}

static const struct unit_test tests[] = {
	{"others' changes are heard at once", test_latency},
	{"what etcd compacts away is not missed", test_compaction},
	{"a member that does not answer leaves a change in doubt, and its tag tells", test_stopped},
	{"endpoints are tried in turn; when none answers, that is told", test_gone},
	{"what writers that died left is removed", test_orphans},
	{"a large change that comes too late leaves nothing", test_loser},
	{"a restore reaches those who have the store open", test_restored_beneath},
	{"other schemas: newer is refused, 0 is migrated", test_versions},
	{"damage is told", test_damaged},
};

int main(void)
{
	int failed, error;

	if (access(PLACE_ETCD, X_OK)) {
		printf("skip - the etcd store: there is no " PLACE_ETCD "\n");
		return 0;
	}
	if (place_make())
		return 1;
	error = place_etcd_start();
	if (error)
		printf("not ok - etcd starts: %s\n", strerror(-error));
	kind = "etcd";
	failed = error || unit_run("store_etcd", tests, ARRAY_LEN(tests));
	place_remove();
	return failed;
}
