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

.PHONY: all deps demo check soak bench kernels lint fmt asan fuzz docs install uninstall deb deb-check clean help

all: $(PROGRAMS) ## Build the programs into build/

deps: ## Install what building and testing need (Debian packages, as root)
	@mk/deps.sh build test

demo: ## Install what is missing, build, run the demo on namespaces, clean up
	@mk/deps.sh build demo
	@$(MAKE) --no-print-directory all $(T)/net/tapnode
	@selftests/demo.sh

docs: $(B)/describe $(B)/describe-cli ## Generate docs/drops.md, maps.md, api.yaml and the manual of ovnetctl from the sources
	@mk/docs.sh

UNITS := ovnetd.service ovnetd@.service ovnet-manager.service

install: all ## Install programs, units, manual pages and completion below DESTDIR/PREFIX
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8
	install -m 0755 $(B)/ovnetd $(DESTDIR)$(PREFIX)/sbin/ovnetd
	install -m 0755 $(B)/ovnet-manager $(DESTDIR)$(PREFIX)/sbin/ovnet-manager
	install -m 0755 $(B)/ovnetctl $(DESTDIR)$(PREFIX)/bin/ovnetctl
	install -d $(DESTDIR)$(COMPDIR) $(DESTDIR)$(UNITDIR) $(DESTDIR)$(USERDIR) $(DESTDIR)$(PREFIX)/share/ovnet
	$(B)/ovnetctl completion bash > $(DESTDIR)$(COMPDIR)/ovnetctl
	install -m 0644 docs/man/*.5 $(DESTDIR)$(MANDIR)/man5/
	install -m 0644 docs/man/*.8 $(DESTDIR)$(MANDIR)/man8/
	for unit in $(UNITS); do \
		sed 's|/usr/sbin/|$(PREFIX)/sbin/|' packaging/$$unit > $(DESTDIR)$(UNITDIR)/$$unit || exit 1; done
	install -m 0644 packaging/ovnet-manager.sysusers $(DESTDIR)$(USERDIR)/ovnet-manager.conf
	install -m 0644 docs/examples/ovnet.json $(DESTDIR)$(PREFIX)/share/ovnet/
	cp -r packaging/grafana packaging/prometheus $(DESTDIR)$(PREFIX)/share/ovnet/

uninstall: ## Remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/sbin/ovnetd $(DESTDIR)$(PREFIX)/sbin/ovnet-manager $(DESTDIR)$(PREFIX)/bin/ovnetctl
	rm -f $(DESTDIR)$(COMPDIR)/ovnetctl $(DESTDIR)$(USERDIR)/ovnet-manager.conf
	cd docs/man && for page in *.5 *.8; do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page; done
	rm -f $(addprefix $(DESTDIR)$(UNITDIR)/,$(UNITS))
	rm -rf $(DESTDIR)$(PREFIX)/share/ovnet

deb: all ## Make Debian packages in build/deb/
	@mk/deps.sh build deb
	@packaging/deb.sh

deb-check: deb ## Make them, look at them with lintian, install them into a tree of their own and run what is in them
	@selftests/run.sh deb.sh

vmlinux.h: mk/vmlinux.py ## Trim the running kernel's types anew
	bpftool btf dump file /sys/kernel/btf/vmlinux format c | mk/vmlinux.py > $@.new && mv $@.new $@

clean: ## Remove build/
	rm -rf $(B)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z.h-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST) | sort -u
