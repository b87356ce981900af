# SPDX-License-Identifier: BSD-2-Clause
"""Real packets between nodes, several hundred conversations at once, out of one process.

A socket belongs to the namespace in which it was made, so one process has servers in every node (TCP and UDP on each
port, and raw sockets that see each SYN and each echo request that arrives), and makes the sockets of the probes where
they begin.

What must come is tried again for up to PATIENCE_S: a slow machine makes no failure of it. What must not come has
WINDOW_S, tries twice, and then waits until no agent has a question open; it counts as refused when it neither arrived
nor was answered. Whatever arrives later, in another round, counts against it too.
"""
import contextlib
import ctypes
import errno
import os
import selectors
import socket
import struct
import time

from truth_world import PORTS, SOURCE_PORTS

PATIENCE_S = 5.0
WINDOW_S = 0.4
RETRY_S = 0.2
PUMP_S = 0.01
SYN, ACK = 2, 16
CLONE_NEWNET = 0x40000000
ECHO, ECHO_REPLY = 8, 0
LIBC = ctypes.CDLL(None, use_errno=True)


class Probe:
    """One question to the network; `expected` and `seen` are (arrives, is answered)."""

    def __init__(self, number, source, destination, address, protocol, port, block):
        self.number, self.source, self.destination, self.address = number, source, destination, address
        self.protocol, self.port, self.block = protocol, port, block
        self.expected = None
        self.arrived = self.answered = self.over = False
        self.sockets = []
        self.tries, self.began_s, self.next_s = 0, 0, 0

    @property
    def seen(self):
        return self.arrived, self.answered

    def lacks(self):
        return any(wanted and not seen for wanted, seen in zip(self.expected, self.seen))

    def __str__(self):
        name = self.destination.name if self.destination else "nobody"
        return "%s -> %s (%s) %s/%d from a %s port: expected %s, saw %s (arrives, answered)" % (
            self.source.name, name, self.address, self.protocol, self.port, self.block, self.expected, self.seen)


class Stream:
    """A TCP connection that goes on."""

    def __init__(self, source, destination, port):
        self.source, self.destination, self.port = source, destination, port
        self.received = 0
        self.socket = None

    def __str__(self):
        return "%s -> %s tcp/%d" % (self.source.name, self.destination.name, self.port)


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def echo_request(number, sequence):
    body = b"%16d" % number
    plain = struct.pack("!BBHHH", ECHO, 0, 0, number & 0xffff, sequence) + body
    return plain[:2] + struct.pack("!H", checksum(plain)) + plain[4:]


class Prober:
    def __init__(self, net, nodes):
        self.ready = selectors.DefaultSelector()
        self.spaces = {node.name: os.open("/run/netns/%s-n%s" % (net, node.name), os.O_RDONLY) for node in nodes}
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.by_number, self.by_port, self.streams = {}, {}, {}
        self.next_port = {}
        self.strays = []
        self.pumped_s = 0
        self.raw_icmp = {}
        for node in nodes:
            with self.inside(node):
                self.serve(node)

    @contextlib.contextmanager
    def inside(self, node):
        self.enter(self.spaces[node.name])
        try:
            yield
        finally:
            self.enter(self.home)

    @staticmethod
    def enter(fd):
        if LIBC.setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    def watch(self, sock, events, callback):
        sock.setblocking(False)
        self.ready.register(sock, events, callback)

    def close(self, sock):
        """Also one that was never watched, or is closed already."""
        with contextlib.suppress(KeyError, ValueError):
            self.ready.unregister(sock)
        sock.close()

    # ---- servers

    def serve(self, node):
        for port in PORTS:
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((node.address, port))
            listener.listen(1024)
            self.watch(listener, selectors.EVENT_READ, lambda listener=listener: self.on_connection(listener))
            echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            echo.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            echo.bind((node.address, port))
            self.watch(echo, selectors.EVENT_READ, lambda echo=echo: self.on_datagram(node, echo))
        for protocol, callback in ((socket.IPPROTO_ICMP, self.on_icmp), (socket.IPPROTO_TCP, self.on_segment)):
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            self.watch(raw, selectors.EVENT_READ, lambda raw=raw, callback=callback: callback(node, raw))
            if protocol == socket.IPPROTO_ICMP:
                self.raw_icmp[node.name] = raw

    def arrived(self, node, probe):
        if probe is None:
            return
        if probe.destination is None or probe.destination.name != node.name:
            self.strays.append("%s: arrived at %s" % (probe, node.name))
        elif probe.over and not probe.expected[0]:
            self.strays.append("%s: arrived when its round was over" % probe)
        probe.arrived = True

    def on_segment(self, node, raw):
        for packet in self.packets(raw):
            port, _, _, _, _, flags = struct.unpack_from("!HHIIBB", packet, (packet[0] & 15) * 4)
            if flags & (SYN | ACK) == SYN:
                self.arrived(node, self.by_port.get((socket.inet_ntoa(packet[12:16]), port)))

    def on_icmp(self, node, raw):
        for packet in self.packets(raw):
            message = packet[(packet[0] & 15) * 4:]
            probe = self.by_number.get(int(message[8:24])) if message[8:24].strip().isdigit() else None
            if message[0] == ECHO:
                self.arrived(node, probe)
            elif message[0] == ECHO_REPLY and probe:
                probe.answered = True

    def on_datagram(self, node, echo):
        with contextlib.suppress(BlockingIOError):
            while True:
                data, address = echo.recvfrom(64)
                self.arrived(node, self.by_number.get(int(data)))
                with contextlib.suppress(OSError):
                    echo.sendto(data, address)

    def on_connection(self, listener):
        with contextlib.suppress(OSError):
            while True:
                connection, address = listener.accept()
                self.watch(connection, selectors.EVENT_READ,
                           lambda connection=connection, address=address: self.on_data(connection, address))

    def on_data(self, connection, address):
        try:
            data = connection.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close(connection)
        elif address in self.streams:
            self.streams[address].received += len(data)

    @staticmethod
    def packets(raw):
        with contextlib.suppress(BlockingIOError):
            while True:
                yield raw.recv(2048)

    # ---- probes

    def port_take(self, node, block):
        """A source port that nobody with this address had in this run."""
        low, high = SOURCE_PORTS[block]
        port = self.next_port.setdefault((node.address, block), low)
        assert port <= high, "no source port is left"
        self.next_port[node.address, block] = port + 1
        return port

    def connect(self, probe):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        port = self.port_take(probe.source, probe.block)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.bind((probe.source.address, port))
        self.by_port[probe.source.address, port] = probe
        probe.sockets.append(sock)
        sock.setblocking(False)
        if sock.connect_ex((probe.address, probe.port)) == errno.EINPROGRESS:
            self.watch(sock, selectors.EVENT_WRITE, lambda: self.on_connected(probe, sock))

    def on_connected(self, probe, sock):
        probe.answered |= sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        self.close(sock)

    def datagram(self, probe):
        if not probe.sockets:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind((probe.source.address, self.port_take(probe.source, probe.block)))
            probe.sockets.append(sock)
            sock.connect((probe.address, probe.port))
            self.watch(sock, selectors.EVENT_READ, lambda: self.on_echo(probe, sock))
        probe.sockets[0].send(b"%d" % probe.number)

    @staticmethod
    def on_echo(probe, sock):
        with contextlib.suppress(OSError):
            probe.answered |= int(sock.recv(64)) == probe.number

    def attempt(self, probe, now_s):
        probe.tries += 1
        probe.next_s = now_s + RETRY_S
        # What the kernel has to say against it (no route, no neighbour) is no answer.
        with contextlib.suppress(OSError), self.inside(probe.source):
            if probe.protocol == "tcp":
                self.connect(probe)
            elif probe.protocol == "udp":
                self.datagram(probe)
            else:
                self.raw_icmp[probe.source.name].sendto(echo_request(probe.number, probe.tries), (probe.address, 0))

    def is_finished(self, probe, now_s):
        if probe.lacks():
            return now_s >= probe.began_s + PATIENCE_S
        return probe.expected == (True, True) or now_s >= probe.began_s + WINDOW_S

    def run(self, probes, wait_quiet):
        """All at once. wait_quiet() returns when no agent has a question open."""
        for probe in probes:
            self.by_number[probe.number] = probe
            probe.began_s = time.monotonic()
            self.attempt(probe, probe.began_s)
            self.poll(0)
        going = probes
        while going:
            self.poll(0.02)
            now_s = time.monotonic()
            going = [probe for probe in going if not self.is_finished(probe, now_s)]
            for probe in going:
                if now_s >= probe.next_s and (probe.lacks() or probe.tries < 2):
                    self.attempt(probe, now_s)
        wait_quiet()
        self.run_for(0.05)
        for probe in probes:
            probe.over = True
            for sock in probe.sockets:
                self.close(sock)

    # ---- streams

    def stream_open(self, stream):
        with self.inside(stream.source):
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            port = self.port_take(stream.source, "low")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.bind((stream.source.address, port))
            sock.setblocking(False)
            sock.connect_ex((stream.destination.address, stream.port))
        stream.socket = sock
        self.streams[stream.source.address, port] = stream

    def streams_close(self):
        for stream in self.streams.values():
            stream.socket.close()
        self.streams = {}

    def pump(self):
        for stream in self.streams.values():
            with contextlib.suppress(OSError):
                stream.socket.send(b"a message of the stream")

    # ---- time

    def poll(self, timeout_s):
        for key, _ in self.ready.select(timeout_s):
            # One callback may have closed another's socket.
            if key.fileobj.fileno() >= 0:
                key.data()
        if time.monotonic() >= self.pumped_s + PUMP_S:
            self.pumped_s = time.monotonic()
            self.pump()

    def run_for(self, seconds):
        self.run_until(lambda: False, seconds)

    def run_until(self, condition, seconds):
        end_s = time.monotonic() + seconds
        while not condition():
            if time.monotonic() >= end_s:
                return False
            self.poll(0.01)
        return True
