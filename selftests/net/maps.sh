#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every map as bpftool shows it: an operator must be able to read it by field name, and words must be words.
#
#   node A --- HOST 1 --- ROUTER --- HOST 2 --- node G
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"

# dump MAP EXPRESSION: of the list of entries that bpftool prints of host 1's map, called d.
dump() {
	bpftool -j map dump pinned "/sys/fs/bpf/ovnet/$NET-h1/maps/$1" >"$WORK/dump.json" || return 1
	holds "(${2})" <"$WORK/dump.json"
}

# The formatted entries: bpftool's JSON carries raw octets beside them.
entry='[e.get("formatted", e) for e in d]'

substrate 2
node A h1 10.0.0.2 02:00:00:00:00:0a
node G h2 10.0.0.3 02:00:00:00:00:0b
vnets='"vnets": [{"name": "Z", "vni": 77}]'
rules=$(list rules "$(rule_json Z any any icmp any allow)" "$(rule_json Z 10.0.0.2 10.0.0.3 tcp 5201 deny 0 9)")
agent h1 "$vnets" "$rules" "$(list nodes "$(node_json A Z 10.0.0.2 02:00:00:00:00:0a)")" \
	"$(list mappings "$(mapping_json Z 10.0.0.3 2)")"
agent h2 "$vnets" "$rules" "$(list nodes "$(node_json G Z 10.0.0.3 02:00:00:00:00:0b)")" \
	"$(list mappings "$(mapping_json Z 10.0.0.2 1)")"
must "host 1 reaches host 2" wait_for 10 "next hop" hosts_reachable h1
must "host 2 reaches host 1" wait_for 10 "next hop" hosts_reachable h2
must "A pings G" net_in nA ping -c 1 -W 2 10.0.0.3 >/dev/null
net_in nA timeout 5 nc -z -w 1 10.0.0.3 5201

check "rules: a deny by its words, with addresses, port and policy" dump rules "any(
	e['key']['vni'] == 77 and e['key']['local'] == [10, 0, 0, 2] and e['key']['peer'] == [10, 0, 0, 3] and
	e['key']['protocol'] == 6 and e['key']['port'] == 5201 and e['value']['verdict'] == 'VERDICT_DENY' and
	e['value']['origin'] == 'ORIGIN_FILE' and e['value']['policy'] == 9 and e['value']['hits'] > 0 for e in $entry)"
check "rules: an allow that never expires" dump rules "any(
	e['key']['protocol'] == 1 and e['value']['verdict'] == 'VERDICT_ALLOW' and
	e['value']['expires_ns'] == 2**64 - 1 for e in $entry)"
check "sessions: both ends, counts and the peer's prefix" dump sessions "any(
	e['key']['vni'] == 77 and e['key']['local'] == [10, 0, 0, 2] and e['key']['peer'] == [10, 0, 0, 3] and
	e['key']['protocol'] == 1 and e['value']['packets_out'] == 1 and e['value']['packets_in'] == 1 and
	e['value']['peer_prefix'] == [0xfd, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 77] for e in $entry)"
check "mappings: here with a port, elsewhere with a next hop" dump mappings "
	{tuple(e['key']['address']): e['value']['ifindex'] > 0 for e in $entry} == {(10, 0, 0, 2): True, (10, 0, 0, 3): False} and
	all(e['key']['vni'] == 77 and len(e['value']['mac']) == 6 and e['value']['incarnation'] > 0 for e in $entry)"
check "ports: the node's vnet, address and MAC" dump ports "
	[(e['value']['vni'], e['value']['address'], e['value']['mac'], e['value']['mtu']) for e in $entry
		if e['value']['ifindex']] == [(77, [10, 0, 0, 2], [2, 0, 0, 0, 0, 10], 1500)]"
check "port_states: epoch and sessions of the port" dump port_states "
	sum(e['value']['epoch'] > 0 for e in $entry) == 1 and sum(e['value']['sessions'] for e in $entry) == 1"
check "nexthops: the way to host 2" dump nexthops "any(
	e['value']['ifindex'] > 0 and e['value']['mtu'] == 1500 and any(e['value']['dst_mac']) for e in $entry)"
check "counters: drops and counts by name, for each CPU" dump counters "any(
	sum(v['value']['drop_rule_deny'] for v in e['values']) > 0 and
	sum(v['value']['arp_answered'] for v in e['values']) == 1 for e in $entry)"
check "listeners: nobody listens" dump listeners "all(e['value']['drops'] == 0 for e in $entry)"
