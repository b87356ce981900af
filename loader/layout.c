// SPDX-License-Identifier: BSD-2-Clause
/*
 * Layout: whether a map in the kernel is what the programs of this build expect.
 *
 * Types are written out as text, one way only, and the texts are compared: that catches whatever the text shows, and
 * says itself what the difference is. Names of structures are left out, since what they are called moves no octet;
 * names of members are not, since what is called otherwise may mean something else.
 */
#include "loader/layout.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <bpf/bpf.h>

#include "lib/error.h"
#include "loader/imprint.h"

static void layout_type(FILE *out, const struct btf *btf, uint32_t id);

static void layout_int(FILE *out, const struct btf_type *type)
{
	uint8_t encoding = btf_int_encoding(type);

	fprintf(out, "%s%u",
		encoding & BTF_INT_BOOL     ? "bool"
		: encoding & BTF_INT_SIGNED ? "s"
					    : "u",
		btf_int_bits(type));
}

static void layout_members(FILE *out, const struct btf *btf, const struct btf_type *type)
{
	const struct btf_member *member = btf_members(type);

	fprintf(out, "%s of %u{", btf_is_union(type) ? "union" : "struct", type->size);
	for (uint32_t i = 0; i < btf_vlen(type); i++) {
		uint32_t bits = btf_member_bitfield_size(type, i);
		uint32_t at = btf_member_bit_offset(type, i);

		layout_type(out, btf, member[i].type);
		fprintf(out, " %s @%u", btf__name_by_offset(btf, member[i].name_off), at / 8);
		if (bits)
			fprintf(out, ".%u:%u", at % 8, bits);
		fputc(';', out);
	}
	fputc('}', out);
}

static void layout_enum(FILE *out, const struct btf *btf, const struct btf_type *type)
{
	const struct btf_enum *value = btf_enum(type);

	fprintf(out, "enum of %u{", type->size);
	for (uint32_t i = 0; i < btf_vlen(type); i++)
		fprintf(out, "%s=%d;", btf__name_by_offset(btf, value[i].name_off), value[i].val);
	fputc('}', out);
}

static void layout_enum64(FILE *out, const struct btf *btf, const struct btf_type *type)
{
	const struct btf_enum64 *value = btf_enum64(type);

	fprintf(out, "enum of %u{", type->size);
	for (uint32_t i = 0; i < btf_vlen(type); i++)
		fprintf(out, "%s=%lld;", btf__name_by_offset(btf, value[i].name_off),
			(long long)btf_enum64_value(&value[i]));
	fputc('}', out);
}

/* Ends, because a type can hold itself only through a pointer, and pointers are not followed. */
static void layout_type(FILE *out, const struct btf *btf, uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	while (type && (btf_is_mod(type) || btf_is_typedef(type)))
		type = btf__type_by_id(btf, type->type);
	if (!type || btf_is_void(type)) {
		fputs("nothing", out);
	} else if (btf_is_int(type)) {
		layout_int(out, type);
	} else if (btf_is_composite(type)) {
		layout_members(out, btf, type);
	} else if (btf_is_enum(type)) {
		layout_enum(out, btf, type);
	} else if (btf_is_enum64(type)) {
		layout_enum64(out, btf, type);
	} else if (btf_is_array(type)) {
		layout_type(out, btf, btf_array(type)->type);
		fprintf(out, "[%u]", btf_array(type)->nelems);
	} else {
		fprintf(out, "kind %u", btf_kind(type));
	}
}

static char *layout_text(const struct btf *btf, uint32_t id)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (btf)
		layout_type(out, btf, id);
	else
		fputs("nothing", out);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

/* Both texts from the beginning of the member in which they first differ, each to that member's end. */
static void layout_tell(const char *part, const char *pinned, const char *wanted, char *difference, size_t size)
{
	size_t at = 0;

	while (pinned[at] == wanted[at])
		at++;
	while (at > 0 && !strchr("{;", pinned[at - 1]))
		at--;
	snprintf(difference, size, "its %s has '%.*s' where this build has '%.*s'", part,
		(int)strcspn(pinned + at, "{;}"), pinned + at, (int)strcspn(wanted + at, "{;}"), wanted + at);
}

static int layout_compare_types(const char *part, const char *pinned_text, const struct btf *wanted, uint32_t wanted_id,
	char *difference, size_t size)
{
	scope_free char *wanted_text = layout_text(wanted, wanted_id);

	if (!wanted_text)
		return -ENOMEM;
	if (!strcmp(pinned_text, wanted_text))
		return 0;
	layout_tell(part, pinned_text, wanted_text, difference, size);
	return -EEXIST;
}

static int layout_compare_sizes(const struct bpf_map *wanted, const struct bpf_map_info *pinned, char *difference,
	size_t size)
{
	const struct {
		const char *name;
		uint32_t pinned, wanted;
	} rows[] = {
		{"type", pinned->type, bpf_map__type(wanted)},
		{"flags", pinned->map_flags, bpf_map__map_flags(wanted)},
		{"key size", pinned->key_size, bpf_map__key_size(wanted)},
		{"value size", pinned->value_size, bpf_map__value_size(wanted)},
		{"number of entries", pinned->max_entries, bpf_map__max_entries(wanted)},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].pinned == rows[i].wanted)
			continue;
		snprintf(difference, size, "its %s is %u where %u is wanted", rows[i].name, rows[i].pinned,
			rows[i].wanted);
		return -EEXIST;
	}
	return 0;
}

/* From the kernel, or, where that does not say, from the imprint. Returns 0 and texts to be freed, or -errno. */
static int layout_of_pinned(const struct bpf_map_info *info, const char *name, const char *imprint, char **key,
	char **value)
{
	struct btf *btf = info->btf_id ? btf__load_from_kernel_by_id(info->btf_id) : NULL;
	int error = info->btf_id && !btf ? -errno : 0;

	if (error == -EPERM && imprint && !imprint_map(imprint, name, key, value))
		return 0;
	if (error)
		return error;
	*key = layout_text(btf, info->btf_key_type_id);
	*value = layout_text(btf, info->btf_value_type_id);
	btf__free(btf);
	return *key && *value ? 0 : -ENOMEM;
}

int layout_write(FILE *out, const struct bpf_map *map, const struct btf *btf)
{
	scope_free char *key = layout_text(btf, bpf_map__btf_key_type_id(map));
	scope_free char *value = layout_text(btf, bpf_map__btf_value_type_id(map));

	if (!key || !value)
		return -ENOMEM;
	fprintf(out, "map\t%s\t%s\t%s\n", bpf_map__name(map), key, value);
	return 0;
}

int layout_compare(const struct bpf_map *wanted, const struct btf *btf, int fd, const char *imprint, char *difference,
	size_t size)
{
	struct bpf_map_info info = {0};
	scope_free char *key = NULL;
	scope_free char *value = NULL;
	uint32_t length = sizeof(info);
	int error = bpf_obj_get_info_by_fd(fd, &info, &length);

	if (error)
		return error;
	error = layout_compare_sizes(wanted, &info, difference, size);
	if (error)
		return error;
	error = layout_of_pinned(&info, bpf_map__name(wanted), imprint, &key, &value);
	if (!error)
		error = layout_compare_types("key", key, btf, bpf_map__btf_key_type_id(wanted), difference, size);
	if (!error)
		error = layout_compare_types("value", value, btf, bpf_map__btf_value_type_id(wanted), difference, size);
	return error;
}
