# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Test hosts in network namespaces, for the end-to-end tests and the demo; sourced by them.
#
#      node --- port  HOST 1  up0 --- h1
#                                       \
#      node --- port  HOST 2  up0 --- h2 ROUTER      the router forwards IPv6: the substrate really routes
#                                       /
#      node --- port  HOST 3  up0 --- h3
#
# Host N has the prefix fd00:1:0:N::/64, routed to it; its uplink has fd00:ffff:0:N::2. Names of namespaces begin with
# $NET, which has this process's id in it; everything is removed when the script ends, however it ends.
#
# A test is lines of `check WHAT COMMAND...`; its exit status is 0 when none of them failed.

set -u
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-$TOP/build}
BIN=${BIN:-$BUILD}
NET=ov$$
WORK=$(mktemp -d "/tmp/ovnet-test.XXXXXX")
NET_SPACES=()
NET_PIDS=()
NET_INSTANCES=()
FAILED=0
PYTHON=/usr/bin/python3 # Debian's, which has scapy
HERE=$TOP/selftests/net

# ---- results: one line each

# check WHAT COMMAND...: "ok - WHAT" when the command succeeds; else "not ok - WHAT: " and the end of what it printed.
check() {
	local what=$1 said
	shift
	if said=$("$@" 2>&1); then
		echo "ok - $what"
	else
		FAILED=$((FAILED + 1))
		echo "not ok - $what: $(tail -n 4 <<<"$said" | tr '\n' ' ' | cut -c 1-600)"
	fi
}

# check_not WHAT COMMAND...: "ok" when the command fails.
check_not() {
	local what=$1
	shift
	check "$what" fails "$@"
}

fails() {
	! "$@"
}

# skip WHAT WHY
skip() {
	echo "skip - $1: $2"
}

# must WHAT COMMAND...: for what the rest of a test rests on. Says nothing when all is well.
must() {
	local what=$1
	shift
	"$@" && return
	echo "not ok - $what"
	exit 1
}

# same THIS THAT
same() {
	[ "$1" = "$2" ] || { echo "expected '$2', got '$1'"; return 1; }
}

# at_least NUMBER LEAST; at_most NUMBER MOST
at_least() {
	[ "$1" -ge "$2" ] || { echo "expected at least $2, got $1"; return 1; }
}

at_most() {
	[ "$1" -le "$2" ] || { echo "expected at most $2, got $1"; return 1; }
}

# holds EXPRESSION: of the JSON on standard input, which the expression (Python's) calls d.
holds() {
	$PYTHON -c '
import json, sys
d = json.load(sys.stdin)
if not eval("(%s)" % sys.argv[1]):
    sys.exit("does not hold: %s in %s" % (sys.argv[1], json.dumps(d)[:400]))' "$1"
}

# ---- namespaces and processes

# net_in SPACE COMMAND...: runs a command in a namespace. (`ip netns exec` would hide bpffs.)
net_in() {
	local space=$1
	shift
	nsenter --net="/run/netns/$NET-$space" -- "$@"
}

net_space() {
	ip netns add "$NET-$1" && ip -n "$NET-$1" link set lo up
	NET_SPACES+=("$1")
}

# A process that we started: a job of this shell, or in a namespace of ours.
net_owns() {
	local each
	jobs -p | grep -qx "$1" && return 0
	for each in "${NET_SPACES[@]}"; do
		[ "/proc/$1/ns/net" -ef "/run/netns/$NET-$each" ] && return 0
	done
	return 1
}

# net_kill PID: ends a process and waits for it.
net_kill() {
	local pid=$1
	net_owns "$pid" && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	return 0
}

# net_background SPACE COMMAND...: starts a command in a namespace; its pid is in $NET_PID, and it ends with the test.
net_background() {
	local space=$1
	shift
	nsenter --net="/run/netns/$NET-$space" -- "$@" &
	NET_PID=$!
	NET_PIDS+=("$NET_PID")
}

net_end() {
	local status=$? each file
	trap - EXIT
	for each in "${NET_PIDS[@]}"; do net_kill "$each"; done
	for each in "${NET_INSTANCES[@]}"; do
		file=$WORK/${each#*=}.first
		[ -e "$file" ] || file=$WORK/${each#*=}.json
		net_in "${each%%=*}" "$BIN/ovnetd" --config "$file" --remove >/dev/null 2>&1
		rm -rf "/run/ovnet/${each#*=}"
	done
	for each in "${NET_SPACES[@]}"; do ip netns del "$NET-$each" 2>/dev/null; done
	if grep -hE 'Sanitizer|runtime error:' "$WORK"/*.log 2>/dev/null; then
		echo "not ok - a sanitizer has a finding"
		status=1
	fi
	rm -rf "$WORK"
	[ $FAILED -eq 0 ] || [ $status -ne 0 ] || status=1
	exit $status
}
trap net_end EXIT
trap 'exit 130' INT TERM

# wait_for SECONDS WHAT COMMAND...: until the command succeeds; prints what did not happen.
wait_for() {
	local until=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		if [ $SECONDS -ge $until ]; then
			echo "timeout: $what" >&2
			return 1
		fi
		read -rt 0.02 <> <(:) || true
	done
}

# ---- the substrate, nodes, agents

# substrate HOSTS: the router and that many hosts.
substrate() {
	local n
	net_space r
	net_in r sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
	for n in $(seq "$1"); do
		net_space "h$n"
		net_in "h$n" sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
		ip link add "h$n" netns "$NET-r" type veth peer name up0 netns "$NET-h$n"
		ip -n "$NET-r" addr add "fd00:ffff:0:$n::1/64" dev "h$n" nodad
		ip -n "$NET-h$n" addr add "fd00:ffff:0:$n::2/64" dev up0 nodad
		ip -n "$NET-r" link set "h$n" up
		ip -n "$NET-h$n" link set up0 up
		ip -n "$NET-h$n" -6 route add default via "fd00:ffff:0:$n::1"
		ip -n "$NET-r" -6 route add "fd00:1:0:$n::/64" via "fd00:ffff:0:$n::2"
	done
}

# node NAME HOST ADDRESS MAC [MTU]: a node on a veth; its port on the host is pNAME.
node() {
	local name=$1 host=$2 address=$3 mac=$4 mtu=${5:-1472}
	net_space "n$name"
	ip link add "p$name" netns "$NET-$host" type veth peer name eth0 netns "$NET-n$name" address "$mac"
	net_in "n$name" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
	ip -n "$NET-n$name" addr add "$address/24" dev eth0
	ip -n "$NET-n$name" link set eth0 mtu "$mtu" up
}

# node_tap NAME HOST ADDRESS MAC [MTU]: a node on a tap, as a virtual machine would be.
node_tap() {
	local name=$1 host=$2 address=$3 mac=$4 mtu=${5:-1472}
	net_space "n$name"
	ip -n "$NET-$host" tuntap add dev "p$name" mode tap vnet_hdr
	ip -n "$NET-n$name" tuntap add dev eth0 mode tap vnet_hdr
	ip -n "$NET-n$name" link set eth0 address "$mac" mtu "$mtu"
	net_in "n$name" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
	[ -x "$BUILD/selftests/net/tapnode" ] || make -s -C "$TOP" "$BUILD/selftests/net/tapnode" >/dev/null
	"$BUILD/selftests/net/tapnode" "/run/netns/$NET-$host" "p$name" "/run/netns/$NET-n$name" eth0 &
	NET_PIDS+=($!)
	ip -n "$NET-n$name" addr add "$address/24" dev eth0
	ip -n "$NET-n$name" link set eth0 up
}

# Entries of the configuration, to be put together by list(): node_json NAME VNET ADDRESS MAC [SLOT],
# mapping_json VNET ADDRESS HOST-NUMBER [SLOT], rule_json VNET FROM TO PROTOCOL PORT VERDICT [LIFETIME [POLICY]].
node_json() {
	printf '{"name": "%s", "port": "p%s", "vnet": "%s", "address": "%s", "mac": "%s", "slot": %d}' \
		"$1" "$1" "$2" "$3" "$4" "${5:-0}"
}

mapping_json() {
	printf '{"vnet": "%s", "address": "%s", "locator": "fd00:1:0:%d::/64", "slot": %d}' "$1" "$2" "$3" "${4:-0}"
}

rule_json() {
	local port=$5
	[ "$port" = any ] && port='"any"'
	printf '{"vnet": "%s", "from": "%s", "to": "%s", "protocol": "%s", "port": %s, ' "$1" "$2" "$3" "$4" "$port"
	printf '"verdict": "%s", "lifetime": %d, "policy": %d}' "$6" "${7:-0}" "${8:-0}"
}

# list MEMBER ENTRIES...
list() {
	local member=$1 joined
	shift
	joined=$(printf '%s, ' "$@")
	printf '"%s": [%s]' "$member" "${joined%, }"
}

# agent HOST JSON-MEMBERS...: writes the configuration of the host's agent and starts it; waits until it answers.
# The instance is $NET-HOST; locator and uplink are those of substrate() ($UPLINKS, if set), other members are given.
agent() {
	local host=$1 instance=$NET-$1
	shift
	config "$host" "$@"
	cp "$WORK/$instance.json" "$WORK/$instance.first" # a test may spoil the file
	NET_INSTANCES+=("$host=$instance")
	agent_start "$host"
}

config() {
	local host=$1 members
	shift
	members=$(printf ',\n  %s' "$@")
	cat >"$WORK/$NET-$host.json" <<-JSON
		{
		  "instance": "$NET-$host",
		  "locator": "fd00:1:0:${host#h}::/64",
		  "uplinks": [${UPLINKS:-\"up0\"}]$members
		}
	JSON
}

agent_start() {
	local host=$1
	shift
	nsenter --net="/run/netns/$NET-$host" -- "$BIN/ovnetd" --config "$WORK/$NET-$host.json" "$@" >>"$WORK/$host.log" 2>&1 &
	eval "AGENT_$host=$!"
	NET_PIDS+=($!)
	wait_for 10 "ovnetd of $host answers" ctl "$host" status || { cat "$WORK/$host.log" >&2; return 1; }
}

# agent_stop HOST [SIGNAL]: ends the agent and waits for it.
agent_stop() {
	local pid
	eval "pid=\$AGENT_$1"
	kill "-${2:-TERM}" "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	return 0
}

# ctl HOST WORDS...: ovnetctl for the host's agent.
ctl() {
	local host=$1
	shift
	"$BIN/ovnetctl" -i "$NET-$host" "$@"
}

# hosts_reachable HOST: every remote host of its mappings has a next hop.
hosts_reachable() {
	! ctl "$1" -j mapping list | grep -q '"state": *"down"'
}

# ctl_holds HOST EXPRESSION WORDS...: holds() of what ovnetctl answers.
ctl_holds() {
	local host=$1 expression=$2
	shift 2
	ctl "$host" -j "$@" | holds "$expression"
}

# drops HOST INTERFACE REASON: the counter, 0 when there is none. counter: the same for what is not a drop.
drops() {
	ctl "$1" -j drop list | $PYTHON -c '
import json, sys
drops = json.load(sys.stdin)["drops"]
print(sum(int(d["packets"]) for d in drops if [d["interface"], d["reason"]] == sys.argv[1:]))
' "$2" "$3"
}

counter() {
	ctl "$1" -j drop list | $PYTHON -c '
import json, sys
counters = json.load(sys.stdin)["counters"]
print(sum(int(c["value"]) for c in counters if [c["interface"], c["name"]] == sys.argv[1:]))
' "$2" "$3"
}

# drops_reach HOST INTERFACE REASON LEAST
drops_reach() {
	at_least "$(drops "$1" "$2" "$3")" "$4"
}

# ---- traffic and captures

# craft SPACE INTERFACE FRAMES...: sends frames, written as scapy writes them.
craft() {
	local space=$1
	shift
	net_in "$space" $PYTHON "$HERE/craft.py" "$@"
}

# dummy_mac NODE ADDRESS: the MAC address by which a node knows another one.
dummy_mac() {
	net_in "n$1" ping -c 1 -W 1 "$2" >/dev/null
	ip -n "$NET-n$1" neigh show "$2" | awk '{ for (i = 1; i < NF; i++) if ($i == "lladdr") print $(i + 1) }'
}

# ping_begins SPACE ADDRESS: a ping each 5 ms, as $PING_PID, into $WORK/ping; on SIGINT it counts what got no answer.
ping_begins() {
	net_background "$1" ping -n -i 0.005 "$2" >"$WORK/ping"
	PING_PID=$NET_PID
	wait_for 5 "a ping is answered" grep -q 'bytes from' "$WORK/ping"
}

# ping_advances: 20 more are answered.
ping_advances() {
	local wanted=$(($(grep -c 'bytes from' "$WORK/ping") + 20))
	wait_for "${1:-5}" "20 answers more" eval "[ \$(grep -c 'bytes from' '$WORK/ping') -ge $wanted ]"
}

# listens SPACE PROTOCOL(t|u) PORT
listens() {
	net_in "$1" ss -Hnl"$2" "sport = :$3" | grep -q .
}

# iperf FROM TO ADDRESS ARGUMENTS...: one run of iperf3 between two namespaces; prints its JSON.
iperf() {
	local from=$1 to=$2 address=$3 status server
	shift 3
	net_in "$to" iperf3 -s -1 >/dev/null 2>&1 &
	server=$!
	wait_for 5 "iperf3 listens" listens "$to" t 5201 && net_in "$from" timeout 30 iperf3 -J -c "$address" "$@"
	status=$?
	net_kill $server
	return $status
}

# capture NAME SPACE INTERFACE [FILTER...]: into $WORK/NAME.pcap, until capture_end NAME.
capture() {
	local name=$1 space=$2 interface=$3
	shift 3
	rm -f "$WORK/$name.tcpdump"
	nsenter --net="/run/netns/$NET-$space" -- tcpdump -i "$interface" -n -U --immediate-mode -B 131072 \
		-w "$WORK/$name.pcap" "$@" >/dev/null 2>"$WORK/$name.tcpdump" &
	eval "CAPTURE_$name=$!"
	NET_PIDS+=($!)
	wait_for 5 "capture $name begins" grep -q listening "$WORK/$name.tcpdump"
}

# capture_end NAME...: when all that the kernel has put aside is written.
capture_end() {
	local name pid
	for name in "$@"; do
		eval "pid=\$CAPTURE_$name"
		wait_for 10 "capture $name is complete" capture_complete "$pid" "$WORK/$name.tcpdump"
		net_kill "$pid"
	done
}

# Asked by a signal, tcpdump tells how many packets it has, and how many there are for it; the latter may count some from
# before it had its filter, so that nothing new in three answers will do as well.
capture_complete() {
	kill -USR1 "$1" || return
	awk '/packets? captured, / { behind = $2 + $10 < $5; same = $2 == last ? same + 1 : 1; last = $2 }
		END { exit !same || (behind && same < 3) }' "$2"
}

# captured NAME [FILTER...]: how many packets of a capture pass the filter.
captured() {
	local name=$1
	shift
	tcpdump -n -r "$WORK/$name.pcap" "$@" 2>/dev/null | wc -l
}

# offload SPACE INTERFACE on|off: checksums, segmentation and merging by the (virtual) hardware.
offload() {
	net_in "$1" ethtool -K "$2" tx "$3" rx "$3" tso "$3" gso "$3" gro "$3" >/dev/null 2>&1
}
