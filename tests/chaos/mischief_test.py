#!/usr/bin/env python3
"""Mischief among brokers that are no processes, at a time that stands still: what it finds, counts."""
import os
import signal
import sys
import tempfile
import unittest
from unittest import mock

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../e2e")]
import faults  # noqa: E402
import mischief  # noqa: E402
import netns  # noqa: E402


class Brokers:
    """Three; each lives until `end`, whatever it is asked."""
    doors, volumes = {}, {}

    def __init__(self, work):
        self.work, self.net = work, netns.Net([1, 2, 3, "clients"])
        self.processes = {}
        for broker in self.all():
            self.start(broker)

    def all(self):
        return range(1, 4)

    def start(self, broker):
        if not self.is_up(broker):
            self.processes[broker] = mock.Mock(returncode=None)

    def is_up(self, broker):
        return broker in self.processes and self.processes[broker].returncode is None

    def end(self, broker, code):
        self.processes[broker].returncode = code

    def kill(self, broker):
        self.end(broker, -signal.SIGKILL)

    def signal(self, broker, number=None):
        pass

    pause = resume = signal

    def rule_file(self, broker):
        return os.path.join(self.work, f"rule-{broker}")

    def data(self, broker):
        return os.path.join(self.work, f"data-{broker}")


class Clock:
    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Test(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.clock = Clock()
        for patch in (mock.patch.object(mischief, "time", self.clock),
                      mock.patch.object(netns, "run")):
            patch.start()
            self.addCleanup(patch.stop)
        self.k = Brokers(work.name)
        self.mischief = mischief.Mischief(self.k, 1)
        self.mischief.due.clear()  # no strikes but those of the test

    def turn_after(self, seconds):
        self.clock.now += seconds
        self.mischief.turn()

    def call_comes(self, broker):
        self.assertTrue(faults.forget(self.k.rule_file(broker)))

    def counted(self):
        return {kind: count for kind, count in self.mischief.counts.items() if count}

    # ------------------------------------------------------------------------------- findings

    def test_a_broker_that_never_ends_is_found_in_the_middle(self):
        self.mischief.stop(1, 1.0)
        self.turn_after(mischief.STOP_SECONDS + 1)
        self.turn_after(1)
        self.assertEqual(1, len(self.mischief.findings))

    def test_a_broker_that_never_ends_is_found_although_all_is_healed_meanwhile(self):
        self.mischief.stop(1, 1.0)
        self.mischief.heal()
        self.assertIn("broker 1 goes on", " ".join(self.mischief.findings))

    def test_a_broker_whose_disk_failed_must_end_before_all_is_well(self):
        self.mischief.fail_disk(1, 1.0)
        self.call_comes(1)
        self.mischief.heal()
        self.assertIn("broker 1 goes on", " ".join(self.mischief.findings))

    def test_a_broker_may_live_when_its_rule_met_no_call(self):
        self.mischief.fail_disk(1, 1.0)
        self.mischief.heal()
        self.assertEqual([], self.mischief.findings)
        self.assertEqual({}, self.mischief.asked)

    def test_a_kill_beside_a_rule_that_expires_is_still_a_kill(self):
        self.mischief.fail_disk(1, 1.0)
        self.clock.now += mischief.RULE_SECONDS - 1
        self.mischief.kill(1, 1.0)
        self.turn_after(2)
        self.assertEqual([], self.mischief.findings)

    def test_one_rule_waits_at_a_time(self):
        self.mischief.stall_disk(1, 1.0)
        self.turn_after(mischief.RULE_SECONDS - 1)
        self.mischief.fail_disk(1, 1.0)
        self.turn_after(2)
        self.assertEqual({}, self.mischief.asked)

    # --------------------------------------------------------------------------------- counts

    def strike(self, kind):
        self.mischief.kinds = [kind]
        self.mischief.strike()

    def test_a_strike_that_meets_nobody_is_not_counted(self):
        for broker in self.k.all():
            self.k.kill(broker)
        m = self.mischief
        for kind in (m.kill, m.kill_all, m.stop, m.pause, m.fail_disk, m.stall_disk):
            self.strike(kind)
        self.assertEqual({}, self.counted())

    def test_a_rule_is_counted_when_its_call_has_come(self):
        self.strike(self.mischief.short_write)
        self.assertEqual({}, self.counted())
        self.call_comes(next(iter(self.mischief.rules)))
        self.turn_after(mischief.RULE_SECONDS + 1)
        self.assertEqual({"short write": 1}, self.counted())

    def test_a_rule_whose_call_never_came_is_not_counted(self):
        self.strike(self.mischief.short_write)
        self.turn_after(mischief.RULE_SECONDS + 1)
        self.assertEqual({}, self.counted())

    def test_a_strike_that_meets_somebody_is_counted(self):
        self.strike(self.mischief.kill)
        self.strike(self.mischief.isolate)
        self.assertEqual({"kill": 1, "isolate": 1}, self.counted())

    # ----------------------------------------------------------------------------------- cuts

    def test_one_cut_goes_on_when_another_one_ends(self):
        self.mischief.isolate(1, 5.0)
        self.mischief.cut_clients(1, 1.0)
        self.turn_after(2)
        self.assertEqual(6, len(+self.k.net.cuts))
        self.turn_after(4)
        self.assertEqual(0, len(+self.k.net.cuts))


if __name__ == "__main__":
    unittest.main()
