#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Two hosts talk, in every way of attaching and delivering; what a packet carries arrives; vnets do not hear each other.
#
#   vnet Z  A 10.0.0.2  veth ---.                                      .--- veth  G 10.0.0.3  vnet Z
#   vnet Z  T 10.0.0.6  tap  ----- HOST 1 up0 --- ROUTER --- up0 HOST 2 --- tap   U 10.0.0.7  vnet Z
#   vnet Y  C 10.0.0.2  veth ---'                                      '--- veth  D 10.0.0.3  vnet Y
#
# C and D have the addresses of A and G.
. "$(dirname "$0")/lib.sh"

VNETS=$(list vnets '{"name": "Z", "vni": 77}' '{"name": "Y", "vni": 78}')
RULES=$(list rules "$(rule_json Z any any icmp any allow)" "$(rule_json Z any any tcp 5201 allow)" \
	"$(rule_json Z any any udp 5201 allow)" "$(rule_json Y any any icmp any allow)")
NODES1=$(list nodes "$(node_json A Z 10.0.0.2 02:00:00:00:00:0a)" "$(node_json T Z 10.0.0.6 02:00:00:00:00:1a)" \
	"$(node_json C Y 10.0.0.2 02:00:00:00:00:0c)")
NODES2=$(list nodes "$(node_json G Z 10.0.0.3 02:00:00:00:00:0b)" "$(node_json U Z 10.0.0.7 02:00:00:00:00:1b)" \
	"$(node_json D Y 10.0.0.3 02:00:00:00:00:0d)")
MAPPINGS1=$(list mappings "$(mapping_json Z 10.0.0.3 2)" "$(mapping_json Z 10.0.0.7 2)" "$(mapping_json Y 10.0.0.3 2)")
MAPPINGS2=$(list mappings "$(mapping_json Z 10.0.0.2 1)" "$(mapping_json Z 10.0.0.6 1)" "$(mapping_json Y 10.0.0.2 1)")

topology() {
	substrate 2 &&
		node A h1 10.0.0.2 02:00:00:00:00:0a && node G h2 10.0.0.3 02:00:00:00:00:0b &&
		node_tap T h1 10.0.0.6 02:00:00:00:00:1a && node_tap U h2 10.0.0.7 02:00:00:00:00:1b &&
		node C h1 10.0.0.2 02:00:00:00:00:0c && node D h2 10.0.0.3 02:00:00:00:00:0d
}

# hosts MODE DELIVERY: both agents, with these; those that run end, and what they left is taken over.
hosts() {
	local each
	for each in h1 h2; do
		[ -z "${RUNNING:-}" ] || agent_stop "$each"
	done
	agent h1 "$VNETS" "$RULES" "$NODES1" "$MAPPINGS1" "\"uplink_mode\": \"$1\"" "\"delivery\": \"$2\"" &&
		agent h2 "$VNETS" "$RULES" "$NODES2" "$MAPPINGS2" "\"uplink_mode\": \"$1\"" "\"delivery\": \"$2\"" &&
		wait_for 10 "host 1 reaches host 2" hosts_reachable h1 &&
		wait_for 10 "host 2 reaches host 1" hosts_reachable h2 &&
		RUNNING=yes
}

pings() {
	net_in "$1" ping -c 4 -i 0.01 -W 2 -q "$2" | grep -q ' 0% packet loss'
}

stream() {
	iperf "$@" -n 20M >"$WORK/iperf" && holds 'd["end"]["sum_sent"]["bytes"] >= 20 << 20' <"$WORK/iperf"
}

datagrams() {
	iperf "$@" -u -b 20M -n 1M -l 1400 >"$WORK/iperf" &&
		holds 'd["end"]["sum"]["packets"] > 700 and d["end"]["sum"]["lost_percent"] < 1' <"$WORK/iperf"
}

# traffic WAY FROM TO ADDRESS FROM-ADDRESS
traffic() {
	check "$1: ping" wait_for 5 "all answers" pings "$2" "$4"
	check "$1: ping the other way" wait_for 5 "all answers" pings "$3" "$5"
	check "$1: TCP" stream "$2" "$3" "$4"
	check "$1: TCP backwards" stream "$2" "$3" "$4" -R
	# A busy machine may lose some of one run, though hardly of each.
	check "$1: UDP" wait_for 10 "a run without loss" datagrams "$2" "$3" "$4"
	check "$1: UDP backwards" wait_for 10 "a run without loss" datagrams "$2" "$3" "$4" -R
}

matrix() {
	local mode delivery programs
	for mode in tc xdp auto; do
		for delivery in port peer; do
			must "agents with uplink mode $mode, delivery $delivery" hosts $mode $delivery
			programs=tc
			[ $mode = xdp ] && programs=tc+xdp-native # a veth checks nothing: auto means tc
			check "uplink mode $mode runs $programs" \
				ctl_holds h1 "d['uplinks'][0]['programs'] == '$programs'" status
			check "delivery $delivery on a veth" ctl_holds h1 \
				"[p['delivery'] for p in d['ports']] == ['$delivery', 'port', '$delivery']" port list
			traffic "$mode, $delivery, veth to veth" nA nG 10.0.0.3 10.0.0.2
			[ $delivery = port ] && traffic "$mode, tap to tap" nT nU 10.0.0.7 10.0.0.6
			[ $mode = tc ] && traffic "$mode, $delivery, veth to tap" nA nU 10.0.0.7 10.0.0.2
		done
	done
}

# echoed FIELDS PING-ARGUMENTS...: the request as it arrives at G has these fields in tcpdump's words.
echoed() {
	local fields=$1
	shift
	capture echo nG eth0 icmp and dst 10.0.0.3
	net_in nA ping -c 1 -W 2 -q "$@" 10.0.0.3 >/dev/null || return 1
	capture_end echo
	tcpdump -vnr "$WORK/echo.pcap" 2>/dev/null | grep -E "$fields" || { tcpdump -vnr "$WORK/echo.pcap" 2>&1; return 1; }
}

preserved() {
	check "TOS arrives, all 8 bits" echoed 'tos 0xff' -Q 0xff
	check "TTL arrives" echoed 'ttl 17,' -t 17
	check "a TTL of 1 arrives: there is no router between the nodes" echoed 'ttl 1,' -t 1
	check "a TTL of 255 arrives" echoed 'ttl 255,' -t 255
	check "DF set arrives set" echoed 'id 0, offset 0, flags \[DF\]' -M do
	check "DF clear arrives clear, with an identification" echoed 'id [1-9][0-9]*, offset 0, flags \[none\]' -M dont
	check "an empty ping" echoed 'length 28\)' -s 0
	check "the largest ping of the node" echoed 'length 1472\)' -s 1444 -M do
	check "an odd length" echoed 'length 1029\)' -s 1001
}

# Pings in one vnet are heard in that vnet only.
isolation() {
	local filter="icmp and icmp[icmptype] == icmp-echo"
	capture g nG eth0 "$filter"
	capture d nD eth0 "$filter"
	check "A pings 10.0.0.3 in vnet Z" pings nA 10.0.0.3
	capture_end g d
	check "G heard all of it" same "$(captured g)" 4
	check "D, with the same address in vnet Y, heard nothing" same "$(captured d)" 0
	capture g nG eth0 "$filter"
	capture d nD eth0 "$filter"
	check "C pings 10.0.0.3 in vnet Y" pings nC 10.0.0.3
	capture_end g d
	check "D heard all of it" same "$(captured d)" 4
	check "G heard nothing of vnet Y" same "$(captured g)" 0
	check_not "what only Z allows is refused in Y" net_in nC nc -z -w 1 10.0.0.3 5201
	check "... for the reason no_rule" drops_reach h1 pC no_rule 1
	check "a session of each vnet, of the same addresses" ctl_holds h1 \
		"{(s['vnet'], s['vni']) for s in d['sessions'] if s['protocol'] == 'icmp' and s['peer'] == '10.0.0.3'} ==
		{('Z', 77), ('Y', 78)}" \
		session list
	check "the dummy MACs of the two are different" \
		test "$(dummy_mac A 10.0.0.3)" != "$(dummy_mac C 10.0.0.3)"
	check "a mapping of each, in its own vnet" ctl_holds h1 \
		"{m['vnet']: m['substrate'] for m in d['mappings'] if m['address'] == '10.0.0.3'} ==
		{'Z': 'fd00:1:0:2:0:4d:a00:3', 'Y': 'fd00:1:0:2:0:4e:a00:3'}" \
		mapping list
	check "a local and a remote mapping, with where they are" ctl_holds h1 \
		"{(m['address'], m['where'], m.get('port'), m.get('nexthop_device'), m['state'])
		for m in d['mappings'] if m['vnet'] == 'Y'} ==
		{('10.0.0.2', 'local', 'pC', None, 'up'), ('10.0.0.3', 'remote', None, 'up0', 'up')}" \
		mapping list
}

must "namespaces" topology
matrix
preserved
isolation
