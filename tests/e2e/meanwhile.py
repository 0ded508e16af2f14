"""What goes on beside an attack and must not suffer: a produce, new clients, the process."""
import contextlib
import json
import subprocess
import threading
import time

import cluster as c
import processes

MIB = 1 << 20


class Meanwhile:
    """A produce of numbered lines at a rate, from entering to leaving; then all must be there."""

    def __init__(self, k, rate=1000):
        self.k, self.rate, self.lines, self.done = k, rate, [], threading.Event()

    def __enter__(self):
        self.k.on_cluster("topic", "create", "meanwhile")
        with open(self.k.path("meanwhile.err"), "wb") as err:
            self.process = subprocess.Popen(
                [self.k.tool, "-s", self.k.servers, "produce", "meanwhile", "-p", "0", "-o", "json",
                 "--rate", f"{self.rate}/s"], env=self.k.env, stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL, stderr=err)
        self.thread = threading.Thread(target=self.feed)
        self.thread.start()
        return self

    def feed(self):
        with contextlib.suppress(BrokenPipeError):
            while not self.done.wait(0.02):
                some = [b"%d %s\n" % (len(self.lines) + i, b"x" * 90)
                        for i in range(self.rate // 50)]
                self.process.stdin.write(b"".join(some))
                self.process.stdin.flush()
                self.lines += some

    def __exit__(self, kind, error, trace):
        self.done.set()
        self.thread.join()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(timeout=c.DEADLINE + 30)
        if error is not None:
            return
        with open(self.k.path("meanwhile.err")) as lines:
            text = lines.read()
        code = self.process.returncode
        c.require(code == 0, f"meanwhile: exit {code}\n{text}")
        summary = json.loads(text.strip().splitlines()[-1])
        c.require(summary["failed"] == 0 and summary["acked"] == len(self.lines), f"{summary}")
        with open(self.k.consume("meanwhile", 0), "rb") as out:
            came = out.readlines()
        twice = len(came) - len(self.lines)
        c.require(0 <= twice <= summary["possible_duplicates"] and
                  list(dict.fromkeys(came)) == self.lines, "what was produced meanwhile changed")
        print(f"   meanwhile: {len(came)} lines produced and read, 0 failed, p99 "
              f"{summary['p99_us'] / 1000:.1f} ms", flush=True)


def produce(k, topic, data, *more, code=0):
    """Pipes bytes through `produce`; returns (summary, what stderr says)."""
    with open(k.path("records"), "wb") as out:
        out.write(data)
    with open(k.path("records"), "rb") as lines:
        done = k.on_cluster("produce", topic, "-o", "json", *more, stdin=lines, code=code)
    text = done.stderr.decode()
    return json.loads(text.strip().splitlines()[-1]), text


def still_serves(k, topic):
    """A new topic, records in, the same records out: through new connections."""
    k.on_cluster("topic", "create", topic)
    produce(k, topic, b"one\ntwo\n")
    out = k.on_cluster("consume", topic, "--from", "start", "--to", "end").stdout
    c.require(out == b"one\ntwo\n", f"came back as {out!r}")


def pids(k):
    return {b["broker"]: b["pid"] for b in json.loads(
        k.run("dev", "status", "--dir", k.dir, "-o", "json").stdout)}


@contextlib.contextmanager
def watched(k, broker=1):
    """The same process lives on, grows by less than 64 MiB and comes to rest."""
    before = pids(k)
    pid = before[broker]
    memory, cpu, began = processes.resident_bytes(pid), processes.cpu_seconds(pid), time.monotonic()
    yield
    c.require(pids(k) == before, f"processes were {before}, are {pids(k)}")
    took, spent = time.monotonic() - began, processes.cpu_seconds(pid) - cpu
    calm = processes.cpu_seconds(pid)
    time.sleep(1)
    calm = processes.cpu_seconds(pid) - calm
    grew = (processes.resident_bytes(pid) - memory) / MIB
    print(f"   broker {broker}: {spent:.2f} s of CPU in {took:.1f} s, then {calm:.2f} s in one; "
          f"{grew:+.1f} MiB resident, {processes.resident_bytes(pid) / MIB:.0f} in all", flush=True)
    c.require(grew < 64, f"broker {broker} grew by {grew:.1f} MiB")
    c.require(calm < 0.5, f"broker {broker} does not come to rest: {calm:.2f} s of CPU in one")
