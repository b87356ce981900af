# SPDX-License-Identifier: BSD-2-Clause
"""Managers that are killed under a stream of writes through the API, over SQLite and over etcd; and disks that are full, read-only
or damaged. What was acknowledged is there afterwards; what was not is there as a whole or not at all."""

import glob
import json
import os
import random
import shutil
import subprocess
import threading
import time

from manager import Client, Manager, Work, check, end, figure, free_ports, wait_for

KILLS = int(os.environ.get("KILLS", "35"))
BASE = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"
CHOOSE = random.Random(int(os.environ.get("SEED", "7")))


class Writer(threading.Thread):
    """Writes pairs of objects, of which one has a number or an address that the manager picks, until it is told to end."""

    def __init__(self, index, managers):
        super().__init__()
        self.index, self.managers = index, managers
        self.acknowledged = []  # (number, revision)
        self.refused = {}
        self.ending = False

    def run(self):
        clients = [Client(each, unix=True, timeout=15) for each in self.managers]
        at, number = self.index % len(clients), 0
        while not self.ending:
            number += 1
            name = "acme/w%d-%d" % (self.index, number)
            objects = [
                {"kind": "node", "name": name, "vnet": "acme/Z", "host": "h%d" % self.index, "port": "p%d" % number, "mac": "02:00:00:00:00:01", "note": str(number)},
                {"kind": "policy", "name": name, "vnet": "acme/Z", "verdict": "deny", "note": str(number)},
            ]
            if number % 10 == 0:
                objects.append({"kind": "vnet", "name": name})
            try:
                answer = clients[at].post("/v1/apply", {"objects": objects})
                if answer.status == 200:
                    self.acknowledged.append((number, answer.json["revision"]))
                    continue
                why = "%d %s" % (answer.status, answer.message()[:100])
                self.refused[why] = self.refused.get(why, 0) + 1
            except Exception:  # killed in between, and not there yet
                clients[at].close()
            at = (at + 1) % len(clients)
            time.sleep(0.002)


def acknowledged(writers):
    return sum(len(each.acknowledged) for each in writers)


def progress(writers, count=3, seconds=30):
    """Waits until some more was acknowledged."""
    before = acknowledged(writers)
    return wait_for(lambda: acknowledged(writers) >= before + count, seconds, 0.002)


def make_world(operator, hosts):
    operator.must("POST", "/v1/accounts", {"name": "acme"})
    operator.must("POST", "/v1/vnets", {"name": "acme/Z", "subnet": "10.0.0.0/16"})
    for index in range(hosts):
        operator.must("POST", "/v1/hosts", {"name": "h%d" % index, "locator": "fd00:1:0:%x::/64" % index})


def all_of(client, kind):
    found, after = {}, ""
    while after is not None:
        page = client.get("/v1/%s?limit=1000%s" % (kind, "&after=" + after if after else "")).json
        found.update((each["name"], each) for each in page["objects"])
        after = page.get("next")
    return found


def verify(name, client, writers):
    """Compares what is there with what was acknowledged."""
    nodes, policies, vnets = (all_of(client, kind) for kind in ("nodes", "policies", "vnets"))
    lost = half = 0
    revisions = set()
    for writer in writers:
        for number, revision in writer.acknowledged:
            made = "acme/w%d-%d" % (writer.index, number)
            there = [kind.get(made) for kind in ((nodes, policies) + ((vnets,) if number % 10 == 0 else ()))]
            if any(each is None or each["revision"] != revision for each in there):
                lost += 1
            revisions.add(revision)
    for made in set(nodes) | set(policies):
        half += made not in nodes or made not in policies or (int(made.split("-")[1]) % 10 == 0 and made not in vnets)
    figure("api_writes_lost_" + name, lost)
    count = acknowledged(writers)
    check("%s: %d writes acknowledged, each under a revision of its own: all are there" % (name, count), lost == 0 and len(revisions) == count and count > KILLS, lost)
    check("%s: nothing is half there" % name, half == 0, half)
    for what, values in (("addresses", [each["address"] for each in nodes.values()]), ("VNIs", [each["vni"] for each in vnets.values()]),
                         ("numbers of policies", [each["id"] for each in policies.values()])):
        check("%s: %d %s, each once" % (name, len(values), what), len(values) == len(set(values)))
    log, after = [], 0
    while True:
        page = client.get("/v1/log?limit=1000&after=%d" % after).json
        if page["after"] == after:
            break
        log += [each["revision"] for each in page["items"]]
        after = page["after"]
    check("%s: the log has every revision, in order" % name, log == list(range(1, len(log) + 1)) and max(revisions) <= len(log), len(log))


def sqlite_kills():
    with Work(BASE) as work:
        manager = work.manager().start()
        make_world(manager.local(), 3)
        writers = [Writer(index, [manager]) for index in range(3)]
        for each in writers:
            each.start()
        killed = 0
        try:
            while killed < KILLS and progress(writers):
                time.sleep(CHOOSE.random() * 0.03)
                manager.kill()
                killed += 1
                manager.start()
        finally:
            for each in writers:
                each.ending = True
            for each in writers:
                each.join()
        check("sqlite: a manager is killed %d times under writes, and goes on" % KILLS, killed == KILLS, killed)
        verify("sqlite", manager.local(), writers)
        check("sqlite: the manager ends well", manager.stop() == 0, manager.tail())


# ---- etcd

class Etcd:
    def __init__(self, work):
        ports = free_ports(6)
        self.clients, self.peers = ports[:3], ports[3:]
        self.work = work
        self.processes = [None] * 3

    def start(self, n):
        cluster = ",".join("m%d=http://[::1]:%d" % (i, port) for i, port in enumerate(self.peers))
        client, peer = "http://[::1]:%d" % self.clients[n], "http://[::1]:%d" % self.peers[n]
        with open("%s/etcd%d.log" % (self.work, n), "ab") as log:
            self.processes[n] = subprocess.Popen(
                ["etcd", "--name", "m%d" % n, "--data-dir", "%s/etcd%d" % (self.work, n), "--heartbeat-interval", "20", "--election-timeout", "200",
                 "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                 "--initial-cluster", cluster], stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def kill(self, n):
        self.processes[n].kill()
        self.processes[n].wait()

    def url(self):
        return "etcd:" + ",".join("http://[::1]:%d" % port for port in self.clients) + "/test/"

    def ready(self):
        run = subprocess.run(["curl", "-s", "--max-time", "2", "http://[::1]:%d/health" % self.clients[0]], capture_output=True, check=False)
        return b'"true"' in run.stdout

    def end(self):
        for each in self.processes:
            if each:
                each.kill()
                each.wait()


def watchers(managers):
    """What one manager writes, those who watch the others hear within a second."""
    streams = [each.local().send("GET", "/v1/events") for each in managers]
    longest, wrong = 0.0, []
    for i in range(30):
        writer = managers[i % len(managers)].local()
        begin = time.monotonic()
        revision = writer.must("POST", "/v1/groups", {"name": "acme/heard%d" % i})["revision"]
        for each in streams:
            line = json.loads(each.readline())
            if line["revision"] != revision:
                wrong.append("%s, expected %d" % (line, revision))
        longest = max(longest, time.monotonic() - begin)
    figure("api_heard_at_other_managers_ms", round(longest * 1000))
    check("etcd: what one of three managers writes those who watch the others hear within a second", longest < 1 and not wrong, wrong or longest)
    tag = managers[0].local().get("/v1/groups/acme/heard0").headers["ETag"]
    answers = []

    def write(manager):
        answers.append(manager.local().patch("/v1/groups/acme/heard0", {"note": manager.socket}, tag).status)

    threads = [threading.Thread(target=write, args=(each,)) for each in managers]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    check("etcd: of writers at three managers who saw the same revision one wins", sorted(answers) == [200, 412, 412], answers)


def etcd_kills():
    with Work(BASE) as work:
        etcd = Etcd(work.path)
        try:
            for n in range(3):
                etcd.start(n)
            assert wait_for(etcd.ready, 30, 0.05), "etcd does not start"
            managers = [work.manager("m%d" % n, store=etcd.url()) for n in range(3)]
            managers[0].start()
            for each in managers[1:]:
                shutil.copy(managers[0].directory + "/authority.key", each.directory)
                each.start()
            make_world(managers[0].local(), 6)
            last = managers[0].local().get("/v1/status").json["revision"]
            for each in managers:
                wait_for(lambda: each.local().get("/v1/status").json["revision"] >= last)
            watchers(managers)
            kill_etcd(etcd, managers)
        finally:
            etcd.end()


def kill_etcd(etcd, managers):
    writers = [Writer(index, managers) for index in range(6)]
    for each in writers:
        each.start()
    killed, members = 0, 0
    starting = []
    try:
        # As many managers as with SQLite, and members between them.
        while killed - members < KILLS and progress(writers):
            n = CHOOSE.randrange(3)
            if CHOOSE.random() < 0.4:
                etcd.kill(n)
                etcd.start(n)
                members += 1
            else:
                managers[n].kill()
                managers[n].start(wait=False)
                starting = [managers[n]]
            killed += 1
            # No two managers of three are away at a time; members come back by themselves.
            for each in starting:
                wait_for(each.serves, 20)
    finally:
        for each in writers:
            each.ending = True
        for each in writers:
            each.join()
    check("etcd: managers are killed %d times under writes, members %d times, and all goes on" % (killed - members, members), killed - members == KILLS, (killed, [each.refused for each in writers]))
    last = max(each.local().get("/v1/status").json["revision"] for each in managers)
    same = wait_for(lambda: all(each.local().get("/v1/status").json["revision"] >= last for each in managers))
    exports = {each.local().get("/v1/export").text for each in managers}
    check("etcd: three managers have the same", same and len(exports) == 1, [len(each) for each in exports])
    verify("etcd", managers[CHOOSE.randrange(3)].local(), writers)
    # Without etcd: what is known is served, nothing is written; and afterwards all is as before.
    for n in range(3):
        etcd.kill(n)
    operator = managers[0].local()
    wait_for(lambda: operator.get("/v1/status").json["store_stale"], 20)
    answer = operator.post("/v1/groups", {"name": "acme/away"})
    check("etcd: while it is away, what is known is served, and a write is refused with why", answer.status == 503 and "etcd" in answer.message()
          and operator.get("/v1/vnets/acme/Z").status == 200 and operator.get("/healthz").status == 503, answer)
    for n in range(3):
        etcd.start(n)
    back = wait_for(lambda: operator.post("/v1/groups", {"name": "acme/back"}).status in (201, 409), 30, 0.1)
    check("etcd: when it is back, so is everything", back and wait_for(lambda: managers[1].local().get("/v1/groups/acme/back").status == 200), managers[0].tail())
    check("etcd: the managers end well", [each.stop() for each in managers] == [0, 0, 0], managers[0].tail())


# ---- disks

def mounted(path, options):
    os.makedirs(path, mode=0o700, exist_ok=True)
    return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "ovnet-test", path], capture_output=True, check=False).returncode == 0


def full_disk():
    with Work("/tmp") as work:
        disk = work.path + "/m"
        if not mounted(disk, "size=4m,mode=700"):
            print("skip - a full disk: tmpfs cannot be mounted here")
            return
        try:
            manager = work.manager().start()
            operator = manager.local()
            make_world(operator, 1)
            operator.must("POST", "/v1/groups", {"name": "acme/before"})
            subprocess.run(["dd", "if=/dev/zero", "of=" + disk + "/filler", "bs=64k"], capture_output=True, check=False)
            refused = None
            for i in range(200):
                answer = operator.post("/v1/handles", {"name": "acme/full%d" % i, "note": "x" * 490, "entries": ["10.1.%d.%d" % (j // 250, j % 250 + 1) for j in range(2000)]})
                if answer.status != 201:
                    refused = answer
                    break
            check("a full disk: a write is refused, 507, with what to do", refused is not None and refused.status == 507 and "make room" in refused.message(), refused)
            check("a full disk: what is there is served, and what was refused is not there", operator.get("/v1/groups/acme/before").status == 200
                  and operator.get("/v1/handles/acme/full%d" % i).status == 404 and operator.get("/healthz").status == 200)
            os.unlink(disk + "/filler")
            answer = operator.post("/v1/handles", {"name": "acme/full%d" % i, "entries": ["10.0.0.1"]})
            check("a full disk: when there is room again, it goes on", answer.status == 201, answer)
            count = len(operator.get("/v1/log?limit=1000").json["items"])
            manager.stop()
            manager.start()
            check("a full disk: and nothing is lost", len(manager.local().get("/v1/log?limit=1000").json["items"]) == count
                  and manager.local().get("/v1/handles/acme/full%d" % i).status == 200)
            manager.stop()
            subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
            ended = ended_with(manager)
            check("a read-only directory: the manager says so and does not start", ended[0] == 1 and "Read-only" in ended[1], ended)
            subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
            damage(manager)
        finally:
            for each in work.managers:
                if each.process and each.process.poll() is None:
                    each.kill()
            subprocess.run(["umount", disk], check=False)


def ended_with(manager):
    manager.start(wait=False)
    try:
        return manager.process.wait(20), manager.tail()[-600:]
    except subprocess.TimeoutExpired:
        manager.kill()
        return None, manager.tail()[-600:]


def damage(manager):
    """A database with other octets in it: nothing is mended by guessing, and a backup brings everything back."""
    manager.start()
    backup = manager.local().ask("POST", "/v1/backup").text
    before = manager.local().get("/v1/export").text
    manager.stop()
    path = manager.directory + "/manager.db"
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        file.write(os.urandom(8192))
    ended = ended_with(manager)
    check("a damaged database: the manager says so, and what to do", ended[0] == 1 and "backup" in ended[1], ended)
    for each in glob.glob(path + "*"):
        os.unlink(each)
    with open(manager.directory + "/backup", "w") as file:
        file.write(backup)
    from manager import PROGRAM
    restored = subprocess.run([PROGRAM, "-D", manager.directory, "--restore", manager.directory + "/backup"], capture_output=True, text=True, check=False)
    check("a backup is restored into an empty store", restored.returncode == 0, restored.stderr)
    manager.start()
    check("and everything is back", manager.local().get("/v1/export").text == before)
    check("the manager ends well", manager.stop() == 0, manager.tail())


sqlite_kills()
full_disk()
if os.access("/usr/bin/etcd", os.X_OK):
    etcd_kills()
else:
    print("skip - managers over etcd: there is no /usr/bin/etcd")
end()
