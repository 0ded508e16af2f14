"""The command, run on the one cluster that all rows of command.py share."""
import json
import subprocess
import time

import cluster as c

topics = 0


class Shared:
    """The cluster of all rows, while it runs."""
    cluster = None

    def __getattr__(self, name):
        return getattr(self.cluster, name)


k = Shared()


class Done:
    def __init__(self, code, out, err):
        self.code, self.out = code, out
        self.err = err.decode(errors="replace")

    def lines(self):
        return self.out.splitlines()

    def json(self):
        return json.loads(self.out)

    def summary(self):
        return json.loads(self.err.strip().splitlines()[-1])


def run(*words, code=0, stdin=b"", env=None, cwd=None, servers=True, stdout=subprocess.PIPE):
    """Runs the command on the cluster; `code` None: any."""
    where = ["-s", k.servers] if servers else []
    done = subprocess.run([k.tool, *where, *map(str, words)], input=stdin, stdout=stdout,
                          stderr=subprocess.PIPE, env=env or k.env, cwd=cwd or k.work,
                          timeout=c.DEADLINE)
    shown = " ".join(map(str, words))
    c.require(code is None or done.returncode == code,
              f"strandlog {shown}: exit {done.returncode}, wanted {code}\n"
              + done.stderr.decode(errors="replace")[-1500:])
    return Done(done.returncode, done.stdout, done.stderr)


def start(*words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, servers=True):
    where = ["-s", k.servers] if servers else []
    return subprocess.Popen([k.tool, *where, *map(str, words)], stdin=stdin, stdout=stdout,
                            stderr=subprocess.PIPE, env=k.env, cwd=k.work, bufsize=0)


def end(process, code):
    """Waits; also says how long that took."""
    began = time.monotonic()
    out, err = process.communicate(timeout=c.DEADLINE)
    took = time.monotonic() - began
    c.require(process.returncode == code,
              f"exit {process.returncode}, wanted {code}\n{err.decode(errors='replace')[-1500:]}")
    return Done(process.returncode, out or b"", err), took


def topic(partitions=1, replicas=1):
    global topics
    topics += 1
    run("topic", "create", f"t{topics}", "-p", partitions, "-r", replicas)
    return f"t{topics}"


def produce(name, data, *flags, code=0):
    """Produces and returns the summary."""
    return run("produce", name, "-o", "json", *flags, stdin=data, code=code).summary()


def records(name, *flags):
    return [json.loads(line) for line in run("cat", name, "-o", "jsonl", *flags).lines()]


def values(name, *flags):
    return run("consume", name, "--to", "end", *flags).lines()


def same(got, wanted, what=""):
    c.require(got == wanted, f"{what}\n  got    {str(got)[:800]}\n  wanted {str(wanted)[:800]}")


def holds(part, text):
    c.require(part in text, f"{part!r} is not in\n{text[:1500]}")
