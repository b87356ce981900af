# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Hosts that negotiate: keys, the directory, configurations with groups and policies, and what tests of them look at; sourced after
# lib.sh.
#
# A host's configuration is `fleet_config hN MEMBERS...`: identity and hosts are added. Nodes elsewhere are written by
# where(), with name and groups, so that every host's file knows who is who.

# fleet HOSTS: an authority, and a key for each host.
fleet() {
	local n
	FLEET=$1
	AUTHORITY=$("$BIN/ovnetctl" key new authority "$WORK/authority.key" | tail -n 1) || return 1
	for n in $(seq "$1"); do
		eval "KEY_h$n=\$(\"$BIN/ovnetctl\" key new host \"$WORK/h$n.key\" | tail -n 1)" || return 1
	done
}

# fleet_members HOST: "identity" and "hosts" of its configuration.
fleet_members() {
	local n key entries=()
	for n in $(seq "$FLEET"); do
		eval "key=\$KEY_h$n"
		entries+=("$(printf '{"name": "h%d", "locator": "fd00:1:0:%d::/64", "key": "%s"}' "$n" "$n" "$key")")
	done
	printf '"identity": {"host": "%s", "key": "%s", "authority": "%s", "signing_key": "%s"},\n  ' \
		"$1" "$WORK/$1.key" "$AUTHORITY" "$WORK/authority.key"
	list hosts "${entries[@]}"
}

# fleet_config HOST MEMBERS...: writes its file; fleet_agent HOST MEMBERS...: and starts its agent.
fleet_config() {
	local host=$1
	shift
	config "$host" "$(fleet_members "$host")" "$@"
}

fleet_agent() {
	local host=$1
	shift
	agent "$host" "$(fleet_members "$host")" "$@"
}

# member NAME VNET ADDRESS MAC [GROUPS [ACCOUNT]]: a node of the host, with its groups (words).
member() {
	local entry
	entry=$(node_json "$1" "$2" "$3" "$4")
	printf '%s%s}' "${entry%\}}" "$(belongs "${5:-}" "${6:-}")"
}

# where NAME VNET ADDRESS HOST-NUMBER [GROUPS [ACCOUNT]]: a node elsewhere.
where() {
	local entry
	entry=$(mapping_json "$2" "$3" "$4")
	printf '%s, "name": "%s"%s}' "${entry%\}}" "$1" "$(belongs "${5:-}" "${6:-}")"
}

belongs() {
	local each groups=
	for each in $1; do groups="$groups${groups:+, }\"$each\""; done
	[ -z "$groups" ] || printf ', "groups": [%s]' "$groups"
	[ -z "$2" ] || printf ', "account": "%s"' "$2"
}

# policy ID VNET PEERS VERDICT SERVICES [TARGET [SIDE]]: services as words.
policy() {
	local each services=
	for each in $5; do services="$services${services:+, }\"$each\""; done
	printf '{"id": %d, "name": "p%d", "vnet": "%s", "peers": "%s", "verdict": "%s", "services": [%s], ' \
		"$1" "$1" "$2" "$3" "$4" "$services"
	printf '"target": "%s", "side": "%s"}' "${6:-any}" "${7:-in}"
}

# engine HOST COUNTER: a counter of the negotiation's engine; asked HOST: questions that went to peers.
engine() {
	ctl "$1" -j status | $PYTHON -c '
import json, sys
print(json.load(sys.stdin)["negotiation"]["engine"][sys.argv[1]])' "$2"
}

asked() {
	engine "$1" asked
}

# No command of a test may wait for ever.
ctl() {
	timeout 10 "$BIN/ovnetctl" -i "$NET-$1" "${@:2}"
}

# rules HOST EXPRESSION: of the negotiated rules; r is one of them.
rules() {
	ctl "$1" -j rule list | holds "[r for r in d['rules'] if r['origin'] == 'negotiated' and ($2)]"
}

no_rules() {
	ctl "$1" -j rule list | holds "not [r for r in d['rules'] if r['origin'] == 'negotiated' and ($2)]"
}

retransmitted() {
	net_in "$1" nstat -az TcpRetransSegs | awk '/TcpRetransSegs/ { print $2 }'
}

# mac_of HOST ADDRESS: the dummy MAC of a destination.
mac_of() {
	ctl "$1" -j mapping list | $PYTHON -c '
import json, sys
print([m["mac"] for m in json.load(sys.stdin)["mappings"] if m["address"] == sys.argv[1]][0])' "$2"
}

# incarnation HOST ADDRESS: of who has it, as the host knows.
incarnation() {
	bpftool -j map dump pinned "/sys/fs/bpf/ovnet/$NET-$1/maps/mappings" | $PYTHON -c '
import json, sys
for each in (e["formatted"] for e in json.load(sys.stdin)):
    if ".".join(map(str, each["key"]["address"])) == sys.argv[1]:
        print(each["value"]["incarnation"])' "$2"
}

# ---- traffic of numbered messages

# receiver NODE PORT: what arrives there goes to $WORK/PORT, one line a message, also after a test has emptied that.
receiver() {
	: >"$WORK/$2"
	net_background "n$1" $PYTHON "$HERE/traffic.py" receive "$2" >>"$WORK/$2"
	wait_for 5 "a receiver on $2" listens "n$1" t "$2"
}

# messages PORT: how many have arrived.
messages() {
	grep -vc open "$WORK/$1"
}

# in_order PORT: whether each came once, in the order in which it was sent.
in_order() {
	awk '$4 != "open" { if ($4 != n++) { print "message " $4 " came as number " n - 1; exit 1 } }' "$WORK/$1"
}

# sends NODE tcp|udp ADDRESS PORT COUNT INTERVAL-MS
sends() {
	net_in "n$1" timeout 20 $PYTHON "$HERE/traffic.py" "$2-send" "$3" "$4" "$5" "$6"
}

# stream NODE tcp|udp ADDRESS PORT: a message each 2 ms, until the test ends; its pid is in $NET_PID.
stream() {
	net_background "n$1" $PYTHON "$HERE/traffic.py" "$2-send" "$3" "$4" 0 2 >/dev/null
}

# grows PORT: 20 messages more arrive.
grows() {
	local least=$(($(messages "$1") + 20))
	wait_for "${GROWS_S:-8}" "messages to port $1" eval "[ \$(messages $1) -ge $least ]"
}

# rests PORT OTHER: none does, while they do at another port; stops PORT OTHER: soon.
rests() {
	local before
	before=$(messages "$1")
	grows "$2" && grows "$2" && same "$(messages "$1")" "$before"
}

stops() {
	wait_for 8 "the last message to port $1" rests "$1" "$2"
}

now_ns() {
	$PYTHON -c 'import time; print(time.clock_gettime_ns(time.CLOCK_BOOTTIME))'
}

# last PORT: when the last message there arrived.
last() {
	awk '{ at = $5 } END { print at }' "$WORK/$1"
}
