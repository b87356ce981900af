/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the two stores and store.c agree on. Nobody else includes this.
 */
#ifndef OVNET_MANAGER_STORE_INTERNAL_H
#define OVNET_MANAGER_STORE_INTERNAL_H

#include "lib/error.h"
#include "manager/store.h"

/*
 * A store's own part. What store.c has checked holds: strings are UTF-8 and not NULL, no key is empty or written twice.
 */
struct store_ops {
	const char *scheme; /* "sqlite:": what a URL begins with */
	bool shared;
	/* `location` is what follows the scheme. The opened store's position is its latest revision. */
	int (*open)(const char *location, struct store **out, char message[STORE_MESSAGE_MAX]);
	void (*close)(struct store *store);
	int (*load)(struct store *store, store_object_fn fn, void *context, uint64_t *revision);
	int (*commit)(struct store *store, uint64_t base, uint64_t tag, struct store_change *change);
	/* Moves store->position past each change before it hands it out. */
	int (*follow)(struct store *store, unsigned timeout_ms, store_change_fn fn, void *context);
	int (*changes)(struct store *store, uint64_t after, size_t limit, store_change_fn fn, void *context);
	int (*version)(struct store *store, const char *key, uint64_t revision, char **body, uint64_t *written);
	/* Changes 1, 2, 3, ... into an empty store, seen by nobody before the end; the end is called also after a failure. */
	int (*restore_begin)(struct store *store);
	int (*restore_add)(struct store *store, const struct store_change *change, uint64_t tag);
	int (*restore_end)(struct store *store, bool keep, uint64_t revision);
	int (*fact_set)(struct store *store, const char *key, const char *text, unsigned lifetime_s);
	int (*facts)(struct store *store, const char *prefix, store_object_fn fn, void *context);
};

/* The head of each store's own structure. */
struct store {
	const struct store_ops *ops;
	uint64_t position; /* the latest revision that the caller knows of: follow goes on from there */
	uint64_t tag;      /* of the change that is being handed out */
};

extern const struct store_ops store_sqlite_ops, store_etcd_ops;

/* Fills `message`, cut where it is too long; returns `error`, for the caller to hand on. */
int store_fail(int error, char message[STORE_MESSAGE_MAX], const char *format, ...) PRINTF_LIKE(3, 4);

#endif /* OVNET_MANAGER_STORE_INTERNAL_H */
