#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Hosts get other keys, and leave the list of hosts: what was admitted goes on to its grant's end, and no further unless the key is the
# one that the list has.
#
#   A 10.0.0.2 --- HOST 1 up0 --- ROUTER --- up0 HOST 2 --- G 10.0.0.3        in vnet Z
#
# Streams: A to G on 9000, G to A on 9001.
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/net/fleet.sh
. "$(dirname "$0")/fleet.sh"

A=10.0.0.2 G=10.0.0.3
GRANT_S=12
VNETS="\"vnets\": [{\"name\": \"Z\", \"vni\": 77, \"authorization\": \"negotiated\", \"grant_lifetime\": $GRANT_S}]"

# To each other's services, and to a port that is asked for by itself.
host1() {
	fleet_config h1 "$VNETS" "$(list nodes "$(member A Z $A 02:00:00:00:00:0a)")" "$(list mappings "$(where G Z $G 2)")" \
		"$(list policies "$(policy 1 Z any allow udp/9001 node:A)")"
}

host2() {
	fleet_config h2 "$VNETS" "$(list nodes "$(member G Z $G 02:00:00:00:00:0c)")" "$(list mappings "$(where A Z $A 1)")" \
		"$(list policies "$(policy 2 Z any allow udp/9000 node:G)")"
}

topology() {
	substrate 2 || return
	node A h1 $A 02:00:00:00:00:0a
	node G h2 $G 02:00:00:00:00:0c
	fleet 2 && host1 && host2 || return
	NET_INSTANCES+=("h1=$NET-h1" "h2=$NET-h2")
	agent_start h1 && agent_start h2 && wait_for 10 "next hops" eval 'hosts_reachable h1 && hosts_reachable h2' &&
		receiver G 9000 && receiver A 9001 && stream A udp $G 9000 && stream G udp $A 9001 && grows 9000 && grows 9001 &&
		knows A $G && knows G $A
}

# knows NODE ADDRESS: from now on, also when ARP is answered no more: then it sends all the same.
knows() {
	ip -n "$NET-n$1" neigh replace "$2" lladdr "$(dummy_mac "$1" "$2")" dev eth0 nud permanent
}

# new_key HOST: another one for it, in all files that are written from now on; the former is kept beside it.
new_key() {
	cp "$WORK/$1.key" "$WORK/$1.former" && rm "$WORK/$1.key"
	eval "FORMER=\$KEY_$1; KEY_$1=\$(\"$BIN/ovnetctl\" key new host \"$WORK/$1.key\" | tail -n 1)"
}

# lost PORT: messages that did not arrive, of those numbered up to the last one that did.
lost() {
	awk '{ if (NR == 1) first = $4; last = $4 } END { print last - first + 1 - NR }' "$WORK/$1"
}

restarted() {
	agent_stop "$1"
	agent_start "$1"
}

# ends_ns HOST: when the latest of what it has granted does.
ends_ns() {
	bpftool -j map dump pinned "/sys/fs/bpf/ovnet/$NET-$1/maps/rules" | $PYTHON -c '
import json, sys
values = [each["formatted"]["value"] for each in json.load(sys.stdin)]
print(max([v["expires_ns"] for v in values if v["origin"] in (3, "ORIGIN_NEGOTIATED") and v["verdict"] in (1, "VERDICT_ALLOW")], default=0))'
}

# As the manual says: the new key into both files, the host restarts, the other reloads.
changed() {
	new_key h1
	host1
	host2
	must "host 1 starts with another key" restarted h1
	check "the other host reloads" ctl h2 reload
	check "both streams go on past the life of a grant" wait_for 30 "time" \
		rules h1 "r['verdict'] == 'allow' and r['port'] == 9000 and r['age_s'] > $((GRANT_S + 1))"
	check "... in both directions" eval "grows 9000 && grows 9001"
	check "... by handshakes with the new key" at_least "$(engine h2 handshakes)" 1
	check "... and no packet was lost" same "$(lost 9000) $(lost 9001)" "0 0"
}

# The directory of host 2 has the new key, and host 1 still the former.
refused() {
	local ends before
	before=$(engine h2 bad_claim)
	new_key h1
	host2
	check "host 2 has another key for host 1, which does not have it" ctl h2 reload
	# A renewal that was answered just before the reload may have come in.
	check "... what was granted goes on" eval "grows 9000 && grows 9001"
	ends=$(ends_ns h1)
	check "the former key is refused" wait_for 15 "a claim" eval "[ \$(engine h2 bad_claim) -gt $before ]"
	check "... until then what was granted was the life of its grant" wait_for 20 "its end" no_rules h1 "r['verdict'] == 'allow' and r['port'] == 9000"
	check "... at its end the streams stop" eval "idle 9000 && idle 9001"
	check "... and not later" at_most "$(last 9000)" $((ends + 700000000))
	check "... nor before" at_least "$(last 9000)" $((ends - 700000000))
	check "... host 1, asked under its new key, does not understand" at_least "$(engine h1 bad_mac)" 1
	check_not "... and a first contact is refused" net_in nA ping -c 1 -W 1 $G
	host1
	must "host 1 starts with the new key" restarted h1
	check "with its new key both are heard" eval "grows 9000 && grows 9001"
	cp "$WORK/h1.key" "$WORK/h1.new" && cp "$WORK/h1.former" "$WORK/h1.key" && agent_stop h1
	check "with the former key in place of the new one the agent does not start" eval \
		"! net_in h1 '$BIN/ovnetd' --config '$WORK/$NET-h1.json' 2>'$WORK/refused' && grep -q 'is not the key' '$WORK/refused'"
	cp "$WORK/h1.new" "$WORK/h1.key" && must "host 1 starts" agent_start h1
	check "... nothing was disturbed by that" eval "grows 9000 && grows 9001"
}

# idle PORT: nothing came there while 100 packets were dropped where they were sent.
idle() {
	local before host=h1 port=pA dropped
	[ "$1" = 9000 ] || { host=h2 port=pG; }
	before=$(messages "$1") dropped=$(drops_of $host $port)
	wait_for 5 "drops" eval "[ \$(drops_of $host $port) -ge $((dropped + 100)) ]" && same "$(messages "$1")" "$before"
}

drops_of() {
	ctl "$1" -j drop list | $PYTHON -c '
import json, sys
print(sum(int(d["packets"]) for d in json.load(sys.stdin)["drops"] if d["interface"] == sys.argv[1]))' "$2"
}

# Host 1 is not of the network any more: it is in no list but its own, and still has the authority's key.
put_out() {
	local before
	sed -i 's/{"name": "h1", "locator": "fd00:1:0:1::\/64", "key": "[^"]*"}, //; s/"mappings": \[[^]]*\]/"mappings": []/' \
		"$WORK/$NET-h2.json"
	before=$(engine h2 bad_claim)
	check "host 1 is taken out of the list of host 2" ctl h2 reload
	check "... it is asked no more" ctl_holds h2 "d['peers'] == []" peer list
	check "... what it asks is refused, though its passport is good" wait_for 15 "a claim" eval "[ \$(engine h2 bad_claim) -gt $before ]"
	check "... its streams end with their grants" wait_for 20 "their end" eval "idle 9000 && idle 9001"
	must "host 1 starts anew" restarted h1
	check "... nor does a start help it" eval "idle 9000 && idle 9001"
	must "host 2 starts anew" restarted h2
	check "... or one of host 2, which has never heard of it then" eval "idle 9000 && idle 9001"
	check_not "... a first contact is refused" net_in nA ping -c 1 -W 1 $G
	host2
	check "it is taken into the list again" ctl h2 reload
	check "... and its streams go on" eval "grows 9000 && grows 9001"
}

must "hosts, nodes and agents" topology
changed
refused
put_out
