#!/usr/bin/env python3
"""Three brokers: files through six partitions while leaders die, pause and come back."""
import filecmp
import json
import os
import time

import cluster as c


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
    k.run("dev", "up", "-n", "3", "--dir", k.dir)
    c.wait_for("all partitions led after everything was killed", lambda: k.all_led("t"))
    c.check_same_lines(k, source, "t", 6, summary["possible_duplicates"])
    c.wait_for("every replica in sync", lambda: all(in_sync(k, "t", b) for b in (1, 2, 3)))
    k.dev("stop", "all")
    for broker in (1, 2, 3):
        report = json.loads(k.run("log", "verify", k.data(broker), "-o", "json").stdout)
        held = sum(p["records"] for p in report["partitions"] if p["topic"] == "t")
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


def paused_leader_serves_nothing_stale():
    with c.Cluster() as k:
        k.on_cluster("topic", "create", "t", "-p", "1", "-r", "3")
        source = k.corpus(4)
        k.produced(k.start_produce("t", source))
        old = k.leader("t")
        k.dev("pause", old)
        c.wait_for("a new leader", lambda: k.leader("t") not in (None, old))
        again = k.produced(k.start_produce("t", source))
        c.require(again["failed"] == 0, f"while the old leader was paused: {again}")
        k.dev("resume", old)
        c.wait_for("the old leader follows", lambda: in_sync(k, "t", old))
        out = k.consume("t", 0)
        c.require(len(c.numbers(out)) == 2 * len(c.numbers(source)), "lines are missing")


def in_sync(k, topic, broker):
    done = k.on_cluster("topic", "describe", topic, "-o", "json", code=None)
    if done.returncode != 0:
        return False
    states = [r["state"] for p in json.loads(done.stdout)["partitions"] for r in p["replicas"]
              if r["broker"] == broker]
    return bool(states) and all(s == "in_sync" for s in states)


def stopped_broker_catches_up():
    with c.Cluster() as k:
        k.on_cluster("topic", "create", "t", "-p", "2", "-r", "3")
        k.dev("stop", 2)
        source = k.corpus()
        k.produced(k.start_produce("t", source))
        k.dev("start", 2)
        c.wait_for("broker 2 caught up", lambda: in_sync(k, "t", 2))
        k.dev("stop", 1)
        c.wait_for("led without broker 1", lambda: k.all_led("t"))
        c.check_same_lines(k, source, "t", 2, 0)


def wiped_broker_is_lost_and_harmless():
    with c.Cluster() as k:
        k.on_cluster("topic", "create", "t", "-p", "3", "-r", "3")
        source = k.corpus(4)
        first = k.produced(k.start_produce("t", source))
        for verb in ("kill", "wipe", "start"):
            k.dev(verb, 2)

        def lost():
            states = {r["broker"]: r["state"] for p in k.json("topic", "describe", "t")["partitions"]
                      for r in p["replicas"]}
            return states.get(2) == "lost"

        c.wait_for("its replicas are shown as lost", lost)
        second = k.produced(k.start_produce("t", source))
        c.require(first["failed"] == 0 and second["failed"] == 0, "records failed")
        lines = sum(len(c.numbers(k.consume("t", p))) for p in range(3))
        c.require(lines == 2 * len(c.numbers(source)), f"{lines} lines came back")


if __name__ == "__main__":
    c.main({f.__name__: f for f in (
        file_in_file_out, leaders_killed_while_it_flows, deleted_topic_leaves_nothing,
        paused_leader_serves_nothing_stale,
        stopped_broker_catches_up, wiped_broker_is_lost_and_harmless)})
