#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Attacks on the negotiation, by nodes, by other hosts and from the substrate: nothing that is not allowed is delivered,
# each refusal is counted by its reason, neighbours go on, and when an attack is over nothing of it is left.
# Forged data packets, and forged frames of nodes, are forged.sh's.
#
#   A 10.0.0.2 (attacks) --.                     .-- G 10.0.0.3, H 10.0.0.5
#   B 10.0.0.4 (honest) --- HOST 1 -- ROUTER -- HOST 2 -- 20 nodes more: 10.0.1.1 to 10.0.1.20     in vnet Z
#                                       |
#                                     HOST 3: forges, floods, and has an agent of its own later
# shellcheck disable=SC2154 # keys and agents: KEY_h2, AGENT_h1 and others are made by their names
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/net/fleet.sh
. "$(dirname "$0")/fleet.sh"

A=10.0.0.2 B=10.0.0.4 G=10.0.0.3 H=10.0.0.5
MAC_A=02:00:00:00:00:0a
HERE_BUILD=${BUILD#"$TOP"/}
FLOWS=$BUILD/selftests/net/attack_flows
FLOOD=$BUILD/bench/ask_flood
SCAN=$BUILD/bench/scan
# Attackers have a CPU of their own, as they would have at home; agents and honest nodes have the other.
ATTACKERS=0
HONEST=$(($(nproc) - 1))
POLICIES=$(list policies "$(policy 1 Z any allow tcp/20000-29999 node:G)" \
	"$(policy 2 Z any allow "udp/30000-39999 udp/6190" node:G)")
# What G may be sent by UDP, as a filter of tcpdump.
ALLOWED="(udp dst portrange 30000-39999 or udp dst port 6190)"

# ---- hosts, and what is asked of them

ctl() {
	timeout 20 "$BIN/ovnetctl" -i "$NET-$1" "${@:2}"
}

programs() {
	make -s -C "$TOP" B="$HERE_BUILD" "$HERE_BUILD/selftests/net/attack_flows" "$HERE_BUILD/bench/ask_flood" \
		"$HERE_BUILD/bench/scan" >/dev/null
}

# many LAST ENTRY: so many entries of a list; # is the number, @ the same in hexadecimal.
many() {
	local n entry
	for n in $(seq "$1"); do
		entry=${2//#/$n}
		printf '%s\n' "${entry//@/$(printf %02x "$n")}"
	done
}

# vnets [MEMBERS]: of vnet Z, which negotiates.
vnets() {
	printf '"vnets": [{"name": "Z", "vni": 77, "authorization": "negotiated"%s}]' "${1:+, $1}"
}

# members_h1 VNET-MEMBERS LIMITS, members_h2 VNET-MEMBERS LIMITS: configurations for floods, scans and storms.
members_h1() {
	local elsewhere
	mapfile -t elsewhere < <(many 200 "$(where S# Z 10.0.1.# 2)")
	printf '%s,\n%s,\n' "$(vnets "$1")" "\"limits\": {$2}"
	list nodes "$(member A Z $A $MAC_A)" "$(member B Z $B 02:00:00:00:00:0b)"
	printf ',\n'
	list mappings "$(where G Z $G 2)" "$(where H Z $H 2)" "${elsewhere[@]}"
}

members_h2() {
	local nodes
	mapfile -t nodes < <(many 20 "$(member S# Z 10.0.1.# 02:00:00:01:00:@)")
	printf '%s,\n%s,\n' "$(vnets "$1")" "\"limits\": {$2}"
	list nodes "$(member G Z $G 02:00:00:00:00:0c)" "$(member H Z $H 02:00:00:00:00:0d)" "${nodes[@]}"
	printf ',\n'
	list mappings "$(where A Z $A 1)" "$(where B Z $B 1)"
	printf ',\n%s' "$POLICIES"
}

topology() {
	local each
	substrate 3 || return
	node A h1 $A $MAC_A
	node B h1 $B 02:00:00:00:00:0b
	node G h2 $G 02:00:00:00:00:0c
	node H h2 $H 02:00:00:00:00:0d
	for each in C:6 D:7 E:8; do node "${each%:*}" h1 "10.0.0.${each#*:}" "02:00:00:00:01:0${each#*:}"; done
	ip -n "$NET-nA" route add 10.0.1.0/24 dev eth0
	# Nobody speaks for these: one namespace has the other ends of all.
	net_space nS
	net_in nS sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	many 20 "link add pS# netns $NET-h2 type veth peer name eth# netns $NET-nS address 02:00:00:01:00:@" | ip -batch - &&
		many 20 "link set eth# up" | ip -n "$NET-nS" -batch -
}

reachable() {
	wait_for 10 "host 1 reaches host 2" hosts_reachable h1 && wait_for 10 "host 2 reaches host 1" hosts_reachable h2 &&
		wait_for 20 "ports of host 2" eval '! ctl h2 -j port list | grep -q "\"state\": *\"down\""'
}

# neighbours HOST NODE: the node knows the dummy MAC addresses of all, as if ARP had been answered.
neighbours() {
	ctl "$1" -j mapping list | $PYTHON -c '
import json, sys
for m in json.load(sys.stdin)["mappings"]:
    print("neighbour replace", m["address"], "lladdr", m["mac"], "dev eth0 nud permanent")' |
		ip -n "$NET-n$2" -batch -
}

# again HOST MEMBERS...: the agent ends, all of it goes, and it starts with another configuration: maps keep their sizes.
again() {
	local host=$1 pid
	eval "pid=\$AGENT_$host"
	ctl "$host" stop detach >/dev/null
	wait_for 10 "the agent of $host ends" eval "! kill -0 $pid" || return
	fleet_config "$@"
	agent_start "$host"
}

mac_of() {
	ctl "$1" -j mapping list | $PYTHON -c '
import json, sys
print([m["mac"] for m in json.load(sys.stdin)["mappings"] if m["address"] == sys.argv[1]][0])' "$2"
}

mac_here() {
	ip -n "$NET-$1" -br link show "$2" | awk '{ print $3 }'
}

# What an attack must leave as it was: peers, mappings, and the negotiated rules, without what moves by itself.
state() {
	local object
	for object in "peer peers" "mapping mappings" "rule rules"; do
		# shellcheck disable=SC2086
		ctl "$1" -j ${object% *} list | $PYTHON -c '
import json, sys
moving = {"age_s", "expires_in_s", "hits", "handshake_s", "heard_s", "rtt_us", "state"}
for line in sorted(json.dumps({k: v for k, v in e.items() if k not in moving}, sort_keys=True)
                   for e in json.load(sys.stdin)[sys.argv[1]]):
    print(line)' "${object#* }"
	done
}

# unchanged HOST [EXCEPT]: its state is what $WORK/before.HOST says, but for lines with that in them.
unchanged() {
	diff <(state "$1" | grep -v "${2:-^$}") "$WORK/before.$1"
}

# peers HOST: where those are that it knows.
peers() {
	ctl "$1" -j peer list | $PYTHON -c 'import json, sys; print(sorted(p["locator"] for p in json.load(sys.stdin)["peers"]))'
}

# sum HOST COUNTERS...: of the engine's.
sum() {
	ctl "$1" -j status | $PYTHON -c '
import json, sys
engine = json.load(sys.stdin)["negotiation"]["engine"]
print(sum(int(engine[name]) for name in sys.argv[1:]))' "${@:2}"
}

stale() {
	ctl "$1" -j status | $PYTHON -c 'import json, sys; print(json.load(sys.stdin)["negotiation"]["questions"]["stale"])'
}

# unruled HOST: packets that its uplink refused for want of leave.
unruled() {
	echo $(($(drops "$1" up0 no_rule) + $(drops "$1" up0 rule_deny)))
}

# used HOST OBJECT: rules, sessions, mappings: how many there are.
used() {
	ctl "$1" -j status | $PYTHON -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]]["used"])' "$2"
}

# nothing_waits HOST: no question is in flight, in the agent or in the kernel, nor is a port charged for one or a packet.
nothing_waits() {
	ctl "$1" -j queue list | holds "not d['questions'] and
		not sum(p[what]['used'] for p in d['ports'] for what in ('pending', 'packets', 'octets'))" || return
	bpftool -j map dump pinned "/sys/fs/bpf/ovnet/$NET-$1/maps/pendings" | holds "d == []"
}

settled() {
	check "$1: then nothing waits on host 1" wait_for 10 "nothing waits" nothing_waits h1
	check "$1: nor on host 2" wait_for 10 "nothing waits" nothing_waits h2
}

# ticks HOST: hundredths of a second that its agent has computed for; memory HOST: KiB of it.
ticks() {
	local pid
	eval "pid=\$AGENT_$1"
	awk '{ print $14 }' "/proc/$pid/stat"
}

memory() {
	local pid
	eval "pid=\$AGENT_$1"
	awk '/^VmRSS/ { print $2 }' "/proc/$pid/status"
}

# attack SPACE COMMAND...: on the attackers' CPU, in the background, as $ATTACK, its output in $WORK/attack.
attack() {
	local space=$1
	shift
	net_background "$space" taskset -c $ATTACKERS "$@" >"$WORK/attack"
	ATTACK=$NET_PID
}

# attack_over LEAST: it has ended by itself, and sent that many packets.
attack_over() {
	wait_for 30 "the attack ends" eval "! kill -0 $ATTACK" || return
	at_least "$(awk 'NF == 1 || $1 == "sent" { print $NF }' "$WORK/attack" | head -n 1)" "$1"
}

# contacts LOW: B's first contacts with 100 ports of G, from LOW on; prints how many were made.
contacts() {
	net_in nB taskset -c "$HONEST" $PYTHON "$HERE/attack_contacts.py" connect $G "$1" $(($1 + 99)) 15 20
}

receiver() {
	net_background "n$1" $PYTHON "$HERE/traffic.py" receive "$2" >"$WORK/$1.$2"
	wait_for 5 "a receiver on $2" listens "n$1" u "$2"
}

sends() {
	net_in "n$1" timeout 20 $PYTHON "$HERE/traffic.py" udp-send "$2" "$3" "$4" "${5:-0}" >/dev/null
}

# arrived NODE PORT: how many datagrams have.
arrived() {
	grep -c '^udp' "$WORK/$1.$2"
}

# gets NODE PORT COMMAND...: the command makes a datagram more arrive there; for what works again.
gets() {
	local before
	before=$(arrived "$1" "$2")
	"${@:3}"
	wait_for 1 "a datagram" eval "[ \$(arrived $1 $2) -gt $before ]"
}

# flows NODE ADDRESS-OF-NODE TO SOURCE-PORTS PORTS PACKETS [SECONDS]
flows() {
	net_in "n$1" "$FLOWS" --packets "$6" --seconds "${7:-5}" eth0 "$2" "$(mac_of h1 "$3")" "$3" "$4" "$5" >/dev/null
}

# An agent that stands still could not be ended.
leave() {
	local status=$?
	kill -CONT "$AGENT_h1" "$AGENT_h2" 2>/dev/null
	(exit $status)
	net_end
}

# ---- the attacks

begin() {
	capture talk r h1 udp port 6190
	check "before any attack: B connects to G" net_in nB nc -z -w 5 $G 20000
	check "and A sends it a datagram" wait_for 5 "a datagram" gets G 6190 sends A $G 6190 1
	capture_end talk
	check "their agents' talk was captured" at_least "$(captured talk)" 4
	settled "first contacts"
}

# flooded WHAT GATES AT-ONCE A-SECOND PORT-OF-CONTACTS ARGUMENTS-OF-THE-FLOOD...: what gets through to the agent is as much at
# once and a second by each gate; beside that, what is said under live keys.
flooded() {
	local what=$1 gates=$2 burst=$3 rate=$4 port=$5 known refused passed cpu rss began=$SECONDS
	shift 5
	known=$(peers h2)
	refused=$(drops h2 up0 control_flood) passed=$(counter h2 up0 control_passed) cpu=$(ticks h2) rss=$(memory h2)
	attack h3 "$FLOOD" --seconds 2 "${@:1:$# - 2}" up0 "$(mac_here r h3)" "${@: -2}"
	check "$what: all of B's first contacts are made" same "$(contacts "$port")" 100
	check "$what: there was a flood" attack_over 20000
	check "$what: control_flood" drops_reach h2 up0 control_flood $((refused + 1))
	check "$what: what passes to the agent is bounded" at_most "$(counter h2 up0 control_passed)" \
		$((passed + gates * (burst + rate * (SECONDS - began + 1)) + 1000))
	check "$what: it costs the agent less than half of its time" at_most "$(ticks h2)" $((cpu + 100))
	check "$what: and little memory" at_most "$(memory h2)" $((rss + 8192))
	check "$what: no peer comes of it" same "$(peers h2)" "$known"
}

floods() {
	local host=fd00:1:0:2::1 node=fd00:1:0:2:0:4d:a00:3
	flooded "flood from the valid peer's address" 1 64 50 20100 --hosts --key "$KEY_h2" $host fd00:1:0:1::/64
	flooded "flood of a node's address, from another host" 1 64 50 20200 --hosts --key "$KEY_h2" $node fd00:1:0:3::/64
	flooded "flood from random hosts" 1024 5 1 20300 --hosts --key "$KEY_h2" $node fd00::/16
	ctl h1 peer flush >/dev/null
	check "when it is over, a handshake succeeds" wait_for 10 "a connection" \
		eval "ctl h1 rule flush >/dev/null; net_in nB nc -z -w 1 $G 20000"
	flooded "flood without the host's key, from anywhere" 1024 5 1 20400 $host fd00::/16
	ctl h1 peer flush >/dev/null
	ctl h1 rule flush >/dev/null
	attack h3 "$FLOOD" --seconds 2 --hosts --type hello --key "$KEY_h2" up0 "$(mac_here r h3)" $host fd00:1:0:3::/64
	check "a handshake amid a flood of HELLOs" same "$(contacts 20500)" 100
	attack_over 20000
	settled "floods"
}

# What nodes send to port 6190 is theirs: carried where policy says so, and seen by no agent.
tenants() {
	local before to
	receiver H 6190
	receiver B 6190
	neighbours h1 A
	for to in $H $B; do sends A "$to" 6190 1; done # these questions are asked now, and not when it counts
	settled "first datagrams to port 6190"
	before="$(sum h1 received) $(sum h2 received)"
	: >"$WORK/G.6190"
	for to in $G $H $B; do
		net_in nA $PYTHON "$HERE/attack_replay.py" tenant "$WORK/talk.pcap" "$to" >"$WORK/count"
	done
	check "a tenant's own service on port 6190 works" wait_for 5 "all datagrams" \
		eval "[ \$(arrived G 6190) = $(cat "$WORK/count") ]"
	check "where policy does not allow it, nothing arrives" same "$(arrived H 6190) $(arrived B 6190)" "0 0"
	check "but is dropped: rule_deny" at_least "$(drops h1 pA rule_deny)" $((2 * $(cat "$WORK/count")))
	flows A $A $G 6190 6190 20000
	craft nA eth0 "Ether(src='$MAC_A', dst='$(mac_of h1 $G)')/IPv6(src='fd00:1:0:1::1', dst='fd00:1:0:2::1')/\
UDP(sport=6190, dport=6190)/b'x'"
	check "IPv6 of a node to its host's agent: ipv6_node" drops_reach h1 pA ipv6_node 1
	check "no agent has got anything of it" same "$(sum h1 received) $(sum h2 received)" "$before"
	check "nor any answer gone to a node" same "$(drops h1 pA host_to_port)" 0
}

replays() {
	local how reasons refused received sent
	reasons="malformed bad_mac bad_tag replayed unknown_index bad_passport bad_claim old_stamp over_load"
	for how in replay reflect truncate; do
		state h1 >"$WORK/before.h1"
		state h2 >"$WORK/before.h2"
		# shellcheck disable=SC2086
		refused=$(($(sum h1 $reasons) + $(sum h2 $reasons) + $(drops h1 up0 control_flood) + $(drops h2 up0 control_flood)))
		received=$(($(sum h1 received) + $(sum h2 received)))
		sent="$(sum h1 sent) $(sum h2 sent)"
		net_in h3 $PYTHON "$HERE/attack_replay.py" $how "$WORK/talk.pcap" up0 "$(mac_here r h3)" >"$WORK/count"
		# shellcheck disable=SC2086
		check "$how: each of $(cat "$WORK/count") datagrams is refused and counted" wait_for 5 "counters" eval \
			"[ \$((\$(sum h1 $reasons) + \$(sum h2 $reasons) + \$(drops h1 up0 control_flood) +
			\$(drops h2 up0 control_flood))) = $((refused + $(cat "$WORK/count"))) ]"
		check "$how: engines have seen them" at_least $(($(sum h1 received) + $(sum h2 received))) $((received + 1))
		check "$how: without an answer" same "$(sum h1 sent) $(sum h2 sent)" "$sent"
		check "$how: peers, mappings and rules are as they were" eval "unchanged h1 && unchanged h2"
	done
}

# Data packets in the name of a node that has no leave: dropped where they arrive, and A's agent is told to no effect.
ungranted() {
	local to told before frames=() port
	to="Ether(dst='$(mac_here r h3)', src='$(mac_here h3 up0)')/\
IPv6(src='fd00:1:0:1:0:4d:a00:2', dst='fd00:1:0:2:0:4d:a00:5', fl=0x40800)"
	for port in $(seq 4001 4040); do
		frames+=("$to/UDP(sport=1, dport=$port)/b'forged'" "$to/TCP(sport=1, dport=$port, flags='A')")
	done
	capture h nH eth0 "ip and host $A"
	state h1 >"$WORK/before.h1"
	told=$(stale h2)
	before=$(unruled h2)
	craft h3 up0 "${frames[@]}"
	check "data without a grant: each is dropped at the destination" wait_for 5 "drops" \
		eval "[ \$(unruled h2) = $((before + 80)) ]"
	check "its agent hears of it" wait_for 5 "stale arrivals" eval "[ \$(stale h2) -gt $told ]"
	check "or that is counted" same $(($(stale h2) - told + $(counter h2 up0 stale_limited))) 80
	check "the agent that is told believes nothing of it" unchanged h1
	check "A's datagrams to G go on" wait_for 5 "a datagram" gets G 6190 sends A $G 6190 1
	capture_end h
	check "nothing was delivered" same "$(captured h)" 0
}

scanned() {
	local before
	before=$(sum h1 asked)
	attack nA "$SCAN" --seconds 8 1-65535 10.0.1.1-10.0.1.20
	check "a scan of 20 nodes: all first contacts of the neighbour are made" same "$(contacts 21000)" 100
	check "it was a scan" attack_over 100000
	check "wide denials: it costs few negotiations an address" at_most $(($(sum h1 asked) - before)) 400
	check "and is dropped where it is sent: rule_deny" at_least "$(drops h1 pA rule_deny)" 100000
	before=$(sum h1 asked)
	attack nA "$SCAN" --seconds 5 1-65535 10.0.1.1-10.0.1.200
	check "a scan of 200 addresses, nobody at 180 of them: the same" same "$(contacts 21100)" 100
	attack_over 100000
	check "negotiations are within the port's rate (500 a second, 64 at once)" at_most $(($(sum h1 asked) - before)) 4000
	check "question_rate or question_quota names what was not asked" at_least \
		$(($(drops h1 pA question_rate) + $(drops h1 pA question_quota))) 1
	check "not one of the neighbour's was refused" same $(($(drops h1 pB question_rate) + $(drops h1 pB question_quota))) 0
	check "rules are within what that rate can make" at_most "$(used h1 rules)" 5000
	settled "scans"
}

storms() {
	capture g nG eth0 "ip src $A and udp and not $ALLOWED"
	attack nA "$FLOWS" --packets 1000000 --seconds 10 eth0 $A "$(mac_of h1 $G)" $G 1024-65535 1-65535
	check "a million flows: all first contacts of the neighbour are made" same "$(contacts 22000)" 100
	check "it was a storm" attack_over 100000
	check "the node asks at its rate, and no faster: question_rate" drops_reach h1 pA question_rate 1
	flows A $A $G 1024-65535 6190 100000
	check "flows that are granted fill the node's quota: session_quota" drops_reach h1 pA session_quota 1
	check "which it does not exceed" at_most "$(ctl h1 -j session list | $PYTHON -c "
import json, sys
print(sum(s['local'] == '$A' for s in json.load(sys.stdin)['sessions']))")" 2000
	check "its neighbour has met none" same $(($(drops h1 pB session_quota) + $(drops h1 pB question_rate))) 0
	check "and connects" same "$(contacts 22100)" 100
	capture_end g
	check "nothing was delivered but what is allowed" same "$(captured g)" 0
	settled "storms"
}

# ---- rogues: HOST 3 has an agent, and a node that says it is A

# rogue LOCATOR-OF-HOST HOST-NAME AUTHORITY SIGNING-KEY
rogue() {
	local hosts
	hosts=$(list hosts "{\"name\": \"$2\", \"locator\": \"fd00:1:0:$1::/64\", \"key\": \"$KEY_h3\"}" \
		"{\"name\": \"h2\", \"locator\": \"fd00:1:0:2::/64\", \"key\": \"$KEY_h2\"}")
	config h3 "\"identity\": {\"host\": \"$2\", \"key\": \"$WORK/h3.key\", \"authority\": \"$3\",
		\"signing_key\": \"$4\"}" "$hosts" "$(vnets)" "$(list nodes "$(node_json R Z $A $MAC_A)")" \
		"$(list mappings "$(where G Z $G 2)")"
	sed -i "s,\"fd00:1:0:3::/64\"\,$,\"fd00:1:0:$1::/64\"\,," "$WORK/$NET-h3.json"
	cp "$WORK/$NET-h3.json" "$WORK/$NET-h3.first"
	agent_start h3 && wait_for 10 "host 3 reaches host 2" hosts_reachable h3
}

# refused_rogue WHAT COUNTER [EXCEPT]: what it says is refused, and counted so; host 2 learns nothing but EXCEPT.
refused_rogue() {
	local before counted
	state h2 >"$WORK/before.h2"
	counted=$(sum h2 "$2")
	ip -n "$NET-nR" neigh replace $G lladdr "$(mac_of h3 $G)" dev eth0
	before=$(arrived G 6190)
	sends R $G 6190 3 10
	check "$1: host 2 counts $2" wait_for 5 "$2" eval "[ \$(sum h2 $2) -gt $counted ]"
	check "$1: its node has no leave" wait_for 5 "a denial" drops_reach h3 pR rule_deny 1
	check "$1: nothing of it arrives" same "$(arrived G 6190)" "$before"
	check "$1: host 2 has learned nothing" unchanged h2 "${3:-}"
	check "$1: A sends to G as ever" wait_for 5 "a datagram" gets G 6190 sends A $G 6190 1
	ctl h3 stop detach >/dev/null
	wait_for 10 "the rogue's end" eval "! kill -0 $AGENT_h3"
}

rogues() {
	local other
	node R h3 $A $MAC_A
	NET_INSTANCES+=("h3=$NET-h3")
	other=$("$BIN/ovnetctl" key new authority "$WORK/other.key" | tail -n 1)
	must "a rogue of another authority" rogue 3 h3 "$other" "$WORK/other.key"
	refused_rogue "another authority" bad_passport
	must "a rogue in another's place" rogue 1 h1 "$AUTHORITY" "$WORK/authority.key"
	refused_rogue "a key that is not that host's" bad_claim
	must "a rogue that claims another's node" rogue 3 h3 "$AUTHORITY" "$WORK/authority.key"
	# Who has the authority's key can sign for any host; that makes none known.
	refused_rogue "a host of no list" bad_claim
	cp "$WORK/$NET-h2.json" "$WORK/unlisted"
	sed -i "s,\"hosts\": \[,&{\"name\": \"h3\"\, \"locator\": \"fd00:1:0:3::/64\"\, \"key\": \"$KEY_h3\"}\, ," "$WORK/$NET-h2.json"
	check "host 3 is taken into the list" ctl h2 reload
	must "a rogue of the list that claims another's node" rogue 3 h3 "$AUTHORITY" "$WORK/authority.key"
	# A peer is all that it is.
	refused_rogue "the node of another host" decided '"locator": "fd00:1:0:3::/64"'
	cp "$WORK/unlisted" "$WORK/$NET-h2.json"
	check "and out of it again" ctl h2 reload
}

# ---- tables that are full; agents start anew, since their limits are those of the maps

# small VNET-MEMBERS LIMITS-OF-HOST-1 LIMITS-OF-HOST-2: few nodes, little room.
small() {
	local each nodes=()
	for each in C:6 D:7 E:8; do
		nodes+=("$(member "${each%:*}" Z "10.0.0.${each#*:}" "02:00:00:00:01:0${each#*:}")")
	done
	again h1 "$(vnets "$1")" "\"limits\": {$2}" '"idle": {"udp": 2}' \
		"$(list nodes "$(member A Z $A $MAC_A)" "$(member B Z $B 02:00:00:00:00:0b)" "${nodes[@]}")" \
		"$(list mappings "$(where G Z $G 2)" "$(where H Z $H 2)")" || return
	SMALL_VNET=$1 SMALL_LIMITS=$3
	again h2 "$(small_h2 A B)" && small_ready
}

# small_h2 NODES...: host 2's members, with the nodes of host 1 that it is told of.
small_h2() {
	local each elsewhere=() number
	for each in "$@"; do
		number=$(($(printf %d "'$each") - 64)) # A is 1
		elsewhere+=("$(where "$each" Z "10.0.0.$((number == 1 ? 2 : number == 2 ? 4 : number + 3))" 1)")
	done
	printf '%s,\n"limits": {%s},\n"idle": {"udp": 2},\n%s,\n' "$(vnets "$SMALL_VNET")" "$SMALL_LIMITS" "$POLICIES"
	list nodes "$(member G Z $G 02:00:00:00:00:0c)" "$(member H Z $H 02:00:00:00:00:0d)"
	[ $# -eq 0 ] || { printf ',\n' && list mappings "${elsewhere[@]}"; }
}

small_ready() {
	local each
	hosts_reachable h1 || reachable || return
	for each in A B C D E; do neighbours h1 $each; done
}

# full_watch_begins, full_watch_ends WHAT: G gets nothing meanwhile but what is allowed.
full_watch_begins() {
	capture full nG eth0 "ip and udp and not ($ALLOWED or src host $G)"
}

full_watch_ends() {
	capture_end full
	check "$1: nothing was delivered that is not allowed" same "$(captured full)" 0
	settled "$1"
}

# A node may hold a quarter of the rules; four fill the table.
full_rules() {
	local each
	must "a table of 40 rules" small '"answers": "exact", "grant_lifetime": 10' '"rules": 40' '"rules": 4096'
	full_watch_begins
	flows A $A $G 4000 30000-30199 2000
	# Ten, and that ARP is answered.
	check "a node's share of the rules is full: it has no more" at_most "$(used h1 rules)" 11
	check "its agent says so" grep -q "a node has its share of limits.rules" "$WORK/h1.log"
	check "what found no rule is dropped: no_rule" drops_reach h1 pA no_rule 1
	check "its neighbour gets one at once" gets G 6190 sends B $G 6190 1
	for each in A:2 B:4 C:6 D:7 E:8; do flows "${each%:*}" "10.0.0.${each#*:}" $G 4000 30000-30199 2000; done
	check "rules are full" at_least "$(used h1 rules)" 36
	check "there are no more" at_most "$(used h1 rules)" 40
	check "what found no rule is dropped: no_rule" drops_reach h1 pE no_rule 1
	check "when grants have ended, there is room again" wait_for 20 "a datagram" gets G 6190 sends E $G 6190 1
	full_watch_ends "rules are full"
}

full_sessions() {
	must "a table of 300 sessions" small '' '"sessions": 300, "sessions_per_port": 200' '"sessions": 10000'
	full_watch_begins
	check "a conversation" wait_for 5 "a datagram" gets G 6190 sends A $G 6190 1
	flows A $A $G 10000-60000 6190 2000
	check "sessions are full: session_quota for the one" drops_reach h1 pA session_quota 1
	flows B $B $G 10000-60000 6190 2000
	check "session_full for the other" drops_reach h1 pB session_full 1
	check "within quota and table" ctl_holds h1 "len(d['sessions']) <= 300 and
		sum(s['local'] == '$A' for s in d['sessions']) <= 200" session list
	check "idle ones go, and both have room again" wait_for 15 "datagrams" eval \
		"gets G 6190 sends A $G 6190 1 && gets G 6190 sends B $G 6190 1"
	full_watch_ends "sessions are full"
}

# Host 2's agent does not answer meanwhile, so that questions stay open.
full_pending() {
	must "8 questions, 4 packets" small '"answers": "exact"' \
		'"pending": 8, "pending_per_port": 6, "queue_packets": 4' '"rules": 4096'
	full_watch_begins
	kill -STOP "$AGENT_h2"
	net_background nA "$FLOWS" --packets 10000000 --seconds 2 eth0 $A "$(mac_of h1 $G)" $G 4000 1-65535 >/dev/null
	ATTACK=$NET_PID
	flows B $B $G 4000 1-65535 10000000 2
	wait_for 5 "the attack's end" eval "! kill -0 $ATTACK"
	check "questions are full: question_quota" drops_reach h1 pA question_quota 1
	check "question_full" eval "drops_reach h1 pA question_full 1 || drops_reach h1 pB question_full 1"
	check "the queue is full: queue_full" drops_reach h1 pA queue_full 1
	check "a peer that is silent is no leave: rule_deny" drops_reach h1 pA rule_deny 1
	kill -CONT "$AGENT_h2"
	check "the peer is back, and contacts are made" wait_for 10 "a datagram" gets G 6190 sends A $G 6190 1
	check "of the other as well" wait_for 10 "a datagram" gets G 6190 sends B $G 6190 1
	full_watch_ends "questions are full"
}

# More questions than the ring has room for, while its reader stands still.
full_ring() {
	local mac
	must "questions without bounds" small '"answers": "exact", "grant_lifetime": 3' \
		'"pending": 65536, "pending_per_port": 65536, "questions": 1000000, "questions_burst": 65536' '"rules": 65536'
	mac=$(mac_of h1 $G)
	full_watch_begins
	check "A has a grant" wait_for 5 "a datagram" gets G 6190 sends A $G 6190 1
	for _ in 1 2 3 4 5; do
		kill -STOP "$AGENT_h1"
		net_in nA "$FLOWS" --packets 200000 --seconds 2 eth0 $A "$mac" $G 4000 1-65535 >/dev/null
		net_in nA "$FLOWS" --packets 10 eth0 $A "$mac" $G 4000 6190 >/dev/null
		kill -CONT "$AGENT_h1"
		! wait_for 10 "the ring is full" drops_reach h1 pA question_lost 1 2>/dev/null || break
	done
	check "the ring is full: question_lost" drops_reach h1 pA question_lost 1
	check "the agent works through it, and contacts are made" wait_for 20 "a datagram" gets G 30000 sends B $G 30000 1
	check "its rules have an end as well" wait_for 60 "few rules" eval "[ \$(used h1 rules) -le 2000 ]"
	full_watch_ends "the ring is full"
}

full_mappings() {
	must "room for 3 mappings on host 2" small '"grant_lifetime": 3' '"rules": 4096' '"mappings": 3'
	fleet_config h2 "$(small_h2)"
	check "host 2 is told of nobody elsewhere" ctl h2 reload
	full_watch_begins
	check "it learns where A is, from A's question" wait_for 10 "a datagram" gets G 6190 sends A $G 6190 1
	check "mappings are full" same "$(used h2 mappings)" 3
	check_not "B is not learned" gets G 6190 sends B $G 6190 1
	check "its datagram was refused: rule_deny" drops_reach h1 pB rule_deny 1
	fleet_config h2 "$(small_h2 | sed 's/, {"name": "H".*\]/]/')"
	check "one goes" ctl h2 reload
	check "and B is learned" wait_for 10 "a datagram" gets G 6190 sends B $G 6190 1
	full_watch_ends "mappings are full"
}

# Nodes come and go in the file: those that have gone leave room for those that come.
full_identities() {
	local pair each
	must "room for 4 mappings on host 2" small '"grant_lifetime": 2' '"rules": 4096' '"mappings": 4'
	full_watch_begins
	for pair in "A B" "C D" "E A"; do
		# shellcheck disable=SC2086
		fleet_config h2 "$(small_h2 $pair)"
		check "host 2 is told of $pair" ctl h2 reload
		for each in $pair; do
			check "and $each is let in" wait_for 10 "a datagram" gets G 6190 sends "$each" $G 6190 1
		done
	done
	check "identities are within their table" at_most "$(bpftool -j map dump pinned \
		"/sys/fs/bpf/ovnet/$NET-h2/maps/identities" | $PYTHON -c 'import json, sys; print(len(json.load(sys.stdin)))')" 4
	full_watch_ends "identities are full"
}

must "programs" programs
must "hosts and nodes" topology
must "keys" fleet 3
FLEET=2 # the third is in nobody's directory
LIMITS='"questions": 500, "sessions_per_port": 2000'
must "agent 1" fleet_agent h1 "$(members_h1 '"grant_lifetime": 300' "$LIMITS")"
must "agent 2" fleet_agent h2 "$(members_h2 '"grant_lifetime": 300' '"sessions_per_port": 20000')"
trap leave EXIT
must "hosts see each other" reachable
receiver G 6190
net_background nG $PYTHON "$HERE/attack_contacts.py" listen 20000 22199 >"$WORK/listening"
must "G listens" wait_for 10 "listeners" grep -q listening "$WORK/listening"


# ATTACKS="scanned storms": these alone.
for attack in ${ATTACKS:-begin tenants replays ungranted rogues floods scanned storms full_rules full_sessions \
	full_pending full_ring full_mappings full_identities}; do
	$attack
done
