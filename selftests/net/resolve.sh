#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Addresses are resolved on first use: no host's file names a node elsewhere, nor another host; a directory does.
#
#   A 10.0.0.2, B 10.0.0.4 --- HOST 1 up0 --- ROUTER --- up0 HOST 2 --- G 10.0.0.3, H 10.0.0.5        in vnet Z
#                                               `------- up0 HOST 3 --- K, which gets G's address
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/net/fleet.sh
. "$(dirname "$0")/fleet.sh"

A=10.0.0.2 B=10.0.0.4 G=10.0.0.3 H=10.0.0.5 J=10.0.0.9 SILENT=10.0.0.77
LIFETIME=4
VNETS='"vnets": [{"name": "Z", "vni": 77, "authorization": "negotiated", "grant_lifetime": 4}]'
POLICIES="$(list policies "$(policy 1 Z any allow "icmp/echo udp/9000")")"

# alone HOST: identity and hosts, of which it knows itself only.
alone() {
	local key
	eval "key=\$KEY_$1"
	printf '"identity": {"host": "%s", "key": "%s", "authority": "%s", "signing_key": "%s"},\n  ' \
		"$1" "$WORK/$1.key" "$AUTHORITY" "$WORK/authority.key"
	list hosts "{\"name\": \"$1\", \"locator\": \"fd00:1:0:${1#h}::/64\", \"key\": \"$key\"}"
	printf ',\n  %s,\n  "resolve": {"file": "%s", "lifetime": %d},\n  %s' "$VNETS" "$WORK/directory.json" $LIFETIME \
		"$POLICIES"
}

# directory MAPPINGS...: of all hosts, besides the mappings that never change. Nobody reads it before a reload.
directory() {
	local n key entries=()
	for n in 1 2 3; do
		eval "key=\$KEY_h$n"
		entries+=("$(printf '{"name": "h%d", "locator": "fd00:1:0:%d::/64", "key": "%s"}' "$n" "$n" "$key")")
	done
	printf '{%s,\n%s}\n' "$(list hosts "${entries[@]}")" \
		"$(list mappings "$(where A Z $A 1)" "$(where B Z $B 1)" "$(where H Z $H 2)" "$(where L Z 10.0.0.200 1)" \
			"$(where S elsewhere 10.9.9.9 2 others)" "$@")" >"$WORK/directory.json"
}

ctl() {
	timeout 10 "$BIN/ovnetctl" -i "$NET-$1" "${@:2}"
}

# resolved HOST COUNTER
resolved() {
	ctl "$1" -j status | $PYTHON -c '
import json, sys
print(json.load(sys.stdin)["negotiation"]["resolve"]["counters"][sys.argv[1]])' "$2"
}

# mapped HOST ADDRESS LOCATOR: its live mapping says so; unmapped: it has none.
mapped() {
	ctl_holds "$1" "[m for m in d['mappings'] if m['address'] == '$2' and m['substrate'].startswith('$3') and m['expires_in_s'] != 0]" mapping list
}

unmapped() {
	ctl_holds "$1" "not [m for m in d['mappings'] if m['address'] == '$2' and m['expires_in_s'] != 0]" mapping list
}

# who_has.py MAC SOURCE COUNT [again]: ARP requests for as many addresses that nobody has; again: until it is ended.
cat >"$WORK/who_has.py" <<'END'
import socket, struct, sys, time
mac, source = bytes.fromhex(sys.argv[1].replace(":", "")), socket.inet_aton(sys.argv[2])
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
request = b"\xff" * 6 + mac + struct.pack("!HHHBBH", 0x806, 1, 0x800, 6, 4, 1) + mac + source + bytes(6)
while True:
    for i in range(int(sys.argv[3])):
        s.send(request + bytes([10, 1, i >> 8, i & 255]))
        if i % 20 == 0:
            time.sleep(0.01)
    if len(sys.argv) < 5:
        break
END

# loss_free: the pings that ping_begins() sent were answered, all of them.
loss_free() {
	kill -INT "$PING_PID"
	wait_for 5 "its counts" grep -q 'packet loss' "$WORK/ping"
	grep -q ' 0% packet loss' "$WORK/ping" || { tail -n 3 "$WORK/ping"; return 1; }
}

must "a substrate of three hosts" substrate 3
node A h1 $A 02:00:00:00:00:0a
node B h1 $B 02:00:00:00:00:0b
node G h2 $G 02:00:00:00:00:0c
node H h2 $H 02:00:00:00:00:0d
node K h3 $G 02:00:00:00:00:0e
must "keys" fleet 3
directory "$(where G Z $G 2)"
must "agent 1" agent h1 "$(alone h1)" "$(list nodes "$(member A Z $A 02:00:00:00:00:0a)" "$(member B Z $B 02:00:00:00:00:0b)")"
must "agent 2" agent h2 "$(alone h2)" "$(list nodes "$(member G Z $G 02:00:00:00:00:0c)" "$(member H Z $H 02:00:00:00:00:0d)")"
must "agent 3" agent h3 "$(alone h3)"

for n in 1 2 3; do must "the substrate" wait_for 10 "host $n" net_in r ping -c 1 -W 1 "fd00:ffff:0:$n::2"; done

check "a kernel holds the mappings of its own nodes only" ctl_holds h1 "sorted(m['address'] for m in d['mappings']) == ['$A', '$B']" mapping list
check "the first ping to an unknown address is answered" net_in nA ping -c 1 -W 2 $G
check "its place was asked for" at_least "$(resolved h1 found)" 1
check "once for the ARP request and the packets" same "$(resolved h1 asked)" 1
check "its mapping has a lifetime" mapped h1 $G fd00:1:0:2
check "and no other is there" unmapped h1 $H
check "nothing was dropped" same "$(drops h1 pA no_mapping)" 0
check "a second node here needs no second answer" eval 'net_in nB ping -c 1 -W 2 $G && same "$(resolved h1 asked)" 1'

check "explained: a packet would wait" ctl_holds h1 'd["live"]["source"]["negotiates"]' explain A $SILENT icmp
check_not "an address that nobody has is silent" net_in nA ping -c 1 -W 1 $SILENT
check "counted" drops_reach h1 pA no_mapping 1
check "and asked for" at_least "$(resolved h1 absent)" 1
check_not "a node of this host that is not online is silent as well" net_in nA ping -c 1 -W 1 10.0.0.200

ping_begins nA $G
check "a mapping in use is asked for again" wait_for 15 "two refreshes" eval '[ "$(resolved h1 refreshed)" -ge 2 ]'
check "without a packet lost" loss_free
check "nor one for want of the mapping" same "$(drops h1 pA mapping_expired)" 0
check "H's address is used once" net_in nA ping -c 1 -W 2 $H
check "and is there" mapped h1 $H fd00:1:0:2
check "one that is not in use ends" wait_for 15 "no mapping of H" unmapped h1 $H
check "and is asked for anew" net_in nA ping -c 1 -W 2 $H

before=$(resolved h1 asked)
check "a scan of 2,000 addresses that nobody has" net_in nB $PYTHON "$WORK/who_has.py" 02:00:00:00:00:0b $B 2000
check "all of it is answered with silence" wait_for 5 "drops" eval '[ "$(drops h1 pB no_mapping)" -ge 1000 ]'
check "asks for each once at most" at_most $(($(resolved h1 asked) - before)) 2004
check "nothing waits for ever" wait_for 3 "no question" ctl_holds h1 'not d["questions"]' queue list
ip -n "$NET-nA" neigh flush dev eth0
check "the mappings in use end" wait_for 15 "no mapping of G" unmapped h1 $G
net_background nB $PYTHON "$WORK/who_has.py" 02:00:00:00:00:0b $B 2000 again
scanner=$NET_PID
before=$(drops h1 pB no_mapping)
check "while the scan goes on" wait_for 5 "drops" eval '[ "$(drops h1 pB no_mapping)" -ge $((before + 200)) ]'
check "a neighbour's first contact succeeds" net_in nA ping -c 1 -W 1 $G
check "and so does the next" net_in nA ping -c 1 -W 1 $H
check "within the bounds of what is in flight" ctl_holds h1 'd["negotiation"]["resolve"]["in_flight"] <= 64 and d["negotiation"]["resolve"]["remembered"] <= 4096' status
pkill -P $scanner
net_kill $scanner

ping_begins nA $G
mac=$(ctl h1 -j mapping list | $PYTHON -c 'import json, sys; print([m["mac"] for m in json.load(sys.stdin)["mappings"] if m["address"] == sys.argv[1]][0])' $G)
before=$(resolved h1 invalidated)
config h3 "$(alone h3)" "$(list nodes "$(member K Z $G 02:00:00:00:00:0e)")"
check "another node gets G's address on host 3" ctl h3 reload
check "it is online" wait_for 5 "K" ctl_holds h3 "d['ports_up'] == 1" status
directory "$(where K Z $G 3)"
check "host 1 is told that it has moved" ctl h1 reload
check "what rested on the former place is gone at once" at_least "$(resolved h1 invalidated)" $((before + 1))
check "the traffic follows" wait_for 5 "a mapping to host 3" mapped h1 $G fd00:1:0:3
check "it is answered from there" eval 'ping_advances && ctl_holds h3 "d[\"sessions\"]" session list'
check "the address keeps its dummy MAC" ctl_holds h1 "[m for m in d['mappings'] if m['mac'] == '$mac' and m['address'] == '$G']" mapping list
net_kill "$PING_PID"

directory "$(where K Z $G 3)" "$(where J Z $J 2)"
check "a directory that is wrong" ctl h1 reload
before=$(asked h1)
check_not "names a place where nobody is" net_in nA ping -c 2 -i 0.2 -W 1 $J
check "host 2 was asked" at_least "$(asked h1)" $((before + 1))
check "its answer was doubted, and the directory asked again" at_least "$(resolved h1 invalidated)" 2
check "but not in a loop" at_most $(($(asked h1) - before)) 8

ping_begins nA $G
agent_stop h1 KILL
agent_start h1
check "after a restart traffic goes on" ping_advances
check "a mapping in use is asked for soon, for its host's key" wait_for 5 "an answer" eval '[ "$(resolved h1 found)" -ge 1 ]'
check "and the grant is renewed" wait_for 15 "time" ctl_holds h1 "d['uptime_s'] > 5" status
check "nothing was lost" loss_free
agent_stop h1 KILL
agent_start h1
check "a first contact after a restart resolves the host of a mapping that is there" net_in nB ping -c 1 -W 2 $G

echo '{"hosts": [' >"$WORK/directory.json"
check_not "a directory that cannot be read is refused" ctl h1 reload
check "and the one before it serves" net_in nB ping -c 1 -W 2 $H

before=$(counter h1 pA questions_asked)
config h1 "$(alone h1 | grep -v '"resolve"')" "$(list nodes "$(member A Z $A 02:00:00:00:00:0a)" "$(member B Z $B 02:00:00:00:00:0b)")"
check "without a resolver" ctl h1 reload
check "what it had found is gone" unmapped h1 $G
check_not "and nothing is found" net_in nA ping -c 1 -W 1 $G
check "nor asked for" same "$(counter h1 pA questions_asked)" "$before"
check "nobody is there to be asked" ctl_holds h1 'd["negotiation"]["resolve"]["resolver"] is None' status
