/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log lines to standard error: "LEVEL subsystem object: cause". With JOURNAL_STREAM set, levels are the
 * journal's "<3>" prefixes and no time is printed; otherwise a UTC time stamp stands first.
 * The level that understands a failure logs it, once.
 */
#ifndef OVNET_LIB_LOG_H
#define OVNET_LIB_LOG_H

#include "lib/error.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_DEBUG };

/* Lines above `level` are left out; the default is LOG_LEVEL_NOTICE. */
void log_set_level(enum log_level level);
/* One line; a line break in it is written as a space, other control characters as '?'. */
void log_line(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif /* OVNET_LIB_LOG_H */
