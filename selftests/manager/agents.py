#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Simulated agents of real managers. Prints a line "ok - ..." or "not ok - ..." a test.

   bench/agents (200 hosts) ==TLS==> ovnet-manager --> SQLite
   bench/agents (10 hosts)  ==TLS==> ovnet-manager 1 --+
   bench/agents (10 hosts)  ==TLS==> ovnet-manager 2 --+--> etcd
   bench/agents (10 hosts)  ==TLS==> ovnet-manager 3 --+
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import agents_oracle
import world

HOSTS = 200
PER_VNET = 10
failed = False


def check(what, right, detail=""):
    """One test."""
    global failed  # pylint: disable=global-statement
    failed |= not right
    print(f"ok - {what}" if right else f"not ok - {what}: {detail}", flush=True)


def more_objects():
    """What makes views differ: groups in groups, criteria, handles in handles, bundles, targets of every form."""
    policy = {"kind": "policy", "verdict": "allow", "services": ["tcp/22"]}
    return [
        {"kind": "account", "name": "beta"},
        {"kind": "group", "name": "acme/top", "groups": ["acme/g0", "acme/g1"]},
        {"kind": "group", "name": "acme/whole", "groups": ["acme/top"]},
        {"kind": "group", "name": "acme/ones", "match": {"name": "n*1"}},
        {"kind": "group", "name": "acme/v1s", "match": {"vnet": "acme/v1"}},
        {"kind": "group", "name": "acme/alone"},
        {"kind": "group", "name": "beta/b"},
        {"kind": "security_group", "name": "acme/bundle"},
        {"kind": "handle", "name": "acme/inner", "entries": ["10.0.1.2", "group:acme/g2"]},
        {"kind": "handle", "name": "acme/outer", "entries": ["handle:acme/inner", "10.9.0.0/16"]},
        {"kind": "handle", "name": "acme/unused", "entries": ["10.8.0.0/16"]},
        {"kind": "vnet", "name": "acme/wide", "vni": 900, "members": ["beta"]},
        dict(policy, name="acme/t-node", vnet="acme/v0", target="node:acme/n3"),
        dict(policy, name="acme/t-group", vnet="acme/v0", target="group:acme/whole", peers="group:acme/alone"),
        dict(policy, name="acme/t-list", vnet="acme/v1", target=["node:acme/n12", "10.0.1.6-10.0.1.8"]),
        dict(policy, name="acme/t-not", vnet="acme/v2", target={"not": ["group:acme/ones", "node:acme/n22"]}),
        dict(policy, name="acme/t-handle", vnet="acme/v3", target="handle:acme/outer"),
        dict(policy, name="acme/t-account", vnet="acme/wide", target="account:beta", peers="group:beta/b"),
        dict(policy, name="acme/t-prefix", vnet="acme/v4", target="10.0.1.0/29"),
        dict(policy, name="acme/t-bundle", vnet="acme/v5", security_group="acme/bundle"),
        dict(policy, name="acme/t-out", vnet="acme/v6", side="out", target="group:acme/ones"),
        dict(world.node_of(51, PER_VNET), security_groups=["acme/bundle"]),
    ] + [
        dict(world.node_of(i, PER_VNET), name=f"beta/w{i}", vnet="acme/wide", port="p1",
             mac=f"02:01:00:00:00:{i:02x}", groups=["beta/b"] if i % 2 else [])
        for i in range(10)
    ]


def wrong_views(manager, agents, path):
    """Hosts whose documents are not those that concern them."""
    oracle = agents_oracle.World(manager.ask("GET", "/v1/export"))
    found = {}
    agents.run(f"dump {path}")
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            host, key, value = line.rstrip("\n").split("\t")
            found.setdefault(host, {})[key] = json.loads(value)
    wrong = []
    for i in range(HOSTS):
        expected, told = oracle.view(f"h{i}"), found.get(f"h{i}", {})
        if expected != set(told):
            wrong.append((f"h{i}", sorted(expected ^ set(told))))
        wrong += [(f"h{i}", key) for key, value in told.items()
                  if key in expected and not oracle.document_is(key, value)]
    return wrong


def check_views(manager, agents, work, what):
    """As soon as everything that was written is live."""
    manager.ask("GET", "/v1/wait?timeout=20")
    wrong = wrong_views(manager, agents, f"{work}/dump")
    check(what, not wrong, str(wrong[:3]))


def apply(agents, whom, objects):
    """By the simulator, whose clock it is."""
    return agents.run(f"apply {whom} {json.dumps({'objects': objects})}")


def of_views(manager, agents, work):
    """What is told at first, and what by changes."""
    agents.run("watch 1000")
    check_views(manager, agents, work, "each agent has what concerns its host, and nothing else")
    agents.run("counts")
    excess = 0
    for i in range(40):
        vnet = 7 + i % 10
        excess += apply(agents, f"acme/v{vnet}", [world.policy_of(vnet, 2000 + i)])["excess"]
    counts = agents.run("counts")
    check("of 40 changes those are told whom they concern", excess == 0 and counts["commits"] == 40 * PER_VNET and
          counts["sets"] == 40 * PER_VNET, str(counts))
    manager.apply([{"kind": "group", "name": "acme/top", "groups": ["acme/g2"]},
                   {"kind": "handle", "name": "acme/outer", "entries": ["10.9.0.0/16"]},
                   dict(world.node_of(30, PER_VNET), host="h199", port="p7")],
                  [{"kind": "policy", "name": "acme/t-not"}, {"kind": "policy", "name": "acme/p9"}])
    check_views(manager, agents, work, "also after groups, handles and nodes have changed")


def of_restarts(manager, agents, work):
    """The manager is killed; hosts are cut off; a host comes twice."""
    agents.run("counts")
    agents.run("splay 500")
    manager.end(signal.SIGKILL)
    manager.start()
    agents.run("back")
    counts = agents.run("counts")
    check("a manager that was killed comes back, and nobody is told anything new", counts["sets"] == 0 and
          counts["gones"] == 0 and counts["ends"] >= HOSTS and counts["commits"] == HOSTS, str(counts))
    agents.run("cut 100 20")
    manager.apply([world.policy_of(10, 3000)], [{"kind": "policy", "name": "acme/p11"}])
    manager.end(signal.SIGKILL)
    manager.start()
    manager.apply([world.policy_of(12, 3001)])
    agents.run("back")
    agents.run("counts")
    agents.run("mend 100 20")
    agents.run("back")
    counts = agents.run("counts")
    # Vnet 10 has another policy, vnet 11 has lost one, and with it those that are not in it themselves a group: no more than that.
    check("hosts that were cut off meanwhile are told the difference", counts["sets"] == PER_VNET and
          counts["gones"] == PER_VNET + 7 and counts["unneeded"] == 0, str(counts))
    agents.run("twin 5 1")
    replaced = world.wait_until(10, lambda: agents.run("counts")["replaced"], "the first stream does not end")
    agents.run("back")
    apply(agents, "acme/v0", [world.policy_of(0, 3002)])
    check("the second stream of a host takes the place of its first", replaced == 1)
    check_views(manager, agents, work, "after all that each agent has what concerns its host")


def of_slow_readers(manager, agents, work):
    """Twenty do not read while a document of some size changes and changes."""
    handle = {"kind": "handle", "name": "acme/large", "entries": [f"10.{i >> 8}.{i & 255}.0/24" for i in range(3000)]}
    manager.apply([handle, dict(world.policy_of(13, 80), peers="handle:acme/large"),
                   dict(world.policy_of(14, 80), peers="handle:acme/large")])
    manager.ask("GET", "/v1/wait?timeout=20")
    agents.run("stall 130 20")
    before, most = manager.rss(), 0
    for i in range(60):
        handle["entries"][0] = f"172.16.{i}.0/24"
        manager.apply([handle])
        most = max(most, manager.rss())
    # 20 readers by 60 documents of 50 kB would be 60 MB.
    check("who does not read does not cost memory", most - before < 20 << 20, f"{most - before} octets more")
    agents.run("resume 130 20")
    check_views(manager, agents, work, "who reads again has what there is now")


def of_waiting(manager, agents):
    """`wait` names who is late."""
    agents.run("cut 3 1")
    revision = manager.apply([world.policy_of(0, 4000)])
    waited = manager.ask("GET", f"/v1/wait?revision={revision}&timeout=1")
    late = [entry["host"] for entry in waited["late"]]
    check("wait tells who is late", not waited["live"] and late == ["h3"] and not waited["late"][0]["connected"],
          str(waited))
    agents.run("mend 3 1")
    waited = manager.ask("GET", f"/v1/wait?revision={revision}&timeout=20")
    check("and how long it took", waited["live"] and waited["took_ms"] >= 1000 and not waited["late"], str(waited))


def of_one_manager(work):
    """SQLite."""
    manager = world.Manager(f"{work}/one")
    agents = None
    try:
        manager.start()
        lines = world.create(manager, HOSTS, PER_VNET)
        manager.apply(more_objects())
        agents = world.Agents(world.hosts_file(f"{work}/hosts", lines), manager, keep=True)
        agents.run(f"join {work}/secrets")
        of_views(manager, agents, work)
        of_restarts(manager, agents, work)
        of_slow_readers(manager, agents, work)
        of_waiting(manager, agents)
        manager.process.send_signal(signal.SIGTERM)
        status = manager.process.wait(20)
        check("a manager ends in good order while agents are there", status == 0, f"status {status}")
    finally:
        manager.end(signal.SIGKILL)
        if agents:
            agents.end()


def of_three_managers(work):
    """etcd."""
    ports = [world.free_port(), world.free_port()]
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    with open(f"{work}/etcd.log", "w", encoding="utf-8") as log:
        etcd = subprocess.Popen(
            ["etcd", "--name", "m0", "--data-dir", f"{work}/etcd", "--listen-client-urls", urls[0],
             "--advertise-client-urls", urls[0], "--listen-peer-urls", urls[1], "--initial-advertise-peer-urls", urls[1],
             "--initial-cluster", f"m0={urls[1]}"], stdout=log, stderr=log)
    managers = [world.Manager(f"{work}/m{i}", "-S", f"etcd:{urls[0]}/test/") for i in range(3)]
    fleets = []
    try:
        managers[0].start()
        for manager in managers[1:]:
            os.mkdir(manager.directory, 0o700)
            shutil.copy(f"{managers[0].directory}/authority.key", manager.directory)
            manager.start()
        lines = world.create(managers[0], 30, 30)
        join = world.Agents(world.hosts_file(f"{work}/all", lines), managers[0])
        join.run(f"join {work}/secrets30")
        join.end()
        for i, manager in enumerate(managers):
            fleets.append(world.Agents(world.hosts_file(f"{work}/hosts{i}", lines[10 * i:10 * i + 10]), manager))
            fleets[i].run(f"secrets {work}/secrets30")
            fleets[i].run("watch 100")
            fleets[i].run("counts")
        for i, manager in enumerate(managers):
            manager.apply([world.policy_of(0, 5000 + i)])
        told = [[0, 0] for _ in fleets]

        def all_told():
            for i, fleet in enumerate(fleets):
                counts = fleet.run("counts")
                told[i][0] += counts["sets"]
                told[i][1] += counts["unneeded"] + counts["ends"]
            texts = [manager.ask("GET", "/v1/policies/acme/p0")["services"] for manager in managers]
            return texts == [["tcp/5002"]] * 3 and all(sets >= 10 for sets, _ in told)

        world.wait_until(20, all_told, "not every agent was told")
        for manager in managers:
            manager.ask("GET", "/v1/wait?timeout=20")
        all_told()
        check("what is written at each of three managers reaches the agents of all",
              all(10 <= sets <= 30 and not bad for sets, bad in told), str(told))
    finally:
        for fleet in fleets:
            fleet.end()
        for manager in managers:
            manager.end(signal.SIGKILL)
        etcd.kill()
        etcd.wait()


def main():
    """All of it."""
    work = tempfile.mkdtemp(prefix="ovnet-agents.")
    try:
        of_one_manager(work)
        if shutil.which("etcd"):
            of_three_managers(work)
        else:
            print("skip - three managers: there is no etcd")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 1 if failed else 0


sys.exit(main())
