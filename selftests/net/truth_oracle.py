# SPDX-License-Identifier: BSD-2-Clause
"""May this packet be answered? The truth that the tables of truth.py are compared with.

Written from the words of the specification (DTM-5, DTM-8, DTM-13 to DTM-16) and of policy/policy.h, and from nothing
else: one packet at a time, every policy looked at each time, no order, no index, nothing kept.

A world is what a round's configuration says, as truth_world.py makes it. Selectors and services are the text that is
written to the file.
"""
import ipaddress

NAMED = {  # services by name, those of ovnet.json(5) that a round may use
    "ssh": [("tcp", 22)],
    "http": [("tcp", 80)],
    "domain": [("tcp", 53), ("udp", 53)],
    "icmp/echo": [("icmp", 8)],
    "icmp/echo-reply": [("icmp", 0)],
}
NEAR, BROAD, DEFAULT = "address", "group", "default"  # what decided


def in_group(world, node, name):
    """Directly, or through a group in the group (DTM-16)."""
    return name in node.groups or any(in_group(world, node, child) for child in world.groups[name]["groups"])


def is_near(item):
    """Names an end by node, address or range, not as one of many."""
    return item != "any" and item.split(":")[0] not in ("group", "account", "vnet", "handle")


def matches(world, item, node):
    kind, _, name = item.partition(":")
    if item == "any":
        return True
    if kind == "node":
        return node.name == name
    if kind == "group":
        return in_group(world, node, name)
    if kind == "account":
        return node.account == name
    if kind == "vnet":
        return node.vnet == name
    if kind == "handle":
        return any(matches(world, entry, node) for entry in world.handles[name])
    address = ipaddress.ip_address(node.address)
    if "-" in item:
        low, high = item.split("-")
        return ipaddress.ip_address(low) <= address <= ipaddress.ip_address(high)
    return address in ipaddress.ip_network(item)


def selects(world, selector, node):
    return selector.negated != any(matches(world, item, node) for item in selector.items)


def selects_near(world, selector, node):
    """The class of the policy for this other end: one that is negated is always of the broad class."""
    return not selector.negated and any(is_near(item) and matches(world, item, node) for item in selector.items)


def serves(service, protocol, port):
    if service == "any":
        return True
    if service in NAMED:
        return (protocol, port) in NAMED[service]
    name, _, ports = service.partition("/")
    if name != protocol:
        return False
    if not ports:
        return True
    low, _, high = ports.partition("-")
    return int(low) <= port <= int(high or low)


def default_holds(world, kind, source, destination):
    if kind == "account":
        return source.account is not None and source.account == destination.account
    if kind == "group":
        return any(in_group(world, source, name) and in_group(world, destination, name) for name in world.groups)
    return kind == "allow"


def side(world, which, source, destination, protocol, port):
    """What one side says: (allowed, by what)."""
    target, peer = (destination, source) if which == "in" else (source, destination)
    said = {NEAR: set(), BROAD: set()}
    for policy in world.policies:
        if (policy.vnet == target.vnet and policy.side == which and policy.cast in (None, "unicast")
                and selects(world, policy.target, target) and selects(world, policy.peers, peer)
                and (not policy.services or any(serves(service, protocol, port) for service in policy.services))):
            said[NEAR if selects_near(world, policy.peers, peer) else BROAD].add(policy.verdict)
    for rank in (NEAR, BROAD):
        if said[rank]:
            return "deny" not in said[rank], rank
    kinds = {group["default_" + which] for name, group in world.groups.items()
             if in_group(world, target, name) and group["default_" + which]}
    kinds = kinds or {world.vnets[target.vnet]["default_" + which]}
    return all(default_holds(world, kind, source, destination) for kind in kinds), DEFAULT


def decide(world, source, destination, protocol, port):
    """Both sides together (DTM-14)."""
    if source.vnet != destination.vnet:
        return False
    said = [side(world, which, source, destination, protocol, port) for which in ("in", "out")]
    if world.vnets[source.vnet]["agreement"] == "both":
        return all(allowed for allowed, _ in said)
    return any(allowed for allowed, _ in said) and all(allowed or by == DEFAULT for allowed, by in said)


def expect(world, source, destination, protocol, port, source_port):
    """(the first packet arrives, its answer comes back); `destination` is None where nobody has the address."""
    if destination is None or not decide(world, source, destination, protocol, port):
        return False, False
    if world.vnets[source.vnet]["replies"] == "session":
        return True, True
    back = 0 if protocol == "icmp" else source_port
    return True, decide(world, destination, source, protocol, back)
