/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of the manager's API: from a path to its row, and what docs/api.yaml says.
 */
#include "selftests/unit/model.h"

#include "model/api.h"

static void check_found(const char *method, const char *path, const char *pattern, int kind, const char *name)
{
	const struct model_api_row *row = NULL;
	struct model_api_match match = {0};
	char allowed[64] = "";

	CU_ASSERT_EQUAL(model_api_find(method, path, &row, &match, allowed), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(row);
	UNIT_STRING_EQUAL(row->method, method);
	UNIT_STRING_EQUAL(row->path, pattern);
	CU_ASSERT_EQUAL(match.kind, kind);
	UNIT_STRING_EQUAL(match.name, name);
}

static void found(void)
{
	const struct model_api_row *row;
	struct model_api_match match;
	char allowed[64];

	check_found("GET", "/v1/nodes", "/v1/{plural}", MODEL_NODE, "");
	check_found("POST", "/v1/security_groups", "/v1/{plural}", MODEL_SECURITY_GROUP, "");
	check_found("PATCH", "/v1/nodes/acme/web1", "/v1/{plural}/{name}", MODEL_NODE, "acme/web1");
	check_found("DELETE", "/v1/hosts/h1", "/v1/{plural}/{name}", MODEL_HOST, "h1");
	check_found("GET", "/v1/handles/acme/versions", "/v1/{plural}/{name}", MODEL_HANDLE, "acme/versions");
	check_found("GET", "/v1/handles/acme/h/versions", "/v1/handles/{account}/{name}/versions", -1, "acme/h");
	check_found("GET", "/v1/status", "/v1/status", -1, "");
	check_found("GET", "/healthz", "/healthz", -1, "");
	check_found("POST", "/v1/agent/watch", "/v1/agent/watch", -1, "");
	check_found("POST", "/v1/handles/acme/h/versions/17/restore",
		"/v1/handles/{account}/{name}/versions/{version}/restore", -1, "acme/h");
	CU_ASSERT_EQUAL(model_api_find("GET", "/v1/handles/a/h/versions/17", &row, &match, allowed), 0);
	UNIT_STRING_EQUAL(match.version, "17");
}

static void not_found(void)
{
	static const char *const paths[] = {"", "/", "/v1", "/v1/", "/v1/node", "/v1/nodes/", "/v1/nodes/acme",
		"/v1/nodes/acme/", "/v1/nodes//web1", "/v1/nodes/a/b/c", "/v1/hosts/a/b", "/v1/hosts/h1/",
		"/v1/statuses", "/v1/handles/a/h/versions/", "/v2/nodes", "v1/nodes", "/v1/hosts/" PART31 PART31 "abc"};
	const struct model_api_row *row = NULL;
	struct model_api_match match = {.kind = 99};
	char allowed[64] = "";

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		CU_ASSERT_EQUAL(model_api_find("GET", paths[i], &row, &match, allowed), -ENOENT);
	CU_ASSERT_EQUAL(model_api_find("PUT", "/v1/nodes", &row, &match, allowed), -EPERM);
	UNIT_STRING_EQUAL(allowed, "GET, POST");
	CU_ASSERT_EQUAL(model_api_find("get", "/v1/nodes/a/b", &row, &match, allowed), -EPERM);
	UNIT_STRING_EQUAL(allowed, "GET, PUT, PATCH, DELETE");
	CU_ASSERT(!row && match.kind == 99);
}

/* What each row names is there. */
static void rows(void)
{
	size_t count = 0;

	for (const struct model_api_row *row = model_api; row->method; row++, count++) {
		CU_ASSERT(row->summary && row->path[0] == '/');
		CU_ASSERT_EQUAL(row->parameters >> model_api_parameter_count, 0);
		CU_ASSERT_EQUAL(row->status == 204, row->answer == NULL);
		/* Changes of what is there name a revision. */
		if (strstr(row->path, "{plural}/{name}") && strcmp(row->method, "GET") != 0)
			CU_ASSERT(row->parameters & MODEL_API_IF_MATCH);
	}
	CU_ASSERT(count > 20);
	for (size_t i = 0; i < model_api_parameter_count; i++)
		CU_ASSERT(*model_api_parameters[i].id && *model_api_parameters[i].name &&
			  *model_api_parameters[i].help);
}

static void queries(void)
{
	const struct model_api_row *row;
	struct model_api_match match;
	char allowed[64], known[160];

	CU_ASSERT_EQUAL_FATAL(model_api_find("POST", "/v1/nodes", &row, &match, allowed), 0);
	CU_ASSERT(model_api_takes(row, "dry_run", NULL) && model_api_takes(row, "why", known));
	CU_ASSERT(!model_api_takes(row, "dryrun", known) && !model_api_takes(row, "X-Ovnet-Why", NULL));
	UNIT_STRING_EQUAL(known, "dry_run, why");
	CU_ASSERT_EQUAL_FATAL(model_api_find("GET", "/v1/status", &row, &match, allowed), 0);
	CU_ASSERT(!model_api_takes(row, "", known));
	UNIT_STRING_EQUAL(known, "none");
}

/* Every schema that is referred to is there, every field is, and no secret. */
static void described(void)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length), *frame = fopen("model/schemas.yaml", "re");
	static const char reference[] = "#/components/schemas/";

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	CU_ASSERT_PTR_NOT_NULL_FATAL(frame);
	CU_ASSERT_EQUAL(model_openapi(frame, out), 0);
	fclose(frame);
	fclose(out);
	for (const char *at = text; (at = strstr(at, reference));) {
		char wanted[128];

		at += strlen(reference);
		snprintf(wanted, sizeof(wanted), "\n    %.*s:", (int)strcspn(at, "\""), at);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, wanted));
	}
	for (int kind = 0; kind < MODEL_KINDS; kind++) {
		char wanted[128];

		snprintf(wanted, sizeof(wanted), "\n  /v1/%s:\n", model_table[kind].plural);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, wanted));
		for (size_t i = 0; i < model_table[kind].field_count; i++) {
			const struct model_field *field = &model_table[kind].fields[i];

			snprintf(wanted, sizeof(wanted), "\n        %s:\n", field->name);
			CU_ASSERT_EQUAL(strstr(text, wanted) == NULL, field->secret);
		}
	}
	free(text);
}

static const struct unit_test tests[] = {
	{"paths have rows", found},
	{"other paths have none", not_found},
	{"rows are whole", rows},
	{"rows say what a query may have", queries},
	{"the description has what it refers to", described},
};

int main(void)
{
	return unit_run("model api", tests, ARRAY_LEN(tests));
}
