/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What libbpf has to say, and the verifier through it.
 */
#ifndef OVNET_LOADER_VERIFIER_H
#define OVNET_LOADER_VERIFIER_H

/* From here on libbpf's warnings go to the log at debug level, and the verifier's latest log is kept. For the process.
 */
void verifier_listen(void);

/* Writes the end of the log that was kept, if any, to the error log, and forgets it. */
void verifier_tell(void);

/* Forgets it. */
void verifier_forget(void);

#endif /* OVNET_LOADER_VERIFIER_H */
