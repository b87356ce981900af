# SPDX-License-Identifier: BSD-2-Clause
# Compilers and flags. Warnings are errors everywhere.

CC      ?= gcc
CLANG   ?= clang
BPFTOOL ?= bpftool
PREFIX  ?= /usr/local
MANDIR  ?= $(PREFIX)/share/man
COMPDIR ?= $(PREFIX)/share/bash-completion/completions
UNITDIR ?= $(PREFIX)/lib/systemd/system
USERDIR ?= $(PREFIX)/lib/sysusers.d

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wundef \
	-Wwrite-strings -Wvla

CFLAGS  ?= -O2 -g
CFLAGS  += -std=gnu11 -D_GNU_SOURCE -DOVNET_VERSION='"$(VERSION)"' $(WARN) -fstack-protector-strong -I. -I$(B) $(SANITIZE)
LDFLAGS ?= -Wl,-z,relro,-z,now
LDLIBS_AGENT := -lbpf -lelf -lz -lmnl -lmicrohttpd -lcurl -lcjson -lsodium
LDLIBS_CLI   := -lcjson -lsodium -lcurl
LDLIBS_MANAGER := -lmicrohttpd -lgnutls -lsqlite3 -lcurl -lcjson -lsodium -lpthread

# Of the kernel's types only vmlinux.h is seen. The address of a packed member is read octet by octet anyway.
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -Wshadow -Wno-unused-parameter -I. \
	-D__TARGET_ARCH_$(shell uname -m | sed 's/x86_64/x86/;s/aarch64/arm64/')

# One short line a step; V=1 shows the commands.
ifeq ($(V),1)
say =
else
say = @printf '  %-6s %s\n' $(1) $@;
endif
