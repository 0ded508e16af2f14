#!/usr/bin/env python3
"""Feeds tidy.py bad lines and sees each refused, and good ones and sees them pass."""
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tidy  # noqa: E402

FIRST = "// What this file is for.\n"

# (path, line that must be refused, a word of the reason)
REFUSED = [
    # layers
    ("raft/group.cc", '#include "store/journal.h"', "may not include store"),
    ("raft/group.cc", '#include "wire/codec.h"', "may not include wire"),
    ("store/journal.cc", '#include "raft/group.h"', "may not include raft"),
    ("base/log.cc", '#include "raft/group.h"', "may not include raft"),
    ("wire/codec.cc", '#include "broker/shard.h"', "may not include broker"),
    ("broker/shard.cc", '#include "client/core.h"', "may not include client"),
    ("broker/shard.cc", '#include "tests/sim/cluster.h"', "may not include tests/sim"),
    ("client/core.cc", '#include "store/journal.h"', "may not include store"),
    ("tools/topic.cc", '#include "wire/codec.h"', "may not include wire"),
    ("tools/topic.cc", '#include "store/journal.h"', "may not include store"),
    ("tools/log_verify.cc", '#include "broker/shard.h"', "may not include broker"),
    ("tools/sim/main.cc", '#include "tests/e2e/cluster.h"', "may not include tests"),
    ("examples/hello.cc", '#include "broker/shard.h"', "may not include broker"),
    ("client/include/strandlog/producer.h", '#include "base/result.h"', "may not include base"),
    ("client/include/strandlog/producer.h", "#include <unistd.h>", "not known"),
    ("raft/group.cc", '#include "group.h"', "from the root"),
    ("raft/group.cc", '# include  "../store/journal.h"', "from the root"),
    # libraries
    ("wire/codec.cc", "#include <zmq.hpp>", "ZeroMQ lives in wire/zmq_transport.cc"),
    ("client/runtime.cc", "#include <zmq.h>", "ZeroMQ"),
    ("wire/zmq_transport.cc", "#include <capnp/message.h>", "Cap'n Proto"),
    ("wire/codec.h", "#include <capnp/message.h>", "Cap'n Proto"),
    ("broker/shard.cc", '#include "wire/schema/produce.capnp.h"', "Cap'n Proto"),
    ("store/journal.cc", "#include <rocksdb/db.h>", "RocksDB"),
    ("store/segment.cc", "#include <zstd.h>", "compression"),
    ("store/segment.cc", "#include <lz4frame.h>", "compression"),
    ("base/result.h", "#include <fmt/format.h>", "fmt"),
    ("broker/main.cc", "#include <spdlog/spdlog.h>", "spdlog"),
    ("tools/main.cc", "#include <boost/program_options.hpp>", "Program_options"),
    ("broker/admin.cc", "#include <nlohmann/json.hpp>", "nlohmann"),
    ("base/check.cc", "#include <gtest/gtest.h>", "GoogleTest"),
    ("broker/admin.cc", "#include <boost/asio.hpp>", "not known"),
    # what makes a run unrepeatable
    ("broker/shard.cc", "std::this_thread::yield();", "this_thread"),
    ("broker/shard.cc", "  std::jthread t(run);", "thread"),
    ("store/journal.cc", "std::thread t(run);", "thread"),
    ("client/core.cc", "sleep_for(10ms);", "sleep"),
    ("client/core.cc", "usleep(10);", "sleep"),
    ("raft/group.cc", "std::random_device device;", "random_device"),
    ("raft/group.cc", "int n = rand();", "rand"),
    ("raft/group.cc", "auto t = Clock::now();", "clock"),
    ("raft/group.cc", "Time t = Clock::now();", "clock"),
    ("raft/group.cc", "using C = std::chrono::steady_clock;", "clock"),
    ("broker/shard.cc", "auto t = time(nullptr);", "time()"),
    ("broker/shard.cc", "gettimeofday(&tv, nullptr);", "gettimeofday"),
    ("tests/raft/group_test.cc", "clock_gettime(CLOCK_REALTIME, &ts);", "clock_gettime"),
    ("tests/raft/group_test.cc", "std::thread t(run);", "thread"),
    # order
    ("broker/catalog.cc", "std::unordered_map<int, int> topics_;", "order never escapes"),
    ("raft/host.h", "std::unordered_set<int> awake_;  // fast", "order never escapes"),
    # markers
    ("base/log.cc", "// TO" "DO: later", "marker"),
    ("base/log.cc", "// FIX" "ME(me): later", "marker"),
]

PASSED = [
    ("raft/group.cc", '#include "raft/log_view.h"'),
    ("raft/group.cc", '#include "base/ids.h"'),
    ("broker/shard.cc", '#include "raft/host.h"'),
    ("client/core.cc", '#include "strandlog/producer.h"'),
    ("client/include/strandlog/producer.h", '#include "strandlog/result.h"'),
    ("client/include/strandlog/producer.h", "#include <string>"),
    ("tools/log_verify.cc", '#include "store/journal.h"'),
    ("tools/sim/main.cc", '#include "tests/sim/cluster.h"'),
    ("tools/topic.cc", "#include <nlohmann/json.hpp>"),
    ("tools/topic.cc", "#include <strandlog/admin.h>"),
    ("wire/zmq_transport.cc", "#include <zmq.hpp>"),
    ("wire/codec.cc", "#include <capnp/message.h>"),
    ("wire/codec_common.h", "#include <capnp/message.h>"),
    ("wire/codec_raft.cc", '#include "wire/schema/raft.capnp.h"'),
    ("store/rocks_state_store.cc", "#include <rocksdb/db.h>"),
    ("base/options.cc", "#include <boost/program_options.hpp>"),
    ("store/posix_disk.cc", "#include <sys/stat.h>"),
    ("store/posix_disk.cc", "std::thread thread_;"),
    ("tests/sim/fakes.cc", '#include "broker/shard.h"'),
    ("tests/wire/codec_test.cc", "#include <zmq.hpp>"),
    ("tests/sim/fakes.cc", "Time FakeClock::now() { return now_; }"),
    ("tests/wire/zmq_transport_test.cc", "std::this_thread::yield();"),
    ("broker/shard.cc", "// std::thread is banned here"),
    ("broker/shard.cc", 'log("std::thread, rand() and 1\'000");'),
    ("broker/shard.cc", "Time t = clock_.now();"),
    ("broker/shard.cc", "append_time(0); last.time(0); operand();"),
    ("raft/group.cc", "uint64_t n = 1'000'000;"),
    ("base/log.cc", "// TO" "DO(perf): later"),
    ("raft/host.h", "std::unordered_map<int, int> by_id_;  // order never escapes: looked up only"),
    ("base/mailbox.h", "#include <unordered_map>"),
]


def offences(path, line):
    return [o.what for o in tidy.check_file(path, FIRST + line + "\n") if o.line == 2]


class Tidy(unittest.TestCase):
    def test_refuses_bad_lines(self):
        for path, line, reason in REFUSED:
            with self.subTest(path=path, line=line):
                self.assertIn(reason, " ".join(offences(path, line)))

    def test_passes_good_lines(self):
        for path, line in PASSED:
            with self.subTest(path=path, line=line):
                self.assertEqual(offences(path, line), [])

    def test_wants_a_first_comment(self):
        def bad(path, text):
            return [o.line for o in tidy.check_file(path, text)]

        self.assertEqual(bad("base/a.h", "#pragma once\n"), [1])
        self.assertEqual(bad("base/a.h", ""), [1])
        self.assertEqual(bad("base/a.cc", '#include "base/b.h"\n'), [1])
        self.assertEqual(bad("base/a.h", "// A thing.\n#pragma once\n"), [])
        self.assertEqual(bad("base/a.cc", '#include "base/a.h"\n'), [])

    def test_keeps_line_numbers_over_comments_and_raw_strings(self):
        text = FIRST + '/* std::thread\n */ auto s = R"x(\nrand()\n)x";\nint n = rand();\n'
        self.assertEqual([o.line for o in tidy.check_file("raft/a.cc", text)], [6])

    def test_finds_files_nobody_builds(self):
        lists = {
            "base/CMakeLists.txt": "strandlog_library(base SOURCES a.cc  # forgotten.cc\n b.cc)",
            "tests/CMakeLists.txt": "f(base/a_test.cc ${CMAKE_SOURCE_DIR}/tools/x.cc)",
        }
        paths = ["base/a.cc", "base/a.h", "base/b.cc", "base/forgotten.cc", "raft/a.cc",
                 "tests/base/a_test.cc", "tools/x.cc"]
        self.assertEqual([o.path for o in tidy.check_built(paths, lists)],
                         ["base/forgotten.cc", "raft/a.cc"])

    def test_finds_cases_without_a_mark_and_excuses_for_none(self):
        texts = {
            "raft/a.cc": 'mark<"raft 4: a">();\nmark<"raft 6: b">();\nmark<"raft: c">();\n',
            "tests/raft/a_test.cc": ("TEST(A, B) {  // case 4, thesis 3.3\n"
                                     "TEST(A, C) {  // cases 3 to 5, 7\n// in case it fails\n"),
            "tests/store/a_test.cc": "TEST(A, B) {  // case 9\n",
            "tools/sim/marks.cc": '{"raft 6: b", kWhy},\n{"raft 6: x", kWhy},\n',
        }
        self.assertEqual([(o.path, o.line, o.what.split()[-1]) for o in tidy.check_marks(texts)],
                         [("tests/raft/a_test.cc", 2, "3"), ("tests/raft/a_test.cc", 2, "5"),
                          ("tests/raft/a_test.cc", 2, "7"), ("tools/sim/marks.cc", 2, 'x"')])

    def test_measures_functions(self):
        body = "  if (x) {\n    call([] { return 1; });\n  }\n" * 20
        text = (FIRST + "namespace a {\nclass B {\n  int short_one() const { return 1; }\n};\n"
                "int B::long_one(int x) {\n" + body + "  return 0;\n}\n}  // namespace a\n")
        self.assertEqual(tidy.functions(tidy.code_only(text)),
                         [(4, 1, "short_one"), (6, 63, "B::long_one")])
        self.assertEqual(list(tidy.notes("base/a.cc", text)),
                         ["base/a.cc:6: B::long_one has 63 lines"])

    def test_fails_on_a_bad_tree_and_on_an_empty_one(self):
        with tempfile.TemporaryDirectory() as root:
            self.assertEqual(tidy.check_tree(root)[0], [])
            os.makedirs(os.path.join(root, "raft"))
            os.makedirs(os.path.join(root, "build-x", "raft"))
            for path in ("raft/a.cc", "build-x/raft/b.cc"):
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(FIRST + '#include "store/journal.h"\n')
            paths, found, _ = tidy.check_tree(root)
            self.assertEqual(paths, ["raft/a.cc"])
            self.assertEqual(sorted((o.path, o.line) for o in found),
                             [("raft/a.cc", 1), ("raft/a.cc", 2)])


if __name__ == "__main__":
    unittest.main()
