#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Agents that negotiate may die at any moment: what is admitted goes on, nothing else gets in, and nothing half made is left.
# Restarts with written rules are life.sh's.
#
#   A 10.0.0.2, B 10.0.0.4 --- HOST 1 up0 --- ROUTER --- up0 HOST 2 --- G 10.0.0.3, H 10.0.0.5        in vnet Z
#
# A and G may talk, on some ports, in either direction; B and H may talk to nobody, and try all the time.
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/net/fleet.sh
. "$(dirname "$0")/fleet.sh"

A=10.0.0.2 B=10.0.0.4 G=10.0.0.3 H=10.0.0.5
KILLS=${KILLS:-50}
SEED=${SEED:-$(date +%s)}
RANDOM=$((SEED % 32768))
VNETS='"vnets": [{"name": "Z", "vni": 77, "authorization": "negotiated", "grant_lifetime": 10}]'
GROUPS_='"groups": [{"name": "clients"}, {"name": "servers"}]'
# The range has more ports than an answer has room for rules: each of them is asked for by itself.
POLICIES=("$(policy 1 Z group:clients allow "udp/9000 tcp/5201 udp/20000-29999" node:G)"
	"$(policy 2 Z group:servers allow "udp/9001 tcp/5202" node:A)")
EVERYTHING=$(policy 3 Z any allow any)
FORBIDDEN='portrange 30000-39999'

members1() {
	printf '%s,\n  %s,\n  %s' "$VNETS" "$GROUPS_" \
		"$(list nodes "$(member A Z $A 02:00:00:00:00:0a clients)" "$(member B Z $B 02:00:00:00:00:0b)")"
	printf ',\n  %s,\n  %s' "$(list mappings "$(where G Z $G 2 servers)" "$(where H Z $H 2)")" "$(list policies "$@")"
}

members2() {
	printf '%s,\n  %s,\n  %s' "$VNETS" "$GROUPS_" \
		"$(list nodes "$(member G Z $G 02:00:00:00:00:0c servers)" "$(member H Z $H 02:00:00:00:00:0d)")"
	printf ',\n  %s,\n  %s' "$(list mappings "$(where A Z $A 1 clients)" "$(where B Z $B 1)")" "$(list policies "$@")"
}

ctl() {
	timeout 10 "$BIN/ovnetctl" -i "$NET-$1" "${@:2}"
}

# did WHAT COMMAND...: as check, but in this shell: what the command starts is a job, and variables that it sets stay.
did() {
	if "${@:2}" >"$WORK/did" 2>&1; then
		echo "ok - $1"
	else
		FAILED=$((FAILED + 1))
		echo "not ok - $1: $(tail -n 4 "$WORK/did" | tr '\n' ' ')"
	fi
}

# a_while LEAST MOST: milliseconds, by the seed.
a_while() {
	local ms=$(($1 + RANDOM % ($2 - $1 + 1)))
	read -rt "$((ms / 1000)).$(printf %03d $((ms % 1000)))" <> <(:) || true
}

# ---- traffic

# mac_of HOST ADDRESS: the dummy MAC of a destination.
mac_of() {
	ctl "$1" -j mapping list | $PYTHON -c '
import json, sys
print([m["mac"] for m in json.load(sys.stdin)["mappings"] if m["address"] == sys.argv[1]][0])' "$2"
}

# receiver NODE PORT: what arrives there goes to $WORK/PORT, one line a message.
receiver() {
	net_background "n$1" $PYTHON "$HERE/traffic.py" receive "$2" >"$WORK/$2"
	wait_for 5 "a receiver on $2" listens "n$1" t "$2"
}

# stream NODE tcp|udp ADDRESS PORT: a message each 2 ms, until streams_end.
stream() {
	net_background "n$1" $PYTHON "$HERE/traffic.py" "$2-send" "$3" "$4" 0 2 >/dev/null
	STREAMS+=("$NET_PID")
	grows "$4"
}

# intruder NODE ADDRESS PORT: somebody who knows where to send and may not; a message each 5 ms.
intruder() {
	net_background "n$1" $PYTHON "$HERE/traffic.py" udp-send "$2" "$3" 0 5 >/dev/null
	INTRUDERS+=("$NET_PID")
}

# prober NODE ADDRESS: a new flow each 10 ms, UDP and TCP in turn, to ports that are not allowed.
prober() {
	net_background "n$1" $PYTHON "$HERE/restart_prober.py" "$2" 30000 39999 10
	INTRUDERS+=("$NET_PID")
}

lines() {
	wc -l <"$WORK/$1"
}

# grows PORT: 20 messages more arrive.
grows() {
	local least=$(($(lines "$1") + 20))
	wait_for 10 "messages to port $1" eval "[ \$(lines $1) -ge $least ]"
}

go_on() {
	grows 9000 && grows 9001 && grows 5201 && grows 5202
}

# lost PORT...: messages that did not arrive, of those numbered up to the last one that did; what arrived otherwise than once
# and in order is an error.
lost() {
	$PYTHON -c '
import sys
lost = 0
for path in sys.argv[1:]:
    with open(path) as lines:
        numbers = [int(line.split()[3]) for line in lines if " open " not in line]
    if numbers != sorted(set(numbers)):
        sys.exit("%s: not once and in order" % path)
    lost += numbers[-1] + 1 - len(numbers)
print(lost)' "${@/#/$WORK/}"
}

# tcp_lost FROM TO: segments that one sent again and the other had not received already.
tcp_lost() {
	echo $(($(net_in "$1" nstat -asz TcpRetransSegs | awk '/^Tcp/ { print $2 }') -
		$(net_in "$2" nstat -asz TcpExtTCPDSACKOldSent | awk '/^Tcp/ { print $2 }')))
}

# socket_full NODE: datagrams that arrived when the receiver had no room.
socket_full() {
	net_in "$1" nstat -asz UdpRcvbufErrors | awk '/^Udp/ { print $2 }'
}

lost_of_all() {
	local datagrams segments=0 each
	datagrams=$(lost 9000 9001 5201 5202) || { echo "$datagrams"; return 1; }
	for each in "$(tcp_lost nA nG)" "$(tcp_lost nG nA)"; do [ "$each" -le 0 ] || segments=$((segments + each)); done
	echo $((datagrams + segments - $(socket_full nA) - $(socket_full nG)))
}

# sends NODE ADDRESS PORT COUNT: datagrams to one port.
sends() {
	net_in "n$1" timeout 20 $PYTHON "$HERE/traffic.py" udp-send "$2" "$3" "$4" 1 >/dev/null
}

# arrives NODE ADDRESS PORT: in the end, when tried again and again.
arrives() {
	local before
	before=$(lines "$3")
	wait_for 8 "a datagram to port $3" eval "sends $1 $2 $3 1; [ \$(lines $3) -gt $before ]"
}

# touch_ports NODE ADDRESS LOW HIGH: one datagram to each, at once.
touch_ports() {
	net_in "n$1" $PYTHON -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for port in range(int(sys.argv[2]), int(sys.argv[3]) + 1):
    s.sendto(b"", (sys.argv[1], port))' "$2" "$3" "$4"
}

# ---- agents

end() {
	local pid
	eval "pid=\$AGENT_$1"
	kill "-$2" "$pid" && wait "$pid" 2>/dev/null
	return 0
}

# frozen HOST; thawed HOST
frozen() {
	local pid
	eval "pid=\$AGENT_$1"
	kill -STOP "$pid" && wait_for 5 "$1 stands still" grep -q '^State:.*T (stopped)' "/proc/$pid/status"
}

thawed() {
	local pid
	eval "pid=\$AGENT_$1"
	kill -CONT "$pid"
}

# entries HOST MAP: how many a map has, also while no agent is there.
entries() {
	bpftool -j map dump pinned "/sys/fs/bpf/ovnet/$NET-$1/maps/$2" | $PYTHON -c 'import json, sys; print(len(json.load(sys.stdin)))'
}

# rules HOST MEMBERS...: of each negotiated ALLOW its key and these members of its value.
rules() {
	bpftool -j map dump pinned "/sys/fs/bpf/ovnet/$NET-$1/maps/rules" | $PYTHON -c '
import json, sys
for entry in sorted((e["formatted"] for e in json.load(sys.stdin)), key=str):
    value = entry["value"]
    if value["verdict"] in (1, "VERDICT_ALLOW") and value["origin"] in (3, "ORIGIN_NEGOTIATED"):
        print(*entry["key"].values(), *(value[name] for name in sys.argv[1:]))' "${@:2}"
}

# session_ages HOST: when the sessions of the streams were made.
session_ages() {
	bpftool -j map dump pinned "/sys/fs/bpf/ovnet/$NET-$1/maps/sessions" | $PYTHON -c '
import json, sys
ports = {9000, 9001, 5201, 5202}
print(*sorted(e["formatted"]["value"]["created_ns"] for e in json.load(sys.stdin)
              if ports & {e["formatted"]["key"]["local_port"], e["formatted"]["key"]["peer_port"]}))'
}

# still THESE THOSE: each line of the first is one of the second.
still() {
	local missing
	missing=$(comm -23 <(sort <<<"$1") <(sort <<<"$2"))
	[ -z "$missing" ] || { echo "gone: $missing"; return 1; }
}

# at_least_each THESE THOSE: the same rules; the last member of each of the second is not less.
at_least_each() {
	paste -d ' ' <(awk '{ print $NF }' <<<"$1") <(awk '{ print $NF }' <<<"$2") |
		awk '$2 < $1 { print "less: " $0; bad = 1 } END { exit bad }'
}

# nothing_half HOST: no question is in flight, no packet waits, nothing is charged for either.
nothing_half() {
	same "$(entries "$1" pendings)" 0 && ctl_holds "$1" 'not d["questions"] and not [p for p in d["ports"]
		if int(p["pending"]["used"]) or int(p["packets"]["used"]) or int(p["octets"]["used"])]' queue list
}

# ---- steps

topology() {
	substrate 2 || return
	node A h1 $A 02:00:00:00:00:0a
	node B h1 $B 02:00:00:00:00:0b
	node G h2 $G 02:00:00:00:00:0c
	node H h2 $H 02:00:00:00:00:0d
	fleet 2 && fleet_agent h1 "$(members1 "${POLICIES[@]}")" && fleet_agent h2 "$(members2 "${POLICIES[@]}")" &&
		wait_for 10 "next hops" eval 'hosts_reachable h1 && hosts_reachable h2'
}

traffic() {
	local each
	for each in "G 9000" "A 9001" "G 5201" "A 5202"; do receiver $each || return; done
	stream A udp $G 9000 && stream G udp $A 9001 && stream A tcp $G 5201 && stream G tcp $A 5202 || return
	# Who is refused knows no MAC address; here they know it from somewhere.
	ip -n "$NET-nB" neigh replace $G lladdr "$(mac_of h1 $G)" dev eth0
	ip -n "$NET-nH" neigh replace $A lladdr "$(mac_of h2 $A)" dev eth0
	capture atG nG eth0 "dst host $G and (src host $B or udp dst $FORBIDDEN or tcp dst $FORBIDDEN)"
	capture atA nA eth0 "dst host $A and (src host $H or udp dst $FORBIDDEN or tcp dst $FORBIDDEN)"
	intruder B $G 9000
	intruder H $A 9001
	prober A $G
	prober G $A
}

# Every fifth time both die at once, otherwise one after the other in turn.
kills() {
	local killed=0 round=0 hosts host
	while [ $killed -lt "$KILLS" ]; do
		round=$((round + 1))
		case $((round % 5)) in
		0) hosts="h1 h2" ;;
		1 | 3) hosts=h1 ;;
		*) hosts=h2 ;;
		esac
		a_while 0 1200
		for host in $hosts; do
			end $host KILL
			killed=$((killed + 1))
		done
		a_while 0 200
		for host in $hosts; do agent_start $host || return; done
	done
	KILLED=$killed
}

# With the peer's agent standing still no grant is renewed: what there is is what was found.
taken_over() {
	local before after sessions
	frozen h2
	end h1 KILL
	before=$(rules h1 created_ns serial incarnation peer_incarnation policy expires_ns hits)
	sessions=$(session_ages h1)
	did "the source's agent is killed, and starts again" agent_start h1
	after=$(rules h1 created_ns serial incarnation peer_incarnation policy expires_ns hits)
	check "there were rules" at_least "$(grep -c . <<<"$before")" 4
	check "it takes over each, with age, serial, end" same "$(sed 's/ [0-9]*$//' <<<"$after")" "$(sed 's/ [0-9]*$//' <<<"$before")"
	check "and hits" at_least_each "$before" "$after"
	check "and sessions" still "$(tr ' ' '\n' <<<"$sessions")" "$(session_ages h1 | tr ' ' '\n')"
	thawed h2
	did "the destination's as well" eval 'end h2 KILL; agent_start h2'
	before=$(rules h1 expires_ns | grep -v ' 2[0-9]\{4\} ')
	check "grants in use are renewed, before they end" wait_for 11 "renewals" renewed "$before"
	check "with the age they had" still "$(rules_of_streams created_ns <<<"$after")" "$(rules h1 created_ns)"
	check "the streams go on past the lease" go_on
	check "no packet of theirs met an expired rule" same "$(drops h1 pA rule_expired) $(drops h2 pG rule_expired)" "0 0"
}

# renewed RULES: each of them ends later by now.
renewed() {
	local now
	now=$(rules h1 expires_ns)
	[ -n "$1" ] && [ -z "$(comm -12 <(sort <<<"$1") <(sort <<<"$now"))" ]
}

# Of the output of rules() with all members, the keys with created_ns.
rules_of_streams() {
	awk '{ print $1, $2, $3, $4, $5, $6, $7, $8 }'
}
