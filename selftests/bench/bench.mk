# SPDX-License-Identifier: BSD-2-Clause
# The benchmark's programs. Included by mk/tests.mk; needs mk/flags.mk before it.

BENCH_PROGRAMS := $(addprefix $(B)/bench/,attach flood gro rr contact relay scan ask_flood handle agents)

$(B)/bench/bench.bpf.o: selftests/bench/bench.bpf.c selftests/bench/frame.h vmlinux.h
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c $< -o $@

# Linked alone, which takes the debug sections off.
$(B)/bench/bench.o: $(B)/bench/bench.bpf.o
	$(BPFTOOL) gen object $@ $<

$(B)/bench/bench.skel.h: $(B)/bench/bench.o
	$(BPFTOOL) gen skeleton $< name bench_bpf > $@.new && mv $@.new $@

$(B)/bench/attach $(B)/bench/flood: $(B)/bench/bench.skel.h

$(B)/bench/%: selftests/bench/%.c selftests/bench/frame.h lib/error.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -I$(B)/bench $(LDFLAGS) $< -lbpf -lelf -lz -o $@

# It forges datagrams of the negotiation, whose lengths and macs are the protocol's.
$(B)/bench/ask_flood: selftests/bench/ask_flood.c $(call archive,proto) $(call archive,lib)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ -lsodium -o $@

# It asks the evaluator itself.
$(B)/bench/handle: selftests/bench/handle.c $(call archive,policy) $(call archive,lib)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ -lcjson -lsodium -lm -o $@

# Many agents of a manager; some of its tests take it too.
AGENTS_SOURCES := $(addprefix selftests/bench/,agents.c load.c fleet.c link.c)
$(B)/bench/agents: $(AGENTS_SOURCES) $(addprefix selftests/bench/,agents.h fleet.h link.h) $(call archive,lib)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) $(filter %.c %.a,$^) -lgnutls -lsodium -lcjson -o $@

.PHONY: bench
bench: ## Measure beside plain IPv6, VXLAN and a bare redirect; writes build/bench.json (BENCH_ARGS: see run.sh --help)
	@mk/deps.sh build bench
	@$(MAKE) --no-print-directory all $(BENCH_PROGRAMS)
	@B=$(B) selftests/bench/run.sh $(BENCH_ARGS)
