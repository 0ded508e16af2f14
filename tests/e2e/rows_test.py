#!/usr/bin/env python3
"""What rows rest on, seen to find what it should: no broker runs here."""
import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)


class Skips(unittest.TestCase):
    def test_rows_that_cannot_be_run_are_not_said_to_hold(self):
        done = subprocess.run([sys.executable, os.path.join(HERE, "network.py")],
                              env={"PATH": "/nowhere"}, stdout=subprocess.PIPE, text=True)
        self.assertEqual(77, done.returncode, done.stdout)
        self.assertIn("0 passed, 0 failed, 5 skipped", done.stdout)


if __name__ == "__main__":
    unittest.main()
