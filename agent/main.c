/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ovnetd: options, start, reload, end. The order of starting is the order of safety: programs on the uplinks before the
 * route that makes the prefix ours, ports closed before they are up. Ending leaves the data path as it is unless told to
 * detach.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/agent.h"
#include "agent/authority.h"
#include "agent/grant.h"
#include "agent/install.h"
#include "agent/managed.h"
#include "agent/metrics.h"
#include "agent/mirror.h"
#include "agent/question.h"
#include "agent/queue.h"
#include "agent/resolve.h"
#include "agent/resolve_file.h"
#include "agent/revocation.h"
#include "agent/transport.h"
#include "lib/log.h"
#include "lib/notify.h"
#include "lib/time.h"
#include "lib/watchdog.h"

#define DEFAULT_CONFIG "/etc/ovnet/ovnet.json"
#define DEFAULT_DIRECTORY "/var/lib/ovnet" /* as in the table of ovnet.json */

static const char usage[] =
	"usage: ovnetd [--config FILE] [--manager URL [--authority FILE] [--token FILE]] [--detach] [--debug]\n"
	"       ovnetd [--config FILE] --check [--strict]\n"
	"       ovnetd [--config FILE] --remove\n"
	"\n"
	"The agent of ovnet: carries the virtual networks of this host's nodes, as its configuration allows.\n"
	"\n"
	"  -c, --config FILE  configuration (default " DEFAULT_CONFIG "), described in ovnet.json(5)\n"
	"  -n, --check        check the configuration, report every finding and exit: 0 good, 1 not\n"
	"      --strict       with --check: warnings are errors too\n"
	"  -m, --manager URL  who says what this host carries, instead of 'manager' in the file\n"
	"      --authority FILE  the certificate that the manager's must be signed by\n"
	"      --token FILE   the token to join with, the first time\n"
	"  -d, --detach       at the end, take everything out of the kernel; else nodes go on talking\n"
	"      --remove       take out of the kernel what an ovnetd of this configuration left there, and exit\n"
	"      --debug        log more\n"
	"  -V, --version      print the version and exit\n"
	"  -h, --help         print this and exit\n"
	"\n"
	"Signals: SIGHUP reads the configuration again and applies the difference; SIGTERM and SIGINT end.\n";

struct options {
	const char *config;
	bool check, strict, detach, remove;
	struct config_manager manager; /* instead of one in the file */
};

uint64_t agent_unique(struct agent *agent)
{
	struct timespec now;
	uint64_t ns;

	/* Wall-clock time never repeats across restarts; the counter covers two calls in one tick and a clock set back. */
	clock_gettime(CLOCK_REALTIME, &now);
	ns = (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
	agent->unique = ns > agent->unique ? ns : agent->unique + 1;
	return agent->unique;
}

void agent_stop(struct agent *agent, bool detach)
{
	agent->detach_on_stop |= detach;
	notify_say("STOPPING=1");
	loop_stop(agent->loop);
}

static void report_to_log(void *context, const char *message)
{
	(void)context;
	log_error("%s", message);
}

static void warn_to_log(void *context, const char *message)
{
	(void)context;
	log_warning("%s", message);
}

static void report_to_stderr(void *context, const char *message)
{
	(void)context;
	fprintf(stderr, "%s\n", message);
}

/* ---- reload */

static bool same_locator(const struct locator *a, const struct locator *b)
{
	return a->length == b->length && memcmp(a->octet, b->octet, sizeof(a->octet)) == 0;
}

static bool same_uplinks(const struct config *a, const struct config *b)
{
	return a->uplink_count == b->uplink_count && memcmp(a->uplinks, b->uplinks, sizeof(a->uplinks)) == 0;
}

/* Who this host is, wherever it stands in the directory. */
static bool same_identity(const struct config *a, const struct config *b)
{
	struct config_identity x = a->identity, y = b->identity;
	const struct config_host *own, *other;

	x.host = y.host = 0;
	if (memcmp(&x, &y, sizeof(x)))
		return false;
	if (!a->identity.present)
		return true;
	own = &a->hosts[a->identity.host];
	other = &b->hosts[b->identity.host];
	return own->id == other->id && same_locator(&own->locator, &other->locator) &&
	       memcmp(own->key, other->key, sizeof(own->key)) == 0;
}

/* Reports what would need a restart. Returns 0 when there is nothing of the kind. */
static int refuse_fixed(const struct agent *agent, const struct config *new, config_report_fn report, void *context)
{
	const struct config *old = agent->config;
	const char *restart = "a reload cannot change it; restart ovnetd";
	const char *detach = "a reload cannot change it; stop ovnetd with --detach and start it again";
	const struct {
		const char *name;
		bool same;
		const char *remedy;
	} fixed[] = {
		{"instance", strcmp(old->instance, new->instance) == 0, restart},
		{"locator", same_locator(&old->locator, &new->locator), detach},
		{"identity", same_identity(old, new), restart},
		{"uplink_mode", old->uplink_mode == new->uplink_mode, restart},
		{"uplinks", same_uplinks(old, new), restart},
		{"limits", memcmp(&old->limits, &new->limits, sizeof(old->limits)) == 0, detach},
	};
	int refused = 0;

	for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
		char message[256];

		if (fixed[i].same)
			continue;
		snprintf(message, sizeof(message), "%s: %s: %s", agent->config_path, fixed[i].name, fixed[i].remedy);
		report(context, message);
		refused = -EINVAL;
	}
	return refused;
}

static bool same_node(const struct config *a, const struct config_node *x, const struct config *b,
	const struct config_node *y)
{
	return strcmp(x->name, y->name) == 0 && strcmp(x->port, y->port) == 0 && x->slot == y->slot &&
	       a->vnets[x->vnet].vni == b->vnets[y->vnet].vni && ipv4_equal(x->address, y->address) &&
	       memcmp(&x->mac, &y->mac, sizeof(x->mac)) == 0;
}

static unsigned nodes_missing(const struct config *from, const struct config *in)
{
	unsigned missing = 0;

	for (size_t i = 0; i < from->node_count; i++) {
		bool found = false;

		for (size_t j = 0; j < in->node_count && !found; j++)
			found = same_node(from, &from->nodes[i], in, &in->nodes[j]);
		missing += !found;
	}
	return missing;
}

static void report_incomplete(const struct agent *agent, int error, config_report_fn report, void *context)
{
	char message[256];

	snprintf(message, sizeof(message), "%s: applied, but not all of it: %s; what is missing is not allowed",
		agent->config_path, error == -E2BIG ? "limits.rules or limits.mappings is reached" : strerror(-error));
	report(context, message);
}

static int reload(struct agent *agent, config_report_fn report, void *context, struct agent_changes *changes)
{
	struct config *new, *old = agent->config;
	struct config_directory *directory = NULL;
	struct agent_changes made = {0};
	int error;

	if (agent->managed)
		error = managed_config(agent, report, context, &new);
	else
		error = config_load(agent->config_path, report, context, &new);
	if (error)
		return error;
	error = refuse_fixed(agent, new, report, context);
	if (!error && new->resolve.present)
		error = config_directory_load(new->resolve.file, new, report, context, &directory);
	if (error) {
		config_free(new);
		return error;
	}
	made.nodes = nodes_missing(new, old) + nodes_missing(old, new);
	agent->config = new;
	agent->generation++;
	agent->config_loaded_ns = time_now_ns();
	revocation_compare_with(agent, old);
	error = authority_reload(agent);
	/* A manager is asked instead, whatever the file says. */
	if (!agent->managed)
		resolve_file_set(agent, directory);
	metrics_listen(agent);
	install_forget_answers(agent);
	transport_reload(agent);
	transport_forget_changed(agent, old);
	if (!error)
		error = ports_reload(agent, old);
	if (error)
		log_error("reload: %s", strerror(-error));
	error = reconcile_now(agent, &made.mappings, &made.rules);
	made.incomplete = error != 0;
	if (error)
		report_incomplete(agent, error, report, context);
	revocation_compare_with(agent, NULL);
	if (agent->managed)
		managed_reloaded(agent, old);
	else
		resolve_file_compare(agent);
	config_free(old);
	/* Denials of the file that have come are looked at by what was negotiated before them. */
	if (agent->config->rule_count)
		reconcile_soon(agent);
	log_notice("config %s: %u nodes, %u mappings, %u rules changed", agent->config_path, made.nodes, made.mappings,
		made.rules);
	*changes = made;
	return 0;
}

int agent_reload(struct agent *agent, config_report_fn report, void *context, struct agent_changes *changes)
{
	int error;

	notify_reloading();
	error = reload(agent, report, context, changes);
	agent->reload_refused = error != 0;
	/* A refused one leaves what was, and that is as ready as before. */
	notify_say("READY=1");
	return error;
}

/* ---- events */

static void on_link(void *context, const struct netlink_link *link)
{
	ports_link(context, link);
}

static void on_link_gone(void *context, unsigned ifindex, const char *name)
{
	(void)name;
	ports_link_gone(context, ifindex);
}

static void on_routes(void *context)
{
	hosts_resolve(context);
}

static void on_overrun(void *context)
{
	struct agent *agent = context;

	log_warning("netlink: notifications were lost; looking at everything again");
	ports_prune_links(agent);
	netlink_each_link(agent->netlink);
	ports_prune_entries(agent);
	hosts_resolve(agent);
}

static void on_signal(void *context, int signal)
{
	struct agent *agent = context;
	struct agent_changes changes;

	if (signal != SIGHUP)
		return agent_stop(agent, false);
	/* Until the manager has said what this host is, there is nothing to compare with. */
	if (!agent->config)
		return;
	if (agent_reload(agent, report_to_log, NULL, &changes))
		log_error("config %s: refused; nothing has changed", agent->config_path);
}

static void on_reconcile(void *context)
{
	reconcile_now(context, &(unsigned){0}, &(unsigned){0});
}

/* ---- start and end */

/* Of a host with a manager, when that has said its half. */
static int open_config(struct agent *agent)
{
	unsigned errors = 0, warnings = 0;
	int error = agent->local.manager.present ? managed_open(agent, &agent->local) : 0;

	if (!error)
		config_check_interfaces(agent->config, agent->config_path, warn_to_log, NULL, &errors, &warnings);
	return error;
}

static int open_manager(struct agent *agent)
{
	return agent->managed ? managed_start(agent) : resolve_file_open(agent);
}

static int open_loader(struct agent *agent)
{
	const struct config *config = agent->config;
	struct loader_options options = {
		.instance = config->instance,
		.locator = config->locator,
		.sessions = config->limits.sessions,
		.rules = config->limits.rules,
		.mappings = config->limits.mappings,
		.hosts = config->limits.hosts,
		.pendings = config->limits.pending,
	};
	int error = loader_open(&options, &agent->loader);

	if (!error)
		agent->maps = loader_maps(agent->loader);
	return error;
}

static int open_loop(struct agent *agent)
{
	static const int signals[] = {SIGHUP, SIGTERM, SIGINT};

	agent->loop = loop_new();
	if (!agent->loop)
		return -errno;
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		int error = loop_signal(agent->loop, signals[i], on_signal, agent);

		if (error)
			return error;
	}
	agent->reconcile_timer = loop_timer(agent->loop, on_reconcile, agent);
	return agent->reconcile_timer ? 0 : -errno;
}

static int open_watchdog(struct agent *agent)
{
	return watchdog_open(agent->loop, &agent->watchdog);
}

static int open_netlink(struct agent *agent)
{
	const struct netlink_events events = {
		.link = on_link,
		.link_gone = on_link_gone,
		.routes = on_routes,
		.overrun = on_overrun,
		.context = agent,
	};

	return netlink_open(agent->loop, &events, &agent->netlink);
}

static int start(struct agent *agent)
{
	static const struct {
		const char *what;
		int (*open)(struct agent *agent);
	} parts[] = {
		{"loop", open_loop},
		{"configuration", open_config},
		{"watchdog", open_watchdog},
		{"kernel", open_loader},
		{"mirror", mirror_open},
		{"identity", authority_open},
		{"resolver", resolve_open},
		{"directory", open_manager},
		{"revocations", revocation_open},
		{"grants", grant_open},
		{"ports", ports_open},
		{"hosts", hosts_open},
		{"netlink", open_netlink},
		{"questions", question_open},
		{"rules", install_open},
		{"sweep", sweep_open},
		{"drop events", watch_open},
	};
	int error;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		error = parts[i].open(agent);
		if (error) {
			log_error("start: %s: %s", parts[i].what, strerror(-error));
			return error;
		}
	}
	ports_prune_links(agent);
	error = netlink_each_link(agent->netlink);
	if (error) {
		log_error("start: links: %s", strerror(-error));
		return error;
	}
	ports_prune_entries(agent);
	reconcile_now(agent, &(unsigned){0}, &(unsigned){0});
	/* Peers are heard when what they may ask about is there. */
	error = transport_open(agent);
	if (!error)
		revocation_tell(agent);
	if (!error)
		error = control_open(agent);
	if (!error)
		metrics_listen(agent);
	return error;
}

/* Ports go down first: without programs a node would reach the host's stack. The route goes before its programs too. */
static void take_out(struct agent *agent)
{
	const struct config *config = agent->config;
	struct locator locator;
	int error;

	ports_set_down(agent);
	/* The programs in the kernel may be for another locator than the file says now. */
	if (loader_pinned_locator(config->instance, &locator))
		locator = config->locator;
	error = netlink_local_route(agent->netlink, &locator, false);
	if (error)
		log_error("local route: %s", strerror(-error));
	error = loader_remove(config->instance);
	if (error)
		log_error("remove: %s", strerror(-error));
	error = queue_remove(config->instance);
	if (error)
		log_error("queue: %s", strerror(-error));
}

static void end(struct agent *agent)
{
	metrics_close(agent);
	control_close(agent);
	watch_close(agent);
	question_close(agent);
	transport_close(agent);
	if (agent->detach_on_stop && agent->netlink)
		take_out(agent);
	if (agent->maps) {
		hosts_close(agent);
		ports_close(agent);
	}
	install_close(agent);
	grant_close(agent);
	managed_close(agent);
	resolve_file_close(agent);
	resolve_close(agent);
	revocation_close(agent);
	authority_close(agent);
	mirror_close(agent);
	netlink_close(agent->netlink);
	loader_close(agent->loader);
	watchdog_close(agent->watchdog);
	loop_free(agent->loop);
}

static int run(struct agent *agent)
{
	int error;

	agent->started_ns = agent->config_loaded_ns = time_now_ns();
	error = start(agent);
	if (!error) {
		log_notice("ovnetd " OVNET_VERSION ": instance %s is ready", agent->config->instance);
		notify_say("READY=1");
		error = loop_run(agent->loop);
	}
	/* A start that failed leaves what it found. */
	agent->detach_on_stop &= !error;
	end(agent);
	return error;
}

static int remove_instance(struct agent *agent)
{
	scope_close int lock = -1;
	int error;

	error = loader_lock(agent->config->instance, &lock);
	if (!error)
		error = open_loop(agent);
	if (!error)
		error = open_netlink(agent);
	if (!error)
		take_out(agent);
	netlink_close(agent->netlink);
	loop_free(agent->loop);
	return error;
}

static int check(const struct config *config, const struct options *options)
{
	struct config_directory *directory = NULL;
	unsigned errors = 0, warnings = 0;

	if (config->resolve.present &&
		config_directory_load(config->resolve.file, config, report_to_stderr, NULL, &directory))
		errors++;
	config_directory_free(directory);

	config_check_interfaces(config, options->config, report_to_stderr, NULL, &errors, &warnings);
	if (errors || (options->strict && warnings))
		return 1;
	printf("%s: good (%zu vnets, %zu nodes, %zu mappings, %zu rules)\n", options->config, config->vnet_count,
		config->node_count, config->mapping_count, config->rule_count);
	return 0;
}

static int take_text(char to[CONFIG_PATH_MAX], const char *option)
{
	if (strlen(optarg) < CONFIG_PATH_MAX) {
		strcpy(to, optarg);
		return 0;
	}
	fprintf(stderr, "ovnetd: %s: expected at most %d octets\n", option, CONFIG_PATH_MAX - 1);
	return -EINVAL;
}

static int parse_options(int argc, char **argv, struct options *options)
{
	enum { STRICT = 256, REMOVE, AUTHORITY, TOKEN, DEBUG };
	static const struct option known[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'n'},
		{"strict", no_argument, NULL, STRICT},
		{"detach", no_argument, NULL, 'd'},
		{"remove", no_argument, NULL, REMOVE},
		{"manager", required_argument, NULL, 'm'},
		{"authority", required_argument, NULL, AUTHORITY},
		{"token", required_argument, NULL, TOKEN},
		{"debug", no_argument, NULL, DEBUG},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option, error = 0;

	strcpy(options->manager.directory, DEFAULT_DIRECTORY);
	while ((option = getopt_long(argc, argv, "c:nm:dVh", known, NULL)) != -1) {
		switch (option) {
		case 'c':
			options->config = optarg;
			break;
		case 'n':
			options->check = true;
			break;
		case STRICT:
			options->strict = true;
			break;
		case 'd':
			options->detach = true;
			break;
		case REMOVE:
			options->remove = true;
			break;
		case 'm':
			options->manager.present = true;
			error |= take_text(options->manager.url, "--manager");
			break;
		case AUTHORITY:
			error |= take_text(options->manager.authority, "--authority");
			break;
		case TOKEN:
			error |= take_text(options->manager.token, "--token");
			break;
		case DEBUG:
			log_set_level(LOG_LEVEL_DEBUG);
			break;
		case 'V':
			puts("ovnetd " OVNET_VERSION);
			exit(0);
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			return -EINVAL;
		}
	}
	if (!error && !options->manager.present && (*options->manager.authority || *options->manager.token)) {
		fputs("ovnetd: --authority and --token go with --manager\n", stderr);
		error = -EINVAL;
	}
	if (error || optind == argc)
		return error;
	fprintf(stderr, "ovnetd: unexpected argument '%s'\n", argv[optind]);
	return -EINVAL;
}

/* Of a host with a manager only its own half is known here; to check it, or to take its instance out, that is enough. */
static int load(struct agent *agent, const struct options *options)
{
	int error = config_local_load(options->config, &options->manager, report_to_stderr, NULL, &agent->local);

	if (error || (agent->local.manager.present && !options->check && !options->remove))
		return error;
	if (agent->local.manager.present)
		return config_managed_parse(&agent->local, options->config, CONFIG_MANAGED_NOTHING, report_to_stderr,
			NULL, &agent->config);
	return config_load(options->config, report_to_stderr, NULL, &agent->config);
}

int main(int argc, char **argv)
{
	struct options options = {.config = DEFAULT_CONFIG};
	struct agent agent = {0};
	int status;

	if (parse_options(argc, argv, &options)) {
		fputs("Try 'ovnetd --help'.\n", stderr);
		return 2;
	}
	agent.config_path = options.config;
	agent.detach_on_stop = options.detach;
	if (load(&agent, &options))
		return 1;
	if (options.check)
		status = check(agent.config, &options);
	else if (options.remove)
		status = remove_instance(&agent) ? 1 : 0;
	else
		status = run(&agent) ? 1 : 0;
	config_local_free(&agent.local);
	config_free(agent.config);
	return status;
}
