# SPDX-License-Identifier: BSD-2-Clause
# ovnet: build, test, install. `make help` lists the targets.

VERSION := 0.1.0
B       := build
PATH    := $(PATH):/usr/sbin:/sbin
export PATH

.DEFAULT_GOAL := all

include mk/flags.mk
include mk/bpf.mk
include mk/user.mk
include mk/tests.mk

.PHONY: all deps demo check soak bench kernels lint fmt asan fuzz docs install uninstall clean help

all: $(PROGRAMS) ## Build the programs into build/

deps: ## Install what building and testing need (Debian packages, as root)
	@mk/deps.sh build test

demo: ## Install what is missing, build, run the demo on namespaces, clean up
	@mk/deps.sh build demo
	@$(MAKE) --no-print-directory all $(T)/net/tapnode
	@selftests/demo.sh

docs: $(B)/describe $(B)/describe-cli ## Generate docs/drops.md, maps.md, api.yaml and the manual of ovnetctl from the sources
	@mk/docs.sh

install: all ## Install programs, manual pages and completion below DESTDIR/PREFIX
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8
	install -m 0755 $(B)/ovnetd $(DESTDIR)$(PREFIX)/sbin/ovnetd
	install -m 0755 $(B)/ovnetctl $(DESTDIR)$(PREFIX)/bin/ovnetctl
	install -d $(DESTDIR)$(COMPDIR)
	$(B)/ovnetctl completion bash > $(DESTDIR)$(COMPDIR)/ovnetctl
	install -m 0644 docs/man/*.5 $(DESTDIR)$(MANDIR)/man5/
	install -m 0644 docs/man/*.8 $(DESTDIR)$(MANDIR)/man8/

uninstall: ## Remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/sbin/ovnetd $(DESTDIR)$(PREFIX)/bin/ovnetctl $(DESTDIR)$(COMPDIR)/ovnetctl
	cd docs/man && for page in *.5 *.8; do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page; done

vmlinux.h: mk/vmlinux.py ## Trim the running kernel's types anew
	bpftool btf dump file /sys/kernel/btf/vmlinux format c | mk/vmlinux.py > $@.new && mv $@.new $@

clean: ## Remove build/
	rm -rf $(B)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z.h-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST) | sort -u
