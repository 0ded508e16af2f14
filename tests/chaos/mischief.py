"""Mischief: what is done to the brokers, one thing after the other, as a seed decides.

Times, kinds and victims come from the seed; what they meet depends on the machine. Every fault ends
by itself after a while. A broker that ends is started again; unasked, that is a finding.
"""
import collections
import dataclasses
import heapq
import math
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


@dataclasses.dataclass
class Asked:
    """What a broker was asked: to end with one of these codes, and until when."""
    codes: set
    seconds: float  # until it is started again
    until: float


class Mischief:
    def __init__(self, k, seed):
        self.k, self.dice = k, random.Random(seed)
        self.due = []  # (when, number, what); the number keeps the order of those at one time
        self.numbers = 0
        self.counts = collections.Counter()  # of what was done, by kind; not of what met nobody
        self.trouble = collections.Counter()  # faults under way, by broker
        self.asked = {}  # by broker
        self.rules = {}  # of disks, by broker: the kind, and the exit code it asks for
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
            elif self.is_ending(broker) and time.monotonic() > self.asked[broker].until:
                self.asked[broker].until = math.inf  # nothing is waited for any more
                self.findings.append(f"broker {broker} goes on {STOP_SECONDS} s after its end")

    def strike(self):
        """Each kind returns how much it did; a rule is counted when its call has come."""
        kind, one = self.dice.choice(self.kinds), self.victim()
        seconds = self.between(0.2, 5.0)
        effect = kind(one, seconds)
        self.counts[kind.__name__.replace("_", " ")] += effect
        self.later(self.between(*GAP_SECONDS), self.strike)

    def victim(self):
        draw, choice = self.dice.random(), self.dice.random()
        troubled = [b for b in self.k.all() if self.trouble[b]]
        among = list(self.k.all()) if draw < SECOND_VICTIM or not troubled else troubled
        return among[int(choice * len(among))]

    def hold(self, broker, seconds, undo):
        """The broker is in trouble until then; so something is done."""
        self.trouble[broker] += 1

        def end():
            self.trouble[broker] -= 1
            undo()
        self.later(seconds, end)
        return True

    def ended(self, broker):
        code = self.k.processes[broker].returncode
        self.withdraw(broker)
        asked = self.asked.pop(broker, Asked(set(), 1.0, 0.0))
        if code not in asked.codes:
            self.findings.append(
                f"broker {broker} ended with {code}, asked for {asked.codes or 'none'}")
        self.down.add(broker)
        self.hold(broker, asked.seconds, lambda: self.start(broker))

    def ask(self, broker, code, seconds, patience=STOP_SECONDS):
        """It may end with this code from now on, and must after that."""
        codes = self.asked[broker].codes if broker in self.asked else set()
        self.asked[broker] = Asked(codes | {code}, seconds, time.monotonic() + patience)

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
            self.withdraw(broker)
        self.turn()
        while any(self.is_ending(b) for b in self.k.all()):
            time.sleep(0.05)
            self.turn()
        for broker in self.k.all():
            self.start(broker)

    def is_ending(self, broker):
        asked = self.asked.get(broker)
        return asked is not None and asked.until < math.inf and self.k.is_up(broker)

    # ----------------------------------------------------------------------------------- processes

    def kill(self, one, seconds):
        if not self.k.is_up(one):
            return False
        self.ask(one, -signal.SIGKILL, seconds)
        self.k.kill(one)
        return True

    def kill_all(self, _, seconds):
        return any([self.kill(broker, seconds) for broker in self.k.all()])

    def stop(self, one, seconds):
        if not self.k.is_up(one) or one in self.asked:
            return False
        self.ask(one, 0, seconds)
        self.k.signal(one, signal.SIGTERM)
        self.k.resume(one)
        return True

    def pause(self, one, seconds):
        if not self.k.is_up(one):
            return False
        self.k.pause(one)
        return self.hold(one, seconds, lambda: self.k.resume(one))

    # ---------------------------------------------------------------------------------------- disk

    def rule(self, kind, one, failpoint, action, seconds, code=None):
        """It waits for its call. With a code, only a kill is asked of the broker meanwhile."""
        if not self.k.is_up(one) or one in self.asked or one in self.rules:
            return 0
        if code is not None:
            self.ask(one, code, seconds, RULE_SECONDS + STOP_SECONDS)
        self.rules[one], process = (kind, code), self.k.processes[one]
        faults.set_rule(self.k.rule_file(one), self.k.data(one), failpoint, action)

        def expire():
            if self.k.processes[one] is process:
                self.withdraw(one)
        self.later(RULE_SECONDS, expire)
        return 0

    def withdraw(self, one):
        """The broker's rule waits no longer, if there is one; it is counted if its call came."""
        kind, code = self.rules.pop(one, (None, None))
        if kind is None:
            return
        if not faults.forget(self.k.rule_file(one)):
            self.counts[kind] += 1
        elif code is not None and self.k.is_up(one):
            self.asked.pop(one, None)

    def die_at_failpoint(self, one, seconds):
        action = self.dice.choice(("kill", "kill-after"))
        return self.rule("die at failpoint", one, self.dice.choice(DEADLY), action, seconds,
                         -signal.SIGKILL)

    def fail_disk(self, one, seconds):
        return self.rule("fail disk", one, self.dice.choice(FAIL_SAFE), "EIO", seconds, 1)

    def short_write(self, one, seconds):
        return self.rule("short write", one,
                         self.dice.choice(("journal-write", "segment-write")), "short", seconds)

    def stall_disk(self, one, seconds):
        return self.rule("stall disk", one,
                         self.dice.choice(("journal-flush", "segment-flush")),
                         f"stall={int(1000 * seconds)}", seconds)

    def fill_disk(self, _, seconds):
        """Within the reserve, or to the last byte or nearly; half of them must start like this."""
        one = self.dice.choice(sorted(self.k.volumes))
        volume = self.k.volumes[one]
        volume.leave_free(self.dice.choice((0, 1, 40)) * MIB)
        self.hold(one, 2 * seconds, lambda: volume.leave_free(None))
        if self.dice.random() < 0.5:
            self.kill(one, seconds)
        return True

    # ------------------------------------------------------------------------------------- network

    def isolate(self, one, seconds):
        return self.hold(one, seconds, self.k.net.isolate(one))

    def other(self, one):
        return self.dice.choice([b for b in self.k.all() if b != one])

    def cut_pair(self, one, seconds):
        return self.hold(one, seconds, self.k.net.cut(one, self.other(one)))

    def cut_one_way(self, one, seconds):
        hears = self.dice.random() < 0.5
        ends = [self.k.net.cut_one_way(*((one, other) if hears else (other, one)))
                for other in self.k.all() if other != one]
        return self.hold(one, seconds, self.k.net.together(*ends))

    def cut_clients(self, one, seconds):
        return self.hold(one, seconds, self.k.net.cut(one, apart.CLIENTS))

    def lose(self, one, seconds):
        self.k.net.lose(one, self.dice.choice((1, 5, 30)))
        return self.hold(one, seconds, lambda: self.k.net.lose(one, 0))

    def limit(self, one, seconds):
        self.k.net.limit(one, self.dice.choice(("1mbit", "5mbit", "50mbit")))
        return self.hold(one, seconds, lambda: self.k.net.limit(one, None))

    # ------------------------------------------------------------------------------------ the proxy

    def door(self):
        return self.k.doors[self.dice.choice(sorted(self.k.doors))]

    def delay(self, _, seconds):
        door = self.door()
        door.tell("delay", self.dice.choice((5, 50, 500)))
        self.later(seconds, lambda: door.tell("delay", 0))
        return True

    def stall(self, _, seconds):
        door = self.door()
        door.tell("stall", self.dice.choice(("in", "out")))
        self.later(seconds, lambda: door.tell("stall", "no"))
        return True

    def reset(self, *_):
        return self.door().tell("reset") > 0

    def replay(self, *_):
        return self.door().tell("replay") > 0
