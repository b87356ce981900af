/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values as text, for output.c.
 */
#ifndef OVNET_CLI_CELL_H
#define OVNET_CLI_CELL_H

#include "cli/output.h"

/* The member that a path like "topology.rack" leads to; "" is the object itself. NULL when it is not there. */
const cJSON *cell_find(const cJSON *object, const char *path);

/* A value as it is; lists with commas, as they are written on the command line. The caller frees it. NULL: out of memory. */
char *cell_value(const cJSON *value);

/* What stands in a cell; the caller frees it. NULL: out of memory. */
char *cell_print(const cJSON *object, const struct output_column *column);

#endif /* OVNET_CLI_CELL_H */
