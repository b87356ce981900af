#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs the programs of selftests/bpf under other kernels: Debian's, in QEMU without acceleration, and the running one.
# usage: selftests/kernels/run.sh [SERIES | running]...     as 6.1 or 6.12; default: 6.1 6.12 running
#        selftests/kernels/run.sh --here NAME               (the programs under this kernel, for the script itself)
#
# One line a kernel and program, then what it skipped and its figures; the last line is the counts, and the exit status
# is 0 when nothing failed. A kernel is fetched once into build/kernels/SERIES; what it printed is in .../SERIES.log.
set -u
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
cd "$(dirname "$0")/../.."
B=${B:-build}
cache=$B/kernels
program_seconds=${PROGRAM_SECONDS:-300} # emulated, a program is about ten times as slow
guest_seconds=${GUEST_SECONDS:-1200}
# What the tests and the guest itself need and Debian has as modules; what these need is found.
modules="virtio_pci 9pnet_virtio 9p veth bridge tun sch_ingress cls_bpf 8021q"
passed=0 failed=0 skipped=0
writer= # the process that is being read

# Each program's output stands between two lines that begin with "program"; the last line of all is "done".
programs_run() {
	local name=$1 program start status
	echo "kernel $(uname -r)"
	for program in "$B"/selftests/kernels/verifier selftests/bpf/test_*.c; do
		[ "${program%.c}" = "$program" ] || program=$B/${program%.c}
		start=$SECONDS
		echo "program begins: $(basename "$program")"
		timeout --kill-after=5 "$program_seconds" "$program" "$name" 2>&1 </dev/null
		status=$?
		echo
		echo "program ends: $(basename "$program") $status $((SECONDS - start))"
	done
	echo "done"
}

# kernel_fetch SERIES: the newest kernel of the series that apt knows, as vmlinuz and the modules numbered in the order
# in which they load; the rest of the package is not kept.
kernel_fetch() {
	local series=$1 into=$PWD/$cache/$1 new=$PWD/$cache/$1.new package release module number=100
	[ ! -e "$into/vmlinuz" ] || return 0
	rm -rf "$new"
	mkdir -p "$new/modules"
	package=$(apt-cache pkgnames "linux-image-$series." |
		grep -E "^linux-image-${series//./\\.}\.[0-9][-+0-9deb]*-amd64\$" | sort -V | tail -n 1)
	if [ -z "$package" ]; then
		echo "apt knows no package linux-image-$series.*-amd64 (Debian 12 has it; is an apt-get update due?)"
		return 1
	fi
	(cd "$new" && apt-get download -qq "$package" 2>&1) || return 1
	dpkg -x "$new"/*.deb "$new/package" || return 1
	release=$(basename "$new"/package/lib/modules/*)
	depmod -b "$new/package" "$release" || return 1
	# shellcheck disable=SC2086
	for module in $(for each in $modules; do
		modprobe -C /dev/null -d "$new/package" -S "$release" --show-depends "$each" || echo missing "$each"
	done | awk '$1 == "missing" { print "/" $2 } $1 == "insmod" && !seen[$2]++ { print $2 }'); do
		cp "$module" "$new/modules/$((number++))-$(basename "$module")" || return 1
	done
	for module in "$new"/modules/*.xz; do
		[ ! -e "$module" ] || xz -d "$module" || return 1
	done
	cp "$new/package/boot/vmlinuz-$release" "$new/vmlinuz" || return 1
	rm -rf "$new/package" "$new"/*.deb "$into"
	mv "$new" "$into"
}

# guest_files SERIES: the initramfs.
guest_files() {
	local from=$cache/$1 root=$cache/$1/initramfs
	rm -rf "$root"
	mkdir -p "$root"/{bin,dev,proc,sys,root} &&
		cp "$(command -v busybox)" "$root/bin/busybox" &&
		cp selftests/kernels/init "$root/init" &&
		cp -r "$from/modules" "$root/modules" &&
		printf 'cd /mnt\nB=%q PROGRAM_SECONDS=%q selftests/kernels/run.sh --here %q\n' "$B" "$program_seconds" "$1" \
			>"$root/job" &&
		(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$from/initramfs.gz" &&
		rm -rf "$root"
}

# Becomes the emulator, so that whoever started this as a process of its own can end it.
guest_run() {
	local share=security_model=none,readonly=on,multidevs=remap
	kernel_fetch "$1" && guest_files "$1" || return 0
	exec timeout --kill-after=5 "$guest_seconds" qemu-system-x86_64 -accel tcg -cpu max -smp 1 -m 1024 \
		-nodefaults -no-user-config -no-reboot -display none -serial stdio \
		-kernel "$cache/$1/vmlinuz" -initrd "$cache/$1/initramfs.gz" \
		-append "console=ttyS0 panic=-1 quiet loglevel=3" \
		-virtfs "local,path=/,mount_tag=root,$share" -virtfs "local,path=$PWD,mount_tag=project,$share" \
		2>&1 </dev/null
}

# Counts one program of a kernel from its output on standard input, as selftests/run.sh does.
program_count() {
	local kernel=$1 program=$2 status=$3 seconds=$4 output=$5 ok bad skip
	read -r ok bad skip < <(awk '
		/^ok / { ok++ }
		/^not ok / { bad++ }
		/^skip / { skip++ }
		/^ *tests +[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+/ { ok += $4; bad += $5 }
		END { print ok + 0, bad + 0, skip + 0 }' "$output")
	# A program that ends badly without a failed test, or without any test, has failed itself.
	if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ] || [ $((ok + bad + skip)) -eq 0 ]; then bad=$((bad + 1)); fi
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
	printf '%-28s %5d passed %3d failed %3d skipped %5d s\n' "$kernel $program" "$ok" "$bad" "$skip" "$seconds"
	grep -E '^(figure|skip) ' "$output" | sed 's/^/    /'
	[ "$bad" -eq 0 ] || { grep -E -A12 '^not ok |\.\.\.FAILED' "$output" || tail -n 40 "$output"; } |
		head -n 80 | sed 's/^/    /'
}

# Reads what a kernel prints as it prints it.
kernel_count() {
	writer=$!
	local kernel=$1 log=$cache/$1.log output=$cache/$1.output line word program status seconds complete=
	: >"$log"
	: >"$output"
	while IFS= read -r line; do
		line=${line%$'\r'}
		printf '%s\n' "$line" | tee -a "$log" >>"$output"
		case $line in
		"kernel "*) echo "$kernel is $line" ;;
		"program begins: "*) : >"$output" ;;
		"program ends: "*)
			read -r word word program status seconds <<<"$line"
			program_count "$kernel" "$program" "$status" "$seconds" "$output"
			;;
		"done") complete=yes ;;
		esac
	done
	writer=
	if [ -z "$complete" ]; then
		failed=$((failed + 1))
		echo "$kernel did not finish; the end of $log:"
		tail -n 20 "$log" | sed 's/^/    /'
	fi
	rm -f "$output"
}

if [ "${1:-}" = --here ]; then
	programs_run "$2"
	exit
fi
[ $# -gt 0 ] || set -- 6.1 6.12 running
mkdir -p "$cache"
trap '[ -z "$writer" ] || kill "$writer" 2>/dev/null' EXIT
trap 'exit 130' INT TERM
for each in "$@"; do
	case $each in
	running)
		if [ "$(id -u)" -eq 0 ]; then
			kernel_count running < <(programs_run running)
		else
			echo "skip running: needs root"
			skipped=$((skipped + 1))
		fi
		;;
	*) kernel_count "$each" < <(guest_run "$each") ;;
	esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ] && [ $((passed + skipped)) -gt 0 ]
