#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measures a manager: see manager.sh, and docs/benchmark.md for what the figures mean.

Writes lines "ROUND manager FIGURE VALUE" to --samples, and to --latencies one for each change of a policy, in nanoseconds.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "manager"))
import world  # noqa: E402

PER_VNET = 50
SPLAY_MS = 10000
CHANGED_AGENTS = 1000
CHANGES = 100
CHANGES_OF_ALL = 10  # of those
REAL = 3
PREFIXES = 100000
SECONDS = 5
ASKERS = 100
BATCH = 20


def parse():
    """Options."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--net", required=True, help="what names of namespaces begin with")
    parser.add_argument("--work", required=True, help="a directory, which the caller removes")
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


class Real:
    """Agents with kernels: a host each, joined to the manager, with a node in a vnet of their own."""

    def __init__(self, options, manager):
        self.processes = []
        self.options = options
        manager.start()
        objects = [{"kind": "vnet", "name": "acme/vreal", "vni": 60000}, world.policy_of("real", 80)]
        for i in range(1, REAL + 1):
            objects.append({"kind": "host", "name": f"real{i}", "locator": f"fd00:1:0:{i}::/64"})
            objects.append({"kind": "node", "name": f"acme/real{i}", "vnet": "acme/vreal", "host": f"real{i}", "port": f"pR{i}",
                            "mac": f"02:00:00:00:01:0{i}", "address": f"10.0.0.{i}", "groups": ["acme/g1"]})
        manager.apply(objects)
        for i in range(1, REAL + 1):
            token = manager.ask("POST", "/v1/tokens", {"name": f"join-real{i}", "role": "join", "host": f"real{i}"})
            self.configure(i, manager, token["secret"])
        manager.end()

    def configure(self, i, manager, secret):
        """Its ovnet.json, and the token with which it joins."""
        instance = f"{self.options.net}-h{i}"
        with open(f"{self.options.work}/h{i}.token", "w", encoding="ascii", opener=private) as out:
            out.write(secret + "\n")
        where = {"url": f"https://[fd00:ffff:0:1::1]:{manager.port}", "authority": f"{manager.directory}/ca.pem",
                 "token": f"{self.options.work}/h{i}.token", "directory": f"{self.options.work}/state"}
        with open(f"{self.options.work}/{instance}.json", "w", encoding="ascii") as out:
            json.dump({"instance": instance, "uplinks": ["up0"], "manager": where}, out)

    def start(self, manager):
        """Until what there is is in force on all."""
        for i in range(1, REAL + 1):
            instance = f"{self.options.net}-h{i}"
            with open(f"{self.options.work}/h{i}.log", "a", encoding="ascii") as log:
                self.processes.append(subprocess.Popen(
                    ["nsenter", f"--net=/run/netns/{instance}", "--", f"{world.BUILD}/ovnetd", "--config",
                     f"{self.options.work}/{instance}.json"], stdout=log, stderr=log))
        world.wait_until(60, lambda: all(host.get("joined") for host in real_hosts(manager)), "a real host does not join")
        live(manager)

    def end(self):
        """Their data paths stay, and go with the namespaces."""
        for process in self.processes:
            process.terminate()
            process.wait()
        self.processes = []


def private(path, flags):
    """Opens what only the owner may read."""
    return os.open(path, flags, 0o600)


def live(manager, revision=None):
    """Waits until it, or what was written last, is in force on every agent concerned."""
    path = "/v1/wait?timeout=30" + (f"&revision={revision}" if revision else "")
    if not manager.ask("GET", path)["live"]:
        raise ValueError(f"revision {revision} is not live")


def enforced_ms(manager, *objects):
    """From the API's answer until they are in force; whoever asks is told within a millisecond of the last agent's word."""
    revision = manager.apply(objects)
    begin = time.monotonic()
    live(manager, revision)
    return (time.monotonic() - begin) * 1e3


def real_hosts(manager):
    """What the manager says of them."""
    return [manager.ask("GET", f"/v1/hosts/real{i}") for i in range(1, REAL + 1)]


def joined(manager, count, output):
    """A manager that knows so many hosts, all joined; the hosts' file."""
    directory = manager.directory
    manager.start()
    hosts = world.hosts_file(f"{directory}/hosts", world.create(manager, count, PER_VNET))
    agents = world.Agents(hosts, manager)
    rate = agents.run(f"join {directory}/secrets")["joins_per_s"]
    if output:
        output.sample("manager_joins_per_s", rate)
    agents.end()
    manager.end()
    return hosts


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


def handle(i):
    """So many prefixes, of which each i lacks another one."""
    prefixes = [f"{11 + n // 65536}.{n // 256 % 256}.{n % 256}.0/24" for n in range(PREFIXES + 1)]
    return {"kind": "handle", "name": "acme/big", "entries": prefixes[:i] + prefixes[i + 1:]}


def handles(manager, output):
    """A policy of nodes on real hosts names a large handle; then the handle changes."""
    named = dict(world.policy_of("big", 443), vnet="acme/vreal", peers="handle:acme/big")
    new = enforced_ms(manager, handle(0), named)
    output.sample("handle_100k_new_enforced_ms", new)
    output.sample("handle_100k_enforced_ms", max(enforced_ms(manager, handle(i)) for i in (1, 50000, 100000)))
    manager.apply([], [{"kind": "policy", "name": "acme/pbig"}, {"kind": "handle", "name": "acme/big"}])
    live(manager)


def changes(manager, hosts, output, real):
    """Policies change while agents are there; then questions, then writes with nobody there."""
    manager.start()
    agents = world.Agents(hosts, manager)
    agents.run(f"secrets {manager.directory}/secrets")
    agents.run("watch 2000")
    real.start(manager)
    excess = 0
    for i in range(output.round * CHANGES, (output.round + 1) * CHANGES):
        whom, body = change(i)
        figures = agents.run(f"apply {whom} {json.dumps(body)}")
        if not figures["live"]:
            raise ValueError(f"revision {figures['revision']} is not live")
        enforced = max(figures["enforced_ms"], figures["waited_ms"])  # the latter is of the real ones too
        output.latency("policy_enforced", enforced)
        output.latency("policy_whole", figures["answer_ms"] + enforced)
        excess += figures["excess"]
        output.latency("policy_real", enforced_ms(manager, world.policy_of("real", 1000 + i)))
    output.sample("policy_messages_excess", excess)
    handles(manager, output)
    real.end()
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
    only = options.only or ["crowd", "changes"]
    ready, managers, real = [], [], None
    try:
        if "crowd" in only:
            manager = world.Manager(f"{options.work}/crowd")
            managers.append(manager)
            ready.append((crowd, manager, joined(manager, options.agents, output)))
        if "changes" in only:
            manager = world.Manager(f"{options.work}/changes", "--name", "fd00:ffff:0:1::1", everywhere=True)
            managers.append(manager)
            hosts = joined(manager, CHANGED_AGENTS, None)
            real = Real(options, manager)
            ready.append((lambda *arguments: changes(*arguments, real), manager, hosts))
        for output.round in range(1, options.rounds + 1):
            print(f"manager: round {output.round} of {options.rounds}", file=sys.stderr)
            for measure, manager, hosts in ready:
                measure(manager, hosts, output)
    finally:
        if real:
            real.end()
        for manager in managers:
            manager.end(signal.SIGKILL)


main()
