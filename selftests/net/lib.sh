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

net_kill() {
	local pid=$1
	kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
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
	local status=$? each
	trap - EXIT
	for each in "${NET_PIDS[@]}"; do net_kill "$each"; done
	for each in "${NET_INSTANCES[@]}"; do
		net_in "${each%%=*}" "$BIN/ovnetd" --config "$WORK/${each#*=}.json" --remove >/dev/null 2>&1
		rm -rf "/run/ovnet/${each#*=}"
	done
	for each in "${NET_SPACES[@]}"; do ip netns del "$NET-$each" 2>/dev/null; done
	rm -rf "$WORK"
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
	"$BUILD/selftests/net/tapnode" "/run/netns/$NET-$host" "p$name" "/run/netns/$NET-n$name" eth0 &
	NET_PIDS+=($!)
	ip -n "$NET-n$name" addr add "$address/24" dev eth0
	ip -n "$NET-n$name" link set eth0 up
}

# agent HOST JSON-MEMBERS...: writes the configuration of the host's agent and starts it; waits until it answers.
# The instance is $NET-HOST; locator and uplink are those of substrate(), other members are given.
agent() {
	local host=$1 instance=$NET-$1
	shift
	config "$host" "$@"
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
		  "uplinks": ["up0"]$members
		}
	JSON
}

agent_start() {
	local host=$1
	shift
	nsenter --net="/run/netns/$NET-$host" -- "$BIN/ovnetd" --config "$WORK/$NET-$host.json" "$@" 2>>"$WORK/$host.log" &
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

# drops HOST INTERFACE REASON: the counter, 0 when there is none.
drops() {
	ctl "$1" -j drop list | /usr/bin/python3 -c '
import json, sys
interface, reason = sys.argv[1:]
print(sum(int(d["packets"]) for d in json.load(sys.stdin)["drops"] if (d["interface"], d["reason"]) == (interface, reason)))
' "$2" "$3"
}
