/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pieces of sentences about explanations. See words.h.
 */
#include "cli/words.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"

bool words_say(cJSON *summary, const char *format, ...)
{
	char *sentence = NULL;
	va_list arguments;
	cJSON *item;
	int length;

	va_start(arguments, format);
	length = vasprintf(&sentence, format, arguments);
	va_end(arguments);
	if (length < 0)
		return false;
	item = cJSON_CreateString(sentence);
	free(sentence);
	if (cJSON_AddItemToArray(summary, item))
		return true;
	cJSON_Delete(item);
	return false;
}

const char *words_text(const cJSON *object, const char *name, const char *missing)
{
	const cJSON *value = json_member(object, name);

	return cJSON_IsString(value) ? value->valuestring : missing;
}

double words_number(const cJSON *object, const char *name)
{
	const cJSON *value = json_member(object, name);

	return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

bool words_true(const cJSON *object, const char *name)
{
	return cJSON_IsTrue(json_member(object, name));
}

char *words_end(const cJSON *end)
{
	const char *name = words_text(end, "name", NULL), *address = words_text(end, "address", "?");
	char *words = NULL;

	if (!name)
		return strdup(address);
	return asprintf(&words, "%s (%s)", name, address) < 0 ? NULL : words;
}

char *words_service(const cJSON *explanation)
{
	const char *protocol = words_text(explanation, "protocol", "?");
	unsigned port = (unsigned)words_number(explanation, "port");
	char *words = NULL;
	int written;

	if (strcmp(protocol, "icmp") == 0)
		written = asprintf(&words, "icmp type %u", port);
	else if (strcmp(protocol, "tcp") == 0 || strcmp(protocol, "udp") == 0)
		written = asprintf(&words, "%s port %u", protocol, port);
	else
		written = asprintf(&words, "protocol %s", protocol);
	return written < 0 ? NULL : words;
}

char *words_decided_by(const cJSON *decision)
{
	const char *by = words_text(decision, "by", ""), *group = words_text(decision, "group", NULL),
		   *handle = words_text(decision, "handle", NULL);
	unsigned policy = (unsigned)words_number(decision, "policy");
	char *words = NULL;
	int written;

	if (!policy)
		written = asprintf(&words, "by default%s%s%s", group ? " of group '" : "", group ? group : "",
			group ? "'" : "");
	else
		written = asprintf(&words, "by policy %u '%s', which names the other end %s%s%s", policy,
			words_text(decision, "policy_name", "?"),
			strcmp(by, "address") == 0 ? "by address"
			: group                    ? "through group '"
			: handle                   ? "through handle '"
						   : "in general",
			group    ? group
			: handle ? handle
				 : "",
			group || handle ? "'" : "");
	return written < 0 ? NULL : words;
}
