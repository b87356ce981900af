/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directory in a file as a resolver; see resolve_file.h. It could answer at once, but nobody is answered from within his question.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/resolve.h"
#include "agent/resolve_file.h"
#include "lib/array.h"
#include "lib/log.h"
#include "lib/time.h"

struct wanted {
	uint32_t vni;
	struct ipv4 destination;
};

struct wanted_list {
	struct wanted *entries;
	size_t count, room;
};

struct resolve_file {
	struct agent *agent;
	struct config_directory *directory, *former;
	struct wanted_list wanted;
	struct loop_timer *timer;
};

static int op_ask(void *context, uint32_t vni, struct ipv4 source, struct ipv4 destination)
{
	struct resolve_file *file = context;

	(void)source;
	if (!file->wanted.count)
		loop_timer_at(file->timer, time_now_ns());
	return array_add(&file->wanted, ((struct wanted){vni, destination}));
}

static const struct resolve_ops ops = {.name = "file", .ask = op_ask};

static struct resolve_answer look(const struct resolve_file *file, const struct wanted *wanted)
{
	const struct config_mapping *mapping =
		file->directory ? config_directory_mapping(file->directory, wanted->vni, wanted->destination) : NULL;
	struct resolve_answer answer = {.outcome = RESOLVE_ABSENT};
	const struct config_host *host;

	if (!mapping)
		return answer;
	answer.outcome = RESOLVE_FOUND;
	answer.lifetime_s = file->agent->config->resolve.lifetime_s;
	answer.locator = mapping->locator;
	answer.slot = mapping->slot;
	answer.identity = mapping->identity;
	host = config_directory_host(file->directory, &mapping->locator);
	if (host) {
		answer.host = host->id;
		memcpy(answer.key, host->key, sizeof(answer.key));
	}
	return answer;
}

/* What is asked while these are answered comes at the next turn. */
static void on_timer(void *context)
{
	struct resolve_file *file = context;
	struct wanted_list wanted = file->wanted;

	file->wanted = (struct wanted_list){0};
	for (size_t i = 0; i < wanted.count; i++) {
		struct resolve_answer answer = look(file, &wanted.entries[i]);

		resolve_answered(file->agent, wanted.entries[i].vni, wanted.entries[i].destination, &answer);
	}
	free(wanted.entries);
}

/* ---- a reload */

static bool same_place(const struct config_mapping *a, const struct config_mapping *b)
{
	const struct policy_identity *x = &a->identity, *y = &b->identity;

	return a->slot == b->slot && a->locator.length == b->locator.length &&
	       memcmp(a->locator.octet, b->locator.octet, sizeof(a->locator.octet)) == 0 && x->node == y->node &&
	       x->account == y->account && x->group_count == y->group_count &&
	       memcmp(x->groups, y->groups, x->group_count * sizeof(x->groups[0])) == 0;
}

struct stale_hosts {
	struct resolve_file *file;
	struct locator *entries;
	size_t count, room;
};

static void look_at_host(void *context, const struct engine_host *host)
{
	struct stale_hosts *stale = context;
	const struct config_directory *directory = stale->file->directory;
	const struct config_host *now = directory ? config_directory_host(directory, &host->locator) : NULL;

	/* What finds no room is believed until its end. */
	if (!now || now->id != host->host || memcmp(now->key, host->key, sizeof(host->key)))
		(void)array_add(stale, host->locator);
}

static void compare_hosts(struct resolve_file *file)
{
	struct stale_hosts stale = {.file = file};

	resolve_each_host(file->agent, look_at_host, &stale);
	for (size_t i = 0; i < stale.count; i++)
		resolve_host_gone(file->agent, &stale.entries[i]);
	free(stale.entries);
}

static void compare_mappings(struct resolve_file *file)
{
	const struct config_mapping *former;
	size_t count;

	former = config_directory_mappings(file->former, &count);
	for (size_t i = 0; i < count; i++) {
		const struct policy_identity *who = &former[i].identity;
		const struct config_mapping *now =
			file->directory ? config_directory_mapping(file->directory, who->vni, who->address) : NULL;

		if (!now || !same_place(now, &former[i]))
			resolve_invalidate(file->agent, who->vni, who->address);
	}
}

void resolve_file_set(struct agent *agent, struct config_directory *directory)
{
	struct resolve_file *file = agent->resolve_file;

	if (!file) {
		config_directory_free(directory);
		return;
	}
	config_directory_free(file->former);
	file->former = file->directory;
	file->directory = directory;
	resolve_use(agent, directory ? &ops : NULL, file);
}

void resolve_file_compare(struct agent *agent)
{
	struct resolve_file *file = agent->resolve_file;

	if (!file)
		return;
	resolve_forget_negatives(agent);
	if (file->former) {
		compare_hosts(file);
		compare_mappings(file);
	}
	config_directory_free(file->former);
	file->former = NULL;
}

/* ---- hosts */

static int host_found(const struct config_host *host, struct engine_host *out)
{
	*out = (struct engine_host){.host = host->id, .locator = host->locator};
	memcpy(out->key, host->key, sizeof(out->key));
	return 0;
}

static const struct config_host *hosts_of(const struct agent *agent, size_t *count)
{
	*count = 0;
	if (!agent->resolve_file || !agent->resolve_file->directory)
		return NULL;
	return config_directory_hosts(agent->resolve_file->directory, count);
}

int resolve_file_host_at(const struct agent *agent, const struct substrate *address, struct engine_host *out)
{
	size_t count;
	const struct config_host *hosts = hosts_of(agent, &count);

	for (size_t i = 0; i < count; i++)
		if (locator_has(&hosts[i].locator, address))
			return host_found(&hosts[i], out);
	return -ENOENT;
}

int resolve_file_host_of(const struct agent *agent, const uint8_t key[32], struct engine_host *out)
{
	size_t count;
	const struct config_host *hosts = hosts_of(agent, &count);

	for (size_t i = 0; i < count; i++)
		if (memcmp(hosts[i].key, key, sizeof(hosts[i].key)) == 0)
			return host_found(&hosts[i], out);
	return -ENOENT;
}

/* ---- start and end */

static void report(void *context, const char *message)
{
	(void)context;
	log_error("%s", message);
}

int resolve_file_open(struct agent *agent)
{
	const struct config_resolve *resolve = &agent->config->resolve;
	struct config_directory *directory = NULL;
	struct resolve_file *file;
	int error;

	if (!agent->resolve)
		return 0;
	if (resolve->present) {
		error = config_directory_load(resolve->file, agent->config, report, NULL, &directory);
		if (error)
			return error;
	}
	file = calloc(1, sizeof(*file));
	if (file)
		file->timer = loop_timer(agent->loop, on_timer, file);
	if (!file || !file->timer) {
		free(file);
		config_directory_free(directory);
		return -ENOMEM;
	}
	file->agent = agent;
	agent->resolve_file = file;
	resolve_file_set(agent, directory);
	return 0;
}

void resolve_file_close(struct agent *agent)
{
	struct resolve_file *file = agent->resolve_file;

	if (!file)
		return;
	resolve_use(agent, NULL, NULL);
	loop_timer_free(file->timer);
	config_directory_free(file->directory);
	config_directory_free(file->former);
	free(file->wanted.entries);
	free(file);
	agent->resolve_file = NULL;
}
