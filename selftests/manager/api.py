# SPDX-License-Identifier: BSD-2-Clause
"""Every row of docs/api.yaml against a manager that runs: good and bad requests, the status, headers and body of each answer.

An answer must be as the file says, and have no member that the file does not; every operation must have been asked well and ill;
what is refused says which field and what was expected, and leaves everything as it was."""

import copy
import json
import os
import re
import threading

import jsonschema
import yaml

from manager import Work, check, end, everything, join, public_key, token, wait_for

with open("docs/api.yaml") as file:
    API = yaml.safe_load(file)

METHODS = ("get", "post", "put", "patch", "delete")
ROWS = {(method.upper(), path) for path, item in API["paths"].items() for method in item if method in METHODS}


# ---- schemas: OpenAPI's words as JSON Schema's, and nothing beside what is described

def resolve(node):
    while "$ref" in node:
        found = API
        for part in node["$ref"][2:].split("/"):
            found = found[part]
        node = found
    return node


def strict(node):
    node = dict(resolve(node))
    if "allOf" in node:
        parts = [strict(each) for each in node.pop("allOf")]
        merged = {"properties": {}, "required": []}
        for part in parts:
            merged["properties"].update(part.pop("properties", {}))
            merged["required"] += part.pop("required", [])
            merged.update(part)
        merged = {key: value for key, value in merged.items() if value not in ({}, [])}
        merged.update(node)
        node = merged
    if "properties" in node:
        node["properties"] = {key: strict(value) for key, value in node["properties"].items()}
        node.setdefault("additionalProperties", False)
    if isinstance(node.get("additionalProperties"), dict):
        node["additionalProperties"] = strict(node["additionalProperties"])
    for word in ("items", "not"):
        if isinstance(node.get(word), dict):
            node[word] = strict(node[word])
    for word in ("oneOf", "anyOf"):
        if word in node:
            node[word] = [strict(each) for each in node[word]]
    if node.pop("nullable", False):
        node = {"anyOf": [node, {"type": "null"}]}
    return node


def fits(value, schema):
    """None, or what is wrong."""
    error = jsonschema.exceptions.best_match(jsonschema.Draft7Validator(strict(schema)).iter_errors(value))
    return None if error is None else "%s: %s" % ("/".join(map(str, error.absolute_path)), error.message[:300])


# ---- asking

asked = {row: {"good": 0, "bad": 0} for row in ROWS}
wrong = []
paths_of = {}


def filled(template, names):
    return re.sub(r"\{(\w+)\}", lambda match: str(names[match.group(1)]), template)


def judge(method, template, answer, what):
    """Compares an answer with the file."""
    if (method, template) not in ROWS:
        wrong.append("%s %s is not in the file" % (method, template))
        return
    responses = API["paths"][template][method.lower()]["responses"]
    said = responses.get(str(answer.status))
    asked[(method, template)]["good" if said else "bad"] += 1
    said = resolve(said or responses["default"])
    problem = None
    if answer.status >= 500:
        problem = "an answer of the 500s"
    elif "content" not in said:
        problem = "a body, and none is described" if answer.text else None
    else:
        media = answer.headers.get("Content-Type", "").split(";")[0]
        if media not in said["content"]:
            problem = "Content-Type %s" % media
        elif media == "application/json":
            problem = fits(answer.json, said["content"][media]["schema"])
        elif media == "application/x-ndjson" and not template.endswith("backup"):
            for line in answer.text.splitlines():
                problem = problem or fits(json.loads(line), said["content"][media]["schema"])
    for header in said.get("headers", {}):
        schema = resolve(said["headers"][header])["schema"]
        tag = answer.headers.get(header)
        applied = "dry_run" in (answer.json or {})
        if not applied and (tag is None or fits(tag, schema) or tag != '"%d"' % answer.json["revision"]):
            problem = "header %s: %s" % (header, tag)
    if problem:
        wrong.append("%s %s (%s): %d: %s: %s" % (method, template, what, answer.status, problem, answer.text[:300]))


class Asker:
    def __init__(self, operator):
        self.operator = operator  # looks whether all is as it was
        self.clients = {}

    def ask(self, client, method, template, names=None, body=None, query="", headers=None, status=200, says=(), what=""):
        """Asks, judges, and expects a status; what is refused must name each of `says`, and change nothing."""
        what = what or "%s%s" % (json.dumps(body)[:200] if body is not None else "", query)
        operation = API["paths"].get(template, {}).get(method.lower(), {})
        path = filled(template, names or {}) + query
        if headers is None:
            headers = {"If-Match": "*"} if method in ("PUT", "PATCH", "DELETE") else {}
        before = everything(self.operator) if status >= 400 and method != "GET" else None
        answer = client.ask(method, path, body, headers)
        if status == 401:
            # Who guesses too often is told so.
            answer = wait_for(lambda: (lambda again: again.status != 429 and again)(client.ask(method, path, body, headers)))
        judge(method, template, answer, what)
        if answer.status != status:
            wrong.append("%s %s (%s): expected %d, got %r" % (method, path, what, status, answer))
        if 200 <= status < 300 and body is not None and not isinstance(body, str):
            problem = fits(body, operation["requestBody"]["content"]["application/json"]["schema"])
            if problem:
                wrong.append("%s %s: the file would not have this body, which was taken: %s" % (method, path, problem))
        if status >= 400:
            text = answer.message()
            for word in says:
                if word not in text:
                    wrong.append("%s %s (%s): the answer does not say '%s': %s" % (method, path, what, word, text))
            if before is not None and everything(self.operator) != before:
                wrong.append("%s %s (%s): what was refused has changed something" % (method, path, what))
        return answer


def said(what):
    """A check of all that was found since the last one."""
    check(what, not wrong, "\n    ".join(wrong[:12]) + ("\n    and %d more" % (len(wrong) - 12) if len(wrong) > 12 else ""))
    wrong.clear()


# ---- kinds

SAMPLES = {
    "accounts": {"name": "sample", "contact": "somebody", "note": "for a test"},
    "tokens": {"name": "acme/sample", "role": "editor", "verbs": ["show", "list"], "note": "n"},
    "hosts": {"name": "h9", "locator": "fd00:1:0:9::/64"},
    "vnets": {"name": "acme/sample", "subnet": "10.9.0.0/24", "members": ["beta"], "agreement": "one"},
    "groups": {"name": "acme/sample", "groups": ["acme/g1"], "match": {"name": "web*"}, "default_in": "deny"},
    "security_groups": {"name": "acme/sample", "note": "n"},
    "handles": {"name": "acme/sample", "entries": ["10.0.0.1", "10.1.0.0/16", "group:acme/g1"], "contact": "c"},
    "nodes": {"name": "acme/sample", "vnet": "acme/Z", "host": "h1", "port": "p9", "mac": "02:00:00:00:00:09", "groups": ["acme/g1"]},
    "addresses": {"name": "acme/sample", "vnet": "acme/Z", "address": "10.0.0.77", "node": "acme/n1"},
    "policies": {"name": "acme/sample", "vnet": "acme/Z", "peers": ["group:acme/g1", "10.0.0.0/8"], "services": ["https", "icmp/echo"],
                 "verdict": "allow", "target": {"not": "node:acme/n1"}},
}
CHANGES = {
    "accounts": {"note": "other"}, "tokens": {"note": "other"}, "hosts": {"note": "other"}, "vnets": {"silence": "allow"},
    "groups": {"match": None}, "security_groups": {"note": "other"}, "handles": {"entries": ["10.0.0.2"]}, "nodes": {"port": "p10"},
    "addresses": {"node": None}, "policies": {"verdict": "deny", "cast": ["unicast"]},
}
# Of the wrong type, of the wrong content, and what a terminal would not like.
BAD = [{"x": 1}, 7.5, -1, True, "", "\u0001\u001b[2J", "no such thing", [[]], [{}], ["a", "a"], 1e300, "x" * 5000]


def is_taken(value, schema):
    return fits(value, schema) is None


def walk_kind(asker, client, plural, sample):
    kind_path = "/v1/%s" % plural
    one = next(path for path in API["paths"] if path.startswith(kind_path + "/{") and path.count("/") <= 4 and "versions" not in path)
    account, _, name = sample["name"].rpartition("/")
    names = {"account": account, "name": name}
    create = API["paths"][kind_path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    fields = resolve(create)["properties"]

    # What is not right is refused, by name.
    ask = lambda *args, **kw: asker.ask(client, *args, **kw)
    ask("POST", kind_path, body="{", status=400, says=["line 1"])
    ask("POST", kind_path, body='{"name": "a", "name": "b"}', status=400, says=["name"])
    ask("POST", kind_path, body="", status=400, says=["body"])
    ask("POST", kind_path, body=[], status=422, says=["name"])
    ask("POST", kind_path, body=dict(sample, surprise=1), status=422, says=["surprise", "expected"])
    ask("POST", kind_path, body=dict(sample, kind="nothing"), status=422, says=["kind", "expected"])
    ask("POST", kind_path, body={key: value for key, value in sample.items() if key != "name"}, status=422, says=["name", "expected"])
    ask("POST", kind_path, body=dict(sample, name="a/b/c"), status=422, says=["name", "expected"])
    ask("POST", kind_path, body=dict(sample, revision="x"), status=422, says=["revision", "expected"])
    ask("POST", kind_path, body=sample, query="?dryrun=1", status=400, says=["dryrun", "dry_run"])
    ask("POST", kind_path, body=sample, query="?dry_run=perhaps", status=400, says=["dry_run", "true or false"])
    ask("POST", kind_path, body=sample, query="?why=" + "x" * 501, status=400, says=["why"])
    ask("POST", kind_path, body=sample, headers={"X-Ovnet-Why": b"\xff\xfe"}, status=400, says=["why", "UTF-8"])
    ask("POST", kind_path, body=sample, headers={"Authorization": "Bearer ovt_" + "A" * 43}, status=401, says=["expected a token"])
    for field in resolve(create).get("required", []):
        if field != "name":
            ask("POST", kind_path, body={key: value for key, value in sample.items() if key != field}, status=422,
                says=[field, "expected", "nothing"])
    for field, schema in fields.items():
        if field in ("kind", "name", "revision"):
            continue
        refused = 0
        for bad in BAD:
            if is_taken(bad, schema) and (resolve(schema).get("x-expected") is None and bad != "\u0001\u001b[2J"):
                continue
            refused += 1
            answer = ask("POST", kind_path, body=dict(sample, **{field: bad}), status=422, says=[field, "expected"])
            if "\u001b" in answer.text:
                wrong.append("%s: a message with control characters" % field)
        if not refused:
            wrong.append("%s.%s: nothing was refused" % (plural, field))

    # Made: as a dry run, in fact, and not twice.
    dry = ask("POST", kind_path, body=sample, query="?dry_run", status=200).json
    if not dry["dry_run"] or [change["action"] for change in dry["changes"]] != ["create"]:
        wrong.append("%s: a dry run says %s" % (plural, dry))
    ask("GET", one, names, status=404, says=["there is no"])
    if ask("POST", kind_path, body=sample, query="?dry_run=true", status=200).json["revision"] != dry["revision"]:
        wrong.append("%s: a dry run has written" % plural)
    made = ask("POST", kind_path, body=sample, query="?dry_run=false&why=because", status=201).json
    ask("POST", kind_path, body=sample, status=409, says=[sample["name"], "expected a name that is free"])

    # Shown and listed.
    shown = ask("GET", one, names)
    if {key: value for key, value in made.items() if key != "secret"} != shown.json:
        wrong.append("%s: shown is %s, made was %s" % (plural, shown.json, made))
    if any(key in json.dumps(shown.json) for key in ("hash", "credential", "secret")):
        wrong.append("%s: a secret is shown: %s" % (plural, shown.text))
    ask("GET", one, dict(names, name="absent"), status=404, says=["absent"])
    ask("GET", one, dict(names, name="a%20b"), status=400, says=["expected"])
    ask("GET", kind_path)
    ask("GET", kind_path, query="?limit=1&name=*sam*&account=" + (account or name))
    for query, word in (("?limit=0", "limit"), ("?limit=1001", "limit"), ("?limit=x", "limit"), ("?what=1", "what")):
        ask("GET", kind_path, query=query, status=400, says=[word, "expected"])
    page = ask("GET", kind_path, query="?limit=1").json
    seen = [each["name"] for each in page["objects"]]
    while "next" in page:
        page = ask("GET", kind_path, query="?limit=1&after=" + page["next"]).json
        seen += [each["name"] for each in page["objects"]]
    if seen != sorted(each["name"] for each in ask("GET", kind_path, query="?limit=1000").json["objects"]):
        wrong.append("%s: pages are not the whole: %s" % (plural, seen))
    ask("GET", kind_path, headers={"Authorization": "nonsense"}, status=401)
    ask("GET", one, names, headers={"Authorization": "Bearer x"}, status=401)

    # Replaced and patched.
    etag = shown.headers["ETag"]
    replacement = {key: value for key, value in shown.json.items() if key not in ("kind", "name", "note")}
    for method, body in (("PUT", replacement), ("PATCH", {"note": "x"}), ("DELETE", None)):
        ask(method, one, names, body, headers={}, status=428, says=["If-Match", "expected"])
        for tag in ("x", '"x"', "0", "-1", "+1", '"1', "1\"", " ", 'W/"1"', "9" * 30):
            ask(method, one, names, body, headers={"If-Match": tag}, status=400, says=["If-Match", "expected"])
        ask(method, one, names, body, headers={"If-Match": '"1"'}, status=412, says=["expected", "revision 1"])
        ask(method, one, dict(names, name="absent"), body, status=404, says=["absent"])
        ask(method, one, names, body, query="?dry_run=2", status=400, says=["dry_run"])
        ask(method, one, names, body, headers={"Authorization": "Bearer ovt_x", "If-Match": "*"}, status=401)
        dry = ask(method, one, names, body, query="?dry_run=1", headers={"If-Match": etag}).json
        if not dry["dry_run"] or (dry["changes"] and dry["changes"][0]["action"] != ("delete" if body is None else "set")):
            wrong.append("%s %s: a dry run says %s" % (method, plural, dry))
    for field, schema in fields.items():
        if field in ("kind", "name", "revision"):
            continue
        for bad in BAD:
            if is_taken(bad, schema) and (resolve(schema).get("x-expected") is None and bad != "\u0001\u001b[2J"):
                continue
            ask("PATCH", one, names, {field: bad}, status=422, says=[field, "expected"])
            break
    ask("PUT", one, names, dict(replacement, name="absent"), status=422, says=["name", sample["name"]])
    ask("PUT", one, names, dict(replacement, surprise=1), status=422, says=["surprise"])
    ask("PATCH", one, names, {"kind": "nothing"}, status=422, says=["kind"])
    for field in resolve(API["paths"][one]["put"]["requestBody"]["content"]["application/json"]["schema"])["properties"]:
        if fields.get(field) is None and field not in ("kind", "name", "revision"):
            ask("PATCH", one, names, {field: 7777}, status=422, says=[field, "manager assign"])
    again = ask("PUT", one, names, replacement, headers={"If-Match": etag})
    if "note" in again.json and again.json["note"] == sample.get("note"):
        wrong.append("%s: what a replacement leaves out stays" % plural)
    patched = ask("PATCH", one, names, CHANGES[plural], headers={"If-Match": again.headers["ETag"]}).json
    for field, value in CHANGES[plural].items():
        if patched.get(field) != value:
            wrong.append("%s.%s: %s after %s" % (plural, field, patched.get(field), value))
    same = ask("PATCH", one, names, CHANGES[plural]).json
    if same["revision"] != patched["revision"]:
        wrong.append("%s: a change of nothing has a revision" % plural)

    # Methods that are none.
    for template, path in ((kind_path, kind_path), (one, filled(one, names))):
        there = {method.upper() for method in API["paths"][template] if method in METHODS}
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"} - there:
            answer = client.ask(method, path, "{}", {"If-Match": "*"})
            if answer.status != 405 or {each.strip() for each in answer.headers.get("Allow", "").split(",")} != there:
                wrong.append("%s %s: %r, Allow %s" % (method, path, answer, answer.headers.get("Allow")))

    # Deleted.
    ask("DELETE", one, names, headers={"If-Match": "\"%d\"" % (same["revision"])})
    ask("DELETE", one, names, status=404, says=[sample["name"]])
    said("%s: every operation and every field, well and ill" % plural)


# ---- what is no kind

def walk_handles(asker, client):
    ask = lambda *args, **kw: asker.ask(client, *args, **kw)
    base = "/v1/handles/{account}/{name}/versions"
    names = {"account": "acme", "name": "hv", "version": 1}
    client.must("POST", "/v1/handles", {"name": "acme/hv", "entries": ["10.0.0.1"]})
    client.must("PATCH", "/v1/handles/acme/hv", {"entries": ["10.0.0.2", "10.0.0.3"]})
    client.must("PATCH", "/v1/handles/acme/hv", {"note": "the same version"})
    items = ask("GET", base, names).json["items"]
    if [(each["version"], each["entries"]) for each in items] != [(2, 2), (1, 1)]:
        wrong.append("versions: %s" % items)
    if ask("GET", base + "/{version}", names).json["entries"] != ["10.0.0.1"]:
        wrong.append("version 1 is not what it was")
    for version, status in ((3, 404), (0, 400), ("x", 400), (-1, 400), ("9" * 25, 400)):
        ask("GET", base + "/{version}", dict(names, version=version), status=status, says=["version"])
        ask("POST", base + "/{version}/restore", dict(names, version=version), status=status, says=["version"])
    ask("GET", base, dict(names, name="absent"), status=404, says=["acme/absent"])
    ask("GET", base, dict(names, name="b%20c"), status=400, says=["expected"])
    restore = base + "/{version}/restore"
    ask("POST", restore, names, headers={"If-Match": '"1"'}, status=412, says=["revision"])
    ask("POST", restore, names, headers={"If-Match": "x"}, status=400, says=["If-Match"])
    ask("POST", restore, dict(names, name="absent"), status=404, says=["acme/absent"])
    dry = ask("POST", restore, names, query="?dry_run=1").json
    if dry["changes"][0]["fields"]["entries"]["after"] != ["10.0.0.1"]:
        wrong.append("a dry run of restore: %s" % dry)
    back = ask("POST", restore, names, query="?why=it+was+better").json
    if back["entries"] != ["10.0.0.1"] or back["version"] != 3 or back["note"] != "the same version":
        wrong.append("restored: %s" % back)
    log = ask("GET", "/v1/log", query="?key=handle/acme/hv&limit=1000").json["items"]
    if log[-1]["why"] != "restores version 1: it was better" or len(log) != 4:
        wrong.append("the log of restore: %s" % log)
    client.must("PATCH", "/v1/handles/acme/hv", {"immutable": True})
    ask("POST", restore, dict(names, version=2), status=422, says=["immutable"])
    ask("DELETE", "/v1/handles/{account}/{name}", names)
    ask("GET", base, names, status=404)
    said("versions of handles: listed, shown, restored")


def walk_apply(asker, client):
    ask = lambda *args, **kw: asker.ask(client, *args, **kw)
    group = {"kind": "group", "name": "acme/applied", "note": "a"}
    bad = [
        ([], "expected an object"), ({"surprise": 1}, "surprise"), ({"objects": {}}, "objects"), ({"delete": 1}, "delete"),
        ({"prune": "yes"}, "prune"), ({"why": 5}, "why"), ({"why": "x" * 501}, "why"), ({"objects": [1]}, "objects[0]"),
        ({"objects": [{"name": "x"}]}, "objects[0]"), ({"objects": [dict(group, note=5)]}, "objects[0].note"),
        ({"objects": [group, group]}, "each object once"), ({"objects": [dict(group, name="acme/other"), dict(group, surprise=1)]}, "objects[1].surprise"),
        ({"objects": [{"kind": "token", "name": "acme/t", "role": "admin"}]}, "token"),
        ({"delete": [{"kind": "group"}]}, "delete[0]"), ({"delete": [{"kind": "group", "name": "a/b/c"}]}, "delete[0]"),
        ({"objects": [dict(group, name="acme/g1")], "delete": [{"kind": "group", "name": "acme/g1"}]}, "each object once"),
        ({"delete": [{"kind": "group", "name": "acme/g1"}] * 2}, "each object once"),
        ({"objects": [group, {"kind": "group", "name": "nobody/x"}]}, "nobody"),
    ]
    for body, word in bad:
        ask("POST", "/v1/apply", body=body, status=422, says=["expected" if word != "token" else word, word])
    ask("POST", "/v1/apply", body={"delete": [{"kind": "group", "name": "acme/absent"}]}, status=404, says=["delete[0]", "acme/absent"])
    ask("POST", "/v1/apply", body="[", status=400)
    ask("POST", "/v1/apply", body='{"a":' * 100 + "1" + "}" * 100, status=400, says=["line 1"])
    ask("POST", "/v1/apply", body={}, query="?prune=1", status=400, says=["prune", "dry_run"])
    many = {"objects": [dict(group, surprise=i, name="acme/x%d" % i) for i in range(80)]}
    answer = ask("POST", "/v1/apply", body=many, status=422, says=["surprise"]).json["error"]
    if len(answer["findings"]) != 50 or answer["more"] != 30:
        wrong.append("findings: %d, and %s more" % (len(answer["findings"]), answer.get("more")))
    body = {"objects": [group], "delete": [], "why": "for a test"}
    dry = ask("POST", "/v1/apply", body=body, query="?dry_run=1").json
    done = ask("POST", "/v1/apply", body=body).json
    if dry["changes"] != done["changes"] or done["dry_run"] or not dry["dry_run"]:
        wrong.append("dry %s, done %s" % (dry, done))
    if ask("POST", "/v1/apply", body=body).json["changes"]:
        wrong.append("the same again is a change")
    ask("POST", "/v1/apply", body={"objects": [dict(group, note="b")]})
    ask("POST", "/v1/apply", body={"delete": [{"kind": "group", "name": "acme/applied"}]})
    exported = ask("GET", "/v1/export").json
    if ask("POST", "/v1/apply", body=dict(exported, prune=True)).json["changes"]:
        wrong.append("what was exported is not what there is")
    only = ask("GET", "/v1/export", query="?account=beta").json["objects"]
    if {each["name"].split("/")[0] for each in only} - {"beta"}:
        wrong.append("an export of beta has others: %s" % only)
    ask("GET", "/v1/export", query="?what=1", status=400)
    said("apply and export")


def walk_rest(asker, client, manager):
    ask = lambda *args, **kw: asker.ask(client, *args, **kw)
    log = ask("GET", "/v1/log").json
    ask("GET", "/v1/log", query="?after=%d&limit=5" % log["after"])
    if {each["who"] for each in ask("GET", "/v1/log", query="?who=system/op1").json["items"]} - {"system/op1"}:
        wrong.append("the log of one has others")
    for query in ("?after=x", "?limit=0", "?key=nothing", "?key=node/", "?who=" + "x" * 80, "?since=1"):
        ask("GET", "/v1/log", query=query, status=400, says=["expected"])
    ask("GET", "/v1/wait")
    ask("GET", "/v1/wait", query="?revision=1&timeout=0")
    ask("GET", "/v1/wait", query="?revision=999999&timeout=0")
    for query in ("?timeout=301", "?timeout=x", "?revision=-1", "?what=1"):
        ask("GET", "/v1/wait", query=query, status=400, says=["expected"])
    ask("GET", "/v1/status")
    ask("GET", "/v1/status", query="?verbose", status=400)
    ask("GET", "/healthz")
    ask("GET", "/healthz", query="?x=1", status=400)
    metrics = ask("GET", "/metrics").text
    if not re.search(r"^ovnet_manager_objects\{kind=\"node\"\} \d+$", metrics, re.M):
        wrong.append("metrics: %s" % metrics[:300])
    for line in metrics.splitlines():
        if not re.match(r'^(# (HELP|TYPE) .+|[a-z_]+(\{[a-z]+="[^"]*"\})? [0-9.e+-]+)$', line):
            wrong.append("metrics: %s" % line)
    backup = client.ask("POST", "/v1/backup")
    judge("POST", "/v1/backup", backup, "")
    lines = [json.loads(line) for line in backup.text.splitlines()]
    if "ovnet_backup" not in lines[0] or len(lines) < 10:
        wrong.append("backup: %s" % lines[:2])
    tenant = manager.client(token(client, "acme/admin", "admin"))
    for method, path in (("GET", "/metrics"), ("POST", "/v1/backup")):
        asker.ask(tenant, method, path, status=403, says=["admin"])
    for path in ("/v1/apply", "/v1/export", "/v1/log", "/v1/wait", "/v1/events", "/v1/backup", "/v1/status", "/metrics"):
        for method in ROWS:
            if method[1] == path:
                asker.ask(manager.client(), method[0], path, status=401, says=["token"])
    ask("GET", "/v1/events", query="?account=" + "x" * 99, status=400, says=["account"])

    # A stream: the head, then a line for a change.
    response = manager.client(client.secret).send("GET", "/v1/events?account=acme")
    client.must("POST", "/v1/groups", {"name": "beta/unheard"})
    client.must("POST", "/v1/groups", {"name": "acme/heard"})
    line = json.loads(response.readline())
    problem = fits(line, API["components"]["schemas"]["Event"])
    if problem or response.status != 200 or line["changes"] != [{"action": "create", "kind": "group", "name": "acme/heard"}]:
        wrong.append("event %s: %s" % (line, problem))
    asked[("GET", "/v1/events")]["good"] += 1
    for name in ("beta/unheard", "acme/heard"):
        client.must("DELETE", "/v1/groups/" + name)
    for path in ("/", "/v1", "/v1/", "/v2/nodes", "/v1/node", "/v1/nodes/", "/v1/nodes/a", "/v1/nodes/a/b/c", "/v1//nodes", "/%00", "/v1/nodes/%2e%2e/x"):
        answer = client.get(path)
        if answer.status not in (404, 400) or fits(answer.json, API["components"]["schemas"]["Error"]):
            wrong.append("GET %s: %r" % (path, answer))
    said("log, wait, events, status, health, metrics, backup")


def walk_agents(asker, operator, manager):
    secret = token(operator, "system/j1", "join", host="h1")
    joiner = manager.client(secret)
    ask = asker.ask
    for body in ({}, {"key": 5}, {"key": "x"}, {"key": "A" * 43 + "="}):
        ask(joiner, "POST", "/v1/join", body=body, status=422, says=["key", "expected"])
    ask(joiner, "POST", "/v1/join", body="{", status=400)
    ask(operator, "POST", "/v1/join", body={"key": public_key()}, status=403)
    ask(joiner, "GET", "/v1/status", status=403)
    joined = ask(joiner, "POST", "/v1/join", body={"key": public_key()}, status=201).json
    ask(joiner, "POST", "/v1/join", body={"key": public_key()}, status=401, says=["token"])
    agent = manager.client(joined["secret"])
    other = join(operator, manager, "h2")

    for body in ({}, {"have": 5}, {"have": {'a"b': "1"}}, {"have": {"k" * 500: "1"}}, {"have": {"a\nb": "1"}}):
        ask(agent, "POST", "/v1/agent/watch", body=body, status=422, says=["have", "expected"])
    response = manager.client(agent.secret).send("POST", "/v1/agent/watch", {"have": {"node/acme/gone": "00"}})
    lines = []
    while not lines or "commit" not in lines[-1]:
        lines.append(json.loads(response.readline()))
    operator.must("PATCH", "/v1/nodes/acme/n1", {"note": "unheard", "port": "p77"})
    while "set" not in lines[-1]:
        lines.append(json.loads(response.readline()))
    lines.append(json.loads(response.readline()))
    for line in lines:
        problem = fits(line, API["components"]["schemas"]["AgentEvent"])
        if problem:
            wrong.append("%s: %s" % (line, problem))
    asked[("POST", "/v1/agent/watch")]["good"] += 1
    commit = lines[-1]["commit"]

    status = operator.get("/v1/status")
    judge("GET", "/v1/status", status, "with agents")
    waited = ask(operator, "GET", "/v1/wait", query="?timeout=0").json
    if waited["live"] or [each["host"] for each in waited["late"]] != ["h1"] or waited["late_count"] != 1:
        wrong.append("wait with one late: %s" % waited)
    for body in ({}, {"revision": "x"}, {"revision": -1}, {"revision": 1.5}):
        ask(agent, "POST", "/v1/agent/applied", body=body, status=422, says=["revision", "expected"])
    ask(agent, "POST", "/v1/agent/applied", body={"revision": commit}, status=204)
    if not ask(operator, "GET", "/v1/wait", query="?timeout=10").json["live"]:
        wrong.append("applied, and not live")

    operator.must("POST", "/v1/policies", {"name": "acme/let", "vnet": "acme/Z", "verdict": "allow"})
    vni = operator.get("/v1/vnets/acme/Z").json["vni"]
    for body in ({}, {"queries": 5}, {"queries": [5]}, {"queries": [{"vni": 0, "source": "10.0.0.1", "destination": "10.0.0.2"}]},
                 {"queries": [{"vni": vni, "source": "x", "destination": "10.0.0.2"}]}, {"queries": [{}] * 1001}):
        ask(agent, "POST", "/v1/agent/resolve", body=body, status=422, says=["queries", "expected"])
    queries = [{"vni": vni, "source": "10.0.0.1", "destination": each} for each in ("10.0.0.2", "10.0.0.99")]
    queries += [{"vni": vni, "source": "10.0.0.2", "destination": "10.0.0.1"}, {"vni": 4711, "source": "10.0.0.1", "destination": "10.0.0.2"}]
    answers = ask(agent, "POST", "/v1/agent/resolve", body={"queries": queries}).json["answers"]
    if [each.get("node", each.get("why")) for each in answers] != ["acme/n2", "absent", "refused", "refused"]:
        wrong.append("resolved: %s" % answers)
    # Who has asked is told when that is so no more.
    operator.must("PATCH", "/v1/nodes/acme/n2", {"address": "10.0.0.52"})
    while "place" not in lines[-1]:
        lines.append(json.loads(response.readline()))
        problem = fits(lines[-1], API["components"]["schemas"]["AgentEvent"])
        if problem:
            wrong.append("%s: %s" % (lines[-1], problem))
    operator.must("PATCH", "/v1/nodes/acme/n2", {"address": "10.0.0.2"})

    for body in ({}, {"nodes": 5}, {"nodes": [{"name": "acme/n1"}]}, {"nodes": [{"name": "acme/n1", "incarnation": "0"}]},
                 {"nodes": [{"name": "acme/n1", "incarnation": 5}]}, {"nodes": [{"name": "x", "incarnation": "1"}] * 1025}):
        ask(agent, "POST", "/v1/agent/passports", body=body, status=422, says=["nodes", "expected"])
    passports = ask(agent, "POST", "/v1/agent/passports",
                    body={"nodes": [{"name": "acme/n1", "incarnation": "5"}, {"name": "acme/n2", "incarnation": "6"}]}).json
    if passports["nodes"][0]["passport"] is None or passports["nodes"][1]["passport"] is not None:
        wrong.append("passports: %s" % passports)
    for body in ({}, {"trial": "x"}, {"trial": 0}):
        ask(agent, "POST", "/v1/agent/trial", body=body, status=422, says=["trial", "expected"])
    # A dry run asks the agent what it would end, and says so.
    dry = {}
    asking = threading.Thread(target=lambda: dry.update(ask(operator, "DELETE", "/v1/policies/{account}/{name}",
                                                            {"account": "acme", "name": "let"}, query="?dry_run=1").json))
    asking.start()
    while "end" not in lines[-1]:
        lines.append(json.loads(response.readline()))
        problem = fits(lines[-1], API["components"]["schemas"]["AgentEvent"])
        if problem:
            wrong.append("%s: %s" % (lines[-1], problem))
    ask(agent, "POST", "/v1/agent/trial", body={"trial": lines[-1]["trial"], "rules": 2, "sessions": 3, "shown": [{}]}, status=204)
    asking.join(10)
    if dry.get("live") != {"rules": 2, "sessions": 3, "silent": 0, "hosts": [{"host": "h1", "rules": 2, "sessions": 3, "shown": [{}]}]}:
        wrong.append("a dry run with an agent: %s" % dry)
    if operator.get("/v1/policies/acme/let").status != 200:
        wrong.append("a dry run did it")
    for path in ("watch", "applied", "resolve", "passports", "trial"):
        ask(agent, "POST", "/v1/agent/" + path, body="{", status=400)
        ask(operator, "POST", "/v1/agent/" + path, body={}, status=403)
        ask(manager.client(), "POST", "/v1/agent/" + path, body={}, status=401)
    for path in ("/v1/status", "/v1/nodes", "/v1/export", "/v1/log"):
        if agent.get(path).status != 403:
            wrong.append("an agent may GET %s" % path)
    # A host that joins anew has another secret, and the stream that the former one opened ends.
    again = join(operator, manager, "h1")
    if response.read() is None or agent.get("/v1/agent/watch").status not in (401, 405):
        wrong.append("a former secret is good")
    ask(agent, "POST", "/v1/agent/applied", body={"revision": 1}, status=401)
    ask(again, "POST", "/v1/agent/applied", body={"revision": 1}, status=204)
    other.close()
    said("agents: join, watch, applied, resolve, passports")


def make_world(operator):
    for name in ("acme", "beta"):
        operator.must("POST", "/v1/accounts", {"name": name})
    for index in (1, 2):
        operator.must("POST", "/v1/hosts", {"name": "h%d" % index, "locator": "fd00:1:0:%d::/64" % index})
    operator.must("POST", "/v1/vnets", {"name": "acme/Z", "subnet": "10.0.0.0/24"})
    operator.must("POST", "/v1/groups", {"name": "acme/g1"})
    for index in (1, 2):
        operator.must("POST", "/v1/nodes", {"name": "acme/n%d" % index, "vnet": "acme/Z", "host": "h%d" % index, "port": "p%d" % index,
                                            "mac": "02:00:00:00:00:0%d" % index})


def main():
    with Work() as work:
        manager = work.manager().start()
        local = manager.local()
        operator = manager.client(manager.operator_secret())
        make_world(operator)
        asker = Asker(local)
        check("every kind has a sample", set(SAMPLES) == {path[4:] for path in API["paths"] if re.match("^/v1/[a-z_]+$", path)
                                                          and {"get", "post"} <= set(API["paths"][path])})
        for index, (plural, sample) in enumerate(SAMPLES.items()):
            walk_kind(asker, manager.client(token(operator, "system/op%d" % index, "operator")), plural, copy.deepcopy(sample))
        walk_handles(asker, manager.client(token(operator, "system/oph", "operator")))
        walk_apply(asker, manager.client(token(operator, "system/opa", "operator")))
        walk_rest(asker, operator, manager)
        walk_agents(asker, manager.client(token(operator, "system/opg", "operator")), manager)
        missing = [" ".join(row) for row, times in asked.items() if not times["good"]]
        check("every operation of the file was asked well", not missing, ", ".join(missing))
        missing = [" ".join(row) for row, times in asked.items() if not times["bad"]]
        check("every operation of the file was asked ill", not missing, ", ".join(missing))
        status = manager.stop()
        check("the manager ends well", status == 0, "status %d: %s" % (status, manager.tail()))
    end()


os.environ.setdefault("LC_ALL", "C.UTF-8")
main()
