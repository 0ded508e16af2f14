#!/usr/bin/env python3
"""One broker: a file in, kill -9, restart, the same file out."""
import filecmp
import os
import subprocess

import cluster as c


def survives_kill_9():
    with c.Cluster(brokers=1) as k:
        k.on_cluster("topic", "create", "t", "-p", "1", "-r", "1")
        source = k.corpus(min(16, c.MEGABYTES))
        summary = k.produced(k.start_produce("t", source))
        c.require(summary["failed"] == 0, f"failed: {summary}")
        k.dev("kill", 1)
        k.dev("start", 1)
        c.wait_for("a leader again", lambda: k.all_led("t"))
        c.require(filecmp.cmp(source, k.consume("t"), shallow=False), "the file came back changed")


def keeps_odd_lines():
    """Empty lines, carriage returns, NUL bytes and a last line without its end."""
    with c.Cluster(brokers=1) as k:
        k.on_cluster("topic", "create", "t")
        odd = b"\n\r\n\x00\x00\nplain\n\n\xff\xfe\nlast"
        with open(k.path("odd"), "wb") as out:
            out.write(odd)
        with open(k.path("odd"), "rb") as lines:
            k.on_cluster("produce", "t", stdin=lines)
        done = k.on_cluster("consume", "t", "--from", "start", "--to", "end")
        c.require(done.stdout == odd + b"\n", f"came back as {done.stdout!r}")


def one_directory_one_broker():
    with c.Cluster(brokers=1) as k:
        second = subprocess.run(
            [os.path.join(c.BIN, "strandlogd"), "--broker.id", "1", "--data.dir", k.data(1),
             "--listen", f"127.0.0.1:{k.base + 5}", "--listen.peer", f"127.0.0.1:{k.base + 105}"],
            stderr=subprocess.PIPE, timeout=c.DEADLINE)
        c.require(second.returncode == 6, f"a second broker ended with {second.returncode}")
        c.require(b"error[locked]" in second.stderr, second.stderr.decode())
        k.dev("stop", 1)
        other = subprocess.run(
            [os.path.join(c.BIN, "strandlogd"), "--broker.id", "2", "--data.dir", k.data(1)],
            stderr=subprocess.PIPE, timeout=c.DEADLINE)
        c.require(other.returncode == 6, f"another broker's directory: {other.returncode}")


if __name__ == "__main__":
    c.main({f.__name__: f for f in (survives_kill_9, keeps_odd_lines, one_directory_one_broker)})
