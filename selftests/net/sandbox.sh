#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The units' sandboxes: what they leave suffices, for a start, a restart over what is in the kernel, a reload and an end; one capability
# less does not. And what is said to who started us. No systemd runs here: confine.py does what the units say.
#
#   A 10.0.0.2 (veth), B 10.0.0.4 (tap) --- HOST 1 up0 --- ROUTER --- up0 HOST 2 --- G 10.0.0.3       in vnet Z
# shellcheck source=selftests/net/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/net/fleet.sh
. "$(dirname "$0")/fleet.sh"

A=10.0.0.2 B=10.0.0.4 G=10.0.0.3
VNETS='"vnets": [{"name": "Z", "vni": 77, "authorization": "negotiated"}]'
POLICIES=$(list policies "$(policy 1 Z any allow "icmp/echo" any)")
UNIT=$TOP/packaging/ovnetd.service
MANAGER=$TOP/packaging/ovnet-manager.service

# confined UNIT ARGUMENTS... COMMAND...: as in confine.py.
confined() {
	$PYTHON "$HERE/confine.py" "$@"
}

# confined_start [ARGUMENTS...]: agent 1 in its unit's sandbox.
confined_start() {
	nsenter --net="/run/netns/$NET-h1" -- env NOTIFY_SOCKET="$WORK/notify" WATCHDOG_USEC=400000 \
		$PYTHON "$HERE/confine.py" "$UNIT" "$@" "$BIN/ovnetd" --config "$WORK/$NET-h1.json" >>"$WORK/h1.log" 2>&1 &
	AGENT_h1=$!
	NET_PIDS+=($!)
}

answers() {
	wait_for 10 "ovnetd answers" ctl h1 status
}

# Does the agent give its nodes a network, without one of its capabilities? Whatever it cannot do ends it, or leaves ports closed.
works_without() {
	local result=0
	: >"$WORK/h1.log"
	confined_start --without "$1"
	wait_for 3 "both nodes" ctl_holds h1 "d['ports_up'] == 2" status 2>/dev/null || result=1
	[ $result -ne 0 ] || net_in nA ping -c 1 -W 2 $G || result=1
	agent_stop h1
	return $result
}

# inside COMMAND...: in the agent's sandbox.
inside() {
	confined "$UNIT" /bin/sh -c "$1"
}

# hears WORD...: who started the agent was told these, in this order.
hears() {
	$PYTHON - "$WORK/heard" "$@" <<-'END'
		import sys
		said = [line.strip() for line in open(sys.argv[1])]
		for word in sys.argv[2:]:
		    if word not in said:
		        sys.exit("%s was not said, or too early: %s" % (word, said[-10:]))
		    said = said[said.index(word) + 1:]
	END
}

listens_for_word() {
	$PYTHON -u -c '
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    print(s.recv(4096).decode().split("\n")[0], flush=True)' "$WORK/notify" >>"$WORK/heard" &
	NET_PIDS+=($!)
	wait_for 5 "a socket for word" test -S "$WORK/notify"
}

if ! $PYTHON -c 'import seccomp' 2>/dev/null || ! command -v systemd-analyze >/dev/null; then
	skip "sandboxes" "python3-seccomp or systemd-analyze is missing"
	exit 0
fi

# unit_is_right UNIT: but for programs and manuals that are not installed where it looks for them.
unit_is_right() {
	! systemd-analyze verify "$1" 2>&1 | grep -v "is not executable: No such file\|Command 'man \|^$"
}

for unit in ovnetd.service ovnetd@.service ovnet-manager.service; do
	check "systemd finds nothing in $unit" unit_is_right "$TOP/packaging/$unit"
	check "... and takes it for safe (at most 3.0)" eval "systemd-analyze security --offline=true --threshold=30 \
		--no-pager '$TOP/packaging/$unit'"
done
check "units of the agent differ in names only" eval "diff <(sed '/^#/d' '$TOP/packaging/ovnetd.service') \
	<(sed '/^#/d;s/, instance %i$//;s/%i.json$/ovnet.json/' '$TOP/packaging/ovnetd@.service')"

must "a substrate of two hosts" substrate 2
node A h1 $A 02:00:00:00:00:0a
node_tap B h1 $B 02:00:00:00:00:0b
node G h2 $G 02:00:00:00:00:0c
must "keys" fleet 2
must "a socket for word" listens_for_word
mkdir -p /run/ovnet
fleet_config h1 '"metrics": "127.0.0.1:9191"' "$VNETS" \
	"$(list nodes "$(member A Z $A 02:00:00:00:00:0a)" "$(member B Z $B 02:00:00:00:00:0b)")" \
	"$(list mappings "$(where G Z $G 2)")" "$POLICIES"
cp "$WORK/$NET-h1.json" "$WORK/$NET-h1.first"
NET_INSTANCES+=("h1=$NET-h1")
must "agent 2" fleet_agent h2 "$VNETS" "$(list nodes "$(member G Z $G 02:00:00:00:00:0c)")" \
	"$(list mappings "$(where A Z $A 1)" "$(where B Z $B 1)")" "$POLICIES"

confined_start
check "the agent starts in its sandbox" answers
check "both nodes are online" wait_for 5 "both nodes" ctl_holds h1 "d['ports_up'] == 2" status
must "hosts see each other" wait_for 10 "next hops" eval 'hosts_reachable h1 && hosts_reachable h2'
check "what waits for a verdict gets through, from a veth" net_in nA ping -c 2 -i 0.1 -W 2 $G
check "... and from a tap" net_in nB ping -c 2 -i 0.1 -W 2 $G
check "figures are served" eval 'net_in h1 curl -sS http://127.0.0.1:9191/metrics | $PYTHON "$HERE/exposition.py" check'
check "it holds the capabilities of the unit and no other" eval '[ $((0x$(awk "/^CapEff/ { print \$2 }" /proc/$AGENT_h1/status))) -eq \
	$((1 << 12 | 1 << 13 | 1 << 38 | 1 << 39)) ] && grep -q "NoNewPrivs:.1" /proc/$AGENT_h1/status'
check "it was said that it is ready, and that it turns" wait_for 5 "word" hears READY=1 WATCHDOG=1 WATCHDOG=1
kill -HUP "$AGENT_h1"
check "a reload is said, and its end" wait_for 5 "word" hears READY=1 RELOADING=1 READY=1
echo '{' >"$WORK/$NET-h1.json"
check_not "one that is refused" ctl h1 reload
check "... leaves it ready" wait_for 5 "word" hears RELOADING=1 READY=1 RELOADING=1 READY=1
cp "$WORK/$NET-h1.first" "$WORK/$NET-h1.json"
agent_stop h1
check "an end is said" hears RELOADING=1 STOPPING=1
check "what was admitted goes on" net_in nA ping -c 2 -i 0.1 -W 2 $G
confined_start
check "another one takes over what is in the kernel" answers
check "... with its nodes" wait_for 5 "both nodes" ctl_holds h1 "d['ports_up'] == 2" status
check "... and takes it out" eval 'ctl h1 stop detach && wait_for 5 "an end" fails test -e "/sys/fs/bpf/ovnet/$NET-h1"'
wait "$AGENT_h1"

for capability in CAP_NET_ADMIN CAP_BPF CAP_PERFMON CAP_NET_RAW; do
	check_not "not without $capability" works_without $capability
	net_in h1 "$BIN/ovnetd" --config "$WORK/$NET-h1.json" --remove >/dev/null 2>&1
done

check "its own places can be written" inside "touch /run/ovnet/$NET-written && rm /run/ovnet/$NET-written && mkdir /sys/fs/bpf/$NET && rmdir /sys/fs/bpf/$NET"
check_not "others cannot: files" inside "touch $WORK/written"
check_not "... the kernel's settings" inside "echo 0 >/proc/sys/kernel/randomize_va_space"
check_not "... but those of IPv6" inside "echo 1 >/proc/sys/net/ipv4/ip_forward"
check_not "homes are not seen" inside "ls /root"
check_not "no mounts" inside "mount -t tmpfs tmpfs /mnt"
check_not "no namespaces" inside "unshare --user true"
check_not "no other sockets" inside "$PYTHON -c 'import socket; socket.socket(socket.AF_VSOCK)'"
check_not "no code that was written" inside "$PYTHON -c 'import mmap; mmap.mmap(-1, 4096, prot=7)'"
check "... though a map without that is had" inside "$PYTHON -c 'import mmap; mmap.mmap(-1, 4096, prot=3)'"

# ---- the manager

# As nobody, with no capability, in its own directory.
manager_start() {
	mkdir -p "$WORK/state" "$WORK/socket" && chown nobody "$WORK/state" "$WORK/socket" && chmod 700 "$WORK/state" && chmod 755 "$WORK"
	NOTIFY_SOCKET="$WORK/notify" $PYTHON "$HERE/confine.py" "$MANAGER" --as nobody --instead "ReadWritePaths=$WORK/state $WORK/socket" \
		"$BIN/ovnet-manager" --directory "$WORK/state" --socket "$WORK/socket/s" --listen '[::1]:0' >"$WORK/manager.log" 2>&1 &
	MANAGER_PID=$!
	NET_PIDS+=($!)
}

manager_answers() {
	wait_for 10 "the manager answers" curl -sf --unix-socket "$WORK/socket/s" http://manager/healthz || { cat "$WORK/manager.log"; return 1; }
}

chmod 777 "$WORK/notify"
: >"$WORK/heard"
manager_start
check "the manager serves in its sandbox" manager_answers
check "... and says so" wait_for 5 "word" hears READY=1
check "... a change is kept" curl -sf --unix-socket "$WORK/socket/s" -H 'Content-Type: application/json' -d '{"name":"acme"}' http://manager/v1/accounts
check "... it has no capability" grep -q 'CapEff:.0000000000000000' "/proc/$MANAGER_PID/status"
net_kill "$MANAGER_PID"
check "... and says that it ends" hears READY=1 STOPPING=1
