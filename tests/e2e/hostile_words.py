"""Wrong commands and wrong records: refused by name, and nothing is made."""
import random

import cluster as c
from meanwhile import Meanwhile, MIB, produce

def expect(k, code, error, *words_, on_cluster=True):
    """The exit code, and an error of that name on stderr."""
    run = k.on_cluster if on_cluster else k.run
    done = run(*words_, code=code)
    text = done.stderr.decode(errors="replace")
    c.require(f"error[{error}]" in text, f"{words_}: wanted error[{error}], stderr says {text}")
    first = next(line for line in text.splitlines() if line.startswith("error["))
    shown = [w if len(w) < 40 else w[:20] + "…" for w in words_]
    print(f"      {shown}: {code}, {first[:110]!r}", flush=True)


def wrong_commands():
    with c.Cluster() as k, Meanwhile(k):
        k.on_cluster("topic", "create", "t", "-p", "2")
        produce(k, "t", b"one\ntwo\n", "-p", "0")
        before = k.json("topic", "list")
        for verb in (["produce"], ["consume"], ["topic", "describe"], ["topic", "delete"]):
            expect(k, 3, "not-found", *verb, "nope")
        for verb in ("produce", "consume"):
            expect(k, 3, "not-found", verb, "t", "-p", "99")
        for name in ("../x", "", "x" * 300, "a\nb\x1b[31m", "__x", ".", "..", "a/b", "ü"):
            expect(k, 2, "invalid-argument", "topic", "create", name)
            expect(k, 2, "invalid-argument", "produce", "--create", name)
        expect(k, 6, "conflict", "topic", "create", "t")
        expect(k, 2, "invalid-argument", "topic", "create", "five", "-r", "5")
        for flags in (["-p", "0"], ["-p", "-1"], ["-p", "x"], ["-p", "4294967297"], ["-r", "0"]):
            expect(k, 2, "invalid-argument", "topic", "create", "flags", *flags)
        c.require(k.json("topic", "list") == before, "a refused command made something")
        for more in (["-n", "1"], []):
            expect(k, 3, "out-of-range", "consume", "t", "-p", "0", "--from", "1000", *more)
        for flags in (["-z", "gzipp"], ["--acks", "7"], ["--wrong"], ["--rate", "x/s"],
                      ["-o", "no"], ["-p", "x"], ["two"]):
            expect(k, 2, "invalid-argument", "produce", "t", *flags)
        expect(k, 2, "invalid-argument", "nonsense")
        expect(k, 2, "invalid-argument", "topic")
        for servers in ("foo", "127.0.0.1:0", "127.0.0.1:99999", ","):
            expect(k, 2, "invalid-argument", "-s", servers, "topic", "list", on_cluster=False)
        nobody = f"127.0.0.1:{k.base + 7}"
        for verb in (["topic", "list"], ["produce", "t"], ["consume", "t"]):
            expect(k, 4, "unreachable", "-s", nobody, "--timeout", "1s", *verb, on_cluster=False)
        out = k.on_cluster("consume", "t", "-p", "0", "--from", "start", "--to", "end").stdout
        c.require(out == b"one\ntwo\n", f"t holds {out!r}")


def offset_beyond_the_end():
    with c.Cluster(brokers=1) as k:
        k.on_cluster("topic", "create", "t")
        produce(k, "t", b"one\ntwo\n")
        expect(k, 3, "out-of-range", "consume", "t", "-p", "0", "--from", "1000", "--to", "end")


def errors_show_no_control_characters():
    with c.Cluster(brokers=1) as k:
        for verb in (["topic", "describe"], ["topic", "delete"], ["produce"], ["consume"]):
            done = k.on_cluster(*verb, "a\x1b[31mb", code=3)
            c.require(b"\x1b" not in done.stderr, f"{verb} prints {done.stderr!r}")


def record_over_the_limit():
    with c.Cluster() as k, Meanwhile(k):
        k.on_cluster("topic", "create", "t")
        for codec in ("none", "lz4", "zstd"):
            huge = random.Random(1).randbytes(2 * MIB).replace(b"\n", b"?")
            summary, text = produce(k, "t", b"first\n" + huge + b"\nlast\n", "-z", codec, code=7)
            c.require("error[too-large]" in text, text)
            c.require((summary["acked"], summary["failed"]) == (2, 1), f"{summary}")
        print(f"   {text.splitlines()[0]}", flush=True)
        out = k.on_cluster("consume", "t", "--from", "start", "--to", "end").stdout
        c.require(out == b"first\nlast\n" * 3, f"came back as {out[:100]!r}")


ROWS = (wrong_commands, record_over_the_limit, offset_beyond_the_end,
        errors_show_no_control_characters)
