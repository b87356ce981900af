/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Map `channel` from user space. The ring `questions` is read through libbpf's ring buffer.
 */
#include "maps/access.h"

#include <sys/mman.h>
#include <unistd.h>

struct channel_value *channel_map(int fd)
{
	void *channel = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return channel == MAP_FAILED ? NULL : channel;
}

void channel_unmap(struct channel_value *channel)
{
	if (channel)
		munmap(channel, (size_t)sysconf(_SC_PAGESIZE));
}
