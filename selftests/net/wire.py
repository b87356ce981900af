#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Looks at captures with eyes of its own: nothing of ovnet's code is used here.

usage: wire.py checksums FILE...
           every checksum of every packet is right: IPv4's, and TCP's, UDP's, ICMP's, ICMPv6's over their pseudo-header
       wire.py same SOURCE DESTINATION NODE WIRE WIRE NODE
           the packets of one direction (virtual addresses), as captured in the sending node, at both ends of the
           substrate and in the receiving node: one to one, with all that is to be kept kept and nothing added
       wire.py mss FILE              the MSS options of SYNs
       wire.py longest FILE          octets of the longest frame
       wire.py labels FILE           how many different flow labels
       wire.py fields FILE           protocol, IP header length and checksum field of each UDP packet
       wire.py word SOURCE DESTINATION PORT PORT
           a 16-bit payload, in hexadecimal, with which the checksum of UDP over these addresses (either family) is 0xffff
"""
import ipaddress
import struct
import sys

from scapy.utils import RawPcapReader

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
NAMES = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMPV6: "icmpv6"}
CHECKSUM_AT = {TCP: 16, UDP: 6, ICMP: 2, ICMPV6: 2}


class Packet:
    """One IP packet of a capture, taken apart."""

    def __init__(self, frame):
        self.frame = frame
        self.version = frame[14] >> 4
        if self.version == 4:
            words = struct.unpack("!BBHHHBBH4s4s", frame[14:34])
            self.header = frame[14:14 + (words[0] & 15) * 4]
            self.tos, self.id, self.ttl, self.protocol = words[1], words[3], words[5], words[6]
            self.df, self.fragment = words[4] >> 14 & 1, words[4] & 0x3fff
            self.length = words[2]
            self.source, self.destination = words[8], words[9]
            self.label = None
        else:
            word, payload, self.protocol, self.ttl = struct.unpack("!IHBB", frame[14:22])
            self.header = frame[14:54]
            self.tos, self.label = word >> 20 & 255, word & 0xfffff
            self.length = payload + 40
            self.source, self.destination = frame[22:38], frame[38:54]
        self.payload = frame[14 + len(self.header):14 + self.length]

    def pseudo_header(self):
        if self.protocol == ICMP:
            return b""
        return self.source + self.destination + struct.pack("!II", len(self.payload), self.protocol)

    def carried(self):
        """What nobody on the way may change: the payload without checksum and ICMP's type."""
        at = CHECKSUM_AT.get(self.protocol)
        if at is None:
            return self.payload
        first = 1 if self.protocol in (ICMP, ICMPV6) else 0
        return self.payload[first:at] + self.payload[at + 2:]

    def checksum(self):
        at = CHECKSUM_AT.get(self.protocol)
        return None if at is None else int.from_bytes(self.payload[at:at + 2], "big")


def is_ip(frame):
    return len(frame) > 34 and frame[12:14] in (b"\x08\x00", b"\x86\xdd")


def packets(path):
    return [Packet(frame) for frame, _ in RawPcapReader(path) if is_ip(frame)]


def remainder(octets):
    """Of the sum of 16-bit words in one's complement: 0 when a checksum among them is right.

    65536 is 1 modulo 65535, so the number that the octets write has the remainder of the sum."""
    return int.from_bytes(octets + b"\0" * (len(octets) % 2), "big") % 0xffff


def check_checksums(path):
    counts = {}
    for number, p in enumerate(packets(path), 1):
        name = NAMES.get(p.protocol, "other")
        counts[name] = counts.get(name, 0) + 1
        if len(p.payload) + len(p.header) != p.length:
            sys.exit("%s: packet %d: shorter than it says" % (path, number))
        if p.version == 4 and remainder(p.header):
            sys.exit("%s: packet %d: wrong IPv4 header checksum" % (path, number))
        if p.protocol not in CHECKSUM_AT or (p.protocol == UDP and p.checksum() == 0):
            continue
        if remainder(p.pseudo_header() + p.payload) or (p.protocol in (TCP, UDP) and p.checksum() is None):
            sys.exit("%s: packet %d: wrong %s checksum %#06x" % (path, number, name, p.checksum()))
    if not counts:
        sys.exit("%s: no packets" % path)
    print(path.split("/")[-1], " ".join("%s %d" % each for each in sorted(counts.items())))


def of_direction(path, source, destination):
    """By the last four octets, which are the virtual addresses in both families; without ICMP errors, which are not
    carried. In an order that does not depend on that of two CPUs."""
    chosen = [p for p in packets(path) if p.source[-4:] == source and p.destination[-4:] == destination]
    chosen = [p for p in chosen if p.protocol != ICMP or p.payload[0] in (0, 8)]
    return sorted(chosen, key=lambda p: (ICMPV6 if p.protocol == ICMP else p.protocol, p.carried()))


def check_same(source, destination, *paths):
    ends = [ipaddress.ip_address(text).packed for text in (source, destination)]
    places = [of_direction(path, *ends) for path in paths]
    if len({len(place) for place in places}) != 1 or not places[0]:
        sys.exit("counts differ: %s" % [len(place) for place in places])
    flows = {}
    for number, (sent, first, second, got) in enumerate(zip(*places), 1):
        def want(what, this, that):
            if this != that:
                sys.exit("packet %d, protocol %d: %s: %r, not %r" % (number, sent.protocol, what, this, that))

        protocol = ICMPV6 if sent.protocol == ICMP else sent.protocol
        want("received: what is carried", got.carried(), sent.carried())
        want("received: checksum", got.checksum(), sent.checksum())
        want("received: TOS, TTL, DF", (got.tos, got.ttl, got.df), (sent.tos, sent.ttl, sent.df))
        want("received: length", (got.length, len(got.header)), (sent.length, 20))
        want("received: no fragment", got.fragment & 0x3fff & ~0x4000, 0)
        if sent.protocol == ICMP:
            want("received: ICMP type", got.payload[0], sent.payload[0])
        for wire, hops in ((first, 0), (second, 1)):
            want("wire: family", wire.version, 6)
            want("wire: next header, nothing between", wire.protocol, protocol)
            want("wire: length", wire.length, sent.length + 20)
            want("wire: what is carried", wire.carried(), sent.carried())
            want("wire: traffic class", wire.tos, sent.tos)
            want("wire: hop limit", wire.ttl, 64 - hops)
            want("wire: TTL and DF in the flow label", wire.label >> 11, sent.ttl << 1 | sent.df)
        ports = sent.payload[:4] if sent.protocol in (TCP, UDP) else sent.payload[4:6] if sent.protocol == ICMP else b""
        entropy = first.label & 0x7ff
        want("wire: entropy within a flow", flows.setdefault((sent.protocol, ports), entropy), entropy)
        want("wire: the label at both ends", second.label, first.label)
    addresses = {(p.source, p.destination) for place in places[1:3] for p in place}
    for pair in addresses:
        print(len(places[0]), len(flows), *(ipaddress.ip_address(each) for each in pair))


def print_mss(path):
    for p in packets(path):
        if p.protocol != TCP or not p.payload[13] & 2:
            continue
        options = p.payload[20:(p.payload[12] >> 4) * 4]
        while options and options[0]:
            if options[0] == 2:
                print(int.from_bytes(options[2:4], "big"))
            options = options[1:] if options[0] == 1 else options[options[1]:]


def print_word(source, destination, source_port, destination_port):
    ends = [ipaddress.ip_address(text).packed for text in (source, destination)]
    fixed = b"".join(ends) + struct.pack("!IIHHHH", 10, UDP, int(source_port), int(destination_port), 10, 0)
    print("%04x" % ((-remainder(fixed)) % 0xffff))


def main(command, *arguments):
    if command == "checksums":
        for path in arguments:
            check_checksums(path)
    elif command == "same":
        check_same(*arguments)
    elif command == "mss":
        print_mss(*arguments)
    elif command == "longest":
        print(max(len(p.frame) for p in packets(*arguments)))
    elif command == "labels":
        print(len({p.label for p in packets(*arguments) if p.version == 6}))
    elif command == "fields":
        for p in packets(*arguments):
            if p.protocol == UDP:
                print("v%d %d %#06x" % (p.version, len(p.header), p.checksum()))
    elif command == "word":
        print_word(*arguments)


main(*sys.argv[1:])
