#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The Debian packages: made, looked at by lintian, and installed, upgraded and removed in a copy of this machine's root (an overlay in a
# mount namespace, which goes with it), where what is in them runs.
set -u
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
cd "$(dirname "$0")/.." || exit 1
FAILED=0

# check WHAT COMMAND...: as in net/lib.sh.
check() {
	local what=$1 said
	shift
	if said=$("$@" 2>&1); then
		echo "ok - $what"
	else
		FAILED=$((FAILED + 1))
		echo "not ok - $what: $(tail -n 6 <<<"$said" | tr '\n' ' ' | cut -c 1-800)"
	fi
}

for tool in dh lintian; do
	command -v $tool >/dev/null || { echo "skip - Debian packages: $tool is missing (mk/deps.sh deb)"; exit 0; }
done

if [ "${1:-}" != inside ]; then
	check "packages are made" packaging/deb.sh
	[ $FAILED -eq 0 ] || exit 1
	check "lintian finds neither errors nor warnings" lintian --allow-root --fail-on error,warning build/deb/*.deb
	# All mounts are this process's, and go with it.
	unshare --mount --propagation private "$0" inside || FAILED=$((FAILED + 1))
	[ $FAILED -eq 0 ]
	exit
fi

top=$PWD
tree=$(mktemp -d)
trap 'umount -l "$tree"; rmdir "$tree"' EXIT
mount -t tmpfs tmpfs "$tree" && mkdir "$tree/upper" "$tree/work" "$tree/root" || exit 1
if ! mount -t overlay overlay -o "lowerdir=/,upperdir=$tree/upper,workdir=$tree/work" "$tree/root" 2>/dev/null; then
	echo "skip - installation: no overlay file system here"
	exit 0
fi
mount -t proc proc "$tree/root/proc"
mount --rbind /dev "$tree/root/dev"
mkdir "$tree/root/ovnet-deb" && cp "$top"/build/deb/*.deb "$tree/root/ovnet-deb/"

inside() {
	chroot "$tree/root" /bin/bash -c "export DEBIAN_FRONTEND=noninteractive; $1"
}

# No process has the tree as its root.
nothing_runs() {
	local each
	for each in /proc/[0-9]*; do
		[ "$(readlink "$each/root")" != "$tree/root" ] || { tr '\0' ' ' <"$each/cmdline"; return 1; }
	done
}

# Whatever is found in the example, is that this machine has not its interfaces.
example_is_right() {
	! inside '/usr/bin/ovnetctl config check /usr/share/doc/ovnet-agent/examples/ovnet.json' 2>&1 |
		grep ': expected' | grep -v 'uplinks\[0\]\|nodes\[0\].port'
}

version=$(sed -n 's/^VERSION := //p' Makefile)
check "packages install, with what they depend on" inside 'dpkg -i /ovnet-deb/*.deb'
check "the agent runs" inside "[ \"\$(/usr/sbin/ovnetd --version)\" = 'ovnetd $version' ]"
check "the command line runs" inside '/usr/bin/ovnetctl help'
check "... and completes" inside '/usr/bin/ovnetctl completion bash | cmp - /usr/share/bash-completion/completions/ovnetctl'
check "the manager runs" inside '/usr/sbin/ovnet-manager --help'
check "the example is a configuration" example_is_right
check "the manager has a user of its own, who cannot log in" inside 'getent passwd ovnet-manager | grep -q ":/usr/sbin/nologin$"'
check "nothing was started" nothing_runs
check "the manager's unit is enabled, the agent's is not, since it has no configuration" \
	inside '[ -L /etc/systemd/system/multi-user.target.wants/ovnet-manager.service ] && [ ! -e /etc/systemd/system/multi-user.target.wants/ovnetd.service ]'
check "systemd finds nothing in the units where they are" \
	inside '! systemd-analyze verify /lib/systemd/system/ovnet* 2>&1 | grep .'
check "manuals are there" inside 'for page in "8 ovnetd" "8 ovnetctl" "8 ovnet-manager" "5 ovnet.json"; do man -w $page || exit 1; done'
check "an upgrade keeps what was changed in a file of settings" \
	inside 'echo "# mine" >>/etc/default/ovnet-manager && dpkg -i --force-confold /ovnet-deb/*.deb && grep -q mine /etc/default/ovnet-manager'
check "packages go" inside 'dpkg -r ovnet-agent ovnet-manager ovnet-cli && [ ! -e /usr/sbin/ovnetd ] && [ -e /etc/default/ovnet-manager ]'
check "... and what belongs to them" inside 'dpkg -P ovnet-agent ovnet-manager ovnet-cli && [ ! -e /etc/default/ovnet-manager ]'
[ $FAILED -eq 0 ]
