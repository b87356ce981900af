/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes docs/api.yaml from the tables of kinds (table.c) and of the API (api.c). See api.h.
 *
 * What is in no table is in schemas.yaml, with a comment where each table goes.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "lib/error.h"
#include "model/api.h"
#include "model/internal.h"

/* What a schema of a kind is for. */
enum use { ANSWERED, CREATED, REPLACED, PATCHED };

static void PRINTF_LIKE(3, 4) line(FILE *out, unsigned indent, const char *format, ...)
{
	va_list arguments;

	fprintf(out, "%*s", (int)indent, "");
	va_start(arguments, format);
	vfprintf(out, format, arguments);
	va_end(arguments);
	putc('\n', out);
}

/* KEY: "TEXT", quoted for YAML. */
static void quoted(FILE *out, unsigned indent, const char *key, const char *text)
{
	fprintf(out, "%*s%s: \"", (int)indent, "", key);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', out);
		putc(*text, out);
	}
	fputs("\"\n", out);
}

/* "security_group" as "SecurityGroup". */
static const char *title(const char *name, char out[64])
{
	size_t used = 0;
	bool first = true;

	for (; *name && used < 63; name++) {
		if (*name != '_')
			out[used++] = first ? (char)toupper((unsigned char)*name) : *name;
		first = *name == '_';
	}
	out[used] = '\0';
	return out;
}

static void words(FILE *out, unsigned indent, const char *const *list)
{
	fprintf(out, "%*senum: [", (int)indent, "");
	for (size_t i = 0; list[i]; i++)
		fprintf(out, "%s\"%s\"", i ? ", " : "", list[i]);
	fputs("]\n", out);
}

/* ---- fields */

static void array(FILE *out, unsigned indent, const struct model_field *field)
{
	line(out, indent, "type: array");
	line(out, indent, "uniqueItems: true");
	if (field->min)
		line(out, indent, "minItems: %lld", field->min);
	if (field->max)
		line(out, indent, "maxItems: %lld", field->max);
	line(out, indent, "items:");
	line(out, indent + 2, "type: string");
	if (field->words)
		words(out, indent + 2, field->words);
}

static void type(FILE *out, unsigned indent, const struct model_field *field)
{
	char expected[MODEL_EXPECTED_MAX];

	switch (field->type) {
	case MODEL_NUMBER:
		line(out, indent, "type: integer");
		line(out, indent, "format: int64");
		line(out, indent, "minimum: %lld", field->min);
		line(out, indent, "maximum: %lld", field->max);
		break;
	case MODEL_BOOL:
		line(out, indent, "type: boolean");
		break;
	case MODEL_WORD:
		line(out, indent, "type: string");
		words(out, indent, field->words);
		break;
	case MODEL_WORDS:
	case MODEL_REFS:
	case MODEL_SERVICES:
	case MODEL_ENTRIES:
		array(out, indent, field);
		break;
	case MODEL_SELECTOR:
		line(out, indent, "allOf: [{$ref: \"#/components/schemas/Selector\"}]");
		break;
	case MODEL_MATCH:
		line(out, indent, "allOf: [{$ref: \"#/components/schemas/Match\"}]");
		break;
	case MODEL_TEXT:
		line(out, indent, "type: string");
		line(out, indent, "maxLength: %lld", field->max);
		break;
	default:
		line(out, indent, "type: string");
		quoted(out, indent, "x-expected", model_type_expected(field, expected));
	}
}

static bool is_in(const struct model_field *field, enum use use)
{
	return use == CREATED ? !field->assigned : !field->secret;
}

static void field_schema(FILE *out, const struct model_field *field, enum use use)
{
	line(out, 8, "%s:", field->name);
	quoted(out, 10, "description", field->help);
	type(out, 10, field);
	if (use == PATCHED && !field->required && !field->fixed && !field->assigned)
		line(out, 10, "nullable: true");
	if (field->fallback && use != PATCHED)
		line(out, 10, "default: %s", field->fallback);
	if (field->assigned)
		line(out, 10, "readOnly: true");
	if (field->fixed && use != CREATED)
		line(out, 10, "x-fixed: true");
}

/* ---- kinds */

static void required(FILE *out, const struct model_kind_row *row, enum use use)
{
	const char *separator = "";

	if (use == PATCHED)
		return;
	fprintf(out, "      required: [");
	if (use == ANSWERED)
		fputs("kind, name, revision", out);
	else if (use == CREATED)
		fputs("name", out);
	separator = use == REPLACED ? "" : ", ";
	for (size_t i = 0; i < row->field_count; i++) {
		const struct model_field *field = &row->fields[i];

		if (!field->required || (use == REPLACED && field->fixed))
			continue;
		fprintf(out, "%s%s", separator, field->name);
		separator = ", ";
	}
	fputs("]\n", out);
}

/* OpenAPI has no empty list of what is required. */
static bool has_required(const struct model_kind_row *row, enum use use)
{
	for (size_t i = 0; i < row->field_count; i++) {
		if (row->fields[i].required && !(use == REPLACED && row->fields[i].fixed))
			return true;
	}
	return use != REPLACED;
}

static void kind_schema(FILE *out, const struct model_kind_row *row, enum use use)
{
	static const char *const suffix[] =
		{[ANSWERED] = "", [CREATED] = "Create", [REPLACED] = "Replace", [PATCHED] = "Patch"};
	static const char *const says[] = {
		[ANSWERED] = "as it is answered",
		[CREATED] = "to be created",
		[REPLACED] = "that takes the place of one",
		[PATCHED] = "of which some fields change; null: back to the default",
	};
	char name[64];

	line(out, 4, "%s%s:", title(row->name, name), suffix[use]);
	line(out, 6, "type: object");
	fprintf(out, "      description: \"%s: %s; %s\"\n", row->name, row->summary, says[use]);
	/* Answers may have more one day. */
	if (use != ANSWERED)
		line(out, 6, "additionalProperties: false");
	if (has_required(row, use))
		required(out, row, use);
	line(out, 6, "properties:");
	line(out, 8, "kind: {type: string, enum: [\"%s\"]}", row->name);
	line(out, 8, "name: {$ref: \"#/components/schemas/%s\"}", row->of_account ? "WholeName" : "PartName");
	line(out, 8, "revision: {$ref: \"#/components/schemas/Revision\"}");
	for (size_t i = 0; i < row->field_count; i++) {
		if (is_in(&row->fields[i], use))
			field_schema(out, &row->fields[i], use);
	}
}

static void list_schema(FILE *out, const struct model_kind_row *row)
{
	char name[64];

	title(row->name, name);
	line(out, 4, "%sList:", name);
	line(out, 6, "type: object");
	line(out, 6, "required: [objects, total, revision]");
	line(out, 6, "properties:");
	line(out, 8, "revision: {$ref: \"#/components/schemas/Revision\"}");
	line(out, 8, "total: {type: integer, minimum: 0, description: \"how many there are from here on\"}");
	line(out, 8, "objects: {type: array, items: {$ref: \"#/components/schemas/%s\"}}", name);
	line(out, 8, "next: {type: string, description: \"there are more, after this name\"}");
}

static void any_object(FILE *out, const char *name, const char *suffix)
{
	char kind[64];

	line(out, 4, "%s:", name);
	line(out, 6, "oneOf:");
	for (int i = 0; i < MODEL_KINDS; i++)
		line(out, 8, "- {$ref: \"#/components/schemas/%s%s\"}", title(model_table[i].name, kind), suffix);
	line(out, 6, "discriminator:");
	line(out, 8, "propertyName: kind");
	line(out, 8, "mapping:");
	for (int i = 0; i < MODEL_KINDS; i++)
		line(out, 10, "%s: \"#/components/schemas/%s%s\"", model_table[i].name,
			title(model_table[i].name, kind), suffix);
}

static void kinds(FILE *out)
{
	for (int kind = 0; kind < MODEL_KINDS; kind++) {
		for (int use = ANSWERED; use <= PATCHED; use++)
			kind_schema(out, &model_table[kind], (enum use)use);
		list_schema(out, &model_table[kind]);
	}
	any_object(out, "ObjectCreate", "Create");
}

/* ---- paths */

static void parameter(FILE *out, const struct model_api_parameter *row)
{
	line(out, 4, "%s:", row->id);
	line(out, 6, "name: %s", row->name);
	line(out, 6, "in: %s", row->header ? "header" : "query");
	quoted(out, 6, "description", row->help);
	if (row->required)
		line(out, 6, "required: true");
	line(out, 6, "schema:");
	line(out, 8, "type: %s",
		row->type == MODEL_NUMBER ? "integer"
		: row->type == MODEL_BOOL ? "boolean"
					  : "string");
	if (row->type == MODEL_NUMBER) {
		line(out, 8, "minimum: %lld", row->min);
		line(out, 8, "maximum: %lld", row->max);
	}
	if (row->fallback)
		line(out, 8, "default: %s", row->fallback);
}

static void parameters(FILE *out)
{
	line(out, 2, "parameters:");
	for (size_t i = 0; i < model_api_parameter_count; i++)
		parameter(out, &model_api_parameters[i]);
}

/* What stands in braces, as parameters of the path. */
static void path_parameters(FILE *out, const char *path)
{
	while ((path = strchr(path, '{'))) {
		int length = (int)strcspn(path + 1, "}");
		bool version = strncmp(path + 1, "version}", 8) == 0;

		line(out, 8, "- {name: \"%.*s\", in: path, required: true, schema: {type: %s}}", length, path + 1,
			version ? "integer" : "string");
		path += length;
	}
}

/* A schema's name, with {} for the kind. */
static const char *schema_name(const char *pattern, const struct model_kind_row *kind, char out[128])
{
	char name[64];

	if (strncmp(pattern, "{}", 2) != 0)
		snprintf(out, 128, "%s", pattern);
	else
		snprintf(out, 128, "%s%s", title(kind->name, name), pattern + 2);
	return out;
}

static void content(FILE *out, unsigned indent, const char *media, const char *schema)
{
	line(out, indent, "content:");
	line(out, indent + 2, "%s: {schema: {$ref: \"#/components/schemas/%s\"}}", media ? media : "application/json",
		schema);
}

/* What a dry run of a single change is answered with, beside what the change is. */
static void content_or_applied(FILE *out, const char *schema)
{
	line(out, 10, "content:");
	line(out, 12, "application/json:");
	line(out, 14, "schema:");
	line(out, 16, "oneOf:");
	line(out, 18, "- {$ref: \"#/components/schemas/%s\"}", schema);
	line(out, 18, "- {$ref: \"#/components/schemas/Applied\"}");
}

static void answer(FILE *out, const struct model_api_row *row, const struct model_kind_row *kind)
{
	char name[128];
	const char *schema = row->answer ? schema_name(row->answer, kind, name) : NULL;
	bool dry = (row->parameters & MODEL_API_DRY_RUN) && schema && strcmp(schema, "Applied") != 0;

	/* The secret of a token is told this once. */
	if (kind == &model_table[MODEL_TOKEN] && strcmp(row->method, "POST") == 0)
		schema = "TokenCreated";
	line(out, 6, "responses:");
	if (dry && row->status != 200) {
		line(out, 8, "\"200\":");
		line(out, 10, "description: \"of a dry run: what would be done\"");
		content(out, 10, NULL, "Applied");
	}
	line(out, 8, "\"%d\":", row->status);
	line(out, 10, "description: \"%s\"",
		!schema                     ? "done; nothing is answered"
		: dry && row->status == 200 ? "done; or of a dry run: what would be done"
					    : "done");
	if (row->etag)
		line(out, 10, "headers: {ETag: {$ref: \"#/components/headers/Revision\"}}");
	if (dry && row->status == 200)
		content_or_applied(out, schema);
	else if (schema)
		content(out, 10, row->media, schema);
	line(out, 8, "default: {$ref: \"#/components/responses/Refused\"}");
}

static void operation(FILE *out, const struct model_api_row *row, const char *path, const struct model_kind_row *kind)
{
	static const char *const scheme[] = {
		[MODEL_API_ANYBODY] = "[]",
		[MODEL_API_USER] = "[{token: []}]",
		[MODEL_API_SYSTEM] = "[{token: []}]",
		[MODEL_API_JOINER] = "[{join: []}]",
		[MODEL_API_AGENT] = "[{host: []}]",
	};
	char summary[128], subject[64], name[128];
	const char *rest = strstr(row->summary, "%s");

	if (rest && strchr(row->path, '{') && !strstr(row->path, "{name}") && strcmp(row->method, "GET") == 0)
		snprintf(subject, sizeof(subject), "%s", kind->plural);
	else if (rest)
		snprintf(subject, sizeof(subject), "%s %s", MODEL_A(kind - model_table));
	snprintf(summary, sizeof(summary), "%.*s%s", rest ? (int)(rest - row->summary) : 100, row->summary,
		rest ? subject : "");
	fprintf(out, "    ");
	for (const char *c = row->method; *c; c++)
		putc(tolower((unsigned char)*c), out);
	fputs(":\n", out);
	quoted(out, 6, "summary", summary);
	if (row->who == MODEL_API_SYSTEM)
		quoted(out, 6, "description", "for tokens of the account " MODEL_SYSTEM);
	line(out, 6, "security: %s", scheme[row->who]);
	if (row->parameters || strchr(path, '{')) {
		line(out, 6, "parameters:");
		path_parameters(out, path);
		for (size_t i = 0; i < model_api_parameter_count; i++) {
			if (row->parameters & 1u << i)
				line(out, 8, "- {$ref: \"#/components/parameters/%s\"}", model_api_parameters[i].id);
		}
	}
	if (row->body) {
		line(out, 6, "requestBody:");
		line(out, 8, "required: true");
		content(out, 8, NULL, schema_name(row->body, kind, name));
	}
	answer(out, row, kind);
}

/* Rows of one path follow one another. Returns the first one of another path. */
static const struct model_api_row *path_item(FILE *out, const struct model_api_row *row,
	const struct model_kind_row *kind)
{
	const char *path = row->path, *plural = strstr(path, "{plural}"), *name = strstr(path, "/{name}");
	char written[128];

	if (plural)
		snprintf(written, sizeof(written), "%.*s%s%s", (int)(plural - path), path, kind->plural,
			!name              ? ""
			: kind->of_account ? "/{account}/{name}"
					   : "/{name}");
	else
		snprintf(written, sizeof(written), "%s", path);
	line(out, 2, "%s:", written);
	for (; row->method && strcmp(row->path, path) == 0; row++)
		operation(out, row, written, kind);
	return row;
}

static void paths(FILE *out)
{
	fputs("paths:\n", out);
	for (int kind = 0; kind < MODEL_KINDS; kind++) {
		for (const struct model_api_row *row = model_api; row->method && strstr(row->path, "{plural}");)
			row = path_item(out, row, &model_table[kind]);
	}
	for (const struct model_api_row *row = model_api; row->method;) {
		if (strstr(row->path, "{plural}"))
			row++;
		else
			row = path_item(out, row, NULL);
	}
}

int model_openapi(FILE *frame, FILE *out)
{
	static const struct {
		const char *comment;
		void (*write)(FILE *out);
	} places[] = {{"# PATHS\n", paths}, {"  # PARAMETERS\n", parameters}, {"    # KINDS\n", kinds}};
	char text[1000];
	size_t at = 0;

	fputs("# Generated by `make docs` from model/table.c, model/api.c and model/schemas.yaml; do not edit.\n", out);
	while (fgets(text, sizeof(text), frame)) {
		if (at < ARRAY_LEN(places) && strcmp(text, places[at].comment) == 0)
			places[at++].write(out);
		else if (*text != '#')
			fputs(text, out);
	}
	return at == ARRAY_LEN(places) ? 0 : -EINVAL;
}
