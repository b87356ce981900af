# SPDX-License-Identifier: BSD-2-Clause
# One object a hook, united by the static linker, stripped of debug sections, and made a skeleton.

BPF_SRCS    := $(wildcard bpf/*.bpf.c)
BPF_OBJS    := $(BPF_SRCS:bpf/%.bpf.c=$(B)/bpf/%.bpf.o)
BPF_HEADERS := $(wildcard bpf/stage/*.h bpf/lib/*.h maps/*.h maps/*.def) vmlinux.h
SKELETON    := $(B)/ovnet.skel.h

$(B)/bpf/%.bpf.o: bpf/%.bpf.c $(BPF_HEADERS)
	@mkdir -p $(@D)
	$(call say,BPF)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(B)/bpf/ovnet.o: $(BPF_OBJS)
	$(call say,LINK)$(BPFTOOL) gen object $@ $^

$(SKELETON): $(B)/bpf/ovnet.o
	$(call say,SKEL)$(BPFTOOL) gen skeleton $< name ovnet > $@.new && mv $@.new $@
