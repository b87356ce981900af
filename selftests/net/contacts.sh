#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# First contacts that are out of the ordinary: nobody answers, what waits is large, the table is full, XDP refuses before tc.
#
#   A 10.0.0.2 --- HOST 1 up0 --- ROUTER --- up0 HOST 2 --- G 10.0.0.3, H 10.0.0.5        in vnet Z
#                     C 10.0.0.6 --- HOST 3 up0 ---'
#
# A's stream to G on 9000, to which all may, goes on all the time. A may send G TCP 5201 and UDP 9005 besides, by policy, and H nothing;
# but in the file of host 2 is a rule that lets UDP 9001 and 9002 from A to H in, so that what A's host lets out is seen.
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/net/fleet.sh
. "$(dirname "$0")/fleet.sh"

A=10.0.0.2 C=10.0.0.6 G=10.0.0.3 H=10.0.0.5
ROOM=24 # rules in host 3's table
VNETS='"vnets": [{"name": "Z", "vni": 77, "authorization": "negotiated", "grant_lifetime": 120}]'
SILENT=${VNETS/'"authorization"'/'"silence": "allow", "authorization"'}

host1() {
	fleet_config h1 "${1:-$VNETS}" "$(list nodes "$(member A Z $A 02:00:00:00:00:0a)")" \
		"$(list mappings "$(where G Z $G 2)" "$(where H Z $H 2)")" "$(list policies "$(policy 8 Z node:H deny udp/9002 node:A out)")"
}

host2() {
	fleet_config h2 "$VNETS" "$(list nodes "$(member G Z $G 02:00:00:00:00:0c)" "$(member H Z $H 02:00:00:00:00:0d)")" \
		"$(list mappings "$(where A Z $A 1)" "$(where C Z $C 3)")" \
		"$(list policies "$(policy 1 Z any allow "udp/9000 udp/9005 tcp/5201" node:G)" "$(policy 2 Z node:C allow any node:H)")" \
		"$(list rules "$(rule_json Z $A $H udp 9001 allow)" "$(rule_json Z $A $H udp 9002 allow)")" "$@"
}

# host3 DENIALS: of C's UDP to H, so many ports from 7001 on.
host3() {
	local port rules=()
	for port in $(seq 7001 $((7000 + $1))); do rules+=("$(rule_json Z $C $H udp "$port" deny)"); done
	fleet_config h3 "$VNETS" "$(list nodes "$(member C Z $C 02:00:00:00:00:0e)")" \
		"$(list mappings "$(where H Z $H 2)" "$(mapping_json Z 10.0.0.7 4)" "$(mapping_json Z 10.0.0.8 4)")" \
		"$([ "$1" = 0 ] && echo '"rules": []' || list rules "${rules[@]}")" "\"limits\": {\"rules\": $ROOM}"
}

topology() {
	substrate 3 || return
	node A h1 $A 02:00:00:00:00:0a
	node C h3 $C 02:00:00:00:00:0e
	node G h2 $G 02:00:00:00:00:0c
	node H h2 $H 02:00:00:00:00:0d
	fleet 3 && host1 && host2 && host3 0 || return
	NET_INSTANCES+=("h1=$NET-h1" "h2=$NET-h2" "h3=$NET-h3")
	agent_start h1 && agent_start h2 && agent_start h3 &&
		wait_for 10 "next hops" eval 'hosts_reachable h1 && hosts_reachable h2'
	receiver G 9000 && receiver H 9001 && receiver H 9002 && stream A udp $G 9000 && grows 9000 || return
	STREAM=$NET_PID
}

# all_of PORT COUNT: so many messages have come, each once and in order.
all_of() {
	wait_for 8 "$2 messages" eval "[ \$(messages $1) -ge $2 ]" && same "$(messages "$1")" "$2" && in_order "$1"
}

# ---- silence

silence() {
	local before
	host1 "$SILENT"
	check "in this vnet silence shall allow" ctl h1 reload
	agent_stop h2 KILL
	check "the other host's agent is gone: a first contact" sends A udp $H 9001 50 5
	check "... is allowed, and the first packet waited for that" all_of 9001 50
	check "... for 2 s" rules h1 "r['port'] == 9001 and r['verdict'] == 'allow' and r['expires_in_s'] <= 2"
	before=$(asked h1)
	check "what the own policies deny" sends A udp $H 9002 20 5
	check "... is denied all the same" drops_reach h1 pA rule_deny 20
	check "... without a question" same "$(asked h1)" "$before"
	check "... and nothing of it arrives" same "$(messages 9002)" 0
	: >"$WORK/9001"
	stream A udp $H 9001
	check "a stream goes on as long as nobody answers" wait_for 12 "questions" eval "at_least \$(asked h1) $((before + 3))"
	check "... which was allowed again and again" grows 9001
	must "host 2's agent starts" agent_start h2
	check "somebody answers, and denies: it stops" stops 9001 9000
	check "... at its host" rules h1 "r['local'] == '$A' and r['verdict'] == 'deny'"
	net_kill "$NET_PID"
	host1
	check "silence shall deny again" ctl h1 reload
}

# ---- packets that wait, and are larger than any wire takes

# longest NAME: octets of the longest frame of a capture.
longest() {
	$PYTHON "$HERE/wire.py" longest "$WORK/$1.pcap"
}

# injected NAME: a capture of what comes back after it has waited.
injected() {
	capture "$1" h1 "$(ip -n "$NET-h1" -br link show | grep -o '^ovo-[0-9a-f]*')" ip
}

# forgets: nothing is granted any more between A and G; nobody asks for the answer, which would be for all that A sends G.
forgets() {
	kill -STOP "$STREAM" && ctl h1 rule flush >/dev/null && ctl h2 rule flush >/dev/null
}

# large_udp WHAT: ten datagrams in one packet, as a first contact.
large_udp() {
	local queued
	: >"$WORK/9005"
	must "no grant" forgets
	queued=$(counter h1 pA packets_queued)
	injected waited
	check "$1: UDP that is segmented later, to whom nobody has asked for" net_in nA $PYTHON "$HERE/traffic.py" udp-gso $G 9005 10 1000
	check "... it waited" wait_for 3 "a packet that waits" eval "at_least \$(counter h1 pA packets_queued) $((queued + 1))"
	check "... and arrives whole and in order" all_of 9005 10
	capture_end waited
	kill -CONT "$STREAM"
}

# large_tcp WHAT: of a connection that is there, whose grant has gone; 320,000 octets at once.
large_tcp() {
	local queued sender
	: >"$WORK/5201"
	rm -f "$WORK/go"
	mkfifo "$WORK/go"
	net_background nA $PYTHON "$HERE/traffic.py" tcp-bulk $G 5201 20000 "$WORK/go"
	sender=$NET_PID
	must "a connection" all_of 5201 1
	must "no grant" forgets
	queued=$(counter h1 pA packets_queued)
	injected waited
	echo go >"$WORK/go"
	check "$1: TCP of a connection whose grant has gone arrives whole and in order" all_of 5201 20000
	check "... the first of it waited" at_least "$(counter h1 pA packets_queued)" $((queued + 1))
	capture_end waited
	kill -CONT "$STREAM"
	net_kill "$sender"
}

large() {
	receiver G 9005
	receiver G 5201
	large_udp "all offloads on"
	check "... in one piece, as it was sent" at_least "$(longest waited)" 10000
	large_tcp "all offloads on"
	check "... in pieces as large as they were sent" at_least "$(longest waited)" 5000
	offload h1 up0 off
	capture wire h1 up0 "ip6 and src net fd00:1:0:1::/64 and not udp port 6190"
	large_udp "a wire that takes no such thing"
	large_tcp "a wire that takes no such thing"
	capture_end wire
	check "... every checksum on the wire is right" $PYTHON "$HERE/wire.py" checksums "$WORK/wire.pcap"
	check "... and no frame is longer than it takes" at_most "$(longest wire)" 1514
	offload h1 up0 on
}

# ---- a full table

# rules_of_c EXPRESSION: of host 3's rules, also those for ARP.
rules_of_c() {
	ctl_holds h3 "$1" rule list all
}

# short_denials: of two addresses whose host nobody knows; they live for 2 s, and take their room in the table.
short_denials() {
	local arp="Ether(src='02:00:00:00:00:0e', dst='ff:ff:ff:ff:ff:ff')/ARP(hwsrc='02:00:00:00:00:0e', psrc='$C', pdst="
	craft nC eth0 "$arp'10.0.0.7')" "$arp'10.0.0.8')" &&
		wait_for 2 "denials" rules_of_c "len([r for r in d['rules'] if r['peer'] in ('10.0.0.7', '10.0.0.8')]) == 2"
}

full() {
	receiver H 9006
	receiver H 7030
	stream C udp $H 9006
	check "C may send H anything" grows 9006
	check "... by one wide rule" rules h3 "r['verdict'] == 'allow' and r['protocol'] == 'any'"
	host3 30
	check "a part of the table is taken for a while" short_denials
	check_not "more denials than the table has room for: the reload does not pass for a success" ctl h3 reload
	check "... and says what is full" eval "ctl h3 reload 2>&1 | grep -q 'limits.rules'"
	check "... as does the log" grep -q 'limits.rules is reached' "$WORK/h3.log"
	# Of those in the kernel, the one that is sent to is none.
	check "there is no room for the denial of port 7030" rules_of_c "len(d['rules']) and not [r for r in d['rules'] if r['port'] == 7030]"
	check "so all is closed between the two: the stream stops" stops 9006 9000
	check "room comes back, and is the denials'" wait_for 15 "$ROOM of them" \
		rules_of_c "[(r['verdict'], r['origin']) for r in d['rules']] == [('deny', 'file')] * $ROOM"
	check "... not for what is asked for meanwhile" rests 9006 9000
	check "nor what is denied" sends C udp $H 7030 50 2
	check "... arrives" same "$(messages 7030)" 0
	host3 3
	check "few denials again: the reload is a success" ctl h3 reload
	check "... and the stream goes on" grows 9006
	check "what the few deny is denied" eval "sends C udp $H 7001 5 1; drops_reach h3 pC rule_deny 5"
}

# ---- XDP

# from_outside COUNT FRAME: what follows Ethernet, from the router to host 2's uplink.
from_outside() {
	local frames=() n
	for n in $(seq "$1"); do frames+=("Ether(dst='$(ip -n "$NET-h2" -br link show up0 | awk '{ print $3 }')')/$2"); done
	craft r h2 "${frames[@]}"
}

# A second uplink program ahead of tc: what it refuses, tc and tcpdump never see.
early() {
	local before notices
	agent_stop h2
	host2 '"uplink_mode": "xdp"'
	must "host 2's agent starts with XDP" agent_start h2
	check "host 2 refuses by XDP" ctl_holds h2 "['xdp' in u['programs'] for u in d['uplinks']] == [True]" status
	check "the stream goes on" grows 9000
	before=$(drops h2 up0 no_rule) notices=$(engine h1 notices)
	check "host 2 forgets what it granted" ctl h2 rule flush
	check "... packets arrive without a rule" wait_for 5 "drops" drops_reach h2 up0 no_rule $((before + 1))
	check "... which the agent is told" at_least "$(counter h2 up0 stale_told)" 1
	check "... and tells the sender's" wait_for 5 "STALE" eval "at_least \$(engine h1 notices) $((notices + 1))"
	check "... which asks again: the stream goes on" grows 9000

	capture up0 h2 up0 "udp and (dst port 9009 or (dst port 6190 and src net fd00:1:0:9::/64))"
	before=$(drops h2 up0 rule_deny)
	from_outside 5 "IPv6(src='fd00:1:0:1:0:4d:a00:2', dst='fd00:1:0:2:0:4d:a00:3', fl=0x40800)/UDP(sport=1, dport=9009)/b'x'"
	check "what is denied is dropped" drops_reach h2 up0 rule_deny $((before + 5))
	before=$(drops h2 up0 control_flood)
	from_outside 300 "IPv6(src='fd00:1:0:9::1', dst='fd00:1:0:2::1')/UDP(sport=6190, dport=6190)/bytes(64)"
	check "a flood to the agent's port meets its sender's gate" drops_reach h2 up0 control_flood $((before + 150))
	ctl h1 rule flush >/dev/null
	check "... another host's question does not" eval ": >\"\$WORK/9005\"; sends A udp $G 9005 1 0; all_of 9005 1"
	capture_end up0
	check "neither has passed XDP" eval "same \$(captured up0 dst port 9009) 0 && at_most \$(captured up0 dst port 6190) 150"
}

must "hosts, nodes and agents" topology
silence
large
full
early
