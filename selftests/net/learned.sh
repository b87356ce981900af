#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Where a node is, and who it is, as its host says: learned from the question, for as long as its passport lives; and the latest
# passport counts, whoever shows an earlier one.
#
#   A 10.0.0.2, B 10.0.0.4 --- HOST 1 up0 --- ROUTER --- up0 HOST 2 --- G 10.0.0.3        in vnet Z
#
# Host 2 has no mapping of anybody. Streams: A to G on 9000 (to which all may), on 9001 (group clients).
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/net/fleet.sh
. "$(dirname "$0")/fleet.sh"

A=10.0.0.2 B=10.0.0.4 G=10.0.0.3
VNETS='"vnets": [{"name": "Z", "vni": 77, "authorization": "negotiated", "grant_lifetime": 10, "passport_lifetime": 60}]'
GROUPS_ALL=$(list groups '{"name": "clients"}')
CLAIMANT=$BUILD/selftests/net/claimant

# host1 GROUPS-OF-A
host1() {
	fleet_config h1 "$VNETS" "$GROUPS_ALL" "$(list mappings "$(where G Z $G 2)")" \
		"$(list nodes "$(member A Z $A 02:00:00:00:00:0a "$1")" "$(member B Z $B 02:00:00:00:00:0b)")" \
		"$(list policies "$(policy 3 Z any allow udp/9003 node:A)")"
}

host2() {
	fleet_config h2 "$VNETS" "$GROUPS_ALL" "$(list nodes "$(member G Z $G 02:00:00:00:00:0c)")" \
		"$(list policies "$(policy 1 Z group:clients allow udp/9001 node:G)" \
			"$(policy 2 Z any allow "icmp/echo udp/9000" node:G)")"
}

# learned ADDRESS EXPRESSION: host 2's mapping of it; m is one.
learned() {
	ctl_holds h2 "[m for m in d['mappings'] if m['address'] == '$1' and ($2)]" mapping list
}

unknown() {
	ctl_holds h2 "not [m for m in d['mappings'] if m['address'] == '$1']" mapping list
}

# ends_ns ADDRESS: when host 2's mapping of it does.
ends_ns() {
	bpftool -j map dump pinned "/sys/fs/bpf/ovnet/$NET-h2/maps/mappings" | $PYTHON -c '
import json, sys
for each in (e["formatted"] for e in json.load(sys.stdin)):
    if ".".join(map(str, each["key"]["address"])) == sys.argv[1]:
        print(each["value"]["expires_ns"])' "$1"
}

# later ADDRESS NS: its end is later than that.
later() {
	[ "$(ends_ns "$1")" -gt "$2" ]
}

# answered NODE: its ping to G, in the end: on a slow machine the first question may meet silence.
answered() {
	wait_for 8 "an answer" net_in "n$1" ping -c 1 -W 1 $G
}

# revision ADDRESS: of the passport by which host 2 knows who that is.
revision() {
	bpftool -j map dump pinned "/sys/fs/bpf/ovnet/$NET-h2/maps/identities" | $PYTHON -c '
import json, sys
for each in (e["formatted"] for e in json.load(sys.stdin)):
    if ".".join(map(str, each["key"]["address"])) == sys.argv[1]:
        print(each["value"]["revision"])' "$1"
}

topology() {
	make -s -C "$TOP" B="${BUILD#"$TOP"/}" "${BUILD#"$TOP"/}/selftests/net/claimant" >/dev/null && substrate 2 || return
	node A h1 $A 02:00:00:00:00:0a
	node B h1 $B 02:00:00:00:00:0b
	node G h2 $G 02:00:00:00:00:0c
	fleet 2 && host1 clients && host2 || return
	NET_INSTANCES+=("h1=$NET-h1" "h2=$NET-h2")
	agent_start h1 && agent_start h2 && wait_for 10 "next hops" hosts_reachable h1
	for each in 9000 9001 9002; do receiver G $each; done
	receiver A 9003
}

place() {
	check "host 2 knows nobody" ctl_holds h2 "[m['address'] for m in d['mappings']] == ['$G']" mapping list
	check "A's ping is answered all the same" answered A
	check "its host has said where A is, for as long as its passport lives" learned $A \
		"m['substrate'].startswith('fd00:1:0:1:') and 50 < m['expires_in_s'] <= 60"
	check "now G reaches A" sends G udp $A 9003 5 1
	check "... by a grant of A's host" wait_for 3 "5 messages" eval '[ "$(messages 9003)" = 5 ]'
	check "of B there is nothing yet" unknown $B
	check_not "... so G cannot reach it" net_in nG ping -c 1 -W 1 $B
	check "B's ping is answered" answered B
	check "B's place is learned" learned $B "m['expires_in_s'] <= 60"
}

# B never asks again: what people allow it on both hosts goes on as long as its place is known.
end_of_place() {
	local ends_a ends_b
	ends_a=$(ends_ns $A) ends_b=$(ends_ns $B)
	for host in h1 h2; do
		check "B is allowed more by hand on $host" ctl $host rule add vnet Z from $B to $G protocol udp port 9002 verdict allow
	done
	stream A udp $G 9000
	STREAMS=$NET_PID
	stream A udp $G 9001
	STREAMS="$STREAMS $NET_PID"
	stream B udp $G 9002
	STREAMS="$STREAMS $NET_PID"
	check "streams begin" eval "grows 9000 && grows 9001 && grows 9002"
	check "A goes on asking: its next passport extends its place" wait_for 50 "a later end" later $A "$ends_a"
	check "B's ends when it did" same "$(ends_ns $B)" "$ends_b"
	check "... until then, what it sends is delivered" grows 9002
	check "at its end the place is not valid any more" wait_for 50 "the end" \
		eval "drops_reach h2 up0 mapping_expired 5 || drops_reach h2 up0 unknown_source 5"
	check "nothing of B is delivered from then on" eval "rests 9002 9000 && at_most $(last 9002) $((ends_b + 200000000))"
	check "... and all was delivered until then" at_least "$(last 9002)" $((ends_b - 200000000))
	check "A goes on" eval "grows 9000 && grows 9001"
	check "the place makes room" wait_for 15 "that" unknown $B
	check "... and with it goes what people allowed" ctl_holds h2 "not [r for r in d['rules'] if r['peer'] == '$B']" rule list
	check "B asks again, and is learned again" eval "answered B && learned $B 'True'"
	check "... without what was allowed to it before" rests 9002 9000
}

# claims CLAIM: what host 2 says to it, asked by somebody who has host 1's keys.
claims() {
	net_in h1 "$CLAIMANT" "$WORK/$NET-h1.json" 77 A $A $G 9001 "$1"
}

# answers WORD CLAIM: in the end; on a slow machine an answer may come too late.
answers() {
	wait_for 5 "$1" eval '[ "$(claims '"$2"')" = '"$1"' ]'
}

# unheard CLAIM: it is not answered, and counted as what it is.
unheard() {
	local before
	before=$(engine h2 bad_claim)
	same "$(claims "$1")" silent && at_least "$(engine h2 bad_claim)" $((before + 1))
}

passports() {
	local who former latest each
	who=$(incarnation h1 $A) former=$(revision $A)
	host1 ""
	check "A is of the group no more, by its own host's file" ctl h1 reload
	check "... and by its passport: its stream stops" stops 9001 9000
	check "... the other goes on" grows 9000
	latest=$(revision $A)
	check "... host 2 has seen the later passport" at_least "$latest" $((former + 1))
	# What arrives without a rule is told to who asks here; its answers would be lost among them.
	for each in $STREAMS; do net_kill "$each"; done
	agent_stop h1 KILL
	check "the former passport, shown again by a host that may speak for A, is not heard" unheard "$who:$former:clients"
	check "... nothing is granted" no_rules h2 "r['peer'] == '$A' and r['port'] == 9001 and r['verdict'] == 'allow'"
	agent_stop h2
	must "host 2's agent starts again" agent_start h2
	check "nor is it after a start of host 2's agent, which has it from the kernel's map" answers refused "$who:$former:clients"
	check "... nothing is granted" no_rules h2 "r['peer'] == '$A' and r['port'] == 9001 and r['verdict'] == 'allow'"
	check "... the latest is still the latest" same "$(revision $A)" "$latest"
	check "a later one with the group is granted" answers granted "$who:$((latest + 1)):clients"
	check "... and then the latest is a former one" unheard "$who:$latest"
	check "a former holder of the address is nobody" answers refused "$((who - 1)):$((latest + 2)):clients"
}

must "hosts, nodes and agents" topology
place
end_of_place
passports
