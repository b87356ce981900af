#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What is on the wire, at four places at once: no encapsulation, right checksums, nothing lost of a packet's own.
#
#      a                     up1                              up2                    g        captures
#   A 10.0.0.2 --- HOST 1 up0 ------------- ROUTER ------------- up0 HOST 2 --- G 10.0.0.3     vnet Z, G in slot 5
#   T 10.0.0.6 ---'  (tap)                                           |
#   M 10.0.0.8 ---'  (MTU 1500)                                      '--- N 10.0.0.9 (port's MTU 1300)
. "$(dirname "$0")/lib.sh"

VNETS=$(list vnets '{"name": "Z", "vni": 77}')
RULES=$(list rules "$(rule_json Z any any any any allow)")
A=10.0.0.2 T=10.0.0.6 M=10.0.0.8 G=10.0.0.3 N=10.0.0.9

topology() {
	substrate 2 &&
		node A h1 $A 02:00:00:00:00:0a && node_tap T h1 $T 02:00:00:00:00:1a && node M h1 $M 02:00:00:00:00:2a 1500 &&
		node G h2 $G 02:00:00:00:00:0b && node N h2 $N 02:00:00:00:00:2b 1300 && ip -n "$NET-h2" link set pN mtu 1300 &&
		agent h1 "$VNETS" "$RULES" "$(list nodes "$(node_json A Z $A 02:00:00:00:00:0a)" \
			"$(node_json T Z $T 02:00:00:00:00:1a)" "$(node_json M Z $M 02:00:00:00:00:2a)")" \
			"$(list mappings "$(mapping_json Z $G 2 5)" "$(mapping_json Z $N 2)")" &&
		agent h2 "$VNETS" "$RULES" \
			"$(list nodes "$(node_json G Z $G 02:00:00:00:00:0b 5)" "$(node_json N Z $N 02:00:00:00:00:2b)")" \
			"$(list mappings "$(mapping_json Z $A 1)" "$(mapping_json Z $T 1)" "$(mapping_json Z $M 1)")" &&
		wait_for 10 "host 1 reaches host 2" hosts_reachable h1 &&
		wait_for 10 "host 2 reaches host 1" hosts_reachable h2
}

wire() {
	$PYTHON "$HERE/wire.py" "$@"
}

# encoded HOST-NUMBER SLOT ADDRESS: the substrate address that stands for a node.
encoded() {
	"$BIN/ovnetctl" address encode locator "fd00:1:0:$1::/64" slot "$2" vni 77 address "$3"
}

# offloads WIRES NODES: on or off.
offloads() {
	local each
	for each in h1:up0 h2:up0 r:h1 r:h2; do offload "${each%:*}" "${each#*:}" "$1"; done
	for each in h1:pA h2:pG h1:pM h2:pN nA:eth0 nG:eth0; do offload "${each%:*}" "${each#*:}" "$2"; done
}

# begin [FILTER]: of what is captured in G.
begin() {
	local net="(ip6 and net fd00:1::/32)"
	capture a nA eth0 "ip host $G"
	capture up1 h1 up0 "$net"
	capture up2 h2 up0 "$net"
	capture g nG eth0 "${1:-ip}"
}

end() {
	capture_end a up1 up2 g
}

# Every kind of packet from A to G, and answers.
all_kinds() {
	local mac word frames head
	mac=$(dummy_mac A $G)
	head="Ether(src='02:00:00:00:00:0a', dst='$mac')/IP(src='$A', dst='$G', tos=0x2e, ttl=9, flags='DF')"
	frames=("$head/UDP(sport=1000, dport=9, chksum=0)/b'no checksum'")
	word=$(wire word $A $G 1001 9)
	frames+=("$head/UDP(sport=1001, dport=9)/bytes.fromhex('$word')")
	word=$(wire word "$(encoded 1 0 $A)" "$(encoded 2 5 $G)" 1002 9)
	frames+=("$head/UDP(sport=1002, dport=9)/bytes.fromhex('$word')")
	frames+=("IP(src='$A', dst='$G', proto=253, ttl=200)/b'an unknown protocol'")
	frames[3]="Ether(src='02:00:00:00:00:0a', dst='$mac')/${frames[3]}"
	frames+=("$head/UDP(sport=1003, dport=9)" "$head/UDP(sport=1004, dport=9)/b'odd'")
	frames+=("$head/ICMP(type='echo-request', id=7, seq=0xffff)/b'x'")
	begin
	craft nA eth0 "${frames[@]}" &&
		iperf nA nG $G -n 300K >/dev/null && iperf nA nG $G -R -n 300K >/dev/null &&
		iperf nA nG $G -u -n 100K -b 50M >/dev/null && net_in nA ping -q -c 3 -i 0.01 -s 777 -Q 0x88 -t 5 $G >/dev/null &&
		net_in nG ping -q -c 3 -i 0.01 -M do $A >/dev/null
	end
}

plain() {
	local way
	offloads off off
	check "TCP, UDP, ICMP and crafted packets, offloads off" all_kinds
	for way in "$A $G a up1 up2 g" "$G $A g up2 up1 a"; do
		# shellcheck disable=SC2086
		set -- $way
		check "$1 to $2: as sent, +20 octets on the wire, no encapsulation, TOS, TTL and DF kept" \
			wire same "$1" "$2" "$WORK/$3.pcap" "$WORK/$4.pcap" "$WORK/$5.pcap" "$WORK/$6.pcap"
	done
	check "the addresses are those of ovnetctl address encode" same \
		"$(wire same $A $G "$WORK"/{a,up1,up2,g}.pcap | cut -d ' ' -f 3-)" \
		"$(encoded 1 0 $A) $(encoded 2 5 $G)"
	for way in a up1 up2 g; do
		check "every checksum at $way is right" wire checksums "$WORK/$way.pcap"
	done
	if command -v tshark >/dev/null; then
		check "tshark finds none wrong either" none_wrong "$WORK"/{a,up1,up2,g}.pcap
	else
		skip "tshark finds none wrong either" "tshark is missing"
	fi
	check "UDP without a checksum stays without, at both ends" \
		eval 'wire fields "$WORK/up1.pcap" | grep -q "v6 40 0x0000" && wire fields "$WORK/g.pcap" | grep -q "v4 20 0x0000"'
	check "a checksum that comes to zero is written as ffff, in either family" \
		eval 'wire fields "$WORK/up1.pcap" | grep -q "v6 40 0xffff" && wire fields "$WORK/g.pcap" | grep -q "v4 20 0xffff"'
	check "flows have labels of their own" at_least "$(wire labels "$WORK/up1.pcap")" 8
}

none_wrong() {
	local file
	for file in "$@"; do
		same "$(tshark -r "$file" -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE -o ip.check_checksum:TRUE \
			-Y 'tcp.checksum.status == "Bad" || udp.checksum.status == "Bad" || ip.checksum.status == "Bad" ||
			icmp.checksum.status == "Bad" || icmpv6.checksum.status == "Bad"' 2>&1 | grep -v '^Running as')" "" || return
	done
}

# Partial checksums and GSO from the node; real ones between the hosts, since nothing there can do them any more.
partial() {
	local from=$1
	begin "ip and not src host $G"
	# The server closes before it has read all: a small window bounds what is lost of the end.
	iperf "n$from" nG $G -n 2M -w 128K >/dev/null && iperf "n$from" nG $G -u -b 50M -n 100K >/dev/null &&
		net_in "n$from" ping -q -c 2 -i 0.01 $G >/dev/null
	end
	same "$(captured up1 "greater 1515")" 0 && at_least "$(captured up2 "src net fd00:1:0:1::/64")" 1000
}

offloaded() {
	local from where what
	offloads off on
	for from in A T; do
		[ $from = A ] && what="a veth" || what="a tap"
		check "traffic with partial checksums and GSO from $what" partial $from
		for where in up1 up2 g; do
			check "every checksum at $where is right" wire checksums "$WORK/$where.pcap"
		done
	done
	offloads on on
	begin
	check "a large transfer with all offloads on" iperf nA nG $G -n 50M
	end
	check "segments go through whole: the longest on the wire" at_least "$(wire longest "$WORK/up1.pcap")" 20000
	check "... and in the receiving node" at_least "$(wire longest "$WORK/g.pcap")" 20000
}

sizes() {
	local mac
	ip -n "$NET-nG" link set eth0 mtu 1500
	begin "ip and src host $M"
	check "a node with an MTU of 1500 sends much" iperf nM nG $G -n 20M
	check "... and receives much" iperf nM nG $G -R -n 20M
	end
	check "its SYN announces no more than the path takes" same "$(wire mss "$WORK/g.pcap" | sort -u | tr '\n' ' ')" "1432 "
	check "... which is counted" at_least "$(counter h1 pM mss_clamped)" 2
	check "... as is that of the other end" at_least "$(counter h2 pG mss_clamped)" 2
	mac=$(dummy_mac M $G)
	offloads off off
	begin
	check "an MSS option at an odd place" craft nM eth0 "Ether(src='02:00:00:00:00:2a', dst='$mac')/IP(src='$M', dst='$G') \
		/TCP(sport=99, dport=5201, flags='S', options=[('NOP', None), ('MSS', 1460), ('WScale', 7), ('SAckOK', b'')])"
	check "IPv4 options" craft nM eth0 "Ether(src='02:00:00:00:00:2a', dst='$mac') \
		/IP(src='$M', dst='$G', options=[IPOption_NOP(), IPOption_RR()])/UDP(sport=98, dport=9)/b'options'"
	check "both arrive" wait_for 3 "two packets at G" eval '[ $(captured g src host $M) -ge 2 ]'
	end
	check "the MSS is lowered there too" same "$(wire mss "$WORK/g.pcap" | head -n 1)" 1432
	check "IPv4 options are taken off" same "$(wire fields "$WORK/g.pcap" | cut -d ' ' -f 2 | sort -u)" 20
	check "... and counted" same "$(counter h1 pM options_stripped)" 1
	check "all checksums are right after that" wire checksums "$WORK"/{up1,up2,g}.pcap
	check "the largest that fits the path" net_in nM ping -c 1 -W 2 -M do -s 1452 $G
	check_not "one octet more does not get through" net_in nM ping -c 1 -W 1 -M do -s 1453 $G
	check "... it is counted as too_big" same "$(drops h1 pM too_big)" 1
	check "the largest that the other port takes" net_in nA ping -c 1 -W 2 -M do -s 1272 $N
	check_not "one octet more does not get through" net_in nA ping -c 1 -W 1 -M do -s 1273 $N
	check "... it is counted as too_big at the other host" same "$(drops h2 up0 too_big)" 1
	check "TCP to the small port" iperf nA nN $N -n 5M
}

must "hosts and nodes" topology
plain
offloaded
sizes
