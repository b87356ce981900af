// SPDX-License-Identifier: BSD-2-Clause
/*
 * The loader against the kernel: pins, takeover, attaching, and that nothing stays. Needs root.
 *
 * Runs in a network namespace of its own:
 *
 *     up0 (veth) --- up1        tap0 (tap)        br0 (bridge, which has no native XDP)
 *
 * Pins are made under an instance name with the process number. What the maps' accessors do is test_maps.c's.
 */
#include "loader/loader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <net/if.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <linux/magic.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <CUnit/Basic.h>

#include "lib/error.h"
#include "lib/log.h"
#include "maps/access.h"

#define SKIPPED 77
#define CYCLES 1000
#define WAIT_MS 10000
#define MAPS_COUNT 9
#define IDS_MAX 64

static char instance[32];

static const struct loader_options plain = {
	.instance = instance,
	.locator = { .octet = { 0xfd, 0, 0, 1, 0, 0, 0, 1 }, .length = 64 },
	.sessions = 4096,
	.rules = 4096,
	.mappings = 4096,
	.hosts = 64,
};

static const enum loader_hook hooks[] = { LOADER_NODE, LOADER_GUARD, LOADER_UPLINK_TC, LOADER_UPLINK_XDP };

/* Helpers. */

static int run(const char *format, ...) PRINTF_LIKE(1, 2);

static int run(const char *format, ...)
{
	char command[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	return system(command);
}

static struct loader *open_plain(void)
{
	struct loader *loader = NULL;

	CU_ASSERT_EQUAL_FATAL(loader_open(&plain, &loader), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(loader);
	return loader;
}

static void end(struct loader *loader)
{
	loader_close(loader);
	CU_ASSERT_EQUAL(loader_remove(instance), 0);
}

static const char *pin(const char *kind, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), LOADER_ROOT "/%s/%s/%s", instance, kind, name);
	return path;
}

static bool pins_are_gone(void)
{
	char path[128];

	snprintf(path, sizeof(path), LOADER_ROOT "/%s", instance);
	return access(path, F_OK) && errno == ENOENT;
}

static unsigned int count_entries(const char *path)
{
	DIR *directory = opendir(path);
	unsigned int count = 0;

	if (!directory)
		return 0;
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static uint32_t map_id(int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t length = sizeof(info);

	CU_ASSERT_EQUAL_FATAL(bpf_obj_get_info_by_fd(fd, &info, &length), 0);
	return info.id;
}

static struct bpf_link_info link_info(const char *name)
{
	struct bpf_link_info info = { 0 };
	uint32_t length = sizeof(info);
	int fd = bpf_obj_get(pin("links", name));

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(bpf_obj_get_info_by_fd(fd, &info, &length), 0);
	close(fd);
	return info;
}

/* How many programs tc has on an interface. */
static uint32_t tcx_count(const char *interface, int type)
{
	uint32_t count = 0;

	CU_ASSERT_EQUAL(bpf_prog_query((int)if_nametoindex(interface), type, 0, NULL, NULL, &count), 0);
	return count;
}

static uint32_t xdp_id(const char *interface)
{
	uint32_t id = 0;

	CU_ASSERT_EQUAL(bpf_xdp_query_id((int)if_nametoindex(interface), 0, &id), 0);
	return id;
}

static void attach(struct loader *loader, enum loader_hook hook, const char *interface)
{
	CU_ASSERT_EQUAL(loader_attach(loader, hook, interface, if_nametoindex(interface), NULL), 0);
}

/* The log, while `fn` would be too much: what is written to standard error from begin to end. */
static int log_saved;

static void log_begin(void)
{
	FILE *file = tmpfile();

	fflush(stderr);
	log_saved = dup(STDERR_FILENO);
	dup2(fileno(file), STDERR_FILENO);
	fclose(file);
}

static const char *log_end(void)
{
	static char text[8192];
	ssize_t length;

	fflush(stderr);
	length = pread(STDERR_FILENO, text, sizeof(text) - 1, 0);
	text[length > 0 ? length : 0] = '\0';
	dup2(log_saved, STDERR_FILENO);
	close(log_saved);
	return text;
}

static void assert_says(const char *text, const char *words)
{
	if (!strstr(text, words))
		fprintf(stderr, "\n  '%s' is not in: %s\n", words, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, words));
}

/* Objects of the kernel: a program holds its maps, a link its program, so when the maps are gone all is. */
struct ids {
	uint32_t map[IDS_MAX];
	uint32_t program[IDS_MAX];
	size_t map_count, program_count;
};

static void ids_add_program(struct ids *ids, const char *name)
{
	struct bpf_prog_info info = { .nr_map_ids = IDS_MAX - ids->map_count,
		.map_ids = (uintptr_t)&ids->map[ids->map_count] };
	uint32_t length = sizeof(info);
	int fd = bpf_obj_get(pin("progs", name));

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(bpf_obj_get_info_by_fd(fd, &info, &length), 0);
	close(fd);
	ids->map_count += info.nr_map_ids;
	ids->program[ids->program_count++] = info.id;
}

/* Of what is pinned now, with what libbpf makes beside (.rodata). */
static struct ids ids_of_instance(void)
{
	struct ids ids = { .map_count = 0 };

	ids_add_program(&ids, "node");
	ids_add_program(&ids, "guard");
	ids_add_program(&ids, "uplink_tc");
	ids_add_program(&ids, "uplink_xdp");
	return ids;
}

static bool id_is_gone(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd == -ENOENT;
}

/* The kernel frees later; bounded. */
static bool ids_are_gone(const struct ids *ids)
{
	for (int waited = 0; waited < WAIT_MS; waited++) {
		size_t gone = 0;

		for (size_t i = 0; i < ids->map_count; i++)
			gone += id_is_gone(bpf_map_get_fd_by_id(ids->map[i]));
		for (size_t i = 0; i < ids->program_count; i++)
			gone += id_is_gone(bpf_prog_get_fd_by_id(ids->program[i]));
		if (gone == ids->map_count + ids->program_count)
			return true;
		poll(NULL, 0, 1);
	}
	return false;
}

/* Opening and taking over. */

static void test_open(void)
{
	static const char *const maps[MAPS_COUNT] = { "ports", "port_states", "counters", "rules", "sessions", "mappings",
		"nexthops", "events", "listeners" };
	static const char *const programs[] = { "node", "guard", "uplink_tc", "uplink_xdp" };
	struct loader *loader = open_plain();
	struct loader *second = NULL;

	for (size_t i = 0; i < ARRAY_LEN(maps); i++)
		CU_ASSERT_EQUAL(access(pin("maps", maps[i]), F_OK), 0);
	for (size_t i = 0; i < ARRAY_LEN(programs); i++)
		CU_ASSERT_EQUAL(access(pin("progs", programs[i]), F_OK), 0);
	for (size_t i = 0; i < MAPS_COUNT; i++)
		CU_ASSERT_TRUE(map_id(((const int *)loader_maps(loader))[i]) > 0);

	log_begin();
	CU_ASSERT_EQUAL(loader_open(&plain, &second), -EBUSY);
	assert_says(log_end(), "another process has this instance");
	CU_ASSERT_PTR_NULL(second);
	end(loader);
	CU_ASSERT_TRUE(pins_are_gone());
	CU_ASSERT_EQUAL(loader_remove(instance), 0);
}

static void test_instance_names(void)
{
	static const char *const names[] = { "", ".", "..", "a/b", "a b" };
	struct loader_options options = plain;
	struct loader *loader = NULL;

	log_begin();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		options.instance = names[i];
		CU_ASSERT_EQUAL(loader_open(&options, &loader), -EINVAL);
		CU_ASSERT_EQUAL(loader_remove(names[i]), -EINVAL);
	}
	log_end();
	CU_ASSERT_PTR_NULL(loader);
}

static void test_take_over(void)
{
	const struct mapping_key key = { .vni = 77, .address = { 10, 0, 0, 2 } };
	const struct mapping_value value = { .incarnation = 5 };
	struct mapping_value found;
	struct loader *loader = open_plain();
	uint32_t id = map_id(loader_maps(loader)->mappings);
	struct ids first = ids_of_instance(), again;

	CU_ASSERT_EQUAL(mapping_set(loader_maps(loader)->mappings, &key, &value), 0);
	loader_close(loader);
	loader = open_plain();
	CU_ASSERT_EQUAL(map_id(loader_maps(loader)->mappings), id);
	CU_ASSERT_EQUAL(mapping_get(loader_maps(loader)->mappings, &key, &found), 0);
	CU_ASSERT_EQUAL(found.incarnation, 5);

	/* Pinned programs are the new ones, and the old ones are gone. */
	again = ids_of_instance();
	for (size_t i = 0; i < again.program_count; i++)
		CU_ASSERT_NOT_EQUAL(again.program[i], first.program[i]);
	first.map_count = 0;
	CU_ASSERT_TRUE(ids_are_gone(&first));
	CU_ASSERT_NOT_EQUAL(access(pin("progs", "node-new"), F_OK), 0);
	end(loader);
}

static void test_other_size(void)
{
	const struct rule_key key = { .vni = 77 };
	const struct rule_value value = { .policy = 9 };
	struct rule_value found;
	struct loader_options options = plain;
	struct loader *loader = open_plain(), *other = NULL;
	uint32_t id = map_id(loader_maps(loader)->rules);
	const char *text;

	CU_ASSERT_EQUAL(rule_set(loader_maps(loader)->rules, &key, &value), 0);
	loader_close(loader);
	options.rules = 1000;
	options.hosts = 65;
	log_begin();
	CU_ASSERT_EQUAL(loader_open(&options, &other), -EEXIST);
	text = log_end();
	assert_says(text, "maps/rules: its number of entries is 4096 where 1000 is wanted: stop ovnetd with --detach first");
	assert_says(text, "maps/nexthops: its number of entries is 64 where 65 is wanted");
	CU_ASSERT_PTR_NULL(other);

	loader = open_plain();
	CU_ASSERT_EQUAL(map_id(loader_maps(loader)->rules), id);
	CU_ASSERT_EQUAL(rule_get(loader_maps(loader)->rules, &key, &found), 0);
	CU_ASSERT_EQUAL(found.policy, 9);
	end(loader);
}

/* `nexthops` with the fields ifindex and mtu the other way around, or as it should be. */
static int make_nexthops(bool swapped)
{
	struct btf *btf = btf__new_empty();
	int u8 = btf__add_int(btf, "unsigned char", 1, 0);
	int u32 = btf__add_int(btf, "unsigned int", 4, 0);
	int index = btf__add_int(btf, "__ARRAY_SIZE_TYPE__", 4, 0);
	int mac = btf__add_array(btf, index, u8, 6);
	int pad = btf__add_array(btf, index, u8, 4);
	int value = btf__add_struct(btf, "some_value", 24);
	LIBBPF_OPTS(bpf_map_create_opts, options);
	int fd;

	btf__add_field(btf, "dst_mac", mac, 0, 0);
	btf__add_field(btf, "src_mac", mac, 48, 0);
	btf__add_field(btf, swapped ? "mtu" : "ifindex", u32, 96, 0);
	btf__add_field(btf, swapped ? "ifindex" : "mtu", u32, 128, 0);
	btf__add_field(btf, "pad", pad, 160, 0);
	CU_ASSERT_EQUAL_FATAL(btf__load_into_kernel(btf), 0);
	options.btf_fd = btf__fd(btf);
	options.btf_key_type_id = u32;
	options.btf_value_type_id = value;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "nexthops", 4, 24, plain.hosts, &options);
	btf__free(btf);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	return fd;
}

static void test_other_fields(void)
{
	struct loader *loader = NULL;
	uint32_t id;
	int fd;

	loader_close(open_plain());
	fd = make_nexthops(true);
	id = map_id(fd);
	CU_ASSERT_EQUAL(unlink(pin("maps", "nexthops")), 0);
	CU_ASSERT_EQUAL(bpf_obj_pin(fd, pin("maps", "nexthops")), 0);
	close(fd);
	log_begin();
	CU_ASSERT_EQUAL(loader_open(&plain, &loader), -EEXIST);
	assert_says(log_end(), "its value has 'u32 mtu @12' where this build has 'u32 ifindex @12'");
	CU_ASSERT_PTR_NULL(loader);
	fd = bpf_obj_get(pin("maps", "nexthops"));
	CU_ASSERT_EQUAL(map_id(fd), id);
	close(fd);

	/* With the right fields a map that another build made is as good. */
	fd = make_nexthops(false);
	id = map_id(fd);
	CU_ASSERT_EQUAL(unlink(pin("maps", "nexthops")), 0);
	CU_ASSERT_EQUAL(bpf_obj_pin(fd, pin("maps", "nexthops")), 0);
	close(fd);
	loader = open_plain();
	CU_ASSERT_EQUAL(map_id(loader_maps(loader)->nexthops), id);
	end(loader);
}

static void test_failed_open(void)
{
	struct loader_options options = plain;
	struct loader *loader = NULL;

	options.sessions = 0;
	log_begin();
	CU_ASSERT_EQUAL(loader_open(&options, &loader), -EINVAL);
	assert_says(log_end(), "error loader");
	CU_ASSERT_PTR_NULL(loader);
	CU_ASSERT_TRUE(pins_are_gone());
}

/* In a mount namespace where bpffs is not mounted. */
static int open_without_bpffs(void)
{
	struct loader *loader = NULL;
	struct statfs fs;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		umount2("/sys/fs/bpf", MNT_DETACH) || statfs("/sys/fs/bpf", &fs) || fs.f_type == BPF_FS_MAGIC)
		return 2;
	if (loader_open(&plain, &loader) || statfs("/sys/fs/bpf", &fs) || fs.f_type != BPF_FS_MAGIC)
		return 3;
	if (access(pin("maps", "ports"), F_OK))
		return 4;
	loader_close(loader);
	return loader_remove(instance) || !pins_are_gone() ? 5 : 0;
}

static void test_mount(void)
{
	int status = -1;
	pid_t child;

	log_begin();
	child = fork();
	if (!child)
		_exit(open_without_bpffs());
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	assert_says(log_end(), "mounted bpffs");
	CU_ASSERT_EQUAL(status, 0);
}
