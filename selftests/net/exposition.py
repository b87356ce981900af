#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Reads the text by which Prometheus is served (exposition format 0.0.4), strictly, from standard input.

usage: exposition.py check           every line follows the format, and names follow Prometheus's advice
       exposition.py value SERIES    prints a value: NAME, or NAME{LABEL="VALUE",...}; labels not given may be anything,
                                     and series that fit are added; 0 when there is none
       exposition.py names           prints the names of all families, with the suffixes of histograms
"""
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"'
SERIES = re.compile(r"(%s)(?:\{((?:%s)(?:,%s)*)\})? (\S+)$" % (NAME, LABEL, LABEL))
NUMBER = re.compile(r"[+-]?(\d+(\.\d+)?([eE][+-]?\d+)?|Inf)$|NaN$")
TYPES = ("counter", "gauge", "histogram")


class Bad(Exception):
    pass


def labels_of(text):
    found = re.findall(LABEL, text or "")
    if len({name for name, _ in found}) != len(found):
        raise Bad("a label twice: " + text)
    return tuple(sorted((name, re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), value)) for name, value in found))


def suffixes(kind):
    return ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)


def read(text):
    """{family: (type, {(series name, labels): value})}, in which everything was as it has to be."""
    families, series_of, help_of, current = {}, {}, None, None
    if not text.endswith("\n"):
        raise Bad("the last line has no end")
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            help_of, _, words = line[7:].partition(" ")
            if not re.fullmatch(NAME, help_of) or help_of in families:
                raise Bad("no name, or a family twice: " + line)
            if not words or re.search(r"\\[^\\n]|\\$", words):
                raise Bad("no help, or badly escaped: " + line)
        elif line.startswith("# TYPE "):
            current, _, kind = line[7:].partition(" ")
            if current != help_of or current in families or kind not in TYPES:
                raise Bad("a type without its help before it, twice, or unknown: " + line)
            families[current] = (kind, {})
        else:
            match = SERIES.match(line)
            if not match:
                raise Bad("no series: " + line)
            name, labels, value = match[1], labels_of(match[2]), line.rsplit(" ", 1)[1]
            if not NUMBER.match(value):
                raise Bad("no number: " + line)
            if current is None or name not in [current + suffix for suffix in suffixes(families[current][0])]:
                raise Bad("a series outside its family: " + line)
            if (name, labels) in series_of:
                raise Bad("a series twice: " + line)
            series_of[name, labels] = families[current][1][name, labels] = float(value)
    for family, (kind, series) in families.items():
        advise(family, kind, series)
    return families


def advise(family, kind, series):
    """What Prometheus's guide asks of names, and what holds between the series of a histogram."""
    if (kind == "counter") != family.endswith("_total"):
        raise Bad("%s is a %s" % (family, kind))
    if kind == "counter" and any(value < 0 or value != int(value) for value in series.values()):
        raise Bad("%s does not count" % family)
    if re.search(r"_(ms|us|ns|milliseconds|minutes|kb|kilobytes)(_|$)", family):
        raise Bad("%s is not in a base unit" % family)
    if kind == "histogram":
        bounds = [(float(dict(labels)["le"]), value) for (name, labels), value in series.items() if name.endswith("_bucket")]
        count = series[family + "_count", ()]
        if bounds != sorted(bounds) or sorted(v for _, v in bounds) != [v for _, v in bounds]:
            raise Bad("%s is not cumulative" % family)
        if bounds[-1] != (float("inf"), count) or (family + "_sum", ()) not in series:
            raise Bad("%s does not add up" % family)


def value(families, wanted):
    name, _, labels = wanted.partition("{")
    asked = set(labels_of(labels))
    return sum(v for _, series in families.values() for (n, have), v in series.items() if n == name and asked <= set(have))


def main():
    try:
        families = read(sys.stdin.read())
    except Bad as bad:
        sys.exit(str(bad))
    if sys.argv[1] == "value":
        print("%d" % value(families, sys.argv[2]))
    elif sys.argv[1] == "names":
        for family, (kind, _) in families.items():
            print("\n".join(family + suffix for suffix in suffixes(kind)))
    elif not families:
        sys.exit("nothing is there")


if __name__ == "__main__":
    main()
