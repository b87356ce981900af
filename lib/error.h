/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clean-up by scope, and the little things that every file needs.
 */
#ifndef OVNET_LIB_ERROR_H
#define OVNET_LIB_ERROR_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

/* `scope_free char *p = NULL;` frees p when it goes out of scope; likewise a descriptor and a stream. */
#define scope_free __attribute__((cleanup(error_scope_free)))
#define scope_close __attribute__((cleanup(error_scope_close)))
#define scope_fclose __attribute__((cleanup(error_scope_fclose)))

static inline void error_scope_free(void *p)
{
	free(*(void **)p);
}

static inline void error_scope_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void error_scope_fclose(FILE **file)
{
	if (*file)
		fclose(*file);
}

#endif /* OVNET_LIB_ERROR_H */
