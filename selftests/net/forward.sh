#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The third mode of DTM-7: packets are sent on while their question is open, and wait at the host of the receiver.
#
#   A 10.0.0.2, B 10.0.0.4 --- HOST 1 up0 --- ROUTER --- up0 HOST 2 --- G 10.0.0.3, H 10.0.0.5, K 10.0.0.6        in vnet Z
#
# Where K lives, host 1 learns from a directory when it is asked for.
# What arrives without a question is sent by host 1 itself, past its agent: as by a host whose agent is gone, or that lies.
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/net/fleet.sh
. "$(dirname "$0")/fleet.sh"

A=10.0.0.2 B=10.0.0.4 G=10.0.0.3 H=10.0.0.5 K=10.0.0.6
VNETS='"vnets": [{"name": "Z", "vni": 77, "authorization": "negotiated", "pending": "forward", "grant_lifetime": 2}]'
HELD=256 HOLDS=64 # limits.queue_packets, and a quarter of limits.pending_per_port

members1() {
	printf '%s,\n  %s' "$VNETS" "$(list nodes "$(member A Z $A 02:00:00:00:00:0a)" "$(member B Z $B 02:00:00:00:00:0b)")"
	printf ',\n  %s' "$(list mappings "$(where G Z $G 2)" "$(where H Z $H 2)")"
	printf ',\n  "resolve": {"file": "%s", "lifetime": 2}' "$WORK/directory.json"
	printf ',\n  %s' "$(list policies "$(policy 1 Z any deny udp/9500 any out)")"
}

members2() {
	printf '%s,\n  %s' "$VNETS" "$(list nodes "$(member G Z $G 02:00:00:00:00:0c)" "$(member H Z $H 02:00:00:00:00:0d)" \
		"$(member K Z $K 02:00:00:00:00:0e)")"
	printf ',\n  %s' "$(list mappings "$(where A Z $A 1)" "$(where B Z $B 1)")"
	printf ',\n  %s' "$(list policies "$(policy 2 Z any allow "icmp/echo tcp/5201 udp/9000-9999")")"
}


# Nothing is known of anybody any more.
forget() {
	ctl h1 rule flush >/dev/null && ctl h2 rule flush >/dev/null
}

# delivered FILTER: packets that the capture in G has of it.
delivered() {
	captured g "$@"
}

# arrives COUNT PORT [STEP]: so many UDP datagrams of A's for G, from host 1's own stack, as one who sees no need to ask;
# COUNT 0: until killed. Each goes to a port STEP higher.
arrives() {
	local router
	router=$(net_in h1 ip -6 neigh show dev up0 | awk '/lladdr/ { for (i = 1; i < NF; i++) if ($i == "lladdr") print $(i + 1) }' |
		head -n 1)
	exec nsenter --net="/run/netns/$NET-h1" -- $PYTHON -c '
import logging, socket, sys
logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
router, source, destination = sys.argv[1:4]
count, port, step = (int(word) for word in sys.argv[4:])
frames = []
for i in range(count if count and step else 1):
    # 64 << 12: the time to live that the flow label carries.
    ip = IPv6(src=source, dst=destination, fl=64 << 12)
    frames.append(bytes(Ether(dst=router) / ip / UDP(sport=1, dport=port + i * step) / (b"arrives" * 10)))
sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sender.bind(("up0", 0))
sent = 0
while not count or sent < count:
    try:
        sender.send(frames[sent % len(frames)])
    except OSError:  # no room
        continue
    sent += 1' "$router" "$(encoded 1 $A)" "$(encoded 2 $G)" "$1" "$2" "${3:-0}"
}

encoded() {
	"$BIN/ovnetctl" address encode locator "fd00:1:0:$1::/64" slot 0 vni 77 address "$2"
}

must "a substrate of two hosts" substrate 2
node A h1 $A 02:00:00:00:00:0a
node B h1 $B 02:00:00:00:00:0b
node G h2 $G 02:00:00:00:00:0c
node H h2 $H 02:00:00:00:00:0d
node K h2 $K 02:00:00:00:00:0e
must "keys" fleet 2
printf '{%s}\n' "$(list mappings "$(where K Z $K 2)")" >"$WORK/directory.json"
must "agent 1" fleet_agent h1 "$(members1)"
must "agent 2" fleet_agent h2 "$(members2)"
must "hosts see each other" wait_for 10 "next hops" eval 'hosts_reachable h1 && hosts_reachable h2'
for each in A B; do
	for other in $G $H; do ip -n "$NET-n$each" neigh replace $other lladdr "$(mac_of h1 $other)" dev eth0; done
done

# sent_on NODE ADDRESS: the address is asked for something new, and a packet leaves before the answer.
PROBED=9800
sent_on() {
	local before
	before=$(counter h1 "p$1" packets_forwarded)
	PROBED=$((PROBED + 1))
	sends "$1" udp "$2" $PROBED 1 0 >/dev/null
	[ "$(counter h1 "p$1" packets_forwarded)" -gt "$before" ]
}

# frozen HOST: its agent stands still; thawed HOST: and goes on.
frozen() {
	local pid
	eval "pid=\$AGENT_$1"
	kill -STOP "$pid" && wait_for 5 "$1 stands still" grep -q '^State:.*(stopped)' "/proc/$pid/status"
}

thawed() {
	local pid
	eval "pid=\$AGENT_$1"
	kill -CONT "$pid"
}

# replaced: A goes, and another one comes with the same name, address and MAC, which knows what nobody has told it.
replaced() {
	ip -n "$NET-h1" link del pA
	wait_for 5 "A is offline" ctl_holds h1 "[p['state'] for p in d['ports'] if p['name'] == 'A'] == ['absent']" port list
	ip link add pA netns "$NET-h1" type veth peer name eth0 netns "$NET-nA" address 02:00:00:00:00:0a
	ip -n "$NET-nA" addr add $A/24 dev eth0
	ip -n "$NET-nA" link set eth0 mtu 1472 up
	wait_for 5 "A is online" ctl_holds h1 "[p['state'] for p in d['ports'] if p['name'] == 'A'] == ['up']" port list
	ip -n "$NET-nA" neigh replace $G lladdr "$(mac_of h1 $G)" dev eth0
}

# ---- allowed, to a host that knows the sender already: its first question there has introduced it

before=$(counter h1 pA packets_forwarded)
check "a first ping is answered" net_in nA ping -c 1 -W 1 $G
check "and waited at home: nobody knew its sender yet" same "$(counter h1 pA packets_forwarded)" "$before"
check "a first ping of another node" net_in nB ping -c 1 -W 1 $H
check "when what was granted before is over, packets are sent on" wait_for 10 "packets that are" sent_on A $G
check "of the other node too" wait_for 10 "packets that are" sent_on B $H

# wires on|off: offloads of the substrate; off, what is captured behind it has its checksums.
wires() {
	local each
	for each in h1:up0 h2:up0 r:h1 r:h2; do offload "${each%:*}" "${each#*:}" "$1"; done
}

# misses OCTETS: the first so many to agents are lost on the way; heals: all as before. A question is repeated after 20 ms.
misses() {
	net_in r nft "add table inet part; add chain inet part forward { type filter hook forward priority 0; };
		add rule inet part forward udp dport 6190 quota $1 bytes drop"
}

heals() {
	net_in r nft delete table inet part
}

wires off
receiver G 9100
capture g nG eth0
must "a filter on the router" misses 700
held=$(counter h2 pG packets_held) before=$(counter h1 pA packets_forwarded)
check "200 datagrams at once to a port that nobody asked for yet" sends A udp $G 9100 200 0
check "each arrives" wait_for 3 "200 messages" eval '[ "$(messages 9100)" = 200 ]'
check "once, and in order" in_order 9100
heals
check "the first ones left before the answer" at_least "$(counter h1 pA packets_forwarded)" $((before + 1))
check "and waited at G's host: the question came later" at_least "$(counter h2 pG packets_held)" $((held + 1))
check "from which all have come back" same "$(counter h2 pG packets_released)" "$(counter h2 pG packets_held)"
check "nothing waits any more" wait_for 2 "no questions" ctl_holds h2 'not d["questions"]' queue list
check "nobody was told of a stale rule" same "$(counter h2 up0 stale_told)" 0
capture_end g
check "their checksums are right" $PYTHON "$HERE/wire.py" checksums "$WORK/g.pcap"

forget
receiver G 5201
wires on
before=$(retransmitted nA) held=$(counter h2 pG packets_held)
must "a filter on the router" misses 700
check "a first TCP connection, whose question comes late" sends A tcp $G 5201 50 1
check "all of it arrives" wait_for 3 "50 messages" eval '[ "$(messages 5201)" = 50 ]'
heals
check "its SYN waited at G's host" at_least "$(counter h2 pG packets_held)" $((held + 1))
check "there is no retransmission" same "$(retransmitted nA)" "$before"
check "a first ping of another node is answered" net_in nB ping -c 1 -W 1 $H

forget
for n in 1 2 3 4 5; do
	receiver H "910$n"
	sends B udp $H "910$n" 100 0 >/dev/null
	wait_for 3 "100 messages" eval "[ \$(messages 910$n) = 100 ]" && in_order "910$n"
	check "100 more at once to port 910$n of another node, under live keys: once, and in order" same $? 0
done

# ---- to an address whose place is not known, or not any more: it is asked for first, and nothing leaves before

# unmapped: where K lives is not known any more.
unmapped() {
	ctl_holds h1 "not [m for m in d['mappings'] if m['address'] == '$K' and m['expires_in_s'] != 0]" mapping list
}

# lost: what was dropped on A's port for want of a mapping.
lost() {
	echo $(($(drops h1 pA no_mapping) + $(drops h1 pA mapping_expired)))
}

check "where K lives is not known" unmapped
check "a first ping to it is answered" net_in nA ping -c 1 -W 2 $K
ip -n "$NET-nA" neigh replace $K lladdr "$(mac_of h1 $K)" dev eth0
for n in 1 2 3; do
	receiver K "920$n"
	forget
	check "K's place is forgotten" wait_for 8 "its end" unmapped
	before=$(counter h1 pA packets_forwarded)
	check "100 datagrams at once to it" sends A udp $K "920$n" 100 0
	check "each arrives" wait_for 3 "100 messages" eval "[ \$(messages 920$n) = 100 ]"
	check "once, and in order" in_order "920$n"
	check "sent on as soon as its place was known" at_least "$(counter h1 pA packets_forwarded)" $((before + 1))
done
check "none was lost for want of it" same "$(lost)" 0

# ---- denied

capture g nG eth0
check "datagrams to a port that G's host denies" sends A udp $G 4000 20 0
check "wait there, and are dropped for what it decided" wait_for 3 "a denial" eval \
	'[ $(($(drops h2 pG rule_deny) + $(drops h2 up0 rule_deny) + $(drops h1 pA rule_deny))) = 20 ]'
before=$(counter h1 pA packets_forwarded) held=$(counter h2 pG packets_held)
check "datagrams that A's own host denies" sends A udp $G 9500 20 0
check "are dropped there" wait_for 3 "denials" eval '[ "$(drops h1 pA rule_deny)" -ge 20 ]'
check "and nothing of them leaves" same "$(counter h1 pA packets_forwarded) $(counter h2 pG packets_held)" "$before $held"

# ---- no question comes

told=$(counter h2 up0 stale_told)
check "datagrams of a host that does not ask" eval '(arrives 20 9300)'
check "wait for the question" wait_for 2 "packets that wait" ctl_holds h2 \
	"[q for q in d['questions'] if q['state'] == 'held' and q['destination_port'] == 9300]" queue list
check "and nobody is told meanwhile" same "$(counter h2 up0 stale_told)" "$told"
check "when it has not come, they are dropped" wait_for 3 "expired" eval '[ "$(drops h2 pG hold_expired)" = 20 ]'
check "beyond what may wait, they are dropped at once" eval "(arrives $((HELD + 50)) 9301)"
check "counted" wait_for 3 "full" eval '[ "$(drops h2 up0 hold_full)" = 50 ]'
check "the others as well, later" wait_for 3 "expired" eval "[ \"\$(drops h2 pG hold_expired)\" = $((20 + HELD)) ]"
check "all that was taken is given back" wait_for 3 "an empty budget" ctl_holds h2 'not d["questions"]' queue list
check "of many conversations, no more wait than the port's quota allows" eval '(arrives 200 9400 1)'
check "those beyond it are counted" wait_for 3 "drops" drops_reach h2 up0 hold_quota 1
check "and those that come faster than its bucket fills" wait_for 3 "drops" drops_reach h2 up0 hold_rate 1
check "together they are what did not wait" same $(($(drops h2 up0 hold_quota) + $(drops h2 up0 hold_rate))) $((200 - HOLDS))

# ---- a flood of that

ping_begins nB $H
arrives 0 9302 &
flood=$!
NET_PIDS+=($flood)
check "a flood for G, of which nothing was asked" wait_for 5 "drops" drops_reach h2 up0 hold_full 20000
check "what its neighbour has open goes on" ping_advances
receiver H 9600
check "what is new there" sends B udp $H 9600 100 0
check "arrives" wait_for 3 "100 messages" eval '[ "$(messages 9600)" = 100 ]'
check "in order" in_order 9600
receiver H 5201
before=$(retransmitted nB)
check "a first TCP connection to the neighbour" sends B tcp $H 5201 20 1
check "arrives" wait_for 3 "20 messages" eval '[ "$(messages 5201)" = 20 ]'
check "without a retransmission" same "$(retransmitted nB)" "$before"
kill $flood
wait $flood 2>/dev/null
kill -INT "$PING_PID"
wait "$PING_PID" 2>/dev/null
check "what it had waiting is over" wait_for 3 "an empty budget" ctl_holds h2 'not d["questions"]' queue list
check "no ping was lost" grep -q ' 0% packet loss' "$WORK/ping"
capture_end g
check "nothing of all this was delivered" same "$(delivered "udp and (port 4000 or port 9500 or portrange 9300-9499 or port 9302)")" 0

# ---- who has an address inherits nothing, though his host sends on and the other one cannot hear of him

forget
receiver G 9900
sends A udp $G 9900 1 0 >/dev/null
wait_for 3 "a message" eval '[ "$(messages 9900)" = 1 ]'
check "A may send to a port" ctl_holds h2 "[r for r in d['rules'] if r['peer'] == '$A' and r['verdict'] == 'allow' and r['direction'] == 'in']" rule list
frozen h2
check "A goes, and another A comes" replaced
check "it sends there" sends A udp $G 9900 20 1
check "and is not let: its packets wait at home" wait_for 3 "a denial" eval '[ "$(drops h1 pA rule_deny)" -gt 0 ]'
check "nothing of them is delivered" same "$(messages 9900)" 1
check "none was sent on" same "$(counter h1 pA packets_forwarded)" 0
thawed h2
check "the other host hears of it, and it may" wait_for 8 "messages" eval 'sends A udp $G 9900 1 0; [ "$(messages 9900)" -gt 1 ]'

# ---- the agent of the receiver is gone

agent_stop h2 KILL
ctl h1 rule flush >/dev/null
capture g nG eth0
check "with G's agent gone" sends A udp $G 9700 20 10
check "what no rule lets in ends in a denial" wait_for 5 "a denial" ctl_holds h1 \
	"[r for r in d['rules'] if r['peer'] == '$G' and r['verdict'] == 'deny']" rule list all
capture_end g
check "and nothing was delivered" same "$(delivered "udp port 9700")" 0
