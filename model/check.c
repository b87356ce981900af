/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one row of the table cannot say: fields that need or exclude each other. See internal.h.
 */
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "model/internal.h"

static void refuse(struct reader *reader, const char *path, const char *field, const char *expected, const cJSON *value)
{
	char here[MODEL_PATH_MAX];

	reader_path(here, path, field);
	reader_refuse(reader, here, expected, value);
}

static void check_token(struct reader *reader, const cJSON *token, const char *path)
{
	const cJSON *role = json_member(token, "role"), *host = json_member(token, "host"),
		    *verbs = json_member(token, "verbs");
	bool join = strcmp(role->valuestring, "join") == 0;

	if (join && !host)
		refuse(reader, path, "host", "the host that may join with this token", host);
	if (!join && host)
		refuse(reader, path, "host", "nothing, as only tokens to join are for a host", host);
	if (join && verbs)
		refuse(reader, path, "verbs", "nothing, as a token to join has no other use", verbs);
	/* Who runs the installation is nobody's customer. */
	if (strcmp(role->valuestring, "operator") == 0 && strcmp(reader->owner, MODEL_SYSTEM) != 0)
		refuse(reader, path, "role",
			"admin, editor, viewer or join, as operators are of the account '" MODEL_SYSTEM "'", role);
}

static void check_vnet(struct reader *reader, const cJSON *vnet, const char *path)
{
	const cJSON *member;
	char here[MODEL_PATH_MAX];
	size_t index = 0;

	cJSON_ArrayForEach(member, json_member(vnet, "members")) {
		snprintf(here, sizeof(here), "members[%zu]", index++);
		if (strcmp(member->valuestring, reader->owner) == 0)
			refuse(reader, path, here, "another account than the vnet's own", member);
	}
}

/* Something that contains itself by name; what does so by a detour is the manager's to find. */
static void check_itself(struct reader *reader, const cJSON *object, const char *list, const char *prefix,
	const char *path)
{
	const char *name = json_member(object, "name")->valuestring;
	size_t length = strlen(prefix), index = 0;
	const cJSON *element;
	char here[MODEL_PATH_MAX];

	cJSON_ArrayForEach(element, json_member(object, list)) {
		const char *text = element->valuestring;

		if (strncmp(text, prefix, length) == 0 && strcmp(text + length, name) == 0) {
			snprintf(here, sizeof(here), "%s[%zu]", list, index);
			refuse(reader, path, here, "another one than itself", element);
		}
		index++;
	}
}

static void check_policy(struct reader *reader, const cJSON *policy, const char *path)
{
	const cJSON *target = json_member(policy, "target");

	if (json_member(policy, "security_group") &&
		(!cJSON_IsString(target) || strcmp(target->valuestring, "any") != 0))
		refuse(reader, path, "target",
			"nothing, as a policy of a security group is about the nodes that name that", target);
}

void model_check(struct reader *reader, enum model_kind kind, const cJSON *object, const char *path)
{
	switch (kind) {
	case MODEL_TOKEN:
		check_token(reader, object, path);
		break;
	case MODEL_VNET:
		check_vnet(reader, object, path);
		break;
	case MODEL_GROUP:
		check_itself(reader, object, "groups", "", path);
		break;
	case MODEL_HANDLE:
		check_itself(reader, object, "entries", "handle:", path);
		break;
	case MODEL_POLICY:
		check_policy(reader, object, path);
		break;
	default:
		break;
	}
}
