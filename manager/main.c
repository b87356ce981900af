/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ovnet-manager: options, start, end. What is served comes last, and goes first.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/notify.h"
#include "lib/time.h"
#include "lib/watchdog.h"
#include "manager/agents.h"
#include "manager/change.h"
#include "manager/http.h"
#include "manager/judge.h"
#include "manager/manager.h"
#include "manager/metrics.h"
#include "manager/store.h"
#include "manager/trials.h"
#include "manager/watchers.h"
#include "manager/writer.h"

#define DEFAULT_DIRECTORY "/var/lib/ovnet-manager"
#define DEFAULT_SOCKET "/run/ovnet-manager/manager.sock"
#define DEFAULT_LISTEN "[::1]:6191"
#define DEFAULT_LEASE_S 900
#define LEASE_LEAST_S 10

static const char usage[] =
	"usage: ovnet-manager [--directory DIR] [--store URL] [--listen ADDRESS:PORT] [--socket PATH] [OPTION...]\n"
	"       ovnet-manager [--directory DIR] [--store URL] --restore FILE\n"
	"\n"
	"The manager of ovnet: keeps accounts, vnets, nodes, groups, policies and handles, and tells agents what concerns them.\n"
	"\n"
	"  -D, --directory DIR     keys, certificates, and the store unless --store says otherwise\n"
	"                          (default " DEFAULT_DIRECTORY ")\n"
	"  -S, --store URL         sqlite:PATH (default DIR/manager.db) or etcd:URL[,URL...][/PREFIX]\n"
	"  -l, --listen ADDR:PORT  where to serve (default " DEFAULT_LISTEN "); \"none\": only the socket\n"
	"  -s, --socket PATH       the unix socket (default " DEFAULT_SOCKET "); \"none\": none\n"
	"      --name NAME         a name or address under which it is reached, for the certificate that it makes;\n"
	"                          may be repeated\n"
	"      --certificate FILE  TLS certificate chain (PEM), with --key FILE; default: made in DIR\n"
	"      --key FILE          its key\n"
	"      --plain             without TLS: on a loopback address only\n"
	"      --lease SECONDS     how long passports hold, hence how long hosts go on without a manager\n"
	"                          (10 to 86400, default 900)\n"
	"      --restore FILE      fill an empty store from a backup, and exit\n"
	"      --debug             log more\n"
	"  -V, --version           print the version and exit\n"
	"  -h, --help              print this and exit\n"
	"\n"
	"The first start writes a token for operators to DIR/operator.token. SIGTERM and SIGINT end.\n";

uint64_t manager_wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / NSEC_PER_MSEC;
}

/* ---- start */

static void on_signal(void *context, int signal)
{
	struct manager *manager = context;

	(void)signal;
	notify_say("STOPPING=1");
	loop_stop(manager->loop);
}

static int open_loop(struct manager *manager)
{
	static const int signals[] = {SIGTERM, SIGINT};

	manager->loop = loop_new();
	if (!manager->loop)
		return -errno;
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		int error = loop_signal(manager->loop, signals[i], on_signal, manager);

		if (error)
			return error;
	}
	return 0;
}

/* The directory is nobody else's: its keys sign for every host. */
static int open_directory(struct manager *manager)
{
	const char *path = manager->options.directory;
	struct stat found;

	if (mkdir(path, 0700) && errno != EEXIST) {
		log_error("directory %s: %s", path, strerror(errno));
		return -errno;
	}
	if (stat(path, &found)) {
		log_error("directory %s: %s", path, strerror(errno));
		return -errno;
	}
	if (found.st_mode & 077) {
		log_error("directory %s: others than its owner may look into it: chmod 700", path);
		return -EPERM;
	}
	return 0;
}

/* The key by which every passport is signed: made at the first start. Managers of one store share it: copied by who sets them up. */
static int open_authority(struct manager *manager)
{
	char path[PATH_MAX], text[KEY_TEXT_MAX];
	int error;

	snprintf(path, sizeof(path), "%s/authority.key", manager->options.directory);
	error = key_create(path, KEY_AUTHORITY, text);
	if (error && error != -EEXIST) {
		log_error("%s: %s", path, strerror(-error));
		return error;
	}
	error = key_read(path, NULL, NULL, &manager->authority);
	if (error)
		log_error("%s: %s", path,
			error == -EPERM ? "others than its owner may read it: chmod 600" : strerror(-error));
	return error;
}

static int open_state(struct manager *manager)
{
	manager->state = state_new();
	return manager->state ? 0 : -ENOMEM;
}

/* ---- the first token */

struct first {
	struct manager *manager;
	char secret[AUTH_SECRET_TEXT_MAX], hash[2 * STATE_HASH_LEN + 1];
};

static void first_assign(void *context, const struct object *before, cJSON *body)
{
	const struct first *first = context;

	(void)before;
	if (!strcmp(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "kind")), "token"))
		model_assign(body, "hash", cJSON_CreateString(first->hash));
}

static void first_done(void *context, int result, uint64_t revision)
{
	struct first *first = context;
	char path[PATH_MAX];
	scope_close int fd = -1;

	(void)revision;
	if (result)
		return;
	snprintf(path, sizeof(path), "%s/operator.token", first->manager->options.directory);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || dprintf(fd, "%s\n", first->secret) < 0 || fsync(fd))
		log_error("%s: %s; make another token over the socket", path, strerror(errno));
	else
		log_notice("a token for operators is in %s", path);
}

static void first_free(void *context)
{
	explicit_bzero(context, sizeof(struct first));
	free(context);
}

static cJSON *first_object(const char *name, const char *role)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "name", name);
	if (role)
		cJSON_AddStringToObject(object, "role", role);
	return object;
}

/* An empty store gets the operators' account and a token for it. */
static int make_first(struct manager *manager)
{
	struct change_request change = {.done = first_done,
		.assign = first_assign,
		.free_context = first_free,
		.count = 2};
	struct first *first;

	if (state_find(manager->state, MODEL_ACCOUNT, MODEL_SYSTEM))
		return 0;
	first = calloc(1, sizeof(*first));
	change.items = calloc(2, sizeof(*change.items));
	if (!first || !change.items) {
		free(first);
		free(change.items);
		return -ENOMEM;
	}
	first->manager = manager;
	auth_secret_make(first->secret, first->hash);
	change.context = first;
	auth_local(0, &change.principal);
	strcpy(change.why, "the first start");
	change.items[0] = (struct change_item){
		.verb = CHANGE_CREATE,
		.kind = MODEL_ACCOUNT,
		.body = first_object(MODEL_SYSTEM, NULL),
	};
	change.items[1] = (struct change_item){
		.verb = CHANGE_CREATE,
		.kind = MODEL_TOKEN,
		.body = first_object(MODEL_SYSTEM "/operator", "operator"),
	};
	change_start(manager, &change);
	return 0;
}

static int start(struct manager *manager)
{
	static const struct {
		const char *what;
		int (*open)(struct manager *manager);
	} parts[] = {
		{"loop", open_loop},
		{"directory", open_directory},
		{"authority", open_authority},
		{"metrics", metrics_open},
		{"state", open_state},
		{"watchers", watchers_open},
		{"trials", trials_open},
		{"agents", agents_open},
		{"judge", judge_open},
		{"changes", changes_open},
		{"store", writer_open},
		{"first token", make_first},
		{"http", http_open},
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		int error = parts[i].open(manager);

		if (error) {
			log_error("start: %s: %s", parts[i].what, strerror(-error));
			return error;
		}
	}
	return 0;
}

static void end(struct manager *manager)
{
	/* What is under way in the store is finished, and answered; then nobody is served any more. */
	writer_close(manager);
	changes_close(manager);
	trials_close(manager);
	watchers_close(manager);
	http_close(manager);
	judge_close(manager);
	agents_close(manager);
	free(manager->watchers);
	state_free(manager->state);
	metrics_close(manager);
	loop_free(manager->loop);
	explicit_bzero(&manager->authority, sizeof(manager->authority));
}

static int run(struct manager *manager)
{
	struct watchdog *watchdog = NULL;
	int error;

	manager->started_ns = time_now_ns();
	error = start(manager);
	if (!error)
		error = watchdog_open(manager->loop, &watchdog);
	if (!error) {
		log_notice("ovnet-manager " OVNET_VERSION ": ready at revision %llu",
			(unsigned long long)state_revision(manager->state));
		notify_say("READY=1");
		error = loop_run(manager->loop);
	}
	watchdog_close(watchdog);
	end(manager);
	return error;
}

static int restore(const struct manager_options *options, const char *path)
{
	char message[STORE_MESSAGE_MAX] = "";
	struct store *store;
	uint64_t revision;
	int error = store_open(options->store, &store, message);

	if (!error) {
		error = store_restore(store, path, &revision, message);
		store_close(store);
	}
	if (error) {
		fprintf(stderr, "ovnet-manager: restore %s: %s\n", path, *message ? message : strerror(-error));
		return error;
	}
	printf("restored to revision %llu\n", (unsigned long long)revision);
	return 0;
}

/* ---- options */

struct command {
	struct manager_options options;
	const char *restore;
};

static int parse_lease(const char *text, unsigned *out)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!*text || *end || value < LEASE_LEAST_S || value > 86400) {
		fprintf(stderr, "ovnet-manager: --lease: expected %d to 86400 seconds, got '%s'\n", LEASE_LEAST_S,
			text);
		return -EINVAL;
	}
	*out = (unsigned)value;
	return 0;
}

static int parse_options(int argc, char **argv, struct command *command)
{
	enum { NAME = 256, CERTIFICATE, KEY, PLAIN, LEASE, RESTORE, DEBUG };
	static const struct option known[] = {
		{"directory", required_argument, NULL, 'D'},
		{"store", required_argument, NULL, 'S'},
		{"listen", required_argument, NULL, 'l'},
		{"socket", required_argument, NULL, 's'},
		{"name", required_argument, NULL, NAME},
		{"certificate", required_argument, NULL, CERTIFICATE},
		{"key", required_argument, NULL, KEY},
		{"plain", no_argument, NULL, PLAIN},
		{"lease", required_argument, NULL, LEASE},
		{"restore", required_argument, NULL, RESTORE},
		{"debug", no_argument, NULL, DEBUG},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct manager_options *options = &command->options;
	int option;

	while ((option = getopt_long(argc, argv, "D:S:l:s:Vh", known, NULL)) != -1) {
		switch (option) {
		case 'D':
			options->directory = optarg;
			break;
		case 'S':
			options->store = optarg;
			break;
		case 'l':
			options->listen = optarg;
			break;
		case 's':
			options->socket = optarg;
			break;
		case NAME:
			if (options->name_count == MANAGER_NAMES_MAX) {
				fprintf(stderr, "ovnet-manager: --name: expected at most %d\n", MANAGER_NAMES_MAX);
				return -EINVAL;
			}
			options->names[options->name_count++] = optarg;
			break;
		case CERTIFICATE:
			options->certificate = optarg;
			break;
		case KEY:
			options->key = optarg;
			break;
		case PLAIN:
			options->plain = true;
			break;
		case LEASE:
			if (parse_lease(optarg, &options->lease_s))
				return -EINVAL;
			break;
		case RESTORE:
			command->restore = optarg;
			break;
		case DEBUG:
			log_set_level(LOG_LEVEL_DEBUG);
			break;
		case 'V':
			puts("ovnet-manager " OVNET_VERSION);
			exit(0);
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "ovnet-manager: unexpected argument '%s'\n", argv[optind]);
		return -EINVAL;
	}
	if (!options->certificate != !options->key) {
		fprintf(stderr, "ovnet-manager: --certificate and --key go together\n");
		return -EINVAL;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct command command = {.options = {
					  .directory = DEFAULT_DIRECTORY,
					  .listen = DEFAULT_LISTEN,
					  .socket = DEFAULT_SOCKET,
					  .lease_s = DEFAULT_LEASE_S,
				  }};
	struct manager_options *options = &command.options;
	char store[PATH_MAX];
	struct manager manager = {0};

	signal(SIGPIPE, SIG_IGN);
	umask(077);
	if (parse_options(argc, argv, &command)) {
		fputs("Try 'ovnet-manager --help'.\n", stderr);
		return 2;
	}
	if (!options->store) {
		snprintf(store, sizeof(store), "sqlite:%s/manager.db", options->directory);
		options->store = store;
	}
	if (!strcmp(options->listen, "none"))
		options->listen = NULL;
	if (!strcmp(options->socket, "none"))
		options->socket = NULL;
	if (key_library()) {
		fputs("ovnet-manager: libsodium does not start\n", stderr);
		return 1;
	}
	if (command.restore)
		return restore(options, command.restore) ? 1 : 0;
	manager.options = *options;
	return run(&manager) ? 1 : 0;
}
