#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The life of an agent: options, restart and crash, reload, what it refuses, and what is left when it goes.
# What happens around an agent (interfaces, routes, nodes that move) is follow.sh's.
#
#   A 10.0.0.2 --- pA HOST 1 up0 --- ROUTER --- up0 HOST 2 pG --- G 10.0.0.3        in vnet Z
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"

A=10.0.0.2 G=10.0.0.3
FILE=$WORK/$NET-h1.json
PINS=/sys/fs/bpf/ovnet/$NET-h1
ICMP=$(rule_json Z any any icmp any allow)
FIRST=$(rule_json Z $A $G tcp 5201 allow)
SECOND=$(rule_json Z $A $G tcp 5202 allow 0 7)

# files RULES...: the configuration of both hosts.
files() {
	config h1 '"vnets": [{"name": "Z", "vni": 77}]' "$(list rules "$@")" "$(list mappings "$(mapping_json Z $G 2)")" \
		"$(list nodes "$(node_json A Z $A 02:00:00:00:00:0a)")"
	config h2 '"vnets": [{"name": "Z", "vni": 77}]' "$(list rules "$@")" "$(list mappings "$(mapping_json Z $A 1)")" \
		"$(list nodes "$(node_json G Z $G 02:00:00:00:00:0b)")"
}

# No command of a test may wait for ever.
ctl() {
	timeout 10 "$BIN/ovnetctl" -i "$NET-$1" "${@:2}"
}

# ovnetd ARGUMENTS...: on host 1, one that is expected to end by itself.
ovnetd() {
	net_in h1 timeout 10 "$BIN/ovnetd" "$@"
}

# did WHAT COMMAND...: as check, but in this shell: variables that the command sets stay, and what it starts is a job.
did() {
	if "${@:2}" >"$WORK/did" 2>&1; then
		echo "ok - $1"
	else
		FAILED=$((FAILED + 1))
		echo "not ok - $1: $(tail -n 4 "$WORK/did" | tr '\n' ' ')"
	fi
}

exits() {
	local status=$1
	shift
	"$@"
	same $? "$status"
}

# says WORDS COMMAND...: the command fails, and tells why in these words (an extended regular expression).
says() {
	local words=$1 said
	shift
	said=$("$@" 2>&1) && { echo "it succeeded: $said"; return 1; }
	grep -Eq -- "$words" <<<"$said" || { echo "$said"; return 1; }
}

gone() {
	! kill -0 "$1" 2>/dev/null
}

# end HOST SIGNAL: as agent_stop, but bounded; its exit status is the agent's.
end() {
	local pid
	eval "pid=\$AGENT_$1"
	kill "-$2" "$pid"
	wait_for 10 "ovnetd of $1 ends" gone "$pid" || return 1
	wait "$pid"
}

# receiver PORT: what arrives there goes to $WORK/PORT, one line a message; one receiver serves every stream.
receiver() {
	listens nG t "$1" && return
	net_background nG $PYTHON "$HERE/traffic.py" receive "$1" >"$WORK/$1"
	wait_for 5 "a receiver on $1" listens nG t "$1"
}

# stream PORT: messages over one TCP connection from A to G, every 2 ms, until STREAM_PORT is killed.
stream() {
	receiver "$1"
	net_background nA $PYTHON "$HERE/traffic.py" tcp-send $G "$1" 0 2 >"$WORK/from-$1"
	eval "STREAM_$1=$NET_PID"
	check "a stream to port $1" grows "$1"
}

lines() {
	wc -l <"$WORK/$1"
}

# grows PORT: 50 messages more arrive.
grows() {
	local before
	before=$(lines "$1")
	wait_for 5 "messages to port $1" longer "$1" $((before + 50))
}

longer() {
	[ "$(lines "$1")" -ge "$2" ]
}

no_gap() {
	$PYTHON -c "
numbers = [int(l.split()[3]) for l in open('$WORK/$1') if ' open ' not in l]
assert numbers and numbers == list(range(len(numbers))), 'a gap'"
}

# lost: ends the ping, and prints how many got no answer. What runs in $(...) cannot wait() for it.
lost() {
	kill -INT "$PING_PID" && wait_for 5 "ping ends" grep -q 'packets transmitted' "$WORK/ping"
	awk '/packets transmitted/ { print $1 - $4 }' "$WORK/ping"
}

pings() {
	net_in nA ping -c 2 -i 0.05 -W 1 $G
}

connects() {
	net_in nA nc -z -w 1 $G "$1"
}

# created MAP EXPRESSION: when those entries of host 1's map were made for which it holds; e is the entry.
created() {
	bpftool -j map dump pinned "$PINS/maps/$1" | $PYTHON -c "
import json, sys
print(*sorted(e['value']['created_ns'] for e in (e['formatted'] for e in json.load(sys.stdin)) if $2))"
}

# told OBJECT: its list on host 1, but for what changes by itself.
told() {
	ctl h1 -j "$1" list | $PYTHON -c "
import json, sys
moving = {'age_s', 'expires_in_s', 'hits', 'sessions', 'drops'}
for entries in json.load(sys.stdin).values():
    for line in sorted(json.dumps({k: v for k, v in e.items() if k not in moving}, sort_keys=True) for e in entries):
        print(line)"
}

# session_made PORT: when that of the stream to the port was.
session_made() {
	created sessions "e['key']['local_port'] == $(awk '{ print $2 }' "$WORK/from-$1")"
}

# state: of host 1, but for what changes by itself: connections that are closing (4: FIN, 8: RST) go after a while.
state() {
	told rule && told mapping && told port && created rules True &&
		created sessions "e['key']['protocol'] == 6 and not e['value']['flags'] & 12"
}

ready() {
	wait_for 10 "host 1 reaches host 2" hosts_reachable h1 && wait_for 10 "host 2 reaches host 1" hosts_reachable h2
}

topology() {
	substrate 2 && node A h1 $A 02:00:00:00:00:0a && node G h2 $G 02:00:00:00:00:0b || return
	files "$ICMP" "$FIRST"
	NET_INSTANCES+=("h1=$NET-h1" "h2=$NET-h2")
	agent_start h1 && agent_start h2 && ready
}

options() {
	check "an unknown option: exit status 2" exits 2 ovnetd --bogus
	check "an option without its argument: 2" exits 2 ovnetd --config
	check "a word that is none of its own: 2" exits 2 ovnetd --config "$FILE" start
	check "ovnetctl, an unknown word: 2" exits 2 ctl h1 session lost
	check "--help and --version: 0" eval 'exits 0 ovnetd --help && exits 0 ovnetd --version'
	check "--check of a good file: 0" exits 0 ovnetd --config "$FILE" --check
	sed 's/"pA"/"pLater"/' "$FILE" >"$WORK/warning.json"
	check "-n, with a port that is not there yet: 0" exits 0 ovnetd -c "$WORK/warning.json" -n
	check "... and 1 with --strict" exits 1 ovnetd -c "$WORK/warning.json" -n --strict
	sed 's/"up0"/"up9"/' "$FILE" >"$WORK/error.json"
	check "-n, with an uplink that is not there: 1" exits 1 ovnetd -c "$WORK/error.json" -n
	check "-n, with a file that is not there: 1" exits 1 ovnetd -c "$WORK/nothing.json" -n
}

second() {
	local before
	before=$(state)
	check "a second ovnetd of the instance is refused" says "another process has this instance" \
		ovnetd --config "$FILE"
	check "... with exit status 1" exits 1 ovnetd --config "$FILE"
	check "... and the first is as it was" same "$(state)" "$before"
}

# Both agents go and come back, twice; a ping and a TCP stream run all the while.
restarts() {
	local before tcp="[s for s in d['sessions'] if s['protocol'] == 'tcp']" host signal status
	did "A pings G" ping_begins nA $G
	stream 5201
	wait_for 5 "a session of a second" ctl_holds h1 "${tcp}[0]['age_s'] >= 1" session list
	before=$(state)
	for signal in TERM KILL; do
		[ $signal = KILL ] && status=137 || status=0
		for host in h1 h2; do
			did "SIG$signal ends the agent of $host" exits "$status" end $host $signal
		done
		check "the stream goes on without agents" grows 5201
		did "agents start again" eval 'agent_start h1 && agent_start h2'
		check "the stream goes on with new agents" grows 5201
	done
	UPTIME=$(ctl h1 -j status | $PYTHON -c 'import json, sys; print(json.load(sys.stdin)["uptime_s"])')
	check "the session is older than the agent" ctl_holds h1 "[s['age_s'] > $UPTIME for s in $tcp] == [True]" \
		session list
	check "rules, mappings with dummy MACs, ports with epochs: as before" same "$(state)" "$before"
	net_kill "$STREAM_5201"
	check "all of the stream arrived, in order" no_gap 5201
	check "no ping was lost" same "$(lost)" 0
	check "... of many" at_least "$(grep -c 'bytes from' "$WORK/ping")" 100
}

reloads() {
	local first made before
	stream 5201
	first=$(created rules "e['key']['port'] == 5201")
	made=$(session_made 5201)
	check_not "a port is closed" connects 5202
	files "$ICMP" "$FIRST" "$SECOND"
	check "reload applies the difference" ctl_holds h1 "d['changed'] == {'nodes': 0, 'mappings': 0, 'rules': 1}" reload
	kill -HUP "$AGENT_h2"
	check "SIGHUP does" wait_for 5 "the rule" ctl_holds h2 "5202 in [r['port'] for r in d['rules']]" rule list
	receiver 5202
	check "the port is open" connects 5202
	check "the rule beside it was not made anew" same "$(created rules "e['key']['port'] == 5201")" "$first"
	check "nor was its session" same "$(session_made 5201)" "$made"
	check "a reload that changes nothing" ctl_holds h1 "d['changed'] == {'nodes': 0, 'mappings': 0, 'rules': 0}" reload
	check "the stream goes on" grows 5201
}

removed() {
	local now
	stream 5202
	files "$ICMP" "$FIRST"
	check "reload without one rule" ctl_holds h1 "d['changed']['rules'] == 1" reload
	now=$($PYTHON -c 'import time; print(time.clock_gettime_ns(time.CLOCK_BOOTTIME))')
	check "the other rule's stream goes on" grows 5201
	check "nothing came by the rule that went" at_most "$(awk 'END { print $5 }' "$WORK/5202")" "$now"
	check "... which is counted as no_rule" drops_reach h1 pA no_rule 1
	net_kill "$STREAM_5202"
	check "host 2 as well" ctl h2 reload
}

# refused WHAT EXPRESSION-OF-SED WORDS: a changed file changes nothing, says why in these words, and is put back.
refused() {
	local before
	before=$(state)
	cp "$FILE" "$WORK/good.json"
	sed -i "$2" "$FILE"
	check "reload refuses $1, and says why" says "$FILE:$3" ctl h1 reload
	check "... and nothing has changed" same "$(state)" "$before"
	cp "$WORK/good.json" "$FILE"
}

broken() {
	local remedy="a reload cannot change it; stop ovnetd with --detach and start it again"
	local restart="a reload cannot change it; restart ovnetd" before
	refused "a file that ends too early" '$d' "[0-9]+: "
	refused "a port out of range" 's/"port": 5201/"port": 70000/' "[0-9]+: rules\[1\]\.port: expected .*70000"
	refused "a vnet that is not there" 's/"rules": \[{"vnet": "Z"/"rules": [{"vnet": "Y"/' "[0-9]+: rules\[0\]\.vnet: .*Y"
	refused "other limits" 's/"uplinks": .*/&\n "limits": {"sessions": 1024},/' " limits: $remedy"
	refused "another locator" 's/fd00:1:0:1::/fd00:1:0:9::/' " locator: $remedy"
	refused "other uplinks" 's/\["up0"\]/["up0", "up1"]/' " uplinks: $restart"
	refused "another uplink_mode" 's/"uplinks": .*/&\n "uplink_mode": "tc",/' " uplink_mode: $restart"
	refused "another instance" "s/\"instance\": .*/\"instance\": \"$NET-h9\",/" " instance: $restart"
	before=$(state)
	mv "$FILE" "$WORK/good.json"
	kill -HUP "$AGENT_h1"
	check "SIGHUP without a file: the log has it" wait_for 5 "a line of the log" \
		grep -q "$FILE: refused; nothing has changed" "$WORK/h1.log"
	check "... nothing has changed" same "$(state)" "$before"
	mv "$WORK/good.json" "$FILE"
	check "the stream goes on" grows 5201
}

# A pinned map of another size is not taken over, and the data path is left as it is.
other_size() {
	local before
	did "A pings G" ping_begins nA $G
	did "the agent ends" end h1 TERM
	before=$(created rules True; session_made 5201; ls -R "$PINS")
	cp "$FILE" "$WORK/good.json"
	sed -i 's/"uplinks": .*/&\n "limits": {"sessions": 1024},/' "$FILE"
	check "other limits: ovnetd ends with 1" exits 1 ovnetd --config "$FILE"
	check "... and names the map, both sizes and what to do" \
		says "maps/sessions: .*65536 where 1024 is wanted: stop ovnetd with --detach" ovnetd --config "$FILE"
	cp "$WORK/good.json" "$FILE"
	check "... pins, rules and session are as they were" \
		same "$(created rules True; session_made 5201; ls -R "$PINS")" "$before"
	check "the stream goes on" grows 5201
	did "with the old limits it starts" agent_start h1
	check "the stream goes on" grows 5201
	net_kill "$STREAM_5201"
	check "no ping was lost" same "$(lost)" 0
}

# Programs and links of host 1 in the kernel, by their numbers: "prog 12", "link 7".
pinned_objects() {
	local pin
	for pin in "$PINS"/*/*; do
		case $pin in
		*/progs/*) bpftool -j prog show pinned "$pin" | sed -E 's/.*"id":([0-9]+).*/prog \1/' ;;
		*/links/*) bpftool -j link show pinned "$pin" | sed -E 's/.*"id":([0-9]+).*/link \1/' ;;
		esac
	done
}

# no_objects LIST: none of them is left.
no_objects() {
	local kind id
	while read -r kind id; do
		bpftool -j "$kind" show | holds "$id not in [o['id'] for o in d]" || { echo "$kind $id is there"; return 1; }
	done <<<"$1"
}

# left HOW OBJECTS: what must not be there when an agent has been taken out.
left() {
	check "$1: the port is down" port_down
	check "... no pin is left" test ! -e "$PINS"
	check "... no program and no link" wait_for 5 "the kernel lets go" no_objects "$2"
	check "... XDP and tc have nothing on the interfaces" eval \
		"net_in h1 bpftool -j net | holds \"not d[0]['xdp'] and not d[0]['tc']\""
	check "... no local route" no_prefix
	check_not "... A has no way to G" pings
	did "... a start makes all anew" eval 'agent_start h1 && ready && wait_for 5 "a ping" pings'
}

taken_out() {
	local objects
	objects=$(pinned_objects)
	check "an agent has pinned programs and links" at_least "$(grep -cE '^(prog|link) [0-9]+$' <<<"$objects")" 7
	check "ovnetctl stop detach" ctl h1 stop detach
	check "the agent ends" wait_for 10 "its end" gone "$AGENT_h1"
	left "stop detach" "$objects"

	objects=$(pinned_objects)
	did "kill -9" exits 137 end h1 KILL
	check "ovnetd --remove" exits 0 ovnetd --config "$FILE" --remove
	left "--remove" "$objects"
	check "ovnetctl stop" ctl h1 stop
	check "the agent ends" wait_for 10 "its end" gone "$AGENT_h1"
	check "A pings G without it" pings

	did "ovnetd --detach takes over" eval 'agent_start h1 --detach'
	objects=$(pinned_objects)
	did "SIGTERM" exits 0 end h1 TERM
	left "--detach" "$objects"
}

# without_node: host 1's file, as if A had never been.
without_node() {
	config h1 '"vnets": [{"name": "Z", "vni": 77}]' '"nodes": []' "$(list mappings "$(mapping_json Z $G 2)")" \
		"$(list rules "$ICMP")"
}

# What was changed in the file while nobody read it.
edited() {
	did "the agent ends" end h1 TERM
	without_node
	did "a node was taken out of the file: start" agent_start h1
	check "... its port is down" port_down
	check "... and there is none any more" ctl_holds h1 "d['ports'] == []" port list
	files "$ICMP" "$FIRST"
	check "in the file again: reload" ctl_holds h1 "d['changed']['nodes'] == 1" reload
	check "... A pings G" wait_for 5 "a ping" pings
	did "kill -9" exits 137 end h1 KILL
	without_node
	check "--remove, with a file that does not have the node" exits 0 ovnetd --config "$FILE" --remove
	check "... its port is down nevertheless" port_down
	files "$ICMP" "$FIRST"
	did "start" eval 'agent_start h1 && ready && wait_for 5 "a ping" pings'
	check "--remove while an agent runs is refused" says "another process has this instance" \
		ovnetd --config "$FILE" --remove
	check "... A pings G" pings
	did "the agent ends" end h1 TERM
	sed -i 's/fd00:1:0:1::/fd00:1:0:9::/' "$FILE"
	check "another locator: a start is refused, and says why" \
		says "are for locator fd00:1:0:1::/64, the configuration says fd00:1:0:9::/64: stop ovnetd with --detach" \
		ovnetd --config "$FILE"
	check "... A pings G as before" pings
	check "--remove, with the other locator in the file" exits 0 ovnetd --config "$FILE" --remove
	check "... takes the old one's route away, too" no_prefix
}

port_down() {
	ip -n "$NET-h1" link show pA | grep -q 'state DOWN'
}

# no_prefix: that the host takes for its own.
no_prefix() {
	same "$(ip -n "$NET-h1" -6 route show table local | grep -c '^local fd00:1:')" 0
}

must "hosts and nodes" topology
options
second
restarts
reloads
removed
broken
other_size
taken_out
edited
