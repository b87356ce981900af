# SPDX-License-Identifier: BSD-2-Clause
"""Who is there, and what a round's policies are: made from a seed, and written into the hosts' configurations.

Fifteen nodes on three hosts, five to a host: twelve in vnet Z; three in vnet Y, whose addresses are also those of nodes
in Z. Addresses go round the hosts, so that every prefix and range has nodes of several.
"""
import copy
import json

HOSTS = 3
VNIS = {"Z": 77, "Y": 78}
PORTS = [22, 53, 80, 1000, 1001, 2000]  # TCP and UDP; policies' ranges begin and end at them, and beside them
# Replies are judged by the port that they go to; policies tell these blocks apart.
SOURCE_PORTS = {"low": (20000, 29999), "high": (40000, 49999)}
SERVICES = ["ssh", "http", "domain", "icmp", "icmp/echo", "tcp", "udp", "tcp/22", "tcp/1000", "tcp/1001-2000",
            "tcp/81-1000", "tcp/1-1024", "tcp/2000-65535", "udp/53", "udp/1000-1001", "udp/23-1999", "udp/1001",
            "udp/80-2000", "icmp/0-7", "icmp/3-8", "any"]
REPLIES = ["tcp/20000-29999", "tcp/40000-49999", "udp/20000-29999", "udp/40000-49999", "icmp/echo-reply", "icmp",
           "tcp", "udp"]
GROUPS = {"web": [], "data": [], "staff": [], "guests": [], "inner": ["web", "data"], "all": ["inner", "staff"]}
BASE_GROUPS = ["web", "data", "staff", "guests"]  # nodes are in these; the others have groups in them
ACCOUNTS = ["acme", "umbra", None]
HANDLES = ["inside", "mixed", "outer"]  # each may have those before it
DEFAULTS = ["deny", "account", "group", "allow"]


class Node:
    def __init__(self, name, host, vnet, address, number):
        self.name, self.host, self.vnet, self.address = name, host, vnet, address
        self.mac = "02:00:00:00:00:%02x" % number
        self.groups, self.account = [], None


class Selector:
    def __init__(self, items, negated=False):
        self.items, self.negated = items, negated

    def written(self):
        items = self.items[0] if len(self.items) == 1 else self.items
        return {"not": items} if self.negated else items


class Policy:
    def __init__(self, number, vnet, side, target, peers, services, verdict, cast=None):
        self.id, self.vnet, self.side, self.target, self.peers = number, vnet, side, target, peers
        self.services, self.verdict, self.cast = services, verdict, cast

    def written(self):
        entry = {"id": self.id, "name": "p%d" % self.id, "vnet": self.vnet, "side": self.side,
                 "target": self.target.written(), "peers": self.peers.written(), "verdict": self.verdict}
        if self.services:
            entry["services"] = self.services
        if self.cast:
            entry["cast"] = [self.cast]
        return entry


def nodes_make():
    nodes = [Node("Z%d" % i, i % HOSTS + 1, "Z", "10.0.0.%d" % (i + 2), i + 1) for i in range(12)]
    return nodes + [Node("Y%d" % i, i + 1, "Y", "10.0.0.%d" % (i + 2), i + 101) for i in range(HOSTS)]


class World:
    """One round's truth. Settings: agreement, default_in, default_out, answers, replies, pending of vnet Z."""

    def __init__(self, rng, nodes, settings):
        self.nodes = [copy.copy(node) for node in nodes]
        self.groups = {name: {"groups": children, "default_in": None, "default_out": None}
                       for name, children in GROUPS.items()}
        self.vnets = {"Z": dict(settings)}
        self.vnets["Y"] = dict(settings, default_in=rng.choice(DEFAULTS), default_out=rng.choice(DEFAULTS))
        for node in self.nodes:
            node.groups = sorted(rng.sample(BASE_GROUPS, rng.choice([0, 1, 1, 1, 1, 2, 2])))
            node.account = rng.choice(ACCOUNTS)
        for name in rng.sample(sorted(GROUPS), 1):
            self.groups[name][rng.choice(["default_in", "default_out"])] = rng.choice(DEFAULTS)
        self.handles = {}
        for name in HANDLES:
            self.handles[name] = self.entries_make(rng, name)
        self.policies = []
        for vnet, count in (("Z", rng.randrange(10, 17)), ("Y", rng.randrange(2, 5))):
            for _ in range(count):
                self.policies.append(self.policy_make(rng, vnet, settings["replies"] == "negotiate"))

    def with_policies(self, policies):
        other = copy.copy(self)
        other.policies = policies
        return other

    def with_handles(self, handles):
        other = copy.copy(self)
        other.handles = handles
        return other

    # ---- made from the seed

    def entries_make(self, rng, handle):
        """Of that handle: now and then none; addresses nobody has among those that somebody has."""
        entries = ["handle:" + name for name in HANDLES[:HANDLES.index(handle)] if rng.random() < 0.4]
        while rng.random() < 0.75 and len(entries) < 5:
            entries.append(rng.choice([
                lambda: rng.choice(self.nodes).address,
                lambda: "10.0.0.%d-10.0.0.%d" % (rng.randrange(1, 6), rng.randrange(6, 10)),
                lambda: "10.0.0.%d/30" % (rng.randrange(0, 4) * 4),
                lambda: "10.9.0.0/16",
                lambda: "group:" + rng.choice(sorted(GROUPS)),
                lambda: "vnet:" + rng.choice(sorted(VNIS)),
            ])())
        return entries

    def item_make(self, rng, vnet):
        members = [node for node in self.nodes if node.vnet == vnet]
        kind = rng.choice(["node", "node", "address", "range", "prefix", "group", "group", "group", "account", "vnet",
                           "any", "handle", "handle"])
        if kind == "node":
            return "node:" + rng.choice(members).name
        if kind == "address":
            return rng.choice(members).address
        if kind == "range":
            first = rng.randrange(1, 12)
            return "10.0.0.%d-10.0.0.%d" % (first, first + rng.randrange(1, 5))
        if kind == "prefix":
            length = rng.choice([29, 30, 31])
            size = 1 << 32 - length
            return "10.0.0.%d/%d" % (rng.randrange(0, 14) // size * size, length)
        if kind == "group":
            return "group:" + rng.choice(sorted(GROUPS))
        if kind == "account":
            return "account:" + rng.choice(["acme", "umbra"])
        if kind == "handle":
            return "handle:" + rng.choice(HANDLES)
        return "vnet:" + rng.choice(sorted(VNIS)) if kind == "vnet" else "any"

    def selector_make(self, rng, vnet):
        items = [self.item_make(rng, vnet) for _ in range(rng.choice([1, 1, 1, 2]))]
        return Selector(items, rng.random() < 0.15)

    def policy_make(self, rng, vnet, replies, verdict=None):
        services = [] if rng.random() < 0.1 else rng.sample(SERVICES, rng.choice([1, 2, 3]))
        if replies and services:
            services += rng.sample(REPLIES, 3)
        target = Selector(["any"]) if rng.random() < 0.3 else self.selector_make(rng, vnet)
        peers = self.selector_make(rng, vnet)
        number = max([policy.id for policy in self.policies], default=0) + 1
        return Policy(number, vnet, rng.choice(["in", "in", "out"]), target, peers, services,
                      verdict or rng.choice(["allow", "allow", "allow", "deny"]),
                      rng.choice([None] * 18 + ["unicast", "multicast"]))

    # ---- written to a host's configuration

    def groups_written(self):
        return [dict({"name": name}, **{key: value for key, value in group.items() if value})
                for name, group in self.groups.items()]

    def node_written(self, node, host):
        entry = {"name": node.name, "vnet": node.vnet, "address": node.address, "groups": node.groups}
        if node.account:
            entry["account"] = node.account
        if node.host == host:
            entry.update(port="p" + node.name, mac=node.mac)
        else:
            entry.update(locator="fd00:1:0:%d::/64" % node.host)
        return entry

    def members(self, host):
        """All of a host's configuration but what it is to the substrate and to its peers."""
        return {
            "limits": {"questions": 1000000, "questions_burst": 65536, "pending_per_port": 16384,
                       "queue_packets": 16384, "queue_bytes": 16 << 20},
            "vnets": [dict({"name": name, "vni": VNIS[name], "authorization": "negotiated"}, **settings)
                      for name, settings in self.vnets.items()],
            "groups": self.groups_written(),
            "nodes": [self.node_written(node, host) for node in self.nodes if node.host == host],
            "mappings": [self.node_written(node, host) for node in self.nodes if node.host != host],
            "handles": [{"name": name, "entries": entries} for name, entries in self.handles.items()],
            "policies": [policy.written() for policy in self.policies],
        }

    def write(self, path, host):
        with open(path, encoding="ascii") as file:
            config = json.load(file)
        config.update(self.members(host))
        with open(path, "w", encoding="ascii") as file:
            json.dump(config, file, indent=1)
