#!/usr/bin/env python3
"""What a run asks at its end is seen to find what it should; and what its report says."""
import argparse
import os
import sys
import tempfile
import unittest
from unittest import mock

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../e2e")]
import chaos  # noqa: E402
import cluster as c  # noqa: E402
import means  # noqa: E402


class Copies(unittest.TestCase):
    def test_every_copy_holds_what_was_read(self):
        chaos.compare({0: 3, 1: 3}, {0: [5, 5, 5], 1: [7, 7, 7]}, 12)

    def test_copies_that_differ_are_found(self):
        with self.assertRaises(c.Failed):
            chaos.compare({0: 3}, {0: [5, 5, 4]}, 5)

    def test_a_copy_that_is_missing_is_found(self):
        for found in ([5, 5], []):
            with self.assertRaises(c.Failed):
                chaos.compare({0: 3}, {0: found}, 5)

    def test_copies_that_are_not_what_was_read_are_found(self):
        with self.assertRaises(c.Failed):
            chaos.compare({0: 3}, {0: [5, 5, 5]}, 6)

    def test_a_replica_that_lags_is_not_whole(self):
        replica = {"state": "in_sync", "match": 9}
        for last, is_whole in (({**replica}, True), ({**replica, "match": 8}, False),
                               ({"state": "behind", "match": 9}, False)):
            partitions = [{"replicas": [replica, replica, last]}]
            self.assertEqual(is_whole, bool(chaos.whole(partitions)))


class Ends(unittest.TestCase):
    def test_a_client_that_gets_nowhere_after_the_faults_is_found(self):
        k, report = mock.Mock(all=lambda: [1]), {"findings": []}
        records = mock.Mock()
        chaos.settle(k, records, report)
        self.assertEqual([], report["findings"])
        records.flows.side_effect = c.Failed("not within 120 s")
        chaos.settle(k, records, report)
        self.assertEqual(["not within 120 s"], report["findings"])


class Floors(unittest.TestCase):
    MEANS = {"namespaces": [1, 2, 3], "faults_preloaded": [1, 2, 3], "proxied": [2],
             "volumes": {1: "tmpfs"}}

    def shortcomings(self, acked, minutes=10, brokers=3, clients=8, rate=1000, **less):
        asked = argparse.Namespace(minutes=minutes, brokers=brokers, clients=clients, rate=rate)
        return chaos.shortcomings(asked, {"history": {"acked": acked},
                                          "means": {**self.MEANS, **less}})

    def test_a_run_that_hardly_acknowledged_anything_is_found(self):
        self.assertEqual([], self.shortcomings(200_000))
        self.assertEqual(1, len(self.shortcomings(199_999)))
        self.assertEqual([], self.shortcomings(20_000, minutes=1))

    def test_a_run_is_not_asked_for_what_its_clients_may_not_send(self):
        self.assertEqual([], self.shortcomings(600, clients=1, rate=10))
        self.assertEqual(1, len(self.shortcomings(599, clients=1, rate=10)))

    def test_a_run_without_its_library_or_its_namespaces_is_found(self):
        for name in ("namespaces", "faults_preloaded"):
            self.assertIn("only [1, 3]", " ".join(self.shortcomings(200_000, **{name: [1, 3]})))

    def test_ten_minutes_say_whether_they_reached_what_was_asked(self):
        for acked, minutes, end in ((2_000_000, 10, "(asked 2000000 in 10 minutes: yes)"),
                                    (1_999_999, 10, "(asked 2000000 in 10 minutes: no)"),
                                    (100_000, 1, "100000, 100 a second")):
            report = {"history": {"acked": acked}, "minutes": minutes, "seconds": 1000}
            self.assertTrue(chaos.acknowledged(report).endswith(end), chaos.acknowledged(report))


class Means(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.proc = work.name
        for patch in (mock.patch.object(means, "PROC", self.proc),
                      mock.patch.object(means, "MOUNTS", os.path.join(self.proc, "mounts"))):
            patch.start()
            self.addCleanup(patch.stop)
        self.process("self", "net:[1]")
        with open(means.MOUNTS, "w") as mounts:
            mounts.write("none /data/1 tmpfs rw 0 0\n/dev/loop0 /data/2 ext4 rw 0 0\n")

    def process(self, name, network, maps=""):
        os.makedirs(os.path.join(self.proc, name, "ns"))
        os.symlink(network, os.path.join(self.proc, name, "ns/net"))
        with open(os.path.join(self.proc, name, "maps"), "w") as out:
            out.write(maps)

    def test_they_are_what_the_machine_says(self):
        self.process("1", "net:[2]", "7f00-7f01 r-xp 00000000 fe:00 9  /build/faults.so\n")
        self.process("2", "net:[3]", "7f00-7f01 r-xp 00000000 fe:00 9  /lib/libc.so.6\n")
        self.process("3", "net:[1]")
        k = mock.Mock(all=lambda: [1, 2, 3], pid=str, data="/data/{}".format, doors={3: None},
                      volumes={1: None, 2: None, 3: None})
        found = means.of(k)
        self.assertEqual({"namespaces": [1, 2], "faults_preloaded": [1], "proxied": [3],
                          "volumes": {1: "tmpfs", 2: "ext4 on /dev/loop0", 3: None}}, found)
        self.assertIn("broker 2: ext4 on /dev/loop0", means.words(found))
        self.assertIn("no broker on a loop device: no root", means.words(means.of(k, "no root")))


if __name__ == "__main__":
    unittest.main()
