"""Mischief: what is done to the brokers, one thing after the other, as a seed decides.

Times, kinds and victims come from the seed; what they meet depends on the machine. Every fault ends
by itself after a while. A broker that ends is started again; unasked, that is a finding.
"""
import collections
import heapq
import random
import signal
import time

import apart
import faults

GAP_SECONDS = (0.3, 2.5)  # between two strikes
MIB = 1 << 20
# Another broker is struck only so often while one is in trouble: else no majority is left to work.
SECOND_VICTIM = 0.2
FAIL_SAFE = ("journal-write", "journal-flush", "segment-write", "segment-flush")  # EIO ends it
DEADLY = (*FAIL_SAFE, "journal-grow", "journal-directory", "segment-directory", "state-write",
          "state-rename")
STOP_SECONDS, RULE_SECONDS = 30, 5


class Mischief:
    def __init__(self, k, seed):
        self.k, self.dice = k, random.Random(seed)
        self.due = []  # (when, number, what); the number keeps the order of those at one time
        self.numbers = 0
        self.counts = collections.Counter()
        self.trouble = collections.Counter()  # faults under way, by broker
        self.asked = {}  # brokers that were asked to end: exit codes, and seconds until the restart
        self.down = set()
        self.findings = []
        self.kinds = [self.kill, self.kill, self.kill_all, self.die_at_failpoint,
                      self.die_at_failpoint, self.fail_disk, self.short_write, self.stall_disk,
                      self.stop, self.pause, self.isolate, self.cut_pair, self.cut_one_way,
                      self.cut_clients, self.lose, self.limit]
        self.kinds += [self.fill_disk] * bool(k.volumes)
        self.kinds += [self.delay, self.stall, self.reset, self.replay] * bool(k.doors)
        self.later(self.between(*GAP_SECONDS), self.strike)

    # ------------------------------------------------------------------------------------- the run

    def between(self, low, high):
        return self.dice.uniform(low, high)

    def later(self, seconds, what):
        self.numbers += 1
        heapq.heappush(self.due, (time.monotonic() + seconds, self.numbers, what))

    def turn(self):
        """Does what is due and looks after the brokers; to be called often."""
        while self.due and self.due[0][0] <= time.monotonic():
            heapq.heappop(self.due)[2]()
        for broker in self.k.all():
            if broker not in self.down and not self.k.is_up(broker):
                self.ended(broker)

    def strike(self):
        kind, one = self.dice.choice(self.kinds), self.victim()
        seconds = self.between(0.2, 5.0)
        self.counts[kind.__name__.replace("_", " ")] += 1
        kind(one, seconds)
        self.later(self.between(*GAP_SECONDS), self.strike)

    def victim(self):
        draw, choice = self.dice.random(), self.dice.random()
        troubled = [b for b in self.k.all() if self.trouble[b]]
        among = list(self.k.all()) if draw < SECOND_VICTIM or not troubled else troubled
        return among[int(choice * len(among))]

    def hold(self, broker, seconds, undo):
        """The broker is in trouble until then."""
        self.trouble[broker] += 1

        def end():
            self.trouble[broker] -= 1
            undo()
        self.later(seconds, end)

    def ended(self, broker):
        code = self.k.processes[broker].returncode
        wanted, seconds = self.asked.pop(broker, (set(), 1.0))
        if code not in wanted:
            self.findings.append(f"broker {broker} ended with {code}, asked for {wanted or 'none'}")
        faults.forget(self.k.rule_file(broker))
        self.down.add(broker)
        self.hold(broker, seconds, lambda: self.start(broker))

    def ask(self, broker, code, seconds):
        """It may end with this code from now on."""
        self.asked[broker] = (self.asked.get(broker, (set(),))[0] | {code}, seconds)

    def start(self, broker):
        self.down.discard(broker)
        self.k.start(broker)

    def heal(self):
        """Ends everything at once; the brokers are up afterwards."""
        self.due.clear()
        self.k.net.heal()
        for door in self.k.doors.values():
            door.tell("delay", 0)
            door.tell("stall", "no")
        for volume in self.k.volumes.values():
            volume.leave_free(None)
        for broker in self.k.all():
            self.k.resume(broker)
            faults.forget(self.k.rule_file(broker))
        give_up = time.monotonic() + STOP_SECONDS
        while any(self.is_ending(b) for b in self.k.all()) and time.monotonic() < give_up:
            time.sleep(0.05)
        self.turn()
        for broker in self.k.all():
            self.start(broker)

    def is_ending(self, broker):
        return 0 in self.asked.get(broker, (set(),))[0] and self.k.is_up(broker)

    # ----------------------------------------------------------------------------------- processes

    def kill(self, one, seconds):
        if self.k.is_up(one):
            self.ask(one, -signal.SIGKILL, seconds)
            self.k.kill(one)

    def kill_all(self, _, seconds):
        for broker in self.k.all():
            self.kill(broker, seconds)

    def stop(self, one, seconds):
        if self.k.is_up(one) and one not in self.asked:
            self.ask(one, 0, seconds)
            self.k.signal(one, signal.SIGTERM)
            self.k.resume(one)
            process = self.k.processes[one]
            self.later(STOP_SECONDS, lambda: process.poll() is None and self.findings.append(
                f"broker {one} goes on {STOP_SECONDS} s after SIGTERM"))

    def pause(self, one, seconds):
        self.k.pause(one)
        self.hold(one, seconds, lambda: self.k.resume(one))

    # ---------------------------------------------------------------------------------------- disk

    def rule(self, one, failpoint, action, seconds, code=None):
        """It waits for its call, and nothing else is asked of the broker meanwhile but a kill."""
        if not self.k.is_up(one) or one in self.asked:
            return
        if code is not None:
            self.ask(one, code, seconds)
        file, process = self.k.rule_file(one), self.k.processes[one]
        faults.set_rule(file, self.k.data(one), failpoint, action)

        def expire():
            unused = self.k.processes[one] is process and faults.forget(file)
            if unused and code is not None:
                self.asked.pop(one, None)
        self.later(RULE_SECONDS, expire)

    def die_at_failpoint(self, one, seconds):
        action = self.dice.choice(("kill", "kill-after"))
        self.rule(one, self.dice.choice(DEADLY), action, seconds, -signal.SIGKILL)

    def fail_disk(self, one, seconds):
        self.rule(one, self.dice.choice(FAIL_SAFE), "EIO", seconds, 1)

    def short_write(self, one, seconds):
        self.rule(one, self.dice.choice(("journal-write", "segment-write")), "short", seconds)

    def stall_disk(self, one, seconds):
        self.rule(one, self.dice.choice(("journal-flush", "segment-flush")),
                  f"stall={int(1000 * seconds)}", seconds)

    def fill_disk(self, _, seconds):
        """Within the reserve, or to the last byte or nearly; half of them must start like this."""
        one = self.dice.choice(sorted(self.k.volumes))
        volume = self.k.volumes[one]
        volume.leave_free(self.dice.choice((0, 1, 40)) * MIB)
        self.hold(one, 2 * seconds, lambda: volume.leave_free(None))
        if self.dice.random() < 0.5:
            self.kill(one, seconds)

    # ------------------------------------------------------------------------------------- network

    def isolate(self, one, seconds):
        self.hold(one, seconds, self.k.net.isolate(one))

    def other(self, one):
        return self.dice.choice([b for b in self.k.all() if b != one])

    def cut_pair(self, one, seconds):
        self.hold(one, seconds, self.k.net.cut(one, self.other(one)))

    def cut_one_way(self, one, seconds):
        hears = self.dice.random() < 0.5
        ends = [self.k.net.cut_one_way(*((one, other) if hears else (other, one)))
                for other in self.k.all() if other != one]
        self.hold(one, seconds, self.k.net.together(*ends))

    def cut_clients(self, one, seconds):
        self.hold(one, seconds, self.k.net.cut(one, apart.CLIENTS))

    def lose(self, one, seconds):
        self.k.net.lose(one, self.dice.choice((1, 5, 30)))
        self.hold(one, seconds, lambda: self.k.net.lose(one, 0))

    def limit(self, one, seconds):
        self.k.net.limit(one, self.dice.choice(("1mbit", "5mbit", "50mbit")))
        self.hold(one, seconds, lambda: self.k.net.limit(one, None))

    # ------------------------------------------------------------------------------------ the proxy

    def door(self):
        return self.k.doors[self.dice.choice(sorted(self.k.doors))]

    def delay(self, _, seconds):
        door = self.door()
        door.tell("delay", self.dice.choice((5, 50, 500)))
        self.later(seconds, lambda: door.tell("delay", 0))

    def stall(self, _, seconds):
        door = self.door()
        door.tell("stall", self.dice.choice(("in", "out")))
        self.later(seconds, lambda: door.tell("stall", "no"))

    def reset(self, *_):
        self.door().tell("reset")

    def replay(self, *_):
        self.door().tell("replay")
