/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arrays that grow at their end: { T *entries; size_t count, room; }.
 */
#ifndef OVNET_LIB_ARRAY_H
#define OVNET_LIB_ARRAY_H

#include <errno.h>
#include <stdlib.h>

/* Makes room for one entry more, of `size` octets. Returns 0, or -ENOMEM with everything as it was. */
static inline int array_make_room(void **entries, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 64;
	void *moved;

	if (count < *room)
		return 0;
	moved = reallocarray(*entries, more, size);
	if (!moved)
		return -ENOMEM;
	*entries = moved;
	*room = more;
	return 0;
}

/* array_add(list, entry): appends to a structure of the kind above. Returns 0 or -ENOMEM. */
#define array_add(list, entry)                                                                                         \
	({                                                                                                             \
		int array_error_ = array_make_room((void **)&(list)->entries, (list)->count, &(list)->room,            \
			sizeof(*(list)->entries));                                                                     \
                                                                                                                       \
		if (!array_error_)                                                                                     \
			(list)->entries[(list)->count++] = (entry);                                                    \
		array_error_;                                                                                          \
	})

#endif /* OVNET_LIB_ARRAY_H */
