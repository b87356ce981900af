#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The demo: what ovnet does, on one machine, with nothing but namespaces. One line a step, ending in ok or FAILED.
#
#   node A   vnet Z 10.0.0.2  veth --- HOST 1 ---.
#                                                 \
#   node G   vnet Z 10.0.0.3  tap  --- HOST 2 ---- ROUTER      IPv6 only: it knows prefixes of hosts, nothing of vnets
#                                                 /
#   node Y   vnet Y 10.0.0.3  veth --- HOST 3 ---'
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/net/lib.sh"

[ "$(id -u)" -eq 0 ] || { echo "the demo makes network namespaces: run it as root" >&2; exit 1; }
FAILED=0

# step WHAT COMMAND...: one line; what the command printed follows, indented, and with FAILED also its errors.
step() {
	local what=$1 status
	shift
	"$@" >"$WORK/out" 2>"$WORK/err"
	status=$?
	printf '%-92s %s\n' "$what" "$([ $status -eq 0 ] && echo ok || echo FAILED)"
	sed 's/^/    /' "$WORK/out"
	[ $status -eq 0 ] || { sed 's/^/    /' "$WORK/err"; FAILED=$((FAILED + 1)); }
}

hosts() {
	local vnets='"vnets": [{"name": "Z", "vni": 77}, {"name": "Y", "vni": 78}]'
	local rules='"rules": [
	    {"vnet": "Z", "from": "any", "to": "any", "protocol": "icmp", "verdict": "allow"},
	    {"vnet": "Z", "from": "10.0.0.2", "to": "10.0.0.3", "protocol": "tcp", "port": 5201, "verdict": "allow"}]'
	local a='"nodes": [{"name": "A", "port": "pA", "vnet": "Z", "address": "10.0.0.2", "mac": "02:00:00:00:00:0a"}]'
	local g='"nodes": [{"name": "G", "port": "pG", "vnet": "Z", "address": "10.0.0.3", "mac": "02:00:00:00:00:0b"}]'
	local y='"nodes": [{"name": "Y", "port": "pY", "vnet": "Y", "address": "10.0.0.3", "mac": "02:00:00:00:00:0c"}]'
	substrate 3 &&
		node A h1 10.0.0.2 02:00:00:00:00:0a &&
		node_tap G h2 10.0.0.3 02:00:00:00:00:0b &&
		node Y h3 10.0.0.3 02:00:00:00:00:0c &&
		agent h1 "$vnets" "$rules" "$a" \
			'"mappings": [{"vnet": "Z", "address": "10.0.0.3", "locator": "fd00:1:0:2::/64"}]' &&
		agent h2 "$vnets" "$rules" "$g" \
			'"mappings": [{"vnet": "Z", "address": "10.0.0.2", "locator": "fd00:1:0:1::/64"}]' &&
		agent h3 "$vnets" "$y" &&
		wait_for 10 "host 1 reaches host 2" hosts_reachable h1 &&
		wait_for 10 "host 2 reaches host 1" hosts_reachable h2
}

ping_node() {
	net_in nA ping -c 3 -i 0.2 -W 2 10.0.0.3 | tail -n 2
	return "${PIPESTATUS[0]}"
}

listener() {
	net_in nG iperf3 -s -D -I "$WORK/iperf3.pid" >/dev/null
	wait_for 5 "iperf3 listens" test -s "$WORK/iperf3.pid"
	NET_PIDS+=("$(tr -d '\0' <"$WORK/iperf3.pid")")
}

stream() {
	listener || return 1
	net_in nA timeout 20 iperf3 -c 10.0.0.3 -t 3 -f g --connect-timeout 5000 >"$WORK/iperf3" || return 1
	grep -E 'sender|receiver' "$WORK/iperf3"
	awk '/receiver/ { bits = $7 } END { exit !(bits > 0) }' "$WORK/iperf3"
}

# The very packet of the next ping, in the router.
packet() {
	local wire
	net_in r timeout 10 tcpdump -i h1 -n -vv -l -c 1 'icmp6[icmp6type] == icmp6-echo and dst net fd00:1:0:2::/64' \
		>"$WORK/packet" 2>"$WORK/tcpdump" &
	local capture=$!
	wait_for 5 "tcpdump listens" grep -q listening "$WORK/tcpdump"
	net_in nA ping -c 1 -W 2 10.0.0.3 >/dev/null
	wait $capture
	wire=$(tr -s ' \n' ' ' <"$WORK/packet")
	echo "$wire"
	"$BIN/ovnetctl" address decode fd00:1:0:2:0:4d:a00:3 | tr -s ' \n' ' ' && echo
	[[ $wire == *"fd00:1:0:1:0:4d:a00:2 > fd00:1:0:2:0:4d:a00:3"*"ICMP6, echo request"* ]]
}

# Y has G's address in a vnet of its own, and hears nothing of what A sends to that address.
isolation() {
	local heard
	net_in nY timeout 3 tcpdump -i eth0 -n -l -c 1 'icmp or arp' >"$WORK/heard" 2>"$WORK/tcpdump" &
	local capture=$!
	wait_for 5 "tcpdump listens" grep -q listening "$WORK/tcpdump"
	net_in nA ping -c 3 -i 0.2 -W 2 10.0.0.3 >/dev/null || return 1
	wait $capture
	heard=$(grep -c '>' "$WORK/heard")
	echo "A's pings answered by G; packets that Y heard: $heard"
	[ "$heard" -eq 0 ] || return 1
	net_in nY ping -c 1 -W 1 10.0.0.2 >/dev/null && return 1
	echo "Y's ping to 10.0.0.2: no answer; reason $(ctl h3 -j drop list | grep -o '"reason": *"[a-z_]*"' | head -n 1)"
}

refused() {
	net_in nA nc -z -w 1 10.0.0.3 22 && return 1
	ctl h1 drop list | grep -E 'REASON|no_rule'
	[ "$(drops h1 pA no_rule)" -gt 0 ]
}

dump() {
	local map=/sys/fs/bpf/ovnet/$NET-h1/maps/rules
	bpftool map dump pinned "$map" >"$WORK/dump" || return 1
	grep -m 1 -A 22 '"port": 5201' -B 6 "$WORK/dump" | head -n 24
	grep -q 'VERDICT_ALLOW' "$WORK/dump"
}

removed() {
	local each
	for each in h1 h2 h3; do
		ctl "$each" stop detach || return 1
		wait_for 5 "nothing of $each is left" test ! -e "/sys/fs/bpf/ovnet/$NET-$each" || return 1
	done
}

step "three hosts, a router, nodes A and G of vnet Z, node Y of vnet Y with G's address" hosts
[ $FAILED -eq 0 ] || exit 1 # there is nothing to show the rest on
step "A pings G on another host" ping_node
step "iperf3 from A to G on the port that is allowed" stream
step "the packet on the substrate is plain IPv6: no encapsulation, the vnet is in the address" packet
step "vnet Y has the same address and hears nothing, reaches nothing" isolation
step "a port that no rule allows is refused, and the reason is counted" refused
step "bpftool reads the rule table" dump
step "the agents leave nothing behind" removed
[ $FAILED -eq 0 ]
