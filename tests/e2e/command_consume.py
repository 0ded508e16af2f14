"""What `consume`, `cat` and `tail` read, and how they show it."""
import re
import signal
import threading
import time

import cluster as c
from command_line import end, holds, produce, records, run, same, start, topic, values

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


ROWS = (every_position, positions_by_time, beyond_the_end_is_an_error, the_end_is_pinned,
        follows_and_tails, consume_forms)
