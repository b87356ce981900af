/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints a manual page; `make docs` runs it. It is not installed.
 *
 *   describe-cli ovnetctl <docs/man/ovnetctl.8.in         ovnetctl(8)
 *   describe-cli KIND <docs/man/objects.in                ovnetctl-KIND(8)
 *   describe-cli kinds                                    the kinds, a line each
 */
#include <stdio.h>
#include <string.h>

#include "cli/man.h"

int main(int argc, char *argv[])
{
	const char *what = argc == 2 ? argv[1] : "";
	int kind = model_kind_of(what), error = 0;

	if (strcmp(what, "kinds") == 0) {
		for (int i = 0; i < MODEL_KINDS; i++)
			puts(model_table[i].name);
	} else if (strcmp(what, "ovnetctl") == 0) {
		error = man_commands(stdin, stdout, stderr);
	} else if (kind >= 0) {
		error = man_kind((enum model_kind)kind, stdin, stdout, stderr);
	} else {
		fputs("usage: describe-cli ovnetctl | KIND | kinds\n", stderr);
		return 2;
	}
	return error || fflush(stdout) != 0;
}
