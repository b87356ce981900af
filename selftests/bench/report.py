#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Make the benchmark's figures of its samples: report.py SAMPLES OUTPUT

SAMPLES has a line "ROUND COLUMN FIGURE VALUE" for each thing measured. OUTPUT becomes a JSON array of
{"name", "unit", "value", "min", "max", "runs", "against"}; a table is printed. A ratio is taken within each round, and
its median, least and greatest over the rounds are reported: what slows a whole round then slows both sides of it.
"""
import json
import os
import statistics
import sys

COLUMNS = "ovnet plain vxlan vxlan_nft redirect redirect_peer".split()
# Figure of the samples, its name in ratios, its unit.
FIGURES = [
    ("tcp_stream_gbps", "tcp_stream", "Gbit/s"),
    ("tcp_stream4_gbps", "tcp_stream4", "Gbit/s"),
    ("udp_mpps", "udp_pps", "Mpps"),
    ("udp_lost", None, "share"),
    ("tcp_rr_per_s", "tcp_rr", "1/s"),
]
# Name, column and figure of the samples, and the empty program on the same hook.
PROGRAMS = [
    ("node_prog", ("ovnet", "node"), ("redirect", "empty_tc")),
    ("uplink_tc", ("ovnet", "uplink_tc"), ("redirect", "empty_tc")),
    ("uplink_xdp", ("ovnet_xdp", "uplink_xdp"), ("redirect", "empty_xdp")),
    ("empty_tc", ("redirect", "empty_tc"), None),
    ("empty_xdp", ("redirect", "empty_xdp"), None),
]


def read_samples(path):
    """Samples as {(column, figure): {round: value}}."""
    samples = {}
    with open(path, encoding="ascii") as lines:
        for line in lines:
            number, column, figure, value = line.split()
            samples.setdefault((column, figure), {})[int(number)] = float(value)
    return samples


def entry(name, unit, values, against):
    """One figure, from its values in the rounds."""
    return {
        "name": name,
        "unit": unit,
        "value": round(statistics.median(values), 4),
        "min": round(min(values), 4),
        "max": round(max(values), 4),
        "runs": len(values),
        "against": against,
    }


def paired(samples, one, other, combine):
    """Both figures combined in each round that has both."""
    a, b = samples.get(one, {}), samples.get(other, {})
    return [combine(a[r], b[r]) for r in sorted(a) if r in b]


def entries(samples):
    """All figures that the samples give: ratios first, then times of programs, then what was measured."""
    found = []
    for figure, ratio, _ in FIGURES:
        for base in COLUMNS[1:] if ratio else []:
            values = paired(samples, ("ovnet", figure), (base, figure), lambda a, b: a / b)
            if values:
                found.append(entry(f"{ratio}_vs_{base}", "ratio", values, base))
    for name, source, empty in PROGRAMS:
        if source in samples:
            against = empty[1] if empty else ""
            found.append(entry(f"{name}_ns", "ns", list(samples[source].values()), against))
        net = paired(samples, source, empty, lambda a, b: a - b) if empty else []
        if net:
            found.append(entry(f"{name}_net_ns", "ns", net, empty[1]))
    for figure, _, unit in FIGURES:
        for column in COLUMNS:
            if (column, figure) in samples:
                values = list(samples[column, figure].values())
                found.append(entry(f"{figure}_{column}", unit, values, ""))
    return found


def print_table(found):
    """The same for people."""
    print(f"{'':28} {'median':>12} {'least':>12} {'greatest':>12} {'runs':>5}  unit")
    for e in found:
        against = f" (against {e['against']})" if e["against"] else ""
        print(f"{e['name']:28} {e['value']:12g} {e['min']:12g} {e['max']:12g} {e['runs']:5d}  {e['unit']}{against}")


def main():
    """Read, write whole or not at all, print."""
    samples, output = sys.argv[1:]
    found = entries(read_samples(samples))
    with open(output + ".new", "w", encoding="ascii") as out:
        json.dump(found, out, indent=1)
        out.write("\n")
    os.replace(output + ".new", output)
    print_table(found)


main()
