"""Connections that say what they want: frames of the wire and of ZeroMQ, made by hand."""
import re
import select
import socket
import struct
import time

import cluster as c

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
