#!/usr/bin/env python3
"""Three brokers for E2E_SECONDS (60) of every kind of trouble: what the sanitizers watch.

Each process must end as it was told to, and none may have printed a sanitizer's report.
"""
import ctypes
import glob
import os
import time

import cluster as c
import flow

SECONDS = float(os.environ.get("E2E_SECONDS", "60"))
REPORT_LINES = 60
PR_SET_CHILD_SUBREAPER = 36


class Brokers:
    """The brokers as processes: they become our children when their starter ends, so how each of
    them ended can be asked."""

    def __init__(self, k):
        self.k = k
        self.pids = {broker: k.pid(broker) for broker in range(1, k.brokers + 1)}

    def end(self, verb, broker, wanted):
        self.k.dev(verb, broker)
        self.ended(broker, wanted)

    def ended(self, broker, wanted):
        _, status = os.waitpid(self.pids[broker], 0)
        code = os.waitstatus_to_exitcode(status)
        c.require(code == wanted, f"broker {broker} ended with {code}, wanted {wanted}")

    def start(self, broker):
        self.k.dev("start", broker)
        self.pids[broker] = self.k.pid(broker)
        c.wait_for("in sync again", lambda: self.k.in_sync("t", broker))


def adopt_orphans():
    libc = ctypes.CDLL(None, use_errno=True)
    c.require(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0,
              f"prctl: {os.strerror(ctypes.get_errno())}")


def printed_reports(k):
    """How many files hold a sanitizer's report; each is shown."""
    found = 0
    for path in glob.glob(os.path.join(k.dir, "*.log")) + glob.glob(k.path("*.err")):
        with open(path, errors="replace") as file:
            lines = file.read().splitlines()
        at = next((i for i, line in enumerate(lines) if any(r in line for r in c.SANITIZERS)), None)
        if at is not None:
            found += 1
            print(f"-- {path}\n" + "\n".join(lines[at:at + REPORT_LINES]), flush=True)
    return found


def until(moment):
    time.sleep(max(0.0, moment - time.monotonic()))


def trouble(k, brokers, began):
    """A kill, a pause, a clean stop, each in its quarter of the time."""
    until(began + SECONDS / 6)
    leader = k.leader("t")
    brokers.end("kill", leader, -9)
    c.wait_for("a leader after a kill", lambda: k.leader("t") not in (None, leader))
    brokers.start(leader)
    until(began + SECONDS / 3)
    leader = k.leader("t")
    k.dev("pause", leader)
    c.wait_for("a leader after a pause", lambda: k.leader("t") not in (None, leader))
    until(began + SECONDS / 2)
    k.dev("resume", leader)
    c.wait_for("in sync again", lambda: k.in_sync("t", leader))
    until(began + SECONDS * 2 / 3)
    leader = k.leader("t")
    brokers.end("stop", leader, 0)
    brokers.start(leader)
    until(began + SECONDS)


def sixty_seconds():
    adopt_orphans()
    with c.Cluster() as k:
        brokers = Brokers(k)
        try:
            k.on_cluster("topic", "create", "t", "-p", "3", "-r", "3")
            began = time.monotonic()
            with flow.Flow(k, "t", rate=500) as stream:
                stream.flows()
                trouble(k, brokers, began)
                stream.flows()
            k.dev("stop", "all")
            for broker in brokers.pids:
                brokers.ended(broker, 0)
                report, held = k.verified(broker, "t")
                c.require(report["ok"] and held >= stream.sent, f"broker {broker}: {report}")
        finally:
            found = printed_reports(k)
        c.require(found == 0, f"{found} processes printed a sanitizer's report")


if __name__ == "__main__":
    c.main({"sixty_seconds": sixty_seconds})
