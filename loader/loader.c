// SPDX-License-Identifier: BSD-2-Clause
/*
 * Loader: opens, takes over, loads and pins; and removes all of it. The only file that knows the skeleton.
 * Attaching is attach.c's.
 */
#include "loader/loader.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <linux/types.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/error.h"
#include "lib/log.h"
#include "loader/imprint.h"
#include "loader/internal.h"
#include "loader/layout.h"
#include "loader/verifier.h"
#include "maps/constant.h"
#include "ovnet.skel.h"

#define RUN_ROOT "/run/ovnet"
#define MAPS_COUNT_MAX 32
#define DIFFERENCE_MAX 512

/* A program is pinned under its name with this, and renamed when all are, so that the old one never lacks a successor.
 */
#define SUCCESSOR "-new"

/* Maps that were not pinned before. */
struct fresh_maps {
	struct bpf_map *map[MAPS_COUNT_MAX];
	size_t count;
	bool some; /* others were taken over */
};

/* The instance's name becomes a directory's. */
static bool loader_instance_is_valid(const char *instance)
{
	if (!*instance || !strcmp(instance, ".") || !strcmp(instance, ".."))
		return false;
	for (; *instance; instance++)
		if (!isalnum((unsigned char)*instance) && !strchr("_.-", *instance))
			return false;
	return true;
}

static int loader_make_directory(const char *path)
{
	int error = mkdir(path, 0755) && errno != EEXIST ? -errno : 0;

	if (error)
		log_error("loader %s: cannot make the directory: %s", path, strerror(-error));
	return error;
}

/* The file stays when the lock is gone: who removed it could remove one that another has just locked. */
int loader_lock(const char *instance, int *fd)
{
	char path[PIN_PATH_MAX];
	scope_close int lock = -1;
	int error = loader_make_directory(RUN_ROOT);

	snprintf(path, sizeof(path), RUN_ROOT "/%s", instance);
	if (!error)
		error = loader_make_directory(path);
	if (error)
		return error;
	snprintf(path, sizeof(path), RUN_ROOT "/%s/lock", instance);
	lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0) {
		error = -errno;
		log_error("loader %s: cannot open: %s", path, strerror(-error));
		return error;
	}
	if (flock(lock, LOCK_EX | LOCK_NB)) {
		error = errno == EWOULDBLOCK ? -EBUSY : -errno;
		log_error("loader %s: cannot lock: %s", path,
			error == -EBUSY ? "another process has this instance" : strerror(-error));
		return error;
	}
	*fd = lock;
	lock = -1;
	return 0;
}

static int loader_open_skeleton(struct loader *loader, const struct loader_options *options)
{
	struct ovnet *skeleton = ovnet__open();
	struct locator_config *locator;
	int error;

	if (!skeleton) {
		error = -errno;
		log_error("loader programs: cannot read them: %s", strerror(-error));
		return error;
	}
	loader->skeleton = skeleton;
	locator = &skeleton->rodata->ovnet_locator;
	for (size_t i = 0; i < ARRAY_LEN(locator->octet); i++)
		locator->octet[i] = options->locator.octet[i];
	locator->length = options->locator.length;

	const struct {
		struct bpf_map *map;
		uint32_t entries;
	} sizes[] = {
		{skeleton->maps.sessions, options->sessions},
		{skeleton->maps.rules, options->rules},
		{skeleton->maps.mappings, options->mappings},
		{skeleton->maps.nexthops, options->hosts},
		{skeleton->maps.pendings, options->pendings},
		{skeleton->maps.identities, options->mappings},
	};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		error = bpf_map__set_max_entries(sizes[i].map, sizes[i].entries);
		if (error) {
			log_error("loader map %s: cannot have %u entries: %s", bpf_map__name(sizes[i].map),
				sizes[i].entries, strerror(-error));
			return error;
		}
	}
	return 0;
}

/* Takes over one pinned map, or notes that it is to be made. */
static int loader_take_over_map(struct loader *loader, struct bpf_map *map, const char *imprint,
	struct fresh_maps *fresh)
{
	char path[PIN_PATH_MAX], difference[DIFFERENCE_MAX];
	int error = pin_path(path, loader->instance, PIN_MAPS, bpf_map__name(map));
	scope_close int fd = error ? -1 : bpf_obj_get(path);

	if (fd == -ENOENT) {
		if (fresh->count == ARRAY_LEN(fresh->map))
			return -E2BIG;
		fresh->map[fresh->count++] = map;
		return 0;
	}
	if (!error)
		error = fd < 0 ? fd
			       : layout_compare(map, bpf_object__btf(loader->skeleton->obj), fd, imprint, difference,
					 sizeof(difference));
	if (error == -EEXIST) {
		log_error("loader %s: %s: stop ovnetd with --detach first, which drops all sessions, or keep the old "
			  "build and sizes",
			path, difference);
		return error;
	}
	if (!error)
		error = bpf_map__reuse_fd(map, fd);
	fresh->some |= !error;
	if (error)
		log_error("loader %s: cannot take over: %s%s", path, strerror(-error),
			error == -EPERM && !imprint
				? "; its maker left no imprint: start ovnetd once with CAP_SYS_ADMIN"
				: "");
	return error;
}

/* Every map is looked at, so that all differences are told at once. */
static int loader_take_over(struct loader *loader, struct fresh_maps *fresh)
{
	scope_free char *imprint = NULL;
	struct bpf_map *map;
	int result = imprint_read(loader->instance, &imprint);

	if (result && result != -ENOENT)
		return result;
	result = 0;
	bpf_object__for_each_map(map, loader->skeleton->obj) {
		int error = bpf_map__is_internal(map) ? 0 : loader_take_over_map(loader, map, imprint, fresh);

		if (error)
			result = error;
	}
	return result;
}

/* Programs of another locator took other packets for the host's own, and a route for them is still there. */
static int loader_check_locator(const struct loader *loader, const struct locator *wanted)
{
	char pinned_text[ADDRESS_TEXT_MAX], wanted_text[ADDRESS_TEXT_MAX];
	struct locator pinned;
	int error = loader_pinned_locator(loader->instance, &pinned);

	if (error)
		return error == -ENOENT ? 0 : error;
	if (pinned.length == wanted->length && !memcmp(pinned.octet, wanted->octet, sizeof(pinned.octet)))
		return 0;
	log_error(
		"loader %s: the programs in the kernel are for locator %s, the configuration says %s: stop ovnetd with "
		"--detach first (or run ovnetd --remove), which drops all sessions",
		loader->instance, locator_format(&pinned, pinned_text), locator_format(wanted, wanted_text));
	return -EEXIST;
}

static int loader_load(struct loader *loader)
{
	int error = ovnet__load(loader->skeleton);

	if (error) {
		verifier_tell();
		log_error("loader programs: the kernel does not take them: %s", strerror(-error));
	}
	verifier_forget();
	return error;
}

/* All maps that are pinned by now were found to be as these are, and the locator to be this one. */
static int loader_write_imprint(const struct loader *loader, const struct locator *locator)
{
	const struct bpf_object *object = loader->skeleton->obj;
	char prefix[ADDRESS_TEXT_MAX];
	scope_free char *text = NULL;
	struct bpf_map *map;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int error = 0;

	if (!out)
		return -errno;
	fprintf(out, "locator\t%s\n", locator_format(locator, prefix));
	bpf_object__for_each_map(map, object)
		if (!error && !bpf_map__is_internal(map))
			error = layout_write(out, map, bpf_object__btf(object));
	if (fclose(out) && !error)
		error = -ENOMEM;
	if (!error)
		error = imprint_write(loader->instance, text);
	if (error)
		log_error("loader imprint: cannot pin: %s", strerror(-error));
	return error;
}

static int loader_pin_maps(const struct loader *loader, const struct fresh_maps *fresh)
{
	char path[PIN_PATH_MAX];

	for (size_t i = 0; i < fresh->count; i++) {
		int error = pin_path(path, loader->instance, PIN_MAPS, bpf_map__name(fresh->map[i]));

		if (!error)
			error = bpf_obj_pin(bpf_map__fd(fresh->map[i]), path);
		if (error) {
			log_error("loader map %s: cannot pin: %s", bpf_map__name(fresh->map[i]), strerror(-error));
			return error;
		}
	}
	return 0;
}

static void loader_unpin_maps(const struct loader *loader, const struct fresh_maps *fresh)
{
	char path[PIN_PATH_MAX];

	for (size_t i = 0; i < fresh->count; i++)
		if (!pin_path(path, loader->instance, PIN_MAPS, bpf_map__name(fresh->map[i])))
			pin_remove(path);
	if (!fresh->some)
		imprint_remove(loader->instance);
}

static int loader_program_paths(const struct loader *loader, const struct bpf_program *program, char path[PIN_PATH_MAX],
	char successor[PIN_PATH_MAX])
{
	char name[PIN_PATH_MAX];
	int error = pin_path(path, loader->instance, PIN_PROGRAMS, bpf_program__name(program));

	snprintf(name, sizeof(name), "%s" SUCCESSOR, bpf_program__name(program));
	return error ? error : pin_path(successor, loader->instance, PIN_PROGRAMS, name);
}

static void loader_unpin_successors(const struct loader *loader)
{
	char path[PIN_PATH_MAX], successor[PIN_PATH_MAX];
	struct bpf_program *program;

	bpf_object__for_each_program(program, loader->skeleton->obj)
		if (!loader_program_paths(loader, program, path, successor))
			pin_remove(successor);
}

static int loader_pin_programs(const struct loader *loader)
{
	char path[PIN_PATH_MAX], successor[PIN_PATH_MAX];
	struct bpf_program *program;
	int error = 0;

	/* What an earlier loader left that died just here. */
	loader_unpin_successors(loader);
	bpf_object__for_each_program(program, loader->skeleton->obj) {
		error = loader_program_paths(loader, program, path, successor);
		if (!error)
			error = bpf_obj_pin(bpf_program__fd(program), successor);
		if (error)
			break;
	}
	if (!error) {
		bpf_object__for_each_program(program, loader->skeleton->obj) {
			error = loader_program_paths(loader, program, path, successor);
			if (!error && rename(successor, path))
				error = -errno;
			if (error)
				break;
		}
	}
	if (!error)
		return 0;
	loader_unpin_successors(loader);
	log_error("loader program %s: cannot pin: %s", bpf_program__name(program), strerror(-error));
	return error;
}

static void loader_describe(struct loader *loader)
{
	const struct ovnet *skeleton = loader->skeleton;

	loader->program[LOADER_NODE] = bpf_program__fd(skeleton->progs.node);
	loader->program[LOADER_INJECT] = bpf_program__fd(skeleton->progs.inject);
	loader->program[LOADER_GUARD] = bpf_program__fd(skeleton->progs.guard);
	loader->program[LOADER_UPLINK_TC] = bpf_program__fd(skeleton->progs.uplink_tc);
	loader->program[LOADER_UPLINK_XDP] = bpf_program__fd(skeleton->progs.uplink_xdp);
	loader->maps = (struct loader_maps){
		.ports = bpf_map__fd(skeleton->maps.ports),
		.port_states = bpf_map__fd(skeleton->maps.port_states),
		.counters = bpf_map__fd(skeleton->maps.counters),
		.rules = bpf_map__fd(skeleton->maps.rules),
		.sessions = bpf_map__fd(skeleton->maps.sessions),
		.mappings = bpf_map__fd(skeleton->maps.mappings),
		.nexthops = bpf_map__fd(skeleton->maps.nexthops),
		.events = bpf_map__fd(skeleton->maps.events),
		.listeners = bpf_map__fd(skeleton->maps.listeners),
		.pendings = bpf_map__fd(skeleton->maps.pendings),
		.budgets = bpf_map__fd(skeleton->maps.budgets),
		.questions = bpf_map__fd(skeleton->maps.questions),
		.channel = bpf_map__fd(skeleton->maps.channel),
		.control_keys = bpf_map__fd(skeleton->maps.control_keys),
		.control_hosts = bpf_map__fd(skeleton->maps.control_hosts),
		.control_gates = bpf_map__fd(skeleton->maps.control_gates),
		.identities = bpf_map__fd(skeleton->maps.identities),
	};
}

/* From the lock on: what fails here takes back what it pinned. */
static int loader_prepare(struct loader *loader, const struct loader_options *options)
{
	struct fresh_maps fresh = {.count = 0};
	int error = pin_mount();

	if (!error)
		error = link_probe_tc(&loader->tc);
	if (!error)
		error = loader_open_skeleton(loader, options);
	if (!error)
		error = loader_take_over(loader, &fresh);
	if (!error)
		error = loader_check_locator(loader, &options->locator);
	if (!error)
		error = loader_load(loader);
	if (error)
		return error;

	error = pin_make_directories(loader->instance);
	/* First: who takes over maps without it may not be able to. */
	if (!error)
		error = loader_write_imprint(loader, &options->locator);
	if (!error)
		error = loader_pin_maps(loader, &fresh);
	if (!error)
		error = loader_pin_programs(loader);
	if (error) {
		loader_unpin_maps(loader, &fresh);
		pin_remove_directories(loader->instance);
		return error;
	}
	loader_describe(loader);
	return 0;
}

int loader_open(const struct loader_options *options, struct loader **out)
{
	struct loader *loader;
	int error;

	if (!loader_instance_is_valid(options->instance)) {
		log_error("loader instance '%s': not a name of letters, digits, '_', '.' and '-'", options->instance);
		return -EINVAL;
	}
	loader = calloc(1, sizeof(*loader));
	if (!loader)
		return -ENOMEM;
	loader->lock = -1;
	verifier_listen();
	loader->instance = strdup(options->instance);
	error = loader->instance ? loader_lock(loader->instance, &loader->lock) : -ENOMEM;
	if (!error)
		error = loader_prepare(loader, options);
	if (error) {
		loader_close(loader);
		return error;
	}
	*out = loader;
	return 0;
}

void loader_close(struct loader *loader)
{
	if (!loader)
		return;
	ovnet__destroy(loader->skeleton);
	if (loader->lock >= 0)
		close(loader->lock);
	free(loader->instance);
	free(loader);
}

const struct loader_maps *loader_maps(const struct loader *loader)
{
	return &loader->maps;
}

static int loader_removed(const char *path, int error)
{
	if (error)
		log_error("loader %s: cannot remove: %s", path, strerror(-error));
	return error;
}

static int loader_remove_link(void *context, const char *path, const char *name)
{
	(void)context;
	(void)name;
	return loader_removed(path, link_detach(path));
}

static int loader_remove_pin(void *context, const char *path, const char *name)
{
	(void)context;
	(void)name;
	return loader_removed(path, pin_remove(path));
}

int loader_remove(const char *instance)
{
	int links, programs, maps;

	if (!loader_instance_is_valid(instance))
		return -EINVAL;
	links = pin_each(instance, PIN_LINKS, loader_remove_link, NULL);
	programs = pin_each(instance, PIN_PROGRAMS, loader_remove_pin, NULL);
	maps = pin_each(instance, PIN_MAPS, loader_remove_pin, NULL);
	pin_remove_directories(instance);
	return links ? links : programs ? programs : maps;
}
