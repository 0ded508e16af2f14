"""A cluster of real brokers for end-to-end tests: started, broken, asked and compared.

Waiting is polling a condition under one generous deadline; the time taken is reported, never
asserted: tools/accept compares what was reported with the limits. Everything lives in one temporary
directory and on 127.0.0.1.
"""
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("STRANDLOG_BIN", os.path.join(ROOT, "build"))
MEGABYTES = int(os.environ.get("E2E_MEGABYTES", "64"))
SECONDS = float(os.environ.get("E2E_SECONDS", "15"))
DEADLINE = 120.0
EXIT_SKIPPED = 77  # what ctest takes for a test that could not be run
SANITIZERS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer",
              "runtime error:")


class Failed(Exception):
    """A row does not hold."""


class Skipped(Exception):
    """A row cannot be run here, and why."""


def require(condition, text):
    if not condition:
        raise Failed(text)


def note(**line):
    """Adds a line to the file that tools/accept reads, when it runs this."""
    if "E2E_REPORT" in os.environ:
        with open(os.environ["E2E_REPORT"], "a") as out:
            out.write(json.dumps(line) + "\n")


def report(what, value, unit, limit=None):
    """Prints a figure; beyond its limit or not is for tools/accept to say."""
    asked = "" if limit is None else f" (limit {limit:g})"
    print(f"   {what}: {value:.2f} {unit}{asked}", flush=True)
    note(what=what, value=value, unit=unit, limit=limit)


def wait_for(what, condition, deadline=DEADLINE, limit=None, began=None):
    """Polls until condition() is true-ish, reports how long it took, returns its value.

    Time counts from `began`, or from now; the deadline always counts from now.
    """
    now = time.monotonic()
    began = now if began is None else began
    while True:
        value = condition()
        end = time.monotonic()
        if value:
            report(what, end - began, "s", limit)
            return value
        require(end - now < deadline, f"{what}: not within {deadline:.0f} s")
        time.sleep(0.05)


def free_port_base(brokers):
    for _ in range(1000):
        base = random.randrange(18000, 30000, 10)
        ports = [base + lane + 10 * i for lane in (0, 100) for i in range(brokers)]
        sockets = []
        try:
            for port in ports:
                s = socket.socket()
                sockets.append(s)
                s.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
        finally:
            for s in sockets:
                s.close()
    raise Failed("no free ports between 18000 and 30000")


class Cluster:
    """Brokers made by `strandlog dev`, in a directory that goes away when the test succeeds.

    `settings` are options of strandlogd by name, for all brokers and every start; with `slow_disk`
    the file of that name in `work` says how many milliseconds every flush takes longer, with
    `faults` the file "fault" what shall go wrong (faults.py).
    """

    def __init__(self, brokers=3, settings=None, slow_disk=False, faults=False):
        self.brokers = brokers
        self.inside = []  # words in front of every command that decide where it runs
        self.work = tempfile.mkdtemp(prefix="strandlog-e2e.", dir=os.environ.get("TMPDIR", "/var/tmp"))
        os.chmod(self.work, 0o700)
        self.dir = os.path.join(self.work, "cluster")
        self.base = free_port_base(brokers)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("STRANDLOG_")}
        for name, value in (settings or {}).items():
            self.env["STRANDLOG_" + name.upper().replace(".", "_")] = value
        if slow_disk:
            self.env["LD_PRELOAD"] = os.path.join(BIN, "slow_disk.so")
            self.env["SLOW_DISK_FILE"] = self.path("slow_disk")
        if faults:
            self.env["LD_PRELOAD"] = os.path.join(BIN, "faults.so")
            self.env["FAULT_RULE"] = self.path("fault")
        self.env["XDG_CONFIG_HOME"] = os.path.join(self.work, "config")
        os.mkdir(self.env["XDG_CONFIG_HOME"])

    def __enter__(self):
        began = time.monotonic()
        self.run("dev", "up", "-n", str(self.brokers), "--dir", self.dir, "--port-base",
                 str(self.base))
        self.up_seconds = time.monotonic() - began
        print(f"   {self.brokers} brokers up: {self.up_seconds:.2f} s", flush=True)
        return self

    def __exit__(self, kind, error, trace):
        subprocess.run([self.tool, "dev", "down", "--dir", self.dir], env=self.env,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=DEADLINE)
        self.forget(error)

    def forget(self, error):
        """Removes the directory, or shows where it is and how the logs end."""
        interrupted = isinstance(error, (KeyboardInterrupt, SystemExit))  # nobody will look at it
        if error is None or interrupted:
            shutil.rmtree(self.work)
            return
        for i in range(1, self.brokers + 1):
            log = os.path.join(self.dir, f"broker-{i}.log")
            if os.path.exists(log):
                with open(log, errors="replace") as lines:
                    print(f"-- the end of {log}\n" + "".join(lines.readlines()[-20:]))
        print(f"kept: {self.work}", flush=True)

    @property
    def tool(self):
        return os.path.join(BIN, "strandlog")

    @property
    def servers(self):
        return ",".join(f"127.0.0.1:{self.base + 10 * i}" for i in range(self.brokers))

    def path(self, name):
        return os.path.join(self.work, name)

    def data(self, broker):
        return os.path.join(self.dir, f"broker-{broker}")

    def run(self, *words, code=0, stdin=None, stdout=None):
        """Runs the command to its end; its exit code must be `code` (None: any)."""
        done = subprocess.run([*self.inside, self.tool, *words], env=self.env,
                              stdin=stdin or subprocess.DEVNULL, stdout=stdout or subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=20 * DEADLINE)
        text = done.stderr.decode(errors="replace")
        require(not any(report_ in text for report_ in SANITIZERS),
                f"strandlog {' '.join(words)}:\n{text[:8000]}")
        require(code is None or done.returncode == code,
                f"strandlog {' '.join(words)}: exit {done.returncode}, wanted {code}\n"
                + text[-2000:])
        return done

    def on_cluster(self, *words, **more):
        return self.run("-s", self.servers, *words, **more)

    def json(self, *words):
        return json.loads(self.on_cluster(*words, "-o", "json").stdout)

    def dev(self, verb, *brokers):
        return self.run("dev", verb, *map(str, brokers), "--dir", self.dir)

    def server(self, broker):
        """Where clients reach this broker."""
        return self.servers.split(",")[broker - 1]

    def pid(self, broker):
        status = json.loads(self.run("dev", "status", "--dir", self.dir, "-o", "json").stdout)
        return next(b["pid"] for b in status if b["broker"] == broker)

    def counters(self, broker):
        """What `status` counts; empty while the broker does not answer."""
        done = self.run("-s", self.server(broker), "--timeout", "1s", "status", "-o", "json",
                        code=None)
        return json.loads(done.stdout)["counters"] if done.returncode == 0 else {}

    def partitions(self, topic):
        """What `topic describe` says of each; none while it cannot be asked.

        A paused broker must not hold up those who poll, so patience is short.
        """
        done = self.on_cluster("--timeout", "1s", "topic", "describe", topic, "-o", "json",
                               code=None)
        return json.loads(done.stdout)["partitions"] if done.returncode == 0 else []

    def topics(self, broker):
        """The names of all topics as this broker knows them."""
        done = self.run("-s", self.servers.split(",")[broker - 1], "topic", "list", "-o", "json",
                        code=None)
        return sorted(t["topic"] for t in json.loads(done.stdout)) if done.returncode == 0 else None

    def counter(self, broker, name):
        """As the broker itself tells it; None while it is not ready."""
        done = self.run("-s", self.servers.split(",")[broker - 1], "status", "-o", "json", code=None)
        status = json.loads(done.stdout) if done.returncode == 0 else {}
        return status["counters"][name] if status.get("state") == "ready" else None

    def replayed(self, broker):
        """Catalog entries that this broker had to apply again since its start; None: not ready."""
        return self.counter(broker, "catalog_entries_replayed")

    def leader(self, topic, partition=0):
        return next((p["leader"] for p in self.partitions(topic) if p["partition"] == partition),
                    None)

    def all_led(self, topic):
        partitions = self.partitions(topic)
        return bool(partitions) and all(p["leader"] for p in partitions)

    def states(self, topic, broker):
        """The states of the broker's replicas, by partition."""
        return {p["partition"]: r["state"] for p in self.partitions(topic) for r in p["replicas"]
                if r["broker"] == broker}

    def in_sync(self, topic, broker):
        states = self.states(topic, broker)
        return bool(states) and all(s == "in_sync" for s in states.values())

    def verified(self, broker, topic, code=0):
        """`log verify` of a stopped broker: its report, and the records it holds of the topic."""
        report_ = json.loads(self.run("log", "verify", self.data(broker), "-o", "json",
                                      code=code).stdout)
        return report_, sum(p["records"] for p in report_["partitions"] if p["topic"] == topic)

    def corpus(self, megabytes=MEGABYTES):
        path = self.path("in")
        with open(path, "wb") as out:
            subprocess.run([os.path.join(ROOT, "tests/e2e/corpus"), f"{megabytes}M"], stdout=out,
                           check=True)
        return path

    def start_produce(self, topic, path, *more):
        with open(path, "rb") as lines:
            return subprocess.Popen([*self.inside, self.tool, "-s", self.servers, "produce",
                                     topic, "-o", "json", *more], env=self.env, stdin=lines,
                                    stdout=subprocess.DEVNULL,
                                    stderr=open(self.path("produce.err"), "wb"))

    def produced(self, process, code=0):
        """Waits for the producer and returns its summary."""
        process.wait(timeout=20 * DEADLINE)
        with open(self.path("produce.err")) as lines:
            text = lines.read()
        require(process.returncode == code, f"produce: exit {process.returncode}\n{text[-2000:]}")
        summary = json.loads(text.strip().splitlines()[-1])
        print(f"   produced: {summary}", flush=True)
        return summary

    def consume(self, topic, partition=None):
        name = self.path("out" if partition is None else f"out.{partition}")
        where = [] if partition is None else ["-p", str(partition)]
        with open(name, "wb") as out:
            self.on_cluster("consume", topic, "--from", "start", "--to", "end", *where, stdout=out)
        return name


def numbers(path):
    """The number in front of each line that tests/e2e/corpus wrote."""
    with open(path, "rb") as lines:
        return [int(line.split(b" ", 1)[0]) for line in lines]


def check_same_lines(cluster, source, topic, partitions, possible_duplicates):
    """Every line is there, in order per partition; what came twice is within what was announced."""
    with open(source, "rb") as lines:
        wanted = {int(line.split(b" ", 1)[0]): hash(line) for line in lines}
    seen, twice = set(), 0
    for partition in range(partitions):
        highest, here = 0, set()
        with open(cluster.consume(topic, partition), "rb") as lines:
            for line in lines:
                number = int(line.split(b" ", 1)[0])
                require(wanted.get(number) == hash(line), f"line {number} came back changed")
                if number > highest:
                    highest = number
                else:
                    require(number in here,
                            f"partition {partition}: line {number} first stands after {highest}")
                    twice += 1
                here.add(number)
        seen |= here
    require(len(seen) == len(wanted), f"{len(wanted) - len(seen)} of {len(wanted)} lines are missing")
    require(twice <= possible_duplicates, f"{twice} lines twice, {possible_duplicates} announced")
    print(f"   {len(seen)} lines came back, {twice} twice, in order", flush=True)


def main(rows):
    """Runs the rows named on the command line, or all. Exit code 1 if one does not hold,
    EXIT_SKIPPED if none could be run."""
    names = sys.argv[1:] or list(rows)
    if names == ["--list"]:
        print("\n".join(rows))
        return
    # So that an end from outside leaves no brokers behind either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failed, skipped = [], []
    for name in names:
        print(f"== {name}", flush=True)
        note(row=name)
        began = time.monotonic()
        try:
            rows[name]()
        except Skipped as reason:
            print(f"   skipped: {reason}", flush=True)
            skipped.append(name)
        except Exception as error:  # whatever it was, the row does not hold and the next one runs
            if not isinstance(error, (Failed, subprocess.SubprocessError)):
                traceback.print_exc(file=sys.stdout)
            print(f"FAILED {name}: {error}", flush=True)
            failed.append(name)
        else:
            print(f"   held, {time.monotonic() - began:.1f} s", flush=True)
        note(held=name not in failed + skipped, skipped=name in skipped,
             seconds=time.monotonic() - began)
    print(f"{len(names) - len(failed) - len(skipped)} passed, {len(failed)} failed, "
          f"{len(skipped)} skipped", flush=True)
    sys.exit(1 if failed else EXIT_SKIPPED if len(skipped) == len(names) else 0)
