/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The manager's figures. See metrics.h. Names and units as Prometheus asks: a counter ends in _total, a time is in seconds.
 */
#include "manager/metrics.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/error.h"
#include "lib/time.h"
#include "manager/agents.h"
#include "manager/change.h"
#include "manager/http.h"
#include "manager/writer.h"

struct metrics {
	uint64_t counts[METRIC_COUNT];
};

int metrics_open(struct manager *manager)
{
	manager->metrics = calloc(1, sizeof(*manager->metrics));
	return manager->metrics ? 0 : -ENOMEM;
}

void metrics_close(struct manager *manager)
{
	free(manager->metrics);
	manager->metrics = NULL;
}

void metrics_count(struct manager *manager, enum metric metric)
{
	manager->metrics->counts[metric]++;
}

/* ---- /metrics */

static void head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(FILE *out, const char *name, const char *type, const char *help, double value)
{
	head(out, name, type, help);
	fprintf(out, "%s %.17g\n", name, value);
}

static void write_objects(FILE *out, const struct manager *manager)
{
	head(out, "ovnet_manager_objects", "gauge", "Objects kept, by kind.");
	for (size_t kind = 0; kind < MODEL_KINDS; kind++)
		fprintf(out, "ovnet_manager_objects{kind=\"%s\"} %zu\n", model_table[kind].name,
			state_count(manager->state, (enum model_kind)kind));
	one(out, "ovnet_manager_revision", "gauge", "Revision of the latest transaction.",
		(double)state_revision(manager->state));
}

static void write_http(FILE *out, const struct manager *manager)
{
	const struct http_counters *http = http_counters(manager);

	head(out, "ovnet_manager_http_requests_total", "counter", "Requests answered, by class of status.");
	for (unsigned class = 2; class < 6; class ++)
		fprintf(out, "ovnet_manager_http_requests_total{class=\"%uxx\"} %llu\n", class,
			(unsigned long long)http->requests[class]);
	one(out, "ovnet_manager_http_connections", "gauge", "Connections that are open.", (double)http->connections);
	one(out, "ovnet_manager_http_streams", "gauge", "Streams that are open.", (double)http->streams);
	one(out, "ovnet_manager_http_unauthorized_total", "counter", "Secrets that are nobody's.",
		(double)http->unauthorized);
	one(out, "ovnet_manager_http_refused_rate_total", "counter", "Requests of those who ask too often.",
		(double)http->refused_rate);
	one(out, "ovnet_manager_http_refused_size_total", "counter", "Requests that are too long.",
		(double)http->refused_size);
}

static void write_changes(FILE *out, const struct manager *manager)
{
	const struct change_counters *changes = change_counters(manager);

	one(out, "ovnet_manager_changes_committed_total", "counter", "Changes that were written.",
		(double)changes->committed);
	one(out, "ovnet_manager_changes_refused_total", "counter", "Changes that were refused.",
		(double)changes->refused);
	one(out, "ovnet_manager_changes_retried_total", "counter",
		"Changes judged again, since another manager had written.", (double)changes->retried);
	one(out, "ovnet_manager_changes_followed_total", "counter", "Changes of other managers.",
		(double)changes->followed);
	one(out, "ovnet_manager_changes_waiting", "gauge", "Changes in line.", (double)changes->waiting);
	one(out, "ovnet_manager_store_stale", "gauge", "1 while the store cannot be followed.", manager->stale);
}

struct lag {
	uint64_t late, most;
	uint64_t revision;
};

static void lag_of(void *context, const struct agent_status *status)
{
	struct lag *lag = context;

	if (!status->late_since)
		return;
	lag->late++;
	if (lag->revision - status->late_since + 1 > lag->most)
		lag->most = lag->revision - status->late_since + 1;
}

static void write_agents(FILE *out, const struct manager *manager)
{
	const struct agents_counters *agents = agents_counters(manager);
	struct lag lag = {.revision = state_revision(manager->state)};

	agents_each(manager, lag_of, &lag);
	one(out, "ovnet_manager_agents_connected", "gauge", "Agents that watch.", (double)agents->connected);
	one(out, "ovnet_manager_agents_late", "gauge", "Agents that have a change to apply yet.", (double)lag.late);
	one(out, "ovnet_manager_watch_lag_revisions", "gauge", "Revisions that the latest agent is behind.",
		(double)lag.most);
	one(out, "ovnet_manager_agent_messages_total", "counter", "Differences sent to agents.",
		(double)agents->messages);
	one(out, "ovnet_manager_agent_documents_total", "counter", "Documents sent to agents, or said to have gone.",
		(double)agents->documents);
	one(out, "ovnet_manager_agent_places_total", "counter", "Agents told that a node has moved or gone.",
		(double)agents->places);
	one(out, "ovnet_manager_subscriptions", "gauge", "Places that agents want to hear of.",
		(double)agents->subscriptions);
	one(out, "ovnet_manager_resolve_total", "counter", "Addresses that agents asked for.",
		(double)manager->metrics->counts[METRIC_RESOLVE]);
	one(out, "ovnet_manager_resolve_refused_total", "counter", "Of those, refused.",
		(double)manager->metrics->counts[METRIC_RESOLVE_REFUSED]);
}

void metrics_handle(struct http_request *request)
{
	struct manager *manager = http_manager(request);
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out) {
		http_refuse(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
		return;
	}
	head(out, "ovnet_manager_info", "gauge", "Version of the manager.");
	fprintf(out, "ovnet_manager_info{version=\"%s\"} 1\n", OVNET_VERSION);
	one(out, "ovnet_manager_uptime_seconds", "gauge", "Time since the start.",
		(double)(time_now_ns() - manager->started_ns) / (double)NSEC_PER_SEC);
	write_objects(out, manager);
	write_changes(out, manager);
	write_agents(out, manager);
	write_http(out, manager);
	fclose(out);
	http_answer_text(request, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text);
}

/* ---- /v1/status, /healthz */

static void add_agent(void *context, const struct agent_status *status)
{
	cJSON *agent = cJSON_CreateObject();

	cJSON_AddStringToObject(agent, "host", status->host);
	cJSON_AddBoolToObject(agent, "connected", status->connected);
	cJSON_AddNumberToObject(agent, "sent", (double)status->sent);
	cJSON_AddNumberToObject(agent, "applied", (double)status->applied);
	if (status->late_since)
		cJSON_AddNumberToObject(agent, "late_since", (double)status->late_since);
	else
		cJSON_AddNullToObject(agent, "late_since");
	cJSON_AddNumberToObject(agent, "documents", (double)status->documents);
	cJSON_AddItemToArray(context, agent);
}

void metrics_status(struct http_request *request)
{
	struct manager *manager = http_manager(request);
	const struct principal *principal = http_principal(request);
	cJSON *body = cJSON_CreateObject(), *objects;

	cJSON_AddStringToObject(body, "version", OVNET_VERSION);
	cJSON_AddNumberToObject(body, "revision", (double)state_revision(manager->state));
	cJSON_AddStringToObject(body, "who", auth_who(principal));
	cJSON_AddStringToObject(body, "account", principal->account);
	cJSON_AddStringToObject(body, "role", auth_role_name(principal->role));
	if (principal->role == ROLE_OPERATOR) {
		cJSON_AddNumberToObject(body, "uptime_s",
			(double)((time_now_ns() - manager->started_ns) / NSEC_PER_SEC));
		cJSON_AddBoolToObject(body, "store_shared", writer_is_shared(manager));
		cJSON_AddBoolToObject(body, "store_stale", manager->stale);
		objects = cJSON_AddObjectToObject(body, "objects");
		for (size_t kind = 0; kind < MODEL_KINDS; kind++)
			cJSON_AddNumberToObject(objects, model_table[kind].plural,
				(double)state_count(manager->state, (enum model_kind)kind));
		agents_each(manager, add_agent, cJSON_AddArrayToObject(body, "agents"));
	}
	http_answer(request, MHD_HTTP_OK, body);
}

void metrics_health(struct http_request *request)
{
	struct manager *manager = http_manager(request);
	cJSON *body = cJSON_CreateObject();

	cJSON_AddBoolToObject(body, "ok", !manager->stale);
	if (manager->stale)
		cJSON_AddStringToObject(body, "why", "the store cannot be followed");
	http_answer(request, manager->stale ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK, body);
}
