/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ovnetctl: looks at ovnetd and gives it orders. The commands are in table.c.
 */
#include <signal.h>
#include <stdio.h>

#include "cli/command.h"

int main(int argc, char *argv[])
{
	/* Writing to a pipe that nobody reads is then an error like others, and ends the program quietly. */
	signal(SIGPIPE, SIG_IGN);
	return command_main(argc, argv, stdout, stderr);
}
