#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Datagrams of a negotiation, captured on the substrate, used against who sent them; for attack.sh.

usage: attack_replay.py replay|reflect|truncate PCAP INTERFACE MAC     sends them as frames, with the addresses they had
       attack_replay.py tenant PCAP ADDRESS                            from a node, to a node: UDP port 6190 to 6190

replay: as they were. reflect: back to who sent them. truncate: shorter, by several lengths, with a good checksum.
Prints how many were sent. Not more than 40 of them: the uplink's gates must not be what stops them.
"""
import socket
import struct
import sys

PORT = 6190
MOST = 40


def datagrams(path):
    """(source, destination, source port, destination port, payload) of what hosts say to each other (VNI 0) by UDP."""
    content = open(path, "rb").read()
    at = 24
    while at + 16 <= len(content):
        length = struct.unpack_from("<I", content, at + 8)[0]
        frame = content[at + 16:at + 16 + length]
        at += 16 + length
        if len(frame) < 62 or frame[12:14] != b"\x86\xdd" or frame[20] != 17:
            continue
        source, destination = frame[22:38], frame[38:54]
        source_port, port, size = struct.unpack_from("!HHH", frame, 54)
        if bytes(3) in (source[9:12], destination[9:12]):
            yield source, destination, source_port, port, frame[62:54 + size]


def checksum(octets):
    if len(octets) % 2:
        octets += b"\0"
    total = sum(struct.unpack("!%dH" % (len(octets) // 2), octets))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff or 0xffff


def packet(source, destination, source_port, port, payload):
    length = 8 + len(payload)
    header = struct.pack("!HHHH", source_port, port, length, 0)
    pseudo = source + destination + struct.pack("!II", length, 17)
    header = header[:6] + struct.pack("!H", checksum(pseudo + header + payload))
    return struct.pack("!IHBB", 6 << 28, length, 17, 64) + source + destination + header + payload


def variants(how, source, destination, source_port, port, payload):
    if how == "replay":
        yield packet(source, destination, source_port, port, payload)
    elif how == "reflect":
        yield packet(destination, source, port, source_port, payload)
    elif how == "truncate":
        for length in (0, 3, 4, 15, len(payload) // 2, len(payload) - 1):
            yield packet(source, destination, source_port, port, payload[:length])


def as_frames(how, path, interface, mac):
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind((interface, 0))
    ethernet = bytes.fromhex(mac.replace(":", "")) + sender.getsockname()[4] + b"\x86\xdd"
    frames = [ethernet + each for one in datagrams(path) for each in variants(how, *one)][:MOST]
    for frame in frames:
        sender.send(frame)
    print(len(frames))


def as_tenant(path, address):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind(("0.0.0.0", PORT))
    payloads = [one[4] for one in datagrams(path)][:MOST]
    for payload in payloads:
        sender.sendto(payload, (address, PORT))
    print(len(payloads))


if sys.argv[1] == "tenant":
    as_tenant(*sys.argv[2:])
else:
    as_frames(*sys.argv[1:])
