/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Manual pages: ovnetctl(8) from prose with places for what the table of commands says, and a page for each kind of object that
 * is all made. `make docs` writes them, by cli/describe_main.c.
 */
#ifndef OVNET_CLI_MAN_H
#define OVNET_CLI_MAN_H

#include <stdio.h>

#include "model/model.h"

/*
 * Copies `in`, lines of mdoc(7). In the place of these are put
 *
 *   @command OBJECT [VERB]    the item that is about this command, as a heading of what follows
 *   @options                  items, one an option
 *   @objects                  items, one a kind of object, with its verbs and where its page is
 *
 * Returns 0, or -EINVAL after telling `err`: a command that there is not, or one that is nowhere said anything of.
 */
int man_commands(FILE *in, FILE *out, FILE *err);

/*
 * The page of a kind. From `in`, lines of mdoc(7), is taken what stands between "@KIND" and the next such line: examples. Returns
 * 0, or -EINVAL when there is nothing of that kind.
 */
int man_kind(enum model_kind kind, FILE *in, FILE *out, FILE *err);

#endif /* OVNET_CLI_MAN_H */
