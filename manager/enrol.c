/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hosts join. See enrol.h. In one transaction the token goes and the host gets its key: a token serves once, whatever breaks.
 */
#include "manager/enrol.h"

#include <errno.h>
#include <microhttpd.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/json.h"
#include "lib/log.h"
#include "manager/change.h"
#include "manager/http.h"
#include "proto/key.h"

struct joining {
	struct manager *manager;
	struct http_request *request; /* NULL: its client is gone */
	char host[MODEL_PART_MAX];
	char key[KEY_TEXT_MAX];
	char secret[AUTH_SECRET_TEXT_MAX], hash[2 * STATE_HASH_LEN + 1];
};

static void joining_free(void *context)
{
	explicit_bzero(context, sizeof(struct joining));
	free(context);
}

static void on_gone(void *context)
{
	((struct joining *)context)->request = NULL;
}

static void assign(void *context, const struct object *before, cJSON *body)
{
	const struct joining *joining = context;

	(void)before;
	model_assign(body, "key", cJSON_CreateString(joining->key));
	model_assign(body, "credential", cJSON_CreateString(joining->hash));
	model_assign(body, "joined", cJSON_CreateNumber((double)time(NULL)));
}

static void on_done(void *context, int result, uint64_t revision)
{
	struct joining *joining = context;
	const struct object *host;
	char text[KEY_TEXT_MAX];
	cJSON *body;

	if (!joining->request) {
		log_warning("join: host %s went away before it was told; it needs another token", joining->host);
		return;
	}
	http_on_gone(joining->request, NULL, NULL);
	if (result == -EINVAL) {
		/* It was judged, and there was no such token any more. */
		http_refuse(joining->request, MHD_HTTP_UNAUTHORIZED, "the token was spent");
		return;
	}
	if (result) {
		http_refuse(joining->request, MHD_HTTP_SERVICE_UNAVAILABLE, "nothing was written: %s",
			strerror(-result));
		return;
	}
	host = state_find(joining->manager->state, MODEL_HOST, joining->host);
	body = cJSON_CreateObject();
	cJSON_AddStringToObject(body, "host", joining->host);
	cJSON_AddStringToObject(body, "locator", host ? object_text(host, "locator") : "");
	cJSON_AddStringToObject(body, "secret", joining->secret);
	key_format(joining->manager->authority.public_key, text);
	cJSON_AddStringToObject(body, "authority", text);
	cJSON_AddNumberToObject(body, "lease", joining->manager->options.lease_s);
	cJSON_AddNumberToObject(body, "revision", (double)revision);
	http_answer(joining->request, MHD_HTTP_CREATED, body);
	log_notice("host %s has joined", joining->host);
}

/* The host of the token that was shown. NULL: an answer has been given. */
static const char *join_host(struct http_request *request)
{
	const struct principal *principal = http_principal(request);
	const struct object *token = state_find(http_manager(request)->state, MODEL_TOKEN, principal->name);
	const char *host = token ? object_text(token, "host") : NULL;

	if (!host)
		http_refuse(request, MHD_HTTP_UNAUTHORIZED, "the token was spent");
	return host;
}

void enrol_join(struct http_request *request)
{
	const struct principal *principal = http_principal(request);
	const cJSON *body = http_json(request);
	const char *key = cJSON_GetStringValue(json_member(body, "key")), *host;
	struct change_request change = {.done = on_done, .assign = assign, .free_context = joining_free, .count = 2};
	struct joining *joining;
	uint8_t octets[32];

	if (!body)
		return;
	/* All zeros is none. */
	if (!key || key_parse(key, octets) || sodium_is_zero(octets, sizeof(octets))) {
		http_refuse(request, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"key: expected a public key: 44 characters of base64");
		return;
	}
	host = join_host(request);
	if (!host)
		return;
	joining = calloc(1, sizeof(*joining));
	change.items = calloc(2, sizeof(*change.items));
	if (!joining || !change.items) {
		free(joining);
		free(change.items);
		http_refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
		return;
	}
	joining->manager = http_manager(request);
	joining->request = request;
	strcpy(joining->host, host);
	strcpy(joining->key, key);
	auth_secret_make(joining->secret, joining->hash);
	change.context = joining;
	/* What the token lets be done is done in its name. */
	change.principal = (struct principal){.role = ROLE_OPERATOR, .verbs = VERBS_ALL, .account = MODEL_SYSTEM};
	strcpy(change.principal.name, principal->name);
	strcpy(change.why, "joins");
	change.items[0] = (struct change_item){.verb = CHANGE_DELETE, .kind = MODEL_TOKEN};
	strcpy(change.items[0].name, principal->name);
	change.items[1] = (struct change_item){.verb = CHANGE_PATCH, .kind = MODEL_HOST, .body = cJSON_CreateObject()};
	strcpy(change.items[1].name, host);
	http_on_gone(request, on_gone, joining);
	change_start(joining->manager, &change);
}
