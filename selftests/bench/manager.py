#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measures a manager: see manager.sh, and docs/benchmark.md for what the figures mean.

Writes lines "ROUND manager FIGURE VALUE" to --samples, and to --latencies one for each change of a policy, in nanoseconds.
"""
import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "manager"))
import world  # noqa: E402

PER_VNET = 50
SPLAY_MS = 10000
CHANGED_AGENTS = 1000
CHANGES = 100
CHANGES_OF_ALL = 10  # of those
SECONDS = 5
ASKERS = 100
BATCH = 20


def parse():
    """Options."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", required=True)
    parser.add_argument("--latencies", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--agents", type=int, default=10000)
    parser.add_argument("--only", action="append", choices=["crowd", "changes"], default=[])
    return parser.parse_args()


class Output:
    """Where samples go."""

    def __init__(self, options):
        self.options = options
        self.round = 1

    def sample(self, figure, value):
        """A figure of this round."""
        print(f"manager: {figure} {value:g}", file=sys.stderr)
        with open(self.options.samples, "a", encoding="ascii") as out:
            out.write(f"{self.round} manager {figure} {value}\n")

    def latency(self, figure, milliseconds):
        """One of many."""
        with open(self.options.latencies, "a", encoding="ascii") as out:
            out.write(f"{self.round} manager {figure} {milliseconds * 1e6:.0f}\n")


def joined(directory, count, output):
    """A manager that knows so many hosts, all joined; the hosts' file."""
    manager = world.Manager(directory)
    manager.start()
    hosts = world.hosts_file(f"{directory}/hosts", world.create(manager, count, PER_VNET))
    agents = world.Agents(hosts, manager)
    rate = agents.run(f"join {directory}/secrets")["joins_per_s"]
    if output:
        output.sample("manager_joins_per_s", rate)
    agents.end()
    manager.end()
    return manager, hosts


def crowd(manager, hosts, output):
    """All agents at once: memory, and a restart, after which nobody may be sent anything that it has."""
    manager.start()
    agents = world.Agents(hosts, manager)
    agents.run(f"secrets {manager.directory}/secrets")
    agents.run(f"splay {SPLAY_MS}")
    before = manager.rss()
    held = agents.run(f"watch {SPLAY_MS}")["agents"]
    world.wait_until(30, lambda: is_quiet(manager, agents, held), "second connections stay")
    output.sample("manager_agents", held)
    output.sample("manager_bytes_per_agent", (manager.rss() - before) / held)
    agents.run("counts")
    begin = time.monotonic()
    manager.end(signal.SIGKILL)
    manager.start()
    agents.run("back")
    output.sample("manager_restart_s", time.monotonic() - begin)
    counts = agents.run("counts")
    output.sample("manager_restart_documents", counts["sets"] + counts["gones"] + counts["malformed"])
    agents.end()
    manager.end()


def connections(manager):
    """How many it has now."""
    for line in manager.ask("GET", "/metrics").splitlines():
        if line.startswith("ovnet_manager_http_connections"):
            return float(line.split()[-1])
    raise ValueError("no ovnet_manager_http_connections in /metrics")


def is_quiet(manager, agents, held):
    """Whether each agent has its stream, and nothing else."""
    agents.run("quiet")
    return connections(manager) <= held + 1


def change(i):
    """Whom the i-th change concerns, and what it writes."""
    if i % (CHANGES // CHANGES_OF_ALL) == 0:
        group = {"kind": "group", "name": "acme/g1", "default_in": "account" if i // 10 % 2 else "deny"}
        return "*", {"objects": [group]}
    vnet = i % (CHANGED_AGENTS // PER_VNET)
    return f"acme/v{vnet}", {"objects": [world.policy_of(vnet, 1000 + i)]}


def changes(manager, hosts, output):
    """Policies change while agents are there; then questions, then writes with nobody there."""
    manager.start()
    agents = world.Agents(hosts, manager)
    agents.run(f"secrets {manager.directory}/secrets")
    agents.run("watch 2000")
    excess = 0
    for i in range(output.round * CHANGES, (output.round + 1) * CHANGES):
        whom, body = change(i)
        figures = agents.run(f"apply {whom} {json.dumps(body)}")
        if not figures["live"]:
            raise ValueError(f"revision {figures['revision']} is not live")
        output.latency("policy_enforced", figures["enforced_ms"])
        output.latency("policy_whole", figures["answer_ms"] + figures["enforced_ms"])
        excess += figures["excess"]
    output.sample("policy_messages_excess", excess)
    output.sample("resolve_single_per_s", agents.run(f"resolve {SECONDS} {ASKERS} 1")["found_per_s"])
    output.sample("resolve_per_s", agents.run(f"resolve {SECONDS} {ASKERS} {BATCH}")["found_per_s"])
    output.sample("passports_per_s", agents.run(f"passports {SECONDS} {ASKERS}")["requests_per_s"])
    output.sample("writes_agents_per_s", agents.run(f"writes {SECONDS} 16")["writes_per_s"])
    agents.end()
    manager.end()
    manager.start()
    agents = world.Agents(hosts, manager)
    output.sample("writes_1_per_s", agents.run(f"writes {SECONDS} 1")["writes_per_s"])
    output.sample("writes_16_per_s", agents.run(f"writes {SECONDS} 16")["writes_per_s"])
    agents.end()
    manager.end()


def main():
    """Worlds are made once; rounds measure in them."""
    options = parse()
    output = Output(options)
    work = tempfile.mkdtemp(prefix="ovnet-bench-manager.")
    only = options.only or ["crowd", "changes"]
    ready = {}
    try:
        if "crowd" in only:
            ready["crowd"] = (crowd, joined(f"{work}/crowd", options.agents, output))
        if "changes" in only:
            ready["changes"] = (changes, joined(f"{work}/changes", CHANGED_AGENTS, None))
        for output.round in range(1, options.rounds + 1):
            print(f"manager: round {output.round} of {options.rounds}", file=sys.stderr)
            for measure, (manager, hosts) in ready.values():
                measure(manager, hosts, output)
    finally:
        for _, (manager, _) in ready.values():
            manager.end(signal.SIGKILL)
        shutil.rmtree(work, ignore_errors=True)


main()
