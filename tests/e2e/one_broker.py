#!/usr/bin/env python3
"""One broker: a file in, kill -9, restart, the same file out."""
import filecmp
import os
import shutil
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


def catalog_tables_are_kept_or_made_again():
    with c.Cluster(brokers=1) as k:
        state = os.path.join(k.data(1), "state")
        for i in range(20):
            k.on_cluster("topic", "create", f"t{i}")
        k.on_cluster("topic", "delete", "t19")
        topics = k.topics(1)
        c.require(len(topics) == 19, f"{topics}")

        def replayed_after(verb, damage=lambda: None):
            k.dev(verb, 1)
            damage()
            k.dev("start", 1)
            c.wait_for("ready with every topic",
                       lambda: k.replayed(1) is not None and k.topics(1) == topics)
            print(f"   entries replayed: {k.replayed(1)}", flush=True)
            return k.replayed(1)

        def tables():
            return sorted(f for f in os.listdir(state) if f.endswith(".sst"))

        def cut_a_table():
            os.truncate(os.path.join(state, tables()[-1]), 100)

        def overwrite(name):
            with open(os.path.join(state, name), "r+b") as file:
                file.write(b"rubbish")

        c.require(replayed_after("stop") <= 2, "a clean stop left something to replay")
        replayed_after("kill")
        damages = {"CURRENT": lambda: overwrite("CURRENT"), "a table": cut_a_table,
                   "the directory": lambda: shutil.rmtree(state)}
        for what, damage in damages.items():
            print(f"   damaged: {what}", flush=True)
            c.require(replayed_after("stop", damage) >= 40, f"{what}: nothing was replayed")
            c.require(replayed_after("stop") <= 2, f"{what}: the new tables were not kept")
        with open(os.path.join(k.dir, "broker-1.log")) as log:
            told = sum("state/ was damaged" in line for line in log)
        c.require(told == 2, f"damage was told {told} times")  # an absent directory is no damage
        for path, _, files in os.walk(k.data(1)):
            for name, wanted in [(".", 0o700)] + [(f, 0o600) for f in files]:
                mode = os.stat(os.path.join(path, name)).st_mode & 0o777
                c.require(mode == wanted, f"{path}/{name} has mode {mode:o}")


if __name__ == "__main__":
    c.main({f.__name__: f for f in (survives_kill_9, keeps_odd_lines, one_directory_one_broker,
                                    catalog_tables_are_kept_or_made_again)})
