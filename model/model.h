/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The objects that people keep in a manager: which kinds there are, which fields each has, and what a field may hold. One
 * table (model/table.c), from which requests are validated, docs/api.yaml is written, and the command line and its manual
 * pages are made.
 *
 * Pure: no store, no socket, no clock. An object is a JSON object with the members "kind" and "name", those of its kind's
 * fields, and, where the manager speaks, "revision". What must hold between objects (that a name refers to something, that
 * an address is given once) is the manager's to check: manager/check.c.
 *
 * Names. A kind belongs to the installation (account, host), or its objects belong to accounts; then the name is
 * "ACCOUNT/NAME", and within an account's own objects the account may be left out. Each part is 1 to 31 letters, digits, '_',
 * '.' or '-', and not "." or "..". Stored and answered is always the whole name.
 *
 * Lists have each item once. A list of references that is empty is left out.
 */
#ifndef OVNET_MODEL_MODEL_H
#define OVNET_MODEL_MODEL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_PART_MAX 32                   /* of a name, with the terminator */
#define MODEL_NAME_MAX (2 * MODEL_PART_MAX) /* "ACCOUNT/NAME", with the terminator */
#define MODEL_KEY_MAX (MODEL_NAME_MAX + 16) /* "KIND/NAME", with the terminator */
#define MODEL_BODY_MAX (8u << 20) /* octets of an object's JSON: a handle of 100,000 prefixes and room to spare */
#define MODEL_FINDINGS_MAX 50     /* told of one request; the rest is counted */
#define MODEL_SYSTEM "system"     /* the account of those who run the installation */

/* In this order they are created, and in reverse they are deleted: what others refer to comes first. */
enum model_kind {
	MODEL_ACCOUNT,
	MODEL_TOKEN,
	MODEL_HOST,
	MODEL_VNET,
	MODEL_GROUP,
	MODEL_SECURITY_GROUP,
	MODEL_HANDLE,
	MODEL_NODE,
	MODEL_ADDRESS,
	MODEL_POLICY,
	MODEL_KINDS,
};

enum model_type {
	MODEL_PART,   /* a string: one part of a name */
	MODEL_TEXT,   /* a string of at most `max` octets without control characters */
	MODEL_NUMBER, /* min .. max, whole */
	MODEL_BOOL,
	MODEL_WORD,      /* a string: one of `words` */
	MODEL_WORDS,     /* a list of those, each once */
	MODEL_IPV4,      /* a string: a unicast address */
	MODEL_SUBNET,    /* a string: "10.0.0.0/16", zero beyond its length */
	MODEL_MAC,       /* a string: a unicast MAC */
	MODEL_LOCATOR,   /* a string: "PREFIX/64" or "/72" */
	MODEL_INTERFACE, /* a string: an interface's name */
	MODEL_KEY,       /* a string: a public key, 44 characters of base64 */
	MODEL_REF,       /* a string: the name of an object of the kind `to` */
	MODEL_REFS,      /* a list of those, each once, at most `max` */
	MODEL_SELECTOR, /* as in ovnet.json, names whole: "any", "node:A/N", "10.0.0.0/8", "group:A/G", "handle:A/H", ... */
	MODEL_SERVICES, /* a list, as in ovnet.json: "https", "tcp/80-89", "icmp/echo" */
	MODEL_ENTRIES,  /* of a handle: addresses, ranges, CIDRs, "group:A/G", "vnet:A/V", "handle:A/H"; each once */
	MODEL_MATCH, /* criteria of a group, of which all must fit: an object of "name" (a pattern with * for the part
			 * after the account), "vnet", "account" ("*": any; stored is the group's own when not given) */
};

struct model_field {
	const char *name;
	enum model_type type;
	const char *help; /* half a sentence, for help, manual and API */
	bool required;    /* when created */
	bool fixed;       /* cannot change afterwards */
	bool assigned;    /* by the manager: not taken from requests, but accepted when it is what is there already */
	bool secret;      /* stored, never printed: model_public() */
	const char *fallback;     /* what is stored when it is not given, as JSON; NULL: it is left out */
	long long min, max;       /* of a number, or of a list's length; max of a text's octets */
	const char *const *words; /* ends in NULL */
	enum model_kind to;       /* of what a reference names */
};

struct model_kind_row {
	const char *name;    /* "node": in keys, in the member "kind", on the command line */
	const char *plural;  /* "nodes": in the API's paths */
	const char *summary; /* half a sentence */
	bool of_account;     /* names are "ACCOUNT/NAME" */
	const struct model_field *fields;
	size_t field_count;
};

/* The table; index it by enum model_kind. */
extern const struct model_kind_row model_table[MODEL_KINDS];

/* The kind of this name or plural, or -1. */
int model_kind_of(const char *word);
const struct model_field *model_field_find(enum model_kind kind, const char *name);

/*
 * What is wrong with a request, as people are told: "policies[3].services[0]: expected ..., got ...". `path` is that of the
 * value within the request, "" for the whole.
 */
typedef void (*model_report_fn)(void *context, const char *path, const char *message);

/*
 * A whole name from what a user of `account` (NULL: none is implied) wrote. Returns 0, or -EINVAL with `message` filled
 * ("expected ..., got ..."); *out is then untouched.
 */
int model_name(enum model_kind kind, const char *account, const char *text, char out[MODEL_NAME_MAX],
	char message[200]);
/* The account that an object of that name belongs to: the part before '/', else MODEL_SYSTEM. */
void model_account(const char *name, char out[MODEL_PART_MAX]);
/* "node/acme/web1" */
void model_key(enum model_kind kind, const char *name, char out[MODEL_KEY_MAX]);
/* Takes a key apart. Returns 0 or -EINVAL. `name` points into the key. */
int model_key_parse(const char *key, enum model_kind *kind, const char **name);

/*
 * Reads an object: every member by its row, unknown and missing ones, every finding and not only the first. Its name becomes
 * whole as a user of `account` means it; the names within it as of the object's own account, whoever writes it. `path` is
 * where it stands in the request ("" or "objects[3]"). A member "revision" is accepted, and is the caller's to look at.
 *
 * `old` NULL: it is created; else it takes the place of *old, whose fixed and assigned fields must stay (they may be left
 * out, as may "kind" and "name"). Returns 0 and *out: canonical, that is "kind", "name", and then the fields in the order of the table, with their
 * fallbacks, normalized (addresses and ranges as they are printed, lists without repetitions in the order given); free it
 * with cJSON_Delete(). -EINVAL after a finding, -ENOMEM. Assigned fields are those of *old, or left out.
 */
int model_read(const cJSON *object, const char *account, const cJSON *old, const char *path, model_report_fn report,
	void *context, cJSON **out);

/*
 * A change of some fields: `patch` has those that change (null: back to the fallback) and is laid over *old; then all is
 * read as model_read() does. Returns likewise.
 */
int model_patch(const cJSON *patch, const char *account, const cJSON *old, const char *path, model_report_fn report,
	void *context, cJSON **out);

/* Everything that a canonical object refers to, by name or within selectors, entries and criteria. */
typedef void (*model_reference_fn)(void *context, enum model_kind to, const char *name, const char *path);
void model_references(const cJSON *object, model_reference_fn fn, void *context);

/*
 * Puts a value (owned from then on, and on failure) into a canonical object, where the table has that field: one that the manager
 * assigns, or an address or VNI that it picks; what was there goes. NULL takes it away. Returns 0; -ENOENT: no such field; -ENOMEM.
 */
int model_assign(cJSON *object, const char *field, cJSON *value);

/* A copy without secrets, for others to see; NULL: out of memory. */
cJSON *model_public(const cJSON *object);

/* True when both are the same canonical object, whatever their revisions are. */
bool model_equal(const cJSON *a, const cJSON *b);

#endif /* OVNET_MODEL_MODEL_H */
