/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the manager is: from options, the environment, the context file, or the usual socket; the first of these that says
 * it, alone. A token goes only to the place that it was given with.
 *
 *   -u URL             with --token-file or OVNET_TOKEN, --ca or OVNET_CA
 *   -c NAME            that context; --token-file and --ca instead of its own
 *   OVNET_URL          as -u
 *   the context in use; --token-file and --ca instead of its own
 *   unix:/run/ovnet-manager/manager.sock, if it is there
 *
 * The context file is $XDG_CONFIG_HOME/ovnet/context.json, or ~/.config/ovnet/context.json:
 *
 *   {"contexts": {"NAME": {"url": "...", "token": "...", "ca": "PATH"}}, "current": "NAME"}
 *
 * It has tokens in it: one that others than its owner may read is refused.
 */
#ifndef OVNET_CLI_PLACE_H
#define OVNET_CLI_PLACE_H

#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/http.h"

#define PLACE_SOCKET "/run/ovnet-manager/manager.sock"
#define PLACE_TOKEN_MAX 256

/* Returns CLI_OK and *out (http_place_clear()), or the status with the reason told to `err` (NULL: nobody). */
enum cli_status place_find(const char *const options[], FILE *err, struct http_place *out);

/* The first line of a file (path "-": standard input) as a token. NULL: told to `err`. The caller frees it. */
char *place_token(const char *path, FILE *err);

/* The file's path; the caller frees it. NULL: there is no home, or no memory. */
char *place_file(void);

/*
 * Reads the context file. Returns CLI_OK and *out (cJSON_Delete()), which has both members, also when there is no file;
 * CLI_FAILED with the reason told to `err` (may be NULL).
 */
enum cli_status place_read(FILE *err, cJSON **out);
/* Writes it in one step, readable by its owner only. */
enum cli_status place_write(const cJSON *contexts, FILE *err);

#endif /* OVNET_CLI_PLACE_H */
