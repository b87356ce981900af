/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The manager's API as a table: one row a method and path. The manager's router goes by it, and docs/api.yaml is written from it.
 *
 * In a path, {plural} stands for each kind's, and {name} for an object's name: one segment, or two (ACCOUNT/NAME) where objects are of
 * accounts. Other words in braces are one segment.
 */
#ifndef OVNET_MODEL_API_H
#define OVNET_MODEL_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "model/model.h"

/* Who may ask. */
enum model_api_who {
	MODEL_API_ANYBODY, /* without a token */
	MODEL_API_USER,    /* with a token; what it may do is for the manager to say */
	MODEL_API_SYSTEM,  /* with a token of the account of those who run the installation */
	MODEL_API_JOINER,  /* with a token to join */
	MODEL_API_AGENT,   /* with the secret that a host got when it joined */
};

struct model_api_parameter {
	const char *id; /* in docs/api.yaml: two have one name */
	const char *name;
	const char *help;
	bool header;          /* else it is in the query */
	bool required;        /* only headers are */
	enum model_type type; /* MODEL_TEXT, MODEL_NUMBER, MODEL_BOOL */
	long long min, max;   /* of a number */
	const char *fallback; /* NULL: none */
};

struct model_api_row {
	const char *method;
	const char *path;
	const char *summary;
	enum model_api_who who;
	unsigned parameters; /* of enum model_api_parameter_bit */
	const char *body;    /* a schema of docs/api.yaml; NULL: none; {} stands for the kind's */
	const char *answer;  /* likewise; NULL: nothing */
	int status;          /* when all went well */
	const char *media;   /* of the answer; NULL: application/json */
	bool etag;           /* the answer has the object's revision as ETag */
};

/* Which parameters a row has; in the order of model_api_parameters. */
enum model_api_parameter_bit {
	MODEL_API_ACCOUNT = 1u << 0,
	MODEL_API_VNET = 1u << 1,
	MODEL_API_HOST = 1u << 2,
	MODEL_API_GROUP = 1u << 3,
	MODEL_API_NAME = 1u << 4,
	MODEL_API_LIMIT = 1u << 5,
	MODEL_API_AFTER = 1u << 6, /* a name */
	MODEL_API_SINCE = 1u << 7, /* a revision, called "after" too */
	MODEL_API_DRY_RUN = 1u << 8,
	MODEL_API_REVISION = 1u << 9,
	MODEL_API_TIMEOUT = 1u << 10,
	MODEL_API_IF_MATCH = 1u << 11,
	MODEL_API_IF_MATCH_MAYBE = 1u << 12, /* the same header, not required */
	MODEL_API_WHY = 1u << 13,
	MODEL_API_WHY_QUERY = 1u << 14,
	MODEL_API_SECURITY_GROUP = 1u << 15,
	MODEL_API_KEY = 1u << 16,
	MODEL_API_WHO = 1u << 17,
};

/* In the order of the bits. */
extern const struct model_api_parameter model_api_parameters[];
extern const size_t model_api_parameter_count;

/* Ends with a row whose method is NULL. */
extern const struct model_api_row model_api[];

/* What was found in a path. */
struct model_api_match {
	int kind; /* of {plural}; -1: the path has none */
	char name
		[MODEL_NAME_MAX]; /* of {name}, or {account}/{name}; "" without. Not looked at any closer: model_name() */
	const char *version;      /* where that of {version} begins in the path, up to the next '/' or the end; NULL */
};

/*
 * The row of a method and a path (decoded, without query). Returns 0 and *row; -ENOENT: no such path; -EPERM: it has other methods, of
 * which `allowed` then is the list, as in the header Allow.
 */
int model_api_find(const char *method, const char *path, const struct model_api_row **row,
	struct model_api_match *match, char allowed[64]);

/*
 * Whether the row has a parameter of that name in the query. `known` (may be NULL) is then the list of those that it has, for
 * messages.
 */
bool model_api_takes(const struct model_api_row *row, const char *name, char known[160]);

/*
 * Writes docs/api.yaml: OpenAPI 3.0. `frame` is model/schemas.yaml: what is in no table, and where what is in one goes.
 * Returns 0, or -EINVAL: the frame has not each place once.
 */
int model_openapi(FILE *frame, FILE *out);

#endif /* OVNET_MODEL_API_H */
