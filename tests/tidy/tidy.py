#!/usr/bin/env python3
"""Checks what a compiler cannot: layers, libraries in their one file, banned words, unbuilt files,
cases without a mark.

    tests/tidy/tidy.py [ROOT]        a line per offence and exit 1; long functions and files as notes
    tests/tidy/tidy.py --list        the C++ sources, one per line

The rules are the tables below; docs/ARCHITECTURE.md says why they are so.
"""
import os
import re
import sys
from collections import namedtuple
from fnmatch import fnmatchcase

Offence = namedtuple("Offence", "path line what")

# ------------------------------------------------------------------------------------- the tables

FOLDERS = ("base", "raft", "store", "wire", "broker", "client", "tools", "examples", "tests")

# Who may include whom, beside itself. The longest matching prefix of the path decides.
# "strandlog" stands for the public headers, client/include/strandlog.
ARROWS = {
    "base/": set(),
    "raft/": {"base"},
    "store/": {"base"},
    "wire/": {"base"},
    "broker/": {"raft", "store", "wire", "base"},
    "client/": {"wire", "base", "strandlog"},
    "client/include/strandlog/": {"strandlog"},
    "tools/": {"client", "base", "strandlog"},
    "tools/log": {"client", "base", "strandlog", "store"},
    "tools/sim": {"client", "base", "strandlog", "broker", "tests/sim"},
    "examples/": {"client", "base", "strandlog"},
    "examples/embed": {"client", "base", "strandlog", "broker"},
    "tests/": {"base", "raft", "store", "wire", "broker", "client", "strandlog", "tools", "tests"},
}

# Each library and the files that may include it; tests may include any.
LIBRARIES = [
    ("ZeroMQ", r"zmq\w*\.hp*", ["wire/zmq_transport.cc"]),
    ("Cap'n Proto", r"capnp/.*|kj/.*|.*\.capnp\.h", ["wire/codec*.cc", "wire/codec_*.h"]),
    ("RocksDB", r"rocksdb/.*", ["store/rocks_state_store.cc"]),
    ("a compression library", r"lz4\w*\.h|zstd\w*\.h|zlib\.h|snappy[\w-]*\.h",
     ["base/compression.cc"]),
    ("fmt or spdlog", r"fmt/.*|spdlog/.*", ["base/log.cc"]),
    ("Boost.Program_options", r"boost/program_options.*", ["base/options.cc"]),
    ("nlohmann-json", r"nlohmann/.*", ["tools/*"]),
    ("GoogleTest", r"gtest/.*|gmock/.*", []),
]

# Headers of C, POSIX, Linux and the compiler: everyone's, save in the client's public headers.
SYSTEM_HEADERS = (
    r"(sys|linux|netinet|arpa|net)/\w+\.h|"
    r"(assert|ctype|errno|float|inttypes|limits|math|signal|std(arg|bool|def|int|io|lib)|string|time|"
    r"fcntl|unistd|poll|pthread|sched|pwd|dirent|getopt|termios|spawn|glob|fenv|locale|"
    r"cxxabi|execinfo|malloc|fnmatch|netdb|libgen|ftw|grp|syscall|\w*intrin|cpuid)\.h"
)

# What makes a run unrepeatable: real time, threads, sleep, chance.
NONDETERMINISM = [
    (r"\bstd::this_thread\b", "std::this_thread"),
    (r"\bstd::j?thread\b", "a thread"),
    (r"\bstd::async\b", "std::async"),
    (r"\bpthread_create\b", "pthread_create"),
    (r"\bsleep_(for|until)\b", "a sleep"),
    (r"\b(u|nano|clock_nano)?sleep\s*\(", "a sleep"),
    (r"\bstd::random_device\b", "std::random_device"),
    (r"\bs?rand\s*\(", "rand"),
    (r"\b(getrandom|getentropy|arc4random\w*)\s*\(", "a random source"),
    (r"::now\s*\(", "a clock"),
    (r"\b(system|steady|high_resolution|utc|file)_clock\b", "a clock"),
    (r"(?<![\w.>])time\s*\(\s*(nullptr|NULL|0|&\w+)\s*\)", "time()"),
    (r"\bgettimeofday\b", "gettimeofday"),
    (r"\bclock_gettime\b", "clock_gettime"),
]
# The seams, and whatever stands outside a shard. A seam's own unit test may wait for it.
MAY_BE_REAL = (
    r"base/(system_env|mailbox)\..*|store/posix_disk\..*|wire/zmq_transport\..*|"
    r"client/runtime\.cc|broker/main\.cc|tools/.*|examples/.*|tests/(e2e|bench|chaos)/.*|"
    r"tests/\w+/(system_env|mailbox|posix_disk|zmq_transport|runtime)_test\.cc"
)
# Defining a fake clock's now() is not reading a real one.
NOW_DEFINED = r"^\s*Time\s+(\w+::)+now\s*\(\s*\)\s*(const\s*)?\{?"

ORDERED_FOLDERS = ("raft/", "store/", "wire/", "broker/", "client/")
ORDER_COMMENT = "// order never escapes"

MARKER = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b(?!\((perf|test|cleanup)\))")

LONG_FUNCTION, LONG_FILE = 60, 400

# -------------------------------------------------------------------------------------- reading


def is_build_folder(name):
    return name.startswith(".") or name == "build" or name.startswith("build-")


def walk(root, wanted):
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if not is_build_folder(f) and f != "__pycache__")
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), root)
            if wanted(path):
                yield path


def sources(root):
    """Every .h and .cc below our folders, relative to the root, sorted."""
    return [path for path in walk(root, lambda p: p.endswith((".h", ".cc")))
            if path.startswith(tuple(f + "/" for f in FOLDERS))]


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/|"
    r'R"(?P<tag>[^(\s]*)\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|'
    r"(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",
    re.S,
)


def code_only(text):
    """The text without comments and the insides of literals; lines stay where they are."""
    return TOKEN.sub(lambda m: ('""' if m.group()[0] in "\"R'" else " ") +
                     "\n" * m.group().count("\n"), text)


# -------------------------------------------------------------------------------------- includes

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def target_folder(header):
    """The folder a quoted header belongs to, or None when it is not written from the root."""
    if header.startswith("tests/sim/"):
        return "tests/sim"
    first = header.split("/")[0] if "/" in header else None
    return first if first in FOLDERS or first == "strandlog" else None


def allowed_folders(path):
    prefix = max((p for p in ARROWS if path.startswith(p)), key=len)
    own = "strandlog" if prefix == "client/include/strandlog/" else path.split("/")[0]
    allowed = ARROWS[prefix] | {own}
    return allowed | {"tests/sim"} if "tests" in allowed else allowed


def library_offence(path, header):
    """What is wrong with including a header that is not ours, or None."""
    if path.startswith("tests/"):
        return None
    for name, pattern, homes in LIBRARIES:
        if re.fullmatch(pattern, header):
            if any(fnmatchcase(path, home) for home in homes):
                return None
            where = " ".join(homes) or "tests/"
            return f"<{header}>: {name} lives in {where} alone"
    if "." not in header and "/" not in header:
        return None
    if re.fullmatch(SYSTEM_HEADERS, header) and not path.startswith("client/include/"):
        return None
    return f"<{header}> is not known here: a library needs a line here and in THIRD_PARTY.md"


def include_offence(path, quote, header):
    if re.fullmatch(r".*\.capnp\.h", header):
        return library_offence(path, header)
    folder = target_folder(header)
    if quote == "<" and folder != "strandlog":
        return library_offence(path, header)
    if folder is None:
        return f'"{header}": write includes from the root of the tree'
    if folder in allowed_folders(path):
        return None
    return f'"{header}": {path.split("/")[0]} may not include {folder}'


# ------------------------------------------------------------------------------------ per file


def check_includes(path, lines):
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        what = include_offence(path, *match.groups()) if match else None
        if what:
            yield Offence(path, number, what)


def check_words(path, lines, code):
    real = re.fullmatch(MAY_BE_REAL, path)
    ordered = path.startswith(ORDERED_FOLDERS)
    for number, (line, bare) in enumerate(zip(lines, code), 1):
        if MARKER.search(line):
            yield Offence(path, number, "a marker must say (perf), (test) or (cleanup)")
        if ordered and "std::unordered_" in bare and ORDER_COMMENT not in line:
            yield Offence(path, number, f"an unordered container needs `{ORDER_COMMENT}`")
        if real or re.match(NOW_DEFINED, bare):
            continue
        for pattern, name in NONDETERMINISM:
            if re.search(pattern, bare):
                yield Offence(path, number, f"{name} outside the seams of base/env.h")
                break


def check_first_line(path, lines):
    """A .cc may begin with its own header instead: the sentence stands there."""
    own = f'#include "{path[:-3]}.h"' if path.endswith(".cc") else None
    if lines[0] != own and not re.match(r"// \S", lines[0]):
        yield Offence(path, 1, "the first line is a comment that says what the file is for")


def check_file(path, text):
    """All offences of one source."""
    lines = text.split("\n")
    code = code_only(text).split("\n")
    yield from check_includes(path, lines)
    yield from check_words(path, lines, code)
    yield from check_first_line(path, lines)


# -------------------------------------------------------------------------------- CMakeLists.txt


def files_named(folder, text):
    """The files a CMakeLists.txt in `folder` names, relative to the root."""
    named = set()
    for token in re.findall(r"[^\s()\"]+\.cc\b", re.sub(r"#[^\n]*", "", text)):
        from_root = re.sub(r"^\$\{(CMAKE|PROJECT)_SOURCE_DIR\}/", "", token)
        from_here = re.sub(r"^\$\{CMAKE_CURRENT_(SOURCE|LIST)_DIR\}/", "", token)
        named.add(from_root if from_root != token
                  else os.path.normpath(os.path.join(folder, from_here)))
    return named


def check_built(paths, cmake_lists):
    """`cmake_lists`: text by path. Every .cc must be named in one of them."""
    named = set()
    for path, text in cmake_lists.items():
        named |= files_named(os.path.dirname(path), text)
    for path in paths:
        if path.endswith(".cc") and path not in named:
            yield Offence(path, 1, "no CMakeLists.txt names this file")


# ---------------------------------------------------------------------------------------- marks

CASES = re.compile(r"// cases? (\d+(?:(?:, | and | to )\d+)*)")
RAFT_MARK = re.compile(r'"(raft (\d+): [^"]*)"')


def cases_of(line):
    """The numbers of the Raft cases that a test's comment names."""
    match = CASES.search(line)
    for part in re.split(r", | and ", match.group(1)) if match else []:
        first, _, last = part.partition(" to ")
        yield from range(int(first), int(last or first) + 1)


def check_marks(texts):
    """Each Raft case with a test has a mark; each excuse (tools/sim/marks.cc) is for a mark."""
    marks = [mark for path, text in texts.items() if path.startswith("raft/")
             for mark in RAFT_MARK.findall(text)]
    numbers = {int(number) for _, number in marks}
    for path, text in texts.items():
        for number, line in enumerate(text.split("\n"), 1):
            if path.startswith("tests/raft/"):
                for case in sorted(set(cases_of(line)) - numbers):
                    yield Offence(path, number, f"no mark of raft/ is of case {case}")
            if path == "tools/sim/marks.cc":
                for mark in RAFT_MARK.findall(line):
                    if mark not in marks:
                        yield Offence(path, number, f'raft/ has no mark "{mark[0]}"')


# ---------------------------------------------------------------------------------------- notes

NOT_A_FUNCTION = re.compile(
    r"\b(namespace|class|struct|union|enum)\b(?!.*\()|\bextern \"\"\s*$|=\s*$")


def functions(code):
    """(first line, lines, name) of every function defined at namespace or class level."""
    found, stack, head, head_line = [], [], "", 1
    line = 1
    for piece in re.split(r"([{};\n])", re.sub(r"(?m)^\s*#.*$", "", code)):
        if piece == "\n":
            line += 1
            head += " "
        elif piece == "{":
            outside = all(kind == "scope" for kind, _, _ in stack)
            if not outside or ("(" in head and not NOT_A_FUNCTION.search(head)):
                kind = "body"
            else:
                kind = "scope"
            stack.append((kind if outside else "inner", head_line, head))
            head = ""
        elif piece == "}":
            if stack:
                kind, begin, text = stack.pop()
                if kind == "body":
                    name = re.search(r"([\w:~]+(\([^()]*\))?)\s*\(|$", text).group().rstrip("( ")
                    if re.match(r"\s*TEST", text):
                        name = text.strip()
                    found.append((begin, line - begin + 1, name))
            head = ""
        elif piece == ";":
            head = ""
        else:
            if not head.strip():
                head_line = line
            head += piece
    return found


def notes(path, text):
    count = text.count("\n")
    if count > LONG_FILE:
        yield f"{path}: {count} lines; think about splitting it"
    for begin, length, name in functions(code_only(text)):
        if length > LONG_FUNCTION:
            yield f"{path}:{begin}: {name} has {length} lines"


# ------------------------------------------------------------------------------------------ main


def check_tree(root):
    paths = sources(root)
    texts = {path: read(root, path) for path in paths}
    cmake = {path: read(root, path)
             for path in walk(root, lambda p: os.path.basename(p) == "CMakeLists.txt")}
    offences = [o for path in paths for o in check_file(path, texts[path])]
    offences += check_built(paths, cmake)
    offences += check_marks(texts)
    return paths, offences, [n for path in paths for n in notes(path, texts[path])]


def main(arguments):
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.dirname(os.path.dirname(here))
    if "--list" in arguments:
        print("\n".join(os.path.relpath(os.path.join(root, p)) for p in sources(root)))
        return 0
    if arguments:
        root = arguments[0]
    paths, offences, remarks = check_tree(root)
    for remark in remarks:
        print(f"note: {remark}")
    for offence in sorted(offences):
        print(f"{offence.path}:{offence.line}: {offence.what}")
    print(f"tidy: {len(paths)} files, {len(offences)} offences, {len(remarks)} notes")
    return 1 if offences or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
