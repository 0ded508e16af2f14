"""A steady flow through a topic: one producer at a rate, one consumer that follows it.

What came and when is kept, so that a test can ask how long nothing came. At the end every line must
have come once per announced copy, offsets dense from 0, in order within each partition.
"""
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time

import cluster as c

TICK_SECONDS = 0.02


class Flow:
    """From entering to leaving; leaving cleanly checks everything."""

    def __init__(self, k, topic, rate=1000):
        self.k, self.topic, self.rate = k, topic, rate
        self.sent = 0
        self.arrived = []  # (when, partition, offset, line's number)
        self.done = threading.Event()

    def command(self, verb, *more, **pipes):
        return subprocess.Popen([*self.k.inside, self.k.tool, "-s", self.k.servers, verb,
                                 self.topic, *more], env=self.k.env, **pipes)

    def __enter__(self):
        self.errors = {verb: self.k.path(f"flow.{verb}.err") for verb in ("produce", "consume")}
        with open(self.errors["consume"], "wb") as err:
            self.consumer = self.command("consume", "--from", "start", "-o", "jsonl",
                                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=err)
        with open(self.errors["produce"], "wb") as err:
            self.producer = self.command("produce", "-o", "json", stdin=subprocess.PIPE,
                                         stdout=subprocess.DEVNULL, stderr=err)
        self.threads = [threading.Thread(target=work) for work in (self.feed, self.follow)]
        for thread in self.threads:
            thread.start()
        return self

    def feed(self):
        began = time.monotonic()
        with contextlib.suppress(BrokenPipeError):
            while not self.done.wait(TICK_SECONDS):
                due = int((time.monotonic() - began) * self.rate)
                lines = b"".join(b"%d %s\n" % (n, b"x" * 90) for n in range(self.sent, due))
                self.producer.stdin.write(lines)
                self.producer.stdin.flush()
                self.sent = max(self.sent, due)

    def follow(self):
        for line in self.consumer.stdout:
            record = json.loads(line)
            self.arrived.append((time.monotonic(), record["partition"], record["offset"],
                                 int(record["value"].split(" ", 1)[0])))

    def flows(self):
        """Waits until what is sent from now on arrives."""
        mark = self.sent
        c.wait_for("records flow", lambda: self.arrived and self.arrived[-1][3] > mark)

    def longest_gap(self, since):
        """The longest time without an arrival, from `since` until now."""
        times = [since] + [a[0] for a in list(self.arrived) if a[0] > since] + [time.monotonic()]
        return max(later - earlier for earlier, later in zip(times, times[1:]))

    def __exit__(self, kind, error, trace):
        self.done.set()
        self.threads[0].join()
        with contextlib.suppress(BrokenPipeError):
            self.producer.stdin.close()
        try:
            if error is None:
                self.finish()
        finally:
            for process in (self.producer, self.consumer):
                process.kill()  # nothing is left of it unless a row failed
                process.wait()
            self.threads[1].join()
            if error is not None or sys.exc_info()[0] is not None:
                self.print_errors()

    def print_errors(self):
        for verb, path in self.errors.items():
            with open(path, errors="replace") as lines:
                print(f"-- the end of what {verb} said\n" + "".join(lines.readlines()[-10:]))

    def finish(self):
        self.producer.wait(timeout=c.DEADLINE + 60)
        with open(self.errors["produce"]) as lines:
            text = lines.read()
        code = self.producer.returncode
        c.require(code == 0, f"produce: exit {code}\n{text[-2000:]}")
        summary = json.loads(text.strip().splitlines()[-1])
        c.require(summary["failed"] == 0 and summary["acked"] == self.sent,
                  f"of {self.sent}: {summary}")
        c.wait_for("the follower has seen everything",
                   lambda: len({a[3] for a in list(self.arrived)}) == self.sent)
        self.consumer.send_signal(signal.SIGINT)
        self.consumer.wait(timeout=c.DEADLINE)
        c.require(self.consumer.returncode == 130, f"consume: exit {self.consumer.returncode}")
        self.threads[1].join()
        twice = self.check_order()
        c.require(twice <= summary["possible_duplicates"],
                  f"{twice} lines twice, {summary['possible_duplicates']} announced")
        print(f"   {self.sent} lines at {self.rate}/s followed in order, 0 failed, {twice} twice, "
              f"p99 {summary['p99_us'] / 1000:.1f} ms", flush=True)

    def check_order(self):
        """Offsets are dense, and a number below an earlier one was there before; counts copies."""
        ends, highest, seen = {}, {}, set()
        for _, partition, offset, number in self.arrived:
            c.require(offset == ends.get(partition, 0),
                      f"partition {partition}: offset {offset} after {ends.get(partition, 0) - 1}")
            ends[partition] = offset + 1
            c.require(number > highest.get(partition, -1) or (partition, number) in seen,
                      f"partition {partition}: line {number} after {highest.get(partition)}")
            highest[partition] = max(number, highest.get(partition, -1))
            seen.add((partition, number))
        return len(self.arrived) - len(seen)


def lines_of_a_kibibyte(path, megabytes, first=0):
    """A file of numbered lines of 1024 bytes that hardly compress; returns how many."""
    pool = os.urandom(1 << 19).hex().encode()
    count = megabytes * 1000 * 1000 // 1024
    with open(path, "wb") as out:
        for number in range(first, first + count):
            begin = number * 4099 % (len(pool) - 1024)
            head = b"%d " % number
            out.write(head + pool[begin:begin + 1023 - len(head)] + b"\n")
    return count
