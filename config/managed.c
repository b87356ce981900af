/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two halves of a configuration. See managed.h. The manager's stands behind the file's, so that lines of the file stay what they are.
 */
#include "config/managed.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/finding.h"
#include "config/schema.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/json.h"

static const char *const managers_keys[] = {"locator", "hosts", "identity", "vnets", "groups", "handles", "nodes",
	"mappings", "rules", "policies", "resolve"};

void config_local_free(struct config_local *local)
{
	free(local->text);
	*local = (struct config_local){0};
}

static void json_tree_free(cJSON **tree)
{
	cJSON_Delete(*tree);
}

static void read_manager(struct findings *findings, const cJSON *tree, struct config_local *local)
{
	struct config config = {0};
	struct schema_reader reader = {.findings = findings, .config = &config};
	const cJSON *instance = json_member(tree, "instance");

	if (local->given && json_member(tree, "manager"))
		finding_add(findings, "manager", "expected nothing, as another one was given");
	else if (!local->given)
		schema_read(&reader, SCHEMA_MANAGER, json_member(tree, "manager"), "manager", &local->manager);
	local->manager.present = true;
	snprintf(local->instance, sizeof(local->instance), "%s",
		cJSON_IsString(instance) ? instance->valuestring : "default");
	for (size_t i = 0; i < ARRAY_LEN(managers_keys); i++)
		if (json_member(tree, managers_keys[i]))
			finding_add(findings, managers_keys[i], "expected nothing, as the manager says this");
}

static int read_text(struct findings *findings, struct config_local *local)
{
	__attribute__((cleanup(json_tree_free))) cJSON *tree = NULL;
	struct json_error error;

	tree = json_parse(local->text, local->length, &error);
	/* What is no object, or no JSON, is refused by who reads the whole. */
	if (cJSON_IsObject(tree) && (local->given || json_member(tree, "manager")))
		read_manager(findings, tree, local);
	return findings->total ? -EINVAL : 0;
}

/* The whole as far as the file goes: what its other keys say is seen too. */
static int check_alone(const struct config_local *local, const char *path, config_report_fn report, void *context)
{
	struct config *config;
	int error = config_managed_parse(local, path, CONFIG_MANAGED_NOTHING, report, context, &config);

	if (!error)
		config_free(config);
	return error;
}

int config_local_load(const char *path, const struct config_manager *given, config_report_fn report, void *context,
	struct config_local *out)
{
	struct findings findings = {.file = path};
	struct config_local local = {.given = given && given->present};
	int error = file_read(path, CONFIG_FILE_MAX, &local.text, &local.length);

	if (error) {
		finding_add_at(&findings, 0, "", "expected a file that can be read, got '%s'", strerror(-error));
	} else {
		if (local.given)
			local.manager = *given;
		findings.text = local.text;
		findings.length = local.length;
		error = read_text(&findings, &local);
	}
	findings_tell(&findings, report, context);
	if (!error && local.manager.present)
		error = check_alone(&local, path, report, context);
	if (error) {
		config_local_free(&local);
		return error;
	}
	*out = local;
	return 0;
}

/* The manager that was given, as if the file had it; "" where it does. NULL: out of memory. */
static char *given_text(const struct config_local *local)
{
	const struct {
		const char *name, *value;
	} members[] = {
		{"url", local->manager.url},
		{"authority", local->manager.authority},
		{"token", local->manager.token},
		{"directory", local->manager.directory},
	};
	__attribute__((cleanup(json_tree_free))) cJSON *manager = cJSON_CreateObject();
	scope_free char *text = NULL;
	char *out;

	if (!local->given)
		return strdup("");
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (*members[i].value)
			cJSON_AddStringToObject(manager, members[i].name, members[i].value);
	text = cJSON_PrintUnformatted(manager);
	return text && asprintf(&out, "\"manager\": %s,\n", text) >= 0 ? out : NULL;
}

int config_managed_parse(const struct config_local *local, const char *path, const char *members,
	config_report_fn report, void *context, struct config **out)
{
	scope_free char *text = NULL, *given = given_text(local);
	size_t end = local->length;
	int length;

	while (end && isspace((unsigned char)local->text[end - 1]))
		end--;
	if (!end || local->text[end - 1] != '}')
		return config_parse(local->text, local->length, path, report, context, out);
	/* There are at least the uplinks before the comma. */
	length = given ? asprintf(&text, "%.*s,\n%s%s}", (int)end - 1, local->text, given, members) : -1;
	if (length < 0)
		return -ENOMEM;
	return config_parse(text, (size_t)length, path, report, context, out);
}
