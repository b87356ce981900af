# SPDX-License-Identifier: BSD-2-Clause
# User space: one archive a directory, one program a directory with a main.c.
# A sanitizer build is the same rules with another B (see mk/tests.mk).

lib_SRCS    := $(wildcard lib/*.c)
policy_SRCS := $(wildcard policy/*.c)
proto_SRCS  := $(wildcard proto/*.c)
model_SRCS  := $(filter-out model/describe_main.c,$(wildcard model/*.c))
manager_SRCS := $(filter-out manager/main.c,$(wildcard manager/*.c))
config_SRCS := $(wildcard config/*.c)
maps_SRCS   := $(wildcard maps/*.c)
loader_SRCS := $(wildcard loader/*.c)
agent_SRCS  := $(filter-out agent/main.c,$(wildcard agent/*.c))
cli_SRCS    := $(filter-out cli/main.c cli/describe_main.c,$(wildcard cli/*.c))

archive = $(B)/$(1)/lib$(1).a
objects = $(patsubst %.c,$(B)/%.o,$($(1)_SRCS))

PROGRAMS := $(B)/ovnetd $(B)/ovnetctl $(B)/ovnet-manager

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

# Only the loader knows the skeleton; it must exist before the loader is compiled.
$(call objects,loader): $(SKELETON)

define archive_rule
$(call archive,$(1)): $(call objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(call say,AR)$$(AR) rcs $$@ $$^
endef
$(foreach d,lib policy proto model manager config maps loader agent cli,$(eval $(call archive_rule,$(d))))

$(B)/ovnetd: $(B)/agent/main.o $(foreach d,agent loader maps config policy proto lib,$(call archive,$(d)))
	$(call say,LD)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS_AGENT) -o $@

$(B)/ovnetctl: $(B)/cli/main.o $(foreach d,cli config model policy proto lib,$(call archive,$(d)))
	$(call say,LD)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS_CLI) -o $@

$(B)/ovnet-manager: $(B)/manager/main.o $(foreach d,manager config model policy proto lib,$(call archive,$(d)))
	$(call say,LD)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS_MANAGER) -o $@

# Writes docs/api.yaml (`make docs`); not installed.
$(B)/describe: $(B)/model/describe_main.o $(foreach d,model policy proto lib,$(call archive,$(d)))
	$(call say,LD)$(CC) $(CFLAGS) $(LDFLAGS) $^ -lcjson -lsodium -o $@

# Writes the manual pages of ovnetctl (`make docs`); not installed.
$(B)/describe-cli: $(B)/cli/describe_main.o $(foreach d,cli config model policy proto lib,$(call archive,$(d)))
	$(call say,LD)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS_CLI) -o $@

-include $(shell find $(B) -name '*.d' 2>/dev/null)
