/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Constants of programs that are in the kernel already: which locator they were loaded with.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/types.h>
#include <string.h>

#include "lib/error.h"
#include "loader/imprint.h"
#include "loader/loader.h"
#include "loader/pin.h"
#include "maps/constant.h"

#define CONSTANTS_MAX 4096 /* octets of a program's constants */
#define PROGRAM_MAPS_MAX 64

/* Where a variable is in a section of constants. Returns its offset, or -ENOENT. */
static int constant_offset(const struct btf *btf, uint32_t section_id, const char *name, size_t size)
{
	const struct btf_type *section = btf__type_by_id(btf, section_id);
	const struct btf_var_secinfo *variable;

	if (!section || !btf_is_datasec(section))
		return -ENOENT;
	variable = btf_var_secinfos(section);
	for (uint32_t i = 0; i < btf_vlen(section); i++, variable++) {
		const struct btf_type *type = btf__type_by_id(btf, variable->type);

		if (variable->size == size && strcmp(btf__name_by_offset(btf, type->name_off), name) == 0)
			return (int)variable->offset;
	}
	return -ENOENT;
}

/* Reads a variable from a map, if that holds constants and has it. */
static int constant_read(uint32_t map_id, const char *name, void *value, size_t size)
{
	struct bpf_map_info info = {0};
	uint32_t length = sizeof(info), zero = 0;
	char constants[CONSTANTS_MAX];
	scope_close int fd = bpf_map_get_fd_by_id(map_id);
	struct btf *btf;
	int offset;

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &length) || !strstr(info.name, ".rodata") || !info.btf_id ||
		info.value_size > sizeof(constants))
		return -ENOENT;
	btf = btf__load_from_kernel_by_id(info.btf_id);
	if (!btf)
		return -errno;
	offset = constant_offset(btf, info.btf_value_type_id, name, size);
	btf__free(btf);
	if (offset < 0 || (size_t)offset + size > info.value_size)
		return -ENOENT;
	if (bpf_map_lookup_elem(fd, &zero, constants))
		return -errno;
	memcpy(value, constants + offset, size);
	return 0;
}

int loader_pinned_locator(const char *instance, struct locator *out)
{
	uint32_t maps[PROGRAM_MAPS_MAX];
	struct bpf_prog_info info = {.nr_map_ids = ARRAY_LEN(maps), .map_ids = (uintptr_t)maps};
	uint32_t length = sizeof(info);
	scope_free char *imprint = NULL;
	char path[PIN_PATH_MAX];
	int error = pin_path(path, instance, PIN_PROGRAMS, "uplink_tc");
	scope_close int program = error ? error : bpf_obj_get(path);

	if (program < 0)
		return program;
	if (!imprint_read(instance, &imprint) && !imprint_locator(imprint, out))
		return 0;
	/* Of a loader that wrote none. */
	if (bpf_obj_get_info_by_fd(program, &info, &length))
		return -errno;
	for (uint32_t i = 0; i < info.nr_map_ids && i < ARRAY_LEN(maps); i++) {
		struct locator_config found;

		if (constant_read(maps[i], "ovnet_locator", &found, sizeof(found)))
			continue;
		memcpy(out->octet, found.octet, sizeof(out->octet));
		out->length = found.length;
		return 0;
	}
	return -ENOENT;
}
