#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What was granted and holds no more ends at once: by policy, on either side, by group, with its node, and in spite of a
# partition; nothing else ends with it. Then races (revoke_race.py). A first revocation is negotiate.sh's.
#
#   A 10.0.0.2, B 10.0.0.4 --- HOST 1 up0 --- ROUTER --- up0 HOST 2 --- G 10.0.0.3, H 10.0.0.5        in vnet Z
#   C 10.0.0.6 ---                                                  --- K 10.0.0.7                    in vnet Y
#
# Grants in Z outlive the test, those in Y are short. Streams: A to G on 9001 (the one that is taken away), 9002 and TCP
# 5201, B to G on 9001, A to H (to which all is open) on 9004, G to A on 9003, C to K on 9006.
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/net/fleet.sh
. "$(dirname "$0")/fleet.sh"

A=10.0.0.2 B=10.0.0.4 C=10.0.0.6 G=10.0.0.3 H=10.0.0.5 K=10.0.0.7
ROUNDS=${ROUNDS:-120}
SEED=${SEED:-$(date +%s)}
VNETS='"vnets": [{"name": "Z", "vni": 77, "authorization": "negotiated", "grant_lifetime": 300},
    {"name": "Y", "vni": 78, "authorization": "negotiated", "grant_lifetime": 5}]'
MEMBERS='"groups": [{"name": "clients"}, {"name": "servers"}]'
TAKEN=$(policy 1 Z group:clients allow udp/9001 node:G)
SHORT=$(policy 2 Y any allow udp/9006 node:K)
OTHERS=("$(policy 3 Z group:clients allow "udp/9002 udp/9012 tcp/5201" node:G)" "$(policy 4 Z any allow any node:H)"
	"$(policy 5 Z node:B allow udp/9001 node:G)")
RACE=$(policy 6 Z group:clients allow udp/9011 node:G)
INWARD=$(policy 7 Z group:servers allow udp/9003 node:A)

# host1 POLICIES...: its file; host2 GROUPS-OF-A POLICIES...: the other's.
host1() {
	fleet_config h1 "$VNETS" "$MEMBERS" "$(list nodes "$(member A Z $A 02:00:00:00:00:0a clients)" \
		"$(member B Z $B 02:00:00:00:00:0b)" "$(member C Y $C 02:00:00:00:00:0e)")" \
		"$(list mappings "$(where G Z $G 2 servers)" "$(where H Z $H 2)" "$(where K Y $K 2)")" \
		"$(list policies "$INWARD" "$@")"
}

host2() {
	fleet_config h2 "$VNETS" "$MEMBERS" "$(list nodes "$(member G Z $G 02:00:00:00:00:0c servers)" \
		"$(member H Z $H 02:00:00:00:00:0d)" "$(member K Y $K 02:00:00:00:00:0f)")" \
		"$(list mappings "$(where A Z $A 1 "$1")" "$(where B Z $B 1)" "$(where C Y $C 1)")" \
		"$(list policies "${OTHERS[@]}" "${@:2}")"
}

all_of_host2() {
	host2 clients "$TAKEN" "$SHORT" "$RACE"
}

ctl() {
	timeout 10 "$BIN/ovnetctl" -i "$NET-$1" "${@:2}"
}

# ---- traffic

# receiver NODE PORT: what arrives there goes to $WORK/PORT, one line a message.
receiver() {
	net_background "n$1" $PYTHON "$HERE/traffic.py" receive "$2" >"$WORK/$2"
	wait_for 5 "a receiver on $2" listens "n$1" t "$2"
}

# stream NODE tcp|udp ADDRESS PORT: a message each 2 ms; its pid is in $NET_PID.
stream() {
	net_background "n$1" $PYTHON "$HERE/traffic.py" "$2-send" "$3" "$4" 0 2 >/dev/null
	grows "$4" "$(address_of "$1")"
}

address_of() {
	eval "echo \$$1"
}

# messages PORT ADDRESS: how many have come from there ("::ffff:10.0.0.2" where the socket is one for both families).
messages() {
	grep -c "[ :]$2 " "$WORK/$1"
}

# grows PORT ADDRESS: 20 messages more arrive.
grows() {
	local least=$(($(messages "$1" "$2") + 20))
	wait_for 8 "messages of $2 to port $1" eval "[ \$(messages $1 $2) -ge $least ]"
}

# stops PORT ADDRESS: while 50 messages from another node arrive, none does.
stops() {
	local before
	wait_for 5 "the last message" settled "$1" "$2" || return
	before=$(messages "$1" "$2")
	grows 9001 $B && grows 9001 $B && same "$(messages "$1" "$2")" "$before"
}

settled() {
	local before
	before=$(messages "$1" "$2")
	grows 9001 $B && same "$(messages "$1" "$2")" "$before"
}

# lost PORT ADDRESS: messages that did not arrive, of those up to the last one that did.
lost() {
	$PYTHON -c '
import sys
with open(sys.argv[1]) as lines:
    numbers = [int(line.split()[3]) for line in lines if line.split()[1].endswith(sys.argv[2]) and " open " not in line]
if numbers != sorted(set(numbers)):
    sys.exit("not once and in order")
print(numbers[-1] + 1 - len(numbers))' "$WORK/$1" "$2"
}

now() {
	$PYTHON -c 'import time; print(time.clock_gettime_ns(time.CLOCK_BOOTTIME))'
}

# last PORT ADDRESS: when the last message from there arrived.
last() {
	grep "[ :]$2 " "$WORK/$1" | awk 'END { print $5 }'
}

# ---- rules

# grants HOST MEMBER...: each negotiated ALLOW: "local peer in|out protocol port", zeros where it is wider, and these
# members of its value.
grants() {
	bpftool -j map dump pinned "/sys/fs/bpf/ovnet/$NET-$1/maps/rules" | $PYTHON -c '
import json, sys
for rule in (each["formatted"] for each in json.load(sys.stdin)):
    key, value = rule["key"], rule["value"]
    if value["verdict"] in (1, "VERDICT_ALLOW") and value["origin"] in (3, "ORIGIN_NEGOTIATED"):
        ends = (".".join(map(str, key[end])) for end in ("local", "peer"))
        print(*ends, "out" if int(str(key["direction"]), 0) == 1 else "in", key["protocol"], key["port"],
              *(value[name] for name in sys.argv[1:]))' "${@:2}" | sort
}

# between ONE OTHER: of what grants() prints, what is about these two; others ONE OTHER: what is not.
between() {
	grep -E "^($1 $2|$2 $1) "
}

others() {
	grep -vE "^($1 $2|$2 $1) "
}

# difference THESE THOSE: lines of the first that are none of the second.
difference() {
	comm -23 <(sort <<<"$1") <(sort <<<"$2")
}

# withdrawn: nothing is to be told any more.
withdrawn() {
	ctl_holds "$1" "not any(p['notices'] or p['in_flight'] or p['waiting'] for p in d['peers'])" peer list
}

# whole: all that must not change of what both hosts have granted.
whole() {
	grants h1 created_ns serial expires_ns
	grants h2 created_ns serial expires_ns
}

look() {
	declare -gA GRANTS AGES
	local host
	for host in h1 h2; do
		GRANTS[$host]=$(grants $host)
		AGES[$host]=$(grants $host created_ns)
	done
	WHOLE=$(whole)
}

# gone HOST GRANT...: of those seen by look(), exactly these have ended, and the rest is as old as it was.
gone() {
	local host=$1 expected
	expected=$(printf '%s\n' "${@:2}" | sort)
	same "$(difference "${GRANTS[$host]}" "$(grants "$host")")" "$expected" || return
	same "$(difference "${AGES[$host]}" "$(grants "$host" created_ns)" | cut -d ' ' -f 1-5)" "$expected"
}

# revokes WHAT HOST: reload of that host, whose file is another by now; the stream of A to G's port 9001 ends. Prints how
# long after the command's beginning the last message came.
revokes() {
	local began
	look
	began=$(now)
	check "$1" ctl "$2" reload
	check "... the stream stops" stops 9001 $A
	LATE=$((($(last 9001 $A) - began) / 1000000))
	check "... within 2 s" at_most $LATE 2000
	echo "figure revocation_ms $LATE"
}

# not_short: without the pair whose grants live for seconds: on a slow machine one may have ended and been asked for anew.
not_short() {
	grep -v " 9006 " || true
}

# exactly: that has taken away this stream's rules and nothing else's.
exactly() {
	check "... exactly its rule is gone on the destination's host" wait_for 5 "that" gone h2 "$G $A in 17 9001"
	check "... and on the source's" wait_for 5 "that" gone h1 "$A $G out 17 9001"
	check "... others have their serials and ends" same "$(difference "$WHOLE" "$(whole)" | others $A $G | not_short)" ""
}

# ---- steps

topology() {
	substrate 2 || return
	node A h1 $A 02:00:00:00:00:0a
	node B h1 $B 02:00:00:00:00:0b
	node C h1 $C 02:00:00:00:00:0e
	node G h2 $G 02:00:00:00:00:0c
	node H h2 $H 02:00:00:00:00:0d
	node K h2 $K 02:00:00:00:00:0f
	fleet 2 && host1 && all_of_host2 || return
	NET_INSTANCES+=("h1=$NET-h1" "h2=$NET-h2")
	agent_start h1 && agent_start h2 && wait_for 10 "next hops" eval 'hosts_reachable h1 && hosts_reachable h2'
}

traffic() {
	receiver G 9001 && receiver G 9002 && receiver G 5201 && receiver A 9003 && receiver H 9004 && receiver K 9006 &&
		stream B udp $G 9001 && stream A udp $G 9001 || return
	VICTIM=$NET_PID
	stream A udp $G 9002 && stream A tcp $G 5201 && stream A udp $H 9004 && stream G udp $A 9003 && stream C udp $K 9006
}

# The policy is there again, and with it the stream: also what was denied is not, though denials live as long as grants.
comes_back() {
	check "$1" ctl "$2" reload
	check "... and the stream goes on" grows 9001 $A
}

by_policy() {
	host2 clients "$SHORT" "$RACE"
	revokes "the destination's host takes the policy back" h2
	exactly
	all_of_host2
	comes_back "the policy is there again" h2

	# Who is refused asks, and the answer renews all that is granted between the two; now nobody asks.
	kill -STOP "$VICTIM"
	look
	host2 clients "$SHORT" "$RACE"
	check "the policy is taken back while its stream rests" ctl h2 reload
	exactly
	check "... and of the same two, others have theirs too" same \
		"$(difference "$WHOLE" "$(whole)" | cut -d ' ' -f 1-5)" "$A $G out 17 9001"$'\n'"$G $A in 17 9001"
	kill -CONT "$VICTIM"
	all_of_host2
	comes_back "the policy is there again" h2
}

by_source() {
	host1 "$(policy 8 Z node:G deny udp/9001 node:A out)"
	revokes "the source's host denies it" h1
	exactly
	host1
	comes_back "the source's host allows it again" h1
}

# no_loss "PORT ADDRESS"...
no_loss() {
	local port address
	while read -r port address; do
		check "no packet of another stream was lost: $port from $address" same "$(lost "$port" "$address")" 0
	done < <(printf '%s\n' "$@")
}

by_group() {
	host2 "" "$TAKEN" "$SHORT" "$RACE"
	revokes "A is of the group no more, by the destination's file" h2
	check "... nor do its other streams to G go on" eval "stops 9002 $A && stops 5201 $A"
	check "... exactly their rules are gone on the destination's host" wait_for 5 "that" \
		gone h2 "$G $A in 17 9001" "$G $A in 17 9002" "$G $A in 17 9012" "$G $A in 17 9011" "$G $A in 6 5201"
	check "... and on the source's" wait_for 5 "that" \
		gone h1 "$A $G out 17 9001" "$A $G out 17 9002" "$A $G out 17 9012" "$A $G out 17 9011" "$A $G out 6 5201"
	all_of_host2
	comes_back "A is of the group again" h2
	check "... and the others" eval "grows 9002 $A && grows 5201 $A"
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

# replaced NODE HOST ADDRESS MAC: it goes, and another one comes with the same name, address and MAC.
replaced() {
	ip -n "$NET-$2" link del "p$1"
	wait_for 5 "$1 is offline" ctl_holds "$2" "[p['state'] for p in d['ports'] if p['name'] == '$1'] == ['absent']" port list
	ip link add "p$1" netns "$NET-$2" type veth peer name eth0 netns "$NET-n$1" address "$4"
	ip -n "$NET-n$1" addr add "$3/24" dev eth0
	ip -n "$NET-n$1" link set eth0 mtu 1472 up
	wait_for 5 "$1 is online" ctl_holds "$2" "[p['state'] for p in d['ports'] if p['name'] == '$1'] == ['up']" port list
}

# incarnation HOST ADDRESS: of who has it there.
incarnation() {
	bpftool -j map dump pinned "/sys/fs/bpf/ovnet/$NET-$1/maps/mappings" | $PYTHON -c '
import json, sys
for each in (e["formatted"] for e in json.load(sys.stdin)):
    if ".".join(map(str, each["key"]["address"])) == sys.argv[1]:
        print(each["value"]["incarnation"])' "$2"
}

# of_whom HOST MEMBER END ADDRESS: the incarnations for which grants about that end (1: local, 2: peer) were made.
of_whom() {
	grants "$1" "$2" | awk -v end="$3" -v address="$4" '$end == address { print $6 }' | sort -u
}

# drops_grow HOST INTERFACE: 20 packets more are dropped there, for whatever reason.
drops_grow() {
	local least=$(($(all_drops "$1" "$2") + 20))
	wait_for 5 "packets of $2 that are dropped" eval "[ \$(all_drops $1 $2) -ge $least ]"
}

all_drops() {
	ctl "$1" -j drop list | $PYTHON -c '
import json, sys
print(sum(int(d["packets"]) for d in json.load(sys.stdin)["drops"] if d["interface"] == sys.argv[1]))' "$2"
}

# mac_of HOST ADDRESS: the dummy MAC of a destination.
mac_of() {
	ctl "$1" -j mapping list | $PYTHON -c '
import json, sys
print([m["mac"] for m in json.load(sys.stdin)["mappings"] if m["address"] == sys.argv[1]][0])' "$2"
}

# Another A while the other host's agent cannot hear of it: it has nothing of the former one's.
by_node() {
	local former before since
	former=$(incarnation h1 $A)
	frozen h2
	check "A goes, and another A comes" replaced A h1 $A 02:00:00:00:00:0a
	check_not "... who is somebody else" same "$(incarnation h1 $A)" "$former"
	check "... no rule on its host is about the former one" same "$(of_whom h1 incarnation 1 $A)" ""
	before=$(messages 9001 $A)
	# It may know what nobody has told it.
	ip -n "$NET-nA" neigh replace $G lladdr "$(mac_of h1 $G)" dev eth0
	check "... it sends, and is not let" drops_grow h1 pA
	check "... nothing of it arrives" same "$(messages 9001 $A)" "$before"
	since=$(now)
	thawed h2
	check "... its stream begins, when the other host has heard" grows 9001 $A
	check "... by rules that were made for it, at home" same "$(of_whom h1 incarnation 1 $A)" "$(incarnation h1 $A)"
	check "... and at the other end" same "$(of_whom h2 peer_incarnation 2 $A)" "$(incarnation h2 $A)"
	check "... all of them since" same "$(grants h1 created_ns | grep -F "$A " | awk -v since="$since" '$6 < since')" ""
	check "A's other streams go on" eval "grows 9002 $A && grows 9004 $A && grows 9003 $G"
	# The same at the destination: the source's host still holds its grant, and sends.
	frozen h1
	check "G goes, and another G comes" replaced G h2 $G 02:00:00:00:00:0c
	before=$(messages 9001 $A)
	check "... no rule on its host is about the former one" same "$(of_whom h2 incarnation 1 $G)" ""
	check "... what is sent to the former one arrives and is refused" wait_for 5 "drops" \
		drops_reach h2 up0 no_rule $(($(drops h2 up0 no_rule) + 20))
	check "... and does not reach the new one" same "$(messages 9001 $A)" "$before"
	thawed h1
	check "... streams to it begin, when the other host has heard" eval "grows 9001 $A && grows 9002 $A && grows 9001 $B"
	check "... by rules that were made for it" same "$(of_whom h2 incarnation 1 $G)" "$(incarnation h2 $G)"
	check "... on both hosts" same "$(of_whom h1 peer_incarnation 2 $G)" "$(incarnation h1 $G)"
}

# parts: agents do not hear each other any more, nodes do; heals: all as before.
parts() {
	net_in r nft 'add table inet part; add chain inet part forward { type filter hook forward priority 0; };
		add rule inet part forward udp dport 6190 drop'
}

heals() {
	net_in r nft delete table inet part
}

ended() {
	same "$(grants h1 | between $C $K)" ""
}

by_partition() {
	local before granted
	must "a filter on the router" parts
	host2 clients "$TAKEN" "$RACE"
	granted=$(grants h1 expires_ns | between $C $K | awk '{ print $6 }')
	check "the hosts are parted, and the destination's takes a policy back" ctl h2 reload
	check "... the stream stops all the same" stops 9006 $C
	before=$(messages 9006 $C)
	check "... the source's host has a rule, and sends" drops_grow h2 up0
	check "... its peer is to be told" ctl_holds h2 "[p['notices'] > 0 for p in d['peers']] == [True]" peer list
	check "... its rule ends by its lease" wait_for 8 "its end" ended
	check "... which was not prolonged" at_least "$(now)" "$granted"
	must "the filter goes" heals
	check "the hosts are together again: it is told, and has heard" wait_for 10 "an acknowledgement" withdrawn h2
	check "... nothing more has arrived" same "$(messages 9006 $C)" "$before"
	check "others did not notice" eval "grows 9001 $A && grows 9003 $G"
	all_of_host2
	check "the policy is there again" ctl h2 reload
	check "... and the stream goes on" grows 9006 $C
}

races() {
	local status
	all_of_host2
	cp "$WORK/$NET-h2.json" "$WORK/h2.on.json"
	host2 clients "$TAKEN" "$SHORT"
	cp "$WORK/$NET-h2.json" "$WORK/h2.off.json"
	all_of_host2
	host1
	cp "$WORK/$NET-h1.json" "$WORK/h1.on.json"
	host1 "$(policy 9 Z node:G deny udp/9011 node:A out)"
	cp "$WORK/$NET-h1.json" "$WORK/h1.off.json"
	host1
	# shellcheck disable=SC2154 # agent_start sets them
	timeout 200 $PYTHON "$HERE/revoke_race.py" "$ROUNDS" "$SEED" "$NET" "$WORK" "$AGENT_h1" "$AGENT_h2" >"$WORK/races" 2>&1
	status=$?
	head -n 10 "$WORK/races" | sed 's/^round/# round/'
	kill -CONT "$AGENT_h1" "$AGENT_h2"
	check "$ROUNDS races: what is, is what the policies say; nothing arrives that they deny" same $status 0
}

echo "seed $SEED"
must "hosts, nodes and agents" topology
must "traffic" traffic
by_policy
by_source
no_loss "9002 $A" "5201 $A" "9004 $A" "9003 $G" "9001 $B" "9006 $C"
by_group
no_loss "9004 $A" "9003 $G" "9001 $B" "9006 $C"
by_node
by_partition
races
