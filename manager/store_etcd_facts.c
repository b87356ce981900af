/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Facts in etcd: keys with a lease. See store.h.
 */
#include "manager/store_etcd.h"

#include <errno.h>
#include <string.h>

#include "lib/json.h"
#include "lib/time.h"

/* A lease for facts of this lifetime. Facts of a quarter of it share one, and so last up to a quarter longer. */
static int etcd_fact_lease(struct etcd_store *etcd, unsigned lifetime_s)
{
	uint64_t now_ns = time_now_ns(), id;
	int error;

	if (etcd->lease.lifetime_s == lifetime_s && now_ns < etcd->lease.until_ns)
		return 0;
	error = etcd_lease(etcd->etcd, lifetime_s + lifetime_s / 4, &id);
	if (error)
		return error;
	etcd->lease.id = id;
	etcd->lease.lifetime_s = lifetime_s;
	etcd->lease.until_ns = now_ns + lifetime_s * NSEC_PER_SEC / 4;
	return 0;
}

int etcd_fact_set(struct store *store, const char *key, const char *text, unsigned lifetime_s)
{
	struct etcd_store *etcd = (struct etcd_store *)store;
	int error = text && lifetime_s ? etcd_fact_lease(etcd, lifetime_s) : 0;
	scope_text struct store_text name = {};
	scope_txn struct etcd_txn txn = {};
	bool succeeded;

	store_text_print(&name, "%sfact/%s", etcd->prefix, key);
	if (error || name.failed)
		return error ? error : -ENOMEM;
	if (text)
		etcd_txn_put(&txn, name.data, text, strlen(text), lifetime_s ? etcd->lease.id : 0);
	else
		etcd_txn_delete(&txn, name.data, NULL);
	error = etcd_txn_run(etcd->etcd, &txn, &succeeded, NULL);
	if (error)
		etcd->lease.until_ns = 0; /* it may be what was refused */
	return error;
}

int etcd_facts(struct store *store, const char *prefix, store_object_fn fn, void *context)
{
	struct etcd_store *etcd = (struct etcd_store *)store;
	scope_text struct store_text begin = {}, end = {};
	scope_json cJSON *answer = NULL;
	size_t head = strlen(etcd->prefix) + strlen("fact/");
	const cJSON *each;
	int result;

	store_text_print(&begin, "%sfact/%s", etcd->prefix, prefix);
	store_text_print(&end, "%sfact/%s", etcd->prefix, prefix);
	if (begin.failed || end.failed)
		return -ENOMEM;
	end.data[end.length - 1]++;
	result = etcd_get(etcd->etcd, &(struct etcd_range){.key = begin.data, .end = end.data}, &answer);
	cJSON_ArrayForEach(each, json_member(answer, "kvs")) {
		scope_kv struct etcd_kv kv = {};

		if (!result)
			result = etcd_kv_read(each, &kv);
		if (!result)
			result = fn(context, kv.key + head, 0, kv.value);
	}
	return result;
}
