/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the manager is. See place.h.
 */
#include "cli/place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/error.h"
#include "lib/json.h"

#define FILE_MAX (1 << 20)

static enum cli_status fail(FILE *err, const char *path, const char *message)
{
	if (err)
		fprintf(err, "ovnetctl: %s: %s\n", path, message);
	return CLI_FAILED;
}

/* ---- the file */

char *place_file(void)
{
	const char *folder = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *path = NULL;
	int length = -1;

	if (folder && *folder == '/')
		length = asprintf(&path, "%s/ovnet/context.json", folder);
	else if (home && *home)
		length = asprintf(&path, "%s/.config/ovnet/context.json", home);
	return length < 0 ? NULL : path;
}

static cJSON *empty(void)
{
	cJSON *contexts = cJSON_CreateObject();

	if (cJSON_AddObjectToObject(contexts, "contexts") && cJSON_AddNullToObject(contexts, "current"))
		return contexts;
	cJSON_Delete(contexts);
	return NULL;
}

/* Reads a whole file that only its owner may read. Returns its text, or NULL with errno; EPERM: others may. */
static char *read_own(const char *path, size_t *length)
{
	scope_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat found;
	char *text;
	ssize_t got;

	if (fd < 0 || fstat(fd, &found) < 0)
		return NULL;
	if (found.st_mode & 077 || !S_ISREG(found.st_mode)) {
		errno = EPERM;
		return NULL;
	}
	if (found.st_size > FILE_MAX) {
		errno = EFBIG;
		return NULL;
	}
	text = malloc((size_t)found.st_size + 1);
	got = text ? read(fd, text, (size_t)found.st_size) : -1;
	if (got < 0) {
		free(text);
		return NULL;
	}
	*length = (size_t)got;
	return text;
}

static bool is_contexts(const cJSON *value)
{
	const cJSON *list = json_member(value, "contexts"), *current = json_member(value, "current"), *each;

	if (!cJSON_IsObject(list) || (current && !cJSON_IsString(current) && !cJSON_IsNull(current)))
		return false;
	cJSON_ArrayForEach(each, list) {
		const cJSON *token = json_member(each, "token"), *ca = json_member(each, "ca");

		if (!cJSON_IsString(json_member(each, "url")) || (token && !cJSON_IsString(token)) ||
			(ca && !cJSON_IsString(ca)))
			return false;
	}
	return true;
}

enum cli_status place_read(FILE *err, cJSON **out)
{
	scope_free char *path = place_file();
	scope_free char *text = NULL;
	struct json_error error;
	cJSON *contexts = NULL;
	size_t length = 0;

	errno = 0;
	text = path ? read_own(path, &length) : NULL;
	if (!text && (!path || errno == ENOENT || errno == ENOTDIR)) {
		*out = empty();
		return *out ? CLI_OK : fail(err, "context", "out of memory");
	}
	if (!text && errno == EPERM)
		return fail(err, path, "others than its owner may read it, and tokens are in it: chmod 600");
	if (!text)
		return fail(err, path, strerror(errno));
	contexts = json_parse(text, length, &error);
	explicit_bzero(text, length);
	if (!contexts) {
		if (err)
			fprintf(err, "ovnetctl: %s:%u: %s\n", path, error.line, error.message);
		return CLI_FAILED;
	}
	if (!is_contexts(contexts)) {
		cJSON_Delete(contexts);
		return fail(err, path,
			"expected {\"contexts\": {NAME: {\"url\", \"token\", \"ca\"}}, \"current\": NAME}");
	}
	*out = contexts;
	return CLI_OK;
}

/* The folders that lead to a file. What is there stays as it is. */
static void make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
}

enum cli_status place_write(const cJSON *contexts, FILE *err)
{
	scope_free char *path = place_file(), *fresh = NULL, *text = cJSON_Print(contexts);
	scope_close int fd = -1;
	enum cli_status status = CLI_FAILED;

	if (!path)
		return fail(err, "context", "there is no HOME to keep it in");
	if (!text || asprintf(&fresh, "%s.%ld", path, (long)getpid()) < 0)
		return fail(err, "context", "out of memory");
	make_folders(path);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		fail(err, fresh, strerror(errno));
	} else if (dprintf(fd, "%s\n", text) < 0 || fsync(fd) < 0 || rename(fresh, path) < 0) {
		fail(err, path, strerror(errno));
		unlink(fresh);
	} else {
		status = CLI_OK;
	}
	explicit_bzero(text, strlen(text));
	return status;
}

/* ---- the place */

char *place_token(const char *path, FILE *err)
{
	scope_fclose FILE *file = strcmp(path, "-") == 0 ? fdopen(dup(0), "r") : fopen(path, "re");
	char line[PLACE_TOKEN_MAX + 2] = "";
	size_t length;
	char *token;

	if (!file) {
		fail(err, path, strerror(errno));
		return NULL;
	}
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	length = strcspn(line, "\r\n");
	line[length] = '\0';
	if (length == 0 || length > PLACE_TOKEN_MAX || strcspn(line, " \t") != length) {
		fail(err, path, "expected a token in its first line");
		return NULL;
	}
	token = strdup(line);
	explicit_bzero(line, sizeof(line));
	return token;
}

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* Puts copies in place. Returns false: out of memory. */
static bool set(struct http_place *place, const char *url, const char *token, const char *ca)
{
	size_t length = strlen(url);

	/* A '/' at the end is no path. */
	if (length > 1 && url[length - 1] == '/')
		length--;
	place->url = strndup(url, length);
	if (token)
		place->token = strdup(token);
	if (ca)
		place->ca = strdup(ca);
	return place->url && (!token || place->token) && (!ca || place->ca);
}

static bool set_context(struct http_place *place, const cJSON *context)
{
	return set(place, json_member(context, "url")->valuestring, cJSON_GetStringValue(json_member(context, "token")),
		cJSON_GetStringValue(json_member(context, "ca")));
}

static enum cli_status unknown_context(const char *name, const cJSON *list, FILE *err)
{
	const char *names[64];
	const cJSON *each;
	size_t count = 0;

	if (!err)
		return CLI_FAILED;
	cJSON_ArrayForEach(each, list) {
		if (count < ARRAY_LEN(names))
			names[count++] = each->string;
	}
	if (count)
		command_unknown(err, "context", name, names, count);
	else
		fprintf(err, "ovnetctl: unknown context '%s'; see 'ovnetctl context set --help'\n", name);
	return CLI_USAGE;
}

static enum cli_status from_contexts(const char *name, FILE *err, struct http_place *out)
{
	cJSON *contexts = NULL;
	const char *current;
	const cJSON *list, *found;
	enum cli_status status = place_read(err, &contexts);

	if (status != CLI_OK)
		return status;
	current = cJSON_GetStringValue(json_member(contexts, "current"));
	list = json_member(contexts, "contexts");
	found = name || current ? json_member(list, name ? name : current) : NULL;
	if (found)
		status = set_context(out, found) ? CLI_OK : fail(err, "context", "out of memory");
	else if (name || current)
		status = unknown_context(name ? name : current, list, err);
	else if (access(PLACE_SOCKET, F_OK) == 0)
		status = set(out, "unix:" PLACE_SOCKET, environment("OVNET_TOKEN"), NULL)
				 ? CLI_OK
				 : fail(err, "context", "out of memory");
	else
		status = fail(err, "manager",
			"expected to be told where it is, by -u, -c, OVNET_URL or 'ovnetctl context set' (there is no " PLACE_SOCKET
			")");
	cJSON_Delete(contexts);
	return status;
}

static enum cli_status find(const char *const options[], FILE *err, struct http_place *out)
{
	const char *url = options[OPTION_URL]       ? options[OPTION_URL]
			  : options[OPTION_CONTEXT] ? NULL
						    : environment("OVNET_URL");
	char message[200];
	char *token;

	if (url && !set(out, url, environment("OVNET_TOKEN"), environment("OVNET_CA")))
		return fail(err, "url", "out of memory");
	if (!url) {
		enum cli_status status = from_contexts(options[OPTION_CONTEXT], err, out);

		if (status != CLI_OK)
			return status;
	}
	if (!http_url_check(out->url, message)) {
		if (err)
			fprintf(err, "ovnetctl: url: %s, got '%s'\n", message, out->url);
		return CLI_USAGE;
	}
	if (options[OPTION_CA]) {
		free(out->ca);
		out->ca = strdup(options[OPTION_CA]);
	}
	if (options[OPTION_TOKEN_FILE]) {
		token = place_token(options[OPTION_TOKEN_FILE], err);
		if (!token)
			return CLI_FAILED;
		if (out->token)
			explicit_bzero(out->token, strlen(out->token));
		free(out->token);
		out->token = token;
	}
	return CLI_OK;
}

enum cli_status place_find(const char *const options[], FILE *err, struct http_place *out)
{
	struct http_place place = {0};
	enum cli_status status = find(options, err, &place);

	if (status == CLI_OK)
		*out = place;
	else
		http_place_clear(&place);
	return status;
}
