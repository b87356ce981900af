/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Help, made from the table of commands.
 */
#ifndef OVNET_CLI_HELP_H
#define OVNET_CLI_HELP_H

#include "cli/command.h"

/* Help about everything, about an object, or about a command, as far as the line says. */
void help_print(const struct command_line *line, FILE *out);

void help_version(FILE *out);

/* "rule del vnet VNET from ADDRESS ... [protocol PROTOCOL]", without a line break. */
void help_synopsis(const struct command *command, FILE *out);

#endif /* OVNET_CLI_HELP_H */
