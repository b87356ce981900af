/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What somebody may have meant by a word that is not known.
 */
#include <stdint.h>
#include <string.h>

#include "cli/command.h"

#define WORD_MAX 32 /* octets of a word for which a suggestion is sought */

/* Distance of two words: insertions, deletions, replacements, and swaps of neighbours. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	size_t a_length = strlen(a), b_length = strlen(b);

	if (a_length > WORD_MAX || b_length > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_length; j++)
		above[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t *free_row = before;

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);

			if (above[j] + 1 < best)
				best = above[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			row[j] = best;
		}
		before = above;
		above = row;
		row = free_row;
	}
	return above[b_length];
}

const char *command_suggest(const char *word, const char *const *candidates, size_t count)
{
	size_t length = strlen(word);
	size_t nearest = length / 3 + 1; /* a third of a word may be wrong */
	const char *found = NULL;

	for (size_t i = 0; i < count; i++) {
		size_t d = distance(word, candidates[i]);

		if (length > 0 && strncmp(word, candidates[i], length) == 0)
			d = 0;
		if (d < nearest) {
			nearest = d;
			found = candidates[i];
		}
	}
	return found;
}

/* "list, add or del" */
void command_candidates(const char *const *candidates, size_t count, FILE *err)
{
	for (size_t i = 0; i < count; i++)
		fprintf(err, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", candidates[i]);
	putc('\n', err);
}

void command_unknown(FILE *err, const char *what, const char *word, const char *const *candidates, size_t count)
{
	const char *suggestion = command_suggest(word, candidates, count);

	fprintf(err, "ovnetctl: unknown %s '%s'; ", what, word);
	if (suggestion) {
		fprintf(err, "did you mean '%s'?\n", suggestion);
		return;
	}
	fputs("expected ", err);
	command_candidates(candidates, count, err);
}
