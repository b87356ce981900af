/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints docs/api.yaml; `make docs` runs it. It is not installed.
 */
#include <stdio.h>

#include "model/api.h"

int main(void)
{
	model_openapi(stdout);
	return fflush(stdout) == 0 ? 0 : 1;
}
