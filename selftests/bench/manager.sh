#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What a manager holds and how fast it is: agents simulated by bench/agents, TLS on, SQLite. Called by run.sh; also by itself:
# selftests/bench/manager.sh --samples FILE --latencies FILE [--rounds N] [--agents N]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export B=${B:-build}
for program in "$B/ovnet-manager" "$B/bench/agents"; do
	[ -x "$program" ] || { echo "bench: $program is missing; make bench builds it" >&2; exit 1; }
done
ulimit -n "$(ulimit -Hn)"
exec /usr/bin/python3 selftests/bench/manager.py "$@"
