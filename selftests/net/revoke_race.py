#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Policies change while flows begin: rounds of races between two agents, either of which is frozen at some moment.

usage: revoke_race.py ROUNDS SEED NET WORK PID1 PID2

In each round one host's policies change at a random moment (WORK/hN.on.json and WORK/hN.off.json take turns as its
file), while node A (namespace NET-nA) sends to node G, port 9011, from an old and a new socket; what either host knows
may have been flushed before. Then both are left alone, until nothing is asked and every withdrawal is acknowledged, and
what they hold is compared with what their files say: with the kernel's rules, and with datagrams. Port 9012 is allowed
all the time.

One line for each contradiction; then a summary. The exit status is 0 when there was none.
"""
import ctypes
import json
import os
import random
import shutil
import signal
import socket
import sys
import time

A, G = "10.0.0.2", "10.0.0.3"
RACE, ALLOWED = 9011, 9012
CLONE_NEWNET = 0x40000000
QUIET_S, WORKS_S = 15, 15


def in_space(space, make):
    """What make() opens stays in the namespace; the process does not."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net") as home, open("/run/netns/" + space) as there:
        libc.setns(there.fileno(), CLONE_NEWNET)
        try:
            return make()
        finally:
            libc.setns(home.fileno(), CLONE_NEWNET)


def wait_until(seconds, condition):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


class Host:
    """An agent, its control socket and its file; `on`: its policies allow the race's port."""

    def __init__(self, name, net, work, pid):
        self.name, self.pid, self.on, self.asked = name, pid, True, 0
        self.file = "%s/%s-%s.json" % (work, net, name)
        self.variant = "%s/%s.%%s.json" % (work, name)
        connection = socket.socket(socket.AF_UNIX)
        connection.connect("/run/ovnet/%s-%s/control.sock" % (net, name))
        connection.settimeout(20)
        self.lines = connection.makefile("rw")

    def request(self, command, **arguments):
        self.lines.write(json.dumps({"command": command, "arguments": arguments}) + "\n")
        self.lines.flush()
        self.asked += 1

    def answers(self):
        """Of all requests so far; the last one's."""
        while self.asked:
            answer = json.loads(self.lines.readline())
            self.asked -= 1
            if "error" in answer:
                raise RuntimeError("%s: %s" % (self.name, answer["error"]["message"]))
        return answer["result"]

    def ask(self, command, **arguments):
        self.request(command, **arguments)
        return self.answers()

    def switch(self):
        self.on = not self.on
        new = self.file + ".new"
        shutil.copy(self.variant % ("on" if self.on else "off"), new)
        os.rename(new, self.file)
        self.request("reload")

    def freeze(self):
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.pid, signal.SIGCONT)

    def is_quiet(self):
        peers = self.ask("peer list")["peers"]
        return not self.ask("queue list")["questions"] and not any(
            peer[count] for peer in peers for count in ("notices", "in_flight", "waiting"))

    def allows(self, local, peer):
        """Rules that would let the race's port through, as the programs look: narrow to wide."""
        matching = {}
        for rule in self.ask("rule list")["rules"]:
            if rule["local"] != local or rule["peer"] != peer or rule["expires_in_s"] == 0:
                continue
            if rule["direction"] != ("out" if local == A else "in"):
                continue
            if rule["protocol"] in ("udp", "any") and rule["port"] in (RACE, "any"):
                matching[(rule["port"] == "any") + (rule["protocol"] == "any")] = rule["verdict"]
        return bool(matching) and matching[min(matching)] == "allow"


class Race:
    def __init__(self, rng, net, one, two):
        self.rng, self.net, self.one, self.two = rng, net, one, two
        self.number = 0
        self.receivers = {port: in_space(net + "-nG", lambda: self.receiver(port)) for port in (RACE, ALLOWED)}
        self.old = self.sender()

    @staticmethod
    def receiver(port):
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.bind(("0.0.0.0", port))
        receiver.setblocking(False)
        return receiver

    def sender(self):
        return in_space(self.net + "-nA", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))

    def send(self, sender, port):
        self.number += 1
        try:
            sender.sendto(b"%d" % self.number, (G, port))
        except OSError:  # nobody answers ARP: as good as dropped
            pass
        return self.number

    def received(self, port):
        numbers = set()
        while True:
            try:
                numbers.add(int(self.receivers[port].recv(100)))
            except BlockingIOError:
                return numbers

    def arrives(self, sender, port):
        """Something sent from now on does, when tried again and again."""
        sent = set()

        def arrived():
            sent.add(self.send(sender, port))
            time.sleep(0.01)
            return sent & self.received(port)

        return wait_until(WORKS_S, arrived)

    def begin(self):
        """What is known is forgotten, at one host, at both, or nowhere."""
        for host in self.rng.choice(((), (self.one,), (self.two,), (self.one, self.two), (self.one, self.two))):
            host.ask("rule flush")

    def run(self, new):
        """What happens, and when (ms)."""
        rng, pick = self.rng, lambda most: self.rng.uniform(0, most)
        # A source that denies hides what the destination does: it does not stay so.
        switching = self.one if not self.one.on and rng.random() < 0.7 else rng.choice((self.one, self.two, self.two))
        events = [(pick(12), switching.switch)]
        start = pick(6)
        for i in range(6):
            events.append((start + 1.5 * i, lambda: self.send(new, RACE)))
            events.append((start + 1.5 * i + 0.5, lambda: self.send(self.old, RACE)))
        for host in rng.choice(((), (self.one,), (self.two,), (self.one, self.two))):
            at = rng.choice((0, pick(3), start + pick(2), pick(15)))
            events.append((at, host.freeze))
            events.append((at + rng.choice((pick(10), pick(60), 30 + pick(200))), host.thaw))
        began = time.monotonic()
        for at, event in sorted(events, key=lambda each: each[0]):
            left = began + at / 1000 - time.monotonic()
            if left > 0:
                time.sleep(left)
            event()
        switching.answers()

    def is_quiet(self):
        return self.one.is_quiet() and self.two.is_quiet()

    def look(self, new):
        """Contradictions between what is and what should be."""
        if not wait_until(QUIET_S, self.is_quiet):
            yield "questions or withdrawals without an end"
            return
        allowed = self.one.on and self.two.on
        self.received(RACE)
        if not allowed and self.one.allows(A, G):
            yield "the source's host has a rule that allows"
        if not self.two.on and self.two.allows(G, A):
            yield "the destination's host has a rule that allows"
        if allowed:
            for sender, name in ((new, "new"), (self.old, "old")):
                if not self.arrives(sender, RACE):
                    yield "nothing arrives by the %s socket" % name
            return
        for _ in range(5):
            self.send(new, RACE)
            self.send(self.old, RACE)
        if not self.arrives(new, ALLOWED):
            yield "nothing arrives at the port that is always allowed"
        if not wait_until(QUIET_S, self.is_quiet):
            yield "questions without an end"
        late = len(self.received(RACE))
        if late:
            yield "%d datagrams delivered after all was acknowledged" % late

    def round(self):
        new = self.sender()
        try:
            self.begin()
            self.run(new)
            return list(self.look(new))
        finally:
            new.close()


def main(rounds, seed, net, work, pid1, pid2):
    rng = random.Random(int(seed))
    race = Race(rng, net, Host("h1", net, work, int(pid1)), Host("h2", net, work, int(pid2)))
    wrong = allowed = 0
    for number in range(int(rounds)):
        findings = race.round()
        allowed += race.one.on and race.two.on
        wrong += len(findings)
        for finding in findings:
            print("round %d, source %s, destination %s: %s" % (
                number, *("allows" if host.on else "denies" for host in (race.one, race.two)), finding), flush=True)
    print("figure races %s allowed_after %d contradictions %d" % (rounds, allowed, wrong))
    sys.exit(wrong != 0)


main(*sys.argv[1:])
