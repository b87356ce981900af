#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Hosts with a manager: they join, are told what concerns them, resolve what they were not told, and go on without it.
#
#   MANAGER (in the router)
#   A 10.0.0.2, B 10.0.0.4 --- HOST 1 up0 --- ROUTER --- up0 HOST 2 --- G 10.0.0.3        HOST 3 --- K 10.0.0.9   in vnet Z
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/net/realm.sh
. "$(dirname "$0")/realm.sh"

A=10.0.0.2 B=10.0.0.4 G=10.0.0.3 K=10.0.0.9

answers() {
	net_in "n$1" ping -c "${3:-1}" -i 0.2 -W 2 "$2"
}

# manager_says HOST EXPRESSION: of the agent's status; m is what it says of the manager.
manager_says() {
	ctl_holds "$1" "(lambda m: $2)(d['manager'])" status
}

must "a substrate of three hosts" substrate 3
node A h1 $A 02:00:00:00:00:0a
node B h1 $B 02:00:00:00:00:0b
node G h2 $G 02:00:00:00:00:0c
node K h3 $K 02:00:00:00:00:0d
must "a manager" manager

check "an account" api POST /v1/accounts '{"name": "acme"}'
check "a vnet" api POST /v1/vnets '{"name": "acme/Z", "vni": 77, "grant_lifetime": 5, "passport_lifetime": 60}'
check "a group" api POST /v1/groups '{"name": "acme/clients"}'
for n in 1 2 3; do check "host $n, and a token to join with" host_add $n; done
check "node A, in the group" node_add A h1 02:00:00:00:00:0a "\"address\": \"$A\", \"groups\": [\"clients\"]"
check "node B, in none" node_add B h1 02:00:00:00:00:0b "\"address\": \"$B\""
check "node G" node_add G h2 02:00:00:00:00:0c "\"address\": \"$G\""
check "clients may ping G" api POST /v1/policies \
	'{"name": "acme/ping", "vnet": "Z", "target": "node:G", "peers": "group:clients", "services": ["icmp/echo"], "verdict": "allow"}'
must "host 1 joins, and its agent answers" host_start h1
must "host 2 as well" host_start h2
check "all that was written is live" live
check "both are connected" manager_says h1 "m['connected']"
check "the token is spent" api_holds "[t['host'] for t in d['objects']] == ['h3']" GET '/v1/tokens?name=join*'
check "the host's key is the manager's to tell" api_holds "len(d['key']) == 44" GET /v1/hosts/h1
check "the secret is not" api_holds "'credential' not in d" GET /v1/hosts/h1

check "the first ping from A to G is answered: resolved, asked, granted" answers A $G
check "by a mapping that the manager told of" ctl_holds h1 "[m for m in d['mappings'] if m['address'] == '$G' and m['where'] == 'remote']" mapping list
check "and a grant of the policy" ctl_holds h1 "[r for r in d['rules'] if r['peer'] == '$G' and r['verdict'] == 'allow' and r['policy'] == 1]" rule list
check_not "B, not in the group, gets no answer" answers B $G
check "since the manager does not tell host 1 for it where G is, or G's host refuses" \
	ctl_holds h1 "not [r for r in d['rules'] if r['local'] == '$B' and r['verdict'] == 'allow']" rule list

# ---- changes
check "B becomes a client" api PATCH /v1/nodes/acme/B '{"groups": ["clients"]}'
check "that is live" live
check "and B's ping is answered" wait_for 6 "an answer" answers B $G
check "A stops being one" api PATCH /v1/nodes/acme/A '{"groups": null}'
check "that is live" live
check "and A's pings end" wait_for 3 "no answer" fails answers A $G
check "A is a client again" api PATCH /v1/nodes/acme/A '{"groups": ["clients"]}'
check "and is answered" wait_for 6 "an answer" answers A $G
check "a dry run tells what its end would end: grants and sessions" \
	api_holds "d['dry_run'] and d['live']['rules'] >= 1 and d['live']['sessions'] >= 1 and d['live']['silent'] == 0" \
	DELETE '/v1/policies/acme/ping?dry_run=1'
check "on the host whose policy it is" api_holds "[h['host'] for h in d['live']['hosts']] == ['h2']" \
	DELETE '/v1/policies/acme/ping?dry_run=1'
check "and nothing has changed" answers A $G
check "the policy goes" api DELETE /v1/policies/acme/ping
check "that is live" live
check_not "and nobody is answered" answers A $G
check "it comes back, for everything" api POST /v1/policies \
	'{"name": "acme/all", "vnet": "Z", "target": "any", "peers": "group:clients", "verdict": "allow"}'
check "that is live" live
check "and A is answered" wait_for 6 "an answer" answers A $G

# ---- only what concerns a host
documents=$(ctl h2 -j status | $PYTHON -c 'import json, sys; print(json.load(sys.stdin)["manager"]["told"])')
check "another account's vnet and node on host 3" eval "api POST /v1/accounts '{\"name\": \"other\"}' && \
	api POST /v1/vnets '{\"name\": \"other/Y\", \"vni\": 88}' && \
	api POST /v1/nodes '{\"name\": \"other/x\", \"vnet\": \"Y\", \"host\": \"h3\", \"port\": \"px\", \"mac\": \"02:00:00:00:00:1d\", \"address\": \"10.0.0.1\"}'"
check "host 2 was told nothing" manager_says h2 "m['told'] == $documents"

# ---- a node moves to another host
must "host 3 joins" host_start h3
check "node K there" node_add K h3 02:00:00:00:00:0d "\"address\": \"$K\""
check "that is live" live
check "A reaches K on host 3" wait_for 6 "an answer" answers A $K
node K2 h2 $K 02:00:00:00:00:0d
check "K moves to host 2" api PATCH /v1/nodes/acme/K '{"host": "h2", "port": "pK2"}'
check "that is live" live
check "host 1 is told at once, and A reaches it there" wait_for 6 "an answer" answers A $K
check "with another place" ctl_holds h1 "[m for m in d['mappings'] if m['address'] == '$K' and ':2:' in m['substrate']]" mapping list

# ---- without the manager
ping_begins nA $G
manager_stop KILL
check "without the manager a stream goes on past its grants (5 s)" eval "wait_for 9 'time' eval 'grep -q icmp_seq=1300 $WORK/ping' && ping_advances"
check "a first contact that is allowed is granted" answers B $G
kill -INT "$PING_PID"
check "no packet was lost" grep -q ' 0% packet loss' "$WORK/ping"
kill -KILL "$AGENT_h1"; wait "$AGENT_h1" 2>/dev/null
must "an agent starts without it, from what it was told" host_start h1
check "and its nodes talk" wait_for 6 "an answer" answers A $G
must "the manager comes back" manager
check "agents are connected again" wait_for 60 "connections" eval "manager_says h1 \"m['connected']\" && manager_says h2 \"m['connected']\""
check "no document was sent that they had" same "$(api GET /metrics | awk '$1 == "ovnet_manager_agent_documents_total" { print $2 }')" 0
check "a change is live again" eval "api PATCH /v1/policies/acme/all '{\"verdict\": \"deny\"}' && live"
check_not "and in force" answers A $G
