/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Map `control_keys` from user space; see maps/control.h.
 */
#include "maps/access.h"

#include <errno.h>

#include <bpf/bpf.h>

#include "maps/batch.h"

int control_key_set(int fd, uint32_t index, const struct control_key *value)
{
	return bpf_map_update_elem(fd, &index, value, BPF_ANY);
}

int control_host_set(int fd, const struct control_key *key)
{
	static const struct control_host full;
	int error = bpf_map_update_elem(fd, key, &full, BPF_NOEXIST);

	return error == -EEXIST ? 0 : error;
}

int control_host_del(int fd, const struct control_key *key)
{
	return bpf_map_delete_elem(fd, key);
}

static int forget(void *context, const void *key, const void *value)
{
	(void)value;
	bpf_map_delete_elem(*(const int *)context, key);
	return 0;
}

int control_host_clear(int fd)
{
	return batch_each(fd, sizeof(struct control_key), sizeof(struct control_host), forget, &fd);
}

int control_key_del(int fd, uint32_t index)
{
	return bpf_map_delete_elem(fd, &index);
}

int control_key_clear(int fd)
{
	return batch_each(fd, sizeof(uint32_t), sizeof(struct control_key), forget, &fd);
}
