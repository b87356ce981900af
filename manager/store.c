/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stores: which one a URL means, and what holds for each. See store.h.
 */
#include "manager/store_internal.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manager/store_text.h"

static const struct store_ops *const stores[] = {&store_sqlite_ops, &store_etcd_ops};

int store_fail(int error, char message[STORE_MESSAGE_MAX], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, STORE_MESSAGE_MAX, format, arguments);
	va_end(arguments);
	return error;
}

int store_open(const char *url, struct store **out, char message[STORE_MESSAGE_MAX])
{
	if (sodium_init() < 0)
		return store_fail(-EIO, message, "libsodium cannot be used");
	for (size_t i = 0; i < ARRAY_LEN(stores); i++) {
		size_t length = strlen(stores[i]->scheme);

		if (strncmp(url, stores[i]->scheme, length) == 0)
			return stores[i]->open(url + length, out, message);
	}
	return store_fail(-EINVAL, message,
		"expected a store like \"sqlite:PATH\" or \"etcd:http://ADDRESS:2379\", got \"%s\"", url);
}

void store_close(struct store *store)
{
	if (store)
		store->ops->close(store);
}

int store_load(struct store *store, store_object_fn fn, void *context, uint64_t *revision)
{
	uint64_t loaded;
	int error = store->ops->load(store, fn, context, &loaded);

	if (error)
		return error;
	store->position = loaded;
	*revision = loaded;
	return 0;
}

static int write_compare(const void *a, const void *b)
{
	return strcmp((*(const struct store_write *const *)a)->key, (*(const struct store_write *const *)b)->key);
}

/* No key twice: a transaction has no order that could tell which of two writes holds. */
static int change_check_keys(const struct store_change *change)
{
	const struct store_write **sorted = calloc(change->count + 1, sizeof(*sorted));
	int error = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < change->count; i++)
		sorted[i] = &change->writes[i];
	qsort(sorted, change->count, sizeof(*sorted), write_compare);
	for (size_t i = 1; i < change->count && !error; i++)
		error = write_compare(&sorted[i - 1], &sorted[i]) ? 0 : -EINVAL;
	free(sorted);
	return error;
}

static int change_check(const struct store_change *change)
{
	if (!change->who || !change->why || !store_text_is_utf8(change->who) || !store_text_is_utf8(change->why))
		return -EINVAL;
	for (size_t i = 0; i < change->count; i++) {
		const struct store_write *write = &change->writes[i];

		if (!write->key || !*write->key || !store_text_is_utf8(write->key))
			return -EINVAL;
		if (write->body && !store_text_is_utf8(write->body))
			return -EINVAL;
	}
	return change_check_keys(change);
}

int store_commit(struct store *store, uint64_t base, uint64_t tag, struct store_change *change)
{
	struct store_change numbered = *change;
	int error;

	/* Who has not seen what this store handed out judges by what is no more. */
	if (base < store->position)
		return -ESTALE;
	error = base > store->position ? -EINVAL : change_check(change);
	if (error)
		return error;
	numbered.revision = base + 1;
	error = store->ops->commit(store, base, tag, &numbered);
	if (error)
		return error;
	store->position = change->revision = base + 1;
	return 0;
}

int store_follow(struct store *store, unsigned timeout_ms, store_change_fn fn, void *context)
{
	return store->ops->follow(store, timeout_ms, fn, context);
}

uint64_t store_followed_tag(const struct store *store)
{
	return store->tag;
}

bool store_is_shared(const struct store *store)
{
	return store->ops->shared;
}

int store_changes(struct store *store, uint64_t after, size_t limit, store_change_fn fn, void *context)
{
	return store->ops->changes(store, after, limit, fn, context);
}

int store_version(struct store *store, const char *key, uint64_t revision, char **body, uint64_t *written)
{
	return store->ops->version(store, key, revision, body, written);
}

int store_fact_set(struct store *store, const char *key, const char *text, unsigned lifetime_s)
{
	if (!*key || !store_text_is_utf8(key) || (text && !store_text_is_utf8(text)))
		return -EINVAL;
	return store->ops->fact_set(store, key, text, lifetime_s);
}

int store_facts(struct store *store, const char *prefix, store_object_fn fn, void *context)
{
	return store->ops->facts(store, prefix, fn, context);
}
