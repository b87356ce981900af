// SPDX-License-Identifier: BSD-2-Clause
/*
 * Attaching: on, replaced, off, and nothing stays. Needs root. In a network namespace of its own:
 *
 *     up0 (veth) --- up1        tap0 (tap)        br0 (bridge, which has no native XDP)
 *
 * Opening and taking over maps are in test_loader.c.
 */
#include "loader/loader.h"

#include <dirent.h>
#include <poll.h>
#include <linux/if_link.h>
#include <net/if.h>

#include <bpf/libbpf.h>

#include "selftests/bpf/loader_fixture.h"

#define CYCLES 1000
#define WAIT_MS 10000
#define IDS_MAX 64

/* enum bpf_attach_type of kernel 6.6 */
#define TCX_INGRESS ((enum bpf_attach_type)46)
#define TCX_EGRESS ((enum bpf_attach_type)47)

static const enum loader_hook hooks[] = {LOADER_NODE, LOADER_GUARD, LOADER_UPLINK_TC, LOADER_UPLINK_XDP};

static void run(const char *command)
{
	CU_ASSERT_EQUAL_FATAL(system(command), 0);
}

static unsigned int count_entries(const char *path)
{
	DIR *directory = opendir(path);
	unsigned int count = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count - 2;
}

static struct bpf_link_info link_info(const char *name)
{
	struct bpf_link_info info = {0};
	uint32_t length = sizeof(info);
	int fd = bpf_obj_get(fixture_pin("links", name));

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(bpf_obj_get_info_by_fd(fd, &info, &length), 0);
	close(fd);
	return info;
}

/* How many programs an interface has at a hook of tc. */
static uint32_t tcx_count(const char *interface, enum bpf_attach_type type)
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

/* What each_link() told of one link. */
struct seen {
	enum loader_hook hook;
	const char *interface;
	unsigned int count, ifindex;
};

static void see(void *context, enum loader_hook hook, const char *interface, unsigned int ifindex)
{
	struct seen *seen = context;

	if (hook != seen->hook || strcmp(interface, seen->interface))
		return;
	seen->count++;
	seen->ifindex = ifindex;
}

static struct seen look(enum loader_hook hook, const char *interface)
{
	struct seen seen = {.hook = hook, .interface = interface};

	CU_ASSERT_EQUAL(loader_each_link(fixture_instance, see, &seen), 0);
	return seen;
}

/*
 * Objects of the kernel by number, so that others who run the same programs meanwhile do not matter. A link holds its
 * program and a program its maps: when the maps are gone, all is.
 */
struct ids {
	uint32_t map[IDS_MAX], program[IDS_MAX], link[IDS_MAX];
	uint32_t map_count, program_count, link_count;
};

static void ids_add_program(struct ids *ids, const char *name)
{
	struct bpf_prog_info info = {
		.nr_map_ids = IDS_MAX - ids->map_count,
		.map_ids = (uintptr_t)&ids->map[ids->map_count],
	};
	uint32_t length = sizeof(info);
	int fd = bpf_obj_get(fixture_pin("progs", name));

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(bpf_obj_get_info_by_fd(fd, &info, &length), 0);
	close(fd);
	ids->map_count += info.nr_map_ids;
	ids->program[ids->program_count++] = info.id;
}

static struct ids ids_of_programs(void)
{
	struct ids ids = {.map_count = 0};

	ids_add_program(&ids, "node");
	ids_add_program(&ids, "guard");
	ids_add_program(&ids, "uplink_tc");
	ids_add_program(&ids, "uplink_xdp");
	return ids;
}

static bool is_gone(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd == -ENOENT;
}

/* The kernel frees when it has the time. */
static bool ids_are_gone(const struct ids *ids)
{
	uint32_t gone;

	for (int waited = 0; waited < WAIT_MS; waited++) {
		gone = 0;
		for (uint32_t i = 0; i < ids->map_count; i++)
			gone += is_gone(bpf_map_get_fd_by_id(ids->map[i]));
		for (uint32_t i = 0; i < ids->program_count; i++)
			gone += is_gone(bpf_prog_get_fd_by_id(ids->program[i]));
		for (uint32_t i = 0; i < ids->link_count; i++)
			gone += is_gone(bpf_link_get_fd_by_id(ids->link[i]));
		if (gone == ids->map_count + ids->program_count + ids->link_count)
			return true;
		poll(NULL, 0, 1);
	}
	return false;
}

static void test_attach(void)
{
	static const char *const interfaces[] = {"up0", "tap0"};
	static const char *const words[] = {"node", "guard", "uplink-tc", "uplink-xdp"};
	struct loader *loader = fixture_open();
	struct ids ids = ids_of_programs();

	for (size_t i = 0; i < ARRAY_LEN(interfaces); i++) {
		unsigned int ifindex = if_nametoindex(interfaces[i]);
		enum loader_xdp mode = LOADER_XDP_GENERIC;

		for (size_t j = 0; j < ARRAY_LEN(hooks); j++) {
			struct seen seen;
			char name[64];

			CU_ASSERT_EQUAL(loader_attach(loader, hooks[j], interfaces[i], ifindex, &mode), 0);
			seen = look(hooks[j], interfaces[i]);
			CU_ASSERT_EQUAL(seen.count, 1);
			CU_ASSERT_EQUAL(seen.ifindex, ifindex);
			snprintf(name, sizeof(name), "%s-%s", interfaces[i], words[j]);
			ids.link[ids.link_count++] = link_info(name).id;
		}
		CU_ASSERT_EQUAL(mode, LOADER_XDP_NATIVE);
		CU_ASSERT_EQUAL(tcx_count(interfaces[i], TCX_INGRESS), 2);
		CU_ASSERT_EQUAL(tcx_count(interfaces[i], TCX_EGRESS), 1);
		CU_ASSERT_NOT_EQUAL(xdp_id(interfaces[i]), 0);
		/* It runs there natively; but checksums are not known to be full. */
		CU_ASSERT_FALSE(loader_xdp_is_native(loader, interfaces[i], ifindex));
	}

	/* What is attached outlives the loader, and is taken off without one. */
	loader_close(loader);
	CU_ASSERT_EQUAL(tcx_count("tap0", TCX_INGRESS), 2);
	CU_ASSERT_EQUAL(loader_remove(fixture_instance), 0);
	CU_ASSERT_TRUE(fixture_pins_are_gone());
	for (size_t i = 0; i < ARRAY_LEN(interfaces); i++) {
		CU_ASSERT_EQUAL(tcx_count(interfaces[i], TCX_INGRESS), 0);
		CU_ASSERT_EQUAL(tcx_count(interfaces[i], TCX_EGRESS), 0);
		CU_ASSERT_EQUAL(xdp_id(interfaces[i]), 0);
	}
	CU_ASSERT_TRUE(ids_are_gone(&ids));
}

static void test_detach(void)
{
	struct loader *loader = fixture_open();

	attach(loader, LOADER_NODE, "up0");
	attach(loader, LOADER_GUARD, "up0");
	CU_ASSERT_EQUAL(loader_detach(loader, LOADER_NODE, "up0"), 0);
	CU_ASSERT_EQUAL(tcx_count("up0", TCX_INGRESS), 0);
	CU_ASSERT_EQUAL(tcx_count("up0", TCX_EGRESS), 1);
	CU_ASSERT_EQUAL(look(LOADER_NODE, "up0").count, 0);
	CU_ASSERT_EQUAL(look(LOADER_GUARD, "up0").count, 1);
	/* Once more is as good. */
	CU_ASSERT_EQUAL(loader_detach(loader, LOADER_NODE, "up0"), 0);
	fixture_end(loader);
}

static void test_replace(void)
{
	struct loader *loader = fixture_open();
	struct bpf_link_info tc, xdp, tc_again, xdp_again;
	enum loader_xdp mode = LOADER_XDP_GENERIC;
	struct ids first = ids_of_programs();

	attach(loader, LOADER_NODE, "up0");
	attach(loader, LOADER_UPLINK_XDP, "up0");
	tc = link_info("up0-node");
	xdp = link_info("up0-uplink-xdp");
	loader_close(loader);

	loader = fixture_open();
	attach(loader, LOADER_NODE, "up0");
	CU_ASSERT_EQUAL(loader_attach(loader, LOADER_UPLINK_XDP, "up0", if_nametoindex("up0"), &mode), 0);
	CU_ASSERT_EQUAL(mode, LOADER_XDP_NATIVE);
	tc_again = link_info("up0-node");
	xdp_again = link_info("up0-uplink-xdp");
	CU_ASSERT_EQUAL(tc_again.id, tc.id);
	CU_ASSERT_EQUAL(xdp_again.id, xdp.id);
	CU_ASSERT_NOT_EQUAL(tc_again.prog_id, tc.prog_id);
	CU_ASSERT_NOT_EQUAL(xdp_again.prog_id, xdp.prog_id);
	CU_ASSERT_EQUAL(xdp_id("up0"), xdp_again.prog_id);
	CU_ASSERT_EQUAL(tcx_count("up0", TCX_INGRESS), 1);
	/* The maps are the same, the programs before are gone. */
	first.map_count = 0;
	CU_ASSERT_TRUE(ids_are_gone(&first));
	fixture_end(loader);
}

static void test_no_interface(void)
{
	struct loader *loader = fixture_open();

	fixture_log_begin();
	for (size_t i = 0; i < ARRAY_LEN(hooks); i++)
		CU_ASSERT_EQUAL(loader_attach(loader, hooks[i], "none", 54321, NULL), -ENODEV);
	fixture_assert_says(fixture_log_end(), "loader none uplink-xdp: cannot attach: No such device");
	CU_ASSERT_FALSE(loader_xdp_is_native(loader, "none", 54321));
	fixture_end(loader);
}

static void test_generic(void)
{
	struct loader *loader = fixture_open();
	unsigned int ifindex = if_nametoindex("br0");
	enum loader_xdp mode = LOADER_XDP_NATIVE;
	uint32_t id;

	fixture_log_begin();
	CU_ASSERT_EQUAL(loader_attach(loader, LOADER_UPLINK_XDP, "br0", ifindex, &mode), 0);
	fixture_assert_says(fixture_log_end(), "runs in generic mode");
	CU_ASSERT_EQUAL(mode, LOADER_XDP_GENERIC);
	CU_ASSERT_FALSE(loader_xdp_is_native(loader, "br0", ifindex));
	id = link_info("br0-uplink-xdp").id;
	loader_close(loader);

	loader = fixture_open();
	mode = LOADER_XDP_NATIVE;
	CU_ASSERT_EQUAL(loader_attach(loader, LOADER_UPLINK_XDP, "br0", ifindex, &mode), 0);
	CU_ASSERT_EQUAL(mode, LOADER_XDP_GENERIC);
	CU_ASSERT_EQUAL(link_info("br0-uplink-xdp").id, id);
	fixture_end(loader);
}

/* Whoever it belongs to: it stays. */
static void test_other_xdp(void)
{
	static const uint32_t modes[] = {XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE};
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int program = bpf_prog_load(BPF_PROG_TYPE_XDP, "other", "GPL", pass, ARRAY_LEN(pass), NULL);
	struct loader *loader = fixture_open();
	int ifindex = (int)if_nametoindex("up0");

	CU_ASSERT_TRUE_FATAL(program >= 0);
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		enum loader_xdp mode = (enum loader_xdp)17;
		uint32_t id;

		CU_ASSERT_EQUAL(bpf_xdp_attach(ifindex, program, modes[i], NULL), 0);
		id = xdp_id("up0");
		fixture_log_begin();
		CU_ASSERT_EQUAL(loader_attach(loader, LOADER_UPLINK_XDP, "up0", ifindex, &mode), -EBUSY);
		fixture_log_end();
		CU_ASSERT_EQUAL((int)mode, 17);
		CU_ASSERT_EQUAL(xdp_id("up0"), id);
		CU_ASSERT_EQUAL(look(LOADER_UPLINK_XDP, "up0").count, 0);
		CU_ASSERT_EQUAL(bpf_xdp_detach(ifindex, modes[i], NULL), 0);
	}
	close(program);
	fixture_end(loader);
}

static void test_interface_gone(void)
{
	struct loader *loader = fixture_open();
	uint32_t id;

	run("ip link add gone0 type veth peer name gone1");
	for (size_t i = 0; i < ARRAY_LEN(hooks); i++)
		attach(loader, hooks[i], "gone0");
	id = link_info("gone0-node").id;
	run("ip link del gone0");
	for (size_t i = 0; i < ARRAY_LEN(hooks); i++) {
		struct seen seen = look(hooks[i], "gone0");

		CU_ASSERT_EQUAL(seen.count, 1);
		CU_ASSERT_EQUAL(seen.ifindex, 0);
	}

	run("ip link add gone0 type veth peer name gone1");
	for (size_t i = 0; i < ARRAY_LEN(hooks); i++) {
		attach(loader, hooks[i], "gone0");
		CU_ASSERT_EQUAL(look(hooks[i], "gone0").ifindex, if_nametoindex("gone0"));
	}
	CU_ASSERT_NOT_EQUAL(link_info("gone0-node").id, id);
	CU_ASSERT_EQUAL(tcx_count("gone0", TCX_INGRESS), 2);
	CU_ASSERT_NOT_EQUAL(xdp_id("gone0"), 0);

	run("ip link del gone0");
	for (size_t i = 0; i < ARRAY_LEN(hooks); i++) {
		CU_ASSERT_EQUAL(loader_detach(loader, hooks[i], "gone0"), 0);
		CU_ASSERT_EQUAL(look(hooks[i], "gone0").count, 0);
	}
	fixture_end(loader);
}

/* Name and number are the same, but it is another interface: numbers belong to a network namespace. */
static void test_interface_moved(void)
{
	struct loader *loader = fixture_open();
	unsigned int ifindex;
	char command[128];

	run("ip link add move0 type veth peer name move1");
	ifindex = if_nametoindex("move0");
	for (size_t i = 0; i < ARRAY_LEN(hooks); i++)
		attach(loader, hooks[i], "move0");
	snprintf(command, sizeof(command), "ip netns add %s && ip link set move0 netns %s", fixture_instance,
		fixture_instance);
	run(command);
	snprintf(command, sizeof(command), "ip link add move0 index %u type veth peer name other1", ifindex);
	run(command);
	CU_ASSERT_EQUAL_FATAL(if_nametoindex("move0"), ifindex);
	for (size_t i = 0; i < ARRAY_LEN(hooks); i++)
		CU_ASSERT_EQUAL(look(hooks[i], "move0").ifindex, 0);
	for (size_t i = 0; i < ARRAY_LEN(hooks); i++)
		attach(loader, hooks[i], "move0");
	CU_ASSERT_EQUAL(tcx_count("move0", TCX_INGRESS), 2);
	CU_ASSERT_EQUAL(tcx_count("move0", TCX_EGRESS), 1);
	CU_ASSERT_NOT_EQUAL(xdp_id("move0"), 0);
	run("ip link del move0");
	snprintf(command, sizeof(command), "ip netns del %s", fixture_instance);
	run(command);
	fixture_end(loader);
}

/* VLANs are called like this, and bpffs takes no dots. */
static void test_names(void)
{
	static const char *const names[] = {"up0.100", "a-guard", "..a.", "fifteen.letters"};
	struct loader *loader = fixture_open();

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char command[64];

		snprintf(command, sizeof(command), "ip link set up0 name '%s'", names[i]);
		run(command);
		for (size_t j = 0; j < ARRAY_LEN(hooks); j++) {
			attach(loader, hooks[j], names[i]);
			CU_ASSERT_EQUAL(look(hooks[j], names[i]).ifindex, if_nametoindex(names[i]));
			CU_ASSERT_EQUAL(loader_detach(loader, hooks[j], names[i]), 0);
			CU_ASSERT_EQUAL(look(hooks[j], names[i]).count, 0);
		}
		snprintf(command, sizeof(command), "ip link set '%s' name up0", names[i]);
		run(command);
	}
	fixture_end(loader);
}

static void detach_seen(void *context, enum loader_hook hook, const char *interface, unsigned int ifindex)
{
	(void)ifindex;
	CU_ASSERT_EQUAL(loader_detach(context, hook, interface), 0);
}

static void test_detach_within(void)
{
	struct loader *loader = fixture_open();
	char links[128];

	for (size_t i = 0; i < ARRAY_LEN(hooks); i++) {
		attach(loader, hooks[i], "up0");
		attach(loader, hooks[i], "tap0");
	}
	snprintf(links, sizeof(links), LOADER_ROOT "/%s/links", fixture_instance);
	CU_ASSERT_EQUAL(count_entries(links), 8);
	CU_ASSERT_EQUAL(loader_each_link(fixture_instance, detach_seen, loader), 0);
	CU_ASSERT_EQUAL(count_entries(links), 0);
	fixture_end(loader);
}

/* By turns over hooks and interfaces; each waits for RCU in the kernel, so this takes its time. */
static void test_cycles(void)
{
	static const char *const interfaces[] = {"up0", "tap0"};
	unsigned int descriptors = count_entries("/proc/self/fd");
	struct loader *loader = fixture_open();
	struct ids ids = ids_of_programs();

	for (size_t cycle = 0; cycle < CYCLES; cycle++) {
		enum loader_hook hook = hooks[cycle / ARRAY_LEN(interfaces) % ARRAY_LEN(hooks)];
		const char *interface = interfaces[cycle % ARRAY_LEN(interfaces)];

		attach(loader, hook, interface);
		CU_ASSERT_EQUAL(loader_detach(loader, hook, interface), 0);
	}
	fixture_end(loader);
	CU_ASSERT_EQUAL(count_entries("/proc/self/fd"), descriptors);
	CU_ASSERT_TRUE(fixture_pins_are_gone());
	CU_ASSERT_TRUE(ids_are_gone(&ids));
}

static void make_interfaces(void)
{
	run("ip link add up0 type veth peer name up1 && ip tuntap add tap0 mode tap && ip link add br0 type bridge &&"
	    " ip link set up0 up && ip link set up1 up && ip link set br0 up");
}

int main(void)
{
	static const struct fixture_test tests[] = {
		{"interfaces", make_interfaces},
		{"every hook on a veth and on a tap; removing leaves nothing", test_attach},
		{"detaching takes one off", test_detach},
		{"replacing keeps the link and changes the program", test_replace},
		{"an interface that is not there", test_no_interface},
		{"generic XDP where there is no native", test_generic},
		{"another's XDP program stays", test_other_xdp},
		{"an interface goes and comes back", test_interface_gone},
		{"an interface moves to another namespace", test_interface_moved},
		{"names of interfaces", test_names},
		{"links are detached while they are told", test_detach_within},
		{"a thousand times on and off", test_cycles},
	};

	return fixture_main("attach", tests, ARRAY_LEN(tests));
}
