/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ovnet.json from file to struct config. See config.h.
 *
 * The keys are in schema_table.c, what must hold between their values in check.c, how policies become a set in draft.c; here
 * a file is read, all are asked, and what they find is told.
 */
#include "config/config.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/draft.h"
#include "config/finding.h"
#include "config/schema.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/json.h"

static void json_tree_free(cJSON **tree)
{
	cJSON_Delete(*tree);
}

/* Reads and checks what the draft has as text. Returns 0, or -EINVAL after a finding. */
static int draft_fill(struct findings *findings, struct draft *draft)
{
	struct config *config = &draft->config;
	struct schema_reader reader = {.findings = findings, .config = config, .draft = draft};
	/* Names in the draft are the tree's. */
	__attribute__((cleanup(json_tree_free))) cJSON *tree = NULL;
	struct json_error error;

	tree = json_parse(config->text, config->length, &error);
	if (tree) {
		schema_read(&reader, SCHEMA_TOP, tree, "", draft);
		check_config(findings, config);
		if (findings->total == 0)
			draft_seal(findings, draft);
	} else {
		finding_add_at(findings, error.line, "", "%s", error.message);
	}
	return findings->total ? -EINVAL : 0;
}

/* Returns 0 and a draft that has the text, or -ENOMEM. */
static int draft_make(const char *text, size_t length, struct draft **out)
{
	struct draft *draft = calloc(1, sizeof(*draft));

	if (draft)
		draft->config.text = malloc(length + 1);
	if (!draft || !draft->config.text) {
		free(draft);
		return -ENOMEM;
	}
	memcpy(draft->config.text, text, length);
	draft->config.text[length] = '\0';
	draft->config.length = length;
	*out = draft;
	return 0;
}

int config_parse(const char *text, size_t length, const char *name, config_report_fn report, void *context,
	struct config **out)
{
	struct findings findings = {.file = name, .text = text, .length = length};
	struct config *config = calloc(1, sizeof(*config));
	struct draft *draft = NULL;
	int result = config ? draft_make(text, length, &draft) : -ENOMEM;

	if (result)
		finding_add_at(&findings, 0, "", "out of memory");
	else
		result = draft_fill(&findings, draft);
	findings_tell(&findings, report, context);
	if (draft) {
		draft_free(draft);
		/* Octet by octet: identities and limits are compared so, and what lies between their members is zero. */
		memcpy(config, &draft->config, sizeof(*config));
		free(draft);
	}
	if (result)
		config_free(config);
	else
		*out = config;
	return result;
}

int config_load(const char *path, config_report_fn report, void *context, struct config **out)
{
	struct findings findings = {.file = path};
	scope_free char *text = NULL;
	size_t length = 0;
	int result = file_read(path, CONFIG_FILE_MAX, &text, &length);

	if (result) {
		finding_add_at(&findings, 0, "", "expected a file that can be read, got '%s'", strerror(-result));
		findings_tell(&findings, report, context);
		return result;
	}
	return config_parse(text, length, path, report, context, out);
}

void config_check_interfaces(const struct config *config, const char *path, config_report_fn report, void *context,
	unsigned *errors, unsigned *warnings)
{
	struct findings findings = {.file = path, .text = config->text, .length = config->length};
	char place[FINDING_PATH_MAX];

	for (size_t i = 0; i < config->uplink_count; i++) {
		if (if_nametoindex(config->uplinks[i]) != 0)
			continue;
		snprintf(place, sizeof(place), "uplinks[%zu]", i);
		finding_add(&findings, place, "expected an interface of this machine, got '%s'", config->uplinks[i]);
		++*errors;
	}
	for (size_t i = 0; i < config->node_count; i++) {
		if (if_nametoindex(config->nodes[i].port) != 0)
			continue;
		snprintf(place, sizeof(place), "nodes[%zu].port", i);
		finding_add(&findings, place,
			"expected an interface of this machine, got '%s' (a warning: it may come later)",
			config->nodes[i].port);
		++*warnings;
	}
	findings_tell(&findings, report, context);
}

void config_free(struct config *config)
{
	if (!config)
		return;
	free(config->vnets);
	free(config->nodes);
	free(config->mappings);
	free(config->rules);
	free(config->hosts);
	policy_set_free(config->policies);
	free(config->text);
	free(config);
}

long config_find_vnet(const struct config *config, const char *name)
{
	unsigned long vni;
	char *end;

	if (!*name)
		return -1;
	for (size_t i = 0; i < config->vnet_count; i++) {
		if (strcmp(config->vnets[i].name, name) == 0)
			return (long)i;
	}

	/* A number in its plain form only: no sign, no space, no leading zero; VNI 0 is no vnet's. */
	if (*name < '1' || *name > '9')
		return -1;
	vni = strtoul(name, &end, 10);
	if (*end || vni > VNI_MAX)
		return -1;
	for (size_t i = 0; i < config->vnet_count; i++) {
		if (config->vnets[i].vni == vni)
			return (long)i;
	}
	return -1;
}

/* Keeps the first finding about a rule given by hand. */
static void message_keep(void *context, const char *message)
{
	char *first = context;

	if (!*first)
		snprintf(first, 200, "%s", message);
}

int config_rule_from_json(const struct config *config, const struct cJSON *object, struct config_rule *out,
	config_known_fn known, void *context, char message[200])
{
	struct findings findings = {0};
	struct schema_reader reader = {.findings = &findings, .config = config};
	struct config_rule rule = {0};
	char first[200] = "";

	if (schema_read(&reader, SCHEMA_RULE, object, "", &rule) == 0 &&
		check_rule(&findings, config, &rule, known, context) == -ENOMEM)
		finding_add(&findings, "", "out of memory");
	if (findings.total == 0) {
		*out = rule;
		return 0;
	}
	findings_tell(&findings, message_keep, first);
	snprintf(message, sizeof(first), "%s", *first ? first : "out of memory");
	return -EINVAL;
}
