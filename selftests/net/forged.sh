#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Forged packets, from the substrate and from nodes: none is delivered, each is counted under its reason, and the
# conversation that they pretend to belong to goes on. Rules allow everything, so that nothing else can stop them.
#
#   vnet Z  A 10.0.0.2 ---.                          .--- G 10.0.0.3  vnet Z
#   vnet Z  B 10.0.0.4 --- HOST 1 --- ROUTER --- HOST 2 - E 10.0.0.5  vnet Z
#                                       |            '--- D 10.0.0.3  vnet Y
#                                     HOST 3: the attacker, without an agent
. "$(dirname "$0")/lib.sh"

VNETS=$(list vnets '{"name": "Z", "vni": 77}' '{"name": "Y", "vni": 78}')
RULES=$(list rules "$(rule_json Z any any any any allow)" "$(rule_json Y any any any any allow)")
NODES1=$(list nodes "$(node_json A Z 10.0.0.2 02:00:00:00:00:0a)" "$(node_json B Z 10.0.0.4 02:00:00:00:00:0e)")
NODES2=$(list nodes "$(node_json G Z 10.0.0.3 02:00:00:00:00:0b)" "$(node_json E Z 10.0.0.5 02:00:00:00:00:1b)" \
	"$(node_json D Y 10.0.0.3 02:00:00:00:00:0d)")
MAPPINGS1=$(list mappings "$(mapping_json Z 10.0.0.3 2)" "$(mapping_json Z 10.0.0.5 2)")
# 10.0.0.9 is on a host that nobody has seen.
MAPPINGS2=$(list mappings "$(mapping_json Z 10.0.0.2 1)" "$(mapping_json Z 10.0.0.4 1)" "$(mapping_json Y 10.0.0.9 9)")
STREAM=5201 # the conversation that exists
FORGED=6666 # the port of all that is forged

topology() {
	substrate 3 &&
		node A h1 10.0.0.2 02:00:00:00:00:0a && node B h1 10.0.0.4 02:00:00:00:00:0e &&
		node G h2 10.0.0.3 02:00:00:00:00:0b && node E h2 10.0.0.5 02:00:00:00:00:1b &&
		node D h2 10.0.0.3 02:00:00:00:00:0d
}

hosts() {
	agent h1 "$VNETS" "$RULES" "$NODES1" "$MAPPINGS1" "\"uplink_mode\": \"$1\"" &&
		agent h2 "$VNETS" "$RULES" "$NODES2" "$MAPPINGS2" "\"uplink_mode\": \"$1\"" &&
		wait_for 10 "host 1 reaches host 2" hosts_reachable h1 &&
		wait_for 10 "host 2 reaches host 1" hosts_reachable h2
}

mac_of() {
	ip -n "$NET-$1" -br link show "$2" | awk '{ print $3 }'
}

stream_begins() {
	net_background nG $PYTHON "$HERE/traffic.py" receive $STREAM >"$WORK/stream"
	RECEIVER=$NET_PID
	wait_for 5 "a receiver" listens nG t $STREAM || return
	net_background nA $PYTHON "$HERE/traffic.py" tcp-send 10.0.0.3 $STREAM 0 2 >"$WORK/stream.port"
	SENDER=$NET_PID
	stream_advances
	PORT=$(awk '{ print $2 }' "$WORK/stream.port")
}

stream_advances() {
	local wanted=$(($(wc -l <"$WORK/stream") + 20))
	wait_for 3 "20 messages more" eval "[ \$(wc -l <'$WORK/stream') -ge $wanted ]"
}

# forge WHAT HOST INTERFACE SPACE DEVICE REASON FRAME...: sends frames from a space; each is dropped for the reason.
forge() {
	local what=$1 host=$2 interface=$3 space=$4 device=$5 reason=$6 before
	shift 6
	before=$(drops "$host" "$interface" "$reason")
	craft "$space" "$device" "$@"
	wait_for 2 "$# drops for $reason" drops_reach "$host" "$interface" "$reason" $((before + $#)) 2>/dev/null
	check "$what: $reason" same "$(drops "$host" "$interface" "$reason")" $((before + $#))
}

# from_substrate MODE: sources and destinations are substrate addresses, told apart by what is wrong in them.
from_substrate() {
	local ether right udp tcp
	ether="Ether(dst='$(mac_of r h3)', src='$(mac_of h3 up0)')"
	right="fd00:1:0:2:0:4d:a00:3"
	udp="UDP(sport=1, dport=$FORGED)/b'forged'"
	tcp="TCP(sport=$PORT, dport=$STREAM, flags='R', seq=1)"
	label="fl=0x40800"
	at() { echo "$ether/IPv6(src='$1', dst='$2', $label)/${3:-$udp}"; }

	forge "$1: another host's locator" h2 up0 h3 up0 forged_source \
		"$(at fd00:1:0:3:0:4d:a00:2 $right)" "$(at fd00:1:0:3:0:4d:a00:2 $right "$tcp")"
	forge "$1: another slot, the U and G bits" h2 up0 h3 up0 forged_source "$(at fd00:1:0:1:1400:4d:a00:2 $right)" \
		"$(at fd00:1:0:1:200:4d:a00:2 $right)" "$(at fd00:1:0:1:100:4d:a00:2 $right "$tcp")"
	forge "$1: as if from a node of the very host" h2 up0 h3 up0 forged_source "$(at fd00:1:0:2:0:4d:a00:5 $right)"
	forge "$1: an address that nobody has" h2 up0 h3 up0 unknown_source "$(at fd00:1:0:1:0:4d:a00:63 $right)"
	forge "$1: a node of vnet Z as one of vnet Y" h2 up0 h3 up0 unknown_source \
		"$(at fd00:1:0:1:0:4e:a00:2 fd00:1:0:2:0:4e:a00:3)"
	forge "$1: from one vnet into another" h2 up0 h3 up0 other_vnet "$(at fd00:1:0:1:0:4d:a00:2 fd00:1:0:2:0:4e:a00:3)" \
		"$(at fd00:1:0:1:0:4e:a00:2 $right "$tcp")"
	forge "$1: from no vnet at all" h2 up0 h3 up0 other_vnet "$(at fd00:ffff:0:3::2 $right)" "$(at fd00:1:0:3::1 $right)"
	forge "$1: to an address, a vnet that are not here" h2 up0 h3 up0 no_node \
		"$(at fd00:1:0:1:0:4d:a00:2 fd00:1:0:2:0:4d:a00:63)" "$(at fd00:1:0:1:0:4f:a00:2 fd00:1:0:2:0:4f:a00:3)"
	forge "$1: to a slot that the node is not in" h2 up0 h3 up0 no_node \
		"$(at fd00:1:0:1:0:4d:a00:2 fd00:1:0:2:1400:4d:a00:3)" "$(at fd00:1:0:1:0:4d:a00:2 fd00:1:0:2:200:4d:a00:3 "$tcp")"
}

# from_node MODE: by node A.
from_node() {
	local g b own="src='02:00:00:00:00:0a'" udp="UDP(sport=1, dport=$FORGED)/b'forged'"
	local tcp="TCP(sport=$PORT, dport=$STREAM, flags='R')"
	g=$(dummy_mac A 10.0.0.3)
	b=$(dummy_mac A 10.0.0.4)
	forge "$1: another MAC address" h1 pA nA eth0 spoofed_mac \
		"Ether(src='02:00:00:00:00:0e', dst='$g')/IP(src='10.0.0.2', dst='10.0.0.3')/$udp" \
		"Ether(src='$b', dst='$g')/IP(src='10.0.0.4', dst='10.0.0.3')/$udp"
	forge "$1: another IP address, also of a neighbour" h1 pA nA eth0 spoofed_address \
		"Ether($own, dst='$g')/IP(src='10.0.0.99', dst='10.0.0.3')/$udp" \
		"Ether($own, dst='$g')/IP(src='10.0.0.4', dst='10.0.0.3')/$udp" \
		"Ether($own, dst='$g')/IP(src='10.0.0.3', dst='10.0.0.4')/$udp"
	forge "$1: to MAC addresses that stand for somebody else or nobody" h1 pA nA eth0 unknown_mac \
		"Ether($own, dst='$b')/IP(src='10.0.0.2', dst='10.0.0.3')/$udp" \
		"Ether($own, dst='$b')/IP(src='10.0.0.2', dst='10.0.0.3')/$tcp" \
		"Ether($own, dst='02:00:00:00:00:0e')/IP(src='10.0.0.2', dst='10.0.0.4')/$udp" \
		"Ether($own, dst='ff:ff:ff:ff:ff:ff')/IP(src='10.0.0.2', dst='10.0.0.3')/$udp"
	forge "$1: to an address that nobody has" h1 pA nA eth0 no_mapping \
		"Ether($own, dst='$g')/IP(src='10.0.0.2', dst='10.0.0.99')/$udp"
	forge "$1: ARP in a neighbour's name" h1 pA nA eth0 spoofed_address \
		"Ether($own, dst='ff:ff:ff:ff:ff:ff')/ARP(hwsrc='02:00:00:00:00:0a', psrc='10.0.0.4', pdst='10.0.0.3')"
	forge "$1: ARP with another MAC address in it" h1 pA nA eth0 spoofed_mac \
		"Ether($own, dst='ff:ff:ff:ff:ff:ff')/ARP(hwsrc='02:00:00:00:00:0e', psrc='10.0.0.2', pdst='10.0.0.3')"
	forge "$1: an answer that nobody asked for" h1 pA nA eth0 arp_bad \
		"Ether($own, dst='ff:ff:ff:ff:ff:ff')/ARP(op='is-at', hwsrc='02:00:00:00:00:0a', psrc='10.0.0.3', pdst='10.0.0.4')"
}

under() {
	local mode=$1 each
	must "agents with uplink mode $mode" hosts "$mode"
	must "a conversation" stream_begins
	for each in A B G E D; do
		capture "n$each" "n$each" eth0 \
			"(udp dst port $FORGED and not ether src 02:00:00:00:00:0a) or tcp[tcpflags] & tcp-rst != 0"
	done
	from_substrate "$mode"
	from_node "$mode"
	check "$mode: the conversation goes on" stream_advances
	check "$mode: nothing was lost of it" $PYTHON -c "
numbers = [int(l.split()[3]) for l in open('$WORK/stream') if ' open ' not in l]
assert numbers == list(range(len(numbers)))"
	check "$mode: and no forged RST has closed its session" ctl_holds h2 \
		\
		"[s['state'] for s in d['sessions'] if s['local_port'] == $STREAM and s['peer_port'] == $PORT] == ['established']" \
		session list
	capture_end nA nB nG nE nD
	for each in B G E D; do
		check "$mode: nothing forged was delivered to $each" same "$(captured "n$each")" 0
	done
	net_kill $SENDER
	net_kill $RECEIVER
	agent_stop h1
	agent_stop h2
}

must "namespaces" topology
under tc
under xdp
