#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Checks of the sources that no compiler makes. One line a check, "ok" or "not ok" with the places.
set -u
cd "$(dirname "$0")/.."
status=0

# The files of the project that match: what git tracks and what is new; in a tree without git, what is there.
listed=$(git ls-files --cached --others --exclude-standard 2>/dev/null)
[ -n "$listed" ] || listed=$(find . -path ./build -prune -o -path ./.git -prune -o -type f -printf '%P\n')
files() {
	local pattern file
	while read -r file; do
		for pattern in "$@"; do
			# shellcheck disable=SC2053
			if [[ $file == $pattern ]]; then echo "$file"; break; fi
		done
	done <<<"$listed"
}
[ -n "$(files 'bpf/*')" ] || { echo "not ok - there are sources to look at"; exit 1; }

# report WHAT PLACES: a check fails when it found places.
report() {
	if [ -z "$2" ]; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		printf '%s\n' "$2" | head -n 40 | sed 's/^/    /'
		status=1
	fi
}

# Each directory may include headers of itself, of lib/, and of those named: dependencies run one way.
layering() {
	local rule directory allowed
	for rule in lib: policy: proto: "model:policy proto" "manager:config model policy proto" "config:policy proto" maps: loader:maps \
		"agent:config loader maps policy proto" "cli:config model policy proto" bpf:maps; do
		directory=${rule%%:*} allowed="lib ${rule#*:} $directory"
		[ "$directory" != bpf ] || allowed="bpf maps"
		files "$directory/*.c" "$directory/*.h" | xargs grep -nE '^#include "[a-z]+/' |
			grep -vE "#include \"(${allowed// /|})/"
	done
}

spdx() {
	files '*.c' '*.h' '*.def' '*.sh' '*.py' '*.mk' Makefile .clang-format | while read -r file; do
		head -n 3 "$file" | grep -q 'SPDX-License-Identifier: ' || echo "$file"
	done
	files 'bpf/*' 'maps/*.h' 'maps/*.def' vmlinux.h | grep -v '^maps/\(access\|batch\)\.h$' | while read -r file; do
		head -n 1 "$file" | grep -q 'GPL-2.0-only OR BSD-2-Clause' || echo "$file: must be dual licensed"
	done
}

reasons_tested() {
	sed -nE 's/^REASON\(([A-Z0-9_]+), ([a-z0-9_]+),.*/\1 \2/p' maps/reasons.def | while read -r upper lower; do
		files 'selftests/*' | xargs grep -qE "\b(REASON_$upper|$lower)\b" || echo "$lower"
	done
}

printk() { files 'bpf/*' | xargs grep -n 'bpf_printk\|bpf_trace_printk'; }

formatted() {
	files '*.c' '*.h' | grep -v '^vmlinux.h$' | while read -r file; do
		clang-format --dry-run -Werror "$file" >/dev/null 2>&1 || echo "$file: run make fmt"
	done
}

# System calls on maps stand in maps/ only; the loader makes and pins them.
map_calls() {
	files 'agent/*.c' 'cli/*.c' 'config/*.c' 'lib/*.c' | xargs grep -nE '\bbpf_map_[a-z_]+\('
}

shell_syntax() {
	files '*.sh' .ci/run | while read -r file; do bash -n "$file" 2>&1; done
}

report "includes keep to the layers" "$(layering)"
report "every file has its licence" "$(spdx)"
report "every drop reason is named in a test" "$(reasons_tested)"
report "no trace output in BPF programs" "$(printk)"
report "map system calls stand in maps/ only" "$(map_calls)"
report "generated documents are up to date" "$(mk/docs.sh --check 2>&1)"
report "sources are formatted" "$(formatted)"
report "shell scripts parse" "$(shell_syntax)"
# Lists are macros of the C library, which cppcheck must have seen.
queue=$(find /usr/include -path '*/sys/queue.h' | head -n 1)
report "cppcheck finds nothing" "$(cppcheck -q "--include=$queue" -DOVNET_VERSION='""' --enable=warning,performance,portability --inline-suppr --suppress=missingInclude \
	'-DLIBBPF_OPTS(type,name,...)=struct type name = {__VA_ARGS__}' --std=c11 -I. agent cli config lib loader manager maps model policy proto selftests/unit 2>&1)"
exit $status
