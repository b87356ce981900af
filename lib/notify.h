/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Word to who started us (sd_notify(3)): "READY=1", "STOPPING=1", "STATUS=...".
 */
#ifndef OVNET_LIB_NOTIFY_H
#define OVNET_LIB_NOTIFY_H

/* To the socket of NOTIFY_SOCKET; without it nothing happens. What cannot be said is not said. */
void notify_say(const char *state);

#endif /* OVNET_LIB_NOTIFY_H */
