#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What a store has acknowledged outlives kill -9. Each store is killed 100 times under a stream of writes:
#
#   SQLite   the writer, at one operation on a file after the other: before a write, in the middle of it, after it
#   etcd     writers, and members of a cluster of three, at any time; now and then all three at once
#
# Afterwards every acknowledged commit must be in the log, and the log must be a serial history (store_writer.c). Prints
# "figure writes_lost_sqlite 0" and "figure writes_lost_etcd 0".
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
WRITER=${BUILD:-build}/selftests/manager/store_writer
KILLS=${KILLS:-100}
RANDOM=${SEED:-7}
FAILED=0
PIDS=()
# What kill -9 leaves is what the kernel has, whatever the file system; in memory, three members do not wait for one disk.
WORK=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)" ovnet-kill.XXXXXX)
SAID=$WORK/said

clean() {
	local pid
	for pid in "${PIDS[@]}"; do kill -9 "$pid" 2>/dev/null; done
	wait 2>/dev/null
	rm -rf "$WORK"
}
trap clean EXIT
trap 'exit 1' INT TERM

# check WHAT COMMAND...
check() {
	local what=$1
	shift
	if "$@"; then
		echo "ok - $what"
	else
		FAILED=1
		echo "not ok - $what: $(tail -n 3 "$SAID" 2>/dev/null | tr '\n' ' ')"
	fi
}

# verified STORE URL: compares, and prints the figure.
verified() {
	local store=$1 url=$2 status lost broken acknowledged revision
	"$WRITER" verify "$url" "$WORK/$store".acks* >"$WORK/verdict" 2>"$SAID"
	status=$?
	read -r _ lost _ broken _ acknowledged _ revision <"$WORK/verdict"
	echo "figure writes_lost_$store ${lost:-unknown}"
	echo "$store: $acknowledged acknowledged, revision $revision, $broken out of order"
	[ $status -eq 0 ] && [ "${acknowledged:-0}" -ge "$KILLS" ]
}

# ---- SQLite

sqlite_kills() {
	local point killed=0 status url="sqlite:$WORK/store.db"
	for ((i = 1; i <= KILLS; i++)); do
		# Every point of the first commits and their preparation, then points further on, checkpoints among them.
		point=$((i <= KILLS / 2 ? i : i * i / 4))
		STORE_KILL_POINT=$point "$WRITER" write "$url" "$WORK/sqlite.acks" 20 2>>"$SAID"
		status=$?
		[ $status -eq 137 ] && killed=$((killed + 1))
	done 2>/dev/null
	[ $killed -eq "$KILLS" ]
}

# ---- etcd

# member N: starts it, again or for the first time.
member() {
	local n=$1
	etcd --name "m$n" --data-dir "$WORK/m$n" --heartbeat-interval 20 --election-timeout 200 --snapshot-count 5000 \
		--listen-client-urls "http://127.0.0.1:${CLIENT[$n]}" --advertise-client-urls "http://127.0.0.1:${CLIENT[$n]}" \
		--listen-peer-urls "http://127.0.0.1:${PEER[$n]}" --initial-advertise-peer-urls "http://127.0.0.1:${PEER[$n]}" \
		--initial-cluster "m0=http://127.0.0.1:${PEER[0]},m1=http://127.0.0.1:${PEER[1]},m2=http://127.0.0.1:${PEER[2]}" \
		>>"$WORK/m$n.log" 2>&1 &
	PIDS[n]=$!
}

# writer N
writer() {
	"$WRITER" write "$URL" "$WORK/etcd.acks$1" 100 2>>"$SAID" &
	PIDS[3 + $1]=$!
}

# end I: kills what PIDS[I] is, and waits until it is gone.
end() {
	kill -9 "${PIDS[$1]}" 2>/dev/null && KILLED=$((KILLED + 1))
	wait "${PIDS[$1]}" 2>/dev/null
}

acknowledged() {
	cat "$WORK"/etcd.acks* 2>/dev/null | wc -l
}

# Waits until more than $1 commits were acknowledged: there is a leader, and it is written to.
progress() {
	local bound=$((SECONDS + 20))
	while [ "$(acknowledged)" -le "$1" ]; do
		[ $SECONDS -lt $bound ] || return 1
		sleep 0.02
	done
}

etcd_kills() {
	local n which
	KILLED=0
	for n in 0 1 2; do member $n; done
	for n in 0 1 2; do writer $n; done
	progress 20 || return 1
	while [ $KILLED -lt "$KILLS" ]; do
		which=$((RANDOM % 20))
		n=$((RANDOM % 3))
		if [ $which -eq 0 ]; then
			for n in 0 1 2; do end $n; done
			for n in 0 1 2; do member $n; done
		elif [ $which -lt 10 ]; then
			end $n
			member $n
		else
			end $((3 + n))
			writer $n
		fi
		progress "$(acknowledged)" || return 1
		sleep 0.0$((RANDOM % 10))
	done
	for n in 0 1 2; do end $((3 + n)); done
	[ $KILLED -ge "$KILLS" ]
} 2>/dev/null

: >"$SAID"
check "a writer of SQLite is killed $KILLS times" sqlite_kills
check "what SQLite acknowledged is there, in a serial history" verified sqlite "sqlite:$WORK/store.db"
if [ ! -x /usr/bin/etcd ]; then
	echo "skip - what etcd acknowledged is there: there is no /usr/bin/etcd"
	exit $FAILED
fi
mapfile -t PORTS < <(/usr/bin/python3 -c '
import socket
held = [socket.socket() for _ in range(6)]
for each in held:
    each.bind(("127.0.0.1", 0))
    print(each.getsockname()[1])')
CLIENT=("${PORTS[@]:0:3}") PEER=("${PORTS[@]:3:3}")
URL=etcd:http://127.0.0.1:${CLIENT[0]},http://127.0.0.1:${CLIENT[1]},http://127.0.0.1:${CLIENT[2]}/test/
check "writers and members of etcd are killed $KILLS times" etcd_kills
check "what etcd acknowledged is there, in a serial history" verified etcd "$URL"
exit $FAILED
