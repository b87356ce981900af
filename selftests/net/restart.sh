#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Agents that negotiate may die at any moment: what is admitted goes on, nothing else gets in, and nothing half made is
# left. Restarts with written rules are life.sh's.
#
#   A 10.0.0.2, B 10.0.0.4, C 10.0.0.6 --- HOST 1 up0 --- ROUTER --- up0 HOST 2 --- G 10.0.0.3, H 10.0.0.5     in vnet Z
#
# A and G may talk, on some ports, in either direction. C may talk to G on many, each of which is asked for by itself.
# B and H may talk to nobody, and try all the time; so do A and G on ports that are not allowed.
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/net/fleet.sh
. "$(dirname "$0")/fleet.sh"

A=10.0.0.2 B=10.0.0.4 C=10.0.0.6 G=10.0.0.3 H=10.0.0.5
KILLS=${KILLS:-50}
SEED=${SEED:-$(date +%s)}
RANDOM=$((SEED % 32768))
VNETS='"vnets": [{"name": "Z", "vni": 77, "authorization": "negotiated", "grant_lifetime": 10}]'
MEMBERS='"groups": [{"name": "clients"}, {"name": "servers"}, {"name": "askers"}]'
# The range has more ports than an answer has room for rules.
POLICIES=("$(policy 1 Z group:clients allow "udp/9000 tcp/5201" node:G)"
	"$(policy 2 Z group:servers allow "udp/9001 tcp/5202" node:A)"
	"$(policy 3 Z group:askers allow "udp/20000-29999" node:G)")
EVERYTHING=$(policy 4 Z any allow any)

members1() {
	printf '%s,\n  %s,\n  %s' "$VNETS" "$MEMBERS" \
		"$(list nodes "$(member A Z $A 02:00:00:00:00:0a clients)" "$(member B Z $B 02:00:00:00:00:0b)" \
			"$(member C Z $C 02:00:00:00:00:0e askers)")"
	printf ',\n  %s,\n  %s' "$(list mappings "$(where G Z $G 2 servers)" "$(where H Z $H 2)")" "$(list policies "$@")"
}

members2() {
	printf '%s,\n  %s,\n  %s' "$VNETS" "$MEMBERS" \
		"$(list nodes "$(member G Z $G 02:00:00:00:00:0c servers)" "$(member H Z $H 02:00:00:00:00:0d)")"
	printf ',\n  %s' "$(list mappings "$(where A Z $A 1 clients)" "$(where B Z $B 1)" "$(where C Z $C 1 askers)")"
	printf ',\n  %s' "$(list policies "$@")"
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
}

# prober NODE ADDRESS LOW HIGH: a new flow each 10 ms, to these ports in turn; its pid is in $NET_PID.
prober() {
	net_background "n$1" $PYTHON "$HERE/restart_prober.py" "$2" "$3" "$4" 10
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

# lost PORT...: messages that did not arrive, of those numbered up to the last one that did; what arrived otherwise than
# once and in order is an error.
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

# frozen HOST: its agent stands still; thawed HOST: and goes on.
frozen() {
	local pid
	eval "pid=\$AGENT_$1"
	kill -STOP "$pid" && wait_for 5 "$1 stands still" grep -q '^State:.*(stopped)' "/proc/$pid/status"
}

thawed() {
	local pid
	eval "pid=\$AGENT_$1"
	kill -CONT "$pid"
}

# dump HOST MAP EXPRESSION: the list that the expression (Python's) makes of e, the entries of a pinned map, one a line.
# It needs no agent.
dump() {
	bpftool -j map dump pinned "/sys/fs/bpf/ovnet/$NET-$1/maps/$2" | $PYTHON -c '
import json, sys
e = [each.get("formatted", each) for each in json.load(sys.stdin)]
print(*sorted(map(str, eval(sys.argv[1]))), sep="\n")' "$3"
}

# grants HOST MEMBER...: each negotiated ALLOW of A's and G's, with these members of its value.
grants() {
	local members
	members=$(printf ', r["value"]["%s"]' "${@:2}")
	dump "$1" rules "[(*r['key']['local'], r['key']['port'], r['key']['protocol'], r['key']['direction']${members//\"/\'})
		for r in e if r['value']['verdict'] in (1, 'VERDICT_ALLOW') and r['value']['origin'] in (3, 'ORIGIN_NEGOTIATED')
		and {r['key']['local'][3], r['key']['peer'][3]} == {2, 3}]" | tr -d "(),"
}

# sessions HOST: when those of the streams were made.
sessions() {
	dump "$1" sessions "[(s['key']['local_port'], s['key']['peer_port'], s['value']['created_ns']) for s in e
		if {9000, 9001, 5201, 5202} & {s['key']['local_port'], s['key']['peer_port']}]"
}

pendings() {
	dump "$1" pendings "[p['key']['port'] for p in e]" | grep -c .
}

# missed HOST: no agent has said for a while that it is there, and the programs have noticed.
missed() {
	dump "$1" channel "[c['value']['alive_ns'] < __import__('time').clock_gettime_ns(7) for c in e]" | grep -q True
}

# among THESE THOSE: each line of the first is one of the second.
among() {
	local missing
	missing=$(comm -23 <(sort <<<"$1") <(sort <<<"$2"))
	[ -z "$missing" ] || { echo "gone: $missing"; return 1; }
}

# grown THESE THOSE: the last number of a line of the second is at least that of the first.
grown() {
	paste -d ' ' <(awk '{ print $NF }' <<<"$1") <(awk '{ print $NF }' <<<"$2") |
		awk '$2 < $1 { print "less: " $0; bad = 1 } END { exit bad }'
}

# nothing_half HOST: no question is in flight, no packet waits, nothing is charged for either.
nothing_half() {
	same "$(pendings "$1")" 0 && ctl_holds "$1" "not d['questions'] and not [p for p in d['ports']
		if any(int(p[each]['used']) for each in ('pending', 'packets', 'octets'))]" queue list
}

# ---- steps

topology() {
	substrate 2 || return
	node A h1 $A 02:00:00:00:00:0a
	node B h1 $B 02:00:00:00:00:0b
	node C h1 $C 02:00:00:00:00:0e
	node G h2 $G 02:00:00:00:00:0c
	node H h2 $H 02:00:00:00:00:0d
	fleet 2 && fleet_agent h1 "$(members1 "${POLICIES[@]}")" && fleet_agent h2 "$(members2 "${POLICIES[@]}")" &&
		wait_for 10 "next hops" eval 'hosts_reachable h1 && hosts_reachable h2'
}

traffic() {
	local forbidden='portrange 10000-19999'
	receiver G 9000 && receiver A 9001 && receiver G 5201 && receiver A 5202 || return
	stream A udp $G 9000 && stream G udp $A 9001 && stream A tcp $G 5201 && stream G tcp $A 5202 || return
	# Who is refused is told no MAC address; here they know it from somewhere.
	ip -n "$NET-nB" neigh replace $G lladdr "$(mac_of h1 $G)" dev eth0
	ip -n "$NET-nC" neigh replace $G lladdr "$(mac_of h1 $G)" dev eth0
	ip -n "$NET-nH" neigh replace $A lladdr "$(mac_of h2 $A)" dev eth0
	capture atG nG eth0 "dst host $G and (src host $B or udp dst $forbidden or tcp dst $forbidden)"
	capture atA nA eth0 "dst host $A and (src host $H or udp dst $forbidden or tcp dst $forbidden)"
	intruder B $G 9000
	intruder H $A 9001
	prober A $G 10000 19999
	prober G $A 10000 19999
	prober C $G 20000 28999
	ASKER=$NET_PID
}

# With the peer's agent standing still no grant is renewed: what there is, is what was found.
taken_over() {
	local known=(created_ns serial incarnation peer_incarnation policy expires_ns) found before after flows
	frozen h2
	end h1 KILL
	found=$(grants h1 "${known[@]}")
	before=$(grants h1 hits)
	flows=$(sessions h1)
	did "the source's agent is killed, and starts again" agent_start h1
	after=$(grants h1 hits)
	check "each grant is there" at_least "$(grep -c . <<<"$found")" 4
	check "... as it was, with age, serial and end" same "$(grants h1 "${known[@]}")" "$found"
	check "... and hits" grown "$before" "$after"
	check "so are sessions" same "$(sessions h1)" "$flows"
	thawed h2
	end h2 KILL
	found=$(grants h2 "${known[@]}")
	did "the destination's is killed, and starts again" agent_start h2
	check "it knows when each grant was made" same "$(grants h2 created_ns)" "$(cut -d ' ' -f 1-8 <<<"$found")"
	before=$(grants h1 created_ns)
	found=$(grants h1 expires_ns)
	check "grants in use are renewed" wait_for 12 "later ends" renewed "$found"
	check "... before they ended: they are those that were made then" same "$(grants h1 created_ns)" "$before"
	check "the streams go on past the lease" go_on
	check "... in the same sessions" same "$(sessions h1)" "$flows"
}

# renewed GRANTS: each ends at another time by now.
renewed() {
	local now
	now=$(grants h1 expires_ns)
	same "$(comm -12 <(sort <<<"$1") <(sort <<<"$now"))" ""
}

# Every fifth time both die at once, otherwise one after the other.
kills() {
	local round=0 hosts host
	KILLED=0
	while [ $KILLED -lt "$KILLS" ]; do
		round=$((round + 1))
		case $((round % 5)) in
		0) hosts="h1 h2" ;;
		1 | 3) hosts=h1 ;;
		*) hosts=h2 ;;
		esac
		a_while 0 1200
		for host in $hosts; do
			end "$host" KILL
			KILLED=$((KILLED + 1))
		done
		a_while 0 200
		for host in $hosts; do agent_start "$host" || return; done
	done
}

graceful() {
	local host pid
	for host in h1 h2; do
		eval "pid=\$AGENT_$host"
		check "ovnetctl stop at $host" ctl $host stop
		wait "$pid"
		did "... and start" agent_start $host
	done
	check "the streams go on" go_on
}

# Nobody is there to ask: what is not admitted yet is not let in, and counted.
no_agent() {
	receiver G 29000
	receiver G 29001
	check "C reaches a port that it asks for" arrives C $G 29000
	end h1 KILL
	check "the programs notice that no agent is there" wait_for 5 "the agent is missed" missed h1
	check "a new flow to another" sends C $G 29001 5
	did "the agent is there again" agent_start h1
	check "each packet of it was dropped as no_agent" same "$(drops h1 pC no_agent)" $((5 + MISSED))
	check "... and did not arrive" same "$(lines 29001)" 0
	check "now it does" arrives C $G 29001
}

# in_flight LOW HIGH: kills the agent of host 1 while it waits for answers about these ports.
in_flight() {
	local low=$1
	frozen h2
	while [ "$low" -lt "$2" ]; do
		touch_ports C $G "$low" $((low + 19))
		end h1 KILL
		[ "$(pendings h1)" -gt 0 ] && break
		# It had given up waiting already.
		agent_start h1 || return
		low=$((low + 20))
	done
	at_least "$(pendings h1)" 1
}

half_made() {
	did "the asker is killed with questions in flight" in_flight 29100 29299
	thawed h2
	did "the asker starts again" agent_start h1
	check "no half-made negotiation is left" wait_for 5 "nothing half made" nothing_half h1
	touch_ports C $G 29300 29319
	end h2 KILL
	did "the asked one is killed, and starts again" agent_start h2
	check "nothing is left of that either" wait_for 5 "nothing half made" eval 'nothing_half h1 && nothing_half h2'
	receiver G 29100
	check "what was asked then is granted now" arrives C $G 29100
}

result() {
	local each gone forbidden
	for each in "${STREAMS[@]}"; do net_kill "$each"; done
	capture_end atG atA
	check "what arrived came once, and in order" lost 9000 9001 5201 5202
	gone=$(lost_of_all)
	forbidden=$(($(captured atG) + $(captured atA)))
	check "no packet of an admitted session was lost" same "$gone" 0
	check "nothing forbidden was delivered" same "$forbidden" 0
	echo "figure kills $KILLED lost $gone forbidden $forbidden"
}

# Packets without a rule go on arriving when the agent that would tell their sender's is dead: the next one finds that
# it was told of them.
told_to_nobody() {
	intruder C $G 29000
	check "a stream of C's" grows 29000
	frozen h1
	check "its rule goes, and nobody hears of that" ctl h2 rule flush
	end h2 KILL
	check "the programs notice that" wait_for 5 "the agent is missed" missed h2
	did "the next agent starts all the same" agent_start h2
	thawed h1
	check "and what is allowed arrives again" grows 29000
}

# seen_of ADDRESS...: the capture at G has packets of each.
seen_of() {
	local each
	for each in "$@"; do at_least "$(captured atG src host "$each")" 1 || return; done
}

# The captures would have seen it.
seen() {
	capture atG nG eth0 "dst host $G and (src host $B or udp dst portrange 10000-19999)"
	fleet_config h1 "$(members1 "${POLICIES[@]}" "$EVERYTHING")"
	fleet_config h2 "$(members2 "${POLICIES[@]}" "$EVERYTHING")"
	check "were everything allowed" eval 'ctl h1 reload && ctl h2 reload'
	check "... the same traffic would be seen" wait_for 12 "both" seen_of "$A" "$B"
}

STREAMS=()
echo "seed $SEED"
must "hosts, nodes and agents" topology
must "traffic" traffic
taken_over
did "agents are killed at any moment, $KILLS times" kills
check "the streams go on" go_on
graceful
net_kill "$ASKER"
check "nothing half made is left by all that" wait_for 5 "nothing half made" eval 'nothing_half h1 && nothing_half h2'
MISSED=$(drops h1 pC no_agent)
no_agent
half_made
result
told_to_nobody
seen
