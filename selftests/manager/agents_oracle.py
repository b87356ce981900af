# SPDX-License-Identifier: BSD-2-Clause
"""What concerns a host, computed from the export alone: written from the words of manager/view.h, not from its code."""
import fnmatch
import ipaddress


def account(name):
    """Whose it is."""
    return name.split("/")[0]


def items(selector):
    """A selector as a list, and whether it is negated."""
    if isinstance(selector, dict):
        return items(selector["not"])[0], True
    return ([selector] if isinstance(selector, str) else selector), False


class World:
    """Everything there is."""

    def __init__(self, export):
        self.objects = {(o["kind"], o["name"]): o for o in export["objects"]}

    def all(self, kind):
        """Of a kind."""
        return [o for o in self.objects.values() if o["kind"] == kind]

    def direct(self, node):
        """Groups and security groups that a node is in itself."""
        found = set(node.get("groups", [])) | set(node.get("security_groups", []))
        for group in self.all("group"):
            match = group.get("match")
            if match is None:
                continue
            whose = match.get("account", account(group["name"]))
            own = account(node["name"]) == account(group["name"])
            if (whose in ("*", account(node["name"])) and (own or "vnet" in match)
                    and match.get("vnet", node["vnet"]) == node["vnet"]
                    and fnmatch.fnmatchcase(node["name"].split("/")[1], match.get("name", "*"))):
                found.add(group["name"])
        return found

    def above(self, groups):
        """With all in which they are."""
        found = set(groups)
        while True:
            more = {g["name"] for g in self.all("group") if found & set(g.get("groups", []))} - found
            if not more:
                return found
            found |= more

    def below(self, groups):
        """With all that are in them."""
        found, new = set(), set(groups)
        while new:
            found |= new
            new = {child for name in new for child in self.objects.get(("group", name), {}).get("groups", [])} - found
        return found

    def means(self, item, node):
        """Whether an item could mean the node."""
        kind, _, name = item.partition(":")
        if item == "any" or kind == "handle":
            return True
        if kind in ("node", "vnet", "account", "group"):
            return name in {"node": {node["name"]}, "vnet": {node["vnet"]}, "account": {account(node["name"])},
                            "group": self.above(self.direct(node))}[kind]
        low, _, high = item.partition("-")
        address = ipaddress.ip_address(node["address"])
        if high:
            return ipaddress.ip_address(low) <= address <= ipaddress.ip_address(high)
        return address in ipaddress.ip_network(item)

    def concerns(self, policy, node):
        """Whether a policy's target could be the node."""
        if policy["vnet"] != node["vnet"]:
            return False
        if "security_group" in policy:
            return policy["security_group"] in self.direct(node)
        listed, negated = items(policy["target"])
        meant = any(self.means(item, node) for item in listed)
        return (not meant or any(item.startswith("handle:") for item in listed)) if negated else meant

    def named(self, listed, view, groups):
        """Adds what items name, and what that names."""
        for item in listed:
            kind, _, name = item.partition(":")
            if kind == "group":
                groups.add(name)
            elif kind == "vnet":
                view.add(f"vnet/{name}")
            elif kind == "handle" and f"handle/{name}" not in view:
                view.add(f"handle/{name}")
                self.named(self.objects[("handle", name)]["entries"], view, groups)

    def view(self, host):
        """The keys of the documents that concern a host."""
        nodes = [n for n in self.all("node") if n["host"] == host]
        view, groups = {"self"}, set()
        for node in nodes:
            view |= {f"node/{node['name']}", f"vnet/{node['vnet']}"}
            groups |= self.above(self.direct(node))
        for policy in self.all("policy"):
            if not any(self.concerns(policy, node) for node in nodes):
                continue
            view.add(f"policy/{policy['name']}")
            if "security_group" in policy:
                groups.add(policy["security_group"])
            self.named(items(policy["target"])[0] + items(policy["peers"])[0], view, groups)
        for name in self.below(groups):
            view.add(f"{'group' if ('group', name) in self.objects else 'security_group'}/{name}")
        return view

    def document_is(self, key, value):
        """Whether a document says what its object does, as far as both have a member."""
        if key == "self":
            return True
        kind, _, name = key.partition("/")
        thing = self.objects[(kind, name)]
        if kind == "node" and set(value["groups"]) != self.direct(thing):
            return False
        return all(thing[m] == value[m] for m in thing.keys() & value.keys() - {"groups", "target"}) and (
            kind not in ("policy",) or "security_group" in thing or thing["target"] == value["target"])
