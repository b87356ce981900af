// SPDX-License-Identifier: BSD-2-Clause
/*
 * Pins: names and directories of one instance in bpffs. Its neighbours decide what is pinned, and when.
 */
#include "loader/pin.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <linux/magic.h>

#include "lib/error.h"
#include "lib/log.h"
#include "loader/loader.h"

#define BPFFS "/sys/fs/bpf"

static const char *const kinds[] = {PIN_MAPS, PIN_PROGRAMS, PIN_LINKS};

/* Interfaces may well have dots in their names (VLANs do). None has a percent sign: to the kernel that is a format. */
static int pin_escape(char *out, size_t size, const char *name)
{
	size_t used = 0;

	if (!*name || strpbrk(name, "/%"))
		return -EINVAL;
	for (; *name; name++) {
		used += (size_t)snprintf(out + used, size - used, *name == '.' ? "%%2e" : "%c", *name);
		if (used >= size)
			return -ENAMETOOLONG;
	}
	return 0;
}

static void pin_unescape(char *name)
{
	char *out = name;

	for (; *name; name++) {
		bool dot = !strncmp(name, "%2e", 3);

		*out++ = dot ? '.' : *name;
		name += dot ? 2 : 0;
	}
	*out = '\0';
}

int pin_path(char path[PIN_PATH_MAX], const char *instance, const char *kind, const char *name)
{
	char directory[PIN_PATH_MAX] = "", file[PIN_PATH_MAX] = "";
	int error = pin_escape(directory, sizeof(directory), instance);
	int length;

	if (!error && name)
		error = pin_escape(file, sizeof(file), name);
	if (error)
		return error;
	length = snprintf(path, PIN_PATH_MAX, LOADER_ROOT "/%s%s%s%s%s", directory, kind ? "/" : "", kind ? kind : "",
		name ? "/" : "", file);
	return length < PIN_PATH_MAX ? 0 : -ENAMETOOLONG;
}

int pin_mount(void)
{
	struct statfs fs;

	if (statfs(BPFFS, &fs)) {
		int error = -errno;

		log_error("loader %s: %s (is sysfs mounted, and does the kernel have BPF?)", BPFFS, strerror(errno));
		return error;
	}
	if (fs.f_type == BPF_FS_MAGIC)
		return 0;
	if (mount("bpf", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700")) {
		int error = -errno;

		log_error("loader %s: cannot mount bpffs: %s", BPFFS, strerror(errno));
		return error;
	}
	log_notice("loader %s: mounted bpffs; pins last as long as that mount", BPFFS);
	return 0;
}

static int pin_make_directory(const char *path)
{
	int error = mkdir(path, 0700) && errno != EEXIST ? -errno : 0;

	if (error)
		log_error("loader %s: cannot make the directory: %s", path, strerror(-error));
	return error;
}

int pin_make_directories(const char *instance)
{
	char path[PIN_PATH_MAX];
	int error = pin_make_directory(LOADER_ROOT);

	if (!error)
		error = pin_path(path, instance, NULL, NULL);
	if (!error)
		error = pin_make_directory(path);
	for (size_t i = 0; !error && i < ARRAY_LEN(kinds); i++) {
		error = pin_path(path, instance, kinds[i], NULL);
		if (!error)
			error = pin_make_directory(path);
	}
	return error;
}

void pin_remove_directories(const char *instance)
{
	char path[PIN_PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (!pin_path(path, instance, kinds[i], NULL))
			rmdir(path);
	if (!pin_path(path, instance, NULL, NULL))
		rmdir(path);
}

int pin_remove(const char *path)
{
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

static int pin_is_entry(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
}

int pin_each(const char *instance, const char *kind, int (*fn)(void *context, const char *path, const char *name),
	void *context)
{
	char directory[PIN_PATH_MAX];
	struct dirent **entries;
	int result = pin_path(directory, instance, kind, NULL);
	int count;

	if (result)
		return result;
	/* The whole list first, since fn may remove. */
	count = scandir(directory, &entries, pin_is_entry, alphasort);
	if (count < 0)
		return errno == ENOENT ? 0 : -errno;
	for (int i = 0; i < count; i++) {
		char path[sizeof(directory) + sizeof(entries[i]->d_name) + 1];
		int error;

		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		pin_unescape(entries[i]->d_name);
		error = fn(context, path, entries[i]->d_name);
		if (error)
			result = error;
		free(entries[i]);
	}
	free(entries);
	return result;
}
