/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints docs/api.yaml, from the tables and model/schemas.yaml, which is its argument; `make docs` runs it. It is not installed.
 */
#include <stdio.h>

#include "model/api.h"

int main(int argc, char **argv)
{
	FILE *frame = argc == 2 ? fopen(argv[1], "re") : NULL;
	int error = -1;

	if (!frame) {
		fputs("usage: describe model/schemas.yaml\n", stderr);
		return 2;
	}
	error = model_openapi(frame, stdout);
	fclose(frame);
	return error == 0 && fflush(stdout) == 0 ? 0 : 1;
}
