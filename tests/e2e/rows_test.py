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
        self.load = load.Load(mock.Mock(path=lambda name: "/nowhere/" + name, inside=[]), partitions=2)

    def test_what_was_under_way_before_is_no_flow(self):
        asked_us = time.monotonic_ns() // 1000
        with mock.patch.object(c, "wait_for") as wait_for:
            self.load.flows()
        flows = wait_for.call_args.args[1]
        later_us = time.monotonic_ns() // 1000 + 1
        old, new, partly = [asked_us - 1, asked_us - 1], [later_us, later_us], [later_us, 0]
        for clients, flow in (([], False), ([old], False), ([partly], False), ([new], True),
                              ([new, partly], False), ([new, old], False), ([new, new], True)):
            self.load.clients = [{"newest_us": newest_us} for newest_us in clients]
            self.assertEqual(flow, bool(flows()), clients)

    def judged(self, code=0, **figures):
        verdict = {"acked": 1, "failed": 0, "lost": 0, "reordered": 0, "twice": 0, "seen": 1,
                   "possible_duplicates": 0, "longest_gap_ms": 0, "ends": 1, "broken": {},
                   "violations": [], "unfinished": [], "unread": {}, **figures}
        done = mock.Mock(returncode=code, stdout=json.dumps(verdict), stderr=b"")
        with mock.patch.object(os, "listdir", return_value=[]), \
                mock.patch.object(subprocess, "run", return_value=done):
            return self.load.check()

    def test_a_broken_invariant_is_found(self):
        self.assertEqual([], self.judged())
        self.assertIn("I1 of x", self.judged(1, broken={"I1": 1}, violations=["I1 of x"]))

    def test_a_history_that_nobody_read_beside_proves_nothing(self):
        for nothing in ("seen", "ends"):
            self.assertIn("were read", " ".join(self.judged(**{nothing: 0})), nothing)

    def test_a_client_or_a_follower_that_got_nowhere_in_the_end_is_found(self):
        self.assertEqual(["the last record of client 3 in partition 1 was not acknowledged"],
                         self.judged(unfinished=[[3, 1]]))
        self.assertEqual(["the last 7 records of partition 1 came to no follower"],
                         self.judged(unread={"1": 7}))

    def test_a_patient_client_that_failed_is_found(self):
        for patient, failed, refused, found in ((True, 0, 0, 0), (False, 5, 5, 0),
                                                (True, 1, 0, 1), (True, 0, 1, 1)):
            self.load.clients = [{"patient": patient, "failed": failed, "refused": refused,
                                  "first_error": "kTimeout: no answer"}]
            self.assertEqual(found, len(self.judged()), self.load.clients)

    def test_a_load_that_failed_is_judged_all_the_same(self):
        self.load.process, self.load.thread = mock.Mock(), mock.Mock()
        self.load.process.wait.return_value = 1
        self.load.complaints = lambda: "follower-1: no further"
        self.load.errors = None
        with mock.patch.object(subprocess, "run", return_value=mock.Mock(returncode=0)), \
                mock.patch.object(self.load, "check", return_value=["I1 of x"]), \
                self.assertRaisesRegex(c.Failed, "follower-1: no further\nI1 of x"):
            self.load.finish()


if __name__ == "__main__":
    unittest.main()
