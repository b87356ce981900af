#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Figures for Prometheus: the format to the letter, over HTTP and the control socket, and the right series move with real traffic.
#
#   A 10.0.0.2, B 10.0.0.4 --- HOST 1 up0 --- ROUTER --- up0 HOST 2 --- G 10.0.0.3                    in vnet Z
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/net/fleet.sh
. "$(dirname "$0")/fleet.sh"

A=10.0.0.2 B=10.0.0.4 G=10.0.0.3
VNETS='"vnets": [{"name": "Z", "vni": 77, "authorization": "negotiated", "grant_lifetime": 2}]'

# members1 METRICS
members1() {
	printf '"metrics": "%s",\n  %s,\n  %s' "$1" "$VNETS" \
		"$(list nodes "$(member A Z $A 02:00:00:00:00:0a)" "$(member B Z $B 02:00:00:00:00:0b)")"
	printf ',\n  %s' "$(list mappings "$(where G Z $G 2)")"
	printf ',\n  %s' "$(list policies "$(policy 1 Z node:G allow icmp/echo)")"
}

# members2 POLICIES...
members2() {
	printf '%s,\n  %s' "$VNETS" "$(list nodes "$(member G Z $G 02:00:00:00:00:0c)")"
	printf ',\n  %s' "$(list mappings "$(where A Z $A 1)" "$(where B Z $B 1)")"
	printf ',\n  %s' "$(list policies "$@")"
}

# fetch [CURL-ARGUMENTS...] [URL]: from host 1.
fetch() {
	net_in h1 curl -sS --max-time 5 "$@"
}

URL=http://127.0.0.1:9191/metrics

# metric SERIES: its value at host 1, of the control socket's text.
metric() {
	ctl h1 metrics | $PYTHON "$HERE/exposition.py" value "$1"
}

metric_reaches() {
	at_least "$(metric "$1")" "$2"
}

checked() {
	"$@" | $PYTHON "$HERE/exposition.py" check
}

content_type() {
	fetch -o /dev/null -w '%{content_type}' $URL
}

status_of() {
	fetch -o /dev/null -w '%{http_code}' "$@" 2>/dev/null
}

# same_names: HTTP and the control socket serve the same families.
same_names() {
	diff <(fetch $URL | $PYTHON "$HERE/exposition.py" names) <(ctl h1 metrics | $PYTHON "$HERE/exposition.py" names)
}

idle_connections() {
	net_in h1 timeout 20 $PYTHON -c '
import socket, time
held = [socket.create_connection(("127.0.0.1", 9191)) for _ in range(7)]
for each in held:
    each.sendall(b"GET /metr")
print("held", flush=True)
time.sleep(15)' >"$WORK/held" &
	NET_PIDS+=($!)
	wait_for 5 "connections are held" grep -q held "$WORK/held"
}

# refused TEXT...: each is no exposition.
refused() {
	local each
	for each in "$@"; do
		! printf "$each" | $PYTHON "$HERE/exposition.py" check 2>/dev/null || { echo "taken: $each"; return 1; }
	done
}

G1='# HELP a x\n# TYPE a gauge\n' C1='# HELP a_total x\n# TYPE a_total counter\n'
check "the test's reader takes nothing that is wrong" refused 'a 1\n' "${G1}a 1" "${G1}a 1\na 1\n" "${G1}a 1\n${G1}" "${G1}\n" "${G1}b 1\n" \
	'# TYPE a gauge\na 1\n' '# HELP a x\n# TYPE a counter\na 1\n' "${G1}a{b=\"x\"y\"} 1\n" "${G1}a{b=\"\\\\q\"} 1\n" "${G1}a 0x1\n" \
	"${C1}a_total -1\n" "${C1}a_total{b=\"1\",b=\"2\"} 1\n" \
	'# HELP h x\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n'

must "a substrate of two hosts" substrate 2
node A h1 $A 02:00:00:00:00:0a
node B h1 $B 02:00:00:00:00:0b
node G h2 $G 02:00:00:00:00:0c
must "keys" fleet 2
must "agent 1" fleet_agent h1 "$(members1 127.0.0.1:9191)"
must "agent 2" fleet_agent h2 "$(members2 "$(policy 1 Z any allow "icmp/echo tcp/7000" node:G)")"
must "hosts see each other" wait_for 10 "next hops" eval 'hosts_reachable h1 && hosts_reachable h2'

check "the text over HTTP is what the format asks for" checked fetch $URL
check "over the control socket too" checked ctl h1 metrics
check "both have the same families" same_names
check "its type is said" same "$(content_type)" "text/plain; version=0.0.4; charset=utf-8"
check "there is nothing else" same "$(status_of http://127.0.0.1:9191/)" 404
check "nothing is taken" same "$(status_of -X POST -d x=1 $URL)$(status_of -X DELETE $URL)" 000405
check "an agent that serves none is asked over its socket" checked ctl h2 metrics

check "version and ports are there" eval 'metric_reaches ovnet_info 1 && same "$(metric ovnet_ports_up)" 2 &&
	same "$(metric ovnet_uplinks_attached)" 1 && same "$(metric "ovnet_map_max_entries{map=\"rules\"}")" 65536'
check "an uplink's drops are there before the first" \
	eval "ctl h1 metrics | grep -q 'ovnet_drops_total{interface=\"up0\",kind=\"uplink\",node=\"\",reason=\"forged_source\"} 0'"

check "a first contact" net_in nA ping -c 3 -i 0.1 -W 2 $G
check "... is a question, asked, answered and granted" eval 'metric_reaches ovnet_questions_asked_total 1 &&
	metric_reaches ovnet_questions_answered_total 1 && metric_reaches ovnet_engine_granted_total 1 &&
	metric_reaches "ovnet_interface_questions_asked_total{interface=\"pA\"}" 1'
check "... whose time is in the histogram" eval 'metric_reaches ovnet_negotiation_duration_seconds_count 1 &&
	metric_reaches "ovnet_negotiation_duration_seconds_bucket{le=\"1\"}" 1'
check "... after a handshake with a peer, which is live" \
	eval 'metric_reaches ovnet_engine_handshakes_total 1 && same "$(metric ovnet_peers_live)" 1'
check "... and opens a session, in a table with entries" eval 'wait_for 3 "a sweep" metric_reaches \
	"ovnet_map_entries{map=\"sessions\"}" 1 && metric_reaches "ovnet_map_entries{map=\"rules\"}" 1 &&
	same "$(metric "ovnet_map_entries{map=\"mappings\"}")" 3 && metric_reaches "ovnet_interface_sessions_opened_total{node=\"A\"}" 1'
check "nothing waits any more" wait_for 3 "an empty queue" eval 'same "$(metric ovnet_queue_packets)$(metric ovnet_queue_bytes)" 00'
check "the passport has its time before it" eval 'at_least "$(metric ovnet_passport_not_after_timestamp_seconds)" $(($(date +%s) + 600))'

refused=$(metric 'ovnet_drops_total{interface="pB",node="B",reason="rule_deny"}')
net_in nB ping -c 3 -i 0.1 -W 1 $G >/dev/null
net_in nB timeout 1 bash -c "echo >/dev/tcp/$G/81" 2>/dev/null
check "what is refused is dropped at its node's port, for its reason" \
	wait_for 5 "a drop" metric_reaches 'ovnet_drops_total{interface="pB",kind="port",node="B",reason="rule_deny"}' $((refused + 1))
check "... and not at another's" same "$(metric 'ovnet_drops_total{interface="pA",reason="rule_deny"}')" 0

net_background nA ping -n -i 0.1 $G >/dev/null
check "a grant in use is renewed" wait_for 10 "a renewal" metric_reaches ovnet_grants_renewed_total 1
fleet_config h2 "$(members2 "$(policy 1 Z any allow tcp/7000 node:G)")"
check "the policy goes" ctl h2 reload
check "... and is withdrawn" wait_for 5 "a withdrawal" metric_reaches ovnet_grants_withdrawn_total 1

# manager_text FILE: what a manager serves.
manager_text() {
	mkdir -m 700 "$WORK/manager"
	"$BIN/ovnet-manager" --directory "$WORK/manager" --socket "$WORK/manager.sock" --listen none >"$WORK/manager.log" 2>&1 &
	NET_PIDS+=($!)
	wait_for 10 "the manager answers" curl -sf -o "$1" --unix-socket "$WORK/manager.sock" http://manager/metrics
}

must "a manager" manager_text "$WORK/manager.txt"
check "the manager's text is what the format asks for" checked cat "$WORK/manager.txt"
check "dashboard and alerts ask for what is served" \
	eval 'ctl h1 metrics >"$WORK/agent.txt" && $PYTHON "$HERE/dashboards.py" "$TOP/packaging" "$WORK/agent.txt" "$WORK/manager.txt"'

idle_connections
check "who holds connections keeps nobody out" checked fetch $URL
check "... and the agent waits for nobody" net_in h1 timeout 2 "$BIN/ovnetctl" -i "$NET-h1" status

fleet_config h1 "$(members1 '[::1]:9192')"
check "another place to serve comes with a reload" eval 'ctl h1 reload && checked fetch http://[::1]:9192/metrics && fails fetch $URL'
check "... which is counted" same "$(metric ovnet_config_reloads_total)$(metric ovnet_config_reload_refused)" 10
fleet_config h1 "$(members1 'localhost')"
check_not "a place that is none is refused" ctl h1 reload
check "... which is seen" same "$(metric ovnet_config_reload_refused)" 1
net_background h1 nc -lk 127.0.0.1 9193
check "somebody else has a port" wait_for 5 "a listener" listens h1 t 9193
fleet_config h1 "$(members1 '127.0.0.1:9193')"
check "a port that is taken is logged, and no reason to stop" eval 'ctl h1 reload && grep -q "metrics 127.0.0.1:9193" $WORK/h1.log && ctl h1 status'
