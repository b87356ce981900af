#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""First contacts over TCP, one to each of many ports; for attack.sh.

usage: attack_contacts.py listen LOW HIGH
       attack_contacts.py connect ADDRESS LOW HIGH INTERVAL-MS SECONDS

`listen` prints "listening" when all ports are open. `connect` begins a connection to each port in turn, and prints how
many were made. The kernel sends a SYN again after 1, 3 and 7 seconds; SECONDS bounds the wait after the last began.
"""
import selectors
import socket
import sys
import time


def listen(low, high):
    ready = selectors.DefaultSelector()
    for port in range(low, high + 1):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", port))
        listener.listen(16)
        ready.register(listener, selectors.EVENT_READ)
    print("listening", flush=True)
    while True:
        for key, _ in ready.select():
            key.fileobj.accept()[0].close()


def connect(address, low, high, interval, seconds):
    ready = selectors.DefaultSelector()
    made = waiting = 0

    def look(until):
        nonlocal made, waiting
        while waiting:
            for key, _ in ready.select(max(0, until - time.monotonic())):
                made += key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
                ready.unregister(key.fileobj)
                key.fileobj.close()
                waiting -= 1
            if time.monotonic() >= until:
                return
        time.sleep(max(0, until - time.monotonic()))

    for port in range(low, high + 1):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex((address, port))
        ready.register(client, selectors.EVENT_WRITE)
        waiting += 1
        look(time.monotonic() + interval)
    until = time.monotonic() + seconds
    while waiting and time.monotonic() < until:
        look(min(until, time.monotonic() + 0.05))
    print(made)


def main(arguments):
    if arguments[0] == "listen":
        listen(int(arguments[1]), int(arguments[2]))
    connect(arguments[1], int(arguments[2]), int(arguments[3]), float(arguments[4]) / 1000, float(arguments[5]))


try:
    main(sys.argv[1:])
except KeyboardInterrupt:
    pass
