/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a change would end here, for a manager that is asked before it makes it. See managed_internal.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/managed_internal.h"
#include "agent/show.h"
#include "agent/trial.h"
#include "lib/error.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/time.h"

void managed_trial_drop(struct managed *managed)
{
	managed_view_free(managed->trial);
	managed->trial = NULL;
}

static void report_to_debug(void *context, const char *message)
{
	(void)context;
	log_debug("trial: %s", message);
}

static int try_it(struct managed *managed, struct trial_result *out)
{
	scope_free char *members = NULL;
	char key[MANAGED_PATH_MAX];
	struct config *config;
	int error;

	managed_path(managed, "host.key", key);
	members = managed_view_members(managed->trial, key);
	if (!members)
		return -EBADMSG;
	error = config_managed_parse(&managed->local, managed->agent->config_path, members, report_to_debug, NULL,
		&config);
	if (error)
		return error;
	error = trial_run(managed->agent, config, out);
	config_free(config);
	return error;
}

static void on_answered(void *context, long status, const char *body, size_t length)
{
	(void)context, (void)status, (void)body, (void)length;
}

/* Who does not hear the answer says that this host has not. */
static void answer(struct managed *managed, int error, const struct trial_result *result)
{
	cJSON *body = cJSON_CreateObject(), *rules;
	scope_free char *text = NULL;

	cJSON_AddNumberToObject(body, "trial", (double)managed->trial_id);
	if (error) {
		cJSON_AddStringToObject(body, "error", strerror(-error));
	} else {
		cJSON_AddNumberToObject(body, "rules", (double)result->rules);
		cJSON_AddNumberToObject(body, "sessions", (double)result->sessions);
		rules = cJSON_AddArrayToObject(body, "shown");
		for (size_t i = 0; i < result->shown_count; i++)
			cJSON_AddItemToArray(rules, show_rule(managed->agent, &result->shown[i].key,
							    &result->shown[i].value, time_now_ns()));
	}
	text = cJSON_PrintUnformatted(body);
	cJSON_Delete(body);
	if (text)
		web_post(managed->web, "/v1/agent/trial", managed->secret, text, on_answered, managed);
}

static void finish(struct managed *managed)
{
	struct trial_result result = {0};
	int error;

	managed_view_commit(managed->trial, 0);
	error = managed->started ? try_it(managed, &result) : -EAGAIN;
	answer(managed, error == -ENOTSUP ? 0 : error, &result);
	managed_trial_drop(managed);
}

void managed_trial_line(struct managed *managed, const cJSON *line)
{
	const char *set = cJSON_GetStringValue(json_member(line, "set"));
	const char *gone = cJSON_GetStringValue(json_member(line, "gone"));
	long long id;
	int error = 0;

	if (json_integer(json_member(line, "trial"), 1, 1ll << 53, &id))
		return;
	if (!managed->trial || managed->trial_id != (uint64_t)id) {
		managed_trial_drop(managed);
		managed->trial = managed_view_copy(managed->view);
		managed->trial_id = (uint64_t)id;
	}
	if (!managed->trial)
		return;
	if (set && json_member(line, "value"))
		error = managed_view_set(managed->trial, set, "", json_member(line, "value"));
	else if (gone)
		error = managed_view_gone(managed->trial, gone);
	else if (json_member(line, "end"))
		finish(managed);
	if (error)
		managed_trial_drop(managed);
}
