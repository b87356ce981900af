/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may stand where the cursor is, for shells: `ovnetctl complete WORD... CURRENT`, which is not in help.
 */
#ifndef OVNET_CLI_COMPLETE_H
#define OVNET_CLI_COMPLETE_H

#include <stdio.h>

#define COMPLETE_WORD "complete"
#define COMPLETE_TIMEOUT_MS 800 /* for the manager: somebody has pressed a key, and waits */

/*
 * `words` are those before the cursor, without the program's name; the last one is what has been typed of the word that is asked
 * for. Writes whole words, a line each, that begin so; or ":" where the name of a file belongs. Never fails: where nothing is
 * known, nothing is written.
 */
void complete_words(int count, char *const words[], FILE *out);

#endif /* OVNET_CLI_COMPLETE_H */
