/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What commands that speak to the manager share: the place, the request, the report of what went wrong, and on a terminal a
 * line that says how long it takes.
 */
#ifndef OVNET_CLI_ASK_H
#define OVNET_CLI_ASK_H

#include "cli/command.h"
#include "cli/http.h"

#define ASK_LONG_MS 600000 /* for what may take long: thousands of objects, a backup */

struct ask {
	const struct command_context *context;
	struct http_place place;
	const char *doing; /* what the line says; NULL: "waiting" */
	unsigned long long started_ns, shown_ns;
	bool watched; /* there is somebody to see the line */
	bool shown;
};

/* Finds the manager. Returns CLI_OK, or the status with the reason told; ask_end() in either case. */
enum cli_status ask_begin(const struct command_context *context, struct ask *out);
void ask_end(struct ask *ask);

/*
 * Asks; what goes wrong, and what is refused, is told. Returns CLI_OK with *json (cJSON_Delete(); NULL: no body), or
 * CLI_FAILED. `json` may be NULL.
 */
enum cli_status ask_request(struct ask *ask, const struct http_ask *request, cJSON **json);

/* GET. The path is encoded already. */
enum cli_status ask_get(struct ask *ask, const char *path, cJSON **json);

/* A write: with --why and --dry-run as they were given. `if_match` 0: none; `body` NULL: none. */
enum cli_status ask_write(struct ask *ask, const char *method, const char *path, const cJSON *body, long long if_match,
	cJSON **json);

/*
 * "/v1/nodes/acme/web1". In a path the account is always there: where a name has none, the manager is asked whose it is that
 * asks. The caller frees it; NULL: told.
 */
char *ask_object_path(struct ask *ask, enum model_kind kind, const char *name);

/* The revision of an answer; 0 when it has none. */
long long ask_revision(const cJSON *json);

/* "out of memory", and CLI_FAILED */
enum cli_status ask_no_memory(const struct command_context *context);

/* Takes the line away, before something else is written. */
void ask_quiet(struct ask *ask);
/* Shows or renews it, after half a second. `detail` "": none. */
void ask_show(struct ask *ask, const char *detail);

/*
 * The argument "secret-file": whether there is room for it, asked beforehand; and the answer's "secret" put there, for its owner
 * only, with "secret_file" in its place. Return CLI_OK, also without that argument, or CLI_FAILED with the reason told.
 */
enum cli_status ask_check_secret_file(const struct command_context *context);
enum cli_status ask_keep_secret(const struct command_context *context, cJSON *answer);

#endif /* OVNET_CLI_ASK_H */
