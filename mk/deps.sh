#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Installs the Debian packages that the named purposes need and that are missing; without root, says how to.
# usage: mk/deps.sh [build] [demo] [test] [bench] [deb] [kernels]
set -eu

build="gcc libc6-dev make clang llvm bpftool libbpf-dev libelf-dev zlib1g-dev libcjson-dev libmnl-dev libsodium-dev libsqlite3-dev libcurl4-gnutls-dev libmicrohttpd-dev libgnutls28-dev pkg-config"
demo="curl iproute2 iputils-ping iperf3 tcpdump procps netcat-openbsd python3-scapy"
test="$demo libcunit1-dev nftables tshark libasan8 libubsan1 libclang-rt-14-dev etcd-server ethtool python3-seccomp python3-jsonschema python3-yaml systemd git clang-format cppcheck util-linux man-db"
bench="$demo nftables"
deb="debhelper dpkg-dev lintian fakeroot"
kernels="qemu-system-x86 busybox-static kmod cpio xz-utils"

wanted=
for purpose in "$@"; do
	case $purpose in
	build) wanted="$wanted $build" ;;
	demo) wanted="$wanted $demo" ;;
	test) wanted="$wanted $test" ;;
	bench) wanted="$wanted $bench" ;;
	deb) wanted="$wanted $deb" ;;
	kernels) wanted="$wanted $kernels" ;;
	*) echo "mk/deps.sh: unknown purpose '$purpose': build, demo, test, bench, deb or kernels" >&2; exit 2 ;;
	esac
done

missing=
for package in $wanted; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "Missing packages. As root, run:" >&2
	echo "  apt-get install -y --no-install-recommends$missing" >&2
	exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
