#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Grants of an hour: what is taken back is taken back on both hosts all the same, also from a host that cannot be reached just then, whose
# agent is away, or that the configuration forgets at the same time.
#
#   A 10.0.0.2, B 10.0.0.4 --- HOST 1 up0 --- ROUTER --- up0 HOST 2 --- G 10.0.0.3        in vnet Z
#
# Streams: A to G on 9000 (never taken back), A on 9001 to 9004 and B on 9005, each by a policy of its own.
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/net/fleet.sh
. "$(dirname "$0")/fleet.sh"

A=10.0.0.2 B=10.0.0.4 G=10.0.0.3
VNETS='"vnets": [{"name": "Z", "vni": 77, "authorization": "negotiated", "grant_lifetime": 3600, "passport_lifetime": 86400}]'
PLACE_A=$(where A Z $A 1) PLACE_B=$(where B Z $B 1)

host1() {
	fleet_config h1 "$VNETS" "$(list mappings "$(where G Z $G 2)")" \
		"$(list nodes "$(member A Z $A 02:00:00:00:00:0a)" "$(member B Z $B 02:00:00:00:00:0b)")"
}

# host2 FIRST [MAPPINGS...]: policies for the ports from that one on; without mappings named, of both.
host2() {
	local port policies=("$(policy 9000 Z any allow udp/9000 node:G)") first=$1
	shift
	[ $# -gt 0 ] || set -- "$PLACE_A" "$PLACE_B"
	for port in $(seq "$first" 9005); do policies+=("$(policy "$port" Z any allow "udp/$port" node:G)"); done
	fleet_config h2 "$VNETS" "$(list nodes "$(member G Z $G 02:00:00:00:00:0c)")" "$(list mappings "$@")" \
		"$(list policies "${policies[@]}")"
}

topology() {
	local port
	substrate 2 || return
	node A h1 $A 02:00:00:00:00:0a
	node B h1 $B 02:00:00:00:00:0b
	node G h2 $G 02:00:00:00:00:0c
	fleet 2 && host1 && host2 9001 || return
	NET_INSTANCES+=("h1=$NET-h1" "h2=$NET-h2")
	agent_start h1 && agent_start h2 && wait_for 10 "next hops" eval 'hosts_reachable h1 && hosts_reachable h2' || return
	for port in 9000 9001 9002 9003 9004 9005; do receiver G $port || return; done
	for port in 9000 9001 9002 9003 9004; do stream A udp $G $port && grows $port || return; done
	stream B udp $G 9005 && grows 9005
}

# granted PORT: host 1 has a rule for A's sending there; revoked PORT [ADDRESS]: it has none, for nobody or for this one.
granted() {
	rules h1 "r['local'] == '$A' and r['port'] == $1 and r['verdict'] == 'allow'"
}

revoked() {
	no_rules h1 "r['port'] == $1 and r['verdict'] == 'allow' and r['local'] in ('${2:-$A}', '${2:-$B}')"
}

# dropped LEAST: so many packets more are dropped where they arrive: a while, since each stream sends 500 a second.
dropped() {
	local before
	before=$(arrivals)
	wait_for 30 "drops" eval "[ \$(arrivals) -ge $((before + $1)) ]"
}

arrivals() {
	ctl h2 -j drop list | $PYTHON -c '
import json, sys
print(sum(int(d["packets"]) for d in json.load(sys.stdin)["drops"] if d["interface"] == "up0"))'
}

# parts FILTER: of what the router does not forward any more; heals: all is forwarded.
parts() {
	net_in r nft "add table inet part; add chain inet part forward { type filter hook forward priority 0; };
		add rule inet part forward $1 drop"
}

heals() {
	net_in r nft delete table inet part
}

told() {
	ctl_holds h2 "not any(p['notices'] for p in d['peers'])" peer list
}

at_once() {
	check "grants live for an hour" rules h1 "r['port'] == 9001 and r['verdict'] == 'allow' and r['expires_in_s'] > 3500"
	host2 9002
	check "a policy is taken back" ctl h2 reload
	check "... the stream stops" stops 9001 9000
	check "... the other host has heard" wait_for 2 "that" revoked 9001
}

# Agents do not hear each other, nodes do.
unheard() {
	must "a filter on the router" parts "udp dport 6190"
	host2 9003
	check "the next one, while the hosts do not hear each other" ctl h2 reload
	check "... the stream stops all the same" stops 9002 9000
	check "... for seconds, its sender's host goes on sending" dropped 3500
	check "... with a grant that would last" granted 9002
	check "... host 1 is to be told" ctl_holds h2 "[p['notices'] > 0 for p in d['peers']] == [True]" peer list
	must "the filter goes" heals
	check "they hear each other again: host 1 has heard" wait_for 15 "that" revoked 9002
	check "... and said so" wait_for 5 "an acknowledgement" told
	check "... the stream stays where it is" rests 9002 9000
}

# Nothing comes through, and its agent is dead.
away() {
	must "a filter on the router" parts "ip6 saddr fd00:1::/32"
	agent_stop h1 KILL
	host2 9004
	check "the next one, while host 1 is away and its agent dead" ctl h2 reload
	check "... its rule is in its kernel" at_least "$(bpftool -j map dump pinned "/sys/fs/bpf/ovnet/$NET-h1/maps/rules" |
		grep -c 9003)" 1
	must "the filter goes" heals
	check "the host is back, without its agent: nothing of the stream is delivered" rests 9003 9000
	must "the agent starts" agent_start h1
	check "... and is told" wait_for 15 "that" revoked 9003
	check "... the stream stays where it is" rests 9003 9000
}

# Who wanted to tell forgets it: what arrives without a rule reminds it.
forgotten() {
	must "a filter on the router" parts "udp dport 6190"
	host2 9005
	check "the next one, while the hosts do not hear each other" ctl h2 reload
	check "... the stream stops" stops 9004 9000
	agent_stop h2 KILL
	must "the agent that knew what to tell is dead, and starts again" agent_start h2
	check "... it has nothing to tell" told
	must "the filter goes" heals
	check "host 1 hears of it by what it sends" wait_for 15 "that" revoked 9004 $A
	check "... the stream stays where it is" rests 9004 9000
}

# With the policy goes the mapping of who used it: B's place is learned when it asks again.
unmapped() {
	host2 9006 "$PLACE_A"
	check "a policy goes, and where its user was" ctl h2 reload
	check "... the stream stops" stops 9005 9000
	check "... host 1 has heard, though host 2 does not know where B is any more" wait_for 2 "that" revoked 9005
	check "... B has asked again, and is denied" wait_for 5 "a denial" rules h1 "r['local'] == '$B' and r['verdict'] == 'deny'"
	host2 9005 "$PLACE_A"
	check "the policy is there again" ctl h2 reload
	check "... and the stream goes on, from where it was learned to be" grows 9005
}

must "hosts, nodes and agents" topology
at_once
unheard
away
forgotten
unmapped
check "of what was not taken back, nothing has ended" granted 9000
