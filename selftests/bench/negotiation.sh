#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What negotiation costs: first contacts beside two empty relays, under floods and scans; its rate; revocation.
#
#    N nodes              host r                            host s              node G
#   +------+ eth0    +---------------------+          +---------------------+    +------+
#   | n1   |=========| port1     ovnetd    |          |     ovnetd    port0 |====| eth0 |      === one veth pair
#   | ..   |         |   ..        uplink0 |==========| uplink0             |    | echo |
#   | nN   |=========| relay1..N     wire0 |==========| wire0        relay0 |====| eth1 |
#   +------+ eth1    +---------------------+          +---------------------+    +------+
#   10.1.0.i         fd00:b::1                                    fd00:b::2      10.1.1.1
#   172.16.0.i       172.16.255.1                              172.16.254.1      172.16.254.2
#
# The relays' wire is of the same make as the uplink and has no program on it: what ovnet's cost a relay's packet there
# (some 6 % of its way) would be in ovnet's favour.
#
# Called by run.sh; also by itself. Writes lines "ROUND COLUMN FIGURE VALUE" to SAMPLES, and to LATENCIES one such line for
# each probe, in nanoseconds (a lost one with a whole second); report.py makes figures of both.
# docs/benchmark.md says what is measured and why so. Each round takes the sides of a comparison in turn, pass by pass.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
B=${B:-build}
programs=$B/bench

measures=(first_packet cold ask_flood scan rate revocation handle)
rounds=7
nodes=100
cpu=$(($(nproc) - 1))
probe_cpus=$cpu
samples=
latencies=
only=()

# How often in a round, each pass being one contact of every node.
first_packet_passes=5
attack_passes=3
cold_contacts=30
rate_nodes=16
rate_ports=1000 # keys in a round: nodes by ports
revocations=5

usage()
{
	cat <<-END
	usage: selftests/bench/negotiation.sh [--rounds N] [--nodes N] [--cpu N] [--only MEASURE]... --samples FILE --latencies FILE
	  --rounds N        how often each figure is measured (default $rounds)
	  --nodes N         nodes on host r, 2 to 250 (default $nodes)
	  --cpu N           the CPU for latencies under attack (default: the last, here $cpu); attackers have another
	  --only MEASURE    may be repeated: ${measures[*]}
	  --samples FILE, --latencies FILE    what was measured is added there
	END
}

refuse()
{
	echo "negotiation.sh: $1" >&2
	usage >&2
	exit 2
}

while [ $# -gt 0 ]; do
	case $1 in
	--help) usage; exit 0 ;;
	--rounds|--nodes|--cpu|--only|--samples|--latencies)
		[ $# -ge 2 ] || refuse "$1 needs a value"
		case $1 in
		--rounds) [[ $2 =~ ^[1-9][0-9]*$ ]] || refuse "expected a number of rounds, got '$2'"; rounds=$2 ;;
		--nodes) [[ $2 =~ ^[0-9]+$ && $2 -ge 2 && $2 -le 250 ]] || refuse "expected 2 to 250 nodes, got '$2'"; nodes=$2 ;;
		--cpu) [[ $2 =~ ^[0-9]+$ && $2 -lt $(nproc) ]] || refuse "no CPU '$2'"; cpu=$2 ;;
		--only) [[ " ${measures[*]} " == *" $2 "* ]] || refuse "no measure '$2'"; only+=("$2") ;;
		--samples) samples=$2 ;;
		--latencies) latencies=$2 ;;
		esac
		shift 2 ;;
	*) refuse "unknown word '$1'" ;;
	esac
done
[[ -n $samples && -n $latencies ]] || refuse "--samples and --latencies say where to write"
[ ${#only[@]} -gt 0 ] || only=("${measures[@]}")
[ "$rate_nodes" -lt "$nodes" ] || rate_nodes=$((nodes - 1))

fail()
{
	echo "bench: $1" >&2
	exit 1
}

# --- namespaces and what runs in them --------------------------------------------------------------------------------

prefix=ovnet-neg
instances=/sys/fs/bpf/ovnet
work=$(mktemp -d)
declare -A pids=() # what runs; the key is the process
declare -A agents=()
measure=
all_cpus=0-$(($(nproc) - 1))
other_cpu=$(((cpu + 1) % $(nproc)))

node_spaces=()
for ((i = 1; i <= nodes; i++)); do
	node_spaces+=("$prefix-n$i")
done
# The last node is the one that scans, and makes no contact that is measured.
clients=("${node_spaces[@]:0:nodes - 1}")

inside()
{
	local space=$1
	shift
	nsenter --net="/run/netns/$prefix-$space" -- "$@"
}

# start SPACE COMMAND...: in the background; $started is the command's own process, which ends with the benchmark.
start()
{
	local space=$1
	shift
	nsenter --net="/run/netns/$prefix-$space" -- "$@" 9>&- &
	started=$!
	pids[$started]=runs
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

# Asks a process to end, unless it has; it is ours until it was waited for.
end_process()
{
	kill "$1" 2>/dev/null || true
	wait_until 3 gone "$1" || kill -KILL "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
	unset "pids[$1]"
}

spaces_remove()
{
	local space
	for space in r s g "${node_spaces[@]#"$prefix-"}"; do
		[ ! -e "/run/netns/$prefix-$space" ] || echo "netns delete $prefix-$space"
	done | ip -batch -
	rm -rf "$instances/neg-r" "$instances/neg-s" /run/ovnet/neg-r /run/ovnet/neg-s
}

clean_up()
{
	local status=$? pid
	trap - EXIT
	set +e
	if [ $status -ne 0 ] && [ -n "$measure" ]; then
		echo "bench: failed in measure $measure" >&2
		tail -n 5 "$work"/neg-?.log >&2
	fi
	for pid in "${!pids[@]}"; do
		end_process "$pid"
	done
	spaces_remove
	rm -rf "$work"
	exit $status
}

# node_mac KIND NUMBER: of a node's end or a host's end of a wire; number 0 is node G.
node_mac()
{
	printf '02:00:00:%02x:00:%02x' "$1" "$2"
}

# wire NODE-SPACE INTERFACE HOST PORT KIND NUMBER: commands for `ip -batch`.
wire()
{
	echo "link add $2 netns $prefix-$1 address $(node_mac "$5" "$6") type veth peer name $4 address \
$(node_mac $(($5 + 1)) "$6") netns $prefix-$3"
}

# Everything by `ip -batch`: a process for each of a thousand commands would take longer than a round.
spaces_create()
{
	local i space
	for space in r s g "${node_spaces[@]#"$prefix-"}"; do
		echo "netns add $prefix-$space"
	done | ip -batch -
	for space in g "${node_spaces[@]#"$prefix-"}"; do
		inside "$space" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
	done
	for space in r s; do
		inside $space sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
			net.ipv6.conf.all.forwarding=1
		ip -n "$prefix-$space" link set lo up
	done
	{
		echo "link add uplink0 netns $prefix-r address 02:00:00:00:01:01 type veth peer name uplink0 address \
02:00:00:00:02:01 netns $prefix-s"
		echo "link add wire0 netns $prefix-r type veth peer name wire0 netns $prefix-s"
		wire g eth0 s port0 1 0
		wire g eth1 s relay0 3 0
		for ((i = 1; i <= nodes; i++)); do
			wire "n$i" eth0 r "port$i" 1 "$i"
			wire "n$i" eth1 r "relay$i" 3 "$i"
		done
	} | ip -batch -
	uplink_up r 1 2
	uplink_up s 2 1
	host_up
	node_up g 10.1.1.1 172.16.254.2 172.16.254.1 0
	for ((i = 1; i <= nodes; i++)); do
		node_up "n$i" "10.1.0.$i" "172.16.0.$i" 172.16.255.1 "$i"
	done
}

# uplink_up SPACE NUMBER PEER
uplink_up()
{
	ip -n "$prefix-$1" -batch - <<-END
		address add fd00:b::$2/64 dev uplink0
		link set uplink0 up
		route add fd00:1:0:$3::/64 via fd00:b::$3
		address add fd00:b:1::$2/64 dev wire0
		link set wire0 up
	END
}

# The relays' wires: neighbours are known, so that a first packet is not an ARP request.
host_up()
{
	local i
	{
		echo "address add 172.16.255.1/32 dev lo"
		for ((i = 1; i <= nodes; i++)); do
			echo "link set relay$i up"
			echo "route add 172.16.0.$i/32 dev relay$i"
			echo "neighbour add 172.16.0.$i lladdr $(node_mac 3 "$i") dev relay$i nud permanent"
		done
	} | ip -n "$prefix-r" -batch -
	ip -n "$prefix-s" -batch - <<-END
		address add 172.16.254.1/24 dev relay0
		link set relay0 up
		neighbour add 172.16.254.2 lladdr $(node_mac 3 0) dev relay0 nud permanent
	END
}

# node_up SPACE ADDRESS RELAY-SIDE-ADDRESS RELAY NUMBER; MTU: 1500 less what re-headering may add.
node_up()
{
	ip -n "$prefix-$1" -batch - <<-END
		link set lo up
		address add $2/16 dev eth0
		link set eth0 mtu 1472 up
		address add $3/32 dev eth1
		link set eth1 up
		route add $4/32 dev eth1
		neighbour add $4 lladdr $(node_mac 4 "$5") dev eth1 nud permanent
	END
}

# --- agents ----------------------------------------------------------------------------------------------------------

ctl()
{
	local host=$1
	shift
	"$B/ovnetctl" -i "neg-$host" "$@"
}

keys_create()
{
	key_r=$("$B/ovnetctl" key new host "$work/r.key")
	key_s=$("$B/ovnetctl" key new host "$work/s.key")
	authority=$("$B/ovnetctl" key new authority "$work/authority.key")
}

# common_config HOST ANSWERS: what both files have.
common_config()
{
	cat <<-END
	  "instance": "neg-$1",
	  "uplinks": ["uplink0"],
	  "identity": {"host": "$1", "key": "$work/$1.key", "authority": "$authority",
	               "signing_key": "$work/authority.key"},
	  "hosts": [{"name": "r", "locator": "fd00:1:0:1::/64", "key": "$key_r"},
	            {"name": "s", "locator": "fd00:1:0:2::/64", "key": "$key_s"}],
	  "vnets": [{"name": "bench", "vni": 78, "authorization": "negotiated", "answers": "$2"}],
	  "limits": {"sessions": 262144, "sessions_per_port": 65536, "rules": 131072, "questions": 100000},
	  "idle": {"udp": 5},
	END
}

# config_write NAME ANSWERS SERVICES: one kind of both files. On host s are node G and a policy that lets everybody use SERVICES of
# it; host r has the other nodes, and 200 addresses are mapped to host s where there is nobody: what a scan finds.
config_write()
{
	local i comma
	{
		printf '{\n"locator": "fd00:1:0:1::/64",\n'
		common_config r "$2"
		printf '"nodes": ['
		comma=
		for ((i = 1; i <= nodes; i++)); do
			printf '%s{"name": "n%d", "port": "port%d", "vnet": "bench", "address": "10.1.0.%d", "mac": "%s"}' \
				"$comma" $i $i $i "$(node_mac 1 $i)"
			comma=', '
		done
		printf '],\n"mappings": [{"vnet": "bench", "address": "10.1.1.1", "locator": "fd00:1:0:2::/64"}'
		printf ', {"vnet": "bench", "address": "10.1.2.%d", "locator": "fd00:1:0:2::/64"}' $(seq 200)
		printf ']\n}\n'
	} >"$work/r.$1"
	{
		printf '{\n"locator": "fd00:1:0:2::/64",\n'
		common_config s "$2"
		printf '"nodes": [{"name": "G", "port": "port0", "vnet": "bench", "address": "10.1.1.1", "mac": "%s"}],\n' \
			"$(node_mac 1 0)"
		printf '"policies": [{"id": 1, "name": "bench", "vnet": "bench", "peers": "any", "target": "10.1.1.1", '
		printf '"verdict": "allow", "services": [%s]}],\n"mappings": [' "$3"
		comma=
		for ((i = 1; i <= nodes; i++)); do
			printf '%s{"vnet": "bench", "address": "10.1.0.%d", "locator": "fd00:1:0:1::/64"}' "$comma" $i
			comma=', '
		done
		printf ']\n}\n'
	} >"$work/s.$1"
}

# config_use HOST NAME: the agent's file becomes one of that kind, at once.
config_use()
{
	cp "$work/$1.$2" "$work/neg-$1.new"
	mv "$work/neg-$1.new" "$work/neg-$1.json"
}

# reconfigure NAME: both agents read files of that kind.
reconfigure()
{
	local host
	for host in s r; do
		config_use $host "$1"
		ctl $host reload >/dev/null
	done
}

configs_create()
{
	local services='"udp/7", "udp/2000-2999"'
	config_write wide wide "$services"
	config_write exact exact "$services"
	config_write stream wide "$services, \"udp/9\""
}

agents_start()
{
	local host
	for host in r s; do
		config_use $host wide
		start $host "$B/ovnetd" --config "$work/neg-$host.json" >"$work/neg-$host.log" 2>&1
		agents[$host]=$started
	done
	wait_until 20 ports_up r "$nodes" || fail "the agent of host r has not all ports up after 20 s"
	wait_until 20 ports_up s 1 || fail "the agent of host s has no port up after 20 s"
	wait_until 20 hosts_up r || fail "host r does not reach host s"
	wait_until 20 hosts_up s || fail "host s does not reach host r"
}

ports_up()
{
	ctl "$1" -j status | grep -Eq "\"ports_up\":[[:space:]]*$2\b"
}

hosts_up()
{
	ctl "$1" -j mapping list | grep -q '"state"' && ! ctl "$1" -j mapping list | grep -Eq '"state":[[:space:]]*"down"'
}

# A node knows the others by MAC addresses that its host has made up. Every node is told of all that it will send to, so that
# the first packet of a contact is the datagram itself.
neighbours_set()
{
	local space
	neighbours r >"$work/neighbours"
	for space in "${node_spaces[@]}"; do
		grep ' 10\.1\.1\.1 ' "$work/neighbours" | ip -n "$space" -batch -
	done
	ip -n "$prefix-n$nodes" -batch "$work/neighbours"
	neighbours s | ip -n "$prefix-g" -batch -
}

# neighbours HOST: commands for `ip -batch`, one for each mapping to the other host.
neighbours()
{
	ctl "$1" -j mapping list | /usr/bin/python3 -c '
import json, sys
for m in json.load(sys.stdin)["mappings"]:
    if m["where"] == "remote":
        print("neighbour replace", m["address"], "lladdr", m["mac"], "dev eth0 nud permanent")'
}

# Node G as the substrate knows it.
target_address()
{
	ctl r -j mapping list | /usr/bin/python3 -c '
import json, sys
print(next(m["substrate"] for m in json.load(sys.stdin)["mappings"] if m["address"] == "10.1.1.1"))'
}

# rules_used HOST
rules_used()
{
	ctl "$1" -j status | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["rules"]["used"])'
}

# What was negotiated is forgotten, and nodes' passports; keys with the other host stay.
forget()
{
	ctl r rule flush >/dev/null
	ctl s rule flush >/dev/null
}

forget_keys()
{
	ctl r peer flush >/dev/null
	ctl s peer flush >/dev/null
}

# place CPUS: where the agents, the relays, the echo server and the probes run.
place()
{
	local pid
	probe_cpus=$1
	for pid in "${agents[r]}" "${agents[s]}" "${servers[@]}"; do taskset -acp "$1" "$pid" >/dev/null; done
}

servers_start()
{
	start g "$programs/contact" echo 2000-$((1999 + rate_ports))
	start g "$programs/contact" echo 7
	servers=("$started")
	start r "$programs/relay" near 172.16.255.1 9000 fd00:b:1::1 fd00:b:1::2 9001
	servers+=("$started")
	start s "$programs/relay" far 172.16.254.2 7 fd00:b:1::2 fd00:b:1::1 9001
	servers+=("$started")
}

# contact_works ADDRESS PORT: every node gets an answer.
contact_works()
{
	[ "$("$programs/contact" probe --timeout-ms 200 "$1" "$2" "${node_spaces[@]}" | awk '$1 == "lost" { print $2 }')" = 0 ]
}

# --- measures --------------------------------------------------------------------------------------------------------

# probe ARGUMENTS...: one run of contact where place() said.
probe()
{
	taskset -c "$probe_cpus" "$programs/contact" probe "$@"
}

# note COLUMN FIGURE: each probe's time, of what contact printed.
note()
{
	awk -v line="$round $1 $2" '$1 == "rtt" { print line, $2 } $1 == "lost" { while ($2-- > 0) print line, 1000000000 }' \
		>>"$latencies"
}

# in_turn NUMBER ONE OTHER: both functions; which is first changes with the number.
in_turn()
{
	if (($1 % 2)); then
		"$2"
		"$3"
	else
		"$3"
		"$2"
	fi
}

# What a command or an attacker set going is over, or in full swing.
settle()
{
	sleep 0.2
}

# A host lets another in to shake hands 50 times a second: so many handshakes are no cold contacts but a flood.
within_gate()
{
	sleep 0.02
}

contact_relay()
{
	settle
	probe 172.16.255.1 9000 "${clients[@]}" | note relay first_packet
}

contact_negotiated()
{
	forget
	settle
	probe 10.1.1.1 7 "${clients[@]}" | note negotiated first_packet
}

measure_first_packet()
{
	local pass
	place "$all_cpus"
	for ((pass = 1; pass <= first_packet_passes; pass++)); do
		in_turn $((round + pass)) contact_relay contact_negotiated
	done
}

measure_cold()
{
	local i
	place "$cpu"
	for ((i = 0; i < cold_contacts; i++)); do
		forget
		forget_keys
		within_gate
		probe 10.1.1.1 7 "${clients[i % ${#clients[@]}]}" | note cold first_packet
	done
}

# Each key is a question of its own when answers are exact. The rate is that of rules which both kernels have got.
measure_rate()
{
	local before_r before_s granted_r granted_s elapsed
	place "$all_cpus"
	reconfigure exact
	forget
	before_r=$(rules_used r)
	before_s=$(rules_used s)
	"$programs/contact" probe --spacing-us 0 --window 128 --timeout-ms 500 --probes "$rate_ports" \
		--ports "$rate_ports" 10.1.1.1 2000 "${clients[@]:0:rate_nodes}" >"$work/rate"
	granted_r=$(($(rules_used r) - before_r))
	granted_s=$(($(rules_used s) - before_s))
	elapsed=$(awk '$1 == "elapsed_ns" { print $2 / 1e9 }' "$work/rate")
	echo "$round negotiated negotiations_per_s" \
		"$(awk -v r=$granted_r -v s=$granted_s -v t="$elapsed" 'BEGIN { print (r < s ? r : s) / t }')" >>"$samples"
	note rate first_packet <"$work/rate"
	reconfigure wide
}

contact_idle()
{
	forget
	settle
	probe 10.1.1.1 7 "${clients[@]}" | note idle "$measure"
}

# The attacker has a CPU to itself, as it would have at home. It knows the host's public key; half of what it sends has the
# address of the valid peer.
contact_flooded()
{
	local target
	target=$(target_address)
	forget
	unset before
	start r taskset -c "$other_cpu" "$programs/ask_flood" --key "$key_s" --hosts --seconds 60 uplink0 02:00:00:00:02:01 \
		"$target" fd00:1::/32 fd00:1:0:1::/64 >"$work/flood" 2>&1
	wait_until 10 sent r uplink0 100000 || fail "no flood: $(cat "$work/flood")"
	settle
	probe 10.1.1.1 7 "${clients[@]}" | note attacked "$measure"
	! gone "$started" || fail "the flood ended early: $(cat "$work/flood")"
	end_process "$started"
}

# sent SPACE INTERFACE NUMBER: true when so many packets more have left it than at the first call since $before was unset.
sent()
{
	local now
	now=$(inside "$1" cat /proc/net/dev | awk -v name="$2:" '$1 == name { print $11 }')
	[ $((now - ${before:=$now})) -ge "$3" ]
}

# The last node scans, the others are its neighbours.
contact_scanned()
{
	forget
	unset before
	start "n$nodes" taskset -c "$other_cpu" "$programs/scan" --seconds 60 1-65535 10.1.2.1-10.1.2.200 >"$work/scan" 2>&1
	wait_until 10 sent "n$nodes" eth0 100000 || fail "no scan: $(cat "$work/scan")"
	settle
	probe 10.1.1.1 7 "${clients[@]}" | note attacked "$measure"
	! gone "$started" || fail "the scan ended early: $(cat "$work/scan")"
	end_process "$started"
}

measure_ask_flood()
{
	local pass
	place "$cpu"
	for ((pass = 1; pass <= attack_passes; pass++)); do
		in_turn $((round + pass)) contact_idle contact_flooded
	done
}

measure_scan()
{
	local pass
	place "$cpu"
	for ((pass = 1; pass <= attack_passes; pass++)); do
		in_turn $((round + pass)) contact_idle contact_scanned
	done
}

# How many datagrams node G's sockets have got.
datagrams_received()
{
	inside g cat /proc/net/snmp | awk '$1 == "Udp:" && $2 ~ /[0-9]/ { print $2 }'
}

datagrams_reach()
{
	[ "$(datagrams_received)" -ge "$1" ]
}

# From just before the command to the last datagram of a stream of 10,000 a second that was delivered.
revoke()
{
	local sink stream begin last received
	config_use s stream
	ctl s reload >/dev/null
	forget
	received=$(datagrams_received)
	start g "$programs/contact" sink 9 >"$work/sink"
	sink=$started
	start n1 "$programs/contact" probe --spacing-us 100 --probes 20000 --timeout-ms 100 10.1.1.1 9 "$prefix-n1" >"$work/stream"
	stream=$started
	wait_until 3 datagrams_reach $((received + 500)) || fail "the stream is not delivered"
	config_use s wide
	begin=$EPOCHREALTIME
	ctl s reload >/dev/null
	! gone "$stream" || fail "the stream ended before it was revoked"
	wait_until 5 gone "$stream" || fail "the stream does not end"
	end_process "$stream"
	end_process "$sink"
	last=$(awk '$1 == "last_ns" { print $2 }' "$work/sink")
	begin=${begin/[.,]/}000
	echo "$round negotiated revocation $((last > begin ? last - begin : 0))" >>"$latencies"
}

measure_revocation()
{
	local i
	place "$all_cpus"
	for ((i = 0; i < revocations; i++)); do
		revoke
	done
}

# The evaluator alone, without packets: nanoseconds, which would be lost in the microseconds of a first contact.
measure_handle()
{
	echo "$round negotiated handle_decision_ratio $(taskset -c "$cpu" "$programs/handle" ratio)" >>"$samples"
}

# --- main ------------------------------------------------------------------------------------------------------------

[ "$(id -u)" -eq 0 ] || fail "needs root"
for program in contact relay ask_flood scan handle; do
	[ -x "$programs/$program" ] || fail "$programs/$program is missing; make bench builds it"
done
[ "$(nproc)" -ge 2 ] || fail "an attacker needs a CPU of its own, and here is only one"
ulimit -n "$(ulimit -Hn)"
mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
spaces_remove
spaces_create
keys_create
configs_create
agents_start
neighbours_set
servers_start
# Next hops, keys of the hosts and code are warm before anything is measured.
wait_until 10 contact_works 172.16.255.1 9000 || fail "nobody answers over the relays"
wait_until 10 contact_works 10.1.1.1 7 || fail "nobody answers over ovnet"

for ((round = 1; round <= rounds; round++)); do
	echo "negotiation: round $round of $rounds" >&2
	for measure in "${measures[@]}"; do
		[[ " ${only[*]} " != *" $measure "* ]] || "measure_$measure"
	done
done
measure=
