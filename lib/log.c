/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log lines to standard error. See log.h.
 *
 * A line is made whole and written by one call, so that lines of several processes do not mix. No files, no syslog: who
 * starts the program decides where standard error goes.
 */
#include "lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#define LINE_MAX_OCTETS 2048

static enum log_level most = LOG_LEVEL_NOTICE;

void log_set_level(enum log_level level)
{
	most = level;
}

/* What stands before the text: the journal's priority, or time and level. Returns its length. */
static size_t log_head(enum log_level level, char *line, size_t size)
{
	static const struct {
		const char *name;
		int priority; /* syslog(3)'s number */
	} levels[] = {
		[LOG_LEVEL_ERROR] = {"error", 3},
		[LOG_LEVEL_WARNING] = {"warning", 4},
		[LOG_LEVEL_NOTICE] = {"notice", 5},
		[LOG_LEVEL_DEBUG] = {"debug", 7},
	};
	char stamp[sizeof("2000-01-01T00:00:00Z")] = "";
	time_t now = time(NULL);
	struct tm utc;

	if (getenv("JOURNAL_STREAM"))
		return (size_t)snprintf(line, size, "<%d>", levels[level].priority);
	if (gmtime_r(&now, &utc))
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &utc);
	return (size_t)snprintf(line, size, "%s %s ", stamp, levels[level].name);
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[LINE_MAX_OCTETS];
	int saved = errno;
	size_t used;
	va_list arguments;
	int text;

	if (level > most)
		return;
	used = log_head(level, line, sizeof(line));

	va_start(arguments, format);
	errno = saved; /* for %m */
	text = vsnprintf(line + used, sizeof(line) - used, format, arguments);
	va_end(arguments);
	if (text > 0) {
		size_t end = used + (size_t)text;

		if (end > sizeof(line) - 1) { /* cut, and show it */
			end = sizeof(line) - 1;
			memcpy(line + end - 3, "...", 3);
		}
		/* Names and addresses of others are in the text: they may not forge lines or drive a terminal. */
		for (; used < end; used++) {
			unsigned char c = (unsigned char)line[used];

			if (c == '\n' || c == '\r')
				line[used] = ' ';
			else if (c < 0x20 || c == 0x7f)
				line[used] = '?';
		}
	}
	line[used++] = '\n';

	/* There is nobody to tell when standard error itself fails. */
	while (write(STDERR_FILENO, line, used) < 0 && errno == EINTR)
		continue;
	errno = saved;
}
