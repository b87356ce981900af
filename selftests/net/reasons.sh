#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every reason for a drop that live traffic can cause, caused, and its counter read; by a node and, where a packet can
# be wrong in that way there too, from the substrate. The end compares with maps/reasons.def.
#
#   A 10.0.0.2 ---.
#   B 10.0.0.4 --- HOST 1 up0 --- ROUTER --- up0 HOST 2 --- G 10.0.0.3        all in vnet Z
#     (port's MTU 1300)             |
#                              crafted packets
. "$(dirname "$0")/lib.sh"

# Not by traffic, as the agent leaves no moment for them: selftests/bpf causes these.
#   not_a_port       programs are taken off before the port's entry is
#   rule_stale       rules of an earlier holder go in the same step as his mapping
#   kernel           no helper refuses what the stages let pass
NOT_LIVE="not_a_port rule_stale kernel"
# Of negotiations, where traffic causes them: reason:script.
ELSEWHERE="pending:negotiate no_agent:restart question_rate:attack question_quota:attack question_full:attack
	question_lost:attack queue_full:attack control_flood:attack mapping_expired:learned hold_rate:forward hold_quota:forward
	hold_full:forward hold_expired:forward"

A=10.0.0.2 B=10.0.0.4 G=10.0.0.3
RULES=$(list rules "$(rule_json Z any any udp any allow)" "$(rule_json Z any any udp 53 deny)" \
	"$(rule_json Z any any icmp any allow)")
declare -A CAUSED

topology() {
	substrate 2 && node A h1 $A 02:00:00:00:00:0a 1500 && node B h1 $B 02:00:00:00:00:0e 1300 &&
		ip -n "$NET-h1" link set pB mtu 1300 && node G h2 $G 02:00:00:00:00:0b &&
		ip -n "$NET-h1" -6 route add unreachable fd00:1:0:7::/64 &&
		agent h1 "$(list vnets '{"name": "Z", "vni": 77}')" "$RULES" \
			"$(list nodes "$(node_json A Z $A 02:00:00:00:00:0a)" "$(node_json B Z $B 02:00:00:00:00:0e)")" \
			"$(list mappings "$(mapping_json Z $G 2)" "$(mapping_json Z 10.0.0.7 7)")" \
			'"limits": {"sessions": 6, "sessions_per_port": 4}' '"idle": {"udp": 1, "icmp": 1}' &&
		agent h2 "$(list vnets '{"name": "Z", "vni": 77}')" "$RULES" \
			"$(list nodes "$(node_json G Z $G 02:00:00:00:00:0b)")" "$(list mappings "$(mapping_json Z $A 1)")" &&
		wait_for 10 "host 2 reaches host 1" hosts_reachable h2 &&
		wait_for 10 "host 1 reaches host 2" ctl_holds h1 \
			"[m['state'] for m in d['mappings'] if m['address'] == '$G'] == ['up']" mapping list
}

# told REASON HOST INTERFACE COUNT: that many more than BEFORE are counted.
told() {
	CAUSED[$1]=yes
	wait_for 2 "$4 drops" drops_reach "$2" "$3" "$1" $((BEFORE + $4)) 2>/dev/null
	check "$1 on $3: ${5:-$4 of $4}" same "$(drops "$2" "$3" "$1")" $((BEFORE + $4))
}

# by_node REASON FRAMES...: what follows Ethernet, or all of a frame; sent by A.
by_node() {
	local reason=$1 frame frames=()
	shift
	for frame in "$@"; do
		case $frame in
		Ether* | Dot3*) frames+=("$frame") ;;
		*) frames+=("$TO_G/$frame") ;;
		esac
	done
	BEFORE=$(drops h1 pA "$reason")
	craft nA eth0 "${frames[@]}"
	told "$reason" h1 pA $#
}

# from_substrate REASON FRAMES...: what follows Ethernet.
from_substrate() {
	local reason=$1
	shift
	BEFORE=$(drops h1 up0 "$reason")
	craft r h1 "${@/#/$TO_HOST/}"
	told "$reason" h1 up0 $#
}

frames() {
	local ip="IP(src='$A', dst='$G'" udp="UDP(sport=1, dport=9)/b'x'"
	by_node truncated "$ip, len=500)/$udp" "$ip, proto=6)/bytes(3)" "$ip, proto=6)/bytes(12)" "$ip, proto=17)/bytes(7)" \
		"$ip, proto=1)" "$ip)/TCP(dataofs=15)" "Ether(src='02:00:00:00:00:0a', dst='$MAC_G', type=0x800)/b'E'"
	by_node bad_header "$ip, ihl=4)/$udp" "$ip, version=5)/$udp" "$ip, len=19)/$udp"
	by_node bad_checksum "$ip, chksum=0x1234)/$udp"
	by_node ethertype "Ether(src='02:00:00:00:00:0a', dst='$MAC_G', type=0x88cc)/bytes(46)" \
		"Dot3(src='02:00:00:00:00:0a', dst='01:80:c2:00:00:00')/LLC()/STP()"
	by_node vlan "Dot1Q(vlan=5)/$ip)/$udp" "Dot1Q(vlan=0)/$ip)/$udp" "Dot1Q(vlan=5)/Dot1Q(vlan=6)/$ip)/$udp"
	by_node ipv6_node "IPv6(src='fe80::1', dst='ff02::1')/$udp" "IPv6(src='fe80::1', dst='ff02::1')/ICMPv6EchoRequest()"
	by_node router_advert "IPv6(src='fe80::1', dst='ff02::1')/ICMPv6ND_RA()" \
		"IPv6(src='fe80::1', dst='ff02::1')/ICMPv6ND_Redirect()"
	by_node fragment "$ip, flags='MF')/$udp" "$ip, frag=8)/$udp" "$ip, flags='MF', frag=1)/$udp"
	by_node protocol "$ip, proto=0)/b'x'" "$ip, proto=44)/b'x'" "$ip, proto=58)/bytes(8)" "$ip, proto=60)/b'x'"
	by_node icmp_error "$ip)/ICMP(type=3, code=4)/IP()" "$ip)/ICMP(type=11)/IP()" "$ip)/ICMP(type=5)/IP()"
	by_node icmp_type "$ip)/ICMP(type=13)" "$ip)/ICMP(type=17)" "$ip)/ICMP(type=255)"
	by_node group "IP(src='$A', dst='224.0.0.1')/$udp" "IP(src='$A', dst='255.255.255.255')/$udp" \
		"IP(src='$A', dst='239.1.2.3')/$udp"
	by_node ttl_zero "$ip, ttl=0)/$udp"
	by_node too_big "$ip, flags='DF')/UDP(sport=1, dport=9)/bytes(1453)" "$ip)/UDP(sport=1, dport=9)/bytes(1472)"
}

port() {
	local ether="Ether(src='02:00:00:00:00:0a', dst='ff:ff:ff:ff:ff:ff')" udp="UDP(sport=1, dport=9)/b'x'"
	local arp="ARP(hwsrc='02:00:00:00:00:0a', psrc='$A'"
	by_node spoofed_mac "Ether(src='02:00:00:00:00:0e', dst='$MAC_G')/IP(src='$A', dst='$G')/$udp"
	by_node spoofed_address "IP(src='10.0.0.99', dst='$G')/$udp"
	by_node unknown_mac "Ether(src='02:00:00:00:00:0a', dst='02:00:00:00:00:0e')/IP(src='$A', dst='$G')/$udp"
	by_node to_itself "IP(src='$A', dst='$A')/$udp"
	by_node arp_bad "$ether/$arp, op=2, pdst='$G')" "$ether/$arp, hwtype=6, pdst='$G')" "$ether/$arp, op=9, pdst='$G')"
	by_node arp_probe "$ether/$arp, pdst='$A')" "$ether/ARP(hwsrc='02:00:00:00:00:0a', psrc='0.0.0.0', pdst='$A')"
	by_node arp_refused "$ether/$arp, pdst='10.0.0.99')" "$ether/$arp, pdst='10.0.0.1')"
	BEFORE=$(drops h1 pA host_to_port)
	craft h1 pA "Ether(dst='02:00:00:00:00:0a')/IP(src='$G', dst='$A')/$udp" 2>/dev/null
	told host_to_port h1 pA 1
}

places() {
	local mac udp="UDP(sport=1, dport=9)/b'x'"
	mac=$(dummy_mac A 10.0.0.7)
	by_node no_mapping "IP(src='$A', dst='10.0.0.99')/$udp"
	BEFORE=$(drops h1 pA no_nexthop)
	craft nA eth0 "Ether(src='02:00:00:00:00:0a', dst='$mac')/IP(src='$A', dst='10.0.0.7')/$udp"
	told no_nexthop h1 pA 1
	from_substrate no_node "IPv6(src='$FROM_G', dst='fd00:1:0:1:0:4d:a00:63', fl=0x40000)/$udp"
	from_substrate other_vnet "IPv6(src='$FROM_G', dst='fd00:1:0:1:0:4e:a00:2', fl=0x40000)/$udp"
	from_substrate unknown_source "IPv6(src='fd00:1:0:2:0:4d:a00:63', dst='$AT_A', fl=0x40000)/$udp"
	from_substrate forged_source "IPv6(src='fd00:1:0:9:0:4d:a00:3', dst='$AT_A', fl=0x40000)/$udp"
}

substrate_frames() {
	local ip6="IPv6(src='$FROM_G', dst='$AT_A', fl=0x40000" udp="UDP(sport=1, dport=9)/b'x'"
	from_substrate truncated "$ip6, plen=500)/$udp" "$ip6, nh=6)/bytes(12)" "$ip6, nh=17)/bytes(7)" "$ip6, nh=58)"
	from_substrate fragment "$ip6)/IPv6ExtHdrFragment(m=1)/$udp"
	from_substrate protocol "$ip6, nh=1)/ICMP()" "$ip6)/IPv6ExtHdrHopByHop()/$udp" "$ip6)/IPv6ExtHdrRouting()/$udp" \
		"$ip6)/IPv6ExtHdrDestOpt()/$udp"
	from_substrate icmp_error "$ip6)/ICMPv6PacketTooBig()/IPv6()" "$ip6)/ICMPv6DestUnreach()/IPv6()"
	from_substrate icmp_type "$ip6)/ICMPv6ND_NS()" "$ip6)/ICMPv6ND_RS()" "$ip6)/ICMPv6MLQuery()"
	from_substrate ttl_zero "IPv6(src='$FROM_G', dst='$AT_A', fl=0xfff)/$udp"
	from_substrate too_big "IPv6(src='$FROM_G', dst='fd00:1:0:1:0:4d:a00:4', fl=0x40000)/UDP(sport=1, dport=9)/bytes(1273)"
	from_substrate no_rule "$ip6)/TCP(dport=9, flags='S')" "$ip6, nh=253)/b'x'"
	from_substrate rule_deny "$ip6)/UDP(dport=53)/b'x'"
}

# The agent sleeps while the rule ends: expiry needs nobody.
rules() {
	local words="vnet Z from $A to $G protocol tcp port 80"
	by_node no_rule "IP(src='$A', dst='$G')/TCP(dport=22, flags='S')" "IP(src='$A', dst='$G', proto=253)/b'x'"
	by_node rule_deny "IP(src='$A', dst='$G')/UDP(dport=53)/b'x'"
	ctl h1 rule add $words verdict allow lifetime 1 >/dev/null
	kill -STOP "$AGENT_h1"
	wait_for 3 "the rule's end" rule_ended
	craft nA eth0 "$TO_G/IP(src='$A', dst='$G')/TCP(dport=80, flags='S')"
	kill -CONT "$AGENT_h1"
	BEFORE=0
	told rule_expired h1 pA 1 "the agent asleep"
}

rule_ended() {
	bpftool -j map dump pinned "/sys/fs/bpf/ovnet/$NET-h1/maps/rules" | holds \
		"[e['expires_ns'] < __import__('time').clock_gettime_ns(7) for e in
		[e['formatted']['value'] for e in d if e['formatted']['key']['port'] == 80]] == [True]"
}

# flows FIRST COUNT SOURCE MAC SPACE: that many new flows, of a datagram each.
flows() {
	local each frames=()
	for each in $(seq "$1" $(($1 + $2 - 1))); do
		frames+=("Ether(src='$4', dst='$MAC_G')/IP(src='$3', dst='$G')/UDP(sport=$each, dport=9)/b'x'")
	done
	craft "$5" eth0 "${frames[@]}"
}

full() {
	wait_for 5 "sessions are swept" ctl_holds h1 "d['total'] == 0" session list
	BEFORE=$(drops h1 pA session_quota)
	flows 100 6 $A 02:00:00:00:00:0a nA
	told session_quota h1 pA 2 "2 of 6 with a quota of 4"
	BEFORE=$(drops h1 pB session_full)
	flows 200 3 $B 02:00:00:00:00:0e nB
	told session_full h1 pB 1 "1 of 3 with room for 2 beside A's 4"
	check "those that exist go on" ctl_holds h1 "d['total'] == 6" session list
	wait_for 5 "sessions are swept" ctl_holds h1 "d['total'] == 0" session list
	flows 300 4 $A 02:00:00:00:00:0a nA
	check "idle ones make room" ctl_holds h1 "d['total'] == 4" session list
}

complete() {
	local reason
	for reason in $NOT_LIVE; do
		CAUSED[$reason]=no
		check "$reason is caused by selftests/bpf" grep -rqE "REASON_${reason^^}\b" "$HERE/../bpf" --include=test_*.c
	done
	for reason in $ELSEWHERE; do
		CAUSED[${reason%:*}]=no
		check "${reason%:*} is caused by ${reason#*:}.sh" grep -qE "\b${reason%:*}\b" "$HERE/${reason#*:}.sh"
	done
	for reason in $(sed -nE 's/^REASON\([A-Z0-9_]+, ([a-z0-9_]+),.*/\1/p' "$TOP/maps/reasons.def"); do
		check "$reason is accounted for" test -n "${CAUSED[$reason]:-}"
	done
}

must "hosts and nodes" topology
MAC_G=$(dummy_mac A $G)
TO_G="Ether(src='02:00:00:00:00:0a', dst='$MAC_G')"
TO_HOST="Ether(dst='$(ip -n "$NET-h1" -br link show up0 | awk '{ print $3 }')')"
AT_A=fd00:1:0:1:0:4d:a00:2
FROM_G=fd00:1:0:2:0:4d:a00:3
frames
port
places
substrate_frames
rules
full
complete
