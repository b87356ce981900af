// SPDX-License-Identifier: BSD-2-Clause
/*
 * The loader against the kernel: pins, takeover, and what it refuses. Needs root.
 *
 * Attaching is in test_attach.c, the maps' accessors are in test_maps.c.
 */
#include "loader/loader.h"

#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <linux/capability.h>
#include <linux/magic.h>

#include <bpf/btf.h>

#include "loader/imprint.h"
#include "maps/access.h"
#include "selftests/bpf/loader_fixture.h"

static const char *const map_names[] = {"ports", "port_states", "counters", "rules", "sessions", "mappings", "nexthops",
	"events", "listeners"};
static const char *const program_names[] = {"node", "guard", "uplink_tc", "uplink_xdp"};

static uint32_t map_id(int fd)
{
	struct bpf_map_info info = {0};
	uint32_t length = sizeof(info);

	CU_ASSERT_EQUAL_FATAL(bpf_obj_get_info_by_fd(fd, &info, &length), 0);
	return info.id;
}

static uint32_t program_id(const char *name)
{
	struct bpf_prog_info info = {0};
	uint32_t length = sizeof(info);
	int fd = bpf_obj_get(fixture_pin("progs", name));

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(bpf_obj_get_info_by_fd(fd, &info, &length), 0);
	close(fd);
	return info.id;
}

static void test_open(void)
{
	struct loader *loader = fixture_open();
	const struct loader_maps *maps = loader_maps(loader);
	const int fds[] = {maps->ports, maps->port_states, maps->counters, maps->rules, maps->sessions, maps->mappings,
		maps->nexthops, maps->events, maps->listeners};

	for (size_t i = 0; i < ARRAY_LEN(map_names); i++) {
		int fd = bpf_obj_get(fixture_pin("maps", map_names[i]));

		CU_ASSERT_TRUE_FATAL(fd >= 0);
		CU_ASSERT_EQUAL(map_id(fd), map_id(fds[i]));
		close(fd);
	}
	for (size_t i = 0; i < ARRAY_LEN(program_names); i++)
		CU_ASSERT_TRUE(program_id(program_names[i]) > 0);
	fixture_end(loader);
	CU_ASSERT_TRUE(fixture_pins_are_gone());
	CU_ASSERT_EQUAL(loader_remove(fixture_instance), 0);
}

static void test_second(void)
{
	struct loader *loader = fixture_open(), *second = NULL;

	fixture_log_begin();
	CU_ASSERT_EQUAL(loader_open(&fixture_options, &second), -EBUSY);
	fixture_assert_says(fixture_log_end(), "another process has this instance");
	CU_ASSERT_PTR_NULL(second);
	CU_ASSERT_EQUAL(access(fixture_pin("maps", "ports"), F_OK), 0);
	fixture_end(loader);
}

static void test_instance_names(void)
{
	static const char *const names[] = {"", ".", "..", "a/b", "a b"};
	struct loader_options options = fixture_options;
	char dotted[40];
	struct loader *loader = NULL;

	fixture_log_begin();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		options.instance = names[i];
		CU_ASSERT_EQUAL(loader_open(&options, &loader), -EINVAL);
		CU_ASSERT_EQUAL(loader_remove(names[i]), -EINVAL);
	}
	fixture_log_end();
	CU_ASSERT_PTR_NULL(loader);

	snprintf(dotted, sizeof(dotted), "%s.v2", fixture_instance);
	options.instance = dotted;
	CU_ASSERT_EQUAL_FATAL(loader_open(&options, &loader), 0);
	loader_close(loader);
	CU_ASSERT_EQUAL(loader_remove(dotted), 0);
	fixture_remove_lock(dotted);
}

static void test_take_over(void)
{
	const struct mapping_key key = {.vni = 77, .address = {10, 0, 0, 2}};
	const struct mapping_value value = {.incarnation = 5};
	struct mapping_value found = {0};
	struct loader *loader = fixture_open();
	uint32_t id = map_id(loader_maps(loader)->mappings);
	uint32_t program = program_id("node");

	CU_ASSERT_EQUAL(mapping_set(loader_maps(loader)->mappings, &key, &value), 0);
	loader_close(loader);
	loader = fixture_open();
	CU_ASSERT_EQUAL(map_id(loader_maps(loader)->mappings), id);
	CU_ASSERT_EQUAL(mapping_get(loader_maps(loader)->mappings, &key, &found), 0);
	CU_ASSERT_EQUAL(found.incarnation, 5);
	CU_ASSERT_NOT_EQUAL(program_id("node"), program);
	CU_ASSERT_NOT_EQUAL(access(fixture_pin("progs", "node-new"), F_OK), 0);
	fixture_end(loader);
}

/* An earlier loader may have died at any point. */
static void test_half_pinned(void)
{
	struct loader *loader = fixture_open();
	uint32_t id = map_id(loader_maps(loader)->ports);
	int fd = bpf_obj_get(fixture_pin("progs", "node"));

	loader_close(loader);
	CU_ASSERT_EQUAL(unlink(fixture_pin("maps", "sessions")), 0);
	CU_ASSERT_EQUAL(unlink(fixture_pin("progs", "guard")), 0);
	CU_ASSERT_EQUAL(bpf_obj_pin(fd, fixture_pin("progs", "node-new")), 0);
	close(fd);
	loader = fixture_open();
	CU_ASSERT_EQUAL(map_id(loader_maps(loader)->ports), id);
	CU_ASSERT_EQUAL(access(fixture_pin("maps", "sessions"), F_OK), 0);
	CU_ASSERT_EQUAL(access(fixture_pin("progs", "guard"), F_OK), 0);
	CU_ASSERT_NOT_EQUAL(access(fixture_pin("progs", "node-new"), F_OK), 0);
	fixture_end(loader);
	CU_ASSERT_TRUE(fixture_pins_are_gone());
}

static void test_other_size(void)
{
	const struct rule_key key = {.vni = 77};
	const struct rule_value value = {.policy = 9};
	struct rule_value found = {0};
	struct loader_options options = fixture_options;
	struct loader *loader = fixture_open(), *other = NULL;
	uint32_t id = map_id(loader_maps(loader)->rules);
	const char *text;

	CU_ASSERT_EQUAL(rule_set(loader_maps(loader)->rules, &key, &value), 0);
	loader_close(loader);
	options.rules = 1000;
	options.hosts = 65;
	fixture_log_begin();
	CU_ASSERT_EQUAL(loader_open(&options, &other), -EEXIST);
	text = fixture_log_end();
	fixture_assert_says(text, "maps/rules: its number of entries is 4096 where 1000 is wanted");
	fixture_assert_says(text, "maps/nexthops: its number of entries is 64 where 65 is wanted");
	fixture_assert_says(text, "stop ovnetd with --detach first, which drops all sessions");
	CU_ASSERT_PTR_NULL(other);

	loader = fixture_open();
	CU_ASSERT_EQUAL(map_id(loader_maps(loader)->rules), id);
	CU_ASSERT_EQUAL(rule_get(loader_maps(loader)->rules, &key, &found), 0);
	CU_ASSERT_EQUAL(found.policy, 9);
	fixture_end(loader);
}

/* Puts a map like `nexthops` in its place, with BTF of its own: as it should be, or two of its fields exchanged. */
static uint32_t replace_nexthops(bool exchanged)
{
	struct btf *btf = btf__new_empty();
	int octet = btf__add_int(btf, "unsigned char", 1, 0);
	int word = btf__add_int(btf, "unsigned int", 4, 0);
	int mac = btf__add_array(btf, word, octet, 6);
	int pad = btf__add_array(btf, word, octet, 4);
	int value = btf__add_struct(btf, "another_name", sizeof(struct nexthop_value));
	LIBBPF_OPTS(bpf_map_create_opts, options, .btf_key_type_id = word, .btf_value_type_id = value);
	uint32_t id;
	int fd;

	btf__add_field(btf, "dst_mac", mac, 0, 0);
	btf__add_field(btf, "src_mac", mac, 48, 0);
	btf__add_field(btf, exchanged ? "mtu" : "ifindex", word, 96, 0);
	btf__add_field(btf, exchanged ? "ifindex" : "mtu", word, 128, 0);
	btf__add_field(btf, "pad", pad, 160, 0);
	CU_ASSERT_EQUAL_FATAL(btf__load_into_kernel(btf), 0);
	options.btf_fd = btf__fd(btf);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "nexthops", sizeof(uint32_t), sizeof(struct nexthop_value),
		fixture_options.hosts, &options);
	btf__free(btf);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	id = map_id(fd);
	CU_ASSERT_EQUAL(unlink(fixture_pin("maps", "nexthops")), 0);
	CU_ASSERT_EQUAL(bpf_obj_pin(fd, fixture_pin("maps", "nexthops")), 0);
	close(fd);
	return id;
}

static void test_other_fields(void)
{
	struct loader *loader = NULL;
	uint32_t id;
	int fd;

	loader_close(fixture_open());
	id = replace_nexthops(true);
	fixture_log_begin();
	CU_ASSERT_EQUAL(loader_open(&fixture_options, &loader), -EEXIST);
	fixture_assert_says(fixture_log_end(),
		"maps/nexthops: its value has 'u32 mtu @12' where this build has 'u32 ifindex @12'");
	CU_ASSERT_PTR_NULL(loader);
	fd = bpf_obj_get(fixture_pin("maps", "nexthops"));
	CU_ASSERT_EQUAL(map_id(fd), id);
	close(fd);

	/* Not what the map or its types are called counts, but what they hold. */
	id = replace_nexthops(false);
	loader = fixture_open();
	CU_ASSERT_EQUAL(map_id(loader_maps(loader)->nexthops), id);
	fixture_end(loader);
}

/* A map without types could hold anything. */
static void test_no_fields(void)
{
	struct loader *loader = NULL;
	int fd;

	loader_close(fixture_open());
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "nexthops", sizeof(uint32_t), sizeof(struct nexthop_value),
		fixture_options.hosts, NULL);
	CU_ASSERT_EQUAL(unlink(fixture_pin("maps", "nexthops")), 0);
	CU_ASSERT_EQUAL(bpf_obj_pin(fd, fixture_pin("maps", "nexthops")), 0);
	close(fd);
	fixture_log_begin();
	CU_ASSERT_EQUAL(loader_open(&fixture_options, &loader), -EEXIST);
	fixture_assert_says(fixture_log_end(), "its key has 'nothing' where this build has 'u32'");
	CU_ASSERT_EQUAL(loader_remove(fixture_instance), 0);
}

/* CAP_SYS_ADMIN, which an agent in its unit's sandbox does not have, in force or not. */
static void privilege(bool full)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	CU_ASSERT_EQUAL_FATAL(syscall(SYS_capget, &header, data), 0);
	if (full)
		data[0].effective |= 1u << CAP_SYS_ADMIN;
	else
		data[0].effective &= ~(1u << CAP_SYS_ADMIN);
	CU_ASSERT_EQUAL_FATAL(syscall(SYS_capset, &header, data), 0);
}

/* Puts another word for the first one in the imprint, as long as that. */
static void imprint_change(const char *from, const char *to)
{
	scope_free char *text = NULL;
	char *at;

	CU_ASSERT_EQUAL_FATAL(imprint_read(fixture_instance, &text), 0);
	at = strstr(text, from);
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	memcpy(at, to, strlen(to));
	CU_ASSERT_EQUAL(imprint_write(fixture_instance, text), 0);
}

static void test_less_privilege(void)
{
	struct loader_options moved = fixture_options;
	struct loader *loader = fixture_open();
	uint32_t id = map_id(loader_maps(loader)->rules);
	struct locator locator = {0};

	loader_close(loader);
	privilege(false);
	loader = fixture_open();
	CU_ASSERT_EQUAL(map_id(loader_maps(loader)->rules), id);
	CU_ASSERT_EQUAL(loader_pinned_locator(fixture_instance, &locator), 0);
	CU_ASSERT_EQUAL(memcmp(&locator, &fixture_options.locator, sizeof(locator)), 0);
	loader_close(loader);

	loader = NULL;
	moved.locator.octet[7] = 9;
	fixture_log_begin();
	CU_ASSERT_EQUAL(loader_open(&moved, &loader), -EEXIST);
	fixture_assert_says(fixture_log_end(), "the programs in the kernel are for locator fd00:1:0:1::/64");
	imprint_change("ifindex @12", "ifother @12");
	fixture_log_begin();
	CU_ASSERT_EQUAL(loader_open(&fixture_options, &loader), -EEXIST);
	fixture_assert_says(fixture_log_end(), "maps/nexthops: its value has 'u32 ifother @12'");
	CU_ASSERT_EQUAL(unlink(fixture_pin("maps", "imprint")), 0);
	fixture_log_begin();
	CU_ASSERT_EQUAL(loader_open(&fixture_options, &loader), -EPERM);
	fixture_assert_says(fixture_log_end(), "its maker left no imprint: start ovnetd once with CAP_SYS_ADMIN");
	CU_ASSERT_PTR_NULL(loader);

	/* With it the kernel's word counts, and there is an imprint again. */
	privilege(true);
	loader_close(fixture_open());
	imprint_change("ifindex @12", "ifother @12");
	loader_close(fixture_open());
	privilege(false);
	loader = fixture_open();
	CU_ASSERT_EQUAL(map_id(loader_maps(loader)->rules), id);
	fixture_end(loader);
	privilege(true);
	CU_ASSERT_TRUE(fixture_pins_are_gone());
}

static void test_failed_open(void)
{
	struct loader_options options = fixture_options;
	struct loader *loader = NULL;

	options.sessions = 0;
	fixture_log_begin();
	CU_ASSERT_EQUAL(loader_open(&options, &loader), -EINVAL);
	fixture_assert_says(fixture_log_end(), "error loader");
	CU_ASSERT_PTR_NULL(loader);
	CU_ASSERT_TRUE(fixture_pins_are_gone());
	fixture_end(fixture_open());
}

/* In a mount namespace where bpffs is not mounted; what fails is the exit status. */
static int open_without_bpffs(void)
{
	struct loader *loader = NULL;
	struct statfs fs;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return 1;
	if (umount2("/sys/fs/bpf", MNT_DETACH) || statfs("/sys/fs/bpf", &fs) || fs.f_type == BPF_FS_MAGIC)
		return 2;
	if (loader_open(&fixture_options, &loader))
		return 3;
	if (statfs("/sys/fs/bpf", &fs) || fs.f_type != BPF_FS_MAGIC)
		return 4;
	if (access(fixture_pin("maps", "ports"), F_OK))
		return 5;
	loader_close(loader);
	return loader_remove(fixture_instance) || !fixture_pins_are_gone() ? 6 : 0;
}

static void test_mount(void)
{
	int status = -1;
	pid_t child;

	fflush(stdout);
	fixture_log_begin();
	child = fork();
	if (!child)
		_exit(open_without_bpffs());
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	fixture_assert_says(fixture_log_end(), "loader /sys/fs/bpf: mounted bpffs");
	CU_ASSERT_TRUE(WIFEXITED(status));
	CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
}

int main(void)
{
	static const struct fixture_test tests[] = {
		{"opening pins maps and programs, removing leaves none", test_open},
		{"an instance has one loader at a time", test_second},
		{"names of instances", test_instance_names},
		{"maps are taken over with what they hold, programs are new", test_take_over},
		{"what an earlier loader left unfinished is completed", test_half_pinned},
		{"another size is refused, and the map stays as it was", test_other_size},
		{"exchanged fields are refused, and the map stays as it was", test_other_fields},
		{"a map without types is refused", test_no_fields},
		{"maps are taken over with less privilege, by their imprint", test_less_privilege},
		{"an open that fails leaves nothing", test_failed_open},
		{"bpffs is mounted where it is not", test_mount},
	};

	return fixture_main("loader", tests, ARRAY_LEN(tests));
}
