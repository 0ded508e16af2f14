"""Small clusters of `dev`, whole and in pieces."""
import contextlib
import json
import os
import socket
import subprocess

import cluster as c
from command_line import end, holds, k, run, same

@contextlib.contextmanager
def small(name, brokers=1, more=()):
    """A development cluster of its own, with a profile of its own."""
    env = {**k.env, "XDG_CONFIG_HOME": k.path(name + ".config")}
    directory = k.path(name)
    dev = lambda *words, code=0, **rest: run("dev", *words, "--dir", directory, env=env, code=code,
                                             servers=False, **rest)
    dev.directory, dev.env, dev.base = directory, env, c.free_port_base(brokers)
    try:
        dev("up", "-n", brokers, "--port-base", dev.base, *more)
        yield dev
    finally:
        dev("down", "--wipe", code=None)


def health_and_partial_answers():
    with small("health", 3) as dev:
        ask = lambda *words, **more: run(*words, env=dev.env, servers=False, **more)
        ask("topic", "create", "t", "-p", "2")
        dev("stop", 3)
        c.wait_for("health says degraded", lambda: ask("health", code=None).code == 11)
        done = ask("health", "-o", "json", code=11)
        same(done.json()["state"], "degraded")
        holds("broker 3", " ".join(done.json()["reasons"]))
        same(ask("health", "-o", "names", code=11).out, b"degraded\n")
        third = dev("status", "-o", "json").json()[2]
        same((third["state"], third["pid"]), ("stopped", None))
        done = ask("status", "--all", "-o", "json", "--timeout", "1s", code=7)
        same([one["broker"] for one in done.json()], [1, 2])
        holds("broker 3", done.err)
        first = f"127.0.0.1:{dev.base}"
        same(ask("-s", f"{third['endpoint']},{first}", "status", "-o", "json", "--timeout",
                 "1s").json()["broker"], 1, "the first that answers")
        ask("status", third["endpoint"], "--timeout", "300ms", code=4)
        ask("produce", "t", stdin=b"a\n")
        dev("pause", 2)
        c.wait_for("health says unavailable",
                   lambda: ask("health", "--timeout", "1s", code=None).code == 10)
        done = ask("produce", "t", "--patience", "1s", "-o", "json", stdin=b"b\n", code=4)
        same((done.summary()["acked"], done.summary()["failed"]), (0, 1))
        holds("the first failure", done.err)
        dev("resume", 2)
        dev("start", 3)
        c.wait_for("healthy again", lambda: ask("health", code=None).code == 0)
    ask("-s", "127.0.0.1:1", "health", "--timeout", "200ms", code=4)


def dev_up_is_ready_when_it_returns():
    with small("ready", 3) as dev:
        run("topic", "create", "at-once", "-r", "3", "--timeout", "10s", env=dev.env, servers=False)
        states = lambda: [b["state"] for b in dev("status", "-o", "json").json()]
        dev("pause", 1)
        same(states(), ["paused", "ready", "ready"])
        holds("runs; wiping needs it stopped", dev("wipe", 1, code=6).err)
        dev("resume", 1)
        dev("kill", 2)
        dev("stop", "3")
        c.require(states()[1:] == ["stopped"] * 2, states())
        dev("kill", 2)
        holds("is stopped", dev("pause", 2, code=6).err)
        holds("is stopped", dev("resume", 2, code=6).err)
        dev("start", 2, 3)
        same(states(), ["ready"] * 3)
        holds("wiping needs it stopped", dev("wipe", "all", code=6).err)
        for bad in ("9", "0"):
            holds("there are 1 to 3", dev("kill", bad, code=3).err)
        holds("broker", dev("logs", 1).out.decode())
        json.loads(dev("logs", "all", "-o", "json").out)
        dev("stop", "all")
        same(states(), ["stopped"] * 3)
        dev("wipe", 3)
        c.require(not os.path.exists(dev.directory + "/broker-3"), "not wiped")
        dev("up", "-n", 3)
        same(states(), ["ready"] * 3, "up again, one of them blank")
        holds("holds 3 brokers", dev("up", "-n", 2, code=6).err)
        dev("down", "-o", "json")
        same(states(), ["stopped"] * 3)
        dev("down", "--wipe")
        c.require(not os.path.exists(dev.directory), "--wipe left the directory")
        c.require(not os.path.exists(dev.env["XDG_CONFIG_HOME"] + "/strandlog/profile"), "profile")
        dev("status", code=3)


def two_dev_ups_at_once():
    env = {**k.env, "XDG_CONFIG_HOME": k.path("twice.config")}
    base = c.free_port_base(1)
    words = ["dev", "up", "-n", "1", "--dir", k.path("twice"), "--port-base", str(base)]
    both = [subprocess.Popen([k.tool, *words], env=env, stderr=subprocess.PIPE) for _ in range(2)]
    try:
        same([end(one, 0)[0].code for one in both], [0, 0])
        status = run("dev", "status", "--dir", k.path("twice"), "-o", "json", servers=False).json()
        same([b["state"] for b in status], ["ready"])
    finally:
        run("dev", "down", "--wipe", "--dir", k.path("twice"), env=env, servers=False, code=None)


def dev_names_a_taken_port():
    env = {**k.env, "XDG_CONFIG_HOME": k.path("taken.config")}
    base = c.free_port_base(2)
    for port, use in ((base + 10, "clients of broker 2"), (base + 100, "other brokers of broker 1")):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
            listener.listen()
            done = run("dev", "up", "-n", 2, "--dir", k.path("taken"), "--port-base", base, env=env,
                       servers=False, code=6)
            holds(f"port {port}, for the {use}", done.err)
            holds("another process listens", done.err)
            status = run("dev", "status", "--dir", k.path("taken"), "-o", "json", servers=False)
            same([b["state"] for b in status.json()], ["stopped"] * 2, "none was started")
    run("dev", "down", "--wipe", "--dir", k.path("taken"), env=env, servers=False)


def dev_and_odd_directories():
    with small("with blanks and 'quotes'") as dev:
        run("topic", "create", "t", env=dev.env, servers=False)
        holds('--dir "', dev("wipe", 1, code=6).err)
    base = str(c.free_port_base(1))
    up = lambda directory, code, **more: run("dev", "up", "-n", 1, "--port-base", base, "--dir",
                                             directory, servers=False, code=code, **more)
    env = {**k.env, "XDG_CONFIG_HOME": k.path("odd.config")}
    try:
        up("relative/deep", 0, env=env)
        same(run("dev", "status", "--dir", "./relative/../relative/deep", "-o", "json",
                 servers=False).json()[0]["data"], k.path("relative/deep/broker-1"))
    finally:
        run("dev", "down", "--wipe", "--dir", "relative/deep", env=env, servers=False, code=None)
    up("", 2)
    up("a #b", 2)
    up("a\nb", 2)
    c.require(not {"a #b", "a\nb"} & set(os.listdir(k.work)), "refused, but made")
    with open(k.path("file"), "w"):
        pass
    up("file", 1)
    up("file/below", 1)
    up("/proc/strandlog", 1)
    # A half-broken one: what it recorded is gone or wrong.
    with small("broken") as dev:
        run("topic", "create", "kept", env=dev.env, servers=False)
        holds("is not what `dev up` wrote", (open(dev.directory + "/dev.json.bad", "w").write("{"),
              os.replace(dev.directory + "/dev.json", k.path("right.json")),
              os.replace(dev.directory + "/dev.json.bad", dev.directory + "/dev.json"),
              dev("status", code=8))[-1].err)
        os.remove(dev.directory + "/dev.json")
        holds("is taken", dev("up", "-n", 1, "--port-base", dev.base, code=6).err)
        os.replace(k.path("right.json"), dev.directory + "/dev.json")
        dev("stop", 1)
        os.remove(dev.directory + "/broker-1.conf")
        dev("up")
        holds("kept", run("topic", "list", env=dev.env, servers=False).out.decode())
    # A number that belongs to somebody else by now is never signalled.
    with small("reused") as dev:
        dev("stop", 1)
        sleeper = subprocess.Popen(["sleep", "1000"])
        with open(dev.directory + "/dev.json") as file:
            record = json.load(file)
        record["brokers"][0]["pid"] = sleeper.pid
        with open(dev.directory + "/dev.json", "w") as file:
            json.dump(record, file)
        for verb in ("kill", "stop"):
            dev(verb, 1)
        dev("pause", 1, code=6)
        same(dev("status", "-o", "json").json()[0]["state"], "stopped")
        c.require(sleeper.poll() is None, "somebody else's process was signalled")
        sleeper.kill()
        sleeper.wait()


def dev_up_without_a_home_for_its_profile():
    env = {**k.env, "XDG_CONFIG_HOME": "/proc/no/such"}
    base = str(c.free_port_base(1))
    try:
        done = run("dev", "up", "-n", 1, "--dir", k.path("homeless"), "--port-base", base, env=env,
                   servers=False)
        holds("no profile", done.err)
        run("-s", f"127.0.0.1:{base}", "topic", "list", servers=False)
    finally:
        run("dev", "down", "--wipe", "--dir", k.path("homeless"), env=env, servers=False, code=None)


ROWS = (health_and_partial_answers, dev_up_is_ready_when_it_returns, two_dev_ups_at_once,
        dev_names_a_taken_port, dev_and_odd_directories, dev_up_without_a_home_for_its_profile)
