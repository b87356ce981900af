# SPDX-License-Identifier: BSD-2-Clause
# Tests, sanitizers, fuzzing, lint. A test program is one source file; what it needs beside is named here.

include selftests/bench/bench.mk

T := $(B)/selftests

# Objects stay, so that the next make compiles what changed and no more.
.SECONDARY:

UNIT_TESTS := $(patsubst selftests/%.c,$(T)/%,$(wildcard selftests/unit/test_*.c))
BPF_TESTS  := $(patsubst selftests/%.c,$(T)/%,$(wildcard selftests/bpf/test_*.c))
NET_TESTS  := $(patsubst selftests/%.c,$(T)/%,$(wildcard selftests/net/test_*.c))
MANAGER_HELPERS := $(T)/manager/store_writer
TEST_PROGRAMS := $(UNIT_TESTS) $(BPF_TESTS) $(NET_TESTS) $(T)/net/tapnode $(T)/net/claimant $(MANAGER_HELPERS) $(B)/bench/agents

FUZZ_TARGETS := $(patsubst selftests/fuzz/fuzz_%.c,%,$(wildcard selftests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 60
FUZZ_SRCS := $(lib_SRCS) $(policy_SRCS) $(proto_SRCS) $(model_SRCS) $(config_SRCS)
FUZZ_PROGRAMS := $(addprefix $(B)/fuzz/,$(FUZZ_TARGETS))

include selftests/kernels/kernels.mk

# What the tests of a folder share besides the project's archives.
bpf_SHARED := $(patsubst %.c,$(B)/%.o,$(filter-out selftests/bpf/test_%.c,$(wildcard selftests/bpf/*.c)))
TEST_ARCHIVES := $(foreach d,agent cli manager loader maps config model policy proto lib,$(call archive,$(d)))

$(B)/selftests/bpf/%.o: $(SKELETON)

$(T)/bpf/test_%: $(B)/selftests/bpf/test_%.o $(bpf_SHARED) $(TEST_ARCHIVES)
	$(call say,LD)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS_AGENT) -lcunit -lpthread -o $@

# The demo needs it where no test library is installed.
$(T)/net/tapnode: $(B)/selftests/net/tapnode.o
	$(call say,LD)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@

$(T)/%: $(B)/selftests/%.o $(TEST_ARCHIVES)
	$(call say,LD)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS_AGENT) $(LDLIBS_MANAGER) -lcunit -o $@

.PHONY: tests unit-programs check soak lint fmt asan fuzz

tests: all $(B)/describe $(TEST_PROGRAMS) $(FUZZ_PROGRAMS)

# Which test programs `selftests/run.sh` runs, and in which order, is written there.
check: ## Run every test; installs what is missing; ends with one line of counts, kept in build/check.txt
	@mk/deps.sh build test deb
	@$(MAKE) --no-print-directory tests
	@$(MAKE) --no-print-directory asan
	@selftests/run.sh

soak: ## What takes longer: more rounds of traffic, longer fuzzing
	@mk/deps.sh build test
	@$(MAKE) --no-print-directory tests
	@SOAK_SECONDS=$${SOAK_SECONDS:-1800} selftests/run.sh net/soak.sh
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=$${FUZZ_SECONDS:-600}

# The same rules with other flags, into a directory of their own.
ASAN_FLAGS := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
asan: ## Build agent, CLI and unit tests with the address and undefined-behaviour sanitizers into build/asan/
	@$(MAKE) --no-print-directory B=$(B)/asan SANITIZE="$(ASAN_FLAGS)" all unit-programs

unit-programs: $(UNIT_TESTS)

# Changes are judged by nearly all of the manager.
$(B)/fuzz/change: $(manager_SRCS)
$(B)/fuzz/change: FUZZ_LIBS := $(LDLIBS_MANAGER)

$(B)/fuzz/%: selftests/fuzz/fuzz_%.c $(FUZZ_SRCS)
	@mkdir -p $(@D)
	$(call say,FUZZ)$(CLANG) -O1 -g -std=gnu11 -D_GNU_SOURCE -I. -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -DOVNET_VERSION='"$(VERSION)"' $^ -lcjson -lsodium $(FUZZ_LIBS) -o $@

fuzz: $(FUZZ_PROGRAMS) ## Fuzz every decoder from its corpus (FUZZ_SECONDS each, default 60)
	@set -e; for target in $(FUZZ_TARGETS); do \
		mkdir -p $(B)/fuzz/found/$$target; \
		$(B)/fuzz/$$target -max_total_time=$(FUZZ_SECONDS) -verbosity=0 -artifact_prefix=$(B)/fuzz/$$target- \
			$(B)/fuzz/found/$$target selftests/fuzz/corpus/$$target; \
		echo "fuzz $$target: $(FUZZ_SECONDS) s without a finding"; \
	done

lint: $(B)/describe ## Check style, layering, licences and generated documents
	@mk/lint.sh

fmt: ## Format the sources
	@clang-format -i $$(git ls-files '*.c' '*.h' | grep -v '^vmlinux.h$$')
