/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directory in a file. See directory.h. Entries are in order, so that each look is a search in halves.
 */
#include "config/directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/draft.h"
#include "config/schema.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/json.h"

struct config_directory {
	struct config_host *hosts;
	size_t host_count;
	struct config_mapping *mappings;
	size_t mapping_count;
};

static int host_order(const struct locator *a, const struct locator *b)
{
	int order = memcmp(a->octet, b->octet, sizeof(a->octet));

	return order ? order : a->length - b->length;
}

static int host_compare(const void *a, const void *b)
{
	return host_order(&((const struct config_host *)a)->locator, &((const struct config_host *)b)->locator);
}

static int mapping_compare(const void *a, const void *b)
{
	const struct policy_identity *x = &((const struct config_mapping *)a)->identity;
	const struct policy_identity *y = &((const struct config_mapping *)b)->identity;

	if (x->vni != y->vni)
		return x->vni < y->vni ? -1 : 1;
	return memcmp(x->address.octet, y->address.octet, sizeof(x->address.octet));
}

static struct config_directory *directory_of(struct config *read)
{
	struct config_directory *directory = calloc(1, sizeof(*directory));

	if (!directory)
		return NULL;
	directory->hosts = read->hosts;
	directory->host_count = read->host_count;
	directory->mappings = read->mappings;
	directory->mapping_count = read->mapping_count;
	read->hosts = NULL;
	read->mappings = NULL;
	if (directory->host_count)
		qsort(directory->hosts, directory->host_count, sizeof(*directory->hosts), host_compare);
	if (directory->mapping_count)
		qsort(directory->mappings, directory->mapping_count, sizeof(*directory->mappings), mapping_compare);
	return directory;
}

/* Returns 0, or -EINVAL after a finding. */
static int read_text(struct findings *findings, const struct config *config, struct draft *draft)
{
	struct schema_reader reader = {.findings = findings, .config = config, .draft = draft, .directory = true};
	struct json_error error;
	cJSON *tree = json_parse(findings->text, findings->length, &error);

	if (tree) {
		schema_read(&reader, SCHEMA_DIRECTORY, tree, "", draft);
		check_directory(findings, &draft->config, config);
	} else {
		finding_add_at(findings, error.line, "", "%s", error.message);
	}
	cJSON_Delete(tree);
	return findings->total ? -EINVAL : 0;
}

int config_directory_parse(const char *text, size_t length, const char *name, const struct config *config,
	config_report_fn report, void *context, struct config_directory **out)
{
	struct findings findings = {.file = name, .text = text, .length = length};
	struct draft *draft = calloc(1, sizeof(*draft));
	struct config_directory *directory = NULL;
	int result = draft ? read_text(&findings, config, draft) : -ENOMEM;

	if (!result)
		directory = directory_of(&draft->config);
	if (!result && !directory)
		result = -ENOMEM;
	if (result == -ENOMEM)
		finding_add_at(&findings, 0, "", "out of memory");
	findings_tell(&findings, report, context);
	if (draft) {
		free(draft->config.hosts);
		free(draft->config.mappings);
		draft_free(draft);
		free(draft);
	}
	if (!result)
		*out = directory;
	return result;
}

int config_directory_load(const char *path, const struct config *config, config_report_fn report, void *context,
	struct config_directory **out)
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
	return config_directory_parse(text, length, path, config, report, context, out);
}

void config_directory_free(struct config_directory *directory)
{
	if (!directory)
		return;
	free(directory->hosts);
	free(directory->mappings);
	free(directory);
}

const struct config_mapping *config_directory_mapping(const struct config_directory *directory, uint32_t vni,
	struct ipv4 address)
{
	const struct config_mapping wanted = {.identity = {.vni = vni, .address = address}};

	if (!directory->mapping_count)
		return NULL;
	return bsearch(&wanted, directory->mappings, directory->mapping_count, sizeof(wanted), mapping_compare);
}

const struct config_host *config_directory_host(const struct config_directory *directory, const struct locator *locator)
{
	const struct config_host wanted = {.locator = *locator};

	if (!directory->host_count)
		return NULL;
	return bsearch(&wanted, directory->hosts, directory->host_count, sizeof(wanted), host_compare);
}

const struct config_host *config_directory_hosts(const struct config_directory *directory, size_t *count)
{
	*count = directory->host_count;
	return directory->hosts;
}

const struct config_mapping *config_directory_mappings(const struct config_directory *directory, size_t *count)
{
	*count = directory->mapping_count;
	return directory->mappings;
}
