#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The benchmark: ovnet beside plain routed IPv6, VXLAN, VXLAN with a stateful policy, and a bare redirect.
#
#    node A             host 1                     host 2             node G
#   +------+       +-----------------+       +-----------------+     +------+
#   | eth0 |=======| port0   uplink0 |=======| uplink0   port0 |=====| eth0 |      === one veth pair
#   +------+       +-----------------+       +-----------------+     +------+
#   10.0.0.2        fd00:b::1                        fd00:b::2       10.0.0.3
#
# The wires stay; a column is what the two hosts do with them, and has a function COLUMN_up and a function COLUMN_down.
# Each round measures every column, forward and backward in turn: what the machine does meanwhile hits all alike.
# docs/benchmark.md says how to read the figures; report.py makes them of the samples.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
B=${B:-build}
programs=$B/bench

columns=(plain vxlan vxlan_nft redirect redirect_peer ovnet ovnet_xdp)
declare -A measures=(
	[plain]="tcp_stream tcp_stream4 tcp_rr udp"
	[vxlan]="tcp_stream tcp_stream4 tcp_rr udp"
	[vxlan_nft]="tcp_stream tcp_stream4 tcp_rr udp"
	[redirect]="tcp_stream tcp_stream4 tcp_rr udp programs"
	[redirect_peer]="udp"
	[ovnet]="tcp_stream tcp_stream4 tcp_rr udp programs"
	[ovnet_xdp]="programs"
)
# The pinned programs whose time is measured in a column's `programs`.
pins=/sys/fs/bpf/ovnet-bench
instances=/sys/fs/bpf/ovnet
declare -A timed=(
	[redirect]="$pins/empty_tc $pins/empty_xdp"
	[ovnet]="$instances/bench-1/progs/node $instances/bench-2/progs/uplink_tc"
	[ovnet_xdp]="$instances/bench-2/progs/uplink_xdp"
)

rounds=7
seconds=1
output=$B/bench.json
cpu=$(($(nproc) - 1))
only=()

usage()
{
	cat <<-END
	usage: selftests/bench/run.sh [--rounds N] [--seconds S] [--cpu N] [--only NAME]... [--output FILE]
	  --rounds N     how often each column is measured (default $rounds; medians and ranges are over rounds)
	  --seconds S    how long each figure is measured in a round (default $seconds)
	  --cpu N        the CPU on which everything runs (default: the last, here $cpu)
	  --only NAME    only this column or this measure; may be repeated
	  --output FILE  default $output
	columns:  ${columns[*]}
	measures: tcp_stream tcp_stream4 tcp_rr udp programs, and of column ovnet: negotiation; and by itself: manager
	END
}

refuse()
{
	echo "run.sh: $1" >&2
	usage >&2
	exit 2
}

while [ $# -gt 0 ]; do
	case $1 in
	--help) usage; exit 0 ;;
	--rounds|--seconds|--cpu|--only|--output)
		[ $# -ge 2 ] || refuse "$1 needs a value"
		case $1 in
		--rounds) [[ $2 =~ ^[1-9][0-9]*$ ]] || refuse "expected a number of rounds, got '$2'"; rounds=$2 ;;
		--seconds) [[ $2 =~ ^[0-9]+(\.[0-9]+)?$ ]] || refuse "expected seconds, got '$2'"; seconds=$2 ;;
		--cpu) [[ $2 =~ ^[0-9]+$ && $2 -lt $(nproc) ]] || refuse "no CPU '$2'"; cpu=$2 ;;
		--only)
			[[ " ${columns[*]} tcp_stream tcp_stream4 tcp_rr udp programs negotiation manager " == *" $2 "* ]] ||
				refuse "no column or measure '$2'"
			only+=("$2") ;;
		--output) output=$2 ;;
		esac
		shift 2 ;;
	*) refuse "unknown word '$1'" ;;
	esac
done

fail()
{
	echo "bench: $1" >&2
	exit 1
}

# --- namespaces and what runs in them --------------------------------------------------------------------------------

prefix=ovnet-bench
spaces=(a h1 h2 g)
servers=()
declare -A agents=()
current=
started=
work=$(mktemp -d)

# inside SPACE COMMAND...: not by `ip netns exec`, which hides bpffs.
inside()
{
	local space=$1
	shift
	nsenter --net="/run/netns/$prefix-$space" -- "$@"
}

# start SPACE COMMAND...: in the background; $! is the command's own process, without a shell between.
start()
{
	local space=$1
	shift
	nsenter --net="/run/netns/$prefix-$space" -- "$@" 9>&- &
}

link()
{
	local space=$1
	shift
	ip -n "$prefix-$space" link "$@"
}

# wait_until SECONDS COMMAND...: true as soon as the command is, false when the time is over.
wait_until()
{
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.02
	done
}

gone()
{
	! kill -0 "$1" 2>/dev/null
}

end_process()
{
	kill "$1" 2>/dev/null || return 0
	wait_until 3 gone "$1" || kill -KILL "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

spaces_remove()
{
	local space
	for space in "${spaces[@]}"; do
		[ ! -e "/run/netns/$prefix-$space" ] || ip netns del "$prefix-$space"
	done
	rm -rf "$pins" "$instances/bench-1" "$instances/bench-2" /run/ovnet/bench-1 /run/ovnet/bench-2
}

clean_up()
{
	local status=$? pid
	trap - EXIT
	set +e
	[ $status -eq 0 ] || [ -z "$current" ] || echo "bench: failed in column $current" >&2
	for pid in "${agents[@]}" "${servers[@]}"; do
		end_process "$pid"
	done
	[ -z "$started" ] || spaces_remove
	rm -rf "$work"
	exit $status
}

spaces_create()
{
	local space
	for space in "${spaces[@]}"; do
		ip netns add "$prefix-$space"
		# Addresses are usable at once.
		inside "$space" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
		link "$space" set lo up
	done
	link a add eth0 address 02:00:00:00:00:0a type veth peer name port0 address 02:00:00:00:01:0a \
		netns "$prefix-h1"
	link g add eth0 address 02:00:00:00:00:0b type veth peer name port0 address 02:00:00:00:02:0b \
		netns "$prefix-h2"
	link h1 add uplink0 address 02:00:00:00:01:01 type veth peer name uplink0 address 02:00:00:00:02:01 \
		netns "$prefix-h2"
	for space in h1 h2; do
		inside "$space" sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.port0.disable_ipv6=1
		link "$space" set uplink0 up
		link "$space" set port0 up
		ip -n "$prefix-$space" address add "fd00:b::${space#h}/64" dev uplink0
	done
	ip -n "$prefix-a" address add 10.0.0.2/24 dev eth0
	ip -n "$prefix-g" address add 10.0.0.3/24 dev eth0
	# iperf3 asks for cubic only after it has connected, and a socket that began with bbr, the default of some machines,
	# goes on pacing by a timer: then it is timers that are measured. Any namespace may choose reno.
	for space in a g; do
		inside "$space" sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1 net.ipv4.tcp_congestion_control=reno
		link "$space" set eth0 up
	done
}

servers_start()
{
	inside g "$programs/attach" on count eth0 "$pins/count"
	start g taskset -c "$cpu" "$programs/rr" server 7000
	servers+=($!)
	start g taskset -c "$cpu" iperf3 -s -p 5201 >"$work/iperf3.log" 2>&1
	servers+=($!)
}

# set_mtu N: of the nodes. The hosts' ends keep 1500, or they would drop what is larger unseen.
set_mtu()
{
	link a set eth0 mtu "$1"
	link g set eth0 mtu "$1"
}

# --- columns ---------------------------------------------------------------------------------------------------------

# What the nodes are called in a column.
source_address=
target_address=
neighbour= # whose MAC address node A sends to

use_ipv4()
{
	source_address=10.0.0.2
	target_address=10.0.0.3
	neighbour=10.0.0.3
}

plain_up()
{
	local node=([1]=a [2]=g) host peer
	for host in 1 2; do
		peer=$((3 - host))
		inside "${node[host]}" sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0
		inside h$host sysctl -qw net.ipv6.conf.port0.disable_ipv6=0
		ip -n "$prefix-${node[host]}" address add "fd00:a:$host::2/64" dev eth0
		ip -n "$prefix-${node[host]}" route add default via "fd00:a:$host::1"
		ip -n "$prefix-h$host" address add "fd00:a:$host::1/64" dev port0
		ip -n "$prefix-h$host" route add "fd00:a:$peer::/64" via "fd00:b::$peer"
	done
	set_mtu 1500
	source_address=fd00:a:1::2
	target_address=fd00:a:2::2
	neighbour=fd00:a:1::1
}

# Switching IPv6 off takes the addresses and their routes along.
plain_down()
{
	local space
	inside a sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
	inside g sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
	for space in h1 h2; do
		inside $space sysctl -qw net.ipv6.conf.port0.disable_ipv6=1
	done
	ip -n "$prefix-h1" route del fd00:a:2::/64
	ip -n "$prefix-h2" route del fd00:a:1::/64
}

# bridge_netfilter N: whether bridged packets pass the policy of IP; many kernels start with yes.
bridge_netfilter()
{
	local space
	for space in h1 h2; do
		[ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ] ||
			inside $space sysctl -qw net.bridge.bridge-nf-call-iptables="$1" \
				net.bridge.bridge-nf-call-ip6tables="$1" net.bridge.bridge-nf-call-arptables=0
	done
}

# MTU of the nodes: 1500 less Ethernet 14, VXLAN 8, UDP 8, IPv6 40.
vxlan_up()
{
	local host peer
	for host in 1 2; do
		peer=$((3 - host))
		link h$host add bridge0 type bridge
		link h$host add vxlan0 type vxlan id 77 local "fd00:b::$host" remote "fd00:b::$peer" dstport 4789 \
			nolearning
		link h$host set port0 master bridge0
		link h$host set vxlan0 master bridge0
		link h$host set vxlan0 up
		link h$host set bridge0 up
	done
	bridge_netfilter 0
	set_mtu 1430
	use_ipv4
}

vxlan_down()
{
	local space
	for space in h1 h2; do
		link $space del vxlan0
		link $space del bridge0
	done
}

# The same grants as ovnet's: what began between the two nodes goes on, TCP, UDP and ICMP may begin.
policy()
{
	cat <<-END
	table $1 bench {
		chain forward {
			type filter hook forward priority 0; policy drop;
			ct state vmap { established : accept, related : accept, invalid : drop }
			ip saddr 10.0.0.0/24 ip daddr 10.0.0.0/24 ip protocol { tcp, udp, icmp } accept
			$2
		}
	}
	END
}

# Conntrack of the bridge itself where the kernel has it, otherwise by way of the IP layer's hooks.
vxlan_nft_up()
{
	local space
	vxlan_up
	for space in h1 h2; do
		if policy bridge "ether type arp accept" | inside $space nft -f - 2>/dev/null; then
			continue
		fi
		policy inet "" | inside $space nft -f - || fail "nftables takes no stateful policy"
		[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || fail "this kernel tracks nothing on a bridge"
	done
	bridge_netfilter 1
}

vxlan_nft_down()
{
	local space
	for space in h1 h2; do
		inside $space nft flush ruleset
	done
	vxlan_down
}

redirect_up()
{
	local space
	for space in h1 h2; do
		inside $space "$programs/attach" on redirect port0 "$pins/$space-out" uplink0
		inside $space "$programs/attach" on "${1:-redirect}" uplink0 "$pins/$space-in" port0
	done
	set_mtu 1500
	use_ipv4
}

redirect_down()
{
	local space
	for space in h1 h2; do
		"$programs/attach" off "$pins/$space-in"
		"$programs/attach" off "$pins/$space-out"
	done
}

redirect_peer_up()
{
	redirect_up redirect_peer
}

redirect_peer_down()
{
	redirect_down
}

# agent_config HOST NODE ADDRESS MAC PEER-ADDRESS UPLINK-MODE
agent_config()
{
	cat <<-END
	{
	  "instance": "bench-$1",
	  "locator": "fd00:1:0:$1::/64",
	  "uplinks": ["uplink0"],
	  "uplink_mode": "$6",
	  "vnets": [{"name": "bench", "vni": 77}],
	  "nodes": [{"name": "$2", "port": "port0", "vnet": "bench", "address": "$3", "mac": "$4", "slot": 0}],
	  "mappings": [{"vnet": "bench", "address": "$5", "locator": "fd00:1:0:$((3 - $1))::/64", "slot": 0}],
	  "rules": [
	    {"vnet": "bench", "from": "any", "to": "any", "protocol": "tcp", "verdict": "allow"},
	    {"vnet": "bench", "from": "any", "to": "any", "protocol": "udp", "verdict": "allow"},
	    {"vnet": "bench", "from": "any", "to": "any", "protocol": "icmp", "verdict": "allow"}
	  ]
	}
	END
}

# One agent a host; MTU of the nodes: 1500 less what re-headering may add (28).
ovnet_up()
{
	local mode=${1:-auto} host
	agent_config 1 A 10.0.0.2 02:00:00:00:00:0a 10.0.0.3 "$mode" >"$work/bench-1.json"
	agent_config 2 G 10.0.0.3 02:00:00:00:00:0b 10.0.0.2 "$mode" >"$work/bench-2.json"
	for host in 1 2; do
		ip -n "$prefix-h$host" route add "fd00:1:0:$((3 - host))::/64" via "fd00:b::$((3 - host))"
		start h$host "$B/ovnetd" --config "$work/bench-$host.json" >"$work/bench-$host.log" 2>&1
		agents[$host]=$!
	done
	for host in 1 2; do
		wait_until 10 agent_ready $host || agent_fail $host "has no port up after 10 s"
	done
	set_mtu 1472
	use_ipv4
}

agent_ready()
{
	"$B/ovnetctl" -i "bench-$1" -j status | grep -Eq '"ports_up":[[:space:]]*1\b'
}

agent_fail()
{
	cat "$work/bench-$1.log" >&2
	fail "the agent of host $1 $2"
}

# A port that was an agent's is down and has its own ideas of IPv6; the other columns want it up.
ovnet_down()
{
	local host
	for host in 1 2; do
		"$B/ovnetctl" -i "bench-$host" stop detach >/dev/null || agent_fail $host "did not stop"
		wait_until 10 gone "${agents[$host]}" || agent_fail $host "did not end"
		wait "${agents[$host]}" || agent_fail $host "ended with status $?"
		unset "agents[$host]"
		ip -n "$prefix-h$host" route del "fd00:1:0:$((3 - host))::/64"
		link h$host set port0 up
	done
}

# XDP hands a frame to a veth only if its other end, here the node's, has GRO on.
ovnet_xdp_up()
{
	ovnet_up xdp
	inside a "$programs/gro" eth0 on
	inside g "$programs/gro" eth0 on
}

ovnet_xdp_down()
{
	inside a "$programs/gro" eth0 off
	inside g "$programs/gro" eth0 off
	ovnet_down
}

# --- measures --------------------------------------------------------------------------------------------------------

sample()
{
	echo "$round $1 $2 $3" >>"$work/samples"
}

iperf()
{
	local column=$1 measure=$2 streams=$3 out rate
	out=$(inside a taskset -c "$cpu" iperf3 -c "$target_address" -t "$seconds_whole" -i 0 -C cubic -w 256K -P "$streams" \
		-f m --connect-timeout 2000) || fail "iperf3: $out"
	rate=$(awk -v streams="$streams" '/receiver/ && (streams == 1 || /SUM/) { print $(NF - 2) / 1000 }' <<<"$out")
	sample "$column" "${measure}_gbps" "$rate"
}

measure_tcp_stream()
{
	iperf "$1" tcp_stream 1
}

measure_tcp_stream4()
{
	iperf "$1" tcp_stream4 4
}

measure_tcp_rr()
{
	local rate
	rate=$(inside a taskset -c "$cpu" "$programs/rr" client "$target_address" 7000 "$seconds") ||
		fail "no TCP round trips"
	sample "$1" tcp_rr_per_s "$rate"
}

# flood COLUMN [PROGRAM...]: the figures of a flood from node A to node G.
flood()
{
	local column=$1 mac figures name value
	shift
	mac=$(ip -n "$prefix-a" neighbour show to "$neighbour" dev eth0 | grep -o 'lladdr [0-9a-f:]*') ||
		fail "node A has no neighbour $neighbour"
	inside h1 "$programs/gro" port0 on
	figures=$(inside a taskset -c "$cpu" "$programs/flood" eth0 "${mac#lladdr }" "$source_address" "$target_address" \
		"$pins/count_map" "$seconds" "$@") || fail "the flood failed"
	inside h1 "$programs/gro" port0 off
	while read -r name value; do
		# With timed programs, only their times.
		[[ $# -gt 0 && $name == udp_* ]] || sample "$column" "$name" "$value"
	done <<<"$figures"
}

measure_udp()
{
	flood "$1"
}

measure_programs()
{
	local paths
	read -ra paths <<<"${timed[$1]}"
	if [ "$1" = redirect ]; then
		inside h1 "$programs/attach" on empty_tc port0 "$pins/empty_tc"
		inside h2 "$programs/attach" on empty_xdp uplink0 "$pins/empty_xdp"
	fi
	flood "$1" "${paths[@]}"
	if [ "$1" = redirect ]; then
		"$programs/attach" off "$pins/empty_xdp"
		"$programs/attach" off "$pins/empty_tc"
	fi
}

wanted()
{
	local name kind=column some=
	[[ " ${columns[*]} " == *" $1 "* ]] || kind=measure
	for name in "${only[@]}"; do
		if [[ " ${columns[*]} " == *" $name "* ]]; then
			[ $kind = column ] || continue
		else
			[ $kind = measure ] || continue
		fi
		[ "$name" != "$1" ] || return 0
		some=yes
	done
	[ -z "$some" ]
}

reachable()
{
	inside a ping -q -c 1 -W 1 "$target_address"
}

measure_column()
{
	local measure todo=()
	for measure in ${measures[$1]}; do
		! wanted "$measure" || todo+=("$measure")
	done
	[ ${#todo[@]} -gt 0 ] || return 0
	current=$1
	"$1_up"
	ip -n "$prefix-a" neighbour flush dev eth0
	ip -n "$prefix-g" neighbour flush dev eth0
	wait_until 10 reachable || fail "no answer from $target_address"
	for measure in "${todo[@]}"; do
		"measure_$measure" "$1"
	done
	"$1_down"
	current=
}

# --- main ------------------------------------------------------------------------------------------------------------

[ "$(id -u)" -eq 0 ] || fail "needs root"
for program in attach flood gro rr contact relay ask_flood scan; do
	[ -x "$programs/$program" ] || fail "$programs/$program is missing; make bench builds it"
done
chosen=()
for column in "${columns[@]}"; do
	wanted "$column" || continue
	if [[ $column == ovnet* ]] && [ ! -x "$B/ovnetd" ]; then
		echo "bench: $B/ovnetd is missing: column $column is left out" >&2
		continue
	fi
	chosen+=("$column")
done
[ ${#chosen[@]} -gt 0 ] || wanted manager || fail "no column is left"

exec 9>"/run/$prefix.lock"
flock -n 9 || fail "another benchmark is running"
mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
started=yes
spaces_remove
mkdir -p "$pins" "$(dirname "$output")"
spaces_create
servers_start
seconds_whole=$(awk -v s="$seconds" 'BEGIN { print s == int(s) ? s : int(s) + 1 }') # iperf3 counts whole seconds

for ((round = 1; round <= rounds; round++)); do
	echo "round $round of $rounds" >&2
	order=("${chosen[@]}")
	if ((round % 2 == 0)); then
		order=()
		for column in "${chosen[@]}"; do
			order=("$column" "${order[@]}")
		done
	fi
	for column in "${order[@]}"; do
		measure_column "$column"
	done
done

# On wires of its own: it needs many nodes.
if wanted ovnet && wanted negotiation && [ -x "$B/ovnetd" ]; then
	B=$B "$here/negotiation.sh" --rounds "$rounds" --cpu "$cpu" --samples "$work/samples" --latencies "$work/latencies"
fi

# Without any wires: hosts are simulated.
if wanted manager && [ -x "$B/ovnet-manager" ]; then
	B=$B "$here/manager.sh" --rounds "$((rounds < 3 ? rounds : 3))" --samples "$work/samples" --latencies "$work/latencies"
fi

"$here/report.py" "$work/samples" "$work/latencies" "$output"
