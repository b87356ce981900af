# SPDX-License-Identifier: BSD-2-Clause
"""What the manager's tests share: managers that are started and ended, clients that ask them, checks that are counted."""

import base64
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("BUILD", "build")
PROGRAM = os.environ.get("MANAGER", BUILD + "/ovnet-manager")

failed = 0


def check(what, good, why=""):
    """Counts; a line each."""
    global failed
    if good:
        print("ok - " + what, flush=True)
    else:
        failed += 1
        print("not ok - %s%s" % (what, ": " + str(why)[:1500] if why != "" else ""), flush=True)
    return good


def figure(name, value):
    print("figure %s %s" % (name, value), flush=True)


def wait_for(condition, seconds=10, pause=0.01):
    """What the condition returns, once it is true; what it returned last, when the time is over."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found or time.monotonic() > end:
            return found
        time.sleep(pause)


def free_ports(count):
    held = [socket.socket(socket.AF_INET6) for _ in range(count)]
    for each in held:
        each.bind(("::1", 0))
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


class Answer:
    def __init__(self, status, headers, text):
        self.status = status
        self.headers = headers
        self.text = text
        self.json = None
        if headers.get("Content-Type", "").startswith("application/json") and text:
            self.json = json.loads(text)

    def message(self):
        error = (self.json or {}).get("error", {})
        return " | ".join([error.get("message", "")] + ["%s: %s" % (f["path"], f["message"]) for f in error.get("findings", [])])

    def __repr__(self):
        return "%d %s" % (self.status, self.text[:600])


class Unix(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("x", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Client:
    """Asks one manager, over one connection that is made anew when it has ended."""

    def __init__(self, manager, secret=None, unix=False, timeout=60):
        self.manager, self.secret, self.unix, self.timeout = manager, secret, unix, timeout
        self.connection = None

    def connect(self):
        if self.unix:
            return Unix(self.manager.socket, self.timeout)
        if self.manager.plain:
            return http.client.HTTPConnection("::1", self.manager.port, timeout=self.timeout)
        return http.client.HTTPSConnection("::1", self.manager.port, timeout=self.timeout, context=self.manager.tls())

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def send(self, method, path, body=None, headers=None):
        """Returns the response, unread."""
        all_headers = dict(headers or {})
        if self.secret and "Authorization" not in all_headers:
            all_headers["Authorization"] = "Bearer " + self.secret
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        for attempt in (1, 2):
            fresh = self.connection is None
            try:
                self.connection = self.connection or self.connect()
                self.connection.request(method, path, body, all_headers)
                return self.connection.getresponse()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.close()
                # An idle connection may have been closed by the other side: only then is it asked again.
                if fresh or attempt == 2:
                    raise

    def ask(self, method, path, body=None, headers=None):
        try:
            response = self.send(method, path, body, headers)
            text = response.read().decode()
        except Exception:
            self.close()
            raise
        if response.will_close:
            self.close()
        return Answer(response.status, response.headers, text)

    def get(self, path):
        return self.ask("GET", path)

    def post(self, path, body=None, **headers):
        return self.ask("POST", path, {} if body is None else body, headers)

    def put(self, path, body, match="*"):
        return self.ask("PUT", path, body, {"If-Match": match})

    def patch(self, path, body, match="*"):
        return self.ask("PATCH", path, body, {"If-Match": match})

    def delete(self, path, match="*"):
        return self.ask("DELETE", path, None, {"If-Match": match})

    def must(self, method, path, body=None, match="*"):
        answer = self.ask(method, path, body, {"If-Match": match} if method in ("PUT", "PATCH", "DELETE") else {})
        if answer.status >= 300:
            raise AssertionError("%s %s: %r" % (method, path, answer))
        return answer.json


class Manager:
    """One manager in a directory of its own, with a store of its own unless it is told one."""

    def __init__(self, work, name="m", store=None, plain=False, wrap=(), extra=()):
        self.directory = os.path.join(work, name)
        self.socket = os.path.join(work, name + ".sock")
        self.log = os.path.join(work, name + ".log")
        self.plain, self.store, self.wrap, self.extra = plain, store, list(wrap), list(extra)
        self.port = free_ports(1)[0]
        self.process = None
        self.context = None
        os.makedirs(self.directory, mode=0o700, exist_ok=True)

    def start(self, wait=True):
        command = self.wrap + [PROGRAM, "-D", self.directory, "-s", self.socket, "-l", "[::1]:%d" % self.port]
        if self.store:
            command += ["-S", self.store]
        if self.plain:
            command += ["--plain"]
        # A socket of one that was killed would look like one that serves.
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command + self.extra, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        if wait:
            assert wait_for(self.serves, 30), "the manager does not start: " + self.tail()
        return self

    def serves(self):
        if self.process.poll() is not None:
            raise AssertionError("the manager ended with %d: %s" % (self.process.returncode, self.tail()))
        try:
            return Client(self, unix=True, timeout=5).get("/healthz").status == 200
        except OSError:
            return False

    def tail(self):
        with open(self.log, errors="replace") as log:
            return log.read()[-2000:]

    def tls(self):
        if not self.context:
            self.context = ssl.create_default_context(cafile=self.directory + "/ca.pem")
        return self.context

    def operator_secret(self):
        path = self.directory + "/operator.token"
        assert wait_for(lambda: os.path.exists(path) and os.path.getsize(path) > 40), "there is no token"
        with open(path) as file:
            return file.read().strip()

    def local(self):
        return Client(self, unix=True)

    def client(self, secret=None):
        return Client(self, secret)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Returns the status with which it ended."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                return -99
        return self.process.returncode


class Work:
    """A directory that goes, with the managers that were started in it."""

    def __init__(self, base=None):
        self.base, self.managers = base, []

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="ovnet-api.", dir=self.base)
        return self

    def manager(self, *args, **kwargs):
        manager = Manager(self.path, *args, **kwargs)
        self.managers.append(manager)
        return manager

    def __exit__(self, kind, value, trace):
        for each in self.managers:
            if each.process and each.process.poll() is None:
                each.process.kill()
                each.process.wait()
        if kind and self.managers:
            print("# " + self.managers[0].tail().replace("\n", "\n# "), flush=True)
        shutil.rmtree(self.path, ignore_errors=True)


def token(operator, name, role, **more):
    """The secret of a new token."""
    return operator.must("POST", "/v1/tokens", dict(more, name=name, role=role))["secret"]


def public_key():
    return base64.b64encode(os.urandom(32)).decode()


def join(operator, manager, host):
    """A host joins: the client of its agent."""
    name = "system/join-" + host
    secret = token(operator, name, "join", host=host)
    answer = Client(manager, secret).post("/v1/join", {"key": public_key()})
    assert answer.status == 201, answer
    return Client(manager, answer.json["secret"])


def everything(operator):
    """What there is, for comparison; without the revision of the whole."""
    state = operator.get("/v1/export").json["objects"]
    return json.dumps([state, operator.get("/v1/tokens?limit=1000").json["objects"]], sort_keys=True)


def end():
    sys.exit(1 if failed else 0)
