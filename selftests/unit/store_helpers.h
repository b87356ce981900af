/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of stores share: stores to test, commits, and what is handed out as text that can be compared.
 */
#ifndef OVNET_SELFTESTS_STORE_HELPERS_H
#define OVNET_SELFTESTS_STORE_HELPERS_H

#include <stdarg.h>

#include "lib/error.h"
#include "manager/store.h"
#include "selftests/unit/store_place.h"
#include "selftests/unit/unit.h"

#define SEEN_MAX 4096

static const char *kind; /* "sqlite" or "etcd": which one is tested */
static int kind_numbered;

static inline const char *url_new_of(const char *of)
{
	static char url[256];

	if (strcmp(of, "sqlite") == 0)
		snprintf(url, sizeof(url), "sqlite:%s/%d.db", place_folder, ++kind_numbered);
	else
		snprintf(url, sizeof(url), "etcd:http://127.0.0.1:%d/test/%d/", place_etcd_port, ++kind_numbered);
	return url;
}

/* Another empty store of the kind under test. */
static inline const char *url_new(void)
{
	return url_new_of(kind);
}

static inline struct store *open_at(const char *url)
{
	char message[STORE_MESSAGE_MAX] = "";
	struct store *store = NULL;

	if (store_open(url, &store, message))
		printf("\n    %s: %s\n", url, message);
	CU_ASSERT_PTR_NOT_NULL_FATAL(store);
	return store;
}

static inline int commit_as(struct store *store, uint64_t base, uint64_t tag, const struct store_write *writes,
	size_t count)
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

static inline int commit_one(struct store *store, uint64_t base, const char *key, const char *body)
{
	return commit_as(store, base, 1000 + base, &(struct store_write){key, body}, 1);
}

/* What was handed out, as one line: "key=body@revision ". */
struct seen {
	struct store *store;
	char text[SEEN_MAX];
	size_t count, stop_at;
};

static inline void see(struct seen *seen, const char *format, ...) PRINTF_LIKE(2, 3);
static inline void see(struct seen *seen, const char *format, ...)
{
	size_t used = strlen(seen->text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(seen->text + used, sizeof(seen->text) - used, format, arguments);
	va_end(arguments);
}

static inline int on_object(void *context, const char *key, uint64_t revision, const char *body)
{
	struct seen *seen = context;

	see(seen, "%s=%s@%llu ", key, body, (unsigned long long)revision);
	return ++seen->count == seen->stop_at ? 77 : 0;
}

static inline int on_change(void *context, const struct store_change *change)
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

static inline void assert_loads(struct store *store, uint64_t revision, const char *objects)
{
	struct seen seen = {.store = store};
	uint64_t loaded = 12345;

	CU_ASSERT_EQUAL(store_load(store, on_object, &seen, &loaded), 0);
	CU_ASSERT_EQUAL(loaded, revision);
	UNIT_STRING_EQUAL(seen.text, objects);
}

static inline void assert_follows(struct store *store, const char *changes)
{
	struct seen seen = {.store = store};

	CU_ASSERT_EQUAL(store_follow(store, 0, on_change, &seen), 0);
	UNIT_STRING_EQUAL(seen.text, changes);
}

static inline void assert_version(struct store *store, const char *key, uint64_t revision, const char *body,
	uint64_t written)
{
	scope_free char *found = NULL;
	uint64_t at = 12345;

	CU_ASSERT_EQUAL(store_version(store, key, revision, &found, &at), 0);
	CU_ASSERT_EQUAL(at, written);
	UNIT_STRING_EQUAL(found ? found : "(none)", body ? body : "(none)");
}

static inline char *body_of(size_t length, char fill)
{
	char *body = malloc(length + 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(body);
	memset(body, fill, length);
	body[length] = '\0';
	return body;
}

/* Three changes that the tests after this one look at. */
static inline void three_changes(struct store *store)
{
	CU_ASSERT_EQUAL(commit_as(store, 0, 11, (struct store_write[]){{"node/b", "{2}"}, {"node/a", "{1}"}}, 2), 0);
	CU_ASSERT_EQUAL(commit_as(store, 1, 22, (struct store_write[]){{"vnet/z", "{3}"}, {"node/a", NULL}}, 2), 0);
	CU_ASSERT_EQUAL(commit_as(store, 2, UINT64_MAX, (struct store_write[]){{"node/b", "{4}"}, {"gone", NULL}}, 2),
		0);
}

struct tally {
	size_t count, octets;
	uint64_t last;
};

static inline int on_tally_object(void *context, const char *key, uint64_t revision, const char *body)
{
	struct tally *tally = context;

	(void)key;
	tally->count++;
	tally->octets += strlen(body);
	tally->last = revision;
	return 0;
}

static inline int on_tally_change(void *context, const struct store_change *change)
{
	struct tally *tally = context;

	tally->count += change->count;
	for (size_t i = 0; i < change->count; i++)
		tally->octets += strlen(change->writes[i].body);
	tally->last = change->revision;
	return 0;
}

static inline struct tally tally_load(struct store *store)
{
	struct tally tally = {};
	uint64_t revision;

	CU_ASSERT_EQUAL(store_load(store, on_tally_object, &tally, &revision), 0);
	tally.last = revision;
	return tally;
}

static inline const char *path_new(void)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%d.backup", place_folder, ++kind_numbered);
	return path;
}

static inline void back_up(struct store *store, const char *path, uint64_t revision)
{
	char message[STORE_MESSAGE_MAX] = "";
	uint64_t saved = 12345;

	CU_ASSERT_EQUAL(store_backup(store, path, &saved, message), 0);
	UNIT_STRING_EQUAL(message, "");
	CU_ASSERT_EQUAL(saved, revision);
}

static inline char *file_read(const char *path, size_t *length)
{
	scope_fclose FILE *file = fopen(path, "r");
	char *text = malloc(65536);

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	*length = fread(text, 1, 65536, file);
	return text;
}

static inline void file_write(const char *path, const char *text, size_t length)
{
	scope_fclose FILE *file = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL(fwrite(text, 1, length, file), length);
}

/* Runs the tests over each store. Returns the exit status. */
static inline int kinds_run(const char *suite, const struct unit_test *tests, size_t count)
{
	char name[64];
	int failed, error = 0;

	if (place_make())
		return 1;
	if (access(PLACE_ETCD, X_OK))
		printf("skip - the etcd store: there is no " PLACE_ETCD "\n");
	else
		error = place_etcd_start();
	if (error)
		printf("not ok - etcd starts: %s\n", strerror(-error));
	kind = "sqlite";
	snprintf(name, sizeof(name), "%s/sqlite", suite);
	failed = error || unit_run(name, tests, count);
	if (place_etcd_pid && !error) {
		kind = "etcd";
		snprintf(name, sizeof(name), "%s/etcd", suite);
		failed |= unit_run(name, tests, count);
	}
	place_remove();
	return failed;
}

#endif /* OVNET_SELFTESTS_STORE_HELPERS_H */
