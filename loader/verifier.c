// SPDX-License-Identifier: BSD-2-Clause
/*
 * What libbpf has to say. It warns of what its callers handle and report themselves, so that is for debugging; but the
 * verifier's reasons for refusing a program are told by nobody else.
 */
#include "loader/verifier.h"

#include <stdarg.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "lib/error.h"
#include "lib/log.h"

/* The reason stands at the end, after what may be megabytes of states. */
#define VERIFIER_LINES 40

/* libbpf's callback has no context. */
static char *latest;

static int verifier_print(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char *text;
	int length;

	if (level == LIBBPF_DEBUG)
		return 0;
	length = vasprintf(&text, format, arguments);
	if (length < 0)
		return 0;
	if (strstr(text, "BEGIN PROG LOAD LOG")) {
		free(latest);
		latest = text;
	} else {
		text[strcspn(text, "\n")] = '\0';
		log_debug("%s", text);
		free(text);
	}
	return length;
}

void verifier_listen(void)
{
	libbpf_set_print(verifier_print);
}

void verifier_tell(void)
{
	char *begin, *line, *rest;
	int lines = 0;

	if (!latest)
		return;
	for (begin = latest + strlen(latest); begin > latest && lines <= VERIFIER_LINES; begin--)
		lines += begin[-1] == '\n';
	for (line = strtok_r(begin, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		log_error("loader verifier: %s", line);
	verifier_forget();
}

void verifier_forget(void)
{
	free(latest);
	latest = NULL;
}
