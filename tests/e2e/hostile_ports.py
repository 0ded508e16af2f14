"""Hostile connections: garbage before and after the handshake, and very many."""
import contextlib
import os
import random
import resource
import struct
import time

import cluster as c
from zmtp import (answered, control, crc32c, frame, greeting, GREETING, Hostile, list_pointer,
                  message, READY, request, same_text_often, struct_pointer)
from meanwhile import Meanwhile, MIB, still_serves, watched

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


ROWS = (garbage_on_both_ports, idle_connections)
