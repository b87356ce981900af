#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every seed, and every input that once was a finding, through its decoder under the sanitizers.
cd "$(dirname "$0")/../.." || exit 1
status=0
for target in selftests/fuzz/corpus/*; do
	target=$(basename "$target")
	if "${B:-build}/fuzz/$target" -runs=0 "selftests/fuzz/corpus/$target"; then
		echo "ok - corpus $target"
	else
		echo "not ok - corpus $target"
		status=1
	fi
done
exit $status
