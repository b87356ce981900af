# SPDX-License-Identifier: BSD-2-Clause
"""A manager, an operator over its unix socket, and many simulated agents (bench/agents): what tests and benchmarks share."""
import http.client
import json
import os
import signal
import socket
import subprocess
import time

BUILD = os.environ.get("B", "build")


def wait_until(seconds, condition, what):
    """Waits until condition() is true and returns what it returned."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise TimeoutError(f"after {seconds} s: {what}")
        time.sleep(0.01)


def free_port():
    """A port of the loopback address that nobody has."""
    with socket.socket(socket.AF_INET6) as held:
        held.bind(("::1", 0))
        return held.getsockname()[1]


class Local(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path):
        super().__init__("manager", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Manager:
    """One process; `directory` stays when it ends. It listens on the loopback address alone, or on all."""

    def __init__(self, directory, *options, port=None, everywhere=False):
        self.directory = directory
        self.socket = os.path.join(directory, "socket")
        self.port = port or free_port()
        self.listen = f"[::1]:{self.port}"
        self.bound = f"[::]:{self.port}" if everywhere else self.listen
        self.options = options
        self.process = None

    def start(self):
        """Until it answers."""
        os.makedirs(self.directory, 0o700, exist_ok=True)
        with open(os.path.join(self.directory, "log"), "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [f"{BUILD}/ovnet-manager", "-D", self.directory, "-s", self.socket, "-l", self.bound, *self.options],
                stdout=log, stderr=log)
        wait_until(60, self.answers, "the manager does not answer")

    def answers(self):
        """Whether it serves."""
        if self.process.poll() is not None:
            raise ChildProcessError(f"the manager ended: see {self.directory}/log")
        try:
            return self.ask("GET", "/healthz")
        except (OSError, http.client.HTTPException):
            return None

    def end(self, how=signal.SIGTERM):
        """Ends it, and waits for that."""
        if self.process:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None

    def ask(self, method, path, body=None):
        """An operator's request; the answer as JSON. Anything but success raises ValueError."""
        link = Local(self.socket)
        try:
            link.request(method, path, None if body is None else json.dumps(body))
            answer = link.getresponse()
            text = answer.read()
        finally:
            link.close()
        if answer.status >= 300:
            raise ValueError(f"{method} {path}: {answer.status} {text[:500]}")
        return json.loads(text) if text[:1] in (b"{", b"[") else text.decode()

    def apply(self, objects, delete=()):
        """All or nothing; returns the revision."""
        body = {"objects": list(objects)}
        if delete:
            body["delete"] = list(delete)
        return self.ask("POST", "/v1/apply", body)["revision"]

    def rss(self):
        """Octets of memory that it has."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))

    def cpu_s(self):
        """Seconds of CPU that it has used."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as line:
            fields = line.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Agents:
    """The simulator: commands in, figures out."""

    def __init__(self, hosts, manager, keep=False):
        self.process = subprocess.Popen(
            [f"{BUILD}/bench/agents", hosts, manager.listen, manager.socket] + (["keep"] if keep else []),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def send(self, command):
        """Begins a command."""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def figures(self):
        """What it says, until it is done."""
        found = {}
        for line in self.process.stdout:
            if line == "done\n":
                return found
            name, value = line.split()
            found[name] = float(value)
        raise ChildProcessError("the simulator ended")

    def run(self, command):
        """A command from begin to end."""
        self.send(command)
        return self.figures()

    def end(self):
        """Closes every connection."""
        self.process.stdin.close()
        self.process.wait()


def locator(i):
    """The locator of simulated host i; real ones have fd00:1:0:N::/64."""
    return f"fd00:{2 + (i >> 16):x}:0:{i & 0xffff:x}::/64"


def address(i):
    """An address within a vnet."""
    return f"10.0.{1 + i // 250}.{1 + i % 250}"


def node_of(i, per_vnet):
    """Host i's node; vnets are filled one after the other."""
    return {"kind": "node", "name": f"acme/n{i}", "vnet": f"acme/v{i // per_vnet}", "host": f"h{i}", "port": "p0",
            "mac": f"02:00:{i >> 24 & 255:02x}:{i >> 16 & 255:02x}:{i >> 8 & 255:02x}:{i & 255:02x}",
            "address": address(i % per_vnet), "groups": [f"acme/g{i % per_vnet % 4}"]}


def policy_of(vnet, port):
    """What is changed all the time."""
    return {"kind": "policy", "name": f"acme/p{vnet}", "vnet": f"acme/v{vnet}", "peers": "group:acme/g1",
            "services": [f"tcp/{port}"], "verdict": "allow"}


def create(manager, count, per_vnet, groups=4, part=5000):
    """So many hosts with a node each, in vnets of so many, with policies that let them talk; lines for the simulator."""
    vnets = [f"acme/v{i}" for i in range((count + per_vnet - 1) // per_vnet)]
    objects = [{"kind": "account", "name": "acme"}]
    objects += [{"kind": "group", "name": f"acme/g{i}"} for i in range(groups)]
    objects += [{"kind": "vnet", "name": name, "vni": i + 1} for i, name in enumerate(vnets)]
    objects += [{"kind": "policy", "name": f"acme/all{i}", "vnet": name, "services": ["icmp/echo"], "verdict": "allow"}
                for i, name in enumerate(vnets)]
    objects += [policy_of(i, 80) for i in range(len(vnets))]
    objects += [{"kind": "host", "name": f"h{i}", "locator": locator(i)} for i in range(count)]
    objects += [node_of(i, per_vnet) for i in range(count)]
    for i in range(0, len(objects), part):
        manager.apply(objects[i:i + part])
    return [f"h{i} acme/v{i // per_vnet} {i // per_vnet + 1} acme/n{i} {address(i % per_vnet)}" for i in range(count)]


def hosts_file(path, lines):
    """For the simulator."""
    with open(path, "w", encoding="ascii") as out:
        out.write("\n".join(lines) + "\n")
    return path
