#!/usr/bin/env python3
"""Golden files for the Kafka record batch (magic 2) and its compression framings.

    python3 make.py           rewrite every file of this folder
    python3 make.py --check   change nothing; compare, decode again, verify

Everything is derived from the published format descriptions, with the Python
standard library only.  The file has four parts:

  1. primitives   CRC32C, xxHash32, murmur2, varints
  2. writer       records, batch header, the four codecs
  3. cases        what each NAME.bin contains
  4. reader       a second, separate implementation used by --check

Batch layout (big-endian, 61 bytes, then the records):

  off len field                 off len field
    0   8 baseOffset             27   8 baseTimestamp
    8   4 batchLength            35   8 maxTimestamp
   12   4 partitionLeaderEpoch   43   8 producerId
   16   1 magic (2)              51   2 producerEpoch
   17   4 crc (CRC32C of 21..)   53   4 baseSequence
   21   2 attributes             57   4 recordCount
   23   4 lastOffsetDelta        61     records

batchLength counts the bytes after itself.  With a codec in attributes bits
0-2, all bytes from 61 on are one compressed stream; the header stays plain.

How the bytes are made:
  plain    fully determined by this file
  zlib     deflate stream from the zlib module
  tool     compressed by a command-line program (gzip, lz4, zstd)
Different versions of zlib or of a program may choose other, equally correct
bytes.  For these two kinds --check therefore only remarks on a byte difference
and insists on the decoded content; for `plain` every byte has to match.  If a
program is missing, its files are left as they are.
"""

import base64
import gzip
import json
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
M32 = 0xFFFFFFFF
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}

# --------------------------------------------------------------------------
# 1. primitives
# --------------------------------------------------------------------------


def _crc32c_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


CRC32C_TABLE = _crc32c_table()


def crc32c(data):
    crc = M32
    for b in data:
        crc = CRC32C_TABLE[(crc ^ b) & 0xFF] ^ (crc >> 8)
    return crc ^ M32


def crc32c_long_division(data):
    """The same checksum without a table, for the reader."""
    reg = M32
    for b in data:
        reg ^= b
        for _ in range(8):
            low = reg & 1
            reg >>= 1
            if low:
                reg ^= 0x82F63B78
    return reg ^ M32


def xxh32(data, seed=0):
    p1, p2, p3, p4, p5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393

    def rotl(v, n):
        return ((v << n) | (v >> (32 - n))) & M32

    size, pos = len(data), 0
    if size >= 16:
        lanes = [(seed + p1 + p2) & M32, (seed + p2) & M32, seed & M32, (seed - p1) & M32]
        while pos + 16 <= size:
            words = struct.unpack_from("<4I", data, pos)
            lanes = [rotl((a + w * p2) & M32, 13) * p1 & M32 for a, w in zip(lanes, words)]
            pos += 16
        h = sum(rotl(a, n) for a, n in zip(lanes, (1, 7, 12, 18))) & M32
    else:
        h = (seed + p5) & M32
    h = (h + size) & M32
    while pos + 4 <= size:
        h = rotl((h + struct.unpack_from("<I", data, pos)[0] * p3) & M32, 17) * p4 & M32
        pos += 4
    for b in data[pos:]:
        h = rotl((h + b * p5) & M32, 11) * p1 & M32
    h = (h ^ (h >> 15)) * p2 & M32
    h = (h ^ (h >> 13)) * p3 & M32
    return h ^ (h >> 16)


def murmur2(data):
    """The 32-bit variant with which Kafka clients choose partitions (signed)."""
    m = 0x5BD1E995
    h = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for (k,) in struct.iter_unpack("<I", data[:whole]):
        k = k * m & M32
        k = (k ^ (k >> 24)) * m & M32
        h = (h * m & M32) ^ k
    tail = data[whole:]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * m & M32
    h = (h ^ (h >> 13)) * m & M32
    h ^= h >> 15
    return h - (1 << 32) if h >> 31 else h


def uvarint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def varint(n):
    """Zigzag; varint and varlong are written alike."""
    return uvarint(2 * n if n >= 0 else -2 * n - 1)


# --------------------------------------------------------------------------
# 2. writer
# --------------------------------------------------------------------------


def nullable(data):
    return varint(-1) if data is None else varint(len(data)) + data


def write_record(rec, offset_delta, base_timestamp):
    body = bytearray(b"\0")  # record attributes, unused
    body += varint(rec["timestamp"] - base_timestamp)
    body += varint(offset_delta)
    body += nullable(rec["key"]) + nullable(rec["value"])
    body += varint(len(rec["headers"]))
    for name, value in rec["headers"]:
        raw = name.encode("utf-8")
        body += varint(len(raw)) + raw + nullable(value)
    return varint(len(body)) + bytes(body)


def write_records(content):
    base = content["records"][0]["timestamp"]
    return b"".join(write_record(r, i, base) for i, r in enumerate(content["records"]))


def write_batch(content, codec="none", payload=None, *, magic=2, attribute_bits=0,
                record_count=None, last_offset_delta=None, crc_xor=0):
    """The keyword arguments plant one defect each."""
    records = content["records"]
    stamps = [r["timestamp"] for r in records]
    if payload is None:
        payload = write_records(content)
    tail = struct.pack(
        ">hiqqqhii",
        CODECS[codec] | attribute_bits,
        len(records) - 1 if last_offset_delta is None else last_offset_delta,
        stamps[0],
        max(stamps),
        content["producerId"],
        content["producerEpoch"],
        content["baseSequence"],
        len(records) if record_count is None else record_count,
    ) + payload
    middle = struct.pack(">ibI", content["leaderEpoch"], magic, crc32c(tail) ^ crc_xor)
    return struct.pack(">qi", content["baseOffset"], len(middle) + len(tail)) + middle + tail


def pieces(data, size):
    return [data[i:i + size] for i in range(0, len(data), size)]


# gzip (RFC 1952): header without name and time, deflate, CRC32, length.
def gzip_member(data):
    z = zlib.compressobj(9, zlib.DEFLATED, -15)
    deflated = z.compress(data) + z.flush()
    header = b"\x1f\x8b\x08\x00" + bytes(4) + b"\x02\xff"  # xfl 2 = best, os 255 = unknown
    return header + deflated + struct.pack("<II", zlib.crc32(data), len(data) & M32)


# lz4 frame with uncompressed blocks (top bit of the block size set).
def lz4_stored(data, block=65536, checksums=False):
    flags = 0x60  # version 01, independent blocks
    descriptor_tail = b""
    if checksums:
        flags |= 0x10 | 0x08 | 0x04  # block checksums, content size, content checksum
        descriptor_tail = struct.pack("<Q", len(data))
    descriptor = bytes([flags, 0x40]) + descriptor_tail  # 0x40: blocks up to 64 KiB
    out = bytearray(struct.pack("<I", 0x184D2204) + descriptor)
    out.append(xxh32(descriptor) >> 8 & 0xFF)
    for part in pieces(data, block):
        out += struct.pack("<I", len(part) | 0x80000000) + part
        if checksums:
            out += struct.pack("<I", xxh32(part))
    out += bytes(4)  # end mark
    if checksums:
        out += struct.pack("<I", xxh32(data))
    return bytes(out)


# zstd frame (RFC 8878) with raw blocks and no checksum.  With `sized` it is a
# single segment that states the content size, otherwise it has a 128 KiB
# window and leaves the size unknown, as streaming writers do.
def zstd_raw(data, block=32768, sized=True):
    out = bytearray(struct.pack("<I", 0xFD2FB528))
    n = len(data)
    if not sized:
        out += bytes([0x00, 7 << 3])  # window 2^(10+7)
    elif n < 256:
        out += bytes([0x20, n])
    elif n < 65536 + 256:
        out += b"\x60" + struct.pack("<H", n - 256)
    else:
        out += b"\xa0" + struct.pack("<I", n)
    parts = pieces(data, block)
    for i, part in enumerate(parts):
        last = 1 if i == len(parts) - 1 else 0
        out += (len(part) << 3 | last).to_bytes(3, "little")  # type 0 = raw
        out += part
    return bytes(out)


# snappy: raw blocks inside the xerial stream framing.
XERIAL = b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1)


def xerial(data, block, compress):
    out = bytearray(XERIAL)
    for part in pieces(data, block):
        raw = compress(part)
        out += struct.pack(">i", len(raw)) + raw
    return bytes(out)


def snappy_literal(data):
    n = len(data) - 1
    if n < 60:
        return bytes([n << 2]) + data
    extra = (n.bit_length() + 7) // 8
    return bytes([(59 + extra) << 2]) + n.to_bytes(extra, "little") + data


def snappy_stored(data):
    """Literals only; sizes alternate so that every length form appears."""
    out = bytearray(uvarint(len(data)))
    sizes, pos, turn = (13, 60, 61, 256, 257, 5000, 20000), 0, 0
    while pos < len(data):
        size = sizes[turn % len(sizes)]
        out += snappy_literal(data[pos:pos + size])
        pos += size
        turn += 1
    return bytes(out)


def snappy_packed(data):
    """Greedy matching with all three copy forms (1, 2 and 4 offset bytes)."""
    out = bytearray(uvarint(len(data)))
    seen, pos, start, copies = {}, 0, 0, 0
    while pos + 4 <= len(data):
        gram = data[pos:pos + 4]
        cand = seen.get(gram)
        seen[gram] = pos
        if cand is None:
            pos += 1
            continue
        n = 4
        while n < 64 and pos + n < len(data) and data[cand + n] == data[pos + n]:
            n += 1
        if start < pos:
            out += snappy_literal(data[start:pos])
        off = pos - cand
        copies += 1
        if n <= 11 and off < 2048:
            out += bytes([1 | (n - 4) << 2 | (off >> 8) << 5, off & 0xFF])
        elif copies % 5:
            out += bytes([2 | (n - 1) << 2]) + struct.pack("<H", off)
        else:
            out += bytes([3 | (n - 1) << 2]) + struct.pack("<I", off)
        pos += n
        start = pos
    if start < len(data):
        out += snappy_literal(data[start:])
    return bytes(out)


# Command-line programs: (compress, decompress), both from stdin to stdout.
TOOLS = {
    "gzip": (["gzip", "-9", "-n", "-c"], ["gzip", "-d", "-c"]),
    "lz4": (["lz4", "-z", "-9", "-B4", "-BI", "-c"], ["lz4", "-d", "-c"]),
    "zstd": (["zstd", "-q", "-6", "--single-thread", "-c"], ["zstd", "-q", "-d", "-c"]),
}


def have_tool(codec):
    return codec in TOOLS and shutil.which(TOOLS[codec][0][0]) is not None


def run_tool(codec, which, data):
    done = subprocess.run(TOOLS[codec][which], input=data, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"{codec}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


# --------------------------------------------------------------------------
# 3. cases
# --------------------------------------------------------------------------

T0 = 1_700_000_000_000


def content(base_offset, leader_epoch, producer, records):
    return {
        "baseOffset": base_offset,
        "leaderEpoch": leader_epoch,
        "producerId": producer[0],
        "producerEpoch": producer[1],
        "baseSequence": producer[2],
        "records": [
            {"timestamp": t, "key": k, "value": v, "headers": h} for t, k, v, h in records
        ],
    }


NO_PRODUCER = (-1, -1, -1)

ONE = content(0, 0, NO_PRODUCER, [(T0, b"key", b"value", [])])

THREE = content(42, 7, (4001, 3, 17), [
    # no key, a value of zero bytes
    (T0, None, b"", []),
    # a tombstone, older than the batch's base timestamp
    (T0 - 1500, "klíč-ключ-鍵".encode(), None, [("trace", b"\x00\x01\xfe\xff")]),
    # a zero-byte key, text beyond the basic plane, all sorts of headers;
    # 40 days later, so the timestamp delta needs more than 32 bits
    (T0 + 40 * 86_400_000, b"", "Grüße, 世界 \U0001f680".encode(), [
        ("null-header", None),
        ("empty-header", b""),
        ("twice", b"first"),
        ("twice", b"second"),
        ("název", "žluťoučký".encode()),
        ("", b"header without a name"),
    ]),
])

HUNDRED = content(5_000_000_000, 300, (9_007_199_254_740_993, 32_000, 2_000_000_000), [
    (
        T0 + (i * 37) % 101 - 50,
        None if i % 10 == 9 else b"key-%03d" % i,
        None if i % 25 == 24 else b"value number %d " % i + b"." * i,
        [("index", struct.pack(">i", i))] if i % 4 == 0 else [],
    )
    for i in range(100)
])


def repetitive_text(size):
    lines, total, i = [], 0, 0
    while total < size:
        line = b"%06d the tide came in and the tide went out, turn %d %s\n" % (
            i, i * i % 997, b"-" * (i % 80))
        lines.append(line)
        total += len(line)
        i += 1
    return b"".join(lines)[:size]


BIG = content(1_000_000, 12, NO_PRODUCER, [
    (T0, b"big", repetitive_text(70 * 1024), [("kind", b"text")]),
    (T0 + 1, b"run", b"a" * 2000, []),
    (T0 + 2, b"small", b"x", []),
])


def batch_with(codec, pack):
    def build(c):
        return write_batch(c, codec, pack(write_records(c)))
    return build


def by_tool(codec):
    def build(c):
        if not have_tool(codec):
            return None
        return write_batch(c, codec, run_tool(codec, 0, write_records(c)))
    return build


# name: (kind, codec, content, builder, stream description)
GOOD = {
    "one-record": ("plain", "none", ONE, write_batch, "no codec"),
    "three-records": ("plain", "none", THREE, write_batch, "no codec"),
    "hundred-records": ("plain", "none", HUNDRED, write_batch, "no codec"),
    "big-values": ("plain", "none", BIG, write_batch, "no codec"),
    "three-records-gzip": (
        "zlib", "gzip", THREE, batch_with("gzip", gzip_member), "deflate from zlib"),
    "three-records-snappy": (
        "plain", "snappy", THREE,
        batch_with("snappy", lambda d: xerial(d, 64, snappy_stored)),
        "xerial framing, blocks of 64 bytes, literals only"),
    "three-records-lz4": (
        "plain", "lz4", THREE, batch_with("lz4", lambda d: lz4_stored(d, 100)),
        "uncompressed blocks of 100 bytes, no checksums"),
    "three-records-zstd": (
        "plain", "zstd", THREE, batch_with("zstd", lambda d: zstd_raw(d, 100)),
        "raw blocks of 100 bytes, content size stated"),
    "big-values-gzip": (
        "zlib", "gzip", BIG, batch_with("gzip", gzip_member), "deflate from zlib"),
    "big-values-snappy": (
        "plain", "snappy", BIG,
        batch_with("snappy", lambda d: xerial(d, 32768, snappy_stored)),
        "xerial framing, blocks of 32 KiB, literals only"),
    "big-values-lz4": (
        "plain", "lz4", BIG, batch_with("lz4", lambda d: lz4_stored(d, 65536, True)),
        "uncompressed blocks of 64 KiB, content size, block and content checksums"),
    "big-values-zstd": (
        "plain", "zstd", BIG, batch_with("zstd", lambda d: zstd_raw(d, 32768, False)),
        "raw blocks of 32 KiB, content size unknown, 128 KiB window"),
    "big-values-gzip-packed": ("tool", "gzip", BIG, by_tool("gzip"), "made by gzip"),
    "big-values-lz4-packed": ("tool", "lz4", BIG, by_tool("lz4"), "made by lz4"),
    "big-values-zstd-packed": ("tool", "zstd", BIG, by_tool("zstd"), "made by zstd"),
    "big-values-snappy-packed": (
        "plain", "snappy", BIG,
        batch_with("snappy", lambda d: xerial(d, 32768, snappy_packed)),
        "xerial framing, blocks of 32 KiB, literals and copies of all forms"),
}

# name: (bytes, reason)
BAD = {
    "wrong-crc": (
        lambda: write_batch(THREE, crc_xor=0x00010000),
        "one bit of the stored checksum is flipped"),
    "wrong-count": (
        lambda: write_batch(THREE, record_count=2),
        "recordCount says 2, three records follow; the checksum is right"),
    "truncated": (
        lambda: write_batch(THREE)[:-7],
        "the last 7 bytes that batchLength promises are missing"),
    "wrong-magic": (
        lambda: write_batch(THREE, magic=1),
        "magic is 1 in a batch laid out for magic 2; the checksum is right"),
    "control-bit": (
        lambda: write_batch(THREE, attribute_bits=0x20),
        "attributes bit 5 marks a control batch, which no producer may send; "
        "the checksum is right"),
    "last-offset-delta": (
        lambda: write_batch(THREE, last_offset_delta=5),
        "lastOffsetDelta is 5, the last of three records has offset delta 2; "
        "the checksum is right"),
}

MURMUR2 = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}


def b64(data):
    return None if data is None else base64.b64encode(data).decode("ascii")


def describe(name):
    """The expected content of a good file, as stored in NAME.json."""
    kind, codec, c, _, stream = GOOD[name]
    stamps = [r["timestamp"] for r in c["records"]]
    return {
        "name": name,
        "valid": True,
        "codec": codec,
        "stream": stream,
        "baseOffset": c["baseOffset"],
        "leaderEpoch": c["leaderEpoch"],
        "lastOffsetDelta": len(stamps) - 1,
        "baseTimestamp": stamps[0],
        "maxTimestamp": max(stamps),
        "producerId": c["producerId"],
        "producerEpoch": c["producerEpoch"],
        "baseSequence": c["baseSequence"],
        "records": [
            {
                "offset": c["baseOffset"] + i,
                "timestamp": r["timestamp"],
                "key": b64(r["key"]),
                "value": b64(r["value"]),
                "headers": [[k, b64(v)] for k, v in r["headers"]],
            }
            for i, r in enumerate(c["records"])
        ],
    }


def to_json(value):
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def all_files():
    """Name -> (kind, bytes or None when a program is missing)."""
    files = {}
    for name, (kind, _, c, build, _) in GOOD.items():
        files[name + ".bin"] = (kind, build(c))
        files[name + ".json"] = ("plain", to_json(describe(name)))
    for name, (build, reason) in BAD.items():
        files[name + ".bin"] = ("plain", build())
        files[name + ".json"] = (
            "plain", to_json({"name": name, "valid": False, "reason": reason}))
    vectors = [{"key": k, "hash": h} for k, h in MURMUR2.items()]
    files["murmur2.json"] = ("plain", to_json(vectors))
    return files


# --------------------------------------------------------------------------
# 4. reader: no format code in common with the writer except xxh32, which has
#    its own vectors in self_test() and is cross-checked by the lz4 program
# --------------------------------------------------------------------------


class Bad(Exception):
    pass


class NeedTool(Exception):
    pass


class Cursor:
    def __init__(self, data):
        self.data, self.pos = data, 0

    def left(self):
        return len(self.data) - self.pos

    def take(self, n):
        if n < 0 or n > self.left():
            raise Bad(f"needs {n} bytes, {self.left()} left")
        self.pos += n
        return self.data[self.pos - n:self.pos]

    def big(self, n):
        return int.from_bytes(self.take(n), "big", signed=True)

    def little(self, n):
        return int.from_bytes(self.take(n), "little")

    def unsigned(self, bits):
        value = shift = 0
        while True:
            b = self.take(1)[0]
            value |= (b & 0x7F) << shift
            shift += 7
            if b < 0x80:
                break
            if shift >= bits:
                raise Bad("varint too long")
        if value >> bits:
            raise Bad("varint out of range")
        return value

    def zigzag(self, bits=32):
        v = self.unsigned(bits)
        return (v >> 1) ^ -(v & 1)

    def blob(self):
        n = self.zigzag()
        if n < -1:
            raise Bad("negative length")
        return None if n == -1 else self.take(n)


def need(ok, message):
    if not ok:
        raise Bad(message)


def copy_back(out, offset, n):
    need(0 < offset <= len(out), "copy from before the start")
    for _ in range(n):
        out.append(out[-offset])


def read_snappy_block(raw):
    c, out = Cursor(raw), bytearray()
    total = c.unsigned(32)
    while c.left():
        tag = c.take(1)[0]
        form, rest = tag & 3, tag >> 2
        if form == 0:
            out += c.take((rest if rest < 60 else c.little(rest - 59)) + 1)
        elif form == 1:
            copy_back(out, (tag >> 5) * 256 + c.little(1), 4 + (rest & 7))
        else:
            copy_back(out, c.little(2 if form == 2 else 4), rest + 1)
    need(len(out) == total, "snappy length differs from its preamble")
    return bytes(out)


def read_snappy(data):
    c, out, blocks = Cursor(data), b"", 0
    need(c.take(8) == bytes.fromhex("82534e4150505900"), "xerial magic")
    need((c.big(4), c.big(4)) == (1, 1), "xerial version")
    while c.left():
        out += read_snappy_block(c.take(c.big(4)))
        blocks += 1
    need(blocks > 1, "several blocks expected")
    return out


def read_lz4_block(raw):
    c, out = Cursor(raw), bytearray()

    def longer(n):
        if n == 15:
            while True:
                b = c.little(1)
                n += b
                if b != 255:
                    break
        return n

    while True:
        token = c.little(1)
        out += c.take(longer(token >> 4))
        if not c.left():
            return bytes(out)
        offset = c.little(2)
        copy_back(out, offset, longer(token & 15) + 4)


def read_lz4(data):
    c, out = Cursor(data), b""
    need(c.little(4) == 0x184D2204, "lz4 magic")
    start = c.pos
    flg, bd = c.little(1), c.little(1)
    need(flg >> 6 == 1 and flg & 0x02 == 0 and bd & 0x8F == 0, "lz4 descriptor")
    need(flg & 0x20, "lz4 blocks have to be independent")
    need(flg & 0x01 == 0, "lz4 dictionary")
    size = c.little(8) if flg & 0x08 else None
    want = xxh32(data[start:c.pos]) >> 8 & 0xFF
    need(c.little(1) == want, "lz4 header checksum")
    limit = 1 << (8 + 2 * (bd >> 4))
    while True:
        n = c.little(4)
        if n == 0:
            break
        stored, n = n >> 31, n & 0x7FFFFFFF
        need(n <= limit, "lz4 block size")
        raw = c.take(n)
        if flg & 0x10:
            need(c.little(4) == xxh32(raw), "lz4 block checksum")
        block = raw if stored else read_lz4_block(raw)
        need(len(block) <= limit, "lz4 block size")
        out += block
    if flg & 0x04:
        need(c.little(4) == xxh32(out), "lz4 content checksum")
    need(size in (None, len(out)), "lz4 content size")
    need(not c.left(), "bytes after the lz4 frame")
    return out


def read_zstd(data):
    c, out = Cursor(data), b""
    need(c.little(4) == 0xFD2FB528, "zstd magic")
    fhd = c.little(1)
    single, checksum = fhd >> 5 & 1, fhd >> 2 & 1
    need(fhd & 0x1B == 0, "zstd reserved bits or dictionary")
    window = None
    if not single:
        w = c.little(1)
        window = (1 << (10 + (w >> 3))) // 8 * (8 + (w & 7))
    width = (1 if single else 0, 2, 4, 8)[fhd >> 6]
    size = c.little(width) + (256 if width == 2 else 0) if width else None
    limit = min(size if window is None else window, 128 * 1024)
    while True:
        head = c.little(3)
        kind, n = head >> 1 & 3, head >> 3
        need(n <= limit, "zstd block size")
        if kind == 0:
            out += c.take(n)
        elif kind == 1:
            out += c.take(1) * n
        elif kind == 2:
            raise NeedTool("zstd")  # entropy coding is left to the program
        else:
            raise Bad("zstd block type")
        if head & 1:
            break
    need(not checksum, "no zstd checksum expected in a raw frame")
    need(size in (None, len(out)), "zstd content size")
    need(not c.left(), "bytes after the zstd frame")
    return out


def read_gzip(data):
    return gzip.decompress(data)


READERS = {1: read_gzip, 2: read_snappy, 3: read_lz4, 4: read_zstd}


def unpack(codec_number, payload):
    try:
        return READERS[codec_number](payload)
    except NeedTool as e:
        if not have_tool(str(e)):
            raise
        return run_tool(str(e), 1, payload)


def read_batch(data):
    """Returns (list of defects, description, payload, plain records)."""
    defects = []
    c = Cursor(data)
    base_offset, length = c.big(8), c.big(4)
    if length != c.left():
        return ["truncated" if length > c.left() else "trailing"], None, None, None
    epoch, magic, crc = c.big(4), c.big(1), int.from_bytes(c.take(4), "big")
    if magic != 2:
        defects.append("wrong-magic")
    if crc != crc32c_long_division(data[21:]):
        defects.append("wrong-crc")
    attributes, last_delta = c.big(2), c.big(4)
    base_ts, max_ts = c.big(8), c.big(8)
    pid, pepoch, seq, count = c.big(8), c.big(2), c.big(4), c.big(4)
    need(c.pos == 61, "header size")
    if attributes & 0x20:
        defects.append("control-bit")
    need(attributes & ~0x27 == 0, "unexpected attribute bits")
    number = attributes & 7
    payload = c.take(c.left())
    plain = unpack(number, payload) if number else payload
    r, records, delta = Cursor(plain), [], -1
    while r.left():
        one = Cursor(r.take(r.zigzag()))
        need(one.big(1) == 0, "record attributes")
        ts, delta = base_ts + one.zigzag(64), one.zigzag()
        key, value, headers = one.blob(), one.blob(), []
        for _ in range(one.zigzag()):
            name = one.blob()
            headers.append([name.decode("utf-8"), b64(one.blob())])
        need(not one.left(), "bytes left in a record")
        need(delta == len(records), "offset deltas have to count up")
        records.append({"offset": base_offset + delta, "timestamp": ts, "key": b64(key),
                        "value": b64(value), "headers": headers})
    if count != len(records):
        defects.append("wrong-count")
    if last_delta != delta:
        defects.append("last-offset-delta")
    need(base_ts == records[0]["timestamp"], "baseTimestamp")
    need(max_ts == max(x["timestamp"] for x in records), "maxTimestamp")
    description = {
        "codec": {v: k for k, v in CODECS.items()}[number],
        "baseOffset": base_offset, "leaderEpoch": epoch, "lastOffsetDelta": last_delta,
        "baseTimestamp": base_ts, "maxTimestamp": max_ts, "producerId": pid,
        "producerEpoch": pepoch, "baseSequence": seq, "records": records,
    }
    return defects, description, payload, plain


def self_test():
    """Published check values of the primitives."""
    assert crc32c(b"123456789") == crc32c_long_division(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert xxh32(b"") == 0x02CC5D05
    assert xxh32(b"abc") == 0x32D153FF
    assert xxh32(b"Nobody inspects the spammish repetition") == 0xE2293B2F
    assert [varint(n) for n in (0, -1, 1, -64, 64, 150)] == [
        b"\x00", b"\x01", b"\x02", b"\x7f", b"\x80\x01", b"\xac\x02"]
    for key, want in MURMUR2.items():
        assert murmur2(key.encode()) == want, key


def write_all():
    for name, (_, data) in all_files().items():
        if data is None:
            print(f"kept     {name} (program missing)")
        else:
            (HERE / name).write_bytes(data)
            print(f"wrote    {name} ({len(data)} bytes)")


def check_all():
    failures = []

    def fail(name, why):
        failures.append(name)
        print(f"FAIL     {name}: {why}")

    files = all_files()
    for name, (kind, data) in files.items():
        path = HERE / name
        if not path.is_file():
            fail(name, "not there")
        elif data is None:
            print(f"skipped  {name}: program missing, bytes not compared")
        elif path.read_bytes() != data:
            if kind == "plain":
                fail(name, "bytes differ from what make.py writes")
            else:
                print(f"note     {name}: other bytes than this machine's {kind} makes")
    for path in sorted(HERE.glob("*.bin")) + sorted(HERE.glob("*.json")):
        if path.name not in files:
            fail(path.name, "make.py does not know this file")
    if failures:
        return failures

    for name, (kind, codec, c, _, _) in GOOD.items():
        want = json.loads((HERE / f"{name}.json").read_bytes())
        how = []
        try:
            defects, got, payload, plain = read_batch((HERE / f"{name}.bin").read_bytes())
            if defects:
                fail(name, f"defects {defects}")
                continue
            for field in set(want) - {"name", "valid", "stream"} ^ set(got):
                fail(name, f"field {field} is on one side only")
            for field, value in got.items():
                if want.get(field) != value:
                    fail(name, f"{field} differs")
            how.append("decoded")
            if plain != write_records(c):
                fail(name, "plain records differ from the uncompressed form")
            if have_tool(codec):
                if run_tool(codec, 1, payload) != plain:
                    fail(name, f"{codec} program unpacks something else")
                how.append(f"{codec} program agrees")
            if name.endswith("-packed") and len(payload) * 2 > len(plain):
                fail(name, "hardly compressed")
        except NeedTool as e:
            print(f"skipped  {name}: {e} program missing, content not decoded")
            continue
        except (Bad, RuntimeError, ValueError, OSError, EOFError, zlib.error) as e:
            fail(name, repr(e))
            continue
        print(f"ok       {name}: {', '.join(how)}")

    for name in BAD:
        want = json.loads((HERE / f"{name}.json").read_bytes())
        try:
            defects = read_batch((HERE / f"{name}.bin").read_bytes())[0]
        except Bad as e:
            fail(name, repr(e))
            continue
        if want["valid"] or not want["reason"] or defects != [name]:
            fail(name, f"expected exactly its own defect, found {defects}")
        else:
            print(f"ok       {name}: refused, no other defect")

    for vector in json.loads((HERE / "murmur2.json").read_bytes()):
        if murmur2(vector["key"].encode()) != vector["hash"]:
            fail("murmur2.json", vector["key"])
    print("ok       murmur2.json")
    return failures


def main(args):
    if args not in ([], ["--check"]):
        sys.exit("usage: make.py [--check]")
    self_test()
    if not args:
        write_all()
        return 0
    failures = check_all()
    print(f"{len(failures)} failures" if failures else "all good")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
