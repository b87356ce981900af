/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a manager keeps what is to hold: objects by key, each transaction under one revision, and the log of who changed
 * what, when and why. One interface, two implementations (store_sqlite.c, store_etcd.c), one conformance test.
 *
 * A store knows nothing of what the objects mean. Its revision counts transactions: 1, 2, 3, ... without a gap. A transaction
 * names the revision that its writer has seen and judged by; if another has come meanwhile it is refused (-ESTALE), so what a
 * writer checked is still so when it is written, whoever else writes.
 *
 * Calls may wait for a disk or a network: a manager calls store_commit() and store_follow() from a thread of its own
 * (manager/writer.c). A store may be used by one thread at a time.
 */
#ifndef OVNET_MANAGER_STORE_H
#define OVNET_MANAGER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_SCHEMA 1 /* of what is stored; an older one is migrated when opened, a newer one is refused */
#define STORE_MESSAGE_MAX 300

struct store_write {
	const char *key;  /* "node/acme/web1" */
	const char *body; /* JSON text; NULL: the object is deleted */
};

/* A transaction. Strings are UTF-8, and the caller's during a call; no key is empty, or there twice. */
struct store_change {
	uint64_t revision; /* set by the store where it hands one out */
	uint64_t time_ms;  /* since 1970, UTC */
	const char *who;   /* "acme/deploy": the token */
	const char *why;   /* "" when not given */
	const struct store_write *writes;
	size_t count;
};

struct store;

/*
 * Opens "sqlite:PATH" (made if it is not there) or "etcd:URL[,URL...][/PREFIX]" (URLs of client endpoints, tried in turn; PREFIX of
 * all keys, default "/ovnet/"). Returns 0; -EINVAL: not such a URL; -EBUSY: another process has it (SQLite); -ENOTSUP: made by a newer
 * version; -EUCLEAN: damaged (never mended by guessing: `message` says what to do); -ENOENT: no such folder; -EROFS, -ENOSPC, -EACCES, -EIO, -ENOMEM;
 * -EHOSTUNREACH: no endpoint answers. `message` has one sentence for people on any failure.
 *
 * An SQLite database is locked while it is open, against everybody, sqlite3(1) too; and checked page by page before. With etcd
 * calls take up to 5 s when nobody answers.
 */
int store_open(const char *url, struct store **out, char message[STORE_MESSAGE_MAX]);
void store_close(struct store *store);

typedef int (*store_object_fn)(void *context, const char *key, uint64_t revision, const char *body);
typedef int (*store_change_fn)(void *context, const struct store_change *change);

/*
 * Every object as of one revision, in order of keys, with the revision that it was last written under; *revision is that of the
 * whole (0: empty). Order is that of octets. Afterwards store_follow() goes on from there. A callback's nonzero result ends the walk and is returned.
 */
int store_load(struct store *store, store_object_fn fn, void *context, uint64_t *revision);

/*
 * Writes all of it or nothing, and returns when it cannot be lost any more: 0 and change->revision = base + 1. -ESTALE: the
 * store is further than `base`: follow, judge again, try again. -EROFS, -ENOSPC, -EIO, -EHOSTUNREACH: not written. -EINPROGRESS:
 * it may or may not have been (the network broke in between, or a disk failed to sync): follow, and look whether revision base + 1 is
 * this change (`tag` tells). If it is not, try again: should the first one still arrive, one of the two is refused.
 * `tag` is a random number of the caller's, stored with the change. -EINVAL: strings that are not as above, or a base that this
 * store has not handed out. -ENOTSUP: a newer version has taken the store over; -EUCLEAN: it is not the one that was read.
 */
int store_commit(struct store *store, uint64_t base, uint64_t tag, struct store_change *change);

/*
 * Changes since the last load, commit or follow, those of other writers included, in order; own commits are not handed out.
 * Waits up to `timeout_ms` for the first one (SQLite has none of others, and returns at once); 0: hands out what is there now.
 * A change of one's own that was in doubt is among them. `tags` of the changes are told by store_followed_tag() within the callback,
 * that of store_changes() too. Returns 0 or -errno as above, or a callback's nonzero result: the change that it was called
 * with counts as handed out.
 */
int store_follow(struct store *store, unsigned timeout_ms, store_change_fn fn, void *context);
uint64_t store_followed_tag(const struct store *store);

/* Whether others may write to it too: then store_follow() is to be called all the time. */
bool store_is_shared(const struct store *store);

/* The log, in order, from the revision after `after` on, at most `limit` changes; writes have keys, and bodies as written. */
int store_changes(struct store *store, uint64_t after, size_t limit, store_change_fn fn, void *context);

/*
 * One object as it was at `revision` (its latest write up to there). Returns 0 and *body (to be freed; NULL: it was not there), and
 * *written: the revision of that write, or of its deletion; 0: never. In etcd the log is read backwards until it is found.
 */
int store_version(struct store *store, const char *key, uint64_t revision, char **body, uint64_t *written);

/*
 * A copy of everything as of one revision, as one file that store_restore() reads whatever store it came from: a line of JSON
 * {"ovnet_backup":1,"schema":N,"revision":R}, then one per change and object, and a last line with a digest of all before. Others
 * go on writing meanwhile; this thread does not. Objects are held in memory. Mode 0600. Nothing is left at `path` on failure; what was there is replaced at once.
 */
int store_backup(struct store *store, const char *path, uint64_t *revision, char message[STORE_MESSAGE_MAX]);
/* Into a store that is empty; all or nothing. -ENOTEMPTY; -EUCLEAN: the file is cut or altered. */
int store_restore(struct store *store, const char *path, uint64_t *revision, char message[STORE_MESSAGE_MAX]);

/*
 * Small facts that are not objects and need no history (what each agent has applied): shared by managers, lost without harm.
 * With a lifetime they go by themselves, up to a quarter of it later; 0: they stay. SQLite keeps them in memory. `text` NULL: the
 * fact is removed. store_facts() hands out those whose keys begin with `prefix`, in order of keys, with revision 0.
 */
int store_fact_set(struct store *store, const char *key, const char *text, unsigned lifetime_s);
int store_facts(struct store *store, const char *prefix, store_object_fn fn, void *context);

#endif /* OVNET_MANAGER_STORE_H */
