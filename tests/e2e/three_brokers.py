#!/usr/bin/env python3
"""Three brokers: files through six partitions while leaders die, pause and come back."""
import filecmp
import os
import shutil
import subprocess
import time

import cluster as c
import flow

PAUSE_SECONDS = 10


def file_in_file_out():
    with c.Cluster() as k:
        k.on_cluster("topic", "create", "six", "-p", "6", "-r", "3")
        k.on_cluster("topic", "create", "one", "-p", "1", "-r", "3")
        source = k.corpus()
        summary = k.produced(k.start_produce("six", source))
        c.check_same_lines(k, source, "six", 6, summary["possible_duplicates"])
        k.produced(k.start_produce("one", source, "-p", "0"))
        c.require(filecmp.cmp(source, k.consume("one", 0), shallow=False), "one partition: changed")


def leaders_killed_while_it_flows():
    with c.Cluster() as k:
        k.on_cluster("topic", "create", "t", "-p", "6", "-r", "3")
        source = k.corpus()
        with open(source, "rb") as lines:
            count = sum(1 for _ in lines)
        producer = k.start_produce("t", source, "--rate", f"{int(count / c.SECONDS) + 1}/s")
        kills = 0
        time.sleep(1)
        while producer.poll() is None:
            leader = k.leader("t", kills % 6)
            if leader is None:
                time.sleep(0.1)
                continue
            k.dev("kill", leader)
            kills += 1
            time.sleep(2)
            k.dev("start", leader)
            time.sleep(1)
        summary = k.produced(producer)
        c.require(kills > 0, "nothing was killed")
        c.require(summary["failed"] == 0 and summary["acked"] == count, f"of {count}: {summary}")
        print(f"   {kills} leaders killed", flush=True)
        c.check_same_lines(k, source, "t", 6, summary["possible_duplicates"])
        all_killed_at_once(k, source, summary)


def all_killed_at_once(k, source, summary):
    k.dev("kill", "all")
    began = time.monotonic()
    k.run("dev", "up", "-n", "3", "--dir", k.dir)
    c.wait_for("all partitions led, from the start of all on", lambda: k.all_led("t"), limit=3,
               began=began)
    c.check_same_lines(k, source, "t", 6, summary["possible_duplicates"])
    c.wait_for("every replica in sync", lambda: all(k.in_sync("t", b) for b in (1, 2, 3)))
    k.dev("stop", "all")
    for broker in (1, 2, 3):
        report, held = k.verified(broker, "t")
        c.require(report["ok"] and held >= summary["acked"], f"broker {broker}: {report}")
        print(f"   broker {broker} stopped: {held} records verified on its disk", flush=True)


def deleted_topic_leaves_nothing():
    with c.Cluster() as k:
        source = k.corpus(4)
        k.on_cluster("topic", "create", "gone", "-p", "2", "-r", "3")
        k.produced(k.start_produce("gone", source))
        k.on_cluster("topic", "delete", "gone")
        k.on_cluster("topic", "describe", "gone", code=3)

        def empty():
            files = [f for b in (1, 2, 3) for _, _, found in os.walk(k.data(b) + "/partitions")
                     for f in found]
            return len(files) <= 3  # the catalog's own, one per broker

        c.wait_for("its files are gone everywhere", empty)
        k.on_cluster("topic", "create", "gone", "-p", "2", "-r", "3")
        done = k.on_cluster("consume", "gone", "--from", "start", "--to", "end")
        c.require(done.stdout == b"", "a new topic of the same name has old records")


class Read:
    """A consume through one broker; answered, it must show all that was known when it was asked."""

    def __init__(self, k, broker, stream, name):
        self.known, self.path = len(stream.arrived), k.path(name)
        with open(self.path, "wb") as out:
            self.process = subprocess.Popen(
                [k.tool, "-s", k.server(broker), "--timeout", "15s", "consume", "t", "--from",
                 "start", "--to", "end"], env=k.env, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.DEVNULL)

    def judge(self):
        """Whether it was answered; a refusal is no lie."""
        if self.process.wait(timeout=c.DEADLINE) != 0:
            return False
        with open(self.path, "rb") as lines:
            came = sum(1 for _ in lines)
        c.require(came >= self.known, f"stale: {came} lines where {self.known} were known before")
        return True


def paused_leader_serves_nothing_stale():
    """For 10 s, with clients connected; asked while it cannot yet know that it leads no more."""
    with c.Cluster() as k:
        k.on_cluster("topic", "create", "t", "-p", "1", "-r", "3")
        with flow.Flow(k, "t") as stream:
            stream.flows()
            old, began = k.leader("t"), time.monotonic()
            k.dev("pause", old)
            c.wait_for("a new leader", lambda: k.leader("t") not in (None, old), began=began,
                       limit=PAUSE_SECONDS)
            stream.flows()
            c.report("longest gap at a pause", 1000 * stream.longest_gap(began), "ms")
            while time.monotonic() < began + PAUSE_SECONDS - 1:
                time.sleep(0.05)
            # Waiting in its sockets when it goes on, together with what the flow asked it.
            reads = [Read(k, old, stream, f"early.{i}") for i in range(3)]
            time.sleep(1)
            k.dev("resume", old)
            while len(reads) < 6 or not k.in_sync("t", old):
                reads.append(Read(k, old, stream, f"late.{len(reads)}"))
                c.require(len(reads) < 100, "the old leader does not follow")
            answered = [read.judge() for read in reads]
            print(f"   through the old leader: {sum(answered)} of {len(reads)} reads answered, "
                  f"none of them stale", flush=True)
            c.require(any(answered), "no read was answered")
            stream.flows()


def wiped_broker_is_whole_again():
    with c.Cluster() as k:
        k.on_cluster("topic", "create", "t", "-p", "3", "-r", "3")
        source = k.corpus(4)
        first = k.produced(k.start_produce("t", source))
        for verb in ("kill", "wipe", "start"):
            k.dev(verb, 2)

        second = k.produced(k.start_produce("t", source))
        c.wait_for("its replicas are there again", lambda: k.in_sync("t", 2))
        c.require(first["failed"] == 0 and second["failed"] == 0, "records failed")
        lines = sum(len(c.numbers(k.consume("t", p))) for p in range(3))
        c.require(lines == 2 * len(c.numbers(source)), f"{lines} lines came back")


def every_broker_is_wiped_in_its_turn():
    """Under traffic; in the end no store is left that the cluster was founded with."""
    with c.Cluster() as k:
        k.on_cluster("topic", "create", "t", "-p", "3", "-r", "3")
        with flow.Flow(k, "t") as stream:
            stream.flows()
            for broker in (1, 2, 3):
                began = time.monotonic()
                for verb in ("kill", "wipe", "start"):
                    k.dev(verb, broker)
                c.wait_for(f"broker {broker} is whole again", lambda: k.in_sync("t", broker),
                           began=began)
                k.dev("stop", broker)  # its place in the catalog's group as well
                stream.flows()
                k.dev("start", broker)
                stream.flows()
                print(f"   longest gap: {1000 * stream.longest_gap(began):.0f} ms", flush=True)


def wiped_broker_keeps_its_catalog_from_then_on():
    with c.Cluster() as k:
        for i in range(10):
            k.on_cluster("topic", "create", f"t{i}")
        for verb in ("kill", "wipe", "start"):
            k.dev(verb, 2)
        topics = k.topics(1)

        def knows_all():
            return k.replayed(2) is not None and k.topics(2) == topics

        c.wait_for("the wiped broker has fetched the catalog", knows_all)
        # What takes the lost replicas' places is written into the catalog too.
        c.wait_for("its replicas are there again", lambda: k.counter(2, "replica_moves") == 0
                   and all(k.in_sync(f"t{i}", 2) for i in range(10)))
        c.require(k.replayed(2) >= 20, f"{k.replayed(2)} entries were fetched")
        for damage in (False, True):
            k.dev("stop", 2)
            if damage:
                shutil.rmtree(os.path.join(k.data(2), "state"))
            k.on_cluster("topic", "create", f"late-{damage}", "-r", "2")
            topics = k.topics(1)
            k.dev("start", 2)
            c.wait_for("it knows what came meanwhile", knows_all)
            print(f"   entries replayed: {k.replayed(2)}", flush=True)
            c.require((k.replayed(2) >= 20) == damage, f"{k.replayed(2)} entries were fetched")


if __name__ == "__main__":
    c.main({f.__name__: f for f in (
        file_in_file_out, leaders_killed_while_it_flows, deleted_topic_leaves_nothing,
        paused_leader_serves_nothing_stale, wiped_broker_is_whole_again,
        every_broker_is_wiped_in_its_turn, wiped_broker_keeps_its_catalog_from_then_on)})
