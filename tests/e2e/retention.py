#!/usr/bin/env python3
"""Logs that let go of their oldest records, and brokers that come back behind their new starts."""
import os

import cluster as c

MIB = 1 << 20
SETTINGS = {"segment.bytes": "1MiB", "journal.file.bytes": "1MiB", "journal.max.bytes": "32MiB",
            "tail.cache.bytes": "1MiB", "retention.check.interval": "100ms"}
KEPT = 4 * MIB


def held(k, broker):
    """Bytes of segment files in a broker's directory."""
    total = 0
    for where, _, names in os.walk(os.path.join(k.data(broker), "partitions")):
        for name in names:
            try:
                total += os.path.getsize(os.path.join(where, name))
            except FileNotFoundError:
                pass  # just removed
    return total


def start_of(k):
    partitions = k.partitions("t")
    return partitions[0]["start"] if partitions else 0


def check_what_is_left(k, source):
    """From the start to the end: the last lines of the source, each once, none left out."""
    lines = c.numbers(k.consume("t"))
    all_lines = c.numbers(source)
    c.require(lines == all_lines[-len(lines):], f"{len(lines)} lines, not the last ones")
    return len(lines)


def kept_bytes_are_bounded():
    """The same start everywhere, files go; who was away or lost its disk begins there, too."""
    with c.Cluster(settings=SETTINGS) as k:
        k.on_cluster("topic", "create", "t", "-r", "3", "--config", f"retention.bytes={KEPT}")
        source = k.corpus(32)
        half = k.path("half")
        with open(source, "rb") as lines, open(half, "wb") as out:
            out.writelines(lines.readlines()[:1000])
        first = k.produced(k.start_produce("t", half, "-z", "none"))
        k.dev("kill", 3)
        second = k.produced(k.start_produce("t", source, "-z", "none"))
        c.require(first["failed"] == 0 and second["failed"] == 0, f"{first} {second}")
        c.wait_for("the oldest records went", lambda: start_of(k) > first["records"])
        for broker in (1, 2):
            c.wait_for(f"files went from broker {broker}",
                       lambda b=broker: held(k, b) <= KEPT + 4 * MIB)
        k.dev("start", 3)
        c.wait_for("who was away is in sync", lambda: k.in_sync("t", 3))
        k.dev("kill", 2)
        k.dev("wipe", 2)
        k.dev("start", 2)
        c.wait_for("who lost its disk is in sync", lambda: k.in_sync("t", 2))
        c.wait_for("and nothing else moves", lambda: k.counter(1, "replica_moves") == 0)
        print(f"   {check_what_is_left(k, source)} lines are left from {start_of(k)} on",
              flush=True)
        done = k.on_cluster("consume", "t", "--from", "0", "--to", "end", code=None)
        c.require(done.returncode != 0 and b"out of range" in done.stderr, f"{done}")
        for broker in (1, 2, 3):
            k.dev("stop", broker)
            report, records = k.verified(broker, "t")
            c.require(report["ok"], f"{report}")
            print(f"   broker {broker} holds {records} records", flush=True)


def old_records_go_from_an_idle_topic():
    """All of them, once each is too old; what comes then goes on behind them."""
    with c.Cluster(settings=SETTINGS) as k:
        k.on_cluster("topic", "create", "t", "-r", "3", "--config", "retention.ms=1000")
        source = k.corpus(4)
        sent = k.produced(k.start_produce("t", source))
        c.require(sent["failed"] == 0, f"{sent}")
        c.wait_for("all of them went", lambda: start_of(k) == sent["records"])
        for broker in (1, 2, 3):
            c.wait_for(f"files went from broker {broker}", lambda b=broker: held(k, b) < MIB)
        for verb in ("stop", "start"):
            k.dev(verb, 1, 2, 3)
        c.wait_for("led again", lambda: k.all_led("t"))
        c.require(start_of(k) == sent["records"], f"it starts at {start_of(k)} again")
        again = k.produced(k.start_produce("t", source))
        c.require(again["failed"] == 0, f"{again}")
        c.require(k.partitions("t")[0]["end"] == 2 * sent["records"], f"{k.partitions('t')}")


if __name__ == "__main__":
    c.main({f.__name__: f for f in (kept_bytes_are_bounded, old_records_go_from_an_idle_topic)})
