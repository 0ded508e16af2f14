#!/usr/bin/env python3
"""What rows rest on, seen to find what it should: no broker runs here."""
import json
import os
import subprocess
import sys
import time
import unittest
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import cluster as c  # noqa: E402
import load  # noqa: E402


class Skips(unittest.TestCase):
    def test_rows_that_cannot_be_run_are_not_said_to_hold(self):
        done = subprocess.run([sys.executable, os.path.join(HERE, "network.py")],
                              env={"PATH": "/nowhere"}, stdout=subprocess.PIPE, text=True)
        self.assertEqual(77, done.returncode, done.stdout)
        self.assertIn("0 passed, 0 failed, 5 skipped", done.stdout)


class Loads(unittest.TestCase):
    def setUp(self):
        self.load = load.Load(mock.Mock(path=lambda name: "/nowhere/" + name), partitions=2)

    def test_what_was_under_way_before_is_no_flow(self):
        asked_us = time.monotonic_ns() // 1000
        with mock.patch.object(c, "wait_for") as wait_for:
            self.load.flows()
        flows = wait_for.call_args.args[1]
        later_us = time.monotonic_ns() // 1000 + 1
        for newest_us, flow in (([asked_us - 1, asked_us - 1], False),
                                ([later_us, 0], False), ([later_us, later_us], True)):
            self.load.totals = {"acked": 5000, "newest_us": newest_us}
            self.assertEqual(flow, flows(), newest_us)

    def judged(self, **figures):
        verdict = {"acked": 1, "failed": 0, "lost": 0, "reordered": 0, "twice": 0, "seen": 1,
                   "possible_duplicates": 0, "longest_gap_ms": 0, "ends": 1, "broken": {},
                   "violations": [], **figures}
        done = mock.Mock(returncode=0, stdout=json.dumps(verdict), stderr=b"")
        with mock.patch.object(os, "listdir", return_value=[]), \
                mock.patch.object(subprocess, "run", return_value=done):
            self.load.check()

    def test_a_history_that_nobody_read_beside_proves_nothing(self):
        self.judged()
        for nothing in ("seen", "ends"):
            with self.assertRaises(c.Failed, msg=nothing):
                self.judged(**{nothing: 0})


if __name__ == "__main__":
    unittest.main()
