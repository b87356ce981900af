#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Make the benchmark's figures of its samples: report.py SAMPLES LATENCIES OUTPUT

SAMPLES has a line "ROUND COLUMN FIGURE VALUE" for each thing measured, LATENCIES one for each probe, in nanoseconds, of
which percentiles are taken in each round. Either may be absent. OUTPUT becomes a JSON array of
{"name", "unit", "value", "min", "max", "runs", "against"}; a table is printed. A ratio is taken within each round, and
its median, least and greatest over the rounds are reported: what slows a whole round then slows both sides of it.
"""
import json
import math
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
# Percentiles of latencies: name of the ratio, figure, percentile, column, the column it is compared with.
LATENCY_RATIOS = [
    ("first_packet_vs_relay_p50", "first_packet", 50, "negotiated", "relay"),
    ("first_packet_vs_relay_p99", "first_packet", 99, "negotiated", "relay"),
    ("ask_flood_p99_ratio", "ask_flood", 99, "attacked", "idle"),
    ("scan_neighbour_p99_ratio", "scan", 99, "attacked", "idle"),
]
# And as they are, in microseconds.
LATENCIES = [
    ("first_packet_p50_us", "first_packet", 50, "negotiated"),
    ("first_packet_p99_us", "first_packet", 99, "negotiated"),
    ("first_packet_cold_p50_us", "first_packet", 50, "cold"),
    ("first_packet_relay_p50_us", "first_packet", 50, "relay"),
    ("first_packet_relay_p99_us", "first_packet", 99, "relay"),
    ("ask_flood_idle_p99_us", "ask_flood", 99, "idle"),
    ("ask_flood_p99_us", "ask_flood", 99, "attacked"),
    ("scan_neighbour_idle_p99_us", "scan", 99, "idle"),
    ("scan_neighbour_p99_us", "scan", 99, "attacked"),
    ("negotiations_p99_us", "first_packet", 99, "rate"),
]
# What a manager does: name of the figure, its unit.
MANAGER = [
    ("manager_agents", "agents"),
    ("manager_bytes_per_agent", "octets"),
    ("manager_restart_s", "s"),
    ("manager_restart_documents", "lines"),
    ("manager_joins_per_s", "1/s"),
    ("policy_messages_excess", "messages"),
    ("handle_100k_enforced_ms", "ms"),
    ("handle_100k_new_enforced_ms", "ms"),
    ("resolve_per_s", "1/s"),
    ("resolve_single_per_s", "1/s"),
    ("passports_per_s", "1/s"),
    ("writes_1_per_s", "1/s"),
    ("writes_16_per_s", "1/s"),
    ("writes_agents_per_s", "1/s"),
]
LOST_NS = 1e9  # a probe without an answer has this latency or more


def read_lines(path):
    """Lines as (round, (column, figure), value)."""
    if not os.path.exists(path):
        return
    with open(path, encoding="ascii") as lines:
        for line in lines:
            number, column, figure, value = line.split()
            yield int(number), (column, figure), float(value)


def read_samples(path):
    """Samples as {(column, figure): {round: value}}."""
    samples = {}
    for number, key, value in read_lines(path):
        samples.setdefault(key, {})[number] = value
    return samples


def read_latencies(path):
    """Latencies as {(column, figure): {round: values}}."""
    latencies = {}
    for number, key, value in read_lines(path):
        latencies.setdefault(key, {}).setdefault(number, []).append(value)
    return latencies


def percentile(values, percent):
    """The least value that so many percent do not exceed."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


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


def latency_entries(samples, latencies):
    """What negotiation costs."""
    found = []

    def of_rounds(column, figure, percent):
        return {r: percentile(values, percent) for r, values in latencies.get((column, figure), {}).items()}

    for name, figure, percent, column, base in LATENCY_RATIOS:
        one, other = of_rounds(column, figure, percent), of_rounds(base, figure, percent)
        values = [one[r] / other[r] for r in sorted(one) if r in other]
        if values:
            found.append(entry(name, "ratio", values, base))
    for name, figure, percent, column in LATENCIES:
        values = [value / 1e3 for value in of_rounds(column, figure, percent).values()]
        if values:
            found.append(entry(name, "us", values, ""))
    if ("negotiated", "negotiations_per_s") in samples:
        values = list(samples["negotiated", "negotiations_per_s"].values())
        found.append(entry("negotiations_per_s", "1/s", values, ""))
    if ("negotiated", "handle_decision_ratio") in samples:
        values = list(samples["negotiated", "handle_decision_ratio"].values())
        found.append(entry("handle_decision_ratio", "ratio", values, "10 prefixes"))
    for key in latencies:
        if key[0] == "manager":
            continue
        values = [sum(v >= LOST_NS for v in values) / len(values) for values in latencies[key].values()]
        if any(values):
            found.append(entry(f"{key[1]}_lost_{key[0]}", "share", values, ""))
    # Of all revocations together: a round has too few for a percentile.
    revocations = [v / 1e6 for values in latencies.get(("negotiated", "revocation"), {}).values() for v in values]
    if revocations:
        found.append(entry("revocation_p99_ms", "ms", revocations, ""))
        found[-1]["value"] = round(percentile(revocations, 99), 4)
    return found


def manager_entries(samples, latencies):
    """What a manager does."""
    found = [entry(name, unit, list(samples["manager", name].values()), "")
             for name, unit in MANAGER if ("manager", name) in samples]
    for figure in ("policy_enforced", "policy_whole", "policy_real"):
        rounds = {r: percentile(values, 99) / 1e6
                  for r, values in latencies.get(("manager", figure), {}).items()}
        if rounds:
            found.append(entry(f"{figure}_p99_ms", "ms", list(rounds.values()), ""))
    return found


def print_table(found):
    """The same for people."""
    print(f"{'':28} {'median':>12} {'least':>12} {'greatest':>12} {'runs':>5}  unit")
    for e in found:
        against = f" (against {e['against']})" if e["against"] else ""
        print(f"{e['name']:28} {e['value']:12g} {e['min']:12g} {e['max']:12g} {e['runs']:5d}  {e['unit']}{against}")


def main():
    """Read, write whole or not at all, print."""
    samples, latencies, output = sys.argv[1:]
    samples, latencies = read_samples(samples), read_latencies(latencies)
    found = entries(samples) + latency_entries(samples, latencies) + manager_entries(samples, latencies)
    with open(output + ".new", "w", encoding="ascii") as out:
        json.dump(found, out, indent=1)
        out.write("\n")
    os.replace(output + ".new", output)
    print_table(found)


main()
