/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of a change: what its line (change.c), its judgement (judge_change.c), what is filled in (settle.c) and what must
 * hold (check.c) share.
 */
#ifndef OVNET_MANAGER_CHANGE_INTERNAL_H
#define OVNET_MANAGER_CHANGE_INTERNAL_H

#include "manager/change.h"
#include "manager/store.h"

struct change {
	TAILQ_ENTRY(change) links;
	struct changes *changes;
	struct change_request request;
	unsigned tries;
	uint64_t base, tag;
	uint64_t trial; /* of a dry run: its number, and how many agents were asked */
	size_t tried;
	struct store_write *writes;
	struct store_change stored;
	/* What is wrong with it. */
	unsigned status;
	const char *message;
	struct http_findings findings;
	cJSON *differences;
};

/*
 * Tries the change on the state, between state_begin() and state_undo(). Returns 0, -EINVAL (status, message and findings say why), or
 * -ENOMEM.
 */
int change_judge(struct manager *manager, struct change *change);

/* A finding; the first one's status is the answer's. */
void change_find(struct change *change, unsigned status, const char *path, const char *format, ...) PRINTF_LIKE(4, 5);

/*
 * Fills in what the manager assigns: numbers, addresses, versions. `before` NULL: it is made. Returns 0, -EINVAL after a finding,
 * or -ENOMEM.
 */
int change_settle(struct manager *manager, struct change *change, const struct object *before, const char *path,
	cJSON *body);

/* What must hold between objects, of everything that the steps touch. Findings. Returns 0 or -ENOMEM. */
int change_check(struct manager *manager, struct change *change);

#endif /* OVNET_MANAGER_CHANGE_INTERNAL_H */
