/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names by identifier: a hash table with open addressing, at most half full. See names.h.
 */
#include "config/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

void names_free(struct names *names)
{
	free(names->slots);
	*names = (struct names){0};
}

/* The slot that has it, or the free one where it would be. There is a free one. */
static struct name *slot_of(const struct names *names, size_t scope, uint64_t id)
{
	/* Fibonacci hashing: numbers in a row and multiples of the size are spread as well. */
	uint64_t hash = (id + scope) * 0x9e3779b97f4a7c15ull;
	size_t i = (size_t)(hash >> 32) & (names->size - 1);

	while (names->slots[i].list && (names->slots[i].scope != scope || names->slots[i].id != id))
		i = (i + 1) & (names->size - 1);
	return &names->slots[i];
}

const struct name *names_find(const struct names *names, size_t scope, uint64_t id)
{
	const struct name *slot = names->size ? slot_of(names, scope, id) : NULL;

	return slot && slot->list ? slot : NULL;
}

const struct name *names_find_text(const struct names *names, size_t scope, const char *text)
{
	const struct name *found = names_find(names, scope, policy_id(text));

	return found && strcmp(found->text, text) == 0 ? found : NULL;
}

static int grow(struct names *names)
{
	struct names larger = {.size = names->size ? names->size * 2 : 64, .count = names->count};

	larger.slots = calloc(larger.size, sizeof(*larger.slots));
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < names->size; i++) {
		if (names->slots[i].list)
			*slot_of(&larger, names->slots[i].scope, names->slots[i].id) = names->slots[i];
	}
	free(names->slots);
	*names = larger;
	return 0;
}

int names_add(struct names *names, const struct name *name, const struct name **earlier)
{
	struct name *slot;

	if (names->count * 2 >= names->size && grow(names) != 0)
		return -ENOMEM;
	slot = slot_of(names, name->scope, name->id);
	if (slot->list) {
		if (earlier)
			*earlier = slot;
		return -EEXIST;
	}
	*slot = *name;
	names->count++;
	return 0;
}

int names_claim(struct names *names, const struct name *name, const char *owners, struct findings *findings,
	const char *path)
{
	const struct name *earlier;
	int error = names_add(names, name, &earlier);

	if (!error)
		return 0;
	if (error == -ENOMEM) {
		finding_add(findings, path, "out of memory");
	} else if (strcmp(earlier->text, name->text) != 0) {
		finding_add(findings, path,
			"expected a name with an identifier of its own, got '%.63s', which shares that of '%.63s'",
			name->text, earlier->text);
	} else if (owners) {
		finding_add(findings, path, "expected a name that no other %s has, got '%.63s' as in %s[%zu]", owners,
			name->text, earlier->list, earlier->index);
	} else {
		return 0;
	}
	return -EINVAL;
}
