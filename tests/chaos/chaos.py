#!/usr/bin/env python3
"""Real brokers under a mixed schedule of faults, and clients whose history is checked at the end.

A network namespace for each broker, clients of the public library, one broker on a small disk of
memory, one on ext4 behind a loop device, one behind a proxy. Afterwards everything is healed, every
record is read, every directory verified and its records counted. The exit code is 1 if a promise
was broken.
"""
import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))

import apart  # noqa: E402
import cluster as c  # noqa: E402
import load  # noqa: E402
import means  # noqa: E402
import mischief  # noqa: E402
import netns  # noqa: E402
import volume  # noqa: E402

PARTITIONS = 6
SMALL_DISK = 4 << 30  # of memory, or of a file, as far as it is used
# Files are begun and used again often; the reserve is what a full disk leaves.
SETTINGS = {"journal.file.bytes": "4MiB", "journal.max.bytes": "64MiB", "segment.bytes": "8MiB"}
TICK_SECONDS = 0.02
# Acknowledged records: what is asked of ten minutes or more, and what a run must reach however slow
# the machine is, unless its clients may not send ten times as much.
ASKED_A_MINUTE, FLOOR_A_MINUTE = 200_000, 20_000


def options():
    parser = argparse.ArgumentParser(prog="tools/chaos", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, help="of faults (default 10)")
    parser.add_argument("--seed", type=int, default=1, help="decides the schedule (default 1)")
    parser.add_argument("--brokers", type=int, choices=(3, 5), default=3)
    parser.add_argument("--clients", type=int, default=8, help="that produce (default 8)")
    parser.add_argument("--rate", type=int, default=1000,
                        help="records a second of each client, at most (default 1000)")
    parser.add_argument("--json", action="store_true", help="the report as one object")
    return parser.parse_args()


def floor(asked):
    """How many records must be acknowledged at the least."""
    return int(asked.minutes * min(FLOOR_A_MINUTE, 60 * asked.rate * asked.clients / 10))


def terms(k):
    return {p["partition"]: p["term"] for p in k.partitions(load.TOPIC)}


def abuse(k, asked, report):
    trouble = mischief.Mischief(k, asked.seed)
    until = time.monotonic() + 60 * asked.minutes
    while time.monotonic() < until:
        trouble.turn()
        time.sleep(TICK_SECONDS)
    trouble.heal()
    report["faults"], report["findings"] = dict(trouble.counts), trouble.findings


def settle(k, records, report):
    """All is healed: every broker must come back, and every client get on in every partition."""
    try:
        for broker in k.all():
            k.wait_for_answer(broker)
        c.wait_for("every replica in sync", lambda: all(k.in_sync(load.TOPIC, b) for b in k.all()))
        records.flows("records of every client are acknowledged by every partition in the end")
    except c.Failed as failure:
        report["findings"].append(str(failure))


def whole(partitions):
    """These, once each of their replicas holds all there is."""
    return partitions if all({r["state"] for r in p["replicas"]} == {"in_sync"} and
                             len({r["match"] for r in p["replicas"]}) == 1
                             for p in partitions) else []


def verify(k, final):
    """Stops the brokers: what was read at the end must stand in every copy of its partition."""
    partitions = c.wait_for("every replica holds everything",
                            lambda: whole(k.partitions(load.TOPIC)))
    copies = {p["partition"]: len(p["replicas"]) for p in partitions}
    found = {partition: [] for partition in copies}  # records of each copy
    for broker in k.all():
        k.stop(broker)
        held, records = k.verified(broker, load.TOPIC, code=None)
        c.require(held["ok"], f"broker {broker} stopped: {held}")
        print(f"   broker {broker} stopped: {records} records verified on its disk", flush=True)
        for p in held["partitions"]:
            if p["topic"] == load.TOPIC:
                found[p["partition"]].append(p["records"])
    compare(copies, found, final)


def compare(copies, found, final):
    for partition, records in found.items():
        c.require(len(records) == copies[partition] and len(set(records)) == 1,
                  f"partition {partition}: {records} records in {copies[partition]} copies")
    held = sum(records[0] for records in found.values())
    c.require(held == final, f"{held} records on the disks, {final} were read")


def run(asked, report):
    """Fills in the report; c.Failed with what does not hold, and the files are kept."""
    small, proxied, looped = (1 + (asked.seed + i) % asked.brokers for i in range(3))
    volumes = {small: (volume.Memory, SMALL_DISK)}
    reason = volume.no_images()
    if reason:
        print(f"   no broker is on a loop device: {reason}", flush=True)
    else:
        volumes[looped] = (volume.Image, SMALL_DISK)
    with apart.Apart(asked.brokers, SETTINGS, volumes, (proxied,)) as k:
        report["means"] = means.of(k, reason)
        records = load.Load(k, PARTITIONS, clients=asked.clients, rate=asked.rate)
        began = time.monotonic()
        try:
            with records:
                records.flows()
                before = terms(k)
                abuse(k, asked, report)
                settle(k, records, report)
                after = terms(k)
                report["elections"] = sum(after.get(p, 0) - term for p, term in before.items())
        finally:
            report["seconds"] = time.monotonic() - began
            report["history"] = records.verdict or {}
        report["findings"] += shortcomings(asked, report)
        verify(k, records.verdict["final"])
        c.require(not report["findings"], "not all went as asked")


def shortcomings(asked, report):
    """Of a run that broke no promise: was it one at all?"""
    found, acked = means.missing(report["means"], asked.brokers), report["history"]["acked"]
    if acked < floor(asked):
        found.append(f"{acked} records acknowledged, at least {floor(asked)} should be")
    return found


def acknowledged(report):
    acked, minutes = report["history"].get("acked", 0), report["minutes"]
    words = f"{acked}, {acked / report.get('seconds', 1):.0f} a second"
    if minutes < 10:
        return words
    wanted = int(ASKED_A_MINUTE * minutes)
    return f"{words} (asked {wanted} in {minutes:g} minutes: {'yes' if acked >= wanted else 'no'})"


def text(report):
    h = report["history"]
    lines = [("means", means.words(report["means"]) if "means" in report else None),
             ("acknowledged", acknowledged(report)),
             ("failed", h.get("failed")), ("lost", h.get("lost")),
             ("reordered", h.get("reordered")),
             ("duplicates", f"{h.get('twice')} of {h.get('possible_duplicates')} announced"),
             ("read meanwhile", f"{h.get('seen')} records, {h.get('ends')} ends"),
             ("longest gap", f"{h.get('longest_gap_ms')} ms; of one partition "
              f"{max(h.get('longest_gap_ms_by_partition', {}).values(), default=None)} ms"),
             ("elections", f"{report.get('elections')} in {PARTITIONS} partitions"),
             ("faults", ", ".join(f"{n} {kind}" for kind, n in sorted(report["faults"].items())))]
    lines += [("finding", finding) for finding in report["findings"]]
    return "\n".join(f"{name:<16}{value}" for name, value in lines)


def main():
    asked = options()
    reason = netns.missing()
    if reason:
        sys.exit(f"tools/chaos: needs network namespaces, and so root: {reason}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # brokers and namespaces go, too
    report = {"seed": asked.seed, "minutes": asked.minutes, "brokers": asked.brokers,
              "clients": asked.clients, "faults": {}, "findings": [], "history": {}}
    with contextlib.redirect_stdout(sys.stderr):
        try:
            run(asked, report)
        except (c.Failed, subprocess.SubprocessError) as failure:
            report["findings"] += str(failure).splitlines()
    report["held"] = not report["findings"]
    print(json.dumps(report) if asked.json else text(report))
    sys.exit(1 if report["findings"] else 0)


if __name__ == "__main__":
    main()
