/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the two files of the SQLite store share: the connection and its tables.
 */
#ifndef OVNET_MANAGER_STORE_SQLITE_H
#define OVNET_MANAGER_STORE_SQLITE_H

#include <sqlite3.h>

#include "manager/store_internal.h"

/*
 * Opens the database at `path`, the only connection that it may have, and makes or migrates its tables. `check` false: the check
 * of every page is left out (it was made when this process began). Returns 0 and *out, or as store_open() with `message`.
 */
int sqlite_connect(const char *path, bool check, sqlite3 **out, char message[STORE_MESSAGE_MAX]);

/* What a failure of SQLite is to a caller: -ENOSPC, -EROFS, -EUCLEAN, -EBUSY, -EACCES, -ENOMEM, -EIO ... */
int sqlite_error(sqlite3 *db, int code);

#endif /* OVNET_MANAGER_STORE_SQLITE_H */
