"""Starts that must be refused and change nothing: foreign directories, wrong settings."""
import json
import os
import shutil
import stat
import subprocess
import time

import cluster as c
import processes
from meanwhile import produce, still_serves

def daemon(k, code, error, *words_):
    """A daemon that must refuse to start; returns what it said."""
    done = subprocess.run([os.path.join(c.BIN, "strandlogd"), *words_], env=k.env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=20)
    text = done.stderr.decode(errors="replace").replace(k.work, "…")
    print(f"      {done.returncode}: {text.strip()[-170:]}", flush=True)
    c.require(done.returncode == code, f"exit {done.returncode}, wanted {code}: {text}")
    c.require(f"error[{error}]" in text, f"wanted error[{error}]: {text}")
    return text


def picture(path):
    """Everything about a tree that a refusal could touch, times of reading excepted."""
    seen = {}
    for folder, folders, files in os.walk(path):
        for name in [folder, *(os.path.join(folder, f) for f in files)]:
            at = os.lstat(name)
            content = None
            if stat.S_ISREG(at.st_mode):
                with open(name, "rb") as data:
                    content = hash(data.read())
            seen[name] = (at.st_mode, at.st_uid, at.st_size, at.st_mtime_ns, content, len(folders))
    return seen


def replace_bytes(path, change):
    with open(path, "r+b") as file:
        data = bytearray(file.read())
        data = change(data)
        file.seek(0)
        file.truncate()
        file.write(data)


def flip(data):
    data[len(data) // 2] ^= 1
    return data


class Spoiled:
    """A stopped broker's directory, copied and spoiled for each refusal."""

    def __init__(self, k):
        self.k, self.good, self.copy = k, k.data(1), k.path("copy")
        k.on_cluster("topic", "create", "t")
        produce(k, "t", b"one\ntwo\n")
        k.dev("stop", 1)

    def path(self, name):
        return os.path.join(self.copy, name)

    def lose_journal(self):
        """As after a restore that forgot it."""
        for name in os.listdir(self.path("journal")):
            os.unlink(self.path("journal/" + name))

    def become_foreign(self):
        shutil.rmtree(self.copy)
        os.mkdir(self.copy, 0o700)
        with open(self.path("mine"), "w") as file:
            file.write("not yours\n")

    def refused(self, name, code, error, spoil, broker="1", new_journal=False):
        """The start must fail so and change nothing; a journal begun anew is found out later."""
        print(f"   {name}:", flush=True)
        shutil.copytree(self.good, self.copy)
        os.chmod(self.copy, 0o700)
        spoil()
        before = picture(self.copy)
        daemon(self.k, code, error, "--broker.id", broker, "--data.dir", self.copy, "--listen",
               f"127.0.0.1:{self.k.base + 5}", "--listen.peer", f"127.0.0.1:{self.k.base + 105}")
        after = picture(self.copy)
        touched = [f for f in before | after if before.get(f) != after.get(f)]
        kept = [f for f in touched if not new_journal or f.startswith(self.path("partitions"))]
        c.require(not kept, f"{name}: touched {kept}")
        shutil.rmtree(self.copy)


def foreign_directories():
    with c.Cluster(brokers=1) as k:
        d = Spoiled(k)
        d.refused("not empty and not ours", 6, "wrong-identity", d.become_foreign)
        d.refused("a newer FORMAT", 1, "unsupported", lambda: replace_bytes(
            d.path("FORMAT"), lambda data: data.replace(b"version 1", b"version 2")))
        d.refused("a FORMAT of another program", 6, "wrong-identity", lambda: replace_bytes(
            d.path("FORMAT"), lambda _: b"another program\nversion 1\n"))
        d.refused("world-readable", 6, "denied", lambda: os.chmod(d.copy, 0o755))
        if os.getuid() == 0:
            d.refused("another owner", 6, "denied", lambda: os.chown(d.copy, 65534, 65534))
        else:
            print("   another owner: skipped, needs root", flush=True)
        d.refused("another broker's", 6, "wrong-identity", lambda: None, broker="2")
        d.refused("a flipped bit in identity", 8, "corruption", lambda: replace_bytes(
            d.path("identity"), flip))
        d.refused("no identity", 8, "corruption", lambda: os.unlink(d.path("identity")))
        d.refused("no journal", 8, "corruption", lambda: shutil.rmtree(d.path("journal")))
        d.refused("an empty journal", 8, "corruption", d.lose_journal, new_journal=True)
        k.dev("start", 1)
        out = k.on_cluster("consume", "t", "--from", "start", "--to", "end").stdout
        c.require(out == b"one\ntwo\n", f"the original holds {out!r}")


def wrong_settings():
    with c.Cluster(brokers=1) as k:
        fresh = k.path("fresh")
        me = ["--broker.id", "1", "--data.dir", fresh]
        free = f"127.0.0.1:{k.base + 5}"
        conf = k.path("conf")
        with open(conf, "w") as file:
            file.write(f"broker.id = 1\n# a comment\ndata.dir = {fresh}\nno.such = 3\n")
        c.require("conf:4:" in daemon(k, 2, "invalid-argument", "--config", conf), "no line number")
        daemon(k, 2, "invalid-argument", "--config", k.path("absent"))
        for listener in ("--listen", "--listen.peer"):
            for host in ("0.0.0.0", "[::]"):
                daemon(k, 2, "invalid-argument", *me, listener, f"{host}:{k.base + 5}")
        daemon(k, 2, "invalid-argument", "--data.dir", fresh)
        daemon(k, 2, "invalid-argument", *me, "--journal.max.bytes", "many")
        c.require(not os.path.exists(fresh), "a refused start made the directory")
        clients, peers = f"127.0.0.1:{k.base}", f"127.0.0.1:{k.base + 100}"
        daemon(k, 2, "invalid-argument", *me, "--listen", "192.0.2.1:1",
               "--security.allow.plaintext=true")
        daemon(k, 1, "conflict", *me, "--listen", clients, "--listen.peer", free)
        daemon(k, 1, "conflict", *me, "--listen", free, "--listen.peer", peers)
        still_serves(k, "still-there")


def blank_broker_waits():
    with c.Cluster(brokers=1) as k:
        nobody, here = f"127.0.0.1:{k.base + 107}", f"127.0.0.1:{k.base + 5}"
        log = k.path("blank.log")
        with open(log, "wb") as err:
            broker = subprocess.Popen(
                [os.path.join(c.BIN, "strandlogd"), "--broker.id", "2", "--data.dir",
                 k.path("blank"), "--listen", here, "--listen.peer", f"127.0.0.1:{k.base + 105}",
                 "--seeds", nobody], env=k.env, stdin=subprocess.DEVNULL, stderr=err)
        try:
            ask = lambda: k.run("-s", here, "--timeout", "1s", "status", "-o", "json", code=None)
            c.wait_for("it answers", lambda: ask().returncode == 0, 20)
            time.sleep(2)
            state = json.loads(ask().stdout)["state"]
            print(f"   status: {state}", flush=True)
            c.require("blank" in state, f"status says {state!r}")
            done = k.run("-s", here, "--timeout", "1s", "topic", "list", code=None)
            print(f"   topic list: {done.returncode}, {done.stderr.decode().splitlines()[0]}")
            c.require(done.returncode == 4 and b"error[blank]" in done.stderr,
                      f"exit {done.returncode}: {done.stderr.decode()}")
            c.require(broker.poll() is None, "the blank broker ended")
            cpu = processes.cpu_seconds(broker.pid)
            time.sleep(1)
            c.require(processes.cpu_seconds(broker.pid) - cpu < 0.2, "the blank broker spins")
        finally:
            broker.terminate()
            code = broker.wait(timeout=20)
        c.require(code == 0, f"the blank broker ended with {code}")
        with open(log) as lines:
            c.require("blank" in lines.read(), "its log does not say that it waits")


ROWS = (foreign_directories, wrong_settings, blank_broker_waits)
