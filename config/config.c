/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ovnet.json from file to struct config. See config.h.
 *
 * The keys are in schema.c, what must hold between their values in check.c; here a file is read, both are asked, and
 * what they find is told.
 */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/finding.h"
#include "config/schema.h"
#include "lib/error.h"
#include "lib/json.h"

#define FILE_MAX_OCTETS (256u << 20)

static void json_tree_free(cJSON **tree)
{
	cJSON_Delete(*tree);
}

int config_parse(const char *text, size_t length, const char *name, config_report_fn report, void *context,
	struct config **out)
{
	__attribute__((cleanup(json_tree_free))) cJSON *tree = NULL;
	struct findings findings = {.file = name, .text = text, .length = length};
	struct schema_reader reader = {.findings = &findings};
	struct json_error error;
	struct config *config;

	config = calloc(1, sizeof(*config));
	if (config)
		config->text = malloc(length + 1);
	if (!config || !config->text) {
		config_free(config);
		finding_add_at(&findings, 0, "", "out of memory");
		findings_tell(&findings, report, context);
		return -ENOMEM;
	}
	memcpy(config->text, text, length);
	config->text[length] = '\0';
	config->length = length;

	tree = json_parse(text, length, &error);
	if (tree) {
		reader.config = config;
		schema_read(&reader, SCHEMA_TOP, tree, "", config);
		check_config(&findings, config);
	} else {
		finding_add_at(&findings, error.line, "", "%s", error.message);
	}
	findings_tell(&findings, report, context);
	if (findings.total) {
		config_free(config);
		return -EINVAL;
	}
	*out = config;
	return 0;
}

/* Reads a file to its end. Returns 0 and text (to be freed), or -errno. */
static int file_read(const char *path, char **out, size_t *out_length)
{
	scope_fclose FILE *file = fopen(path, "re");
	scope_free char *text = NULL;
	size_t length = 0, size = 0;

	if (!file)
		return -errno;
	for (;;) {
		size_t got;

		if (length == size) {
			size_t larger = size ? size * 2 : 16384;
			char *grown;

			if (size >= FILE_MAX_OCTETS)
				return -EFBIG;
			grown = realloc(text, larger);
			if (!grown)
				return -ENOMEM;
			text = grown;
			size = larger;
		}
		errno = 0;
		got = fread(text + length, 1, size - length, file);
		length += got;
		if (got == 0) {
			if (ferror(file))
				return errno ? -errno : -EIO;
			break;
		}
	}
	*out = text;
	*out_length = length;
	text = NULL;
	return 0;
}

int config_load(const char *path, config_report_fn report, void *context, struct config **out)
{
	struct findings findings = {.file = path};
	scope_free char *text = NULL;
	size_t length = 0;
	int result = file_read(path, &text, &length);

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
	char message[200])
{
	struct findings findings = {0};
	struct schema_reader reader = {.findings = &findings, .config = config};
	struct config_rule rule = {0};
	char first[200] = "";

	if (schema_read(&reader, SCHEMA_RULE, object, "", &rule) == 0 &&
		check_rule(&findings, config, &rule) == -ENOMEM)
		finding_add(&findings, "", "out of memory");
	if (findings.total == 0) {
		*out = rule;
		return 0;
	}
	findings_tell(&findings, message_keep, first);
	snprintf(message, sizeof(first), "%s", *first ? first : "out of memory");
	return -EINVAL;
}
