/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Key files: what is made is read again, nobody else may read it, nothing is written over, nothing is left behind.
 */
#include "selftests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/error.h"
#include "proto/key.h"

static char directory[] = "/tmp/ovnet-key-XXXXXX";

static const char *in_directory(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void put(const char *path, const char *text, size_t length, mode_t mode)
{
	scope_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(write(fd, text, length), (ssize_t)length);
	CU_ASSERT_EQUAL_FATAL(fchmod(fd, mode), 0);
}

static size_t files(void)
{
	DIR *dir = opendir(directory);
	size_t count = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2; /* . and .. */
}

static void host_round_trip(void)
{
	const char *path = in_directory("host");
	struct authority_key authority = {.public_key = {1}}, untouched = authority;
	char text[KEY_TEXT_MAX], again[KEY_TEXT_MAX];
	struct host_key host = {0};
	enum key_kind kind = KEY_AUTHORITY;
	uint8_t public_key[32];

	CU_ASSERT_EQUAL(key_create(path, KEY_HOST, text), 0);
	CU_ASSERT_EQUAL(key_read(path, &kind, &host, &authority), 0);
	CU_ASSERT_EQUAL(kind, KEY_HOST);
	CU_ASSERT_EQUAL(memcmp(&authority, &untouched, sizeof(authority)), 0);
	key_format(host.public_key, again);
	UNIT_STRING_EQUAL(text, again);
	CU_ASSERT_EQUAL(crypto_scalarmult_base(public_key, host.secret), 0);
	CU_ASSERT_EQUAL(memcmp(public_key, host.public_key, sizeof(public_key)), 0);
	CU_ASSERT_EQUAL(key_read(path, &kind, NULL, &authority), -EBADMSG);
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(files(), 0);
}

static void authority_round_trip(void)
{
	const char *path = in_directory("authority");
	uint8_t signature[crypto_sign_BYTES], public_key[32];
	struct authority_key authority = {.public_key = {0}};
	enum key_kind kind = KEY_HOST;
	char text[KEY_TEXT_MAX];

	CU_ASSERT_EQUAL(key_create(path, KEY_AUTHORITY, text), 0);
	CU_ASSERT_EQUAL(key_read(path, &kind, NULL, &authority), 0);
	CU_ASSERT_EQUAL(kind, KEY_AUTHORITY);
	CU_ASSERT_EQUAL(key_parse(text, public_key), 0);
	crypto_sign_detached(signature, NULL, (const uint8_t *)"x", 1, authority.secret);
	CU_ASSERT_EQUAL(crypto_sign_verify_detached(signature, (const uint8_t *)"x", 1, public_key), 0);
	CU_ASSERT_EQUAL(key_read(path, &kind, (struct host_key[1]){0}, NULL), -EBADMSG);
	CU_ASSERT_EQUAL(unlink(path), 0);
}

static void keys_differ(void)
{
	char first[KEY_TEXT_MAX], second[KEY_TEXT_MAX];

	CU_ASSERT_EQUAL(key_create(in_directory("one"), KEY_HOST, first), 0);
	CU_ASSERT_EQUAL(key_create(in_directory("two"), KEY_HOST, second), 0);
	CU_ASSERT_NOT_EQUAL(strcmp(first, second), 0);
	CU_ASSERT_EQUAL(unlink(in_directory("one")), 0);
	CU_ASSERT_EQUAL(unlink(in_directory("two")), 0);
}

static void only_the_owner(void)
{
	static const mode_t masks[] = {0, 022, 077, 0777};
	const char *path = in_directory("mode");
	char text[KEY_TEXT_MAX];
	struct stat status;

	for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
		mode_t former = umask(masks[i]);

		CU_ASSERT_EQUAL(key_create(path, KEY_HOST, text), 0);
		umask(former);
		CU_ASSERT_EQUAL(stat(path, &status), 0);
		CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
		CU_ASSERT_EQUAL(unlink(path), 0);
	}
}

static void others_may_read(void)
{
	static const mode_t modes[] = {0640, 0604, 0610, 0601, 0620, 0602, 0644, 0777};
	const char *path = in_directory("open");
	char text[KEY_TEXT_MAX];
	struct host_key host;
	enum key_kind kind;

	CU_ASSERT_EQUAL(key_create(path, KEY_HOST, text), 0);
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		CU_ASSERT_EQUAL(chmod(path, modes[i]), 0);
		CU_ASSERT_EQUAL(key_read(path, &kind, &host, NULL), -EPERM);
	}
	CU_ASSERT_EQUAL(chmod(path, 0400), 0);
	CU_ASSERT_EQUAL(key_read(path, &kind, &host, NULL), 0);
	CU_ASSERT_EQUAL(unlink(path), 0);
}

static void nothing_is_written_over(void)
{
	const char *path = in_directory("there");
	char text[KEY_TEXT_MAX] = "untouched", content[8] = "";
	int fd;

	put(path, "mine", 4, 0600);
	CU_ASSERT_EQUAL(key_create(path, KEY_HOST, text), -EEXIST);
	UNIT_STRING_EQUAL(text, "untouched");
	fd = open(path, O_RDONLY);
	CU_ASSERT_EQUAL(read(fd, content, sizeof(content)), 4);
	close(fd);
	UNIT_STRING_EQUAL(content, "mine");
	CU_ASSERT_EQUAL(files(), 1);
	CU_ASSERT_EQUAL(unlink(path), 0);

	/* A link that leads nowhere is something too. */
	CU_ASSERT_EQUAL(symlink("nowhere", path), 0);
	CU_ASSERT_EQUAL(key_create(path, KEY_HOST, text), -EEXIST);
	CU_ASSERT_EQUAL(files(), 1);
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(key_create(in_directory("no/such"), KEY_HOST, text), -ENOENT);
	CU_ASSERT_EQUAL(files(), 0);
}

static void no_key_files(void)
{
#define KEY "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="
	static const struct {
		const char *text;
		int result;
	} cases[] = {
		{"ovnet-host-key " KEY "\n", 0},
		{"ovnet-host-key " KEY, 0},
		{"", -EBADMSG},
		{"\n", -EBADMSG},
		{KEY "\n", -EBADMSG},
		{"ovnet-host-key\n", -EBADMSG},
		{"ovnet-host-key \n", -EBADMSG},
		{"ovnet-host-key  " KEY "\n", -EBADMSG},
		{" ovnet-host-key " KEY "\n", -EBADMSG},
		{"ovnet-host-key " KEY " \n", -EBADMSG},
		{"ovnet-host-key " KEY "\n\n", -EBADMSG},
		{"ovnet-host-key " KEY "\novnet-host-key " KEY "\n", -EBADMSG},
		{"ovnet-host-key " KEY KEY "\n", -EBADMSG},
		{"ovnet-Host-key " KEY "\n", -EBADMSG},
		{"ovnet-peer-key " KEY "\n", -EBADMSG},
		/* Too short, not base64, without its padding, and with bits set that no octet has. */
		{"ovnet-host-key AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHw==\n", -EBADMSG},
		{"ovnet-host-key AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0e*yA=\n", -EBADMSG},
		{"ovnet-host-key AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA\n", -EBADMSG},
		{"ovnet-host-key AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyB=\n", -EBADMSG},
	};
	const char *path = in_directory("odd");

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct host_key host = {.secret = {42}};
		enum key_kind kind = KEY_AUTHORITY;

		put(path, cases[i].text, strlen(cases[i].text), 0600);
		CU_ASSERT_EQUAL(key_read(path, &kind, &host, NULL), cases[i].result);
		CU_ASSERT_EQUAL(host.secret[0], cases[i].result ? 42 : 1);
		CU_ASSERT_EQUAL(kind, cases[i].result ? KEY_AUTHORITY : KEY_HOST);
	}
	put(path, "ovnet-host-key " KEY "\0\n", 61, 0600);
	CU_ASSERT_EQUAL(key_read(path, NULL, (struct host_key[1]){0}, NULL), -EBADMSG);
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(key_read(path, NULL, NULL, NULL), -ENOENT);
	CU_ASSERT_EQUAL(key_read(directory, NULL, NULL, NULL), -EBADMSG);
	CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
	CU_ASSERT_EQUAL(key_read(path, NULL, NULL, NULL), -EBADMSG);
	CU_ASSERT_EQUAL(unlink(path), 0);
}

static void public_text(void)
{
	static const char *const refused[] = {"", KEY "x", KEY "=", " " KEY, KEY "\n",
		"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA", "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyB=",
		"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0e-_A=", "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHw=="};
	uint8_t key[32], untouched[32];
	char text[KEY_TEXT_MAX];

	CU_ASSERT_EQUAL(key_parse(KEY, key), 0);
	for (uint8_t i = 0; i < 32; i++)
		CU_ASSERT_EQUAL(key[i], i + 1);
	key_format(key, text);
	UNIT_STRING_EQUAL(text, KEY);
	memcpy(untouched, key, sizeof(key));
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		CU_ASSERT_EQUAL(key_parse(refused[i], key), -EINVAL);
	CU_ASSERT_EQUAL(memcmp(key, untouched, sizeof(key)), 0);
}

static const struct unit_test tests[] = {
	{"a host's key is read as it was made", host_round_trip},
	{"so is an authority's, and it signs", authority_round_trip},
	{"no two keys are the same", keys_differ},
	{"a new file is its owner's alone, whatever the umask", only_the_owner},
	{"a file that others may touch is refused", others_may_read},
	{"nothing is written over, nothing left behind", nothing_is_written_over},
	{"what is no key is refused", no_key_files},
	{"public keys are exactly their text", public_text},
};

int main(void)
{
	int result;

	if (key_library() || !mkdtemp(directory))
		return 1;
	result = unit_run("key", tests, ARRAY_LEN(tests));
	return rmdir(directory) ? 1 : result;
}
