/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Secrets and permissions. See auth.h, which says what may be.
 */
#include "manager/auth.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/json.h"

#define SECRET_PREFIX "ovt_"
#define SECRET_LEN 32
#define BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING

_Static_assert(sizeof(SECRET_PREFIX) + 43 <= AUTH_SECRET_TEXT_MAX, "a secret fits");

static const char *const role_names[] = {
	[ROLE_NONE] = "none",
	[ROLE_JOIN] = "join",
	[ROLE_AGENT] = "agent",
	[ROLE_VIEWER] = "viewer",
	[ROLE_EDITOR] = "editor",
	[ROLE_ADMIN] = "admin",
	[ROLE_OPERATOR] = "operator",
};

static const struct {
	const char *name;
	enum auth_verb verb;
} verb_names[] = {
	{"show", VERB_SHOW},
	{"list", VERB_LIST},
	{"create", VERB_CREATE},
	{"set", VERB_SET},
	{"delete", VERB_DELETE},
	{"apply", VERB_APPLY},
};

/* What is the operators' alone, of objects that accounts have. */
static const struct {
	enum model_kind kind;
	const char *field; /* "": that there is one at all */
} operators[] = {
	{MODEL_NODE, ""},
	{MODEL_NODE, "host"},
	{MODEL_NODE, "port"},
	{MODEL_NODE, "mac"},
	{MODEL_NODE, "slot"},
	{MODEL_VNET, "members"},
};

/* ---- secrets */

static void hash_secret(const uint8_t secret[SECRET_LEN], uint8_t hash[STATE_HASH_LEN])
{
	crypto_generichash(hash, STATE_HASH_LEN, secret, SECRET_LEN, NULL, 0);
}

void auth_secret_make(char secret[AUTH_SECRET_TEXT_MAX], char hash[2 * STATE_HASH_LEN + 1])
{
	uint8_t octets[SECRET_LEN], hashed[STATE_HASH_LEN];

	randombytes_buf(octets, sizeof(octets));
	memcpy(secret, SECRET_PREFIX, sizeof(SECRET_PREFIX));
	sodium_bin2base64(secret + strlen(SECRET_PREFIX), AUTH_SECRET_TEXT_MAX - strlen(SECRET_PREFIX), octets,
		sizeof(octets), BASE64);
	hash_secret(octets, hashed);
	sodium_bin2hex(hash, 2 * STATE_HASH_LEN + 1, hashed, sizeof(hashed));
	sodium_memzero(octets, sizeof(octets));
}

static enum auth_role role_of(const char *word)
{
	for (size_t i = 0; word && i < ARRAY_LEN(role_names); i++)
		if (!strcmp(role_names[i], word))
			return (enum auth_role)i;
	return ROLE_NONE;
}

/* A token may be for less than its role is. */
static unsigned verbs_of(const struct object *token, enum auth_role role)
{
	unsigned verbs = role >= ROLE_EDITOR ? VERBS_ALL : role == ROLE_VIEWER ? VERBS_READ : 0, named = 0;
	const cJSON *list = json_member(token->body, "verbs"), *each;

	if (!list)
		return verbs;
	cJSON_ArrayForEach(each, list) {
		for (size_t i = 0; i < ARRAY_LEN(verb_names); i++)
			if (!strcmp(each->valuestring, verb_names[i].name))
				named |= verb_names[i].verb;
	}
	return verbs & named;
}

static int token_principal(const struct object *token, uint64_t now_s, struct principal *out)
{
	struct principal found = {.role = role_of(object_text(token, "role"))};
	long long expires_s = object_number(token, "expires", 0);

	if (expires_s && (uint64_t)expires_s <= now_s)
		return -EKEYEXPIRED;
	found.verbs = verbs_of(token, found.role);
	object_account(token, found.account);
	strcpy(found.name, token->name);
	*out = found;
	return 0;
}

int auth_secret(const struct state *state, const char *secret, uint64_t now_s, struct principal *out)
{
	uint8_t octets[SECRET_LEN], hash[STATE_HASH_LEN];
	const struct object *object;
	size_t length = 0;
	const char *end;

	if (strncmp(secret, SECRET_PREFIX, strlen(SECRET_PREFIX)))
		return -ENOENT;
	secret += strlen(SECRET_PREFIX);
	if (sodium_base642bin(octets, sizeof(octets), secret, strlen(secret), NULL, &length, &end, BASE64) || *end ||
		length != sizeof(octets))
		return -ENOENT;
	hash_secret(octets, hash);
	sodium_memzero(octets, sizeof(octets));
	object = state_secret(state, hash);
	if (!object)
		return -ENOENT;
	if (object->kind == MODEL_TOKEN)
		return token_principal(object, now_s, out);
	*out = (struct principal){.role = ROLE_AGENT, .account = MODEL_SYSTEM};
	strcpy(out->name, object->name);
	return 0;
}

int auth_local(unsigned uid, struct principal *out)
{
	if (uid != 0 && uid != geteuid())
		return -ENOENT;
	*out = (struct principal){.role = ROLE_OPERATOR,
		.verbs = VERBS_ALL,
		.account = MODEL_SYSTEM,
		.name = "system/local"};
	return 0;
}

const char *auth_who(const struct principal *principal)
{
	return principal->name;
}

const char *auth_role_name(enum auth_role role)
{
	return role_names[role];
}

/* ---- permissions */

static bool of_people(const struct principal *principal)
{
	return principal->role >= ROLE_VIEWER;
}

static bool sees_kind(const struct principal *principal, enum model_kind kind)
{
	return kind != MODEL_HOST && (kind != MODEL_TOKEN || principal->role == ROLE_ADMIN);
}

bool auth_sees(const struct principal *principal, const struct object *object)
{
	char account[MODEL_PART_MAX];

	if (!of_people(principal))
		return false;
	if (principal->role == ROLE_OPERATOR)
		return true;
	if (!sees_kind(principal, object->kind))
		return false;
	if (object->kind == MODEL_VNET && object_vnet_has(object, principal->account))
		return true;
	object_account(object, account);
	return !strcmp(account, principal->account);
}

bool auth_sees_key(const struct principal *principal, const char *key)
{
	char account[MODEL_PART_MAX];
	enum model_kind kind;
	const char *name;

	if (principal->role == ROLE_OPERATOR)
		return true;
	if (!of_people(principal) || model_key_parse(key, &kind, &name) || !sees_kind(principal, kind))
		return false;
	if (kind == MODEL_ACCOUNT)
		return !strcmp(name, principal->account);
	model_account(name, account);
	return !strcmp(account, principal->account);
}

bool auth_may(const struct principal *principal, enum auth_verb verb, enum model_kind kind, const char *account)
{
	if (!of_people(principal) || !(principal->verbs & verb))
		return false;
	if (principal->role == ROLE_OPERATOR)
		return true;
	if (account && strcmp(account, principal->account))
		return false;
	if (verb & VERBS_READ)
		return sees_kind(principal, kind);
	if (kind == MODEL_ACCOUNT || kind == MODEL_HOST)
		return false;
	return kind != MODEL_TOKEN || principal->role == ROLE_ADMIN;
}

static bool field_differs(const struct state_step *step, const char *field)
{
	const cJSON *before = step->before ? json_member(step->before->body, field) : NULL;
	const cJSON *after = step->after ? json_member(step->after->body, field) : NULL;

	if (!before || !after)
		return before || after;
	return !cJSON_Compare(before, after, true);
}

/* Nobody makes a token that may more than its maker, nor changes or deletes one that does. */
static const char *token_step(const struct principal *principal, const struct state_step *step)
{
	const struct object *object = step->after ? step->after : step->before;
	enum auth_role role = role_of(object_text(object, "role"));

	if (role > principal->role || (role == ROLE_JOIN && step->after && principal->role != ROLE_OPERATOR))
		return step->after ? "role" : "";
	if (step->after && role >= ROLE_VIEWER && verbs_of(step->after, role) & ~principal->verbs &&
		(!step->before || field_differs(step, "verbs")))
		return "verbs";
	return NULL;
}

const char *auth_step(const struct principal *principal, const struct state_step *step)
{
	const struct object *object = step->after ? step->after : step->before;

	if (object->kind == MODEL_TOKEN)
		return token_step(principal, step);
	if (principal->role == ROLE_OPERATOR)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
		if (operators[i].kind != object->kind)
			continue;
		if (!*operators[i].field ? !step->before || !step->after
					 : step->after && field_differs(step, operators[i].field))
			return operators[i].field;
	}
	return NULL;
}
