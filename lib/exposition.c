/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See exposition.h.
 */
#include "lib/exposition.h"

/* Within quotes a quote is escaped too; in a help text it is not. */
static void write_escaped(FILE *out, const char *text, int quoted)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '\\' || (quoted && *text == '"'))
			fprintf(out, "\\%c", *text);
		else
			putc(*text, out);
	}
}

void exposition_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s ", name);
	write_escaped(out, help, 0);
	fprintf(out, "\n# TYPE %s %s\n", name, type);
}

void exposition_series(FILE *out, const char *name, const char *suffix, const struct exposition_label *labels,
	size_t count, uint64_t value)
{
	fprintf(out, "%s%s", name, suffix);
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "%c%s=\"", i ? ',' : '{', labels[i].name);
		write_escaped(out, labels[i].value, 1);
		putc('"', out);
	}
	/* Whole: what counts packets may pass 2^53, beyond which a double would stand still. */
	fprintf(out, "%s %llu\n", count ? "}" : "", (unsigned long long)value);
}

void exposition_one(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
	exposition_head(out, name, type, help);
	exposition_series(out, name, "", NULL, 0, value);
}

void exposition_seconds(FILE *out, const char *name, const char *help, double value)
{
	exposition_head(out, name, "gauge", help);
	fprintf(out, "%s %.3f\n", name, value);
}
