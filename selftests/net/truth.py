#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Truth tables: what the network really lets through, compared with what an oracle says that it should.

usage: truth.py nodes             prints NAME HOST ADDRESS MAC of each node
       truth.py members HOST      prints what the host's configuration begins with
       truth.py run SEED NET WORK BIN

`run` is started by truth.sh when nodes and agents are there. Each round it writes new policies to the hosts' files,
reloads the agents, waits until no peer is left to be told, and probes every pair of nodes. truth_world.py makes the
policies, truth_oracle.py judges them, truth_probe.py sends.
"""
import json
import random
import subprocess
import sys

import truth_oracle
from truth_probe import WINDOW_S, Probe, Prober, Stream
from truth_world import HOSTS, PORTS, SOURCE_PORTS, World, nodes_make

PER_PAIR = 5
STREAMS = 5  # of each kind: those that must stop, and those that must go on
PLAIN = {"agreement": "both", "default_in": "deny", "default_out": "allow", "answers": "wide", "replies": "session",
         "pending": "queue", "ask": "destination"}
# A change of the agreement makes everything be asked again, so rounds of the same one follow each other.
ROUNDS = {
    "both": [
        {},
        {"default_in": "account", "default_out": "group"},
        {"default_in": "allow", "ask": "agent"},
        {"answers": "exact", "default_in": "group"},
        {"replies": "negotiate", "default_in": "account"},
        {"pending": "discard", "default_in": "group", "default_out": "account"},
    ],
    "one": [
        {"default_out": "deny"},
        {"default_in": "group", "default_out": "account"},
        {"pending": "discard", "default_out": "group"},
        {"answers": "exact", "replies": "negotiate", "default_in": "allow", "default_out": "account"},
        {"default_in": "account", "default_out": "deny", "ask": "agent"},
    ],
}


class Run:
    def __init__(self, seed, net, work, binaries):
        self.rng = random.Random(seed)
        self.seed, self.net, self.work, self.binaries = seed, net, work, binaries
        self.nodes = nodes_make()
        self.prober = Prober(net, self.nodes)
        self.numbers = self.disagreements = self.failed = 0

    def check(self, what, trouble):
        """One line of result; `trouble` are lines, none when all is well."""
        if trouble:
            self.failed += 1
        print("%sok - %s%s" % ("not " if trouble else "", what, ": " + trouble[0] if trouble else ""), flush=True)
        for line in trouble[1:10]:
            print("# " + line)

    def give_up(self, what):
        """Nothing that follows would mean anything."""
        print("not ok - %s (seed %d)" % (what, self.seed))
        sys.exit(1)

    # ---- agents

    def ctl(self, host, *words):
        command = [self.binaries + "/ovnetctl", "-i", "%s-h%d" % (self.net, host), "-j", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        if done.returncode:
            self.give_up("ovnetctl %s of host %d: %s" % (" ".join(words), host, (done.stderr or done.stdout).strip()))
        return json.loads(done.stdout)

    def told(self):
        """No peer is left to be told of what no longer holds."""
        peers = [peer for host in range(1, HOSTS + 1) for peer in self.ctl(host, "peer", "list")["peers"]]
        return not any(peer["notices"] for peer in peers)

    def open_questions(self):
        return [question for host in range(1, HOSTS + 1) for question in self.ctl(host, "queue", "list")["questions"]]

    def wait_quiet(self):
        if not self.prober.run_until(lambda: not self.open_questions(), 10):
            self.check("every question ends", ["still open"] + [str(one) for one in self.open_questions()])

    def reload(self, world):
        for host in self.rng.sample(range(1, HOSTS + 1), HOSTS):
            world.write("%s/%s-h%d.json" % (self.work, self.net, host), host)
            self.ctl(host, "reload")
        if not self.prober.run_until(self.told, 10):
            self.give_up("peers are told of a reload")

    # ---- probes

    def questions_make(self, world):
        """What is asked in a round: (source, destination or None, address, protocol, port, block of source ports)."""
        asked = []
        for source in world.nodes:
            for destination in world.nodes:
                if source.vnet == destination.vnet and source is not destination:
                    kinds = [("icmp", 8)] + [(protocol, port) for protocol in ("tcp", "udp") for port in PORTS]
                    asked += [(source, destination, destination.address, *kind, self.rng.choice(sorted(SOURCE_PORTS)))
                              for kind in self.rng.sample(kinds, PER_PAIR)]
        # An address that nobody has, and one that somebody has in the other vnet only.
        for address, vnet in (("10.0.0.99", "Z"), ("10.0.0.99", "Y"), ("10.0.0.9", "Y")):
            source = self.rng.choice([node for node in world.nodes if node.vnet == vnet])
            asked += [(source, None, address, *kind, "low") for kind in (("tcp", 80), ("udp", 53), ("icmp", 8))]
        return asked

    def probes_make(self, world, asked):
        probes = []
        names = {node.name: node for node in world.nodes}
        for source, destination, address, protocol, port, block in asked:
            self.numbers += 1
            probe = Probe(self.numbers, names[source.name], destination and names[destination.name], address, protocol,
                          port, block)
            probe.expected = truth_oracle.expect(world, probe.source, probe.destination, protocol, port,
                                                 SOURCE_PORTS[block][0])
            probes.append(probe)
        return probes

    def probe(self, what, world, asked):
        """One table. Returns which of the questions were really answered."""
        probes = self.probes_make(world, asked)
        self.prober.run(probes, self.wait_quiet)
        wrong = [probe for probe in probes if probe.seen != probe.expected]
        trouble = [str(probe) for probe in wrong] + self.prober.strays
        self.disagreements += len(trouble)
        self.prober.strays = []
        answered = {number for number, probe in enumerate(probes) if probe.answered}
        self.check("%s: %d probes, %d answered" % (what, len(probes), len(answered)), trouble)
        for probe in wrong[:3]:
            self.explain(probe, probe.source, probe.address, probe.port)
            if probe.arrived and probe.destination:
                back = 0 if probe.protocol == "icmp" else SOURCE_PORTS[probe.block][0]
                self.explain(probe, probe.destination, probe.source.address, back)
        return answered

    def explain(self, probe, source, address, port):
        """What the agents of both ends say of one direction."""
        for host in sorted({node.host for node in (probe.source, probe.destination) if node}):
            words = [source.address, address, probe.protocol, str(port), "vnet", source.vnet]
            done = subprocess.run([self.binaries + "/ovnetctl", "-i", "%s-h%d" % (self.net, host), "explain", *words],
                                  capture_output=True, text=True, timeout=10, check=False)
            for line in (done.stdout + done.stderr).splitlines()[:24]:
                print("#   host %d: %s" % (host, line))

    # ---- generated rounds

    def balanced(self, settings):
        """A world in which not nearly everything, and not nearly nothing, is allowed; and what to ask in it."""
        while True:
            world = World(self.rng, self.nodes, dict(PLAIN, **settings))
            asked = self.questions_make(world)
            allowed = sum(probe.expected[1] for probe in self.probes_make(world, asked))
            self.numbers -= len(asked)
            if 0.15 < allowed / len(asked) < 0.8:
                return world, asked

    def rounds(self, agreement):
        for settings in ROUNDS[agreement]:
            world, asked = self.balanced(dict(settings, agreement=agreement))
            self.reload(world)
            told = {name: world.vnets["Z"][name] for name in ("agreement", "default_in", "default_out", *settings)}
            self.probe(", ".join("%s %s" % item for item in told.items()), world, asked)

    # ---- changes of one thing

    def tcp_allowed(self, world, asked):
        return {number for number, (source, destination, _, protocol, port, _) in enumerate(asked)
                if protocol == "tcp" and destination and truth_oracle.decide(world, source, destination, "tcp", port)}

    def change(self, what, before, after, asked):
        """From one world to another while streams run: those that are no longer allowed stop, the others go on."""
        allowed, still = self.tcp_allowed(before, asked), self.tcp_allowed(after, asked)
        ends, goes_on = ([Stream(*asked[number][:2], asked[number][4]) for number in
                          self.rng.sample(sorted(numbers), min(STREAMS, len(numbers)))]
                         for numbers in (allowed - still, allowed & still))
        for stream in ends + goes_on:
            self.prober.stream_open(stream)
        begun = self.prober.run_until(lambda: all(stream.received for stream in ends + goes_on), 10)
        self.check("%s: %d and %d streams begin" % (what, len(ends), len(goes_on)),
                   [] if begun and ends and goes_on else ["not all of them did"])
        self.reload(after)
        stood = {stream: stream.received for stream in goes_on}
        self.prober.run_until(lambda: not self.standing(stood), 10)
        self.check("%s: what is still allowed goes on" % what, self.standing(stood))
        self.check("%s: what is not stops" % what, self.running(ends))
        self.prober.streams_close()

    @staticmethod
    def standing(stood):
        return [str(stream) for stream, before in stood.items() if stream.received <= before + 200]

    def running(self, streams):
        """Those of which something comes for as long as one looks; what was on its way may still arrive."""
        for _ in range(4):
            before = {stream: stream.received for stream in streams}
            self.prober.run_for(WINDOW_S)
            streams = [stream for stream in streams if stream.received != before[stream]]
        return [str(stream) for stream in streams]

    def best(self, candidates, world, asked):
        """Of the worlds that a single change could make, one that takes something from TCP and leaves something."""
        now = self.tcp_allowed(world, asked)
        weighed = [(len(now - self.tcp_allowed(other, asked)), number) for number, other in enumerate(candidates)]
        fit = [(lost, number) for lost, number in weighed if 0 < lost < len(now)]
        return candidates[max(fit)[1]] if fit else None

    def less(self, what, before, after):
        trouble = "%d after %d, %d of them new" % (len(after), len(before), len(after - before))
        self.check("%s: nothing more is reachable, something less" % what, [] if after < before else [trouble])

    def same(self, what, before, after):
        self.check("%s: the same is reachable" % what, [] if after == before else ["%d differ" % len(after ^ before)])

    def changes(self, agreement):
        without = denied = None
        while not denied:
            world, asked = self.balanced({"agreement": agreement, "default_in": "account"})
            without = self.best([world.with_policies([policy for policy in world.policies if policy is not one])
                                 for one in world.policies if one.verdict == "allow"], world, asked)
            denied = without and self.best([without.with_policies(without.policies + [world.policy_make(
                self.rng, "Z", False, "deny")]) for _ in range(20)], without, asked)
        self.reload(world)
        first = self.probe("before changes, agreement %s" % agreement, world, asked)
        self.change("an allow less", world, without, asked)
        second = self.probe("an allow less", without, asked)
        self.less("an allow less", first, second)
        self.change("a deny more", without, denied, asked)
        third = self.probe("a deny more", denied, asked)
        self.less("a deny more", second, third)
        self.reload(denied.with_policies(self.rng.sample(denied.policies, len(denied.policies))))
        fourth = self.probe("another order", denied, asked)
        self.same("another order", third, fourth)
        self.reload(world)
        fifth = self.probe("all as before", world, asked)
        self.same("all as before", first, fifth)
        # Handles alone change; what they allow and deny may grow and shrink at once.
        changed = self.best([world.with_handles(dict(world.handles, **{name: world.entries_make(self.rng, name)}))
                             for name in world.handles for _ in range(20)], world, asked)
        if changed:
            self.change("another handle", world, changed, asked)
            self.probe("another handle", changed, asked)

    def all(self):
        print("# seed %d" % self.seed, flush=True)
        for agreement in ROUNDS:
            self.rounds(agreement)
            self.changes(agreement)
        print("figure probes %d disagreements %d" % (self.numbers, self.disagreements))
        return self.failed


def first_world():
    world = World(random.Random(0), nodes_make(), PLAIN)
    return world.with_policies([])


def main(arguments):
    if arguments[0] == "nodes":
        for node in nodes_make():
            print(node.name, "h%d" % node.host, node.address, node.mac)
        return 0
    if arguments[0] == "members":
        print(json.dumps(first_world().members(int(arguments[1][1:])))[1:-1])
        return 0
    return 1 if Run(int(arguments[1]), *arguments[2:5]).all() else 0


sys.exit(main(sys.argv[1:]))
