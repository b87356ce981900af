/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of ovnet.json: one row a key, the only place where that key is known (schema_table.c).
 *
 * Reads each value by its row into its place (schema.c), by the row's type (schema_type.h); leaves out what concerns more
 * than one value (check.h), but for names, which are looked up as they are read.
 */
#ifndef OVNET_CONFIG_SCHEMA_H
#define OVNET_CONFIG_SCHEMA_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/draft.h"
#include "config/finding.h"

#define SCHEMA_NO_VNET ((size_t)-1) /* in place of a vnet that was refused */
#define SCHEMA_NO_SLOT 0xff         /* a slot that was not given */

/* The objects of the file; each row belongs to one. */
enum schema_section {
	SCHEMA_TOP,      /* struct draft */
	SCHEMA_IDENTITY, /* struct config_identity; likewise below */
	SCHEMA_HOST,
	SCHEMA_VNET,
	SCHEMA_GROUP,  /* struct policy_group */
	SCHEMA_HANDLE, /* struct policy_handle */
	SCHEMA_NODE,
	SCHEMA_MAPPING,
	SCHEMA_RULE,
	SCHEMA_POLICY, /* struct policy */
	SCHEMA_LIMITS,
	SCHEMA_IDLE,
	SCHEMA_RESOLVE,
	SCHEMA_MANAGER,
	SCHEMA_DIRECTORY, /* the top of a file of its own (directory.h); struct draft */
};

struct schema_reader {
	struct findings *findings;
	const struct config *config; /* in which vnets are looked up */
	struct draft *draft;         /* of which `config` is part; NULL: one of SCHEMA_RULE is read by itself */
	bool by_default;             /* the value read now is the row's own */
	bool directory; /* vnets and groups that `config` does not have may be named: they concern other hosts */
};

struct schema_row;

/*
 * Reads one value into the section's struct `target`. NULL: a required one is missing. Returns 0, or -EINVAL after a
 * finding; the value's place is then zero, or the SCHEMA_NO_ of its kind.
 */
typedef int (*schema_read_fn)(struct schema_reader *reader, const struct schema_row *row, const cJSON *value,
	const char *path, void *target);

struct schema_row {
	enum schema_section section;
	const char *name;
	schema_read_fn read;  /* the type */
	const char *expected; /* what messages say a value must be; NULL for a number: its range says that */
	const char *unit;     /* of a number, or NULL */
	const char *fallback; /* the default as one would write it, without quotes; NULL: required, or an empty list */
	bool required;
	bool whole;               /* a list: an element with a finding is left out of later checks (all zeros) */
	long long min, max;       /* of a number, or of a list's length; min of a word: what the first one stands for */
	const char *at_most;      /* a number: the row above that bounds it too; lowers the default */
	const char *const *words; /* those allowed; stored is their index, plus `min` */
	enum schema_section child; /* of an object or a list */
	size_t offset, size;       /* of the value's place; of a list: of the pointer, and the size of an element */
	size_t companion;          /* offset of what belongs to it: a list's count, the flag that says "any" */
};

/* The table and its length; and one row of it, or NULL. */
const struct schema_row *schema_rows(size_t *count);
const struct schema_row *schema_row_find(enum schema_section section, const char *name);

/*
 * Reads an object by the rows of its section: every member, every default, and what is unknown or missing.
 * Returns 0, or -EINVAL when there was a finding.
 */
int schema_read(struct schema_reader *reader, enum schema_section section, const cJSON *object, const char *path,
	void *target);

#endif /* OVNET_CONFIG_SCHEMA_H */
