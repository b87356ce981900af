#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""New flows without end, to ports in turn: a datagram from a socket of its own, or the beginning of a TCP connection.

usage: restart_prober.py ADDRESS LOW HIGH INTERVAL-MS
"""
import itertools
import socket
import sys
import time


def probe(kind, address, port):
    with socket.socket(socket.AF_INET, kind) as prober:
        prober.setblocking(False)
        try:
            prober.connect((address, port))
            prober.send(b"probe")
        except OSError:  # on its way, refused, nobody there
            pass


def main(address, low, high, interval):
    kinds = itertools.cycle((socket.SOCK_DGRAM, socket.SOCK_STREAM))
    for port in itertools.cycle(range(int(low), int(high) + 1)):
        probe(next(kinds), address, port)
        time.sleep(float(interval) / 1000)


main(*sys.argv[1:])
