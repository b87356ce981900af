/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts one of the benchmark's programs on an interface and pins it, or takes it off again.
 *
 *   attach on PROGRAM INTERFACE PIN [TARGET]   program PIN, its link PIN_link; of `count` the map too, PIN_map
 *   attach off PIN
 *
 * tc programs run at ingress, before those that are there, through TCX links (Linux 6.6); `empty_xdp` runs in native
 * mode. Interfaces are those of the network namespace it runs in. TARGET is where the redirects send to.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <linux/if_link.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench.skel.h"
#include "lib/error.h"

/* BPF_TCX_INGRESS and BPF_F_BEFORE, which Debian 12's headers do not have. */
#define TCX_INGRESS ((enum bpf_attach_type)46)
#define TCX_BEFORE (1U << 3)

static int fail(const char *what, const char *object, int error)
{
	fprintf(stderr, "attach: %s %s: %s\n", what, object, strerror(-error));
	return error;
}

static int attach_link(const struct bpf_program *program, unsigned ifindex)
{
	LIBBPF_OPTS(bpf_link_create_opts, options);
	int fd = bpf_program__fd(program);
	int link;

	if (bpf_program__type(program) == BPF_PROG_TYPE_XDP) {
		options.flags = XDP_FLAGS_DRV_MODE;
		link = bpf_link_create(fd, ifindex, BPF_XDP, &options);
	} else {
		options.flags = TCX_BEFORE;
		link = bpf_link_create(fd, ifindex, TCX_INGRESS, &options);
	}
	return link < 0 ? -errno : link;
}

static int attach_pin(int fd, const char *pin, const char *suffix)
{
	char path[256];

	snprintf(path, sizeof(path), "%s%s", pin, suffix);
	return bpf_obj_pin(fd, path) ? fail("cannot pin", path, -errno) : 0;
}

static void scope_skeleton(struct bench_bpf **skeleton)
{
	bench_bpf__destroy(*skeleton);
}

static int attach_on(const char *name, const char *interface, const char *pin, const char *target)
{
	struct bench_bpf *skeleton __attribute__((cleanup(scope_skeleton))) = bench_bpf__open();
	scope_close int link = -1;
	struct bpf_program *program = NULL, *wanted;
	unsigned ifindex = if_nametoindex(interface);
	int error;

	if (!skeleton)
		return fail("cannot open the object for", name, -errno);
	wanted = bpf_object__find_program_by_name(skeleton->obj, name);
	if (!wanted)
		return fail("no program", name, -ENOENT);
	if (!ifindex)
		return fail("no interface", interface, -ENODEV);
	if (target) {
		skeleton->rodata->target_ifindex = if_nametoindex(target);
		if (!skeleton->rodata->target_ifindex)
			return fail("no interface", target, -ENODEV);
	}
	while ((program = bpf_object__next_program(skeleton->obj, program)))
		bpf_program__set_autoload(program, program == wanted);
	error = bench_bpf__load(skeleton);
	if (error)
		return fail("cannot load", name, error);
	link = attach_link(wanted, ifindex);
	if (link < 0)
		return fail("cannot attach to", interface, link);
	error = attach_pin(bpf_program__fd(wanted), pin, "");
	if (!error)
		error = attach_pin(link, pin, "_link");
	if (!error && !strcmp(name, "count"))
		error = attach_pin(bpf_map__fd(skeleton->maps.delivered), pin, "_map");
	return error;
}

/* Detaches by the system call: after removing a pin alone the kernel detaches some time later. */
static int attach_off(const char *pin)
{
	static const char *const suffixes[] = {"_link", "_map", ""};
	scope_close int link = -1;
	char path[256];

	snprintf(path, sizeof(path), "%s_link", pin);
	link = bpf_obj_get(path);
	if (link < 0)
		return fail("cannot open", path, -errno);
	if (bpf_link_detach(link))
		return fail("cannot detach", path, -errno);
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		snprintf(path, sizeof(path), "%s%s", pin, suffixes[i]);
		if (unlink(path) && errno != ENOENT)
			return fail("cannot remove", path, -errno);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "off"))
		return attach_off(argv[2]) ? EXIT_FAILURE : EXIT_SUCCESS;
	if ((argc == 5 || argc == 6) && !strcmp(argv[1], "on"))
		return attach_on(argv[2], argv[3], argv[4], argv[5]) ? EXIT_FAILURE : EXIT_SUCCESS;
	fprintf(stderr, "usage: attach on PROGRAM INTERFACE PIN [TARGET] | attach off PIN\n");
	return 2;
}
