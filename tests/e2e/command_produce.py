"""What `produce` takes, says and leaves with."""
import json

import cluster as c
from command_line import holds, produce, records, run, same, topic, values

KEYS = ("records", "acked", "failed", "possible_duplicates", "bytes", "seconds", "records_per_s",
        "p50_us", "p99_us")


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


ROWS = (summary_has_every_figure, keys_and_headers, separator_splits_key_and_value,
        jsonl_round_trip, raw_is_one_record, bytes_come_back, codecs,
        hundred_thousand_short_lines, long_line_fails_alone, rate, acks, partitions_and_create)
