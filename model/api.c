/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of the manager's API, and the way from a path to its row. See api.h.
 */
#include "model/api.h"

#include <errno.h>
#include <string.h>

#include "lib/error.h"

#define WHY (MODEL_API_WHY | MODEL_API_WHY_QUERY)
#define WRITE (MODEL_API_DRY_RUN | WHY)
#define CHANGE (MODEL_API_IF_MATCH | WRITE)
#define LIST                                                                                                           \
	(MODEL_API_ACCOUNT | MODEL_API_VNET | MODEL_API_HOST | MODEL_API_GROUP | MODEL_API_NAME | MODEL_API_LIMIT |    \
		MODEL_API_AFTER | MODEL_API_SECURITY_GROUP)
#define LINES "application/x-ndjson"

const struct model_api_parameter model_api_parameters[] = {
	{"account", "account", "only what is of this account", .type = MODEL_TEXT},
	{"vnet", "vnet", "only what names this vnet", .type = MODEL_TEXT},
	{"host", "host", "only what names this host", .type = MODEL_TEXT},
	{"group", "group", "only what is directly in this group", .type = MODEL_TEXT},
	{"name", "name", "only names that fit this pattern, in which * stands for any letters", .type = MODEL_TEXT},
	{"limit", "limit", "at most so many", .type = MODEL_NUMBER, .min = 1, .max = 1000, .fallback = "100"},
	{"after_name", "after", "what follows this name: `next` of the answer before", .type = MODEL_TEXT},
	{"after_revision", "after", "what follows this revision", .type = MODEL_NUMBER, .max = 9007199254740991,
		.fallback = "0"},
	{"dry_run", "dry_run", "say what would be done, and do nothing", .type = MODEL_BOOL, .fallback = "false"},
	{"revision", "revision", "wait for this revision; without it: the latest", .type = MODEL_NUMBER,
		.max = 9007199254740991},
	{"timeout", "timeout", "wait at most so many seconds", .type = MODEL_NUMBER, .max = 300, .fallback = "30"},
	{"if_match", "If-Match", "the revision that the change is made to, as ETag told it", .header = true,
		.required = true, .type = MODEL_TEXT},
	{"if_match_maybe", "If-Match",
		"the revision that the change is made to, as ETag told it; without it: whichever", .header = true,
		.type = MODEL_TEXT},
	{"why", "X-Ovnet-Why", "why, for the log: at most 500 octets", .header = true, .type = MODEL_TEXT},
	{"why_query", "why", "the same, where a header cannot be given", .type = MODEL_TEXT},
	{"security_group", "security_group", "only what names this security group", .type = MODEL_TEXT},
	{"key", "key", "only writes of this object, as node/acme/web1", .type = MODEL_TEXT},
	{"who", "who", "only changes by this token", .type = MODEL_TEXT},
};
const size_t model_api_parameter_count = ARRAY_LEN(model_api_parameters);

const struct model_api_row model_api[] = {
	{"GET", "/v1/{plural}", "List %s", MODEL_API_USER, LIST, NULL, "{}List", .status = 200},
	{"POST", "/v1/{plural}", "Create %s", MODEL_API_USER, WRITE, "{}Create", "{}", .status = 201, .etag = true},
	{"GET", "/v1/{plural}/{name}", "Show %s", MODEL_API_USER, 0, NULL, "{}", .status = 200, .etag = true},
	{"PUT", "/v1/{plural}/{name}", "Replace %s", MODEL_API_USER, CHANGE, "{}Replace", "{}", .status = 200,
		.etag = true},
	{"PATCH", "/v1/{plural}/{name}", "Change some fields of %s", MODEL_API_USER, CHANGE, "{}Patch", "{}",
		.status = 200, .etag = true},
	{"DELETE", "/v1/{plural}/{name}", "Delete %s", MODEL_API_USER, CHANGE, NULL, "Deleted", .status = 200},

	{"GET", "/v1/handles/{account}/{name}/versions", "List the versions of a handle", MODEL_API_USER, 0, NULL,
		"Versions", .status = 200},
	{"GET", "/v1/handles/{account}/{name}/versions/{version}", "Show a handle as it was", MODEL_API_USER, 0, NULL,
		"HandleThen", .status = 200},
	{"POST", "/v1/handles/{account}/{name}/versions/{version}/restore",
		"Make a former version of a handle its newest", MODEL_API_USER, MODEL_API_IF_MATCH_MAYBE | WRITE, NULL,
		"Handle", .status = 200, .etag = true},

	{"POST", "/v1/apply", "Create, replace and delete many objects at once, all or none", MODEL_API_USER, WRITE,
		"Apply", "Applied", .status = 200},
	{"GET", "/v1/export", "Everything that one may see, as a body for apply", MODEL_API_USER, MODEL_API_ACCOUNT,
		NULL, "Export", .status = 200},
	{"GET", "/v1/log", "Who changed what, when and why", MODEL_API_USER,
		MODEL_API_SINCE | MODEL_API_LIMIT | MODEL_API_KEY | MODEL_API_WHO, NULL, "Log", .status = 200},
	{"GET", "/v1/wait", "Wait until the agents concerned have applied a revision", MODEL_API_USER,
		MODEL_API_REVISION | MODEL_API_TIMEOUT, NULL, "Waited", .status = 200},
	{"GET", "/v1/events", "Changes as they happen, a line each", MODEL_API_USER, MODEL_API_ACCOUNT, NULL, "Event",
		.status = 200, .media = LINES},
	{"POST", "/v1/backup", "A copy of everything as of one revision", MODEL_API_SYSTEM, 0, NULL, "Backup",
		.status = 200, LINES},
	{"GET", "/v1/status", "The manager's state", MODEL_API_USER, 0, NULL, "Status", .status = 200},
	{"GET", "/healthz", "Whether it serves", MODEL_API_ANYBODY, 0, NULL, "Health", .status = 200},
	{"GET", "/metrics", "Metrics in Prometheus' text format", MODEL_API_SYSTEM, 0, NULL, "Metrics", .status = 200,
		.media = "text/plain"},

	{"POST", "/v1/join", "A host joins: its key becomes known, it gets its secret", MODEL_API_JOINER, 0, "Join",
		"Joined", .status = 201},
	{"POST", "/v1/agent/watch", "All that concerns this host's nodes, then changes as they happen, a line each",
		MODEL_API_AGENT, 0, "AgentWatch", "AgentEvent", .status = 200, .media = LINES},
	{"POST", "/v1/agent/applied", "A revision is in force on this host", MODEL_API_AGENT, 0, "AgentApplied", NULL,
		.status = 204},
	{"POST", "/v1/agent/resolve", "Where addresses are, for nodes that may reach them", MODEL_API_AGENT, 0,
		"AgentResolve", "AgentResolved", .status = 200},
	{"POST", "/v1/agent/passports", "New passports of this host and its nodes", MODEL_API_AGENT, 0,
		"AgentPassports", "AgentPassportsAnswer", .status = 200},
	{"POST", "/v1/agent/trial", "What a change that is not made yet would end on this host", MODEL_API_AGENT, 0,
		"AgentTrial", NULL, .status = 204},
	{.method = NULL},
};

bool model_api_takes(const struct model_api_row *row, const char *name, char known[160])
{
	size_t used = 0;

	if (known)
		strcpy(known, "none");
	for (size_t i = 0; i < model_api_parameter_count; i++) {
		const struct model_api_parameter *each = &model_api_parameters[i];

		if (each->header || !(row->parameters & 1u << i))
			continue;
		if (strcmp(each->name, name) == 0)
			return true;
		if (known && used < 160)
			used += (size_t)snprintf(known + used, 160 - used, "%s%s", used ? ", " : "", each->name);
	}
	return false;
}

/* ---- from a path to its row */

/* The end of a segment, which is a '/' or the end of all. */
static const char *segment_end(const char *text)
{
	return text + strcspn(text, "/");
}

static bool is_word(const char *pattern, const char *end, const char *word)
{
	return (size_t)(end - pattern) == strlen(word) && memcmp(pattern, word, strlen(word)) == 0;
}

static bool take_kind(const char *path, const char *end, struct model_api_match *match)
{
	for (int kind = 0; kind < MODEL_KINDS; kind++) {
		if (is_word(path, end, model_table[kind].plural))
			match->kind = kind;
	}
	return match->kind >= 0;
}

/* What stands in braces. Returns where the path goes on, or NULL. */
static const char *take(const char *pattern, const char *pattern_end, const char *path, struct model_api_match *match)
{
	const char *end = segment_end(path);
	size_t used = strlen(match->name);

	if (end == path)
		return NULL;
	if (is_word(pattern, pattern_end, "{plural}"))
		return take_kind(path, end, match) ? end : NULL;
	if (is_word(pattern, pattern_end, "{version}")) {
		match->version = path;
		return end;
	}
	/* Two segments of an account's object are one name. */
	if (used == 0 && match->kind >= 0 && model_table[match->kind].of_account) {
		if (!*end || end[1] == '\0' || end[1] == '/')
			return NULL;
		end = segment_end(end + 1);
	}
	if (used + (used > 0) + (size_t)(end - path) >= sizeof(match->name))
		return NULL;
	if (used > 0)
		match->name[used++] = '/';
	memcpy(match->name + used, path, (size_t)(end - path));
	match->name[used + (size_t)(end - path)] = '\0';
	return end;
}

static bool fits(const char *pattern, const char *path, struct model_api_match *match)
{
	*match = (struct model_api_match){.kind = -1};
	while (*pattern && path) {
		const char *end;

		if (*pattern != '{') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		end = segment_end(pattern);
		path = take(pattern, end, path, match);
		pattern = end;
	}
	return path && !*path;
}

int model_api_find(const char *method, const char *path, const struct model_api_row **row,
	struct model_api_match *match, char allowed[64])
{
	struct model_api_match found;
	char methods[64] = "";

	for (const struct model_api_row *each = model_api; each->method; each++) {
		if (!fits(each->path, path, &found))
			continue;
		if (strcmp(each->method, method) == 0) {
			*row = each;
			*match = found;
			return 0;
		}
		if (*methods)
			strcat(methods, ", ");
		strcat(methods, each->method);
	}
	if (!*methods)
		return -ENOENT;
	strcpy(allowed, methods);
	return -EPERM;
}
