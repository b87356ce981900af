/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The replay window. See window.h.
 *
 * A ring of words, one more than the window needs: the word that the greatest counter is in is cleared when it is entered,
 * and with a spare one no bit of a counter that is still in the window goes with it. Nothing is ever shifted.
 */
#include "proto/window.h"

#include <string.h>

static uint64_t *word_of(struct window *window, uint64_t counter)
{
	return &window->words[counter / 64 % WINDOW_WORDS];
}

static uint64_t bit_of(uint64_t counter)
{
	return 1ull << counter % 64;
}

bool window_would_accept(const struct window *window, uint64_t counter)
{
	if (!window->any || counter > window->greatest)
		return true;
	if (window->greatest - counter >= WINDOW_SIZE)
		return false;
	return !(window->words[counter / 64 % WINDOW_WORDS] & bit_of(counter));
}

/* Empties the words between the greatest counter's and the new one's. */
static void advance(struct window *window, uint64_t counter)
{
	uint64_t words = counter / 64 - window->greatest / 64;

	if (words >= WINDOW_WORDS) {
		memset(window->words, 0, sizeof(window->words));
		return;
	}
	for (uint64_t i = 0; i < words; i++)
		*word_of(window, counter - i * 64) = 0;
}

bool window_accept(struct window *window, uint64_t counter)
{
	if (!window_would_accept(window, counter))
		return false;
	if (!window->any || counter > window->greatest) {
		advance(window, counter);
		window->greatest = counter;
		window->any = true;
	}
	*word_of(window, counter) |= bit_of(counter);
	return true;
}
