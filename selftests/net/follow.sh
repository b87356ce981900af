#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What happens around an agent: ports come, go and change, nodes move, uplinks, routers and routes are others.
#
#   A 10.0.0.2 ------ pA       up0 --- ROUTER r --- up0 HOST 2 --- G 10.0.0.3, moves to host 3
#   B 10.0.0.4 ------ pB HOST 1           |    `--- up0 HOST 3
#   T 10.0.0.5, tap - pT       up1 --- ROUTER q                               all in vnet Z
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"

A=10.0.0.2 G=10.0.0.3 B=10.0.0.4 T=10.0.0.5
MAC_A=02:00:00:00:00:0a MAC_G=02:00:00:00:00:0b
MEMBERS=("$(list vnets '{"name": "Z", "vni": 77}')"
	"$(list rules "$(rule_json Z any any icmp any allow)" "$(rule_json Z $A $G tcp 5201 allow)")")

# No command of a test may wait for ever.
ctl() {
	timeout 10 "$BIN/ovnetctl" -i "$NET-$1" "${@:2}"
}

gone() {
	! kill -0 "$1" 2>/dev/null
}

# ends HOST: as agent_stop, but bounded.
ends() {
	local pid
	eval "pid=\$AGENT_$1"
	kill "$pid" && wait_for 10 "ovnetd of $1 ends" gone "$pid"
}

# file1 A's-MAC HOST-OF-G: the configuration of host 1; file N NODES [MAPPING]: of host N, where G is or was.
file1() {
	UPLINKS='"up0", "up1"' config h1 "${MEMBERS[@]}" "$(list mappings "$(mapping_json Z $G "$2")")" "$(list nodes \
		"$(node_json A Z $A "$1")" "$(node_json B Z $B 02:00:00:00:00:0e)" "$(node_json T Z $T 02:00:00:00:00:0f)")"
}

file() {
	config "h$1" "${MEMBERS[@]}" "$2" \
		"$(list mappings "$(mapping_json Z $A 1)" "$(mapping_json Z $B 1)" "$(mapping_json Z $T 1)" "${@:3}")"
}

# wire ROUTER HOST UPLINK N: an uplink of the host, with the addresses of link N.
wire() {
	ip link add "$2" netns "$NET-$1" type veth peer name "$3" netns "$NET-$2" &&
		ip -n "$NET-$1" addr add "fd00:ffff:0:$4::1/64" dev "$2" nodad &&
		ip -n "$NET-$2" addr add "fd00:ffff:0:$4::2/64" dev "$3" nodad &&
		ip -n "$NET-$1" link set "$2" up && ip -n "$NET-$2" link set "$3" up
}

# plug NODE HOST MAC: a node that is there gets a port again.
plug() {
	ip link add "p$1" netns "$NET-$2" type veth peer name eth0 netns "$NET-n$1" address "$3" &&
		ip -n "$NET-n$1" addr add "$(eval "echo \$$1")/24" dev eth0 &&
		ip -n "$NET-n$1" link set eth0 mtu 1472 up
}

# lost: ends the ping, and prints how many got no answer. What runs in $(...) cannot wait() for it.
lost() {
	kill -INT "$PING_PID" && wait_for 5 "ping ends" grep -q 'packets transmitted' "$WORK/ping"
	awk '/packets transmitted/ { print $1 - $4 }' "$WORK/ping"
}

pings() {
	net_in "n$1" ping -c 1 -W 1 "$2"
}

talks() {
	wait_for 5 "$1 pings $2" pings "$1" "$2"
}

# port NAME EXPRESSION: of host 1, called p.
port() {
	ctl_holds h1 "[p for p in d['ports'] if p['name'] == '$1' and ($2)]" port list
}

port_becomes() {
	wait_for 5 "port of $1: $2" port "$1" "$2"
}

# down INTERFACE: it is there on host 1, and it is down.
down() {
	ip -n "$NET-h1" -o link show "$1" | grep -q 'state DOWN'
}

# sessions EXPRESSION: of A's sessions in host 1's kernel, a list s of when they were made.
sessions() {
	bpftool -j map dump pinned "/sys/fs/bpf/ovnet/$NET-h1/maps/sessions" | $PYTHON -c "
import json, sys
s = [e['formatted'] for e in json.load(sys.stdin)]
s = [e['value']['created_ns'] for e in s if e['key']['local'] == [10, 0, 0, 2]]
assert $1, s"
}

# legacy: what a new port must not inherit from A's old one; heir HOW: A's port was made anew, and has not.
legacy() {
	ctl h1 rule add vnet Z from $A to $G protocol tcp port 7000 verdict allow >/dev/null
	check "A pings G" talks A $G
	check "... and has a session" sessions s
	BEFORE=$($PYTHON -c 'import time; print(time.clock_gettime_ns(time.CLOCK_BOOTTIME))')
	EPOCH=$(ctl h1 -j port list | $PYTHON -c '
import json, sys
print(*(p["epoch"] for p in json.load(sys.stdin)["ports"] if p["name"] == "A"))')
}

heir() {
	check "$1: the node talks again" eval 'port_becomes A "p[\"state\"] == \"up\"" && talks A $G'
	check "... with another epoch" port A "p['epoch'] != '$EPOCH'"
	check "... its old sessions are gone" sessions "s and min(s) > $BEFORE"
	check "... and the rule made by hand" ctl_holds h1 \
		"d['rules'] and not [r for r in d['rules'] if r['origin'] == 'control']" rule list
}

topology() {
	substrate 3 && net_space q || return
	net_in q sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
	wire q h1 up1 11 && ip link add q netns "$NET-r" type veth peer name r netns "$NET-q" &&
		ip -n "$NET-r" addr add fd00:ffff:0:12::1/64 dev q nodad && ip -n "$NET-r" link set q up &&
		ip -n "$NET-q" addr add fd00:ffff:0:12::2/64 dev r nodad && ip -n "$NET-q" link set r up &&
		ip -n "$NET-q" -6 route add default via fd00:ffff:0:12::1 || return
	node A h1 $A $MAC_A && node G h2 $G $MAC_G
	NET_INSTANCES+=("h1=$NET-h1" "h2=$NET-h2" "h3=$NET-h3")
	file1 $MAC_A 2
	file 2 "$(list nodes "$(node_json G Z $G $MAC_G)")"
	file 3 "$(list nodes "$(node_json G Z $G $MAC_G)")"
	agent_start h1 && agent_start h2 &&
		wait_for 10 "host 1 reaches host 2" hosts_reachable h1 && wait_for 10 "host 2 reaches host 1" hosts_reachable h2
}

appears() {
	check "A pings G" talks A $G
	check "a port that is not there is absent" port B "p['state'] == 'absent'"
	node B h1 $B 02:00:00:00:00:0e
	check "a port that comes later is taken" port_becomes B "p['state'] == 'up'"
	check "... B pings G, and A" eval 'talks B $G && talks B $A'
	node_tap T h1 $T 02:00:00:00:00:0f
	check "so is a tap" port_becomes T "p['state'] == 'up' and p['delivery'] == 'port'"
	check "... T pings G, and A; G and B ping T" eval 'talks T $G && talks T $A && talks G $T && talks B $T'
}

recreated() {
	legacy
	ip -n "$NET-h1" link del pA
	check "a port is deleted: absent" port_becomes A "p['state'] == 'absent'"
	check "... no session of the node, no rule, no mapping" eval "
		ctl_holds h1 \"not [s for s in d['sessions'] if s['local'] == '$A']\" session list &&
		ctl_holds h1 \"not [r for r in d['rules'] if '$A' in (r['local'], r['peer'])]\" rule list &&
		ctl_holds h1 \"not [m for m in d['mappings'] if m['address'] == '$A']\" mapping list"
	plug A h1 $MAC_A
	heir "made again under its name"
	legacy
	ends h1
	ip -n "$NET-h1" link del pA
	plug A h1 $MAC_A
	check_not "made again while no agent runs: no way in" pings A $G
	agent_start h1
	heir "the agent is back"
}

renamed() {
	legacy
	ip -n "$NET-h1" link set pA name pX
	check "a port is renamed: absent" port_becomes A "p['state'] == 'absent'"
	check "... and the interface is down" down pX
	check_not "... A is off" pings A $G
	ip -n "$NET-h1" link set pX name pA
	heir "renamed back"
	ends h1
	ip -n "$NET-h1" link set pA name pX
	agent_start h1
	check "renamed while no agent runs: absent" port A "p['state'] == 'absent'"
	check "... and the interface is down" down pX
	ends h1
	ip -n "$NET-h1" link set pX name pA up
	agent_start h1
	ends h1
	ip -n "$NET-h1" link set pA name pX
	ip -n "$NET-h1" link add pA type veth peer name stranger
	agent_start h1
	check "another one has its name by then: it is the port" port A "p['state'] == 'up'"
	check "... and the old one is down" down pX
	ip -n "$NET-h1" link del pA
	ip -n "$NET-h1" link set pX name pA
	check "renamed back" eval 'port_becomes A "p[\"state\"] == \"up\"" && talks A $G'
}

resized() {
	large() { net_in nG ping -c 1 -W 1 -M do -s 1400 $A; }
	check "a port's MTU is in the port list" port A "p['mtu'] == 1500"
	check "a packet of 1428 octets arrives" large
	ip -n "$NET-h1" link set pA mtu 1400
	check "... changed" port_becomes A "p['mtu'] == 1400"
	check_not "... and obeyed: 1428 octets are refused" large
	check "... and counted as too_big" drops_reach h1 up0 too_big 1
	ip -n "$NET-h1" link set pA mtu 1500
	check "... and back" eval 'port_becomes A "p[\"mtu\"] == 1500" && large'
}

# The node's MAC address is another in the file, and then in the node.
other_mac() {
	local new=02:00:00:00:00:1a before
	check "A pings G" talks A $G
	before=$(drops h1 pA spoofed_mac)
	file1 $new 2
	check "another MAC address in the file: reload" ctl_holds h1 "d['changed']['nodes'] == 2" reload
	check "... sessions of the old one are gone" ctl_holds h1 "not [s for s in d['sessions'] if s['local'] == '$A']" \
		session list
	check_not "... the old one is refused" pings A $G
	check "... as spoofed_mac" drops_reach h1 pA spoofed_mac $((before + 1))
	ip -n "$NET-nA" link set eth0 address $new
	check "... the new one talks, with G and B" eval 'talks A $G && talks A $B && talks B $A && talks G $A'
}

# G stops on host 2 and starts on host 3, while A pings it.
moved() {
	local mac
	mac=$(dummy_mac A $G)
	must "A pings G" ping_begins nA $G
	file 2 '"nodes": []' "$(mapping_json Z $G 3)"
	check "G is taken off host 2" ctl_holds h2 "d['changed']['nodes'] == 1" reload
	ip -n "$NET-h2" link del pG
	must "G on host 3" plug G h3 $MAC_G
	agent_start h3
	check "host 3 has G" wait_for 5 "G" ctl_holds h3 "[p['state'] for p in d['ports']] == ['up']" port list
	check "host 3 reaches host 1" wait_for 10 "a next hop" hosts_reachable h3
	net_in nG ping -c 1 -W 1 $A >/dev/null
	check "host 1 takes nothing from there before it knows" drops_reach h1 up0 forged_source 1
	file1 02:00:00:00:00:1a 3
	check "the mapping is changed: reload" ctl_holds h1 \
		"(d['changed']['nodes'], d['changed']['mappings']) == (0, 1)" reload
	check "... the ping goes on" ping_advances
	check "... to host 3" ctl_holds h1 \
		"[m['substrate'][:11] for m in d['mappings'] if m['address'] == '$G'] == ['fd00:1:0:3:']" mapping list
	check "... by the MAC address that A knows" same "$(dummy_mac A $G)" "$mac"
	check "... G pings A" talks G $A
	lost >/dev/null
}

# goes_by DEVICE MAC: A's packets to G.
goes_by() {
	ctl_holds h1 "[(m['nexthop_device'], m['nexthop_mac'])
for m in d['mappings'] if m['address'] == '$G'] == [('$1', '$2')]" mapping list
}

mac_of() {
	ip -n "$NET-$1" -o link show "$2" | sed -E 's/.*link\/ether ([0-9a-f:]+).*/\1/'
}

rerouted() {
	local new=02:00:00:00:01:01
	must "A pings G" ping_begins nA $G
	# As routers do, it tells its neighbours.
	net_in r sysctl -qw net.ipv6.conf.h1.ndisc_notify=1
	ip -n "$NET-r" link set h1 address $new
	check "the router has another MAC address: followed" wait_for 10 "the next hop" goes_by up0 $new
	check "... and the ping goes on" ping_advances
	ip -n "$NET-h1" -6 route add fd00:1:0:3::/64 via fd00:ffff:0:11::1
	check "a route by another router: followed" wait_for 10 "the next hop" goes_by up1 "$(mac_of q h1)"
	check "... and the ping goes on" ping_advances
	check "few answers are lost in all of it" at_most "$(lost)" 100

	must "A pings G" ping_begins nA $G
	ip -n "$NET-h1" link del up1
	check "that uplink is removed: the other is taken" wait_for 10 "the next hop" goes_by up0 $new
	check "... and the ping goes on" ping_advances
	check "... status says so" ctl_holds h1 \
		"[(u['name'], u['state']) for u in d['uplinks']] == [('up0', 'attached'), ('up1', 'absent')]" status
	wire q h1 up1 11
	check "added again: attached" wait_for 5 "up1" ctl_holds h1 "{u['state'] for u in d['uplinks']} == {'attached'}" status
	ip -n "$NET-h1" -6 route add fd00:1:0:3::/64 via fd00:ffff:0:11::1
	check "... and used" wait_for 10 "the next hop" goes_by up1 "$(mac_of q h1)"
	check "... and the ping goes on" ping_advances
	lost >/dev/null
}

# The only uplink of a host.
cut_off() {
	local_routes() { ip -n "$NET-h3" -6 route show table local | grep -c '^local fd00:1:0:3::/64'; }
	check "the prefix is the host's own" same "$(local_routes)" 1
	ip -n "$NET-h3" link del up0
	check "a host without uplink: absent" wait_for 5 "up0" ctl_holds h3 "d['uplinks'][0]['state'] == 'absent'" status
	check "... the prefix is not its own any more" same "$(local_routes)" 0
	check_not "... A does not reach G" pings A $G
	must "the uplink is back" wire r h3 up0 3
	ip -n "$NET-h3" -6 route add default via fd00:ffff:0:3::1
	ip -n "$NET-r" -6 route add fd00:1:0:3::/64 via fd00:ffff:0:3::2
	check "the uplink is back: attached" wait_for 5 "up0" ctl_holds h3 "d['uplinks'][0]['state'] == 'attached'" status
	check "... the prefix is its own" same "$(local_routes)" 1
	check "... A reaches G, G reaches A" eval 'talks A $G && talks G $A'
}

must "hosts and nodes" topology
appears
recreated
renamed
resized
other_mac
moved
rerouted
cut_off
