#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Looks at the dashboard and the alerts that are packaged: whole, and about nothing that is not served.

usage: dashboards.py DIRECTORY SERVED...    DIRECTORY is packaging/, each SERVED a file with the text that a program serves
"""
import json
import pathlib
import re
import sys

import yaml

import exposition

# Labels that Prometheus adds to each series.
ADDED = {"instance", "job"}


class Wrong(Exception):
    pass


def check_expression(where, text, served):
    """Names and labels in an expression are those of series that are served, and brackets close."""
    for opening, closing in ("()", "{}", "[]"):
        if text.count(opening) != text.count(closing):
            raise Wrong("%s: %s: brackets do not close" % (where, text))
    names = re.findall(r"\bovnet_[a-z0-9_]+", text)
    if not names:
        raise Wrong("%s: %s: about nothing" % (where, text))
    labels = set(ADDED)
    for name in names:
        if name not in served:
            raise Wrong("%s: nobody serves %s" % (where, name))
        labels |= served[name]
    asked = re.findall(r"[{,]\s*([a-z_]+)\s*(?:=~|!=|!~|=)", text)
    for listed in re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", text):
        asked += re.split(r"[,\s]+", listed.strip())
    for label in asked:
        if label not in labels:
            raise Wrong("%s: %s has no label %s" % (where, names[0], label))
    for name in names:
        if name.endswith("_total") and not re.search(r"(rate|increase|changes|resets)\(\s*%s\b" % name, text):
            raise Wrong("%s: %s is a counter, and asked without a rate" % (where, name))


def check_dashboard(path, served):
    board = json.loads(path.read_text())
    if not isinstance(board["schemaVersion"], int) or not board["title"] or not board["uid"]:
        raise Wrong("%s: no dashboard" % path.name)
    identifiers, taken, variables = set(), {}, {each["name"] for each in board["templating"]["list"]}
    for panel in board["panels"]:
        where = "%s: %s" % (path.name, panel["title"])
        if panel["id"] in identifiers:
            raise Wrong("%s: an id twice" % where)
        identifiers.add(panel["id"])
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                if x >= 24 or taken.setdefault((x, y), where) != where:
                    raise Wrong("%s: no place" % where)
        if panel["type"] != "row" and not panel["targets"]:
            raise Wrong("%s: shows nothing" % where)
        for target in panel.get("targets", []):
            check_expression(where, target["expr"], served)
            for name in re.findall(r"\$([a-z][a-z_]*)", target["expr"]):
                if name not in variables:
                    raise Wrong("%s: no variable %s" % (where, name))
    for each in board["annotations"]["list"]:
        check_expression(path.name, each["expr"], served)
    return len(board["panels"])


def check_alerts(path, served):
    names = set()
    for group in yaml.safe_load(path.read_text())["groups"]:
        for rule in group["rules"]:
            if set(rule) - {"alert", "expr", "for", "labels", "annotations"} or rule["alert"] in names:
                raise Wrong("%s: %s: an unknown key, or there twice" % (path.name, rule["alert"]))
            names.add(rule["alert"])
            if rule["labels"]["severity"] not in ("warning", "critical") or not rule["annotations"]["summary"]:
                raise Wrong("%s: %s: no severity or no summary" % (path.name, rule["alert"]))
            if not re.fullmatch(r"[0-9]+[smh]", rule.get("for", "1m")):
                raise Wrong("%s: %s: for how long?" % (path.name, rule["alert"]))
            check_expression("%s: %s" % (path.name, rule["alert"]), rule["expr"], served)
    return len(names)


def main():
    served, top = {}, pathlib.Path(sys.argv[1])
    try:
        for path in sys.argv[2:]:
            for family, (kind, series) in exposition.read(open(path).read()).items():
                for suffix in exposition.suffixes(kind):
                    served.setdefault(family + suffix, set())
                for name, labels in series:
                    served[name] |= {label for label, _ in labels}
        panels = sum(check_dashboard(path, served) for path in sorted(top.glob("grafana/*.json")))
        alerts = sum(check_alerts(path, served) for path in sorted(top.glob("prometheus/*.yaml")))
    except (Wrong, exposition.Bad, KeyError, ValueError) as wrong:
        sys.exit("%s: %s" % (type(wrong).__name__, wrong))
    if not panels or not alerts:
        sys.exit("nothing is there")
    print("%d panels, %d alerts" % (panels, alerts))


main()
