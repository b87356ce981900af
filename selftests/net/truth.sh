#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Truth tables: policies from a seed (TRUTH_SEED, else a new one) on three hosts, every pair of nodes really probed with
# TCP, UDP and ICMP, and compared with an oracle. See truth.py.
#
#   5 nodes --- HOST 1 up0 --- ROUTER --- up0 HOST 2 --- 5 nodes        in vnets Z and Y, the latter's addresses are
#                                |                                      also the former's
#                                + ------- up0 HOST 3 --- 5 nodes
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/net/fleet.sh
. "$(dirname "$0")/fleet.sh"

TRUTH_SEED=${TRUTH_SEED:-$((RANDOM << 15 | RANDOM))}

truth() {
	$PYTHON -B "$HERE/truth.py" "$@"
}

# knows_all NODE HOST ADDRESS: it has the MAC of every address in its vnet, whatever ARP says: what is refused to it is
# refused by rules.
knows_all() {
	local name=$1 host=$2 vnet=${1%%[0-9]*}
	ctl "$host" -j mapping list vnet "$vnet" | $PYTHON -c '
import json, sys
for m in json.load(sys.stdin)["mappings"]:
    if m["address"] != sys.argv[1]:
        print("neigh replace", m["address"], "lladdr", m["mac"], "dev eth0 nud permanent")' "$3" |
		ip -n "$NET-n$name" -batch -
}

must "a substrate of three hosts" substrate 3
while read -r name host address mac; do
	node "$name" "$host" "$address" "$mac"
	# So that an ARP request that was dropped is repeated soon.
	net_in "n$name" sysctl -qw net.ipv4.neigh.eth0.retrans_time_ms=100
done < <(truth nodes)
must "keys" fleet 3
for host in h1 h2 h3; do
	must "an agent on $host" fleet_agent $host "$(truth members $host)"
done
for host in h1 h2 h3; do
	must "$host sees the others" wait_for 10 "next hops" hosts_reachable $host
done
while read -r name host address _; do
	[ $((${name:1} % 2)) -eq 0 ] || must "$name knows all addresses" knows_all "$name" "$host" "$address"
done < <(truth nodes)

truth run "$TRUTH_SEED" "$NET" "$WORK" "$BIN" || FAILED=$((FAILED + 1))
