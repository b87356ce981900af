#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Makes build/deb/*.deb of what is compiled; run by `make deb`.
set -eu
cd "$(dirname "$0")/.."
B=${B:-build}
VERSION=${VERSION:-$(sed -n "s/^VERSION := //p" Makefile)}
mkdir -p "$B"
out=$(cd "$B" && pwd)/deb
rm -rf "$out"
mkdir -p "$out/tree"
umask 022

# As in the packages, so with the same paths. What `make` tells about is of no interest here.
make -s install DESTDIR="$out/stage" PREFIX=/usr UNITDIR=/lib/systemd/system
install -D -m 0644 packaging/ovnet-manager.default "$out/stage/etc/default/ovnet-manager"

cp -r packaging/debian "$out/tree/debian"
# The same sources make the same packages: their time is that of the latest commit.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
cat >"$out/tree/debian/changelog" <<END
ovnet ($VERSION) unstable; urgency=medium

  * Release $VERSION.

 -- ovnet maintainers <maintainers@ovnet.invalid>  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
END
cd "$out/tree"
if [ "$(id -u)" -eq 0 ]; then debian/rules binary; else fakeroot debian/rules binary; fi >"$out/log" 2>&1 || {
	tail -n 40 "$out/log" >&2
	exit 1
}
cd "$out"
rm -rf tree stage
ls ./*.deb
