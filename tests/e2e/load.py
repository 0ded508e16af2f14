"""A load of clients that write down what they are told, judged by the simulator's checker.

From entering to leaving: leaving cleanly waits until every record has its outcome, reads everything
and has the history checked. What the checker counts is then in `verdict`.
"""
import json
import os
import subprocess
import threading
import time

import cluster as c

TOPIC = "chaos"
PATIENCE = 240.0


class Load:
    """`options` are those of strandlog-load run: clients=8, rate=1000, …"""

    def __init__(self, k, partitions=3, **options):
        self.k, self.partitions, self.options = k, partitions, options
        self.dir = k.path("history")
        self.totals = {"acked": 0, "failed": 0, "refused": 0, "newest_us": [0]}
        self.verdict = None

    def command(self, verb, **options):
        flags = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        return [*self.k.inside, os.path.join(c.BIN, "strandlog-load"), verb, "-s", self.k.servers,
                "-t", TOPIC, "--dir", self.dir, "--partitions", str(self.partitions), *flags]

    def __enter__(self):
        os.mkdir(self.dir)
        self.k.on_cluster("topic", "create", TOPIC, "-p", str(self.partitions))
        self.errors = open(self.k.path("load.err"), "w+b")
        self.process = subprocess.Popen(self.command("run", **self.options), env=self.k.env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True)
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()
        return self

    def listen(self):
        for line in self.process.stdout:
            self.totals = json.loads(line)

    def flows(self, what="records are acknowledged"):
        """Waits until every partition has acknowledged a record that was sent from now on."""
        now_us = time.monotonic_ns() // 1000  # the clock of history files
        c.wait_for(what, lambda: min(self.totals["newest_us"]) > now_us)

    def __exit__(self, kind, error, trace):
        try:
            if error is None:
                self.finish()
        finally:
            self.process.kill()  # nothing is left of it unless a row failed
            self.process.wait()
            self.thread.join()
            self.errors.close()

    def complaints(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")[-2000:]

    def finish(self):
        """Ends the load, reads everything and judges; `verdict` stands whatever it says."""
        self.process.terminate()
        code = self.process.wait(timeout=PATIENCE)
        c.require(code == 0, f"strandlog-load run: exit {code}\n{self.complaints()}")
        code = subprocess.run(self.command("read"), env=self.k.env, stdin=subprocess.DEVNULL,
                              stderr=self.errors, timeout=PATIENCE).returncode
        c.require(code == 0, f"strandlog-load read: exit {code}\n{self.complaints()}")
        self.check()

    def check(self):
        files = [os.path.join(self.dir, name) for name in sorted(os.listdir(self.dir))]
        done = subprocess.run([os.path.join(c.BIN, "strandlog-sim"), "check", "--json", *files],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE)
        c.require(done.stdout, f"strandlog-sim check: exit {done.returncode}, "
                  + done.stderr.decode(errors="replace"))
        self.verdict = v = json.loads(done.stdout)
        print(f"   {v['acked']} acknowledged, {v['failed']} failed, {v['lost']} lost, "
              f"{v['reordered']} reordered, {v['twice']} twice of {v['possible_duplicates']} "
              f"announced, longest gap {v['longest_gap_ms']} ms", flush=True)
        c.require(done.returncode == 0, "\n".join([f"broken: {v['broken']}", *v["violations"]]))
        # Promises to readers hold by themselves where nobody read.
        c.require(v["seen"] > 0 and v["ends"] > 0,
                  f"meanwhile {v['seen']} records and {v['ends']} ends were read")
