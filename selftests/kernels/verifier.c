/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads each BPF program alone and prints how many instructions this kernel's verifier went through for it:
 * "figure verifier_insns KERNEL PROGRAM N", where KERNEL is the first argument. What the verifier says against a
 * program is on standard error. Leaves out attaching and the loader, which asks for more than a program's load does.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* The loader's constant, as bpf/lib/config.h has it. */
struct locator_config {
	uint8_t octet[9];
	uint8_t length;
	uint8_t pad[6];
} __attribute__((aligned(8)));

#include "ovnet.skel.h"

/* What is constant counts: the verifier follows no branch that cannot be taken. */
static const struct locator_config locator = {.octet = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0xe0, 0x01}, .length = 64};

static int program_count(const struct bpf_program *program, uint32_t *out)
{
	struct bpf_prog_info info = {0};
	uint32_t length = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length))
		return -errno;
	*out = info.verified_insns;
	return 0;
}

/* Loads the program of this name and no other. Returns 0 or -errno. */
static int program_load(const char *name, uint32_t *out)
{
	struct ovnet *skeleton = ovnet__open();
	struct bpf_program *each;
	int error;

	if (!skeleton)
		return -errno;
	skeleton->rodata->ovnet_locator = locator;
	bpf_object__for_each_program(each, skeleton->obj)
		bpf_program__set_autoload(each, !strcmp(bpf_program__name(each), name));
	error = ovnet__load(skeleton);
	if (!error)
		error = program_count(bpf_object__find_program_by_name(skeleton->obj, name), out);
	ovnet__destroy(skeleton);
	return error;
}

int main(int argc, char **argv)
{
	struct ovnet *skeleton;
	struct bpf_program *each;
	bool failed = false;

	if (argc != 2) {
		fprintf(stderr, "usage: verifier KERNEL\n");
		return 2;
	}
	skeleton = ovnet__open();
	if (!skeleton) {
		perror("verifier: cannot read the programs");
		return EXIT_FAILURE;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	bpf_object__for_each_program(each, skeleton->obj) {
		const char *name = bpf_program__name(each);
		uint32_t count = 0;
		int error = program_load(name, &count);

		if (error) {
			printf("not ok - %s loads: %s\n", name, strerror(-error));
			failed = true;
			continue;
		}
		printf("ok - %s loads\n", name);
		printf("figure verifier_insns %s %s %u\n", argv[1], name, count);
	}
	ovnet__destroy(skeleton);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
