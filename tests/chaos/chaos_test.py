#!/usr/bin/env python3
"""What the directories hold at the end, compared with what was read: differences are found."""
import os
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../e2e")]
import chaos  # noqa: E402
import cluster as c  # noqa: E402


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


if __name__ == "__main__":
    unittest.main()
