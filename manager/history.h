/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was: the log of changes, earlier versions of handles, and backups. All of it is read from the store, in its thread.
 *
 *   GET  /v1/log?after=&limit=&key=&who=           who changed what, when and why
 *   GET  /v1/handles/ACCOUNT/NAME/versions         and /versions/N
 *   POST /v1/handles/ACCOUNT/NAME/versions/N/restore
 *   POST /v1/backup                                 the answer is the file
 */
#ifndef OVNET_MANAGER_HISTORY_H
#define OVNET_MANAGER_HISTORY_H

struct http_request;

void history_log(struct http_request *request);
/* `name` and `version` are as the path has them; `version` NULL: all. */
void history_versions(struct http_request *request, const char *name, const char *version);
void history_restore(struct http_request *request, const char *name, const char *version);
void history_backup(struct http_request *request);

#endif /* OVNET_MANAGER_HISTORY_H */
