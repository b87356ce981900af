# SPDX-License-Identifier: BSD-2-Clause
# The BPF tests under other kernels. Included by mk/tests.mk; needs T, BPF_TESTS and mk/bpf.mk before it.
#
# mk/deps.sh knows the packages of the purpose `kernels`, beside those of `build` and `test`:
#   qemu-system-x86 busybox-static kmod cpio xz-utils

$(B)/selftests/kernels/verifier.o: $(SKELETON)

.PHONY: kernels
kernels: ## Run the BPF tests under Debian's 6.1 and 6.12 kernels and under this one (KERNELS: which)
	@mk/deps.sh build test kernels
	@$(MAKE) --no-print-directory $(BPF_TESTS) $(T)/kernels/verifier
	@B=$(B) selftests/kernels/run.sh $(KERNELS)
