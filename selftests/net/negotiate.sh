#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Authorization is negotiated before the first packet leaves: first contact, denial, scan, renewal, revocation, silence.
#
#   A 10.0.0.2, B 10.0.0.4 --- HOST 1 up0 --- ROUTER --- up0 HOST 2 --- G 10.0.0.3, H 10.0.0.5        in vnet Z
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/net/fleet.sh
. "$(dirname "$0")/fleet.sh"

A=10.0.0.2 B=10.0.0.4 G=10.0.0.3 H=10.0.0.5
VNETS='"vnets": [{"name": "Z", "vni": 77, "authorization": "negotiated", "grant_lifetime": 4}]'
POLICIES=("$(policy 1 Z group:clients allow "icmp/echo" node:G)"
	"$(policy 2 Z group:clients allow "tcp/5201 tcp/7000" node:G)"
	"$(policy 3 Z any allow "udp/9000-9999" node:G)")

members1() {
	printf '%s,\n  %s,\n  %s' "$VNETS" "$(list groups '{"name": "clients"}')" \
		"$(list nodes "$(member A Z $A 02:00:00:00:00:0a clients)" "$(member B Z $B 02:00:00:00:00:0b)")"
	printf ',\n  %s' "$(list mappings "$(where G Z $G 2)" "$(where H Z $H 2)")"
	printf ',\n  %s' "$(list policies "$@")"
}

members2() {
	printf '%s,\n  %s,\n  %s' "$VNETS" "$(list groups '{"name": "clients"}')" \
		"$(list nodes "$(member G Z $G 02:00:00:00:00:0c)" "$(member H Z $H 02:00:00:00:00:0d)")"
	printf ',\n  %s' "$(list mappings "$(where A Z $A 1 clients)" "$(where B Z $B 1)")"
	printf ',\n  %s' "$(list policies "$@")"
}

# stops PORT OTHER: no message arrives any more, while 100 arrive on another port.
stops() {
	local before until
	before=$(messages "$1") until=$(($(messages "$2") + 100))
	wait_for 5 "messages on $2" eval "[ \$(messages $2) -ge $until ]" && same "$(messages "$1")" "$before"
}

goes_on() {
	local before
	before=$(messages "$1")
	wait_for 3 "more messages on $1" eval "[ \$(messages $1) -gt $before ]"
}

# quiet PORT: nothing more has arrived there when 20 packets of A's have been dropped for a denial.
quiet() {
	local before dropped
	before=$(messages "$1") dropped=$(drops h1 pA rule_deny)
	wait_for 5 "drops" drops_reach h1 pA rule_deny $((dropped + 20)) && same "$(messages "$1")" "$before"
}

# scan NODE ADDRESS LOW HIGH: one empty UDP datagram to each port.
scan() {
	net_in "n$1" timeout 60 $PYTHON -c '
import socket, sys
address, low, high = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for port in range(low, high + 1):
    try:
        s.sendto(b"", (address, port))
    except OSError:
        pass' "$2" "$3" "$4"
}

must "a substrate of two hosts" substrate 2
node A h1 $A 02:00:00:00:00:0a
node B h1 $B 02:00:00:00:00:0b
node G h2 $G 02:00:00:00:00:0c
node H h2 $H 02:00:00:00:00:0d
must "keys" fleet 2
must "agent 1" fleet_agent h1 "$(members1 "${POLICIES[@]}")"
must "agent 2" fleet_agent h2 "$(members2 "${POLICIES[@]}")"
must "hosts see each other" wait_for 10 "next hops" eval 'hosts_reachable h1 && hosts_reachable h2'

check "the first ping is answered, though nothing was known before" net_in nA ping -c 1 -W 2 $G
check "it was negotiated" at_least "$(asked h1)" 1
check "G's host has a rule for it" rules h2 "r['local'] == '$G' and r['peer'] == '$A'"
check "one that allows echo requests, named by the policy" rules h1 \
	"r['verdict'] == 'allow' and r['protocol'] == 'icmp' and r['policy'] == 1"
check_not "B is not in the group: no ping" net_in nB ping -c 1 -W 1 $G

receiver G 5201
before=$(retransmitted nA)
check "a first TCP connection to an allowed port" sends A tcp $G 5201 50 1
check "all of it arrives" wait_for 3 "50 messages" eval '[ "$(messages 5201)" = 50 ]'
check "without a retransmission from its first SYN on" same "$(retransmitted nA)" "$before"

ctl h1 rule flush >/dev/null
ctl h2 rule flush >/dev/null
receiver G 9100
before=$(counter h1 pA packets_queued)
check "200 datagrams at once to a port that nobody asked for yet" sends A udp $G 9100 200 0
check "each arrives" wait_for 3 "200 messages" eval '[ "$(messages 9100)" = 200 ]'
check "once, and in order" in_order 9100
check "the first ones waited for the verdict" at_least "$(counter h1 pA packets_queued)" $((before + 1))
check "and came back" same "$(counter h1 pA packets_drained)" "$(counter h1 pA packets_queued)"
check "nothing waits any more" ctl_holds h1 'not d["questions"]' queue list

before=$(asked h1)
check_not "H, to which nothing is allowed, does not even exist for A" net_in nA ping -c 1 -W 1 $H
check "an ARP request is not answered" drops_reach h1 pA arp_refused 1
# Who knows the address all the same is refused all the same.
ip -n "$NET-nA" neigh replace $H lladdr "$(mac_of h1 $H)" dev eth0
check "a datagram to a port that nothing allows" sends A udp $H 4000 5 10
check "is refused by H's host, and dropped at A's" drops_reach h1 pA rule_deny 1
check "nothing of it is on the substrate" same "$(drops h2 up0 no_rule)" 0
check "a scan of 65,535 closed ports" scan A $H 1 65535
check "costs at most 3 negotiations" at_most $(($(asked h1) - before)) 3
before=$(asked h1)
check "a scan where one port and a range are open, of the closed ones" scan A $G 10000 65535
check "costs at most 3 as well" at_most $(($(asked h1) - before)) 3

receiver G 7000
net_background nA $PYTHON "$HERE/traffic.py" tcp-send $G 7000 0 2 >/dev/null
net_background nA $PYTHON "$HERE/traffic.py" udp-send $G 9100 0 2 >/dev/null
: >"$WORK/9100"
check "a stream begins" goes_on 7000
check "and another" goes_on 9100
check "the grants are older than they live" wait_for 15 "time" rules h1 "r['verdict'] == 'allow' and r['port'] == 7000 and r['age_s'] > 4"
check "both go on past the life of a grant (4 s)" eval 'goes_on 7000 && goes_on 9100'
check "renewed, not asked for again: no packet waited" same "$(drops h1 pA rule_expired)" 0

fleet_config h2 "$(members2 "${POLICIES[0]}" "${POLICIES[2]}")"
check "G's host takes back the policy of one of them" ctl h2 reload
check "that stream stops" stops 7000 9100
check "the other goes on" goes_on 9100
check "the rule is gone on G's host" no_rules h2 "r['policy'] == 2"
check "and on A's" wait_for 2 "A's host has heard" no_rules h1 "r['policy'] == 2 and r['verdict'] == 'allow'"
check "pings go on" net_in nA ping -c 3 -i 0.1 -W 1 $G

fleet_config h2 "$(members2 "${POLICIES[@]}")"
check "the policy comes back" ctl h2 reload
check "and with it, soon, a connection" wait_for 5 "messages" eval "sends A tcp $G 7000 3 1; goes_on 7000"

check "an administrator denies by hand all from A to G" ctl h2 rule add vnet Z from $A to $G protocol any verdict deny
check "what was negotiated more narrowly goes with it" wait_for 3 "no allow" no_rules h2 "r['verdict'] == 'allow' and r['peer'] == '$A'"
check "and nothing arrives" quiet 9100
check "the denial is taken back" ctl h2 rule del vnet Z from $A to $G protocol any
check "and the stream goes on" wait_for 8 "messages" goes_on 9100

DISCARD=${VNETS/'"authorization"'/'"pending": "discard", "authorization"'}
fleet_config h1 "$(VNETS=$DISCARD members1 "${POLICIES[@]}")"
check "A's host is told to discard what would wait" ctl h1 reload
ctl h1 rule flush >/dev/null
ctl h2 rule flush >/dev/null
ip -n "$NET-nB" neigh replace $G lladdr "$(mac_of h1 $G)" dev eth0
receiver G 9200
check "a first datagram" sends B udp $G 9200 1 0
check "is dropped while the answer is fetched" drops_reach h1 pB pending 1
check "the answer makes the rule" wait_for 3 "a rule" rules h1 "r['local'] == '$B' and r['peer'] == '$G'"
check "the next one goes" eval 'sends B udp $G 9200 1 0; wait_for 3 "a message" eval "[ \$(messages 9200) -ge 1 ]"'
fleet_config h1 "$(members1 "${POLICIES[@]}")"
check "and back" ctl h1 reload

ip -n "$NET-h2" link del pG
check "G goes: everything that names it is gone on its host" wait_for 3 "rules gone" no_rules h2 "'$G' in (r['local'], r['peer'])"
check "and on A's" wait_for 3 "rules gone" no_rules h1 "r['peer'] == '$G' and r['verdict'] == 'allow'"

agent_stop h2 KILL
ctl h1 rule flush >/dev/null
check_not "with H's agent gone, a first contact is refused" net_in nB ping -c 1 -W 1 $H
check "by a denial for want of an answer" ctl_holds h1 "[r for r in d['rules'] if r['peer'] == '$H' and r['verdict'] == 'deny']" \
	rule list all
