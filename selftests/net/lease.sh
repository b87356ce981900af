#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Agents that are parted from their manager for longer than its lease: what is known goes on to the lease's end and no further, and
# comes back by itself.
#
#   MANAGER (in the router), which stands still          A 10.0.0.2 --- HOST 1 --- ROUTER --- HOST 2 --- G 10.0.0.3    in vnet Z
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/net/realm.sh
. "$(dirname "$0")/realm.sh"

A=10.0.0.2 G=10.0.0.3
LEASE=10

# A manager that stands still could not be ended.
leave() {
	local status=$?
	kill -CONT "$MANAGER" 2>/dev/null
	(exit $status)
	net_end
}
trap leave EXIT

answered() {
	grep -c 'bytes from' "$WORK/ping"
}

# still MS: no answer for so long.
still() {
	local before
	before=$(answered)
	! wait_for "$1" "an answer" eval "[ \$(answered) -gt $before ]" 2>/dev/null
}

passport_left() {
	ctl "$1" -j status | $PYTHON -c 'import json, sys; print(int(json.load(sys.stdin)["manager"]["passport_left_s"]))'
}

must "a substrate of two hosts" substrate 2
node A h1 $A 02:00:00:00:00:0a
node G h2 $G 02:00:00:00:00:0c
must "a manager whose lease is $LEASE s" manager --lease $LEASE
must "an account" api POST /v1/accounts '{"name": "acme"}' >/dev/null
must "a vnet" api POST /v1/vnets '{"name": "acme/Z", "vni": 77, "grant_lifetime": 3}' >/dev/null
for n in 1 2; do must "host $n" host_add $n; done
must "node A" node_add A h1 02:00:00:00:00:0a "\"address\": \"$A\""
must "node G" node_add G h2 02:00:00:00:00:0c "\"address\": \"$G\""
must "a policy" api POST /v1/policies '{"name": "acme/all", "vnet": "Z", "verdict": "allow"}' >/dev/null
must "host 1" host_start h1
must "host 2" host_start h2
check "all is live" live
ping_begins nA $G
check "passports are renewed ahead of their end: the stream goes on past the lease" \
	eval "wait_for $((LEASE + 5)) 'time' eval '[ \$(answered) -gt $((LEASE * 200 + 200)) ]' && ping_advances"
check "and there is time left on them" at_least "$(passport_left h1)" 3

kill -STOP "$MANAGER"
left=$(passport_left h1)
check "parted from the manager, the stream goes on" ping_advances
check "and again" eval "wait_for 4 'time' eval '[ \$(passport_left h1) -le $((left - 2)) ]' && ping_advances"
check "it ends with the lease" wait_for $((LEASE + 6)) "an end" eval "[ \$(passport_left h1) -eq 0 ] && still 2"
check "and stays ended" still 2
check_not "nothing new gets in either" net_in nA ping -c 1 -W 1 $G
check "G's host has no grant any more" ctl_holds h2 "not [r for r in d['rules'] if r['verdict'] == 'allow' and r['origin'] == 'negotiated']" rule list

kill -CONT "$MANAGER"
check "the manager is back, and so is the stream" wait_for 40 "answers" eval '! still 1'
check "without anybody's help" ping_advances
