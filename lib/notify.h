/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Word to who started us (sd_notify(3)): "READY=1", "STOPPING=1", "STATUS=...".
 * Watching is lib/watchdog.h.
 */
#ifndef OVNET_LIB_NOTIFY_H
#define OVNET_LIB_NOTIFY_H

/* To the socket of NOTIFY_SOCKET; without it nothing happens. What cannot be said at once is not said: nothing waits. */
void notify_say(const char *state);
/* A reload begins; READY=1 ends it. */
void notify_reloading(void);

#endif /* OVNET_LIB_NOTIFY_H */
