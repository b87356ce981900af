#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs the test suites and counts: every one, or those that are named (as net/basic.sh or unit/test_json).
#
# A suite is a program. It passes when its exit status is 0; its tests are counted from CUnit's summary, or from lines
# that begin with "ok", "not ok" and "skip". What it printed is kept in build/logs/. The last line of all is the counts.
set -u
cd "$(dirname "$0")/.."
B=${B:-build}
logs=$B/logs
mkdir -p "$logs"
passed=0 failed=0 skipped=0
: >"$B/check.txt"

say() {
	echo "$*" | tee -a "$B/check.txt"
}

# suite NAME COMMAND...
suite() {
	local name=$1 log=$logs/${1//\//-}.log start=$SECONDS status ok bad skip
	shift
	timeout --kill-after=10 "${SUITE_SECONDS:-600}" "$@" >"$log" 2>&1 </dev/null
	status=$?
	read -r ok bad skip < <(awk '
		/^ok / { ok++ }
		/^not ok / { bad++ }
		/^skip / { skip++ }
		/^ *tests +[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+/ { ok += $4; bad += $5 }
		END { print ok + 0, bad + 0, skip + 0 }' "$log")
	# A suite that ends badly without a failed test, or without any test, has failed itself.
	if [ $status -ne 0 ] && [ "$bad" -eq 0 ] || [ $((ok + bad + skip)) -eq 0 ]; then bad=$((bad + 1)); fi
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
	say "$(printf '%-28s %5d passed %3d failed %3d skipped %5d s' "$name" "$ok" "$bad" "$skip" $((SECONDS - start)))"
	grep -E '^(figure|skip) ' "$log" | sed 's/^/    /' | tee -a "$B/check.txt"
	if [ "$bad" -gt 0 ]; then
		{ grep -E -A12 '^not ok |\.\.\.FAILED' "$log" || tail -n 40 "$log"; } | head -n 80 | sed 's/^/    /' |
			tee -a "$B/check.txt"
	fi
}

all() {
	suite lint mk/lint.sh
	suite fuzz/corpus selftests/fuzz/corpus.sh
	local each
	for each in selftests/unit/test_*.c; do
		each=unit/$(basename "$each" .c)
		suite "$each" "$B/selftests/$each"
		suite "asan/$each" "$B/asan/selftests/$each"
	done
	for each in selftests/bpf/test_*.c; do
		each=bpf/$(basename "$each" .c)
		suite "$each" "$B/selftests/$each"
	done
	for each in selftests/net/test_*.c; do
		each=net/$(basename "$each" .c)
		suite "$each" "$B/selftests/$each"
	done
	for each in selftests/net/*.sh; do
		each=net/$(basename "$each")
		case $each in net/lib.sh | net/fleet.sh | net/realm.sh) continue ;; esac
		suite "$each" "selftests/$each"
	done
	for each in selftests/manager/*.sh; do
		each=manager/$(basename "$each")
		[ "$each" != manager/lib.sh ] || continue
		suite "$each" "selftests/$each"
	done
	for each in api behaviour; do
		suite "asan/manager/$each.sh" env BUILD="$B/asan" "selftests/manager/$each.sh"
	done
	suite deb.sh selftests/deb.sh
	suite asan/net/basic.sh env BIN="$PWD/$B/asan" selftests/net/basic.sh
	suite asan/net/life.sh env BIN="$PWD/$B/asan" selftests/net/life.sh
	suite asan/net/negotiate.sh env BIN="$PWD/$B/asan" selftests/net/negotiate.sh
	suite asan/net/metrics.sh env BIN="$PWD/$B/asan" selftests/net/metrics.sh
}

if [ $# -eq 0 ]; then
	all
else
	for each in "$@"; do
		case $each in
		lint) suite lint mk/lint.sh ;;
		*.sh) suite "$each" "selftests/$each" ;;
		*) suite "$each" "$B/selftests/$each" ;;
		esac
	done
fi
say "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ] && [ $((passed + skipped)) -gt 0 ]
