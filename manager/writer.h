/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store's threads: what waits for a disk or a network is done here, in order, and its end is told in the loop. Where other
 * managers write to the same store, a second thread follows what they wrote.
 */
#ifndef OVNET_MANAGER_WRITER_H
#define OVNET_MANAGER_WRITER_H

#include "manager/manager.h"
#include "manager/store.h"

/*
 * Opens the store of the options and fills the state with it. Returns 0 or -errno (logged).
 */
int writer_open(struct manager *manager);
/* Waits for what is under way; what only waits for its turn is told -ECANCELED. */
void writer_close(struct manager *manager);

/*
 * In the thread, with the store: `run`; then, in the loop, `done` with its result. Returns 0 or -ENOMEM. Everything that `argument`
 * has is the job's until `done`.
 */
int writer_run(struct manager *manager, int (*run)(struct store *store, void *argument),
	void (*done)(void *argument, int result), void *argument);

bool writer_is_shared(const struct manager *manager);

#endif /* OVNET_MANAGER_WRITER_H */
