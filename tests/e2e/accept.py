#!/usr/bin/env python3
"""Runs every end-to-end row at full size; at the end a table of what held and what was measured.

Rows are judged by what came back: nothing failed, lost, changed or out of order. Times and sizes are
only reported by the rows; here they are compared with their limits. The exit code is 1 if a row does
not hold, and also if a figure is beyond its limit: the last lines say which. Rows that cannot be run
here are named, too.

E2E_MEGABYTES (500) and E2E_SECONDS (60) change the size, TMPDIR the place (it needs 8 GiB).
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = ("one_broker", "three_brokers", "recovery", "resources", "hostile", "network",
           "disk_faults")
FULL_SIZE = {"E2E_MEGABYTES": "500", "E2E_SECONDS": "60"}
NEEDED_BYTES = 8 << 30


def options():
    parser = argparse.ArgumentParser(prog="tools/accept", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="these alone")
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    return parser.parse_args()


def script(name):
    return [sys.executable, os.path.join(HERE, f"{name}.py")]


def rows_of(name):
    return subprocess.run([*script(name), "--list"], stdout=subprocess.PIPE, check=True,
                          text=True).stdout.split()


def ended_early(row):
    return {"row": row, "held": False, "skipped": False, "seconds": 0.0, "figures": []}


def run(name, rows, environment):
    """The rows of one script: [{row, held, skipped, seconds, figures}]."""
    with tempfile.NamedTemporaryFile("r", prefix="strandlog-accept.") as notes:
        with subprocess.Popen([*script(name), *rows],
                              env={**environment, "E2E_REPORT": notes.name}) as process:
            try:
                process.wait()  # its rows say how they ended
            except BaseException:
                process.terminate()
                raise
        done = []
        for line in map(json.loads, notes):
            if "row" in line:
                # A row that says nothing more ended with its script.
                done.append(ended_early(line["row"]))
            elif "held" in line:
                done[-1].update(line)
            else:
                done[-1]["figures"].append(line)
    named = {row["row"] for row in done}
    return done + [ended_early(row) for row in rows if row not in named]


def is_beyond(figure):
    return figure["limit"] is not None and figure["value"] > figure["limit"]


def table(rows):
    lines = [("ROW", "MEASURED", "VALUE", "LIMIT", "")]
    for row in rows:
        verdict = "held" if row["held"] else "skipped" if row["skipped"] else "DID NOT HOLD"
        lines.append((row["row"], "", f"{row['seconds']:.1f} s", "", verdict))
        for figure in row["figures"]:
            limit = figure["limit"]
            lines.append(("", figure["what"], f"{figure['value']:.2f} {figure['unit']}",
                          "" if limit is None else f"{limit:g}",
                          "" if limit is None else "BEYOND" if is_beyond(figure) else "within"))
    widths = [max(len(line[i]) for line in lines) for i in range(4)]
    return "\n".join("  ".join((line[0].ljust(widths[0]), line[1].ljust(widths[1]),
                                line[2].rjust(widths[2]), line[3].rjust(widths[3]),
                                line[4])).rstrip() for line in lines)


def main():
    asked = options()
    # The script that runs stops its brokers, then this ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    known = {name: rows_of(name) for name in SCRIPTS}
    if asked.list:
        print("\n".join(row for rows in known.values() for row in rows))
        return
    unknown = set(asked.rows).difference(*known.values())
    if unknown:
        sys.exit(f"tools/accept: no row {', '.join(sorted(unknown))}; --list names them")
    place = os.environ.get("TMPDIR", "/var/tmp")
    free = shutil.disk_usage(place).free
    if free < NEEDED_BYTES:
        sys.exit(f"tools/accept: {place} has {free >> 20} MiB free, {NEEDED_BYTES >> 20} are "
                 "needed; set TMPDIR elsewhere")
    environment = {**FULL_SIZE, **os.environ}
    began, rows = time.monotonic(), []
    for name, names in known.items():
        chosen = [row for row in names if not asked.rows or row in asked.rows]
        if chosen:
            rows += run(name, chosen, environment)
    print(f"\n{environment['E2E_MEGABYTES']} MB, {environment['E2E_SECONDS']} s; "
          f"{os.cpu_count()} cores; {time.monotonic() - began:.0f} s in all\n{table(rows)}\n")
    skipped = [row["row"] for row in rows if row["skipped"]]
    failed = [row["row"] for row in rows if not row["held"] and not row["skipped"]]
    beyond = [f"{row['row']}: {figure['what']}" for row in rows for figure in row["figures"]
              if is_beyond(figure)]
    for name in skipped:
        print(f"SKIPPED       {name}")
    for name in failed:
        print(f"DID NOT HOLD  {name}")
    for what in beyond:
        print(f"BEYOND LIMIT  {what}")
    print(f"tools/accept: {len(rows) - len(failed) - len(skipped)} of {len(rows)} rows held, "
          f"{len(skipped)} skipped, {len(beyond)} figures beyond their limit")
    sys.exit(1 if failed or beyond else 0)


if __name__ == "__main__":
    main()
