#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# SOAK_SECONDS (default 60) of TCP and UDP across, both directions at once, half of it with offloads, half without: not
# one checksum error at either end, nor in between.
#
#   node A --- HOST 1 --- ROUTER --- HOST 2 --- node G
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"

SOAK_SECONDS=${SOAK_SECONDS:-60}
spaces=(nA nG h1 h2 r)
errors='TcpInCsumErrors|UdpInCsumErrors|IcmpInCsumErrors|Icmp6InCsumErrors|Udp6InCsumErrors|IpExtInCsumErrors|IpInHdrErrors|TcpInErrs|Ip6InHdrErrors'

# One stream of each kind in each direction, on ports of their own.
traffic() {
	local seconds=$1 pids=() pid status=0
	net_in nA timeout $((seconds + 20)) iperf3 -c 10.0.0.3 -p 5201 -t "$seconds" >"$WORK/tcp" 2>&1 &
	pids+=($!)
	net_in nA timeout $((seconds + 20)) iperf3 -c 10.0.0.3 -p 5202 -t "$seconds" -R >"$WORK/tcp-back" 2>&1 &
	pids+=($!)
	net_in nA timeout $((seconds + 20)) iperf3 -c 10.0.0.3 -p 5203 -t "$seconds" -u -b 100M -l 1200 >"$WORK/udp" 2>&1 &
	pids+=($!)
	net_in nA timeout $((seconds + 20)) iperf3 -c 10.0.0.3 -p 5204 -t "$seconds" -u -b 100M -l 1200 -R >"$WORK/udp-back" 2>&1 &
	pids+=($!)
	for pid in "${pids[@]}"; do wait "$pid" || status=1; done
	cat "$WORK/tcp" "$WORK/tcp-back" "$WORK/udp" "$WORK/udp-back"
	return $status
}

# The sum of all error counters of a namespace since it was made.
errors_in() {
	net_in "$1" nstat -asz | awk -v names="^($errors)$" '$1 ~ names { sum += $2; if ($2) print $1, $2 > "/dev/stderr" }
		END { print sum + 0 }'
}

offloads() {
	local each
	for each in nA:eth0 nG:eth0 h1:up0 h2:up0 h1:pA h2:pG r:h1 r:h2; do
		offload "${each%%:*}" "${each#*:}" "$1"
	done
}

substrate 2
node A h1 10.0.0.2 02:00:00:00:00:0a
node G h2 10.0.0.3 02:00:00:00:00:0b
vnets='"vnets": [{"name": "Z", "vni": 77}]'
rules=$(list rules "$(rule_json Z any any any any allow)")
agent h1 "$vnets" "$rules" "$(list nodes "$(node_json A Z 10.0.0.2 02:00:00:00:00:0a)")" \
	"$(list mappings "$(mapping_json Z 10.0.0.3 2)")"
agent h2 "$vnets" "$rules" "$(list nodes "$(node_json G Z 10.0.0.3 02:00:00:00:00:0b)")" \
	"$(list mappings "$(mapping_json Z 10.0.0.2 1)")"
must "host 1 reaches host 2" wait_for 10 "next hop" hosts_reachable h1
must "host 2 reaches host 1" wait_for 10 "next hop" hosts_reachable h2
for port in 5201 5202 5203 5204; do
	net_background nG iperf3 -s -p $port >/dev/null
	must "iperf3 listens" wait_for 5 "iperf3 listens" listens nG t $port
done

check "TCP and UDP in both directions for $((SOAK_SECONDS / 2)) s with offloads" traffic $((SOAK_SECONDS / 2))
offloads off
check "TCP and UDP in both directions for $((SOAK_SECONDS / 2)) s without" traffic $((SOAK_SECONDS / 2))
total=0
for space in "${spaces[@]}"; do
	count=$(errors_in "$space")
	total=$((total + count))
	check "no checksum or header error in $space" same "$count" 0
done
received=$(ctl h2 -j session list | $PYTHON -c 'import json, sys; print(sum(int(s["packets_in"]) + int(s["packets_out"]) for s in json.load(sys.stdin)["sessions"]))')
check "packets went through ($received)" at_least "$received" 10000
echo "figure checksum_errors $total in $SOAK_SECONDS s, $received packets (nstat, nodes, hosts and router)"
