#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The life of an agent: it stops, crashes, starts again, reads its configuration again, and is taken out. What was admitted
# goes on, nothing else is let in.
#
#   A 10.0.0.2 --- HOST 1 up0 --- ROUTER --- up0 HOST 2 --- G 10.0.0.3        all in vnet Z
. "$(dirname "$0")/lib.sh"

VNETS=$(list vnets '{"name": "Z", "vni": 77}')
BASE=("$(rule_json Z any any icmp any allow)" "$(rule_json Z any any tcp 5201 allow)"
	"$(rule_json Z 10.0.0.2 10.0.0.3 udp 5000 allow 3600)")
NODES1=$(list nodes "$(node_json A Z 10.0.0.2 02:00:00:00:00:0a)")
NODES2=$(list nodes "$(node_json G Z 10.0.0.3 02:00:00:00:00:0b)")
MAPPINGS1=$(list mappings "$(mapping_json Z 10.0.0.3 2)")
MAPPINGS2=$(list mappings "$(mapping_json Z 10.0.0.2 1)")
INSTANCE=$NET-h1
PINS=/sys/fs/bpf/ovnet/$INSTANCE

topology() {
	substrate 2 && node A h1 10.0.0.2 02:00:00:00:00:0a && node G h2 10.0.0.3 02:00:00:00:00:0b &&
		agent h1 "$VNETS" "$(list rules "${BASE[@]}")" "$NODES1" "$MAPPINGS1" &&
		agent h2 "$VNETS" "$(list rules "${BASE[@]}")" "$NODES2" "$MAPPINGS2" &&
		wait_for 10 "host 1 reaches host 2" hosts_reachable h1 &&
		wait_for 10 "host 2 reaches host 1" hosts_reachable h2
}

# kept: what must be the same before and after: ports, mappings, and rules without their hits.
kept() {
	local map
	for map in ports port_states mappings rules; do
		bpftool -j map dump pinned "$PINS/maps/$map"
	done | $PYTHON -c '
import json, sys
text, at, all = sys.stdin.read().strip(), 0, []
while at < len(text):
    dump, end = json.JSONDecoder().raw_decode(text[at:])
    at += end + len(text[at + end:]) - len(text[at + end:].lstrip())
    for e in dump:
        e = e.get("formatted", e)
        e["value"].pop("hits", None)
        all.append(json.dumps(e, sort_keys=True))
print("\n".join(sorted(all)))'
}

log_grows() {
	tail -c "+$((LOGGED + 1))" "$WORK/h1.log" | grep -E "$1"
}

stream() {
	net_background nG $PYTHON "$HERE/traffic.py" receive 5201 >"$WORK/stream"
	wait_for 5 "a receiver" listens nG t 5201
	net_background nA $PYTHON "$HERE/traffic.py" tcp-send 10.0.0.3 5201 0 2 >/dev/null
	stream_advances
}

stream_advances() {
	local wanted=$(($(wc -l <"$WORK/stream") + 20))
	wait_for 5 "20 messages more" eval "[ \$(wc -l <'$WORK/stream') -ge $wanted ]"
}

session_age() {
	ctl h1 -j session list | $PYTHON -c '
import json, sys
print(*(s["age_s"] for s in json.load(sys.stdin)["sessions"] if s["peer_port"] == 5201 and s["state"] == "established"))'
}

continuity() {
	local before signal epoch
	ctl h1 rule add vnet Z from 10.0.0.2 to 10.0.0.3 protocol tcp port 6000 verdict allow >/dev/null
	stream
	must "a ping" ping_begins nA 10.0.0.3
	before=$(kept)
	epoch=$(ctl h1 -j port list | $PYTHON -c 'import json, sys; print(json.load(sys.stdin)["ports"][0]["epoch"])')
	for signal in TERM KILL; do
		agent_stop h1 $signal
		check "SIG$signal: traffic goes on without the agent" ping_advances
		check "SIG$signal: so does an established session" stream_advances
		check_not "SIG$signal: what is not allowed stays refused" net_in nA nc -z -w 1 10.0.0.3 22
		check "SIG$signal: the agent starts again" agent_start h1
		check "SIG$signal: the same ports, mappings, rules, incarnations, epochs and times" same "$(kept)" "$before"
		check "SIG$signal: the session is taken over" at_least "$(session_age)" 1
		check "SIG$signal: a rule made by hand too" ctl_holds h1 \
			"[r['origin'] for r in d['rules'] if r['port'] == 6000] == ['control']" rule list
	done
	check "the epoch is the one from the beginning" ctl_holds h1 "d['ports'][0]['epoch'] == '$epoch'" port list
	agent_stop h2 KILL
	agent_start h2
	check "the other agent too" ping_advances
	check "over four ends and starts not one packet was lost" same "$(ping_ends)" 0
	check "nor one message of the session" $PYTHON -c "
numbers = [int(l.split()[3]) for l in open('$WORK/stream') if ' open ' not in l]
assert numbers == list(range(len(numbers)))"
}

twice() {
	check_not "a second agent of the same instance is refused" second
	check "... and says so" grep -qE "another|already|in use|busy" "$WORK/second"
	check "... the first one does not mind" ctl h1 status
	check "... nor does its traffic" net_in nA ping -c 1 -W 1 10.0.0.3
}

second() {
	net_in h1 timeout 10 "$BIN/ovnetd" --config "$WORK/$INSTANCE.json" >"$WORK/second" 2>&1
}

hup() {
	LOGGED=$(wc -c <"$WORK/h1.log")
	eval "kill -HUP \$AGENT_h1"
}

reload() {
	local before number
	before=$(kept)
	config h1 "$VNETS" "$(list rules "${BASE[@]}" "$(rule_json Z 10.0.0.2 10.0.0.3 tcp 7000 allow)")" "$NODES1" "$MAPPINGS1"
	hup
	check "SIGHUP: the difference is applied and told" \
		wait_for 3 "a notice" log_grows '0 nodes, 0 mappings, 1 rules changed'
	check "... which is one rule more" ctl_holds h1 "[r['origin'] for r in d['rules'] if r['port'] == 7000] == ['file']" rule list
	check "... what was there is as it was" same "$(comm -23 <(sort <<<"$before") <(kept) | grep -vc epoch)" 0
	check "... an established session goes on" stream_advances
	config h1 "$VNETS" "$(list rules "${BASE[@]}")" "$NODES1" "$MAPPINGS1"
	check "ovnetctl reload: the rule goes" ctl_holds h1 "d['changed'] == {'nodes': 0, 'mappings': 0, 'rules': 1}" reload
	check "nothing has changed, nothing is applied" \
		ctl_holds h1 "d['changed'] == {'nodes': 0, 'mappings': 0, 'rules': 0}" reload
	before=$(kept)
	config h1 "$VNETS" "$(list rules "${BASE[@]}" '{"vnet": "Z", "from": "10.0.0.2", "to": "nowhere", "verdict": "allow"}')" \
		"$NODES1" "$MAPPINGS1"
	number=$(grep -n nowhere "$WORK/$INSTANCE.json" | cut -d : -f 1)
	hup
	check "a broken file is refused, with file and line" \
		wait_for 3 "an error" log_grows "$INSTANCE.json:$number: rules\[3\].to: expected .*nowhere"
	check "... and nothing has changed" same "$(kept)" "$before"
	check_not "ovnetctl reload refuses it too" ctl h1 reload
	check "... with the same finding" eval 'ctl h1 reload 2>&1 | grep -q "$INSTANCE.json:$number: .*nowhere"'
	echo '{"instance": ' >"$WORK/$INSTANCE.json"
	hup
	check "so is one that is not JSON" wait_for 3 "an error" log_grows "$INSTANCE.json:[0-9]+: "
	check "... and nothing has changed" same "$(kept)" "$before"
	check "the session goes on through all of it" stream_advances
}

fixed() {
	local what before member
	before=$(kept)
	for what in limits uplink_mode; do
		member='"limits": {"rules": 1000}'
		[ $what = limits ] || member='"uplink_mode": "xdp"'
		config h1 "$VNETS" "$(list rules "${BASE[@]}")" "$NODES1" "$MAPPINGS1" "$member"
		hup
		check "a change of $what is refused by a reload, which says what to do" \
			wait_for 3 "an error" log_grows "$INSTANCE.json: $what: a reload cannot change it; .*start"
		check "... and nothing has changed" same "$(kept)" "$before"
	done
	config h1 "$VNETS" "$(list rules "${BASE[@]}")" "$NODES1" "$MAPPINGS1" '"limits": {"rules": 1000}'
	agent_stop h1
	check_not "another limit at a start, while the maps of the old one are there" second
	check "... is refused by the name of the map" grep -qE "map rules: .*65536 .*1000" "$WORK/second"
	check "... and traffic goes on" stream_advances
	config h1 "$VNETS" "$(list rules "${BASE[@]}")" "$NODES1" "$MAPPINGS1"
	agent_start h1
}

# ids: of programs, maps and links of host 1's instance.
ids() {
	local each
	for each in "$PINS"/progs/*; do bpftool -j prog show pinned "$each"; echo; done | sed -E 's/^\{"id":([0-9]+).*/prog \1/'
	for each in "$PINS"/maps/*; do bpftool -j map show pinned "$each"; echo; done | sed -E 's/^\{"id":([0-9]+).*/map \1/'
	for each in "$PINS"/links/*; do bpftool -j link show pinned "$each"; echo; done | sed -E 's/^\{"id":([0-9]+).*/link \1/'
}

all_gone() {
	local kind id
	while read -r kind id; do
		# bpftool 7.1 shows a program or a map by its number, not a link.
		[ "$kind" = link ] || ! bpftool "$kind" show id "$id" >/dev/null 2>&1 || { echo "$kind $id is there"; return 1; }
	done <"$WORK/ids"
}

# taken_out WAY: after it, nothing is left.
taken_out() {
	check "$1: nothing is pinned" test ! -e "$PINS"
	check "$1: no program and no map is left" wait_for 5 "all objects are freed" all_gone
	check "$1: the prefix is no longer the host's" \
		same "$(ip -n "$NET-h1" -6 route show table local | grep -c fd00:1:0:1:)" 0
	check "$1: no program is on any interface" same "$(net_in h1 bpftool net show | grep -cE 'ovnet|node|guard|uplink')" 0
	check "$1: the port is down" same "$(ip -n "$NET-h1" -o link show pA up)" ""
	check "$1: the router's and the host's own routes are as before" same "$(ip -n "$NET-h1" -6 route show | sort)" "$ROUTES"
}

out() {
	ROUTES=$(ip -n "$NET-h1" -6 route show | sort)
	ids >"$WORK/ids"
	check "there are programs, maps and links ($(cut -d ' ' -f 1 "$WORK/ids" | sort | uniq -c | tr -s ' \n' ' '))" \
		at_least "$(grep -cE '^(prog|map|link) [0-9]+$' "$WORK/ids")" 14
	ctl h1 stop detach >/dev/null
	eval "wait \$AGENT_h1"
	taken_out "ovnetctl stop detach"
	agent_start h1 --detach
	ids >"$WORK/ids"
	check "traffic again" wait_for 5 "a ping" net_in nA ping -c 1 -W 1 10.0.0.3
	agent_stop h1 TERM
	taken_out "ovnetd --detach and SIGTERM"
	agent_start h1
	ids >"$WORK/ids"
	agent_stop h1 KILL
	check "ovnetd --remove, after a crash" net_in h1 "$BIN/ovnetd" --config "$WORK/$INSTANCE.json" --remove
	taken_out "ovnetd --remove"
	agent_start h1
	check "and from nothing again" wait_for 5 "a ping" net_in nA ping -c 1 -W 1 10.0.0.3
}

must "hosts and nodes" topology
continuity
twice
reload
fixed
out
