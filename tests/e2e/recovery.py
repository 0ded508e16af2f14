#!/usr/bin/env python3
"""Brokers that come back: far behind, with a full journal, damaged, or after a clean stop."""
import json
import os
import shutil
import subprocess
import time

import cluster as c
import flow

MIB = 1 << 20


def stopped_broker_catches_up():
    """It missed up to 200 MB; a small tail cache, a leader restarted, 50 MB/s going on."""
    missed, rate, beside_seconds = min(200, c.MEGABYTES), 50, c.SECONDS / 3
    with c.Cluster(settings={"tail.cache.bytes": "16MiB"}) as k:
        k.on_cluster("topic", "create", "t", "-p", "2", "-r", "3")
        k.dev("stop", 2)
        source, beside = k.path("missed"), k.path("beside")
        count = flow.lines_of_a_kibibyte(source, missed, 1)
        first = k.produced(k.start_produce("t", source, "-z", "none"))
        leader = k.leader("t")
        for verb in ("stop", "start"):
            k.dev(verb, leader)
        c.wait_for("led after its leader was restarted", lambda: k.all_led("t"))
        flow.lines_of_a_kibibyte(beside, int(rate * beside_seconds), count + 1)
        producer = k.start_produce("t", beside, "-z", "none", "--rate",
                                   f"{rate * 1000 * 1000 // 1024}/s")
        began = time.monotonic()
        k.dev("start", 2)
        c.wait_for(f"caught up {missed} MB since its start", lambda: k.in_sync("t", 2), began=began)
        flowed = "still flowed" if producer.poll() is None else "had ended"
        second = k.produced(producer)
        print(f"   the {rate} MB/s beside it {flowed} then; a tail cache of "
              f"{k.counters(2)['tail_cache_bytes'] / MIB:.0f} MiB", flush=True)
        c.report("rate of the produce beside it",
                 second["bytes"] / second["seconds"] / 1e6, "MB/s")
        c.require(first["failed"] == 0 and second["failed"] == 0, "records failed")
        c.wait_for("in sync in the end", lambda: k.in_sync("t", 2))
        k.dev("stop", 1)
        c.wait_for("led without broker 1", lambda: k.all_led("t"))
        with open(source, "ab") as out, open(beside, "rb") as more:
            out.write(more.read())
        c.check_same_lines(k, source, "t", 2,
                           first["possible_duplicates"] + second["possible_duplicates"])
        k.dev("stop", 2)
        report, held = k.verified(2, "t")
        c.require(report["ok"] and held >= first["acked"] + second["acked"], f"{report}")


def full_journal_is_recovered():
    """kill -9 of everything at full speed once journals have grown to 256 MiB."""
    # With the usual settings checkpoints keep a journal at half of its 256 MiB. They come after an
    # eighth of the greatest size, so a greater one lets it grow past that.
    with c.Cluster(settings={"journal.max.bytes": "1GiB"}) as k:
        k.on_cluster("topic", "create", "t", "-p", "6", "-r", "3")
        producer = subprocess.Popen(
            [k.tool, "-s", k.servers, "bench", "produce", "-t", "t", "--duration", "120s"],
            env=k.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        sizes = {}

        def full():
            sizes.update({b: k.counters(b).get("journal_bytes", 0) for b in (1, 2, 3)})
            c.require(producer.poll() is None, f"the producer ended; journals: {sizes}")
            return min(sizes.values()) >= 256 * MIB

        c.wait_for("journals are full", full)
        acked = sum(p["high_watermark"] for p in k.partitions("t"))
        k.dev("kill", "all")
        producer.kill()
        producer.wait()
        print(f"   journals when killed: {[size // MIB for size in sizes.values()]} MiB, at least "
              f"{acked} records committed", flush=True)
        began = time.monotonic()
        k.run("dev", "up", "-n", "3", "--dir", k.dir)
        c.wait_for("all partitions led, from the start on", lambda: k.all_led("t"), limit=3,
                   began=began)
        c.wait_for("every replica in sync", lambda: all(k.in_sync("t", b) for b in (1, 2, 3)))
        ends = sum(p["end"] for p in k.partitions("t"))
        c.require(ends >= acked > 0, f"{ends} records after the kill, {acked} were committed")
        k.dev("stop", "all")
        for broker in (1, 2, 3):
            report, held = k.verified(broker, "t")
            c.require(report["ok"] and held >= acked, f"broker {broker}: {held} of {acked}")


def flip_where(folder, text):
    """Flips a bit of the first place in a folder's files where `text` stands; returns the file."""
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        with open(path, "r+b") as file:
            at = file.read().find(text)
            if at >= 0:
                file.seek(at)
                file.write(bytes([text[0] ^ 1]))
                return path
    raise c.Failed(f"{text!r} stands nowhere in {folder}")


def uids(k, topic, broker):
    """The replicas of a broker, by partition."""
    return {p["partition"]: r["uid"] for p in k.partitions(topic) for r in p["replicas"]
            if r["broker"] == broker}


def damaged_replica_is_replaced():
    """A flipped bit in an old round: that replica is made anew, the others stay what they are."""
    marker = b"here a bit will flip"
    with c.Cluster() as k:
        k.on_cluster("topic", "create", "t", "-p", "3", "-r", "3")
        with open(k.path("marked"), "wb") as out:
            out.write(marker + b"\n")
        k.produced(k.start_produce("t", k.path("marked"), "-p", "1", "-z", "none"))
        source = k.path("lines")
        count = flow.lines_of_a_kibibyte(source, 3)
        k.produced(k.start_produce("t", source, "-z", "none"))
        c.wait_for("every replica in sync", lambda: k.in_sync("t", 3))
        before = uids(k, "t", 3)
        k.dev("kill", 3)
        damaged = flip_where(os.path.join(k.data(3), "journal"), marker)
        print(f"   flipped a bit in {os.path.basename(damaged)}", flush=True)
        report, _ = k.verified(3, "t", code=8)
        hurt = [(p["topic"], p["partition"]) for p in report["partitions"] if p["damage"]]
        c.require(hurt == [("t", 1)], f"log verify says damaged: {hurt}")
        k.dev("start", 3)
        c.wait_for("the damaged one was replaced", lambda: uids(k, "t", 3)[1] != before[1])
        c.wait_for("every replica in sync again", lambda: k.in_sync("t", 3))
        now = uids(k, "t", 3)
        c.require((now[0], now[2]) == (before[0], before[2]), f"replicas {before} are {now}")
        again = k.produced(k.start_produce("t", source, "-z", "none"))
        c.require(again["failed"] == 0, f"{again}")
        lines = sum(sum(1 for _ in open(k.consume("t", p), "rb")) for p in range(3))
        c.require(lines == 2 * count + 1, f"{lines} lines of {2 * count + 1}")
        c.wait_for("nothing is out of service", lambda: k.counters(3)["replicas_faulty"] == 0)
        # Without broker 1 every partition needs broker 3 for a majority.
        k.dev("stop", 1)
        c.wait_for("led without broker 1", lambda: k.all_led("t"))
        few = k.produced(k.start_produce("t", source))
        c.require(few["failed"] == 0, f"without broker 1: {few}")
        k.dev("stop", 3)
        report, _ = k.verified(3, "t")
        c.require(report["ok"], f"damage is left: {report}")


def lose_the_journal(directory):
    shutil.rmtree(os.path.join(directory, "journal"))


def fill_the_journal_with_noise(directory):
    journal = os.path.join(directory, "journal")
    for name in os.listdir(journal):
        path = os.path.join(journal, name)
        size = os.path.getsize(path)
        with open(path, "wb") as out:
            out.write(os.urandom(size))


def empty_the_journals_files(directory):
    journal = os.path.join(directory, "journal")
    for name in os.listdir(journal):
        os.truncate(os.path.join(journal, name), 0)


def store_without_a_journal_is_set_aside():
    """Nobody types anything but the same start; what was there is kept, and the rest refuses more."""
    with c.Cluster() as k:
        k.on_cluster("topic", "create", "t", "-p", "3", "-r", "3")
        source = k.corpus(4)
        sent = [k.produced(k.start_produce("t", source))]
        for count, harm in enumerate(
                (lose_the_journal, fill_the_journal_with_noise, empty_the_journals_files), 1):
            k.dev("kill", 3)
            harm(k.data(3))
            began = time.monotonic()
            k.dev("start", 3)
            c.wait_for(f"whole again after {harm.__name__}", lambda: k.in_sync("t", 3), began=began)
            lost = os.listdir(os.path.join(k.data(3), "lost"))
            c.require(len(lost) == count, f"lost/ holds {lost}")
            sent.append(k.produced(k.start_produce("t", source)))
        c.require(all(one["failed"] == 0 for one in sent), f"{sent}")
        c.wait_for("nothing moves", lambda: k.counter(1, "replica_moves") == 0)
        k.dev("stop", 1)
        c.wait_for("led without broker 1", lambda: k.all_led("t"))
        lines = sum(len(c.numbers(k.consume("t", p))) for p in range(3))
        wanted = len(sent) * len(c.numbers(source))
        duplicates = sum(one["possible_duplicates"] for one in sent)
        c.require(wanted <= lines <= wanted + duplicates, f"{lines} lines, {wanted} were sent")
        k.dev("kill", 3)
        lose_the_journal(k.data(3))
        done = k.run("dev", "start", "3", "--dir", k.dir, code=None)
        c.require(done.returncode != 0, "a fourth store was set aside")


def clean_stop_hands_over():
    """A leader is stopped, then another killed, while records flow; how long nothing came."""
    with c.Cluster() as k:
        k.on_cluster("topic", "create", "t", "-p", "1", "-r", "3")
        with flow.Flow(k, "t") as stream:
            stream.flows()
            for verb, what in (("stop", "a clean stop"), ("kill", "a kill")):
                leader, began = k.leader("t"), time.monotonic()
                k.dev(verb, leader)
                c.wait_for(f"a leader after {what}", lambda: k.leader("t") not in (None, leader))
                stream.flows()
                c.report(f"longest gap at {what}", 1000 * stream.longest_gap(began), "ms")
                k.dev("start", leader)
                c.wait_for("in sync again", lambda: k.in_sync("t", leader))


def slow_flushes_cost_no_leadership():
    """Every flush takes longer than a leader may be silent, but less than disk.stall."""
    with c.Cluster(slow_disk=True) as k:
        k.on_cluster("topic", "create", "t", "-p", "3", "-r", "3")

        def counted(name):
            return sum(k.counters(b).get(name, 0) for b in (1, 2, 3))

        before = counted("elections_won_total")
        with open(k.path("slow_disk"), "w") as out:
            out.write("700")
        done = json.loads(k.on_cluster("bench", "produce", "-t", "t", "--duration", "10s", "-o",
                                       "json").stdout)
        os.remove(k.path("slow_disk"))
        c.require(done["acked"] > 0 and done["failed"] == 0, f"{done}")
        c.report("elections under flushes of 0.7 s", counted("elections_won_total") - before, "",
                 limit=0)
        c.report("writes beyond disk.stall", counted("disk_stalls_total"), "")
        c.wait_for("led", lambda: k.all_led("t"))


def creation_begins_anew_elsewhere():
    """A broker that was there when a topic was placed goes silent: create.timeout gives it up."""
    with c.Cluster(4, settings={"create.timeout": "2s"}) as k:
        catalog_leader = k.json("health")["catalog_leader"]
        silent = next(b for b in (4, 3, 2) if b != catalog_leader)
        k.dev("pause", silent)
        began = time.monotonic()
        k.on_cluster("topic", "create", "t", "-p", "4", "-r", "3")
        c.report("created without the silent broker", time.monotonic() - began, "s")
        partitions = k.partitions("t")
        replicas = [r for p in partitions for r in p["replicas"]]
        c.require(len(replicas) == 12, f"{partitions}")
        c.require(all(r["broker"] != silent for r in replicas), f"{partitions}")
        uids = [r["uid"] for r in replicas]
        c.require(max(uids) - min(uids) >= 12, f"nothing was begun anew: uids {sorted(uids)}")
        k.dev("resume", silent)
        source = k.corpus(4)
        sent = k.produced(k.start_produce("t", source))
        c.require(sent["failed"] == 0, f"{sent}")
        c.check_same_lines(k, source, "t", 4, sent["possible_duplicates"])
        # The one that was given up makes nothing of what it was asked for.
        c.wait_for("it knows the topic", lambda: k.topics(silent) == ["t"])
        k.dev("stop", silent)
        report, held = k.verified(silent, "t")
        c.require(report["ok"] and held == 0, f"{report}")


def absent_broker_is_replaced_elsewhere():
    """Records flow meanwhile; what it comes back with is replaced already, and goes."""
    with c.Cluster(4, settings={"replace.after": "2s"}) as k:
        k.on_cluster("topic", "create", "t", "-p", "4", "-r", "3")
        source = k.corpus(4)
        first = k.produced(k.start_produce("t", source))
        absent = next(b for b in (4, 3, 2) if k.states("t", b))
        k.dev("kill", absent)

        def whole_without_it():
            partitions = k.partitions("t")
            replicas = [r for p in partitions for r in p["replicas"]]
            return len(replicas) == 12 and all(
                r["broker"] != absent and r["state"] == "in_sync" for r in replicas)

        second = k.produced(k.start_produce("t", source))
        began = time.monotonic()
        c.wait_for("whole without it", whole_without_it)
        c.report("whole again without the absent broker", time.monotonic() - began, "s")
        c.require(first["failed"] == 0 and second["failed"] == 0, f"{first} {second}")
        k.dev("start", absent)
        c.wait_for("it is back", lambda: k.counter(absent, "replica_moves") == 0)
        lines = sum(len(c.numbers(k.consume("t", p))) for p in range(4))
        duplicates = first["possible_duplicates"] + second["possible_duplicates"]
        wanted = 2 * len(c.numbers(source))
        c.require(wanted <= lines <= wanted + duplicates, f"{lines} lines, {wanted} were sent")
        c.require(whole_without_it(), f"{k.partitions('t')}")


if __name__ == "__main__":
    c.main({f.__name__: f for f in (
        stopped_broker_catches_up, full_journal_is_recovered, damaged_replica_is_replaced,
        store_without_a_journal_is_set_aside,
        clean_stop_hands_over, slow_flushes_cost_no_leadership,
        creation_begins_anew_elsewhere, absent_broker_is_replaced_elsewhere)})
