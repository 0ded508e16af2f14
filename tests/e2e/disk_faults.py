#!/usr/bin/env python3
"""Disks that fail once, stop short, or are in the middle of something when the process dies.

The history of what goes on meanwhile is checked: nothing acknowledged is lost or out of order.
"""
import contextlib
import filecmp
import json
import os
import shutil
import subprocess

import cluster as c
import damage
import faults
import load

# Small enough that files are begun, filled and used again within seconds.
SMALL = {"journal.file.bytes": "1MiB", "journal.max.bytes": "24MiB", "segment.bytes": "1MiB"}
# In this order: a journal grows at first only.
RUNNING = ("journal-grow", "journal-directory", "journal-write", "journal-flush", "segment-write",
           "segment-flush", "segment-directory")
STARTING = ("journal-write", "journal-flush", "state-write", "state-rename")
FIRST = ("format-rename", "identity-write", "identity-rename", "journal-grow", "journal-directory",
         "journal-flush", "state-rename")


def ask_for(k, broker, failpoint, action):
    faults.set_rule(k.path("fault"), k.data(broker), failpoint, action)


def happened(k):
    return faults.has_happened(k.path("fault"))


def is_gone(k, broker):
    status = json.loads(k.run("dev", "status", "--dir", k.dir, "-o", "json").stdout)
    return next(b for b in status if b["broker"] == broker)["state"] == "stopped"


def log_of(k, broker):
    with open(os.path.join(k.dir, f"broker-{broker}.log"), errors="replace") as lines:
        return lines.read()


def revive(k, broker):
    k.dev("start", broker)
    c.wait_for(f"broker {broker} in sync", lambda: k.in_sync(load.TOPIC, broker))


def failed_flush_is_never_acknowledged():
    """EIO of one flush, then all is well: the process ends without an answer (D11)."""
    with c.Cluster(1, faults=True) as k:
        k.on_cluster("topic", "create", "t")
        for name in ("first", "second"):
            with open(k.path(name), "w") as out:
                out.write(name + "\n")
        k.produced(k.start_produce("t", k.path("first"), "-p", "0"))
        for failpoint in ("journal-flush", "journal-write"):
            ask_for(k, 1, failpoint, "EIO")
            producer = k.start_produce("t", k.path("second"), "-p", "0", "--patience", "2s")
            c.wait_for(f"EIO at {failpoint} ends the broker", lambda: is_gone(k, 1))
            c.require(happened(k), "it ended by something else")
            k.produced(producer, code=4)
            c.require("errno 5" in log_of(k, 1), "its log does not say why")
            k.dev("start", 1)
            c.wait_for("led again", lambda: k.all_led("t"))
            with open(k.consume("t")) as lines:
                c.require(lines.readline() == "first\n", "what was acknowledged is gone")
        k.produced(k.start_produce("t", k.path("second"), "-p", "0"))


def short_writes_are_completed():
    """Half a write is no error: the rest follows, and a broker that has it alone keeps it (D12)."""
    with c.Cluster(1, faults=True, settings=SMALL) as k:
        k.on_cluster("topic", "create", "t", "-p", "1")
        whole = k.path("whole")
        # A journal is read again when it is still needed, a segment when its journal is not.
        for failpoint, megabytes in (("journal-write", 1), ("segment-write", 48)):
            source, pid = k.corpus(megabytes), k.pid(1)
            with open(source, "rb") as lines, open(whole, "ab") as out:
                shutil.copyfileobj(lines, out)
            ask_for(k, 1, failpoint, "short")
            k.produced(k.start_produce("t", source, "-p", "0", "-z", "none"))
            c.wait_for(f"a short {failpoint}", lambda: happened(k))
            c.require(k.pid(1) == pid, "the broker was started again")
            k.dev("kill", 1)
            k.dev("start", 1)
            c.wait_for("led again", lambda: k.all_led("t"))
            c.require(filecmp.cmp(whole, k.consume("t"), shallow=False), "it came back changed")


def killed_while_a_topic_comes_and_goes(k, broker):
    folder = os.path.join(k.data(broker), "partitions")
    before = os.listdir(folder)
    k.on_cluster("topic", "create", "gone")
    ask_for(k, broker, "partitions-directory", "kill-after")
    k.produced(k.start_produce("gone", k.corpus(4), "-z", "none"))
    c.wait_for(f"broker {broker} dies: kill-after partitions-directory", lambda: is_gone(k, broker))
    c.require(happened(k), "it died of something else")
    revive(k, broker)

    def its_files():
        return [f for d in os.listdir(folder) if d not in before
                for f in os.listdir(os.path.join(folder, d))]

    c.wait_for("its records are filed", its_files)
    ask_for(k, broker, "segment-remove", "kill")
    k.on_cluster("topic", "delete", "gone")
    c.wait_for(f"broker {broker} dies: kill segment-remove", lambda: is_gone(k, broker))
    c.require(happened(k), "it died of something else")
    revive(k, broker)
    c.wait_for("its files are gone", lambda: not its_files())


def killed_at_every_failpoint():
    """Before the call and after it: what was promised is there again (P5, D16)."""
    with contextlib.ExitStack() as stack:
        k = stack.enter_context(c.Cluster(faults=True, settings=SMALL))
        records = stack.enter_context(load.Load(k, clients=3, padding=4000))
        records.flows()
        for i, failpoint in enumerate(RUNNING):
            broker, action = 1 + i % 3, ("kill", "kill-after")[i % 2]
            ask_for(k, broker, failpoint, action)
            c.wait_for(f"broker {broker} dies: {action} {failpoint}", lambda: is_gone(k, broker))
            c.require(happened(k), "it died of something else")
            revive(k, broker)
        for i, failpoint in enumerate(STARTING):
            broker, action = 1 + i % 3, ("kill-after", "kill")[i % 2]
            k.dev("kill", broker)
            ask_for(k, broker, failpoint, action)
            k.run("dev", "start", str(broker), "--dir", k.dir, code=None)
            c.wait_for(f"broker {broker} dies at its start: {action} {failpoint}",
                       lambda: is_gone(k, broker))
            c.require(happened(k), "it died of something else")
            revive(k, broker)
        killed_while_a_topic_comes_and_goes(k, 1)
        records.flows()


def damage_is_found_and_never_served():
    """A bit, a page, an end of the oldest segment of each replica of a broker that was killed."""
    with c.Cluster(settings=SMALL) as k, load.Load(k, clients=3, padding=1000) as records:
        uids = {p["partition"]: r["uid"] for p in k.partitions(load.TOPIC) for r in p["replicas"]
                if r["broker"] == 3}
        c.wait_for("every replica has filled a segment",
                   lambda: all(len(damage.segments(k.data(3), u)) > 1 for u in uids.values()))
        k.dev("kill", 3)
        harms = (damage.flip, damage.zero, damage.cut)
        for harm, uid in zip(harms, uids.values()):
            path = damage.segments(k.data(3), uid)[0]
            harm(path, os.path.getsize(path) // 2)
        held, _ = k.verified(3, load.TOPIC, code=8)
        hurt = sorted(p["partition"] for p in held["partitions"] if p["damage"])
        c.require(hurt == sorted(uids), f"log verify finds damage in partitions {hurt} alone")
        k.dev("start", 3)
        records.flows("records are acknowledged beside the damaged broker")


def dies_at_first_and_serves_then(k, failpoint, action):
    address, fresh = f"127.0.0.1:{k.base + 5}", k.path(f"{failpoint}-{action}")
    words = [os.path.join(c.BIN, "strandlogd"), "--dev", "--data.dir", fresh, "--listen", address,
             "--listen.peer", f"127.0.0.1:{k.base + 105}"]
    faults.set_rule(k.path("fault"), fresh, failpoint, action)
    first = subprocess.run(words, env=k.env, stderr=subprocess.PIPE, timeout=c.DEADLINE)
    c.require(first.returncode == -9 and happened(k),
              f"{action} {failpoint}: exit {first.returncode} {first.stderr[-500:]}")
    with open(k.path("second.log"), "wb") as log:
        second = subprocess.Popen(words, env=k.env, stderr=log)
    try:
        create = ("-s", address, "--timeout", "1s", "topic", "create", "t")
        c.wait_for(f"it serves after {action} {failpoint}",
                   lambda: k.run(*create, code=None).returncode == 0)
    finally:
        second.kill()
        second.wait()


def killed_at_its_first_start():
    """A directory that was being formatted is one afterwards, or is formatted anew."""
    with c.Cluster(1, faults=True) as k:
        for failpoint in FIRST:
            for action in ("kill", "kill-after"):
                dies_at_first_and_serves_then(k, failpoint, action)


if __name__ == "__main__":
    c.main({f.__name__: f for f in (
        failed_flush_is_never_acknowledged, short_writes_are_completed, killed_at_every_failpoint,
        killed_at_its_first_start, damage_is_found_and_never_served)})
