#!/usr/bin/env python3
"""The command, flag by flag: what each one does, what it prints, what it leaves with.

All rows share one cluster; rows about `dev` make their own small ones. `command.py ROW…` runs some.
"""
import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import cluster as c

KEYS = ("records", "acked", "failed", "possible_duplicates", "bytes", "seconds", "records_per_s",
        "p50_us", "p99_us")
k = None  # the cluster of all rows
topics = 0


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


# ------------------------------------------------------------------------------------- produce


def summary_has_every_figure():
    t = topic()
    summary = produce(t, b"a\nb\nc\n")
    same(sorted(summary), sorted(KEYS))
    same((summary["records"], summary["acked"], summary["failed"], summary["bytes"]), (3, 3, 0, 3))
    c.require(summary["p99_us"] >= summary["p50_us"] > 0 and summary["records_per_s"] > 0, summary)
    words = run("produce", t, stdin=b"d\n").err
    holds("1 records, 1 B", words)
    holds("0 failed", words)
    same(run("produce", t, "-q", stdin=b"e\n").err, "", "-q")


def keys_and_headers():
    t = topic(3)
    produce(t, b"a\nb\n", "-k", "key", "-H", "h=1", "-H", "h=2", "-H", "empty=", "-H", "a=b=c")
    got = records(t)
    same([r["value"] for r in got], ["a", "b"])
    same({r["partition"] for r in got}.__len__(), 1, "one key, one partition")
    same(got[0]["key"], "key")
    same([(h["key"], h["value"]) for h in got[0]["headers"]],
         [("h", "1"), ("h", "2"), ("empty", ""), ("a", "b=c")])


def separator_splits_key_and_value():
    t = topic()
    produce(t, b"k1:v1\nno separator\n:empty key\nk:a:b\nk2:\n", "-K", ":")
    same([(r["key"], r["value"]) for r in records(t)],
         [("k1", "v1"), (None, "no separator"), ("", "empty key"), ("k", "a:b"), ("k2", "")])
    u = topic()
    produce(u, b"k\tv\n", "-K", r"\t")
    produce(u, b"k--v\n", "-K", "--")
    same([(r["key"], r["value"]) for r in records(u)], [("k", "v"), ("k", "v")])
    v = topic()
    produce(v, b"k:\nk:x\n", "-K", ":", "--tombstone")
    same([r["value"] for r in records(v)], [None, "x"])


def jsonl_round_trip():
    t, u = topic(2), topic(2)
    lines = [
        {"value": "plain", "partition": 1},
        {"key": "k", "value": "uml\u00e4ut \u20ac \U0001f642 \"quoted\" \\ \t \n", "partition": 0},
        {"key": None, "value": None, "partition": 0},
        {"value": "AP8=", "encoding": "base64", "key": "gA==", "key_encoding": "base64",
         "partition": 0, "timestamp": "2020-02-29T12:00:00.250Z",
         "headers": [{"key": "h", "value": "/w==", "encoding": "base64"}, {"key": "n", "value": None},
                     {"key": "/w==", "key_encoding": "base64", "value": "x"}]},
        {"value": "", "timestamp": 1234567890123, "partition": 0},
        {"value": "zone", "timestamp": "2020-01-01T02:00:00+02:00", "partition": 0},
    ]
    text = "\n".join(json.dumps(line) for line in lines) + "\n\n"
    same(produce(t, text.encode(), "--format", "jsonl")["acked"], len(lines), "a blank line is none")
    there = run("cat", t, "-o", "jsonl").out
    produce(u, there, "--format", "jsonl")
    back = run("cat", u, "-o", "jsonl").out
    first, second = ([json.loads(line) for line in text.splitlines()] for text in (there, back))
    order = lambda r: (r["partition"], r["offset"])
    for a, b in zip(sorted(first, key=order), sorted(second, key=order)):
        same({**b, "topic": t}, a, "through the cluster and back twice")
    got = sorted(first, key=order)
    same(got[0]["value"], lines[1]["value"])
    same((got[1]["key"], got[1]["value"]), (None, None))
    for field in ("value", "encoding", "key", "key_encoding", "timestamp"):
        same(got[2][field], lines[3][field])
    same(got[2]["headers"], lines[3]["headers"])
    same(got[3]["timestamp"], "2009-02-13T23:31:30.123Z")
    same(got[4]["timestamp"], "2020-01-01T00:00:00.000Z")
    same(produce(u, b'{"value":"a"}\n{"vaule":"b"}\n{"value":"c"}\n', "--format", "jsonl",
                 code=7)["acked"], 1)
    for bad, why in ((b"{", "line 1: jsonl: not a JSON object"), (b'["a"]', "not a JSON object"),
                     (b'{"vaule":1}', 'did you mean "value"'), (b'{"value":1}', "is not a string"),
                     (b'{"value":"a","encoding":"hex"}', "is not \"base64\""),
                     (b'{"value":"***","encoding":"base64"}', "not base64"),
                     (b'{"value":"a","timestamp":"yesterday"}', "is not a time"),
                     (b'{"value":"a","timestamp":"2020-13-01T00:00:00Z"}', "is not a time"),
                     (b'{"value":"a","partition":-1}', "not a number from 0"),
                     (b'{"value":"a","headers":{}}', "is not an array")):
        done = run("produce", u, "--format", "jsonl", "-o", "json", stdin=bad, code=2)
        holds(why, done.err)
        same(done.summary()["acked"], 0)


def raw_is_one_record():
    t = topic()
    data = b"a\nb\x00\r\n\xff" * 1000
    same(produce(t, data, "--format", "raw")["records"], 1)
    same(run("cat", t).out, data + b"\n")


def bytes_come_back():
    t = topic()
    odd = b"\n\r\n\x00\x00\nplain\n\n\xff\xfe\nlast without its end"
    same(produce(t, odd)["records"], 7)
    same(run("cat", t).out, odd + b"\n")
    u = topic()
    same(produce(u, b"")["records"], 0, "empty input")
    same(run("cat", u).out, b"")
    same(run("cat", u, "-o", "json").json(), [])
    same(produce(u, b"\n")["records"], 1, "one empty line")


def codecs():
    t = topic()
    data = b"".join(b"line %d of many alike\n" % i for i in range(2000))
    for codec in ("none", "lz4", "zstd"):
        same(produce(t, data, "-z", codec)["acked"], 2000, codec)
    same(run("cat", t).out, data * 3)


def hundred_thousand_short_lines():
    t = topic(3, 3)
    data = b"".join(b"%d\n" % i for i in range(100000))
    same(produce(t, data)["acked"], 100000)
    same(sorted(map(int, run("cat", t).lines())), list(range(100000)))
    figures = run("bench", "consume", "-t", t, "-o", "json").json()
    same((figures["records"], figures["bytes"]), (100000, len(data) - 100000))


def long_line_fails_alone():
    t = topic()
    done = run("produce", t, "-o", "json", stdin=b"a\n" + b"x" * (2 << 20) + b"\nb\n", code=7)
    same((done.summary()["acked"], done.summary()["failed"]), (2, 1))
    holds("error[too-large]", done.err)
    same(values(t), [b"a", b"b"])
    same(produce(t, b"y" * 1000000 + b"\n")["acked"], 1, "just below the limit")


def rate():
    t = topic()
    summary = produce(t, b"x\n" * 60, "--rate", "100/s")
    c.require(0.4 < summary["seconds"], f"60 records at 100/s: {summary}")
    same(summary["acked"], 60)
    same(produce(t, b"x\n" * 10, "--rate", "1k")["acked"], 10)


def acks():
    t = topic(2, 3)
    for level in ("0", "1", "all"):
        same(produce(t, b"a\nb\n", "--acks", level, "-p", "1")["acked"], 2, level)
    c.wait_for("acks 0 arrived too", lambda: len(values(t)) == 6)
    same(len(values(t, "-p", "0")), 0)


def partitions_and_create():
    t = topic(3)
    for p in range(3):
        produce(t, b"%d\n" % p * (p + 1), "-p", p)
    for p in range(3):
        same(values(t, "-p", p), [b"%d" % p] * (p + 1))
    same(sorted(values(t, "-p", "0,2")), [b"0", b"2", b"2", b"2"])
    same(sorted(values(t, "-p", "0", "-p", "2")), [b"0", b"2", b"2", b"2"])
    holds("the last is 2", run("produce", t, "-p", "3", code=3).err)
    holds("the last is 2", run("cat", t, "-p", "3", code=3).err)
    for bad in ("x", "0-2", "-1", ",", "1x", ""):
        run("cat", t, "-p", bad, code=2)
    holds("create it: strandlog topic create made", run("produce", "made", code=3).err)
    same(produce("made", b"x\n", "--create")["acked"], 1)
    same(produce("made", b"x\n", "--create")["acked"], 1, "the second time")
    same(len(run("topic", "describe", "made", "-o", "json").json()["partitions"][0]["replicas"]), 3)
    run("produce", "not a name", "--create", code=2)


# ------------------------------------------------------------------------------------- consume


def every_position():
    t = topic()
    produce(t, b"".join(b"%d\n" % i for i in range(100)))
    n = lambda *flags: list(map(int, values(t, *flags)))
    same(n(), list(range(100)))
    same(n("--from", "start"), list(range(100)))
    same(n("--from", "end"), [])
    same(n("--from", "40"), list(range(40, 100)))
    same(n("--from", "0"), list(range(100)))
    same(n("--from", "100"), [], "the end itself is in range")
    same(n("--from", "+10"), list(range(10, 100)))
    same(n("--from", "+1000"), [])
    same(n("--from", "-5"), list(range(95, 100)))
    same(n("--from", "-1000"), list(range(100)))
    same(n("--from=-5"), list(range(95, 100)))
    same(n("--from", "10", "-n", "3"), [10, 11, 12])
    same(n("-n", "0"), [])
    for to, wanted in (("50", range(20, 50)), ("end", range(20, 100)), ("-10", range(20, 90)),
                       ("+30", range(20, 30)), ("start", []), ("20", []), ("5", [])):
        got = run("consume", t, "--from", "20", "--to", to).lines()
        same(list(map(int, got)), list(wanted), f"--to {to}")
    for bad in ("", "+", "-", "--5", "5x", "begin", "99999999999999999999", "@", "@x", "group:g",
                "@2026-02-30", "@2026-05-04T25:00:00Z", "1.5", "0x10", " 5"):
        run("consume", t, f"--from={bad}", code=2)
        run("consume", t, f"--to={bad}", code=2)


def positions_by_time():
    t = topic(2)
    moments = []
    for part in range(4):
        moments.append(time.time())
        # The next part must lie a whole millisecond or more behind.
        c.wait_for("the clock went on", lambda: time.time() - moments[-1] > 0.005)
        for p in (0, 1):
            produce(t, b"".join(b"%d\n" % part for _ in range(50)), "-p", p)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moments[2]))
    stamp += ".%03d" % int(moments[2] * 1000 % 1000)
    n = lambda *flags: sorted(map(int, values(t, *flags)))
    late = [2] * 100 + [3] * 100
    same(n("--from", f"@{stamp}Z"), late)
    same(n("--from", f"@{int(moments[2] * 1000)}"), late, "milliseconds")
    same(n("--from", f"@{int(moments[2] * 1e6)}"), late, "microseconds")
    same(n("--from", f"@{int(moments[2] * 1e9)}"), late, "nanoseconds")
    same(n("--from", f"@{int(moments[0])}"), [0] * 100 + [1] * 100 + late, "seconds")
    same(n("--from", "@-10m"), [0] * 100 + [1] * 100 + late)
    same(n("--from", "@2001-01-01"), [0] * 100 + [1] * 100 + late)
    same(n("--from", "@2101-01-01T00:00:00Z"), [])
    got = run("consume", t, "--from", "start", "--to", f"@{stamp}Z")
    same(sorted(map(int, got.lines())), [0] * 100 + [1] * 100)
    holds(f"--to is {stamp}Z", got.err)
    same(n("--from", f"@{int(moments[1] * 1000)}", "-p", "1"), [1] * 50 + [2] * 50 + [3] * 50)


def beyond_the_end_is_an_error():
    t = topic(2)
    produce(t, b"a\nb\nc\n", "-p", "1")
    for more in ([], ["--to", "end"], ["-n", "1"]):
        done = run("consume", t, "--from", "4", "-p", "1", *more, code=3)
        holds("error[out-of-range]", done.err)
        holds(f"{t}/1 has 0 to 3", done.err)
        same(done.out, b"")
    holds(f"{t}/0 has 0 to 0", run("consume", t, "--from", "2", code=3).err)
    run("consume", t, "--from", 2 ** 63 - 1, code=3)
    done = run("consume", t, "--from", "0", "-p", "1", "--to", "9", "--patience", "100ms", code=4)
    same(done.out, b"a\nb\nc\n")
    holds("is at 3 of 9", done.err)


def the_end_is_pinned():
    t = topic()
    produce(t, b"".join(b"%d\n" % i for i in range(20000)))
    stop = threading.Event()

    def flood():
        while not stop.is_set():
            produce(t, b"late\n" * 1000)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        lines = values(t)
        c.require(len(lines) >= 20000, "lines are missing")
        more = len(values(t))
    finally:
        stop.set()
        thread.join()
    c.require(more >= len(lines), "went back")


def follows_and_tails():
    t = topic(2)
    produce(t, b"".join(b"%d\n" % i for i in range(30)), "-p", "0")
    same(run("tail", t, "--follow=false").lines(), [b"%d" % i for i in range(20, 30)])
    same(run("tail", t, "-n", "2", "--follow=false", "-p", "0").lines(), [b"28", b"29"])
    same(run("tail", t, "-n", "2", "--follow=false", "-p", "1").lines(), [])
    tail = start("tail", t, "-n", "1")
    same(tail.stdout.readline(), b"29\n")
    produce(t, b"new\n", "-p", "1")
    same(tail.stdout.readline(), b"new\n", "tail follows")
    tail.send_signal(signal.SIGINT)
    end(tail, 130)
    follow = start("consume", t, "--from", "end", "-n", "2")
    # Where its end lay is its secret; so records are sent until it has two.
    c.wait_for("consume -n 2 followed and ended", lambda: (
        produce(t, b"x\n"), follow.poll() is not None)[1])
    same(end(follow, 0)[0].out, b"x\nx\n")
    silent = start("consume", t, "-p", "0")
    same([silent.stdout.readline() for _ in range(2)], [b"0\n", b"1\n"], "from start, follows")
    silent.send_signal(signal.SIGTERM)
    end(silent, 130)


def consume_forms():
    t = topic()
    produce(t, b"a\nb\n", "-k", "K")
    same(run("cat", t, "-o", "table").out, b"a\nb\n")
    same(run("cat", t, "-o", "names").lines(), [f"{t}/0/0".encode(), f"{t}/0/1".encode()])
    array = run("cat", t, "-o", "json").json()
    same(array, records(t))
    same(sorted(array[0]), ["headers", "key", "offset", "partition", "timestamp", "topic", "value"])
    c.require(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", array[0]["timestamp"]), array)
    holds(f"{t}/0: from 0 to 2", run("cat", t, "-v").err)


# ---------------------------------------------------------------------------------- interrupts


def is_at_work(process):
    """Its own handlers are there, and the library's threads."""
    with open(f"/proc/{process.pid}/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    return int(fields["SigCgt"], 16) & 2 and int(fields["Threads"]) > 2


def interrupted(process, what, most=1.0):
    c.wait_for("it is at work", lambda: is_at_work(process))
    process.send_signal(signal.SIGINT)
    done, took = end(process, 130)
    print(f"   {what}: over {took:.2f} s after Ctrl-C", flush=True)
    # An end within a second is what is promised; the rest is for a busy machine.
    c.require(took < most + 2, f"{what}: took {took:.2f} s")
    return done


def ctrl_c_ends_produce():
    t = topic()
    waits = start("produce", t, "-o", "json", stdin=subprocess.PIPE)
    waits.stdin.write(b"a\nb\n")
    waits.stdin.flush()
    c.wait_for("both lines arrived", lambda: len(values(t)) == 2)
    same(interrupted(waits, "waiting for input").summary()["acked"], 2)
    raw = start("produce", t, "-o", "json", "--format", "raw", stdin=subprocess.PIPE)
    raw.stdin.write(b"part")
    raw.stdin.flush()
    same(interrupted(raw, "gathering one record").summary()["records"], 0)
    half = start("produce", t, "-o", "json", stdin=subprocess.PIPE)
    half.stdin.write(b"half a line")
    half.stdin.flush()
    same(interrupted(half, "in the middle of a line").summary()["records"], 0)
    paced = start("produce", t, "-o", "json", "--rate", "1/s", stdin=subprocess.PIPE)
    paced.stdin.write(b"a\n" * 100)
    paced.stdin.flush()
    interrupted(paced, "held down by --rate")
    nobody = start("-s", "127.0.0.1:1", "produce", t, "-o", "json", "--timeout", "1h",
                   stdin=subprocess.PIPE, servers=False)
    same(interrupted(nobody, "no broker there").summary()["records"], 0)


def ctrl_c_ends_produce_when_brokers_fall_silent():
    t = topic(1, 3)
    source = subprocess.Popen(["yes", "x" * 1000], stdout=subprocess.PIPE)
    flood = start("produce", t, "-o", "json", "-z", "none", stdin=source.stdout)
    source.stdout.close()
    c.wait_for("records flow", lambda: len(values(t, "-n", "1")) == 1)
    k.dev("pause", "all")
    try:
        time.sleep(1.5)  # enough for the buffer to fill; the row holds as well if it has not
        summary = interrupted(flood, "every broker silent, buffer full").summary()
    finally:
        k.dev("resume", "all")
    same(summary["records"], summary["acked"] + summary["failed"])
    c.require(summary["acked"] > 0, summary)
    source.wait()
    c.wait_for("all led again", lambda: k.all_led(t))
    # Nobody counts a record that is not there.
    c.require(len(values(t)) >= summary["acked"], "acknowledged records are missing")


def ctrl_c_ends_whatever_waits():
    t = topic()
    produce(t, b"a\n")
    reader = start("consume", t, "-o", "json")
    begin = reader.stdout.read(1)
    rest = interrupted(reader, "consume waiting for records").out
    same(json.loads(begin + rest)[0]["value"], "a", "the array is whole")
    for words in (("topic", "list"), ("consume", t), ("bench", "produce", "-t", t), ("health",),
                  ("status",), ("topic", "create", "x")):
        waiting = start("-s", "127.0.0.1:1", "--timeout", "1h", *words, servers=False)
        interrupted(waiting, " ".join(words))
    bench = start("bench", "produce", "-t", t, "--duration", "1h", "-o", "json")
    c.wait_for("it sends", lambda: values(t, "-n", "2")[1:])
    interrupted(bench, "bench").json()


# --------------------------------------------------------------------- descriptors and their ends


def closed_pipe_ends_quietly():
    t = topic()
    produce(t, b"".join(b"%d\n" % i for i in range(50000)))
    for words in (["consume", t, "--from", "start"], ["cat", t], ["tail", t, "-n", "40000"]):
        reader = start(*words)
        line = reader.stdout.readline()
        reader.stdout.close()
        c.require(line.endswith(b"\n"), line)
        reader.stdout = None
        done, _ = end(reader, 0)
        same(done.err, "", " ".join(words))
    u = topic()
    produce(u, b"one\n")
    idle = start("consume", u)  # nothing more to write: it has to look
    idle.stdout.readline()
    idle.stdout.close()
    idle.stdout = None
    end(idle, 0)


def full_and_closed_descriptors():
    t = topic()
    produce(t, b"a\n")
    with open("/dev/full", "wb") as full:
        for words in (["cat", t], ["consume", t], ["topic", "list"], ["help"], ["version"]):
            holds("No space left", run(*words, stdout=full, code=1).err)
    shell = lambda line: subprocess.run(["sh", "-c", line, "sh", k.tool, k.servers, t], env=k.env,
                                        capture_output=True, timeout=c.DEADLINE)
    done = shell('"$1" -s "$2" produce "$3" -o json <&-')
    same(done.returncode, 1, "stdin closed")
    holds(b"reading the input failed", done.stderr)
    same(json.loads(done.stderr.splitlines()[-1])["records"], 0)
    done = shell('"$1" -s "$2" cat "$3" >&-')
    same(done.returncode, 1, "stdout closed")
    holds(b"writing the output failed", done.stderr)
    same(shell('"$1" -s "$2" cat "$3" 2>&-').stdout, b"a\n", "stderr closed")
    same(shell('printf "b\\n" | "$1" -s "$2" produce "$3" 2>/dev/full').returncode, 0)
    same(shell('"$1" -s "$2" produce "$3" < /').returncode, 1, "a directory as input")


# ------------------------------------------------------------------------------------- servers


def whom_to_ask():
    t = topic()
    first = k.servers.split(",")[0]
    silent = socket.socket()  # accepts and never says a word
    silent.bind(("127.0.0.1", 0))
    silent.listen()
    mute = "127.0.0.1:%d" % silent.getsockname()[1]
    for servers in (f"127.0.0.1:1,{first}", f"{first},127.0.0.1:1", f"127.0.0.1:1,{mute},{first}"):
        holds(t, run("-s", servers, "topic", "list", "-o", "names", servers=False).out.decode())
        run("-s", servers, "produce", t, stdin=b"x\n", servers=False)
    run("-s", "127.0.0.1:1", "-s", first, "topic", "list", servers=False)
    for words in (["topic", "list"], ["cat", t], ["health"], ["status"], ["broker", "list"],
                  ["topic", "create", "x"], ["topic", "delete", t], ["bench", "produce", "-t", t]):
        done = run("-s", "127.0.0.1:1,127.0.0.1:2", *words, "--timeout", "300ms", servers=False,
                   code=4)
        holds("error[unreachable]", done.err)
        holds("asked 127.0.0.1:1,127.0.0.1:2 (from --server)", done.err)
        holds("strandlog dev up", done.err)
    done = run("-s", "127.0.0.1:1", "produce", t, "-o", "json", "--timeout", "300ms", stdin=b"a\n",
               servers=False, code=4)
    same(done.summary()["acked"], 0)
    for bad in ("", ",", "host", "host:", ":1", "host:0", "host:65536", "host:x"):
        run("-s", bad, "topic", "list", servers=False, code=2)
    silent.close()


def servers_from_environment_and_profile():
    t = topic()
    ask = lambda env, *words, code=0: run("topic", "list", "-o", "names", *words, env=env,
                                          servers=False, code=code)
    holds(t, ask(k.env).out.decode())  # dev up has selected the profile
    nowhere = {**k.env, "XDG_CONFIG_HOME": k.path("nowhere")}
    holds("127.0.0.1:7400 (from default)", ask(nowhere, "--timeout", "200ms", code=4).err)
    env = {**nowhere, "STRANDLOG_SERVERS": k.servers}
    holds(t, ask(env).out.decode())
    holds(f"asking {k.servers} (from STRANDLOG_SERVERS)", ask(env, "-v").err)
    holds("from STRANDLOG_SERVERS", ask({**env, "STRANDLOG_SERVERS": "127.0.0.1:1"}, "--timeout",
                                        "200ms", code=4).err)
    holds(t, ask({**k.env, "STRANDLOG_SERVERS": ""}).out.decode())  # empty is as good as unset
    holds("(from STRANDLOG_SERVERS)", ask({**env, "STRANDLOG_SERVERS": "garbage"}, code=2).err)
    holds("STRANDLOG_SERVERS names no broker", ask({**env, "STRANDLOG_SERVERS": ","}, code=2).err)
    holds(t, ask({**env, "STRANDLOG_OTHER": "x"}).out.decode())
    os.makedirs(k.path("profiled/strandlog"))
    profile = k.path("profiled/strandlog/profile")
    env = {**k.env, "XDG_CONFIG_HOME": k.path("profiled")}
    with open(profile, "w") as out:
        out.write(f"# mine\nserver = {k.servers}\noutput = json\n")
    holds(t, ask(env).out.decode())
    json.loads(run("topic", "list", env=env, servers=False).out)
    for text in ("servr = x\n", "server\n", "partitions = 3\n", "output = yaml\n"):
        with open(profile, "w") as out:
            out.write(text)
        done = ask(env, code=2)
        holds(f"{profile}:1", done.err)
        holds("mend or delete", done.err)


# --------------------------------------------------------------------------------- every command


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


# ------------------------------------------------------------------------------ brokers that fail


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


# -------------------------------------------------------------------------------------------- dev


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


ROWS = (
    summary_has_every_figure, keys_and_headers, separator_splits_key_and_value, jsonl_round_trip,
    raw_is_one_record, bytes_come_back, codecs, hundred_thousand_short_lines, long_line_fails_alone,
    rate, acks, partitions_and_create, every_position, positions_by_time,
    beyond_the_end_is_an_error, the_end_is_pinned, follows_and_tails, consume_forms,
    ctrl_c_ends_produce, ctrl_c_ends_produce_when_brokers_fall_silent, ctrl_c_ends_whatever_waits,
    closed_pipe_ends_quietly, full_and_closed_descriptors, whom_to_ask,
    servers_from_environment_and_profile, every_form_of_every_command, described_as_documented,
    topic_defaults_and_conflicts, wrong_words_are_named, no_control_character_reaches_a_terminal,
    help_explains_everything, completion_completes, examples_do_what_they_say, log_verify_and_dump,
    health_and_partial_answers,
    dev_up_is_ready_when_it_returns, two_dev_ups_at_once, dev_names_a_taken_port,
    dev_and_odd_directories, dev_up_without_a_home_for_its_profile)


def all_on_one_cluster():
    global k
    rows = {row.__name__: row for row in ROWS}
    if "--list" in sys.argv:
        return c.main(rows)
    with c.Cluster() as k:
        try:
            c.main(rows)
        except SystemExit as leaving:
            if leaving.code == 1:
                raise c.Failed("see above") from None  # keeps the cluster's directory
            raise


if __name__ == "__main__":
    all_on_one_cluster()
