"""A small TCP proxy in front of a broker: delays, stalls, resets, and says old things again.

As a program it forwards LISTEN to TARGET and does what it reads from stdin, a line each, answering
each with the number of connections it concerned:

    delay MILLISECONDS    every piece waits so long, in both directions
    stall in|out|no       nothing goes to (in) or comes from (out) the target any more
    reset                 all connections end at once
    replay                what others said is said again on new connections, if they are heard
"""
import asyncio
import collections
import socket
import struct
import subprocess
import sys

PIECE, RECORD = 1 << 16, 1 << 20
RECORDS, LEAST_RECORD = 8, 200
GREETING = 64  # of ZeroMQ's protocol; a READY command of less than 256 bytes follows
ANSWER_SECONDS, HEAR_SECONDS = 2.0, 0.2
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: a reset instead of a polite end


class Proxy:
    def __init__(self, target):
        self.target, self.delay, self.stalled = target, 0.0, "no"
        self.moves = asyncio.Event()
        self.moves.set()
        self.open = {}  # the two writers of each connection, by its number
        self.records = collections.deque(maxlen=RECORDS)  # what clients said
        self.count = 0

    async def serve(self, reader, writer):
        try:
            there, to = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        self.count += 1
        number, record = self.count, bytearray()
        self.open[number] = (writer, to)
        self.records.append(record)
        await asyncio.gather(self.pump(reader, to, "in", record), self.pump(there, writer, "out"))
        self.open.pop(number, None)

    async def pump(self, reader, writer, direction, record=None):
        try:
            while data := await reader.read(PIECE):
                if record is not None and len(record) < RECORD:
                    record += data[:RECORD - len(record)]
                if self.delay:
                    await asyncio.sleep(self.delay)
                while self.stalled == direction:
                    self.moves.clear()
                    await self.moves.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # one side is gone: the other hears of it
        writer.close()

    def reset(self):
        for writers in self.open.values():
            for writer in writers:
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                           ABORT)
                writer.transport.abort()
        return len(self.open)

    async def say_again(self, record):
        """Whether the other side heard it all. Hands are shaken first: each step has an answer."""
        writer = None
        try:
            reader, writer = await asyncio.open_connection(*self.target)
            ready = GREETING + 2 + record[GREETING + 1]
            for begin, end in ((0, GREETING), (GREETING, ready), (ready, len(record))):
                writer.write(record[begin:end])
                await writer.drain()
                if end < len(record):
                    await asyncio.wait_for(reader.read(PIECE), ANSWER_SECONDS)
            try:
                return await asyncio.wait_for(reader.read(PIECE), HEAR_SECONDS) != b""
            except asyncio.TimeoutError:
                return True  # nobody showed it the door
        except OSError:
            return False
        finally:
            if writer:
                writer.transport.abort()

    async def obey(self, words):
        if words[0] == "delay":
            self.delay = int(words[1]) / 1000
        elif words[0] == "stall":
            self.stalled = words[1]
            self.moves.set()
        elif words[0] == "reset":
            return self.reset()
        elif words[0] == "replay":
            said = [bytes(record) for record in self.records if len(record) > LEAST_RECORD]
            return sum(await asyncio.gather(*map(self.say_again, said)))
        else:
            raise ValueError(f"unknown: {words}")
        return len(self.open)


def endpoint(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


async def main(listen, target):
    proxy = Proxy(endpoint(target))
    server = await asyncio.start_server(proxy.serve, *endpoint(listen))
    loop = asyncio.get_running_loop()
    print("listening", flush=True)
    # Its maker closes stdin, or is gone.
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(await proxy.obey(line.split()), flush=True)
    server.close()


class Door:
    """The proxy as a process; `inside` are the words in front of a command that runs there."""

    def __init__(self, inside, listen, target):
        self.process = subprocess.Popen([*inside, sys.executable, __file__, listen, target],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the proxy ended")
        return line.strip()

    def tell(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return int(self.answer())

    def close(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
