#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sends crafted frames; started by craft() of lib.sh inside a namespace.

usage: craft.py INTERFACE FRAME...

A frame is an expression of scapy's, as Ether(dst="...") / IP(dst="...") / UDP(dport=9) / b"text". They are sent in
turn over one packet socket. What scapy would fill in (lengths, checksums) it fills in unless given.
"""
import logging
import socket
import sys

logging.getLogger("scapy").setLevel(logging.ERROR)
# Not scapy.all, which takes twice as long; and after the line that silences what they say of routes.
from scapy.layers import dhcp, inet, inet6, l2, ppp  # noqa: E402


def main(arguments):
    names = {name: value for layer in (dhcp, inet, inet6, l2, ppp) for name, value in vars(layer).items()}
    frames = [bytes(eval(text, names)) for text in arguments[1:]]
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind((arguments[0], 0))
    for frame in frames:
        sender.send(frame)


main(sys.argv[1:])
