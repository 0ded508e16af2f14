"""Every command in all its forms: what it prints, explains and refuses."""
import concurrent.futures
import json
import os
import re
import shutil
import subprocess

import cluster as c
from command_line import holds, k, produce, run, same, topic

def every_form_of_every_command():
    t = topic(2)
    produce(t, b"a\n")
    first = k.servers.split(",")[0]
    commands = [
        ["topic", "list"], ["topic", "describe", t], ["broker", "list"], ["status"],
        ["status", first], ["status", "--all"], ["health"], ["cat", t], ["tail", t, "--follow=no"],
        ["consume", t, "--to", "end"], ["version"], ["help"], ["help", "topic", "create"],
        ["topic", "create", "--help"], ["completion", "bash"], ["completion", "zsh"],
        ["completion", "fish"], ["dev", "status", "--dir", k.dir],
        ["dev", "logs", "--dir", k.dir, "-n", "1"], ["dev", "start", "1", "--dir", k.dir],
        ["dev", "up", "--dir", k.dir],
        ["bench", "produce", "-t", t, "--duration", "100ms", "--size", "10"],
        ["bench", "consume", "-t", topic()], ["cluster", "found"],
    ]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for words in commands:
            table, one, lines, names = pool.map(lambda form: run(*words, "-o", form),
                                                ("table", "json", "jsonl", "names"))
            c.require(table.out or words[0] == "bench", f"{words}: no table")
            one.json()
            for line in lines.lines():
                json.loads(line)
            text = names.out.decode()
            c.require(text.endswith("\n") and "{" not in text, f"{words}: names {text!r}")
    for i, form in enumerate(("json", "jsonl")):
        run("topic", "create", f"form{i}", "-o", form).json()
        same(run("topic", "delete", f"form{i}", "-o", form).json(), {"deleted": f"form{i}"})
    same(run("topic", "create", "form", "-r", "1", "-o", "names").out, b"form\n")
    same(run("topic", "delete", "form", "-o", "names").out, b"form\n")


def described_as_documented():
    t = topic(2, 3)
    produce(t, b"a\nb\n", "-p", "1")
    one = run("topic", "describe", t, "-o", "json").json()
    same(list(one), ["topic", "partitions"])
    p = one["partitions"][1]
    same(list(p), ["partition", "leader", "term", "replicas", "start", "high_watermark", "end",
                   "bytes"])
    same((p["partition"], p["start"], p["high_watermark"], p["end"]), (1, 0, 2, 2))
    same(sorted(r["broker"] for r in p["replicas"]), [1, 2, 3])
    same(sorted(p["replicas"][0]), ["broker", "match", "state", "uid"])
    c.require(p["leader"] in (1, 2, 3) and p["bytes"] > 0, p)
    holds(b"PARTITION", run("topic", "describe", t).out)
    figures = run("bench", "produce", "-t", t, "--duration", "200ms", "-o", "json", "--size", "100",
                  "--batch-bytes", "4096", "--inflight", "16", "--acks", "1").json()
    same(list(figures), ["records_per_s", "mb_per_s", "p50_us", "p99_us", "p999_us", "acked",
                         "failed", "batches_per_request"])
    c.require(figures["acked"] > 0 and figures["failed"] == 0 and figures["p50_us"] > 0, figures)

    def all_ready():  # a slow disk may just have cost the catalog its leader
        rows = run("dev", "status", "--dir", k.dir, "-o", "json").json()
        return [r["state"] for r in rows] == ["ready"] * 3 and rows

    rows = c.wait_for("all ready", all_ready)
    same([list(r) for r in rows], [["broker", "pid", "state", "endpoint", "data"]] * 3)
    same(rows[1]["endpoint"], k.servers.split(",")[1])
    same(rows[1]["data"], k.data(2))

    def healthy():
        answer = run("health", "-o", "json", code=None)
        return answer.code == 0 and answer.json()

    verdict = c.wait_for("healthy", healthy)
    same((verdict["state"], verdict["brokers_alive"], verdict["disk_full"]), ("healthy", 3, []))


def topic_defaults_and_conflicts():
    run("topic", "create", "plain")
    one = run("topic", "describe", "plain", "-o", "json").json()
    same((len(one["partitions"]), len(one["partitions"][0]["replicas"])), (1, 3), "defaults")
    holds("exists already", run("topic", "create", "plain", code=6).err)
    holds('did you mean "plain"', run("topic", "describe", "plian", code=3).err)
    for verb in ("describe", "delete"):
        holds("error[not-found]", run("topic", verb, "nope", code=3).err)
    for words in (["cat", "nope"], ["produce", "nope"], ["bench", "consume", "-t", "nope"]):
        run(*words, code=3)
    run("topic", "create", "many", "-r", "4", code=2)
    run("topic", "create", "set", "-r", "1", "--config", "retention.ms=1000")
    holds(b"retention.ms = 1000", run("topic", "describe", "set").out)
    run("topic", "create", "set2", "--config", "no.such=1", code=2)
    for bad in ("", "a b", "a/b", "..", "__x", "x" * 250, "a\nb", "\u00e4"):
        run("topic", "create", bad, code=2)
    run("topic", "delete", "plain")
    run("topic", "describe", "plain", code=3)
    c.require("plain" not in run("topic", "list", "-o", "names").out.decode(), "still listed")


def wrong_words_are_named():
    for words, part in (
            (["tpoic", "list"], 'did you mean "topic"'), (["topic", "lst"], 'did you mean "list"'),
            (["topic"], "needs a verb"), (["topic", "create"], "needs TOPIC"),
            (["topic", "list", "more"], 'nothing takes "more"'),
            (["topic", "create", "x", "--partitons", "3"], 'did you mean "partitions"'),
            (["topic", "create", "x", "-p"], "--partitions"),
            (["topic", "create", "x", "-p", "0"], "at least 1"),
            (["topic", "create", "x", "-p", "-1"], "at least 1"),
            (["topic", "create", "x", "-p", "9" * 30], "wanted a whole number"),
            (["topic", "create", "x", "-p", "1", "-p", "2"], "given twice"),
            (["topic", "create", "x", "-Z"], "-Z"), (["--bogus"], "--bogus"),
            (["topic", "list", "-o", "jsn"], 'did you mean "json"'),
            (["topic", "list", "-o"], "--output"), (["topic", "list", "--timeout", "0"], "at least"),
            (["topic", "list", "--timeout", "-1"], "wanted a duration"),
            (["topic", "list", "--timeout", "9" * 30], "wanted a duration"),
            (["topic", "list", "--timeout", "2d"], "at most"),
            (["produce", "x", "--acks", "2"], "one of 0, 1, all"),
            (["produce", "x", "-z", "lz5"], 'did you mean "lz4"'),
            (["produce", "x", "--format", "line"], 'did you mean "lines"'),
            (["produce", "x", "--rate", "0"], "at least 1/s"),
            (["produce", "x", "--rate", "fast"], "wanted N/s"),
            (["produce", "x", "-H", "novalue"], "wanted KEY=VALUE"),
            (["produce", "x", "-K", ""], "-K is empty"),
            (["produce", "x", "-p", "-1"], "at least 0"),
            (["consume", "x", "-n", "-1"], "at least 0"),
            (["consume", "x", "--patience", "0"], "at least"),
            (["tail", "x", "--follow=maybe"], "true or false"),
            (["status", "nowhere"], "HOST:PORT"), (["status", "--all", "127.0.0.1:1"], "exclude"),
            (["help", "tpoic"], 'did you mean "topic"'), (["completion", "ksh"], "bash, zsh or fish"),
            (["dev", "up", "-n", "0"], "at least 1"), (["dev", "up", "-n", "11"], "at most 10"),
            (["dev", "kill", "x", "--dir", k.dir], "neither a broker's number nor all"),
            (["bench", "produce", "--size", "0"], "at least 1"),
            (["bench", "produce", "--size", "1TiB"], "at most")):
        done = run(*words, code=2)
        holds("error[invalid-argument]", done.err)
        holds(part, done.err)
        same(done.out, b"", "data on stdout, the rest on stderr")
    holds("name every founding broker", run("cluster", "found", servers=False, code=2).err)


def no_control_character_reaches_a_terminal():
    evil = "a\x1b]0;owned\x07\x9b31m\nb"
    for words in (["topic", "describe", evil], ["topic", "delete", evil], ["cat", evil],
                  ["produce", evil], ["topic", "create", evil], ["bench", "consume", "-t", evil],
                  ["consume", "x", "--from", evil], ["dev", "status", "--dir", evil],
                  ["help", evil], [evil], ["topic", evil], ["topic", "list", "--" + evil],
                  ["topic", "list", "-o", evil], ["-s", evil, "topic", "list"],
                  ["status", evil], ["log", "verify", evil], ["completion", evil],
                  ["produce", "x", "-H", evil], ["dev", "kill", evil, "--dir", k.dir]):
        done = run(*words, code=None, servers=words[0] != "-s")
        c.require(done.code != 0, words)
        for bad in ("\x1b", "\x07", "\x9b", "\r"):
            c.require(bad not in done.err, f"{words}: {done.err!r}")


def help_explains_everything():
    overview = run("help").out.decode()
    same(run().out.decode(), overview)
    for one in run("help", "-o", "json").json():
        words = one["command"].split()
        holds(one["command"], overview)
        text = run(*words, "--help").out.decode()
        same(run("help", *words).out.decode(), text)
        same(run(*words, "-h", "-o", "json").json()["command"], one["command"])
        for part in ("examples", "exit codes", "every command", "-o json", one["summary"][:30],
                     *one["examples"], *("--" + o["name"] for o in one["options"]),
                     *(f"default {o['default']}" for o in one["options"]
                       if o["default"] and o["default"] != "true")):
            holds(part.split("\n")[0], re.sub(r"\s+", " ", text))
        c.require(max(map(len, text.splitlines())) <= 120, f"{words}: help is too wide")
    holds("topic create", run("help", "topic").out.decode())


def completion_completes():
    script = run("completion", "bash").out.decode()

    def candidates(*line):
        words = " ".join(f"'{w}'" for w in ("strandlog", *line))
        shell = f"{script}\nCOMP_WORDS=({words})\nCOMP_CWORD={len(line)}\n_strandlog\necho ${{COMPREPLY[*]}}"
        return subprocess.run(["bash", "-c", shell], capture_output=True, check=True,
                              timeout=c.DEADLINE).stdout.decode().split()

    same(candidates("top"), ["topic"])
    same(sorted(candidates("topic", "")), ["create", "delete", "describe", "list"])
    holds("--partitions", candidates("topic", "create", "x", "--p"))
    holds("--server", candidates("topic", "list", "--s"))
    same(candidates("-s", "a:1", "bro"), ["broker"])
    if shutil.which("fish"):
        subprocess.run(["fish", "-n"], input=run("completion", "fish").out, check=True)
    if shutil.which("zsh"):
        subprocess.run(["zsh", "-n"], input=run("completion", "zsh").out, check=True)


def examples_do_what_they_say():
    first = k.servers.split(",")[0]

    def example(name, *words, code=0, stdin=b""):
        done = subprocess.run([os.path.join(c.BIN, name), *words], input=stdin, capture_output=True,
                              timeout=c.DEADLINE)
        same(done.returncode, code, f"{name}: {done.stderr.decode()}")
        return done.stdout.decode()

    for _ in range(2):
        out = example("05_create_topic", first, "example")
        same(len(re.findall(r"^example/\d: leader [123], offsets 0 to 0$", out, re.M)), 3, out)
    same(len(re.findall(r"partition \d, offset \d", example("01_produce", first, "example"))), 10)
    lines = "".join(example("02_consume", first, "example", p) for p in "012")
    same(sorted(line.split(" ", 1)[1] for line in lines.splitlines()),
         [f"hello {i}" for i in range(10)])
    t = topic()
    out = example("03_send_and_wait", first, t)
    holds("partition 0, offset 0", out)
    holds("1001 acknowledged, 0 failed", out)
    for since, count in (("999", 2), ("-600", 1001), ("5000", 1001)):
        follow = subprocess.Popen([os.path.join(c.BIN, "04_follow"), first, t, since],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL)
        for i in range(1001 - count, 1001):
            same(follow.stdout.readline().split()[0], b"%d" % i)
        out, _ = follow.communicate(b"\n", timeout=c.DEADLINE)
        holds(b"next time: 1001", out)


def log_verify_and_dump():
    t = topic(1, 3)
    produce(t, b"a\nb\nc\n")
    holds("error[locked]", run("log", "verify", k.data(2), code=6).err)
    run("log", "verify", k.path("absent"), code=3)
    k.dev("stop", 2)
    try:
        for words in (["log", "verify", k.data(2)], ["log", "dump", k.data(2)]):
            c.require(run(*words).out, words)
            run(*words, "-o", "json").json()
            for line in run(*words, "-o", "jsonl").lines():
                json.loads(line)
            holds(f"{t}/0", run(*words, "-o", "names").out.decode())
        verified = run("log", "verify", k.data(2), "-o", "json").json()
        same(verified["ok"], True)
        mine = [p for p in verified["partitions"] if p["topic"] == t]
        same([(p["records"], p["start"], p["end"], p["damage"]) for p in mine], [(3, 0, 3, [])])
        dumped = [e for e in run("log", "dump", k.data(2), "-o", "json").json()
                  if e["topic"] == t and e["kind"] == "data"]
        same(sum(e["records"] for e in dumped), 3)
    finally:
        k.dev("start", 2)
    c.wait_for("healthy again", lambda: run("health", code=None).code == 0)


ROWS = (every_form_of_every_command, described_as_documented, topic_defaults_and_conflicts,
        wrong_words_are_named, no_control_character_reaches_a_terminal, help_explains_everything,
        completion_completes, examples_do_what_they_say, log_verify_and_dump)
