/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Joining, the stream, and what is done with what comes on it. See managed.h.
 */
#include "agent/managed.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/managed_internal.h"
#include "agent/resolve.h"
#include "agent/transport.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/time.h"

#define BACKOFF_NS (500 * NSEC_PER_MSEC)
#define BACKOFF_DOUBLINGS 6
#define FILE_MOST 65536

uint64_t managed_backoff_ns(uint64_t failures)
{
	uint64_t doublings = failures > BACKOFF_DOUBLINGS ? BACKOFF_DOUBLINGS : failures;
	uint64_t wait_ns = BACKOFF_NS << doublings;

	/* Hosts that lost their manager at the same moment do not come back at the same moment. */
	return wait_ns / 2 + wait_ns / 1000 * randombytes_uniform(1000);
}

void managed_path(const struct managed *managed, const char *name, char out[MANAGED_PATH_MAX])
{
	snprintf(out, MANAGED_PATH_MAX, "%s/%s", managed->directory, name);
}

static void json_tree_free(cJSON **tree)
{
	cJSON_Delete(*tree);
}
#define scope_json __attribute__((cleanup(json_tree_free)))

/* Over before there is a configuration: who runs the loop looks at `ready`. */
static void become_ready(struct managed *managed)
{
	managed->ready = true;
	loop_stop(managed->agent->loop);
}

/* ---- who this host is: {"host", "secret"} */

static int credential_load(struct managed *managed)
{
	scope_free char *text = NULL;
	scope_json cJSON *tree = NULL;
	struct json_error problem;
	const char *secret, *host;
	char path[MANAGED_PATH_MAX];
	size_t length;
	int error;

	managed_path(managed, "credential.json", path);
	error = file_read(path, FILE_MOST, &text, &length);
	if (error)
		return error == -ENOENT ? 0 : error;
	tree = json_parse(text, length, &problem);
	explicit_bzero(text, length);
	secret = cJSON_GetStringValue(json_member(tree, "secret"));
	host = cJSON_GetStringValue(json_member(tree, "host"));
	if (!secret || !host || strlen(host) >= sizeof(managed->host)) {
		log_error("%s: expected what this host was given when it joined; take it away to join again", path);
		return -EBADMSG;
	}
	strcpy(managed->host, host);
	managed->secret = strdup(secret);
	return managed->secret ? 0 : -ENOMEM;
}

static int credential_save(struct managed *managed, const char *host, const char *secret)
{
	scope_json cJSON *tree = cJSON_CreateObject();
	scope_free char *text = NULL;
	char path[MANAGED_PATH_MAX];
	int error;

	cJSON_AddStringToObject(tree, "host", host);
	cJSON_AddStringToObject(tree, "secret", secret);
	text = cJSON_PrintUnformatted(tree);
	if (!text)
		return -ENOMEM;
	managed_path(managed, "credential.json", path);
	error = file_write(path, text, strlen(text), 0600);
	explicit_bzero(text, strlen(text));
	if (error)
		log_error("%s: %s", path, strerror(-error));
	return error;
}

/* ---- joining */

static void join(struct managed *managed);

static void try_again(struct managed *managed)
{
	loop_timer_at(managed->again, time_now_ns() + managed_backoff_ns(managed->failures++));
}

static void watch(struct managed *managed);

static void on_joined(void *context, long status, const char *body, size_t length)
{
	struct managed *managed = context;
	struct json_error problem;
	scope_json cJSON *tree = NULL;
	const char *host, *secret;

	managed->joining = NULL;
	if (status == -ECANCELED)
		return;
	if (status != 201) {
		if (status < 0)
			log_warning("manager %s: %s", managed->local.manager.url, strerror((int)-status));
		else
			log_error("manager: this host may not join (status %ld): %s", status, body);
		try_again(managed);
		return;
	}
	tree = json_parse(body, length, &problem);
	host = cJSON_GetStringValue(json_member(tree, "host"));
	secret = cJSON_GetStringValue(json_member(tree, "secret"));
	if (!host || !secret || strlen(host) >= sizeof(managed->host) || credential_save(managed, host, secret)) {
		log_error("manager: what it said when this host joined cannot be kept; it needs another token");
		try_again(managed);
		return;
	}
	managed->failures = 0;
	strcpy(managed->host, host);
	managed->secret = strdup(secret);
	log_notice("manager: joined as host %s", host);
	watch(managed);
}

/* The key by which other hosts know this one is made here, and stays here. */
static int own_key(struct managed *managed, char text[KEY_TEXT_MAX])
{
	struct host_key key;
	char path[MANAGED_PATH_MAX];
	int error;

	managed_path(managed, "host.key", path);
	error = key_create(path, KEY_HOST, text);
	if (error == -EEXIST) {
		error = key_read(path, NULL, &key, NULL);
		if (!error)
			key_format(key.public_key, text);
		sodium_memzero(&key, sizeof(key));
	}
	if (error)
		log_error("%s: %s", path, strerror(-error));
	return error;
}

static int token_read(const struct managed *managed, char **out)
{
	const char *path = managed->local.manager.token;
	size_t length;
	int error;

	if (!*path) {
		log_error("manager: this host has not joined yet, and 'manager.token' names no token to join with");
		return -ENOKEY;
	}
	error = file_read(path, FILE_MOST, out, &length);
	if (error)
		log_error("manager.token %s: %s", path, strerror(-error));
	else
		(*out)[strcspn(*out, "\r\n")] = '\0';
	return error;
}

static void join(struct managed *managed)
{
	scope_free char *token = NULL, *text = NULL;
	scope_json cJSON *body = cJSON_CreateObject();
	char key[KEY_TEXT_MAX];

	if (token_read(managed, &token) || own_key(managed, key)) {
		try_again(managed);
		return;
	}
	cJSON_AddStringToObject(body, "key", key);
	text = cJSON_PrintUnformatted(body);
	if (text)
		managed->joining = web_post(managed->web, "/v1/join", token, text, on_joined, managed);
	explicit_bzero(token, strlen(token));
	if (!managed->joining)
		try_again(managed);
}

/* ---- what was told, in force */

static void report_to_log(void *context, const char *message)
{
	(void)context;
	log_error("%s", message);
}

static void acknowledge(struct managed *managed);

static void on_acknowledged(void *context, long status, const char *body, size_t length)
{
	struct managed *managed = context;

	(void)body, (void)length;
	if (status == -ECANCELED)
		return;
	managed->acknowledging = false;
	/* What did not arrive is said with the next change, or when the stream is there again. */
	if (status == 204 && managed->applied > managed->acknowledged)
		acknowledge(managed);
}

static void acknowledge(struct managed *managed)
{
	char text[64];

	if (managed->acknowledging || !managed->secret)
		return;
	snprintf(text, sizeof(text), "{\"revision\":%llu}", (unsigned long long)managed->applied);
	managed->acknowledged = managed->applied;
	managed->acknowledging =
		web_post(managed->web, "/v1/agent/applied", managed->secret, text, on_acknowledged, managed) != NULL;
}

static void save(struct managed *managed)
{
	char path[MANAGED_PATH_MAX];
	int error;

	managed_path(managed, "view.json", path);
	error = managed_view_save(managed->view, path);
	if (error)
		log_warning("%s: %s; after a start this host asks the manager for all of it", path, strerror(-error));
}

/* In the kernel first, then on disk, and then the manager hears of it. */
static void apply(struct managed *managed)
{
	struct agent_changes changes;

	if (!managed->started) {
		save(managed);
		become_ready(managed);
		return;
	}
	if (agent_reload(managed->agent, report_to_log, NULL, &changes)) {
		log_error("manager: revision %llu is refused; what was in force stays",
			(unsigned long long)managed->told);
		return;
	}
	managed->applied = managed->told;
	acknowledge(managed);
	save(managed);
}

/* ---- the stream */

static void on_set(struct managed *managed, const cJSON *line)
{
	const char *key = cJSON_GetStringValue(json_member(line, "set"));
	const char *digest = cJSON_GetStringValue(json_member(line, "digest"));
	const cJSON *value = json_member(line, "value");

	if (!digest || !value || managed_view_set(managed->view, key, digest, value))
		log_error("manager: %s: cannot be taken", key);
}

static void on_place(struct managed *managed, const cJSON *place)
{
	const char *text = cJSON_GetStringValue(json_member(place, "address"));
	struct ipv4 address;
	long long vni;

	if (!managed->started || !text || ipv4_parse(text, &address) ||
		json_integer(json_member(place, "vni"), 1, VNI_MAX, &vni))
		return;
	resolve_invalidate(managed->agent, (uint32_t)vni, address);
	if (managed->agent->transport)
		transport_flush(managed->agent);
}

static void on_commit(struct managed *managed, long long revision)
{
	size_t differ = managed_view_commit(managed->view, (uint64_t)revision);

	managed->told = (uint64_t)revision;
	managed->failures = 0;
	if (!managed->connected) {
		managed->connected = true;
		managed->connected_ns = time_now_ns();
		log_notice("manager: connected, at revision %lld", revision);
		if (managed->started)
			resolve_forget_negatives(managed->agent);
	}
	if (differ || !managed->ready) {
		apply(managed);
	} else {
		managed->applied = managed->told;
		acknowledge(managed);
	}
}

static void on_line(void *context, const char *text, size_t length)
{
	struct managed *managed = context;
	struct json_error problem;
	scope_json cJSON *line = json_parse(text, length, &problem);
	const cJSON *gone = json_member(line, "gone"), *commit = json_member(line, "commit");
	long long revision;

	if (json_member(line, "trial"))
		managed_trial_line(managed, line);
	else if (json_member(line, "set"))
		on_set(managed, line);
	else if (cJSON_IsString(gone))
		managed_view_gone(managed->view, gone->valuestring);
	else if (json_member(line, "place"))
		on_place(managed, json_member(line, "place"));
	else if (commit && json_integer(commit, 0, 1ll << 53, &revision) == 0)
		on_commit(managed, revision);
}

static void on_stream_end(void *context, long status, const char *body, size_t length)
{
	struct managed *managed = context;

	(void)length;
	managed->stream = NULL;
	if (status == -ECANCELED)
		return;
	managed_view_drop(managed->view);
	managed_trial_drop(managed);
	if (managed->connected || managed->failures == 0) {
		if (status < 0)
			log_warning("manager: %s: %s; what is known goes on", managed->local.manager.url,
				strerror((int)-status));
		else
			log_error("manager: refuses this host (status %ld): %s", status, body);
	}
	if (managed->connected)
		managed->connected_ns = time_now_ns();
	managed->connected = false;
	try_again(managed);
}

static void watch(struct managed *managed)
{
	scope_free char *have = managed_view_have(managed->view);

	if (have)
		managed->stream = web_stream(managed->web, "/v1/agent/watch", managed->secret, have, on_line,
			on_stream_end, managed);
	if (!managed->stream)
		try_again(managed);
}

static void on_again(void *context)
{
	struct managed *managed = context;

	if (managed->joining || managed->stream)
		return;
	if (managed->secret)
		watch(managed);
	else
		join(managed);
}

/* ---- the configuration */

int managed_config(struct agent *agent, config_report_fn report, void *context, struct config **out)
{
	struct managed *managed = agent->managed;
	scope_free char *members = NULL;
	struct config_local local;
	char key[MANAGED_PATH_MAX];
	int error;

	error = config_local_load(agent->config_path, managed->local.given ? &managed->local.manager : NULL, report,
		context, &local);
	if (error)
		return error;
	if (!local.manager.present || memcmp(&local.manager, &managed->local.manager, sizeof(local.manager))) {
		config_local_free(&local);
		report(context, "manager: a reload cannot change it; restart ovnetd");
		return -EINVAL;
	}
	config_local_free(&managed->local);
	managed->local = local;
	managed_path(managed, "host.key", key);
	members = managed_view_members(managed->view, key);
	if (!members) {
		report(context, "manager: has not said who this host is");
		return -EBADMSG;
	}
	return config_managed_parse(&managed->local, agent->config_path, members, report, context, out);
}

void managed_reconciled(struct agent *agent)
{
	if (agent->managed->passports)
		managed_passports_check(agent->managed);
}

void managed_reloaded(struct agent *agent, const struct config *old)
{
	managed_passports_reloaded(agent->managed, old);
}

/* ---- begin and end */

static int make_directory(struct managed *managed)
{
	const char *above = managed->local.manager.directory;
	struct stat found;

	if (mkdir(above, 0755) && errno != EEXIST) {
		log_error("manager.directory %s: %s", above, strerror(errno));
		return -errno;
	}
	snprintf(managed->directory, sizeof(managed->directory), "%s/%s", above, managed->local.instance);
	if ((mkdir(managed->directory, 0700) && errno != EEXIST) || stat(managed->directory, &found)) {
		log_error("%s: %s", managed->directory, strerror(errno));
		return -errno;
	}
	if (found.st_mode & 077) {
		log_error("%s: others than its owner may look into it: chmod 700", managed->directory);
		return -EPERM;
	}
	return 0;
}

static int load(struct managed *managed)
{
	char path[MANAGED_PATH_MAX];
	int error = credential_load(managed);

	if (error)
		return error;
	managed_path(managed, "view.json", path);
	error = managed_view_load(managed->view, path, &managed->told);
	if (error == -EBADMSG)
		log_warning("%s: cannot be read; the manager is asked for all of it", path);
	managed->ready = !error && managed->secret;
	return error == -ENOENT || error == -EBADMSG ? 0 : error;
}

static int open_parts(struct agent *agent, struct managed *managed)
{
	int error = key_library();

	if (!error)
		error = make_directory(managed);
	if (!error)
		error = web_open(agent->loop, &managed->local.manager, &managed->web);
	managed->view = managed_view_new();
	managed->again = loop_timer(agent->loop, on_again, managed);
	if (!error && (!managed->view || !managed->again))
		error = -ENOMEM;
	return error ? error : load(managed);
}

int managed_open(struct agent *agent, struct config_local *local)
{
	struct managed *managed = calloc(1, sizeof(*managed));
	int error;

	if (!managed)
		return -ENOMEM;
	managed->agent = agent;
	managed->local = *local;
	*local = (struct config_local){0};
	agent->managed = managed;
	error = open_parts(agent, managed);
	if (error)
		return error;
	loop_timer_at(managed->again, time_now_ns());
	if (!managed->ready) {
		log_notice("manager: asking %s what this host is", managed->local.manager.url);
		error = loop_run(agent->loop);
		if (!error && !managed->ready)
			error = -ECANCELED;
	}
	return error ? error : managed_config(agent, report_to_log, NULL, &agent->config);
}

int managed_start(struct agent *agent)
{
	struct managed *managed = agent->managed;
	int error = managed_passports_open(managed);

	if (!error)
		error = managed_resolve_open(managed);
	if (error)
		return error;
	managed->started = true;
	managed->applied = managed->told;
	if (managed->connected)
		acknowledge(managed);
	return 0;
}

void managed_close(struct agent *agent)
{
	struct managed *managed = agent->managed;

	if (!managed)
		return;
	web_close(managed->web);
	managed_passports_close(managed);
	managed_resolve_close(managed);
	managed_trial_drop(managed);
	managed_view_free(managed->view);
	loop_timer_free(managed->again);
	config_local_free(&managed->local);
	if (managed->secret)
		explicit_bzero(managed->secret, strlen(managed->secret));
	free(managed->secret);
	free(managed);
	agent->managed = NULL;
}

struct managed_status managed_status(const struct agent *agent)
{
	const struct managed *managed = agent->managed;

	return (struct managed_status){
		.url = managed->local.manager.url,
		.host = managed->host,
		.connected = managed->connected,
		.connected_ns = managed->connected_ns,
		.told = managed->told,
		.applied = managed->applied,
		.passport_end_s = managed_passports_end_s(managed),
		.failures = managed->failures,
		.documents = managed_view_count(managed->view),
	};
}
