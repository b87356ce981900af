#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The demo: what ovnet does, on one machine, with nothing but namespaces. One line a step, ending in ok or FAILED.
#
#   node A   vnet Z 10.0.0.2  veth --- HOST 1 ---.
#                                                 \
#   node G   vnet Z 10.0.0.3  tap  --- HOST 2 ---- ROUTER, with the MANAGER behind it      IPv6 only: it knows prefixes of
#                                                 /                                        hosts, nothing of vnets
#   node Y   vnet Y 10.0.0.3  veth --- HOST 3 ---'
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/net/lib.sh"
# shellcheck source=selftests/net/realm.sh
. "$(dirname "$0")/net/realm.sh"

[ "$(id -u)" -eq 0 ] || { echo "the demo makes network namespaces: run it as root" >&2; exit 1; }
FAILED=0

# step WHAT COMMAND...: one line; what the command printed follows, indented, and with FAILED also its errors.
step() {
	local what=$1 status
	shift
	"$@" >"$WORK/out" 2>"$WORK/err"
	status=$?
	printf '%-100s %s\n' "$what" "$([ $status -eq 0 ] && echo ok || echo FAILED)"
	sed 's/^/    /' "$WORK/out"
	[ $status -eq 0 ] || { sed 's/^/    /' "$WORK/err"; FAILED=$((FAILED + 1)); }
}

# manage WORDS...: ovnetctl as an operator, on the manager's machine.
manage() {
	"$BIN/ovnetctl" -u "unix:$WORK/manager.sock" "$@"
}

# said WORDS...: manage, and what was said.
said() {
	echo "# ovnetctl $*"
	manage "$@"
}

# How long, in milliseconds, until the agents concerned have acknowledged all that was written.
in_force() {
	local began=${EPOCHREALTIME/./}
	manage wait timeout 10 >/dev/null || return 1
	echo "in force on every host concerned after $(((${EPOCHREALTIME/./} - began) / 1000)) ms"
}

machines() {
	substrate 3 &&
		node A h1 10.0.0.2 02:00:00:00:00:0a &&
		node_tap G h2 10.0.0.3 02:00:00:00:00:0b &&
		node Y h3 10.0.0.3 02:00:00:00:00:0c &&
		manager &&
		manage manager status | grep -E '^(store|version|revision)'
}

join() {
	local n
	for n in 1 2 3; do
		manage host create "h$n" locator "fd00:1:0:$n::/64" >/dev/null &&
			manage host join-token "h$n" secret-file "$WORK/h$n.token" >/dev/null &&
			host_start "h$n" || return 1
	done
	manage host list
}

objects() {
	cat >"$WORK/acme.json" <<-'JSON'
		{"objects": [
		  {"kind": "account", "name": "acme"},
		  {"kind": "vnet", "name": "acme/Z", "vni": 77},
		  {"kind": "group", "name": "acme/clients"},
		  {"kind": "node", "name": "acme/A", "vnet": "Z", "address": "10.0.0.2", "host": "h1", "port": "pA",
		   "mac": "02:00:00:00:00:0a", "groups": ["clients"]},
		  {"kind": "node", "name": "acme/G", "vnet": "Z", "address": "10.0.0.3", "host": "h2", "port": "pG",
		   "mac": "02:00:00:00:00:0b"},
		  {"kind": "policy", "name": "acme/ping", "vnet": "Z", "target": "node:G", "peers": ["group:clients"],
		   "services": ["icmp/echo"], "verdict": "allow"},
		  {"kind": "policy", "name": "acme/iperf", "vnet": "Z", "target": "node:G", "peers": ["group:clients"],
		   "services": ["tcp/5201"], "verdict": "allow"},
		  {"kind": "account", "name": "other"},
		  {"kind": "vnet", "name": "other/Y", "vni": 78},
		  {"kind": "node", "name": "other/Y", "vnet": "Y", "address": "10.0.0.3", "host": "h3", "port": "pY",
		   "mac": "02:00:00:00:00:0c"}]}
	JSON
	said apply -f "$WORK/acme.json" --why demo && in_force
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
	ctl h1 drop list | grep -E 'REASON|rule_deny'
	ctl h1 explain 10.0.0.2 10.0.0.3 tcp 22
	[ "$(drops h1 pA rule_deny)" -gt 0 ]
}

# The same port, by one command, and not by a second: nothing is started anew.
changed() {
	net_background nG nc -l -k -p 22 >/dev/null
	said policy create acme/ssh vnet Z target node:G peers group:clients services tcp/22 verdict allow && in_force &&
		wait_for 5 "A reaches port 22" net_in nA nc -z -w 1 10.0.0.3 22 &&
		echo "A reaches port 22" || return 1
	said node set acme/A groups none && in_force || return 1
	net_in nA nc -z -w 1 10.0.0.3 22 && return 1
	echo "A is not in the group any more, and reaches nothing"
	net_in nA ping -c 1 -W 1 10.0.0.3 >/dev/null && return 1
	said node set acme/A groups clients && in_force &&
		wait_for 5 "A reaches G again" net_in nA ping -c 1 -W 1 10.0.0.3
}

# What runs goes on, what is new is decided, and when it is back it has lost nothing.
without() {
	local revision
	revision=$(manage -j manager status | $PYTHON -c 'import json, sys; print(json.load(sys.stdin)["revision"])')
	ping_begins nA 10.0.0.3
	manager_stop KILL
	net_in nA nc -z -w 2 10.0.0.3 22 || return 1
	wait_for 10 "two seconds of pings" grep -q icmp_seq=400 "$WORK/ping" && ping_advances || return 1
	kill -INT "$PING_PID"
	wait "$PING_PID" 2>/dev/null
	grep loss "$WORK/ping"
	grep -q ' 0% packet loss' "$WORK/ping" && manager && manage -j manager status | holds "d['revision'] == $revision"
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

step "three hosts and a router; a manager with its own store" machines
[ $FAILED -eq 0 ] || exit 1 # there is nothing to show the rest on
step "each host joins with a token, once, and makes its own key" join
step "one file: two accounts, vnet Z with A and G, vnet Y with a node at G's address; applied as a whole" objects
[ $FAILED -eq 0 ] || exit 1
step "A pings G on another host" ping_node
step "iperf3 from A to G on the port that is allowed" stream
step "the packet on the substrate is plain IPv6: no encapsulation, the vnet is in the address" packet
step "vnet Y has the same address and hears nothing, reaches nothing" isolation
step "a port that no policy allows is refused at A's host, counted, and explained" refused
step "a policy opens it, and leaving a group closes everything" changed
step "the manager is killed: nothing is lost, a new connection is agreed on, and it comes back as it was" without
step "bpftool reads the rule table" dump
step "the agents leave nothing behind" removed
[ $FAILED -eq 0 ]
