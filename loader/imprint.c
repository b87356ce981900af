/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See imprint.h.
 */
#include "loader/imprint.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/error.h"
#include "loader/pin.h"

#define NAME "imprint"
#define SUCCESSOR "imprint.new"
#define IMPRINT_MAX (1u << 20)

int imprint_write(const char *instance, const char *text)
{
	char path[PIN_PATH_MAX], successor[PIN_PATH_MAX];
	uint32_t size = (uint32_t)strlen(text) + 1, zero = 0;
	scope_close int fd = -1;
	int error = pin_path(path, instance, PIN_MAPS, NAME);

	if (!error)
		error = pin_path(successor, instance, PIN_MAPS, SUCCESSOR);
	if (!error)
		error = pin_remove(successor);
	if (error)
		return error;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, NAME, sizeof(zero), size, 1, NULL);
	if (fd < 0)
		return fd;
	error = bpf_map_update_elem(fd, &zero, text, BPF_ANY);
	if (!error)
		error = bpf_obj_pin(fd, successor);
	if (!error && rename(successor, path))
		error = -errno;
	return error;
}

void imprint_remove(const char *instance)
{
	char path[PIN_PATH_MAX];

	if (!pin_path(path, instance, PIN_MAPS, NAME))
		pin_remove(path);
	if (!pin_path(path, instance, PIN_MAPS, SUCCESSOR))
		pin_remove(path);
}

int imprint_read(const char *instance, char **out)
{
	struct bpf_map_info info = {0};
	uint32_t length = sizeof(info), zero = 0;
	char path[PIN_PATH_MAX];
	int error = pin_path(path, instance, PIN_MAPS, NAME);
	scope_close int fd = error ? error : bpf_obj_get(path);
	scope_free char *text = NULL;

	if (fd < 0)
		return fd;
	error = bpf_obj_get_info_by_fd(fd, &info, &length);
	if (error)
		return error;
	if (info.type != BPF_MAP_TYPE_ARRAY || !info.value_size || info.value_size > IMPRINT_MAX)
		return -ENOENT;
	/* The kernel copies whole words. */
	text = calloc(1, info.value_size + sizeof(uint64_t));
	if (!text)
		return -ENOMEM;
	error = bpf_map_lookup_elem(fd, &zero, text);
	if (error)
		return error;
	*out = text;
	text = NULL;
	return 0;
}

/* What follows the words at the beginning of a line, or NULL. */
static const char *find_line(const char *text, const char *words)
{
	size_t length = strlen(words);

	while (*text && strncmp(text, words, length)) {
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return *text ? text + length : NULL;
}

int imprint_locator(const char *text, struct locator *out)
{
	const char *found = find_line(text, "locator\t");
	char prefix[ADDRESS_TEXT_MAX];

	if (!found || strcspn(found, "\n") >= sizeof(prefix))
		return -ENOENT;
	snprintf(prefix, sizeof(prefix), "%.*s", (int)strcspn(found, "\n"), found);
	return locator_parse(prefix, out) ? -ENOENT : 0;
}

int imprint_map(const char *text, const char *name, char **key, char **value)
{
	scope_free char *first = NULL;
	char words[64];
	const char *found;
	size_t length;

	snprintf(words, sizeof(words), "map\t%s\t", name);
	found = find_line(text, words);
	length = found ? strcspn(found, "\t\n") : 0;
	if (!found || found[length] != '\t')
		return -ENOENT;
	first = strndup(found, length);
	found += length + 1;
	*value = first ? strndup(found, strcspn(found, "\n")) : NULL;
	if (!*value)
		return -ENOMEM;
	*key = first;
	first = NULL;
	return 0;
}
