/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `status` of a host's manager: the member "manager", null without one.
 */
#include "agent/managed.h"
#include "agent/show.h"
#include "lib/time.h"

void show_add_manager(const struct agent *agent, cJSON *result)
{
	struct managed_status status;
	uint64_t now_s = (uint64_t)time(NULL);
	cJSON *manager;

	if (!agent->managed) {
		cJSON_AddNullToObject(result, "manager");
		return;
	}
	status = managed_status(agent);
	manager = cJSON_AddObjectToObject(result, "manager");
	show_add_text(manager, "url", status.url);
	show_add_text(manager, "host", status.host);
	cJSON_AddBoolToObject(manager, "connected", status.connected);
	/* Since it is there, or since it is lost. */
	if (status.connected_ns)
		show_add_seconds_since(manager, "since_s", time_now_ns(), status.connected_ns);
	else
		cJSON_AddNullToObject(manager, "since_s");
	cJSON_AddNumberToObject(manager, "told", (double)status.told);
	cJSON_AddNumberToObject(manager, "applied", (double)status.applied);
	cJSON_AddNumberToObject(manager, "documents", (double)status.documents);
	cJSON_AddNumberToObject(manager, "failures", (double)status.failures);
	cJSON_AddNumberToObject(manager, "passport_left_s",
		status.passport_end_s > now_s ? (double)(status.passport_end_s - now_s) : 0);
}
