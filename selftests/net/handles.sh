#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Policies that name handles: who is in one may, or may not; a change of a handle changes what its policies mean, and touches
# no other flow; one of 100,000 prefixes is as good.
#
#   A 10.0.0.2, B 10.0.0.4, C 10.0.0.6 --- HOST 1 up0 --- ROUTER --- up0 HOST 2 --- G 10.0.0.3        in vnet Z
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/net/fleet.sh
. "$(dirname "$0")/fleet.sh"

A=10.0.0.2 B=10.0.0.4 C=10.0.0.6 G=10.0.0.3
VNETS='"vnets": [{"name": "Z", "vni": 77, "authorization": "negotiated", "grant_lifetime": 20}]'
POLICIES=("$(policy 1 Z handle:partners allow "icmp/echo udp/9000-9999")"
	"$(policy 2 Z handle:blocked deny "udp/9300-9399")"
	"$(policy 3 Z handle:big allow "udp/8000-8999")")

# handle NAME ENTRIES...
handle() {
	local name=$1 joined
	shift
	joined=$(printf '"%s", ' "$@")
	[ $# -gt 0 ] || joined=
	printf '{"name": "%s", "entries": [%s]}' "$name" "${joined%, }"
}

# partners ENTRIES...: the two smaller handles, of which one is in the other; blocked ENTRIES...
partners() {
	printf '%s, %s' "$(handle partners handle:own group:clients)" "$(handle own "$@")"
}

members1() {
	printf '%s,\n  %s,\n  %s' "$VNETS" "$(list groups '{"name": "clients"}')" \
		"$(list nodes "$(member A Z $A 02:00:00:00:00:0a)" "$(member B Z $B 02:00:00:00:00:0b)" \
			"$(member C Z $C 02:00:00:00:00:0c clients)")"
	printf ',\n  %s' "$(list mappings "$(where G Z $G 2)")"
	[ $# -eq 0 ] || printf ',\n  %s' "$@"
}

# members2 HANDLES...
members2() {
	printf '%s,\n  %s,\n  %s' "$VNETS" "$(list groups '{"name": "clients"}')" \
		"$(list nodes "$(member G Z $G 02:00:00:00:00:0d)")"
	printf ',\n  %s' "$(list mappings "$(where A Z $A 1)" "$(where B Z $B 1)" "$(where C Z $C 1 clients)")"
	printf ',\n  %s,\n  ' "$(list policies "${POLICIES[@]}")"
	list handles "$@"
}

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

# serials HOST: what was decided when, of the rules that allow; without the changes of others.
serials() {
	ctl "$1" -j rule list | $PYTHON -c '
import json, sys
print(sorted((r["peer"], r["port"], r["serial"]) for r in json.load(sys.stdin)["rules"]
             if r["origin"] == "negotiated" and r["verdict"] == "allow" and r["peer"] in sys.argv[1:]))' "${@:2}"
}

# stream NODE PORT: numbered datagrams to G, and what of them arrives: one line a message in $WORK/PORT.
stream() {
	net_background nG $PYTHON "$HERE/traffic.py" receive "$2" >"$WORK/$2"
	wait_for 5 "a receiver on $2" listens nG u "$2"
	net_background "n$1" $PYTHON "$HERE/traffic.py" udp-send $G "$2" 0 2 >/dev/null
}

messages() {
	wc -l <"$WORK/$1"
}

goes_on() {
	local before
	before=$(messages "$1")
	wait_for 5 "more messages on $1" eval "[ \$(messages $1) -gt $((before + 5)) ]"
}

# stops PORT OTHER: no message arrives any more, while 100 arrive on another port.
stops() {
	local before until
	before=$(messages "$1") until=$(($(messages "$2") + 100))
	wait_for 5 "messages on $2" eval "[ \$(messages $2) -ge $until ]" && same "$(messages "$1")" "$before"
}

# drops_more NODE: 20 packets more are dropped there for a denial.
drops_more() {
	local dropped
	dropped=$(drops h1 "p$1" rule_deny)
	wait_for 5 "drops" drops_reach h1 "p$1" rule_deny $((dropped + 20))
}

# reload HANDLES...: of G's host. Prints when it began, and how long the command took, in ns.
reload() {
	fleet_config h2 "$(members2 "$@")"
	$PYTHON -c '
import subprocess, sys, time
began = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, timeout=20)
print(began, time.clock_gettime_ns(time.CLOCK_BOOTTIME) - began)' "$BIN/ovnetctl" -i "$NET-h2" reload >"$WORK/reload"
}

# big FIRST...: a handle of 100,000 prefixes, of which these come first.
big() {
	$PYTHON -c '
import random, sys
rng = random.Random(1)
names = sys.argv[1:]
while len(names) < 100000:
    names.append("%d.%d.%d.%d/28" % (rng.randrange(11, 224), rng.randrange(256), rng.randrange(256), rng.randrange(16) * 16))
print("{\"name\": \"big\", \"entries\": [%s]}" % ",\n".join("\"%s\"" % name for name in names))' "$@"
}

must "a substrate of two hosts" substrate 2
node A h1 $A 02:00:00:00:00:0a
node B h1 $B 02:00:00:00:00:0b
node C h1 $C 02:00:00:00:00:0c
node G h2 $G 02:00:00:00:00:0d
must "keys" fleet 2
must "agent 1" fleet_agent h1 "$(members1)"
must "agent 2" fleet_agent h2 "$(members2 "$(partners $A $B)" "$(handle blocked)" "$(handle big)")"
must "hosts see each other" wait_for 10 "next hops" eval 'hosts_reachable h1 && hosts_reachable h2'

check "A is in a handle that is in the handle: a ping" net_in nA ping -c 1 -W 2 $G
check "C is in a group that is in it" net_in nC ping -c 1 -W 2 $G
check "G's host says by which policy, and through which handle" rules h2 \
	"r['peer'] == '$A' and r['protocol'] == 'icmp' and r['policy'] == 1 and r['handle'] == 'partners' and not r['group']"
ctl h2 explain $A G icmp >"$WORK/explained"
check "and explains it" grep -q "allow, by policy 1 'p1', which names the other end through handle 'partners'" "$WORK/explained"

stream A 9100
stream B 9200
stream C 9300
check "datagrams of A arrive" goes_on 9100
check "of B" goes_on 9200
check "of C" goes_on 9300

before=$(serials h2 $B $C)
must "reload" reload "$(partners $B 10.0.9.0/24)" "$(handle blocked)" "$(handle big)"
check "A is taken out: its stream stops" stops 9100 9200
check "the others go on" eval 'goes_on 9200 && goes_on 9300'
check "by the rules that they had" same "$(serials h2 $B $C)" "$before"
check "no rule allows A anything" no_rules h2 "r['peer'] == '$A' and r['verdict'] == 'allow'"
check "nor at its own host" wait_for 2 "A's host has heard" no_rules h1 "r['local'] == '$A' and r['verdict'] == 'allow'"

must "reload" reload "$(partners 10.0.0.0/29)" "$(handle blocked)" "$(handle big)"
check "A comes back with a prefix: its stream goes on" wait_for 8 "messages" goes_on 9100
check "the others did not notice" eval 'goes_on 9200 && goes_on 9300 && same "$(serials h2 $B $C)" "$before"'

must "reload" reload "$(partners 10.0.0.0/29)" "$(handle blocked group:clients)" "$(handle big)"
check "C is denied by a handle that has its group" stops 9300 9200
check "and dropped at its own host" drops_more C
check "that handle is named" eval "ctl h2 explain $C G udp 9300 | grep -q \"deny, by policy 2 'p2', which names the other end through handle 'blocked'\""
check "A and B go on" eval 'goes_on 9100 && goes_on 9200'
check "what the denial is not about stays" net_in nC ping -c 1 -W 2 $G
must "reload" reload "$(partners 10.0.0.0/29)" "$(handle blocked)" "$(handle big)"
check "it is denied no more" wait_for 8 "messages" goes_on 9300

# The source's own side: what its nodes may send to.
fleet_config h1 "$(members1 "$(list handles "$(handle away 10.0.0.3-10.0.0.3)")" \
	"$(list policies "$(policy 7 Z handle:away deny udp/9200 node:B out)")")"
check "B's host denies what B sends to a handle" ctl h1 reload
check "B stops" stops 9200 9100
check "A goes on" goes_on 9100
fleet_config h1 "$(members1)"
check "and no more" eval 'ctl h1 reload && wait_for 8 "messages" goes_on 9200'

with=$(big $A) without=$(big)
must "reload" reload "$(partners 10.0.0.0/29)" "$(handle blocked)" "$with"
stream A 8100
check "a handle of 100,000 prefixes lets in who is in it" goes_on 8100
check "is the one that decided" rules h2 "r['peer'] == '$A' and r['policy'] == 3 and r['handle'] == 'big'"
net_background nB $PYTHON "$HERE/traffic.py" udp-send $G 8200 0 2 >/dev/null
check "and not who is not" drops_more B
# From the command to the last datagram that arrived; the median of three.
for try in 1 2 3; do
	must "reload" reload "$(partners 10.0.0.0/29)" "$(handle blocked)" "$without"
	check "A is taken out of it: its stream stops, $try" stops 8100 9100
	read -r began _ <"$WORK/reload"
	took=$(tail -n 1 "$WORK/8100" | awk -v began="$began" '{ printf "%d", ($5 - began) / 1000000 }')
	echo "$took" >>"$WORK/took"
	must "reload" reload "$(partners 10.0.0.0/29)" "$(handle blocked)" "$with"
	check "and comes back, $try" wait_for 8 "messages" goes_on 8100
done
check "what is in the other handles never noticed" eval 'goes_on 9100 && goes_on 9200 && goes_on 9300'
echo "figure handle_100k_reload_ms $(sort -n "$WORK/took" | sed -n 2p)"

sed -i 's/handle:own/handle:none/' "$WORK/$NET-h2.json"
check_not "a handle that names what is not there" ctl h2 reload
check "changes nothing" eval 'goes_on 8100 && goes_on 9100'
exit $((FAILED > 0))
