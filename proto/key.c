/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys in files. See key.h.
 *
 * Secrets pass through one buffer of text, which is wiped. libsodium's base64 takes the same time whatever the key is.
 */
#include "proto/key.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/error.h"

#define KEY_LINE_MAX 96 /* the longer word, a space, a key, a newline: 65 */
#define BASE64 sodium_base64_VARIANT_ORIGINAL

_Static_assert(sodium_base64_ENCODED_LEN(32, BASE64) <= KEY_TEXT_MAX, "a key's text fits");
_Static_assert(crypto_sign_SEEDBYTES == 32 && crypto_sign_SECRETKEYBYTES == 64 && crypto_box_SECRETKEYBYTES == 32,
	"key sizes are as in key.h");

static const char *const key_words[] = {[KEY_HOST] = "ovnet-host-key ", [KEY_AUTHORITY] = "ovnet-authority-key "};

int key_library(void)
{
	return sodium_init() < 0 ? -ENOSYS : 0;
}

void key_format(const uint8_t public_key[32], char text[KEY_TEXT_MAX])
{
	sodium_bin2base64(text, KEY_TEXT_MAX, public_key, 32, BASE64);
}

/* Exactly 32 octets in base64. */
static int decode(const char *text, size_t length, uint8_t out[32])
{
	uint8_t octets[32];
	size_t count;
	int result = -EINVAL;

	if (length == sodium_base64_ENCODED_LEN(32, BASE64) - 1 &&
		sodium_base642bin(octets, sizeof(octets), text, length, NULL, &count, NULL, BASE64) == 0 &&
		count == sizeof(octets)) {
		memcpy(out, octets, sizeof(octets));
		result = 0;
	}
	sodium_memzero(octets, sizeof(octets));
	return result;
}

int key_parse(const char *text, uint8_t public_key[32])
{
	return decode(text, strlen(text), public_key);
}

/* What a seed gives: 32 octets from which both halves of a key are made. */
static int expand(enum key_kind kind, const uint8_t seed[32], struct host_key *host, struct authority_key *authority)
{
	if (kind == KEY_HOST) {
		memcpy(host->secret, seed, 32);
		return crypto_scalarmult_base(host->public_key, seed) ? -EBADMSG : 0;
	}
	return crypto_sign_seed_keypair(authority->public_key, authority->secret, seed) ? -EBADMSG : 0;
}

static int write_all(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t wrote = write(fd, text, left);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return -errno;
		text += wrote;
		left -= (size_t)wrote;
	}
	return 0;
}

/* A name in a directory is on the disk only when the directory is. */
static int sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) + 1 : 0;
	scope_free char *directory = slash ? strndup(path, length) : strdup(".");
	scope_close int fd = -1;

	if (!directory)
		return -ENOMEM;
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		return -errno;
	return 0;
}

/* The name appears with the whole text under it, and never over something else. */
static int write_new(const char *path, const char *text)
{
	scope_free char *scratch = NULL;
	scope_close int fd = -1;
	int result;

	if (asprintf(&scratch, "%s.XXXXXX", path) < 0) {
		scratch = NULL; /* its content is undefined now */
		return -ENOMEM;
	}
	fd = mkostemp(scratch, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	result = write_all(fd, text);
	if (!result && (fchmod(fd, 0600) || fsync(fd) || link(scratch, path)))
		result = -errno;
	unlink(scratch);
	if (result)
		return result;
	result = sync_directory(path);
	if (result)
		unlink(path);
	return result;
}

int key_create(const char *path, enum key_kind kind, char public_text[KEY_TEXT_MAX])
{
	struct authority_key authority;
	struct host_key host;
	char line[KEY_LINE_MAX], secret[KEY_TEXT_MAX];
	uint8_t seed[32];
	int result;

	randombytes_buf(seed, sizeof(seed));
	result = expand(kind, seed, &host, &authority);
	if (!result) {
		sodium_bin2base64(secret, sizeof(secret), seed, sizeof(seed), BASE64);
		snprintf(line, sizeof(line), "%s%s\n", key_words[kind], secret);
		result = write_new(path, line);
	}
	if (!result)
		key_format(kind == KEY_HOST ? host.public_key : authority.public_key, public_text);
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(secret, sizeof(secret));
	sodium_memzero(line, sizeof(line));
	sodium_memzero(&host, sizeof(host));
	sodium_memzero(&authority, sizeof(authority));
	return result;
}

/* The file's text without its last newline. Returns its length or -errno. */
static ssize_t read_line(const char *path, char line[KEY_LINE_MAX])
{
	/* Not blocking, so that a pipe of that name is refused and not waited for. */
	scope_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	ssize_t length;

	if (fd < 0 || fstat(fd, &status))
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EBADMSG;
	if (status.st_mode & 077)
		return -EPERM;
	length = read(fd, line, KEY_LINE_MAX);
	if (length < 0)
		return -errno;
	if (length > 0 && line[length - 1] == '\n')
		length--;
	return length;
}

static int seed_of(const char *line, size_t length, enum key_kind *kind, uint8_t seed[32])
{
	for (size_t i = 0; i < ARRAY_LEN(key_words); i++) {
		size_t word = strlen(key_words[i]);

		if (length >= word && memcmp(line, key_words[i], word) == 0) {
			*kind = (enum key_kind)i;
			return decode(line + word, length - word, seed) ? -EBADMSG : 0;
		}
	}
	return -EBADMSG;
}

int key_read(const char *path, enum key_kind *kind, struct host_key *host, struct authority_key *authority)
{
	struct authority_key found_authority;
	struct host_key found_host;
	enum key_kind found;
	char line[KEY_LINE_MAX];
	uint8_t seed[32];
	ssize_t length = read_line(path, line);
	int result;

	result = length < 0 ? (int)length : seed_of(line, (size_t)length, &found, seed);
	if (!result && (found == KEY_HOST ? !host : !authority))
		result = -EBADMSG;
	if (!result)
		result = expand(found, seed, &found_host, &found_authority);
	if (!result) {
		if (found == KEY_HOST)
			*host = found_host;
		else
			*authority = found_authority;
		if (kind)
			*kind = found;
	}
	sodium_memzero(line, sizeof(line));
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(&found_host, sizeof(found_host));
	sodium_memzero(&found_authority, sizeof(found_authority));
	return result;
}
