/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The types of rows: readers of values, each a schema_read_fn, and what they share. Only for config/schema*.c.
 */
#ifndef OVNET_CONFIG_SCHEMA_TYPE_H
#define OVNET_CONFIG_SCHEMA_TYPE_H

#include "config/schema.h"

#define SCHEMA_EXPECTED_MAX 240
#define SCHEMA_KNOWN_MAX 220 /* a list of what there is, in a message */
#define IFNAME_EXPECTED "an interface name of 1 to 15 characters without '/', ':', '%' or space"
#define SCHEMA_NEGOTIATED_EXPECTED "a vnet whose authorization is negotiated"

#define SCHEMA_TYPE(name)                                                                                              \
	int schema_read_##name(struct schema_reader *reader, const struct schema_row *row, const cJSON *value,         \
		const char *path, void *target)

/* schema_type.c */
SCHEMA_TYPE(number);
SCHEMA_TYPE(slot);     /* its default is settled later (check.c) */
SCHEMA_TYPE(port);     /* "any" sets the companion flag */
SCHEMA_TYPE(protocol); /* likewise */
SCHEMA_TYPE(word);     /* one of the row's words; stored is its index, plus `min` */
SCHEMA_TYPE(name);     /* of one part or two */
SCHEMA_TYPE(part);
SCHEMA_TYPE(instance);
SCHEMA_TYPE(file);     /* the name of one; it is not opened */
SCHEMA_TYPE(endpoint); /* its text */
SCHEMA_TYPE(interface);
SCHEMA_TYPE(uplinks);
SCHEMA_TYPE(address);
SCHEMA_TYPE(end); /* of a rule: "any" sets the companion flag */
SCHEMA_TYPE(mac);
SCHEMA_TYPE(locator);
SCHEMA_TYPE(key);
SCHEMA_TYPE(vnet);        /* its index */
SCHEMA_TYPE(signing_key); /* a file; not needed where a manager signs */
SCHEMA_TYPE(url);         /* of a manager */
SCHEMA_TYPE(manager);
SCHEMA_TYPE(object);
SCHEMA_TYPE(resolve);
SCHEMA_TYPE(list);

/* schema_policy.c */
SCHEMA_TYPE(hosts);
SCHEMA_TYPE(identity);
SCHEMA_TYPE(host); /* its index in "hosts" */
SCHEMA_TYPE(groups);
SCHEMA_TYPE(account);    /* its identifier */
SCHEMA_TYPE(membership); /* groups of a node: an array in place, and the companion count */
SCHEMA_TYPE(children);   /* groups in a group: an array of its own, and the companion count */
SCHEMA_TYPE(policies);
SCHEMA_TYPE(policy_id);
SCHEMA_TYPE(policy_vnet); /* its VNI; must be negotiated */
SCHEMA_TYPE(services);    /* an array of its own, and the companion count */
SCHEMA_TYPE(casts);       /* bits of enum policy_cast */

/* schema_handle.c */
SCHEMA_TYPE(handles);
SCHEMA_TYPE(
	entries); /* of a struct policy_handle: its items, and its addresses, made; `max` is of all handles together */

/* schema_selector.c */
SCHEMA_TYPE(selector); /* of a struct policy whose VNI was read */

/* Adds "expected ..., got ..." about the value. Returns -EINVAL. */
int schema_refuse(struct schema_reader *reader, const char *path, const char *expected, const cJSON *value);

/* Likewise when there is no memory. */
int schema_no_memory(struct schema_reader *reader, const char *path);

/* The text of a string, or NULL for any other value. */
const char *schema_text(const cJSON *value);

/* Where a row's value is, and what belongs to it. */
void *schema_place(void *target, const struct schema_row *row);
size_t *schema_count(void *target, const struct schema_row *row);

/* Adds to a list of words for a message; past its end it is cut, and shows that. */
void schema_known_add(char known[SCHEMA_KNOWN_MAX], const char *name);

/* Index of the vnet called `text` (NULL: none), or -1 after a finding about the value: `expected`, and what there is. */
long schema_vnet_find(struct schema_reader *reader, const char *text, const char *expected, const cJSON *value,
	const char *path);

/* The account called so; 0 after a finding. */
uint64_t schema_account(struct schema_reader *reader, const cJSON *value, const char *text, const char *path);

/* The group called so (NULL: none); 0 after a finding. */
uint64_t schema_group(struct schema_reader *reader, const cJSON *value, const char *text, const char *path);

/* The handle called so; 0 after a finding. */
uint64_t schema_handle(struct schema_reader *reader, const cJSON *value, const char *text, const char *path);

/* The number of the negotiated vnet called so. Returns 0, or -EINVAL after a finding. */
int schema_negotiated(struct schema_reader *reader, const cJSON *value, const char *text, const char *path,
	uint32_t *vni);

/* A finding of what ipv4_range_parse() returned; `expected` is for -EINVAL. */
int schema_refuse_range(struct schema_reader *reader, const char *path, int error, const char *expected,
	const cJSON *value);

/* Claims the names of a list's elements, whatever else is wrong with them. Returns 0, or non-zero after a finding. */
int schema_claim_names(struct schema_reader *reader, struct names *names, const cJSON *list, const char *path,
	const char *owners);

#endif /* OVNET_CONFIG_SCHEMA_TYPE_H */
