#!/usr/bin/env python3
"""Hostile input: garbage on both ports, wrong commands, foreign directories, a full disk.

Every row prints what it saw. Where brokers are attacked, a produce of another topic goes on
meanwhile; it must end without a failure, and its lines must come back unchanged.
"""
import contextlib
import json
import os
import random
import re
import resource
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import threading
import time

import cluster as c

MIB = 1 << 20


# ------------------------------------------------------------------------------ wire, by hand


def crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC32C = crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC32C[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def control(body, crc=None):
    """A control frame of wire/frames.md around `body`."""
    return b"SLW1" + struct.pack("<I", crc32c(body) if crc is None else crc) + body


def words(*numbers):
    return struct.pack(f"<{len(numbers)}Q", *numbers)


def message(*numbers):
    """A Cap'n Proto message of one segment."""
    return struct.pack("<II", 0, len(numbers)) + words(*numbers)


def struct_pointer(offset, data, pointers):
    return (offset << 2) & 0xFFFFFFFF | data << 32 | pointers << 48


def list_pointer(offset, size, count):
    return (offset << 2 | 1) & 0xFFFFFFFF | size << 32 | count << 35


def request(topics=0, *more, all_topics=1, body=struct_pointer(0, 1, 1)):
    """Words of a metadata Request (wire/schema/client.capnp); `topics` is the list's pointer."""
    root = struct_pointer(0, 7, 2)
    return [root, 1 | 1 << 16 | 5000 << 32, 4711, 0, 0, 0, 0, 0, 0, body, all_topics, topics, *more]


def same_text_often(count, size):
    """A small message that would grow to count times size bytes when read."""
    pointers = [list_pointer(count - i - 1, 2, size) for i in range(count)]
    text = [0x6161616161616161] * (size // 8 - 1) + [0x0061616161616161]
    return message(*request(list_pointer(0, 6, count), *pointers, *text))


GREETING = b"\xff" + bytes(7) + b"\x01\x7f"  # a signature; libzmq looks at its first and last byte


def greeting(major, minor, mechanism=b"NULL"):
    return GREETING + bytes([major, minor]) + mechanism.ljust(20, b"\0") + bytes(32)


def frame(data, flags=0):
    if len(data) < 256:
        return bytes([flags, len(data)]) + data
    return bytes([flags | 2]) + struct.pack(">Q", len(data)) + data


READY = frame(b"\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER\x08Identity\x00\x00\x00\x00", 4)


class Hostile:
    """A connection that says what it wants and is watched for what becomes of it."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=c.DEADLINE)
        self.got = b""
        self.end = None

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            self.end = "closed while sending"
        return self

    def shake_hands(self):
        """ZMTP 3.0 with the NULL mechanism, as a DEALER."""
        self.send(greeting(3, 0))
        c.require(self.read_until(lambda: len(self.got) >= 64), "no greeting came back")
        self.send(READY)
        c.require(self.read_until(lambda: b"READY" in self.got), "no READY came back")
        self.got = b""
        return self

    def read_until(self, condition, seconds=5.0):
        until = time.monotonic() + seconds
        while not condition():
            left = max(0.0, until - time.monotonic())
            if self.end or not select.select([self.socket], [], [], left)[0]:
                return condition()
            try:
                data = self.socket.recv(65536)
            except OSError as error:
                data, self.end = b"", f"closed ({error.strerror})"
            self.end = self.end or (None if data else "closed")
            self.got += data
        return True

    def fate(self, seconds=0.0):
        self.read_until(lambda: self.end is not None, seconds)
        texts = re.findall(rb"[ -~]{12,}", self.got) if b"SLW1" in self.got else []
        says = f": {max(texts, key=len).decode()[:90]!r}" if texts else ""
        back = f", {len(self.got)} bytes came back{says}" if self.got else ""
        return (self.end or "open") + back

    def close(self):
        self.socket.close()


def answered(connection):
    """Whether an Answer control frame came back; pings of the other side do not count."""
    return connection.read_until(lambda: b"SLW1" in connection.got)


# ----------------------------------------------------------------------- what goes on meanwhile


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


def resident(pid):
    with open(f"/proc/{pid}/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as line:
        fields = line.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def watched(k, broker=1):
    """The same process lives on, grows by less than 64 MiB and comes to rest."""
    before = pids(k)
    pid = before[broker]
    memory, cpu, began = resident(pid), cpu_seconds(pid), time.monotonic()
    yield
    c.require(pids(k) == before, f"processes were {before}, are {pids(k)}")
    took, spent = time.monotonic() - began, cpu_seconds(pid) - cpu
    calm = cpu_seconds(pid)
    time.sleep(1)
    calm = cpu_seconds(pid) - calm
    grew = (resident(pid) - memory) / MIB
    print(f"   broker {broker}: {spent:.2f} s of CPU in {took:.1f} s, then {calm:.2f} s in one; "
          f"{grew:+.1f} MiB resident, {resident(pid) / MIB:.0f} in all", flush=True)
    c.require(grew < 64, f"broker {broker} grew by {grew:.1f} MiB")
    c.require(calm < 0.5, f"broker {broker} does not come to rest: {calm:.2f} s of CPU in one")


# --------------------------------------------------------------------------------- rows: network


def garbage_before_the_handshake(noise):
    return {
        "random bytes": noise.randbytes(100_000),
        "an HTTP request": b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n",
        "a ZMTP 1.0 greeting": b"\x01\x00" + noise.randbytes(64),
        "a ZMTP 2.0 greeting": GREETING + b"\x01\x05\x00\x00" + frame(noise.randbytes(90)),
        "a ZMTP 9.9 greeting": greeting(9, 9) + READY,
        "an unknown mechanism": greeting(3, 0, b"WHATEVER"),
        "a truncated greeting": greeting(3, 0)[:30],
        "nothing at all": b"",
        "a READY of 60000 bytes": greeting(3, 0) + frame(b"\x05READY" + noise.randbytes(60000), 4),
    }


def garbage_after_the_handshake(noise):
    good = message(*request())
    void = (1 << 29) - 1
    return {
        "4 EiB announced": b"\x02" + struct.pack(">Q", 1 << 62) + noise.randbytes(1000),
        "2^64-1 announced": b"\x02" + b"\xff" * 8 + noise.randbytes(1000),
        "5 MiB announced": b"\x02" + struct.pack(">Q", 5 * MIB) + noise.randbytes(1000),
        "an empty frame": frame(b""),
        "random control frames": b"".join(
            frame(noise.randbytes(noise.randrange(600))) for _ in range(500)),
        "random commands": b"".join(frame(noise.randbytes(40), 4) for _ in range(5)),
        "a wrong CRC": frame(control(good, crc32c(good) ^ 1)),
        "another magic": frame(b"SLW9" + control(good)[4:]),
        "a right CRC over garbage": b"".join(
            frame(control(noise.randbytes(8 * noise.randrange(2, 200)))) for _ in range(200)),
        "a first word of 0xFFFFFFFF": frame(control(b"\xff" * 4 + good[4:])),
        "65536 segments": frame(control(struct.pack("<I", 65535) + good[4:])),
        "a segment of 2^32-1 words": frame(control(struct.pack("<II", 0, 2**32 - 1) + good[8:])),
        "a list of 2^29-1 voids": frame(control(message(*request(list_pointer(0, 0, void))))),
        "2^29-1 structs of no size": frame(control(message(
            *request(list_pointer(0, 7, 0), void << 2)))),
        "one text 20000 times": frame(control(same_text_often(20000, 48000))),
        "a struct laid over itself": frame(control(message(
            *request(body=struct_pointer(-9, 7, 2))))),
        "a pointer to nowhere": frame(control(message(*request(7 << 32 | 0x7FFFFFF2)))),
        "a million words of nothing": frame(control(message(*([0] * 131_000)))),
        "20000 tiny messages": frame(b"x") * 20000,
        "5000 frames in a message": frame(b"x", 1) * 5000 + frame(b"x"),
        "half a message": frame(control(good), 1),
        "a good request at last": frame(control(good)),
    }


# Not even a whole message of frames that could be answered.
UNANSWERED = ("4 EiB announced", "2^64-1 announced", "5 MiB announced", "random commands",
              "5000 frames in a message", "half a message")


def attack(port, must_answer, noise):
    """Everything at once on one port; what is announced beyond the limit must be cut off."""
    held, asked = {}, []
    for name, data in garbage_before_the_handshake(noise).items():
        held[name] = Hostile(port).send(data)
    for name, data in garbage_after_the_handshake(noise).items():
        held[name] = Hostile(port).shake_hands().send(data)
        asked += [name] if name not in UNANSWERED else []
    slow = Hostile(port).shake_hands()
    request_bytes = frame(control(message(*request())))
    for i in range(60):
        slow.send(request_bytes[i:i + 1])
        time.sleep(0.05)
    slow.send(request_bytes[60:])
    held["a byte each 50 ms"] = slow
    if must_answer:
        for name in (*asked, "a byte each 50 ms"):
            c.require(answered(held[name]), f"{name}: neither an answer nor a typed error")
    for name, connection in held.items():
        announced = "announced" in name
        fate = connection.fate(2.0 if announced or name == "a truncated greeting" else 0.0)
        print(f"      {name}: {fate}", flush=True)
        c.require("closed" in fate or not announced, f"{name}: {fate}")
        c.require("closed" in fate or name != "a truncated greeting", f"{name}: {fate}")
        c.require(b"SLW1" not in connection.got or must_answer, f"{name}: was answered")
        connection.close()


def garbage_on_both_ports():
    seed = int(os.environ.get("E2E_SEED", random.randrange(1 << 32)))
    print(f"   E2E_SEED={seed}", flush=True)
    noise = random.Random(seed)
    with c.Cluster() as k, Meanwhile(k):
        still_serves(k, "before")
        for name, port, must_answer in (("client", k.base, True), ("peer", k.base + 100, False)):
            print(f"   the {name} port:", flush=True)
            with watched(k):
                attack(port, must_answer, noise)
            still_serves(k, f"after-{name}")


@contextlib.contextmanager
def open_files(soft):
    old, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (old, hard))


def idle_connections():
    """1000 of them: half say nothing, half have shaken hands. Brokers begin with usual limits."""
    with contextlib.ExitStack() as stack:
        with open_files(1024):
            k = stack.enter_context(c.Cluster())
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        stack.enter_context(open_files(4096))
        count = 1000 if hard >= 1200 else hard - 200
        stack.enter_context(Meanwhile(k))
        began = time.monotonic()
        with watched(k):
            idle = [Hostile(k.base) for _ in range(count // 2)]
            try:
                for _ in range(count - len(idle)):
                    idle.append(Hostile(k.base).shake_hands())
                print(f"   {len(idle)} connections: {time.monotonic() - began:.2f} s", flush=True)
                still_serves(k, "beside-idle-ones")
                time.sleep(4)
                fates = [connection.fate() for connection in idle]
                print(f"   after 4 s: {sum('closed' in f for f in fates)} of {len(idle)} dropped")
            finally:
                for connection in idle:
                    connection.close()
        still_serves(k, "after-idle-ones")


# -------------------------------------------------------------------------------- rows: commands


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


# ------------------------------------------------------------------------- rows: directories


def daemon(k, code, error, *words_):
    """A daemon that must refuse to start; returns what it said."""
    done = subprocess.run([os.path.join(c.BIN, "strandlogd"), *words_], env=k.env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=20)
    text = done.stderr.decode(errors="replace").replace(k.work, "…")
    print(f"      {done.returncode}: {text.strip()[-170:]}", flush=True)
    c.require(done.returncode == code, f"exit {done.returncode}, wanted {code}: {text}")
    c.require(f"error[{error}]" in text, f"wanted error[{error}]: {text}")
    return text


def picture(path):
    """Everything about a tree that a refusal could touch, times of reading excepted."""
    seen = {}
    for folder, folders, files in os.walk(path):
        for name in [folder, *(os.path.join(folder, f) for f in files)]:
            at = os.lstat(name)
            content = None
            if stat.S_ISREG(at.st_mode):
                with open(name, "rb") as data:
                    content = hash(data.read())
            seen[name] = (at.st_mode, at.st_uid, at.st_size, at.st_mtime_ns, content, len(folders))
    return seen


def replace_bytes(path, change):
    with open(path, "r+b") as file:
        data = bytearray(file.read())
        data = change(data)
        file.seek(0)
        file.truncate()
        file.write(data)


def flip(data):
    data[len(data) // 2] ^= 1
    return data


class Spoiled:
    """A stopped broker's directory, copied and spoiled for each refusal."""

    def __init__(self, k):
        self.k, self.good, self.copy = k, k.data(1), k.path("copy")
        k.on_cluster("topic", "create", "t")
        produce(k, "t", b"one\ntwo\n")
        k.dev("stop", 1)

    def path(self, name):
        return os.path.join(self.copy, name)

    def lose_journal(self):
        """As after a restore that forgot it."""
        for name in os.listdir(self.path("journal")):
            os.unlink(self.path("journal/" + name))

    def become_foreign(self):
        shutil.rmtree(self.copy)
        os.mkdir(self.copy, 0o700)
        with open(self.path("mine"), "w") as file:
            file.write("not yours\n")

    def refused(self, name, code, error, spoil, broker="1", new_journal=False):
        """The start must fail so and change nothing; a journal begun anew is found out later."""
        print(f"   {name}:", flush=True)
        shutil.copytree(self.good, self.copy)
        os.chmod(self.copy, 0o700)
        spoil()
        before = picture(self.copy)
        daemon(self.k, code, error, "--broker.id", broker, "--data.dir", self.copy, "--listen",
               f"127.0.0.1:{self.k.base + 5}", "--listen.peer", f"127.0.0.1:{self.k.base + 105}")
        after = picture(self.copy)
        touched = [f for f in before | after if before.get(f) != after.get(f)]
        kept = [f for f in touched if not new_journal or f.startswith(self.path("partitions"))]
        c.require(not kept, f"{name}: touched {kept}")
        shutil.rmtree(self.copy)


def foreign_directories():
    with c.Cluster(brokers=1) as k:
        d = Spoiled(k)
        d.refused("not empty and not ours", 6, "wrong-identity", d.become_foreign)
        d.refused("a newer FORMAT", 1, "unsupported", lambda: replace_bytes(
            d.path("FORMAT"), lambda data: data.replace(b"version 1", b"version 2")))
        d.refused("a FORMAT of another program", 6, "wrong-identity", lambda: replace_bytes(
            d.path("FORMAT"), lambda _: b"another program\nversion 1\n"))
        d.refused("world-readable", 6, "denied", lambda: os.chmod(d.copy, 0o755))
        if os.getuid() == 0:
            d.refused("another owner", 6, "denied", lambda: os.chown(d.copy, 65534, 65534))
        else:
            print("   another owner: skipped, needs root", flush=True)
        d.refused("another broker's", 6, "wrong-identity", lambda: None, broker="2")
        d.refused("a flipped bit in identity", 8, "corruption", lambda: replace_bytes(
            d.path("identity"), flip))
        d.refused("no identity", 8, "corruption", lambda: os.unlink(d.path("identity")))
        d.refused("no journal", 8, "corruption", lambda: shutil.rmtree(d.path("journal")))
        d.refused("an empty journal", 8, "corruption", d.lose_journal, new_journal=True)
        k.dev("start", 1)
        out = k.on_cluster("consume", "t", "--from", "start", "--to", "end").stdout
        c.require(out == b"one\ntwo\n", f"the original holds {out!r}")


def wrong_settings():
    with c.Cluster(brokers=1) as k:
        fresh = k.path("fresh")
        me = ["--broker.id", "1", "--data.dir", fresh]
        free = f"127.0.0.1:{k.base + 5}"
        conf = k.path("conf")
        with open(conf, "w") as file:
            file.write(f"broker.id = 1\n# a comment\ndata.dir = {fresh}\nno.such = 3\n")
        c.require("conf:4:" in daemon(k, 2, "invalid-argument", "--config", conf), "no line number")
        daemon(k, 2, "invalid-argument", "--config", k.path("absent"))
        for listener in ("--listen", "--listen.peer"):
            for host in ("0.0.0.0", "[::]"):
                daemon(k, 2, "invalid-argument", *me, listener, f"{host}:{k.base + 5}")
        daemon(k, 2, "invalid-argument", "--data.dir", fresh)
        daemon(k, 2, "invalid-argument", *me, "--journal.max.bytes", "many")
        c.require(not os.path.exists(fresh), "a refused start made the directory")
        clients, peers = f"127.0.0.1:{k.base}", f"127.0.0.1:{k.base + 100}"
        daemon(k, 2, "invalid-argument", *me, "--listen", "192.0.2.1:1",
               "--security.allow.plaintext=true")
        daemon(k, 1, "conflict", *me, "--listen", clients, "--listen.peer", free)
        daemon(k, 1, "conflict", *me, "--listen", free, "--listen.peer", peers)
        still_serves(k, "still-there")


def blank_broker_waits():
    with c.Cluster(brokers=1) as k:
        nobody, here = f"127.0.0.1:{k.base + 107}", f"127.0.0.1:{k.base + 5}"
        log = k.path("blank.log")
        with open(log, "wb") as err:
            broker = subprocess.Popen(
                [os.path.join(c.BIN, "strandlogd"), "--broker.id", "2", "--data.dir",
                 k.path("blank"), "--listen", here, "--listen.peer", f"127.0.0.1:{k.base + 105}",
                 "--seeds", nobody], env=k.env, stdin=subprocess.DEVNULL, stderr=err)
        try:
            ask = lambda: k.run("-s", here, "--timeout", "1s", "status", "-o", "json", code=None)
            c.wait_for("it answers", lambda: ask().returncode == 0, 20)
            time.sleep(2)
            state = json.loads(ask().stdout)["state"]
            print(f"   status: {state}", flush=True)
            c.require("blank" in state, f"status says {state!r}")
            done = k.run("-s", here, "--timeout", "1s", "topic", "list", code=None)
            print(f"   topic list: {done.returncode}, {done.stderr.decode().splitlines()[0]}")
            c.require(done.returncode == 4 and b"error[blank]" in done.stderr,
                      f"exit {done.returncode}: {done.stderr.decode()}")
            c.require(broker.poll() is None, "the blank broker ended")
            cpu = cpu_seconds(broker.pid)
            time.sleep(1)
            c.require(cpu_seconds(broker.pid) - cpu < 0.2, "the blank broker spins")
        finally:
            broker.terminate()
            code = broker.wait(timeout=20)
        c.require(code == 0, f"the blank broker ended with {code}")
        with open(log) as lines:
            c.require("blank" in lines.read(), "its log does not say that it waits")


# --------------------------------------------------------------------------------- rows: the disk


class SmallDisk:
    """One broker, founded by itself, whose directory is a file system of 96 MiB."""

    def __init__(self, k):
        self.k, self.mount = k, k.path("small")
        self.here = f"127.0.0.1:{k.base + 5}"

    def __enter__(self):
        os.mkdir(self.mount, 0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m,mode=0700", "none", self.mount],
                       check=True, stderr=subprocess.PIPE)
        with open(os.path.join(self.mount, "filler"), "wb") as file:
            for _ in range(48):
                file.write(bytes(MIB))
        self.start()
        try:
            c.wait_for("a topic on the small disk", lambda: self.run(
                "topic", "create", "t", code=None).returncode in (0, 6), 20)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def start(self):
        with open(self.k.path("small.log"), "ab") as log:
            self.broker = subprocess.Popen(
                [os.path.join(c.BIN, "strandlogd"), "--dev", "--data.dir",
                 os.path.join(self.mount, "broker"), "--listen", self.here, "--listen.peer",
                 f"127.0.0.1:{self.k.base + 105}", "--disk.reserve.bytes", "16MiB",
                 "--journal.max.bytes", "24MiB", "--journal.file.bytes", "2MiB", "--segment.bytes",
                 "4MiB"], env=self.k.env, stdin=subprocess.DEVNULL, stderr=log)

    def take_the_rest(self):
        """As another program would: to the last byte."""
        with contextlib.suppress(OSError), open(os.path.join(self.mount, "rest"), "ab") as file:
            while True:
                os.write(file.fileno(), bytes(4096))

    def __exit__(self, kind, error, trace):
        self.broker.terminate()
        try:
            self.broker.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.broker.kill()
            self.broker.wait()
        if error is not None:
            with open(self.k.path("small.log"), errors="replace") as lines:
                print("-- the small broker\n" + "".join(lines.readlines()[-10:]), flush=True)
        subprocess.run(["umount", self.mount], check=True)

    def run(self, *words_, **more):
        return self.k.run("-s", self.here, "--timeout", "2s", *words_, **more)

    def end(self):
        return json.loads(self.run("topic", "describe", "t", "-o", "json").stdout)[
            "partitions"][0]["end"]

    def fill(self):
        """Produces until nothing more is taken; leaves the producer trying again."""
        source = self.k.corpus(64)
        self.err = self.k.path("small.err")
        with open(source, "rb") as lines, open(self.err, "wb") as err:
            self.producer = subprocess.Popen(
                [self.k.tool, "-s", self.here, "produce", "t", "-z", "none", "-o", "json"],
                env=self.k.env, stdin=lines, stderr=err)
        seen = [0, time.monotonic()]

        def stands_still():
            end = self.end()
            if end != seen[0]:
                seen[:] = [end, time.monotonic()]
            return end > 0 and time.monotonic() - seen[1] > 1.5

        c.wait_for("the disk is full", stands_still, 30)
        c.require(self.producer.poll() is None, "the producer ended; nothing was refused")
        left = os.statvfs(self.mount)
        print(f"   {seen[0]} records taken, {left.f_bavail * left.f_frsize / MIB:.1f} MiB free, "
              f"16 reserved", flush=True)
        return source, seen[0]


@contextlib.contextmanager
def small_disk():
    if os.getuid() != 0 or not shutil.which("mount") or not shutil.which("unshare"):
        raise c.Skipped("mounting a small file system needs root, mount and unshare")
    probe = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"],
                           stderr=subprocess.PIPE)
    if probe.returncode != 0:
        raise c.Skipped(f"cannot mount: {probe.stderr.decode().strip()}")
    with c.Cluster(brokers=1) as k, Meanwhile(k), SmallDisk(k) as disk:
        try:
            yield disk
        finally:
            if hasattr(disk, "producer"):
                disk.producer.kill()
                disk.producer.wait()


def same_as_the_source(disk, source, count):
    with open(disk.k.path("small.out"), "wb") as out:
        disk.run("consume", "t", "--from", "start", "--to", "end", stdout=out)
    with open(disk.k.path("small.out"), "rb") as out, open(source, "rb") as lines:
        came = 0
        for line in out:
            c.require(line == lines.readline(), f"record {came} came back changed")
            came += 1
    c.require(came >= count, f"{came} records of {count} came back")
    print(f"   {came} records read, as they were sent", flush=True)


def full_disk_still_reads():
    with small_disk() as disk:
        source, count = disk.fill()
        same_as_the_source(disk, source, count)
        c.require(disk.broker.poll() is None, "the broker ended")
        health = disk.run("health", code=None)
        print(f"   health: {health.returncode}, {health.stdout.decode().strip()[:200]}", flush=True)
        cpu = cpu_seconds(disk.broker.pid)
        time.sleep(1)
        cpu = cpu_seconds(disk.broker.pid) - cpu
        print(f"   {cpu:.2f} s of CPU a second while it refuses", flush=True)
        c.require(cpu < 0.5, f"{cpu:.2f} s of CPU a second while it refuses")


def full_disk_keeps_its_reserve():
    with small_disk() as disk:
        disk.fill()
        left = os.statvfs(disk.mount)
        free = left.f_bavail * left.f_frsize
        # A checkpoint may take one journal file of 2 MiB out of it; records may not.
        c.require(free >= 14 * MIB, f"{16 * MIB - free} bytes of the reserve are used")


def full_disk_is_started_on():
    """Killed, killed again and stopped where not a byte is left: it starts there, serves, goes on."""
    with small_disk() as disk:
        source, count = disk.fill()
        for way in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
            disk.broker.send_signal(way)
            disk.broker.wait(timeout=20)
            disk.take_the_rest()
            disk.start()
            c.wait_for(f"it serves after {way.name}", lambda: disk.run(
                "topic", "describe", "t", code=None).returncode == 0, 20)
            same_as_the_source(disk, source, count)
        end = disk.end()
        for name in ("rest", "filler"):
            os.unlink(os.path.join(disk.mount, name))
        c.wait_for("writes go on", lambda: disk.end() > end, 15)


def full_disk_is_not_healthy():
    with small_disk() as disk:
        disk.fill()
        health = disk.run("health", code=None)
        c.require(health.returncode in (10, 11), f"health: {health.returncode} {health.stdout!r}")


def freed_disk_writes_again():
    with small_disk() as disk:
        disk.fill()
        count = disk.end()
        os.unlink(os.path.join(disk.mount, "filler"))
        c.wait_for("writes go on", lambda: disk.end() > count, 15)


def produce_can_be_interrupted():
    """One interrupt ends a produce that only waits for answers, within the five seconds it has."""
    with small_disk() as disk:
        disk.fill()
        disk.producer.kill()
        disk.producer.wait()
        # Far more than a disk that refused an ordinary batch has left; a few bytes may still fit.
        with open(disk.k.path("few"), "wb") as out:
            out.write(b"x" * 900_000 + b"\n")
        with open(disk.k.path("few"), "rb") as lines:
            waiting = subprocess.Popen(
                [disk.k.tool, "-s", disk.here, "produce", "t", "-z", "none", "-o", "json"],
                env=disk.k.env, stdin=lines, stderr=subprocess.PIPE)
        time.sleep(1)
        began = time.monotonic()
        waiting.send_signal(signal.SIGINT)
        try:
            _, text = waiting.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            waiting.kill()
            waiting.communicate()
            raise c.Failed("produce goes on 15 s after an interrupt") from None
        print(f"   ended after {time.monotonic() - began:.1f} s: {text.decode().strip()}")
        c.require(waiting.returncode == 130, f"exit {waiting.returncode}")


ROWS = (garbage_on_both_ports, idle_connections, wrong_commands, record_over_the_limit,
        offset_beyond_the_end, errors_show_no_control_characters, foreign_directories,
        wrong_settings, blank_broker_waits, full_disk_still_reads, full_disk_is_started_on,
        full_disk_keeps_its_reserve, full_disk_is_not_healthy, freed_disk_writes_again,
        produce_can_be_interrupted)

if __name__ == "__main__":
    c.main({f.__name__: f for f in ROWS})
