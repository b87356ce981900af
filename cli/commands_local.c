/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands that need no agent: addresses, and the check of a configuration file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "config/config.h"
#include "lib/address.h"
#include "lib/error.h"

static enum cli_status show(const struct command_context *context, const cJSON *result)
{
	output_result(context->output, context->command->view, result);
	return CLI_OK;
}

static enum cli_status out_of_memory(const struct command_context *context)
{
	fputs("ovnetctl: out of memory\n", context->err);
	return CLI_FAILED;
}

enum cli_status commands_address_encode(const struct command_context *context)
{
	struct substrate_fields fields = {
		.slot = (uint8_t)command_number(context, "slot", 0),
		.vni = (uint32_t)command_number(context, "vni", 0),
		.forward = command_value(context, "forward"),
		.group = command_value(context, "group"),
	};
	char text[ADDRESS_TEXT_MAX];
	struct substrate substrate;
	struct locator locator;
	enum cli_status status;
	cJSON *result;

	if (locator_parse(command_value(context, "locator"), &locator) < 0 ||
		ipv4_parse(command_value(context, "address"), &fields.address) < 0)
		return CLI_USAGE;
	if (locator.length == 72 && locator.octet[8] >> 2 != fields.slot) {
		fprintf(context->err, "ovnetctl: slot: expected %d, which is the /72 locator's, got %d\n",
			locator.octet[8] >> 2, fields.slot);
		return CLI_USAGE;
	}
	memcpy(fields.locator, locator.octet, sizeof(fields.locator));
	if (substrate_encode(&fields, &substrate) < 0)
		return CLI_USAGE;

	result = cJSON_CreateObject();
	if (cJSON_AddStringToObject(result, "substrate", substrate_format(&substrate, text)))
		status = show(context, result);
	else
		status = out_of_memory(context);
	cJSON_Delete(result);
	return status;
}

/* Adds a part of the topology, or null when its version has no such part. */
static cJSON *add_part(cJSON *object, const char *name, bool used, unsigned value)
{
	return used ? cJSON_AddNumberToObject(object, name, value) : cJSON_AddNullToObject(object, name);
}

static bool add_topology(cJSON *object, const struct topology *topology)
{
	bool narrow = topology->version == 0, wide = topology->version == 1;

	return cJSON_AddNumberToObject(object, "version", topology->version) &&
	       add_part(object, "locale", narrow || wide, topology->locale) &&
	       add_part(object, "area", narrow, topology->area) &&
	       add_part(object, "rack", narrow || wide, topology->rack) &&
	       add_part(object, "system", narrow, topology->system);
}

static bool add_address(cJSON *object, const struct substrate *substrate)
{
	struct substrate_fields fields = substrate_decode(substrate);
	struct topology topology = topology_decode(fields.locator);
	struct locator locator = {.length = 64};
	char text[ADDRESS_TEXT_MAX], locator_text[ADDRESS_TEXT_MAX], organization[9], address[ADDRESS_TEXT_MAX];
	cJSON *parts;

	memcpy(locator.octet, fields.locator, sizeof(fields.locator));
	snprintf(organization, sizeof(organization), "%02x%02x%02x%02x", fields.locator[0], fields.locator[1],
		fields.locator[2], fields.locator[3]);
	if (!cJSON_AddStringToObject(object, "substrate", substrate_format(substrate, text)) ||
		!cJSON_AddStringToObject(object, "locator", locator_format(&locator, locator_text)) ||
		!cJSON_AddStringToObject(object, "organization", organization))
		return false;
	parts = cJSON_AddObjectToObject(object, "topology");
	return parts && add_topology(parts, &topology) && cJSON_AddNumberToObject(object, "slot", fields.slot) &&
	       cJSON_AddBoolToObject(object, "forward", fields.forward) &&
	       cJSON_AddBoolToObject(object, "group", fields.group) &&
	       cJSON_AddNumberToObject(object, "vni", fields.vni) &&
	       cJSON_AddStringToObject(object, "address", ipv4_format(fields.address, address));
}

enum cli_status commands_address_decode(const struct command_context *context)
{
	struct substrate substrate;
	enum cli_status status;
	cJSON *result;

	if (substrate_parse(command_value(context, "ADDRESS"), &substrate) < 0)
		return CLI_USAGE;
	result = cJSON_CreateObject();
	status = result && add_address(result, &substrate) ? show(context, result) : out_of_memory(context);
	cJSON_Delete(result);
	return status;
}

struct findings {
	cJSON *list;
	unsigned count;
	bool lost; /* out of memory */
};

static void collect(void *context, const char *message)
{
	struct findings *findings = context;
	cJSON *text = cJSON_CreateString(message);

	findings->count++;
	if (!cJSON_AddItemToArray(findings->list, text)) {
		cJSON_Delete(text);
		findings->lost = true;
	}
}

enum cli_status commands_config_check(const struct command_context *context)
{
	const char *path = command_value(context, "FILE");
	cJSON *result = cJSON_CreateObject();
	struct findings findings = {.list = cJSON_CreateArray()};
	unsigned errors = 0, warnings = 0;
	struct config *config;
	enum cli_status status;

	if (config_load(path, collect, &findings, &config) == 0) {
		/* What a file that is accepted was reported for can only be a warning. */
		warnings = findings.count;
		config_check_interfaces(config, path, collect, &findings, &errors, &warnings);
		config_free(config);
	} else {
		/* Refused is refused, also if nothing was said about it. */
		errors = findings.count ? findings.count : 1;
	}
	status = errors == 0 && (warnings == 0 || !command_value(context, "strict")) ? CLI_OK : CLI_FAILED;

	if (findings.lost || !cJSON_AddStringToObject(result, "file", path) ||
		!cJSON_AddNumberToObject(result, "errors", errors) ||
		!cJSON_AddNumberToObject(result, "warnings", warnings) ||
		!cJSON_AddItemToObject(result, "findings", findings.list)) {
		cJSON_Delete(findings.list);
		status = out_of_memory(context);
	} else {
		show(context, result);
	}
	cJSON_Delete(result);
	return status;
}
