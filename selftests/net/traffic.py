#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Numbered messages over UDP or TCP, and who received which when.

usage: traffic.py udp-send ADDRESS PORT COUNT INTERVAL-MS     (COUNT 0: until killed)
       traffic.py tcp-send ADDRESS PORT COUNT INTERVAL-MS
       traffic.py udp-gso ADDRESS PORT COUNT OCTETS
       traffic.py tcp-bulk ADDRESS PORT COUNT FIFO
       traffic.py receive PORT

`udp-gso` sends COUNT messages of so many octets in one go: the kernel (or who receives) takes them apart. `tcp-bulk` sends
one, waits for a line from the fifo, and sends the others as fast as it can.

`receive` takes TCP and UDP, IPv4 and IPv6, on every address, and prints for each message: transport, the sender's
address and port, the message's number, and the time (CLOCK_BOOTTIME, ns), as the programs in the kernel measure it.
A TCP connection is told by a line of its own, with "open" for a number.
"""
import selectors
import socket
import sys
import time

SIZE = 16  # octets of a message: its number in text, padded


def send(transport, address, port, count, interval):
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    sender = socket.socket(socket.AF_INET, kind)
    sender.connect((address, port))
    print("from %d" % sender.getsockname()[1], flush=True)
    if transport == "tcp":
        sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sender.setblocking(False)
    number = 0
    while not count or number < count:
        try:
            sender.send(b"%*d" % (SIZE, number))
        except (ConnectionResetError, BrokenPipeError):
            return
        except OSError:  # refused, no carrier, no room: what is not sent is missed by who receives
            pass
        number += 1
        time.sleep(interval)


def send_whole(address, port, count, octets):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect((address, port))
    sender.setsockopt(socket.SOL_UDP, 103, octets)  # UDP_SEGMENT
    sender.send(b"".join((b"%*d " % (SIZE, number)).ljust(octets, b".") for number in range(count)))


def send_bulk(address, port, count, fifo):
    sender = socket.create_connection((address, port))
    sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sender.sendall(b"%*d" % (SIZE, 0))
    with open(fifo) as line:
        line.readline()
    sender.sendall(b"".join(b"%*d" % (SIZE, number) for number in range(1, count)))
    sender.shutdown(socket.SHUT_WR)
    sender.recv(1)


def tell(transport, address, what):
    print(transport, address[0], address[1], what, time.clock_gettime_ns(time.CLOCK_BOOTTIME), flush=True)


def receive(port):
    ready = selectors.DefaultSelector()

    def on_datagram(listener):
        data, address = listener.recvfrom(65536)
        tell("udp", address, data[:SIZE].split()[0].decode(errors="replace") if data.strip() else "empty")

    def on_connection(listener):
        connection, address = listener.accept()
        tell("tcp", address, "open")
        rest = b""

        def on_data(readable):
            nonlocal rest
            data = readable.recv(65536)
            if not data:
                ready.unregister(readable)
                readable.close()
                return
            rest += data
            while len(rest) >= SIZE:
                tell("tcp", address, int(rest[:SIZE]))
                rest = rest[SIZE:]

        ready.register(connection, selectors.EVENT_READ, on_data)

    for kind, on_ready in ((socket.SOCK_DGRAM, on_datagram), (socket.SOCK_STREAM, on_connection)):
        try:
            listener = socket.socket(socket.AF_INET6, kind)
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.bind(("::", port))
        except OSError:  # a node without IPv6
            listener = socket.socket(socket.AF_INET, kind)
            listener.bind(("0.0.0.0", port))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        if kind == socket.SOCK_STREAM:
            listener.listen(64)
        ready.register(listener, selectors.EVENT_READ, on_ready)
    while True:
        for key, _ in ready.select():
            try:
                key.data(key.fileobj)
            except ConnectionError:
                ready.unregister(key.fileobj)


def main(arguments):
    if arguments[0] == "receive":
        receive(int(arguments[1]))
    transport, how = arguments[0].split("-")
    if how == "gso":
        return send_whole(arguments[1], *map(int, arguments[2:]))
    if how == "bulk":
        return send_bulk(arguments[1], int(arguments[2]), int(arguments[3]), arguments[4])
    send(transport, arguments[1], int(arguments[2]), int(arguments[3]), float(arguments[4]) / 1000)


try:
    main(sys.argv[1:])
except KeyboardInterrupt:
    pass
