#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A node and its host do not hear each other, whatever either of them tries; and the substrate reaches of the host only
# what is the host's own.
#
#   A 10.0.0.2 --- pA --- HOST 1 up0 192.0.2.1, fd00:ffff:0:1::2 --- ROUTER --- HOST 2
#   T 10.0.0.6 --- pT ---'   lo 10.0.0.1; forwards IPv4 and IPv6; listens on every address
#     (tap)
. "$(dirname "$0")/lib.sh"

VNETS=$(list vnets '{"name": "Z", "vni": 77}')
RULES=$(list rules "$(rule_json Z any any any any allow)")
HOST_PORTS="9999 67 53 5353"
MAC_A=02:00:00:00:00:0a MAC_T=02:00:00:00:00:1a

mac_of() {
	ip -n "$NET-$1" -br link show "$2" | awk '{ print $3 }'
}

topology() {
	local port
	substrate 2 && node A h1 10.0.0.2 $MAC_A && node_tap T h1 10.0.0.6 $MAC_T &&
		net_in h1 sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_ra=2 \
			net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.all.accept_local=1 net.ipv4.conf.all.route_localnet=1 &&
		ip -n "$NET-h1" addr add 192.0.2.1/24 dev up0 && ip -n "$NET-h1" addr add 10.0.0.1/24 dev lo || return
	for port in $HOST_PORTS; do
		net_background h1 $PYTHON "$HERE/traffic.py" receive "$port" >>"$WORK/heard-$port"
		wait_for 5 "the host listens on $port" listens h1 u "$port" || return
	done
}

heard() {
	cat "$WORK"/heard-*
}

# host_stack: packets that the host's IPv4 has seen, and its IPv6 on the ports.
host_stack() {
	net_in h1 sh -c 'awk "/^Ip: [0-9]/ { print \$4 }" /proc/net/snmp; cat /proc/net/dev_snmp6/p[AT] 2>/dev/null |
		awk "/^Ip6InReceives/ { print \$2 }"' | awk '{ sum += $1 } END { print sum + 0 }'
}

all_drops() {
	ctl h1 -j drop list | $PYTHON -c '
import json, sys
print(sum(int(d["packets"]) for d in json.load(sys.stdin)["drops"] if d["interface"] == sys.argv[1]))' "$1"
}

# Every frame that comes to mind, from a node with address $1 and MAC $2 to a host's port with MAC $3.
frames() {
	$PYTHON - "$@" <<-'END'
		import sys
		source, mac, port = sys.argv[1:]
		octets = [int(x, 16) for x in port.split(":")]
		local = "fe80::%02x%02x:%02xff:fe%02x:%02x%02x" % (octets[0] ^ 2, *octets[1:])
		ethers = ["Ether(src='%s', dst='%s')" % (mac, to) for to in (port, "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01")]
		four = ["192.0.2.1", "10.0.0.1", "127.0.0.1", "169.254.1.1", "255.255.255.255", "10.0.0.255", "224.0.0.1", "0.0.0.0",
		        "192.0.2.9", source]
		six = [local, "ff02::1", "ff02::2", "ff02::16", "::1", "fd00:ffff:0:1::2", "fd00:1:0:1::1", "fd00:ffff:0:1::1"]
		upper = ["UDP(sport=9999, dport=9999)/b'heard'", "TCP(sport=9998, dport=9999, flags='S')"]
		frames = []
		for ether in ethers:
		    for to in four:
		        frames += ["%s/IP(src='%s', dst='%s')/%s" % (ether, source, to, u) for u in upper + ["ICMP()"]]
		    for of in ("127.0.0.1", "10.0.0.1", "192.0.2.1", "0.0.0.0"):
		        frames += ["%s/IP(src='%s', dst='10.0.0.1')/%s" % (ether, of, upper[0])]
		    for to in six:
		        frames += ["%s/IPv6(src='fe80::1', dst='%s')/%s" % (ether, to, u) for u in upper + ["ICMPv6EchoRequest()"]]
		    frames += ["%s/ARP(hwsrc='%s', psrc='%s', pdst='%s')" % (ether, mac, source, to)
		               for to in ("192.0.2.1", "10.0.0.1", "127.0.0.1", source)]
		    frames += ["%s/ARP(op=%d, hwsrc='%s', psrc='%s', hwdst='%s', pdst='10.0.0.1')" % (ether, op, mac, source, port)
		               for op in (2, 3, 4)]
		    frames += ["%s/IP(src='0.0.0.0', dst='255.255.255.255')/UDP(sport=68, dport=67)/BOOTP()/DHCP(options=["
		               "('message-type', 'discover'), 'end'])" % ether,
		               "%s/IP(src='%s', dst='224.0.0.251')/UDP(sport=5353, dport=5353)/b'mdns'" % (ether, source),
		               "%s/IP(src='%s', dst='224.0.0.22')/IP()" % (ether, source),
		               "%s/IPv6(src='fe80::1', dst='ff02::1')/ICMPv6ND_RA()"
		               "/ICMPv6NDOptPrefixInfo(prefix='2001:db8:bad::', prefixlen=64)" % ether,
		               "%s/IPv6(src='fe80::1', dst='%s')/ICMPv6ND_NS(tgt='%s')" % (ether, local, local),
		               "%s/IPv6(src='fe80::1', dst='ff02::1')/ICMPv6ND_NA(tgt='fe80::1')" % ether,
		               "%s/IPv6(src='fe80::1', dst='ff02::16', hlim=1)/IPv6ExtHdrHopByHop()/ICMPv6MLReport2()" % ether,
		               "%s/PPPoED()" % ether]
		tagged = [f.replace(")/", ")/Dot1Q(vlan=%d)/" % v, 1) for f in frames[:6] for v in (0, 1, 5)]
		tagged += [f.replace("')/", "', type=0x88a8)/Dot1Q(vlan=7)/Dot1Q(vlan=5)/", 1) for f in frames[:3]]
		odd = ["Dot3(src='%s', dst='01:80:c2:00:00:00')/LLC()/STP()" % mac,
		       "Ether(src='%s', dst='01:80:c2:00:00:0e', type=0x88cc)/bytes.fromhex('020704020000000a')" % mac,
		       "Ether(src='%s', dst='01:80:c2:00:00:03', type=0x888e)/b'eapol'" % mac,
		       "Ether(src='%s', dst='cf:00:00:00:00:00', type=0x9000)/bytes(46)" % mac,
		       "Ether(src='%s', dst='%s', type=0x88e5)/bytes(46)" % (mac, port),
		       "Ether(src='%s', dst='%s', type=0x8847)/bytes.fromhex('00005140')/IP(dst='10.0.0.1')" % (mac, port),
		       "Ether(src='%s', dst='%s', type=0x0800)" % (mac, port),
		       "Ether(src='%s', dst='%s', type=0x0806)/b'short'" % (mac, port)]
		print("\n".join(frames + tagged + odd))
	END
}

# node_tries NODE ADDRESS MAC: all of that; prints how many frames were sent.
node_tries() {
	local -a all
	mapfile -t all < <(frames "$2" "$3" "$(mac_of h1 "p$1")")
	craft "n$1" eth0 "${all[@]}" || return
	echo ${#all[@]}
}

# A sender is there before the agent: it hears its own address, the host must not, not even at the moment of attaching.
before_and_after() {
	local before
	before=$(host_stack)
	ip -n "$NET-nA" route add 192.0.2.1 dev eth0
	ip -n "$NET-nA" neigh add 192.0.2.1 lladdr "$(mac_of h1 pA)" dev eth0
	net_background nA $PYTHON "$HERE/traffic.py" udp-send 192.0.2.1 9999 0 1 >/dev/null
	check "a port is down until its agent has closed it" \
		eval '! ip -n "$NET-h1" -br link show pA | grep -q "UP,LOWER_UP"'
	agent h1 "$VNETS" "$RULES" "$(list mappings "$(mapping_json Z 10.0.0.3 2)")" \
		"$(list nodes "$(node_json A Z 10.0.0.2 $MAC_A)" "$(node_json T Z 10.0.0.6 $MAC_T)")" || return
	wait_for 5 "300 frames of the sender are dropped" eval '[ "$(all_drops pA)" -ge 300 ]' || return
	net_kill "$NET_PID"
	check "of a node that sends all the time, nothing came through while its port was opened" \
		same "$(host_stack) $(heard)" "$before "
}

node_to_host() {
	local name=$1 before sent dropped
	dropped=$(all_drops "p$name") before=$(host_stack)
	sent=$(node_tries "$@")
	check "$name: each of $sent frames to its host is dropped for a reason" wait_for 2 "drops" \
		eval '[ "$(all_drops "p$name")" -eq $((dropped + sent)) ]'
	check "$name: the host's stack saw none of them" same "$(host_stack)" "$before"
	check "$name: nor did what listens on every address" same "$(heard)" ""
	check "$name: the host learned no neighbour from it" same "$(ip -n "$NET-h1" neigh show dev "p$name")" ""
	check "$name: nor a route" same "$(ip -n "$NET-h1" -6 route show | grep -c 2001:db8:bad)" 0
}

# host_tries PORT ADDRESS MAC: in host 1, as root; prints how many ways there were to send something.
host_tries() {
	net_in h1 $PYTHON - "$1" "$2" "$3" <<-'END'
		import errno, logging, socket, struct, sys
		logging.getLogger("scapy").setLevel(logging.ERROR)
		from scapy.layers.inet import ICMP, IP, UDP
		from scapy.layers.inet6 import IPv6
		from scapy.layers.l2 import ARP, Ether
		port, address, mac = sys.argv[1:]
		ways = 0
		def attempt(family, kind, protocol, options, data, to):
		    global ways
		    try:
		        s = socket.socket(family, kind, protocol)
		        s.settimeout(0.05)
		        for level, name, value in options:
		            s.setsockopt(level, name, value)
		        s.sendto(data, to) if kind != socket.SOCK_STREAM else s.connect(to)
		        ways += 1
		    except OSError as error: # refused by the guard, or never answered
		        ways += isinstance(error, TimeoutError) or error.errno == errno.ENOBUFS
		device = (socket.SOL_SOCKET, socket.SO_BINDTODEVICE, port.encode())
		for mark in (0, 1, 0x6f76, 0xffffffff, 0x4f56):
		    marked = (socket.SOL_SOCKET, socket.SO_MARK, struct.pack('I', mark))
		    for extra in ((), ((socket.SOL_SOCKET, socket.SO_PRIORITY, 6),)):
		        for options in ((marked,) + extra, (marked, device) + extra):
		            attempt(socket.AF_INET, socket.SOCK_DGRAM, 0, options, b"udp", (address, 9))
		            attempt(socket.AF_INET, socket.SOCK_STREAM, 0, options, b"", (address, 9))
		            attempt(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW, options,
		                    bytes(IP(dst=address) / ICMP()), (address, 0))
		            attempt(socket.AF_INET, socket.SOCK_DGRAM, 0,
		                    options + ((socket.SOL_SOCKET, socket.SO_BROADCAST, 1),), b"all", ("255.255.255.255", 9))
		sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
		sender.bind((port, 0))
		for frame in (Ether(dst=mac) / IP(src="10.0.0.1", dst=address) / UDP() / b"x",
		              Ether(dst=mac) / IPv6(src="fe80::2", dst="ff02::1") / UDP() / b"x",
		              Ether(dst="ff:ff:ff:ff:ff:ff") / ARP(psrc="10.0.0.1", pdst=address),
		              Ether(dst=mac, type=0x88b5) / b"experiment"):
		    try:
		        sender.send(bytes(frame))
		    except OSError as error:
		        assert error.errno == errno.ENOBUFS
		    ways += 1
		print(ways)
	END
}

host_to_node() {
	local name=$1 address=$2 mac=$3 before tried
	before=$(drops h1 "p$name" host_to_port)
	capture "from_host" "n$name" eth0
	ip -n "$NET-h1" route add "$address" dev "p$name" src 192.0.2.1
	ip -n "$NET-h1" neigh replace "$address" lladdr "$mac" dev "p$name"
	tried=$(host_tries "p$name" "$address" "$mac")
	net_in h1 ping -c 2 -i 0.01 -W 1 "$address" >/dev/null 2>&1
	ip -n "$NET-h1" neigh del "$address" dev "p$name"
	net_in h1 ping -c 1 -W 1 -I "p$name" "$address" >/dev/null 2>&1
	# Somebody switches IPv6 on again there.
	net_in h1 sysctl -qw "net.ipv6.conf.p$name.disable_ipv6=0"
	net_in h1 ping -c 1 -W 1 "ff02::1%p$name" >/dev/null 2>&1
	net_in h1 sysctl -qw "net.ipv6.conf.p$name.disable_ipv6=1"
	ip -n "$NET-h1" route del "$address" dev "p$name"
	capture_end from_host
	check "the host tries to reach $name in many ways ($tried)" at_least "$tried" 40
	check "... all are refused as host_to_port" drops_reach h1 "p$name" host_to_port $((before + tried))
	check "... and $name hears nothing" same "$(tcpdump -nr "$WORK/from_host.pcap" 2>/dev/null)" ""
}

# reaches ADDRESS: from the router, over the substrate.
reaches() {
	: >"$WORK/heard-9999"
	net_in r nc -z -w 1 "$1" 9999 2>/dev/null
	echo x | net_in r timeout 1 nc -u -w 0 "$1" 9999 2>/dev/null
	grep -q . "$WORK/heard-9999"
}

from_substrate() {
	local address
	check "the host's own address, VNI 0, is reached over the substrate" reaches fd00:1:0:1::1
	check "and its uplink's" reaches fd00:ffff:0:1::2
	for address in fd00:1:0:1:0:4d:a00:2 fd00:1:0:1:0:4d:a00:63 fd00:1:0:1:0:1:0:1 fd00:1:0:1:ff:ffff:: \
		fd00:1:0:1:1400:4d:a00:2; do
		check_not "what listens on every address is not reached at $address" reaches "$address"
	done
	check "... which is counted" drops_reach h1 up0 other_vnet 5
}

# The programs go on without their agent; and when they are taken off, the port is down.
without_agent() {
	local before port
	port=$(mac_of h1 pA)
	agent_stop h1
	: >"$WORK/heard-9999"
	before=$(host_stack)
	must "all frames once more, without an agent" node_tries A 10.0.0.2 $MAC_A >/dev/null
	check "with no agent running, the host still hears nothing of its node" same "$(host_stack) $(heard)" "$before "
	agent_start h1
	ctl h1 stop detach >/dev/null
	wait_for 5 "the agent's end" test ! -e "/sys/fs/bpf/ovnet/$NET-h1"
	# The frame is refused, for want of a carrier.
	craft nA eth0 "Ether(src='$MAC_A', dst='$port')/IP(src='10.0.0.2', dst='192.0.2.1')/UDP(dport=9999)/b'x'" 2>/dev/null
	check "nor when everything of the agent was taken out" same "$(host_stack) $(heard)" "$before "
	check "... since its port is down" same "$(ip -n "$NET-h1" -o link show pA up)" ""
}

must "namespaces" topology
must "an agent while a node sends" before_and_after
node_to_host A 10.0.0.2 $MAC_A
node_to_host T 10.0.0.6 $MAC_T
host_to_node A 10.0.0.2 $MAC_A
host_to_node T 10.0.0.6 $MAC_T
from_substrate
without_agent
