#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Rules decide: refused, denied, by hand, for a time, between nodes of one host; and what an operator sees of it.
#
#   A 10.0.0.2 ---.
#                  HOST 1 up0 --- ROUTER --- up0 HOST 2 --- G 10.0.0.3        all in vnet Z
#   B 10.0.0.4 ---'
. "$(dirname "$0")/lib.sh"

VNETS=$(list vnets '{"name": "Z", "vni": 77}')
RULES=$(list rules "$(rule_json Z 10.0.0.2 any icmp any allow)" "$(rule_json Z 10.0.0.2 10.0.0.3 tcp 5201 allow 0 11)" \
	"$(rule_json Z 10.0.0.2 10.0.0.4 tcp 5201 allow)" "$(rule_json Z 10.0.0.2 10.0.0.3 udp any allow)" \
	"$(rule_json Z 10.0.0.2 10.0.0.3 udp 53 deny 0 12)")
A=10.0.0.2 B=10.0.0.4 G=10.0.0.3

topology() {
	substrate 2 &&
		node A h1 $A 02:00:00:00:00:0a && node B h1 $B 02:00:00:00:00:0e && node G h2 $G 02:00:00:00:00:0b &&
		agent h1 "$VNETS" "$RULES" "$(list mappings "$(mapping_json Z $G 2)")" \
			"$(list nodes "$(node_json A Z $A 02:00:00:00:00:0a)" "$(node_json B Z $B 02:00:00:00:00:0e)")" &&
		agent h2 "$VNETS" "$RULES" "$(list nodes "$(node_json G Z $G 02:00:00:00:00:0b)")" \
			"$(list mappings "$(mapping_json Z $A 1)" "$(mapping_json Z $B 1)")" &&
		wait_for 10 "host 1 reaches host 2" hosts_reachable h1 &&
		wait_for 10 "host 2 reaches host 1" hosts_reachable h2
}

# receiver SPACE PORT: what arrives there is written to $WORK/PORT, one line a message.
receiver() {
	: >"$WORK/$2"
	net_background "$1" $PYTHON "$HERE/traffic.py" receive "$2" >"$WORK/$2"
	wait_for 5 "a receiver on $2" listens "$1" u "$2"
}

# connects FROM ADDRESS PORT
connects() {
	net_in "$1" nc -z -w 1 "$2" "$3"
}

boot_ns() {
	$PYTHON -c 'import time; print(time.clock_gettime_ns(time.CLOCK_BOOTTIME))'
}

lines() {
	wc -l <"$WORK/$1"
}

# last_ns FILE: when the last message came.
last_ns() {
	awk 'END { print $5 }' "$WORK/$1"
}

refused() {
	receiver nG 5201
	check "the port that is allowed" connects nA $G 5201
	check_not "a port that no rule covers is refused" connects nA $G 22
	check "... at the sender's host, as no_rule" drops_reach h1 pA no_rule 1
	check "... and nothing of it came to the other host" same "$(drops h2 up0 no_rule)" 0
	check_not "the same port is refused in the other direction" connects nG $A 5201
	check "... no_rule again, at G's host" drops_reach h2 pG no_rule 1
	check_not "another node is refused" connects nB $G 5201
	check "... it does not even learn G's MAC address" drops_reach h1 pB arp_refused 1
}

denied() {
	receiver nG 53
	receiver nG 54
	net_in nA $PYTHON "$HERE/traffic.py" udp-send $G 53 3 1 >/dev/null
	net_in nA $PYTHON "$HERE/traffic.py" udp-send $G 54 3 1 >/dev/null
	check "a wide allow" wait_for 2 "three datagrams to port 54" eval '[ $(lines 54) -eq 3 ]'
	check "... with a narrow deny beside it, which holds" same "$(lines 53)" 0
	check "... and is counted as rule_deny" same "$(drops h1 pA rule_deny)" 3
}

local_delivery() {
	receiver nB 5201
	capture wire r h1 ip6 and net fd00:1::/32
	check "two nodes of one host" connects nA $B 5201
	check_not "... are refused what no rule covers" connects nA $B 5202
	check_not "... and the direction that is not allowed" connects nB $A 5201
	capture_end wire
	check "nothing of it was on the substrate" same "$(captured wire)" 0
	check "a session at each of the two" ctl_holds h1 \
		"sorted((s['local'], s['opened'], s['where']) for s in d['sessions'] if s['protocol'] == 'tcp' and
		5201 in (s['local_port'], s['peer_port']) and '$B' in (s['local'], s['peer'])) ==
		[('$A', 'out', 'local'), ('$B', 'in', 'local')]" \
		session list
}

by_hand() {
	local words="vnet Z from $A to $G protocol tcp port 7000"
	receiver nG 7000
	check_not "refused before the rule" connects nA $G 7000
	check "rule add, at the sender's host" ctl_holds h1 "d['added'] == 1" rule add $words verdict allow policy 9
	check_not "... is not enough: still refused" connects nA $G 7000
	check "... since the receiver's host refuses" drops_reach h2 up0 no_rule 1
	ctl h2 rule add $words verdict allow >/dev/null
	check "with the rule at both" connects nA $G 7000
	check "rule list shows it" ctl_holds h1 \
		"[(r['direction'], r['local'], r['peer'], r['protocol'], r['port'], r['verdict'], r['origin'], r['policy'],
		r['expires_in_s']) for r in d['rules'] if r['port'] == 7000] ==
		[('out', '$A', '$G', 'tcp', 7000, 'allow', 'control', 9, None)]" \
		rule list
	check "... and counts its hits" ctl_holds h1 "int([r for r in d['rules'] if r['port'] == 7000][0]['hits']) > 0" rule list
	check "rule del" ctl_holds h1 "d['removed'] == 1" rule del $words
	check_not "refused after rule del" connects nA $G 7000
	check_not "a rule that is not there cannot be deleted" ctl h1 rule del $words
	check_not "a rule of the file cannot be deleted by hand" ctl h1 rule del vnet Z from $A to $G protocol tcp port 5201
	ctl h1 rule add $words verdict allow >/dev/null
	ctl h1 rule add vnet Z from $A to $G protocol tcp port 7001 verdict deny >/dev/null
	check "rule flush removes what was made by hand" ctl_holds h1 "d['removed'] == 2" rule flush
	check "... and leaves the file's" ctl_holds h1 "{r['origin'] for r in d['rules']} == {'file'}" rule list
	check "... which still hold" connects nA $G 5201
	check_not "a rule for a vnet that this host does not know is refused" ctl h1 rule add vnet Q from $A to $G verdict allow
	ctl h2 rule flush >/dev/null
}

# The last message under a rule of 4 s, against the end that the rule has in the kernel.
lifetime() {
	local words="vnet Z from $A to $G protocol tcp port 7002" expires
	receiver nG 7002
	ctl h2 rule add $words verdict allow >/dev/null
	ctl h1 rule add $words verdict allow lifetime 4 >/dev/null
	net_background nA $PYTHON "$HERE/traffic.py" tcp-send $G 7002 0 2 >/dev/null
	check "allowed for four seconds" wait_for 3 "messages" eval '[ $(lines 7002) -gt 10 ]'
	expires=$(bpftool map dump pinned "/sys/fs/bpf/ovnet/$NET-h1/maps/rules" -j | $PYTHON -c '
import json, sys
print(*(e["formatted"]["value"]["expires_ns"] for e in json.load(sys.stdin) if e["formatted"]["key"]["port"] == 7002))')
	check "... which the session list shows" ctl_holds h1 \
		"[s['expires_in_s'] < 4 for s in d['sessions'] if s['peer_port'] == 7002] == [True]" session list
	check "the rule ends" wait_for 6 "the rule's end" eval '[ $(boot_ns) -gt $((expires + 300000000)) ]'
	check "nothing passed after its very end" at_most "$(last_ns 7002)" $((expires + 2000000))
	check "all passed until then" at_least "$(last_ns 7002)" $((expires - 1000000000))
	check "counted as rule_expired, until it was swept" drops_reach h1 pA rule_expired 1
	check "the rule is gone from the list" wait_for 3 "the sweep" \
		ctl_holds h1 "not [r for r in d['rules'] if r['port'] == 7002]" rule list
	net_kill "$NET_PID"
}

# Two connections, two rules; one rule goes, at the sender's or at the receiver's host.
revoked_at() {
	local host=$1 gone=$2 stays=$3 words now before
	for port in $gone $stays; do
		receiver nG "$port"
		words="vnet Z from $A to $G protocol tcp port $port"
		ctl h1 rule add $words verdict allow >/dev/null
		ctl h2 rule add $words verdict allow >/dev/null
		net_background nA $PYTHON "$HERE/traffic.py" tcp-send $G "$port" 0 2 >/dev/null
		check "a stream to port $port" wait_for 2 "messages" eval '[ $(lines $port) -gt 10 ]'
	done
	ctl "$host" rule del vnet Z from $A to $G protocol tcp port "$gone" >/dev/null
	now=$(boot_ns)
	before=$(lines "$stays")
	check "the other goes on" wait_for 2 "100 messages more" eval "[ \$(lines $stays) -gt $((before + 100)) ]"
	check "rule del at $host stops an established session at once" at_most "$(last_ns "$gone")" "$now"
	check "... and its entry is removed at the next packet" \
		ctl_holds "$host" "not [s for s in d['sessions'] if $gone in (s['peer_port'], s['local_port'])]" session list
	check "... not that of the other" ctl_holds "$host" \
		"[s['state'] for s in d['sessions'] if $stays in (s['peer_port'], s['local_port'])] == ['established']" session list
	check "the other has all its messages, in order" $PYTHON -c "
numbers = [int(l.split()[3]) for l in open('$WORK/$stays') if ' open ' not in l]
assert numbers == list(range(len(numbers))), 'a gap'"
}

seen() {
	check "ping" net_in nA ping -c 3 -i 0.01 -W 1 -s 100 $G
	check "the session list has all of it, octets of the IPv4 packets" ctl_holds h1 "
[(s['vnet'], s['vni'], s['local'], s['opened'], s['state'], s['where'], s['packets_out'], s['packets_in'],
s['bytes_out'], s['bytes_in'], s['expires_in_s']) for s in d['sessions'] if s['protocol'] == 'icmp']
== [('Z', 77, '$A', 'out', 'active', 'remote', '3', '3', '384', '384', None)]" session list
}

watched() {
	net_background h1 "$BIN/ovnetctl" -i "$NET-h1" -j drop watch >"$WORK/watch"
	check "somebody watches drops" wait_for 3 "a listener" listens_to_drops
	net_in nA nc -z -w 1 -p 4321 $G 23
	check "a drop is told, with all that is known of it" wait_for 3 "an event" watch_told
	net_kill "$NET_PID"
	check "nobody listens any more" wait_for 3 "no listener" fails listens_to_drops
}

listens_to_drops() {
	bpftool map dump pinned "/sys/fs/bpf/ovnet/$NET-h1/maps/listeners" -j |
		holds "d[0]['formatted']['value']['drops'] > 0"
}

watch_told() {
	$PYTHON - "$WORK/watch" <<-END
		import json, sys
		events = [json.loads(line) for line in open(sys.argv[1]) if line.endswith("\n")]
		events = [e.get("event", e) for e in events]
		wanted = {"interface": "pA", "hook": "node", "reason": "no_rule", "vni": 77, "vnet": "Z", "source": "$A",
		          "destination": "$G", "protocol": "tcp", "source_port": 4321, "destination_port": 23, "length": 74}
		assert any(all(e.get(k) == v for k, v in wanted.items()) and e["time"].endswith("Z") for e in events), events
	END
}

must "hosts and nodes" topology
refused
denied
local_delivery
by_hand
lifetime
revoked_at h1 7003 7004
revoked_at h2 7005 7006
seen
watched
