#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# ovnetctl and a manager, as a network engineer uses them: over the unix socket and over TLS, every command that asks the manager,
# the shapes of -j, exit statuses, refusals, contexts, completion, reasons in the log, dry runs, waiting, and where secrets are not.
#
#   ovnetctl ──── unix:DIR/sock (root: operator) ────┐
#   ovnetctl ──── https://[::1]:PORT, ca.pem, token ─┴─ ovnet-manager ── DIR/manager.db
#
# shellcheck disable=SC2016  # what is in single quotes is jq's or python's
set -u
export LC_ALL=C TZ=UTC
cd "$(dirname "$0")/../.." || exit 1
B=${BIN:-${BUILD:-build}}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/ovnet-cli.XXXXXX")
export HOME=$WORK/home
unset XDG_CONFIG_HOME OVNET_URL OVNET_TOKEN OVNET_CA OVNET_INSTANCE NO_COLOR
mkdir -p "$HOME"
FAILED=0
PIDS=()

clean() {
	local pid
	for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null; done
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
		echo "not ok - $what"
		printf '    out: %s\n    err: %s\n' "$(head -c 600 "$WORK/out")" "$(head -c 600 "$WORK/err")"
	fi
}

# ctl WORDS...: what it writes is in out and err, its status is $?.
ctl() { "$B/ovnetctl" "$@" >"$WORK/out" 2>"$WORK/err"; }

# does STATUS WORDS...
does() {
	local expected=$1 status
	shift
	ctl "$@"
	status=$?
	[ $status -eq "$expected" ] || { echo "    ovnetctl $*: status $status"; return 1; }
}

out_has() { grep -qF -e "$1" "$WORK/out"; }
err_has() { grep -qF -e "$1" "$WORK/err"; }

# json EXPRESSION: of the output, as `x`, in Python.
json() {
	python3 -c 'import json, sys
x = json.load(open(sys.argv[1]))
sys.exit(0 if eval(sys.argv[2]) else 1)' "$WORK/out" "$1" 2>>"$WORK/err" || { echo "    not: $1"; return 1; }
}

# until COMMAND...: at most 20 seconds.
until_true() {
	local bound=$((SECONDS + 20))
	until "$@"; do
		[ $SECONDS -lt $bound ] || return 1
		sleep 0.05
	done
}

manager() {
	"$B/ovnet-manager" -D "$WORK/dir" -s "$WORK/sock" -l "[::1]:$PORT" 2>>"$WORK/log" &
	PIDS[0]=$!
	until_true grep -qs 'ready at revision' "$WORK/log" && until_true [ -s "$WORK/dir/operator.token" ]
}

PORT=$(python3 -c 'import socket
held = socket.socket(socket.AF_INET6)
held.bind(("::1", 0))
print(held.getsockname()[1])')
mkdir -m 700 "$WORK/dir"
if ! manager; then
	echo "not ok - the manager starts"
	cat "$WORK/log"
	exit 1
fi
TOKEN=$WORK/dir/operator.token CA=$WORK/dir/ca.pem SECRET=$(cat "$WORK/dir/operator.token")
export OVNET_URL=unix:$WORK/sock

# ---- places

over_tls() { does 0 -u "https://[::1]:$PORT" --ca "$CA" --token-file "$TOKEN" -j manager status && json 'x["who"] == "system/operator" and x["role"] == "operator"'; }
over_socket() { does 0 -j manager status && json 'x["who"] == "system/local" and x["objects"]["accounts"] == 1'; }
no_trust() { does 1 -u "https://[::1]:$PORT" --token-file "$TOKEN" manager status && err_has "its certificate is not trusted"; }
wrong_ca() { does 1 -u "https://[::1]:$PORT" --ca "$TOKEN" --token-file "$TOKEN" manager status && err_has "ovnetctl: manager at https://[::1]:$PORT: "; }
no_token() { does 1 -u "https://[::1]:$PORT" --ca "$CA" manager status && err_has "does not know who asks: name a token"; }
bad_token() {
	echo ovt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA >"$WORK/bad"
	does 1 -u "https://[::1]:$PORT" --ca "$CA" --token-file "$WORK/bad" manager status && err_has "does not know the token"
}
by_environment() { OVNET_URL="https://[::1]:$PORT" OVNET_CA=$CA OVNET_TOKEN=$SECRET does 0 -j manager status && json 'x["who"] == "system/operator"'; }
nobody() { does 1 -u http://127.0.0.1:1 node list && err_has "nobody can be reached there"; }

# An address that takes connections and says nothing.
silence() {
	python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(8)
time.sleep(60)' "$WORK/mute" &
	PIDS[1]=$!
	until_true [ -S "$WORK/mute" ] || return 1
	local start=$SECONDS
	"$B/ovnetctl" -u "unix:$WORK/mute" complete node show a >"$WORK/out" 2>"$WORK/err"
	OVNET_URL=unix:$WORK/mute "$B/ovnetctl" complete node show a >"$WORK/out" 2>"$WORK/err"
	[ $((SECONDS - start)) -le 5 ] && [ ! -s "$WORK/out" ]
}

check "a manager is asked over its socket" over_socket
check "and over TLS, with CA and token" over_tls
check "and as the environment says" by_environment
check "a certificate that nobody vouches for is refused" no_trust
check "so is one that the CA given does not vouch for" wrong_ca
check "without a token one is told how to name one" no_token
check "a token that is not good is told" bad_token
check "where nobody listens is told" nobody
check "completion does not wait for a manager that is silent" silence

# ---- contexts

contexts() {
	(
		unset OVNET_URL
		does 0 context set tls url "https://[::1]:$PORT" token-file "$TOKEN" ca "$CA" &&
			does 0 context set sock url "unix:$WORK/sock" && does 0 -j context list &&
			json '[(c["name"], c["current"], c["token"]) for c in x["contexts"]] == [("tls", True, True), ("sock", False, False)]' &&
			! grep -qF "$SECRET" "$WORK/out" && does 0 context show && ! grep -qF "$SECRET" "$WORK/out" &&
			does 0 -j manager status && json 'x["who"] == "system/operator"' &&
			does 0 -j -c sock manager status && json 'x["who"] == "system/local"' &&
			does 0 context use sock && does 0 -j manager status && json 'x["who"] == "system/local"' &&
			does 2 -c nix manager status && does 2 context delete nix && does 0 context delete tls
	)
}
mode() { [ "$(stat -c %a "$HOME/.config/ovnet/context.json")" = 600 ]; }
exposed() {
	chmod 644 "$HOME/.config/ovnet/context.json"
	(unset OVNET_URL; does 1 manager status) && err_has "others than its owner may read it" && chmod 600 "$HOME/.config/ovnet/context.json"
}
check "contexts are set, listed, shown without tokens, used and deleted" contexts
check "their file is its owner's only" mode
check "and refused when others may read it" exposed

# ---- objects

create() {
	does 0 account create acme note "from the test" --why "a customer" && does 0 vnet create acme/Z subnet 10.0.0.0/24 &&
		does 0 host create h1 locator fd00:1:0:1::/64 && does 0 host create h2 locator fd00:1:0:2::/64 &&
		does 0 group create acme/web && does 0 group create acme/all groups web match 'name=w*' &&
		does 0 security_group create acme/ssh && does 0 handle create acme/office entries 192.0.2.0/24,192.0.3.1 &&
		does 0 -j node create acme/web1 vnet Z host h1 port p0 mac 02:00:00:00:00:01 groups web &&
		json 'x["kind"] == "node" and x["name"] == "acme/web1" and x["vnet"] == "acme/Z" and x["groups"] == ["acme/web"] and x["address"] == "10.0.0.1" and x["revision"] > 1' &&
		does 0 node create acme/web2 vnet Z host h2 port p0 mac 02:00:00:00:00:02 &&
		does 0 address create acme/vip vnet Z address 10.0.0.100 node web2 &&
		does 0 policy create acme/in vnet Z target group:web peers node:web2,handle:office services https,icmp/echo verdict allow
}
show() { does 0 policy show acme/in && out_has "peers     node:acme/web2,handle:acme/office" && does 0 -j policy show acme/in && json 'x["peers"] == ["node:acme/web2", "handle:acme/office"] and x["services"] == ["https", "icmp/echo"]'; }
set_fields() {
	does 0 -j node set acme/web2 note 'second one' groups web slot 3 && json 'x["note"] == "second one" and x["slot"] == 3' &&
		does 0 -j node set acme/web2 note none slot none && json '"note" not in x and "slot" not in x and x["groups"] == ["acme/web"]'
}
lists() {
	does 0 -j node list && json 'x["total"] == 2 and [o["name"] for o in x["objects"]] == ["acme/web1", "acme/web2"]' &&
		does 0 -j node list host h2 && json '[o["name"] for o in x["objects"]] == ["acme/web2"]' &&
		does 0 -j node list group acme/web name '*1' && json 'len(x["objects"]) == 1' &&
		does 0 -j node list account nobody && json 'x["objects"] == []' && does 0 node list vnet acme/Z && out_has "NAME       VNET    HOST"
}
refused() {
	does 1 node create acme/bad vnet Y host h9 port p0 mac 02:00:00:00:00:01 && err_has "vnet: " && err_has "host: " && [ "$(wc -l <"$WORK/err")" -ge 3 ]
}
absent() { does 1 node show acme/nix && err_has "there is no node acme/nix" && does 1 node set acme/nix note x && does 1 node delete acme/nix; }
dry() {
	does 0 -j node set acme/web1 note dry --dry-run && json 'x["dry_run"] and x["changes"][0]["fields"]["note"] == {"after": "dry"}' &&
		does 0 -j node delete acme/web1 --dry-run && json 'x["changes"][0]["action"] == "delete"' &&
		does 0 -j node create acme/web9 vnet Z host h1 port p9 mac 02:00:00:00:00:09 --dry-run && json 'x["dry_run"]' &&
		does 0 -j node list && json 'x["total"] == 2 and "note" not in x["objects"][0]'
}
why() {
	does 0 node set acme/web1 note why --why "ticket 4711" && does 0 -j log limit 1 &&
		json 'len(x["items"]) == 1 and x["items"][0]["why"] == "ticket 4711" and x["items"][0]["who"] == "system/local" and x["items"][0]["writes"] == [{"key": "node/acme/web1", "deleted": False}]'
}
deletes() { does 1 vnet delete acme/Z && does 0 -j address delete acme/vip --why gone && json 'x["revision"] > 1' && does 0 -j address list && json 'x["total"] == 0'; }

check "objects of every kind are created" create
check "shown, as text and as JSON" show
check "changed, and fields cleared" set_fields
check "listed, with filters" lists
check "what is wrong is told all at once, a line each" refused
check "what is not there is told" absent
check "a dry run changes nothing" dry
check "a reason is in the log" why
check "objects are deleted, but not those that others name" deletes

# ---- changes that meet

# Two at a time: those that lose are told, and nothing is lost.
meeting() {
	local i pids=() lost=0
	for i in 1 2 3 4 5 6; do
		"$B/ovnetctl" group set acme/web note "n$i" >/dev/null 2>"$WORK/meet$i" &
		pids+=($!)
	done
	for i in 1 2 3 4 5 6; do
		wait "${pids[i - 1]}" && continue
		grep -q "changed by somebody else meanwhile" "$WORK/meet$i" || return 1
		lost=$((lost + 1))
	done
	[ $lost -lt 6 ]
}
check "of changes that meet none is lost unnoticed" meeting

# ---- many objects

many() {
	python3 -c 'import json
print(json.dumps({"objects": [{"kind": "node", "name": f"acme/n{i}", "vnet": "Z", "host": "h1", "port": f"q{i}",
    "mac": f"02:00:00:01:{i // 256:02x}:{i % 256:02x}", "address": f"10.0.{i // 200 + 0}.{i % 200 + 20}"} for i in range(180)]
  + [{"kind": "handle", "name": f"acme/set{i:04}", "entries": ["192.0.2.1"]} for i in range(2500)]}))' >"$WORK/many.json"
	does 0 -j apply -f "$WORK/many.json" dry_run && json 'x["dry_run"] and len(x["changes"]) == 2680' &&
		does 0 -j apply -f "$WORK/many.json" --why "all at once" && json 'not x["dry_run"] and len(x["changes"]) == 2680' &&
		does 0 -j apply -f - --dry-run <"$WORK/many.json" && json 'x["changes"] == []' &&
		does 0 -j handle list && json 'x["total"] == 2501 and len(x["objects"]) == 2501 and len({o["name"] for o in x["objects"]}) == 2501 and "next" not in x'
}
apply_refused() {
	echo '{"objects": [{"kind": "node", "name": "acme/a"}, {"kind": "group", "name": "acme/b", "sorts": 1}]}' >"$WORK/wrong.json"
	does 1 apply -f "$WORK/wrong.json" && err_has "objects[0].vnet: " && err_has "objects[1].sorts: " && does 1 group show acme/b
}
round() {
	does 0 export && cp "$WORK/out" "$WORK/all.json" && does 0 -j apply -f "$WORK/all.json" prune --dry-run && json 'x["changes"] == []' &&
		does 0 -j export account acme && json '{o["kind"] for o in x["objects"]} >= {"account", "node"} and all(o["kind"] not in ("host", "token") for o in x["objects"])' &&
		does 0 group delete acme/all && does 0 -j apply -f "$WORK/all.json" prune && json '[(c["action"], c["name"]) for c in x["changes"]] == [("create", "acme/all")]'
}
one() { echo '[{"kind": "group", "name": "acme/fromlist"}]' | "$B/ovnetctl" -j apply -f - >"$WORK/out" 2>"$WORK/err" && json 'len(x["changes"]) == 1'; }
check "thousands of objects are applied at once, and listed over all pages" many
check "findings of apply have the path of the value" apply_refused
check "what is exported can be applied, also with prune" round
check "a list of objects is taken too" one

# ---- versions, log, events, backup, wait

versions() {
	does 0 handle set acme/office entries 192.0.2.7 && does 0 -j handle versions acme/office && json '[v["version"] for v in x["items"]] == [2, 1]' &&
		does 0 -j handle restore acme/office version 1 --why "was better" && json 'x["version"] == 3 and len(x["entries"]) == 2' &&
		does 0 -j log limit 1 && json 'x["items"][0]["why"] == "restores version 1: was better"' && does 1 handle restore acme/office version 77
}
log() {
	does 0 -j log after 1 limit 2 && json '[i["revision"] for i in x["items"]] == [2, 3] and x["after"] == 3' &&
		does 0 -j log key node/acme/web1 && json 'len(x["items"]) == 2 and all(w["key"] == "node/acme/web1" for i in x["items"] for w in i["writes"])' &&
		does 0 log limit 3 && [ "$(wc -l <"$WORK/out")" -eq 4 ]
}
events() {
	local pid
	"$B/ovnetctl" -j events count 2 >"$WORK/events" 2>"$WORK/err" &
	pid=$!
	# Whether it watches already is seen by what it writes: until then, changes are made.
	local i=0
	while kill -0 $pid 2>/dev/null && [ $i -lt 200 ]; do
		i=$((i + 1))
		ctl group set acme/web note "event $i" --why watched
		sleep 0.05
	done
	wait $pid || return 1
	head -n 1 "$WORK/events" >"$WORK/out"
	[ "$(wc -l <"$WORK/events")" -eq 2 ] && json 'x["event"] == "change" and x["why"] == "watched" and x["changes"] == [{"action": "set", "kind": "group", "name": "acme/web"}]'
}
backup() {
	does 0 -j backup "$WORK/copy" && json 'x["revision"] > 10 and x["octets"] > 1000' && [ "$(stat -c %a "$WORK/copy")" = 600 ] &&
		[ "$(stat -c %s "$WORK/copy")" -eq "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["octets"])' "$WORK/out")" ] &&
		mkdir -m 700 "$WORK/dir2" && "$B/ovnet-manager" -D "$WORK/dir2" --restore "$WORK/copy" >"$WORK/out" 2>"$WORK/err" && out_has "restored to revision" &&
		does 1 backup "$WORK/none/copy"
}
waits() {
	does 0 -j wait && json 'x["live"] and x["late"] == [] and "took_ms" in x' && does 0 wait timeout 1 && out_has "live         yes" &&
		does 1 -j wait revision 999999 timeout 1 && json 'not x["live"]'
}
check "versions of a handle are listed and restored" versions
check "the log is paged, filtered, and its newest part shown" log
check "events are shown as they happen" events
check "a backup is whole, its owner's, and can be restored" backup
check "wait says whether a revision is live, and fails when it is not" waits

# ---- explaining

explains() {
	does 0 explain acme/web2 acme/web1 tcp 443 -m && out_has ": allow." && out_has "by policy 1 'acme/in', which names the other end by address" &&
		does 0 -j explain acme/web2 acme/web1 tcp 22 && json 'x["verdict"] == "deny" and x["desired"]["destination"]["by"] == "default" and x["source"]["host"] == "h2" and len(x["summary"]) == 6' &&
		does 0 -j explain 10.0.0.2 10.0.0.1 icmp vnet acme/Z && json 'x["verdict"] == "allow" and x["port"] == 8' &&
		does 1 explain acme/web2 acme/web1 tcp && err_has "port: " && does 1 explain acme/nix acme/web1 tcp 1 && does 1 -i nix explain a b tcp 1 && err_has "is not running"
}
# Of another account one learns only whether it goes.
foreign() {
	does 0 account create rival && does 0 vnet set acme/Z members rival && does 0 node create rival/r vnet acme/Z host h2 port pr mac 02:00:00:00:02:01 &&
		does 0 token create rival/v role viewer secret-file "$WORK/rival" &&
		does 0 -u "https://[::1]:$PORT" --ca "$CA" --token-file "$WORK/rival" -j explain r 10.0.0.1 tcp 443 &&
		json 'x["verdict"] == "deny" and x["source"]["name"] == "rival/r" and x["destination"] == {"name": None, "address": "10.0.0.1", "host": None, "groups": None}' &&
		does 1 -u "https://[::1]:$PORT" --ca "$CA" --token-file "$WORK/rival" explain 10.0.0.2 10.0.0.1 tcp 443 vnet acme/Z &&
		does 1 -u "https://[::1]:$PORT" --ca "$CA" --token-file "$WORK/rival" explain acme/web2 acme/web1 tcp 443
}
check "the manager explains what policies say" explains
check "and tells nobody of somebody else's nodes" foreign

# ---- tokens, roles, hosts that join

tokens() {
	does 0 -j token create acme/editor role editor && json 'x["secret"].startswith("ovt_") and "hash" not in x' &&
		does 0 -j token show acme/editor && json '"secret" not in x' &&
		does 0 -j token create acme/viewer role viewer secret-file "$WORK/viewer" && json '"secret" not in x and x["secret_file"].endswith("viewer")' &&
		[ "$(stat -c %a "$WORK/viewer")" = 600 ] && does 1 token create acme/other role viewer secret-file "$WORK/viewer" && err_has "is there already" && does 1 token show acme/other
}
viewer() {
	local as=(-u "https://[::1]:$PORT" --ca "$CA" --token-file "$WORK/viewer")
	does 0 "${as[@]}" -j node show web1 && json 'x["name"] == "acme/web1"' && does 1 "${as[@]}" node set web1 note x && does 1 "${as[@]}" backup "$WORK/no" &&
		[ ! -e "$WORK/no" ] && does 0 "${as[@]}" -j manager status && json '"agents" not in x and x["account"] == "acme"'
}
# What the agent's first start does with the token, in the agent's place.
joins() {
	does 0 -j -u "https://[::1]:$PORT" --ca "$CA" --token-file "$TOKEN" host join-token h1 secret-file "$WORK/h1.token" --why joins &&
		json 'x["host"] == "h1" and x["expires"] > 0 and x["manager"]["url"].startswith("https://[::1]:") and "token" in x["manager"] and "secret" not in x' &&
		does 0 host join-token h1 lifetime 60 && out_has '{"url":"https://MANAGER:6191",' || return 1
	"$B/ovnetctl" key new host "$WORK/h1.key" >"$WORK/public"
	printf 'Authorization: Bearer %s\n' "$(cat "$WORK/h1.token")" >"$WORK/header"
	curl -s --unix-socket "$WORK/sock" -H @"$WORK/header" -d "{\"key\": \"$(cat "$WORK/public")\"}" http://manager/v1/join >"$WORK/out" &&
		python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["secret"])' "$WORK/out" >"$WORK/h1.secret" &&
		does 0 -j host show h1 && json 'len(x["key"]) == 44 and x["joined"] > 0'
}
check "a token's secret is told once, or kept in a file" tokens
check "a token may do what its role may" viewer
check "a host joins with the token that was made for it" joins

# A host whose agent watches, and never says that it has applied anything, is late with what concerns it.
late() {
	printf 'Authorization: Bearer %s\n' "$(cat "$WORK/h1.secret")" >"$WORK/header"
	curl -sN --unix-socket "$WORK/sock" -H @"$WORK/header" -d '{"have": {}}' http://manager/v1/agent/watch >"$WORK/watch" 2>&1 &
	PIDS[2]=$!
	until_true [ -s "$WORK/watch" ] || return 1
	does 0 node set acme/web1 note late && does 1 -j wait timeout 1 && json 'not x["live"] and x["late_count"] == 1 and x["late"][0]["host"] == "h1"' && does 1 wait timeout 0 && out_has "h1    yes"
	local result=$?
	kill "${PIDS[2]}"
	return $result
}
check "wait names the hosts that are late" late

# Whatever a command was told by a file or the environment is not in what everybody may read of its process.
hidden() {
	local pid
	OVNET_URL="https://[::1]:$PORT" OVNET_CA=$CA OVNET_TOKEN=$SECRET "$B/ovnetctl" events >/dev/null 2>&1 &
	pid=$!
	PIDS[2]=$pid
	until_true grep -qa events "/proc/$pid/cmdline" || return 1
	tr '\0' '\n' <"/proc/$pid/cmdline" >"$WORK/out"
	kill $pid
	out_has events && ! grep -qF ovt_ "$WORK/out" && ! "$B/ovnetctl" --help | grep -qE -- '--token( |$)'
}
check "secrets are not on the command line" hidden

# ---- completion, terminals

# offers EXPECTED WORDS...
offers() {
	local expected=$1
	shift
	"$B/ovnetctl" complete "$@" 2>"$WORK/err" | sort | tr '\n' ' ' >"$WORK/out"
	[ "$(cat "$WORK/out")" = "$expected" ]
}
completes() {
	offers "acme/web1 acme/web2 " node show acme/web && offers "acme/web1 acme/web2 " node set web &&
		offers "acme/web,acme/all " node set acme/web1 groups acme/web,acme/al && offers "not:group:acme/web " policy set acme/in peers not:group:acme/w &&
		offers "h1 h2 " node create acme/x vnet acme/Z host h && offers "" node create acme/we && offers "sock " -c s && offers "versions " handle v
}
in_bash() {
	eval "$("$B/ovnetctl" completion bash)"
	compopt() { :; }
	COMP_LINE="$B/ovnetctl policy set acme/in peers group:acme/w" COMP_POINT=${#COMP_LINE}
	COMP_POINT=${#COMP_LINE}
	_ovnetctl
	[ "${COMPREPLY[*]}" = acme/web ]
}
# On a terminal of 60 columns: what is cut ends in an ellipsis, and there are colours, unless they are not wanted.
terminal() {
	python3 - "$B/ovnetctl" "$WORK/out" <<-'END'
		import fcntl, os, pty, struct, sys, termios
		def run(words, extra={}):
		    pid, fd = pty.fork()
		    if pid == 0:
		        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
		        os.environ.update({"TERM": "xterm", **extra})
		        os.execv(sys.argv[1], [sys.argv[1], *words])
		    text = b""
		    try:
		        while part := os.read(fd, 65536):
		            text += part
		    except OSError:
		        pass
		    os.waitpid(pid, 0)
		    return text.decode()
		plain, colours = run(["policy", "list"], {"NO_COLOR": "1"}), run(["policy", "list"])
		open(sys.argv[2], "w").write(plain)
		lines = plain.splitlines()
		good = "\x1b" not in plain and "…" in plain and all(len(line) <= 60 for line in lines) and len(lines) == 2
		sys.exit(0 if good and "\x1b[1mNAME" in colours and "\x1b[32mallow" in colours else 1)
	END
}
piped() { does 0 policy list && ! grep -q '…' "$WORK/out" && ! grep -q $'\033' "$WORK/out" && out_has "node:acme/web2,handle:acme/office"; }
check "completion knows the names of objects" completes
check "also in bash, behind a colon" in_bash
check "a terminal's tables fit, and have colours unless NO_COLOR is set" terminal
check "elsewhere they are whole and plain" piped

# ---- the end of a manager

ends() {
	local pid
	"$B/ovnetctl" events >"$WORK/out" 2>"$WORK/err" &
	pid=$!
	PIDS[2]=$pid
	until_true streams || return 1
	kill "${PIDS[0]}"
	wait $pid
	[ $? -eq 1 ] && [ -s "$WORK/err" ] && wait "${PIDS[0]}" && does 1 node list && err_has "nobody can be reached there"
}
streams() { curl -s --unix-socket "$WORK/sock" http://manager/metrics | grep -qE '^ovnet_manager_[a-z_]*streams[a-z_]* [1-9]'; }
check "a manager that ends is told to who watches" ends
exit $FAILED
