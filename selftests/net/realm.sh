# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Hosts that have a manager; sourced after lib.sh. The manager runs in the router's namespace, as elsewhere on the network, and hosts reach
# it by TLS.

MANAGER_URL="https://[fd00:ffff:0:1::1]:6191"

# manager [ARGUMENTS...]: starts it and waits until it answers.
manager() {
	[ -d "$WORK/manager" ] || mkdir -m 700 "$WORK/manager"
	nsenter --net="/run/netns/$NET-r" -- "$BIN/ovnet-manager" -D "$WORK/manager" -s "$WORK/manager.sock" -l "[::]:6191" \
		--name fd00:ffff:0:1::1 "$@" >>"$WORK/manager.log" 2>&1 &
	MANAGER=$!
	NET_PIDS+=($!)
	wait_for 10 "the manager answers" api GET /v1/status || { cat "$WORK/manager.log" >&2; return 1; }
}

manager_stop() {
	kill "-${1:-TERM}" "$MANAGER" 2>/dev/null
	wait "$MANAGER" 2>/dev/null
	return 0
}

# api METHOD PATH [BODY [CURL-ARGUMENTS...]]: as an operator; prints the answer, and fails when the status is not of success.
api() {
	local method=$1 path=$2 body=${3:-}
	shift $(($# < 3 ? $# : 3))
	curl -s -S --fail-with-body --max-time 40 --unix-socket "$WORK/manager.sock" -X "$method" -H 'If-Match: *' \
		${body:+-d "$body"} "$@" "http://manager$path"
}

# api_holds EXPRESSION METHOD PATH...: holds() of the answer.
api_holds() {
	local expression=$1
	shift
	api "$@" | holds "$expression"
}

# host_add NUMBER: a host that may join, with its token.
host_add() {
	api POST /v1/hosts "{\"name\": \"h$1\", \"locator\": \"fd00:1:0:$1::/64\"}" >/dev/null &&
		api POST /v1/tokens "{\"name\": \"join-h$1\", \"role\": \"join\", \"host\": \"h$1\"}" | $PYTHON -c '
import json, sys
print(json.load(sys.stdin)["secret"])' >"$WORK/h$1.token"
}

# host_start HOST: its agent, with a file that says where the manager is.
host_start() {
	local host=$1 instance=$NET-$1
	cat >"$WORK/$instance.json" <<-JSON
		{"instance": "$instance", "uplinks": ["up0"],
		 "manager": {"url": "$MANAGER_URL", "authority": "$WORK/manager/ca.pem", "token": "$WORK/$host.token",
		             "directory": "$WORK/state"}}
	JSON
	cp "$WORK/$instance.json" "$WORK/$instance.first"
	[[ " ${NET_INSTANCES[*]} " == *" $host=$instance "* ]] || NET_INSTANCES+=("$host=$instance")
	agent_start "$host"
}

# node_add NAME HOST MAC [MEMBERS]: a node of account acme in vnet Z.
node_add() {
	api POST /v1/nodes "{\"name\": \"acme/$1\", \"vnet\": \"Z\", \"host\": \"$2\", \"port\": \"p$1\", \"mac\": \"$3\"${4:+, $4}}" >/dev/null
}

# live [SECONDS]: what was written is in force on every agent that it concerns.
live() {
	api_holds "d['live']" GET "/v1/wait?timeout=${1:-10}"
}
