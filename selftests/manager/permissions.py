# SPDX-License-Identifier: BSD-2-Clause
"""Who may what: every verb of every kind by every role, on one's own, on another account's, and on a vnet that one is a member of.

What is expected is written down here in words of its own. And an account learns nothing of another: not from what it is shown,
and not from what it is refused."""

import json
import re
import time

from manager import Work, check, end, everything, join, token, wait_for

KINDS = ["accounts", "tokens", "hosts", "vnets", "groups", "security_groups", "handles", "nodes", "addresses", "policies"]

# What each role may do with objects of its own account; r: show and list, w: create, change, delete, u: change only.
OWN = {
    #                  viewer editor admin
    "accounts":        ("r", "r", "r"),
    "tokens":          ("", "", "rw"),
    "hosts":           ("", "", ""),
    "vnets":           ("r", "rw", "rw"),
    "groups":          ("r", "rw", "rw"),
    "security_groups": ("r", "rw", "rw"),
    "handles":         ("r", "rw", "rw"),
    "nodes":           ("r", "ru", "ru"),
    "addresses":       ("r", "rw", "rw"),
    "policies":        ("r", "rw", "rw"),
}
ROLES = ["viewer", "editor", "admin"]


def expected(role, kind, whose, verb):
    """The status of a dry run, or of a show; for a list: whether it has the object."""
    if role in ("none", "expired", "revoked"):
        return 401
    if role in ("join", "agent"):
        return 403
    if role == "operator":
        return 200
    may = OWN[kind][ROLES.index(role)]
    if verb == "show":
        seen = "r" in may and (whose == "own" or (whose == "shared" and kind == "vnets"))
        return 200 if seen else 404
    if verb == "list":
        return 200 if "r" in may else 403
    if whose != "own" or may in ("", "r"):
        return 403
    if may == "ru" and verb in ("create", "delete"):
        return 403
    return 200


def own_name(kind, account, name="xylem"):
    if kind == "accounts":
        return account
    if kind == "hosts":
        return "host-" + account
    # Groups of both kinds have names of one kind.
    return account + "/" + ("s" if kind == "security_groups" else "") + name


def body_of(kind, account, name="xylem"):
    """What creates one, in the account's own vnet."""
    body = {"name": own_name(kind, account, name)}
    vnet = account + "/P"
    number = {"acme": 1, "beta": 2, "gamma": 3}.get(account, 9)
    body.update({
        "tokens": {"role": "viewer"}, "hosts": {"locator": "fd00:1:0:%d::/64" % (100 + number)},
        "nodes": {"vnet": vnet, "host": "host-" + account, "port": "p-" + name, "mac": "02:00:00:00:00:01"},
        "addresses": {"vnet": vnet, "address": "10.0.0.2%d" % (len(name) % 10)},
        "policies": {"vnet": vnet, "verdict": "allow"}, "handles": {"entries": ["10.0.0.1"]},
    }.get(kind, {}))
    return body


def make_world(operator):
    """Three accounts with one of everything each; beta is a member of acme's vnet S; gamma stands alone."""
    accounts = ("acme", "beta", "gamma")
    for account in accounts:
        operator.must("POST", "/v1/accounts", {"name": account})
        operator.must("POST", "/v1/hosts", body_of("hosts", account))
        operator.must("POST", "/v1/vnets", {"name": account + "/P", "subnet": "10.0.0.0/24"})
        for kind in KINDS[1:]:
            if kind != "hosts":
                operator.must("POST", "/v1/" + kind, body_of(kind, account))
    operator.must("POST", "/v1/vnets", {"name": "acme/S", "subnet": "10.5.0.0/24", "members": ["beta"]})
    for account in ("acme", "beta"):
        operator.must("POST", "/v1/nodes", {"name": account + "/s", "vnet": "acme/S", "host": "host-" + account, "port": "p-s",
                                            "mac": "02:00:00:00:00:05"})


def principals(operator, manager):
    """By role, of account beta."""
    found = {role: manager.client(token(operator, "beta/" + role, role)) for role in ROLES}
    found["operator"] = operator
    found["none"] = manager.client()
    found["join"] = manager.client(token(operator, "system/joins", "join", host="host-gamma"))
    found["agent"] = join(operator, manager, "host-beta")
    found["expired"] = manager.client(token(operator, "beta/expired", "admin", expires=int(time.time()) + 1))
    found["revoked"] = manager.client(token(operator, "beta/revoked", "admin"))
    operator.must("DELETE", "/v1/tokens/beta/revoked")
    check("a token is good until its end", wait_for(lambda: found["expired"].get("/v1/status").status == 401, 5))
    return found


def ask(client, kind, verb, name, account):
    path = "/v1/" + kind
    if verb == "show":
        return client.get(path + "/" + name)
    if verb == "list":
        return client.get(path + "?limit=1000")
    if verb == "create":
        return client.post(path + "?dry_run=1", body_of(kind, account, "another") if kind not in ("accounts", "hosts")
                           else dict(body_of(kind, account), name="another", **({"locator": "fd00:9::/64"} if kind == "hosts" else {})))
    if verb == "set":
        return client.patch(path + "/" + name + "?dry_run=1", {"note": "other"})
    if verb == "put":
        now = ask.operator.get(path + "/" + name).json
        return client.put(path + "/" + name + "?dry_run=1", {key: value for key, value in now.items() if key != "note"})
    if verb == "delete":
        return client.delete(path + "/" + name + "?dry_run=1")
    entry = {"kind": SINGULAR[kind], "name": name, "note": "other"}
    if verb == "apply":
        return client.post("/v1/apply?dry_run=1", {"objects": [dict(ask.operator.get(path + "/" + name).json, **entry)]})
    return client.post("/v1/apply?dry_run=1", {"delete": [entry]})


SINGULAR = {kind: kind[:-3] + "y" if kind == "policies" else kind[:-2] if kind == "addresses" else kind[:-1] for kind in KINDS}
VERBS = ["show", "list", "create", "set", "put", "delete", "apply", "apply-delete"]


def matrix(operator, who):
    ask.operator = operator
    for role, client in who.items():
        wrong = []
        for kind in KINDS:
            for whose, account in (("own", "beta"), ("other", "gamma"), ("shared", "acme")):
                name = own_name(kind, account, "S" if kind == "vnets" and whose == "shared" else "xylem")
                for verb in VERBS:
                    if kind == "tokens" and verb in ("apply", "apply-delete"):
                        continue
                    answer = ask(client, kind, verb, name, account)
                    # Who guesses too often is not answered any better.
                    if answer.status == 429 and role in ("none", "expired", "revoked"):
                        continue
                    want = expected(role, kind, whose, {"put": "set", "apply": "set", "apply-delete": "delete"}.get(verb, verb))
                    got = answer.status
                    # What may be done need not be possible: others refer to it.
                    if want == 200 and got == 422 and "refer to what is deleted" in answer.text or "without objects" in answer.text:
                        got = 200
                    if got != want:
                        wrong.append("%s %s of %s: expected %d, got %r" % (verb, kind, whose, want, answer))
                    if verb == "list" and got == 200:
                        has = name in [each["name"] for each in answer.json["objects"]]
                        if has != (expected(role, kind, whose, "show") == 200):
                            wrong.append("list %s: %s is%s there" % (kind, name, "" if has else " not"))
        check("%s: every verb of every kind, on one's own, on others', on what is shared" % role, not wrong, "\n    ".join(wrong[:10]))


def fields(who):
    """What is the operators' alone, field by field."""
    wrong = []
    for role in ("editor", "admin"):
        client = who[role]
        for path, body in (
                ("/v1/nodes/beta/xylem", {"host": "host-acme"}), ("/v1/nodes/beta/xylem", {"port": "other"}),
                ("/v1/nodes/beta/xylem", {"mac": "02:00:00:00:00:77"}), ("/v1/nodes/beta/xylem", {"slot": 3}),
                ("/v1/vnets/beta/P", {"members": ["acme"]}), ("/v1/vnets/beta/P", {"members": ["nobody"]})):
            answer = client.patch(path, body)
            if answer.status != 403 or list(body)[0] not in answer.message():
                wrong.append("%s: %r" % (body, answer))
        answer = client.post("/v1/vnets", {"name": "numbered", "vni": 4711})
        if answer.status != 403 or "vni" not in answer.message():
            wrong.append("vni: %r" % answer)
        for body in ({"groups": ["beta/xylem"]}, {"address": "10.0.0.99"}, {"note": "x"}):
            answer = client.patch("/v1/nodes/beta/xylem?dry_run=1", body)
            if answer.status != 200:
                wrong.append("%s: %r" % (body, answer))
    check("of a node an account sets its groups, address and note, and not where it is; of a vnet neither number nor members", not wrong,
          "\n    ".join(wrong))


def tokens(operator, who, manager):
    wrong = []

    def refused(answer, word):
        if answer.status != 403 or word not in answer.message():
            wrong.append("expected a refusal of %s, got %r" % (word, answer))

    some = manager.client(token(operator, "beta/some", "admin", verbs=["show", "create", "set"]))
    for client, role in ((who["admin"], "operator"), (who["admin"], "join"), (who["editor"], "viewer")):
        body = {"name": "beta/more", "role": role}
        if role == "join":
            body["host"] = "host-beta"
        answer = client.post("/v1/tokens", body)
        if answer.status not in (403, 422):
            wrong.append("a token of role %s: %r" % (role, answer))
    refused(some.post("/v1/tokens", {"name": "more", "role": "viewer"}), "verbs")
    refused(some.post("/v1/tokens", {"name": "more", "role": "admin", "verbs": ["delete"]}), "verbs")
    refused(some.patch("/v1/tokens/beta/some", {"verbs": None}), "verbs")
    refused(some.patch("/v1/tokens/beta/some", {"verbs": ["show", "apply"]}), "verbs")
    answer = some.post("/v1/tokens?dry_run=1", {"name": "less", "role": "editor", "verbs": ["show"]})
    if answer.status != 200:
        wrong.append("less than one may: %r" % answer)
    for path, status in (("/v1/groups", 403), ("/v1/export", 403), ("/v1/log", 403), ("/v1/events", 403), ("/v1/groups/beta/xylem", 200)):
        answer = some.get(path)
        if answer.status != status:
            wrong.append("%s with show, create and set: %r" % (path, answer))
    for answer in (some.delete("/v1/groups/beta/xylem"), some.post("/v1/apply", {})):
        if answer.status != 403:
            wrong.append("with show, create and set: %r" % answer)
    limited = manager.client(token(operator, "system/limited", "operator", verbs=["show", "create"]))
    refused(limited.post("/v1/tokens", {"name": "system/more", "role": "operator"}), "verbs")
    system = manager.client(token(operator, "system/admin", "admin"))
    refused(system.patch("/v1/tokens/system/operator", {"note": "mine"}), "role")
    refused(system.delete("/v1/tokens/system/operator"), "operators")
    refused(system.post("/v1/tokens", {"name": "more", "role": "operator"}), "role")
    for path, of_system in (("/metrics", 200), ("/v1/status", 200)):
        for client, status in ((system, of_system), (who["admin"], 403 if path == "/metrics" else 200)):
            answer = client.get(path)
            if answer.status != status:
                wrong.append("%s: %r" % (path, answer))
    check("nobody makes a token that may more than his own, or changes one", not wrong, "\n    ".join(wrong))


def same_answers(operator, who):
    """What is another account's is answered as what is not there: word for word, but for the name."""
    wrong = []
    before = everything(operator)

    def compare(what, there, absent, word, other):
        # Absent ones have names as long as those that are there, so that nothing else can differ.
        a, b = re.sub(r"\b%s\b" % word, "*", there.text), re.sub(r"\b%s\b" % other, "*", absent.text)
        if there.status != absent.status or re.sub(r'"revision":\d+', "", a) != re.sub(r'"revision":\d+', "", b):
            wrong.append("%s: %r, and of what is not there %r" % (what, there, absent))

    for role in ROLES:
        client = who[role]
        for kind in KINDS:
            there, absent = own_name(kind, "gamma"), {"accounts": "gomma", "hosts": "host-gomma", "security_groups": "gamma/sxylom"}.get(kind, "gamma/xylom")
            for verb in ("show", "set", "delete", "apply-delete"):
                compare("%s: %s %s" % (role, verb, kind), ask(client, kind, verb, there, "gamma"), ask(client, kind, verb, absent, "gamma"), there, absent)
            body = body_of(kind, "gamma")
            compare("%s: create %s" % (role, kind), client.post("/v1/" + kind, body), client.post("/v1/" + kind, dict(body, name=absent)), there, absent)
        for path in ("/v1/handles/gamma/%s/versions", "/v1/handles/gamma/%s/versions/1", "/v1/log?key=handle/gamma/%s",
                     "/v1/vnets?vnet=gamma/%s", "/v1/nodes?group=gamma/%s", "/v1/policies?security_group=gamma/%s"):
            compare(role + ": " + path, client.get(path % "xylem"), client.get(path % "xylom"), "xylem", "xylom")
        compare(role + ": restore", client.post("/v1/handles/gamma/xylem/versions/1/restore"),
                client.post("/v1/handles/gamma/xylom/versions/1/restore"), "xylem", "xylom")
    client = who["admin"]
    names = [
        ("policies", {"vnet": "gamma/@"}, "P", "Q"), ("policies", {"vnet": "beta/P", "peers": "node:gamma/@"}, "xylem", "xylom"),
        ("policies", {"vnet": "beta/P", "peers": "group:gamma/@"}, "xylem", "xylom"), ("policies", {"vnet": "beta/P", "peers": "handle:gamma/@"}, "xylem", "xylom"),
        ("policies", {"vnet": "beta/P", "peers": "account:@"}, "gamma", "gomma"), ("policies", {"vnet": "beta/P", "security_group": "gamma/@"}, "sxylem", "sxylom"),
        ("policies", {"vnet": "acme/S", "target": "account:beta", "peers": "account:@"}, "gamma", "gomma"),
        ("policies", {"vnet": "acme/S", "target": "account:beta", "peers": "node:acme/@"}, "xylem", "xylom"),
        ("policies", {"vnet": "acme/S", "security_group": "acme/@"}, "sxylem", "sxylom"), ("policies", {"vnet": "acme/@"}, "P", "Q"),
        ("groups", {"groups": ["gamma/@"]}, "xylem", "xylom"), ("groups", {"groups": ["acme/@"]}, "xylem", "xylom"),
        ("groups", {"match": {"vnet": "gamma/@"}}, "P", "Q"), ("groups", {"match": {"vnet": "acme/S", "account": "@"}}, "gamma", "gomma"),
        ("groups", {"match": {"vnet": "beta/P", "account": "@"}}, "gamma", "gomma"),
        ("handles", {"entries": ["group:gamma/@"]}, "xylem", "xylom"), ("handles", {"entries": ["handle:gamma/@"]}, "xylem", "xylom"),
        ("handles", {"entries": ["vnet:gamma/@"]}, "P", "Q"), ("handles", {"entries": ["group:acme/@"]}, "xylem", "xylom"),
        ("addresses", {"vnet": "gamma/@", "address": "10.0.0.20"}, "P", "Q"), ("addresses", {"vnet": "beta/P", "address": "10.0.0.20", "node": "gamma/@"}, "xylem", "xylom"),
        ("addresses", {"vnet": "acme/S", "address": "10.5.0.20", "node": "acme/@"}, "s", "z"),
        ("nodes", {"vnet": "gamma/@", "host": "host-beta", "port": "p", "mac": "02:00:00:00:00:01"}, "P", "Q"),
        ("nodes", {"vnet": "beta/P", "host": "host-@", "port": "p", "mac": "02:00:00:00:00:01"}, "gamma", "gomma"),
        ("tokens", {"role": "join", "host": "host-@"}, "gamma", "gomma"),
    ]
    for kind, body, there, absent in names:
        body = dict(body_of(kind, "beta", "probe"), **body)
        answers = [client.post("/v1/" + kind, json.loads(json.dumps(body).replace("@", word))) for word in (there, absent)]
        compare("%s %s" % (kind, body), *answers, there, absent)
        if answers[0].status < 400:
            wrong.append("%s %s: %r" % (kind, body, answers[0]))
    for body, there, absent in (({"groups": ["acme/@"]}, "xylem", "xylom"), ({"security_groups": ["acme/@"]}, "sxylem", "sxylom")):
        answers = [client.patch("/v1/nodes/beta/s", json.loads(json.dumps(body).replace("@", word))) for word in (there, absent)]
        compare("a node in %s" % body, *answers, there, absent)
        if answers[0].status != 422:
            wrong.append("a node in a group of another account: %r" % answers[0])
    check("what may not be seen is answered as what is not there, also where it is named", not wrong, "\n    ".join(wrong[:12]))
    after = everything(operator)
    at = next((i for i, pair in enumerate(zip(before, after)) if pair[0] != pair[1]), 0)
    check("and nothing has changed", after == before, "%s\n    %s" % (before[max(0, at - 200):at + 200], after[max(0, at - 200):at + 200]))


def shared(operator, who, manager):
    """In a vnet of another account one decides for one's own nodes."""
    wrong = []
    client = who["editor"]

    def must(status, answer, word=""):
        if answer.status != status or word not in answer.message():
            wrong.append("expected %d %s, got %r" % (status, word, answer))

    policy = {"name": "beta/unseen", "vnet": "acme/S", "verdict": "allow", "peers": ["group:acme/xylem", "node:acme/s", "account:acme"]}
    for target in ("any", "10.5.0.0/24", "vnet:acme/S", "node:acme/s", "group:acme/xylem", "account:acme", "handle:beta/xylem",
                   {"not": "node:beta/s"}, ["node:beta/s", "10.5.0.1"]):
        must(422, client.post("/v1/policies", dict(policy, target=target)), "target")
    must(422, client.post("/v1/policies", policy), "target")
    for target in ("account:beta", "node:beta/s", ["group:beta/xylem", "node:beta/s"]):
        must(200, client.post("/v1/policies?dry_run=1", dict(policy, target=target)))
    must(200, client.post("/v1/policies?dry_run=1", {"name": "beta/x", "vnet": "beta/P", "verdict": "allow"}))
    must(201, client.post("/v1/groups", {"name": "beta/outer", "groups": ["beta/xylem"]}))
    must(201, client.post("/v1/policies", dict(policy, target="group:beta/outer")))
    # Neither at once nor later does such a group take nodes of others.
    must(422, client.patch("/v1/groups/beta/xylem", {"match": {"vnet": "acme/S", "account": "acme"}}), "target")
    must(422, client.patch("/v1/groups/beta/outer", {"match": {"vnet": "acme/S", "account": "*"}}), "target")
    must(201, client.post("/v1/groups", {"name": "beta/wide", "match": {"vnet": "acme/S", "account": "*"}}))
    must(422, client.patch("/v1/groups/beta/xylem", {"groups": ["beta/wide"]}), "target")
    must(422, client.patch("/v1/policies/beta/unseen", {"target": "group:beta/wide"}), "target")
    must(200, client.patch("/v1/policies/beta/unseen", {"peers": "group:beta/wide"}))
    # The owner is not told what refers to it.
    acme = manager.client(token(operator, "acme/admin", "admin"))
    must(201, client.post("/v1/handles", {"name": "beta/unseen", "entries": ["vnet:acme/S"]}))
    before = everything(operator)
    operator.must("DELETE", "/v1/nodes/acme/s")
    operator.must("DELETE", "/v1/nodes/beta/s")
    answer = acme.delete("/v1/vnets/acme/S")
    must(422, answer, "another account")
    if "unseen" in answer.text or "beta" in answer.text:
        wrong.append("the owner of a vnet is told what members have: %s" % answer.text)
    must(422, operator.patch("/v1/vnets/acme/S", {"members": []}), "beta")
    must(200, client.patch("/v1/policies/beta/unseen", {"peers": "any"}))
    for path in ("/v1/groups/beta/wide", "/v1/handles/beta/unseen", "/v1/policies/beta/unseen"):
        must(422, operator.patch("/v1/vnets/acme/S", {"members": []}), path.split("/", 3)[-1])
        must(200, client.delete(path))
    must(200, operator.patch("/v1/vnets/acme/S", {"members": []}))
    must(404, client.get("/v1/vnets/acme/S"), "acme/S")
    must(200, operator.patch("/v1/vnets/acme/S", {"members": ["beta"]}))
    for account in ("acme", "beta"):
        operator.must("POST", "/v1/nodes", {"name": account + "/s", "vnet": "acme/S", "host": "host-" + account, "port": "p-s",
                                            "mac": "02:00:00:00:00:05"})
    check("a member decides for its own nodes, and the owner does not see how", not wrong, "\n    ".join(wrong))
    return before


def round_trip(who):
    """What an account exports it can put back."""
    exported = who["admin"].get("/v1/export").json
    answer = who["admin"].post("/v1/apply", dict(exported, prune=True))
    check("an account's export is what it has, and can be applied", answer.status == 200 and answer.json["changes"] == [], answer)
    answer = who["editor"].post("/v1/apply?dry_run=1", {"objects": [], "prune": True})
    kinds = {change["kind"] for change in (answer.json or {}).get("changes", [])}
    check("prune takes neither nodes nor tokens of an account, nor what is of others", answer.status == 422 or
          kinds <= {"group", "policy", "handle", "address", "security_group"}, answer)


def unseen(operator, who, manager):
    """Everything that an account can read has nothing of others in it."""
    streams = {role: manager.client(who[role].secret).send("GET", "/v1/events") for role in ROLES}
    late = manager.client(join(operator, manager, "host-gamma").secret).send("POST", "/v1/agent/watch", {"have": {}})
    while "commit" not in json.loads(late.readline()):
        pass
    for path, body in (("/v1/groups/gamma/xylem", {"note": "canary"}), ("/v1/nodes/gamma/xylem", {"note": "canary"}),
                       ("/v1/handles/gamma/xylem", {"entries": ["10.7.7.7"]})):
        operator.must("PATCH", path, body)
    both = [{"kind": "group", "name": "gamma/xylem", "note": "canary2"}, {"kind": "group", "name": "beta/xylem", "note": "heard"}]
    operator.must("POST", "/v1/apply", {"objects": both})
    token(operator, "beta/newtoken", "viewer")
    operator.must("PATCH", "/v1/groups/beta/xylem", {"note": "last"})
    for role in ROLES:
        client = manager.client(who[role].secret)
        texts = {}
        for path in ["/v1/%s?limit=1000" % kind for kind in KINDS] + ["/v1/export", "/v1/log?limit=1000", "/v1/status", "/v1/wait?timeout=0"]:
            texts[path] = client.get(path).text
        lines = []
        while not lines or "last" not in lines[-1]:
            lines.append(streams[role].readline().decode())
            if json.loads(lines[-1])["changes"] == [{"action": "set", "kind": "group", "name": "beta/xylem"}] and len(lines) >= (3 if role == "admin" else 2):
                break
        texts["events"] = "".join(lines)
        wrong = ["%s: %s" % (path, text[:300]) for path, text in texts.items() if re.search("gamma|canary", text)]
        if role != "admin":
            wrong += ["%s: %s" % (path, text[:300]) for path, text in texts.items() if "newtoken" in text]
        elif "newtoken" not in texts["events"] or "token/beta/newtoken" not in texts["/v1/log?limit=1000"]:
            wrong.append("an admin does not hear of a token")
        waited = json.loads(texts["/v1/wait?timeout=0"])
        if waited["late_count"] != 1 or waited["late"] or waited["live"]:
            wrong.append("wait: %s" % waited)
        if set(json.loads(texts["/v1/status"])) != {"version", "revision", "who", "account", "role"}:
            wrong.append("status: %s" % texts["/v1/status"])
        check("%s: nothing of others is in what is shown, listed, exported, logged, told or waited for" % role, not wrong, "\n    ".join(wrong))
    check("an operator is told which host is late", [each["host"] for each in operator.get("/v1/wait?timeout=0").json["late"]] == ["host-gamma"])
    # A token that goes, or may less: its stream ends at once.
    operator.must("PATCH", "/v1/tokens/beta/viewer", {"verbs": ["show"]})
    operator.must("DELETE", "/v1/tokens/beta/admin")
    ended = [role for role in ("viewer", "admin") if streams[role].read() is not None]
    check("a stream ends with its token, and with what that may", ended == ["viewer", "admin"])
    check("what was revoked is good for nothing at once", who["admin"].get("/v1/status").status in (401, 429)
          and who["viewer"].get("/v1/groups").status == 403)


def main():
    with Work() as work:
        manager = work.manager().start()
        operator = manager.local()
        make_world(operator)
        who = principals(operator, manager)
        matrix(operator, who)
        fields(who)
        tokens(operator, who, manager)
        same_answers(operator, who)
        shared(operator, who, manager)
        round_trip(who)
        unseen(operator, who, manager)
        check("the manager ends well", manager.stop() == 0, manager.tail())
    end()


main()
