"""A disk that is full: what was taken is read, nothing more is taken, and it goes on later."""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time

import cluster as c
import processes
from meanwhile import Meanwhile, MIB

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
        cpu = processes.cpu_seconds(disk.broker.pid)
        time.sleep(1)
        cpu = processes.cpu_seconds(disk.broker.pid) - cpu
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


ROWS = (full_disk_still_reads, full_disk_is_started_on, full_disk_keeps_its_reserve,
        full_disk_is_not_healthy, freed_disk_writes_again, produce_can_be_interrupted)
