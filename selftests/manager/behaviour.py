# SPDX-License-Identifier: BSD-2-Clause
"""What the manager does: changes and dry runs, allocation, groups, criteria, secrets, bounds, clients that are slow."""

import glob
import json
import os
import random
import socket
import threading
import time

from manager import Client, Work, check, end, everything, figure, join, public_key, token, wait_for


def make_world(operator):
    for account in ("acme", "beta"):
        operator.must("POST", "/v1/accounts", {"name": account})
    for index in (1, 2):
        operator.must("POST", "/v1/hosts", {"name": "h%d" % index, "locator": "fd00:1:0:%d::/64" % index})
    operator.must("POST", "/v1/vnets", {"name": "acme/Z", "subnet": "10.0.0.0/16", "members": ["beta"]})


def node(name, host="h1", **more):
    return dict({"name": name, "vnet": "acme/Z", "host": host, "port": "p" + name.split("/")[1][:14], "mac": "02:00:00:00:00:01"}, **more)


# ---- single changes

def conditions(operator, manager):
    operator.must("POST", "/v1/groups", {"name": "acme/if"})
    tag = operator.get("/v1/groups/acme/if").headers["ETag"]
    answers = []

    def write(index):
        answers.append(manager.local().patch("/v1/groups/acme/if", {"note": "writer %d" % index}, tag).status)

    in_threads(write, 8)
    check("of writers that saw the same revision one wins, the others are told", sorted(answers) == [200] + [412] * 7, answers)
    operator.must("DELETE", "/v1/groups/acme/if")
    check("a deleted object's revision is none", operator.put("/v1/groups/acme/if", {}, tag).status == 404)


def in_threads(work, count):
    problems = []

    def guarded(index):
        try:
            work(index)
        except Exception as problem:
            problems.append(repr(problem))

    threads = [threading.Thread(target=guarded, args=(index,)) for index in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if problems:
        raise AssertionError(problems[0])


def dry_runs(operator):
    """What a dry run says is what the change does, and it changes nothing."""
    choose = random.Random(7)
    wrong = []
    names = ["acme/d%d" % i for i in range(6)]
    refused = 0
    for _ in range(150):
        objects, gone = [], []
        for name in choose.sample(names, choose.randint(1, 4)):
            kind = choose.choice(["group", "handle", "policy", "node"])
            if choose.random() < 0.3:
                gone.append({"kind": kind, "name": name + kind[0]})
                continue
            body = {"kind": kind, "name": name + kind[0], "note": str(choose.randint(0, 2))}
            if kind == "group":
                body["groups"] = ["%sg" % choose.choice(names)] if choose.random() < 0.4 else []
            if kind == "handle":
                body["entries"] = ["10.0.0.%d" % choose.randint(1, 3)]
            if kind == "policy":
                body.update(vnet="acme/Z", verdict=choose.choice(["allow", "deny"]), peers=choose.choice(["any", "group:%sg" % choose.choice(names)]))
            if kind == "node":
                body = dict(node(body["name"], choose.choice(["h1", "h2"])), **body)
                body["groups"] = ["%sg" % choose.choice(names)] if choose.random() < 0.3 else []
            objects.append(body)
        body = {"objects": objects, "delete": gone}
        before = everything(operator)
        dry = operator.post("/v1/apply?dry_run=1", body)
        if everything(operator) != before:
            wrong.append("a dry run has changed something: %s" % body)
        real = operator.post("/v1/apply", body)
        if dry.status != real.status or (real.status == 200 and dry.json["changes"] != real.json["changes"]):
            wrong.append("dry %r, real %r" % (dry, real))
        if real.status != 200:
            refused += 1
            if everything(operator) != before or dry.text != real.text:
                wrong.append("refused, and not as if it had not been: %r" % real)
    check("a dry run says what the change then does: 150 changes, %d refused" % refused, not wrong and 20 < refused < 140, wrong[:2] or refused)
    for kind in ("policies", "nodes", "handles", "groups"):
        operator.must("POST", "/v1/apply", {"delete": [{"kind": kind, "name": each["name"]} for each in operator.get("/v1/%s?limit=1000" % kind).json["objects"]]})


def references(operator):
    """Cycles, names in use, deletions of what is referred to."""
    wrong = []

    def refused(answer, *words):
        if answer.status not in (409, 422) or any(word not in answer.message() for word in words):
            wrong.append("expected %s, got %r" % (words, answer))

    for kind, field, prefix in (("groups", "groups", ""), ("handles", "entries", "handle:")):
        one = kind[:-1]
        for name, inner in (("c", []), ("b", ["c"]), ("a", ["b"])):
            operator.must("POST", "/v1/" + kind, {"name": "acme/" + one[0] + name, field: [prefix + "acme/" + one[0] + each for each in inner]})
        first = one[0]
        refused(operator.patch("/v1/%s/acme/%sc" % (kind, first), {field: [prefix + "acme/%sa" % first]}),
                "within itself", "acme/%sc > acme/%sa > acme/%sb > acme/%sc" % ((first,) * 4))
        refused(operator.patch("/v1/%s/acme/%sc" % (kind, first), {field: [prefix + "acme/%sc" % first]}), "itself", field)
        cycle = [{"kind": one, "name": "acme/%sx" % first, field: [prefix + "acme/%sy" % first]}, {"kind": one, "name": "acme/%sy" % first, field: [prefix + "acme/%sx" % first]}]
        refused(operator.post("/v1/apply", {"objects": cycle}), "within itself", "acme/%sx > acme/%sy > acme/%sx" % ((first,) * 3))
        refused(operator.delete("/v1/%s/acme/%sc" % (kind, first)), "refer", "%s/acme/%sb" % (one, first))
        chain = [{"kind": one, "name": "acme/%sdeep%d" % (first, i), field: [prefix + "acme/%sdeep%d" % (first, i + 1)] if i < 70 else []} for i in range(71)]
        refused(operator.post("/v1/apply", {"objects": chain}), "64 levels")
        # Two ways down at each of 40 levels: a walk along each way would never end.
        wide = [{"kind": one, "name": "acme/%swide%d%s" % (first, i, side), field: [prefix + "acme/%swide%d%s" % (first, i + 1, down) for down in "lr"] if i < 40 else []}
                for i in range(41) for side in "lr"]
        begin = time.monotonic()
        operator.must("POST", "/v1/apply", {"objects": wide})
        check("%s in two ways at each of 40 levels are looked at once" % kind, time.monotonic() - begin < 2)
        operator.must("POST", "/v1/apply", {"delete": [{"kind": one, "name": each["name"]} for each in wide]})
    operator.must("POST", "/v1/security_groups", {"name": "acme/sg"})
    refused(operator.post("/v1/groups", {"name": "acme/sg"}), "name", "security_group")
    refused(operator.post("/v1/security_groups", {"name": "acme/ga"}), "name", "group")
    operator.must("POST", "/v1/nodes", node("acme/n", groups=["acme/ga"], security_groups=["acme/sg"]))
    operator.must("POST", "/v1/policies", {"name": "acme/p", "vnet": "acme/Z", "security_group": "acme/sg", "verdict": "allow", "peers": "handle:acme/ha"})
    for path, by in (("groups/acme/ga", "node/acme/n"), ("handles/acme/ha", "policy/acme/p"), ("security_groups/acme/sg", "acme/"), ("hosts/h1", "node/acme/n"),
                     ("vnets/acme/Z", "acme/"), ("accounts/acme", "acme/")):
        refused(operator.delete("/v1/" + path), by)
    refused(operator.post("/v1/nodes", node("acme/m", port="pn")), "port")
    refused(operator.post("/v1/nodes", node("acme/m", address=operator.get("/v1/nodes/acme/n").json["address"])), "address", "free")
    refused(operator.post("/v1/hosts", {"name": "h3", "locator": "fd00:1:0:1:400::/72"}), "locator", "h1")
    refused(operator.post("/v1/vnets", {"name": "acme/Y", "vni": operator.get("/v1/vnets/acme/Z").json["vni"]}), "vni", "free")
    refused(operator.post("/v1/policies", {"name": "acme/q", "vnet": "acme/Z", "verdict": "allow", "security_group": "acme/sg", "target": "node:acme/n"}), "target")
    operator.must("POST", "/v1/vnets", {"name": "beta/other", "subnet": "10.0.0.0/16"})
    operator.must("POST", "/v1/nodes", node("beta/b", "h2"))
    for body, word in (({"name": "beta/a", "vnet": "beta/other", "address": "10.0.9.9", "node": "beta/b"}, "beta/other"),
                       ({"name": "acme/a", "vnet": "acme/Z", "address": "10.0.9.9", "node": "beta/b"}, "node")):
        refused(operator.post("/v1/addresses", body), "node", word)
    check("cycles, names in use, what is referred to: refused by name", not wrong, "\n    ".join(wrong))
    for path in ("policies/acme/p", "nodes/acme/n", "nodes/beta/b", "security_groups/acme/sg", "vnets/beta/other", "handles/acme/ha", "handles/acme/hb", "handles/acme/hc",
                 "groups/acme/ga", "groups/acme/gb", "groups/acme/gc"):
        operator.must("DELETE", "/v1/" + path)


def many_groups(operator):
    """What evaluates a vnet's policies takes 4,096 groups: one more is refused when it is made, and not when somebody asks."""
    before = sum(operator.get("/v1/" + kind).json["total"] for kind in ("groups", "security_groups"))
    names = ["acme/many%d" % i for i in range(4096 - before)]
    operator.must("POST", "/v1/apply", {"objects": [{"kind": "group", "name": name} for name in names]})
    refused = [operator.post("/v1/" + kind, {"name": "acme/more"}) for kind in ("groups", "security_groups")]
    check("a vnet's accounts have at most 4,096 groups; one more is refused, with the vnet's name",
          all(each.status == 422 and "4096" in each.message() and "acme/Z" in each.message() for each in refused), repr(refused))
    operator.must("POST", "/v1/accounts", {"name": "gamma"})
    operator.must("POST", "/v1/groups", {"name": "gamma/more"})
    members = operator.get("/v1/vnets/acme/Z").json.get("members", [])
    joining = operator.patch("/v1/vnets/acme/Z", {"members": members + ["gamma"]})
    check("nor does a member come with more", joining.status == 422 and "4096" in joining.message(), repr(joining))
    operator.must("POST", "/v1/apply", {"delete": [{"kind": "group", "name": name} for name in names + ["gamma/more"]] + [{"kind": "account", "name": "gamma"}]})


def allocation(operator, manager):
    """Numbers and addresses are given once, whoever asks at the same time."""
    operator.must("POST", "/v1/vnets", {"name": "acme/small", "subnet": "10.1.0.0/26"})
    vnis, addresses, ids, full = [], [], [], []

    def make(index):
        client = manager.local()
        for i in range(12):
            vnis.append(client.must("POST", "/v1/vnets", {"name": "acme/v%d-%d" % (index, i)})["vni"])
            ids.append(client.must("POST", "/v1/policies", {"name": "acme/p%d-%d" % (index, i), "vnet": "acme/Z", "verdict": "deny"})["id"])
            answer = client.post("/v1/nodes", node("acme/a%d-%d" % (index, i), vnet="acme/small"))
            if answer.status == 201:
                addresses.append(answer.json["address"])
            else:
                full.append(answer)

    in_threads(make, 6)
    check("72 VNIs, as many numbers of policies, each once", len(set(vnis)) == 72 and len(set(ids)) == 72 and min(vnis + ids) > 0)
    check("62 addresses of a /26, each once; then it is full", len(addresses) == 62 and len(set(addresses)) == 62
          and {each.status for each in full} == {409} and "every address" in full[0].message(), (len(addresses), full[:1]))
    first = operator.get("/v1/nodes?vnet=acme/small&limit=1").json["objects"][0]
    operator.must("DELETE", "/v1/nodes/" + first["name"])
    check("an address that is given back is given again",
          operator.must("POST", "/v1/nodes", node("acme/again", vnet="acme/small"))["address"] == first["address"])
    operator.must("PATCH", "/v1/nodes/acme/again", {"note": "x", "address": None})
    check("what was given stays", operator.get("/v1/nodes/acme/again").json["address"] == first["address"])


# ---- many at once

def large(operator, manager):
    objects = [{"kind": "account", "name": "big"}] + [{"kind": "host", "name": "big%d" % i, "locator": "fd00:2:0:%x::/64" % i} for i in range(100)]
    objects += [{"kind": "vnet", "name": "big/v%d" % i, "subnet": "10.0.0.0/16"} for i in range(50)]
    objects += [{"kind": "group", "name": "big/g%d" % i} for i in range(200)]
    objects += [dict(node("big/n%d" % i, "big%d" % (i % 100), vnet="big/v%d" % (i % 50), groups=["big/g%d" % (i % 200)]), kind="node", port="p%d" % (i // 100))
                for i in range(4000)]
    objects += [{"kind": "policy", "name": "big/p%d" % i, "vnet": "big/v%d" % (i % 50), "peers": "group:big/g%d" % (i % 200), "verdict": "allow"} for i in range(649)]
    slowest = [0.0]
    over = threading.Event()

    def look():
        client = manager.local()
        while not over.is_set():
            begin = time.monotonic()
            client.get("/healthz")
            slowest[0] = max(slowest[0], time.monotonic() - begin)

    watcher = threading.Thread(target=look)
    watcher.start()
    times = {}
    try:
        for what, body in (("apply", {"objects": objects}), ("again", {"objects": objects})):
            begin = time.monotonic()
            answer = operator.post("/v1/apply", body)
            times[what] = time.monotonic() - begin
            wanted = len(objects) if what == "apply" else 0
            check("5000 objects at once: %s" % what, answer.status == 200 and len(answer.json["changes"]) == wanted, answer)
        addresses = [each["address"] for each in all_of(operator, "/v1/nodes?vnet=big/v1")]
        check("each node of it has an address of its own", len(addresses) == 80 and len(set(addresses)) == 80)
        tenant = manager.client(token(operator, "big/admin", "admin"))
        half = [each for each in objects if each["kind"] in ("group", "vnet") or (each["kind"] == "policy" and int(each["name"][5:]) % 2)]
        dry = tenant.post("/v1/apply?dry_run=1", {"objects": half, "prune": True})
        begin = time.monotonic()
        real = tenant.post("/v1/apply", {"objects": half, "prune": True})
        times["prune"] = time.monotonic() - begin
        check("an account's prune takes what it does not name, and no nodes", real.status == 200 and dry.json["changes"] == real.json["changes"]
              and {(each["action"], each["kind"]) for each in real.json["changes"]} == {("delete", "policy")} and len(real.json["changes"]) == 325, real)
        rest = [each for each in operator.get("/v1/export").json["objects"] if not each["name"].startswith("big")]
        begin = time.monotonic()
        operator.must("DELETE", "/v1/tokens/big/admin")
        gone = operator.post("/v1/apply", {"objects": rest, "prune": True})
        times["prune all"] = time.monotonic() - begin
        check("an operator's prune takes the rest", gone.status == 200 and len(gone.json["changes"]) == len(objects) - 325
              and len(operator.get("/v1/export").json["objects"]) == len(rest), gone)
    finally:
        over.set()
        watcher.join()
    figure("api_apply_5000_ms", round(times["apply"] * 1000))
    figure("api_prune_5000_ms", round(times["prune all"] * 1000))
    figure("api_longest_wait_beside_ms", round(slowest[0] * 1000))
    check("and nobody waits long beside that", slowest[0] < 2, slowest)


def all_of(client, path):
    found, after = [], ""
    while True:
        page = client.get("%s%slimit=1000%s" % (path, "&" if "?" in path else "?", "&after=" + after if after else "")).json
        found += page["objects"]
        after = page.get("next")
        if not after:
            return found


# ---- what agents are told of groups

class Watch:
    """What an agent knows."""

    def __init__(self, agent):
        self.response = Client(agent.manager, agent.secret).send("POST", "/v1/agent/watch", {"have": {}})
        self.documents = {}
        self.commit = 0
        self.read()

    def read(self):
        while True:
            line = json.loads(self.response.readline())
            if "set" in line:
                self.documents[line["set"]] = line["value"]
            elif "gone" in line:
                self.documents.pop(line["gone"], None)
            elif "commit" in line:
                self.commit = line["commit"]
                return self.documents


def groups(operator, manager):
    operator.must("POST", "/v1/security_groups", {"name": "acme/web"})
    operator.must("POST", "/v1/groups", {"name": "acme/named", "match": {"name": "web-*"}})
    operator.must("POST", "/v1/groups", {"name": "acme/everybody", "match": {"vnet": "acme/Z", "account": "*"}})
    operator.must("POST", "/v1/groups", {"name": "acme/above", "groups": ["acme/named"]})
    operator.must("POST", "/v1/nodes", node("acme/web-1", security_groups=["acme/web"]))
    watch = Watch(join(operator, manager, "h1"))
    wrong = []

    def expect(node_name, names, what):
        got = set(watch.documents["node/" + node_name]["groups"])
        if got != set(names):
            wrong.append("%s: %s is in %s, expected %s" % (what, node_name, got, names))

    expect("acme/web-1", ["acme/web", "acme/named", "acme/everybody"], "at first")
    if "group/acme/above" not in watch.documents:
        wrong.append("what is above is not told: %s" % list(watch.documents))
    operator.must("POST", "/v1/policies", {"name": "acme/bundle", "vnet": "acme/Z", "security_group": "acme/web", "services": ["https"], "verdict": "allow"})
    if watch.read()["policy/acme/bundle"].get("target") != "group:acme/web":
        wrong.append("a policy of a security group: %s" % watch.documents["policy/acme/bundle"])
    operator.must("POST", "/v1/nodes", node("acme/db-1"))
    watch.read()
    expect("acme/db-1", ["acme/everybody"], "another name")
    operator.must("POST", "/v1/nodes", node("beta/web-1", port="pb"))
    watch.read()
    expect("beta/web-1", ["acme/everybody"], "another account")
    operator.must("PATCH", "/v1/groups/acme/named", {"match": {"name": "d*"}})
    watch.read()
    expect("acme/web-1", ["acme/web", "acme/everybody"], "criteria that change")
    expect("acme/db-1", ["acme/named", "acme/everybody"], "criteria that change")
    operator.must("PATCH", "/v1/nodes/acme/db-1", {"security_groups": ["acme/web"]})
    watch.read()
    expect("acme/db-1", ["acme/web", "acme/named", "acme/everybody"], "it joins a security group")
    operator.must("DELETE", "/v1/policies/acme/bundle")
    if "policy/acme/bundle" in watch.read():
        wrong.append("a policy that was deleted is told")
    check("security groups are groups with policies; criteria let nodes in and out by themselves", not wrong, "\n    ".join(wrong))
    watch.response.close()
    for path in ("nodes/acme/web-1", "nodes/acme/db-1", "nodes/beta/web-1", "groups/acme/above", "groups/acme/named", "groups/acme/everybody", "security_groups/acme/web"):
        operator.must("DELETE", "/v1/" + path)


# ---- secrets, log

def secrets(operator, manager):
    made = operator.must("POST", "/v1/tokens", {"name": "acme/told", "role": "admin"})
    secret = made["secret"]
    joined = join(operator, manager, "h2").secret
    texts = {path: operator.get(path).text for path in ("/v1/tokens?limit=1000", "/v1/tokens/acme/told", "/v1/log?limit=1000", "/v1/export", "/v1/hosts?limit=1000", "/v1/status", "/metrics")}
    texts["patch"] = operator.patch("/v1/tokens/acme/told", {"note": "x"}).text
    texts["apply"] = operator.post("/v1/apply?dry_run=1", {"delete": [{"kind": "token", "name": "acme/told"}]}).text
    texts["backup"] = operator.ask("POST", "/v1/backup").text
    with open("/proc/%d/cmdline" % manager.process.pid) as file:
        texts["command line"] = file.read()
    with open("/proc/%d/environ" % manager.process.pid) as file:
        texts["environment"] = file.read()
    for path in glob.glob(manager.directory + "/manager.db*") + [manager.log]:
        with open(path, "rb") as file:
            texts[os.path.basename(path)] = file.read().decode("latin-1")
    found = [what for what, text in texts.items() if secret[4:] in text or joined[4:] in text]
    check("a secret is told once, and stands nowhere: %s" % ", ".join(sorted(texts)), not found and "acme/told" in texts["backup"], found)
    hashed = operator.get("/v1/tokens/acme/told").json
    check("nor does its hash, but in the store and in backups", set(hashed) == {"kind", "name", "role", "expires", "note", "revision"}, hashed)
    tenant = manager.client(secret)
    tenant.ask("POST", "/v1/groups?why=in+the+query", {"name": "acme/l"})
    tenant.ask("PATCH", "/v1/groups/acme/l", {"note": "x"}, {"If-Match": "*", "X-Ovnet-Why": "gr\u00fcn \u2713".encode().decode("latin-1")})
    tenant.post("/v1/apply", {"delete": [{"kind": "group", "name": "acme/l"}], "why": "in the body"})
    log = operator.get("/v1/log?key=group/acme/l").json["items"]
    check("the log says who, when, what and why", [(each["who"], each["why"], each["writes"]) for each in log] == [
        ("acme/told", why, [{"key": "group/acme/l", "deleted": gone}])
        for why, gone in (("in the query", False), ("gr\u00fcn \u2713", False), ("in the body", True))]
        and all(abs(each["time_ms"] / 1000 - time.time()) < 60 for each in log), log)
    mode = os.stat(manager.directory + "/operator.token").st_mode & 0o777
    check("what is in the directory is its owner's alone", mode == 0o600 and os.stat(manager.directory).st_mode & 0o777 == 0o700)


def long_log(operator, manager):
    """Whose changes are few is not told at the cost of those whose are many: a page may be empty, and goes on."""
    objects = [{"kind": "group", "name": "acme/many", "note": "0"}]
    operator.must("POST", "/v1/groups", {"name": "beta/first"})
    for index in range(5200):
        objects[0]["note"] = str(index)
        operator.must("POST", "/v1/apply", {"objects": objects})
    operator.must("POST", "/v1/groups", {"name": "beta/last"})
    viewer = manager.client(token(operator, "beta/viewer", "viewer"))
    pages, after = [], 0
    while not pages or pages[-1]["after"] != after:
        after = pages[-1]["after"] if pages else 0
        pages.append(viewer.get("/v1/log?limit=1000&after=%d" % after).json)
    keys = [write["key"] for page in pages for item in page["items"] for write in item["writes"]]
    check("a log of which others see nearly all is read in pages", {"group/beta/first", "group/beta/last"} <= set(keys)
          and not [key for key in keys if "acme" in key] and len(pages) > 2, (len(pages), keys[:5]))
    for name in ("acme/many", "beta/first", "beta/last"):
        operator.must("DELETE", "/v1/groups/" + name)


def revoked(operator, manager):
    """What was begun with a token that is good is not done with one that is not; a token to join is good once."""
    secret = token(operator, "acme/going", "admin")
    body = b'{"name": "acme/too-late"}'
    late = socket.socket(socket.AF_UNIX)
    late.connect(manager.socket)
    late.sendall(("POST /v1/groups HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n" % (secret, len(body))).encode() + body[:5])
    other = manager.client(secret)
    check("a token is good", other.get("/v1/status").status == 200)
    operator.must("DELETE", "/v1/tokens/acme/going")
    late.sendall(body[5:])
    answer = late.recv(4096)
    check("a request that was begun before its token went is refused after", answer.startswith(b"HTTP/1.1 401")
          and operator.get("/v1/groups/acme/too-late").status == 404, answer[:100])
    late.close()
    secret = token(operator, "system/once", "join", host="h1")
    answers = []
    in_threads(lambda index: answers.append(manager.client(secret).post("/v1/join", {"key": public_key()}).status), 6)
    check("of six who join with one token one does", sorted(answers) == [201] + [401] * 5, answers)


# ---- bounds

def bounds(operator, manager):
    viewer = manager.client(token(operator, "acme/viewer", "viewer"))
    editor = manager.client(token(operator, "acme/editor", "editor"))

    def stuffed(client, octets, headers=None):
        return client.ask("POST", "/v1/groups", b'{"name": "' + b"x" * octets + b'"}', headers or {})

    check("a body that is too long is refused: 413", stuffed(viewer, 1 << 20).status == 413 and stuffed(editor, 32 << 20).status == 413)
    check("one that is nearly so is read", stuffed(editor, (32 << 20) - 100).status == 422)
    connection = editor.connect()
    connection.request("POST", "/v1/groups", iter([b"x" * 65536] * 600), {"Authorization": "Bearer " + editor.secret, "Transfer-Encoding": "chunked"}, encode_chunked=True)
    answer = connection.getresponse()
    check("and one whose length nobody said", answer.status == 413, answer.status)
    connection.close()
    text = '{"name": "acme/deep", "note": ' + "[" * 40 + "]" * 40 + "}"
    check("what is too deep is refused: 400", editor.ask("POST", "/v1/groups", text).status == 400)
    rated = manager.client(token(operator, "acme/rated", "viewer"))
    other = manager.client(token(operator, "acme/other", "viewer"))
    answers = [rated.get("/v1/status") for _ in range(1500)]
    refused = [each for each in answers if each.status == 429]
    check("who asks too often is refused, 429, and told when to come again", refused and answers[0].status == 200 and refused[0].headers["Retry-After"] == "1", len(refused))
    check("and nobody else is", other.get("/v1/status").status == 200)
    check("and he too is served again", wait_for(lambda: rated.get("/v1/status").status == 200, 5, 0.2))
    guesser = manager.client("ovt_" + "B" * 43)
    guesses = [guesser.get("/v1/status").status for _ in range(100)]
    check("guesses are few a second", guesses[0] in (401, 429) and guesses.count(429) > 50 and viewer.get("/v1/status").status == 200, guesses)


def memory(manager):
    with open("/proc/%d/status" % manager.process.pid) as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def slow(operator, manager):
    """Who sends an octet now and then, or never reads, holds nobody up; who has gone is forgotten."""
    metric = lambda name: float(next(line.split()[1] for line in operator.get("/metrics").text.splitlines() if line.startswith(name + " ")))
    secret = token(operator, "system/slow", "operator")
    head = ("POST /v1/apply HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100000\r\n\r\n" % secret).encode()
    slow_ones = []
    for index in range(100):
        each = manager.tls().wrap_socket(socket.create_connection(("::1", manager.port)), server_hostname="::1")
        each.send(head[:index] if index % 2 else head)
        slow_ones.append(each)
    idle = socket.create_connection(("::1", manager.port))
    reading = manager.client(secret).send("GET", "/v1/events")
    never = manager.local().send("GET", "/v1/events")
    before, longest = memory(manager), 0.0
    heard = 0
    for index in range(300):
        slow_ones[index % 100].send(b"x" if index % 100 % 2 == 0 else head[index % 100:index % 100 + 1])
        begin = time.monotonic()
        operator.must("POST", "/v1/apply", {"objects": [{"kind": "group", "name": "acme/s%d" % i, "note": str(index)} for i in range(100)]})
        longest = max(longest, time.monotonic() - begin)
        line = json.loads(reading.readline())
        heard += len(line["changes"])
    check("a hundred that send an octet at a time, and one that never reads, hold nobody up", longest < 1, longest)
    check("who reads hears everything", heard == 30000, heard)
    check("who does not read costs little", memory(manager) - before < 32768, memory(manager) - before)
    figure("api_longest_beside_slow_ms", round(longest * 1000))
    numbers = [json.loads(line)["revision"] for line in never.read().splitlines()]
    check("who does not read loses the stream, and has no gap before its end", numbers == list(range(numbers[0], numbers[0] + len(numbers))) and len(numbers) < 300, len(numbers))
    reading.close()
    for each in slow_ones + [idle]:
        each.close()
    # The bound on those who watch counts those that are there.
    for _ in range(3):
        streams = [manager.client(secret).send("GET", "/v1/events") for _ in range(50)]
        for each in streams:
            each.close()
        if not check("streams whose clients have gone are forgotten at once", wait_for(lambda: metric("ovnet_manager_http_streams") == 0, 5), metric("ovnet_manager_http_streams")):
            break
    streams = [manager.client(secret).send("GET", "/v1/events") for _ in range(65)]
    check("an account has at most 64", [each.status for each in streams] == [200] * 64 + [503], [each.status for each in streams][-3:])
    for each in streams:
        each.close()
    waiting = manager.local()
    begin = time.monotonic()
    check("a wait for what is to come ends in time", waiting.get("/v1/wait?revision=9999999&timeout=1").status == 200 and 0.9 < time.monotonic() - begin < 3)
    operator.must("POST", "/v1/apply", {"delete": [{"kind": "group", "name": "acme/s%d" % i} for i in range(100)]})


def main():
    with Work() as work:
        manager = work.manager().start()
        operator = manager.local()
        make_world(operator)
        conditions(operator, manager)
        dry_runs(operator)
        references(operator)
        groups(operator, manager)
        secrets(operator, manager)
        revoked(operator, manager)
        long_log(operator, manager)
        large(operator, manager)
        many_groups(operator)
        allocation(operator, manager)
        bounds(operator, manager)
        slow(operator, manager)
        # It ends with streams, questions and waits open.
        streams = [manager.local().send("GET", "/v1/events") for _ in range(3)]
        manager.local().connect()
        check("the manager ends well, whoever is connected", manager.stop() == 0, manager.tail())
        del streams
    end()


main()
