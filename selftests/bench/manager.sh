#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What a manager holds and how fast it is: agents simulated by bench/agents, and three real ones with nodes and data path; TLS on,
# SQLite. Called by run.sh; also by itself:
# selftests/bench/manager.sh --samples FILE --latencies FILE [--rounds N] [--agents N]
export B=${B:-build}
BUILD=$(realpath "$B")
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/../net/lib.sh"
cd "$TOP" || exit 1
for program in "$B/ovnet-manager" "$B/ovnetd" "$B/bench/agents"; do
	[ -x "$program" ] || { echo "bench: $program is missing; make bench builds it" >&2; exit 1; }
done
ulimit -n "$(ulimit -Hn)"

# The manager and the simulator live in the router; each real host has one node.
substrate 3 || exit 1
for n in 1 2 3; do
	node "R$n" "h$n" "10.0.0.$n" "02:00:00:00:01:0$n" || exit 1
	NET_INSTANCES+=("h$n=$NET-h$n")
done
nsenter --net="/run/netns/$NET-r" -- /usr/bin/python3 selftests/bench/manager.py --net "$NET" --work "$WORK" "$@"
