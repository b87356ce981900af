/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who asks, and what they may.
 *
 * A secret is 32 random octets as 43 characters of base64url after "ovt_"; what is kept of it is its BLAKE2b-256. (Secrets are random,
 * so a slow hash would gain nothing.) Whoever speaks over the unix socket as root, or as the manager's own user, is an operator.
 *
 *   role       may
 *   operator   everything, of all accounts
 *   admin      all of its account's objects and tokens, but what is the operators' (below)
 *   editor     the same without tokens
 *   viewer     show and list
 *   join       let one host join, once
 *   agent      a host that has joined: what agents ask
 *
 * What is the operators' alone: accounts and hosts; where a node is plugged in (host, port, MAC, slot), hence its making and removal;
 * a vnet's number and members; tokens of operators and to join. Tokens are for admins to see. Nobody makes a token that may more
 * than the maker's. An account sees nothing of another, but for a vnet that it is a member of: of that, the vnet
 * itself. What may not be seen is answered as what is not there.
 */
#ifndef OVNET_MANAGER_AUTH_H
#define OVNET_MANAGER_AUTH_H

#include "manager/state.h"

#define AUTH_SECRET_TEXT_MAX 48 /* "ovt_", 43 characters, terminator */

enum auth_role { ROLE_NONE, ROLE_JOIN, ROLE_AGENT, ROLE_VIEWER, ROLE_EDITOR, ROLE_ADMIN, ROLE_OPERATOR };

enum auth_verb { VERB_SHOW = 1, VERB_LIST = 2, VERB_CREATE = 4, VERB_SET = 8, VERB_DELETE = 16, VERB_APPLY = 32 };
#define VERBS_READ (VERB_SHOW | VERB_LIST)
#define VERBS_ALL 63

struct principal {
	enum auth_role role;
	unsigned verbs;               /* of enum auth_verb */
	char account[MODEL_PART_MAX]; /* of people's tokens */
	char name[MODEL_NAME_MAX];    /* of the token, or of the host that joins or has joined */
};

/* A new secret, and what is kept of it as text (64 hexadecimal digits). */
void auth_secret_make(char secret[AUTH_SECRET_TEXT_MAX], char hash[2 * STATE_HASH_LEN + 1]);

/*
 * Whose the secret is, at `now_s` since 1970. Returns 0; -ENOENT: nobody's; -EKEYEXPIRED; *out is then untouched.
 */
int auth_secret(const struct state *state, const char *secret, uint64_t now_s, struct principal *out);
/* Over the unix socket. */
int auth_local(unsigned uid, struct principal *out);

/* For messages and the log: "acme/deploy", "host/h1", "system/local". */
const char *auth_who(const struct principal *principal);
const char *auth_role_name(enum auth_role role);

/* Whether an object may be seen at all; whether writes of what has, or had, that key may be. */
bool auth_sees(const struct principal *principal, const struct object *object);
bool auth_sees_key(const struct principal *principal, const char *key);
/* Whether objects of the kind may be seen, listed, written by `verb` in that account. */
bool auth_may(const struct principal *principal, enum auth_verb verb, enum model_kind kind, const char *account);
/*
 * Whether the step is within what the principal may, field by field. Returns NULL, or the field that is the operators' ("" : the
 * object as a whole).
 */
const char *auth_step(const struct principal *principal, const struct state_step *step);

#endif /* OVNET_MANAGER_AUTH_H */
