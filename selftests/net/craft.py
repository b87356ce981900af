#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sends crafted frames; started by craft() of lib.sh inside a namespace.

usage: craft.py [--count N] INTERFACE FRAME...

A frame is an expression of scapy's, as Ether(dst="...") / IP(dst="...") / UDP(dport=9) / b"text". Each is sent N times
(default once), in turn, over one packet socket. What scapy would fill in (lengths, checksums) it fills in unless given.
"""
import logging
import socket
import sys

logging.getLogger("scapy").setLevel(logging.ERROR)
import scapy.all  # noqa: E402 (warns of routes that a node need not have)


def main(arguments):
    count = 1
    if arguments[0] == "--count":
        count = int(arguments[1])
        arguments = arguments[2:]
    names = dict(vars(scapy.all))
    frames = [bytes(eval(text, names)) for text in arguments[1:]]
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind((arguments[0], 0))
    for _ in range(count):
        for frame in frames:
            sender.send(frame)


main(sys.argv[1:])
