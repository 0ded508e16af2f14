#!/usr/bin/env python3
"""Measures a fresh three-broker cluster: produce per window and number of partitions, consume.

Each repetition starts its own cluster for each number of partitions, lets the journal grow to its
size, then sends random records for the asked time at each window and reads the largest topic back.
Between two measurements the brokers' disks come to rest. A program given by --beside runs between
the clusters; its medians per window are what the ratios refer to. Nothing here judges a figure.
"""
import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

import cluster as c  # noqa: E402
import processes  # noqa: E402

REPLICAS = 3
RECORD_BYTES = 1024
BATCH_BYTES = 16384
WARM_SECONDS = 4
REST_SECONDS = 0.5
GB = 1e9


def numbers(text):
    values = [int(part) for part in text.split(",")]
    if not values or min(values) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: numbers from 1 with commas between")
    return values


def options():
    parser = argparse.ArgumentParser(
        prog="tools/bench", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=3, help="of everything (default 3)")
    parser.add_argument("--duration", type=int, default=5, help="seconds of each (default 5)")
    parser.add_argument("--partitions", type=numbers, default=[1, 6], help="default 1,6")
    parser.add_argument("--inflight", type=numbers, default=[1, 16, 64, 256],
                        help="unacknowledged batches (default 1,16,64,256)")
    parser.add_argument("--beside", metavar="COMMAND",
                        help='prints JSON lines with "window", "mb_per_s", "p50_us", "p99_us" and, '
                             'to tell variants apart, "limit"')
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    return parser.parse_args()


class Bench:
    """One cluster and the measurements made on it."""

    def __init__(self, cluster, partitions, duration):
        self.k, self.partitions, self.duration = cluster, partitions, duration
        status = json.loads(cluster.run("dev", "status", "--dir", cluster.dir, "-o", "json").stdout)
        self.pids = [broker["pid"] for broker in status]

    def written(self):
        return sum(map(processes.bytes_written, self.pids))

    def rest(self):
        """Until the brokers have written nothing for a while: segments follow the journal."""
        last, since = self.written(), time.monotonic()
        deadline = since + c.DEADLINE
        while time.monotonic() - since < REST_SECONDS:
            time.sleep(0.05)
            now = self.written()
            if now - last > 64 << 10:
                last, since = now, time.monotonic()
            c.require(time.monotonic() < deadline, "the brokers' disks do not come to rest")

    def cost(self, words):
        """Runs a bench verb: its figures, CPU seconds and bytes written of all processes."""
        cpu, written = sum(map(processes.cpu_seconds, self.pids)), self.written()
        code, out, err, own = processes.run_measured(
            [self.k.tool, "-s", self.k.servers, "bench", *words, "-o", "json"], self.k.env)
        c.require(code == 0, f"bench {' '.join(words)}: exit {code}\n{out}{err}")
        self.rest()
        return {**json.loads(out), "client_cpu_s": own,
                "brokers_cpu_s": sum(map(processes.cpu_seconds, self.pids)) - cpu,
                "written_bytes": self.written() - written}

    def topic(self, name):
        self.k.on_cluster("topic", "create", name, "-p", str(self.partitions), "-r", str(REPLICAS))
        return name

    def produce(self, window, duration=None):
        topic = self.topic(f"window-{window}" if duration is None else "warm")
        figures = self.cost(["produce", "-t", topic, "--size", str(RECORD_BYTES), "--batch-bytes",
                             str(BATCH_BYTES), "--inflight", str(window), "--duration",
                             f"{duration or self.duration}s"])
        described = self.k.json("topic", "describe", topic)["partitions"]
        # The warm-up of the verb itself costs too.
        sent = sum(p["end"] for p in described) * RECORD_BYTES
        return {"mb_per_s": figures["mb_per_s"], "p50_us": figures["p50_us"],
                "p99_us": figures["p99_us"], "sent_bytes": sent,
                "cpu_s_per_gb": (figures["client_cpu_s"] + figures["brokers_cpu_s"]) / (sent / GB),
                "brokers_cpu_s_per_gb": figures["brokers_cpu_s"] / (sent / GB),
                "written_per_byte": figures["written_bytes"] / (sent * REPLICAS)}

    def delete(self, window):
        """So that the disk need not hold all of them."""
        self.k.on_cluster("topic", "delete", f"window-{window}")
        self.rest()

    def consume(self, window):
        figures = self.cost(["consume", "-t", f"window-{window}"])
        gigabytes = figures["bytes"] / GB
        return {"mb_per_s": figures["mb_per_s"], "bytes": figures["bytes"],
                "cpu_s_per_gb": (figures["client_cpu_s"] + figures["brokers_cpu_s"]) / gigabytes}


def beside(command):
    """The lines of the other program, as dictionaries."""
    done = subprocess.run(command, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          timeout=20 * c.DEADLINE)
    c.require(done.returncode == 0, f"{command}: exit {done.returncode}")
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
    c.require(lines, f"{command}: printed nothing")
    return [{"limit": line.get("limit", "beside"), "window": int(line["window"]),
             "mb_per_s": float(line["mb_per_s"]), "p50_us": float(line["p50_us"]),
             "p99_us": float(line["p99_us"])} for line in lines]


def measure(asked):
    """All runs: ([(partitions, window, figures)], [(partitions, figures)], lines of the other)."""
    produced, consumed, others = [], [], []
    for repetition in range(asked.repetitions):
        for partitions in asked.partitions:
            print(f"repetition {repetition + 1} of {asked.repetitions}, partitions {partitions}",
                  flush=True)
            with c.Cluster(REPLICAS) as cluster:
                bench = Bench(cluster, partitions, asked.duration)
                bench.produce(256, WARM_SECONDS)
                for window in asked.inflight:
                    figures = bench.produce(window)
                    print(f"   {window} in flight: {figures['mb_per_s']:.1f} MB/s", flush=True)
                    produced.append((partitions, window, figures))
                    if window == max(asked.inflight):
                        consumed.append((partitions, bench.consume(window)))
                    bench.delete(window)
            if asked.beside:
                others += beside(asked.beside)
    return produced, consumed, others


def medians(runs):
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def summary(asked, produced, consumed, others):
    """What is printed: a median for each figure, with the single runs beside it in JSON."""
    limits = {}
    for line in others:
        limits.setdefault((line["limit"], line["window"]), []).append(
            {name: line[name] for name in ("mb_per_s", "p50_us", "p99_us")})
    limits = {where: medians(runs) for where, runs in limits.items()}
    rows = []
    for partitions in asked.partitions:
        for window in asked.inflight:
            runs = [f for p, w, f in produced if (p, w) == (partitions, window)]
            row = {"partitions": partitions, "inflight": window, **medians(runs), "runs": runs,
                   "beside": {}}
            for (limit, at), figures in sorted(limits.items()):
                if at == window:
                    ratios = {f"{name}_ratio": row[name] / figures[name] for name in figures}
                    row["beside"][limit] = {**figures, **ratios}
            rows.append(row)
    reads = []
    for partitions in asked.partitions:
        runs = [f for p, f in consumed if p == partitions]
        reads.append({"partitions": partitions, **medians(runs), "runs": runs})
    return {"cores": os.cpu_count(), "kernel": platform.release(),
            "repetitions": asked.repetitions, "duration_s": asked.duration,
            "record_bytes": RECORD_BYTES, "batch_bytes": BATCH_BYTES, "replicas": REPLICAS,
            "acks": "all", "beside": asked.beside, "produce": rows, "consume": reads}


def table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths))
                     for row in rows)


def own_rows(figures):
    rows = [["partitions", "in flight", "MB/s", "p50 us", "p99 us", "CPU s/GB", "written/byte"]]
    for row in figures["produce"]:
        rows.append([str(row["partitions"]), str(row["inflight"]), f"{row['mb_per_s']:.1f}",
                     f"{row['p50_us']:.0f}", f"{row['p99_us']:.0f}", f"{row['cpu_s_per_gb']:.2f}",
                     f"{row['written_per_byte']:.2f}"])
    return rows


def beside_rows(figures, limit):
    rows = [["partitions", "in flight", "its MB/s", "p50 us", "p99 us", "MB/s ratio", "p50 ratio",
             "p99 ratio"]]
    for row in figures["produce"]:
        other = row["beside"].get(limit)
        if other is not None:
            rows.append([str(row["partitions"]), str(row["inflight"]), f"{other['mb_per_s']:.1f}",
                         f"{other['p50_us']:.0f}", f"{other['p99_us']:.0f}"]
                        + [f"{other[f'{name}_ratio']:.2f}" for name in
                           ("mb_per_s", "p50_us", "p99_us")])
    return rows


def text(figures):
    parts = [f"produce: {BATCH_BYTES}-byte batches of {RECORD_BYTES}-byte records, {REPLICAS} "
             f"replicas, acks all; medians of {figures['repetitions']} times "
             f"{figures['duration_s']} s; {figures['cores']} cores\n"
             "CPU of brokers and client; written by a broker per byte of its replicas\n"
             + table(own_rows(figures))]
    for limit in sorted({limit for row in figures["produce"] for limit in row["beside"]}):
        parts.append(f"ours to {limit}\n" + table(beside_rows(figures, limit)))
    reads = [["partitions", "MB/s", "CPU s/GB"]] + [
        [str(row["partitions"]), f"{row['mb_per_s']:.1f}", f"{row['cpu_s_per_gb']:.2f}"]
        for row in figures["consume"]]
    parts.append("consume, start to end\n" + table(reads))
    return "\n\n".join(parts)


def main():
    asked = options()
    try:
        # stdout is for the result alone.
        with contextlib.redirect_stdout(sys.stderr):
            figures = summary(asked, *measure(asked))
    except (c.Failed, subprocess.SubprocessError, ValueError, KeyError) as error:
        sys.exit(f"tools/bench: {error}")
    print(json.dumps(figures) if asked.output == "json" else text(figures))


if __name__ == "__main__":
    main()
