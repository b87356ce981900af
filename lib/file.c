/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading and writing of whole files. See file.h.
 */
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/error.h"

int file_read(const char *path, size_t most, char **out, size_t *out_length)
{
	scope_fclose FILE *file = fopen(path, "re");
	scope_free char *text = NULL;
	size_t length = 0, size = 0;

	if (!file)
		return -errno;
	for (;;) {
		size_t got;

		if (length + 1 >= size) {
			size_t larger = size ? size * 2 : 16384;
			char *grown;

			if (length >= most)
				return -EFBIG;
			grown = realloc(text, larger);
			if (!grown)
				return -ENOMEM;
			text = grown;
			size = larger;
		}
		errno = 0;
		got = fread(text + length, 1, size - length - 1, file);
		length += got;
		if (got == 0) {
			if (ferror(file))
				return errno ? -errno : -EIO;
			break;
		}
	}
	text[length] = '\0';
	*out = text;
	*out_length = length;
	text = NULL;
	return 0;
}

static int write_all(int fd, const char *from, size_t length)
{
	while (length) {
		ssize_t written = write(fd, from, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		from += written;
		length -= (size_t)written;
	}
	return 0;
}

/* The name is on the disk as well. */
static int sync_directory(const char *path)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 1;
	scope_close int fd = -1;

	memcpy(directory, slash ? path : ".", length);
	directory[length] = '\0';
	fd = open(length ? directory : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) ? -errno : 0;
}

int file_write(const char *path, const void *content, size_t length, mode_t mode)
{
	char beside[PATH_MAX];
	scope_close int fd = -1;
	int error = 0;

	if (snprintf(beside, sizeof(beside), "%s.new", path) >= (int)sizeof(beside))
		return -ENAMETOOLONG;
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	/* The mode as it is asked for, whatever the umask is. */
	if (fchmod(fd, mode))
		error = -errno;
	if (!error)
		error = write_all(fd, content, length);
	if (!error && (fsync(fd) || rename(beside, path)))
		error = -errno;
	if (error) {
		unlink(beside);
		return error;
	}
	return sync_directory(path);
}
