/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trials that wait for agents. See trials.h.
 */
#include "manager/trials.h"

#include <errno.h>
#include <microhttpd.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "lib/json.h"
#include "lib/time.h"

#define WAIT_NS (2 * NSEC_PER_SEC)

struct trial {
	LIST_ENTRY(trial) all;
	struct trials *trials;
	struct http_request *request;
	cJSON *body, *hosts;
	uint64_t id, end_ns;
	size_t asked, answered;
	double rules, sessions;
};

struct trials {
	struct manager *manager;
	LIST_HEAD(, trial) all;
	struct loop_timer *timer;
	uint64_t last;
};

uint64_t trials_number(struct manager *manager)
{
	/* JSON's numbers are whole up to 2^53. */
	return manager->trials->last = (manager->trials->last + 1) & ((1ull << 53) - 1);
}

static void trial_free(struct trial *trial)
{
	LIST_REMOVE(trial, all);
	cJSON_Delete(trial->body);
	cJSON_Delete(trial->hosts);
	free(trial);
}

static void trial_end(struct trial *trial)
{
	cJSON *live = cJSON_AddObjectToObject(trial->body, "live");

	cJSON_AddNumberToObject(live, "rules", trial->rules);
	cJSON_AddNumberToObject(live, "sessions", trial->sessions);
	cJSON_AddNumberToObject(live, "silent", (double)(trial->asked - trial->answered));
	if (http_principal(trial->request)->role == ROLE_OPERATOR) {
		cJSON_AddItemToObject(live, "hosts", trial->hosts);
		trial->hosts = NULL;
	}
	http_on_gone(trial->request, NULL, NULL);
	http_answer(trial->request, MHD_HTTP_OK, trial->body);
	trial->body = NULL;
	trial_free(trial);
}

static void on_gone(void *context)
{
	trial_free(context);
}

static void on_timer(void *context)
{
	struct trials *trials = context;
	uint64_t now_ns = time_now_ns();
	struct trial *trial, *next;

	for (trial = LIST_FIRST(&trials->all); trial; trial = next) {
		next = LIST_NEXT(trial, all);
		if (now_ns >= trial->end_ns)
			trial_end(trial);
	}
	if (!LIST_EMPTY(&trials->all))
		loop_timer_at(trials->timer, now_ns + WAIT_NS / 4);
}

void trials_start(struct manager *manager, struct http_request *request, cJSON *body, uint64_t id, size_t asked)
{
	struct trials *trials = manager->trials;
	struct trial *trial = calloc(1, sizeof(*trial));

	if (!trial) {
		cJSON_Delete(body);
		http_refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
		return;
	}
	*trial = (struct trial){
		.trials = trials,
		.request = request,
		.body = body,
		.hosts = cJSON_CreateArray(),
		.id = id,
		.asked = asked,
		.end_ns = time_now_ns() + WAIT_NS,
	};
	LIST_INSERT_HEAD(&trials->all, trial, all);
	if (!asked) {
		trial_end(trial);
		return;
	}
	http_on_gone(request, on_gone, trial);
	loop_timer_at(trials->timer, time_now_ns() + WAIT_NS / 4);
}

/* ---- answers */

static struct trial *trial_find(struct trials *trials, uint64_t id)
{
	struct trial *trial;

	LIST_FOREACH(trial, &trials->all, all) {
		if (trial->id == id)
			return trial;
	}
	return NULL;
}

static void take(struct trial *trial, const char *host, const cJSON *body)
{
	const cJSON *rules = json_member(body, "rules"), *sessions = json_member(body, "sessions");
	const cJSON *shown = json_member(body, "shown");
	cJSON *entry;

	/* One that cannot say counts as silent. */
	if (!cJSON_IsNumber(rules) || !cJSON_IsNumber(sessions))
		return;
	trial->answered++;
	trial->rules += rules->valuedouble;
	trial->sessions += sessions->valuedouble;
	entry = cJSON_CreateObject();
	cJSON_AddStringToObject(entry, "host", host);
	cJSON_AddNumberToObject(entry, "rules", rules->valuedouble);
	cJSON_AddNumberToObject(entry, "sessions", sessions->valuedouble);
	cJSON_AddItemToObject(entry, "shown",
		cJSON_IsArray(shown) ? cJSON_Duplicate(shown, true) : cJSON_CreateArray());
	cJSON_AddItemToArray(trial->hosts, entry);
	if (trial->answered == trial->asked)
		trial_end(trial);
}

void trials_handle(struct http_request *request)
{
	const cJSON *body = http_json(request);
	struct trial *trial;
	long long id;

	if (!body)
		return;
	if (json_integer(json_member(body, "trial"), 1, 1ll << 53, &id)) {
		http_refuse(request, MHD_HTTP_UNPROCESSABLE_CONTENT, "trial: expected the number of a trial");
		return;
	}
	trial = trial_find(http_manager(request)->trials, (uint64_t)id);
	if (trial)
		take(trial, http_principal(request)->name, body);
	http_answer(request, MHD_HTTP_NO_CONTENT, NULL);
}

/* ---- begin and end */

int trials_open(struct manager *manager)
{
	struct trials *trials = calloc(1, sizeof(*trials));

	if (!trials)
		return -ENOMEM;
	trials->manager = manager;
	trials->last = randombytes_random();
	manager->trials = trials;
	trials->timer = loop_timer(manager->loop, on_timer, trials);
	return trials->timer ? 0 : -ENOMEM;
}

void trials_close(struct manager *manager)
{
	struct trials *trials = manager->trials;

	if (!trials)
		return;
	while (!LIST_EMPTY(&trials->all))
		trial_end(LIST_FIRST(&trials->all));
	loop_timer_free(trials->timer);
	free(trials);
	manager->trials = NULL;
}
