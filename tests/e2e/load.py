"""A load of clients that write down what they are told, judged by the simulator's checker.

From entering to leaving: leaving cleanly waits until every record has its outcome, reads everything
and has the history checked. What the checker counts is then in `verdict`. Beside the invariants it is
asked that patient clients never failed, that the last record of each client in each partition was
acknowledged, and that a follower read everything: so all must be healed, or a majority left, by then.
"""
import json
import os
import subprocess
import threading
import time

import cluster as c

TOPIC = "chaos"
PATIENCE = 300.0


class Load:
    """`options` are those of strandlog-load run: clients=8, rate=1000, …"""

    def __init__(self, k, partitions=3, **options):
        self.k, self.partitions, self.options = k, partitions, options
        self.dir = k.path("history")
        self.clients = []  # what became of the records of each, as far as it is known
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
            self.clients = json.loads(line)

    def acked(self):
        return sum(client["acked"] for client in self.clients)

    def flows(self, what="records are acknowledged"):
        """Waits until each client has sent from now on what each partition has acknowledged."""
        now_us = time.monotonic_ns() // 1000  # the clock of history files
        c.wait_for(what, lambda: self.clients and
                   min(us for client in self.clients for us in client["newest_us"]) > now_us)

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
        run = self.process.wait(timeout=PATIENCE)
        self.thread.join()  # with the last totals
        read = subprocess.run(self.command("read"), env=self.k.env, stdin=subprocess.DEVNULL,
                              stderr=self.errors, timeout=PATIENCE).returncode
        findings = [f"strandlog-load {verb}: exit {code}\n{self.complaints()}"
                    for verb, code in (("run", run), ("read", read)) if code != 0]
        if read == 0:  # else all would seem lost
            findings += self.check()
        c.require(not findings, "\n".join(findings))

    def check(self):
        """What does not hold."""
        files = [os.path.join(self.dir, name) for name in sorted(os.listdir(self.dir))]
        done = subprocess.run([os.path.join(c.BIN, "strandlog-sim"), "check", "--json", *files],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE)
        if not done.stdout:
            return [f"strandlog-sim check: exit {done.returncode}, "
                    + done.stderr.decode(errors="replace")]
        self.verdict = v = json.loads(done.stdout)
        print(f"   {v['acked']} acknowledged, {v['failed']} failed, {v['lost']} lost, "
              f"{v['reordered']} reordered, {v['twice']} twice of {v['possible_duplicates']} "
              f"announced, longest gap {v['longest_gap_ms']} ms", flush=True)
        broken = [] if done.returncode == 0 else [f"broken: {v['broken']}", *v["violations"]]
        return broken + broken_promises(self.clients, v)


def broken_promises(clients, verdict):
    """What invariants say nothing of, because they hold by themselves where nothing goes on."""
    found = [f"client {number} is patient, yet {client['failed']} of its records failed and "
             f"{client['refused']} were refused, first with {client['first_error']}"
             for number, client in enumerate(clients, 1)
             if client["patient"] and client["failed"] + client["refused"] > 0]
    found += [f"the last record of client {client} in partition {partition} was not acknowledged"
              for client, partition in verdict["unfinished"]]
    found += [f"the last {records} records of partition {partition} came to no follower"
              for partition, records in verdict["unread"].items()]
    if not verdict["seen"] or not verdict["ends"]:
        found.append(f"meanwhile {verdict['seen']} records and {verdict['ends']} ends were read")
    return found
