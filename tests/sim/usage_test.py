"""What strandlog-sim makes of its arguments: usage_test.py STRANDLOG_SIM."""
import subprocess
import sys
import unittest

SIM = sys.argv.pop()
OK, USAGE = 0, 2


class Usage(unittest.TestCase):
    def run_with(self, arguments, status):
        done = subprocess.run([SIM, *arguments.split()], capture_output=True, text=True,
                              timeout=600)
        self.assertEqual(done.returncode, status, arguments + "\n" + done.stderr)
        return done

    def test_help_is_printed_and_is_no_mistake(self):
        self.assertIn("usage:", self.run_with("--help", OK).stdout)

    def test_a_plan_keeps_a_client_some_time_and_only_strikes_that_it_has(self):
        for cut in ["clients=0", "clients=-1", "busy=-5", "busy=0", "busy=999", "strikes=100000",
                    "strikes=0,x", "topics=go"]:
            self.assertIn(f'"{cut}"', self.run_with("replay 3 " + cut, USAGE).stderr)

    def test_a_mutant_that_is_not_there_is_not_switched_on(self):
        for verb in ["mutants", "replay 3"]:
            self.assertIn("mutant", self.run_with(verb + " --only 99", USAGE).stderr)

    def test_runs_and_checks_have_no_mutants(self):
        for verb in ["run", "check no-such-file", "shrink 3"]:
            self.assertIn("--only is for", self.run_with(verb + " --only 1", USAGE).stderr)

    def test_the_same_seed_goes_another_way_when_something_is_left_out(self):
        short = "fingerprint 2 clients=1 busy=1000 strikes="
        again = self.run_with(short, OK).stdout
        self.assertEqual(self.run_with(short, OK).stdout, again)
        self.assertNotEqual(self.run_with(short.replace("1000", "2000"), OK).stdout, again)

    def test_a_replay_prints_the_same_bytes_again(self):
        short = "replay 2 clients=2 busy=20000"
        first, second = self.run_with(short, OK), self.run_with(short, OK)
        self.assertIn(" info ", first.stderr, "logs are part of it")
        self.assertEqual(second.stderr, first.stderr)
        self.assertEqual(second.stdout, first.stdout)


if __name__ == "__main__":
    unittest.main()
