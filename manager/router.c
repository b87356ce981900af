/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of the API's table and their handlers. See router.h.
 */
#include "manager/router.h"

#include <errno.h>
#include <microhttpd.h>
#include <string.h>

#include "manager/agents.h"
#include "manager/enrol.h"
#include "manager/history.h"
#include "manager/http.h"
#include "manager/metrics.h"
#include "manager/objects.h"
#include "manager/trials.h"
#include "manager/watchers.h"
#include "model/api.h"

/* What is served at a path, by all its methods; of a kind's objects and versions with what the path names. */
struct route {
	const char *path;
	void (*handle)(struct http_request *request);
	void (*handle_named)(struct http_request *request, const struct model_api_match *match);
	unsigned verbs; /* of which the token must have one; 0: whatever */
};

static void versions(struct http_request *request, const struct model_api_match *match)
{
	history_versions(request, match->name, match->version);
}

static void restore(struct http_request *request, const struct model_api_match *match)
{
	history_restore(request, match->name, match->version);
}

static void objects(struct http_request *request, const struct model_api_match *match)
{
	objects_handle(request, (enum model_kind)match->kind, match->name);
}

static const struct route routes[] = {
	{"/v1/{plural}", .handle_named = objects},
	{"/v1/{plural}/{name}", .handle_named = objects},
	{"/v1/handles/{account}/{name}/versions", .handle_named = versions, .verbs = VERB_SHOW},
	{"/v1/handles/{account}/{name}/versions/{version}", .handle_named = versions, .verbs = VERB_SHOW},
	{"/v1/handles/{account}/{name}/versions/{version}/restore", .handle_named = restore, .verbs = VERB_SET},
	{"/v1/apply", .handle = apply_handle, .verbs = VERB_APPLY},
	{"/v1/export", .handle = export_handle, .verbs = VERB_LIST},
	{"/v1/log", .handle = history_log, .verbs = VERB_LIST},
	{"/v1/wait", .handle = watchers_wait},
	{"/v1/events", .handle = watchers_events, .verbs = VERB_LIST},
	{"/v1/backup", .handle = history_backup, .verbs = VERB_APPLY},
	{"/v1/status", .handle = metrics_status},
	{"/healthz", .handle = metrics_health},
	{"/metrics", .handle = metrics_handle},
	{"/v1/join", .handle = enrol_join},
	{"/v1/agent/watch", .handle = agents_watch},
	{"/v1/agent/applied", .handle = agents_applied},
	{"/v1/agent/resolve", .handle = resolve_handle},
	{"/v1/agent/passports", .handle = passports_handle},
	{"/v1/agent/trial", .handle = trials_handle},
};

bool router_is_open(const char *path)
{
	for (const struct model_api_row *row = model_api; row->method; row++)
		if (row->who == MODEL_API_ANYBODY && !strcmp(row->path, path))
			return true;
	return false;
}

static const struct route *route_of(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(routes); i++)
		if (!strcmp(routes[i].path, path))
			return &routes[i];
	return NULL;
}

static bool is_let(const struct principal *principal, const struct model_api_row *row, const struct route *route)
{
	switch (row->who) {
	case MODEL_API_ANYBODY:
		return true;
	case MODEL_API_USER:
		return principal->role >= ROLE_VIEWER && (!route->verbs || principal->verbs & route->verbs);
	case MODEL_API_SYSTEM:
		return principal->role >= ROLE_VIEWER && (!route->verbs || principal->verbs & route->verbs) &&
		       !strcmp(principal->account, MODEL_SYSTEM);
	case MODEL_API_JOINER:
		return principal->role == ROLE_JOIN;
	case MODEL_API_AGENT:
		return principal->role == ROLE_AGENT;
	}
	return false;
}

static bool takes(const void *row, const char *name)
{
	return model_api_takes(row, name, NULL);
}

/* A word that is not understood could be a dry run that is none. */
static bool is_understood(struct http_request *request, const struct model_api_row *row)
{
	const char *unknown = http_query_unknown(request, takes, row);
	char known[160];

	if (!unknown)
		return true;
	model_api_takes(row, "", known);
	http_refuse(request, MHD_HTTP_BAD_REQUEST, "expected as parameters at most %s, got '%.64s'", known, unknown);
	return false;
}

void router_dispatch(struct http_request *request)
{
	const struct model_api_row *row;
	const struct route *route;
	struct model_api_match match;
	char allowed[64];
	int error = model_api_find(http_method(request), http_path(request), &row, &match, allowed);

	route = error ? NULL : route_of(row->path);
	if (error == -EPERM)
		http_refuse_method(request, allowed);
	else if (!route)
		http_refuse(request, MHD_HTTP_NOT_FOUND, "there is no %s", http_path(request));
	else if (!is_let(http_principal(request), row, route))
		http_refuse(request, MHD_HTTP_FORBIDDEN, "a token of role %s may not do that here",
			auth_role_name(http_principal(request)->role));
	else if (!is_understood(request, row))
		return;
	else if (route->handle)
		route->handle(request);
	else
		route->handle_named(request, &match);
}
