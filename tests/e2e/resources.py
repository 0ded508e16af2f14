#!/usr/bin/env python3
"""What a cluster costs that does nothing: the time to start it, memory, CPU."""
import time

import cluster as c
import processes


def idle_cluster_is_small():
    with c.Cluster() as k:
        c.report("three brokers up from nothing", k.up_seconds, "s", limit=2)
        pids = [k.pid(broker) for broker in (1, 2, 3)]
        time.sleep(2)  # what the founding left to do
        before = {pid: processes.cpu_seconds(pid) for pid in pids}
        began = time.monotonic()
        time.sleep(c.SECONDS / 3)
        took = time.monotonic() - began
        spent = max(processes.cpu_seconds(pid) - before[pid] for pid in pids)
        c.report("CPU of an idle broker", 100 * spent / took, "% of a core", limit=1)
        c.report("memory of an idle broker", max(map(processes.resident_bytes, pids)) / (1 << 20),
                 "MiB", limit=40)


if __name__ == "__main__":
    c.main({f.__name__: f for f in (idle_cluster_is_small,)})
